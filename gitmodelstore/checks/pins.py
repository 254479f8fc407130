"""What a lock file must be, and whether the store still has what it pins."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gitmodelstore.checks.fault import Fault, format_faults
from gitmodelstore.errors import FormatError
from gitmodelstore.values.manifest import Feature, Manifest
from gitmodelstore.values.names import WITHDRAWN
from gitmodelstore.values.pins import FILE, Lock, LockedModel, fingerprint
from gitmodelstore.values.version import MANIFEST, PIPELINE, folder


@dataclass(frozen=True, slots=True)
class Held:
    """What a clone of the store says of one locked version.

    Attributes:
        status: its status; None when it is not registered.
        introduced: whether the locked commit is there and introduced it.
        manifest: bytes of manifest.json in the locked commit; None without it.
        tag_manifest: the SHA-256 that the tag's message names; None without tag or digest.
        tag_agrees: whether the folder at the tag is that of the locked commit; None
            without a tag.
    """

    status: str | None
    introduced: bool
    manifest: bytes | None
    tag_manifest: str | None
    tag_agrees: bool | None


def read_lock(data: bytes, path: str = FILE) -> tuple[Lock | None, tuple[Fault, ...]]:
    """Return the lock that the bytes of a lock file spell, or None and what is wrong with it."""
    try:
        return Lock.parse(data, path), ()
    except FormatError as error:
        return None, tuple(format_faults(error, "GMS080", path))


def lock_faults(lock: Lock, held: Mapping[str, Held], path: str = FILE) -> Iterator[Fault]:
    """Yield every difference between a lock and the store.

    Args:
        lock: what is pinned.
        held: what the store says of each pinned model.
        path: the lock file, for the faults.
    """
    for model, locked in lock.models.items():
        for code, key, what in _differences(model, locked, held[model]):
            again = f"lock a version that exists: `gms lock {model}@VERSION`"
            where = f"models.{model}.{key}" if key else f"models.{model}"
            yield Fault(code, path, what, where, again)


def _differences(model: str, locked: LockedModel, held: Held) -> Iterator[tuple[str, str, str]]:
    """Yield what differs as code, key of the lock, and what."""
    name = f"{model} {locked.version}"
    if held.status is None:
        yield "GMS081", "version", f"{name} is not registered in the store"
        return
    if held.status == WITHDRAWN:
        yield "GMS082", "version", f"{name} was withdrawn"
    if not held.introduced:
        yield "GMS081", "commit", f"commit {locked.commit[:12]} did not introduce {name}"
    if held.tag_agrees is False:
        yield "GMS081", "tag", f"tag {locked.tag} points to another {name}"
    if held.tag_manifest not in (None, locked.manifest_sha256):
        what = f"tag {locked.tag} names manifest {_short(held.tag_manifest)}"
        yield "GMS081", "manifest_sha256", f"{what}, the lock {_short(locked.manifest_sha256)}"
    if held.manifest is not None:
        yield from _manifest_differences(model, locked, held.manifest)


def _manifest_differences(
    model: str, locked: LockedModel, data: bytes
) -> Iterator[tuple[str, str, str]]:
    found = hashlib.sha256(data).hexdigest()
    if found != locked.manifest_sha256:
        what = f"the manifest's sha256 is {_short(found)}, not {_short(locked.manifest_sha256)}"
        yield "GMS081", "manifest_sha256", what
    try:
        manifest = Manifest.parse(data, f"{folder(model)}/{MANIFEST}")
    except FormatError as error:
        yield "GMS081", "manifest_sha256", f"the store's manifest cannot be read: {error}"
        return
    entry, pinned = manifest.artifact(PIPELINE), locked.pipeline
    if entry is None or (entry.sha256, entry.size_bytes) != (pinned.sha256, pinned.size_bytes):
        said = f"{entry.size_bytes} bytes of sha256 {_short(entry.sha256)}" if entry else "missing"
        what = f"{PIPELINE} is {said} in the store, the lock says {pinned.size_bytes} of "
        yield "GMS081", "pipeline", what + _short(pinned.sha256)
    if fingerprint(manifest.features) != locked.features:
        yield "GMS083", "features", f"its inputs differ from the locked ones: {_inputs(manifest)}"


def _inputs(manifest: Manifest) -> str:
    """Return the inputs of a version in a few words."""
    features = manifest.features
    if features is None:
        return "the store does not know them"
    shown = ", ".join(map(_feature, features[:5]))
    return f"{shown}, … ({len(features)})" if len(features) > 5 else shown or "none"


def _feature(feature: Feature) -> str:
    return f"{feature.name or '(no name)'} {feature.dtype or ''}".strip()


def _short(sha256: str | None) -> str:
    return (sha256 or "")[:12]
