"""The parts of an expression of `search`: each says of a version whether it holds."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from gitmodelstore.values.field_path import FieldPath, Record
from gitmodelstore.values.query_values import contains, order, same

ORDERS: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Condition(Protocol):
    """A part of an expression."""

    def holds(self, record: Record) -> bool: ...


@dataclass(frozen=True, slots=True)
class Both:
    """Parts joined by `and`."""

    parts: tuple[Condition, ...]

    def holds(self, record: Record) -> bool:
        return all(part.holds(record) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Either:
    """Parts joined by `or`."""

    parts: tuple[Condition, ...]

    def holds(self, record: Record) -> bool:
        return any(part.holds(record) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Not:
    """The other answer, where something is missing too."""

    part: Condition

    def holds(self, record: Record) -> bool:
        return not self.part.holds(record)


@dataclass(frozen=True, slots=True)
class IsTrue:
    """A name alone: whether it is true, and nothing else."""

    path: FieldPath

    def holds(self, record: Record) -> bool:
        return self.path.value(record) is True


@dataclass(frozen=True, slots=True)
class IsNull:
    """`path == null`: nothing there, or null."""

    path: FieldPath

    def holds(self, record: Record) -> bool:
        return self.path.value(record) is None


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: a name, or what is compared with one, ready to be compared."""

    path: FieldPath | None
    value: Any
    read: Callable[[Any], Any]

    def of(self, record: Record) -> Any:
        if self.path is None:
            return self.value
        found = self.path.value(record)
        return None if found is None else self.read(found)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left sign right`; false where a version lacks either."""

    left: Side
    sign: str
    right: Side

    def holds(self, record: Record) -> bool:
        found = self.left.of(record)
        asked = self.right.of(record)
        if found is None or asked is None:
            return False
        if self.sign in ("==", "!="):
            return same(found, asked) is (self.sign == "==")
        place = order(found, asked)
        return place is not None and ORDERS[self.sign](place, 0)


@dataclass(frozen=True, slots=True)
class Among:
    """`left in right`: one of a list, or a key of an object; false where either is missing."""

    left: Side
    right: Side

    def holds(self, record: Record) -> bool:
        found = self.left.of(record)
        held = self.right.of(record)
        if found is None or not isinstance(held, (list, dict)):
            return False
        return any(same(found, one) for one in held)


@dataclass(frozen=True, slots=True)
class Contains:
    """`path ~ part`; the part is case-folded."""

    path: FieldPath
    part: str

    def holds(self, record: Record) -> bool:
        return contains(self.path.value(record), self.part)
