"""Moves of status: promote, archive, withdraw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from gitmodelstore.errors import InvalidInput, LifecycleError, VersionNotFound
from gitmodelstore.operations.gates import Gatekeeper
from gitmodelstore.operations.history import events_in
from gitmodelstore.operations.publish import Draft, publish
from gitmodelstore.operations.resolve import Named, resolve, resolve_of
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.operations.writer import Writer
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.events import Event, kind_of, write_trailers
from gitmodelstore.values.json import hidden_character
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.policy import ARCHIVED, PRODUCTION, WITHDRAWN, Policy
from gitmodelstore.values.reference import Reference
from gitmodelstore.values.registry import Registry
from gitmodelstore.values.version import Version

if TYPE_CHECKING:
    from gitmodelstore.pipelines.load import Reader

Ref = str | ModelVersion


def promote(
    repository: Repository,
    writer: Writer,
    refs: Sequence[Ref],
    status: str,
    *,
    reason: str | None,
    force: bool = False,
    replay: bool | None = None,
    reader: Callable[[], Reader] | None = None,
) -> tuple[Event, ...]:
    """Give versions a status, in one commit; the holders of an exclusive one are archived.

    Args:
        repository, writer, refs, status: the store, who writes, which versions, and where.
        reason: why; needed with `force`.
        force, replay: as for `Gatekeeper`.
        reader: returns who loads a version whose sample is to be asked again.

    Returns:
        What happened, none where every version had the status already.

    Raises:
        GateNotPassed: a version does not meet what the status asks for.
        InvalidInput: `force` without a reason.
        LifecycleError: no such status, or a reference that names no version of its own; or
            a version would leave an exclusive status for the archive.
        StoreError: a reference that names nothing; nothing was written.
    """
    keeper = Gatekeeper(writer, force=force, reason=reason, replay=replay, reader=reader)
    now = Snapshot.now(repository)
    now.policy.check_status(status)
    keeper.look_ahead(now, status, lambda: [_named(now, ref, status) for ref in refs])

    def draft(snapshot: Snapshot) -> Draft | None:
        snapshot.policy.check_status(status)
        versions = [_named(snapshot, ref, status) for ref in refs]
        _refuse_two_of_one_model(versions, status, snapshot.policy)
        after = snapshot.registry
        for version in versions:
            if status in (ARCHIVED, WITHDRAWN) and _would_vacate(snapshot, version, status):
                raise _vacant(version, status)
            after = assigned(after, snapshot.policy, version.model, version.version, status)
        subject = f"promote {', '.join(map(str, versions))} to {status}"
        return compose(snapshot, after, subject, reason, keeper)

    published, events = commit(repository, writer, draft)
    keeper.tell()
    if force and events and not keeper.has_overridden:
        writer.notify("every condition is met, so that nothing was overridden")
    _tell_vacated(events, published, writer)
    return events


def retire(
    repository: Repository,
    writer: Writer,
    ref: Ref,
    status: str,
    *,
    successor: Named | None,
    reason: str | None,
    reader: Callable[[], Reader] | None = None,
) -> tuple[Event, ...]:
    """Archive or withdraw a version.

    Args:
        repository, writer, ref: the store, who writes, which version.
        status: "archived" or "withdrawn".
        successor: the version of the same model that takes over an exclusive status
            which this one holds.
        reason: why.
        reader: as in `promote`; for a successor.

    Raises:
        LifecycleError: it holds an exclusive status and no successor is named, or it
            holds none and one is.
        GateNotPassed: the successor does not meet what that status asks for.
    """
    keeper = Gatekeeper(writer, reader=reader)
    if successor is not None:
        now = Snapshot.now(repository)
        left = resolve(now, ref)
        keeper.look_ahead(now, left.status, lambda: [resolve_of(now, left.model, successor)])

    def draft(snapshot: Snapshot) -> Draft | None:
        version = resolve(snapshot, ref)
        after = snapshot.registry
        if successor is None and _would_vacate(snapshot, version, status):
            raise _vacant(version, status)
        if successor is not None and version.status != status:
            heir = _heir(snapshot, version, successor)
            after = assigned(after, snapshot.policy, version.model, heir, version.status)
        after = after.with_status(version.model, version.version, status)
        verb = "archive" if status == ARCHIVED else "withdraw"
        return compose(snapshot, after, f"{verb} {version}", reason, keeper)

    return commit(repository, writer, draft)[1]


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
    keeper: Gatekeeper,
    *,
    kinds: Mapping[Version, str] | None = None,
    folders: Mapping[str, str] | None = None,
) -> Draft | None:
    """Return the draft of a commit that moves statuses; None when it would change nothing.

    Args:
        snapshot, after: the store before, and its registry afterwards.
        subject: first line of the message.
        reason: why; None without one.
        keeper: judges the changes.
        kinds: what a change is called where it is not what the difference says.
        folders: model to the tree that replaces its folder.

    Raises:
        InvalidInput: the reason holds a character that a reader could not see.
        GateNotPassed, LifecycleError: the policy of the store does not allow it.
    """
    if found := hidden_character(" ".join((reason or "").split())):
        raise InvalidInput(f"the reason holds the hidden character {found}")
    changes = {
        change: (kinds or {}).get(change.version) or kind_of(change)
        for change in snapshot.registry.changes(after)
    }
    if not changes:
        return None
    recorded = keeper.let_through(snapshot, list(changes))
    message = f"{subject}\n\n{write_trailers(changes, reason, recorded)}\n"
    return Draft(message, after, folders or {})


def commit(
    repository: Repository, writer: Writer, draft: Callable[[Snapshot], Draft | None]
) -> tuple[Snapshot, tuple[Event, ...]]:
    """Publish what `draft` makes of the store.

    Returns:
        The store after it, and the events of the commit; none where there was
        nothing to do.
    """
    wanted: Draft | None = None
    before: Snapshot | None = None

    def noted(snapshot: Snapshot) -> Draft | None:
        nonlocal wanted, before
        wanted, before = draft(snapshot), snapshot
        return wanted

    published = publish(repository, writer, noted)
    if wanted is None or before is None:
        return published, ()
    changes = before.registry.changes(published.registry)
    return published, events_in(repository, published.commit, changes)


def _named(snapshot: Snapshot, ref: Ref, status: str) -> ModelVersion:
    """Resolve a reference that must name its version: a bare model is no answer to 'which'."""
    if isinstance(ref, str) and ref in snapshot.registry.models and not _has_selector(ref):
        statuses = snapshot.registry.models[ref].items()
        newest = next((v for v, held in statuses if held != WITHDRAWN), None)
        raise VersionNotFound(
            f"which version of '{ref}' is to be in {status}?",
            hint=f"the newest is {newest}: gms promote {ref}@{newest} {status}"
            if newest
            else f"every version of '{ref}' is withdrawn",
        )
    return resolve(snapshot, ref)


def _has_selector(ref: str) -> bool:
    return Reference.parse(ref).model != ref


def _refuse_two_of_one_model(versions: Sequence[ModelVersion], status: str, policy: Policy) -> None:
    models = [version.model for version in versions]
    twice = next((model for model in models if models.count(model) > 1), None)
    if twice and status in policy.exclusive:
        raise LifecycleError(f"only one version of '{twice}' can be in {status}")


def _would_vacate(snapshot: Snapshot, version: ModelVersion, status: str) -> bool:
    """Whether an exclusive status would have nobody if this version came to another one."""
    holders = snapshot.registry.holders(version.model, version.status)
    return (
        version.status in snapshot.policy.exclusive
        and status != version.status
        and holders == (version.version,)
    )


def _vacant(version: ModelVersion, status: str) -> LifecycleError:
    verb = "archive" if status == ARCHIVED else "withdraw"
    return LifecycleError(
        f"{version} is in {version.status}, which would have nobody then",
        hint=f"name who takes over: gms {verb} {version.ref} --successor VERSION, or go back "
        f"with `gms rollback {version.model}`",
    )


def _heir(snapshot: Snapshot, version: ModelVersion, successor: Named) -> Version:
    """Return the version that takes over the status of another."""
    heir = resolve_of(snapshot, version.model, successor)
    if version.status not in snapshot.policy.exclusive:
        raise LifecycleError(
            f"{version} is in {version.status}, in which nobody succeeds it",
            hint=f"leave the successor out; to promote it: gms promote {heir.ref} {PRODUCTION}",
        )
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
