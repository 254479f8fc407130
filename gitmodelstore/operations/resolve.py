"""From a reference to the version that it names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain, islice, takewhile
from typing import TYPE_CHECKING

from gitmodelstore.checks.history import clock_behind, effective_date, registry_steps
from gitmodelstore.checks.signatures import Approval, approval_of, says_approved, standing
from gitmodelstore.errors import (
    FormatError,
    IntegrityError,
    InvalidReference,
    InvalidVersion,
    MissingObject,
    ModelNotFound,
    Sentence,
    StoreError,
    VersionNotFound,
)
from gitmodelstore.operations.snapshot import Notify, Snapshot, lost_versions, registry_of
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values import tables
from gitmodelstore.values.events import (
    ANNOTATED,
    APPROVED,
    Event,
    Holding,
    Withdrawal,
    blocks,
    events_of,
    says_annotated,
)
from gitmodelstore.values.model_version import (
    LATEST,
    Found,
    ModelSummary,
    ModelVersion,
    Reference,
    Unread,
)
from gitmodelstore.values.names import (
    MANIFEST,
    STAGING,
    WITHDRAWN,
    Version,
    VersionRange,
    did_you_mean,
    tag_name,
)
from gitmodelstore.values.objects import Commit
from gitmodelstore.values.registry import EMPTY, Change

if TYPE_CHECKING:
    from gitmodelstore.checks.gates import Annotations
    from gitmodelstore.values.gates import Annotation
    from gitmodelstore.values.manifest import Manifest

# The annotations in the history: what counts of a version, and what the log tells of them.


def annotated(snapshot: Snapshot, version: ModelVersion) -> dict[str, Annotation]:
    """Return the annotations of a version by key: the latest values that were not removed."""
    from gitmodelstore.checks.gates import Annotations

    line = Annotations(snapshot.repository, snapshot.commit.oid)
    return line.of(version.model, version.version, since=version.commit)


def annotation_events(
    line: Annotations, commit: Commit, model: str | None = None
) -> Iterator[Event]:
    """Yield what the log tells of the annotations that a commit brings, the latest first."""
    for maker, note in reversed(list(line.said_by(commit))):
        if model not in (None, note.model):
            continue
        try:
            version = Version.parse(note.version)
        except InvalidVersion:
            continue
        if line.has(commit, note.model, version):
            yield Event(
                ANNOTATED,
                note.model,
                version,
                before=None,
                after=None,
                commit=maker.oid,
                when=effective_date(line.objects, commit.oid),
                who=maker.author,
                why=note.why,
                annotations=note.values,
                clock=clock_behind(line.objects, commit),
            )


# The approvals in the history: which stand, and what the log tells of them.


def approvals(snapshot: Snapshot, version: ModelVersion) -> tuple[Approval, ...]:
    """Return the approvals of a version since its last withdrawal, newest first, unverified."""
    if not any(says_approved(commit) for commit in _since(snapshot, version)):
        return ()
    repository, since = snapshot.repository, _since(snapshot, version)
    return tuple(
        replace(one, when=effective_date(repository, one.commit))
        for one in standing(repository, since, version.model, version.version)
    )


def approval_event(repository: Repository, commit: Commit) -> Event | None:
    """Return the event of a commit that approves a version; None for other commits."""
    approval = approval_of(repository, commit)
    if approval is None or not approval.signed:
        return None
    try:
        version = Version.parse(approval.version)
        status = registry_of(repository, commit).status(approval.model, version)
    except (InvalidVersion, FormatError):
        return None
    if status is None:
        return None
    return Event(
        APPROVED,
        approval.model,
        version,
        before=status,
        after=status,
        commit=commit.oid,
        when=effective_date(repository, commit.oid),
        who=commit.author,
        why=approval.why,
        approved_for=approval.status,
        clock=clock_behind(repository, commit),
    )


def claimed(snapshot: Snapshot) -> frozenset[tuple[str, str]]:
    """Return the versions that some commit claims are approved."""
    repository = snapshot.repository
    line = repository.first_parents(snapshot.commit.oid)
    claims = (approval_of(repository, commit) for commit in line)
    return frozenset((one.model, one.version) for one in claims if one)


def manifest_sha256(snapshot: Snapshot, version: ModelVersion) -> str:
    """Return the digest of a version's manifest, which is first judged."""
    snapshot.manifest(version)
    return hashlib.sha256(snapshot.read(version, MANIFEST)).hexdigest()


