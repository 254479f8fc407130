"""What the guarded loader would refuse, as far as can be told without importing.

Owns the names that a file uses and the reasons that speak against it. The machine in
`dry_machine.py` reports what it meets; what a name may do is said by `rights.py`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from gitmodelstore.pipelines.dry_symbols import NEW, Global, Made, Pairs, Symbol
from gitmodelstore.pipelines.places import (
    FOREIGN_KEYWORDS,
    TYPES_OF_NUMBERS,
    is_type_of_values,
)
from gitmodelstore.pipelines.rights import (
    ARGUMENT,
    CALL,
    FUNCTION,
    METHODS,
    OF_DATA,
    OF_SCIKIT_LEARN,
    STATE,
    TEXT_METHODS,
    VALUE,
    Rights,
    Trust,
    is_like_a_class,
    is_suffix,
    listed,
    may_be_of_scikit_learn,
    may_be_renamed,
    spelled,
)

MOST_REFUSALS = 200  # of one file: a hostile one can give a reason every few bytes
_MOST_TEXT = 120
_MOST_IN_KEY = 100  # items of a tuple

# The classes that are dicts, so that items may be set on their instances.
_DICTS = {
    ("collections", "OrderedDict"),
    ("collections", "Counter"),
    ("collections", "defaultdict"),
    ("sklearn.utils._bunch", "Bunch"),
}
_LISTS = {("collections", "deque")}
_PARTIAL = {("functools", "partial")}
_CALLED_LATER = _PARTIAL | {("numpy", "vectorize")}
_SIMPLE_KEYS = frozenset({str, int, float, bool, bytes, type(None), Global})
# What functools.update_wrapper leaves on numpy.vectorize, and scipy on its distributions.
_KNOWN_DUNDERS = ("__name__", "__doc__")
# What native code reads a model from, and what else it would take for an address.
_BOOSTERS = {("lightgbm.basic", "Booster"), ("xgboost.core", "Booster")}
_BYTES = {("builtins", "bytearray")}
_HANDLES = ("_handle", "handle")
# Of objects, as `rights` lists them, and of scipy's interp1d, as protocol 2 writes them.
_BOUND_METHODS = {name for _, name in METHODS} | {"_call_linear", "_call_linear_np"}
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


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why a file would not be loaded.

    Attributes:
        name: the global that it is about, "os.system"; None when it is about none.
        opcode: as `pickletools` calls it, "REDUCE".
        offset: of the opcode, in what was decompressed.
        reason: what is wrong.
    """

    name: str | None
    opcode: str
    offset: int
    reason: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.opcode} at {self.offset})"


