"""What each opcode of a pickle may do, judged before it does it.

Each function is handed the guard whose stack it works on; `FUNCTIONS` lists them by
the byte that calls for them. What the picklers of protocols 2 to 5 write is here.
Left out are the opcodes of older protocols (INST, OBJ, GET, PUT, INT, LONG, FLOAT,
STRING, UNICODE, DICT, LIST), those that call upon the reader (PERSID, BINPERSID, EXT1
to EXT4, NEXT_BUFFER, READONLY_BUFFER), and DUP, which nothing here needs.

Source of the opcodes: Python's Lib/pickletools.py.
"""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from gitmodelstore.pickles import rights as rules
from gitmodelstore.pickles.dry import OPCODES
from gitmodelstore.pickles.rights import CALL, NEW, OF_DATA
from gitmodelstore.pickles.stand_ins import Wrapper, call, in_words, read
from gitmodelstore.pickles.states import give

if TYPE_CHECKING:
    from gitmodelstore.pickles.guard import Guard

Function = Callable[["Guard"], None]

_AS_THEY_ARE = (
    pickle.PROTO, pickle.FRAME, pickle.STOP, pickle.MARK, pickle.POP, pickle.POP_MARK,
    pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.BININT, pickle.BININT1, pickle.BININT2,
    pickle.LONG1, pickle.LONG4, pickle.BINFLOAT, pickle.BINUNICODE, pickle.SHORT_BINUNICODE,
    pickle.BINUNICODE8, pickle.BINBYTES, pickle.SHORT_BINBYTES, pickle.BINBYTES8,
    pickle.BYTEARRAY8, pickle.EMPTY_LIST, pickle.EMPTY_DICT, pickle.EMPTY_TUPLE,
    pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3,
    pickle.FROZENSET, pickle.APPEND, pickle.APPENDS, pickle.SETITEM, pickle.SETITEMS,
    pickle.ADDITEMS, pickle.REDUCE, pickle.NEWOBJ,
    pickle.BUILD, pickle.BINPUT, pickle.LONG_BINPUT,
    pickle.MEMOIZE,
)  # fmt: skip

_SET_BYTES = 256  # of an empty one, which is a single byte of a file
_MOST_BYTES_OF_NUMBER = 1 << 13
_SHARED = frozenset({dict, list, tuple, np.ndarray})
_DICTS = (dict, OrderedDict, defaultdict, Counter)


def _judged(opcode: bytes) -> Callable[[Function], Function]:
    """Put a function in the place of an opcode's, to run with the opcode's name at hand."""

    def put(function: Function) -> Function:
        name = OPCODES[opcode[0]]

        def judged(guard: Guard) -> None:
            guard.begin(name)
            function(guard)

        FUNCTIONS[opcode[0]] = judged
        return judged

    return put


def _unknown(code: int) -> Function:
    def refuse(guard: Guard) -> None:
        guard.begin(OPCODES.get(code, f"0x{code:02x}"))
        guard.refuse(f"the opcode {guard.walking} does not belong in a pipeline")

    return refuse


FUNCTIONS: list[Function] = [_unknown(code) for code in range(256)]
for _opcode in _AS_THEY_ARE:
    FUNCTIONS[_opcode[0]] = pickle._Unpickler.dispatch[_opcode[0]]


@_judged(pickle.PROTO)
def _load_proto(guard: Guard) -> None:
    number = guard.read(1)[0]
    if not rules.OLDEST_PROTOCOL <= number <= rules.NEWEST_PROTOCOL:
        guard.refuse(f"it uses pickle protocol {number}")
    guard.proto = number


@_judged(pickle.FRAME)
def _load_frame(guard: Guard) -> None:
    guard.enter_frame(int.from_bytes(guard.take(8), "little"))


def _sized(width: int, make: Callable[[bytes], Any]) -> Function:
    """Return what reads a size of so many bytes and makes something of as many bytes."""

    def load(guard: Guard) -> None:
        guard.append(make(guard.take(int.from_bytes(guard.take(width), "little"))))

    return load


