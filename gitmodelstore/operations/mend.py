"""What the history of a store knows: who introduced which version, and what was lost since.

Read through the judge, so that the gate, the doctor and a rebuilt registry agree on
what a commit introduces. What cannot be read is left out, and never ends the reading.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from gitmodelstore.checks.fault import Fault
from gitmodelstore.checks.folder import folder_names
from gitmodelstore.checks.history import Objects
from gitmodelstore.checks.judge import CommitStep, Judge, version_of
from gitmodelstore.errors import FormatError, GitFailed, IntegrityError, LocalChanges, MissingObject
from gitmodelstore.lean import cached_property
from gitmodelstore.operations.publish import Draft, publish, write_tag_object
from gitmodelstore.operations.snapshot import Snapshot, Writer
from gitmodelstore.plumbing import files, refs, worktree, writer_lock
from gitmodelstore.plumbing.cat_file import CatFile
from gitmodelstore.plumbing.repository import Repository, writing
from gitmodelstore.plumbing.writer_lock import HeldLock
from gitmodelstore.values.names import (
    ARCHIVED,
    MANIFEST,
    MODELS,
    REGISTRY,
    SETTINGS,
    Version,
    tag_name,
)
from gitmodelstore.values.objects import FOLDER, Commit, Entry, Tag, named_manifest
from gitmodelstore.values.policy import Policy
from gitmodelstore.values.registry import EMPTY, Registry, changes_between

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
        return self.judge.introduced(CommitStep.of(commit))

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


# Tags set where the branch has a version and no tag stands on it.


_SQUASHED = (
    "moved tag {name} to {new}: a squash or rebase had left it on {old}, with the same folder; "
    "if the old tag was pushed, replace it there, if you may: git push --force REMOTE tag {name}"
)


@dataclass(frozen=True, slots=True)
class Stray:
    """A tag on a commit that the branch does not hold, of a version that it does.

    Attributes:
        known: the version, on the branch.
        tag: as it stands.
        is_same: whether both commits hold the identical folder.
    """

    known: Introduced
    tag: Tag
    is_same: bool


def untagged(past: Past, objects: CatFile) -> Iterator[Introduced]:
    """Yield the sound versions of the branch that have no tag."""
    for known in past.introduced.values():
        if known.tag not in objects.tags and is_sound(past, known):
            yield known


def is_sound(past: Past, known: Introduced) -> bool:
    """Whether a version is what a tag could vouch for: its folder has no fault but absence.

    A pipeline that Git LFS has elsewhere (GMS024) is none.
    """
    if known.manifest_sha256 is None or known.folder is None:
        return False
    try:
        found = past.judge.folders.faults(known.model, known.version, known.folder)
    except (MissingObject, IntegrityError):
        return False
    return all(fault.code == "GMS024" for fault in found)


def is_mended(code: str, past: Past, known: Introduced) -> bool:
    """Whether `retag` mends a fault of a version's tag: it holds no object, or the bare commit."""
    if not is_sound(past, known):
        return False
    objects = past.objects
    assert isinstance(objects, CatFile)  # noqa: S101 - the doctor knows no other
    oid = objects.tags.get(known.tag)
    return code in ("GMS051", "GMS070") and oid is not None and _is_hollow(objects, known, oid)


def set_tag(known: Introduced) -> str:
    """Return the command that sets the tag of a version where it belongs, whatever it holds."""
    return f"git tag -f -a -m '{known}' {known.tag} {known.commit[:12]}"


def _is_hollow(objects: CatFile, known: Introduced, oid: str) -> bool:
    """Whether a ref holds an object that cannot be read, or the version's commit without a tag."""
    if oid == known.commit:
        return True
    try:
        objects.raw(oid)
    except (MissingObject, IntegrityError):
        return True
    return False


