"""Ctrl-C at any instant: nothing is left locked or open, and the next command just works."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pandas as pd
import pygit2
import pytest

from gitmodelstore import Store
from gitmodelstore.lineage.data import describe
from gitmodelstore.pickles import fast_load
from gitmodelstore.plumbing import git as program
from gitmodelstore.plumbing.large_files import Verdicts
from gitmodelstore.plumbing.repository import Repository
from tests.programme import sample
from tests.programme.test_killed import assert_whole
from tests.store import children
from tests.store.writers import inside

# A file that is just opened when the signal comes is closed as the frame goes, which Python tells.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
Write = Callable[[Store], object]
LONGEST_SECONDS = 0.06  # of a write that is to be interrupted
ROUNDS = 100  # in one store: what is annotated is told from all that was said before


@pytest.fixture(params=["work tree", "bare"])
def churn(request: pytest.FixtureRequest, tmp_path: Path, fitted, refitted) -> Store:
    """A durable store that holds churn 1.0.0 and 1.1.0."""
    store = Store.init(tmp_path / "store", bare=request.param == "bare")
    store = Store.open(store.path, wait_seconds=10)
    store.register(fitted, "churn", code=None)
    store.register(refitted, "churn", code=None)
    return store


def copies(churn: Store, rounds: int) -> Iterator[tuple[Store, range]]:
    """Give one copy after another of a store, each with the rounds to try in it."""
    for first in range(0, rounds, ROUNDS):
        place = churn.path.with_name(f"copy-{first}")
        shutil.copytree(churn.path, place)
        if (place / ".git").exists():  # whose files have other times than the index knows
            subprocess.run(["git", "status"], cwd=place, capture_output=True, check=True)
        yield Store.open(place, wait_seconds=10), range(first, min(first + ROUNDS, rounds))
        shutil.rmtree(place)


def writes(fitted: object) -> list[Write]:
    """Return writes that can follow one another for ever."""

    def promote(store: Store) -> object:
        first = str(store.versions("churn")[-1].status) == "production"
        return store.promote("churn@1.1.0" if first else "churn@1.0.0", "production")

    def annotate(store: Store) -> object:
        return store.annotate("churn@1.0.0", {"seen": time.time_ns() % 1000})

    return [lambda store: store.register(fitted, "churn", code=None), promote, annotate]


def descriptors() -> dict[str, str]:
    """Return what this process has open, but for what the tests themselves read with."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found[name] = os.readlink(f"/proc/self/fd/{name}")
    return {name: what for name, what in found.items() if not what.startswith("/proc")}


def assert_let_go(store: Store, before: dict[str, str]) -> None:
    """Nothing is locked, nothing stays open, no handler of a signal is changed."""
    place = inside(store)
    assert [*place.glob("*.lock"), *(place / "refs").rglob("*.lock")] == []
    assert [*place.glob("index.*"), *(place / "objects").glob("tmp_obj_*")] == []
    assert {k: v for k, v in descriptors().items() if before.get(k) != v} == {}
    assert signal.getsignal(signal.SIGINT) in (signal.default_int_handler, signal.SIG_IGN)


@contextmanager
def struck_at(number: int, of: str = "line") -> Iterator[list[int]]:
    """Send SIGINT to this process at a line that Python comes to, counted from now on.

    Or at an opcode, of which a line has many.
    """
    seen = [0]

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        frame.f_trace_opcodes = of == "opcode"
        if event == of:
            seen[0] += 1
            if seen[0] == number:
                sys.settrace(None)
                signal.raise_signal(signal.SIGINT)
        return trace

    sys.settrace(trace)
    try:
        yield seen
    finally:
        sys.settrace(None)


def since(store: Store, tip: pygit2.Oid | None = None) -> list[pygit2.Oid]:
    """Return the commits that the branch has come to since a tip; the tip itself without one."""
    repository = pygit2.Repository(store.path)
    walk = repository.walk(repository.lookup_reference("refs/heads/main").target)
    if tip is None:
        return [next(walk).id]
    walk.hide(tip)
    return [commit.id for commit in walk]


