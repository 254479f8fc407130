"""Repairing what can be repaired without guessing, then saying what is wrong.

Never a version is deleted, and uncommitted work is never touched. What is done here can
be done again: the second time there is nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from gitmodelstore.errors import NotAStore, StoreError
from gitmodelstore.operations.examine import (
    REMOVABLE,
    Diagnosis,
    examine,
    known_values,
    missing_drivers,
)
from gitmodelstore.operations.init import DRIVERS
from gitmodelstore.operations.publish import recover
from gitmodelstore.operations.rebuild import rebuild
from gitmodelstore.operations.retag import retag
from gitmodelstore.operations.writer import Writer
from gitmodelstore.plumbing import hooks, journal, lagging, leftovers, lock, worktree
from gitmodelstore.plumbing.lock import Held
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.layout import REGISTRY

_Step = Callable[[], Iterable[str]]


def doctor(repository: Repository, writer: Writer | None = None) -> Diagnosis:
    """Return what is wrong with a store's repository.

    Args:
        repository: the store; its branch, or its registry, may be unreadable.
        writer: who repairs first what can be; None writes nothing at all.

    Raises:
        NotAStore: it is the repository of something else.
        StoreBusy: another writer does not leave a gap; what was repaired until then is.
    """
    _refuse_other_repository(repository)
    if writer is None:
        return examine(repository)
    repaired, notes = _repair(repository, writer)
    found = examine(repository)
    return replace(found, repaired=tuple(repaired), notes=(*notes, *found.notes))


def _refuse_other_repository(repository: Repository) -> None:
    """Refuse what was never a store: a repository of code must not get our hooks.

    Raises:
        NotAStore: no commit of the branch holds a registry, nor did we ever write there.
    """
    if (repository.common_dir / lock.OWN_FOLDER).is_dir():
        return
    if len(missing_drivers(repository)) < len(DRIVERS) or _has_registry(repository):
        return
    raise NotAStore(
        f"'{repository.work_tree or repository.common_dir}' is no model store, and never was one",
        hint="name the store with -C, or make one with `gms init`",
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


def _repair(repository: Repository, writer: Writer) -> tuple[list[str], list[str]]:
    """Return what was done, and what could not be, a line each."""
    done: list[str] = []
    notes: list[str] = []

    def attempt(what: str, step: _Step) -> None:
        try:
            for line in step():  # what was done before a failure counts
                done.append(line)
        except StoreError as error:
            hint = f"; {error.hint}" if error.hint else ""
            notes.append(f"{what}: {error}{hint}")

    quiet = replace(writer, notify=notes.append)
    repository.restore()
    with lock.exclusive(
        repository.common_dir, wait_seconds=writer.wait_seconds, sharing=repository.sharing
    ) as held:
        attempt("locks were not removed", lambda: _remove_locks(repository))
        attempt("refs were not restored", lambda: _restore_refs(repository))
        attempt("empty refs were not removed", lambda: _remove_refs(repository))
        attempt("the unfinished write was left", lambda: _recover(repository, held))
        if _has_branch(repository):  # first: a rebuilt registry takes the work trees with it
            attempt("a work tree was left", lambda: _follow(repository, held))
    if _has_branch(repository):
        attempt("registry.json was not rebuilt", lambda: rebuild(repository, quiet))
        with lock.exclusive(repository.common_dir, wait_seconds=writer.wait_seconds):
            attempt("tags were not set", lambda: retag(repository, quiet))
    attempt("temporary files were not removed", lambda: _remove_temporaries(repository))
    attempt("drivers were not configured", lambda: _configure(repository))
    attempt("hooks were not installed", lambda: _install_hooks(repository))
    return done, notes


def _has_branch(repository: Repository) -> bool:
    try:
        return repository.head(repository.branch) is not None
    except StoreError:
        return False


def _remove_locks(repository: Repository) -> Iterable[str]:
    for old in leftovers.old_locks(repository):
        if not old.may_be_held:
            leftovers.remove(old.path)
            yield f"removed the lock {_place(repository, old.path)}, which nobody holds"


def _restore_refs(repository: Repository) -> Iterable[str]:
    """Give back to refs what packed-refs, their reflogs or the note of a dead writer know."""
    for ref in leftovers.damaged_refs(repository):
        if leftovers.packed(repository, ref) and ref.startswith("refs/tags/"):
            leftovers.restore_ref(repository, ref, None)
            yield f"removed an empty {ref}, which packed-refs has"
            continue
        known = next(
            (oid for oid in known_values(repository, ref) if _is_whole(repository, oid)), None
        )
        if known is not None:
            leftovers.restore_ref(repository, ref, known)
            logged = known in leftovers.logged(repository, ref)
            who = "its reflog" if logged else "the unfinished write"
            yield f"set {ref} to {known[:12]}, where {who} says that it stood"


def _is_whole(repository: Repository, oid: str) -> bool:
    """Whether a commit and its folders are here: the power may have gone before they were."""
    try:
        tree = repository.commit(oid).tree
        for name, entry in repository.entries(tree).items():
            if entry.mode == 0o040000:
                repository.entries(tree, name)
    except StoreError:
        return False
    return True


def _remove_refs(repository: Repository) -> Iterable[str]:
    """Remove tags and remotes' refs that hold nothing, and of which nobody here knows more."""
    for ref in leftovers.damaged_refs(repository):
        if ref.startswith(REMOVABLE):
            leftovers.restore_ref(repository, ref, None)
            yield f"removed {ref}, which held nothing"


def _recover(repository: Repository, held: Held) -> Iterable[str]:
    note = journal.read(repository.common_dir)
    if note is None:
        return []
    done: list[str] = []
    recover(repository, done.append, held)
    tip = repository.head(repository.branch)
    is_there = repository.find_commit(note.new) is not None
    finished = tip and is_there and repository.is_ancestor(note.new, tip)
    verb = "finished" if finished else "undid"
    return [f"{verb} the write of {note.new[:12]}, whose writer had died", *done]


def _follow(repository: Repository, held: Held) -> Iterable[str]:
    tip = repository.head(repository.branch)
    for lag in lagging.lags(repository):
        if tip is not None and lag.commit is not None:
            worktree.move(lag.tree, lag.commit, tip, lock=held)
            yield f"moved {lag.tree.folder} from {lag.commit[:12]} to the branch, {tip[:12]}"


def _remove_temporaries(repository: Repository) -> Iterable[str]:
    for path in leftovers.temporaries(repository):
        leftovers.remove(path)
        yield f"removed {_place(repository, path)}, which nobody had touched for a day"


def _configure(repository: Repository) -> Iterable[str]:
    lacking = missing_drivers(repository)
    if lacking:
        repository.configure({name: DRIVERS[name] for name in lacking})
        yield f"told git {', '.join(lacking)}"


def _install_hooks(repository: Repository) -> Iterable[str]:
    if hooks.absent(repository):
        yield f"installed the hooks {', '.join(hooks.install(repository))}"


def _place(repository: Repository, path: object) -> str:
    return str(path).removeprefix(f"{repository.common_dir}/")
