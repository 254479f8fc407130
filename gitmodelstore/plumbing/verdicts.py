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
        self._folder = str(folder)
        self._held: set[str] = set()  # what was seen there, by this object

    def holds(self, key: str) -> bool:
        """Return whether a key was noted."""
        if key not in self._held:
            try:
                with open(self._path(key), encoding="ascii") as file:
                    if file.read() != key:  # cut off, by a full disk or a writer at work
                        return False
            except (OSError, ValueError):
                return False
            self._held.add(key)
        return True

    def note(self, key: str) -> None:
        """Note a key, if that is possible."""
        path = self._path(key)
        with suppress(OSError):
            try:
                file = open(path, "w", encoding="ascii")  # noqa: SIM115 - closed below
            except FileNotFoundError:
                os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
                file = open(path, "w", encoding="ascii")  # noqa: SIM115
            with file:
                file.write(key)

    def _path(self, key: str) -> str:
        return os.path.join(self._folder, key[:2], key[2:])
