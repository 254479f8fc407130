"""`gms archive`: retire a version."""

from __future__ import annotations

import click

from gitmodelstore.cli.moves import check_words, tell
from gitmodelstore.cli.session import Session
from gitmodelstore.cli.usage import signed


@signed
@click.command("archive")
@click.argument("ref")
@click.option("--successor", metavar="VERSION", help="who takes over what it holds")
@click.option(
    "--vacate", is_flag=True, help="leave what it holds without a version; needs a --reason"
)
@click.option("--reason", metavar="TEXT", help="why; the log tells it")
@click.pass_obj
def archive(
    session: Session,
    ref: str,
    successor: str | None,
    vacate: bool,
    reason: str | None,
    sign: bool | None,
) -> None:
    """Retire the version REF: it stays, and is no candidate for production.

    The version in production can be archived with a --successor, or with --vacate, which
    leaves production empty. A version that was withdrawn needs a --reason.
    """
    check_words(reason, successor=successor, vacate=vacate)
    store = session.store()
    version = store.version(ref)
    events = store.archive(version, successor=successor, vacate=vacate, reason=reason, sign=sign)
    tell(session, events, [] if events else [f"{version} is archived already"])
