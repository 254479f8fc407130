"""Toy data, and fitted estimators of every kind that is written differently."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from tests.zoo import ZOO

ROWS = 60


def people() -> pd.DataFrame:
    """Three columns of numbers and two of words."""
    rng = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, ROWS),
            "income": rng.normal(50.0, 10.0, ROWS),
            "tenure": rng.random(ROWS),
            "city": rng.choice(["Oslo", "Lima", "Bonn"], ROWS),
            "plan": rng.choice(["free", "paid"], ROWS),
        }
    )


def answers() -> np.ndarray:
    return (people()["income"] > 50).to_numpy().astype(int)


def numbers() -> np.ndarray:
    return people()[["age", "income", "tenure"]].to_numpy()


class Keeper(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Keeps whatever it is given, to be pickled with it; learns nothing."""

    def __init__(self, kept: Any = None) -> None:
        self.kept = kept

    def fit(self, X: Any, y: Any = None) -> Keeper:
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Any) -> Any:
        return X


def _keeps_oddities() -> Any:
    column = np.asfortranarray(np.arange(12.0).reshape(3, 4))
    oddities = {
        "fortran": column,
        "view": column[1:, ::2],
        "empty": np.empty((0, 3)),
        "scalar": np.array(3.5),
        "dates": np.array(["2026-01-01", "NaT"], dtype="datetime64[ns]"),
        "structured": np.zeros(2, dtype=[("a", "i4"), ("b", "f8")]),
        "big_endian": np.arange(3, dtype=">i4"),
        "objects": np.array([np.log1p, abs, b"bytes", pd.NA, {1, 2}, np.float32(1)], dtype=object),
        "partial": functools.partial(np.clip, a_min=0),
        "twice": [column, column],
        "frame": people(),
        "state": np.random.RandomState(3),
    }
    return Keeper(oddities).fit(numbers())


# Of the zoo, one of each kind that is written differently.
KINDS = (
    *("frame-logistic", "RandomForestRegressor", "histogram-binary", "text-tfidf-descent"),
    *("near-euclidean-kd-tree", "SVC", "logistic-sparse", "process-scaled", "trees-isolation"),
    *("decomposed-random", "grid-steps", "function-log1p", "encoder-onehot-gaps"),
)


@pytest.fixture(name="people")
def people_() -> pd.DataFrame:
    return people()


@pytest.fixture(name="answers")
def answers_() -> np.ndarray:
    return answers()


@pytest.fixture(params=[*KINDS, "oddities"])
def estimator(request: pytest.FixtureRequest) -> Any:
    if request.param == "oddities":
        return _keeps_oddities()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ZOO[request.param].fit()


@pytest.fixture
def keeper() -> Callable[[Any], Any]:
    """A fitted two-step pipeline whose first step keeps what it is given."""

    def make(kept: Any) -> Pipeline:
        return Pipeline([("keep", Keeper(kept)), ("scale", StandardScaler())]).fit(numbers())

    return make


@pytest.fixture
def in_main(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Any]:
    """Make a class or a function look as if the training script had defined it."""

    def define(thing: Any) -> Any:
        thing.__module__, thing.__qualname__ = "__main__", thing.__name__
        monkeypatch.setattr(sys.modules["__main__"], thing.__name__, thing, raising=False)
        return thing

    return define
