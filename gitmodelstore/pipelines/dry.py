"""What a joblib file is, told without running it: nothing is imported, nothing is called.

The way in: `walk` for hooks, `gms inspect` and `git diff`. The standard library does,
so that a hook runs from a bare clone. The machine is `dry_machine.py`, what speaks
against a file `dry_rules.py`, what people want to know of it `summary.py`.

An answer without refusals is no promise: the guarded loader also looks at what the
names are. A refusal is one: it would not load the file.
"""

from __future__ import annotations

import codecs
import mmap
import pickle
import re
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from math import prod
from struct import Struct
from typing import Any, NoReturn, cast

from gitmodelstore.errors import BrokenPipelineFile, NotAPipeline
from gitmodelstore.pipelines.compression import MOST_BYTES, compressor_of, decompress
from gitmodelstore.pipelines.places import (
    FOREIGN_KEYWORDS,
    TYPES_OF_NUMBERS,
    is_type_of_values,
    misplaced,
)
from gitmodelstore.pipelines.rights import (
    ARGUMENT,
    CALL,
    CLASS,
    FUNCTION,
    METHODS,
    NOBODY,
    OF_DATA,
    OF_SCIKIT_LEARN,
    RIGHTS,
    STATE,
    TEXT_METHODS,
    VALUE,
    Rights,
    Trust,
    is_estimator_of_package,
    is_like_a_class,
    is_suffix,
    listed,
    may_be_of_scikit_learn,
    may_be_renamed,
    newest_release,
    packages,
    spelled,
)

# What a dry walk finds on its stack: signs for objects that nobody makes.


Symbol = Any

CALLED, NEW = "call", "new"


class Global:
    """A name that the pickle asks for; one for each name of a file.

    Attributes:
        module, name: as Python 3 spells them.
        place: where the table lists them, whichever release wrote them.
        rights: what may be done with it; None when it is refused.
        verdict: "listed", "data", "scikit-learn", "trusted" or "refused".
        offset: of the opcode that named it first.
        used: right to the offset of its first use.
    """

    __slots__ = ("module", "name", "offset", "place", "rights", "used", "verdict")

    def __init__(
        self, module: str, name: str, rights: Rights | None, verdict: str, offset: int
    ) -> None:
        self.module, self.name = module, name
        self.place = spelled(module, name)
        self.rights, self.verdict = rights, verdict
        self.offset = offset
        self.used: dict[str, int] = {}

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Made:
    """An object that the pickle would make.

    Attributes:
        way: "call" (REDUCE and its like) or "new" (made without `__init__`).
        of: what was called or instantiated; a `Global` in every honest file.
        arguments: a tuple in every honest file.
        state: what BUILD gave it; None without one.
        pairs: keys and values that were set on it, in turn.
    """

    __slots__ = ("arguments", "of", "pairs", "state", "way")

    def __init__(self, way: str, of: Symbol, arguments: Symbol) -> None:
        self.way = way
        self.of = of
        self.arguments = arguments
        self.state: Symbol = None
        self.pairs: list[Symbol] | tuple[()] = ()


class Pairs:
    """A dict: its keys and values in turn, as they were written, repeated keys included."""

    __slots__ = ("flat",)

    def __init__(self, flat: list[Symbol] | tuple[()] = ()) -> None:
        self.flat = flat


class Items:
    """A set or a frozenset: its items, as they were written."""

    __slots__ = ("frozen", "held")

    def __init__(self, held: list[Symbol] | tuple[()] = (), *, frozen: bool = False) -> None:
        self.held = held
        self.frozen = frozen


class Unknown:
    """What no dry walk can know: an extension code, a persistent id, a buffer from outside."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """An array whose bytes stand in the file.

    Attributes:
        dtype: as numpy prints it: "float64", "<U12", "object".
        shape: as numpy says it.
        offset: where its bytes begin, padding passed over, in what was decompressed.
        size_bytes: of its bytes; of an object array, of the pickle that holds its items.
        fortran: whether columns come first.
        content: the symbol of the array in that pickle; None for plain bytes.
        code: how `struct` reads an item; None where it cannot.
        data: the bytes; empty for an object array.
    """

    dtype: str
    shape: tuple[int, ...]
    offset: int
    size_bytes: int
    fortran: bool = False
    content: Symbol = None
    code: str | None = None
    data: memoryview = field(default=memoryview(b""), repr=False)


# What the guarded loader would refuse, as far as can be told without importing.


MOST_REFUSALS = 200  # of one file: a hostile one can give a reason every few bytes
_MOST_TEXT = 120
_MOST_IN_KEY = 100  # items of a tuple

# The classes that are dicts, so that items may be set on their instances.
_DICTS = {
    ("collections", "OrderedDict"),
    ("collections", "Counter"),
    ("collections", "defaultdict"),
    ("sklearn.utils._bunch", "Bunch"),
}
_LISTS = {("collections", "deque")}
_PARTIAL = {("functools", "partial")}
_CALLED_LATER = _PARTIAL | {("numpy", "vectorize")}
_SIMPLE_KEYS = frozenset({str, int, float, bool, bytes, type(None), Global})
# What functools.update_wrapper leaves on numpy.vectorize, and scipy on its distributions.
_KNOWN_DUNDERS = ("__name__", "__doc__")
# What native code reads a model from, and what else it would take for an address.
_BOOSTERS = {("lightgbm.basic", "Booster"), ("xgboost.core", "Booster")}
_BYTES = {("builtins", "bytearray")}
_HANDLES = ("_handle", "handle")
# Of objects, as `rights` lists them, and of scipy's interp1d, as protocol 2 writes them.
_BOUND_METHODS = {name for _, name in METHODS} | {"_call_linear", "_call_linear_np"}
_SLOTS = {("scipy.interpolate._interpolate", "interp1d")}

# scipy.stats._distn_infrastructure.parse_arg_template, with names and numbers filled in.
_TEMPLATE = re.compile(
    r"""
def _parse_args\(self, ?WORDS\):
    return \(WORDS\), WORDS

def _parse_args_rvs\(self, ?WORDS, size=None\):
    return self\._argcheck_rvs\(WORDS, size=size\)

def _parse_args_stats\(self, ?WORDS, moments='mv'\):
    return \(WORDS\), WORDS, moments
""".replace("WORDS", "[A-Za-z0-9_ ,=.]*")
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why a file would not be loaded.

    Attributes:
        name: the global that it is about, "os.system"; None when it is about none.
        opcode: as `pickletools` calls it, "REDUCE".
        offset: of the opcode, in what was decompressed.
        reason: what is wrong.
    """

    name: str | None
    opcode: str
    offset: int
    reason: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.opcode} at {self.offset})"


