"""What each opcode of a pickle may do, judged before it does it.

`Opcodes.functions` lists what is done by the byte that calls for it: what the picklers of
protocols 2 to 5 write. Left out are the opcodes of older protocols (INST, OBJ, GET, PUT, INT,
LONG, FLOAT, STRING, UNICODE, DICT, LIST), those that call upon the reader (PERSID, BINPERSID,
EXT1 to EXT4, NEXT_BUFFER, READONLY_BUFFER), and DUP, which nothing here needs.

Source of the opcodes: Python's Lib/pickletools.py.
"""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any
from weakref import ref

import numpy as np

from gitmodelstore.pickles import rights as rules
from gitmodelstore.pickles.dry import OPCODES
from gitmodelstore.pickles.rights import CALL, NEW, OF_DATA
from gitmodelstore.pickles.stand_ins import Wrapper, call, in_words, read
from gitmodelstore.pickles.states import give

Function = Callable[[Any], None]

_AS_THEY_ARE = frozenset(
    {"BINFLOAT", "BININT", "BININT1", "BININT2", "BINPUT", "EMPTY_DICT", "EMPTY_LIST"}
    | {"EMPTY_TUPLE", "MEMOIZE", "NEWFALSE", "NEWTRUE", "NONE", "POP", "POP_MARK", "STOP", "TUPLE"}
    | {"TUPLE1", "TUPLE2", "TUPLE3"}
)
# Thousands of them stand in a forest: they do not say what is walked.
_UNTOLD = frozenset(
    {"BINBYTES", "BINBYTES8", "BINGET", "BINUNICODE", "BINUNICODE8", "BYTEARRAY8", "LONG_BINGET"}
    | {"SHORT_BINBYTES", "SHORT_BINUNICODE"}
)
_SET_BYTES = 256  # of an empty one, which is a single byte of a file
_MOST_BYTES_OF_NUMBER = 1 << 13
_SHARED = frozenset({dict, list, tuple, np.ndarray})
_DICTS = (dict, OrderedDict, defaultdict, Counter)

_Unpickler: Any = pickle._Unpickler


def _sized(width: int, make: Callable[[bytes], Any]) -> Function:
    """Return what reads a size of so many bytes and makes something of as many bytes."""

    def load(guard: Any) -> None:
        guard.append(make(guard.take(int.from_bytes(guard.take(width), "little"))))

    return load


def _text(data: bytes) -> str:
    return str(data, "utf-8", "surrogatepass")


