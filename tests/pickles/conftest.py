"""Toy data, and fitted estimators of every kind that is written differently."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

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


def texts() -> list[str]:
    return [f"{row.city} {row.plan} customer" for row in people().itertuples()]


def churn() -> Pipeline:
    """What most teams have: numbers and words, prepared apart, then boosting."""
    numeric = Pipeline([("fill", SimpleImputer()), ("scale", StandardScaler())])
    prepare = ColumnTransformer(
        [
            ("num", numeric, ["age", "income"]),
            ("cat", OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]),
        ]
    )
    boosting = GradientBoostingClassifier(n_estimators=5, random_state=0)
    return Pipeline([("prep", prepare), ("clf", boosting)]).fit(people(), answers())


class Keeper(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Keeps whatever it is given, to be pickled with it; learns nothing."""

    def __init__(self, kept: Any = None) -> None:
        self.kept = kept

    def fit(self, X: Any, y: Any = None) -> Keeper:
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Any) -> Any:
        return X


def _sparse_logistic() -> Any:
    X = scipy.sparse.csr_matrix(numbers())
    return LogisticRegression(max_iter=500).fit(X, answers())


def _with_missing_categories() -> Any:
    words = people()[["city"]].astype(object)
    words.iloc[::7] = None
    return OneHotEncoder().fit(words)


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


ZOO: dict[str, Callable[[], Any]] = {
    "churn": churn,
    "forest": lambda: RandomForestRegressor(5, random_state=0).fit(numbers(), answers()),
    "hist": lambda: HistGradientBoostingClassifier(max_iter=5).fit(numbers(), answers()),
    "tfidf": lambda: make_pipeline(TfidfVectorizer(), SGDClassifier()).fit(texts(), answers()),
    "neighbours": lambda: KNeighborsClassifier(algorithm="kd_tree").fit(numbers(), answers()),
    "support": lambda: SVC().fit(numbers(), answers()),
    "sparse": _sparse_logistic,
    "process": lambda: GaussianProcessRegressor(RBF() + WhiteKernel()).fit(
        StandardScaler().fit_transform(numbers()), answers()
    ),
    "isolation": lambda: IsolationForest(n_estimators=5, random_state=0).fit(numbers()),
    "pca": lambda: PCA(2, random_state=np.random.RandomState(1)).fit(numbers()),
    "search": lambda: GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2).fit(numbers(), answers()),
    "function": lambda: make_pipeline(FunctionTransformer(np.log1p), StandardScaler()).fit(
        np.abs(numbers())
    ),
    "categories": _with_missing_categories,
    "oddities": _keeps_oddities,
}


@pytest.fixture(name="people")
def people_() -> pd.DataFrame:
    return people()


@pytest.fixture(name="answers")
def answers_() -> np.ndarray:
    return answers()


@pytest.fixture(params=ZOO)
def estimator(request: pytest.FixtureRequest) -> Any:
    return ZOO[request.param]()


@pytest.fixture
def answer() -> Callable[[Any], bytes]:
    """What a fitted estimator of the zoo answers to rows that it can take, as bytes."""

    def ask(estimator: Any) -> bytes:
        names = list(getattr(estimator, "feature_names_in_", ()))
        is_of_texts = isinstance(getattr(estimator, "steps", [[0, 0]])[0][1], TfidfVectorizer)
        rows = people()[names] if names else texts() if is_of_texts else np.abs(numbers())
        ways = ("predict", "predict_proba", "decision_function", "transform")
        given = [getattr(estimator, way)(rows) for way in ways if hasattr(estimator, way)]
        return b"".join(
            (held.toarray() if scipy.sparse.issparse(held) else held).tobytes() for held in given
        )

    return ask


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
