"""A Git-native model store for scikit-learn pipelines.

    import gitmodelstore as gms

    gms.register_model(pipeline, "churn", X_test=X_test, y_test=y_test)
    model = gms.load_model("churn@production")

Importing this package imports nothing but the standard library; what a call
needs is imported when the call is made. Every error and warning is a class of
`gitmodelstore.errors`.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in lean.py: the hooks of ML repositories import no more than this
if TYPE_CHECKING:  # what editors and type checkers see of what __getattr__ imports
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from os import PathLike
    from typing import Any

    from gitmodelstore import errors as errors
    from gitmodelstore.checks.signatures import Approval as Approval
    from gitmodelstore.errors import (
        CannotReproduce as CannotReproduce,
        EnvironmentWarning as EnvironmentWarning,
        GateNotPassed as GateNotPassed,
        IntegrityError as IntegrityError,
        InvalidQuery as InvalidQuery,
        LockError as LockError,
        PipelineRaised as PipelineRaised,
        RefusedPickle as RefusedPickle,
        SignatureError as SignatureError,
        StoreError as StoreError,
        StoreWarning as StoreWarning,
    )
    from gitmodelstore.operations.audit import Audit as Audit
    from gitmodelstore.operations.reproduce import Bisection as Bisection, Trial as Trial
    from gitmodelstore.operations.search import FieldChange as FieldChange
    from gitmodelstore.operations.load import EnvironmentReport as EnvironmentReport
    from gitmodelstore.operations.reproduce import Reproduction as Reproduction
    from gitmodelstore.operations.search import Match as Match
    from gitmodelstore.operations.site import Site as Site
    from gitmodelstore.store import Store as Store
    from gitmodelstore.values.gates import Annotation as Annotation
    from gitmodelstore.values.diff import Diff as Diff
    from gitmodelstore.values.events import Event as Event
    from gitmodelstore.values.manifest import Manifest as Manifest
    from gitmodelstore.values.events import Holding as Holding, Withdrawal as Withdrawal
    from gitmodelstore.values.model_version import (
        ModelSummary as ModelSummary,
        ModelVersion as ModelVersion,
    )
    from gitmodelstore.values.names import Version as Version

__version__ = "0.1.0"

# Where each public name lives that is imported when it is first used.
_HOMES = {
    "Annotation": "values.gates",
    "Approval": "checks.signatures",
    "Audit": "operations.audit",
    "Bisection": "operations.reproduce",
    "CannotReproduce": "errors",
    "EnvironmentReport": "operations.load",
    "EnvironmentWarning": "errors",
    "GateNotPassed": "errors",
    "IntegrityError": "errors",
    "InvalidQuery": "errors",
    "LockError": "errors",
    "PipelineRaised": "errors",
    "RefusedPickle": "errors",
    "Reproduction": "operations.reproduce",
    "SignatureError": "errors",
    "Diff": "values.diff",
    "Event": "values.events",
    "FieldChange": "operations.search",
    "Holding": "values.events",
    "Manifest": "values.manifest",
    "Match": "operations.search",
    "ModelSummary": "values.model_version",
    "ModelVersion": "values.model_version",
    "Site": "operations.site",
    "Store": "store",
    "StoreError": "errors",
    "StoreWarning": "errors",
    "Trial": "operations.reproduce",
    "Version": "values.names",
    "Withdrawal": "values.events",
}


_SHORTCUTS = ("load_model", "register_model", "version_of")
__all__ = ["__version__", "errors", *_SHORTCUTS, *_HOMES]


if not TYPE_CHECKING:  # which would take any name for a public one

    def __getattr__(name: str) -> object:
        """Import what a public name needs when it is first used (PEP 562)."""
        from importlib import import_module

        if name == "errors":
            return import_module("gitmodelstore.errors")
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'gitmodelstore' has no attribute '{name}'")
        value = getattr(import_module(f"gitmodelstore.{home}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """Return what is public, and no more: other names may change at any time."""
    return sorted(__all__)


# The calls of a training script and of a service, without a store in hand.

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
    from os import PathLike
    from pathlib import Path

    from gitmodelstore.errors import InvalidInput
    from gitmodelstore.operations.load import load_folder, reader_of
    from gitmodelstore.values.model_version import expect, expect_flags, expect_given

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
        raise InvalidInput(
            f"digest= is for a folder, and {str(ref)!a} names a version of a store",
            hint="leave it out, or name a folder that `gms get` wrote, such as './churn-1.2.0'",
        )
    if text and not set("@#:").intersection(text):
        from gitmodelstore.operations.pins import load_locked, locked_in

        def place() -> str | PathLike[str] | None:
            from gitmodelstore.store import place_of

            return place_of(store)

        if pinned := locked_in(Path(), text):
            path, locked = pinned
            reader = reader_of(trusted, cache=cache)
            may_be_synced = store is None
            return load_locked(path, text, locked, reader, place, may_be_synced, environment)
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
