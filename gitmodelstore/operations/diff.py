"""What differs between two versions, or between a version and a pipeline in memory or a file."""
# Manifests are compared by `values/compare.py`; added here is what calls for the training
# repository or for loading: scores and answers on the same rows. Nothing is written.

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path

from gitmodelstore.errors import FeatureMismatch, GitFailed, PipelineRaised, StoreError
from gitmodelstore.lean import TYPE_CHECKING, Any, dataclass, replace
from gitmodelstore.operations.load import load_quietly, sample_of
from gitmodelstore.operations.resolve import resolve
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.values.compare import compare, compare_recorded, hold_same_rows, metric_changes
from gitmodelstore.values.diff import SAME_DATA, TEST_ROWS, Answers, CodeChange, Diff, Metrics, Side
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import PIPELINE, SAMPLE

if TYPE_CHECKING:
    from gitmodelstore.lineage.tables import GivenRows
    from gitmodelstore.pickles.load import PipelineFile, Reader

UNREGISTERED = ""  # stands for the reference of a pipeline that has none


@dataclass(frozen=True, slots=True)
class Question:
    """What to look at besides the manifests, as in `Store.diff`.

    `code` returns the folders to search for the training repository, and the script that trains.
    """

    reader: Callable[[], Reader]
    rows: GivenRows
    code: Callable[[], tuple[Sequence[Path], Path | None]]
    answers: bool | None = None


def diff(snapshot: Snapshot, a: str | ModelVersion, b: Any, question: Question) -> Diff:
    """Return what differs between a version, and another one or a pipeline."""
    first = resolve(snapshot, a)
    pipelines: dict[str, Any] = {}
    one = Side.of(first, snapshot.manifest(first))
    question = _with_test_rows(question, one)
    if isinstance(b, (str, ModelVersion)):
        second = resolve(snapshot, b)
        other = Side.of(second, snapshot.manifest(second))
    else:
        other, pipelines[UNREGISTERED] = side_of(b, question)
    pair = _Pair(snapshot, question.reader, pipelines)
    difference = compare(one, other)
    difference = replace(difference, code=_code_between(difference.code, question))
    if question.rows.y is not None:
        difference = replace(difference, metrics=_scores(pair, difference, question))
    return difference if question.answers is False else _with_answers(pair, difference, question)


def _with_test_rows(question: Question, a: Side) -> Question:
    """Return a question whose test table has become X and y, with the recorded types."""
    rows = question.rows.read(question.rows.types(a.features, a.pipeline.classes))
    if rows.table is not None:
        rows = replace(rows, X=rows.X.drop(columns=[rows.target]))
    return replace(question, rows=rows)


@dataclass(frozen=True, slots=True)
class _Pair:
    """The two pipelines, each loaded once, when it is needed first."""

    snapshot: Snapshot
    reader: Callable[[], Reader]
    loaded: dict[str, Any]

    def pipeline(self, side: Side) -> Any:
        key = side.version.ref if side.version else UNREGISTERED
        if key not in self.loaded and side.version is not None:
            self.loaded[key] = load_quietly(self.snapshot, side.version, self.reader())
        return self.loaded[key]


# Code


def _code_between(change: CodeChange | None, question: Question) -> CodeChange | None:
    """Return a change with what lies between the two commits, where a repository has both."""
    if change is None or change.before is None or change.after is None:
        return change
    first, second = change.before.commit, change.after.commit
    if first is None or second is None:
        return replace(change, why="one of the two was trained before the first commit")
    if first == second:
        return change
    from gitmodelstore.lineage.code import top_with, with_between

    places, _ = question.code()
    top = next(filter(None, (top_with(place, first, second) for place in places)), None)
    if top is None:
        return replace(
            change, why="no repository here has both commits: name it with code= (--code DIR)"
        )
    try:
        return with_between(change, top, first, second)
    except GitFailed as error:
        return replace(change, why=f"git cannot tell what changed: {error}")


# Scores


def _scores(pair: _Pair, difference: Diff, question: Question) -> Metrics:
    from gitmodelstore.estimators.replay import scored

    metrics = []
    for side in (difference.b, difference.a):  # of a pipeline in the making it is an error
        try:
            metrics.append(scored(pair.pipeline(side), question.rows.X, question.rows.y))
        except StoreError as error:
            if side.version is None:
                raise
            why = f"{side.name} cannot be scored on these rows: {error}"
            why += f"; {error.hint}" if isinstance(error, PipelineRaised) else ""
            return Metrics(measured_on=SAME_DATA, scored=True, why=why)
    after, before = metrics
    return Metrics(tuple(metric_changes(before, after)), SAME_DATA, scored=True)


