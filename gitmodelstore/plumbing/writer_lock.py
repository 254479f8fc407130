"""One writer at a time, what it notes before it writes, and what is left when it dies."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from io import FileIO
from pathlib import Path

from gitmodelstore.errors import StoreBusy
from gitmodelstore.plumbing import git, processes
from gitmodelstore.plumbing.files import UNSHARED, Sharing, reading, sync_folder
from gitmodelstore.plumbing.loose import SIGN
from gitmodelstore.plumbing.refs import CORPSE_SECONDS, make_lock, make_way
from gitmodelstore.plumbing.repository import Repository, writing

OWN_FOLDER = "gitmodelstore"  # in the git directory; nothing in it is a source of truth


@dataclass(frozen=True, slots=True)
class HeldLock:
    """The writer lock, held."""

    # of its file: a process of git that inherits it keeps the lock until it has finished, even when
    # the writer that started it dies before
    descriptor: int
    until: float  # when to stop waiting for whatever else is in the way, as `time.monotonic` has it


@contextmanager
def exclusive(
    common_dir: Path, *, wait_seconds: float, sharing: Sharing = UNSHARED
) -> Iterator[HeldLock]:
    """Hold the store's writer lock, which network file systems do not keep; signals wait meanwhile.

    `wait_seconds`: how long to wait for another writer.
    """
    until = time.monotonic() + wait_seconds
    with processes.held():
        with writing(common_dir):
            descriptor = _open(common_dir / OWN_FOLDER / "lock", sharing)
        try:
            _acquire(descriptor, until, wait_seconds)
            # Padded, not truncated first: some file systems flush a file that is cut short.
            with suppress(OSError):  # a full disk does not take the name; the lock holds without
                os.pwrite(descriptor, f"process {os.getpid()}".ljust(40).encode(), 0)
            yield HeldLock(descriptor, until)
        finally:
            _release(descriptor)


def is_held(common_dir: Path) -> bool:
    """Return whether a writer, or a git that one started, is at work at this moment."""
    with processes.held():
        try:
            with processes.guard:
                descriptor = os.open(common_dir / OWN_FOLDER / "lock", _LOOKING)
                processes.own.add(descriptor)
        except OSError:
            return False
        try:
            return not _try(descriptor)
        finally:
            _release(descriptor)


def _open(path: Path, sharing: Sharing) -> int:
    flags = os.O_RDWR | os.O_CREAT
    with processes.guard:
        try:
            descriptor = os.open(path, flags, 0o666)
        except FileNotFoundError:
            sharing.make_folder(path.parent)
            descriptor = os.open(path, flags, 0o666)
        except PermissionError:  # of another user; who may read it may lock it
            descriptor = os.open(path, _LOOKING)
        processes.own.add(descriptor)
    with suppress(OSError):  # it is another user's
        sharing.adjust(descriptor)
    return descriptor


def _release(descriptor: int) -> None:
    """Unlock and close; in a process that was forked meanwhile that has happened."""
    if descriptor in processes.own:
        processes.own.discard(descriptor)
        # Unlocked, not just closed: a copy that somebody else has open would keep the lock.
        _unlock(descriptor)
        os.close(descriptor)


def _acquire(descriptor: int, until: float, waited: float) -> None:
    for _ in processes.tries(until):
        if _try(descriptor):
            return
    holder = os.pread(descriptor, 40, 0).decode(errors="replace").strip() or "another process"
    raise StoreBusy(
        f"the store is busy: {holder} has been writing for {waited:g} seconds",
        hint="try again when it has finished",
    )


if sys.platform == "win32":
    import msvcrt

    _LOOKING = os.O_RDWR

    def _try(descriptor: int) -> bool:
        # One byte far behind the text, so that the holder's name can still be read.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        with suppress(OSError):  # it was not locked
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    _LOOKING = os.O_RDONLY  # who may only read a store may look too

    def _try(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


# What a writer is about to do, noted so that the next one can finish or undo it.

_LEAST_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Note:
    """One unfinished write."""

    old: str  # the commit on which the branch stood
    new: str  # the commit to which it was to move
    tags: Mapping[str, str]  # name to the id of the tag object that was to be set
    folders: tuple[str, ...]  # the work trees that were to follow
    # path of a folder in them, as "models/churn", whose files are somebody's work and become the
    # version as they lie; empty when there is none
    handmade: str = ""


def write(common_dir: Path, note: Note, sharing: Sharing = UNSHARED) -> None:
    """Leave a note; the caller holds the writer lock and syncs.

    It is written over the last one, in one call and in place: a new file for each
    write costs a tenth of a small registration.
    """
    _overwrite(common_dir, json.dumps(asdict(note)), sharing)


def read(common_dir: Path) -> Note | None:
    """Return the note that a dead writer left; None without one, or with half of one."""
    path = _path(common_dir)
    try:
        with reading(f"'{path}'"):
            held = json.loads(path.read_text())
        note = Note(**{**held, "folders": tuple(held["folders"])})
        named = (note.old, note.new, *note.tags, *note.tags.values(), *note.folders, note.handmade)
        return note if all(isinstance(name, str) for name in named) else None
    except (
        FileNotFoundError,
        NotADirectoryError,
        IsADirectoryError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ):
        return None


def clear(common_dir: Path) -> None:
    """Take the note away: everything that it announced has happened, or never will."""
    _overwrite(common_dir, "", UNSHARED)


def _overwrite(common_dir: Path, text: str, sharing: Sharing) -> None:
    path = _path(common_dir)
    with writing(path), _open_journal(path) as file:
        size = os.fstat(file.fileno()).st_size
        file.write(text.encode().ljust(max(size, _LEAST_BYTES)))
        if not size:
            sharing.adjust(file.fileno())


def _open_journal(path: Path) -> FileIO:
    try:
        return path.open("r+b", buffering=0)
    except PermissionError:  # another user's, who may have written before this was shared
        path.unlink()
    except FileNotFoundError:
        pass
    return path.open("w+b", buffering=0)


def _path(common_dir: Path) -> Path:
    return common_dir / OWN_FOLDER / "pending.json"


# What dead processes leave in a git directory: locks, temporary files, refs that hold nothing.

OLD_SECONDS = 24 * 60 * 60
MANY_LOOSE = 6_700  # where git's own automatic gc would begin
_LOCKS = ("*.lock", "refs/**/*.lock", "logs/**/*.lock")
_TEMPORARY = (
    "objects/tmp_*",  # objects of ours and of git, and what is pushed, in quarantine
    "objects/incoming-*",
    "objects/??/tmp_obj_*",
    "objects/pack/tmp_*",
    "objects/pack/.tmp-*",
    "objects/info/*.lock",
    "objects/pack/*.lock",
    "lfs/tmp/*",
)
_OID = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class LeftLock:
    """A `.lock` file that no living process should hold for so long."""

    path: Path
    # whether `git commit` may hold it all the same, as it does while the message is being written
    # in an editor
    may_be_held: bool


def old_locks(repository: Repository) -> list[LeftLock]:
    """Return the locks of refs, index and configuration that are older than a minute."""
    found = []
    for folder in _git_dirs(repository):
        paths = {path for pattern in _LOCKS for path in folder.glob(pattern) if path.is_file()}
        for path in sorted(paths):
            age = _age(path)
            if age is not None and age >= CORPSE_SECONDS:
                found.append(LeftLock(path, _may_be_held(path, age)))
    return found


def temporaries(repository: Repository) -> list[Path]:
    """Return files and folders of unfinished writes that nobody has touched for a day."""
    folder = repository.common_dir
    found = {path for pattern in _TEMPORARY for path in folder.glob(pattern)}
    found.discard(folder / SIGN)
    return [path for path in sorted(found) if (_age(path) or 0) >= OLD_SECONDS]


def remove(path: Path) -> None:
    """Remove a file or a folder."""
    with writing(path), suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def damaged_refs(repository: Repository) -> list[str]:
    """Return the names of refs whose file holds no id, as a power cut can leave it."""
    top = repository.common_dir
    return [
        path.relative_to(top).as_posix()
        for path in sorted((top / "refs").rglob("*"))
        if path.is_file() and path.suffix != ".lock" and not _is_ref(path)
    ]


def packed(repository: Repository, ref: str) -> str | None:
    """Return the id that packed-refs has of a ref; None where it is not there."""
    path = repository.common_dir / "packed-refs"
    with suppress(OSError):
        for line in path.read_text(errors="replace").splitlines():
            oid, _, name = line.partition(" ")
            if name == ref and _OID.fullmatch(oid):
                return oid
    return None


def logged(repository: Repository, ref: str) -> Iterator[str]:
    """Yield the ids on which a ref stood, the last first, as its reflog knows them."""
    path = repository.common_dir / "logs" / ref
    with suppress(OSError):  # it may be a folder, or lie below a file
        for line in reversed(path.read_text(errors="replace").splitlines()):
            oid = line[41:81]
            if _OID.fullmatch(oid) and set(oid) != {"0"}:
                yield oid


def held_by(repository: Repository, ref: str) -> str | None:
    """Return what the file of a ref says, whatever that is; None where there is no such file."""
    with suppress(OSError):
        return (repository.common_dir / ref).read_text(errors="replace").strip()
    return None


def restore_ref(
    repository: Repository, ref: str, oid: str | None, *, instead_of: str | None = None
) -> None:
    """Write the id that a damaged ref held, or remove the ref. Call it under the writer lock.

    Args:
        oid: what it held; None removes the file, for what holds nothing and never did, or
            what packed-refs knows.
        instead_of: what its file says, where that looks like a ref, and names nothing.
    """
    path = repository.common_dir / ref
    lock = path.with_name(f"{path.name}.lock")
    with writing(path.parent):
        descriptor = make_lock(repository, ref)
        try:
            with open(descriptor, "wb", buffering=0) as file:
                if oid is not None:
                    file.write(f"{oid}\n".encode())
                    os.fsync(file.fileno())
            if _is_ref(path) and held_by(repository, ref) != instead_of:
                pass  # somebody else was first
            elif oid is not None:
                make_way(path)
                lock.replace(path)
            else:
                path.unlink(missing_ok=True)
        finally:
            lock.unlink(missing_ok=True)
        sync_folder(path.parent)


def loose_objects(repository: Repository) -> int:
    """Return how many objects are in files of their own."""
    folders = (repository.common_dir / "objects").glob("[0-9a-f][0-9a-f]")
    return sum(len(os.listdir(folder)) for folder in folders)


def _git_dirs(repository: Repository) -> list[Path]:
    linked = repository.common_dir / "worktrees"
    return [repository.common_dir, *(sorted(linked.iterdir()) if linked.is_dir() else ())]


def _may_be_held(lock: Path, age: float) -> bool:
    """Whether `git commit` may have written a message, and wait for it to be edited."""
    if lock.name != "index.lock" or age >= OLD_SECONDS:
        return False
    with suppress(FileNotFoundError):
        message = lock.with_name("COMMIT_EDITMSG").stat().st_mtime
        return message >= lock.stat().st_mtime
    return False


def _age(path: Path) -> float | None:
    """Seconds since a file, or anything in a folder, was written; None where it is gone."""
    try:
        inside = [found.lstat().st_mtime for found in path.rglob("*")] if path.is_dir() else []
        return time.time() - max([path.lstat().st_mtime, *inside])
    except FileNotFoundError:
        return None


def _is_ref(path: Path) -> bool:
    try:
        held = path.read_text(errors="replace").strip()
    except OSError:
        return False
    return held.startswith("ref: ") or _OID.fullmatch(held) is not None


# What `git fsck` finds: objects that are missing or damaged. It writes nothing.

_MISSING = re.compile(r"missing (\w+) ([0-9a-f]{40})")
_CORRUPT = re.compile(
    r"(?:error|fatal): (?:corrupt loose object '([0-9a-f]{40})'"
    r"|loose object ([0-9a-f]{40}) \(stored in .*\) is corrupt"
    r"|(?:cannot unpack|index CRC mismatch for object) ([0-9a-f]{40}) from .*"
    r"|([0-9a-f]{40}): (?!invalid sha1 pointer).*)"
)
_ID = re.compile(r"error: [0-9a-f]{40}: ")
_MALFORMED = re.compile(r"error in (\w+) ([0-9a-f]{40}): (.*)")
_DANGLING_TAG = re.compile(r"dangling tag ([0-9a-f]{40})")
# What it says of refs and reflogs, and before it names the object that it cannot read.
_TOLD_ELSEWHERE = (
    "error: refs/",
    "error: HEAD",
    "error: worktrees/",
    "error: bad ref for",
    "error: invalid HEAD",
    "error: inflate",
    "error: unable to unpack",
)


@dataclass(frozen=True, slots=True)
class Damage:
    """One object that is not as it should be, or what git says where it names none.

    Attributes:
        oid: of the object; None where git names none, as of a pack whose checksum is wrong.
        kind: blob, tree, commit or tag; "object" when unknown.
        what: what is wrong.
        is_missing: whether it is not there at all.
    """

    oid: str | None
    kind: str
    what: str
    is_missing: bool


def check(folder: Path) -> tuple[Damage, ...]:
    """Return what is missing or damaged in a repository, each object once."""
    lines = _said("--strict", "--no-dangling", folder=folder)
    kinds = {named[2]: named[1] for line in lines if (named := _MISSING.fullmatch(line))}
    missing = (Damage(oid, kind, "is missing", True) for oid, kind in kinds.items())
    found: dict[str, Damage] = {}
    for damage in (*_damaged(lines), *missing):
        kind = kinds.get(damage.oid or "", damage.kind)
        found.setdefault(damage.oid or damage.what, replace(damage, kind=kind))
    return tuple(found.values())


def dangling_tags(folder: Path) -> tuple[str, ...]:
    """Return the ids of tag objects that no ref holds."""
    lines = _said("--connectivity-only", "--dangling", folder=folder)
    return tuple(found[1] for line in lines if (found := _DANGLING_TAG.fullmatch(line)))


def _damaged(lines: list[str]) -> Iterator[Damage]:
    for line in lines:
        if found := _CORRUPT.fullmatch(line):
            yield Damage(next(filter(None, found.groups())), "object", "is damaged", False)
        elif found := _MALFORMED.fullmatch(line):
            yield Damage(found[2], found[1], f"is no {found[1]} as git makes it: {found[3]}", False)
        elif _ID.match(line):  # the index names an object that is missing, as is said of that
            continue
        elif line.startswith(("error: ", "fatal: ")) and not line.startswith(_TOLD_ELSEWHERE):
            yield Damage(None, "object", f"git fsck says: {line.partition(': ')[2]}", False)


def _said(*options: str, folder: Path) -> list[str]:
    process = git.start(("fsck", "--no-progress", *options), folder)
    stdout, stderr = process.communicate()
    return [*stderr.decode(errors="replace").splitlines(), *stdout.decode().splitlines()]