class Rules:
    """The names that one file uses, and what speaks against it.

    Attributes:
        globals: by module and name, in order of appearance.
        refusals: at most `MOST_REFUSALS`, each reason once, where it was met first.
        stated: the objects that were given a state.
    """

    def __init__(self, trust: Trust) -> None:
        self.globals: dict[tuple[str, str], Global] = {}
        self.refusals: dict[tuple[str | None, str, str], Refusal] = {}
        self.stated: list[Made] = []
        self._states: set[int] = set()
        self._trust = trust

    def refuse(self, reason: str, opcode: str, offset: int, name: str | None = None) -> None:
        key = (name, opcode, reason)
        if key not in self.refusals and len(self.refusals) < MOST_REFUSALS:
            self.refusals[key] = Refusal(name, opcode, offset, reason)

    # Names

    def named(self, module: str, name: str, opcode: str, offset: int) -> Global:
        """Return the symbol of a name, the same one each time."""
        found = self.globals.get((module, name))
        if found is None:
            rights, verdict = self._judge(module, name)
            found = Global(module, name, rights, verdict, offset)
            self.globals[module, name] = found
            if rights is None:
                shown = shortened(str(found))
                self.refuse(f"'{shown}' is not a name that may be used", opcode, offset, shown)
        return found

    def _judge(self, module: str, name: str) -> tuple[Rights | None, str]:
        rights = listed(module, name)
        if rights is not None:
            return rights, "listed"
        rights = self._trust.rights(module, name)
        if rights is not None and not self._is_uncovered_function(module, name):
            return rights, "trusted"
        if may_be_of_scikit_learn(module, name):
            return OF_SCIKIT_LEARN, "scikit-learn"
        if may_be_renamed(module, name):
            moved = listed(*spelled(module, name))
            return (moved, "listed") if moved else (OF_DATA, "data")
        return None, "refused"

    def _is_uncovered_function(self, module: str, name: str) -> bool:
        """Whether a name is of a trusted package, which does not cover its functions."""
        if self._trust.names_exactly(module, name):
            return False
        if "." in name and not is_like_a_class(name):
            return True  # a function of a class
        from gitmodelstore.pipelines.trusted_place import names_at  # nobody else needs `ast`

        return names_at(f"{module}.{name}").is_function

    def use(self, symbol: Symbol, right: str, opcode: str, offset: int) -> None:
        """Note that `symbol` is called, instantiated or given a state; it should be a name."""
        if type(symbol) is not Global:
            self.refuse(f"{_DEED[right]} something that is no name", opcode, offset)
            return
        symbol.used.setdefault(right, offset)
        if symbol.rights is not None and right not in symbol.rights.allowed:
            shown = shortened(str(symbol))
            self.refuse(
                f"{_DEED[right]} '{shown}', which may only be: {symbol.rights}",
                opcode,
                offset,
                shown,
            )

    def hold(self, items: Iterable[Symbol], opcode: str, offset: int) -> None:
        """Note which names stand among `items` as values."""
        for item in items:
            if type(item) is Global:
                self.use(item, _way_of_holding(item), opcode, offset)

    # Objects

    def made(self, made: Made, opcode: str, offset: int) -> None:
        """Judge a call, or a new instance."""
        self.use(made.of, NEW if made.way == NEW else CALL, opcode, offset)
        if type(made.arguments) is not tuple:
            self.refuse("arguments that are no tuple", opcode, offset)
            return
        reason = _unfit_arguments(made)
        if reason:
            self.refuse(reason, opcode, offset, _shown(made.of))

    def given_state(self, target: Symbol, state: Symbol, opcode: str, offset: int) -> None:
        """Judge a BUILD."""
        if type(target) is Global:
            shown = shortened(str(target))
            self.refuse(f"state is given to '{shown}' itself", opcode, offset, shown)
        elif type(target) is not Made:
            self.refuse("state is given to what was not made here", opcode, offset)
        else:
            cls = class_of(target)
            if target.state is not None or id(state) in self._states:
                self.refuse("a second state, or one of two objects", opcode, offset, _shown(cls))
            elif type(state) in (tuple, Pairs):
                self.stated.append(target)
                self._states.add(id(state))
            if target.way == NEW or cls is not target.of:
                self.use(cls, STATE, opcode, offset)
            self._judge_state(cls, state, opcode, offset)

    def _judge_state(self, cls: Symbol, state: Symbol, opcode: str, offset: int) -> None:
        parts: tuple[Symbol, ...] = (state,)
        if type(state) is tuple and len(state) == 2 and type(state[1]) is Pairs:
            parts = state
            if not is_one_of(cls, _SLOTS) and not _is_trusted(cls):
                self.refuse("state for slots", opcode, offset, _shown(cls))
        if is_one_of(cls, _PARTIAL) and not _is_state_of_partial(state):
            self.refuse("a partial with arguments that are called or written to", opcode, offset)
        for part in parts:
            if type(part) is Global:
                self.use(part, VALUE, opcode, offset)
            elif type(part) is Pairs:
                self._judge_attributes(part.flat, cls, opcode, offset)

    def _judge_attributes(
        self, flat: Sequence[Symbol], cls: Symbol, opcode: str, offset: int
    ) -> None:
        is_data = type(cls) is Global and cls.verdict == "data"
        for name, value in zip(flat[::2], flat[1::2], strict=True):
            if is_data and type(value) is Global:
                self.refuse("data that is called", opcode, offset, _shown(cls))
            if type(name) is not str:
                continue
            if name.startswith("__") and name.endswith("__") and name not in _KNOWN_DUNDERS:
                reason = f"attribute '{shortened(name)}' in a state"
                self.refuse(reason, opcode, offset, _shown(cls))
            elif name == "_parse_arg_template" and not _is_template(value):
                self.refuse("a template that is not scipy's", opcode, offset, _shown(cls))
            elif name in _HANDLES and is_one_of(cls, _BOOSTERS) and not _is_model(value):
                self.refuse("a model that is neither text nor bytes", opcode, offset, _shown(cls))

    def ended(self, root: Symbol, opcode: str, offset: int) -> None:
        """Judge what the whole file holds; a class of the reader's own may be made in any way."""
        is_object = type(root) is Made and (root.way == NEW or _is_trusted(root.of))
        if not is_object:
            kind = class_of(root) if type(root) is Made else type(root).__name__.lower()
            name = {"pairs": "dict", "items": "set"}.get(str(kind), str(kind))
            self.refuse(f"it holds '{shortened(name)}', not a fitted estimator", opcode, offset)

    # Containers

    def extended(self, target: Symbol, opcode: str, offset: int) -> bool:
        """Judge items that are appended to `target`; say whether it is a list.

        A class of the reader's own may be one too, of which nobody can know here.
        """
        is_list = type(target) is list
        other = target.of if type(target) is Made else None
        takes_items = other is not None and (_is_trusted(other) or is_one_of(other, _LISTS))
        if not is_list and not takes_items:
            self.refuse("items are appended to what is no list", opcode, offset)
        return is_list

    def filled(self, target: Symbol, keys: Sequence[Symbol], opcode: str, offset: int) -> bool:
        """Judge pairs that are set on `target`; say whether it can take them."""
        self.keyed(keys, opcode, offset)
        if type(target) is Pairs:
            return True
        if type(target) is Made and (is_one_of(target.of, _DICTS) or _is_trusted(target.of)):
            return True
        self.refuse("items are set on what is no dict", opcode, offset)
        return False

    def keyed(self, keys: Sequence[Symbol], opcode: str, offset: int) -> None:
        """Judge the keys of a dict, or the items of a set: hashing them must run no code."""
        if _SIMPLE_KEYS.issuperset(map(type, keys)):
            return
        if not all(_is_simple(key) for key in keys):
            self.refuse("a key that is no simple value", opcode, offset)


