"""`gms which`: the version that a reference names, and how it came to its status."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from gitmodelstore.cli.paint import Paint
from gitmodelstore.cli.render import fitting_id, moment, state, visible, withdrawn_and_back
from gitmodelstore.cli.session import Session

if TYPE_CHECKING:
    from gitmodelstore.values.model_version import Holding


@click.command("which")
@click.argument("ref")
@click.option(
    "--at",
    metavar="DATE",
    help="as of that moment: 2026-03-03 (its end) or 2026-03-03T14:05 (UTC)",
)
@click.pass_obj
def which(session: Session, ref: str, at: str | None) -> None:
    """Say which version REF names, since when, by whom and why.

    The first line is the version alone. A model's name means the version in
    production.
    """
    holding = session.store().which(ref, at=at)
    if session.json:
        session.document(holding)
        return
    for line in _lines(holding, session.paint()):
        session.tell(line)


def _lines(holding: Holding, paint: Paint) -> Iterator[str]:
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
    yield f"  commit {paint.yellow(fitting_id(holding.commit, 9))}"
    for said, text in withdrawn_and_back(holding):
        yield f"  {said} {text}"