class Opcodes(_Unpickler):  # type: ignore[misc]
    """The opcodes of a `Guard`, which are judged where they are not as Python has them."""

    functions: Sequence[Function]  # what each of the 256 bytes calls for

    load_global, load_stack_global = _Unpickler.load_global, _Unpickler.load_stack_global
    load_short_binunicode, load_short_binbytes = _sized(1, _text), _sized(1, bytes)
    load_binunicode, load_binbytes = _sized(4, _text), _sized(4, bytes)
    load_binunicode8, load_binbytes8 = _sized(8, _text), _sized(8, bytes)
    load_bytearray8 = _sized(8, bytearray)

    def refuse_opcode(self) -> None:
        self.refuse(f"the opcode {self.walking} does not belong in a pipeline")

    def load_proto(self) -> None:
        number = self.read(1)[0]
        if not rules.OLDEST_PROTOCOL <= number <= rules.NEWEST_PROTOCOL:
            self.refuse(f"it uses pickle protocol {number}")
        self.proto = number

    def load_frame(self) -> None:
        self.enter_frame(int.from_bytes(self.take(8), "little"))

    def load_long1(self) -> None:
        self.append(pickle.decode_long(self.take(self.take(1)[0])))

    def load_long4(self) -> None:
        size_bytes = int.from_bytes(self.take(4), "little")
        if size_bytes > _MOST_BYTES_OF_NUMBER:
            self.refuse(f"it uses a number of {size_bytes:,} bytes")
        self.append(pickle.decode_long(self.take(size_bytes)))

    def load_mark(self) -> None:
        if len(self.metastack) >= rules.MOST_MARKS:
            self.refuse("it is nested too deeply")
        super().load_mark()

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        entry = self.with_right(self.stack[-1], CALL, "calls")
        if type(arguments) is not tuple:
            self.refuse(f"it calls '{entry}' with {in_words(arguments)}", entry)
        self.stack[-1] = call(self, entry, arguments)

    def load_newobj(self) -> None:
        arguments = self.stack.pop()
        entry = self.with_right(self.stack[-1], NEW, "creates an object of")
        cls = entry.held
        if type(arguments) is not tuple or (arguments and not self._takes_arguments(cls)):
            self.refuse(f"it creates a '{entry}' with arguments", entry)
        self.stack[-1] = made = cls.__new__(cls, *arguments)
        if entry.rights is OF_DATA:
            self.unfinished[id(made)] = made  # it is judged by what it is given
        if cls is Wrapper:
            self.wrappers.append(ref(made))

    def _takes_arguments(self, cls: type) -> bool:
        """Whether objects are made of arguments: named tuples, and classes of the reader's own."""
        # Arrays would be made of memory that nobody has filled.
        is_own = self.is_own(cls) and not issubclass(cls, (np.ndarray, type))
        return issubclass(cls, tuple) or is_own

    def load_newobj_ex(self) -> None:
        keywords = self.stack.pop()
        arguments = self.stack.pop()
        entry = self.with_right(self.stack[-1], NEW, "creates an object of")
        cls = entry.held
        if not (
            type(arguments) is tuple
            and type(keywords) is dict
            and all(type(key) is str for key in keywords)
            and self.is_own(cls)
            and self._takes_arguments(cls)
        ):
            self.refuse(f"it creates a '{entry}' with keyword arguments", entry)
        self.stack[-1] = cls.__new__(cls, *arguments, **keywords)

    def load_build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if self.of(target) is not None:
            self.refuse(f"it changes '{self.of(target)}' itself", self.of(target))
        if type(target) is Wrapper:
            self.end_frame()
            self.stack[-1] = read(self, state)
        else:
            give(self, target, state)

    def load_append(self) -> None:
        item = self.stack.pop()
        self._plain_list().append(item)

    def load_appends(self) -> None:
        items = self.pop_mark()
        self._plain_list().extend(items)

    def _plain_list(self) -> list[Any] | deque[Any]:
        target: list[Any] | deque[Any] = self.stack[-1]
        if type(target) not in (list, deque) and not self.is_own(type(target)):
            self.refuse(f"it appends to {in_words(target)}")
        return target

    def load_setitem(self) -> None:
        value = self.stack.pop()
        key = self.stack.pop()
        self._set_items([key, value])

    def load_setitems(self) -> None:
        self._set_items(self.pop_mark())

    def _set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        cls: Any = type(target)
        is_dict = cls in _DICTS or (issubclass(cls, dict) and cls.__setitem__ is dict.__setitem__)
        if not is_dict and not self.is_own(cls):
            self.refuse(f"it sets items of {in_words(target)}")
        keys = items[::2]
        if set(map(type, keys)) != {str}:  # nearly always they are
            self.check_keys(keys)
        if cls is dict:
            target.update(zip(keys, items[1::2], strict=True))
        else:
            for key, value in zip(keys, items[1::2], strict=True):
                target[key] = value

    def load_additems(self) -> None:
        items = self.pop_mark()
        target = self.stack[-1]
        if type(target) is not set:
            self.refuse(f"it adds items to {in_words(target)}")
        self.check_keys(items)
        target.update(items)

    def load_empty_set(self) -> None:
        self.spend(_SET_BYTES)
        self.append(set())

    def load_frozenset(self) -> None:
        self.spend(_SET_BYTES)
        items = self.pop_mark()
        self.check_keys(items)
        self.append(frozenset(items))

    def load_binget(self) -> None:
        value = self.memo[self.read(1)[0]]
        if type(value) is not str and (type(value) in _SHARED or self.unfinished):
            self._share(value)
        self.append(value)

    def load_long_binget(self) -> None:
        value = self.memo[int.from_bytes(self.take(4), "little")]
        if type(value) is not str and (type(value) in _SHARED or self.unfinished):
            self._share(value)
        self.append(value)

    def _share(self, value: Any) -> None:
        """Take note of what a second one comes to hold."""
        if id(value) in self.unfinished:
            self.refuse(f"it uses {in_words(value)} before it has its state")
        if type(value) in _SHARED:
            if id(value) in self.states:
                self.refuse(f"it uses {in_words(value)} again after using it as a state")
            self.shared[id(value)] = value

    def load_long_binput(self) -> None:
        place = int.from_bytes(self.read(4), "little")
        if place > self.source.size_bytes:
            self.refuse(f"it stores something in place {place} of the memo")
        self.memo[place] = self.stack[-1]


def _function_of(code: int) -> Function:
    """Return what a byte calls for; what is judged begins with the opcode's name at hand."""
    name = OPCODES.get(code, f"0x{code:02x}")
    python: Any = _Unpickler.dispatch.get(code, Opcodes.refuse_opcode)
    own: Function = vars(Opcodes).get(python.__name__, Opcodes.refuse_opcode)
    if name in _AS_THEY_ARE:
        own = python
    if name in _AS_THEY_ARE or name in _UNTOLD:
        return own

    def judged(guard: Any) -> None:
        guard.begin(name)
        own(guard)

    return judged


Opcodes.functions = tuple(map(_function_of, range(256)))
