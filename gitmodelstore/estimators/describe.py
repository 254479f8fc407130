"""What a fitted pipeline is: steps, params, task, classes, input columns, standard metrics."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import math
import re
from collections import UserList
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from gitmodelstore.errors import (
    FeatureMismatch,
    InvalidInput,
    NotAPipeline,
    UnfittedPipeline,
)
from gitmodelstore.values.json import GREATEST_INTEGER, hidden_character
from gitmodelstore.values.manifest import PipelineFacts, Step
from gitmodelstore.values.names import nearest

# How an estimator is put together: its params, their defaults, and the estimators inside it.


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
    """One estimator inside another."""

    name: str  # as `get_params` spells it
    estimator: Any  # the fitted one where there is one; "passthrough" or "drop" as they stand
    columns: Any = None  # what a ColumnTransformer gives it, in any of the ways that it takes


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
        and all(isinstance(entry, tuple) and len(entry) in (2, 3) for entry in value)
    )


def is_pipeline(estimator: object) -> bool:
    """Whether `estimator` runs its parts one after the other."""
    return isinstance(getattr(estimator, "steps", None), list)


def own_params(estimator: Any) -> Mapping[str, Any]:
    """Return `get_params(deep=False)`, whose names are remembered by class."""
    cls: Any = type(estimator)  # mypy takes no class for hashable
    if cls.__module__.startswith("xgboost."):  # its own draws a number from a RandomState
        given = getattr(estimator, "kwargs", None) or {}
        values = {**vars(estimator), **given}
        return {name: values[name] for name in {**_defaults(cls), **given} if name in values}
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
    values: dict[str, Any] = {}
    for base in (cls, *(base for base in cls.__mro__[1:-1] if "__init__" in vars(base))):
        try:
            params = inspect.signature(base).parameters.values()
        except (TypeError, ValueError):  # a constructor written in C
            break
        for param in params:
            if param.default is not param.empty:
                values.setdefault(param.name, param.default)
        if not any(param.kind is param.VAR_KEYWORD for param in params):
            break  # it hands nothing on to the next one, as xgboost's do
    return values


def given_parts(estimator: Any) -> dict[str, Any]:
    """Return the named estimators as they were given, not as they were fitted."""
    return {
        entry[0]: entry[1]
        for name, value in own_params(estimator).items()
        if is_named_list(name, value)
        for entry in value
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
        words = {entry[0]: entry[1] for entry in given if isinstance(entry[1], str)}
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
    """Return the class name of what predicts, through pipelines, searches and calibration."""
    name = type(estimator).__name__
    if is_pipeline(estimator):
        inside = [step[1] for step in estimator.steps if is_estimator(step[1])][-1:]
    else:
        inside = [part.estimator for part in parts(estimator) if part.name == _WRAPPERS.get(name)]
    return algorithm(inside[0]) if inside else name


def plain_columns(columns: Any, names: tuple[str, ...] | None, count: int | None) -> Any:
    """Return a branch's columns as a tuple of names or positions; None when they are unknown."""
    if columns is None or callable(columns):
        return None
    if isinstance(columns, slice):
        return _sliced(columns, names, count)
    if isinstance(columns, UserList):
        columns = columns.data  # scikit-learn 1.5 and 1.6 warn at each look into theirs
    if isinstance(columns, (str, int)):
        return (columns,)
    listed = columns.tolist() if hasattr(columns, "tolist") else list(columns)
    if listed and all(isinstance(column, bool) for column in listed):
        return tuple(position for position, taken in enumerate(listed) if taken)
    plain = [column.item() if hasattr(column, "item") else column for column in listed]
    return tuple(column if isinstance(column, int) else str(column) for column in plain)


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
    """Return the names of the columns that `pipeline` was fitted on; None without any."""
    # Source: `feature_names_in_`, of the first working step or of what a search has fitted.
    names = _first(pipeline, "feature_names_in_")
    return None if names is None else tuple(str(name) for name in names)


def feature_count(pipeline: Any) -> int | None:
    """Return the number of columns that `pipeline` was fitted on; None when unknown."""
    count = _first(pipeline, "n_features_in_")
    return None if count is None else int(count)


