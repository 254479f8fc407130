"""The calls of a training script and of a service, without a store in hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from os import PathLike
from pathlib import Path

from gitmodelstore.errors import IntegrityError, NotAStore
from gitmodelstore.lean import TYPE_CHECKING, Any
from gitmodelstore.operations.load import load_folder, read_file, reader_of
from gitmodelstore.plumbing import ml_repository
from gitmodelstore.plumbing.ml_repository import SYNCED, LockedModel, folder_of
from gitmodelstore.values.model_version import ModelVersion, expect, expect_flags, expect_given
from gitmodelstore.values.names import LOCK_FILE, MANIFEST

if TYPE_CHECKING:
    from gitmodelstore.pickles.load import Reader
    from gitmodelstore.values.names import Version

_OF_MLFLOW = "models:"  # the spelling of another tool, see values/model_version.py


def register_model(
    pipeline: Any,
    model: str,
    *,
    store: str | PathLike[str] | None = None,
    X_test: Any = None,
    y_test: Any = None,
    test: Any = None,
    parse_dates: Sequence[str] = (),
    baseline: bool = False,
    sample: str | None = "synthetic",
    sample_from: Any = None,
    data: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    target: str | None = None,
    card: Mapping[str, str] | None = None,
    message: str = "",
    version: str | Version | None = None,
    bump: str = "auto",
    allow_backport: bool = False,
    if_changed: bool = False,
    code: str | PathLike[str] | None = "auto",
    keep_diff: bool = False,
    trained_at: datetime | None = None,
    custom: Mapping[str, Any] | None = None,
    run: bool = True,
    sign: bool | None = None,
    push: bool | None = None,
    propose: bool | str = False,
) -> ModelVersion:
    """Keep a fitted pipeline as a new version of a model; see `Store.register`.

    >>> print(gms.register_model(pipeline, "churn", store="models", X_test=X_test))
    churn 1.3.0

    Args:
        pipeline: a fitted scikit-learn estimator, or the path of a joblib file.
        model: the model's name.
        store: the store's path or URL; None for the one that `Store.open` finds.
        X_test, y_test, test, parse_dates, baseline, sample, sample_from, data, metrics, target,
            card, message, version, bump, allow_backport, if_changed, code, keep_diff,
            trained_at, custom, run, sign, push, propose: as for `Store.register`.

    Returns:
        The version; see `Store.register`.

    Raises: as `Store.register`, and as `Store.open`.
    """
    options = {name: value for name, value in locals().items() if name != "store"}
    from gitmodelstore.store import Store

    return Store.open(store).register(**options)


def load_model(
    ref: str | PathLike[str] | ModelVersion,
    *,
    store: str | PathLike[str] | None = None,
    trusted: Iterable[str] = (),
    digest: str | None = None,
    environment: str = "warn",
    cache: bool = True,
) -> Any:
    """Return the pipeline that `ref` names, verified and ready to predict, as `Store.load`.

    Inside a repository with a modelstore.lock.json that pins a model, the name of the model
    alone means the locked version; any other reference means what it says.

    >>> model = gms.load_model("churn@production", store="models")
    >>> len(model.predict(X_test))
    40

    Args:
        ref: such as "churn@production", or "churn" for the locked version; or a folder that
            `gms get` wrote, as a Path or as text with a slash, such as "/srv/churn-1.2.0". A
            folder needs no store, no git, no home folder and no disk to write to.
        store: the store's path or URL; None for the one that `Store.open` finds.
        trusted, cache: as for `Store`.
        digest: for a folder, the SHA-256 that its manifest.json must have; None for any.
        environment: as for `Store.load`.

    Raises: as `Store.load`; NotAStore for a folder without a version; LockError if the store
        does not have the locked version.
    """
    text = ref if isinstance(ref, str) else ""
    folder = Path(ref) if isinstance(ref, PathLike) else None
    if "/" in text and not text.startswith(_OF_MLFLOW):
        folder = Path(text)
    if folder is None:
        expect(ref=ref)
    expect(environment=environment)
    expect_given(path=store, digest=digest)
    expect_flags(cache=cache)
    if folder is not None:
        reader = reader_of(trusted, cache=cache)
        return load_folder(folder, reader, digest=digest, environment=environment)
    if digest is not None:
        from gitmodelstore.errors import InvalidInput

        raise InvalidInput(
            f"digest= is for a folder, and {str(ref)!a} names a version of a store",
            hint="leave it out, or name a folder that `gms get` wrote, such as './churn-1.2.0'",
        )
    if text and not set("@#:").intersection(text) and (pinned := locked_in(Path(), text)):
        path, locked = pinned
        reader = reader_of(trusted, cache=cache)
        return load_locked(path, text, locked, reader, store=store, environment=environment)
    from gitmodelstore.store import Store

    opened = Store.open(store, trusted=trusted, cache=cache)
    return opened.load(ref, environment=environment)  # type: ignore[arg-type]


def version_of(pipeline: Any) -> ModelVersion:
    """Return which version a loaded pipeline is.

    >>> print(gms.version_of(gms.load_model("churn@production", store="models")))
    churn 1.1.0

    Args:
        pipeline: an object that `load_model` or `Store.load` returned.

    Raises:
        StoreError: this object was not loaded from a store in this process.
    """
    from gitmodelstore.operations.load import version_of

    return version_of(pipeline)


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
    *,
    store: str | PathLike[str] | None = None,
    environment: str = "warn",
) -> Any:
    """Return the locked pipeline, and no other; raises as `Store.load`.

    It comes from the folder that `sync` wrote, if there is one, which needs no store and no
    git; otherwise from `store` or, if that is None, from the store that the lock file or a
    pyproject.toml names.
    """
    synced = folder_of(path.parent / SYNCED, model, locked)
    if store is None and synced.is_dir():
        manifest = synced / MANIFEST
        try:
            if not locked.pins(read_file(manifest), str(manifest)):
                raise IntegrityError(f"'{synced}' is not what {LOCK_FILE} pins", path=str(manifest))
            digest = f"sha256:{locked.manifest_sha256}"
            return load_folder(synced, reader, digest=digest, environment=environment)
        except (IntegrityError, NotAStore) as error:
            place = error.path if isinstance(error, IntegrityError) else str(manifest)
            raise IntegrityError(str(error), path=place, hint=_SYNC) from None
    from gitmodelstore.operations.load import load, warn_if_withdrawn
    from gitmodelstore.operations.pins import pinned_version, store_for
    from gitmodelstore.operations.snapshot import find
    from gitmodelstore.store import place_of

    named = place_of(store)
    repository = store_for(path.parent) if named is None else find(named)
    snapshot, version = pinned_version(repository, model, locked)
    warn_if_withdrawn(version)
    return load(snapshot, version, reader, environment=environment)