class Rules:
    """The names that one file uses, and what speaks against it.

    Attributes:
        globals: by module and name, in order of appearance.
        refusals: at most `MOST_REFUSALS`, each reason once, where it was met first.
        stated: the objects that were given a state.
    """

    def __init__(self, trust: Trust) -> None:
        self.globals: dict[tuple[str, str], Global] = {}
        self.refusals: dict[tuple[str | None, str, str], Refusal] = {}
        self.stated: list[Made] = []
        self._states: set[int] = set()
        self._trust = trust

    def refuse(self, reason: str, opcode: str, offset: int, name: str | None = None) -> None:
        key = (name, opcode, reason)
        if key not in self.refusals and len(self.refusals) < MOST_REFUSALS:
            self.refusals[key] = Refusal(name, opcode, offset, reason)

    # Names

    def named(self, module: str, name: str, opcode: str, offset: int) -> Global:
        """Return the symbol of a name, the same one each time."""
        found = self.globals.get((module, name))
        if found is None:
            rights, verdict = self._judge(module, name)
            found = Global(module, name, rights, verdict, offset)
            self.globals[module, name] = found
            if rights is None:
                shown = shortened(str(found))
                self.refuse(f"'{shown}' is not a name that may be used", opcode, offset, shown)
        return found

    def _judge(self, module: str, name: str) -> tuple[Rights | None, str]:
        rights = listed(module, name)
        if rights is not None:
            return rights, "listed"
        rights = self._trust.rights(module, name)
        if rights is not None and not self._is_uncovered_function(module, name):
            return rights, "trusted"
        if may_be_of_scikit_learn(module, name):
            return OF_SCIKIT_LEARN, "scikit-learn"
        if may_be_renamed(module, name):
            moved = listed(*spelled(module, name))
            return (moved, "listed") if moved else (OF_DATA, "data")
        return None, "refused"

    def _is_uncovered_function(self, module: str, name: str) -> bool:
        """Whether a name is of a trusted package, which does not cover its functions."""
        if self._trust.names_exactly(module, name):
            return False
        if "." in name and not is_like_a_class(name):
            return True  # a function of a class
        from gitmodelstore.pipelines.rights import names_at  # nobody else needs `ast`

        return names_at(f"{module}.{name}").is_function

    def use(self, symbol: Symbol, right: str, opcode: str, offset: int) -> None:
        """Note that `symbol` is called, instantiated or given a state; it should be a name."""
        if type(symbol) is not Global:
            self.refuse(f"{_DEED[right]} something that is no name", opcode, offset)
            return
        symbol.used.setdefault(right, offset)
        if symbol.rights is not None and right not in symbol.rights.allowed:
            shown = shortened(str(symbol))
            self.refuse(
                f"{_DEED[right]} '{shown}', which may only be: {symbol.rights}",
                opcode,
                offset,
                shown,
            )

    def hold(self, items: Iterable[Symbol], opcode: str, offset: int) -> None:
        """Note which names stand among `items` as values."""
        for item in items:
            if type(item) is Global:
                self.use(item, _way_of_holding(item), opcode, offset)

    # Objects

    def made(self, made: Made, opcode: str, offset: int) -> None:
        """Judge a call, or a new instance."""
        self.use(made.of, NEW if made.way == NEW else CALL, opcode, offset)
        if type(made.arguments) is not tuple:
            self.refuse("arguments that are no tuple", opcode, offset)
            return
        reason = _unfit_arguments(made)
        if reason:
            self.refuse(reason, opcode, offset, _shown(made.of))

    def given_state(self, target: Symbol, state: Symbol, opcode: str, offset: int) -> None:
        """Judge a BUILD."""
        if type(target) is Global:
            shown = shortened(str(target))
            self.refuse(f"state is given to '{shown}' itself", opcode, offset, shown)
        elif type(target) is not Made:
            self.refuse("state is given to what was not made here", opcode, offset)
        else:
            cls = class_of(target)
            if target.state is not None or id(state) in self._states:
                self.refuse("a second state, or one of two objects", opcode, offset, _shown(cls))
            elif type(state) in (tuple, Pairs):
                self.stated.append(target)
                self._states.add(id(state))
            if target.way == NEW or cls is not target.of:
                self.use(cls, STATE, opcode, offset)
            self._judge_state(cls, state, opcode, offset)

    def _judge_state(self, cls: Symbol, state: Symbol, opcode: str, offset: int) -> None:
        parts: tuple[Symbol, ...] = (state,)
        if type(state) is tuple and len(state) == 2 and type(state[1]) is Pairs:
            parts = state
            if not is_one_of(cls, _SLOTS) and not _is_trusted(cls):
                self.refuse("state for slots", opcode, offset, _shown(cls))
        if is_one_of(cls, _PARTIAL) and not _is_state_of_partial(state):
            self.refuse("a partial with arguments that are called or written to", opcode, offset)
        for part in parts:
            if type(part) is Global:
                self.use(part, VALUE, opcode, offset)
            elif type(part) is Pairs:
                self._judge_attributes(part.flat, cls, opcode, offset)

    def _judge_attributes(
        self, flat: Sequence[Symbol], cls: Symbol, opcode: str, offset: int
    ) -> None:
        is_data = type(cls) is Global and cls.verdict == "data"
        for name, value in zip(flat[::2], flat[1::2], strict=True):
            if is_data and type(value) is Global:
                self.refuse("data that is called", opcode, offset, _shown(cls))
            if type(name) is not str:
                continue
            if name.startswith("__") and name.endswith("__") and name not in _KNOWN_DUNDERS:
                reason = f"attribute '{shortened(name)}' in a state"
                self.refuse(reason, opcode, offset, _shown(cls))
            elif name == "_parse_arg_template" and not _is_template(value):
                self.refuse("a template that is not scipy's", opcode, offset, _shown(cls))
            elif name in _HANDLES and is_one_of(cls, _BOOSTERS) and not _is_model(value):
                self.refuse("a model that is neither text nor bytes", opcode, offset, _shown(cls))

    def ended(self, root: Symbol, opcode: str, offset: int) -> None:
        """Judge what the whole file holds; a class of the reader's own may be made in any way."""
        is_object = type(root) is Made and (root.way == NEW or _is_trusted(root.of))
        if not is_object:
            kind = class_of(root) if type(root) is Made else type(root).__name__.lower()
            name = {"pairs": "dict", "items": "set"}.get(str(kind), str(kind))
            self.refuse(f"it holds '{shortened(name)}', not a fitted estimator", opcode, offset)

    # Containers

    def extended(self, target: Symbol, opcode: str, offset: int) -> bool:
        """Judge items that are appended to `target`; say whether it is a list.

        A class of the reader's own may be one too, of which nobody can know here.
        """
        is_list = type(target) is list
        other = target.of if type(target) is Made else None
        takes_items = other is not None and (_is_trusted(other) or is_one_of(other, _LISTS))
        if not is_list and not takes_items:
            self.refuse("items are appended to what is no list", opcode, offset)
        return is_list

    def filled(self, target: Symbol, keys: Sequence[Symbol], opcode: str, offset: int) -> bool:
        """Judge pairs that are set on `target`; say whether it can take them."""
        self.keyed(keys, opcode, offset)
        if type(target) is Pairs:
            return True
        if type(target) is Made and (is_one_of(target.of, _DICTS) or _is_trusted(target.of)):
            return True
        self.refuse("items are set on what is no dict", opcode, offset)
        return False

    def keyed(self, keys: Sequence[Symbol], opcode: str, offset: int) -> None:
        """Judge the keys of a dict, or the items of a set: hashing them must run no code."""
        if _SIMPLE_KEYS.issuperset(map(type, keys)):
            return
        if not all(_is_simple(key) for key in keys):
            self.refuse("a key that is no simple value", opcode, offset)