def strays(past: Past, objects: CatFile) -> Iterator[Stray]:
    """Yield the tags that stand beside the branch, of versions that the branch has."""
    on_branch = {commit.oid for commit in past.commits}
    for known in past.introduced.values():
        try:
            tag = objects.tag(known.tag)
            if tag is None or tag.commit in on_branch:
                continue
            held = past.entry(objects.commit(tag.commit), f"models/{known.model}")
        except (MissingObject, IntegrityError):
            continue
        same = held is not None and held.oid == known.folder and known.manifest_sha256 is not None
        yield Stray(known, tag, same)


def retag(repository: Repository, writer: Writer) -> tuple[str, ...]:
    """Set the tags that are missing, and those that a squash left beside the branch.

    A tag object that stands on the right commit and that no ref holds, as a power cut can
    leave, is taken before a new one is made. Call it under the writer lock.

    Returns:
        What was done, a line each.

    Raises:
        StoreBusy, CannotWrite: a tag could not be set.
    """
    tip = repository.head(repository.branch)
    if tip is None:
        return ()
    done = []
    with CatFile(repository.common_dir, inherit=False) as objects:
        past = Past(objects, tip)
        missing = list(untagged(past, objects))
        hollow = [
            known
            for known in past.introduced.values()
            if (held := objects.tags.get(known.tag)) and _is_hollow(objects, known, held)
            if is_sound(past, known)
        ]
        kept = _dangling(objects) if missing or hollow else {}
        for known in missing:
            oid = kept.get((known.tag, known.commit)) or _made(repository, writer, known)
            repository.secure([oid])
            _sync(repository, writer)
            if refs.create_tag(repository, known.tag, oid):
                done.append(f"set tag {known.tag} on {known.commit[:12]}, which introduced it")
        for known in hollow:
            oid = kept.get((known.tag, known.commit)) or _made(repository, writer, known)
            _sync(repository, writer)
            if refs.replace_tag(repository, known.tag, objects.tags[known.tag], oid):
                where = f"{known.commit[:12]}, which introduced it"
                done.append(f"set tag {known.tag}, which was not a tag, on {where}")
        for stray in list(strays(past, objects)):
            if stray.is_same and is_sound(past, stray.known):
                oid = _made(repository, writer, stray.known, stray.tag.message)
                repository.secure([oid])
                _sync(repository, writer)
                if refs.replace_tag(repository, stray.tag.name, stray.tag.oid, oid):
                    commits = {"new": stray.known.commit[:12], "old": stray.tag.commit[:12]}
                    done.append(_SQUASHED.format(name=stray.tag.name, **commits))
    return tuple(done)


def _made(repository: Repository, writer: Writer, known: Introduced, said: str = "") -> str:
    """Write the tag object of a version, with what an earlier one said, and return its id."""
    message = said.strip() or str(known)
    if named_manifest(message) != known.manifest_sha256:
        message = f"{message}\n\nManifest-SHA256: {known.manifest_sha256}"
    return write_tag_object(repository, writer, known.tag, known.commit, f"{message}\n")


def _sync(repository: Repository, writer: Writer) -> None:
    if writer.durable:
        with writing(repository.common_dir):
            files.sync(repository.common_dir)


def _dangling(objects: CatFile) -> dict[tuple[str, str], str]:
    """Return tag objects that no ref holds and that name a manifest, by name and commit."""
    found: dict[tuple[str, str], str] = {}
    for oid in writer_lock.dangling_tags(objects.folder):
        tag = objects.any_tag(oid)
        if tag is not None and named_manifest(tag.message):
            found[tag.name, tag.commit] = oid
    return found


# registry.json made anew, where it is broken or lost versions.


