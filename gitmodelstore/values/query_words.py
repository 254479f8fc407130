"""The words of a search expression, and what is said of one that is none.

Owns where in the expression something is wrong, and how that is shown.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gitmodelstore.errors import InvalidQuery
from gitmodelstore.values.names import quoted

MOST_CHARACTERS = 4000
_SHOWN = 72  # characters of a long expression, around the place that is meant
_WORDS = {"true": True, "false": False, "null": None, "none": None}
KEYWORDS = ("and", "or", "not", "in")

_STRING = r'"(?:[^"\\]|\\.)*"|' + r"'(?:[^'\\]|\\.)*'"
_TOKEN = re.compile(
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
_PART = re.compile(rf"{_STRING}|[^.]+", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_QUOTES = "text stands in quotes, and so does a name with such a character"
_ELSEWHERE = {
    "=": "write == to compare",
    "&": "write `and`",
    "|": "write `or`",
    "!": "write `not`, or != to compare",
    "`": 'text stands in quotes: "production"',
}


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in an expression.

    Attributes:
        value: as JSON has it; a number, text, True, False or None.
        text: as it was written, without quotes.
    """

    value: Any
    text: str


class Token(NamedTuple):
    """A word of an expression.

    Attributes:
        kind: "text", "number", "moment", "version", "word" (true, false, null), "name",
            "sign" (keywords too) or "end".
        text: as it was written; of a text without quotes and escapes, of a keyword in
            lower case.
        at: where it begins, from 0.
        value: of a text, number or word.
    """

    kind: str
    text: str
    at: int
    value: Any = None


def tokens(source: str) -> Iterator[Token]:
    """Yield the words of an expression, and its end.

    Raises:
        InvalidQuery: it is too long, or something in it is no word.
    """
    if len(source) > MOST_CHARACTERS:
        raise InvalidQuery(
            f"the expression has {len(source)} characters, more than {MOST_CHARACTERS}",
            hint="ask in several steps",
        )
    at = 0
    while at < len(source):
        found = _TOKEN.match(source, at)
        if found is None:
            raise _no_word(source, at)
        if found.lastgroup != "space":
            yield _token(source, found)
        at = found.end()
    yield Token("end", "", len(source))


def name_at_start(source: str) -> str:
    """Return the name with which a text begins; empty where it begins with none."""
    found = _TOKEN.match(source)
    return found[0] if found is not None and found.lastgroup == "name" else ""


def literal(text: str) -> Literal:
    """Return the value that a text spells where nothing else can stand: text without quotes too."""
    try:
        first, *rest = tokens(text)
    except InvalidQuery:
        return Literal(text, text)
    is_whole = len(rest) == 1 and first.kind in ("text", "number", "word")
    return Literal(first.value, first.text) if is_whole else Literal(text, text)


def parts_of(name: str) -> tuple[tuple[str, int], ...]:
    """Return the parts of a name, each with where it begins, those in quotes without them."""
    return tuple(
        (_unquoted(found[0]) if found[0][0] in "\"'" else found[0], found.start())
        for found in _PART.finditer(name)
    )


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


def _token(source: str, found: re.Match[str]) -> Token:
    kind, text, at = str(found.lastgroup), found[0], found.start()
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
    found = source[at]
    if found in "\"'":
        return wrong(source, at, "the text has no end", f"close it with {found}")
    word = re.match(r"[\w.@+-]+", source[at:])
    if word and found.isdigit():
        return wrong(
            source,
            at,
            f"{quoted(word[0])} is no number, date or version",
            f'text stands in quotes: "{word[0]}"',
        )
    return wrong(source, at, f"{quoted(found)} means nothing here", _ELSEWHERE.get(found, _QUOTES))