def _way_of_holding(symbol: Global) -> str:
    """Return the right that holding a name takes: whom it is handed to only the guard sees."""
    rights = symbol.rights
    is_argument = rights is not None and VALUE not in rights.allowed and ARGUMENT in rights.allowed
    return ARGUMENT if is_argument else VALUE


_DEED = {
    CALL: "it calls",
    NEW: "it makes an instance of",
    STATE: "it gives state to an instance of",
    VALUE: "it holds as a value",
    ARGUMENT: "it hands over",
}


def class_of(made: Made) -> Symbol:
    """Return what `made` is an instance of, as far as it shows; the function that makes it else."""
    given = made.arguments
    if is_one_of(made.of, {("copyreg", "_reconstructor")}) and type(given) is tuple and given:
        return given[0]
    return made.of


def is_one_of(symbol: Symbol, names: Collection[tuple[str, str]]) -> bool:
    """Whether `symbol` is a name of that list, however the release that wrote it spelled it."""
    return type(symbol) is Global and symbol.place in names


def shortened(text: str) -> str:
    """Return `text`, printable, and cut where no honest name is as long."""
    if not text.isprintable():
        text = ascii(text[:_MOST_TEXT])[1:-1]
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"


def _shown(symbol: Symbol) -> str | None:
    return shortened(str(symbol)) if type(symbol) is Global else None


def _is_trusted(symbol: Symbol) -> bool:
    return type(symbol) is Global and symbol.verdict == "trusted"


def _is_simple(key: Symbol) -> bool:
    """Whether a key is a scalar, numpy's and the standard library's included, or a flat tuple."""
    if type(key) is tuple:
        return len(key) <= _MOST_IN_KEY and all(map(_is_scalar, key))
    return _is_scalar(key)


def _is_scalar(key: Symbol) -> bool:
    if type(key) is not Made:
        return type(key) in _SIMPLE_KEYS
    return key.way != NEW or _is_trusted(key.of)


def _is_bound_method(given: tuple[Symbol, ...]) -> bool:
    """Whether the arguments of getattr ask for one of the methods that honest pipelines keep."""
    if len(given) != 2 or type(given[1]) is not str:
        return False
    if type(given[0]) is str:
        return is_suffix(given[0], given[1])
    of_text = is_one_of(given[0], {("builtins", "str")})
    return given[1] in (TEXT_METHODS if of_text else _BOUND_METHODS)


def _is_template(value: Symbol) -> bool:
    """Whether a text, which scipy executes, defines what scipy's does and calls nothing else."""
    return type(value) is str and _TEMPLATE.fullmatch(value) is not None


def _is_model(value: Symbol) -> bool:
    is_array = type(value) is Made and is_one_of(value.of, _BYTES)
    return is_array or type(value) in (str, bytes)  # of protocol 5 both kinds of bytes are one


def _unfit_arguments(made: Made) -> str | None:
    """Return what is wrong with the arguments of a callable that is safe with some only."""
    given = made.arguments
    if is_one_of(made.of, {("builtins", "getattr")}) and not _is_bound_method(given):
        return "getattr of an attribute that is not listed"
    if is_one_of(made.of, {("builtins", "bytearray")}) and given and type(given[0]) is int:
        return "a bytearray of a size"
    if is_one_of(made.of, _PARTIAL) and not _is_function(next(iter(given), None)):
        return "a partial of something that is not a listed function"
    return None


def _is_state_of_partial(state: Symbol) -> bool:
    if type(state) is not tuple or len(state) != 4 or type(state[1]) is not tuple:
        return False
    keywords = state[2].flat if type(state[2]) is Pairs else ()
    given = (*state[1], *keywords[1::2])
    is_called = any(
        (type(held) is Global and held.place not in TYPES_OF_NUMBERS)
        or is_partial(held)
        or is_type_of_values(held, _class_name(held), dtype_code(held))
        for held in given
    )
    return not is_called and not any(
        type(key) is str and key in FOREIGN_KEYWORDS for key in keywords[::2]
    )


def _class_name(symbol: Symbol) -> str:
    cls = class_of(symbol) if type(symbol) is Made else None
    return cls.name if type(cls) is Global else ""


def dtype_code(symbol: Symbol) -> str:
    """Return the letters of a dtype of numpy's, "f4"; "" for any other symbol."""
    is_dtype = type(symbol) is Made and is_one_of(symbol.of, {("numpy", "dtype")})
    given = symbol.arguments if is_dtype else ()
    return given[0] if type(given) is tuple and given and type(given[0]) is str else ""


def is_partial(symbol: Symbol) -> bool:
    """Whether `symbol` is a function with arguments, to be called later."""
    return type(symbol) is Made and is_one_of(symbol.of, _CALLED_LATER)


def _is_function(value: Symbol) -> bool:
    """Whether partials may call it: a listed function, or one of the reader's own."""
    if type(value) is Made:
        return is_one_of(value.of, _PARTIAL)
    if type(value) is not Global or value.rights is None:
        return False
    is_own = value.verdict == "trusted"
    return is_own or (value.rights.kind == FUNCTION and value.place[0] != "builtins")


# Dtypes and shapes, read from the symbols of a dry walk.


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


# Arrays in a pickle, read from symbols: how large they are, and what their items look like.


_FEW_FIELDS = 100  # where only words are wanted
_MOST_FACTS = 32  # of a wrapper; joblib writes six

_RECONSTRUCT = {("numpy._core.multiarray", "_reconstruct")}
_FROM_BUFFER = {("numpy._core.numeric", "_frombuffer")}
_SCALAR = {("numpy._core.multiarray", "scalar")}
_CLASSES = {("numpy", "ndarray"), ("numpy", "matrix"), ("numpy", "memmap")}


@dataclass(frozen=True, slots=True)
class Wrapped:
    """What joblib says of an array before its bytes.

    Attributes:
        dtype, shape: of the array.
        fortran: whether columns come first.
        aligned: whether a byte that counts the padding, and the padding, come before the bytes.
        size_bytes: of the bytes; meaningless where items are objects.
    """

    dtype: Dtype
    shape: tuple[int, ...]
    fortran: bool
    aligned: bool

    @property
    def size_bytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize


def read_wrapper(state: Symbol, fields: Fields) -> Wrapped:
    """Return what the state of a `NumpyArrayWrapper` says.

    Raises:
        Malformed: it says no such thing.
    """
    if type(state) is not Pairs or len(state.flat) > 2 * _MOST_FACTS:
        raise Malformed("the state of an array is no dict of attributes")
    if not all(type(key) is str for key in state.flat[::2]):
        raise Malformed("the state of an array is no dict of attributes")
    facts = dict(zip(state.flat[::2], state.flat[1::2], strict=True))
    if not is_one_of(facts.get("subclass"), _CLASSES):
        raise Malformed("an array of an unknown class")
    order = facts.get("order")
    if order not in ("C", "F"):
        raise Malformed("an array without an order")
    aligned = facts.get("numpy_array_alignment_bytes") is not None
    dtype = read_dtype(facts.get("dtype"), fields)
    return Wrapped(dtype, read_shape(facts.get("shape")), order == "F", aligned)


