"""The uncommitted changes that a version keeps, so that what it was trained on can be rebuilt."""

from __future__ import annotations

from gitmodelstore.checks.folder import MOST_BYTES
from gitmodelstore.errors import InvalidInput
from gitmodelstore.lineage.code import Look
from gitmodelstore.operations.writer import Writer
from gitmodelstore.values.layout import CODE_DIFF


def kept_patch(look: Look | None, writer: Writer) -> bytes | None:
    """Return what `code.diff` is to hold; None where there is nothing to keep, and say so.

    Args:
        look: at the training repository; None where none is recorded.
        writer: is told why nothing is kept.

    Raises:
        InvalidInput: the changes are more than a version may keep.
        GitFailed: as in `lineage.code.capture`.
    """
    code = look.result() if look else None
    if look is None or code is None:
        writer.notify(f"no {CODE_DIFF} is kept: there is no training repository")
        return None
    if look.patch is None:
        writer.notify(f"no {CODE_DIFF} is kept: nothing is uncommitted")
        return None
    most = MOST_BYTES[CODE_DIFF]
    if len(look.patch) > most:
        raise InvalidInput(
            f"the uncommitted changes are {len(look.patch):,} bytes, "
            f"more than the {most:,} that {CODE_DIFF} may have",
            hint="commit them, or register without keep_diff (--keep-diff)",
        )
    return look.patch
