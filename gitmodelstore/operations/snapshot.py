"""Which store is meant, what its branch says at one commit, and who writes into it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

from gitmodelstore.checks.fault import Kept, manifests, policies, registries
from gitmodelstore.checks.history import SKEW, earliest_after, effective_date
from gitmodelstore.errors import (
    ClockWarning,
    CorruptStore,
    FormatError,
    IntegrityError,
    InvalidInput,
    MissingObject,
    NotAStore,
    Sentence,
    StoreError,
    VersionNotFound,
    warn_user,
)
from gitmodelstore.lean import TYPE_CHECKING, TypeVar, cached_property, dataclass, replace, sha256
from gitmodelstore.operations.history import History, Notify
from gitmodelstore.plumbing import checkout, files
from gitmodelstore.plumbing.loose import blob_id
from gitmodelstore.plumbing.repository import Repository, Sign
from gitmodelstore.values.model_version import ModelVersion, Unread
from gitmodelstore.values.names import (
    ATTRIBUTES,
    FOLDER_ATTRIBUTES_LFS,
    MANIFEST,
    OWN_FOLDER,
    PIPELINE,
    REGISTRY,
    SETTINGS,
    Version,
    folder,
    tag_name,
    version_of,
)
from gitmodelstore.values.objects import Commit, Entry, Tag, named_manifest
from gitmodelstore.values.policy import Policy
from gitmodelstore.values.registry import Registry, names_version

if TYPE_CHECKING:
    from gitmodelstore.plumbing.remotes import Remote, Settings
    from gitmodelstore.plumbing.signing import Identity
    from gitmodelstore.values.manifest import Manifest

Parsed = TypeVar("Parsed")

_MOST_LOST = 5  # versions that a warning names
_NONE = "create one with `gms init`, or name yours with -C or $GITMODELSTORE"
UNSHALLOW = "git fetch --unshallow --tags origin"
_DAMAGED = "run `gms doctor`, or compare with another clone"
LOST = "GMS030"  # code of the fault
_OF_LARGE = blob_id(FOLDER_ATTRIBUTES_LFS)  # stands in the folder of a version that is large


class Snapshot:
    """The store as of one commit of its branch."""

    def __init__(self, repository: Repository, commit: Commit) -> None:
        self.repository = repository
        self.commit = commit
        self.history = History(repository, commit)
        self._tags: dict[str, Tag | None] = {}

    def tag(self, name: str) -> Tag | None:
        """Return an annotated tag as it stood when this was first asked; None for none."""
        if name not in self._tags:
            self._tags[name] = self.repository.tag(name)
        return self._tags[name]

    @classmethod
    def now(cls, repository: Repository, *, broken: bool = False) -> Snapshot:
        """Return the store as its branch stands; `broken` does without a registry.json."""
        tip = repository.head(repository.branch)
        if tip is None:
            raise _without_branch(repository)
        snapshot = cls(repository, repository.commit(tip))
        if not broken and repository.entry(snapshot.commit.tree, REGISTRY) is None:
            lacks = f"no {REGISTRY} on branch '{repository.branch_name}'"
            raise NotAStore(f"'{_place(repository)}' is not a model store: {lacks}", hint=_NONE)
        return snapshot

    def at(self, moment: datetime) -> Snapshot:
        """Return the store as it was at `moment`: effective dates along first parents."""
        commit = self.history.at(moment)
        if commit is not None:
            return Snapshot(self.repository, commit)
        raise VersionNotFound(
            f"the store did not exist yet on {moment:%Y-%m-%d %H:%M} UTC",
            hint="see when it began with `gms log`",
        )

    @cached_property
    def registry(self) -> Registry:
        hint = (
            f"see who changed it: git log -p -3 -- {REGISTRY}; then "
            f"`git restore --source=COMMIT -- {REGISTRY}` and commit"
        )
        registry = self._parsed(REGISTRY, Registry.parse, registries, hint)
        if registry is None:
            raise CorruptStore(
                f"{REGISTRY} is missing from commit {self.commit.oid[:12]}", hint="run `gms doctor`"
            )
        return registry

    @cached_property
    def policy(self) -> Policy:
        """What modelstore.toml says; the defaults without one."""
        hint = (
            "docs/policy.md says what it may contain; see who changed it with "
            f"`git log -p -3 -- {SETTINGS}`"
        )
        policy = self._parsed(SETTINGS, Policy.parse, policies, hint)
        return Policy() if policy is None else policy

    def _parsed(
        self, name: str, parse: Callable[[bytes], Parsed], memory: Kept, hint: str
    ) -> Parsed | None:
        """Return what a document at the root says, None without one."""
        entry = self.repository.entry(self.commit.tree, name)
        if entry is None:
            return None
        parsed: Parsed | None = memory.get(entry.oid)
        if parsed is None:
            try:
                parsed = parse(bytes(self.repository.read(entry.oid, name)))
            except FormatError as error:
                raise CorruptStore.of(error, error.hint or hint) from None
            memory.put(entry.oid, parsed)
        return parsed

    def version(self, model: str, version: Version) -> ModelVersion:
        """Return a version that the registry holds, with the commit that introduced it."""
        status = self.registry.status(model, version)
        if status is None:
            raise VersionNotFound(
                f"no version '{version}' of '{model}'", hint=f"see them with `gms list {model}`"
            )
        return ModelVersion(model, version, status, introduced_by(self, model, version))

    def manifest(self, version: ModelVersion, *, anew: bool = False) -> Manifest:
        """Return the manifest of a version, checked against its tag; `anew` reads it again."""
        from gitmodelstore.values.manifest import Manifest  # a list of models needs none

        entry, path = self.entry(version, MANIFEST), f"{folder(version.model)}/{MANIFEST}"
        pair: tuple[Manifest, str] | None = manifests.get(entry.oid)
        if pair is None or anew:
            data = bytes(self.repository.read(entry.oid, path))
            pair = Manifest.parse(data, path), sha256(data).hexdigest()
            if not anew:  # whoever looks at all versions drives out what others ask for
                manifests.put(entry.oid, pair)
        self._check_released(version, *pair)
        return pair[0]

    def readable(self, model: str, version: Version | None) -> Manifest | None:
        """Return a version's manifest; None if it is broken, which the next version may mend."""
        with suppress(StoreError):
            return self.manifest(self.version(model, version)) if version else None
        return None

    def _check_released(self, version: ModelVersion, manifest: Manifest, digest: str) -> None:
        path = f"{folder(version.model)}/{MANIFEST}"
        tag = self.tag(version.tag)
        tag_digest = named_manifest(tag.message) if tag else None
        if tag_digest and digest != tag_digest:
            what = f"is not the one that tag {version.tag} names"
        elif (manifest.model, manifest.version) != (version.model, version.version):
            if version.commit in self.repository.border:
                what = f"{version} is not in this clone, which is shallow"
                raise MissingObject(what, hint=f"fetch the rest: {UNSHALLOW}")
            what = f"is of {manifest.model} {manifest.version}"
        else:
            return
        raise IntegrityError(f"{path} of {version} {what}", path=path, hint=_DAMAGED)

    def read(self, version: ModelVersion, name: str) -> memoryview:
        """Return the bytes of a file of a version, as they stand in its commit."""
        return self.repository.read(
            self.entry(version, name).oid, f"{folder(version.model)}/{name}"
        )

    def entry(self, version: ModelVersion, name: str) -> Entry:
        """Return where a file of a version is kept."""
        path = f"{folder(version.model)}/{name}"
        entry = self.repository.entry(self.repository.commit(version.commit).tree, path)
        if entry is None:
            raise IntegrityError(f"{path} of {version} is missing", path=path, hint=_DAMAGED)
        return entry

    def files(self, version: ModelVersion) -> dict[str, Entry]:
        tree = self.repository.commit(version.commit).tree
        return self.repository.entries(tree, folder(version.model))


