"""Push, pull and fetch between stores that share a bare repository."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import (
    AlreadyExists,
    CannotWork,
    IntegrityError,
    InvalidInput,
    NoIdentity,
    RemoteRefused,
    RemoteUnreachable,
    StoreBusy,
)
from gitmodelstore.operations import share
from gitmodelstore.plumbing.writer_lock import Note
from gitmodelstore.plumbing.writer_lock import write as write_note

from . import children
from .looks import git, refusal
from .test_lazy_import import imported

RECORDER = '#!/bin/sh\ncat >> "$GIT_DIR/pushed"\necho end >> "$GIT_DIR/pushed"\n'


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """An empty repository to share through, as a fresh project of a host."""
    place = tmp_path / "hub.git"
    git(tmp_path, "init", "--quiet", "--bare", "-b", "main", str(place))
    return place


@pytest.fixture
def ann(store: Store, hub: Path, fitted) -> Store:
    """Has registered churn 1.0.0, and pushed it."""
    store.register(fitted, "churn", code=None)
    store.push(str(hub))
    return store


@pytest.fixture
def ben(ann: Store, hub: Path, tmp_path: Path) -> Store:
    """Has cloned it."""
    Store.clone(str(hub), tmp_path / "ben")
    git(tmp_path / "ben", "config", "user.name", "Ben")
    return Store.open(tmp_path / "ben", durable=False)


def refs(place: Path) -> dict[str, str]:
    lines = git(place, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split() for line in lines)  # type: ignore[misc]


def clean(store: Store) -> bool:
    status = git(store.path, "status", "--porcelain")
    return not status and not store.validate() and not store.doctor().faults


class TestPush:
    def test_the_first_into_an_empty_repository_sets_remote_and_upstream(self, store, hub, fitted):
        store.register(fitted, "churn", code=None)

        shared = store.push(str(hub))

        assert (shared.remote, shared.url, shared.branch) == ("origin", str(hub), "main")
        assert (shared.sent, shared.tags, shared.ahead) == (2, ("churn@v1.0.0",), 0)
        assert refs(hub).keys() == {"refs/heads/main", "refs/tags/churn@v1.0.0"}
        assert refs(hub)["refs/heads/main"] == shared.commit == refs(store.path)["refs/heads/main"]
        assert store.remotes == {"origin": str(hub)}
        assert "up to date with 'origin/main'" in git(store.path, "status")
        assert clean(store)

    def test_the_first_into_a_store_that_init_made_for_it(
        self, store, tmp_path, fitted, monkeypatch
    ):
        with monkeypatch.context() as patch:
            patch.setenv("GIT_AUTHOR_NAME", "somebody else")  # or both might begin alike
            Store.init(tmp_path / "hub.git", bare=True)
        store.register(fitted, "churn", code=None)
        tip = refs(store.path)["refs/heads/main"]

        assert store.push(str(tmp_path / "hub.git")).sent == 2

        assert refs(tmp_path / "hub.git")["refs/heads/main"] == tip
        assert clean(store)

    def test_with_nothing_to_do_it_sends_nothing(self, ann, hub):
        before = refs(hub)

        shared = ann.push()

        assert (shared.sent, shared.tags) == (0, ())
        assert refs(hub) == before

    def test_no_push_has_more_than_three_tags_and_no_version_comes_without_its(
        self, store, hub, fitted
    ):
        (hub / "hooks" / "pre-receive").write_text(RECORDER)
        (hub / "hooks" / "pre-receive").chmod(0o755)
        for _ in range(7):
            store.register(fitted, "churn", code=None)

        shared = store.push(str(hub))

        pushes = (hub / "pushed").read_text().split("end\n")[:-1]
        assert [one.count("refs/tags/") for one in pushes] == [3, 3, 1]
        assert len(shared.tags) == 7
        for one in pushes:  # each is whole: what its commit holds has its tag by then
            tip = next(line.split()[1] for line in one.splitlines() if "refs/heads" in line)
            assert git(hub, "show", f"{tip}:registry.json").count('"status"') in (3, 6, 7)

    def test_a_tag_that_is_missing_there_goes_alone(self, ann, hub):
        git(hub, "update-ref", "-d", "refs/tags/churn@v1.0.0")

        assert ann.push().tags == ("churn@v1.0.0",)
        assert "refs/tags/churn@v1.0.0" in refs(hub)

    def test_nor_has_one_of_tags_that_were_missing_there(self, ann, hub, fitted):
        """Though git is told to follow tags, as in every store."""
        for _ in range(3):
            ann.register(fitted, "churn", code=None)
        git(ann.path, "push", "--quiet", "--no-verify", "--no-follow-tags", "origin", "main")
        (hub / "hooks" / "pre-receive").write_text(RECORDER)
        (hub / "hooks" / "pre-receive").chmod(0o755)
        git(hub, "update-ref", "-d", "refs/tags/churn@v1.0.0")

        ann.push()

        pushes = (hub / "pushed").read_text().split("end\n")[:-1]
        assert [one.count("refs/tags/") for one in pushes] == [3, 1]

    def test_what_a_dead_writer_left_is_finished_first(self, ann, hub, fitted):
        """It moved the branch, and died before it set the tag."""
        old = git(ann.path, "rev-parse", "main").strip()
        version = ann.register(fitted, "churn", code=None)
        tag = git(ann.path, "rev-parse", f"refs/tags/{version.tag}").strip()
        git(ann.path, "update-ref", "-d", f"refs/tags/{version.tag}")
        note = Note(old, version.commit, {version.tag: tag}, (str(ann.path),))
        write_note(ann.path / ".git", note)

        assert ann.push().tags == (version.tag,)

    def test_no_version_goes_without_its_tag(self, ann, hub, fitted):
        version = ann.register(fitted, "churn", code=None)
        git(ann.path, "update-ref", "-d", f"refs/tags/{version.tag}")
        before = refs(hub)

        with pytest.raises(IntegrityError) as caught:
            ann.push()

        assert caught.value.hint == "run `gms doctor --fix`"
        assert refs(hub) == before
        ann.doctor(fix=True)
        assert ann.push().tags == (version.tag,)

    def test_a_hook_that_refuses_says_so_and_nothing_has_changed(self, ann, hub, fitted):
        (hub / "hooks" / "pre-receive").write_text("#!/bin/sh\necho no models on Friday\nexit 1\n")
        (hub / "hooks" / "pre-receive").chmod(0o755)
        ann.register(fitted, "churn", code=None)
        before, here = refs(hub), refs(ann.path)

        with pytest.raises(RemoteRefused, match="no models on Friday"):
            ann.push()

        assert (refs(hub), refs(ann.path)) == (before, here)

    def test_a_remote_that_is_not_there_is_named_without_secrets(self, store, fitted):
        store.register(fitted, "churn", code=None)
        store.add_remote("origin", "http://ann:secret@127.0.0.1:9/models.git")

        with pytest.raises(RemoteUnreachable) as caught:
            store.push()

        assert "http://127.0.0.1:9/models.git" in str(caught.value)
        assert "secret" not in str(caught.value) + caught.value.stderr

    @pytest.mark.parametrize("url", ["--upload-pack=touch x", "ext::sh -c true", ""])
    def test_what_git_would_run_is_no_address(self, store, url):
        with pytest.raises(InvalidInput):
            store.add_remote("origin", url)

    def test_which_remote_is_meant(self, ann, hub, tmp_path):
        git(tmp_path, "init", "--quiet", "--bare", "-b", "main", str(tmp_path / "other.git"))
        ann.add_remote("backup", str(tmp_path / "other.git"))

        assert ann.push().remote == "origin"  # which the branch follows
        assert ann.push("backup").sent == 2
        assert ann.push(str(tmp_path / "other.git")).remote == "backup"
        assert ann.push(os.path.relpath(tmp_path / "other.git")).remote == "backup"
        with pytest.raises(InvalidInput, match="no remote 'nowhere'"):
            ann.push("nowhere")
        with pytest.raises(AlreadyExists):
            ann.add_remote("backup", str(hub))

    def test_a_first_address_that_is_wrong_is_not_kept(self, store, hub, tmp_path, fitted):
        store.register(fitted, "churn", code=None)
        with pytest.raises(RemoteUnreachable):
            store.push(str(tmp_path / "typo.git"))

        assert store.remotes == {}
        assert store.push(str(hub)).sent == 2

    def test_without_a_remote_the_hint_leads_on(self, store):
        with pytest.raises(InvalidInput, match="has no remote") as caught:
            store.push()
        assert caught.value.hint == "add one: gms push URL, or gms remote add origin URL"


class TestSlips:
    """What people get wrong, and what they are told to type then."""

    def test_a_place_where_nothing_is_yet(self, store, tmp_path):
        assert refusal(store.push, str(tmp_path / "new.git"))[2] == (
            "check the address; `git init --bare PATH` makes an empty repository there"
        )

    def test_the_store_itself(self, store):
        assert refusal(store.push, str(store.path)) == (
            InvalidInput,
            f"'{store.path}' is this store itself",
            "name another repository",
        )
        assert store.remotes == {}

    @pytest.mark.parametrize(
        ("name", "hint"),
        [
            ("orign", "did you mean 'origin'?"),
            ("backup", "add it: gms remote add backup URL"),
            ("../other.git", "add it: gms remote add NAME ../other.git"),
        ],
    )
    def test_a_remote_that_there_is_not(self, ann, hub, name, hint):
        what = f"the store has no remote '{name}'; it has 'origin' ({hub})"

        assert refusal(ann.push, name) == (InvalidInput, what, hint)

    def test_a_repository_with_a_work_tree(self, store, tmp_path, fitted):
        git(tmp_path, "init", "--quiet", "-b", "main", "plain")
        git(tmp_path / "plain", "commit", "--quiet", "--allow-empty", "-m", "a code repository")
        git(tmp_path, "init", "--quiet", "-b", "main", "bare")
        assert refusal(store.push, str(tmp_path / "bare")) == (
            RemoteRefused,
            "origin refused it: branch is currently checked out",
            "push to a bare repository instead, as `git init --bare` makes it: "
            "git remote set-url origin URL",
        )

    def test_a_branch_that_there_is_not(self, ann):
        git(ann.path, "config", "branch.main.merge", "refs/heads/master")

        for command in (ann.pull, ann.fetch):
            assert refusal(command) == (
                InvalidInput,
                "origin has no branch 'master' yet",
                "push the store to it: gms push",
            )

    def test_a_branch_that_was_set_back_there_is_sent_again_and_counted(self, ann, hub, fitted):
        ann.register(fitted, "churn", code=None, push=True)
        git(hub, "update-ref", "refs/heads/main", "main~1")

        assert ann.push().sent == 1
        assert refs(hub)["refs/heads/main"] == refs(ann.path)["refs/heads/main"]

    def test_a_pull_that_writes_nothing_of_ours_asks_nobody_who_they_are(
        self, ann, ben, fitted, isolated
    ):
        ann.register(fitted, "churn", code=None, push=True)
        (isolated / ".gitconfig").write_text("")
        git(ben.path, "config", "--unset", "user.name")
        git(ben.path, "config", "user.useConfigOnly", "true")
        stranger = Store.open(ben.path, durable=False)

        assert stranger.pull().received == 1
        with pytest.raises(NoIdentity):
            stranger.promote("churn@1.0.1", "production")

    def test_what_was_only_fetched(self, ann, ben, fitted):
        ann.register(fitted, "churn", code=None, push=True)
        git(ben.path, "fetch", "--quiet")

        hint = refusal(ben.register, fitted, "churn", code=None)[2]

        assert hint.startswith("if it was only fetched: gms pull")
        ben.pull()
        assert str(ben.register(fitted, "churn", code=None).version) == "1.0.2"

    def test_a_lock_of_git_here_is_not_blamed_on_the_remote(self, ann, ben, fitted):
        ann.register(fitted, "churn", code=None, push=True)
        lock = ben.path / ".git/refs/remotes/origin/main.lock"
        lock.touch()

        assert refusal(ben.pull) == (
            StoreBusy,
            "refs/remotes/origin/main is locked by a git process",
            f"if no git is running, remove '{lock}'",
        )

    def test_a_lock_there_is_named(self, ann, hub, fitted, monkeypatch):
        monkeypatch.setattr(share, "_MOST_LOCKED", 1)
        ann.register(fitted, "churn", code=None)
        lock = hub / "refs/heads/main.lock"
        lock.touch()

        assert refusal(ann.push) == (
            StoreBusy,
            f"origin is locked: '{lock}' is there",
            "what you wrote is safe here; if nobody is pushing, git was killed there: remove that "
            "file, or run `gms doctor --fix` there, then `gms push`",
        )
        os.utime(lock, (0, 0))
        Store.open(hub).doctor(fix=True)
        assert ann.push().sent == 1

    def test_a_remote_that_cannot_store_what_is_sent(self, ann, hub, fitted):
        ann.register(fitted, "churn", code=None)
        (hub / "objects").chmod(0o555)

        def push() -> None:
            children.obey_permissions()
            assert refusal(ann.push) == (
                RemoteRefused,
                "origin refused it: it could not store what was sent\n"
                "  remote unpack failed: unable to create temporary object directory",
                "its disk may be full, or you may not write there; what you wrote is safe here",
            )

        assert children.run(push) == 0


class TestFirstPush:
    """Into what a host or git has made: it is there and is cloned, or nothing has changed."""

    def begun(self, place: Path, branch: str, *files: str) -> dict[str, str]:
        """Make a project of a host that has begun a branch, one commit a file; return its refs."""
        seed = place.with_name("seed")
        git(place.parent, "init", "--quiet", "--bare", "-b", branch, str(place))
        git(place.parent, "init", "--quiet", "-b", branch, str(seed))
        for name in files:
            (seed / name).write_text("# models")
            git(seed, "add", name)
            git(seed, "commit", "-qm", f"Add {name}")
        git(seed, "push", "-q", str(place), branch)
        return refs(place)

    @pytest.mark.parametrize("files", [("README.md",), ("README.md", "LICENSE")])
    def test_what_a_project_has_is_not_destroyed(self, store, tmp_path, fitted, files):
        place = tmp_path / "project.git"
        before = self.begun(place, "main", *files)
        store.register(fitted, "churn", code=None)

        kind, what, hint = refusal(store.push, str(place))

        listed = ", ".join(sorted(files))
        assert (kind, what) == (
            CannotWork,
            f"'main' of origin is not a model store: it has {listed}",
        )
        assert refs(place) == before
        assert clean(store)
        # Where its owner says so, what the hint says is typed.
        command = hint.partition("place: git ")[2].partition(", then gms push")[0]
        git(store.path, *command.split())
        assert store.push().tags == ("churn@v1.0.0",)
        assert clean(Store.clone(str(place), tmp_path / "ben", durable=False))

    @pytest.mark.long
    def test_nor_is_what_came_there_meanwhile(self, store, tmp_path, fitted):
        place = tmp_path / "project.git"
        self.begun(place, "main", "README.md")
        _, _, hint = refusal(store.push, str(place))
        (place.with_name("seed") / "new").write_text("x")
        git(place.with_name("seed"), "add", "new")
        git(place.with_name("seed"), "commit", "-qm", "new")
        git(place.with_name("seed"), "push", "-q", str(place), "main")
        before = refs(place)

        command = hint.partition("place: ")[2].partition(", then gms push")[0]
        subprocess.run(shlex.split(command), cwd=store.path, capture_output=True)

        assert refs(place) == before

    @pytest.mark.parametrize("files", [(), ("README.md",)])
    def test_one_whose_branch_is_called_otherwise(self, store, tmp_path, fitted, files):
        place = tmp_path / "project.git"
        if files:
            before = self.begun(place, "master", *files)
        else:
            git(tmp_path, "init", "--quiet", "--bare", "-b", "master", str(place))
            before = {}
        store.register(fitted, "churn", code=None)

        assert store.push(str(place)).sent == 2

        assert refs(place).items() >= before.items()
        for url in (str(place), place.as_uri()):
            ben = Store.clone(url, tmp_path / "ben", durable=False)
            assert str(ben.version("churn@1.0.0")) == "churn 1.0.0"
            assert "main...origin/main" in git(ben.path, "status", "-sb")
            assert clean(ben)
            shutil.rmtree(ben.path)

    def test_another_store_is_not_replaced(self, store, tmp_path, fitted):
        """Nor one that was begun by `init --bare`, once somebody has pushed to it."""
        Store.init(tmp_path / "hub.git", bare=True)
        other = Store.init(tmp_path / "other", durable=False)
        other.register(fitted, "fraud", code=None)
        other.push(str(tmp_path / "hub.git"))
        before = refs(tmp_path / "hub.git")
        store.register(fitted, "churn", code=None)

        assert refusal(store.push, str(tmp_path / "hub.git"))[1] == (
            "origin has a different store: the two have no commit in common"
        )
        assert refs(tmp_path / "hub.git") == before


class TestBesidePlainGit:
    """Remotes are git's own: what one does, the other sees."""

    def test_what_git_adds_renames_and_removes(self, store, hub, fitted):
        store.register(fitted, "churn", code=None)
        git(store.path, "remote", "add", "team", str(hub))

        assert store.remotes == {"team": str(hub)}
        assert store.push().sent == 2  # the only one
        git(store.path, "remote", "rename", "team", "origin")
        assert store.push().remote == "origin"
        assert store.pull().received == 0
        git(store.path, "remote", "remove", "origin")
        assert store.remotes == {}
        assert store.push(str(hub)).sent == 0  # which has all of it

    def test_what_is_added_here_git_fetches_and_pushes(self, store, hub, fitted, tmp_path):
        store.register(fitted, "churn", code=None)
        store.add_remote("origin", str(hub))

        git(store.path, "push", "-q", "-u", "origin", "main")
        assert refs(hub).keys() == {"refs/heads/main", "refs/tags/churn@v1.0.0"}
        assert store.push().tags == ()
        git(store.path, "fetch", "-q", "origin")
        git(store.path, "remote", "set-url", "origin", str(tmp_path / "moved.git"))
        hub.rename(tmp_path / "moved.git")
        assert store.pull().received == 0
        assert store.remotes == {"origin": str(tmp_path / "moved.git")}

    @pytest.mark.long
    def test_an_address_that_the_user_has_shortened(self, store, hub, fitted, tmp_path):
        """Git reads it as `url.*.insteadOf` says, for a push also as `pushInsteadOf`."""
        git(tmp_path, "config", "--global", f"url.{tmp_path}/.insteadOf", "team:")
        store.register(fitted, "churn", code=None)

        assert store.push("team:hub.git").sent == 2
        ben = Store.clone("team:hub.git", tmp_path / "ben", durable=False)
        ben.register(fitted, "churn", code=None, push=True)

        assert store.pull().received == 1
        assert store.remotes == ben.remotes == {"origin": "team:hub.git"}
        assert clean(ben)


