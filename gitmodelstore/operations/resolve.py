"""From a reference to the version that it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from itertools import groupby, islice, takewhile

from gitmodelstore.checks.history import effective_date
from gitmodelstore.errors import (
    InvalidReference,
    ModelNotFound,
    Sentence,
    StoreError,
    VersionNotFound,
)
from gitmodelstore.lean import TYPE_CHECKING, dataclass, replace, sha256
from gitmodelstore.operations.history import Notify, registry_of
from gitmodelstore.operations.snapshot import UNSHALLOW, Snapshot, lost_versions
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values import tables
from gitmodelstore.values.events import (
    ANNOTATED,
    Event,
    Holding,
    Withdrawal,
    blocks,
    says_approved,
    table,
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
from gitmodelstore.values.registry import EMPTY

if TYPE_CHECKING:
    from gitmodelstore.checks.signatures import Approval
    from gitmodelstore.values.gates import Annotation

# The annotations in the history: what counts of a version, and what the log tells of them.


def annotated(snapshot: Snapshot, version: ModelVersion) -> dict[str, Annotation]:
    """Return the annotations of a version by key: the latest values that were not removed."""

    events = snapshot.history.of_version(version.model, version.version)
    if not any(event.kind == ANNOTATED for event in events):
        return {}
    from gitmodelstore.checks.gates import Annotations

    line = Annotations(snapshot.repository, snapshot.commit.oid)
    return line.of(version.model, version.version, since=version.commit)


# The approvals in the history: which stand, and what the log tells of them.


def approvals(snapshot: Snapshot, version: ModelVersion) -> tuple[Approval, ...]:
    """Return the approvals of a version since its last withdrawal, newest first, unverified."""
    if not any(says_approved(commit.message) for commit in _since(snapshot, version)):
        return ()
    from gitmodelstore.checks.signatures import standing

    repository, since = snapshot.repository, _since(snapshot, version)
    return tuple(
        replace(one, when=effective_date(repository, one.commit))
        for one in standing(repository, since, version.model, version.version)
    )


def claimed(snapshot: Snapshot) -> frozenset[tuple[str, str]]:
    """Return the versions that some commit claims are approved."""
    from gitmodelstore.checks.signatures import approval_of

    repository = snapshot.repository
    line = repository.first_parents(snapshot.commit.oid)
    claims = (approval_of(repository, commit) for commit in line)
    return frozenset((one.model, one.version) for one in claims if one)


def manifest_sha256(snapshot: Snapshot, version: ModelVersion) -> str:
    """Return the digest of a version's manifest, which is first judged."""
    snapshot.manifest(version)
    return sha256(snapshot.read(version, MANIFEST)).hexdigest()


def _since(snapshot: Snapshot, version: ModelVersion) -> Iterator[Commit]:
    """Yield the commits of the branch down to the one that introduced a version."""
    for commit in snapshot.repository.first_parents(snapshot.commit.oid):
        if commit.oid == version.commit:
            return
        yield commit


# What happened, read off the history: events, holders, as-of answers.


def registered_at(repository: Repository, oid: str, created_at: datetime) -> datetime:
    """Return when a version was registered: its manifest's time, or its commit's effective one."""
    # The latter if the commit is dated before its parent.
    counts = effective_date(repository, oid)
    return max(created_at, counts) if repository.commit(oid).when < counts else created_at


def holders(snapshot: Snapshot, model: str, status: str) -> Iterator[Version]:
    """Yield the single holders of a status, newest first."""
    after = set(snapshot.registry.holders(model, status))
    moves = (event for event in snapshot.history.events(model) if event.is_move)
    for _, together in groupby(moves, key=lambda event: event.commit):
        before = set(after)
        for event in together:
            if event.after == status:
                before.discard(event.version)
            elif event.before == status:
                before.add(event.version)
        if len(after) == 1 and before != after:
            yield next(iter(after))
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
        super().__init__(self._events(snapshot, model), "event", blocks, table)

    def _events(self, snapshot: Snapshot, model: str | None) -> Iterator[Event]:
        border = snapshot.repository.border
        for event in snapshot.history.events(model, tell=self._note):
            if event.commit in border:  # nobody knows what of it is new
                what = f"what led to commit {event.commit[:12]} is not in this clone"
                self._note(f"{what}, which is shallow; fetch it: {UNSHALLOW}")
                return
            yield event

    def _note(self, fault: str) -> None:
        if fault not in self.faults:
            self.faults.append(fault)
            self.tell(fault)


# Resolve


_MOST_NAMED = 5  # versions that a hint lists

Ref = str | ModelVersion
Named = str | Version | ModelVersion  # a version of a model that is known already

_parsed = lru_cache(maxsize=1024)(Reference.parse)


