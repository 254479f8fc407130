"""What a dry walk finds in a pickle: signs for objects that nobody makes, and what they tell."""
# `Symbols` shows them to `places`, which judges attributes for the guarded walk too.

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from gitmodelstore.pickles import places
from gitmodelstore.pickles import rights as rules
from gitmodelstore.pickles.rights import FUNCTION, NEW, Rights

# What a dry walk finds on its stack: signs for objects that nobody makes.


Symbol = Any
Place = tuple[str, str]


@dataclass(slots=True)
class Global:
    """A name that the pickle asks for; one for each name of a file."""

    module: str  # as Python 3 spells it
    inner: str
    rights: Rights | None  # None if it may not be used at all
    verdict: str  # "listed"; by its spelling "data" or "scikit-learn"; "trusted"; "refused"
    offset: int  # of the opcode that named it first
    place: Place  # where the table lists it, whichever release wrote it
    uses: set[str] = field(default_factory=set)  # the rights
    wants_trust: bool = False  # whether what an object of it holds is why it must be trusted

    @property
    def name(self) -> str:
        return f"{self.module}.{self.inner}"

    @property
    def used(self) -> tuple[str, ...]:
        return tuple(right for right in rules.RIGHTS if right in self.uses)

    @property
    def is_refused(self) -> bool:
        """Whether it may not be used so."""
        if self.rights is None or self.verdict == "refused":
            return True
        return not self.rights.allowed.issuperset(self.uses)

    def __str__(self) -> str:
        return self.name


class Made:
    """An object that the pickle would make."""

    __slots__ = ("arguments", "of", "pairs", "state", "way")

    def __init__(self, way: str, of: Symbol, arguments: Symbol) -> None:
        self.way = way  # CALL (REDUCE and its like) or NEW (made without `__init__`)
        self.of = of  # what was called or instantiated; a `Global` in every honest file
        self.arguments = arguments  # a tuple in every honest file
        self.state: Symbol = None  # what BUILD gave it
        self.pairs: list[Symbol] = []  # keys and values that were set on it, in turn


class Pairs(list[Symbol]):
    """A dict: its keys and values in turn, as they were written, repeated keys included."""

    __slots__ = ()


class Items(list[Symbol]):
    """A set: its items, as they were written."""

    __slots__ = ()


class FrozenItems(Items):
    """A frozenset."""

    __slots__ = ()


