"""Pin versions of a store in the lock file of a repository that uses them, and check the pins."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gitmodelstore.checks.fault import Fault
from gitmodelstore.checks.lock import lock_faults, read_lock
from gitmodelstore.errors import FormatError, IntegrityError, LockError, NotAStore, StoreError
from gitmodelstore.lineage import is_url, without_credentials
from gitmodelstore.operations.discover import find, is_store
from gitmodelstore.operations.resolve import resolve
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.plumbing import lockfile
from gitmodelstore.plumbing.fetched import Clone, locate
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.layout import MANIFEST, PIPELINE, folder
from gitmodelstore.values.lock import FILE, Lock, LockedModel, LockedPipeline, fingerprint
from gitmodelstore.values.manifest import Manifest
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import WITHDRAWN

_SCP = re.compile(r"(?:[^/@:]+@)?[^/@:]{2,}:(?!//).+")  # host:path, as ssh has it; no drive letter


@dataclass(frozen=True, slots=True)
class Pinned:
    """One version that `lock` has put into the file.

    Attributes:
        version: which.
        before: the version that was locked until then; None when there was none.
        new_inputs: whether it takes other inputs than that one.
    """

    version: ModelVersion
    before: str | None
    new_inputs: bool


@dataclass(frozen=True, slots=True)
class Locked:
    """What `lock` did.

    Attributes:
        path: the lock file.
        pinned: the versions, in the order in which they were named.
        changed: whether the file says anything else than before.
    """

    path: Path
    pinned: tuple[Pinned, ...]
    changed: bool


def top_of(place: Path) -> Path:
    """Return the folder in which the lock file of the repository around `place` lies.

    Raises:
        LockError: there is no repository, or it is the store itself.
    """
    try:
        around = Repository.discover(place)
    except NotAStore:
        raise LockError(
            f"'{place.absolute()}' is in no git repository",
            hint="lock versions in the repository whose code uses them; `git init` makes one",
        ) from None
    if around.work_tree is None or is_store(around):
        raise LockError(
            f"'{around.work_tree or around.common_dir}' is the store itself",
            hint="lock versions in the repository whose code uses them",
        )
    return around.work_tree


def store_for(place: Path) -> Repository:
    """Return the store that the lock file of `place` is about.

    Raises:
        NotAStore: none is known, or it is not there.
        FormatError: the lock file, which may name it, cannot be understood.
    """
    path = lockfile.find(place)
    found = path.parent if path else place
    return find(locate(found, lockfile.read(path) if path else None))


def lock(repository: Repository, refs: Iterable[str | ModelVersion], top: Path) -> Locked:
    """Pin versions in the lock file of a repository; what else it pins stays.

    Args:
        repository: the store.
        refs: which versions; the last one counts where two are of one model.
        top: the folder of the lock file.

    Raises:
        LockError: a version is withdrawn, or `refs` is empty.
        FormatError: the lock file that is there cannot be understood.
        StoreError: as in `resolve`.
    """
    snapshot = Snapshot.now(repository)
    path = top / FILE
    before = lockfile.read(path).models if path.exists() else {}
    named = store_name(repository, top)
    pinned: dict[str, Pinned] = {}
    models: dict[str, LockedModel] = {}
    for ref in refs:
        version = resolve(snapshot, ref)
        if version.status == WITHDRAWN:
            raise LockError(
                f"{version} was withdrawn",
                hint=f"see why with `gms log {version.model}`, and lock another",
            )
        entry = entry_of(snapshot, version)
        old = before.get(version.model)
        changed = old is not None and old.features != entry.features
        models[version.model] = entry
        pinned[version.model] = Pinned(version, str(old.version) if old else None, changed)
    if not models:
        raise LockError("no version is named", hint="name one, as in `gms lock churn@1.2.0`")
    wanted = Lock(named, {**before, **models})
    return Locked(path, tuple(pinned.values()), lockfile.write(path, wanted))


def entry_of(snapshot: Snapshot, version: ModelVersion) -> LockedModel:
    """Return what a lock file says of a version.

    Raises:
        IntegrityError, FormatError: its manifest is not the one that was released.
    """
    manifest = snapshot.manifest(version)
    entry = manifest.artifact(PIPELINE)
    assert entry is not None  # noqa: S101 - a manifest without it cannot be read
    return LockedModel(
        version=version.version,
        tag=version.tag,
        commit=version.commit,
        manifest_sha256=hashlib.sha256(snapshot.read(version, MANIFEST)).hexdigest(),
        pipeline=LockedPipeline(entry.sha256, entry.size_bytes),
        features=fingerprint(manifest.features),
    )


def check_lock(path: Path, clone: Path | None = None, *, fetch: bool = False) -> tuple[Fault, ...]:
    """Return every difference between a lock file and the store, as it was last fetched.

    Args:
        path: the lock file.
        clone: of the store; None for the one that `locate` finds.
        fetch: whether to fetch from its remote first.

    Raises:
        LockError: there is no lock file.
        NotAStore, GitFailed: the store is not there, or cannot be fetched.
    """
    try:
        data = path.read_bytes()
    except OSError:
        raise LockError(
            f"there is no {FILE} in '{path.parent}'", hint="write one with `gms lock REF`"
        ) from None
    pinned, faults = read_lock(data, FILE)
    if pinned is None:
        return faults
    opened = Clone.open(clone or locate(path.parent, pinned))
    if fetch:
        opened.fetch()
    return tuple(lock_faults(pinned, opened.held(pinned), FILE))


def pinned_version(
    repository: Repository, model: str, locked: LockedModel
) -> tuple[Snapshot, ModelVersion]:
    """Return the version that is locked, and the snapshot to read it from.

    That is the store's branch, or the locked commit where the branch is not there yet:
    after a `git fetch` the commit is on this machine, and its bytes are pinned.

    Raises:
        LockError: it is not in the store.
        IntegrityError: what the store has under that number is not what is locked.
    """
    snapshot = Snapshot.now(repository)
    if snapshot.registry.status(model, locked.version) is None:
        found = repository.find_commit(locked.commit)
        if found is None:
            raise LockError(
                f"{model} {locked.version}, which is locked, is not in the store",
                hint="fetch it with `git fetch` in the store, or see `gms lock --check --fetch`",
            )
        snapshot = Snapshot(repository, repository.commit(found))
    version = snapshot.version(model, locked.version)
    _refuse_other(snapshot, version, locked)
    return snapshot, version


def _refuse_other(snapshot: Snapshot, version: ModelVersion, locked: LockedModel) -> None:
    """Refuse a version whose manifest, or pipeline by it, is not what is locked."""
    path = f"{folder(version.model)}/{MANIFEST}"
    data = bytes(snapshot.read(version, MANIFEST))
    found = hashlib.sha256(data).hexdigest()
    entry = None
    if found == locked.manifest_sha256:
        try:
            entry = Manifest.parse(data, path).artifact(PIPELINE)
        except FormatError as error:
            raise IntegrityError(str(error), path=path, hint=error.hint) from None
    pinned = locked.pipeline
    if entry is None or (entry.sha256, entry.size_bytes) != (pinned.sha256, pinned.size_bytes):
        raise IntegrityError(
            f"{version} in the store is not the one that {FILE} pins",
            path=path,
            hint="see what differs with `gms lock --check`",
        )


def store_name(repository: Repository, top: Path) -> str:
    """Return how a lock file in `top` names a store: its url, else its path from there."""
    url = repository.setting("remote.origin.url")
    if url and "::" not in url and (is_url(url) or _SCP.fullmatch(url)):
        bare = without_credentials(url).partition("?")[0].partition("#")[0]
        if not bare.startswith("file:"):
            return bare
    place = repository.work_tree or repository.common_dir
    try:
        relative = os.path.relpath(place.resolve(), top.resolve())
    except ValueError:  # on another drive
        raise StoreError(f"'{place}' cannot be reached from '{top}' by a relative path") from None
    return Path(relative).as_posix()
