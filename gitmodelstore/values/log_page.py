"""The text of `gms log` and `gms which`: what happened, and how it came to what is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from gitmodelstore.values.render import (
    ABBREVIATED,
    Paint,
    day,
    moment,
    state,
    visible,
    withdrawn_and_back,
)

if TYPE_CHECKING:
    from gitmodelstore.values.events import Event, Holding


def line(event: Event, paint: Paint) -> str:
    """Return one line of `gms log --oneline`."""
    why = f" ({visible(event.why)})" if event.why else ""
    why += f" (dated {day(event.clock)}, before its parent)" if event.clock else ""
    commit = paint.yellow(event.commit[:ABBREVIATED])
    return f"{commit} {day(event.when)} {event.model} {event.version} {_move(event, paint)}{why}"


def blocks(events: Iterable[Event], paint: Paint) -> Iterator[str]:
    """Yield the lines of `gms log`: a paragraph an event."""
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
        yield f"Commit: {paint.commit(event.commit, 8)}"
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
        from gitmodelstore.values.events import as_typed

        return f"{event.kind}: {visible(as_typed(event.annotations))}"
    said = event.kind.replace("-", " ")
    if event.after not in (None, event.kind):
        said += f" to {event.after}"
    before = f", was {state(event.before)}" if event.before else ""
    override = f", {paint.red('gate overridden')}" if event.override else ""
    vacated = f", {paint.red(f'nobody in {event.before} then')}" if event.vacate else ""
    return paint.status(event.after or "", said) + before + override + vacated


def holding_lines(holding: Holding, paint: Paint) -> Iterator[str]:
    """Yield the lines of `gms which`."""
    status = holding.version.status
    yield paint.bold(str(holding.version))
    yield f"  {paint.status(status, state(status))} since {moment(holding.since)}"
    if holding.clock:
        yield f"  dated  {moment(holding.clock)}, before its parent; counts as above"
    if holding.until:
        yield f"  until  {moment(holding.until)}"
    yield f"  by     {visible(holding.who)}"
    if holding.why:
        yield f"  why    {visible(holding.why)}"
    yield f"  commit {paint.commit(holding.commit, 9)}"
    for said, text in withdrawn_and_back(holding):
        yield f"  {said} {text}"