def large_pipeline(files: Mapping[str, Entry]) -> Entry | None:
    """Return the pointer of Git LFS among the files of a version; None where it is not large."""
    place = files.get(ATTRIBUTES)
    return files.get(PIPELINE) if place is not None and place.oid == _OF_LARGE else None


def lost_versions(snapshot: Snapshot, model: str | None = None) -> tuple[Unread, ...]:
    """Return the versions that tags name and registry.json lost, highest first; opens no commit."""
    repository, models = snapshot.repository, snapshot.registry.models
    there = {tag_name(name, version) for name, versions in models.items() for version in versions}
    named = filter(None, map(version_of, repository.tag_names() - there))
    lost = [(name, version) for name, version in named if model in (None, name)]
    if lost and repository.head(repository.branch) != snapshot.commit.oid:
        # A branch moves before its tags are set: somebody may have registered in between.
        registry = Snapshot.now(repository).registry
        lost = [(name, version) for name, version in lost if not registry.status(name, version)]
    branch = repository.branch_name
    fault = f"tag {{}} names it, but '{branch}' does not have it: run `gms doctor --fix`"
    lost.sort(key=lambda key: key[1], reverse=True)
    lost.sort(key=lambda key: key[0])
    return tuple(
        Unread(name, str(version), None, Sentence.of(fault.format(tag_name(name, version)), LOST))
        for name, version in lost
    )


