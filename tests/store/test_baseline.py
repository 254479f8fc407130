"""The production version scored on the rows of a new one, and rows that come as a table."""

from __future__ import annotations

from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gitmodelstore import Store
from gitmodelstore.errors import FeatureMismatch, InvalidInput, LoadError, StoreError
from gitmodelstore.estimators.describe import standard_metrics

from .looks import object_file, refused

LEAVE_OUT = "register without a baseline, and compare the two in another way"


@pytest.fixture
def live(store, notes, fitted) -> Store:
    """A store with churn 1.0.0 in production."""
    store.register(fitted, "churn", code=None)
    store.promote("churn@1.0.0", "production")
    return Store.open(store.path, durable=False, notify=notes.append)


@pytest.fixture
def beside(X_test, y_test) -> dict[str, Any]:
    """What a version is registered with to be set beside the production version."""
    return {"X_test": X_test, "y_test": y_test, "baseline": True}


def put_live(store: Store, pipeline: Any) -> None:
    """Make a pipeline the production version, 1.1.0 or whatever follows."""
    store.promote(store.register(pipeline, "churn", bump="minor", code=None), "production")


def refusal(store: Store, kind: type[StoreError], pipeline: Any, **details: Any):
    return refused(store, kind, store.register, pipeline, "churn", code=None, **details)


class TestBaseline:
    def test_the_holder_is_scored_on_the_same_rows(
        self, live, fitted, refitted, X_test, y_test, beside
    ):
        live.promote(live.register(fitted, "other", code=None), "production")

        version = live.register(refitted, "churn", code=None, **beside)

        baseline = live.show(version).baseline
        assert str(baseline.version) == "1.0.0"
        assert baseline.metrics == standard_metrics(fitted, X_test, y_test)
        assert b"production 1.0.0, same rows" in live.read(version, "README.md")

    def test_it_is_recorded_only_when_it_is_asked_for(self, live, refitted, X_test, y_test):
        version = live.register(refitted, "churn", X_test=X_test, y_test=y_test, code=None)

        assert live.show(version).baseline is None

    def test_without_a_holder_there_is_none_and_that_is_said(self, live, refitted, notes, beside):
        version = live.register(refitted, "upsell", code=None, **beside)

        assert live.show(version).baseline is None
        assert notes[0] == "no version of 'upsell' is in production, so no baseline was recorded"

    @pytest.mark.parametrize("has_rows", [False, True])
    def test_it_needs_rows_and_answers(self, live, refitted, has_rows, X_test):
        given = {"X_test": X_test} if has_rows else {}

        assert refusal(live, InvalidInput, refitted, baseline=True, **given) == (
            "a baseline needs test rows and their answers",
            "register with X_test and y_test, or with test= and target= (--test, --target)",
        )

    def test_columns_that_the_holder_does_not_take_are_left_out(
        self, live, X_train, y_train, X_test, y_test, fitted, beside
    ):
        wide = [frame.assign(more=1.0) for frame in (X_train, X_test)]
        pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(wide[0], y_train)

        given = beside | {"X_test": wide[1]}
        version = live.register(pipeline, "churn", code=None, **given)

        assert live.show(version).baseline.metrics == standard_metrics(fitted, X_test, y_test)

    def test_columns_that_it_misses_are_named(self, live, X_train, y_train, X_test, y_test, beside):
        pipeline = LogisticRegression(max_iter=5000).fit(X_train[["mean area"]], y_train)
        given = beside | {"X_test": X_test[["mean area"]], "y_test": y_test}

        message, hint = refusal(live, FeatureMismatch, pipeline, **given)

        assert message.startswith(
            "churn 1.0.0, which is in production, takes different columns: X_test misses columns "
            "'mean radius', 'mean texture', "
        )
        assert hint == f"add the columns that it takes to the test rows, or {LEAVE_OUT}"

    def test_another_number_of_columns_is_refused_too(self, live, beside):
        put_live(live, LinearRegression().fit([[1.0, 2.0], [3.0, 4.0], [5.0, 1.0]], [1, 2, 3]))
        pipeline = LinearRegression().fit([[1.0], [2.0]], [1, 2])
        given = beside | {"X_test": np.array([[1.0], [2.0]]), "y_test": [1, 2]}

        message, _ = refusal(live, FeatureMismatch, pipeline, **given)

        assert message == (
            "churn 1.1.0, which is in production, takes different columns: X_test has 1 column, "
            "the pipeline was fitted on 2"
        )

    def test_one_that_cannot_be_loaded_is_named(self, live, fitted, refitted, tmp_path, beside):
        joblib.dump(fitted, tmp_path / "fitted.joblib")
        damaged = object_file(live.path, "HEAD:models/churn/pipeline.joblib")
        damaged.write_bytes(damaged.read_bytes()[:-200])

        message, _ = refusal(Store.open(live.path, durable=False), LoadError, refitted, **beside)

        assert message.startswith(
            "churn 1.0.0, which is in production, cannot be loaded to score it: "
        )

    def test_one_that_answers_in_other_words_is_named(self, live, X_train, X_test, y_train, beside):
        words = np.where(y_train == 1, "yes", "no")
        pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, words)
        given = beside | {"X_test": X_test, "y_test": ["yes", "no"] * 20}

        message, hint = refusal(live, InvalidInput, pipeline, **given)

        assert message.startswith(
            "churn 1.0.0, which is in production, cannot be scored on these rows: y_test cannot "
            "be compared with the answers of the pipeline: "
        )
        assert hint == LEAVE_OUT

    def test_one_that_has_no_standard_metrics_is_no_baseline(
        self, live, X_train, refitted, notes, beside
    ):
        put_live(live, KMeans(2, n_init=1, random_state=0).fit(X_train))
        notes.clear()

        version = live.register(refitted, "churn", code=None, **beside)

        assert live.show(version).baseline is None
        assert notes[0] == (
            "churn 1.1.0, which is in production, has no standard metrics, so no baseline was "
            "recorded"
        )

    def test_a_holder_that_writes_into_its_input_spoils_nothing(
        self, live, X_train, y_train, X_test, y_test, refitted, beside
    ):
        greedy = make_pipeline(StandardScaler(copy=False), LogisticRegression())
        put_live(live, greedy.fit(X_train.copy(), y_train))
        before = X_test.copy()

        version = live.register(refitted, "churn", code=None, **beside)

        assert X_test.equals(before)
        assert live.show(version).metrics == standard_metrics(refitted, X_test, y_test)

    def test_if_changed_does_not_compare_a_version_with_itself(self, live, refitted, beside):
        first = live.register(refitted, "churn", if_changed=True, code=None, **beside)
        live.promote(first, "production")

        again = live.register(refitted, "churn", if_changed=True, code=None, **beside)

        assert again.version == first.version

    def test_if_changed_adds_a_baseline_that_is_missing(self, live, refitted, X_test, y_test):
        details = {"X_test": X_test, "y_test": y_test, "code": None, "if_changed": True}
        first = live.register(refitted, "churn", **details)

        assert live.register(refitted, "churn", baseline=True, **details).version > first.version


