"""What people want to know of a pipeline, from the symbols of a dry walk.

Which object stands in which, its settings, and what fitting left (names that end with an
underscore): shapes, digests, small values. The text is the same everywhere, for `git diff`. Which
settings differ from the defaults cannot be known without importing the class.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from gitmodelstore.errors import RefusedPickle, StoreError
from gitmodelstore.pickles import rights
from gitmodelstore.pickles.dry import Dry, walk
from gitmodelstore.pickles.rights import CALL, NEW, Trust, names_at
from gitmodelstore.pickles.symbols import (
    Array,
    Global,
    Items,
    Made,
    Pairs,
    Symbol,
    Unknown,
    array_of,
    class_name,
    class_of,
    dtype_text,
    in_pairs,
    scalar_of,
    shortened,
)
from gitmodelstore.values.manifest import PipelineFacts, Step

# Whether a reader can load a pipeline, and whom he must trust for it: one rule for all who ask.


# Names by which a file says more than the table can: whom it calls with what.
_SAY_MORE = frozenset({"builtins.getattr", "functools.partial", "numpy.vectorize"})
_BOOSTERS = frozenset({"lightgbm.basic.Booster", "xgboost.core.Booster"})


def needs_of_file(data: bytes | memoryview, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that a file's readers must trust, private classes of numpy too."""
    all_names = set(names)
    needed = set(rights.needs_trust(all_names))
    for place in _private(all_names - needed):
        if rights.listed(*place) is None and not _has_kin(*place):
            needed.add(".".join(place))
    if any(map(_is_native, all_names)):
        with suppress(StoreError):  # lz4, which only a load reads
            needed.update(walk(data).needs_trust)
    return tuple(sorted(needed))


def is_told_by_names(names: Iterable[str]) -> bool:
    """Whether names alone tell if a file loads: no open calls, native models, private classes."""
    all_names = set(names)
    return (
        _SAY_MORE.isdisjoint(all_names)
        and not any(map(_is_native, all_names))
        and all(rights.listed(*place) for place in _private(all_names))
    )


