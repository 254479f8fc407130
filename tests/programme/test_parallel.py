"""Many writers of one repository: acknowledged = commits = tags = registry, also beside git."""

from __future__ import annotations

import random
import time

import pytest

from gitmodelstore import Store
from tests.store import children
from tests.store.writers import assert_whole, inside, together


class TestWritersAlone:
    def all_are_kept(self, store, git, fitted, tell, *, processes: int, times: int) -> None:
        acknowledged = together(store, fitted, processes=processes, times=times)

        tell(acknowledged=len(acknowledged), lost=processes * times - len(acknowledged))
        assert len(acknowledged) == processes * times
        assert_whole(store, git, acknowledged)
        assert Store.open(store.path).verify().is_sound

    def test_eight_register_twelve_times_each(self, any_store, git, fitted, tell):
        self.all_are_kept(any_store, git, fitted, tell, processes=8, times=12)

    @pytest.mark.long
    def test_sixteen_register_forty_times_each(self, any_store, git, fitted, tell):
        self.all_are_kept(any_store, git, fitted, tell, processes=16, times=40)


HOUSEKEEPING = (
    ("gc", "--quiet"),
    ("repack", "-a", "-q"),
    ("repack", "-a", "-d", "-q"),
    ("pack-refs", "--all", "--prune"),
    ("pack-refs", "--all"),
)


class TestBesideHousekeepingAndAReader:
    def keep_house(self, store, git, seed: int, said: children.Acknowledged) -> None:
        chance = random.Random(seed)  # noqa: S311 - no secret
        while not (inside(store) / "done").exists():
            git(store.path, *chance.choice(HOUSEKEEPING))
            said.say("kept house")
            time.sleep(chance.uniform(0, 0.05))

    def read(self, store, said: children.Acknowledged) -> None:
        """Verify every digest of the oldest, the newest and one more version, again and again."""
        reader = Store.open(store.path)
        seen = 0
        while not (inside(store) / "done").exists():
            held = reader.versions("churn")
            assert len(held) >= seen
            seen = len(held)
            for version in (held[0], held[-1], held[seen // 2]):
                assert reader.verify(version).versions[0].faults == ()
                assert reader.load(version) is not None
                said.say("read")
            assert len(list(reader.log("churn"))) >= seen

    def all_are_kept(
        self, store, git, fitted, tell, seed: int, *, processes: int, times: int
    ) -> None:
        first = str(store.register(fitted, "churn", code=None).version)
        with children.acknowledging() as said:
            others = [
                children.start(lambda: self.keep_house(store, git, seed, said)),
                children.start(lambda: self.read(store, said)),
            ]
            try:
                acknowledged = together(store, fitted, processes=processes, times=times)
            finally:
                (inside(store) / "done").write_text("")
                statuses = [children.wait(pid) for pid in others]
            heard = said.heard()
        (inside(store) / "done").unlink()
        tell(
            acknowledged=len(acknowledged),
            lost=processes * times - len(acknowledged),
            housekeeping=heard.count("kept house"),
            digests_read=heard.count("read"),
        )
        assert statuses == [0, 0], f"seed {seed}"
        assert heard.count("kept house") > 1
        assert heard.count("read") > 1
        assert len(acknowledged) == processes * times
        assert_whole(store, git, [first, *acknowledged])

    def test_two_register_thirty_times_each(self, any_store, git, fitted, tell, seed):
        self.all_are_kept(any_store, git, fitted, tell, seed, processes=2, times=30)

    @pytest.mark.long
    def test_eight_register_forty_times_each(self, any_store, git, fitted, tell, seed):
        self.all_are_kept(any_store, git, fitted, tell, seed, processes=8, times=40)
