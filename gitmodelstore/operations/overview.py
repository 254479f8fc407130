"""What the store holds: models and versions."""

from __future__ import annotations

from gitmodelstore.operations.resolve import check_model
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.values.model_version import ModelSummary, ModelVersion
from gitmodelstore.values.policy import STAGING


def models(snapshot: Snapshot) -> tuple[ModelSummary, ...]:
    """Return every model, by name, with what its live versions are."""
    registry = snapshot.registry
    shown = (STAGING, *sorted(snapshot.policy.exclusive))
    found = []
    for name, statuses in registry.models.items():
        highest = registry.highest(name)
        if highest is not None:
            holders = {status: registry.holders(name, status) for status in shown}
            found.append(ModelSummary(name, len(statuses), highest, holders))
    return tuple(found)


def versions(snapshot: Snapshot, model: str) -> tuple[ModelVersion, ...]:
    """Return every version of a model, highest first.

    Raises:
        ModelNotFound: there is no such model.
    """
    check_model(snapshot, model)
    return tuple(snapshot.version(model, version) for version in snapshot.registry.versions(model))
