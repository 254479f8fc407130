"""The indexes of packs, judged before libgit2 maps them into memory: a damaged one can crash it.

libgit2 1.9 follows the numbers in them unchecked. Each index ends with a checksum of
itself (git's Documentation/gitformat-pack), which is looked at once.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from gitmodelstore.errors import IntegrityError

_CHECKSUM_BYTES = 20


class Packs:
    """The packs of one object database.

    Args:
        objects: a git directory's folder of that name.
    """

    def __init__(self, objects: Path) -> None:
        self._folder = objects / "pack"
        self._changed_at = 0  # when a pack came or went, as far as has been looked
        self._sound: set[tuple[str, int, int]] = set()

    def check(self) -> None:
        """Look at the indexes that have come since the last time.

        Raises:
            IntegrityError: one is damaged.
        """
        try:
            changed_at = os.stat(self._folder).st_mtime_ns
        except FileNotFoundError:
            return
        if changed_at == self._changed_at:
            return
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.endswith(".idx") or entry.name == "multi-pack-index":
                    self._check(entry)
        self._changed_at = changed_at

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
        self._sound.add(key)


def _mend(path: Path) -> str:
    if path.suffix != ".idx":
        return f"remove '{path}': git makes it anew"
    return f"remove '{path}', then make it anew: git index-pack '{path.with_suffix('.pack')}'"
