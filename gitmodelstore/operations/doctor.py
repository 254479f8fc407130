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
from functools import partial
from pathlib import Path

from gitmodelstore.errors import CannotWork, CannotWrite, NotAStore, StoreError
from gitmodelstore.operations.examine import (
    REMOVABLE,
    Diagnosis,
    can_judge,
    examine,
    examine_folder,
    known_values,
    lost_head,
    may_be_head,
    trees_without_index,
)
from gitmodelstore.operations.init import CONFIGURED, unconfigured
from gitmodelstore.operations.mend import is_whole, move_forward, rebuild, retag
from gitmodelstore.operations.publish import recover
from gitmodelstore.operations.snapshot import Writer, was_store
from gitmodelstore.plumbing import git_dir, worktree, writer_lock
from gitmodelstore.plumbing.cat_file import CatFile, Extent, extent
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.writer_lock import HeldLock
from gitmodelstore.values.names import REGISTRY

_Step = Callable[[], Iterable[str]]
_Findings = tuple[list[str], list[str]]  # what was done, and what could not be, a line each


def doctor(repository: Repository, writer: Callable[[], Writer] | None = None) -> Diagnosis:
    """Return what is wrong with a store's repository; raises as `Store.doctor`.

    Args:
        repository: the store; its branch, or its registry, may be unreadable.
        writer: says who repairs first what can be; None writes nothing at all.
    """
    _refuse_other_repository(repository)
    if writer is None:
        return examine(repository)
    folder = repository.common_dir
    repaired, notes = _mend(folder, repository.branch)
    if repaired:  # what is held of the damaged files is out of date
        repository = Repository.open(repository.work_tree or folder)
    fatal = any(flaw.path in _FATAL for flaw in git_dir.flaws(folder, repository.branch))
    if fatal or not can_judge(git_dir.unreadable(folder)):
        notes.append(_LEFT)
    else:
        try:
            further, left = _repair(repository, writer())
        except CannotWrite as error:  # not even the lock
            further, left = [], [f"nothing was repaired: {error}"]
        repaired, notes = [*repaired, *further], [*notes, *left]
    found = examine(repository)
    return replace(found, repaired=tuple(repaired), notes=(*notes, *found.notes))


# Where one of these is damaged, git does nothing there.
_LEFT = "nothing else was repaired, until that is fixed"
_FATAL = ("HEAD", "config", "objects", "refs", "shallow", "packed-refs")


def revive(place: Path, *, fix: bool) -> Diagnosis | None:
    """Examine a git directory that cannot even be opened; with `fix`, mend what keeps it so.

    Args:
        place: a folder in it, or in its work tree.
        fix: whether to mend what can be; the rest is for `doctor`, when it can be opened.

    Returns:
        What was done; and what is wrong, unless it can be opened now. None where it can be
        opened at once, or is no git directory at all.

    Raises:
        StoreError: it cannot be examined.
    """
    folder = git_dir.locate(place)
    if folder is None or not folder.is_dir() or _opens(folder):
        return None
    if not os.access(folder, os.R_OK | os.X_OK):
        closed = f"'{folder}': you are not allowed to read it: check its permissions"
        return Diagnosis((), unexamined=(closed,))
    repaired: list[str] = []
    notes: list[str] = []
    if fix:
        repaired, notes = _mend(folder, git_dir.branch_of(folder))
        if _opens(folder):
            return Diagnosis((), repaired=tuple(repaired), notes=tuple(notes))
        notes.append(_LEFT)
    found = examine_folder(folder)
    if found is None:
        return None
    return replace(found, repaired=tuple(repaired), notes=(*notes, *found.notes))


def _opens(folder: Path) -> bool:
    try:
        Repository.open(folder)
    except CannotWork:
        return False
    return True


def _mend(folder: Path, branch: str) -> _Findings:
    """Set right what git itself stumbles over, where it is known what belongs there."""
    done: list[str] = []
    notes: list[str] = []
    for flaw in git_dir.flaws(folder, branch):
        if not flaw.mend:
            _attempt(f"{flaw.path} was left", partial(_mended, folder, flaw), done, notes)
    return done, notes


def _mended(folder: Path, flaw: git_dir.Flaw) -> Iterator[str]:
    yield git_dir.mend(folder, flaw)


def _attempt(what: str, step: _Step, done: list[str], notes: list[str]) -> None:
    """Take a step; what stops it, of whatever kind, stops no other."""
    try:
        for line in step():  # what was done before a failure counts
            done.append(line)
    except Exception as error:  # damage takes any form, and the other steps must run
        hint = getattr(error, "hint", None)
        notes.append(f"{what}: {' '.join(str(error).split())}{f'; {hint}' if hint else ''}")


