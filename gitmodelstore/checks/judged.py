"""What this process has judged already, by the id of its blob: the content never changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from gitmodelstore.values.manifest import Manifest
    from gitmodelstore.values.policy import Policy
    from gitmodelstore.values.registry import Registry

T = TypeVar("T")


class Judged(Generic[T]):
    """The last so many values, by the id of the blob from which each was read."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[str, T] = {}

    def get(self, oid: str) -> T | None:
        return self._held.get(oid)

    def put(self, oid: str, value: T) -> None:
        while len(self._held) >= self._most:
            self._held.pop(next(iter(self._held)))
        self._held[oid] = value


registries: Judged[Registry] = Judged(16)
policies: Judged[Policy] = Judged(16)
manifests: Judged[tuple[Manifest, str]] = Judged(64)  # each with the SHA-256 of its bytes
samples: Judged[bool] = Judged(64)  # those that follow their format
