"""Work trees that have the store's branch checked out, and are not where it is.

A branch that was moved past its work tree (by a push into it, by `git update-ref`)
leaves an older commit staged: a `git commit -a` would silently take back what came
since. Uncommitted work looks otherwise: it is no commit of the branch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from gitmodelstore.errors import FormatError, GitFailed, StoreError
from gitmodelstore.plumbing import git, worktree
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.worktree import WorkTree
from gitmodelstore.values.layout import REGISTRY
from gitmodelstore.values.registry import Registry

_MOST_LOOKED_AT = 10_000  # commits of the branch, the newest first
_MOST_COMPARED = 50  # of those, that have the staged registry.json


@dataclass(frozen=True, slots=True)
class Lag:
    """A work tree that is not where the branch is.

    Attributes:
        tree: which.
        commit: the commit of the branch that is staged there, whole and unchanged; None
            where what is staged is somebody's own.
        behind: how many commits that one is behind.
        undone: versions that a commit of what is staged would take back, as "churn 1.2.0".
    """

    tree: WorkTree
    commit: str | None
    behind: int
    undone: tuple[str, ...]


def lags(repository: Repository) -> list[Lag]:
    """Return the work trees of the branch that are behind it, or would take versions back.

    One in which a merge or a rebase is under way is left out.

    Raises:
        GitFailed: git cannot read an index.
    """
    tip = repository.head(repository.branch)
    if tip is None:
        return []
    found = []
    for tree in worktree.on_branch(repository):
        if _is_busy(tree):
            continue
        lag = _lag(repository, tree, tip)
        if lag is not None:
            found.append(lag)
    return found


def _lag(repository: Repository, tree: WorkTree, tip: str) -> Lag | None:
    staged = _staged(tree)
    if staged is None or staged == _held(tree, tip):
        return None
    registry = staged.get(REGISTRY)
    compared = 0
    for number, commit in enumerate(islice(repository.first_parents(tip), _MOST_LOOKED_AT)):
        entry = repository.entry(commit.tree, REGISTRY)
        if number == 0 or entry is None or registry is None or entry.oid != registry[1]:
            continue
        compared += 1
        if staged == _held(tree, commit.oid):
            return Lag(tree, commit.oid, number, ())
        if compared == _MOST_COMPARED:
            break
    undone = _undone(repository, tip, registry[1] if registry else None)
    return Lag(tree, None, 0, undone) if undone else None


def is_at(tree: WorkTree, commit: str) -> bool:
    """Whether what is staged in a work tree is a commit, whole and unchanged.

    Raises:
        GitFailed: git cannot read its index, or the commit.
    """
    return _staged(tree) == _held(tree, commit)


def _is_busy(tree: WorkTree) -> bool:
    try:
        worktree.check((tree,))
    except StoreError:
        return True
    return False


def _staged(tree: WorkTree) -> dict[str, tuple[str, str]] | None:
    """Return mode and id of what is staged, by path; None in the middle of a merge."""
    entries = {}
    for line in git.run("ls-files", "--stage", "-z", cwd=tree.folder).decode().split("\0")[:-1]:
        facts, _, path = line.partition("\t")
        mode, oid, stage = facts.split(" ")
        if stage != "0":
            return None
        entries[path] = (mode, oid)
    return entries


def _held(tree: WorkTree, commit: str) -> dict[str, tuple[str, str]]:
    entries = {}
    listed = git.run("ls-tree", "-r", "-z", "--full-tree", commit, cwd=tree.folder).decode()
    for line in listed.split("\0")[:-1]:
        facts, _, path = line.partition("\t")
        mode, _, oid = facts.split(" ")
        entries[path] = (mode, oid)
    return entries


def _undone(repository: Repository, tip: str, staged: str | None) -> tuple[str, ...]:
    """Return the versions that the branch has and a staged registry.json has not."""
    entry = repository.entry(repository.commit(tip).tree, REGISTRY)
    if entry is None or staged is None:
        return ()
    try:
        now = Registry.parse_history(repository.content(entry.oid, REGISTRY))
        then = Registry.parse_history(repository.content(staged, REGISTRY))
    except (FormatError, GitFailed, StoreError):  # a registry that is none is no older one
        return ()
    return tuple(f"{c.model} {c.version}" for c in now.changes(then) if c.after is None)
