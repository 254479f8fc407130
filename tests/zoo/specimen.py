"""A fitted model as a test meets it: how it is made, asked, compared and written."""

from __future__ import annotations

import copy
import copyreg
import functools
import importlib.util
import io
import operator
import struct
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, NoneType
from typing import Any

import joblib
import numpy as np

METHODS = (
    "predict",
    "predict_proba",
    "decision_function",
    "transform",
    "score_samples",
    "kneighbors",
    "radius_neighbors",
    "apply",
)

# Level 9 is the smallest file, 1 the fastest; joblib's own default is 3.
COMPRESSORS = ("zlib", "gzip", "bz2", "lzma", "xz", "lz4")
LEVELS = (1, 3, 9)
PROTOCOLS = (2, 3, 4, 5)

# Compared by value, or as the very same function or class; they have no parts.
ATOMS = (
    NoneType,
    int,
    float,
    complex,
    str,
    bytes,
    type,
    FunctionType,
    BuiltinFunctionType,
    np.generic,
    np.dtype,
    np.ufunc,
)


@dataclass(frozen=True, slots=True)
class Specimen:
    """One model of the zoo.

    Attributes:
        name: unique; letters, digits, dots and hyphens only.
        fit: makes and fits the model anew, the same one every time.
        rows: what the model is asked about; None when it answers no question and is
            compared by its attributes.
    """

    name: str
    fit: Callable[[], Any]
    rows: Any = None


def fitted(
    name: str,
    build: Callable[[], Any],
    X: Callable[[], Any],
    y: Callable[[], Any] | None = None,
    *,
    ignored: type[Warning] | None = None,
    asked: bool = True,
) -> Specimen:
    """Return the specimen of an estimator that `build` makes, fitted on what `X` and `y` return.

    Args:
        ignored: the warning that comes with fitting it so; None when there is none.
        asked: False for one that answers no question.
    """

    def fit() -> Any:
        with warnings.catch_warnings():
            if ignored:
                warnings.simplefilter("ignore", ignored)
            return build().fit(X()) if y is None else build().fit(X(), y())

    return Specimen(name, fit, unseen(X()) if asked else None)


def each(
    prefix: str, builds: Mapping[str, Callable[[], Any]], *rows: Callable[[], Any], **how: Any
) -> Iterator[Specimen]:
    """Yield the specimens of several estimators that are fitted on the same."""
    for name, build in builds.items():
        yield fitted(f"{prefix}-{name}", build, *rows, **how)


def unseen(rows: Any) -> Any:
    """Return equal rows in other memory: a model that keeps its training rows answers the very
    same objects in another way (label propagation does), and no reader has those."""
    return copy.deepcopy(rows)


def answers(model: Any, rows: Any) -> dict[str, Any]:
    """Return what `model` answers to `rows`, by the name of the method.

    With `rows` None the model itself is the answer.
    """
    if rows is None:
        return {"itself": model}
    return {way: getattr(model, way)(rows) for way in METHODS if hasattr(model, way)}


def same(left: Any, right: Any) -> bool:
    """Tell whether two things are equal bit for bit: types, values, order, every nan."""
    return difference(left, right) is None


def difference(left: Any, right: Any, *, identity: bool = False) -> str | None:
    """Return where two things first differ, such as `.state['steps'][0]`, or None.

    Args:
        identity: compare as two loads of one file: what is one object on the left must be one
            on the right, and arrays need the same memory order, strides, alignment and
            writability.
    """
    pairs, lefts, rights = set(), set(), set()
    kept = []  # an id is unique only as long as its object lives
    waiting = [("", left, right)]
    while waiting:
        path, a, b = waiting.pop()
        pair = (id(a), id(b))
        if a is b or pair in pairs:
            continue
        if _facts(a, identity) != _facts(b, identity):
            return path or "the whole"
        if isinstance(a, ATOMS) or (type(a) is tuple and not a):
            continue
        if identity and (id(a) in lefts or id(b) in rights):
            return f"{path} is another object"
        pairs.add(pair)
        lefts.add(id(a))
        rights.add(id(b))
        parts, others = _parts(a), _parts(b)
        kept.append((a, b, parts, others))
        if len(parts) != len(others):
            return path or "the whole"
        waiting += [
            (f"{path}{step}", part, other)
            for (step, part), (_, other) in zip(parts, others, strict=True)
        ]
    return None


