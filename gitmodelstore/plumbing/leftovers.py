"""What dead processes leave in a git directory: locks, temporary files, refs that hold nothing.

Nothing is removed here that a living process may still need: `remove_lock` is for the
holder of the writer lock, and temporary files count only after a day, in which the
slowest push or registration has ended and git's own gc would not have touched them.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gitmodelstore.plumbing import git
from gitmodelstore.plumbing.files import sync_folder
from gitmodelstore.plumbing.loose import SIGN
from gitmodelstore.plumbing.refs import CORPSE_SECONDS, make_lock, make_way
from gitmodelstore.plumbing.repository import Repository, writing

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
class Lock:
    """A `.lock` file that no living process should hold for so long.

    Attributes:
        path: where it lies.
        may_be_held: whether `git commit` may hold it all the same, as it does while
            the message is being written in an editor.
    """

    path: Path
    may_be_held: bool


def old_locks(repository: Repository) -> list[Lock]:
    """Return the locks of refs, index and configuration that are older than a minute."""
    found = []
    for folder in _git_dirs(repository):
        paths = {path for pattern in _LOCKS for path in folder.glob(pattern) if path.is_file()}
        for path in sorted(paths):
            age = _age(path)
            if age is not None and age >= CORPSE_SECONDS:
                found.append(Lock(path, _may_be_held(path, age)))
    return found


def temporaries(repository: Repository) -> list[Path]:
    """Return files and folders of unfinished writes that nobody has touched for a day."""
    folder = repository.common_dir
    found = {path for pattern in _TEMPORARY for path in folder.glob(pattern)}
    found.discard(folder / SIGN)
    return [path for path in sorted(found) if (_age(path) or 0) >= OLD_SECONDS]


def remove(path: Path) -> None:
    """Remove a file or a folder.

    Raises:
        CannotWrite: the disk does not let it.
    """
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
        repository, ref: which.
        oid: what it held; None removes the file, for what holds nothing and never did, or
            what packed-refs knows.
        instead_of: what its file says, where that looks like a ref, and names nothing.

    Raises:
        StoreBusy: a process of git holds it.
        CannotWrite: the disk does not take it.
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
    found: dict[str | None, Damage] = {}
    for damage in _damaged(lines):
        found.setdefault(damage.oid or damage.what, damage)
    for line in lines:
        if (missing := _MISSING.fullmatch(line)) and missing[2] not in found:
            found[missing[2]] = Damage(missing[2], missing[1], "is missing", True)
    kinds = {named[2]: named[1] for line in lines if (named := _MISSING.fullmatch(line))}
    return tuple(
        Damage(held.oid, kinds.get(held.oid or "", held.kind), held.what, held.is_missing)
        for held in found.values()
    )


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
