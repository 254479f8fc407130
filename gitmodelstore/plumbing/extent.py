"""How much of a store a clone was asked to hold: what it lacks by request is no damage.

Shallow and partial clones, clones without tags, and mirrors, as git's own configuration and
files say it (git-clone, gitrepository-layout). Nothing is fetched here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from gitmodelstore.errors import GitFailed
from gitmodelstore.plumbing.cat_file import CatFile

_NO_REMOTE = "REMOTE"
_CI = "on a hosted runner, let the checkout fetch all of it: `fetch-depth: 0`"


@dataclass(frozen=True, slots=True)
class Extent:
    """What a clone does not hold, because it was not asked to.

    Attributes:
        remote: from where it can be had; REMOTE where there is none.
        is_shallow: whether its history is cut off.
        is_partial: whether objects of its history are only at the remote.
        has_no_tags: whether the remote's tags are left out.
        is_mirror: whether it takes each ref as the remote has it, so that nobody works here.
    """

    remote: str
    is_shallow: bool
    is_partial: bool
    has_no_tags: bool
    is_mirror: bool

    @property
    def has_remote(self) -> bool:
        """Whether there is somewhere to fetch from."""
        return self.remote != _NO_REMOTE

    @property
    def lacks_history(self) -> str | None:
        """Why its history cannot be judged; None where it can."""
        if self.is_shallow:
            return "this is a shallow clone, without the commits before its border"
        if self.is_partial:
            return "this is a partial clone, and objects of its history are only at the remote"
        return None

    @property
    def lacks(self) -> str | None:
        """What cannot be judged, history or tags, and why; None where all can."""
        if self.lacks_history is None and self.has_no_tags:
            return "this clone is set to fetch no tags"
        return self.lacks_history

    @property
    def is_copy(self) -> bool:
        """Whether it serves to read, or as a backup, more than to work in."""
        return self.is_mirror or self.is_shallow or self.is_partial

    @property
    def fetch(self) -> str:
        """What to type to get the rest, with what a pipeline on a host has to say."""
        if self.is_shallow:
            return f"`git fetch --unshallow --tags {self.remote}`; {_CI}"
        if self.has_no_tags and not self.is_partial:
            return f"`git fetch --tags {self.remote}`"
        return f"`git fetch --refetch --no-filter {self.remote}`"


WHOLE = Extent(_NO_REMOTE, is_shallow=False, is_partial=False, has_no_tags=False, is_mirror=False)


def extent(objects: CatFile) -> Extent:
    """Return what a clone was asked to hold."""
    settings = objects.settings
    remotes = [
        name.removeprefix("remote.").removesuffix(".url")
        for name in settings
        if name.startswith("remote.") and name.endswith(".url")
    ]
    remotes.sort(key=lambda name: name != "origin")

    def says(key: str, value: str) -> bool:
        return any(settings.get(f"remote.{remote}.{key}") == value for remote in remotes)

    is_partial = "extensions.partialclone" in settings or says("promisor", "true")
    return Extent(
        remotes[0] if remotes else _NO_REMOTE,
        is_shallow=_is_shallow(objects),
        is_partial=is_partial and _lacks_objects(objects),
        has_no_tags=says("tagopt", "--no-tags"),
        is_mirror=says("mirror", "true"),
    )


def _is_shallow(objects: CatFile) -> bool:
    try:
        return os.stat(os.path.join(objects.common_dir, "shallow")).st_size > 0
    except OSError:
        return False


def _lacks_objects(objects: CatFile) -> bool:
    """Whether objects of the history are not here; git does not fetch them for that."""
    try:
        listed = objects.run("rev-list", "--objects", "--all", "--missing=print")
    except GitFailed:
        return True
    return any(line.startswith("?") for line in listed.splitlines())


def border(objects: CatFile) -> frozenset[str]:
    """Return the commits of a shallow clone whose parents are not here."""
    try:
        with open(os.path.join(objects.common_dir, "shallow"), encoding="ascii") as file:
            return frozenset(file.read().split())
    except (OSError, UnicodeDecodeError):
        return frozenset()
