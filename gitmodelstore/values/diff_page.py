"""The text of `gms diff`: a sentence, then a section for each thing that differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from gitmodelstore.values.diff import Diff
from gitmodelstore.values.diff_parts import (
    ADDED,
    MOVED,
    OTHER_DATA,
    REMOVED,
    RENAMED,
    SAME_DATA,
    TAKES,
    TEST_ROWS,
    UNKNOWN,
    Answers,
    Change,
    CodeChange,
    ColumnChange,
    DataChange,
    FileChange,
    MetricChange,
    PackageChange,
    SourceChange,
)
from gitmodelstore.values.manifest import Code, Dataset
from gitmodelstore.values.render import (
    ABBREVIATED,
    Column,
    Paint,
    counted,
    cut,
    difference,
    number,
    pad,
    size,
    table,
    visible,
    widths_of,
)
from gitmodelstore.values.sample import DIFFERENT, WITHIN

_MOST_LINES = 20  # of a section; --json has them all
_MOST_VALUE = 60  # characters
_SHOWN_DIGITS = 12  # of a digest


def page(found: Diff, paint: Paint) -> Iterator[str]:
    """Yield the lines of `gms diff`.

    Args:
        found: what differs.
        paint: how to colour.
    """
    yield paint.bold(visible(found.sentence))
    for head, lines in _sections(found, paint):
        held = list(lines)
        if held:
            yield ""
            yield paint.bold(head)
            yield from (f"  {line}" for line in held)


def _sections(found: Diff, paint: Paint) -> Iterator[tuple[str, Iterable[str]]]:
    yield _metrics_head(found), _metrics(found, paint)
    yield "Model", _model(found.model)
    yield "Steps", _first(_steps(found.steps, paint))
    yield "Params", _first(_params(found.params, paint))
    yield "Inputs", _first(_features(found.features, paint))
    yield "Data", (line for change in found.data for line in _data(change, paint))
    yield "Environment", _environment(found.environment, paint)
    if found.code is not None:
        yield "Code", _code(found.code, paint)
    yield "Files", _files(found.files)
    if found.answers:
        yield "Answers", (line for one in found.answers for line in _answers(one, paint))


# Sections


def _metrics_head(found: Diff) -> str:
    if found.metrics.scored:
        return "Metrics, on the rows given"
    on = {SAME_DATA: "on the same test data", OTHER_DATA: "each on other test data"}
    told = on.get(found.metrics.measured_on, "on test data that is not recorded for both")
    return f"Metrics, {told}"


def _metrics(found: Diff, paint: Paint) -> Iterator[str]:
    metrics = found.metrics
    if metrics.why:
        yield visible(metrics.why)
    if not metrics.changes or not (metrics.differ or metrics.scored):
        return
    yield from _metric_table(found, metrics.changes, paint)
    if metrics.on_same_rows:
        yield "one beside the other as its baseline, on the same rows"
        yield from _metric_table(found, metrics.on_same_rows, paint)


def _metric_table(found: Diff, changes: Sequence[MetricChange], paint: Paint) -> Iterator[str]:
    before, after = map(visible, found.names)
    if found.a.version and found.b.version and found.a.version.model == found.b.version.model:
        before = str(found.a.version.version)
    columns = [
        Column(""),
        Column(before, right=True),
        Column(after, right=True),
        Column("change", right=True),
    ]
    rows = [[one.name, _measured(one.before), _measured(one.after), _delta(one)] for one in changes]
    widths = widths_of(columns, rows)
    yield table(columns, widths, [column.head for column in columns])
    colours = {"better": paint.green, "worse": paint.red}
    for one, row in zip(changes, rows, strict=True):
        verdict = f"  {colours[one.verdict](one.verdict)}" if one.verdict else ""
        yield f"{table(columns, widths, row)}{verdict}"


def _measured(value: float | None) -> str:
    return "-" if value is None else number(value)


def _delta(one: MetricChange) -> str:
    if one.before is None or one.after is None:
        return ""
    return difference(one.after, one.before)


def _model(changes: Sequence[Change]) -> Iterator[str]:
    most = max((len(one.name) for one in changes), default=0)
    for one in changes:
        yield f"{one.name:<{most}}  {_value(one.before)} -> {_value(one.after)}"


def _steps(changes: Sequence[Change], paint: Paint) -> Iterator[str]:
    for one in changes:
        name = visible(one.name).replace("__", " / ")
        if one.what == TAKES:
            yield f"~ {name}  takes {_value(one.before)} -> {_value(one.after)}"
        elif one.what == MOVED:
            yield _order(one)
        else:
            yield _change(name, _class(one.before), _class(one.after), paint)


def _features(changes: Sequence[Change], paint: Paint) -> Iterator[str]:
    for one in changes:
        if one.what == RENAMED:
            told = paint.yellow("renamed?")
            yield f"~ {_value(one.before)} -> {_value(one.after)}  {told} same place and type"
        elif one.what == MOVED:
            yield _order(one)
        elif one.what == ADDED:
            yield _change(visible(one.name), None, one.after or "any type", paint)
        elif one.what == REMOVED:
            yield _change(visible(one.name), one.before or "any type", None, paint)
        else:
            yield _change(visible(one.name), one.before, one.after, paint)


def _change(name: str, before: str | None, after: str | None, paint: Paint) -> str:
    """Return a line of what was added, removed, or is another one now."""
    if before is None:
        return paint.green(f"+ {name}  {visible(after or '')}")
    if after is None:
        return paint.red(f"- {name}  {visible(before)}")
    return f"~ {name}  {visible(before)} -> {visible(after)}"


def _order(one: Change) -> str:
    """Return from where on names stand in another order."""
    pairs = zip(one.before, one.after, strict=True)
    before, after = next(pair for pair in pairs if pair[0] != pair[1])
    return f"~ in another order, from {_value(before)} on, where {_value(after)} stands now"


def _class(path: str | None) -> str | None:
    return None if path is None else path.rpartition(".")[2]


def _params(changes: Sequence[Change], paint: Paint) -> Iterator[str]:
    """Yield the params, those of one step together below its path."""
    steps = {one.name: one.name.rpartition("__")[0] for one in changes}
    ordered = sorted(changes, key=lambda one: (steps[one.name], one.name))
    for step, held in groupby(ordered, key=lambda one: steps[one.name]):
        group = list(held)
        names = [visible(one.name.rpartition("__")[2]) for one in group]
        most = max(map(len, names))
        if step:
            yield visible(step).replace("__", " / ")
        for one, name in zip(group, names, strict=True):
            mark = {ADDED: paint.green("+"), REMOVED: paint.red("-")}.get(one.what, "~")
            value = {ADDED: _value(one.after), REMOVED: _value(one.before)}.get(
                one.what, f"{_value(one.before)} -> {_value(one.after)}"
            )
            yield f"{'  ' if step else ''}{mark} {pad(name, most)}  {value}"


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return cut(visible(text), _MOST_VALUE)


# Data


def _data(change: DataChange, paint: Paint) -> Iterator[str]:
    before, after = (
        "none" if held is None else _dataset(held) for held in (change.before, change.after)
    )
    yield f"{change.role}  {before} -> {after}"
    if change.what == UNKNOWN:
        yield "  the two digests are of different kinds, so that they cannot be compared"
    yield from (f"  {line}" for line in _first(_columns(change.columns, paint)))
    stable = sum(one.shift is not None and one.shift.level == "stable" for one in change.columns)
    if stable:
        yield f"  {counted(stable, 'column')} stable"


def _dataset(dataset: Dataset) -> str:
    words = [visible(dataset.name or dataset.uri or "in memory")]
    words += [visible(dataset.version)] if dataset.version else []
    across = f" x {len(dataset.columns)}" if dataset.columns is not None else ""
    words.append(size(dataset.size_bytes) if dataset.rows is None else f"{dataset.rows:,}{across}")
    words.append(f"{dataset.digest.algorithm}:{dataset.digest.hex[:_SHOWN_DIGITS]}")
    return " ".join(words)


def _columns(changes: Sequence[ColumnChange], paint: Paint) -> Iterator[str]:
    for one in changes:
        if one.shift is None:
            before, after = (held.dtype if held else None for held in (one.before, one.after))
            yield _change(visible(one.name), before, after, paint)
    colours = {"moderate": paint.yellow, "major": paint.red}
    shifted = [(one, one.shift) for one in changes if one.shift is not None]
    for one, shift in sorted(shifted, key=lambda pair: -pair[1].psi):
        if shift.level in colours:
            yield f"psi {shift.psi:.3f} {colours[shift.level](shift.level)}  {visible(one.name)}"


# What made them


def _environment(changes: Sequence[PackageChange], paint: Paint) -> Iterator[str]:
    counting = [one for one in changes if one.counts]
    most = max((len(one.name) for one in counting), default=0)
    for one in counting:
        yield f"{paint.red('!')} {one.name:<{most}}  {one.before} -> {one.after}"
    others = [_package(one) for one in changes if not one.counts]
    if others:
        shown = ", ".join(others[:_MOST_LINES])
        more = f", and {len(others) - _MOST_LINES} more" if len(others) > _MOST_LINES else ""
        yield paint.dim(f"{'also ' if counting else ''}{shown}{more}")


def _package(one: PackageChange) -> str:
    return visible(f"{one.name} {one.before or 'none'} -> {one.after or 'none'}")


def _code(change: CodeChange, paint: Paint) -> Iterator[str]:
    yield f"{_commit(change.before)} -> {_commit(change.after)}"
    scripts = [code.entry_point for code in (change.before, change.after) if code]
    if len(scripts) == 2 and all(scripts) and scripts[0] != scripts[1]:
        yield f"script {_value(scripts[0])} -> {_value(scripts[1])}"
    if change.why:
        yield visible(change.why)
    yield from _commits(change.commits, "", paint)
    yield from _commits(change.left_out, "not in the second: ", paint)
    yield from _first(map(_source, change.files))
    if change.files:
        added = sum(one.added or 0 for one in change.files)
        removed = sum(one.removed or 0 for one in change.files)
        yield f"{counted(len(change.files), 'file')} changed, +{added} -{removed}"


def _commit(code: Code | None) -> str:
    if code is None:
        return "none recorded"
    commit = code.commit[:ABBREVIATED] if code.commit else "no commit"
    return f"{commit} with uncommitted changes" if code.dirty else commit


def _commits(commits: Sequence[tuple[str, str]], word: str, paint: Paint) -> Iterator[str]:
    yield from _first(
        f"{word}{paint.yellow(oid[:ABBREVIATED])} {visible(subject)}" for oid, subject in commits
    )


def _source(one: SourceChange) -> str:
    if one.added is None:
        return f"{visible(one.path)} | binary"
    return f"{visible(one.path)} | +{one.added} -{one.removed}"


def _files(changes: Sequence[FileChange]) -> Iterator[str]:
    most = max((len(one.path) for one in changes), default=0)
    for one in changes:
        if one.before is None or one.after is None:
            known = one.before if one.after is None else one.after
            word = "removed" if one.after is None else "added"
            yield f"{one.path:<{most}}  {size(known or 0)}, {word}"
        else:
            yield f"{one.path:<{most}}  {size(one.before)} -> {size(one.after)}{_grown(one)}"


def _grown(one: FileChange) -> str:
    grown = (one.after or 0) - (one.before or 0)
    return f" ({'+' if grown > 0 else '-'}{size(abs(grown))})" if grown else ""


def _answers(one: Answers, paint: Paint) -> Iterator[str]:
    rows = counted(one.rows, "row")
    whose = "given" if one.asked == TEST_ROWS else f"of the sample of {one.asked}"
    how = "as recorded" if one.recorded else "asked here"
    yield visible(f"to {rows} {whose}, {how}")
    if one.why:
        yield f"  {visible(one.why)}"
    most = max((len(held.method) for held in one.methods), default=0)
    for held in one.methods:
        said = held.outcome
        if held.why:
            said = f"{paint.red(held.outcome)}: {visible(held.why)}"
        elif held.outcome == DIFFERENT:
            said = f"{paint.red(held.outcome)} in {held.rows} of {rows}"
        if held.largest and held.outcome in (DIFFERENT, WITHIN):
            said += f", largest difference {number(held.largest, 3)}"
        yield f"  {held.method:<{most}}  {said}"


def _first(lines: Iterable[str]) -> Iterator[str]:
    """Yield as many lines as anybody reads, and how many more there are."""
    held = list(lines)
    yield from held[:_MOST_LINES]
    if len(held) > _MOST_LINES:
        yield f"… and {len(held) - _MOST_LINES} more (--json has them all)"
