"""What other tools can read of a version."""

from __future__ import annotations

from typing import Any

from gitmodelstore.operations.approvals import manifest_sha256
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.values.model_version import ModelVersion


def provenance_of(snapshot: Snapshot, version: ModelVersion) -> dict[str, Any]:
    """Return the in-toto statement of a version.

    Raises:
        IntegrityError, FormatError: the manifest is not the one that was released.
    """
    from gitmodelstore.values.provenance import statement

    return statement(snapshot.manifest(version), manifest_sha256(snapshot, version))
