"""Rows that nobody is in: each column is drawn by itself, from what five rows or more share.

What survives of the test rows, and all that can leak:

- numbers and times: values that five rows or more hold, with their frequency; and
  draws between medians of groups of five rows or more, rounded. No value that one row
  alone holds is drawn, but for a number among numbers so dense that its neighbours
  are taken too, where it tells nothing. Beyond the medians of the outer
  groups nothing is drawn, so that no extreme is told.
- truth values, categories and repeated text: values that five rows or more hold. The
  labels of a categorical dtype are kept where no row or five rows and more hold them,
  being part of the type; others become placeholders.
- text that is mostly distinct: words that occur in five distinct texts or more, in an
  order by chance. Every other word becomes letters and digits by chance, of its length;
  what has no spaces keeps its pattern, such as "AA-9999", if five rows or more have it.
- sparse matrices: which columns five rows or more fill, how many a row fills, and
  values as for numbers.
- the share of missing values in each column, and names and types of the columns.

How columns go together is lost: a row of the sample may be one that cannot be.
"""

from __future__ import annotations

import string
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from gitmodelstore.pipelines.columns import (
    CODE,
    NUMBER,
    OBJECT,
    TEXT,
    TIME,
    Held,
    NoSample,
    object_array,
)
from gitmodelstore.pipelines.placeholders import is_mostly_distinct, placeholders
from gitmodelstore.values.cell import Cell

FEWEST_ROWS = 5  # behind every value that survives
_MOST_GROUPS = 20  # whose medians stand for the distribution
_SECONDS = (86_400, 3_600, 60, 1)


def draw(held: Held, rows: int, chance: Any) -> Held:
    """Return a column of `rows` rows, of the same dtype, that resembles `held`.

    Args:
        held: the column of the test rows.
        rows: how many to draw.
        chance: a RandomState, whose streams no release of numpy changes.

    Raises:
        NoSample: no value is held by enough rows.
    """
    present = held.values[~held.missing]
    drawn = _drawn(held, present, rows, chance)
    missing = _missing(held, rows, chance)
    if drawn is None:
        if not held.can_miss:
            raise NoSample(f"no value of a column is held by {FEWEST_ROWS} rows")
        drawn, missing = np.zeros(rows, dtype=held.values.dtype), np.ones(rows, dtype=bool)
    return held._replace(values=_blanked(held, drawn, missing), missing=missing)


def without_rare_labels(held: Held) -> Held:
    """Return a categorical column whose rare labels are placeholders; needs all rows.

    Raises:
        NoSample: a rare label is neither text nor a number.
    """
    if held.labels is None:
        return held
    labels = held.labels.values
    counts = np.bincount(held.values[~held.missing], minlength=len(labels)).tolist()
    if not any(0 < count < FEWEST_ROWS for count in counts):
        return held
    taken = set(labels)
    chance = np.random.RandomState(0)
    kept = tuple(
        _other_label(label, taken, chance) if 0 < count < FEWEST_ROWS else label
        for label, count in zip(labels, counts, strict=True)
    )
    return held._replace(labels=replace(held.labels, values=kept))


def draw_sparse(matrix: Any, rows: int, chance: Any) -> Any:
    """Return a sparse matrix of `rows` rows that resembles `matrix` (by compressed rows)."""
    from scipy.sparse import csr_matrix

    filled = np.bincount(matrix.indices, minlength=matrix.shape[1])
    pool = matrix.indices[filled[matrix.indices] >= FEWEST_ROWS]
    counts = draw_numbers(np.diff(matrix.indptr), rows, chance)
    if counts is None or not len(pool):
        return csr_matrix((rows, matrix.shape[1]), dtype=matrix.dtype)
    places = [np.unique(pool[chance.randint(0, len(pool), count)]) for count in counts.tolist()]
    indptr = np.cumsum([0, *map(len, places)])
    data = draw_numbers(matrix.data, int(indptr[-1]), chance)
    if data is None:
        raise NoSample(f"fewer than {2 * FEWEST_ROWS} values")
    shape = (rows, matrix.shape[1])
    return csr_matrix((data.astype(matrix.dtype), np.concatenate(places), indptr), shape=shape)


def draw_numbers(values: Any, rows: int, chance: Any) -> Any:
    """Return `rows` numbers that resemble `values`, of the same dtype; None from too few."""
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if not len(finite):
        return None
    found, counts = _counted(finite)
    is_shared = counts >= FEWEST_ROWS
    rest = np.repeat(found[~is_shared], counts[~is_shared])
    share = 1 - len(rest) / len(finite)
    if len(rest) < 2 * FEWEST_ROWS or share >= 0.9:
        if not is_shared.any():
            return None
        return _of_frequent(found[is_shared], counts[is_shared], rows, chance)
    drawn = _between(rest, found[counts == 1], rows, chance)
    if is_shared.any():
        shared = _of_frequent(found[is_shared], counts[is_shared], rows, chance)
        drawn = np.where(chance.random_sample(rows) < share, shared, drawn)
    return drawn


