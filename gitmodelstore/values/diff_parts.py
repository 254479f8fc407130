"""The parts of a diff: each thing that differs, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gitmodelstore.values.manifest import Code, Column, Dataset
from gitmodelstore.values.sample import DIFFERENT
from gitmodelstore.values.stability import Shift

ADDED, REMOVED, CHANGED, MOVED = "added", "removed", "changed", "moved"
RENAMED, TAKES, SHIFTED, UNKNOWN = "renamed", "takes", "shifted", "unknown"
TEST_ROWS = "test rows"
SAME_DATA, OTHER_DATA, UNKNOWN_DATA = "same data", "other data", "unknown data"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs.

    Attributes:
        what: "added", "removed" or "changed"; "moved" where only the order is another one;
            of steps also "takes" (other columns), of features "renamed" (suspected: another
            name in the same place, of the same type).
        name: of the thing; "order" of what moved.
        before, after: the two values: of params their values, of steps their classes, of
            features their types, of renamed ones their names; lists of what moved and of
            columns; None where it was not there.
    """

    what: str
    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class MetricChange:
    """One metric of the two.

    Attributes:
        name: of the metric.
        before, after: its values; None where it was not measured.
        verdict: "better" or "worse"; None where they are equal, where nobody knows which
            way is better, or where they were measured on other data.
    """

    name: str
    before: float | None
    after: float | None
    verdict: str | None

    @property
    def delta(self) -> float | None:
        """What was added; None where one of the two is missing."""
        if self.before is None or self.after is None:
            return None
        return float(self.after) - float(self.before)


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of the two.

    Attributes:
        changes: by name, equal ones too.
        measured_on: "same data", "other data" or "unknown data".
        on_same_rows: those of the later one beside its recorded baseline, which is the
            other one on the same rows; empty where there is none, or no need of it.
        scored: whether both were scored for this, on rows that were given.
        why: why one of the two could not be scored; None when both were, or none was to be.
    """

    changes: tuple[MetricChange, ...] = ()
    measured_on: str = UNKNOWN_DATA
    on_same_rows: tuple[MetricChange, ...] = ()
    scored: bool = False
    why: str | None = None

    @property
    def differ(self) -> bool:
        """Whether any does."""
        return any(one.before != one.after for one in (*self.changes, *self.on_same_rows))


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """One column of a data set that differs, or of which it is known how far it has shifted.

    Attributes:
        what: "added", "removed", "changed" (its type) or "shifted".
        name: of the column.
        before, after: what is recorded of it; None where it was not there.
        shift: how far its values have shifted; None where the profiles do not say.
    """

    what: str
    name: str
    before: Column | None
    after: Column | None
    shift: Shift | None


@dataclass(frozen=True, slots=True)
class DataChange:
    """One data set that is another one, or only took part in one of the two.

    Attributes:
        what: "added", "removed", "changed"; "unknown" where the two digests are of
            different kinds, so that they cannot be compared.
        role: what it was for.
        before, after: which they were; None where there was none.
        columns: what differs in its columns; empty where that is not recorded.
    """

    what: str
    role: str
    before: Dataset | None
    after: Dataset | None
    columns: tuple[ColumnChange, ...]


@dataclass(frozen=True, slots=True)
class PackageChange:
    """One part of the environment.

    Attributes:
        name: of the distribution; "python" or "platform".
        before, after: versions; None where it was not needed.
        counts: whether answers may well differ, or the pipeline not load.
    """

    name: str
    before: str | None
    after: str | None
    counts: bool


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file: an artifact of the two versions.

    Attributes:
        path: its name.
        before, after: sizes in bytes; None where it was not there.
    """

    path: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class SourceChange:
    """One file of the training repository.

    Attributes:
        path: its name.
        added, removed: how many lines; None of a binary file.
    """

    path: str
    added: int | None
    removed: int | None


@dataclass(frozen=True, slots=True)
class CodeChange:
    """What differs in the training code.

    Attributes:
        before, after: what is recorded; None where nothing is.
        commits: those that only the second has, newest first, as id and subject.
        left_out: those that only the first has, in the same way.
        files: what changed between the two commits.
        why: why commits and files are not known; None when they are.
    """

    before: Code | None
    after: Code | None
    commits: tuple[tuple[str, str], ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    files: tuple[SourceChange, ...] = ()
    why: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerChange:
    """How the answers of one method differ.

    Attributes:
        method: its name, "predict".
        outcome: "identical", "within tolerance" or "different".
        rows: how many were answered differently.
        largest: the largest difference of any number; 0.0 for labels.
        why: what is wrong, where there is nothing to compare; None elsewhere.
    """

    method: str
    outcome: str
    rows: int = 0
    largest: float = 0.0
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """What the two answer to the same rows.

    Attributes:
        asked: whose rows: names of the versions with that sample, or "test rows".
        rows: how many.
        recorded: whether the answers are those of registration; else both were asked here.
        methods: what came of each method that both have.
        why: what stopped the comparison; None when nothing did.
    """

    asked: str
    rows: int
    recorded: bool
    methods: tuple[AnswerChange, ...] = ()
    why: str | None = None

    @property
    def differ(self) -> bool:
        """Whether any answer does; where none could be compared, nobody knows."""
        return any(one.outcome == DIFFERENT for one in self.methods)
