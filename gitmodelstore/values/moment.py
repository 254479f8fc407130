"""Points in time, as people type them and as the store writes them."""

from __future__ import annotations

from datetime import date, datetime, time, timezone

from gitmodelstore.errors import InvalidReference
from gitmodelstore.values.names import quoted

_LAST_SECOND = time(23, 59, 59)
# What a year of four digits can say in every zone; git takes any number for a date.
_EARLIEST = int(datetime(1, 1, 2, tzinfo=timezone.utc).timestamp())
_LATEST = int(datetime(9999, 12, 30, tzinfo=timezone.utc).timestamp())


def parse_moment(text: str) -> datetime:
    """Return the moment that `text` spells, in UTC.

    A day alone means its last second, so that "on 3 March" sees what that day
    brought. A time without a zone is UTC.

    >>> parse_moment("2026-03-03").isoformat()
    '2026-03-03T23:59:59+00:00'
    >>> parse_moment("2026-03-03 14:00+02:00").isoformat()
    '2026-03-03T12:00:00+00:00'

    Raises:
        InvalidReference: `text` is not a date of ISO 8601.
    """
    written = text.strip()
    try:
        day = _day(written)
        moment = datetime.combine(day, _LAST_SECOND) if day else datetime.fromisoformat(written)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):  # in UTC it can lie before year 1
        raise InvalidReference(
            f"{quoted(text)} is not a date", hint="write it as 2026-03-03 or 2026-03-03T14:00"
        ) from None


def parse_since(text: str) -> datetime:
    """Return the moment from which on things are meant, in UTC: of a day alone its first second.

    >>> parse_since("2026-03-03").isoformat()
    '2026-03-03T00:00:00+00:00'

    Raises:
        InvalidReference: as in `parse_moment`.
    """
    moment = parse_moment(text)
    return datetime.combine(moment, time(), timezone.utc) if _day(text.strip()) else moment


def as_moment(value: str | date) -> datetime:
    """Return the moment that a caller gave, in UTC: text, a date or a datetime.

    What `parse_moment` says of days and zones holds for each of them.

    Raises:
        InvalidReference: text that is not a date of ISO 8601.
    """
    return parse_moment(value.isoformat() if isinstance(value, date) else value)


def _day(text: str) -> date | None:
    """Return the day that `text` spells, None when it says more or something else."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def from_seconds(seconds: int) -> datetime:
    """Return the moment that git writes as a number of seconds since 1970.

    One that no calendar of four digits has counts as the nearest that it has.

    >>> from_seconds(0).isoformat()
    '1970-01-01T00:00:00+00:00'
    """
    return datetime.fromtimestamp(min(max(seconds, _EARLIEST), _LATEST), timezone.utc)


def format_moment(moment: datetime) -> str:
    """Return `moment` as the store writes times: UTC, whole seconds.

    >>> format_moment(parse_moment("2026-03-03T14:05:09"))
    '2026-03-03T14:05:09Z'
    """
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
