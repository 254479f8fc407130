"""Writing a pipeline: the bytes of `joblib.dump`, and the names that loading them looks up.

Owns pickling. What the objects are that cannot be pickled, and where they stand,
is found in `unportable`; whether there is anything worth keeping, in `fitted`,
whose `check_fitted` is offered here beside `dump`, for which it clears the way.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from types import FunctionType, SimpleNamespace
from typing import Any, Protocol

import numpy as np
from joblib.numpy_pickle import NumpyArrayWrapper, NumpyPickler

from gitmodelstore.errors import StoreError
from gitmodelstore.pipelines.fast_dump import fast_dump
from gitmodelstore.pipelines.fitted import check_fitted
from gitmodelstore.pipelines.recording import RecordingPickler, dotted
from gitmodelstore.pipelines.unportable import PICKLING_ERRORS, refusal, refuse_script_names

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
