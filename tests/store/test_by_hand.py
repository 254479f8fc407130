"""The way back from what plain git has left of a pull: a table of states and commands.

Ann has registered first, Ben has registered and promoted, then Ben's hands were on git. Whatever
it was, no version of his is lost, and what is not only ours is left to him.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import LocalChanges, MergeConflict, StoreError

from .looks import git
from .test_share import ann, ben, clean, hub, refs

__all__ = ["ann", "ben", "hub"]

BEN = "of ben"


def tries(place: Path, *args: str) -> bool:
    """Run a git that may conflict."""
    editor = ("-c", "core.editor=true")
    done = subprocess.run(["git", *editor, *args], cwd=place, capture_output=True, check=False)
    return done.returncode == 0


def rebases(ben: Path) -> None:
    tries(ben, "pull", "--rebase")


def merges(ben: Path) -> None:
    tries(ben, "pull", "--no-rebase", "--no-edit")


def merges_without_our_driver(ben: Path) -> None:
    git(ben, "config", "--unset", "merge.gitmodelstore.driver")
    merges(ben)


def merges_and_takes_ours(ben: Path) -> None:
    merges(ben)
    git(ben, "checkout", "--ours", ".")
    git(ben, "commit", "-qam", "merged")


def merges_and_begins_to_resolve(ben: Path) -> None:
    merges(ben)
    git(ben, "checkout", "--theirs", "models/churn/README.md")


def merges_with_a_stash(ben: Path) -> None:
    (ben / "modelstore.toml").write_text('schema = "1.0"\n# mine\n')
    tries(ben, "pull", "--no-rebase", "--no-edit", "--autostash")


def rebases_and_begins_to_resolve(ben: Path) -> None:
    rebases(ben)
    git(ben, "checkout", "--theirs", "models/churn")
    git(ben, "add", "models/churn")


def rebases_and_skips(ben: Path) -> None:
    rebases(ben)
    tries(ben, "rebase", "--skip")


def rebases_and_quits(ben: Path) -> None:
    rebases(ben)
    git(ben, "rebase", "--quit")


def picks(ben: Path) -> None:
    git(ben, "fetch", "-q")
    tries(ben, "cherry-pick", "origin/main")


def applies_mail(ben: Path) -> None:
    git(ben, "fetch", "-q")
    git(ben, "format-patch", "-q", "--binary", "-o", "../mail", "-1", "origin/main")
    tries(ben, "am", "-3", *map(str, (ben.parent / "mail").iterdir()))


def reverts(ben: Path) -> None:
    tries(ben, "revert", "--no-edit", "main~1")


def looks_at_a_tag(ben: Path) -> None:
    git(ben, "checkout", "-q", "churn@v1.0.0")


# What pull and push make of it: how many versions of Ben's they move to another number, or what
# they are told is under way. In the second place: whether Ann has taken the number of Ben's.
STATES: dict[Callable[[Path], None], tuple[int | str, bool]] = {
    rebases: (0, False),
    merges: (0, False),
    merges_without_our_driver: (0, False),
    looks_at_a_tag: (1, True),
    merges_and_takes_ours: (1, True),
    merges_and_begins_to_resolve: ("a merge", True),
    merges_with_a_stash: ("a merge", True),
    rebases_and_begins_to_resolve: ("a rebase", True),
    rebases_and_quits: (1, True),
    rebases_and_skips: (1, True),
    picks: ("a cherry-pick", True),
    applies_mail: ("an am", True),
    reverts: ("a revert", True),
}
STOPPED = {"a rebase that stopped": (rebases, 1, True), "a merge that stopped": (merges, 1, True)}
STOPPED["one without our driver"] = (merges_without_our_driver, 1, True)
TABLE = {"_".join(f.__name__.split("_")): (f, *row) for f, row in STATES.items()} | STOPPED
QUICK = {"rebases", "a rebase that stopped", "a merge that stopped", "rebases_and_skips"}


@pytest.fixture
def parted(ann: Store, ben: Store, fitted, request) -> Store:
    """Ann has registered, and pushed; so has Ben, who has not."""
    is_taken = request.param
    ann.register(fitted, "churn" if is_taken else "spam", message="of ann", code=None, push=True)
    ben.register(fitted, "churn", message=BEN, code=None)
    ben.promote("churn@1.0.1", "staging")
    return ben


def copy(ben: Store, place: Path) -> Store:
    """Return a copy of Ben's clone, which pushes to a copy of the shared repository."""
    shutil.copytree(ben.path.parent / "hub.git", place / "hub.git", symlinks=True)
    shutil.copytree(ben.path, place / "ben", symlinks=True)
    git(place / "ben", "config", "remote.origin.url", str(place / "hub.git"))
    subprocess.run(["git", "update-index", "-q", "--refresh"], cwd=place / "ben", check=False)
    return Store.open(place / "ben", durable=False)


