"""Several processes at once: writers and readers; tests/programme has many of them."""

from __future__ import annotations

import os
import time

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import StoreBusy
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.plumbing import writer_lock

from . import children
from .writers import assert_whole, inside, together, versions


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


class TestBusy:
    @pytest.fixture
    def held(self, any_store) -> int:
        """The id of a process that holds the writer lock until it is told to end."""
        ready, go = os.pipe(), os.pipe()

        def hold() -> None:
            with writer_lock.exclusive(inside(any_store), wait_seconds=0):
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
        with writer_lock.exclusive(inside(any_store), wait_seconds=0):  # noqa: SIM117 - one, then two
            with pytest.raises(StoreBusy):
                with writer_lock.exclusive(inside(any_store), wait_seconds=0):
                    pass

    def test_the_lock_is_free_again_after_an_error(self, any_store, fitted):
        with pytest.raises(RuntimeError), writer_lock.exclusive(inside(any_store), wait_seconds=0):
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
