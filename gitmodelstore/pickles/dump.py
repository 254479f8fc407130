"""Writing a pipeline: the bytes of `joblib.dump`, and the names that loading them looks up.

Owns pickling. What the objects are that cannot be pickled, and where they stand,
is found in `unportable`; whether there is anything worth keeping, in `fitted`,
whose `check_fitted` is offered here beside `dump`, for which it clears the way.
"""

from __future__ import annotations

import copyreg
import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from types import FunctionType, SimpleNamespace
from typing import Any, Protocol

import numpy as np
from joblib.numpy_pickle import NumpyArrayWrapper, NumpyPickler

from gitmodelstore.errors import StoreError
from gitmodelstore.estimators.fitted import check_fitted
from gitmodelstore.pickles.unportable import PICKLING_ERRORS, refusal, refuse_script_names

# A pickler that notes every global it writes: what loading will look up.


class RecordingPickler(pickle.Pickler):
    """The C pickler, which also notes the dotted name of every global that it writes.

    Attributes:
        names: the names so far.
    """

    def __init__(self, handle: Any, protocol: int) -> None:
        super().__init__(handle, protocol=protocol)
        self._protocol = protocol
        self.names: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        """Answer what pickle would find itself, having looked at it."""
        if type(obj) is np.ndarray:  # most of what the trees of an ensemble hold
            return NotImplemented
        if isinstance(obj, (type, FunctionType)):
            self.names.add(dotted(obj, None))
            return NotImplemented
        reduce = copyreg.dispatch_table.get(type(obj))
        reduced = reduce(obj) if reduce else obj.__reduce_ex__(self._protocol)
        if isinstance(reduced, str):  # an object that is written as its name, such as pandas.NA
            self.names.add(dotted(obj, reduced))
        return reduced


def dotted(obj: Any, name: str | None) -> str:
    """Return the name by which `obj` is pickled, its module before it."""
    qualified = name or getattr(obj, "__qualname__", None) or obj.__name__
    return f"{pickle.whichmodule(obj, qualified)}.{qualified}"  # type: ignore[attr-defined]


# The bytes of `joblib.dump` from the C pickler: a forest takes a third of the time.


_FRAME = 0x95
_FRAME_HEAD = 9  # bytes: the opcode, the length
_LEAST_FRAMED = 4  # bytes; the picklers leave less without a frame
_LARGEST_FRAME = 64 * 1024  # bytes; from there on the picklers cut at places of their own
_BATCH = 1000  # items; where a batch of them is full, the picklers end it differently

_ARRAYS = (np.ndarray, np.matrix, np.memmap)
_COUNTED = frozenset({list, dict, set, frozenset})
_REDUCED = b")R\x94}\x94("  # no arguments, REDUCE, MEMOIZE, the state: EMPTY_DICT, MEMOIZE, MARK
_BUILT = b")\x81\x94}\x94("  # the same with NEWOBJ, which is how joblib's pickler makes a wrapper
_STATE_ENDS = b"ub"


class _Differs(Exception):
    """joblib's pickler would write, or this one has written, something of another form.

    An array that stands in two places: joblib writes it twice, the C pickler once and
    a reference, which joblib could not read. A container with a full batch, a frame
    at its largest, a text or bytes too large for a frame: cut at other places.
    """


def fast_dump(pipeline: Any, pickler: NumpyPickler) -> bool:
    """Do what `pickler.dump(pipeline)` does.

    Args:
        pipeline: any object.
        pickler: one of joblib's that has written nothing yet, and notes `names`; it
            makes the wrappers and writes the data of arrays.

    Returns:
        False when that has to be asked, also for its error: nothing was written.
    """
    if pickler.proto < 4:
        return False
    buffer = BytesIO()
    marking = _MarkingPickler(buffer, pickler)
    try:
        marking.dump(pipeline)
        data = buffer.getvalue()
        pieces = list(marking.pieces(_without_frames(data)))
    except (_Differs, *PICKLING_ERRORS):
        return False
    pickler.names |= marking.names
    write = pickler.file_handle.write
    write(data[:2])  # the protocol
    for piece, (wrapper, array) in zip(pieces, marking.arrays, strict=False):
        write(piece)
        wrapper.write_array(array, pickler)
    write(pieces[-1])
    return True


