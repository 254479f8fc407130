"""Histories by which plain git could get past a rule of the branch, and honest ones beside them.

Every history is pushed to a real shared store, past the client's hook. What the server refuses
by a rule of merges, `validate` finds in the history too, where no server had looked.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from gitmodelstore import Store
from tests.keys import Desk

from .conftest import Found, Place
from .corpus import new_version

METRICS = 'schema = "1.0"\n\n[gates.production]\nmetrics = ["auc >= 0.8"]\n'
FROM = 'schema = "1.0"\n\n[gates.production]\nfrom = ["staging"]\n'
REPLAY = 'schema = "1.0"\n\n[gates.production]\nreplay = true\n'
MOVES = 'schema = "1.0"\n\n[lifecycle.moves]\nregistered = ["staging"]\n'
APPROVALS = 'schema = "1.0"\n\n[gates.production]\napprovals = 1\n'
SIGNED = 'schema = "1.0"\n\n[policy]\nrequire_signed = true\n'
FREE = 'schema = "1.0"\n'
NOT_MET = [("GMS043", "registry.json")]
TAKEN_BACK = ("GMS046", "registry.json")


def put(place: Place, **statuses: str) -> None:
    place.put(**statuses)
    place.commit("move")


def go_live(place: Place, version: str = "v1_2_0") -> None:
    put(place, **{version: "production", "v1_1_0": "archived"})


def fork(place: Place, name: str, start: str) -> None:
    place.git("switch", "--quiet", "--create", name, start)


def merge(place: Place, *names: str, how: tuple[str, ...] = (), by: dict | None = None) -> None:
    """Merge as git does by itself; `by` says what else the merge makes of registry.json."""
    place.git("merge", "--quiet", "--no-ff", "--no-commit", *how, *names)
    if by:
        put(place, **by)
    else:
        place.commit("merge")


def crossed(place: Place, old: str, work: Callable[[Place], object]) -> None:
    """Work on a commit from before, and merge the branch into that: the first parent is ours."""
    fork(place, "side", old)
    work(place)
    merge(place, "main")


def pushed(place: Place, *refs: str) -> Found:
    """What the server says to main as HEAD has it."""
    return place.by_pre_receive("HEAD:main", *refs)


def in_history(place: Place) -> Found:
    """What `validate` says of a store in which HEAD has come to be the branch all the same."""
    place.git("branch", "--force", "taken", "HEAD")
    place.git("switch", "--quiet", "--detach", "HEAD")
    place.git("branch", "--force", "main", "taken")
    return place.by_command("validate")


class TestAGateThatTheFirstParentDoesNotKnow:
    """`git checkout -b side OLD`, move a version, `git merge main`, `git push origin side:main`."""

    @pytest.mark.parametrize(
        ("settings", "code"),
        [(METRICS, "GMS043"), (FROM, "GMS043"), (REPLAY, "GMS043"), (MOVES, "GMS042")],
        ids=["metrics", "from", "replay", "moves"],
    )
    def test_is_met_all_the_same(self, place: Place, settings: str, code: str) -> None:
        place.settle(settings)
        crossed(place, "main~1", go_live)

        assert pushed(place) == [(code, "registry.json")]
        assert place.by_pre_push("HEAD:main") == [(code, "registry.json")]
        assert place.by_range("origin/main") == [(code, "registry.json")]
        assert in_history(place) == [(code, "registry.json")]

    def test_approvals(self, place: Place, desk: Desk) -> None:
        desk.allow(desk.ada, desk.grace)
        place.settle(APPROVALS)
        crossed(place, "main~1", go_live)

        assert pushed(place) == in_history(place) == [("GMS063", "")]

    def test_signatures_of_every_commit(self, place: Place, desk: Desk) -> None:
        desk.allow(desk.ada)
        place.settle(SIGNED)
        desk.sit_down(desk.ada, sign=False)
        fork(place, "side", "main~1")
        go_live(place)
        desk.sit_down(desk.ada)
        merge(place, "main")

        assert pushed(place) == in_history(place) == [("GMS060", "")]

    def test_signatures_of_its_tags(self, place: Place, desk: Desk) -> None:
        desk.allow(desk.ada)
        place.settle(SIGNED)
        fork(place, "side", "main~1")
        new_version()(place)
        place.commit()
        place.git("tag", "--annotate", "--no-sign", "-m", "churn 1.3.0", "churn@v1.3.0")
        merge(place, "main")

        found = [("GMS060", "refs/tags/churn@v1.3.0")]
        assert pushed(place, "churn@v1.3.0") == found
        assert in_history(place) == found

    def test_by_an_ordinary_pull(self, place: Place) -> None:
        """Somebody promotes, has not heard of the gate, pulls and pushes."""
        place.settle(METRICS)
        place.git("reset", "--quiet", "--hard", "HEAD~1")
        go_live(place)
        place.git("pull", "--quiet", "--no-rebase", "--no-edit", "origin", "main")

        assert pushed(place) == NOT_MET
        assert place.by_pre_push("main") == NOT_MET

        place.git("reset", "--quiet", "--hard", "HEAD~1")
        place.git("pull", "--quiet", "--rebase", "origin", "main")
        assert pushed(place) == NOT_MET  # as any promotion that does not meet it
        place.git("reset", "--quiet", "--hard", "HEAD~1")
        Store.open(place.path, durable=False).promote(
            "churn@1.2.0", "production", force=True, reason="the release cannot wait"
        )
        assert pushed(place) == []

    def test_behind_another_merge(self, place: Place) -> None:
        place.settle(METRICS)
        fork(place, "deep", "main~1")
        go_live(place)
        fork(place, "side", "main~1")
        place.write("README.md", "# Models\n", "readme")
        merge(place, "deep")
        merge(place, "main")

        assert pushed(place) == in_history(place) == NOT_MET

    def test_in_an_octopus(self, place: Place) -> None:
        place.settle(METRICS)
        fork(place, "deep", "main~1")
        go_live(place)
        fork(place, "side", "main~1")
        place.write("README.md", "# Models\n", "readme")
        merge(place, "deep", "main")
        assert len(place.git("rev-parse", "HEAD^@").split()) == 3

        assert pushed(place) == in_history(place) == NOT_MET

    def test_by_a_version_that_was_live_beside_the_branch(self, place: Place) -> None:
        """It would come back later without conditions, as one that has held the status before."""
        place.settle(METRICS)
        fork(place, "side", "main~1")
        go_live(place)
        put(place, v1_1_0="production", v1_2_0="archived")
        merge(place, "main")

        assert pushed(place) == NOT_MET

    def test_by_unrelated_histories(self, place: Place) -> None:
        place.settle(METRICS)
        place.git("checkout", "--quiet", "--orphan", "side", "main~1")
        go_live(place)
        place.git("merge", "--quiet", "--no-commit", "-s", "ours", "--allow-unrelated-histories",
                  "main")  # fmt: skip
        place.git("checkout", "main", "--", "modelstore.toml")
        place.commit("merge")

        assert NOT_MET[0] in pushed(place)

    def test_after_it_was_pushed_to_another_branch(self, place: Place) -> None:
        place.settle(METRICS)
        crossed(place, "main~1", go_live)
        place.git("push", "--quiet", "--no-verify", "origin", "side:side")

        assert pushed(place) == NOT_MET

    def test_with_several_refs_at_once(self, place: Place) -> None:
        place.settle(METRICS)
        crossed(place, "main~1", go_live)

        assert pushed(place, "HEAD:other", "main:third") == NOT_MET

    def test_under_another_name_of_the_branch(self, place: Place) -> None:
        place.git("-C", str(place.shared), "symbolic-ref", "refs/heads/alias", "refs/heads/main")
        place.settle(METRICS)
        crossed(place, "main~1", go_live)

        assert place.by_pre_receive("HEAD:alias") == NOT_MET


class TestAMergeThatLosesWhatTheBranchHas:
    def lost(self, place: Place, *faults: tuple[str, str]) -> None:
        assert pushed(place) == sorted(faults)
        assert place.by_pre_push("HEAD:main") == sorted(faults)
        assert place.by_range("origin/main") == sorted(faults)
        assert in_history(place) == sorted(faults)

    def test_a_version(self, place: Place) -> None:
        place.register()
        place.push("churn@v1.3.0")
        fork(place, "side", "main~1")
        place.commit("nothing")
        merge(place, "main", how=("-s", "ours"))

        self.lost(place, ("GMS030", "registry.json"), ("GMS046", "models/churn"))
        found = place.by_command("doctor")
        assert ("GMS030", "registry.json") in found
        Store.open(place.path, durable=False).doctor(fix=True)
        assert Store.open(place.path).version("churn@1.3.0").status == "registered"

    def test_a_gate(self, place: Place) -> None:
        place.settle(METRICS)
        fork(place, "side", "main~1")
        place.commit("nothing")
        merge(place, "main", how=("-s", "ours"))

        self.lost(place, ("GMS046", "modelstore.toml"))

    @pytest.mark.parametrize("first", ["side", "main"])
    def test_the_newest_promotion(self, place: Place, first: str) -> None:
        go_live(place)
        place.push()
        fork(place, "side", "main~1")
        place.commit("nothing")
        if first == "side":
            merge(place, "main", how=("-s", "ours"))
        else:
            place.git("switch", "--quiet", "main")
            merge(place, "side", by={"v1_2_0": "registered", "v1_1_0": "production"})

        self.lost(place, TAKEN_BACK, TAKEN_BACK)

    def test_a_withdrawal(self, place: Place) -> None:
        put(place, v1_2_0="withdrawn")
        place.push()
        fork(place, "side", "main~1")
        go_live(place)
        place.git("merge", "--quiet", "--no-commit", "-s", "ours", "main")
        place.commit("merge")

        self.lost(place, TAKEN_BACK)

    def test_a_holder_whose_status_both_sides_changed(self, place: Place) -> None:
        """Of two words a merge keeps one, but not the one that leaves production empty."""
        go_live(place)
        place.push()
        fork(place, "side", "main~1")
        put(place, v1_2_0="staging")
        place.git("merge", "--quiet", "--no-commit", "-s", "ours", "main")
        put(place, v1_2_0="staging", v1_1_0="archived")

        self.lost(place, TAKEN_BACK)

    def test_a_folder(self, place: Place) -> None:
        place.register()
        place.push("churn@v1.3.0")
        fork(place, "side", "main~1")
        place.commit("nothing")
        place.git("merge", "--quiet", "--no-ff", "--no-commit", "main")
        place.git("restore", "--source=HEAD", "--staged", "--worktree", "--", "models/churn")
        place.commit("merge")

        self.lost(place, ("GMS046", "models/churn"))

    def test_by_the_older_of_three_sides(self, place: Place) -> None:
        """The value is newer than the first fork, and older than what the branch has."""
        put(place, v1_0_0="staging")
        put(place, v1_0_0="withdrawn")
        place.push()
        for name, start in (("one", "main~1"), ("two", "main~2")):
            fork(place, name, start)
            place.write(f".github/{name}.md", "x\n", "note")
        place.git("merge", "--quiet", "--no-ff", "--no-commit", "one", "main")
        place.git("restore", "--source=one", "--staged", "--worktree", "--", "registry.json")
        place.commit("merge")

        self.lost(place, TAKEN_BACK)

    def test_in_a_criss_cross(self, place: Place) -> None:
        fork(place, "side", "main")
        place.write("README.md", "# Models\n", "readme")
        place.git("switch", "--quiet", "main")
        go_live(place)
        merge(place, "side")
        place.push()
        fork(place, "cross", "side")
        merge(place, "main~1")
        place.commit("nothing")
        merge(place, "main", by={"v1_2_0": "registered", "v1_1_0": "production"})
        assert len(place.git("merge-base", "--all", "HEAD^1", "HEAD^2").split()) == 2

        self.lost(place, TAKEN_BACK, TAKEN_BACK)


class TestAMergeThatDecidesByItself:
    def test_a_status(self, place: Place) -> None:
        fork(place, "side", "main")
        place.commit("nothing")
        place.git("switch", "--quiet", "main")
        merge(place, "side", by={"v1_0_0": "staging"})

        assert pushed(place) == in_history(place) == [TAKEN_BACK]

    def test_settings_and_a_status(self, place: Place) -> None:
        fork(place, "side", "main")
        place.commit("nothing")
        place.git("switch", "--quiet", "main")
        place.git("merge", "--quiet", "--no-ff", "--no-commit", "side")
        place.file("modelstore.toml").write_text(METRICS)
        put(place, v1_0_0="staging")

        found = [("GMS044", "modelstore.toml"), TAKEN_BACK]
        assert pushed(place) == in_history(place) == found

    def test_settings_that_both_sides_changed(self, place: Place) -> None:
        """Where the same key differs, only a commit by itself may say which holds."""
        place.settle(METRICS)
        fork(place, "side", "main~1")
        place.write("modelstore.toml", METRICS.replace("0.8", "0.1"), "a low gate")
        merge(place, "main", how=("-X", "ours"))

        assert pushed(place) == in_history(place) == [("GMS044", "modelstore.toml")]

    def test_a_version(self, place: Place) -> None:
        fork(place, "side", "main")
        place.commit("nothing")
        place.git("switch", "--quiet", "main")
        place.git("merge", "--quiet", "--no-ff", "--no-commit", "side")
        new_version()(place)
        place.commit("merge")
        place.tag()

        assert ("GMS046", "registry.json") in pushed(place, "churn@v1.3.0")

    def test_between_two_promotions_that_the_gate_lets_through_one_by_one(
        self, place: Place
    ) -> None:
        """What a merge decides is a move from the branch, whose holder the gate compares with."""

        def live(version: str, **others: str) -> None:
            def edit(held: dict) -> None:
                for name, status in {version: "production", **others}.items():
                    held["models"]["risk"][name]["status"] = status

            place.edit("registry.json", edit)

        place.settle(FREE + '[gates.production]\nmetrics = ["auc >= current"]\n')
        place.register("risk", metrics={"auc": 0.9})
        live("1.1.0")
        place.commit("nobody was in production")
        place.push("risk@v1.1.0")
        fork(place, "side", "main~1")
        live("1.0.0")
        place.commit("nobody is in production here")
        place.git("merge", "--quiet", "--no-commit", "main")
        live("1.0.0", **{"1.1.0": "archived"})
        place.commit("merge")

        assert pushed(place) == place.by_pre_push("HEAD:main") == NOT_MET


class TestAPush:
    def test_that_weakens_the_rules_and_moves_at_once(self, place: Place) -> None:
        place.settle(METRICS)
        weaker = place.write("modelstore.toml", FREE, "no gate")
        go_live(place)

        done = place.try_git("push", "--no-verify", "origin", "main")

        assert pushed(place) == place.by_pre_push("main") == NOT_MET
        assert place.by_range("origin/main") == NOT_MET
        assert (
            "churn 1.2.0 to production: auc is not recorded, must be >= 0.8, under the earlier "
            "settings of the branch" in done.stderr
        )
        assert f"git push REMOTE {weaker[:12]}:BRANCH" in done.stderr
        place.git("push", "--quiet", "--no-verify", "origin", f"{weaker}:main")
        assert pushed(place) == []

    def test_that_weakens_the_rules_and_merges_what_they_forbid(self, place: Place) -> None:
        place.settle(METRICS)
        fork(place, "side", "main~1")
        go_live(place)
        place.git("switch", "--quiet", "main")
        place.write("modelstore.toml", FREE, "no gate")
        merge(place, "side")

        assert pushed(place) == NOT_MET

    def test_that_lets_two_hold_a_status(self, place: Place) -> None:
        one = 'schema = "1.0"\n\n[lifecycle]\nexclusive = ["staging"]\n'
        place.settle(one)
        place.write("modelstore.toml", FREE, "shared")
        put(place, v1_0_0="staging", v1_2_0="staging")

        assert pushed(place) == [("GMS041", "registry.json")]

    def test_of_a_version_that_lay_on_another_branch_without_its_tag(self, place: Place) -> None:
        fork(place, "side", "main")
        new_version()(place)
        place.commit()
        place.git("push", "--quiet", "--no-verify", "origin", "side")

        assert pushed(place) == [("GMS050", "refs/tags/churn@v1.3.0")]
        place.tag()
        assert pushed(place, "churn@v1.3.0") == []

    def test_of_other_content_under_a_number_that_is_taken(self, place: Place) -> None:
        place.register()
        place.push("churn@v1.3.0")
        fork(place, "side", "main~1")
        new_version()(place)
        place.commit()
        place.git("merge", "--quiet", "--no-ff", "--no-commit", "-X", "ours", "main")
        place.git("restore", "--source=HEAD", "--staged", "--worktree", "--", "models/churn")
        place.commit("merge")

        assert pushed(place) == [("GMS033", "models/churn")]

    def test_that_makes_the_branch_of_one_that_was_there(self, place: Place, tmp_path) -> None:
        """The first push of main is judged whole, whatever other branches hold."""
        empty = tmp_path / "empty.git"
        Store.init(empty, bare=True)
        subprocess.run(["git", "-C", str(empty), "update-ref", "-d", "refs/heads/main"], check=True)
        place.git("remote", "set-url", "origin", str(empty))
        place = Place(place.path, empty)
        new_version()(place)
        place.commit()
        place.git("push", "--quiet", "--no-verify", "origin", "main:side")

        tags = place.git("tag").split()
        assert place.by_pre_receive("main", *tags) == [("GMS050", "refs/tags/churn@v1.3.0")]

    def test_below_the_name_of_the_branch_or_past_it(self, place: Place) -> None:
        before = place.refs()
        for ref in ("HEAD:refs/heads/main/x", "HEAD:refs/main"):
            assert place.try_git("push", "--no-verify", "origin", ref).returncode != 0
        assert place.refs() == before


class TestHonest:
    """What has nothing against the rules stays accepted, and `validate` finds it sound."""

    def taken(self, place: Place, *refs: str) -> None:
        """The push is accepted, and the store is sound afterwards, seen from either side."""
        assert place.by_pre_push("HEAD:main", *refs) == []
        assert pushed(place, *refs) == []
        assert in_history(place) == []

    def elsewhere(self, place: Place, work: Callable[[Place], object], *tags: str) -> None:
        """Somebody else works on the branch and pushes; main is here as it was before."""
        work(place)
        place.push(*tags)
        self.theirs = place.git("rev-parse", "HEAD").strip()
        place.git("reset", "--quiet", "--hard", self.base)

    @pytest.fixture(autouse=True)
    def start(self, place: Place) -> None:
        self.base = place.git("rev-parse", "HEAD").strip()

    def pull(self, place: Place) -> None:
        place.git("pull", "--quiet", "--no-rebase", "--no-edit", "origin", "main")

    def test_an_afternoon_of_work(self, place: Place, desk: Desk) -> None:
        desk.allow(desk.ada, desk.grace)
        place.settle(APPROVALS.replace("approvals", 'from = ["staging"]\nreplay = true\napprovals'))
        X, y = [[float(i), float(i % 7)] for i in range(40)], [int(i > 20) for i in range(40)]
        for number in range(2):
            place.register(X_test=X, y_test=y, custom={"number": number})
        for ref in ("churn@1.3.0", "churn@1.3.1"):
            desk.sit_down(desk.grace)
            Store.open(place.path, durable=False).approve(ref, "production")
            desk.sit_down(desk.ada)
            store = Store.open(place.path, durable=False)
            store.promote(ref, "staging")
            store.promote(ref, "production")
        store.annotate("churn@1.3.1", {"ticket": "A 17"})
        store.rollback("churn", to="1.3.0", reason="drift")

        self.taken(place, "churn@v1.3.0", "churn@v1.3.1")

    def test_a_pull_across_a_registration(self, place: Place) -> None:
        self.elsewhere(place, lambda p: p.register("risk", custom={"n": 1}), "risk@v1.1.0")
        place.register()
        self.pull(place)

        self.taken(place, "churn@v1.3.0")

    def test_a_pull_across_a_promotion_and_a_new_gate_that_was_met(self, place: Place) -> None:
        def work(p: Place) -> None:
            p.settle(FROM)
            put(p, v1_2_0="staging")
            go_live(p)

        self.elsewhere(place, work)
        place.register("risk", custom={"n": 1})
        self.pull(place)

        self.taken(place, "risk@v1.1.0")

    def test_moves_that_meet_the_gate_that_a_pull_crosses(self, place: Place) -> None:
        """One step after the other: as a whole from registered to production it would not."""
        self.elsewhere(place, lambda p: p.settle(FROM))
        put(place, v1_2_0="staging")
        go_live(place)
        self.pull(place)

        self.taken(place)

    def test_settings_that_both_sides_changed_in_different_places(self, place: Place) -> None:
        self.elsewhere(place, lambda p: p.settle(FROM))
        text = place.file("modelstore.toml").read_text()
        place.write("modelstore.toml", f'{text}\n[store]\nallow = ["docs/**"]\n', "allow docs")
        place.try_git("merge", "--quiet", "--no-commit", self.theirs)
        place.write("modelstore.toml", f'{FROM}\n[store]\nallow = ["docs/**"]\n', "both")

        self.taken(place)

    def test_a_proposal_from_before_a_gate_was_lifted(self, place: Place) -> None:
        place.settle(METRICS)
        fork(place, "proposal", "main")
        place.write("README.md", "# Models\n", "readme")
        place.git("switch", "--quiet", "main")
        place.settle(FREE)
        go_live(place)
        place.push()
        merge(place, "proposal")

        self.taken(place)

    def test_a_proposal_with_a_gate_that_the_branch_did_not_meet_before(self, place: Place) -> None:
        """The server knows which side was the branch; the history alone does not say."""
        fork(place, "proposal", "main")
        place.write("modelstore.toml", METRICS, "a gate")
        place.git("switch", "--quiet", "main")
        go_live(place)
        place.push()
        merge(place, "proposal")

        assert place.by_pre_push("main") == pushed(place) == []

    def test_a_criss_cross(self, place: Place) -> None:
        fork(place, "side", "main")
        put(place, v1_0_0="staging")
        place.git("switch", "--quiet", "main")
        go_live(place)
        merge(place, "side")
        place.push()
        fork(place, "cross", "side")
        merge(place, "main~1")
        put(place, v1_0_0="archived")
        merge(place, "main")
        assert len(place.git("merge-base", "--all", "HEAD^1", "HEAD^2").split()) == 2

        self.taken(place)

    def two_branches(self, place: Place) -> None:
        """Move a version on each of two branches, beside a main that has a commit of its own."""
        for name, status in (("one", "staging"), ("two", "archived")):
            fork(place, name, self.base)
            put(place, **{"v1_0_0" if name == "one" else "v1_2_0": status})
        place.git("switch", "--quiet", "main")
        place.commit("nothing")
        place.git("config", "merge.gitmodelstore.driver", "git merge-file %A %O %B")

    def test_an_octopus(self, place: Place) -> None:
        self.two_branches(place)
        merge(place, "one", "two")

        self.taken(place)

    def test_an_octopus_that_a_hook_judges(self, place: Place) -> None:
        self.two_branches(place)
        place.git("merge", "--quiet", "--no-commit", "one", "two")

        assert place.by_pre_commit() == []

    def test_an_octopus_in_which_one_side_took_back_what_two_had_done(self, place: Place) -> None:
        """One of the two knows nothing of it, but git merges the others before."""
        fork(place, "one", "main")
        put(place, v1_0_0="staging")
        fork(place, "back", "one")
        put(place, v1_0_0="registered")
        fork(place, "two", "main")
        place.commit("not the same commit as that of one")
        put(place, v1_0_0="staging")
        place.git("switch", "--quiet", "one")
        place.commit("nothing")
        merge(place, "two", "back")
        assert len(place.git("rev-parse", "HEAD^@").split()) == 3
        assert '"registered"' in place.git("show", "HEAD:registry.json").split('"1.0.0"')[1]

        self.taken(place)

    def test_two_promotions_of_which_the_merge_keeps_one(self, place: Place) -> None:
        self.elsewhere(place, go_live)
        go_live(place, "v1_0_0")
        place.try_git("merge", "--quiet", "--no-commit", self.theirs)
        put(place, v1_2_0="archived", v1_0_0="production", v1_1_0="archived")

        self.taken(place)

    def test_a_new_status_and_a_move_to_it(self, place: Place) -> None:
        place.write("modelstore.toml", FREE + '\n[lifecycle]\nstatuses = ["shadow"]\n', "a status")
        put(place, v1_2_0="shadow")

        self.taken(place)
