"""A repository that uses models: its lock file, and its clone of the store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from gitmodelstore.checks.fault import Fault, format_faults
from gitmodelstore.errors import (
    CannotWrite,
    CorruptStore,
    FormatError,
    GitFailed,
    LockError,
    NotAStore,
    reason_of,
)
from gitmodelstore.lean import TYPE_CHECKING, dataclass, pattern
from gitmodelstore.plumbing import files, git
from gitmodelstore.plumbing.cat_file import CatFile
from gitmodelstore.plumbing.files import of_somebody_else
from gitmodelstore.values import fields
from gitmodelstore.values import json as json_rules
from gitmodelstore.values.fields import (
    SHA256,
    Constant,
    Document,
    Integer,
    MapOf,
    Nullable,
    Record,
    Text,
    declared,
    record,
)
from gitmodelstore.values.manifest import VERSION, Feature, Manifest
from gitmodelstore.values.names import (
    LOCK_FILE,
    MANIFEST,
    MODEL_PATTERN,
    PIPELINE,
    REGISTRY,
    WITHDRAWN,
    Version,
    folder,
    tag_name,
)
from gitmodelstore.values.objects import named_manifest
from gitmodelstore.values.registry import Registry

if TYPE_CHECKING:
    from typing import Any

# The lock file, modelstore.lock.json.

SCHEMA = "1.0"
MOST_BYTES = 1024 * 1024
FINGERPRINT = "gms-features-1"
_HINT = "write it again with `gms lock REF`"
_LOGIN = pattern(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)@")
_LOGIN_SCHEMES = ("ssh", "git+ssh", "ssh+git")  # there the user is part of the address


@record
class LockedPipeline:
    """The bytes that are loaded."""

    sha256: str = declared(SHA256)  # of pipeline.joblib, 64 hexadecimal digits
    size_bytes: int = declared(Integer())


@record
class LockedModel:
    """The one version of a model that is meant."""

    version: Version = declared(VERSION)
    tag: str = declared(Text())
    commit: str = declared(Text(r"[0-9a-f]{40}", "a commit id"))
    manifest_sha256: str = declared(SHA256)  # of manifest.json, which names every other file
    pipeline: LockedPipeline = declared(Record(LockedPipeline))
    # `fingerprint` of its inputs; None if the manifest does not know them
    features: str | None = declared(
        Nullable(Text(rf"{FINGERPRINT}:[0-9a-f]{{64}}", f"{FINGERPRINT}:hex"))
    )

    def pins(self, manifest: bytes, path: str) -> bool:
        """Whether a manifest.json, and the pipeline that it lists, are the locked ones."""
        if hashlib.sha256(manifest).hexdigest() != self.manifest_sha256:
            return False
        entry = Manifest.parse(manifest, path).artifact(PIPELINE)
        return entry is not None and entry.lists(self.pipeline)


@record
class Lock:
    """The content of modelstore.lock.json."""

    schema: str = declared(Constant(SCHEMA), default=SCHEMA, kw_only=True)
    # url of the store, without credentials; or its path, relative to the file
    store: str = declared(Text(r".*\S.*", "a url or a path"))
    models: Mapping[str, LockedModel] = declared(
        MapOf(Record(LockedModel), MODEL_PATTERN, "a model name")
    )

    def __post_init__(self) -> None:
        faults = _DOCUMENT.faults(fields.write(self))
        if faults:
            raise FormatError(path=LOCK_FILE, found=faults)

    @classmethod
    def parse(cls, data: bytes, path: str = LOCK_FILE) -> Lock:
        """Return what the bytes of a lock file say."""
        return fields.read(cls, _DOCUMENT.read(data, path))

    def render(self) -> bytes:
        """Return the bytes of the file."""
        return json_rules.dump(fields.write(self))


def fingerprint(features: Iterable[Feature] | None) -> str | None:
    """Return what tells the inputs of one version from another's; None for unknown ones.

    The SHA-256 of the JSON text `[["income","float64"],…]`: UTF-8, no spaces, no needless escapes.

    >>> fingerprint([Feature("age", "int64")])[:31]
    'gms-features-1:02ae2f33e8ab2068'
    """
    if features is None:
        return None
    pairs = [[feature.name, feature.dtype] for feature in features]
    text = json.dumps(pairs, ensure_ascii=False, separators=(",", ":"))
    return f"{FINGERPRINT}:{hashlib.sha256(text.encode('utf-8')).hexdigest()}"


def _relations(value: Mapping[str, Any]) -> Iterator[fields.Fault]:
    """Rules between fields, which a table of single fields cannot say."""
    login = _LOGIN.match(value["store"])
    if login and (":" in login[2] or login[1].lower() not in _LOGIN_SCHEMES):
        yield "store", "holds credentials"
    for model, locked in value["models"].items():
        tag = tag_name(model, locked["version"])
        if locked["tag"] != tag:
            where = json_rules.join(json_rules.join("models", model), "tag")
            yield where, f"expected {tag!r}, found {json_rules.cut(repr(locked['tag']))}"


_DOCUMENT = Document(Lock, SCHEMA, MOST_BYTES, _relations, _HINT)


@dataclass(frozen=True, slots=True)
class PinnedState:
    """What a clone of the store says of one locked version."""

    status: str | None
    introduced: bool  # whether the locked commit is there and introduced it
    manifest: bytes | None  # bytes of manifest.json in the locked commit; None without it
    tag_manifest: str | None  # the SHA-256 that the tag's message names; None without tag or digest
    # whether the folder at the tag is that of the locked commit; None without a tag
    tag_agrees: bool | None


def read_lock(data: bytes, path: str = LOCK_FILE) -> tuple[Lock | None, tuple[Fault, ...]]:
    """Return the lock that the bytes of a lock file spell, or None and what is wrong with it."""
    try:
        return Lock.parse(data, path), ()
    except FormatError as error:
        return None, tuple(format_faults(error, "GMS080", path))


def lock_faults(
    lock: Lock, states: Mapping[str, PinnedState], path: str = LOCK_FILE
) -> Iterator[Fault]:
    """Yield every difference between a lock and the store."""
    for model, locked in lock.models.items():
        for code, key, what in _differences(model, locked, states[model]):
            again = f"lock a version that exists: `gms lock {model}@VERSION`"
            where = f"models.{model}.{key}" if key else f"models.{model}"
            yield Fault(code, path, what, where, again)


def _differences(
    model: str, locked: LockedModel, state: PinnedState
) -> Iterator[tuple[str, str, str]]:
    """Yield what differs as code, key of the lock, and what."""
    name = f"{model} {locked.version}"
    if state.status is None:
        yield "GMS081", "version", f"{name} is not registered in the store"
        return
    if state.status == WITHDRAWN:
        yield "GMS082", "version", f"{name} was withdrawn"
    if not state.introduced:
        yield "GMS081", "commit", f"commit {locked.commit[:12]} did not introduce {name}"
    if state.tag_agrees is False:
        yield "GMS081", "tag", f"tag {locked.tag} points to another {name}"
    if state.tag_manifest not in (None, locked.manifest_sha256):
        what = f"tag {locked.tag} names manifest {_short(state.tag_manifest)}"
        yield "GMS081", "manifest_sha256", f"{what}, the lock {_short(locked.manifest_sha256)}"
    if state.manifest is not None:
        yield from _manifest_differences(model, locked, state.manifest)


def _manifest_differences(
    model: str, locked: LockedModel, data: bytes
) -> Iterator[tuple[str, str, str]]:
    digest = hashlib.sha256(data).hexdigest()
    if digest != locked.manifest_sha256:
        what = f"the manifest's sha256 is {_short(digest)}, not {_short(locked.manifest_sha256)}"
        yield "GMS081", "manifest_sha256", what
    try:
        manifest = Manifest.parse(data, f"{folder(model)}/{MANIFEST}")
    except FormatError as error:
        yield "GMS081", "manifest_sha256", f"the store's manifest cannot be read: {error}"
        return
    entry, pinned = manifest.artifact(PIPELINE), locked.pipeline
    if entry is None or not entry.lists(pinned):
        text = f"{entry.size_bytes} bytes of sha256 {_short(entry.sha256)}" if entry else "missing"
        what = f"{PIPELINE} is {text} in the store, the lock says {pinned.size_bytes} of "
        yield "GMS081", "pipeline", what + _short(pinned.sha256)
    if fingerprint(manifest.features) != locked.features:
        yield "GMS083", "features", f"its inputs differ from the locked ones: {_inputs(manifest)}"


def _inputs(manifest: Manifest) -> str:
    features = manifest.features
    if features is None:
        return "the store does not know them"
    names = (f"{one.name or '(no name)'} {one.dtype or ''}".strip() for one in features[:5])
    shown = ", ".join(names)
    return f"{shown}, … ({len(features)})" if len(features) > 5 else shown or "none"


def _short(sha256: str | None) -> str:
    return (sha256 or "")[:12]


# The file on disk, and the clone of the store that it names.

SYNCED = ".models"  # beside the lock file: the folder of what is locked, as plain files


def find(folder: Path) -> Path | None:
    """Return the lock file of a folder, or above it in the same repository; None without one."""
    for above in (folder.absolute(), *folder.absolute().parents):
        if (above / LOCK_FILE).is_file():
            return above / LOCK_FILE
        if (above / ".git").exists():
            return None
    return None


def read(path: Path) -> Lock:
    """Return what a lock file says; LockError if it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise LockError(
            f"'{path}' cannot be read: {reason_of(error)}", hint="write one with `gms lock REF`"
        ) from None
    return Lock.parse(data, str(path))


