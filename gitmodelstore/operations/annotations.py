"""The annotations in the history: what counts of a version, and what the log tells of them."""

from __future__ import annotations

from collections.abc import Iterator

from gitmodelstore.checks.annotations import Annotations
from gitmodelstore.errors import InvalidVersion
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.values.annotations import Annotation
from gitmodelstore.values.events import ANNOTATED, Event
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.objects import Commit
from gitmodelstore.values.version import Version


def annotated(snapshot: Snapshot, version: ModelVersion) -> dict[str, Annotation]:
    """Return what is annotated of a version by key: of each the latest, unless taken back."""
    line = Annotations(snapshot.repository, snapshot.commit.oid)
    return line.of(version.model, version.version, since=version.commit)


def annotation_events(
    line: Annotations, commit: Commit, model: str | None = None
) -> Iterator[Event]:
    """Yield what the log tells of the annotations that a commit brings, the latest first.

    Args:
        line: the line of first parents.
        commit: on that line.
        model: the one that is asked about; None for every one.
    """
    for maker, said in reversed(list(line.said_by(commit))):
        if model not in (None, said.model):
            continue
        try:
            version = Version.parse(said.version)
        except InvalidVersion:
            continue
        if line.has(commit, said.model, version):
            yield Event(
                ANNOTATED,
                said.model,
                version,
                None,
                None,
                maker.oid,
                line.date(commit),
                maker.author,
                said.why,
                annotations=said.values,
                clock=line.clock(commit),
            )
