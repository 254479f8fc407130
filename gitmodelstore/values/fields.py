"""The declared fields of a document, and the three things that walk them.

A value class declares each attribute once, `name: type = declared(kind)`. A kind checks JSON
(`faults`), also whether it is written in order (`is_arranged`), builds the value from it (`read`),
renders the value (`write`) and is published (`schema`, of draft 2020-12).

A hook judges by the same classes, so none of this may import typing: a third of its time.
"""

from __future__ import annotations

import json
import math
import re
from functools import lru_cache
from itertools import pairwise

from gitmodelstore import lean
from gitmodelstore.errors import FormatError, InvalidDigest
from gitmodelstore.lean import TYPE_CHECKING, cached_property, dataclass, pattern
from gitmodelstore.values import json as json_rules
from gitmodelstore.values.json import MOST_LEVELS, cut, join
from gitmodelstore.values.names import quoted
from gitmodelstore.values.objects import is_hex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any, TypeVar, dataclass_transform

    T = TypeVar("T")
    Fault = tuple[str, str]
    Where = str | tuple[Any, Any]
else:

    def dataclass_transform(**_):
        return lambda function: function


KEY = object()  # in place of a key: the key itself is meant


class Field:
    """One key of a document."""

    __slots__ = ("attribute", "kind", "name", "required")

    def __init__(self, attribute: str, kind: Kind, key: str | None, required: bool) -> None:
        self.name = key or attribute  # the key, another one where it is a word of Python
        self.attribute = attribute
        self.kind = kind
        self.required = required  # one that may be left out reads as None


def declared(kind: Kind, *, key: str | None = None, required: bool = True, **options: Any) -> Any:
    """Declare an attribute that is a field of its document; `options` are for the dataclass."""
    return lean.field(metadata={"field": (kind, key, required)}, **options)


@dataclass_transform(frozen_default=True, field_specifiers=(declared, lean.field))
def record(cls: type[T]) -> type[T]:
    """Make a frozen, slotted dataclass; `FIELDS` are its declared attributes in order."""
    made: Any = dataclass(frozen=True, slots=True)(cls)
    made.FIELDS = tuple(
        Field(one.name, *one.metadata["field"])
        for one in lean.fields(made)
        if "field" in one.metadata
    )
    return made  # type: ignore[no-any-return]


def read(cls: type[T], value: Mapping[str, Any], **further: Any) -> T:
    """Return the `cls` that a faultless JSON object spells; `further` is not in the document."""
    attributes = dict(further)
    shape: Any = cls  # mypy takes no class for hashable
    for attribute, name, reads in _readers(shape):
        content = value.get(name)
        attributes[attribute] = content if content is None or reads is None else reads(content)
    return cls(**attributes)


@lru_cache(maxsize=64)
def _readers(cls: Any) -> tuple[tuple[str, str, Callable[[Any], Any] | None], ...]:
    """Return attribute and key of each field, and what reads it; None for what stays as it is."""
    return tuple((field.attribute, field.name, _reader(field.kind)) for field in cls.FIELDS)


def _reader(kind: Kind) -> Callable[[Any], Any] | None:
    return None if type(kind).read is Kind.read else kind.read


def write(value: Any) -> dict[str, Any]:
    """Return the JSON object of `value`, its keys in the declared order."""
    return {
        field.name: field.kind.write(content)
        for field in value.FIELDS
        if (content := getattr(value, field.attribute)) is not None or field.required
    }


def place(where: Where) -> str:
    """Return `where` as text, such as "artifacts[0].size_bytes"."""
    if isinstance(where, str):
        return where
    within, key = where
    before = place(within)
    if key is KEY:
        return f"{before} (key)"
    return f"{before}[{key}]" if isinstance(key, int) else join(before, key)


class Kind:
    """What a field may hold: how it is checked, read, written and published."""

    def faults(self, value: Any, where: Where) -> Iterable[Fault]:
        raise NotImplementedError

    def is_arranged(self, value: Any) -> bool:
        return True

    def read(self, value: Any) -> Any:
        return value

    def write(self, value: Any) -> Any:
        return value

    def schema(self) -> dict[str, Any]:
        raise NotImplementedError


