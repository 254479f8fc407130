"""What differs between two versions, or between a version and a pipeline: the values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from gitmodelstore.lean import TYPE_CHECKING, Any, dataclass, fields
from gitmodelstore.values.manifest import (
    Baseline,
    Code,
    Dataset,
    Environment,
    Feature,
    Manifest,
    PipelineFacts,
)
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import DIFFERENT, WITHIN
from gitmodelstore.values.tables import (
    ABBREVIATED,
    NOTEBOOK,
    Paint,
    Part,
    Table,
    TextColumn,
    counted,
    cut,
    difference,
    html,
    lines_of,
    number,
    pad,
    size,
    visible,
)

if TYPE_CHECKING:
    from gitmodelstore.operations.verify import DataVerified

# The parts of a diff: each thing that differs, as a value.

ADDED, REMOVED, CHANGED, MOVED = "added", "removed", "changed", "moved"
RENAMED, TAKES, UNKNOWN = "renamed", "takes", "unknown"
ROWS, ORDER, TYPE, PROFILE = "rows", "order", "type", "profile"
TEST_ROWS = "test rows"
SAME_DATA, OTHER_DATA, UNKNOWN_DATA = "same data", "other data", "unknown data"


@dataclass(frozen=True, slots=True)
class PartChange:
    """One thing that differs.

    Attributes:
        what: "added", "removed" or "changed"; "moved" if only the order differs; for steps also
            "takes" (different columns), for features also "renamed" (a guess: a new name in
            the same place, with the same type).
        name: its name; "order" for what moved.
        before, after: the values of params, the classes of steps, the types of features, the
            names of renamed ones; lists of what moved and of columns; None if it was not there.
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
        before, after: its values; None if it was not measured.
        verdict: "better" or "worse"; None if they are equal, if it is not known which way is
            better, or if they were measured on different data.
    """

    name: str
    before: float | None
    after: float | None
    verdict: str | None

    @property
    def delta(self) -> float | None:
        """What was added; None if one of the two is missing."""
        if self.before is None or self.after is None:
            return None
        return float(self.after) - float(self.before)


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of the two.

    Attributes:
        changes: by name, equal ones too.
        measured_on: "same data", "other data" or "unknown data".
        on_same_rows: those of the later one and of its recorded baseline, which is the other
            one on the same rows; empty if there is none, or it is not needed.
        scored: whether both were scored for this, on rows that were given.
        why: why one of the two could not be scored; None if both were, or none had to be.
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
class DataDifference:
    """One thing in which two descriptions of a data set differ.

    Attributes:
        what: "rows"; "order" for the columns; or for one column "added", "removed", "type" or
            "profile".
        column: its name; None for rows and order.
        key: for a profile, which number, such as "mean" or "values.yes"; otherwise None.
        recorded, present: the number of rows, the type, or the number in the profile, then
            and now; None if there is or was none.
    """

    what: str
    column: str | None = None
    key: str | None = None
    recorded: Any = None
    present: Any = None


@dataclass(frozen=True, slots=True)
class DataChange:
    """One data set that differs, or that only one of the two used.

    Attributes:
        what: "added", "removed", "changed"; "unknown" if the two digests are of different
            kinds, so that they cannot be compared.
        role: what it was for.
        before, after: the data sets; None if there was none.
        differences: how rows, columns and profiles differ; empty if they are not recorded.
    """

    what: str
    role: str
    before: Dataset | None
    after: Dataset | None
    differences: tuple[DataDifference, ...]


@dataclass(frozen=True, slots=True)
class PackageChange:
    """One part of the environment.

    Attributes:
        name: of the distribution; "python" or "platform".
        before, after: versions; None if it was not needed.
        counts: whether answers may differ, or the pipeline may not load.
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
        before, after: sizes in bytes; None if it was not there.
    """

    path: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class SourceChange:
    """One file of the training repository.

    Attributes:
        path: its name.
        added, removed: how many lines; None for a binary file.
    """

    path: str
    added: int | None
    removed: int | None


@dataclass(frozen=True, slots=True)
class CodeChange:
    """What differs in the training code.

    Attributes:
        before, after: what is recorded; None if nothing is.
        commits: those that only the second has, newest first, as id and subject.
        left_out: those that only the first has, in the same way.
        files: what changed between the two commits.
        why: why commits and files are not known; None if they are.
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
        rows: how many have different answers.
        largest: the largest difference of any number; 0.0 for labels.
        why: what is wrong, if there is nothing to compare; otherwise None.
    """

    method: str
    outcome: str
    rows: int = 0
    largest: float = 0.0
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of the two to the same rows.

    Attributes:
        asked: whose rows: names of the versions with that sample, or "test rows".
        rows: how many.
        recorded: whether these are the answers at registration; otherwise both were run here.
        methods: the result for each method that both have.
        why: what stopped the comparison; None if nothing did.
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


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared: what its manifest says, if there is one.

    Attributes:
        name: its name for people, such as "churn 1.1.0".
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
        files = {file.path: (file.size_bytes, file.sha256) for file in manifest.artifacts}
        shared = fields(cls)[2:-1]  # without name, version and files
        facts: dict[str, Any] = {one.name: getattr(manifest, one.name) for one in shared}
        return cls(str(version), version, **facts, files=files)


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
        steps: parts of the pipeline, by path, such as `prep__num__scale`.
        params: parameters by path; one that only one of the two has, at its default, is not a
            difference: another scikit-learn added or dropped it.
        features: input columns.
        data: data sets.
        environment: packages, those that count first.
        code: the training code; None if it is the same.
        files: artifacts with different content, with their sizes.
        answers: the answers of both to the same rows; empty if they were not compared.
        unasked: why no answers were compared; None if they were, or were not asked for.
    """

    a: Side
    b: Side
    metrics: Metrics
    model: tuple[PartChange, ...] = ()
    steps: tuple[PartChange, ...] = ()
    params: tuple[PartChange, ...] = ()
    features: tuple[PartChange, ...] = ()
    data: tuple[DataChange, ...] = ()
    environment: tuple[PackageChange, ...] = ()
    code: CodeChange | None = None
    files: tuple[FileChange, ...] = ()
    answers: tuple[Answers, ...] = ()
    unasked: str | None = None

    @property
    def sections(self) -> tuple[str, ...]:
        """Names of the attributes in which the two differ, in the order of this class."""
        parts = {one.name: getattr(self, one.name) for one in fields(self)[2:-1]}
        parts["metrics"] = self.metrics.differ
        parts["answers"] = any(one.differ for one in self.answers)
        return tuple(name for name, differs in parts.items() if differs)

    @property
    def differs(self) -> bool:
        """Whether anything does, their names, numbers and dates apart."""
        return bool(self.sections)

    def __str__(self) -> str:
        """Return what `gms diff` prints."""
        return "\n".join(lines_of(diff_page(self, Paint(False))))

    def _repr_html_(self) -> str:
        return html(diff_page(self, NOTEBOOK))

    @property
    def sentence(self) -> str:
        """What differs, in a sentence.

        As `churn 1.0.0 -> 1.1.0: metrics (1 better), 2 params and train data differ`.
        """
        names = " -> ".join(self.names)
        parts = [self._said(section) for section in self.sections]
        if not parts:
            return f"{names}: nothing differs"
        words = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
        return f"{names}: {words} differ"

    def __repr__(self) -> str:
        return f"<Diff {self.sentence}>"

    @property
    def names(self) -> tuple[str, str]:
        """What to call the two; a shared model name appears once."""
        a, b = self.a.version, self.b.version
        if a is not None and b is not None and a.model == b.model:
            return self.a.name, str(b.version)
        return self.a.name, self.b.name

    def _said(self, section: str) -> str:
        if section == "metrics":
            verdicts = [one.verdict for one in self.metrics.on_same_rows or self.metrics.changes]
            counts = {word: verdicts.count(word) for word in ("better", "worse")}
            verdicts_said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
            return f"metrics ({verdicts_said})" if verdicts_said else "metrics"
        if section == "model":
            return ", ".join(change.name for change in self.model)
        if section == "data":
            return f"{', '.join(dict.fromkeys(change.role for change in self.data))} data"
        if section == "environment":
            counting = ", ".join(change.name for change in self.environment if change.counts)
            return f"environment ({counting})" if counting else "environment"
        noun = {"steps": "step", "params": "param", "features": "input"}.get(section)
        return counted(len(getattr(self, section)), noun) if noun else section


