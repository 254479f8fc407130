"""Which store is meant when nobody names one."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gitmodelstore.errors import NotAStore
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.layout import MODELS, REGISTRY

_PROJECT = "pyproject.toml"


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
    if inside and not is_store(around) and (inside / ".git").exists():
        return Repository.open(inside)
    return around


def is_store(repository: Repository) -> bool:
    """Whether the store's branch of a repository holds a registry.json."""
    tip = repository.head(repository.branch)
    return tip is not None and bool(repository.entry(repository.commit(tip).tree, REGISTRY))


def project_settings(folder: Path) -> dict[str, Any]:
    """Return `[tool.gitmodelstore]` of the nearest pyproject.toml above that has it.

    Raises:
        NotAStore: a pyproject.toml on the way cannot be understood.
    """
    return next(_settings(folder), ({}, folder))[0]


def _named(folder: Path) -> Path | None:
    """Return the store that a pyproject.toml names, None when none does."""
    for settings, place in _settings(folder):
        named = settings.get("store")
        if named is None:
            continue
        if not isinstance(named, str):
            raise NotAStore(
                f"'{place / _PROJECT}': [tool.gitmodelstore] store must be a path, found {named!r}"
            )
        return place / named
    return None


def _settings(folder: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """Yield the settings of each pyproject.toml of a folder and above, with its folder."""
    for above in (folder.absolute(), *folder.absolute().parents):
        try:
            project = tomllib.loads((above / _PROJECT).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise NotAStore(
                f"'{above / _PROJECT}' is not TOML: {error}",
                hint="mend it, or name the store with -C",
            ) from error
        tool = project.get("tool", {})
        settings = tool.get("gitmodelstore") if isinstance(tool, dict) else None
        if isinstance(settings, dict):
            yield settings, above
