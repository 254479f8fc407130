"""manifest.json: what is valid reads back byte for byte, every fault is named by its path."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gitmodelstore.errors import FormatError
from gitmodelstore.values import fields
from gitmodelstore.values import json as json_rules
from gitmodelstore.values.fields import Record
from gitmodelstore.values.manifest import (
    DOCUMENT,
    MOST_BYTES,
    Manifest,
    Step,
    manifest_schema,
)
from tests.programme import tables

from .refusals import refusal
from .strategies import manifest_values

PUBLISHED = Path(__file__).parents[2] / "docs" / "manifest.schema.json"
JUDGE = Draft202012Validator(manifest_schema())

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
BRIEF = settings(max_examples=20, suppress_health_check=QUIET, print_blob=True)
BRIEFER = settings(BRIEF, max_examples=10)
LONG = settings(max_examples=250, suppress_health_check=QUIET, print_blob=True)

VALUE: dict[str, Any] = {
    "schema": "1.0",
    "model": "churn",
    "version": "1.1.0",
    "parent": "1.0.0",
    "created_at": "2026-03-03T14:05:09Z",
    "trained_at": "2026-03-03T14:05:00Z",
    "author": "Ada Lovelace <ada@example.org>",
    "message": "more trees",
    "pipeline": {
        "class": "sklearn.pipeline.Pipeline",
        "algorithm": "LogisticRegression",
        "steps": [
            {
                "name": "clf",
                "class": "sklearn.linear_model._logistic.LogisticRegression",
                "columns": None,
                "steps": [],
            }
        ],
        "params": {"clf__C": 0.5},
        "tuned": ["clf__C"],
        "task": "classification",
        "classes": [0, 1],
    },
    "features": [{"name": "age", "dtype": "int64"}],
    "target": "left",
    "metrics": {"auc": 0.91},
    "baseline": None,
    "data": [],
    "code": {
        "url": None,
        "commit": None,
        "branch": None,
        "dirty": False,
        "diff": None,
        "entry_point": None,
    },
    "environment": {
        "python": "3.11.7",
        "platform": "linux-x86_64",
        "pins": {},
        "digest": "sha256:" + "0" * 64,
    },
    "card": {"intended_use": None, "limitations": None, "sections": None},
    "artifacts": [{"path": "pipeline.joblib", "sha256": "0" * 64, "size_bytes": 5}],
    "custom": {},
}


DATASET = {
    **dict.fromkeys(("role", "uri", "name", "version")),
    "role": "train",
    "digest": "sha256:" + "0" * 64,
    "size_bytes": 5,
    **dict.fromkeys(("rows", "columns")),
}

# What the pattern of each text does not fit.
PATTERNED: dict[str, tuple[str, ...]] = {
    "schema": ("1.0\n", "", "1"),
    "model": ("Churn", "con", "a" * 64, "-x", "a.b", "..", "churn\n", ""),
    "version": ("1.2", "v1.2.3", "01.2.3", "1.0.0+x", "1.0.0-a.lock", "1.0.0\n"),
    "parent": ("1", "0.0.0\n", "9" * 99 + ".0.0"),
    "created_at": ("2026-03-03", "2026-13-03T00:00:00Z", "2026-03-03T14:05:09"),
    "trained_at": ("2026-03-03T24:00:00Z", "2026-03-03T14:05:09Z\n", "٢026"),
    "pipeline.task": ("Regression", "", "a-", "a\n"),
    "baseline.version": ("1.0", "1.0.0 ", "1.0.0-" + "a" * 100),
    "data[0].role": ("Train", "", "-a", "train\n", "a" * 64),
    "data[0].digest": ("sha256:", "abc", "sha256:" + "A" * 64),
    "code.commit": ("a" * 39, "g" * 40, "a" * 40 + "\n"),
    "environment.python": ("3", "3.x", "3.11.7\n"),
    "environment.digest": ("md5:ab", "sha256:" + "0" * 63),
    "artifacts[0].path": ("../x", "a/b", "", "-x", "a\n"),
    "artifacts[0].sha256": ("0" * 63, "0" * 64 + "\n", "G" * 64),
}


class TestValid:
    @BRIEF
    @given(manifest_values())
    def test_a_valid_manifest_reads_back_byte_for_byte(self, value: dict[str, Any]) -> None:
        _reads_back(value)

    @pytest.mark.long
    @LONG
    @given(manifest_values())
    def test_many_valid_manifests_read_back(self, value: dict[str, Any]) -> None:
        _reads_back(value)

    @BRIEF
    @given(manifest_values())
    def test_equal_manifests_have_equal_bytes(self, value: dict[str, Any]) -> None:
        assert _built(value).render() == _built(_reversed(value)).render()

    def test_the_keys_stand_in_the_order_of_the_format(self) -> None:
        assert list(json.loads(_built(VALUE).render())) == list(VALUE)

    def test_an_artifact_and_a_data_set_are_found_by_name(self) -> None:
        manifest = _built(VALUE)

        assert manifest.artifact("pipeline.joblib") == manifest.artifacts[0]
        assert manifest.artifact("sample.json") is None
        assert manifest.dataset("train") is None


class TestFaulty:
    @pytest.mark.parametrize(
        ("path", "text"), [(path, text) for path, texts in PATTERNED.items() for text in texts]
    )
    def test_a_text_of_another_pattern_is_refused_by_its_path(self, path: str, text: str) -> None:
        value = _with(path, text)

        assert _refusal(value).startswith(f"manifest.json: {path}")
        if path != "schema":  # of another schema nothing else is judged
            assert {where for where, _ in Record(Manifest).faults(value, "")} == {path}

    @pytest.mark.parametrize(
        ("path", "value", "message"),
        [
            ("metric", 1, "metric: unknown key"),
            ("pipeline.klass", 1, "pipeline.klass: unknown key"),
            ("version", "1.1", "version: expected a SemVer version, found '1.1'"),
            ("parent", "1.1.0", "parent: 1.1.0 is not below 1.1.0"),
            (
                "created_at",
                "2026-02-30T00:00:00Z",
                "created_at: 2026-02-30T00:00:00Z is not a day of the calendar",
            ),
            ("artifacts", [], "artifacts: no entry for 'pipeline.joblib'"),
            (
                "artifacts",
                [VALUE["artifacts"][0]] * 2,
                "artifacts[1].path: 'pipeline.joblib' appears twice",
            ),
            (
                "code.diff",
                "sha256:" + "0" * 64,
                "code.diff: a digest of changes, but dirty is false",
            ),
            ("metrics", {"a b": 1}, "metrics (key): expected a metric name, found 'a b'"),
            ("card.sections", {"# x": ""}, "card.sections (key): expected a heading, found '# x'"),
            ("\u202e", 1, r"'\u202e': unknown key"),
        ],
    )
    def test_each_rule_has_its_message(self, path: str, value: Any, message: str) -> None:
        with pytest.raises(FormatError) as caught:
            Manifest.parse(json_rules.dump(_with(path, value)), "models/churn/manifest.json")

        assert str(caught.value) == f"models/churn/manifest.json: {message}"
        assert caught.value.path == "models/churn/manifest.json"
        assert caught.value.faults == (message,)

    def test_all_faults_are_listed(self) -> None:
        spoiled = {**VALUE, "model": "Churn", "author": 3, "metrics": {"auc": "high"}}
        with pytest.raises(FormatError) as caught:
            Manifest.parse(json_rules.dump(spoiled))

        first = "manifest.json: model: expected a model name, found 'Churn'"
        assert str(caught.value) == f"{first} (and 2 more)"
        assert caught.value.faults == (
            "model: expected a model name, found 'Churn'",
            "author: expected text, found int 3",
            "metrics.auc: expected a number, found text",
        )

    @pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999"])
    def test_a_metric_that_is_not_finite_is_named(self, text: str) -> None:
        data = json_rules.dump(VALUE).replace(b"0.91", text.encode())
        message, _ = refusal(FormatError, Manifest.parse, data)

        assert message == f"manifest.json: metrics.auc: {text} is not a finite number"

    def test_another_schema_is_refused_by_name(self) -> None:
        data = json_rules.dump({"schema": "2.0", "anything": 1})

        assert refusal(FormatError, Manifest.parse, data) == (
            "manifest.json: schema '2.0', this gitmodelstore reads '1.0'",
            "upgrade gitmodelstore to read it",
        )

    @pytest.mark.parametrize("value", [[], 1, "x", None])
    def test_something_else_than_an_object_is_refused(self, value: Any) -> None:
        assert _refusal(value).startswith("manifest.json: expected an object, found ")


class TestCanonicalForm:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (b'"size_bytes": 5', b'"size_bytes": 5.0'),
            (b'"auc": 0.91', b'"auc": 0.910'),
            (b'"auc": 0.91', b'"auc": 9.1e-1'),
            (b'"custom": {}', b'"custom": {"a": -0}'),
            (b'"custom": {}', b'"custom": {\n    "b": 1,\n    "a": 1\n  }'),
            (b'"churn"', b'"\\u0063hurn"'),
            (b"\n}\n", b"\n}"),
            (b"\n}\n", b"\n}\n\n"),
            (b"  ", b"\t"),
            (b"\n", b"\r\n"),
        ],
    )
    def test_the_same_content_in_other_bytes_is_refused(self, before: bytes, after: bytes) -> None:
        data = json_rules.dump(VALUE)
        assert data.count(before) >= 1

        message, _ = refusal(FormatError, Manifest.parse, data.replace(before, after))
        assert message == "manifest.json: not in canonical form"


_PIECES = [b"", b"0", b"1.50", b'"', b",", b"}", b"{", b" ", b"\\ud800", b"NaN", b"\xff"]
_PIECES += [b'"a": 1,\n  ', b"[" * 40 + b"]" * 40]


class TestBesideOthers:
    """What was judged in another document is not judged again, which changes no answer."""

    @given(st.randoms(use_true_random=False))
    def test_a_text_edited_by_hand_is_read_as_the_first_one_would_be(self, chance) -> None:
        text = json_rules.dump(VALUE)
        fields_at = [match.start() + 2 for match in re.finditer(rb',\n  "', text)]
        for _ in range(chance.randrange(1, 4)):
            at, other = chance.choice(fields_at), chance.choice(fields_at)
            if chance.random() < 0.3:  # whole fields change places, or appear twice
                field = text[at : text.find(b',\n  "', at) + 2]
                text = text.replace(field, b"", chance.randrange(2))
                text = text[:other] + field + text[other:]
            else:
                place = chance.randrange(len(text) + 1)
                piece = chance.choice(_PIECES)
                text = text[:place] + piece + text[place + chance.randrange(3) :]

        assert _answer(_after(VALUE), text) == _answer(_after(), text)

    def test_a_text_like_one_before_has_no_field_to_judge(self, monkeypatch) -> None:
        document, judged = _after(VALUE), []
        monkeypatch.setattr(json_rules, "parse", lambda data, *_, **__: judged.append(data) or {})
        document.read(json_rules.dump(VALUE), "")

        assert judged == []


class TestBuilding:
    """A bad value cannot exist: what would not read back is refused when it is built."""

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"metrics": {"auc": math.nan}}, "metrics.auc: expected a finite number, found nan"),
            (
                {"metrics": {"n": 1 << 4000}},
                "metrics.n: the integer 0x100000000000000000… lies beyond 2^53",
            ),
            ({"custom": {"n": 2**53}}, "custom.n: the integer 9007199254740992 lies beyond 2^53"),
            ({"custom": {1: 2, "a": 3}}, "custom (key): expected text, found int 1"),
            ({"custom": {"a": {1: 2, "a": 3}}}, "custom.a (key): expected text, found int 1"),
            ({"custom": {"a": "\ud800"}}, "custom.a: contains the hidden character U+D800"),
            ({"custom": {"a": {1, 2}}}, "custom.a: expected JSON, found set {1, 2}"),
            (
                {"created_at": datetime(2026, 3, 3, 1, 2, 3, 4, timezone.utc)},
                "created_at: expected whole seconds with a time zone, "
                "found 2026-03-03T01:02:03.000004+00:00",
            ),
            (
                {"trained_at": datetime(2026, 3, 3)},
                "trained_at: expected whole seconds with a time zone, found 2026-03-03T00:00:00",
            ),
        ],
    )
    def test_a_bad_value_is_refused(self, change: dict[str, Any], message: str) -> None:
        assert _unbuilt(change) == f"manifest of churn 1.1.0: {message}"

    def test_a_time_in_another_zone_is_written_in_utc(self) -> None:
        there = datetime(2026, 3, 3, 16, 5, 9, tzinfo=timezone(timedelta(hours=2)))
        manifest = dataclasses.replace(_built(VALUE), created_at=there)

        assert Manifest.parse(manifest.render()) == manifest
        assert b'"created_at": "2026-03-03T14:05:09Z"' in manifest.render()

    @pytest.mark.parametrize("deep", ["steps", "custom"])
    def test_what_the_reader_would_find_too_deep_is_refused(self, deep: str) -> None:
        step = Step("a", "A", None, ())
        for _ in range(31):
            step = Step("a", "A", None, (step,))
        pipeline = dataclasses.replace(_built(VALUE).pipeline, steps=(step,))
        change = {"pipeline": pipeline} if deep == "steps" else {"custom": {"a": _nested(31)}}

        assert _unbuilt(change) == "manifest of churn 1.1.0: nested more than 32 deep"

    def test_the_deepest_that_is_built_reads_back(self) -> None:
        manifest = dataclasses.replace(_built(VALUE), custom={"a": _nested(30)})

        assert Manifest.parse(manifest.render()) == manifest

    def test_more_bytes_than_a_reader_takes_are_not_rendered(self) -> None:
        manifest = dataclasses.replace(_built(VALUE), custom={"a": "x" * 1024**2})

        message, hint = refusal(FormatError, manifest.render)
        assert "bytes, more than 1048576" in message
        assert hint == "keep large tables in a file of the data, not in the manifest"


class TestPublishedSchema:
    def test_the_schema_in_the_documents_is_the_one_of_the_fields(self) -> None:
        assert PUBLISHED.read_bytes() == json_rules.dump(manifest_schema())

    def test_it_is_a_schema_of_draft_2020_12(self) -> None:
        Draft202012Validator.check_schema(manifest_schema())

    @BRIEFER
    @given(manifest_values())
    def test_another_validator_takes_what_is_valid(self, value: dict[str, Any]) -> None:
        _agrees(value)

    @BRIEFER
    @given(tables.spoiled_manifests())
    def test_another_validator_refuses_what_is_faulty(self, value: dict[str, Any]) -> None:
        _agrees(value)

    @pytest.mark.long
    @LONG
    @given(manifest_values(), tables.spoiled_manifests())
    def test_another_validator_agrees_a_thousand_times(
        self, value: dict[str, Any], spoiled: dict[str, Any]
    ) -> None:
        _agrees(value)
        _agrees(spoiled)

    @settings(max_examples=150, suppress_health_check=QUIET)
    @given(st.data())
    def test_another_validator_agrees_on_any_odd_value_anywhere(self, data: st.DataObject) -> None:
        value = copy.deepcopy(VALUE)
        spot = data.draw(st.sampled_from(list(_spots(value))))
        holder, key = spot
        holder[key] = data.draw(st.sampled_from(ODD))
        _agrees(value)


# What implementations of JSON Schema are known to see differently.
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 0.0, 1.0, -0.0, 1.5, 1e300, 2**53 - 1, -(2**53) + 1,
    9007199254740992.0, "", "\n", "a\n", "1.0.0\n", "\t", "\x00", "\u2028", "\u202e", "🚀", "\x85",
    "é", "٣.1.2", "²", "1.0", "x" * 101,
    [], [[]], {}, {"": ""}, {"a\n": 1}, {"\x7f": 1}, {"a": [{"b": "\x1b"}]},
)  # fmt: skip


def _spots(value: Any) -> Any:
    """Every place in a document: the container and the key."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, held in pairs:
        yield value, key
        if isinstance(held, (dict, list)):
            yield from _spots(held)


