"""What the judge must know about earlier commits, and when each of them counts.

Clocks differ, and a commit may have any date. It counts from its committer's date, or from the
effective date of its first parent if that is later. So dates never go back along first parents, and
a new commit never changes what the store was before its parent counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from gitmodelstore.checks.fault import Fault, Judged, registries
from gitmodelstore.checks.folder import folder_entry, folder_names
from gitmodelstore.errors import (
    FormatError,
    IntegrityError,
    InvalidReference,
    MissingObject,
    StoreError,
)
from gitmodelstore.lean import TYPE_CHECKING, dataclass, field, pattern
from gitmodelstore.values.json import join
from gitmodelstore.values.names import (
    ARCHIVED,
    REGISTRY,
    SETTINGS,
    WITHDRAWN,
    Version,
    folder,
    format_moment,
    parse_moment,
)
from gitmodelstore.values.objects import PLAIN_FILE, Commit, Entry, Tag
from gitmodelstore.values.policy import Policy
from gitmodelstore.values.registry import (
    EMPTY,
    Change,
    Registry,
    canonical_changes,
    changes_between,
)

if TYPE_CHECKING:
    from typing import Protocol, TypeVar

    from gitmodelstore.values.objects import Entry
    from gitmodelstore.values.registry import Moved, Registry

    Key = TypeVar("Key")
else:
    Protocol = object  # typing takes 7 ms to import

_NONE = EMPTY.render()
_UNREADABLE = (MissingObject, IntegrityError)
_ASKED_AT = frozenset(2 << doubled for doubled in range(21))  # commits of a walk
SKEW = timedelta(minutes=1)  # how much clocks may differ before it is reported
_CLOCK = pattern(r"(?:^|\n\n)Clock: ([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z)(?=\n\n|\n*$)")


def effective_date(objects: Objects, oid: str) -> datetime:
    """Return the time from which a commit counts: no earlier than its first parent."""
    return earliest_after(objects, oid) or objects.commit(oid).when


def earliest_after(objects: Objects, oid: str) -> datetime | None:
    """Return when a commit on top of this one can count at the earliest; None for any time."""
    # Commits that create a store do not count, so that a new one accepts versions with past dates.
    # In a shallow clone the readable part counts.
    dates = objects.dates
    if oid in dates:
        return dates[oid]
    line = [objects.commit(oid)]
    latest: datetime | None = None
    while line[-1].parents:
        following = line[-1].parents[0]
        latest = dates.get(following)
        if following in dates:
            break
        if len(line) in _ASKED_AT:
            latest = objects.kept_date(following)
        if latest is not None:
            break
        try:
            line.append(objects.commit(following))
        except _UNREADABLE:
            break
    for commit in reversed(line):
        if latest is None:
            if not _has_versions(objects, commit):
                dates[commit.oid] = None
                continue
            latest = commit.when
        latest = max(latest, commit.when)
        dates[commit.oid] = latest
    return latest


def _has_versions(objects: Objects, commit: Commit) -> bool:
    """Whether the registry of a commit has versions; True if it cannot be read."""
    try:
        entry = objects.entries(commit.tree).get(REGISTRY)
        return entry is not None and objects.content(entry.oid, REGISTRY) != _NONE
    except _UNREADABLE:
        return True


def made_at(objects: Objects, oid: str) -> datetime:
    """Return when the key that signs a commit must be valid, never before its parent's time."""
    commit = objects.commit(oid)
    counts = effective_date(objects, oid)
    return max([counts, *(objects.commit(parent).when for parent in commit.parents[:1])])


def clock_behind(objects: Objects, commit: Commit) -> datetime | None:
    """Return the date that a commit claims if it counts from a later one; None within `SKEW`."""
    # The claim is the committer's date, or the one that the writer noted (`clock_note`).
    claimed = commit.when
    if "Clock: " in commit.message and (noted := _CLOCK.search(commit.message)):
        with suppress(InvalidReference):  # a message can contain anything
            claimed = min(claimed, parse_moment(noted[1]))
    return claimed if effective_date(objects, commit.oid) - claimed > SKEW else None


