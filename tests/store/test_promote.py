"""Lifecycle: promote, archive, withdraw and roll back, as DESIGN section 4 has them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from gitmodelstore import Event, Store
from gitmodelstore.errors import (
    CorruptStore,
    InvalidInput,
    InvalidReference,
    LifecycleError,
    ModelNotFound,
    RollbackError,
    StoreError,
    VersionNotFound,
)
from gitmodelstore.operations import publish as publish_module
from gitmodelstore.values.names import Version

from .conftest import once
from .looks import commit_by_hand, git, git_bytes, look, object_file, refused, registry_with


def told(events: Iterable[Event]) -> list[tuple[str, str, str | None, str | None]]:
    """Each event as (kind, "churn 1.0.0", from, to)."""
    return [(e.kind, f"{e.model} {e.version}", e.before, e.after) for e in events]


def statuses(store: Store, model: str = "churn") -> dict[str, str]:
    return {str(held.version): held.status for held in store.versions(model)}


def subject(store: Store) -> str:
    return git(store.path, "log", "-1", "--format=%s", "main").strip()


@pytest.fixture
@once
def three(store, fitted):
    """A store with churn 1.0.0, 1.1.0 and 1.2.0."""
    for number in ("1.0.0", "1.1.0", "1.2.0"):
        store.register(fitted, "churn", version=number, message=f"try {number}", code=None)
    return store


@pytest.fixture
@once
def live(three):
    """The same, after each was in production in turn: 1.2.0 is."""
    for number in ("1.0.0", "1.1.0", "1.2.0"):
        three.promote(f"churn@{number}", "production")
    return three


class TestPromote:
    def test_a_version_comes_to_a_status(self, three):
        events = three.promote("churn@1.0.0", "staging", reason="beats 0.9\nby far")

        assert told(events) == [("promoted", "churn 1.0.0", "registered", "staging")]
        assert events[0].why == "beats 0.9 by far"
        trailers = git(three.path, "log", "-1", "--format=%(trailers:key=Reason)", "main")
        assert trailers.strip() == "Reason: beats 0.9 by far"
        assert events[0].who == "Ada Lovelace <ada@example.org>"
        assert statuses(three) == {"1.2.0": "registered", "1.1.0": "registered", "1.0.0": "staging"}

    def test_the_holder_before_is_archived_in_the_same_commit(self, three):
        three.promote("churn@1.0.0", "production")
        before = git(three.path, "rev-list", "--count", "main")

        assert told(three.promote("churn@1.1.0", "production")) == [
            ("promoted", "churn 1.1.0", "registered", "production"),
            ("archived", "churn 1.0.0", "production", "archived"),
        ]
        assert int(git(three.path, "rev-list", "--count", "main")) == int(before) + 1
        assert git(three.path, "status", "--porcelain") == ""
        assert '"status": "production"' in (three.path / "registry.json").read_text()

    def test_a_shared_status_has_many_holders(self, three):
        three.promote("churn@1.0.0", "staging")
        three.promote("churn@1.1.0", "staging")

        assert statuses(three)["1.0.0"] == statuses(three)["1.1.0"] == "staging"

    def test_several_models_move_in_one_commit(self, three, fitted):
        three.register(fitted, "fraud", code=None)

        events = three.promote(["churn@1.2.0", "fraud@1.0.0"], "production", reason="together")

        assert {event.commit for event in events} == {git(three.path, "rev-parse", "main").strip()}
        assert told(events) == [
            ("promoted", "churn 1.2.0", "registered", "production"),
            ("promoted", "fraud 1.0.0", "registered", "production"),
        ]
        assert {event.why for event in events} == {"together"}
        assert subject(three) == "promote churn 1.2.0, fraud 1.0.0 to production"

    def test_what_is_there_already_is_not_written_again(self, three):
        three.promote("churn@1.0.0", "production")
        before = look(three.path)

        assert three.promote("churn@1.0.0", "production", reason="again") == ()
        assert look(three.path) == before

    def test_a_bare_store_promotes_too_and_takes_a_version_for_a_reference(
        self, bare_store, fitted
    ):
        version = bare_store.register(fitted, "churn", code=None)

        assert told(bare_store.promote(version, "production")) == [
            ("promoted", "churn 1.0.0", "registered", "production")
        ]

    def test_a_withdrawn_version_can_be_rehabilitated(self, three):
        three.withdraw("churn@1.0.0")

        assert told(three.promote("churn@1.0.0", "production", reason="fine after all")) == [
            ("promoted", "churn 1.0.0", "withdrawn", "production")
        ]

    def test_events_of_another_writer_are_not_taken_for_ours(self, three, monkeypatch):
        """Somebody does the same between our look and our lock."""
        other = Store.open(three.path, durable=False)
        real = publish_module.writer_lock.exclusive

        def exclusive(*args, **settings):
            monkeypatch.setattr(publish_module.writer_lock, "exclusive", real)
            other.promote("churn@1.0.0", "production")
            return real(*args, **settings)

        monkeypatch.setattr(publish_module.writer_lock, "exclusive", exclusive)

        assert three.promote("churn@1.0.0", "production") == ()

    @pytest.mark.parametrize(
        ("ref", "status", "kind", "message", "hint"),
        [
            ("churn@1.0.0", "prodution", LifecycleError,
             "'prodution' is not a status of this store", "did you mean 'production'?"),
            ("churn", "production", VersionNotFound,
             "which version of 'churn' do you want in production?",
             "the newest is 1.2.0: gms promote churn@1.2.0 production"),
            ("churn@1.0.9", "production", VersionNotFound, "no version '1.0.9' of 'churn'",
             "there is 1.2.0 (registered), 1.1.0 (registered), 1.0.0 (registered)"),
            (["churn@1.0.0", "churn@1.1.0"], "production", LifecycleError,
             "only one version of 'churn' can be in production", "name one version of each model"),
            (["churn@1.0.0", "frod@1.0.0"], "production", ModelNotFound, "no model 'frod'",
             "it has churn"),
        ],
    )  # fmt: skip
    def test_a_promotion_that_makes_no_sense_is_refused(
        self, three, ref, status, kind, message, hint
    ):
        assert refused(three, kind, three.promote, ref, status) == (message, hint)

    @pytest.mark.parametrize("reason", ["a\x00b", "\x1b[2J", "a\u202eb", "\ud800"])
    def test_a_reason_with_hidden_characters_is_refused(self, three, reason):
        found = f"U+{next(ord(c) for c in reason if c not in 'ab[2J'):04X}"

        message, _ = refused(
            three, InvalidInput, three.promote, "churn@1.0.0", "staging", reason=reason
        )

        assert message == f"the reason contains the hidden character {found}"


VACANT = (
    "churn 1.2.0 is in production, which would then be empty",
    "name a successor: gms {verb} churn@1.2.0 --successor VERSION, or leave production empty: "
    "gms {verb} churn@1.2.0 --vacate --reason TEXT",
)


class TestRetire:
    @pytest.mark.parametrize(
        ("verb", "status"), [("archive", "archived"), ("withdraw", "withdrawn")]
    )
    def test_a_version_is_retired_with_a_reason(self, three, verb, status):
        events = getattr(three, verb)("churn@1.0.0", reason="old")

        assert told(events) == [(status, "churn 1.0.0", "registered", status)]
        assert events[0].why == "old"
        assert subject(three) == f"{verb} churn 1.0.0"
        before = look(three.path)
        assert getattr(three, verb)("churn@1.0.0") == ()
        assert look(three.path) == before

    @pytest.mark.parametrize(
        ("verb", "status"), [("archive", "archived"), ("withdraw", "withdrawn")]
    )
    def test_the_production_version_is_not_retired_without_a_successor(self, live, verb, status):
        """Nor is promoting it into the archive a way around."""
        vacant = VACANT[0], VACANT[1].format(verb=verb)

        assert refused(live, LifecycleError, getattr(live, verb), "churn@1.2.0") == vacant
        assert refused(live, LifecycleError, live.promote, "churn@1.2.0", status) == vacant

    @pytest.mark.parametrize(
        "name",
        [
            lambda store: "1.1.0",
            lambda store: "v1.1.0",
            lambda store: Version(1, 1, 0),
            lambda store: store.version("churn@1.1.0"),
            lambda store: "churn@1.1.0",
        ],
    )
    def test_a_successor_takes_over_in_the_same_commit(self, live, name):
        events = live.withdraw("churn@1.2.0", successor=name(live))

        assert told(events) == [
            ("withdrawn", "churn 1.2.0", "production", "withdrawn"),
            ("promoted", "churn 1.1.0", "archived", "production"),
        ]
        assert len({event.commit for event in events}) == 1

    def test_a_successor_must_be_another_version_that_can_serve(self, live, fitted):
        live.withdraw("churn@1.0.0")
        fraud = live.register(fitted, "fraud", code=None)

        def refusal(kind, successor):
            return refused(live, kind, live.archive, "churn@1.2.0", successor=successor)

        assert refusal(LifecycleError, "1.2.0")[0] == "churn 1.2.0 cannot succeed itself"
        assert refusal(VersionNotFound, "9.0.0")[0] == "no version '9.0.0' of 'churn'"
        assert refusal(LifecycleError, "1.0.0") == (
            "churn 1.0.0 is withdrawn and cannot take over",
            "if it is good after all: gms promote churn@1.0.0 production --reason TEXT",
        )
        for successor in (fraud, "fraud@1.0.0"):
            assert refusal(InvalidReference, successor) == (
                "'fraud 1.0.0' is not a version of 'churn'",
                "see them with `gms list churn`",
            )

    def test_a_successor_where_there_is_nothing_to_succeed_is_refused(self, live):
        assert refused(live, LifecycleError, live.withdraw, "churn@1.0.0", successor="1.1.0") == (
            "churn 1.0.0 is in archived, where it has no successor",
            "omit the successor; to promote it: gms promote churn@1.1.0 production",
        )


SHADOW = 'schema = "1.0"\n\n[lifecycle]\nstatuses = ["shadow"]\nexclusive = ["shadow"]\n'
MEANT = {"vacate": True, "reason": "the campaign is over"}
EMPTYING = {
    "staging": lambda store, **word: store.promote("churn@1.2.0", "staging", **word),
    "registered": lambda store, **word: store.promote("churn@production", "registered", **word),
    "archived": lambda store, **word: store.archive("churn@1.2.0", **word),
    "withdrawn": lambda store, **word: store.withdraw("churn@1.2.0", **word),
    "archived by promote": lambda store, **word: store.promote("churn@1.2.0", "archived", **word),
    "two at once": lambda store, **word: store.promote(
        ["churn@1.1.0", "churn@1.2.0"], "staging", **word
    ),
    "a holder elsewhere": lambda store, **word: store.promote(
        ["churn@1.2.0", "fraud@1.0.0"], "staging", **word
    ),
}


class TestLeavingNobody:
    """What would leave an exclusive status without a holder, whatever the verb."""

    @pytest.fixture(params=EMPTYING.values(), ids=EMPTYING)
    def emptying(self, request, live, fitted):
        live.register(fitted, "fraud", code=None)
        return lambda **word: request.param(live, **word)

    def test_it_is_refused(self, live, emptying):
        message, hint = refused(live, LifecycleError, emptying)

        assert message == VACANT[0]
        assert hint.startswith("name a successor: gms ")
        assert hint.endswith(" --vacate --reason TEXT")

    def test_unless_it_is_meant(self, live, emptying):
        events = emptying(**MEANT)

        (left,) = (event for event in events if event.before == "production")
        assert (left.vacate, left.why) == ("the campaign is over", "the campaign is over")
        assert {event.vacate for event in events if event != left} <= {None}
        assert "production" not in statuses(live).values()
        trailer = git(live.path, "log", "-1", "--format=%(trailers:key=Vacate)", "main")
        assert trailer.strip() == "Vacate: the campaign is over"

    @pytest.mark.parametrize("reason", [None, "", " \n"])
    def test_which_needs_a_reason(self, live, emptying, reason):
        found = refused(live, InvalidInput, emptying, vacate=True, reason=reason)

        assert found == ("leaving a status empty needs a reason", "give one with --reason TEXT")

    def test_an_override_is_not_that(self, live):
        found = refused(
            live, LifecycleError, live.promote, "churn@1.2.0", "staging", force=True, reason="now"
        )

        assert found == (
            VACANT[0],
            "name a successor: gms promote churn@1.2.0 staging --successor VERSION, or leave "
            "production empty: gms promote churn@1.2.0 staging --vacate --reason TEXT",
        )

    def test_it_is_told(self, live, notes):
        store = Store.open(live.path, notify=notes.append)

        store.promote("churn@1.2.0", "staging", **MEANT)
        store.promote("churn@1.1.0", "staging", **MEANT)

        assert notes == [
            "no version of 'churn' is in production now",
            "no status is left empty, so nothing was vacated",
        ]

    def test_a_successor_takes_over_by_promote_too(self, live):
        assert told(live.promote("churn@1.2.0", "staging", successor="1.1.0")) == [
            ("promoted", "churn 1.2.0", "production", "staging"),
            ("promoted", "churn 1.1.0", "archived", "production"),
        ]

    def test_a_successor_and_nobody_exclude_each_other(self, live):
        for call in (
            live.archive,
            live.withdraw,
            lambda ref, **w: live.promote(ref, "staging", **w),
        ):
            message, _ = refused(
                live, InvalidInput, call, "churn@1.2.0", successor="1.1.0", **MEANT
            )
            assert message == "a status with a successor is not left empty"

    def test_an_exclusive_status_of_the_team_counts_as_much(self, live, notes):
        commit_by_hand(live.path, "modelstore.toml", SHADOW)
        live.promote("churn@1.1.0", "shadow")

        for call in (
            lambda **word: live.promote("churn@1.1.0", "production", **word),
            lambda **word: live.promote("churn@1.1.0", "registered", **word),
            lambda **word: live.rollback("churn", **word),
            lambda **word: live.rollback("churn", to="1.1.0", keep=True, **word),
        ):
            message, hint = refused(live, LifecycleError, call)
            assert message == "churn 1.1.0 is in shadow, which would then be empty"
        assert hint == "run `gms rollback churn --to 1.1.0 --keep --vacate --reason TEXT`"
        telling = Store.open(live.path, durable=False, notify=notes.append)
        telling.rollback("churn", to="1.1.0", keep=True, **MEANT)
        assert "no version of 'churn' is in shadow now" in notes
        assert statuses(live) == {"1.2.0": "archived", "1.1.0": "production", "1.0.0": "archived"}

    def test_a_status_that_many_have_may_be_left(self, three):
        three.promote("churn@1.0.0", "staging")

        assert told(three.promote("churn@1.0.0", "registered")) == [
            ("promoted", "churn 1.0.0", "staging", "registered")
        ]


COMING_BACK = {
    **{
        status: lambda store, status=status, **word: store.promote("churn@1.0.0", status, **word)
        for status in ("registered", "staging", "production", "archived")
    },
    "archive": lambda store, **word: store.archive("churn@1.0.0", **word),
    "with others": lambda store, **word: store.promote(
        ["churn@1.1.0", "churn@1.0.0"], "staging", **word
    ),
}


class TestComingBack:
    """A version that was withdrawn comes back only with a reason."""

    @pytest.fixture
    def bad(self, live) -> Store:
        live.withdraw("churn@1.0.0", reason="leaked labels")
        return live

    @pytest.mark.parametrize("back", COMING_BACK.values(), ids=COMING_BACK)
    @pytest.mark.parametrize("reason", [None, "", " \n"])
    def test_not_without_one(self, bad, back, reason):
        message, hint = refused(bad, LifecycleError, back, bad, reason=reason)

        assert message == "churn 1.0.0 was withdrawn, and comes back only with a reason"
        assert hint.startswith("run `gms ")
        assert hint.endswith(" --reason TEXT`")

    @pytest.mark.parametrize("back", COMING_BACK.values(), ids=COMING_BACK)
    def test_with_one(self, bad, back):
        events = back(bad, reason="there was no leak")

        (event,) = (event for event in events if event.before == "withdrawn")
        assert (str(event.version), event.why) == ("1.0.0", "there was no leak")

    def test_by_rollback(self, bad):
        assert refused(bad, RollbackError, bad.rollback, "churn", to="1.0.0", keep=True) == (
            "churn 1.0.0 was withdrawn",
            "if it is good after all: gms rollback churn --to 1.0.0 --keep --reason TEXT; "
            "`gms log churn` says why it was withdrawn",
        )

        bad.rollback("churn", to="1.0.0", keep=True, reason="there was no leak")

        assert statuses(bad) == {"1.2.0": "archived", "1.1.0": "archived", "1.0.0": "production"}

    def test_withdrawing_it_again_writes_nothing(self, bad):
        before = look(bad.path)

        assert bad.withdraw("churn@1.0.0") == ()
        assert look(bad.path) == before

    def test_which_says_that_it_had_been_withdrawn(self, bad):
        assert bad.which("churn@1.0.0").withdrawal is None  # it is withdrawn
        bad.promote("churn@1.0.0", "registered", reason="there was no leak")
        back = git(bad.path, "rev-parse", "main").strip()
        bad.promote("churn@1.0.0", "production", reason="better")

        holding = bad.which("churn")

        assert holding.why == "better"
        told = holding.withdrawal
        assert told is not None
        assert (told.why, told.back_why) == ("leaked labels", "there was no leak")
        assert told.back_commit == back
        assert told.commit == git(bad.path, "rev-parse", "main~2").strip()
        assert bad.which("churn@1.1.0").withdrawal is None


class TestRollback:
    def test_the_holder_before_comes_back_and_the_bad_one_is_withdrawn(self, live, fitted):
        live.promote(live.register(fitted, "fraud", code=None), "production")
        before = git(live.path, "rev-parse", "main").strip()
        tags = git(live.path, "for-each-ref", "refs/tags")

        events = live.rollback("churn", reason="drift in income")

        assert told(events) == [
            ("withdrawn", "churn 1.2.0", "production", "withdrawn"),
            ("rolled-back", "churn 1.1.0", "archived", "production"),
        ]
        assert {event.why for event in events} == {"drift in income"}
        assert subject(live) == "roll back churn to 1.1.0"
        assert statuses(live, "fraud") == {"1.0.0": "production"}
        assert git(live.path, "rev-parse", "main^").strip() == before
        assert git(live.path, "for-each-ref", "refs/tags") == tags

    def test_the_replaced_version_can_be_kept(self, live):
        live.rollback("churn", keep=True)

        assert statuses(live) == {"1.2.0": "archived", "1.1.0": "production", "1.0.0": "archived"}

    @pytest.mark.parametrize("to", ["1.0.0", "v1.0.0", Version(1, 0, 0), "churn@1.0.0", None])
    def test_a_version_can_be_named(self, live, to):
        live.rollback("churn", to=to or live.version("churn@1.0.0"))

        assert statuses(live) == {"1.2.0": "withdrawn", "1.1.0": "archived", "1.0.0": "production"}

    def test_twice_goes_back_twice(self, live):
        live.rollback("churn")
        live.rollback("churn")

        assert statuses(live) == {"1.2.0": "withdrawn", "1.1.0": "withdrawn", "1.0.0": "production"}

    def test_the_folder_is_that_of_the_tag_byte_for_byte(self, live):
        live.rollback("churn")

        trees = [
            git(live.path, "rev-parse", f"{at}:models/churn") for at in ("churn@v1.1.0", "main")
        ]
        assert trees[0] == trees[1]
        for name in git(live.path, "ls-tree", "--name-only", "main:models/churn").split():
            kept = git_bytes(live.path, "cat-file", "blob", f"churn@v1.1.0:models/churn/{name}")
            assert (live.path / "models/churn" / name).read_bytes() == kept
        assert git(live.path, "status", "--porcelain") == ""

    def test_an_empty_production_is_filled_with_its_last_holder(self, live):
        live.promote("churn@1.2.0", "staging", vacate=True, reason="a pause")

        assert told(live.rollback("churn")) == [
            ("rolled-back", "churn 1.2.0", "staging", "production")
        ]

    def test_a_bare_store_rolls_back_too(self, bare_store, fitted):
        for _ in range(2):
            bare_store.promote(bare_store.register(fitted, "churn", code=None), "production")

        bare_store.rollback("churn")

        assert statuses(bare_store) == {"1.0.1": "withdrawn", "1.0.0": "production"}

    NOTHING = (
        "no earlier production version of 'churn' to go back to",
        "name one with --to VERSION; see them with `gms list churn`",
    )

    def test_without_an_earlier_holder_it_is_refused(self, three):
        assert refused(three, RollbackError, three.rollback, "churn") == self.NOTHING
        three.promote("churn@1.0.0", "production")
        assert refused(three, RollbackError, three.rollback, "churn") == self.NOTHING

    def test_a_withdrawn_holder_is_passed_over(self, live):
        live.withdraw("churn@1.1.0")

        live.rollback("churn")

        assert statuses(live)["1.0.0"] == "production"

    @pytest.mark.parametrize(
        ("to", "kind", "message", "hint"),
        [
            ("1.2.0", RollbackError, "churn 1.2.0 is already in production",
             "name another version: see them with `gms list churn`"),
            ("1.0.0", RollbackError, "churn 1.0.0 was withdrawn",
             "if it is good after all: gms rollback churn --to 1.0.0 --reason TEXT; "
             "`gms log churn` says why it was withdrawn"),
            ("3.0.0", VersionNotFound, "no version '3.0.0' of 'churn'",
             "there is 1.2.0 (production), 1.1.0 (archived), 1.0.0 (withdrawn)"),
        ],
    )  # fmt: skip
    def test_a_version_that_cannot_serve_is_refused(self, live, to, kind, message, hint):
        live.withdraw("churn@1.0.0")

        assert refused(live, kind, live.rollback, "churn", to=to) == (message, hint)

    def test_an_unknown_model_is_refused(self, live):
        assert refused(live, ModelNotFound, live.rollback, "chrun") == (
            "no model 'chrun'",
            "did you mean 'churn'?",
        )

    @pytest.mark.parametrize("name", ["pipeline.joblib", "requirements.txt", "README.md"])
    def test_a_target_with_a_damaged_file_is_refused(self, store, fitted, refitted, name):
        for pipeline in (fitted, refitted):
            store.promote(store.register(pipeline, "churn", code=None), "production")
        path = object_file(store.path, f"churn@v1.0.0:models/churn/{name}")
        damaged = bytearray(path.read_bytes())
        damaged[len(damaged) // 2] ^= 0xFF
        path.write_bytes(damaged)
        before = git(store.path, "for-each-ref"), git(store.path, "status", "--porcelain")

        with pytest.raises(StoreError) as caught:
            Store.open(store.path).rollback("churn")

        assert f"models/churn/{name}" in str(caught.value)
        after = git(store.path, "for-each-ref"), git(store.path, "status", "--porcelain")
        assert after == before


class TestSettings:
    def test_statuses_of_the_team_count_at_once(self, three):
        commit_by_hand(three.path, "modelstore.toml", SHADOW)

        three.promote("churn@1.0.0", "shadow")
        assert told(three.promote("churn@1.1.0", "shadow")) == [
            ("promoted", "churn 1.1.0", "registered", "shadow"),
            ("archived", "churn 1.0.0", "shadow", "archived"),
        ]
        assert str(three.version("churn@shadow")) == "churn 1.1.0"
        assert refused(three, LifecycleError, three.archive, "churn@shadow")[0] == (
            "churn 1.1.0 is in shadow, which would then be empty"
        )

    def test_uncommitted_settings_do_not_count(self, three):
        (three.path / "modelstore.toml").write_text(SHADOW)

        assert refused(three, LifecycleError, three.promote, "churn@1.0.0", "shadow")[0] == (
            "'shadow' is not a status of this store"
        )

    def test_rules_that_this_release_does_not_know_stop_every_move(self, three):
        commit_by_hand(three.path, "modelstore.toml", 'schema = "1.0"\n[hooks]\n')

        assert refused(three, CorruptStore, three.promote, "churn@1.0.0", "production") == (
            "modelstore.toml: unknown key 'hooks'",
            "this gitmodelstore knows schema, store, storage, lifecycle, gates, policy, remote; a "
            "newer one may know more",
        )


class TestByHand:
    """Reviewed edits, merges and squashes are as valid as our commands."""

    def test_an_edit_is_an_event(self, three):
        text, message = registry_with(three, v1_0_0="production"), "Put it live\n\nAs agreed."
        oid = commit_by_hand(three.path, "registry.json", text, message)

        event = three.log()[0]
        assert told([event]) == [("promoted", "churn 1.0.0", "registered", "production")]
        assert (event.commit, event.why) == (oid, None)
        assert three.which("churn").commit == oid
        three.promote("churn@1.1.0", "production")
        assert [event.kind for event in three.log()[:2]] == ["promoted", "archived"]
        assert git(three.path, "status", "--porcelain") == ""

    def test_trailers_that_lie_are_passed_over(self, three):
        message = (
            "Nothing\n\nEvent: archived\nModel: churn\nVersion: 1.0.0\nFrom: registered\n"
            "To: archived\nReason: lies"
        )
        live = registry_with(three, v1_0_0="production")
        commit_by_hand(three.path, "registry.json", live, message)

        event = three.log()[0]
        assert (event.kind, event.after, event.why) == ("promoted", "production", None)

    def _branch(self, store: Store) -> None:
        """Two moves on a branch of their own, made with our own calls."""
        git(store.path, "switch", "--quiet", "--create", "june")
        branch = Path(store.path)
        git(branch, "config", "store.branch", "june")
        ours = Store.open(branch, durable=False)
        ours.promote("churn@1.0.0", "staging", reason="first step")
        ours.promote("churn@1.1.0", "production", reason="second step")
        git(branch, "config", "store.branch", "main")
        git(branch, "switch", "--quiet", "main")

    def test_a_merge_brings_its_moves_as_one_event_each(self, three):
        self._branch(three)

        git(three.path, "merge", "--quiet", "--no-ff", "june", "--message", "Merge june")

        merge = git(three.path, "rev-parse", "main").strip()
        events = list(Store.open(three.path).log())[:2]
        assert told(events) == [
            ("promoted", "churn 1.1.0", "registered", "production"),
            ("promoted", "churn 1.0.0", "registered", "staging"),
        ]
        assert {event.commit for event in events} == {merge}

    def test_a_squash_keeps_the_reasons(self, three):
        self._branch(three)
        messages = git(three.path, "log", "--format=* %B", "main..june")

        git(three.path, "merge", "--quiet", "--squash", "june")
        git(three.path, "commit", "--quiet", "--message", f"June (#7)\n\n{messages}")

        events = list(Store.open(three.path).log())[:2]
        assert [event.why for event in events] == ["second step", "first step"]

    def test_a_registration_that_came_by_a_merge_is_loaded(self, three, refitted, X_test):
        git(three.path, "config", "store.branch", "june")
        git(three.path, "switch", "--quiet", "--create", "june")
        Store.open(three.path).register(refitted, "churn", version="2.0.0", code=None)
        git(three.path, "config", "store.branch", "main")
        git(three.path, "switch", "--quiet", "main")

        git(three.path, "merge", "--quiet", "--no-ff", "june", "--message", "Merge june")

        store = Store.open(three.path)
        loaded = store.load("churn@2.0.0")
        assert (loaded.predict_proba(X_test) == refitted.predict_proba(X_test)).all()
        assert told([store.log()[0]]) == [("registered", "churn 2.0.0", None, "registered")]

    def test_two_holders_after_a_merge_are_told_and_settled(self, three):
        text = registry_with(three, v1_0_0="production", v1_1_0="production")
        commit_by_hand(three.path, "registry.json", text)

        assert refused(three, VersionNotFound, three.version, "churn") == (
            "2 versions of 'churn' are in production: 1.1.0, 1.0.0",
            "name one, such as churn@1.1.0",
        )

        three.archive("churn@1.0.0")
        assert str(three.version("churn")) == "churn 1.1.0"

    def test_a_registry_that_was_broken_for_a_while_does_not_stop_the_log(self, three):
        good = (three.path / "registry.json").read_text()
        commit_by_hand(three.path, "registry.json", good.replace("1.2.0", "v1.2"))
        commit_by_hand(three.path, "registry.json", "<<<<<<< HEAD\n")
        assert refused(three, CorruptStore, three.versions, "churn")[0] == (
            "registry.json:1:1: not JSON: expecting value"
        )
        commit_by_hand(three.path, "registry.json", good)

        three.promote("churn@1.2.0", "production")

        assert [(event.kind, str(event.version)) for event in three.log()] == [
            *(("promoted", "1.2.0"), ("registered", "1.2.0"), ("removed", "1.2.0")),
            *(("registered", "1.2.0"), ("registered", "1.1.0"), ("registered", "1.0.0")),
        ]
        assert str(three.which("churn").version) == "churn 1.2.0"

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ('"registered"', '"Registered"',
             "registry.json: 'models.churn.1.2.0': 'Registered' is not a status name "
             "(and 2 more)"),
            ('"1.2.0"', '"1.0.5"',
             "registry.json: 'models.churn': 1.0.5 comes before 1.1.0, the highest comes first"),
            ("      ", "\t",
             "registry.json: not in canonical form: models by name, versions highest first, "
             "indented by two"),
        ],
    )  # fmt: skip
    def test_a_bad_edit_is_refused_with_its_place(self, three, old, new, message):
        text = (three.path / "registry.json").read_text()
        commit_by_hand(three.path, "registry.json", text.replace(old, new))

        assert refused(three, CorruptStore, three.promote, "churn@1.0.0", "production") == (
            message,
            "see who changed it: git log -p -3 -- registry.json; then "
            "`git restore --source=COMMIT -- registry.json` and commit",
        )
