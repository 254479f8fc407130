"""Histories by which plain git could get past a rule of the branch, and honest ones beside them.

Every history is pushed to a real shared store, past the client's hook. What the server refuses
by a rule of merges, `validate` finds in the history too, where no server had looked.
"""

from __future__ import annotations

import subprocess

import pytest

from gitmodelstore import Store
from tests.keys import Desk

from .conftest import Place
from .corpus import new_version
from .steps import (
    FREE,
    History,
    back,
    by_lines,
    crossed,
    do,
    elsewhere,
    fork,
    git,
    go_live,
    in_history,
    judge_alike,
    merge,
    nothing,
    pull,
    push,
    pushed,
    put,
    readme,
    register,
    registered,
    restored,
    risk_live,
    settle,
    three_sides,
    two_bases,
    write,
)

METRICS = 'schema = "1.0"\n\n[gates.production]\nmetrics = ["auc >= 0.8"]\n'
FROM = 'schema = "1.0"\n\n[gates.production]\nfrom = ["staging"]\n'
REPLAY = 'schema = "1.0"\n\n[gates.production]\nreplay = true\n'
MOVES = 'schema = "1.0"\n\n[lifecycle.moves]\nregistered = ["staging"]\n'
APPROVALS = 'schema = "1.0"\n\n[gates.production]\napprovals = 1\n'
SIGNED = 'schema = "1.0"\n\n[policy]\nrequire_signed = true\n'
ALONE = 'schema = "1.0"\n\n[lifecycle]\nexclusive = ["staging"]\n'
NOT_MET = [("GMS043", "registry.json")]
TAKEN_BACK = ("GMS046", "registry.json")


