"""What happened in a store, read off the history of its branch, and the index of that.

An event is what a commit changed in registry.json, an approval or an annotation. The index keeps
the events of the branch in the git directory: they follow from a commit and what is behind it, so
that they never change, and a branch that moved on only adds some.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache, partial
from itertools import chain, islice, takewhile
from math import floor
from operator import methodcaller

from gitmodelstore.checks.fault import registries
from gitmodelstore.checks.history import (
    clock_behind,
    earliest_after,
    effective_date,
    registry_steps,
    registry_steps_after,
)
from gitmodelstore.errors import (
    BusyIndex,
    DamagedIndex,
    FormatError,
    IntegrityError,
    InvalidVersion,
    MissingObject,
    Sentence,
    StoreError,
)
from gitmodelstore.lean import TYPE_CHECKING, TypeVar, cached_property
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.events import (
    ANNOTATED,
    APPROVED,
    REGISTERED,
    Event,
    Scalar,
    event_of,
    events_of,
    facts_of,
    says_annotated,
    says_approved,
)
from gitmodelstore.values.names import INDEX, OWN_FOLDER, REGISTRY, Version, from_seconds
from gitmodelstore.values.objects import Commit
from gitmodelstore.values.registry import EMPTY, Change, Registry

if TYPE_CHECKING:
    from gitmodelstore.checks.gates import Annotations
    from gitmodelstore.plumbing.index import Index, IndexedEvent

Notify = Callable[[str], None]  # takes what the caller should be told besides the result

Answer = TypeVar("Answer")

_WORTH_AN_INDEX = 64  # commits: fewer are read sooner than an index is made
_MOST_TRIES = 2  # with an index, which others may be making anew
_AT_ONCE = 1000  # commits whose events are read together
_UNREADABLE = (MissingObject, IntegrityError)
_OF_ANNOTATED = f'["{ANNOTATED}",'  # how the index begins what it keeps of such an event

Statements = Sequence[tuple[str, Scalar | None]]  # keys of annotations; None takes one back


class History:
    """What led to a commit of the branch, along first parents."""

    def __init__(self, repository: Repository, commit: Commit) -> None:
        self._repository = repository
        self._commit = commit
        self._line = repository.first_parents(commit.oid)
        self._passed: set[str] = set()  # commits of the line that are known to be behind it
        self._registered: dict[str, set[tuple[str, str]]] = {}  # by model: version and commit
        self._is_plain = not repository.keeps_index  # whether to do without an index

    def events(
        self,
        model: str | None = None,
        version: Version | None = None,
        tell: Notify | None = None,
    ) -> Iterator[Event]:
        """Yield the events of the store, a model or a version, approvals and annotations too.

        The newest come first; within a commit by model, highest version first; where it also
        annotates a model, its moves before that and its registrations behind it. `tell` is told
        what cannot be read, a sentence each, and the rest follows; None refuses to.
        """
        taken = 0
        for _ in range(_MOST_TRIES):
            try:
                for event in islice(self._events(model, version, tell), taken, None):
                    yield event
                    taken += 1
                return
            except DamagedIndex:  # it may be another one now, which others have made
                self.__dict__.pop("_unindexed", None)
        self._is_plain = True
        yield from islice(self._events(model, version, tell), taken, None)

    def annotations(self) -> dict[tuple[str, str], dict[str, Scalar]]:
        """Return the annotations that count, key to value, of each annotated version."""
        for _ in range(_MOST_TRIES):
            with suppress(DamagedIndex):
                return _latest(self._annotations())
            self.__dict__.pop("_unindexed", None)
        self._is_plain = True
        return _latest(self._annotations())

    def of_version(self, model: str, version: Version) -> Sequence[Event]:
        """Return all events of a version; they are kept, as they follow from the commit."""
        repository, key = self._repository, (self._commit.oid, model, version)
        known = repository.events_of.get(key)
        if known is None:
            known = tuple(self.events(model, version))
            repository.remember(repository.events_of, key, known)
        return known

    def at(self, moment: datetime) -> Commit | None:
        """Return the last commit that counts from a moment or earlier; None if all are younger."""
        new, place = self._unindexed
        for commit in new:
            if effective_date(self._repository, commit.oid) <= moment:
                return commit
        if place is not None:
            oid = self._ask(lambda index: index.before(floor(moment.timestamp()), place))
            if oid is not None:
                return self._repository.commit(oid)
        line = self._repository.first_parents(self._commit.oid)  # to before the first version
        dated = ((commit, effective_date(self._repository, commit.oid)) for commit in line)
        return next((commit for commit, date in dated if date <= moment), None)

    def holds(self, oid: str) -> bool:
        """Whether a commit is this one or behind it; most are near the end of the line."""
        if oid in self._passed:
            return True
        wanted = self._ask(lambda index: index.place(oid))
        if wanted is not None:
            _, place = self._unindexed
            if place is not None and wanted <= place:
                return True  # else a merge may have brought it back
        while oid not in self._passed:
            commit = next(self._line, None)
            if commit is None:
                return self._repository.is_ancestor(oid, self._commit.oid)
            self._passed.add(commit.oid)
        return True

    def introduces(self, oid: str, model: str, version: Version) -> bool:
        """Whether the index says that a commit introduced a version; False where it does not."""
        number = str(version)
        if model in self._registered:
            return (number, oid) in self._registered[model]
        known = self._ask(methodcaller("registrations", model, number)) or ()
        if known:  # which says too what `holds` is asked next
            _, place = self._unindexed
            self._pass(known, place)
        return any(told.introducer == oid for told in known)

    def prepare(self) -> None:
        """Bring the index up where it lacks many commits, as the first question does."""
        _ = self._unindexed

    def learn(self, model: str) -> None:
        """Read at once which commits behind this one introduced the versions of a model."""
        _, place = self._unindexed
        known = self._ask(methodcaller("registrations", model)) or ()
        self._registered[model] = {(told.version, told.introducer) for told in known}
        self._pass(known, place)

    def _pass(self, known: Iterable[IndexedEvent], place: int | None) -> None:
        """Note which of these registrations lie behind a place of the line."""
        if place is not None:
            self._passed.update(told.introducer for told in known if told.place <= place)

    def _ask(self, question: Callable[[Index], Answer]) -> Answer | None:
        """Return what the index answers; None without one. A damaged one is removed.

        It is open for the question alone, since nobody closes what an interrupt leaves.
        """
        folder = self._repository.common_dir
        if self._is_plain or not (folder / OWN_FOLDER / INDEX).exists():
            return None
        from gitmodelstore.plumbing import index  # SQLite takes 4 ms to import

        try:
            return index.ask(folder, question)
        except BusyIndex:
            return None
        except DamagedIndex:
            index.remove(folder)
            self.__dict__.pop("_unindexed", None)
            return None

    @cached_property
    def _unindexed(self) -> tuple[list[Commit], int | None]:
        """The newest commits, which the index lacks, and the place of the next one, if it has one.

        It is brought up to date where it lacks many.
        """
        repository, new = self._repository, list[Commit]()
        line, place = repository.first_parents(self._commit.oid), None

        def meet(index: Index) -> int | None:
            """Walk on to a commit that the index has; return its place there."""
            for commit in line:
                new.append(commit)  # before a damaged index is asked
                place = index.place(commit.oid)
                if place is not None:
                    counts = index.counts(place)
                    if counts is not None:
                        repository.dates.setdefault(commit.oid, from_seconds(counts))
                    new.pop()
                    return place
                if len(new) == _WORTH_AN_INDEX:
                    break
            return None

        with suppress(*_UNREADABLE):  # whoever reads them says so
            place = self._ask(meet)
            if place is None:
                new.extend(islice(line, max(0, _WORTH_AN_INDEX - len(new))))
            if place is None and len(new) == _WORTH_AN_INDEX and not self._is_plain:
                repository.keeps_index = bring_up(repository)
                place = self._ask(meet)
            if place is None:
                new.extend(line)
        return new, place

    def _events(
        self, model: str | None, version: Version | None, tell: Notify | None
    ) -> Iterator[Event]:
        """Yield the events that no index has, and then those of the index."""
        new, place = self._unindexed
        for event in self._read(new, place, tell):
            if model in (None, event.model) and version in (None, event.version):
                yield event
        if place is not None:
            for told in self._indexed(place, model, version):
                yield event_of(told.model, told.version, told.facts)

    def _read(self, new: list[Commit], place: int | None, tell: Notify | None) -> Iterator[Event]:
        """Yield the events that the index lacks; what was read once is remembered."""
        repository, tip = self._repository, self._commit.oid
        known = list(takewhile(_is_there, (repository.events.get(one.oid) for one in new)))
        yield from chain.from_iterable(filter(None, known))
        if len(known) == len(new):
            return
        # From the tip again: what a commit changed may depend on what is valid after it.
        ahead = {commit.oid for commit in new}
        past = {commit.oid for commit in new[: len(known)]}
        line, unread = _notes_of(repository, tip), partial(_tell_or_raise, tell)
        for commit, changes in registry_steps(repository, tip, unread):
            if commit.oid in past:
                continue
            if commit.oid not in ahead:
                break
            events = events_at(repository, line, commit, changes, tell)
            if tell is None:  # else something may be missing
                repository.remember(repository.events, commit.oid, events)
            yield from events
            if place is not None and commit is new[-1]:
                break

    def _annotations(self) -> Iterator[tuple[tuple[str, str], Statements]]:
        """Yield what is said of versions, the latest first."""
        from gitmodelstore.checks.gates import Annotations

        new, place = self._unindexed
        if new or place is None:
            since = None if place is None else new[-1].oid
            for said in Annotations(self._repository, self._commit.oid).said(since):
                yield (said.model, said.version), said.values
        if place is not None:
            for told in self._indexed(place, None, None):
                if told.facts.startswith(_OF_ANNOTATED):
                    event = event_of(told.model, told.version, told.facts)
                    yield (event.model, str(event.version)), event.annotations

    def _indexed(
        self, place: int, model: str | None, version: Version | None
    ) -> Iterator[IndexedEvent]:
        """Yield what the index has up to a place, the latest first; DamagedIndex without it."""
        number = None if version is None else str(version)
        spans = [(max(0, last - _AT_ONCE + 1), last) for last in range(place, -1, -_AT_ONCE)]
        for first, last in spans if model is None else [(0, place)]:
            told = self._ask(methodcaller("events", first, last, model, number))
            if told is None:
                raise DamagedIndex
            yield from told


def _is_there(events: list[Event] | None) -> bool:
    return events is not None


def _latest(
    said: Iterable[tuple[tuple[str, str], Statements]],
) -> dict[tuple[str, str], dict[str, Scalar]]:
    """Return what was said last at each key, sorted, without what was taken back."""
    latest: dict[tuple[str, str], dict[str, Scalar | None]] = {}
    for which, statements in said:
        values = latest.setdefault(which, {})
        for key, value in reversed(statements):
            values.setdefault(key, value)
    return {
        version: {key: value for key, value in sorted(values.items()) if value is not None}
        for version, values in latest.items()
    }


# The index: what is read of the history to be kept.


def bring_up(repository: Repository) -> bool:
    """Bring the index up to the branch; return whether there is one then."""
    from gitmodelstore.plumbing import index

    tip, folder = repository.head(repository.branch), repository.common_dir
    if tip is None or not index.can_be_written(folder):
        return False
    with suppress(StoreError, DamagedIndex):
        with suppress(FormatError):  # of a commit with a registry from which nothing goes on
            return _bring_up(repository, tip, _last_indexed(repository, tip))
        return _bring_up(repository, tip, None)
    return False


def _last_indexed(repository: Repository, tip: str) -> tuple[int, Commit] | None:
    """Return the newest commit that the index has, with its place there."""
    from gitmodelstore.plumbing import index

    def meet(known: Index) -> tuple[int, Commit] | None:
        for commit in repository.first_parents(tip):
            place = known.place(commit.oid)
            if place is not None:
                return place, commit
        return None

    with suppress(DamagedIndex):
        return index.ask(repository.common_dir, meet)
    return None


def _bring_up(repository: Repository, tip: str, base: tuple[int, Commit] | None) -> bool:
    from gitmodelstore.plumbing import index
    from gitmodelstore.plumbing.cat_file import CatFile

    place, before = base or (-1, None)
    folder, entry = repository.common_dir, before and repository.entry(before.tree, REGISTRY)
    good = entry.oid if entry else None
    line = index.registries(folder, tip, (before.oid, good) if before else None)
    repository.bring({oid: REGISTRY for _, oid in line if oid})
    notes = _notes_of(repository, tip)
    read = index.contents(folder, (oid for oid, _ in line), "commit")
    rows = []
    with CatFile(folder, inherit=False) as objects:  # which reads long texts sooner
        steps = zip(
            registry_steps_after(objects, good, (blob for _, blob in line)), read, strict=True
        )
        for changes, (oid, data) in index.metered(steps, len(line), repository.meter):
            commit = repository.take_commit(oid, data)
            counts = earliest_after(repository, oid)
            seconds = None if counts is None else int(counts.timestamp())
            events = [] if changes is None else events_at(repository, notes, commit, changes)
            rows.append(index.IndexedCommit(oid, seconds, [_told(event) for event in events]))
    return (
        index.add(folder, place, rows, repository.sharing)
        or (folder / OWN_FOLDER / INDEX).is_file()  # somebody else was first
    )


def _told(event: Event) -> tuple[str, str, str, str]:
    introducer = event.commit if event.kind == REGISTERED else ""
    return event.model, str(event.version), introducer, facts_of(event)


# The events of one commit.


def _notes_of(repository: Repository, tip: str) -> Callable[[], Annotations]:
    """Return what makes the annotations of the line of a commit, for the few that have any."""

    @cache
    def made() -> Annotations:
        from gitmodelstore.checks.gates import Annotations

        return Annotations(repository, tip)

    return made


def registry_of(repository: Repository, commit: Commit) -> Registry:
    """Return what an earlier commit's registry.json said; an empty one where it had none."""
    entry = repository.entry(commit.tree, REGISTRY)
    if entry is None:
        return EMPTY
    return registries.get(entry.oid) or Registry.parse_history(
        bytes(repository.read(entry.oid, REGISTRY))
    )


