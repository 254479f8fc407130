"""`gms approve`: say, signed, that a version may come to a status."""

from __future__ import annotations

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.values.render import ABBREVIATED


@click.command("approve")
@click.argument("ref")
@click.argument("status")
@click.option("--reason", metavar="TEXT", help="why; the log tells it")
@click.pass_obj
def approve(session: Session, ref: str, status: str, reason: str | None) -> None:
    """Say that the version REF may come to the status STATUS. It is not moved.

    It is a commit of its own that changes no file, signed with your key, and bound to the
    digest of the manifest. Whoever registered the version, or moves it, does not count.
    """
    event = session.store().approve(ref, status, reason=reason)
    if session.json:
        session.document(events=[event])
        return
    session.tell(
        f"{event.model} {event.version} is approved for {event.approved_for}"
        f"  {event.commit[:ABBREVIATED]}"
    )
