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
    """What a commit says."""

    oid: str
    tree: str  # id of its root tree
    parents: tuple[str, ...]  # ids, first parent first
    author: str  # as "Name <email>"
    committer: str
    when: datetime  # the committer's date, UTC
    message: str  # whole


@dataclass(frozen=True, slots=True)
class Tag:
    """What an annotated tag says."""

    name: str  # without refs/tags/
    oid: str  # of the tag object
    commit: str  # that it stands on
    when: datetime | None  # the tagger's date, UTC; None where the tag names no tagger
    message: str  # whole


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
    """What stands in the tree for a large file: SHA-256 and size of its content."""

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
