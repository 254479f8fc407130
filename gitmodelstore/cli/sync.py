"""`gms sync`: what is locked, as plain files."""

from __future__ import annotations

from pathlib import Path

import click

from gitmodelstore.cli.lock import find_store
from gitmodelstore.cli.session import Session
from gitmodelstore.errors import LockError
from gitmodelstore.values.lock import FILE


@click.command("sync")
@click.option("-o", "--output", "folder", metavar="DIR", help="where to; else .models")
@click.option("--store", metavar="PATH", help="the store; else the one that pyproject.toml names")
@click.pass_obj
def sync(session: Session, folder: str | None, store: str | None) -> None:
    """Put each version that modelstore.lock.json pins, verified, into a folder NAME-VERSION.

    They go into .models beside the file, which git then ignores. A folder that is there and
    whole is left alone; one that is not is written anew.
    """
    from gitmodelstore.plumbing import lockfile

    path = lockfile.find(Path())
    if path is None:
        raise LockError(f"there is no {FILE} here or above", hint="write one with `gms lock REF`")
    if store:
        session.path = store
    find_store(session, path.parent)
    done = session.store().sync(path, folder)
    if session.json:
        session.document(path=path, versions=done)
        return
    for one in done:
        if one.version.status == "withdrawn":
            session.warn(f"{one.version} was withdrawn; see `gms log {one.version.model}`")
        session.note(f"{one.version}: {one.what}")
        session.out(str(one.path))
