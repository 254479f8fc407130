"""Asking: versions, models, show, log, which and load, now and as of a date."""

from __future__ import annotations

import gc
import re
from datetime import date, datetime, timedelta, timezone

import pytest

import gitmodelstore as gms
from gitmodelstore import Store
from gitmodelstore.errors import (
    InvalidReference,
    LifecycleError,
    ModelNotFound,
    StoreError,
    VersionNotFound,
    WithdrawnWarning,
)
from gitmodelstore.operations import load as load_module
from gitmodelstore.values.names import Version

from .conftest import once
from .looks import commit_by_hand, git, refusal

UTC = timezone.utc
DAY = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Clock:
    """The time that commits bear; it stands still until it is set."""

    def __init__(self) -> None:
        self.now = DAY

    def day(self, number: int) -> None:
        """Noon of that day of June 2026."""
        self.now = DAY + timedelta(days=number - 1)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
@once
def story(store, clock, fitted, refitted):
    """A June: 1.0.0 live on the 2nd, 1.1.0 on the 4th, bad and rolled back on the 6th.

    On the 8th comes 1.2.0-rc.1, on the 10th fraud 1.0.0.
    """
    store = Store.open(store.path, durable=False, now=lambda: clock.now)
    clock.day(1)
    store.register(fitted, "churn", code=None)
    clock.day(2)
    store.promote("churn@1.0.0", "production", reason="first")
    clock.day(3)
    store.register(refitted, "churn", code=None)
    clock.day(4)
    store.promote("churn@1.1.0", "production", reason="better")
    clock.day(6)
    store.rollback("churn", reason="drift")
    clock.day(8)
    store.register(fitted, "churn", version="1.2.0-rc.1", code=None)
    clock.day(10)
    store.register(fitted, "fraud", code=None)
    return store


class TestLists:
    def test_versions_come_highest_first_with_their_status(self, story):
        assert [(str(v.version), v.status) for v in story.versions("churn")] == [
            ("1.2.0-rc.1", "registered"),
            ("1.1.0", "withdrawn"),
            ("1.0.0", "production"),
        ]

    def test_a_version_knows_the_commit_that_introduced_it(self, story):
        for version in story.versions("churn"):
            assert version.commit == git(story.path, "rev-parse", f"{version.tag}^{{}}").strip()

    def test_models_come_by_name_with_what_is_live(self, story):
        churn, fraud = story.models()

        assert (churn.model, churn.versions, str(churn.highest)) == ("churn", 3, "1.2.0-rc.1")
        assert churn.holders == {"staging": (), "production": (Version(1, 0, 0),)}
        assert (fraud.model, fraud.versions) == ("fraud", 1)

    def test_an_empty_store_says_what_to_type(self, store):
        assert store.models() == ()
        assert list(store.log()) == []
        assert refusal(store.version, "churn") == (
            ModelNotFound,
            "no model 'churn': the store is empty",
            "run `gms register churn pipeline.joblib`",
        )

    def test_the_work_tree_and_head_do_not_matter(self, story):
        (story.path / "registry.json").write_text("nonsense")
        git(story.path, "checkout", "--quiet", "--force", "churn@v1.0.0")

        assert len(story.versions("churn")) == 3


class TestLog:
    def test_it_tells_every_event_newest_first(self, story):
        assert [(e.when.day, e.kind, f"{e.model} {e.version}", e.why) for e in story.log()] == [
            (10, "registered", "fraud 1.0.0", None),
            (8, "registered", "churn 1.2.0-rc.1", None),
            (6, "withdrawn", "churn 1.1.0", "drift"),
            (6, "rolled-back", "churn 1.0.0", "drift"),
            (4, "promoted", "churn 1.1.0", "better"),
            (4, "archived", "churn 1.0.0", "better"),
            (3, "registered", "churn 1.1.0", None),
            (2, "promoted", "churn 1.0.0", "first"),
            (1, "registered", "churn 1.0.0", None),
        ]

    def test_a_model_has_a_log_of_its_own(self, story):
        assert {event.model for event in story.log("churn")} == {"churn"}
        assert [event.kind for event in story.log("fraud")] == ["registered"]

    def test_an_unknown_model_is_refused_at_once(self, story):
        assert refusal(story.log, "frod") == (
            ModelNotFound,
            "no model 'frod'",
            "did you mean 'fraud'?",
        )

    def test_commits_that_change_no_status_are_no_events(self, story):
        count = len(list(story.log()))

        commit_by_hand(story.path, "README.md", "# ours\n")

        assert len(list(story.log())) == count


