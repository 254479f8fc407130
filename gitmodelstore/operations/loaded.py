"""Which version each living pipeline came from; an estimator is never written to."""

from __future__ import annotations

import weakref
from typing import Any

from gitmodelstore.errors import StoreError
from gitmodelstore.values.model_version import ModelVersion

_loaded: dict[int, tuple[weakref.ref[Any], ModelVersion]] = {}


def version_of(pipeline: Any) -> ModelVersion:
    """Return the version that a loaded pipeline is.

    Raises:
        StoreError: this object was not loaded from a store in this process.
    """
    reference, version = _loaded.get(id(pipeline), (None, None))
    if reference is None or version is None or reference() is not pipeline:
        raise StoreError(
            f"this {type(pipeline).__name__} was not loaded from a store",
            hint="load it with `gms.load_model(...)`; a copy or a re-fit is another object",
        )
    return version


def remember(pipeline: Any, version: ModelVersion) -> None:
    """Have `version_of` tell of a pipeline that was just loaded."""
    key = id(pipeline)
    try:
        _loaded[key] = (weakref.ref(pipeline, lambda _: _loaded.pop(key, None)), version)
    except TypeError:  # a class with __slots__ and no __weakref__
        _loaded.pop(key, None)
