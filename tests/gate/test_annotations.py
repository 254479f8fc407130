"""Gates on annotations, judged on each commit from its first parent's history, by every judge."""

from __future__ import annotations

import pytest

from gitmodelstore.errors import GateNotPassed

from .conftest import Place
from .steps import History, Step, back, fork, git, go_live, judge_alike, merge, readme

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


def annotated(ref: str = "churn@1.2.0", **values: object) -> Step:
    return lambda place: place.store.annotate(ref, values)


def promote(place: Place) -> None:
    place.store.promote("churn@1.2.0", "production")


def roll_back(place: Place) -> None:
    place.store.rollback("churn", reason="it was better", keep=True)


def squash(place: Place) -> None:
    body = place.git("log", "--reverse", "--format=* %B", "main..proposal")
    place.git("merge", "--quiet", "--squash", "proposal")
    place.commit(f"Squashed\n\n{body}")


RIGHT = {"validation_auc": 0.83, "approval": "A-17"}
PROPOSED = [
    fork("proposal"),
    git("config", "store.branch", "proposal"),
    annotated(**RIGHT),
    promote,
    git("config", "store.branch", "main"),
    back,
    readme,
]
HISTORIES = [
    History("a promotion by hand without annotations", [go_live], FAULTS),
    History("one with them", [annotated(**RIGHT), go_live]),
    History("those of another version", [annotated("churn@1.0.0", **RIGHT), go_live], FAULTS),
    History(
        "those that were taken back or fell",
        [annotated(**RIGHT), annotated(validation_auc=0.7, approval=None), go_live],
        FAULTS,
    ),
    History("those that come behind the promotion", [go_live, annotated(**RIGHT)], FAULTS),
    History("a proposal that brings both, merged", [*PROPOSED, merge("proposal")]),
    History("a proposal that brings both, squashed", [*PROPOSED, squash]),
    History("a rollback asks for none", [annotated(**RIGHT), promote, roll_back]),
]


@pytest.mark.corpus("history", HISTORIES)
def test_every_judge_says_the_same(gated: Place, history: History) -> None:
    judge_alike(gated, history)


def test_the_hook_before_a_commit_says_so_too(gated: Place) -> None:
    gated.go_live()
    assert gated.by_pre_commit() == FAULTS
    gated.git("reset", "--quiet", "--hard")
    gated.store.annotate("churn@1.2.0", RIGHT)
    gated.go_live()
    assert gated.by_pre_commit() == []


def test_the_library_says_each_condition_and_what_to_type(gated: Place) -> None:
    gated.store.annotate("churn@1.2.0", {"validation_auc": 0.7})
    store = gated.store

    with pytest.raises(GateNotPassed) as caught:
        store.promote("churn@1.2.0", "production")

    assert str(caught.value).split("\n  ") == [
        "churn 1.2.0 does not pass the gate of production",
        "failed: annotations.validation_auc is 0.7, must be >= 0.8",
        "failed: annotations.approval is missing, must be recorded",
    ]
    gated.store.annotate("churn@1.2.0", {"validation_auc": 0.8})
    with pytest.raises(GateNotPassed) as caught:
        store.promote("churn@1.2.0", "production")
    assert caught.value.hint == (
        "run `gms annotate churn@1.2.0 approval=VALUE`, or override it: "
        "gms promote churn@1.2.0 production --force --reason TEXT"
    )
    gated.store.annotate("churn@1.2.0", {"approval": "A-17"})
    store.promote("churn@1.2.0", "production")
    assert gated.by_range("origin/main") == gated.by_pre_push() == gated.by_pre_receive() == []
