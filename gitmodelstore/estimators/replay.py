"""A pipeline asked again: the rows of its sample, its metrics, another pipeline beside it."""
# Answers of type float may differ by 1e-9 plus a millionth of the recorded one: more than another
# processor or BLAS makes, less than anybody acts on. Labels and whole numbers must be equal.

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from gitmodelstore.errors import (
    FeatureMismatch,
    InvalidInput,
    PipelineRaised,
    StoreError,
    is_ours,
    is_theirs,
    words_of,
)
from gitmodelstore.estimators.describe import (
    check_features,
    feature_count,
    feature_names,
    standard_metrics,
)
from gitmodelstore.estimators.sample import (
    NoSample,
    array_of,
    block_of,
    choose,
    is_sparse,
    keep,
    len_of,
    table_of,
    take,
)
from gitmodelstore.lean import dataclass
from gitmodelstore.values.diff import AnswerChange, Answers
from gitmodelstore.values.json import hidden_character
from gitmodelstore.values.names import DIFFERENT, IDENTICAL, WITHIN, did_you_mean
from gitmodelstore.values.sample import ABSOLUTE, MOST_BYTES, RELATIVE, SYNTHETIC, Answer, Sample

METHODS = ("predict", "predict_proba", "decision_function", "transform")
_SAID_TWICE = {"decision_function": "predict_proba"}  # which is made of it

_MOST_SAID = 200  # characters of an error


@dataclass(frozen=True, slots=True)
class DifferentRow:
    """One row whose answer differs now."""

    row: int  # its place in the sample, from 0
    recorded: Any  # the answer at registration: a number, a label, or a list of these
    present: Any  # the answer here


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the answers of one method compare."""

    method: str
    outcome: str  # "identical", "within tolerance" or "different"
    largest_absolute: float = 0.0  # difference of any number; 0.0 for labels
    largest_relative: float = 0.0  # to the recorded number; those recorded as 0 left out
    rows: tuple[DifferentRow, ...] = ()  # those that differ by more than the tolerance
    why: str | None = None  # what is wrong, where there is nothing to compare


@dataclass(frozen=True, slots=True)
class Replay:
    """How the answers of a pipeline compare."""

    rows: int  # of the sample
    comparisons: tuple[Comparison, ...] = ()  # one a method, in the order of the record
    why: str | None = None  # what stopped the pipeline from answering here

    @property
    def outcome(self) -> str:
        """The worst of the outcomes of the methods; "different" when there is a `why`."""
        outcomes = {comparison.outcome for comparison in self.comparisons}
        if self.why or DIFFERENT in outcomes:
            return DIFFERENT
        return WITHIN if WITHIN in outcomes else IDENTICAL

    @property
    def largest_absolute(self) -> float:
        """The largest difference of any number of any method."""
        return max((one.largest_absolute for one in self.comparisons), default=0.0)

    @property
    def largest_relative(self) -> float:
        """The same, relative to what was recorded."""
        return max((one.largest_relative for one in self.comparisons), default=0.0)


def methods_of(pipeline: Any) -> tuple[str, ...]:
    """Return the names of the methods that a sample asks of `pipeline`."""
    there = [name for name in METHODS if hasattr(pipeline, name)]
    return tuple(name for name in there if _SAID_TWICE.get(name) not in there)


def answers(pipeline: Any, X: Any, methods: Iterable[str] | None = None) -> dict[str, Any]:
    """Return by name what each method answers to a copy of `X`; outputs are numbered."""
    by_name: dict[str, Any] = {}
    with quiet():
        for name in methods_of(pipeline) if methods is None else methods:
            # On a copy: estimators with copy=False write into what they are given.
            answer = getattr(pipeline, name)(X.copy() if hasattr(X, "copy") else list(X))
            if isinstance(answer, (list, tuple)) and len(answer) and np.ndim(answer[0]) == 2:
                by_name |= {f"{name}[{place}]": np.asarray(one) for place, one in enumerate(answer)}
            else:
                by_name[name] = answer if is_sparse(answer) else np.asarray(answer)
    return by_name


def compare(recorded: Sequence[Answer], present: dict[str, Any], rows: int) -> Replay:
    """Return how the answers of a sample of so many rows and those given here differ."""
    return Replay(rows, tuple(_compare(answer, present.get(answer.method)) for answer in recorded))


def replay(pipeline: Any, sample: Sample) -> Replay:
    """Ask `pipeline` the rows of `sample` again and compare; an error is a difference."""
    methods = dict.fromkeys(answer.method.partition("[")[0] for answer in sample.answers)
    try:
        present = answers(pipeline, table_of(sample), methods)
    except BaseException as error:  # a pipeline may raise anything
        if not is_theirs(error):
            raise
        return Replay(sample.rows, why=in_words(error))
    return compare(sample.answers, present, sample.rows)


@contextmanager
def asked(rows: str, hint: str | Callable[[], str | None] | None = None) -> Iterator[None]:
    """Raise what a pipeline raises when it is asked `rows` as PipelineRaised, with `hint`."""
    try:
        yield
    except BaseException as error:  # a pipeline may raise anything
        if is_ours(error) or not is_theirs(error):
            raise
        kind, _, text = in_words(error).partition(": ")
        advice = hint() if callable(hint) else hint
        if isinstance(error, StoreError):  # as of a store that the pipeline asks
            advice = error.hint or "fix how it calls gitmodelstore"
        raise PipelineRaised(
            f"the pipeline raised {kind} on {rows}{f': {text}' if text else ''}",
            hint=advice
            or f"give {rows} the columns and types that the pipeline was fitted on: Parquet files "
            "keep types, CSV files do not",
        ) from (None if hidden_character(text) else error)


def in_words(error: BaseException) -> str:
    text = " ".join(f"{type(error).__name__}: {words_of(error)}".split()).removesuffix(":")
    return text if len(text) <= _MOST_SAID else f"{text[: _MOST_SAID - 1]}…"


@contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings of predictions, and stay in one process: threads add up in any order."""
    import joblib

    with warnings.catch_warnings(), joblib.parallel_backend("sequential"):
        warnings.simplefilter("ignore")
        yield


