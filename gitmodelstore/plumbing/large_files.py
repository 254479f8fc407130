"""Bytes on their way into memory, hashed beside; large files that nobody changes, mapped.

What is read is hashed while it comes, by a thread of its own: SHA-256 takes several times as
long as reading does, and needs nothing of Python meanwhile.

A file of git-lfs's folder has the SHA-256 of its content as its name, and is never
written again. Hashing it is most of what loading it costs, so its digest is remembered
by what the file system says of the file (device, inode, size, both times), in the
user's cache. That trades away noticing that a disk decays silently: `verify` hashes
again. The same goes for the file of one large git object.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from gitmodelstore import lean
from gitmodelstore.errors import MissingObject
from gitmodelstore.lean import TYPE_CHECKING, Any, BinaryIO, cached_property, dataclass, pattern
from gitmodelstore.plumbing import files, processes
from gitmodelstore.plumbing.files import (
    UNSHARED,
    Sharing,
    make_private,
    others_of,
    reading,
    written_by_others,
)
from gitmodelstore.values.names import large_file_path
from gitmodelstore.values.objects import Pointer

if TYPE_CHECKING:
    from threading import Thread

# Digests of files, remembered by what the file system says of them, in the user's cache.


_FOLDER = "data"
_MOST_BYTES = 64 << 20  # of all data sets together: half a million files
_LINE = pattern(rb"([0-9a-f]{32}) ([0-9a-f]{32,64})\n")
# As git's "racy" index entries: a second change within one tick of the clock by which the file
# system dates files would not show. FAT's is the coarsest.
SETTLED_NS = 2 * 10**9


class Memo:
    """What is remembered of the files of one data set."""

    def __init__(self, cache: Path, root: Path) -> None:
        self._root = os.fsencode(os.path.abspath(root))
        self._path = cache / _FOLDER / lean.sha256(self._root).hexdigest()[:32]
        self._is_ours = written_by_others(self._path) is None
        self._held = _read(self._path) if self._is_ours else {}
        self._kept: dict[bytes, bytes] = {}

    def digest(self, name: bytes, status: os.stat_result) -> str | None:
        """Return what a file had as its digest when it was last read; None if it is not known."""
        key = self._key(name, status)
        digest = self._held.get(key)
        if digest is None:
            return None
        self._kept[key] = digest
        return digest.decode("ascii")

    def note(self, name: bytes, status: os.stat_result, digest: str, began_ns: int) -> None:
        """Remember a digest, unless the file was changed too lately to tell the next change."""
        if began_ns - max(status.st_mtime_ns, status.st_ctime_ns) > SETTLED_NS:
            self._kept[self._key(name, status)] = digest.encode("ascii")

    def save(self, *, whole: bool) -> None:
        """Write what was asked for and noted, if that is possible.

        `whole`: whether every file was seen, so that what was not is no longer there.
        """
        wanted = self._kept if whole else {**self._held, **self._kept}
        if wanted == self._held or not self._is_ours:
            return
        lines = b"".join(b"%s %s\n" % pair for pair in sorted(wanted.items()))
        with suppress(OSError):
            make_private(self._path.parent)
            digest = lean.sha256(lines).hexdigest().encode("ascii")
            files.put(self._path, (digest, b"\n", lines), mode=0o600)
            _tidy(self._path.parent)

    def _key(self, name: bytes, status: os.stat_result) -> bytes:
        facts = repr(identity(status)).encode("ascii")
        text = b"%s\0%s\0%s" % (self._root, name, facts)
        return lean.sha256(text).hexdigest()[:32].encode("ascii")


def identity(status: os.stat_result) -> tuple[int, ...]:
    """What changes with the content of a file; the last even where its time is set back."""
    times = status.st_mtime_ns, status.st_ctime_ns
    return status.st_dev, status.st_ino, status.st_size, *times


def _read(path: Path) -> dict[bytes, bytes]:
    """Return what a file of the cache holds; nothing where it is not what was written."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError:
        return {}
    claimed, _, lines = data.partition(b"\n")
    if lean.sha256(lines).hexdigest().encode("ascii") != claimed:
        return {}
    return dict(_LINE.findall(lines))