def array_of(symbol: Symbol) -> Array | None:
    """Return the array that a symbol stands for, in whichever of numpy's ways it was written.

    The `content` of an object array is the flat list of its items, where it is known.
    """
    try:
        if type(symbol) is Array:
            return symbol if symbol.content is None else _with_items(symbol)
        return _in_pickle(symbol) if type(symbol) is Made else None
    except Malformed:
        return None


def _with_items(array: Array) -> Array:
    inner = array_of(array.content) if type(array.content) is Made else None
    return replace(array, content=inner.content if inner else array.content)


def _in_pickle(made: Made) -> Array | None:
    """Return an array that stands in the pickle itself, as all do that joblib did not write."""
    given, state = made.arguments, made.state
    if is_one_of(made.of, _RECONSTRUCT) and type(state) is tuple and len(state) == 5:
        _, shape, dtype, fortran, content = state
    elif is_one_of(made.of, _FROM_BUFFER) and type(given) is tuple and len(given) == 4:
        content, dtype, shape, order = given
        fortran = order == "F"
    else:
        return None
    kind, shape = read_dtype(dtype, Fields(_FEW_FIELDS)), read_shape(shape)
    data = memoryview(content if type(content) is bytes else b"")
    items = content if type(content) is list else None
    return Array(
        *(kind.text, shape, 0, len(data), fortran is True), content=items, code=kind.code, data=data
    )


def scalar_of(made: Made) -> Symbol:
    """Return the value of a numpy scalar; None where `made` is none that can be read."""
    given = made.arguments
    if not is_one_of(made.of, _SCALAR) or type(given) is not tuple or len(given) != 2:
        return None
    try:
        dtype = read_dtype(given[0], Fields(_FEW_FIELDS))
        if type(given[1]) is not bytes or dtype.has_objects:
            return given[1]
        if dtype.text.lstrip("<>").startswith("U"):
            return (
                given[1].decode("utf-32-be" if dtype.text[0] == ">" else "utf-32-le").rstrip("\0")
            )
        return struct.unpack(dtype.code, given[1])[0] if dtype.code else None
    except (Malformed, struct.error, UnicodeError):
        return None


def dtype_text(made: Made) -> str | None:
    """Return how numpy prints the dtype that `made` is; None where it is none."""
    try:
        return read_dtype(made, Fields(_FEW_FIELDS)).text
    except Malformed:
        return None


# How a dry walk shows its symbols to `places`.


_PLAIN_TYPES = frozenset({type(None), bool, int, float, str, bytes})
_MEMORY = {("joblib.memory", "Memory")}
# Modules of scikit-learn in which no estimator is defined.
_NO_ESTIMATORS = (
    *("sklearn._loss.", "sklearn.gaussian_process.kernels", "sklearn.metrics.", "sklearn.utils."),
    *("sklearn.model_selection._split", "sklearn.neighbors._ball_tree"),
    *("sklearn.neighbors._kd_tree", "sklearn.tree._tree"),
)
_NOT_ESTIMATORS = frozenset({"TreePredictor", "_BisectingTree", "_CFNode", "_CFSubcluster"})


class Symbols:
    """The view of a dry walk."""

    def class_name(self, value: Symbol) -> str:
        cls = class_of(value) if type(value) is Made else None
        return cls.name.rpartition(".")[2] if type(cls) is Global else "object"

    def package(self, value: Symbol) -> str:
        cls = class_of(value) if type(value) is Made else None
        package = str(cls.place[0]).partition(".")[0] if type(cls) is Global else ""
        return package if package in packages() else ""

    def attributes(self, value: Symbol) -> Mapping[str, Symbol]:
        if not self._is_of(value, "sklearn") and not self.package(value):
            return {}
        state = value.state[0] if type(value.state) is tuple and value.state else value.state
        if type(state) is not Pairs:
            return {}
        pairs = zip(state.flat[::2], state.flat[1::2], strict=True)
        return {name: held for name, held in pairs if type(name) is str}

    def parts(self, value: Symbol) -> Sequence[Symbol] | None:
        if isinstance(value, (list, tuple)):
            return value
        if type(value) is Pairs:
            return value.flat[1::2]
        if type(value) is Items:
            return value.held
        if type(value) is Made and value.way == NEW and value.arguments:
            return tuple(value.arguments)  # a tuple with names
        array = array_of(value)
        if array is not None:
            return array.content if type(array.content) is list else None
        is_dict = type(value) is Made and value.pairs and type(value.state) in (type(None), Pairs)
        return value.pairs[1::2] if is_dict else None

    def keys(self, value: Symbol) -> Collection[Symbol]:
        if type(value) is Pairs:
            return [key for key in value.flat[::2] if type(key) is str]
        return [key for key in value.pairs[::2] if type(key) is str] if type(value) is Made else ()

    def is_plain(self, value: Symbol) -> bool:
        return type(value) in _PLAIN_TYPES or (type(value) is Made and is_one_of(value.of, _SCALAR))

    def is_array(self, value: Symbol) -> bool:
        array = array_of(value)
        return array is not None and array.content is None

    def is_estimator(self, value: Symbol) -> bool:
        if self.package(value):
            return is_estimator_of_package(*class_of(value).place)
        if not self._is_of(value, "sklearn") or self.class_name(value) in _NOT_ESTIMATORS:
            return False
        return not class_of(value).module.startswith(_NO_ESTIMATORS)

    def is_part(self, value: Symbol, package: str) -> bool:
        return self._is_of(value, package)

    def named(self, leaf: Symbol) -> tuple[str, str] | None:
        if _is_global(leaf):
            return str(leaf.place[0]), str(leaf.place[1])
        is_method = type(leaf) is Made and is_one_of(leaf.of, {("builtins", "getattr")})
        if not is_method or type(leaf.arguments) is not tuple or len(leaf.arguments) != 2:
            return None
        of, name = leaf.arguments
        if type(of) is str:
            return "builtins.str", str(name)
        return (".".join(of.place) if _is_global(of) else "", str(name))

    def is_trusted_function(self, leaf: Symbol) -> bool:
        while is_partial(leaf) and type(leaf.arguments) is tuple and leaf.arguments:
            leaf = leaf.arguments[0]
        rights = leaf.rights if _is_global(leaf) and leaf.verdict == "trusted" else None
        return rights is not None and rights.kind == FUNCTION

    def called(self, leaf: Symbol) -> tuple[str, str] | None:
        while type(leaf) is Made and is_partial(leaf) and leaf.arguments:
            leaf = leaf.arguments[0]
        return self.named(leaf)

    def dtype_code(self, leaf: Symbol) -> str:
        return dtype_code(leaf)

    def is_class(self, leaf: Symbol) -> bool:
        return _is_global(leaf) and leaf.rights is not None and leaf.rights.kind == CLASS

    def is_partial(self, leaf: Symbol) -> bool:
        return is_partial(leaf)

    def is_memory(self, leaf: Symbol) -> bool:
        return type(leaf) is Made and is_one_of(leaf.of, _MEMORY)

    def takes(self, value: Symbol, param: str, text: str) -> bool:
        """Whether nobody can know here: a later release than the table's wrote the object."""
        version = self.attributes(value).get("_sklearn_version")
        return type(version) is str and _release(version) > _release(newest_release())

    def _is_of(self, value: Symbol, package: str) -> bool:
        if type(value) is not Made:
            return False
        cls = class_of(value)
        if not _is_global(cls):
            return False
        return bool(cls.verdict == "trusted" or cls.place[0].partition(".")[0] == package)