def _after(*values: dict[str, Any]) -> fields.Document:
    """What reads manifests, after it has read some."""
    document = fields.Document(Manifest, "1.0", MOST_BYTES, DOCUMENT._relations)
    for value in values:
        document.read(json_rules.dump(value), "")
    return document


def _answer(document: fields.Document, text: bytes) -> object:
    try:
        return list(document.read(text, "manifest.json").items())
    except FormatError as error:
        return str(error), error.found


def _built(value: dict[str, Any]) -> Manifest:
    return fields.read(Manifest, value)


def _refusal(value: Any) -> str:
    return refusal(FormatError, Manifest.parse, json_rules.dump(value))[0]


def _unbuilt(change: dict[str, Any]) -> str:
    return refusal(FormatError, lambda: dataclasses.replace(_built(VALUE), **change))[0]


def _nested(levels: int) -> Any:
    return [_nested(levels - 1)] if levels else 1


def _reads_back(value: dict[str, Any]) -> None:
    manifest = _built(value)
    data = manifest.render()

    assert Manifest.parse(data) == manifest
    assert Manifest.parse(data).render() == data
    assert json.loads(data) == value


def _agrees(value: dict[str, Any]) -> None:
    try:
        document = json_rules.parse(json_rules.dump(value), "manifest.json", most_bytes=10**7)
    except FormatError:  # no document at all, so that nobody is asked
        return
    found = list(Record(Manifest).faults(document, ""))

    assert JUDGE.is_valid(document) == (not found), found


def _with(path: str, held: Any) -> dict[str, Any]:
    """`VALUE` with something else at a path such as "data[0].role"."""
    value = copy.deepcopy(VALUE)
    if path.startswith("data"):
        value["data"] = [copy.deepcopy(DATASET)]
    if path.startswith("baseline"):
        value["baseline"] = {"version": "0.9.0", "metrics": {}}
    *way, key = re.findall(r"[^.\[\]]+", path)
    holder: Any = value
    for part in way:
        holder = holder[int(part) if part == "0" else part]
    holder[key] = held
    return value


def _reversed(value: Any) -> Any:
    """The same with the keys of every object the other way round."""
    if isinstance(value, dict):
        return {key: _reversed(held) for key, held in reversed(value.items())}
    return [_reversed(held) for held in value] if isinstance(value, list) else value
