"""`gms annotate`: say something of a version after it was registered."""

from __future__ import annotations

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.cli.usage import signed
from gitmodelstore.errors import InvalidInput
from gitmodelstore.values.annotations import parse_pair
from gitmodelstore.values.events import Scalar, as_typed
from gitmodelstore.values.render import ABBREVIATED, visible


@signed
@click.command("annotate")
@click.argument("ref")
@click.argument("pairs", metavar="KEY=VALUE...", nargs=-1, required=True)
@click.option("--reason", metavar="TEXT", help="why; the log tells it")
@click.pass_obj
def annotate(
    session: Session, ref: str, pairs: tuple[str, ...], reason: str | None, sign: bool | None
) -> None:
    """Say something of the version REF after it was registered: a late result, a number.

    Numbers, true and false are that, anything else, or what stands between double quotes,
    is text. Of a KEY the latest value counts; KEY= takes it back. It is a commit of its own that
    changes no file, so that the version stays what it was; `gms show` and `gms log` tell it,
    and gates can ask for it.
    """
    event = session.store().annotate(ref, _values(pairs), reason=reason, sign=sign)
    if session.json:
        session.document(events=[event] if event else [])
    elif event is not None:
        said = visible(as_typed(event.annotations))
        session.tell(
            f"{event.model} {event.version} is annotated: {said}  {event.commit[:ABBREVIATED]}"
        )


def _values(pairs: tuple[str, ...]) -> dict[str, Scalar | None]:
    values: dict[str, Scalar | None] = {}
    for pair in pairs:
        key, value = parse_pair(pair)
        if key in values:
            raise InvalidInput(f"'{key}' is named twice", hint="name each key once")
        values[key] = value
    return values
