"""A disk that does not take what is written: the right error, nothing torn, and a retry works."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import CannotWrite, GitFailed
from gitmodelstore.plumbing import files

from . import children, writers
from .conftest import once
from .looks import use_lfs


@pytest.fixture
@once
def churn(any_store, fitted) -> Store:
    """A store that holds churn 1.0.0."""
    any_store.register(fitted, "churn", code=None)
    return any_store


def full_from(most_bytes: int) -> None:
    """Let no file of this process, nor of what it starts, grow beyond so many bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))


def refused(store: Store, write: Callable[[Store], object], hinder: Callable[[], None]) -> None:
    """Check in a process of its own that a write which is hindered says so."""

    def work() -> None:
        again = Store.open(store.path, durable=False)
        hinder()
        with pytest.raises(CannotWrite) as caught:
            write(again)
        assert str(caught.value).startswith("cannot write to '")
        assert caught.value.hint == "check the free space and the permissions of that folder"

    assert children.run(work) == 0


def assert_whole(store: Store, git, versions: list[str]) -> None:
    writers.assert_whole(store, git)
    assert writers.versions(Store.open(store.path)) == versions


class TestFull:
    @pytest.mark.parametrize("most_bytes", [0, 30, 300, 1000, 2000])
    def test_a_registration_is_refused_whole(self, churn, git, refitted, most_bytes):
        """Files of various sizes fail: the least (a ref), objects, the pipeline, the index."""
        refused(
            churn,
            lambda store: store.register(refitted, "churn", code=None),
            lambda: full_from(most_bytes),
        )

        assert_whole(churn, git, ["1.0.0"])
        churn.register(refitted, "churn", code=None)
        assert_whole(churn, git, ["1.1.0", "1.0.0"])

    @pytest.mark.parametrize("most_bytes", [0, 30, 100])
    def test_a_promotion_is_refused_whole(self, churn, git, most_bytes):
        refused(
            churn,
            lambda store: store.promote("churn@1.0.0", "production"),
            lambda: full_from(most_bytes),
        )

        assert_whole(churn, git, ["1.0.0"])
        churn.promote("churn@1.0.0", "production")
        assert_whole(churn, git, ["1.0.0"])

    def test_git_killed_in_the_middle_of_the_work_tree(self, store, git, fitted, refitted):
        """By the signal for a file that grew too large; no lock of the index is left."""
        store.register(fitted, "churn", code=None)
        (store.path / ".git" / "info").mkdir(exist_ok=True)
        (store.path / ".git" / "info" / "attributes").write_text("manifest.json filter=long\n")
        git(
            store.path, "config", "--global", "filter.long.smudge", "cat; head -c 3000000 /dev/zero"
        )

        def work() -> None:
            again = Store.open(store.path, durable=False)
            full_from(2_000_000)
            with pytest.raises(GitFailed, match="cannot follow: exit status -25"):
                again.register(refitted, "churn", code=None)

        assert children.run(work) == 0
        git(store.path, "config", "--global", "--unset", "filter.long.smudge")
        assert list((store.path / ".git").glob("index?*")) == []

        store.register(fitted, "upsell", code=None)
        git(store.path, "checkout", "--quiet", "--", "models/churn/manifest.json")
        assert_whole(store, git, ["1.0.0"])
        store.register(refitted, "churn", code=None)
        assert_whole(store, git, ["1.1.0", "1.0.0"])

    def test_a_large_pipeline_leaves_nothing(self, store, git, fitted):
        use_lfs(store.path)

        refused(store, lambda s: s.register(fitted, "churn", code=None), lambda: full_from(1500))

        assert [p for p in (store.path / ".git" / "lfs").rglob("*") if p.is_file()] == []
        store.register(fitted, "churn", code=None)
        assert_whole(store, git, ["1.0.0"])

    def test_a_disk_that_fails_to_sync_is_no_success(self, churn, git, refitted, monkeypatch):
        def fail(*_: object) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(files, "sync", fail)
        with pytest.raises(CannotWrite, match="Input/output error"):
            Store.open(churn.path, durable=True).register(refitted, "churn", code=None)

        assert_whole(churn, git, ["1.0.0"])


class TestReadOnly:
    def folders(self, store: Store) -> dict[str, Path]:
        inside = writers.inside(store)
        return {
            "git directory": inside,
            "objects": inside / "objects",
            "refs": inside / "refs" / "heads",
            "own": inside / "gitmodelstore",
            "logs": inside / "logs" / "refs" / "heads",
            "models": store.path / "models" / "churn",
        }

    @pytest.mark.parametrize("name", ["git directory", "objects", "refs", "own", "models"])
    def test_a_closed_folder(self, churn, git, refitted, name):
        folder = self.folders(churn)[name]
        if (churn.path / "HEAD").exists() and name in ("git directory", "models"):
            return  # no index is written there, and no files
        closed = [folder, *(p for p in folder.glob("??") if p.is_dir() and name == "objects")]
        if name == "own":
            closed += list(folder.iterdir())
        modes = {path: path.stat().st_mode for path in closed}
        for path in closed:
            path.chmod(0o555)

        refused(
            churn,
            lambda store: store.register(refitted, "churn", code=None),
            children.obey_permissions,
        )

        for path, mode in modes.items():
            path.chmod(mode)
        assert_whole(churn, git, ["1.0.0"])
        churn.register(refitted, "churn", code=None)
        assert_whole(churn, git, ["1.1.0", "1.0.0"])

    def test_reading_needs_no_writing(self, churn, fitted, X_test):
        paths = [churn.path, *(path for path in churn.path.rglob("*") if path.is_dir())]
        modes = {path: path.stat().st_mode for path in paths}
        for path in paths:
            path.chmod(0o555)

        def work() -> None:
            children.obey_permissions()
            again = Store.open(churn.path)
            assert (again.load("churn@1.0.0").predict(X_test) == fitted.predict(X_test)).all()
            assert len(list(again.log())) == 1

        status = children.run(work)

        for path, mode in modes.items():
            path.chmod(mode)
        assert status == 0