def _is_global(value: Symbol) -> bool:
    return type(value) is Global


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d{1,9}", version)[:2])


# What the parts of the dry machine share: the opcodes, the bounds, the state of one walk.


SPARE_OPCODES = 1_000_000  # beyond one for each byte of a file, since a compressed one repeats
TOO_MANY = "it has far more opcodes than bytes"
MOST_NAME = 1_000  # characters
MOST_MARKS = 10_000  # open at once

OPCODES = {
    value[0]: name
    for name, value in vars(pickle).items()
    if name.isupper() and isinstance(value, bytes) and len(value) == 1
}


class Fault(Exception):
    """What makes it impossible to read on."""


@dataclass(slots=True)
class Walk:
    """What the pickles of one file share.

    Attributes:
        name: what to call the file in errors.
        data: the file, decompressed.
        rules: what judges it.
        arrays: those met so far.
        left: how many opcodes may still come.
        fields: how many fields of dtypes may still come.
        wrappers: how many of joblib's wrappers wait for their array.
    """

    name: str
    data: bytes
    rules: Rules
    arrays: list[Array] = field(default_factory=list)
    left: int = SPARE_OPCODES
    wrappers: int = 0
    fields: Fields = field(default_factory=Fields)

    def spend(self, count: int) -> None:
        """Take as many opcodes as `count` items are worth that are looked at once more.

        Raises:
            Fault: there are not as many left.
        """
        self.left -= count
        if self.left < 0:
            raise Fault(TOO_MANY)


# The opcodes that put a plain value on the stack, or move one between stack and memo.


_UINT2 = Struct("<H").unpack_from
_INT4 = Struct("<i").unpack_from
_UINT4 = Struct("<I").unpack_from
_UINT8 = Struct("<Q").unpack_from
_DOUBLE = Struct(">d").unpack_from


class Scalars:
    """Stack, memo, and what needs no more than those.

    Attributes:
        walk: what this pickle shares with the others of its file.
        data: everything, of which this pickle is a part.
        size: of `data`.
        stack: what was put on it since the last mark.
        push: `stack.append`.
        memo: index to symbol.
    """

    __slots__ = ("data", "memo", "push", "size", "stack", "walk")

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.data = walk.data
        self.size = len(walk.data)
        self.stack: list[Symbol] = []
        self.push: Callable[[Symbol], None] = self.stack.append
        self.memo: dict[int, Symbol] = {}

    def refuse(self, at: int, reason: str) -> None:
        self.walk.rules.refuse(reason, *self.opcode_at(at))

    def opcode_at(self, at: int) -> tuple[str, int]:
        """Return name and offset of the opcode whose argument begins at `at`."""
        return OPCODES[self.data[at - 1]], at - 1

    def end_of(self, start: int, count: int) -> int:
        """Return where `count` bytes from `start` end.

        Raises:
            Fault: fewer are left.
        """
        end = start + count
        if not start <= end <= self.size:
            raise Fault(f"{count:,} bytes are announced, {self.size - start:,} are left")
        return end

    def line(self, at: int) -> tuple[bytes, int]:
        """Return the text up to the next line end, and where the line after it begins."""
        end = self.data.find(b"\n", at)
        if end < 0:
            raise Fault("it ends too early")
        return self.data[at:end], end + 1

    # Constants

    def on_none(self, at: int) -> int:
        self.push(None)
        return at

    def on_newtrue(self, at: int) -> int:
        self.push(True)
        return at

    def on_newfalse(self, at: int) -> int:
        self.push(False)
        return at

    # Numbers

    def on_binint(self, at: int) -> int:
        self.push(_INT4(self.data, at)[0])
        return at + 4

    def on_binint1(self, at: int) -> int:
        self.push(self.data[at])
        return at + 1

    def on_binint2(self, at: int) -> int:
        self.push(_UINT2(self.data, at)[0])
        return at + 2

    def on_long1(self, at: int) -> int:
        return self._long(at + 1, self.data[at])

    def on_long4(self, at: int) -> int:
        return self._long(at + 4, _INT4(self.data, at)[0])

    def _long(self, at: int, count: int) -> int:
        end = self.end_of(at, count)
        self.push(int.from_bytes(self.data[at:end], "little", signed=True))
        return end

    def on_binfloat(self, at: int) -> int:
        self.push(_DOUBLE(self.data, at)[0])
        return at + 8

    def on_int(self, at: int) -> int:
        text, end = self.line(at)
        self.push(text == b"01" if text in (b"00", b"01") else int(text, 0))
        return end

    def on_long(self, at: int) -> int:
        text, end = self.line(at)
        self.push(int(text.removesuffix(b"L"), 0))
        return end

    def on_float(self, at: int) -> int:
        text, end = self.line(at)
        self.push(float(text))
        return end

    # Text

    def on_short_binunicode(self, at: int) -> int:
        start = at + 1
        end = start + self.data[at]
        if end > self.size:
            raise Fault("it ends too early")
        self.push(self.data[start:end].decode("utf-8", "surrogatepass"))
        return end

    def on_binunicode(self, at: int) -> int:
        return self._text(at + 4, _UINT4(self.data, at)[0])

    def on_binunicode8(self, at: int) -> int:
        return self._text(at + 8, _UINT8(self.data, at)[0])

    def _text(self, at: int, count: int) -> int:
        end = self.end_of(at, count)
        self.push(self.data[at:end].decode("utf-8", "surrogatepass"))
        return end

    def on_unicode(self, at: int) -> int:
        text, end = self.line(at)
        self.push(text.decode("raw-unicode-escape"))
        return end

    def on_string(self, at: int) -> int:
        text, end = self.line(at)
        if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
            raise Fault("a text without quotes")
        held, _ = codecs.escape_decode(text[1:-1])
        self.push(held.decode("ascii"))
        return end

    def on_binstring(self, at: int) -> int:
        return self._ascii(at + 4, _INT4(self.data, at)[0])

    def on_short_binstring(self, at: int) -> int:
        return self._ascii(at + 1, self.data[at])

    def _ascii(self, at: int, count: int) -> int:
        end = self.end_of(at, count)
        self.push(self.data[at:end].decode("ascii"))
        return end

    # Bytes

    def on_short_binbytes(self, at: int) -> int:
        return self._bytes(at + 1, self.data[at])

    def on_binbytes(self, at: int) -> int:
        return self._bytes(at + 4, _UINT4(self.data, at)[0])

    def on_binbytes8(self, at: int) -> int:
        return self._bytes(at + 8, _UINT8(self.data, at)[0])

    def on_bytearray8(self, at: int) -> int:
        return self._bytes(at + 8, _UINT8(self.data, at)[0])

    def _bytes(self, at: int, count: int) -> int:
        end = self.end_of(at, count)
        self.push(self.data[at:end])
        return end

    # The memo

    def on_memoize(self, at: int) -> int:
        memo = self.memo
        memo[len(memo)] = self.stack[-1]
        return at

    def on_binput(self, at: int) -> int:
        self.memo[self.data[at]] = self.stack[-1]
        return at + 1

    def on_long_binput(self, at: int) -> int:
        self._keep(_UINT4(self.data, at)[0])
        return at + 4

    def on_put(self, at: int) -> int:
        text, end = self.line(at)
        self._keep(int(text))
        return end

    def _keep(self, index: int) -> None:
        if not 0 <= index < self.size:  # C's memo is an array as long as the highest index
            raise Fault("an impossible place in the memo")
        self.memo[index] = self.stack[-1]

    def on_binget(self, at: int) -> int:
        self.push(self.memo[self.data[at]])
        return at + 1

    def on_long_binget(self, at: int) -> int:
        self.push(self.memo[_UINT4(self.data, at)[0]])
        return at + 4

    def on_get(self, at: int) -> int:
        text, end = self.line(at)
        self.push(self.memo[int(text)])
        return end

    def on_dup(self, at: int) -> int:
        self.push(self.stack[-1])
        return at