def write(path: Path, lock: Lock) -> bool:
    """Write a lock file in one step; return False if it says the same already."""
    data = lock.render()
    try:
        if path.is_file() and path.read_bytes() == data:
            return False
        files.put(path, (data,))
    except OSError as error:
        raise CannotWrite(
            f"cannot write '{path}': {reason_of(error)}",
            hint="check the free space and the permissions of that folder",
        ) from None
    return True


def folder_of(parent: Path, model: str, locked: LockedModel) -> Path:
    """Return where in a folder of locked versions one of them lies."""
    return parent / f"{model}-{locked.version}"


# What a clone of the store says of locked versions, as it was last fetched.

_URL = pattern(r"[A-Za-z][A-Za-z0-9+.-]*://|[^/]+@[^/]+:")
_GIT_LOST = "the folder must be a clone of the store: `git clone URL FOLDER`"

Object = tuple[str, bytes]  # kind of object, and its content


def locate(place: Path, lock: Lock | None) -> Path:
    """Return the clone of the store that a lock file in `place` speaks of."""
    # As by `operations.snapshot.find`, except that the repository around is not the store.
    variable, setting = files.named_store(), files.store_of_project(place)
    if files.is_elsewhere(variable):
        raise NotAStore(
            "$GITMODELSTORE names a URL, but locked versions are looked up in a clone",
            hint="clone the store, and name that folder",
        )
    if variable is not None:
        folder = Path(variable).resolve()
        return files.store_inside(folder) or folder
    if setting is not None:
        return setting[0]
    inside = files.store_inside(place)
    if inside is not None:
        return inside
    if lock is not None and not _URL.match(lock.store):
        return files.beside(place, lock.store)
    of = f" of {lock.store}" if lock is not None else ""
    raise NotAStore(
        f"no clone{of} is known here",
        hint="clone the store, and name the folder in pyproject.toml: "
        '[tool.gitmodelstore] store = "FOLDER"',
    )


