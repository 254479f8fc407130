"""The calls of a training script and of a service, without a store in hand."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gitmodelstore.store import Store
from gitmodelstore.values.model_version import ModelVersion


def register_model(
    pipeline: Any, model: str, *, store: str | Path | None = None, **details: Any
) -> ModelVersion:
    """Keep a fitted pipeline as a new version of a model; see `Store.register`.

    Args:
        pipeline: a fitted scikit-learn estimator, or the path of a joblib file.
        model: the model's name.
        store: the store's path; None for the one that `Store.open` finds.
        details: what else `Store.register` takes.
    """
    return Store.open(store).register(pipeline, model, **details)


def load_model(
    ref: str | ModelVersion, *, store: str | Path | None = None, trusted: Iterable[str] = ()
) -> Any:
    """Return the pipeline that `ref` names, verified and ready to predict; see `Store.load`.

    What is no part of a pipeline is refused before it acts. That is no sandbox: load
    models of people you trust (docs/security.md).

    Args:
        ref: such as "churn@production".
        store: the store's path; None for the one that `Store.open` finds.
        trusted: packages and classes of your own that it may hold; see `Store`.
    """
    return Store.open(store, trusted=trusted).load(ref)


def version_of(pipeline: Any) -> ModelVersion:
    """Return the version that a loaded pipeline is.

    Raises:
        StoreError: this object was not loaded from a store in this process.
    """
    from gitmodelstore.operations.load import version_of

    return version_of(pipeline)
