"""How an estimator is put together: its params, their defaults, and the estimators inside it.

Owns the one walk that describing, checking and explaining share. It follows
scikit-learn's conventions (`get_params`, lists of named estimators, the trailing
underscore of what fit leaves behind) instead of a list of classes, so that
estimators of other packages are read too.
"""

from __future__ import annotations

import inspect
from collections import UserList
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from gitmodelstore.errors import FeatureMismatch
from gitmodelstore.values.names import nearest

# The params of scikit-learn's compositions that hold (name, estimator[, columns]).
_LISTS = ("steps", "transformers", "transformer_list", "estimators")

# Transparent wrappers: they search, calibrate or transform around the algorithm, which the
# param named here holds.
_WRAPPERS = {
    "GridSearchCV": "estimator",
    "RandomizedSearchCV": "estimator",
    "HalvingGridSearchCV": "estimator",
    "HalvingRandomSearchCV": "estimator",
    "CalibratedClassifierCV": "estimator",
    "FixedThresholdClassifier": "estimator",
    "TunedThresholdClassifierCV": "estimator",
    "FrozenEstimator": "estimator",
    "TransformedTargetRegressor": "regressor",
}


# Params for which None means an algorithm that fit chooses; elsewhere (the `init` of boosting)
# what fit leaves behind is a detail of its own.
_CHOSEN_BY_FIT = ("estimator", "final_estimator", "regressor")


class Part(NamedTuple):
    """One estimator inside another.

    Attributes:
        name: as `get_params` spells it.
        estimator: the fitted one where there is one; "passthrough" or "drop" as they stand.
        columns: what a ColumnTransformer gives it, in any of the ways that it takes;
            None elsewhere.
    """

    name: str
    estimator: Any
    columns: Any = None


def is_estimator(value: object) -> bool:
    """Whether `value` can be fitted and asked for its params; a class cannot."""
    return not isinstance(value, type) and hasattr(value, "fit") and hasattr(value, "get_params")


def has_params(value: object) -> bool:
    """Whether `get_params(deep=True)` looks into `value` (estimators, kernels)."""
    return hasattr(value, "get_params") and not isinstance(value, type)


def is_named_list(name: str, value: object) -> bool:
    """Whether the param `name` is a composition's list of named estimators."""
    return (
        name in _LISTS
        and isinstance(value, (list, tuple))
        and all(isinstance(held, tuple) and len(held) in (2, 3) for held in value)
    )


def is_pipeline(estimator: object) -> bool:
    """Whether `estimator` runs its parts one after the other."""
    return isinstance(getattr(estimator, "steps", None), list)


def own_params(estimator: Any) -> Mapping[str, Any]:
    """Return `get_params(deep=False)`.

    scikit-learn reads the signature anew at each call; where it is its own
    method that would be called, the names are remembered by class, six times faster.
    """
    cls: Any = type(estimator)  # mypy takes no class for hashable
    if cls.__module__.startswith("xgboost."):  # its own draws a number from a RandomState
        given = getattr(estimator, "kwargs", None) or {}
        held = {**vars(estimator), **given}
        return {name: held[name] for name in {**_defaults(cls), **given} if name in held}
    if not cls.get_params.__module__.startswith("sklearn."):
        return dict(estimator.get_params(deep=False))
    names = _param_names(cls)
    if names is None:
        return dict(estimator.get_params(deep=False))
    return {name: getattr(estimator, name) for name in names}


@lru_cache(maxsize=512)
def _param_names(cls: Any) -> tuple[str, ...] | None:
    """The names that scikit-learn reads; None for classes that name no such list (kernels)."""
    names = getattr(cls, "_get_param_names", None)
    return tuple(names()) if names else None


def defaults(estimator: Any) -> Mapping[str, Any]:
    """Return the defaults of the constructor; params that must be given are left out."""
    cls: Any = type(estimator)
    return _defaults(cls)


@lru_cache(maxsize=512)
def _defaults(cls: Any) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for base in (cls, *(base for base in cls.__mro__[1:-1] if "__init__" in vars(base))):
        try:
            params = inspect.signature(base).parameters.values()
        except (TypeError, ValueError):  # a constructor written in C
            break
        for param in params:
            if param.default is not param.empty:
                found.setdefault(param.name, param.default)
        if not any(param.kind is param.VAR_KEYWORD for param in params):
            break  # it hands nothing on to the next one, as xgboost's do
    return found