def date_notes(objects: Objects, oid: str) -> Iterator[Fault]:
    """Yield a note for a commit dated before its parent, with the date from which it counts."""
    try:
        clock = clock_behind(objects, objects.commit(oid))
    except _UNREADABLE:  # which is a separate fault
        return
    if clock is not None:
        counts = format_moment(effective_date(objects, oid))
        what = f"dated {format_moment(clock)}, before its parent; counts as {counts}"
        yield Fault("GMS038", "", what, commit=oid)


def clock_note(clock: datetime) -> str:
    """Return the paragraph of a message from which `clock_behind` reads the time of a clock."""
    return f"Clock: {format_moment(clock)}"


def ancestors(objects: Objects, *tips: str) -> Iterator[Commit]:
    """Yield commits and their ancestors, first parents first, each once."""
    visited, ahead = set(tips), list(reversed(tips))
    while ahead:
        commit = objects.commit(ahead.pop())
        yield commit
        new = [oid for oid in reversed(commit.parents) if oid not in visited]
        visited.update(new)
        ahead += new


def first_parents(objects: Objects, tip: str) -> Iterator[Commit]:
    """Yield a commit and its ancestors along first parents."""
    commit = objects.commit(tip)
    while True:
        yield commit
        if not commit.parents:
            return
        commit = objects.commit(commit.parents[0])


def parents_first(
    objects: Objects, tips: Iterable[str], visited: set[str] | None = None
) -> Iterator[str]:
    """Yield the commits behind `tips` and not in `visited`, parents first; then they are in it."""
    visited = set() if visited is None else visited
    ahead = [(oid, False) for oid in reversed(list(tips))]
    while ahead:
        oid, is_done = ahead.pop()
        if is_done:
            yield oid
        elif oid not in visited:
            visited.add(oid)
            ahead.append((oid, True))
            ahead += [(parent, False) for parent in reversed(objects.commit(oid).parents)]


def merged_by(objects: Objects, parents: Sequence[str]) -> Iterator[Commit]:
    """Yield the commits that a merge brings to its first parent; none where there is one alone."""
    for other in parents[1:]:
        yield from (objects.commit(oid) for oid in objects.between(parents[0], other))


def folder_before(objects: Objects, tip: str, model: str) -> Iterator[Entry]:
    """Yield the folder of a model at a commit and at each ancestor."""
    for commit in ancestors(objects, tip):
        entry = folder_entry(objects, commit.tree, model)
        if entry is not None:
            yield entry


def registry_steps(
    objects: Objects, tip: str, unread: Callable[[StoreError, str], object] | None = None
) -> Iterator[tuple[Commit, tuple[Change, ...]]]:
    """Yield each commit along first parents, newest first, with its changes of registry.json."""
    # For a registry that is invalid the one before it counts. `unread` is told of one that cannot
    # be read; None raises.

    def tell(error: StoreError, what: str) -> None:
        if unread is None:
            raise error
        unread(error, what)

    later: tuple[Commit, bytes] | None = None  # the commit whose change is still to be told
    read: tuple[str, bytes] = "", b""  # the last blob: many a commit leaves the registry as it was
    line = first_parents(objects, tip)
    while True:
        try:
            commit = next(line, None)
        except _UNREADABLE as error:
            tell(error, f"what happened before cannot be read: {error}")
            return  # what the last one changed is not known either
        if commit is None:
            break
        try:
            entry = objects.entries(commit.tree).get(REGISTRY)
            if entry is not None and entry.oid != read[0]:
                read = entry.oid, objects.content(entry.oid, REGISTRY)
        except _UNREADABLE as error:
            sentence = (
                f"commit {commit.oid[:12]}: {error}; its changes are shown with the commit after it"
            )
            tell(error, sentence)
            continue
        data = read[1] if entry else _NONE
        if later is not None:
            try:
                changes = changes_between(data, later[1]) if data != later[1] else ()
            except FormatError:
                continue
            yield later[0], changes
        elif entry is not None and registries.get(entry.oid) is None and _is_none(data):
            continue  # what differs from it may be found where it is sound
        later = (commit, data)
    if later is not None:
        with suppress(FormatError):
            yield later[0], tuple(EMPTY.changes(Registry.parse_history(later[1])))