def resolve(snapshot: Snapshot, ref: str | Reference | ModelVersion) -> ModelVersion:
    """Return the version that `ref` names, with its status in `snapshot`."""
    if isinstance(ref, ModelVersion):
        return snapshot.version(ref.model, ref.version)
    reference = ref if isinstance(ref, Reference) else _parsed(ref)
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
    hint: str | None = None
    if isinstance(selector, Version):
        matches = [selector] if registry.status(model, selector) else []
        what = f"no version '{selector}' of '{model}'"
        lost = () if matches else lost_versions(snapshot, model)
        hint = next((one.fault for one in lost if one.version == str(selector)), None)
    elif isinstance(selector, VersionRange):
        matches = list(islice((v for v in registry.live(model) if v in selector), 1))
        what = f"no version of '{model}' matches {selector}"
    elif selector == LATEST:
        released = (v for v in registry.live(model) if not v.is_prerelease)
        newest = list(islice(released, back + 1))
        matches = (newest or list(islice(registry.live(model), back + 1)))[back:]
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
    for version in holders(snapshot, model, status):
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
    events = snapshot.history.events(version.model, version.version)
    return (event for event in events if event.is_move)


# The versions of a model with their manifests, one after another, for a list.


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list of versions, with what of it can be read.

    Attributes:
        status: now; None where registry.json does not have it.
        commit: the one that introduced it; None, as all below, where it cannot be read.
        fault: why not; None of those that can be read.
        created_at: when it was registered, UTC: as its manifest says, but no earlier than the
            commit counts.
        author: by whom, as "Name <email>".
        algorithm, metrics: as its manifest has them.
    """

    model: str
    version: Version
    status: str | None
    commit: str | None
    fault: str | None
    created_at: datetime | None = None
    author: str | None = None
    algorithm: str | None = None
    metrics: Mapping[str, float] | None = None


_READ_ALONE = 64  # versions, as many as are on a screen: fewer are read sooner than by the index


def listing(
    snapshot: Snapshot, model: str, others: Callable[[int], Iterator[Listed]]
) -> tables.Reading[Listed]:
    """Return the versions of a model, highest first, each read when asked for; then the lost.

    `others` yields all from one on, by its place, as an index has them.
    """
    check_model(snapshot, model)
    return tables.Reading(_lines(snapshot, model, others), "version", tables.versions)


def _lines(
    snapshot: Snapshot, model: str, others: Callable[[int], Iterator[Listed]]
) -> Iterator[Listed]:
    statuses = snapshot.registry.models[model]
    snapshot.history.prepare()  # since when a version is there depends on all that came before
    for version, status in islice(statuses.items(), _READ_ALONE):
        yield listed(snapshot, model, Version.parse(version), status)
    if len(statuses) > _READ_ALONE:
        yield from others(_READ_ALONE)
    else:
        yield from map(unlisted, lost_versions(snapshot, model))


def listed(snapshot: Snapshot, model: str, version: Version, status: str) -> Listed:
    """Return one version of a model with its manifest, or with why it cannot be read."""
    with suppress(StoreError):  # the history may know better than the tag
        tag = snapshot.repository.tag(tag_name(model, version))
        if tag is not None:
            return _listed(snapshot, ModelVersion(model, version, status, tag.commit))
    try:
        return _listed(snapshot, snapshot.version(model, version))
    except StoreError as error:
        return Listed(model, version, status, None, Sentence.of(error))


def unlisted(one: Unread) -> Listed:
    """Return the line of a version that cannot be read."""
    return Listed(one.model, Version.parse(one.version), one.status, None, one.fault)


def _listed(snapshot: Snapshot, version: ModelVersion) -> Listed:
    manifest = snapshot.manifest(version)
    when = registered_at(snapshot.repository, version.commit, manifest.created_at)
    which = version.model, version.version, version.status, version.commit
    algorithm = manifest.pipeline.algorithm
    return Listed(*which, None, when, manifest.author, algorithm, manifest.metrics)


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
    return Found.of(summaries, lost_versions(snapshot), "model", tables.models)


def versions(snapshot: Snapshot, model: str) -> Found[ModelVersion]:
    """Return every version of a model, highest first, and beside them what cannot be read."""
    check_model(snapshot, model)
    snapshot.history.learn(model)
    entries, unread = [], []
    for version in snapshot.registry.versions(model):
        try:
            entries.append(snapshot.version(model, version))
        except StoreError as error:
            status = snapshot.registry.status(model, version)
            unread.append(Unread(model, str(version), status, Sentence.of(error)))
    return Found.of(
        entries, (*unread, *lost_versions(snapshot, model)), "version", None, tables.numbers
    )
