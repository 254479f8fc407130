"""`gms rollback`: put an earlier version back into production."""

from __future__ import annotations

import click

from gitmodelstore.cli.moves import tell
from gitmodelstore.cli.session import Session
from gitmodelstore.cli.usage import signed, trusting


@trusting
@signed
@click.command("rollback")
@click.argument("name")
@click.option("--to", metavar="VERSION", help="this one; else the last good one before")
@click.option("--keep", is_flag=True, help="archive the replaced version; else it is withdrawn")
@click.option("--no-replay", is_flag=True, help="even if it answers differently here")
@click.option("--reason", metavar="TEXT", help="why; the log tells it")
@click.pass_obj
def rollback(
    session: Session,
    name: str,
    to: str | None,
    keep: bool,
    no_replay: bool,
    reason: str | None,
    sign: bool | None,
) -> None:
    """Put the production version before back, and withdraw the present one.

    Before anything is written, the bytes of the earlier version are verified and
    loaded here, and the rows of its sample are asked again: a version that answers
    differently here is refused. --no-replay, which needs a --reason, goes back to it
    knowingly. History is not rewritten.
    """
    if no_replay and not (reason or "").strip():
        raise click.UsageError("--no-replay needs a --reason")
    store = session.store()
    events = store.rollback(name, to=to, keep=keep, replay=not no_replay, reason=reason, sign=sign)
    tell(session, events)