def _since(snapshot: Snapshot, version: ModelVersion) -> Iterator[Commit]:
    """Yield the commits of the branch down to the one that introduced a version."""
    for commit in snapshot.repository.first_parents(snapshot.commit.oid):
        if commit.oid == version.commit:
            return
        yield commit


# What happened, read off the history: events, holders, as-of answers.


_UNREADABLE = (MissingObject, IntegrityError)


def log(
    snapshot: Snapshot, model: str | None = None, tell: Notify | None = None
) -> Iterator[Event]:
    """Yield the events of the store, or of a model, newest first; `tell` hears of unread ones.

    Within a commit: by model, highest version first; moves, then annotations, then registrations.
    `tell` None refuses what cannot be read.
    """
    from gitmodelstore.checks.gates import Annotations

    line = Annotations(snapshot.repository, snapshot.commit.oid)
    for commit, all_changes in _steps_of(snapshot, tell):
        changes = [change for change in all_changes if model in (None, change.model)]
        moves = events_in(snapshot.repository, commit, changes)
        approval: Event | None = None
        noted: tuple[Event, ...] = ()
        try:
            approval = None if all_changes else approval_event(snapshot.repository, commit)
            noted = tuple(annotation_events(line, commit, model))
        except _UNREADABLE as error:
            what = f"approvals and annotations that merges bring cannot be read: {error}"
            _tell_or_raise(tell, error, what)
        if approval is not None and model in (None, approval.model):
            yield approval
        behind = [event for event in moves if noted and event.before is None]
        yield from (event for event in moves if event not in behind)
        yield from (*noted, *behind)


def events_in(
    repository: Repository, commit: Commit, changes: Iterable[Change]
) -> tuple[Event, ...]:
    """Return the events of one commit, of which `changes` are the changes of the registry."""
    when, clock = effective_date(repository, commit.oid), clock_behind(repository, commit)
    return events_of(
        changes, commit.message, commit=commit.oid, when=when, who=commit.author, clock=clock
    )


def registered_at(repository: Repository, oid: str, created_at: datetime) -> datetime:
    """Return when a version was registered: its manifest's time, or its commit's effective one."""
    # The latter if the commit is dated before its parent.
    counts = effective_date(repository, oid)
    return max(created_at, counts) if repository.commit(oid).when < counts else created_at


def holders(snapshot: Snapshot, model: str, status: str) -> Iterator[tuple[Version, Commit]]:
    """Yield the single holders of a status, newest first, each with the commit that made it so."""
    after = set(snapshot.registry.holders(model, status))
    for commit, changes in _steps_of(snapshot):
        before = set(after)
        for change in changes:
            if change.model == model and change.after == status:
                before.discard(change.version)
            elif change.model == model and change.before == status:
                before.add(change.version)
        if len(after) == 1 and before != after:
            yield next(iter(after)), commit
        after = before


class Log(tables.Reading[Event]):
    """Events, newest first, as a sequence; and what could not be read among them.

    It prints as `gms log` does. What nobody asks for is not read: `log[0]` is quick.

    Attributes:
        faults: the latter, a sentence each, as far as the events have been taken.
        tell: is told of each of them.
    """

    def __init__(self, snapshot: Snapshot, model: str | None, tell: Notify) -> None:
        self.faults: list[str] = []
        self.tell = tell
        super().__init__(log(snapshot, model, self._note), "event", blocks)

    def _note(self, fault: str) -> None:
        if fault not in self.faults:
            self.faults.append(fault)
            self.tell(fault)


