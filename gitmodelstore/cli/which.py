"""`gms which`: the version that a reference names, and how it came to its status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.values.log_page import holding_lines

if TYPE_CHECKING:
    pass


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
    for line in holding_lines(holding, session.paint()):
        session.tell(line)
