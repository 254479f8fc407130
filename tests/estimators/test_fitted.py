"""Claims about what is fitted."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.covariance import GraphicalLassoCV
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

from gitmodelstore.errors import NotAPipeline, UnfittedPipeline
from gitmodelstore.pickles.dump import check_fitted

X = np.arange(12.0).reshape(6, 2)
Y = [0, 1, 0, 1, 0, 1]


class Stateless(BaseEstimator):
    """Somebody's transformer that learns nothing and says nothing about it."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X


class Foreign:
    """An estimator by its methods only."""

    def fit(self, X, y=None):
        self.mean_ = 1
        return self

    def get_params(self, deep=True):
        return {}


def before_a_fitted(step, name="prep"):
    return Pipeline([(name, step), ("clf", LogisticRegression().fit(X, Y))])


def refused(pipeline, error=UnfittedPipeline):
    with pytest.raises(error) as caught:
        check_fitted(pipeline)
    return str(caught.value), caught.value.hint


def test_every_fitted_estimator_passes(estimator):
    check_fitted(estimator)


@pytest.mark.parametrize(
    "stateless", [FunctionTransformer(), Normalizer(), HashingVectorizer(), FeatureHasher()]
)
def test_a_transformer_that_needs_no_fit_passes(stateless):
    check_fitted(stateless)


def test_steps_that_need_no_fit_or_do_not_say_pass():
    steps = [
        ("log", FunctionTransformer()),
        ("own", Stateless()),
        ("none", "passthrough"),
        ("clf", LogisticRegression()),
    ]

    check_fitted(Pipeline(steps).fit(X, Y))


def test_an_estimator_without_scikit_learns_base_passes_once_fitted():
    assert refused(Foreign()) == ("Foreign is not fitted", "call fit before register")

    check_fitted(Foreign().fit(X))


UNFITTED = {
    "LogisticRegression": LogisticRegression(),
    "Pipeline": Pipeline([("scale", StandardScaler()), ("clf", LogisticRegression())]),
    "step 'scale' of the pipeline": before_a_fitted(StandardScaler(), "scale"),
    "step 'prep__not' of the pipeline": before_a_fitted(
        FeatureUnion([("fit", StandardScaler().fit(X)), ("not", StandardScaler())])
    ),
    "step 'prep' of the pipeline": before_a_fitted(
        ColumnTransformer([("scale", StandardScaler(), [0])])
    ),
}


@pytest.mark.parametrize("what", UNFITTED)
def test_what_is_not_fitted_is_refused_by_its_path(what):
    """As a whole where nothing in it is."""
    assert refused(UNFITTED[what]) == (f"{what} is not fitted", "call fit before register")


def test_a_search_without_refit_is_refused():
    assert refused(GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=2, refit=False).fit(X, Y)) == (
        "GridSearchCV holds scores but no fitted estimator",
        "search with refit=True, or register an estimator fitted with `best_params_`",
    )


def test_an_estimator_that_keeps_scores_of_its_own_is_no_search():
    check_fitted(GraphicalLassoCV(cv=2).fit(np.random.default_rng(0).normal(size=(20, 2))))


def test_a_class_is_refused():
    assert refused(LogisticRegression, NotAPipeline) == (
        "'LogisticRegression' is a class, not a fitted estimator",
        "make one of it and fit that: LogisticRegression().fit(X, y)",
    )


@pytest.mark.parametrize(
    ("thing", "words"), [({}, "a dict"), (X, "an ndarray"), (None, "None"), (1, "an int")]
)
def test_something_else_is_refused(thing, words):
    assert refused(thing, NotAPipeline) == (
        f"expected a fitted scikit-learn estimator, found {words}",
        "give the object that `fit` was called on",
    )