def registry_steps_after(
    objects: Objects, good: str | None, oids: Iterable[str | None]
) -> Iterator[tuple[Change, ...] | None]:
    """Yield what each registry.json of a line changes, the oldest first; None for an invalid one.

    `oids`: ids of the texts, None where there is none. `good`: that of the commit before, if any;
    FormatError if that is not a registry.
    """
    # Each is read once, and compared with the last that is a registry: a thousand times as fast as
    # to parse them, so that of 20,000 with a megabyte each git takes longer to hand them out.
    before = objects.content(good, REGISTRY) if good else _NONE
    Registry.parse_history(before)
    for oid in oids:
        changes: tuple[Change, ...] | None = () if oid == good else None
        if changes is None:
            data = objects.content(oid, REGISTRY) if oid else _NONE
            with suppress(FormatError):
                changes = changes_between(before, data)
                good, before = oid, data
        yield changes


def canonical_steps(
    objects: Objects, commits: Iterable[str]
) -> Iterator[tuple[str, str, tuple[Change, ...]]]:
    """Yield from which canonical registry to which commits go, by ids, and what they change there.

    What loses versions, comes after no parent, or cannot be read so, is left out.
    """
    at, text = "", b""
    for oid in commits:
        with suppress(FormatError, *_UNREADABLE):
            trees = [objects.commit(one).tree for one in (*objects.commit(oid).parents[:1], oid)]
            entries = [objects.entries(tree).get(REGISTRY) for tree in trees]
            before, after = entries[0], entries[-1]
            if before is None or after is None or before == after:
                continue
            is_plain = before.mode == after.mode == PLAIN_FILE
            if not is_plain or not objects.left_out.isdisjoint((before.oid, after.oid)):
                continue
            if at != before.oid:
                at, text = "", objects.content(before.oid, REGISTRY)  # which may be refused
                Registry.parse(text)
            at, data = "", objects.content(after.oid, REGISTRY)
            changes = canonical_changes(text, data)
            if changes is not None:
                at, text = after.oid, data
                if all(change.after is not None for change in changes):
                    yield before.oid, after.oid, changes


def _is_none(registry: bytes) -> bool:
    try:
        Registry.parse_history(registry)
    except FormatError:
        return True
    return False


def had_status(objects: Objects, tip: str, model: str, version: Version, status: str) -> bool:
    """Return whether a version had a status at a commit, or at an ancestor."""
    for _, changes in registry_steps(objects, tip):
        for change in changes:
            if change.key == (model, version):
                if status in (change.before, change.after):
                    return True
                if change.before is None:
                    return False
    return False