class TestTable:
    """Test rows as a table that holds the target, as a command is given them."""

    def test_it_stands_for_rows_answers_and_the_data_set(
        self, store, fitted, X_test, y_test, tmp_path
    ):
        table = X_test.assign(benign=y_test)
        table.to_csv(tmp_path / "test.csv", index=False)

        version = store.register(
            fitted, "churn", test=tmp_path / "test.csv", target="benign", code=None
        )

        manifest = store.show(version)
        assert manifest.metrics == standard_metrics(fitted, X_test, y_test)
        assert manifest.target == "benign"
        assert (manifest.dataset("test").digest.algorithm, len(manifest.data)) == ("sha256", 1)
        assert [feature.name for feature in manifest.features] == list(X_test.columns)
        assert manifest.artifact("sample.json") is not None

    def test_a_table_in_memory_will_do(self, store, fitted, X_test, y_test):
        version = store.register(
            fitted, "churn", test=X_test.assign(benign=y_test), target="benign", code=None
        )

        assert store.show(version).dataset("test").digest.algorithm == "gms-df-1"

    def test_another_data_set_may_be_named_for_it(self, store, fitted, X_test, y_test, tmp_path):
        (tmp_path / "raw.txt").write_text("raw")

        given = {"test": X_test.assign(benign=y_test), "target": "benign"}
        data = {"test": tmp_path / "raw.txt"}
        version = store.register(fitted, "churn", **given, data=data, code=None)

        assert store.show(version).dataset("test").size_bytes == 3

    @pytest.mark.parametrize(
        ("details", "message", "hint"),
        [
            ({"target": "benign", "X_test": [[1]]}, "test rows were given twice",
             "give X_test and y_test, or a table as test"),
            ({}, "the test data has no target", "name its column with target= (--target NAME)"),
            ({"target": "bening"}, "the test data has no column 'bening'",
             "did you mean 'benign'?"),
            ({"target": "benign", "test": [[1, 2]]}, "the test data has no column 'benign'",
             "it has none"),
        ],
    )  # fmt: skip
    def test_what_makes_no_sense_is_refused(
        self, live, fitted, X_test, y_test, details, message, hint
    ):
        given = {"test": X_test.assign(benign=y_test), **details}

        assert refusal(live, InvalidInput, fitted, **given) == (message, hint)

    def test_a_file_that_is_not_run_is_not_tested(self, live, fitted, X_test, tmp_path):
        joblib.dump(fitted, tmp_path / "fitted.joblib")

        for rows in ({"test": X_test}, {"baseline": True}):
            message, _ = refusal(live, InvalidInput, tmp_path / "fitted.joblib", run=False, **rows)
            assert message == "test rows need the pipeline to run"


class Failing(ClassifierMixin, BaseEstimator):
    """A classifier that answers to nothing any more, once it is kept."""

    def fit(self, X: Any, y: Any) -> Failing:
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        raise RuntimeError("not\ntoday")


def test_a_holder_that_fails_on_the_rows_is_named(store, refitted, X_test, y_test, beside):
    trusting = Store.open(store.path, durable=False, trusted=[Failing.__module__])
    trusting.promote(
        trusting.register(Failing().fit(X_test, y_test), "churn", code=None), "production"
    )

    message, _ = refusal(trusting, InvalidInput, refitted, **beside)

    assert message == (
        "churn 1.0.0, which is in production, cannot be scored on these rows: the pipeline "
        "raised RuntimeError on the test rows: not today"
    )
