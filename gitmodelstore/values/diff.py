"""What differs between two versions, or between a version and a pipeline: the values.

`values/compare.py` makes them of two manifests; what calls for the training repository or
for a loaded pipeline is added by `operations/diff.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gitmodelstore.values.diff_parts import (
    Answers,
    Change,
    CodeChange,
    DataChange,
    FileChange,
    Metrics,
    PackageChange,
)
from gitmodelstore.values.manifest import (
    Baseline,
    Code,
    Dataset,
    Environment,
    Feature,
    Manifest,
    PipelineFacts,
)
from gitmodelstore.values.markdown import counted
from gitmodelstore.values.model_version import ModelVersion


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared: what its manifest says, as far as there is one.

    Attributes:
        name: as people read it, "churn 1.1.0".
        version: which version; None for a pipeline that is not registered.
        pipeline, features, target, metrics, baseline, data, code, environment: as in
            Manifest.
        files: path to size in bytes and digest of each artifact.
    """

    name: str
    version: ModelVersion | None
    pipeline: PipelineFacts
    features: tuple[Feature, ...] | None
    target: str | None
    metrics: Mapping[str, float]
    baseline: Baseline | None
    data: tuple[Dataset, ...]
    code: Code | None
    environment: Environment
    files: Mapping[str, tuple[int, str]]

    @classmethod
    def of(cls, version: ModelVersion, manifest: Manifest) -> Side:
        """Return the side of a registered version."""
        return cls(
            name=str(version),
            version=version,
            pipeline=manifest.pipeline,
            features=manifest.features,
            target=manifest.target,
            metrics=manifest.metrics,
            baseline=manifest.baseline,
            data=manifest.data,
            code=manifest.code,
            environment=manifest.environment,
            files={file.path: (file.size_bytes, file.sha256) for file in manifest.artifacts},
        )


@dataclass(frozen=True, slots=True, repr=False)
class Diff:
    """What differs between two versions, or between a version and a pipeline.

    >>> diff = store.diff("churn@1.0.0", "churn@1.1.0")
    >>> diff.differs, diff.params[0].after
    (True, 3.0)
    >>> diff
    <Diff churn 1.0.0 -> 1.1.0: metrics (3 better), 1 param, files and answers differ>

    Attributes:
        a, b: the two.
        metrics: of both, with better or worse.
        model: task, algorithm, class, target and classes that differ.
        steps: parts of the pipeline, by path, as `prep__num__scale`.
        params: parameters by path; one that only one of the two has, at its default, is no
            difference: another scikit-learn added or dropped it.
        features: input columns.
        data: data sets.
        environment: packages, those that count first.
        code: the training code; None when it is the same.
        files: artifacts of other content, with their sizes.
        answers: what both answer to the same rows; empty when that was not asked.
        unasked: why no answers were compared; None when they were, or nobody wanted them.
    """

    a: Side
    b: Side
    metrics: Metrics
    model: tuple[Change, ...] = ()
    steps: tuple[Change, ...] = ()
    params: tuple[Change, ...] = ()
    features: tuple[Change, ...] = ()
    data: tuple[DataChange, ...] = ()
    environment: tuple[PackageChange, ...] = ()
    code: CodeChange | None = None
    files: tuple[FileChange, ...] = ()
    answers: tuple[Answers, ...] = ()
    unasked: str | None = None

    @property
    def sections(self) -> tuple[str, ...]:
        """Names of the attributes in which the two differ, in the order of this class."""
        found = {
            "metrics": self.metrics.differ,
            "model": self.model,
            "steps": self.steps,
            "params": self.params,
            "features": self.features,
            "data": self.data,
            "environment": self.environment,
            "code": self.code,
            "files": self.files,
            "answers": any(one.differ for one in self.answers),
        }
        return tuple(name for name, differs in found.items() if differs)

    @property
    def differs(self) -> bool:
        """Whether anything does, their names, numbers and dates apart."""
        return bool(self.sections)

    def __str__(self) -> str:
        """Return what `gms diff` prints."""
        from gitmodelstore.values.diff_page import page
        from gitmodelstore.values.render import Paint

        return "\n".join(page(self, Paint(False)))

    @property
    def sentence(self) -> str:
        """What differs, in a sentence.

        As `churn 1.0.0 -> 1.1.0: metrics (1 better), 2 params and train data differ`.
        """
        names = " -> ".join(self.names)
        said = [self._said(section) for section in self.sections]
        if not said:
            return f"{names}: nothing differs"
        words = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
        return f"{names}: {words} differ"

    def __repr__(self) -> str:
        return f"<Diff {self.sentence}>"

    @property
    def names(self) -> tuple[str, str]:
        """What to call the two; a model that is the same is not said twice."""
        a, b = self.a.version, self.b.version
        if a is not None and b is not None and a.model == b.model:
            return self.a.name, str(b.version)
        return self.a.name, self.b.name

    def _said(self, section: str) -> str:
        if section == "metrics":
            verdicts = [one.verdict for one in self.metrics.on_same_rows or self.metrics.changes]
            counts = {word: verdicts.count(word) for word in ("better", "worse")}
            said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
            return f"metrics ({said})" if said else "metrics"
        if section == "model":
            return ", ".join(change.name for change in self.model)
        if section == "data":
            return f"{', '.join(dict.fromkeys(change.role for change in self.data))} data"
        if section == "environment":
            counting = ", ".join(change.name for change in self.environment if change.counts)
            return f"environment ({counting})" if counting else "environment"
        noun = {"steps": "step", "params": "param", "features": "input"}.get(section)
        return counted(len(getattr(self, section)), noun) if noun else section