def _tidy(folder: Path) -> None:
    """Remove what was written longest ago while there is too much; and what a crash has left."""
    data_sets = []
    with os.scandir(folder) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            data_sets.append((status.st_mtime_ns, status.st_size, entry.path))
            if "." in entry.name and time.time() - status.st_mtime > 3600:
                os.unlink(entry.path)
    total = sum(size for _, size, _ in data_sets)
    for _, size, path in sorted(data_sets):
        if total <= _MOST_BYTES:
            break
        os.unlink(path)
        total -= size


# What was found harmless before on this machine, kept in the user's cache.

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_MOST_VERDICT_BYTES = 4 << 20  # sixty thousand; then it begins anew


class Verdicts:
    """Keys that were noted in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._path = os.path.join(folder, "verdicts")
        self._noted: set[str] = set()  # by this object
        self._lines = b""  # of the file
        self._answers: dict[str, bool] = {}  # from these lines
        self._seen: tuple[int, int] | None = None  # which file that was, and how long

    @cached_property
    def doubt(self) -> str | None:
        """Why nothing in the folder is believed, and nothing noted; None if all is well."""
        return written_by_others(self._path)

    def holds(self, key: str) -> bool:
        """Return whether a key was noted, by this process or any other."""
        if key in self._noted:
            return True
        if self.doubt:
            return False
        with processes.held(), suppress(OSError):  # else Ctrl-C may leave a descriptor open
            status = os.lstat(self._path)
            if others_of(status, self._path):
                return False
            if (status.st_ino, status.st_size) != self._seen:
                with open(os.open(self._path, os.O_RDONLY | _NO_LINK), "rb") as file:
                    self._lines = b"\n%s\n" % file.read(2 * _MOST_VERDICT_BYTES)
                self._answers.clear()
                self._seen = (status.st_ino, status.st_size)
            if key not in self._answers:
                self._answers[key] = b"\n%s\n" % key.encode() in self._lines
            return self._answers[key]
        return False

    def note(self, key: str) -> None:
        """Note a key, if that is possible."""
        if self.doubt:
            return
        with processes.held(), suppress(OSError):
            try:
                descriptor = self._open()
            except FileNotFoundError:
                make_private(self._folder)
                descriptor = self._open()
            try:
                if os.fstat(descriptor).st_size > _MOST_VERDICT_BYTES:
                    os.unlink(self._path)
                # A line that a full disk cut short ends where the next begins.
                written = os.write(descriptor, f"\n{key}\n".encode())
                self._noted.add(key)
                after = os.fstat(descriptor)
                if self._seen == (after.st_ino, after.st_size - written):  # nobody else wrote
                    self._seen = (after.st_ino, after.st_size)
            finally:
                os.close(descriptor)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _NO_LINK, 0o600)


# Large files

_STEP_BYTES = 1 << 20  # read at a time
_WHOLE_BYTES = 4 << 20  # what is smaller comes from Python's own memory
_NETWORK = ("9p", "afs", "ceph", "cifs", "fuse", "glusterfs", "lustre", "nfs", "smb")


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds."""

    # private memory: read, or mapped so that writing to it does not change the file
    data: memoryview
    sha256: str  # of the content, in hexadecimal


@dataclass(frozen=True, slots=True)
class Stream:
    """Bytes that come one part after the other."""

    size_bytes: int  # how many are said to come
    # fills memory with the next ones and returns how many they were, as many as fit or less; 0 at
    # the end
    readinto: Callable[[memoryview], int]
    held: memoryview | None = None  # all of them, where they are in memory already
    file: BinaryIO | None = None  # that holds nothing else

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


def take(stream: Stream, sha256: str = "", remembered: Verdicts | None = None) -> Content:
    """Return all of a stream, in memory of its own where it is not held, with its SHA-256.

    `remembered`: where it is noted that a file has the digest `sha256`, and need not be hashed.
    """
    if stream.held is not None:
        return Content(stream.held, lean.sha256(stream.held).hexdigest())
    key = _key(stream, sha256) if remembered else None
    if remembered and key and remembered.holds(key):
        return Content(fill(stream), sha256)
    import hashlib

    began_ns, digest = time.time_ns(), hashlib.sha256()
    data = private_memory(stream.size_bytes)
    hasher = _Hasher(digest, data)
    try:
        data = fill(stream, data, hasher.go_to)
    finally:
        hasher.end()
    content = Content(data, digest.hexdigest())
    is_it = content.sha256 == sha256 and key == _key(stream, sha256)
    if remembered and key and is_it and _is_settled(stream, began_ns):
        remembered.note(key)
    return content


