"""Which store is meant when nobody names one."""

from __future__ import annotations

from pathlib import Path

from gitmodelstore.errors import NotAStore
from gitmodelstore.plumbing import project
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.layout import MODELS, REGISTRY


def discover(folder: Path) -> Repository:
    """Return the store that `folder` belongs to.

    It is what `[tool.gitmodelstore] store` says in the nearest pyproject.toml of
    `folder` or above that says it, else the repository around `folder`, or the store
    that `init` put into the `models/` of that repository.

    Raises:
        NotAStore: there is neither, or the one named is not there.
    """
    folder = folder.absolute()
    named = _named(folder)
    if named is not None:
        return Repository.open(named)
    around = Repository.discover(folder)
    inside = around.work_tree / MODELS if around.work_tree else None
    if inside and (inside / ".git").exists() and not is_store(around):
        return Repository.open(inside)
    return around


def find(folder: Path) -> Repository:
    """Return the repository that `folder` is or, if it is none, the store it belongs to.

    Raises:
        NotAStore: there is no such folder, or no store.
    """
    if not folder.is_dir():
        raise NotAStore(f"there is no folder '{folder}'")
    try:
        return Repository.open(folder)
    except NotAStore:
        return discover(folder)


def is_store(repository: Repository) -> bool:
    """Whether the store's branch of a repository holds a registry.json."""
    tip = repository.head(repository.branch)
    return tip is not None and bool(repository.entry(repository.commit(tip).tree, REGISTRY))


def _named(folder: Path) -> Path | None:
    """Return the store that a pyproject.toml names, None when none does."""
    for settings, place in project.settings(folder):
        named = settings.get("store")
        if named is None:
            continue
        if not isinstance(named, str):
            raise NotAStore(
                f"'{place / project.FILE}': [tool.gitmodelstore] store must be a path, "
                f"found {named!r}"
            )
        return place / named
    return None
