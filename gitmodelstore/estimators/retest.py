"""Metrics computed again on a table of rows whose answers are known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from gitmodelstore.errors import FeatureMismatch, InvalidInput, is_theirs
from gitmodelstore.estimators.replay import (
    answers,
    asked,
    compare_arrays,
    in_words,
    methods_of,
    quiet,
)
from gitmodelstore.estimators.sample import len_of
from gitmodelstore.estimators.scores import standard_metrics
from gitmodelstore.estimators.structure import check_features, feature_count, feature_names
from gitmodelstore.values.diff import AnswerChange, Answers
from gitmodelstore.values.names import did_you_mean
from gitmodelstore.values.sample import ABSOLUTE, DIFFERENT, IDENTICAL, RELATIVE, WITHIN

_DATE = re.compile(
    r"\d{4}-\d\d?-\d\d?(?:[T ]|\Z)|\d{4}/\d\d?/\d\d?|\d\d?[./]\d\d?[./]\d{2,4}(?: |\Z)"
)
_MOST_LOOKED_AT = 20  # values of a column that may be dates


@dataclass(frozen=True, slots=True)
class Retested:
    """One metric that was recorded and computed again.

    Attributes:
        name: of the metric.
        recorded: the number in the manifest.
        present: the number here; None where it is not defined on these rows.
    """

    name: str
    recorded: float
    present: float | None

    @property
    def is_same(self) -> bool:
        """Whether the two differ by no more than a replay tolerates."""
        if self.present is None:
            return False
        return abs(self.present - self.recorded) <= ABSOLUTE + RELATIVE * abs(self.recorded)


def retest(
    pipeline: Any,
    table: pd.DataFrame,
    target: str,
    recorded: Mapping[str, float],
) -> tuple[Retested, ...]:
    """Compute the standard metrics on `table` and set them beside the recorded ones.

    Args:
        pipeline: fitted.
        table: inputs and target as columns.
        target: name of the target's column.
        recorded: the metrics of the manifest; those that are not standard are left out.

    Raises:
        InvalidInput: there is no such column, or its values cannot be compared.
        PipelineRaised: the pipeline fails on these rows.
        FeatureMismatch: the inputs are not those that the pipeline was fitted on.
    """
    if target not in table.columns:
        raise InvalidInput(
            f"the test data has no column '{target}'",
            hint=did_you_mean(target, [str(name) for name in table.columns])
            or "name the column that holds the true answers with --target",
        )
    with asked("the test rows"):
        X = inputs_of(pipeline, table, target)
        others = [name for name in table.columns if name != target]
        check_features(pipeline, X, name="the test data", left_out=others)
    found = _metrics(pipeline, X, table[target], f"column '{target}'")
    if not found:
        raise InvalidInput(
            "this kind of pipeline has no standard metrics",
            hint="ask it its sample instead: --replay (replay=True)",
        )
    return tuple(
        Retested(name, recorded[name], found.get(name))
        for name in sorted(recorded)
        if name in found
    )


def scored(pipeline: Any, X: Any, y: Any) -> dict[str, float]:
    """Return the standard metrics of a pipeline on rows that another one is tested on.

    Args:
        pipeline: fitted.
        X: rows, as `inputs_of` takes them; columns that it does not take are left out. They
            are not written into.
        y: the answers to them.

    Raises:
        FeatureMismatch: a column that it takes is not there.
        InvalidInput: the answers cannot be compared.
        PipelineRaised: the pipeline fails on these rows.
    """
    with asked("the test rows"):
        rows = inputs_of(pipeline, X, None)
        check_features(pipeline, rows)
    return _metrics(pipeline, rows.copy() if hasattr(rows, "copy") else rows, y, "y_test")


def _metrics(pipeline: Any, X: Any, y: Any, name: str) -> dict[str, float]:
    with asked("the test rows", partial(dates_as_text, X)), quiet():
        return standard_metrics(pipeline, X, y, name=name)


def inputs_of(pipeline: Any, table: Any, target: str | None) -> Any:
    """Return the input columns of a table, in the form that `pipeline` was fitted on.

    Those that it names; else all but the target, as an array; a single column of text
    as a Series, as the vectorizers of scikit-learn take it.
    """
    if not isinstance(table, pd.DataFrame):
        return table
    names = feature_names(pipeline)
    if names is not None:
        return table[[name for name in names if name in table.columns]]
    is_there = target is not None and target in table.columns
    rest = table.drop(columns=[target] if is_there else [])
    if rest.shape[1] == 1 and feature_count(pipeline) is None:
        return rest.iloc[:, 0]
    return rest.to_numpy()


def dates_as_text(X: Any) -> str | None:
    """Return what to do about columns of a table that hold dates as text; None without any."""
    names = [name for name, column in X.items() if _are_dates(column)] if _is_frame(X) else []
    if not names:
        return None
    listed = ", ".join(f"'{name}'" for name in names)
    flags = " ".join(f"--parse-dates {name}" for name in names)
    verb = "columns {} hold" if len(names) > 1 else "column {} holds"
    return (
        f"{verb.format(listed)} dates as text: `{flags}`, or pandas.to_datetime, makes them dates"
    )


def _is_frame(X: Any) -> bool:
    return isinstance(X, pd.DataFrame)


def _are_dates(column: pd.Series) -> bool:
    """Whether the first values of a column are dates that are written out."""
    if not (pd.api.types.is_string_dtype(column.dtype) or column.dtype == object):
        return False
    first = column.dropna().head(_MOST_LOOKED_AT).tolist()
    return bool(first) and all(isinstance(one, str) and _DATE.match(one) for one in first)


# Two pipelines, asked the same rows: whether they give the same answers.


_AT_ONCE = 1000  # rows: sparse answers are compared as dense ones


def contrast(pair: tuple[Any, Any], names: tuple[str, str], X: Any, asked: str) -> Answers:
    """Ask two pipelines the rows of `X` and compare what they answer.

    Args:
        pair: fitted; each is asked what both can answer, and gets the columns that it takes,
            by name where it names any.
        names: what to call the two.
        X: rows in any form that either takes; not changed.
        asked: whose rows they are, for the result.

    Returns:
        How the answers of the second differ from those of the first. One that cannot
        answer is said.
    """
    rows = len_of(X)
    common = set(methods_of(pair[0])) & set(methods_of(pair[1]))
    if not common:
        return Answers(asked, rows, False, why="the two have no method in common")
    found = []
    for pipeline, name in zip(pair, names, strict=True):
        try:
            found.append(_ask(pipeline, X, common))
        except _NoAnswer as error:
            why = f"{name} cannot answer to them: {error}"
            return Answers(asked, rows, False, why=why)
    before, after = found
    methods = (_compare(name, before[name], after[name]) for name in before if name in after)
    return Answers(asked, rows, False, tuple(methods))


class _NoAnswer(Exception):
    """A pipeline cannot answer to the rows."""


def _ask(pipeline: Any, X: Any, common: set[str]) -> dict[str, Any]:
    inputs = inputs_of(pipeline, X, None)
    try:
        check_features(pipeline, inputs, name="the table")
        return answers(pipeline, inputs, [name for name in methods_of(pipeline) if name in common])
    except FeatureMismatch as error:
        raise _NoAnswer(str(error)) from error.__cause__
    except BaseException as error:  # a pipeline may raise anything
        if not is_theirs(error):
            raise
        raise _NoAnswer(in_words(error)) from error


def _compare(method: str, before: Any, after: Any) -> AnswerChange:
    if before.shape != after.shape:
        return AnswerChange(method, DIFFERENT, why=f"shape {before.shape}, then {after.shape}")
    same_type = before.dtype == after.dtype or before.dtype.kind == after.dtype.kind == "U"
    parts = [
        compare_arrays(
            method,
            before[start : start + _AT_ONCE],
            after[start : start + _AT_ONCE],
            same_type=same_type,
        )
        for start in range(0, before.shape[0], _AT_ONCE)
    ]
    outcomes = {part.outcome for part in parts}
    return AnswerChange(
        method,
        next((one for one in (DIFFERENT, WITHIN) if one in outcomes), IDENTICAL),
        sum(len(part.rows) for part in parts),
        max((part.largest_absolute for part in parts), default=0.0),
        next((part.why for part in parts if part.why), None),
    )
