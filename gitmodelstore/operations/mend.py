"""What the history of a store knows: who introduced which version, and what was lost since."""
# Read through the judge, so that the gate, the doctor and a rebuilt registry agree on what a commit
# introduces. What cannot be read is left out.

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

from gitmodelstore.checks.fault import Fault, Kept
from gitmodelstore.checks.folder import folder_entry
from gitmodelstore.checks.judge import CommitStep, Judge
from gitmodelstore.errors import (
    FormatError,
    GitFailed,
    IntegrityError,
    LocalChanges,
    MissingObject,
    is_of_handler,
)
from gitmodelstore.lean import cached_property, dataclass, field, replace
from gitmodelstore.operations.publish import Draft, publish, write_tag_object
from gitmodelstore.operations.snapshot import Snapshot, Writer
from gitmodelstore.operations.validate import at_once, judge_of
from gitmodelstore.plumbing import files, git_dir, refs, worktree
from gitmodelstore.plumbing.cat_file import CatFile
from gitmodelstore.plumbing.repository import Repository, writing
from gitmodelstore.plumbing.writer_lock import HeldLock
from gitmodelstore.values.names import (
    ARCHIVED,
    MANIFEST,
    MODELS,
    REGISTRY,
    SETTINGS,
    WITHDRAWN,
    Version,
    tag_name,
    version_of,
)
from gitmodelstore.values.objects import FOLDER, Commit, Entry, Tag, named_manifest
from gitmodelstore.values.policy import Policy
from gitmodelstore.values.registry import EMPTY, Change, Registry, changes_between

Key = tuple[str, Version]  # model and version
_UNREADABLE = (MissingObject, IntegrityError)
_TAGS = "refs/tags/"


@dataclass(frozen=True, slots=True)
class Introduced:
    """A version, as the commit that introduced it holds it."""

    model: str
    version: Version
    commit: str
    folder: str | None  # id of the tree of its folder there; None without one
    manifest_sha256: str | None  # None if the manifest there does not name this version

    @property
    def tag(self) -> str:
        return tag_name(self.model, self.version)

    def __str__(self) -> str:
        return f"{self.model} {self.version}"


@dataclass(frozen=True, slots=True)
class Stray:
    """A tag on a commit that the branch does not hold, of a version that it does."""

    version: Introduced  # on the branch
    tag: Tag
    is_same: bool  # whether both commits hold the identical folder


