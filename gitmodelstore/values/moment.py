"""Points in time, as people type them and as the store writes them."""

from __future__ import annotations

import re
from datetime import datetime, time, timezone

from gitmodelstore.errors import InvalidReference


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
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InvalidReference(
            f"'{text}' is not a date", hint="write it as 2026-03-03 or 2026-03-03T14:00"
        ) from error
    if re.fullmatch(r"[0-9-]+", text.strip()):
        moment = datetime.combine(moment.date(), time(23, 59, 59))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc)


def format_moment(moment: datetime) -> str:
    """Return `moment` as the store writes times: UTC, whole seconds.

    >>> format_moment(parse_moment("2026-03-03T14:05:09"))
    '2026-03-03T14:05:09Z'
    """
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
