"""The names that people choose: models, statuses, metrics.

Source of the model rule: the intersection of what git refs, GTO tags, DVC,
MLflow, BentoML and the file systems of Linux, macOS and Windows accept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, time, timezone

from gitmodelstore.errors import InvalidName, InvalidReference

MODEL_PATTERN = (
    r"(?!(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?![a-z0-9_-]))"
    r"(?![a-z0-9_-]{64})[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?"
)
STATUS_PATTERN = r"(?!(?:latest|greatest)(?![a-z0-9-]))[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?"
METRIC_PATTERN = r"[A-Za-z_][A-Za-z0-9_.@-]{0,99}"

# The statuses of a store that names no others.
REGISTERED = "registered"
STAGING = "staging"
PRODUCTION = "production"
ARCHIVED = "archived"
WITHDRAWN = "withdrawn"
STATUSES = (REGISTERED, STAGING, PRODUCTION, ARCHIVED, WITHDRAWN)

_MODEL = re.compile(MODEL_PATTERN)
_STATUS = re.compile(STATUS_PATTERN)
_METRIC = re.compile(METRIC_PATTERN)


def model_name(text: str) -> str:
    """Return `text` if it is a model name; InvalidName, with a near one as hint, otherwise."""
    if isinstance(text, str) and _MODEL.fullmatch(text):
        return text
    raise InvalidName(f"{quoted(text)} is not a model name", hint=_model_advice(text))


def status_name(text: str) -> str:
    """Return `text` if it can name a status.

    Raises:
        InvalidName: not lower-case words joined by hyphens, or a word of the reference grammar.
    """
    if isinstance(text, str) and _STATUS.fullmatch(text):
        return text
    raise InvalidName(
        f"{quoted(text)} is not a status name",
        hint="use lower-case letters, digits and hyphens, such as 'shadow' or 'pre-production'",
    )


def metric_name(text: str) -> str:
    """Return `text` if it can name a metric: letters, digits and `_.@-`; InvalidName otherwise."""
    if isinstance(text, str) and _METRIC.fullmatch(text):
        return text
    raise InvalidName(
        f"{quoted(text)} is not a metric name",
        hint="use letters, digits and _ . @ -, beginning with a letter, such as 'test_auc'",
    )


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that `word` most likely means, None when none is near."""
    import difflib  # for a slip only: it takes longer to import than all of this module

    words = list(known)
    begun = [other for other in words if len(word) > 2 and other.startswith(word)]
    close = begun or difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return close[0] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the hint for a near miss, None when nothing is near."""
    near = nearest(word, known)
    return f"did you mean '{near}'?" if near else None


def quoted(text: object) -> str:
    """Return `text` between quotes for a message; what a terminal would act on is escaped."""
    return f"'{text}'" if isinstance(text, str) and text.isprintable() else ascii(text)


def _model_advice(text: object) -> str:
    rule = "use lower-case letters, digits, - and _, at most 63, ending in a letter or digit"
    if not isinstance(text, str):
        return rule
    near = re.sub(r"[^a-z0-9_-]+", "-", text.lower())[:63].strip("-_")
    return f"{rule}, such as '{near}'" if near and _MODEL.fullmatch(near) else rule


# Points in time, as people type them and as the store writes them.


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
    """Return the moment that a caller gave, in UTC, by the rules of `parse_moment`."""
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
