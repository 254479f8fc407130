"""What the judge must know of the commits before the one that it judges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from gitmodelstore.checks.tree import folder_names
from gitmodelstore.errors import FormatError
from gitmodelstore.values.layout import REGISTRY
from gitmodelstore.values.objects import Commit, Entry
from gitmodelstore.values.registry import EMPTY
from gitmodelstore.values.registry_text import changes_between
from gitmodelstore.values.version import Version

TYPE_CHECKING = False  # as in values/fields.py
if TYPE_CHECKING:
    from gitmodelstore.checks.objects import Objects

_NONE = EMPTY.render()


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