def rebuild(repository: Repository, writer: Writer) -> tuple[str, ...]:
    """Rebuild registry.json from history, manifests and tags, in one commit of the branch.

    The last one along first parents that can be read counts; what it lost since comes
    back as `Past.rebuilt` says. A store whose registry is sound is left alone.

    Returns:
        What was done, a line each.

    Raises:
        StoreError: as in `publish`: the judge refuses the result, or uncommitted work is
            in the way; nothing was changed.
    """
    done: list[str] = []

    def draft(snapshot: Snapshot) -> Draft | None:
        done.clear()
        with CatFile(repository.common_dir, inherit=False) as objects:
            past = Past(objects, snapshot.commit.oid)
            broken = past.fault_of_registry is not None
            if not broken and not past.lost:
                return None
            back = [
                f"{one} is back in {REGISTRY} as {past.rebuilt.status(one.model, one.version)}"
                for one in past.lost
            ]
        if broken:
            done.append(f"rebuilt {REGISTRY} from the history")
        done.extend(back)
        message = f"rebuild {REGISTRY}\n\n" + "\n".join(back)
        return Draft(message.strip() + "\n", past.rebuilt)

    publish(repository, writer, draft, broken=True)
    return tuple(done)


# What to type about a fault of a store, where the judge speaks of a commit in the making.


FIX = "gms doctor --fix"
REFETCH = "git fetch --refetch REMOTE, from an intact clone"
_OF_REGISTRY = {
    "GMS011": FIX,
    "GMS020": FIX,
    "GMS030": FIX,
    "GMS040": "gms promote MODEL@VERSION STATUS, with one of the statuses of modelstore.toml",
    "GMS041": "gms promote MODEL@VERSION STATUS, for the one that is meant",
}


def with_next_step(fault: Fault, past: Past, strays: Mapping[str, Stray]) -> Fault:
    """Return a fault with what mends it in a store.

    Args:
        fault: as the judge of a commit or of a tag says it.
        past: the history.
        strays: name to each tag that stands beside the branch.
    """
    if fault.path.startswith("refs/tags/"):
        return _of_tag(fault, past, strays.get(fault.path.removeprefix("refs/tags/")))
    if fault.path == REGISTRY and fault.code in _OF_REGISTRY:
        return replace(fault, mend=_OF_REGISTRY[fault.code])
    if fault.code == "GMS071" and "Git LFS object" in fault.what:
        return replace(fault, mend="remove that file, then git lfs fetch --all REMOTE")
    if fault.code in ("GMS070", "GMS071"):
        return replace(fault, mend=REFETCH)
    if fault.code == "GMS024":
        return replace(fault, mend="git lfs fetch --all REMOTE")
    if fault.path.startswith(f"{MODELS}/") or (fault.path == REGISTRY and fault.commit):
        return replace(fault, mend=_of_folder(fault, past))
    if fault.path == SETTINGS and fault.code == "GMS012":
        mend = f"git restore --source={fault.commit}~1 -- {SETTINGS}, and commit it alone"
        return replace(fault, mend=mend)
    if fault.path and fault.code in ("GMS001", "GMS002", "GMS003", "GMS005"):
        return replace(fault, mend=f"git rm -r -- '{fault.path}', and commit that")
    if fault.path and fault.code in ("GMS004", "GMS020") and fault.commit is not None:
        mend = f"git restore --source={fault.commit}~1 -- {fault.path}, and commit it"
        return replace(fault, mend=mend)
    if fault.commit is not None:
        return replace(fault, mend=f"a past commit cannot be changed: git show {fault.commit}")
    return fault


def _of_tag(fault: Fault, past: Past, stray: Stray | None) -> Fault:
    """Return what mends a tag: it is fetched, or set where it belongs, and never taken away."""
    name = fault.path.removeprefix("refs/tags/")
    known = next((one for one in past.introduced.values() if one.tag == name), None)
    if fault.code == "GMS055" or (known is None and fault.code == "GMS052"):
        return fault
    sound = f"fetch it from an intact clone: git fetch REMOTE '+refs/tags/{name}:refs/tags/{name}'"
    if known is None:
        return replace(fault, mend=sound)
    if fault.code == "GMS050" and not is_sound(past, known):
        mend = f"no tag is set on a faulty version: gms withdraw {known.model}@{known.version}"
        return replace(fault, mend=mend)
    if fault.code == "GMS050" or is_mended(fault.code, past, known):
        return replace(fault, mend=FIX)
    again = f"{sound}; or, where the branch is right: {set_tag(known)}"
    if fault.code == "GMS052" and stray is not None:
        where = f"{stray.known.commit[:12]} brought {stray.known}"
        if stray.is_same:
            return replace(fault, what=f"{fault.what}; {where}, the same folder", mend=FIX)
        mend = f"{again}, once what the tag holds is registered under another number"
        return replace(fault, what=f"{fault.what}; {where}, another folder", mend=mend)
    return replace(fault, mend=again)


