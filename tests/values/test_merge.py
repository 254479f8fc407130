"""Merging two registries: both sides happened, or the clash is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitmodelstore.errors import MergeConflict
from gitmodelstore.values.names import Version
from gitmodelstore.values.registry import EMPTY, Registry, merge

PRODUCTION = frozenset({"production"})


def of(**models: str) -> Registry:
    """`of(churn="1.1.0 staging, 1.0.0 archived")`"""
    registry = EMPTY
    for model, held in models.items():
        for entry in filter(None, held.split(", ")):
            version, status = entry.split()
            registry = registry.with_status(model, Version.parse(version), status)
    return registry


def clashes(base: Registry, ours: Registry, theirs: Registry) -> tuple[str, ...]:
    with pytest.raises(MergeConflict) as caught:
        merge(base, ours, theirs, PRODUCTION)
    return caught.value.clashes


def test_versions_that_either_side_registered_are_both_there():
    base = of(churn="1.0.0 production")
    ours = of(churn="1.1.0 registered, 1.0.0 production", fraud="1.0.0 registered")
    theirs = of(churn="1.2.0 staging, 1.0.0 production", spam="0.1.0 registered")

    assert merge(base, ours, theirs, PRODUCTION) == of(
        churn="1.2.0 staging, 1.1.0 registered, 1.0.0 production",
        fraud="1.0.0 registered",
        spam="0.1.0 registered",
    )


def test_moves_of_different_versions_are_both_made():
    base = of(churn="1.1.0 registered, 1.0.0 registered")
    ours = of(churn="1.1.0 staging, 1.0.0 registered")
    theirs = of(churn="1.1.0 registered, 1.0.0 archived")

    assert merge(base, ours, theirs, PRODUCTION) == of(churn="1.1.0 staging, 1.0.0 archived")


def test_a_promotion_meets_a_registration():
    base = of(churn="1.1.0 staging, 1.0.0 production")
    ours = of(churn="1.1.0 production, 1.0.0 archived")
    theirs = of(churn="1.2.0 registered, 1.1.0 staging, 1.0.0 production")

    assert merge(base, ours, theirs, PRODUCTION) == of(
        churn="1.2.0 registered, 1.1.0 production, 1.0.0 archived"
    )


def test_the_same_move_on_both_sides_is_one():
    base = of(churn="1.0.0 registered")
    both = of(churn="1.0.0 production")

    assert merge(base, both, both, PRODUCTION) == both


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

    with pytest.raises(MergeConflict) as caught:
        merge(base, of(churn="1.0.0 archived"), of(churn="1.0.0 production"), PRODUCTION)

    assert str(caught.value) == (
        "registry.json cannot be merged: churn 1.0.0: ours is archived, theirs production"
    )
    assert caught.value.hint == (
        "agree on one side, abort the merge, bring the other side in line with `gms promote`, "
        "`gms archive` or `gms withdraw`, and merge again"
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
    with pytest.raises(MergeConflict) as caught:
        merge(base, ours, theirs, frozenset({"production", "staging"}))
    assert caught.value.clashes == ("churn in staging: ours is 1.1.0, theirs 1.0.0",)


def test_two_holders_that_were_there_before_are_nobodys_clash():
    broken = of(churn="1.1.0 production, 1.0.0 production")

    assert merge(broken, broken, broken, PRODUCTION) == broken


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


@st.composite
def registries(draw) -> Registry:
    registry = EMPTY
    for (model, version), status in draw(entries).items():
        registry = registry.with_status(model, Version.parse(version), status)
    return registry


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