def _steps_of(
    snapshot: Snapshot, tell: Notify | None = None
) -> Iterator[tuple[Commit, tuple[Change, ...]]]:
    """Yield each commit that changed registry.json or may approve or annotate, newest first."""
    unread = partial(_tell_or_raise, tell)
    for commit, changes in registry_steps(snapshot.repository, snapshot.commit.oid, unread):
        is_merge = len(commit.parents) > 1
        if changes or is_merge or says_approved(commit) or says_annotated(commit.message):
            yield commit, changes


def _tell_or_raise(tell: Notify | None, error: StoreError, what: str) -> None:
    if tell is None:
        raise error
    tell(Sentence.of(what, error.code, error.hint))


# Resolve


_MOST_NAMED = 5  # versions that a hint lists

Ref = str | ModelVersion
Named = str | Version | ModelVersion  # a version of a model that is known already


def resolve(snapshot: Snapshot, ref: str | Reference | ModelVersion) -> ModelVersion:
    """Return the version that `ref` names, with its status in `snapshot`."""
    if isinstance(ref, ModelVersion):
        return snapshot.version(ref.model, ref.version)
    reference = ref if isinstance(ref, Reference) else Reference.parse(ref)
    model = reference.model
    if reference.commit and model not in snapshot.registry.models:
        return _by_commit(snapshot, reference.commit)
    check_model(snapshot, model)
    view = snapshot.at(reference.at) if reference.at else snapshot
    return snapshot.version(model, _select(view, reference, model))


def resolve_exact(snapshot: Snapshot, ref: Ref, what: str, command: str) -> ModelVersion:
    """Resolve a reference that must name its version; `what` and `command` make the error."""
    if isinstance(ref, str) and ref in snapshot.registry.models:
        statuses = snapshot.registry.models[ref].items()
        newest = next((v for v, status in statuses if status != WITHDRAWN), None)
        raise VersionNotFound(
            f"which version of '{ref}' {what}?",
            hint=f"the newest is {newest}: gms {command.format(f'{ref}@{newest}')}"
            if newest
            else f"every version of '{ref}' is withdrawn",
        )
    return resolve(snapshot, ref)


def resolve_of(snapshot: Snapshot, model: str, ref: Named) -> ModelVersion:
    """Return the version of `model` that `ref` means: a number, or what may follow the "@"."""
    if isinstance(ref, ModelVersion):
        version = resolve(snapshot, ref)
    else:
        version = resolve(snapshot, str(ref) if "@" in str(ref) else f"{model}@{ref}")
    if version.model != model:
        raise InvalidReference(
            f"'{version}' is not a version of '{model}'", hint=f"see them with `gms list {model}`"
        )
    return version


def check_model(snapshot: Snapshot, model: str) -> str:
    """Return `model` if the store has it; otherwise the hint names a near one."""
    models = snapshot.registry.models
    if model in models:
        return model
    if not models:
        raise ModelNotFound(
            f"no model '{model}': the store is empty",
            hint=f"run `gms register {model} pipeline.joblib`",
        )
    names = ", ".join(list(models)[:_MOST_NAMED]) + (", …" if len(models) > _MOST_NAMED else "")
    raise ModelNotFound(
        f"no model '{model}'", hint=did_you_mean(model, models) or f"it has {names}"
    )


