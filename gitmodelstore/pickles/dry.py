"""What a joblib file is, told without running it: nothing is imported, nothing is called.

`walk` serves hooks, `gms inspect` and `git diff`, on the standard library alone. The machine is
Python's own unpickler, which finds a `Global` for each name and makes a `Made` of each call. A
refusal is final; an answer without one is no promise, since the guarded loader also looks at what
the names are.
"""

from __future__ import annotations

import mmap
import pickle
import re
import struct
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from math import prod
from typing import Any, NoReturn, cast

from gitmodelstore.errors import BrokenPipelineFile, NotAPipeline
from gitmodelstore.pickles import places
from gitmodelstore.pickles import rights as rules
from gitmodelstore.pickles.compression import MOST_BYTES, compressor_of, decompress
from gitmodelstore.pickles.rights import CALL, FUNCTION, NEW, STATE, VALUE, Rights, Trust
from gitmodelstore.pickles.symbols import (
    GETATTR,
    PARTIAL,
    SYMBOLS,
    Array,
    Budget,
    FrozenItems,
    Global,
    Items,
    Made,
    Pairs,
    PickleFault,
    Place,
    Symbol,
    Unknown,
    class_name,
    class_of,
    in_pairs,
    is_one_of,
    is_trusted,
    read_wrapper,
    shortened,
)

# What the guarded loader would refuse, as far as can be told without importing.


MOST_REFUSALS = 200  # of one file: a hostile one can give a reason every few bytes
MOST_FIELDS = 2_000_000  # of dtypes in one file: those of each array are counted
OPCODES = {
    value[0]: name
    for name, value in vars(pickle).items()
    if name.isupper() and isinstance(value, bytes) and len(value) == 1
}
_MOST_IN_KEY = 100  # items of a tuple
_WRAPPER = {("joblib.numpy_pickle", "NumpyArrayWrapper")}
# The classes that are dicts, so that items may be set on their instances.
_DICTS = {
    ("collections", "OrderedDict"),
    ("collections", "Counter"),
    ("collections", "defaultdict"),
    ("sklearn.utils._bunch", "Bunch"),
}
_LISTS = {("collections", "deque")}
_SIMPLE_KEYS = frozenset({str, int, float, bool, bytes, type(None), Global})
# What native code reads a model from, and what else it would take for an address.
_BOOSTERS = {("lightgbm.basic", "Booster"), ("xgboost.core", "Booster")}
_BYTES = {("builtins", "bytearray")}
_ENCODE = {("_codecs", "encode")}
_HANDLES = ("_handle", "handle")
# Of objects, as `rights` lists them, and of scipy's interp1d, as protocol 2 writes them.
_BOUND_METHODS = {name for _, name in rules.METHODS} | {"_call_linear", "_call_linear_np"}
_SLOTS = {("scipy.interpolate._interpolate", "interp1d")}

