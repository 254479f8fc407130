"""Refs and the index of a work tree, under git's own locks: compare, write durably, swap."""
# libgit2 renames a ref that it has not synced, so a power cut can leave an empty branch. This is
# git's own protocol (technical/api-lockfile): `<ref>.lock` made exclusively, the value compared,
# the lock renamed over the ref.

from __future__ import annotations

import hashlib
import os
import stat
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from gitmodelstore.errors import StoreBusy, VersionExists
from gitmodelstore.lean import dataclass, replace
from gitmodelstore.plumbing import processes
from gitmodelstore.plumbing.files import UNSHARED, Sharing, sync_folder
from gitmodelstore.plumbing.repository import Repository, writing
from gitmodelstore.plumbing.signing import Identity
from gitmodelstore.values.objects import is_oid

CORPSE_SECONDS = 60  # no living git holds a ref lock for so long
_GIT_SECONDS = 0.5  # nor longer than this, where nobody said how long to wait
_NO_COMMIT = "0" * 40


def advance(
    repository: Repository,
    old: str | None,
    new: str,
    *,
    who: Identity,
    when: datetime,
    what: str,
    durable: bool,
    until: float | None = None,
) -> bool:
    """Move the store's branch; False if it is not at `old`. Hold the writer lock."""
    # `what` goes into the reflog; `until` as in `make_lock`.

    def log() -> None:
        _log(repository, old, new, who, when, what)

    branch = repository.branch
    return _swap(
        repository, branch, new, lambda: repository.head(branch) == old, until, durable, log
    )


def check_free(repository: Repository, name: str, *, until: float | None = None) -> None:
    """Refuse a tag that could not be created. Call it under the writer lock."""
    ref = f"refs/tags/{name}"
    if repository.ref(ref) and repository.store:
        raise VersionExists(
            f"tag '{name}' exists here, for a version that is not on the remote",
            hint="push that version first, or give this one another number with --version",
        )
    if repository.ref(ref):
        raise VersionExists(
            f"tag '{name}' exists, but the branch holds no such version",
            hint="if it was only fetched: gms pull; if the branch was reset: gms doctor --fix; "
            f"to see the tag: git show {name}",
        )
    folder, packed = f"{repository.common_dir}/{ref}", f"{repository.common_dir}/packed-refs"
    is_folder = os.path.isdir(folder) and any(map(Path.is_file, Path(folder).rglob("*")))
    if is_folder or (os.path.exists(packed) and f" {ref}/".encode() in Path(packed).read_bytes()):
        raise VersionExists(
            f"tag '{name}' cannot be set: other tags begin with '{name}/'",
            hint=f"see them with `git tag --list '{name}/*'`; gms never makes such tags",
        )
    lock = f"{folder}.lock"
    if os.path.exists(lock):
        os.close(make_lock(repository, ref, until))
        os.unlink(lock)


def set_tag(
    repository: Repository, name: str, old: str | None, new: str, *, until: float | None = None
) -> bool:
    """Let a tag hold an object; False if it does not hold `old`. Hold the writer lock."""
    # Tags never move; `operations/mend.py` says what the one exception is.
    ref = f"refs/tags/{name}"

    def is_free() -> bool:
        make_way(f"{repository.common_dir}/{ref}")
        return repository.ref(ref) == old

    return _swap(repository, ref, new, is_free, until)


def restore(
    repository: Repository, ref: str, oid: str | None, *, instead_of: str | None = None
) -> None:
    """Write the id that a damaged ref held, or remove the ref. Hold the writer lock."""
    # `oid`: None removes the file, for a ref that never held anything or that packed-refs knows.
    # `instead_of`: what the file says, where that looks like a ref and names nothing.
    path = repository.common_dir / ref

    def is_free() -> bool:
        return not _is_ref(path) or held_by(repository, ref) == instead_of

    _swap(repository, ref, oid, is_free, durable=True)


def put(repository: Repository, ref: str, oid: str) -> None:
    """Let a ref hold an id, durably, whatever it held."""
    _swap(repository, ref, oid, lambda: True, durable=True)


