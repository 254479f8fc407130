"""Calls that a pickle asks for: each callable with what its own pickles call it with."""
# Most callables are harmless whatever they get. Those here call or make what they are handed, take
# memory, or hand numbers to native code unchecked.

from __future__ import annotations

import functools
import math
import pickle
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from gitmodelstore.pickles.fast_load import ArrayForm, NotFast
from gitmodelstore.pickles.places import with_article
from gitmodelstore.pickles.rights import (
    ARGUMENT,
    FUNCTION,
    METHODS,
    TEXT_METHODS,
    VALUE,
    Rights,
    canonical,
    is_suffix,
    listed,
)

if TYPE_CHECKING:
    from gitmodelstore.pickles.guard import Guard

# What stands on the stack of the guarded walk where a pickle means a name, or an array of joblib's.


class Wrapper:
    """What joblib writes in front of an array: its description, which BUILD gives it."""


class Named:
    """A name as a pickle spells it, what may be done with it, and what it stands for here."""

    def __init__(self, module: str, name: str, rights: Rights, held: Any) -> None:
        self.module, self.name = module, name
        self.rights, self.held = rights, held
        self.stand_in: StandIn | None = None  # what is called in its place, once it is
        self.cost = (0, 0)  # of a call, at least: microseconds, and bytes that it makes

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


def in_words(value: Any) -> str:
    """Return what an object is, in words, without asking it anything."""
    if isinstance(value, Named):
        return f"'{value}'"
    if type(value) is type:
        return f"the class '{value.__qualname__}'"
    return with_article(type(value).__qualname__)


# Arrays in the guarded walk: what `fast_load` reads, from the guard's own source.


def read(guard: Guard, state: Any) -> Any:
    """Return the array whose description is `state` and whose bytes come now; or EOFError."""
    if type(state) is not dict:
        guard.refuse("an array is described in a way that joblib never uses")
    entry = guard.of(state.get("subclass"))
    if entry is None:
        guard.refuse("an array is of no class that has a name")
    try:
        form = ArrayForm.of({**state, "subclass": entry.held}, guard.dtypes)
    except NotFast as error:
        guard.refuse(str(error))
    try:
        if form.is_of_objects:
            return form.finished(guard.nested())
        array, end = form.read(guard.source.view, guard.source.tell(), private=guard.private)
    except pickle.UnpicklingError:
        raise EOFError from None
    guard.source.seek(end)
    return array


def is_shape(shape: Any) -> bool:
    return type(shape) is tuple and all(type(n) is int and n >= 0 for n in shape)


# Stand ins


Arguments = tuple[Any, ...]
_Place = tuple[str, str]

_MOST_OUTPUTS = 1 << 20
_MOST_BITS = 1 << 16  # of a number that is calculated with
_MOST_PATH = 4096  # characters, as on Linux
_MOST_TEXT = 10_000  # characters of a number written out
_FRACTION = re.compile(r"-?\d{1,4300}(/\d{1,4300})?")
# How numpy spells a type when it pickles one: "f8", "U12", "V16".
_DTYPE = re.compile(r"[|<>=]?[?a-zA-Z]\d{0,9}")
# What pandas writes of an index: `verify_integrity` could be switched off beside them.
_OF_INDEX = frozenset(
    {"closed", "codes", "data", "dtype", "freq", "left", "levels", "name", "names", "right"}
    | {"sortorder", "start", "step", "stop", "tz"}
)
# Microseconds that one call takes, and bytes that it makes besides what it is given.
_COSTS = {
    ("builtins", "set"): (1, 256),
    ("builtins", "frozenset"): (1, 256),
    ("collections", "Counter"): (2, 512),
    ("collections", "OrderedDict"): (1, 512),
    ("collections", "defaultdict"): (1, 512),
    ("collections", "deque"): (1, 1024),
    ("fractions", "Fraction"): (4, 256),
    ("pandas.core.indexes.base", "_new_Index"): (100, 2048),
}
# The same by package.
_COSTS_OF = {"numpy": (3, 0), "pandas": (30, 1024), "pathlib": (5, 512), "pyarrow": (20, 256)}
_BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
_RANDOM = "numpy.random._pickle"
_MAKER = (_RANDOM, "__bit_generator_ctor")


# What numpy makes an array of that a state fills: its shape, and a type that the state replaces.
_EMPTY = (((0,), b"b"), ((0,), "b"))