class TestPull:
    def test_what_others_did_comes_with_its_tags_and_the_work_tree_follows(self, ann, ben, fitted):
        ann.register(fitted, "churn", code=None)
        ann.promote("churn@1.0.1", "production")
        ann.push()

        shared = ben.pull()

        assert (shared.received, shared.ahead) == (2, 0)
        assert refs(ben.path)["refs/tags/churn@v1.0.1"] == refs(ann.path)["refs/tags/churn@v1.0.1"]
        assert str(ben.version("churn@production")) == "churn 1.0.1"
        assert '"1.0.1"' in (ben.path / "registry.json").read_text()
        assert clean(ben)
        assert ben.pull().received == 0

    @pytest.mark.parametrize("verb", ["pull", "fetch"])
    def test_a_tag_of_others_that_is_missing_here_comes_though_nothing_is_new(
        self, ann, ben, fitted, verb
    ):
        ann.register(fitted, "churn", code=None, push=True)
        ben.pull()
        for name in ("churn@v1.0.0", "churn@v1.0.1"):
            git(ben.path, "update-ref", "-d", f"refs/tags/{name}")

        assert getattr(ben, verb)().received == 0

        there = {name: oid for name, oid in refs(ann.path).items() if "/tags/" in name}
        assert there.items() <= refs(ben.path).items()
        assert clean(ben)

    def test_fetch_changes_nothing_of_the_store(self, ann, ben, fitted, recwarn):
        ann.register(fitted, "churn", code=None)
        ann.push()
        tip = git(ben.path, "rev-parse", "main")

        assert ben.fetch().received == 1
        assert git(ben.path, "rev-parse", "main") == tip
        assert clean(ben)
        assert ben.pull().received == 1  # though fetched before

    def test_uncommitted_work_is_never_touched(self, ann, ben, fitted):
        ann.register(fitted, "churn", code=None)
        ann.push()
        (ben.path / "registry.json").write_text("mine")
        tip = git(ben.path, "rev-parse", "main")

        with pytest.raises(Exception, match=r"registry.json"):
            ben.pull()

        assert (ben.path / "registry.json").read_text() == "mine"
        assert git(ben.path, "rev-parse", "main") == tip

    def test_a_branch_that_was_set_back_is_refused(self, ann, ben, hub):
        git(hub, "update-ref", "refs/heads/main", git(hub, "rev-parse", "main~1").strip())

        with pytest.raises(RemoteRefused, match="was reset") as caught:
            ben.fetch()
        assert caught.value.hint == "ask who rewrote it; to accept it: gms fetch --force"
        ben.fetch(force=True)