# Which way a metric is better, by the words in its name.


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_HIGHER = _words(
    "accuracy acc auc auroc auprc aucpr roc f1 fbeta f2 precision recall sensitivity specificity "
    "tpr tnr ppv npv r2 ap map mcc matthews kappa jaccard iou dice gini lift ndcg dcg mrr "
    "silhouette ari ami nmi homogeneity completeness purity likelihood profit revenue"
)
_LOWER = _words(
    "error err errors mae mse rmse msle rmsle mape smape wape mase mdae medae loss logloss nll "
    "brier deviance perplexity hinge hamming fpr fnr fdr ece eer pinball aic bic cost seconds "
    "latency"
)
_WEAKLY_HIGHER = _words("score scores")  # brier_score is a loss all the same
_NEGATED = _words("neg negative")
_TRUE = ("true positive rate", "true negative rate")
_FALSE = ("false positive rate", "false negative rate")
_AS_IT_STANDS = (  # of several words, before the words alone are looked at
    (("explained variance", "average precision", "d2 ", *_TRUE), 1),
    (("cross entropy", "crossentropy", *_FALSE), -1),
)


def direction_of(metric: str) -> int:
    """Return 1 for a metric that is better when higher, -1 when lower, 0 when nobody knows.

    >>> [direction_of(name) for name in ("test_auc", "rmse", "neg_log_loss", "n_rows")]
    [1, -1, 1, 0]
    """
    words = re.findall(r"[a-z]+[0-9]*", re.sub(r"([a-z])([A-Z])", r"\1 \2", metric).lower())
    text = f"{' '.join(words)} "
    for phrases, direction in _AS_IT_STANDS:
        if any(phrase in text for phrase in phrases):
            return direction
    parts = set(words)
    up, down = bool(parts & _HIGHER), bool(parts & _LOWER)
    if up == down:
        return 1 if not up and parts & _WEAKLY_HIGHER else 0
    return (1 if up else -1) * (-1 if parts & _NEGATED else 1)


