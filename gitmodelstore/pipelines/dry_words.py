"""The symbols of a dry walk in words: short, on one line, the same everywhere.

A hostile file can hold one large thing in a hundred thousand places, so whatever is said
of a symbol is said once and remembered.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from math import prod

from gitmodelstore.pipelines.dry_arrays import array_of, dtype_text, scalar_of
from gitmodelstore.pipelines.dry_rules import class_of, shortened
from gitmodelstore.pipelines.dry_symbols import (
    CALLED,
    Array,
    Global,
    Items,
    Made,
    Pairs,
    Symbol,
    Unknown,
)

_MOST_ITEMS = 8  # of a list that are shown
_MOST_NAMES = 60  # of texts, which are names of columns
_MOST_TEXT = 80
_MOST_LINE = 240
_MOST_BITS = 256
_MOST_LEVELS = 3
_MOST_SORTED = 1_000
_MOST_HASHED = 1 << 26  # characters of texts in a list
_DIGITS = 8  # of a digest
_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})
# How numpy spells its generators of random numbers.
_RANDOM = {"__randomstate_ctor": "RandomState", "__generator_ctor": "Generator"}


def class_name(symbol: Symbol) -> str:
    """Return the dotted name of the class, or of the function that makes `symbol`."""
    if type(symbol) is Made:
        cls = class_of(symbol)
        return shortened(str(cls)) if type(cls) is Global else "something unknown"
    return {Pairs: "dict", Items: "set", Array: "array"}.get(type(symbol), type(symbol).__name__)


def items_of(symbol: Symbol) -> list[Symbol]:
    """Return the items of a list, or of an array of objects; none for anything else."""
    if type(symbol) is list:
        return symbol
    array = array_of(symbol)
    return array.content if array and type(array.content) is list else []


class Words:
    """What is said of the symbols of one file, which must live as long as this does."""

    def __init__(self) -> None:
        self._said: dict[tuple[int, int], str] = {}
        self._counted: dict[int, str | None] = {}
        self._attributes: dict[int, Mapping[str, Symbol]] = {}

    def line(self, symbol: Symbol) -> str:
        """Return what a reader needs to see of `symbol`, cut where it is too long for a line."""
        text = self._words(symbol, 0)
        return text if len(text) <= _MOST_LINE else f"{text[:_MOST_LINE]}…{_digest(text.encode())}"

    def attributes(self, symbol: Symbol) -> Mapping[str, Symbol]:
        """Return what an object holds by name; nothing for what has no names."""
        if type(symbol) is not Made:
            return {}
        found = self._attributes.get(id(symbol))
        if found is None:
            state = symbol.state
            flat = [*symbol.pairs, *(state.flat if type(state) is Pairs else ())]
            pairs = zip(flat[::2], flat[1::2], strict=True)
            found = {name: value for name, value in pairs if type(name) is str}
            self._attributes[id(symbol)] = found
        return found

    def counted(self, items: list[Symbol]) -> str | None:
        """Return "200 x DecisionTreeRegressor, 5,432 nodes, depth 4" for objects of one class.

        None where the items are nothing like it. Lists within the list, one for each class
        of labels, count as one.
        """
        if id(items) not in self._counted:
            self._counted[id(items)] = self._count(items)
        return self._counted[id(items)]

    def _count(self, items: list[Symbol]) -> str | None:
        if items and all(type(item) is list and len(item) < _MOST_SORTED for item in items):
            items = [inner for item in items for inner in item]
        kinds = {class_name(item) if type(item) is Made else "" for item in items}
        if len(kinds) != 1 or "" in kinds or not all(map(self.attributes, items)):
            return None
        facts = [self._tree(item) for item in items]
        text = f"{len(items):,} x {kinds.pop().rpartition('.')[2]}"
        return text + _grown(sum(nodes for nodes, _ in facts), max(depth for _, depth in facts))

    def _tree(self, symbol: Symbol) -> tuple[int, int]:
        """Return how many nodes a tree has and how deep it is; zeros where it is none."""
        held = self.attributes(symbol)
        held = self.attributes(held.get("tree_")) or held
        if "nodes" not in held:
            return 0, 0
        count, depth = held.get("node_count"), held.get("max_depth")
        if type(count) is not int:
            nodes = array_of(held["nodes"])
            count = nodes.shape[0] if nodes and nodes.shape else 0
        return min(count, 1 << 40), min(depth, 1 << 40) if type(depth) is int else 0

    def _words(self, symbol: Symbol, level: int) -> str:
        """Return the words for what is a part of the file; they are remembered by its identity."""
        key = id(symbol), level
        if key not in self._said:
            self._said[key] = _plain(symbol) or self._of_whole(symbol, level)
        return self._said[key]

    def _of_whole(self, symbol: Symbol, level: int) -> str:
        array = array_of(symbol)
        if array is not None:
            return self._array(array, level)
        if type(symbol) is Made:
            return self._made(symbol, level)
        if type(symbol) is Pairs:
            return self._pairs(symbol, level)
        if type(symbol) is Items:
            return self._set(symbol, level)
        if type(symbol) is list:
            return self.counted(symbol) or f"{self._sequence(symbol, level, '[]', 'list')}"
        return self._sequence(symbol, level, "()", "tuple")

    def _made(self, made: Made, level: int) -> str:
        scalar = scalar_of(made)
        if scalar is not None:
            return _plain(scalar) or "an object"
        name = _made_class(made)
        special = dtype_text(made) or _RANDOM.get(name)
        if special:
            return special
        nodes, depth = self._tree(made)
        given = made.arguments
        is_known = name != class_name(made).rpartition(".")[2]
        if not (nodes or is_known) and made.way == CALLED and type(given) is tuple and given:
            return f"{name}({self._listed(given, level)})" if level < _MOST_LEVELS else name
        return name + _grown(nodes, depth)

    def _sequence(
        self, items: list[Symbol] | tuple[Symbol, ...], level: int, brackets: str, kind: str
    ) -> str:
        if level >= _MOST_LEVELS or len(items) > _most(items):
            return f"{kind} of {len(items):,}{_digest_of(items)}"
        comma = "," if kind == "tuple" and len(items) == 1 else ""
        return f"{brackets[0]}{self._listed(items, level)}{comma}{brackets[1]}"

    def _listed(self, items: list[Symbol] | tuple[Symbol, ...], level: int) -> str:
        most = _most(items)
        shown = ", ".join(self._words(item, level + 1) for item in items[:most])
        return shown if len(items) <= most else f"{shown}, … {len(items):,} in all"

    def _pairs(self, pairs: Pairs, level: int) -> str:
        flat, count = pairs.flat, len(pairs.flat) // 2
        if level >= _MOST_LEVELS or count > _MOST_ITEMS:
            return f"dict of {count:,}{_digest_of(flat)}"
        shown = (
            f"{self._words(key, level + 1)}: {self._words(value, level + 1)}"
            for key, value in zip(flat[::2], flat[1::2], strict=True)
        )
        return f"{{{', '.join(shown)}}}"

    def _set(self, items: Items, level: int) -> str:
        if level >= _MOST_LEVELS or len(items.held) > _MOST_SORTED:
            return f"set of {len(items.held):,}"
        # A set has no order of its own.
        shown = sorted(self._words(item, level + 1) for item in items.held)
        if len(shown) > _MOST_ITEMS:
            return f"set of {len(shown):,}{_digest(repr(shown).encode())}"
        return f"{{{', '.join(shown)}}}" if shown else "set()"

    def _array(self, array: Array, level: int) -> str:
        kind = f"{array.dtype} {array.shape}"
        if type(array.content) is not list:
            values = _values(array)
            return f"{kind} [{values}]" if values else kind + _digest(array.data)
        counted = self.counted(array.content)
        if counted:
            return counted
        if level >= _MOST_LEVELS or len(array.content) > _most(array.content):
            return kind + _digest_of(array.content)
        return f"{kind} [{self._listed(array.content, level)}]"


def _plain(symbol: Symbol) -> str | None:
    """Return the words for a value without parts; None for one that has some."""
    if symbol is None or type(symbol) is bool or type(symbol) is float:
        return repr(symbol)
    if type(symbol) is int:
        bits = symbol.bit_length()
        return str(symbol) if bits <= _MOST_BITS else f"a number of {bits} bits"
    if type(symbol) is str:
        return _text(symbol)
    if type(symbol) is bytes:
        return f"{len(symbol):,} bytes{_digest(symbol)}"
    if type(symbol) is Global:
        return shortened(str(symbol))
    return "something from outside the file" if type(symbol) is Unknown else None


def _made_class(made: Made) -> str:
    """Return the name of the class; a function that makes an object is often told which."""
    given = made.arguments
    is_told = type(given) is tuple and len(given) > 0 and type(given[0]) is Global
    if (
        is_told
        and type(made.of) is Global
        and made.of.name.startswith(("newObj", "__pyx_unpickle"))
    ):
        return shortened(str(given[0].name))
    return class_name(made).rpartition(".")[2]


def _grown(nodes: int, depth: int) -> str:
    return (f", {nodes:,} nodes" if nodes else "") + (f", depth {depth}" if depth else "")


def _text(text: str) -> str:
    if len(text) <= _MOST_TEXT:
        return repr(text) if text.isprintable() else ascii(text)
    digest = _digest(text.encode("utf-8", "backslashreplace"))
    return f"{text[:_MOST_TEXT]!a}… {len(text):,} characters{digest}"


def _values(array: Array) -> str | None:
    """Return the few items of a small array, in memory order; None for others."""
    count = prod(array.shape)
    if not 0 < count <= _MOST_ITEMS or len(array.data) == 0:
        return None
    if array.dtype.startswith("<U"):
        return _letters(array, count)
    if array.code is None:
        return None
    try:
        return ", ".join(_item(item) for (item,) in struct.iter_unpack(array.code, array.data))
    except struct.error:
        return None


def _item(value: Symbol) -> str:
    """Return an item of an array; of numbers as many digits as numpy prints."""
    return f"{value:.8g}" if type(value) is float else str(_plain(value))


def _letters(array: Array, count: int) -> str | None:
    size = len(array.data) // count
    if not size:
        return None
    parts = (bytes(array.data[at : at + size]) for at in range(0, size * count, size))
    try:
        return ", ".join(_text(part.decode("utf-32-le").rstrip("\0")) for part in parts)
    except UnicodeError:
        return None


def _most(items: list[Symbol] | tuple[Symbol, ...]) -> int:
    """Return how many items are shown: more where they are texts, such as names of columns."""
    is_names = _MOST_ITEMS < len(items) <= _MOST_NAMES and {str}.issuperset(map(type, items))
    return _MOST_NAMES if is_names else _MOST_ITEMS


def _digest(content: bytes | memoryview) -> str:
    """Return the beginning of a digest, behind a space; "" for nothing."""
    return f" sha256:{hashlib.sha256(content).hexdigest()[:_DIGITS]}" if len(content) else ""


def _digest_of(items: list[Symbol] | tuple[Symbol, ...]) -> str:
    """Return the digest of many plain values; "" where there are others, or too much of them."""
    if not _PLAIN.issuperset(map(type, items)):
        return ""
    size = 0
    for item in items:
        if type(item) is int and item.bit_length() > _MOST_BITS:
            return ""
        size += len(item) if type(item) is str or type(item) is bytes else 0
    if size > _MOST_HASHED:
        return ""
    return _digest(repr(items).encode("utf-8", "backslashreplace"))
