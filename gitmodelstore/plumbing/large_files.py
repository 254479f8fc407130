"""Bytes on their way into memory, hashed beside; large files that nobody changes, mapped.

What is read is hashed while it comes, by a thread of its own: SHA-256 takes several times as
long as reading does, and needs nothing of Python meanwhile.

A file of git-lfs's folder has the SHA-256 of its content as its name, and is never
written again. Hashing it is most of what loading it costs, so its digest is remembered
by what the file system says of the file (device, inode, size, both times), in the
user's cache. That trades away noticing that a disk decays silently: `verify` hashes
again.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from gitmodelstore.plumbing.caches import Verdicts

_SETTLED_NS = 2 * 10**9  # a change within one tick of a coarse clock would not show
_STEP_BYTES = 1 << 20  # read at a time
_WHOLE_BYTES = 4 << 20  # what is smaller comes from Python's own memory
_NETWORK = ("9p", "afs", "ceph", "cifs", "fuse", "glusterfs", "lustre", "nfs", "smb")


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds.

    Attributes:
        data: private memory: read, or mapped so that writing to it does not change the file.
        sha256: of the content, in hexadecimal; None where it was not taken.
    """

    data: memoryview
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Stream:
    """Bytes that come one part after the other.

    Attributes:
        size_bytes: how many are said to come.
        readinto: fills memory with the next ones and returns how many they were, as many as
            fit or less; 0 at the end.
        held: all of them, where they are in memory already.
    """

    size_bytes: int
    readinto: Callable[[memoryview], int]
    held: memoryview | None = None

    @classmethod
    def of(cls, data: memoryview) -> Stream:
        """Return the stream of what is in memory."""
        position = 0

        def read(target: memoryview) -> int:
            nonlocal position
            part = data[position : position + len(target)]
            target[: len(part)] = part
            position += len(part)
            return len(part)

        return cls(data.nbytes, read, data)


def take(stream: Stream) -> Content:
    """Return all of a stream, in memory of its own where it is not held, with its SHA-256.

    Raises: whatever reading raises.
    """
    if stream.held is not None:
        return Content(stream.held, hashlib.sha256(stream.held).hexdigest())
    data, digest, position = private_memory(stream.size_bytes), hashlib.sha256(), 0
    hasher = _Hasher(digest, data)
    try:
        while count := stream.readinto(data[position : position + _STEP_BYTES]):
            position += count
            hasher.go_to(position)
    finally:
        hasher.end()
    return Content(data[:position], digest.hexdigest())


def parts(stream: Stream) -> Iterator[memoryview]:
    """Yield a stream part by part; each is gone when the next is asked for.

    Raises: whatever reading raises.
    """
    if stream.held is not None:
        yield stream.held
        return
    part = memoryview(bytearray(min(_STEP_BYTES, stream.size_bytes + 1)))
    while count := stream.readinto(part):
        yield part[:count]


def sha256(stream: Stream) -> str:
    """Return the SHA-256 of what comes, in hexadecimal.

    Raises: whatever reading raises.
    """
    digest = hashlib.sha256()
    for part in parts(stream):
        digest.update(part)
    return digest.hexdigest()


class _Hasher:
    """Hashes memory as far as it is filled; beside whoever fills it, where that pays."""

    def __init__(self, digest: Any, data: memoryview) -> None:
        self._digest = digest
        self._data = data
        self._position = 0
        self._filled: SimpleQueue[int | None] = SimpleQueue()
        self._thread: Thread | None = None
        if data.nbytes > _STEP_BYTES:
            thread = Thread(target=self._work, daemon=True)
            with suppress(RuntimeError):  # the system gives this process no more of them
                thread.start()
                self._thread = thread

    def go_to(self, position: int) -> None:
        if self._thread is None:
            self._hash(position)
        else:
            self._filled.put(position)

    def end(self) -> None:
        """Return when all is hashed."""
        if self._thread is not None:
            self._filled.put(None)
            self._thread.join()

    def _work(self) -> None:
        while (position := self._filled.get()) is not None:
            self._hash(position)

    def _hash(self, position: int) -> None:
        self._digest.update(self._data[self._position : position])
        self._position = position


def read(path: Path, sha256: str, remembered: Verdicts | None) -> Content:
    """Return the content of a file that is meant to have a digest.

    Args:
        path: the file.
        sha256: what its SHA-256 should be.
        remembered: where digests are noted; None to read and hash the file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        key = _key(status, sha256) if remembered and _can_be_mapped(status) else None
        if remembered and key and remembered.holds(key):
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
            return Content(memoryview(mapped), sha256)
        content = take(Stream(status.st_size, file.readinto))
        is_as_it_was = _key(os.fstat(file.fileno()), sha256) == key
    if remembered and key and content.sha256 == sha256 and is_as_it_was and _is_settled(status):
        remembered.note(key)
    return content


def private_memory(size_bytes: int) -> memoryview:
    """Return memory to write to; what is large comes from the system, which need not clear it."""
    if size_bytes < _WHOLE_BYTES or not hasattr(mmap, "MAP_PRIVATE"):
        return memoryview(bytearray(size_bytes))
    memory = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a kernel without them
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)


def _key(status: os.stat_result, sha256: str) -> str:
    facts = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return hashlib.sha256(f"digest {sha256} {facts}".encode()).hexdigest()


def _is_settled(status: os.stat_result) -> bool:
    return time.time_ns() - status.st_ctime_ns > _SETTLED_NS


def _can_be_mapped(status: os.stat_result) -> bool:
    """Whether nobody but its owner, who is the caller, could change it behind our back."""
    return (
        hasattr(os, "geteuid")
        and stat.S_ISREG(status.st_mode)
        and status.st_size > 0
        and not status.st_mode & 0o222
        and status.st_uid == os.geteuid()
        and _is_local(os.major(status.st_dev), os.minor(status.st_dev))
    )


@lru_cache
def _is_local(major: int, minor: int) -> bool:
    """Whether a device is a disk of this machine: another may cut a mapped file short.

    Source: proc_pid_mountinfo(5). Elsewhere than on Linux nobody says, so nothing is mapped.
    """
    if sys.platform != "linux":
        return False
    try:
        lines = Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return False
    for line in lines:
        fields, _, rest = line.partition(" - ")
        if fields.split()[2] == f"{major}:{minor}":
            return not rest.startswith(_NETWORK)
    return False
