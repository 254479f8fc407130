"""A few numbers about a column that tell drift from sameness, and no one's record.

Whatever is given rests on at least five rows: no extremes, no rare values, no text
that is mostly distinct.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gitmodelstore.lineage import frames, visible

FEWEST_ROWS = 5  # behind every number and every listed value
MOST_VALUES = 20
_LONGEST_VALUE = 80  # characters; longer ones are prose
_DIGITS = 4  # significant: enough to see drift
_QUANTILES = {"p01": 0.01, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p99": 0.99}
_SECONDS_PER_DAY = 86_400


def profile(column: Any) -> dict[str, Any]:
    """Return summary numbers of one column, as JSON holds them.

    `missing` counts rows without a value. Numbers add `infinite` (rows, when there
    are any), `mean`, `std` (with n - 1) and quantiles `p01` to `p99`, to four
    significant digits; durations the same in seconds, with `unit`; times the
    quantiles as days of UTC. Bools add `true`, the share. Text and categories add
    `distinct`, and `values` with their shares when there are at most 20, each seen
    five times or more. A number that fewer than five rows stand behind, or that is
    not finite, is left out; so is everything but `missing` for other types.
    """
    if frames.logical_type(column) == "str":  # whose canonical form takes long, and tells nothing
        texts = np.asarray(column, dtype=object).reshape(-1)
        missing = _pandas().isna(texts)
        return {"missing": int(missing.sum()), **_labels(*_pandas().factorize(texts[~missing]))}
    encoded = frames.encode(column)
    numbers: dict[str, Any] = {
        "missing": 0 if encoded.missing is None else int(encoded.missing.sum())
    }
    kind = encoded.type.partition("[")[0]
    if kind == "bool":
        values = _kept(encoded.parts[0], encoded)
        if len(values) >= FEWEST_ROWS:
            numbers["true"] = _rounded(float(np.count_nonzero(values)) / len(values))
    elif kind.startswith(("int", "uint", "float")) and kind != "interval":
        numbers |= _numbers(_kept(encoded.parts[0], encoded).astype(np.float64))
    elif kind == "datetime64":
        numbers |= _days(_kept(encoded.parts[0], encoded))
    elif kind == "timedelta64":
        seconds = encoded.parts[0] + encoded.parts[1] / 1e9
        numbers |= {"unit": "s", **_numbers(_kept(seconds, encoded))}
    elif kind == "category":
        if hasattr(column.dtype, "categories"):
            numbers |= _labels(_kept(encoded.parts[1], encoded), column.dtype.categories)
        else:  # a dictionary of Arrow
            values = _kept(np.asarray(column, dtype=object), encoded)
            numbers |= _labels(*_pandas().factorize(values))
    return numbers


def _pandas() -> Any:
    import pandas as pd  # which arrays of numbers do without

    return pd


def _kept(values: Any, encoded: frames.Encoded) -> Any:
    return values if encoded.missing is None else values[~encoded.missing]


def _numbers(values: Any) -> dict[str, Any]:
    finite = values[np.isfinite(values)]
    numbers: dict[str, Any] = {}
    if len(finite) != len(values):
        numbers["infinite"] = len(values) - len(finite)
    if len(finite) < FEWEST_ROWS:
        return numbers
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is left out below
        numbers["mean"] = float(finite.mean())
        numbers["std"] = float(finite.std(ddof=1))
        numbers |= _quantiles(finite)
    return {
        name: value if isinstance(value, int) else _rounded(value)
        for name, value in numbers.items()
        if math.isfinite(value)
    }


def _days(seconds: Any) -> dict[str, Any]:
    days = _quantiles(np.floor_divide(seconds, _SECONDS_PER_DAY))
    return {name: str(np.datetime64(math.floor(day), "D")) for name, day in days.items()}


def _quantiles(values: Any) -> dict[str, float]:
    """The quantiles that have five rows or more on either side, interpolated linearly."""
    last = len(values) - 1
    places = {
        name: share * last
        for name, share in _QUANTILES.items()
        if len(values) * min(share, 1 - share) >= FEWEST_ROWS
    }
    if not places:
        return {}
    needed = {whole(place) for place in places.values() for whole in (math.floor, math.ceil)}
    ordered = np.partition(values, sorted(needed))  # sooner than sorting, at a million rows
    quantiles = {}
    for name, place in places.items():
        below, above = float(ordered[math.floor(place)]), float(ordered[math.ceil(place)])
        quantiles[name] = below + (above - below) * (place - math.floor(place))
    return quantiles


def _labels(codes: Any, labels: Any) -> dict[str, Any]:
    """The profile of texts or categories, by the place of each in `labels`."""
    counts = np.bincount(codes, minlength=len(labels))  # a Counter takes twice as long
    seen = np.flatnonzero(counts).tolist()
    if len(seen) > MOST_VALUES:
        return {"distinct": len(seen)}
    listed = {frames.label_text(labels[code]): int(counts[code]) for code in seen}
    numbers: dict[str, Any] = {"distinct": len(listed)}
    if listed and min(listed.values()) >= FEWEST_ROWS and max(map(len, listed)) <= _LONGEST_VALUE:
        ordered = sorted(listed.items(), key=lambda pair: (-pair[1], pair[0]))
        rows = len(codes)
        numbers["values"] = {visible(value): _rounded(count / rows) for value, count in ordered}
    return numbers


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}") + 0.0  # never -0.0
