"""registry.json: its bytes, strict reading, what differs between two, and merging them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitmodelstore.errors import FormatError, MergeConflict
from gitmodelstore.values import registry as registry_module
from gitmodelstore.values.names import Version
from gitmodelstore.values.registry import (
    EMPTY,
    Change,
    Registry,
    canonical_changes,
    changes_between,
    merge,
)

from .refusals import refusal as said
from .strategies import model_names, versions

STATUSES = ["registered", "staging", "production", "archived", "withdrawn", "shadow-2"]

registered = st.tuples(model_names(), versions(), st.sampled_from(STATUSES))
histories = st.lists(registered, max_size=12)


def document(models: Any, schema: Any = "1.0") -> bytes:
    return json.dumps({"schema": schema, "models": models}, indent=2).encode() + b"\n"


def of(**models: str) -> Registry:
    """`of(churn="1.1.0 staging, 1.0.0 archived")`"""
    return built(
        [(model, *entry.split()) for model, held in models.items() for entry in held.split(", ")]
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

    def test_a_new_version_adds_three_lines_and_touches_none(self):
        before = of(churn="1.1.0 production, 1.0.0 archived", fraud="1.0.0 staging")

        after = before.with_status("churn", Version(1, 2, 0), "registered")

        old, new = (registry.render().decode().splitlines() for registry in (before, after))
        place = new.index('      "1.2.0": {')
        assert new[:place] + new[place + 3 :] == old


def test_a_change_of_status_moves_nothing_else():
    before = of(churn="1.1.0 staging, 1.0.0 production")

    after = before.with_status("churn", Version(1, 0, 0), "archived")

    assert after == of(churn="1.1.0 staging, 1.0.0 archived")
    assert before == of(churn="1.1.0 staging, 1.0.0 production")


def test_what_a_registry_is_asked():
    registry = of(churn="1.2.0 staging, 1.1.0 production, 1.0.0 staging", fraud="1.0.0 registered")

    assert registry.holders("churn", "staging") == (Version(1, 2, 0), Version(1, 0, 0))
    assert registry.holders("churn", "archived") == registry.holders("x", "production") == ()
    assert registry.status("churn", Version(1, 1, 0)) == "production"
    assert registry.status("churn", Version(9, 0, 0)) is registry.status("x", Version(1, 0, 0))
    assert registry.status("x", Version(1, 0, 0)) is None
    assert registry.highest("churn") == Version(1, 2, 0)
    assert (registry.versions("x"), registry.highest("x")) == ((), None)


class TestChanges:
    def test_each_version_whose_status_differs_is_named(self):
        before = of(churn="1.1.0 production, 1.0.0 archived", old="1.0.0 archived")
        after = of(churn="1.2.0 registered, 1.1.0 archived, 1.0.0 archived", new="0.1.0 staging")

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
NO_STATUS = "'models.churn.1.0.0': expected {\"status\": …} and no more"


class TestRefusals:
    @pytest.mark.parametrize(
        ("models", "message"),
        [
            ([], "'models': expected an object"),
            ({"churn": []}, "'models.churn': expected an object"),
            ({"churn": {}}, "'models.churn': a model without versions"),
            ({"Churn": {"1.0.0": VERSION}}, "'models.Churn': 'Churn' is not a model name"),
            ({"churn": {"v1.0.0": VERSION}}, "'models.churn': 'v1.0.0' is not a SemVer version"),
            ({"churn": {"1.0.0": "registered"}}, NO_STATUS),
            ({"churn": {"1.1.0": VERSION, "1.0.0": {"state": "x"}}}, NO_STATUS),
            ({"churn": {"1.0.0": {**VERSION, "auc": 0.9}}}, NO_STATUS),
            ({"churn": {"1.0.0": {"status": None}}}, NO_STATUS),
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
        assert refusal(document({"fraud": {"1.0.0": VERSION}, "churn": {"1.0.0": VERSION}})) == (
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
        assert said(FormatError, Registry.parse, document({}, schema)) == (
            f"registry.json: schema {schema!r}, this gitmodelstore reads '1.0'",
            "upgrade gitmodelstore to read it",
        )

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", "registry.json:1:1: not JSON: expecting value"),
            (b"[]", "registry.json: expected the keys 'schema' and 'models'"),
            (b'{"schema": "1.0"}', "registry.json: expected the keys 'schema' and 'models'"),
            (
                b'{"schema": "1.0", "models": {}, "odd": 1}',
                "registry.json: expected the keys 'schema' and 'models'",
            ),
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

        assert Registry.parse_history(data) == of(churn="1.0.0 registered")

    def test_it_is_brought_into_order(self):
        texts = dict.fromkeys(("1.9.0", "1.10.0", "1.10.0-rc.1"), VERSION)
        data = json.dumps({"schema": "1.0", "models": {"b": texts, "empty": {}, "a": texts}})

        ordered = Registry.parse_history(data.encode()).in_order()

        assert Registry.parse(ordered.render()) == ordered
        assert [*map(str, ordered.versions("a"))] == ["1.10.0", "1.10.0-rc.1", "1.9.0"]
        assert [*ordered.models] == ["a", "b"]

    @pytest.mark.parametrize("data", [b"{", b"[" * 100_000, b"1" * 5000, b"null", b"\xff"])
    def test_what_has_no_such_structure_is_refused(self, data):
        with pytest.raises(FormatError):
            Registry.parse_history(data)
        with pytest.raises(FormatError):
            changes_between(EMPTY.render(), data)


# Changes that are found in the text

EDITS = st.lists(
    st.tuples(
        st.sampled_from(["a", "a-b", "ab", "b", "churn"]),
        st.builds("{}.{}.{}".format, st.integers(0, 3), st.integers(0, 12), st.integers(0, 2)),
        st.sampled_from(STATUSES),
    ),
    max_size=25,
)


@given(EDITS, EDITS)
def test_changes_in_the_text_are_those_of_the_parsed_registries(first, second):
    before = built(first)
    after = built(first + second)

    apart = built(second)
    pairs = ((before, after), (after, before), (before, before), (before, apart), (apart, after))
    for old, new in pairs:
        assert changes_between(old.render(), new.render()) == tuple(old.changes(new))


def test_a_model_that_is_lost_may_end_as_the_one_before_it():
    alike = [(model, f"1.{minor}.0", "archived") for model in "bc" for minor in (0, 1)]
    before = built([("a", "1.0.0", "staging"), *alike])
    after = built([("a", "1.0.0", "production"), *alike[:2]])

    assert changes_between(before.render(), after.render()) == tuple(before.changes(after))


@given(EDITS, EDITS, st.sampled_from(["", "comma", "order", "twice", "name"]))
def test_beside_one_that_is_known_a_text_is_read_as_alone(first, second, fault):
    near, text = built(first), built(first + second).render()
    if fault == "comma":
        text = text.replace(b',\n    "', b'\n    "', 1)
    elif fault == "order":
        text = text.replace(b'"1.', b'"0.', 1)
    elif fault == "twice":
        text = text.replace(b'"ab"', b'"a"')
    elif fault == "name":
        text = text.replace(b"staging", b"no name")

    assert answer(text, (near.render(), near)) == answer(text)


def answer(data: bytes, near: tuple[bytes, Registry] | None = None) -> object:
    try:
        registry = Registry.parse(data, near)
    except FormatError as error:
        return str(error), error.found
    return [(model, list(statuses.items())) for model, statuses in registry.models.items()]


class TestCanonicalChanges:
    @given(EDITS, st.lists(EDITS, min_size=1, max_size=4))
    def test_are_what_the_parsed_registries_differ_in(self, first, later):
        states = [built([*first, ("b", "1.0.0", "staging")])]
        for edits in later:
            states.append(built([*first, *edits, ("b", "1.0.1", "archived")]))

        for old, new in pairwise(states):
            assert canonical_changes(old.render(), new.render()) == tuple(old.changes(new))

    @given(EDITS, EDITS, st.randoms(use_true_random=False))
    def test_a_text_edited_by_hand_is_unclear_or_read_as_it_parses(self, first, second, random):
        before = built([*first, ("b", "1.0.0", "staging")]).render()
        text = built([*first, *second, ("b", "1.0.0", "staging")]).render().splitlines()
        for _ in range(random.randrange(1, 4)):
            at, other = random.randrange(len(text)), random.randrange(len(text))
            what = random.choice(["drop", "twice", "swap", "move", "comma", "text", "model"])
            if what == "drop":
                del text[at]
            elif what == "twice":
                text[at:at] = text[other : other + random.randrange(1, 5)]
            elif what == "swap":
                text[at], text[other] = text[other], text[at]
            elif what == "move":
                entries = [at for at, line in enumerate(text) if line.startswith(b'      "')]
                at, other = random.choice(entries or [0]), random.choice(entries or [0])
                entry = text[at : at + 3]
                del text[at : at + 3]
                text[other:other] = entry
            elif what == "comma":
                text[at] = text[at].removesuffix(b",")
            elif what == "text":
                text[at] = text[at].replace(b"0", b"00").replace(b"staging", b"No Name")
            else:
                text[at:at] = [b"    },", b'    "other": {']
            if not text:
                break
        after = b"".join(line + b"\n" for line in text)
        changes = canonical_changes(before, after)

        if changes is not None:
            assert changes == changes_between(before, after)
            assert changes == tuple(
                Registry.parse_history(before).changes(Registry.parse_history(after))
            )
            assert Registry.parse(after)

    def test_beyond_what_a_file_may_have_are_none(self, monkeypatch):
        before, after = built([("b", "1.0.0", "staging")]), built([("b", "1.0.0", "registered")])
        monkeypatch.setattr(registry_module, "MOST_BYTES", len(before.render()) + 2)

        assert canonical_changes(before.render(), after.render()) is None

    @pytest.mark.parametrize("data", [EMPTY.render(), b"{}", b"", b"\xff"])
    def test_need_a_canonical_text_with_versions(self, data):
        assert canonical_changes(built([("b", "1.0.0", "staging")]).render(), data) is None


@given(EDITS, EDITS)
def test_changes_are_found_in_any_other_form_too(first, second):
    before, after = built(first), built(second)
    compact = json.dumps(json.loads(after.render())).encode()

    assert changes_between(before.render(), compact) == tuple(before.changes(after))


def test_a_change_among_a_thousand_versions_parses_a_few_lines(monkeypatch):
    many = built([("churn", f"1.0.{n}", "archived") for n in range(1000)])
    later = many.with_status("churn", Version(1, 0, 500), "production")
    monkeypatch.setattr(
        registry_module,
        "_read",
        lambda region, read=registry_module._read: read(
            region if len(region) < 300 else pytest.fail("more than the entry was parsed")
        ),
    )

    (change,) = changes_between(many.render(), later.render())

    assert change == Change("churn", Version(1, 0, 500), "archived", "production")


# Merging: both sides happened, or the clash is named

PRODUCTION = frozenset({"production"})


def clashes(base: Registry, ours: Registry, theirs: Registry, *more: str) -> tuple[str, ...]:
    with pytest.raises(MergeConflict) as caught:
        merge(base, ours, theirs, PRODUCTION | {*more})
    return caught.value.clashes


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [
        (  # versions that either side registered are both there
            "1.0.0 production",
            "1.1.0 registered, 1.0.0 production",
            "1.2.0 staging, 1.0.0 production",
            "1.2.0 staging, 1.1.0 registered, 1.0.0 production",
        ),
        (  # moves of different versions are both made
            "1.1.0 registered, 1.0.0 registered",
            "1.1.0 staging, 1.0.0 registered",
            "1.1.0 registered, 1.0.0 archived",
            "1.1.0 staging, 1.0.0 archived",
        ),
        (  # a promotion meets a registration
            "1.1.0 staging, 1.0.0 production",
            "1.1.0 production, 1.0.0 archived",
            "1.2.0 registered, 1.1.0 staging, 1.0.0 production",
            "1.2.0 registered, 1.1.0 production, 1.0.0 archived",
        ),
        # the same move on both sides is one
        ("1.0.0 registered", "1.0.0 production", "1.0.0 production", "1.0.0 production"),
        (  # two holders that were there before are nobody's clash
            "1.1.0 production, 1.0.0 production",
            "1.1.0 production, 1.0.0 production",
            "1.1.0 production, 1.0.0 production",
            "1.1.0 production, 1.0.0 production",
        ),
    ],
)
def test_both_sides_happened(base, ours, theirs, merged):
    sides = of(churn=base), of(churn=ours, fraud="1.0.0 staging"), of(churn=theirs, spam="0.1.0 a")

    assert merge(*sides, PRODUCTION) == of(churn=merged, fraud="1.0.0 staging", spam="0.1.0 a")


@pytest.mark.parametrize("lost", ["ours", "theirs", "both"])
def test_a_version_is_never_lost(lost):
    base = of(churn="1.1.0 registered, 1.0.0 archived", fraud="1.0.0 staging")
    less = of(churn="1.1.0 registered")
    sides = {"ours": base, "theirs": base}
    sides.update({name: less for name in sides if lost in (name, "both")})

    assert merge(base, **sides, exclusive=PRODUCTION) == base


def test_a_version_that_one_side_lost_and_the_other_moved_is_where_it_was_moved():
    base, theirs = of(churn="1.0.0 registered"), of(churn="1.0.0 staging")

    assert merge(base, EMPTY, theirs, PRODUCTION) == theirs
    assert merge(base, theirs, EMPTY, PRODUCTION) == theirs


def test_two_moves_of_one_version_clash():
    base = of(churn="1.0.0 staging")

    sides = of(churn="1.0.0 archived"), of(churn="1.0.0 production")

    assert said(MergeConflict, merge, base, *sides, PRODUCTION) == (
        "registry.json cannot be merged: churn 1.0.0: ours is archived, theirs production",
        "agree on one side, abort the merge, bring the other side in line with `gms promote`, "
        "`gms archive` or `gms withdraw`, and merge again",
    )


def test_two_promotions_of_different_versions_clash():
    base = of(churn="1.2.0 staging, 1.1.0 staging, 1.0.0 production")
    ours = of(churn="1.2.0 staging, 1.1.0 production, 1.0.0 archived")
    theirs = of(churn="1.2.0 production, 1.1.0 staging, 1.0.0 archived")

    assert clashes(base, ours, theirs) == ("churn in production: ours is 1.1.0, theirs 1.2.0",)


def test_two_holders_are_fine_where_the_status_is_shared():
    base = of(churn="1.1.0 registered, 1.0.0 registered")
    ours, theirs = (
        of(churn="1.1.0 staging, 1.0.0 registered"),
        of(churn="1.1.0 registered, 1.0.0 staging"),
    )

    assert merge(base, ours, theirs, PRODUCTION) == of(churn="1.1.0 staging, 1.0.0 staging")
    assert clashes(base, ours, theirs, "staging") == (
        "churn in staging: ours is 1.1.0, theirs 1.0.0",
    )


def test_every_clash_is_kept_and_five_are_told():
    numbers = range(7)
    base, ours, theirs = (
        of(churn=", ".join(f"1.{n}.0 {status}" for n in numbers))
        for status in ("registered", "staging", "archived")
    )

    with pytest.raises(MergeConflict) as caught:
        merge(base, ours, theirs, PRODUCTION)

    assert len(caught.value.clashes) == 7
    assert str(caught.value).endswith("churn 1.2.0: ours is staging, theirs archived; and 2 more")


entries = st.dictionaries(
    st.tuples(st.sampled_from(["churn", "fraud"]), st.sampled_from(["1.0.0", "1.1.0", "2.0.0-a"])),
    st.sampled_from(["registered", "staging", "production", "archived"]),
)


def registries() -> st.SearchStrategy[Registry]:
    return entries.map(lambda held: built([(*key, status) for key, status in held.items()]))


@given(registries(), registries(), registries())
def test_the_order_of_the_sides_does_not_matter(base, ours, theirs):
    def outcome(left: Registry, right: Registry) -> Registry | int:
        try:
            return merge(base, left, right, PRODUCTION)
        except MergeConflict as error:
            return len(error.clashes)

    assert outcome(ours, theirs) == outcome(theirs, ours)


@given(registries(), registries())
def test_a_side_that_did_nothing_takes_what_the_other_did(base, ours):
    merged = merge(base, ours, base, frozenset())

    assert Registry.parse(merged.render() if merged.models else EMPTY.render()) == merged
    assert not [c for c in ours.changes(merged) if c.before is not None]
    assert {c.after for c in merged.changes(ours)} <= {None}
