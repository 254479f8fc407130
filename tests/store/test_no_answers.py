"""Estimators that answer in few ways, or in none: registered with a word about it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import (
    DBSCAN,
    HDBSCAN,
    OPTICS,
    AgglomerativeClustering,
    KMeans,
    SpectralClustering,
)
from sklearn.ensemble import IsolationForest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.manifold import TSNE
from sklearn.multioutput import MultiOutputRegressor
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler
from sklearn.svm import OneClassSVM

from gitmodelstore import Store

X = np.random.RandomState(0).rand(60, 3)
TEXTS = ["good film", "bad film", "a nice one", "awful"] * 15
ANSWERS_TO_NOTHING = [
    DBSCAN(),
    AgglomerativeClustering(),
    TSNE(perplexity=5, n_iter_without_progress=1),
    OPTICS(),
    SpectralClustering(2),
    HDBSCAN(copy=True),
    LocalOutlierFactor(),
]
ANSWERS = [
    (KMeans(2, n_init=1), X, None, "predict"),
    (IsolationForest(n_estimators=3), X, None, "predict"),
    (OneClassSVM(), X, None, "predict"),
    (LocalOutlierFactor(novelty=True), X, None, "predict"),
    (StandardScaler(), X, None, "transform"),
    (MultiOutputRegressor(Ridge()), X, X[:, :2], "predict"),
    (LabelEncoder(), ["yes", "no"] * 30, None, "transform"),
    (TfidfVectorizer(), TEXTS, None, "transform"),
    (make_pipeline(TfidfVectorizer(), MultinomialNB()), TEXTS, [0, 1] * 30, "predict_proba"),
]


@pytest.fixture
def noting(store, notes) -> Store:
    return Store.open(store.path, durable=False, notify=notes.append)


def named(value: Any) -> str:
    return type(value).__name__ if hasattr(value, "fit") else ""


@pytest.mark.parametrize("estimator", ANSWERS_TO_NOTHING, ids=named)
def test_of_one_that_cannot_answer_no_sample_is_kept_and_that_is_said(noting, notes, estimator):
    pipeline = make_pipeline(StandardScaler(), estimator).fit(X)
    word = f"no sample is kept to replay: {type(estimator).__name__} has neither predict nor"

    noting.register(pipeline, "groups", code=None)
    with_rows = noting.register(pipeline, "groups", X_test=X, code=None)

    assert [note for note in notes if "sample" in note] == [f"{word} transform"] * 2
    assert noting.show(with_rows).artifact("sample.json") is None
    assert noting.load(with_rows).steps[-1][1].get_params() == estimator.get_params()
    notes.clear()
    noting.register(pipeline, "quiet", X_test=X, sample=None, code=None)
    assert [note for note in notes if "sample" in note] == []


@pytest.mark.parametrize(("estimator", "rows", "y", "method"), ANSWERS, ids=named)
def test_of_one_that_answers_somehow_a_sample_is_kept(noting, notes, estimator, rows, y, method):
    fitted = estimator.fit(rows) if y is None else estimator.fit(rows, y)
    version = noting.register(fitted, "other", X_test=rows, code=None)

    assert [note for note in notes if "sample" in note] == []
    (verified,) = noting.verify(version, replay=True).versions
    assert verified.is_sound
    assert method in [one.method for one in verified.replay.comparisons]
