"""A manifest cut at its top-level keys, without parsing it: for reading thousands of them.

A manifest is canonical JSON (values/json.py), so that a line break and two spaces begin
each top-level key, and nothing else: within a text a line break is escaped. What most
of them have in common need then be parsed only once.
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


def sections(data: bytes) -> dict[str, bytes] | None:
    """Return the JSON of each top-level key, on one line and without what is LEFT_OUT.

    None where the bytes are not laid out as those of a manifest. Whether each is JSON, and
    what it should be, is not judged.
    """
    if not (data.startswith(b'{\n  "') and data.endswith(b"\n}\n")):
        return None
    found: dict[str, bytes] = {}
    parts = data[5:-3].split(b'\n  "')
    for number, part in enumerate(parts, start=1):
        name, colon, text = part.partition(b'": ')
        key = name.decode("ascii", "replace")
        if number < len(parts):
            text, comma = text[:-1], text[-1:]
            if comma != b",":
                return None
        if not colon or key in found:
            return None
        short = _without(text, LEFT_OUT[key].encode()) if key in LEFT_OUT else text
        found[key] = _INDENT.sub(b"", short) if b"\n" in short else short
    return found


def _without(text: bytes, key: bytes) -> bytes:
    """Return a list of objects with null in place of the list that each has at `key`."""
    head = b'\n      "' + key + b'": '
    parts, start = [], 0
    while (at := text.find(head + b"[\n", start)) >= 0:
        end = text.find(b"\n      ]", at)
        if end < 0:
            break
        parts.append(text[start : at + len(head)])
        start = end + len(b"\n      ]")
    return b"null".join([*parts, text[start:]])


def keys() -> tuple[str, ...]:
    """Return the top-level keys of a manifest."""
    return tuple(manifest_schema()["properties"])


class Reader:
    """Says whether sections are those of a manifest, each that is met again only once."""

    def __init__(self) -> None:
        self._sound: set[tuple[str, bytes]] = set()

    def is_manifest(self, found: dict[str, bytes]) -> bool:
        """Return whether the keys are those of this schema, and each section of its type.

        What stands deeper is not judged: a version was, when it was registered.
        """
        rules = _rules()
        if not (_required() <= found.keys() <= rules.keys()):
            return False
        new = [pair for pair in found.items() if pair not in self._sound]
        for key, text in new:
            try:
                if not rules[key](_DECODER.decode(text.decode())):
                    return False
            except (ValueError, RecursionError):
                return False
        self._sound.update(new)
        return True


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


_DECODER = json.JSONDecoder(parse_constant=_refuse)


@lru_cache(maxsize=1)
def _required() -> frozenset[str]:
    return frozenset(manifest_schema()["required"])


@lru_cache(maxsize=1)
def _rules() -> dict[str, Callable[[Any], bool]]:
    """Return for each top-level key what says of a value whether it is of the right type."""
    return {key: _rule(schema) for key, schema in manifest_schema()["properties"].items()}


def _rule(schema: dict[str, Any]) -> Callable[[Any], bool]:
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
