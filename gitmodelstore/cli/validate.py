"""`gms validate`: whether a store, a range of commits, or folders of models are sound."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.values.render import counted, visible

if TYPE_CHECKING:
    from gitmodelstore.checks.fault import Fault, Faults


@click.command("validate")
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=Path))
@click.option("--range", "range_", metavar="BASE..HEAD", help="what HEAD adds to BASE")
@click.pass_obj
def validate(session: Session, paths: Sequence[Path], range_: str | None) -> None:
    """Validate the store: every commit of its branch, and every tag.

    With PATHs, folders of models on the disk, such as `gms get` writes. With
    --range, the commits that a proposal adds, and the merge of both: for the
    required check of a git host. Nothing is loaded. The exit code is 1 when
    something is wrong, and 128 when that cannot be told: a name of --range means no
    commit that is here, or the clone is shallow.
    """
    if paths and range_:
        raise click.UsageError("give PATHs or --range, not both")
    if range_ is not None and "..." in range_:
        raise click.UsageError("--range takes BASE..HEAD, with two dots, not three")
    if range_ is not None and not all(range_.partition("..")):
        raise click.UsageError("--range needs BASE..HEAD", ctx=click.get_current_context())
    found = _found(session, paths, range_)
    if session.json:
        session.document(sound=not found, faults=found, tolerated=found.notes)
    else:
        tell(session, found)
        for note in found.notes:
            session.note(visible(f"{(note.commit or '')[:12]}: {note}"))
        if found:
            session.note(counted(len(found), "fault"))
    if found:
        raise click.exceptions.Exit(1)


def tell(session: Session, found: Sequence[Fault]) -> None:
    """Print faults, each with what mends it."""
    for fault in found:
        commit = f"{fault.commit[:12]}: " if fault.commit else ""
        session.tell(visible(f"{commit}{fault}"))
        if fault.mend:
            session.tell(visible(f"    {fault.mend}"))


def _found(session: Session, paths: Sequence[Path], range_: str | None) -> Faults:
    from gitmodelstore.checks.fault import Faults
    from gitmodelstore.operations.discover import find
    from gitmodelstore.operations.validate import validate as validate_repository
    from gitmodelstore.operations.validate import validate_folder

    if paths:
        return Faults.of(fault for path in paths for fault in validate_folder(path))
    base, _, head = (range_ or "").partition("..")
    return validate_repository(find(session.path), (base, head) if range_ else None)
