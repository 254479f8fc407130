"""A file on its way into the store: hashed as it comes, in memory until it is large."""

from __future__ import annotations

import hashlib
import mmap
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from gitmodelstore.plumbing import lfs, processes
from gitmodelstore.plumbing.repository import Repository, writing
from gitmodelstore.values.objects import Pointer


class _Temporary:
    """A file that goes when this object does, unless it has been `kept` until then."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kept = False
        self._process = os.getpid()

    def __del__(self) -> None:
        if not self.kept and self._process == os.getpid():  # no copy, in a process forked meanwhile
            with processes.held():
                self.path.unlink(missing_ok=True)


class Sink:
    """Takes the bytes of one file and keeps them in git or as an LFS object.

    Nothing is visible before `keep`, and nothing at all is left when the sink is
    closed without it.

    Args:
        repository: where it is to be kept.
        threshold_bytes: from which size on it is kept as an LFS object.
        most_in_memory: from which size on it waits on the disk, whatever becomes of it.

    Attributes:
        size_bytes: how much came so far.
    """

    def __init__(
        self, repository: Repository, threshold_bytes: int, *, most_in_memory: int | None = None
    ) -> None:
        self.size_bytes = 0
        self._repository = repository
        self._threshold = threshold_bytes
        self._most_in_memory = min(threshold_bytes, most_in_memory or threshold_bytes)
        self._memory = bytearray()  # 3.13 complains of a BytesIO that ends with its views
        self._file: BinaryIO | None = None
        self._temporary: _Temporary | None = None
        self._digest = hashlib.sha256()

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take the next bytes; joblib's pickler and shutil call it."""
        size = memoryview(data).nbytes
        self.size_bytes += size
        if self._file is None and self.size_bytes >= self._most_in_memory:
            self._spill()
        if self._file is None:
            self._memory += data
            return size
        self._digest.update(data)
        with writing(self._repository.common_dir):
            return self._file.write(data)

    def content(self) -> memoryview:
        """Return what came, read-only; nothing may come afterwards."""
        if self._file is None:
            return memoryview(self._memory).toreadonly()
        with writing(self._repository.common_dir):
            self._file.flush()
        return memoryview(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ))

    def keep(self) -> tuple[str, str]:
        """Store what came and return its SHA-256 and the id of the blob for the tree.

        That blob is the content itself, or the pointer to an LFS object.
        """
        if self._file is None or self._temporary is None:
            data = memoryview(self._memory)
            sha256 = hashlib.sha256(data).hexdigest()
            blob = self._repository.write_blob(data, stored=True)
            self._repository.know(blob, sha256, data.nbytes)
            return sha256, blob
        sha256 = self._digest.hexdigest()
        if not self.is_large:
            with writing(self._repository.common_dir):
                self._file.flush()
            blob = self._repository.write_file(self._temporary.path, self.size_bytes)
            self._repository.know(blob, sha256, self.size_bytes)
            return sha256, blob
        with processes.held(), writing(self._repository.common_dir):
            self._file.close()
            self._repository.keep_large_file(self._temporary.path, sha256)
            self._temporary.kept = True
        pointer = Pointer(sha256, self.size_bytes)
        return sha256, self._repository.write_blob(pointer.render())

    @property
    def is_large(self) -> bool:
        """Whether it becomes an LFS object."""
        return self.size_bytes >= self._threshold

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with suppress(OSError):  # of what a full disk did not take, and nobody wants now
                self._file.close()
        self._temporary = None

    def _spill(self) -> None:
        """Move on to a file in git-lfs's own folder: from here a rename makes it an object."""
        with processes.held(), writing(self._repository.common_dir):
            folder = lfs.temporary_folder(self._repository.common_dir, self._repository.sharing)
            self._temporary = _Temporary(folder / f"tmp{os.urandom(8).hex()}")
            descriptor = os.open(self._temporary.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            self._file = os.fdopen(descriptor, "wb", buffering=1 << 20)
            self._file.write(self._memory)
        self._digest.update(self._memory)
        self._memory = bytearray()
