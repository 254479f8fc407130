""""""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from gitmodelstore.errors import FeatureMismatch, InvalidInput, PipelineRaised
from gitmodelstore.estimators.replay import (
    DifferentRow,
    Retested,
    answers,
    compare,
    contrast,
    inputs_of,
    make_sample,
    methods_of,
    replay,
    retest,
)
from gitmodelstore.estimators.sample import block_of
from gitmodelstore.lineage.tables import GivenRows, read_table
from gitmodelstore.values.diff import AnswerChange, Answers
from gitmodelstore.values.manifest import Feature
from gitmodelstore.values.sample import Answer

N = 120


def rows() -> pd.DataFrame:
    chance = np.random.default_rng(2)
    return pd.DataFrame({"a": chance.normal(size=N), "b": chance.normal(10, 3, N)})


def classifier() -> Pipeline:
    X = rows()
    labels = np.where(X["a"] + X["b"] > 10, "yes", "no")
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, labels)


def compared(recorded: Any, present: Any) -> Any:
    """Compare two answers of one method."""
    answer = Answer("predict", block_of(recorded, any_length=True))
    return compare([answer], {"predict": present}, recorded.shape[0]).comparisons[0]


class TestReplay:
    """The same rows are asked again, whatever the pipeline is now."""

    def test_the_same_pipeline_is_identical(self):
        pipeline = classifier()

        found = replay(pipeline, make_sample(pipeline, rows()))

        assert found.outcome == "identical"
        assert (found.rows, found.largest_absolute, found.largest_relative) == (50, 0.0, 0.0)
        assert [one.method for one in found.comparisons] == ["predict", "predict_proba"]

    def test_the_threads_of_a_forest_do_not_matter(self):
        X = rows()
        forest = RandomForestClassifier(40, n_jobs=4, random_state=0).fit(X, X["a"] > 0)
        sample = make_sample(forest, X)

        assert {replay(forest, sample).outcome for _ in range(5)} == {"identical"}

    def test_a_little_is_within_tolerance(self):
        pipeline = classifier()
        sample = make_sample(pipeline, rows())
        moved = copy.deepcopy(pipeline)
        moved[-1].coef_ = moved[-1].coef_ * (1 + 1e-9)

        found = replay(moved, sample)

        assert found.outcome == "within tolerance"
        assert 0 < found.largest_absolute < 1e-8
        assert [one.outcome for one in found.comparisons] == ["identical", "within tolerance"]

    def test_another_pipeline_is_different_and_the_rows_are_told(self):
        pipeline = classifier()
        sample = make_sample(pipeline, rows())
        turned = copy.deepcopy(pipeline)
        turned[-1].coef_ = -turned[-1].coef_

        found = replay(turned, sample)

        assert found.outcome == "different"
        labels, chances = found.comparisons
        first = labels.rows[0]
        assert {first.recorded, first.present} == {"yes", "no"}
        assert chances.largest_absolute > 0.1
        assert len(chances.rows[0].recorded) == 2

    def test_a_pipeline_that_fails_here_is_different_and_the_error_is_said(self):
        pipeline = classifier()
        sample = make_sample(pipeline, rows())
        broken = copy.deepcopy(pipeline)
        broken[-1].n_features_in_ = 3

        found = replay(broken, sample)

        assert (found.outcome, found.comparisons) == ("different", ())
        assert found.why == (
            "ValueError: X has 2 features, but LogisticRegression is expecting 3 features as input."
        )

    def test_a_method_that_is_gone_is_different(self):
        sample = make_sample(classifier(), rows())
        other = LinearRegression().fit(rows(), rows()["a"])

        found = replay(other, sample)

        assert found.outcome == "different"
        assert found.why == (
            "AttributeError: 'LinearRegression' object has no attribute 'predict_proba'"
        )

    def test_warnings_of_predicting_stay_here(self):
        X = rows()
        pipeline = LogisticRegression().fit(X.to_numpy(), X["a"] > 0)
        sample = make_sample(pipeline, X)  # it says that X has names

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert replay(pipeline, sample).outcome == "identical"

    def test_vectors_of_text_are_compared_where_they_are_filled(self):
        texts = [f"word{n % 7} other{n % 11}" for n in range(N)]
        vectorizer = TfidfVectorizer().fit(texts)
        sample = make_sample(vectorizer, texts)
        assert replay(vectorizer, sample).outcome == "identical"

        vectorizer.idf_ = vectorizer.idf_ * np.linspace(1, 2, len(vectorizer.idf_))
        assert replay(vectorizer, sample).outcome == "different"


