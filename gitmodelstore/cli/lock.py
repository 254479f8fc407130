"""`gms lock`: pin versions for the repository that uses them, and check the pins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.values.lock import FILE
from gitmodelstore.values.render import counted

if TYPE_CHECKING:
    from gitmodelstore.operations.lock import Pinned


@click.command("lock")
@click.argument("refs", nargs=-1, metavar="[REF]...")
@click.option("--check", is_flag=True, help="say how the file differs from the store")
@click.option("--fetch", is_flag=True, help="with --check: fetch into the store's clone first")
@click.option("--store", metavar="PATH", help="the store; else the one that pyproject.toml names")
@click.pass_obj
def lock(
    session: Session, refs: tuple[str, ...], check: bool, fetch: bool, store: str | None
) -> None:
    """Pin the versions REF in modelstore.lock.json, at the top of this repository.

    What else the file pins stays. --check compares it with the store instead, as that was
    last fetched, and exits with 1 where something differs.
    """
    if check == bool(refs):
        raise click.UsageError("name a version to lock, or give --check")
    if fetch and not check:
        raise click.UsageError("--fetch goes with --check")
    if store:
        session.path = store
    if check:
        _check(session, fetch)
    else:
        _lock(session, refs)


def _lock(session: Session, refs: tuple[str, ...]) -> None:
    from gitmodelstore.operations.lock import top_of

    top = top_of(Path())
    find_store(session, top)
    done = session.store().lock(refs, top)
    if session.json:
        session.document(path=done.path, changed=done.changed, versions=done.pinned)
        return
    for pin in done.pinned:
        for note in _notes(pin):
            session.note(note)
        session.out(f"{pin.version}  {pin.version.commit[:7]}  {FILE}")


def _notes(pin: Pinned) -> list[str]:
    notes = []
    if pin.before not in (None, str(pin.version.version)):
        notes.append(f"{pin.version.model}: {pin.before} -> {pin.version.version}")
    if pin.new_inputs:
        notes.append(f"{pin.version} takes other inputs than {pin.before}")
    return notes


def _check(session: Session, fetch: bool) -> None:
    from gitmodelstore.operations.lock import check_lock
    from gitmodelstore.plumbing import lockfile
    from gitmodelstore.plumbing.user import named_store

    path = lockfile.find(Path()) or Path().absolute() / FILE
    named = session.path or named_store()
    found = check_lock(path, session.store().path if named else None, fetch=fetch)
    if session.json:
        session.document(sound=not found, path=path, faults=found)
    else:
        for fault in found:
            session.out(str(fault))
            if fault.mend:
                session.note(fault.mend)
        if not found:
            session.note(f"{counted(len(lockfile.read(path).models), 'version')} locked, all there")
    if found:
        raise click.exceptions.Exit(1)


def find_store(session: Session, top: Path) -> None:
    """Have the session open the store that a lock file in `top` is about, if nobody names one."""
    from gitmodelstore.plumbing.user import named_store

    if not (session.path or named_store()):
        from gitmodelstore.plumbing import lockfile
        from gitmodelstore.plumbing.fetched import locate

        path = top / FILE
        session.path = str(locate(top, lockfile.read(path) if path.exists() else None))