def _of_folder(fault: Fault, past: Past) -> str:
    """Return what to do about a folder: about the version that it is, or the edit of one."""
    model = fault.path.split("/")[1] if fault.path.startswith(f"{MODELS}/") else None
    known = next(
        (
            one
            for one in past.introduced.values()
            if one.commit == fault.commit and model in (None, one.model)
        ),
        None,
    )
    if known is None:
        path = f"{MODELS}/{model}"
        return (
            f"git restore --source={fault.commit}~1 --staged --worktree -- {path}, and commit; "
            f"or keep it as a version: gms register --from-folder {path}"
        )
    if _stands(past, known):
        path = f"{MODELS}/{known.model}"
        return (
            f"gms register --from-folder {path} keeps it under a new number; then "
            f"gms withdraw {known.model}@{known.version}"
        )
    return f"gms withdraw {known.model}@{known.version}"


def _stands(past: Past, known: Introduced) -> bool:
    entry = past.entry(past.tip, f"{MODELS}/{known.model}")
    return entry is not None and entry.oid == known.folder


# A branch that stands behind its own versions: a ref that was lost, or set back.


_HEADS = "refs/heads/"
_REMOTES = "refs/remotes/"
_TAG, _TAGS = "the tag of a version", "the line of its versions' tags"
_DAMAGE = (MissingObject, IntegrityError, GitFailed)


@dataclass(frozen=True, slots=True)
class Behind:
    """A branch without versions of which there are tags, or without a commit.

    Attributes:
        branch: its full name.
        tip: the commit on which it stands; None where that is none, or not here.
        tags: the names of the tags of versions that it lacks.
        elsewhere: of other such tags, the branch that holds what they stand on: a proposal.
        ahead: the commit to which it moves forward; None where that would be a guess.
        who: who knows that it stood there.
        doubt: why it is not moved forward; empty where nothing more is to be said.
    """

    branch: str
    tip: str | None
    tags: tuple[str, ...]
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    ahead: str | None = None
    who: str = ""
    doubt: str = ""

    @property
    def what(self) -> str:
        """What is wrong, in words."""
        more = f" and {len(self.tags) - 3} more" if len(self.tags) > 3 else ""
        lacking = f"does not hold {', '.join(self.tags[:3])}{more}" if self.tags else ""
        if self.tip is None:
            said = "points to a commit that is not here"
        else:
            said = f"stands on {self.tip[:12]}, and {lacking}"
        if self.ahead:
            return f"{said}; {self.who} says that it was at {self.ahead[:12]}"
        return f"{said}{self.doubt and '; '}{self.doubt}"

    @property
    def mend(self) -> str:
        """What to type."""
        name = self.branch.removeprefix(_HEADS)
        last = self.tags[-1] if self.tags else ""
        withdraw = f"`gms withdraw {last.replace('@v', '@')}`: a number is never used twice"
        if self.ahead and (self.tip is None or not last):
            return FIX
        if self.ahead:
            return f"{FIX} moves it forward; if it was reset on purpose, {withdraw}"
        if self.tip is None:
            known = f"'{last}^0', or another" if last else "COMMIT, where another clone has it"
            return f"git branch --force {name} {known}"
        return f"git merge '{last}^0', on {name}; if it was reset on purpose, then {withdraw}"