def _way_of_holding(symbol: Global) -> str:
    """Return the right that holding a name takes: whom it is handed to only the guard sees."""
    rights = symbol.rights
    is_argument = rights is not None and VALUE not in rights.allowed and ARGUMENT in rights.allowed
    return ARGUMENT if is_argument else VALUE


_DEED = {
    CALL: "it calls",
    NEW: "it makes an instance of",
    STATE: "it gives state to an instance of",
    VALUE: "it holds as a value",
    ARGUMENT: "it hands over",
}


def class_of(made: Made) -> Symbol:
    """Return what `made` is an instance of, as far as it shows; the function that makes it else."""
    given = made.arguments
    if is_one_of(made.of, {("copyreg", "_reconstructor")}) and type(given) is tuple and given:
        return given[0]
    return made.of


def is_one_of(symbol: Symbol, names: Collection[tuple[str, str]]) -> bool:
    """Whether `symbol` is a name of that list, however the release that wrote it spelled it."""
    return type(symbol) is Global and symbol.place in names


def shortened(text: str) -> str:
    """Return `text`, printable, and cut where no honest name is as long."""
    if not text.isprintable():
        text = ascii(text[:_MOST_TEXT])[1:-1]
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"


def _shown(symbol: Symbol) -> str | None:
    return shortened(str(symbol)) if type(symbol) is Global else None


