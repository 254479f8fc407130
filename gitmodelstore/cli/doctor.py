"""`gms doctor`: what is wrong with a store's repository, and its repair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.cli.validate import tell
from gitmodelstore.values.render import counted, visible

if TYPE_CHECKING:
    from gitmodelstore.operations.examine import Diagnosis


CANNOT_TELL = 128  # as in cli/main.py


@click.command("doctor")
@click.option("--fix", is_flag=True, help="repair what can be repaired without guessing")
@click.pass_obj
def doctor(session: Session, fix: bool) -> None:
    """Examine the store: branch, tags, registry, objects, work trees, and what was left behind.

    Without --fix nothing is written. With it each repair is said in a line; no version
    is ever deleted, and uncommitted work is not touched. The exit code is 1 when
    something is wrong and not repaired, and 128 when nothing wrong was found but
    not everything could be examined, as in a shallow clone.
    """
    found = _diagnosis(session, fix=fix)
    if session.json:
        session.document(found)
    else:
        for line in found.repaired:
            session.tell(visible(line))
        tell(session, found.faults)
        for line in found.unexamined:
            session.warn(visible(f"not examined: {line}"))
        for line in [*found.notes, *_summary(found)]:
            session.note(visible(line))
    if not found.is_sound:
        raise click.exceptions.Exit(1 if found.faults else CANNOT_TELL)


def _diagnosis(session: Session, *, fix: bool) -> Diagnosis:
    """Ask the store, which may be too broken to be opened as one, or at all."""
    from dataclasses import replace

    from gitmodelstore.operations.discover import locate
    from gitmodelstore.operations.doctor import revive
    from gitmodelstore.plumbing.repository import Repository
    from gitmodelstore.store import Store

    place = locate(session.path)
    revived = revive(place, fix=fix)
    if revived is not None and (revived.faults or revived.unexamined):
        return revived
    found = Store(Repository.open(place), notify=session.note).doctor(fix=fix)
    if revived is None:
        return found
    repaired, notes = (*revived.repaired, *found.repaired), (*revived.notes, *found.notes)
    return replace(found, repaired=repaired, notes=notes)


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
    elif found.unexamined:
        lines.append("nothing is wrong with what could be examined")
    elif found.repaired:
        lines.append("nothing is wrong any more")
    else:
        lines.append("nothing is wrong")
    return lines