class TestReferences:
    @pytest.mark.parametrize(
        ("ref", "expected"),
        [
            ("churn", "1.0.0"),
            ("churn@1.1.0", "1.1.0"),
            ("churn@v1.1.0", "1.1.0"),
            ("churn@production", "1.0.0"),
            ("churn@latest", "1.0.0"),
            ("churn@^1.0", "1.0.0"),
            ("churn@~1.0", "1.0.0"),
            ("churn@^1.2.0-rc.0", "1.2.0-rc.1"),
            ("churn@production@{2026-06-04}", "1.1.0"),
            ("churn@{2026-06-05}", "1.1.0"),
            ("churn@production@{2026-06-04T11:59}", "1.0.0"),
            ("churn@production~1@{2026-06-05}", "1.0.0"),
            ("churn@latest@{2026-06-05}", "1.1.0"),
            ("churn@^1.0@{2026-06-05}", "1.1.0"),
            ("churn#production", "1.0.0"),
            ("models:/churn/1.1.0", "1.1.0"),
            ("churn:latest", "1.0.0"),
        ],
    )
    def test_each_spelling_finds_its_version(self, story, ref, expected):
        assert str(story.version(ref).version) == expected

    def test_a_commit_is_the_version_that_it_introduced(self, story):
        oid = story.version("churn@1.1.0").commit

        assert story.version(oid).ref == story.version(oid[:8]).ref == "churn@1.1.0"

    def test_a_commit_that_introduced_nothing_says_so(self, story):
        oid = story.which("churn").commit

        assert refusal(story.version, oid) == (
            VersionNotFound,
            f"commit {oid[:12]} introduced no version",
            f"see it with `git show {oid[:12]}`",
        )

    def test_a_model_version_is_taken_wherever_a_reference_is(self, story):
        version = story.version("churn@1.0.0")

        assert story.version(version) == version
        assert story.show(version).version == version.version
        assert story.which(version).version == version
        assert gms.version_of(story.load(version)) == version

    def test_latest_is_a_pre_release_only_when_there_is_no_other(self, story, fitted):
        story.register(fitted, "spam", version="1.0.0-rc.1", code=None)
        story.register(fitted, "spam", version="1.0.0-rc.2", code=None)

        assert str(story.version("spam@latest").version) == "1.0.0-rc.2"
        assert str(story.version("spam@latest~1").version) == "1.0.0-rc.1"

    def test_holders_are_counted_back_and_withdrawn_ones_left_out(self, store, fitted):
        for number in ("1.0.0", "1.1.0", "1.2.0", "1.3.0"):
            store.promote(store.register(fitted, "m", version=number, code=None), "production")
        store.withdraw("m@1.2.0")

        back = [str(store.version(f"m@production~{n}").version) for n in range(3)]

        assert back == ["1.3.0", "1.1.0", "1.0.0"]

    THERE_IS = "there is 1.2.0-rc.1 (registered), 1.1.0 (withdrawn), 1.0.0 (production)"
    WELL_NAMED = (
        "use lower-case letters, digits, - and _, at most 63, ending in a letter or digit, such as "
        "'churn'"
    )

    @pytest.mark.parametrize(
        ("ref", "kind", "message", "hint"),
        [
            ("chrun", ModelNotFound, "no model 'chrun'", "did you mean 'churn'?"),
            ("x", ModelNotFound, "no model 'x'", "it has churn, fraud"),
            ("deadbeef", VersionNotFound,
             "no model and no commit 'deadbeef'", "see the models with `gms list`"),
            ("churn@1.0.1", VersionNotFound, "no version '1.0.1' of 'churn'", THERE_IS),
            ("churn@77.0.9", VersionNotFound, "no version '77.0.9' of 'churn'", THERE_IS),
            ("churn@staging", VersionNotFound, "no version of 'churn' is in staging", THERE_IS),
            ("fraud", VersionNotFound,
             "no version of 'fraud' is in production", "there is 1.0.0 (registered)"),
            ("churn@prod", LifecycleError,
             "'prod' is not a status of this store", "did you mean 'production'?"),
            ("churn@^1.1", VersionNotFound, "no version of 'churn' matches ^1.1", THERE_IS),
            ("churn@production~1", VersionNotFound,
             "'churn' has no holder of production 1 before the present one",
             "see them with `gms log churn`"),
            ("churn@latest~1", VersionNotFound,
             "'churn' has no version to go back to with 'churn@latest~1'", THERE_IS),
            ("fraud@latest@{2026-06-05}", VersionNotFound,
             "no version of 'fraud'", "'fraud' had no version at that time"),
            ("churn@production@{2026-06-01}", VersionNotFound,
             "no version of 'churn' is in production", "there is 1.0.0 (registered)"),
            ("churn@{2020-01-01}", VersionNotFound,
             "the store did not exist yet on 2020-01-01 23:59 UTC",
             "see when it began with `gms log`"),
            ("Churn", InvalidReference, "'Churn': 'Churn' is not a model name", WELL_NAMED),
        ],
    )  # fmt: skip
    def test_an_error_says_what_is_near(self, story, ref, kind, message, hint):
        assert refusal(story.version, ref) == (kind, message, hint)