def better_or_worse(metric: str, before: float, after: float) -> str | None:
    """Return "better" or "worse" for a metric that went from one to another; None for neither."""
    turn = direction_of(metric) * ((after > before) - (after < before))
    return {1: "better", -1: "worse"}.get(turn)


# The text of `gms diff`: a sentence, then a section for each thing that differs.

_MOST_LINES = 20  # of a section; --json has them all
_MOST_VALUE = 60  # characters
_MOST_NUMBERS = 4  # of a column's profile
_SHOWN_DIGITS = 12  # of a digest


def diff_page(diff: Diff, paint: Paint) -> Iterator[Part]:
    """Yield the parts of `gms diff`."""
    sections: list[tuple[str, Iterable[str | Table]]] = [
        (_metrics_head(diff), _metrics(diff, paint)),
        ("Model", _model(diff.model)),
        ("Steps", _first(_steps(diff.steps, paint))),
        ("Params", _first(_params(diff.params, paint))),
        ("Inputs", _first(_features(diff.features, paint))),
        ("Data", (line for change in diff.data for line in _data(change, paint))),
        ("Environment", _environment(diff.environment, paint)),
        ("Code", _code(diff.code, paint) if diff.code else ()),
        ("Files", _files(diff.files)),
        ("Answers", (line for one in diff.answers for line in _answers(one, paint))),
    ]
    yield paint.bold(visible(diff.sentence))
    for head, lines in sections:
        content = [
            f"  {line}" if isinstance(line, str) else line._replace(indent="  ") for line in lines
        ]
        yield from ("", paint.bold(head), *content) if content else ()


def _metrics_head(diff: Diff) -> str:
    if diff.metrics.scored:
        return "Metrics, on the rows given"
    on = {SAME_DATA: "on the same test data", OTHER_DATA: "each on other test data"}
    basis = on.get(diff.metrics.measured_on, "on test data that is not recorded for both")
    return f"Metrics, {basis}"


