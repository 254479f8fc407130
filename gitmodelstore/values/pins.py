"""modelstore.lock.json: which versions a repository that uses models is built on.

The value classes below are the format, as in `values/manifest.py`. The file holds
no credentials and nothing that changes while what is locked stays the same.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gitmodelstore.errors import FormatError
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
from gitmodelstore.values.names import MODEL_PATTERN
from gitmodelstore.values.version import PIPELINE, Version, tag_name

FILE = "modelstore.lock.json"
SCHEMA = "1.0"
MOST_BYTES = 1024 * 1024
FINGERPRINT = "gms-features-1"
_HINT = "write it again with `gms lock REF`"
_LOGIN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)@")
_LOGIN_SCHEMES = ("ssh", "git+ssh", "ssh+git")  # there the user is part of the address


@record
class LockedPipeline:
    """The bytes that are loaded.

    Attributes:
        sha256: of pipeline.joblib, 64 hexadecimal digits.
        size_bytes: of the same.
    """

    sha256: str = declared(SHA256)
    size_bytes: int = declared(Integer())


@record
class LockedModel:
    """The one version of a model that is meant.

    Attributes:
        version: which.
        tag: its tag in the store.
        commit: id of the commit that introduced it.
        manifest_sha256: of manifest.json, which names every other file.
        pipeline: the bytes that are loaded.
        features: `fingerprint` of its inputs; None when the manifest does not know them.
    """

    version: Version = declared(VERSION)
    tag: str = declared(Text())
    commit: str = declared(Text(r"[0-9a-f]{40}", "a commit id"))
    manifest_sha256: str = declared(SHA256)
    pipeline: LockedPipeline = declared(Record(LockedPipeline))
    features: str | None = declared(
        Nullable(Text(rf"{FINGERPRINT}:[0-9a-f]{{64}}", f"{FINGERPRINT}:hex"))
    )

    def pins(self, manifest: bytes, path: str) -> bool:
        """Whether a manifest.json, and the pipeline by it, are what is locked.

        Raises:
            FormatError: what is locked is no manifest; `path` names it.
        """
        if hashlib.sha256(manifest).hexdigest() != self.manifest_sha256:
            return False
        entry, pinned = Manifest.parse(manifest, path).artifact(PIPELINE), self.pipeline
        return entry is not None and (entry.sha256, entry.size_bytes) == (
            pinned.sha256,
            pinned.size_bytes,
        )


@record
class Lock:
    """The content of modelstore.lock.json.

    Attributes:
        store: url of the store, without credentials; or its path, relative to the file.
        models: name to the version that is locked.
    """

    schema: str = declared(Constant(SCHEMA), default=SCHEMA, kw_only=True)
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
        """Return what the bytes of a lock file say.

        Raises:
            FormatError: as `Manifest.parse`.
        """
        return fields.read(cls, _DOCUMENT.read(data, path))

    def render(self) -> bytes:
        """Return the bytes of the file."""
        return json_rules.dump(fields.write(self))


def fingerprint(features: Iterable[Feature] | None) -> str | None:
    """Return what tells the inputs of one version from those of another; None for unknown ones.

    It is the SHA-256 of the JSON text `[["income","float64"],…]`: name and logical type of
    each input column in order, UTF-8, no spaces, no escapes that are not needed.

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
