"""What `git fsck` finds: objects that are missing or damaged. It writes nothing.

Source of the lines: git's builtin/fsck.c and object-file.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gitmodelstore.plumbing import git

_MISSING = re.compile(r"missing (\w+) ([0-9a-f]{40})")
_CORRUPT = re.compile(
    r"(?:error|fatal): (?:corrupt loose object '([0-9a-f]{40})'"
    r"|loose object ([0-9a-f]{40}) \(stored in .*\) is corrupt"
    r"|(?:cannot unpack|index CRC mismatch for object) ([0-9a-f]{40}) from .*"
    r"|([0-9a-f]{40}): (?!invalid sha1 pointer).*)"
)
_ID = re.compile(r"error: [0-9a-f]{40}: ")
_MALFORMED = re.compile(r"error in (\w+) ([0-9a-f]{40}): (.*)")
_DANGLING_TAG = re.compile(r"dangling tag ([0-9a-f]{40})")
# What it says of refs and reflogs, and before it names the object that it cannot read.
_TOLD_ELSEWHERE = (
    "error: refs/",
    "error: HEAD",
    "error: worktrees/",
    "error: bad ref for",
    "error: invalid HEAD",
    "error: inflate",
    "error: unable to unpack",
)


@dataclass(frozen=True, slots=True)
class Damage:
    """One object that is not as it should be, or what git says where it names none.

    Attributes:
        oid: of the object; None where git names none, as of a pack whose checksum is wrong.
        kind: blob, tree, commit or tag; "object" when unknown.
        what: what is wrong.
        is_missing: whether it is not there at all.
    """

    oid: str | None
    kind: str
    what: str
    is_missing: bool


def check(folder: Path) -> tuple[Damage, ...]:
    """Return what is missing or damaged in a repository, each object once."""
    lines = _said("--strict", "--no-dangling", folder=folder)
    found: dict[str | None, Damage] = {}
    for damage in _damaged(lines):
        found.setdefault(damage.oid or damage.what, damage)
    for line in lines:
        if (missing := _MISSING.fullmatch(line)) and missing[2] not in found:
            found[missing[2]] = Damage(missing[2], missing[1], "is missing", True)
    kinds = {named[2]: named[1] for line in lines if (named := _MISSING.fullmatch(line))}
    return tuple(
        Damage(held.oid, kinds.get(held.oid or "", held.kind), held.what, held.is_missing)
        for held in found.values()
    )


def dangling_tags(folder: Path) -> tuple[str, ...]:
    """Return the ids of tag objects that no ref holds."""
    lines = _said("--connectivity-only", "--dangling", folder=folder)
    return tuple(found[1] for line in lines if (found := _DANGLING_TAG.fullmatch(line)))


def _damaged(lines: list[str]) -> Iterator[Damage]:
    for line in lines:
        if found := _CORRUPT.fullmatch(line):
            yield Damage(next(filter(None, found.groups())), "object", "is damaged", False)
        elif found := _MALFORMED.fullmatch(line):
            yield Damage(found[2], found[1], f"is no {found[1]} as git makes it: {found[3]}", False)
        elif _ID.match(line):  # the index names an object that is missing, as is said of that
            continue
        elif line.startswith(("error: ", "fatal: ")) and not line.startswith(_TOLD_ELSEWHERE):
            yield Damage(None, "object", f"git fsck says: {line.partition(': ')[2]}", False)


def _said(*options: str, folder: Path) -> list[str]:
    process = git.start(("fsck", "--no-progress", *options), folder)
    stdout, stderr = process.communicate()
    return [*stderr.decode(errors="replace").splitlines(), *stdout.decode().splitlines()]
