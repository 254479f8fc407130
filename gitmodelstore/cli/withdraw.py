"""`gms withdraw`: mark a version as bad."""

from __future__ import annotations

import click

from gitmodelstore.cli.moves import check_words, tell
from gitmodelstore.cli.session import Session
from gitmodelstore.cli.usage import signed


@signed
@click.command("withdraw")
@click.argument("ref")
@click.option("--successor", metavar="VERSION", help="who takes over what it holds")
@click.option(
    "--vacate", is_flag=True, help="leave what it holds without a version; needs a --reason"
)
@click.option("--reason", metavar="TEXT", help="why; the log tells it")
@click.pass_obj
def withdraw(
    session: Session,
    ref: str,
    successor: str | None,
    vacate: bool,
    reason: str | None,
    sign: bool | None,
) -> None:
    """Mark the version REF as bad: from then on only its exact number finds it.

    Its files stay, and loading it warns. The version in production can be withdrawn with a
    --successor, or with --vacate, which leaves production empty; `gms rollback` finds a
    successor by itself.
    """
    check_words(reason, successor=successor, vacate=vacate)
    store = session.store()
    version = store.version(ref)
    events = store.withdraw(version, successor=successor, vacate=vacate, reason=reason, sign=sign)
    tell(session, events, [] if events else [f"{version} is withdrawn already"])