class Ancestry:
    """Which commits are ancestors of which; a set of commits is a number, one bit per commit."""

    # A whole history then costs a few operations per commit; sets are kept only for parents of
    # merges and for forks.

    def __init__(self, graph: Sequence[tuple[str, Sequence[str]]], tips: Iterable[str] = ()):
        self._oids = [oid for oid, _ in graph]
        self._behind: dict[str, int] = {}  # the set of ancestors includes the commit itself
        self.sound: dict[str | None, int] = {}  # for the judge: by settings, what follows them
        children = Counter(parent for _, parents in graph for parent in set(parents))
        kept = {oid for oid, number in children.items() if number > 1} | set(tips)
        kept.update(oid for _, parents in graph if len(parents) > 1 for oid in parents)
        for place, (oid, parents) in enumerate(graph):
            behind = 1 << place
            for parent in parents:
                behind |= self._behind.get(parent, 0)
                if parent not in kept:
                    self._behind.pop(parent, None)
            self._behind[oid] = behind

    def knows(self, *oids: str) -> bool:
        """Whether it covers these commits."""
        return all(oid in self._behind for oid in oids)

    def brought(self, to: str, by: Iterable[str]) -> int:
        """Return the set of commits behind some that are not behind the one they come to."""
        commits = 0
        for oid in by:
            commits |= self._behind[oid]
        return commits & ~self._behind[to]

    def is_behind(self, old: str, new: str) -> bool:
        """Whether a commit is in the history of another."""
        return not self._behind[old] & ~self._behind[new]

    def bases(self, one: str, *others: str) -> list[str]:
        """Return the best common ancestors of a commit and of what merges the others."""
        common = self._behind[one] & reduce(or_, (self._behind[other] for other in others))
        bases: list[str] = []
        while common:
            bases.append(self._oids[common.bit_length() - 1])
            common &= ~self._behind[bases[-1]]
        return bases

    def oids(self, commits: int) -> Iterator[tuple[str, int]]:
        """Yield each commit of a set, oldest first, with the set of just that commit."""
        text = bin(commits)[:1:-1]
        place = text.find("1")
        while place >= 0:
            yield self._oids[place], 1 << place
            place = text.find("1", place + 1)


# What a merge may contain: the changes of both sides, and nothing else.

_AGAIN = "merge again and keep the changes of both sides, or use `git pull --rebase`"
_AFTER = "merge first, and commit it afterwards"
_ALONE = f"use `git pull --rebase`, which keeps a change of {SETTINGS} in a separate commit"


@dataclass(frozen=True, slots=True)
class Merging:
    """The outcome of a merge."""

    faults: tuple[Fault, ...]  # changes that it undoes, or adds itself
    # the versions that both sides moved, where it keeps the status of one side
    decided: frozenset[Moved]


