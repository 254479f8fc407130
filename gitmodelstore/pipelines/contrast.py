"""Two pipelines, asked the same rows: whether they give the same answers.

The tolerance is that of a replay.
"""

from __future__ import annotations

from typing import Any

from gitmodelstore.errors import FeatureMismatch, is_theirs
from gitmodelstore.pipelines.features import check_features
from gitmodelstore.pipelines.replay import answers, compare_arrays, in_words, methods_of
from gitmodelstore.pipelines.retest import inputs_of
from gitmodelstore.pipelines.sample import len_of
from gitmodelstore.values.diff_parts import AnswerChange, Answers
from gitmodelstore.values.sample import DIFFERENT, IDENTICAL, WITHIN

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
    except BaseException as error:
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
