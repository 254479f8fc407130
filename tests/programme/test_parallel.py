"""Many writers of one repository: acknowledged = commits = tags = registry, also beside git."""

from __future__ import annotations

import random
import time

from gitmodelstore import Store
from tests.programme import sample
from tests.store import children
from tests.store.writers import assert_whole, inside, together


class TestWritersAlone:
    @sample(processes=(8, 16), times=(6, 20))
    def test_all_are_kept(self, any_store, git, fitted, tell, processes, times):
        acknowledged = together(any_store, fitted, processes=processes, times=times)

        tell(acknowledged=len(acknowledged), lost=processes * times - len(acknowledged))
        assert len(acknowledged) == processes * times
        assert_whole(any_store, git, acknowledged)
        assert Store.open(any_store.path).verify().is_sound


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

    @sample(processes=(2, 8), times=(15, 20))
    def test_all_are_kept(self, any_store, git, fitted, tell, seed, processes, times):
        first = str(any_store.register(fitted, "churn", code=None).version)
        with children.acknowledging() as said:
            others = [
                children.start(lambda: self.keep_house(any_store, git, seed, said)),
                children.start(lambda: self.read(any_store, said)),
            ]
            try:
                acknowledged = together(any_store, fitted, processes=processes, times=times)
            finally:
                (inside(any_store) / "done").write_text("")
                statuses = [children.wait(pid) for pid in others]
            heard = said.heard()
        (inside(any_store) / "done").unlink()
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
        assert_whole(any_store, git, [first, *acknowledged])