class Unknown:
    """What no dry walk can know: an extension code, a persistent id, a buffer from outside."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """An array whose bytes stand in the file; those of an object array are a pickle."""

    dtype: str  # as numpy prints it: "float64", "<U12", "object"
    shape: tuple[int, ...]
    offset: int  # where its bytes begin, padding passed over, in what was decompressed
    size_bytes: int
    fortran: bool = False  # whether columns come first
    content: Symbol = None  # of an object array the symbol in its pickle
    code: str | None = None  # how `struct` reads an item
    data: memoryview = field(default=memoryview(b""), repr=False)  # empty for an object array


_MOST_TEXT = 120

_RECONSTRUCTOR = {("copyreg", "_reconstructor")}
PARTIAL = {("functools", "partial")}
_CALLED_LATER = PARTIAL | {("numpy", "vectorize")}
GETATTR = {("builtins", "getattr")}

_CLASS_NAMES: Mapping[type, str] = {
    Pairs: "dict",
    Items: "set",
    FrozenItems: "set",
    Array: "array",
    Global: "global",
    Unknown: "unknown",
}


class PickleFault(ValueError):
    """What makes it impossible to read on; the text says what is wrong."""


class Budget:
    """How much of something may still come, and the fault where there is no more."""

    def __init__(self, left: int, fault: str) -> None:
        self.left, self.fault = left, fault

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise PickleFault(self.fault)


def in_pairs(flat: list[Symbol]) -> Iterator[tuple[Symbol, Symbol]]:
    return zip(flat[::2], flat[1::2], strict=True)


def class_of(made: Made) -> Symbol:
    """Return the class of `made`, as far as it shows; otherwise the function that makes it."""
    given = made.arguments
    if is_one_of(made.of, _RECONSTRUCTOR) and type(given) is tuple and given:
        return given[0]
    return made.of


def class_name(symbol: Symbol) -> str:
    """Return the dotted name of the class, or of the function that makes `symbol`."""
    if type(symbol) is Made:
        cls = class_of(symbol)
        return shortened(str(cls)) if type(cls) is Global else "something unknown"
    return _CLASS_NAMES.get(type(symbol), type(symbol).__name__)


def is_one_of(symbol: Symbol, names: Collection[Place]) -> bool:
    """Whether `symbol` is a name of that list, however the release that wrote it spelled it."""
    return type(symbol) is Global and symbol.place in names


def is_made_by(symbol: Symbol, names: Collection[Place]) -> bool:
    """Whether `symbol` is made by one of these names, of arguments as honest files have them."""
    return type(symbol) is Made and is_one_of(symbol.of, names) and type(symbol.arguments) is tuple


def shortened(text: str) -> str:
    """Return `text`, printable, and cut where no honest name is as long."""
    if not text.isprintable():
        text = ascii(text[:_MOST_TEXT])[1:-1]
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"


def is_trusted(symbol: Symbol) -> bool:
    return type(symbol) is Global and symbol.verdict == "trusted"


def dtype_code(leaf: Symbol) -> str:
    """Return the letters of a dtype of numpy's, "f4"; "" for any other symbol."""
    given = leaf.arguments if is_made_by(leaf, _DTYPE) else ()
    return given[0] if given and type(given[0]) is str else ""


def is_partial(leaf: Symbol) -> bool:
    """Whether `leaf` is a function with arguments, to be called later."""
    return type(leaf) is Made and is_one_of(leaf.of, _CALLED_LATER)


# Arrays, read from symbols: their dtypes and shapes, and what their items look like.


_MOST_DIMENSIONS = 64
_MOST_NESTED = 8  # structures within structures
_MOST_FACTS = 32  # of a wrapper; joblib writes six
_FEW_FIELDS = 100  # where only words are wanted
_HAS_OBJECTS = 1  # NPY_ITEM_REFCOUNT among the flags of a dtype

_DTYPE = {("numpy", "dtype")}
_RECONSTRUCT = {("numpy._core.multiarray", "_reconstruct")}
_FROM_BUFFER = {("numpy._core.numeric", "_frombuffer")}
_SCALAR = {("numpy._core.multiarray", "scalar")}
_CLASSES = {("numpy", "ndarray"), ("numpy", "matrix"), ("numpy", "memmap")}

# Type letter and bytes to the letter of `struct`, and to numpy's name.
_CODES = {
    "b1": "?", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I",
    "u8": "Q", "f2": "e", "f4": "f", "f8": "d",
}  # fmt: skip
_KINDS = {"i": "int", "u": "uint", "f": "float"}
_NAMES = {
    **{text: f"{_KINDS[text[0]]}{8 * int(text[1:])}" for text in (*_CODES, "f16") if text != "b1"},
    "b1": "bool", "c8": "complex64", "c16": "complex128", "c32": "complex256",
    "M8": "datetime64", "m8": "timedelta64", "O8": "object", "O4": "object",
}  # fmt: skip


class Dtype(NamedTuple):
    """What one item of an array is."""

    text: str  # as numpy prints it, "float64"; byte order only where it is big
    itemsize: int  # in bytes
    has_objects: bool = False  # itself, or in fields
    code: str | None = None  # how `struct` reads one item


class _State(NamedTuple):
    """The state of a dtype."""

    version: Symbol = None
    order: Symbol = None
    subarray: Symbol = None
    names: Symbol = None
    fields: Symbol = None
    itemsize: Any = -1  # where its name says it
    alignment: Symbol = None
    flags: Any = 0
    unit: Symbol = None


