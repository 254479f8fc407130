"""Pages: what `gms show`, `gms verify` and `gms log -G` print."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gitmodelstore.lean import TYPE_CHECKING, Any
from gitmodelstore.values.events import APPROVED, REGISTERED, as_typed
from gitmodelstore.values.names import DIFFERENT, WITHIN
from gitmodelstore.values.tables import (
    ABBREVIATED,
    LABEL,
    Fact,
    Paint,
    Part,
    Table,
    TextColumn,
    counted,
    cut,
    difference,
    name_of,
    number,
    pad,
    size,
    state,
    visible,
    width,
    withdrawn_and_back,
)

if TYPE_CHECKING:
    from datetime import datetime

    from gitmodelstore.checks.signatures import Approval
    from gitmodelstore.estimators.replay import Comparison, Replay, Retested
    from gitmodelstore.operations.search import FieldChange
    from gitmodelstore.operations.verify import Signature, Verification, Verified
    from gitmodelstore.values.events import Holding
    from gitmodelstore.values.gates import Annotation
    from gitmodelstore.values.manifest import Code, Dataset, Manifest, Step

# What `gms show` prints: a manifest as a page to read.


_MOST_FEATURES = 60
_KEY_PINS = ("scikit-learn", "numpy", "pandas", "joblib")
_WIDEST = 100  # columns; longer lines are hard to read
_SHOWN_DIGITS = 12  # of a digest


def manifest_page(
    manifest: Manifest,
    paint: Paint,
    *,
    holding: Holding | None = None,
    registered_at: datetime | None = None,
    parent: Manifest | None = None,
    approvals: Sequence[Approval] = (),
    annotations: Sequence[Annotation] = (),
    needs_trust: Sequence[str] = (),
) -> Iterator[Part]:
    """Yield the parts of `gms show`, as far as more than the manifest is at hand.

    `parent` is the manifest of the version before it, if it has one.
    """
    sections = (
        _identity(manifest, paint, holding, registered_at, approvals),
        _message(manifest),
        _pipeline(manifest, paint.room, needs_trust),
        _recorded(manifest, parent),
        _annotations(annotations, paint),
        _features(manifest),
        _data(manifest),
        _made_by(manifest),
        _card(manifest),
        _files(manifest),
    )
    for index, section in enumerate(sections):
        lines = list(section)
        if not lines:
            continue
        if index:
            yield ""
        head, *rest = lines
        is_head = index and isinstance(head, str) and not head.startswith(" ")
        yield paint.bold(head) if is_head else head
        yield from rest


def _identity(
    manifest: Manifest,
    paint: Paint,
    holding: Holding | None,
    registered_at: datetime | None,
    approvals: Sequence[Approval],
) -> Iterator[str | Fact]:
    name = paint.bold(f"{manifest.model} {manifest.version}")
    if holding is None:
        yield name
    else:
        status = holding.version.status
        yield f"{name} is {paint.status(status, state(status))} since {paint.moment(holding.since)}"
        if holding.clock:
            yield Fact(
                "dated", f"{paint.moment(holding.clock)}, before its parent; counts as above"
            )
        if holding.why:
            yield Fact("why", visible(holding.why))
        for label, text in withdrawn_and_back(holding, paint):
            yield Fact(label, text)
    when = paint.moment(registered_at or manifest.created_at)
    yield Fact("registered", f"{when} by {visible(manifest.author)}")
    for approval in approvals:
        who = f"{paint.moment(approval.when)} by {visible(approval.who)}"
        yield Fact("approved", f"for {visible(approval.status)} {who}")
    yield Fact("trained", paint.moment(manifest.trained_at))
    yield Fact("parent", str(manifest.parent or "none: the first version"))
    if holding is not None:
        yield Fact("commit", paint.commit(holding.version.commit, LABEL + 2))


def _message(manifest: Manifest) -> Iterator[str]:
    for line in manifest.message.strip().splitlines():
        yield f"    {visible(line)}"


def _pipeline(
    manifest: Manifest, room: int | None, needs_trust: Sequence[str]
) -> Iterator[str | Fact]:
    facts = manifest.pipeline
    task = f" for {facts.task}" if facts.task else ""
    yield f"Pipeline: {visible(facts.algorithm)}{task}"
    if facts.steps:
        yield from _tree(facts.steps, room)
    if facts.tuned:
        settings = [f"{name}={_setting(facts.params.get(name))}" for name in facts.tuned]
        yield _listed("set", settings)
    if needs_trust:
        yield _listed("needs trust", [visible(name) for name in needs_trust])
    if manifest.target:
        yield Fact("target", visible(manifest.target))
    if facts.classes:
        yield _listed("classes", [_setting(label) for label in facts.classes])


def _tree(steps: Sequence[Step], room: int | None, stem: str = "  ") -> Iterator[str]:
    most = max(len(step.name) for step in steps)
    for step in steps:
        is_last = step is steps[-1]
        name = pad(visible(step.name), most if not step.steps else 0)
        kind = visible(step.class_name.rpartition(".")[2])
        columns = ", ".join(visible(str(column)) for column in step.columns or ())
        takes = f"  {columns}" if step.columns is not None else ""
        line = f"{stem}{'└─' if is_last else '├─'} {name}  {kind}{takes}"
        yield line if room is None else cut(line, room)
        if step.steps:
            yield from _tree(step.steps, room, stem + ("   " if is_last else "│  "))


def _recorded(manifest: Manifest, parent: Manifest | None) -> Iterator[str | Table]:
    if not manifest.metrics:
        return
    yield "Metrics"
    before = parent.metrics if parent else {}
    columns = [TextColumn(""), TextColumn(str(manifest.version) if parent else "", right=True)]
    if parent:
        columns += [TextColumn(str(parent.version), right=True), TextColumn("change", right=True)]
    rows = [
        _metric(name, value, before)[: len(columns)] for name, value in manifest.metrics.items()
    ]
    yield Table(columns, rows, "  ")
    now, then = manifest.dataset("test"), parent.dataset("test") if parent else None
    if parent and now and then and now.digest != then.digest:
        yield f"  {parent.version} was measured on other test data"


def _metric(name: str, value: float, before: Mapping[str, float]) -> list[str]:
    if name not in before:
        return [name, number(value), "-", ""]
    return [name, number(value), number(before[name]), difference(value, before[name])]


def _annotations(annotations: Sequence[Annotation], paint: Paint) -> Iterator[str]:
    if not annotations:
        return
    yield "Annotations"
    for one in annotations:
        text = (
            f"{visible(as_typed([(one.key, one.value)]))}  {paint.day(one.when)} {name_of(one.who)}"
        )
        why = f" ({visible(one.why)})" if one.why else ""
        yield f"  {text}{why}"


def _features(manifest: Manifest) -> Iterator[str | Fact]:
    features = manifest.features
    if features is None:
        return
    yield f"Inputs: {counted(len(features), 'column')}"
    by_type: dict[str, list[str]] = {}
    for index, feature in enumerate(features[:_MOST_FEATURES]):
        name = f"column {index}" if feature.name is None else visible(feature.name)
        by_type.setdefault(feature.dtype or "of any type", []).append(name)
    for dtype, names in by_type.items():
        yield _listed(visible(dtype), names)
    if len(features) > _MOST_FEATURES:
        where = f"gms cat {manifest.model}@{manifest.version}:manifest.json"
        yield f"  and {len(features) - _MOST_FEATURES} more: {where}"


def _data(manifest: Manifest) -> Iterator[str | Fact]:
    if not manifest.data:
        return
    yield "Data"
    for dataset in manifest.data:
        yield Fact(dataset.role, "  ".join(_dataset(dataset)))


def _dataset(dataset: Dataset) -> Iterator[str]:
    yield visible(dataset.uri or dataset.name or "in memory")
    if dataset.rows is not None:
        across = f" x {len(dataset.columns)}" if dataset.columns is not None else ""
        yield f"{dataset.rows:,}{across}"
    else:
        yield size(dataset.size_bytes)
    yield f"{dataset.digest.algorithm}:{dataset.digest.hex[:_SHOWN_DIGITS]}"


def _made_by(manifest: Manifest) -> Iterator[str | Fact]:
    yield "Made by"
    yield Fact("code", _code(manifest.code) if manifest.code else "no repository recorded")
    if manifest.code and manifest.code.url:
        yield Fact("", visible(manifest.code.url))
    environment = manifest.environment
    pins = environment.pins
    packages = [f"{name} {pins[name]}" for name in _KEY_PINS if name in pins]
    others = len(pins) - len(packages)
    packages += [f"and {counted(others, 'more package')}"] if others else []
    words = [f"python {environment.python} ({visible(environment.platform)})", *packages]
    yield _listed("environment", words)


def _code(code: Code) -> str:
    parts = [code.commit[:ABBREVIATED] if code.commit else "no commit yet"]
    parts += [f"on {visible(code.branch)}"] if code.branch else []
    parts += ["with uncommitted changes"] if code.dirty else []
    parts += [f"by {visible(code.entry_point)}"] if code.entry_point else []
    return " ".join(parts)


def _card(manifest: Manifest) -> Iterator[str | Fact]:
    card = manifest.card
    sections = {"intended use": card.intended_use, "limitations": card.limitations}
    sections |= dict(card.sections or {})
    given = {heading: text for heading, text in sections.items() if text}
    if not given:
        return
    yield "Card"
    for heading, text in given.items():
        if len(heading) < LABEL:
            yield Fact(heading, _joined(text), _WIDEST)
        else:
            yield f"  {visible(heading)}"
            yield Fact("", _joined(text), _WIDEST)


def _joined(text: str) -> str:
    return " ".join(visible(text).split())


def _listed(label: str, items: Sequence[str]) -> Fact:
    return Fact(label, ", ".join(items), _WIDEST)


def _files(manifest: Manifest) -> Iterator[str]:
    yield "Files"
    most = max(len(artifact.path) for artifact in manifest.artifacts)
    for artifact in manifest.artifacts:
        digest = artifact.sha256[:_SHOWN_DIGITS]
        yield f"  {artifact.path:<{most}}  {size(artifact.size_bytes):>10}  sha256:{digest}"


def _setting(value: Any) -> str:
    """Return a parameter's value as a reader types it, cut where it is long."""
    text = value if isinstance(value, str) else repr(value)
    return cut(visible(text), 40)


