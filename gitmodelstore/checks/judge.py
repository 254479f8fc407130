"""The judge: whether a step from one commit to the next leaves a sound store.

Library, commands, client hooks and the server's hook ask the same judge, and differ
only in how they read the repository. A step is judged against its first parent,
by the settings that stand there; all faults are found, not only the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from gitmodelstore.checks import tree
from gitmodelstore.checks.fault import Fault, format_faults
from gitmodelstore.checks.folder import FolderJudge
from gitmodelstore.checks.history import ancestors, first_parents, folder_before, has_held
from gitmodelstore.checks.judged import policies, registries
from gitmodelstore.checks.mending import mend_of
from gitmodelstore.checks.registry import registry_faults
from gitmodelstore.errors import FormatError, IntegrityError, MissingObject, SignatureError
from gitmodelstore.values.layout import FALSE, MANIFEST, REGISTRY, SETTINGS, folder, tag_name
from gitmodelstore.values.objects import FOLDER, Commit, Entry
from gitmodelstore.values.policy import Policy
from gitmodelstore.values.registry import EMPTY, Change, Registry
from gitmodelstore.values.version import Version

TYPE_CHECKING = False  # as in values/fields.py
if TYPE_CHECKING:
    from gitmodelstore.checks.objects import Objects
    from gitmodelstore.checks.signed_steps import SignatureJudge, Verifier
    from gitmodelstore.values.events import Scalar
    from gitmodelstore.values.manifest import Manifest
    from gitmodelstore.values.manifest_rules import Outline

_MOST_REGISTRIES = 256  # in memory: a store has one for each version, each as long as its history


@dataclass(frozen=True, slots=True)
class Step:
    """What is judged: a commit, or one in the making.

    Attributes:
        tree: id of its root tree.
        parents: ids of its parents, the first parent first; none for a first commit.
        message: of the commit; empty when there is none yet.
        oid: its id; None when it is in the making.
    """

    tree: str
    parents: tuple[str, ...]
    message: str = ""
    oid: str | None = None

    @classmethod
    def of(cls, commit: Commit) -> Step:
        """Return the step that a commit is."""
        return cls(commit.tree, commit.parents, commit.message, commit.oid)


class Judge:
    """Judges steps of one repository; what it has seen once it does not look at again.

    Args:
        objects: the repository.
        verifier: returns who is believed where signatures are asked for; it is not called
            elsewhere. None leaves them unjudged.
    """

    def __init__(self, objects: Objects, verifier: Callable[[], Verifier] | None = None) -> None:
        self.objects = objects
        self._verifier = verifier
        self._folders = FolderJudge(objects)
        self._registries: dict[str, Registry | None] = {}  # None: unreadable

    @cached_property
    def signatures(self) -> SignatureJudge | None:
        """The judge of signatures; None where they are not judged.

        Raises:
            SignatureError: nobody is known who could be believed.
        """
        from gitmodelstore.checks.signed_steps import SignatureJudge

        return SignatureJudge(self.objects, self._verifier()) if self._verifier else None

    def faults(self, step: Step) -> list[Fault]:
        """Return everything that is wrong with a step."""
        found: list[Fault] = []
        try:
            found.extend(_Trial(self, step).faults())
        except MissingObject as error:
            found.append(Fault("GMS070", "", str(error), mend=error.hint or ""))
        except IntegrityError as error:
            found.append(Fault("GMS071", error.path, str(error), mend=error.hint or ""))
        except SignatureError as error:
            found.append(Fault("GMS061", "", str(error), mend=error.hint or ""))
        return [replace(fault, mend=mend_of(fault), commit=step.oid) for fault in found]

    def registry(self, root: str) -> Registry:
        """Return the registry of a root tree without judging its form; an empty one without it."""
        return self.readable_registry(root) or EMPTY

    def readable_registry(self, root: str) -> Registry | None:
        """Return the registry of a root tree, as `registry`; None where it is missing or none."""
        entry = self.objects.entries(root).get(REGISTRY)
        if entry is None:
            return None
        known: Registry | None = registries.get(entry.oid) or self._registries.get(entry.oid)
        if known is None and entry.oid not in self._registries:
            try:
                known = Registry.parse_history(self.objects.content(entry.oid, REGISTRY))
            except FormatError:
                known = None
            if len(self._registries) >= _MOST_REGISTRIES:
                self._registries.clear()
            self._registries[entry.oid] = known
        return known

    def policy(self, step: Step) -> Policy:
        """Return the settings by which a step is judged: those of its first parent."""
        return _Trial(self, step).policy

    def registry_at(self, commit: str) -> Registry:
        """Return the registry from which a step after a commit starts.

        Where somebody left a registry that is none, the last before it counts: so that a
        step which puts it right is judged by what it changes, as the log tells it.
        """
        for held in first_parents(self.objects, commit):
            found = self.readable_registry(held.tree)
            if found is not None:
                return found
        return EMPTY

    def introduced(self, step: Step) -> frozenset[tuple[str, Version]]:
        """Return model and version of what a step brings that none of its parents has."""
        parents = [self.registry_at(oid) for oid in step.parents]
        changes = (parents[0] if parents else EMPTY).changes(self.registry(step.tree))
        return frozenset(
            (change.model, change.version)
            for change in changes
            if change.before is None
            and not any(parent.status(change.model, change.version) for parent in parents)
        )

    def manifest(self, model: str, entries: Mapping[str, Entry]) -> Manifest | None:
        """Return the manifest of a model's folder; None where it has none that can be read."""
        return self._folders.manifest(model, entries)

    def outline(self, model: str, entries: Mapping[str, Entry]) -> Outline | Manifest | None:
        """Return the same, at least in outline, which is had sooner."""
        return self._folders.outline(model, entries)

    def folder_faults(self, model: str, version: Version | None, tree_oid: str) -> list[Fault]:
        """Return what is wrong with a model's folder, digests included."""
        return self._folders.faults(model, version, tree_oid)


