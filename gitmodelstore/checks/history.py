"""What the judge must know of the commits before the one that it judges, and when each was made.

Clocks differ, and a commit may bear any date. A commit counts at its committer's date, or at
the effective date of its first parent where that is later: what is put on a commit is younger
than it. So dates never go back along a line of first parents, and no commit that is added
changes what the store was before the moment at which the one that it is put on counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from gitmodelstore.checks.fault import Fault
from gitmodelstore.checks.tree import folder_names
from gitmodelstore.errors import FormatError, IntegrityError, InvalidReference, MissingObject
from gitmodelstore.values.layout import REGISTRY
from gitmodelstore.values.moment import format_moment, parse_moment
from gitmodelstore.values.objects import Commit, Entry
from gitmodelstore.values.registry import EMPTY
from gitmodelstore.values.registry_text import changes_between
from gitmodelstore.values.version import Version

TYPE_CHECKING = False  # as in values/fields.py
if TYPE_CHECKING:
    from gitmodelstore.checks.objects import Objects

_NONE = EMPTY.render()
_UNREADABLE = (MissingObject, IntegrityError)
SKEW = timedelta(minutes=1)  # by so much clocks may differ before anybody is told
_CLOCK = re.compile(r"(?:^|\n\n)Clock: ([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z)(?=\n\n|\n*$)")


def effective_date(objects: Objects, oid: str) -> datetime:
    """Return the moment at which a commit counts: no earlier than its first parent does.

    Raises:
        MissingObject, IntegrityError: the commit itself cannot be read.
    """
    return earliest_after(objects, oid) or objects.commit(oid).when


def earliest_after(objects: Objects, oid: str) -> datetime | None:
    """Return the moment before which nothing counts that is put on a commit.

    None where the store has no version yet: what makes a store, and its settings, date
    nothing, so that a new one takes versions of the past. Where the line cannot be read to
    its end (a shallow clone, damage) what can be counts.

    Raises:
        MissingObject, IntegrityError: the commit itself cannot be read.
    """
    dates = objects.dates
    if oid in dates:
        return dates[oid]
    line = [objects.commit(oid)]
    latest: datetime | None = None
    while line[-1].parents:
        following = line[-1].parents[0]
        latest = dates.get(following)
        if latest is not None:
            break
        try:
            line.append(objects.commit(following))
        except _UNREADABLE:
            break
    for commit in reversed(line):
        if latest is None:
            if not _has_versions(objects, commit):
                continue
            latest = commit.when
        latest = max(latest, commit.when)
        dates[commit.oid] = latest
    return latest


def _has_versions(objects: Objects, commit: Commit) -> bool:
    """Whether a commit's registry holds anything; one that cannot be read may."""
    try:
        entry = objects.entries(commit.tree).get(REGISTRY)
        return entry is not None and objects.content(entry.oid, REGISTRY) != _NONE
    except _UNREADABLE:
        return True


def made_at(objects: Objects, oid: str) -> datetime:
    """Return the moment by which a key that signs a commit must be valid.

    That is when the commit counts, and no earlier than its first parent was made.
    """
    commit = objects.commit(oid)
    counts = effective_date(objects, oid)
    return max([counts, *(objects.commit(parent).when for parent in commit.parents[:1])])


def clock_behind(objects: Objects, commit: Commit) -> datetime | None:
    """Return by which date a commit says that it was made, where it counts later than that.

    That is its committer's date, or the clock that its writer noted in the message instead of
    dating it before its parent (`clock_note`). None where both agree but for `SKEW`.
    """
    said = commit.when
    if noted := _CLOCK.search(commit.message):
        with suppress(InvalidReference):  # anybody may write anything into a message
            said = min(said, parse_moment(noted[1]))
    return said if effective_date(objects, commit.oid) - said > SKEW else None


