"""`gms log`: what happened in the store."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import click

from gitmodelstore.cli.documents import faults
from gitmodelstore.cli.session import Session
from gitmodelstore.values.log_page import blocks, line
from gitmodelstore.values.render import visible

if TYPE_CHECKING:
    pass

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
        session.pages(line(event, paint) for event in events)
    else:
        session.pages(blocks(events, session.paint()))
    if told.faults:
        raise click.exceptions.Exit(_FAULTY)
