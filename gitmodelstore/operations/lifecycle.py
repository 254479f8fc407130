"""Moves of status: promote, archive, withdraw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gitmodelstore.errors import LifecycleError, VersionNotFound
from gitmodelstore.operations.publish import Draft, Writer, publish
from gitmodelstore.operations.resolve import resolve
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.events import Event, events_of, kind_of, write_trailers
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.policy import ARCHIVED, WITHDRAWN, Policy
from gitmodelstore.values.reference import Reference
from gitmodelstore.values.registry import Registry
from gitmodelstore.values.version import Version

Ref = str | ModelVersion


def promote(
    repository: Repository,
    writer: Writer,
    refs: Sequence[Ref],
    status: str,
    *,
    reason: str | None,
) -> tuple[Event, ...]:
    """Give versions a status, in one commit; the holders of an exclusive one are archived.

    Returns:
        What happened, none where every version had the status already.

    Raises:
        LifecycleError: no such status, or a reference that names no version of its own.
        StoreError: a reference that names nothing; nothing was written.
    """
    events: list[Event] = []

    def draft(snapshot: Snapshot) -> Draft | None:
        snapshot.policy.check_status(status)
        versions = [_named(snapshot, ref, status) for ref in refs]
        _refuse_two_of_one_model(versions, status, snapshot.policy)
        after = snapshot.registry
        for version in versions:
            after = assigned(after, snapshot.policy, version.model, version.version, status)
        subject = f"promote {', '.join(map(str, versions))} to {status}"
        return compose(snapshot, after, subject, reason)

    before = Snapshot.now(repository)
    published = publish(repository, writer, draft)
    events += written(before, published)
    _tell_vacated(events, published, writer)
    return tuple(events)


def retire(
    repository: Repository,
    writer: Writer,
    ref: Ref,
    status: str,
    *,
    successor: str | Version | None,
    reason: str | None,
) -> tuple[Event, ...]:
    """Archive or withdraw a version.

    Args:
        repository, writer, ref: the store, who writes, which version.
        status: "archived" or "withdrawn".
        successor: the version of the same model that takes over an exclusive status
            which this one holds.
        reason: why.

    Raises:
        LifecycleError: it holds an exclusive status and no successor is named.
    """

    def draft(snapshot: Snapshot) -> Draft | None:
        version = resolve(snapshot, ref)
        after = snapshot.registry
        if version.status in snapshot.policy.exclusive and status != version.status:
            heir = _heir(snapshot, version, status, successor)
            after = assigned(after, snapshot.policy, version.model, heir, version.status)
        after = after.with_status(version.model, version.version, status)
        verb = "archive" if status == ARCHIVED else "withdraw"
        return compose(snapshot, after, f"{verb} {version}", reason)

    before = Snapshot.now(repository)
    return written(before, publish(repository, writer, draft))


def assigned(
    registry: Registry, policy: Policy, model: str, version: Version, status: str
) -> Registry:
    """Return the registry after `version` came to `status`; an exclusive one has one holder."""
    if status in policy.exclusive:
        for holder in registry.holders(model, status):
            if holder != version:
                registry = registry.with_status(model, holder, ARCHIVED)
    return registry.with_status(model, version, status)


def compose(
    snapshot: Snapshot,
    after: Registry,
    subject: str,
    reason: str | None,
    *,
    kinds: Mapping[Version, str] | None = None,
    folders: Mapping[str, str] | None = None,
) -> Draft | None:
    """Return the draft of a commit that moves statuses; None when it would change nothing.

    Args:
        snapshot, after: the store before, and its registry afterwards.
        subject: first line of the message.
        reason: why; None without one.
        kinds: what a change is called where it is not what the difference says.
        folders: model to the tree that replaces its folder.
    """
    changes = {
        change: (kinds or {}).get(change.version) or kind_of(change)
        for change in snapshot.registry.changes(after)
    }
    if not changes:
        return None
    message = f"{subject}\n\n{write_trailers(changes, reason)}\n"
    return Draft(message, after, folders or {})


def written(before: Snapshot, published: Snapshot) -> tuple[Event, ...]:
    """Return the events of the commit that `publish` made; none when it made none."""
    commit = published.commit
    if commit.oid == before.commit.oid or not commit.parents:
        return ()
    repository = published.repository
    parent = Snapshot(repository, repository.commit(commit.parents[0]))
    return events_of(
        parent.registry.changes(published.registry),
        commit.message,
        commit=commit.oid,
        when=commit.when,
        who=commit.author,
    )


def _named(snapshot: Snapshot, ref: Ref, status: str) -> ModelVersion:
    """Resolve a reference that must name its version: a bare model is no answer to 'which'."""
    if isinstance(ref, str) and ref in snapshot.registry.models and not _has_selector(ref):
        highest = snapshot.registry.highest(ref)
        raise VersionNotFound(
            f"which version of '{ref}' is to be in {status}?",
            hint=f"the newest is {highest}: gms promote {ref}@{highest} {status}",
        )
    return resolve(snapshot, ref)


def _has_selector(ref: str) -> bool:
    return Reference.parse(ref).model != ref


def _refuse_two_of_one_model(versions: Sequence[ModelVersion], status: str, policy: Policy) -> None:
    models = [version.model for version in versions]
    twice = next((model for model in models if models.count(model) > 1), None)
    if twice and status in policy.exclusive:
        raise LifecycleError(f"only one version of '{twice}' can be in {status}")


def _heir(
    snapshot: Snapshot, version: ModelVersion, status: str, successor: str | Version | None
) -> Version:
    """Return the version that takes over, as the caller must name it."""
    verb = "archive" if status == ARCHIVED else "withdraw"
    if successor is None:
        raise LifecycleError(
            f"{version} is in {version.status}, which would have nobody then",
            hint=f"name who takes over: gms {verb} {version.ref} --successor VERSION, or go back "
            f"with `gms rollback {version.model}`",
        )
    heir = resolve(snapshot, f"{version.model}@{successor}")
    if heir.version == version.version:
        raise LifecycleError(f"{version} cannot succeed itself")
    if heir.status == WITHDRAWN:
        raise LifecycleError(f"{heir} is withdrawn and cannot take over")
    return heir.version


def _tell_vacated(events: Sequence[Event], published: Snapshot, writer: Writer) -> None:
    for event in events:
        left = event.before
        if left in published.policy.exclusive and not published.registry.holders(
            event.model, left or ""
        ):
            writer.notify(f"no version of '{event.model}' is in {left} now")