def given_parts(estimator: Any) -> dict[str, Any]:
    """Return the named estimators as they were given, not as they were fitted."""
    return {
        held[0]: held[1]
        for name, value in own_params(estimator).items()
        if is_named_list(name, value)
        for held in value
    }


def parts(estimator: Any) -> Iterator[Part]:
    """Yield the estimators that `estimator` is made of, one level down, fitted where possible."""
    left_behind = getattr(estimator, "__dict__", {})
    for name, value in own_params(estimator).items():
        if is_named_list(name, value):
            yield from _named(estimator, value)
        elif name == "remainder" and "transformers_" in left_behind:
            continue  # the fitted list names it, with its columns
        else:
            fitted = left_behind.get(f"{name}_")
            if name == "estimator":
                fitted = left_behind.get("best_estimator_", fitted)
            chosen = is_estimator(value) or (value is None and name in _CHOSEN_BY_FIT)
            if chosen and is_estimator(fitted):
                yield Part(name, fitted)
            elif is_estimator(value):
                yield Part(name, value)


def _named(estimator: Any, given: Any) -> Iterator[Part]:
    """Yield the parts of a list, words as given: fit turns "passthrough" into an estimator."""
    left_behind = vars(estimator)
    if "transformers_" in left_behind:
        words = {held[0]: held[1] for held in given if isinstance(held[1], str)}
        if isinstance(estimator.remainder, str):
            words["remainder"] = estimator.remainder
        for name, fitted, columns in left_behind["transformers_"]:
            yield Part(name, words.get(name, fitted), columns)
        return
    fitted_by_name = left_behind.get("named_estimators_") or {}
    for name, chosen, *columns in given:
        fitted = chosen if isinstance(chosen, str) else fitted_by_name.get(name, chosen)
        yield Part(name, fitted, columns[0] if columns else None)


def algorithm(estimator: Any) -> str:
    """Return the class name of what predicts.

    Of a Pipeline that is its last step that does something; searches, calibration,
    thresholds and transformed targets are looked through; ensembles and other
    meta-estimators are algorithms themselves.
    """
    inner = _inner(estimator)
    return type(estimator).__name__ if inner is None else algorithm(inner)


def _inner(estimator: Any) -> Any:
    """The estimator to look through to; None at the algorithm itself."""
    if is_pipeline(estimator):
        working = [held[1] for held in estimator.steps if is_estimator(held[1])]
        return working[-1] if working else None
    wrapped = _WRAPPERS.get(type(estimator).__name__)
    return next((part.estimator for part in parts(estimator) if part.name == wrapped), None)


def plain_columns(columns: Any, names: tuple[str, ...] | None, count: int | None) -> Any:
    """Return the columns of a branch as a tuple of names or positions.

    Args:
        columns: as a fitted ColumnTransformer keeps them: a name, a position, a
            list or an array of them, a mask, or a slice.
        names: of all columns; None where they have none.
        count: of all columns; None when unknown.

    Returns:
        None when they are unknown (a callable before fit).
    """
    if columns is None or callable(columns):
        return None
    if isinstance(columns, slice):
        return _sliced(columns, names, count)
    if isinstance(columns, UserList):
        columns = columns.data  # scikit-learn 1.5 and 1.6 warn at each look into theirs
    if isinstance(columns, (str, int)):
        return (columns,)
    listed = columns.tolist() if hasattr(columns, "tolist") else list(columns)
    if listed and all(isinstance(held, bool) for held in listed):
        return tuple(position for position, taken in enumerate(listed) if taken)
    plain = [held.item() if hasattr(held, "item") else held for held in listed]
    return tuple(held if isinstance(held, int) else str(held) for held in plain)


def _sliced(columns: slice, names: tuple[str, ...] | None, count: int | None) -> Any:
    """The columns of a slice; of a slice of names the last is included, as in pandas."""
    if isinstance(columns.start, str) or isinstance(columns.stop, str):
        if names is None:
            return None
        start = 0 if columns.start is None else names.index(columns.start)
        stop = len(names) if columns.stop is None else names.index(columns.stop) + 1
        return names[start : stop : columns.step]
    return None if count is None else tuple(range(count))[columns]


# The input columns of a fitted pipeline, and whether a table has them.


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
