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

_MOST_COMMITS, _MOST_IN_ALL = 100, 2000  # looked at behind a ref, and of a repository


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


def brings(folder: Path, name: str) -> bool:
    """Whether a folder is in a repository that has, or had, a file of that name at its top.

    The repository's branches are asked, as far as their last hundred commits tell, and the tags
    of versions: what is in the work tree, and what the configuration says, is anybody's.

    Args:
        folder: in a work tree, the top of one, or the git directory itself.
        name: of the file.
    """
    for above in (folder, *folder.parents):
        git_dir = _git_dir(above)
        if git_dir is not None and _has_had(common_dir(git_dir), name):
            return True
    return False


def _git_dir(folder: Path) -> Path | None:
    """Return the git directory of a work tree, or the folder itself where it is one."""
    mark = folder / ".git"
    try:
        if mark.is_file():
            return (folder / mark.read_text().strip().removeprefix("gitdir: ")).resolve()
    except (OSError, ValueError):
        return None
    return next((place for place in (mark, folder) if (place / "HEAD").is_file()), None)


def _has_had(git_dir: Path, name: str) -> bool:
    try:
        repository = pygit2.Repository(str(git_dir))
        refs = [ref for ref in repository.listall_references() if _may_say(ref)]
    except (pygit2.GitError, OSError, ValueError):
        return False
    seen: set[pygit2.Oid] = set()
    return any(
        len(seen) < _MOST_IN_ALL and _on_the_way(repository, ref, name, seen)
        for ref in ("HEAD", *refs)
    )


def _may_say(ref: str) -> bool:
    return ref.startswith(("refs/heads/", "refs/remotes/")) or "@v" in ref


def _on_the_way(repository: pygit2.Repository, ref: str, name: str, seen: set[pygit2.Oid]) -> bool:
    """Whether the commit of a ref, or one of a hundred before it, has the file."""
    try:
        commit = repository.references[ref].peel(pygit2.Commit)
        for _ in range(_MOST_COMMITS):
            if commit.id in seen:
                return False
            seen.add(commit.id)
            if name in commit.tree:
                return True
            commit = commit.parents[0]
    except (pygit2.GitError, OSError, KeyError, ValueError, IndexError):
        pass  # there is no such commit, or none before it
    return False


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
        raise GitFailed(f"'{path}' cannot be read: {error}") from None


def is_tracked(checkout: Checkout, path: str) -> bool | None:
    """Return whether the index holds `path`; None where only git itself can read that index."""
    index = checkout.git_dir / "index"
    if not index.exists():
        return False
    try:
        return path in pygit2.Index(str(index))
    except (pygit2.GitError, OSError, ValueError):
        return None  # split, sparse, or of a repository with sha256 ids
