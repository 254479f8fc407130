"""The bytes of a pipeline, read from memory, and decompressed within bounds."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import Any

from gitmodelstore.errors import LoadError

# More than honest pipelines compress to; a bomb reaches a thousand times and more.
_MOST_RATIO = 100
_SMALL_BYTES = 64 << 20
_STEP_BYTES = 1 << 20

_BUFFER_BYTES = 1 << 16

_COPY_AGAIN = "copy the file again, or write it again with `joblib.dump`"
_WRITE_PLAIN = "write it again without compression: `joblib.dump(pipeline, file)`"


# First bytes of what joblib's compressors write (joblib.compressor), and who reads them.
_READERS: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(wbits=31),
    b"BZ": bz2.BZ2Decompressor,
    b"\x5d\x00": lambda: lzma.LZMADecompressor(format=lzma.FORMAT_ALONE),
    b"\xfd7zXZ": lzma.LZMADecompressor,
}
_LZ4 = b"\x04\x22\x4d\x18"


def is_compressed(data: bytes | bytearray | memoryview) -> bool:
    """Whether `data` is compressed; git then finds nothing that two versions share."""
    start = bytes(data[:8])
    return start.startswith((*_READERS, _LZ4)) or _is_zlib(start)


def _is_zlib(start: bytes) -> bool:
    """Whether it begins as zlib does (RFC 1950, section 2.2), which a text can by its "x" alone."""
    return start[:1] == b"\x78" and int.from_bytes(start[:2], "big") % 31 == 0


class Source(io.BufferedReader):
    """The bytes of an uncompressed file, as a reader of pickles wants them.

    Args:
        data: all of them; they are not copied as a whole.

    Attributes:
        size_bytes: how many there are.
    """

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        held = memoryview(data).cast("B")
        self.size_bytes = held.nbytes
        super().__init__(_Memory(held), _BUFFER_BYTES)

    def left_bytes(self) -> int:
        """Return how many bytes are still to be read."""
        return self.size_bytes - self.tell()

    def take(self, size_bytes: int) -> bytes:
        """Return exactly so many bytes.

        Raises:
            EOFError: there are not so many; no memory was taken.
        """
        if size_bytes > _BUFFER_BYTES and size_bytes > self.left_bytes():
            raise EOFError
        taken = self.read(size_bytes)
        if len(taken) < size_bytes:
            raise EOFError
        return taken

    def fill(self, target: memoryview) -> None:
        """Fill writable memory with the next bytes.

        Raises:
            EOFError: there are not so many.
        """
        if self.readinto(target) < target.nbytes:
            raise EOFError


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


def decompressed(data: bytes | bytearray | memoryview, name: str) -> bytearray:
    """Return what a compressed file holds.

    Args:
        data: the whole file; `is_compressed`.
        name: what to call it in errors.

    Raises:
        LoadError: it is damaged or cut off, or holds unreasonably much.
    """
    start = bytes(data[:8])
    if start.startswith(_LZ4):
        return _from_lz4(bytes(data), name)
    make = next(
        (make for mark, make in _READERS.items() if start.startswith(mark)), zlib.decompressobj
    )
    most = _MOST_RATIO * len(data) + _SMALL_BYTES
    content = bytearray()
    reader, rest = make(), bytes(data)
    try:
        while not reader.eof:
            part = reader.decompress(rest, _STEP_BYTES)
            rest = getattr(reader, "unconsumed_tail", b"")
            content += part
            if len(content) > most:
                raise LoadError(
                    f"'{name}' is refused: it holds more than {_MOST_RATIO} times its size",
                    hint=_WRITE_PLAIN,
                )
            if not part and not rest and (reader.eof or _is_hungry(reader)):
                break
    except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
        raise LoadError(
            f"'{name}' is damaged: it cannot be decompressed", hint=_COPY_AGAIN
        ) from error
    if not reader.eof:
        raise LoadError(f"'{name}' ends too early: it was cut off", hint=_COPY_AGAIN)
    if reader.unused_data:
        raise LoadError(
            f"'{name}' is refused: something follows its compressed content", hint=_COPY_AGAIN
        )
    return content


def _is_hungry(reader: Any) -> bool:
    return bool(getattr(reader, "needs_input", True))


def _from_lz4(data: bytes, name: str) -> bytearray:
    try:
        from lz4.frame import LZ4FrameDecompressor
    except ImportError as error:
        raise LoadError(f"'{name}' is compressed with lz4", hint="run `pip install lz4`") from error
    most = _MOST_RATIO * len(data) + _SMALL_BYTES
    try:
        content = bytearray(LZ4FrameDecompressor().decompress(data, max_length=most))
    except (RuntimeError, EOFError) as error:
        raise LoadError(
            f"'{name}' is damaged: it cannot be decompressed", hint=_COPY_AGAIN
        ) from error
    return content