def _select(snapshot: Snapshot, reference: Reference, model: str) -> Version:
    """Return the version of `model` that the selector means in `snapshot`."""
    # A later withdrawal does not count: asked about a day, the answer is that day's.
    registry, selector, back = snapshot.registry, reference.selector, reference.back
    live = [v for v in registry.versions(model) if registry.status(model, v) != WITHDRAWN]
    hint: str | None = None
    if isinstance(selector, Version):
        matches = [selector] if registry.status(model, selector) else []
        what = f"no version '{selector}' of '{model}'"
        lost = () if matches else lost_versions(snapshot, model)
        hint = next((one.fault for one in lost if one.version == str(selector)), None)
    elif isinstance(selector, VersionRange):
        matches = [version for version in live if version in selector]
        what = f"no version of '{model}' matches {selector}"
    elif selector == LATEST:
        matches = ([version for version in live if not version.is_prerelease] or live)[back:]
        what = f"every version of '{model}' is withdrawn"
        if back:
            what = f"'{model}' has no version to go back to with '{reference.text}'"
        elif model not in registry.models:
            what = f"no version of '{model}'"
    elif back:
        status = snapshot.policy.check_status(selector or "")
        matches = list(islice(_sound_holders(snapshot, model, status), back, back + 1))
        what = f"'{model}' has no holder of {status} {back} before the present one"
        hint = f"see them with `gms log {model}`"
    else:
        status = snapshot.policy.check_status(selector or "")
        matches = list(registry.holders(model, status))
        what = f"no version of '{model}' is in {status}"
        if len(matches) > 1:
            names = ", ".join(map(str, matches[:_MOST_NAMED]))
            raise VersionNotFound(
                f"{len(matches)} versions of '{model}' are in {status}: {names}",
                hint=f"name one, such as {model}@{matches[0]}",
            )
    if not matches:
        raise VersionNotFound(what, hint=hint or what_there_is(snapshot, model))
    return matches[0]


def _sound_holders(snapshot: Snapshot, model: str, status: str) -> Iterator[Version]:
    """Yield the holders of a status, newest first, but for those that were found to be bad."""
    last = None
    for version, _ in holders(snapshot, model, status):
        if version != last and snapshot.registry.status(model, version) != WITHDRAWN:
            last = version
            yield version


def what_there_is(snapshot: Snapshot, model: str) -> str:
    """Return a hint that lists the highest versions of a model with their status."""
    versions = snapshot.registry.models.get(model, {})
    if not versions:
        return f"'{model}' had no version at that time"
    text = ", ".join(f"{v} ({s})" for v, s in islice(versions.items(), _MOST_NAMED))
    return f"there is {text}" + (", …" if len(versions) > _MOST_NAMED else "")


def _by_commit(snapshot: Snapshot, prefix: str) -> ModelVersion:
    oid = snapshot.repository.find_commit(prefix)
    if oid is None:
        raise VersionNotFound(
            f"no model and no commit '{prefix}'", hint="see the models with `gms list`"
        )
    repository = snapshot.repository
    commit, before = repository.commit(oid), EMPTY
    if commit.parents:
        before = registry_of(repository, repository.commit(commit.parents[0]))
    changes = before.changes(registry_of(repository, commit))
    new = [change for change in changes if change.before is None]
    if len(new) != 1:
        raise VersionNotFound(
            f"commit {oid[:12]} introduced {len(new) or 'no'} version{'s' if new else ''}",
            hint=f"see it with `git show {oid[:12]}`",
        )
    return snapshot.version(new[0].model, new[0].version)


# Which version a reference names, since when, by whom and why.


def which(snapshot: Snapshot, ref: Ref, *, at: datetime | None = None) -> Holding:
    """Return the version that `ref` names, now or at a moment, and how it came to its status.

    The store is looked at as it was then (effective dates along first parents); a date inside
    `ref` comes first.
    """
    reference = None if isinstance(ref, ModelVersion) else Reference.parse(ref)
    moment = (reference.at if reference else None) or at
    view = snapshot.at(moment) if moment else snapshot
    version = resolve(view, ref)
    moves = _of(view, version)
    given = next(event for event in moves if event.after == version.status)
    withdrawal = _withdrawal(given, moves)
    until = None
    if view is not snapshot:  # when its status changed after that moment
        moves = _of(snapshot, version)
        later = list(takewhile(lambda event: event.commit != given.commit, moves))
        until = later[-1].when if later else None
    facts = (given.when, given.who, given.why, given.commit)
    return Holding(version, *facts, until, withdrawal, clock=given.clock)


