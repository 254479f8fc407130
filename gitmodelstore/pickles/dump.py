"""Writing a pipeline: the bytes of `joblib.dump`, the names in them, and what cannot be pickled."""

from __future__ import annotations

import copyreg
import functools
import io
import os
import pickle
import re
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from os import PathLike
from types import FunctionType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from joblib.numpy_pickle import NumpyArrayWrapper, NumpyPickler

from gitmodelstore.errors import StoreError, UnportablePipeline
from gitmodelstore.estimators.describe import (
    check_fitted,
    given_parts,
    is_estimator,
    is_named_list,
    is_pipeline,
    own_params,
    parts,
)
from gitmodelstore.pickles.rights import TEXT_METHODS, never_loads
from gitmodelstore.plumbing import processes
from gitmodelstore.values.json import hidden_character

# Why a pipeline cannot be pickled or loaded elsewhere: which param of which step.


# What pickle, and the `__reduce__` and `__getstate__` of other people's objects, raise.
PICKLING_ERRORS = (Exception, SystemExit)

_SCRIPT = ("__main__", "__mp_main__")
_ATTRIBUTE = "attribute"
_MOST_NAMED = 5
_MOST_LEVELS = 20

_MOVE = (
    "move {it} into a module that readers can import, such as features.py, "
    "import {it} from there and fit again"
)
_NAME_IT = "use a named function of a module that readers can import, such as features.py"
_CALL_IT = (
    "call it in a function of a module that readers can import, such as features.py, and give "
    "that function"
)
_METHODS = (types.MethodType, types.BuiltinMethodType)
_NAMED = (types.FunctionType, types.BuiltinFunctionType, type)
_LEAVE_OUT = "leave it out of the pipeline, or drop it in `__getstate__` of the class that keeps it"


class Culprit(NamedTuple):
    """One object that pickle refuses."""

    what: str  # "a lambda"
    name: str  # dotted, of it or of its class
    hint: str  # what to do instead


class _Found(NamedTuple):
    where: str
    culprit: Culprit


_Look = Callable[[Any, set[int]], Iterator[tuple[str, Culprit]]]


def refuse_script_names(names: Iterable[str]) -> None:
    """Refuse dotted names of the training script, which no other process can import."""
    script = _script_names(names)
    if script:
        hint = _MOVE.format(it="it" if len(script) == 1 else "them")
        raise UnportablePipeline(_script_message(script), script, hint=hint)


def refuse_caches(pipeline: Any) -> None:
    """Refuse a folder in which steps are remembered: every `fit` unpickles what lies there."""
    caches = list(_caches(pipeline, "", in_place=True))
    if not caches:
        return
    names = tuple(dict.fromkeys(name for name, _ in caches))
    listed = " and ".join(f"'{name}'" for name in names)
    verb, it = ("names", "it") if len(names) == 1 else ("name", "them")
    if all(map(str.isidentifier, names)):
        given = ", ".join(f"{name}=None" for name in names)
    else:  # as `make_union` names its parts: "pipeline-1"
        given = "**{" + ", ".join(f'"{name}": None' for name in names) + "}"
    again = "" if all(in_place for _, in_place in caches) else ", and fit again"
    raise UnportablePipeline(
        f"{listed} {verb} a folder whose pickles `fit` would load",
        names,
        hint=f"take {it} out before you register: pipeline.set_params({given}){again}",
    )


def _caches(estimator: Any, path: str, *, in_place: bool) -> Iterator[tuple[str, bool]]:
    """Yield params that name a folder, and whether to change them changes what was fitted."""
    if not is_estimator(estimator):
        return
    fits_its_parts = is_pipeline(estimator) or hasattr(estimator, "transformer_list")
    for name, value in (*own_params(estimator).items(), *given_parts(estimator).items()):
        if name != "memory":
            inside = f"{path}{name}__"
            yield from _caches(value, inside, in_place=in_place and fits_its_parts)
        elif isinstance(value, (str, PathLike)) or getattr(value, "location", None) is not None:
            yield f"{path}{name}", in_place


