"""What is right passes every judge, and of what is wrong all say the same.

Judges are the library, the command, the client's hooks and the server.
"""

from __future__ import annotations

import subprocess

import pytest

from gitmodelstore import Store

from .conftest import Place
from .corpus import CASES, Case, new_version
from .steps import History, judge_alike, restored

CLEAN: list[tuple[str, str]] = []


def send(place: Place, *refs: str) -> None:
    done = place.try_git("push", "--atomic", "origin", *(refs or ("main", "refs/tags/*")))
    assert done.returncode == 0, done.stderr


def accepted(place: Place) -> None:
    """Commit past the client's hook."""
    assert place.by_pre_commit() == CLEAN


def use_the_library(place: Place) -> None:
    place.register()
    store = place.store
    store.promote("churn@1.3.0", "production", reason="better")
    store.rollback("churn", reason="worse")
    store.archive("churn@1.0.0")


def allow_docs(place: Place) -> None:
    place.write("modelstore.toml", 'schema = "1.0"\n[store]\nallow = ["docs/**"]\n', "allow docs")
    place.file("docs/about.md").write_text("# About")
    place.file("README.md").write_text("# Models")
    place.write(".github/workflows/check.yml", "on: push\n", "write docs")


def allow_pictures(place: Place) -> None:
    settings = 'allow = ["docs/**"]\nallow_size = "2 MiB"\nallow_binary = ["docs/*.png"]\n'
    place.write("modelstore.toml", f'schema = "1.0"\n[store]\n{settings}', "allow pictures")
    place.file("docs/plot.png").write_bytes(b"\x89PNG\r\n\x1a\n\0")
    place.file("README.md").write_text("x" * 2**20 + "x")


HONEST = [
    History("a version by hand", [new_version(), accepted, Place.tag], tags=("churn@v1.3.0",)),
    History("what the library writes", [use_the_library], tags=("churn@v1.3.0",)),
    History("a promotion by hand", [Place.go_live, accepted]),
    History("settings alone and files that they allow", [allow_docs]),
    History("files that are large or no text where settings say so", [allow_pictures, accepted]),
    # `git restore --source=<tag> -- models/<m>` is how git takes a version back
    History("a folder restored by hand", [restored("models/churn", "churn@v1.0.0"), accepted]),
]


@pytest.mark.parametrize("history", HONEST, ids=lambda history: history.name)
def test_what_is_right_passes_every_judge(place: Place, history: History) -> None:
    judge_alike(place, history)


def test_a_large_file_that_stands_there_already(place: Place) -> None:
    """A bound holds for what comes; a store may have had it before there was one."""
    place.file(".github/data.bin").write_bytes(b"\0")
    place.commit("from before")
    subprocess.run(
        ["git", "-C", str(place.shared), "fetch", "--quiet", str(place.path), "main:main"],
        check=True,
    )
    place.write(".github/notes.md", "x", "a note beside it")

    assert place.by_range() == CLEAN
    assert place.by_pre_receive() == CLEAN


class TestProposals:
    """Registrations and promotions on a branch, brought in as git hosts do it."""

    @pytest.fixture
    def proposed(self, place: Place) -> Place:
        place.git("switch", "--quiet", "--create", "proposal")
        new_version()(place)
        place.commit("propose churn 1.3.0")
        place.put(v1_3_0="staging")
        place.commit("to staging")
        place.git("switch", "--quiet", "main")
        return place

    def test_the_check_before_it(self, proposed: Place) -> None:
        assert proposed.by_command("validate", "--range", "main..proposal") == CLEAN

    @pytest.mark.parametrize("how", ["merge", "squash", "rebase"])
    def test_brought_in(self, proposed: Place, how: str) -> None:
        proposed.register("risk", custom={"meanwhile": True})
        assert proposed.by_command("validate", "--range", "main..proposal") == CLEAN
        proposed.push("refs/tags/*")

        if how == "merge":
            proposed.git("merge", "--quiet", "--no-edit", "proposal")
        elif how == "squash":
            proposed.git("merge", "--squash", "proposal")
            proposed.git("commit", "--quiet", "-m", "churn 1.3.0")
        else:
            proposed.git("rebase", "--quiet", "main", "proposal")
            proposed.git("switch", "--quiet", "main")
            proposed.git("merge", "--quiet", "--ff-only", "proposal")

        commit = proposed.git("log", "--format=%H", "-1", "--diff-filter=M", "--", "models/churn")
        proposed.git("tag", "-a", "-m", "churn 1.3.0", "churn@v1.3.0", commit.strip())
        assert proposed.by_command("validate") == CLEAN
        send(proposed)
        assert Store.open(proposed.shared).version("churn@1.3.0").status == "staging"

    def test_two_that_promote_at_once_do_not_merge_silently(self, proposed: Place) -> None:
        """git joins two edits of different lines without a word."""
        proposed.git("switch", "--quiet", "--create", "other")
        proposed.go_live("v1_0_0")
        proposed.commit("back to 1.0.0")
        proposed.git("switch", "--quiet", "main")
        proposed.go_live()
        proposed.commit("on to 1.2.0")

        found = proposed.by_command("validate", "--range", "main..other")

        assert found == [("GMS041", "registry.json")]


# A sample of the wrong ones in every run, all in the long one; test_doctor.py asks the library.


@pytest.mark.corpus("case", CASES)
def test_every_judge_says_the_same(place: Place, case: Case) -> None:
    case.edit(place)
    expected = sorted(case.faults)

    assert place.by_pre_commit() == expected
    assert place.mends()
    place.commit()
    assert place.by_library() == expected
    assert place.by_range() == expected
    assert place.by_command("validate") == case.of_branch
    assert place.by_pre_push() == case.of_branch
    assert place.by_pre_receive() == case.of_branch


@pytest.mark.corpus("case", CASES)
def test_a_wrong_commit_in_the_middle_of_ten_is_found(place: Place, case: Case) -> None:
    """The tip is sound again: every pushed commit is judged, not only the last one."""
    for number in range(4):
        place.register("risk", custom={"number": number})
    case.edit(place)
    wrong = place.commit()
    place.git("revert", "--no-edit", wrong)
    for number in range(4):
        place.register("risk", custom={"number": -number})

    found = place.by_pre_receive("main", *place.git("tag").split())

    assert set(case.faults) <= set(found)