def _withdrawal(latest: Event, earlier: Iterator[Event]) -> Withdrawal | None:
    """Return from what a version came back last; `earlier` moves are newest first."""
    back = latest
    for event in earlier:
        if back.before == WITHDRAWN and event.after == WITHDRAWN:
            went = (event.when, event.who, event.why, event.commit)
            return Withdrawal(*went, back.when, back.who, back.why, back.commit)
        if event.before is None:
            return None
        back = event
    return None


def _of(snapshot: Snapshot, version: ModelVersion) -> Iterator[Event]:
    return (
        event
        for event in log(snapshot, version.model)
        if event.version == version.version and event.is_move
    )


# The versions of a model with their manifests, one after another, for a list.


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list of versions, with what of it can be read."""

    model: str
    version: Version
    status: str | None  # now; None where registry.json does not have it
    commit: str | None  # the one that introduced it; None when it cannot be read
    manifest: Manifest | None  # None when it cannot be read
    fault: str | None  # why not
    # When it was registered, UTC: as its manifest says, but no earlier than the commit counts.
    created_at: datetime | None = None


def listing(snapshot: Snapshot, model: str) -> tables.Reading[Listed]:
    """Return the versions of a model, highest first, each read when asked for; then the lost."""
    check_model(snapshot, model)
    statuses = snapshot.registry.models[model]
    lines = (listed(snapshot, model, Version.parse(v), status) for v, status in statuses.items())
    lost = (
        Listed(model, Version.parse(one.version), None, None, None, one.fault)
        for one in lost_versions(snapshot, model)
    )
    return tables.Reading(chain(lines, lost), "version", tables.versions)


def listed(snapshot: Snapshot, model: str, version: Version, status: str) -> Listed:
    """Return one version of a model with its manifest, or with why it cannot be read."""
    with suppress(StoreError):  # the history may know better than the tag
        tag = snapshot.repository.tag(tag_name(model, version))
        if tag is not None:
            return _listed(snapshot, ModelVersion(model, version, status, tag.commit))
    try:
        return _listed(snapshot, snapshot.version(model, version))
    except StoreError as error:
        return Listed(model, version, status, None, None, Sentence.of(error))


def _listed(snapshot: Snapshot, version: ModelVersion) -> Listed:
    manifest = snapshot.manifest(version)
    when = registered_at(snapshot.repository, version.commit, manifest.created_at)
    which = version.model, version.version, version.status, version.commit
    return Listed(*which, manifest, None, when)


# What the store holds: models and versions.


def models(snapshot: Snapshot) -> Found[ModelSummary]:
    """Return every model, by name, with its live versions."""
    registry = snapshot.registry
    shown = (STAGING, *sorted(snapshot.policy.exclusive))
    summaries = []
    for name, statuses in registry.models.items():
        highest = registry.highest(name)
        if highest is not None:
            holders = {status: registry.holders(name, status) for status in shown}
            summaries.append(ModelSummary(name, len(statuses), highest, holders))
    return Found.of(summaries, lost_versions(snapshot), tables.models)


def versions(snapshot: Snapshot, model: str) -> Found[ModelVersion]:
    """Return every version of a model, highest first, and beside them what cannot be read."""
    check_model(snapshot, model)
    entries, unread = [], []
    for version in snapshot.registry.versions(model):
        try:
            entries.append(snapshot.version(model, version))
        except StoreError as error:
            status = snapshot.registry.status(model, version)
            unread.append(Unread(model, str(version), status, Sentence.of(error)))
    return Found.of(entries, (*unread, *lost_versions(snapshot, model)))
