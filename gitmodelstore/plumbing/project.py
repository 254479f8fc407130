"""What a project says of its model store: `[tool.gitmodelstore]` of its pyproject.toml, `models/`.

Files alone are looked at, so that hooks find the store as commands do. A linked work tree
(`git worktree add`) brings no store with it: what is not there is looked for at the same
place of the main work tree.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gitmodelstore.errors import NotAStore
from gitmodelstore.plumbing.access import text_of
from gitmodelstore.values.layout import MODELS

FILE = "pyproject.toml"
_MARKS = (FILE, "setup.py", "setup.cfg", ".git")


def around(folder: Path) -> Path:
    """Return the project that a folder is in: the nearest with a mark of one, else the folder."""
    folder = folder.resolve()
    for above in (folder, *folder.parents):
        if any((above / mark).exists() for mark in _MARKS):
            return above
    return folder


def code_places(folder: Path) -> tuple[Path, ...]:
    """Return where the modules of a project may be: here, at its top, and in its `src`."""
    project = around(folder)
    return tuple(dict.fromkeys((folder.resolve(), project, project / "src")))


def settings(folder: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """Yield the settings of each pyproject.toml of a folder and above, with its folder.

    Raises:
        NotAStore: one cannot be understood.
    """
    for above in (folder.absolute(), *folder.absolute().parents):
        try:
            whole = tomllib.loads(text_of(above / FILE) or "")
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise NotAStore(
                f"'{above / FILE}' is not TOML: {error}",
                hint="mend it, or name the store with -C",
            ) from None
        tool = whole.get("tool", {})
        found = tool.get("gitmodelstore") if isinstance(tool, dict) else None
        if isinstance(found, dict):
            yield found, above


def named_store(folder: Path) -> tuple[Path, Path] | None:
    """Return the store that the nearest pyproject.toml names which names one, and that file.

    Raises:
        NotAStore: one cannot be understood, or names no path.
    """
    for said, place in settings(folder):
        named = said.get("store")
        if named is None:
            continue
        if not isinstance(named, str) or is_address(named):
            raise NotAStore(
                f"'{place / FILE}': [tool.gitmodelstore] store must be a path, found {named!r}",
                hint='write it as store = "models", relative to that file',
            )
        return beside(place, named), place / FILE
    return None


def is_address(named: str) -> bool:
    """Whether text names a repository elsewhere: `server:/srv/models.git`, `https://…`."""
    return re.match(r"[^/:]{2,}:", named) is not None


def beside(place: Path, path: str) -> Path:
    """Return what a path means in a folder, or in the same one of the main work tree."""
    here = (place / path).resolve()
    main = _in_main(place)
    there = here if main is None else (main / path).resolve()
    return there if _is_repository(there) and not _is_repository(here) else here


def store_inside(top: Path) -> Path | None:
    """Return the repository that is the `models/` of a code repository; None without one."""
    found = beside(top, MODELS)
    return found if (found / ".git").exists() else None


def _is_repository(folder: Path) -> bool:
    return (folder / ".git").exists() or (folder / "HEAD").exists()


def _in_main(folder: Path) -> Path | None:
    """Return the folder of the main work tree that answers to one of a linked one; else None."""
    for above in (folder, *folder.parents):
        mark = above / ".git"
        if mark.is_file():
            said = (text_of(mark) or "").strip().removeprefix("gitdir: ")
            shared = (above / said).resolve().parent
            if shared.name == "worktrees" and shared.parent.name == ".git":
                return shared.parent.parent / folder.relative_to(above)
        if mark.exists():
            return None
    return None
