"""`gms archive`: retire a version."""

from __future__ import annotations

import click

from gitmodelstore.cli.moves import tell
from gitmodelstore.cli.session import Session
from gitmodelstore.cli.usage import signed


@signed
@click.command("archive")
@click.argument("ref")
@click.option("--successor", metavar="VERSION", help="who takes over what it holds")
@click.option("--reason", metavar="TEXT", help="why; the log tells it")
@click.pass_obj
def archive(
    session: Session, ref: str, successor: str | None, reason: str | None, sign: bool | None
) -> None:
    """Retire the version REF: it stays, and is no candidate for production.

    The version in production can be archived only with a successor.
    """
    store = session.store()
    version = store.version(ref)
    events = store.archive(version, successor=successor, reason=reason, sign=sign)
    tell(session, events, [] if events else [f"{version} is archived already"])