class Clone:
    """A repository that holds the store, as it was last fetched."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_dir():
            raise NotAStore(f"folder '{path}' does not exist", hint=_GIT_LOST)
        no_repository = NotAStore(f"'{path}' is not a git repository", hint=_GIT_LOST)
        try:
            # A folder within another repository is not a clone: git would answer for that one.
            inside = self._ask("rev-parse", "--show-prefix", "--is-bare-repository").split("\n")
            branch = self._ask("config", "--default", "main", "--get", "store.branch").strip()
        except GitFailed as error:
            if not error.stderr:
                raise
            if "dubious ownership" in error.stderr:
                raise of_somebody_else(path) from None
            raise no_repository from None
        if inside[0] and inside[1] == "false":
            raise no_repository
        self.branch = branch  # without refs/heads/

    def remote(self) -> tuple[str, str]:
        """Return the name and the URL of the remote to fetch from."""
        remotes = self._ask("remote").split()
        if not remotes:
            raise NotAStore(
                f"'{self.path}' has no remote to fetch from",
                hint="add one with `git remote add origin URL`, or leave out --fetch",
            )
        name = "origin" if "origin" in remotes else remotes[0]
        return name, self._ask("remote", "get-url", "--", name).strip()

    def fetch(self, remote: str) -> None:
        """Fetch the store's branch and its tags from a remote; no branch moves."""
        there = f"+refs/heads/{self.branch}:refs/remotes/{remote}/{self.branch}"
        tags = "refs/tags/*:refs/tags/*"
        program = "--upload-pack=git-upload-pack"  # whatever the clone's settings say
        self._ask("fetch", "--quiet", "--no-tags", program, "--", remote, there, tags)

    def held(self, lock: Lock) -> dict[str, PinnedState]:
        """Return what the clone says of each locked model."""
        tips = self._tips()
        with CatFile(self.path, inherit=False, fetch=False) as objects:
            registries = [_registry(objects.named(f"{tip}:{REGISTRY}"), self.path) for tip in tips]
            return {
                model: _held(model, locked, registries, objects)
                for model, locked in lock.models.items()
            }

    def _tips(self) -> list[str]:
        """Return the newest commits of the branch, here and as fetched: more than one if apart."""
        refs = f"refs/heads/{self.branch}", f"refs/remotes/*/{self.branch}"
        tips = sorted(set(self._ask("for-each-ref", "--format=%(objectname)", *refs).split()))
        if not tips:
            raise NotAStore(
                f"'{self.path}' is not a model store: it has no branch '{self.branch}'",
                hint="name its branch: git config store.branch NAME",
            )
        if len(tips) == 1:
            return tips
        return self._ask("merge-base", "--independent", *tips).split()

    def _ask(self, *args: str) -> str:
        return git.run(*git.TRUSTING, *args, cwd=self.path).decode(errors="surrogateescape")


