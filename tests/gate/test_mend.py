"""A branch that stands behind its own versions moves forward, where that is no guess."""

from __future__ import annotations

import shutil

import pytest

from gitmodelstore import Store
from gitmodelstore.operations.init import set_up

from .conftest import Place, doctor
from .corpus import new_version

ON_PURPOSE = "if it was reset on purpose, `gms withdraw {}`: a number is never used twice"


@pytest.fixture
def place(place: Place) -> Place:
    """A clone in which nothing is wrong, and a version on it that is nowhere else."""
    set_up(Store.open(place.path)._repository)
    place.register("risk", custom={"n": 1})
    return place


def tip(place: Place) -> str:
    return place.git("rev-parse", "main").strip()


def tags(place: Place) -> str:
    return place.git("for-each-ref", "refs/tags")


def forget(place: Place) -> None:
    """Leave no reflog and no remote that knows where the branch stood."""
    shutil.rmtree(place.path / ".git/logs")
    place.git("remote", "remove", "origin")


def set_back(place: Place) -> None:
    place.git("reset", "--quiet", "--hard", "HEAD~3")


def set_back_ref(place: Place) -> None:
    """Move the ref alone: the work tree stays where it was."""
    place.git("update-ref", "refs/heads/main", "HEAD~3")


def old_ref(place: Place) -> None:
    """As a power cut leaves it: the last commits are in the reflog, and not in the ref."""
    old = place.git("rev-parse", "HEAD~3")
    place.file(".git/refs/heads/main").write_text(old)


def on_another_branch(place: Place) -> None:
    place.git("switch", "--quiet", "--detach")
    place.git("branch", "--force", "main", "main~3")


@pytest.mark.parametrize("how", [set_back, set_back_ref, old_ref, on_another_branch])
def test_where_its_reflog_and_tags_agree_it_moves_forward(place: Place, how) -> None:
    new, known = tip(place), tags(place)
    how(place)
    old = tip(place)

    found = doctor(place)

    assert tip(place) == old
    assert [(f.code, f.path, f.what, f.mend) for f in found.faults if f.code != "GMS075"] == [
        (
            "GMS052",
            "refs/heads/main",
            f"stands on {old[:12]}, and does not hold risk@v1.0.0, risk@v1.1.0; "
            f"its reflog says that it was at {new[:12]}",
            f"gms doctor --fix moves it forward; {ON_PURPOSE.format('risk@1.1.0')}",
        )
    ]
    fixed = doctor(place, fix=True)
    assert (fixed.faults, fixed.unexamined, fixed.notes) == ((), (), ())
    assert fixed.repaired == (
        f"moved refs/heads/main forward from {old[:12]} to {new[:12]}, "
        "where its reflog knows that it stood",
    )
    assert (tip(place), tags(place)) == (new, known)
    assert place.git("status", "--porcelain") == ""
    assert Store.open(place.path).verify().is_sound
    assert doctor(place, fix=True).repaired == ()


def test_validate_says_who_can_tell(place: Place) -> None:
    set_back(place)
    assert {fault.mend for fault in Store.open(place.path).validate()} == {
        "gms doctor says where the branch was, and --fix moves it forward if that needs no guess"
    }


def test_what_came_after_its_last_tag_comes_back_too(place: Place) -> None:
    Store.open(place.path, durable=False).promote("risk@1.1.0", "production")
    new = tip(place)
    set_back(place)
    assert doctor(place, fix=True).is_sound
    assert tip(place) == new
    assert str(Store.open(place.path).version("risk@production").version) == "1.1.0"


def test_without_a_reflog_tags_tell(place: Place) -> None:
    new = tip(place)
    set_back(place)
    forget(place)

    found = doctor(place)

    assert [f.what.partition("; ")[2] for f in found.faults] == [
        f"the line of its versions' tags says that it was at {new[:12]}"
    ]
    assert doctor(place, fix=True).is_sound
    assert tip(place) == new


def test_a_bare_store_without_reflogs(place: Place) -> None:
    place.push("refs/tags/*")
    new = tip(place)
    path = place.shared / "refs/heads/main"
    old = place.git("rev-parse", "main~2")
    path.write_text(old)
    assert not (place.shared / "logs/refs/heads/main").exists()

    assert [f.code for f in doctor(place.shared).faults] == ["GMS052"]
    assert doctor(place.shared, fix=True).is_sound
    assert path.read_text().strip() == new


def test_a_line_on_which_something_is_wrong_is_left(place: Place) -> None:
    new_version()(place)
    place.file("models/churn/pipeline.joblib").write_bytes(b"other")
    place.commit("churn 1.3.0, broken")
    place.tag()
    broken = tip(place)[:12]
    set_back(place)
    forget(place)
    old = tip(place)

    fixed = doctor(place, fix=True)

    (fault,) = fixed.faults
    assert fault.what.startswith(
        f"stands on {old[:12]}, and does not hold churn@v1.3.0, risk@v1.1.0; "
        f"{broken} is not sound: models/churn/pipeline.joblib: "
    )
    assert fault.mend == (
        "git merge 'risk@v1.1.0^0', on main; if it was reset on purpose, then "
        "`gms withdraw risk@1.1.0`: a number is never used twice"
    )
    assert tip(place) == old


