"""Gates, judged on each commit with its first parent's settings, by every judge alike."""

from __future__ import annotations

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import LifecycleError

from .conftest import Found, Place

GATE = """\
schema = "1.0"

[lifecycle]
moves = { archived = ["registered"] }

[gates.production]
from = ["staging"]
require = ["card.intended_use"]
"""
FAULTS = [("GMS043", "registry.json"), ("GMS043", "registry.json")]  # from, card.intended_use


@pytest.fixture
def gated(place: Place) -> Place:
    place.file("modelstore.toml").write_text(GATE)
    place.commit("a gate before production")
    place.git("push", "--quiet", "origin", "main")
    return place


def promote(place: Place, version: str = "1.2.0", holder: str = "1.1.0") -> None:
    def edit(held: dict) -> None:
        held["models"]["churn"][version]["status"] = "production"
        held["models"]["churn"][holder]["status"] = "archived"

    place.edit("registry.json", edit)


def everywhere(place: Place, message: str = "go live") -> Found:
    """Commit what is edited, and return what every judge says of it."""
    place.commit(message)
    found = place.by_library()
    assert place.by_range() == place.by_command("validate") == found
    assert place.by_pre_push() == place.by_pre_receive() == found
    return found


def test_a_promotion_by_hand_meets_the_gate(gated: Place) -> None:
    promote(gated)

    assert gated.by_pre_commit() == FAULTS
    assert everywhere(gated) == FAULTS


def test_the_library_meets_the_same_gate(gated: Place) -> None:
    with pytest.raises(LifecycleError) as caught:
        Store.open(gated.path).promote("churn@1.2.0", "production")

    assert "comes from registered, must come from staging" in str(caught.value)


def test_an_override_with_a_reason_is_recorded_and_passes(gated: Place) -> None:
    store = Store.open(gated.path, durable=False)
    store.promote("churn@1.2.0", "production", force=True, reason="the release cannot wait")

    assert gated.by_range() == gated.by_command("validate") == []
    assert gated.by_pre_push() == gated.by_pre_receive() == []


def test_the_server_may_take_no_overrides(gated: Place) -> None:
    gated.git("-C", str(gated.shared), "config", "modelstore.overrides", "false")
    store = Store.open(gated.path, durable=False)
    store.promote("churn@1.2.0", "production", force=True, reason="the release cannot wait")

    assert gated.by_pre_push() == []
    assert gated.by_pre_receive() == sorted([*FAULTS, ("GMS045", "registry.json")])


def test_who_held_production_returns_without_conditions(gated: Place) -> None:
    store = Store.open(gated.path, durable=False)
    store.promote("churn@1.2.0", "production", force=True, reason="the release cannot wait")
    store.rollback("churn", reason="drift")

    assert gated.by_range("HEAD~2") == []
    assert gated.by_pre_receive() == []


def test_a_commit_that_weakens_the_policy_and_promotes_at_once(gated: Place) -> None:
    gated.file("modelstore.toml").write_text('schema = "1.0"\n')
    promote(gated)

    assert everywhere(gated) == [*FAULTS, ("GMS044", "modelstore.toml")]


def test_a_merge_that_brings_both(gated: Place) -> None:
    """Each commit of the branch is right by its own parent's settings; the merge is not."""
    gated.git("switch", "--quiet", "--create", "sly")
    gated.file("modelstore.toml").write_text('schema = "1.0"\n')
    gated.commit("simplify")
    promote(gated)
    gated.commit("go live")
    assert gated.by_command("validate", "--range", "main..sly") == FAULTS
    gated.git("switch", "--quiet", "main")
    gated.git("merge", "--quiet", "--no-ff", "-m", "merge", "sly")

    assert gated.by_pre_receive() == FAULTS


def test_a_move_that_the_table_does_not_have(gated: Place) -> None:
    def edit(held: dict) -> None:
        held["models"]["churn"]["1.0.0"]["status"] = "archived"

    gated.edit("registry.json", edit)
    gated.commit("archive")
    gated.git("push", "--quiet", "--no-verify", "origin", "main")

    def back(held: dict) -> None:
        held["models"]["churn"]["1.0.0"]["status"] = "staging"

    gated.edit("registry.json", back)

    assert everywhere(gated) == [("GMS042", "registry.json")]
