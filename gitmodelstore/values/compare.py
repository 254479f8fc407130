"""What two manifests alone tell: how they differ, and the number that the second should have."""
# What only one of them records is not a difference: unrecorded columns are not lost.

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest

from gitmodelstore.lean import TYPE_CHECKING, Any, dataclass
from gitmodelstore.values.diff import (
    ADDED,
    CHANGED,
    MOVED,
    ORDER,
    OTHER_DATA,
    PROFILE,
    REMOVED,
    RENAMED,
    ROWS,
    SAME_DATA,
    TAKES,
    TYPE,
    UNKNOWN,
    UNKNOWN_DATA,
    AnswerChange,
    CodeChange,
    DataChange,
    DataDifference,
    Diff,
    FileChange,
    MetricChange,
    Metrics,
    PackageChange,
    PartChange,
    Side,
    better_or_worse,
)
from gitmodelstore.values.manifest import (
    Baseline,
    Code,
    Column,
    Dataset,
    Environment,
    Feature,
    Manifest,
    PipelineFacts,
    Step,
)
from gitmodelstore.values.names import DIFFERENT, IDENTICAL, WITHIN, Bump

if TYPE_CHECKING:
    from gitmodelstore.values.sample import Block, Cell, Sample

# Recorded against present environment: what differs, and which of it counts.

PYTHON, PLATFORM = "python", "platform"
# How many parts of a version number must be equal for a pipeline to be expected to work alike.
PARTS_THAT_COUNT = {PYTHON: 2, "scikit-learn": 2, "numpy": 1}
# Before a load there is a reason to warn of another major release of pandas too.
PARTS_AT_LOAD = {**PARTS_THAT_COUNT, "pandas": 1}


@dataclass(frozen=True, slots=True)
class Difference:
    """One part of the environment that differs here from training.

    Attributes:
        package: a distribution's normalized name; or "python", or "platform".
        recorded: the version at training.
        present: the version here; None if it is not installed.
        counts: whether answers may differ, or the pipeline may not load.
    """

    package: str
    recorded: str
    present: str | None
    counts: bool

    def __str__(self) -> str:
        return f"{self.package} {self.recorded}, here {self.present or 'none'}"


def environment_differences(
    recorded: Mapping[str, str],
    present: Mapping[str, str | None],
    table: Mapping[str, int] = PARTS_THAT_COUNT,
) -> tuple[Difference, ...]:
    """Return what of a recorded environment is another one now, what counts first.

    `table` says of how many parts the two versions must be equal; what is missing counts.

    >>> environment_differences({"numpy": "2.1.0"}, {"numpy": "2.2.0"})[0].counts
    False
    """
    differing = []
    for name, number in recorded.items():
        other, parts = present.get(name), table.get(name, 0)
        if number != other:
            counts = other is None or first_parts(number, parts) != first_parts(other, parts)
            differing.append(Difference(name, number, other, counts))
    return tuple(sorted(differing, key=lambda one: not one.counts))


def first_parts(number: str, parts: int) -> list[str]:
    """Return the first parts of a version number: of "1.6.1" two are ["1", "6"]."""
    return re.split(r"[.+-]", number)[:parts]


def compare(a: Side, b: Side) -> Diff:
    """Return what differs; of a side that is not registered only the data and files that it has."""
    return Diff(
        a,
        b,
        metrics=metrics_of(a, b),
        model=tuple(_parts(*(_model_facts(one.pipeline, one.target) for one in (a, b)))),
        steps=tuple(_of_steps(a.pipeline, b.pipeline)),
        params=tuple(_of_params(a.pipeline, b.pipeline)),
        features=tuple(_of_features(a.features, b.features)),
        data=tuple(_of_data(a, b)),
        environment=_of_environment(a.environment, b.environment),
        code=_of_code(a, b),
        files=tuple(_of_files(a, b)),
    )


def metrics_of(a: Side, b: Side) -> Metrics:
    """Return the recorded metrics of two sides; better or worse only where they may be compared."""
    if a.version is None or b.version is None:
        return Metrics()
    measured_on = _measured_on(a.data, b.data)
    changes = tuple(metric_changes(a.metrics, b.metrics, judged=measured_on != OTHER_DATA))
    same_rows: tuple[MetricChange, ...] = ()
    if measured_on != SAME_DATA:
        if baseline := _baseline(a, b):
            same_rows = tuple(metric_changes(baseline.metrics, b.metrics))
        elif baseline := _baseline(b, a):
            same_rows = tuple(metric_changes(a.metrics, baseline.metrics))
    return Metrics(changes, measured_on, same_rows)


