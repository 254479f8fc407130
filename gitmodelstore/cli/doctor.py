"""`gms doctor`: what is wrong with a store's repository, and its repair."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitmodelstore.cli.render import counted, visible
from gitmodelstore.cli.session import Session
from gitmodelstore.cli.validate import document, tell

if TYPE_CHECKING:
    from gitmodelstore.operations.examine import Diagnosis


@click.command("doctor")
@click.option("--fix", is_flag=True, help="repair what can be repaired without guessing")
@click.pass_obj
def doctor(session: Session, fix: bool) -> None:
    """Examine the store: branch, tags, registry, objects, work trees, and what was left behind.

    Without --fix nothing is written. With it each repair is said in a line; no version
    is ever deleted, and uncommitted work is not touched. The exit code is 1 when
    something is wrong and not repaired.
    """
    found = _diagnosis(session, fix=fix)
    if session.json:
        session.document(
            {
                "sound": found.is_sound,
                "faults": [document(fault) for fault in found.faults],
                "past": [document(fault) for fault in found.past],
                "repaired": list(found.repaired),
                "notes": list(found.notes),
            }
        )
    else:
        for line in found.repaired:
            session.out(visible(line))
        tell(session, found.faults)
        for line in [*found.notes, *_summary(found)]:
            session.note(visible(line))
    if not found.is_sound:
        raise click.exceptions.Exit(1)


def _diagnosis(session: Session, *, fix: bool) -> Diagnosis:
    """Ask the store, which may be too broken to be opened as one."""
    from gitmodelstore.operations.discover import find
    from gitmodelstore.store import Store

    repository = find(Path(session.place() or "."))
    return Store(repository, notify=session.note).doctor(fix=fix)


def _summary(found: Diagnosis) -> list[str]:
    lines = []
    if found.past:
        lines.append(
            f"{counted(len(found.past), 'fault')} of earlier commits, put right since: "
            "`gms validate` names them"
        )
    if found.faults:
        left = " left" if found.repaired else ""
        lines.append(f"{counted(len(found.faults), 'fault')}{left}")
    elif found.repaired:
        lines.append("nothing is wrong any more")
    else:
        lines.append("nothing is wrong")
    return lines
