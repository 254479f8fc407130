"""Which of joblib's compressors (joblib/compressor.py) wrote a file, and what it holds."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from gitmodelstore.errors import BrokenPipelineFile

MOST_BYTES = 1 << 30  # of what comes out
MOST_RATIO = 64  # of what comes out to what goes in, beyond what is always allowed
ALWAYS_BYTES = 1 << 26
_PART = 1 << 20
_GIVEN = 1 << 16  # at a time: zlib copies what it did not take
_MOST_LZMA_MEMORY = 256 << 20  # level 9 needs 65 MiB

_BEGINNINGS = {
    b"\x1f\x8b": "gzip",
    b"BZ": "bz2",
    b"\xfd7zXZ": "xz",
    b"\x5d\x00": "lzma",
    b"\x04\x22\x4d\x18": "lz4",
}


def compressor_of(data: bytes) -> str | None:
    """Return the name of the compressor that wrote `data`; None if none did.

    >>> compressor_of(zlib.compress(b"")), compressor_of(b"xylophone")
    ('zlib', None)
    """
    for beginning, name in _BEGINNINGS.items():
        if data.startswith(beginning):
            return name
    # RFC 1950, section 2.2: a text can begin with the "x" alone.
    is_zlib = data[:1] == b"\x78" and int.from_bytes(data[:2], "big") % 31 == 0
    return "zlib" if is_zlib else None


def decompress(
    data: bytes | memoryview,
    compressor: str,
    keep: Callable[[bytes], object],
    *,
    name: str,
    most_bytes: int = MOST_BYTES,
) -> int:
    """Hand `keep` what `data` holds, part by part; return how many bytes follow its end.

    Raises:
        BrokenPipelineFile: it is damaged, cut off or larger than `most_bytes`, or lz4 wrote it.
    """
    if compressor == "lz4":
        raise BrokenPipelineFile(name, "lz4 cannot be decompressed here", offset=0)
    stream, failures = _reader(compressor)
    most_bytes = min(most_bytes, ALWAYS_BYTES + MOST_RATIO * len(data))
    total = taken = 0
    try:
        while not stream.eof and taken < len(data):
            given = data[taken : taken + _GIVEN]
            taken += len(given)
            for part in _parts(stream, given):
                keep(part)
                total += len(part)
                if total > most_bytes:
                    reason = f"decompressed it has more than {most_bytes:,} bytes"
                    raise BrokenPipelineFile(name, reason, offset=most_bytes)
    except failures as error:
        raise BrokenPipelineFile(name, "it cannot be decompressed", offset=total) from error
    if not stream.eof:
        raise BrokenPipelineFile(name, "its compressed bytes end too early", offset=total)
    return len(data) - taken + len(stream.unused_data)


def _reader(compressor: str) -> tuple[Any, tuple[type[Exception], ...]]:
    """Return what decompresses, and what it raises on damage."""
    if compressor in ("zlib", "gzip"):
        return zlib.decompressobj(wbits=47), (zlib.error,)  # 15, plus 32 for either header
    if compressor == "bz2":
        import bz2

        return bz2.BZ2Decompressor(), (OSError, ValueError)
    import lzma

    return lzma.LZMADecompressor(memlimit=_MOST_LZMA_MEMORY), (lzma.LZMAError,)


def _parts(stream: Any, given: bytes | memoryview) -> Iterator[bytes]:
    while not stream.eof:
        part = stream.decompress(given, _PART)
        if part:
            yield part
        # zlib hands back what it did not take; the others keep it.
        given = getattr(stream, "unconsumed_tail", b"")
        if not given and getattr(stream, "needs_input", not part):
            return


# The bytes of a pipeline in memory, as a reader of pickles wants them.


_BUFFER_BYTES = 1 << 16


class Source(io.BufferedReader):
    """The bytes of an uncompressed file, as a reader of pickles wants them; they are not copied."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self.view = memoryview(data).cast("B")
        self.size_bytes = self.view.nbytes
        super().__init__(_Memory(self.view), _BUFFER_BYTES)

    def left_bytes(self) -> int:
        return self.size_bytes - self.tell()

    def take(self, size_bytes: int) -> bytes:
        """Return exactly so many bytes; EOFError, before memory is taken, where there are fewer."""
        if size_bytes > _BUFFER_BYTES and size_bytes > self.left_bytes():
            raise EOFError
        taken = self.read(size_bytes)
        if len(taken) < size_bytes:
            raise EOFError
        return taken


class _Memory(io.RawIOBase):
    """Memory, read as a raw file."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        part = self._data[self._position : self._position + len(target)]
        target[: part.nbytes] = part
        self._position += part.nbytes
        return part.nbytes

    def tell(self) -> int:
        return self._position

    def seekable(self) -> bool:
        return True

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._data.nbytes}
        self._position = base[whence] + position
        return self._position