def _metrics(diff: Diff, paint: Paint) -> Iterator[str | Table]:
    metrics = diff.metrics
    if metrics.why:
        yield visible(metrics.why)
    if not metrics.changes or not (metrics.differ or metrics.scored):
        return
    yield _metric_table(diff, metrics.changes, paint)
    if metrics.on_same_rows:
        yield "one beside the other as its baseline, on the same rows"
        yield _metric_table(diff, metrics.on_same_rows, paint)


def _metric_table(diff: Diff, changes: Sequence[MetricChange], paint: Paint) -> Table:
    before, after = map(visible, diff.names)
    if diff.a.version and diff.b.version and diff.a.version.model == diff.b.version.model:
        before = str(diff.a.version.version)
    heads = ("", before, after, "change", "")
    columns = [TextColumn(head, right=bool(head)) for head in heads]
    colours = {"better": paint.green, "worse": paint.red}
    rows = []
    for one in changes:
        numbers = ["-" if value is None else number(value) for value in (one.before, one.after)]
        has_both = one.before is not None and one.after is not None
        gap = difference(one.after, one.before) if has_both else ""  # type: ignore[arg-type]
        verdict = colours[one.verdict](one.verdict) if one.verdict else ""
        rows.append([one.name, *numbers, gap, verdict])
    return Table(columns, rows)


def _model(changes: Sequence[PartChange]) -> Iterator[str]:
    most = max((len(one.name) for one in changes), default=0)
    yield from (f"{one.name:<{most}}  {_values(one)}" for one in changes)


def _steps(changes: Sequence[PartChange], paint: Paint) -> Iterator[str]:
    for one in changes:
        name = visible(one.name).replace("__", " / ")
        if one.what == TAKES:
            yield f"~ {name}  takes {_values(one)}"
        elif one.what == MOVED:
            yield _order(one)
        else:
            before, after = (path and path.rpartition(".")[2] for path in (one.before, one.after))
            yield _change(name, before, after, paint)


def _features(changes: Sequence[PartChange], paint: Paint) -> Iterator[str]:
    for one in changes:
        if one.what == RENAMED:
            yield f"~ {_values(one)}  {paint.yellow('renamed?')} same place and type"
        elif one.what == MOVED:
            yield _order(one)
        else:
            before = None if one.what == ADDED else one.before or "any type"
            after = None if one.what == REMOVED else one.after or "any type"
            yield _change(visible(one.name), before, after, paint)


def _change(name: str, before: str | None, after: str | None, paint: Paint) -> str:
    """Return a line of what was added, removed, or is another one now."""
    if before is None:
        return paint.green(f"+ {name}  {visible(after or '')}")
    if after is None:
        return paint.red(f"- {name}  {visible(before)}")
    return f"~ {name}  {visible(before)} -> {visible(after)}"


def _order(one: PartChange) -> str:
    """Return from where on names stand in another order."""
    pairs = zip(one.before, one.after, strict=True)
    before, after = next(pair for pair in pairs if pair[0] != pair[1])
    return f"~ in another order, from {_value(before)} on, where {_value(after)} stands now"


def _params(changes: Sequence[PartChange], paint: Paint) -> Iterator[str]:
    """Yield the params, those of one step together below its path."""
    steps = {one.name: one.name.rpartition("__")[0] for one in changes}
    ordered = sorted(changes, key=lambda one: (steps[one.name], one.name))
    for step, run in groupby(ordered, key=lambda one: steps[one.name]):
        group = [(one, visible(one.name.rpartition("__")[2])) for one in run]
        most = max(len(name) for _, name in group)
        if step:
            yield visible(step).replace("__", " / ")
        for one, name in group:
            mark, value = "~", _values(one)
            if one.what == ADDED:
                mark, value = paint.green("+"), _value(one.after)
            elif one.what == REMOVED:
                mark, value = paint.red("-"), _value(one.before)
            yield f"{'  ' if step else ''}{mark} {pad(name, most)}  {value}"