def _swap(
    repository: Repository,
    ref: str,
    new: str | None,
    is_free: Callable[[], bool],
    until: float | None = None,
    durable: bool = False,
    log: Callable[[], None] = lambda: None,
) -> bool:
    """Let a ref hold an id, or be gone, if under its lock it still is as it should be."""
    path = f"{repository.common_dir}/{ref}"
    folder, lock = os.path.dirname(path), f"{path}.lock"
    with writing(folder):
        descriptor = make_lock(repository, ref, until)
        try:
            with open(descriptor, "wb", buffering=0) as file:
                if new is not None:
                    file.write(f"{new}\n".encode())  # first of all: it says whose lock it is
                can_move = is_free()
                if durable and can_move:
                    os.fsync(descriptor)
            if not can_move:
                os.unlink(lock)
                return False
            log()
            make_way(path)
            if new is not None:
                os.replace(lock, path)
            else:
                _unlink(path)
                os.unlink(lock)
        except BaseException:  # Ctrl-C too must leave no lock
            _unlink(lock)
            raise
        if durable:
            sync_folder(folder)
    return True


def remove_own(repository: Repository, new: str, tags: Mapping[str, str], *, died: bool) -> None:
    """Remove the locks that a writer of ours left on branch and tags. Hold the writer lock."""
    # What a lock holds says whose it is. An empty one is of a writer that `died` between making and
    # filling it, which takes microseconds.
    oids = {repository.branch: new} | {f"refs/tags/{name}": oid for name, oid in tags.items()}
    for ref, oid in oids.items():
        lock = repository.common_dir / f"{ref}.lock"
        with writing(lock), suppress(FileNotFoundError):
            if died and not lock.read_text(errors="replace"):
                time.sleep(0.1)
            if lock.read_text(errors="replace").strip() in ((oid, "") if died else (oid,)):
                lock.unlink()


def remove_corpse(path: Path) -> bool:
    """Remove a `.lock` file that a dead process left; return whether there was one."""
    # Under the writer lock: our own writers are out of the question, and git's hold it for
    # milliseconds.
    try:
        age = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return False
    if age < CORPSE_SECONDS:
        return False
    path.unlink(missing_ok=True)
    return True


