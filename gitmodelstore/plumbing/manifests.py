"""Every manifest of a history, found and read by git in bulk.

libgit2 compares trees and inflates objects one by one, which takes three times as long;
what git cannot read is left to whoever can say why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gitmodelstore.errors import GitFailed
from gitmodelstore.plumbing import git

if TYPE_CHECKING:
    import subprocess

_LINE = re.compile(rb":[0-7]{6} 100644 [0-9a-f]{40} ([0-9a-f]{40}) [AM]\tmodels/([^/]+)/.*")
_COMPARE = (
    *("diff-tree", "--stdin", "-r", "-m", "--root", "--raw", "--no-abbrev", "--no-renames"),
    *("--", ":(glob)models/*/manifest.json"),
)
_ASKED_AT_ONCE = 100  # so many ids fit into any pipe, however long git does not read it


class Appearance(NamedTuple):
    """A manifest that a commit has, and its parent has not.

    Attributes:
        commit: the commit.
        model: whose folder it stands in.
        oid: its blob.
    """

    commit: str
    model: str
    oid: str


def appearances(folder: Path, tip: str, known: str | None) -> Iterator[Appearance]:
    """Yield the manifests of a history, parents before children.

    Args:
        folder: the repository.
        tip: the commit whose history it is.
        known: a commit whose history is left out; None for none.

    Raises:
        GitFailed: git cannot read the history to its end.
    """
    revisions = [tip, f"^{known}"] if known else [tip]
    with (
        _start(folder, "rev-list", "--topo-order", "--reverse", *revisions, "--") as walk,
        _start(folder, *_COMPARE, reading=walk) as compare,
    ):
        if walk.stdout is not None:
            walk.stdout.close()  # so that git learns when the other one has died
        commit = b""
        for line in compare.stdout or ():
            if not line.startswith(b":"):
                commit = line.strip()
            elif found := _LINE.match(line):
                model = found[2].decode("ascii", "replace")
                yield Appearance(commit[:40].decode(), model, found[1].decode())
    if walk.returncode or compare.returncode:
        raise GitFailed(
            f"git cannot read the history of {tip}",
            hint="run `git fsck` to see what is damaged, and fetch from a sound clone",
        )


def holds(folder: Path, tip: str, oid: str) -> bool:
    """Return whether a commit is here and in the history of another one."""
    try:
        return not git.run("rev-list", "--max-count=1", oid, f"^{tip}", "--", cwd=folder)
    except GitFailed:
        return False


def contents(folder: Path, oids: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
    """Yield blobs with their bytes, in order; None of one that git does not read."""
    left = list(oids)
    while left:
        read = 0
        with _start(folder, "cat-file", "--batch", talking=True) as process:
            for oid, data in _answers(process, left):
                read += 1
                yield oid, data
        if read < len(left):  # git gave up at the next one
            yield left[read], None
            read += 1
        left = left[read:]


def _answers(
    process: subprocess.Popen[bytes], oids: Sequence[str]
) -> Iterator[tuple[str, bytes | None]]:
    """Ask for blobs, some ahead of the answer that is read; end where git does."""
    questions, answers = process.stdin, process.stdout
    assert questions is not None and answers is not None  # noqa: S101, PT018 - they are pipes
    asked = 0
    for number, oid in enumerate(oids):
        if number + _ASKED_AT_ONCE >= asked and asked < len(oids):
            ahead = oids[asked : asked + _ASKED_AT_ONCE]
            asked += len(ahead)
            try:
                questions.write("".join(f"{one}\n" for one in ahead).encode())
                questions.flush()
            except BrokenPipeError:
                with suppress(BrokenPipeError):  # of what it still holds
                    questions.close()
                return
        head = answers.readline().split()
        if head[1:] == [b"missing"]:
            yield oid, None
            continue
        data = answers.read(int(head[2])) if len(head) == len(("id", "kind", "size")) else b""
        if answers.read(1) != b"\n":
            return
        yield oid, data if head[1] == b"blob" else None


def _start(
    folder: Path,
    *args: str,
    reading: subprocess.Popen[bytes] | None = None,
    talking: bool = False,
) -> subprocess.Popen[bytes]:
    """Start git on what another process prints, or to be talked to, or with nothing to read."""
    import subprocess

    source = subprocess.PIPE if talking else subprocess.DEVNULL
    try:
        return subprocess.Popen(
            git.command(*args),
            cwd=folder,
            env=git.environment({"GIT_NO_LAZY_FETCH": "1"}),
            stdin=reading.stdout if reading else source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        raise GitFailed(
            "git cannot be started", hint="install the package 'git', 2.39 or newer"
        ) from error
