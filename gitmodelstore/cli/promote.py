"""`gms promote`: give versions a status."""

from __future__ import annotations

import click

from gitmodelstore.cli.moves import check_words, tell
from gitmodelstore.cli.session import Session
from gitmodelstore.cli.usage import signed, trusting
from gitmodelstore.values.render import state


@signed
@trusting
@click.command("promote")
@click.argument("words", nargs=-1, required=True, metavar="REF... STATUS")
@click.option("--successor", metavar="VERSION", help="who takes over what REF leaves")
@click.option("--vacate", is_flag=True, help="leave that without a version; needs a --reason")
@click.option("--reason", metavar="TEXT", help="why; the log tells it")
@click.option("--force", is_flag=True, help="override the gate; needs a --reason, is recorded")
@click.option(
    "--replay/--no-replay",
    default=None,
    help="ask the version its sample again first; else where its gate wants it",
)
@click.pass_obj
def promote(
    session: Session,
    words: tuple[str, ...],
    successor: str | None,
    vacate: bool,
    reason: str | None,
    force: bool,
    replay: bool | None,
    sign: bool | None,
) -> None:
    """Give the version REF, or one each of several models, the status STATUS.

    It is one commit. Only one version of a model is in production: the one that
    was is archived.

    Where modelstore.toml sets a gate before STATUS, its conditions are judged first,
    and all of them are printed where one is not met. What comes to production must
    load here.

    A version leaves production for another status only with a --successor, or with --vacate,
    which leaves production empty. A version that was withdrawn comes back only with a --reason.
    """
    check_words(reason, successor=successor, vacate=vacate, force=force)
    *refs, status = words
    if not refs:
        raise click.UsageError(f"'{status}' alone: promote needs a version and a status")
    if successor is not None and len(refs) > 1:
        raise click.UsageError("--successor is of one version")
    store = session.store()
    events = store.promote(
        refs,
        status,
        reason=reason,
        successor=successor,
        vacate=vacate,
        force=force,
        replay=replay,
        sign=sign,
    )
    moved = {(event.model, event.version) for event in events}
    versions = [store.version(ref) for ref in refs] if len(moved) < len(refs) else []
    unchanged = [
        f"{version} is {state(status)} already"
        for version in versions
        if (version.model, version.version) not in moved
    ]
    tell(session, events, unchanged)
