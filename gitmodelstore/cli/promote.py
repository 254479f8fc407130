"""`gms promote`: give versions a status."""

from __future__ import annotations

import click

from gitmodelstore.cli.moves import tell
from gitmodelstore.cli.render import state
from gitmodelstore.cli.session import Session
from gitmodelstore.cli.usage import signed, trusting


@signed
@trusting
@click.command("promote")
@click.argument("words", nargs=-1, required=True, metavar="REF... STATUS")
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
    reason: str | None,
    force: bool,
    replay: bool | None,
    sign: bool | None,
) -> None:
    """Give the version REF, or one each of several models, the status STATUS.

    It is one commit. Only one version of a model is in production: the one that
    was is archived.

    Where modelstore.toml sets a gate before STATUS, its conditions are judged first,
    and all of them are printed where one is not met.
    """
    if force and not (reason or "").strip():
        raise click.UsageError("--force needs a --reason")
    *refs, status = words
    if not refs:
        raise click.UsageError(f"'{status}' alone: promote needs a version and a status")
    store = session.store()
    events = store.promote(refs, status, reason=reason, force=force, replay=replay, sign=sign)
    moved = {(event.model, event.version) for event in events}
    versions = [store.version(ref) for ref in refs] if len(moved) < len(refs) else []
    unchanged = [
        f"{version} is {state(status)} already"
        for version in versions
        if (version.model, version.version) not in moved
    ]
    tell(session, events, unchanged)
