"""Where a user's own files are, the cache and the configuration, and whether others write there.

What lies in them is believed, so it must come from the user: as ssh does with a user's keys,
a file counts where it and every folder above belong to the user or to root, and where nobody
else may write to any of them.
"""

from __future__ import annotations

import os
import shlex
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_NAME = "gitmodelstore"


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder for what can be found out again; None where the user has no home."""
    return _folder(environment, "XDG_CACHE_HOME", ".cache", "Library/Caches")


def config_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder for what the user has set; None where the user has no home."""
    return _folder(environment, "XDG_CONFIG_HOME", ".config", "Library/Application Support")


def _folder(environment: Mapping[str, str], variable: str, linux: str, mac: str) -> Path | None:
    """Source: the XDG Base Directory Specification; on macOS and Windows their own places."""
    given = environment.get(variable)
    if given and os.path.isabs(given):
        return Path(given) / _NAME
    if sys.platform == "win32":
        local = environment.get("LOCALAPPDATA")
        return Path(local) / _NAME if local else None
    home = environment.get("HOME")
    if not home or not os.path.isabs(home):
        return None
    return Path(home) / (mac if sys.platform == "darwin" else linux) / _NAME


def written_by_others(path: str | Path) -> str | None:
    """Return who besides the user could have put something in the place of a file, or None.

    Links are followed, and what they lead to is asked the same. What is missing is nobody's yet.
    Where the system has no such rights (Windows) nothing is said.
    """
    if not hasattr(os, "geteuid"):
        return None
    left, seen = [os.path.abspath(path)], set[str]()
    while left:
        place = left.pop()
        while place not in seen:
            seen.add(place)
            with suppress(OSError):  # it is not there, or nobody gets there
                status = os.lstat(place)
                if why := others_of(status, place):
                    return why
                if stat.S_ISLNK(status.st_mode):
                    above = os.path.dirname(place)
                    left.append(os.path.normpath(os.path.join(above, os.readlink(place))))
            place = os.path.dirname(place)
    return None


def make_private(folder: str | Path) -> None:
    """Make a folder and those above it, so that nobody else may write to what was missing.

    Raises:
        OSError: the disk does not take it.
    """
    missing = []
    place = os.path.abspath(folder)
    while not os.path.isdir(place):
        missing.append(place)
        place = os.path.dirname(place)
    for place in reversed(missing):
        with suppress(FileExistsError):
            os.mkdir(place, 0o700)


def others_of(status: os.stat_result, place: str) -> str | None:
    """Return who besides the user owns a file or a folder, or may write to it; None for nobody.

    In a folder whose "sticky" bit is set, such as /tmp, only owners rename what is theirs.
    """
    if status.st_uid not in (os.geteuid(), 0):
        return f"'{place}' belongs to another user"
    is_shared = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    if status.st_mode & 0o022 and not stat.S_ISLNK(status.st_mode) and not is_shared:
        return (
            f"others may write to '{place}': `chmod go-w {shlex.quote(place)}` takes it from them"
        )
    return None


def is_a_strangers(file: Path, folder: Path) -> str | None:
    """Return who else could have written a file that is found in or above a folder, or None.

    A mounted project may belong to somebody else altogether: then it is theirs as the folder is.
    """
    if not hasattr(os, "geteuid"):
        return None
    status = file.stat()
    if status.st_uid not in (os.geteuid(), 0, folder.stat().st_uid):
        return f"'{file}' belongs to another user"
    if status.st_mode & 0o002:
        return (
            f"others may write to '{file}': `chmod o-w {shlex.quote(str(file))}` takes it from them"
        )
    return None


def may_write_as(status: os.stat_result, around: os.stat_result) -> bool:
    """Whether a file can only come from who may write to the folder around it, or from the user.

    Args:
        status: of the file, not of what it links to.
        around: of a folder that others may share, as a group shares a repository.
    """
    if not hasattr(os, "geteuid"):
        return True
    is_shared = around.st_mode & 0o020 and status.st_gid == around.st_gid
    is_known = is_shared or status.st_uid in (os.geteuid(), 0, around.st_uid)
    is_link = stat.S_ISLNK(status.st_mode)  # whose mode says nothing
    return bool(is_known) and (is_link or not status.st_mode & ~around.st_mode & 0o022)


def trusted_variable(environment: Mapping[str, str] = os.environ) -> str:
    """Return what GITMODELSTORE_TRUSTED says: whom this user, or this service, trusts."""
    return environment.get("GITMODELSTORE_TRUSTED", "")


def named_store(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the store that GITMODELSTORE names for all that this user, or service, does."""
    return environment.get("GITMODELSTORE") or None


SCRATCH = "GMS_REPRODUCE_STORE"


def scratch_store(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the store that stands in for every other one; None outside of `gms reproduce`.

    A training script is run again to see what it makes, not to register it once more, whatever
    store it names.
    """
    given = environment.get(SCRATCH)
    return Path(given) if given else None
