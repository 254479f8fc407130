"""Digests of files, remembered by what the file system says of them, in the user's cache.

A file for each data set (`data/<hash of its path>`) that is replaced whole and begins with the
SHA-256 of the rest: one that is missing, cut short or damaged is as good as none. It holds
hashes alone, of paths too, and nothing that cannot be found out again. What others could have
written is neither believed nor written to.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from contextlib import suppress
from pathlib import Path

from gitmodelstore.lean import cached_property
from gitmodelstore.plumbing import files
from gitmodelstore.plumbing.files import make_private, others_of, written_by_others

_FOLDER = "data"
_MOST_BYTES = 64 << 20  # of all data sets together: half a million files
_LINE = re.compile(rb"([0-9a-f]{32}) ([0-9a-f]{32,64})\n")
# As git's "racy" index entries: a second change within one tick of the clock by which the file
# system dates files would not show. FAT's is the coarsest.
_SETTLED_NS = 2 * 10**9


class Memo:
    """What is remembered of the files of one data set.

    Args:
        cache: the user's cache folder.
        root: the data set: a file, or the folder that the files lie in.
    """

    def __init__(self, cache: Path, root: Path) -> None:
        self._root = os.fsencode(os.path.abspath(root))
        self._path = cache / _FOLDER / hashlib.sha256(self._root).hexdigest()[:32]
        self._is_ours = written_by_others(self._path) is None
        self._held = _read(self._path) if self._is_ours else {}
        self._kept: dict[bytes, bytes] = {}

    def digest(self, name: bytes, status: os.stat_result) -> str | None:
        """Return what a file had as its digest when it was last read; None if it is not known.

        Args:
            name: of the algorithm and the file, as they were noted.
            status: of the file, as it is now.
        """
        key = self._key(name, status)
        found = self._held.get(key)
        if found is None:
            return None
        self._kept[key] = found
        return found.decode("ascii")

    def note(self, name: bytes, status: os.stat_result, digest: str, began_ns: int) -> None:
        """Remember a digest, unless the file was changed too lately to tell the next change.

        Args:
            name: of the algorithm and the file within the data set.
            status: of the file, the same before and after it was read.
            digest: in hexadecimal.
            began_ns: the time of the clock before it was opened.
        """
        if began_ns - max(status.st_mtime_ns, status.st_ctime_ns) > _SETTLED_NS:
            self._kept[self._key(name, status)] = digest.encode("ascii")

    def save(self, *, whole: bool) -> None:
        """Write what was asked for and noted, if that is possible.

        Args:
            whole: whether every file was seen, so that what was not is no longer there.
        """
        wanted = self._kept if whole else {**self._held, **self._kept}
        if wanted == self._held or not self._is_ours:
            return
        lines = b"".join(b"%s %s\n" % pair for pair in sorted(wanted.items()))
        with suppress(OSError):
            make_private(self._path.parent)
            digest = hashlib.sha256(lines).hexdigest().encode("ascii")
            files.put(self._path, (digest, b"\n", lines), mode=0o600)
            _tidy(self._path.parent)

    def _key(self, name: bytes, status: os.stat_result) -> bytes:
        facts = repr(identity(status)).encode("ascii")
        text = b"%s\0%s\0%s" % (self._root, name, facts)
        return hashlib.sha256(text).hexdigest()[:32].encode("ascii")


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
    if hashlib.sha256(lines).hexdigest().encode("ascii") != claimed:
        return {}
    return dict(_LINE.findall(lines))


def _tidy(folder: Path) -> None:
    """Remove what was written longest ago while there is too much; and what a crash has left."""
    held = []
    with os.scandir(folder) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            held.append((status.st_mtime_ns, status.st_size, entry.path))
            if "." in entry.name and time.time() - status.st_mtime > 3600:
                os.unlink(entry.path)
    total = sum(size for _, size, _ in held)
    for _, size, path in sorted(held):
        if total <= _MOST_BYTES:
            break
        os.unlink(path)
        total -= size


# What was found harmless before on this machine, kept in the user's cache.


_KEY = re.compile(rb"^[0-9a-f]{64}$", re.MULTILINE)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_MOST_VERDICT_BYTES = 4 << 20  # sixty thousand; then it begins anew


class Verdicts:
    """Keys that were noted in a folder.

    Args:
        folder: the folder; made when something is noted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._path = os.path.join(folder, "verdicts")
        self._noted: set[str] = set()  # by this object
        self._held: frozenset[bytes] = frozenset()
        self._seen: tuple[int, int] | None = None  # which file that was, and how long

    @cached_property
    def doubt(self) -> str | None:
        """Why nothing in the folder is believed, and nothing noted; None where all is well."""
        return written_by_others(self._path)

    def holds(self, key: str) -> bool:
        """Return whether a key was noted, by this process or any other."""
        if key in self._noted:
            return True
        if self.doubt:
            return False
        with suppress(OSError):
            status = os.lstat(self._path)
            if others_of(status, self._path):
                return False
            if (status.st_ino, status.st_size) != self._seen:
                with open(os.open(self._path, os.O_RDONLY | _NO_LINK), "rb") as file:
                    self._held = frozenset(_KEY.findall(file.read(2 * _MOST_VERDICT_BYTES)))
                self._seen = (status.st_ino, status.st_size)
            return key.encode() in self._held
        return False

    def note(self, key: str) -> None:
        """Note a key, if that is possible."""
        if self.doubt:
            return
        with suppress(OSError):
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
