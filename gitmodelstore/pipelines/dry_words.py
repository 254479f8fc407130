"""A single symbol of a dry walk in words: short, on one line, the same everywhere."""

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
_MOST_UNPACKED = 1_000  # lists within lists are one list as far as this
_DIGITS = 8  # of a digest
# How numpy spells its generators of random numbers.
_RANDOM = {"__randomstate_ctor": "RandomState", "__generator_ctor": "Generator"}
_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})


def line_of(symbol: Symbol) -> str:
    """Return `words`, cut where they are too many for a line, with the digest of them all."""
    text = words(symbol)
    return text if len(text) <= _MOST_LINE else f"{text[:_MOST_LINE]}…{_digest(text.encode())}"


def words(symbol: Symbol, level: int = 0) -> str:
    """Return what a reader needs to see of `symbol`."""
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
    array = array_of(symbol)
    if array is not None:
        return _array(array, level)
    if type(symbol) is Made:
        return _made(symbol, level)
    return "something from outside the file" if type(symbol) is Unknown else _held(symbol, level)


def class_name(symbol: Symbol) -> str:
    """Return the dotted name of the class, or of the function that makes `symbol`."""
    if type(symbol) is Made:
        cls = class_of(symbol)
        return shortened(str(cls)) if type(cls) is Global else "something unknown"
    return {Pairs: "dict", Items: "set", Array: "array"}.get(type(symbol), type(symbol).__name__)


def attributes(symbol: Symbol) -> Mapping[str, Symbol]:
    """Return what an object holds by name; nothing for what has no names."""
    if type(symbol) is not Made:
        return {}
    state = symbol.state
    flat = [*symbol.pairs, *(state.flat if type(state) is Pairs else ())]
    return {
        name: value for name, value in zip(flat[::2], flat[1::2], strict=True) if type(name) is str
    }


def items_of(symbol: Symbol) -> list[Symbol]:
    """Return the items of a list, or of an array of objects; none for anything else."""
    if type(symbol) is list:
        return symbol
    array = array_of(symbol)
    return array.content if array and type(array.content) is list else []


def counted_estimators(symbol: Symbol) -> str | None:
    """Return "200 x DecisionTreeRegressor, 5,432 nodes, depth 4" for many trees of one class.

    None where `symbol` is nothing like it. Lists within lists, one for each class, count as one.
    """
    items = items_of(symbol)
    if items and all(type(item) is list for item in items[:_MOST_UNPACKED]):
        items = [inner for item in items if type(item) is list for inner in item]
    kinds = {class_name(item) if type(item) is Made else "" for item in items}
    if len(kinds) != 1 or "" in kinds or not all(attributes(item) for item in items):
        return None
    facts = [_tree(item) for item in items]
    text = f"{len(items):,} x {kinds.pop().rpartition('.')[2]}"
    nodes = sum(count for count, _ in facts)
    deepest = max(depth for _, depth in facts)
    return (
        text + (f", {nodes:,} nodes" if nodes else "") + (f", depth {deepest}" if deepest else "")
    )


def _tree(symbol: Symbol) -> tuple[int, int]:
    """Return how many nodes a tree has and how deep it is; zeros where it is none."""
    held = attributes(symbol)
    held = attributes(held.get("tree_")) or held
    count, depth = held.get("node_count"), held.get("max_depth")
    nodes = array_of(held.get("nodes"))
    if type(count) is not int:
        count = nodes.shape[0] if nodes and nodes.shape else 0
    return min(count, 1 << 40), depth if type(depth) is int and "nodes" in held else 0


def _text(text: str) -> str:
    if len(text) <= _MOST_TEXT:
        return ascii(text) if not text.isprintable() else repr(text)
    return (
        f"{text[:_MOST_TEXT]!a}… {len(text):,} characters{_digest(text.encode('utf-8', 'replace'))}"
    )


def _made(made: Made, level: int) -> str:
    scalar = scalar_of(made)
    if scalar is not None:
        return words(scalar, level + 1) if level < _MOST_LEVELS else "…"
    dtype = dtype_text(made)
    if dtype is not None:
        return dtype
    nodes, depth = _tree(made)
    name = class_name(made).rpartition(".")[2]
    if name in _RANDOM:
        return _RANDOM[name]
    if nodes:
        return f"{name}, {nodes:,} nodes" + (f", depth {depth}" if depth else "")
    given = made.arguments
    if made.way == CALLED and type(given) is tuple and given and level < _MOST_LEVELS:
        return f"{name}({_listed(list(given), level)})"
    return name


