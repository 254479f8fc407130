"""`gms inspect`: what a joblib file is and would do, without running it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

from gitmodelstore.checks.signatures import Approval
from gitmodelstore.cli.main import argument, command, exit_if, trusting
from gitmodelstore.cli.session import (
    LABEL,
    OF_A_VERSION,
    PIPELINE_FILES,
    SHOWN_DIGITS,
    Session,
    columns_of_terminal,
    document,
    fact,
)
from gitmodelstore.errors import BrokenPipelineFile, NotAPipeline
from gitmodelstore.lean import TYPE_CHECKING, Any, dataclass
from gitmodelstore.values.events import Holding, as_typed
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import PIPELINE
from gitmodelstore.values.tables import (
    ABBREVIATED,
    Paint,
    TextColumn,
    counted,
    cut,
    day,
    difference,
    lines_of,
    moment,
    name_of,
    number,
    pad,
    size,
    state,
    visible,
    withdrawn_and_back,
    wrapped,
)

if TYPE_CHECKING:
    from gitmodelstore.pickles.dry import Dry
    from gitmodelstore.pickles.symbols import Global
    from gitmodelstore.values.gates import Annotation
    from gitmodelstore.values.manifest import Code, Dataset, Manifest, Step

_MOST_ROWS = 30  # of a table on a screen; --json has them all


@dataclass(frozen=True, slots=True)
class Inspected:
    """A file, and what a dry walk says of it."""

    name: str  # of the file, or of its version
    version: ModelVersion | None  # None for a file
    data: bytes
    dry: Dry | None = None  # None when it cannot be read to its end
    absent: tuple[str, ...] = ()  # what the reader trusts and is not here
    broken: BrokenPipelineFile | None = None  # why it cannot be read to its end

    @property
    def refusals(self) -> list[dict[str, Any]]:
        """The reasons not to load it."""
        refusals = self.dry.refusals if self.dry else ()
        rows: list[tuple[object, ...]] = [(r.reason, r.name, r.opcode, r.offset) for r in refusals]
        lines = (*self.absent, *(self.broken.refusals if self.broken else ()))
        rows += [(line, None, None, None) for line in lines]
        if self.broken:
            rows.append((self.broken.reason, None, None, self.broken.offset))
        keys = ("message", "global", "opcode", "offset")
        return [dict(zip(keys, row, strict=True)) for row in rows]


@trusting
@command("inspect")
@argument("what", metavar="FILE|REF")
def inspect(session: Session, what: str) -> None:
    """Show what is in a joblib file, without running anything in it.

    Give the path of a FILE, or a version REF to inspect its pipeline. The exit code is 1 if
    loading it would be refused.
    """
    from gitmodelstore.operations.trust import trusted_names
    from gitmodelstore.pickles.dry import walk
    from gitmodelstore.pickles.rights import Trust
    from gitmodelstore.pickles.summary import absent

    trust = Trust(trusted_names(session.trusted, Path()))
    name, version, data, recorded = _read(session, what)
    try:
        dry = walk(data, name=name, trust=trust, recorded=recorded)
        inspected = Inspected(name, version, data, dry=dry, absent=tuple(absent(dry)))
    except BrokenPipelineFile as error:
        inspected = Inspected(name, version, data, broken=error)
    if session.json:
        session.document(_document(inspected))
    else:
        session.pages(_lines(inspected, session.paint()))
    exit_if(inspected.refusals)


def _read(session: Session, what: str) -> tuple[str, ModelVersion | None, bytes, tuple[str, ...]]:
    """Return name, version and bytes, and the names that the manifest says readers must trust."""
    path = Path(what)
    if path.is_file():
        return what, None, path.read_bytes(), ()
    if path.suffix in PIPELINE_FILES:
        raise NotAPipeline(
            f"file '{what}' does not exist",
            hint="check the path; it is relative to the working directory",
        )
    store = session.store()
    version = store.version(what)
    return str(version), version, store.read(version, PIPELINE), store.needs_trust(version)


# The page


def _lines(inspected: Inspected, paint: Paint) -> Iterator[str]:
    dry = inspected.dry
    yield paint.bold(visible(inspected.name))
    yield f"  {_facts(inspected)}"
    yield f"  sha256 {hashlib.sha256(inspected.data).hexdigest()}"
    yield ""
    if inspected.refusals:
        yield paint.red("Loading it would be refused")
    else:
        yield "No reason is known not to load it"
    for one in inspected.refusals:
        opcode = f"{one['opcode']} " if one["opcode"] else ""
        place = "" if one["offset"] is None else f" ({opcode}at {one['offset']})"
        yield f"  {visible(one['message'])}{place}"
    if dry is None:
        return
    from gitmodelstore.pickles.summary import summarize

    if dry.needs_trust:
        yield visible(f"Readers must trust: {', '.join(dry.needs_trust)}")
    if dry.lacks_trust:
        yield visible(f"  if you do: gms trust add {' '.join(dry.lacks_trust)}")
    yield ""
    yield from map(visible, summarize(dry.root).lines())
    yield ""
    yield from _globals(dry, paint)
    if dry.arrays:
        yield ""
        yield from _arrays(dry, paint)


def _facts(inspected: Inspected) -> str:
    dry = inspected.dry
    if dry is None:
        return size(len(inspected.data))
    facts = [size(dry.size_bytes), f"pickle protocol {dry.protocol}"]
    if dry.compression:
        facts.append(f"{dry.compression} of {size(dry.pickle_bytes)}")
    from gitmodelstore.pickles.summary import written_by

    version = written_by(dry.root)
    return ", ".join([*facts, *([f"scikit-learn {visible(version)}"] if version else [])])


def _globals(dry: Dry, paint: Paint) -> Iterator[str]:
    columns = [TextColumn("GLOBAL", most=70), *map(TextColumn, ("USED", "MAY", "VERDICT"))]
    ordered = sorted(dry.globals, key=lambda use: (not use.is_refused, use.name))
    rows = [
        [visible(use.name), ", ".join(use.used) or "-", str(use.rights or "-"), _verdict(use)]
        for use in ordered
    ]
    yield from _table(columns, rows, paint)


def _verdict(use: Global) -> str:
    return "refused" if use.is_refused else use.verdict


def _arrays(dry: Dry, paint: Paint) -> Iterator[str]:
    columns = [
        TextColumn("ARRAY", most=40),
        TextColumn("SHAPE"),
        TextColumn("SIZE", right=True),
        TextColumn("OFFSET", right=True),
    ]
    ordered = sorted(dry.arrays, key=lambda array: -array.size_bytes)
    rows = [
        [
            visible(array.dtype),
            " x ".join(map(str, array.shape)) or "one",
            size(array.size_bytes),
            str(array.offset),
        ]
        for array in ordered
    ]
    yield from _table(columns, rows, paint)
    total = sum(array.size_bytes for array in dry.arrays)
    yield f"{counted(len(dry.arrays), 'array')}, {size(total)}"


def _table(columns: list[TextColumn], rows: list[list[str]], paint: Paint) -> Iterator[str]:
    shown = rows[:_MOST_ROWS]
    yield from lines_of(columns, shown, paint.bold)
    if len(rows) > len(shown):
        yield f"and {len(rows) - len(shown):,} more: --json has them all"


# The document


def _document(inspected: Inspected) -> dict[str, Any]:
    from gitmodelstore.pickles.summary import summarize, written_by

    version, dry = inspected.version, inspected.dry
    return {
        "path": None if version else inspected.name,
        **(document(version) if version else dict.fromkeys(OF_A_VERSION)),
        "size_bytes": len(inspected.data),
        "sha256": hashlib.sha256(inspected.data).hexdigest(),
        "refused": bool(inspected.refusals),
        "refusals": inspected.refusals,
        "needs_trust": dry.needs_trust if dry else None,
        "protocol": dry.protocol if dry else None,
        "compression": dry.compression if dry else None,
        "scikit_learn": written_by(dry.root) if dry else None,
        "pipeline": summarize(dry.root) if dry else None,
        "globals": [_global_document(use) for use in dry.globals] if dry else None,
        "arrays": dry.arrays if dry else None,
    }


def _global_document(use: Global) -> dict[str, Any]:
    return {
        "name": use.name,
        "used": list(use.used),
        "may": str(use.rights).split(", ") if use.rights else [],
        "verdict": _verdict(use),
        "offset": use.offset,
    }


# The text of `gms show`: a manifest as a page to read.


_MOST_FEATURES = 60
_KEY_PINS = ("scikit-learn", "numpy", "pandas", "joblib")
_WIDEST = 100  # columns; longer lines are hard to read


def summary(
    holding: Holding,
    manifest: Manifest,
    registered_at: datetime,
    parent: Manifest | None,
    paint: Paint,
    approvals: Sequence[Approval],
    annotations: Sequence[Annotation],
    needs_trust: Sequence[str],
) -> Iterator[str]:
    """Yield the lines of `gms show`; `parent` is the manifest of the parent, if it has one."""
    room = min(columns_of_terminal() or _WIDEST, _WIDEST)
    sections = (
        _identity(holding, manifest, registered_at, paint, approvals),
        _message(manifest),
        _pipeline(manifest, room, needs_trust),
        _metrics(manifest, parent),
        _annotations(annotations, room),
        _features(manifest, room),
        _data(manifest),
        _made_by(manifest, room),
        _card(manifest, room),
        _files(manifest),
    )
    for index, section in enumerate(sections):
        lines = list(section)
        if not lines:
            continue
        if index:
            yield ""
        head, *rest = lines
        yield head if index == 0 or head.startswith(" ") else paint.bold(head)
        yield from rest


def _identity(
    holding: Holding,
    manifest: Manifest,
    registered_at: datetime,
    paint: Paint,
    approvals: Sequence[Approval],
) -> Iterator[str]:
    version = holding.version
    status = paint.status(version.status, state(version.status))
    yield f"{paint.bold(str(version))} is {status} since {moment(holding.since)}"
    if holding.clock:
        yield fact("dated", f"{moment(holding.clock)}, before its parent; counts as above")
    if holding.why:
        yield fact("why", visible(holding.why))
    for label, text in withdrawn_and_back(holding):
        yield fact(label, text)
    yield fact("registered", f"{moment(registered_at)} by {visible(manifest.author)}")
    for approval in approvals:
        who = f"{moment(approval.when)} by {visible(approval.who)}"
        yield fact("approved", f"for {visible(approval.status)} {who}")
    yield fact("trained", moment(manifest.trained_at))
    yield fact("parent", str(manifest.parent or "none: the first version"))
    yield fact("commit", paint.commit(version.commit, LABEL + 2))


def _message(manifest: Manifest) -> Iterator[str]:
    for line in manifest.message.strip().splitlines():
        yield f"    {visible(line)}"


def _pipeline(manifest: Manifest, room: int, needs_trust: Sequence[str]) -> Iterator[str]:
    facts = manifest.pipeline
    task = f" for {facts.task}" if facts.task else ""
    yield f"Pipeline: {visible(facts.algorithm)}{task}"
    if facts.steps:
        yield from _tree(facts.steps, room)
    if facts.tuned:
        settings = [f"{name}={_value(facts.params.get(name))}" for name in facts.tuned]
        yield from _listed("set", settings, room)
    if needs_trust:
        yield from _listed("needs trust", [visible(name) for name in needs_trust], room)
    if manifest.target:
        yield fact("target", visible(manifest.target))
    if facts.classes:
        yield from _listed("classes", [_value(label) for label in facts.classes], room)


def _tree(steps: Sequence[Step], room: int, stem: str = "  ") -> Iterator[str]:
    most = max(len(step.name) for step in steps)
    for step in steps:
        is_last = step is steps[-1]
        name = pad(visible(step.name), most if not step.steps else 0)
        kind = visible(step.class_name.rpartition(".")[2])
        columns = ", ".join(visible(str(column)) for column in step.columns or ())
        takes = f"  {columns}" if step.columns is not None else ""
        yield cut(f"{stem}{'└─' if is_last else '├─'} {name}  {kind}{takes}", room)
        if step.steps:
            yield from _tree(step.steps, room, stem + ("   " if is_last else "│  "))


def _metrics(manifest: Manifest, parent: Manifest | None) -> Iterator[str]:
    if not manifest.metrics:
        return
    yield "Metrics"
    before = parent.metrics if parent else {}
    columns = [TextColumn(""), TextColumn(str(manifest.version), right=True)]
    if parent:
        columns += [TextColumn(str(parent.version), right=True), TextColumn("change", right=True)]
    rows = [
        _metric(name, value, before)[: len(columns)] for name, value in manifest.metrics.items()
    ]
    lines = lines_of(columns, rows)
    yield from (f"  {line}" for line in islice(lines, 0 if parent else 1, None))
    now, then = manifest.dataset("test"), parent.dataset("test") if parent else None
    if parent and now and then and now.digest != then.digest:
        yield f"  {parent.version} was measured on other test data"


def _metric(name: str, value: float, before: Mapping[str, float]) -> list[str]:
    if name not in before:
        return [name, number(value), "-", ""]
    return [name, number(value), number(before[name]), difference(value, before[name])]


def _annotations(annotations: Sequence[Annotation], room: int) -> Iterator[str]:
    if not annotations:
        return
    yield "Annotations"
    for one in annotations:
        text = f"{visible(as_typed([(one.key, one.value)]))}  {day(one.when)} {name_of(one.who)}"
        why = f" ({visible(one.why)})" if one.why else ""
        yield from wrapped(f"{text}{why}".split(" "), "  ", "    ", room)


def _features(manifest: Manifest, room: int) -> Iterator[str]:
    features = manifest.features
    if features is None:
        return
    yield f"Inputs: {counted(len(features), 'column')}"
    by_type: dict[str, list[str]] = {}
    for index, feature in enumerate(features[:_MOST_FEATURES]):
        name = f"column {index}" if feature.name is None else visible(feature.name)
        by_type.setdefault(feature.dtype or "of any type", []).append(name)
    for dtype, names in by_type.items():
        yield from _listed(visible(dtype), names, room)
    if len(features) > _MOST_FEATURES:
        where = f"gms cat {manifest.model}@{manifest.version}:manifest.json"
        yield f"  and {len(features) - _MOST_FEATURES} more: {where}"


def _data(manifest: Manifest) -> Iterator[str]:
    if not manifest.data:
        return
    yield "Data"
    for dataset in manifest.data:
        yield fact(dataset.role, "  ".join(_dataset(dataset)))


def _dataset(dataset: Dataset) -> Iterator[str]:
    yield visible(dataset.uri or dataset.name or "in memory")
    if dataset.rows is not None:
        across = f" x {len(dataset.columns)}" if dataset.columns is not None else ""
        yield f"{dataset.rows:,}{across}"
    else:
        yield size(dataset.size_bytes)
    yield f"{dataset.digest.algorithm}:{dataset.digest.hex[:SHOWN_DIGITS]}"


def _made_by(manifest: Manifest, room: int) -> Iterator[str]:
    yield "Made by"
    yield fact("code", _code(manifest.code) if manifest.code else "no repository recorded")
    if manifest.code and manifest.code.url:
        yield fact("", visible(manifest.code.url))
    environment = manifest.environment
    pins = environment.pins
    packages = [f"{name} {pins[name]}" for name in _KEY_PINS if name in pins]
    others = len(pins) - len(packages)
    packages += [f"and {counted(others, 'more package')}"] if others else []
    words = [f"python {environment.python} ({visible(environment.platform)})", *packages]
    yield from _listed("environment", words, room)


def _code(code: Code) -> str:
    parts = [code.commit[:ABBREVIATED] if code.commit else "no commit yet"]
    parts += [f"on {visible(code.branch)}"] if code.branch else []
    parts += ["with uncommitted changes"] if code.dirty else []
    parts += [f"by {visible(code.entry_point)}"] if code.entry_point else []
    return " ".join(parts)


def _card(manifest: Manifest, room: int) -> Iterator[str]:
    card = manifest.card
    sections = {"intended use": card.intended_use, "limitations": card.limitations}
    sections |= dict(card.sections or {})
    given = {heading: text for heading, text in sections.items() if text}
    if not given:
        return
    yield "Card"
    for heading, text in given.items():
        if len(heading) < LABEL:
            yield from _wrapped(heading, text, room)
        else:
            yield f"  {visible(heading)}"
            yield from _wrapped("", text, room)


def _wrapped(label: str, text: str, room: int) -> Iterator[str]:
    words = visible(text).split()
    return wrapped(words, fact(label, ""), " " * (LABEL + 2), room)


def _listed(label: str, items: Sequence[str], room: int) -> Iterator[str]:
    words = [f"{item}," for item in items[:-1]] + list(items[-1:])
    first = fact(label, "") if len(label) < LABEL else f"  {label}  "
    return wrapped(words, first, " " * (LABEL + 2), room)


def _files(manifest: Manifest) -> Iterator[str]:
    yield "Files"
    most = max(len(artifact.path) for artifact in manifest.artifacts)
    for artifact in manifest.artifacts:
        digest = artifact.sha256[:SHOWN_DIGITS]
        yield f"  {artifact.path:<{most}}  {size(artifact.size_bytes):>10}  sha256:{digest}"


def _value(value: Any) -> str:
    """Return a parameter's value as a reader types it, cut where it is long."""
    text = value if isinstance(value, str) else repr(value)
    return cut(visible(text), 40)
