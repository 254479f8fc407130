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
    """Return the SHA-256 of the manifest that a tag names in its last such line, if any."""
    digests = _NAMED_MANIFEST.findall(message)
    return digests[-1] if digests else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tree: its mode (0o100644 is a plain file) and the id behind it."""

    mode: int
    oid: str


# What stands in the tree for a large file: a pointer of Git LFS.


MOST_POINTER_BYTES = 1024
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"oid sha256:([0-9a-f]{64})\nsize ([0-9]{1,15})\n"
)


@dataclass(frozen=True, slots=True)
class Pointer:
    """What stands in the tree for a large file.

    Attributes:
        sha256: of the content, 64 hexadecimal digits.
        size_bytes: of the content.
    """

    sha256: str
    size_bytes: int

    def render(self) -> bytes:
        """Return the bytes of the pointer file."""
        return (
            "version https://git-lfs.github.com/spec/v1\n"
            f"oid sha256:{self.sha256}\nsize {self.size_bytes}\n"
        ).encode()


def read_pointer(data: bytes | memoryview) -> Pointer | None:
    """Return the pointer that `data` spells; None when it is some other file."""
    if len(data) > MOST_POINTER_BYTES:
        return None
    match = _POINTER.fullmatch(bytes(data))
    return Pointer(match[1].decode(), int(match[2])) if match else None
