"""The judge: whether a step from one commit to the next leaves a sound store.

The library, the commands, the hooks and the server's hook use the same judge. A step, and what a
merge brings, is judged against its first parent and by the settings of that parent; a merge is
judged against its other parents too. All faults are reported, not only the first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import chain

from gitmodelstore.checks import folder as tree
from gitmodelstore.checks.fault import Fault, format_faults, mend_of, policies, registries
from gitmodelstore.checks.folder import FolderJudge, manifest_entry
from gitmodelstore.checks.history import (
    Ancestry,
    ancestors,
    canonical_steps,
    fault_of,
    first_parents,
    folder_before,
    had_status,
    merged_by,
    registry_faults,
    word_needed,
)
from gitmodelstore.errors import (
    FormatError,
    IntegrityError,
    MissingObject,
    SignatureError,
)
from gitmodelstore.lean import TYPE_CHECKING, cached_property, dataclass, replace
from gitmodelstore.values.names import (
    FALSE,
    MANIFEST,
    REGISTRY,
    SETTINGS,
    Version,
    folder,
    tag_name,
    version_of,
)
from gitmodelstore.values.objects import PLAIN_FILE, Commit, Entry, Tag, named_manifest, replaced
from gitmodelstore.values.policy import Policy
from gitmodelstore.values.registry import EMPTY, Change, Registry

if TYPE_CHECKING:
    from gitmodelstore.checks.history import Merging, Objects
    from gitmodelstore.checks.signatures import SignatureJudge, Verifier
    from gitmodelstore.values.events import Scalar
    from gitmodelstore.values.manifest import Manifest
    from gitmodelstore.values.registry import Moved

_BEFORE = ", under the earlier settings of the branch"
_BESIDE = ", under the settings of {}, onto which {} brings it"
_REBASE = "git pull --rebase, so that it comes after these settings, and meet them"
_MOST_REGISTRIES = 16  # in memory: a store has one for each version, each as long as its history
_MANY_COMMITS = 16  # fewer registries are parsed sooner than they are read twice
_MOST_STEPS = 64  # from one registry to another: for more it is read


@dataclass(frozen=True, slots=True)
class CommitStep:
    """What is judged: a commit, or one that is not made yet."""

    tree: str
    parents: tuple[str, ...]  # ids of its parents, the first parent first; none for a first commit
    message: str = ""  # of the commit; empty if there is none yet
    oid: str | None = None  # its id; None if it is not made yet

    @classmethod
    def of(cls, commit: Commit) -> CommitStep:
        """Return the step of a commit."""
        return cls(commit.tree, commit.parents, commit.message, commit.oid)

    def seen_from(self, parent: str) -> CommitStep:
        """Return the step as seen from another parent."""
        others = tuple(oid for oid in self.parents if oid != parent)
        return replace(self, parents=(parent, *others))


class Judge:
    """Judges steps of one repository, and remembers what it has read."""

    # `verifier`: returns the verifier of signatures when one is needed; None leaves them unjudged.
    # `ancestry`: of all the steps to be judged; without it each merge builds its own.

    def __init__(
        self,
        objects: Objects,
        verifier: Callable[[], Verifier] | None = None,
        ancestry: Ancestry | None = None,
    ) -> None:
        self.objects = objects
        self.ancestry = ancestry
        self._verifier = verifier
        self.folders = FolderJudge(objects)
        self._registries: dict[str, Registry | None] = {}  # None: unreadable
        self.near: tuple[bytes, Registry] | None = None  # the last registry that was parsed
        # id of a registry to that of one before it, and what changed
        self._steps: dict[str, tuple[str, tuple[Change, ...]]] = {}
        self._ahead: set[str] = set()  # the commits of which that is known
        self._introduced: dict[str, frozenset[Moved]] = {}  # by commit
        self._mergings: dict[CommitStep, Merging] = {}  # parents in the order of their ids
        self._ruled: dict[tuple[str, str | None], list[tuple[Moved | None, Fault]]] = {}

    @cached_property
    def signatures(self) -> SignatureJudge | None:
        """The judge of signatures; None where they are not judged."""
        from gitmodelstore.checks.signatures import SignatureJudge

        return SignatureJudge(self.objects, self._verifier) if self._verifier else None

    def read_ahead(self, commits: Iterable[str]) -> None:
        """Find what commits, parents first, change in registry.json, each of which is read once.

        One by one they are parsed, which takes a hundred times as long as to compare two.
        """
        new = [oid for oid in commits if oid not in self._ahead]
        self._ahead.update(new)
        if len(new) < _MANY_COMMITS:
            return
        for before, after, changes in canonical_steps(self.objects, new):
            self._steps.setdefault(after, (before, changes))

    def faults(self, step: CommitStep) -> list[Fault]:
        """Return everything that is wrong with a step."""
        return self._told(step, lambda: _Trial(self, step).faults())

    def faults_from_others(self, step: CommitStep) -> list[Fault]:
        """Return what is wrong with a merge under settings that another parent's side changed."""
        faults: list[Fault] = []
        for parent in step.parents[1:]:
            trial = _Trial(self, step.seen_from(parent))
            faults += self._told(step, trial.faults_of_changed_settings)
        return faults

    def faults_as_whole(self, step: CommitStep, tip: str, *, is_after: bool) -> list[Fault]:
        """Return what is wrong with a step by the settings that the branch had before a push."""
        # `is_after`: whether that commit is the first parent of the step, or an ancestor of it.
        settings = self.settings_of(self.objects.commit(tip).tree)
        trial = _Trial(self, step, settings, since=tip)
        return self._told(step, lambda: trial.faults_by_settings(is_after=is_after))

    def _told(self, step: CommitStep, find: Callable[[], Iterable[Fault]]) -> list[Fault]:
        """Return faults, including one for what cannot be read."""
        faults: list[Fault] = []
        try:
            faults.extend(find())
        except MissingObject as error:
            faults.append(Fault("GMS070", "", str(error), mend=error.hint or ""))
        except IntegrityError as error:
            faults.append(Fault("GMS071", error.path, str(error), mend=error.hint or ""))
        except SignatureError as error:
            faults.append(Fault("GMS061", "", str(error), mend=error.hint or ""))
        return [replace(one, mend=mend_of(one), commit=one.commit or step.oid) for one in faults]

    def ancestry_of(self, step: CommitStep) -> Ancestry:
        """Return an ancestry that covers the parents of a merge."""
        if self.ancestry is None or not self.ancestry.knows(*step.parents):
            self.ancestry = Ancestry(self.objects.graph(*step.parents), step.parents)
        return self.ancestry

    def merging(self, step: CommitStep, after: Registry) -> Merging:
        """Return the outcome of a merge, whichever parent is the first."""
        from gitmodelstore.checks.history import Sides

        key = replace(step, parents=tuple(sorted(step.parents)))
        if key not in self._mergings:
            roots = [self.objects.commit(oid).tree for oid in step.parents]
            exclusive = frozenset[str]().union(
                *(self.policy_of(self.settings_of(root)).exclusive for root in roots)
            )
            sides = Sides(
                self.objects, step.parents, self.ancestry_of(step), self.registry_at, exclusive
            )
            self._mergings[key] = sides.judge(step.tree, after)
        return self._mergings[key]

    def brought_faults(
        self, step: CommitStep, settings: str | None, since: str | None, moved: Collection[Moved]
    ) -> Iterator[Fault]:
        """Yield the faults of commits that a merge brings, not those up to `since`."""
        ancestry = self.ancestry_of(step)
        brought = ancestry.brought(step.parents[0], step.parents[1:])
        if since is not None and ancestry.knows(since):
            brought &= ancestry.brought(since, step.parents)
        for oid, alone in ancestry.oids(brought & ~ancestry.sound.get(settings, 0)):
            ruled = self._ruled_by(oid, settings)
            if not ruled:
                ancestry.sound[settings] = ancestry.sound.get(settings, 0) | alone
            for key, fault in ruled:
                if key is None or key in moved:
                    yield replace(fault, commit=oid)

    def _ruled_by(self, oid: str, settings: str | None) -> list[tuple[Moved | None, Fault]]:
        """Return the faults of a commit's moves and signatures under settings not its own."""
        if (oid, settings) not in self._ruled:
            trial = _Trial(self, CommitStep.of(self.objects.commit(oid)), settings)
            same = trial.is_judged_by_its_own
            self._ruled[oid, settings] = [] if same else list(trial.ruled())
        return self._ruled[oid, settings]

    def settings_of(self, root: str) -> str | None:
        """Return the id of the settings in a root tree; None without any."""
        entry = self.objects.entries(root).get(SETTINGS)
        return entry.oid if entry else None

    def policy_of(self, settings: str | None) -> Policy:
        """Return the policy of settings; the defaults if they cannot be read."""
        policy = Policy()
        if settings is not None:
            with suppress(FormatError):  # a fault of the commit that brought it
                data = partial(self.objects.content, settings, SETTINGS)
                policy = policies.made(settings, lambda: Policy.parse(data()))
        return policy

    def registry(self, root: str) -> Registry:
        """Return the registry of a root tree without judging its form; an empty one without it."""
        return self.readable_registry(root) or EMPTY

    def readable_registry(self, root: str) -> Registry | None:
        """Return the registry of a root tree, as `registry`; None if it is missing or invalid."""
        entry = self.objects.entries(root).get(REGISTRY)
        if entry is None:
            return None
        registry = self.stepped(entry.oid) or self._registries.get(entry.oid)
        if registry is None and entry.oid not in self._registries:
            with suppress(FormatError):
                registry = Registry.parse_history(self.objects.content(entry.oid, REGISTRY))
            if len(self._registries) >= _MOST_REGISTRIES:
                self._registries.clear()
            self._registries[entry.oid] = registry
        return registry

    def stepped(self, oid: str) -> Registry | None:
        """Return a canonical registry that was parsed, or follows from one by what changed."""
        ahead: list[tuple[str, tuple[Change, ...]]] = []
        registry: Registry | None = registries.get(oid)
        while registry is None:
            if oid not in self._steps or len(ahead) == _MOST_STEPS:
                return None
            before, changes = self._steps[oid]
            ahead.append((oid, changes))
            # What a step begins with is canonical, so that it is the same however it was parsed.
            registry, oid = registries.get(before) or self._registries.get(before), before
        for after, changes in reversed(ahead):
            for change in changes:
                registry = registry.with_status(*change.key, change.after or "")
            registries.put(after, registry)
        return registry

    def changed(self, before: str, after: str) -> tuple[Change, ...] | None:
        """Return what differs between two canonical registries; None where that was not read."""
        step = self._steps.get(after)
        return step[1] if step is not None and step[0] == before else None

    def policy(self, step: CommitStep) -> Policy:
        """Return the settings that apply to a step: those of its first parent."""
        return _Trial(self, step).policy

    def registry_at(self, commit: str) -> Registry:
        """Return the last valid registry up to a commit, from which the next step starts."""
        for before in first_parents(self.objects, commit):
            registry = self.readable_registry(before.tree)
            if registry is not None:
                return registry
        return EMPTY

    def introduced(self, step: CommitStep) -> frozenset[tuple[str, Version]]:
        """Return model and version of everything new in a step, which no parent has."""
        if step.oid is None:
            return self._new(step)
        if step.oid not in self._introduced:
            self._introduced[step.oid] = self._new(step)
        return self._introduced[step.oid]

    def _new(self, step: CommitStep) -> frozenset[Moved]:
        parents = [self.registry_at(oid) for oid in step.parents]
        changes = (parents[0] if parents else EMPTY).changes(self.registry(step.tree))
        return frozenset(
            change.key
            for change in changes
            if change.before is None and not any(parent.status(*change.key) for parent in parents)
        )


