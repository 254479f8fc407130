"""A repository that uses models: its lock file, and its clone of the store."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from gitmodelstore.checks.pins import FILE, MOST_BYTES, Lock, LockedModel, PinnedState
from gitmodelstore.errors import (
    CannotWrite,
    CorruptStore,
    FormatError,
    GitFailed,
    LockError,
    NotAStore,
    reason_of,
)
from gitmodelstore.plumbing import files, git
from gitmodelstore.plumbing.cat_file import CatFile
from gitmodelstore.plumbing.files import of_somebody_else
from gitmodelstore.values.names import MANIFEST, REGISTRY, WITHDRAWN, folder
from gitmodelstore.values.objects import named_manifest
from gitmodelstore.values.registry import Registry

SYNCED = ".models"  # beside the lock file: the folder of what is locked, as plain files


def find(folder: Path) -> Path | None:
    """Return the lock file of a folder, or above it in the same repository; None without one."""
    for above in (folder.absolute(), *folder.absolute().parents):
        if (above / FILE).is_file():
            return above / FILE
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
    """Write a lock file in one step; return False where it says the same already."""
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

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[^/]+@[^/]+:")
_GIT_LOST = "the folder must be a clone of the store: `git clone URL FOLDER`"

Object = tuple[str, bytes]  # kind of object, and its content


def locate(place: Path, lock: Lock | None) -> Path:
    """Return the clone of the store that a lock file in `place` speaks of."""
    # As by `operations.snapshot.find`, except that the repository around is not the store.
    variable, setting = files.named_store(), files.store_of_project(place)
    if files.is_elsewhere(variable):
        raise NotAStore(
            "$GITMODELSTORE names a URL, and what is locked is looked up in a clone",
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
            # A folder within another repository is no clone: git would answer for that one.
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

    def fetch(self) -> None:
        """Fetch the store's branch and its tags from the remote; no branch moves."""
        remotes = self._ask("remote").split()
        if not remotes:
            raise NotAStore(
                f"'{self.path}' has no remote to fetch from",
                hint="add one with `git remote add origin URL`, or leave out --fetch",
            )
        remote = "origin" if "origin" in remotes else remotes[0]
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
