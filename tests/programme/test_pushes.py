"""Writers in clones of their own who push to one shared store, through its gate.

With plain git: whoever comes second takes his version back, fetches and registers again.
"""

from __future__ import annotations

import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from gitmodelstore import Store
from tests.programme import sample
from tests.store import children
from tests.store.children import Acknowledged, acknowledging
from tests.store.writers import assert_whole

MOST_TRIES = 100


@pytest.fixture(autouse=True)
def with_hooks(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooks run here, as they do for users: pre-push in the clones, pre-receive in the store."""
    monkeypatch.delenv("GIT_CONFIG_COUNT")


@pytest.fixture
def shared(tmp_path: Path, fitted) -> Store:
    """A bare store with its gate, which holds churn 1.0.0."""
    store = Store.init(tmp_path / "shared.git", bare=True)
    store.register(fitted, "churn", code=None)
    return store


def pushing(clone: Store, tag: str) -> subprocess.Popen[bytes]:
    """Start the push of the branch and of a new tag."""
    refs = ("refs/heads/main", f"refs/tags/{tag}")
    return subprocess.Popen(
        ["git", "push", "--quiet", "--atomic", "origin", *refs],
        cwd=clone.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def follow(clone: Store, git) -> None:
    """Take back what the shared store does not have, and fetch what it has.

    Its tags first: of those that come in between the branch has the versions.
    """
    git(clone.path, "fetch", "--quiet", "--prune", "origin", "+refs/tags/*:refs/tags/*")
    git(clone.path, "fetch", "--quiet", "--no-tags", "origin", "main")
    git(clone.path, "reset", "--quiet", "--hard", "FETCH_HEAD")


class TestSeveralClones:
    def publish(self, clone: Store, pipeline, git, said: Acknowledged, times: int) -> None:
        """Register and push so many versions, and say each that the shared store has taken."""
        chance = random.Random(str(clone.path))  # noqa: S311 - no secret
        for _ in range(times):
            for tries in range(MOST_TRIES):
                version = clone.register(pipeline, "churn", code=None)
                push = pushing(clone, version.tag)
                why = push.communicate()[1].decode()
                if push.returncode == 0:
                    said.say(f"{version.version} {tries}")
                    break
                assert "error: failed to push" in why, why
                follow(clone, git)
                time.sleep(chance.uniform(0, 0.05) * min(tries + 1, 8))
            else:
                raise AssertionError("always somebody was first")

    @sample(clones=(3, 6), times=(2, 4))
    def test_all_arrive(self, shared, git, fitted, tmp_path, tell, clones, times):
        made = []
        for number in range(clones):
            made.append(Store.clone(str(shared.path), tmp_path / f"clone-{number}"))
            # By one author within one second, two would make the same commit: no race at all.
            git(made[-1].path, "config", "user.email", f"writer-{number}@example.org")
        with acknowledging() as said:
            pids = [
                children.start(lambda c=clone: self.publish(c, fitted, git, said, times))
                for clone in made
            ]
            assert [children.wait(pid) for pid in pids] == [0] * clones
            heard = [line.split() for line in said.heard()]

        tell(
            acknowledged=len(heard),
            lost=clones * times - len(heard),
            refused=sum(int(tries) for _, tries in heard),
        )
        assert len(heard) == clones * times
        assert_whole(shared, git, ["1.0.0", *(version for version, _ in heard)])
        assert Store.open(shared.path).validate() == ()


class TestAPushThatIsKilled:
    """The writer's machine stops in the middle; the next push just works."""

    def moments(self, chance: random.Random, rounds: int) -> list[float]:
        """Draw one moment from each part of the time from the start to twice a push's length.

        So that half of the pushes end before, whatever is drawn.
        """
        parts = [2 * (number + chance.random()) / rounds for number in range(rounds)]
        chance.shuffle(parts)
        return parts

    def whole(self, clone: Store, tag: str) -> float:
        """Push to the end, and return how many seconds it took."""
        begun = time.monotonic()
        push = pushing(clone, tag)
        why = push.communicate()[1].decode()
        assert push.returncode == 0, why
        return time.monotonic() - begun

    @sample(rounds=(6, 24))
    def test_nothing_is_lost(self, shared, git, fitted, tmp_path, tell, seed, rounds):
        chance = random.Random(seed)  # noqa: S311 - no secret
        clone = Store.clone(str(shared.path), tmp_path / "clone")
        counts = {"rounds": rounds, "acknowledged": 0, "lost": 0, "came_unsaid": 0, "cut_off": 0}
        known = ["1.0.0", "1.0.1"]
        length = self.whole(clone, clone.register(fitted, "churn", code=None).tag)
        for moment in self.moments(chance, rounds):
            version = clone.register(fitted, "churn", code=None)
            begun = time.monotonic()
            push = pushing(clone, version.tag)
            with suppress(subprocess.TimeoutExpired):
                push.communicate(timeout=moment * length)
            push.send_signal(signal.SIGKILL)
            push.communicate()
            assert push.returncode in (0, -signal.SIGKILL)
            acknowledged = push.returncode == 0
            took = time.monotonic() - begun
            settle(shared)
            arrived = version.tag in git(shared.path, "tag").split()
            counts["acknowledged"] += acknowledged
            counts["lost"] += acknowledged and not arrived
            counts["came_unsaid"] += arrived and not acknowledged
            counts["cut_off"] += not arrived

            again = self.whole(clone, version.tag)  # where it has arrived, there is nothing to do
            if acknowledged or not arrived:
                length = took if acknowledged else again  # the machine may be slower by now
            known.append(str(version.version))
            assert git(shared.path, "fsck", "--strict", "--no-dangling") == ""
        tell(**counts)
        assert counts["lost"] == 0
        assert counts["acknowledged"] >= rounds // 4
        assert rounds - counts["acknowledged"] >= rounds // 4
        assert_whole(shared, git, known)
        assert Store.open(shared.path).validate() == ()


def settle(shared: Store) -> None:
    """Wait until the receiving side, which outlives the killed one, has ended."""
    for process in Path("/proc").glob("[0-9]*"):
        while _receives(process, shared.path):
            time.sleep(0.005)


def _receives(process: Path, folder: Path) -> bool:
    try:
        command = (process / "cmdline").read_bytes().split(b"\0")
        state = (process / "stat").read_text().rpartition(") ")[2][0]
    except OSError:  # it has ended
        return False
    named = any(part.endswith(b"receive-pack") for part in command)
    return named and state != "Z" and str(folder).encode() in command