# Texts that are surely of a pattern, which then need not be compiled.


def is_identifier(text: str) -> bool:
    """Whether a text is at most 100 letters, digits and underscores, and begins with no digit."""
    return len(text) <= 100 and text.isascii() and text.isidentifier()


def is_file_name(text: str) -> bool:
    """Whether a text is one but for dots."""
    return is_identifier(text.replace(".", "_"))


def is_package(text: str) -> bool:
    """Whether a text is lower-case letters and digits, with hyphens between them."""
    alone = text.replace("-", "")
    return text.isascii() and text.islower() and alone.isalnum() and "-" not in (text[0], text[-1])


def is_digest(text: str) -> bool:
    """Whether a text is as `DIGEST_PATTERN` has it."""
    algorithm, _, digits = text.partition(":")
    is_whole = 32 <= len(digits) <= 128 and len(digits) % 2 == 0 and is_hex(digits, len(digits))
    return is_whole and algorithm[:1].isalpha() and is_package(algorithm)


def is_sha256(text: str) -> bool:
    """Whether a text is 64 hexadecimal digits."""
    return is_hex(text, 64)


class Text(Kind):
    """A string without hidden characters, of one pattern where one is given.

    `is_plain` tells of most texts that they fit, so that few commands compile the pattern.
    """

    def __init__(
        self,
        pattern: str | None = None,
        what: str = "",
        is_plain: Callable[[str], bool] | None = None,
    ) -> None:
        self._pattern = lean.pattern(pattern) if pattern else None
        self._what = what
        self._is_plain = is_plain

    def faults(self, value: Any, where: Where) -> Iterable[Fault]:
        if not isinstance(value, str):
            return [(place(where), f"expected text, found {_name(value)}")]
        # Whatever is hidden is not printable either, which is known ten times as soon.
        if not value.isprintable() and (hidden := json_rules.hidden_character(value)):
            return [(place(where), f"contains the hidden character {hidden}")]
        if self._is_plain and self._is_plain(value):
            return ()
        if self._pattern and not self._pattern.fullmatch(value):
            return [(place(where), f"expected {self._what}, found {cut(repr(value))}")]
        return ()

    def schema(self) -> dict[str, Any]:
        pattern = self._pattern.pattern if self._pattern else json_rules.VISIBLE_PATTERN
        return {"type": "string", "pattern": whole(pattern)}


class Constant(Text):
    """One fixed string."""

    def __init__(self, value: str) -> None:
        super().__init__(re.escape(value), repr(value), value.__eq__)
        self._value = value

    def schema(self) -> dict[str, Any]:
        return {"const": self._value}


class Integer(Kind):
    """A count: zero or more."""

    def faults(self, value: Any, where: Where) -> Iterable[Fault]:
        # To JSON 1.0 is a whole number; it is the canonical form that wants it written as 1.
        if not _is_number(value) or value != value // 1:
            return [(place(where), f"expected a whole number, found {_name(value)}")]
        if not 0 <= value <= json_rules.GREATEST_INTEGER:
            message = f"expected a whole number from 0 to 2^53, found {_digits(value)}"
            return [(place(where), message)]
        return ()

    def is_arranged(self, value: Any) -> bool:
        return isinstance(value, int)

    def read(self, value: Any) -> Any:
        return int(value)

    def write(self, value: Any) -> Any:
        return int(value) if isinstance(value, float) and value.is_integer() else value

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": 0, "maximum": json_rules.GREATEST_INTEGER}


class Number(Kind):
    """A finite number; a whole one that every reader of JSON keeps."""

    # The schema cannot say the latter, since to it 1e300 is whole too; the strict parser does.

    def faults(self, value: Any, where: Where) -> Iterable[Fault]:
        if not _is_number(value):
            return [(place(where), f"expected a number, found {_name(value)}")]
        if isinstance(value, int):
            if abs(value) > json_rules.GREATEST_INTEGER:
                return [(place(where), f"the integer {_digits(value)} lies beyond 2^53")]
        elif not math.isfinite(value):
            return [(place(where), f"expected a finite number, found {value}")]
        return ()

    def schema(self) -> dict[str, Any]:
        return {"type": "number"}