ONE_THREE = ("churn@v1.3.0",)
HISTORIES = [
    # A gate that the first parent does not know
    *(History(f"{name} of a gate", [settle(text), *crossed(go_live)], NOT_MET)
      for name, text in (("metrics", METRICS), ("from", FROM), ("replay", REPLAY))),
    History("moves", [settle(MOVES), *crossed(go_live)], [("GMS042", "registry.json")]),
    History("behind another merge",
            [settle(METRICS), fork("deep", "main~1"), go_live, fork("side", "main~1"), readme,
             merge("deep"), merge("main")], NOT_MET),
    History("in an octopus",
            [settle(METRICS), fork("deep", "main~1"), go_live, fork("side", "main~1"), readme,
             merge("deep", "main"), three_sides], NOT_MET),
    # It would come back later without conditions, as one that has held the status before
    History("by a version that was live beside the branch",
            [settle(METRICS), *crossed(go_live, put(v1_1_0="production", v1_2_0="archived"))],
            NOT_MET),
    History("after it was pushed to another branch",
            [settle(METRICS), *crossed(go_live), git("push", "--no-verify", "origin", "side:side")],
            NOT_MET),
    History("with several refs at once", [settle(METRICS), *crossed(go_live)], NOT_MET,
            ("HEAD:other", "main:third")),
    # A merge that loses what the branch has
    History("a gate that is lost",
            [settle(METRICS), fork("side", "main~1"), nothing, merge("main", how=("-s", "ours"))],
            [("GMS046", "modelstore.toml")]),
    History("the newest promotion",
            [go_live, push, fork("side", "main~1"), nothing, merge("main", how=("-s", "ours"))],
            [TAKEN_BACK, TAKEN_BACK]),
    History("the newest promotion, on the branch",
            [go_live, push, fork("side", "main~1"), nothing, back,
             merge("side", by=put(v1_2_0="registered", v1_1_0="production"))],
            [TAKEN_BACK, TAKEN_BACK]),
    History("a withdrawal",
            [put(v1_2_0="withdrawn"), push, fork("side", "main~1"), go_live,
             merge("main", how=("-s", "ours"))], [TAKEN_BACK]),
    # Of two words a merge keeps one, but not the one that leaves production empty
    History("a holder whose status both sides changed",
            [go_live, push, fork("side", "main~1"), put(v1_2_0="staging"),
             merge("main", how=("-s", "ours"), by=put(v1_2_0="staging", v1_1_0="archived"))],
            [TAKEN_BACK]),
    History("a folder",
            [registered(), fork("side", "main~1"), nothing,
             merge("main", by=restored("models/churn"))], [("GMS046", "models/churn")]),
    # The value is newer than the first fork, and older than what the branch has
    History("by the older of three sides",
            [put(v1_0_0="staging"), put(v1_0_0="withdrawn"), push,
             fork("one", "main~1"), write(".github/one.md", "x\n"),
             fork("two", "main~2"), write(".github/two.md", "x\n"),
             merge("one", "main", by=restored("registry.json", "one"))], [TAKEN_BACK]),
    History("in a criss-cross",
            [fork("side"), readme, back, go_live, merge("side"), push, fork("cross", "side"),
             merge("main~1"), nothing,
             merge("main", by=put(v1_2_0="registered", v1_1_0="production")), two_bases],
            [TAKEN_BACK, TAKEN_BACK]),
    # A merge that decides by itself
    History("a status that a merge sets",
            [fork("side"), nothing, back, merge("side", by=put(v1_0_0="staging"))], [TAKEN_BACK]),
    History("settings and a status",
            [fork("side"), nothing, back,
             merge("side", by=lambda place: (place.file("modelstore.toml").write_text(METRICS),
                                             place.put(v1_0_0="staging")))],
            [("GMS044", "modelstore.toml"), TAKEN_BACK]),
    # Where the same key differs, only a commit by itself may say which holds
    History("settings that both sides changed",
            [settle(METRICS), fork("side", "main~1"),
             write("modelstore.toml", METRICS.replace("0.8", "0.1")),
             merge("main", how=("-X", "ours"))], [("GMS044", "modelstore.toml")]),
    # What a merge decides is a move from the branch, whose holder the gate compares with
    History("between two promotions that the gate lets through one by one",
            [settle(FREE + '[gates.production]\nmetrics = ["auc >= current"]\n'),
             registered("risk", "1.1.0", metrics={"auc": 0.9}),
             risk_live("1.1.0"), push, fork("side", "main~1"), risk_live("1.0.0"),
             merge("main", by=risk_live("1.0.0", **{"1.1.0": "archived"}))],
            NOT_MET, is_seen_later=False),
    # A push
    History("that weakens the rules and merges what they forbid",
            [settle(METRICS), fork("side", "main~1"), go_live, back,
             write("modelstore.toml", FREE), merge("side")], NOT_MET, is_seen_later=False),
    History("that lets two hold a status",
            [settle(ALONE), write("modelstore.toml", FREE),
             put(v1_0_0="staging", v1_2_0="staging")], [("GMS041", "registry.json")],
            is_seen_later=False),
    # What has nothing against the rules stays accepted
    History("a pull across a registration",
            [elsewhere(register("risk", custom={"n": 1})),
             register(), pull], tags=ONE_THREE),
    History("a pull across a promotion and a new gate that was met",
            [elsewhere(settle(FROM), put(v1_2_0="staging"), go_live),
             register("risk", custom={"n": 1}), pull], tags=("risk@v1.1.0",)),
    # One step after the other: as a whole from registered to production it would not
    History("moves that meet the gate that a pull crosses",
            [elsewhere(settle(FROM)), put(v1_2_0="staging"), go_live, pull]),
    History("settings that both sides changed in different places",
            [elsewhere(settle(FROM)),
             lambda place: place.write("modelstore.toml", place.file("modelstore.toml").read_text()
                                       + '\n[store]\nallow = ["docs/**"]\n'),
             merge("origin/main",
                   by=write("modelstore.toml", f'{FROM}\n[store]\nallow = ["docs/**"]\n'))]),
    History("a proposal from before a gate was lifted",
            [settle(METRICS), fork("proposal"), readme, back, settle(FREE), go_live, push,
             merge("proposal")]),
    History("a criss-cross",
            [fork("side"), put(v1_0_0="staging"), back, go_live, merge("side"), push,
             fork("cross", "side"), merge("main~1"), put(v1_0_0="archived"), merge("main"),
             two_bases]),
    History("an octopus",
            [fork("one"), put(v1_0_0="staging"), fork("two", "main"), put(v1_2_0="archived"), back,
             nothing, by_lines, merge("one", "two")]),
    # One of the two knows nothing of it, but git merges the others before
    History("an octopus in which one side took back what two had done",
            [fork("one"), put(v1_0_0="staging"), fork("back", "one"), put(v1_0_0="registered"),
             fork("two"), nothing, put(v1_0_0="staging"), git("switch", "one"), nothing,
             merge("two", "back"), three_sides]),
    History("two promotions of which the merge keeps one",
            [elsewhere(go_live), put(v1_0_0="production", v1_1_0="archived"),
             merge("origin/main",
                   by=put(v1_2_0="archived", v1_0_0="production", v1_1_0="archived"))]),
    History("a new status and a move to it",
            [write("modelstore.toml", FREE + '\n[lifecycle]\nstatuses = ["shadow"]\n'),
             put(v1_2_0="shadow")]),
]  # fmt: skip


