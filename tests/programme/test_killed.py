"""kill -9 at random moments: what was acknowledged is there, and the next command just works."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from gitmodelstore import Store
from tests.programme import sample
from tests.store import children
from tests.store.children import Acknowledged, acknowledging
from tests.store.writers import inside

Write = Callable[[Store], str]  # returns the subject of the commit that it made
BETWEEN = ("1.0.0", "1.1.0")  # the two versions that production goes back and forth between
LONGEST_LIFE_SECONDS = 0.12  # of a writer: a dozen registrations; more where they take longer


def registering(*pipelines: object) -> Write:
    def write(store: Store) -> str:
        found = store.register(random.choice(pipelines), "churn", code=None)  # noqa: S311
        return f"register {found}"

    return write


def promote(store: Store) -> str:
    present = str(store.version("churn@production").version)
    other = BETWEEN[present == BETWEEN[0]]
    store.promote(f"churn@{other}", "production")
    return f"promote churn {other} to production"


def rollback(store: Store) -> str:
    back = next(e for e in store.rollback("churn", keep=True) if e.kind == "rolled-back")
    return f"roll back churn to {back.version}"


@pytest.fixture(params=["work tree", "bare"])
def churn(request: pytest.FixtureRequest, tmp_path: Path, fitted, refitted) -> Store:
    """A durable store in which churn 1.0.0 and 1.1.0 were in production one after the other."""
    store = Store.init(tmp_path / "store", bare=request.param == "bare")
    for pipeline, version in zip((fitted, refitted), BETWEEN, strict=True):
        store.register(pipeline, "churn", code=None)
        store.promote(f"churn@{version}", "production")
    return store


def life(place: Path, writes: list[Write], acknowledged: Acknowledged, seed: int) -> None:
    """Write until killed, and say of each write that it is done when it has returned."""
    random.seed(seed)
    store = Store.open(place)
    while True:
        for write in writes:
            acknowledged.say(write(store))


def longest_life(store: Store, writes: list[Write]) -> float:
    """Return how long a writer may live here: as long as some writes take."""
    begun = time.monotonic()
    for write in writes:
        write(store)
    return max(LONGEST_LIFE_SECONDS, 6 * (time.monotonic() - begun) / len(writes))


def kill(pid: int, *, with_children: bool) -> None:
    """Kill a process; with what it has started, as when a container or a machine stops."""
    os.kill(pid, signal.SIGSTOP)  # so that it starts no more
    started = Path(f"/proc/{pid}/task/{pid}/children")
    for child in map(int, started.read_text().split()) if with_children else ():
        os.kill(child, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)


def assert_whole(store: Store, git) -> None:
    """Registry, tags and files agree, and git finds nothing."""
    assert git(store.path, "fsck", "--strict", "--no-dangling") == ""
    if (store.path / ".git").exists():
        assert git(store.path, "status", "--porcelain", "--untracked-files=all") == ""
    versions = store.versions("churn")
    assert sorted(git(store.path, "tag").split()) == sorted(version.tag for version in versions)
    for version in versions[:3]:
        assert store.verify(version).is_sound


def has_scars(store: Store, git) -> bool:
    """Whether the dead writer has left something that the next one has to put right."""
    note = inside(store) / "gitmodelstore" / "pending.json"
    locks = [*inside(store).glob("*.lock"), *(inside(store) / "refs").rglob("*.lock")]
    tags = git(store.path, "tag").split()
    return bool(
        note.read_text().strip()
        or locks
        or len(tags) != len(store.versions("churn"))
        or (inside(store) != store.path and git(store.path, "status", "--porcelain"))
    )


KINDS = ["register", "promote", "rollback", "each in turn"]


@pytest.fixture
def writes(kind: str, fitted, refitted) -> list[Write]:
    """What the writer does until it is killed."""
    register = registering(fitted, refitted)
    kinds = [[register], [promote], [promote, rollback], [register, promote, rollback]]
    return kinds[KINDS.index(kind)]


@pytest.mark.corpus("kind", KINDS)
@sample(rounds=(8, 40))
def test_nothing_acknowledged_is_lost(churn, git, writes, tell, seed, rounds):
    """Kill a writer at random moments; look each time at what is there, and go on."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    longest = longest_life(churn, writes)
    counts = {"rounds": rounds, "acknowledged": 0, "lost": 0, "came_unsaid": 0, "scars": 0}
    for number in range(rounds):
        base = git(churn.path, "rev-parse", "main").strip()
        with acknowledging() as acknowledged:
            place, mark = churn.path, seed + number
            pid = children.start(lambda: life(place, writes, acknowledged, mark))  # noqa: B023
            time.sleep(chance.uniform(0.0, longest))
            kill(pid, with_children=chance.random() < 0.5)
            assert children.wait(pid) == -signal.SIGKILL
            said = acknowledged.heard()
        done = git(churn.path, "log", "--reverse", "--format=%s", f"{base}..main").splitlines()
        counts["acknowledged"] += len(said)
        counts["lost"] += (Counter(said) - Counter(done)).total()
        counts["came_unsaid"] += len(done) - len(said)
        assert done[: len(said)] == said, f"seed {seed}, round {number}"
        assert len(done) <= len(said) + 1  # the one under way may be there, or not

        again = Store.open(churn.path, wait_seconds=10)
        counts["scars"] += has_scars(again, git)
        subject = chance.choice(writes)(again)

        assert git(churn.path, "log", "-1", "--format=%s", "main").strip() == subject
        assert_whole(again, git)
    tell(**counts)
    assert counts["lost"] == 0
    assert counts["acknowledged"] > 0
    assert rounds < 50 or counts["scars"] + counts["came_unsaid"] > 0  # some moments struck
    assert Store.open(churn.path).verify().is_sound
