"""What a merge may be: what either side changed, and nothing of its own.

A history does not say which parent of a merge was the branch. So a merge is judged from all of
them: of a status, a folder, a key of the settings it takes the newer value, that of the side
which changed it. Where both changed a status it decides, by a move that is judged as one from
either side; settings are decided by a commit of themselves alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gitmodelstore.checks.fault import Fault
from gitmodelstore.checks.tree import folder_names
from gitmodelstore.values.json import join
from gitmodelstore.values.layout import REGISTRY, SETTINGS, folder
from gitmodelstore.values.names import ARCHIVED, WITHDRAWN
from gitmodelstore.values.version import Version

TYPE_CHECKING = False  # as in values/fields.py
if TYPE_CHECKING:
    from typing import TypeVar

    from gitmodelstore.checks.history import Ancestry
    from gitmodelstore.checks.objects import Objects
    from gitmodelstore.values.objects import Entry
    from gitmodelstore.values.registry import Registry

    Key = TypeVar("Key")

Moved = tuple[str, Version]  # model and version
_AGAIN = "merge again and keep what either side changed, or use `git pull --rebase`"
_AFTER = "merge first, and commit it afterwards"
_ALONE = f"use `git pull --rebase`, which leaves a change of {SETTINGS} in a commit of its own"


@dataclass(frozen=True, slots=True)
class Merging:
    """What became of a merge.

    Attributes:
        faults: what it took back, or made up.
        decided: the versions that both sides moved, of which it keeps one side's word.
    """

    faults: tuple[Fault, ...]
    decided: frozenset[Moved]


@dataclass(slots=True)
class Sides:
    """The parents of a merge, and what their common ancestors said.

    Attributes:
        objects: the repository.
        parents: ids of the commits.
        ancestry: knows them.
        registry: returns the registry of a commit.
        exclusive: the statuses that one version of a model holds at a time, by any parent.
    """

    objects: Objects
    parents: Sequence[str]
    ancestry: Ancestry
    registry: Callable[[str], Registry]
    exclusive: frozenset[str]
    _settings: dict[str, Mapping[tuple[str, ...], Hashable]] = field(default_factory=dict)

    def judge(self, tree: str, after: Registry) -> Merging:
        """Say what became of the merge whose root tree and registry these are."""
        faults, decided = self._statuses(after)
        faults += [*self._folders(tree), *self._keys_of_settings(tree)]
        return Merging(tuple(faults), frozenset(decided))

    def _statuses(self, after: Registry) -> tuple[list[Fault], set[Moved]]:
        moved = {
            (change.model, change.version)
            for parent in self.parents
            for change in self.registry(parent).changes(after)
        }
        newer = {key: self._newer(self._status, key) for key in moved}
        claimed = self._claimed(newer, after)
        faults: list[Fault] = []
        for (model, version), values in sorted(newer.items()):
            status = after.status(model, version)
            gives_way = (model, version) in claimed and status == ARCHIVED
            if WITHDRAWN in values:  # a merge brings no such version back
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
        """Return the versions that either side gave one exclusive status, where one has it now."""
        found: set[Moved] = set()
        for model in {model for model, _ in newer}:
            for status in self.exclusive:
                claims = {
                    (model, version)
                    for parent in self.parents
                    for version in self.registry(parent).holders(model, status)
                    if status in newer.get((model, version), {status})
                }
                if len(claims) > 1 and after.holders(model, status):
                    found |= claims
        return found

    def _is_emptied(self, model: str, version: Version, after: Registry) -> bool:
        """Whether a version loses an exclusive status that nobody has then."""
        return any(
            held in self.exclusive and not after.holders(model, held)
            for held in (self._status(oid, (model, version)) for oid in self.parents)
            if held is not None
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
        what = f"{model} {version} is taken back to {status} by the merge"
        newer = [
            f"; {oid[:12]} has it in {held}"
            for held, oid in sides.items()
            if held in values - {status}
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
            what = "the merge takes the folder back to what it was before"
            if entry is None:
                what = "the merge leaves the folder out"
            elif not any(one.get(model) == entry for one in were):
                what = "is not what either side has; a merge makes no version"
            yield Fault("GMS046", folder(model), what, mend=_AGAIN)

    def _keys_of_settings(self, tree: str) -> Iterator[Fault]:
        entries = [self.objects.entries(self._root(oid)).get(SETTINGS) for oid in self.parents]
        entry = self.objects.entries(tree).get(SETTINGS)
        if all(held == entry for held in entries):
            return
        becomes = self._settings_of(tree)
        were = [self._settings_of(self._root(oid)) for oid in self.parents]
        both: list[str] = []
        made: list[str] = []
        lost: list[str] = []
        for key in sorted({key for one in (*were, becomes) for key in one}):
            value, held = becomes.get(key), [one.get(key) for one in were]
            if all(one == value for one in held):  # no need to look further
                continue
            values = self._newer(self._setting, key)
            if values == {value}:
                continue
            found = both if len(values) > 1 else lost if value in held else made
            found.append(".".join(key) or "what is not TOML")
        if both:
            what = f"both sides changed {', '.join(both)}, and a merge does not say which holds"
            yield Fault("GMS044", SETTINGS, what, mend=_ALONE)
        if made:
            what = f"the merge itself changes {', '.join(made)}"
            yield Fault("GMS044", SETTINGS, what, mend=f"{_AFTER}, alone")
        if lost:
            what = f"the merge takes back what one side changed: {', '.join(lost)}"
            yield Fault("GMS046", SETTINGS, what, mend=_AGAIN)

    def _folder(self, oid: str, model: str) -> Entry | None:
        return folder_names(self.objects, self._root(oid)).get(model)

    def _setting(self, oid: str, key: tuple[str, ...]) -> Hashable:
        return self._settings_of(self._root(oid)).get(key)

    def _root(self, oid: str) -> str:
        return self.objects.commit(oid).tree

    def _settings_of(self, root: str) -> Mapping[tuple[str, ...], Hashable]:
        """Return the settings of a root tree: every value by its keys."""
        if root not in self._settings:
            entry = self.objects.entries(root).get(SETTINGS)
            data = self.objects.content(entry.oid, SETTINGS) if entry else b""
            self._settings[root] = _values(data)
        return self._settings[root]

    def _newer(self, value: Callable[[str, Key], Hashable], key: Key) -> set[Hashable]:
        """Return the values that no other parent has changed since; one where they do not differ.

        Args:
            value: returns that of a commit.
            key: of what.
        """
        return _newer(self.ancestry, self.parents, lambda oid: value(oid, key))


def _newer(
    ancestry: Ancestry, commits: Sequence[str], value: Callable[[str], Hashable]
) -> set[Hashable]:
    held = {oid: value(oid) for oid in commits}
    if len(set(held.values())) == 1:
        return set(held.values())

    def changed(one: str, other: str) -> bool:
        """Whether `one` has changed what `other` still has."""
        bases = ancestry.bases(one, other)
        before = _newer(ancestry, bases, value) if bases else {None}
        return held[one] != held[other] and before == {held[other]}

    return {held[other] for other in commits if not any(changed(one, other) for one in commits)}


def _values(data: bytes) -> dict[tuple[str, ...], Hashable]:
    """Return every value of a TOML document by its keys; what is none is one value."""
    import tomllib  # only where settings differ

    try:
        return dict(_leaves((), tomllib.loads(data.decode("utf-8"))))
    except (ValueError, RecursionError):
        return {(): data}


def _leaves(keys: tuple[str, ...], value: object) -> Iterable[tuple[tuple[str, ...], Hashable]]:
    if isinstance(value, dict):
        for key, held in value.items():
            yield from _leaves((*keys, key), held)
    else:
        yield keys, repr(value)
