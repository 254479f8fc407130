"""Arrays in joblib's files: the raw bytes that follow their description.

Source of the format: joblib's numpy_pickle.py, `NumpyArrayWrapper`, of releases 1.0 to 1.6.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from gitmodelstore.pipelines.guard import Guard

_KEYS = frozenset(
    {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}
)
_SUBCLASSES = (np.ndarray, np.memmap, np.matrix)


def read(guard: Guard, state: Any) -> Any:
    """Return the array whose description is `state` and whose bytes come now.

    Raises:
        RefusedPickle: the description is none that joblib writes.
        EOFError: the file does not hold so many bytes.
    """
    if type(state) is not dict or not state.keys() <= _KEYS:
        guard.refuse("an array is described in no way of joblib's")
    shape: Any
    shape, dtype, subclass = (state.get(name) for name in ("shape", "dtype", "subclass"))
    named = guard.of(subclass)
    subclass = named.held if named else None
    if subclass not in _SUBCLASSES or not isinstance(dtype, np.dtype) or not is_shape(shape):
        guard.refuse("an array is described in no way of joblib's")
    if dtype.hasobject:
        array = guard.nested()
        if not isinstance(array, np.ndarray):
            guard.refuse("an array of objects is something else")
    else:
        _pass_over_padding(guard, state.get("numpy_array_alignment_bytes"))
        array = _raw(guard, shape, dtype)
        if state.get("order") == "F":
            array = array.reshape(shape[::-1]).transpose()
        else:
            array = array.reshape(shape)
    array = _native(array)
    if subclass in (np.ndarray, np.memmap) or not hasattr(array, "__array_prepare__"):
        return array
    return array.view(subclass)  # numpy 1: numpy 2 has no __array_prepare__, and joblib no subclass


def is_shape(shape: Any) -> bool:
    """Whether it is a tuple of whole numbers, none of them negative."""
    return type(shape) is tuple and all(type(n) is int and n >= 0 for n in shape)


def _pass_over_padding(guard: Guard, alignment: Any) -> None:
    if alignment is not None:
        guard.source.take(guard.source.take(1)[0])


def _raw(guard: Guard, shape: tuple[int, ...], dtype: Any) -> Any:
    count = math.prod(shape)
    if count * dtype.itemsize > guard.source.left_bytes():
        raise EOFError
    array = np.empty(count, dtype)
    if array.nbytes:
        guard.source.fill(memoryview(array.view(np.uint8)))  # type: ignore[arg-type]
    return array


def _native(array: Any) -> Any:
    """Return an array in the byte order of this machine, as joblib does."""
    if _has_other_byte_order(array.dtype):
        return array.byteswap().view(array.dtype.newbyteorder("="))
    return array


def _has_other_byte_order(dtype: Any) -> bool:
    other = ">" if sys.byteorder == "little" else "<"
    if dtype.byteorder == "|" and dtype.fields:
        return all(field[0].byteorder == other for field in dtype.fields.values())
    return bool(dtype.byteorder == other)