class Past:
    """The history of the store's branch, whose commit at the tip can be read."""

    def __init__(self, objects: CatFile, tip: str) -> None:
        self.objects = objects
        self.judge = judge_of(objects)
        self.tip = objects.commit(tip)
        self._data = Kept(64)  # the bytes of registries

    @cached_property
    def commits(self) -> tuple[Commit, ...]:
        """Every commit that can be read, parents before children."""
        by_oid: dict[str, Commit] = {}
        ahead, met = [(self.tip.oid, False)], set()
        while ahead:
            oid, is_done = ahead.pop()
            if is_done:
                by_oid[oid] = self.objects.commit(oid)
            elif oid not in met:
                met.add(oid)
                with suppress(*_UNREADABLE):
                    parents = self.objects.commit(oid).parents
                    ahead += [(oid, True), *((parent, False) for parent in reversed(parents))]
        return tuple(by_oid.values())

    @cached_property
    def introduced(self) -> dict[Key, Introduced]:
        """Each version that a commit introduced, as the first of those holds it."""
        versions: dict[Key, Introduced] = {}
        oids = [commit.oid for commit in self.commits]
        self.judge.read_ahead(oids)
        for oid in at_once(self.objects, oids, {MANIFEST}):
            with suppress(*_UNREADABLE):
                commit = self.objects.commit(oid)
                for key in sorted(self.judge.introduced(CommitStep.of(commit))):
                    if key not in versions:
                        versions[key] = self._introduced(*key, commit)
        return versions

    def tagged(self, name: str) -> Introduced | None:
        """Return the version that a tag belongs to; None if it was not introduced."""
        key = version_of(name)
        return self.introduced.get(key) if key else None

    def of_commit(self, commit: str | None, model: str | None = None) -> Iterator[Introduced]:
        """Yield what a commit introduced, of one model or of all."""
        for one in self._by_commit.get(commit or "", ()):
            if model in (None, one.model):
                yield one

    @cached_property
    def _by_commit(self) -> dict[str, list[Introduced]]:
        versions: dict[str, list[Introduced]] = {}
        for one in self.introduced.values():
            versions.setdefault(one.commit, []).append(one)
        return versions

    def status(self, version: Introduced) -> str | None:
        return self.registry.status(version.model, version.version)

    @cached_property
    def strays(self) -> dict[str, Stray]:
        """The tags, by name, that are beside the branch though it has their versions."""
        strays: dict[str, Stray] = {}
        on_branch = {commit.oid for commit in self.commits}
        for version in self.introduced.values():
            with suppress(*_UNREADABLE):
                tag = self.objects.tag(version.tag)
                if tag is not None and tag.commit not in on_branch:
                    entry = self.entry(self.objects.commit(tag.commit), f"models/{version.model}")
                    is_same = entry is not None and entry.oid == version.folder
                    is_same = is_same and version.manifest_sha256 is not None
                    strays[tag.name] = Stray(version, tag, is_same)
        return strays

    def _registry_oid(self, commit: Commit) -> str:
        """Return the id of a commit's registry.json; nothing without it."""
        entry = self.objects.entries(commit.tree).get(REGISTRY)
        return entry.oid if entry else ""

    def _registry_data(self, oid: str) -> bytes:
        """Return the bytes of registry.json; empty, which is not a registry, if there is none."""
        data: bytes | None = self._data.get(oid)
        if data is None:
            data = self.objects.content(oid, REGISTRY) if oid else b""
            self._data.put(oid, data)
        return data

    def _introduced(self, model: str, version: Version, commit: Commit) -> Introduced:
        entry = folder_entry(self.objects, commit.tree, model)
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
        """Why the tip's registry.json is invalid; None if it is valid."""
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
        with suppress(*_UNREADABLE):
            return self.judge.policy_of(entry.oid if entry else None)
        return Policy()

    def entry(self, commit: Commit, path: str) -> Entry | None:
        """Return what stands at a path in a commit; None if nothing does, or can be read."""
        tree, entry = commit.tree, None
        with suppress(*_UNREADABLE):
            for name in path.split("/"):
                entry = self.objects.entries(tree).get(name)
                if entry is None:
                    return None
                tree = entry.oid
            return entry
        return None

    @cached_property
    def rebuilt(self) -> Registry:
        """The registry as it should be: the present one, and what was lost since."""
        # A lost version comes back with its last status, or "archived" if another one now has an
        # exclusive status.
        made = self.registry.in_order()
        for (model, version), status in self._vanished():
            introduced = self.introduced.get((model, version))
            if made.status(model, version) is None and introduced and introduced.manifest_sha256:
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
        """Yield what vanished from the branch's registries, newest first, with its last status."""
        # What a merge lacks of its sides counts too; all of it if the merge's own registry is
        # invalid.
        newer = ""  # id of the last registry that was met, of those that can be read
        following: str | None = self.tip.oid
        while following is not None:
            try:
                commit = self.objects.commit(following)
                oid = self._registry_oid(commit)
                following = commit.parents[0] if commit.parents else None
                for side in commit.parents[1:]:
                    yield from self._gone_of_side(side, self._registry_data(oid))
                if oid == newer:
                    continue
                if self.judge.changed(oid, newer) is not None:  # such a step loses nothing
                    newer = oid
                    continue
                with suppress(FormatError):
                    data = self._registry_data(oid)
                    if newer:
                        yield from _gone(changes_between(data, self._registry_data(newer)))
                    else:
                        Registry.parse_history(data)
                    newer = oid
            except _UNREADABLE:
                return

    def _gone_of_side(self, side: str, data: bytes) -> Iterator[tuple[Key, str]]:
        try:
            before = self._registry_oid(self.objects.commit(side))
            changes = changes_between(self._registry_data(before), data)
        except FormatError:
            changes = tuple(self.judge.registry_at(side).changes(EMPTY))
        return _gone(changes)


def _gone(changes: Iterable[Change]) -> Iterator[tuple[Key, str]]:
    for change in changes:
        if change.after is None and change.before is not None:
            yield (change.model, change.version), change.before


# Tags set where the branch has a version and no tag stands on it.

