"""`gms log`: what happened in the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import click

from gitmodelstore.cli.documents import faults
from gitmodelstore.cli.paint import Paint
from gitmodelstore.cli.render import ABBREVIATED, day, fitting_id, moment, state, visible
from gitmodelstore.cli.session import Session
from gitmodelstore.values.events import as_typed

if TYPE_CHECKING:
    from gitmodelstore.values.events import Event

_FAULTY = 1


@click.command("log")
@click.argument("name", required=False)
@click.option("-n", "count", metavar="N", type=click.IntRange(min=1), help="at most N events")
@click.option("--oneline", is_flag=True, help="one line an event")
@click.option("-G", "field", metavar="FIELD[=VALUE]", help="in which versions this field changed")
@click.pass_obj
def log(
    session: Session, name: str | None, count: int | None, oneline: bool, field: str | None
) -> None:
    """Tell what happened in the store, or to the model NAME, newest first.

    Every event says when it was, who did it, from which status to which, why, and
    the commit that records it. With -G: in which versions a field of the manifest
    changed, or came to VALUE, who registered them and when; the last is the first
    that had it. The exit code is 1 when something could not be read.
    """
    if field is not None:
        from gitmodelstore.cli.blame import show_changes

        show_changes(session, field, name, count, oneline=oneline)
        return
    told = session.store().log(name)
    told.tell = lambda fault: session.warn(visible(fault))
    events = islice(told, count)
    if session.json:
        session.document(events=list(events), faults=faults(told.faults))
    elif oneline:
        paint = session.paint()
        session.pages(_line(event, paint) for event in events)
    else:
        session.pages(_blocks(events, session.paint()))
    if told.faults:
        raise click.exceptions.Exit(_FAULTY)


def _line(event: Event, paint: Paint) -> str:
    why = f" ({visible(event.why)})" if event.why else ""
    why += f" (dated {day(event.clock)}, before its parent)" if event.clock else ""
    commit = paint.yellow(event.commit[:ABBREVIATED])
    return f"{commit} {day(event.when)} {event.model} {event.version} {_move(event, paint)}{why}"


def _blocks(events: Iterable[Event], paint: Paint) -> Iterator[str]:
    gap = False
    for event in events:
        if gap:
            yield ""
        gap = True
        yield f"{paint.bold(f'{event.model} {event.version}')} {_move(event, paint)}"
        yield f"Date:   {moment(event.when)}"
        if event.clock:
            yield f"Dated:  {moment(event.clock)}, before its parent; counts as above"
        yield f"Author: {visible(event.who)}"
        yield f"Commit: {paint.yellow(fitting_id(event.commit, 8))}"
        if event.replay:
            yield f"Replay: {visible(event.replay)}"
        if event.why:
            yield ""
            yield f"    {visible(event.why)}"


def _move(event: Event, paint: Paint) -> str:
    """What happened, with the status that it led to and the one before."""
    if event.approved_for is not None:
        return paint.status(event.approved_for, f"{event.kind} for {event.approved_for}")
    if event.annotations:
        return f"{event.kind}: {visible(as_typed(event.annotations))}"
    said = event.kind.replace("-", " ")
    if event.after not in (None, event.kind):
        said += f" to {event.after}"
    before = f", was {state(event.before)}" if event.before else ""
    override = f", {paint.red('gate overridden')}" if event.override else ""
    vacated = f", {paint.red(f'nobody in {event.before} then')}" if event.vacate else ""
    return paint.status(event.after or "", said) + before + override + vacated
