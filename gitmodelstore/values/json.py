"""Strict JSON in and canonical JSON out."""
# Python's parser keeps the last of two equal keys and accepts NaN, 1e999, lone surrogates and
# endless nesting; the store holds none of them, and equal content has equal bytes.

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import StringIO
from json.encoder import encode_basestring

from gitmodelstore.errors import FormatError
from gitmodelstore.lean import TYPE_CHECKING, pattern
from gitmodelstore.values.names import nearest, quoted

if TYPE_CHECKING:
    from typing import Any

GREATEST_INTEGER = 2**53 - 1  # beyond it, other readers of JSON lose digits (RFC 8259, section 6)
MOST_LEVELS = 32
_TOO_DEEP = f"nested more than {MOST_LEVELS} deep"
_MOST_BRACKETS = 500  # so few the parser may find in one another, whatever the document says

# C0 but tab and newline, DEL, C1, and what reorders text on a screen (Unicode TR9, section 2).
_HIDDEN = (
    "\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"
)
# The same, to stand between the brackets of a pattern.
HIDDEN_CLASS = "".join(c if c == "-" else f"\\u{ord(c):04x}" for c in _HIDDEN)
VISIBLE_PATTERN = rf"[^{HIDDEN_CLASS}]*"
HIDDEN_CHARACTER = pattern(f"[{HIDDEN_CLASS}\ud800-\udfff]")

# A string ends at its quote, or nowhere: one that never ends takes the rest of the text with it.
# Nothing is ever given back (`++`, `*+`), else many lone quotes would cost the square of the size.
_NO_BRACKETS = pattern(r'(?:[^\[\]{}"]++|"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z))+', re.DOTALL)


def parse(data: bytes, path: str, *, most_bytes: int) -> Any:
    """Return what the JSON document `data` says; FormatError where it breaks one of the rules."""
    if len(data) > most_bytes:
        raise FormatError(f"{len(data)} bytes, more than {most_bytes}", path=path)
    try:
        text = data.decode("utf-8")
        if text.startswith("\ufeff"):
            raise _Barred("begins with a byte order mark")
        if text.count("[") + text.count("{") > _MOST_BRACKETS:
            _bound_nesting(text)
        numbers = _Numbers()
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=numbers.constant,
            parse_float=numbers.real,
            parse_int=numbers.whole,
        )
        if nests_too_deep(value):
            raise _Barred(_TOO_DEEP)
        if numbers.barred or "\\ud" in text or "\\uD" in text:
            _refuse_barred(value)
    except UnicodeDecodeError as error:
        raise FormatError(f"not UTF-8 at byte {error.start}", path=path) from None
    except json.JSONDecodeError as error:
        where = f"{error.lineno}:{error.colno}"
        what = f"not JSON: {error.msg.lower()}"
        raise FormatError(what, path=path, where=where) from None
    except RecursionError:
        raise FormatError(_TOO_DEEP, path=path) from None
    except _Barred as error:
        raise FormatError(str(error), path=path, where=error.where) from None
    return value


def dump(value: Any) -> bytes:
    """Return the canonical bytes of a document; ValueError where a number is not finite."""
    return f"{spelled(value)}\n".encode()


def spelled(value: Any, line: str = "\n") -> str:
    """Return JSON with an indent of 2; `line` begins its lines, which are those of another text."""
    text = StringIO()
    _render(value, line, text.write)
    return text.getvalue()