def check_features(
    pipeline: Any, X: Any, *, name: str = "X_test", left_out: Iterable[object] = ()
) -> None:
    """Refuse a table with other columns than `pipeline` was fitted on; `left_out` make hints."""
    expected, count = feature_names(pipeline), feature_count(pipeline)
    given, given_count = _names_of(X), _count_of(X)
    if expected is not None and given is not None:
        _compare_names(expected, given, name, [str(column) for column in left_out])
    elif count is not None and given_count is not None and given_count != count:
        raise FeatureMismatch(
            f"{name} has {given_count} column{'s' * (given_count != 1)}, "
            f"the pipeline was fitted on {count}",
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
    value = getattr(estimator, attribute, None)
    if value is not None:
        return value
    inside = (part.estimator for part in parts(estimator) if part.name in ("estimator", "base"))
    return next((_first(inner, attribute) for inner in inside), None)


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
    expected: tuple[str, ...], names: tuple[str, ...], name: str, left_out: list[str]
) -> None:
    missing = [column for column in expected if column not in names]
    unexpected = [column for column in names if column not in expected]
    faults = [f"misses {_listed(missing)}"] * bool(missing)
    faults += [f"has the unexpected {_listed(unexpected)}"] * bool(unexpected)
    if not faults and len(names) != len(expected):
        twice = [column for column in dict.fromkeys(names) if names.count(column) > 1]
        faults = [f"has {_listed(twice)} more than once"]
    elif not faults and names != expected:
        moved = [column for column, other in zip(names, expected, strict=True) if column != other]
        faults = [f"has its columns in another order: {_listed(moved)}"]
    if faults:
        raise FeatureMismatch(
            f"{name} {' and '.join(faults)}",
            hint=_to_add(missing, unexpected + left_out)
            if missing
            else f"give {name}[list(pipeline.feature_names_in_)]",
        )


def _to_add(missing: list[str], others: list[str]) -> str:
    """What to do about missing columns; one may only have another name."""
    for column in missing:
        near = nearest(column, others)
        if near:
            return (
                f"if '{near}' is what the pipeline knows as '{column}', rename it: "
                f"`.rename(columns={{{near!r}: {column!r}}})`"
            )
    it = "it" if len(missing) == 1 else "them"
    return f"add {it}, made as for training: the pipeline was fitted on {it}"


def _listed(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names[:_MOST_NAMED]]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"column{'s' * (len(names) > 1)} {', '.join(quoted)}{more}"


# Any value of a param as plain JSON: equal in every process, and short.


