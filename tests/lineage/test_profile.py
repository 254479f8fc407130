"""Profiles tell drift, and no one's record."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitmodelstore.lineage.frames import profile


def test_numbers_have_mean_spread_and_quantiles_but_no_extremes():
    values = pd.Series(np.arange(1000.0))
    values[0] = np.nan

    assert profile(values) == {
        "missing": 1,
        "mean": 500.0,
        "std": 288.5,
        "p01": 10.98,
        "p25": 250.5,
        "p50": 500.0,
        "p75": 749.5,
        "p99": 989.0,
    }


YES = pd.Series(["yes"] * 5 + ["no"] * 15 + [None])
LISTED = {"missing": 1, "distinct": 2, "values": {"no": 0.75, "yes": 0.25}}
DAYS = pd.date_range("2024-01-01 10:00", periods=101, freq="D")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # fewer than five rows say nothing
        (np.array([1.0, 2.0, 3.0, 4.0]), {"missing": 0}),
        (np.array([True, False, False, False]), {"missing": 0}),
        (pd.Series(["a"]), {"missing": 0, "distinct": 1}),
        # nullable integers are integers
        (
            pd.Series([1, 2, 3, 4, 5, None], dtype="Int64"),
            {"missing": 1, "mean": 3.0, "std": 1.581},
        ),
        # infinite values are counted and left out
        (
            np.array([np.inf, 1.0, 1.0, 1.0, 1.0, 1.0]),
            {"missing": 0, "infinite": 1, "mean": 1.0, "std": 0.0},
        ),
        # bools have the share of true
        (pd.Series([True, False, False, False, False]), {"missing": 0, "true": 0.2}),
        # frequent values are listed with their shares
        (YES, LISTED),
        (YES.astype("category"), LISTED),
        # unused categories are not counted
        (
            pd.Series(pd.Categorical([3] * 5, categories=[1, 2, 3])),
            {"missing": 0, "distinct": 1, "values": {"3": 1.0}},
        ),
        # hidden characters of a value are spelled out
        (pd.Series(["a\u202eb"] * 5), {"missing": 0, "distinct": 1, "values": {"a\\u202eb": 1.0}}),
        # times have quantiles to the day, durations are counted in seconds
        (
            pd.Series(DAYS),
            {"missing": 0, "p25": "2024-01-26", "p50": "2024-02-20", "p75": "2024-03-16"},
        ),
        (
            pd.Series(pd.to_timedelta([1, 2, 3, 4, 5], unit="m")),
            {"missing": 0, "unit": "s", "mean": 180.0, "std": 94.87},
        ),
        # mixed objects say only what is missing
        (pd.Series([1, "a", None], dtype=object), {"missing": 1}),
    ],
)
def test_a_column_has_what_its_kind_has(values, expected):
    assert profile(values) == expected


def test_a_quantile_needs_five_rows_on_either_side():
    assert list(profile(np.arange(100.0))) == ["missing", "mean", "std", "p25", "p50", "p75"]
    assert list(profile(np.arange(10.0))) == ["missing", "mean", "std", "p50"]
    assert list(profile(np.arange(5.0))) == ["missing", "mean", "std"]


@pytest.mark.parametrize(
    "values",
    [["yes"] * 50 + ["rare"] * 4, [f"name {number}" for number in range(21)] * 5, ["x" * 81] * 50],
)
def test_rare_many_or_long_values_are_not_listed(values):
    assert "values" not in profile(pd.Series(values))


@given(st.lists(st.floats(), max_size=30))
def test_every_profile_is_json(values):
    found = profile(np.array(values, dtype=np.float64))

    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert "-0.0" not in map(str, found.values())
