"""Gates as the library meets them: judged before anything is written, and recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import GateNotPassed, InvalidInput, LifecycleError, StoreError

from .conftest import once
from .looks import commit_by_hand, git, look, refusal, registry_with

FORCED = {"force": True, "reason": "we must"}
FORCE = "gms promote churn@1.0.0 production --force --reason TEXT"


@pytest.fixture
@once
def tested(store, fitted, refitted, X_test, y_test) -> Store:
    """A store with churn 1.0.0, with a sample, and churn 1.1.0; the test data are the same."""
    for pipeline, auc in ((fitted, 0.83), (refitted, 0.82)):
        store.register(
            pipeline, "churn", X_test=X_test, y_test=y_test, metrics={"auc": auc}, code=None
        )
    return store


@pytest.fixture
def churn(tested, notes) -> Store:
    """The same, whose notes are taken."""
    return Store.open(tested.path, durable=False, notify=notes.append)


@pytest.fixture
def settings(store) -> Callable[[str], None]:
    """Commit settings, as somebody who sets the policy does."""

    def commit(text: str) -> None:
        commit_by_hand(store.path, "modelstore.toml", f'schema = "1.0"\n{text}\n')

    return commit


@pytest.fixture
def gate(settings) -> Callable[..., None]:
    """Set the gate of production."""
    return lambda text, more="": settings(f"{more}\n[gates.production]\n{text}")


def refused(store: Store, call: Callable[..., Any], *args: Any, **details: Any) -> GateNotPassed:
    """Call what a gate must refuse; the store is as it was."""
    before = look(store.path)
    with pytest.raises(GateNotPassed) as caught:
        call(*args, **details)
    assert look(store.path) == before
    return caught.value


def trailers(store: Store) -> list[str]:
    """The lines of the last commit's message below its subject."""
    return git(store.path, "log", "-1", "--format=%b").strip().split("\n")


class TestRefusal:
    def test_every_condition_is_printed_with_its_value_and_its_bound(self, churn, gate) -> None:
        gate(
            'from = ["staging"]\nmetrics = ["auc >= 0.9", "auc >= current", "f1 > 0.5"]\n'
            'require = ["data.test", "card.intended_use"]\nreplay = true'
        )

        error = refused(churn, churn.promote, "churn@1.0.0", "production")

        assert str(error).split("\n  ") == [
            "churn 1.0.0 does not pass the gate of production",
            "failed: comes from registered, must come from staging",
            "failed: auc is 0.83, must be >= 0.9",
            "passed: auc is 0.83, and no version is in production",
            "failed: f1 is not recorded, must be > 0.5",
            "passed: data.test is recorded",
            "failed: card.intended_use is missing, must be recorded",
            "passed: replay is identical",
        ]
        assert error.hint == f"run `gms promote churn@1.0.0 staging`, or override it: {FORCE}"
        assert (error.unmet, len(error.conditions)) == (4, 7)

    def test_what_meets_them_goes_through_in_silence(self, churn, gate, notes) -> None:
        gate('metrics = ["auc >= 0.83"]\nrequire = ["features", "target", "sample"]')

        churn.promote("churn@1.0.0", "production")

        assert churn.version("churn").version.minor == 0
        assert trailers(churn)[-1] == "To: production"
        assert notes == []

    def test_several_models_are_refused_together(self, churn, gate, fitted) -> None:
        churn.register(fitted, "fraud", metrics={"auc": 0.95}, code=None)
        churn.register(fitted, "upsell", metrics={"auc": 0.5}, code=None)
        gate('metrics = ["auc >= 0.9"]')
        refs = ["churn@1.0.0", "fraud@1.0.0", "upsell@1.0.0"]

        error = refused(churn, churn.promote, refs, "production")

        assert error.summary == "churn 1.0.0 and upsell 1.0.0 do not pass the gate of production"
        assert error.conditions == (
            "failed: churn 1.0.0: auc is 0.83, must be >= 0.9",
            "failed: upsell 1.0.0: auc is 0.5, must be >= 0.9",
        )
        assert churn.promote(refs, "production", force=True, reason="all of them")
        assert trailers(churn).count("Override: all of them") == 2

    def test_the_settings_of_the_branch_count_and_no_others(self, churn, gate) -> None:
        text = 'schema = "1.0"\n[gates.production]\nmetrics = ["auc > 1"]\n'
        (churn.path / "modelstore.toml").write_text(text)

        churn.promote("churn@1.0.0", "production")

        assert churn.version("churn").version.minor == 0

    def test_a_bare_store_judges_too(self, bare_store, fitted, tmp_path) -> None:
        bare_store.register(fitted, "churn", code=None)
        clone = tmp_path / "clone"
        git(tmp_path, "clone", "--quiet", str(bare_store.path), str(clone))
        commit_by_hand(
            clone, "modelstore.toml", 'schema = "1.0"\n[gates.production]\nrequire = ["data"]\n'
        )
        git(clone, "push", "--quiet", "origin", "main")

        with pytest.raises(GateNotPassed) as caught:
            Store.open(bare_store.path).promote("churn@1.0.0", "production")

        assert caught.value.conditions == ("failed: data is missing, must be recorded",)


