"""Annotations in the history: which of them count of a version, for library and server alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from gitmodelstore.checks.history import clock_behind, effective_date, first_parents
from gitmodelstore.checks.objects import Objects
from gitmodelstore.errors import FormatError, IntegrityError, InvalidVersion, MissingObject
from gitmodelstore.lean import cached_property
from gitmodelstore.values.events import Scalar
from gitmodelstore.values.gates import Annotated, Annotation, read_annotations, says_annotated
from gitmodelstore.values.objects import Commit
from gitmodelstore.values.registry import names_version
from gitmodelstore.values.version import REGISTRY, Version


class Annotations:
    """The annotations of one line of first parents.

    Args:
        objects: the repository.
        tip: id of the commit at its end.
    """

    def __init__(self, objects: Objects, tip: str) -> None:
        self._objects = objects
        self._tip = tip
        self._held: dict[tuple[str, str, Version], bool] = {}  # by the blob of a registry.json

    def of(
        self, model: str, version: Version, *, since: str | None = None
    ) -> dict[str, Annotation]:
        """Return the annotations of a version by key, those that were taken back left out.

        Args:
            model, version: which version.
            since: id of the commit that introduced it, behind which there are none; None
                looks at the whole line.
        """
        latest: dict[str, Annotation] = {}
        for commit in first_parents(self._objects, self._tip):
            for maker, said in reversed(list(self.said_by(commit))):
                if (said.model, said.version) == (model, str(version)):
                    if not self.has(commit, model, version):
                        continue
                    when = self.date(commit)
                    for one in reversed(list(annotations_of(said, maker, when))):
                        latest.setdefault(one.key, one)
            if commit.oid == since:
                break
        return {key: latest[key] for key in sorted(latest) if latest[key].value is not None}

    def of_all(self) -> dict[tuple[str, str], dict[str, Scalar]]:
        """Return key to value of what counts of each model and version that is annotated."""
        latest: dict[tuple[str, str], dict[str, Scalar | None]] = {}
        for commit in first_parents(self._objects, self._tip):
            for _, said in reversed(list(self.said_by(commit))):
                try:
                    is_there = self.has(commit, said.model, Version.parse(said.version))
                except InvalidVersion:
                    continue
                if is_there:
                    known = latest.setdefault((said.model, said.version), {})
                    for key, value in reversed(said.values):
                        known.setdefault(key, value)
        return {
            version: {key: value for key, value in sorted(known.items()) if value is not None}
            for version, known in latest.items()
        }

    def date(self, commit: Commit) -> datetime:
        """Return the effective date of a commit."""
        return effective_date(self._objects, commit.oid)

    def clock(self, commit: Commit) -> datetime | None:
        """Return what a clock that was behind said of a commit: see `clock_behind`."""
        return clock_behind(self._objects, commit)

    def said_by(self, commit: Commit) -> Iterator[tuple[Commit, Annotated]]:
        """Yield what a commit of the line annotates, the earliest first, each with who says it."""
        for maker in self._brought_by(commit):
            if says_annotated(maker.message):
                yield from ((maker, said) for said in read_annotations(maker.message))

    def has(self, commit: Commit, model: str, version: Version) -> bool:
        """Whether the registry of a commit has a version; one that cannot be read has none."""
        entry = self._objects.entries(commit.tree).get(REGISTRY)
        if entry is None:
            return False
        asked = entry.oid, model, version
        if asked not in self._held:
            try:
                data = self._objects.content(entry.oid, REGISTRY)
                self._held[asked] = names_version(data, model, version)
            except (FormatError, IntegrityError, MissingObject):
                self._held[asked] = False
        return self._held[asked]

    def _brought_by(self, commit: Commit) -> Iterator[Commit]:
        """Yield the commits that a merge brings to the line, then the commit itself."""
        if len(commit.parents) > 1:
            yield from (self._objects.commit(oid) for oid in self._merged.get(commit.oid, ()))
        yield commit

    @cached_property
    def _merged(self) -> dict[str, list[str]]:
        """Which commits each merge of the line brings to it, the earliest first.

        All are found in one walk: to ask for each merge alone what is behind both of its
        parents would take the square of the history.
        """
        found: dict[str, list[str]] = {}
        seen: set[str] = set()
        for commit in reversed(list(first_parents(self._objects, self._tip))):
            if len(commit.parents) > 1:
                found[commit.oid] = list(self._unseen(commit.parents[1:], seen))
            seen.add(commit.oid)
        return found

    def _unseen(self, tips: Iterable[str], seen: set[str]) -> Iterator[str]:
        """Yield the commits behind `tips` that were not seen yet, parents first; now they are."""
        ahead = [(oid, False) for oid in reversed(list(tips))]
        while ahead:
            oid, is_done = ahead.pop()
            if is_done:
                yield oid
            elif oid not in seen:
                seen.add(oid)
                ahead.append((oid, True))
                ahead += [(parent, False) for parent in reversed(self._objects.commit(oid).parents)]


def annotations_of(said: Annotated, maker: Commit, when: datetime) -> Iterator[Annotation]:
    """Yield what a group of trailers says, key by key.

    Args:
        said: the group.
        maker: the commit whose message holds it.
        when: the date of the one that brought that to the branch: of itself, or of a merge.
    """
    for key, value in said.values:
        yield Annotation(key, value, maker.oid, maker.author, when, said.why)


def values_of(
    annotations: dict[str, Annotation], message: str, model: str, version: Version
) -> dict[str, Scalar]:
    """Return the values that count of a version at a commit.

    Args:
        annotations: those of the line behind it.
        message: its own, with those that it merges before it.
        model, version: which version.
    """
    found: dict[str, Scalar | None] = {key: one.value for key, one in annotations.items()}
    for said in read_annotations(message):
        if (said.model, said.version) == (model, str(version)):
            found.update(said.values)
    return {key: value for key, value in found.items() if value is not None}