def behind_tags(snapshot: Snapshot) -> str | None:
    """Return what to say where the branch lacks versions that tags name; None where it has all."""
    lost = lost_versions(snapshot)
    if not lost:
        return None
    names = ", ".join(f"{one.model} {one.version}" for one in lost[:_MOST_LOST])
    names += ", …" if len(lost) > _MOST_LOST else ""
    count = "a version" if len(lost) == 1 else f"{len(lost)} versions"
    return (
        f"'{snapshot.repository.branch_name}' lacks {count} that tags name: {names}; "
        "if you have only fetched, run `gms pull`; if it was reset, `gms doctor --fix`"
    )


def introduced_by(snapshot: Snapshot, model: str, version: Version) -> str:
    """Return the commit that introduced a version: its registry has it, its first parent's not."""
    # The tag says which; without one the history is searched. A tag that a squash left beside the
    # branch still vouches for the folder, which is the same there.
    repository = snapshot.repository
    name = tag_name(model, version)
    tag = snapshot.tag(name)
    if tag is not None:
        known, key = repository.introductions, (snapshot.commit.oid, tag.commit, model, version)
        if key not in known:
            introduces = snapshot.history.introduces(tag.commit, model, version) or _introduces(
                repository, tag.commit, model, version
            )
            repository.remember(known, key, introduces and snapshot.history.holds(tag.commit))
        if known[key]:
            return tag.commit
    introducer = _introducer(snapshot, model, version)
    if introducer is None:
        raise IntegrityError(f"no commit introduces {model} {version}", path=REGISTRY)
    if tag is not None and not _same_folder(repository, tag.commit, introducer, model):
        raise IntegrityError(
            f"tag {name} was moved: it points to {tag.commit[:12]}, but the version was "
            f"introduced by {introducer[:12]}",
            path=f"refs/tags/{name}",
            hint="fetch it from an intact clone: "
            f"`git fetch REMOTE +refs/tags/{name}:refs/tags/{name}`; "
            "`gms doctor` says what else can be done",
        )
    return introducer


def _introducer(snapshot: Snapshot, model: str, version: Version) -> str | None:
    """Return the first-parent commit that introduced a version; None without one."""
    # A registry that lost the version got it back by a commit with another folder: the one with its
    # manifest counts.
    repository = snapshot.repository
    line = (commit.oid for commit in repository.first_parents(snapshot.commit.oid))
    introducing = (oid for oid in line if _introduces(repository, oid, model, version))
    first = next(introducing, None)
    if first is None or _names_it(repository, first, model, version):
        return first
    return next((oid for oid in introducing if _names_it(repository, oid, model, version)), first)


def _names_it(repository: Repository, oid: str, model: str, version: Version) -> bool:
    """Whether the manifest in a commit names a version; read as text: it may be a broken one."""
    path = f"{folder(model)}/{MANIFEST}"
    entry = repository.entry(repository.commit(oid).tree, path)
    if entry is None:
        return False
    return f'"version": "{version}"'.encode() in bytes(repository.read(entry.oid, path))


