"""A pipeline that is not registered, as the other side of a diff; the store is only read."""

from __future__ import annotations

import hashlib
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitmodelstore.errors import FeatureMismatch
from gitmodelstore.values.diff import Side
from gitmodelstore.values.layout import PIPELINE
from gitmodelstore.values.manifest import Code, Dataset, Feature

if TYPE_CHECKING:
    from gitmodelstore.operations.diff import Question
    from gitmodelstore.pipelines.load import PipelineFile


def side_of(what: Any, question: Question) -> tuple[Side, Any]:
    """Return the side of a pipeline, and the pipeline; nothing of it is kept.

    Args:
        what: a fitted pipeline, or the `Path` of a file that joblib wrote.
        question: with test rows or without, and where its code lies.

    Raises:
        UnfittedPipeline, NotAPipeline, UnportablePipeline, RefusedPickle, LoadError: it could
            not be registered.
        FeatureMismatch: it does not take the columns of the test rows.
    """
    from gitmodelstore.pipelines.load import asking, describing

    file = _read(what, question)
    pipeline = file.pipeline if file else what
    with asking(what.name) if file else describing(pipeline):
        return _side(what, file, pipeline, question), pipeline


def _side(what: Any, file: PipelineFile | None, pipeline: Any, question: Question) -> Side:
    from gitmodelstore.lineage.environment import EVERY_PIPELINE, capture
    from gitmodelstore.pipelines.describe import describe
    from gitmodelstore.pipelines.dump import dump, globals_of
    from gitmodelstore.pipelines.features import feature_names
    from gitmodelstore.pipelines.fitted import check_fitted

    check_fitted(pipeline)
    inputs = _inputs(pipeline, question.X_test)
    sink = _Hashed()
    needed = globals_of(pipeline) if file else dump(pipeline, sink).globals
    names = feature_names(pipeline)
    is_named = names is not None or hasattr(inputs, "columns")
    y_name = getattr(question.y_test, "name", None)
    return Side(
        name=what.name if file else "the pipeline",
        version=None,
        pipeline=describe(pipeline),
        features=_features(names, inputs),
        target=question.target or (y_name if isinstance(y_name, str) else None),
        metrics={},
        baseline=None,
        data=_data(question),
        code=_code(question),
        environment=capture((EVERY_PIPELINE, *needed), with_pandas=is_named).environment,
        files={
            PIPELINE: (file.size_bytes, file.sha256)
            if file
            else (sink.size_bytes, sink.hexdigest())
        },
    )


class _Hashed:
    """A sink that keeps nothing but size and digest."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: Any) -> None:
        self._sha256.update(data)
        self.size_bytes += memoryview(data).nbytes

    def hexdigest(self) -> str:
        return self._sha256.hexdigest()


def _read(what: Any, question: Question) -> PipelineFile | None:
    if not isinstance(what, PathLike):
        return None
    from gitmodelstore.pipelines.load import load_file

    return load_file(Path(what), question.reader())


def _inputs(pipeline: Any, X: Any) -> Any:
    """Return the columns of the test rows that the pipeline takes; None without rows.

    Raises:
        FeatureMismatch: the test rows lack one of them.
    """
    from gitmodelstore.pipelines.features import check_features
    from gitmodelstore.pipelines.retest import inputs_of

    if X is None:
        return None
    inputs = inputs_of(pipeline, X, None)
    try:
        check_features(pipeline, inputs)
    except FeatureMismatch as error:
        raise FeatureMismatch(
            str(error), hint="give rows with what both take; each is asked with its own columns"
        ) from error.__cause__
    return inputs


def _features(names: tuple[str, ...] | None, inputs: Any) -> tuple[Feature, ...] | None:
    """Return the columns that the pipeline takes, with their types where there are test rows."""
    from gitmodelstore.lineage.frames import features_named, features_of

    if inputs is not None:
        return features_of(inputs)
    return None if names is None else features_named(names)


def _data(question: Question) -> tuple[Dataset, ...]:
    from gitmodelstore.lineage.data import describe

    if question.X_test is None:
        return ()
    source = question.test
    if source is None:
        X, y = question.X_test, question.y_test
        source = X if y is None else (X, y)
    return (describe("test", source),)


def _code(question: Question) -> Code | None:
    from gitmodelstore.lineage.code import capture

    return capture(question.code[0], question.entry_point) if question.code else None