@dataclass(slots=True)
class Sides:
    """The parents of a merge, and their common ancestors."""

    objects: Objects
    parents: Sequence[str]
    ancestry: Ancestry
    registry: Callable[[str], Registry]
    # the statuses that one version of a model has at a time, under any parent
    exclusive: frozenset[str]
    _settings: dict[str, Mapping[tuple[str, ...], Hashable]] = field(default_factory=dict)

    def judge(self, tree: str, after: Registry) -> Merging:
        """Return the outcome of the merge with this root tree and registry."""
        faults, decided = self._statuses(after)
        faults += [*self._folders(tree), *self._keys_of_settings(tree)]
        return Merging(tuple(faults), frozenset(decided))

    def _statuses(self, after: Registry) -> tuple[list[Fault], set[Moved]]:
        moved = {
            change.key for parent in self.parents for change in self.registry(parent).changes(after)
        }
        newer = {key: self._newer(self._status, key) for key in moved}
        claimed = self._claimed(newer, after)
        faults: list[Fault] = []
        for (model, version), values in sorted(newer.items()):
            status = after.status(model, version)
            gives_way = (model, version) in claimed and status == ARCHIVED
            if WITHDRAWN in values:  # a merge does not bring such a version back
                is_right = status == WITHDRAWN
            elif len(values) > 1 and self._is_emptied(model, version, after):
                is_right = False
            else:
                is_right = status in values or gives_way
            if not is_right:
                faults.append(self._status_fault(model, version, status, values))
        decided = {key for key, values in newer.items() if len(values) > 1} | claimed
        return faults, decided

    def _claimed(self, newer: Mapping[Moved, set[Hashable]], after: Registry) -> set[Moved]:
        """Return the versions that a side gave an exclusive status, if one of them has it now."""
        claimed: set[Moved] = set()
        for model in {model for model, _ in newer}:
            for status in self.exclusive:
                claims = {
                    (model, version)
                    for parent in self.parents
                    for version in self.registry(parent).holders(model, status)
                    if status in newer.get((model, version), {status})
                }
                if len(claims) > 1 and after.holders(model, status):
                    claimed |= claims
        return claimed

    def _is_emptied(self, model: str, version: Version, after: Registry) -> bool:
        """Whether a version leaves an exclusive status that no version has afterwards."""
        return any(
            status in self.exclusive and not after.holders(model, status)
            for status in (self._status(oid, (model, version)) for oid in self.parents)
            if status is not None
        )

    def _status(self, oid: str, key: Moved) -> str | None:
        return self.registry(oid).status(*key)

    def _status_fault(
        self, model: str, version: Version, status: str | None, values: set[Hashable]
    ) -> Fault:
        where = join(f"models.{model}", str(version))
        if status is None:
            return Fault("GMS030", REGISTRY, f"{model} {version} is lost", mend=_AGAIN)
        sides = {self._status(oid, (model, version)): oid for oid in self.parents}
        if status not in sides:
            what = f"{model} {version} is {status} on neither side of the merge"
            return Fault("GMS046", REGISTRY, what, where, _AFTER)
        what = f"{model} {version} is moved back to {status} by the merge"
        newer = [
            f"; {oid[:12]} has it in {other}"
            for other, oid in sides.items()
            if other in values - {status}
        ]
        return Fault("GMS046", REGISTRY, "".join([what, *newer]), where, _AGAIN)

    def _folders(self, tree: str) -> Iterator[Fault]:
        becomes = folder_names(self.objects, tree)
        were = [folder_names(self.objects, self._root(oid)) for oid in self.parents]
        for model in sorted({model for one in were for model in one}):
            entry = becomes.get(model)
            if all(one.get(model) == entry for one in were):  # no need to look further
                continue
            values = self._newer(self._folder, model)
            if entry in values:
                continue
            what = "the merge restores an earlier state of the folder"
            if entry is None:
                what = "the merge drops the folder"
            elif not any(one.get(model) == entry for one in were):
                what = "differs from both sides; a merge cannot create a version"
            yield Fault("GMS046", folder(model), what, mend=_AGAIN)

    def _keys_of_settings(self, tree: str) -> Iterator[Fault]:
        entries = [self.objects.entries(self._root(oid)).get(SETTINGS) for oid in self.parents]
        entry = self.objects.entries(tree).get(SETTINGS)
        if all(one == entry for one in entries):
            return
        becomes = self._settings_of(tree)
        were = [self._settings_of(self._root(oid)) for oid in self.parents]
        both, made, lost = list[str](), list[str](), list[str]()
        for key in sorted({key for one in (*were, becomes) for key in one}):
            value, theirs = becomes.get(key), [one.get(key) for one in were]
            if all(one == value for one in theirs):  # no need to look further
                continue
            values = self._newer(self._setting, key)
            if values == {value}:
                continue
            keys = both if len(values) > 1 else lost if value in theirs else made
            keys.append(".".join(key) or "what is not TOML")
        if both:
            what = f"both sides changed {', '.join(both)}"
            what += ", and a merge does not say which one applies"
            yield Fault("GMS044", SETTINGS, what, mend=_ALONE)
        if made:
            what = f"the merge itself changes {', '.join(made)}"
            yield Fault("GMS044", SETTINGS, what, mend=f"{_AFTER}, alone")
        if lost:
            what = f"the merge undoes what one side changed: {', '.join(lost)}"
            yield Fault("GMS046", SETTINGS, what, mend=_AGAIN)

    def _folder(self, oid: str, model: str) -> Entry | None:
        return folder_entry(self.objects, self._root(oid), model)

    def _setting(self, oid: str, key: tuple[str, ...]) -> Hashable:
        return self._settings_of(self._root(oid)).get(key)

    def _root(self, oid: str) -> str:
        return self.objects.commit(oid).tree

    def _settings_of(self, root: str) -> Mapping[tuple[str, ...], Hashable]:
        if root not in self._settings:
            entry = self.objects.entries(root).get(SETTINGS)
            data = self.objects.content(entry.oid, SETTINGS) if entry else b""
            self._settings[root] = _values(data)
        return self._settings[root]

    def _newer(self, value: Callable[[str, Key], Hashable], key: Key) -> set[Hashable]:
        """Return the values that a merge may take; one if no two sides changed it differently."""
        return _newer(self.ancestry, self.parents, lambda oid: value(oid, key))


