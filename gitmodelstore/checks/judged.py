"""What this process has judged already, by the id of its blob: the content never changes."""

from __future__ import annotations

TYPE_CHECKING = False  # as in values/fields.py
if TYPE_CHECKING:
    from typing import Any


class Kept:
    """The last so many values, by the id of the blob from which each was read."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[str, Any] = {}

    def get(self, oid: str) -> Any:
        """Return the value of a blob, None of one that is not among them."""
        return self._held.get(oid)

    def put(self, oid: str, value: Any) -> None:
        """Keep a value; the oldest go."""
        while len(self._held) >= self._most:
            self._held.pop(next(iter(self._held)))
        self._held[oid] = value


registries = Kept(16)  # Registry
policies = Kept(16)  # Policy
manifests = Kept(64)  # Manifest, with the SHA-256 of its bytes
samples = Kept(64)  # True of those that follow their format
