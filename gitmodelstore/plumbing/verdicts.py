"""What was found harmless before on this machine, kept in the user's cache.

Each verdict is a key of 64 hexadecimal digits, a line of one file: appending to it costs
a tenth of a file of its own. Nothing depends on it but speed: a cache that is missing,
unwritable or damaged is passed over in silence, and so is one that others could have written.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from gitmodelstore.cached import cached_property
from gitmodelstore.plumbing.user import make_private, others_of, written_by_others

_KEY = re.compile(rb"^[0-9a-f]{64}$", re.MULTILINE)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_MOST_BYTES = 4 << 20  # sixty thousand; then it begins anew


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
                    self._held = frozenset(_KEY.findall(file.read(2 * _MOST_BYTES)))
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
                if os.fstat(descriptor).st_size > _MOST_BYTES:
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
