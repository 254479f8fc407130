"""What `joblib.load` returns, from the C unpickler: an ensemble takes a quarter of the time.

A file of joblib is a pickle with holes. Where an array stood, the pickle has a small
object, joblib's wrapper: class, shape, order, dtype. Behind the opcode BUILD that gives
the wrapper its state, the frame of the pickle ends, and the bytes of the array follow as
they are; then the pickle goes on. joblib reads such files with the unpickler that is
written in Python, since that one can be stopped at BUILD. The C unpickler cannot be
stopped, but it asks a file for no more than a frame at a time (PEP 3154), if the file
offers no `peek`. So its first request after BUILD comes exactly where the array begins:

1. `find_class` answers the wrapper's name with `_Wrapper`, whose `__setstate__` tells the
   stream that an array follows.
2. The stream answers the next request, always one byte for the next opcode, with an
   opcode that is not in the file: BINPERSID.
3. BINPERSID makes the unpickler call `persistent_load` with the wrapper, which lies on top
   of its stack. There the stream takes the array, a view on the file's bytes, and moves on
   behind it; the unpickler puts it in the wrapper's place.

The same opcode is put before the last one, STOP, to learn that STOP is where the file
ends. An array of objects is a plain pickle of its own within the file, which a second
unpickler reads from the same bytes; that one may look ahead.

What a file may name is the caller's business: every global comes from the `find_class`
that is handed in. So is what the opcodes may do with it: only bytes that the guard has
walked through belong here.

Source of the format: joblib's numpy_pickle.py, 0.10 to 1.6; of the opcodes: Python's
Lib/pickletools.py; of the reader: `_Unpickler_ReadFromFile` in CPython's
Modules/_pickle.c, whose habits `is_fast_here` tries out.
"""

from __future__ import annotations

import importlib
import math
import pickle
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import numpy as np

from gitmodelstore.errors import RefusedPickle, is_of_handler
from gitmodelstore.pickles import rights
from gitmodelstore.pickles.rights import of_python_3

# The arrays in a file of joblib: from a wrapper's state and the bytes behind it.


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
        """Return whether items are in another byte order; NotFast for an unusual dtype."""
        entry = self._seen.get(id(dtype))
        if entry is None:
            is_dtype = isinstance(dtype, np.dtype) and dtype.subdtype is None
            if not is_dtype or dtype.itemsize <= 0 or not (dtype.hasobject or _is_sound(dtype)):
                raise NotFast("an array of an odd dtype")
            # The dtype too: as long as it lives, its id is its own.
            entry = self._seen[id(dtype)] = (dtype, _is_foreign(dtype))
        return entry[1]


class ArrayForm(NamedTuple):
    """How an array lies in a file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]  # with objects, a pickle of the whole array stands in the file
    is_foreign: bool  # whether the items are to be turned to the machine's byte order
    order: Any  # "C" or "F"
    is_padded: bool  # whether a byte with the length of the padding, and that, come first
    is_matrix: bool  # whether it was one when it was written

    @classmethod
    def of(cls, state: object, dtypes: Dtypes) -> ArrayForm:
        """Return the form that the state of joblib's wrapper describes; NotFast of any other."""
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
        """Return the array whose padding or bytes start here, and where they end."""
        # A private view is written to: the array may be a view on it.
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
        """Return what the pickle of an array of objects held, as joblib hands it out."""
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


# Fast load


FindClass = Callable[[str, str], Any]

_PROTO = 0x80
_FRAMED = (4, 5)  # protocols
_BUILD = ord("b")
_AHEAD = 16 * 1024  # bytes; it asks for eight times as many, of which most arrays need few
_STOP = b"."
_BINPERSID = b"Q"
_WRAPPER = ("joblib.numpy_pickle", "NumpyArrayWrapper")


def fast_load(
    data: bytes | bytearray | memoryview, find_class: FindClass, *, private: bool = False
) -> Any:
    """Return what `joblib.load` returns for a file that is not compressed.

    Args:
        data: the whole file.
        find_class: the only source of globals. Names of Python 2, which pickles of protocol 2
            have, are given as those of Python 3.
        private: whether `data` is writable memory that the caller hands over, such as a
            bytearray or a copy-on-write mapping. Arrays are then views on it, not copies:
            they own no data of their own, and each keeps all of `data` in memory. joblib's
            own arrays are views on others too, since 1.6 all of them, so that nobody can
            rely on `flags.owndata`; the other flags are the same.

    Raises:
        NotFast: the file is of a form that is not read here, but may be by other means.
        EOFError: the end is missing.
        pickle.UnpicklingError: it is no pickle, or is damaged, or goes on behind its end.
    """
    view = memoryview(data).cast("B")
    if private and view.readonly:
        raise ValueError("private data must be writable")
    if len(view) < 2 or view[0] != _PROTO or view[1] not in _FRAMED:
        raise NotFast("no pickle of protocol 4 or 5")
    if view[-1:] != _STOP:
        raise EOFError("the end of the pickle is missing")
    stream = _JoblibStream(view, find_class, private=private)
    try:
        loaded = _JoblibUnpickler(stream, find_class).load()
        stream.refuse_more()
    finally:
        stream.close()
    return loaded