class TestWhich:
    def test_it_says_since_when_by_whom_and_why(self, story):
        holding = story.which("churn")

        assert (holding.version.ref, holding.version.status) == ("churn@1.0.0", "production")
        assert (holding.since, holding.until) == (DAY + timedelta(days=5), None)
        assert (holding.who, holding.why) == ("Ada Lovelace <ada@example.org>", "drift")

    @pytest.mark.parametrize(
        ("at", "expected", "since", "until"),
        [
            ("2026-06-03", "1.0.0", 2, 4),
            ("2026-06-04", "1.1.0", 4, 6),
            (date(2026, 6, 4), "1.1.0", 4, 6),
            ("2026-06-04T11:59:59", "1.0.0", 2, 4),
            ("2026-06-04T12:00", "1.1.0", 4, 6),
            ("2026-06-04T13:59:59+02:00", "1.0.0", 2, 4),
            (datetime(2026, 6, 4, 12, tzinfo=UTC), "1.1.0", 4, 6),
            (datetime(2026, 6, 4, 11), "1.0.0", 2, 4),
            ("2030-01-01", "1.0.0", 6, None),
        ],
    )
    def test_it_answers_as_of_a_moment(self, story, at, expected, since, until):
        holding = story.which("churn@production", at=at)

        assert str(holding.version.version) == expected
        assert holding.version.status == "production"
        assert (holding.since.day, holding.until and holding.until.day) == (since, until)

    def test_a_date_in_the_reference_says_the_same(self, story):
        inside = story.which("churn@production@{2026-06-04}", at="2026-06-02")

        assert inside == story.which("churn", at="2026-06-04")

    def test_a_version_says_since_when_it_has_its_status(self, story):
        assert story.which("churn@1.1.0").since == DAY + timedelta(days=5)
        assert story.which("churn@1.1.0", at="2026-06-03").version.status == "registered"

    def test_an_answer_for_a_day_is_the_answer_that_was_given_on_that_day(
        self, store, clock, fitted, refitted
    ):
        store = Store.open(store.path, durable=False, now=lambda: clock.now)
        refs = ("m", "m@latest", "m@^1.0", "m@production~1", "m@latest~1")
        given: dict[tuple[int, str], str] = {}
        moves = [
            lambda: store.register(fitted, "m", code=None),
            lambda: store.promote("m@1.0.0", "production"),
            lambda: store.register(refitted, "m", code=None),
            lambda: store.promote("m@1.1.0", "production"),
            lambda: store.rollback("m"),
            lambda: store.register(fitted, "m", code=None),
            lambda: store.promote("m@latest", "production"),
            lambda: store.withdraw("m@1.0.0"),
        ]
        for day, move in enumerate(moves, start=1):
            clock.day(day)
            move()
            given.update({(day, ref): self._answer(store.version, ref) for ref in refs})

        for (day, ref), answer in given.items():
            dated = f"{ref}@{{2026-06-{day:02d}}}"
            assert self._answer(store.version, dated) == answer
            asked = self._answer(
                lambda r, d=day: store.which(r, at=f"2026-06-{d:02d}").version, ref
            )
            assert asked == answer

    @staticmethod
    def _answer(ask, ref: str) -> str:
        try:
            return str(ask(ref).version)
        except VersionNotFound:
            return "none"

    @pytest.mark.filterwarnings("ignore::gitmodelstore.errors.ClockWarning")
    def test_clocks_that_go_wrong_do_not_lose_the_order(self, store, clock, fitted):
        """The second promotion is made by a clock behind the first, the third by one far ahead."""
        store = Store.open(store.path, durable=False, now=lambda: clock.now)
        for number, day in (("1.0.0", 10), ("1.1.0", 5), ("1.2.0", 20), ("1.3.0", 15)):
            clock.day(day)
            store.promote(store.register(fitted, "m", version=number, code=None), "production")

        def live(day: int) -> str:
            return str(store.which("m", at=f"2026-06-{day:02d}").version.version)

        assert [live(day) for day in (11, 16, 21)] == ["1.1.0", "1.1.0", "1.3.0"]
        with pytest.raises(VersionNotFound):
            live(9)
        assert [str(e.version) for e in store.log() if e.kind == "promoted"] == [
            *("1.3.0", "1.2.0", "1.1.0", "1.0.0")
        ]

    @pytest.mark.parametrize("at", ["soon", "2026-13-01"])
    def test_a_date_that_is_none_is_refused(self, story, at):
        assert refusal(story.which, "churn", at=at) == (
            InvalidReference,
            f"'{at}' is not a date",
            "write it as 2026-03-03 or 2026-03-03T14:00",
        )

    def test_a_model_version_that_was_not_there_yet_is_refused(self, story):
        kind, message, _ = refusal(story.which, story.version("churn@1.1.0"), at="2026-06-02")

        assert (kind, message) == (VersionNotFound, "no version '1.1.0' of 'churn'")


