"""A branch that stands behind its own versions moves forward, where that is no guess."""

from __future__ import annotations

import shutil

import pytest

from gitmodelstore import Store
from gitmodelstore.operations.init import set_up

from .conftest import Place, doctor
from .corpus import new_version
from .steps import Step, do

ON_PURPOSE = "if it was reset on purpose, `gms withdraw {}`: a number is never used twice"


@pytest.fixture
def place(place: Place) -> Place:
    """A clone in which nothing is wrong, and a version on it that is nowhere else."""
    set_up(Store.open(place.path)._repository)
    place.register("risk", custom={"n": 1})
    return place


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


def lose(place: Place) -> None:
    place.git("update-ref", "-d", "refs/heads/main")


def lose_file(place: Place) -> None:
    """Its reflog stays."""
    place.file(".git/refs/heads/main").unlink()


def lose_logs(place: Place) -> None:
    shutil.rmtree(place.path / ".git/logs")


def promote(place: Place) -> None:
    place.store.promote("risk@1.1.0", "production")


def push(place: Place) -> None:
    place.push("refs/tags/*")


REFLOG, TAGS = "its reflog", "the line of its versions' tags"
FSCK = "; `git fsck --lost-found` shows what may have come after it"
# What happens, who knows where the branch stood, and what is said beside of its repair.
SET_BACK: dict[str, tuple[list[Step], str, str]] = {
    "a reset": ([set_back], REFLOG, ""),
    "its ref alone": ([set_back_ref], REFLOG, ""),
    "a power cut": ([old_ref], REFLOG, ""),
    "from another branch": ([on_another_branch], REFLOG, ""),
    "after a move": ([promote, set_back], REFLOG, ""),
    "without a reflog": ([set_back, forget], TAGS, FSCK),
}
LOST: dict[str, tuple[list[Step], str, str]] = {
    "its reflog knows": ([lose_file], REFLOG, ""),
    "that of HEAD knows": ([lose], "the reflog of HEAD", ""),
    "the remote knows more than tags": ([promote, push, lose, lose_logs], "origin/main", ""),
    "tags know": ([lose, forget], TAGS, FSCK),
}


@pytest.mark.parametrize("name", [*SET_BACK, *LOST])
def test_where_it_is_known_it_comes_back(place: Place, name: str) -> None:
    steps, who, beside = (SET_BACK | LOST)[name]
    before = [step for step in steps if step in (promote, push)]
    do(place, *before)
    new, known = place.tip("main"), tags(place)
    do(place, *steps[len(before) :])
    old = place.tip("main") if name in SET_BACK else ""

    found = doctor(place)

    (fault,) = [fault for fault in found.faults if fault.code != "GMS075"]
    said = f"according to {who}, it was at {new[:12]}"
    if name in LOST:
        lost = f"points to a commit that is not here; {said}"
        assert (fault.code, fault.path, fault.what) == ("GMS077", "refs/heads/main", lost)
        assert found.unexamined == ("the history and registry.json, until the branch can be read",)
        repaired = f"set refs/heads/main to {new[:12]}"
    else:
        assert place.tip("main") == old
        beyond = ", ".join(place.git("tag", "--no-merged", old).split())
        assert beyond.endswith("risk@v1.1.0")
        assert (fault.code, fault.path, fault.what, fault.mend) == (
            "GMS052",
            "refs/heads/main",
            f"is at {old[:12]}, and does not hold {beyond}; {said}",
            f"gms doctor --fix moves it forward; {ON_PURPOSE.format('risk@1.1.0')}",
        )
        repaired = f"moved refs/heads/main forward from {old[:12]} to {new[:12]}"

    fixed = doctor(place, fix=True)

    assert fixed.is_sound
    assert fixed.repaired[0] == f"{repaired}, according to {who}{beside}"
    assert (place.tip("main"), tags(place)) == (new, known)
    assert place.git("status", "--porcelain") == ""
    assert Store.open(place.path).verify().is_sound
    assert doctor(place, fix=True).repaired == ()