class TestComparison:
    """Floats may differ by 1e-9 plus a millionth; anything else must be equal."""

    @pytest.mark.parametrize(
        ("recorded", "present", "outcome"),
        [
            ([1.0, 2.0], [1.0, 2.0], "identical"),
            ([1.0], [1.0 + 5e-7], "within tolerance"),
            ([1.0], [1.0 + 2e-6], "different"),
            ([0.0], [5e-10], "within tolerance"),
            ([0.0], [2e-9], "different"),
            ([1e9], [1e9 + 500], "within tolerance"),
            ([0.0], [-0.0], "within tolerance"),
            ([math.nan], [math.nan], "identical"),
            ([math.nan], [1.0], "different"),
            ([1.0], [math.nan], "different"),
            ([math.inf], [math.inf], "identical"),
            ([math.inf], [-math.inf], "different"),
            ([math.inf], [1.0], "different"),
            ([1.0], [math.inf], "different"),
            ([1, 2], [1, 2], "identical"),
            ([1000000], [1000001], "different"),
            (["a"], ["a"], "identical"),
            (["a"], ["b"], "different"),
            ([True], [True], "identical"),
            ([True], [1], "different"),
            ([1], ["1"], "different"),
            ([1], [1.0], "within tolerance"),
        ],
    )
    def test_outcomes(self, recorded: list[Any], present: list[Any], outcome: str):
        assert compared(np.array(recorded), np.array(present)).outcome == outcome

    def test_another_width_of_equal_numbers_is_within_tolerance(self):
        values = np.array([0.5, 0.25])

        assert compared(values, values.astype(np.float32)).outcome == "within tolerance"

    def test_text_is_text_however_it_is_kept(self):
        texts = np.array(["yes", "no"])

        assert compared(texts, texts.astype(object)).outcome == "identical"
        assert compared(texts, texts.astype("<U9")).outcome == "identical"

    def test_objects_are_compared_one_by_one(self):
        recorded = np.array(["yes", 1, None, math.nan], dtype=object)
        present = np.array(["yes", 2, None, math.nan], dtype=object)

        assert compared(recorded, present).rows == (DifferentRow(1, 1, 2),)

    def test_the_rows_and_the_largest_difference_are_told(self):
        recorded, present = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 2.0], [3.0, 5.0]])

        found = compared(recorded, present)

        assert (found.largest_absolute, found.largest_relative) == (1.0, 0.25)
        assert found.rows == (DifferentRow(1, [3.0, 4.0], [3.0, 5.0]),)

    def test_another_shape_is_different(self):
        found = compared(np.zeros((3, 2)), np.zeros((3, 4)))

        assert (found.outcome, found.why) == ("different", "shape (3, 4), recorded (3, 2)")

    def test_dense_in_place_of_sparse_is_different(self):
        matrix = scipy.sparse.csr_matrix(np.eye(3))

        assert compared(matrix, matrix).outcome == "identical"
        assert compared(matrix, np.eye(3)).why == "sparse in one, dense in the other"


class TestAnswers:
    def test_scores_that_probabilities_are_made_of_are_not_asked_as_well(self):
        assert methods_of(LogisticRegression()) == ("predict", "predict_proba")
        assert methods_of(StandardScaler()) == ("transform",)

    def test_each_method_is_asked_on_a_copy(self):
        X = rows().to_numpy()
        pipeline = make_pipeline(StandardScaler(copy=False), LogisticRegression())
        pipeline.fit(X.copy(), X[:, 0] > 0)
        before = X.copy()

        answers(pipeline, X)

        np.testing.assert_array_equal(X, before)


