"""What a fitted pipeline is: steps, params, task and classes, as the manifest records them.

Its input columns are the business of `features`, offered here as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitmodelstore.pipelines.features import check_features, feature_count, feature_names
from gitmodelstore.pipelines.plain import dotted_path, plain, plain_text
from gitmodelstore.pipelines.structure import (
    algorithm,
    defaults,
    given_parts,
    has_params,
    is_estimator,
    is_named_list,
    own_params,
    parts,
    plain_columns,
)
from gitmodelstore.values.manifest import PipelineFacts, Step

__all__ = ["check_features", "describe", "feature_count", "feature_names", "task_of"]

_TASKS = {
    "classifier": "classification",
    "regressor": "regression",
    "clusterer": "clustering",
    "outlier_detector": "outlier-detection",
}
_MOST_COLUMNS = 5000  # of a branch; more would not fit into a manifest
_MOST_LEVELS = 12  # a step is two levels of JSON, of which the manifest allows 32


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
    if level > _MOST_LEVELS:
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
        if has_params(value) and level < _MOST_LEVELS:
            yield from _params(value, f"{prefix}{name}__", level + 1)
    for name, value in given_parts(estimator).items():
        if has_params(value) and level < _MOST_LEVELS:
            yield from _params(value, f"{prefix}{name}__", level + 1)
        elif not is_estimator(value):
            yield f"{prefix}{name}", plain(value), False


def _is_made_of_estimators(name: str, value: Any) -> bool:
    """Whether a param is told by the steps already: an estimator, or a list of them."""
    if is_estimator(value) or is_named_list(name, value):
        return True
    return isinstance(value, (list, tuple)) and any(map(is_estimator, value))
