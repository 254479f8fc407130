"""`gms clone`: a copy of a shared store, ready to work in."""

from __future__ import annotations

import re
import sys

import click

from gitmodelstore.cli.session import Session


@click.command("clone")
@click.argument("url")
@click.argument("path", required=False)
@click.pass_obj
def clone(session: Session, url: str, path: str | None) -> None:
    """Clone the store at URL into PATH, with its drivers and hooks.

    Without PATH the folder is named after the end of URL.
    """
    from gitmodelstore.store import Store

    place = path or re.sub(r"\.git$", "", url.rstrip("/")).replace(":", "/").rpartition("/")[2]
    store = Store.clone(
        url, place, notify=session.note, meter=sys.stderr.isatty() and not session.quiet
    )
    if session.json:
        models = store.models()
        versions = sum(summary.versions for summary in models)
        session.document(path=store.path, model_count=len(models), version_count=versions)
        return
    session.out(str(store.path))