def make_way(path: str) -> None:
    """Remove what is not a ref: the empty file that a power cut leaves, empty folders."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return
    if stat.S_ISDIR(status.st_mode):
        for folder in sorted(Path(path).rglob("*"), reverse=True):
            folder.rmdir()
        os.rmdir(path)
    elif status.st_size == 0:
        os.unlink(path)


def make_lock(repository: Repository, ref: str, until: float | None = None) -> int:
    """Make the lock of a ref, as git does; return its descriptor. Waits `until`, or 0.5 s."""
    lock = f"{repository.common_dir}/{ref}.lock"
    for _ in processes.tries(time.monotonic() + _GIT_SECONDS if until is None else until):
        try:
            descriptor = _create(lock, repository.sharing)
            repository.sharing.adjust(descriptor)
            return descriptor
        except FileExistsError:
            remove_corpse(Path(lock))
    raise StoreBusy(
        f"{ref} is locked by a git process", hint=f"if no git is running, remove '{lock}'"
    )


def _create(lock: str, sharing: Sharing) -> int:
    for _ in range(100):  # git removes folders of refs that it has packed
        with suppress(FileNotFoundError):
            return os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with suppress(FileNotFoundError):
            sharing.make_folder(os.path.dirname(lock))
    return os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)


def _log(
    repository: Repository, old: str | None, new: str, who: Identity, when: datetime, what: str
) -> None:
    """Write the reflog as git does: where one is kept, of the branch and of a HEAD upon it."""
    line = f"{old or _NO_COMMIT} {new} {who.at(when)}\t{what}\n".encode()
    names = [repository.branch]
    with open(f"{repository.common_dir}/HEAD", "rb", 0) as head:
        if head.read().strip() == f"ref: {repository.branch}".encode():
            names.append("HEAD")
    kept = repository.setting("core.logallrefupdates") or str(repository.work_tree is not None)
    for name in names:
        path = f"{repository.common_dir}/logs/{name}"
        flags = os.O_WRONLY | os.O_APPEND
        if kept.lower() in ("true", "always"):
            flags |= os.O_CREAT
            repository.sharing.make_folder(os.path.dirname(path))
        with suppress(FileNotFoundError), open(os.open(path, flags, 0o666), "wb", 0) as log:
            log.write(line)
            with suppress(PermissionError):  # another user's
                repository.sharing.adjust(log.fileno())


# What is known of refs that are damaged.


def damaged(repository: Repository) -> list[str]:
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
            if name == ref and is_oid(oid):
                return oid
    return None


def logged(repository: Repository, ref: str) -> Iterator[str]:
    """Yield the ids that a ref had, the last first, from its reflog."""
    path = repository.common_dir / "logs" / ref
    with suppress(OSError):  # it may be a folder, or lie below a file
        for line in reversed(path.read_text(errors="replace").splitlines()):
            oid = line[41:81]
            if is_oid(oid) and set(oid) != {"0"}:
                yield oid


def held_by(repository: Repository, ref: str) -> str | None:
    """Return what the file of a ref says, whatever that is; None where there is no such file."""
    with suppress(OSError):
        return (repository.common_dir / ref).read_text(errors="replace").strip()
    return None


def _is_ref(path: Path) -> bool:
    try:
        text = path.read_text(errors="replace").strip()
    except OSError:
        return False
    return text.startswith("ref: ") or is_oid(text)


# The index of a work tree, as far as replacing entries of plain files goes.

_HEADER = struct.Struct(">4sLL")  # signature, version, number of entries
_STAT = struct.Struct(">10L20sH")  # ten fields of stat, the id, flags
_SIZE = slice(36, 40)  # of the file, among these
_EXTENSION = struct.Struct(">4sL")
CHECKSUM_BYTES = 20
_MOST_NAME = 0xFFF  # a longer name has this as its length
_VERSIONS = (2, 3)
_PLAIN_FILE = 0o100644


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One entry."""

    raw: bytes  # as it stands in the file, with its padding
    oid: str
    modified_at: int  # the file's mtime when it was staged, in whole seconds
    # a plain file with no flag set: not in conflict, assumed unchanged, left out of the work tree
    # or added without content
    is_plain: bool

    @property
    def size_bytes(self) -> int:
        """The file's size when it was staged, modulo 2^32."""
        return int.from_bytes(self.raw[_SIZE], "big")

    def without_size(self) -> IndexEntry:
        """Return the entry as git marks one whose file it has to read to tell what changed."""
        return replace(self, raw=self.raw[: _SIZE.start] + bytes(4) + self.raw[_SIZE.stop :])


def read(path: Path) -> dict[str, IndexEntry] | None:
    """Return the entries by path; None where only git itself should read the file."""
    data = path.read_bytes()
    if len(data) < _HEADER.size + CHECKSUM_BYTES:
        return None
    signature, version, count = _HEADER.unpack_from(data)
    if signature != b"DIRC" or version not in _VERSIONS or not is_sound(data):
        return None
    entries: dict[str, IndexEntry] = {}
    position = _HEADER.size
    for _ in range(count):
        *stat, oid, flags = _STAT.unpack_from(data, position)
        if flags & 0x4000:  # extended: sparse checkouts, git add --intent-to-add
            return None
        start = position + _STAT.size
        end = data.index(b"\0", start)
        size = _padded(end - position)
        entries[os.fsdecode(data[start:end])] = IndexEntry(
            data[position : position + size],
            oid.hex(),
            stat[2],
            stat[6] == _PLAIN_FILE and flags == min(end - start, _MOST_NAME),
        )
        position += size
    if len(entries) != count or not _can_be_dropped(data, position):
        return None
    return entries


