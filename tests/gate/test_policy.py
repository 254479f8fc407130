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
    place.settle(GATE)
    return place


def everywhere(place: Place, message: str = "go live") -> Found:
    """Commit what is edited, and return what every judge says of it."""
    place.commit(message)
    found = place.by_library()
    assert place.by_range() == place.by_command("validate") == found
    assert place.by_pre_push() == place.by_pre_receive() == found
    return found


def test_a_promotion_by_hand_meets_the_gate(gated: Place) -> None:
    gated.go_live()

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
    gated.go_live()

    assert everywhere(gated) == [*FAULTS, ("GMS044", "modelstore.toml")]


def test_a_merge_that_brings_both(gated: Place) -> None:
    """Each commit of the branch is right by its own parent's settings; the merge is not."""
    gated.git("switch", "--quiet", "--create", "sly")
    gated.write("modelstore.toml", 'schema = "1.0"\n', "simplify")
    gated.go_live()
    gated.commit("go live")
    assert gated.by_command("validate", "--range", "main..sly") == FAULTS
    gated.git("switch", "--quiet", "main")
    gated.git("merge", "--quiet", "--no-ff", "-m", "merge", "sly")

    assert gated.by_pre_receive() == FAULTS


def test_a_move_that_the_table_does_not_have(gated: Place) -> None:
    gated.put(v1_0_0="archived")
    gated.commit("archive")
    gated.push()
    gated.put(v1_0_0="staging")

    assert everywhere(gated) == [("GMS042", "registry.json")]


# What somebody must mean

VACANT, RETURN = [("GMS047", "registry.json")], [("GMS048", "registry.json")]
BESIDE = "Event: promoted\nModel: churn\nVersion: {version}\nTo: {after}\n{line}\n"


@pytest.fixture
def withdrawn(place: Place) -> Place:
    """churn 1.0.0 was withdrawn, which the server has."""
    Store.open(place.path, durable=False).withdraw("churn@1.0.0", reason="leaked labels")
    place.push()
    return place


@pytest.mark.parametrize("after", ["staging", "registered", "archived", "withdrawn"])
def test_nobody_is_left_in_production_by_hand(place: Place, after: str) -> None:
    place.put(v1_1_0=after)

    assert place.by_pre_commit() == VACANT
    assert place.mends()
    assert everywhere(place, "stop it") == VACANT


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("stop it\n\nVacate: the campaign is over\n", []),
        ("stop it\n\nVacate: over\nReviewed-by: Grace <grace@example.org>\n", []),
        ("stop it\n\n" + BESIDE.format(version="1.1.0", after="staging", line="Vacate: over"), []),
        ("stop it\n\nVacate: \n", VACANT),
        ("stop it\n\nVacate: \u200b\n", VACANT),
        ("stop it\n\nReason: the campaign is over\n", VACANT),
        ("Vacate: no line of trailers\nis this\n", VACANT),
        (
            "stop it\n\nEvent: promoted\nModel: risk\nVersion: 1.0.0\nTo: staging\nVacate: over\n",
            [("GMS037", ""), *VACANT],
        ),
    ],
)
def test_a_message_by_hand_may_say_that_it_is_meant(
    place: Place, message: str, found: Found
) -> None:
    place.put(v1_1_0="staging")

    assert everywhere(place, message) == found


def test_the_log_tells_what_a_message_by_hand_says(place: Place) -> None:
    place.put(v1_1_0="staging")
    place.commit("stop it\n\nVacate: the campaign is over\n")

    event = Store.open(place.path).log("churn")[0]
    assert (event.after, event.why) == ("staging", "the campaign is over")


def test_what_the_library_writes_passes_everywhere(place: Place) -> None:
    store = Store.open(place.path, durable=False)
    store.promote("churn@1.1.0", "staging", vacate=True, reason="a pause")
    store.withdraw("churn@1.0.0")
    store.promote("churn@1.0.0", "production", reason="no leak")
    store.archive("churn@1.0.0", vacate=True, reason="over")

    assert place.by_range("origin/main") == place.by_command("validate") == []
    assert place.by_pre_push() == place.by_pre_receive() == []


@pytest.mark.parametrize("after", ["registered", "staging", "archived"])
def test_a_withdrawn_version_comes_back_by_hand_only_with_a_reason(
    withdrawn: Place, after: str
) -> None:
    withdrawn.put(v1_0_0=after)
    assert withdrawn.by_pre_commit() == RETURN
    assert withdrawn.mends()
    assert everywhere(withdrawn, "back again") == RETURN

    withdrawn.git("commit", "--amend", "--quiet", "-m", "back again\n\nReason: no leak\n")
    assert withdrawn.by_range() == withdrawn.by_pre_push() == withdrawn.by_pre_receive() == []
    holding = Store.open(withdrawn.path).which("churn@1.0.0")
    assert holding.withdrawal is not None
    assert (holding.withdrawal.why, holding.withdrawal.back_why) == ("leaked labels", "no leak")


@pytest.mark.parametrize("line", ["Reason: ", "Reason: \u200b", "Vacate: no leak"])
def test_a_reason_that_says_nothing(withdrawn: Place, line: str) -> None:
    withdrawn.put(v1_0_0="staging")

    assert everywhere(withdrawn, f"back again\n\n{line}\n") == RETURN


def test_a_successor_by_hand(place: Place) -> None:
    place.put(v1_1_0="staging", v1_0_0="production")

    assert everywhere(place) == []


def test_a_squash_keeps_what_its_commits_say(withdrawn: Place) -> None:
    """Several steps of one version become one change; the step that needs the word had it."""
    withdrawn.git("switch", "--quiet", "--create", "june")
    withdrawn.git("config", "store.branch", "june")
    store = Store.open(withdrawn.path, durable=False)
    store.promote("churn@1.0.0", "registered", reason="no leak")
    store.promote("churn@1.2.0", "production")
    store.archive("churn@1.2.0", vacate=True, reason="over")
    store.promote("churn@1.0.0", "staging")
    withdrawn.git("config", "store.branch", "main")
    withdrawn.git("switch", "--quiet", "main")
    assert withdrawn.by_command("validate", "--range", "main..june") == []
    messages = withdrawn.git("log", "--reverse", "--format=%B", "main..june")
    withdrawn.git("merge", "--quiet", "--squash", "june")

    assert everywhere(withdrawn, f"Release (#12)\n\n{messages}") == []


def test_a_merge_may_not_leave_nobody_by_itself(place: Place) -> None:
    place.git("switch", "--quiet", "--create", "june")
    place.commit("a word")
    place.git("switch", "--quiet", "main")
    place.git("merge", "--quiet", "--no-ff", "--no-commit", "june")
    place.put(v1_1_0="staging")

    assert everywhere(place, "merge june") == [("GMS046", "registry.json")]


def test_an_exclusive_status_of_the_team_by_hand(place: Place) -> None:
    place.file("modelstore.toml").write_text(
        'schema = "1.0"\n\n[lifecycle]\nstatuses = ["shadow"]\nexclusive = ["shadow"]\n'
    )
    place.commit("a shadow")
    Store.open(place.path, durable=False).promote("churn@1.2.0", "shadow")
    place.push()
    place.put(v1_2_0="production", v1_1_0="archived")

    assert everywhere(place) == VACANT
