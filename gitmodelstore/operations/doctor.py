"""Repairing what can be repaired without guessing, then saying what is wrong.

Never a version is deleted, and uncommitted work is never touched. What is done here can
be done again: the second time there is nothing to do. What git itself stumbles over comes
first, since nothing else can be repaired before; a file that something else takes the place
of is kept beside.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from gitmodelstore.errors import CannotWork, CannotWrite, NotAStore, StoreError
from gitmodelstore.operations.examine import (
    REMOVABLE,
    Diagnosis,
    can_judge,
    examine,
    examine_folder,
    has_branch,
    in_a_line,
    known_values,
    lost_head,
    may_be_head,
    not_allowed,
    place_of,
    trees_without_index,
)
from gitmodelstore.operations.init import CONFIGURED, unconfigured
from gitmodelstore.operations.mend import is_whole, move_forward, rebuild, retag
from gitmodelstore.operations.publish import recover
from gitmodelstore.operations.snapshot import Writer, was_store
from gitmodelstore.operations.validate import extent_of
from gitmodelstore.plumbing import git_dir, refs, worktree, writer_lock
from gitmodelstore.plumbing.cat_file import CatFile
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.writer_lock import HeldLock
from gitmodelstore.values.names import REGISTRY


def doctor(repository: Repository, writer: Callable[[], Writer] | None = None) -> Diagnosis:
    """Return what is wrong with a store's repository; raises as `Store.doctor`.

    `writer` says who repairs first what can be; None writes nothing at all.
    """
    _refuse_other_repository(repository)
    if writer is None:
        return examine(repository)
    folder = repository.common_dir
    repairs = _Repairs()
    repairs.of_git(folder, repository.branch)
    if repairs.done:  # what is held of the damaged files is out of date
        repository = Repository.open(repository.work_tree or folder)
    fatal = any(flaw.path in _FATAL for flaw in git_dir.flaws(folder, repository.branch))
    if fatal or not can_judge(git_dir.unreadable(folder)):
        repairs.notes.append(_LEFT)
    else:
        try:
            repairs.of_store(repository, writer())
        except CannotWrite as error:  # not even the lock
            repairs.notes.append(f"nothing was repaired: {error}")
    return repairs.put_into(examine(repository))


# Where one of these is damaged, git does nothing there.
_LEFT = "nothing else was repaired, until that is fixed"
_FATAL = ("HEAD", "config", "objects", "refs", "shallow", "packed-refs")


def revive(place: Path, *, fix: bool) -> Diagnosis | None:
    """Examine a git directory that cannot even be opened; with `fix`, mend what keeps it so.

    Return what was done; and what is wrong, unless `doctor` can open it now. None where it could
    be opened at once, or where `place`, a folder in it or its work tree, is in none at all.
    """
    folder = git_dir.locate(place)
    if folder is None or not folder.is_dir() or _opens(folder):
        return None
    if not os.access(folder, os.R_OK | os.X_OK):
        return Diagnosis((), unexamined=(not_allowed(f"'{folder}'"),))
    repairs = _Repairs()
    if fix:
        repairs.of_git(folder, git_dir.branch_of(folder))
        if _opens(folder):
            return repairs.put_into(Diagnosis(()))
        repairs.notes.append(_LEFT)
    found = examine_folder(folder)
    return None if found is None else repairs.put_into(found)


def _opens(folder: Path) -> bool:
    try:
        Repository.open(folder)
    except CannotWork:
        return False
    return True


def _refuse_other_repository(repository: Repository) -> None:
    """Refuse what was never a store: a repository of code must not get our hooks.

    There no commit of the branch holds a registry, nor did we ever write there.
    """
    if was_store(repository) or _has_registry(repository):
        return
    raise NotAStore(
        f"'{repository.work_tree or repository.common_dir}' is not a model store, and never was",
        hint="name the store with -C, or create one with `gms init`",
    )


def _has_registry(repository: Repository) -> bool:
    """Whether some commit of the branch that can be read holds a registry.json."""
    try:
        tip = repository.head(repository.branch)
        return tip is not None and any(
            repository.entry(commit.tree, REGISTRY) for commit in repository.first_parents(tip)
        )
    except StoreError:
        return False


class _Repairs:
    """What was done, and what could not be, a line each."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.notes: list[str] = []

    def put_into(self, found: Diagnosis) -> Diagnosis:
        return replace(found, repaired=tuple(self.done), notes=(*self.notes, *found.notes))

    def of_git(self, folder: Path, branch: str) -> None:
        """Set right what git itself stumbles over, where it is known what belongs there."""
        for flaw in git_dir.flaws(folder, branch):
            if not flaw.mend:
                self._attempt(f"{flaw.path} was left", _mended, folder, flaw)

    def of_store(self, repository: Repository, writer: Writer) -> None:
        attempt = self._attempt
        quiet = replace(writer, notify=self.notes.append)
        folder, wait = repository.common_dir, writer.wait_seconds
        repository.restore()
        with writer_lock.exclusive(folder, wait_seconds=wait, sharing=repository.sharing) as held:
            attempt("locks were not removed", _remove_locks, repository)
            attempt("refs were not restored", _restore_refs, repository)
            attempt("empty refs were not removed", _remove_refs, repository)
            attempt("the unfinished write was left", _recover, repository, held)
            if not has_branch(repository):
                attempt("the branch was left", move_forward, repository, quiet, held)
            attempt("HEAD was left", _restore_head, repository)
            attempt("the index was not rebuilt", _rebuild_indexes, repository)
            if _is_whole(repository):
                attempt("the branch was left", move_forward, repository, quiet, held)
                # Now, since a rebuilt registry takes the work trees with it.
                attempt("a work tree was left", _follow, repository, held)
        if _is_whole(repository):
            attempt("registry.json was not rebuilt", rebuild, repository, quiet)
        if _is_whole(repository) and not extent_of(repository).has_no_tags:
            with writer_lock.exclusive(folder, wait_seconds=wait):
                attempt("tags were not set", retag, repository, quiet)
        attempt("temporary files were not removed", _remove_temporaries, repository)
        attempt("git was not configured", _configure, repository)
        attempt("hooks were not installed", _install_hooks, repository)

    def _attempt(self, what: str, step: Callable[..., Iterable[str]], *args: object) -> None:
        """Take a step; what stops it, of whatever kind, stops no other."""
        try:
            for line in step(*args):  # what was done before a failure counts
                self.done.append(line)
        except Exception as error:  # damage takes any form, and the other steps must run
            self.notes.append(in_a_line(what, error))


