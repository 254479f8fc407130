"""The dry machine: obeys the opcodes of a pickle with signs in the place of objects.

Nothing that a file names is imported or called. What the guarded loader would refuse
is told to `Rules`, and the walk goes on as far as the file can still be understood.

Source: pickle.py, `_Unpickler`; joblib/numpy_pickle.py, `NumpyUnpickler`.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from gitmodelstore.errors import BrokenPipelineFile
from gitmodelstore.pipelines.dry_arrays import Fields, Malformed, Wrapped, read_wrapper
from gitmodelstore.pipelines.dry_rules import Rules, class_of, is_one_of
from gitmodelstore.pipelines.dry_scalars import Fault, Scalars
from gitmodelstore.pipelines.dry_symbols import (
    CALLED,
    NEW,
    Array,
    Global,
    Items,
    Made,
    Pairs,
    Symbol,
    Unknown,
)

MOST_OPCODES = 20_000_000  # a vocabulary of six million words; seconds, and a gigabyte
MOST_NAME = 1_000  # characters
MOST_MARKS = 10_000  # open at once

OPCODES = {
    value[0]: name
    for name, value in vars(pickle).items()
    if name.isupper() and isinstance(value, bytes) and len(value) == 1
}
_UINT8 = struct.Struct("<Q").unpack_from
_WRAPPER = {("joblib.numpy_pickle", "NumpyArrayWrapper")}
_NEWEST_PROTOCOL = 5
_OLDEST_PROTOCOL = 2
_FIRST_WITH_NEW_NAMES = 3


@dataclass(slots=True)
class Walk:
    """What the pickles of one file share.

    Attributes:
        name: what to call the file in errors.
        data: the file, decompressed.
        rules: what judges it.
        arrays: those met so far.
        left: how many opcodes may still come.
        fields: how many fields of dtypes may still come.
        wrappers: how many of joblib's wrappers wait for their array.
    """

    name: str
    data: bytes
    rules: Rules
    arrays: list[Array] = field(default_factory=list)
    left: int = MOST_OPCODES
    wrappers: int = 0
    fields: Fields = field(default_factory=Fields)

    def spend(self, count: int) -> None:
        """Take as many opcodes as `count` items are worth that are looked at once more.

        Raises:
            Fault: there are not as many left.
        """
        self.left -= count
        if self.left < 0:
            raise Fault(f"it has more than {MOST_OPCODES:,} opcodes")


class _Stopped(Exception):
    """STOP was met."""


class Machine(Scalars):
    """One pickle: the file's own, or that of the items of an object array.

    Attributes:
        protocol: the highest that it says.
        inner: whether it lies within another.
    """

    __slots__ = ("frame_end", "handlers", "inner", "protocol", "stacks", "stopped_at", "walk")

    def __init__(self, walk: Walk, *, inner: bool = False) -> None:
        super().__init__(walk.data)
        self.walk = walk
        self.inner = inner
        self.protocol = 0
        self.frame_end: int | None = None
        self.stopped_at = 0
        self.stacks: list[list[Symbol]] = []
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

    def _obey(self, position: int, end: int) -> int:
        """Obey opcodes from `position` to `end`; return where the last of them ends."""
        data, handlers, walk = self.data, self.handlers, self.walk
        done = 0
        try:
            for done in range(walk.left):  # noqa: B007 - counted for the finally below
                if position >= end:
                    return position
                position = handlers[data[position]](position + 1)
            raise Fault(f"it has more than {MOST_OPCODES:,} opcodes")
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

    def _refuse(self, at: int, reason: str) -> None:
        self.walk.rules.refuse(reason, *self._opcode(at))

    def _opcode(self, at: int) -> tuple[str, int]:
        """Return name and offset of the opcode whose argument begins at `at`."""
        return OPCODES[self.data[at - 1]], at - 1

    # Beginning, frames, end

    def _unknown(self, at: int) -> int:
        raise Fault(f"byte {self.data[at - 1]} is no opcode")

    def on_proto(self, at: int) -> int:
        self.protocol = self.data[at]
        if self.protocol > _NEWEST_PROTOCOL:
            raise Fault(f"pickle protocol {self.protocol} is not known")
        if self.protocol < _OLDEST_PROTOCOL:
            self._refuse(at, f"pickle protocol {self.protocol}")
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
            self._refuse(at, "more than one object is left at the end")
        self._hold(self.stack[-1:], at)
        if self.frame_end is not None and at != self.frame_end:
            raise Fault("it stops before the end of its frame")
        self.stopped_at = at
        raise _Stopped

    # Marks

    def on_mark(self, at: int) -> int:
        if len(self.stacks) >= MOST_MARKS:
            raise Fault("it is nested too deeply")
        self.stacks.append(self.stack)
        self.stack = []
        self.push = self.stack.append
        return at

    def _above_mark(self) -> list[Symbol]:
        items = self.stack
        if not self.stacks:
            raise Fault("there is no mark")
        self.stack = self.stacks.pop()
        self.push = self.stack.append
        return items

    def on_pop(self, at: int) -> int:
        if self.stack:
            self.stack.pop()
        else:
            self._above_mark()
        return at

    def on_pop_mark(self, at: int) -> int:
        self._above_mark()
        return at

    # Tuples, lists, dicts, sets

    def on_empty_tuple(self, at: int) -> int:
        self.push(())
        return at

    def on_tuple(self, at: int) -> int:
        items = self._above_mark()
        self._hold(items, at)
        self.push(tuple(items))
        return at

    def on_tuple1(self, at: int) -> int:
        return self._tuple(1, at)

    def on_tuple2(self, at: int) -> int:
        return self._tuple(2, at)

    def on_tuple3(self, at: int) -> int:
        return self._tuple(3, at)

    def _tuple(self, count: int, at: int) -> int:
        stack = self.stack
        if len(stack) < count:
            raise Fault("the stack is empty")
        items = stack[-count:]
        self._hold(items, at)
        stack[-count:] = [tuple(items)]
        return at

    def _hold(self, items: list[Symbol], at: int) -> None:
        if Global in map(type, items):
            self.walk.rules.hold(items, *self._opcode(at))

    def on_empty_list(self, at: int) -> int:
        self.push([])
        return at

    def on_list(self, at: int) -> int:
        items = self._above_mark()
        self._hold(items, at)
        self.push(items)
        return at

    def on_append(self, at: int) -> int:
        return self._extend([self.stack.pop()], at)

    def on_appends(self, at: int) -> int:
        return self._extend(self._above_mark(), at)

    def _extend(self, items: list[Symbol], at: int) -> int:
        self._hold(items, at)
        target = self.stack[-1]
        if type(target) is list:
            target.extend(items)
        else:
            self._refuse(at, "items are appended to what is no list")
        return at

    def on_empty_dict(self, at: int) -> int:
        self.push(Pairs())
        return at

    def on_dict(self, at: int) -> int:
        items = self._above_mark()
        self.push(Pairs())
        return self._set(items, at)

    def on_setitem(self, at: int) -> int:
        value = self.stack.pop()
        return self._set([self.stack.pop(), value], at)

    def on_setitems(self, at: int) -> int:
        return self._set(self._above_mark(), at)

    def _set(self, items: list[Symbol], at: int) -> int:
        if len(items) % 2:
            raise Fault("a key without a value")
        self._hold(items, at)
        target = self.stack[-1]
        if not self.walk.rules.filled(target, items[::2], *self._opcode(at)):
            return at
        if type(target) is Pairs:
            target.flat = _extended(target.flat, items)
        else:
            target.pairs = _extended(target.pairs, items)
        return at

    def on_empty_set(self, at: int) -> int:
        self.push(Items())
        return at

    def on_additems(self, at: int) -> int:
        items = self._above_mark()
        self._hold(items, at)
        self.walk.rules.keyed(items, *self._opcode(at))
        target = self.stack[-1]
        if type(target) is Items and not target.frozen:
            target.held = _extended(target.held, items)
        else:
            self._refuse(at, "items are added to what is no set")
        return at

    def on_frozenset(self, at: int) -> int:
        items = self._above_mark()
        self._hold(items, at)
        self.walk.rules.keyed(items, *self._opcode(at))
        self.push(Items(items, frozen=True))
        return at

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
        self.push(self.walk.rules.named(module, name, *self._opcode(at)))

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
        if type(named) is not Pairs:
            self._refuse(at, "named arguments that are no dict")
        self._make(NEW, self.stack.pop(), arguments, at)
        return at

    def _make(self, way: str, of: Symbol, arguments: Symbol, at: int) -> None:
        made = Made(way, of, arguments)
        self.walk.rules.made(made, *self._opcode(at))
        self.walk.wrappers += is_one_of(class_of(made), _WRAPPER)
        self.push(made)

    def on_build(self, at: int) -> int:
        state = self.stack.pop()
        target = self.stack[-1]
        self.walk.spend(_weight(state))
        self.walk.rules.given_state(target, state, *self._opcode(at))
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
            raise Fault(str(error)) from error
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
        content, end = Machine(self.walk, inner=True).run(at)
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
        arguments = tuple(self._above_mark())
        self._name(module.decode("utf-8"), name.decode("utf-8"), at)
        self._refuse(at, "a forbidden opcode")
        self._make(CALLED, self.stack.pop(), arguments, at)
        return end

    def on_obj(self, at: int) -> int:
        cls, *arguments = self._above_mark() or [None]
        self._refuse(at, "a forbidden opcode")
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
        self._refuse(at, "a forbidden opcode")
        return at

    def _outside(self, at: int, end: int) -> int:
        self._refuse(at, "a forbidden opcode")
        self.push(Unknown())
        return end


def _weight(state: Symbol) -> int:
    """Return how many items of a state are looked at."""
    parts = state if type(state) is tuple and len(state) == 2 else (state,)
    return sum(len(part.flat) for part in parts if type(part) is Pairs)


def _extended(held: list[Symbol] | tuple[()], items: list[Symbol]) -> list[Symbol]:
    """Return `held` with the items behind; a list that is there already grows in place."""
    if not held:
        return items
    assert type(held) is list  # noqa: S101 - only a list is not empty
    held.extend(items)
    return held


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
