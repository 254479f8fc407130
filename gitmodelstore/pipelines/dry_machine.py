"""The dry machine: obeys the opcodes of a pickle with signs in the place of objects.

Nothing that a file names is imported or called. What the guarded loader would refuse
is told to `Rules`, and the walk goes on as far as the file can still be understood.

Source: pickle.py, `_Unpickler`; joblib/numpy_pickle.py, `NumpyUnpickler`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NoReturn

from gitmodelstore.errors import BrokenPipelineFile
from gitmodelstore.pipelines.dry_arrays import Wrapped, read_wrapper
from gitmodelstore.pipelines.dry_containers import Containers
from gitmodelstore.pipelines.dry_dtypes import Malformed
from gitmodelstore.pipelines.dry_rules import class_of, is_one_of
from gitmodelstore.pipelines.dry_symbols import (
    CALLED,
    NEW,
    Array,
    Global,
    Made,
    Pairs,
    Symbol,
    Unknown,
)
from gitmodelstore.pipelines.dry_walk import MOST_NAME, OPCODES, TOO_MANY, Fault, Walk

_UINT8 = struct.Struct("<Q").unpack_from
_WRAPPER = {("joblib.numpy_pickle", "NumpyArrayWrapper")}
_NEWEST_PROTOCOL = 5
_OLDEST_PROTOCOL = 2
_FIRST_WITH_NEW_NAMES = 3


class _Stopped(Exception):
    """STOP was met."""


class Machine(Containers):
    """One pickle: the file's own, or that of the items of an object array.

    Attributes:
        protocol: what it said last; 0 before it says one.
        inner: whether it lies within another.
    """

    __slots__ = ("frame_end", "handlers", "inner", "protocol", "stopped_at")

    def __init__(self, walk: Walk, *, inner: bool = False) -> None:
        super().__init__(walk)
        self.inner = inner
        self.protocol = 0
        self.frame_end: int | None = None
        self.stopped_at = 0
        self.handlers: list[Callable[[int], int]] = [self._unknown] * 256
        for code, name in OPCODES.items():
            self.handlers[code] = getattr(self, f"on_{name.lower()}")

    def run(self, start: int) -> tuple[Symbol, int]:
        """Return the symbol of the object that the pickle from `start` makes, and where it ends.

        Raises:
            BrokenPipelineFile: it does not reach its end.
        """
        try:
            self._obey(start, self.size)
            self._break("it ends too early", self.size)
        except _Stopped:
            return self.stack[-1], self.stopped_at
        finally:
            self.handlers = []  # a cycle, which would keep the file in memory

    def _obey(self, position: int, end: int) -> int:
        """Obey opcodes from `position` to `end`; return where the last of them ends."""
        data, handlers, walk = self.data, self.handlers, self.walk
        done = 0
        try:
            for done in range(walk.left):  # noqa: B007 - counted for the finally below
                if position >= end:
                    return position
                position = handlers[data[position]](position + 1)
            raise Fault(TOO_MANY)
        except Fault as fault:
            self._break(str(fault), position, fault)
        except (IndexError, KeyError, struct.error, ValueError) as error:
            self._break(_in_words(error), position, error)
        finally:
            walk.left -= done

    def _break(self, reason: str, position: int, cause: Exception | None = None) -> NoReturn:
        refusals = [str(refusal) for refusal in self.walk.rules.refusals.values()]
        raise BrokenPipelineFile(
            self.walk.name, reason, offset=position, refusals=refusals
        ) from cause

    # Beginning, frames, end

    def _unknown(self, at: int) -> int:
        raise Fault(f"byte {self.data[at - 1]} is no opcode")

    def on_proto(self, at: int) -> int:
        self.protocol = self.data[at]
        if self.protocol > _NEWEST_PROTOCOL:
            raise Fault(f"pickle protocol {self.protocol} is not known")
        if self.protocol < _OLDEST_PROTOCOL:
            self.refuse(at, f"pickle protocol {self.protocol}")
        return at + 1

    def on_frame(self, at: int) -> int:
        if self.frame_end is not None:
            raise Fault("a frame begins within another")
        start = at + 8
        self.frame_end = end = self.end_of(start, _UINT8(self.data, at)[0])
        position = self._obey(start, end)
        if position != self.frame_end:
            raise Fault("an opcode reaches beyond the end of its frame")
        self.frame_end = None
        return position

    def on_stop(self, at: int) -> int:
        if not self.stack:
            raise Fault("the stack is empty")
        if len(self.stack) > 1 or self.stacks:
            self.refuse(at, "more than one object is left at the end")
        self.hold(self.stack[-1:], at)
        if self.frame_end is not None and at != self.frame_end:
            raise Fault("it stops before the end of its frame")
        self.stopped_at = at
        raise _Stopped

    # Names

    def on_global(self, at: int) -> int:
        module, end = self.line(at)
        name, end = self.line(end)
        self._name(module.decode("utf-8"), name.decode("utf-8"), at)
        return end

    def on_stack_global(self, at: int) -> int:
        name = self.stack.pop()
        module = self.stack.pop()
        if type(name) is not str or type(module) is not str:
            raise Fault("a name that is no text")
        self._name(module, name, at)
        return at

    def _name(self, module: str, name: str, at: int) -> None:
        if len(module) + len(name) > MOST_NAME:
            raise Fault("a name that is too long")
        if self.protocol < _FIRST_WITH_NEW_NAMES:
            module, name = _renamed(module, name)
        self.push(self.walk.rules.named(module, name, *self.opcode_at(at)))

    # Objects

    def on_reduce(self, at: int) -> int:
        arguments = self.stack.pop()
        self._make(CALLED, self.stack.pop(), arguments, at)
        return at

    def on_newobj(self, at: int) -> int:
        arguments = self.stack.pop()
        self._make(NEW, self.stack.pop(), arguments, at)
        return at

    def on_newobj_ex(self, at: int) -> int:
        named = self.stack.pop()
        arguments = self.stack.pop()
        of = self.stack[-1]
        if type(named) is not Pairs or type(of) is not Global or of.verdict != "trusted":
            self.refuse(at, "arguments with names")
        self._make(NEW, self.stack.pop(), arguments, at)
        return at

    def _make(self, way: str, of: Symbol, arguments: Symbol, at: int) -> None:
        made = Made(way, of, arguments)
        self.walk.rules.made(made, *self.opcode_at(at))
        self.walk.wrappers += is_one_of(class_of(made), _WRAPPER)
        self.push(made)

    def on_build(self, at: int) -> int:
        state = self.stack.pop()
        target = self.stack[-1]
        self.walk.spend(_weight(state))
        self.walk.rules.given_state(target, state, *self.opcode_at(at))
        if type(target) is not Made:
            return at
        target.state = state
        if not is_one_of(class_of(target), _WRAPPER):
            return at
        return self._array(state, at)

    # Arrays

    def _array(self, state: Symbol, at: int) -> int:
        """Put an array in the place of its wrapper; return where its bytes end."""
        if self.inner:
            raise Fault("an array of joblib's within the items of another")
        if self.frame_end is not None and at != self.frame_end:
            raise Fault("the bytes of an array begin within a frame")
        try:
            wrapped = read_wrapper(state, self.walk.fields)
        except Malformed as error:
            raise Fault(str(error)) from None
        array, end = (
            self._objects(wrapped, at) if wrapped.dtype.has_objects else self._raw(wrapped, at)
        )
        self.walk.arrays.append(array)
        self.walk.wrappers -= 1
        self.stack[-1] = array
        if self.frame_end is not None:
            self.frame_end = end
        return end

    def _raw(self, wrapped: Wrapped, at: int) -> tuple[Array, int]:
        start = at + 1 + self.data[at] if wrapped.aligned else at
        end = self.end_of(start, wrapped.size_bytes)
        return self._made_array(wrapped, start, end), end

    def _objects(self, wrapped: Wrapped, at: int) -> tuple[Array, int]:
        inner = Machine(self.walk, inner=True)
        content, end = inner.run(at)
        if inner.protocol < _OLDEST_PROTOCOL:
            self.refuse(at, f"pickle protocol {inner.protocol} in an array")
        return self._made_array(wrapped, at, end, content), end

    def _made_array(self, wrapped: Wrapped, start: int, end: int, content: Symbol = None) -> Array:
        dtype = wrapped.dtype
        data = memoryview(self.data)[start : start if dtype.has_objects else end]
        return Array(
            *(dtype.text, wrapped.shape, start, end - start, wrapped.fortran),
            content=content,
            code=dtype.code,
            data=data,
        )

    # What no honest file has

    def on_inst(self, at: int) -> int:
        module, end = self.line(at)
        name, end = self.line(end)
        arguments = tuple(self.above_mark())
        self._name(module.decode("utf-8"), name.decode("utf-8"), at)
        self.refuse(at, "a forbidden opcode")
        self._make(CALLED, self.stack.pop(), arguments, at)
        return end

    def on_obj(self, at: int) -> int:
        cls, *arguments = self.above_mark() or [None]
        self.refuse(at, "a forbidden opcode")
        self._make(CALLED, cls, tuple(arguments), at)
        return at

    def on_ext1(self, at: int) -> int:
        return self._outside(at, at + 1)

    def on_ext2(self, at: int) -> int:
        return self._outside(at, at + 2)

    def on_ext4(self, at: int) -> int:
        return self._outside(at, at + 4)

    def on_persid(self, at: int) -> int:
        return self._outside(at, self.line(at)[1])

    def on_binpersid(self, at: int) -> int:
        self.stack.pop()
        return self._outside(at, at)

    def on_next_buffer(self, at: int) -> int:
        return self._outside(at, at)

    def on_readonly_buffer(self, at: int) -> int:
        self.refuse(at, "a forbidden opcode")
        return at

    def _outside(self, at: int, end: int) -> int:
        self.refuse(at, "a forbidden opcode")
        self.push(Unknown())
        return end


def _weight(state: Symbol) -> int:
    """Return how many items of a state are looked at."""
    parts = state if type(state) is tuple and len(state) == 2 else (state,)
    return sum(len(part.flat) for part in parts if type(part) is Pairs)


def _renamed(module: str, name: str) -> tuple[str, str]:
    """Return what Python 3 calls a name of Python 2, which protocol 2 spells."""
    from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING

    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name


def _in_words(error: Exception) -> str:
    if isinstance(error, KeyError):
        return "nothing is in that place of the memo"
    if isinstance(error, UnicodeError):
        return "a text that cannot be read"
    if isinstance(error, IndexError):
        return "the stack is empty, or it ends too early"
    return "it ends too early" if isinstance(error, struct.error) else "a number that is none"
