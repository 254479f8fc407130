"""Making what was written durable, chosen by platform; putting a file in place in one step.

libgit2 syncs nothing unless a switch that holds for the whole process is turned,
which is the calling program's to turn, not ours.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from gitmodelstore.errors import AlreadyExists
from gitmodelstore.plumbing import interrupts
from gitmodelstore.plumbing.shared import UNSHARED, Sharing

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def check_absent(path: Path, hint: str) -> None:
    """Refuse a place where a file is, or a folder that holds something.

    Args:
        path: where something new is to be.
        hint: what to type instead.

    Raises:
        AlreadyExists: one is there.
    """
    if path.is_dir() and any(path.iterdir()):
        raise AlreadyExists(f"'{path}' already exists and is not empty", hint=hint)
    if os.path.lexists(path) and not path.is_dir():
        raise AlreadyExists(f"'{path}' already exists", hint=hint)


def sync(folder: Path) -> None:
    """Return when everything written below `folder` so far is on its disk.

    On Linux one syncfs for the file system; elsewhere the system's sync of all of
    them. Windows has neither, so that there only the branch itself is flushed.

    Raises:
        OSError: the disk did not take all of it.
    """
    syncfs = _syncfs()
    if syncfs is None:
        if hasattr(os, "sync"):
            os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            _fall_back()
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Return when the names in a folder, such as that of a file just renamed, are on disk."""
    if os.name != "nt":  # Windows opens no folders, and keeps names by itself
        _fsync(folder)


def put(
    path: Path,
    parts: Iterable[bytes | memoryview],
    *,
    mode: int = 0o666,
    sharing: Sharing = UNSHARED,
) -> None:
    """Write a file, or another in its place, in one step; where that fails nothing is left.

    A process that is killed meanwhile leaves a file of that name and a suffix. Who may read
    it is said by `mode`, less what the user's umask takes from it, and by `sharing`.

    Raises:
        OSError: the disk does not take it.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    with interrupts.held():
        try:
            with open(os.open(partial, _NEW_FILE, mode), "wb") as file:
                sharing.adjust(file.fileno())
                file.writelines(parts)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fall_back() -> None:
    """Sync everything where syncfs is not to be had; pass on that a disk failed."""
    import ctypes

    number = ctypes.get_errno()
    if number in (errno.EIO, errno.ENOSPC, errno.EDQUOT):
        raise OSError(number, os.strerror(number))
    os.sync()


@lru_cache(maxsize=1)
def _syncfs() -> Any | None:
    """Return the C library's syncfs, None where there is none (Python does not offer it)."""
    if sys.platform != "linux":
        return None
    import ctypes

    return getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
