"""What a project says of its model store: `[tool.gitmodelstore]` of its pyproject.toml, `models/`.

Files alone are looked at, so that hooks find the store as commands do. A linked work tree
(`git worktree add`) brings no store with it: what is not there is looked for at the same
place of the main work tree, or of the only other one that has it: a bare repository has no
main one.
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
    """Return what a path means in a folder, or in the same one of another work tree.

    That is the main one; where it has none, as of a bare repository, the only linked one with it.
    """
    here = (place / path).resolve()
    if _is_repository(here):
        return here
    main, linked = _other_trees(place)
    if main is not None and _is_repository(main / path):
        return (main / path).resolve()
    found = {(tree / path).resolve() for tree in linked if _is_repository(tree / path)}
    return found.pop() if len(found) == 1 else here


def store_inside(top: Path) -> Path | None:
    """Return the repository that is the `models/` of a code repository; None without one."""
    found = beside(top, MODELS)
    return found if (found / ".git").exists() else None


def _is_repository(folder: Path) -> bool:
    return (folder / ".git").exists() or (folder / "HEAD").exists()


def _other_trees(folder: Path) -> tuple[Path | None, list[Path]]:
    """Return the folder that answers to one of a linked work tree: in the main one, in others.

    Those of all linked ones answer to a bare repository and what is in it.
    """
    for above in (folder, *folder.parents):
        mark = above / ".git"
        if mark.is_dir():
            break
        main, inside, git_dir = None, Path(), above
        if mark.is_file():
            said = (text_of(mark) or "").strip().removeprefix("gitdir: ")
            inside, git_dir = folder.relative_to(above), (above / said).resolve()
            if git_dir.parent.name == "worktrees":
                git_dir = git_dir.parent.parent
                main = git_dir.parent / inside if git_dir.name == ".git" else None
        elif not (above / "HEAD").is_file():
            continue
        told = (text_of(one) for one in sorted(git_dir.glob("worktrees/*/gitdir")))
        return main, [Path(said.strip()).parent / inside for said in told if said]
    return None, []
