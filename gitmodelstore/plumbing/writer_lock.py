"""One writer at a time, and what it notes before it writes."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from gitmodelstore.errors import StoreBusy
from gitmodelstore.lean import dataclass, fields
from gitmodelstore.plumbing import processes
from gitmodelstore.plumbing.files import UNSHARED, Sharing, reading
from gitmodelstore.plumbing.repository import writing
from gitmodelstore.values.names import OWN_FOLDER


@dataclass(frozen=True, slots=True)
class HeldLock:
    """The writer lock, held."""

    # of its file: a process of git that inherits it keeps the lock until it has finished, even when
    # the writer that started it dies before
    descriptor: int
    until: float  # when to stop waiting for whatever else is in the way, as `time.monotonic` has it


@contextmanager
def exclusive(
    common_dir: Path, *, wait_seconds: float, sharing: Sharing = UNSHARED
) -> Iterator[HeldLock]:
    """Hold the store's writer lock, waiting for others; signals wait meanwhile."""
    # Network file systems do not keep it.
    until = time.monotonic() + wait_seconds
    with processes.held():
        with writing(common_dir):
            descriptor = _open(common_dir / OWN_FOLDER / "lock", sharing)
        try:
            _acquire(descriptor, until, wait_seconds)
            # Padded, not truncated first: some file systems flush a file that is cut short.
            with suppress(OSError):  # a full disk does not take the name; the lock holds without
                os.pwrite(descriptor, f"process {os.getpid()}".ljust(40).encode(), 0)
            yield HeldLock(descriptor, until)
        finally:
            _release(descriptor)


def is_held(common_dir: Path) -> bool:
    """Return whether a writer, or a git that one started, is at work at this moment."""
    with processes.held():
        try:
            with processes.guard:
                descriptor = os.open(common_dir / OWN_FOLDER / "lock", _LOOKING)
                processes.own.add(descriptor)
        except OSError:
            return False
        try:
            return not _try(descriptor)
        finally:
            _release(descriptor)


def _open(path: Path, sharing: Sharing) -> int:
    flags = os.O_RDWR | os.O_CREAT
    with processes.guard:
        try:
            descriptor = os.open(path, flags, 0o666)
        except FileNotFoundError:
            sharing.make_folder(path.parent)
            descriptor = os.open(path, flags, 0o666)
        except PermissionError:  # of another user; who may read it may lock it
            descriptor = os.open(path, _LOOKING)
        processes.own.add(descriptor)
    with suppress(OSError):  # it is another user's
        sharing.adjust(descriptor)
    return descriptor


def _release(descriptor: int) -> None:
    """Unlock and close; in a process that was forked meanwhile that has happened."""
    if descriptor in processes.own:
        processes.own.discard(descriptor)
        # Unlocked, not just closed: a copy that somebody else has open would keep the lock.
        _unlock(descriptor)
        os.close(descriptor)


def _acquire(descriptor: int, until: float, waited: float) -> None:
    for _ in processes.tries(until):
        if _try(descriptor):
            return
    holder = os.pread(descriptor, 40, 0).decode(errors="replace").strip() or "another process"
    raise StoreBusy(
        f"the store is busy: {holder} has been writing for {waited:g} seconds",
        hint="try again when it has finished",
    )


if sys.platform == "win32":
    import msvcrt

    _LOOKING = os.O_RDWR

    def _try(descriptor: int) -> bool:
        # One byte far behind the text, so that the holder's name can still be read.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        with suppress(OSError):  # it was not locked
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    _LOOKING = os.O_RDONLY  # who may only read a store may look too

    def _try(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


# What a writer is about to do, noted so that the next one can finish or undo it.

_LEAST_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Note:
    """One unfinished write."""

    old: str  # the commit on which the branch stood
    new: str  # the commit to which it was to move
    tags: Mapping[str, str]  # name to the id of the tag object that was to be set
    folders: tuple[str, ...]  # the work trees that were to follow
    # path of a folder in them, as "models/churn", whose files are somebody's work and become the
    # version as they lie; empty if there is none
    handmade: str = ""


def write(common_dir: Path, note: Note, sharing: Sharing = UNSHARED) -> None:
    """Leave a note; the caller holds the writer lock and syncs."""
    # Written over the last one in place: a new file costs a tenth of a small registration.
    _overwrite(
        common_dir, json.dumps({one.name: getattr(note, one.name) for one in fields(note)}), sharing
    )


def read(common_dir: Path) -> Note | None:
    """Return the note that a dead writer left; None without one, or with half of one."""
    path = _path(common_dir)
    try:
        with reading(f"'{path}'"), open(path, "rb", 0) as file:
            text = file.read().decode()
        if not text.strip():
            return None
        fields = json.loads(text)
        note = Note(**{**fields, "folders": tuple(fields["folders"])})
        texts = (note.old, note.new, *note.tags, *note.tags.values(), *note.folders, note.handmade)
        return note if all(isinstance(name, str) for name in texts) else None
    except (
        FileNotFoundError,
        NotADirectoryError,
        IsADirectoryError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ):
        return None


def clear(common_dir: Path) -> None:
    """Remove the note: everything that it announced has happened, or never will."""
    _overwrite(common_dir, "", UNSHARED)


def _overwrite(common_dir: Path, text: str, sharing: Sharing) -> None:
    path = _path(common_dir)
    with writing(path), _open_journal(path) as file:
        size = os.fstat(file.fileno()).st_size
        file.write(text.encode().ljust(max(size, _LEAST_BYTES)))
        if not size:
            sharing.adjust(file.fileno())


def _open_journal(path: str) -> FileIO:
    try:
        return open(path, "r+b", buffering=0)
    except PermissionError:  # another user's, who may have written before this was shared
        os.unlink(path)
    except FileNotFoundError:
        pass
    return open(path, "w+b", buffering=0)


def _path(common_dir: Path) -> str:
    return f"{common_dir}/{OWN_FOLDER}/pending.json"
