"""A clone that was not asked to hold everything is no damaged one; a range must be there."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.operations.init import set_up
from tests.store import children
from tests.store.looks import git

from .conftest import Place

SHALLOW = (
    "`git fetch --unshallow --tags origin`; on a hosted runner, let the checkout fetch all of it: "
    "`fetch-depth: 0`"
)
PARTIAL = "`git fetch --refetch --no-filter origin`"
WHY = {
    SHALLOW: "this is a shallow clone, without the commits before its border",
    PARTIAL: "this is a partial clone, and some objects of its history are only on the remote",
}


def gms(folder: Path, *args: str) -> tuple[int, str, str]:
    done = children.gms(*args, cwd=folder)
    return done.returncode, done.stdout, done.stderr


def clone(place: Place, *options: str) -> Path:
    """A clone of the shared store, as git makes it over a network."""
    git(place.shared, "config", "uploadpack.allowFilter", "true")
    made = place.shared.parent / "there"
    git(place.shared.parent, "clone", "--quiet", *options, place.shared.as_uri(), str(made))
    return made


@pytest.mark.parametrize(
    ("options", "fetch"),
    [
        (["--depth=1"], SHALLOW),
        (["--depth=2", "--no-single-branch"], SHALLOW),
        (["--filter=blob:none"], PARTIAL),
        (["--filter=tree:0"], PARTIAL),
    ],
    ids=lambda given: given[0] if isinstance(given, list) else "",
)
def test_the_doctor_cannot_tell_of_its_history_and_says_what_to_fetch(
    place: Place, options: list[str], fetch: str
) -> None:
    there = clone(place, *options)
    before = set(there.rglob("*"))

    code, out, err = gms(there, "doctor")

    assert (code, out) == (128, "")
    assert err == (
        f"warning: not examined: the history: {WHY[fetch]}; {fetch}\n"
        "note: hooks and drivers are not set up: to write here, run `gms doctor --fix`\n"
        "note: nothing is wrong with what could be examined\n"
    )
    assert set(there.rglob("*")) == before
    assert gms(there, "doctor", "--fix")[0] == 128
    # In the foreground: `--refetch` lets git pack everything anew, beside what looks.
    git(there, "-c", "gc.autoDetach=false", *fetch.split("`")[1].split()[1:])
    assert gms(there, "doctor") == (0, "", "note: nothing is wrong\n")


@pytest.mark.parametrize(
    ("option", "fetch"), [("--depth=1", SHALLOW), ("--filter=blob:none", PARTIAL)]
)
@pytest.mark.parametrize("command", [["validate"], ["verify", "--all"]], ids=lambda it: it[0])
def test_one_whose_remote_is_away_is_not_called_faulty(
    place: Place, command: list[str], option: str, fetch: str
) -> None:
    there = clone(place, option)
    git(there, "config", "remote.origin.url", str(place.shared.parent / "nowhere"))
    message = f"error: cannot tell what is sound: {WHY[fetch]}\nhint: {fetch}\n"
    code, out, err = gms(there, *command)
    assert (code, out) == (128, "")
    if (command[0], fetch) == ("verify", PARTIAL):  # which would have fetched what it reads
        assert "not fetched yet, and origin cannot be reached" in err
    else:
        assert err == message
    if fetch == SHALLOW:
        git(there, "fetch", "--unshallow", "--tags", str(place.shared))
        assert gms(there, *command)[0] == 0


def test_one_without_tags_gets_none_made_here(place: Place) -> None:
    there = clone(place, "--no-tags")
    set_up(Store.open(there)._repository)

    code, out, err = gms(there, "doctor", "--fix")

    assert (code, out) == (128, "installed the hooks pre-commit, pre-push\n")
    assert err.splitlines()[0] == (
        "warning: not examined: 4 tags: this clone is set to fetch none; `git fetch --tags origin`"
    )
    message = (
        "error: cannot tell what is sound: this clone is set to fetch no tags\n"
        "hint: `git fetch --tags origin`\n"
    )
    assert gms(there, "validate") == (128, "", message)
    assert gms(there, "verify", "--all") == (128, "", message)
    git(there, "fetch", "--tags", "origin")
    assert gms(there, "doctor") == (0, "", "note: nothing is wrong\n")


def test_a_mirror_needs_no_hooks(place: Place) -> None:
    there = clone(place, "--mirror")
    assert gms(there, "doctor") == (0, "", "note: nothing is wrong\n")
    assert gms(there, "validate")[0] == 0


@pytest.mark.parametrize("options", [["--sparse"], ["--single-branch"], ["--no-checkout"]])
def test_a_whole_history_is_judged(place: Place, options: list[str]) -> None:
    there = clone(place, *options)
    assert gms(there, "doctor", "--fix")[0] == 0
    assert gms(there, "validate")[0] == 0


def test_an_index_of_a_sparse_checkout_is_made_anew_as_it_was(place: Place) -> None:
    there = clone(place, "--sparse")
    gms(there, "doctor", "--fix")
    (there / ".git/index").unlink()
    assert gms(there, "doctor", "--fix")[0] == 0
    assert not (there / "models").exists()
    assert git(there, "status", "--porcelain") == ""


LISTS = "`git branch --all` lists what is here; `git fetch origin` brings the rest"


class TestRange:
    """`gms validate --range BASE..HEAD` with a name of nothing that is here."""

    @pytest.mark.parametrize(
        ("given", "name", "hint"),
        [
            ("origin/proposal..HEAD", "origin/proposal", "fetch it: `git fetch origin proposal`"),
            ("HEAD~99..HEAD", "HEAD~99", "see how far its history goes: `git log --oneline HEAD`"),
            ("origin/main..typo", "typo", LISTS),
            (f"{'1' * 40}..HEAD", "1" * 40, LISTS),
            ("-x..HEAD", "-x", LISTS),
        ],
    )
    def test_it_is_named(self, place: Place, given: str, name: str, hint: str) -> None:
        assert gms(place.path, "validate", f"--range={given}") == (
            128,
            "",
            f"error: '{name}' is not a commit in this repository\nhint: {hint}\n",
        )

    def test_in_a_shallow_clone_it_says_what_a_pipeline_has_to_fetch(self, place: Place) -> None:
        assert gms(clone(place, "--depth=1"), "validate", "--range", "HEAD~1..HEAD") == (
            128,
            "",
            "error: 'HEAD~1' is not a commit in this repository\n"
            f"hint: this is a shallow clone: {SHALLOW}\n",
        )

    def test_a_shallow_clone_that_holds_both_ends_and_not_what_is_between(
        self, place: Place
    ) -> None:
        base = place.tip("main~3")
        git(place.shared, "config", "uploadpack.allowAnySHA1InWant", "true")
        there = clone(place, "--depth=1")
        git(there, "fetch", "--depth=1", "origin", base)
        assert gms(there, "validate", "--range", f"{base}..HEAD") == (
            128,
            "",
            f"error: cannot tell what is sound: {WHY[SHALLOW]}\nhint: {SHALLOW}\n",
        )
        git(there, "fetch", "--unshallow", "--tags", "origin")
        assert gms(there, "validate", "--range", f"{base}..HEAD")[0] == 0

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ("", "--range needs BASE..HEAD"),
            ("..", "--range needs BASE..HEAD"),
            ("HEAD..", "--range needs BASE..HEAD"),
            ("HEAD~1...HEAD", "--range takes BASE..HEAD, with two dots, not three"),
        ],
    )
    def test_one_that_is_none(self, place: Place, given: str, message: str) -> None:
        code, out, err = gms(place.path, "validate", f"--range={given}")
        assert (code, out, err.splitlines()[0]) == (2, "", f"error: {message}")