# Answers


def _with_answers(pair: _Pair, difference: Diff, question: Question) -> Diff:
    """Return a diff with what both answer to the rows of both samples, and to the test rows."""
    # Recorded answers do where both samples hold the same rows, unless both are to be asked here.
    is_same = difference.a.files.get(PIPELINE) == difference.b.files.get(PIPELINE)
    if is_same and not question.answers:
        return difference  # the same bytes answer alike
    try:
        samples = {
            side.name: sample_of(pair.snapshot, side.version)
            for side in (difference.a, difference.b)
            if side.version is not None and SAMPLE in side.files
        }
    except StoreError as error:
        return replace(difference, unasked=f"a sample cannot be read: {error}")
    recorded = list(samples.values())
    if len(recorded) == 2 and hold_same_rows(*recorded):
        both = " and ".join(samples)
        if question.answers is None and question.rows.X is None:
            methods = compare_recorded(*recorded)
            return replace(difference, answers=(Answers(both, recorded[0].rows, True, methods),))
        samples = {both: recorded[0]}
    if not samples and question.rows.X is None:
        return replace(difference, unasked="neither has a sample")
    try:
        one, other = pair.pipeline(difference.a), pair.pipeline(difference.b)
    except StoreError as error:
        return replace(difference, unasked=f"one of the two cannot be loaded here: {error}")
    from gitmodelstore.estimators.replay import contrast
    from gitmodelstore.estimators.sample import table_of

    rows = {name: table_of(sample) for name, sample in samples.items()}
    if question.rows.X is not None:
        rows[TEST_ROWS] = question.rows.X
    names = difference.a.name, difference.b.name
    answers = tuple(contrast((one, other), names, table, name) for name, table in rows.items())
    return replace(difference, answers=answers)


# A pipeline that is not registered, as the other side of a diff; the store is only read.


def side_of(what: Any, question: Question) -> tuple[Side, Any]:
    """Return the side of a pipeline, or of the `Path` of its file, and the pipeline."""
    from gitmodelstore.pickles.load import asking, describing, load_file

    file = load_file(Path(what), question.reader()) if isinstance(what, PathLike) else None
    pipeline = file.pipeline if file else what
    with asking(what.name) if file else describing(pipeline):
        return _side(what, file, pipeline, question), pipeline


def _side(what: Any, file: PipelineFile | None, pipeline: Any, question: Question) -> Side:
    from gitmodelstore.estimators.describe import check_fitted, describe
    from gitmodelstore.lineage import code
    from gitmodelstore.lineage.data import describe as describe_data
    from gitmodelstore.lineage.environment import EVERY_PIPELINE, capture
    from gitmodelstore.operations.register import features_of, is_named
    from gitmodelstore.pickles.dump import dump, globals_of

    check_fitted(pipeline)
    inputs = _inputs(pipeline, question.rows.X)
    if file:
        needed, kept = globals_of(pipeline), (file.size_bytes, file.sha256)
    else:
        import hashlib

        sha256 = hashlib.sha256()
        dumped = dump(pipeline, sha256.update)
        needed, kept = dumped.globals, (dumped.size_bytes, sha256.hexdigest())
    places, script = question.code()
    captured = capture((EVERY_PIPELINE, *needed), with_pandas=is_named(pipeline, inputs))
    return Side(
        name=what.name if file else "the pipeline",
        version=None,
        pipeline=describe(pipeline),
        features=features_of(pipeline, inputs),
        target=question.rows.predicted,
        metrics={},
        baseline=None,
        data=() if inputs is None else (describe_data("test", question.rows.source),),
        code=code.capture(places[0], script) if places else None,
        environment=captured.environment,
        files={PIPELINE: kept},
    )


def _inputs(pipeline: Any, X: Any) -> Any:
    from gitmodelstore.estimators.describe import check_features
    from gitmodelstore.estimators.replay import inputs_of

    if X is None:
        return None
    inputs = inputs_of(pipeline, X, None)
    try:
        check_features(pipeline, inputs)
    except FeatureMismatch as error:
        raise FeatureMismatch(
            str(error), hint="give rows with the columns that both take; each gets its own"
        ) from error.__cause__
    return inputs