def lines_of(write: Write, store: Store) -> int:
    """Return how many lines a write takes, once it has imported what it needs."""
    for _ in range(2):
        with struck_at(-1) as seen:
            write(store)
    return seen[0]


class TestAtEachLine:
    """The signal comes before a line of Python, of ours or of what we call."""

    @sample(rounds=(20, 300))
    def test_nothing_is_left(self, churn, git, fitted, tell, seed, rounds):
        chance = random.Random(seed)  # noqa: S311 - no secret
        interrupted = 0
        for store, numbers in copies(churn, rounds):
            lengths = [lines_of(write, store) for write in writes(fitted)]
            before = descriptors()
            for number in numbers:
                kind = number % len(lengths)
                line = chance.randrange(1, lengths[kind])
                try:
                    interrupted += self.strike(store, writes(fitted)[kind], line, before)
                except BaseException as error:
                    error.add_note(f"seed {seed}, round {number}, line {line} of {lengths[kind]}")
                    raise
            assert_whole(Store.open(store.path), git)
        assert interrupted > rounds // 4
        tell(interrupted=interrupted, rounds=rounds)

    def strike(self, store: Store, write: Write, line: int, before: dict[str, str]) -> bool:
        """Interrupt a write, then write something else; say whether it was interrupted."""
        (tip,) = since(store)
        interrupted = False
        try:
            with struck_at(line):
                write(store)
        except KeyboardInterrupt:
            interrupted = True
        assert_let_go(store, before)
        assert len(since(store, tip)) <= 1
        Store.open(store.path, wait_seconds=1).annotate("churn@1.0.0", {"n": line})
        return interrupted


class TestAtRandomMoments:
    """The signal comes from another process, once to three times, wherever this one is."""

    def life(self, store: Store, fitted: object, said: children.Acknowledged, rounds: int) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        kinds, before, whole = writes(fitted), descriptors(), 0

        def write_all() -> None:
            nonlocal whole
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for write in kinds:
                write(store)
            whole += 1

        for number in range(rounds):
            said.say("ready")
            self.survive(write_all)
            assert_let_go(store, before)
            Store.open(store.path, wait_seconds=5).annotate("churn@1.0.0", {"n": number})
        said.say(f"interrupted {rounds - whole}")

    def survive(self, work: Callable[[], None], most: int = 8) -> None:
        """Do a work, and ignore signals from then on; each that comes meanwhile ends one level."""
        try:
            work() if most == 1 else self.survive(work, most - 1)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def strike(self, store: Store, fitted: object, chance: random.Random, rounds: int) -> int:
        """Interrupt a process that writes again and again; return how often it was struck."""
        with children.acknowledging() as said:
            pid = children.start(lambda: self.life(store, fitted, said, rounds))
            lines: list[str] = []
            while os.waitpid(pid, os.WNOHANG) == (0, 0):
                heard = said.heard()
                lines += heard
                if "ready" in heard:
                    for _ in range(chance.choice((1, 1, 1, 2, 3))):
                        time.sleep(chance.uniform(0, LONGEST_SECONDS))
                        with suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGINT)
                time.sleep(0.001)
            lines += said.heard()
        assert lines[-1].startswith("interrupted ")
        return int(lines[-1].split()[1])

    @sample(rounds=(20, 300))
    def test_nothing_is_left(self, churn, git, fitted, tell, seed, rounds):
        chance = random.Random(seed)  # noqa: S311 - no secret
        interrupted = 0
        for store, numbers in copies(churn, rounds):
            interrupted += self.strike(store, fitted, chance, len(numbers))
            assert_whole(Store.open(store.path), git)
        tell(rounds=rounds, interrupted=interrupted)