def _is_trusted(symbol: Symbol) -> bool:
    return type(symbol) is Global and symbol.verdict == "trusted"


def _is_simple(key: Symbol) -> bool:
    """Whether a key is a scalar, numpy's and the standard library's included, or a flat tuple."""
    if type(key) is tuple:
        return len(key) <= _MOST_IN_KEY and all(map(_is_scalar, key))
    return _is_scalar(key)


def _is_scalar(key: Symbol) -> bool:
    if type(key) is not Made:
        return type(key) in _SIMPLE_KEYS
    return key.way != NEW or _is_trusted(key.of)


def _is_bound_method(given: tuple[Symbol, ...]) -> bool:
    """Whether the arguments of getattr ask for one of the methods that honest pipelines keep."""
    if len(given) != 2 or type(given[1]) is not str:
        return False
    if type(given[0]) is str:
        return is_suffix(given[0], given[1])
    of_text = is_one_of(given[0], {("builtins", "str")})
    return given[1] in (TEXT_METHODS if of_text else _BOUND_METHODS)


def _is_template(value: Symbol) -> bool:
    """Whether a text, which scipy executes, defines what scipy's does and calls nothing else."""
    return type(value) is str and _TEMPLATE.fullmatch(value) is not None


def _is_model(value: Symbol) -> bool:
    is_array = type(value) is Made and is_one_of(value.of, _BYTES)
    return is_array or type(value) in (str, bytes)  # of protocol 5 both kinds of bytes are one


def _unfit_arguments(made: Made) -> str | None:
    """Return what is wrong with the arguments of a callable that is safe with some only."""
    given = made.arguments
    if is_one_of(made.of, {("builtins", "getattr")}) and not _is_bound_method(given):
        return "getattr of an attribute that is not listed"
    if is_one_of(made.of, {("builtins", "bytearray")}) and given and type(given[0]) is int:
        return "a bytearray of a size"
    if is_one_of(made.of, _PARTIAL) and not _is_function(next(iter(given), None)):
        return "a partial of something that is not a listed function"
    return None


def _is_state_of_partial(state: Symbol) -> bool:
    if type(state) is not tuple or len(state) != 4 or type(state[1]) is not tuple:
        return False
    keywords = state[2].flat if type(state[2]) is Pairs else ()
    given = (*state[1], *keywords[1::2])
    is_called = any(
        (type(held) is Global and held.place not in TYPES_OF_NUMBERS)
        or is_partial(held)
        or is_type_of_values(held, _class_name(held), dtype_code(held))
        for held in given
    )
    return not is_called and not any(
        type(key) is str and key in FOREIGN_KEYWORDS for key in keywords[::2]
    )


def _class_name(symbol: Symbol) -> str:
    cls = class_of(symbol) if type(symbol) is Made else None
    return cls.name if type(cls) is Global else ""


def dtype_code(symbol: Symbol) -> str:
    """Return the letters of a dtype of numpy's, "f4"; "" for any other symbol."""
    is_dtype = type(symbol) is Made and is_one_of(symbol.of, {("numpy", "dtype")})
    given = symbol.arguments if is_dtype else ()
    return given[0] if type(given) is tuple and given and type(given[0]) is str else ""


def is_partial(symbol: Symbol) -> bool:
    """Whether `symbol` is a function with arguments, to be called later."""
    return type(symbol) is Made and is_one_of(symbol.of, _CALLED_LATER)


def _is_function(value: Symbol) -> bool:
    """Whether partials may call it: a listed function, or one of the reader's own."""
    if type(value) is Made:
        return is_one_of(value.of, _PARTIAL)
    if type(value) is not Global or value.rights is None:
        return False
    is_own = value.verdict == "trusted"
    return is_own or (value.rights.kind == FUNCTION and value.place[0] != "builtins")
