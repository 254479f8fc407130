"""Objects of git as values: what a commit, a tag and an entry of a tree say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

_NAMED_MANIFEST = re.compile(r"^Manifest-SHA256: ([0-9a-f]{64})$", re.MULTILINE)

PLAIN_FILE = 0o100644
FOLDER = 0o040000


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit says.

    Attributes:
        oid: its id.
        tree: id of its root tree.
        parents: ids, first parent first.
        author, committer: as "Name <email>".
        when: the committer's date, UTC.
        message: whole.
    """

    oid: str
    tree: str
    parents: tuple[str, ...]
    author: str
    committer: str
    when: datetime
    message: str


@dataclass(frozen=True, slots=True)
class Tag:
    """What an annotated tag says.

    Attributes:
        name: as its ref calls it, without refs/tags/.
        oid: id of the tag object.
        commit: id of the commit that it stands on.
        when: the tagger's date, UTC; None where the tag names no tagger.
        message: whole.
    """

    name: str
    oid: str
    commit: str
    when: datetime | None
    message: str


def named_manifest(message: str) -> str | None:
    """Return the SHA-256 of the manifest that the message of a tag names; None without one.

    The last one counts: above the trailers stands what the author wanted to say.
    """
    found = _NAMED_MANIFEST.findall(message)
    return found[-1] if found else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tree: its mode (0o100644 is a plain file) and the id behind it."""

    mode: int
    oid: str