class TestRetest:
    """The standard metrics again, on a table of rows with their answers."""

    def test_metrics_are_set_beside_those_recorded(self):
        table = rows().assign(left=classifier().predict(rows()))

        found = retest(classifier(), table, "left", {"accuracy": 1.0, "f1_macro": 0.5, "own": 3})

        assert found == (Retested("accuracy", 1.0, 1.0), Retested("f1_macro", 0.5, 1.0))
        assert [metric.is_same for metric in found] == [True, False]

    def test_the_order_of_columns_and_further_ones_do_not_matter(self):
        X = rows()
        table = X.assign(left=classifier().predict(X), note="x")[["note", "left", "b", "a"]]

        assert retest(classifier(), table, "left", {"accuracy": 1.0})[0].is_same

    def test_a_pipeline_without_names_gets_an_array(self):
        X = rows()
        pipeline = LinearRegression().fit(X.to_numpy(), X["a"])

        assert retest(pipeline, X.assign(y=X["a"]), "y", {"r2": 1.0})[0].is_same

    def test_a_pipeline_of_texts_gets_texts(self):
        texts = pd.Series([f"word{n % 2} more" for n in range(N)], name="text")
        pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [0, 1] * 60)

        found = inputs_of(pipeline, texts.to_frame().assign(y=1), "y")

        pd.testing.assert_series_equal(found, texts)

    def test_times_and_categories_are_read_as_they_were_recorded(self, tmp_path):
        days = pd.date_range("2024-01-01", periods=N)
        X = pd.DataFrame({"day": days, "plan": pd.Categorical(["a", "b"] * 60)})
        X.assign(y=1).to_csv(tmp_path / "test.csv", index=False)
        seen: list[pd.DataFrame] = []

        class Model(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
            feature_names_in_ = np.array(["day", "plan"], dtype=object)

            def predict(self, X: Any) -> Any:
                seen.append(X)
                return np.ones(len(X), dtype=int)

        features = [Feature("day", "datetime64"), Feature("plan", "category[str]")]
        table = read_table(tmp_path / "test.csv", GivenRows().types(features, None))
        retest(Model(), table, "y", {"accuracy": 1.0})

        assert seen[0]["day"].dtype.kind == "M"
        assert isinstance(seen[0]["plan"].dtype, pd.CategoricalDtype)

    def test_a_target_that_is_not_there_is_refused(self):
        with pytest.raises(InvalidInput) as caught:
            retest(classifier(), rows().assign(left=1), "lefty", {})

        assert str(caught.value) == "the test data has no column 'lefty'"
        assert caught.value.hint == "did you mean 'left'?"

    def test_an_input_that_is_not_there_is_refused(self):
        with pytest.raises(FeatureMismatch) as caught:
            retest(classifier(), rows()[["a"]].assign(B_=1.0, bb=2.0, left="yes"), "left", {})

        assert str(caught.value) == "the test data misses column 'b'"
        assert caught.value.hint == (
            "if 'bb' is what the pipeline knows as 'b', rename it: `.rename(columns={'bb': 'b'})`"
        )

    def test_rows_on_which_the_pipeline_fails_are_refused(self):
        with pytest.raises(PipelineRaised) as caught:
            retest(classifier(), rows().assign(a="one", left="yes"), "left", {"accuracy": 1.0})

        assert str(caught.value) == (
            "the pipeline raised ValueError on the test rows: "
            "could not convert string to float: 'one'"
        )
        assert isinstance(caught.value.__cause__, ValueError)

    def test_a_kind_without_standard_metrics_is_refused(self):
        with pytest.raises(InvalidInput) as caught:
            retest(StandardScaler().fit(rows()), rows().assign(y=1), "y", {})

        assert str(caught.value) == "this kind of pipeline has no standard metrics"

    @pytest.mark.parametrize("name", ["no.csv", "no.parquet"])
    def test_a_file_that_is_not_there_is_refused(self, tmp_path, name):
        pytest.importorskip("pyarrow")
        with pytest.raises(InvalidInput) as caught:
            read_table(tmp_path / name)

        assert str(caught.value) == f"cannot read '{tmp_path / name}': no such file or directory"

    def test_parquet_is_read(self, tmp_path):
        pytest.importorskip("pyarrow")
        rows().to_parquet(tmp_path / "rows.parquet")

        pd.testing.assert_frame_equal(read_table(tmp_path / "rows.parquet"), rows())


# Claims about two pipelines that are asked the same rows.


NAMES = ("the one", "the other")
X, Y = load_wine(return_X_y=True, as_frame=True)


def ask(one, other, rows=X) -> Answers:
    return contrast((one, other), NAMES, rows, "test rows")


def test_a_pipeline_and_itself():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)

    assert ask(pipeline, pipeline) == Answers(
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

    assert ask(other, one).why.startswith("the one cannot answer them: the table misses columns ")
    assert ask(one, other).why.startswith(
        "the other cannot answer them: the table misses columns 'mean radius', "
    )
