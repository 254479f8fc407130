"""A copy of a shared store, with the drivers and hooks that a clone of plain git lacks."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

from gitmodelstore.errors import InvalidInput, NotAStore
from gitmodelstore.operations.discover import is_store
from gitmodelstore.operations.init import BRANCH, set_up
from gitmodelstore.plumbing import hooks, remotes
from gitmodelstore.plumbing.disk import check_absent
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.layout import REGISTRY


def clone(url: str, path: Path, notify: Callable[[str], None], *, meter: bool) -> Repository:
    """Clone a store and return the copy.

    Args:
        url: where the shared store is, as git takes it.
        path: where to; a new folder, or an empty one.
        notify: is told what could not be done besides.
        meter: whether git shows how far it is.

    Raises:
        AlreadyExists: `path` holds something.
        InvalidInput: the url is none.
        GitFailed: git could not clone it.
        NotAStore: it is a repository of something else; nothing is left.
    """
    check_absent(path, "name a new folder: `gms clone URL PATH`")
    was_there = path.exists()
    remotes.clone(url, path, meter=meter)
    repository = _on_its_branch(_checked_out(Repository.open(path)))
    if not is_store(repository):
        is_empty = repository.is_empty
        shutil.rmtree(path)
        if was_there:
            path.mkdir()
        raise _not_a_store(url, is_empty=is_empty)
    set_up(repository)
    try:
        hooks.install(repository)
    except InvalidInput as error:
        notify(f"its hooks were not installed: {error}")
    return repository


def _not_a_store(url: str, *, is_empty: bool) -> NotAStore:
    if is_empty:
        return NotAStore(
            f"'{url}' is empty: no store has been pushed to it yet",
            hint=f"in the store that it is for: git push {shlex.quote(url)} {BRANCH}",
        )
    return NotAStore(
        f"'{url}' is not a model store: no {REGISTRY} on its branch",
        hint="clone other repositories with `git clone`",
    )


def _checked_out(repository: Repository) -> Repository:
    """Return a clone with a branch checked out, also where the remote's HEAD names none.

    So it is after `git init --bare` and a push of a branch that is called otherwise.
    """
    there = remotes.branches(repository.git_dir)
    named = BRANCH if BRANCH in there else there[0] if len(there) == 1 else None
    said = (repository.git_dir / "HEAD").read_text().strip().removeprefix("ref: ")
    if named is not None and said.startswith("refs/heads/") and not repository.ref(said):
        remotes.check_out(repository.work_tree or repository.git_dir, named)
        return Repository.open(repository.work_tree or repository.git_dir)
    return repository


def _on_its_branch(repository: Repository) -> Repository:
    """Return a clone that takes the branch on which it stands for the store's."""
    said = (repository.git_dir / "HEAD").read_text().strip()
    branch = said.removeprefix("ref: ")
    if branch in (repository.branch, said):
        return repository
    repository.configure({"store.branch": branch.removeprefix("refs/heads/")})
    return Repository.open(repository.work_tree or repository.git_dir)