def _drawn(held: Held, present: Any, rows: int, chance: Any) -> Any:
    """Values that are not missing, of the dtype of `present`; None when nothing is common."""
    if held.kind == NUMBER:
        return draw_numbers(present, rows, chance)
    if held.kind == TIME:
        return _times(present, rows, chance)
    if held.kind == TEXT and is_mostly_distinct(present, FEWEST_ROWS):
        return object_array(placeholders(present.tolist(), rows, chance, FEWEST_ROWS))
    if held.kind in (TEXT, OBJECT):
        counter = Counter((type(value), value) for value in present.tolist())
        values = object_array([value for _, value in counter])
        counts = np.array(list(counter.values()), dtype=np.int64)
    else:
        values, counts = _counted(present)
    is_shared = counts >= FEWEST_ROWS
    if not is_shared.any():
        return None
    return _of_frequent(values[is_shared], counts[is_shared], rows, chance)


def _of_frequent(values: Any, counts: Any, rows: int, chance: Any) -> Any:
    places = np.searchsorted(np.cumsum(counts), chance.randint(0, counts.sum(), rows), "right")
    return values[places]


def _between(ordered: Any, alone: Any, rows: int, chance: Any) -> Any:
    """Return numbers between the medians of groups of `ordered`, none of them in `alone`."""
    groups = min(_MOST_GROUPS, len(ordered) // FEWEST_ROWS)
    bounds = np.arange(groups + 1) * len(ordered) // groups
    middle = bounds[:-1] + bounds[1:] - 1
    # Halved before they are added, since the sum of two large numbers may be none.
    medians = ordered[middle // 2] / 2.0 + ordered[(middle + 1) // 2] / 2.0
    places = chance.random_sample(rows) * (groups - 1)
    below = places.astype(int)
    weight = places - below
    exact = medians[below] * (1 - weight) + medians[below + 1] * weight
    if ordered.dtype.kind in "iu":
        return _moved(_whole(exact, ordered.dtype), alone, medians).astype(ordered.dtype)
    if (ordered == np.rint(ordered)).all():
        return _moved(np.rint(exact), alone, medians).astype(ordered.dtype)
    rounded = np.array([f"{value:.6g}" for value in exact.tolist()], dtype=ordered.dtype)
    return np.where(_is_in(rounded, alone), exact.astype(ordered.dtype), rounded)


def _counted(values: Any) -> tuple[Any, Any]:
    """Return the distinct values, ascending, and how often each occurs; as np.unique, sooner."""
    ordered = np.sort(values)
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    if not len(values):
        return ordered, np.zeros(0, dtype=np.int64)
    return ordered[starts], np.diff(np.append(starts, len(ordered)))


def _is_in(values: Any, ordered: Any) -> Any:
    """Where `values` are among `ordered`, which ascend; as np.isin, sooner."""
    if not len(ordered):
        return np.zeros(len(values), dtype=bool)
    places = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    return ordered[places] == values


def _whole(numbers: Any, dtype: Any) -> Any:
    """Round to what fits into the integers of `dtype`, whose largest no float may be."""
    bounds = np.iinfo(dtype)
    return np.rint(np.clip(numbers, bounds.min, np.nextafter(float(bounds.max), 0)))


def _moved(numbers: Any, alone: Any, medians: Any) -> Any:
    """Move whole numbers that one row alone holds to a free one beside them, if there is one."""
    for step in (1, -1, 2, -2, 3, -3):
        taken = _is_in(numbers, alone)
        if not taken.any():
            break
        beside = numbers + step
        is_free = ~_is_in(beside, alone) & (beside > medians[0]) & (beside < medians[-1])
        numbers = np.where(taken & is_free, beside, numbers)
    return numbers


def _times(values: Any, rows: int, chance: Any) -> Any:
    """Times between times, to the day, hour, minute or second if those given are."""
    ticks = values.astype(np.int64)
    unit, many = np.datetime_data(values.dtype)
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}.get(unit)
    steps = [seconds * per_second for seconds in _SECONDS] if per_second and many == 1 else []
    step = next((step for step in steps if len(ticks) and not (ticks % step).any()), 1)
    drawn = draw_numbers(ticks // step, rows, chance)
    return None if drawn is None else (drawn * step).view(values.dtype)


def _missing(held: Held, rows: int, chance: Any) -> Any:
    """Where there is no value: as large a share of rows as before, and never none of some."""
    count = int(np.count_nonzero(held.missing))
    missing = np.zeros(rows, dtype=bool)
    if count:
        share = max(1, round(count / len(held.missing) * rows))
        missing[chance.permutation(rows)[:share]] = True
    return missing


def _blanked(held: Held, values: Any, missing: Any) -> Any:
    """Put into `values` what is missing, the way in which `held` says so."""
    if not missing.any():
        return values
    if held.kind == CODE:
        return np.where(missing, -1, values)
    if held.kind == TIME:
        return np.where(missing, np.array("NaT", dtype=values.dtype), values)
    if held.dtype != "object":
        return values
    blanks = held.values[held.missing]
    values = values.copy()
    for number, place in enumerate(np.flatnonzero(missing)):
        values[place] = blanks[number % len(blanks)]
    return values


def _other_label(label: Cell, taken: set[Cell], chance: Any) -> Cell:
    """Return a label of the same type that is none of `taken`, and take it."""
    other: Cell
    if isinstance(label, str):
        other = "".join(chance.choice(list(string.ascii_lowercase), max(len(label), 4)))
        while other in taken:
            other = f"{other}x"
    elif isinstance(label, (int, float)) and not isinstance(label, bool):
        largest = max(number for number in taken if isinstance(number, (int, float)))
        other = type(label)(largest + 1)
    else:
        raise NoSample("rare labels that are neither text nor numbers")
    taken.add(other)
    return other
