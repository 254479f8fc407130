"""Claims about two pipelines that are asked the same rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from gitmodelstore.estimators.replay import contrast
from gitmodelstore.values.diff import AnswerChange, Answers

NAMES = ("the one", "the other")
X, Y = load_wine(return_X_y=True, as_frame=True)


def ask(one, other, rows=X) -> Answers:
    return contrast((one, other), NAMES, rows, "test rows")


def test_a_pipeline_and_itself():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)

    found = ask(pipeline, pipeline)

    assert found == Answers(
        "test rows",
        178,
        False,
        (AnswerChange("predict", "identical"), AnswerChange("predict_proba", "identical")),
    )


def test_rows_that_differ_are_counted_and_the_rows_are_left_as_they_are():
    one = make_pipeline(StandardScaler(copy=False), LogisticRegression()).fit(X.copy(), Y)
    other = make_pipeline(StandardScaler(), LogisticRegression(C=0.001)).fit(X, Y)
    before = X.copy()

    labels, chances = ask(one, other).methods

    pd.testing.assert_frame_equal(X, before)
    expected = one.predict(X.copy()) != other.predict(X)
    assert (labels.outcome, labels.rows) == ("different", int(expected.sum()))
    gap = np.abs(one.predict_proba(X.copy()) - other.predict_proba(X))
    assert chances.rows == 178
    assert chances.largest == pytest.approx(gap.max())


def test_more_rows_than_are_compared_at_once():
    rows, answers = np.arange(5000.0).reshape(-1, 1), np.arange(5000.0)
    one, other = Ridge().fit(rows, answers), Ridge().fit(rows, answers)
    other.intercept_ += 1e-12
    within = ask(one, other, rows).methods[0]
    other.coef_ = other.coef_ + 1e-5

    different = ask(one, other, rows).methods[0]

    assert within.outcome == "within tolerance"
    gap = np.abs(one.predict(rows) - other.predict(rows))
    expected = gap > 1e-9 + 1e-6 * np.abs(one.predict(rows))
    assert (different.outcome, different.rows) == ("different", int(expected.sum()))
    assert different.largest == pytest.approx(gap.max())


def test_sparse_answers():
    lines = [f"good fine {n}" for n in range(20)]
    one, other = TfidfVectorizer().fit(lines), TfidfVectorizer(sublinear_tf=True).fit(lines)

    assert ask(one, one, lines).methods == (AnswerChange("transform", "identical"),)
    assert ask(one, other, ["good good fine"]).methods[0].rows == 1


def test_only_what_both_can_answer_is_asked():
    one, other = LogisticRegression(max_iter=900).fit(X / 100, Y), LinearSVC().fit(X / 100, Y)

    assert [held.method for held in ask(one, other, X / 100).methods] == ["predict"]


def test_nothing_in_common():
    found = ask(PCA(2).fit(X), LinearSVC().fit(X / 100, Y))

    assert (found.methods, found.why) == ((), "the two have no method in common")


def test_each_gets_its_own_columns_in_its_own_order():
    few = ["hue", "alcohol"]
    one, other = LinearSVC().fit(X[few], Y), LinearSVC().fit(X[few[::-1]], Y)

    assert ask(one, other).why is None
    assert ask(one, one).methods[0].outcome == "identical"


def test_who_cannot_answer_is_named():
    cancer, ill = load_breast_cancer(return_X_y=True, as_frame=True)
    one, other = LinearSVC().fit(X, Y), LinearSVC().fit(cancer, ill)

    assert ask(other, one).why.startswith(
        "the one cannot answer to them: the table misses columns "
    )
    assert ask(one, other).why.startswith(
        "the other cannot answer to them: the table misses columns 'mean radius', "
    )