_SQUASHED = (
    "moved tag {name} to {new}: a squash or rebase had left it on {old}, with the same folder"
)
_REPLACE = (
    "if the old tag was pushed, replace it there, if you may: git push --force REMOTE tag {name}"
)


def is_sound(past: Past, version: Introduced) -> bool:
    """Whether a tag could vouch for a version: its folder has no fault but an absent LFS file."""
    if version.manifest_sha256 is None or version.folder is None:
        return False
    try:
        faults = past.judge.folders.faults(version.model, version.version, version.folder)
    except _UNREADABLE:
        return False
    return all(fault.code == "GMS024" for fault in faults)


def _is_hollow(past: Past, version: Introduced) -> bool:
    """Whether its ref holds an unreadable object, or the version's commit without a tag."""
    oid = past.objects.tags.get(version.tag)
    if oid is None or oid == version.commit:
        return oid is not None
    try:
        past.objects.raw(oid)
    except _UNREADABLE:
        return True
    return False


def retag(repository: Repository, writer: Writer, *, may_be_shared: bool = True) -> Iterator[str]:
    """Set tags that are missing, or that a squash left beside the branch; hold the writer lock."""
    # `may_be_shared`: whether a remote may have the old ones, to be replaced there.
    # An object that no ref holds, as a power cut can leave, is taken before a new one is made.
    tip = repository.head(repository.branch)
    if tip is None:
        return

    def set_tag(version: Introduced, old: str | None, oid: str | None, text: str = "") -> bool:
        """Make the tag hold an object that is safe on the disk; False if another was first."""
        if oid is None:
            message = text.strip() or str(version)
            if named_manifest(message) != version.manifest_sha256:
                message = f"{message}\n\nManifest-SHA256: {version.manifest_sha256}"
            oid = write_tag_object(repository, writer, version.tag, version.commit, f"{message}\n")
        repository.secure([oid])
        if writer.durable:
            with writing(repository.common_dir):
                files.sync(repository.common_dir)
        return refs.set_tag(repository, version.tag, old, oid)

    with CatFile(repository.common_dir, inherit=False) as objects:
        past = Past(objects, tip)
        wrong = [
            version
            for version in past.introduced.values()
            if version.tag not in objects.tags or _is_hollow(past, version)
            if is_sound(past, version)
        ]
        kept = _dangling(objects) if wrong else {}
        for version in sorted(wrong, key=lambda one: one.tag in objects.tags):
            old, oid = objects.tags.get(version.tag), kept.get((version.tag, version.commit))
            if set_tag(version, old, oid):
                what = f"{version.tag}, which was not a tag," if old else version.tag
                yield f"set tag {what} on {version.commit[:12]}, which introduced it"
        for stray in past.strays.values():
            version, tag = stray.version, stray.tag
            is_ours = stray.is_same and is_sound(past, version)
            if is_ours and set_tag(version, tag.oid, None, tag.message):
                text = f"{_SQUASHED}; {_REPLACE}" if may_be_shared else _SQUASHED
                yield text.format(name=tag.name, new=version.commit[:12], old=tag.commit[:12])


def find_tags(repository: Repository) -> Iterator[str]:
    """Set tags, where refs were lost, of versions that the branch lacks; hold the writer lock."""
    # It leaves a name that several objects have, as after a replay.
    with CatFile(repository.common_dir, inherit=False) as objects:
        past, judge = past_of(repository, objects), Judge(objects)
        lost = _dangling(objects)
        names = [name for name, _ in lost]
        for (name, commit), oid in lost.items():
            key = version_of(name)
            is_known = name in objects.tags or (past is not None and past.tagged(name) is not None)
            if key is None or is_known or names.count(name) > 1:
                continue
            with suppress(*_DAMAGE):
                is_its = key in judge.introduced(CommitStep.of(objects.commit(commit)))
                if is_its and refs.set_tag(repository, name, None, oid):
                    yield f"set tag {name} on {commit[:12]}, as its lost object says"


def _dangling(objects: CatFile) -> dict[tuple[str, str], str]:
    """Return tag objects that no ref holds and that name a manifest, by name and commit."""
    tags: dict[tuple[str, str], str] = {}
    for oid in git_dir.dangling_tags(objects.folder):
        tag = objects.any_tag(oid)
        if tag is not None and named_manifest(tag.message):
            tags[tag.name, tag.commit] = oid
    return tags