class TestAVerdict:
    """A descriptor that is only a number is closed by nobody as the frame goes."""

    @pytest.mark.parametrize("what", ["note", "holds"])
    def test_leaves_nothing_open_at_any_step(self, tmp_path, what):
        Verdicts(tmp_path).note("0" * 64)
        before, step, interrupted = descriptors(), 0, True
        while interrupted:
            step += 1
            interrupted = False
            try:
                with struck_at(step, "opcode"):
                    getattr(Verdicts(tmp_path), what)("0" * 64)
            except KeyboardInterrupt:
                interrupted = True
            assert {k: v for k, v in descriptors().items() if before.get(k) != v} == {}, step
        assert step > 100

    def test_that_is_noted_lets_a_handler_raise_what_the_system_could(self, tmp_path, monkeypatch):
        def late(*_: object) -> None:
            raise TimeoutError

        def write(*args: Any) -> int:
            signal.raise_signal(signal.SIGALRM)
            return real(*args)

        real, before = os.write, signal.signal(signal.SIGALRM, late)
        monkeypatch.setattr(os, "write", write)
        try:
            with pytest.raises(TimeoutError):
                Verdicts(tmp_path).note("0" * 64)
        finally:
            signal.signal(signal.SIGALRM, before)
        assert Verdicts(tmp_path).holds("0" * 64)


class TestInTheMiddleOfGit:
    def test_what_git_does_for_a_write_is_done_to_the_end(
        self, tmp_path, git, fitted, refitted, monkeypatch
    ):
        store = Store.init(tmp_path / "store", durable=False)
        store.register(fitted, "churn", code=None)
        (store.path / "registry.json").touch()  # git has to be asked
        (store.path / ".git/info").mkdir(exist_ok=True)
        (store.path / ".git/info/attributes").write_text("*.joblib filter=slow\n")
        git(store.path, "config", "--global", "filter.slow.smudge", "sleep 0.3; cat")
        start = program.start

        def starting(args: Any, *rest: Any, **options: Any) -> Any:
            if args[-4:-3] == ("-m",) or "read-tree" in args:
                threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
            return start(args, *rest, **options)

        monkeypatch.setattr(program, "start", starting)
        before = descriptors()
        monkeypatch.setattr("gitmodelstore.plumbing.worktree.bring", lambda *_, **__: False)

        with pytest.raises(KeyboardInterrupt):
            store.register(refitted, "churn", code=None)

        monkeypatch.undo()
        assert_let_go(store, before)
        assert [str(found.version) for found in store.versions("churn")] == ["1.1.0", "1.0.0"]
        assert_whole(store, git)

    def test_whatever_line_of_whoever_waits_for_it_is_struck(self, tmp_path):
        """`communicate` cannot be asked again where it was interrupted as it began."""
        with struck_at(-1) as seen:
            program.run("version", cwd=tmp_path)
        before = descriptors()
        for line in range(1, seen[0] + 1):
            with suppress(KeyboardInterrupt), struck_at(line):
                program.run("version", cwd=tmp_path)
            assert descriptors() == before, line
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)


