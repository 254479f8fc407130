"""The arrays in a file of joblib: from a wrapper's state and the bytes behind it.

Owns what `NumpyArrayWrapper.read` of joblib does, and the checks that numpy leaves to its
callers: nothing is read beyond the bytes that are there, and no dtype makes pointers of
them. Where the bytes come from is the business of whoever unpickles.

Source: joblib's numpy_pickle.py, 0.10 to 1.6.
"""

from __future__ import annotations

import math
import pickle
import sys
from typing import Any, NamedTuple

import numpy as np

_CLASSES = (np.ndarray, np.matrix, np.memmap)  # joblib writes others as any object
_WRITTEN = frozenset({"subclass", "shape", "order", "dtype"})
_ALIGNMENT = "numpy_array_alignment_bytes"  # since joblib 1.2
_KNOWN = _WRITTEN | {"allow_mmap", _ALIGNMENT}
_FOREIGN = ">" if sys.byteorder == "little" else "<"

# joblib restores a matrix by a method that numpy 2 has no longer, and an array comes back.
_KEEPS_MATRIX = hasattr(np.ndarray, "__array_prepare__")


class NotFast(Exception):
    """The file is of a form that the fast way does not read; the guarded walk may."""


class Dtypes:
    """The dtypes of one file, each looked at once: the trees of a forest share theirs."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[np.dtype[Any], bool]] = {}

    def is_foreign(self, dtype: Any) -> bool:
        """Return whether items of `dtype` are to be turned to the machine's byte order.

        Raises:
            NotFast: it is no dtype, or one that a pickle has given another size or other flags.
        """
        seen = self._seen.get(id(dtype))
        if seen is None:
            _refuse_unsound(dtype)
            seen = (
                dtype,
                _is_foreign(dtype),
            )  # the dtype too: as long as it lives, its id is its own
            self._seen[id(dtype)] = seen
        return seen[1]


class ArrayForm(NamedTuple):
    """How an array lies in a file.

    Attributes:
        shape: as in numpy.
        dtype: as in numpy; with objects, a pickle of the whole array stands in the file.
        is_foreign: whether the items are to be turned to the machine's byte order.
        order: "C" or "F".
        is_padded: whether a byte with the length of the padding, and the padding, come first.
        is_matrix: whether it was one when it was written.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_foreign: bool
    order: Any
    is_padded: bool
    is_matrix: bool

    @classmethod
    def of(cls, state: object, dtypes: Dtypes) -> ArrayForm:
        """Return the form that the state of joblib's wrapper describes.

        Args:
            state: what BUILD gave the wrapper.
            dtypes: those of the same file.

        Raises:
            NotFast: it is none that joblib writes.
        """
        if type(state) is not dict or not _WRITTEN <= state.keys() <= _KNOWN:
            raise NotFast("a wrapper of another joblib")
        shape, dtype, order = state["shape"], state["dtype"], state["order"]
        if type(shape) is not tuple or not all(type(n) is int and n >= 0 for n in shape):
            raise NotFast("an array of an odd shape")
        if order not in ("C", "F") or state["subclass"] not in _CLASSES:
            raise NotFast("an array of an odd kind")
        return cls(
            shape,
            dtype,
            dtypes.is_foreign(dtype),
            order,
            state.get(_ALIGNMENT) is not None,
            state["subclass"] is np.matrix,
        )

    @property
    def is_of_objects(self) -> bool:
        return self.dtype.hasobject

    def read(self, view: memoryview, position: int, *, private: bool) -> tuple[Any, int]:
        """Return the array whose bytes stand at `position` of `view`, and where they end.

        Args:
            view: the whole file.
            position: where the padding or, without it, the array begins.
            private: whether the array may be a view on `view`, to be written to.

        Raises:
            pickle.UnpicklingError: they go beyond the end of the file.
        """
        if self.is_padded:
            position += 1 + (view[position] if position < len(view) else 0)
        count = math.prod(self.shape)
        end = position + count * self.dtype.itemsize
        if end > len(view):
            raise pickle.UnpicklingError("the bytes of an array are missing")
        if count:
            array = self._taken(view, position, private=private)
        else:  # with strides of its own
            array = np.empty(0, self.dtype).reshape(self.shape, order=self.order)
        return self._of_its_class(_turned(array) if self.is_foreign else array), end

    def _taken(self, view: memoryview, position: int, *, private: bool) -> Any:
        array: Any = np.ndarray(self.shape, self.dtype, view, position, order=self.order)
        is_kept = (private and array.flags.aligned) or self.is_foreign  # turning copies
        return array if is_kept else array.copy("K")

    def finished(self, array: object) -> Any:
        """Return what the pickle of an array of objects held, as joblib hands it out.

        Raises:
            pickle.UnpicklingError: it held something else than an array.
        """
        if not isinstance(array, np.ndarray):
            raise pickle.UnpicklingError("something else stands where an array of objects belongs")
        return self._of_its_class(_turned(array) if _is_foreign(array.dtype) else array)

    def _of_its_class(self, array: Any) -> Any:
        if self.is_matrix and _KEEPS_MATRIX and not isinstance(array, np.matrix):
            return array.view(np.matrix)
        return array


def _is_foreign(dtype: np.dtype[Any]) -> bool:
    """Whether joblib turns the bytes around: those of records only if all fields need it."""
    if dtype.fields is None:
        return dtype.byteorder == _FOREIGN
    return all(field[0].byteorder == _FOREIGN for field in dtype.fields.values())


def _turned(array: Any) -> Any:
    return array.byteswap().view(array.dtype.newbyteorder("="))


def _refuse_unsound(dtype: object) -> None:
    """Refuse what is no dtype, or one that a pickle has given another size or other flags.

    Raises:
        NotFast: it is.
    """
    if not isinstance(dtype, np.dtype) or dtype.subdtype is not None or dtype.itemsize <= 0:
        raise NotFast("an array of an odd dtype")
    if not dtype.hasobject and not _is_sound(dtype):
        raise NotFast("an array of an odd dtype")


def _is_sound(dtype: np.dtype[Any]) -> bool:
    """Whether items hold no pointers, and their fields lie within them."""
    if dtype.fields is not None:
        if not set(dtype.names or ()) <= dtype.fields.keys():  # numpy would go astray
            return False
        return all(
            0 <= offset <= dtype.itemsize - field.itemsize and _is_sound(field)
            for field, offset, *_ in dtype.fields.values()
        )
    if dtype.subdtype is not None:
        item, shape = dtype.subdtype
        return dtype.itemsize == math.prod(shape) * item.itemsize and _is_sound(item)
    return dtype.kind != "O" and dtype.itemsize == np.dtype(dtype.str).itemsize
