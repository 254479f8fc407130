"""Claims about the plain form of a param."""

from __future__ import annotations

import functools
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from gitmodelstore.estimators.describe import plain


class Anything:
    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


class Broken:
    def __repr__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (2**53, "9007199254740992"),
        (0.5, 0.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.datetime64("2026-01-02"), "2026-01-02"),
        (np.array(2.5), 2.5),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([np.nan, "a"], dtype=object), ["nan", "a"]),
        ((1, [2, {"b": 1, "a": np.nan}]), [1, [2, {"a": "nan", "b": 1}]]),
        ({3, 1, "a"}, [1, 3, "a"]),
        ({None: 1, 2: 3, "a": 4}, {"2": 3, "a": 4, "null": 1}),
        (len, "builtins.len"),
        (np.log1p, "numpy.log1p"),
        (np.float64, "numpy.float64"),
        (np.dtype("int32"), "int32"),
        (pd.NA, "<NA>"),
        (Ridge(), "sklearn.linear_model._ridge.Ridge"),
        (functools.partial(np.clip, 1, a_min=0), "numpy.clip(…, 1, a_min=0)"),
        (1 + 2j, "(1+2j)"),
        (Anything("<Thing at 0x7f00aa>"), "<Thing>"),
        (Anything("a\n  b"), "a b"),
        (Anything("x" * 300), "x" * 199 + "…"),
        (Broken(), "<Broken>"),
        ("\u202eevil", r"'\u202eevil'"),
        ("tab\tand\nline", "tab\tand\nline"),
    ],
)
def test_a_value_has_one_plain_form(value, expected):
    found = plain(value)

    assert found == expected
    assert type(found) is type(expected)
    json.dumps(found, allow_nan=False)


def test_large_values_are_named_by_kind_size_and_digest():
    ones = plain(np.ones((100, 3)))

    assert ones.startswith("float64 array of shape (100, 3), sha256:")
    assert ones == plain(np.asfortranarray(np.ones((100, 3))))
    assert ones != plain(np.zeros((100, 3)))
    assert plain(list(range(99))).startswith("list of 99, sha256:")
    assert plain({str(i): i for i in range(99)}).startswith("dict of 99, sha256:")
    assert plain("ab" * 600).startswith("abab")
    assert len(plain("ab" * 600)) < 300


def test_a_random_state_is_told_by_where_it_stands():
    state = np.random.RandomState(1)
    before = plain(state)
    state.random_sample()

    assert before == plain(np.random.RandomState(1))
    assert before.startswith("RandomState, sha256:")
    assert plain(state) != before


def test_what_holds_itself_ends():
    endless = []
    endless.append(endless)

    json.dumps(plain(endless))