def dump_with_list(value: Mapping[str, Any], key: str, items: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the canonical bytes of an object and, behind its keys, a list that `items` spell.

    >>> items = (as_list_item(number, is_first=number == 1) for number in (1, 2))
    >>> b"".join(dump_with_list({"a": 0}, "b", items)) == dump({"a": 0, "b": [1, 2]})
    True
    """
    yield dump(value).removesuffix(_END) + f",\n  {encode_basestring(key)}: [".encode()
    close = b"]"
    for item in items:
        yield item
        close = b"\n  ]"
    yield close + _END


def as_list_item(value: Any, *, is_first: bool) -> bytes:
    """Return the bytes of an item of that list, with what parts it from the one before."""
    return f"{'' if is_first else ','}{_OF_A_LIST}{spelled(value, _OF_A_LIST)}".encode()


_END, _OF_A_LIST = b"\n}\n", "\n    "


def _render(value: Any, line: str, put: Callable[[str], object]) -> None:
    """Put what `json.dumps(value, indent=2, ensure_ascii=False)` gives, in a third of its time."""
    write = _WRITERS.get(type(value)) or _writer(value)
    if write is not None:
        put(write(value))
        return
    inner = f"{line}  "
    if isinstance(value, dict):
        before, after = "{", "}"
        for key, item in value.items():
            if write := _WRITERS.get(type(item)):  # most are plain: a call for each would cost more
                put(f"{before}{inner}{encode_basestring(key)}: {write(item)}")
            else:
                put(f"{before}{inner}{encode_basestring(key)}: ")
                _render(item, inner, put)
            before = ","
    else:
        before, after = "[", "]"
        for item in value:
            put(before + inner)
            _render(item, inner, put)
            before = ","
    put(line + after)


def _writer(value: Any) -> Callable[[Any], str] | None:
    """Return what writes a value in which nothing lies; None for objects and lists with content."""
    if isinstance(value, float):
        return _real
    if isinstance(value, str):
        return encode_basestring
    is_container = isinstance(value, (dict, list, tuple))
    return None if is_container and value else json.dumps


def _real(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    return float.__repr__(value)


_WRITERS: dict[type, Callable[[Any], str]] = {
    str: encode_basestring,
    int: int.__repr__,
    float: _real,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): lambda _: "null",
}


def hidden_character(text: str) -> str | None:
    """Return the first character that a reader could not see, as `U+202E`; None without one."""
    match = HIDDEN_CHARACTER.search(text)
    return f"U+{ord(match.group()):04X}" if match else None


def nests_too_deep(value: Any, levels: int = MOST_LEVELS) -> bool:
    """Whether lists and objects are nested more than `levels` deep."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return False
    if levels == 0:
        return True
    for item in value:  # most are plain: a call for each would cost more
        if isinstance(item, (dict, list, tuple)) and nests_too_deep(item, levels - 1):
            return True
    return False


def join(where: str, key: object) -> str:
    """Return the path of what stands at `key` in the object at `where`, fit for a message."""
    shown = cut(key if isinstance(key, str) and key.isprintable() else ascii(key))
    return f"{where}.{shown}" if where else shown


def check_schema(schema: object, ours: str, path: str) -> None:
    """Refuse a file of another schema than the one that this release reads."""
    if schema != ours:
        what = f"schema {schema!r}, this gitmodelstore reads {ours!r}"
        raise FormatError(what, path=path, hint="upgrade gitmodelstore to read it")


def cut(text: str) -> str:
    """Return `text`, or the beginning of a long one, for a message."""
    return text if len(text) <= 80 else f"{text[:79]}…"


class _Barred(ValueError):
    """Valid for Python's parser, not for a file of the store; `where` is the place, if known."""

    def __init__(self, what: str, where: str = "") -> None:
        super().__init__(what)
        self.where = where


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise _Barred(f"the key {cut(ascii(twice))} appears twice in one object")
    return value


class _Numbers:
    """The parser's hooks for numbers; a barred one stays in its place until that is known."""

    def __init__(self) -> None:
        self.barred = False  # whether there was one

    def constant(self, text: str) -> Any:
        return self._bar(f"{text} is not a finite number")

    def real(self, text: str) -> Any:
        number = float(text)
        return number if math.isfinite(number) else self.constant(text[:20])

    def whole(self, text: str) -> Any:
        # The length is looked at first: int() of a million digits takes seconds.
        if len(text) > 17 or abs(int(text)) > GREATEST_INTEGER:
            return self._bar(f"the integer {text[:20]} lies beyond 2^53")
        return int(text)

    def _bar(self, why: str) -> _Barred:
        self.barred = True
        return _Barred(why)


def _refuse_barred(value: Any, where: str = "") -> None:
    """Refuse the first barred number, or half a character, and say where it stands."""
    if isinstance(value, _Barred):
        raise _Barred(str(value), where)
    if isinstance(value, str) and (half := re.search("[\ud800-\udfff]", value)):
        raise _Barred(f"holds half a character, U+{ord(half[0]):04X}", where)
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_barred(key, f"{where} (key)" if where else "(key)")
            _refuse_barred(item, join(where, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_barred(item, f"{where}[{index}]")


def _bound_nesting(text: str) -> None:
    """Refuse deep nesting before the parser recurses into it, however deep it may."""
    level = 0
    for bracket in _NO_BRACKETS.sub("", text):
        level += 1 if bracket in "[{" else -1
        if level > MOST_LEVELS:
            raise _Barred(_TOO_DEEP)


# Settings, which are TOML: read field by field, so that every fault is told.


class FaultList:
    """A `with` block keeps what is wrong in it, so that the rest is looked at too."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self.hint: str | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: object, __: object) -> bool:
        if not isinstance(error, FormatError):
            return False
        self.hint = self.hint if self.found else error.hint  # that of the first fault
        self.found += error.found
        return True

    def throw(self, path: str) -> None:
        """Raise a FormatError of all that was wrong in that file, if anything was."""
        if self.found:
            raise FormatError(path=path, found=self.found, hint=self.hint)


def read_table(
    table: Any, where: str, readers: Mapping[str, Callable[[Any, str], Any]], faults: FaultList
) -> dict[str, Any]:
    """Return the settings of a table, as read; `faults` gets the rest, unknown keys too."""
    settings: dict[str, Any] = {}
    with faults:
        if not isinstance(table, dict):
            raise FormatError("expected a table", where=where)
        for key, setting in table.items():
            place = join(where, key)
            with faults:
                if key not in readers:
                    hint = _known(where, key, readers)
                    raise FormatError(f"unknown key {quoted(place)}", hint=hint)
                settings[key] = readers[key](setting, place)
    return settings


def _known(where: str, key: str, keys: Iterable[str]) -> str:
    if near := nearest(key, keys):
        return f"did you mean '{join(where, near)}'?"
    names = ", ".join(join(where, name) for name in keys)
    return f"this gitmodelstore knows {names}; a newer one may know more"


def texts(value: Any, where: str) -> tuple[str, ...]:
    """Return the texts that a setting lists; FormatError of anything else, a text alone too."""
    if isinstance(value, list) and all(isinstance(text, str) for text in value):
        return tuple(value)
    shown = cut(ascii(value))
    hint = f'write it in brackets: ["{cut(value)}"]' if isinstance(value, str) else None
    raise FormatError(f"expected a list of strings, found {shown}", where=where, hint=hint)


def flag(value: Any, where: str) -> bool:
    """Return a setting that is true or false; FormatError of anything else."""
    if not isinstance(value, bool):
        raise FormatError(f"expected true or false, found {cut(ascii(value))}", where=where)
    return value
