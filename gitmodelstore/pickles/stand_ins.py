"""Calls that a pickle asks for: each callable with what its own pickles call it with.

Most callables of the table are harmless whatever they are given, and are called as
they are. Those here are not: they call or make what they are handed, take memory, or
hand numbers to native code unchecked.
"""

from __future__ import annotations

import functools
import math
import pickle
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from gitmodelstore.pickles.fast_load import ArrayForm, NotFast
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
        self.stand_in: Any = None  # what is called in its place, once it is
        self.cost = (0, 0)

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


def in_words(value: Any) -> str:
    """Return what an object is, in words, without asking it anything."""
    if isinstance(value, Named):
        return f"'{value}'"
    if type(value) is type:
        return f"the class '{value.__qualname__}'"
    name = type(value).__qualname__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


# Arrays in the guarded walk: what `fast_load` reads, from the guard's own source.


def read(guard: Guard, state: Any) -> Any:
    """Return the array whose description is `state` and whose bytes come now.

    Raises:
        EOFError: the file does not hold so many bytes.
    """
    if type(state) is not dict:
        guard.refuse("an array is described in a way that joblib never uses")
    named = guard.of(state.get("subclass"))
    if named is None:
        guard.refuse("an array is of no class that has a name")
    try:
        form = ArrayForm.of({**state, "subclass": named.held}, guard.dtypes)
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
    """Whether it is a tuple of whole numbers, none of them negative."""
    return type(shape) is tuple and all(type(n) is int and n >= 0 for n in shape)


# Stand ins


Arguments = tuple[Any, ...]
_Call = Callable[["Guard", "Named", Arguments], Any]

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


def call(guard: Guard, named: Named, arguments: Arguments) -> Any:
    """Return what `named` makes of arguments, if its own pickles could hold them."""
    if named.stand_in is None:
        named.stand_in, named.cost = _stand_in_of(named), _cost_of(named)
    microseconds, size_bytes = named.cost
    guard.work(microseconds + _weight(arguments))
    if size_bytes:
        guard.spend(size_bytes)
    return named.stand_in(guard, named, arguments)


def _cost_of(named: Named) -> tuple[int, int]:
    """Return what one call takes at least: microseconds, and bytes that it makes."""
    place = canonical(named.module, named.name)
    return _COSTS.get(place) or _COSTS_OF.get(place[0].partition(".")[0]) or (1, 0)


def _weight(arguments: Arguments) -> int:
    """Return how many microseconds it takes to look through the arguments, roughly."""
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


def _stand_in_of(named: Named) -> _Call:
    module, name = canonical(named.module, named.name)
    if name.startswith("__pyx_unpickle_"):
        return _of_cython
    return _STAND_INS.get((module, name), _as_it_is)


def _as_it_is(guard: Guard, named: Named, arguments: Arguments) -> Any:
    _refuse_tokens(guard, named, arguments)
    return named.held(*arguments)


def _if(
    is_fit: Callable[[Arguments], bool],
    other: str,
    guard: Guard,
    named: Named,
    arguments: Arguments,
) -> Any:
    if not is_fit(arguments):
        _refuse(guard, named, other)
    return named.held(*arguments)


def _refuse(guard: Guard, named: Named, what: str) -> NoReturn:
    guard.refuse(f"it calls '{named}' with {what}", named)


def _refuse_tokens(guard: Guard, named: Named, arguments: Arguments) -> None:
    for argument in arguments:
        found = guard.of(argument)
        if found is not None and VALUE not in found.rights.allowed:
            _refuse(guard, named, f"'{found}'")


def _class_in(guard: Guard, named: Named, arguments: Arguments, base: type = object) -> Any:
    """Return the class that is the first argument, one that is meant to be."""
    found = guard.of(arguments[0]) if arguments else None
    if found is None or not {VALUE, ARGUMENT} & found.rights.allowed:
        _refuse(guard, named, "something other than a class that it may create")
    if not isinstance(found.held, type) or not issubclass(found.held, base):
        _refuse(guard, named, f"'{found}'")
    return found.held


