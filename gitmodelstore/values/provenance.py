"""What made a version, as an in-toto statement that other tools read.

A pure function of the manifest and of the digest of its bytes, so that it is the same
for everybody and on every day.

Sources: the in-toto Attestation Framework, spec/v1 (statement, resource_descriptor,
digest_set, field_types); the predicate https://slsa.dev/provenance/v1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from gitmodelstore.values import fields
from gitmodelstore.values.layout import MANIFEST, tag_name
from gitmodelstore.values.manifest import Code, Dataset, Manifest
from gitmodelstore.values.moment import format_moment

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD = "urn:gitmodelstore:training:v1"  # docs/signing.md says what its parameters mean
BUILDER = "urn:gitmodelstore:author-machine:v1"  # nobody but the author vouches for it

# A URI (RFC 3986) of which the scheme, and the authority if there is one, are in lower case. A
# scheme of one letter is a drive of Windows.
_ANY = r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]"
_URI = re.compile(
    rf"[a-z][a-z0-9+.-]+:(?!//)(?:{_ANY})+|[a-z][a-z0-9+.-]+://[^/?#A-Z]*(?:[/?#]{_ANY}*)?"
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://")


def statement(manifest: Manifest, manifest_sha256: str) -> dict[str, Any]:
    """Return the in-toto Statement v1 of a version, with SLSA provenance v1 as its predicate.

    Args:
        manifest: of the version.
        manifest_sha256: of its bytes, 64 hexadecimal digits.
    """
    files = {artifact.path: artifact.sha256 for artifact in manifest.artifacts}
    files[MANIFEST] = manifest_sha256
    subject = [{"name": name, "digest": {"sha256": files[name]}} for name in sorted(files)]
    return {
        "_type": STATEMENT,
        "subject": subject,
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": _definition(manifest),
            "runDetails": _details(manifest),
        },
    }


def _definition(manifest: Manifest) -> dict[str, Any]:
    code = manifest.code
    return {
        "buildType": BUILD,
        "externalParameters": {
            "model": manifest.model,
            "version": str(manifest.version),
            "class": manifest.pipeline.class_name,
            "params": fields.write(manifest)["pipeline"]["params"],  # sorted, at every depth
            "entryPoint": code.entry_point if code else None,
        },
        "internalParameters": {
            "python": manifest.environment.python,
            "platform": manifest.environment.platform,
        },
        "resolvedDependencies": list(_dependencies(manifest)),
    }


def _details(manifest: Manifest) -> dict[str, Any]:
    """Return who made it and when; what SLSA has no field for bears our name in front."""
    return {
        "builder": {"id": BUILDER},
        "metadata": {
            "invocationId": tag_name(manifest.model, manifest.version),
            "finishedOn": format_moment(manifest.trained_at),
            "gitmodelstore_createdAt": format_moment(manifest.created_at),
            "gitmodelstore_author": manifest.author,
        },
    }


def _dependencies(manifest: Manifest) -> Iterator[dict[str, Any]]:
    yield from map(_dataset, manifest.data)
    if manifest.code is not None and manifest.code.commit is not None:
        yield _code(manifest.code, manifest.code.commit)
    for name, version in sorted(manifest.environment.pins.items()):
        yield {"name": name, "uri": f"pkg:pypi/{name}@{quote(version, safe='.')}"}


def _dataset(dataset: Dataset) -> dict[str, Any]:
    """Return a data set; a path that is no URI is noted beside it."""
    is_uri = dataset.uri is not None and _URI.fullmatch(dataset.uri)
    annotations = {
        "role": dataset.role,
        "path": None if is_uri else dataset.uri,
        "version": dataset.version,
        "sizeBytes": dataset.size_bytes,
        "rows": dataset.rows,
    }
    return {
        "name": dataset.name or dataset.role,
        **({"uri": dataset.uri} if is_uri else {}),
        "digest": {dataset.digest.algorithm: dataset.digest.hex},
        "annotations": {key: value for key, value in annotations.items() if value is not None},
    }


def _code(code: Code, commit: str) -> dict[str, Any]:
    url = code.url or ""
    uri = f"git+{url}@{commit}" if _SCHEME.match(url) and _URI.fullmatch(url) else None
    annotations = {
        "url": None if uri else code.url,
        "branch": code.branch,
        "dirty": code.dirty,
        "diff": str(code.diff) if code.diff else None,
    }
    return {
        "name": "code",
        **({"uri": uri} if uri else {}),
        "digest": {"gitCommit": commit},
        "annotations": {key: value for key, value in annotations.items() if value is not None},
    }