def refuse_what_nobody_loads(
    pipeline: Any, names: Sequence[str], *, only_found: bool = False
) -> None:
    """Refuse methods of objects, and functions that nobody can trust, with where they stand.

    Args:
        names: that loading it looks up and nobody can trust; nothing is refused without any.
        only_found: refuse only what is found in the pipeline.
    """
    look = functools.partial(_nobody_loads, names=frozenset(never_loads(names)))
    entries = _found_in(pipeline, look) if names else []
    if entries:
        raise _told(entries, [])
    if names and not only_found:
        listed = ", ".join(f"'{name}'" for name in names[:_MOST_NAMED])
        raise UnportablePipeline(
            f"loading it would use {listed}, which no reader can trust", names, hint=_CALL_IT
        )


def refusal(pipeline: Any, error: BaseException, names: Iterable[str]) -> UnportablePipeline:
    """Return the error that says what in `pipeline` cannot be pickled, and where it stands.

    Args:
        error: what pickle raised.
        names: the globals written until then.
    """
    script = _script_names(names)
    entries = [] if isinstance(error, RecursionError) else _found_in(pipeline)
    if not entries:
        return _unexplained(error, script)
    return _told(entries, script)


def _told(entries: list[_Found], script: list[str]) -> UnportablePipeline:
    faults = [f"{where} {culprit.what}" for where, culprit in entries[:_MOST_NAMED]]
    if len(entries) > _MOST_NAMED:
        faults.append(f"{len(entries) - _MOST_NAMED} more")
    if script:
        faults.append(_script_message(script))
    hints = dict.fromkeys(culprit.hint for _, culprit in entries)
    names = dict.fromkeys([*(culprit.name for _, culprit in entries), *script])
    return UnportablePipeline("; ".join(faults), names, hint="; ".join(hints))


def _found_in(pipeline: Any, look: _Look | None = None) -> list[_Found]:
    """What cannot be pickled, or what `look` finds; a fitted copy is named by its param."""
    entries = list(dict.fromkeys(_in_estimator(pipeline, "", set(), 0, look)))
    names = {entry.culprit.name for entry in entries if not entry.where.startswith(_ATTRIBUTE)}
    return [
        entry
        for entry in entries
        if not entry.where.startswith(_ATTRIBUTE) or entry.culprit.name not in names
    ]


def _unexplained(error: BaseException, script: list[str]) -> UnportablePipeline:
    if isinstance(error, RecursionError):
        return UnportablePipeline("the pipeline is nested too deeply to be pickled", script)
    text = re.sub(" at 0x[0-9a-fA-F]+", "", str(error))
    reason = ascii(text) if hidden_character(text) else text
    return UnportablePipeline(
        f"the pipeline cannot be pickled: {type(error).__name__}: {reason}",
        script,
        hint="`joblib.dump` of the same object fails the same way",
    )


def _script_names(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.partition(".")[0] in _SCRIPT)


def _script_message(names: list[str]) -> str:
    listed = " and ".join(
        [", ".join(f"'{n}'" for n in names[:-1])] * (len(names) > 1) + [f"'{names[-1]}'"]
    )
    verb, them = ("is", "it") if len(names) == 1 else ("are", "them")
    return f"{listed} {verb} defined in the training script, where no reader can import {them}"


def _in_estimator(
    estimator: Any, path: str, visited: set[int], level: int, look: _Look | None
) -> Iterator[_Found]:
    """Yield what cannot be pickled in an estimator, or what `look` finds, in its parts first."""
    if id(estimator) in visited or level > _MOST_LEVELS:
        return
    if look is None and _can_be_pickled(estimator):
        return
    search = look or _in_value
    place = f"step '{path}'" if path else type(estimator).__name__
    if not is_estimator(estimator):
        yield from (_Found(f"{place} {verb}", c) for verb, c in search(estimator, visited))
        return
    visited.add(id(estimator))
    if not _can_be_pickled(type(estimator)):
        yield _Found(f"{place} is", _object_of(type(estimator)))
    for part in parts(estimator):
        yield from _in_estimator(
            part.estimator, f"{path}__{part.name}" if path else part.name, visited, level + 1, look
        )
    for kind, name, value in _own_values(estimator):
        for verb, culprit in search(value, visited):
            yield _Found(f"{kind} '{name}' of {place} {verb}", culprit)