def read_shape(symbol: Symbol) -> tuple[int, ...]:
    if type(symbol) is not tuple or len(symbol) > _MOST_DIMENSIONS:
        raise PickleFault("an array without a shape")
    if not all(type(length) is int and 0 <= length < 2**63 for length in symbol):
        raise PickleFault("an array of an impossible shape")
    return symbol


def read_dtype(symbol: Symbol, fields: Budget, level: int = 0) -> Dtype:
    """Return the dtype that a call of `numpy.dtype`, and the state given to it, describe."""
    fields.spend(1)
    if level > _MOST_NESTED:
        raise PickleFault("endlessly nested dtypes")
    text = dtype_code(symbol)
    if not text:
        raise PickleFault("an array without a dtype")
    state = _state_of(symbol.state)
    if text in _NAMES or (state.subarray is None and state.fields is None):
        return _plain(text, state)
    if type(state.subarray) is tuple and len(state.subarray) == 2:
        inner, shape = read_dtype(state.subarray[0], fields, level + 1), state.subarray[1]
        shape = shape if type(shape) is int else read_shape(shape)
        return Dtype(f"({inner.text}, {shape})", _size(text, state), inner.has_objects)
    return _structure(_size(text, state), state, fields, level)


def _state_of(symbol: Symbol) -> _State:
    if symbol is None:
        return _State()
    if type(symbol) is not tuple or len(symbol) not in (8, 9):
        raise PickleFault("a dtype of an unknown state")
    state = _State(*symbol)
    if type(state.itemsize) is not int or type(state.flags) is not int or state.itemsize >= 2**31:
        raise PickleFault("a dtype of an impossible size")
    return state


def _plain(text: str, state: _State) -> Dtype:
    """Return the dtype of numbers, moments, objects, texts and bytes."""
    kind, sign = text[0], ">" if state.order == ">" else "<"
    if kind != "O" and state.flags & _HAS_OBJECTS:
        raise PickleFault("a dtype that claims to hold objects")
    itemsize = _size(text, state)
    if text not in _NAMES:
        name = f"{sign}U{itemsize // 4}" if kind == "U" else f"{kind}{itemsize}"
        return Dtype(name, itemsize, code=f"{itemsize}s" if kind in "Sa" else None)
    name = _NAMES[text] + (_unit(state.unit) if kind in "Mm" else "")
    if sign == ">" and itemsize > 1:
        name = f">{text}"
    return Dtype(name, itemsize, kind == "O", sign + _CODES[text] if text in _CODES else None)


def _size(text: str, state: _State) -> int:
    """Return the bytes of an item; of texts, bytes and structures the state says it."""
    if text in _NAMES:
        return int(text[1:])
    if not re.fullmatch("[USVa][0-9]{1,9}", text):
        raise PickleFault("a dtype that is unknown here")
    size = int(text[1:]) * (4 if text[0] == "U" else 1)
    return size if state.itemsize < 0 else int(state.itemsize)


def _unit(metadata: Symbol) -> str:
    """Return "[ns]" of what numpy says of a date: ({}, (unit, count, …))."""
    try:
        unit, count = metadata[1][:2]
    except (TypeError, IndexError, ValueError):
        return ""
    if type(unit) is bytes:
        unit = unit.decode("ascii", "replace")
    return f"[{'' if count == 1 else count}{unit}]" if type(unit) is str else ""


def _structure(itemsize: int, state: _State, fields: Budget, level: int) -> Dtype:
    """Return the dtype of records; its fields must lie within, and its flags tell the truth."""
    if type(state.fields) is not Pairs or type(state.names) is not tuple:
        raise PickleFault("a dtype of an unknown state")
    fields.spend(len(state.fields) + len(state.names))
    inner = {
        name: _field(field, itemsize, fields, level)
        for name, field in in_pairs(state.fields)
        if type(name) is str
    }
    if not all(type(name) is str and name in inner for name in state.names):
        raise PickleFault("a dtype with names that are not fields")
    has_objects = any(dtype.has_objects for dtype in inner.values())
    if has_objects != bool(state.flags & _HAS_OBJECTS):
        raise PickleFault("a dtype whose flags do not agree with its fields")
    text = ", ".join(f"{name}: {inner[name].text}" for name in state.names)
    return Dtype(f"[{text}]", itemsize, has_objects)