class TestOtherSignals:
    @sample(rounds=(30, 600))
    def test_what_a_handler_raises_is_taken_for_nothing_else(self, churn, fitted, seed, rounds):
        """A TimeoutError is an OSError, and says nothing of the file that was just being read."""

        def late(*_: object) -> None:
            raise TimeoutError

        reads: list[Write] = [
            lambda store: store.load("churn@1.1.0"),
            lambda store: store.which("churn@1.0.0"),
            lambda store: store.validate(),
            lambda store: store.verify("churn@1.0.0"),
        ]
        chance, kinds = random.Random(seed), [*reads, *writes(fitted)]  # noqa: S311 - no secret
        lengths = [lines_of(kind, Store.open(churn.path)) for kind in kinds]
        before = signal.signal(signal.SIGINT, late)
        try:
            for number in range(rounds):
                kind = number % len(kinds)
                line = chance.randrange(1, lengths[kind])
                with suppress(TimeoutError), struck_at(line):
                    kinds[kind](Store.open(churn.path, durable=False))
        except BaseException as error:
            error.add_note(f"seed {seed}, round {number}, line {line} of {lengths[kind]}")
            raise
        finally:
            signal.signal(signal.SIGINT, before)

    def test_a_handler_that_raises_waits_as_well(self, churn, git, fitted):
        def late(*_: object) -> None:
            raise TimeoutError

        churn.promote("churn@1.0.0", "staging")  # which imports what it needs
        before = signal.signal(signal.SIGALRM, late)
        open_before = descriptors()
        try:
            for microseconds in range(1000, 9000, 1000):
                signal.setitimer(signal.ITIMER_REAL, microseconds / 1e6)
                with suppress(TimeoutError):
                    churn.promote("churn@1.0.0", "archived")
                    churn.promote("churn@1.0.0", "staging")
                    time.sleep(0.02)
                assert_let_go(churn, open_before)
                assert signal.getsignal(signal.SIGALRM) is late
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert_whole(churn, git)

    @pytest.mark.parametrize(
        ("reading", "ask"),
        [("_plain_ref", Repository.head), ("_plain_settings", Repository.flag)],
    )
    def test_what_a_handler_raises_while_git_is_read_is_no_damage(
        self, churn, monkeypatch, reading, ask
    ):
        def late(*_: object) -> None:
            raise TimeoutError

        def ring(*_: object) -> None:
            signal.raise_signal(signal.SIGALRM)

        before, repository = signal.signal(signal.SIGALRM, late), Repository.open(churn.path)
        monkeypatch.setattr(f"gitmodelstore.plumbing.repository.Repository.{reading}", ring)
        try:
            with pytest.raises(TimeoutError):
                ask(repository, "commit.gpgsign")
        finally:
            signal.signal(signal.SIGALRM, before)

    @pytest.mark.parametrize(
        "ask",
        [
            lambda folder: program.run("config", "--list", cwd=folder),
            lambda folder: program.setting("user.name", folder),
        ],
        ids=["run", "setting"],
    )
    def test_a_git_that_has_just_been_started_is_ended(self, churn, monkeypatch, ask):
        class Struck(subprocess.Popen):
            def __init__(self, *args: Any, **options: Any) -> None:
                super().__init__(*args, **options)
                started.append(self)
                signal.raise_signal(signal.SIGINT)

        started: list[Struck] = []
        monkeypatch.setattr(subprocess, "Popen", Struck)
        with pytest.raises(KeyboardInterrupt):
            ask(churn.path)
        (process,) = started
        assert process.returncode is not None
        assert process.stdout.closed
        assert process.stderr.closed

    @pytest.mark.parametrize(
        ("place", "ask"),
        [
            ("pickles.fast_load.fast_load", lambda store: fast_load.is_fast_here()),
            ("operations.mend.Past", lambda store: store.doctor()),
            ("operations.doctor.hooks", lambda store: store.doctor()),
            ("operations.doctor.hooks", lambda store: store.doctor(fix=True)),
            ("lineage.frames.measure", lambda store: describe("train", pd.DataFrame({"a": [1]}))),
        ],
    )
    def test_what_a_handler_raises_among_errors_of_any_kind_goes_on(
        self, churn, monkeypatch, place, ask
    ):
        def late(*_: object) -> None:
            raise TimeoutError

        def ring(*_: object, **__: object) -> None:
            signal.raise_signal(signal.SIGALRM)

        fast_load.is_fast_here.cache_clear()
        before = signal.signal(signal.SIGALRM, late)
        monkeypatch.setattr(f"gitmodelstore.{place}", ring)
        try:
            with pytest.raises(TimeoutError):
                ask(churn)
        finally:
            signal.signal(signal.SIGALRM, before)
        monkeypatch.undo()
        assert fast_load.is_fast_here()

    def test_who_waits_for_another_writer_need_not_wait_for_ctrl_c(self, churn, fitted):
        from gitmodelstore.plumbing import writer_lock

        with writer_lock.exclusive(inside(churn), wait_seconds=0):
            pid = children.start(lambda: self.interrupted(churn, fitted))
            time.sleep(1.0)
            os.kill(pid, signal.SIGINT)
            begun = time.monotonic()
            assert children.wait(pid) == 0
        assert time.monotonic() - begun < 5

    def interrupted(self, churn: Store, fitted: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with pytest.raises(KeyboardInterrupt):
            Store.open(churn.path, wait_seconds=60).register(fitted, "churn", code=None)