class _MarkingPickler(RecordingPickler):
    """Writes joblib's wrapper for each array, with a mark at either end of its state."""

    def __init__(self, handle: Any, maker: NumpyPickler) -> None:
        super().__init__(handle, maker.proto)
        self._make_wrapper = maker._create_array_wrapper
        self._seen = 0
        first = int.from_bytes(b"\0" + os.urandom(14) + b"\1", "little")
        self._keys = (first, first + 1)
        self.arrays: list[tuple[NumpyArrayWrapper, Any]] = []

    def persistent_id(self, obj: Any) -> None:
        """Look at every object, those met before too; none is written in a way of its own."""
        kind = type(obj)
        if kind in _ARRAYS:
            self._seen += 1
        elif kind in _COUNTED and len(obj) >= _BATCH:
            raise _Differs

    def reducer_override(self, obj: Any) -> Any:
        """Put the wrapper in an array's place."""
        if type(obj) in _ARRAYS:
            array = np.asanyarray(obj) if type(obj) is np.memmap else obj
            wrapper = self._make_wrapper(array)
            self.arrays.append((wrapper, array))
            before, after = self._keys
            # The C pickler makes no object of another class than the one it writes (NEWOBJ),
            # so that the class is called (REDUCE).
            return NumpyArrayWrapper, (), {before: None, **vars(wrapper), after: None}
        reduced = super().reducer_override(obj)
        if isinstance(reduced, tuple) and any(reduced[3:5]) and len(obj) >= _BATCH:
            raise _Differs  # a list or a dict of a class of its own
        return reduced

    def pieces(self, stream: bytes) -> Iterator[bytes]:
        """Yield what stands before, between and after the data of the arrays, framed.

        Raises:
            _Differs: see there.
        """
        before, after = (b"\x8a\x10" + key.to_bytes(16, "little") + b"N" for key in self._keys)
        piece, *states = stream.split(before)
        if not self._seen == len(self.arrays) == len(states):
            raise _Differs
        for held in states:
            state, _, rest = held.partition(after)
            if not (piece.endswith(_REDUCED) and rest.startswith(_STATE_ENDS)):
                raise _Differs
            yield _framed(piece.removesuffix(_REDUCED) + _BUILT + state + _STATE_ENDS)
            piece = rest.removeprefix(_STATE_ENDS)
        yield _framed(piece)


def _without_frames(data: bytes) -> bytes:
    """Return a pickle without its protocol and the heads of its frames."""
    parts, position = [], 2
    while position < len(data):
        if data[position] != _FRAME:
            raise _Differs
        start = position + _FRAME_HEAD
        position = start + int.from_bytes(data[position + 1 : start], "little")
        parts.append(data[start:position])
    return b"".join(parts)


def _framed(piece: bytes) -> bytes:
    if len(piece) >= _LARGEST_FRAME:
        raise _Differs
    if len(piece) < _LEAST_FRAMED:
        return piece
    return bytes([_FRAME]) + len(piece).to_bytes(8, "little") + piece


# Dump


__all__ = ["Dumped", "Sink", "check_fitted", "check_portable", "dump", "globals_of"]


