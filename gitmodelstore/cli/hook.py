"""`gms hook`: the hooks of git that validate what is committed, pushed and received."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.values.layout import CLIENT_HOOKS as CLIENT
from gitmodelstore.values.layout import SERVER_HOOKS as SERVER

_STDERR = 2


@click.command("hook", context_settings={"ignore_unknown_options": True})
@click.argument("action", type=click.Choice(["install", "uninstall", "run"]))
@click.argument("name", required=False, type=click.Choice([*CLIENT, *SERVER]))
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def hook(session: Session, action: str, name: str | None, args: Sequence[str]) -> None:
    """Put git's hooks into the store, take them away again, or run one as git would.

    pre-commit and pre-push in one with a work tree, pre-receive in a bare one. A hook of
    yours that is there already is called first, and gets its name back in the end.
    `install` also sets what git must know of a store, unless you have, such as
    push.followTags, with which a plain `git push` brings the tags of versions.
    `run NAME` is for hooks of your own that call ours.
    """
    from gitmodelstore.operations.discover import find
    from gitmodelstore.operations.init import set_up
    from gitmodelstore.plumbing.hooks import hooks_folder, install, uninstall

    if (action == "run") != (name is not None):
        raise click.UsageError("run takes the name of a hook, install and uninstall take none")
    if name is not None:
        raise click.exceptions.Exit(_run(session, name, args))
    repository = find(session.path)
    done = (install if action == "install" else uninstall)(repository)
    if action == "install":
        set_up(repository)
    folder = hooks_folder(repository)
    if session.json:
        session.document(action=action, path=folder, hooks=done, exit_code=None)
    elif done:
        session.out(f"{action}ed {', '.join(done)} in {folder}")
    else:
        session.out(f"nothing to {action} in {folder}")


def _run(session: Session, name: str, args: Sequence[str]) -> int:
    from gitmodelstore.plumbing.hooks import scripts_folder

    script = scripts_folder() / name
    call = [sys.executable, "-E", "-s", "-S", str(script), *args]
    code = subprocess.run(call, stdout=_STDERR if session.json else None, check=False).returncode
    if session.json:
        session.document(action="run", path=script, hooks=[name], exit_code=code)
    return code