@pytest.mark.corpus("history", HISTORIES)
def test_every_judge_says_the_same(place: Place, history: History) -> None:
    judge_alike(place, history)


class TestAGateThatTheFirstParentDoesNotKnow:
    def test_approvals(self, place: Place, desk: Desk) -> None:
        desk.allow(desk.ada, desk.grace)
        do(place, settle(APPROVALS), *crossed(go_live))

        assert pushed(place) == in_history(place) == [("GMS063", "")]

    def test_signatures_of_every_commit(self, place: Place, desk: Desk) -> None:
        desk.allow(desk.ada)
        place.settle(SIGNED)
        desk.sit_down(desk.ada, sign=False)
        do(place, fork("side", "main~1"), go_live)
        desk.sit_down(desk.ada)
        do(place, merge("main"))

        assert pushed(place) == in_history(place) == [("GMS060", "")]

    def test_signatures_of_its_tags(self, place: Place, desk: Desk) -> None:
        desk.allow(desk.ada)
        tag = git("tag", "--annotate", "--no-sign", "-m", "churn 1.3.0", "churn@v1.3.0")
        do(place, settle(SIGNED), *crossed(new_version(), nothing, tag))

        found = [("GMS060", "refs/tags/churn@v1.3.0")]
        assert pushed(place, "churn@v1.3.0") == in_history(place) == found

    def test_by_an_ordinary_pull(self, place: Place) -> None:
        """Somebody promotes, has not heard of the gate, pulls and pushes."""
        undo = git("reset", "--hard", "HEAD~1")
        do(place, settle(METRICS), undo, go_live, pull)
        assert pushed(place) == NOT_MET

        do(place, undo, git("pull", "--rebase", "origin", "main"))
        assert pushed(place) == NOT_MET  # as any promotion that does not meet it

        do(place, undo)
        place.store.promote("churn@1.2.0", "production", force=True, reason="it cannot wait")
        assert pushed(place) == []

    def test_by_unrelated_histories(self, place: Place) -> None:
        how = ("-s", "ours", "--allow-unrelated-histories")
        keep = git("checkout", "main", "--", "modelstore.toml")
        do(place, settle(METRICS), git("checkout", "--orphan", "side", "main~1"), go_live)
        do(place, merge("main", how=how, by=keep))

        assert NOT_MET[0] in place.by_pre_receive("HEAD:main")

    def test_under_another_name_of_the_branch(self, place: Place) -> None:
        place.git("-C", str(place.shared), "symbolic-ref", "refs/heads/alias", "refs/heads/main")
        do(place, settle(METRICS), *crossed(go_live))

        assert place.by_pre_receive("HEAD:alias") == NOT_MET


def test_a_version_that_a_merge_loses_is_brought_back(place: Place) -> None:
    do(place, registered(), fork("side", "main~1"), nothing, merge("main", how=("-s", "ours")))

    lost = [("GMS030", "registry.json"), ("GMS046", "models/churn")]
    assert pushed(place) == in_history(place) == lost
    assert ("GMS030", "registry.json") in place.by_command("doctor")
    place.store.doctor(fix=True)
    assert place.store.version("churn@1.3.0").status == "registered"


def test_a_version_that_a_merge_brings_by_itself(place: Place) -> None:
    do(place, fork("side"), nothing, back, merge("side", by=new_version()))
    place.tag()

    assert ("GMS046", "registry.json") in place.by_pre_receive("HEAD:main", "churn@v1.3.0")


