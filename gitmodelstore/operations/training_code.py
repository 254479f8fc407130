"""The code that trained a version, found again: its repository, commit and uncommitted changes."""

from __future__ import annotations

from pathlib import Path

from gitmodelstore.errors import CannotReproduce
from gitmodelstore.operations.load import read_verified
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.plumbing import checkout, linked
from gitmodelstore.values.layout import CODE_DIFF
from gitmodelstore.values.manifest import Code, Manifest
from gitmodelstore.values.model_version import ModelVersion

_SHOWN = 12  # digits of a commit's id


def recorded_code(version: ModelVersion, manifest: Manifest) -> tuple[Code, str]:
    """Return what is recorded of the code that trained a version, and the commit.

    Raises:
        CannotReproduce: none is recorded.
    """
    if manifest.code is None:
        raise CannotReproduce(
            f"{version} records no training repository",
            hint="train in a git repository, and register from there",
        )
    if manifest.code.commit is None:
        raise CannotReproduce(
            f"{version} was trained before the first commit of its repository",
            hint="commit the training code, and register again",
        )
    return manifest.code, manifest.code.commit


def kept_changes(snapshot: Snapshot, version: ModelVersion, code: Code) -> bytes | None:
    """Return the uncommitted changes that a version keeps; None where it keeps none.

    Raises:
        CannotReproduce: they are not those that its manifest names.
        IntegrityError, MissingObject: they are not the released ones.
    """
    entry = snapshot.manifest(version).artifact(CODE_DIFF)
    if entry is None:
        return None
    if code.diff is None or code.diff.hex != entry.sha256:
        raise CannotReproduce(
            f"{CODE_DIFF} of {version} is not the difference that its manifest names",
            hint=f"read it with `gms cat {version.ref}:{CODE_DIFF}`",
        )
    return bytes(read_verified(snapshot, version, CODE_DIFF))


def training_repository(
    version: ModelVersion, code: Code, commit: str, named: Path | None, here: Path, store: Path
) -> Path:
    """Return the repository that holds the commit of a version: its top, or the bare one.

    Args:
        version, code, commit: which version, and what it records.
        named: a folder of the repository; None for the one around `here`.
        here: the working directory.
        store: git directory of the store, which is never the one.

    Raises:
        CannotReproduce: there is none, or it lacks the commit.
        GitFailed: git refuses it.
    """
    repository = _named(named) if named else _around(here, store)
    if repository is None:
        raise CannotReproduce(
            f"the code of {version} is not at hand: no repository is around '{here}'",
            hint=f"{_where(code)}, and name it with --code PATH",
        )
    if not linked.has_commit(repository, commit):
        hint = f"run `git -C {repository} fetch`, or name with --code PATH the one that has it"
        if code.url:
            hint = f"run `git -C {repository} fetch {code.url}`, or {_where(code)} and name it"
            hint += " with --code PATH"
        if linked.is_shallow(repository):
            hint = f"it is a shallow clone: run `git -C {repository} fetch --unshallow`"
        raise CannotReproduce(
            f"the repository '{repository}' lacks the commit {commit[:_SHOWN]} "
            f"that trained {version}",
            hint=hint,
        )
    return repository


def _named(folder: Path) -> Path | None:
    if not folder.is_dir():
        raise CannotReproduce(f"there is no folder '{folder}'", hint="leave --code out, or mend it")
    found = checkout.find(folder)
    return found.top if found else folder.resolve()


def _around(here: Path, store: Path) -> Path | None:
    """Return the top of the repository around a folder, that of the store passed over."""
    found = checkout.find(here)
    if found is not None and found.common_dir.resolve() == store.resolve():
        found = checkout.find(found.top.parent)
    return found.top if found else None


def _where(code: Code) -> str:
    return f"clone {code.url}" if code.url else "find the repository that trained it"