def _values(one: PartChange) -> str:
    return f"{_value(one.before)} -> {_value(one.after)}"


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return cut(visible(text), _MOST_VALUE)


def _data(change: DataChange, paint: Paint) -> Iterator[str]:
    both = change.before, change.after
    before, after = (_dataset(dataset) if dataset else "none" for dataset in both)
    yield f"{change.role}  {before} -> {after}"
    if change.what == UNKNOWN:
        yield "  the two digests are of different kinds, so that they cannot be compared"
    yield from (f"  {line}" for line in _first(_differences(change.differences, paint)))
    profiled = (
        {one.name for one in (dataset and dataset.columns) or () if one.profile is not None}
        for dataset in both
    )
    if alike := set.intersection(*profiled) - {one.column for one in change.differences}:
        yield f"  {counted(len(alike), 'column')} with the same profile"


def _dataset(dataset: Dataset) -> str:
    words = [visible(dataset.name or dataset.uri or "in memory")]
    words += [visible(dataset.version)] if dataset.version else []
    across = f" x {len(dataset.columns)}" if dataset.columns is not None else ""
    words.append(size(dataset.size_bytes) if dataset.rows is None else f"{dataset.rows:,}{across}")
    words.append(f"{dataset.digest.algorithm}:{dataset.digest.hex[:_SHOWN_DIGITS]}")
    return " ".join(words)


def _differences(differences: Sequence[DataDifference], paint: Paint) -> Iterator[str]:
    """Yield a line for each column; the head of the data set tells of rows."""
    for group in by_column(differences):
        first, name = group[0], visible(group[0].column or "")
        if first.what == ORDER:
            yield "~ the columns are in another order"
        elif first.what in (ADDED, REMOVED):
            yield _change(name, first.recorded, first.present, paint)
        elif first.what != ROWS:
            yield f"~ {name}  {numbers_of(group, '{} {} -> {}')}"


def by_column(differences: Sequence[DataDifference]) -> list[list[DataDifference]]:
    """Return what has a line of its own: each column, the rows, the order."""
    groups = groupby(differences, key=lambda one: (one.column is None and one.what, one.column))
    return [list(group) for _, group in groups]


def numbers_of(group: Sequence[DataDifference], form: str) -> str:
    """Return type and profile of one column, each put into a form for name, before and after."""
    numbers = [
        form.format(
            TYPE if one.what == TYPE else visible(one.key or ""),
            _recorded(one.recorded),
            _recorded(one.present),
        )
        for one in group[:_MOST_NUMBERS]
    ]
    more = [f"{len(group) - _MOST_NUMBERS} more"] if len(group) > _MOST_NUMBERS else []
    return "; ".join([*numbers, *more])


def _recorded(value: Any) -> str:
    if value is None:
        return "none"
    return number(value) if isinstance(value, float) else visible(str(value))


def data_lines(comparison: DataVerified, paint: Paint) -> Iterator[str]:
    """Yield the lines of `gms verify --data`."""
    verdict = "same" if comparison.is_same else paint.red("different")
    yield f"{paint.bold(str(comparison.version))}  {comparison.role} data {verdict}"
    if comparison.is_same:
        yield f"  {_digest(comparison.recorded)}"
        return
    yield f"  {_digest(comparison.present)}, recorded {_digest(comparison.recorded)}"
    if comparison.why:
        yield f"  {comparison.why}"
    of_columns = by_column(comparison.differences)
    yield from (f"  {_present(group)}" for group in of_columns[:_MOST_LINES])
    if len(of_columns) > _MOST_LINES:
        yield f"  … and {len(of_columns) - _MOST_LINES} more (--json has them all)"


def _digest(data: Dataset) -> str:
    return f"{data.digest.algorithm}:{data.digest.hex[:_SHOWN_DIGITS]}"