def _field(field: Symbol, itemsize: int, fields: Budget, level: int) -> Dtype:
    if type(field) is not tuple or len(field) not in (2, 3) or type(field[1]) is not int:
        raise PickleFault("a dtype of an unknown state")
    inner = read_dtype(field[0], fields, level + 1)
    if field[1] < 0 or field[1] + inner.itemsize > itemsize:
        raise PickleFault("a field beyond the end of its dtype")
    return inner


def read_wrapper(state: Symbol, fields: Budget) -> tuple[Dtype, tuple[int, ...], bool, bool]:
    """Return what a `NumpyArrayWrapper` says: dtype, shape, column order, padding."""
    is_dict = type(state) is Pairs and len(state) <= 2 * _MOST_FACTS
    if not is_dict or not all(type(key) is str for key in state[::2]):
        raise PickleFault("the state of an array is not a dict of attributes")
    facts = dict(in_pairs(state))
    if not is_one_of(facts.get("subclass"), _CLASSES):
        raise PickleFault("an array of an unknown class")
    if facts.get("order") not in ("C", "F"):
        raise PickleFault("an array without an order")
    dtype, shape = read_dtype(facts.get("dtype"), fields), read_shape(facts.get("shape"))
    aligned = facts.get("numpy_array_alignment_bytes") is not None
    return dtype, shape, facts["order"] == "F", aligned


def array_of(symbol: Symbol) -> Array | None:
    """Return the array that a symbol stands for; an object array's `content` is flat."""
    try:
        if type(symbol) is Array:
            inner = array_of(symbol.content) if type(symbol.content) is Made else None
            return replace(symbol, content=inner.content) if inner else symbol
        return _in_pickle(symbol) if type(symbol) is Made else None
    except PickleFault:
        return None


def _in_pickle(made: Made) -> Array | None:
    """Return an array that stands in the pickle itself, as all do that joblib did not write."""
    given, state = made.arguments, made.state
    if is_one_of(made.of, _RECONSTRUCT) and type(state) is tuple and len(state) == 5:
        _, shape, dtype, fortran, content = state
    elif is_made_by(made, _FROM_BUFFER) and len(given) == 4:
        content, dtype, shape, order = given
        fortran = order == "F"
    else:
        return None
    kind, shape = _in_few_fields(dtype), read_shape(shape)
    data = memoryview(content if type(content) is bytes else b"")
    items = content if type(content) is list else None
    return Array(kind.text, shape, 0, len(data), fortran is True, items, kind.code, data)


def _in_few_fields(symbol: Symbol) -> Dtype:
    return read_dtype(symbol, Budget(_FEW_FIELDS, "dtypes of too many fields"))


def scalar_of(made: Made) -> Symbol:
    """Return the value of a numpy scalar; None if `made` is not one that can be read."""
    if not is_made_by(made, _SCALAR) or len(made.arguments) != 2:
        return None
    try:
        dtype, value = _in_few_fields(made.arguments[0]), made.arguments[1]
        if type(value) is not bytes or dtype.has_objects:
            return value
        if dtype.text.lstrip("<>").startswith("U"):
            return value.decode(f"utf-32-{'be' if dtype.text[0] == '>' else 'le'}").rstrip("\0")
        return struct.unpack(dtype.code, value)[0] if dtype.code else None
    except (PickleFault, struct.error, UnicodeError):
        return None


def dtype_text(made: Made) -> str | None:
    try:
        return _in_few_fields(made).text
    except PickleFault:
        return None


# How a dry walk shows its symbols to `places`.


