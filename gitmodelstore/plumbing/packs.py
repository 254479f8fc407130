"""Packs: their indexes judged before libgit2 maps them into memory, and large files read from them.

libgit2 1.9 follows the numbers in them unchecked, so that a damaged one can crash it. Each
index ends with a checksum of itself, which is looked at once.

Of a large file libgit2 takes three times as long as inflating it does: it hashes it, by a
SHA-1 that is slow on purpose, and copies it. So one that stands whole in its pack is inflated
here; one that is a difference from another is left to libgit2.

Source of the formats: git's Documentation/gitformat-pack.
"""

from __future__ import annotations

import hashlib
import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from gitmodelstore.errors import IntegrityError
from gitmodelstore.plumbing import loose
from gitmodelstore.plumbing.mapped import Stream

_CHECKSUM_BYTES = 20
_MAGIC = b"\xfftOc\0\0\0\x02"  # of an index of version 2, which git has written since 2007
_FANOUT = struct.Struct(">256I")
_ID_BYTES = 20
_FAR = 1 << 31  # such an offset is the place of one of eight bytes
_BLOB = 3
_MOST_SIZE_BYTES = 10  # of the number in front of an object


class Packs:
    """The packs of one object database.

    Args:
        objects: a git directory's folder of that name.
    """

    def __init__(self, objects: Path) -> None:
        self._folder = objects / "pack"
        self._changed_at = 0  # when a pack came or went, as far as has been looked
        self._sound: set[tuple[str, int, int]] = set()
        self._indexes: tuple[str, ...] = ()
        self._sizes: dict[str, int] = {}  # of packs

    def check(self) -> None:
        """Look at the indexes that have come since the last time, and at each pack's size.

        libgit2 has packs mapped into memory: to read one that was cut short ends the process.

        Raises:
            IntegrityError: one is damaged.
        """
        for pack, size_bytes in self._sizes.items():
            with suppress(FileNotFoundError):  # a repack took it away
                if os.stat(pack).st_size != size_bytes:
                    raise _no_longer(pack)
        try:
            changed_at = os.stat(self._folder).st_mtime_ns
        except FileNotFoundError:
            return
        if changed_at == self._changed_at:
            return
        indexes, sizes = [], {}
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.endswith(".idx") or entry.name == "multi-pack-index":
                    self._check(entry)
                if entry.name.endswith(".idx"):
                    indexes.append(entry.path)
                    pack = f"{entry.path[:-4]}.pack"
                    with suppress(FileNotFoundError):
                        sizes[pack] = os.stat(pack).st_size
        self._indexes, self._sizes = tuple(indexes), sizes
        self._changed_at = changed_at

    def open_blob(self, oid: str, *, checked: bool) -> tuple[BinaryIO, Stream] | None:
        """Return the pack in which a blob stands whole, open, and its content as it comes.

        None where no pack here has it whole.

        Args:
            oid: of the blob.
            checked: whether it is compared with that. libgit2 does so too, so that then only
                large ones are read here.

        Raises:
            loose.Damaged: it is no zlib stream, or has another size; reading on, too.
        """
        name = bytes.fromhex(oid)
        for index in self._indexes:
            with suppress(FileNotFoundError):  # a repack took it away
                offset = _offset(index, name)
                if offset is not None:
                    return _open_blob(f"{index[:-4]}.pack", offset, oid, checked)
        return None

    def _check(self, entry: os.DirEntry[str]) -> None:
        try:
            stat = entry.stat()
            key = (entry.name, stat.st_size, stat.st_mtime_ns)
            if key in self._sound:
                return
            data = Path(entry.path).read_bytes()
        except FileNotFoundError:  # a repack took it away
            return
        digest = hashlib.sha1(data[:-_CHECKSUM_BYTES], usedforsecurity=False).digest()
        if data[-_CHECKSUM_BYTES:] != digest:
            raise IntegrityError(
                f"objects/pack/{entry.name} is damaged: it does not match its own checksum",
                path=f"objects/pack/{entry.name}",
                hint=_mend(Path(entry.path)),
            )
        if entry.name.endswith(".idx"):
            _check_end(f"{entry.path[:-4]}.pack", data[-2 * _CHECKSUM_BYTES : -_CHECKSUM_BYTES])
        self._sound.add(key)


def _check_end(pack: str, checksum: bytes) -> None:
    """Refuse a pack that does not end with the checksum that its index says."""
    with suppress(FileNotFoundError), open(pack, "rb") as file:
        size_bytes = file.seek(0, os.SEEK_END)
        file.seek(max(0, size_bytes - _CHECKSUM_BYTES))
        if file.read() != checksum:
            raise _no_longer(pack)


def _no_longer(pack: str) -> IntegrityError:
    path = f"objects/pack/{os.path.basename(pack)}"
    return IntegrityError(
        f"{path} is damaged: it is not the one that its index is of",
        path=path,
        hint="run `git fsck` to see what is damaged, and fetch from a sound clone",
    )


def _offset(index: str, name: bytes) -> int | None:
    """Return where an object stands in the pack of an index; None where it does not."""
    with open(index, "rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return None
        counts = _FANOUT.unpack(file.read(_FANOUT.size))
        start, end, total = counts[name[0] - 1] if name[0] else 0, counts[name[0]], counts[-1]
        if not start <= end <= total:
            return None
        names = len(_MAGIC) + _FANOUT.size
        file.seek(names + start * _ID_BYTES)
        place = _place(file.read((end - start) * _ID_BYTES), name)
        if place is None:
            return None
        offsets = names + total * (_ID_BYTES + 4)  # four bytes of a checksum for each
        file.seek(offsets + (start + place) * 4)
        offset = int.from_bytes(file.read(4), "big")
        if offset & _FAR:
            file.seek(offsets + total * 4 + (offset ^ _FAR) * 8)
            offset = int.from_bytes(file.read(8), "big")
        return offset


def _place(names: bytes, name: bytes) -> int | None:
    at = names.find(name)
    while at % _ID_BYTES and at >= 0:  # across the border of two
        at = names.find(name, at + 1)
    return None if at < 0 else at // _ID_BYTES


def _open_blob(pack: str, offset: int, oid: str, checked: bool) -> tuple[BinaryIO, Stream] | None:
    """Return what stands at a place of a pack; None where it is not asked for here."""
    file = open(pack, "rb", buffering=0)  # noqa: SIM115 - the caller closes it
    try:
        file.seek(offset)
        head = file.read(_MOST_SIZE_BYTES)
        used, size = 1, head[0] & 0x0F if head else 0
        while head[used - 1 : used] >= b"\x80":
            size |= (int.from_bytes(head[used : used + 1], "big") & 0x7F) << 7 * used - 3
            used += 1
        is_whole_blob = bool(head) and (head[0] >> 4) & 7 == _BLOB
        if not is_whole_blob or (checked and size <= loose.MOST_WHOLE_BYTES):
            file.close()
            return None
        file.seek(offset + used)
        stream = loose.whole(oid, size, loose.Inflated(file, oid).readinto)
        return file, loose.with_id(oid, stream) if checked else stream
    except BaseException:
        file.close()
        raise


def _mend(path: Path) -> str:
    if path.suffix != ".idx":
        return f"remove '{path}': git makes it anew"
    return f"remove '{path}', then make it anew: git index-pack '{path.with_suffix('.pack')}'"
