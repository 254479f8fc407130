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
    """Return the versions of a model, highest first; none of one that is not there."""
    known = {summary.model for summary in store.models()}
    return [str(one.version) for one in store.versions(model)] if model in known else []


def register_in(store: Store, pipeline: object) -> str:
    """Register in a worker, which must find this function by its name."""
    return str(store.register(pipeline, "churn", code=None).version)


def assert_followed(folder: Path, git: Callable[..., str]) -> None:
    """The work tree, if there is one, has nothing to commit, and the repository is sound."""
    if (folder / ".git").exists():
        assert git(folder, "status", "--porcelain", "--untracked-files=all") == ""
    assert git(folder, "fsck", "--strict", "--no-dangling") == ""


def assert_whole(
    store: Store, git: Callable[..., str], acknowledged: list[str] | None = None
) -> None:
    """Registry = tags of the branch; where it is given, also = acknowledged = commits, of churn."""
    assert_followed(store.path, git)
    again = Store.open(store.path)
    held = sorted(f"{one.model}@v{v}" for one in again.models() for v in versions(again, one.model))
    assert sorted(git(store.path, "tag").split()) == held
    assert sorted(git(store.path, "tag", "--merged", "main").split()) == held
    if acknowledged is not None:
        assert sorted(f"churn@v{version}" for version in acknowledged) == held
        subjects = git(store.path, "log", "--format=%s", "--grep=^register", "main").splitlines()
        assert sorted(subjects) == sorted(f"register churn {version}" for version in acknowledged)


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