_MOST_ITEMS = 50
_MOST_TEXT = 1000
_MOST_REPR = 200
_MOST_LEVELS = 8
_DIGEST_CHARACTERS = 16

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def plain(value: Any, level: int = 0) -> Any:
    """Return the JSON-safe form of `value`.

    >>> plain((1, float("nan"), np.float64(0.5), len))
    [1, 'nan', 0.5, 'builtins.len']
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return plain_text(str(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, int):
        return int(value) if abs(value) <= GREATEST_INTEGER else str(int(value))
    if level > _MOST_LEVELS:
        return _shown(value)
    if isinstance(value, np.generic):
        return _numpy_scalar(value, level)
    if isinstance(value, np.ndarray):
        return _array(value, level)
    if isinstance(value, Mapping):
        return _mapping(value, level)
    if isinstance(value, (list, tuple)):
        return _sequence(value, level)
    if isinstance(value, (set, frozenset)):
        return _sequence(sorted((plain(item, level + 1) for item in value), key=_sort_key), level)
    return _object(value, level)


def plain_text(text: str) -> str:
    """Return `text` with hidden characters escaped, and cut where it is very long."""
    if hidden_character(text):
        text = ascii(text)
    if len(text) > _MOST_TEXT:
        return f"{text[:_MOST_REPR]}… {len(text)} characters, {_digest(text.encode())}"
    return text


def dotted_path(value: Any) -> str:
    """Return `module.name` of a class or a function."""
    name = getattr(value, "__qualname__", None) or value.__name__
    module = getattr(value, "__module__", None) or type(value).__module__
    return plain_text(f"{module}.{name}")


def _numpy_scalar(value: Any, level: int) -> Any:
    item = value.item()
    # A long double, and a date in nanoseconds, have no Python form that says the same.
    exact = not isinstance(item, np.generic) and value.dtype.kind in "biufSU"
    return plain(item, level + 1) if exact else plain_text(str(value))


def _array(value: Any, level: int) -> Any:
    if value.dtype.names is None and value.size <= _MOST_ITEMS:
        return plain(value.tolist(), level + 1) if value.ndim else plain(value[()], level + 1)
    if value.dtype.hasobject:
        content = json.dumps([plain(item, level + 1) for item in value.ravel()]).encode()
    else:
        content = np.ascontiguousarray(value).tobytes()
    return f"{value.dtype} array of shape {value.shape}, {_digest(content)}"


def _mapping(value: Mapping[Any, Any], level: int) -> Any:
    plained = {_key(key, level): plain(item, level + 1) for key, item in value.items()}
    if len(value) > _MOST_ITEMS:
        return _summary(value, plained)
    return dict(sorted(plained.items()))


def _key(key: Any, level: int) -> str:
    if isinstance(key, str):
        return plain_text(key)
    form = plain(key, level + 1)
    return form if isinstance(form, str) else json.dumps(form)


def _sequence(value: Any, level: int) -> Any:
    plained = [plain(item, level + 1) for item in value]
    return _summary(value, plained) if len(value) > _MOST_ITEMS else plained


def _summary(value: Any, plained: Any) -> str:
    content = json.dumps(plained, sort_keys=True).encode()
    return f"{type(value).__name__} of {len(value)}, {_digest(content)}"


def _object(value: Any, level: int) -> Any:
    if isinstance(value, (np.random.RandomState, np.random.Generator)):
        return _random_state(value)
    if isinstance(value, np.dtype):
        return str(value)
    if is_estimator(value):
        return dotted_path(type(value))
    if isinstance(value, functools.partial):
        return _partial(value, level)
    is_named = callable(value) and isinstance(getattr(value, "__name__", None), str)
    if isinstance(value, type) or is_named:
        return dotted_path(value)
    if hasattr(value, "shape"):
        return plain_text(f"{type(value).__name__} of shape {value.shape}")
    return _shown(value)


def _partial(value: functools.partial[Any], level: int) -> str:
    given = [json.dumps(plain(argument, level + 1)) for argument in value.args]
    given += [f"{k}={json.dumps(plain(v, level + 1))}" for k, v in value.keywords.items()]
    return plain_text(f"{plain(value.func, level + 1)}({', '.join(['…', *given])})")


def _random_state(value: Any) -> str:
    if isinstance(value, np.random.RandomState):
        state = value.get_state(legacy=False)
    else:
        state = value.bit_generator.state
    content = json.dumps(state, sort_keys=True, default=lambda array: array.tolist())
    return f"{type(value).__name__}, {_digest(content.encode())}"


def _shown(value: Any) -> str:
    """What `repr` says, on one line, without addresses, cut."""
    try:
        text = repr(value)
    except (Exception, SystemExit):  # a __repr__ of anybody's making: the param is worth a line
        text = f"<{type(value).__name__}>"
    text = _ADDRESS.sub("", " ".join(text.split()))
    return plain_text(text if len(text) <= _MOST_REPR else f"{text[: _MOST_REPR - 1]}…")


def _sort_key(value: Any) -> tuple[str, Any]:
    """A key that orders values of several kinds: numbers by size, the rest by their JSON."""
    if isinstance(value, (int, float)):
        return "", value
    return "text", json.dumps(value)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()[:_DIGEST_CHARACTERS]}"


# Describe


__all__ = ["check_features", "describe", "feature_count", "feature_names", "task_of"]

_TASKS = {
    "classifier": "classification",
    "regressor": "regression",
    "clusterer": "clustering",
    "outlier_detector": "outlier-detection",
}
_MOST_COLUMNS = 5000  # of a branch; more would not fit into a manifest
_MOST_STEP_LEVELS = 12  # a step is two levels of JSON, of which the manifest allows 32


def describe(pipeline: Any) -> PipelineFacts:
    """Return what the manifest records of a fitted pipeline: the same facts in every process."""
    params: dict[str, Any] = {}
    tuned: list[str] = []
    for name, value, is_tuned in _params(pipeline, "", 0):
        params[name] = value
        if is_tuned:
            tuned.append(name)
    task = task_of(pipeline)
    return PipelineFacts(
        class_name=dotted_path(type(pipeline)),
        algorithm=plain_text(algorithm(pipeline)),
        steps=_steps(pipeline, 0),
        params=dict(sorted(params.items())),
        tuned=tuple(sorted(tuned)),
        task=task,
        classes=_classes(pipeline) if task == "classification" else None,
    )


def task_of(pipeline: Any) -> str | None:
    """Return a manifest's `task`; None when scikit-learn says nothing and it does not transform."""
    task = _TASKS.get(_kind(pipeline) or "")
    if task is None and hasattr(pipeline, "transform"):
        return "transformation"
    return task


