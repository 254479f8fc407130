"""The index of a work tree, as far as replacing entries of plain files goes.

Owns the file's format: versions 2 and 3 without extensions that a reader must know.
Anything else is git's to read. Source: git's Documentation/gitformat-index.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gitmodelstore.plumbing import processes
from gitmodelstore.plumbing.files import UNSHARED, Sharing

_HEADER = struct.Struct(">4sLL")  # signature, version, number of entries
_STAT = struct.Struct(">10L20sH")  # ten fields of stat, the id, flags
_EXTENSION = struct.Struct(">4sL")
_CHECKSUM_BYTES = 20
_MOST_NAME = 0xFFF  # a longer name has this as its length
_VERSIONS = (2, 3)
_PLAIN_FILE = 0o100644


@dataclass(frozen=True, slots=True)
class Staged:
    """One entry.

    Attributes:
        raw: as it stands in the file, with its padding.
        oid: of the blob.
        modified_at: the file's mtime when it was staged, in whole seconds.
        is_plain: a plain file with no flag set: not in conflict, assumed unchanged,
            left out of the work tree or added without content.
    """

    raw: bytes
    oid: str
    modified_at: int
    is_plain: bool


def read(path: Path) -> dict[str, Staged] | None:
    """Return the entries by path; None where only git itself should read the file."""
    data = path.read_bytes()
    if len(data) < _HEADER.size + _CHECKSUM_BYTES:
        return None
    signature, version, count = _HEADER.unpack_from(data)
    if signature != b"DIRC" or version not in _VERSIONS or not _is_sound(data):
        return None
    entries: dict[str, Staged] = {}
    position = _HEADER.size
    for _ in range(count):
        *stat, oid, flags = _STAT.unpack_from(data, position)
        if flags & 0x4000:  # extended: sparse checkouts, git add --intent-to-add
            return None
        start = position + _STAT.size
        end = data.index(b"\0", start)
        size = _padded(end - position)
        entries[os.fsdecode(data[start:end])] = Staged(
            data[position : position + size],
            oid.hex(),
            stat[2],
            stat[6] == _PLAIN_FILE and flags == min(end - start, _MOST_NAME),
        )
        position += size
    if len(entries) != count or not _can_be_dropped(data, position):
        return None
    return entries


def staged(path: str, oid: str, stat: os.stat_result) -> Staged:
    """Return the entry of a plain file that was just written."""
    name = os.fsencode(path)
    fields = (
        *divmod(stat.st_ctime_ns, 10**9),
        *divmod(stat.st_mtime_ns, 10**9),
        stat.st_dev,
        stat.st_ino,
        _PLAIN_FILE,
        stat.st_uid,
        stat.st_gid,
        stat.st_size,
    )
    head = _STAT.pack(
        *(field & 0xFFFFFFFF for field in fields),
        bytes.fromhex(oid),
        min(len(name), _MOST_NAME),
    )
    raw = (head + name).ljust(_padded(len(head) + len(name)), b"\0")
    return Staged(raw, oid, stat.st_mtime_ns // 10**9, True)


def render(entries: Mapping[str, Staged]) -> bytes:
    """Return the bytes of an index with these entries."""
    parts = [entries[path].raw for path in sorted(entries, key=os.fsencode)]
    data = _HEADER.pack(b"DIRC", 2, len(parts)) + b"".join(parts)
    return data + hashlib.sha1(data, usedforsecurity=False).digest()


def _padded(size: int) -> int:
    """Entries end with one to eight zero bytes, at a multiple of eight."""
    return size // 8 * 8 + 8


def _is_sound(data: bytes) -> bool:
    digest = hashlib.sha1(data[:-_CHECKSUM_BYTES], usedforsecurity=False).digest()
    return data[-_CHECKSUM_BYTES:] == digest


def _can_be_dropped(data: bytes, position: int) -> bool:
    """Whether all extensions are optional: their names begin with a capital letter."""
    end = len(data) - _CHECKSUM_BYTES
    while position < end:
        name, size = _EXTENSION.unpack_from(data, position)
        if not name[:1].isupper():
            return False
        position += _EXTENSION.size + size
    return position == end


# git's lock of an index, taken so that it is known as ours: the next writer removes a dead one's.


_MARK = "index.gitmodelstore"  # another name of our index.lock, which git's has not
_ASIDE = "index.gitmodelstore-aside"  # the index on which a git of ours works


def take(git_dir: Path, *, until: float = 0.0, sharing: Sharing = UNSHARED) -> Path:
    """Lock the index as git does, and return the lock, an empty file.

    Args:
        git_dir: of the work tree.
        until: how long to wait for a git that holds it, as `time.monotonic` has it.
        sharing: who else uses the repository.

    Raises:
        FileExistsError: a process of git holds it.
        OSError: it cannot be made.
    """
    for _ in processes.tries(until):
        with suppress(FileExistsError):
            return _take(git_dir, sharing)
    return _take(git_dir, sharing)


def _take(git_dir: Path, sharing: Sharing) -> Path:
    lock, mark = git_dir / "index.lock", git_dir / _MARK
    mark.unlink(missing_ok=True)
    _create(mark, sharing)
    try:
        os.link(mark, lock)
    except FileExistsError:
        mark.unlink()
        raise
    except OSError:  # a file system without a second name for a file: then it is as git's
        mark.unlink()
        _create(lock, sharing)
    return lock


def set_aside(git_dir: Path) -> Path:
    """Give a locked index the name under which a git of ours works on it, and return that.

    It is the same file, with its times, which say what may have changed unseen; git writes
    a new one and renames it.

    Raises:
        OSError: it cannot be made.
    """
    aside, index = git_dir / _ASIDE, git_dir / "index"
    _clear_aside(git_dir)
    if index.exists():
        try:
            os.link(index, aside)
        except OSError:
            shutil.copy2(index, aside)
    return aside


def put_back(git_dir: Path) -> None:
    """Make what a git of ours has written the index.

    Raises:
        OSError: it cannot be.
    """
    with suppress(FileNotFoundError):
        os.replace(git_dir / _ASIDE, git_dir / "index")


def release(git_dir: Path) -> None:
    """Give the lock back, and remove what bears our names."""
    _clear_aside(git_dir)
    (git_dir / "index.lock").unlink(missing_ok=True)
    (git_dir / _MARK).unlink(missing_ok=True)


def remove_own(git_dir: Path) -> None:
    """Remove what a writer of ours left; the lock only where it is ours."""
    lock, mark = git_dir / "index.lock", git_dir / _MARK
    with suppress(OSError):
        _clear_aside(git_dir)
        if lock.samefile(mark):
            lock.unlink()
        mark.unlink()


def _create(path: Path, sharing: Sharing) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    sharing.adjust(path)


def _clear_aside(git_dir: Path) -> None:
    for name in (_ASIDE, f"{_ASIDE}.lock"):
        (git_dir / name).unlink(missing_ok=True)
