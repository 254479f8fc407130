"""`gms inspect`: what a joblib file is and would do, without running it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gitmodelstore.cli.main import argument, command, exit_if, trusting
from gitmodelstore.cli.session import (
    OF_A_VERSION,
    PIPELINE_FILES,
    Session,
    document,
)
from gitmodelstore.errors import BrokenPipelineFile, NotAPipeline
from gitmodelstore.lean import TYPE_CHECKING, Any, dataclass, sha256
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import PIPELINE
from gitmodelstore.values.tables import (
    Paint,
    Part,
    Table,
    TextColumn,
    counted,
    size,
    visible,
)

if TYPE_CHECKING:
    from gitmodelstore.pickles.dry import Dry
    from gitmodelstore.pickles.symbols import Global

_MOST_ROWS = 30  # of a table on a screen; --json has them all


@dataclass(frozen=True, slots=True)
class Inspected:
    """A file, and what a dry walk says of it."""

    name: str  # of the file, or of its version
    version: ModelVersion | None  # None for a file
    data: bytes
    dry: Dry | None = None  # None if it cannot be read to its end
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


def _lines(inspected: Inspected, paint: Paint) -> Iterator[Part]:
    dry = inspected.dry
    yield paint.bold(visible(inspected.name))
    yield f"  {_facts(inspected)}"
    yield f"  sha256 {sha256(inspected.data).hexdigest()}"
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


def _globals(dry: Dry, paint: Paint) -> Iterator[Part]:
    columns = [TextColumn("GLOBAL", most=70), *map(TextColumn, ("USED", "MAY", "VERDICT"))]
    ordered = sorted(dry.globals, key=lambda use: (not use.is_refused, use.name))
    rows = [
        [visible(use.name), ", ".join(use.used) or "-", str(use.rights or "-"), _verdict(use)]
        for use in ordered
    ]
    yield from _table(columns, rows, paint)


def _verdict(use: Global) -> str:
    return "refused" if use.is_refused else use.verdict


def _arrays(dry: Dry, paint: Paint) -> Iterator[Part]:
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


def _table(columns: list[TextColumn], rows: list[list[str]], paint: Paint) -> Iterator[Part]:
    shown = rows[:_MOST_ROWS]
    yield Table(columns, shown, paint=paint.bold)
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
        "sha256": sha256(inspected.data).hexdigest(),
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
