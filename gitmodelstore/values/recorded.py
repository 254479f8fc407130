"""The recorded answers of two versions to the same rows, compared without loading either.

Two samples hold the same rows where both were drawn from the same test data.
"""

from __future__ import annotations

import math

from gitmodelstore.values.cell import Cell
from gitmodelstore.values.diff_parts import AnswerChange
from gitmodelstore.values.sample import (
    ABSOLUTE,
    DIFFERENT,
    IDENTICAL,
    RELATIVE,
    WITHIN,
    Block,
    Sample,
)


def hold_same_rows(one: Sample, other: Sample) -> bool:
    """Return whether two samples ask the same, in the same form."""
    return (one.form, one.rows, one.columns, one.block) == (
        other.form,
        other.rows,
        other.columns,
        other.block,
    )


def compare_recorded(one: Sample, other: Sample) -> tuple[AnswerChange, ...]:
    """Return how the recorded answers of two samples of the same rows differ.

    Methods that only one of the two has are left out.
    """
    known = {answer.method: answer.block for answer in other.answers}
    return tuple(
        _compare(answer.method, answer.block, known[answer.method])
        for answer in one.answers
        if answer.method in known
    )


def _compare(method: str, one: Block, other: Block) -> AnswerChange:
    if one.shape != other.shape:
        return AnswerChange(method, DIFFERENT, why=f"shape {one.shape}, then {other.shape}")
    before, after = _cells(one), _cells(other)
    empty: Cell = 0.0 if one.places is not None else None
    across = math.prod(one.shape[1:])
    rows, largest, exact = set(), 0.0, one.dtype == other.dtype
    for place in before.keys() | after.keys():
        gap, is_same = _gap(before.get(place, empty), after.get(place, empty))
        exact = exact and is_same
        if gap is None:  # labels, or no number in one of the two
            rows.add(place // across)
            continue
        largest = max(largest, gap)
        if gap > ABSOLUTE + RELATIVE * abs(_finite(before.get(place, empty))):
            rows.add(place // across)
    outcome = DIFFERENT if rows else IDENTICAL if exact else WITHIN
    return AnswerChange(method, outcome, len(rows), largest)


def _cells(block: Block) -> dict[int, Cell]:
    places = block.places if block.places is not None else range(len(block.values))
    return dict(zip(places, block.values, strict=True))


def _gap(before: Cell, after: Cell) -> tuple[float | None, bool]:
    """Return how far two answers lie apart, and whether they are the same.

    None where they are not both floats, and not equal: labels and whole numbers must be.
    """
    if type(before) is float and type(after) is float and before != after:
        gap = abs(after - before)
        return (math.inf if math.isnan(gap) else gap), False
    is_same = _kind(before) == _kind(after) and before == after
    return (0.0 if is_same else None), is_same


def _kind(cell: Cell) -> type:
    """Numbers are of one kind; 1 is neither "1" nor True."""
    return float if type(cell) is int else type(cell)


def _finite(value: Cell) -> float:
    return value if isinstance(value, float) and math.isfinite(value) else 0.0
