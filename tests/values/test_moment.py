"""Moments: what people type, and what the store writes."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitmodelstore.errors import InvalidReference
from gitmodelstore.values.names import as_moment, format_moment, parse_moment

UTC = timezone.utc


@pytest.mark.parametrize("text", ["2026-03-03", "20260303", "2026-W10-2", " 2026-03-03 "])
def test_a_day_means_its_last_second(text):
    assert parse_moment(text) == datetime(2026, 3, 3, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-03T14:05", datetime(2026, 3, 3, 14, 5, tzinfo=UTC)),
        ("2026-03-03 14:05:09", datetime(2026, 3, 3, 14, 5, 9, tzinfo=UTC)),
        ("2026-03-03T14:05:09Z", datetime(2026, 3, 3, 14, 5, 9, tzinfo=UTC)),
        ("2026-03-03T14:05+02:00", datetime(2026, 3, 3, 12, 5, tzinfo=UTC)),
        ("2026-03-03T00:00", datetime(2026, 3, 3, tzinfo=UTC)),
        ("2026-01-01T00:30+01:00", datetime(2025, 12, 31, 23, 30, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_utc_and_any_other_becomes_utc(text, expected):
    assert parse_moment(text) == expected
    assert parse_moment(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026", "2026-13-01", "2026-02-30", "03.03.2026", "2026-03-03T25:00", "now"],
)
def test_what_is_no_date_is_refused(text):
    with pytest.raises(InvalidReference) as caught:
        parse_moment(text)

    assert str(caught.value) == f"'{text}' is not a date"
    assert caught.value.hint == "write it as 2026-03-03 or 2026-03-03T14:00"


@pytest.mark.parametrize("text", ["0001-01-01T00:00+02:00", "9999-12-31T23:30-02:00"])
def test_a_moment_beyond_the_calendar_of_utc_is_refused(text):
    with pytest.raises(InvalidReference) as caught:
        parse_moment(text)

    assert str(caught.value) == f"'{text}' is not a date"


def test_what_a_terminal_would_act_on_is_escaped():
    with pytest.raises(InvalidReference) as caught:
        parse_moment("\x1b[2J")

    assert str(caught.value) == r"'\x1b[2J' is not a date"


@given(st.text(max_size=30) | st.datetimes().map(str) | st.dates().map(str))
def test_no_text_raises_anything_else(text):
    with suppress(InvalidReference):
        parse_moment(text)


def test_a_date_means_what_its_text_means():
    assert as_moment(date(2026, 3, 3)) == parse_moment("2026-03-03")


def test_a_datetime_means_what_its_text_means():
    paris = timezone(timedelta(hours=2))

    assert as_moment(datetime(2026, 3, 3)) == datetime(2026, 3, 3, tzinfo=UTC)
    assert as_moment(datetime(2026, 3, 3, 14, tzinfo=paris)) == datetime(2026, 3, 3, 12, tzinfo=UTC)
    assert as_moment("2026-03-03") == parse_moment("2026-03-03")


@given(st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1)), st.integers(-23, 23))
def test_what_the_store_writes_reads_back_to_the_second(moment, hours):
    zoned = moment.replace(microsecond=0, tzinfo=timezone(timedelta(hours=hours)))

    written = format_moment(zoned)

    assert parse_moment(written) == zoned
    assert written.endswith("Z")
