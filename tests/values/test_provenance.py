"""The in-toto statement follows the specifications, field by field.

Sources: in-toto Attestation Framework, spec/v1: statement.md, resource_descriptor.md,
digest_set.md, field_types.md; SLSA v1.0, provenance.md. The sentences are theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings

from gitmodelstore.values import fields
from gitmodelstore.values.json import dump
from gitmodelstore.values.manifest import Manifest
from gitmodelstore.values.provenance import statement

from .strategies import manifests
from .test_card import VALUE

SHA = "ab" * 32
HEX = re.compile(r"[0-9a-f]+")
# RFC 3986: a scheme, then no character that a URI may not hold.
URI = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
DIGEST_SIZES = {"sha256": (64,), "sha1": (40,), "md5": (32,), "gitCommit": (40, 64)}
EXTENSION = re.compile(r"gitmodelstore_[a-zA-Z]+")


def uri_faults(value: Any, where: str) -> Iterator[str]:
    """MUST be case normalized: the scheme and authority MUST be in lowercase (field_types)."""
    if not isinstance(value, str) or not URI.fullmatch(value):
        yield f"{where}: no URI: {value!r}"
        return
    scheme, _, rest = value.partition(":")
    authority = re.match(r"//([^/?#]*)", rest)
    if scheme != scheme.lower() or (authority and authority[1] != authority[1].lower()):
        yield f"{where}: not case normalized: {value!r}"


def digest_faults(value: Any, where: str) -> Iterator[str]:
    """A JSON object mapping algorithm name to a lowercase hex string (digest_set)."""
    if not isinstance(value, dict) or not value:
        yield f"{where}: no digest set"
        return
    for algorithm, digest in value.items():
        if not isinstance(digest, str) or not HEX.fullmatch(digest):
            yield f"{where}.{algorithm}: not lower-case hex"
        elif len(digest) not in DIGEST_SIZES.get(algorithm, (len(digest),)):
            yield f"{where}.{algorithm}: {len(digest)} digits"


def descriptor_faults(value: Any, where: str) -> Iterator[str]:
    """A ResourceDescriptor MUST specify one of uri, digest or content (resource_descriptor)."""
    known = {"name", "uri", "digest", "content", "downloadLocation", "mediaType", "annotations"}
    if not isinstance(value, dict) or not value.keys() <= known:
        yield f"{where}: unknown fields"
        return
    if not value.keys() & {"uri", "digest", "content"}:
        yield f"{where}: none of uri, digest, content"
    if "uri" in value:
        yield from uri_faults(value["uri"], f"{where}.uri")
    if "digest" in value:
        yield from digest_faults(value["digest"], f"{where}.digest")
    if not isinstance(value.get("name", ""), str):
        yield f"{where}.name: no text"
    if not isinstance(value.get("annotations", {}), dict):
        yield f"{where}.annotations: no object"


def timestamp_faults(value: Any, where: str) -> Iterator[str]:
    """MUST be in RFC 3339 format in the UTC timezone ("Z") (field_types)."""
    try:
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ")
    except (TypeError, ValueError):
        yield f"{where}: no time: {value!r}"


def statement_faults(value: Any) -> Iterator[str]:
    if set(value) != {"_type", "subject", "predicateType", "predicate"}:
        yield "the statement has other fields"
    if value["_type"] != "https://in-toto.io/Statement/v1":
        yield "_type: always https://in-toto.io/Statement/v1"
    for index, one in enumerate(value["subject"]):
        yield from descriptor_faults(one, f"subject[{index}]")
        if "digest" not in one:  # "Each element MUST have digest set"
            yield f"subject[{index}]: no digest"
    names = [one.get("name") for one in value["subject"]]
    if len(set(names)) != len(names):  # "name and uri SHOULD be unique within subject"
        yield "subject: a name stands twice"
    yield from uri_faults(value["predicateType"], "predicateType")
    if value["predicateType"] == "https://slsa.dev/provenance/v1":
        yield from provenance_faults(value["predicate"])


def provenance_faults(value: Any) -> Iterator[str]:
    """Required: buildDefinition.buildType, .externalParameters, runDetails.builder.id (SLSA)."""
    if set(value) != {"buildDefinition", "runDetails"}:
        yield "the predicate has other fields"
    definition, details = value["buildDefinition"], value["runDetails"]
    known = {"buildType", "externalParameters", "internalParameters", "resolvedDependencies"}
    if not {"buildType", "externalParameters"} <= definition.keys() <= known:
        yield "buildDefinition has other fields"
    yield from uri_faults(definition["buildType"], "buildType")
    for name in ("externalParameters", "internalParameters"):
        if not isinstance(definition.get(name, {}), dict):
            yield f"{name}: no object"
    for index, one in enumerate(definition.get("resolvedDependencies", [])):
        yield from descriptor_faults(one, f"resolvedDependencies[{index}]")
    if not {"builder"} <= details.keys() <= {"builder", "metadata", "byproducts"}:
        yield "runDetails has other fields"
    if not details["builder"].keys() <= {"id", "version", "builderDependencies"}:
        yield "builder has other fields"
    yield from uri_faults(details["builder"]["id"], "builder.id")
    for name, held in details.get("metadata", {}).items():
        if name in ("startedOn", "finishedOn", "gitmodelstore_createdAt"):
            yield from timestamp_faults(held, f"metadata.{name}")
        elif name != "invocationId" and not EXTENSION.fullmatch(name):
            # "Extension fields SHOULD use names of the form <vendor>_<fieldname>"
            yield f"metadata.{name}: unknown, and no extension"


class TestFollowsTheSpecifications:
    @given(manifests())
    @settings(max_examples=40, deadline=None)
    def test_of_any_manifest(self, manifest: Manifest):
        assert list(statement_faults(statement(manifest, SHA))) == []

    @given(manifests())
    @settings(max_examples=10, deadline=None)
    def test_the_subject_is_every_file_with_its_digest(self, manifest: Manifest):
        found = {one["name"]: one["digest"] for one in statement(manifest, SHA)["subject"]}

        expected = {file.path: {"sha256": file.sha256} for file in manifest.artifacts}
        assert found == {**expected, "manifest.json": {"sha256": SHA}}

    @given(manifests())
    @settings(max_examples=10, deadline=None)
    def test_the_same_manifest_gives_the_same_bytes(self, manifest: Manifest):
        again = Manifest.parse(manifest.render())

        assert dump(statement(again, SHA)) == dump(statement(manifest, SHA))


def dependencies(value: dict[str, Any]) -> dict[str, dict[str, Any]]:
    made = statement(fields.read(Manifest, value), SHA)
    found = made["predicate"]["buildDefinition"]["resolvedDependencies"]
    return {one["name"]: one for one in found}


def test_the_predicate_says_who_made_what_of_what_and_when():
    made = statement(fields.read(Manifest, VALUE), SHA)

    assert list(statement_faults(made)) == []
    assert made["predicate"]["buildDefinition"]["externalParameters"] == {
        "model": "churn",
        "version": "1.2.0",
        "class": "sklearn.pipeline.Pipeline",
        "params": VALUE["pipeline"]["params"],
        "entryPoint": "train.py",
    }
    assert list(made["predicate"]["buildDefinition"]["externalParameters"]["params"]) == sorted(
        VALUE["pipeline"]["params"]
    )
    assert made["predicate"]["runDetails"] == {
        "builder": {"id": "urn:gitmodelstore:author-machine:v1"},
        "metadata": {
            "invocationId": "churn@v1.2.0",
            "finishedOn": "2026-03-03T14:05:00Z",
            "gitmodelstore_createdAt": "2026-03-03T14:05:09Z",
            "gitmodelstore_author": "Ada Lovelace <ada@example.org>",
        },
    }
    assert dependencies(VALUE) == {
        "test": {
            "name": "test",
            "digest": {"sha256": "ab" * 32},
            "annotations": {
                "role": "test",
                "path": "data/test-v3.csv",
                "version": "v3",
                "sizeBytes": 100,
                "rows": 12000,
            },
        },
        "code": {
            "name": "code",
            "uri": "git+https://git.example.org/team/churn.git@"
            "0123456789abcdef0123456789abcdef01234567",
            "digest": {"gitCommit": "0123456789abcdef0123456789abcdef01234567"},
            "annotations": {"branch": "main", "dirty": True, "diff": "sha256:" + "ab" * 32},
        },
        "numpy": {"name": "numpy", "uri": "pkg:pypi/numpy@2.4.6"},
        "scikit-learn": {"name": "scikit-learn", "uri": "pkg:pypi/scikit-learn@1.9.1"},
    }


@pytest.mark.parametrize(
    ("uri", "is_uri"),
    [
        ("s3://bucket/train.parquet", True),
        ("https://data.example.org/a%20b.csv?v=3", True),
        ("file:///srv/data/train.csv", True),
        ("data/train.csv", False),
        ("/srv/data/train.csv", False),
        ("C:/data/train.csv", False),
        ("c:/data/train.csv", False),
        ("s3://Bucket/train.parquet", False),
        ("https://data.example.org/a b.csv", False),
        ("https://data.example.org/\u00e4.csv", False),
        (None, False),
    ],
)
def test_where_data_lay_is_a_uri_only_where_it_is_one(uri, is_uri):
    value = {**VALUE, "data": [{**VALUE["data"][0], "uri": uri}]}
    found = dependencies(value)["test"]

    assert list(descriptor_faults(found, "test")) == []
    assert found.get("uri") == (uri if is_uri else None)
    assert found["annotations"].get("path") == (None if is_uri else uri)


def test_a_digest_of_our_own_keeps_its_name():
    value = {**VALUE, "data": [{**VALUE["data"][0], "digest": "gms-df-1:" + "cd" * 32}]}

    assert dependencies(value)["test"]["digest"] == {"gms-df-1": "cd" * 32}


@pytest.mark.parametrize("url", ["git@git.example.org:team/churn.git", "../churn.git", None])
def test_code_without_a_url_is_known_by_its_commit(url):
    found = dependencies({**VALUE, "code": {**VALUE["code"], "url": url}})["code"]

    assert "uri" not in found
    assert found["annotations"].get("url") == url
    assert found["digest"] == {"gitCommit": VALUE["code"]["commit"]}


@pytest.mark.parametrize("code", [None, {**VALUE["code"], "commit": None}])
def test_no_commit_is_no_dependency(code):
    assert "code" not in dependencies({**VALUE, "code": code})


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        ({"uri": "pkg:PyPI/x"}, None),
        ({"uri": "HTTPS://example.org"}, "x.uri: not case normalized: 'HTTPS://example.org'"),
        ({"name": "x"}, "x: none of uri, digest, content"),
        ({"digest": {"sha256": "AB"}}, "x.digest.sha256: not lower-case hex"),
        ({"digest": {"sha256": "ab"}}, "x.digest.sha256: 2 digits"),
        ({"uri": "no uri"}, "x.uri: no URI: 'no uri'"),
    ],
)
def test_the_rules_of_this_page_find_what_breaks_them(broken, fault):
    assert list(descriptor_faults(broken, "x")) == ([fault] if fault else [])
