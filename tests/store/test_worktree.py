"""The user's files beside a write: they follow, or they are in the way and nothing happens."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import GitFailed, LocalChanges
from gitmodelstore.plumbing import git as plumbing
from tests.store import children

from .writers import assert_followed

CARD, UPSELL_CARD = "models/churn/README.md", "models/upsell/README.md"


@pytest.fixture
def life(fitted, refitted) -> list[Callable[[Store], object]]:
    """One of each kind of write, in an order in which each is possible."""
    return [
        lambda store: store.register(fitted, "churn", code=None),
        lambda store: store.promote("churn@1.0.0", "production", reason="first"),
        lambda store: store.register(refitted, "churn", code=None),
        lambda store: store.promote("churn@1.1.0", "production"),
        lambda store: store.rollback("churn", reason="bad"),
        lambda store: store.register(fitted, "upsell", code=None),
        lambda store: store.archive("upsell@1.0.0"),
        lambda store: store.withdraw("upsell@1.0.0"),
    ]


_OURS = {"objects", "gitmodelstore", "gitmodelstore-spares"}


def everything(*folders: Path) -> dict[str, bytes]:
    """Files, indexes, refs and logs, byte by byte; not the objects, nor our own notes."""
    return {
        str(path): path.read_bytes()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _OURS & set(path.parts)
    }


def run(writes: list[Callable[[Store], object]], store: Store) -> None:
    for write in writes:
        write(store)


def refused(store: Store, write: Callable[[], object], *folders: Path) -> LocalChanges:
    """Return with what a write is refused that must change nothing."""
    before = everything(store.path, *folders)
    with pytest.raises(LocalChanges) as caught:
        write()
    assert everything(store.path, *folders) == before
    return caught.value


class TestFollowing:
    def test_after_each_write_there_is_nothing_to_commit(self, store, git, life):
        for write in life:
            write(store)

            assert_followed(store.path, git)
            assert git(store.path, "fsck", "--strict") == ""
            tip = git(store.path, "rev-parse", "HEAD")
            with pytest.raises(AssertionError, match="nothing to commit"):
                git(store.path, "commit", "--all", "-m", "by hand")
            assert git(store.path, "rev-parse", "HEAD") == tip

    def test_edits_elsewhere_survive(self, store, git, life):
        (store.path / "modelstore.toml").write_text('schema = "1.0"\n')
        (store.path / "NOTES").write_text("untracked")
        (store.path / "staged.txt").write_text("staged")
        git(store.path, "add", "staged.txt")
        before = git(store.path, "status", "--porcelain")

        run(life, store)

        assert git(store.path, "status", "--porcelain") == before
        assert (store.path / "modelstore.toml").read_text() == 'schema = "1.0"\n'
        assert (store.path / "NOTES").read_text() == "untracked"
        assert (store.path / "staged.txt").read_text() == "staged"

    def test_edits_of_another_model_survive(self, churn, git, refitted):
        (churn.path / CARD).write_text("mine")
        (churn.path / "models/churn/requirements.txt").write_text("staged")
        git(churn.path, "add", "models/churn/requirements.txt")

        churn.register(refitted, "upsell", code=None)

        assert git(churn.path, "status", "--porcelain") == (
            f" M {CARD}\nM  models/churn/requirements.txt\n"
        )

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("core.autocrlf", "true"),
            ("core.eol", "crlf"),
            ("core.splitIndex", "true"),
            ("core.untrackedCache", "true"),
            ("core.fileMode", "false"),
            ("core.logAllRefUpdates", "always"),
            ("index.version", "4"),
            ("feature.manyFiles", "true"),
            ("core.ignoreCase", "true"),
            ("submodule.recurse", "true"),
        ],
    )
    def test_settings_of_the_user_do_not_matter(self, tmp_path, git, life, name, value):
        git(tmp_path, "config", "--global", name, value)
        Store.init(tmp_path / "store")
        store = Store.open(tmp_path / "store", durable=False)

        run(life[:5], store)

        assert_followed(store.path, git)

    @pytest.mark.parametrize(
        "command",
        [
            ["update-index", "--split-index"],
            ["sparse-checkout", "set", "--no-cone", "/*", "!/models/*", "/models/churn"],
            ["sparse-checkout", "set", "--cone", "--sparse-index", "models/churn"],
            ["sparse-checkout", "set", "--cone", "--no-sparse-index", "models/churn"],
        ],
        ids=lambda command: " ".join(command[:4]),
    )
    def test_a_split_or_sparse_index_follows_and_stays_so(self, churn, git, life, command):
        git(churn.path, *command)

        run(life[1:], churn)

        assert_followed(churn.path, git)
        is_sparse = command[0] == "sparse-checkout"
        models = ["churn"] if is_sparse else ["churn", "upsell"]
        assert sorted(path.name for path in (churn.path / "models").iterdir()) == models

    def test_a_store_reached_by_a_symbolic_link_follows(self, churn, tmp_path, git, life):
        (tmp_path / "link").symlink_to(churn.path)

        life[1](Store.open(tmp_path / "link", durable=False))

        assert_followed(churn.path, git)

    def test_a_git_directory_elsewhere_follows(self, tmp_path, git, life):
        git(tmp_path, "init", "--quiet", "--separate-git-dir", "repository", "store")
        Store.init(tmp_path / "store")
        store = Store.open(tmp_path / "store", durable=False)

        run(life[:3], store)

        assert_followed(store.path, git)


class TestElsewhere:
    """With another branch or a tag checked out, the work tree is left alone."""

    def test_another_branch(self, churn, git, refitted):
        git(churn.path, "switch", "--quiet", "--create", "side")
        notes: list[str] = []
        before = (churn.path / CARD).read_bytes()

        Store.open(churn.path, durable=False, notify=notes.append).register(
            refitted, "churn", code=None
        )

        assert notes[-1] == "'main' is not checked out here: the work tree was left alone"
        assert git(churn.path, "status", "--porcelain") == ""
        assert (churn.path / CARD).read_bytes() == before
        git(churn.path, "switch", "--quiet", "main")
        assert_followed(churn.path, git)

    def test_detached_at_a_tag(self, churn, git, refitted):
        git(churn.path, "checkout", "--quiet", "churn@v1.0.0")

        churn.register(refitted, "churn", code=None)

        assert git(churn.path, "status", "--porcelain") == ""
        assert git(churn.path, "describe", "--exact-match") == "churn@v1.0.0\n"
        assert [str(v.version) for v in churn.versions("churn")] == ["1.1.0", "1.0.0"]

    @pytest.mark.parametrize("is_alone", [True, False])
    def test_a_linked_work_tree_on_the_branch_follows(self, churn, tmp_path, git, life, is_alone):
        if is_alone:
            git(churn.path, "switch", "--quiet", "--create", "side")
        git(churn.path, "worktree", "add", "--quiet", "--force", str(tmp_path / "linked"), "main")

        run(life[1:], churn)

        assert_followed(tmp_path / "linked", git)
        assert_followed(churn.path, git)

    def test_a_linked_work_tree_is_a_store_too(self, churn, tmp_path, git, life):
        git(churn.path, "worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "side")

        life[1](Store.open(tmp_path / "linked", durable=False))

        assert_followed(churn.path, git)
        assert git(tmp_path / "linked", "status", "--porcelain") == ""

    def test_a_linked_work_tree_of_a_bare_store_follows(self, bare_store, tmp_path, git, life):
        git(bare_store.path, "worktree", "add", "--quiet", str(tmp_path / "linked"), "main")

        run(life, bare_store)

        assert_followed(tmp_path / "linked", git)

    def test_a_linked_work_tree_that_is_gone_is_no_hindrance(self, churn, tmp_path, git, life):
        git(churn.path, "worktree", "add", "--quiet", "--force", str(tmp_path / "linked"), "main")
        shutil.rmtree(tmp_path / "linked")

        life[1](churn)

        assert_followed(churn.path, git)


class TestInTheWay:
    def test_a_tracked_file_modified(self, churn, refitted):
        (churn.path / CARD).write_text("mine")

        error = refused(churn, lambda: churn.register(refitted, "churn", code=None))

        place = str(churn.path).rstrip("/")
        assert str(error) == (f"uncommitted changes in '{place}' are in the way: {CARD}")
        assert error.hint == f"commit or stash them: git -C {place} stash --include-untracked"

    @pytest.mark.parametrize(
        ("model", "path", "how", "message"),
        [
            ("churn", CARD, "staged", "are in the way: {}"),
            ("upsell", "registry.json", "staged", "are in the way: {}"),
            ("upsell", UPSELL_CARD, "untracked", "are in the way: {}"),
            ("churn", CARD, "deleted", ""),
        ],
    )
    def test_a_file(self, churn, git, fitted, refitted, model, path, how, message):
        if how == "deleted":
            git(churn.path, "rm", "--quiet", "--cached", path)
        else:
            (churn.path / path).parent.mkdir(exist_ok=True)
            (churn.path / path).write_text("mine")
        if how == "staged":
            git(churn.path, "add", path)

        error = refused(churn, lambda: churn.register(refitted, model, code=None))

        assert message.format(path) in str(error)

    def test_an_untracked_file_where_a_folder_comes(self, store, fitted):
        (store.path / "models").write_text("mine")

        refused(store, lambda: store.register(fitted, "churn", code=None))

    @pytest.mark.parametrize("stage", [False, True])
    def test_other_writes_go_on(self, churn, git, fitted, refitted, stage):
        (churn.path / CARD).write_text("mine")
        if stage:
            git(churn.path, "add", CARD)
        refused(churn, lambda: churn.register(refitted, "churn", code=None))

        churn.register(fitted, "upsell", code=None)
        churn.promote("churn@1.0.0", "production")

        assert git(churn.path, "status", "--porcelain") == f"{'M ' if stage else ' M'} {CARD}\n"
        assert (churn.path / CARD).read_text() == "mine"

    def test_a_linked_work_tree_keeps_both_where_they_are(self, churn, tmp_path, git, refitted):
        linked = tmp_path / "linked"
        git(churn.path, "worktree", "add", "--quiet", "--force", str(linked), "main")
        (linked / CARD).write_text("mine")
        objects = git(churn.path, "ls-files", "--stage"), git(linked, "ls-files", "--stage")

        with pytest.raises(LocalChanges, match=f"in '{linked}' are in the way"):
            churn.register(refitted, "churn", code=None)

        assert (git(churn.path, "ls-files", "--stage"), git(linked, "ls-files", "--stage")) == (
            objects
        )
        assert git(churn.path, "status", "--porcelain") == ""
        assert git(linked, "status", "--porcelain") == f" M {CARD}\n"
        (linked / CARD).unlink()
        git(linked, "restore", CARD)
        churn.register(refitted, "churn", code=None)
        assert_followed(churn.path, git)
        assert_followed(linked, git)

    def test_the_hint_gets_it_out_of_the_way(self, churn, git, refitted):
        (churn.path / CARD).write_text("mine")
        error = refused(churn, lambda: churn.register(refitted, "churn", code=None))

        hint = (error.hint or "").partition(": ")[2]
        subprocess.run(hint, shell=True, check=True, capture_output=True)  # noqa: S602 - as typed

        churn.register(refitted, "churn", code=None)
        assert_followed(churn.path, git)

    def test_a_lock_of_git_on_the_index(self, churn, git, refitted):
        (churn.path / ".git" / "index.lock").write_text("")
        impatient = Store.open(churn.path, durable=False, wait_seconds=0.2)

        error = refused(churn, lambda: impatient.register(refitted, "churn", code=None))

        place = str(churn.path).rstrip("/")
        assert str(error) == f"another git process is at work in '{place}'"
        assert error.hint == f"wait for it; if there is none, remove '{place}/.git/index.lock'"
        (churn.path / ".git" / "index.lock").unlink()
        churn.register(refitted, "churn", code=None)
        assert_followed(churn.path, git)


class TestBesideGit:
    def test_a_lock_on_the_index_is_waited_for(self, churn, git, refitted):
        lock = churn.path / ".git" / "index.lock"
        lock.write_text("")
        threading.Timer(0.5, lock.unlink).start()

        Store.open(churn.path, durable=False, wait_seconds=20).register(
            refitted, "churn", code=None
        )

        assert_followed(churn.path, git)

    def test_a_busy_git_status_refuses_nothing(self, churn, git, fitted):
        done = churn.path / ".git" / "done"

        def look() -> None:
            while not done.exists():
                os.utime(churn.path / "modelstore.toml")  # which git refreshes in the index
                git(churn.path, "status", "--porcelain")

        pids = [children.start(look) for _ in range(2)]
        try:
            for _ in range(15):
                churn.register(fitted, "churn", code=None)
        finally:
            done.write_text("")
            statuses = [children.wait(pid) for pid in pids]

        assert len(churn.versions("churn")) == 16
        assert_followed(churn.path, git)
        assert statuses == [0, 0]


class TestInProgress:
    @pytest.fixture
    def forked(self, churn, git) -> Store:
        """A store whose branch `side` conflicts with `main` in a file of the user's."""
        notes = churn.path / "NOTES"
        git(churn.path, "switch", "--quiet", "--create", "side")
        notes.write_text("side\n")
        git(churn.path, "add", "NOTES")
        git(churn.path, "commit", "--quiet", "-m", "side")
        git(churn.path, "switch", "--quiet", "main")
        notes.write_text("main\n")
        git(churn.path, "add", "NOTES")
        git(churn.path, "commit", "--quiet", "-m", "main")
        return churn

    @pytest.mark.parametrize(
        ("what", "command"),
        [
            ("merge", ["merge", "side"]),
            ("cherry-pick", ["cherry-pick", "side"]),
            ("rebase", ["rebase", "side"]),
            ("rebase", ["rebase", "--apply", "side"]),
            ("revert", ["revert", "--no-edit", "HEAD~1"]),
            ("am", ["am", "--quiet"]),
        ],
    )
    def test_what_git_has_begun_must_be_finished(self, forked, git, refitted, what, command):
        if what == "revert":
            (forked.path / "NOTES").write_text("main 2\n")
            git(forked.path, "commit", "--quiet", "--all", "-m", "again")
        if what == "am":
            patch = git(forked.path, "format-patch", "-1", "side", "--stdout")
            (forked.path / ".git" / "patch").write_text(patch)
            command = [*command, str(forked.path / ".git" / "patch")]
        with pytest.raises(AssertionError):
            git(forked.path, *command)

        error = refused(forked, lambda: forked.register(refitted, "churn", code=None))

        place = str(forked.path).rstrip("/")
        assert str(error) == f"a{'n' * (what == 'am')} {what} is in progress in '{place}'"
        assert error.hint == f"finish it or run `git {what} --abort` there, then try again"
        git(forked.path, what, "--abort")
        forked.register(refitted, "churn", code=None)
        assert_followed(forked.path, git)

    def test_on_another_branch_it_does_not_matter(self, forked, git, refitted):
        git(forked.path, "switch", "--quiet", "side")
        with pytest.raises(AssertionError):
            git(forked.path, "merge", "main")

        forked.register(refitted, "churn", code=None)

        assert str(forked.version("churn@latest").version) == "1.1.0"


