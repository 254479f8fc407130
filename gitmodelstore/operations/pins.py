"""Pin versions of a store in the lock file of a repository that uses them, and check the pins."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path

from gitmodelstore.checks.fault import Fault
from gitmodelstore.errors import (
    CannotWrite,
    FormatError,
    GitFailed,
    IntegrityError,
    LockError,
    NotAStore,
)
from gitmodelstore.lean import TYPE_CHECKING, Any, dataclass
from gitmodelstore.lineage import public_url, without_credentials
from gitmodelstore.operations.load import (
    bring,
    load,
    load_folder,
    read_file,
    verified_parts,
    warm,
    warn_if_withdrawn,
)
from gitmodelstore.operations.resolve import manifest_sha256, resolve
from gitmodelstore.operations.snapshot import Snapshot, find, is_store
from gitmodelstore.operations.validate import validate_folder
from gitmodelstore.plumbing import ml_repository
from gitmodelstore.plumbing.files import check_absent
from gitmodelstore.plumbing.ml_repository import (
    SYNCED,
    Clone,
    Lock,
    LockedModel,
    LockedPipeline,
    fingerprint,
    folder_of,
    locate,
    lock_faults,
    read_lock,
)
from gitmodelstore.plumbing.repository import Repository, exclude, writing
from gitmodelstore.values.manifest import MOST_BYTES, Manifest
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import CARD, LOCK_FILE, MANIFEST, PIPELINE, WITHDRAWN, folder

if TYPE_CHECKING:
    from gitmodelstore.pickles.load import Reader

_ELSEWHERE = "lock versions in the repository whose code uses them"


@dataclass(frozen=True, slots=True)
class Pinned:
    """One version that `lock` has put into the file.

    Attributes:
        version: which.
        before: the version that was locked until then; None if there was none.
        new_inputs: whether it takes different inputs from that one.
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
    """Return the work tree around a folder, for a lock file; a store has none."""
    try:
        around = Repository.discover(place)
    except NotAStore:
        raise LockError(
            f"'{place.absolute()}' is not in a git repository",
            hint=f"{_ELSEWHERE}; `git init` creates one",
        ) from None
    if around.work_tree is None or is_store(around):
        raise LockError(
            f"'{around.work_tree or around.common_dir}' is the store itself", hint=_ELSEWHERE
        )
    return around.work_tree


def store_for(place: Path) -> Repository:
    """Return the store that the lock file of `place` is about, which may name it."""
    path = ml_repository.find(place)
    lock = ml_repository.read(path) if path else None
    return find(locate(path.parent if path else place, lock))


def lock(repository: Repository, refs: Iterable[str | ModelVersion], top: Path) -> Locked:
    """Pin versions in the lock file of the folder `top`, as `Store.lock` says."""
    snapshot = Snapshot.now(repository)
    path = top / LOCK_FILE
    before = ml_repository.read(path).models if path.exists() else {}
    store = store_name(repository, top)
    pinned: dict[str, Pinned] = {}
    models: dict[str, LockedModel] = {}  # where two are of one model the last one counts
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
    wanted = Lock(store, {**before, **models})
    return Locked(path, tuple(pinned.values()), ml_repository.write(path, wanted))


def entry_of(snapshot: Snapshot, version: ModelVersion) -> LockedModel:
    manifest = snapshot.manifest(version)
    entry = manifest.artifact(PIPELINE)
    assert entry is not None  # noqa: S101 - a manifest without it cannot be read
    sha256, inputs = (
        manifest_sha256(snapshot, version),
        fingerprint(manifest.features),
    )
    pipeline = LockedPipeline(entry.sha256, entry.size_bytes)
    return LockedModel(version.version, version.tag, version.commit, sha256, pipeline, inputs)


def check_lock(path: Path, clone: Path | None = None, *, fetch: bool = False) -> tuple[Fault, ...]:
    """Return every difference between a lock file and the store, as it was last fetched.

    `clone` is one of the store; None for the one that `locate` finds.
    """
    try:
        data = path.read_bytes()
    except OSError:
        raise LockError(
            f"'{path.parent}' has no {LOCK_FILE}", hint="write one with `gms lock REF`"
        ) from None
    pinned, faults = read_lock(data, LOCK_FILE)
    if pinned is None:
        return faults
    opened = Clone(clone or locate(path.parent, pinned))
    if fetch:
        remote, url = opened.remote()
        try:
            opened.fetch(remote)
        except GitFailed as error:
            if not error.stderr:  # it is git that could not be started
                raise
            from gitmodelstore.plumbing.remotes import unreachable  # it takes 50 ms to import

            raise unreachable(remote, without_credentials(url), error.stderr) from None
    return tuple(lock_faults(pinned, opened.held(pinned), LOCK_FILE))


def pinned_version(
    repository: Repository, model: str, locked: LockedModel
) -> tuple[Snapshot, ModelVersion]:
    """Return the locked version and its snapshot: the branch, or a commit fetched alone."""
    snapshot = Snapshot.now(repository)
    if snapshot.registry.status(model, locked.version) is None:
        commit = repository.find_commit(locked.commit)
        if commit is None:
            raise LockError(
                f"{model} {locked.version}, which is locked, is not in the store",
                hint="fetch it with `git fetch` in the store, or see `gms lock --check --fetch`",
            )
        snapshot = Snapshot(repository, repository.commit(commit))
    version = snapshot.version(model, locked.version)
    path = f"{folder(model)}/{MANIFEST}"
    try:
        same = locked.pins(bytes(snapshot.read(version, MANIFEST)), path)
    except FormatError as error:
        raise IntegrityError(str(error), path=path, hint=error.hint) from None
    if not same:
        raise IntegrityError(
            f"{version} in the store is not the one that {LOCK_FILE} pins",
            path=path,
            hint="see what differs with `gms lock --check`",
        )
    return snapshot, version


