"""What is right passes every judge, and of what is wrong all say the same.

Judges are the library, the command, the client's hooks and the server.
"""

from __future__ import annotations

import subprocess

import pytest

from gitmodelstore import Store

from .conftest import Place
from .corpus import CASES, Case, new_version

CLEAN: list[tuple[str, str]] = []


def send(place: Place, *refs: str) -> None:
    done = place.try_git("push", "--atomic", "origin", *(refs or ("main", "refs/tags/*")))
    assert done.returncode == 0, done.stderr


def test_a_version_made_by_hand(place: Place) -> None:
    new_version()(place)
    place.git("add", "--all")
    done = place.try_git("commit", "--quiet", "-m", "a version by hand")
    assert (done.returncode, done.stderr) == (0, "")
    place.tag()

    assert place.by_range() == CLEAN
    assert place.by_command("validate") == CLEAN
    send(place)
    assert str(Store.open(place.shared).version("churn@latest").version) == "1.3.0"


def test_what_the_library_writes(place: Place) -> None:
    store = Store.open(place.path, durable=False)
    place.register()
    store.promote("churn@1.3.0", "production", reason="better")
    store.rollback("churn", reason="worse")
    store.archive("churn@1.0.0")

    assert place.by_range("HEAD~4") == CLEAN
    assert place.by_command("validate") == CLEAN
    send(place)


def test_a_promotion_by_hand(place: Place) -> None:
    place.go_live()
    place.git("add", "--all")
    assert place.by_pre_commit() == CLEAN
    send(place)
    assert str(Store.open(place.shared).version("churn").version) == "1.2.0"


def test_settings_alone_and_files_that_they_allow(place: Place) -> None:
    place.write("modelstore.toml", 'schema = "1.0"\n[store]\nallow = ["docs/**"]\n', "allow docs")
    place.file("docs/about.md").write_text("# About")
    place.file("README.md").write_text("# Models")
    place.write(".github/workflows/check.yml", "on: push\n", "write docs")

    assert place.by_range("HEAD~2") == CLEAN
    send(place)


def test_files_that_are_large_or_no_text_where_the_settings_say_so(place: Place) -> None:
    place.file("modelstore.toml").write_text(
        'schema = "1.0"\n[store]\nallow = ["docs/**"]\nallow_size = "2 MiB"\n'
        'allow_binary = ["docs/*.png"]\n'
    )
    place.commit("allow pictures")
    place.file("docs/plot.png").write_bytes(b"\x89PNG\r\n\x1a\n\0")
    place.file("README.md").write_text("x" * 2**20 + "x")
    place.git("add", "--all")

    assert place.by_pre_commit() == CLEAN
    assert place.by_range("HEAD~2") == CLEAN
    send(place)


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


def test_a_folder_restored_by_hand(place: Place) -> None:
    """`git restore --source=<tag> -- models/<m>` is how git takes a version back."""
    place.git("restore", "--source=churn@v1.0.0", "--staged", "--worktree", "--", "models/churn")

    assert place.by_pre_commit() == CLEAN
    send(place)


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
        found = proposed.by_command("validate", "--range", "main..proposal")
        assert found == CLEAN

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
