"""Repair what can be repaired without guessing, then say what is wrong.

No version is ever deleted, and uncommitted work is never touched. A second run has nothing to do.
What git itself stumbles over comes first, since nothing else can be repaired before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from gitmodelstore.checks.fault import Fault
from gitmodelstore.errors import CannotWork, CannotWrite, NotAStore, StoreError, is_of_handler
from gitmodelstore.lean import replace
from gitmodelstore.operations.examine import (
    Cure,
    Diagnosis,
    can_judge,
    damaged_refs,
    drivers,
    examine,
    examine_folder,
    has_branch,
    heads,
    hooks,
    in_a_line,
    indexes,
    lags,
    locks,
    not_allowed,
    temporaries,
)
from gitmodelstore.operations.mend import find_tags, move_forward, rebuild, retag
from gitmodelstore.operations.publish import recover
from gitmodelstore.operations.snapshot import Writer, was_store
from gitmodelstore.plumbing import checkout, git_dir, writer_lock
from gitmodelstore.plumbing.cat_file import CatFile, extent
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.writer_lock import HeldLock
from gitmodelstore.values.names import REGISTRY


def doctor(repository: Repository, writer: Callable[[], Writer] | None = None) -> Diagnosis:
    """Return what is wrong with a store, as `Store.doctor`; `writer` None writes nothing."""
    _refuse_other_repository(repository)
    if writer is None:
        return examine(repository)
    folder = repository.common_dir
    repairs = _Repairs()
    flaws = repairs.of_git(folder, repository.branch)
    if repairs.done:  # what is held of the damaged files is out of date
        repository = Repository.open(repository.work_tree or folder)
    if any(flaw.path in _FATAL for flaw in flaws) or not can_judge(git_dir.unreadable(folder)):
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
    """Examine, and with `fix` mend, a git directory that cannot be opened; None if it can be."""
    folder = checkout.locate(place)
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
    diagnosis = examine_folder(folder)
    return None if diagnosis is None else repairs.put_into(diagnosis)


def _opens(folder: Path) -> bool:
    try:
        Repository.open(folder)
    except CannotWork:
        return False
    return True


def _refuse_other_repository(repository: Repository) -> None:
    """Refuse what was never a store: a repository of code must not get our hooks."""
    has_registry = False
    with suppress(StoreError):
        tip = repository.head(repository.branch)
        commits = repository.first_parents(tip) if tip is not None else ()
        has_registry = any(repository.entry(commit.tree, REGISTRY) for commit in commits)
    if not has_registry and not was_store(repository):
        place = repository.work_tree or repository.common_dir
        raise NotAStore(
            f"'{place}' is not a model store, and never was",
            hint="name the store with -C, or create one with `gms init`",
        )


class _Repairs:
    """What was done, and what could not be, a line each."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.notes: list[str] = []
        self._lost_refs = False

    def put_into(self, diagnosis: Diagnosis) -> Diagnosis:
        return replace(diagnosis, repaired=tuple(self.done), notes=(*self.notes, *diagnosis.notes))

    def of_git(self, folder: Path, branch: str) -> list[git_dir.Flaw]:
        """Set right what git itself stumbles over, as far as is known how; return what is left."""

        def mend(flaw: git_dir.Flaw) -> Iterator[str]:
            yield git_dir.mend(folder, flaw)

        flaws = git_dir.flaws(folder, branch)
        self._lost_refs = any(flaw.path == "packed-refs" for flaw in flaws)
        for flaw in flaws:
            if not flaw.mend:
                self._attempt(f"{flaw.path} was left", mend, flaw)
        return git_dir.flaws(folder, branch) if self.done else flaws

    def of_store(self, repository: Repository, writer: Writer) -> None:
        attempt = self._attempt
        quiet = replace(writer, notify=self.notes.append)
        folder, wait = repository.common_dir, writer.wait_seconds
        with CatFile(folder, inherit=False) as objects:
            clone, has_tags = extent(objects), bool(objects.tags)

        def is_whole() -> bool:
            """Whether the branch's history is here, as far as it was asked for."""
            return has_branch(repository) and clone.lacks_history is None

        repository.restore()
        with writer_lock.exclusive(folder, wait_seconds=wait, sharing=repository.sharing) as lock:
            attempt("locks were not removed", locks, repository)
            attempt("refs were not restored", damaged_refs, repository)
            attempt("the unfinished write was left alone", _recover, repository, lock)
            lost_refs = self._lost_refs or not has_tags or not has_branch(repository)
            if not has_branch(repository):
                attempt("the branch was left alone", move_forward, repository, quiet, lock)
            if lost_refs:
                attempt("tags were not found again", find_tags, repository)
            if not has_branch(repository):
                attempt("the branch was left alone", move_forward, repository, quiet, lock)
            attempt("HEAD was left", heads, repository, folder)
            attempt("the index was not rebuilt", indexes, repository, folder)
            if is_whole():
                attempt("the branch was left alone", move_forward, repository, quiet, lock)
                attempt("refs were not restored", damaged_refs, repository)  # of what came back
                attempt("HEAD was left", heads, repository, folder)
                # Now, since a rebuilt registry takes the work trees with it.
                attempt("a work tree was left alone", lags, repository, lock)
        if is_whole():
            attempt("registry.json was not rebuilt", rebuild, repository, quiet)
        if is_whole() and not clone.has_no_tags:
            with writer_lock.exclusive(folder, wait_seconds=wait):
                attempt("tags were not set", retag, repository, quiet)
        attempt("temporary files were not removed", temporaries, repository)
        if not clone.is_mirror:
            attempt("git was not configured", drivers, repository)
            attempt("hooks were not installed", hooks, repository)

    def _attempt(
        self, what: str, step: Callable[..., Iterable[str | Fault | Cure]], *args: object
    ) -> None:
        """Take a step, or repair what it finds; what stops it stops no other."""
        try:
            for one in step(*args):  # what was done before a failure counts
                if isinstance(one, Cure):
                    one.repair()
                done = one.done if isinstance(one, Cure) else one
                if done and isinstance(done, str):
                    self.done.append(done)
        except Exception as error:  # damage takes any form, and the other steps must run
            if is_of_handler(error):
                raise
            self.notes.append(in_a_line(what, error))


def _recover(repository: Repository, lock: HeldLock) -> Iterator[str]:
    note = writer_lock.read(repository.common_dir)
    if note is None:
        return
    done: list[str] = []
    recover(repository, done.append, lock)
    tip = repository.head(repository.branch)
    is_there = repository.find_commit(note.new) is not None
    finished = tip and is_there and repository.is_ancestor(note.new, tip)
    verb = "finished" if finished else "undid"
    yield f"{verb} the write of {note.new[:12]}, which was interrupted"
    yield from done