def _facts(thing: Any, identity: bool) -> tuple[Any, ...]:
    """Return what a thing is apart from its parts, to be compared with `==`."""
    return (type(thing), *_own_facts(thing, identity))


def _own_facts(thing: Any, identity: bool) -> tuple[Any, ...]:
    if isinstance(thing, np.ndarray):
        flags = thing.flags
        order = (*(flags[name] for name in "CFAW"), thing.strides)
        content = b"" if thing.dtype.hasobject or thing.dtype.names else thing.tobytes()
        return (repr(thing.dtype), thing.shape, content, order if identity else None)
    if isinstance(thing, np.generic):
        return (repr(thing.dtype), thing.tobytes())
    if isinstance(thing, np.dtype):
        return (repr(thing),)
    if isinstance(thing, float):
        return (struct.pack("d", thing),)
    if isinstance(thing, complex):
        return (struct.pack("dd", thing.real, thing.imag),)
    return (thing,) if isinstance(thing, ATOMS) else ()


def _parts(thing: Any) -> list[tuple[str, Any]]:
    """Return what a thing is made of, each part with the step that leads to it."""
    if isinstance(thing, np.ma.MaskedArray):
        return [(".data", thing.data), (".mask", thing.mask), (".fill", thing.fill_value)]
    if isinstance(thing, np.ndarray):
        if thing.dtype.names:
            return [(f"[{name!r}]", np.asarray(thing[name])) for name in thing.dtype.names]
        return _numbered(thing.flat) if thing.dtype.hasobject else []
    if type(thing) in (list, tuple):
        return _numbered(thing)
    if type(thing) is dict:
        keys = [(f" key {n}", key) for n, key in enumerate(thing)]
        return [*keys, *((f"[{key!r}]", value) for key, value in thing.items())]
    if isinstance(thing, set | frozenset):
        return _numbered(sorted(thing, key=repr))
    return _pickled_parts(thing)


def _numbered(things: Iterable[Any]) -> list[tuple[str, Any]]:
    return [(f"[{n}]", thing) for n, thing in enumerate(things)]


def _pickled_parts(thing: Any) -> list[tuple[str, Any]]:
    """Return what pickle would write of an object: it is whole, whatever its class hides."""
    reduce = copyreg.dispatch_table.get(type(thing))
    made = reduce(thing) if reduce else thing.__reduce_ex__(4)
    if isinstance(made, str):
        return [(".name", made)]
    steps = (".class", ".arguments", ".state", ".items", ".pairs", ".setter")
    parts = [list(part) if isinstance(part, Iterator) else part for part in made]
    return list(zip(steps, parts, strict=False))


def encodings() -> Iterator[tuple[str, Callable[[Any], bytes]]]:
    """Yield every way in which joblib writes a file: its name, and what makes bytes of a model."""
    yield "plain", dumped
    for compressor in COMPRESSORS:
        if compressor != "lz4" or importlib.util.find_spec("lz4"):
            for level in LEVELS:
                way = (compressor, level)
                yield f"{compressor}-{level}", functools.partial(dumped, compress=way)
    for protocol in PROTOCOLS:
        yield f"protocol-{protocol}", functools.partial(dumped, protocol=protocol)
        way = functools.partial(dumped, protocol=protocol, compress=3)
        yield f"protocol-{protocol}-zlib", way


def dumped(model: Any, **options: Any) -> bytes:
    """Return the file that `joblib.dump` writes with these options."""
    file = io.BytesIO()
    joblib.dump(model, file, **options)
    return file.getvalue()


def any_class(module: str, name: str) -> Any:
    """Return what an unpickler finds from protocol 4 on, where a name may have dots."""
    return operator.attrgetter(name)(importlib.import_module(module))