def _compare(answer: Answer, present: Any) -> Comparison:
    if present is None:
        return Comparison(answer.method, DIFFERENT, why="the pipeline has no such answer now")
    recorded = array_of(answer.block)
    if tuple(present.shape) != answer.block.shape:
        shapes = f"shape {tuple(present.shape)}, recorded {answer.block.shape}"
        return Comparison(answer.method, DIFFERENT, why=shapes)
    if is_sparse(recorded) or is_sparse(present):
        return compare_arrays(answer.method, recorded, present, same_type=True)
    try:
        dtype = block_of(present, any_length=True).dtype
    except NoSample as error:
        return Comparison(answer.method, DIFFERENT, why=str(error))
    same_type = dtype == answer.block.dtype
    return compare_arrays(answer.method, recorded, present, same_type=same_type)


def compare_arrays(method: str, recorded: Any, present: Any, *, same_type: bool) -> Comparison:
    """Return how two arrays differ; `same_type`: they are identical where all values are."""
    if is_sparse(recorded) != is_sparse(present):
        return Comparison(method, DIFFERENT, why="sparse in one, dense in the other")
    if is_sparse(recorded):  # where either has a value; the rest is zero in both
        columns = np.unique((abs(recorded) + abs(present)).tocsr().indices)
        same_type = recorded.dtype == present.dtype
        recorded, present = (one.tocsc()[:, columns].toarray() for one in (recorded, present))
    if not recorded.dtype.kind == present.dtype.kind == "f":
        is_other = ~_equal(recorded, present)
        outcome = DIFFERENT if is_other.any() else IDENTICAL if same_type else WITHIN
        return Comparison(method, outcome, rows=_different_rows(is_other, recorded, present))
    absolute, relative = _differences(recorded, present)
    is_other = absolute > ABSOLUTE + RELATIVE * np.abs(np.nan_to_num(recorded, posinf=0, neginf=0))
    is_identical = same_type and _same_bits(recorded, present)
    return Comparison(
        method,
        DIFFERENT if is_other.any() else IDENTICAL if is_identical else WITHIN,
        float(absolute.max(initial=0.0)),
        float(relative.max(initial=0.0)),
        _different_rows(is_other, recorded, present),
    )


def _equal(recorded: Any, present: Any) -> Any:
    """Where two arrays hold the same value of the same kind: 1 is neither "1" nor True."""
    if "O" not in (recorded.dtype.kind, present.dtype.kind):
        kinds = {"i": "n", "u": "n", "f": "n", "U": "t"}
        one, other = (kinds.get(side.dtype.kind, side.dtype.kind) for side in (recorded, present))
        if one != other:
            return np.zeros(recorded.shape, dtype=bool)
        is_equal = recorded == present
        return is_equal | (np.isnat(recorded) & np.isnat(present)) if one in "mM" else is_equal
    pairs = zip(recorded.ravel().tolist(), present.ravel().tolist(), strict=True)
    flags = [_same(one, other) for one, other in pairs]
    return np.array(flags, dtype=bool).reshape(recorded.shape)


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return isinstance(one, str) and isinstance(other, str) and str(one) == str(other)
    return one is other or bool(one == other) or (one != one and other != other)