def _text(data: bytes) -> str:
    return str(data, "utf-8", "surrogatepass")


for _opcode, _width, _make in (
    (pickle.SHORT_BINUNICODE, 1, _text),
    (pickle.BINUNICODE, 4, _text),
    (pickle.BINUNICODE8, 8, _text),
    (pickle.SHORT_BINBYTES, 1, bytes),
    (pickle.BINBYTES, 4, bytes),
    (pickle.BINBYTES8, 8, bytes),
    (pickle.BYTEARRAY8, 8, bytearray),
):
    FUNCTIONS[_opcode[0]] = _sized(_width, _make)


@_judged(pickle.LONG1)
def _load_long1(guard: Guard) -> None:
    guard.append(pickle.decode_long(guard.take(guard.take(1)[0])))


@_judged(pickle.LONG4)
def _load_long4(guard: Guard) -> None:
    size_bytes = int.from_bytes(guard.take(4), "little")
    if size_bytes > _MOST_BYTES_OF_NUMBER:
        guard.refuse(f"it uses a number of {size_bytes:,} bytes")
    guard.append(pickle.decode_long(guard.take(size_bytes)))


@_judged(pickle.MARK)
def _load_mark(guard: Guard) -> None:
    if len(guard.metastack) >= rules.MOST_MARKS:
        guard.refuse("it is nested too deeply")
    guard.load_mark()


@_judged(pickle.GLOBAL)
def _load_global(guard: Guard) -> None:
    guard.load_global()


@_judged(pickle.STACK_GLOBAL)
def _load_stack_global(guard: Guard) -> None:
    guard.load_stack_global()


@_judged(pickle.REDUCE)
def _load_reduce(guard: Guard) -> None:
    stack = guard.stack
    arguments = stack.pop()
    named = guard.with_right(stack[-1], CALL, "calls")
    if type(arguments) is not tuple:
        guard.refuse(f"it calls '{named}' with {in_words(arguments)}", named)
    stack[-1] = call(guard, named, arguments)


@_judged(pickle.NEWOBJ)
def _load_newobj(guard: Guard) -> None:
    stack = guard.stack
    arguments = stack.pop()
    named = guard.with_right(stack[-1], NEW, "creates an object of")
    cls = named.held
    if type(arguments) is not tuple or (arguments and not _takes_arguments(guard, cls)):
        guard.refuse(f"it creates a '{named}' with arguments", named)
    stack[-1] = cls.__new__(cls, *arguments)
    if named.rights is OF_DATA:
        guard.unfinished[id(stack[-1])] = stack[-1]  # it is judged by what it is given
    if cls is Wrapper:
        guard.wrappers.append(ref(stack[-1]))


def _takes_arguments(guard: Guard, cls: type) -> bool:
    """Whether objects are made of arguments: tuples with names, and what a class of yours takes.

    Not arrays, which would be made of memory that nobody has filled, nor classes.
    """
    return issubclass(cls, tuple) or (guard.is_own(cls) and not issubclass(cls, (np.ndarray, type)))


@_judged(pickle.NEWOBJ_EX)
def _load_newobj_ex(guard: Guard) -> None:
    stack = guard.stack
    keywords = stack.pop()
    arguments = stack.pop()
    named = guard.with_right(stack[-1], NEW, "creates an object of")
    cls = named.held
    if type(arguments) is not tuple or type(keywords) is not dict or not guard.is_own(cls):
        guard.refuse(f"it creates a '{named}' with keyword arguments", named)
    if not _takes_arguments(guard, cls) or not all(type(key) is str for key in keywords):
        guard.refuse(f"it creates a '{named}' with keyword arguments", named)
    stack[-1] = cls.__new__(cls, *arguments, **keywords)


