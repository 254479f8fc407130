"""What happened, read off the history: events, holders, as-of answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime

from gitmodelstore.checks.annotations import Annotations
from gitmodelstore.checks.history import clock_behind, effective_date
from gitmodelstore.errors import FormatError, IntegrityError, MissingObject, Sentence, StoreError
from gitmodelstore.operations.annotations import annotation_events
from gitmodelstore.operations.approvals import approval_event, says_approved
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.annotations import says_annotated
from gitmodelstore.values.events import Event, events_of
from gitmodelstore.values.layout import REGISTRY
from gitmodelstore.values.log_page import blocks
from gitmodelstore.values.objects import Commit
from gitmodelstore.values.reading import Reading
from gitmodelstore.values.registry import EMPTY, Change, Registry
from gitmodelstore.values.registry_text import changes_between
from gitmodelstore.values.version import Version

_UNREADABLE = (MissingObject, IntegrityError)
NOTHING = EMPTY.render()  # what a commit without a registry.json counts as


def log(
    snapshot: Snapshot, model: str | None = None, faults: list[str] | None = None
) -> Iterator[Event]:
    """Yield the events of the store, or of one model, approvals and annotations too, newest first.

    Within a commit: by model, highest version first; where it also annotates, moves before
    that and registrations behind it.

    Args:
        snapshot: the store.
        model: whose; None for those of every model.
        faults: takes what cannot be read, a sentence each, and the log goes on without it;
            None refuses to.
    """
    line = Annotations(snapshot.repository, snapshot.commit.oid)
    for commit, all_changes in _steps(snapshot, faults):
        changes = [change for change in all_changes if model in (None, change.model)]
        moves = events_in(snapshot.repository, commit, changes)
        approval: Event | None = None
        noted: tuple[Event, ...] = ()
        try:
            approval = None if all_changes else approval_event(snapshot.repository, commit)
            noted = tuple(annotation_events(line, commit, model))
        except _UNREADABLE as error:
            what = f"approvals and annotations that merges bring cannot be read: {error}"
            _tell_or_raise(faults, error, what)
        if approval is not None and model in (None, approval.model):
            yield approval
        if noted:
            yield from (event for event in moves if event.before is not None)
            yield from noted
            yield from (event for event in moves if event.before is None)
        else:
            yield from moves


def events_in(
    repository: Repository, commit: Commit, changes: Iterable[Change]
) -> tuple[Event, ...]:
    """Return the events of one commit, of which `changes` are the changes of the registry."""
    return events_of(
        changes,
        commit.message,
        commit=commit.oid,
        when=effective_date(repository, commit.oid),
        who=commit.author,
        clock=clock_behind(repository, commit),
    )


def registered_at(repository: Repository, oid: str, created_at: datetime) -> datetime:
    """Return when a version was registered, as its manifest says.

    Where the commit that introduced it is dated before its parent, its manifest may be too,
    and what counts is the effective date of the commit.
    """
    counts = effective_date(repository, oid)
    return max(created_at, counts) if repository.commit(oid).when < counts else created_at


def holders(snapshot: Snapshot, model: str, status: str) -> Iterator[tuple[Version, Commit]]:
    """Yield the holders of a status, the present one first, each with the commit that put it there.

    A moment without a holder, or with several, is passed over.
    """
    held = set(snapshot.registry.holders(model, status))
    for commit, changes in _steps(snapshot):
        before = set(held)
        for change in changes:
            if change.model == model and change.after == status:
                before.discard(change.version)
            elif change.model == model and change.before == status:
                before.add(change.version)
        if len(held) == 1 and before != held:
            yield next(iter(held)), commit
        held = before


def has_held(snapshot: Snapshot, model: str, version: Version, status: str) -> bool:
    """Return whether a version has, or has had, a status."""
    for _, changes in _steps(snapshot):
        for change in changes:
            if (change.model, change.version) != (model, version):
                continue
            if status in (change.before, change.after):
                return True
            if change.before is None:
                return False
    return False


class Log(Reading[Event]):
    """Events, newest first, as a sequence; and what could not be read among them.

    It prints as `gms log` does. What nobody asks for is not read: `log[0]` is quick.

    Attributes:
        faults: the latter, a sentence each, as far as the events have been taken.
        tell: is told of each of them.
    """

    def __init__(self, snapshot: Snapshot, model: str | None, tell: Callable[[str], None]) -> None:
        self.faults: list[str] = []
        self.tell = tell
        super().__init__(self._events(snapshot, model), "event", blocks)

    def _events(self, snapshot: Snapshot, model: str | None) -> Iterator[Event]:
        events, known = log(snapshot, model, self.faults), 0
        while True:
            event = next(events, None)
            for fault in self.faults[known:]:
                known += 1
                self.tell(fault)
            if event is None:
                return
            yield event


def _steps(
    snapshot: Snapshot, faults: list[str] | None = None
) -> Iterator[tuple[Commit, tuple[Change, ...]]]:
    """Yield each commit that changed registry.json, newest first, with what it changed.

    So is each that may approve or annotate something, which changes nothing.
    Where somebody left a registry that is none, the one before it counts; so where it cannot
    be read and `faults` takes that.
    """
    repository = snapshot.repository
    later: tuple[Commit, bytes] | None = None  # the commit whose change is still to be told
    read: tuple[str, bytes] = "", b""  # the last blob: many a commit leaves the registry as it was
    line = repository.first_parents(snapshot.commit.oid)
    while True:
        try:
            commit = next(line, None)
        except _UNREADABLE as error:
            _tell_or_raise(faults, error, f"what happened before cannot be read: {error}")
            return  # what the last one changed is not known either
        if commit is None:
            break
        try:
            entry = repository.entry(commit.tree, REGISTRY)
            if entry is not None and entry.oid != read[0]:
                read = entry.oid, bytes(repository.read(entry.oid, REGISTRY))
        except _UNREADABLE as error:
            what = f"commit {commit.oid[:12]}: {error}; what it changed is told of the one after it"
            _tell_or_raise(faults, error, what)
            continue
        data = read[1] if entry else NOTHING
        if later is None:
            later = (commit, data)
            continue
        try:
            changes = changes_between(data, later[1]) if data != later[1] else ()
        except FormatError:
            later = _passed_over(later, commit, data)
            continue
        if changes or _may_say_more(later[0]):
            yield later[0], changes
        later = (commit, data)
    if later is not None:
        with suppress(FormatError):
            yield later[0], tuple(EMPTY.changes(Registry.parse_history(later[1])))


def _tell_or_raise(faults: list[str] | None, error: StoreError, what: str) -> None:
    """Note what cannot be read; raise it where nobody takes that."""
    if faults is None:
        raise error
    if what not in faults:
        faults.append(Sentence.of(what, error.code, error.hint))


def _may_say_more(commit: Commit) -> bool:
    """Whether a commit may approve or annotate something; a merge brings what others say."""
    is_merge = len(commit.parents) > 1
    return is_merge or says_approved(commit) or says_annotated(commit.message)


def _passed_over(later: tuple[Commit, bytes], commit: Commit, data: bytes) -> tuple[Commit, bytes]:
    """Return the side that goes on where one of two neighbours is no registry."""
    try:
        Registry.parse_history(later[1])
    except FormatError:
        return commit, data
    return later