class TestCurrent:
    def test_equal_test_data_are_compared(self, churn, gate) -> None:
        churn.promote("churn@1.0.0", "production")
        gate('metrics = ["auc >= current - 0.009"]')

        assert refused(churn, churn.promote, "churn@1.1.0", "production").conditions == (
            "failed: auc is 0.82, must be >= 0.821 (current - 0.009, churn 1.0.0 has 0.83)",
        )
        gate('metrics = ["auc >= current - 0.01"]')
        churn.promote("churn@1.1.0", "production")

    def test_other_rows_are_not_unless_the_holder_was_scored_on_them(
        self, churn, gate, fit, X_test, y_test
    ) -> None:
        churn.promote("churn@1.0.0", "production")
        gate('metrics = ["accuracy >= current - 0.2"]')
        rows = {"X_test": X_test[:30], "y_test": y_test[:30], "code": None}
        churn.register(fit(C=9.0), "churn", version="2.0.0", **rows)
        churn.register(fit(C=9.0), "churn", version="2.1.0", **rows, baseline=True)

        error = refused(churn, churn.promote, "churn@2.0.0", "production")
        churn.promote("churn@2.1.0", "production")

        assert error.conditions[0].endswith(
            ", must be >= current - 0.2, not comparable: churn 1.0.0 was tested on different data"
        )
        assert error.hint == (
            "register it again with baseline=True (`gms register --baseline`), which scores churn "
            "1.0.0 on the same rows, or override it: gms promote churn@2.0.0 production --force "
            "--reason TEXT"
        )

    def test_a_holder_whose_manifest_is_damaged_stops_the_comparison_alone(
        self, churn, gate
    ) -> None:
        churn.promote("churn@1.0.0", "production")
        git(churn.path, "tag", "-f", "-a", "-m", "moved", "churn@v1.0.0", "churn@v1.1.0^{}")
        gate('metrics = ["auc >= current"]')
        opened = Store.open(churn.path, durable=False)

        assert refused(opened, opened.promote, "churn@1.1.0", "production").conditions == (
            "failed: auc is 0.82, must be >= current, for a version whose manifest cannot be read",
        )
        gate('metrics = ["auc >= 0.5"]')
        opened.promote("churn@1.1.0", "production")


