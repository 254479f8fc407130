"""How far a column has shifted between two data sets: the population stability index.

It is computed from what two manifests record of the column (`lineage/profile.py`), so that
neither data set need be at hand. With p and q the shares of the rows that fall into each
bin, in the first and the second data set,

    PSI = sum over the bins of (q - p) * ln(q / p)

- Numbers, durations and days: the bins end at the quantiles that both profiles record, with
  the values of the first; how many rows of the second lie below is interpolated between its
  own quantiles, on a scale on which the normal distribution is a straight line, and beyond
  the outermost ones that line goes on. Where one value is several quantiles at once, the
  rows below it are known between bounds only, and the shift is the least that fits; but a
  column of 0 and 1 is known by its mean.
- Bools: two bins. Text and categories: one for each value of either, where both profiles
  list their values.
- Rows without a value, or with an infinite one, have a bin of their own if there are any.
- Half a row is added to each bin, so that an empty one does not make the index infinite.

Two samples of the same source differ too: by chance the index exceeds
(1/m + 1/n) * chi2(0.95, bins - 1) once in twenty times, and what is below that is stable.

Source: Siddiqi, Credit Risk Scorecards (Wiley, 2006), for the index and its bounds, 0.1 and
0.25; Yurdakul and Naranjo, "Statistical properties of the population stability index",
Journal of Risk Model Validation 14(4), 2020, for its distribution; Wilson and Hilferty (1931)
for the quantile of chi2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from statistics import NormalDist
from typing import Any

MODERATE, MAJOR = 0.1, 0.25

_NORMAL = NormalDist()
_QUANTILES = {f"p{percent:02}": percent / 100 for percent in range(1, 100)}


@dataclass(frozen=True, slots=True)
class Shift:
    """How far a column has shifted.

    Attributes:
        psi: the population stability index, 0 or more.
        chance: what it exceeds once in twenty times when nothing has shifted.
    """

    psi: float
    chance: float

    @property
    def level(self) -> str:
        """Return "stable", "moderate" (0.1 or more) or "major" (0.25 or more)."""
        if self.psi < MODERATE or self.psi <= self.chance:
            return "stable"
        return "moderate" if self.psi < MAJOR else "major"


def shift(
    before: Mapping[str, Any] | None, rows_before: int, after: Mapping[str, Any] | None, rows: int
) -> Shift | None:
    """Return how far a column has shifted, by two profiles of it.

    Args:
        before: the profile in the first data set; None when it was not looked at.
        rows_before: how many rows that has.
        after, rows: of the second.

    Returns:
        None where the profiles do not say enough.
    """
    if before is None or after is None or not rows_before or not rows:
        return None
    pair = _shares(before, rows_before, after, rows)
    if pair is None:
        return None
    one, other = _with_empty(pair[0], before, rows_before), _with_empty(pair[1], after, rows)
    if not (one[-1] or other[-1]):
        one, other = one[:-1], other[:-1]
    bins = len(one)
    p, q = _smooth(one, rows_before), _smooth(other, rows)
    psi = sum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))
    return Shift(max(psi, 0.0), (1 / rows_before + 1 / rows) * _chi2(bins - 1))


Shares = Sequence[float]


def _shares(
    before: Mapping[str, Any], rows_before: int, after: Mapping[str, Any], rows: int
) -> tuple[Shares, Shares] | None:
    """Return the shares of the values in each bin; None where a profile does not tell them."""
    if "true" in before and "true" in after:
        return tuple([1 - held["true"], held["true"]] for held in (before, after))  # type: ignore[return-value]
    if "values" in before and "values" in after:
        names = sorted({*before["values"], *after["values"]})
        return tuple([held["values"].get(name, 0.0) for name in names] for held in (before, after))  # type: ignore[return-value]
    if before.get("unit") != after.get("unit"):
        return None
    if _is_flag(before, rows_before) and _is_flag(after, rows):
        return [1 - before["mean"], before["mean"]], [1 - after["mean"], after["mean"]]
    common = [name for name in _QUANTILES if name in before and name in after]
    one, other = _curve(before, common), _curve(after, common)
    return _binned(one, other) if one and other else None


def _is_flag(profile: Mapping[str, Any], rows: int) -> bool:
    """Whether a column of numbers holds 0 and 1 alone: no others have that deviation too."""
    held = [value for name, value in profile.items() if name in _QUANTILES]
    values = rows - profile["missing"]
    if not held or set(held) - {0, 1} or "mean" not in profile or values < 2:
        return False
    mean = profile["mean"]
    expected = math.sqrt(max(mean * (1 - mean), 0) * values / (values - 1))
    return math.isclose(profile.get("std", -1), expected, rel_tol=2e-3, abs_tol=1e-9)


# Numbers


@dataclass(frozen=True, slots=True)
class _Point:
    """A value, and the shares of the rows up to it: by the first and the last quantile there."""

    value: float
    first: float
    last: float


def _curve(profile: Mapping[str, Any], names: Sequence[str]) -> list[_Point] | None:
    points: list[_Point] = []
    for name in names:
        value, share = _as_number(profile[name]), _QUANTILES[name]
        if value is None:
            return None
        if points and points[-1].value == value:
            points[-1] = _Point(value, points[-1].first, share)
        else:
            points.append(_Point(value, share, share))
    return points or None


def _as_number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            return float(date.fromisoformat(value).toordinal())
        except ValueError:  # a year beyond 1 to 9999
            return None
    return float(value)


def _binned(one: Sequence[_Point], other: Sequence[_Point]) -> tuple[Shares, Shares]:
    """Return the shares between the values of the first curve, in both."""
    below_one, below_other = [0.0], [0.0]
    repeated = {point.value for point in (*one, *other) if point.first < point.last}
    for point in one:
        first, second = _below(one, point.value), _below(other, point.value)
        if point.value in repeated:
            first, second = _nearest(
                (first, _next(one, point.value)), (second, _next(other, point.value))
            )
        below_one.append(max(first, below_one[-1]))
        below_other.append(max(second, below_other[-1]))
    return _steps([*below_one, 1.0]), _steps([*below_other, 1.0])


def _below(curve: Sequence[_Point], value: float) -> float:
    """Return the share of rows up to `value`."""
    known = next((point for point in curve if point.value == value), None)
    if known is not None:
        return known.last
    if len(curve) == 1:
        return float(value > curve[0].value)
    after = next((place for place, point in enumerate(curve) if point.value > value), len(curve))
    start = min(max(after - 1, 0), len(curve) - 2)  # beyond the ends: the line beside them
    point, following = curve[start : start + 2]
    low, high = _NORMAL.inv_cdf(point.last), _NORMAL.inv_cdf(following.first)
    part = (value - point.value) / (following.value - point.value)
    return _NORMAL.cdf(low + (high - low) * part)


def _next(curve: Sequence[_Point], value: float) -> float:
    """Return the most rows that there can be up to `value`: those below the next quantile."""
    return next((point.first for point in curve if point.value > value), 1.0)


def _nearest(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """Return the numbers of two ranges that lie nearest to each other."""
    lowest = max(one[0], other[0])
    if lowest <= min(one[1], other[1]):
        return lowest, lowest
    return (one[1], other[0]) if one[1] < other[0] else (one[0], other[1])


def _steps(below: Sequence[float]) -> list[float]:
    return [after - before for before, after in pairwise(below)]


# Shares


def _with_empty(shares: Shares, profile: Mapping[str, Any], rows: int) -> list[float]:
    empty = min(1.0, (profile["missing"] + profile.get("infinite", 0)) / rows)
    return [*(share * (1 - empty) for share in shares), empty]


def _smooth(shares: Shares, rows: int) -> list[float]:
    return [(max(share, 0.0) * rows + 0.5) / (rows + 0.5 * len(shares)) for share in shares]


def _chi2(freedom: int) -> float:
    """Return the quantile 0.95 of the chi-squared distribution."""
    if freedom < 1:
        return 0.0
    part = 2 / (9 * freedom)
    return float(freedom * (1 - part + _NORMAL.inv_cdf(0.95) * math.sqrt(part)) ** 3)
