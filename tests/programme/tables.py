"""Documents drawn from the declared tables of fields: valid ones, and with one violation each.

`tests/values/strategies.py` says once more, independently, what is valid; here the
tables are walked, so that a field which somebody adds is covered without being written
twice. A kind of field that is not known here fails, until it is said how to draw it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import hypothesis
from hypothesis import strategies as st

from gitmodelstore.values import json as json_rules
from gitmodelstore.values.fields import (
    Boolean,
    Constant,
    Free,
    Integer,
    ListOf,
    MapOf,
    Nullable,
    Number,
    Record,
    Text,
)
from gitmodelstore.values.manifest import Manifest, Step

if TYPE_CHECKING:
    from gitmodelstore.values.fields import Kind

MOST = json_rules.GREATEST_INTEGER
HIDDEN = ("\x00", "\x07", "\x0b", "\r", "\x1b", "\x7f", "\x85", "\u200e", "\u202e", "\ufeff")
ODD_TEXTS = ("", "\n", "a\n", " ", "Ä", "x" * 300, "-", "..", "1.0.0\n", "2026-13-40T99:99:99Z")


# What is valid


@cache
def valid(cls: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of the declared fields, keys in the declared order; some optional ones left out."""

    @st.composite
    def objects(draw: st.DrawFn) -> dict[str, Any]:
        return {
            field.name: draw(of(field.kind))
            for field in cls.FIELDS
            if field.required or draw(st.booleans())
        }

    return objects()


@cache
def of(kind: Kind) -> st.SearchStrategy[Any]:
    """What a kind of field may hold."""
    for known, build in _KINDS.items():
        if isinstance(kind, known):
            return build(kind)
    raise TypeError(f"no values are known for fields of the kind {type(kind).__name__}")


def visible(text: str) -> bool:
    return json_rules.hidden_character(text) is None


_VISIBLE = st.characters(
    exclude_categories=("Cs",),
    exclude_characters=[c for c in map(chr, range(0x10000)) if not visible(c) and c < "\ud800"]
    + [c for c in map(chr, range(0xE000, 0x10000)) if not visible(c)],
)


