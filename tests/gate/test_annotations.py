"""Gates on annotations, judged on each commit from its first parent's history, by every judge."""

from __future__ import annotations

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import GateNotPassed

from .conftest import Place
from .test_policy import everywhere

GATE = """\
schema = "1.0"

[gates.production]
metrics = ["annotations.validation_auc >= 0.8"]
require = ["annotations.approval"]
"""
FAULTS = [("GMS043", "registry.json"), ("GMS043", "registry.json")]


@pytest.fixture
def gated(place: Place) -> Place:
    place.settle(GATE)
    return place


def annotate(place: Place, **said: object) -> None:
    Store.open(place.path, durable=False).annotate("churn@1.2.0", said)


def test_a_promotion_by_hand_without_annotations_is_refused(gated: Place) -> None:
    gated.go_live()

    assert gated.by_pre_commit() == FAULTS
    assert everywhere(gated) == FAULTS


def test_with_them_it_passes(gated: Place) -> None:
    annotate(gated, validation_auc=0.83, approval="A-17")
    gated.go_live()

    assert gated.by_pre_commit() == []
    gated.git("reset", "--quiet", "--soft", "HEAD~1")
    assert everywhere(gated) == []


def test_those_of_another_version_do_not_count(gated: Place) -> None:
    store = Store.open(gated.path, durable=False)
    store.annotate("churn@1.0.0", {"validation_auc": 0.83, "approval": "A-17"})
    gated.go_live()

    assert everywhere(gated) == FAULTS


def test_nor_those_that_were_taken_back_or_fell(gated: Place) -> None:
    annotate(gated, validation_auc=0.83, approval="A-17")
    annotate(gated, validation_auc=0.7, approval=None)
    gated.go_live()

    assert everywhere(gated) == FAULTS


def test_nor_those_that_come_behind_the_promotion(gated: Place) -> None:
    gated.go_live()
    gated.commit("go live")
    annotate(gated, validation_auc=0.83, approval="A-17")

    assert gated.by_range("HEAD~2") == FAULTS
    assert gated.by_pre_receive() == FAULTS


def test_the_library_says_each_condition_and_what_to_type(gated: Place) -> None:
    annotate(gated, validation_auc=0.7)
    store = Store.open(gated.path, durable=False)

    with pytest.raises(GateNotPassed) as caught:
        store.promote("churn@1.2.0", "production")

    assert str(caught.value).split("\n  ") == [
        "churn 1.2.0 does not pass the gate of production",
        "failed: annotations.validation_auc is 0.7, must be >= 0.8",
        "failed: annotations.approval is missing, must be recorded",
    ]
    annotate(gated, validation_auc=0.8)
    with pytest.raises(GateNotPassed) as caught:
        store.promote("churn@1.2.0", "production")
    assert caught.value.hint == (
        "run `gms annotate churn@1.2.0 approval=VALUE`, or override it: "
        "gms promote churn@1.2.0 production --force --reason TEXT"
    )
    annotate(gated, approval="A-17")
    store.promote("churn@1.2.0", "production")
    assert gated.by_range("origin/main") == gated.by_pre_push() == gated.by_pre_receive() == []


@pytest.mark.parametrize("way", ["merge", "squash"])
def test_a_proposal_that_brings_both(gated: Place, way: str) -> None:
    gated.git("checkout", "--quiet", "-b", "proposal")
    gated.git("config", "store.branch", "proposal")
    annotate(gated, validation_auc=0.83, approval="A-17")
    Store.open(gated.path, durable=False).promote("churn@1.2.0", "production")
    gated.git("config", "store.branch", "main")
    assert gated.by_range("main") == []
    body = gated.git("log", "--reverse", "--format=* %B", "main..proposal")
    gated.git("checkout", "--quiet", "main")
    gated.write("README.md", "main went on\n", "main goes on")
    if way == "merge":
        gated.git("merge", "--quiet", "--no-ff", "-m", "Merge", "proposal")
    else:
        gated.git("merge", "--quiet", "--squash", "proposal")
        gated.commit(f"Squashed\n\n{body}")

    assert gated.by_library() == []
    assert gated.by_range("origin/main") == gated.by_command("validate") == []
    assert gated.by_pre_push() == gated.by_pre_receive() == []


def test_a_rollback_asks_for_none(gated: Place) -> None:
    annotate(gated, validation_auc=0.83, approval="A-17")
    store = Store.open(gated.path, durable=False)
    store.promote("churn@1.2.0", "production")
    store.rollback("churn", reason="it was better", keep=True)

    assert gated.by_range("origin/main") == gated.by_pre_receive() == []
