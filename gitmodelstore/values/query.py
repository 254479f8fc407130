"""What may be asked of all versions: the expressions of `search`.

    metrics.test_auc > 0.9 and status == "production" and data.train.rows >= 1000

    expression  any { "or" any }           any   one { "and" one }
    one         "not" one | "(" expression ")" | condition
    condition   value sign value | value ["not"] "in" value | value "~" text | name
    sign        == != < <= > >=            value name | text | number | date | list | null …

Read by recursive descent, into small objects that say of one version whether it holds.
Nothing of an expression is ever run as code. docs/search.md is the reference.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from enum import Enum
from functools import lru_cache

from gitmodelstore.errors import InvalidQuery, InvalidVersion, StoreError
from gitmodelstore.lean import Any, NamedTuple, Protocol, dataclass, pattern
from gitmodelstore.values.manifest import manifest_schema
from gitmodelstore.values.names import Version, did_you_mean, parse_moment, quoted

# Names of what a version is made of, as `metrics.test_auc`: which there are, and their values. A
# name follows the keys of manifest.json; its JSON Schema says which there are where the format does
# not leave them free. `status` and `annotations` are names too, and `params` is short for
# `pipeline.params`. A list of records is asked by what tells them apart: `data.train.rows`,
# `features.income.dtype`, and as a whole is the list of those names. Null and missing are the same.

STATUS = "status"
ANNOTATIONS = "annotations"  # what is said of a version after it was registered, by key
SHORT = {"params": ("pipeline", "params")}
# Which key tells the records of a list apart, by the key under which the list stands.
_TOLD_APART_BY = {
    "artifacts": "path",
    "columns": "name",
    "data": "role",
    "features": "name",
    "steps": "name",
}
# What takes most of a manifest and is asked for least: not in what is kept for searches.
LEFT_OUT = {"artifacts": "globals", "data": "columns"}


class ValueKind(Enum):
    """How the values of a name compare."""

    PLAIN = "as JSON has them"
    VERSION = "SemVer order"
    RELEASE = "releases of packages, of Python, of data sets"
    MOMENT = "moments"
    PERSON = "the name, the address, or both as `Name <address>`"


class VersionRecord(Protocol):
    """One version that a query looks at; `whole` includes what is LEFT_OUT."""

    def get(self, key: str) -> Any: ...
    def whole(self, key: str) -> Any: ...


class UnknownName(Exception):
    """A name that no manifest can have."""

    def __init__(self, message: str, *, index: int, hint: str) -> None:
        super().__init__(message)
        self.index = index  # of the part that is wrong
        self.hint = hint


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A name that a manifest may have, "status", or an annotation."""

    text: str  # as it was written
    parts: tuple[str, ...]  # the keys that lead there, written in full
    kind: ValueKind  # how its values compare

    @classmethod
    def of(cls, text: str, written: tuple[str, ...]) -> FieldPath:
        """Return the name whose parts are `written`; UnknownName where no manifest can have it."""
        parts = (*SHORT.get(written[0], written[:1]), *written[1:])
        _check(parts, len(parts) - len(written))
        return cls(text, parts, _kind(parts))

    def value(self, record: VersionRecord) -> Any:
        """Return what a version has there; None if it has nothing."""
        key = self.parts[0]
        is_left_out = LEFT_OUT.get(key) in self.parts[1:]
        return self.below(record.whole(key) if is_left_out else record.get(key))

    def below(self, value: Any) -> Any:
        """Return the same, of what a version has at its first part."""
        key, *below = self.parts
        return _below(value, below, key)

    def above(self) -> Iterator[FieldPath]:
        """Yield what leads to it, from the first part on, itself included."""
        for count in range(1, len(self.parts) + 1):
            parts = self.parts[:count]
            yield FieldPath(".".join(parts), parts, self.kind)