def events_at(
    repository: Repository,
    line: Callable[[], Annotations],
    commit: Commit,
    changes: Sequence[Change],
    tell: Notify | None = None,
) -> list[Event]:
    """Return the events of a commit of the line, which changes this in the registry."""
    is_merge = len(commit.parents) > 1
    approves, annotates = says_approved(commit.message), says_annotated(commit.message)
    if not (changes or is_merge or approves or annotates):
        return []
    approval, noted, merged = None, [], list[str]()
    try:
        approval = approval_event(repository, commit) if approves and not changes else None
        if is_merge or annotates:
            merged = [one.message for one in line().merged_by(commit)]
            noted = list(annotation_events(line(), commit))
    except _UNREADABLE as error:
        what = f"approvals and annotations that merges bring cannot be read: {error}"
        _tell_or_raise(tell, error, what)
    moves = events_in(repository, commit, changes, merged)
    annotated = {event.model for event in noted}
    behind = [event for event in moves if event.before is None and event.model in annotated]
    before = [event for event in moves if event not in behind]
    return [*([approval] if approval else ()), *before, *noted, *behind]


def events_in(
    repository: Repository, commit: Commit, changes: Iterable[Change], merged: Sequence[str] = ()
) -> tuple[Event, ...]:
    """Return the events of one commit, of which `changes` are the changes of the registry.

    What a merge brings is explained by the messages of the commits that it has `merged`, too.
    """
    when, clock = effective_date(repository, commit.oid), clock_behind(repository, commit)
    message = "\n\n".join([*merged, commit.message])
    return events_of(changes, message, commit=commit.oid, when=when, who=commit.author, clock=clock)


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


def approval_event(repository: Repository, commit: Commit) -> Event | None:
    """Return the event of a commit that approves a version; None for other commits."""
    from gitmodelstore.checks.signatures import approval_of

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


def _tell_or_raise(tell: Notify | None, error: StoreError, what: str) -> None:
    if tell is None:
        raise error
    tell(Sentence.of(what, error.code, error.hint))
