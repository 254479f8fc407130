"""Which number a new version gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gitmodelstore.errors import InvalidVersion, StoreError, VersionExists
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.values.manifest import Manifest
from gitmodelstore.values.version import Bump, Version

FIRST = Version(1, 0, 0)
BUMPS = ("auto", "major", "minor", "patch")

BumpRule = Literal["auto", "major", "minor", "patch"]


@dataclass(frozen=True, slots=True)
class Wish:
    """The number that the caller wants.

    Attributes:
        version: exactly this one; None for a bump.
        bump: which part of the highest number to raise; "auto" looks at what changed.
        allow_backport: whether `version` may lie below the highest.
    """

    version: Version | None
    bump: BumpRule
    allow_backport: bool

    @classmethod
    def of(cls, version: str | Version | None, bump: str, allow_backport: bool) -> Wish:
        """Return the wish that a caller's arguments say.

        Raises:
            InvalidVersion: `version` is not SemVer, or `bump` is none of BUMPS.
        """
        if bump not in BUMPS:
            raise InvalidVersion(f"'{bump}' is no bump", hint=f"one of {', '.join(BUMPS)}")
        if version is None or isinstance(version, Version):
            return cls(version, bump, allow_backport)  # type: ignore[arg-type]
        return cls(Version.parse(version), bump, allow_backport)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Numbered:
    """The number that a version gets.

    Attributes:
        version: the number.
        parent: the highest version below it; None for the first.
        why: what decided it, for the reader; empty where the caller did.
    """

    version: Version
    parent: Version | None
    why: str


def check_free(snapshot: Snapshot, model: str, wish: Wish) -> None:
    """Refuse a number that was used before, or goes back.

    Raises:
        VersionExists: it was, or does; the hint names a number that is free.
    """
    if wish.version is None:
        return
    taken = snapshot.registry.status(model, wish.version)
    highest = snapshot.registry.highest(model)
    if taken is not None and highest is not None:
        raise VersionExists(
            f"version '{wish.version}' of '{model}' already exists",
            hint=f"leave the version out for the next number, or take {highest.bump('patch')}",
        )
    if highest is not None and wish.version < highest and not wish.allow_backport:
        raise VersionExists(
            f"version '{wish.version}' of '{model}' lies below the highest, {highest}",
            hint=f"take {highest.bump('patch')}, or say that it is a backport: "
            "allow_backport=True (--allow-backport)",
        )


def choose(
    snapshot: Snapshot,
    model: str,
    wish: Wish,
    suggest: Callable[[Manifest], tuple[Bump, str]],
) -> Numbered:
    """Return the number for a new version of `model`.

    Args:
        snapshot: the store as it stands.
        model: its name.
        wish: what the caller wants.
        suggest: returns the bump that the changes since the highest version call
            for, and why; asked only for "auto".

    Raises:
        VersionExists: as in `check_free`.
    """
    check_free(snapshot, model, wish)
    below = snapshot.registry.versions(model)
    if wish.version is not None:
        parent = next((version for version in below if version < wish.version), None)
        return Numbered(wish.version, parent, "")
    if not below:
        return Numbered(FIRST, None, "the first version")
    highest = below[0]
    if wish.bump != "auto":
        return Numbered(highest.bump(wish.bump), highest, "")
    before = parent_manifest(snapshot, model, highest)
    if before is None:
        return Numbered(highest.bump("patch"), highest, f"patch: {highest} cannot be read")
    bump, why = suggest(before)
    return Numbered(highest.bump(bump), highest, f"{bump}: {why}")


def parent_manifest(snapshot: Snapshot, model: str, version: Version | None) -> Manifest | None:
    """Return the manifest of the version below a new one; None without one that can be read.

    A broken version must not stop the next one, which is what mends it.
    """
    if version is None:
        return None
    try:
        return snapshot.manifest(snapshot.version(model, version))
    except StoreError:
        return None
