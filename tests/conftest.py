"""One fixture isolates every test from the machine that it runs on."""

from __future__ import annotations

import gc
import os
import re
import shutil
import signal
import sys
import time
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import hypothesis
import pygit2
import pytest
from pygit2.enums import ConfigLevel

from tests.keys import desk, keys

__all__ = ["desk", "keys"]

# No example is timed: on a busy machine one takes longer than the 200 ms that are the default.
hypothesis.settings.register_profile("untimed", deadline=None, max_examples=50)
hypothesis.settings.load_profile("untimed")

NUMBERS = count()  # of folders
FAILED = pytest.StashKey[bool]()  # of a test that has

WITHOUT_HOOKS = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "core.hooksPath",
    "GIT_CONFIG_VALUE_0": "/dev/null",
}


@pytest.fixture(scope="session", autouse=True)
def between_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What fixtures of a module or a session see: never the machine's HOME, nor a test's."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        isolate(home, patch)
        yield home


@pytest.fixture
def tmp_path(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder of the test's own, as pytest's: but that searches ten thousand for a free number."""
    with numbered(request, tmp_path_factory, re.sub(r"\W", "_", request.node.name)[:30]) as folder:
        yield folder


@pytest.fixture(autouse=True)
def isolated(
    request: pytest.FixtureRequest,
    between_tests: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """A HOME of the test's own, as `isolate` says."""
    with numbered(request, tmp_path_factory, "home-of-test") as home:
        isolate(home, monkeypatch)
        yield home
        set_libgit2_home(between_tests)


@contextmanager
def numbered(
    request: pytest.FixtureRequest, factory: pytest.TempPathFactory, name: str
) -> Iterator[Path]:
    """Make a folder that stays after a failure alone: a run makes a million files."""
    folder = factory.getbasetemp() / f"{name}{next(NUMBERS)}"
    folder.mkdir(mode=0o700)
    yield folder
    if FAILED not in request.node.stash:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note which tests have failed."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


def isolate(home: Path, patch: pytest.MonkeyPatch) -> None:
    """Let `home` be HOME: no system configuration, a fixed identity; nothing inherited of git."""
    for name in list(os.environ):
        if name.startswith(("GIT_", "GITMODELSTORE", "GMS_", "XDG_")):
            patch.delenv(name)
    for name in ("COLUMNS", "LINES", "PAGER", "LESS", "EDITOR", "VISUAL"):
        patch.delenv(name, raising=False)
        os.unsetenv(name)  # readline, which pytest imports, sets COLUMNS past os.environ
    patch.setenv("HOME", str(home))
    set_libgit2_home(home)
    patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    patch.setenv("NO_COLOR", "1")
    # What is committed by hand in tests is mostly wrong on purpose; tests/gate tries the hooks.
    for name, value in WITHOUT_HOOKS.items():
        patch.setenv(name, value)
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ada Lovelace\n\temail = ada@example.org\n"
        "[init]\n\tdefaultBranch = trunk\n[advice]\n\tdetachedHead = false\n"
    )


def set_libgit2_home(home: Path) -> None:
    """Say which configuration libgit2 reads, which has read HOME once and for all."""
    for level, path in (("GLOBAL", str(home)), ("XDG", ""), ("SYSTEM", "")):
        pygit2.settings.search_path[ConfigLevel[level]] = path


SEED = "TESTS_SEED"  # of the sample; set it to draw the same one, or to run what another run left
SHARE = 10  # one in so many of a corpus is tried by default

ROWS = "COMPATIBILITY_ROWS"  # a folder: each run writes there what it ran with, and what came out
LONG = ("interop", "packages", "project", "programme", "demo")  # folders with what takes minutes


# Before numpy is imported, here and in what is started: on toy data, threads only wait for another.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")

MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of ours there
MOST_SECONDS = 900  # of a long test: a minute or two of CPU, on a machine that has more to do
PLENTY = 6 << 30  # of bytes: what the tests write, and as much for what they start
MANY = 1 << 20  # of files, of which memory holds so many and no more


def pytest_configure(config: pytest.Config) -> None:
    """Draw a seed for all workers, and let xdist keep our order, not begin with many tests."""
    os.environ.setdefault(SEED, str(time.time_ns() % 10**6))
    # Hundreds of processes import the package: none compiles it anew.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if has_room(MEMORY):  # a disk is slow to make files, and to remove them
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # of a background job
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def has_room(folder: Path) -> bool:
    """Say whether the tests may write into a folder, and it takes all that they write."""
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        return False
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize > PLENTY and room.f_favail > MANY


def pytest_report_header() -> str:
    return f"sample of the corpora: {SEED}={os.environ[SEED]}"


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write down what was run with which releases, where that is asked for."""
    if ROWS in os.environ and not hasattr(session.config, "workerinput"):
        from tests.interop.compatibility import write_row

        write_row(Path(os.environ[ROWS]), session, exitstatus)


def lot(case: str) -> int:
    """A number for a case of a corpus in this run: the same in each of its tests."""
    return zlib.crc32(f"{os.environ[SEED]}:{case}".encode())


def is_drawn(case: str) -> bool:
    """Say whether a case of a corpus is in this run's sample."""
    return lot(case) % SHARE == 0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try a sample of a corpus, and leave the rest of it to `-m long`.

    The rest is not even made where it is not asked for. A test that is named on the command line
    is run whatever the sample is.
    """
    mark = metafunc.definition.get_closest_marker("corpus")
    if mark is None or mark.args[0] not in metafunc.fixturenames:
        return
    argument, cases = mark.args
    names = {getattr(case, "name", case): case for case in cases}
    if not any("::" in place for place in metafunc.config.args):
        first = min(names, key=lot)  # so that there is one
        drawn = {name: case for name, case in names.items() if is_drawn(name) or name == first}
        rest = {name: pytest.param(names[name], marks=pytest.mark.long) for name in names}
        names = drawn if metafunc.config.option.markexpr == "not long" else rest | drawn
    metafunc.parametrize(argument, names.values(), ids=names)


def pytest_collection(session: pytest.Session) -> None:
    """Collect without looking for garbage: there is none among a hundred thousand new objects."""
    gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no worker is left alone at the end."""
    gc.freeze()
    gc.enable()
    for item in items:
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(MOST_SECONDS))
    items.sort(key=lambda item: [*LONG, item.path.parent.name].index(item.path.parent.name))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell the seeds and counts of tests/programme, whatever became of them."""
    told = {
        report.nodeid: [count for name, count in report.user_properties if name == "programme"]
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if getattr(report, "when", "") == "call"
    }
    for test, counts in told.items():
        if counts:
            terminalreporter.write_line(f"{test}: {', '.join(map(str, counts))}")
