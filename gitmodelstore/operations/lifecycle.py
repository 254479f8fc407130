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
from gitmodelstore.values.names import ARCHIVED, PRODUCTION, WITHDRAWN
from gitmodelstore.values.policy import Policy
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
    successor: Named | None = None,
    vacate: bool = False,
    force: bool = False,
    replay: bool | None = None,
    reader: Callable[[], Reader] | None = None,
) -> tuple[Event, ...]:
    """Give versions a status, in one commit; the holders of an exclusive one are archived.

    Args:
        repository, writer, refs, status: the store, who writes, which versions, and where.
        reason: why; needed with `force` and `vacate`, and where a withdrawn version comes back.
        successor: the version of the same model that takes over an exclusive status which
            the only one of `refs` holds.
        vacate: whether an exclusive status may be left without a holder.
        force, replay: as for `Gatekeeper`.
        reader: returns who loads a version whose sample is to be asked again.

    Returns:
        What happened, none where every version had the status already.

    Raises:
        GateNotPassed: a version does not meet what the status asks for.
        InvalidInput: `force` or `vacate` without a reason, `vacate` with a successor.
        LifecycleError: no such status, or a move that the store does not allow; an exclusive
            status would have nobody; a withdrawn version would come back without a reason.
        StoreError: a reference that names nothing or no version of its own; nothing was
            written.
    """
    _check_successor(successor, refs, vacate=vacate)
    command = f"gms promote {{ref}} {status}"
    if successor is not None:
        command += f" --successor {_number(successor)}"
    keeper = Gatekeeper(
        writer,
        force=force,
        vacate=vacate,
        reason=reason,
        replay=replay,
        reader=reader,
        commands={status: command},
    )
    now = Snapshot.now(repository)
    now.policy.check_status(status)
    keeper.look_ahead(now, status, lambda: [_named(now, ref, status) for ref in refs])

    def draft(snapshot: Snapshot) -> Draft | None:
        snapshot.policy.check_status(status)
        versions = [_named(snapshot, ref, status) for ref in refs]
        _refuse_two_of_one_model(versions, status, snapshot.policy)
        after = snapshot.registry
        for version in versions:
            after = _moved(snapshot, after, version, status, successor)
        subject = f"promote {', '.join(map(str, versions))} to {status}"
        return compose(snapshot, after, subject, reason, keeper)

    events = _commit_told(repository, writer, draft, keeper, vacate=vacate)
    if force and events and not keeper.has_overridden:
        writer.notify("every condition is met, so that nothing was overridden")
    return events


def retire(
    repository: Repository,
    writer: Writer,
    ref: Ref,
    status: str,
    *,
    successor: Named | None,
    reason: str | None,
    vacate: bool = False,
    reader: Callable[[], Reader] | None = None,
) -> tuple[Event, ...]:
    """Archive or withdraw a version.

    Args:
        repository, writer, ref: the store, who writes, which version.
        status: "archived" or "withdrawn".
        successor: the version of the same model that takes over an exclusive status
            which this one holds.
        reason: why; needed with `vacate`, and to archive a withdrawn version.
        vacate: whether an exclusive status may be left without a holder.
        reader: as in `promote`; for a successor.

    Raises:
        LifecycleError: it holds an exclusive status, and neither a successor is named nor
            `vacate` given, or it holds none and a successor is named.
        GateNotPassed: the successor does not meet what that status asks for.
        InvalidInput: `vacate` without a reason, or with a successor.
    """
    _check_successor(successor, [ref], vacate=vacate)
    verb = "archive" if status == ARCHIVED else "withdraw"
    keeper = Gatekeeper(writer, vacate=vacate, reason=reason, reader=reader)
    if successor is not None:
        now = Snapshot.now(repository)
        left = resolve(now, ref)
        keeper.look_ahead(now, left.status, lambda: [resolve_of(now, left.model, successor)])

    def draft(snapshot: Snapshot) -> Draft | None:
        version = resolve(snapshot, ref)
        after = _moved(snapshot, snapshot.registry, version, status, successor)
        return compose(snapshot, after, f"{verb} {version}", reason, keeper)

    return _commit_told(repository, writer, draft, keeper, vacate=vacate)


def _moved(
    snapshot: Snapshot,
    registry: Registry,
    version: ModelVersion,
    status: str,
    successor: Named | None,
) -> Registry:
    """Return the registry after a version left its status to a successor and came to another."""
    if successor is not None and version.status != status:
        heir = _heir(snapshot, version, successor)
        registry = assigned(registry, snapshot.policy, version.model, heir, version.status)
    return assigned(registry, snapshot.policy, version.model, version.version, status)


def _check_successor(successor: Named | None, refs: Sequence[Ref], *, vacate: bool) -> None:
    if successor is None:
        return
    if vacate:
        raise InvalidInput("a status that has a successor is not left empty", hint="name one way")
    if len(refs) > 1:
        raise InvalidInput("a successor is of one version", hint="move the others by themselves")


def _number(named: Named) -> str:
    return str(named.version if isinstance(named, ModelVersion) else named)


def _commit_told(
    repository: Repository,
    writer: Writer,
    draft: Callable[[Snapshot], Draft | None],
    keeper: Gatekeeper,
    *,
    vacate: bool,
) -> tuple[Event, ...]:
    """Publish what `draft` makes of the store, and say what was overridden and left empty."""
    published, events = commit(repository, writer, draft)
    keeper.tell()
    _tell_vacated(events, published, writer)
    if vacate and events and not keeper.has_vacated:
        writer.notify("no status is left empty, so that nothing was vacated")
    return events


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
        raise InvalidInput(
            f"the reason holds the hidden character {found}",
            hint="type the reason again instead of pasting it",
        )
    changes = {
        change: (kinds or {}).get(change.version) or kind_of(change)
        for change in snapshot.registry.changes(after)
    }
    if not changes:
        return None
    recorded = keeper.let_through(snapshot, list(changes))
    message = f"{subject}\n\n{write_trailers(changes, reason, recorded)}\n"
    conclude = keeper.conclude if keeper.asks_signatures else None
    return Draft(message, after, folders or {}, conclude=conclude)


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
        raise LifecycleError(
            f"only one version of '{twice}' can be in {status}",
            hint="name one version of each model",
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
        raise LifecycleError(
            f"{version} cannot succeed itself",
            hint=f"name another version: see them with `gms list {version.model}`",
        )
    if heir.status == WITHDRAWN:
        raise LifecycleError(
            f"{heir} is withdrawn and cannot take over",
            hint=f"if it is good after all: gms promote {heir.ref} {version.status} --reason TEXT",
        )
    return heir.version


def _tell_vacated(events: Sequence[Event], published: Snapshot, writer: Writer) -> None:
    for event in events:
        left = event.before
        if left in published.policy.exclusive and not published.registry.holders(
            event.model, left or ""
        ):
            writer.notify(f"no version of '{event.model}' is in {left} now")