# registry.json made anew, where it is broken or lost versions.


def rebuild(repository: Repository, writer: Writer) -> list[str]:
    """Rebuild a registry.json that is not sound from history, manifests and tags, in one commit."""
    done: list[str] = []

    def draft(snapshot: Snapshot) -> Draft | None:
        done.clear()
        with CatFile(repository.common_dir, inherit=False) as objects:
            past = Past(objects, snapshot.commit.oid)
            back = [
                f"{one} is back in {REGISTRY} as {past.rebuilt.status(one.model, one.version)}"
                for one in past.lost
            ]
            if past.fault_of_registry is not None:
                done.append(f"rebuilt {REGISTRY} from the history")
            done.extend(back)
            if not done:
                return None
            message = f"rebuild {REGISTRY}\n\n" + "\n".join(back)
            return Draft(message.strip() + "\n", past.rebuilt)

    publish(repository, writer, draft, broken=True)
    return done


# Which faults of a history stand, and which a later commit has put right.


# About the commit as a deed, which says nothing of the store as it is.
_HARMLESS_DEEDS = ("GMS037", "GMS044")
# About what stands at a path.
_OF_PATHS = ("GMS001", "GMS002", "GMS003", "GMS004", "GMS005", "GMS012", "GMS020")


def is_now(past: Past, fault: Fault) -> bool:
    """Whether a fault of a history still stands; one that nothing has put right does."""
    code, path, commit = fault.code, fault.path, fault.commit
    if code == "GMS050":
        # Of a faulty version that was withdrawn nobody sets a tag.
        owner = past.tagged(path.removeprefix("refs/tags/"))
        return owner is None or is_sound(past, owner) or past.status(owner) != WITHDRAWN
    if commit is None or path.startswith("refs/"):
        return True
    if code in _HARMLESS_DEEDS:
        return commit == past.tip.oid
    if code == "GMS046":  # what a merge took back, or made up
        if path != REGISTRY:
            return _is_unchanged(past, commit, path)
        model, version = fault.what.split(" ")[:2]
        then = past.judge.registry_at(commit).status(model, Version.parse(version))
        return then == past.registry.status(model, Version.parse(version))
    if path == REGISTRY:
        if code in _OF_REGISTRY:
            return _says_so_still(past, fault, commit)
        return _concerns_a_version(past, commit)
    if path.startswith(f"{MODELS}/"):
        model = path.split("/")[1]
        if any(past.of_commit(commit, model)):  # a version is what its commit holds
            return _concerns_a_version(past, commit, model)
        return _is_unchanged(past, commit, f"{MODELS}/{model}")
    return code not in _OF_PATHS or _is_unchanged(past, commit, path)


def _says_so_still(past: Past, fault: Fault, commit: str) -> bool:
    model = fault.what.partition(" ")[0]
    if fault.code in ("GMS011", "GMS020"):
        unchanged = _is_unchanged(past, commit, REGISTRY)
        return past.fault_of_registry is not None and unchanged
    if fault.code == "GMS030":
        return any(fault.what == f"{version} is lost" for version in past.lost)
    if fault.code == "GMS040":
        return any(
            fault.what.startswith(f"{model} {version} has ") and status not in past.policy.statuses
            for version, status in past.registry.models.get(model, {}).items()
        )
    return any(len(past.registry.holders(model, one)) > 1 for one in past.policy.exclusive)


def _concerns_a_version(past: Past, commit: str, model: str | None = None) -> bool:
    """Whether a commit introduced a version that the store has, not withdrawn."""
    return any(
        past.status(version) not in (None, WITHDRAWN) for version in past.of_commit(commit, model)
    )


def _is_unchanged(past: Past, commit: str, path: str) -> bool:
    """Whether the tip holds at a path what an earlier commit held there."""
    try:
        then = past.objects.commit(commit)
    except (MissingObject, IntegrityError):
        return True
    return past.entry(then, path) == past.entry(past.tip, path)


# What to type about a fault of a store, where the judge speaks of a commit in the making.

