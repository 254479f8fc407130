"""What the system does not let this process read, as our error: it is no damage.

libgit2 hands on what the system said as text, so that is what is looked at.
"""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gitmodelstore.errors import CannotRead, NotAStore

_HINTS = {
    errno.EMFILE: "this process may open no more files: raise the limit with `ulimit -n`",
    errno.ENFILE: "the system may open no more files: close some, or raise its limit",
    errno.EACCES: "check who may read that file and the folders above it",
    errno.EPERM: "check who may read that file and the folders above it",
}
_TOO_MANY = (os.strerror(errno.EMFILE), os.strerror(errno.ENFILE))


def refusal(error: BaseException, what: str) -> CannotRead | None:
    """Return what to raise where the system refused to open `what`; None for any other error."""
    for code, hint in _HINTS.items():
        reason = os.strerror(code)
        if getattr(error, "errno", None) == code or str(error).endswith(reason):
            return CannotRead(f"{what} cannot be read: {reason}", hint=hint)
    return None


def limit(error: BaseException) -> str | None:
    """Return the hint of an error that says that no more files may be open; None for others."""
    found = refusal(error, "")
    return found.hint if found and str(found).endswith(_TOO_MANY) else None


def of_somebody_else(path: str | Path) -> NotAStore:
    """Return what to raise where git does not trust a repository because of its owner."""
    owned = os.path.realpath(path)
    return NotAStore(
        f"'{owned}' belongs to another user",
        hint=f"if you trust it: git config --global --add safe.directory {shlex.quote(owned)}",
    )


def text_of(path: Path) -> str | None:
    """Return what a file of the user's says; None where there is none that may be read.

    Raises:
        CannotRead: too many files are open.
        UnicodeDecodeError: it is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except OSError as error:
        raise refusal(error, f"'{path}'") or error from None


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn the system's refusal to open `what` into our error.

    Raises:
        CannotRead: it refused.
    """
    try:
        yield
    except OSError as error:
        raise refusal(error, what) or error from None