class Boolean(Kind):
    """true or false."""

    def faults(self, value: Any, where: Where) -> Iterable[Fault]:
        if isinstance(value, bool):
            return ()
        return [(place(where), f"expected true or false, found {_name(value)}")]

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


_TEXT = Text()
_NUMBER = Number()


class Free(Kind):
    """Any JSON without hidden characters and numbers that are not finite."""

    def faults(self, value: Any, where: Where, levels: int = MOST_LEVELS) -> Iterable[Fault]:
        if isinstance(value, str):
            return _TEXT.faults(value, where)
        if value is None or isinstance(value, bool):
            return ()
        if isinstance(value, (int, float)):
            return _NUMBER.faults(value, where)
        if not isinstance(value, (dict, list, tuple)):
            return [(place(where), f"expected JSON, found {_name(value)}")]
        if levels == 0:
            return [(place(where), f"nested more than {MOST_LEVELS} deep")]
        faults: list[Fault] = []
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(value, dict):
                faults += _TEXT.faults(key, (where, KEY))
            faults += self.faults(item, (where, key), levels - 1)
        return faults

    def is_arranged(self, value: Any) -> bool:
        if isinstance(value, dict):
            return _ascends(value) and all(map(self.is_arranged, value.values()))
        return not isinstance(value, list) or all(map(self.is_arranged, value))

    def write(self, value: Any) -> Any:
        return _sorted(value)

    def schema(self) -> dict[str, Any]:
        return {"$ref": "#/$defs/json"}


FREE_DEFINITION: dict[str, Any] = {
    "anyOf": [
        {"type": ["null", "boolean", "number"]},
        {"type": "string", "pattern": f"^{json_rules.VISIBLE_PATTERN}$(?!\\n)"},
        {"type": "array", "items": {"$ref": "#/$defs/json"}},
        {
            "type": "object",
            "propertyNames": {"pattern": f"^{json_rules.VISIBLE_PATTERN}$(?!\\n)"},
            "additionalProperties": {"$ref": "#/$defs/json"},
        },
    ]
}


class Nullable(Kind):
    """What `kind` holds, or null."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def faults(self, value: Any, where: Where) -> Iterable[Fault]:
        return () if value is None else self._kind.faults(value, where)

    def is_arranged(self, value: Any) -> bool:
        return value is None or self._kind.is_arranged(value)

    def read(self, value: Any) -> Any:
        return None if value is None else self._kind.read(value)

    def write(self, value: Any) -> Any:
        return None if value is None else self._kind.write(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "null"}, self._kind.schema()]}


class ListOf(Kind):
    """A list, read as a tuple, of one kind."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def faults(self, value: Any, where: Where) -> Iterable[Fault]:
        if not isinstance(value, (list, tuple)):
            return [(place(where), f"expected a list, found {_name(value)}")]
        faults: list[Fault] = []
        for index, item in enumerate(value):
            faults += self._kind.faults(item, (where, index))
        return faults

    def is_arranged(self, value: Any) -> bool:
        return all(map(self._kind.is_arranged, value))

    def read(self, value: Any) -> Any:
        reads = _reader(self._kind)
        return tuple(map(reads, value)) if reads else tuple(value)

    def write(self, value: Any) -> Any:
        return [self._kind.write(item) for item in value]

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self._kind.schema()}


class MapOf(Kind):
    """An object whose keys follow a pattern and whose values are of one kind; sorted by key."""

    def __init__(
        self,
        kind: Kind,
        key: str | None = None,
        what: str = "a name",
        is_plain: Callable[[str], bool] | None = None,
    ) -> None:
        self._kind = kind
        self._key = Text(key, what, is_plain)

    def faults(self, value: Any, where: Where) -> Iterable[Fault]:
        if not isinstance(value, dict):
            return [(place(where), f"expected an object, found {_name(value)}")]
        faults: list[Fault] = []
        for key, item in value.items():
            faults += self._key.faults(key, (where, KEY))
            faults += self._kind.faults(item, (where, key))
        return faults

    def is_arranged(self, value: Any) -> bool:
        return _ascends(value) and all(map(self._kind.is_arranged, value.values()))

    def read(self, value: Any) -> Any:
        reads = _reader(self._kind)
        return {key: reads(item) for key, item in value.items()} if reads else dict(value)

    def write(self, value: Any) -> Any:
        return {key: self._kind.write(value[key]) for key in sorted(value, key=str)}

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "propertyNames": {"pattern": self._key.schema()["pattern"]},
            "additionalProperties": self._kind.schema(),
        }