def _differences(recorded: Any, present: Any) -> tuple[Any, Any]:
    """Return absolute and relative differences; infinite where only one is a finite number."""
    before, after = recorded.astype(np.float64), present.astype(np.float64)
    with np.errstate(all="ignore"):
        absolute = np.abs(after - before)
        absolute[(before == after) | (np.isnan(before) & np.isnan(after))] = 0.0
        absolute[np.isnan(absolute)] = np.inf
        relative = np.where(before == 0, 0.0, absolute / np.abs(before))
    return absolute, np.where(np.isnan(relative), 0.0, relative)


def _same_bits(recorded: Any, present: Any) -> bool:
    """Whether floats are equal bit for bit; NaN is written as one, so that it is NaN's equal."""
    nan = np.isnan(recorded)
    return bool(
        np.array_equal(nan, np.isnan(present))
        and recorded[~nan].tobytes() == present[~nan].tobytes()
    )


def _different_rows(is_other: Any, recorded: Any, present: Any) -> tuple[DifferentRow, ...]:
    rows = np.flatnonzero(is_other.reshape(len(is_other), -1).any(axis=1)).tolist()
    return tuple(
        DifferentRow(row, recorded[row].tolist(), present[row].tolist())
        if hasattr(recorded[row], "tolist")
        else DifferentRow(row, recorded[row], present[row])
        for row in rows
    )


# The sample of a pipeline: rows that it can answer, and the answers.


__all__ = ["NoSample", "make_sample"]

_MOST_TRIES = 8


def make_sample(pipeline: Any, X: Any, made: str = SYNTHETIC) -> Sample:
    """Return a sample of `X` with the answers of `pipeline`, without rows that have none."""
    # Left out are rows on which it fails or answers with no number, and methods that answer to
    # none; wide rows are fewer.
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
        good, by_method = _answers_and_rows(pipeline, table, methods, raised)
        methods = tuple(by_method)
        if not good.any():
            why = f" ({in_words(raised[0])})" if raised else ""
            raise NoSample(f"the pipeline answers none of its rows{why}") from next(
                iter(raised), None
            )
        if not good.all():
            rows = keep(take(table, np.flatnonzero(good)))
            continue
        kept = (item for answered in by_method.values() for item in answered.items())
        blocks = (Answer(name, block_of(answer, any_length=True)) for name, answer in kept)
        sample = Sample(made, *rows, answers=tuple(blocks))
        size_bytes = len(sample.render())
        if size_bytes <= MOST_BYTES:
            return sample
        fewer = int(rows.rows * MOST_BYTES / size_bytes * 0.9)
        if not fewer:
            raise NoSample("a single row and its answers are too large")
        rows = keep(take(table, np.arange(fewer)))
    raise NoSample("the pipeline answers its rows one by one, but not together")


def _answers_and_rows(
    pipeline: Any, table: Any, methods: Sequence[str], raised: list[BaseException]
) -> tuple[Any, dict[str, dict[str, Any]]]:
    """Return which rows all methods answer to, and the answers of those that answer to any."""
    good = np.ones(len_of(table), dtype=bool)
    by_method = {}
    for method in methods:
        answered, answer = _ask(pipeline, table, method, raised)
        if answered.any():
            by_method[method] = answer
            good &= answered
    return good & bool(by_method), by_method


def _ask(
    pipeline: Any, table: Any, method: str, raised: list[BaseException]
) -> tuple[Any, dict[str, Any]]:
    """Return where `method` answers with a value, and the answers if it does so everywhere."""
    try:
        by_name = answers(pipeline, table, [method])
    except BaseException as error:  # a pipeline may raise anything
        if not is_theirs(error):
            raise
        raised.append(error)
        if len_of(table) == 1:
            return np.zeros(1, dtype=bool), {}
        rows = (take(table, [row]) for row in range(len_of(table)))
        return np.array([_ask(pipeline, row, method, raised)[0][0] for row in rows], dtype=bool), {}
    good = np.ones(len_of(table), dtype=bool)
    for answer in by_name.values():
        good &= ~_has_nan(answer)
    return good, by_name


def _has_nan(answer: Any) -> Any:
    if answer.dtype.kind != "f":
        return np.zeros(answer.shape[0], dtype=bool)
    if is_sparse(answer):
        rows = answer.tocoo()
        return np.bincount(rows.row[np.isnan(rows.data)], minlength=answer.shape[0]) > 0
    return np.isnan(answer.reshape(len(answer), -1)).any(axis=1)


# Metrics computed again on a table of rows whose answers are known.


_DATE = re.compile(
    r"\d{4}-\d\d?-\d\d?(?:[T ]|\Z)|\d{4}/\d\d?/\d\d?|\d\d?[./]\d\d?[./]\d{2,4}(?: |\Z)"
)
_MOST_LOOKED_AT = 20  # values of a column that may be dates


