"""What stands in a tree for a large file: the pointer of Git LFS.

Source of the format: github.com/git-lfs/git-lfs, docs/spec.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

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
    found = _POINTER.fullmatch(bytes(data))
    return Pointer(found[1].decode(), int(found[2])) if found else None