def _newer(
    ancestry: Ancestry, commits: Sequence[str], value: Callable[[str], Hashable]
) -> set[Hashable]:
    """Merge values as git does: one that differs wins, unless a common ancestor had it."""
    values = {value(commits[0])}
    for place, commit in enumerate(commits[1:], 1):
        theirs = value(commit)
        if values == {theirs}:
            continue
        bases = ancestry.bases(commit, *commits[:place])
        before = _newer(ancestry, bases, value) if bases else {None}
        if before != {theirs}:  # they changed it
            values = {theirs, *(ours for ours in values if before != {ours})}
    return values


def _values(data: bytes) -> dict[tuple[str, ...], Hashable]:
    """Return every value of a TOML document by its keys; invalid text is one value."""
    import tomllib  # only if settings differ

    try:
        return dict(_leaves((), tomllib.loads(data.decode("utf-8"))))
    except (ValueError, RecursionError):
        return {(): data}


def _leaves(keys: tuple[str, ...], value: object) -> Iterable[tuple[tuple[str, ...], Hashable]]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _leaves((*keys, key), below)
    else:
        yield keys, repr(value)


# What a new registry.json may do to the one before it.

MOVE = "GMS042"
VACANT = "GMS047"
RETURN = "GMS048"
LIFECYCLE = frozenset({"GMS040", "GMS041", MOVE, "GMS043", "GMS045", VACANT, RETURN})
VACATE = "--vacate"
REASON = "--reason TEXT"
_VERBS = {ARCHIVED: "archive", WITHDRAWN: "withdraw"}


def registry_faults(
    changes: Iterable[Change],
    after: Registry,
    policy: Policy,
    statuses: Collection[str] | None = None,
) -> Iterator[Fault]:
    """Yield what is wrong with the step to a registry by some changes."""
    # Only models that the step touches are judged: a broken one must not stop the others.
    touched, allowed = set(), policy.statuses if statuses is None else statuses
    for change in changes:
        touched.add(change.model)
        if change.after is None:
            yield Fault("GMS030", REGISTRY, f"{change} is lost")
        elif change.after not in allowed:
            what = f"{change} has the unknown status '{change.after}'"
            yield Fault("GMS040", REGISTRY, what)
    for model in sorted(touched):
        for status in sorted(policy.exclusive):
            holders = after.holders(model, status)
            if len(holders) > 1:
                names = ", ".join(map(str, holders))
                what = f"{model} has {len(holders)} versions in {status}: {names}"
                yield Fault("GMS041", REGISTRY, what)


def word_needed(
    policy: Policy, before: Registry, changes: Sequence[Change], why: Callable[[Change], str | None]
) -> Iterator[tuple[Change, Judged]]:
    """Yield the changes that need a reason, and whether `why` returns one."""
    # These leave an exclusive status without a holder, or bring a withdrawn version back.
    for change in changes:
        if change.after is None:  # lost, which is another fault
            continue
        if change.before == WITHDRAWN:
            yield change, _judge_return(change, why(change))
        elif _leaves_empty(policy, before, changes, change):
            yield change, _judge_vacant(change, why(change))


