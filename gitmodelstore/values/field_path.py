"""Names of what a version is made of, as `metrics.test_auc`: which there are, and their values.

A name follows the keys of manifest.json; its JSON Schema says which there are where the
format does not leave them free. `status` and `annotations` are names too, and `params` is
short for `pipeline.params`. A list of records is asked by what tells them apart: `data.train.rows`,
`features.income.dtype`, and as a whole is the list of those names.

Null and missing are the same: None.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import lru_cache

from gitmodelstore.lean import Any, Protocol, dataclass, pattern
from gitmodelstore.values.manifest import manifest_schema
from gitmodelstore.values.names import did_you_mean, quoted

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
        """Return what a version has there; None where it has nothing."""
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
        """Return the key of a section and its JSON on one line; None where it is no such thing."""
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