class Call:
    """One call that a pickle asks for, of a name with arguments."""

    __slots__ = ("arguments", "guard", "named")

    def __init__(self, guard: Guard, named: Named, arguments: Arguments) -> None:
        self.guard, self.named, self.arguments = guard, named, arguments

    def made(self) -> Any:
        return self.named.held(*self.arguments)

    def must(self, is_fit: bool, other: str) -> None:
        """Refuse arguments that are not what its own pickles call it with, but `other`."""
        if not is_fit:
            self.refuse(other)

    def refuse(self, other: str) -> NoReturn:
        self.guard.refuse(f"it calls '{self.named}' with {other}", self.named)

    def refuse_tokens(self, given: Iterable[Any]) -> None:
        for argument in given:
            entry = self.guard.of(argument)
            if entry is not None and VALUE not in entry.rights.allowed:
                self.refuse(f"'{entry}'")

    def class_of(self, argument: Any, base: type = object) -> Any:
        """Return the class that an argument is, one that is meant to be."""
        entry = self.guard.of(argument)
        if entry is None or not {VALUE, ARGUMENT} & entry.rights.allowed:
            self.refuse("something other than a class that it may create")
        if not isinstance(entry.held, type) or not issubclass(entry.held, base):
            self.refuse(f"'{entry}'")
        return entry.held

    def unfinished(self, value: Any) -> Any:
        """Return what is made in two steps, and must get its state before it is used."""
        self.guard.unfinished[id(value)] = value
        return value


class StandIn(NamedTuple):
    """What is called in the place of a name, handed the call and then its arguments."""

    function: Callable[..., Any]
    counts: Collection[int] = ()  # of arguments; any number without


_STAND_INS: dict[_Place, StandIn] = {}


