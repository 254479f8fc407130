"""Files and folders by their bytes: read once, in pieces, and caught changing.

Owns `gms-tree-1`, the digest of a folder. What is remembered of files is `plumbing.caches`'.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gitmodelstore.errors import InvalidInput
from gitmodelstore.lineage import visible
from gitmodelstore.plumbing.caches import Memo, identity
from gitmodelstore.values.fields import Digest
from gitmodelstore.values.names import did_you_mean

TREE_ALGORITHM = "gms-tree-1"

# Called with what is being read, how many bytes of it were, and how many it has.
Progress = Callable[[str, int, int], None]

_STEP_BYTES = 1 << 20
# Linux dates changes by a clock that ticks every 1 to 10 ms: of two within a tick one shows.
_TICK_NS = 20 * 10**6
_WORTH_REMEMBERING = 1 << 20  # bytes: a smaller file is hashed as soon as it is looked up


@dataclass(frozen=True, slots=True)
class Hashing:
    """How files are hashed.

    `progress` is told how far it is, at every file and every mebibyte, and last when all was read.
    """

    cache: Path | None = None  # the user's, where digests are remembered; None to read every file
    progress: Progress | None = None  # None for nobody


PLAIN = Hashing()


def digest_of_file(
    path: Path, how: Hashing = PLAIN, algorithm: str = "sha256"
) -> tuple[Digest, int]:
    """Return digest and size in bytes of a file or of what a link leads to.

    Raises:
        InvalidInput: it cannot be read, is not a file, or changes while it is read.
    """
    total = status(path).st_size
    if total < _WORTH_REMEMBERING:
        how = replace(how, cache=None)
    with _Reading(path, how, algorithm) as reading:
        reading.total = total
        digest, size_bytes = reading.digest(path, b"")
    return Digest(algorithm, digest), size_bytes


def digest_of_folder(folder: Path, how: Hashing = PLAIN) -> tuple[Digest, int]:
    """Return the digest of all files under `folder`, and their size in bytes.

    "gms-tree-1" is the SHA-256 over the line `gms-tree-1`, then for each file, in
    the order of the bytes of its path, a line of the SHA-256 of its content in
    hexadecimal, two spaces, and its path relative to the folder, with `/`, in UTF-8,
    ended by NUL instead of a newline. Links to files count as the files; folders
    without files do not count; modes and times do not either.

    Raises:
        InvalidInput: a file cannot be read, is a link to a folder (which may lead in
            circles), or changes while it is read; files come or go meanwhile.
    """
    total, size_bytes = hashlib.sha256(f"{TREE_ALGORITHM}\n".encode("ascii")), 0
    for name, digest, size in digests_in_folder(folder, how):
        total.update(digest.encode("ascii") + b"  " + name + b"\0")
        size_bytes += size
    return Digest(TREE_ALGORITHM, total.hexdigest()), size_bytes


def digests_in_folder(
    folder: Path, how: Hashing = PLAIN, algorithm: str = "sha256"
) -> list[tuple[bytes, str, int]]:
    """Return path, digest in hexadecimal and size of each file, in the order of the paths."""
    with _Reading(folder, how, algorithm) as reading:
        before = sorted(_files(folder))
        if how.progress:
            reading.total = sum(_size_of(folder / _path(name)) for name in before)
        files = [(name, *reading.digest(folder / _path(name), name)) for name in before]
        if before != sorted(_files(folder)):
            raise _changed(folder)
        reading.look_again()
    return files


def read_whole(path: Path, how: Hashing = PLAIN) -> tuple[bytes, Digest]:
    """Return the bytes of a file that is small, and their SHA-256; raises as `digest_of_file`."""
    chunks: list[bytes] = []
    with _Reading(path, replace(how, cache=None), "sha256") as reading:
        reading.total = status(path).st_size
        digest, _ = reading.digest(path, b"", chunks.append)
    return b"".join(chunks), Digest("sha256", digest)


def status(path: Path) -> os.stat_result:
    """Return what the system says of a file; InvalidInput where it says nothing."""
    try:
        return path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None


def is_folder(path: Path) -> bool:
    """Whether a path leads to a folder; InvalidInput where it leads nowhere or cannot be seen."""
    return stat.S_ISDIR(status(path).st_mode)


def refuse_changed(path: Path, before: os.stat_result) -> None:
    """Refuse a file that is not what it was."""
    try:
        same = identity(path.stat()) == identity(before)
    except OSError:
        same = False
    if not same:
        raise _changed(path)


class _Reading:
    """Files of one data set, read one after the other.

    What was found is remembered even if the last of them cannot be read.
    """

    def __init__(self, root: Path, how: Hashing, algorithm: str) -> None:
        self.total = 0  # bytes to read, for whoever is told
        self._root = root
        self._name = visible(str(root))
        self._how = how
        self._algorithm = algorithm
        self._done = 0
        self._memo = Memo(how.cache, root) if how.cache else None
        self._buffer = memoryview(bytearray(_STEP_BYTES))
        self._seen: list[tuple[Path, os.stat_result]] = []

    def __enter__(self) -> _Reading:
        return self

    def __exit__(self, error: object, *_: object) -> None:
        if self._memo:
            self._memo.save(whole=error is None)

    def digest(
        self, path: Path, name: bytes, keep: Callable[[bytes], Any] | None = None
    ) -> tuple[str, int]:
        """Return the digest of one file in hexadecimal, and its size in bytes."""
        began_ns, noted = time.time_ns(), self._algorithm.encode("ascii") + b" " + name
        try:
            if not path.is_file():  # to open a pipe would wait for whoever writes into it
                if path != self._root and not os.path.lexists(path):
                    raise _changed(self._root)  # it was there when the folder was listed
                raise InvalidInput(f"'{visible(str(path))}' is neither a file nor a folder")
            with path.open("rb", buffering=0) as file:
                before = os.fstat(file.fileno())
                self._seen.append((path, before))
                remembered = self._memo.digest(noted, before) if self._memo else None
                if remembered:
                    self._step(before.st_size)
                    return remembered, before.st_size
                _wait_a_tick(before)
                digest, size_bytes = self._read(file, before.st_size, keep)
        except OSError as error:
            raise _unreadable(path, error) from None
        refuse_changed(path, before)
        if size_bytes != before.st_size:
            raise _changed(path)
        if self._memo:
            self._memo.note(noted, before, digest, began_ns)
        return digest, size_bytes

    def look_again(self) -> None:
        """Refuse a folder of which a file has changed while later ones were read."""
        for path, before in self._seen:
            refuse_changed(path, before)

    def _read(
        self, file: Any, expected_bytes: int, keep: Callable[[bytes], Any] | None
    ) -> tuple[str, int]:
        """Read to the end, or beyond where it should be: a file that grows may have none."""
        digest = hashlib.new(self._algorithm, usedforsecurity=False)
        size_bytes = 0
        while size_bytes <= expected_bytes and (count := file.readinto(self._buffer)):
            digest.update(self._buffer[:count])
            if keep:
                keep(bytes(self._buffer[:count]))
            size_bytes += count
            self._step(count)
        if not size_bytes:
            self._step(0)
        return digest.hexdigest(), size_bytes

    def _step(self, count: int) -> None:
        self._done += count
        if self._how.progress:
            self._how.progress(self._name, self._done, max(self._done, self.total))


def _wait_a_tick(status: os.stat_result) -> None:
    """Let the clock of the file system go on, so that whatever is written from now on shows."""
    age_ns = time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns)
    if 0 <= age_ns < _TICK_NS:
        time.sleep((_TICK_NS - age_ns) / 1e9)


def _size_of(path: Path) -> int:
    """Bytes to read, as far as is known before; why there are none shows when it is read."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _files(folder: Path) -> Iterator[bytes]:
    """Yield the path of each file under `folder`, relative to it, with `/`, in UTF-8."""
    try:
        for parent, folders, files in os.walk(folder, onerror=_raise):
            here = Path(parent)
            for name in folders:
                if (here / name).is_symlink():
                    raise InvalidInput(
                        f"'{visible(str(here / name))}' is a link to a folder",
                        hint="give the folder itself, or a copy of it",
                    )
            within = here.relative_to(folder).as_posix()
            prefix = "" if within == "." else f"{within}/"
            yield from (f"{prefix}{name}".encode("utf-8", "surrogateescape") for name in files)
    except OSError as error:
        raise _unreadable(folder, error) from None


def _path(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _raise(error: OSError) -> None:
    raise error


def _unreadable(path: Path, error: OSError) -> InvalidInput:
    shown = visible(str(path))
    if isinstance(error, FileNotFoundError):
        hint = _near(path) or "check the path; it is relative to the working directory"
        return InvalidInput(f"no file or folder '{shown}'", hint=hint)
    within = isinstance(error.filename, str) and Path(error.filename) != path
    where = f" at '{visible(error.filename)}'" if within else ""
    return InvalidInput(f"cannot read '{shown}'{where}: {(error.strerror or str(error)).lower()}")


def _changed(path: Path) -> InvalidInput:
    return InvalidInput(
        f"'{visible(str(path))}' changed while it was read",
        hint="try again when nothing is writing to it",
    )


def _near(path: Path) -> str | None:
    try:
        return did_you_mean(path.name, sorted(os.listdir(path.parent)))
    except OSError:  # no folder, so no neighbours
        return None