class TestReplay:
    DIFFERENT = "failed: replay is different, must be identical or within tolerance"

    def test_the_outcome_is_recorded_with_the_version(self, churn, gate, notes) -> None:
        churn.promote("churn@1.0.0", "production")
        gate("replay = true")

        assert [(str(e.version), e.replay) for e in churn.promote("churn@1.1.0", "production")] == [
            ("1.1.0", "identical"),
            ("1.0.0", None),
        ]
        assert [e.replay for e in churn.log("churn")][:2] == ["identical", None]
        assert trailers(churn)[5] == "Replay: identical"
        assert notes == []

    def test_answers_that_moved_a_little_are_told(self, churn, gate, moved, notes) -> None:
        gate("replay = true")
        moved(1e-8)

        churn.promote("churn@1.0.0", "production")

        assert trailers(churn)[-1] == "Replay: within tolerance"
        assert notes[0].startswith("churn 1.0.0 answers within tolerance: the largest difference")

    def test_other_answers_are_refused(self, churn, gate, moved) -> None:
        gate("replay = true")
        moved(0.5)

        error = refused(churn, churn.promote, "churn@1.0.0", "production")

        assert error.conditions == (self.DIFFERENT,)
        assert error.hint == (
            f"see how with `gms verify churn@1.0.0 --replay`, or override it: {FORCE}"
        )
        churn.promote("churn@1.0.0", "production", force=True, reason="known")
        assert trailers(churn)[-3:] == ["Replay: different", "Override: known", "Reason: known"]

    def test_without_a_sample_it_is_refused(self, churn, gate, fit) -> None:
        churn.register(fit(C=5.0), "churn", version="3.0.0", code=None)
        gate("replay = true")

        assert refused(churn, churn.promote, "churn@3.0.0", "production").conditions == (
            "failed: replay is not recorded, must be identical or within tolerance: it has no "
            "sample to replay",
        )

    def test_it_can_be_left_out_knowingly(self, churn, gate, moved) -> None:
        gate("replay = true")
        moved(0.5)

        error = refused(churn, churn.promote, "churn@1.0.0", "production", replay=False)
        churn.promote("churn@1.0.0", "production", replay=False, force=True, reason="no time")

        assert error.conditions == (
            "failed: replay is not recorded, must be identical or within tolerance",
        )
        assert trailers(churn)[-2:] == ["Override: no time", "Reason: no time"]

    def test_it_can_be_asked_for_where_no_gate_wants_it(self, churn, moved) -> None:
        churn.promote("churn@1.0.0", "staging", replay=True)
        assert trailers(churn)[-1] == "Replay: identical"
        moved(0.5)

        error = refused(churn, churn.promote, "churn@1.0.0", "production", replay=True)

        assert error.conditions == (self.DIFFERENT,)


class TestOverride:
    GATE = 'metrics = ["auc >= 0.9"]'

    def test_it_is_recorded_with_its_reason(self, churn, gate, notes) -> None:
        gate(self.GATE)

        (event,) = churn.promote("churn@1.0.0", "production", force=True, reason=" we\nmust ")

        assert (event.override, event.why) == ("we must", "we must")
        assert churn.log("churn")[0] == event
        assert trailers(churn) == [
            *("Event: promoted", "Model: churn", "Version: 1.0.0", "From: registered"),
            *("To: production", "Override: we must", "Reason: we must"),
        ]
        assert notes == ["overridden: churn 1.0.0: auc is 0.83, must be >= 0.9"]

    @pytest.mark.parametrize("reason", [None, "", " \n"])
    def test_it_needs_a_reason(self, churn, gate, reason) -> None:
        gate(self.GATE)
        before = look(churn.path)

        assert refusal(churn.promote, "churn@1.0.0", "production", force=True, reason=reason) == (
            InvalidInput,
            "an override needs a reason",
            "give one with --reason TEXT",
        )
        assert look(churn.path) == before

    def test_where_every_condition_is_met_none_is_recorded(self, churn, gate, notes) -> None:
        gate('metrics = ["auc >= 0.8"]')

        (event,) = churn.promote("churn@1.0.0", "production", force=True, reason="sure")

        assert (event.override, event.why) == (None, "sure")
        assert notes == ["every condition is met, so nothing was overridden"]

    def test_a_gate_may_allow_none(self, churn, gate) -> None:
        gate(f"{self.GATE}\noverride = false")

        plain = refused(churn, churn.promote, "churn@1.0.0", "production")
        forced = refused(churn, churn.promote, "churn@1.0.0", "production", **FORCED)

        assert plain.hint is None
        assert forced.conditions == (
            "failed: auc is 0.83, must be >= 0.9",
            "failed: the gate of production cannot be overridden",
        )
        assert (forced.hint, forced.unmet) == (None, 2)

    @pytest.mark.parametrize("value", ["false", "no", "Off", "0"])
    def test_the_repository_may_allow_none(self, churn, gate, value) -> None:
        gate(self.GATE)
        git(churn.path, "config", "modelstore.overrides", value)

        error = refused(churn, churn.promote, "churn@1.0.0", "production", **FORCED)

        assert error.conditions[1] == (
            "failed: this repository does not allow gates to be overridden "
            "(modelstore.overrides is false)"
        )
        assert error.hint is None

    def test_a_move_is_not_overridden(self, churn, gate) -> None:
        gate(self.GATE, '[lifecycle.moves]\nregistered = ["staging"]')

        error = refused(churn, churn.promote, "churn@1.0.0", "production", **FORCED)

        assert error.conditions[0] == (
            "failed: may not go from registered to production, only staging may follow registered"
        )
        assert error.hint == "run `gms promote churn@1.0.0 staging`"


