"""What the history of a store knows: who introduced which version, and what was lost since.

Read through the judge, so that the gate, the doctor and a rebuilt registry agree on
what a commit introduces. What cannot be read is left out, and never ends the reading.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from gitmodelstore.checks.judge import Judge, Step
from gitmodelstore.checks.objects import Objects
from gitmodelstore.checks.tree import folder_names
from gitmodelstore.errors import FormatError, IntegrityError, MissingObject
from gitmodelstore.values.layout import MANIFEST, REGISTRY, SETTINGS, tag_name
from gitmodelstore.values.objects import FOLDER, Commit, Entry
from gitmodelstore.values.policy import ARCHIVED, Policy
from gitmodelstore.values.registry import EMPTY, Registry
from gitmodelstore.values.version import Version

Key = tuple[str, Version]  # model and version
_UNREADABLE = (MissingObject, IntegrityError)


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
                for key in sorted(self.judge.introduced(Step.of(commit))):
                    if key not in found:
                        found[key] = self._introduced(*key, commit)
            except _UNREADABLE:
                continue
        return found

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
        for (model, version), status in self._statuses():
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

    def _statuses(self) -> Iterator[tuple[Key, str]]:
        """Yield what the registries of the branch say, the newest first.

        Of a merge whose registry is none (left in conflict, perhaps) both sides count.
        """
        following: str | None = self.tip.oid
        while following is not None:
            try:
                commit = self.objects.commit(following)
                held = self.judge.readable_registry(commit.tree)
                found = [held] if held else []
                if held is None:
                    found = [self.judge.registry_at(oid) for oid in commit.parents]
            except _UNREADABLE:
                return
            for registry in found:
                for model, statuses in registry.models.items():
                    for text, status in statuses.items():
                        yield (model, Version.parse(text)), status
            following = commit.parents[0] if commit.parents else None
