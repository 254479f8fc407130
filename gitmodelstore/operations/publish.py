"""The write path: how one commit and its tags become visible, all or nothing.

Order, under the writer lock: what a dead writer left is finished; the branch is
read; trees, commit and tag objects are written (nothing names them yet); a note
is left; the work trees that have the branch checked out move; everything is made
durable; the branch moves by compare-and-swap; the tags are set; the note goes.

The work trees move before the branch, not after: a process that dies in between
leaves the new version staged, which the next writer undoes. The other way round
it would leave the reverse staged, and a `git commit -a` by hand would silently
revert the version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from gitmodelstore.checks.registry import registry_faults
from gitmodelstore.errors import (
    FormatError,
    LifecycleError,
    LocalChanges,
    StoreBusy,
    VersionExists,
)
from gitmodelstore.operations.snapshot import Snapshot, registries
from gitmodelstore.plumbing import disk, journal, lock, refs, worktree
from gitmodelstore.plumbing.identity import Identity
from gitmodelstore.plumbing.repository import PLAIN_FILE, Entry, Repository
from gitmodelstore.values.layout import MODELS, REGISTRY
from gitmodelstore.values.registry import Registry

_FOLDER = 0o040000
_MOST_TRIES = 20


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, when, and how carefully.

    Attributes:
        author, committer: as git knows them.
        when: the moment that the commit will bear.
        notify: takes what the caller should be told besides the result.
        durable: whether to return only when it is on disk.
        wait_seconds: how long to wait for another writer.
    """

    author: Identity
    committer: Identity
    when: datetime
    notify: Callable[[str], None]
    durable: bool = True
    wait_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Draft:
    """What one commit is to change.

    Attributes:
        message: of the commit.
        registry: the new registry.
        folders: model to the tree that replaces its folder.
        tags: name to message of the annotated tags to set on the commit.
    """

    message: str
    registry: Registry
    folders: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def publish(
    repository: Repository, writer: Writer, draft: Callable[[Snapshot], Draft | None]
) -> Snapshot:
    """Commit what `draft` makes of the store as it stands, and return the store after it.

    Args:
        repository: the store.
        writer: who, when, how.
        draft: called under the lock, again when plain git moved the branch in the
            meantime; None means that there is nothing to do.

    Raises:
        StoreBusy: other writers did not leave a gap.
        LocalChanges: uncommitted work is in the way; nothing was changed.
        LifecycleError, FormatError: the result would not be a sound store.
        CannotWrite: the disk does not take it.
    """
    with lock.exclusive(repository.common_dir, wait_seconds=writer.wait_seconds):
        recover(repository, writer.notify)
        for _ in range(_MOST_TRIES):
            snapshot = Snapshot.now(repository)
            wanted = draft(snapshot)
            if wanted is None:
                return snapshot
            _validate(snapshot, wanted)
            commit = _write_commit(snapshot, wanted, writer)
            tags = _write_tags(repository, commit, wanted, writer)
            if _swap(snapshot, commit, tags, wanted, writer):
                return Snapshot(repository, repository.commit(commit))
    raise StoreBusy(
        f"{repository.branch} moved {_MOST_TRIES} times while this was being written",
        hint="try again when the other git processes have finished",
    )


def recover(repository: Repository, notify: Callable[[str], None]) -> None:
    """Finish or undo what a dead writer began. Call it under the writer lock.

    Raises:
        LocalChanges: a work tree that has to follow holds uncommitted changes.
    """
    note = journal.read(repository.common_dir)
    if note is None:
        return
    tip = repository.head(repository.branch)
    if tip == note.old:
        _move(repository, note.folders, note.new, note.old)
    elif tip == note.new:
        _move(repository, note.folders, note.old, note.new)
    held = tip is not None and tip != note.old
    if held and repository.find_commit(note.new) and repository.is_ancestor(note.new, tip or ""):
        for name, oid in note.tags.items():
            if refs.create_tag(repository, name, oid):
                notify(f"set tag {name}, which an interrupted write had left out")
    journal.clear(repository.common_dir)


