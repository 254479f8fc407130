"""What happened between two commits of a training repository, as its own git tells it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gitmodelstore.errors import GitFailed
from gitmodelstore.lineage import visible
from gitmodelstore.plumbing import checkout, git
from gitmodelstore.values.diff_parts import SourceChange

MOST_COMMITS = 1000  # of one side; more are years of work, and nobody reads them

_OFFLINE = ("-c", "protocol.allow=never", "--no-optional-locks")  # a partial clone would fetch
_NUMSTAT = ("--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color")


@dataclass(frozen=True, slots=True)
class Between:
    """What lies between two commits.

    Attributes:
        commits: those that only the second has, newest first, as id and subject.
        left_out: those that only the first has, in the same way.
        files: what differs between the two.
    """

    commits: tuple[tuple[str, str], ...]
    left_out: tuple[tuple[str, str], ...]
    files: tuple[SourceChange, ...]


def holds(folder: Path, *commits: str) -> bool:
    """Return whether the repository around `folder` has each of the commits.

    Args:
        folder: a folder, of which the parents are searched; one without any has none.
        commits: full ids.
    """
    found = checkout.find(folder)
    if found is None:
        return False
    try:
        for commit in commits:
            git.run(*_OFFLINE, "cat-file", "-e", f"{commit}^{{commit}}", cwd=found.top)
    except GitFailed:
        return False
    return True


def between(folder: Path, first: str, second: str) -> Between:
    """Return what lies between two commits of the repository around `folder`.

    Args:
        folder: as in `holds`.
        first, second: full ids of commits that it holds.

    Raises:
        GitFailed: git cannot tell, as in a clone that lacks part of the history.
    """
    found = checkout.find(folder)
    if found is None:
        raise GitFailed(
            f"there is no repository around '{folder}'",
            hint="name the training repository: --code DIR",
        )
    return Between(
        _commits(found.top, first, second),
        _commits(found.top, second, first),
        tuple(_files(found.top, first, second)),
    )


def _commits(top: Path, without: str, of: str) -> tuple[tuple[str, str], ...]:
    log = ("log", f"--max-count={MOST_COMMITS}", "--format=%H %s", "-z", "--no-show-signature")
    said = git.run(*_OFFLINE, *log, f"{without}..{of}", "--", cwd=top)
    lines = said.decode("utf-8", "replace").split("\0")
    pairs = (line.partition(" ") for line in lines if line)
    return tuple((commit, visible(subject)) for commit, _, subject in pairs)


def _files(top: Path, first: str, second: str) -> list[SourceChange]:
    said = git.run(*_OFFLINE, "diff", *_NUMSTAT, first, second, "--", cwd=top)
    found = []
    for line in said.decode("utf-8", "replace").split("\0"):
        if line:
            added, removed, path = line.split("\t", 2)
            found.append(SourceChange(visible(path), _count(added), _count(removed)))
    return found


def _count(text: str) -> int | None:
    """Return a number of lines; None for the dash of a binary file."""
    return None if text == "-" else int(text)