def _held(symbol: Symbol, level: int) -> str:
    """Return the words for a list, a tuple, a dict or a set."""
    counted = counted_estimators(symbol) if type(symbol) is list else None
    if counted:
        return counted
    if type(symbol) is Pairs:
        return _pairs(symbol, level)
    if type(symbol) is Items:
        return _set(symbol, level)
    start, end = "[]" if type(symbol) is list else "()"
    if level >= _MOST_LEVELS or len(symbol) > _most(symbol):
        return f"{type(symbol).__name__} of {len(symbol):,}{_digest_of(symbol)}"
    return f"{start}{_listed(symbol, level)}{',' * (start == '(' and len(symbol) == 1)}{end}"


def _listed(items: list[Symbol] | tuple[Symbol, ...], level: int) -> str:
    shown = ", ".join(words(item, level + 1) for item in items[: _most(items)])
    return shown if len(items) <= _most(items) else f"{shown}, … {len(items):,} in all"


def _pairs(pairs: Pairs, level: int) -> str:
    flat, count = pairs.flat, len(pairs.flat) // 2
    if level >= _MOST_LEVELS or count > _MOST_ITEMS:
        return f"dict of {count:,}{_digest_of(flat)}"
    shown = (
        f"{words(key, level + 1)}: {words(value, level + 1)}"
        for key, value in zip(flat[::2], flat[1::2], strict=True)
    )
    return f"{{{', '.join(shown)}}}"


def _set(items: Items, level: int) -> str:
    if level >= _MOST_LEVELS or len(items.held) > _MOST_UNPACKED:
        return f"set of {len(items.held):,}"
    shown = sorted(words(item, level + 1) for item in items.held)  # a set has no order of its own
    if len(shown) > _MOST_ITEMS:
        return f"set of {len(shown):,}{_digest(repr(shown).encode())}"
    return f"{{{', '.join(shown)}}}" if shown else "set()"


def _array(array: Array, level: int) -> str:
    kind = f"{array.dtype} {array.shape}"
    if type(array.content) is list:
        counted = counted_estimators(array.content)
        if counted:
            return counted
        if level >= _MOST_LEVELS or len(array.content) > _most(array.content):
            return kind + _digest_of(array.content)
        return f"{kind} [{_listed(array.content, level)}]"
    values = _values(array)
    return f"{kind} [{values}]" if values else kind + (_digest(array.data) if array.data else "")


def _values(array: Array) -> str | None:
    """Return the few items of a small array, in memory order; None for others."""
    count = prod(array.shape)
    if not 0 < count <= _MOST_ITEMS or len(array.data) == 0:
        return None
    if array.dtype.lstrip("<").startswith("U"):
        return _letters(array, count)
    if array.code is None:
        return None
    try:
        items = struct.iter_unpack(array.code, array.data)
        return ", ".join(_item(item) for (item,) in items)
    except struct.error:
        return None


def _item(value: Symbol) -> str:
    """Return an item of an array; of numbers as many digits as numpy prints."""
    return f"{value:.8g}" if type(value) is float else words(value)


def _letters(array: Array, count: int) -> str | None:
    size = len(array.data) // count
    parts = [bytes(array.data[at : at + size]) for at in range(0, size * count, size or 1)]
    try:
        return ", ".join(words(part.decode("utf-32-le").rstrip("\0")) for part in parts)
    except UnicodeError:
        return None


def _most(items: list[Symbol] | tuple[Symbol, ...]) -> int:
    """Return how many items are shown: more where they are texts, such as names of columns."""
    return _MOST_NAMES if {str}.issuperset(map(type, items)) else _MOST_ITEMS


def _digest(content: bytes | memoryview) -> str:
    return f" sha256:{hashlib.sha256(content).hexdigest()[:_DIGITS]}"


def _digest_of(items: list[Symbol] | tuple[Symbol, ...]) -> str:
    """Return the digest of many plain values; "" where others are among them."""
    if not _PLAIN.issuperset(map(type, items)):
        return ""
    try:
        return _digest(repr(items).encode("utf-8", "replace"))
    except ValueError:  # a number of more digits than Python prints
        return ""
