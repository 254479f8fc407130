"""The input columns of a fitted pipeline, and whether a table has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gitmodelstore.errors import FeatureMismatch
from gitmodelstore.pipelines.structure import is_estimator, is_pipeline, parts
from gitmodelstore.values.names import nearest

_MOST_NAMED = 5


def feature_names(pipeline: Any) -> tuple[str, ...] | None:
    """Return the names of the columns that `pipeline` was fitted on, in order.

    Returns:
        None when it was fitted on data without column names, or on text.

    Source: `feature_names_in_` of scikit-learn, sought in the first working step
    of a Pipeline and in what a search or a meta-estimator has fitted.
    """
    names = _first(pipeline, "feature_names_in_")
    return None if names is None else tuple(str(name) for name in names)


def feature_count(pipeline: Any) -> int | None:
    """Return the number of columns that `pipeline` was fitted on; None when unknown."""
    count = _first(pipeline, "n_features_in_")
    return None if count is None else int(count)


def check_features(
    pipeline: Any, X: Any, *, name: str = "X_test", left_out: Iterable[object] = ()
) -> None:
    """Refuse a table whose columns are not those that `pipeline` was fitted on.

    Args:
        pipeline: fitted.
        X: a DataFrame, an array or a sparse matrix, shape (n_samples, n_features);
            what has no such shape (a list of texts) passes when the pipeline
            names no columns. Values are not read.
        name: what to call `X` in the error.
        left_out: columns of the caller's table that are not in `X`, one of which may be meant.

    Raises:
        FeatureMismatch: columns are missing, unexpected or in another order, their
            number differs, or they have no names where the pipeline knows names.
    """
    expected, count = feature_names(pipeline), feature_count(pipeline)
    given, given_count = _names_of(X), _count_of(X)
    if expected is not None and given is not None:
        _compare_names(expected, given, name, [str(column) for column in left_out])
    elif count is not None and given_count is not None and given_count != count:
        raise FeatureMismatch(
            f"{name} has {_columns(given_count)}, the pipeline was fitted on {count}",
            hint="give the columns that it was fitted on, without the target",
        )
    elif expected is not None:
        raise FeatureMismatch(
            f"{name} has no column names, the pipeline was fitted on {_listed(expected)}",
            hint="give a DataFrame with these columns",
        )


def _first(estimator: Any, attribute: str) -> Any:
    """The attribute of the estimator that sees the data first; None without one."""
    if is_pipeline(estimator):
        working = (step[1] for step in estimator.steps if is_estimator(step[1]))
        first = next(working, None)
        return None if first is None else _first(first, attribute)
    found = getattr(estimator, attribute, None)
    if found is not None:
        return found
    inside = (part.estimator for part in parts(estimator) if part.name in ("estimator", "base"))
    return next((_first(held, attribute) for held in inside), None)


def _names_of(X: Any) -> tuple[str, ...] | None:
    """The column names of a DataFrame; None unless all are text, as scikit-learn has it."""
    columns = getattr(X, "columns", None)
    if columns is None or not all(isinstance(column, str) for column in columns):
        return None
    return tuple(str(column) for column in columns)


def _count_of(X: Any) -> int | None:
    shape = getattr(X, "shape", None)
    if shape is not None:
        return int(shape[1]) if len(shape) == 2 else None
    if isinstance(X, (list, tuple)) and X and isinstance(X[0], (list, tuple)):
        return len(X[0])
    return None


def _compare_names(
    expected: tuple[str, ...], given: tuple[str, ...], name: str, left_out: list[str]
) -> None:
    missing = [column for column in expected if column not in given]
    unexpected = [column for column in given if column not in expected]
    said = [f"misses {_listed(missing)}"] * bool(missing)
    said += [f"has the unexpected {_listed(unexpected)}"] * bool(unexpected)
    if not said and given != expected:
        said = [_order(expected, given)]
    if said:
        raise FeatureMismatch(
            f"{name} {' and '.join(said)}",
            hint=_to_add(missing, unexpected + left_out)
            if missing
            else f"give {name}[list(pipeline.feature_names_in_)]",
        )


def _to_add(missing: list[str], others: list[str]) -> str:
    """What to do about missing columns, one of which may go by another name."""
    for column in missing:
        near = nearest(column, others)
        if near:
            return (
                f"if '{near}' is what the pipeline knows as '{column}', rename it: "
                f"`.rename(columns={{{near!r}: {column!r}}})`"
            )
    it = "it" if len(missing) == 1 else "them"
    return f"add {it}, made as for training: the pipeline was fitted on {it}"


def _order(expected: tuple[str, ...], given: tuple[str, ...]) -> str:
    if len(given) != len(expected):
        twice = [column for column in dict.fromkeys(given) if given.count(column) > 1]
        return f"has {_listed(twice)} more than once"
    moved = [column for column, other in zip(given, expected, strict=True) if column != other]
    return f"has its columns in another order: {_listed(moved)}"


def _listed(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names[:_MOST_NAMED]]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"column{'s' * (len(names) > 1)} {', '.join(quoted)}{more}"


def _columns(count: int) -> str:
    return f"{count} column{'s' * (count != 1)}"
