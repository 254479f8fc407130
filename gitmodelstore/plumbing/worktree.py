"""The work trees that have the store's branch checked out, and how they follow it."""
# pygit2 neither reads sparse and split indexes nor knows what is staged beside us: `git read-tree
# -m -u` looks for uncommitted work first and refuses to touch it, then writes files and index.

from __future__ import annotations

import hashlib
import os
import shlex
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from pathlib import Path, PurePosixPath

from gitmodelstore.errors import CannotWrite, FormatError, GitFailed, LocalChanges, StoreError
from gitmodelstore.lean import dataclass
from gitmodelstore.plumbing import git, large_files, loose, processes, refs
from gitmodelstore.plumbing.files import UNSHARED, Sharing, attributes_file, put
from gitmodelstore.plumbing.repository import Repository, writing
from gitmodelstore.plumbing.writer_lock import HeldLock
from gitmodelstore.values.names import CARD, MODELS, REGISTRY
from gitmodelstore.values.objects import PLAIN_FILE
from gitmodelstore.values.registry import Registry

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
# Of what may be given up, the files that say which commits are merged, or rebased onto.
_GIVEN_UP = {"merge": ("MERGE_HEAD",), "rebase": ("rebase-merge/onto", "rebase-apply/onto")}
_STASHES = ("MERGE_AUTOSTASH", "rebase-merge/autostash", "rebase-apply/autostash")

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
    """A folder with files, and the git directory that holds its index."""

    folder: Path
    git_dir: Path
    sharing: Sharing = UNSHARED


def on_branch(repository: Repository) -> tuple[WorkTree, ...]:
    """Return the work trees, linked ones too, whose HEAD is the store's branch."""
    return tuple(tree for tree in _all(repository) if _has_branch(tree.git_dir, repository.branch))


def left_in_conflict(repository: Repository) -> list[WorkTree]:
    """Return the work trees on no branch, in a conflict that git has forgotten the cause of."""
    return [
        tree
        for tree in _all(repository)
        if not (tree.git_dir / "HEAD").read_text().startswith("ref: ")
        if not in_progress(tree) and git.run("ls-files", "--unmerged", cwd=tree.folder)
    ]


def check(trees: tuple[WorkTree, ...]) -> None:
    """Refuse to go on while git itself is in the middle of something."""
    for tree in trees:
        if name := in_progress(tree):
            raise LocalChanges(
                f"{'an' if name[0] == 'a' else 'a'} {name} is in progress in '{tree.folder}'",
                hint=f"finish it or run `git {name} --abort` there, then try again",
            )


def in_progress(tree: WorkTree) -> str | None:
    """Return what git is in the middle of in a work tree, as "merge"; None for nothing."""
    folder = str(tree.git_dir)
    marks = (mark for mark in _IN_PROGRESS if os.path.exists(f"{folder}/{mark}"))
    return next(map(_IN_PROGRESS.get, marks), None)


def give_up(tree: WorkTree, comes_anyway: Callable[[str], bool]) -> str | None:
    """End a merge or rebase onto what comes anyway, stopped by models alone; say what, or None."""
    # Nothing of a person's is lost: files are as git left them, and nothing was stashed. None if it
    # is something else, or somebody has begun to resolve it.
    name = in_progress(tree)
    if name not in _GIVEN_UP:
        return None
    paths = [tree.git_dir / mark for mark in _GIVEN_UP[name]]
    commits = [oid for path in paths if path.exists() for oid in path.read_text().split()]
    if not all(map(comes_anyway, commits)) or any(
        (tree.git_dir / one).exists() for one in _STASHES
    ):
        return None
    listing = git.run("diff", "--name-only", "--diff-filter=U", "-z", cwd=tree.folder).decode()
    conflicts = listing.split("\0")[:-1]
    own = (REGISTRY, CARD)
    is_ours = all(path in own or path.startswith(f"{MODELS}/") for path in conflicts)
    if not (conflicts and is_ours and _is_as_git_left_it(tree)):
        return None
    umask = tree.sharing.umask()
    git.run(*_pointers(), name, "--abort", cwd=tree.folder, to_the_end=True, umask=umask)
    return name