def store_name(repository: Repository, top: Path) -> str:
    """Return how a lock file in `top` names a store: its URL, or its path from there."""
    url = repository.setting("remote.origin.url")
    if url and (address := public_url(url)):
        return address
    place = repository.work_tree or repository.common_dir
    return Path(os.path.relpath(place.resolve(), top.resolve())).as_posix()


# One version as plain files.


def download(
    snapshot: Snapshot, version: ModelVersion, target: Path, warming: Reader | None = None
) -> Path:
    """Write a version's files, verified, into a new folder; `warming` leaves a verdict there."""
    check_absent(target, "name another folder with -o DIR")
    manifest = snapshot.manifest(version)
    bring(snapshot, [version])
    with _folder_beside(target) as partial:
        declared = [entry.path for entry in manifest.artifacts]
        for name in dict.fromkeys([*snapshot.files(version), *declared]):
            with writing(target):
                file = (partial / name).open("wb")
            with file:
                for part in verified_parts(snapshot, version, name, manifest):
                    with writing(target):
                        file.write(part)
                with writing(target):
                    file.close()
        if warming is not None:
            warm(partial, warming, f"{folder(version.model)}/{PIPELINE} of {version}")
        with writing(target):
            partial.chmod(0o755)  # mkdtemp makes it private
            partial.replace(target)
    return target


@contextmanager
def _folder_beside(place: Path) -> Iterator[Path]:
    """Make a folder beside a place, so that one rename puts it there; what is left goes."""
    with writing(place.parent):
        place.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


# Put what a lock file pins into a folder, as plain files.

PRESENT, WRITTEN, REPLACED = "present", "written", "replaced"


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
    """Put each locked version, verified, into a folder of its own, as `Store.sync` says.

    The repository of the lock file is told to ignore `.models`. What was in the place of a
    file that is not here stays.
    """
    pinned = ml_repository.read(path)
    parent = path.parent / SYNCED if target is None else target
    if target is None:
        with suppress(NotAStore):
            around = Repository.discover(path.parent)
            if around.work_tree is not None:
                inside = path.parent.resolve().relative_to(around.work_tree.resolve())
                exclude(around, f"/{(inside / SYNCED).as_posix()}/")
    pairs = [pinned_version(repository, *one) for one in pinned.models.items()]
    if pairs:
        bring(pairs[0][0], [version for _, version in pairs])
    return tuple(_one(repository, model, locked, parent) for model, locked in pinned.models.items())


def _one(repository: Repository, model: str, locked: LockedModel, parent: Path) -> Synced:
    snapshot, version = pinned_version(repository, model, locked)
    place = folder_of(parent, model, locked)
    if is_whole(place, locked):
        return Synced(version, place, PRESENT)
    occupied = place.exists() or place.is_symlink()
    with _folder_beside(place) as work:
        fresh = download(snapshot, version, work / "new")
        if not is_whole(fresh, locked):
            raise CannotWrite(f"'{fresh}' is not what was written there", hint="try again")
        with writing(place):
            if occupied:
                place.replace(work / "old")
            fresh.replace(place)
    return Synced(version, place, REPLACED if occupied else WRITTEN)


def is_whole(place: Path, locked: LockedModel) -> bool:
    """Return whether a folder is exactly the locked version: every file, and no other."""
    if place.is_symlink() or not place.is_dir():
        return False
    try:
        with (place / MANIFEST).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if hashlib.sha256(data).hexdigest() != locked.manifest_sha256:
            return False
        declared = {entry.path for entry in Manifest.parse(data).artifacts}
        names = {file.name for file in place.iterdir()}
        return names == declared | {MANIFEST, CARD} and not validate_folder(place)
    except (OSError, FormatError, NotAStore):
        return False


# Load the version that a lock file pins.

_SYNC = "fetch what is locked with `gms sync`"


def locked_in(place: Path, model: str) -> tuple[Path, LockedModel] | None:
    """Return the lock file around `place` that pins a model, and what it pins; None without one."""
    path = ml_repository.find(place)
    if path is None:
        return None
    entry = ml_repository.read(path).models.get(model)
    return None if entry is None else (path, entry)


def load_locked(
    path: Path,
    model: str,
    locked: LockedModel,
    reader: Reader,
    find_place: Callable[[], str | PathLike[str] | None],
    may_be_synced: bool,
    environment: str,
) -> Any:
    """Return the locked pipeline, and no other; raises as `Store.load`.

    It comes from the folder that `sync` wrote, if that is allowed and there is one, which needs no
    store and no git; otherwise from the store that `find_place` returns or, if that is None, from
    the one that the lock file or a pyproject.toml names.
    """
    synced = folder_of(path.parent / SYNCED, model, locked)
    if may_be_synced and synced.is_dir():
        manifest = synced / MANIFEST
        try:
            if not locked.pins(read_file(manifest), str(manifest)):
                raise IntegrityError(f"'{synced}' is not what {LOCK_FILE} pins", path=str(manifest))
            digest = f"sha256:{locked.manifest_sha256}"
            return load_folder(synced, reader, digest=digest, environment=environment)
        except (IntegrityError, NotAStore) as error:
            place = error.path if isinstance(error, IntegrityError) else str(manifest)
            raise IntegrityError(str(error), path=place, hint=_SYNC) from None
    named = find_place()
    repository = store_for(path.parent) if named is None else find(named)
    snapshot, version = pinned_version(repository, model, locked)
    warn_if_withdrawn(version)
    return load(snapshot, version, reader, environment=environment)
