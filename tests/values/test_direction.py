"""Claims about which way a metric is better."""

from __future__ import annotations

import pytest

from gitmodelstore.values.diff import direction_of, verdict


@pytest.mark.parametrize(
    "name",
    [
        *("accuracy", "test_auc", "roc_auc", "f1_macro", "f1@0.5", "r2", "val.precision"),
        *("balancedAccuracy", "average_precision", "explained_variance", "d2_absolute_error_score"),
        *("neg_log_loss", "neg_mean_squared_error", "true_positive_rate", "profit", "score"),
    ],
)
def test_higher_is_better(name):
    assert direction_of(name) == 1


@pytest.mark.parametrize(
    "name",
    [
        *("mae", "rmse", "test-rmse", "log_loss", "mean_absolute_error", "brier_score"),
        *("false_positive_rate", "cross_entropy", "max_error", "valLoss", "neg_log_likelihood"),
    ],
)
def test_lower_is_better(name):
    assert direction_of(name) == -1


@pytest.mark.parametrize("name", ["n_rows", "threshold", "accuracy_loss", "x", "0.5", "profile"])
def test_a_name_that_says_nothing_or_two_things_has_no_direction(name):
    assert direction_of(name) == 0


def test_the_verdict():
    assert verdict("auc", 0.8, 0.9) == "better"
    assert verdict("auc", 0.9, 0.8) == "worse"
    assert verdict("rmse", 2.0, 1.0) == "better"
    assert verdict("auc", 0.8, 0.8) is None
    assert verdict("rows", 1, 2) is None