def _is_as_git_left_it(tree: WorkTree) -> bool:
    """Whether nobody has touched a file or staged anything since a merge stopped."""
    # Source: AUTO_MERGE in gitrevisions(7), which git's strategy "ort" writes.
    by_content = ("-c", "diff.autoRefreshIndex=true")  # of files in conflict no times are noted
    for options in ((), ("--cached", "--diff-filter=u")):
        options = ("--quiet", *options, "--no-ext-diff", "--no-textconv")
        question = (*by_content, "diff", *options, "AUTO_MERGE", "--")
        process = git.start(question, tree.folder)
        process.communicate()
        if process.returncode:
            return False
    return True


def start(tree: WorkTree, old: str, new: str, *, lock: HeldLock) -> Process:
    """Start to bring a work tree from `old` to `new`; what differs in neither is left alone."""
    # What stops it halfway (a full disk, a filter) leaves files of `new` and the index of `old`:
    # `mend`.
    return _start(tree, (*_pointers(), "read-tree", "-m", "-u", old, new), lock)


def _start(tree: WorkTree, command: tuple[str, ...], lock: HeldLock) -> Process:
    """Lock the index of a work tree, and start a git that works on it; `_wait` ends it."""
    try:
        with writing(tree.folder):
            refs.take(tree.git_dir, until=lock.until, sharing=tree.sharing)
            try:
                aside = refs.set_aside(tree.git_dir)
            except BaseException:  # a full disk too must leave no lock
                refs.release(tree.git_dir)
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
        refs.release(tree.git_dir)
        raise


def populate(tree: WorkTree, commit: str) -> None:
    """Write the files of a commit into an empty work tree, and stage them."""
    umask = tree.sharing.umask()
    git.run("read-tree", "-m", "-u", commit, cwd=tree.folder, to_the_end=True, umask=umask)


def point_head(repository: Repository) -> None:
    """Let HEAD name the store's branch; index and files stay as they are."""
    # `git symbolic-ref` would log what HEAD named, which `git fsck` would report ever after.
    path = repository.common_dir / "HEAD"
    with writing(path):
        put(path, (f"ref: {repository.branch}\n".encode(),), sharing=repository.sharing)


def stage_head(tree: WorkTree) -> None:
    """Rebuild the index of a work tree from the commit that is checked out; no file is touched."""
    git.run("read-tree", "--reset", "HEAD", cwd=tree.folder)
    if git.setting("core.sparseCheckout", tree.folder, kind="bool") == "true":
        git.run("sparse-checkout", "reapply", cwd=tree.folder)
    with suppress(GitFailed):  # where files differ, it says so by its status
        git.run("update-index", "-q", "--refresh", cwd=tree.folder)


def move(tree: WorkTree, old: str, new: str, *, lock: HeldLock) -> None:
    """Start, and finish: bring a work tree from commit `old` to commit `new`."""
    finish(tree, start(tree, old, new, lock=lock), old, new, lock=lock)


def finish(tree: WorkTree, process: Process, old: str, new: str, *, lock: HeldLock) -> None:
    """Wait for what `start` began with the same arguments."""
    # A touched or copied file looks changed by its times; only then is git's index refreshed.
    try:
        _wait(tree, process)
    except LocalChanges:
        _end(tree, _start(tree, (*_pointers(), "update-index", "-q", "--refresh"), lock))
        _wait(tree, start(tree, old, new, lock=lock))


def _wait(tree: WorkTree, process: Process) -> None:
    message = _end(tree, process)
    if process.returncode == 0:
        return
    if any(mark in message for mark in _NOT_TAKEN):
        raise CannotWrite(
            f"cannot write to '{tree.folder}': {_first_line(message)}",
            hint="check the free space and the permissions of that folder",
        )
    if not any(mark in message for mark in _IN_THE_WAY):
        raise GitFailed(
            f"the work tree '{tree.folder}' cannot follow: "
            f"{_first_line(message) or f'exit status {process.returncode}'}",
            command="git read-tree",
            stderr=message,
            hint="see what is in the way with `git status`",
        )
    line = _first_line(message)
    file = line.partition("'")[2].rpartition("'")[0]  # git names the first one
    raise LocalChanges(
        f"uncommitted changes in '{tree.folder}' are in the way: {file or line}",
        hint="commit or stash them: "
        f"git -C {shlex.quote(str(tree.folder))} stash --include-untracked",
    )


