"""Strict JSON in and canonical JSON out.

Python's parser keeps the last of two equal keys and accepts NaN, 1e999, lone
surrogates and endless nesting; a file of the store may hold none of them, and is
written in exactly one way, so that equal content has equal bytes.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from gitmodelstore.errors import FormatError

GREATEST_INTEGER = 2**53 - 1  # beyond it, other readers of JSON lose digits (RFC 8259, section 6)
MOST_LEVELS = 32

# C0 but tab and newline, DEL, C1, and what reorders text on a screen (Unicode TR9, section 2).
_HIDDEN = (
    "\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"
)
_ESCAPED = "".join(c if c == "-" else f"\\u{ord(c):04x}" for c in _HIDDEN)
VISIBLE_PATTERN = rf"[^{_ESCAPED}]*"
_HIDDEN_CHARACTER = re.compile(f"[{_ESCAPED}\ud800-\udfff]")


def parse(data: bytes, path: str, *, most_bytes: int) -> Any:
    """Return what the JSON document `data` says.

    Args:
        data: the bytes of the file.
        path: its name, for the error.
        most_bytes: the size from which on it is refused unread.

    Raises:
        FormatError: not UTF-8, not JSON, or one of the things that this module bars.
    """
    if len(data) > most_bytes:
        raise FormatError(f"{path}: {len(data)} bytes, more than {most_bytes}", path=path)
    try:
        text = data.decode("utf-8")
        _bound_nesting(text)
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_integer,
        )
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: not UTF-8 at byte {error.start}", path=path) from error
    except json.JSONDecodeError as error:
        where = f"{path}:{error.lineno}:{error.colno}"
        raise FormatError(f"{where}: not JSON: {error.msg.lower()}", path=path) from error
    except _Barred as error:
        raise FormatError(f"{path}: {error}", path=path) from error
    return value


def dump(value: Any) -> bytes:
    """Return the canonical bytes of a document, final newline included.

    Raises:
        ValueError: it holds a number that is not finite.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8") + b"\n"


def hidden_character(text: str) -> str | None:
    """Return the first character that a reader could not see, as `U+202E`; None without one."""
    found = _HIDDEN_CHARACTER.search(text)
    return f"U+{ord(found.group()):04X}" if found else None


class _Barred(ValueError):
    """Valid for Python's parser, not for a file of the store."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _Barred(f"the key {twice!r} stands twice in one object")
    return value


def _refuse_constant(text: str) -> Any:
    raise _Barred(f"{text} is not a finite number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Barred(f"{text} is not a finite number")
    return number


def _integer(text: str) -> int:
    # The length is looked at first: int() of a million digits takes seconds.
    if len(text) > 17 or abs(int(text)) > GREATEST_INTEGER:
        raise _Barred(f"the integer {text[:20]} lies beyond 2^53")
    return int(text)


def _bound_nesting(text: str) -> None:
    """Refuse deep nesting before the parser recurses into it."""
    level = 0
    for found in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', text):
        mark = found.group()
        if mark in "[{":
            level += 1
            if level > MOST_LEVELS:
                raise _Barred(f"nested more than {MOST_LEVELS} deep")
        elif mark in "]}":
            level -= 1
