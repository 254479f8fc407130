"""Arrays in a pickle, read from symbols: how large they are, and what their items look like.

Source: joblib/numpy_pickle.py, `NumpyArrayWrapper.read_array`; numpy's `ndarray.__reduce__`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from math import prod

from gitmodelstore.pipelines.dry_dtypes import Dtype, Fields, Malformed, read_dtype, read_shape
from gitmodelstore.pipelines.dry_rules import is_one_of
from gitmodelstore.pipelines.dry_symbols import Array, Made, Pairs, Symbol

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
