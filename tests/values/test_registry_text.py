"""Differences found in the text are those of the parsed registries."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitmodelstore.errors import FormatError
from gitmodelstore.values import registry as registry_text
from gitmodelstore.values.names import Version
from gitmodelstore.values.registry import EMPTY, Registry, changes_between

MODELS = st.sampled_from(["a", "a-b", "ab", "b", "churn"])
VERSIONS = st.builds(Version, st.integers(0, 3), st.integers(0, 12), st.integers(0, 2))
STATUSES = st.sampled_from(["registered", "staging", "production", "archived", "withdrawn"])
EDITS = st.lists(st.tuples(MODELS, VERSIONS, STATUSES), max_size=25)


def edited(registry: Registry, edits: list[tuple[str, Version, str]]) -> Registry:
    for model, version, status in edits:
        registry = registry.with_status(model, version, status)
    return registry


@given(EDITS, EDITS)
def test_they_are_those_of_the_parsed_registries(first, second):
    before = edited(EMPTY, first)
    after = edited(before, second)

    for old, new in ((before, after), (after, before), (before, before)):
        assert changes_between(old.render(), new.render()) == tuple(old.changes(new))


@given(EDITS, EDITS)
def test_they_are_found_in_any_other_form_too(first, second):
    before, after = edited(EMPTY, first), edited(EMPTY, second)
    compact = json.dumps(json.loads(after.render())).encode()

    assert changes_between(before.render(), compact) == tuple(before.changes(after))


def test_a_change_among_a_thousand_versions_parses_a_few_lines(monkeypatch):
    many = edited(EMPTY, [("churn", Version(1, 0, n), "archived") for n in range(1000)])
    later = many.with_status("churn", Version(1, 0, 500), "production")
    monkeypatch.setattr(
        registry_text,
        "_read",
        lambda region, read=registry_text._read: read(
            region if len(region) < 300 else pytest.fail("more than the entry was parsed")
        ),
    )

    (change,) = changes_between(many.render(), later.render())

    assert (str(change.version), change.before, change.after) == (
        "1.0.500",
        "archived",
        "production",
    )


def test_what_is_no_registry_is_an_error():
    with pytest.raises(FormatError):
        changes_between(EMPTY.render(), b"[]")