def _in_place_of(
    *places: _Place, counts: Collection[int] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def put(function: Callable[..., Any]) -> Callable[..., Any]:
        _STAND_INS.update(dict.fromkeys(places, StandIn(function, counts)))
        return function

    return put


def call(guard: Guard, named: Named, arguments: Arguments) -> Any:
    """Return what `named` makes of arguments, if its own pickles could hold them."""
    if named.stand_in is None:
        module, name = canonical(named.module, named.name)
        named.stand_in = _STAND_INS.get((module, name), StandIn(_as_it_is))
        if name.startswith("__pyx_unpickle_"):
            named.stand_in = StandIn(_of_cython, (3,))
        general = _COSTS_OF.get(module.partition(".")[0], (1, 0))
        named.cost = _COSTS.get((module, name), general)
    microseconds, size_bytes = named.cost
    guard.work(microseconds + _weight(arguments))
    if size_bytes:
        guard.spend(size_bytes)
    function, counts = named.stand_in
    request = Call(guard, named, arguments)
    if counts and len(arguments) not in counts:
        request.refuse(f"{len(arguments)} arguments")
    return function(request, *arguments)


def _weight(arguments: Arguments) -> int:
    total = 0
    for argument in arguments:
        kind = type(argument)
        if kind is str or kind is bytes or kind is bytearray:
            total += len(argument) >> 8
        elif kind is tuple or kind is list or kind is dict:
            total += len(argument) >> 4
        elif isinstance(argument, np.ndarray):
            total += argument.nbytes >> 10
    return total


def _as_it_is(call: Call, *arguments: Any) -> Any:
    call.refuse_tokens(arguments)
    return call.made()


# What is called as it is, with some arguments only: which, and what others are. Items among those
# of a dictionary or a queue would be keys unseen, or more than it says.
_CALLED_WITH: Mapping[_Place, tuple[Callable[[Arguments], bool], str]] = {
    ("builtins", "bytes"): (lambda given: not given, "arguments"),  # as protocol 2 writes them
    ("builtins", "complex"): (
        lambda given: all(type(part) is float for part in given),
        "something other than two numbers",
    ),
    ("collections", "Counter"): (
        lambda given: all(type(counts) is dict for counts in given),
        "something other than its counts",
    ),
    ("collections", "OrderedDict"): (lambda given: not given, "arguments"),
    ("collections", "deque"): (lambda given: not given or given[0] in ((), []), "items"),
    ("decimal", "Decimal"): (
        lambda given: len(given) == 1 and type(given[0]) is str and len(given[0]) <= _MOST_TEXT,
        "something other than its text",
    ),
    **dict.fromkeys(
        (("pathlib", "PosixPath"), ("pathlib", "PurePosixPath")),
        (
            lambda given: (
                sum(len(part) if type(part) is str else _MOST_PATH for part in given) <= _MOST_PATH
            ),
            "something other than the parts of a path",
        ),
    ),
}


def _if(is_fit: Callable[[Arguments], bool], other: str, call: Call, *arguments: Any) -> Any:
    call.must(is_fit(arguments), other)
    return call.made()


_STAND_INS.update(
    {place: StandIn(functools.partial(_if, *fit)) for place, fit in _CALLED_WITH.items()}
)


@_in_place_of(("builtins", "getattr"), counts=(2,))
def _getattr(call: Call, value: Any, name: Any) -> Any:
    """The methods that objects of the zoo keep: how Python pickles a method."""
    call.must(type(name) is str, "something other than an object and a name")
    if value is str and name in TEXT_METHODS:
        return getattr(str, name)
    if type(value) is str and is_suffix(value, name):
        return value.format
    of = call.guard.of(value)
    if of is not None and listed(of.module, f"{of.name}.{name}") is not None:
        return getattr(of.held, name)
    kind: Any = type(value)
    call.must((kind.__module__, name) in METHODS, f"'{name}' of a {kind.__name__}")
    return getattr(kind, name).__get__(value)


@_in_place_of(("copyreg", "_reconstructor"), counts=(3,))
def _reconstructor(call: Call, cls: Any, base: Any, state: Any) -> Any:
    """For classes with object or dict as the base."""
    cls, base = call.class_of(cls), call.guard.of(base)
    if base is not None and base.held is object and state is None:
        return object.__new__(cls)
    is_dict = base is not None and base.held is dict and type(state) is dict
    call.must(is_dict, "a base other than object or dict")
    made = dict.__new__(cls, state)
    dict.update(made, state)
    return made


@_in_place_of(("functools", "partial"), counts=(1,))
def _partial(call: Call, function: Any) -> Any:
    """A partial of a listed function, or of another partial; its state says the same again."""
    call.must(is_callable_value(call.guard, function), "something that may not be called")
    return functools.partial(function)


def is_callable_value(guard: Guard, value: Any) -> bool:
    """Whether a value may be called later: a listed function, or a partial of one."""
    if type(value) is functools.partial:
        return True
    entry = guard.of(value)
    if entry is None or VALUE not in entry.rights.allowed:
        return False
    return entry.rights.kind == FUNCTION and entry.module != "builtins"


@_in_place_of(("builtins", "bytearray"))
def _bytearray(call: Call, data: Any = b"", *encoding: Any) -> Any:
    is_text = type(data) is str and encoding == ("latin-1",)
    is_fit = is_text or (type(data) is bytes and not encoding)
    call.must(is_fit, "something other than bytes")
    call.guard.spend(len(data))
    return bytearray(data, *encoding)


@_in_place_of(("builtins", "frozenset"), ("builtins", "set"), counts=(1,))
def _set(call: Call, items: Any) -> Any:
    """A set or a frozen one of a list of keys, as protocols 2 and 3 write them."""
    call.must(type(items) is list, "something other than a list")
    call.guard.check_keys(items)
    return call.made()


@_in_place_of(("collections", "defaultdict"), counts=(0, 1))
def _default(call: Call, factory: Any = None) -> Any:
    """An empty one with what makes its values."""
    entry = call.guard.of(factory)
    call.must(entry is not None or factory is None, "something other than a class")
    if entry is not None and (entry.module, entry.name) == ("collections", "OrderedDict"):
        return call.named.held(entry.held)  # what lightgbm's scores are kept in
    call.refuse_tokens(call.arguments)
    return call.made()


@_in_place_of(("fractions", "Fraction"))
def _fraction(call: Call, *given: Any) -> Any:
    """A fraction as pickles write it: its text, or its two numbers."""
    is_text = len(given) == 1 and _is_text(given[0], _FRACTION)
    are_numbers = all(type(n) is int and n.bit_length() <= _MOST_BITS for n in given)
    is_fit = is_text or (len(given) == 2 and are_numbers)
    call.must(is_fit, "something other than its text or two numbers")
    digits = sum(len(n) if type(n) is str else n.bit_length() // 3 for n in given)
    call.guard.work(digits * digits >> 17)
    return call.made()


def _is_text(value: Any, form: re.Pattern[str]) -> bool:
    return type(value) is str and form.fullmatch(value) is not None


@_in_place_of(("_codecs", "encode"), counts=(2,))
def _encode(call: Call, text: Any, codec: Any) -> Any:
    """As protocol 2 writes bytes."""
    is_fit = type(text) is str and codec == "latin1"
    call.must(is_fit, "something other than a text as latin1")
    call.guard.spend(len(text))
    return text.encode("latin1")


@_in_place_of(("numpy", "dtype"))
def _dtype(call: Call, *given: Any) -> Any:
    """A copy of its own, since a state changes it in place."""
    entry = call.guard.of(given[0]) if given else None
    is_record = entry is not None and entry.held is np.record
    is_fit = is_record or (len(given) > 0 and _is_text(given[0], _DTYPE))
    call.must(is_fit, "something other than its name")
    is_aligned = given[1:2] == (True,)
    kind: Any = np.record if is_record else given[0]
    return call.unfinished(np.dtype(kind, align=is_aligned, copy=True))


@_in_place_of(("numpy._core.multiarray", "_reconstruct"), counts=(3,))
def _reconstruct(call: Call, cls: Any, *empty: Any) -> Any:
    cls = call.class_of(cls, np.ndarray)
    call.must(empty in _EMPTY, "a shape other than (0,)")
    return call.unfinished(np.ndarray.__new__(cls, (0,), "b"))


@_in_place_of(("numpy.ma.core", "_mareconstruct"), counts=(4,))
def _mareconstruct(call: Call, cls: Any, base: Any, *empty: Any) -> Any:
    cls, base = call.class_of(cls, np.ma.MaskedArray), call.class_of(base, np.ndarray)
    call.must(empty in _EMPTY, "a shape other than (0,)")
    return call.unfinished(call.named.held(cls, base, (0,), "b"))


@_in_place_of(("numpy._core.numeric", "_frombuffer"), counts=(4, 5))
def _frombuffer(call: Call, data: Any, dtype: Any, shape: Any, order: Any, *_: Any) -> Any:
    is_fit = isinstance(data, (bytes, bytearray)) and _holds_no_objects(dtype)
    call.must(is_fit, "something other than bytes and the type of numbers")
    is_fit = is_shape(shape) and math.prod(shape) * dtype.itemsize == len(data)
    call.must(is_fit, "a shape that does not fit its bytes")
    call.must(order in ("C", "F"), "an order other than C or F")
    call.guard.spend(len(data))
    array = np.frombuffer(bytearray(data), dtype=dtype)
    return array.reshape(shape, order=order)


@_in_place_of(("numpy._core.multiarray", "scalar"), counts=(2,))
def _scalar(call: Call, dtype: Any, data: Any) -> Any:
    call.must(_holds_no_objects(dtype), "something other than the type of a number")
    is_fit = type(data) is bytes and len(data) == dtype.itemsize
    call.must(is_fit, "bytes that do not fit the type")
    call.guard.spend(len(data))
    return call.made()


def _holds_no_objects(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and not dtype.hasobject


@_in_place_of(_MAKER, counts=(1,))
def _bit_generator(call: Call, given: Any) -> Any:
    _seed(call.guard)
    if given in _BIT_GENERATORS:
        return call.named.held(given)
    return call.named.held(call.class_of(given, np.random.BitGenerator))


def _seed(guard: Guard) -> None:
    """Take note of a generator, which is seeded from the system before it has its state."""
    guard.work(100)
    guard.spend(4096)


@_in_place_of((_RANDOM, "__generator_ctor"), (_RANDOM, "__randomstate_ctor"), counts=(1, 2))
def _random(call: Call, given: Any, *makers: Any) -> Any:
    """A RandomState or a Generator of a bit generator, which is made already or named."""
    _seed(call.guard)
    for maker in map(call.guard.of, makers):
        is_known = maker is not None and (maker.module, maker.name) == _MAKER
        call.must(is_known, "an unknown constructor of generators")
    is_named = isinstance(given, str) and given in _BIT_GENERATORS
    is_fit = is_named or isinstance(given, np.random.BitGenerator)
    call.must(is_fit, "something other than a generator")
    return call.named.held(given)


def _of_cython(call: Call, cls: Any, number: Any, state: Any) -> Any:
    """What Cython makes for its classes: of the class in the callable's name, and no other."""
    is_fit = type(number) is int and isinstance(state, (tuple, type(None)))
    call.must(is_fit, "something other than a class, a number and a state")
    cls = call.class_of(cls)
    wanted = call.named.name.removeprefix("__pyx_unpickle_")
    call.must(wanted in {base.__name__ for base in cls.__mro__}, f"'{cls.__name__}'")
    made = call.named.held(cls, number, state)
    return call.unfinished(made) if state is None else made


@_in_place_of(
    ("sklearn.metrics._dist_metrics", "newObj"),
    ("sklearn.neighbors._ball_tree", "newObj"),
    ("sklearn.neighbors._kd_tree", "newObj"),
    counts=(1,),
)
def _new_obj(call: Call, cls: Any) -> Any:
    """The trees and metrics of nearest neighbours: an empty one, which a state fills."""
    cls = call.class_of(cls)
    call.must(cls.__module__.startswith("sklearn."), f"'{cls.__name__}'")
    return call.unfinished(call.named.held(cls))


@_in_place_of(
    ("pandas.core.indexes.base", "_new_Index"),
    ("pandas.core.indexes.interval", "_new_IntervalIndex"),
    ("pandas.core.indexes.datetimes", "_new_DatetimeIndex"),
    ("pandas.core.indexes.timedeltas", "_new_TimedeltaIndex"),
    counts=(2,),
)
def _new_index(call: Call, cls: Any, given: Any) -> Any:
    from pandas import Index, RangeIndex

    cls = call.class_of(cls, Index)
    call.must(type(given) is dict, "something other than a class and its parts")
    call.must(_OF_INDEX.issuperset(given), "parts that pandas does not write")
    call.refuse_tokens(given.values())
    ends = (given.get(part) for part in ("data", "left", "right"))
    is_range = any(isinstance(end, (range, RangeIndex)) for end in ends)
    call.must(not is_range, "a range, which would be expanded")
    for part in given.values():
        size = getattr(part, "size", 0)
        if isinstance(size, int):  # each value may become an object
            call.guard.spend(64 * size)
            call.guard.work(size >> 4)
    codes = given.get("codes")
    if codes is not None:  # of levels, which pandas believes
        call.guard.must_be_alone(*codes)
    made = call.named.held(cls, given)
    if codes is not None:
        made._verify_integrity()
    return made


@_in_place_of(("pandas._libs.internals", "_unpickle_block"), counts=(3,))
def _block(call: Call, values: Any, place: Any, dimensions: Any) -> Any:
    """A part of a frame, which believes how many rows its values have."""
    rows = len(place) if isinstance(place, np.ndarray) else None
    if type(place) is slice:
        bounds = (place.start, place.stop, place.step or 1)
        rows = len(range(*bounds)) if all(type(n) is int for n in bounds) else None
    shape: Any = getattr(values, "shape", ())
    is_frame = dimensions == 2 and len(shape) == 2
    is_fit = rows is not None and not (is_frame and shape[0] != rows)
    call.must(is_fit, "a placement that does not fit its values")
    return call.made()


@_in_place_of(("pandas.core.internals.managers", "BlockManager"), counts=(2,))
def _block_manager(call: Call, *_: Any) -> Any:
    """Its blocks must fit its axes, which it checks only on request."""
    made = call.made()
    made._verify_integrity()
    return made


@_in_place_of(("pyarrow.lib", "_restore_array"))
def _arrow_array(call: Call, *_: Any) -> Any:
    """An Arrow array, which checks its buffers only on request."""
    made = call.made()
    call.guard.work(made.nbytes >> 8)
    made.validate(full=True)
    return made


@_in_place_of(("sklearn.tree._tree", "Tree"), counts=(3,))
def _tree(call: Call, features: Any, classes: Any, outputs: Any) -> Any:
    is_fit = all(isinstance(n, (int, np.integer)) for n in (features, outputs))
    call.must(is_fit, "something other than numbers of features and outputs")
    is_fit = isinstance(classes, np.ndarray) and classes.dtype == np.intp and classes.ndim == 1
    call.must(is_fit, "something other than numbers of classes")
    counts = classes.tolist()
    is_fit = 0 < outputs <= _MOST_OUTPUTS and len(counts) == outputs and min(counts) > 0
    call.must(is_fit, "numbers of classes that do not fit its outputs")
    call.guard.spend(sum(counts))
    return call.unfinished(call.named.held(int(features), classes, int(outputs)))
