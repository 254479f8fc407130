"""Writers in clones of their own who `push` to one shared store, through its gate."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import cast

import pytest
from joblib import dump

from gitmodelstore import Store
from gitmodelstore.errors import MergeConflict, RemoteUnreachable
from tests.programme import sample
from tests.programme.test_killed import kill
from tests.programme.test_pushes import settle, shared, with_hooks
from tests.store import children
from tests.store.children import Acknowledged, acknowledging, gms
from tests.store.hosts import PASSWORD, USER, serving
from tests.store.writers import assert_whole

__all__ = ["shared", "with_hooks"]


def clone(shared: Store, place: Path, name: str) -> Store:
    """Clone for a writer with a name: two who write the same at once would make one commit."""
    made = Store.clone(str(shared.path), place)
    config = ["git", "config", "user.email", f"{name}@example.org"]
    subprocess.run(config, cwd=made.path, check=True)
    return Store.open(made.path, durable=False)


MOST_TRIES = {3: 12, 8: 55}  # that a writer may need for one version, by the number of writers


class TestSeveralClones:
    @sample(writers=(3, 8), times=(2, 5))
    def test_all_arrive_beside_readers(
        self, shared, git, fitted, tmp_path, tell, monkeypatch, writers, times
    ):
        """Each writer types `gms register --push`; the first also puts its own into production."""
        monkeypatch.delenv("GIT_TRACE2_EVENT", raising=False)
        shared.promote("churn@1.0.0", "production")
        dump(fitted, tmp_path / "churn.joblib")
        made = [clone(shared, tmp_path / f"clone-{n}", f"writer-{n}") for n in range(writers)]
        reader = clone(shared, tmp_path / "reader", "reader")

        def write(number: int, said: Acknowledged) -> None:
            own, trace = made[number].path, tmp_path / f"trace-{number}"
            for _ in range(times):
                before = pushes(trace)
                version = typed("register", "churn", str(tmp_path / "churn.joblib"), "--no-code",
                                cwd=own, trace=trace)["version"]  # fmt: skip
                said.say(f"{number} {version} {pushes(trace) - before}")
                if number == 0:
                    typed("promote", f"churn@{version}", "production", cwd=own, trace=trace)

        def read(store: Store, follows: bool) -> None:
            with (tmp_path / "loads").open("ab", buffering=0) as loads:
                while True:
                    if follows:
                        store.pull()
                    store.load("churn@production")
                    loads.write(b".")
                    time.sleep(0.05)

        with acknowledging() as said:
            readers = (reader, True), (Store.open(shared.path), False)
            reading = [children.start(lambda r=one: read(*r)) for one in readers]
            pids = [children.start(lambda n=n: write(n, said)) for n in range(writers)]
            assert [children.wait(pid) for pid in pids] == [0] * writers
            for pid in reading:
                kill(pid, with_children=True)
            assert [children.wait(pid) for pid in reading] == [-signal.SIGKILL] * 2
            heard = [line.split() for line in said.heard()]
            loads = (tmp_path / "loads").stat().st_size

        numbers = [version for _, version, _ in heard]
        tries = {n: [int(t) for who, _, t in heard if int(who) == n] for n in range(writers)}
        total = sum(map(sum, tries.values()))
        tell(
            acknowledged=len(numbers),
            lost=writers * times - len(set(numbers)),
            loads=loads,
            **{f"tries of writer {n}": sum(some) for n, some in tries.items()},
            most=max(map(max, tries.values())),
        )
        assert len(set(numbers)) == writers * times
        assert {len(some) for some in tries.values()} == {times}
        assert max(map(max, tries.values())) <= MOST_TRIES[writers]
        # Nobody's turn comes much later than that of the others.
        assert all(sum(some) <= 3 * total / writers for some in tries.values()) or writers < 8
        assert loads > 0
        assert_whole(shared, git, ["1.0.0", *numbers])
        assert Store.open(shared.path).validate() == ()
        for store in (*made, reader):
            store.pull()
            assert_whole(store, git, ["1.0.0", *numbers])
            assert store.verify().is_sound


def typed(*args: str, cwd: Path, trace: Path) -> dict[str, str]:
    """Type a command with --push, which must be acknowledged, and return what it says."""
    done = gms(*args, "--push", "--json", cwd=cwd, environment={"GIT_TRACE2_EVENT": str(trace)})
    assert done.returncode == 0, done.stderr
    return cast(dict[str, str], json.loads(done.stdout))


def pushes(trace: Path) -> int:
    """Return how many pushes git has told of."""
    lines = trace.read_text().splitlines() if trace.exists() else []
    return sum('"cmd_name"' in line and '"name":"push"' in line for line in lines)


class TestKilled:
    """The writer's machine stops while others are first; the next command just works."""

    @sample(rounds=(3, 20))
    def test_nothing_acknowledged_is_lost(self, shared, git, fitted, tmp_path, tell, seed, rounds):
        chance = random.Random(seed)  # noqa: S311 - no secret
        ann, ben = (clone(shared, tmp_path / name, name) for name in ("ann", "ben"))
        counts = {"rounds": rounds, "acknowledged": 0, "lost": 0}

        def work(said: Acknowledged) -> None:
            while True:
                version = ben.register(fitted, "churn", code=None)
                said.say(f"here {version}")
                ben.annotate(version, {"auc": 0.5})
                ben.push()
                said.say("pushed")

        for number in range(rounds):
            ann.register(fitted, "churn", code=None, push=True)
            before = {str(one) for one in ben.versions("churn")}
            with acknowledging() as said:
                pid = children.start(lambda: work(said))
                time.sleep(chance.uniform(0.0, 1.0))
                kill(pid, with_children=chance.random() < 0.5)
                assert children.wait(pid) == -signal.SIGKILL
                heard = said.heard()
            settle(shared)
            ben = Store.open(ben.path, durable=False, wait_seconds=10)
            ben.push()  # the next command puts right what the dead one left
            git(ben.path, "fetch", "--quiet")  # tags of others come last: it may have died before

            registered = [line for line in heard if line.startswith("here ")]
            made = {str(one) for one in ben.versions("churn")} - before
            # Each is there, by its number or the one that it got when Ann was first.
            own = [one for one in ben.log("churn") if one.kind == "registered"]
            mine = [one for one in own if "ben@" in one.who and f"churn {one.version}" in made]
            counts["acknowledged"] += len(registered)
            counts["lost"] += max(0, len(registered) - len(mine))
            assert len(mine) >= len(registered), f"seed {seed}, round {number}"
            assert_whole(ben, git)
            assert_whole(shared, git)
        tell(**counts)
        assert counts["acknowledged"] > 0
        assert counts["lost"] == 0
        ann.pull()
        assert {str(one) for one in ann.versions("churn")} == {
            str(one) for one in ben.versions("churn")
        }
        assert not [*ben.validate(), *ann.validate()]

    @sample(rounds=(2, 10))
    def test_the_server_ends_in_the_middle(
        self, shared, git, fitted, tmp_path, isolated, tell, seed, rounds
    ):
        chance = random.Random(seed)  # noqa: S311 - no secret
        git(shared.path, "config", "http.receivepack", "true")
        helper = isolated / "helper"
        helper.write_text(f"#!/bin/sh\necho username={USER}\necho password={PASSWORD}\n")
        helper.chmod(0o755)
        ann = clone(shared, tmp_path / "ann", "ann")
        git(ann.path, "config", "--global", "credential.helper", str(helper))
        ben = clone(shared, tmp_path / "ben", "ben")
        ended = 0
        for _ in range(rounds):
            ann.register(fitted, "churn", code=None)
            ben.register(fitted, "churn", code=None, push=True)  # so that Ann fetches first
            with serving(tmp_path) as host:
                git(ann.path, "remote", "set-url", "origin", f"{host.url}/shared.git")
                killing = subprocess.Popen(
                    ["sh", "-c", f"sleep {chance.uniform(0, 0.6):.3f}; kill -9 {host.process.pid}"]
                )
                try:
                    ann.push()
                except RemoteUnreachable:
                    ended += 1
                finally:
                    killing.wait()
            settle(shared)
            assert_whole(ann, git)
            git(ann.path, "remote", "set-url", "origin", str(shared.path))
            ann.push()
            assert_whole(shared, git)
            ben.pull()
        tell(rounds=rounds, ended=ended)
        assert git(ann.path, "rev-parse", "main") == git(shared.path, "rev-parse", "main")