def _private(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield module and name of those that releases of numpy, scipy and pandas rename."""
    for module, _, last in (name.rpartition(".") for name in names):
        if rights.may_be_renamed(module, last):
            yield module, last


def _is_native(name: str) -> bool:
    return name in _BOOSTERS or name.startswith("catboost.core.")


def _has_kin(module: str, name: str) -> bool:
    from gitmodelstore.pickles.fast_load import find_known

    try:
        find_known(module, name)
    except (RefusedPickle, ImportError, AttributeError):
        return False
    return True


def way_to_trust(names: Iterable[str], others: Iterable[str] = ()) -> str:
    """Return what a reader types who trusts names; a call must go on to name those `others`."""
    added = list(names)
    them = "it" if len(added) == 1 else "them"
    whole = ", ".join(f"'{name}'" for name in (*others, *added))
    return (
        f"{_too_old(added)}if you trust {them}: trusted=[{whole}] in Python, or "
        f"`gms trust add {' '.join(added)}`; `gms inspect` shows the file without running it"
    )


def _too_old(names: Iterable[str]) -> str:
    """Say that names of the libraries may be newer than our table; nothing of a team's names."""
    from importlib.metadata import PackageNotFoundError, version

    releases = []
    for library in sorted({name.partition(".")[0] for name in names} & rights.GENERAL):
        package = "scikit-learn" if library == "sklearn" else library
        with suppress(PackageNotFoundError):
            releases.append(f"{package} {version(package)}")
    if not releases:
        return ""
    return f"this release of gitmodelstore may be too old for {' and '.join(releases)}; meanwhile, "


def told_whole(refused: RefusedPickle, data: Any, name: str, trust: Trust) -> RefusedPickle:
    """Return a refusal that names all that the reader would have to trust, not only the first."""
    if not refused.needs_trust:
        return refused
    try:
        dry = walk(data, name=name, trust=trust)
    except StoreError:
        return refused
    names = tuple(dict.fromkeys((*refused.needs_trust, *dry.lacks_trust)))
    used = [f"{use.name}." for use in dry.globals]
    trusted = sorted(entry for entry in trust.names if any(u.startswith(f"{entry}.") for u in used))
    return RefusedPickle(
        str(refused),
        name=refused.name,
        opcode=refused.opcode,
        offset=refused.offset,
        hint=way_to_trust(names, trusted),
        needs_trust=names,
    )


def absent(dry: Dry) -> Iterator[str]:
    """Yield what is missing here of what a file names and its reader trusts, importing nothing."""
    trusted = (use.name for use in dry.globals if use.verdict == "trusted")
    yield from dict.fromkeys(filter(None, map(lacks, trusted)))


def lacks(name: str) -> str | None:
    """Return what is missing here of a name, or None; nothing is imported."""
    return names_at(name).lack(name)


def walk_dry(data: bytes | memoryview, name: str, trust: Trust) -> Dry:
    """Return a dry walk; RefusedPickle, LoadError, NotAPipeline as the guarded walk raises."""
    dry = walk(data, name=name, trust=trust)
    if not dry.refusals:
        return dry
    first = dry.refusals[0]
    refused = RefusedPickle(
        f"'{name}' is refused: {first}",
        name=first.name,
        opcode=first.opcode,
        offset=first.offset,
        hint="look at it with `gms inspect`, which runs nothing",
        needs_trust=tuple(name for name in dry.lacks_trust if name == first.name),
    )
    raise told_whole(refused, data, name, trust)


# The symbols of a dry walk in words: short, on one line, the same everywhere.


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


def items_of(symbol: Symbol) -> list[Symbol]:
    """Return the items of a list, or of an array of objects; none for anything else."""
    if type(symbol) is list:
        return symbol
    array = array_of(symbol)
    return array.content if array and type(array.content) is list else []


class Words:
    """Words for the symbols of one file, which must live as long as this does."""

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
        attributes = self._attributes.get(id(symbol))
        if attributes is None:
            state = symbol.state
            flat = [*symbol.pairs, *(state if type(state) is Pairs else ())]
            attributes = {name: value for name, value in in_pairs(flat) if type(name) is str}
            self._attributes[id(symbol)] = attributes
        return attributes

    def counted(self, items: list[Symbol]) -> str | None:
        """Return "200 x DecisionTreeRegressor, 5,432 nodes, depth 4" for items of one class."""
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
        """Return the number of nodes and the depth of a tree; zeros for anything else."""
        attributes = self.attributes(symbol)
        attributes = self.attributes(attributes.get("tree_")) or attributes
        if "nodes" not in attributes:
            return 0, 0
        count, depth = attributes.get("node_count"), attributes.get("max_depth")
        if type(count) is not int:
            nodes = array_of(attributes["nodes"])
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
        if isinstance(symbol, Items):
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
        if not (nodes or is_known) and made.way == CALL and type(given) is tuple and given:
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
        count = len(pairs) // 2
        if level >= _MOST_LEVELS or count > _MOST_ITEMS:
            return f"dict of {count:,}{_digest_of(pairs or ())}"
        shown = (
            f"{self._words(key, level + 1)}: {self._words(value, level + 1)}"
            for key, value in in_pairs(pairs)
        )
        return f"{{{', '.join(shown)}}}"

    def _set(self, items: Items, level: int) -> str:
        if level >= _MOST_LEVELS or len(items) > _MOST_SORTED:
            return f"set of {len(items):,}"
        # A set has no order of its own.
        shown = sorted(self._words(item, level + 1) for item in items)
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
        and made.of.inner.startswith(("newObj", "__pyx_unpickle"))
    ):
        return shortened(str(given[0].inner))
    return class_name(made).rpartition(".")[2]


def _grown(nodes: int, depth: int) -> str:
    return (f", {nodes:,} nodes" if nodes else "") + (f", depth {depth}" if depth else "")


def _text(text: str) -> str:
    if len(text) <= _MOST_TEXT:
        return repr(text) if text.isprintable() else ascii(text)
    digest = _digest(text.encode("utf-8", "backslashreplace"))
    return f"{text[:_MOST_TEXT]!a}… {len(text):,} characters{digest}"


