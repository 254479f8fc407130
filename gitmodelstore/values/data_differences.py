"""What differs between a data set as it was recorded and as it is now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitmodelstore.values.manifest import Column, Dataset

ROWS, ORDER = "rows", "order"
ADDED, REMOVED, TYPE, PROFILE = "added", "removed", "type", "profile"

_KEYS = (
    *("missing", "infinite", "unit", "mean", "std", "p01", "p25", "p50", "p75", "p99"),
    *("true", "distinct"),
)


@dataclass(frozen=True, slots=True)
class DataDifference:
    """One thing that differs.

    Attributes:
        what: "rows"; "order", of the columns; or of one column "added", "removed", "type" or
            "profile".
        column: its name; None of rows and order.
        key: of a profile which number, as "mean" or "values.yes"; None of anything else.
        recorded, present: the number of rows, the type, or the number in the profile, then
            and now; None where there is or was none.
    """

    what: str
    column: str | None = None
    key: str | None = None
    recorded: Any = None
    present: Any = None


def data_differences(recorded: Dataset, present: Dataset) -> tuple[DataDifference, ...]:
    """Return what differs, as far as both say anything: rows first, then columns in order."""
    return tuple(_differences(recorded, present))


def _differences(recorded: Dataset, present: Dataset) -> Iterator[DataDifference]:
    rows = recorded.rows, present.rows
    if None not in rows and rows[0] != rows[1]:
        yield DataDifference(ROWS, recorded=rows[0], present=rows[1])
    if recorded.columns is None or present.columns is None:
        return
    before, now = _by_name(recorded.columns), _by_name(present.columns)
    for place, column in before.items():
        if place not in now:
            yield DataDifference(REMOVED, column.name, recorded=column.dtype)
        else:
            yield from _of_column(column, now[place])
    for place, column in now.items():
        if place not in before:
            yield DataDifference(ADDED, column.name, present=column.dtype)
    if [place for place in before if place in now] != [place for place in now if place in before]:
        yield DataDifference(ORDER)


def _by_name(columns: tuple[Column, ...]) -> dict[tuple[str, int], Column]:
    """The columns by name, and which of that name: a target may be named as an input is."""
    seen: Counter[str] = Counter()
    found = {}
    for column in columns:
        found[column.name, seen[column.name]] = column
        seen[column.name] += 1
    return found


def _of_column(before: Column, now: Column) -> Iterator[DataDifference]:
    if before.dtype != now.dtype:
        yield DataDifference(TYPE, before.name, None, before.dtype, now.dtype)
    if before.profile is None or now.profile is None:
        return
    old, new = _flat(before.profile), _flat(now.profile)
    for key in sorted({**old, **new}, key=_place):
        # What only one of two types can have says no more than that they differ.
        is_told = before.dtype == now.dtype or (key in old and key in new)
        if is_told and old.get(key) != new.get(key):
            yield DataDifference(PROFILE, before.name, key, old.get(key), new.get(key))


def _place(key: str) -> tuple[int, str]:
    """Where a number of a profile stands: as `lineage.profile` makes them; shares are last."""
    return (_KEYS.index(key) if key in _KEYS else len(_KEYS)), key


def _flat(profile: Mapping[str, Any]) -> dict[str, Any]:
    """A profile without maps in it: the share of "yes" is `values.yes`."""
    found: dict[str, Any] = {}
    for key, value in profile.items():
        if isinstance(value, Mapping):
            found |= {f"{key}.{name}": share for name, share in value.items()}
        else:
            found[key] = value
    return found