def _validate(snapshot: Snapshot, wanted: Draft) -> None:
    found = list(registry_faults(snapshot.registry, wanted.registry, snapshot.policy))
    if found:
        raise LifecycleError(found[0])
    for name in wanted.tags:
        if snapshot.repository.ref(f"refs/tags/{name}"):
            raise VersionExists(
                f"tag '{name}' exists, but the branch holds no such version",
                hint=f"see what it is with `git show {name}`; a version number is never used twice",
            )


def _write_commit(snapshot: Snapshot, wanted: Draft, writer: Writer) -> str:
    repository = snapshot.repository
    root = snapshot.commit.tree
    rendered = wanted.registry.render()
    registry = repository.write_blob(rendered)
    registries.put(registry, wanted.registry)
    changes = {REGISTRY: Entry(PLAIN_FILE, registry)}
    if wanted.folders:
        models = repository.entry(root, MODELS)
        if models is not None and models.mode != _FOLDER:
            raise FormatError(f"{MODELS} is not a folder", path=MODELS)
        folders = {model: Entry(_FOLDER, tree) for model, tree in wanted.folders.items()}
        tree = repository.write_tree(models.oid if models else None, folders)
        changes[MODELS] = Entry(_FOLDER, tree)
    return repository.write_commit(
        repository.write_tree(root, changes),
        (snapshot.commit.oid,),
        wanted.message,
        author=writer.author,
        committer=writer.committer,
        when=writer.when,
    )


def _write_tags(
    repository: Repository, commit: str, wanted: Draft, writer: Writer
) -> dict[str, str]:
    return {
        name: repository.write_tag(name, commit, message, tagger=writer.committer, when=writer.when)
        for name, message in wanted.tags.items()
    }


def _swap(
    snapshot: Snapshot, commit: str, tags: dict[str, str], wanted: Draft, writer: Writer
) -> bool:
    """Make a written commit the store's; return False, all undone, when the branch had moved."""
    repository = snapshot.repository
    old = snapshot.commit.oid
    trees = worktree.on_branch(repository)
    worktree.check(trees)
    folders = tuple(str(tree.folder) for tree in trees)
    journal.write(repository.common_dir, journal.Note(old, commit, tags, folders))
    try:
        moved = _follow_and_advance(repository, trees, old, commit, wanted, writer)
    except BaseException:
        recover(repository, writer.notify)
        raise
    if not moved:
        _move(repository, folders, commit, old)
        journal.clear(repository.common_dir)
        return False
    for name, oid in tags.items():
        refs.create_tag(repository, name, oid)
    journal.clear(repository.common_dir)
    if repository.work_tree and not trees:
        name = repository.branch.removeprefix("refs/heads/")
        writer.notify(f"'{name}' is not checked out here: the work tree was left alone")
    return True


def _follow_and_advance(
    repository: Repository,
    trees: tuple[worktree.WorkTree, ...],
    old: str,
    commit: str,
    wanted: Draft,
    writer: Writer,
) -> bool:
    """Move the work trees, sync beside that, then move the branch."""
    running = [(tree, worktree.start(tree, old, commit)) for tree in trees]
    try:
        if writer.durable:
            disk.sync(repository.common_dir)
    finally:
        refused = [error for tree, process in running if (error := _outcome(tree, process))]
    if refused:
        raise refused[0]
    return refs.advance(
        repository,
        old,
        commit,
        who=writer.committer,
        when=writer.when,
        what=wanted.message.partition("\n")[0],
        durable=writer.durable,
    )


def _outcome(tree: worktree.WorkTree, process: worktree.Process) -> Exception | None:
    try:
        worktree.finish(tree, process)
    except LocalChanges as error:
        return error
    return None


def _move(repository: Repository, folders: tuple[str, ...], old: str, new: str) -> None:
    """Bring the noted work trees that still have the branch from one commit to another."""
    for tree in worktree.on_branch(repository):
        if str(tree.folder) in folders and Path(tree.folder).is_dir():
            worktree.finish(tree, worktree.start(tree, old, new))
