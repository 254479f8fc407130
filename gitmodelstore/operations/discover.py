"""Which store is meant: one answer for every command and every call.

In this order: what the caller or -C names; $GITMODELSTORE; `[tool.gitmodelstore] store` of
the pyproject.toml above; the repository around, or the store in its `models/`. What git
tells its hooks (GIT_DIR) is not asked: a hook of an ML repository would be led astray.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from gitmodelstore.checks.judge import version_of
from gitmodelstore.errors import NotAStore, StoreError
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.plumbing import files, git_dir, writer_lock
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.objects import named_manifest
from gitmodelstore.values.version import REGISTRY

_DRIVER = "merge.gitmodelstore.driver"
_MOST_ASKED = 20


def find(named: str | os.PathLike[str] | None = None) -> Repository:
    """Return the repository of the store that is meant.

    Args:
        named: the store, or a folder from which to look for it; None for the working directory.

    Raises:
        NotAStore: there is none, or the one named is not there.
        UnsupportedRepository: a repository with sha256 ids or reftable refs.
    """
    return Repository.open(locate(named))


def locate(named: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of the store that is meant, which may be too damaged to be opened.

    Raises:
        NotAStore: as in `find`.
    """
    named = files.scratch_store() or named
    if named is not None:
        _refuse_address(named)
        return _named(_absolute(named))
    variable = files.named_store()
    if variable is None:
        return _from(_absolute("."))
    try:
        _refuse_address(variable)
        return _named(_absolute(variable))
    except NotAStore as error:
        hint = "$GITMODELSTORE names it: unset it, or name a store with -C"
        if files.is_address(variable):
            hint = f"$GITMODELSTORE names it; {error.hint}"
        raise NotAStore(str(error), hint=hint) from None


def is_store(repository: Repository) -> bool:
    """Whether the store's branch of a repository holds a registry.json."""
    tip = repository.head(repository.branch)
    return tip is not None and bool(repository.entry(repository.commit(tip).tree, REGISTRY))


def was_store(repository: Repository) -> bool:
    """Whether a repository was one once: we wrote there, it has our drivers, or a tag of ours.

    A tag's name says nothing: repositories of code have such tags too (GTO).
    """
    if os.path.lexists(repository.common_dir / writer_lock.OWN_FOLDER) or repository.setting(
        _DRIVER
    ):
        return True
    names = [name for name in repository.tag_names() if version_of(name)]
    tags = (repository.tag(name) for name in sorted(names)[:_MOST_ASKED])
    return any(tag is not None and named_manifest(tag.message) for tag in tags)


def _absolute(folder: str | os.PathLike[str]) -> Path:
    try:
        return Path(folder).resolve()
    except FileNotFoundError:
        raise NotAStore(
            "the working directory no longer exists", hint="go to another with `cd`"
        ) from None


def _refuse_address(named: str | os.PathLike[str]) -> None:
    if isinstance(named, str) and files.is_address(named) and not os.path.lexists(named):
        from gitmodelstore.lineage import without_credentials

        raise NotAStore(
            f"'{without_credentials(named)}' is a URL, but a store is used from a clone of it",
            hint="clone it with `gms clone URL`, and name that folder",
        )


def _named(folder: Path) -> Path:
    """Return the store that a folder is, or is in; else the one that is found from there."""
    if not folder.is_dir():
        is_file = folder.exists()
        what = f"'{folder}' is not a folder" if is_file else f"folder '{folder}' does not exist"
        hint = "name the folder of the store" if is_file else f"check the path; {_make(folder)}"
        raise NotAStore(what, hint=hint)
    top = git_dir.top_of(folder)
    return top if top is not None and _is_known(top) else _from(folder)


def _from(folder: Path) -> Path:
    """Return the store that a folder belongs to.

    Raises:
        NotAStore: it belongs to none.
    """
    named = files.store_of_project(folder)
    if named is not None:
        return _of_project(*named)
    top = git_dir.top_of(folder)
    if top is None:
        hint = "create a store with `gms init`, or name one with -C or $GITMODELSTORE"
        below = files.store_inside(folder)
        if below is not None and _is_sound(below):
            hint = f"'{below.name}' is one: go there with `cd`, or name it with -C {below.name}"
            hint += f", in Python with store='{below.name}'"
        raise NotAStore(f"no git repository at '{folder}'", hint=hint)
    if _is_sound(top):
        return top
    inside = files.store_inside(top)
    if inside is not None and _may_be_store(inside):
        return inside
    if not _may_be_store(top):
        Snapshot.now(Repository.open(top))  # which says what it lacks
    return top


def _of_project(store: Path, file: Path) -> Path:
    """Return the store that a pyproject.toml names, if there is one."""
    store = store.parent if store.name == ".git" else store
    if git_dir.top_of(store) == store and _may_be_store(store):
        return store
    what = "is not a model store" if store.is_dir() else "is not there"
    raise NotAStore(
        f"'{store}' {what}, though '{file}' names it",
        hint=f"clone the store: `gms clone URL {shlex.quote(str(store))}`; {_make(store)}",
    )


def _make(folder: Path) -> str:
    return f"`gms init {shlex.quote(str(folder))}` makes a new one there"


def _is_sound(top: Path) -> bool:
    try:
        return is_store(Repository.open(top))
    except StoreError:
        return False


def _is_known(top: Path) -> bool:
    """Whether a repository is a store, or one of which we wrote something, however damaged."""
    folder = git_dir.locate(top)
    return (folder is not None and os.path.lexists(folder / writer_lock.OWN_FOLDER)) or _is_sound(
        top
    )


def _may_be_store(top: Path) -> bool:
    """Whether a repository is a store, was one, or is too damaged to tell: the doctor looks at it.

    So is a bare repository that is empty: the store is about to be pushed there.
    """
    if _is_known(top):
        return True
    try:
        repository = Repository.open(top)
        is_empty = repository.work_tree is None and repository.is_empty
        return is_empty or is_store(repository) or was_store(repository)
    except StoreError:
        return True