def _values(array: Array) -> str | None:
    count = prod(array.shape)
    if not 0 < count <= _MOST_ITEMS or len(array.data) == 0:
        return None
    if array.dtype.startswith("<U"):
        return _letters(array, count)
    if array.code is None:
        return None
    try:
        items = (item for (item,) in struct.iter_unpack(array.code, array.data))
        # Of numbers as many digits as numpy prints.
        return ", ".join(f"{it:.8g}" if type(it) is float else str(_plain(it)) for it in items)
    except struct.error:
        return None


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


# Summary


MOST_LEVELS = 30  # of parts within parts
_MOST_INSIDE = 100  # parts of a list
MOST_PARTS = 2_000
MOST_FACTS = 20_000  # lines of settings and of what fit left
_MOST_ALIKE = 3  # estimators of one class in a list that are shown one by one

# Not a part of a pipeline: what numpy, scipy and pandas make is a value.
_VALUES = ("numpy", "scipy", "pandas", "builtins", "collections")
_VERSION = "_sklearn_version"
# The version stands elsewhere; the others are an address in memory and notes about renamed keys.
_NOT_TOLD = (_VERSION, "_stop_words_id", "_deprecated_key_to_warnings")


@dataclass(frozen=True, slots=True)
class PipelinePart:
    """One object of a pipeline."""

    name: str  # in the object around it; "" for the whole
    class_name: str  # with its module, "sklearn.pipeline.Pipeline"
    columns: str | None = None  # what a ColumnTransformer gives it
    params: Mapping[str, str] = field(default_factory=dict)  # name to text, sorted
    fitted: Mapping[str, str] = field(default_factory=dict)  # the same of what fit left
    parts: tuple[PipelinePart, ...] = ()
    note: str | None = None  # why nothing more is shown of it

    def lines(self, indent: str = "") -> Iterator[str]:
        """Yield the text, a fact a line."""
        yield indent + self._head()
        for name, text in (*self.params.items(), *self.fitted.items()):
            yield f"{indent}  {name} = {text}"
        for part in self.parts:
            yield from part.lines(indent + "  ")

    def _head(self) -> str:
        kind = self.class_name.rpartition(".")[2]
        note = self.note or ""
        if note.startswith(kind):
            kind, note = note, ""
        of = f"of {self.columns}" if self.columns else ""
        label = f"{self.name}: {kind}" if self.name else kind
        return " ".join(filter(None, (label, of, note)))


def summarize(root: Symbol) -> PipelinePart:
    return _Teller().part("", root)


def written_by(root: Symbol) -> str | None:
    """Return the version of scikit-learn that a pipeline says it was fitted with."""
    version = Words().attributes(root).get(_VERSION)
    return shortened(version) if type(version) is str else None


class _Teller:
    """Tells of each object once, so that what is shared, and cycles, end."""

    def __init__(self) -> None:
        self._told: set[int] = set()
        self._words = Words()
        self._left = MOST_FACTS

    def part(
        self, name: str, symbol: Symbol, level: int = 0, columns: str | None = None
    ) -> PipelinePart:
        kind = class_name(symbol)
        if type(symbol) is str:  # "passthrough" or "drop" in the place of an estimator
            return PipelinePart(name, shortened(symbol), columns)
        if not _has_parts(symbol):
            return PipelinePart(name, kind, columns, note=self._words.line(symbol))
        if id(symbol) in self._told:
            return PipelinePart(name, kind, columns, note="(told before)")
        if level > MOST_LEVELS or len(self._told) >= MOST_PARTS:
            return PipelinePart(name, kind, columns, note="…")
        self._told.add(id(symbol))
        return self._whole(name, kind, symbol, level, columns)

    def _whole(
        self, name: str, kind: str, symbol: Symbol, level: int, columns: str | None
    ) -> PipelinePart:
        params: dict[str, str] = {}
        fitted: dict[str, str] = {}
        parts: list[PipelinePart] = []
        attributes = _without_doubles(self._words.attributes(symbol))
        for attribute in sorted(attributes)[: self._left]:
            self._left -= 1
            inside = list(self._inside(attribute, attributes[attribute], level + 1))
            parts += inside
            if not inside and attribute not in _NOT_TOLD:
                is_param = not attribute.startswith("_") and not attribute.endswith("_")
                target = params if is_param else fitted
                target[shortened(attribute)] = self._words.line(attributes[attribute])
        return PipelinePart(name, kind, columns, params, fitted, tuple(parts))

    def _inside(self, attribute: str, value: Symbol, level: int) -> Iterator[PipelinePart]:
        """Yield the parts that an attribute holds; none when it is a plain value."""
        if _has_parts(value):
            yield self.part(shortened(attribute), value, level)
            return
        items = items_of(value)
        if not 0 < len(items) <= _MOST_INSIDE:
            return
        if all(map(_is_named, items)):
            for given, symbol, *rest in items:
                columns = self._words.line(rest[0]) if rest else None
                yield self.part(shortened(given), symbol, level, columns)
            return
        counted = self._words.counted(items)  # many of a class, and trees, are not told one by one
        is_few = len(items) <= _MOST_ALIKE and "nodes" not in (counted or "")
        if (counted is None or is_few) and all(map(_has_parts, items)):
            for index, item in enumerate(items):
                yield self.part(f"{shortened(attribute)}[{index}]", item, level)