# scipy.stats._distn_infrastructure.parse_arg_template, with names and numbers filled in.
_TEMPLATE = re.compile(
    r"""
def _parse_args\(self, ?WORDS\):
    return \(WORDS\), WORDS

def _parse_args_rvs\(self, ?WORDS, size=None\):
    return self\._argcheck_rvs\(WORDS, size=size\)

def _parse_args_stats\(self, ?WORDS, moments='mv'\):
    return \(WORDS\), WORDS, moments
""".replace("WORDS", "[A-Za-z0-9_ ,=.]*")
)
_DEED = {
    CALL: "it calls",
    NEW: "it makes an instance of",
    STATE: "it gives state to an instance of",
    VALUE: "it holds as a value",
    rules.ARGUMENT: "it hands over",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why a file would not be loaded."""

    name: str | None  # the global that it is about, "os.system"
    opcode: str  # as `pickletools` calls it, "REDUCE"
    offset: int  # of the opcode, in what was decompressed
    reason: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.opcode} at {self.offset})"


class Walk:
    """What the pickles of one file share: the names that it uses, and what speaks against it."""

    def __init__(
        self,
        name: str,
        data: bytes,
        trust: Trust,
        size_bytes: int = 0,
        recorded: Collection[str] = (),
    ) -> None:
        self.name, self.data = name, data
        self.at = 0  # offset of the opcode that is obeyed
        self.globals: dict[Place, Global] = {}
        self.refusals: dict[tuple[str | None, str, str], Refusal] = {}  # each once, the first
        self.arrays: list[Array] = []
        self.opcodes = Budget(
            rules.SPARE_OPCODES + size_bytes, "it has far more opcodes than bytes"
        )
        self.fields = Budget(MOST_FIELDS, "dtypes of too many fields")
        self.wrappers = 0  # of joblib's that wait for their array
        self._stated: list[Made] = []  # what was given a state
        self._states: set[int] = set()
        self._trust, self._recorded = trust, recorded

    def refuse(self, reason: str, about: Symbol = None) -> None:
        """Note what speaks against the opcode that is obeyed, and which name it is about."""
        name = shortened(str(about)) if type(about) is Global else None
        key = name, OPCODES[self.data[self.at]], reason
        if key not in self.refusals and len(self.refusals) < MOST_REFUSALS:
            self.refusals[key] = Refusal(*key[:2], self.at, reason)

    # Names

    def named(self, module: str, name: str) -> Global:
        symbol = self.globals.get((module, name))
        if symbol is None:
            judgement = self._judge(module, name)
            symbol = Global(module, name, *judgement, self.at, rules.spelled(module, name))
            self.globals[module, name] = symbol
            if symbol.rights is None:
                self.refuse(f"'{shortened(str(symbol))}' is not a name that may be used", symbol)
        return symbol

    def want_trust(self, symbol: Global, why: str) -> None:
        """Note that loading the file needs trust in a name, though the table lists it."""
        if not symbol.wants_trust:
            symbol.wants_trust = True
            if not self._trust.covers(symbol.module, symbol.inner):
                self.refuse(why, symbol)

    def _judge(self, module: str, name: str) -> tuple[Rights | None, str]:
        rights = rules.listed(module, name)
        if rights is not None:
            return rights, "listed"
        rights = self._trust.rights(module, name)
        if rights is not None and not self._is_uncovered_function(module, name):
            return rights, "trusted"
        if rules.may_be_of_scikit_learn(module, name):
            return rules.OF_SCIKIT_LEARN, "scikit-learn"
        if rules.may_be_renamed(module, name):
            moved = rules.listed(*rules.spelled(module, name))
            return (moved, "listed") if moved else (rules.OF_DATA, "data")
        return None, "refused"

    def _is_uncovered_function(self, module: str, name: str) -> bool:
        """Whether a name is of a trusted package, which does not cover its functions."""
        if self._trust.names_exactly(module, name):
            return False
        is_of_class = "." in name and not rules.is_like_a_class(name)
        return is_of_class or rules.names_at(f"{module}.{name}").is_function

    def use(self, symbol: Symbol, right: str) -> None:
        """Note that `symbol` is called, instantiated or given a state; it should be a name."""
        if type(symbol) is not Global:
            self.refuse(f"{_DEED[right]} something that is not a name")
            return
        symbol.uses.add(right)
        if symbol.rights is not None and right not in symbol.rights.allowed:
            shown = shortened(str(symbol))
            self.refuse(f"{_DEED[right]} '{shown}', which may only be: {symbol.rights}", symbol)

    def hold(self, items: list[Symbol]) -> None:
        """Note which names stand among `items`: whom they are handed to only the guard sees."""
        if Global in map(type, items):
            for item in items:
                if type(item) is Global:
                    allowed = item.rights.allowed if item.rights else ()
                    is_argument = rules.ARGUMENT in allowed and VALUE not in allowed
                    self.use(item, rules.ARGUMENT if is_argument else VALUE)

    # Objects

    def made(self, way: str, of: Symbol, arguments: Symbol) -> Made:
        made = Made(way, of, arguments)
        self.use(of, way)
        if type(arguments) is not tuple:
            self.refuse("arguments that are not a tuple")
        elif is_one_of(of, GETATTR) and not _is_bound_method(arguments):
            self.refuse("getattr of an attribute that is not listed", of)
        elif is_one_of(of, _BYTES) and arguments and type(arguments[0]) is int:
            self.refuse("a bytearray of a size", of)
        elif is_one_of(of, PARTIAL) and not (arguments and _is_function(arguments[0])):
            self.refuse("a partial of something that is not a listed function", of)
        self.wrappers += is_one_of(class_of(made), _WRAPPER)
        return made

    def given_state(self, target: Symbol, state: Symbol) -> None:
        if type(target) is Global:
            self.refuse(f"state is given to '{shortened(str(target))}' itself", target)
        elif type(target) is not Made:
            self.refuse("state is given to something that was not created here")
        else:
            cls = class_of(target)
            if target.state is not None or id(state) in self._states:
                self.refuse("a second state, or one that two objects share", cls)
            elif type(state) in (tuple, Pairs):
                self._stated.append(target)
                self._states.add(id(state))
            if target.way == NEW or cls is not target.of:
                self.use(cls, STATE)
            self._judge_state(cls, state)
            target.state = state

    def _judge_state(self, cls: Symbol, state: Symbol) -> None:
        parts = _parts_of_state(state)
        if len(parts) > 1 and not is_one_of(cls, _SLOTS) and not is_trusted(cls):
            self.refuse("state for slots", cls)
        if is_one_of(cls, PARTIAL) and not _is_state_of_partial(state):
            self.refuse("a partial with arguments that are called or written to")
        for part in parts:
            if type(part) is Global:
                self.use(part, VALUE)
            elif type(part) is Pairs:
                self._judge_attributes(part, cls)

    def _judge_attributes(self, pairs: Pairs, cls: Symbol) -> None:
        is_data = type(cls) is Global and cls.verdict == "data"
        for name, value in in_pairs(pairs):
            if is_data and type(value) is Global:
                self.refuse("data that is called", cls)
            if type(name) is not str:
                continue
            if (
                name.startswith("__")
                and name.endswith("__")
                and name not in places.HARMLESS_DUNDERS
            ):
                self.refuse(f"attribute '{shortened(name)}' in a state", cls)
            elif name == "_parse_arg_template" and not (  # which scipy executes
                type(value) is str and _TEMPLATE.fullmatch(value)
            ):
                self.refuse("a template that is not scipy's", cls)
            elif (
                name in _HANDLES
                and is_one_of(cls, _BOOSTERS)
                and type(value) not in (str, bytes)  # of protocol 5 both kinds of bytes are one
                and not (type(value) is Made and is_one_of(value.of, _BYTES))
            ):
                self.refuse("a model that is neither text nor bytes", cls)
            elif (
                name == places.MODEL_OF_CATBOOST
                and type(cls) is Global
                and cls.place[0] == "catboost.core"
                and places.is_of_text(_bytes(value))
            ):
                self.want_trust(cls, places.OF_TEXT)

    def ended(self, root: Symbol) -> None:
        """Judge what the whole file holds; a class of the reader's own may be made in any way."""
        for symbol in self.globals.values():  # what is held is judged as of the listed class
            if symbol.name in self._recorded and symbol.rights is not None:
                self.want_trust(symbol, f"'{shortened(symbol.name)}' holds what is not known")
            if symbol.wants_trust:
                covered = self._trust.covers(symbol.module, symbol.inner)
                symbol.verdict = "trusted" if covered else "refused"
        if type(root) is not Made or not (root.way == NEW or is_trusted(root.of)):
            self.refuse(f"it holds '{class_name(root)}', not a fitted estimator")
        for misplacement in places.misplaced(self._stated, root, SYMBOLS):
            self.refuse(shortened(misplacement.fault))
        if self.wrappers:
            self.refuse("a joblib array without its bytes")

    # Containers: a class of the reader's own may be one too, of which nobody can know here

    def extended(self, target: Symbol, items: list[Symbol]) -> None:
        self.hold(items)
        if type(target) is list:
            target.extend(items)
        elif not _is_made_of(target, _LISTS):
            self.refuse("items are appended to something that is not a list")

    def filled(self, target: Symbol, items: list[Symbol]) -> None:
        if len(items) % 2:
            raise PickleFault("a key without a value")
        self.hold(items)
        self.keyed(items[::2])
        if type(target) is Pairs:
            target.extend(items)
        elif _is_made_of(target, _DICTS):
            target.pairs.extend(items)
        else:
            self.refuse("items are set on something that is not a dict")

    def keyed(self, keys: Sequence[Symbol]) -> None:
        """Judge the keys of a dict, or the items of a set: hashing them must run no code."""
        if not _SIMPLE_KEYS.issuperset(map(type, keys)) and not all(map(_is_simple, keys)):
            self.refuse("a key that is not a simple value")


def _parts_of_state(state: Symbol) -> tuple[Symbol, ...]:
    """Return attributes and slots of a state that gives both; the state alone otherwise."""
    has_slots = type(state) is tuple and len(state) == 2 and type(state[1]) is Pairs
    return state if has_slots else (state,)


def _is_made_of(target: Symbol, names: Collection[Place]) -> bool:
    """Whether `target` is an object of one of these classes, or of one of the reader's own."""
    return type(target) is Made and (is_one_of(target.of, names) or is_trusted(target.of))


def _bytes(value: Symbol) -> bytes:
    """Return bytes, of protocol 2 the text that stands for them; none of anything else."""
    if type(value) is Made and is_one_of(value.of, _ENCODE) and type(value.arguments) is tuple:
        text = value.arguments[0] if value.arguments else None
        return text.encode("latin-1", "replace") if type(text) is str else b""
    return value if type(value) is bytes else b""


def _is_simple(key: Symbol) -> bool:
    """Whether a key is a scalar, numpy's and the standard library's included, or a flat tuple."""
    if type(key) is tuple:
        return len(key) <= _MOST_IN_KEY and all(map(_is_scalar, key))
    return _is_scalar(key)


def _is_scalar(key: Symbol) -> bool:
    if type(key) is not Made:
        return type(key) in _SIMPLE_KEYS
    return key.way != NEW or is_trusted(key.of)


def _is_bound_method(given: tuple[Symbol, ...]) -> bool:
    """Whether the arguments of getattr ask for one of the methods that honest pipelines keep."""
    if len(given) != 2 or type(given[1]) is not str:
        return False
    if type(given[0]) is str:
        return rules.is_suffix(given[0], given[1])
    of_text = is_one_of(given[0], {("builtins", "str")})
    return given[1] in (rules.TEXT_METHODS if of_text else _BOUND_METHODS)


def _is_state_of_partial(state: Symbol) -> bool:
    if type(state) is not tuple or len(state) != 4 or type(state[1]) is not tuple:
        return False
    keywords = state[2] if type(state[2]) is Pairs else []
    return all(
        places.is_given(SYMBOLS, value) for value in (*state[1], *keywords[1::2])
    ) and not any(type(key) is str and key in places.FOREIGN_KEYWORDS for key in keywords[::2])


def _is_function(value: Symbol) -> bool:
    """Whether partials may call it: a listed function, or one of the reader's own."""
    if type(value) is Made:
        return is_one_of(value.of, PARTIAL)
    if type(value) is not Global or value.rights is None:
        return False
    is_listed = value.rights.kind == FUNCTION and value.place[0] != "builtins"
    return is_listed or is_trusted(value)


# The machine: Python's own unpickler, with signs in the place of objects.


MOST_NAME = 1_000  # characters

_Unpickler: Any = pickle._Unpickler
_Obey = Callable[["Machine"], None]


class _Memo(dict[int, Symbol]):
    def __missing__(self, place: int) -> NoReturn:
        raise PickleFault("that place of the memo is empty")


def _sized(width: int, make: Callable[[bytes], Symbol]) -> _Obey:
    """Return what reads a size of so many bytes, and makes something of as many bytes."""
    return lambda machine: machine.append(make(machine.take_sized(width)))


def _text(data: bytes) -> str:
    return str(data, "utf-8", "surrogatepass")


def _tuple_of(count: int) -> _Obey:
    make = getattr(_Unpickler, f"load_tuple{count}")

    def load(machine: Machine) -> None:
        machine.walk.hold(machine.stack[-count:])
        make(machine)

    return load


def _put(judged: Callable[[Walk, Symbol, list[Symbol]], None], count: int = 0) -> _Obey:
    """Return what puts so many items, or those above the mark, into what is below them."""

    def load(machine: Machine) -> None:
        stack = machine.stack
        items = [stack.pop() for _ in range(count)][::-1] if count else machine.pop_mark()
        judged(machine.walk, machine.stack[-1], items)

    return load


def _remembered(name: str) -> _Obey:
    """Return what keeps something in a place of the memo that the file itself names."""
    put = getattr(_Unpickler, name)

    def load(machine: Machine) -> None:
        put(machine)
        if next(reversed(machine.memo)) >= len(machine.walk.data):  # C's memo is an array as long
            raise PickleFault("an impossible place in the memo")

    return load


class Machine(_Unpickler):  # type: ignore[misc]
    """One pickle: the file's own, or that of the items of an object array."""

    # Overridden are the opcodes that make something of names, or keep something.

    def __init__(self, walk: Walk, source: Any, *, inner: bool = False) -> None:
        super().__init__(source)
        self.walk, self.source, self.inner = walk, source, inner
        self.refuse = walk.refuse
        self.read, self.readline = source.read, source.readline
        self.memo = _Memo()
        self.metastack: list[list[Symbol]] = []
        self.stack: list[Symbol] = []
        self.append = self.stack.append
        self.frame: int | None = None  # where the opcode stands that began it
        self.end = len(walk.data)  # of the frame, or of all

    def run(self) -> Symbol:
        """Return the symbol of the object that the pickle makes which begins here."""
        walk, tell, read, functions = self.walk, self.source.tell, self.read, self.functions
        done = 0
        try:
            for done in range(walk.opcodes.left):  # noqa: B007 - counted for the finally below
                walk.at = at = tell()
                if at >= self.end:
                    self._leave(at)
                functions[read(1)[0]](self)
            raise PickleFault(walk.opcodes.fault)
        except pickle._Stop as stop:  # type: ignore[attr-defined]
            return stop.value
        except (IndexError, ValueError, struct.error, pickle.UnpicklingError) as error:
            refusals = [str(refusal) for refusal in walk.refusals.values()]
            reason = _in_words(error, is_at_end=tell() >= len(walk.data))
            raise BrokenPipelineFile(
                walk.name, reason, offset=walk.at, refusals=refusals
            ) from error
        finally:
            walk.opcodes.left -= done

    def _leave(self, at: int) -> None:
        """Leave the frame that ends here; all ends here otherwise."""
        if at > self.end:
            self.walk.at = cast(int, self.frame)
            raise PickleFault("an opcode reaches beyond the end of its frame")
        self.frame, self.end = None, len(self.walk.data)
        if at == self.end:
            raise PickleFault("it ends too early")

    def _end_of(self, start: int, count: int) -> int:
        """Return where `count` bytes from `start` end; a fault where fewer are left."""
        left = len(self.walk.data) - start
        if count > left:
            raise PickleFault(f"{count:,} bytes are announced, {left:,} are left")
        return start + count

    def take_sized(self, width: int) -> bytes:
        count = int.from_bytes(self.read(width), "little")
        self._end_of(self.source.tell(), count)
        return cast(bytes, self.read(count))

    # Beginning, frames, end

    def load_unknown(self) -> None:
        raise PickleFault(f"byte {self.walk.data[self.walk.at]} is not an opcode")

    def load_proto(self) -> None:
        self.proto = self.read(1)[0]
        if self.proto > rules.NEWEST_PROTOCOL:
            raise PickleFault(f"pickle protocol {self.proto} is not known")
        if self.proto < rules.OLDEST_PROTOCOL:
            self.refuse(f"pickle protocol {self.proto}")

    def load_frame(self) -> None:
        if self.frame is not None:
            raise PickleFault("a frame begins within another")
        size_bytes = struct.unpack("<Q", self.read(8))[0]
        self.end, self.frame = self._end_of(self.source.tell(), size_bytes), self.walk.at

    def load_stop(self) -> None:
        if not self.stack:
            raise PickleFault("the stack is empty")
        root = self.stack[-1]
        if len(self.stack) > 1 or self.metastack:
            self.refuse("more than one object is left at the end")
        self.walk.hold([root])
        if self.frame is not None and self.source.tell() != self.end:
            raise PickleFault("it stops before the end of its frame")
        raise pickle._Stop(root)  # type: ignore[attr-defined]

    # Marks and memo

    def load_mark(self) -> None:
        if len(self.metastack) >= rules.MOST_MARKS:
            raise PickleFault("it is nested too deeply")
        super().load_mark()

    def pop_mark(self) -> list[Symbol]:
        if not self.metastack:
            raise PickleFault("the stack has no mark")
        return cast(list[Symbol], super().pop_mark())

    load_put, load_long_binput = _remembered("load_put"), _remembered("load_long_binput")

    # Texts, bytes and containers

    load_binunicode, load_binunicode8 = _sized(4, _text), _sized(8, _text)
    load_binbytes, load_binbytes8, load_bytearray8 = _sized(4, bytes), *[_sized(8, bytes)] * 2
    load_tuple1, load_tuple2, load_tuple3 = _tuple_of(1), _tuple_of(2), _tuple_of(3)
    load_append, load_appends = _put(Walk.extended, 1), _put(Walk.extended)
    load_setitem, load_setitems = _put(Walk.filled, 2), _put(Walk.filled)

    def load_tuple(self) -> None:
        items = self._held()  # it makes the stack the one before the mark
        self.append(tuple(items))

    def load_list(self) -> None:
        items = self._held()
        self.append(items)

    def _held(self) -> list[Symbol]:
        items = self.pop_mark()
        self.walk.hold(items)
        return items

    def load_empty_dictionary(self) -> None:
        self.append(Pairs())

    def load_dict(self) -> None:
        items = self.pop_mark()
        self.append(Pairs())
        self.walk.filled(self.stack[-1], items)

    def load_empty_set(self) -> None:
        self.append(Items())

    def load_additems(self) -> None:
        items = self._items_of_set()
        if type(self.stack[-1]) is Items:
            self.stack[-1].extend(items)
        else:
            self.refuse("items are added to something that is not a set")

    def load_frozenset(self) -> None:
        items = self._items_of_set()
        self.append(FrozenItems(items))

    def _items_of_set(self) -> list[Symbol]:
        items = self._held()
        self.walk.keyed(items)
        return items

    # Names and objects

    def load_stack_global(self) -> None:
        if not all(type(text) is str for text in self.stack[-2:]):
            raise PickleFault("a name that is not text")
        super().load_stack_global()

    def find_class(self, module: str, name: str) -> Global:
        if len(module) + len(name) > MOST_NAME:
            raise PickleFault("a name that is too long")
        if self.proto < 3:
            module, name = rules.of_python_3(module, name)
        return self.walk.named(module, name)

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = self.walk.made(CALL, self.stack[-1], arguments)

    def load_newobj(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = self.walk.made(NEW, self.stack[-1], arguments)

    def load_newobj_ex(self) -> None:
        keywords = self.stack.pop()
        if type(keywords) is not Pairs or not is_trusted(self.stack[-2]):
            self.refuse("arguments with names")
        self.load_newobj()

    def load_build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        parts = _parts_of_state(state)
        self.walk.opcodes.spend(sum(len(part) for part in parts if type(part) is Pairs))
        self.walk.given_state(target, state)
        if type(target) is Made and is_one_of(class_of(target), _WRAPPER):
            self.stack[-1] = self._array(state)

    # Arrays

    def _array(self, state: Symbol) -> Array:
        """Return the array that belongs in the place of its wrapper, and pass over its bytes."""
        walk, start, begun = self.walk, self.source.tell(), self.walk.at
        if self.inner:
            raise PickleFault("a joblib array within the items of another")
        if self.frame is not None and start != self.end:
            raise PickleFault("the bytes of an array begin within a frame")
        self.frame, self.end = None, len(walk.data)
        dtype, shape, fortran, aligned = read_wrapper(state, walk.fields)
        content, data = None, memoryview(b"")
        if dtype.has_objects:
            inner = Machine(walk, self.source, inner=True)
            content, walk.at = inner.run(), begun
            if inner.proto < rules.OLDEST_PROTOCOL:
                self.refuse(f"pickle protocol {inner.proto} in an array")
        else:
            start += 1 + self.read(1)[0] if aligned else 0
            end = self.source.seek(self._end_of(start, prod(shape) * dtype.itemsize))
            data = memoryview(walk.data)[start:end]
        size_bytes = self.source.tell() - start
        walk.wrappers -= 1
        array = Array(dtype.text, shape, start, size_bytes, fortran, content, dtype.code, data)
        walk.arrays.append(array)
        return array

    # What no honest file has

    def _instantiate(self, cls: Symbol, arguments: list[Symbol]) -> None:
        self.refuse("a forbidden opcode")
        self.append(self.walk.made(CALL, cls, tuple(arguments)))

    def persistent_load(self, _: Any) -> Symbol:
        self.refuse("a forbidden opcode")
        return Unknown()

    def get_extension(self, code: int) -> None:
        self.append(self.persistent_load(code))

    def load_next_buffer(self) -> None:
        self.append(self.persistent_load(None))

    def load_readonly_buffer(self) -> None:
        self.refuse("a forbidden opcode")

    functions: Sequence[_Obey]  # what each of the 256 opcodes does


Machine.functions = [Machine.load_unknown] * 256
for _code, _function in _Unpickler.dispatch.items():
    Machine.functions[_code] = getattr(Machine, _function.__name__)


def _in_words(error: Exception, *, is_at_end: bool) -> str:
    if isinstance(error, PickleFault):
        return str(error)
    if is_at_end or isinstance(error, struct.error):
        return "it ends too early"
    if isinstance(error, pickle.UnpicklingError):
        return str(error)
    if isinstance(error, UnicodeError):
        return "a text that cannot be read"
    return "the stack is empty" if isinstance(error, IndexError) else "a number that is none"


# The way in.


MOST_LEVELS = 10_000  # of containers within containers
_START_BYTES = 64  # that say what a file is

_WRITE_AGAIN = "write it again with `joblib.dump(pipeline, file)`"
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_LEAVES = frozenset({str, int, float, bool, bytes, type(None), Array})


@dataclass(frozen=True, slots=True)
class Dry:
    """What a dry walk found."""

    root: Symbol = field(repr=False)  # the object that the file holds
    protocol: int
    compression: str | None  # name of joblib's compressor
    size_bytes: int  # of the file
    pickle_bytes: int  # of what it holds, decompressed
    globals: tuple[Global, ...]  # the names that it uses, in order
    arrays: tuple[Array, ...] = field(repr=False)  # whose bytes stand between the opcodes
    refusals: tuple[Refusal, ...]  # why the guarded loader would refuse it, as far as is known

    @property
    def needs_trust(self) -> tuple[str, ...]:
        """The names that readers must trust, whether the one of this walk does or not."""
        for_bytes = (use.name for use in self.globals if use.wants_trust)
        return tuple(sorted({*rules.needs_trust(use.name for use in self.globals), *for_bytes}))

    @property
    def lacks_trust(self) -> tuple[str, ...]:
        """Those of them that the reader of this walk does not trust."""
        refused = {use.name for use in self.globals if use.verdict == "refused"}
        return tuple(name for name in self.needs_trust if name in refused)


def walk(
    data: bytes | memoryview,
    *,
    name: str = "pipeline.joblib",
    trust: Trust = rules.NOBODY,
    most_bytes: int = MOST_BYTES,
    recorded: Collection[str] = (),
) -> Dry:
    """Return what `data`, a whole file that joblib wrote, plain or compressed but by lz4, holds.

    Args:
        most_bytes: that it may have when decompressed.
        recorded: the names that readers must trust, as far as a manifest says so.

    Raises:
        NotAPipeline: joblib did not write it.
        BrokenPipelineFile: it cannot be read to its end.
    """
    start = bytes(data[:_START_BYTES])
    refuse_other_files(start, name)
    compression = compressor_of(start)
    if compression is None:
        content, behind = _as_bytes(data), 0
    else:
        unpacked = BytesIO()  # hands out what it holds without a copy
        behind = decompress(data, compression, unpacked.write, name=name, most_bytes=most_bytes)
        content = unpacked.getvalue()
    state = Walk(name, content, trust, len(data), recorded)
    source: Any = BytesIO(content) if isinstance(content, bytes) else content
    source.seek(0)
    machine = Machine(state, source)
    root = _run(machine)
    if machine.proto < rules.OLDEST_PROTOCOL:
        state.refuse(f"pickle protocol {machine.proto}")
    state.ended(root)
    behind += len(content) - source.tell()
    if behind:
        state.refuse(f"{behind:,} bytes follow the end")
    if _is_too_deep(root):
        state.refuse(f"it is nested more than {MOST_LEVELS:,} deep")
    return Dry(
        root,
        machine.proto,
        compression,
        size_bytes=len(data),
        pickle_bytes=len(content),
        globals=tuple(state.globals.values()),
        arrays=tuple(state.arrays),
        refusals=tuple(state.refusals.values()),
    )


def _as_bytes(data: bytes | memoryview) -> bytes:
    """Return what reads as bytes do, of large memory without a copy: a mapping does."""
    if isinstance(data, bytes):
        return data
    whole = data.obj
    is_all = isinstance(whole, mmap.mmap) and len(whole) == data.nbytes
    return cast(bytes, whole) if is_all else bytes(data)


def refuse_other_files(data: bytes, name: str) -> None:
    """Refuse what joblib cannot have written, or wrote before 0.10, and say what it is."""
    if not data:
        raise NotAPipeline(f"'{name}' is empty", hint=_WRITE_AGAIN)
    if data.startswith(_LFS_POINTER):
        raise NotAPipeline(
            f"'{name}' is a Git LFS pointer, not the file that it points to",
            hint="run `git lfs pull`",
        )
    if data.startswith(b"ZF"):
        raise NotAPipeline(f"'{name}' was written by a joblib before 0.10", hint=_WRITE_AGAIN)


def _run(machine: Machine) -> Symbol:
    """Run the machine; what does not even begin as a pickle is no damaged one."""
    try:
        return machine.run()
    except BrokenPipelineFile:
        if machine.walk.data[:1] == b"\x80":
            raise
        reason = f"'{machine.walk.name}' is not a file that joblib wrote"
        raise NotAPipeline(reason, hint=_WRITE_AGAIN) from None


def _is_too_deep(root: Symbol) -> bool:
    """Whether something is only reached through very many containers, the shortest way."""
    level, visited = [root], {id(root)}
    for _ in range(MOST_LEVELS):
        below = {id(part): part for symbol in level for part in _parts(symbol)}
        level = [part for key, part in below.items() if key not in visited]
        visited |= below.keys()
        if not level:
            return False
    return True


def _parts(symbol: Symbol) -> list[Symbol]:
    """Return what a symbol holds, without what holds nothing itself."""
    contents = symbol if isinstance(symbol, (list, tuple)) else ()
    if type(symbol) is Made:
        contents = (symbol.of, symbol.arguments, symbol.state, *symbol.pairs)
    return [part for part in contents if type(part) not in _LEAVES]