@pytest.mark.long
def test_two_teams_two_remotes(shared, git, fitted, tmp_path):
    """Each team has its remote, and Ann both: what one has published is not written again."""
    other = tmp_path / "other.git"
    git(tmp_path, "init", "--quiet", "--bare", "-b", "main", str(other))
    ann = clone(shared, tmp_path / "ann", "ann")
    ann.add_remote("other", str(other))
    ann.push("other")
    ben = clone(Store.open(other), tmp_path / "ben", "ben")
    for number in range(3):
        ben.register(fitted, "churn", code=None, push=True)
        ann.register(fitted, f"spam-{number}", code=None, push=True)
        before = git(ann.path, "rev-parse", "main")

        with pytest.raises(MergeConflict, match="other have diverged") as caught:
            ann.pull("other")

        assert git(ann.path, "rev-parse", "main") == before
        assert "git merge other/main" in (caught.value.hint or "")
        git(ann.path, "merge", "--quiet", "--no-edit", "other/main")
        assert ann.push("other").renumbered == ann.push().renumbered == {}
        assert ben.pull().received > 0

    for place in (ann.path, ben.path, shared.path, other):
        assert git(place, "rev-parse", "main") == git(ann.path, "rev-parse", "main")
        assert_whole(Store.open(place), git)
        assert Store.open(place).validate() == ()


@pytest.mark.long
def test_two_teams_that_took_the_same_number(shared, git, fitted, tmp_path):
    """Nothing but another number helps, and only who says so gives one."""
    other = tmp_path / "other.git"
    git(tmp_path, "init", "--quiet", "--bare", "-b", "main", str(other))
    ann = clone(shared, tmp_path / "ann", "ann")
    ann.add_remote("other", str(other))
    ann.push("other")
    ben = clone(Store.open(other), tmp_path / "ben", "ben")
    ben.register(fitted, "churn", message="of ben", code=None, push=True)
    ann.register(fitted, "churn", message="of ann", code=None, push=True)
    with pytest.raises(MergeConflict):
        ann.pull("other")

    assert dict(ann.pull("other", renumber=True).renumbered) == {"churn 1.0.1": "churn 1.0.2"}

    assert ann.push("other").sent > 0
    assert [ann.show(f"churn@1.0.{n}").message for n in (1, 2)] == ["of ben", "of ann"]
    assert_whole(ann, git)