def _is_named(item: Symbol) -> bool:
    """Whether `item` is an entry of a composition: (name, estimator[, columns])."""
    return (
        type(item) is tuple
        and len(item) in (2, 3)
        and type(item[0]) is str
        and (type(item[1]) in (Made, str))
    )


def _without_doubles(attributes: Mapping[str, Symbol]) -> Mapping[str, Symbol]:
    """Leave out the estimators as they were given, where those that were fitted are there too."""
    doubles = {name for name in ("transformers", "estimators") if f"{name}_" in attributes}
    if "named_estimators_" in attributes:
        doubles.add("estimators_")
    return {name: value for name, value in attributes.items() if name not in doubles}


def _has_parts(symbol: Symbol) -> bool:
    """Whether `symbol` is an object with attributes of its own to tell of."""
    if type(symbol) is not Made:
        return False
    cls = class_of(symbol)
    is_object = symbol.way == NEW and type(cls) is Global and type(symbol.state) is Pairs
    is_bunch = type(cls) is Global and cls.inner == "Bunch" and bool(symbol.pairs)
    return is_bunch or (is_object and cls.module.split(".")[0] not in _VALUES)


# What the manifest can say of a file that is not to be run: the facts of a dry walk.


_PIPELINE = "sklearn.pipeline.Pipeline"


@dataclass(frozen=True, slots=True)
class UnrunFile:
    """A file that joblib wrote, looked at without running it."""

    facts: PipelineFacts  # params as text, nothing that needs the classes
    globals: tuple[str, ...]  # the names that loading would look up, sorted


def look_at(path: Path, data: bytes | memoryview) -> UnrunFile:
    """Return what a file says of itself; NotAPipeline, RefusedPickle or LoadError otherwise."""
    needed = walk(data, name=path.name).needs_trust
    dry = walk_dry(data, path.name, Trust.of(needed))
    names = tuple(sorted(use.name for use in dry.globals))
    return UnrunFile(_facts(summarize(dry.root)), names)


def _facts(whole: PipelinePart) -> PipelineFacts:
    last = whole
    while last.class_name == _PIPELINE and last.parts:
        last = last.parts[-1]
    return PipelineFacts(
        class_name=whole.class_name,
        algorithm=last.class_name.rpartition(".")[2],
        steps=_steps(whole),
        params=dict(sorted(_params(whole, ""))),
        tuned=(),
        task=None,
        classes=None,
    )


def _steps(part: PipelinePart) -> tuple[Step, ...]:
    return tuple(Step(step.name, step.class_name, None, _steps(step)) for step in part.parts)


def _params(part: PipelinePart, prefix: str) -> Iterator[tuple[str, str]]:
    for name, text in part.params.items():
        yield f"{prefix}{name}", text
    for step in part.parts:
        yield from _params(step, f"{prefix}{step.name}__")