FIX = "gms doctor --fix"
REFETCH = "git fetch --refetch REMOTE, from an intact clone"
# Of what registry.json says, which another registry.json puts right.
_OF_REGISTRY = {
    "GMS011": FIX,
    "GMS020": FIX,
    "GMS030": FIX,
    "GMS040": "gms promote MODEL@VERSION STATUS, with one of the statuses of modelstore.toml",
    "GMS041": "gms promote MODEL@VERSION STATUS, for the one that you mean",
}


def with_next_step(fault: Fault, past: Past) -> Fault:
    """Return a fault of a commit or of a tag with what mends it in a store."""
    if fault.path.startswith(_TAGS):
        return _of_tag(fault, past)
    return replace(fault, mend=_mend_of(fault, past) or fault.mend)


def fetched_again(ref: str) -> str:
    """Return the command that fetches a tag from another clone."""
    return f"fetch it from an intact clone: git fetch REMOTE '+{ref}:{ref}'"


def _mend_of(fault: Fault, past: Past) -> str | None:
    code, path, commit = fault.code, fault.path, fault.commit
    if path == REGISTRY and code in _OF_REGISTRY:
        return _OF_REGISTRY[code]
    if code == "GMS071" and "Git LFS object" in fault.what:
        return "remove that file, then git lfs fetch --all REMOTE"
    if code in ("GMS070", "GMS071"):
        return REFETCH
    if code == "GMS024":
        return "git lfs fetch --all REMOTE"
    if path.startswith(f"{MODELS}/") or (path == REGISTRY and commit):
        return _of_folder(fault, past)
    if path == SETTINGS and code == "GMS012":
        return f"git restore --source={commit}~1 -- {SETTINGS}, and commit it alone"
    if path and code in ("GMS001", "GMS002", "GMS003", "GMS005"):
        return f"git rm -r -- '{path}', and commit that"
    if path and code in ("GMS004", "GMS020") and commit is not None:
        return f"git restore --source={commit}~1 -- {path}, and commit it"
    return f"a past commit cannot be changed: git show {commit}" if commit is not None else None


def _of_tag(fault: Fault, past: Past) -> Fault:
    """Return what mends a tag: it is fetched, or set where it belongs, and never taken away."""
    name = fault.path.removeprefix(_TAGS)
    version, stray = past.tagged(name), past.strays.get(name)
    if fault.code == "GMS055" or (version is None and fault.code == "GMS052"):
        return fault
    fetched = fetched_again(fault.path)
    if version is None:
        return replace(fault, mend=fetched)
    sound = is_sound(past, version)
    if fault.code == "GMS050" and not sound:
        mend = f"no tag is set on a faulty version: gms withdraw {version.model}@{version.version}"
        return replace(fault, mend=mend)
    hollow = fault.code in ("GMS051", "GMS070") and sound and _is_hollow(past, version)
    if fault.code == "GMS050" or hollow:
        return replace(fault, mend=FIX)
    set_again = f"git tag -f -a -m '{version}' {name} {version.commit[:12]}"
    mend, what = f"{fetched}; or, if the branch is right: {set_again}", fault.what
    if fault.code == "GMS052" and stray is not None:
        folder = "the same folder" if stray.is_same else "another folder"
        what = f"{what}; {stray.version.commit[:12]} brought {stray.version}, {folder}"
        mend += ", once what the tag holds is registered under another number"
        mend = FIX if stray.is_same else mend
    return replace(fault, what=what, mend=mend)


def _of_folder(fault: Fault, past: Past) -> str:
    """Return what to do about a folder: about the version that it is, or the edit of one."""
    model = fault.path.split("/")[1] if fault.path.startswith(f"{MODELS}/") else None
    version = next(past.of_commit(fault.commit, model), None)
    if version is None:
        path = f"{MODELS}/{model}"
        return (
            f"git restore --source={fault.commit}~1 --staged --worktree -- {path}, and commit; "
            f"or keep it as a version: gms register --from-folder {path}"
        )
    path, withdraw = f"{MODELS}/{version.model}", f"gms withdraw {version.model}@{version.version}"
    entry = past.entry(past.tip, path)
    if entry is not None and entry.oid == version.folder:
        return f"gms register --from-folder {path} keeps it under a new number; then {withdraw}"
    return withdraw


# A branch that stands behind its own versions: a ref that was lost, or set back.