class TestOneCommand:
    """What is registered with `push=True` is on the remote when the call returns."""

    def test_it_returns_the_number_that_the_version_has_there(self, ann, ben, fitted, hub):
        first = ann.register(fitted, "churn", code=None, push=True)
        second = ben.register(fitted, "churn", code=None, push=True)

        assert [str(one.version) for one in (first, second)] == ["1.0.1", "1.0.2"]
        assert ben.version("churn@1.0.2").commit == second.commit
        assert refs(hub)["refs/heads/main"] == second.commit

    def test_the_store_may_want_it_always(self, ann, hub, fitted):
        (ann.path / "modelstore.toml").write_text('schema = "1.0"\n[remote]\npush = "always"\n')
        git(ann.path, "commit", "-qam", "settings")

        ann.register(fitted, "churn", code=None)
        ann.promote("churn@latest", "production")
        ann.annotate("churn@latest", {"auc": 0.5})

        assert refs(hub)["refs/heads/main"] == refs(ann.path)["refs/heads/main"]

    def test_otherwise_one_line_says_that_it_is_not_there_yet(self, ann, fitted):
        told: list[str] = []
        Store.open(ann.path, notify=told.append).register(fitted, "churn", code=None)

        assert "not on origin yet: gms push" in told

    def test_a_rollback_with_the_remote_down_changes_nothing(self, ann, hub, fitted):
        ann.promote("churn@1.0.0", "production")
        ann.register(fitted, "churn", code=None)
        ann.promote("churn@1.0.1", "production")
        ann.push()
        hub.rename(hub.with_name("gone"))
        before = refs(ann.path)

        with pytest.raises(RemoteUnreachable, match="cannot be reached"):
            ann.rollback("churn", reason="drift", push=True)

        assert refs(ann.path) == before

    def test_a_rollback_counts_what_others_did(self, ann, ben, fitted):
        ann.promote("churn@1.0.0", "production")
        ann.register(fitted, "churn", code=None)
        ann.promote("churn@1.0.1", "production", push=True)

        events = ben.rollback("churn", reason="drift", push=True)

        assert {str(one.version): one.after for one in events} == {
            "1.0.0": "production",
            "1.0.1": "withdrawn",
        }
        assert ann.pull().received == 1
        assert str(ann.version("churn@production")) == "churn 1.0.0"

    def test_where_nothing_can_be_pushed_nothing_is_written(self, store, fitted):
        before = refs(store.path)

        with pytest.raises(InvalidInput, match="has no remote"):
            store.register(fitted, "churn", code=None, push=True)

        assert refs(store.path) == before

    def test_a_store_that_wants_it_always_is_written_before_it_has_a_remote(self, store, fitted):
        (store.path / "modelstore.toml").write_text('schema = "1.0"\n[remote]\npush = "always"\n')
        git(store.path, "commit", "-qam", "settings")

        assert str(store.register(fitted, "churn", code=None)) == "churn 1.0.0"