# The opcodes that build tuples, lists, dicts and sets: a part of `dry_machine.py`.


class Containers(Scalars):
    """What needs marks besides stack and memo.

    Attributes:
        stacks: those below the marks that are open.
    """

    __slots__ = ("stacks",)

    def __init__(self, walk: Walk) -> None:
        super().__init__(walk)
        self.stacks: list[list[Symbol]] = []

    # Marks

    def on_mark(self, at: int) -> int:
        if len(self.stacks) >= MOST_MARKS:
            raise Fault("it is nested too deeply")
        self.stacks.append(self.stack)
        self.stack = []
        self.push = self.stack.append
        return at

    def above_mark(self) -> list[Symbol]:
        items = self.stack
        if not self.stacks:
            raise Fault("there is no mark")
        self.stack = self.stacks.pop()
        self.push = self.stack.append
        return items

    def on_pop(self, at: int) -> int:
        if self.stack:
            self.stack.pop()
        else:
            self.above_mark()
        return at

    def on_pop_mark(self, at: int) -> int:
        self.above_mark()
        return at

    # Tuples, lists, dicts, sets

    def on_empty_tuple(self, at: int) -> int:
        self.push(())
        return at

    def on_tuple(self, at: int) -> int:
        items = self.above_mark()
        self.hold(items, at)
        self.push(tuple(items))
        return at

    def on_tuple1(self, at: int) -> int:
        return self._tuple(1, at)

    def on_tuple2(self, at: int) -> int:
        return self._tuple(2, at)

    def on_tuple3(self, at: int) -> int:
        return self._tuple(3, at)

    def _tuple(self, count: int, at: int) -> int:
        stack = self.stack
        if len(stack) < count:
            raise Fault("the stack is empty")
        items = stack[-count:]
        self.hold(items, at)
        stack[-count:] = [tuple(items)]
        return at

    def hold(self, items: list[Symbol], at: int) -> None:
        if Global in map(type, items):
            self.walk.rules.hold(items, *self.opcode_at(at))

    def on_empty_list(self, at: int) -> int:
        self.push([])
        return at

    def on_list(self, at: int) -> int:
        items = self.above_mark()
        self.hold(items, at)
        self.push(items)
        return at

    def on_append(self, at: int) -> int:
        return self._extend([self.stack.pop()], at)

    def on_appends(self, at: int) -> int:
        return self._extend(self.above_mark(), at)

    def _extend(self, items: list[Symbol], at: int) -> int:
        self.hold(items, at)
        target = self.stack[-1]
        if self.walk.rules.extended(target, *self.opcode_at(at)):
            target.extend(items)
        return at

    def on_empty_dict(self, at: int) -> int:
        self.push(Pairs())
        return at

    def on_dict(self, at: int) -> int:
        items = self.above_mark()
        self.push(Pairs())
        return self._set(items, at)

    def on_setitem(self, at: int) -> int:
        value = self.stack.pop()
        return self._set([self.stack.pop(), value], at)

    def on_setitems(self, at: int) -> int:
        return self._set(self.above_mark(), at)

    def _set(self, items: list[Symbol], at: int) -> int:
        if len(items) % 2:
            raise Fault("a key without a value")
        self.hold(items, at)
        target = self.stack[-1]
        if not self.walk.rules.filled(target, items[::2], *self.opcode_at(at)):
            return at
        if type(target) is Pairs:
            target.flat = _extended(target.flat, items)
        else:
            target.pairs = _extended(target.pairs, items)
        return at

    def on_empty_set(self, at: int) -> int:
        self.push(Items())
        return at

    def on_additems(self, at: int) -> int:
        items = self.above_mark()
        self.hold(items, at)
        self.walk.rules.keyed(items, *self.opcode_at(at))
        target = self.stack[-1]
        if type(target) is Items and not target.frozen:
            target.held = _extended(target.held, items)
        else:
            self.refuse(at, "items are added to what is no set")
        return at

    def on_frozenset(self, at: int) -> int:
        items = self.above_mark()
        self.hold(items, at)
        self.walk.rules.keyed(items, *self.opcode_at(at))
        self.push(Items(items, frozen=True))
        return at


def _extended(held: list[Symbol] | tuple[()], items: list[Symbol]) -> list[Symbol]:
    """Return `held` with the items behind; a list that is there already grows in place."""
    if not held:
        return items
    assert type(held) is list  # noqa: S101 - only a list is not empty
    held.extend(items)
    return held


# The dry machine: obeys the opcodes of a pickle with signs in the place of objects.


_UINT64 = struct.Struct("<Q").unpack_from
_WRAPPER = {("joblib.numpy_pickle", "NumpyArrayWrapper")}
_NEWEST_PROTOCOL = 5
_OLDEST_PROTOCOL = 2
_FIRST_WITH_NEW_NAMES = 3


class _Stopped(Exception):
    """STOP was met."""


