"""What training again gave, set beside what was registered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitmodelstore.values.digest import Digest
from gitmodelstore.values.layout import PIPELINE
from gitmodelstore.values.manifest import Manifest
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.sample import DIFFERENT as ANSWERS_DIFFER
from gitmodelstore.values.severity import Difference

if TYPE_CHECKING:
    from gitmodelstore.pipelines.replay import Replay

SAME, DIFFERENT, MISSING, NOT_COMPARED = "same", "different", "missing", "not compared"
_WRONG = (DIFFERENT, MISSING)


@dataclass(frozen=True, slots=True)
class Ran:
    """How training was done again.

    Attributes:
        commit: id of the commit that was checked out.
        with_changes: whether `code.diff` was applied to it.
        command: what was run.
        environment: "recorded" when uv made it, else "present".
        differences: what of the recorded environment is another one in the present one, what
            counts first; none when it is the recorded one.
        kept: the folder in which all of it was left; None when it is gone.
    """

    commit: str
    with_changes: bool
    command: tuple[str, ...]
    environment: str
    differences: tuple[Difference, ...]
    kept: Path | None


@dataclass(frozen=True, slots=True)
class DataResult:
    """One data set: the recorded digest, that of the new run, and an outcome.

    It is "same", "different", "missing", or "not compared": where the new run only wrote a file,
    or handed on as a table what had been a file, or the other way round.
    """

    role: str
    recorded: str
    present: str | None
    outcome: str


@dataclass(frozen=True, slots=True)
class ParamResult:
    """One parameter that is another one now; None where it is not set."""

    name: str
    recorded: Any
    present: Any


@dataclass(frozen=True, slots=True)
class MetricResult:
    """One metric: the recorded number, that of the new run, and an outcome as of data."""

    name: str
    recorded: float
    present: float | None
    outcome: str

    @property
    def delta(self) -> float | None:
        """By how much it rose; None where there is no new number."""
        return None if self.present is None else self.present - self.recorded


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What became of a version when it was trained again.

    >>> found = store.reproduce("churn", ("python", "train.py"))  # doctest: +SKIP
    >>> found.is_reproduced, found.reasons  # doctest: +SKIP
    (True, ())

    Attributes:
        version: which.
        ran: how.
        data: each recorded data set.
        steps_same: whether classes and steps of the pipeline are the recorded ones.
        params: the parameters that differ.
        param_count: how many there are.
        answers: the answers of the new pipeline to the recorded sample; None without one.
        metrics: each recorded metric.
        same_bytes: whether the new pipeline.joblib is, byte for byte, the recorded one.
    """

    version: ModelVersion
    ran: Ran
    data: tuple[DataResult, ...]
    steps_same: bool
    params: tuple[ParamResult, ...]
    param_count: int
    answers: Replay | None
    metrics: tuple[MetricResult, ...]
    same_bytes: bool

    @property
    def is_reproduced(self) -> bool:
        """Whether nothing differs, and there was something to tell it by."""
        return not self.reasons

    @property
    def reasons(self) -> tuple[str, ...]:
        """What differs: of "data", "steps", "params", "answers" and "metrics"; none when the
        version is reproduced. "nothing to tell it by" where no two things were compared."""
        return tuple(self._reasons())

    def _reasons(self) -> Iterator[str]:
        if any(one.outcome in _WRONG for one in self.data):
            yield "data"
        if not self.steps_same:
            yield "steps"
        if self.params:
            yield "params"
        if self.answers is not None and self.answers.outcome == ANSWERS_DIFFER:
            yield "answers"
        if any(one.outcome in _WRONG for one in self.metrics):
            yield "metrics"
        is_compared = any(one.outcome != NOT_COMPARED for one in self.metrics)
        if not (self.same_bytes or self.answers is not None or is_compared):
            yield "nothing to tell it by"


def compare(
    version: ModelVersion,
    ran: Ran,
    recorded: Manifest,
    present: Manifest,
    answers: Replay | None,
    *,
    from_file: bool,
) -> Reproduction:
    """Return how two manifests, and the answers of the second's pipeline, compare.

    Args:
        version, ran: which, and how it was trained again.
        recorded, present: of the version, and of the new run.
        answers: to the recorded sample; None without one.
        from_file: whether the new run only wrote a file, so that what it lacks says nothing.
    """
    lacking = NOT_COMPARED if from_file else MISSING
    before, after = recorded.pipeline, present.pipeline
    files = [held.artifact(PIPELINE) for held in (recorded, present)]
    return Reproduction(
        version,
        ran,
        tuple(_data(recorded, present, lacking)),
        (before.class_name, before.steps) == (after.class_name, after.steps),
        tuple(_params(before.params, after.params)),
        len(before.params),
        answers,
        tuple(_metrics(recorded.metrics, present.metrics, lacking)),
        files[0] is not None and files[1] is not None and files[0].sha256 == files[1].sha256,
    )


def _data(recorded: Manifest, present: Manifest, lacking: str) -> Iterator[DataResult]:
    for dataset in recorded.data:
        now = present.dataset(dataset.role)
        digest = None if now is None else str(now.digest)
        outcome = lacking if now is None else _of_digests(dataset.digest, now.digest)
        yield DataResult(dataset.role, str(dataset.digest), digest, outcome)


def _of_digests(recorded: Digest, present: Digest) -> str:
    if recorded.algorithm != present.algorithm:
        return NOT_COMPARED  # a file now, say, and a table then
    return SAME if recorded == present else DIFFERENT


def _params(recorded: Mapping[str, Any], present: Mapping[str, Any]) -> Iterator[ParamResult]:
    for name in sorted({*recorded, *present}):
        if (name in recorded) != (name in present) or recorded[name] != present[name]:
            yield ParamResult(name, recorded.get(name), present.get(name))


def _metrics(
    recorded: Mapping[str, float], present: Mapping[str, float], lacking: str
) -> Iterator[MetricResult]:
    from gitmodelstore.pipelines.retest import Retested

    for name, value in sorted(recorded.items()):
        now = Retested(name, value, present.get(name))
        outcome = lacking if now.present is None else SAME if now.is_same else DIFFERENT
        yield MetricResult(name, value, now.present, outcome)
