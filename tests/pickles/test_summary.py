"""What is told of a pipeline that was not loaded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor, VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler

from gitmodelstore.pickles.dry import walk
from gitmodelstore.pickles.summary import summarize, written_by
from tests.zoo.specimen import dumped

X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 5.0]])
Y = np.array(["no", "no", "yes", "yes"])


def told(model: Any, **options: Any) -> list[str]:
    return list(summarize(walk(dumped(model, **options)).root).lines())


def test_a_scaler_is_told_fact_by_fact():
    lines = told(StandardScaler(with_std=False).fit(X))

    assert [line for line in lines if "n_samples_seen_" not in line] == [
        "StandardScaler",
        "  copy = True",
        "  with_mean = True",
        "  with_std = False",
        "  mean_ = float64 (2,) [1.5, 1.75]",
        "  n_features_in_ = 2",
        "  scale_ = None",
        "  var_ = None",
    ]


def test_steps_stand_under_their_names():
    lines = told(make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(X, Y))

    assert "  standardscaler: StandardScaler" in lines
    assert "  logisticregression: LogisticRegression" in lines
    assert "    C = 0.5" in lines
    assert "    classes_ = <U3 (2,) ['no', 'yes']" in lines


def test_branches_are_told_with_their_columns():
    table = pd.DataFrame({"age": [1.0, 2.0], "city": ["Oslo", "Lima"], "note": ["a", "b"]})
    parts = [("num", MinMaxScaler(), ["age"]), ("cat", OneHotEncoder(), ["city"])]

    lines = told(ColumnTransformer(parts).fit(table))

    assert [line for line in lines if line.startswith("  ") and ": " in line and "=" not in line][
        :2
    ] == ["  num: MinMaxScaler of ['age']", "  cat: OneHotEncoder of ['city']"]
    assert any(line.startswith("  remainder: drop of") for line in lines)
    assert "  feature_names_in_ = object (3,) ['age', 'city', 'note']" in lines


def test_trees_are_counted():
    forest = told(RandomForestRegressor(20, max_depth=2, random_state=0).fit(X, [1, 2, 3, 4]))
    boosting = told(GradientBoostingClassifier(n_estimators=7, max_depth=1).fit(X, Y))

    counted = [line for line in forest + boosting if line.startswith("  estimators_ = ")]
    assert [line.partition(",")[0] for line in counted] == [
        "  estimators_ = 20 x DecisionTreeRegressor",
        "  estimators_ = 7 x DecisionTreeRegressor",
    ]
    assert counted[1].endswith(", 21 nodes, depth 1")


def test_the_fitted_estimators_of_a_vote_are_told_by_name():
    vote = VotingClassifier([("line", LogisticRegression()), ("bayes", GaussianNB())])

    lines = told(vote.fit(X, Y))

    assert "    line: LogisticRegression" in lines
    assert "    bayes: GaussianNB" in lines


def test_large_values_are_told_by_digest():
    words = [f"w{number}" for number in range(100)]

    lines = told(CountVectorizer().fit(words))

    found = next(line for line in lines if "vocabulary_ =" in line and "fixed" not in line)
    assert found.startswith("  vocabulary_ = dict of 100")


def test_functions_are_told_by_name():
    lines = told(FunctionTransformer(np.log1p).fit(X))

    assert any(line.startswith("  func = numpy.") and line.endswith("log1p") for line in lines)


def test_the_same_pipeline_is_told_the_same_however_it_was_written(estimator):
    assert told(estimator, compress=3) == told(estimator) == told(estimator, protocol=5)


def test_every_line_is_short_and_printable(estimator):
    lines = told(estimator)

    assert max(map(len, lines)) < 300
    assert all(line.isprintable() for line in lines)


def test_what_one_number_changes_is_one_line():
    before = told(LinearRegression().fit(X, [1.0, 2.0, 3.0, 4.0]))
    after = told(LinearRegression(positive=True).fit(X, [1.0, 2.0, 3.0, 4.0]))

    changed = {line for line in before if line not in after}
    assert "  positive = False" in changed
    assert "  n_features_in_ = 2" not in changed


@pytest.mark.parametrize("hidden", ["\x1b[31m", "\u202e", "a\nb"])
def test_hidden_characters_are_escaped(hidden):
    lines = told(LogisticRegression().fit(X, [f"{hidden}1", f"{hidden}1", "no", "no"]))

    assert not [line for line in lines if hidden in line]


def test_the_version_of_scikit_learn_is_told():
    assert written_by(walk(dumped(StandardScaler().fit(X))).root) == sklearn.__version__
    assert written_by(None) is None
