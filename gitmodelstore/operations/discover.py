"""Which store is meant when nobody names one."""

from __future__ import annotations

import tomllib
from pathlib import Path

from gitmodelstore.errors import NotAStore
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
    for above in (folder, *folder.parents):
        named = _named_in(above / "pyproject.toml")
        if named is not None:
            return Repository.open(above / named)
    around = Repository.discover(folder)
    inside = around.work_tree / MODELS if around.work_tree else None
    if inside and not is_store(around) and (inside / ".git").exists():
        return Repository.open(inside)
    return around


def is_store(repository: Repository) -> bool:
    """Whether the store's branch of a repository holds a registry.json."""
    tip = repository.head(repository.branch)
    return tip is not None and bool(repository.entry(repository.commit(tip).tree, REGISTRY))


def _named_in(path: Path) -> str | None:
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise NotAStore(
            f"'{path}' is not TOML: {error}", hint="mend it, or name the store with -C"
        ) from error
    tool = settings.get("tool", {})
    named = tool.get("gitmodelstore", {}).get("store") if isinstance(tool, dict) else None
    if named is not None and not isinstance(named, str):
        raise NotAStore(f"'{path}': [tool.gitmodelstore] store must be a path, found {named!r}")
    return named
