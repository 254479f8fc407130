"""What can be read of somebody's checkout without starting git.

Each process of git costs as much as a tenth of registering a small pipeline. What
is told here is told by files of documented formats; what calls for git's judgement
(what has changed, what is ignored) is git's to say.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pygit2

from gitmodelstore.errors import GitFailed


@dataclass(frozen=True, slots=True)
class Checkout:
    """A work tree: its top folder, its git directory, and the one that it shares with others."""

    top: Path
    git_dir: Path
    common_dir: Path


def find(folder: Path) -> Checkout | None:
    """Return the innermost work tree around `folder`; None where there is none."""
    here = Path(os.path.realpath(folder))
    for candidate in (here, *here.parents):
        mark = candidate / ".git"
        if mark.is_file():  # in linked work trees and submodules
            git_dir = (candidate / mark.read_text().strip().removeprefix("gitdir: ")).resolve()
            return Checkout(candidate, git_dir, common_dir(git_dir))
        if (mark / "HEAD").exists():
            return Checkout(candidate, mark, common_dir(mark))
    return None


def common_dir(git_dir: Path) -> Path:
    """Return the directory that linked work trees share (git help repository-layout)."""
    note = git_dir / "commondir"
    return (git_dir / note.read_text().strip()).resolve() if note.exists() else git_dir


def settings(checkout: Checkout) -> Iterator[tuple[str, str]]:
    """Yield names and values of the repository's own configuration, in their order.

    Raises:
        GitFailed: it cannot be read.
    """
    path = checkout.common_dir / "config"
    try:
        for entry in pygit2.Config(str(path)):
            yield entry.name, entry.value or ""
    except (pygit2.GitError, OSError, ValueError) as error:
        raise GitFailed(f"'{path}' cannot be read: {error}") from error


def is_tracked(checkout: Checkout, path: str) -> bool | None:
    """Return whether the index holds `path`; None where only git itself can read that index."""
    index = checkout.git_dir / "index"
    if not index.exists():
        return False
    try:
        return path in pygit2.Index(str(index))
    except (pygit2.GitError, OSError, ValueError):
        return None  # split, sparse, or of a repository with sha256 ids