def _kind(pipeline: Any) -> str | None:
    """The estimator type, from tags (scikit-learn 1.6 or newer) or as before."""
    try:
        kind = pipeline.__sklearn_tags__().estimator_type
    except AttributeError:
        kind = getattr(pipeline, "_estimator_type", None)
    return kind if isinstance(kind, str) else None


def _classes(pipeline: Any) -> tuple[Any, ...] | None:
    """The labels; one list an output where a classifier has several."""
    classes = getattr(pipeline, "classes_", None)
    if classes is None:
        return None
    return tuple(
        [plain(label) for label in entry]
        if getattr(entry, "ndim", 0) == 1 or isinstance(entry, (list, tuple))
        else plain(entry)
        for entry in classes
    )


def _steps(estimator: Any, level: int) -> tuple[Step, ...]:
    if level > _MOST_STEP_LEVELS:
        return ()
    members = list(parts(estimator))
    with_columns = any(part.columns is not None for part in members)
    names = feature_names(estimator) if with_columns else None
    count = feature_count(estimator) if with_columns else None
    return tuple(
        Step(
            plain_text(str(part.name)),
            # The class, or the word that stands for one: None is "passthrough" of old.
            part.estimator or "passthrough"
            if isinstance(part.estimator, (str, type(None)))
            else dotted_path(type(part.estimator)),
            _selected_columns(part.columns, names, count),
            _steps(part.estimator, level + 1) if is_estimator(part.estimator) else (),
        )
        for part in members
    )


def _selected_columns(
    columns: Any, names: tuple[str, ...] | None, count: int | None
) -> tuple[str | int, ...] | None:
    listed = plain_columns(columns, names, count)
    if listed is None or len(listed) > _MOST_COLUMNS:
        return None
    return tuple(plain_text(column) if isinstance(column, str) else column for column in listed)


def _params(estimator: Any, prefix: str, level: int) -> Iterator[tuple[str, Any, bool]]:
    """Yield the name, the plain value and whether it is tuned, of each param, nested ones too."""
    constructor = defaults(estimator)
    for name, value in own_params(estimator).items():
        if not _is_made_of_estimators(name, value):
            plain_value = plain(value)
            is_default = name in constructor and (
                value is constructor[name] or plain_value == plain(constructor[name])
            )
            yield f"{prefix}{name}", plain_value, not is_default
        if has_params(value) and level < _MOST_STEP_LEVELS:
            yield from _params(value, f"{prefix}{name}__", level + 1)
    for name, value in given_parts(estimator).items():
        if has_params(value) and level < _MOST_STEP_LEVELS:
            yield from _params(value, f"{prefix}{name}__", level + 1)
        elif not is_estimator(value):
            yield f"{prefix}{name}", plain(value), False


def _is_made_of_estimators(name: str, value: Any) -> bool:
    """Whether the steps already cover a param: an estimator, or a list of them."""
    if is_estimator(value) or is_named_list(name, value):
        return True
    return isinstance(value, (list, tuple)) and any(map(is_estimator, value))


# Whether there is something to keep: a fitted scikit-learn estimator.


def check_fitted(pipeline: Any) -> None:
    """Refuse what is not a fitted scikit-learn estimator."""
    # Passed over: steps that need no fit, and steps of other packages that show no trace of it.
    if inspect.isclass(pipeline):
        name = pipeline.__name__
        raise NotAPipeline(
            f"'{name}' is a class, not a fitted estimator",
            hint=f"make one of it and fit that: {name}().fit(X, y)",
        )
    if not is_estimator(pipeline):
        raise NotAPipeline(
            f"expected a fitted scikit-learn estimator, found {type_in_words(pipeline)}",
            hint="give the object that `fit` was called on",
        )
    place = next(_unfitted(pipeline, ""), None)
    if place is not None:
        subject = f"step '{place}' of the pipeline" if place else type(pipeline).__name__
        raise UnfittedPipeline(f"{subject} is not fitted", hint="call fit before register")
    if getattr(pipeline, "refit", None) is False and not hasattr(pipeline, "best_estimator_"):
        raise UnfittedPipeline(
            f"{type(pipeline).__name__} holds scores but no fitted estimator",
            hint="search with refit=True, or register an estimator fitted with `best_params_`",
        )