class _Trial:
    """One step before the judge."""

    def __init__(self, judge: Judge, step: Step) -> None:
        self._judge = judge
        self._objects = judge.objects
        self._step = step
        self._before = self._objects.commit(step.parents[0]).tree if step.parents else None

    def faults(self) -> Iterator[Fault]:
        before = [self._before] if self._before else []
        before += [root for root, _ in self._merged]
        yield from tree.root_faults(self._objects, before, self._step.tree, self.policy)
        yield from self._settings_faults()
        after, unreadable = self._read_registry()
        yield from unreadable
        if after is None:
            return
        yield from registry_faults(self._registry_before, after, self.policy)
        changes = tuple(self._registry_before.changes(after))
        yield from self._trailer_faults(changes)
        yield from self._model_faults(after, changes)
        if self.policy.gates or self.policy.moves:
            yield from self._gate_faults(changes)
        if self.policy.gates or self.policy.require_signed:
            yield from self._signature_faults(changes)

    def _signature_faults(self, changes: tuple[Change, ...]) -> Iterator[Fault]:
        from gitmodelstore.checks.signed_steps import asks

        if self._step.oid is None or not asks(self.policy):
            return
        judge = self._judge.signatures
        if judge is not None:
            yield from judge.commit_faults(self._step.oid, self.policy, changes)

    def _gate_faults(self, changes: tuple[Change, ...]) -> Iterator[Fault]:
        from gitmodelstore.checks.gates import OVERRIDES, Look, step_faults
        from gitmodelstore.values.events import recorded_of

        said = self._objects.setting(OVERRIDES) or "true"
        yield from step_faults(
            self.policy,
            self._registry_before,
            changes,
            lambda change: recorded_of(self._messages, change),
            Look(self._manifest_of, self._has_held, self._annotations_of),
            overrides=said.lower() not in FALSE,
        )

    @cached_property
    def _messages(self) -> str:
        """The message of the step, and before it those of the commits that it merges."""
        merged = (
            self._objects.commit(oid).message
            for other in self._step.parents[1:]
            for oid in self._objects.between(self._step.parents[0], other)
        )
        return "\n\n".join([*merged, self._step.message])

    def _manifest_of(self, model: str, version: Version) -> Manifest | None:
        """Return the manifest of a version, from this step or from the commit of its tag."""
        roots = [self._step.tree]
        tag = self._objects.tag(tag_name(model, version))
        if tag is not None:
            roots.append(self._objects.commit(tag.commit).tree)
        folders = [tree.folder_names(self._objects, root).get(model) for root in roots]
        for entry in (*folders, *self._folders_before(model)):
            held = self._objects.entries(entry.oid) if entry and entry.mode == FOLDER else {}
            manifest = self._judge.manifest(model, held)
            if manifest and (manifest.model, manifest.version) == (model, version):
                return manifest
        return None

    def _folders_before(self, model: str) -> Iterator[Entry]:
        for parent in self._step.parents:
            yield from folder_before(self._objects, parent, model)

    def _has_held(self, model: str, version: Version, status: str) -> bool:
        return bool(self._step.parents) and has_held(
            self._objects, self._step.parents[0], model, version, status
        )

    def _annotations_of(self, model: str, version: Version) -> Mapping[str, Scalar]:
        """Return what was annotated until the first parent, and what is in this very step."""
        from gitmodelstore.checks.annotations import Annotations, values_of

        line = self._step.parents[:1]
        until = Annotations(self._objects, line[0]).of(model, version) if line else {}
        return values_of(until, self._messages, model, version)

    @cached_property
    def policy(self) -> Policy:
        """The settings of the first parent; of the step itself where that is the first."""
        entry = self._objects.entries(self._before or self._step.tree).get(SETTINGS)
        if entry is None:
            return Policy()
        known: Policy | None = policies.get(entry.oid)
        if known is None:
            try:
                known = Policy.parse(self._objects.content(entry.oid, SETTINGS))
            except FormatError:  # a fault of the commit that brought it
                return Policy()
            policies.put(entry.oid, known)
        return known

    @cached_property
    def _registry_before(self) -> Registry:
        return self._judge.registry_at(self._step.parents[0]) if self._step.parents else EMPTY

    @cached_property
    def _merged(self) -> tuple[tuple[str, Registry], ...]:
        """Root tree and registry of each further parent."""
        roots = (self._objects.commit(oid).tree for oid in self._step.parents[1:])
        return tuple((root, self._judge.registry(root)) for root in roots)

    def _entry(self, name: str) -> tuple[Entry | None, Entry | None]:
        before = self._objects.entries(self._before).get(name) if self._before else None
        return before, self._objects.entries(self._step.tree).get(name)

    def _settings_faults(self) -> Iterator[Fault]:
        before, after = self._entry(SETTINGS)
        if before == after:
            return
        if after is not None:
            try:
                Policy.parse(self._objects.content(after.oid, SETTINGS))
            except FormatError as error:
                yield from format_faults(error, "GMS012", SETTINGS)
        if self._before is None or self._merged:  # what a merge brings was committed alone before
            return
        was, becomes = (self._objects.entries(root) for root in (self._before, self._step.tree))
        if others := _differing(was, becomes) - {SETTINGS}:
            what = f"changes together with {', '.join(sorted(others))}"
            yield Fault("GMS044", SETTINGS, what, mend=f"commit it alone: git commit -- {SETTINGS}")

    def _read_registry(self) -> tuple[Registry | None, list[Fault]]:
        before, after = self._entry(REGISTRY)
        if after is None:
            return None, []  # its absence is a fault of the tree
        if before == after:
            return self._registry_before, []
        known: Registry | None = registries.get(after.oid)
        if known is not None:
            return known, []
        try:
            known = Registry.parse(self._objects.content(after.oid, REGISTRY))
            registries.put(after.oid, known)
            return known, []
        except FormatError as error:
            mend = f"git restore --source=HEAD --staged --worktree -- {REGISTRY}"
            return None, list(format_faults(error, "GMS011", REGISTRY, mend))

    def _trailer_faults(self, changes: tuple[Change, ...]) -> Iterator[Fault]:
        """Yield the trailers that speak of a version which the step leaves as it was."""
        if not self._step.message:  # not written yet
            return
        from gitmodelstore.values.events import read_trailers

        moved = {(change.model, str(change.version)): change for change in changes}
        for (model, version), said in read_trailers(self._step.message).items():
            change = moved.get((model, version))
            if change is None and said.before != said.after:
                what = f"the trailers say that {model} {version} moves, registry.json does not"
                yield Fault("GMS037", "", what, mend="git commit --amend, and take them out")

    def _model_faults(self, after: Registry, changes: tuple[Change, ...]) -> Iterator[Fault]:
        was = tree.folder_names(self._objects, self._before) if self._before else {}
        becomes = tree.folder_names(self._objects, self._step.tree)
        new = {change.model for change in changes if change.before is None}
        for model in sorted(_differing(was, becomes) | new):
            entry = becomes.get(model)
            named = list(tree.name_faults(model, entry)) if entry else []
            yield from named
            if not named:
                fresh = self._fresh(model, changes)
                yield from self._folder_faults(model, was.get(model), entry, after, fresh)

    def _fresh(self, model: str, changes: tuple[Change, ...]) -> set[Version]:
        """Return the versions that this step introduces: not a parent that it merges, nor history.

        A registry that lost versions gets them back in one step. History is searched for
        them only where they are not the one that a new folder holds.
        """
        fresh = {
            change.version
            for change in changes
            if change.model == model
            and change.before is None
            and not any(other.status(model, change.version) for _, other in self._merged)
        }
        entry = tree.folder_names(self._objects, self._step.tree).get(model)
        was = tree.folder_names(self._objects, self._before).get(model) if self._before else None
        entries = self._objects.entries(entry.oid) if entry and entry.mode == FOLDER else {}
        held = self._judge.outline(model, entries)
        if not fresh or (held and fresh == {held.version} and entry != was):
            return fresh
        return {version for version in fresh if not self._was_introduced(model, version)}

    def _was_introduced(self, model: str, version: Version) -> bool:
        """Whether an earlier commit's registry holds a version."""
        return any(
            self._judge.registry(commit.tree).status(model, version) is not None
            for commit in self._history()
        )

    def _history(self) -> Iterator[Commit]:
        """Yield every commit before this step, near ones first."""
        return ancestors(self._objects, *self._step.parents)

    def _folder_faults(
        self,
        model: str,
        before: Entry | None,
        after: Entry | None,
        registry: Registry,
        fresh: set[Version],
    ) -> Iterator[Fault]:
        path = folder(model)
        if len(fresh) > 1:
            both = ", ".join(map(str, sorted(fresh)))
            mend = "one commit for each: git keeps a version as a commit"
            yield Fault("GMS034", REGISTRY, f"{model} gets {both} in one commit", mend=mend)
        if after is None:
            if before is not None:
                mend = f"git restore --source=HEAD --staged --worktree -- {path}"
                yield Fault("GMS030", path, "the folder is gone", mend=mend)
            yield from _without_folder(model, fresh, None)
            return
        if after == before:
            manifest = self._judge.outline(model, self._objects.entries(after.oid))
            yield from _without_folder(model, fresh, manifest.version if manifest else None)
            return
        if not fresh and self._is_restored(model, after):
            return
        yield from self._judge.folder_faults(model, None, after.oid)
        manifest = self._judge.outline(model, self._objects.entries(after.oid))
        if manifest is None or manifest.model != model:
            return
        version = manifest.version
        yield from _without_folder(model, fresh - {version}, version)
        if version in fresh:
            yield from self._parent_faults(model, manifest)
        elif registry.status(model, version) is None:
            mend = f"gms register --from-folder {path}"
            what = f"holds {version}, which registry.json does not know"
            yield Fault("GMS031", path, what, mend=mend)
        elif not self._is_restored(model, after):
            mend = f"register it as a version of its own: gms register --from-folder {path}"
            what = f"{model} {version} is not what was released under that number"
            yield Fault("GMS033", path, what, mend=mend)

    def _parent_faults(self, model: str, manifest: Outline | Manifest) -> Iterator[Fault]:
        versions = self._registry_before.versions(model)  # highest first
        highest = next((v for v in versions if v < manifest.version), None)
        if manifest.parent != highest:
            what = f"parent is {manifest.parent}, the highest below {manifest.version} is {highest}"
            path = folder(model)
            yield Fault(
                "GMS035",
                f"{path}/{MANIFEST}",
                what,
                where="parent",
                mend=f"gms register --from-folder {path}",
            )

    def _is_restored(self, model: str, entry: Entry) -> bool:
        """Whether a folder stood so in an earlier commit, or does in a parent that is merged."""
        return any(
            tree.folder_names(self._objects, commit.tree).get(model) == entry
            for commit in ancestors(self._objects, *self._step.parents)
        )


def _differing(was: Mapping[str, Entry], becomes: Mapping[str, Entry]) -> set[str]:
    return {name for name in was.keys() | becomes.keys() if was.get(name) != becomes.get(name)}


def _without_folder(model: str, versions: set[Version], held: Version | None) -> Iterator[Fault]:
    for version in sorted(versions):
        what = f"names {model} {version}, the folder holds {held or 'none'}"
        yield Fault(
            "GMS032",
            REGISTRY,
            what,
            mend=f"add {folder(model)} to the commit, or take {version} out of {REGISTRY}",
        )
