"""The work trees that have the store's branch checked out, and how they follow it.

pygit2 neither reads sparse and split indexes nor knows what is staged beside us,
so the index and the files are moved by `git read-tree -m -u`, which refuses to
touch uncommitted work.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gitmodelstore.errors import LocalChanges
from gitmodelstore.plumbing import git
from gitmodelstore.plumbing.repository import Repository

Process = subprocess.Popen[bytes]

# Files of a git directory that say an operation is half done, and what ends it.
_IN_PROGRESS = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
}


@dataclass(frozen=True, slots=True)
class WorkTree:
    """A folder with files, and the git directory that holds its index."""

    folder: Path
    git_dir: Path


def on_branch(repository: Repository) -> tuple[WorkTree, ...]:
    """Return the work trees, linked ones too, whose HEAD is the store's branch."""
    return tuple(tree for tree in _all(repository) if _has_branch(tree.git_dir, repository.branch))


def check(trees: tuple[WorkTree, ...]) -> None:
    """Refuse to go on while git itself is in the middle of something.

    Raises:
        LocalChanges: a merge, rebase, cherry-pick or revert is not finished.
    """
    for tree in trees:
        for mark, name in _IN_PROGRESS.items():
            if (tree.git_dir / mark).exists():
                raise LocalChanges(
                    f"a {name} is in progress in '{tree.folder}'",
                    hint=f"finish it or run `git {name} --abort` there, then try again",
                )


def start(tree: WorkTree, old: str, new: str) -> Process:
    """Start to bring index and files of a work tree from commit `old` to commit `new`.

    It changes everything or nothing, and leaves alone what differs in neither; where
    it has already happened it changes nothing.
    """
    return git.start(("read-tree", "-m", "-u", old, new), tree.folder)


def populate(tree: WorkTree) -> None:
    """Write the files of a branch that was just born into an empty work tree."""
    git.run("read-tree", "-m", "-u", "HEAD", cwd=tree.folder)


def finish(tree: WorkTree, process: Process) -> None:
    """Wait for what `start` began.

    Raises:
        LocalChanges: uncommitted work, or a lock of git, is in the way; nothing was changed.
    """
    _, stderr = process.communicate()
    if process.returncode == 0:
        return
    said = stderr.decode(errors="replace").strip()
    if "index.lock" in said:
        raise LocalChanges(
            f"another git process is at work in '{tree.folder}'",
            hint=f"wait for it; if there is none, remove '{tree.git_dir / 'index.lock'}'",
        )
    raise LocalChanges(
        f"uncommitted changes in '{tree.folder}' are in the way: {_first_line(said)}",
        hint=f"commit or stash them: git -C {tree.folder} stash --include-untracked",
    )


def _first_line(said: str) -> str:
    return said.partition("\n")[0].removeprefix("error: ").removeprefix("fatal: ").rstrip(".")


def _all(repository: Repository) -> Iterator[WorkTree]:
    common = repository.common_dir
    if common.name == ".git" and repository.setting("core.bare") != "true":
        yield WorkTree(common.parent, common)
    elif repository.work_tree and repository.git_dir == common:
        yield WorkTree(repository.work_tree, common)
    linked = common / "worktrees"
    for git_dir in sorted(linked.iterdir()) if linked.is_dir() else ():
        note = git_dir / "gitdir"
        folder = Path(note.read_text().strip()).parent if note.exists() else None
        if folder and folder.is_dir():
            yield WorkTree(folder, git_dir)


def _has_branch(git_dir: Path, branch: str) -> bool:
    """Whether this HEAD, or a rebase under way there, is of `branch`."""
    notes = ("HEAD", "rebase-merge/head-name", "rebase-apply/head-name")
    for note in notes:
        path = git_dir / note
        if path.exists() and path.read_text().strip().removeprefix("ref: ") == branch:
            return True
    return False