# What is not imported where nothing is new: what writes, judges or repairs.
WRITERS = {f"gitmodelstore.operations.{name}" for name in ("register", "publish", "mend")}


def started(action: Callable[[], object], folder: Path) -> list[str]:
    """Return the git commands that an action starts itself, in order."""
    import_module("git")  # which asks git for its version once in a process
    trace = folder / "trace"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_TRACE2_EVENT", str(trace))
        action()
    events = [json.loads(line) for line in trace.read_text().splitlines()]
    return [e["name"] for e in events if e["event"] == "cmd_name" and "/" not in e["sid"]]


class TestProcesses:
    """Each takes a quarter of a fetch from a folder."""

    def test_a_pull_of_nothing_starts_two_besides(self, ann, tmp_path):
        assert started(ann.pull, tmp_path) == ["config", "fetch", "for-each-ref"]

    def test_a_push_of_one_version_starts_one_besides(self, ann, tmp_path, fitted):
        ann.register(fitted, "churn", code=None)

        assert started(ann.push, tmp_path) == ["config", "push"]

    def test_where_nothing_is_new_nothing_is_imported_that_writes(self, ann):
        lines = ("from gitmodelstore import Store; store = Store.open()", "store.pull()")

        assert imported(ann.path, WRITERS, *lines) == {line: [] for line in lines}


