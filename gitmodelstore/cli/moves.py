"""What the commands that move a status say: one sentence a version that came to its new one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.values.events import ROLLED_BACK
from gitmodelstore.values.render import OUT_OF_USE, state

if TYPE_CHECKING:
    from gitmodelstore.values.events import Event


def check_words(reason: str | None, *, successor: str | None = None, **options: bool) -> None:
    """Refuse options that need a reason which is not given, and ways that exclude each other.

    Args:
        reason: the reason that was given.
        successor: whom --successor names.
        options: name to whether the option was given.
    """
    for name, is_given in options.items():
        if is_given and not (reason or "").strip():
            raise click.UsageError(f"--{name.replace('_', '-')} needs a --reason")
    if successor is not None and options.get("vacate"):
        raise click.UsageError("--successor and --vacate exclude each other")


def tell(session: Session, events: Sequence[Event], unchanged: Sequence[str] = ()) -> None:
    """Say what a command did.

    Args:
        session: of the command.
        events: what happened.
        unchanged: sentences about the versions that had the status already.
    """
    if session.json:
        session.document(events=events)
        return
    for sentence in [*sentences(events), *unchanged]:
        session.tell(sentence)


def sentences(events: Sequence[Event]) -> Iterator[str]:
    """Yield a sentence for each event; who made room for another is told with that one.

    A successor that came to a status is told before the version that left it.
    """
    told: set[int] = set()
    for event in events:
        left = next((one for one in events if _gave_way(one, event)), None)
        if left is not None:
            told |= {id(event), id(left)}
            yield f"{_now(event)} (was {left.version}, now {_short(left.after)})"
    yield from (_now(event) for event in events if id(event) not in told)


def _gave_way(left: Event, event: Event) -> bool:
    """Whether `left` lost to `event` the status that it had."""
    held = event.after is not None and event.after not in OUT_OF_USE
    return held and left is not event and (left.model, left.before) == (event.model, event.after)


def _now(event: Event) -> str:
    again = " again" if event.kind == ROLLED_BACK else ""
    return f"{event.model} {event.version} is {_short(event.after)}{again}"


def _short(status: str | None) -> str:
    return state(status) if status else "gone"