_HEADS = "refs/heads/"
_REMOTES = "refs/remotes/"
_BY_TAG, _BY_TAGS = "the tag of a version", "the line of its versions' tags"
_DAMAGE = (*_UNREADABLE, GitFailed)


@dataclass(frozen=True, slots=True)
class Behind:
    """A branch that lacks versions which have tags, or has no commit."""

    branch: str  # its full name
    tip: str | None  # the commit on which it stands; None if that is none, or not here
    tags: tuple[str, ...]  # of the versions that it lacks
    # of other such tags, the branch that holds what they stand on: a proposal
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    ahead: str | None = None  # the commit to move forward to; None if that would be a guess
    who: str = ""  # where that is recorded
    doubt: str = ""  # why it is not moved forward; empty if nothing more is to be said

    @property
    def what(self) -> str:
        """What is wrong, in words."""
        more = f" and {len(self.tags) - 3} more" if len(self.tags) > 3 else ""
        lacking = f"does not hold {', '.join(self.tags[:3])}{more}" if self.tags else ""
        if self.tip is None:
            text = "points to a commit that is not here"
        else:
            text = f"is at {self.tip[:12]}, and {lacking}"
        if self.ahead:
            return f"{text}; according to {self.who}, it was at {self.ahead[:12]}"
        return f"{text}{self.doubt and '; '}{self.doubt}"

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
            commit = f"'{last}^0', or another" if last else "COMMIT, as another clone has it"
            return f"git branch --force {name} {commit}"
        return f"git merge '{last}^0', on {name}; if it was reset on purpose, then {withdraw}"


def behind(repository: Repository, objects: CatFile, past: Past | None) -> Behind | None:
    """Return what the store's branch lacks of what is known here; None for nothing."""
    # `past` is None if the branch points to a commit that is not here.
    tip = past.tip.oid if past else None
    commits = _history(objects, tip) if tip else frozenset()
    if tip is not None and not commits:  # it has a gap, so that nobody can tell what it holds
        return None
    outside = dict(_outside(objects, past, commits))
    if (tip is None and _is_only_gone(repository)) or (tip is not None and not outside):
        return None
    branch = repository.branch
    others = {ref: _history(objects, oid) for ref, oid in _others(objects, branch)}
    as_remote = f"/{branch.removeprefix(_HEADS)}"
    fetched = {
        ref: others.pop(ref)
        for ref in list(others)
        if tip is None and ref.startswith(_REMOTES) and ref.endswith(as_remote)
    }
    elsewhere = {
        name: _short(ref)
        for name, commit in outside.items()
        for ref in sorted(others, reverse=True)
        if commit in others[ref]
    }

    def goes_on(oid: str) -> tuple[str, ...] | None:
        """Return the tags that a commit holds; None if it leaves out more than proposals."""
        history = _history(objects, oid)
        there = tuple(sorted(name for name, commit in outside.items() if commit in history))
        lost = set(outside) - set(there) - set(elsewhere)
        is_further = tip is None or (tip in history and there)
        return there if history and is_further and not lost and is_whole(objects, oid) else None

    for oid, who in _logged(repository, tip):
        if oid not in commits and (tags := goes_on(oid)) is not None:
            rest = {name: ref for name, ref in elsewhere.items() if name not in tags}
            return Behind(branch, tip, tags, rest, oid, who)
    lacking = tuple(sorted(set(outside) - set(elsewhere)))
    state = Behind(branch, tip, lacking, elsewhere)
    if tip is not None and not lacking:
        return state
    return _of_tags(objects, state, {name: outside[name] for name in lacking}, goes_on, fetched)


def _of_tags(
    objects: CatFile,
    state: Behind,
    lacking: Mapping[str, str],
    goes_on: Callable[[str], tuple[str, ...] | None],
    fetched: Mapping[str, frozenset[str]],
) -> Behind:
    """Return what tags alone tell, and for a branch that is lost what was fetched of it."""
    ahead = next((oid for oid in lacking.values() if goes_on(oid) is not None), None)
    who = _BY_TAG if len(lacking) == 1 else _BY_TAGS
    for ref, history in fetched.items():
        oid = objects.resolve(ref)
        if oid is not None and history >= set(lacking.values()) and is_whole(objects, oid):
            ahead, who = oid, _short(ref)
    if ahead is None:
        doubt = "the tags of its versions are on diverging histories" if lacking else ""
        return replace(
            state, doubt=doubt if state.tip is None else _parted(objects, state, lacking)
        )
    judge = Judge(objects)
    line = objects.between(state.tip, ahead) if state.tip else [ahead]
    for oid in line:
        for fault in judge.faults(CommitStep.of(objects.commit(oid))):
            return replace(state, doubt=f"{oid[:12]} is not sound: {fault}")
    return replace(state, ahead=ahead, who=who)