class TestMoves:
    MOVES = '[lifecycle.moves]\nregistered = ["staging"]\nproduction = []\narchived = ["staging"]'

    def test_what_the_table_does_not_name_is_refused(self, churn, settings) -> None:
        settings(self.MOVES)
        before = look(churn.path)

        for call, status in ((churn.archive, "archived"), (churn.withdraw, "withdrawn")):
            with pytest.raises(LifecycleError) as caught:
                call("churn@1.0.0")
            assert type(caught.value) is LifecycleError
            assert str(caught.value) == (
                f"churn 1.0.0 may not go from registered to {status}, only staging may follow "
                "registered"
            )
            assert caught.value.hint == "run `gms promote churn@1.0.0 staging`"
        assert look(churn.path) == before

    def test_who_makes_room_and_who_comes_back_are_not_held_up(self, churn, settings) -> None:
        settings(self.MOVES)
        for ref in ("churn@1.0.0", "churn@1.1.0"):
            churn.promote(ref, "staging")
            churn.promote(ref, "production")
        assert churn.version("churn@1.0.0").status == "archived"

        churn.rollback("churn")

        assert str(churn.version("churn").version) == "1.0.0"
        assert churn.version("churn@1.1.0").status == "withdrawn"
        assert churn.validate() == ()


class TestSuccessor:
    def test_it_passes_the_gate_of_what_it_takes_over(self, churn, gate) -> None:
        churn.promote("churn@1.0.0", "production")
        gate('metrics = ["auc >= 0.9"]\nreplay = true')

        error = refused(churn, churn.archive, "churn@1.0.0", successor="1.1.0")

        assert error.summary == "churn 1.1.0 does not pass the gate of production"
        assert error.conditions == (
            "failed: auc is 0.82, must be >= 0.9",
            "passed: replay is identical",
        )
        assert error.hint == (
            "override it: gms promote churn@1.1.0 production --force --reason TEXT"
        )
        gate('metrics = ["auc >= 0.8"]\nreplay = true')
        assert churn.archive("churn@1.0.0", successor="1.1.0")[0].replay == "identical"


class TestReturn:
    """A version that held the status before returns without from, metrics and require."""

    GATE = 'from = ["staging"]\nmetrics = ["auc > 0.99"]\nrequire = ["card"]'

    @pytest.fixture
    def live(self, churn) -> Store:
        for ref in ("churn@1.0.0", "churn@1.1.0"):
            churn.promote(ref, "production")
        return churn

    def test_by_promotion_and_by_rollback(self, live, gate) -> None:
        gate(self.GATE)

        live.promote("churn@1.0.0", "production")
        live.rollback("churn")

        assert str(live.version("churn").version) == "1.1.0"
        assert live.validate() == ()

    def test_its_replay_is_recorded_without_any_gate(self, live) -> None:
        events = live.rollback("churn")

        assert {str(e.version): e.replay for e in events} == {"1.0.0": "identical", "1.1.0": None}

    def test_a_replay_that_the_gate_wants_is_still_wanted(self, churn, gate, fit, fitted) -> None:
        for pipeline in (fitted, fit(C=4.0)):
            version = churn.register(pipeline, "plain", code=None)
            churn.promote(version, "production")
        gate(f"{self.GATE}\nreplay = true")

        error = refused(churn, churn.rollback, "plain")
        churn.rollback("plain", replay=False, reason="no other way")

        assert error.conditions == (
            "failed: replay is not recorded, must be identical or within tolerance: it has no "
            "sample to replay",
        )
        assert error.hint.endswith(
            ", or override it: gms rollback plain --to 1.0.0 --no-replay --reason TEXT"
        )
        event = next(e for e in churn.log("plain") if str(e.version) == "1.0.0")
        assert (event.kind, event.override) == ("rolled-back", "no other way")
        assert churn.validate() == ()

    def test_a_gate_that_nobody_overrides_holds_a_rollback_too(self, live, gate) -> None:
        gate("replay = true\noverride = false")

        error = refused(live, live.rollback, "churn", replay=False, reason="no time")

        assert error.conditions[1] == "failed: the gate of production cannot be overridden"
        live.rollback("churn")

    def test_a_rollback_to_one_that_never_held_it_is_judged(self, live, gate, fit) -> None:
        live.register(fit(C=5.0), "churn", metrics={"auc": 0.5}, version="2.0.0", code=None)
        gate('metrics = ["auc > 0.6"]')

        error = refused(live, live.rollback, "churn", to="2.0.0")

        assert error.conditions == ("failed: auc is 0.5, must be > 0.6",)


