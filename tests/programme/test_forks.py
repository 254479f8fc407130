"""Workers are forked while threads register: none keeps the lock, and none is kept waiting."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time

from gitmodelstore import Store
from tests.programme import sample
from tests.store import children
from tests.store.writers import assert_whole, inside, versions

PATIENCE_SECONDS = 10

# What a program does whose threads have registered nothing before: its first call imports.
FIRST_CALLS = """
import faulthandler, os, sys, threading, warnings

warnings.simplefilter("ignore")
from sklearn.linear_model import LinearRegression

from gitmodelstore import Store

fitted = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
store = Store.open(sys.argv[1], durable=False)
register = lambda: store.register(fitted, "churn", code=None)
thread = threading.Thread(target=register)
thread.start()
workers = []
for _ in range(4):
    worker = os.fork()
    if not worker:
        faulthandler.dump_traceback_later(40, exit=True)  # tells where it hangs
        register()
        os._exit(0)
    workers.append(worker)
thread.join()
sys.exit(any(os.waitpid(worker, 0)[1] for worker in workers))
"""


def sleep_until_told(reading: int, writing: int) -> None:
    """Stay until nobody can write any more: each process closes that end of its own."""
    os.close(writing)
    os.read(reading, 1)


class TestBesideThreadsThatRegister:
    @sample(times=(25, 150))
    def test_none_keeps_the_lock(self, any_store, git, fitted, tell, seed, times):
        """One thread registers, through git too, and others fork workers that stay."""
        chance = random.Random(seed)  # noqa: S311 - no secret
        reading, writing = os.pipe()
        told: list[str] = []
        failed: list[BaseException] = []
        mine = Store.open(any_store.path, durable=False, wait_seconds=PATIENCE_SECONDS)
        longest = [0.0]

        def register() -> None:
            try:
                for number in range(times):
                    begun = time.monotonic()
                    told.append(str(mine.register(fitted, "churn", code=None).version))
                    longest[0] = max(longest[0], time.monotonic() - begun)
                    if number % 3 == 0 and any_store.path != inside(any_store):
                        (any_store.path / "registry.json").touch()  # git has to be asked
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=register)
        thread.start()
        pids = []
        while thread.is_alive():
            if len(pids) < 60:
                pids.append(children.start(lambda: sleep_until_told(reading, writing)))
            time.sleep(chance.uniform(0, 0.02))
        thread.join()
        try:
            assert failed == [], f"seed {seed}"
            again = Store.open(any_store.path, wait_seconds=1)
            told.append(str(again.register(fitted, "churn", code=None).version))
        finally:
            os.close(writing)
            statuses = [children.wait(pid) for pid in pids]
            os.close(reading)
        assert set(statuses) == {0}
        assert_whole(any_store, git, told)
        tell(registered=len(told), forked=len(pids), longest_ms=int(longest[0] * 1000))

    def test_the_workers_register_too(self, any_store, git, fitted, tell):
        store = Store.open(any_store.path, durable=False, wait_seconds=60)
        told: list[str] = []

        def register() -> None:
            for _ in range(10):
                told.append(str(store.register(fitted, "churn", code=None).version))

        with children.acknowledging() as said:

            def work() -> None:
                for _ in range(5):
                    said.say(str(store.register(fitted, "churn", code=None).version))

            thread = threading.Thread(target=register)
            thread.start()
            statuses = [children.wait(pid) for pid in [children.start(work) for _ in range(4)]]
            thread.join()
            heard = said.heard()

        assert statuses == [0] * 4
        tell(registered=len(told) + len(heard))
        assert_whole(any_store, git, told + heard)

    def test_the_first_to_register_are_forked_at_once(self, store):
        done = subprocess.run(
            [sys.executable, "-c", FIRST_CALLS, str(store.path)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert len(versions(store)) == 5


IMPORTING = """
import os, sys, threading, time

import gitmodelstore.plumbing.processes

thread = threading.Thread(target=__import__, args=("slow",))
thread.start()
while "slow" not in sys.modules:
    time.sleep(0.01)
worker = os.fork()
if not worker:
    import slow

    os._exit(slow.ANSWER)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]))
"""


def test_a_fork_waits_for_what_another_thread_imports(tmp_path):
    """A child would wait for ever for a thread that it does not have."""
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(0.5)\nANSWER = 42\n")

    done = subprocess.run([sys.executable, "-c", IMPORTING], cwd=tmp_path, timeout=60)

    assert done.returncode == 42


class TestProgramsThatStay:
    def test_one_that_inherits_what_is_open_keeps_no_lock(self, any_store, fitted):
        stop = threading.Event()
        mine = Store.open(any_store.path, durable=False, wait_seconds=PATIENCE_SECONDS)
        started = []

        def start() -> None:
            while not stop.is_set():
                started.append(subprocess.Popen(["sleep", "30"], close_fds=False))
                time.sleep(0.02)

        thread = threading.Thread(target=start)
        thread.start()
        try:
            for _ in range(20):
                mine.register(fitted, "churn", code=None)
        finally:
            stop.set()
            thread.join()
            Store.open(any_store.path, wait_seconds=1).register(fitted, "churn", code=None)
            for process in started:
                process.kill()
                process.wait()
        assert len(versions(any_store)) == 21


class TestInTheChild:
    def test_what_another_thread_computes_is_computed_anew(self):
        from gitmodelstore.lean import cached_property

        computing, go_on = threading.Event(), threading.Event()

        class Slow:
            @cached_property
            def answer(self) -> int:
                if threading.current_thread() is thread:
                    computing.set()
                    go_on.wait()
                return 42

        slow = Slow()
        thread = threading.Thread(target=lambda: slow.answer)
        thread.start()
        computing.wait()
        pid = children.start(lambda: os._exit(slow.answer))
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not (ended := os.waitpid(pid, os.WNOHANG))[0] and time.monotonic() < deadline:
                time.sleep(0.01)
        finally:
            go_on.set()
            thread.join()
            if not ended[0]:
                os.kill(pid, signal.SIGKILL)
        assert ended == (pid, 42 << 8)

    def test_a_lock_that_was_held_at_the_fork_is_the_parents(self, any_store, fitted):
        from gitmodelstore.plumbing import writer_lock

        place = inside(any_store)
        with writer_lock.exclusive(place, wait_seconds=0):
            reading, writing = os.pipe()
            pid = children.start(lambda: sleep_until_told(reading, writing))
            assert writer_lock.is_held(place)
        assert not writer_lock.is_held(place)
        os.close(writing)
        assert children.wait(pid) == 0
        with writer_lock.exclusive(place, wait_seconds=0):
            assert children.run(lambda: None) == 0
            assert writer_lock.is_held(place)  # a child that ends gives nothing back
        os.close(reading)

    def test_one_forked_while_another_thread_writes_obeys_ctrl_c(self, any_store):
        from gitmodelstore.plumbing import writer_lock

        found: list[int] = []

        def fork() -> None:
            found.append(
                children.run(lambda: os._exit(signal.getsignal(signal.SIGINT) is not before))
            )

        before = signal.getsignal(signal.SIGINT)
        with writer_lock.exclusive(inside(any_store), wait_seconds=0):
            assert signal.getsignal(signal.SIGINT) is not before
            thread = threading.Thread(target=fork)
            thread.start()
            thread.join()
        assert found == [0]
