"""Dtypes and shapes, read from the symbols of a dry walk.

Source: numpy's `dtype.__reduce__` and `__setstate__` (numpy/_core/src/multiarray/descriptor.c).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gitmodelstore.pipelines.dry_rules import is_one_of
from gitmodelstore.pipelines.dry_symbols import Made, Pairs, Symbol

MOST_FIELDS = 2_000_000  # of one file: those of each array are counted
_MOST_DIMENSIONS = 64
_MOST_NESTED = 8  # structures within structures
_HAS_OBJECTS = 1  # NPY_ITEM_REFCOUNT among the flags of a dtype

_DTYPE = {("numpy", "dtype")}

# Type letter and bytes to numpy's name and the letter of `struct`.
_PLAIN = {
    "b1": ("bool", "?"),
    "i1": ("int8", "b"),
    "i2": ("int16", "h"),
    "i4": ("int32", "i"),
    "i8": ("int64", "q"),
    "u1": ("uint8", "B"),
    "u2": ("uint16", "H"),
    "u4": ("uint32", "I"),
    "u8": ("uint64", "Q"),
    "f2": ("float16", "e"),
    "f4": ("float32", "f"),
    "f8": ("float64", "d"),
    "f16": ("float128", None),
    "c8": ("complex64", None),
    "c16": ("complex128", None),
    "c32": ("complex256", None),
    "M8": ("datetime64", None),
    "m8": ("timedelta64", None),
    "O8": ("object", None),
    "O4": ("object", None),
}


class Malformed(ValueError):
    """Symbols that do not say what array they describe; the text says what is wrong."""


@dataclass(slots=True)
class Fields:
    """How many fields of dtypes may still be read: a file can name one dtype many times.

    Attributes:
        left: of them.
    """

    left: int = MOST_FIELDS

    def spend(self, count: int) -> None:
        """Take `count` of them.

        Raises:
            Malformed: there are not as many.
        """
        self.left -= count
        if self.left < 0:
            raise Malformed("dtypes of too many fields")


@dataclass(frozen=True, slots=True)
class Dtype:
    """What one item of an array is.

    Attributes:
        text: as numpy prints it, "float64"; byte order only where it is big.
        itemsize: in bytes.
        has_objects: whether items, or fields of theirs, are Python objects.
        code: how `struct` reads one item; None where it cannot.
    """

    text: str
    itemsize: int
    has_objects: bool = False
    code: str | None = None


def read_shape(symbol: Symbol) -> tuple[int, ...]:
    """Return a shape.

    Raises:
        Malformed: it is none.
    """
    if type(symbol) is not tuple or len(symbol) > _MOST_DIMENSIONS:
        raise Malformed("an array without a shape")
    if not all(type(length) is int and 0 <= length < 2**63 for length in symbol):
        raise Malformed("an array of an impossible shape")
    return symbol


def read_dtype(symbol: Symbol, fields: Fields, level: int = 0) -> Dtype:
    """Return the dtype that a call of `numpy.dtype`, and the state given to it, describe.

    Raises:
        Malformed: they describe none that is known here.
    """
    fields.spend(1)
    if level > _MOST_NESTED:
        raise Malformed("dtypes within dtypes without end")
    if type(symbol) is not Made or not is_one_of(symbol.of, _DTYPE):
        raise Malformed("an array without a dtype")
    given = symbol.arguments
    text = given[0] if type(given) is tuple and given else None
    if type(text) is not str:
        raise Malformed("a dtype without a name")
    state = _Described.of(symbol.state)
    is_simple = state.subarray is None and state.fields is None
    if is_simple and text[:1] != "O" and state.flags & _HAS_OBJECTS:
        raise Malformed("a dtype that claims to hold objects")
    if text in _PLAIN:
        return _plain(text, state)
    return _flexible(text, state, fields, level)


@dataclass(frozen=True, slots=True)
class _Described:
    """The state of a dtype: (version, byte order, subarray, names, fields, itemsize, …, flags)."""

    big: bool = False
    subarray: Symbol = None
    names: Symbol = None
    fields: Symbol = None
    itemsize: int | None = None
    flags: int = 0
    unit: Symbol = None

    @classmethod
    def of(cls, state: Symbol) -> _Described:
        if state is None:
            return cls()
        if type(state) is not tuple or len(state) not in (8, 9):
            raise Malformed("a dtype of an unknown state")
        _, order, subarray, names, fields, itemsize, _, flags = state[:8]
        if type(itemsize) is not int or type(flags) is not int or itemsize >= 2**31:
            raise Malformed("a dtype of an impossible size")
        size = itemsize if itemsize >= 0 else None
        return cls(order == ">", subarray, names, fields, size, flags, *state[8:])


def _plain(text: str, state: _Described) -> Dtype:
    name, code = _PLAIN[text]
    if text[0] in "Mm":
        name += _unit(state.unit)
    if state.big and int(text[1:]) > 1:
        name = f">{text}"
    sign = ">" if state.big else "<"
    return Dtype(name, int(text[1:]), text[0] == "O", sign + code if code else None)


def _unit(metadata: Symbol) -> str:
    """Return "[ns]" of what numpy says of a date: ({}, (unit, count, …))."""
    try:
        unit, count = metadata[1][:2]
    except (TypeError, IndexError, ValueError):
        return ""
    if type(unit) is bytes:
        unit = unit.decode("ascii", "replace")
    return f"[{'' if count == 1 else count}{unit}]" if type(unit) is str else ""


def _flexible(text: str, state: _Described, fields: Fields, level: int) -> Dtype:
    """Return the dtype of texts, bytes and structures, whose size the state says."""
    kind, count = text[:1], text[1:]
    if (
        kind not in ("U", "S", "V", "a")
        or not (count.isascii() and count.isdecimal())
        or len(count) > 9
    ):
        raise Malformed("a dtype that is not known here")
    itemsize = int(count) * (4 if kind == "U" else 1) if state.itemsize is None else state.itemsize
    if state.subarray is not None:
        return _subarray(state, itemsize, fields, level)
    if state.fields is None:
        sign = ">" if state.big else "<"
        name = f"{sign}U{itemsize // 4}" if kind == "U" else f"{kind}{itemsize}"
        return Dtype(name, itemsize, code=f"{itemsize}s" if kind in "Sa" else None)
    return _structure(state, itemsize, fields, level)


def _subarray(state: _Described, itemsize: int, fields: Fields, level: int) -> Dtype:
    if type(state.subarray) is not tuple or len(state.subarray) != 2:
        raise Malformed("a dtype of an unknown state")
    inner = read_dtype(state.subarray[0], fields, level + 1)
    return Dtype(f"({inner.text}, {_shape(state.subarray[1])})", itemsize, inner.has_objects)


def _shape(symbol: Symbol) -> Any:
    return symbol if type(symbol) is int else read_shape(symbol)


def _structure(state: _Described, itemsize: int, fields: Fields, level: int) -> Dtype:
    """Return the dtype of records; its fields must lie within, and its flags tell the truth."""
    if type(state.fields) is not Pairs or type(state.names) is not tuple:
        raise Malformed("a dtype of an unknown state")
    fields.spend(len(state.fields.flat) + len(state.names))
    pairs = zip(state.fields.flat[::2], state.fields.flat[1::2], strict=True)
    found = {
        name: _field(field, itemsize, fields, level) for name, field in pairs if type(name) is str
    }
    if not all(type(name) is str and name in found for name in state.names):
        raise Malformed("a dtype with names that are no fields")
    has_objects = any(inner.has_objects for inner in found.values())
    if has_objects != bool(state.flags & _HAS_OBJECTS):
        raise Malformed("a dtype whose flags do not agree with its fields")
    text = ", ".join(f"{name}: {found[name].text}" for name in state.names)
    return Dtype(f"[{text}]", itemsize, has_objects)


def _field(field: Symbol, itemsize: int, fields: Fields, level: int) -> Dtype:
    if type(field) is not tuple or len(field) not in (2, 3) or type(field[1]) is not int:
        raise Malformed("a dtype of an unknown state")
    inner = read_dtype(field[0], fields, level + 1)
    if field[1] < 0 or field[1] + inner.itemsize > itemsize:
        raise Malformed("a field beyond the end of its dtype")
    return inner
