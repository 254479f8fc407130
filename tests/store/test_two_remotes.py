"""A store with more than one remote does what plain git would: which one is meant, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import InvalidInput, RemoteUnreachable, StoreBusy

from .children import gms
from .looks import git
from .test_share import ann, clean, hub, refs

__all__ = ["ann", "hub"]

UNSET = ("config", "--remove-section", "branch.main")
# What was typed, then where `gms push` and `gms pull` go: a remote, or what is said instead.
TABLE: dict[str, tuple[list[tuple[str, ...]], str, str]] = {
    "as a clone has it": ([], "origin", "origin"),
    "branch.main.remote": ([("config", "branch.main.remote", "other")], "other", "other"),
    "branch.main.pushRemote": (
        [("config", "branch.main.pushRemote", "other"), ("config", "remote.pushDefault", "origin")],
        "other",
        "origin",
    ),
    "remote.pushDefault": ([("config", "remote.pushDefault", "other")], "other", "origin"),
    "no upstream": ([UNSET], "origin", "origin"),
    "renamed": ([("remote", "rename", "origin", "hub")], "hub", "hub"),
    "renamed, no upstream": (
        [("remote", "rename", "origin", "hub"), UNSET],
        "the store has several remotes: hub, other",
        "the store has several remotes: hub, other",
    ),
    "removed": ([("remote", "remove", "origin")], "other", "other"),
    "one that is not there": (
        [("config", "branch.main.remote", "gone")],
        "git is configured to push to 'gone', a remote that the store does not have",
        "git is configured to pull from 'gone', a remote that the store does not have",
    ),
}


@pytest.fixture
def other(ann: Store, tmp_path: Path) -> Path:
    """An empty repository that Ann's store has besides."""
    place = tmp_path / "other.git"
    git(tmp_path, "init", "--quiet", "--bare", "-b", "main", str(place))
    ann.add_remote("other", str(place))
    return place


def tip(place: Path) -> str | None:
    return refs(place).get("refs/heads/main")


@pytest.mark.parametrize(
    ("typed", "push", "pull"),
    [
        pytest.param(
            *row, id=name, marks=[pytest.mark.long] * (name not in ("remote.pushDefault",))
        )
        for name, row in TABLE.items()
    ],
)
def test_which_one_is_meant(ann, hub, other, typed, push, pull):
    ann.push("other")
    for args in typed:
        git(ann.path, *args)
    told: list[str] = []
    store = Store.open(ann.path, notify=told.append, durable=False)
    store.annotate("churn@1.0.0", {"auc": 0.5})

    if " " in push:
        for call in (store.push, store.pull, store.fetch):
            with pytest.raises(InvalidInput) as caught:
                call()
            assert str(caught.value).startswith(push if call == store.push else pull)
            assert ("hub" if "several" in push else "it has origin, other; ") in (
                caught.value.hint or ""
            )
        return
    assert f"not on {push} yet: gms push" in told
    assert [store.fetch().remote, store.pull().remote] == [pull, pull]
    places = {"origin": hub, "hub": hub, "other": other}
    before = {place: tip(place) for place in places.values()}
    shared = store.push()
    assert (shared.remote, shared.url, shared.sent) == (push, str(places[push]), 1)
    before[places[push]] = tip(store.path)
    assert {place: tip(place) for place in places.values()} == before
    assert clean(store)


def test_naming_another_once_does_not_make_it_the_one_that_is_followed(ann, other):
    git(ann.path, *UNSET)

    assert ann.push("other").remote == "other"

    assert ann.push().remote == "origin"
    assert git(ann.path, "config", "branch.main.remote").strip() == "origin"


def test_the_hints_name_it_where_there_are_several(ann, hub, other, fitted):
    ann.push("other")
    ben = Store.clone(str(other), ann.path.parent / "ben", durable=False)
    ben.annotate("churn@1.0.0", {"auc": 0.5}, push=True)
    ann.annotate("churn@1.0.0", {"f1": 0.5})

    fetched = gms("fetch", "other", cwd=ann.path)
    pulled = gms("pull", "other", cwd=ann.path)

    assert "to bring it into the store: gms pull other" in fetched.stderr
    assert "1 commit not on other yet: gms push other" in pulled.stderr
    assert tip(hub) != tip(other)
    ann.push("other")
    ann.push()
    assert tip(hub) == tip(other) == tip(ann.path)