class Machine(Containers):
    """One pickle: the file's own, or that of the items of an object array.

    Attributes:
        protocol: what it said last; 0 before it says one.
        inner: whether it lies within another.
    """

    __slots__ = ("frame_end", "handlers", "inner", "protocol", "stopped_at")

    def __init__(self, walk: Walk, *, inner: bool = False) -> None:
        super().__init__(walk)
        self.inner = inner
        self.protocol = 0
        self.frame_end: int | None = None
        self.stopped_at = 0
        self.handlers: list[Callable[[int], int]] = [self._unknown] * 256
        for code, name in OPCODES.items():
            self.handlers[code] = getattr(self, f"on_{name.lower()}")

    def run(self, start: int) -> tuple[Symbol, int]:
        """Return the symbol of the object that the pickle from `start` makes, and where it ends.

        Raises:
            BrokenPipelineFile: it does not reach its end.
        """
        try:
            self._obey(start, self.size)
            self._break("it ends too early", self.size)
        except _Stopped:
            return self.stack[-1], self.stopped_at
        finally:
            self.handlers = []  # a cycle, which would keep the file in memory

    def _obey(self, position: int, end: int) -> int:
        """Obey opcodes from `position` to `end`; return where the last of them ends."""
        data, handlers, walk = self.data, self.handlers, self.walk
        done = 0
        try:
            for done in range(walk.left):  # noqa: B007 - counted for the finally below
                if position >= end:
                    return position
                position = handlers[data[position]](position + 1)
            raise Fault(TOO_MANY)
        except Fault as fault:
            self._break(str(fault), position, fault)
        except (IndexError, KeyError, struct.error, ValueError) as error:
            self._break(_in_words(error), position, error)
        finally:
            walk.left -= done

    def _break(self, reason: str, position: int, cause: Exception | None = None) -> NoReturn:
        refusals = [str(refusal) for refusal in self.walk.rules.refusals.values()]
        raise BrokenPipelineFile(
            self.walk.name, reason, offset=position, refusals=refusals
        ) from cause

    # Beginning, frames, end

    def _unknown(self, at: int) -> int:
        raise Fault(f"byte {self.data[at - 1]} is no opcode")

    def on_proto(self, at: int) -> int:
        self.protocol = self.data[at]
        if self.protocol > _NEWEST_PROTOCOL:
            raise Fault(f"pickle protocol {self.protocol} is not known")
        if self.protocol < _OLDEST_PROTOCOL:
            self.refuse(at, f"pickle protocol {self.protocol}")
        return at + 1

    def on_frame(self, at: int) -> int:
        if self.frame_end is not None:
            raise Fault("a frame begins within another")
        start = at + 8
        self.frame_end = end = self.end_of(start, _UINT64(self.data, at)[0])
        position = self._obey(start, end)
        if position != self.frame_end:
            raise Fault("an opcode reaches beyond the end of its frame")
        self.frame_end = None
        return position

    def on_stop(self, at: int) -> int:
        if not self.stack:
            raise Fault("the stack is empty")
        if len(self.stack) > 1 or self.stacks:
            self.refuse(at, "more than one object is left at the end")
        self.hold(self.stack[-1:], at)
        if self.frame_end is not None and at != self.frame_end:
            raise Fault("it stops before the end of its frame")
        self.stopped_at = at
        raise _Stopped

    # Names

    def on_global(self, at: int) -> int:
        module, end = self.line(at)
        name, end = self.line(end)
        self._name(module.decode("utf-8"), name.decode("utf-8"), at)
        return end

    def on_stack_global(self, at: int) -> int:
        name = self.stack.pop()
        module = self.stack.pop()
        if type(name) is not str or type(module) is not str:
            raise Fault("a name that is no text")
        self._name(module, name, at)
        return at

    def _name(self, module: str, name: str, at: int) -> None:
        if len(module) + len(name) > MOST_NAME:
            raise Fault("a name that is too long")
        if self.protocol < _FIRST_WITH_NEW_NAMES:
            module, name = _renamed(module, name)
        self.push(self.walk.rules.named(module, name, *self.opcode_at(at)))

    # Objects

    def on_reduce(self, at: int) -> int:
        arguments = self.stack.pop()
        self._make(CALLED, self.stack.pop(), arguments, at)
        return at

    def on_newobj(self, at: int) -> int:
        arguments = self.stack.pop()
        self._make(NEW, self.stack.pop(), arguments, at)
        return at

    def on_newobj_ex(self, at: int) -> int:
        named = self.stack.pop()
        arguments = self.stack.pop()
        of = self.stack[-1]
        if type(named) is not Pairs or type(of) is not Global or of.verdict != "trusted":
            self.refuse(at, "arguments with names")
        self._make(NEW, self.stack.pop(), arguments, at)
        return at

    def _make(self, way: str, of: Symbol, arguments: Symbol, at: int) -> None:
        made = Made(way, of, arguments)
        self.walk.rules.made(made, *self.opcode_at(at))
        self.walk.wrappers += is_one_of(class_of(made), _WRAPPER)
        self.push(made)

    def on_build(self, at: int) -> int:
        state = self.stack.pop()
        target = self.stack[-1]
        self.walk.spend(_weight(state))
        self.walk.rules.given_state(target, state, *self.opcode_at(at))
        if type(target) is not Made:
            return at
        target.state = state
        if not is_one_of(class_of(target), _WRAPPER):
            return at
        return self._array(state, at)

    # Arrays

    def _array(self, state: Symbol, at: int) -> int:
        """Put an array in the place of its wrapper; return where its bytes end."""
        if self.inner:
            raise Fault("an array of joblib's within the items of another")
        if self.frame_end is not None and at != self.frame_end:
            raise Fault("the bytes of an array begin within a frame")
        try:
            wrapped = read_wrapper(state, self.walk.fields)
        except Malformed as error:
            raise Fault(str(error)) from None
        array, end = (
            self._objects(wrapped, at) if wrapped.dtype.has_objects else self._raw(wrapped, at)
        )
        self.walk.arrays.append(array)
        self.walk.wrappers -= 1
        self.stack[-1] = array
        if self.frame_end is not None:
            self.frame_end = end
        return end

    def _raw(self, wrapped: Wrapped, at: int) -> tuple[Array, int]:
        start = at + 1 + self.data[at] if wrapped.aligned else at
        end = self.end_of(start, wrapped.size_bytes)
        return self._made_array(wrapped, start, end), end

    def _objects(self, wrapped: Wrapped, at: int) -> tuple[Array, int]:
        inner = Machine(self.walk, inner=True)
        content, end = inner.run(at)
        if inner.protocol < _OLDEST_PROTOCOL:
            self.refuse(at, f"pickle protocol {inner.protocol} in an array")
        return self._made_array(wrapped, at, end, content), end

    def _made_array(self, wrapped: Wrapped, start: int, end: int, content: Symbol = None) -> Array:
        dtype = wrapped.dtype
        data = memoryview(self.data)[start : start if dtype.has_objects else end]
        return Array(
            *(dtype.text, wrapped.shape, start, end - start, wrapped.fortran),
            content=content,
            code=dtype.code,
            data=data,
        )

    # What no honest file has

    def on_inst(self, at: int) -> int:
        module, end = self.line(at)
        name, end = self.line(end)
        arguments = tuple(self.above_mark())
        self._name(module.decode("utf-8"), name.decode("utf-8"), at)
        self.refuse(at, "a forbidden opcode")
        self._make(CALLED, self.stack.pop(), arguments, at)
        return end

    def on_obj(self, at: int) -> int:
        cls, *arguments = self.above_mark() or [None]
        self.refuse(at, "a forbidden opcode")
        self._make(CALLED, cls, tuple(arguments), at)
        return at

    def on_ext1(self, at: int) -> int:
        return self._outside(at, at + 1)

    def on_ext2(self, at: int) -> int:
        return self._outside(at, at + 2)

    def on_ext4(self, at: int) -> int:
        return self._outside(at, at + 4)

    def on_persid(self, at: int) -> int:
        return self._outside(at, self.line(at)[1])

    def on_binpersid(self, at: int) -> int:
        self.stack.pop()
        return self._outside(at, at)

    def on_next_buffer(self, at: int) -> int:
        return self._outside(at, at)

    def on_readonly_buffer(self, at: int) -> int:
        self.refuse(at, "a forbidden opcode")
        return at

    def _outside(self, at: int, end: int) -> int:
        self.refuse(at, "a forbidden opcode")
        self.push(Unknown())
        return end