def _same_folder(repository: Repository, one: str, other: str, model: str) -> bool:
    trees = (repository.commit(oid).tree for oid in (one, other))
    first, second = (repository.entry(tree, folder(model)) for tree in trees)
    return first is not None and first == second


def _introduces(repository: Repository, oid: str, model: str, version: Version) -> bool:
    key, known = ("", oid, model, version), repository.introductions
    if key not in known:
        commit = repository.commit(oid)
        parents = (repository.commit(parent) for parent in commit.parents[:1])
        new = _registers(repository, commit, model, version)
        repository.remember(
            known, key, new and not any(_registers(repository, p, model, version) for p in parents)
        )
    return known[key]


def _registers(repository: Repository, commit: Commit, model: str, version: Version) -> bool:
    """Whether a commit's registry, or the last valid one before it, holds a version."""
    following: Commit | None = commit
    while following is not None:
        entry = repository.entry(following.tree, REGISTRY)
        if entry is None:
            return False
        registry: Registry | None = registries.get(entry.oid)
        if registry is not None:
            return registry.status(model, version) is not None
        try:
            # The registry before one version is that of the version before.
            return names_version(repository.read_again(entry.oid, REGISTRY), model, version)
        except FormatError:
            parents = following.parents
        following = repository.commit(parents[0]) if parents else None
    return False


def _without_branch(repository: Repository) -> NotAStore:
    place, name = _place(repository), repository.branch_name
    if any(version_of(tag) for tag in repository.tag_names()):
        return NotAStore(
            f"'{place}' has no branch '{name}', but tags of versions",
            hint="run `gms doctor`; or name its branch: git config store.branch NAME",
        )
    if repository.work_tree is None and repository.is_empty:
        return NotAStore(
            f"'{place}' is empty: no store has been pushed to it yet",
            hint=f"in the store that belongs there, run: gms push {place}",
        )
    return NotAStore(f"'{place}' is not a model store: it has no branch '{name}'", hint=_NONE)


def _place(repository: Repository) -> str:
    return str(repository.work_tree or repository.common_dir).rstrip("/")


# Who writes into the store, when, and how carefully: what every writing operation is handed.


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, when, and how carefully."""

    author: Identity
    committer: Identity
    when: datetime  # the moment that the commit will bear
    notify: Notify
    durable: bool = True  # whether to return only when it is on disk
    wait_seconds: float = 30.0  # how long to wait for another writer
    sign_commit: Sign | None = None  # None signs nothing
    sign_tag: Sign | None = None
    clock: Callable[[], datetime] | None = None  # tells the time again; None where `when` must do


def advance(
    repository: Repository,
    writer: Writer,
    old: str | None,
    new: str,
    what: str,
    until: float | None = None,
) -> bool:
    """Move the store's branch to what a writer has written; False where it stands elsewhere."""
    from gitmodelstore.plumbing import refs  # which no reader needs

    who, when, durable = writer.committer, writer.when, writer.durable
    return refs.advance(
        repository, old, new, who=who, when=when, what=what, durable=durable, until=until
    )


def upon(writer: Writer, snapshot: Snapshot) -> tuple[Writer, datetime | None]:
    """Return a writer whose commit counts no earlier than its parent, and its clock if behind."""
    tip = earliest_after(snapshot.repository, snapshot.commit.oid)
    if tip is None or writer.when >= tip:
        return writer, None
    dated = replace(writer, when=tip.astimezone(writer.when.tzinfo))
    clock = writer.clock() if writer.clock and tip - writer.when > SKEW else writer.when
    return dated, clock if tip - clock > SKEW else None


def warn_of_clock(published: Snapshot, clock: datetime) -> None:
    """Warn that what was written counts later than the clock says."""
    repository, commit = published.repository, published.commit
    before = repository.commit(commit.parents[0])
    says, tip = (
        f"{moment.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"
        for moment in (clock, effective_date(repository, before.oid))
    )
    message = (
        f"the clock of this machine says {says}, but the commit before this one, "
        f"{before.oid[:12]} by {before.author}, counts as of {tip}: this one gets that date; "
        "correct the wrong clock"
    )
    warn_user(ClockWarning(message))