def _held(
    model: str, locked: LockedModel, registries: Iterable[Registry], objects: CatFile
) -> PinnedState:
    commit, tag_name = locked.commit, f"refs/tags/{locked.tag}"
    now, before, here, manifest, tag, there = (
        objects.named(name)
        for name in (
            f"{commit}:{REGISTRY}",
            f"{commit}^:{REGISTRY}",
            f"{commit}:{folder(model)}",
            f"{commit}:{folder(model)}/{MANIFEST}",
            tag_name,
            f"{tag_name}^{{commit}}:{folder(model)}",
        )
    )
    statuses = {registry.status(model, locked.version) for registry in registries} - {None}
    message = tag[1].decode(errors="replace") if tag and tag[0] == "tag" else ""
    return PinnedState(
        status=WITHDRAWN if WITHDRAWN in statuses else next(iter(statuses), None),
        introduced=_registers(now, model, locked) and not _registers(before, model, locked),
        manifest=manifest[1] if manifest else None,
        tag_manifest=named_manifest(message),
        tag_agrees=None if tag is None else there is not None and there == here,
    )


def _registers(registry: Object | None, model: str, locked: LockedModel) -> bool:
    if registry is None:
        return False
    try:
        return Registry.parse_history(registry[1]).status(model, locked.version) is not None
    except FormatError:
        return False


def _registry(registry: Object | None, path: Path) -> Registry:
    if registry is None:
        raise NotAStore(
            f"'{path}' is not a model store: no {REGISTRY} on its branch",
            hint="name the url of a store; or its branch there: git config store.branch NAME",
        )
    try:
        return Registry.parse(registry[1])
    except FormatError as error:
        raise CorruptStore(str(error), hint=f"fix it in '{path}'") from None