def _below(value: Any, parts: list[str], key: str) -> Any:
    """Return what lies below a value; names may hold dots, as `precision.at.10` does."""
    apart = _TOLD_APART_BY.get(key)
    if isinstance(value, list) and apart and all(isinstance(one, dict) for one in value):
        if not parts:
            return [one.get(apart) for one in value]
        value = {one.get(apart): one for one in reversed(value)}  # the first of a name counts
    if not parts or not isinstance(value, dict):
        return None if parts else value
    for taken in range(1, len(parts) + 1):
        name = ".".join(parts[:taken])
        if name in value:
            below = _below(value[name], parts[taken:], name)
            if below is not None:
                return below
    return None


def _kind(parts: tuple[str, ...]) -> ValueKind:
    if parts in (("version",), ("parent",), ("baseline", "version")):
        return ValueKind.VERSION
    if parts in (("created_at",), ("trained_at",)):
        return ValueKind.MOMENT
    if parts == ("author",):
        return ValueKind.PERSON
    is_release = parts == ("environment", "python") or parts[:2] == ("environment", "pins")
    return ValueKind.RELEASE if is_release or parts[::2] == ("data", "version") else ValueKind.PLAIN


@lru_cache(maxsize=1)
def _schema() -> dict[str, Any]:
    return manifest_schema()


def top_names() -> list[str]:
    """Return what a name can begin with."""
    return [STATUS, *SHORT, *_schema()["properties"], ANNOTATIONS]


def _check(parts: tuple[str, ...], added: int) -> None:
    """Refuse a name that no manifest can have; `added` is by how many parts it was lengthened."""
    if parts[0] == STATUS:
        if parts[1:]:
            raise UnknownName("'status' has no parts", index=1, hint="write status alone")
        return
    if parts[0] == ANNOTATIONS:
        return  # the keys are free, and may hold dots
    schema = _schema()["properties"].get(parts[0])
    if schema is None:
        names = top_names()
        hint = did_you_mean(parts[0], names) or f"there are {', '.join(names)}"
        raise UnknownName(f"no field {quoted(parts[0])}", index=0, hint=hint)
    for index, part in enumerate(parts[1:], start=1):
        schema = _inner(schema)
        if "items" in schema:
            if "properties" not in (inner := _inner(schema["items"])):
                raise _no_parts(parts, index, added)
            if parts[index - 1] != "data":
                return  # the name may hold dots, which only a role may not
            schema = inner
        elif "properties" in schema:
            names = schema["properties"]
            if part not in names:
                hint = did_you_mean(part, names) or f"there are {', '.join(names)}"
                what = f"no {quoted(part)} in '{parts[index - 1]}'"
                raise UnknownName(what, index=index - added, hint=hint)
            schema = names[part]
        elif schema.get("type") == "object" or "$ref" in schema:
            return  # its keys are free, and may hold dots
        else:
            raise _no_parts(parts, index, added)


def _no_parts(parts: tuple[str, ...], index: int, added: int) -> UnknownName:
    name = ".".join(parts[:index])
    return UnknownName(f"'{name}' has no parts", index=index - added, hint=f"write {name} alone")