class Sink(Protocol):
    """Where bytes go: an open binary file, a buffer, or something that hashes on the way.

    What it is handed may be a memoryview. One that also has `tell` is asked where
    it stands, since joblib aligns arrays in the file; one without is at 0.
    """

    def write(self, data: Any, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Dumped:
    """What was written.

    Attributes:
        globals: the dotted names that loading looks up, sorted, each once.
        size_bytes: how much was written.
    """

    globals: tuple[str, ...]
    size_bytes: int


def dump(pipeline: Any, sink: Sink) -> Dumped:
    """Write exactly the bytes that `joblib.dump(pipeline, file)` writes: uncompressed.

    Args:
        pipeline: any object; `check_fitted` says whether it is one to keep.
        sink: where the bytes go; it holds part of them after an error.

    Raises:
        UnportablePipeline: it holds something that cannot be pickled; the
            message says where.
    """
    handle: Any = sink if hasattr(sink, "tell") else _Counted(sink)
    start = handle.tell()
    pickler = _JoblibPickler(handle)
    _write(pipeline, pickler)
    return Dumped(tuple(sorted(pickler.names)), handle.tell() - start)


def _write(pipeline: Any, pickler: _JoblibPickler) -> None:
    try:
        if not fast_dump(pipeline, pickler):
            pickler.dump(pipeline)
    except (StoreError, OSError, MemoryError):
        raise  # of the sink, or of the machine
    except PICKLING_ERRORS as error:
        # What no pickle takes needs no page of its frames; a class of one's own does.
        plain = (pickle.PicklingError, TypeError, AttributeError, RecursionError)
        cause = None if isinstance(error, plain) else error
        raise refusal(pipeline, error, pickler.names) from cause


def globals_of(pipeline: Any) -> tuple[str, ...]:
    """Return what `dump` would record, without keeping the bytes.

    Raises:
        UnportablePipeline: it holds something that cannot be pickled.
    """
    pickler = _JoblibPickler(_Nowhere(), keeps_arrays=False)
    _write(pipeline, pickler)
    return tuple(sorted(pickler.names))


def check_portable(dumped: Dumped) -> None:
    """Refuse a pipeline whose classes or functions only the training script has.

    Raises:
        UnportablePipeline: it refers to `__main__`; every name is listed.
    """
    refuse_script_names(dumped.globals)


class _Counted:
    """A sink without `tell`, given one."""

    def __init__(self, sink: Sink) -> None:
        self._write = sink.write
        self._position = 0

    def write(self, data: Any) -> None:
        self._position += memoryview(data).nbytes
        self._write(data)

    def tell(self) -> int:
        return self._position


class _Nowhere:
    def write(self, data: Any) -> None:
        pass

    def tell(self) -> int:
        return 0


class _JoblibPickler(NumpyPickler):  # type: ignore[misc]
    """joblib's pickler, which also notes every global that it writes.

    It hooks in where joblib 1.2 to 1.6 and Python agree; the order of things, and
    so the bytes, stay joblib's own doing.
    """

    dispatch = NumpyPickler.dispatch.copy()

    def __init__(self, handle: Any, *, keeps_arrays: bool = True) -> None:
        super().__init__(handle)
        self.names: set[str] = set()
        self._keeps_arrays = keeps_arrays

    def save_global(self, obj: Any, name: str | None = None) -> None:
        super().save_global(obj, name)
        self.names.add(dotted(obj, name))

    # The table holds the plain function, so an override alone would not be called.
    dispatch[FunctionType] = save_global

    def _create_array_wrapper(self, array: Any) -> Any:
        wrapper = super()._create_array_wrapper(array)
        if array.dtype.hasobject:
            wrapper.__class__ = _ObjectArrayWrapper
        elif not self._keeps_arrays:  # joblib has 16 MiB in hand to write one
            wrapper.__class__ = _NoArrayWrapper
        return wrapper

    def _save_wrapper(self, wrapper: Any) -> None:
        """Write our wrapper under the name of joblib's, which readers know."""
        known = NumpyArrayWrapper.__new__(NumpyArrayWrapper)
        known.__dict__ = wrapper.__dict__
        self.save(known)


class _ObjectArrayWrapper(NumpyArrayWrapper):  # type: ignore[misc]
    """What joblib writes in front of an array, and the array after it."""

    def write_array(self, array: Any, pickler: _JoblibPickler) -> None:
        """Write an array of objects as joblib does, by a C pickler, and note its globals."""
        nested = RecordingPickler(pickler.file_handle, _nested_protocol())
        nested.dump(array)
        pickler.names |= nested.names


class _NoArrayWrapper(NumpyArrayWrapper):  # type: ignore[misc]
    """What joblib writes in front of an array, without the array."""

    def write_array(self, array: Any, pickler: _JoblibPickler) -> None:
        """Write nothing."""


_JoblibPickler.dispatch[_ObjectArrayWrapper] = _JoblibPickler._save_wrapper
_JoblibPickler.dispatch[_NoArrayWrapper] = _JoblibPickler._save_wrapper


@lru_cache(maxsize=1)
def _nested_protocol() -> int:
    """The protocol of joblib's nested pickles: 2 in its older releases, then 5."""
    empty = np.empty(0, dtype=object)
    wrapper = NumpyArrayWrapper(np.ndarray, empty.shape, "C", empty.dtype)
    handle = BytesIO()
    wrapper.write_array(empty, SimpleNamespace(file_handle=handle, np=np))
    return handle.getvalue()[1]
