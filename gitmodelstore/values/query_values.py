"""How a value of a version compares with what somebody asks for.

Values of JSON compare with values of their own kind alone: a number is never equal to
a text, nor true to 1. Versions, releases, moments and people are text in a manifest,
and compare by what they mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timezone
from functools import lru_cache
from typing import Any

from gitmodelstore.errors import InvalidReference, InvalidVersion
from gitmodelstore.values.field_path import Kind
from gitmodelstore.values.moment import parse_moment
from gitmodelstore.values.query_words import Literal
from gitmodelstore.values.version import Version

_RELEASE = re.compile(r"v?([0-9]+(?:\.[0-9]+)*)(.*)", re.DOTALL)
_RUNS = re.compile(r"[0-9]+|[^0-9]+")
_MOST_RELEASE = 100  # characters; no package has a longer one


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to another, both included, as a manifest writes them: a day, a second."""

    first: str
    last: str


class Person(str):
    """Who a manifest names, "Name <address>"; also equal to either of the two alone."""

    __slots__ = ()

    def is_called(self, asked: str) -> bool:
        """Return whether a text names this person."""
        name, _, address = self.partition(" <")
        return asked in (str(self), name, address.removesuffix(">"))


class Unfit(Exception):
    """A literal that cannot be compared with values of a kind: says why, and the hint."""

    def __init__(self, message: str, hint: str | None) -> None:
        super().__init__(message)
        self.hint = hint


def wanted(literal: Literal, kind: Kind) -> Any:
    """Return what values of `kind` are compared with, for `reader_of(kind)`.

    Raises:
        Unfit: it is no version, or no moment.
    """
    if literal.value is None or kind in (Kind.PLAIN, Kind.PERSON):
        return literal.value
    try:
        if kind is Kind.VERSION:
            return Version.parse(literal.text)
        if kind is Kind.MOMENT:
            return span(literal.text)
    except (InvalidVersion, InvalidReference) as error:
        raise Unfit(str(error), error.hint) from None
    key = _release(literal.text)
    return literal.text if key is None else key


def reader_of(kind: Kind) -> Callable[[Any], Any]:
    """Return what turns a value of a manifest into what compares as `kind` says."""
    return {
        Kind.PLAIN: _as_it_is,
        Kind.VERSION: _version,
        Kind.RELEASE: _release_or_text,
        Kind.MOMENT: _as_it_is,
        Kind.PERSON: _person,
    }[kind]


def span(text: str) -> Span:
    """Return the day, or the second, that a text spells.

    Raises:
        InvalidReference: it is not a date of ISO 8601.
    """
    last = _written(parse_moment(text))
    try:
        return Span(f"{date.fromisoformat(text.strip()).isoformat()}T00:00:00Z", last)
    except ValueError:
        return Span(last, last)


def same(found: Any, asked: Any) -> bool:
    """Return whether a value is what is asked for."""
    if isinstance(asked, Span):
        return isinstance(found, str) and asked.first <= found <= asked.last
    for one, other in ((found, asked), (asked, found)):  # a field may stand on either side
        if isinstance(one, Person):
            return isinstance(other, str) and one.is_called(other)
    if isinstance(found, list) and isinstance(asked, list):
        return len(found) == len(asked) and all(map(same, found, asked))
    if isinstance(found, dict) and isinstance(asked, dict):
        return found.keys() == asked.keys() and all(same(found[key], asked[key]) for key in found)
    return _sort(found) == _sort(asked) and bool(found == asked)


def order(found: Any, asked: Any) -> int | None:
    """Return -1, 0 or 1 as a value is below, within or above what is asked; None for neither."""
    if isinstance(asked, Span):
        if not isinstance(found, str):
            return None
        return -1 if found < asked.first else 1 if found > asked.last else 0
    sort = _sort(found)
    if sort != _sort(asked) or sort not in (float, str, tuple, Version):
        return None
    return -1 if found < asked else 1 if found > asked else 0


def sort_key(value: Any) -> tuple[Any, ...]:
    """Return what sorts values of all kinds: numbers before text, before what is neither."""
    sort = _sort(value)
    if sort in (float, str, tuple, Version):
        return (("float", "Version", "tuple", "str").index(sort.__name__), value)
    return (9, json.dumps(value))


def contains(found: Any, part: str) -> bool:
    """Return whether a text, or one of a list of texts, holds a part, whatever their case.

    Args:
        found: a value of a manifest.
        part: what is looked for, case-folded.
    """
    if isinstance(found, str):
        return part in found.casefold()
    return isinstance(found, list) and any(
        isinstance(one, str) and part in one.casefold() for one in found
    )


def _sort(value: Any) -> type:
    """What may be compared with one another: all numbers, but true and false are none."""
    if isinstance(value, bool):
        return bool
    if isinstance(value, (int, float)):
        return float
    return str if isinstance(value, str) else type(value)


def _person(value: Any) -> Any:
    return Person(value) if isinstance(value, str) else value


def _as_it_is(value: Any) -> Any:
    return value


@lru_cache(maxsize=1 << 14)
def _parsed(text: str) -> Version | None:
    try:
        return Version.parse(text)
    except InvalidVersion:
        return None


def _version(value: Any) -> Any:
    return _parsed(value) if isinstance(value, str) else None


def _release_or_text(value: Any) -> Any:
    key = _release(value) if isinstance(value, str) else None
    return value if key is None else key


@lru_cache(maxsize=1 << 12)
def _release(text: str) -> tuple[Any, ...] | None:
    """Return what orders releases: 1.5rc1 < 1.5 = 1.5.0 < 1.5.post1 < 1.10; None for none.

    Source: the order of PEP 440, for the releases that packages really have.
    """
    found = _RELEASE.fullmatch(text) if len(text) <= _MOST_RELEASE else None
    if found is None:
        return None
    numbers = [int(number) for number in found[1].split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    rest = found[2].lstrip(".-_").lower()
    rank = 1 if not rest else 2 if rest.startswith(("post", "rev", "+")) else 0
    runs = tuple(
        (1, int(run), "") if run.isascii() and run.isdigit() else (0, 0, run)
        for run in _RUNS.findall(rest)
    )
    return tuple(numbers), rank, runs


def _written(moment: datetime) -> str:
    """Return a moment as manifests have it; unlike `strftime`, the year in four digits."""
    whole = moment.astimezone(timezone.utc).replace(microsecond=0, tzinfo=None)
    return f"{whole.isoformat()}Z"