@_judged(pickle.BUILD)
def _load_build(guard: Guard) -> None:
    stack = guard.stack
    state = stack.pop()
    held = stack[-1]
    if guard.of(held) is not None:
        guard.refuse(f"it changes '{guard.of(held)}' itself", guard.of(held))
    if type(held) is Wrapper:
        guard.end_frame()
        stack[-1] = read(guard, state)
    else:
        give(guard, held, state)


@_judged(pickle.APPEND)
def _load_append(guard: Guard) -> None:
    item = guard.stack.pop()
    _plain_list(guard).append(item)


@_judged(pickle.APPENDS)
def _load_appends(guard: Guard) -> None:
    items = guard.pop_mark()
    _plain_list(guard).extend(items)


def _plain_list(guard: Guard) -> list[Any] | deque[Any]:
    held: list[Any] | deque[Any] = guard.stack[-1]
    if type(held) not in (list, deque) and not guard.is_own(type(held)):
        guard.refuse(f"it appends to {in_words(held)}")
    return held


@_judged(pickle.SETITEM)
def _load_setitem(guard: Guard) -> None:
    value = guard.stack.pop()
    key = guard.stack.pop()
    _set_items(guard, [key, value])


@_judged(pickle.SETITEMS)
def _load_setitems(guard: Guard) -> None:
    _set_items(guard, guard.pop_mark())


def _set_items(guard: Guard, items: list[Any]) -> None:
    held = guard.stack[-1]
    if not _is_plain_dict(type(held)) and not guard.is_own(type(held)):
        guard.refuse(f"it sets items of {in_words(held)}")
    keys = items[::2]
    if set(map(type, keys)) != {str}:  # nearly always they are
        guard.check_keys(keys)
    if type(held) is dict:
        held.update(zip(keys, items[1::2], strict=True))
    else:
        for key, value in zip(keys, items[1::2], strict=True):
            held[key] = value


def _is_plain_dict(cls: type) -> bool:
    return cls in _DICTS or (issubclass(cls, dict) and cls.__setitem__ is dict.__setitem__)


@_judged(pickle.ADDITEMS)
def _load_additems(guard: Guard) -> None:
    items = guard.pop_mark()
    held = guard.stack[-1]
    if type(held) is not set:
        guard.refuse(f"it adds items to {in_words(held)}")
    guard.check_keys(items)
    held.update(items)


@_judged(pickle.EMPTY_SET)
def _load_empty_set(guard: Guard) -> None:
    guard.spend(_SET_BYTES)
    guard.append(set())


@_judged(pickle.FROZENSET)
def _load_frozenset(guard: Guard) -> None:
    guard.spend(_SET_BYTES)
    items = guard.pop_mark()
    guard.check_keys(items)
    guard.append(frozenset(items))


def _load_binget(guard: Guard) -> None:
    held = guard.memo[guard.read(1)[0]]
    if type(held) is not str and (type(held) in _SHARED or guard.unfinished):
        _share(guard, held)
    guard.append(held)


def _load_long_binget(guard: Guard) -> None:
    held = guard.memo[int.from_bytes(guard.take(4), "little")]
    if type(held) is not str and (type(held) in _SHARED or guard.unfinished):
        _share(guard, held)
    guard.append(held)


def _share(guard: Guard, held: Any) -> None:
    """Take note of what a second one comes to hold."""
    if id(held) in guard.unfinished:
        guard.refuse(f"it uses {in_words(held)} before it has its state")
    if type(held) in _SHARED:
        if id(held) in guard.states:
            guard.refuse(f"it uses {in_words(held)} again after using it as a state")
        guard.shared[id(held)] = held


FUNCTIONS[pickle.BINGET[0]] = _load_binget  # thousands in a forest, so not `_judged`
FUNCTIONS[pickle.LONG_BINGET[0]] = _load_long_binget


@_judged(pickle.LONG_BINPUT)
def _load_long_binput(guard: Guard) -> None:
    place = int.from_bytes(guard.read(4), "little")
    if place > guard.source.size_bytes:
        guard.refuse(f"it stores something in place {place} of the memo")
    guard.memo[place] = guard.stack[-1]