def metric_changes(
    before: Mapping[str, float], after: Mapping[str, float], *, judged: bool = True
) -> Iterator[MetricChange]:
    """Yield each metric of either, by name, with better or worse if they are to be judged."""
    for name in sorted({*before, *after}):
        one, other = before.get(name), after.get(name)
        is_judged = judged and one is not None and other is not None
        better = better_or_worse(name, one, other) if is_judged else None  # type: ignore[arg-type]
        yield MetricChange(name, one, other, better)


def _measured_on(before: Sequence[Dataset], after: Sequence[Dataset]) -> str:
    one = next((dataset.digest for dataset in before if dataset.role == "test"), None)
    other = next((dataset.digest for dataset in after if dataset.role == "test"), None)
    if one is None or other is None or one.algorithm != other.algorithm:
        return UNKNOWN_DATA
    return SAME_DATA if one == other else OTHER_DATA


def _baseline(of: Side, later: Side) -> Baseline | None:
    """Return the baseline that a version recorded, if it is the other one."""
    baseline = later.baseline
    if baseline is None or of.version is None or later.version is None:
        return None
    is_other = (of.version.model, of.version.version) == (later.version.model, baseline.version)
    return baseline if is_other else None


def _parts(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[PartChange]:
    """Yield what only one of the two has, and what is another in both; None is not known."""
    for name, before in old.items():
        if name not in new:
            yield PartChange(REMOVED, name, before, None)
    for name, after in new.items():
        if name not in old:
            yield PartChange(ADDED, name, None, after)
        elif None not in (old[name], after) and old[name] != after:
            yield PartChange(CHANGED, name, old[name], after)


def _model_facts(pipeline: PipelineFacts, target: str | None) -> dict[str, Any]:
    return {
        "task": pipeline.task,
        "algorithm": pipeline.algorithm,
        "class": pipeline.class_name,
        "target": target,
        "classes": _plain(pipeline.classes),
    }


def _of_steps(
    before: PipelineFacts, after: PipelineFacts, *, nested: bool = False
) -> Iterator[PartChange]:
    """Yield what differs; of steps within added and removed ones only where `nested`."""
    old, new = _flat_steps(before.steps), _flat_steps(after.steps)
    alone = old.keys() ^ new.keys()
    classes = ({path: step.class_name for path, step in steps.items()} for steps in (old, new))
    changes = [
        one
        for one in _parts(*classes)
        if nested or one.name not in alone or one.name.rpartition("__")[0] not in alone
    ]
    for path, step in new.items():
        columns = _plain(old.get(path, step).columns), _plain(step.columns)
        if None not in columns and columns[0] != columns[1]:
            changes.append(PartChange(TAKES, path, *columns))
    places = {path: place for place, path in enumerate(new)}
    yield from sorted(changes, key=lambda one: places.get(one.name, -1))
    yield from _of_order(old, new)


def _flat_steps(steps: tuple[Step, ...], prefix: str = "") -> dict[str, Step]:
    """The steps by path, as `prep__num__scale`."""
    paths: dict[str, Step] = {}
    for step in steps:
        paths[prefix + step.name] = step
        paths |= _flat_steps(step.steps, f"{prefix}{step.name}__")
    return paths


def _of_order(old: Collection[str], new: Collection[str]) -> Iterator[PartChange]:
    """Yield that those which both have stand in another order."""
    before, after = [name for name in old if name in new], [name for name in new if name in old]
    if before != after:
        yield PartChange(MOVED, "order", before, after)


def _of_params(before: PipelineFacts, after: PipelineFacts) -> Iterator[PartChange]:
    for name in sorted(before.params.keys() | after.params.keys()):
        one, other = _plain(before.params.get(name)), _plain(after.params.get(name))
        if name not in after.params:
            if name in before.tuned:
                yield PartChange(REMOVED, name, one, None)
        elif name not in before.params:
            if name in after.tuned:
                yield PartChange(ADDED, name, None, other)
        elif one != other or isinstance(one, bool) != isinstance(other, bool):
            yield PartChange(CHANGED, name, one, other)


def _plain(value: Any) -> Any:
    """Lists and tuples as one kind: what was read from a file holds lists."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _of_features(
    before: tuple[Feature, ...] | None, after: tuple[Feature, ...] | None, *, renames: bool = True
) -> Iterator[PartChange]:
    """Yield what differs; without `renames`, a new name is one removed and one added."""
    if before is None or after is None:
        return
    are_named = [all(feature.name is not None for feature in side) for side in (before, after)]
    if are_named[0] != are_named[1]:
        yield PartChange(CHANGED, "names", *("given" if one else "none" for one in are_named))
    old, new = (_by_name(side, has_names=all(are_named)) for side in (before, after))
    renamed = dict(_renamed(old, new)) if renames else {}
    for name, other in renamed.items():
        yield PartChange(RENAMED, name, name, other)
    taken = renamed.values()
    yield from _parts(
        {name: dtype for name, dtype in old.items() if name not in renamed},
        {name: dtype for name, dtype in new.items() if name not in taken},
    )
    yield from _of_order(old, new)


def _by_name(features: Sequence[Feature], *, has_names: bool) -> dict[str, str | None]:
    """Return name to type, in order; places stand for names where there are none."""
    return {
        str(feature.name) if has_names else f"column {place}": feature.dtype
        for place, feature in enumerate(features)
    }


def _renamed(
    old: Mapping[str, str | None], new: Mapping[str, str | None]
) -> Iterator[tuple[str, str]]:
    """Yield names that only one side has, in the same place and of the same type."""
    for (name, dtype), (other, other_dtype) in zip(old.items(), new.items(), strict=False):
        if name not in new and other not in old and dtype == other_dtype:
            yield name, other


def _of_data(a: Side, b: Side) -> Iterator[DataChange]:
    roles = dict.fromkeys(dataset.role for dataset in (*a.data, *b.data))
    for role in roles:
        one, other = ([dataset for dataset in side.data if dataset.role == role] for side in (a, b))
        if (b.version is None and not other) or (a.version is None and not one):
            continue  # nobody has said which data a pipeline in the making comes from
        for before, after in zip_longest(one, other):
            if before is None or after is None:
                yield DataChange(REMOVED if after is None else ADDED, role, before, after, ())
            elif before.digest != after.digest:
                is_alike = before.digest.algorithm == after.digest.algorithm
                what = CHANGED if is_alike else UNKNOWN
                yield DataChange(what, role, before, after, data_differences(before, after))


def _of_environment(before: Environment, after: Environment) -> tuple[PackageChange, ...]:
    old, new = before.versions, after.versions
    both = {name: number for name, number in old.items() if name in new}
    changes = [
        *(
            PackageChange(one.package, one.recorded, one.present, one.counts)
            for one in environment_differences(both, new)
        ),
        # What only one of the two needs is not a different version.
        *(PackageChange(name, old.get(name), new.get(name), False) for name in old.keys() ^ new),
    ]
    return tuple(sorted(changes, key=lambda change: (not change.counts, change.name)))


def _of_code(a: Side, b: Side) -> CodeChange | None:
    if a.code is None and b.code is None:
        return None
    if a.code is None or b.code is None:
        without = a if a.code is None else b
        if without.version is None:
            return None  # its code may be anywhere
        return CodeChange(a.code, b.code, why=f"no repository is recorded for {without.name}")
    return None if _is_same_source(a.code, b.code) else CodeChange(a.code, b.code)


def _is_same_source(one: Code, other: Code) -> bool:
    """Whether it was the same code; a commit is the same under each url and on each branch."""
    sources = [(code.commit or code.url, code.dirty, code.diff) for code in (one, other)]
    if sources[0] != sources[1]:
        return False
    return None in (one.entry_point, other.entry_point) or one.entry_point == other.entry_point


def _of_files(a: Side, b: Side) -> Iterator[FileChange]:
    for path in dict.fromkeys((*a.files, *b.files)):
        one, other = a.files.get(path), b.files.get(path)
        if one == other or (b.version is None and other is None):
            continue
        yield FileChange(path, one[0] if one else None, other[0] if other else None)


# What differs between a data set as it was recorded and as it is now.

_KEYS = (
    "missing", "infinite", "unit", "mean", "std", "p01", "p25", "p50", "p75", "p99",
    "true", "distinct",
)  # fmt: skip


def data_differences(recorded: Dataset, present: Dataset) -> tuple[DataDifference, ...]:
    """Return what differs, as far as both say anything: rows first, then columns in order."""
    return tuple(_differences(recorded, present))


def _differences(recorded: Dataset, present: Dataset) -> Iterator[DataDifference]:
    rows = recorded.rows, present.rows
    if None not in rows and rows[0] != rows[1]:
        yield DataDifference(ROWS, recorded=rows[0], present=rows[1])
    if recorded.columns is None or present.columns is None:
        return
    before, now = _columns_by_name(recorded.columns), _columns_by_name(present.columns)
    for place, column in before.items():
        if place not in now:
            yield DataDifference(REMOVED, column.name, recorded=column.dtype)
        else:
            yield from _differences_of_column(column, now[place])
    for place, column in now.items():
        if place not in before:
            yield DataDifference(ADDED, column.name, present=column.dtype)
    if [place for place in before if place in now] != [place for place in now if place in before]:
        yield DataDifference(ORDER)


def _columns_by_name(columns: tuple[Column, ...]) -> dict[tuple[str, int], Column]:
    """The columns by name, and which of that name: a target may be named as an input is."""
    counts: Counter[str] = Counter()
    by_name = {}
    for column in columns:
        by_name[column.name, counts[column.name]] = column
        counts[column.name] += 1
    return by_name


def _differences_of_column(before: Column, now: Column) -> Iterator[DataDifference]:
    if before.dtype != now.dtype:
        yield DataDifference(TYPE, before.name, None, before.dtype, now.dtype)
    if before.profile is None or now.profile is None:
        return
    old, new = _flat(before.profile), _flat(now.profile)
    # In the order in which `lineage.frames.profile` makes them; shares are last.
    places = {key: place for place, key in enumerate(_KEYS)}
    for key in sorted({**old, **new}, key=lambda key: (places.get(key, len(_KEYS)), key)):
        # What only one of two types can have says no more than that they differ.
        is_told = before.dtype == now.dtype or (key in old and key in new)
        if is_told and old.get(key) != new.get(key):
            yield DataDifference(PROFILE, before.name, key, old.get(key), new.get(key))


def _flat(profile: Mapping[str, Any]) -> dict[str, Any]:
    """A profile without maps in it: the share of "yes" is `values.yes`."""
    numbers: dict[str, Any] = {}
    for key, value in profile.items():
        if isinstance(value, Mapping):
            numbers |= {f"{key}.{name}": share for name, share in value.items()}
        else:
            numbers[key] = value
    return numbers


# The recorded answers of two versions to the same rows, compared without loading either.


def hold_same_rows(*samples: Sample) -> bool:
    """Return whether two samples ask the same, in the same form."""
    one, other = ((a.form, a.rows, a.columns, a.block) for a in samples)
    return one == other


def compare_recorded(one: Sample, other: Sample) -> tuple[AnswerChange, ...]:
    """Return how recorded answers to the same rows differ, by each method that both have."""
    blocks = {answer.method: answer.block for answer in other.answers}
    return tuple(
        _compare(answer.method, answer.block, blocks[answer.method])
        for answer in one.answers
        if answer.method in blocks
    )


def _compare(method: str, one: Block, other: Block) -> AnswerChange:
    from gitmodelstore.values.sample import ABSOLUTE, RELATIVE

    if one.shape != other.shape:
        return AnswerChange(method, DIFFERENT, why=f"shape {one.shape}, then {other.shape}")
    before, after = _cells(one), _cells(other)
    empty: Cell = 0.0 if one.places is not None else None
    across = math.prod(one.shape[1:])
    rows, largest, exact = set(), 0.0, one.dtype == other.dtype
    for cell in before.keys() | after.keys():
        then, now = before.get(cell, empty), after.get(cell, empty)
        if type(then) is float and type(now) is float:
            gap = abs(now - then) if now != then else 0.0
            gap = math.inf if math.isnan(gap) else gap
            largest, exact = max(largest, gap), exact and not gap
            is_other = gap > ABSOLUTE + RELATIVE * (abs(then) if math.isfinite(then) else 0.0)
        else:  # labels, or no number in one of the two
            is_other = _kind(then) != _kind(now) or then != now
            exact = exact and not is_other
        if is_other:
            rows.add(cell // across)
    outcome = DIFFERENT if rows else IDENTICAL if exact else WITHIN
    return AnswerChange(method, outcome, len(rows), largest)


def _cells(block: Block) -> dict[int, Cell]:
    places = block.places if block.places is not None else range(len(block.values))
    return dict(zip(places, block.values, strict=True))


def _kind(cell: Cell) -> type:
    """Numbers are of one kind; 1 is neither "1" nor True."""
    return float if type(cell) is int else type(cell)


# What a new version changes for those who use it: the part of its number to raise, and why,
# so that a range like `^1.2` promises something: inputs, target and classes stay.

_MOST_TEXT = 60
_REASONS = {  # in this order
    ADDED: "{0} '{1}' was added",
    REMOVED: "{0} '{1}' was removed",
    CHANGED: "{0} '{1}': {2} -> {3}",
    TAKES: "{0} '{1}' takes other columns",
    MOVED: "the {0}s are in another order",
}


def suggest(
    parent: Manifest,
    pipeline: PipelineFacts,
    features: tuple[Feature, ...] | None,
    target: str | None,
) -> tuple[Bump, str]:
    """Return the part of the number to raise after `parent`, and the reason."""
    # Major: inputs, target, task, classes; minor: steps, params; otherwise patch. A param that one
    # side lacks, at its default, is not a change: another scikit-learn added or dropped it.
    before = parent.pipeline
    facts = _model_facts(before, parent.target), _model_facts(pipeline, target)
    model = {change.name: change for change in _parts(*facts)}
    major = _input_reasons(parent.features, features)
    if "target" in model:
        major.append(f"target: '{parent.target}' -> '{target}'")
    if before.task != pipeline.task:
        major.append(f"task: {_shown(before.task)} -> {_shown(pipeline.task)}")
    if "classes" in model:
        major += _class_reasons(model["classes"])
    if major:
        return "major", _reason(major)
    minor = _reasons("step", _of_steps(before, pipeline, nested=True))
    minor += [_line(model[name]) for name in ("algorithm", "class") if name in model][:1]
    minor += [_line(change) for change in _of_params(before, pipeline)]
    return ("minor", _reason(minor)) if minor else ("patch", "retrained")


def _reason(reasons: Sequence[str]) -> str:
    return reasons[0] if len(reasons) == 1 else f"{reasons[0]} and {len(reasons) - 1} more"


def _input_reasons(
    before: tuple[Feature, ...] | None, after: tuple[Feature, ...] | None
) -> list[str]:
    if before is None or after is None:
        return []
    if any(feature.name is None for feature in (*before, *after)):
        is_same = len(before) == len(after)
        return [] if is_same else [f"{len(before)} columns -> {len(after)}"]
    return _reasons("column", _of_features(before, after, renames=False))


def _class_reasons(change: PartChange) -> list[str]:
    added = [label for label in change.after if label not in change.before]
    removed = [label for label in change.before if label not in change.after]
    reasons = [f"class {_shown(label)} was added" for label in added]
    reasons += [f"class {_shown(label)} was removed" for label in removed]
    return reasons or ["the classes are in another order"]


def _reasons(kind: str, changes: Iterable[PartChange]) -> list[str]:
    reasons = []
    for change in sorted(changes, key=lambda change: list(_REASONS).index(change.what)):
        before, after = change.before, change.after
        if kind == "step" and change.what == CHANGED:
            before, after = before.rpartition(".")[2], after.rpartition(".")[2]
        reasons.append(_REASONS[change.what].format(kind, change.name, before, after))
    return reasons


def _line(change: PartChange) -> str:
    return f"{change.name}: {_shown(change.before)} -> {_shown(change.after)}"


def _shown(value: Any) -> str:
    """Return a value as a reader expects it: None as "none", text as it stands, all of it short."""
    text = "none" if value is None else value if isinstance(value, str) else repr(_plain(value))
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 1]}…"