class TestWhatMustNotRun:
    """The repository's own configuration names programs; a write starts none of them."""

    @pytest.fixture
    def hostile(self, tmp_path) -> tuple[Path, Path]:
        """A script, and the file that it makes when it runs."""
        script = tmp_path / "hostile"
        script.write_text(f'#!/bin/sh\necho "$0 $@" >> {tmp_path}/ran\nexit 1\n')
        script.chmod(0o755)
        return script, tmp_path / "ran"

    def test_hooks(self, store, hostile, life):
        script, ran = hostile
        for name in (
            "reference-transaction",
            "post-checkout",
            "post-index-change",
            "pre-commit",
            "post-commit",
            "post-merge",
            "update",
        ):
            shutil.copy(script, store.path / ".git" / "hooks" / name)

        run(life, store)

        assert not ran.exists()

    @pytest.mark.parametrize("name", ["core.fsmonitor", "core.hooksPath", "core.sshCommand"])
    def test_programs_of_the_configuration(self, store, git, hostile, life, name):
        script, ran = hostile
        git(store.path, "config", name, str(script))

        run(life, store)

        assert not ran.exists()

    def test_a_file_system_monitor_that_worked_before(self, churn, git, hostile, life):
        script, ran = hostile
        script.write_text(f"#!/bin/sh\necho >> {ran}\nprintf 'token\\0/\\0'\n")
        git(churn.path, "config", "core.fsmonitor", str(script))
        git(churn.path, "update-index", "--fsmonitor")
        git(churn.path, "status")
        ran.unlink()

        run(life[1:], churn)

        assert not ran.exists()
        assert_followed(churn.path, git)