class TestBackOff:
    def test_waits_are_drawn_and_bounded_and_shrink_for_who_was_not_first_for_long(self):
        draws = {n: [share._chance(1.0, n) for _ in range(200)] for n in range(1, 61)}

        assert all(len(set(some)) > 100 for some in draws.values())
        assert max(draws[2]) > max(draws[5]) > max(draws[20]) > max(draws[60])
        assert max(map(max, draws.values())) <= 3
        assert max(share._chance(3600.0, n) for n in range(1, 61)) <= 10

    def test_who_was_first_at_last_lets_others_go_until_nobody_comes(self, store):
        repository = store._repository
        longest = []
        for tries in (4, 1, 1):
            share._note_turn(repository, 1.0, tries)
            longest.append(share._turns[repository][1])

        assert longest == [6.0, 3.0, 1.5]
        assert share._turns[repository][0] <= time.monotonic() + 1.5

    def test_what_another_process_fetched_meanwhile_is_news(self, ann, ben, hub, fitted):
        """As a `git fetch` does that outlives the one who started it."""
        for store in (ann, ben):
            store.register(fitted, "churn", code=None)
        tag = "churn@v1.0.1"
        git(
            ann.path,
            "push",
            "-q",
            "--no-follow-tags",
            str(hub),
            "main:refs/new/main",
            f"{tag}:refs/new/tag",
        )
        hook = hub / "hooks/update"
        hook.write_text(
            f'#!/bin/sh\n[ "$1" = refs/heads/main ] || exit 0\nrm {shlex.quote(str(hook))}\n'
            "unset GIT_QUARANTINE_PATH\ngit update-ref refs/heads/main refs/new/main\n"
            f"git update-ref refs/tags/{tag} refs/new/tag\n"
            f"env -i PATH=$PATH git -C {shlex.quote(str(ben.path))} fetch -q --no-tags\n"
        )
        hook.chmod(0o755)

        shared = ben.push()

        assert shared.renumbered == {"churn 1.0.1": "churn 1.0.2"}
        assert (shared.tries, shared.tags) == (2, ("churn@v1.0.2",))

    @pytest.mark.long
    def test_the_tries_have_an_end(self, ann, hub, fitted, monkeypatch):
        """Somebody else is first there, again and again."""
        monkeypatch.setattr(share, "_MOST_TRIES", 3)
        ann.register(fitted, "churn", code=None)
        commit = "git commit-tree -p $2 -m again $2^{tree}"
        hook = hub / "hooks/update"
        hook.write_text(
            f'#!/bin/sh\n[ "$1" = refs/heads/main ] && git update-ref $1 $({commit})\nexit 0\n'
        )
        hook.chmod(0o755)

        with pytest.raises(StoreBusy, match="others pushed to origin first, 3 times"):
            ann.push()

        hook.unlink()
        assert ann.push().sent == 1
