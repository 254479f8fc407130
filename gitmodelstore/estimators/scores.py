"""Metrics: the standard ones of a task, and the check of those that a team measured itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from gitmodelstore.errors import InvalidInput, InvalidMetric, InvalidName
from gitmodelstore.values.json import GREATEST_INTEGER
from gitmodelstore.values.names import metric_name


def standard_metrics(pipeline: Any, X: Any, y: Any, *, name: str = "y_test") -> dict[str, float]:
    """Return the standard metrics of `pipeline` on rows whose answers are known.

    A classifier's are accuracy, f1_macro and, where defined, roc_auc (one against the rest, macro);
    a regressor's r2, mae and rmse; others have none. What is not defined on these rows is left out.
    """
    from gitmodelstore.estimators.describe import task_of
    from gitmodelstore.estimators.sample import len_of

    task = task_of(pipeline)
    if task not in ("classification", "regression"):
        return {}
    truth = _truth(y, name)
    rows = len_of(X)
    if rows != len(truth):
        raise InvalidInput(
            f"{name} has {len(truth)} rows, the features have {rows}",
            hint="give the rows and the answers of the same cases, in the same order",
        )
    answers = _dense(pipeline.predict(X))
    try:
        metrics = (_of_labels if task == "classification" else _of_numbers)(truth, answers)
    except (TypeError, ValueError) as error:  # scikit-learn refused the two as a pair
        classes: Any = getattr(pipeline, "classes_", None)
        listed = classes.tolist() if hasattr(classes, "tolist") else []
        example = f", such as {listed[0]!r:.40}" if listed else ": numbers"
        raise InvalidInput(
            f"{name} cannot be compared with the answers of the pipeline: {error}",
            hint=f"give answers as the pipeline gives them{example}",
        ) from None
    area = _roc_auc(pipeline, X, truth) if "accuracy" in metrics and truth.ndim == 1 else None
    metrics = metrics if area is None else {**metrics, "roc_auc": area}
    return {key: float(value) for key, value in metrics.items() if math.isfinite(value)}


def check_metrics(metrics: Mapping[str, Any]) -> dict[str, float | int]:
    """Return the metrics as plain Python numbers, in the order given; bools are refused."""
    if not isinstance(metrics, Mapping):
        raise InvalidMetric(
            f"expected metrics as a mapping of name to number, found {type(metrics).__name__}",
            hint="write metrics={'test_auc': 0.91}",
        )
    numbers, refused = {}, []
    for name, value in metrics.items():
        try:
            numbers[metric_name(name)] = _number(name, value)
        except (InvalidName, InvalidMetric) as error:
            refused.append(error)
    if len(refused) > 1:  # all at once
        hint = next((error.hint for error in refused if error.hint), None)
        raise type(refused[0])("; ".join(map(str, refused)), hint=hint)
    if refused:
        raise refused[0]
    return numbers


def _number(name: str, value: Any) -> float | int:
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or (isinstance(value, float) and not math.isfinite(value)):
        text = f"of type {type(value).__name__}"
        if isinstance(value, (bool, float, type(None))):
            text = str(value)
        elif isinstance(value, str):
            text = f"the text {value[:40]!r}"
        raise InvalidMetric(
            f"metric '{name}' is {text}, not a finite number", hint="leave it out, or give a number"
        )
    if isinstance(value, float):
        return float(value)
    if abs(value) > GREATEST_INTEGER:
        raise InvalidMetric(
            f"metric '{name}' is a whole number beyond 2^53", hint="give it as a float"
        )
    return int(value)


def _truth(y: Any, name: str) -> Any:
    """Return `y` as an array, one-dimensional where it has one column."""
    import numpy as np
    import pandas as pd

    try:
        truth = _dense(y)
    except ValueError:
        raise InvalidInput(
            f"{name} is not a table: its rows differ in length",
            hint="give one answer, or as many outputs, for each row",
        ) from None
    missing = int(np.count_nonzero(pd.isna(truth)))
    if missing:
        raise InvalidInput(
            f"{name} has {missing} missing value{'s' * (missing > 1)}", hint="leave those rows out"
        )
    if truth.ndim == 0 or truth.size == 0:
        raise InvalidInput(
            f"{name} has no rows", hint="give the answers to the rows of the test data"
        )
    if truth.dtype == object and len(set(map(type, truth.ravel().tolist()))) == 1:
        # Nullable columns of pandas before 3.0; scikit-learn does not look into the objects.
        truth = np.array(truth.tolist())
    return truth[:, 0] if truth.ndim == 2 and truth.shape[1] == 1 else truth


def _dense(answers: Any) -> Any:
    """Return answers as an array: those with many labels may be sparse."""
    import numpy as np

    return answers.toarray() if hasattr(answers, "toarray") else np.asarray(answers)


def _of_labels(truth: Any, answers: Any) -> dict[str, float]:
    import numpy as np
    from sklearn.metrics import accuracy_score, f1_score

    if truth.ndim == 2 and not (truth.dtype.kind in "biuf" and np.isin(truth, (0, 1)).all()):
        return {}  # scikit-learn defines no metric of several outputs with several classes
    return {
        "accuracy": accuracy_score(truth, answers),
        "f1_macro": f1_score(truth, answers, average="macro", zero_division=0),
    }


def _roc_auc(pipeline: Any, X: Any, truth: Any) -> float | None:
    """The area under the curve; None unless exactly the classes of the pipeline are in `truth`."""
    import numpy as np
    from sklearn.metrics import roc_auc_score

    classes = np.asarray(getattr(pipeline, "classes_", ()))
    if len(classes) < 2 or set(truth.tolist()) != set(classes.tolist()):
        return None
    scores = _scores(pipeline, X, binary=len(classes) == 2)
    if scores is None or not np.isfinite(scores).all():
        return None
    if len(classes) == 2:
        return float(roc_auc_score(truth == classes[1], scores))
    if not np.allclose(scores.sum(axis=1), 1):
        return None  # not probabilities, which scikit-learn refuses to compare
    return float(roc_auc_score(truth, scores, multi_class="ovr", average="macro", labels=classes))


def _scores(pipeline: Any, X: Any, *, binary: bool) -> Any:
    """What ranks the rows: one number a row of two classes, a probability a class of more."""
    import numpy as np

    if hasattr(pipeline, "predict_proba"):
        probabilities = np.asarray(pipeline.predict_proba(X))
        return probabilities[:, 1] if binary else probabilities
    if binary and hasattr(pipeline, "decision_function"):
        return np.asarray(pipeline.decision_function(X)).reshape(-1)
    return None


def _of_numbers(truth: Any, answers: Any) -> dict[str, float]:
    from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

    if answers.ndim == 2 and answers.shape[1] == 1:
        answers = answers[:, 0]
    metrics = {
        "mae": mean_absolute_error(truth, answers),
        "rmse": math.sqrt(mean_squared_error(truth, answers)),
    }
    return metrics if len(truth) < 2 else {"r2": r2_score(truth, answers), **metrics}
