"""Moving a work tree in this process, where nothing stands in the way.

A registration changes a handful of plain files, and starting git to write them
takes longer than all that git then does. What is done here is what `git read-tree
-m -u` does, in its order (index locked, files, index), under narrower conditions:
each file that is to change is, byte for byte, what the old commit says. Wherever
that is not so, nothing is touched and git is asked, whose refusal then says why.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gitmodelstore.errors import StoreError
from gitmodelstore.plumbing import index, index_lock, mapped
from gitmodelstore.plumbing.repository import Repository, writing
from gitmodelstore.plumbing.shared import Sharing
from gitmodelstore.plumbing.worktree import WorkTree
from gitmodelstore.values.objects import PLAIN_FILE

_FOLDER = 0o040000
_MOST_INDEX_BYTES = 1 << 17  # a larger one git reads faster than Python does


@dataclass(frozen=True, slots=True)
class _Change:
    """A file that differs between two commits; None where it does not exist.

    Attributes:
        path: with slashes, from the top.
        before: id of its blob in the old commit.
        after: id of its blob in the new one.
        content: what is to be written; None where that is read when it is.
    """

    path: str
    before: str | None
    after: str | None
    content: memoryview | None


class _AskGit(Exception):
    """Something is not as it must be here; nothing was changed."""


def move(repository: Repository, tree: WorkTree, old: str, new: str, *, until: float = 0.0) -> bool:
    """Bring index and files of a work tree from commit `old` to commit `new`.

    Args:
        repository, tree, old, new: what, from where, to where.
        until: how long to wait for a git that holds the index.

    Returns:
        False when git has to be asked: nothing was changed.

    Raises:
        CannotWrite: the disk does not take it; files of `new` may be there, with the
            index of `old`.
    """
    try:
        if os.name != "posix" or (tree.git_dir / "info" / "sparse-checkout").exists():
            raise _AskGit
        changes = list(_changes(repository, old, new))
        lock = index_lock.take(tree.git_dir, until=until, sharing=tree.sharing)
    except (_AskGit, OSError, StoreError):
        return False
    try:
        entries = _entries(tree, changes)
        with writing(tree.folder):
            for change in changes:
                _write(repository, tree, change, entries)
            _replace(tree.git_dir, lock, index.render(entries))
    except _AskGit:
        return False
    finally:
        index_lock.release(tree.git_dir)
    return True


def _changes(repository: Repository, old: str, new: str) -> Iterator[_Change]:
    """Yield what differs between two commits.

    Raises:
        _AskGit: something else than plain files and folders does.
        StoreError: it cannot be read here.
    """
    before, after = (repository.commit(commit).tree for commit in (old, new))
    yield from _below(repository, before, after, "")


def _below(
    repository: Repository, before: str | None, after: str | None, folder: str
) -> Iterator[_Change]:
    was, becomes = (repository.entries(tree) if tree else {} for tree in (before, after))
    for name in sorted(was.keys() | becomes.keys()):
        pair = (was.get(name), becomes.get(name))
        if pair[0] == pair[1]:
            continue
        path = folder + name
        modes = {entry.mode for entry in pair if entry}
        first, second = (entry.oid if entry else None for entry in pair)
        if modes == {_FOLDER}:
            yield from _below(repository, first, second, f"{path}/")
        elif modes == {PLAIN_FILE}:
            yield _Change(path, first, second, _small(repository, second, path))
        else:
            raise _AskGit


def _small(repository: Repository, oid: str | None, path: str) -> memoryview | None:
    """Return what a small file is to hold; of a large one there is no need to have it in memory."""
    if oid is None:
        return None
    with repository.stream(oid, path) as stream:
        return stream.held


def _replace(git_dir: Path, lock: Path, content: bytes) -> None:
    lock.write_bytes(content)
    lock.replace(git_dir / "index")


def _entries(tree: WorkTree, changes: list[_Change]) -> dict[str, index.Staged]:
    """Return what is staged, where index and files are as the changes start from.

    Raises:
        _AskGit: they are not, or only git can tell.
    """
    path = tree.git_dir / "index"
    try:
        written = path.stat()
        entries = index.read(path) if written.st_size <= _MOST_INDEX_BYTES else None
        if entries is None:
            raise _AskGit
        kept = entries.keys() - {change.path for change in changes}
        # A file that was changed in the second in which it was staged can look as it did: git
        # tells by the time of the index, which is about to become another.
        if any(entries[name].modified_at >= int(written.st_mtime) for name in kept):
            raise _AskGit
        if not _only_folders_lead_to(changes, tree.folder) or not all(
            _starts_there(tree.folder, change, entries, int(written.st_mtime)) for change in changes
        ):
            raise _AskGit
    except OSError:
        raise _AskGit from None
    return entries


def _starts_there(
    folder: Path, change: _Change, entries: Mapping[str, index.Staged], indexed_at: int
) -> bool:
    """Whether a file is as the old commit has it, staged and in the work tree."""
    file, entry = f"{folder}/{change.path}", entries.get(change.path)
    if change.before is None:
        return entry is None and not os.path.lexists(file)
    if entry is None or not entry.is_plain or entry.oid != change.before:
        return False
    found = os.lstat(file)
    if not stat.S_ISREG(found.st_mode) or found.st_mode & stat.S_IXUSR:
        return False
    if entry.modified_at < indexed_at and entry == index.staged(change.path, entry.oid, found):
        return True  # nothing has touched it since
    return _oid(Path(file).read_bytes()) == change.before


def _only_folders_lead_to(changes: list[_Change], folder: Path) -> bool:
    """Whether what stands on the way to the files are folders, or is yet to be made; no links."""
    above = {name for change in changes for name in _above(change.path)}
    for name in above:
        with suppress(FileNotFoundError):
            if not stat.S_ISDIR(os.lstat(f"{folder}/{name}").st_mode):
                return False
    return True


def _above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _oid(content: bytes) -> str:
    digest = hashlib.sha1(b"blob %d\0" % len(content), usedforsecurity=False)
    digest.update(content)
    return digest.hexdigest()


def _write(
    repository: Repository, tree: WorkTree, change: _Change, entries: dict[str, index.Staged]
) -> None:
    file = f"{tree.folder}/{change.path}"
    if change.before is not None:
        os.unlink(file)
    if change.after is None:
        del entries[change.path]
        with suppress(OSError):  # somebody keeps other things there
            os.removedirs(os.path.dirname(file))
        return
    descriptor = _create(file, tree.sharing)
    try:
        for rest in _content(repository, change):
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        tree.sharing.adjust(descriptor)
        entries[change.path] = index.staged(change.path, change.after, os.fstat(descriptor))
    finally:
        os.close(descriptor)


def _content(repository: Repository, change: _Change) -> Iterator[memoryview]:
    if change.content is not None:
        yield change.content
    elif change.after is not None:
        with repository.stream(change.after, change.path) as stream:
            yield from mapped.parts(stream)


def _create(file: str, sharing: Sharing) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        return os.open(file, flags, 0o666)
    except FileNotFoundError:
        sharing.make_folder(os.path.dirname(file))
        return os.open(file, flags, 0o666)
