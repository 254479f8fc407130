"""When somebody was first: our events again on their head, each judged as new."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import CannotWork, GateNotPassed, MergeConflict, VersionExists

from .looks import git
from .test_share import ann, ben, clean, hub, refs

__all__ = ["ann", "ben", "hub"]


def numbers(store: Store, model: str = "churn") -> list[str]:
    return [str(one.version) for one in store.versions(model)]


def subjects(place: Path) -> list[str]:
    return git(place, "log", "--format=%s", "main").splitlines()


def test_a_number_that_a_bump_chose_is_chosen_anew(ann, ben, hub, fitted):
    ann.register(fitted, "churn", code=None)
    ann.push()
    told: list[str] = []
    ben = Store.open(ben.path, notify=told.append)
    ben.register(fitted, "churn", message="of ben", code=None)
    old = refs(ben.path)["refs/tags/churn@v1.0.1"]
    since = ben.show("churn@1.0.1").created_at

    assert dict(ben.push().renumbered) == {"churn 1.0.1": "churn 1.0.2"}
    assert "churn 1.0.1 is now 1.0.2: somebody else had pushed that number first" in told
    manifest = ben.show("churn@1.0.2")
    assert (manifest.message, str(manifest.parent)) == ("of ben", "1.0.1")
    assert manifest.created_at == since
    assert old not in git(hub, "rev-list", "--objects", "--all")
    assert old not in refs(hub).values()
    assert refs(ben.path)["refs/tags/churn@v1.0.1"] == refs(ann.path)["refs/tags/churn@v1.0.1"]
    assert clean(ben)
    ann.pull()
    assert numbers(ann) == numbers(ben) == ["1.0.2", "1.0.1", "1.0.0"]
    assert clean(ann)


def test_every_kind_of_event_comes_after_theirs_with_the_new_number(ann, ben, fitted):
    ann.register(fitted, "churn", code=None)
    ann.register(fitted, "spam", code=None)
    ann.push()
    ben.promote("churn@1.0.0", "production")
    ben.register(fitted, "churn", code=None)
    ben.promote("churn@1.0.1", "production", reason="churn 1.0.1 earns more")
    ben.annotate("churn@1.0.1", {"auc": 0.5})
    ben.rollback("churn", reason="drift")
    ben.archive("churn@1.0.1", reason="old")

    ben.push()

    assert subjects(ben.path)[:8] == [
        "archive churn 1.0.2",
        "roll back churn to 1.0.0",
        "annotate churn 1.0.2: auc",
        "promote churn 1.0.2 to production",
        "register churn 1.0.2",
        "promote churn 1.0.0 to production",
        "register spam 1.0.0",
        "register churn 1.0.1",
    ]
    events = {f"{one.version} {one.kind}" for one in ben.log("churn")}
    assert "1.0.2 annotated" in events
    assert str(ben.version("churn@production")) == "churn 1.0.0"
    assert ben.load("churn@1.0.2") is not None
    assert ben.show("churn@1.0.2")
    assert clean(ben)


def test_settings_and_events_of_others_stay_apart(ann, ben):
    ann.promote("churn@1.0.0", "staging", push=True)
    (ben.path / "modelstore.toml").write_text(
        'schema = "1.0"\n[storage]\nlfs_threshold = "9 MiB"\n'
    )
    git(ben.path, "commit", "-qam", "larger files")

    ben.push()

    assert subjects(ben.path)[:2] == ["larger files", "promote churn 1.0.0 to staging"]
    assert clean(ben)


def test_both_changed_the_settings(ann, ben):
    for one, size in ((ann, 8), (ben, 9)):
        text = f'schema = "1.0"\n[storage]\nlfs_threshold = "{size} MiB"\n'
        (one.path / "modelstore.toml").write_text(text)
        git(one.path, "commit", "-qam", f"{size} MiB")
    ann.push()
    before = refs(ben.path)

    with pytest.raises(MergeConflict, match=r"'9 MiB' changes modelstore\.toml, and so did others"):
        ben.pull()

    assert refs(ben.path).items() >= {(k, v) for k, v in before.items() if "remotes" not in k}
    assert clean(ben)
    ben.pull(theirs=True)
    assert "8 MiB" in (ben.path / "modelstore.toml").read_text()
    assert clean(ben)


def test_a_number_that_was_asked_for_and_is_taken_is_refused(ann, ben, fitted):
    ann.register(fitted, "churn", version="2.0.0", code=None, push=True)
    ben.register(fitted, "churn", version="2.0.0", code=None)
    before = refs(ben.path)["refs/heads/main"], refs(ben.path)["refs/tags/churn@v2.0.0"]

    with pytest.raises(VersionExists, match="was registered on origin first") as caught:
        ben.push()

    assert "gms push --renumber" in caught.value.hint
    now = refs(ben.path)
    assert (now["refs/heads/main"], now["refs/tags/churn@v2.0.0"]) == before
    assert clean(ben)
    assert dict(ben.push(renumber=True).renumbered) == {"churn 2.0.0": "churn 2.0.1"}


def test_one_that_was_asked_for_and_is_free_keeps_it(ann, ben, fitted):
    ann.register(fitted, "churn", code=None, push=True)
    ben.register(fitted, "churn", version="2.0.0", code=None)

    assert ben.push().renumbered == {}
    assert numbers(ben) == ["2.0.0", "1.0.1", "1.0.0"]
    assert str(ben.show("churn@2.0.0").parent) == "1.0.1"
    assert clean(ben)


def test_two_people_moved_the_same_status(ann, ben, fitted):
    ann.register(fitted, "churn", code=None, push=True)
    ben.pull()
    ann.promote("churn@1.0.1", "production", push=True)
    ben.promote("churn@1.0.0", "production")
    before = refs(ben.path)["refs/heads/main"]

    with pytest.raises(MergeConflict) as caught:
        ben.push()

    assert caught.value.clashes == ("churn production: here 1.0.0, there 1.0.1",)
    assert "gms push --theirs" in caught.value.hint
    assert refs(ben.path)["refs/heads/main"] == before
    ben.push(theirs=True)
    assert str(ben.version("churn@production")) == "churn 1.0.1"
    assert clean(ben)


def test_the_same_move_twice_is_one(ann, ben):
    ann.promote("churn@1.0.0", "production", push=True)
    ben.promote("churn@1.0.0", "production")

    assert ben.push().ahead == 0
    assert len(ben.log("churn")) == 2


def test_a_gate_that_stands_there_now_judges_ours(ann, ben):
    gate = '[gates.production]\nmetrics = ["test_auc >= 0.99"]\n'
    (ann.path / "modelstore.toml").write_text(f'schema = "1.0"\n{gate}')
    git(ann.path, "commit", "-qam", "a gate")
    ann.push()
    ben.promote("churn@1.0.0", "production")

    with pytest.raises((MergeConflict, GateNotPassed), match="test_auc"):
        ben.push()

    assert str(ben.version("churn@production")) == "churn 1.0.0"  # what was here is here
    assert clean(ben)
    ben.push(theirs=True)
    assert ben.version("churn@1.0.0").status == "registered"
    assert clean(ben)


def test_a_merge_by_hand_is_taken_as_it_is(ann, ben, fitted):
    ann.register(fitted, "spam", code=None, push=True)
    ben.promote("churn@1.0.0", "production")
    git(ben.path, "fetch", "-q", "origin")
    git(ben.path, "merge", "-q", "--no-edit", "origin/main")

    assert ben.push().sent == 2
    assert clean(ben)


def test_after_a_merge_by_hand_others_may_be_first_again(ann, ben, fitted):
    ann.register(fitted, "spam", code=None, push=True)
    ben.promote("churn@1.0.0", "production")
    git(ben.path, "fetch", "-q", "origin")
    git(ben.path, "merge", "-q", "--no-edit", "origin/main")
    ann.register(fitted, "spam", code=None, push=True)

    ben.push()

    assert subjects(ben.path)[:3] == [
        "promote churn 1.0.0 to production",
        "register spam 1.0.1",
        "register spam 1.0.0",
    ]
    assert clean(ben)


def test_a_rebase_by_hand(ann, ben, fitted):
    ann.register(fitted, "spam", code=None, push=True)
    ben.register(fitted, "churn", code=None)
    git(ben.path, "pull", "-q", "--rebase")
    told: list[str] = []

    Store.open(ben.path, notify=told.append, durable=False).push()

    assert [line.partition(" to ")[0] for line in told] == ["moved tag churn@v1.0.1"]
    assert "git push" not in told[0]  # nobody else has the old one
    assert numbers(ben) == ["1.0.1", "1.0.0"]
    assert refs(ben.path)["refs/tags/churn@v1.0.1"]


def test_another_store_has_nothing_in_common(ann, tmp_path, fitted):
    other = Store.init(tmp_path / "other", durable=False)
    other.register(fitted, "churn", code=None)

    with pytest.raises(CannotWork, match="no commit in common"):
        other.push(str(tmp_path / "hub.git"))
    assert clean(other)


def test_what_was_here_before_is_kept_until_it_is_shared(ann, ben, hub, fitted):
    ann.register(fitted, "churn", code=None, push=True)
    ben.register(fitted, "churn", code=None)
    tip = refs(ben.path)["refs/heads/main"]

    ben.pull()
    assert refs(ben.path)[f"refs/gitmodelstore/before/{tip}"] == tip
    ben.push()
    assert not [name for name in refs(ben.path) if name.startswith("refs/gitmodelstore")]


def test_what_else_a_commit_by_hand_holds_comes_along(ann, ben, fitted):
    """A squash: it registers a version, moves it on, and changes a file."""
    ann.register(fitted, "churn", code=None, push=True)
    start = git(ben.path, "rev-parse", "main").strip()
    ben.register(fitted, "churn", message="of ben", code=None)
    ben.promote("churn@1.0.1", "staging")
    (ben.path / "README.md").write_text("ours\n")
    git(ben.path, "add", "README.md")
    git(ben.path, "commit", "-qm", "a page")
    message = git(ben.path, "log", "--reverse", "--format=%B", f"{start}..main")
    git(ben.path, "tag", "-d", "churn@v1.0.1")
    git(ben.path, "reset", "-q", "--soft", start)
    git(ben.path, "commit", "-qm", message)
    ben.doctor(fix=True)

    ben.push()

    assert ben.version("churn@1.0.2").status == "staging"
    assert ben.show("churn@1.0.2").message == "of ben"
    assert (ben.path / "README.md").read_text() == "ours\n"
    assert clean(ben)


def test_what_was_signed_is_signed_again(ann, ben, desk, fitted):
    desk.allow(desk.ada)
    ann.register(fitted, "spam", code=None, push=True)
    git(ben.path, "config", "user.name", "Ada Lovelace")
    ben = Store.open(ben.path, durable=False)
    ben.promote("churn@1.0.0", "staging", sign=True)

    ben.push()

    assert subjects(ben.path)[0] == "promote churn 1.0.0 to staging"
    git(ben.path, "verify-commit", "main")


def test_what_another_signed_is_named(ann, ben, desk, fitted):
    desk.allow(desk.ada)
    ann.register(fitted, "spam", code=None, push=True)
    ben.promote("churn@1.0.0", "staging", sign=True)
    git(ben.path, "config", "user.name", "Somebody Else")

    with pytest.raises(MergeConflict, match=r"by Ben .*: promote churn"):
        Store.open(ben.path).push()