def _getattr(guard: Guard, named: Named, arguments: Arguments) -> Any:
    """The methods that objects of the zoo keep: how Python pickles a method."""
    if len(arguments) != 2 or type(arguments[1]) is not str:
        _refuse(guard, named, "something other than an object and a name")
    held, name = arguments
    if held is str and name in TEXT_METHODS:
        return getattr(str, name)
    if type(held) is str and is_suffix(held, name):
        return held.format
    of = guard.of(held)
    if of is not None and listed(of.module, f"{of.name}.{name}") is not None:
        return getattr(of.held, name)
    if (_module(held), name) not in METHODS:
        _refuse(guard, named, f"'{name}' of a {type(held).__name__}")
    return getattr(type(held), name).__get__(held)


def _module(held: Any) -> str:
    return type(held).__module__


def _reconstructor(guard: Guard, named: Named, arguments: Arguments) -> Any:
    """copyreg._reconstructor, for classes with object or dict as the base."""
    if len(arguments) != 3:
        _refuse(guard, named, f"{len(arguments)} arguments")
    cls = _class_in(guard, named, arguments)
    base = guard.of(arguments[1])
    if base is not None and base.held is object and arguments[2] is None:
        return object.__new__(cls)
    if base is not None and base.held is dict and type(arguments[2]) is dict:
        made = dict.__new__(cls, arguments[2])
        dict.update(made, arguments[2])
        return made
    _refuse(guard, named, "a base other than object or dict")


def _partial(guard: Guard, named: Named, arguments: Arguments) -> Any:
    """A partial of a listed function, or of another partial; its state says the same again."""
    if len(arguments) != 1 or not is_callable_value(guard, arguments[0]):
        _refuse(guard, named, "something that may not be called")
    return functools.partial(arguments[0])


def is_callable_value(guard: Guard, value: Any) -> bool:
    """Whether a value may be called later: a listed function, or a partial of one."""
    if type(value) is functools.partial:
        return True
    found = guard.of(value)
    if found is None or VALUE not in found.rights.allowed:
        return False
    return found.rights.kind == FUNCTION and found.module != "builtins"


def _bytearray(guard: Guard, named: Named, arguments: Arguments) -> Any:
    if len(arguments) == 0:
        return bytearray()
    if type(arguments[0]) is bytes and len(arguments) == 1:
        guard.spend(len(arguments[0]))
        return bytearray(arguments[0])
    if arguments[1:] == ("latin-1",) and type(arguments[0]) is str:
        guard.spend(len(arguments[0]))
        return bytearray(arguments[0], "latin-1")
    _refuse(guard, named, "something other than bytes")


def _set(guard: Guard, named: Named, arguments: Arguments) -> Any:
    """A set or a frozen one of a list of keys, as protocols 2 and 3 write them."""
    if len(arguments) != 1 or type(arguments[0]) is not list:
        _refuse(guard, named, "something other than a list")
    guard.check_keys(arguments[0])
    return named.held(arguments[0])


def _default(guard: Guard, named: Named, arguments: Arguments) -> Any:
    """An empty one with what makes its values."""
    factory = guard.of(arguments[0]) if arguments else None
    if len(arguments) > 1 or (arguments and factory is None and arguments[0] is not None):
        _refuse(guard, named, "something other than a class")
    if factory is not None and (factory.module, factory.name) == ("collections", "OrderedDict"):
        return named.held(factory.held)  # what lightgbm's scores are kept in
    _refuse_tokens(guard, named, arguments)
    return named.held(*arguments)