# What `gms verify` prints.

_MOST_ROWS = 5  # shown of a method; --json has them all
_MOST_ANSWER = 40  # characters


def verification_page(
    verification: Verification, paint: Paint, *, replayed: bool = False
) -> Iterator[Part]:
    """Yield the parts of `gms verify`; if `replayed`, a missing sample is named."""
    most = max((width(str(version)) for version in verification.versions), default=0)
    for version in verification.versions:
        yield from _lines(version, replayed, paint, most)
    yield from (paint.red(visible(fault)) for fault in verification.faults)


def _lines(version: Verified, replayed: bool, paint: Paint, most: int) -> Iterator[str]:
    parts = [f"{counted(version.files, 'file')} verified"]
    if version.faults:
        parts = [paint.red(counted(len(version.faults), "fault"))]
    elif version.unloaded is not None:
        parts.append(paint.yellow("cannot be loaded here"))
    elif version.replay is not None:
        parts.append(outcome_of(version.replay, paint))
    elif replayed:
        parts.append("no sample to replay")
    yield f"{pad(paint.bold(str(version)), most)}  {', '.join(parts)}"
    yield from (f"  {visible(fault)}" for fault in version.faults)
    if version.unloaded is not None:
        yield f"  {visible(version.unloaded)}"
        if version.unloaded.hint:
            yield f"  hint: {visible(version.unloaded.hint)}"
    if version.replay is not None:
        yield from replay_lines(version.replay)
    yield from _metrics(version.metrics or (), paint)
    yield from _signatures(version.signatures or (), paint)