def _inner(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a part of the schema without "or null", and without the reference to a step."""
    for one in schema.get("anyOf", ()):
        if one.get("type") != "null":
            return _inner(one)
    if schema.get("$ref") == "#/$defs/step":
        step: Mapping[str, Any] = _schema()["$defs"]["step"]
        return step
    return schema


# A manifest cut at its top-level keys, without parsing it: for reading thousands of them.

_INDENT = pattern(rb"\n *")
_TYPES: dict[str, type] = {"object": dict, "array": list, "string": str}
_MOST_REMEMBERED = 1 << 15

Rule = Callable[[Any], bool]


def keys() -> tuple[str, ...]:
    """Return the top-level keys of a manifest."""
    return tuple(_schema()["properties"])


_BULKY = tuple(f'{key}": ['.encode() for key in LEFT_OUT)  # how sections with bulk begin
_BULK = pattern(
    rf'(\n {{6}}"(?:{"|".join(LEFT_OUT.values())})": )\[\n(?: {{7}}[^\n]*+\n)*+ {{6}}\]'.encode()
)


class Cutter:
    """Reads manifests, and what it meets again only once."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[str, bytes]] = {}
        schema = _schema()
        self._required = frozenset(schema["required"])
        # For each top-level key what says of a value whether it is of the right type.
        self._rules = {key: _rule(inner) for key, inner in schema["properties"].items()}

    def read(self, data: bytes) -> dict[str, bytes] | None:
        """Return the JSON of each key on one line, without LEFT_OUT; None of other layouts."""
        if not (data.startswith(b'{\n  "') and data.endswith(b"\n}\n")):
            return None
        texts: dict[str, bytes] = {}
        parts = data[5:-3].split(b'\n  "')
        if not all(part.endswith(b",") for part in parts[:-1]):
            return None
        parts[-1] += b","
        for part in parts:
            if part.startswith(_BULKY):
                part = _BULK.sub(rb"\1null", part)
            section = self._known.get(part)
            if section is None:
                section = self._section(part)
                if section is None:
                    return None
                if len(self._known) >= _MOST_REMEMBERED:
                    self._known.clear()
                self._known[part] = section
            key, text = section
            if key in texts:
                return None
            texts[key] = text
        return texts if self._required <= texts.keys() else None

    def _section(self, part: bytes) -> tuple[str, bytes] | None:
        """Return the key of a section and its JSON on one line; None if it is not such a thing."""
        name, colon, text = part[:-1].partition(b'": ')
        rule = self._rules.get(name.decode("ascii", "replace"))
        if not colon or rule is None:
            return None
        line = _INDENT.sub(b"", text) if b"\n" in text else text
        try:
            spelled = line.decode()
            value, end = _DECODER.raw_decode(spelled)
        except (ValueError, RecursionError):
            return None
        return (name.decode(), line) if end == len(spelled) and rule(value) else None


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def _rule(schema: dict[str, Any]) -> Rule:
    if "anyOf" in schema:
        inner = _rule(next(one for one in schema["anyOf"] if one.get("type") != "null"))
        return lambda value: value is None or inner(value)
    if "const" in schema:
        return lambda value: bool(value == schema["const"])
    if "pattern" in schema:
        pattern = re.compile(schema["pattern"])
        return lambda value: isinstance(value, str) and pattern.search(value) is not None
    wanted = _TYPES[schema["type"]]
    return lambda value: isinstance(value, wanted)


# The words of a search expression, and what is said of one that is none.

MOST_CHARACTERS = 4000
_SHOWN = 72  # characters of a long expression, around the place that is meant
_WORDS = {"true": True, "false": False, "null": None, "none": None}
KEYWORDS = ("and", "or", "not", "in")

_STRING = r'"(?:[^"\\]|\\.)*"|' + r"'(?:[^'\\]|\\.)*'"
_TOKEN = pattern(
    rf"""
    (?P<space> \s+ )
  | (?P<text> {_STRING} )
  | (?P<moment> [0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}
        (?: T[0-9]{{2}}:[0-9]{{2}} (?: :[0-9]{{2}} )? (?: Z | [+-][0-9]{{2}}:[0-9]{{2}} )? )?
        (?![\w.-]) )
  | (?P<version> [0-9]+\.[0-9]+\.[0-9]+ (?: -[0-9A-Za-z.-]+ )? (?![\w.+]) )
  | (?P<number> [+-]? (?: [0-9]+ (?: \.[0-9]* )? | \.[0-9]+ ) (?: [eE][+-]?[0-9]+ )? (?![\w.]) )
  | (?P<name> [^\W0-9][\w@-]* (?: \. (?: [\w@-]+ | {_STRING} ) )* )
  | (?P<sign> == | != | <= | >= | [<>~()\[\],] )
    """,
    re.VERBOSE | re.DOTALL,
)
_PART = pattern(rf"{_STRING}|[^.]+", re.DOTALL)
_ESCAPED = pattern(r"\\(.)", re.DOTALL)
_QUOTES = "write text in quotes, and a name with such a character too"
_ELSEWHERE = {
    "=": "write == to compare",
    "&": "write `and`",
    "|": "write `or`",
    "!": "write `not`, or != to compare",
    "`": 'write text in quotes: "production"',
}


class Token(NamedTuple):
    """A word of an expression; also a value that stands in one."""

    kind: str  # "text", "number", "moment", "version", "word" (true, null …), "name", "sign", "end"
    text: str  # as written; of a text without quotes and escapes, of a keyword in lower case
    at: int  # where it begins, from 0
    value: Any = None  # of a text, number or word


def tokens(source: str) -> Iterator[Token]:
    """Yield the words of an expression, and its end; InvalidQuery if something is not a word."""
    if len(source) > MOST_CHARACTERS:
        what = f"the expression has {len(source)} characters, more than {MOST_CHARACTERS}"
        raise InvalidQuery(what, hint="split it into several searches")
    at = 0
    while at < len(source):
        word = _TOKEN.match(source, at)
        if word is None:
            raise _no_word(source, at)
        if word.lastgroup != "space":
            yield _token(source, word)
        at = word.end()
    yield Token("end", "", len(source))


def wrong(
    source: str, at: int, message: str, hint: str | None = None, *, unknown: str | None = None
) -> InvalidQuery:
    """Return the error for what is wrong at one place of an expression."""
    start = max(0, min(at - _SHOWN // 2, len(source) - _SHOWN))
    end = start + _SHOWN
    before, after = "…" * (start > 0), "…" * (end < len(source))
    line = f"{before}{source[start:end]}{after}"
    shown = "".join(c if c.isprintable() else " " for c in line)
    caret = " " * (at - start + len(before)) + "^"
    return InvalidQuery(
        f"column {at + 1}: {message}", (shown, caret), column=at + 1, unknown=unknown, hint=hint
    )


def together(errors: Sequence[InvalidQuery]) -> InvalidQuery:
    """Return one error for several of one expression, in their order; the hint is the first's."""
    first, *others = errors
    if not others:
        return first
    shown: dict[str, str] = {}  # line to carets
    for error in errors:
        line, caret = error.excerpt
        before = shown.get(line, "")
        shown[line] = before + caret[len(before) :] if len(caret) > len(before) else before
    return InvalidQuery(
        "; ".join(error.summary for error in errors),
        [part for pair in shown.items() for part in pair],
        column=first.column,
        unknown=first.unknown,
        hint=first.hint,
    )


def _token(source: str, word: re.Match[str]) -> Token:
    kind, text, at = str(word.lastgroup), word[0], word.start()
    if kind == "text":
        value = _unquoted(text)
        return Token(kind, value, at, value)
    if kind == "number":
        number = float(text) if set(text) & set(".eE") else int(text)
        if not math.isfinite(number):
            raise wrong(source, at, f"{text} is not a finite number", "write a smaller one")
        return Token(kind, text, at, number)
    if kind == "name" and text.lower() in KEYWORDS:
        return Token("sign", text.lower(), at)
    if kind == "name" and text.lower() in _WORDS:
        return Token("word", text, at, _WORDS[text.lower()])
    return Token(kind, text, at, text)


def _unquoted(text: str) -> str:
    return _ESCAPED.sub(r"\1", text[1:-1])


def _no_word(source: str, at: int) -> InvalidQuery:
    char = source[at]
    if char in "\"'":
        return wrong(source, at, "the text is not closed", f"close it with {char}")
    word = re.match(r"[\w.@+-]+", source[at:])
    if word and char.isdigit():
        return wrong(
            source,
            at,
            f"{quoted(word[0])} is not a number, date or version",
            f'write text in quotes: "{word[0]}"',
        )
    return wrong(source, at, f"{quoted(char)} means nothing here", _ELSEWHERE.get(char, _QUOTES))


# How a value of a version compares with what somebody asks for.

_RELEASE = pattern(r"v?([0-9]+(?:\.[0-9]+)*)(.*)", re.DOTALL)
_RUNS = pattern(r"[0-9]+|[^0-9]+")
_MOST_RELEASE = 100  # characters; no package has a longer one


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to another, both included, as a manifest writes them: a day, a second."""

    first: str
    last: str


class Person(str):
    """Who a manifest names, "Name <address>"; also equal to either of the two alone."""

    __slots__ = ()

    def is_called(self, text: str) -> bool:
        """Return whether a text names this person."""
        name, _, address = self.partition(" <")
        return text in (str(self), name, address.removesuffix(">"))


def wanted(literal: Token, kind: ValueKind) -> Any:
    """Return what values of `kind` are compared with; InvalidVersion or InvalidReference."""
    if literal.value is None or kind in (ValueKind.PLAIN, ValueKind.PERSON):
        return literal.value
    if kind is ValueKind.VERSION:
        return Version.parse(literal.text)
    if kind is ValueKind.MOMENT:
        return span(literal.text)
    return _release_or_text(literal.text)


def span(text: str) -> Span:
    """Return the day, or the second, that a text spells; InvalidReference if it is not a date."""
    moment = parse_moment(text).replace(microsecond=0, tzinfo=None)
    last = f"{moment.isoformat()}Z"  # unlike `strftime`, the year in four digits
    try:
        return Span(f"{date.fromisoformat(text.strip()).isoformat()}T00:00:00Z", last)
    except ValueError:
        return Span(last, last)


def same(value: Any, operand: Any) -> bool:
    """Return whether a value is what is asked for."""
    if isinstance(operand, Span):
        return isinstance(value, str) and operand.first <= value <= operand.last
    for one, other in ((value, operand), (operand, value)):  # a field may stand on either side
        if isinstance(one, Person):
            return isinstance(other, str) and one.is_called(other)
    if isinstance(value, list) and isinstance(operand, list):
        return len(value) == len(operand) and all(map(same, value, operand))
    if isinstance(value, dict) and isinstance(operand, dict):
        return value.keys() == operand.keys() and all(
            same(value[key], operand[key]) for key in value
        )
    return _sort(value) == _sort(operand) and bool(value == operand)


def order(value: Any, operand: Any) -> int | None:
    """Return -1, 0 or 1 as a value is below, within or above what is asked; None for neither."""
    if isinstance(operand, Span):
        if not isinstance(value, str):
            return None
        return -1 if value < operand.first else 1 if value > operand.last else 0
    sort = _sort(value)
    if sort != _sort(operand) or sort not in (float, str, tuple, Version):
        return None
    return -1 if value < operand else 1 if value > operand else 0


def sort_key(value: Any) -> tuple[Any, ...]:
    """Return what sorts values of all kinds: numbers before text, before what is neither."""
    sort = _sort(value)
    if sort in (float, str, tuple, Version):
        return (("float", "Version", "tuple", "str").index(sort.__name__), value)
    return (9, json.dumps(value))


def contains(value: Any, part: str) -> bool:
    """Return whether a text, or one of a list, holds the case-folded `part`, whatever its case."""
    if isinstance(value, str):
        return part in value.casefold()
    return isinstance(value, list) and any(
        isinstance(one, str) and part in one.casefold() for one in value
    )


def _sort(value: Any) -> type:
    """What may be compared with each other: all numbers, but not true and false."""
    if isinstance(value, bool):
        return bool
    if isinstance(value, (int, float)):
        return float
    return str if isinstance(value, str) else type(value)


@lru_cache(maxsize=1 << 14)
def _parsed(text: str) -> Version | None:
    try:
        return Version.parse(text)
    except InvalidVersion:
        return None


def _release_or_text(value: Any) -> Any:
    key = _release(value) if isinstance(value, str) else None
    return value if key is None else key


@lru_cache(maxsize=1 << 12)
def _release(text: str) -> tuple[Any, ...] | None:
    """Return what orders releases, as PEP 440: 1.5rc1 < 1.5 = 1.5.0 < 1.5.post1 < 1.10; or None."""
    parts = _RELEASE.fullmatch(text) if len(text) <= _MOST_RELEASE else None
    if parts is None:
        return None
    numbers = [int(number) for number in parts[1].split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    rest = parts[2].lstrip(".-_").lower()
    rank = 1 if not rest else 2 if rest.startswith(("post", "rev", "+")) else 0
    runs = tuple(
        (1, int(run), "") if run.isascii() and run.isdigit() else (0, 0, run)
        for run in _RUNS.findall(rest)
    )
    return tuple(numbers), rank, runs


# What turns a value of a manifest into what compares as its kind says.
READERS: dict[ValueKind, Callable[[Any], Any]] = {
    ValueKind.PLAIN: lambda value: value,
    ValueKind.VERSION: lambda value: _parsed(value) if isinstance(value, str) else None,
    ValueKind.RELEASE: _release_or_text,
    ValueKind.MOMENT: lambda value: value,
    ValueKind.PERSON: lambda value: Person(value) if isinstance(value, str) else value,
}


# The parts of an expression of `search`: each says of a version whether it holds.

ORDERS: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

Condition = Callable[[VersionRecord], bool]
Side = Callable[[VersionRecord], Any]  # of a comparison: what it is of a version; None for nothing


def _not(condition: Condition) -> Condition:
    """The other answer, where something is missing too."""
    return lambda record: not condition(record)


def _compared(left: Side, sign: str, right: Side) -> Condition:
    """`left sign right`; false where a version lacks either."""

    def holds(record: VersionRecord) -> bool:
        one, other = left(record), right(record)
        if one is None or other is None:
            return False
        if sign in ("==", "!="):
            return same(one, other) is (sign == "==")
        place = order(one, other)
        return place is not None and ORDERS[sign](place, 0)

    return holds


def _among(left: Side, right: Side) -> Condition:
    """`left in right`: one of a list, or a key of an object; false where either is missing."""

    def holds(record: VersionRecord) -> bool:
        one, others = left(record), right(record)
        if one is None or not isinstance(others, (list, dict)):
            return False
        return any(same(one, other) for other in others)

    return holds


MOST_LEVELS = 50  # parentheses and `not` in one another

_AS_IN = "as in `metrics.test_auc > 0.9`"
_AS_A_LIST = 'as in `status in ["staging", "production"]`'
_SIGNS = ("==", "!=", *ORDERS)


@dataclass(frozen=True, slots=True)
class Query:
    """An expression that was understood."""

    text: str  # as it was written
    names: tuple[FieldPath, ...]  # that it asks for, each once, in order
    matches: Condition
    equals: tuple[tuple[FieldPath, str], ...]  # each field with a text that it is to be, or may be

    @classmethod
    def parse(cls, text: str) -> Query:
        """Return what an expression asks; InvalidQuery where that cannot be understood."""
        reader = _QueryParser(text)
        errors = reader.unknown
        try:
            condition = reader.whole()
            if not errors:
                return cls(text, tuple(reader.names.values()), condition, tuple(reader.equals))
        except InvalidQuery as error:  # of a frame for each level of it
            if error.column not in [one.column for one in errors]:
                errors.append(error.with_traceback(None))
        raise together(errors) from None


Value = FieldPath | Token | list[Token]


class _QueryParser:
    """Reads one expression, a word ahead."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._words = tokens(source)
        self._next = next(self._words)
        self._level = 0
        self.names: dict[tuple[str, ...], FieldPath] = {}
        self.equals: list[tuple[FieldPath, str]] = []
        self.unknown: list[InvalidQuery] = []  # one for each name that no manifest can have

    def whole(self) -> Condition:
        if self._next.kind == "end":
            raise self._wrong(self._next, "the expression is empty", _AS_IN)
        condition = self._expression()
        if self._next.kind != "end":
            raise self._after_condition()
        return condition

    def _expression(self) -> Condition:
        return self._joined("or", any, lambda: self._joined("and", all, self._one))

    def _joined(
        self, word: str, of: Callable[[Iterable[bool]], bool], read: Callable[[], Condition]
    ) -> Condition:
        parts = [read()]
        while self._takes(word):
            parts.append(read())
        return parts[0] if len(parts) == 1 else lambda record: of(part(record) for part in parts)

    def _one(self) -> Condition:
        start = self._next
        self._level += 1
        if self._level > MOST_LEVELS:
            raise self._wrong(
                start, f"nested more than {MOST_LEVELS} deep", "split it into several searches"
            )
        try:
            if self._takes("not"):
                return _not(self._one())
            if self._takes("("):
                condition = self._expression()
                if self._next.kind != "end" and self._next.text != ")":
                    raise self._after_condition()
                self._expect(")", f"the parenthesis at column {start.at + 1} is not closed")
                return condition
            return self._condition()
        finally:
            self._level -= 1

    def _condition(self) -> Condition:
        start, left = self._next, self._value()
        sign = self._next
        if sign.kind != "sign" or sign.text not in (*_SIGNS, "in", "not", "~"):
            if isinstance(left, FieldPath):
                return lambda record: left.value(record) is True
            raise self._wrong(sign, "expected a comparison", _AS_IN)
        self._take()
        if sign.text == "not":
            self._expect("in", "expected `in` after `not`")
        at, right = self._next, self._value(is_operand=True)
        if sign.text == "~":
            return self._contains(start, left, at, right)
        path = next((value for value in (left, right) if isinstance(value, FieldPath)), None)
        if path is None:
            raise self._wrong(start, "expected a field on one of the two sides", _AS_IN)
        if sign.text in ("in", "not"):
            condition = self._among(start, left, at, right)
            return _not(condition) if sign.text == "not" else condition
        for value in (left, right):
            if isinstance(value, Token) and value.value is None:
                if sign.text not in ("==", "!="):
                    hint = "compare with null by == or !="
                    raise self._wrong(sign, "null cannot be ordered", hint)
                return lambda record: (path.value(record) is None) is (sign.text == "==")
            if isinstance(value, list) and sign.text not in ("==", "!="):
                raise self._wrong(sign, "a list cannot be ordered", "write `in` for one of several")
        if sign.text == "==":
            self._note_equals(left, right)
        kinds = {value.kind for value in (left, right) if isinstance(value, FieldPath)}
        kind = kinds.pop() if len(kinds) == 1 else ValueKind.PLAIN  # where two disagree
        return _compared(self._side(start, left, kind), sign.text, self._side(at, right, kind))

    def _among(self, start: Token, left: Value, at: Token, right: Value) -> Condition:
        if isinstance(right, Token):
            raise self._wrong(at, "expected a list or a field after `in`", _AS_A_LIST)
        if isinstance(left, list):
            raise self._wrong(start, "a list cannot be in another", "name a field before `in`")
        self._note_equals(left, right)
        kind = left.kind if isinstance(left, FieldPath) else ValueKind.PLAIN
        among = right.kind if isinstance(right, FieldPath) else kind
        return _among(self._side(start, left, kind), self._side(at, right, among))

    def _contains(self, start: Token, left: Value, at: Token, part: Value) -> Condition:
        if not isinstance(left, FieldPath):
            raise self._wrong(start, "expected a field before ~", 'as in `message ~ "drift"`')
        if not isinstance(part, Token) or not isinstance(part.value, str):
            raise self._wrong(at, "expected text after ~", 'as in `message ~ "drift"`')
        folded = part.value.casefold()
        return lambda record: contains(left.value(record), folded)

    def field(self) -> FieldPath:
        """Read a name, and nothing else."""
        path = self._path(self._take(), is_operand=False)
        if self.unknown:
            raise self.unknown[0]
        return path

    # Values

    def _value(self, *, is_operand: bool = False) -> Value:
        """Read a name, a literal or a list; `is_operand` where a field is compared with it."""
        token = self._take()
        if token.kind == "name":
            return self._path(token, is_operand)
        if token.text == "[" and token.kind == "sign":
            return self._list(token)
        if token.kind in ("sign", "end"):
            shown = "the end" if token.kind == "end" else quoted(token.text)
            raise self._wrong(token, f"expected a field or a value, found {shown}", _AS_IN)
        return token

    def _list(self, start: Token) -> list[Token]:
        literals: list[Token] = []
        while not self._takes("]"):
            if literals:
                self._expect(",", f"the list at column {start.at + 1} is not closed")
            one = self._take()
            if one.kind in ("name", "sign", "end"):
                raise self._wrong(one, "a list may only hold values", 'as in `["a", "b"]`')
            literals.append(one)
        return literals

    def _path(self, token: Token, is_operand: bool) -> FieldPath:
        parts = [  # each with where it begins; those in quotes without them
            (_unquoted(part[0]) if part[0][0] in "\"'" else part[0], part.start())
            for part in _PART.finditer(token.text)
        ]
        try:
            path = FieldPath.of(token.text, tuple(part for part, _ in parts))
        except UnknownName as error:
            part, offset = parts[error.index]
            hint = f'write text in quotes: "{token.text}"' if is_operand else error.hint
            unknown = part if error.index == 0 and not is_operand else None
            place = token.at + offset
            self.unknown.append(wrong(self._source, place, str(error), hint, unknown=unknown))
            return FieldPath(token.text, tuple(one for one, _ in parts), ValueKind.PLAIN)
        return self.names.setdefault(path.parts, path)

    def _side(self, at: Token, value: Value, kind: ValueKind) -> Side:
        if isinstance(value, FieldPath):
            read = READERS[kind]

            def of(record: VersionRecord) -> Any:
                content = value.value(record)
                return None if content is None else read(content)

            return of
        try:
            several = value if isinstance(value, list) else [value]
            values = [wanted(one, kind) for one in several]
        except StoreError as error:
            raise self._wrong(at, str(error), error.hint) from None
        operand = values if isinstance(value, list) else values[0]
        return lambda record: operand

    def _note_equals(self, left: Value, right: Value) -> None:
        if isinstance(left, FieldPath) and not isinstance(right, FieldPath):
            values = right if isinstance(right, list) else [right]
            self.equals += [(left, one.value) for one in values if isinstance(one.value, str)]

    # Words

    def _take(self) -> Token:
        token = self._next
        if token.kind != "end":
            self._next = next(self._words)
        return token

    def _takes(self, sign: str) -> bool:
        is_next = self._next.kind == "sign" and self._next.text == sign
        if is_next:
            self._take()
        return is_next

    def _expect(self, sign: str, message: str) -> None:
        if not self._takes(sign):
            hint = {")": "write ) there", ",": "write , or ] there"}.get(sign, _AS_A_LIST)
            raise self._wrong(self._next, message, hint)

    def _after_condition(self) -> InvalidQuery:
        """Return the error for what follows a condition and does not join it to another."""
        token = self._next
        if token.kind == "sign" and token.text in _SIGNS:
            return self._wrong(token, "a comparison has two sides", "join two comparisons by `and`")
        if token.text == ")":
            return self._wrong(token, "no parenthesis is open", "leave it out, or open one with (")
        hint = "join two comparisons by `and`; write text of several words in quotes"
        return self._wrong(token, f"expected `and` or `or`, found {quoted(token.text)}", hint)

    def _wrong(self, token: Token, message: str, hint: str | None) -> InvalidQuery:
        return wrong(self._source, token.at, message, hint)


def parse_name(text: str) -> FieldPath:
    """Return the field that a text names; InvalidQuery where no manifest can have it."""
    return parse_field(text, with_value=False)[0]


def parse_field(text: str, *, with_value: bool = True) -> tuple[FieldPath, Token | None]:
    """Return the field of `FIELD` or `FIELD=VALUE`, and the value, by default a text."""
    word = _TOKEN.match(text)
    name = word[0] if word is not None and word.lastgroup == "name" else ""
    rest = text[len(name) :]
    if not name or (rest and not (with_value and rest.startswith("="))):
        hint = "as in `metrics.test_auc`"
        raise wrong(text, len(name), "expected only the name of a field", hint)
    return _QueryParser(name).field(), _literal(rest[1:]) if rest else None


def _literal(text: str) -> Token:
    """Return the value that a text spells where nothing else can stand."""
    with suppress(InvalidQuery):
        first, *rest = tokens(text)
        if len(rest) == 1 and first.kind in ("text", "number", "word"):
            return first
    return Token("text", text, 0, text)
