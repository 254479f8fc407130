"""What people want to know of a pipeline, from the symbols of a dry walk.

Which object stands in which, its settings, and what fitting left: shapes, digests, small
values. The text is the same on every machine and in every run, so that `git diff` can
compare it. How a single value is put into words is the business of `dry_words.py`.

It follows scikit-learn's conventions: what `fit` leaves behind ends with an underscore.
Which settings differ from the defaults cannot be known without importing the class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gitmodelstore.pipelines.dry_rules import class_of, shortened
from gitmodelstore.pipelines.dry_symbols import NEW, Global, Made, Pairs, Symbol
from gitmodelstore.pipelines.dry_words import Words, class_name, items_of

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
class Part:
    """One object of a pipeline.

    Attributes:
        name: in the object around it; "" for the whole.
        class_name: with its module, "sklearn.pipeline.Pipeline".
        columns: what a ColumnTransformer gives it; None elsewhere.
        params: settings, name to text, sorted.
        fitted: what fit left, name to text, sorted.
        parts: the objects inside, in order.
        note: why nothing more is shown of it; None otherwise.
    """

    name: str
    class_name: str
    columns: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    fitted: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    note: str | None = None

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
        named = f"{self.name}: {kind}" if self.name else kind
        return " ".join(filter(None, (named, of, note)))


def summarize(root: Symbol) -> Part:
    """Return what the object `root` is made of."""
    return _Teller().part("", root)


def written_by(root: Symbol) -> str | None:
    """Return the version of scikit-learn that a pipeline says it was fitted with."""
    found = Words().attributes(root).get(_VERSION)
    return shortened(found) if type(found) is str else None


class _Teller:
    """Tells of each object once, so that what is shared, and cycles, end."""

    def __init__(self) -> None:
        self._told: set[int] = set()
        self._words = Words()
        self._left = MOST_FACTS

    def part(self, name: str, symbol: Symbol, level: int = 0, columns: str | None = None) -> Part:
        kind = class_name(symbol)
        if type(symbol) is str:  # "passthrough" or "drop" in the place of an estimator
            return Part(name, shortened(symbol), columns)
        if not _has_parts(symbol):
            return Part(name, kind, columns, note=self._words.line(symbol))
        if id(symbol) in self._told:
            return Part(name, kind, columns, note="(told before)")
        if level > MOST_LEVELS or len(self._told) >= MOST_PARTS:
            return Part(name, kind, columns, note="…")
        self._told.add(id(symbol))
        return self._whole(name, kind, symbol, level, columns)

    def _whole(self, name: str, kind: str, symbol: Symbol, level: int, columns: str | None) -> Part:
        params: dict[str, str] = {}
        fitted: dict[str, str] = {}
        parts: list[Part] = []
        held = _without_doubles(self._words.attributes(symbol))
        for attribute in sorted(held)[: self._left]:
            self._left -= 1
            inside = list(self._inside(attribute, held[attribute], level + 1))
            parts += inside
            if not inside and attribute not in _NOT_TOLD:
                target = params if _is_param(attribute) else fitted
                target[shortened(attribute)] = self._words.line(held[attribute])
        return Part(name, kind, columns, params, fitted, tuple(parts))

    def _inside(self, attribute: str, value: Symbol, level: int) -> Iterator[Part]:
        """Yield the parts that an attribute holds; none when it is a plain value."""
        if _has_parts(value):
            yield self.part(shortened(attribute), value, level)
            return
        items = items_of(value)
        if not 0 < len(items) <= _MOST_INSIDE:
            return
        if all(_is_named(item) for item in items):
            for given, held, *rest in items:
                columns = self._words.line(rest[0]) if rest else None
                yield self.part(shortened(given), held, level, columns)
        elif all(_has_parts(item) for item in items) and self._are_shown(items):
            for index, item in enumerate(items):
                yield self.part(f"{shortened(attribute)}[{index}]", item, level)

    def _are_shown(self, items: list[Symbol]) -> bool:
        """Whether objects are told of one by one; many of a class, and trees, are counted."""
        counted = self._words.counted(items)
        return counted is None or (len(items) <= _MOST_ALIKE and "nodes" not in counted)


def _is_param(attribute: str) -> bool:
    return not attribute.startswith("_") and not attribute.endswith("_")


def _is_named(item: Symbol) -> bool:
    """Whether `item` is an entry of a composition: (name, estimator[, columns])."""
    return (
        type(item) is tuple
        and len(item) in (2, 3)
        and type(item[0]) is str
        and (type(item[1]) in (Made, str))
    )


def _without_doubles(held: Mapping[str, Symbol]) -> Mapping[str, Symbol]:
    """Leave out the estimators as they were given, where those that were fitted are there too."""
    doubles = {name for name in ("transformers", "estimators") if f"{name}_" in held}
    if "named_estimators_" in held:
        doubles.add("estimators_")
    return {name: value for name, value in held.items() if name not in doubles}


def _has_parts(symbol: Symbol) -> bool:
    """Whether `symbol` is an object with attributes of its own to tell of."""
    if type(symbol) is not Made:
        return False
    cls = class_of(symbol)
    is_object = symbol.way == NEW and type(cls) is Global and type(symbol.state) is Pairs
    is_bunch = type(cls) is Global and cls.name == "Bunch" and bool(symbol.pairs)
    return is_bunch or (is_object and cls.module.split(".")[0] not in _VALUES)