@lru_cache(maxsize=1)
def is_fast_here() -> bool:
    """Whether this interpreter, numpy and joblib work with `fast_load`; tried once a process."""
    written = _canary_file(_canary())
    any_class = pickle.Unpickler(BytesIO()).find_class  # noqa: S301 - for our own file
    try:
        loaded = fast_load(bytearray(written), any_class, private=True)
        return _canary_file(loaded) == written
    except Exception as error:  # a later numpy or joblib may fail in any way
        if is_of_handler(error):
            raise
        return False


def _canary() -> list[Any]:
    numbers = np.arange(6.0).reshape(2, 3)
    objects = np.array(["text", None, 1.5], dtype=object)
    return [numbers, "between", numbers.T, {"objects": objects}, np.array(1, dtype="<i4"), (2,)]


def _canary_file(value: Any) -> bytes:
    import joblib

    buffer = BytesIO()
    joblib.dump(value, buffer, protocol=4)
    return buffer.getvalue()


class _Stream:
    """The part of a file that an unpickler needs, read from memory."""

    def __init__(self, view: memoryview, position: int = 0) -> None:
        self._view = view
        self.position = position

    def read(self, size: int) -> bytes:
        start = self.position
        self.position = end = start + size
        return self._view[start:end].tobytes()

    def readinto(self, target: memoryview) -> int:
        piece = self.read(len(target))
        target[: len(piece)] = piece
        return len(piece)

    def readline(self) -> bytes:
        size = 256
        while True:
            piece = self._view[self.position : self.position + size].tobytes()
            if b"\n" in piece or len(piece) < size:
                return self.read(piece.find(b"\n") + 1 or len(piece))
            size *= 4


class _PeekableStream(_Stream):
    """One that the C unpickler may look ahead in, to fetch many opcodes by one call."""

    def peek(self, size: int) -> bytes:
        return self._view[self.position : self.position + min(size, _AHEAD)].tobytes()


class _JoblibStream(_Stream):
    """A file of joblib, in which BINPERSID takes the place of each array, and precedes STOP."""

    def __init__(self, view: memoryview, find_class: FindClass, *, private: bool) -> None:
        super().__init__(view)
        self._find_class = find_class
        self._private = private
        self._end = len(view)
        self._dtypes = Dtypes()
        self._next: tuple[_Wrapper, ArrayForm] | None = None  # whose array comes next
        self._asked: tuple[_Wrapper, ArrayForm] | None = None  # the same, BINPERSID being given
        self._is_whole = False  # whether the unpickler came to the last opcode with a result
        self._has_stopped = False

    def expect(self, wrapper: _Wrapper, state: object) -> None:
        """Take note that the array comes next that the state of `wrapper` describes."""
        if self._next is not None or self._view[self.position - 1] != _BUILD:
            raise NotFast("a wrapper that does not end its frame")
        self._next = wrapper, ArrayForm.of(state, self._dtypes)

    def read(self, size: int) -> bytes:
        if self._next is not None:
            self._refuse_arguments(size)
            self._asked, self._next = self._next, None
            return _BINPERSID
        start = self.position
        self.position = end = start + size
        if end < self._end:
            return self._view[start:end].tobytes()
        return self._read_last(start)

    def readline(self) -> bytes:
        if self._next is not None:
            self._refuse_arguments(0)
        return super().readline()

    def resolve(self, pid: object) -> Any:
        """Return what a persistent id stands for: an array, or itself at the very end."""
        request, self._asked = self._asked, None
        if request is not None and pid is request[0]:
            return self._array(request[1])
        if request is not None or self._is_whole or self.position < self._end:
            raise pickle.UnpicklingError("a persistent id, which joblib does not write")
        self._is_whole = True
        return pid

    def refuse_more(self) -> None:
        if not self._has_stopped:
            raise pickle.UnpicklingError("the file goes on behind the end of the pickle")

    def close(self) -> None:
        """Let go of the file; the class of this load's wrappers lives on until it is collected."""
        self._view = memoryview(b"")
        self._next = self._asked = None

    def _refuse_arguments(self, size: int) -> None:
        if size != 1:  # an opcode of its own is asked for by one byte
            raise NotFast("a wrapper that does not end its frame")

    def _read_last(self, start: int) -> bytes:
        if start < self._end:
            return self._view[start : self._end - 1].tobytes() + _BINPERSID
        if self._is_whole and not self._has_stopped:
            self._has_stopped = True
            return _STOP
        return b""

    def _array(self, form: ArrayForm) -> Any:
        if form.is_of_objects:
            return form.finished(self._read_objects())
        array, self.position = form.read(self._view, self.position, private=self._private)
        return array

    def _read_objects(self) -> Any:
        stream = _PeekableStream(self._view, self.position)
        start = stream.peek(2)
        is_of_python_2 = start[:1] == bytes([_PROTO]) and start[1:] < bytes([3])
        find = self._find_class
        if is_of_python_2:  # `__builtin__`, `copy_reg` and such
            find = lambda module, name: self._find_class(*of_python_3(module, name))  # noqa: E731
        array = _PlainUnpickler(stream, find).load()
        self.position = stream.position
        return array