def type_in_words(value: Any) -> str:
    """Return what an object is, as "a dict", "an ndarray" or "None"."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' or name == 'ndarray' else 'a'} {name}"


def _unfitted(estimator: Any, path: str) -> Iterator[str]:
    """Yield the path of each step that is not fitted; "" for the estimator itself."""
    steps = _named_steps(estimator)
    if steps is None:
        if not _is_fitted(estimator, inner=bool(path)):
            yield path
        return
    places = [
        place
        for name, step in steps
        if is_estimator(step)
        for place in _unfitted(step, f"{path}__{name}" if path else name)
    ]
    working = [name for name, step in steps if is_estimator(step)]
    if places and len(places) == len(working) > 0:
        yield path  # nothing in it is fitted, so it is the whole that was not
    else:
        yield from places


def _named_steps(estimator: Any) -> list[tuple[str, Any]] | None:
    """The steps that data goes through; None where the estimator must be looked at itself."""
    if is_pipeline(estimator):
        return [(step[0], step[1]) for step in estimator.steps]
    if isinstance(vars(estimator).get("transformers_"), list):  # skrub's is a mapping of columns
        return [(branch[0], branch[1]) for branch in estimator.transformers_]
    if hasattr(estimator, "transformer_list"):
        return [(branch[0], branch[1]) for branch in estimator.transformer_list]
    return None


def _is_fitted(estimator: Any, *, inner: bool) -> bool:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    cls = type(estimator)
    can_tell = cls.__module__.startswith("sklearn.") or hasattr(cls, "__sklearn_is_fitted__")
    if (inner and not can_tell) or _is_stateless(estimator):
        return True
    flag = vars(estimator).get("_is_fitted")
    if isinstance(flag, bool):  # as optbinning does
        return flag
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    except AttributeError:  # no tags: not derived from BaseEstimator; what fit leaves ends with _
        return any(name.endswith("_") and not name.startswith("__") for name in vars(estimator))
    return True


def _is_stateless(estimator: Any) -> bool:
    """Whether it needs no fit, where older releases of scikit-learn do not say so by tag."""
    from sklearn.feature_extraction import FeatureHasher
    from sklearn.feature_extraction.text import HashingVectorizer

    if isinstance(estimator, (FeatureHasher, HashingVectorizer)):
        return True  # untold before 1.7
    if hasattr(estimator, "__sklearn_tags__") or not hasattr(estimator, "_get_tags"):
        return False
    return bool(estimator._get_tags()["stateless"])  # 1.5


# The standard metrics of a task.


def standard_metrics(pipeline: Any, X: Any, y: Any, *, name: str = "y_test") -> dict[str, float]:
    """Return the standard metrics of `pipeline` on rows whose answers are known.

    A classifier's are accuracy, f1_macro and, where defined, roc_auc (one against the rest, macro);
    a regressor's r2, mae and rmse; others have none. What is not defined on these rows is left out.
    """
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


def _truth(y: Any, name: str) -> Any:
    """Return `y` as an array, one-dimensional where it has one column."""
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
    return answers.toarray() if hasattr(answers, "toarray") else np.asarray(answers)


def _of_labels(truth: Any, answers: Any) -> dict[str, float]:
    from sklearn.metrics import accuracy_score, f1_score

    if truth.ndim == 2 and not (truth.dtype.kind in "biuf" and np.isin(truth, (0, 1)).all()):
        return {}  # scikit-learn defines no metric of several outputs with several classes
    return {
        "accuracy": accuracy_score(truth, answers),
        "f1_macro": f1_score(truth, answers, average="macro", zero_division=0),
    }


def _roc_auc(pipeline: Any, X: Any, truth: Any) -> float | None:
    """The area under the curve; None unless exactly the classes of the pipeline are in `truth`."""
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
