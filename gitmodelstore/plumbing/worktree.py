"""The work trees that have the store's branch checked out, and how they follow it.

pygit2 neither reads sparse and split indexes nor knows what is staged beside us,
so the index and the files are moved by `git read-tree -m -u`, which looks for
uncommitted work first and refuses to touch it, then writes the files, then the index.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gitmodelstore.errors import CannotWrite, GitFailed, LocalChanges
from gitmodelstore.plumbing import git, index, index_lock
from gitmodelstore.plumbing.disk import put
from gitmodelstore.plumbing.lock import Held
from gitmodelstore.plumbing.repository import Repository, writing
from gitmodelstore.plumbing.shared import UNSHARED, Sharing

Process = subprocess.Popen[bytes]

# Files of a git directory that say an operation is half done, and what ends it.
_IN_PROGRESS = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply/applying": "am",
    "rebase-apply": "rebase",
}

# How git says, in its C locale, what kept it from writing; all else that it says before it
# begins to write is uncommitted work.
_NOT_TAKEN = (
    "No space left",
    "Out of diskspace",
    "Disk quota exceeded",
    "File too large",
    "Permission denied",
    "Read-only file system",
    "Input/output error",
)
_IN_THE_WAY = ("would be overwritten", "would be removed", "would lose untracked", "not uptodate")


@dataclass(frozen=True, slots=True)
class WorkTree:
    """A folder with files, and the git directory that holds its index.

    Attributes:
        folder, git_dir: the two.
        sharing: who else uses them.
    """

    folder: Path
    git_dir: Path
    sharing: Sharing = UNSHARED


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
                    f"{'an' if name[0] == 'a' else 'a'} {name} is in progress in '{tree.folder}'",
                    hint=f"finish it or run `git {name} --abort` there, then try again",
                )


def start(tree: WorkTree, old: str, new: str, *, lock: Held) -> Process:
    """Start to bring index and files of a work tree from commit `old` to commit `new`.

    It leaves alone what differs in neither; where it has already happened it changes
    nothing. What stops it halfway (a full disk, a filter that fails) leaves files of
    `new` and the index of `old`: `mend`.

    Args:
        tree, old, new: what, from where, to where.
        lock: of the writer, which is held until this has finished, come what may.

    Raises:
        LocalChanges: a process of git held the index all the time that there is to wait;
            nothing was changed.
        CannotWrite: the index cannot be locked.
    """
    return _start(tree, (*_pointers(), "read-tree", "-m", "-u", old, new), lock)


def _start(tree: WorkTree, command: tuple[str, ...], lock: Held) -> Process:
    """Lock the index of a work tree, and start a git that works on it; `_wait` ends it."""
    try:
        with writing(tree.folder):
            index_lock.take(tree.git_dir, until=lock.until, sharing=tree.sharing)
            try:
                aside = index_lock.set_aside(tree.git_dir)
            except BaseException:  # a full disk too must leave no lock
                index_lock.release(tree.git_dir)
                raise
    except CannotWrite as error:
        if isinstance(error.__cause__, FileExistsError):
            raise LocalChanges(
                f"another git process is at work in '{tree.folder}'",
                hint=f"wait for it; if there is none, remove '{tree.git_dir / 'index.lock'}'",
            ) from None
        raise
    try:
        return git.start(
            command,
            tree.folder,
            to_the_end=True,
            holding=(lock.descriptor,),
            index=aside,
            umask=tree.sharing.umask(),
        )
    except BaseException:  # Ctrl-C too must leave no lock
        index_lock.release(tree.git_dir)
        raise


def populate(tree: WorkTree, commit: str) -> None:
    """Write the files of a commit into an empty work tree, and stage them."""
    git.run(
        *("read-tree", "-m", "-u", commit),
        cwd=tree.folder,
        to_the_end=True,
        umask=tree.sharing.umask(),
    )


def point_head(repository: Repository) -> None:
    """Let HEAD name the store's branch; index and files stay as they are.

    `git symbolic-ref` would log what HEAD named, of which `git fsck` complains ever after.

    Raises:
        CannotWrite: the disk does not take it.
    """
    path = repository.common_dir / "HEAD"
    with writing(path):
        put(path, (f"ref: {repository.branch}\n".encode(),), sharing=repository.sharing)


def stage_head(tree: WorkTree) -> None:
    """Make the index of a work tree anew of the commit that is checked out; no file is touched.

    Raises:
        GitFailed: nothing is checked out, or git cannot write it.
    """
    git.run("read-tree", "--reset", "HEAD", cwd=tree.folder)
    if git.setting("core.sparseCheckout", tree.folder, kind="bool") == "true":
        git.run("sparse-checkout", "reapply", cwd=tree.folder)
    with suppress(GitFailed):  # where files differ, it says so by its status
        git.run("update-index", "-q", "--refresh", cwd=tree.folder)


def move(tree: WorkTree, old: str, new: str, *, lock: Held) -> None:
    """Start, and finish: bring a work tree from commit `old` to commit `new`.

    Raises:
        LocalChanges, CannotWrite, GitFailed: as in `finish`.
    """
    finish(tree, start(tree, old, new, lock=lock), old, new, lock=lock)


def finish(tree: WorkTree, process: Process, old: str, new: str, *, lock: Held) -> None:
    """Wait for what `start` began with the same arguments.

    A file that was touched, or copied with its folder, looks changed by its times
    alone; git looks at the content when its index is refreshed, and so do we, but
    only then.

    Raises:
        LocalChanges: uncommitted work, or a lock of git, is in the way; nothing was changed.
        CannotWrite, GitFailed: it was stopped, perhaps halfway.
    """
    try:
        _wait(tree, process)
    except LocalChanges:
        _end(tree, _start(tree, (*_pointers(), "update-index", "-q", "--refresh"), lock))
        _wait(tree, start(tree, old, new, lock=lock))


def _wait(tree: WorkTree, process: Process) -> None:
    """Wait for a git that writes files.

    Raises:
        LocalChanges: uncommitted work is in the way; nothing was changed.
        CannotWrite, GitFailed: it was stopped, perhaps halfway.
    """
    said = _end(tree, process)
    if process.returncode == 0:
        return
    if any(mark in said for mark in _NOT_TAKEN):
        raise CannotWrite(
            f"cannot write to '{tree.folder}': {_first_line(said)}",
            hint="check the free space and the permissions of that folder",
        )
    if not any(mark in said for mark in _IN_THE_WAY):
        raise GitFailed(
            f"the work tree '{tree.folder}' cannot follow: "
            f"{_first_line(said) or f'exit status {process.returncode}'}",
            command="git read-tree",
            stderr=said,
            hint="see what is in the way with `git status`",
        )
    raise LocalChanges(
        f"uncommitted changes in '{tree.folder}' are in the way: {_first_line(said)}",
        hint="commit or stash them: "
        f"git -C {shlex.quote(str(tree.folder))} stash --include-untracked",
    )


def _end(tree: WorkTree, process: Process) -> str:
    """Wait for what `_start` has started, unlock the index, and return what it complained of."""
    try:
        _, stderr = process.communicate()
        with writing(tree.folder):
            index_lock.put_back(tree.git_dir)  # git writes it whole, or not at all
    finally:
        index_lock.release(tree.git_dir)
    return stderr.decode(errors="replace").strip()


@lru_cache(maxsize=1)
def _pointers() -> tuple[str, ...]:
    """Return settings of git with which a pointer of Git LFS is written as it is.

    Whatever the user configured, nothing may fail because that program is missing or
    broken. Where it is here, git still needs it to see whether a pulled file was
    edited; GIT_LFS_SKIP_SMUDGE makes it leave pointers alone.
    """
    program = "git-lfs filter-process" if shutil.which("git-lfs") else ""
    return (
        *("-c", f"filter.lfs.process={program}"),
        *("-c", "filter.lfs.smudge="),
        *("-c", "filter.lfs.required=false"),
    )


def staged(tree: WorkTree, path: str) -> str | None:
    """Return the id of the blob that the index of a work tree has at `path`; None without one."""
    with suppress(OSError):
        entries = index.read(tree.git_dir / "index")
        if entries is not None:
            found = entries.get(path)
            return found.oid if found else None
    said = git.run("ls-files", "--stage", "-z", "--", path, cwd=tree.folder).decode()
    return said.split()[1] if said else None


def mend(
    repository: Repository, tree: WorkTree, old: str, new: str, *, lock: Held, leave: str = ""
) -> None:
    """Take back the files of `new` that a `start` from `old`, stopped halfway, has written.

    Only what is in none of the two commits is anybody's work and stays: what is
    missing, or is (the beginning of) the file in `new`, becomes the file in `old`.
    So stays everything in the folder `leave`.

    Raises:
        LocalChanges, CannotWrite, GitFailed: as in `finish`.
    """
    listed = git.run("diff-tree", "-r", "-z", "--name-only", old, new, cwd=tree.folder)
    back = []
    for path in listed.decode().split("\0")[:-1]:
        if leave and path.startswith(f"{leave}/"):
            continue
        file = tree.folder / path
        before, after = (_content(repository, commit, path) for commit in (old, new))
        found = file.read_bytes() if file.is_file() and not file.is_symlink() else None
        if found == before or (found is not None and not (after or b"").startswith(found)):
            continue
        if before is not None:
            back.append(path)
        else:
            file.unlink()
            _remove_empty(file.parent, tree.folder)
    if back:
        command = (*_pointers(), "checkout-index", "-f", "-u", "--", *back)
        _wait(tree, _start(tree, command, lock))


def _content(repository: Repository, commit: str, path: str) -> bytes | None:
    entry = repository.entry(repository.commit(commit).tree, path)
    return bytes(repository.read(entry.oid, path)) if entry else None


def _remove_empty(folder: Path, top: Path) -> None:
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _first_line(said: str) -> str:
    """Return the first complaint, without what GIT_TRACE adds."""
    lines = said.splitlines() or [""]
    line = next((line for line in lines if line.startswith(("error: ", "fatal: "))), lines[0])
    return line.removeprefix("error: ").removeprefix("fatal: ").rstrip(".")


def linked(repository: Repository) -> Iterator[WorkTree]:
    """Yield the linked work trees whose folder is there."""
    folders = repository.common_dir / "worktrees"
    for git_dir in sorted(folders.iterdir()) if folders.is_dir() else ():
        folder = linked_folder(git_dir)
        if folder is not None:
            yield WorkTree(folder, git_dir, repository.sharing)


def linked_folder(git_dir: Path) -> Path | None:
    """Return the folder of a linked work tree; None where it is not there, or nothing says where.

    Args:
        git_dir: its folder in `worktrees`.
    """
    try:
        named = os.fsdecode((git_dir / "gitdir").read_bytes()).strip()
        top = (git_dir / named).parent
        return top if named and top.is_dir() else None
    except (OSError, ValueError):
        return None


def _all(repository: Repository) -> Iterator[WorkTree]:
    common = repository.common_dir
    if common.name == ".git" and repository.setting("core.bare") != "true":
        yield WorkTree(common.parent, common, repository.sharing)
    elif repository.work_tree and repository.git_dir == common:
        yield WorkTree(repository.work_tree, common, repository.sharing)
    yield from linked(repository)


def _has_branch(git_dir: Path, branch: str) -> bool:
    """Whether this HEAD, or a rebase under way there, is of `branch`."""
    notes = ("HEAD", "rebase-merge/head-name", "rebase-apply/head-name")
    for note in notes:
        path = git_dir / note
        with suppress(OSError):
            said = path.read_text(errors="replace").strip()
            if said.removeprefix("ref:").strip() == branch:
                return True
    return False