class _Wrapper:
    """What joblib's NumpyArrayWrapper becomes; each load has a subclass with its stream."""

    __slots__ = ()
    stream: ClassVar[_JoblibStream]

    def __setstate__(self, state: object) -> None:
        self.stream.expect(self, state)


class _PlainUnpickler(pickle.Unpickler):
    """Reads an array of objects: a pickle without holes, whatever its protocol."""

    def __init__(self, stream: _Stream, find_class: FindClass) -> None:
        super().__init__(stream)
        self._find_class = find_class

    def find_class(self, module: str, name: str) -> Any:
        return self._find_class(module, name)


class _JoblibUnpickler(_PlainUnpickler):
    """Reads a file of joblib from its stream."""

    def __init__(self, stream: _JoblibStream, find_class: FindClass) -> None:
        super().__init__(stream, find_class)
        self._stream = stream
        self._wrapper = type("_Wrapper", (_Wrapper,), {"__slots__": (), "stream": stream})

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == _WRAPPER:
            return self._wrapper
        return self._find_class(module, name)

    def persistent_load(self, pid: object) -> Any:
        return self._stream.resolve(pid)


# What a name of a pickle stands for in this installation, for whom the table or trust allows it.


@lru_cache(maxsize=4096)
def find_known(module: str, name: str, trust: rights.Trust = rights.NOBODY) -> Any:
    """Return what an allowed name stands for, in bytes that the guarded walk has judged."""
    if rights.listed(module, name) is not None:
        return find(module, name)
    is_trusted = trust.rights(module, name) is not None
    if is_trusted or rights.may_be_of_scikit_learn(module, name):
        value = find(module, name)
        if (
            rights_of_trusted(value, module, name, trust) is not None
            if is_trusted
            else is_of_scikit_learn(value)
        ):
            return value
    kin = rights.kin_of(module, name, find)
    if kin is not None:
        return kin.held
    raise RefusedPickle(f"'{module}.{name}' is not part of a pipeline", name=f"{module}.{name}")


def kin_of_class(cls: type) -> rights.Kin | None:
    """Return what a class is that the table does not have; None if nobody can say."""
    with suppress(ImportError, AttributeError):
        kin = rights.kin_of(cls.__module__, cls.__qualname__, find)
        return kin if kin is not None and kin.held is cls else None
    return None


def find(module: str, name: str) -> Any:
    try:
        return _attribute(module, name)
    except (ModuleNotFoundError, AttributeError):
        elsewhere = rights.canonical(module, name)
        if elsewhere == (module, name):
            raise
        return _attribute(*elsewhere)


def _attribute(module: str, name: str) -> Any:
    value: Any = importlib.import_module(module)
    for part in name.split("."):
        value = getattr(value, part)
    return value


def is_of_scikit_learn(cls: type) -> bool:
    """Whether a class is one of those that the open rule covers: see `rights`."""
    return (
        isinstance(cls, type)
        and cls.__module__.startswith("sklearn.")
        and any((base.__module__, base.__qualname__) in _BASES for base in cls.__mro__)
    )


_BASES = {
    ("sklearn.base", "BaseEstimator"),
    ("sklearn.model_selection._split", "BaseCrossValidator"),
    ("sklearn.model_selection._split", "_BaseKFold"),
    ("sklearn.model_selection._split", "BaseShuffleSplit"),
    ("sklearn.model_selection._split", "_RepeatedSplits"),
    ("sklearn.gaussian_process.kernels", "Kernel"),
    ("sklearn._loss.link", "BaseLink"),
    ("sklearn._loss.loss", "BaseLoss"),
    ("sklearn.metrics._scorer", "_BaseScorer"),
    ("sklearn.neural_network._stochastic_optimizers", "BaseOptimizer"),
}


def rights_of_trusted(
    held: Any, module: str, name: str, trust: rights.Trust
) -> rights.Rights | None:
    """Return what a trusted name may be used for, by what it is; None if that is no help."""
    # A package covers the classes defined in it; a function or other object needs its exact name.
    if isinstance(held, type):
        return rights.OF_TRUSTED if held.__module__ == module else None
    if not trust.names_exactly(module, name) or isinstance(held, NEVER_HELD):
        return None
    if not _is_of_classes(module, name):
        return None
    if not callable(held):
        return rights.OF_TRUSTED_OBJECT
    is_from_there = getattr(held, "__module__", None) in (None, module)
    is_from_there |= isinstance(held, np.ufunc)
    return rights.OF_TRUSTED_FUNCTION if is_from_there else None


def _is_of_classes(module: str, name: str) -> bool:
    """Whether the parts before the last are classes of that module, as those of a method are."""
    # Other objects lead to what is not defined there: `K.__init__.__globals__.get`.
    outer = name.split(".")[:-1]
    places = (find(module, ".".join(outer[:count])) for count in range(1, len(outer) + 1))
    return all(isinstance(owner, type) and owner.__module__ == module for owner in places)


NEVER_HELD = (ModuleType, dict, list, set, deque, bytearray, np.ndarray)