class _Trial:
    """The trial of one step; a merge brings nothing that is behind the commit `since`."""

    def __init__(
        self, judge: Judge, step: CommitStep, *settings: str | None, since: str | None = None
    ) -> None:
        self._judge = judge
        self._objects = judge.objects
        self._step = step
        self._since = since
        self._before = self._objects.commit(step.parents[0]).tree if step.parents else None
        self._own = judge.settings_of(self._before or step.tree)
        (self._settings,) = settings or (self._own,)

    def faults(self) -> Iterator[Fault]:
        before = [self._before] if self._before else []
        before += [root for root, _ in self._merged]
        yield from tree.root_faults(self._objects, before, self._step.tree, self.policy)
        yield from self._settings_faults()
        after, unreadable = self._after
        yield from unreadable
        if after is None:
            return
        statuses = self.policy.statuses
        if self._merged:  # a status that the other side has added
            statuses += self._judge.policy_of(self._judge.settings_of(self._step.tree)).statuses
        lost = [] if self._merging is None else self._merging.faults
        yield from lost
        keys = {(fault.code, fault.what) for fault in lost}
        for fault in registry_faults(self._changes, after, self.policy, statuses):
            if (fault.code, fault.what) not in keys:
                yield fault
        yield from self._trailer_faults(self._changes)
        yield from self._model_faults(after, self._changes)
        yield from self._word_faults()
        yield from (fault for _, fault in self.ruled())
        yield from self._brought_faults(_BESIDE.format(self._parent, self._name))

    def faults_by_settings(self, *, is_after: bool) -> Iterator[Fault]:
        """Yield the faults of the step, and of what it brings, under other settings."""
        assert self._step.oid is not None  # noqa: S101 - what is pushed is committed
        step = CommitStep.of(self._objects.commit(self._step.oid))
        if self.is_judged_by_its_own and step == self._step:  # `faults` says it all
            return
        as_it_is = _Trial(self._judge, step)
        own = {fault.what for fault in as_it_is.rule_faults()}
        mend = _REBASE
        if is_after:
            mend = f"push the commits before it first: git push REMOTE {self._parent}:BRANCH"
        for fault in self.rule_faults():
            if fault.what not in own:
                yield replace(fault, what=fault.what + _BEFORE, mend=mend)
        yield from self._brought_faults(_BEFORE)

    def rule_faults(self) -> Iterator[Fault]:
        """Yield the faults of the step itself under the settings, and of the statuses after it."""
        after, _ = self._after
        if after is not None:
            faults = registry_faults(self._changes, after, self.policy)
            yield from (fault for fault in faults if fault.code == "GMS041")
        yield from (fault for _, fault in self.ruled())

    def faults_of_changed_settings(self) -> Iterator[Fault]:
        """Yield the same if the parent's side changed its settings itself."""
        first, *others = self._step.parents
        ancestry = self._judge.ancestry_of(self._step)
        bases = [base for other in others for base in ancestry.bases(first, other)]
        roots = [self._objects.commit(oid).tree for oid in bases]
        if all(self._judge.settings_of(root) == self._settings for root in roots):
            return
        for _, fault in self.ruled():
            yield replace(fault, what=f"{fault.what}, under the settings of {self._parent}")
        yield from self._brought_faults(_BESIDE.format(self._parent, self._name))

    @property
    def is_judged_by_its_own(self) -> bool:
        """Whether the settings are those of the parent, which apply to the step anyway."""
        return self._settings == self._own

    def ruled(self) -> Iterator[tuple[Moved | None, Fault]]:
        """Yield the faults of moves and signatures with their moves; a merge's own alone."""
        changes = self._decided
        if self.policy.gates or self.policy.moves:
            yield from self._gate_faults(changes)
        if self.policy.gates or self.policy.require_signed:
            yield from self._signature_faults(changes)

    def _brought_faults(self, where: str) -> Iterator[Fault]:
        """Yield the faults of what a merge brings under the settings; `where` is added to each."""
        rules = self.policy.gates or self.policy.moves or self.policy.require_signed
        if not (self._merged and rules):
            return
        moved = {change.key for change in self._changes}
        for fault in self._judge.brought_faults(self._step, self._settings, self._since, moved):
            yield replace(fault, what=fault.what + where, mend=_REBASE)

    @cached_property
    def _changes(self) -> tuple[Change, ...]:
        (before, entry), (after, _) = self._entry(REGISTRY), self._after
        if after is None:
            return ()
        changes = self._judge.changed(before.oid, entry.oid) if before and entry else None
        return tuple(self._registry_before.changes(after)) if changes is None else changes

    @property
    def _decided(self) -> tuple[Change, ...]:
        """The changes that the step makes itself: for a merge, those that it decides."""
        if self._merging is None:
            return self._changes
        decided = self._merging.decided
        return tuple(one for one in self._changes if one.key in decided)

    @cached_property
    def _merging(self) -> Merging | None:
        """The outcome of a merge; None if the step is not a merge, or leaves no registry."""
        after, _ = self._after
        return self._judge.merging(self._step, after) if self._merged and after else None

    @property
    def _parent(self) -> str:
        return self._step.parents[0][:12] if self._step.parents else "nothing"

    @property
    def _name(self) -> str:
        return f"the merge {self._step.oid[:12]}" if self._step.oid else "the merge"

    def _word_faults(self) -> Iterator[Fault]:
        def why(change: Change) -> str | None:
            from gitmodelstore.values.events import word_for

            return word_for(self._messages, change)

        words = word_needed(self.policy, self._registry_before, self._decided, why)
        yield from (fault_of(change, one) for change, one in words if not one.passed)

    def _signature_faults(
        self, changes: tuple[Change, ...]
    ) -> Iterator[tuple[Moved | None, Fault]]:
        from gitmodelstore.checks.signatures import asks

        if self._step.oid is None or not asks(self.policy, changes):
            return
        judge = self._judge.signatures
        if judge is None:
            return
        parent = self._step.parents[0] if self._step.parents else None
        yield from judge.faults(self._step.oid, self.policy, changes, parent)
        if self.policy.require_signed and not self.is_judged_by_its_own:
            yield from ((None, fault) for fault in self._tag_faults())

    def _tag_faults(self) -> Iterator[Fault]:
        for model, version in sorted(self._judge.introduced(self._step)):
            tag = self._objects.tag(tag_name(model, version))
            if tag is not None and tag.commit == self._step.oid and self._judge.signatures:
                yield from self._judge.signatures.tag_faults(tag.name, tag.oid, tag.commit)

    def _gate_faults(self, changes: tuple[Change, ...]) -> Iterator[tuple[Moved | None, Fault]]:
        from gitmodelstore.checks.gates import OVERRIDES, Lookups, faults_of, judge_step
        from gitmodelstore.values.events import recorded_of

        setting = self._objects.setting(OVERRIDES) or "true"
        tip = next(iter(self._step.parents), "")  # without one every version is new
        judgements = judge_step(
            self.policy,
            self._registry_before,
            changes,
            lambda change: recorded_of(self._messages, change),
            Lookups(
                self._manifest_of, partial(had_status, self._objects, tip), self._annotations_of
            ),
            overrides=setting.lower() not in FALSE,
        )
        for judgement in judgements:
            yield from ((judgement.change.key, fault) for fault in faults_of(judgement))

    @cached_property
    def _messages(self) -> str:
        """The message of the step, and before it those of the commits that it merges."""
        merged = (one.message for one in merged_by(self._objects, self._step.parents))
        return "\n\n".join([*merged, self._step.message])

    def _manifest_of(self, model: str, version: Version) -> Manifest | None:
        roots = [self._step.tree]
        tag = self._objects.tag(tag_name(model, version))
        if tag is not None:
            roots.append(self._objects.commit(tag.commit).tree)
        folders = [tree.folder_entry(self._objects, root, model) for root in roots]
        before = (folder_before(self._objects, oid, model) for oid in self._step.parents)
        for entry in chain(folders, *before):
            manifest = self._judge.folders.manifest(model, entry)
            if manifest and (manifest.model, manifest.version) == (model, version):
                return manifest
        return None

    def _annotations_of(self, model: str, version: Version) -> Mapping[str, Scalar]:
        from gitmodelstore.checks.gates import Annotations, values_of

        line = self._step.parents[:1]
        until = Annotations(self._objects, line[0]).of(model, version) if line else {}
        return values_of(until, self._messages, model, version)

    @property
    def policy(self) -> Policy:
        """The policy of the settings."""
        return self._judge.policy_of(self._settings)

    @cached_property
    def _registry_before(self) -> Registry:
        return self._judge.registry_at(self._step.parents[0]) if self._step.parents else EMPTY

    @cached_property
    def _merged(self) -> tuple[tuple[str, Registry], ...]:
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
        if self._before is None or self._merged:  # a merge brings what was committed before
            return
        was, becomes = (self._objects.entries(root) for root in (self._before, self._step.tree))
        if others := _differing(was, becomes) - {SETTINGS}:
            what = f"is changed together with {', '.join(sorted(others))}"
            yield Fault("GMS044", SETTINGS, what, mend=f"commit it alone: git commit -- {SETTINGS}")

    @cached_property
    def _after(self) -> tuple[Registry | None, list[Fault]]:
        before, after = self._entry(REGISTRY)
        if after is None:
            return None, []  # its absence is a fault of the tree
        if before == after:
            return self._registry_before, []
        try:
            registry = self._judge.stepped(after.oid)
            if registry is None:
                data = self._objects.content(after.oid, REGISTRY)
                registry = Registry.parse(data, self._judge.near)
                registries.put(after.oid, registry)
                self._judge.near = data, registry
            return registry, []
        except FormatError as error:
            return None, list(format_faults(error, "GMS011", REGISTRY))

    def _trailer_faults(self, changes: tuple[Change, ...]) -> Iterator[Fault]:
        if not self._step.message:  # not written yet
            return
        from gitmodelstore.values.events import read_trailers

        moved = {(change.model, str(change.version)) for change in changes}
        for (model, version), move in read_trailers(self._step.message).items():
            if (model, version) not in moved and move.before != move.after:
                what = f"the trailers say that {model} {version} moves, but registry.json does not"
                yield Fault("GMS037", "", what, mend="git commit --amend, and remove them")

    def _model_faults(self, after: Registry, changes: tuple[Change, ...]) -> Iterator[Fault]:
        was = tree.folder_names(self._objects, self._before) if self._before else {}
        becomes = tree.folder_names(self._objects, self._step.tree)
        new = {change.model for change in changes if change.before is None}
        for model in sorted(_differing(was, becomes) | new):
            before, entry = was.get(model), becomes.get(model)
            name_faults = list(tree.name_faults(model, entry)) if entry else []
            yield from name_faults
            if name_faults:
                continue
            manifest = self._judge.folders.manifest(model, entry)
            folder_version = manifest.version if manifest else None
            fresh = self._fresh(model, changes, folder_version if entry != before else None)
            if len(fresh) > 1:
                what = f"{model} gets {', '.join(map(str, sorted(fresh)))} in one commit"
                yield Fault("GMS034", REGISTRY, what, mend="make one commit for each version")
            if entry is None and before is not None:
                yield Fault("GMS030", folder(model), "the folder is gone")
            if entry is None or entry == before:
                yield from _without_folder(model, fresh, folder_version)
            elif fresh or not self._is_restored(model, entry):
                yield from self._folder_faults(model, entry, manifest, after, fresh)

    def _fresh(
        self, model: str, changes: tuple[Change, ...], folder_version: Version | None
    ) -> set[Version]:
        """Return the versions that this step introduces: not in a merged parent or history."""
        # A registry that lost versions gets them back in one step: history is asked only for those
        # that are not in the new folder.
        fresh = {
            change.version
            for change in changes
            if change.model == model
            and change.before is None
            and not any(other.status(model, change.version) for _, other in self._merged)
        }
        if not fresh or fresh == {folder_version}:
            return fresh
        for commit in ancestors(self._objects, *self._step.parents):
            registry = self._judge.registry(commit.tree)
            fresh = {version for version in fresh if registry.status(model, version) is None}
            if not fresh:
                break
        return fresh

    def _folder_faults(
        self,
        model: str,
        entry: Entry,
        manifest: Manifest | None,
        registry: Registry,
        fresh: set[Version],
    ) -> Iterator[Fault]:
        """Yield what is wrong with a folder that the step changes."""
        yield from self._judge.folders.faults(model, None, entry.oid)
        if manifest is None or manifest.model != model:
            return
        path, version = folder(model), manifest.version
        yield from _without_folder(model, fresh - {version}, version)
        if version in fresh:
            yield from self._parent_faults(model, manifest)
        elif registry.status(model, version) is None:
            mend = f"gms register --from-folder {path}"
            what = f"holds {version}, which registry.json does not list"
            yield Fault("GMS031", path, what, mend=mend)
        elif not self._is_restored(model, entry):
            mend = f"register it as a new version: gms register --from-folder {path}"
            what = f"{model} {version} is not what was released under that number"
            yield Fault("GMS033", path, what, mend=mend)

    def _parent_faults(self, model: str, manifest: Manifest) -> Iterator[Fault]:
        highest = self._registry_before.highest(model, below=manifest.version)
        if manifest.parent != highest:
            path = folder(model)
            what = f"parent is {manifest.parent}, but the highest below {manifest.version} is "
            mend = f"gms register --from-folder {path}"
            yield Fault("GMS035", f"{path}/{MANIFEST}", f"{what}{highest}", "parent", mend)

    def _is_restored(self, model: str, entry: Entry) -> bool:
        """Whether an earlier commit, or a parent that is merged, has the same folder."""
        return any(
            tree.folder_entry(self._objects, commit.tree, model) == entry
            for commit in ancestors(self._objects, *self._step.parents)
        )


