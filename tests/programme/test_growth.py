"""What is asked of a store costs no more than its size: counts in stores of three sizes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import counts
from gitmodelstore.checks.history import clock_behind
from gitmodelstore.operations.history import History
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.names import Version
from gitmodelstore.values.registry import EMPTY

# Each size is twice the one before it. Of what is linear, the second step up adds twice as much as
# the first; of what is quadratic, four times as much. A constant share is in neither. The index is
# read by pages of 4 KiB, and from 500 manifests on by two blocks: ten pages more.
SIZES = (150, 300, 600)
MOST = 2.6
SLACK = {"opcodes": 2000, "calls": 500, "reads": 10, "read": 60_000, "written": 2000}
QUESTIONS = tuple(name for name in counts.COMMANDS if name not in ("--version", "usage error"))


# Trees and commits that are remembered, some thousands of them, are part of it. Without them ten
# thousand versions take less than 80 MB, and a command no more than 150 MB with its libraries.
MOST_BYTES_A_VERSION = 12_000
PEAK = """\
import atexit, sys, tracemalloc  # where somebody imports atexit, gms ends as other programs do
out, *words = sys.argv[1:]
sys.argv[1:] = words
tracemalloc.start()
try:
    if words[-1] == "frame":
        from gitmodelstore import Store
        Store.open(words[1]).frame()
    else:
        from gitmodelstore.cli import main
        main.run()
finally:
    with open(out, "w") as file:
        print(tracemalloc.get_traced_memory()[1], file=file)
"""
THRIFTY = (
    "audit wine --force",
    "frame",
    "list wine",
    "list wine --json",
    "verify --all",
    "verify --all --json",
    "validate",
    "doctor",
)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A store of each size."""
    folders = [(size, tmp_path_factory.mktemp(f"versions{size}")) for size in SIZES]
    return [counts.small_store(folder, size) for size, folder in folders]


@pytest.fixture(scope="module")
def counted(stores: list[Path]) -> list[dict[str, counts.Counts]]:
    """What each command does in a store of each size."""
    return [counts.measured(store, QUESTIONS) for store in stores]


@pytest.mark.long
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_command_grows_no_faster_than_its_store(
    counted: list[dict[str, counts.Counts]], name: str
) -> None:
    few, more, many = (one[name] for one in counted)

    grown = {
        kind: (few[kind], more[kind], many[kind])
        for kind, slack in SLACK.items()
        if many[kind] - more[kind] > MOST * max(more[kind] - few[kind], 0) + slack
    }

    assert not grown, f"{name} in stores of {SIZES} versions: {grown}"
    programs = [len(one["programs"]) for one in (few, more, many)]
    assert programs[0] == programs[2], f"{name} starts {programs} programs"


@pytest.mark.long
@pytest.mark.parametrize("command", THRIFTY)
def test_a_command_has_little_of_each_version_in_memory(
    stores: list[Path], tmp_path: Path, command: str
) -> None:
    peaks = [peak_bytes(store, command.split(), tmp_path) for store in stores[1:]]

    each = (peaks[1] - peaks[0]) / (SIZES[2] - SIZES[1])
    assert each < MOST_BYTES_A_VERSION, f"{command}: {each:,.0f} bytes a version, {peaks}"


def peak_bytes(store: Path, words: list[str], folder: Path) -> int:
    """Return the most memory that Python has in use while a command runs."""
    out = folder / "peak"
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(out), "-C", str(store), *words],
        cwd=folder,
        env=os.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return int(out.read_text())


def commit(ref: str, data: bytes, *, merged: str = "") -> bytes:
    """Return a commit for `git fast-import`, with a registry.json, upon the last of its branch."""
    text = b"commit refs/heads/%b\ncommitter A <a@example.org> 1000000000 +0000\ndata 2\nx\n"
    side = f"merge refs/heads/{merged}\n" if merged else ""
    registry = b"M 100644 inline registry.json\ndata %d\n%b\n" % (len(data), data)
    return text % ref.encode() + side.encode() + registry


def merge_of(versions: int) -> list[bytes]:
    """Return a history in which a merge by hand brings so many versions at once."""
    states = [EMPTY]
    for number in range(versions):
        states.append(states[-1].with_status("a", Version(1, number, 0), "registered"))
    start = commit("main", states[0].render())
    side = [commit("side", state.render()) for state in states[1:]]
    fork = b"reset refs/heads/side\nfrom refs/heads/main\n\n"
    return [start, fork, *side, commit("main", states[-1].render(), merged="side")]


def late_start(commits: int) -> list[bytes]:
    """Return a history that begins with so many commits before the first version."""
    first = EMPTY.with_status("a", Version(1, 0, 0), "registered")
    return [*[commit("main", EMPTY.render())] * commits, commit("main", first.render())]


@pytest.mark.parametrize("history", [merge_of, late_start])
def test_what_is_odd_grows_no_faster_than_the_history(
    tmp_path: Path, history: Callable[[int], list[bytes]]
) -> None:
    sizes = (10, 100, 200, 400)  # of which the first imports what all use
    _, few, more, many = (calls(tmp_path / str(size), history(size)) for size in sizes)

    assert many - more < MOST * (more - few) + SLACK["calls"], (few, more, many)


def calls(folder: Path, stream: list[bytes]) -> int:
    """Return how many functions are called while a store tells all events, and their dates."""
    for command in (["init", "-q", "--bare", "-b", "main", folder], ["-C", folder, "fast-import"]):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["git", *command], input=b"".join(stream), check=True, **quiet)  # type: ignore[call-overload]
    repository = Repository.open(folder)
    counted = 0

    def count(*_: object) -> None:
        nonlocal counted
        counted += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        tip = repository.commit(repository.head("refs/heads/main") or "")
        for known in repository.first_parents(tip.oid):
            clock_behind(repository, known)
        events = list(History(repository, tip).events())
    finally:
        sys.setprofile(before)
    assert events
    return counted
