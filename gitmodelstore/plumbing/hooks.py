"""Hooks of git in a repository: put there, found again, taken away.

An existing hook of the user's stays: it is renamed, called first, and gets its name
back when ours is taken away.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

from gitmodelstore.errors import InvalidInput, NotAStore
from gitmodelstore.plumbing.repository import Repository, writing
from gitmodelstore.values.version import CLIENT_HOOKS, SERVER_HOOKS

_KEPT = ".before-gitmodelstore"  # what the user's own hook is called meanwhile
_MARK = "# gitmodelstore put this hook here; `gms hook uninstall` takes it away."

_PROGRAM = re.compile(r"^if \[ ! -e (.+) \] \|\| \[ ! -x (.+) \]; then$", re.MULTILINE)

# What git hands a hook on standard input is read once and given to both.
_SCRIPT = """\
#!/bin/sh
{mark}
{reading}before="$(dirname "$0")/{name}{kept}"
if [ -x "$before" ]; then
  {feed}"$before" "$@" || exit
fi
if [ ! -e {script} ] || [ ! -x {python} ]; then
  echo "error: gitmodelstore is gone from {folder}" >&2
  echo "hint: install it, then run: gms hook install" >&2
  exit 1
fi
{large}{feed}{python} -E -s -S {script} "$@"
"""

# `git lfs install` puts no hook beside ours, so ours does what its would: large files go first.
_LARGE = """\
common="$(git rev-parse --git-common-dir)"
if [ -d "$common/lfs/objects" ] && command -v git-lfs >/dev/null 2>&1; then
  {feed}git lfs pre-push "$@" || exit
fi
"""


def scripts_folder() -> Path:
    """Return the folder with the hooks of this installation: beside the package, always."""
    beside = Path(__file__).resolve().parents[2]
    for name in ("hooks", "gitmodelstore_hooks"):  # a checkout; an installed wheel
        if (beside / name / "pre-receive").is_file():
            return beside / name
    raise NotAStore("this installation of gitmodelstore has no hooks", hint="install it again")


def hooks_folder(repository: Repository) -> Path:
    """Return the folder from which git runs hooks in a repository.

    Raises:
        InvalidInput: core.hooksPath names one outside of it, which other repositories may share.
    """
    named = repository.setting("core.hooksPath")
    if named == os.devnull:  # no hook is to run for this process, which says nothing of others
        named = repository.kept_setting("core.hooksPath")
    if named is None:
        return repository.common_dir / "hooks"
    top = repository.work_tree or repository.common_dir
    folder = (top / os.path.expanduser(named)).resolve()
    if not folder.is_relative_to(top.resolve()):
        raise InvalidInput(
            f"core.hooksPath is '{named}', which other repositories may share",
            hint="call `gms hook run NAME` from the hooks there, or give this repository its own: "
            "git config core.hooksPath .git/hooks",
        )
    return folder


def install(repository: Repository) -> tuple[str, ...]:
    """Put our hooks into a repository, and return the names of those that were not there.

    Raises:
        InvalidInput: as in `hooks_folder`.
        CannotWrite: the disk does not take it.
    """
    folder, new = hooks_folder(repository), []
    with writing(folder):
        repository.sharing.make_folder(folder)
        for name in CLIENT_HOOKS if repository.work_tree else SERVER_HOOKS:
            path, text = folder / name, _script(name)
            if is_ours(path):
                if path.read_text() == text and os.access(path, os.X_OK):
                    continue
            elif path.exists():
                path.rename(_kept(path))
            fresh = path.with_name(f"{name}.gitmodelstore")
            fresh.write_text(text)
            fresh.chmod(repository.sharing.mode(0o755))
            fresh.replace(path)
            new.append(name)
    return tuple(new)


def uninstall(repository: Repository) -> tuple[str, ...]:
    """Take our hooks away again, give the user's own their names back, and return the names.

    Raises:
        InvalidInput: as in `hooks_folder`.
        CannotWrite: the disk does not take it.
    """
    folder, gone = hooks_folder(repository), []
    with writing(folder):
        for name in (*CLIENT_HOOKS, *SERVER_HOOKS):
            path = folder / name
            if is_ours(path):
                path.unlink()
                if _kept(path).exists():
                    _kept(path).rename(path)
                gone.append(name)
    return tuple(gone)


def is_ours(path: Path) -> bool:
    """Whether a hook is one that `install` put there."""
    return path.is_file() and _MARK in path.read_text(errors="replace")


def absent(repository: Repository) -> tuple[str, ...]:
    """Return the names of our hooks that are not in a repository, or would not find us.

    Raises:
        InvalidInput: as in `hooks_folder`.
    """
    folder = hooks_folder(repository)
    names = CLIENT_HOOKS if repository.work_tree else SERVER_HOOKS
    return tuple(name for name in names if not _works(folder / name))


def _works(path: Path) -> bool:
    """Whether a hook is ours, and the program that it starts is still there."""
    if not is_ours(path) or not os.access(path, os.X_OK):
        return False
    found = _PROGRAM.search(path.read_text(errors="replace"))
    if found is None:
        return False
    # Not what another user's home hides, either.
    return all(os.path.exists(Path(*shlex.split(held))) for held in found.groups())


def _kept(path: Path) -> Path:
    return path.with_name(path.name + _KEPT)


def _script(name: str) -> str:
    script = scripts_folder() / name
    feeds = name in ("pre-push", *SERVER_HOOKS)
    feed = 'printf "%s\\n" "$given" | ' if feeds else ""
    return _SCRIPT.format(
        mark=_MARK,
        name=name,
        kept=_KEPT,
        reading='given="$(cat)"\n' if feeds else "",
        feed=feed,
        large=_LARGE.format(feed=feed) if name == "pre-push" else "",
        python=shlex.quote(sys.executable),
        script=shlex.quote(str(script)),
        folder=shlex.quote(str(script.parent)),
    )
