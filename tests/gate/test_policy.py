"""Gates, judged on each commit with its first parent's settings, by every judge alike."""

from __future__ import annotations

import pytest

from gitmodelstore.errors import LifecycleError

from .conftest import Found, Place
from .steps import (
    FREE,
    History,
    back,
    fork,
    go_live,
    judge_alike,
    merge,
    move,
    nothing,
    push,
    put,
    settle,
    write,
)

GATE = """\
schema = "1.0"

[lifecycle]
moves = { archived = ["registered"] }

[gates.production]
from = ["staging"]
require = ["card.intended_use"]
"""
FAULTS = [("GMS043", "registry.json"), ("GMS043", "registry.json")]  # from, card.intended_use


VACANT, RETURN = [("GMS047", "registry.json")], [("GMS048", "registry.json")]
SHADOW = 'schema = "1.0"\n\n[lifecycle]\nstatuses = ["shadow"]\nexclusive = ["shadow"]\n'
MESSAGES: list[tuple[str, Found]] = [
    ("Vacate: the campaign is over\n", []),
    ("Vacate: over\nReviewed-by: Grace <grace@example.org>\n", []),
    ("Event: promoted\nModel: churn\nVersion: 1.1.0\nTo: staging\nVacate: over\n", []),
    ("Vacate: \n", VACANT),
    ("Vacate: \u200b\n", VACANT),
    ("Reason: the campaign is over\n", VACANT),
    ("Vacate: no line of trailers\nis this\n", VACANT),
    (
        "Event: promoted\nModel: risk\nVersion: 1.0.0\nTo: staging\nVacate: over\n",
        [("GMS037", ""), *VACANT],
    ),
]


def by_force(place: Place) -> None:
    place.store.promote("churn@1.2.0", "production", force=True, reason="it cannot wait")


def roll_back(place: Place) -> None:
    place.store.rollback("churn", reason="drift")


def weaken(place: Place) -> None:
    place.file("modelstore.toml").write_text(FREE)


def withdraw(place: Place) -> None:
    place.store.withdraw("churn@1.0.0", reason="leaked labels")
    place.push()


def use_the_library(place: Place) -> None:
    store = place.store
    store.promote("churn@1.1.0", "staging", vacate=True, reason="a pause")
    store.withdraw("churn@1.0.0")
    store.promote("churn@1.0.0", "production", reason="no leak")
    store.archive("churn@1.0.0", vacate=True, reason="over")


def shadow(place: Place) -> None:
    place.store.promote("churn@1.2.0", "shadow")
    place.push()


def squash(place: Place) -> None:
    """Several steps of one version become one change; the step that needs the word had it."""
    place.git("switch", "--quiet", "--create", "june")
    place.git("config", "store.branch", "june")
    store = place.store
    store.promote("churn@1.0.0", "registered", reason="no leak")
    store.promote("churn@1.2.0", "production")
    store.archive("churn@1.2.0", vacate=True, reason="over")
    store.promote("churn@1.0.0", "staging")
    place.git("config", "store.branch", "main")
    place.git("switch", "--quiet", "main")
    assert place.by_command("validate", "--range", "main..june") == []
    messages = place.git("log", "--reverse", "--format=%B", "main..june")
    place.git("merge", "--quiet", "--squash", "june")
    place.commit(f"Release (#12)\n\n{messages}")


HISTORIES = [
    # Gates
    History("a promotion by hand", [settle(GATE), go_live], FAULTS),
    History("an override with a reason", [settle(GATE), by_force]),
    History("a return without conditions", [settle(GATE), by_force, roll_back]),
    History("a commit that weakens the policy and promotes", [settle(GATE), weaken, go_live],
            [*FAULTS, ("GMS044", "modelstore.toml")]),
    # Each commit of the branch is right by its own parent's settings; the merge is not
    History("a merge that brings both",
            [settle(GATE), fork("sly"), write("modelstore.toml", FREE), go_live, back,
             merge("sly")], FAULTS),
    History("a move that the table does not have",
            [settle(GATE), put(v1_0_0="archived"), push, put(v1_0_0="staging")],
            [("GMS042", "registry.json")]),
    # What somebody must mean
    History("a successor", [put(v1_1_0="staging", v1_0_0="production")]),
    History("what the library writes", [use_the_library]),
    *(History(f"nobody in production, {after}", [move("stop it", v1_1_0=after)], VACANT)
      for after in ("staging", "registered", "archived", "withdrawn")),
    *(History(f"a message, {number}", [move(f"stop it\n\n{line}", v1_1_0="staging")], found)
      for number, (line, found) in enumerate(MESSAGES)),
    *(History(f"{after} once withdrawn, {line!r}",
              [withdraw, move(f"back again\n\n{line}\n", v1_0_0=after)], found)
      for after, line, found in (
          *((after, "", RETURN) for after in ("registered", "staging", "archived")),
          *((after, "Reason: no leak", []) for after in ("registered", "staging", "archived")),
          *(("staging", line, RETURN) for line in ("Reason: ", "Reason: \u200b", "Vacate: x")))),
    History("a squash keeps what its commits say", [withdraw, squash]),
    History("a merge may not leave nobody by itself",
            [fork("june"), nothing, back, merge("june", by=put(v1_1_0="staging"))],
            [("GMS046", "registry.json")]),
    History("an exclusive status of the team",
            [write("modelstore.toml", SHADOW), shadow,
             put(v1_2_0="production", v1_1_0="archived")], VACANT),
]  # fmt: skip


@pytest.mark.corpus("history", HISTORIES)
def test_every_judge_says_the_same(place: Place, history: History) -> None:
    judge_alike(place, history)


@pytest.mark.parametrize(
    ("before", "statuses", "faults"),
    [
        (settle(GATE), {"v1_2_0": "production", "v1_1_0": "archived"}, FAULTS),
        (nothing, {"v1_1_0": "staging"}, VACANT),
        (withdraw, {"v1_0_0": "staging"}, RETURN),
    ],
    ids=["a gate", "nobody in production", "once withdrawn"],
)
def test_the_hook_before_a_commit_says_so_too(place: Place, before, statuses, faults) -> None:
    """There is no message yet: it finds what one must say."""
    before(place)
    place.put(**statuses)

    assert place.by_pre_commit() == faults
    assert place.mends()


def test_the_library_meets_the_same_gate(place: Place) -> None:
    place.settle(GATE)
    with pytest.raises(LifecycleError) as caught:
        place.store.promote("churn@1.2.0", "production")

    assert "comes from registered, must come from staging" in str(caught.value)


def test_the_server_may_take_no_overrides(place: Place) -> None:
    place.settle(GATE)
    place.git("-C", str(place.shared), "config", "modelstore.overrides", "false")
    by_force(place)

    assert place.by_pre_push() == []
    assert place.by_pre_receive() == sorted([*FAULTS, ("GMS045", "registry.json")])


def test_the_log_tells_what_messages_by_hand_say(place: Place) -> None:
    withdraw(place)
    move("stop it\n\nVacate: the campaign is over\n", v1_1_0="staging")(place)
    event = place.store.log("churn")[0]
    assert (event.after, event.why) == ("staging", "the campaign is over")

    move("back again\n\nReason: no leak\n", v1_0_0="staging")(place)
    holding = place.store.which("churn@1.0.0")
    assert holding.withdrawal is not None
    assert (holding.withdrawal.why, holding.withdrawal.back_why) == ("leaked labels", "no leak")