class TestAPush:
    def test_of_other_content_under_a_number_that_is_taken(self, place: Place) -> None:
        ours = merge("main", how=("-X", "ours"), by=restored("models/churn"))
        do(place, registered(), fork("side", "main~1"), new_version(), nothing, ours)

        assert place.by_pre_receive("HEAD:main") == [("GMS033", "models/churn")]

    def test_that_weakens_the_rules_and_moves_at_once(self, place: Place) -> None:
        place.settle(METRICS)
        weaker = place.write("modelstore.toml", FREE, "no gate")
        do(place, go_live)

        done = place.try_git("push", "--no-verify", "origin", "main")

        assert pushed(place) == NOT_MET
        assert (
            "churn 1.2.0 to production: auc is not recorded, must be >= 0.8, under the earlier "
            "settings of the branch" in done.stderr
        )
        assert f"git push REMOTE {weaker[:12]}:BRANCH" in done.stderr
        place.git("push", "--quiet", "--no-verify", "origin", f"{weaker}:main")
        assert pushed(place) == []

    def test_of_a_version_that_lay_on_another_branch_without_its_tag(self, place: Place) -> None:
        side = git("push", "--no-verify", "origin", "side")
        do(place, fork("side"), new_version(), nothing, side)

        assert pushed(place) == [("GMS050", "refs/tags/churn@v1.3.0")]
        place.tag()
        assert pushed(place, "churn@v1.3.0") == []

    def test_that_makes_the_branch_of_one_that_was_there(self, place: Place, tmp_path) -> None:
        """The first push of main is judged whole, whatever other branches hold."""
        empty = tmp_path / "empty.git"
        Store.init(empty, bare=True)
        subprocess.run(["git", "-C", str(empty), "update-ref", "-d", "refs/heads/main"], check=True)
        place.git("remote", "set-url", "origin", str(empty))
        place = Place(place.path, empty)
        do(place, new_version(), nothing, git("push", "--no-verify", "origin", "main:side"))

        tags = place.git("tag").split()
        assert place.by_pre_receive("main", *tags) == [("GMS050", "refs/tags/churn@v1.3.0")]

    def test_below_the_name_of_the_branch_or_past_it(self, place: Place) -> None:
        before = place.refs()
        for ref in ("HEAD:refs/heads/main/x", "HEAD:refs/main"):
            assert place.try_git("push", "--no-verify", "origin", ref).returncode != 0
        assert place.refs() == before


class TestHonest:
    def test_an_afternoon_of_work(self, place: Place, desk: Desk) -> None:
        desk.allow(desk.ada, desk.grace)
        place.settle(APPROVALS.replace("approvals", 'from = ["staging"]\nreplay = true\napprovals'))
        X, y = [[float(i), float(i % 7)] for i in range(40)], [int(i > 20) for i in range(40)]
        for number in range(2):
            place.register(X_test=X, y_test=y, custom={"number": number})
        for ref in ("churn@1.3.0", "churn@1.3.1"):
            desk.sit_down(desk.grace)
            place.store.approve(ref, "production")
            desk.sit_down(desk.ada)
            store = place.store
            store.promote(ref, "staging")
            store.promote(ref, "production")
        store.annotate("churn@1.3.1", {"ticket": "A 17"})
        store.rollback("churn", to="1.3.0", reason="drift")

        assert pushed(place, "churn@v1.3.0", "churn@v1.3.1") == in_history(place) == []

    def test_a_proposal_with_a_gate_that_the_branch_did_not_meet_before(self, place: Place) -> None:
        """The server knows which side was the branch; the history alone does not say."""
        gate = write("modelstore.toml", METRICS)
        do(place, fork("proposal"), gate, back, go_live, push, merge("proposal"))

        assert place.by_pre_push("main") == place.by_pre_receive("HEAD:main") == []

    def test_an_octopus_that_a_hook_judges(self, place: Place) -> None:
        do(place, fork("one"), put(v1_0_0="staging"), fork("two"), put(v1_2_0="archived"), back)
        do(place, nothing, by_lines, git("merge", "--no-commit", "one", "two"))

        assert place.by_pre_commit() == []