def date_notes(objects: Objects, oid: str) -> Iterator[Fault]:
    """Yield, of a commit that a clock dated before its parent, at which date it counts."""
    try:
        clock = clock_behind(objects, objects.commit(oid))
    except _UNREADABLE:  # which is a fault of its own
        return
    if clock is not None:
        counts = format_moment(effective_date(objects, oid))
        what = f"dated {format_moment(clock)}, before its parent; counts as {counts}"
        yield Fault("GMS038", "", what, commit=oid)


def clock_note(clock: datetime) -> str:
    """Return the paragraph of a message that tells `clock_behind` what a clock said."""
    return f"Clock: {format_moment(clock)}"


def ancestors(objects: Objects, *tips: str) -> Iterator[Commit]:
    """Yield commits and what is behind them, the way of first parents first, each once."""
    seen, ahead = set(tips), list(reversed(tips))
    while ahead:
        commit = objects.commit(ahead.pop())
        yield commit
        new = [oid for oid in reversed(commit.parents) if oid not in seen]
        seen.update(new)
        ahead += new


def first_parents(objects: Objects, tip: str) -> Iterator[Commit]:
    """Yield a commit and what is before it along first parents."""
    commit = objects.commit(tip)
    while True:
        yield commit
        if not commit.parents:
            return
        commit = objects.commit(commit.parents[0])


def folder_before(objects: Objects, tip: str, model: str) -> Iterator[Entry]:
    """Yield the folder of a model as it stood at a commit and at each before it."""
    for commit in ancestors(objects, tip):
        entry = folder_names(objects, commit.tree).get(model)
        if entry is not None:
            yield entry


def has_held(objects: Objects, tip: str, model: str, version: Version, status: str) -> bool:
    """Return whether a version had a status at a commit, or at one before it."""
    later: bytes | None = None
    for commit in first_parents(objects, tip):
        entry = objects.entries(commit.tree).get(REGISTRY)
        data = objects.content(entry.oid, REGISTRY) if entry else _NONE
        if later is not None and data != later:
            try:
                changes = changes_between(data, later)
            except FormatError:
                continue  # somebody left a registry that is none: the one before it counts
            for change in changes:
                if (change.model, change.version) == (model, version):
                    if status in (change.before, change.after):
                        return True
                    if change.before is None:
                        return False
        later = data
    return False


class Ancestry:
    """Who is behind whom among some commits; each set of them is a number, one bit a commit.

    So that a whole history with its merges costs no more than a few operations on such
    numbers for each commit. They are kept for parents of merges and for forks alone.

    Args:
        graph: commits with their parents, parents before children; of parents that are not
            among them nothing is known.
        tips: commits that will be asked about though they are neither.
    """

    def __init__(self, graph: Sequence[tuple[str, Sequence[str]]], tips: Iterable[str] = ()):
        self._oids = [oid for oid, _ in graph]
        self._behind: dict[str, int] = {}  # the commit itself is among those behind it
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
        """Whether it can be asked about commits."""
        return all(oid in self._behind for oid in oids)

    def brought(self, to: str, by: Iterable[str]) -> int:
        """Return the set of commits behind some that are not behind the one they come to."""
        found = 0
        for oid in by:
            found |= self._behind[oid]
        return found & ~self._behind[to]

    def is_behind(self, old: str, new: str) -> bool:
        """Whether a commit is in the history of another."""
        return not self._behind[old] & ~self._behind[new]

    def bases(self, one: str, other: str) -> list[str]:
        """Return the best common ancestors of two commits; several where merges crossed."""
        common, found = self._behind[one] & self._behind[other], []
        while common:
            found.append(self._oids[common.bit_length() - 1])
            common &= ~self._behind[found[-1]]
        return found

    def oids(self, commits: int) -> Iterator[tuple[str, int]]:
        """Yield each commit of a set, oldest first, with the set of it alone."""
        text = bin(commits)[:1:-1]
        place = text.find("1")
        while place >= 0:
            yield self._oids[place], 1 << place
            place = text.find("1", place + 1)
