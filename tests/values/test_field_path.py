"""A manifest in sections says what the manifest says."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from gitmodelstore.values.query import Cutter, keys
from tests.programme import tables

from .strategies import manifest_values
from .test_manifest import VALUE

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
BRIEF = settings(max_examples=15, suppress_health_check=QUIET, print_blob=True)


def written(value: Any, **form: Any) -> bytes:
    return (json.dumps(value, **{"indent": 2, "ensure_ascii": False, **form}) + "\n").encode()


def without_bulk(value: dict[str, Any]) -> dict[str, Any]:
    value = copy.deepcopy(value)
    for one in value["data"]:
        if one["columns"]:
            one["columns"] = None
    for one in value["artifacts"]:
        if one.get("globals"):
            one["globals"] = None
    return value


def read(data: bytes, reader: Cutter | None = None) -> dict[str, Any] | None:
    found = (reader or Cutter()).read(data)
    return None if found is None else {key: json.loads(text) for key, text in found.items()}


@BRIEF
@given(manifest_values())
def test_every_manifest_is_read_as_it_is_but_for_its_bulk(value):
    reader = Cutter()

    for _ in range(2):  # what it has met before it reads no worse
        assert read(written(value), reader) == without_bulk(value)
    assert set(value) <= set(keys())


@BRIEF
@given(tables.spoiled_manifests())
def test_what_is_no_manifest_is_none_or_is_read_as_it_is(value):
    try:
        data = written(value)
    except (UnicodeEncodeError, ValueError):
        return
    found = read(data)
    assert found is None or found.keys() == value.keys()


def test_a_list_of_the_same_name_elsewhere_is_kept():
    value = {**VALUE, "custom": {"data": [{"columns": [1, 2]}], "artifacts": [{"globals": ["a"]}]}}

    found = read(written(value))

    assert found is not None
    assert found["custom"] == value["custom"]


def test_a_text_that_looks_like_a_key_is_no_key():
    value = {**VALUE, "message": 'a\n  "model": "fraud",\n}\n', "author": '"columns": [\n'}

    assert read(written(value)) == without_bulk(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}\n",
        b"null",
        b'{\n  "schema": "1.0"\n}\n',
        written(VALUE, indent=4),
        written(VALUE, indent=None),
        written(VALUE)[:-2],
        written(VALUE)[1:],
        b"\xef\xbb\xbf" + written(VALUE),
        written({**VALUE, "schema": "2.0"}),
        written({**VALUE, "schema": None}),
        written({**VALUE, "further": 1}),
        written({key: held for key, held in VALUE.items() if key != "metrics"}),
        written({**VALUE, "metrics": []}),
        written({**VALUE, "metrics": {"auc": float("nan")}}),
        written({**VALUE, "created_at": "yesterday"}),
        written({**VALUE, "version": "1.1"}),
        written({**VALUE, "author": None}),
        written(VALUE).replace(b"more trees", b"more \xff trees"),
        written(VALUE).replace(b'"more trees"', b'"more trees'),
        written(VALUE).replace(b'  "target"', b'  "message": "twice",\n  "target"'),
        written(VALUE).replace(b'"more trees",', b'"more trees"'),
        written({**VALUE, "custom": {}}).replace(b'"custom": {}', b'"custom": ' + b"[" * 100_000),
    ],
)
def test_what_is_not_laid_out_as_a_manifest_is_none(data):
    assert Cutter().read(data) is None