def _end(tree: WorkTree, process: Process) -> str:
    """Wait for what `_start` has started, unlock the index, and return what it complained of."""
    try:
        _, stderr = process.communicate()
        with writing(tree.folder):
            refs.put_back(tree.git_dir)  # git writes it whole, or not at all
    finally:
        refs.release(tree.git_dir)
    return stderr.decode(errors="replace").strip()


@lru_cache(maxsize=1)
def _pointers() -> tuple[str, ...]:
    """Return settings with which git writes an LFS pointer as it is, without git-lfs."""
    # If git-lfs is here, git needs it to see whether a pulled file was edited.
    import shutil

    program = "git-lfs filter-process" if shutil.which("git-lfs") else ""
    return (
        "-c", f"filter.lfs.process={program}",
        "-c", "filter.lfs.smudge=",
        "-c", "filter.lfs.required=false",
    )  # fmt: skip


def staged(tree: WorkTree, path: str) -> str | None:
    """Return the id of the blob that the index of a work tree has at `path`; None without one."""
    with suppress(OSError):
        entries = refs.read(tree.git_dir / "index")
        if entries is not None:
            entry = entries.get(path)
            return entry.oid if entry else None
    listing = git.run("ls-files", "--stage", "-z", "--", path, cwd=tree.folder).decode()
    return listing.split()[1] if listing else None


def mend(
    repository: Repository, tree: WorkTree, old: str, new: str, *, lock: HeldLock, leave: str = ""
) -> None:
    """Take back the files of `new` that a `start` from `old`, stopped halfway, has written."""
    # What is in neither commit, or in the folder `leave`, is somebody's work and stays. What is
    # missing, or the beginning of a file in `new`, becomes the file in `old`.
    listed = git.run("diff-tree", "-r", "-z", "--name-only", old, new, cwd=tree.folder)
    back = []
    for path in listed.decode().split("\0")[:-1]:
        if leave and path.startswith(f"{leave}/"):
            continue
        file = tree.folder / path
        before, after = (_content(repository, commit, path) for commit in (old, new))
        data = file.read_bytes() if file.is_file() and not file.is_symlink() else None
        if data == before or (data is not None and not (after or b"").startswith(data)):
            continue
        if before is not None:
            back.append(path)
        else:
            file.unlink()
            with suppress(OSError):  # somebody keeps other things there
                os.removedirs(file.parent)
    if back:
        command = (*_pointers(), "checkout-index", "-f", "-u", "--", *back)
        _wait(tree, _start(tree, command, lock))


def _content(repository: Repository, commit: str, path: str) -> bytes | None:
    entry = repository.entry(repository.commit(commit).tree, path)
    return bytes(repository.read(entry.oid, path)) if entry else None


def _first_line(message: str) -> str:
    lines = message.splitlines() or [""]
    line = next((line for line in lines if line.startswith(("error: ", "fatal: "))), lines[0])
    return line.removeprefix("error: ").removeprefix("fatal: ").rstrip(".")


def linked(repository: Repository) -> Iterator[WorkTree]:
    """Yield the linked work trees whose folder is there."""
    folders = f"{repository.common_dir}/worktrees"
    for git_dir in sorted(Path(folders).iterdir()) if os.path.isdir(folders) else ():
        folder = linked_folder(git_dir)
        if folder is not None:
            yield WorkTree(folder, git_dir, repository.sharing)


def linked_folder(git_dir: Path) -> Path | None:
    """Return the folder of a linked work tree; None where it is gone, or nothing says where."""
    try:
        path = os.fsdecode((git_dir / "gitdir").read_bytes()).strip()
        top = (git_dir / path).parent
        return top if path and top.is_dir() else None
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
        with suppress(OSError), open(f"{git_dir}/{note}", "rb", 0) as file:
            ref = file.read().decode(errors="replace").strip()
            if ref.removeprefix("ref:").strip() == branch:
                return True
    return False


# Work trees that have the store's branch checked out, and are not where it is.

_MOST_LOOKED_AT = 10_000  # commits of the branch, the newest first
_MOST_COMPARED = 50  # of those, that have the staged registry.json


