"""How an estimator is put together: its params, their defaults, and the estimators inside it.

Owns the one walk that describing, checking and explaining share. It follows
scikit-learn's conventions (`get_params`, lists of named estimators, the trailing
underscore of what fit leaves behind) instead of a list of classes, so that
estimators of other packages are read too.
"""

from __future__ import annotations

import inspect
from collections import UserList
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

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
