"""`gms init`: make a model store."""

from __future__ import annotations

from pathlib import Path

import click

from gitmodelstore.cli.session import Session


@click.command("init")
@click.argument("path", required=False)
@click.option("--bare", is_flag=True, help="without a work tree, as on a server")
@click.pass_obj
def init(session: Session, path: str | None, bare: bool) -> None:
    """Make a model store at PATH, or say that there is one.

    Without PATH it is the current folder; inside a code repository it is the
    folder models/ at its top, which that repository is told to ignore.
    """
    from gitmodelstore.store import Store

    notes: list[str] = []
    place = Path(session.place() or ".", path or "")
    store = Store.init(place, bare=bare, place_inside=path is None, notify=notes.append)
    where = str(store.path)
    if store.created:
        notes.insert(0, "made a model store")
    else:
        notes.append("it was a model store already; nothing was changed")
    if session.json:
        session.document({"path": where, "created": store.created, "notes": notes})
        return
    for text in notes:
        session.note(text)
    session.out(where)
