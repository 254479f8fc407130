"""Refs beside git: names that are taken, locks, what is left of a tag, refs that are packed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import StoreBusy, VersionExists
from gitmodelstore.plumbing import refs

from . import writers


class TestNamesTaken:
    def test_a_tag_by_hand_is_not_moved(self, store, git, fitted):
        git(store.path, "tag", "churn@v1.0.0")

        with pytest.raises(VersionExists) as caught:
            store.register(fitted, "churn", code=None)

        assert str(caught.value) == (
            "tag 'churn@v1.0.0' exists, but the branch holds no such version"
        )
        assert git(store.path, "rev-list", "--count", "main") == "1\n"

    @pytest.mark.parametrize("packed", [False, True])
    def test_tags_below_the_name_are_in_the_way(self, store, git, fitted, packed):
        git(store.path, "tag", "churn@v1.0.0/x")
        if packed:
            git(store.path, "pack-refs", "--all", "--prune")

        with pytest.raises(VersionExists) as caught:
            store.register(fitted, "churn", code=None)

        assert str(caught.value) == (
            "tag 'churn@v1.0.0' cannot be set: other tags begin with 'churn@v1.0.0/'"
        )
        assert git(store.path, "rev-list", "--count", "main") == "1\n"
        store.register(fitted, "upsell", code=None)
        writers.assert_followed(store.path, git)


class TestLocksOfGit:
    @pytest.fixture(params=["refs/heads/main", "refs/tags/churn@v1.0.0"])
    def lock(self, store, request) -> Path:
        lock = store.path / ".git" / f"{request.param}.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.write_text("")
        return lock

    def test_a_young_one_is_respected(self, store, git, fitted, lock):
        ref = lock.relative_to(store.path / ".git").as_posix().removesuffix(".lock")
        impatient = Store.open(store.path, durable=False, wait_seconds=0.2)

        with pytest.raises(StoreBusy) as caught:
            impatient.register(fitted, "churn", code=None)

        assert str(caught.value) == f"{ref} is locked by a git process"
        assert caught.value.hint == f"if no git is running, remove '{lock}'"
        assert lock.exists()
        assert store.models() == ()
        lock.unlink()
        writers.assert_followed(store.path, git)
        store.register(fitted, "churn", code=None)
        writers.assert_followed(store.path, git)

    def test_one_older_than_a_minute_is_a_corpse(self, store, git, fitted, lock):
        past = time.time() - refs.CORPSE_SECONDS - 1
        os.utime(lock, (past, past))

        store.register(fitted, "churn", code=None)

        assert not lock.exists()
        writers.assert_followed(store.path, git)


class TestTags:
    @pytest.mark.parametrize("left", ["an empty file", "empty folders"])
    def test_what_is_left_of_one_makes_way(self, any_store, git, fitted, left):
        tag = writers.inside(any_store) / "refs/tags/churn@v1.0.0"
        if left == "an empty file":
            tag.write_text("")
        else:
            (tag / "one/two").mkdir(parents=True)
            (tag / "three").mkdir()

        any_store.register(fitted, "churn", code=None)

        assert git(any_store.path, "tag") == "churn@v1.0.0\n"
        assert git(any_store.path, "fsck", "--strict", "--no-dangling") == ""

    def test_one_that_a_branch_folder_was_packed_away_from(self, tmp_path, git, fitted):
        """`git pack-refs --all --prune` removes the folder of a branch whose name has a slash."""
        store = Store.init(tmp_path / "store", bare=True)
        git(store.path, "branch", "--move", "main", "team/models")
        git(store.path, "config", "store.branch", "team/models")
        git(store.path, "pack-refs", "--all", "--prune")
        assert not (store.path / "refs/heads/team").exists()

        Store.open(store.path).register(fitted, "churn", code=None)

        assert git(store.path, "log", "--format=%s", "-1", "team/models").strip() == (
            "register churn 1.0.0"
        )


class TestPacked:
    @pytest.mark.parametrize(
        "command",
        [
            ["pack-refs", "--all", "--prune"],
            ["gc", "--quiet"],
            ["repack", "-a", "-d", "--quiet"],
            ["gc", "--quiet", "--prune=now", "--aggressive"],
        ],
    )
    def test_everything_goes_on(self, any_store, git, fitted, refitted, X_test, command):
        place = any_store.path
        any_store.register(fitted, "churn", code=None)
        git(place, *command)
        if command[0] != "repack":  # there is no loose ref
            refs = (writers.inside(any_store) / "refs").rglob("*")
            assert not any(path.is_file() for path in refs)

        any_store.register(refitted, "churn", code=None)
        any_store.promote("churn@1.1.0", "production")
        git(place, *command)

        again = Store.open(place, durable=False)
        assert (again.load("churn").predict(X_test) == refitted.predict(X_test)).all()
        again.register(fitted, "churn", code=None)
        assert [str(v.version) for v in any_store.versions("churn")] == ["1.2.0", "1.1.0", "1.0.0"]
        assert git(place, "fsck", "--strict", "--no-dangling") == ""
