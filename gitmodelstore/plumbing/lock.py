"""One writer at a time: a lock that the kernel takes back when its holder dies."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gitmodelstore.errors import StoreBusy
from gitmodelstore.plumbing.repository import writing

OWN_FOLDER = "gitmodelstore"  # in the git directory; nothing in it is a source of truth


@contextmanager
def exclusive(common_dir: Path, *, wait_seconds: float) -> Iterator[int]:
    """Hold the store's writer lock.

    Yields its file descriptor: a process of git that inherits it keeps the lock until
    it has finished, even when the writer that started it dies before.

    Args:
        common_dir: the repository's git directory, on a local file system: network
            file systems do not keep this lock.
        wait_seconds: how long to wait for another writer.

    Raises:
        StoreBusy: another process held it all that time; the message names it.
    """
    with writing(common_dir):
        folder = common_dir / OWN_FOLDER
        folder.mkdir(exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _acquire(descriptor, time.monotonic() + wait_seconds, wait_seconds)
        # Padded, not truncated first: some file systems flush a file that is cut short.
        with suppress(OSError):  # a full disk does not take the name; the lock holds without
            os.pwrite(descriptor, f"process {os.getpid()}".ljust(40).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)  # which releases it


def is_held(common_dir: Path) -> bool:
    """Whether a living process is writing into the store; nothing is written to find out."""
    try:
        descriptor = os.open(common_dir / OWN_FOLDER / "lock", os.O_RDWR)
    except OSError:  # there is none yet, or it is somebody else's to write
        return False
    try:
        return not _try(descriptor)
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, deadline: float, waited: float) -> None:
    pause = 0.001
    while not _try(descriptor):
        if time.monotonic() >= deadline:
            holder = (
                os.pread(descriptor, 40, 0).decode(errors="replace").strip() or "another process"
            )
            raise StoreBusy(
                f"the store is busy: {holder} has been writing for {waited:g} seconds",
                hint="try again when it has finished",
            )
        time.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - jitter, no secret
        pause = min(pause * 2, 0.05)


if sys.platform == "win32":
    import msvcrt

    def _try(descriptor: int) -> bool:
        # One byte far behind the text, so that the holder's name can still be read.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
