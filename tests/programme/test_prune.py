"""Prunes that spare nothing, beside writers: nothing that was acknowledged is taken."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import StoreError
from tests.programme import sample
from tests.store import children
from tests.store.writers import inside, versions

PRUNES = {"gc": ("gc", "--quiet", "--prune=now"), "prune": ("prune", "--expire=now")}


@contextmanager
def pruning(store: Store, command: tuple[str, ...], said: children.Acknowledged) -> Iterator[None]:
    """Prune again and again, as long as this lasts."""
    done = inside(store) / "done"

    def prune() -> None:
        while not done.exists():
            ran = subprocess.run(["git", *command], cwd=store.path, capture_output=True)
            said.say("pruned" if ran.returncode == 0 else "failed")

    pid = children.start(prune)
    try:
        yield
    finally:
        done.write_text("")
        assert children.wait(pid) == 0
        done.unlink()


class TestBesideAWriter:
    @pytest.mark.parametrize("kind", PRUNES)
    @sample(times=(20, 100))
    def test_nothing_acknowledged_is_lost(self, any_store, git, fitted, tell, kind, times):
        mine = Store.open(any_store.path, durable=False, wait_seconds=60)
        told: list[str] = []
        refused = 0
        with children.acknowledging() as said:
            with pruning(any_store, PRUNES[kind], said):
                for number in range(times):
                    with suppress(StoreError):
                        told.append(str(mine.register(fitted, "churn", code=None).version))
                    refused += number + 1 - len(told) - refused
                    if number % 5 == 4:
                        mine.promote("churn@latest", "production")
            heard = said.heard()

        again = Store.open(any_store.path)
        lost = [version for version in told if again.load(f"churn@{version}") is None]
        tell(
            acknowledged=len(told),
            refused=refused,
            lost=len(lost),
            prunes=heard.count("pruned"),
            failed_prunes=heard.count("failed"),
        )
        assert versions(again) == told[::-1]
        assert again.verify().is_sound
        assert git(any_store.path, "fsck", "--strict", "--no-dangling") == ""
        assert heard.count("pruned") > 1


class TestSecondNames:
    def test_a_prune_in_the_middle_of_a_write_takes_nothing(
        self, any_store, git, fitted, monkeypatch
    ):
        from gitmodelstore.plumbing import refs, writer_lock

        for module, name in ((writer_lock, "write"), (refs, "advance"), (refs, "set_tag")):
            real = getattr(module, name)

            def pruned_before(*args, real=real, **options):
                git(any_store.path, "prune", "--expire=now")
                return real(*args, **options)

            with monkeypatch.context() as patch:
                patch.setattr(module, name, pruned_before)
                any_store.register(fitted, "churn", code=None)

        assert any_store.verify().is_sound
        assert git(any_store.path, "fsck", "--strict", "--no-dangling") == ""
        assert len(versions(any_store)) == 3

    def test_what_a_prune_takes_afterwards_is_there_for_the_next_reader(
        self, any_store, git, fitted
    ):
        """As by one that had looked at the refs before they were set."""
        place = inside(any_store)
        before = set(place.glob("objects/??/*"))  # what the refs named then is not taken
        any_store.register(fitted, "churn", code=None)
        for path in set(place.glob("objects/??/*")) - before:
            path.unlink()
        (place / "objects/tmp_gitmodelstore").unlink()

        again = Store.open(any_store.path)

        assert again.load("churn@1.0.0") is not None
        assert again.verify().is_sound
        assert git(any_store.path, "rev-list", "--objects", "churn@v1.0.0", "--not", "main~1")

    def test_what_a_prune_takes_before_the_write_has_ended_is_put_back(
        self, any_store, fitted, monkeypatch
    ):
        from gitmodelstore.operations import publish

        swap = publish._swap

        def pruned_after(snapshot, planned, held):
            done = swap(snapshot, planned, held)
            commit = planned.commit
            (inside(any_store) / "objects" / commit[:2] / commit[2:]).unlink()
            return done

        monkeypatch.setattr(publish, "_swap", pruned_after)
        version = any_store.register(fitted, "churn", code=None)

        assert any_store.load(version) is not None
        assert Store.open(any_store.path).verify().is_sound

    def test_what_somebody_removes_stays_removed(self, any_store, fitted):
        any_store.register(fitted, "churn", code=None)
        for path in inside(any_store).glob("objects/??/*"):
            path.unlink()

        with pytest.raises(StoreError):
            Store.open(any_store.path)

    def test_they_go_some_minutes_later(self, any_store, fitted, monkeypatch):
        from gitmodelstore.plumbing import loose

        any_store.register(fitted, "churn", code=None)
        place = inside(any_store) / "gitmodelstore-spares"
        assert len(list(place.rglob("*"))) > 8
        now = time.time()
        monkeypatch.setattr(loose.time, "time", lambda: now + 300)

        any_store.promote("churn@1.0.0", "production")

        (minute,) = place.iterdir()  # registry, front page, tree and commit
        assert sum(path.is_file() for path in minute.rglob("*")) == 4

    def test_a_large_file_that_git_lfs_prunes_during_the_write_is_put_back(
        self, store, git, fitted, monkeypatch
    ):
        from gitmodelstore.operations import publish

        (store.path / "modelstore.toml").write_text(
            'schema = "1.0"\n[storage]\nlfs_threshold = "1 KiB"\n'
        )
        git(store.path, "commit", "--quiet", "--all", "-m", "use LFS")
        swap = publish._swap

        def pruned_after(*args):
            done = swap(*args)
            for path in (store.path / ".git/lfs/objects").rglob("*"):
                if path.is_file():
                    path.unlink()
            return done

        monkeypatch.setattr(publish, "_swap", pruned_after)
        store.register(fitted, "churn", code=None)

        assert store.load("churn@1.0.0") is not None