def test_a_pushurl(ann, hub, other):
    """Fetched from one, such as a mirror near by, and pushed to another."""
    git(ann.path, "remote", "remove", "other")
    git(ann.path, "config", "remote.origin.pushurl", str(other))
    before = tip(hub)

    shared = ann.push()

    assert (shared.remote, shared.url) == ("origin", str(other))
    assert shared.tags == ("churn@v1.0.0",)
    assert tip(hub) == before
    assert refs(other) == {k: v for k, v in refs(ann.path).items() if "remotes" not in k}


@pytest.mark.long
def test_several_pushurls(ann, hub, other):
    for place in (hub, other):
        git(ann.path, "config", "--add", "remote.origin.pushurl", str(place))
    ann.annotate("churn@1.0.0", {"auc": 0.5})

    assert ann.push().url == f"{hub}, {other}"
    assert refs(hub) == refs(other)

    ann.annotate("churn@1.0.0", {"f1": 0.5})
    other.rename(other.with_name("gone"))
    with pytest.raises(RemoteUnreachable) as caught:
        ann.push()
    assert "gone" not in str(caught.value)
    assert str(other) in str(caught.value)
    other.with_name("gone").rename(other)
    ann.push()
    assert refs(hub) == refs(other)
    assert tip(hub) == tip(ann.path)
    assert ann.push().sent == 0


@pytest.mark.long
def test_a_pushurl_that_is_ahead_of_its_url_is_named(ann, hub, other, fitted):
    git(ann.path, "push", "-q", "--no-verify", str(other), "main", "churn@v1.0.0")
    ben = Store.clone(str(other), ann.path.parent / "ben", durable=False)
    ben.annotate("churn@1.0.0", {"auc": 0.5}, push=True)
    git(ann.path, "config", "remote.origin.pushurl", str(other))
    ann.annotate("churn@1.0.0", {"f1": 0.5})

    with pytest.raises(StoreBusy, match=r"origin did not accept it in 1[01] tries") as caught:
        ann.push()

    assert "it pushes to another place than it fetches from" in (caught.value.hint or "")
    assert str(other) in (caught.value.hint or "")


@pytest.mark.parametrize("key", ["insteadOf", "pushInsteadOf"])
@pytest.mark.long
def test_a_short_form_of_an_address(ann, hub, other, key):
    git(ann.path, "config", f"url.{other.parent}/.{key}", "team:")
    git(ann.path, "remote", "set-url", "origin", "team:other.git")
    if key == "pushInsteadOf":
        git(ann.path, "config", f"url.{hub}.insteadOf", "team:other.git")
    ann = Store.open(ann.path, durable=False)

    assert ann.push().tags == ("churn@v1.0.0",)
    ann.annotate("churn@1.0.0", {"auc": 0.5}, push=True)
    assert tip(other) == tip(ann.path)
    assert (tip(hub) == tip(ann.path)) is False
    assert ann.push("team:other.git").remote == "origin"


@pytest.mark.long
def test_a_store_that_always_pushes_asks_which_before_it_writes(ann, hub, other):
    git(ann.path, "remote", "rename", "origin", "hub")
    git(ann.path, *UNSET)
    (ann.path / "modelstore.toml").write_text('schema = "1.0"\n[remote]\npush = "always"\n')
    git(ann.path, "commit", "-qam", "settings")
    before = tip(ann.path)

    with pytest.raises(InvalidInput, match="several remotes: hub, other"):
        ann.promote("churn@1.0.0", "production")

    assert tip(ann.path) == before
    git(ann.path, "config", "remote.pushDefault", "other")
    ann.promote("churn@1.0.0", "production")
    assert tip(other) == tip(ann.path) != tip(hub)


@pytest.mark.long
def test_a_rollback_changes_nothing_where_it_could_not_be_pushed(ann, other, fitted):
    ann.promote("churn@1.0.0", "production")
    ann.register(fitted, "churn", code=None)
    ann.promote("churn@1.0.1", "production", push=True)
    git(ann.path, "config", "remote.pushDefault", "other")
    other.rename(other.with_name("gone"))
    before = tip(ann.path)

    with pytest.raises(RemoteUnreachable, match="other cannot be reached"):
        ann.rollback("churn", reason="drift", push=True)

    assert tip(ann.path) == before


def test_a_rollback_in_a_store_that_always_pushes_and_has_no_remote_yet(store, fitted):
    (store.path / "modelstore.toml").write_text('schema = "1.0"\n[remote]\npush = "always"\n')
    git(store.path, "commit", "-qam", "settings")
    for _ in range(2):
        store.promote(store.register(fitted, "churn", code=None), "production")

    assert store.rollback("churn", reason="drift")