def _text(kind: Any) -> st.SearchStrategy[str]:
    if isinstance(kind, Constant):
        return st.just(kind._value)
    if kind._pattern is None:
        return st.text(_VISIBLE, max_size=8)
    if "T(?:" in kind._pattern.pattern:  # a time, of which the calendar has a word too
        return st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1)).map(
            lambda moment: moment.replace(tzinfo=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        )
    found = st.from_regex(kind._pattern.pattern, fullmatch=True)
    return found.filter(lambda text: visible(text) and len(text) < 200)


def _numbers(_: Any = None) -> st.SearchStrategy[float]:
    return st.integers(-MOST, MOST) | st.floats(allow_nan=False, allow_infinity=False)


def _free(_: Any = None) -> st.SearchStrategy[Any]:
    texts = _text(Text())
    return st.recursive(
        st.none() | st.booleans() | _numbers() | texts,
        lambda held: st.lists(held, max_size=2) | _sorted_maps(texts, held),
        max_leaves=4,
    )


def _sorted_maps(keys: st.SearchStrategy[str], values: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(keys, values, max_size=2).map(lambda held: dict(sorted(held.items())))


def _list(kind: Any) -> st.SearchStrategy[list[Any]]:
    recurs = isinstance(kind._kind, Record) and kind._kind._cls is Step
    return st.lists(st.deferred(lambda: of(kind._kind)), max_size=1 if recurs else 2)


_KINDS: dict[type, Callable[[Any], st.SearchStrategy[Any]]] = {
    Text: _text,
    Integer: lambda _: st.integers(0, MOST),
    Number: _numbers,
    Boolean: lambda _: st.booleans(),
    Free: _free,
    Nullable: lambda kind: st.none() | of(kind._kind),
    ListOf: _list,
    MapOf: lambda kind: _sorted_maps(_text(kind._key), of(kind._kind)),
    Record: lambda kind: valid(kind._cls),
}


@st.composite
def manifests(draw: st.DrawFn) -> dict[str, Any]:
    """Valid manifests: of the table, and with what holds between its fields."""
    value = draw(valid(Manifest))
    value["parent"] = None
    if value["version"] > "1" and value["version"][0].isdigit() and draw(st.booleans()):
        value["parent"] = "0.0.0-0"
    code = value["code"]
    if code is not None and not code["dirty"]:
        code["diff"] = None
    paths = dict.fromkeys(["pipeline.joblib", *(entry["path"] for entry in value["artifacts"])])
    entry = draw(valid(_record_of(Manifest, "artifacts")))
    rest = {held["path"]: held for held in value["artifacts"]}
    value["artifacts"] = [{**rest.get(path, entry), "path": path} for path in paths]
    # Steps recur without a bound; one level is left for what spoils the document.
    hypothesis.assume(not json_rules.nests_too_deep(value, json_rules.MOST_LEVELS - 1))
    return value


def _record_of(cls: type[Any], name: str) -> type[Any]:
    kind: Any = next(field.kind for field in cls.FIELDS if field.name == name)
    while not isinstance(kind, Record):
        kind = kind._kind
    return kind._cls


# One violation at a time


class Violation(NamedTuple):
    """What spoils a document.

    Attributes:
        where: what the refusal must name.
        what: the rule that is broken, to count them.
        spoil: does it, to the container that holds the place.
        way: keys and indexes that lead to that container.
    """

    where: str
    what: str
    spoil: Callable[[Any], None]
    way: tuple[str | int, ...]


def violations(cls: type[Any], value: dict[str, Any]) -> list[Violation]:
    """Everything that one change can do to a valid document against the table."""
    return list(_of_record(cls, value, "", ()))


def spoiled(value: dict[str, Any], violation: Violation) -> dict[str, Any]:
    held = copy.deepcopy(value)
    place: Any = held
    for key in violation.way:
        place = place[key]
    violation.spoil(place)
    return held


def faulty() -> st.SearchStrategy[tuple[dict[str, Any], Violation]]:
    """Valid manifests, each with something that spoils it: of each kind as often."""

    def spoiling(value: dict[str, Any]) -> st.SearchStrategy[Violation]:
        by_kind: dict[str, list[Violation]] = {}
        for violation in violations(Manifest, value):
            by_kind.setdefault(violation.what, []).append(violation)
        return st.sampled_from(list(by_kind.values())).flatmap(st.sampled_from)

    return manifests().flatmap(lambda value: st.tuples(st.just(value), spoiling(value)))


def spoiled_manifests() -> st.SearchStrategy[dict[str, Any]]:
    return faulty().map(lambda case: spoiled(*case))


def _put(key: str | int, odd: Any) -> Callable[[Any], None]:
    def spoil(holder: Any) -> None:
        holder[key] = odd

    return spoil


def _take(key: str) -> Callable[[Any], None]:
    def spoil(holder: Any) -> None:
        del holder[key]

    return spoil


def _of_record(
    cls: type[Any], value: Any, where: str, way: tuple[str | int, ...]
) -> Iterator[Violation]:
    yield Violation(json_rules.join(where, "odd"), "unknown key", _put("odd", 1), way)
    for field in cls.FIELDS:
        path = json_rules.join(where, field.name)
        if field.required:
            yield Violation(path, "missing key", _take(field.name), way)
        if field.name in value:
            yield from _of_kind(field.kind, value[field.name], path, way, field.name)


def _of_kind(
    kind: Any, value: Any, where: str, way: tuple[str | int, ...], key: str | int
) -> Iterator[Violation]:
    """Yield what can be done to one value: another type, out of bounds, or something within."""

    def odd(what: str, held: Any) -> Violation:
        return Violation(where, what, _put(key, held), way)

    if isinstance(kind, Nullable):
        others = _of_kind(kind._kind, value, where, way, key)
        yield from (found for found in others if found.what != "null")
        return
    for name, held in {"null": None, "text": "1", "number": 1.5, "list": [], "map": {}}.items():
        if not _fits_type(kind, name):
            yield odd(name if name == "null" else "another type", held)
    if isinstance(kind, Text):
        yield from (odd("hidden character", f"a{hidden}") for hidden in HIDDEN)
        if kind._pattern:
            texts = (text for text in ODD_TEXTS if not kind._pattern.fullmatch(text))
            yield from (odd("another pattern", text) for text in texts)
    elif isinstance(kind, Integer):
        yield from (odd("out of bounds", held) for held in (-1, MOST + 1, True, 0.5))
    elif isinstance(kind, Number):
        yield from (odd("out of bounds", held) for held in (MOST + 1, True, "NaN"))
    elif isinstance(kind, (ListOf, MapOf, Record)) and value is not None:
        yield from _within(kind, value, where, (*way, key))


def _within(kind: Any, value: Any, where: str, way: tuple[str | int, ...]) -> Iterator[Violation]:
    if isinstance(kind, Record):
        yield from _of_record(kind._cls, value, where, way)
    elif isinstance(kind, ListOf):
        for index, held in enumerate(value):
            yield from _of_kind(kind._kind, held, f"{where}[{index}]", way, index)
    else:
        for key, held in value.items():
            yield from _of_kind(kind._kind, held, json_rules.join(where, key), way, key)
        if kind._key._pattern and value:
            one = next(iter(value.values()))
            texts = (text for text in ODD_TEXTS if not kind._key._pattern.fullmatch(text))
            for text in texts:
                yield Violation(f"{where} (key)", "key of another pattern", _put(text, one), way)


def _fits_type(kind: Any, name: str) -> bool:
    """Whether a value of that type is one of this kind, or may be by its pattern."""
    fits = {
        Text: ("text",),
        Integer: (),
        Number: ("number",),
        Boolean: (),
        Free: ("null", "text", "number", "list", "map"),
        ListOf: ("list",),
        MapOf: ("map",),
        Record: ("map",),
    }
    return any(name in names for known, names in fits.items() if isinstance(kind, known))
