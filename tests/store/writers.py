"""Writers beside each other, and whether all that they were told is there afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gitmodelstore import Store

from . import children


def inside(store: Store) -> Path:
    """Return the git directory of a store."""
    return store.path / ".git" if (store.path / ".git").exists() else store.path


def versions(store: Store, model: str = "churn") -> list[str]:
    """Return the versions of a model, highest first."""
    return [str(found.version) for found in store.versions(model)]


def register_in(store: Store, pipeline: object) -> str:
    """Register in a worker, which must find this function by its name."""
    return str(store.register(pipeline, "churn", code=None).version)


def assert_followed(folder: Path, git: Callable[..., str]) -> None:
    """The work tree has nothing to commit, and the repository is sound."""
    assert git(folder, "status", "--porcelain", "--untracked-files=all") == ""
    assert git(folder, "fsck", "--strict", "--no-dangling") == ""


def assert_whole(store: Store, git: Callable[..., str], acknowledged: list[str]) -> None:
    """Acknowledged = commits = tags = registry; numbers unique; the repository sound."""
    again = Store.open(store.path)
    assert len(acknowledged) == len(set(acknowledged))
    assert sorted(versions(again)) == sorted(acknowledged)
    assert sorted(git(store.path, "tag").split()) == sorted(f"churn@v{v}" for v in acknowledged)
    subjects = git(store.path, "log", "--format=%s", "--grep=^register", "main").splitlines()
    assert sorted(subjects) == sorted(f"register churn {v}" for v in acknowledged)
    assert git(store.path, "fsck", "--strict", "--no-dangling") == ""
    if (store.path / ".git").exists():
        assert git(store.path, "status", "--porcelain", "--untracked-files=all") == ""


def together(store: Store, pipeline: object, *, processes: int, times: int) -> list[str]:
    """Register from several processes at once and return the numbers that they were told."""
    with children.acknowledging() as acknowledged:

        def work() -> None:
            mine = Store.open(store.path, durable=False, wait_seconds=120)
            for _ in range(times):
                acknowledged.say(str(mine.register(pipeline, "churn", code=None).version))

        pids = [children.start(work) for _ in range(processes)]
        assert [children.wait(pid) for pid in pids] == [0] * processes
        return acknowledged.heard()