@dataclass(frozen=True, slots=True)
class Lag:
    """A work tree that is not where the branch is."""

    tree: WorkTree
    # the commit of the branch that is staged there, whole and unchanged; None where what is staged
    # is somebody's own
    commit: str | None
    behind: int  # how many commits that one is behind
    # versions that a commit of what is staged would take back, as "churn 1.2.0"
    undone: tuple[str, ...]


def lags(repository: Repository) -> list[Lag]:
    """Return the work trees behind the branch, or about to revert it; not in a merge or rebase."""
    tip = repository.head(repository.branch)
    if tip is None:
        return []
    all_lags = []
    for tree in on_branch(repository):
        try:
            check((tree,))
        except StoreError:
            continue
        lag = _lag(repository, tree, tip)
        if lag is not None:
            all_lags.append(lag)
    return all_lags


def _lag(repository: Repository, tree: WorkTree, tip: str) -> Lag | None:
    if git.run("ls-files", "--unmerged", cwd=tree.folder) or is_at(tree, tip):
        return None
    registry, compared = staged(tree, REGISTRY), 0
    for number, commit in enumerate(islice(repository.first_parents(tip), _MOST_LOOKED_AT)):
        entry = repository.entry(commit.tree, REGISTRY)
        if number == 0 or entry is None or entry.oid != registry:
            continue
        compared += 1
        if is_at(tree, commit.oid):
            return Lag(tree, commit.oid, number, ())
        if compared == _MOST_COMPARED:
            break
    undone = _undone(repository, tip, registry)
    return Lag(tree, None, 0, undone) if undone else None


def is_at(tree: WorkTree, commit: str) -> bool:
    """Whether what is staged in a work tree is a commit, whole and unchanged."""
    question = ("diff-index", "--cached", "--quiet", commit)
    process = git.start(question, tree.folder)
    _, stderr = process.communicate()
    if process.returncode > 1:
        git.check(process.returncode, question, stderr)
    return process.returncode == 0


def _undone(repository: Repository, tip: str, staged: str | None) -> tuple[str, ...]:
    entry = repository.entry(repository.commit(tip).tree, REGISTRY)
    if entry is None or staged is None:
        return ()
    try:
        now = Registry.parse_history(repository.content(entry.oid, REGISTRY))
        then = Registry.parse_history(repository.content(staged, REGISTRY))
    except (FormatError, GitFailed, StoreError):  # what is not a registry is not an older one
        return ()
    return tuple(f"{c.model} {c.version}" for c in now.changes(then) if c.after is None)


# A model's folder that somebody edited in the work tree, and that becomes a version as it is.


@dataclass(frozen=True, slots=True)
class Handmade:
    """The folder of a model in a work tree of the branch."""

    tree: WorkTree
    path: str  # of the folder in it, as "models/churn"
    # name to the SHA-256 of what was read; a file that holds something else by then stays
    before: Mapping[str, str]
    # how long to wait for a git that holds the index, as `time.monotonic` has it
    until: float = 0.0

    def unstage(self) -> None:
        """Take back what is staged of the folder; its files stay as they are."""
        self._git("reset", "--quiet", "--", self.path)

    def restore(self, path: str) -> None:
        """Restore another file of the work tree from its branch."""
        self._git("checkout", "--quiet", "HEAD", "--", path)

    def adopt(self, after: Mapping[str, bytes | None]) -> None:
        """Stage the folder as the branch has it; `after` has the files that may differ, or None."""
        self._git("reset", "--quiet", "--", self.path)
        for name, data in after.items():
            file = self.tree.folder / self.path / name
            digest = _sha256(file) if file.is_file() else None
            wanted = None if data is None else hashlib.sha256(data).hexdigest()
            if digest == self.before.get(name) and digest != wanted:
                with writing(file):
                    if data is None:
                        file.unlink()
                    else:
                        file.write_bytes(data)
                        with suppress(PermissionError):  # another user's
                            self.tree.sharing.adjust(file)
        self._git("update-index", "-q", "--refresh")

    def _git(self, *args: str) -> None:
        """Run a git that writes the index, to its end, when no other git has it."""
        for _ in processes.tries(self.until):
            try:
                git.run(
                    *args, cwd=self.tree.folder, to_the_end=True, umask=self.tree.sharing.umask()
                )
            except GitFailed as error:
                refused = error
                if "index.lock': File exists" not in error.stderr:
                    raise
            else:
                return
        raise refused  # type: ignore[possibly-undefined]  # it was tried once at least


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def registry_alone(repository: Repository, old: str, new: str) -> str:
    """Return the root tree of the commit `old` with all of `new` but the models."""
    before, after = (repository.commit(oid).tree for oid in (old, new))
    models = repository.entry(before, MODELS)
    return repository.write_tree(after, {MODELS: models})


