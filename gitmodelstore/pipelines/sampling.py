"""The sample of a pipeline: rows of which it knows an answer, and the answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gitmodelstore.errors import is_theirs
from gitmodelstore.pipelines.blocks import block_of, is_sparse
from gitmodelstore.pipelines.columns import NoSample
from gitmodelstore.pipelines.replay import answers, in_words, methods_of
from gitmodelstore.pipelines.sample import choose, keep, len_of, table_of, take
from gitmodelstore.values.sample import MOST_BYTES, SYNTHETIC, Answer, Sample

__all__ = ["NoSample", "make_sample"]

_MOST_TRIES = 8


def make_sample(pipeline: Any, X: Any, made: str = SYNTHETIC) -> Sample:
    """Return a sample of `X` with the answers of `pipeline`.

    Rows on which the pipeline fails, or answers with what is no number, are left out,
    and so is a method that answers to none; rows are fewer where they are wide.

    Args:
        pipeline: fitted.
        X: the test rows, in any form that `sample.choose` takes; not changed.
        made: "synthetic" or "rows".

    Raises:
        NoSample: there can be none, and why.
    """
    try:
        return _make(pipeline, X, made)
    except NoSample:
        raise
    except BaseException as error:  # the version is kept without one
        if not is_theirs(error):
            raise
        raise NoSample(in_words(error)) from error


def _make(pipeline: Any, X: Any, made: str) -> Sample:
    rows = choose(X, made)
    methods = methods_of(pipeline)
    for _ in range(_MOST_TRIES):
        # Asked of what will be read again, so that not even the layout in memory is another.
        table = table_of(rows)
        raised: list[BaseException] = []
        good, found = _answers_and_rows(pipeline, table, methods, raised)
        methods = tuple(found)
        if not good.any():
            why = f" ({in_words(raised[0])})" if raised else ""
            raise NoSample(f"the pipeline answers to none of its rows{why}") from next(
                iter(raised), None
            )
        if not good.all():
            rows = keep(take(table, np.flatnonzero(good)))
            continue
        sample = Sample(made, *rows, answers=_kept(found))
        size_bytes = len(sample.render())
        if size_bytes <= MOST_BYTES:
            return sample
        fewer = int(rows.rows * MOST_BYTES / size_bytes * 0.9)
        if not fewer:
            raise NoSample("a single row and its answers are too large")
        rows = keep(take(table, np.arange(fewer)))
    raise NoSample("the pipeline answers to its rows alone, not together")


def _kept(found: dict[str, dict[str, Any]]) -> tuple[Answer, ...]:
    return tuple(
        Answer(name, block_of(answer, any_length=True))
        for answered in found.values()
        for name, answer in answered.items()
    )


def _answers_and_rows(
    pipeline: Any, table: Any, methods: Sequence[str], raised: list[BaseException]
) -> tuple[Any, dict[str, dict[str, Any]]]:
    """Return which rows all methods answer to, and the answers of those that answer to any.

    What they raise is added to `raised`.
    """
    good = np.ones(len_of(table), dtype=bool)
    found = {}
    for method in methods:
        answered, answer = _ask(pipeline, table, method, raised)
        if answered.any():
            found[method] = answer
            good &= answered
    return good & bool(found), found


def _ask(
    pipeline: Any, table: Any, method: str, raised: list[BaseException]
) -> tuple[Any, dict[str, Any]]:
    """Return where `method` answers with a value, and the answers if it does so everywhere."""
    try:
        found = answers(pipeline, table, [method])
    except BaseException as error:
        if not is_theirs(error):
            raise
        raised.append(error)
        return _ask_singly(pipeline, table, method, raised), {}
    good = np.ones(len_of(table), dtype=bool)
    for answer in found.values():
        good &= ~_has_nan(answer)
    return good, found


def _ask_singly(pipeline: Any, table: Any, method: str, raised: list[BaseException]) -> Any:
    """Return which rows `method` answers to when it is asked one by one."""
    if len_of(table) == 1:
        return np.zeros(1, dtype=bool)
    rows = (take(table, [row]) for row in range(len_of(table)))
    return np.array([_ask(pipeline, row, method, raised)[0][0] for row in rows], dtype=bool)


def _has_nan(answer: Any) -> Any:
    """Where an answer holds NaN, by row."""
    if answer.dtype.kind != "f":
        return np.zeros(answer.shape[0], dtype=bool)
    if is_sparse(answer):
        rows = answer.tocoo()
        return np.bincount(rows.row[np.isnan(rows.data)], minlength=answer.shape[0]) > 0
    return np.isnan(answer.reshape(len(answer), -1)).any(axis=1)
