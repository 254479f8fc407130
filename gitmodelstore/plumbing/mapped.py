"""Large files that nobody changes, hashed once and mapped from then on.

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
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gitmodelstore.plumbing.verdicts import Verdicts

_SETTLED_NS = 2 * 10**9  # a change within one tick of a coarse clock would not show
_STEP_BYTES = 4 << 20
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
        data, digest, position = private_memory(status.st_size), hashlib.sha256(), 0
        while count := file.readinto(data[position : position + _STEP_BYTES]):
            digest.update(data[position : position + count])
            position += count
        found = digest.hexdigest()
        is_as_it_was = _key(os.fstat(file.fileno()), sha256) == key
    if remembered and key and found == sha256 and is_as_it_was and _is_settled(status):
        remembered.note(key)
    return Content(data[:position], found)


def private_memory(size_bytes: int) -> memoryview:
    """Return memory to write to; what is large comes from the system, which need not clear it."""
    if size_bytes < _STEP_BYTES or not hasattr(mmap, "MAP_PRIVATE"):
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