def behind(repository: Repository, objects: CatFile, past: Past | None) -> Behind | None:
    """Return what the store's branch lacks; None where it lacks nothing that is known here.

    Args:
        repository, objects: the store.
        past: the history of its branch; None where that points to a commit that is not here.
    """
    tip = past.tip.oid if past else None
    held = _history(objects, tip) if tip else frozenset()
    if tip is not None and not held:  # it has a gap, so that nobody can tell what it holds
        return None
    outside = dict(_outside(objects, past, held))
    if (tip is None and _is_only_gone(repository)) or (tip is not None and not outside):
        return None
    branch = repository.branch
    others = {ref: _history(objects, oid) for ref, oid in _others(objects, branch)}
    fetched = {
        ref: others.pop(ref) for ref in list(others) if tip is None and _is_ours(ref, branch)
    }
    elsewhere = {
        name: _short(ref)
        for name, commit in outside.items()
        for ref in sorted(others, reverse=True)
        if commit in others[ref]
    }

    def goes_on(oid: str) -> tuple[str, ...] | None:
        """Return the tags that a commit holds; None where it leaves out more than proposals."""
        history = _history(objects, oid)
        there = tuple(sorted(name for name, commit in outside.items() if commit in history))
        lost = set(outside) - set(there) - set(elsewhere)
        is_further = tip is None or (tip in history and there)
        return there if history and is_further and not lost and is_whole(objects, oid) else None

    for oid, who in _logged(repository, tip):
        if oid not in held and (tags := goes_on(oid)) is not None:
            rest = {name: ref for name, ref in elsewhere.items() if name not in tags}
            return Behind(branch, tip, tags, rest, oid, who)
    lacking = tuple(sorted(set(outside) - set(elsewhere)))
    found = Behind(branch, tip, lacking, elsewhere)
    if tip is not None and not lacking:
        return found
    return _of_tags(objects, found, {name: outside[name] for name in lacking}, goes_on, fetched)


def _of_tags(
    objects: CatFile,
    found: Behind,
    lacking: Mapping[str, str],
    goes_on: Callable[[str], tuple[str, ...] | None],
    fetched: Mapping[str, frozenset[str]],
) -> Behind:
    """Return what tags alone tell, and for a branch that is lost what was fetched of it."""
    ahead = next((oid for oid in lacking.values() if goes_on(oid) is not None), None)
    who = _TAG if len(lacking) == 1 else _TAGS
    for ref, history in fetched.items():
        oid = objects.resolve(ref)
        if oid is not None and history >= set(lacking.values()) and is_whole(objects, oid):
            ahead, who = oid, _short(ref)
    if ahead is None:
        doubt = "the tags of its versions are on diverging histories" if lacking else ""
        return replace(
            found, doubt=doubt if found.tip is None else _parted(objects, found, lacking)
        )
    judge = Judge(objects)
    line = objects.between(found.tip, ahead) if found.tip else [ahead]
    for oid in line:
        for fault in judge.faults(CommitStep.of(objects.commit(oid))):
            return replace(found, doubt=f"{oid[:12]} is not sound: {fault}")
    return replace(found, ahead=ahead, who=who)


def _parted(objects: CatFile, found: Behind, lacking: Mapping[str, str]) -> str:
    """Return where both sides parted, in words."""
    with suppress(GitFailed):
        base = objects.run("merge-base", found.tip or "", next(iter(lacking.values()))).strip()
        if base != found.tip:
            return f"both went on from {base[:12]}"
    return "they are on diverging histories" if len(lacking) > 1 else ""