def _own_values(estimator: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield what an estimator keeps besides its parts: params, chosen columns, what fit left."""
    params = own_params(estimator)
    for name, value in params.items():
        if is_named_list(name, value):
            yield from (("branch", branch[0], branch[2:]) for branch in value if branch[2:])
        elif not is_estimator(value):
            yield "param", name, value
    for name, value in vars(estimator).items():
        if name not in params:
            yield _ATTRIBUTE, name, value


def _in_value(value: Any, visited: set[int], level: int = 0) -> Iterator[tuple[str, Culprit]]:
    """Yield what cannot be pickled in a value, with "is" or "holds"."""
    if id(value) in visited or level > _MOST_LEVELS or _can_be_pickled(value):
        return
    visited.add(id(value))
    deeper = False
    for part in _held_by(value):
        for _, culprit in _in_value(part, visited, level + 1):
            deeper = True
            yield "holds", culprit
    if not deeper and not any(id(part) in visited for part in _held_by(value)):
        yield "is", _culprit(value)


def _nobody_loads(
    value: Any, visited: set[int], level: int = 0, *, names: frozenset[str]
) -> Iterator[tuple[str, Culprit]]:
    """Yield methods, and functions and objects of classes among `names`, with "is" or "holds"."""
    if level > _MOST_LEVELS or id(value) in visited:
        return
    verb = "holds" if level else "is"
    if isinstance(value, _METHODS) and not isinstance(
        getattr(value, "__self__", None), (type(None), types.ModuleType)
    ):
        is_of_class = isinstance(value.__self__, type)
        owner = _dotted(value.__self__ if is_of_class else type(value.__self__))
        of = f"'{owner}'" if is_of_class else f"an object of class '{owner}'"
        yield verb, Culprit(f"the method '{value.__name__}' of {of}", owner, _NAME_IT)
        return
    if isinstance(value, _NAMED):
        if never_loads([_dotted(value)]):
            what = f"'{_dotted(value)}', which no reader can trust"
            yield verb, Culprit(what, _dotted(value), _CALL_IT)
        return
    if isinstance(value, types.MethodDescriptorType) and value.__name__ not in TEXT_METHODS:
        owner = _dotted(value.__objclass__)
        yield verb, Culprit(f"the method '{value.__name__}' of '{owner}'", owner, _NAME_IT)
        return
    if isinstance(value, (str, bytes, int, float, type(None))):
        return
    if _dotted(type(value)) in names:
        name = _dotted(type(value))
        yield verb, Culprit(f"an object of '{name}', which no reader can trust", name, _CALL_IT)
        return
    visited.add(id(value))
    for part in _held_by(value):
        deeper = _nobody_loads(part, visited, level + 1, names=names)
        yield from (("holds", culprit) for _, culprit in deeper)


def _held_by(value: Any) -> list[Any]:
    if isinstance(value, (types.FunctionType, type, types.ModuleType)):
        return []
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, types.MethodType):
        return [value.__self__]
    if hasattr(value, "dtype") and hasattr(value, "ravel"):
        return list(value.ravel()) if value.dtype == object else []
    return list(getattr(value, "__dict__", {}).values())


def _culprit(value: Any) -> Culprit:
    if isinstance(value, types.FunctionType):
        return _function(value)
    if isinstance(value, type):
        return Culprit(f"the {_class(value)}", _dotted(value), _MOVE.format(it="it"))
    if not _can_be_pickled(type(value)) and "<locals>" in type(value).__qualname__:
        return _object_of(type(value))
    if isinstance(value, types.ModuleType):
        return Culprit(f"the module '{value.__name__}'", value.__name__, _LEAVE_OUT)
    return Culprit(_common_word(value), _dotted(type(value)), _LEAVE_OUT)


def _function(value: types.FunctionType) -> Culprit:
    name = _dotted(value)
    if value.__name__ == "<lambda>":
        return Culprit("a lambda", name, _NAME_IT)
    if "<locals>" in value.__qualname__:
        return Culprit(f"the local function '{name}'", name, _NAME_IT)
    return Culprit(f"the function '{name}', a name that now holds another object", name, _NAME_IT)


def _class(cls: type) -> str:
    if "<locals>" in cls.__qualname__:
        return f"local class '{_dotted(cls)}'"
    return f"class '{_dotted(cls)}', a name that now holds another object"


def _object_of(cls: type) -> Culprit:
    return Culprit(f"an object of the {_class(cls)}", _dotted(cls), _MOVE.format(it="the class"))


def _common_word(value: Any) -> str:
    if isinstance(value, io.IOBase):
        return "an open file"
    if isinstance(value, types.GeneratorType):
        return "a generator"
    if hasattr(value, "acquire") and hasattr(value, "release"):
        return "a lock"
    return f"an object of class '{_dotted(type(value))}', which cannot be pickled"


def _dotted(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def _can_be_pickled(value: Any) -> bool:
    try:
        pickle.dumps(value)
    except PICKLING_ERRORS:
        return False
    return True


# A pickler that notes every global it writes: what loading will look up.


class RecordingPickler(pickle.Pickler):
    """The C pickler, which also notes the dotted name of every global that it writes."""

    def __init__(self, handle: Any, protocol: int) -> None:
        super().__init__(handle, protocol=protocol)
        self._protocol = protocol
        self.names: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        """Look at an object, then let pickle go on by itself."""
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
    """Do what `pickler.dump(pipeline)` does; False, with nothing written, if joblib must do it."""
    # The pickler is one of joblib's that has written nothing yet; it makes the wrappers and writes
    # arrays.
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
        """Yield what stands before, between and after the data of the arrays, framed."""
        before, after = (b"\x8a\x10" + key.to_bytes(16, "little") + b"N" for key in self._keys)
        piece, *states = stream.split(before)
        if not self._seen == len(self.arrays) == len(states):
            raise _Differs
        for tail in states:
            state, _, rest = tail.partition(after)
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


__all__ = ["Dumped", "check_fitted", "dump", "globals_of"]


@dataclass(frozen=True, slots=True)
class Dumped:
    """What was written."""

    globals: tuple[str, ...]  # the dotted names that loading looks up, sorted, each once
    size_bytes: int


def dump(pipeline: Any, write: Callable[[Any], object]) -> Dumped:
    """Write exactly the bytes that `joblib.dump(pipeline, file)` writes: uncompressed.

    What takes them is handed memoryviews too, and has taken part of them after an error.

    Raises:
        UnportablePipeline: it holds something that cannot be pickled, and where.
    """
    handle = _Counted(write)
    pickler = _JoblibPickler(handle)
    _write(pipeline, pickler)
    return Dumped(tuple(sorted(pickler.names)), handle.tell())


def _write(pipeline: Any, pickler: _JoblibPickler) -> None:
    def write() -> None:
        if not fast_dump(pipeline, pickler):
            pickler.dump(pipeline)

    try:
        processes.uncollected(write)
    except (StoreError, OSError, MemoryError):
        raise  # of the sink, or of the machine
    except PICKLING_ERRORS as error:
        # What no pickle takes needs no page of its frames; a class of one's own does.
        plain = (pickle.PicklingError, TypeError, AttributeError, RecursionError)
        cause = None if isinstance(error, plain) else error
        raise refusal(pipeline, error, pickler.names) from cause


def globals_of(pipeline: Any) -> tuple[str, ...]:
    """Return what `dump` would record, without keeping the bytes."""
    pickler = _JoblibPickler(_Counted(lambda _: None), keeps_arrays=False)
    _write(pipeline, pickler)
    return tuple(sorted(pickler.names))


class _Counted:
    """A file for joblib, which also asks for the position, around what takes bytes."""

    def __init__(self, write: Callable[[Any], object]) -> None:
        self._write = write
        self._position = 0

    def write(self, data: Any) -> None:
        self._position += memoryview(data).nbytes
        self._write(data)

    def tell(self) -> int:
        return self._position


class _JoblibPickler(NumpyPickler):  # type: ignore[misc]
    """joblib's pickler, which also notes every global that it writes."""

    # It hooks in where joblib 1.2 to 1.6 and Python agree; the bytes stay joblib's own doing.

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
        copy = NumpyArrayWrapper.__new__(NumpyArrayWrapper)
        copy.__dict__ = wrapper.__dict__
        self.save(copy)


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
