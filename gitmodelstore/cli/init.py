"""`gms init`: make a model store."""

from __future__ import annotations

from pathlib import Path

import click

from gitmodelstore.cli.session import Session

HOSTS = ("github", "gitlab", "gitea", "ssh")


@click.command("init")
@click.argument("path", required=False)
@click.option("--bare", is_flag=True, help="without a work tree, as on a server")
@click.option("--host", type=click.Choice(HOSTS), help="with the check of that kind of git host")
@click.option("--owner", metavar="WHO", help="who approves there, as @acme/leads")
@click.pass_obj
def init(
    session: Session, path: str | None, bare: bool, host: str | None, owner: str | None
) -> None:
    """Make a model store at PATH, or say that there is one.

    Without PATH it is the current folder; inside a code repository it is the
    folder models/ at its top, which that repository is told to ignore. --host also
    writes the pipeline that validates proposals, and says what to set on the host.
    """
    from gitmodelstore.plumbing.user import named_store
    from gitmodelstore.store import Store

    notes: list[str] = []
    here = session.path or (None if path else named_store())
    place = Path(here or ".", path or "")
    if owner and not host:
        raise click.UsageError("--owner needs --host")
    store = Store.init(
        place,
        bare=bare,
        place_inside=path is None,
        host=host,
        owner=owner,
        notify=notes.append,
    )
    where = str(store.path)
    if store.created:
        notes.insert(0, "made a model store")
    elif not notes:
        notes.append("it was a model store already; nothing was changed")
    rules = list(store.host_rules)
    if session.json:
        session.document(path=where, created=store.created, notes=notes, rules=rules)
        return
    for text in notes:
        session.note(text)
    session.out(where)
    if rules:
        session.note(f"now set on the host ({host}):")
    for number, rule in enumerate(rules, 1):
        session.note(f"{number}. {rule}")