def _outside(
    objects: CatFile, past: Past | None, held: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """Yield tags of versions that the branch does not hold, each with the commit it stands on."""
    known = {one.tag for one in past.introduced.values()} if past else set()
    judge = Judge(objects)
    for name in objects.tags:
        named = version_of(name)
        if named is None or name in known:
            continue
        with suppress(*_DAMAGE):
            tag = objects.tag(name)
            if tag is None or tag.commit in held:
                continue
            if named in judge.introduced(CommitStep.of(objects.commit(tag.commit))):
                yield name, tag.commit


def _is_only_gone(repository: Repository) -> bool:
    """Whether the branch says where it stands, and the commit is what is missing.

    What it says is worth more than an older commit: a sound clone may have that one.
    """
    branch = repository.branch
    said = writer_lock.held_by(repository, branch) or writer_lock.packed(repository, branch)
    return said is not None and said == next(writer_lock.logged(repository, branch), None)


def _logged(repository: Repository, tip: str | None) -> Iterator[tuple[str, str]]:
    """Yield the commits on which the branch stood, the last first, and who knows it.

    The reflog of a branch goes with it; then HEAD's knows the last commit, where HEAD is on
    the branch. What is before that may be another branch's.
    """
    branch = repository.branch
    logged = list(dict.fromkeys(writer_lock.logged(repository, branch)))
    yield from ((oid, "its reflog") for oid in logged)
    if tip is None and not logged and writer_lock.held_by(repository, "HEAD") == f"ref: {branch}":
        last = next(writer_lock.logged(repository, "HEAD"), None)
        if last is not None:
            yield last, "the reflog of HEAD"


def _history(objects: CatFile, oid: str) -> frozenset[str]:
    """Return a commit and all behind it; nothing where some of that cannot be read."""
    try:
        return frozenset(objects.run("rev-list", oid, "--").split())
    except GitFailed:
        return frozenset()


def _others(objects: CatFile, branch: str) -> Iterator[tuple[str, str]]:
    """Yield the branches besides the store's, here and of remotes, each with its commit."""
    form = "--format=%(objectname) %(refname) %(symref)"
    for line in objects.run("for-each-ref", form, _HEADS, _REMOTES).splitlines():
        oid, ref, stands_for = line.split(" ")
        if ref != branch and not stands_for:  # as origin/HEAD does
            yield ref, oid


def _is_ours(ref: str, branch: str) -> bool:
    """Whether a ref is the store's branch as a remote had it."""
    return ref.startswith(_REMOTES) and ref.endswith(f"/{branch.removeprefix(_HEADS)}")


def _short(ref: str) -> str:
    return ref.removeprefix(_HEADS).removeprefix(_REMOTES)


def is_whole(objects: CatFile, oid: str) -> bool:
    """Whether a commit and its folders are here: the power may have gone before they were."""
    try:
        for entry in objects.entries(objects.commit(oid).tree).values():
            if entry.mode == FOLDER:
                objects.entries(entry.oid)
    except _DAMAGE:
        return False
    return True


def move_forward(repository: Repository, writer: Writer, held: HeldLock) -> Iterator[str]:
    """Move the branch to where its reflog or its tags know that it stood, with its work trees.

    Call it under the writer lock, `held`.

    Yields:
        What was done, a line each.

    Raises:
        LocalChanges: uncommitted work is in the way; nothing was changed.
        StoreBusy, CannotWrite, GitFailed: it could not be moved.
    """
    with CatFile(repository.common_dir, inherit=False) as objects:
        found = behind(repository, objects, _past(repository, objects))
    if found is None or found.ahead is None:
        return
    commits = f"{found.ahead[:12]}, where {found.who} knows that it stood"
    if found.who in (_TAG, _TAGS):  # a promotion has none
        commits = f"{commits}; `git fsck --lost-found` shows what may have come after it"
    if found.tip is None:
        said = writer_lock.held_by(repository, found.branch)
        writer_lock.restore_ref(repository, found.branch, found.ahead, instead_of=said)
        yield f"set {found.branch} to {commits}"
        return
    trees = worktree.on_branch(repository)
    worktree.check(trees)
    for tree in trees:
        worktree.move(tree, found.tip, found.ahead, lock=held)
    moved = refs.advance(
        repository,
        found.tip,
        found.ahead,
        who=writer.committer,
        when=writer.when,
        what="doctor: forward to the versions that it held",
        durable=writer.durable,
    )
    if not moved:
        raise LocalChanges(f"{found.branch} was moved meanwhile", hint="try again")
    yield f"moved {found.branch} forward from {found.tip[:12]} to {commits}"


def _past(repository: Repository, objects: CatFile) -> Past | None:
    try:
        tip = repository.head(repository.branch)
        return Past(objects, tip) if tip else None
    except Exception:  # damage takes any form; without a past, doctor guesses nothing
        return None