def test_validate_says_who_can_tell(place: Place) -> None:
    set_back(place)
    assert {fault.mend for fault in Store.open(place.path).validate()} == {
        "gms doctor says where the branch was, and --fix moves it forward if that needs no guess"
    }


def test_a_bare_store_without_reflogs(place: Place) -> None:
    place.push("refs/tags/*")
    new = place.tip("main")
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
    broken = place.tip("main")[:12]
    set_back(place)
    forget(place)
    old = place.tip("main")

    (fault,) = doctor(place, fix=True).faults
    assert fault.what.startswith(
        f"is at {old[:12]}, and does not hold churn@v1.3.0, risk@v1.1.0; "
        f"{broken} is not sound: models/churn/pipeline.joblib: "
    )
    assert fault.mend == (
        "git merge 'risk@v1.1.0^0', on main; if it was reset on purpose, then "
        "`gms withdraw risk@1.1.0`: a number is never used twice"
    )
    assert place.tip("main") == old


def test_a_branch_that_has_gone_on_otherwise_is_left_and_both_sides_named(place: Place) -> None:
    set_back(place)
    base, pushed = place.tip("main")[:12], place.git("rev-parse", "risk@v1.0.0^0")
    place.register("upsell")
    old, known = place.tip("main"), tags(place)

    fixed = doctor(place, fix=True)

    assert [(f.what, f.mend) for f in fixed.faults] == [
        (
            f"is at {old[:12]}, and does not hold risk@v1.1.0; both diverged from {base}",
            "git merge 'risk@v1.1.0^0', on main; if it was reset on purpose, then "
            "`gms withdraw risk@1.1.0`: a number is never used twice",
        ),
        (
            f"points to {pushed[:12]}, which is not on the store's branch",
            "git merge origin/main, on main",
        ),
    ]
    assert (fixed.repaired, place.tip("main"), tags(place)) == ((), old, known)
    place.git("merge", "--quiet", "--no-edit", "risk@v1.1.0^0")
    assert doctor(place).is_sound
    assert [str(v.version) for v in Store.open(place.path).versions("risk")] == ["1.1.0", "1.0.0"]


def test_what_only_a_proposal_has_is_not_taken(place: Place) -> None:
    old = place.tip("main")
    place.git("switch", "--quiet", "--create", "proposal")
    new_version()(place)
    place.commit("propose churn 1.3.0")
    place.tag()
    place.git("switch", "--quiet", "main")
    assert [(f.path, f.mend) for f in doctor(place, fix=True).faults] == [
        ("refs/tags/churn@v1.3.0", "git merge proposal, on main")
    ]
    assert place.tip("main") == old


def test_what_was_fetched_and_not_merged_is_not_taken(place: Place) -> None:
    place.push("refs/tags/*")
    place.git("reset", "--quiet", "--hard", "HEAD~2")
    shutil.rmtree(place.path / ".git/logs/refs/heads")
    old = place.tip("main")
    fixed = doctor(place, fix=True)
    assert {fault.mend for fault in fixed.faults} == {"git merge origin/main, on main"}
    assert place.tip("main") == old


def test_uncommitted_work_is_in_the_way(place: Place) -> None:
    set_back(place)
    old = place.tip("main")
    place.file("registry.json").write_text("mine")
    fixed = doctor(place, fix=True)
    assert [fault.code for fault in fixed.faults] == ["GMS052"]
    assert fixed.notes[0].startswith("the branch was left alone: uncommitted changes in ")
    assert (place.tip("main"), place.file("registry.json").read_text()) == (old, "mine")


def test_one_whose_commit_is_missing_stays_where_it_stands(place: Place) -> None:
    """An older commit that is here is no repair: another clone may have the missing one."""
    new = place.tip("main")
    place.file(f".git/objects/{new[:2]}/{new[2:]}").unlink()
    fixed = doctor(place, fix=True)
    assert [(f.code, f.path) for f in fixed.faults] == [("GMS070", "refs/heads/main")]
    assert place.file(".git/refs/heads/main").read_text().strip() == new