def _present(group: list[DataDifference]) -> str:
    first = group[0]
    if first.what == ROWS:
        return f"rows: recorded {first.recorded:,}, now {first.present:,}"
    if first.what == ORDER:
        return "the columns are in another order"
    name = f"column '{cut(visible(first.column or ''), _MOST_VALUE)}'"
    if first.what == ADDED:
        return f"{name}: not recorded, now {first.present}"
    if first.what == REMOVED:
        return f"{name}: recorded {first.recorded}, now missing"
    return f"{name}: {numbers_of(group, '{} recorded {}, now {}')}"


def _environment(changes: Sequence[PackageChange], paint: Paint) -> Iterator[str]:
    counting = [one for one in changes if one.counts]
    most = max((len(one.name) for one in counting), default=0)
    for one in counting:
        yield f"{paint.red('!')} {one.name:<{most}}  {one.before} -> {one.after}"
    others = [
        visible(f"{one.name} {one.before or 'none'} -> {one.after or 'none'}")
        for one in changes
        if not one.counts
    ]
    if others:
        shown = ", ".join(others[:_MOST_LINES])
        more = f", and {len(others) - _MOST_LINES} more" if len(others) > _MOST_LINES else ""
        yield paint.dim(f"{'also ' if counting else ''}{shown}{more}")


def _code(change: CodeChange, paint: Paint) -> Iterator[str]:
    yield f"{_commit(change.before)} -> {_commit(change.after)}"
    scripts = [code.entry_point for code in (change.before, change.after) if code]
    if len(scripts) == 2 and all(scripts) and scripts[0] != scripts[1]:
        yield f"script {_value(scripts[0])} -> {_value(scripts[1])}"
    if change.why:
        yield visible(change.why)
    for word, commits in (("", change.commits), ("not in the second: ", change.left_out)):
        yield from _first(
            f"{word}{paint.yellow(oid[:ABBREVIATED])} {visible(subject)}"
            for oid, subject in commits
        )
    yield from _first(
        f"{visible(one.path)} | {'binary' if one.added is None else f'+{one.added} -{one.removed}'}"
        for one in change.files
    )
    if change.files:
        added = sum(one.added or 0 for one in change.files)
        removed = sum(one.removed or 0 for one in change.files)
        yield f"{counted(len(change.files), 'file')} changed, +{added} -{removed}"


def _commit(code: Code | None) -> str:
    if code is None:
        return "none recorded"
    commit = code.commit[:ABBREVIATED] if code.commit else "no commit"
    return f"{commit} with uncommitted changes" if code.dirty else commit


def _files(changes: Sequence[FileChange]) -> Iterator[str]:
    most = max((len(one.path) for one in changes), default=0)
    for one in changes:
        if one.before is None or one.after is None:
            size_bytes = one.before if one.after is None else one.after
            word = "removed" if one.after is None else "added"
            yield f"{one.path:<{most}}  {size(size_bytes or 0)}, {word}"
        else:
            gap = one.after - one.before
            grown = f" ({'+' if gap > 0 else '-'}{size(abs(gap))})" if gap else ""
            yield f"{one.path:<{most}}  {size(one.before)} -> {size(one.after)}{grown}"


def _answers(one: Answers, paint: Paint) -> Iterator[str]:
    rows = counted(one.rows, "row")
    whose = "given" if one.asked == TEST_ROWS else f"of the sample of {one.asked}"
    how = "as recorded" if one.recorded else "asked here"
    yield visible(f"to {rows} {whose}, {how}")
    if one.why:
        yield f"  {visible(one.why)}"
    most = max((len(method.method) for method in one.methods), default=0)
    for method in one.methods:
        text = method.outcome
        if method.why:
            text = f"{paint.red(method.outcome)}: {visible(method.why)}"
        elif method.outcome == DIFFERENT:
            text = f"{paint.red(method.outcome)} in {method.rows} of {rows}"
        if method.largest and method.outcome in (DIFFERENT, WITHIN):
            text += f", largest difference {number(method.largest, 3)}"
        yield f"  {method.method:<{most}}  {text}"


def _first(lines: Iterable[str]) -> Iterator[str]:
    """Yield as many lines as anybody reads, and how many more there are."""
    content = list(lines)
    yield from content[:_MOST_LINES]
    if len(content) > _MOST_LINES:
        yield f"… and {len(content) - _MOST_LINES} more (--json has them all)"