class Record(Kind):
    """An object with the declared fields of a value class."""

    def __init__(self, cls: type[Any]) -> None:
        self._cls = cls

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """What each field may hold, by its name."""
        return {field.name: field.kind for field in self._cls.FIELDS}

    @cached_property
    def required(self) -> frozenset[str]:
        """The names of the fields that may not be left out."""
        return frozenset(field.name for field in self._cls.FIELDS if field.required)

    def faults(self, value: Any, where: Where) -> Iterable[Fault]:
        if not isinstance(value, dict):
            return [(place(where), f"expected an object, found {_name(value)}")]
        faults: list[Fault] = []
        count = 0
        for field in self._cls.FIELDS:
            if field.name in value:
                count += 1
                faults += field.kind.faults(value[field.name], (where, field.name))
            elif field.required:
                faults.append((place((where, field.name)), "missing"))
        if count < len(value):
            names = {field.name for field in self._cls.FIELDS}
            unknown = [(place((where, key)), "unknown key") for key in value if key not in names]
            faults = unknown + faults
        return faults

    def is_arranged(self, value: Any) -> bool:
        keys = iter(value)
        return all(
            next(keys) == field.name and field.kind.is_arranged(value[field.name])
            for field in self._cls.FIELDS
            if field.name in value
        )

    def read(self, value: Any) -> Any:
        return read(self._cls, value)

    def write(self, value: Any) -> Any:
        return write(value)

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {field.name: field.kind.schema() for field in self._cls.FIELDS},
            "required": [field.name for field in self._cls.FIELDS if field.required],
            "additionalProperties": False,
        }


def whole(pattern: str) -> str:
    """Return a search pattern that fits only whole strings, in Python and in JSON Schema."""
    return f"^(?:{pattern})$(?!\\n)"  # Python's `$` also fits before a last newline


def _sorted(value: Any, levels: int = MOST_LEVELS) -> Any:
    # A key that is not text and a list within itself are faults, which `faults` must live to tell.
    if isinstance(value, dict) and levels:
        return {key: _sorted(value[key], levels - 1) for key in sorted(value, key=str)}
    if isinstance(value, (list, tuple)) and levels:
        return [_sorted(item, levels - 1) for item in value]
    return value


