"""What the store holds: models and versions."""

from __future__ import annotations

from gitmodelstore.errors import Sentence, StoreError
from gitmodelstore.operations.resolve import check_model
from gitmodelstore.operations.snapshot import Snapshot, lost_versions
from gitmodelstore.values import tables
from gitmodelstore.values.model_version import Found, ModelSummary, ModelVersion, Unread
from gitmodelstore.values.names import STAGING


def models(snapshot: Snapshot) -> Found[ModelSummary]:
    """Return every model, by name, with what its live versions are."""
    registry = snapshot.registry
    shown = (STAGING, *sorted(snapshot.policy.exclusive))
    found = []
    for name, statuses in registry.models.items():
        highest = registry.highest(name)
        if highest is not None:
            holders = {status: registry.holders(name, status) for status in shown}
            found.append(ModelSummary(name, len(statuses), highest, holders))
    return Found.of(found, lost_versions(snapshot), tables.models)


def versions(snapshot: Snapshot, model: str) -> Found[ModelVersion]:
    """Return every version of a model, highest first, and beside them what cannot be read.

    Raises:
        ModelNotFound: there is no such model.
    """
    check_model(snapshot, model)
    found, unread = [], []
    for version in snapshot.registry.versions(model):
        try:
            found.append(snapshot.version(model, version))
        except StoreError as error:
            status = snapshot.registry.status(model, version)
            unread.append(Unread(model, str(version), status, Sentence.of(error)))
    return Found.of(found, (*unread, *lost_versions(snapshot, model)))