def test_a_branch_that_has_gone_on_otherwise_is_left_and_both_sides_named(place: Place) -> None:
    set_back(place)
    base, pushed = tip(place)[:12], place.git("rev-parse", "risk@v1.0.0^0")
    place.register("upsell")
    old, known = tip(place), tags(place)

    fixed = doctor(place, fix=True)

    assert [(f.what, f.mend) for f in fixed.faults] == [
        (
            f"stands on {old[:12]}, and does not hold risk@v1.1.0; both went on from {base}",
            "git merge 'risk@v1.1.0^0', on main; if it was reset on purpose, then "
            "`gms withdraw risk@1.1.0`: a number is never used twice",
        ),
        (
            f"points to {pushed[:12]}, which is not on the store's branch",
            "git merge origin/main, on main",
        ),
    ]
    assert (fixed.repaired, tip(place), tags(place)) == ((), old, known)
    place.git("merge", "--quiet", "--no-edit", "risk@v1.1.0^0")
    assert doctor(place).is_sound
    assert [str(v.version) for v in Store.open(place.path).versions("risk")] == ["1.1.0", "1.0.0"]


def test_what_only_a_proposal_has_is_not_taken(place: Place) -> None:
    old = tip(place)
    place.git("switch", "--quiet", "--create", "proposal")
    new_version()(place)
    place.commit("propose churn 1.3.0")
    place.tag()
    place.git("switch", "--quiet", "main")
    fixed = doctor(place, fix=True)
    assert [(f.path, f.mend) for f in fixed.faults] == [
        ("refs/tags/churn@v1.3.0", "git merge proposal, on main")
    ]
    assert tip(place) == old


def test_what_was_fetched_and_not_merged_is_not_taken(place: Place) -> None:
    place.push("refs/tags/*")
    place.git("reset", "--quiet", "--hard", "HEAD~2")
    shutil.rmtree(place.path / ".git/logs/refs/heads")
    old = tip(place)
    fixed = doctor(place, fix=True)
    assert {fault.mend for fault in fixed.faults} == {"git merge origin/main, on main"}
    assert tip(place) == old


def test_uncommitted_work_is_in_the_way(place: Place) -> None:
    set_back(place)
    old = tip(place)
    place.file("registry.json").write_text("mine")
    fixed = doctor(place, fix=True)
    assert [fault.code for fault in fixed.faults] == ["GMS052"]
    assert fixed.notes[0].startswith("the branch was left: uncommitted changes in ")
    assert (tip(place), place.file("registry.json").read_text()) == (old, "mine")


class TestALostBranch:
    """`git update-ref -d`, or a ref that is gone with the power."""

    @pytest.mark.parametrize("with_log", [True, False], ids=["with its reflog", "without"])
    def test_a_reflog_knows_where_it_stood(self, place: Place, with_log: bool) -> None:
        new = tip(place)
        if with_log:
            place.file(".git/refs/heads/main").unlink()
        else:
            place.git("update-ref", "-d", "refs/heads/main")
        who = "its reflog" if with_log else "the reflog of HEAD"

        found = doctor(place)

        assert [str(fault) for fault in found.faults] == [
            "refs/heads/main: points to a commit that is not here; "
            f"{who} says that it was at {new[:12]} [GMS077]"
        ]
        assert found.unexamined == ("the history and registry.json, until the branch can be read",)
        fixed = doctor(place, fix=True)
        assert fixed.repaired == (
            f"set refs/heads/main to {new[:12]}, where {who} knows that it stood",
        )
        assert (fixed.is_sound, tip(place)) == (True, new)
        assert place.git("status", "--porcelain") == ""

    def test_the_remote_knows_more_than_tags(self, place: Place) -> None:
        Store.open(place.path, durable=False).promote("risk@1.1.0", "production")
        place.push("refs/tags/*")
        new = tip(place)
        place.git("update-ref", "-d", "refs/heads/main")
        shutil.rmtree(place.path / ".git/logs")
        assert doctor(place, fix=True).is_sound
        assert tip(place) == new

    def test_tags_know_where_its_last_version_is(self, place: Place) -> None:
        new = tip(place)
        place.git("update-ref", "-d", "refs/heads/main")
        forget(place)
        fixed = doctor(place, fix=True)
        assert fixed.is_sound
        assert fixed.repaired[0] == (
            f"set refs/heads/main to {new[:12]}, "
            "where the line of its versions' tags knows that it stood; "
            "`git fsck --lost-found` shows what may have come after it"
        )
        assert tip(place) == new

    def test_one_whose_commit_is_missing_stays_where_it_stands(self, place: Place) -> None:
        """An older commit that is here is no repair: another clone may have the missing one."""
        new = tip(place)
        place.file(f".git/objects/{new[:2]}/{new[2:]}").unlink()
        fixed = doctor(place, fix=True)
        assert [(f.code, f.path) for f in fixed.faults] == [("GMS070", "refs/heads/main")]
        assert place.file(".git/refs/heads/main").read_text().strip() == new
