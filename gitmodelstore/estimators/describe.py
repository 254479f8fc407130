"""What a fitted pipeline is: steps, params, task and classes, as the manifest records them.

Its input columns are the business of `features`, offered here as well.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gitmodelstore.estimators.structure import (
    algorithm,
    check_features,
    defaults,
    feature_count,
    feature_names,
    given_parts,
    has_params,
    is_estimator,
    is_named_list,
    own_params,
    parts,
    plain_columns,
)
from gitmodelstore.values.json import GREATEST_INTEGER, hidden_character
from gitmodelstore.values.manifest import PipelineFacts, Step

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
    if isinstance(value, (int, float, str)):
        return _scalar(value)
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
        return _sequence(sorted((plain(held, level + 1) for held in value), key=_order), level)
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


def _scalar(value: int | float | str) -> Any:
    if isinstance(value, str):
        return plain_text(str(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    return int(value) if abs(value) <= GREATEST_INTEGER else str(int(value))


def _numpy_scalar(value: Any, level: int) -> Any:
    item = value.item()
    # A long double, and a date in nanoseconds, have no Python form that says the same.
    exact = not isinstance(item, np.generic) and value.dtype.kind in "biufSU"
    return plain(item, level + 1) if exact else plain_text(str(value))


def _array(value: Any, level: int) -> Any:
    if value.dtype.names is None and value.size <= _MOST_ITEMS:
        return plain(value.tolist(), level + 1) if value.ndim else plain(value[()], level + 1)
    if value.dtype.hasobject:
        content = json.dumps([plain(held, level + 1) for held in value.ravel()]).encode()
    else:
        content = np.ascontiguousarray(value).tobytes()
    return f"{value.dtype} array of shape {value.shape}, {_digest(content)}"


def _mapping(value: Mapping[Any, Any], level: int) -> Any:
    plained = {_key(key, level): plain(held, level + 1) for key, held in value.items()}
    if len(value) > _MOST_ITEMS:
        return _summary(value, plained)
    return dict(sorted(plained.items()))


def _key(key: Any, level: int) -> str:
    if isinstance(key, str):
        return plain_text(key)
    held = plain(key, level + 1)
    return held if isinstance(held, str) else json.dumps(held)


def _sequence(value: Any, level: int) -> Any:
    plained = [plain(held, level + 1) for held in value]
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
    if _is_named(value):
        return dotted_path(value)
    if hasattr(value, "shape"):
        return plain_text(f"{type(value).__name__} of shape {value.shape}")
    return _shown(value)


def _is_named(value: Any) -> bool:
    return isinstance(value, type) or (
        callable(value) and isinstance(getattr(value, "__name__", None), str)
    )


def _partial(value: functools.partial[Any], level: int) -> str:
    given = [json.dumps(plain(held, level + 1)) for held in value.args]
    given += [f"{k}={json.dumps(plain(v, level + 1))}" for k, v in value.keywords.items()]
    return plain_text(f"{plain(value.func, level + 1)}({', '.join(['…', *given])})")


def _random_state(value: Any) -> str:
    """The kind of generator and a digest of where it stands."""
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


def _order(value: Any) -> tuple[str, Any]:
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
    """Return what the manifest records of a fitted pipeline.

    Equal pipelines give equal facts in every process. `params` are those of
    `get_params(deep=True)`: what was asked for, not what a search has found.
    """
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
    """Return "classification", "regression", "clustering", "outlier-detection" or "transformation".

    None when scikit-learn says nothing of it and it does not transform.
    """
    task = _TASKS.get(_kind(pipeline) or "")
    if task is None and hasattr(pipeline, "transform"):
        return "transformation"
    return task


def _kind(pipeline: Any) -> str | None:
    """The estimator type, of tags where there are some (scikit-learn 1.6 on), else as before."""
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
        [plain(label) for label in held] if _is_listed(held) else plain(held) for held in classes
    )


def _is_listed(held: Any) -> bool:
    return getattr(held, "ndim", 0) == 1 or isinstance(held, (list, tuple))


def _steps(estimator: Any, level: int) -> tuple[Step, ...]:
    if level > _MOST_STEP_LEVELS:
        return ()
    found = list(parts(estimator))
    with_columns = any(part.columns is not None for part in found)
    names = feature_names(estimator) if with_columns else None
    count = feature_count(estimator) if with_columns else None
    return tuple(
        Step(
            plain_text(str(part.name)),
            _class_of(part.estimator),
            _columns(part.columns, names, count),
            _steps(part.estimator, level + 1) if is_estimator(part.estimator) else (),
        )
        for part in found
    )


def _columns(
    columns: Any, names: tuple[str, ...] | None, count: int | None
) -> tuple[str | int, ...] | None:
    listed = plain_columns(columns, names, count)
    if listed is None or len(listed) > _MOST_COLUMNS:
        return None
    return tuple(plain_text(held) if isinstance(held, str) else held for held in listed)


def _class_of(estimator: Any) -> str:
    """The class of a part, or the word that stands for one: None is "passthrough" of old."""
    if estimator is None:
        return "passthrough"
    return estimator if isinstance(estimator, str) else dotted_path(type(estimator))


def _params(estimator: Any, prefix: str, level: int) -> Iterator[tuple[str, Any, bool]]:
    """Yield the name, the plain value and whether it is tuned, of each param, nested ones too."""
    constructor = defaults(estimator)
    for name, value in own_params(estimator).items():
        if not _is_made_of_estimators(name, value):
            held = plain(value)
            is_default = name in constructor and held == plain(constructor[name])
            yield f"{prefix}{name}", held, not is_default
        if has_params(value) and level < _MOST_STEP_LEVELS:
            yield from _params(value, f"{prefix}{name}__", level + 1)
    for name, value in given_parts(estimator).items():
        if has_params(value) and level < _MOST_STEP_LEVELS:
            yield from _params(value, f"{prefix}{name}__", level + 1)
        elif not is_estimator(value):
            yield f"{prefix}{name}", plain(value), False


def _is_made_of_estimators(name: str, value: Any) -> bool:
    """Whether a param is told by the steps already: an estimator, or a list of them."""
    if is_estimator(value) or is_named_list(name, value):
        return True
    return isinstance(value, (list, tuple)) and any(map(is_estimator, value))