def _mended(folder: Path, flaw: git_dir.Flaw) -> Iterator[str]:
    yield git_dir.mend(folder, flaw)


def _is_whole(repository: Repository) -> bool:
    """Whether the branch's history is here, as far as it was asked for."""
    return has_branch(repository) and extent_of(repository).lacks_history is None


def _remove_locks(repository: Repository) -> Iterator[str]:
    for old in git_dir.old_locks(repository):
        if not old.may_be_held:
            git_dir.remove(old.path)
            yield f"removed the lock {place_of(repository, old.path)}, which no process holds"


def _restore_refs(repository: Repository) -> Iterator[str]:
    """Give back to refs what packed-refs, their reflogs or the note of a dead writer know."""
    with CatFile(repository.common_dir, inherit=False) as objects:
        for ref in refs.damaged(repository):
            if refs.packed(repository, ref) and ref.startswith("refs/tags/"):
                refs.restore(repository, ref, None)
                yield f"removed an empty {ref}, which packed-refs has"
                continue
            values = known_values(repository, ref)
            known = next((oid for oid in values if is_whole(objects, oid)), None)
            if known is not None:
                refs.restore(repository, ref, known)
                logged = known in refs.logged(repository, ref)
                who = "its reflog" if logged else "the unfinished write"
                yield f"set {ref} to {known[:12]}, where {who} says that it was"


def _restore_head(repository: Repository) -> Iterator[str]:
    """Let a HEAD that names nothing name the store's branch, where nothing staged is lost."""
    place = repository.common_dir
    said = lost_head(repository, place)
    if said not in (None, repository.branch) and may_be_head(repository):
        worktree.point_head(repository)
        yield f"set HEAD to {repository.branch}: {said}, which it named, is not there"


def _rebuild_indexes(repository: Repository) -> Iterator[str]:
    """Make an index anew of the commit that is checked out; no file is touched."""
    for tree in trees_without_index(repository, repository.common_dir):
        worktree.stage_head(tree)
        yield f"rebuilt the index of {tree.folder} from the commit that is checked out"


def _remove_refs(repository: Repository) -> Iterator[str]:
    """Remove tags and remotes' refs that hold nothing, and of which nobody here knows more."""
    for ref in refs.damaged(repository):
        if ref.startswith((*REMOVABLE, f"{repository.branch}/")):
            refs.restore(repository, ref, None)
            yield f"removed {ref}, which was empty"


def _recover(repository: Repository, held: HeldLock) -> Iterator[str]:
    note = writer_lock.read(repository.common_dir)
    if note is None:
        return
    done: list[str] = []
    recover(repository, done.append, held)
    tip = repository.head(repository.branch)
    is_there = repository.find_commit(note.new) is not None
    finished = tip and is_there and repository.is_ancestor(note.new, tip)
    verb = "finished" if finished else "undid"
    yield f"{verb} the write of {note.new[:12]}, whose writer had died"
    yield from done


def _follow(repository: Repository, held: HeldLock) -> Iterator[str]:
    tip = repository.head(repository.branch)
    for lag in worktree.lags(repository):
        if tip is not None and lag.commit is not None:
            worktree.move(lag.tree, lag.commit, tip, lock=held)
            yield f"moved {lag.tree.folder} from {lag.commit[:12]} to the branch, {tip[:12]}"


def _remove_temporaries(repository: Repository) -> Iterator[str]:
    for path in git_dir.temporaries(repository):
        git_dir.remove(path)
        yield f"removed {place_of(repository, path)}, which had not been touched for a day"


def _configure(repository: Repository) -> Iterator[str]:
    if extent_of(repository).is_mirror:
        return
    lacking = unconfigured(repository)
    if lacking:
        repository.configure({name: CONFIGURED[name] for name in lacking})
        yield f"told git {', '.join(lacking)}"


def _install_hooks(repository: Repository) -> Iterator[str]:
    if not extent_of(repository).is_mirror and git_dir.absent(repository):
        yield f"installed the hooks {', '.join(git_dir.install(repository))}"
