"""registry.json: canonical bytes, strict reading, and what differs between two of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitmodelstore.errors import FormatError
from gitmodelstore.values.names import Version
from gitmodelstore.values.registry import EMPTY, Change, Registry

from .strategies import model_names, versions

STATUSES = ["registered", "staging", "production", "archived", "withdrawn", "shadow-2"]

registered = st.tuples(model_names(), versions(), st.sampled_from(STATUSES))
histories = st.lists(registered, max_size=12)


def document(models: Any, schema: Any = "1.0") -> bytes:
    return json.dumps({"schema": schema, "models": models}, indent=2).encode() + b"\n"


def of(**models: dict[str, str]) -> Registry:
    """`of(churn={"1.0.0": "staging"})`"""
    return Registry.parse(
        document({m: {v: {"status": s} for v, s in held.items()} for m, held in models.items()})
    )


def built(history: list[tuple[str, str, str]]) -> Registry:
    registry = EMPTY
    for model, version, status in history:
        registry = registry.with_status(model, Version.parse(version), status)
    return registry


def refusal(data: bytes) -> str:
    with pytest.raises(FormatError) as caught:
        Registry.parse(data)
    assert caught.value.path == "registry.json"
    return str(caught.value)


class TestCanonicalBytes:
    """Exactly `json.dumps(indent=2)` with final newline; models by name, versions newest first."""

    @given(histories)
    def test_they_are_those_of_json_with_an_indent_of_two(self, history):
        held: dict[str, dict[str, str]] = {}
        for model, version, status in history:
            held.setdefault(model, {})[version] = status
        expected = {
            model: {
                version: {"status": held[model][version]}
                for version in sorted(held[model], key=Version.parse, reverse=True)
            }
            for model in sorted(held)
        }

        assert built(history).render() == document(expected)

    @given(histories)
    def test_what_is_written_is_read_back(self, history):
        registry = built(history)

        assert Registry.parse(registry.render()) == registry
        assert Registry.parse_history(registry.render()) == registry

    def test_an_empty_one_has_no_lines_for_models(self):
        assert EMPTY.render() == b'{\n  "schema": "1.0",\n  "models": {}\n}\n'

    def test_a_new_version_adds_three_lines_and_touches_none(self):
        before = of(churn={"1.1.0": "production", "1.0.0": "archived"}, fraud={"1.0.0": "staging"})

        after = before.with_status("churn", Version(1, 2, 0), "registered")

        old, new = (registry.render().decode().splitlines() for registry in (before, after))
        place = new.index('      "1.2.0": {')
        assert new[:place] + new[place + 3 :] == old


class TestWithStatus:
    def test_a_backport_and_a_pre_release_stand_in_their_places(self):
        registry = built(
            [("m", v, "registered") for v in ("1.0.0", "2.0.0", "2.0.0-rc.1", "1.0.1", "0.9.0")]
        )

        assert list(registry.models["m"]) == ["2.0.0", "2.0.0-rc.1", "1.0.1", "1.0.0", "0.9.0"]
        assert registry.highest("m") == Version(2, 0, 0)

    def test_a_change_of_status_moves_nothing_else(self):
        before = of(churn={"1.1.0": "staging", "1.0.0": "production"})

        after = before.with_status("churn", Version(1, 0, 0), "archived")

        assert after == of(churn={"1.1.0": "staging", "1.0.0": "archived"})
        assert before == of(churn={"1.1.0": "staging", "1.0.0": "production"})


class TestQuestions:
    registry = of(
        churn={"1.2.0": "staging", "1.1.0": "production", "1.0.0": "staging"},
        fraud={"1.0.0": "registered"},
    )

    def test_holders_come_highest_first(self):
        assert self.registry.holders("churn", "staging") == (Version(1, 2, 0), Version(1, 0, 0))
        assert self.registry.holders("churn", "archived") == ()

    def test_an_unknown_model_has_nothing(self):
        assert self.registry.versions("x") == ()
        assert self.registry.highest("x") is None
        assert self.registry.status("x", Version(1, 0, 0)) is None
        assert self.registry.holders("x", "production") == ()

    def test_a_version_has_one_status(self):
        assert self.registry.status("churn", Version(1, 1, 0)) == "production"
        assert self.registry.status("churn", Version(9, 0, 0)) is None


class TestChanges:
    def test_each_version_whose_status_differs_is_named(self):
        before = of(churn={"1.1.0": "production", "1.0.0": "archived"}, old={"1.0.0": "archived"})
        after = of(
            churn={"1.2.0": "registered", "1.1.0": "archived", "1.0.0": "archived"},
            new={"0.1.0": "staging"},
        )

        assert list(before.changes(after)) == [
            Change("churn", Version(1, 2, 0), None, "registered"),
            Change("churn", Version(1, 1, 0), "production", "archived"),
            Change("new", Version(0, 1, 0), None, "staging"),
            Change("old", Version(1, 0, 0), "archived", None),
        ]

    @given(histories, histories)
    def test_they_lead_from_one_registry_to_the_other(self, first, second):
        before, after = built(first), built(first + second)

        reached = before
        for change in before.changes(after):
            assert reached.status(change.model, change.version) == change.before
            reached = reached.with_status(change.model, change.version, change.after or "")

        assert reached == after
        assert not list(after.changes(after))


VERSION = {"status": "registered"}


class TestRefusals:
    @pytest.mark.parametrize(
        ("models", "message"),
        [
            ([], "'models': expected an object"),
            ({"churn": []}, "'models.churn': expected an object"),
            ({"churn": {}}, "'models.churn': a model without versions"),
            ({"Churn": {"1.0.0": VERSION}}, "'models.Churn': 'Churn' is not a model name"),
            ({"churn": {"v1.0.0": VERSION}}, "'models.churn': 'v1.0.0' is not a SemVer version"),
            (
                {"churn": {"1.0.0": "registered"}},
                "'models.churn.1.0.0': expected {\"status\": …} and no more",
            ),
            (
                {"churn": {"1.1.0": VERSION, "1.0.0": {"state": "x"}}},
                "'models.churn.1.0.0': expected {\"status\": …} and no more",
            ),
            (
                {"churn": {"1.0.0": {**VERSION, "auc": 0.9}}},
                "'models.churn.1.0.0': expected {\"status\": …} and no more",
            ),
            (
                {"churn": {"1.0.0": {"status": None}}},
                "'models.churn.1.0.0': expected {\"status\": …} and no more",
            ),
            (
                {"churn": {"1.0.0": {"status": "In Production"}}},
                "'models.churn.1.0.0': 'In Production' is not a status name",
            ),
            (
                {"churn": {"1.0.0": VERSION, "1.1.0": VERSION}},
                "'models.churn': 1.0.0 comes before 1.1.0, the highest comes first",
            ),
            (
                {"a\u202eb": {"1.0.0": VERSION}},
                r"'models.'a\u202eb'': 'a\u202eb' is not a model name",
            ),
        ],
    )
    def test_a_fault_is_told_with_its_place(self, models, message):
        assert refusal(document(models)) == f"registry.json: {message}"

    def test_every_fault_is_told_at_once(self):
        bad = {"1.1": {"status": "Live"}, "1.0.0": {"status": "gone!"}}
        with pytest.raises(FormatError) as caught:
            Registry.parse(document({"Churn": {"1.0.0": VERSION}, "fraud": bad}))

        assert [fault.partition(" is ")[0] for fault in caught.value.faults] == [
            "'models.Churn': 'Churn'",
            "'models.fraud': '1.1'",
            "'models.fraud.1.1': 'Live'",
            "'models.fraud.1.0.0': 'gone!'",
        ]

    def test_models_out_of_order_are_refused(self):
        data = document({"fraud": {"1.0.0": VERSION}, "churn": {"1.0.0": VERSION}})

        assert refusal(data) == (
            "registry.json: not in canonical form: models by name, versions highest first, "
            "indented by two"
        )

    @pytest.mark.parametrize(
        "change",
        [
            lambda data: data.rstrip(),
            lambda data: data.replace(b"\n", b"\r\n"),
            lambda data: data.replace(b"  ", b"\t"),
            lambda data: data.replace(b"churn", b"ch\\u0075rn"),
            lambda data: data + b"\n",
        ],
    )
    def test_the_same_content_in_other_bytes_is_refused(self, change):
        assert "not in canonical form" in refusal(change(document({"churn": {"1.0.0": VERSION}})))

    @pytest.mark.parametrize("schema", ["2.0", "1.1", 1, None])
    def test_another_schema_is_refused_by_name(self, schema):
        with pytest.raises(FormatError) as caught:
            Registry.parse(document({}, schema))

        expected = f"registry.json: schema {schema!r}, this gitmodelstore reads '1.0'"
        assert str(caught.value) == expected
        assert caught.value.hint == "upgrade gitmodelstore to read it"

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", "registry.json:1:1: not JSON: expecting value"),
            (b"[]", "registry.json: expected the keys 'schema' and 'models'"),
            (b'{"schema": "1.0"}', "registry.json: expected the keys 'schema' and 'models'"),
            (
                b'{"schema": "1.0", "models": {}, "models": {}}',
                "registry.json: the key 'models' appears twice in one object",
            ),
            (b"\xff", "registry.json: not UTF-8 at byte 0"),
            (b"<<<<<<< HEAD\n", "registry.json:1:1: not JSON: expecting value"),
            (b"[" * 100_000, "registry.json: nested more than 32 deep"),
        ],
    )
    def test_what_is_no_registry_is_refused(self, data, message):
        assert refusal(data) == message

    @given(st.binary(max_size=60) | st.text('{}[]":,1schemodlu. \n', max_size=60).map(str.encode))
    def test_no_bytes_raise_anything_else(self, data):
        for parse in (Registry.parse, Registry.parse_history):
            with pytest.raises(FormatError):
                parse(data)


class TestHistory:
    """History is read even where somebody once wrote it by hand."""

    def test_form_and_order_are_not_judged(self):
        data = json.dumps({"schema": "1.0", "models": {"b": {"1.0.0": VERSION}, "a": {}}}).encode()

        assert Registry.parse_history(data).status("b", Version(1, 0, 0)) == "registered"

    def test_entries_that_no_version_could_be_are_passed_over(self):
        good = {"1.0.0": VERSION}
        data = document(
            {"churn": {**good, "v2": VERSION, "3.0.0": {"status": "\x1b[2J"}}, "Not A Model": good}
        )

        assert Registry.parse_history(data) == of(churn={"1.0.0": "registered"})

    @pytest.mark.parametrize("data", [b"{", b"[" * 100_000, b"1" * 5000, b"null", b"\xff"])
    def test_what_has_no_such_structure_is_refused(self, data):
        with pytest.raises(FormatError):
            Registry.parse_history(data)
