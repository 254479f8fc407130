"""The approvals in the history: which stand, and what the log tells of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from gitmodelstore.checks.approvals import Approval, Step, approval_of, standing
from gitmodelstore.checks.history import clock_behind, effective_date
from gitmodelstore.errors import FormatError, IntegrityError, InvalidVersion, MissingObject
from gitmodelstore.operations.snapshot import Snapshot, registry_of
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.events import APPROVED, Event
from gitmodelstore.values.layout import MANIFEST, REGISTRY
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import WITHDRAWN
from gitmodelstore.values.objects import Commit
from gitmodelstore.values.registry import EMPTY
from gitmodelstore.values.registry_text import changes_between
from gitmodelstore.values.version import Version

_MARK = f"\nEvent: {APPROVED}\n"
_NOTHING = EMPTY.render()


def approvals(snapshot: Snapshot, version: ModelVersion) -> tuple[Approval, ...]:
    """Return the approvals of a version that are younger than its last withdrawal, newest first.

    Signatures are not verified here.
    """
    if not any(says_approved(commit) for commit in _since(snapshot, version)):
        return ()
    steps = _steps(snapshot, version)
    return tuple(
        replace(one, when=effective_date(snapshot.repository, one.commit))
        for one in standing(steps, version.model, str(version.version))
    )


def says_approved(commit: Commit) -> bool:
    """Whether the message of a commit claims to approve something."""
    return _MARK in commit.message


def approval_event(repository: Repository, commit: Commit) -> Event | None:
    """Return what the log tells of a commit that approves a version; None where it is none."""
    found = approval_of(_step(repository, commit))
    if found is None or found.signed.signature is None:
        return None
    try:
        version = Version.parse(found.version)
        status = registry_of(repository, commit).status(found.model, version)
    except (InvalidVersion, FormatError):
        return None
    if status is None:
        return None
    return Event(
        APPROVED,
        found.model,
        version,
        status,
        status,
        commit.oid,
        effective_date(repository, commit.oid),
        commit.author,
        found.why,
        approved_for=found.status,
        clock=clock_behind(repository, commit),
    )


def claimed(snapshot: Snapshot) -> frozenset[tuple[str, str]]:
    """Return the models and versions of which some commit claims that they are approved.

    For whoever asks about many versions, and would walk the history for each.
    """
    repository = snapshot.repository
    line = repository.first_parents(snapshot.commit.oid)
    steps = (_step(repository, commit) for commit in line if says_approved(commit))
    return frozenset((one.model, one.version) for step in steps if (one := approval_of(step)))


def manifest_sha256(snapshot: Snapshot, version: ModelVersion) -> str:
    """Return the digest of a version's manifest, which is first judged.

    Raises:
        IntegrityError, FormatError: it is not the one that was released.
    """
    snapshot.manifest(version)
    return hashlib.sha256(snapshot.read(version, MANIFEST)).hexdigest()


def _since(snapshot: Snapshot, version: ModelVersion) -> Iterator[Commit]:
    """Yield the commits of the branch down to the one that introduced a version."""
    for commit in snapshot.repository.first_parents(snapshot.commit.oid):
        if commit.oid == version.commit:
            return
        yield commit


def _steps(snapshot: Snapshot, version: ModelVersion) -> Iterator[Step]:
    for commit in _since(snapshot, version):
        yield _step(snapshot.repository, commit, version)


def _step(repository: Repository, commit: Commit, asked: ModelVersion | None = None) -> Step:
    parent = repository.commit(commit.parents[0]) if commit.parents else None
    return Step(
        commit.oid,
        repository.raw(commit.oid) if says_approved(commit) else b"",
        parent.tree if parent else None,
        asked is not None and _withdraws(repository, commit, parent, asked),
    )


def _withdraws(
    repository: Repository, commit: Commit, parent: Commit | None, asked: ModelVersion
) -> bool:
    """Whether a commit withdraws a version, or leaves a registry that does not say."""
    after = repository.entry(commit.tree, REGISTRY)
    before = repository.entry(parent.tree, REGISTRY) if parent else None
    if after == before:
        return False
    try:
        old, new = (
            bytes(repository.read(entry.oid, REGISTRY)) if entry else _NOTHING
            for entry in (before, after)
        )
        changes = changes_between(old, new)
    except (FormatError, IntegrityError, MissingObject):
        return True
    return any(
        (change.model, change.version, change.after) == (asked.model, asked.version, WITHDRAWN)
        for change in changes
    )
