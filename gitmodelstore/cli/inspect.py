"""`gms inspect`: what a joblib file is and would do, without running it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from gitmodelstore.cli.documents import OF_A_VERSION, document
from gitmodelstore.cli.session import Session
from gitmodelstore.cli.usage import trusting
from gitmodelstore.errors import BrokenPipelineFile, NotAPipeline
from gitmodelstore.operations.trust import trusted_names
from gitmodelstore.pipelines.dry import Dry, GlobalUse, walk
from gitmodelstore.pipelines.dry_symbols import Array
from gitmodelstore.pipelines.loadable import absent
from gitmodelstore.pipelines.rights import Trust, needs_trust
from gitmodelstore.pipelines.summary import summarize, written_by
from gitmodelstore.values.layout import PIPELINE
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.render import Column, Paint, counted, size, table, visible, widths_of

_SUFFIXES = (".joblib", ".pkl", ".pickle")
_MOST_ROWS = 30  # of a table on a screen; --json has them all
_REFUSED = 1


@dataclass(frozen=True, slots=True)
class Inspected:
    """A file, and what a dry walk says of it.

    Attributes:
        name: of the file, or of the version that it belongs to.
        version: that version; None for a file.
        data: its bytes.
        dry: what was found; None when it cannot be read to its end.
        absent: what the reader trusts and is not here.
        broken: why it cannot be read to its end; None when it can.
    """

    name: str
    version: ModelVersion | None
    data: bytes
    dry: Dry | None = None
    absent: tuple[str, ...] = ()
    broken: BrokenPipelineFile | None = None

    @property
    def is_refused(self) -> bool:
        return self.dry is None or bool(self.dry.refusals) or bool(self.absent)

    @property
    def needs_trust(self) -> tuple[str, ...]:
        """The names that readers must trust, whether this one does or not."""
        return needs_trust(use.name for use in self.dry.globals) if self.dry else ()


@trusting
@click.command("inspect")
@click.argument("what", metavar="FILE|REF")
@click.pass_obj
def inspect(session: Session, what: str) -> None:
    """Show what a joblib file is, without running anything that it names.

    FILE is read when there is such a file, else the pipeline of the version REF. Exit
    code 1 says that loading it would be refused.
    """
    trust = Trust(trusted_names(session.trusted, Path()))
    inspected = _inspect(*_read(session, what), trust)
    if session.json:
        session.document(_document(inspected))
    else:
        session.pages(_lines(inspected, session.paint()))
    if inspected.is_refused:
        raise click.exceptions.Exit(_REFUSED)


def _read(session: Session, what: str) -> tuple[str, ModelVersion | None, bytes]:
    """Return the name, the version and the bytes of what is asked for."""
    path = Path(what)
    if path.is_file():
        return what, None, path.read_bytes()
    if path.suffix in _SUFFIXES:
        raise NotAPipeline(
            f"there is no file '{what}'",
            hint="check the path; it is relative to the working directory",
        )
    store = session.store()
    version = store.version(what)
    return str(version), version, store.read(version, PIPELINE)


def _inspect(name: str, version: ModelVersion | None, data: bytes, trust: Trust) -> Inspected:
    try:
        dry = walk(data, name=name, trust=trust)
        return Inspected(name, version, data, dry=dry, absent=tuple(absent(dry)))
    except BrokenPipelineFile as error:
        return Inspected(name, version, data, broken=error)


# The page


def _lines(inspected: Inspected, paint: Paint) -> Iterator[str]:
    dry = inspected.dry
    yield paint.bold(visible(inspected.name))
    yield f"  {_facts(inspected)}"
    yield f"  sha256 {hashlib.sha256(inspected.data).hexdigest()}"
    yield ""
    if inspected.is_refused:
        yield paint.red("Loading it would be refused")
        yield from (f"  {visible(reason)}" for reason in _reasons(inspected))
    else:
        yield "Nothing is known that speaks against loading it"
    if dry is None:
        return
    yield from _whom_to_trust(inspected, dry)
    yield ""
    yield from map(visible, summarize(dry.root).lines())
    yield ""
    yield from _globals(dry, paint)
    if dry.arrays:
        yield ""
        yield from _arrays(dry, paint)


def _whom_to_trust(inspected: Inspected, dry: Dry) -> Iterator[str]:
    """Yield whom readers must trust, and what this one types for those that he does not."""
    needed = inspected.needs_trust
    if needed:
        yield visible(f"Readers must trust: {', '.join(needed)}")
    refused = {use.name for use in dry.globals if use.is_refused}
    lacking = [name for name in needed if name in refused]
    if lacking:
        yield visible(f"  if you do: gms trust add {' '.join(lacking)}")


def _facts(inspected: Inspected) -> str:
    dry = inspected.dry
    if dry is None:
        return size(len(inspected.data))
    facts = [size(dry.size_bytes), f"pickle protocol {dry.protocol}"]
    if dry.compression:
        facts.append(f"{dry.compression} of {size(dry.pickle_bytes)}")
    version = written_by(dry.root)
    return ", ".join([*facts, *([f"scikit-learn {visible(version)}"] if version else [])])


def _reasons(inspected: Inspected) -> Iterator[str]:
    if inspected.dry:
        yield from map(str, inspected.dry.refusals)
    yield from inspected.absent
    if inspected.broken:
        yield from inspected.broken.refusals
        yield f"{inspected.broken.reason} (at {inspected.broken.offset})"


def _globals(dry: Dry, paint: Paint) -> Iterator[str]:
    """Yield the table of names, those that are refused first."""
    columns = [Column("GLOBAL", most=70), Column("USED"), Column("MAY"), Column("VERDICT")]
    ordered = sorted(dry.globals, key=lambda use: (not use.is_refused, use.name))
    yield from _table(columns, [_global(use) for use in ordered], paint)


def _global(use: GlobalUse) -> list[str]:
    verdict = "refused" if use.is_refused else use.verdict
    return [visible(use.name), ", ".join(use.used) or "-", str(use.rights or "-"), verdict]


def _arrays(dry: Dry, paint: Paint) -> Iterator[str]:
    """Yield the table of arrays, the largest first, and how many there are."""
    columns = [
        Column("ARRAY", most=40),
        Column("SHAPE"),
        Column("SIZE", right=True),
        Column("OFFSET", right=True),
    ]
    ordered = sorted(dry.arrays, key=lambda array: -array.size_bytes)
    yield from _table(columns, [_array(array) for array in ordered], paint)
    total = sum(array.size_bytes for array in dry.arrays)
    yield f"{counted(len(dry.arrays), 'array')}, {size(total)}"


def _array(array: Array) -> list[str]:
    shape = " x ".join(map(str, array.shape)) or "one"
    return [visible(array.dtype), shape, size(array.size_bytes), str(array.offset)]


def _table(columns: list[Column], rows: list[list[str]], paint: Paint) -> Iterator[str]:
    shown = rows[:_MOST_ROWS]
    widths = widths_of(columns, shown)
    yield paint.bold(table(columns, widths, [column.head for column in columns]))
    yield from (table(columns, widths, row) for row in shown)
    if len(rows) > len(shown):
        yield f"and {len(rows) - len(shown):,} more: --json has them all"


# The document


def _document(inspected: Inspected) -> dict[str, Any]:
    version, dry = inspected.version, inspected.dry
    return {
        "path": None if version else inspected.name,
        **(document(version) if version else dict.fromkeys(OF_A_VERSION)),
        "size_bytes": len(inspected.data),
        "sha256": hashlib.sha256(inspected.data).hexdigest(),
        "refused": inspected.is_refused,
        "refusals": _refusals(inspected),
        "needs_trust": list(inspected.needs_trust) if dry else None,
        "protocol": dry.protocol if dry else None,
        "compression": dry.compression if dry else None,
        "scikit_learn": written_by(dry.root) if dry else None,
        "pipeline": summarize(dry.root) if dry else None,
        "globals": [_global_document(use) for use in dry.globals] if dry else None,
        "arrays": dry.arrays if dry else None,
    }


def _refusals(inspected: Inspected) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for refusal in inspected.dry.refusals if inspected.dry else ():
        found.append(
            {
                "message": refusal.reason,
                "global": refusal.name,
                "opcode": refusal.opcode,
                "offset": refusal.offset,
            }
        )
    found += [_bare(reason, None) for reason in inspected.absent]
    if inspected.broken:
        broken = inspected.broken
        found += [_bare(reason, None) for reason in broken.refusals]
        found.append(_bare(broken.reason, broken.offset))
    return found


def _bare(reason: str, offset: int | None) -> dict[str, Any]:
    return {"message": reason, "global": None, "opcode": None, "offset": offset}


def _global_document(use: GlobalUse) -> dict[str, Any]:
    return {
        "name": use.name,
        "used": list(use.used),
        "may": str(use.rights).split(", ") if use.rights else [],
        "verdict": "refused" if use.is_refused else use.verdict,
        "offset": use.offset,
    }