def fill(
    stream: Stream,
    data: memoryview | None = None,
    tell: Callable[[int], None] = lambda _: None,
) -> memoryview:
    """Return memory, or the one that is given, with all of a stream; `tell` is told how far."""
    data, position = private_memory(stream.size_bytes) if data is None else data, 0
    while count := stream.readinto(data[position : position + _STEP_BYTES]):
        position += count
        tell(position)
    return data[:position]


def parts(stream: Stream) -> Iterator[memoryview]:
    """Yield a stream part by part; each is gone when the next is asked for."""
    if stream.held is not None:
        yield stream.held
        return
    part = memoryview(bytearray(min(_STEP_BYTES, stream.size_bytes + 1)))
    while count := stream.readinto(part):
        yield part[:count]


def sha256(stream: Stream) -> str:
    """Return the SHA-256 of what comes, in hexadecimal."""
    import hashlib

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
        from queue import SimpleQueue
        from threading import Thread

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

    `remembered`: where digests are noted; None to read and hash the file.
    """
    with path.open("rb", buffering=0) as file:
        stream = Stream(os.fstat(file.fileno()).st_size, file.readinto, file=file)
        key = _key(stream, sha256) if remembered else None
        if remembered and key and remembered.holds(key):
            import mmap

            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
            return Content(memoryview(mapped), sha256)
        return take(stream, sha256, remembered)


def private_memory(size_bytes: int) -> memoryview:
    """Return memory to write to; what is large comes from the system, which need not clear it."""
    import mmap

    if size_bytes < _WHOLE_BYTES or not hasattr(mmap, "MAP_PRIVATE"):
        return memoryview(bytearray(size_bytes))
    memory = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a kernel without them
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)


def _key(stream: Stream, sha256: str) -> str | None:
    """Return under which key it is noted that a file holds this; None if it may be changed."""
    status = os.fstat(stream.file.fileno()) if stream.file else None
    if status is None or not _can_be_mapped(status):
        return None
    return lean.sha256(f"digest {sha256} {identity(status)}".encode()).hexdigest()


def _is_settled(stream: Stream, at_ns: int) -> bool:
    """Whether a change of its file since then would show in the times of the file."""
    return (
        stream.file is not None and at_ns - os.fstat(stream.file.fileno()).st_ctime_ns > SETTLED_NS
    )


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


# Git LFS objects: large pipelines as plain files beside git's own object database.


def temporary_folder(common_dir: Path, sharing: Sharing = UNSHARED) -> Path:
    """Return the folder, made if need be, in which git-lfs builds its objects."""
    folder = common_dir / "lfs" / "tmp"
    sharing.make_folder(folder)
    return folder


def keep(common_dir: Path, temporary: Path, sha256: str, sharing: Sharing = UNSHARED) -> Path:
    """Put a finished temporary file in its place and return it; an equal one stays.

    One of another size, which a disk that was full or lost its power leaves, goes.
    """
    path = common_dir / large_file_path(sha256)
    sharing.make_folder(path.parent)
    # Never written again: a local push makes hard links of it.
    temporary.chmod(sharing.mode(temporary.stat().st_mode & 0o444))
    if path.exists() and path.stat().st_size == temporary.stat().st_size:
        temporary.unlink()
    else:
        temporary.replace(path)
    return path


def read_object(
    common_dir: Path, pointer: Pointer, path: str, remembered: Verdicts | None = None
) -> Content:
    """Return the content behind a pointer, in private memory."""
    with _finding(pointer, path):
        place = common_dir / large_file_path(pointer.sha256)
        return read(place, pointer.sha256, remembered)


@contextmanager
def stream(common_dir: Path, pointer: Pointer, path: str) -> Iterator[Stream]:
    """Yield the content behind a pointer as it comes."""
    place = common_dir / large_file_path(pointer.sha256)
    with _finding(pointer, path), place.open("rb", 0) as file:
        yield Stream(os.fstat(file.fileno()).st_size, file.readinto)


@contextmanager
def _finding(pointer: Pointer, path: str) -> Iterator[None]:
    try:
        with reading(path):
            yield
    except FileNotFoundError:
        raise MissingObject(
            f"{path}: its Git LFS object {pointer.sha256[:12]} is not on this machine",
            hint="to fetch it, add the remote that has it: gms remote add origin URL",
        ) from None