def staged(path: str, oid: str, stat: os.stat_result) -> IndexEntry:
    """Return the entry of a plain file that was just written."""
    name = os.fsencode(path)
    fields = (
        *divmod(stat.st_ctime_ns, 10**9),
        *divmod(stat.st_mtime_ns, 10**9),
        stat.st_dev,
        stat.st_ino,
        _PLAIN_FILE,
        stat.st_uid,
        stat.st_gid,
        stat.st_size,
    )
    head = _STAT.pack(
        *(field & 0xFFFFFFFF for field in fields), bytes.fromhex(oid), min(len(name), _MOST_NAME)
    )
    raw = (head + name).ljust(_padded(len(head) + len(name)), b"\0")
    return IndexEntry(raw, oid, stat.st_mtime_ns // 10**9, True)


def render(entries: Mapping[str, IndexEntry]) -> bytes:
    """Return the bytes of an index with these entries."""
    parts = [entries[path].raw for path in sorted(entries, key=os.fsencode)]
    data = _HEADER.pack(b"DIRC", 2, len(parts)) + b"".join(parts)
    return data + hashlib.sha1(data, usedforsecurity=False).digest()


def _padded(size: int) -> int:
    """Entries end with one to eight zero bytes, at a multiple of eight."""
    return size // 8 * 8 + 8


def is_sound(data: bytes) -> bool:
    """Whether a file of git ends with the checksum of what is before that."""
    digest = hashlib.sha1(data[:-CHECKSUM_BYTES], usedforsecurity=False).digest()
    return data[-CHECKSUM_BYTES:] == digest


def _can_be_dropped(data: bytes, position: int) -> bool:
    """Whether all extensions are optional: their names begin with a capital letter."""
    end = len(data) - CHECKSUM_BYTES
    while position < end:
        name, size = _EXTENSION.unpack_from(data, position)
        if not name[:1].isupper():
            return False
        position += _EXTENSION.size + size
    return position == end


# git's lock of an index, taken so that it is known as ours: the next writer removes a dead one's.

_MARK = "index.gitmodelstore"  # another name of our index.lock, which git's has not
_ASIDE = "index.gitmodelstore-aside"  # the index on which a git of ours works


def take(git_dir: Path, *, until: float = 0.0, sharing: Sharing = UNSHARED) -> Path:
    """Lock the index as git does, `until` a `time.monotonic`; FileExistsError if git holds it."""
    for _ in processes.tries(until):
        with suppress(FileExistsError):
            return _take(git_dir, sharing)
    return _take(git_dir, sharing)


def _take(git_dir: Path, sharing: Sharing) -> Path:
    lock, mark = git_dir / "index.lock", f"{git_dir}/{_MARK}"
    _unlink(mark)
    _create_file(mark, sharing)
    try:
        os.link(mark, lock)
    except FileExistsError:
        os.unlink(mark)
        raise
    except OSError:  # a file system without a second name for a file: then it is as git's
        os.unlink(mark)
        _create_file(lock, sharing)
    return lock


def set_aside(git_dir: Path) -> Path:
    """Rename a locked index so that a git of ours can work on it; its times are kept."""
    aside, index = git_dir / _ASIDE, git_dir / "index"
    _clear_aside(git_dir)
    if index.exists():
        try:
            os.link(index, aside)
        except OSError:
            import shutil

            shutil.copy2(index, aside)
    return aside


def put_back(git_dir: Path) -> None:
    """Make what a git of ours has written the index."""
    with suppress(FileNotFoundError):
        os.replace(git_dir / _ASIDE, git_dir / "index")


def release(git_dir: Path) -> None:
    """Give the lock back, and remove what bears our names."""
    _clear_aside(git_dir)
    _unlink(f"{git_dir}/index.lock")
    _unlink(f"{git_dir}/{_MARK}")


def remove_own_index(git_dir: Path) -> None:
    """Remove what a writer of ours left; the lock only where it is ours."""
    lock, mark = git_dir / "index.lock", git_dir / _MARK
    with suppress(OSError):
        _clear_aside(git_dir)
        if lock.samefile(mark):
            lock.unlink()
        mark.unlink()


def _create_file(path: str | Path, sharing: Sharing) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    sharing.adjust(path)


def _clear_aside(git_dir: Path) -> None:
    for name in (_ASIDE, f"{_ASIDE}.lock"):
        _unlink(f"{git_dir}/{name}")


def _unlink(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)