def _refuse_other_repository(repository: Repository) -> None:
    """Refuse what was never a store: a repository of code must not get our hooks.

    Raises:
        NotAStore: no commit of the branch holds a registry, nor did we ever write there.
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


def _repair(repository: Repository, writer: Writer) -> _Findings:
    """Return what was done, and what could not be."""
    done: list[str] = []
    notes: list[str] = []

    def attempt(what: str, step: _Step) -> None:
        _attempt(what, step, done, notes)

    quiet = replace(writer, notify=notes.append)
    repository.restore()
    with writer_lock.exclusive(
        repository.common_dir, wait_seconds=writer.wait_seconds, sharing=repository.sharing
    ) as held:
        attempt("locks were not removed", lambda: _remove_locks(repository))
        attempt("refs were not restored", lambda: _restore_refs(repository))
        attempt("empty refs were not removed", lambda: _remove_refs(repository))
        attempt("the unfinished write was left", lambda: _recover(repository, held))
        if not _has_branch(repository):
            attempt("the branch was left", lambda: move_forward(repository, quiet, held))
        attempt("HEAD was left", lambda: _restore_head(repository))
        attempt("the index was not rebuilt", lambda: _rebuild_indexes(repository))
        if _is_whole(repository):
            attempt("the branch was left", lambda: move_forward(repository, quiet, held))
            # Now, since a rebuilt registry takes the work trees with it.
            attempt("a work tree was left", lambda: _follow(repository, held))
    if _is_whole(repository):
        attempt("registry.json was not rebuilt", lambda: rebuild(repository, quiet))
    if _is_whole(repository) and not _extent(repository).has_no_tags:
        with writer_lock.exclusive(repository.common_dir, wait_seconds=writer.wait_seconds):
            attempt("tags were not set", lambda: retag(repository, quiet))
    attempt("temporary files were not removed", lambda: _remove_temporaries(repository))
    attempt("git was not configured", lambda: _configure(repository))
    attempt("hooks were not installed", lambda: _install_hooks(repository))
    return done, notes


def _is_whole(repository: Repository) -> bool:
    """Whether the branch's history is here, as far as it was asked for."""
    if not _has_branch(repository):
        return False
    return _extent(repository).lacks_history is None


def _extent(repository: Repository) -> Extent:
    with CatFile(repository.common_dir, inherit=False) as objects:
        return extent(objects)


def _has_branch(repository: Repository) -> bool:
    try:
        return repository.head(repository.branch) is not None
    except StoreError:
        return False


def _remove_locks(repository: Repository) -> Iterable[str]:
    for old in writer_lock.old_locks(repository):
        if not old.may_be_held:
            writer_lock.remove(old.path)
            yield f"removed the lock {_place(repository, old.path)}, which no process holds"


def _restore_refs(repository: Repository) -> Iterable[str]:
    """Give back to refs what packed-refs, their reflogs or the note of a dead writer know."""
    with CatFile(repository.common_dir, inherit=False) as objects:
        for ref in writer_lock.damaged_refs(repository):
            if writer_lock.packed(repository, ref) and ref.startswith("refs/tags/"):
                writer_lock.restore_ref(repository, ref, None)
                yield f"removed an empty {ref}, which packed-refs has"
                continue
            values = known_values(repository, ref)
            known = next((oid for oid in values if is_whole(objects, oid)), None)
            if known is not None:
                writer_lock.restore_ref(repository, ref, known)
                logged = known in writer_lock.logged(repository, ref)
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


def _remove_refs(repository: Repository) -> Iterable[str]:
    """Remove tags and remotes' refs that hold nothing, and of which nobody here knows more."""
    for ref in writer_lock.damaged_refs(repository):
        if ref.startswith((*REMOVABLE, f"{repository.branch}/")):
            writer_lock.restore_ref(repository, ref, None)
            yield f"removed {ref}, which was empty"


def _recover(repository: Repository, held: HeldLock) -> Iterable[str]:
    note = writer_lock.read(repository.common_dir)
    if note is None:
        return []
    done: list[str] = []
    recover(repository, done.append, held)
    tip = repository.head(repository.branch)
    is_there = repository.find_commit(note.new) is not None
    finished = tip and is_there and repository.is_ancestor(note.new, tip)
    verb = "finished" if finished else "undid"
    return [f"{verb} the write of {note.new[:12]}, whose writer had died", *done]


def _follow(repository: Repository, held: HeldLock) -> Iterable[str]:
    tip = repository.head(repository.branch)
    for lag in worktree.lags(repository):
        if tip is not None and lag.commit is not None:
            worktree.move(lag.tree, lag.commit, tip, lock=held)
            yield f"moved {lag.tree.folder} from {lag.commit[:12]} to the branch, {tip[:12]}"


def _remove_temporaries(repository: Repository) -> Iterable[str]:
    for path in writer_lock.temporaries(repository):
        writer_lock.remove(path)
        yield f"removed {_place(repository, path)}, which had not been touched for a day"


def _configure(repository: Repository) -> Iterable[str]:
    if _extent(repository).is_mirror:
        return
    lacking = unconfigured(repository)
    if lacking:
        repository.configure({name: CONFIGURED[name] for name in lacking})
        yield f"told git {', '.join(lacking)}"


def _install_hooks(repository: Repository) -> Iterable[str]:
    if not _extent(repository).is_mirror and git_dir.absent(repository):
        yield f"installed the hooks {', '.join(git_dir.install(repository))}"


def _place(repository: Repository, path: object) -> str:
    return str(path).removeprefix(f"{repository.common_dir}/")