def _differing(was: Mapping[str, Entry], becomes: Mapping[str, Entry]) -> set[str]:
    return {name for name in replaced(was, becomes) if was.get(name) != becomes.get(name)}


def _without_folder(
    model: str, versions: set[Version], folder_version: Version | None
) -> Iterator[Fault]:
    for version in sorted(versions):
        what = f"names {model} {version}, but the folder has {folder_version or 'none'}"
        mend = f"add {folder(model)} to the commit, or remove {version} from {REGISTRY}"
        yield Fault("GMS032", REGISTRY, what, mend=mend)


# Tags: each names a version, is annotated, and points to the commit that introduced it.


def tag_faults(judge: Judge, name: str, tag: Tag | None) -> Iterator[Fault]:
    """Yield what is wrong with a tag, apart from its place in the history."""
    ref = f"refs/tags/{name}"
    parts = version_of(name)
    if parts is None:
        what = "is not a version tag such as churn@v1.4.0; a store has no other tags"
        yield Fault("GMS055", ref, what, mend="push only version tags: '*@v*'")
        return
    model, version = parts
    again = f"git tag -f -a -m '{model} {version}' {name} COMMIT"
    if tag is None:
        what = "is not an annotated tag of that name that points to a commit"
        yield Fault("GMS051", ref, what, mend=f"make it one: {again}")
        return
    commit = judge.objects.commit(tag.commit)
    if (model, version) not in judge.introduced(CommitStep.of(commit)):
        what = f"points to {tag.commit[:12]}, which does not introduce {model} {version}"
        mend = f"set it on the commit that does: {again}; git log -- models/{model}"
        yield Fault("GMS052", ref, what, mend=mend)
        return
    yield from _manifest_faults(judge, ref, tag, model, version)
    if judge.policy(CommitStep.of(commit)).require_signed and judge.signatures is not None:
        yield from judge.signatures.tag_faults(name, tag.oid, tag.commit)


def _manifest_faults(
    judge: Judge, ref: str, tag: Tag, model: str, version: Version
) -> Iterator[Fault]:
    root = judge.objects.commit(tag.commit).tree
    entry = manifest_entry(judge.objects, root, model)
    if entry is None or entry.mode != PLAIN_FILE:
        what = f"its commit has no manifest of {model} {version}"
        mend = f"set it on a commit that has one: git tag -f -a {tag.name} COMMIT"
        yield Fault("GMS020", ref, what, mend=mend)
        return
    tag_digest = named_manifest(tag.message)
    digest = judge.folders.digest(entry.oid)
    if tag_digest is not None and tag_digest != digest:
        what = f"names manifest {tag_digest[:12]}, but its commit has {digest[:12]}"
        mend = f"fetch it from an intact clone, or: git tag -f -a {tag.name} {tag.commit}"
        yield Fault("GMS054", ref, what, mend=mend)