def of_ben(store: Store) -> list[str]:
    """Return Ben's versions on the branch, each with its status; both numbers of his are loaded."""
    mine = [one for one in store.versions("churn") if store.show(one).message == BEN]
    for one in mine:
        store.load(one)
    return [one.status for one in mine]


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(LocalChanges) as caught:
        call()
    verb = str(caught.value).split()[1]
    assert caught.value.hint == f"finish it or run `git {verb} --abort` there, then try again"
    return str(caught.value).partition(" is in progress in ")[0]


def cases() -> list[object]:
    return [
        pytest.param(
            hands, renumbered, taken, id=name, marks=[pytest.mark.long] * (name not in QUICK)
        )
        for name, (hands, renumbered, taken) in TABLE.items()
    ]


@pytest.mark.parametrize(("hands", "outcome", "parted"), cases(), indirect=["parted"])
def test_the_way_back(parted, tmp_path, fitted, hands, outcome):
    hands(parted.path)
    before = git(parted.path, "status", "--porcelain=v2")

    if isinstance(outcome, str):  # a person decides
        store = copy(parted, tmp_path / "copy")
        register = lambda: store.register(fitted, "churn", code=None)  # noqa: E731
        assert [refused(call) for call in (store.pull, store.push, register)] == [outcome] * 3
        notes = [note for note in store.doctor(fix=True).notes if "in the middle of" in note]
        assert notes[0].startswith(f"{store.path}: git is in the middle of a")
        verb = outcome.split()[1]
        assert git(store.path, "status", "--porcelain=v2") == before
        git(store.path, verb, "--abort")
        assert store.pull().ahead == 2
        assert of_ben(store) == ["staging"]
        return
    for number, command in enumerate(("pull", "push", "doctor")):
        store = copy(parted, tmp_path / f"copy-{number}")
        if command == "doctor":
            notes = store.doctor(fix=True).notes  # which breaks nothing for the next
            said = "to give it up, run `git checkout --force main` there" in " ".join(notes)
            assert said == (hands is rebases_and_quits)
            store.pull()
            shared = store.push()
        else:
            shared = getattr(store, command)()
        assert of_ben(store) == ["staging"]
        if command != "doctor":
            assert len(shared.renumbered) == outcome
        if hands is merges_without_our_driver:
            store.doctor(fix=True)
        if hands is rebases_and_quits:  # as the notes say
            git(store.path, "checkout", "-q", "--force", "main")
        if hands is not looks_at_a_tag:
            assert clean(store)
            assert "HEAD -> main" in git(store.path, "log", "-1", "--format=%D")
        if command != "pull":
            hub = store.path.parent / "hub.git"
            assert refs(hub)["refs/heads/main"] == refs(store.path)["refs/heads/main"]


@pytest.mark.parametrize("parted", [True], indirect=True)
def test_where_two_moved_the_same_status_the_merge_ends_and_both_sides_are_shown(parted, ann):
    ann.promote("churn@1.0.0", "production", push=True)
    parted.promote("churn@1.0.1", "production")
    merges(parted.path)

    with pytest.raises(MergeConflict, match=r"production: here 1\.0\.2, there 1\.0\.0"):
        parted.pull()

    assert clean(parted)
    assert of_ben(parted) == ["production"]
    parted.pull(theirs=True)
    assert of_ben(parted) == ["staging"]


@pytest.mark.parametrize("parted", [True], indirect=True)
def test_a_merge_of_something_else_is_nobody_s_but_ben_s(parted, ann):
    git(parted.path, "branch", "side", "main~1")
    git(parted.path, "switch", "-q", "side")
    parted.path.joinpath("registry.json").write_text("side\n")
    git(parted.path, "commit", "-qam", "side")
    git(parted.path, "switch", "-q", "main")
    assert not tries(parted.path, "merge", "side")

    assert refused(parted.pull) == "a merge"


def test_a_number_that_a_tag_there_has_is_not_somebody_who_was_first(ann, ben, fitted):
    """A tag alone was pushed: no fetch brings what would give the version another number."""
    ann.register(fitted, "churn", code=None)
    git(ann.path, "push", "-q", "--no-verify", "origin", "refs/tags/churn@v1.0.1")
    ben.register(fitted, "churn", code=None)

    with pytest.raises(StoreError, match=r"origin has a different tag churn@v1\.0\.1") as caught:
        ben.push()

    assert "git push origin --delete churn@v1.0.1" in (caught.value.hint or "")
    ann.push()
    assert dict(ben.push().renumbered) == {"churn 1.0.1": "churn 1.0.2"}