_SIGNING = ("commit.gpgsign", "tag.gpgsign", "tag.forcesignannotated")


def signing(writer: Writer, repository: Repository, wanted: bool | None) -> Writer:
    """Return a writer that signs, or with `wanted` None, as git is configured to."""
    if wanted is None and not repository.may_say(*_SIGNING):
        return writer
    commits = repository.flag("commit.gpgsign") if wanted is None else wanted
    tags = wanted
    if tags is None:
        tags = repository.flag("tag.gpgsign") or repository.flag("tag.forcesignannotated")
    if not (commits or tags):
        return writer
    from gitmodelstore.plumbing import signing as ssh

    settings = ssh.Settings.read(repository.common_dir)

    def sign(payload: bytes) -> bytes:
        return ssh.sign(payload, settings, writer.committer)

    return replace(writer, sign_commit=sign if commits else None, sign_tag=sign if tags else None)


# Other repositories that a store is shared through


def likely_remote(
    repository: Repository, settings: Settings | None = None, *, pushing: bool = False
) -> str | None:
    """Return the remote that git is told to use, or else origin, or the only one; None of several.

    `pushing`: it is for a push. What git is told may be no remote that there is.
    """
    from gitmodelstore.plumbing import remotes

    settings = remotes.settings_of(repository) if settings is None else settings
    urls, (own, _) = remotes.names(settings), remotes.upstream(repository, settings)
    own = remotes.push_default(repository, settings) if pushing else own
    if own not in (None, "."):  # git's name for this repository
        return own
    likely = ("origin", *(urls if len(urls) == 1 else ()))
    return next((name for name in likely if name in urls), None)


def named_remote(repository: Repository, name: str, settings: Settings | None = None) -> Remote:
    """Return one of the store's remotes; `settings` of git, where they were read already."""
    from gitmodelstore.lineage import without_credentials
    from gitmodelstore.plumbing import remotes

    settings = remotes.settings_of(repository) if settings is None else settings
    own, branch = remotes.upstream(repository, settings)
    there = branch if name == own else repository.branch_name
    url = without_credentials(remotes.names(settings)[name])
    remote = remotes.Remote(repository, name, url, there, settings)
    return replace(remote, push_url=", ".join(map(without_credentials, remote.push_urls)))


# Which store is meant: one answer for every command and every call.


FETCHED = "gitmodelstore-fetched"  # in a clone in the user's cache: when, and why not since
_DRIVER = "merge.gitmodelstore.driver"
_MOST_ASKED = 20
Opened = dict[Path, Repository]  # by the folder


def find(path: str | os.PathLike[str] | None = None) -> Repository:
    """Return the repository of the store that is meant; see `locate`."""
    opened: Opened = {}
    place = locate(path, opened)
    return opened.get(place) or Repository.open(place)


def locate(path: str | os.PathLike[str] | None = None, opened: Opened | None = None) -> Path:
    """Return the store's folder, perhaps damaged; `path`: it or one in it, None for the cwd.

    `opened` gets the repositories that were opened to tell.
    """
    opened = {} if opened is None else opened
    path = files.scratch_store() or path
    if path is not None:
        return _named(path, opened)
    variable = files.named_store()
    if variable is None:
        return _from(_absolute("."), opened)
    try:
        return _named(variable, opened)
    except NotAStore as error:
        hint = "$GITMODELSTORE names it: unset it, or name a store with -C"
        raise NotAStore(str(error), hint=hint) from None


def is_store(repository: Repository) -> bool:
    """Whether the store's branch of a repository holds a registry.json."""
    tip = repository.head(repository.branch)
    return tip is not None and bool(repository.entry(repository.commit(tip).tree, REGISTRY))


def is_cached(repository: Repository) -> bool:
    """Whether a repository is the clone, in the user's cache, of a store named by its address."""
    return (repository.common_dir / FETCHED).exists()


