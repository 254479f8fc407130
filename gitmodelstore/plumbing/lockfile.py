"""Where the lock file of a repository is, and how it is written."""

from __future__ import annotations

from pathlib import Path

from gitmodelstore.errors import CannotWrite, LockError
from gitmodelstore.plumbing import disk
from gitmodelstore.values.lock import FILE, MOST_BYTES, Lock, LockedModel

SYNCED = ".models"  # beside the lock file: the folder of what is locked, as plain files


def find(folder: Path) -> Path | None:
    """Return the nearest lock file of a folder and those above it; None without one.

    The search ends at the top of the repository that the folder lies in: what lies further
    up is somebody else's.
    """
    for above in (folder.absolute(), *folder.absolute().parents):
        if (above / FILE).is_file():
            return above / FILE
        if (above / ".git").exists():
            return None
    return None


def read(path: Path) -> Lock:
    """Return what a lock file says.

    Raises:
        LockError: it cannot be read.
        FormatError: it does not follow its format.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise LockError(
            f"'{path}' cannot be read: {(error.strerror or str(error)).lower()}",
            hint="write one with `gms lock REF`",
        ) from None
    return Lock.parse(data, str(path))


def write(path: Path, lock: Lock) -> bool:
    """Write a lock file in one step; return False where it says the same already.

    Raises:
        CannotWrite: the disk does not take it.
    """
    data = lock.render()
    try:
        if path.is_file() and path.read_bytes() == data:
            return False
        disk.put(path, (data,))
    except OSError as error:
        raise CannotWrite(
            f"cannot write '{path}': {(error.strerror or str(error)).lower()}",
            hint="check the free space and the permissions of that folder",
        ) from None
    return True


def folder_of(parent: Path, model: str, locked: LockedModel) -> Path:
    """Return where in a folder of locked versions one of them lies."""
    return parent / f"{model}-{locked.version}"