class TestLoad:
    def test_predictions_are_the_same_bit_for_bit(self, any_store, fitted, X_test):
        version = any_store.register(fitted, "churn", code=None)

        loaded = any_store.load("churn@latest")

        assert loaded.predict_proba(X_test).tobytes() == fitted.predict_proba(X_test).tobytes()
        assert gms.version_of(loaded) == version

    def test_no_work_tree_is_needed(self, story, X_test, fitted):
        git(story.path, "rm", "--quiet", "-r", "models")

        assert (story.load("churn").predict(X_test) == fitted.predict(X_test)).all()

    def test_a_copy_is_another_object(self, story):
        from sklearn.base import clone

        for other in (clone(story.load("churn")), object()):
            kind, message, hint = refusal(gms.version_of, other)

            assert (kind, message) == (
                StoreError,
                f"this {type(other).__name__} was not loaded from a store",
            )
            assert hint == (
                "load it with `gms.load_model(...)`; a copy or a re-fit is another object"
            )

    def test_what_is_gone_is_not_remembered(self, story):
        gc.collect()  # of what other tests loaded
        before = len(load_module._loaded)
        loaded = [story.load("churn") for _ in range(3)]
        assert len(load_module._loaded) == before + 3

        del loaded
        gc.collect()

        assert len(load_module._loaded) == before

    def test_a_withdrawn_version_is_loaded_with_a_notice(self, story):
        store = Store.open(story.path)
        said = "churn 1.1.0 was withdrawn; see why with `gms log churn`"

        with pytest.warns(WithdrawnWarning, match=re.escape(said)):
            store.load("churn@1.1.0")
        with pytest.warns(WithdrawnWarning):
            store.load("churn@production@{2026-06-04}")  # in production then, withdrawn since

    def test_the_shortcuts_take_a_store(self, story, fitted, X_test):
        version = gms.register_model(fitted, "new", store=story.path, code=None)

        loaded = gms.load_model(version, store=str(story.path))

        assert (loaded.predict(X_test) == fitted.predict(X_test)).all()
        assert gms.version_of(loaded) == version