def outcome_of(replay: Replay, paint: Paint) -> str:
    if replay.outcome == DIFFERENT:
        return paint.red("answers different")
    if replay.outcome == WITHIN:
        return f"answers within tolerance (largest difference {_largest(replay)})"
    return "answers identical"


def _largest(of: Replay | Comparison) -> str:
    absolute, relative = number(of.largest_absolute, 3), number(of.largest_relative, 3)
    return f"{absolute}, relative {relative}"


def replay_lines(replay: Replay) -> Iterator[str]:
    if replay.why:
        yield f"  it cannot answer here: {visible(replay.why)}"
    for one in replay.comparisons:
        if one.why:
            yield f"  {one.method}: {visible(one.why)}"
        elif one.outcome == DIFFERENT:
            rows = f"{len(one.rows)} of {counted(replay.rows, 'row')}"
            largest = f", largest difference {_largest(one)}" if one.largest_absolute else ""
            yield f"  {one.method}: {rows}{largest}"
            yield from _rows(one)


def _rows(one: Comparison) -> Iterator[str]:
    for row in one.rows[:_MOST_ROWS]:
        recorded, present = _answer(row.recorded), _answer(row.present)
        yield f"    row {row.row}: recorded {recorded}, now {present}"
    if len(one.rows) > _MOST_ROWS:
        yield f"    … and {len(one.rows) - _MOST_ROWS} more"


