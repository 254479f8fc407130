"""Put what a lock file pins into a folder, as plain files."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gitmodelstore.errors import CannotWrite, FormatError, NotAStore
from gitmodelstore.operations.download import download
from gitmodelstore.operations.lock import pinned_version
from gitmodelstore.plumbing import lockfile
from gitmodelstore.plumbing.exclude import exclude
from gitmodelstore.plumbing.lockfile import SYNCED, folder_of
from gitmodelstore.plumbing.repository import Repository, writing
from gitmodelstore.values.layout import CARD, MANIFEST
from gitmodelstore.values.lock import LockedModel
from gitmodelstore.values.manifest import MOST_BYTES, Manifest
from gitmodelstore.values.model_version import ModelVersion

PRESENT, WRITTEN, REPLACED = "present", "written", "replaced"
_NOTES = frozenset({MANIFEST, CARD})  # what no manifest lists


@dataclass(frozen=True, slots=True)
class Synced:
    """One locked version in the folder.

    Attributes:
        version: which.
        path: its folder.
        what: "present" where it was there and whole, "written", or "replaced" where
            something else was there.
    """

    version: ModelVersion
    path: Path
    what: str


def sync(repository: Repository, path: Path, target: Path | None = None) -> tuple[Synced, ...]:
    """Put each locked version, verified, into a folder of its own `<model>-<version>`.

    Args:
        repository: the store.
        path: the lock file.
        target: where the folders go; None for `.models` beside the lock file, which its
            repository is then told to ignore.

    Raises:
        LockError: the lock file or a locked version is not there.
        FormatError: the lock file cannot be understood.
        IntegrityError, MissingObject: a file is not the one that is locked; what was in its
            place stays.
        CannotWrite: the disk does not take it.
    """
    pinned = lockfile.read(path)
    parent = path.parent / SYNCED if target is None else target
    if target is None:
        _ignore(path.parent)
    return tuple(_one(repository, model, locked, parent) for model, locked in pinned.models.items())


def _ignore(top: Path) -> None:
    """Have the repository around a lock file ignore the folder, if there is a repository."""
    try:
        repository = Repository.discover(top)
    except NotAStore:
        return
    if repository.work_tree is not None:
        inside = top.resolve().relative_to(repository.work_tree.resolve())
        exclude(repository, f"/{(inside / SYNCED).as_posix()}/")


def _one(repository: Repository, model: str, locked: LockedModel, parent: Path) -> Synced:
    snapshot, version = pinned_version(repository, model, locked)
    place = folder_of(parent, model, locked)
    if is_whole(place, locked):
        return Synced(version, place, PRESENT)
    occupied = place.exists() or place.is_symlink()
    with writing(parent):
        parent.mkdir(parents=True, exist_ok=True)
        # Beside the place, so that one rename puts the whole of it there.
        work = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=parent))
    try:
        fresh = download(snapshot, version, work / "new")
        if not is_whole(fresh, locked):
            raise CannotWrite(f"'{fresh}' is not what was written there", hint="try it again")
        with writing(place):
            if occupied:
                place.replace(work / "old")
            fresh.replace(place)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Synced(version, place, REPLACED if occupied else WRITTEN)


def is_whole(place: Path, locked: LockedModel) -> bool:
    """Return whether a folder is exactly the locked version: every file, and no other."""
    if place.is_symlink() or not place.is_dir():
        return False
    try:
        data = _read(place / MANIFEST, MOST_BYTES + 1)
        if hashlib.sha256(data).hexdigest() != locked.manifest_sha256:
            return False
        declared = {entry.path: entry for entry in Manifest.parse(data).artifacts}
        found = {held.name for held in place.iterdir()}
        return found == declared.keys() | _NOTES and all(
            _facts(place / name) == (entry.sha256, entry.size_bytes)
            for name, entry in declared.items()
        )
    except (OSError, FormatError):
        return False


def _read(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        return file.read(most)


def _facts(path: Path) -> tuple[str, int] | None:
    """Return SHA-256 and size of a plain file; None of anything else."""
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