def is_edited(repository: Repository, name: str) -> bool:
    """Whether a file at the root of a work tree differs from that of the branch."""
    trees, tip = on_branch(repository), repository.head(repository.branch)
    entry = repository.entry(repository.commit(tip).tree, name) if trees and tip else None
    content = bytes(repository.read(entry.oid, name)) if entry else None
    files = [tree.folder / name for tree in trees]
    return any((file.read_bytes() if file.is_file() else None) != content for file in files)


def find(repository: Repository, folder: Path) -> tuple[WorkTree, str] | None:
    """Return work tree and path of a model's folder that has the store's branch; or None."""
    for tree in on_branch(repository):
        try:
            path = folder.resolve().relative_to(tree.folder.resolve())
        except ValueError:
            continue
        if len(path.parts) == 2 and path.parts[0] == "models":
            return tree, path.as_posix()
    return None


# Moving a work tree in this process, where nothing stands in the way.

_FOLDER = 0o040000
_MOST_INDEX_BYTES = 1 << 17  # a larger one git reads faster than Python does
_MOST_HASHED = 1 << 26  # bytes of a file; git hashes a larger one without having it in memory


@dataclass(frozen=True, slots=True)
class _Change:
    """A file that differs between two commits; None where it does not exist."""

    path: str
    before: str | None  # id of its blob in the old commit
    after: str | None  # id of its blob in the new one
    content: memoryview | None  # what is to be written; None where that is read when it is


class _AskGit(Exception):
    """Something is not as it must be here; nothing was changed."""


def bring(
    repository: Repository, tree: WorkTree, old: str, new: str, *, until: float = 0.0
) -> bool:
    """Bring a work tree from `old` to `new`; False, with nothing changed, if git must be asked."""
    try:
        if os.name != "posix" or os.path.exists(f"{tree.git_dir}/info/sparse-checkout"):
            raise _AskGit
        if _has_attributes_elsewhere(repository):
            raise _AskGit
        trees = (repository.commit(commit).tree for commit in (old, new))
        changes = list(_changes(repository, *trees))
        lock = refs.take(tree.git_dir, until=until, sharing=tree.sharing)
    except (_AskGit, OSError, StoreError):
        return False
    try:
        entries = _entries(tree, changes)
        with writing(tree.folder):
            for change in changes:
                _write(repository, tree, change, entries)
            _replace(tree.git_dir, lock, refs.render(entries))
    except _AskGit:
        return False
    finally:
        refs.release(tree.git_dir)
    return True


def _has_attributes_elsewhere(repository: Repository) -> bool:
    """Whether attributes outside the store may name filters, line ends or encodings."""
    # Source: "DESCRIPTION" of gitattributes(5). Each commit's own are judged with it.
    setting = repository.setting("core.attributesFile")
    places = (
        f"{repository.common_dir}/info/attributes",
        os.path.expanduser(setting) if setting else attributes_file(),
        "/etc/gitattributes",
    )
    return any(map(os.path.exists, places))


def _changes(
    repository: Repository, before: str | None, after: str | None, folder: str = ""
) -> Iterator[_Change]:
    """Yield what differs between two trees."""
    was, becomes = (repository.entries(tree) if tree else {} for tree in (before, after))
    for name in sorted(was.keys() | becomes.keys()):
        pair = (was.get(name), becomes.get(name))
        if pair[0] == pair[1]:
            continue
        path = folder + name
        modes = {entry.mode for entry in pair if entry}
        first, second = (entry.oid if entry else None for entry in pair)
        if modes == {_FOLDER}:
            yield from _changes(repository, first, second, f"{path}/")
        elif modes == {PLAIN_FILE}:
            yield _Change(path, first, second, _small(repository, second, path))
        else:
            raise _AskGit