def refuse_cached(repository: Repository, what: str) -> None:
    """Refuse what would change no more than the clone in the user's cache."""
    if is_cached(repository):
        raise InvalidInput(
            f"{what} needs a clone of your own, and a URL names this store",
            hint="clone it with `gms clone URL`, and name that folder",
        )


def refuse_mirror(repository: Repository) -> None:
    """Refuse to write where the next fetch takes it away."""
    if repository.is_mirror:
        raise InvalidInput(
            "this is a mirror, and the next fetch would remove what is written here",
            hint="clone what it mirrors with `gms clone URL`; `gms fetch` brings it up to date",
        )


def was_store(repository: Repository) -> bool:
    """Whether a repository was once a store: we wrote there, or a driver or tag is ours."""
    # A tag's name says nothing: repositories of code have such tags too (GTO).
    if os.path.lexists(repository.common_dir / OWN_FOLDER) or repository.setting(_DRIVER):
        return True
    names = [name for name in repository.tag_names() if version_of(name)]
    tags = (repository.tag(name) for name in sorted(names)[:_MOST_ASKED])
    return any(tag is not None and named_manifest(tag.message) for tag in tags)


def _absolute(folder: str | os.PathLike[str]) -> Path:
    try:
        return Path(folder).resolve()
    except FileNotFoundError:
        raise NotAStore(
            "the working directory no longer exists", hint="go to another with `cd`"
        ) from None


def _named(path: str | os.PathLike[str], opened: Opened) -> Path:
    """Return the store that a folder is or is in, or the one found from there."""
    folder = _absolute(path)
    if not folder.is_dir():
        is_file = folder.exists()
        what = f"'{folder}' is not a folder" if is_file else f"folder '{folder}' does not exist"
        hint = f"check the path; {_make(folder)}"
        if is_file:
            hint = "name the folder of the store; clone a bundle first"
        raise NotAStore(what, hint=hint)
    top = checkout.top_of(folder)
    return top if top is not None and _is_known(top) else _from(folder, opened)


def _from(folder: Path, opened: Opened) -> Path:
    setting = files.store_of_project(folder)
    if setting is not None:
        return _of_project(*setting)
    top = checkout.top_of(folder)
    if top is None:
        hint = "create a store with `gms init`, or name one with -C or $GITMODELSTORE"
        below = files.store_inside(folder)
        if below is not None and _is_sound(below):
            hint = f"'{below.name}' is one: go there with `cd`, or name it with -C {below.name}"
            hint += f", in Python with store='{below.name}'"
        raise NotAStore(f"no git repository at '{folder}'", hint=hint)
    if _is_sound(top, opened):
        return top
    inside = files.store_inside(top)
    if inside is not None and _may_be_store(inside):
        return inside
    if not _may_be_store(top):
        Snapshot.now(Repository.open(top))  # which says what it lacks
    return top


def _of_project(store: Path, file: Path) -> Path:
    store = store.parent if store.name == ".git" else store
    if checkout.top_of(store) == store and _may_be_store(store):
        return store
    what = "is not a model store" if store.is_dir() else "does not exist"
    raise NotAStore(
        f"'{store}' {what}, but '{file}' names it",
        hint=f"clone the store: `gms clone URL {files.quoted(store)}`; {_make(store)}",
    )


def _make(folder: Path) -> str:
    return f"`gms init {files.quoted(folder)}` makes a new one there"


def _is_sound(top: Path, opened: Opened | None = None) -> bool:
    try:
        repository = Repository.open(top)
        if opened is not None:
            opened[top] = repository
        return is_store(repository)
    except StoreError:
        return False


def _is_known(top: Path) -> bool:
    """Whether a repository is a store, or has something that we wrote, however damaged."""
    folder = checkout.locate(top)
    return (folder is not None and os.path.lexists(folder / OWN_FOLDER)) or _is_sound(top)


def _may_be_store(top: Path) -> bool:
    """Whether a repository is, was, or may be a store; an empty bare one may be pushed to."""
    if _is_known(top):
        return True
    try:
        repository = Repository.open(top)
        is_empty = repository.work_tree is None and repository.is_empty
        return is_empty or is_store(repository) or was_store(repository)
    except StoreError:
        return True
