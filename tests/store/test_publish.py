"""One commit at a time, beside plain git that moves, packs and merges."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from types import ModuleType

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import (
    BehindWarning,
    LifecycleError,
    LocalChanges,
    StoreBusy,
    VersionExists,
)
from gitmodelstore.operations import publish as publishing
from gitmodelstore.plumbing import refs, worktree, writer_lock
from gitmodelstore.values.names import Version
from gitmodelstore.values.registry import Registry

from . import writers
from .looks import commit_by_hand, registry_with


@pytest.fixture
def churn(store, fitted, refitted) -> Store:
    """A store that holds churn 1.0.0 and 1.1.0."""
    store.register(fitted, "churn", code=None)
    store.register(refitted, "churn", code=None)
    return store


def told(store: Store, model: str | None = None) -> list[str]:
    return [f"{e.kind} {e.model} {e.version}" for e in store.log(model)]


class TestWhatIsWritten:
    def test_every_file_is_plain(self, churn, git):
        for line in git(churn.path, "ls-tree", "-r", "main").splitlines():
            assert line.startswith("100644 blob ")

    def test_objects_cannot_be_written_to(self, churn):
        objects = [path for path in (churn.path / ".git/objects").glob("??/*") if path.is_file()]

        assert {oct(path.stat().st_mode & 0o777) for path in objects} == {"0o444"}

    def test_the_reflog_says_what_happened(self, churn, git):
        assert git(churn.path, "reflog", "--format=%gs", "main").splitlines()[:2] == [
            "register churn 1.1.0",
            "register churn 1.0.0",
        ]
        assert git(churn.path, "reflog", "--format=%gs", "HEAD").startswith("register churn 1.1.0")

    def test_a_durable_write_is_the_same(self, tmp_path, git, fitted):
        Store.init(tmp_path / "durable")

        Store.open(tmp_path / "durable", durable=True).register(fitted, "churn", code=None)

        writers.assert_followed(tmp_path / "durable", git)

    def test_nothing_is_left_beside_it(self, any_store, fitted):
        any_store.register(fitted, "churn", code=None)

        inside = writers.inside(any_store)
        assert [*inside.rglob("tmp_obj_*"), *inside.rglob("*.lock")] == []
        assert (inside / "gitmodelstore" / "pending.json").read_text().strip() == ""


class TestPlainGitInBetween:
    """Plain git moves the branch while a version is being written."""

    @pytest.fixture
    def between(self, monkeypatch) -> Callable[..., list[int]]:
        """Let something happen before the first call of a function; return a number a call."""

        def between(module: ModuleType, name: str, act: Callable[[], object]) -> list[int]:
            calls: list[int] = []
            real = getattr(module, name)

            def meddling(*args, **options):
                if not calls:
                    act()
                calls.append(1)
                return real(*args, **options)

            monkeypatch.setattr(module, name, meddling)
            return calls

        return between

    @pytest.fixture
    def commit(self, store, git) -> Callable[[], None]:
        """Commit a file by hand."""

        def commit() -> None:
            commit_by_hand(store.path, "NOTES", "by hand", "add NOTES")

        return commit

    def test_after_it_was_read_both_survive(self, store, git, fitted, between, commit):
        calls = between(publishing, "_validate", commit)

        store.register(fitted, "churn", code=None)

        assert len(calls) == 2
        assert git(store.path, "log", "--format=%s") == (
            "register churn 1.0.0\nadd NOTES\nStart a model store\n"
        )
        writers.assert_followed(store.path, git)

    def test_a_commit_of_what_was_just_staged_keeps_it(self, store, git, fitted, between, commit):
        between(refs, "advance", commit)

        store.register(fitted, "churn", code=None)

        assert "churn" in {model.model for model in store.models()}
        writers.assert_followed(store.path, git)
        assert (store.path / "NOTES").read_text() == "by hand"
        store.register(fitted, "churn", code=None)
        writers.assert_followed(store.path, git)

    def test_a_commit_of_something_else_takes_nothing_along(self, store, git, fitted, between):
        def commit() -> None:
            (store.path / "modelstore.toml").write_text('schema = "1.0"\n')
            git(store.path, "commit", "--quiet", "--only", "modelstore.toml", "-m", "by hand")

        between(refs, "advance", commit)

        store.register(fitted, "churn", code=None)

        assert git(store.path, "log", "--format=%s") == (
            "register churn 1.0.0\nby hand\nStart a model store\n"
        )
        writers.assert_followed(store.path, git)

    def test_a_branch_moved_without_its_work_tree_is_kept(self, store, git, fitted, between):
        side = git(store.path, "commit-tree", "-p", "main", "-m", "side", "main^{tree}").strip()
        between(refs, "advance", lambda: git(store.path, "update-ref", "refs/heads/main", side))

        store.register(fitted, "churn", code=None)

        assert git(store.path, "rev-parse", "main~1").strip() == side
        writers.assert_followed(store.path, git)

    def test_a_branch_that_never_stands_still_is_given_up(self, bare_store, git, fitted):
        place = bare_store.path

        def meddling(snapshot, wanted, tree, held) -> None:
            tip = snapshot.commit.oid
            new = git(place, "commit-tree", "-p", tip, "-m", "x", f"{tip}^{{tree}}").strip()
            git(place, "update-ref", "refs/heads/main", new)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(publishing, "_validate", meddling)
            with pytest.raises(StoreBusy) as caught:
                bare_store.register(fitted, "churn", code=None)

        assert str(caught.value) == ("refs/heads/main moved 20 times while this was being written")
        assert bare_store.models() == ()


class TestByHand:
    """Registry edits by plain git are as good as our own commands."""

    def test_a_revert_by_git_is_an_event(self, churn, git):
        churn.promote("churn@1.0.0", "production")
        git(churn.path, "revert", "--no-edit", "HEAD")

        assert told(churn)[0] == "promoted churn 1.0.0"  # to "registered", where it came from
        assert churn.versions("churn")[1].status == "registered"

    def test_two_holders_by_hand_stop_that_model_only(self, churn, git, fitted):
        both = registry_with(churn, v1_0_0="production", v1_1_0="production")
        commit_by_hand(churn.path, "registry.json", both)

        churn.register(fitted, "upsell", code=None)
        churn.promote("upsell@1.0.0", "production")
        with pytest.raises(LifecycleError, match="churn has 2 versions in production"):
            churn.register(fitted, "churn", code=None)
        churn.promote("churn@1.1.0", "production")

        assert str(churn.version("churn").version) == "1.1.0"

    @pytest.fixture
    def two(self, store, git, fitted, refitted) -> Store:
        """`main` has churn in production, `side` upsell, each registered and promoted there."""
        store.register(fitted, "base", code=None)
        git(store.path, "branch", "side")
        git(store.path, "switch", "--quiet", "side")
        git(store.path, "config", "store.branch", "side")
        side = Store.open(store.path, durable=False)
        side.register(refitted, "upsell", code=None)
        side.promote("upsell@1.0.0", "production", reason="on side")
        git(store.path, "config", "--unset", "store.branch")
        git(store.path, "switch", "--quiet", "main")
        store.register(fitted, "churn", code=None)
        store.promote("churn@1.0.0", "production", reason="on main")
        return store

    def settle(self, store: Store, git, *command: str) -> None:
        """Merge as a host does, without our driver; where that conflicts, keep both sides."""
        try:
            git(store.path, *command)
        except AssertionError:
            registry = Registry.parse(git(store.path, "show", ":2:registry.json").encode())
            registry = registry.with_status("upsell", Version(1, 0, 0), "production")
            (store.path / "registry.json").write_bytes(registry.render())
            git(store.path, "add", "registry.json")
        git(store.path, "commit", "--quiet", "--allow-empty", "-m", "bring side in")

    def test_a_merge_brings_the_events_of_the_other_side(self, two, git):
        self.settle(two, git, "merge", "--no-ff", "--no-commit", "side")

        assert told(two) == [
            "registered upsell 1.0.0",
            "promoted churn 1.0.0",
            "registered churn 1.0.0",
            "registered base 1.0.0",
        ]
        assert two.version("upsell").status == "production"
        assert two.version("upsell").commit != git(two.path, "rev-parse", "HEAD").strip()
        assert two.load("upsell") is not None
        two.promote("churn@1.0.0", "staging", vacate=True, reason="over")
        writers.assert_followed(two.path, git)

    def test_a_squash_brings_them_too(self, two, git):
        self.settle(two, git, "merge", "--squash", "side")

        assert told(two)[0] == "registered upsell 1.0.0"
        assert two.version("churn").status == "production"

    def test_a_squashed_version_needs_its_tag_where_the_branch_has_it(self, two, git):
        self.settle(two, git, "merge", "--squash", "side")
        git(two.path, "tag", "--delete", "upsell@v1.0.0")

        assert two.load("upsell@1.0.0") is not None
        assert two.version("upsell").commit == git(two.path, "rev-parse", "HEAD").strip()

    def test_a_rebase_keeps_the_events(self, churn, git):
        git(churn.path, "switch", "--quiet", "--create", "side", "main~1")
        commit_by_hand(churn.path, "NOTES", "by hand")
        git(churn.path, "rebase", "--quiet", "side", "main")

        assert told(churn) == ["registered churn 1.1.0", "registered churn 1.0.0"]

    def test_a_version_removed_by_hand_is_told_and_its_number_not_used_again(
        self, churn, git, fitted
    ):
        document = json.loads((churn.path / "registry.json").read_text())
        del document["models"]["churn"]["1.1.0"]
        commit_by_hand(churn.path, "registry.json", json.dumps(document, indent=2) + "\n")

        with pytest.warns(BehindWarning):
            assert told(churn)[0] == "removed churn 1.1.0"
        with pytest.raises(VersionExists):
            churn.register(fitted, "churn", version="1.1.0", code=None)


class TestWorkTreesThatStay:
    def test_a_refused_write_leaves_no_note(self, churn, fitted):
        (churn.path / "models/churn/README.md").write_text("mine")

        with pytest.raises(LocalChanges):
            churn.register(fitted, "churn", code=None)

        note = churn.path / ".git" / "gitmodelstore" / "pending.json"
        assert note.read_text().strip() == ""

    def test_an_interrupt_at_the_keyboard_undoes_what_was_staged(self, churn, git, fitted):
        def interrupted(*_: object, **__: object) -> bool:
            raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(refs, "advance", interrupted)
            with pytest.raises(KeyboardInterrupt):
                churn.register(fitted, "churn", code=None)

        writers.assert_followed(churn.path, git)
        assert [str(v.version) for v in churn.versions("churn")] == ["1.1.0", "1.0.0"]

    def test_the_terminal_does_not_interrupt_git_in_the_middle(self, churn, monkeypatch):
        tip = churn.version("churn@latest").commit
        (tree,) = worktree.on_branch(churn._repository)
        with writer_lock.exclusive(churn.path / ".git", wait_seconds=0) as held:
            process = worktree.start(tree, tip, tip, lock=held)
            group = os.getpgid(process.pid)
            worktree.finish(tree, process, tip, tip, lock=held)

        assert group == process.pid
