"""A long random life of a store beside a plain dict: equal after each of 200 steps."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from gitmodelstore import Store
from gitmodelstore.errors import LifecycleError, RollbackError, VersionNotFound
from gitmodelstore.values.names import Version
from gitmodelstore.values.registry import Registry
from tests.programme import sample
from tests.store.looks import git

# Versions that were withdrawn are loaded too, which warns.
pytestmark = pytest.mark.filterwarnings("ignore::gitmodelstore.errors.WithdrawnWarning")

MODELS = ("churn", "fraud")
PRODUCTION, ARCHIVED, WITHDRAWN = "production", "archived", "withdrawn"
ALWAYS = ("register", "a_commit_of_something_else", "housekeeping", "another_process_takes_over")
HOUSEKEEPING = (("gc", "--quiet"), ("repack", "-adq"), ("pack-refs", "--all"), ("status",))
WITH_A_VERSION = ("promote", "retire", "rollback", "a_registry_edited_by_hand", "load")
Draw = Callable[[st.SearchStrategy[Any]], Any]
Told = tuple[str, str, str, str | None, str | None]  # kind, model, version, from, to


class Life(RuleBasedStateMachine):
    """A store, and what a dict says that it must hold.

    Attributes:
        statuses: model to version to status.
        made_of: (model, version) to the pipeline that was registered.
        held: model to who came to production, one after the other.
        told: every event, the last first.
    """

    places: ClassVar[Callable[[], Path]]
    pipelines: ClassVar[tuple[Any, ...]]
    rows: ClassVar[Any]
    counts: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.place = type(self).places()
        self.store = Store.init(self.place, durable=False)
        self.statuses: dict[str, dict[str, str]] = {}
        self.made_of: dict[tuple[str, str], int] = {}
        self.held: dict[str, list[str]] = {model: [] for model in MODELS}
        self.told: list[Told] = []

    # What happens

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        """One rule, since hypothesis leaves some out of each life, such as all that write."""
        step = data.draw(st.sampled_from(ALWAYS + (WITH_A_VERSION if self.statuses else ())))
        getattr(self, step)(data.draw)

    def register(self, draw: Draw) -> None:
        model, pipeline = draw(st.sampled_from(MODELS)), draw(st.integers(0, 1))
        known = self.statuses.setdefault(model, {})
        highest = max(map(Version.parse, known), default=None)
        if highest is None:
            expected = "1.0.0"
        else:
            same = self.made_of[model, str(highest)] == pipeline
            expected = str(highest.bump("patch" if same else "minor"))

        made = self.store.register(self.pipelines[pipeline], model, code=None)

        assert str(made.version) == expected
        self.made_of[model, expected] = pipeline
        self.happened({expected: "registered"}, model)

    def any_version(self, draw: Draw) -> tuple[str, str]:
        versions = [(m, v) for m in sorted(self.statuses) for v in sorted(self.statuses[m])]
        return draw(st.sampled_from(versions))

    def promote(self, draw: Draw) -> None:
        model, version = self.any_version(draw)
        status = draw(st.sampled_from(["staging", PRODUCTION]))
        word = self.word_for(model, version, status, draw)
        if word is None:
            return
        self.store.promote(f"{model}@{version}", status, **word)
        changes = {version: status}
        if status == PRODUCTION:
            changes |= {held: ARCHIVED for held in self.present(model) if held != version}
        self.happened(changes, model)

    def retire(self, draw: Draw) -> None:
        model, version = self.any_version(draw)
        status = draw(st.sampled_from([ARCHIVED, WITHDRAWN]))
        retire = self.store.archive if status == ARCHIVED else self.store.withdraw
        word = self.word_for(model, version, status, draw)
        if word is None:
            return
        retire(f"{model}@{version}", **word)
        self.happened({version: status}, model)

    def word_for(self, model: str, version: str, status: str, draw: Draw) -> dict | None:
        """What somebody must say of a move; None where it was tried without, and refused."""
        held = self.statuses[model][version]
        if held not in (PRODUCTION, WITHDRAWN) or held == status:
            return {}
        if draw(st.booleans()):
            return {"vacate": held == PRODUCTION, "reason": "it is meant"}
        needed = "which would then be empty" if held == PRODUCTION else "only with a reason"
        with pytest.raises(LifecycleError, match=needed):
            self.store.promote(f"{model}@{version}", status)
        self.counts["refused"] += 1
        return None

    def rollback(self, draw: Draw) -> None:
        model, keep = draw(st.sampled_from(sorted(self.statuses))), draw(st.booleans())
        present = self.present(model)
        before = (
            version
            for version in reversed(self.held[model])
            if version not in present and self.statuses[model][version] != WITHDRAWN
        )
        target = next(before, None)
        if target is None:
            with pytest.raises(RollbackError, match="no earlier production version"):
                self.store.rollback(model, keep=keep)
            self.counts["refused"] += 1
            return
        self.store.rollback(model, keep=keep)
        changes = {target: PRODUCTION, **dict.fromkeys(present, ARCHIVED if keep else WITHDRAWN)}
        self.happened(changes, model, rolled_back=target)

    def a_registry_edited_by_hand(self, draw: Draw) -> None:
        model, version = self.any_version(draw)
        path = self.place / "registry.json"
        registry = Registry.parse(path.read_bytes())
        edited = registry.with_status(model, Version.parse(version), "staging").render()
        if edited != path.read_bytes():
            path.write_bytes(edited)
            git(self.place, "commit", "--quiet", "--all", "--message", "by hand")
        self.happened({version: "staging"}, model)

    def a_commit_of_something_else(self, draw: Draw) -> None:
        text = draw(st.text("abc\n", max_size=9))
        (self.place / "README.md").write_text(f"{len(self.told)}{text}")
        git(self.place, "add", "README.md")
        git(self.place, "commit", "--quiet", "--allow-empty", "--message", "a word")

    def housekeeping(self, draw: Draw) -> None:
        git(self.place, *draw(st.sampled_from(HOUSEKEEPING)))

    def another_process_takes_over(self, _: Draw) -> None:
        self.store = Store.open(self.place, durable=False)

    def load(self, draw: Draw) -> None:
        model, version = self.any_version(draw)
        loaded = self.store.load(f"{model}@{version}")
        expected = self.pipelines[self.made_of[model, version]].predict(self.rows)
        assert (loaded.predict(self.rows) == expected).all()

    # What must be so

    @invariant()
    def it_holds_what_the_dict_holds(self) -> None:
        self.counts["steps"] += 1
        assert {summary.model for summary in self.store.models()} == set(self.statuses)
        for model, known in self.statuses.items():
            held = self.store.versions(model)
            assert {str(found.version): found.status for found in held} == known
            present = self.present(model)
            with suppress(VersionNotFound):
                assert [str(self.store.which(f"{model}@{PRODUCTION}").version.version)] == present
                present = []
            assert present == []

    @invariant()
    def its_log_tells_what_happened(self) -> None:
        assert [
            (event.kind, event.model, str(event.version), event.before, event.after)
            for event in self.store.log()
        ] == self.told

    @invariant()
    def the_work_tree_is_clean(self) -> None:
        assert git(self.place, "status", "--porcelain", "--untracked-files=all") == ""

    def teardown(self) -> None:
        assert git(self.place, "fsck", "--strict", "--no-dangling") == ""
        assert Store.open(self.place).verify().is_sound
        self.counts["lives"] += 1

    # The dict

    def present(self, model: str) -> list[str]:
        return [v for v, status in self.statuses[model].items() if status == PRODUCTION]

    def happened(self, changes: dict[str, str], model: str, rolled_back: str | None = None) -> None:
        """Note what a commit changed; within it the highest version is told first."""
        self.counts["writes"] += 1
        told: list[Told] = []
        known = self.statuses[model]
        for version in sorted(changes, key=Version.parse, reverse=True):
            before, after = known.get(version), changes[version]
            if before == after:
                continue
            kind = after if after in ("registered", ARCHIVED, WITHDRAWN) else "promoted"
            kind = "rolled-back" if version == rolled_back else kind
            told.append((kind, model, version, before, after))
            known[version] = after
            if after == PRODUCTION:
                self.held[model].append(version)
        self.told[:0] = told


@sample(lives=(1, 2), steps=(60, 300))
def test_so_many_lives(tmp_path, fitted, refitted, X_test, tell, seed, lives, steps):
    numbers = itertools.count()
    counts: Counter[str] = Counter()
    machine = type(
        "ThisLife",
        (Life,),
        {
            "places": staticmethod(lambda: tmp_path / f"life-{next(numbers)}"),
            "pipelines": (fitted, refitted),
            "rows": X_test,
            "counts": counts,
        },
    )
    run_state_machine_as_test(
        hypothesis.seed(seed)(machine),
        settings=settings(
            max_examples=lives,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # a life of two hundred steps is not made small in time
            suppress_health_check=list(HealthCheck),
        ),
    )
    tell(**counts)
    assert counts["lives"] >= lives
    assert counts["steps"] >= lives * steps / 2
    assert counts["writes"] >= lives * steps / 8
