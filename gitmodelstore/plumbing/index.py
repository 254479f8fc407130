"""The index of a work tree, as far as replacing entries of plain files goes.

Owns the file's format: versions 2 and 3 without extensions that a reader must know.
Anything else is git's to read. Source: git's Documentation/gitformat-index.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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
        *(stat.st_dev, stat.st_ino, _PLAIN_FILE, stat.st_uid, stat.st_gid, stat.st_size),
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