@dataclass(frozen=True, slots=True)
class Retested:
    """One metric that was recorded and computed again."""

    name: str
    recorded: float  # in the manifest
    present: float | None  # the number here; None if it is not defined on these rows

    @property
    def is_same(self) -> bool:
        """Whether the two differ by no more than a replay tolerates."""
        if self.present is None:
            return False
        return abs(self.present - self.recorded) <= ABSOLUTE + RELATIVE * abs(self.recorded)


def retest(
    pipeline: Any, table: pd.DataFrame, target: str, recorded: Mapping[str, float]
) -> tuple[Retested, ...]:
    """Compute the standard metrics on a table of inputs and target, beside the recorded ones."""
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
    metrics = _metrics(pipeline, X, table[target], f"column '{target}'")
    if not metrics:
        raise InvalidInput(
            "this kind of pipeline has no standard metrics",
            hint="replay its sample instead: --replay (replay=True)",
        )
    return tuple(
        Retested(name, recorded[name], metrics.get(name))
        for name in sorted(recorded)
        if name in metrics
    )


def scored(pipeline: Any, X: Any, y: Any) -> dict[str, float]:
    """Return the standard metrics of a pipeline on the columns that it takes."""
    with asked("the test rows"):
        rows = inputs_of(pipeline, X, None)
        check_features(pipeline, rows)
    return _metrics(pipeline, rows.copy() if hasattr(rows, "copy") else rows, y, "y_test")


def _metrics(pipeline: Any, X: Any, y: Any, name: str) -> dict[str, float]:
    with asked("the test rows", partial(dates_as_text, X)), quiet():
        return standard_metrics(pipeline, X, y, name=name)


def inputs_of(pipeline: Any, table: Any, target: str | None) -> Any:
    """Return the columns of a table that `pipeline` was fitted on, in the form that it takes."""
    # A single column of text is a Series, as the vectorizers of scikit-learn take it.
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
    columns = X.items() if isinstance(X, pd.DataFrame) else ()
    names = [name for name, column in columns if _are_dates(column)]
    if not names:
        return None
    listed = ", ".join(f"'{name}'" for name in names)
    flags = " ".join(f"--parse-dates {name}" for name in names)
    verb = "columns {} hold" if len(names) > 1 else "column {} holds"
    return (
        f"{verb.format(listed)} dates as text: `{flags}`, or pandas.to_datetime, makes them dates"
    )


def _are_dates(column: pd.Series) -> bool:
    """Whether the first values of a column are dates that are written out."""
    if not (pd.api.types.is_string_dtype(column.dtype) or column.dtype == object):
        return False
    first = column.dropna().head(_MOST_LOOKED_AT).tolist()
    return bool(first) and all(isinstance(one, str) and _DATE.match(one) for one in first)


# Two pipelines, asked the same rows: whether they give the same answers.


_AT_ONCE = 1000  # rows: sparse answers are compared as dense ones


def contrast(pair: tuple[Any, Any], names: tuple[str, str], X: Any, whose: str) -> Answers:
    """Ask two fitted pipelines the rows of `X` and return how the answers of the second differ."""
    rows = len_of(X)
    common = set(methods_of(pair[0])) & set(methods_of(pair[1]))
    if not common:
        return Answers(whose, rows, False, why="the two have no method in common")
    both = []
    for pipeline, name in zip(pair, names, strict=True):
        inputs = inputs_of(pipeline, X, None)
        methods = [method for method in methods_of(pipeline) if method in common]
        try:
            check_features(pipeline, inputs, name="the table")
            both.append(answers(pipeline, inputs, methods))
        except BaseException as error:  # a pipeline may raise anything
            if not is_theirs(error):
                raise
            reason = str(error) if isinstance(error, FeatureMismatch) else in_words(error)
            return Answers(whose, rows, False, why=f"{name} cannot answer them: {reason}")
    before, after = both
    changes = (_change(name, before[name], after[name]) for name in before if name in after)
    return Answers(whose, rows, False, tuple(changes))


def _change(method: str, before: Any, after: Any) -> AnswerChange:
    if before.shape != after.shape:
        return AnswerChange(method, DIFFERENT, why=f"shape {before.shape}, then {after.shape}")
    same_type = before.dtype == after.dtype or before.dtype.kind == after.dtype.kind == "U"
    places = (slice(start, start + _AT_ONCE) for start in range(0, before.shape[0], _AT_ONCE))
    parts = (compare_arrays(method, before[at], after[at], same_type=same_type) for at in places)
    whole = Replay(before.shape[0], tuple(parts))
    return AnswerChange(
        method,
        whole.outcome,
        sum(len(part.rows) for part in whole.comparisons),
        whole.largest_absolute,
        next((part.why for part in whole.comparisons if part.why), None),
    )
