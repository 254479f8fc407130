"""The lock file of a repository that uses models, and what differs from it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gitmodelstore.checks.fault import Fault, format_faults
from gitmodelstore.errors import FormatError
from gitmodelstore.lean import TYPE_CHECKING
from gitmodelstore.values import fields
from gitmodelstore.values import json as json_rules
from gitmodelstore.values.fields import (
    SHA256,
    Constant,
    Document,
    Integer,
    MapOf,
    Nullable,
    Record,
    Text,
    declared,
    record,
)
from gitmodelstore.values.manifest import VERSION, Feature, Manifest
from gitmodelstore.values.names import (
    MANIFEST,
    MODEL_PATTERN,
    PIPELINE,
    WITHDRAWN,
    Version,
    folder,
    tag_name,
)

if TYPE_CHECKING:
    from typing import Any

# modelstore.lock.json: which versions a repository that uses models is built on.

FILE = "modelstore.lock.json"
SCHEMA = "1.0"
MOST_BYTES = 1024 * 1024
FINGERPRINT = "gms-features-1"
_HINT = "write it again with `gms lock REF`"
_LOGIN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)@")
_LOGIN_SCHEMES = ("ssh", "git+ssh", "ssh+git")  # there the user is part of the address


@record
class LockedPipeline:
    """The bytes that are loaded."""

    sha256: str = declared(SHA256)  # of pipeline.joblib, 64 hexadecimal digits
    size_bytes: int = declared(Integer())


@record
class LockedModel:
    """The one version of a model that is meant."""

    version: Version = declared(VERSION)
    tag: str = declared(Text())
    commit: str = declared(Text(r"[0-9a-f]{40}", "a commit id"))
    manifest_sha256: str = declared(SHA256)  # of manifest.json, which names every other file
    pipeline: LockedPipeline = declared(Record(LockedPipeline))
    # `fingerprint` of its inputs; None when the manifest does not know them
    features: str | None = declared(
        Nullable(Text(rf"{FINGERPRINT}:[0-9a-f]{{64}}", f"{FINGERPRINT}:hex"))
    )

    def pins(self, manifest: bytes, path: str) -> bool:
        """Whether a manifest.json, and the pipeline that it lists, are the locked ones."""
        if hashlib.sha256(manifest).hexdigest() != self.manifest_sha256:
            return False
        entry = Manifest.parse(manifest, path).artifact(PIPELINE)
        return entry is not None and entry.lists(self.pipeline)


@record
class Lock:
    """The content of modelstore.lock.json."""

    schema: str = declared(Constant(SCHEMA), default=SCHEMA, kw_only=True)
    # url of the store, without credentials; or its path, relative to the file
    store: str = declared(Text(r".*\S.*", "a url or a path"))
    models: Mapping[str, LockedModel] = declared(
        MapOf(Record(LockedModel), MODEL_PATTERN, "a model name")
    )

    def __post_init__(self) -> None:
        faults = _DOCUMENT.faults(fields.write(self))
        if faults:
            raise FormatError(path=FILE, found=faults)

    @classmethod
    def parse(cls, data: bytes, path: str = FILE) -> Lock:
        """Return what the bytes of a lock file say."""
        return fields.read(cls, _DOCUMENT.read(data, path))

    def render(self) -> bytes:
        """Return the bytes of the file."""
        return json_rules.dump(fields.write(self))


def fingerprint(features: Iterable[Feature] | None) -> str | None:
    """Return what tells the inputs of one version from another's; None for unknown ones.

    The SHA-256 of the JSON text `[["income","float64"],…]`: UTF-8, no spaces, no needless escapes.

    >>> fingerprint([Feature("age", "int64")])[:31]
    'gms-features-1:02ae2f33e8ab2068'
    """
    if features is None:
        return None
    pairs = [[feature.name, feature.dtype] for feature in features]
    text = json.dumps(pairs, ensure_ascii=False, separators=(",", ":"))
    return f"{FINGERPRINT}:{hashlib.sha256(text.encode('utf-8')).hexdigest()}"


def _relations(value: Mapping[str, Any]) -> Iterator[fields.Fault]:
    """Rules between fields, which a table of single fields cannot say."""
    login = _LOGIN.match(value["store"])
    if login and (":" in login[2] or login[1].lower() not in _LOGIN_SCHEMES):
        yield "store", "holds credentials"
    for model, locked in value["models"].items():
        tag = tag_name(model, locked["version"])
        if locked["tag"] != tag:
            where = json_rules.join(json_rules.join("models", model), "tag")
            yield where, f"expected {tag!r}, found {json_rules.cut(repr(locked['tag']))}"


_DOCUMENT = Document(Lock, SCHEMA, MOST_BYTES, _relations, _HINT)


@dataclass(frozen=True, slots=True)
class PinnedState:
    """What a clone of the store says of one locked version."""

    status: str | None
    introduced: bool  # whether the locked commit is there and introduced it
    manifest: bytes | None  # bytes of manifest.json in the locked commit; None without it
    tag_manifest: str | None  # the SHA-256 that the tag's message names; None without tag or digest
    # whether the folder at the tag is that of the locked commit; None without a tag
    tag_agrees: bool | None


def read_lock(data: bytes, path: str = FILE) -> tuple[Lock | None, tuple[Fault, ...]]:
    """Return the lock that the bytes of a lock file spell, or None and what is wrong with it."""
    try:
        return Lock.parse(data, path), ()
    except FormatError as error:
        return None, tuple(format_faults(error, "GMS080", path))


def lock_faults(lock: Lock, states: Mapping[str, PinnedState], path: str = FILE) -> Iterator[Fault]:
    """Yield every difference between a lock and the store."""
    for model, locked in lock.models.items():
        for code, key, what in _differences(model, locked, states[model]):
            again = f"lock a version that exists: `gms lock {model}@VERSION`"
            where = f"models.{model}.{key}" if key else f"models.{model}"
            yield Fault(code, path, what, where, again)


def _differences(
    model: str, locked: LockedModel, state: PinnedState
) -> Iterator[tuple[str, str, str]]:
    """Yield what differs as code, key of the lock, and what."""
    name = f"{model} {locked.version}"
    if state.status is None:
        yield "GMS081", "version", f"{name} is not registered in the store"
        return
    if state.status == WITHDRAWN:
        yield "GMS082", "version", f"{name} was withdrawn"
    if not state.introduced:
        yield "GMS081", "commit", f"commit {locked.commit[:12]} did not introduce {name}"
    if state.tag_agrees is False:
        yield "GMS081", "tag", f"tag {locked.tag} points to another {name}"
    if state.tag_manifest not in (None, locked.manifest_sha256):
        what = f"tag {locked.tag} names manifest {_short(state.tag_manifest)}"
        yield "GMS081", "manifest_sha256", f"{what}, the lock {_short(locked.manifest_sha256)}"
    if state.manifest is not None:
        yield from _manifest_differences(model, locked, state.manifest)


def _manifest_differences(
    model: str, locked: LockedModel, data: bytes
) -> Iterator[tuple[str, str, str]]:
    digest = hashlib.sha256(data).hexdigest()
    if digest != locked.manifest_sha256:
        what = f"the manifest's sha256 is {_short(digest)}, not {_short(locked.manifest_sha256)}"
        yield "GMS081", "manifest_sha256", what
    try:
        manifest = Manifest.parse(data, f"{folder(model)}/{MANIFEST}")
    except FormatError as error:
        yield "GMS081", "manifest_sha256", f"the store's manifest cannot be read: {error}"
        return
    entry, pinned = manifest.artifact(PIPELINE), locked.pipeline
    if entry is None or not entry.lists(pinned):
        text = f"{entry.size_bytes} bytes of sha256 {_short(entry.sha256)}" if entry else "missing"
        what = f"{PIPELINE} is {text} in the store, the lock says {pinned.size_bytes} of "
        yield "GMS081", "pipeline", what + _short(pinned.sha256)
    if fingerprint(manifest.features) != locked.features:
        yield "GMS083", "features", f"its inputs differ from the locked ones: {_inputs(manifest)}"


def _inputs(manifest: Manifest) -> str:
    features = manifest.features
    if features is None:
        return "the store does not know them"
    names = (f"{one.name or '(no name)'} {one.dtype or ''}".strip() for one in features[:5])
    shown = ", ".join(names)
    return f"{shown}, … ({len(features)})" if len(features) > 5 else shown or "none"


def _short(sha256: str | None) -> str:
    return (sha256 or "")[:12]
