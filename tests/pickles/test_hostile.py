"""Hostile files are refused before they act: nothing fires, nothing crashes, nothing hangs."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import StoreError
from gitmodelstore.pickles.dry import walk
from gitmodelstore.pickles.load import Reader, load, load_file
from gitmodelstore.plumbing.large_files import Verdicts
from tests.conftest import SEED, is_drawn
from tests.hostile.families import MAKERS, Effect, Hostile, has_fired
from tests.zoo import DEPRECATED, specimens
from tests.zoo.specimen import dumped

pytestmark = pytest.mark.filterwarnings(DEPRECATED)

MOST_SECONDS = 20
MOST_BYTES = 4 << 30
ACCEPTED, REFUSED = 1, 0

OF_EACH_FAMILY = pytest.mark.parametrize("most", [1, pytest.param(4, marks=pytest.mark.long)])

Door = Callable[[Path], Any]


def outcome(door: Door, path: Path, place: Path) -> int:
    """Return what comes of a file at a door, in a process of its own: an exit or a signal."""
    child = os.fork()
    if child == 0:
        os.chdir(place)
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
        signal.alarm(MOST_SECONDS)
        warnings.simplefilter("ignore")  # of versions that a mutated file names
        status = ACCEPTED
        try:
            door(path)
        except StoreError:
            status = REFUSED
        except BaseException:  # told from a refusal by the test
            status = 2
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def corpus(place: Path, make: str, most: int | None = None) -> list[tuple[Hostile, Path]]:
    """Return what a maker makes, or some of each family, and the marker that each would make."""
    place.mkdir(exist_ok=True)
    marker = place / "marker"
    hostiles: list[tuple[Hostile, Path]] = []
    counts: Counter[str] = Counter()
    for hostile in MAKERS[make](Effect(marker)):
        counts[hostile.family] += 1
        if most is None or counts[hostile.family] <= most:
            hostiles.append((hostile, marker))
    return hostiles


def drawn(hostiles: list[tuple[Hostile, Path]]) -> list[tuple[Hostile, Path]]:
    """Return a share of them: the first, and those that the seed of this run draws."""
    return [one for one in hostiles if one == hostiles[0] or is_drawn(one[0].id)]


def assert_refused(door: Door, hostile: Hostile, marker: Path) -> None:
    shutil.rmtree(marker.parent)
    marker.parent.mkdir()
    path = hostile.place(marker.parent)

    assert outcome(door, path, marker.parent) == REFUSED, hostile.id
    assert not has_fired(marker), hostile.id


SOME_OR_ALL = pytest.mark.parametrize(
    "choose", [drawn, pytest.param(list, marks=pytest.mark.long)], ids=["some", "all"]
)


@SOME_OR_ALL
@pytest.mark.parametrize("make", MAKERS)
def test_the_door_refuses(make, choose, tmp_path):
    for hostile, marker in choose(corpus(tmp_path / "place", make)):
        assert_refused(load_file, hostile, marker)


def growth(use: Callable[[bytes], Any], data: bytes) -> int:
    """Return by how many bytes a process grows that is handed a file, refused or not.

    One that takes very much processor time is ended, and the answer is vast.
    """
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with contextlib.suppress(StoreError):
            use(data)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        os.write(sender, str((after - before) << 10).encode())
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return int(text) if text else 1 << 60


DOORS = pytest.mark.parametrize(
    "use", [lambda data: load(data, name="file"), walk], ids=["door", "dry"]
)


@SOME_OR_ALL
@DOORS
@pytest.mark.parametrize("make", ["bombs", "costs"])
def test_a_small_file_costs_little(make, use, choose, tmp_path):
    """Less than a megabyte: at most 256 MB, and no more time than opcodes take."""
    grown = {
        hostile.name: growth(use, hostile.data)
        for hostile, _ in choose(corpus(tmp_path / "place", make))
        if len(hostile.data) <= 1_000_100
    }
    assert {name: size for name, size in grown.items() if size > 256 << 20} == {}


@OF_EACH_FAMILY
@pytest.mark.parametrize("make", MAKERS)
def test_no_verdict_is_noted_of_it(make, most, tmp_path):
    verdicts = tmp_path / "verdicts"
    reader = Reader(verdicts=Verdicts(verdicts))
    for hostile, marker in corpus(tmp_path / "place", make, most):
        assert_refused(lambda path: load_file(path, reader), hostile, marker)

    assert not verdicts.exists()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    Store.init(tmp_path / "store")
    return Store.open(tmp_path / "store", durable=False, cache=False)


@OF_EACH_FAMILY
@pytest.mark.parametrize("make", MAKERS)
def test_registering_the_file_is_refused(make, most, store, tmp_path):
    def door(path: Path) -> None:
        store.register(path, "churn", code=None)

    for hostile, marker in corpus(tmp_path / "place", make, most):
        assert_refused(door, hostile, marker)

    assert store.models() == ()


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Change a file somewhere, as damage or a clumsy hand would."""
    held = bytearray(data)
    place = chance.randrange(len(held))
    kind = chance.randrange(5)
    if kind == 0:
        held[place] ^= 1 << chance.randrange(8)
    elif kind == 1:
        held[place] = chance.randrange(256)
    elif kind == 2:
        del held[place : place + chance.randrange(1, 20)]
    elif kind == 3:
        held[place:place] = chance.randbytes(chance.randrange(1, 20))
    else:
        other = chance.randrange(len(held))
        held[place : place + 40] = held[other : other + 40]
    return bytes(held)


@pytest.mark.parametrize("times", [50, pytest.param(1000, marks=pytest.mark.long)])
def test_mutations_of_honest_files_end_in_a_refusal_or_in_peace(times, tmp_path):
    """Without a crash or a hang."""
    seed = int(os.environ[SEED])
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311 - no secret
    zoo = [specimen for specimen in specimens() if not specimen.name.startswith("noted")]
    counts = {ACCEPTED: 0, REFUSED: 0}
    for _ in range(times // 10):
        data = dumped(chance.choice(zoo).fit())
        for _ in range(10):
            path = tmp_path / "mutated.joblib"
            path.write_bytes(mutated(data, chance))
            status = outcome(load_file, path, tmp_path)
            if status not in counts:
                path.rename(tmp_path / "guilty.joblib")
            assert status in counts, f"seed {seed}: {tmp_path / 'guilty.joblib'}"
            counts[status] += 1
    print(counts)
    assert counts[REFUSED] > 0
