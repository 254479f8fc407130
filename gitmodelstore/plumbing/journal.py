"""What a writer is about to do, noted so that the next one can finish or undo it.

The branch is the truth: a note says nothing about what exists, only which work
trees and tags may lag behind the branch, or ahead of it, after a crash.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from gitmodelstore.plumbing.access import reading
from gitmodelstore.plumbing.lock import OWN_FOLDER
from gitmodelstore.plumbing.repository import writing
from gitmodelstore.plumbing.shared import UNSHARED, Sharing

_LEAST_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Note:
    """One unfinished write.

    Attributes:
        old: the commit on which the branch stood.
        new: the commit to which it was to move.
        tags: name to the id of the tag object that was to be set.
        folders: the work trees that were to follow.
        handmade: path of a folder in them, as "models/churn", whose files are somebody's
            work and become the version as they lie; empty when there is none.
    """

    old: str
    new: str
    tags: Mapping[str, str]
    folders: tuple[str, ...]
    handmade: str = ""


def write(common_dir: Path, note: Note, sharing: Sharing = UNSHARED) -> None:
    """Leave a note; the caller holds the writer lock and syncs.

    It is written over the last one, in one call and in place: a new file for each
    write costs a tenth of a small registration.

    Raises:
        CannotWrite: the disk does not take it.
    """
    _overwrite(
        common_dir,
        json.dumps(
            {
                "old": note.old,
                "new": note.new,
                "tags": dict(note.tags),
                "folders": list(note.folders),
                "handmade": note.handmade,
            }
        ),
        sharing,
    )


def read(common_dir: Path) -> Note | None:
    """Return the note that a dead writer left; None without one, or with half of one.

    Raises:
        CannotRead: the system does not let this process.
    """
    path = _path(common_dir)
    try:
        with reading(f"'{path}'"):
            held = json.loads(path.read_text())
        note = Note(
            held["old"],
            held["new"],
            dict(held["tags"]),
            tuple(held["folders"]),
            held.get("handmade", ""),
        )
        named = (note.old, note.new, *note.tags, *note.tags.values(), *note.folders, note.handmade)
        return note if all(isinstance(name, str) for name in named) else None
    except (
        FileNotFoundError,
        NotADirectoryError,
        IsADirectoryError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ):
        return None


def clear(common_dir: Path) -> None:
    """Take the note away: everything that it announced has happened, or never will."""
    _overwrite(common_dir, "", UNSHARED)


def _overwrite(common_dir: Path, text: str, sharing: Sharing) -> None:
    path = _path(common_dir)
    with writing(path), _open(path) as file:
        size = os.fstat(file.fileno()).st_size
        file.write(text.encode().ljust(max(size, _LEAST_BYTES)))
        if not size:
            sharing.adjust(file.fileno())


def _open(path: Path) -> FileIO:
    try:
        return path.open("r+b", buffering=0)
    except PermissionError:  # another user's, who may have written before this was shared
        path.unlink()
    except FileNotFoundError:
        pass
    return path.open("w+b", buffering=0)


def _path(common_dir: Path) -> Path:
    return common_dir / OWN_FOLDER / "pending.json"
