"""A manifest cut at its top-level keys, without parsing it: for reading thousands of them.

A manifest is canonical JSON (values/json.py), so that a line break and two spaces begin
each top-level key, and nothing else: within a text a line break is escaped. What most
of them have in common is then parsed only once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from gitmodelstore.values.field_path import LEFT_OUT
from gitmodelstore.values.manifest import manifest_schema

_INDENT = re.compile(rb"\n *")
_TYPES: dict[str, type] = {"object": dict, "array": list, "string": str}
_MOST_REMEMBERED = 1 << 15

Rule = Callable[[Any], bool]


def keys() -> tuple[str, ...]:
    """Return the top-level keys of a manifest."""
    return tuple(manifest_schema()["properties"])


class Reader:
    """Reads manifests, and what it meets again only once."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[str, bytes]] = {}

    def read(self, data: bytes) -> dict[str, bytes] | None:
        """Return the JSON of each top-level key, on one line and without what is LEFT_OUT.

        None where the bytes are not laid out as those of a manifest, are of another schema,
        or have something else at a key than belongs there. What stands deeper is not judged:
        a version was, when it was registered.
        """
        if not (data.startswith(b'{\n  "') and data.endswith(b"\n}\n")):
            return None
        found: dict[str, bytes] = {}
        parts = _without_bulk(data)[5:-3].split(b'\n  "')
        if not all(part.endswith(b",") for part in parts[:-1]):
            return None
        parts[-1] += b","
        for part in parts:
            known = self._known.get(part)
            if known is None:
                known = _section(part)
                if known is None:
                    return None
                if len(self._known) >= _MOST_REMEMBERED:
                    self._known.clear()
                self._known[part] = known
            key, text = known
            if key in found:
                return None
            found[key] = text
        return found if _required() <= found.keys() else None


def _section(part: bytes) -> tuple[str, bytes] | None:
    """Return the key of a section and its JSON on one line; None where it is no such thing."""
    name, colon, text = part[:-1].partition(b'": ')
    rule = _rules().get(name.decode("ascii", "replace"))
    if not colon or rule is None:
        return None
    line = _INDENT.sub(b"", text) if b"\n" in text else text
    try:
        spelled = line.decode()
        value, end = _DECODER.raw_decode(spelled)
    except (ValueError, RecursionError):
        return None
    return (name.decode(), line) if end == len(spelled) and rule(value) else None


def _without_bulk(data: bytes) -> bytes:
    """Return a manifest with null in place of each list that is LEFT_OUT."""
    for begin, head, following in _bulky():
        start, end = data.find(begin), data.rfind(following)
        if 0 <= start < end:
            data = b"".join([data[:start], _without(data[start:end], head), data[end:]])
    return data


@lru_cache(maxsize=1)
def _bulky() -> tuple[tuple[bytes, bytes, bytes], ...]:
    """Return how each section with bulk begins, where the bulk stands in it, what follows it."""
    known = keys()
    lines = []
    for key, bulk in LEFT_OUT.items():
        following = known[known.index(key) + 1]
        texts = (f'\n  "{key}": [', f'\n      "{bulk}": ', f'\n  "{following}": ')
        lines.append((texts[0].encode(), texts[1].encode(), texts[2].encode()))
    return tuple(lines)


def _without(section: bytes, head: bytes) -> bytes:
    kept, start = [], 0
    while (at := section.find(head + b"[\n", start)) >= 0:
        end = section.find(b"]", at)  # of one byte, which is ten times as fast as of a line
        while end >= 0 and section[end - 7 : end] != b"\n      ":
            end = section.find(b"]", end + 1)
        if end < 0:
            break
        kept.append(section[start : at + len(head)])
        start = end + 1
    return b"null".join([*kept, section[start:]])


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


_DECODER = json.JSONDecoder(parse_constant=_refuse)


@lru_cache(maxsize=1)
def _required() -> frozenset[str]:
    return frozenset(manifest_schema()["required"])


@lru_cache(maxsize=1)
def _rules() -> dict[str, Rule]:
    """Return for each top-level key what says of a value whether it is of the right type."""
    return {key: _rule(schema) for key, schema in manifest_schema()["properties"].items()}


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