def _weight(state: Symbol) -> int:
    """Return how many items of a state are looked at."""
    parts = state if type(state) is tuple and len(state) == 2 else (state,)
    return sum(len(part.flat) for part in parts if type(part) is Pairs)


def _renamed(module: str, name: str) -> tuple[str, str]:
    """Return what Python 3 calls a name of Python 2, which protocol 2 spells."""
    from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING

    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name


def _in_words(error: Exception) -> str:
    if isinstance(error, KeyError):
        return "nothing is in that place of the memo"
    if isinstance(error, UnicodeError):
        return "a text that cannot be read"
    if isinstance(error, IndexError):
        return "the stack is empty, or it ends too early"
    return "it ends too early" if isinstance(error, struct.error) else "a number that is none"


# Dry


MOST_LEVELS = 10_000  # of containers within containers
_START_BYTES = 64  # that say what a file is

_WRITE_AGAIN = "write it again with `joblib.dump(pipeline, file)`"
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_LEAVES = frozenset({str, int, float, bool, bytes, type(None), Array})


@dataclass(frozen=True, slots=True)
class GlobalUse:
    """A name that a file uses.

    Attributes:
        name: as "sklearn.pipeline.Pipeline".
        used: rights that it uses, of "value", "call", "new" and "state", in that order.
        rights: what may be done with it; None when it may not be used at all.
        verdict: "listed"; by its spelling "data" or "scikit-learn"; "trusted"; "refused".
        offset: of the opcode that named it first.
    """

    name: str
    used: tuple[str, ...]
    rights: Rights | None
    verdict: str
    offset: int

    @property
    def is_refused(self) -> bool:
        """Whether it may not be used so."""
        return self.rights is None or not self.rights.allowed.issuperset(self.used)


@dataclass(frozen=True, slots=True)
class Dry:
    """What a dry walk found.

    Attributes:
        root: the symbol of the object that the file holds.
        protocol: of the pickle.
        compression: name of joblib's compressor; None for a plain file.
        size_bytes: of the file.
        pickle_bytes: of what it holds, decompressed.
        globals: the names that it uses, in order.
        arrays: those whose bytes joblib wrote between the opcodes.
        refusals: why the guarded loader would refuse it; empty when nothing is known.
    """

    root: Symbol = field(repr=False)
    protocol: int
    compression: str | None
    size_bytes: int
    pickle_bytes: int
    globals: tuple[GlobalUse, ...]
    arrays: tuple[Array, ...] = field(repr=False)
    refusals: tuple[Refusal, ...]


def walk(
    data: bytes | memoryview,
    *,
    name: str = "pipeline.joblib",
    trust: Trust = NOBODY,
    most_bytes: int = MOST_BYTES,
) -> Dry:
    """Return what `data`, a whole file that joblib wrote, holds.

    Args:
        data: the file, plain or in any of joblib's compressions but lz4.
        name: what to call it in errors.
        trust: names besides the table of `rights.py`.
        most_bytes: that it may have when decompressed.

    Raises:
        NotAPipeline: joblib did not write it.
        BrokenPipelineFile: it cannot be read to its end.
    """
    start = bytes(data[:_START_BYTES])
    refuse_other_files(start, name)
    compression = compressor_of(start)
    if compression is None:
        held, behind = _as_bytes(data), 0
    else:
        content = BytesIO()  # hands out what it holds without a copy
        keep = content.write
        behind = decompress(data, compression, keep, name=name, most_bytes=most_bytes)
        held = content.getvalue()
    rules = Rules(trust)
    state = Walk(name, held, rules, left=SPARE_OPCODES + len(data))
    machine = Machine(state)
    root, end = _run(machine, held)
    if machine.protocol < 2:
        rules.refuse(f"pickle protocol {machine.protocol}", "STOP", end - 1)
    rules.ended(root, "STOP", end - 1)
    for found in misplaced(rules.stated, root, Symbols()):
        rules.refuse(shortened(found.fault), "STOP", end - 1)
    if state.wrappers:
        rules.refuse("an array of joblib's without its bytes", "STOP", end - 1)
    behind += len(held) - end
    if behind:
        rules.refuse(f"{behind:,} bytes follow the end", "STOP", end - 1)
    if _is_too_deep(root):
        rules.refuse(f"it is nested more than {MOST_LEVELS:,} deep", "STOP", end - 1)
    return Dry(
        root=root,
        protocol=machine.protocol,
        compression=compression,
        size_bytes=len(data),
        pickle_bytes=len(held),
        globals=tuple(_uses(rules)),
        arrays=tuple(state.arrays),
        refusals=tuple(rules.refusals.values()),
    )


def _as_bytes(data: bytes | memoryview) -> bytes:
    """Return what reads as bytes do, of large memory without a copy: a mapping does."""
    if isinstance(data, bytes):
        return data
    whole = data.obj
    is_all = isinstance(whole, mmap.mmap) and len(whole) == data.nbytes
    return cast(bytes, whole) if is_all else bytes(data)


def refuse_other_files(data: bytes, name: str) -> None:
    """Refuse what joblib cannot have written, or wrote before 0.10.

    Raises:
        NotAPipeline: says what it is.
    """
    if not data:
        raise NotAPipeline(f"'{name}' is empty", hint=_WRITE_AGAIN)
    if data.startswith(_LFS_POINTER):
        raise NotAPipeline(
            f"'{name}' is a Git LFS pointer, not the file that it points to",
            hint="run `git lfs pull`",
        )
    if data.startswith(b"ZF"):
        raise NotAPipeline(f"'{name}' was written by a joblib before 0.10", hint=_WRITE_AGAIN)


def _run(machine: Machine, held: bytes) -> tuple[Symbol, int]:
    """Run the machine; what does not even begin as a pickle is no damaged one."""
    try:
        return machine.run(0)
    except BrokenPipelineFile:
        if held[:1] == b"\x80":
            raise
        reason = f"'{machine.walk.name}' is not a file that joblib wrote"
        raise NotAPipeline(reason, hint=_WRITE_AGAIN) from None


def _uses(rules: Rules) -> Iterator[GlobalUse]:
    for held in rules.globals.values():
        used = tuple(right for right in RIGHTS if right in held.used)
        yield GlobalUse(str(held), used, held.rights, held.verdict, held.offset)


def _is_too_deep(root: Symbol) -> bool:
    """Whether something is only reached through very many containers, the shortest way."""
    level, seen = [root], {id(root)}
    for _ in range(MOST_LEVELS):
        if not level:
            return False
        below = []
        for symbol in level:
            for part in _parts(symbol):
                if id(part) not in seen:
                    seen.add(id(part))
                    below.append(part)
        level = below
    return True


def _parts(symbol: Symbol) -> list[Symbol]:
    """Return what a symbol holds, without what holds nothing itself."""
    kind = type(symbol)
    if kind is list or kind is tuple:
        held = symbol
    elif kind is Pairs:
        held = symbol.flat
    elif kind is Items:
        held = symbol.held
    elif kind is Made:
        held = (symbol.of, symbol.arguments, symbol.state, *symbol.pairs)
    else:
        return []
    return [part for part in held if type(part) not in _LEAVES]
