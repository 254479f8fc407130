"""Less than a megabyte, of which each byte costs as much time or memory as it can."""

from __future__ import annotations

import copy
import functools
import pickle
import zlib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, make_scorer

from .values import Effect, Hostile, Keep, Name, call, files
from .writer import Writer, pickled

FAMILY = "costs"

_SIZE = 1_000_000
_MERSENNE = 2**61 - 1  # the hash of whole numbers is their rest by it
_INDEX = Name("pandas:Index")


def costs(_: Effect) -> Iterator[Hostile]:
    yield from files(FAMILY, _programs(), "never")


@functools.cache
def _programs() -> dict[str, bytes]:
    programs: dict[str, Callable[[], bytes]] = {
        **{name: functools.partial(_calls, *parts) for name, parts in _CALLS.items()},
        **{name: functools.partial(_again, b"", unit) for name, unit in _OPCODES.items()},
        "keys of one hash": functools.partial(_alike, b"}(", b"N", b"u"),
        "items of one hash": functools.partial(_alike, b"\x8f(", b"", b"\x90"),
        "a long tuple as a key": lambda: _again(_kept(tuple(range(90_000)), 30), b"}h\x1eNs0"),
        "a fraction of an exponent": lambda: pickled(call("fractions:Fraction", "1e4000000000")),
        "a fraction of a decimal": lambda: pickled(
            call("fractions:Fraction", call("decimal:Decimal", "1e4000000"))
        ),
        "an ordered dictionary of a tower": lambda: pickled(
            call("collections:OrderedDict", {_tower(): 1})
        ),
        "a dictionary with a default, of a tower": lambda: pickled(
            call("collections:defaultdict", None, {_tower(): 1})
        ),
        "an index of a vast range": _vast_index,
        **{name: functools.partial(_shared, make) for name, make in _SHARED.items()},
        "a number of a megabyte": lambda: Writer(4).long4(900_000, b"\x7f" * 900_000).stop(),
        "sets, compressed": lambda: zlib.compress(b"\x80\x04" + b"\x8f" * (30 * _SIZE), 1),
        "lists, compressed": lambda: zlib.compress(b"\x80\x04" + b"]" * (30 * _SIZE), 1),
        "bytes, compressed": lambda: zlib.compress(_bytes(180 * _SIZE), 1),
    }
    if find_spec("lz4"):
        import lz4.frame

        programs["bytes, compressed by lz4"] = lambda: lz4.frame.compress(_bytes(180 * _SIZE))
    return {name: make() for name, make in programs.items()}


def _again(head: bytes, unit: bytes) -> bytes:
    return b"\x80\x04" + head + unit * ((_SIZE - len(head)) // len(unit)) + b"."


def _kept(value: Any, place: int) -> bytes:
    """Leave nothing on the stack, and a value in the memo."""
    program = Writer(4).push(Keep(place, value)).pop().unfinished()
    return program[2:] if program.startswith(b"\x80\x04") else program


def _calls(function: str, arguments: tuple[Any, ...]) -> bytes:
    """One call after another, of a function and arguments that stand in the file once."""
    head = _kept(Name(function), 30) + _kept(arguments, 31)
    return _again(head, b"h\x1eh\x1fR0")


def _alike(head: bytes, value: bytes, tail: bytes) -> bytes:
    numbers = ((n * _MERSENNE).to_bytes(10, "little") for n in range(1, 70_000))
    return b"\x80\x04" + head + b"".join(b"\x8a\x0a" + n + value for n in numbers) + tail + b"."


def _tower() -> tuple[Any, ...]:
    """A tuple of tuples that is small in a file, and endless to hash."""
    tower: tuple[Any, ...] = (1,)
    for _ in range(12):
        tower = (tower, tower)
    return tower


def _vast_index() -> bytes:
    new = "pandas.core.indexes.base:_new_Index"
    parts = {"start": 0, "stop": 10**9, "step": 1, "name": None}
    numbers = call(new, Name("pandas:RangeIndex"), parts)
    return pickled(call(new, _INDEX, {"data": numbers, "name": None}))


def _bytes(count: int) -> bytes:
    return b"\x80\x04\x8e" + count.to_bytes(8, "little") + bytes(count) + b"."


_CALLS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "generators": ("numpy.random._pickle:__randomstate_ctor", ("MT19937",)),
    "bit generators": ("numpy.random._pickle:__bit_generator_ctor", ("PCG64",)),
    "ordered dictionaries": ("collections:OrderedDict", ()),
    "queues": ("collections:deque", ()),
    "fractions": ("fractions:Fraction", ("1" * 4000 + "/" + "3" * 4000,)),
    "decimals": ("decimal:Decimal", ("1" * 9000,)),
    "arrays of bytes": ("builtins:bytearray", (b"x" * 500_000,)),
    "paths": ("pathlib:PosixPath", ("a/" * 250_000,)),
    "short paths": ("pathlib:PosixPath", ("a",)),
    "types": ("numpy:dtype", ("f8", False, True)),
    "indices": (
        "pandas.core.indexes.base:_new_Index",
        (Name("pandas:RangeIndex"), {"start": 0, "stop": 3, "step": 1, "name": None}),
    ),
    "intervals": ("pandas:Interval", (1, 2, "right")),
    "types of text": ("pandas:StringDtype", ("python",)),
}
_OPCODES = {"sets": b"\x8f", "frozen sets": b"(\x91", "lists": b"]", "memos": b"N\x94"}


def _shared(make: Callable[[], Any]) -> bytes:
    """Many objects, or one with many places, that hold the same again and again."""
    ridge = Ridge().fit(_ROWS, _KINDS)
    ridge.notes_ = make()
    return pickle.dumps(ridge, 4)


def _copies(model: Any, count: int, **attributes: Any) -> list[Any]:
    made = [copy.copy(model) for _ in range(count)]
    for each in made:
        vars(each).update(attributes)
    return made


def _words() -> list[Any]:
    words = {f"{number:x}": number for number in range(10_000)}
    return _copies(CountVectorizer(), 5_000, vocabulary_=words)


def _forests() -> list[Any]:
    forest = RandomForestClassifier(1, max_depth=1).fit(_ROWS, _KINDS)
    return _copies(forest, 10, estimators_=forest.estimators_ * 50_000)


def _histograms() -> Any:
    boosted = HistGradientBoostingClassifier(max_iter=1, min_samples_leaf=2).fit(_ROWS, _KINDS)
    boosted._predictors = boosted._predictors * 200_000
    return boosted


def _scorers() -> list[Any]:
    scorer = make_scorer(accuracy_score)
    return _copies(scorer, 5_000, _kwargs={f"{number:x}": 1 for number in range(20_000)})


def _lists() -> Any:
    rows = np.empty(9_000, dtype=object)
    rows.fill(list(range(9_000)))
    lists = sp.lil_matrix((1, 1))
    vars(lists).update(_shape=(9_000, 9_000), rows=rows, data=rows.copy())
    return lists


_ROWS = np.arange(24.0).reshape(8, 3)
_KINDS = np.arange(8) % 2
_SHARED = {
    "words of many": _words,
    "forests of one tree": _forests,
    "histograms of one tree": _histograms,
    "scorers of the same keywords": _scorers,
    "rows of one list": _lists,
}