def _ascends(keys: Iterable[str]) -> bool:
    return all(before < after for before, after in pairwise(keys))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _name(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    if value is None:
        return "null"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"int {_digits(value)}"
    return names.get(type(value)) or cut(f"{type(value).__name__} {value!r}")


def _digits(value: float) -> str:
    # Python refuses to spell integers of thousands of digits, but not in hexadecimal.
    if isinstance(value, int) and value.bit_length() > 100:
        return f"{value:#x}"[:20] + "…"
    return str(value)


# Documents of declared fields: strict JSON of one schema, in one form, and nothing wrong in it.


class Document:
    """One kind of document; `relations` yields contradictions, `hint` says what to do."""

    def __init__(
        self,
        shape: type[Any],
        schema: str,
        most_bytes: int,
        relations: Callable[[Mapping[str, Any]], Iterator[Fault]],
        hint: str | None = None,
    ) -> None:
        self._shape = Record(shape)
        self._schema = schema
        self._most_bytes = most_bytes
        self._relations = relations
        self._hint = hint
        self._sound: set[bytes] = set()  # the text of fields that were judged
        self._sound_bytes = 0

    def faults(self, value: Any) -> list[Fault]:
        """Return the faults of a parsed document, apart from its form on disk."""
        return list(self._shape.faults(value, "")) or list(self._relations(value))

    def read(self, data: bytes, path: str) -> dict[str, Any]:
        """Return a document's JSON object; FormatError lists all that is wrong with it."""
        fields = _texts(data) if len(data) <= self._most_bytes else ()
        if similar := self._read_similar(data, fields):
            return similar
        value = json_rules.parse(data, path, most_bytes=self._most_bytes)
        schema = value.get("schema") if isinstance(value, dict) else None
        if isinstance(schema, str):
            json_rules.check_schema(schema, self._schema, path)
        if faults := self.faults(value):
            raise FormatError(path=path, found=faults, hint=self._hint)
        if not self._shape.is_arranged(value) or json_rules.dump(value) != data:
            raise FormatError("not in canonical form", path=path, hint=self._hint)
        judged: dict[str, Any] = value
        self._keep(fields)
        return judged

    def _read_similar(self, data: bytes, fields: Sequence[bytes]) -> dict[str, Any] | None:
        """Return the object of a document most of whose fields were judged in others; else None."""
        # A document is canonical where each field would be in a document of its own. Versions of a
        # model say much the same.
        new = [field for field in fields if field not in self._sound]
        if 2 * len(new) >= len(fields) or not self._are_sound(new):
            return None
        value: dict[str, Any] = json.loads(data)
        shape = self._shape
        names = [name for name in shape.kinds if name in shape.required or name in value]
        is_whole = list(value) == names and len(value) == len(fields)
        if not is_whole or value.get("schema") != self._schema or any(self._relations(value)):
            return None
        self._keep(new)
        return value

    def _are_sound(self, fields: Sequence[bytes]) -> bool:
        """Whether fields are right in themselves, and in canonical form."""
        if not fields:
            return True
        data = _OPEN + _BETWEEN.join(fields) + _CLOSE
        try:
            value = json_rules.parse(data, "", most_bytes=self._most_bytes)
        except FormatError:
            return False
        kinds = self._shape.kinds
        return (
            len(value) == len(fields)
            and all(
                key in kinds
                and not kinds[key].faults(content, key)
                and kinds[key].is_arranged(content)
                for key, content in value.items()
            )
            and json_rules.dump(value) == data
        )

    def _keep(self, fields: Sequence[bytes]) -> None:
        self._sound_bytes += sum(map(len, fields))
        if self._sound_bytes > _MOST_SOUND_BYTES:
            self._sound.clear()
            self._sound_bytes = sum(map(len, fields))
        self._sound.update(fields)


_OPEN, _BETWEEN, _CLOSE = b'{\n  "', b',\n  "', b"\n}\n"
_MOST_SOUND_BYTES = 1 << 22  # in memory


def _texts(data: bytes) -> Sequence[bytes]:
    """Return the text of each field of a document, if it is canonical."""
    if not (data.startswith(_OPEN) and data.endswith(_CLOSE)):
        return ()
    return data[len(_OPEN) : -len(_CLOSE)].split(_BETWEEN)


# Digests: the content address of an artifact or of a data set.

DIGEST_PATTERN = r"[a-z][a-z0-9-]*:(?:[0-9a-f]{2}){16,64}"
SHA256 = Text(r"[0-9a-f]{64}", "64 hexadecimal digits", is_sha256)
_DIGEST = pattern(DIGEST_PATTERN)


@dataclass(frozen=True, slots=True)
class Digest:
    """A named algorithm and the value that it gave.

    >>> str(Digest.of(b""))[:15]
    'sha256:e3b0c442'

    Attributes:
        algorithm: name as in hashlib ("sha256"), or one of ours ("gms-df-1").
        hex: lower-case hexadecimal, two characters a byte.
    """

    algorithm: str
    hex: str

    def __post_init__(self) -> None:
        if not _DIGEST.fullmatch(str(self)):
            raise _no_digest(str(self))

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Return the digest that `text` spells as `algorithm:hex`; InvalidDigest otherwise."""
        if not isinstance(text, str) or ":" not in text:
            raise _no_digest(text)
        algorithm, _, value = text.partition(":")
        return cls(algorithm, value)

    @classmethod
    def of(cls, data: bytes) -> Digest:
        """Return the SHA-256 of `data`."""
        return cls("sha256", lean.sha256(data).hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def _no_digest(text: object) -> InvalidDigest:
    hint = "such as sha256: and 64 hexadecimal digits, in lower case"
    return InvalidDigest(f"expected algorithm:hex, found {quoted(text)}", hint=hint)