def _parted(objects: CatFile, state: Behind, lacking: Mapping[str, str]) -> str:
    """Return where both sides parted, in words."""
    with suppress(GitFailed):
        base = objects.run("merge-base", state.tip or "", next(iter(lacking.values()))).strip()
        if base != state.tip:
            return f"both diverged from {base[:12]}"
    return "they are on diverging histories" if len(lacking) > 1 else ""


def _outside(
    objects: CatFile, past: Past | None, commits: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """Yield tags of versions that the branch does not hold, each with the commit it stands on."""
    tags = {one.tag for one in past.introduced.values()} if past else set()
    judge = Judge(objects)
    for name in objects.tags:
        key = version_of(name)
        if key is None or name in tags:
            continue
        with suppress(*_DAMAGE):
            tag = objects.tag(name)
            if tag is None or tag.commit in commits:
                continue
            if key in judge.introduced(CommitStep.of(objects.commit(tag.commit))):
                yield name, tag.commit


def _is_only_gone(repository: Repository) -> bool:
    """Whether the branch can be read, and only its commit is missing."""
    # Its word is worth more than an older commit: a sound clone may have that one.
    value = where_it_says(repository)
    return value is not None and value == next(refs.logged(repository, repository.branch), None)


def where_it_says(repository: Repository) -> str | None:
    """Return what the branch's own file, or packed-refs, holds."""
    branch = repository.branch
    return refs.held_by(repository, branch) or refs.packed(repository, branch)


def _logged(repository: Repository, tip: str | None) -> Iterator[tuple[str, str]]:
    """Yield the commits on which the branch stood, the last first, and where that is logged."""
    # The reflog of a branch goes with it; then HEAD's knows the last commit, if HEAD is on the
    # branch.
    branch = repository.branch
    logged = list(dict.fromkeys(refs.logged(repository, branch)))
    yield from ((oid, "its reflog") for oid in logged)
    if tip is None and not logged and refs.held_by(repository, "HEAD") == f"ref: {branch}":
        last = next(refs.logged(repository, "HEAD"), None)
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


def move_forward(repository: Repository, writer: Writer, lock: HeldLock) -> Iterator[str]:
    """Move the branch and its work trees to where its reflog or its tags say that it stood."""
    # Nothing is changed if uncommitted work is in the way.
    with CatFile(repository.common_dir, inherit=False) as objects:
        state = behind(repository, objects, past_of(repository, objects))
    if state is None or state.ahead is None:
        return
    commits = f"{state.ahead[:12]}, according to {state.who}"
    if state.who in (_BY_TAG, _BY_TAGS):  # a promotion has none
        commits = f"{commits}; `git fsck --lost-found` shows what may have come after it"
    if state.tip is None:
        value = refs.held_by(repository, state.branch)
        refs.restore(repository, state.branch, state.ahead, instead_of=value)
        yield f"set {state.branch} to {commits}"
        return
    trees = worktree.on_branch(repository)
    worktree.check(trees)
    for tree in trees:
        worktree.move(tree, state.tip, state.ahead, lock=lock)
    moved = refs.advance(
        repository,
        state.tip,
        state.ahead,
        who=writer.committer,
        when=writer.when,
        what="doctor: forward to the versions that it held",
        durable=writer.durable,
    )
    if not moved:
        raise LocalChanges(f"{state.branch} moved in the meantime", hint="try again")
    yield f"moved {state.branch} forward from {state.tip[:12]} to {commits}"


def past_of(repository: Repository, objects: CatFile) -> Past | None:
    """Return the history of the branch; None if that points to no commit that is here."""
    try:
        tip = repository.head(repository.branch)
        return Past(objects, tip) if tip else None
    except Exception as error:  # damage takes any form; without a past, doctor guesses nothing
        if is_of_handler(error):
            raise
        return None
