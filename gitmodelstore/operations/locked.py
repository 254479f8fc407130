"""Load the version that a lock file pins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitmodelstore.errors import IntegrityError
from gitmodelstore.operations.folder import load_folder
from gitmodelstore.plumbing import ml_repository
from gitmodelstore.plumbing.ml_repository import SYNCED, folder_of
from gitmodelstore.values.manifest import MOST_BYTES
from gitmodelstore.values.pins import FILE, LockedModel
from gitmodelstore.values.version import MANIFEST

if TYPE_CHECKING:
    from gitmodelstore.pickles.load import Reader

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
    *,
    store: Path | None = None,
    environment: str = "warn",
) -> Any:
    """Return the pipeline that is locked, and no other; raises as `Store.load`.

    It comes from the folder that `sync` wrote, where there is one, which needs no store and
    no git; otherwise from the store. One that `store` names is asked first; None is the one
    that the lock file or a pyproject.toml names.
    """
    synced = folder_of(path.parent / SYNCED, model, locked)
    if store is None and synced.is_dir():
        return _from_folder(synced, locked, reader, environment)
    from gitmodelstore.operations.discover import find
    from gitmodelstore.operations.load import load, warn_if_withdrawn
    from gitmodelstore.operations.pins import pinned_version, store_for

    repository = store_for(path.parent) if store is None else find(store)
    snapshot, version = pinned_version(repository, model, locked)
    warn_if_withdrawn(version)
    return load(snapshot, version, reader, environment=environment)


def _from_folder(folder: Path, locked: LockedModel, reader: Reader, environment: str) -> Any:
    try:
        _refuse_other(folder, locked)
        digest = f"sha256:{locked.manifest_sha256}"
        return load_folder(folder, reader, digest=digest, environment=environment)
    except IntegrityError as error:
        raise IntegrityError(str(error), path=error.path, hint=_SYNC) from None


def _refuse_other(folder: Path, locked: LockedModel) -> None:
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError:
        raise IntegrityError(f"'{path}' cannot be read", path=str(path), hint=_SYNC) from None
    if not locked.pins(data, str(path)):
        raise IntegrityError(f"'{folder}' is not what {FILE} pins", path=str(path), hint=_SYNC)