def _fraction(guard: Guard, named: Named, arguments: Arguments) -> Any:
    """A fraction as pickles write it: its text, or its two numbers."""
    if not (
        (len(arguments) == 1 and _is_text(arguments[0], _FRACTION))
        or (len(arguments) == 2 and all(map(_is_number, arguments)))
    ):
        _refuse(guard, named, "something other than its text or two numbers")
    digits = sum(len(n) if type(n) is str else n.bit_length() // 3 for n in arguments)
    guard.work(digits * digits >> 17)
    return named.held(*arguments)


def _is_text(value: Any, form: re.Pattern[str]) -> bool:
    return type(value) is str and form.fullmatch(value) is not None


def _is_number(value: Any) -> bool:
    return type(value) is int and value.bit_length() <= _MOST_BITS


def _encode(guard: Guard, named: Named, arguments: Arguments) -> Any:
    """_codecs.encode, as protocol 2 writes bytes."""
    if len(arguments) != 2 or type(arguments[0]) is not str or arguments[1] != "latin1":
        _refuse(guard, named, "something other than a text as latin1")
    guard.spend(len(arguments[0]))
    return arguments[0].encode("latin1")


def _dtype(guard: Guard, named: Named, arguments: Arguments) -> Any:
    """A copy of its own, since a state changes it in place."""
    found = guard.of(arguments[0]) if arguments else None
    if found is not None and found.held is np.record:
        return _unfinished(guard, np.dtype(np.record, align=_is_aligned(arguments), copy=True))
    if not arguments or not _is_text(arguments[0], _DTYPE):
        _refuse(guard, named, "something other than its name")
    return _unfinished(guard, np.dtype(arguments[0], align=_is_aligned(arguments), copy=True))


def _is_aligned(arguments: Arguments) -> bool:
    return arguments[1:2] == (True,)


def _unfinished(guard: Guard, value: Any) -> Any:
    """Return what is made in two steps, and must get its state before it is used."""
    guard.unfinished[id(value)] = value
    return value


def _reconstruct(guard: Guard, named: Named, arguments: Arguments) -> Any:
    """An empty array, which a state fills."""
    cls = _class_in(guard, named, arguments, np.ndarray)
    if arguments[1:] not in (((0,), b"b"), ((0,), "b")):
        _refuse(guard, named, "a shape other than (0,)")
    return _unfinished(guard, np.ndarray.__new__(cls, (0,), "b"))


def _mareconstruct(guard: Guard, named: Named, arguments: Arguments) -> Any:
    """An empty masked array, which a state fills."""
    cls = _class_in(guard, named, arguments, np.ma.MaskedArray)
    base = _class_in(guard, named, arguments[1:], np.ndarray)
    if arguments[2:] not in (((0,), b"b"), ((0,), "b")):
        _refuse(guard, named, "a shape other than (0,)")
    return _unfinished(guard, named.held(cls, base, (0,), "b"))


def _frombuffer(guard: Guard, named: Named, arguments: Arguments) -> Any:
    if len(arguments) not in (4, 5):
        _refuse(guard, named, f"{len(arguments)} arguments")
    data, dtype, shape, order = arguments[:4]
    if not isinstance(data, (bytes, bytearray)) or not _holds_no_objects(dtype):
        _refuse(guard, named, "something other than bytes and the type of numbers")
    if not is_shape(shape) or math.prod(shape) * dtype.itemsize != len(data):
        _refuse(guard, named, "a shape that does not fit its bytes")
    if order not in ("C", "F"):
        _refuse(guard, named, "an order other than C or F")
    guard.spend(len(data))
    array = np.frombuffer(bytearray(data), dtype=dtype)
    return array.reshape(shape, order=order)


def _scalar(guard: Guard, named: Named, arguments: Arguments) -> Any:
    if len(arguments) != 2 or not _holds_no_objects(arguments[0]):
        _refuse(guard, named, "something other than the type of a number")
    if type(arguments[1]) is not bytes or len(arguments[1]) != arguments[0].itemsize:
        _refuse(guard, named, "bytes that do not fit the type")
    guard.spend(len(arguments[1]))
    return named.held(*arguments)


def _holds_no_objects(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and not dtype.hasobject


def _bit_generator(guard: Guard, named: Named, arguments: Arguments) -> Any:
    _seed(guard)
    if len(arguments) == 1 and arguments[0] in _BIT_GENERATORS:
        return named.held(arguments[0])
    if len(arguments) == 1:
        return named.held(_class_in(guard, named, arguments, np.random.BitGenerator))
    _refuse(guard, named, f"{len(arguments)} arguments")


def _seed(guard: Guard) -> None:
    """Take note of a generator, which is seeded from the system before it has its state."""
    guard.work(100)
    guard.spend(4096)


def _random(guard: Guard, named: Named, arguments: Arguments) -> Any:
    """A RandomState or a Generator of a bit generator, which is made already or named."""
    if not arguments:
        _refuse(guard, named, "no arguments")
    _seed(guard)
    given = arguments[0]
    for other in arguments[1:]:
        maker = guard.of(other)
        if maker is None or (maker.module, maker.name) != (_RANDOM, "__bit_generator_ctor"):
            _refuse(guard, named, "an unknown constructor of generators")
    if isinstance(given, np.random.BitGenerator) or (
        isinstance(given, str) and given in _BIT_GENERATORS
    ):
        return named.held(given)
    _refuse(guard, named, "something other than a generator")


def _of_cython(guard: Guard, named: Named, arguments: Arguments) -> Any:
    """What Cython makes for its classes: of the class in the callable's name, and no other."""
    if len(arguments) != 3 or not isinstance(arguments[2], (tuple, type(None))):
        _refuse(guard, named, "something other than a class, a number and a state")
    wanted = named.name.removeprefix("__pyx_unpickle_")
    cls = _class_in(guard, named, arguments)
    if wanted not in {base.__name__ for base in cls.__mro__} or type(arguments[1]) is not int:
        _refuse(guard, named, f"'{cls.__name__}'")
    made = named.held(cls, *arguments[1:])
    return _unfinished(guard, made) if arguments[2] is None else made


def _new_obj(guard: Guard, named: Named, arguments: Arguments) -> Any:
    """The trees and metrics of nearest neighbours: an empty one, which a state fills."""
    cls = _class_in(guard, named, arguments)
    if len(arguments) != 1 or not cls.__module__.startswith("sklearn."):
        _refuse(guard, named, f"'{cls.__name__}'")
    return _unfinished(guard, named.held(cls))


def _new_index(guard: Guard, named: Named, arguments: Arguments) -> Any:
    from pandas import Index, RangeIndex

    cls = _class_in(guard, named, arguments, Index)
    if len(arguments) != 2 or type(arguments[1]) is not dict:
        _refuse(guard, named, "something other than a class and its parts")
    given = arguments[1]
    if not _OF_INDEX.issuperset(given):
        _refuse(guard, named, "parts that pandas does not write")
    _refuse_tokens(guard, named, tuple(given.values()))
    if any(isinstance(given.get(part), (range, RangeIndex)) for part in ("data", "left", "right")):
        _refuse(guard, named, "a range, which would be expanded")
    for part in given.values():
        size = getattr(part, "size", 0)
        if isinstance(size, int):  # each value may become an object
            guard.spend(64 * size)
            guard.work(size >> 4)
    codes = given.get("codes")
    if codes is not None:  # of levels, which pandas believes
        guard.must_be_alone(*codes)
        made = named.held(cls, given)
        made._verify_integrity()
        return made
    return named.held(cls, given)


def _block(guard: Guard, named: Named, arguments: Arguments) -> Any:
    """A part of a frame, which believes how many rows its values have."""
    if len(arguments) != 3:
        _refuse(guard, named, f"{len(arguments)} arguments")
    values, place, dimensions = arguments
    rows = len(range(place.start, place.stop, place.step or 1)) if _is_slice(place) else None
    if isinstance(place, np.ndarray):
        rows = len(place)
    shape: Any = getattr(values, "shape", ())
    is_frame = dimensions == 2 and len(shape) == 2
    if rows is None or (is_frame and shape[0] != rows):
        _refuse(guard, named, "a placement that does not fit its values")
    return named.held(*arguments)


def _is_slice(place: Any) -> bool:
    return type(place) is slice and all(
        type(n) is int for n in (place.start, place.stop, place.step or 1)
    )


def _block_manager(guard: Guard, named: Named, arguments: Arguments) -> Any:
    """Whose blocks must fit its axes: it looks at that only when it is told to."""
    if len(arguments) != 2:
        _refuse(guard, named, f"{len(arguments)} arguments")
    made = named.held(*arguments)
    made._verify_integrity()
    return made


def _arrow_array(guard: Guard, named: Named, arguments: Arguments) -> Any:
    """An array of Arrow's, whose buffers it looks into when it is told to."""
    made = named.held(*arguments)
    guard.work(made.nbytes >> 8)
    made.validate(full=True)
    return made


def _tree(guard: Guard, named: Named, arguments: Arguments) -> Any:
    if len(arguments) != 3:
        _refuse(guard, named, f"{len(arguments)} arguments")
    features, classes, outputs = arguments
    if not all(isinstance(n, (int, np.integer)) for n in (features, outputs)):
        _refuse(guard, named, "something other than numbers of features and outputs")
    if not isinstance(classes, np.ndarray) or classes.dtype != np.intp or classes.ndim != 1:
        _refuse(guard, named, "something other than numbers of classes")
    counts = classes.tolist()
    if not 0 < outputs <= _MOST_OUTPUTS or len(counts) != outputs or min(counts) < 1:
        _refuse(guard, named, "numbers of classes that do not fit its outputs")
    guard.spend(sum(counts))
    return _unfinished(guard, named.held(int(features), classes, int(outputs)))


def _are_parts(given: Arguments) -> bool:
    return sum(len(part) if type(part) is str else _MOST_PATH for part in given) <= _MOST_PATH


# What is called as it is, with some arguments only: which, and what others are. Items among those
# of a dictionary or a queue would be keys unseen, or more than it says.
_CALLED_WITH: Mapping[tuple[str, str], tuple[Callable[[Arguments], bool], str]] = {
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
        (_are_parts, "something other than the parts of a path"),
    ),
}
_STAND_INS: Mapping[tuple[str, str], _Call] = {
    **{place: functools.partial(_if, *fit) for place, fit in _CALLED_WITH.items()},
    ("builtins", "getattr"): _getattr,
    ("builtins", "bytearray"): _bytearray,
    ("builtins", "frozenset"): _set,
    ("builtins", "set"): _set,
    ("_codecs", "encode"): _encode,
    ("collections", "defaultdict"): _default,
    ("copyreg", "_reconstructor"): _reconstructor,
    ("fractions", "Fraction"): _fraction,
    ("functools", "partial"): _partial,
    ("numpy", "dtype"): _dtype,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
    ("numpy.ma.core", "_mareconstruct"): _mareconstruct,
    (_RANDOM, "__bit_generator_ctor"): _bit_generator,
    (_RANDOM, "__generator_ctor"): _random,
    (_RANDOM, "__randomstate_ctor"): _random,
    ("pandas._libs.internals", "_unpickle_block"): _block,
    ("pandas.core.indexes.base", "_new_Index"): _new_index,
    ("pandas.core.indexes.interval", "_new_IntervalIndex"): _new_index,
    ("pandas.core.indexes.datetimes", "_new_DatetimeIndex"): _new_index,
    ("pandas.core.indexes.timedeltas", "_new_TimedeltaIndex"): _new_index,
    ("pandas.core.internals.managers", "BlockManager"): _block_manager,
    ("pyarrow.lib", "_restore_array"): _arrow_array,
    ("sklearn.metrics._dist_metrics", "newObj"): _new_obj,
    ("sklearn.neighbors._ball_tree", "newObj"): _new_obj,
    ("sklearn.neighbors._kd_tree", "newObj"): _new_obj,
    ("sklearn.tree._tree", "Tree"): _tree,
}
