"""`gms rollback`: put an earlier version back into production."""

from __future__ import annotations

import click

from gitmodelstore.cli.moves import check_words, tell
from gitmodelstore.cli.session import Session
from gitmodelstore.cli.usage import signed, trusting


@trusting
@signed
@click.command("rollback")
@click.argument("name")
@click.option("--to", metavar="VERSION", help="this one; else the last good one before")
@click.option("--keep", is_flag=True, help="archive the replaced version; else it is withdrawn")
@click.option("--no-replay", is_flag=True, help="even if it answers differently here")
@click.option("--vacate", is_flag=True, help="leave what it holds now empty; needs a --reason")
@click.option("--reason", metavar="TEXT", help="why; the log tells it")
@click.pass_obj
def rollback(
    session: Session,
    name: str,
    to: str | None,
    keep: bool,
    no_replay: bool,
    vacate: bool,
    reason: str | None,
    sign: bool | None,
) -> None:
    """Put the production version before back, and withdraw the present one.

    Before anything is written, the bytes of the earlier version are verified and
    loaded here, and the rows of its sample are asked again: a version that answers
    differently here is refused. --no-replay, which needs a --reason, goes back to it
    knowingly. A version that was withdrawn comes back only with --to and a --reason.
    History is not rewritten.
    """
    check_words(reason, vacate=vacate, no_replay=no_replay)
    store = session.store()
    events = store.rollback(
        name, to=to, keep=keep, replay=not no_replay, reason=reason, vacate=vacate, sign=sign
    )
    tell(session, events)
