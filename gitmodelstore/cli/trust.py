"""`gms trust`: whose classes and functions this user loads besides scikit-learn's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.errors import InvalidInput
from gitmodelstore.values.names import did_you_mean


@click.command("trust")
@click.argument("action", type=click.Choice(["list", "add", "remove"]), default="list")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.pass_obj
def trust(session: Session, action: str, names: tuple[str, ...]) -> None:
    """List, add or remove packages, classes and functions of your own that pipelines may hold.

    A package ("mypackage") stands for the classes defined in it, never its functions. A
    class or a function is named exactly ("mypackage.features.LogScaler",
    "mypackage.features.twice"); `gms show` says which names a version needs. They are kept
    in your own configuration file. What a store says of trust is never asked.
    """
    from gitmodelstore.operations.trust import check_added, config_file, configure, configured

    before = configured()
    if action == "list":
        if names:
            raise click.UsageError("list takes no names")
        after = before
    else:
        if not names:
            raise click.UsageError(f"name what to {action}")
        words = [check_added(name) for name in names] if action == "add" else []
        after = _added(before, names) if action == "add" else _removed(before, names)
        for word in filter(None, words):
            session.note(word)
        projects = _projects(session, after, names if action == "add" else ())
        session.note(f"kept in '{configure(after, projects)}'")
    if session.json:
        session.document(trusted=after, path=config_file())
        return
    for name in after:
        session.out(name)


def _projects(session: Session, trusted: Iterable[str], added: Iterable[str]) -> list[str]:
    """Return the projects that define a trusted name, with this one where it defines a new one."""
    from gitmodelstore.operations.own_code import find
    from gitmodelstore.operations.trust import configured_projects
    from gitmodelstore.plumbing.project import around

    def defines(folder: Path, names: Iterable[str]) -> list[str]:
        return sorted({top for name in names if find(top := name.partition(".")[0], folder)})

    projects = [held for held in configured_projects() if defines(Path(held), trusted)]
    here = str(around(Path()))
    if found := defines(Path(), added):
        session.note(f"commands that run in '{here}' import {', '.join(map(repr, found))} from it")
        projects.append(here)
    return projects


def _added(before: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*before, *names)))


def _removed(before: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in before:
            raise InvalidInput(
                f"'{name}' is not trusted",
                hint=did_you_mean(name, before) or "see `gms trust list`",
            )
    return tuple(name for name in before if name not in names)