def typed(change: Change, status: str | None = None) -> str:
    """Return the command that makes a change, or moves its version to `status` instead."""
    after = status or change.after or ""
    verb = _VERBS.get(after)
    return f"gms {verb} {change.ref}" if verb else f"gms promote {change.ref} {after}"


def words_for(policy: Policy, change: Change) -> str:
    """Return the options that a move of a version away from its status may need."""
    if change.before == WITHDRAWN:
        return f" {REASON}"
    return f" {VACATE} {REASON}" if change.before in policy.exclusive else ""


def fault_of(change: Change, judged: Judged) -> Fault:
    """Return the fault that a condition of a change is, where it is not met."""
    where = join(f"models.{change.model}", str(change.version))
    what = f"{change} to {change.after}: {judged.what}"
    return Fault(judged.code, REGISTRY, what, where, judged.mend)


def _leaves_empty(
    policy: Policy, before: Registry, changes: Sequence[Change], change: Change
) -> bool:
    """Whether the exclusive status that a version leaves has no holder after all changes."""
    left = change.before
    if left not in policy.exclusive:
        return False
    of_model = [one for one in changes if one.model == change.model]
    if any(one.after == left for one in of_model):
        return False
    leavers = {one.version for one in of_model if one.before == left}
    return leavers >= set(before.holders(change.model, left or ""))


def _judge_vacant(change: Change, why: str | None) -> Judged:
    left, command, flag = change.before, typed(change), f"{VACATE} {REASON}"
    what = f"is in {left}, which would then be empty"
    if why:
        what = f"leaves {left} empty, as intended"
    mend = f"name a successor: {command} --successor VERSION, or leave {left} empty: "
    mend += f"{command} {flag}"
    return Judged("vacate", bool(why), what, mend, VACANT, flag)


def _judge_return(change: Change, why: str | None) -> Judged:
    what = f"was withdrawn, and comes back {'with' if why else 'only with'} a reason"
    mend = f"{typed(change)} {REASON}"
    return Judged("reason", bool(why), what, mend, RETURN, REASON)


# What the judge needs to see of a repository.


class Objects(Protocol):
    """A repository, read object by object."""

    # by id of a commit the date at which it counts, as far as that was asked
    # (`checks.history.effective_date`)
    dates: dict[str, datetime | None]

    def kept_date(self, oid: str) -> datetime | None:
        """Return the date at which a commit counts if the index of the history has it."""

    @property
    def left_out(self) -> frozenset[str]:
        """Ids of objects that a partial clone left at its remote, and that must not be fetched."""

    def commit(self, oid: str) -> Commit:
        """Return a commit."""

    def entries(self, tree: str) -> Mapping[str, Entry]:
        """Return the entries of a tree by name."""

    def content(self, oid: str, path: str) -> bytes:
        """Return the bytes of a file; `path` is its name for the error."""

    def size(self, oid: str, path: str) -> int:
        """Return the size of a file in bytes."""

    def sha256(self, oid: str, path: str) -> str:
        """Return the SHA-256 of a file, as 64 hexadecimal digits."""

    def raw(self, oid: str) -> bytes:
        """Return the content of a commit or tag as git keeps it, signature and all."""

    def between(self, old: str, new: str) -> Sequence[str]:
        """Return the commits behind `new` that are not behind `old`, oldest first."""

    def graph(self, *tips: str) -> Sequence[tuple[str, Sequence[str]]]:
        """Return the commits down to one behind all tips, each with its parents, parents first."""

    def setting(self, name: str) -> str | None:
        """Return a value of git's configuration, None when it is not set."""

    def tag(self, name: str) -> Tag | None:
        """Return the annotated tag of that name that stands on a commit; None without one."""

    def large_file(self, sha256: str) -> int | None:
        """Return the size of a Git LFS object that lies beside the repository, None without."""

    @property
    def keeps_large_files(self) -> bool:
        """Whether Git LFS objects lie beside this repository, so that one may be missed."""
