"""The bytes of a pipeline in memory, as a reader of pickles wants them."""

from __future__ import annotations

import io
from typing import Any

_BUFFER_BYTES = 1 << 16


class Source(io.BufferedReader):
    """The bytes of an uncompressed file, as a reader of pickles wants them.

    Args:
        data: all of them; they are not copied as a whole.

    Attributes:
        view: the bytes.
        size_bytes: how many there are.
    """

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self.view = memoryview(data).cast("B")
        self.size_bytes = self.view.nbytes
        super().__init__(_Memory(self.view), _BUFFER_BYTES)

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