def _small(repository: Repository, oid: str | None, path: str) -> memoryview | None:
    """Return what a small file is to hold; of a large one there is no need to have it in memory."""
    if oid is None:
        return None
    written = repository.written(oid)
    if written is not None:
        return written
    with repository.stream(oid, path) as stream:
        return stream.held


def _replace(git_dir: Path, lock: Path, content: bytes) -> None:
    with open(lock, "wb") as file:
        file.write(content)
    os.replace(lock, f"{git_dir}/index")


def _entries(tree: WorkTree, changes: list[_Change]) -> dict[str, refs.IndexEntry]:
    """Return what is staged, where index and files are as the changes start from."""
    path = tree.git_dir / "index"
    try:
        written = path.stat()
        entries = refs.read(path) if written.st_size <= _MOST_INDEX_BYTES else None
        if entries is None:
            raise _AskGit
        kept = entries.keys() - {change.path for change in changes}
        # A file that was changed in the second in which it was staged can look as it did: git
        # tells by the time of the index, which is about to become another.
        for name in kept:
            if entries[name].modified_at >= int(written.st_mtime):
                entries[name] = _looked_at(f"{tree.folder}/{name}", entries[name])
        if not _only_folders_lead_to(changes, tree.folder) or not all(
            _starts_there(tree.folder, change, entries, int(written.st_mtime)) for change in changes
        ):
            raise _AskGit
    except OSError:
        raise _AskGit from None
    return entries


def _looked_at(file: str, entry: refs.IndexEntry) -> refs.IndexEntry:
    """Return the entry of a file whose times say nothing, marked if it is not what was staged."""
    # Source: ce_smudge_racily_clean_entry in git's read-cache.c, which does the same.
    status = os.lstat(file) if os.path.lexists(file) else None
    if status is None or status.st_size != entry.size_bytes:  # which git sees
        return entry
    if not entry.is_plain or not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_HASHED:
        raise _AskGit
    is_same = loose.blob_id(Path(file).read_bytes()) == entry.oid
    return entry if is_same else entry.without_size()


def _starts_there(
    folder: Path, change: _Change, entries: Mapping[str, refs.IndexEntry], indexed_at: int
) -> bool:
    """Whether a file is as the old commit has it, staged and in the work tree."""
    file, entry = f"{folder}/{change.path}", entries.get(change.path)
    if change.before is None:
        return entry is None and not os.path.lexists(file)
    if entry is None or not entry.is_plain or entry.oid != change.before:
        return False
    status = os.lstat(file)
    if not stat.S_ISREG(status.st_mode) or status.st_mode & stat.S_IXUSR:
        return False
    if entry.modified_at < indexed_at and entry == refs.staged(change.path, entry.oid, status):
        return True  # nothing has touched it since
    return loose.blob_id(Path(file).read_bytes()) == change.before


def _only_folders_lead_to(changes: list[_Change], folder: Path) -> bool:
    """Whether what stands on the way to the files are folders, or is yet to be made; no links."""
    parents = {above for change in changes for above in PurePosixPath(change.path).parents}
    for name in parents:
        with suppress(FileNotFoundError):
            if not stat.S_ISDIR(os.lstat(f"{folder}/{name}").st_mode):
                return False
    return True


def _write(
    repository: Repository, tree: WorkTree, change: _Change, entries: dict[str, refs.IndexEntry]
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
        for rest in _content_at(repository, change):
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        tree.sharing.adjust(descriptor)
        entries[change.path] = refs.staged(change.path, change.after, os.fstat(descriptor))
    finally:
        os.close(descriptor)


def _content_at(repository: Repository, change: _Change) -> Iterator[memoryview]:
    if change.content is not None:
        yield change.content
    elif change.after is not None:
        with repository.stream(change.after, change.path) as stream:
            yield from large_files.parts(stream)


def _create(file: str, sharing: Sharing) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        return os.open(file, flags, 0o666)
    except FileNotFoundError:
        sharing.make_folder(os.path.dirname(file))
        return os.open(file, flags, 0o666)
