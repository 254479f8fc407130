"""Claims about metrics."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from gitmodelstore.errors import InvalidInput, InvalidMetric, InvalidName
from gitmodelstore.estimators.describe import standard_metrics
from gitmodelstore.operations.register import check_metrics

X = np.arange(12.0).reshape(12, 1)
TWO = np.array([0, 0, 0, 1, 0, 0, 1, 1, 0, 1, 1, 1])
THREE = np.array(list("aabababcbccc"))


def refused(error, call):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def test_a_classifier_of_two_classes_has_three_metrics():
    found = standard_metrics(LogisticRegression().fit(X, TWO), X, TWO)

    assert list(found) == ["accuracy", "f1_macro", "roc_auc"]
    assert found["accuracy"] == pytest.approx(10 / 12)
    assert found["roc_auc"] == pytest.approx(roc_auc_score(TWO, X[:, 0]))
    assert all(type(value) is float for value in found.values())


def test_a_classifier_without_probabilities_is_ranked_by_its_decisions():
    found = standard_metrics(LinearSVC(random_state=0).fit(X, TWO), X, TWO)

    assert found["roc_auc"] == pytest.approx(roc_auc_score(TWO, X[:, 0]))


def test_several_classes_are_compared_one_against_the_rest_by_probabilities():
    pipeline = LogisticRegression(max_iter=500).fit(X, THREE)
    without = LinearSVC(random_state=0, max_iter=9999).fit(X, THREE)

    expected = roc_auc_score(THREE, pipeline.predict_proba(X), multi_class="ovr")
    assert standard_metrics(pipeline, X, list(THREE))["roc_auc"] == pytest.approx(expected)
    assert list(standard_metrics(without, X, THREE)) == ["accuracy", "f1_macro"]


@pytest.mark.parametrize("answers", [np.zeros(12, int), np.array([0, 2] * 6)])
def test_rows_without_exactly_the_classes_of_the_pipeline_have_no_roc_auc(answers):
    found = standard_metrics(LogisticRegression().fit(X, TWO), X, answers)

    assert list(found) == ["accuracy", "f1_macro"]


def test_several_outputs_have_metrics_only_where_they_are_defined():
    yes_or_no = np.column_stack([TWO, TWO])
    several = np.column_stack([TWO, TWO + 1])

    indicator = standard_metrics(DecisionTreeClassifier().fit(X, yes_or_no), X, yes_or_no)
    assert indicator == {"accuracy": 1.0, "f1_macro": 1.0}
    assert standard_metrics(DecisionTreeClassifier().fit(X, several), X, several) == {}


def test_a_regressor_has_three_metrics_but_no_r2_of_a_single_row():
    regressor = LinearRegression().fit(X, X[:, 0])
    found = standard_metrics(regressor, X, X[:, 0] + 1)

    assert list(found) == ["r2", "mae", "rmse"]
    assert (found["mae"], found["rmse"]) == (pytest.approx(1.0), pytest.approx(1.0))
    assert list(standard_metrics(regressor, X[:1], [0.0])) == ["mae", "rmse"]


@pytest.mark.parametrize("pipeline", [StandardScaler().fit(X), KMeans(2, n_init=1).fit(X)])
def test_other_tasks_have_no_standard_metrics(pipeline):
    assert standard_metrics(pipeline, X, TWO) == {}


@pytest.mark.parametrize(
    "answers",
    [
        TWO,
        TWO.tolist(),
        pd.Series(TWO, index=range(12, 24)),
        pd.DataFrame({"left": TWO}),
        TWO.reshape(-1, 1),
        pd.Series(TWO, dtype="Int64"),
        pd.Series(TWO).astype("category"),
    ],
)
def test_answers_come_in_any_shape_that_scikit_learn_takes(answers):
    expected = {"accuracy", "f1_macro", "roc_auc"}

    found = standard_metrics(LogisticRegression().fit(X, TWO), X, answers)

    assert set(found) == expected
    assert found["accuracy"] == pytest.approx(10 / 12)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (TWO[:-1], "y_test has 11 rows, the features have 12"),
        ([], "y_test has no rows"),
        ([None, *TWO[1:]], "y_test has 1 missing value"),
        (THREE, "y_test cannot be compared with the answers of the pipeline: "),
    ],
    ids=["another length", "none", "missing", "another kind"],
)
@pytest.mark.parametrize("model", [LinearRegression(), LogisticRegression()], ids=["line", "curve"])
def test_answers_that_do_not_fit_are_refused(model, answers, said):
    pipeline = model.fit(X, TWO)

    message = refused(InvalidInput, lambda: standard_metrics(pipeline, X, answers))
    assert message.startswith(said) if said.endswith(" ") else message == said


def test_numbers_of_numpy_become_numbers_of_python():
    given = {"auc": np.float64(0.5), "rows": np.int32(3), "f1": np.array(0.25), "n": 4, "x": 1.5}

    found = check_metrics(given)

    assert found == {"auc": 0.5, "rows": 3, "f1": 0.25, "n": 4, "x": 1.5}
    assert [type(value) for value in found.values()] == [float, int, float, int, float]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (float("nan"), "nan, not a finite number"),
        (np.float32("inf"), "inf, not a finite number"),
        (None, "None, not a finite number"),
        (True, "True, not a finite number"),
        (np.bool_(False), "False, not a finite number"),
        ("0.9", "the text '0.9', not a finite number"),
        (1j, "of type complex, not a finite number"),
        (Decimal("0.9"), "of type Decimal, not a finite number"),
        ([0.9], "of type list, not a finite number"),
        (np.array([0.9]), "of type ndarray, not a finite number"),
        (2**53, "a whole number beyond 2^53"),
    ],
)
def test_a_metric_that_is_not_a_finite_number_is_refused(value, words):
    message = refused(InvalidMetric, lambda: check_metrics({"auc": value}))

    assert message == f"metric 'auc' is {words}"


def test_metrics_have_names():
    assert refused(InvalidName, lambda: check_metrics({"area under": 1.0})) == (
        "'area under' is not a metric name"
    )
    assert refused(InvalidMetric, lambda: check_metrics([0.9])) == (
        "expected metrics as a mapping of name to number, found list"
    )