def _answer(value: Any) -> str:
    if isinstance(value, list):
        return cut(f"[{', '.join(map(_answer, value))}]", _MOST_ANSWER)
    return number(value) if isinstance(value, float) else cut(visible(str(value)), _MOST_ANSWER)


def _metrics(metrics: tuple[Retested, ...], paint: Paint) -> Iterator[str]:
    for metric in metrics:
        present = "not defined" if metric.present is None else number(metric.present)
        outcome = "same" if metric.is_same else paint.red("different")
        yield f"  {metric.name}: recorded {number(metric.recorded)}, now {present}, {outcome}"


def _signatures(signatures: Sequence[Signature], paint: Paint) -> Iterator[str]:
    """Yield a line for each signature of a version: whose it is, or why it does not count."""
    for one in signatures:
        outcome = visible(str(one.outcome))
        if one.outcome.is_valid:
            yield f"  {_what(one)}: {outcome}"
        elif one.is_needed:
            yield f"  {_what(one)}: {paint.red(outcome)} [{one.outcome.code}]"
        else:
            yield f"  {_what(one)}: does not count: {outcome} [{one.outcome.code}]"


def _what(one: Signature) -> str:
    if one.status is None:
        return f"tag {one.name}"
    commit = one.name[:ABBREVIATED]
    if one.kind == REGISTERED:
        return f"registered by {commit}"
    if one.kind == APPROVED:
        return f"approved for {visible(one.status)} by {commit}"
    return f"moved to {visible(one.status)} by {commit}"


# The versions in which a field changed: what `gms log -G` prints.

_MOST_VALUE = 60  # characters
_MOST_NAMED = 5  # of what a list got or lost


def change_line(change: FieldChange, paint: Paint, field: str) -> str:
    """Return one line of `gms log -G FIELD --oneline`."""
    return " ".join(_cells(change, paint, field))


def change_table(changes: Iterable[FieldChange], paint: Paint, field: str) -> Iterator[Part]:
    """Yield the same, and who did it, as a table."""
    heads = map(TextColumn, ("COMMIT", "DATE", "VERSION", "CHANGE", "BY"))
    rows = ([*_cells(change, paint, field), name_of(change.who)] for change in changes)
    yield Table([*heads], rows, paint=paint.dim)


def _cells(change: FieldChange, paint: Paint, field: str) -> tuple[str, str, str, str]:
    commit = paint.yellow(change.version.commit[:ABBREVIATED])
    return commit, paint.day(change.when), str(change.version), _move(change, field)


def change_blocks(changes: Iterable[FieldChange], paint: Paint, field: str) -> Iterator[str]:
    """Yield the lines of `gms log -G FIELD`: a paragraph a version."""
    for place, change in enumerate(changes):
        if place:
            yield ""
        yield f"{paint.bold(str(change.version))} {_move(change, field)}"
        yield f"Date:   {paint.moment(change.when)}"
        yield f"Author: {visible(change.who)}"
        yield f"Commit: {paint.yellow(change.version.commit)}"
        if change.message:
            yield ""
            yield f"    {visible(change.message)}"


def _move(change: FieldChange, field: str) -> str:
    """The field with its old and new value; of a list what it got, and what it lost."""
    before, after = change.before, change.after
    name = visible(change.field)
    if isinstance(after, list) and isinstance(before, (list, type(None))):
        got = [one for one in after if one not in (before or ())]
        got.sort(key=lambda one: f"{name}={one}" != field)
        lost = [one for one in before or () if one not in after]
        words = [*(f"+{_value(one)}" for one in got), *(f"-{_value(one)}" for one in lost)]
        more = len(words) - _MOST_NAMED
        several = " ".join(words[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
        return f"{name}: {several or 'in another order'}"
    if before is None:
        return f"{name}: {_value(after)}"
    return f"{name}: {_value(before)} -> {'none' if after is None else _value(after)}"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return cut(visible(value), _MOST_VALUE)
    if isinstance(value, float):
        return number(value)
    return cut(visible(json.dumps(value, ensure_ascii=False)), _MOST_VALUE)
