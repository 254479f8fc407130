"""Toy data: small, seeded, with every kind of column that a frame can have."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

ROWS = 48
SEED = 11
WORDS = ("late", "parcel", "refund", "happy", "broken", "again", "thanks", "price")


def _rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


@functools.cache
def numbers() -> np.ndarray:
    """Four columns of about the normal distribution."""
    return _rng().normal(size=(ROWS, 4))


@functools.cache
def positive() -> np.ndarray:
    return np.abs(numbers()) + 0.1


@functools.cache
def counts() -> np.ndarray:
    """Whole numbers from 0 to 4, as categories or frequencies."""
    return _rng().integers(0, 5, (ROWS, 4))


@functools.cache
def gaps() -> np.ndarray:
    """The numbers, every seventh of them missing."""
    held = numbers().copy()
    held.flat[::7] = np.nan
    return held


@functools.cache
def sparse() -> Any:
    """The positive half of the numbers, as a CSR matrix that knows that it is in order."""
    held = scipy.sparse.csr_matrix(np.maximum(numbers(), 0))
    held.sum_duplicates()
    return held


@functools.cache
def binary() -> np.ndarray:
    return (numbers()[:, 0] + numbers()[:, 1] > 0).astype(int)


@functools.cache
def kinds() -> np.ndarray:
    """Three classes with names."""
    return np.array(["bronze", "silver", "gold"])[np.arange(ROWS) % 3]


@functools.cache
def numbered() -> np.ndarray:
    """The three classes as numbers."""
    return np.arange(ROWS) % 3


@functools.cache
def half_known() -> np.ndarray:
    """Binary labels of which every third is unknown, -1."""
    held = binary().copy()
    held[::3] = -1
    return held


@functools.cache
def target() -> np.ndarray:
    return numbers() @ np.array([3.0, -1.0, 0.5, 0.0]) + _rng().normal(size=ROWS) / 10


@functools.cache
def amounts() -> np.ndarray:
    """A target above zero."""
    return np.exp(target() / 4)


@functools.cache
def targets() -> np.ndarray:
    """Two targets a row."""
    return np.column_stack([target(), amounts()])


@functools.cache
def tags() -> np.ndarray:
    """Three yes-or-no labels a row."""
    return (numbers()[:, :3] > 0).astype(int)


@functools.cache
def texts() -> list[str]:
    return [" ".join(words) for words in _rng().choice(WORDS, (ROWS, 5))]


@functools.cache
def records() -> list[dict[str, Any]]:
    """Dictionaries of strings and numbers, as DictVectorizer takes them."""
    return [
        {"first": text.split()[0], "length": len(text), "long": len(text) > 30} for text in texts()
    ]


@functools.cache
def images() -> np.ndarray:
    return _rng().random((3, 8, 8))


@functools.cache
def groups() -> np.ndarray:
    """Six groups of eight rows."""
    return np.arange(ROWS) // 8


@functools.cache
def weights() -> np.ndarray:
    return 1 + _rng().random(ROWS)


@functools.cache
def customers() -> pd.DataFrame:
    """A frame as a data scientist has it: numbers, gaps, words, categories, dates, nullables."""
    rng = _rng()
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, ROWS),
            "income": np.where(np.arange(ROWS) % 9 == 0, np.nan, rng.normal(50, 10, ROWS)),
            "city": rng.choice(["Oslo", "Lima", "Bonn"], ROWS),
            "plan": pd.Categorical(rng.choice(["free", "paid", "gold"], ROWS)),
            "size": pd.Categorical(
                rng.choice(["S", "M", "L"], ROWS), categories=["S", "M", "L"], ordered=True
            ),
            "joined": pd.Timestamp("2024-01-31") + pd.to_timedelta(rng.integers(0, 4, ROWS), "D"),
            "waited": pd.to_timedelta(rng.integers(0, 3, ROWS), "h"),
            "visits": pd.array(rng.integers(0, 4, ROWS), dtype="Int64"),
            "active": pd.array(rng.random(ROWS) > 0.5, dtype="boolean"),
            "note": pd.array(rng.choice(WORDS[:3], ROWS), dtype="string"),
        }
    )


@functools.cache
def gappy_customers() -> pd.DataFrame:
    """The customers with a missing value in each column that can hold one."""
    held = customers().copy()
    for n, name in enumerate(["income", "city", "plan", "size", "visits", "active", "note"]):
        held.loc[held.index[n::8], name] = None
    return held
