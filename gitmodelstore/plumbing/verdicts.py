"""What was found harmless before on this machine, kept in the user's cache.

A verdict is a small file whose name and content are one key. Nothing depends on it but
speed: a cache that is missing, unwritable or damaged is passed over in silence.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


class Verdicts:
    """Keys that were noted in a folder.

    Args:
        folder: the folder; made when something is noted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def holds(self, key: str) -> bool:
        """Return whether a key was noted."""
        try:
            return self._path(key).read_text() == key
        except (OSError, ValueError):
            return False

    def note(self, key: str) -> None:
        """Note a key, if that is possible."""
        path = self._path(key)
        temporary = path.with_name(f"{path.name}.{os.urandom(4).hex()}")
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                temporary.write_text(key)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key[2:]
