"""Events: what the difference of registry.json says, and what trailers may add to it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitmodelstore.checks.signatures import approval_text
from gitmodelstore.values.events import (
    NOTHING,
    Event,
    Explained,
    Recorded,
    events_of,
    kind_of,
    read_trailers,
    recorded_of,
    write_trailers,
)
from gitmodelstore.values.names import Version
from gitmodelstore.values.registry import Change

from .strategies import model_names, versions

V1, V2 = Version(1, 0, 0), Version(1, 1, 0)
PROMOTED = Change("churn", V2, "registered", "production")
ARCHIVED = Change("churn", V1, "production", "archived")
MADE: dict[str, Any] = {
    "commit": "c0ffee",
    "when": datetime(2026, 6, 1, tzinfo=timezone.utc),
    "who": "Ada <ada@example.org>",
}


def told(message: str, *changes: Change) -> list[tuple[str, str | None]]:
    """What the events of a commit with that message are called, and why they happened."""
    return [(event.kind, event.why) for event in events_of(changes, message, **MADE)]


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (None, "registered", "registered"),
        (None, "production", "registered"),
        ("registered", "staging", "promoted"),
        ("archived", "production", "promoted"),
        ("production", "registered", "promoted"),
        ("production", "archived", "archived"),
        ("production", "withdrawn", "withdrawn"),
        ("archived", None, "removed"),
    ],
)
def test_a_difference_has_a_name_without_any_trailer(before, after, kind):
    assert kind_of(Change("churn", V1, before, after)) == kind


def test_an_event_says_what_who_when_and_why():
    message = "promote churn 1.1.0\n\n" + write_trailers({PROMOTED: "promoted"}, "beats 1.0.0")

    assert events_of([PROMOTED], message, **MADE) == (
        Event("promoted", "churn", V2, "registered", "production", why="beats 1.0.0", **MADE),
    )


def test_trailers_are_lines_that_git_reads_as_trailers():
    assert write_trailers({PROMOTED: "promoted", ARCHIVED: "archived"}, "better").splitlines() == [
        *("Event: promoted", "Model: churn", "Version: 1.1.0", "From: registered"),
        *("To: production", "Event: archived", "Model: churn", "Version: 1.0.0"),
        *("From: production", "To: archived", "Reason: better"),
    ]


def test_a_registration_comes_from_nowhere_and_a_removal_goes_there():
    new, gone = Change("churn", V1, None, "registered"), Change("churn", V1, "archived", None)

    assert "From" not in write_trailers({new: "registered"}, None)
    assert "To" not in write_trailers({gone: "removed"}, None)


def test_the_reason_holds_for_every_change_of_the_commit():
    message = write_trailers({PROMOTED: "promoted", ARCHIVED: "archived"}, "better")

    assert told(message, PROMOTED, ARCHIVED) == [("promoted", "better"), ("archived", "better")]


def test_only_trailers_know_that_a_promotion_was_a_rollback():
    back = Change("churn", V1, "archived", "production")

    assert told(write_trailers({back: "rolled-back"}, None), back) == [("rolled-back", None)]
    assert told("back to 1.0.0", back) == [("promoted", None)]


@pytest.mark.parametrize("kind", ["archived", "registered", "removed", "praised"])
def test_a_trailer_with_another_kind_is_passed_over(kind):
    assert told(write_trailers({PROMOTED: kind}, "why"), PROMOTED) == [("promoted", "why")]


@pytest.mark.parametrize(
    "other",
    [
        Change("churn", V2, "staging", "production"),
        Change("churn", V2, "registered", "archived"),
        Change("churn", V1, "registered", "production"),
        Change("fraud", V2, "registered", "production"),
    ],
)
def test_trailers_that_contradict_the_difference_are_passed_over(other):
    assert told(write_trailers({other: "promoted"}, "why"), PROMOTED) == [("promoted", None)]


def test_a_squash_keeps_the_reason_of_each_of_its_messages():
    fraud = Change("fraud", V1, "registered", "staging")
    message = (
        "Release of June (#12)\n\n* promote churn 1.1.0 to production\n\n"
        f"{write_trailers({PROMOTED: 'promoted', ARCHIVED: 'archived'}, 'better')}\n\n"
        "* promote fraud 1.0.0 to staging\n\n"
        f"{write_trailers({fraud: 'promoted'}, 'to try it')}\n\nReviewed-by: Grace\n"
    )

    assert told(message, PROMOTED, ARCHIVED, fraud) == [
        ("promoted", "better"),
        ("archived", "better"),
        ("promoted", "to try it"),
    ]


def test_a_squash_of_a_move_and_an_approval_of_one_version_is_the_move():
    approval = approval_text("churn", "1.1.0", "production", "ab" * 32, "looks good")
    message = f"Release (#12)\n\n{write_trailers({PROMOTED: 'promoted'}, 'better')}\n\n{approval}"

    assert told(message, PROMOTED) == [("promoted", "better")]


def test_a_squash_of_two_moves_of_one_version_is_the_difference_alone():
    first = Change("churn", V2, "registered", "staging")
    second = Change("churn", V2, "staging", "production")
    message = "\n\n".join(write_trailers({c: "promoted"}, "step") for c in (first, second))

    assert told(message, PROMOTED) == [("promoted", None)]


def test_indented_and_windows_lines_are_read():
    message = write_trailers({PROMOTED: "promoted"}, "better").replace("\n", "\r\n    ")

    assert told(f"squash\r\n\r\n    {message}", PROMOTED) == [("promoted", "better")]


@pytest.mark.parametrize("reason", [None, "", "  \n "])
def test_no_reason_is_no_trailer(reason):
    assert "Reason" not in write_trailers({PROMOTED: "promoted"}, reason)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\u2028", "\x0b", "\x85", "\n\n"])
def test_a_reason_of_several_lines_cannot_imitate_a_trailer(line_end):
    reason = f"good{line_end}Event: withdrawn{line_end}Model: churn"

    message = write_trailers({PROMOTED: "promoted"}, reason)

    assert told(message, PROMOTED) == [("promoted", "good Event: withdrawn Model: churn")]


def test_a_message_that_imitates_trailers_does_not_outdo_the_real_ones():
    registered = Change("churn", V2, None, "registered")
    imitation = "Event: registered\nModel: churn\nVersion: 1.1.0\nTo: registered\nReason: lies"
    real = write_trailers({registered: "registered"}, None)

    assert told(f"register\n\n{imitation}\n\n{real}\n", registered) == [("registered", None)]


def test_trailers_without_an_event_are_not_ours():
    assert read_trailers("Model: churn\nVersion: 1.0.0\nReason: x\n") == {}


changes = st.builds(
    Change,
    model_names(),
    versions().map(Version.parse),
    st.sampled_from(["registered", "staging", "archived"]),
    st.sampled_from(["production", "withdrawn"]),
)
reasons = st.none() | st.text(max_size=60)


@given(st.lists(changes, unique_by=lambda c: (c.model, c.version), min_size=1, max_size=4), reasons)
def test_what_is_written_is_read_back(found, reason):
    message = "subject\n\n" + write_trailers({c: kind_of(c) for c in found}, reason) + "\n"
    why = " ".join((reason or "").split()) or None

    assert read_trailers(message) == {
        (c.model, str(c.version)): Explained(kind_of(c), c.before, c.after, why) for c in found
    }


@given(st.text(max_size=200))
def test_no_message_breaks_the_reading(message):
    assert told(message, ARCHIVED)[0][0] == "archived"
    recorded_of(message, PROMOTED)


class TestRecorded:
    """What a promoter records for a gate stands beside the change that it is about."""

    WRITTEN = write_trailers(
        {PROMOTED: "promoted", ARCHIVED: "archived"},
        "we\nmust",
        {PROMOTED: Recorded("within tolerance", " we\nmust ")},
    )

    def test_it_is_written_into_the_group_of_its_change(self) -> None:
        assert self.WRITTEN.splitlines() == [
            *("Event: promoted", "Model: churn", "Version: 1.1.0", "From: registered"),
            *("To: production", "Replay: within tolerance", "Override: we must"),
            *("Event: archived", "Model: churn", "Version: 1.0.0", "From: production"),
            *("To: archived", "Reason: we must"),
        ]

    def test_it_is_read_back_for_that_change_alone(self) -> None:
        message = f"promote churn\n\n{self.WRITTEN}\n"

        assert recorded_of(message, PROMOTED) == Recorded("within tolerance", "we must")
        assert recorded_of(message, ARCHIVED) == NOTHING
        assert [
            (e.replay, e.override) for e in events_of([PROMOTED, ARCHIVED], message, **MADE)
        ] == [("within tolerance", "we must"), (None, None)]

    def test_of_a_squash_the_step_to_the_final_status_counts(self) -> None:
        """The change has no `From` that any of the messages could agree with."""
        squashed = Change("churn", V2, None, "production")
        to_staging = Change("churn", V2, "registered", "staging")
        there = Change("churn", V2, "staging", "production")
        steps = [
            write_trailers({to_staging: "promoted"}, None, {to_staging: Recorded("different")}),
            write_trailers({there: "promoted"}, None, {there: Recorded("identical", "so")}),
            write_trailers({to_staging: "promoted"}, None, {to_staging: Recorded("different")}),
        ]

        message = "\n\n".join(steps)

        assert recorded_of(message, squashed) == Recorded("identical", "so")
        (event,) = events_of([squashed], message, **MADE)
        assert (event.replay, event.override, event.why) == ("identical", "so", None)

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("Override:", Recorded(override="")),
            ("Override: ", Recorded(override="")),
            ("Override:because", Recorded(override="because")),
            ("override: x", NOTHING),
            ("Replay: identical", Recorded("identical")),
            ("Replay:identical", NOTHING),
            ("Replay: ", NOTHING),
            (" Replay: different ", Recorded("different")),
            ("Override: a\nOverride: b", Recorded(override="b")),
        ],
    )
    def test_what_a_hand_may_write(self, line: str, expected: Recorded) -> None:
        group = f"Event: promoted\nModel: churn\nVersion: 1.1.0\nTo: production\n{line}\n"

        assert recorded_of(f"Subject\n\n{group}", PROMOTED) == expected

    def test_outside_of_a_group_it_is_of_nothing(self) -> None:
        assert recorded_of("Subject\n\nReplay: identical\nOverride: x\n", PROMOTED) == NOTHING
        named = "Event: promoted\nModel: churn\nVersion: 1.1.0\nTo: production"
        assert recorded_of(f"Subject\n\n{named}\n\nOverride: x\n", PROMOTED) == NOTHING
