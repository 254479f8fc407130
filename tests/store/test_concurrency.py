"""Several processes at once: writers, readers, and git that packs beneath them."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import StoreBusy
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.plumbing import lock

from . import children


def inside(store: Store) -> Path:
    """Return the git directory of a store."""
    return store.path / ".git" if (store.path / ".git").exists() else store.path


def versions(store: Store, model: str = "churn") -> list[str]:
    return [str(found.version) for found in store.versions(model)]


def assert_whole(store: Store, git, acknowledged: list[str]) -> None:
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


def registering(place: Path, pipeline: object, times: int, said: int) -> Callable[[], None]:
    def work() -> None:
        store = Store.open(place, durable=False, wait_seconds=120)
        for _ in range(times):
            version = store.register(pipeline, "churn", code=None)
            os.write(said, f"{version.version}\n".encode())

    return work


def together(store: Store, pipeline: object, *, processes: int, times: int) -> list[str]:
    """Register from several processes at once and return the numbers that they were told."""
    reading, writing = os.pipe()
    pids = [
        children.start(registering(store.path, pipeline, times, writing)) for _ in range(processes)
    ]
    statuses = [children.wait(pid) for pid in pids]
    os.close(writing)
    with os.fdopen(reading) as told:
        acknowledged = told.read().split()
    assert statuses == [0] * processes
    return acknowledged


def test_two_writers_get_two_numbers(any_store, git, fitted):
    acknowledged = together(any_store, fitted, processes=2, times=1)

    assert sorted(acknowledged) == ["1.0.0", "1.0.1"]
    assert_whole(any_store, git, acknowledged)


def test_one_number_goes_to_one_writer(any_store, fitted):
    def work() -> None:
        Store.open(any_store.path, durable=False).register(
            fitted, "churn", version="1.0.0", code=None
        )

    statuses = sorted(children.wait(pid) for pid in [children.start(work) for _ in range(3)])

    assert statuses == [0, 1, 1]
    assert versions(any_store) == ["1.0.0"]


def beside(store: Store, git, fitted, *, processes: int, times: int, seed: int) -> None:
    """Register beside git's housekeeping and a reader that checks every digest it reads."""
    first = str(store.register(fitted, "churn", code=None).version)

    def keep_house() -> None:
        chance = random.Random(seed)  # noqa: S311 - no secret
        while not (inside(store) / "done").exists():
            command = chance.choice(
                [
                    ["gc", "--quiet"],
                    ["repack", "-a", "-q"],
                    ["repack", "-a", "-d", "-q"],
                    ["pack-refs", "--all", "--prune"],
                ]
            )
            git(store.path, *command)
            time.sleep(chance.uniform(0, 0.05))

    def read() -> None:
        reader = Store.open(store.path)
        seen = 0
        while not (inside(store) / "done").exists():
            held = reader.versions("churn")
            assert len(held) >= seen
            seen = len(held)
            assert reader.load(held[0]) is not None
            assert reader.show(held[-1]).version == held[-1].version
            assert len(list(reader.log("churn"))) >= seen

    others = [children.start(keep_house), children.start(read)]
    try:
        acknowledged = [first, *together(store, fitted, processes=processes, times=times)]
    finally:
        (inside(store) / "done").write_text("")
        statuses = [children.wait(pid) for pid in others]
    assert statuses == [0, 0], f"seed {seed}"
    (inside(store) / "done").unlink()
    assert_whole(store, git, acknowledged)
    assert len(acknowledged) == processes * times + 1


def test_writers_beside_housekeeping_and_a_reader(any_store, git, fitted):
    beside(any_store, git, fitted, processes=4, times=5, seed=time.time_ns() % 10**6)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_many_writers_beside_housekeeping_and_a_reader(any_store, git, fitted, seed):
    beside(any_store, git, fitted, processes=8, times=25, seed=seed)


class TestBusy:
    @pytest.fixture
    def held(self, any_store) -> int:
        """The id of a process that holds the writer lock until it is told to end."""
        ready, go = os.pipe(), os.pipe()

        def hold() -> None:
            with lock.exclusive(inside(any_store), wait_seconds=0):
                os.write(ready[1], b"x")
                os.read(go[0], 1)

        pid = children.start(hold)
        os.read(ready[0], 1)
        yield pid
        os.write(go[1], b"x")
        assert children.wait(pid) == 0
        for end in (*ready, *go):
            os.close(end)

    def test_the_holder_is_named_after_the_time_is_up(self, any_store, held, fitted):
        store = Store.open(any_store.path, wait_seconds=0.2)
        begun = time.monotonic()

        with pytest.raises(StoreBusy) as caught:
            store.register(fitted, "churn", code=None)

        assert 0.2 <= time.monotonic() - begun < 5
        assert str(caught.value) == (
            f"the store is busy: process {held} has been writing for 0.2 seconds"
        )
        assert caught.value.hint == "try again when it has finished"
        assert any_store.models() == ()

    def test_readers_do_not_wait(self, any_store, held):
        assert any_store.models() == ()
        assert list(any_store.log()) == []

    def test_a_thread_of_the_same_process_waits_too(self, any_store):
        with lock.exclusive(inside(any_store), wait_seconds=0):  # noqa: SIM117 - one, then two
            with pytest.raises(StoreBusy):
                with lock.exclusive(inside(any_store), wait_seconds=0):
                    pass

    def test_the_lock_is_free_again_after_an_error(self, any_store, fitted):
        with pytest.raises(RuntimeError), lock.exclusive(inside(any_store), wait_seconds=0):
            raise RuntimeError

        Store.open(any_store.path, wait_seconds=0).register(fitted, "churn", code=None)


def test_an_open_store_sees_what_others_write(any_store, fitted, git):
    reader = Store.open(any_store.path)
    assert reader.models() == ()

    for number in range(3):
        children.run(
            lambda: Store.open(any_store.path, durable=False).register(fitted, "churn", code=None)
        )
        git(any_store.path, "gc", "--quiet")
        assert len(reader.versions("churn")) == number + 1
        assert reader.load("churn@latest") is not None


def test_a_snapshot_stays_as_it_was(any_store, fitted):
    any_store.register(fitted, "churn", code=None)
    before = Snapshot.now(any_store._repository)

    any_store.promote("churn@1.0.0", "production")

    assert before.registry.models["churn"]["1.0.0"] == "registered"
