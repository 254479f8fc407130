"""What the history of a store knows: who introduced which version, and what was lost since.

Read through the judge, so that the gate, the doctor and a rebuilt registry agree on
what a commit introduces. What cannot be read is left out, and never ends the reading.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from gitmodelstore.cached import cached_property
from gitmodelstore.checks.judge import Judge, Step
from gitmodelstore.checks.objects import Objects
from gitmodelstore.checks.tree import folder_names
from gitmodelstore.errors import FormatError, IntegrityError, MissingObject
from gitmodelstore.values.layout import MANIFEST, REGISTRY, SETTINGS, tag_name
from gitmodelstore.values.names import ARCHIVED
from gitmodelstore.values.objects import FOLDER, Commit, Entry
from gitmodelstore.values.policy import Policy
from gitmodelstore.values.registry import EMPTY, Registry
from gitmodelstore.values.registry_text import changes_between
from gitmodelstore.values.version import Version

Key = tuple[str, Version]  # model and version
_UNREADABLE = (MissingObject, IntegrityError)
_MOST_HELD = 64  # registries in memory


@dataclass(frozen=True, slots=True)
class Introduced:
    """A version, as the commit that introduced it holds it.

    Attributes:
        model, version: which.
        commit: its id.
        folder: id of the tree of its folder there; None without one.
        manifest_sha256: of the manifest there; None where it does not name this version.
    """

    model: str
    version: Version
    commit: str
    folder: str | None
    manifest_sha256: str | None

    @property
    def tag(self) -> str:
        """The name of its tag."""
        return tag_name(self.model, self.version)

    def __str__(self) -> str:
        return f"{self.model} {self.version}"


class Past:
    """The history of the store's branch.

    Args:
        objects: the repository.
        tip: the commit on which the branch stands; it can be read.
    """

    def __init__(self, objects: Objects, tip: str) -> None:
        self.objects = objects
        self.judge = Judge(objects)
        self.tip = objects.commit(tip)
        self._data: dict[str, bytes] = {}

    @cached_property
    def commits(self) -> tuple[Commit, ...]:
        """Every commit that can be read, parents before children."""
        found: dict[str, Commit] = {}
        ahead, met = [(self.tip.oid, False)], set()
        while ahead:
            oid, is_done = ahead.pop()
            if is_done:
                found[oid] = self.objects.commit(oid)
            elif oid not in met:
                met.add(oid)
                parents = self._parents(oid)
                if parents is not None:
                    ahead += [(oid, True), *((parent, False) for parent in reversed(parents))]
        return tuple(found.values())

    def _parents(self, oid: str) -> tuple[str, ...] | None:
        try:
            return self.objects.commit(oid).parents
        except _UNREADABLE:
            return None

    @cached_property
    def introduced(self) -> dict[Key, Introduced]:
        """Each version that a commit introduced, as the first of those holds it."""
        found: dict[Key, Introduced] = {}
        for commit in self.commits:
            try:
                for key in sorted(self._new(commit)):
                    if key not in found:
                        found[key] = self._introduced(*key, commit)
            except _UNREADABLE:
                continue
        return found

    def _new(self, commit: Commit) -> frozenset[Key]:
        """Return what a commit introduces, as the judge says: from its lines, after one parent.

        A store has as many registries as versions, each as long as its history.
        """
        if len(commit.parents) == 1:
            before = self._registry_data(self.objects.commit(commit.parents[0]))
            with suppress(FormatError):
                changes = changes_between(before, self._registry_data(commit))
                return frozenset((c.model, c.version) for c in changes if c.before is None)
        return self.judge.introduced(Step.of(commit))

    def _registry_data(self, commit: Commit) -> bytes:
        """Return the bytes of a commit's registry.json; empty, which is no registry, without it."""
        entry = self.objects.entries(commit.tree).get(REGISTRY)
        if entry is None:
            return b""
        if entry.oid not in self._data:
            if len(self._data) >= _MOST_HELD:
                self._data.clear()
            self._data[entry.oid] = self.objects.content(entry.oid, REGISTRY)
        return self._data[entry.oid]

    def _introduced(self, model: str, version: Version, commit: Commit) -> Introduced:
        entry = folder_names(self.objects, commit.tree).get(model)
        tree = entry.oid if entry and entry.mode == FOLDER else None
        manifest = self.objects.entries(tree).get(MANIFEST) if tree else None
        digest = None
        if manifest is not None:
            data = self.objects.content(manifest.oid, MANIFEST)
            if f'"version": "{version}"'.encode() in data:  # as text: it may be a broken one
                digest = hashlib.sha256(data).hexdigest()
        return Introduced(model, version, commit.oid, tree, digest)

    @cached_property
    def registry(self) -> Registry:
        """What the tip's registry.json says, or the last before it that says anything."""
        return self.judge.registry_at(self.tip.oid)

    @cached_property
    def fault_of_registry(self) -> FormatError | None:
        """Why the tip's registry.json is none; None where it is one."""
        entry = self.entry(self.tip, REGISTRY)
        if entry is None:
            return FormatError("missing", path=REGISTRY)
        try:
            Registry.parse(self.objects.content(entry.oid, REGISTRY))
        except FormatError as error:
            return error
        return None

    @cached_property
    def policy(self) -> Policy:
        """What the tip's modelstore.toml says; the defaults where it says nothing."""
        entry = self.entry(self.tip, SETTINGS)
        try:
            return Policy.parse(self.objects.content(entry.oid, SETTINGS)) if entry else Policy()
        except (FormatError, *_UNREADABLE):
            return Policy()

    def entry(self, commit: Commit, path: str) -> Entry | None:
        """Return what stands at a path in a commit; None when nothing does, or can be read."""
        tree, found = commit.tree, None
        try:
            for name in path.split("/"):
                found = self.objects.entries(tree).get(name)
                if found is None:
                    return None
                tree = found.oid
        except _UNREADABLE:
            return None
        return found

    @cached_property
    def rebuilt(self) -> Registry:
        """The registry as it should be: what the present one says, and what was lost since.

        A version that a registry of the branch held, and that its commit holds, comes back
        with its last status; with "archived" where that is exclusive and another version
        has it now. What the present registry says is not changed.
        """
        made = EMPTY
        for model, statuses in self.registry.models.items():
            for text, status in statuses.items():
                made = made.with_status(model, Version.parse(text), status)
        for (model, version), status in self._vanished():
            known = self.introduced.get((model, version))
            if made.status(model, version) is None and known and known.manifest_sha256:
                taken = status in self.policy.exclusive and made.holders(model, status)
                made = made.with_status(model, version, ARCHIVED if taken else status)
        return made

    @cached_property
    def lost(self) -> tuple[Introduced, ...]:
        """The versions that the present registry lacks."""
        return tuple(
            self.introduced[change.model, change.version]
            for change in self.registry.changes(self.rebuilt)
            if change.before is None
        )

    def _vanished(self) -> Iterator[tuple[Key, str]]:
        """Yield what vanished from the branch's registries, the newest first, with its last status.

        Of a merge what its sides hold, and it does not, counts too; all of it where its own
        registry is none (left in conflict, perhaps).
        """
        newer: bytes | None = None  # of the registries that can be read, the last one met
        following: str | None = self.tip.oid
        while following is not None:
            try:
                commit = self.objects.commit(following)
                data = self._registry_data(commit)
                following = commit.parents[0] if commit.parents else None
                if len(commit.parents) > 1:
                    yield from self._of_sides(commit)
                if data == newer:
                    continue
                try:
                    if newer is None:
                        Registry.parse_history(data)
                    for change in changes_between(data, newer) if newer is not None else ():
                        if change.after is None and change.before is not None:
                            yield (change.model, change.version), change.before
                    newer = data
                except FormatError:
                    continue
            except _UNREADABLE:
                return

    def _of_sides(self, commit: Commit) -> Iterator[tuple[Key, str]]:
        data = self._registry_data(commit)
        for side in commit.parents[1:]:
            try:
                changes = changes_between(self._registry_data(self.objects.commit(side)), data)
            except FormatError:
                changes = tuple(self.judge.registry_at(side).changes(EMPTY))
            for change in changes:
                if change.after is None and change.before is not None:
                    yield (change.model, change.version), change.before