class TestFilters:
    @pytest.mark.parametrize("place", ["info", "home", "named"])
    def test_a_filter_of_the_user_is_applied_as_git_does(self, churn, git, life, place, isolated):
        """Also where index and files are so that git need not be asked."""
        git(churn.path, "update-index", "--refresh")
        os.utime(churn.path / ".git" / "index", (time.time() + 5,) * 2)
        file = {
            "info": churn.path / ".git" / "info" / "attributes",
            "home": isolated / ".config" / "git" / "attributes",
            "named": isolated / "attributes",
        }[place]
        if place == "named":
            git(churn.path, "config", "--global", "core.attributesFile", str(file))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("README.md filter=shout\n")
        git(churn.path, "config", "--global", "filter.shout.smudge", "tr a-z A-Z")
        git(churn.path, "config", "--global", "filter.shout.clean", "git show main:" + UPSELL_CARD)

        life[5](churn)

        assert "# UPSELL" in (churn.path / UPSELL_CARD).read_text()

    def test_a_filter_that_fails_leaves_nothing_half_done(self, churn, git, life):
        (churn.path / ".git" / "info").mkdir(exist_ok=True)
        (churn.path / ".git" / "info" / "attributes").write_text("requirements.txt filter=bad\n")
        git(churn.path, "config", "--global", "filter.bad.smudge", "false")
        git(churn.path, "config", "--global", "filter.bad.required", "true")

        def files() -> dict[str, bytes]:
            return {path: at for path, at in everything(churn.path).items() if "/.git/" not in path}

        before = files()
        with pytest.raises(GitFailed) as caught:
            life[5](churn)

        assert str(caught.value).endswith(
            "models/upsell/requirements.txt: smudge filter bad failed"
        ) or "external filter 'false' failed" in str(caught.value)
        assert files() == before
        git(churn.path, "config", "--global", "--unset", "filter.bad.required")
        life[5](churn)
        assert_followed(churn.path, git)