_PLAIN_TYPES = frozenset({type(None), bool, int, float, str, bytes})
# Modules of scikit-learn in which no estimator is defined.
_NO_ESTIMATORS = (
    "sklearn._loss.", "sklearn.gaussian_process.kernels", "sklearn.metrics.", "sklearn.utils.",
    "sklearn.model_selection._split", "sklearn.neighbors._ball_tree",
    "sklearn.neighbors._kd_tree", "sklearn.tree._tree",
)  # fmt: skip
_NOT_ESTIMATORS = frozenset({"TreePredictor", "_BisectingTree", "_CFNode", "_CFSubcluster"})


def _class(value: Symbol) -> Global | None:
    """Return the name of the class of an object; None if it has none."""
    cls = class_of(value) if type(value) is Made else None
    return cls if type(cls) is Global else None


class Symbols(places.View):
    """The view of a dry walk."""

    dtype_code, is_partial = staticmethod(dtype_code), staticmethod(is_partial)

    def place(self, value: Symbol) -> Place:
        cls = _class(value)
        return cls.place if cls else ("", "object")

    def is_trusted(self, value: Symbol) -> bool:
        return is_trusted(_class(value))

    def attributes(self, value: Symbol) -> Mapping[str, Symbol]:
        if not self.is_part(value, "sklearn") and not self.package(value):
            return {}
        state = value.state[0] if type(value.state) is tuple and value.state else value.state
        if type(state) is not Pairs:
            return {}
        return {name: part for name, part in in_pairs(state) if type(name) is str}

    def parts(self, value: Symbol) -> Sequence[Symbol] | None:
        if type(value) is Pairs:
            return value[1::2]
        if isinstance(value, (list, tuple)):
            return value
        if type(value) is Made and value.way == NEW and value.arguments:
            return tuple(value.arguments)  # a tuple with names
        array = array_of(value)
        if array is not None:
            return array.content if type(array.content) is list else None
        is_dict = type(value) is Made and value.pairs and type(value.state) in (type(None), Pairs)
        return value.pairs[1::2] if is_dict else None

    def keys(self, value: Symbol) -> Collection[Symbol]:
        flat = value.pairs if type(value) is Made else value if type(value) is Pairs else []
        return [key for key in flat[::2] if type(key) is str]

    def is_plain(self, value: Symbol) -> bool:
        return type(value) in _PLAIN_TYPES or (type(value) is Made and is_one_of(value.of, _SCALAR))

    def is_array(self, value: Symbol) -> bool:
        array = array_of(value)
        return array is not None and array.content is None

    def is_estimator(self, value: Symbol) -> bool:
        cls = _class(value)
        if cls is None or self.package(value):
            return cls is not None and rules.is_estimator_of_package(*cls.place)
        is_other = (
            cls.module.startswith(_NO_ESTIMATORS) or self.class_name(value) in _NOT_ESTIMATORS
        )
        return self.is_part(value, "sklearn") and not is_other

    def named(self, leaf: Symbol) -> Place | None:
        if type(leaf) is Global:
            return leaf.place
        if not is_made_by(leaf, GETATTR) or len(leaf.arguments) != 2:
            return None
        of, name = leaf.arguments
        if type(of) is str:
            return "builtins.str", str(name)
        return (".".join(of.place) if type(of) is Global else "", str(name))

    def is_trusted_function(self, leaf: Symbol) -> bool:
        return is_trusted(leaf) and leaf.rights.kind == FUNCTION

    def inmost(self, leaf: Symbol) -> Symbol:
        while is_made_by(leaf, _CALLED_LATER) and leaf.arguments:
            leaf = leaf.arguments[0]
        return leaf

    def is_class(self, leaf: Symbol) -> bool:
        return type(leaf) is Global and leaf.rights is not None and leaf.rights.kind == rules.CLASS

    def takes(self, value: Symbol, param: str, text: str) -> bool:
        """Whether nobody can know here: a later release than the table's wrote the object."""
        version = self.attributes(value).get("_sklearn_version")
        return type(version) is str and _release(version) > _release(rules.newest_release())


SYMBOLS = Symbols()


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d{1,9}", version)[:2])