class TestAgainByHand:
    """What the library lets through passes the judge of a server; what a hand writes need not."""

    GATE = 'from = ["staging"]\nmetrics = ["auc >= 0.8"]\nreplay = true'

    def by_hand(self, store: Store, message: str) -> list[str]:
        live = registry_with(store, v1_1_0="production")
        commit_by_hand(store.path, "registry.json", live, message)
        return [f"{fault.code} {fault.what}" for fault in store.validate()]

    def test_the_life_of_a_model_passes(self, churn, gate) -> None:
        gate(self.GATE)
        for ref in ("churn@1.0.0", "churn@1.1.0"):
            churn.promote(ref, "staging")
            churn.promote(ref, "production")
        churn.rollback("churn")
        churn.promote("churn@1.1.0", "staging", reason="the data were to blame")
        churn.promote("churn@1.1.0", "production", reason="better after all")

        assert churn.validate() == ()

    def test_an_edit_that_no_gate_let_through_does_not(self, churn, gate) -> None:
        gate(self.GATE)

        assert self.by_hand(churn, "Ship it") == [
            "GMS043 churn 1.1.0 to production: comes from registered, must come from staging",
            "GMS043 churn 1.1.0 to production: replay is not recorded, must be identical or "
            "within tolerance",
        ]

    def test_trailers_by_hand_are_as_good_as_ours(self, churn, gate) -> None:
        gate(self.GATE)
        message = (
            "Ship it\n\nEvent: promoted\nModel: churn\nVersion: 1.1.0\nFrom: registered\n"
            "To: production\nOverride: the review says so\n"
        )

        assert self.by_hand(churn, message) == []
        assert churn.log("churn")[0].override == "the review says so"

    def test_an_override_without_a_reason_is_a_fault_of_its_own(self, churn, gate) -> None:
        gate(self.GATE)
        message = "Ship it\n\nEvent: x\nModel: churn\nVersion: 1.1.0\nTo: production\nOverride:\n"

        assert [fault[:6] for fault in self.by_hand(churn, message)] == [
            "GMS043",
            "GMS043",
            "GMS045",
        ]

    def test_a_squash_keeps_what_was_recorded(self, churn, gate, fit, X_test, y_test) -> None:
        gate(self.GATE.replace("staging", "registered"))
        base = git(churn.path, "rev-parse", "HEAD").strip()
        churn.register(
            fit(C=5.0), "churn", X_test=X_test, y_test=y_test, metrics={"auc": 0.9}, code=None
        )
        churn.promote("churn@1.2.0", "production", reason="the best")
        messages = git(churn.path, "log", "--reverse", "--format=* %B", f"{base}..HEAD")

        git(churn.path, "reset", "--quiet", "--soft", base)
        git(churn.path, "commit", "--quiet", "-m", f"Squashed\n\n{messages}")
        git(churn.path, "tag", "-f", "churn@v1.2.0", "-a", "-m", "churn 1.2.0")

        assert Store.open(churn.path).validate() == ()


def test_a_policy_that_changed_meanwhile_counts(churn, gate, monkeypatch) -> None:
    """It is judged under the lock, with the settings of the commit that it is put on."""
    import gitmodelstore.operations.promote as lifecycle

    publish = lifecycle.publish

    def late(*args: Any) -> Any:
        gate("replay = true")
        return publish(*args)

    monkeypatch.setattr(lifecycle, "publish", late)

    churn.promote("churn@1.0.0", "production")

    assert trailers(churn)[-1] == "Replay: identical"


def test_errors_of_gates_are_errors_of_the_store() -> None:
    error = GateNotPassed("x", ["failed: y"], unmet=1)

    assert isinstance(error, LifecycleError)
    assert isinstance(error, StoreError)
    assert str(error) == "x\n  failed: y"
