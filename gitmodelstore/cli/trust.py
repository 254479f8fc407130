"""`gms trust`: whose classes this user loads besides scikit-learn's."""

from __future__ import annotations

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.errors import InvalidInput
from gitmodelstore.values.names import did_you_mean


@click.command("trust")
@click.argument("action", type=click.Choice(["list", "add", "remove"]), default="list")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.pass_obj
def trust(session: Session, action: str, names: tuple[str, ...]) -> None:
    """List, add or remove packages and classes of your own that pipelines may hold.

    A package ("mypackage") stands for the classes defined in it, never its functions; a
    class is named exactly ("mypackage.features.LogScaler"). They are kept in your own
    configuration file. What a store says of trust is never asked.
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
        session.note(f"kept in '{configure(after)}'")
    if session.json:
        session.document(trusted=after, path=config_file())
        return
    for name in after:
        session.out(name)


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