class TestEnvironment:
    def test_what_a_hook_of_another_repository_inherits_is_not_obeyed(
        self, store, tmp_path, git, monkeypatch, life
    ):
        git(tmp_path, "init", "--quiet", "other")
        other = tmp_path / "other"
        (other / "file").write_text("mine")
        git(other, "add", "file")
        before = everything(other)
        monkeypatch.setenv("GIT_DIR", str(other / ".git"))
        monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
        monkeypatch.setenv("GIT_WORK_TREE", str(other))
        monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other / ".git" / "objects"))
        monkeypatch.setenv("GIT_PREFIX", "models/")
        monkeypatch.setenv("GIT_NAMESPACE", "other")

        run(life, store)

        for name in [name for name in os.environ if name.startswith("GIT_")]:
            if name != "GIT_CONFIG_NOSYSTEM":
                monkeypatch.delenv(name)
        assert everything(other) == before
        assert_followed(store.path, git)

    def test_nor_does_a_new_store_land_there(self, tmp_path, git, monkeypatch):
        git(tmp_path, "init", "--quiet", "other")
        monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
        monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other" / ".git" / "index"))

        Store.init(tmp_path / "store")

        monkeypatch.delenv("GIT_DIR")
        monkeypatch.delenv("GIT_INDEX_FILE")
        assert_followed(tmp_path / "store", git)

    def test_every_variable_that_git_calls_local_is_dropped(self, tmp_path, git, monkeypatch):
        names = git(tmp_path, "rev-parse", "--local-env-vars").split()
        for name in names:
            monkeypatch.setenv(name, "x")

        found = plumbing.environment()
        assert [name for name in names if found.get(name) == "x"] == [
            *("GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT")  # the user's settings, of no repository
        ]

    def test_chatter_of_git_is_not_taken_for_an_answer(self, churn, monkeypatch, refitted):
        monkeypatch.setenv("GIT_TRACE", "1")
        monkeypatch.setenv("GIT_TRACE_SETUP", "1")
        monkeypatch.setenv("LANGUAGE", "de")
        monkeypatch.setenv("LANG", "de_DE.UTF-8")
        (churn.path / CARD).write_text("mine")

        with pytest.raises(LocalChanges, match=f"are in the way: {CARD}"):
            churn.register(refitted, "churn", code=None)


class TestTouched:
    """Files of which only the times have changed are no uncommitted work."""

    def test_a_touched_file_follows(self, churn, git, refitted):
        for path in (churn.path / "models/churn").iterdir():
            os.utime(path, (1_000_000_000, 1_000_000_000))

        churn.register(refitted, "churn", code=None)

        assert git(churn.path, "status", "--porcelain") == ""

    def test_a_copied_store_goes_on(self, churn, git, refitted, tmp_path):
        copied = Store.open(shutil.copytree(churn.path, tmp_path / "copy"))

        copied.register(refitted, "churn", code=None)

        assert git(copied.path, "status", "--porcelain") == ""
