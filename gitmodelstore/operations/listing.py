"""The versions of a model with their manifests, one after another, for a list.

A list is read at a glance and often, so it takes the commit that a version's tag
names at its word as long as the manifest there is the one that the tag vouches
for, and searches the history only where that fails. One version that cannot be
read does not stop the others.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from gitmodelstore.errors import Sentence, StoreError
from gitmodelstore.operations.history import registered_at
from gitmodelstore.operations.resolve import check_model
from gitmodelstore.operations.snapshot import Snapshot, lost_versions
from gitmodelstore.values import tables
from gitmodelstore.values.layout import tag_name
from gitmodelstore.values.manifest import Manifest
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.reading import Reading
from gitmodelstore.values.version import Version


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list of versions.

    Attributes:
        model, version, status: which version, and its status now; None where registry.json
            does not have it.
        commit: the commit that introduced it; None when it cannot be read.
        manifest: what it is made of; None when it cannot be read.
        fault: why not; None when it can.
        created_at: when it was registered, UTC: as its manifest says, but no earlier than the
            commit counts; None when it cannot be read.
    """

    model: str
    version: Version
    status: str | None
    commit: str | None
    manifest: Manifest | None
    fault: str | None
    created_at: datetime | None = None


def listing(snapshot: Snapshot, model: str) -> Reading[Listed]:
    """Return the versions of a model, highest first, each read when it is asked for; then the lost.

    Raises:
        ModelNotFound: there is no such model.
    """
    check_model(snapshot, model)
    statuses = snapshot.registry.models[model]
    held = (listed(snapshot, model, Version.parse(v), status) for v, status in statuses.items())
    lost = (
        Listed(model, Version.parse(one.version), None, None, None, one.fault)
        for one in lost_versions(snapshot, model)
    )
    return Reading(chain(held, lost), "version", tables.versions)


def listed(snapshot: Snapshot, model: str, version: Version, status: str) -> Listed:
    """Return one version of a model with its manifest, or with why it cannot be read."""
    with suppress(StoreError):  # the history may know better than the tag
        tag = snapshot.repository.tag(tag_name(model, version))
        if tag is not None:
            named = ModelVersion(model, version, status, tag.commit)
            return _listed(snapshot, named)
    try:
        return _listed(snapshot, snapshot.version(model, version))
    except StoreError as error:
        return Listed(model, version, status, None, None, Sentence.of(error))


def _listed(snapshot: Snapshot, version: ModelVersion) -> Listed:
    manifest = snapshot.manifest(version)
    when = registered_at(snapshot.repository, version.commit, manifest.created_at)
    return Listed(
        version.model, version.version, version.status, version.commit, manifest, None, when
    )
