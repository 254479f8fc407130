"""Every manifest of a history, read by git in bulk, and the index of them for searches.

libgit2 compares trees and inflates objects one by one, which takes three times as long;
what git cannot read is left to whoever can say why.

The index is derived: if it is missing, damaged, of another format or of another history, it is
rebuilt, and if it cannot be written, searches do without. Its first line tells the format, the
commit up to which the history was read, and where each column is; then follow the columns, in
blocks of up to ROWS_A_BLOCK manifests with a checksum. A column is JSON: its different values,
and for each manifest which of them it has.

Measured with 10,000 manifests of 8 kB: all as Python objects take 1.1 s to parse, and 0.5 s to
read again by `marshal`; a table in sqlite3 answers in 2 ms, but takes 3 s to fill and 70 MB;
columns of JSON take half a second more than git needs and 24 MB, and a question reads its one
or two columns in a tenth of a second.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gitmodelstore.errors import FROM_INTACT, GitFailed
from gitmodelstore.plumbing import files, git, loose
from gitmodelstore.plumbing.cat_file import CatFile
from gitmodelstore.plumbing.files import UNSHARED, Sharing, may_write_as
from gitmodelstore.values.names import OWN_FOLDER

if TYPE_CHECKING:
    import subprocess

_LINE = re.compile(rb":[0-7]{6} 100644 [0-9a-f]{40} ([0-9a-f]{40}) [AM]\tmodels/([^/]+)/.*")
_COMPARE = (
    "diff-tree", "--stdin", "-r", "-m", "--root", "--raw", "--no-abbrev", "--no-renames",
    "--", ":(glob)models/*/manifest.json",
)  # fmt: skip


class Appearance(NamedTuple):
    """A manifest that a commit has, and its parent has not."""

    commit: str
    model: str  # whose folder it stands in
    oid: str


def appearances(folder: Path, tip: str, since: str | None) -> Iterator[Appearance]:
    """Yield the manifests of a history, parents before children."""
    revisions = [tip, f"^{since}"] if since else [tip]
    with (
        _start(folder, "rev-list", "--topo-order", "--reverse", *revisions, "--") as walk,
        _start(folder, *_COMPARE, stdin=walk.stdout) as compare,
    ):
        if walk.stdout is not None:
            walk.stdout.close()  # so that git learns when the other one has died
        commit = b""
        for line in compare.stdout or ():
            if not line.startswith(b":"):
                commit = line.strip()
            elif match := _LINE.match(line):
                model = match[2].decode("ascii", "replace")
                yield Appearance(commit[:40].decode(), model, match[1].decode())
    if walk.returncode or compare.returncode:
        raise GitFailed(f"git cannot read the history of {tip}", hint=FROM_INTACT)


def holds(folder: Path, tip: str, oid: str) -> bool:
    """Return whether a commit is here and in the history of another one."""
    try:
        return not git.run("rev-list", "--max-count=1", oid, f"^{tip}", "--", cwd=folder)
    except GitFailed:
        return False


def contents(folder: Path, oids: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
    """Yield blobs with their bytes, in order; None of one that git does not read."""
    with CatFile(folder, inherit=False, fetch=False) as objects:
        for oid, data in objects.blobs(oids):
            # git looks only at the checksum of its compression
            yield oid, data if data is not None and loose.blob_id(data) == oid else None


def _start(folder: Path, *args: str, stdin: Any = None) -> subprocess.Popen[bytes]:
    from subprocess import DEVNULL  # it takes half as long to import as Python takes to start

    return git.start(args, folder, stdin=stdin, stderr=DEVNULL)


# What all manifests say, by column, in one file of the git directory.

Buffer = bytes | memoryview

FORMAT = 2
ROWS_A_BLOCK = 500
NULL = b"null"
_NAME = "manifests"
_HEX = 64
_LONG_AGO_SECONDS = 24 * 3600


class DamagedIndex(Exception):
    """What the file holds is not what was written."""


class ColumnBlock:
    """Some manifests, in order; `digests`: SHA-256 of each column's bytes, None if just made."""

    def __init__(
        self, columns: Mapping[str, Buffer], digests: Mapping[str, str] | None = None
    ) -> None:
        self.data = columns
        self.digests = digests
        self._read: dict[str, list[Any]] = {}

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, bytes]], names: Iterable[str]) -> ColumnBlock:
        """Return a block of rows: name of the column to JSON on one line; null where it lacks."""
        columns: dict[str, Buffer] = {}
        for name in names:
            values: dict[bytes, int] = {}
            which = [values.setdefault(row.get(name, NULL), len(values)) for row in rows]
            numbers = json.dumps(which, separators=(",", ":")).encode()
            columns[name] = b"[[%b],%b]" % (b",".join(values), numbers)
        return cls(columns)

    def column(self, name: str) -> list[Any]:
        """Return the values of a column, one a manifest."""
        if name not in self._read:
            data = self.data[name]
            if self.digests is not None and _digest(data) != self.digests[name]:
                raise DamagedIndex(name)
            values, which = json.loads(bytes(data))
            self._read[name] = [values[number] for number in which]
        return self._read[name]

    def rows(self) -> list[dict[str, bytes]]:
        """Return the rows that it was made of, so that more can join them."""
        columns = {name: self.column(name) for name in self.data}
        count = len(next(iter(columns.values())))
        return [
            {name: _line(values[number]) for name, values in columns.items()}
            for number in range(count)
        ]


def read(common_dir: Path, names: Sequence[str]) -> tuple[str, list[ColumnBlock]] | None:
    """Return up to which commit the history was read, and the blocks; None without."""
    # Or if a stranger wrote the file. That a column is damaged, only reading it tells.
    try:
        path = common_dir / OWN_FOLDER / _NAME
        if not may_write_as(path.lstat(), common_dir.stat()):
            return None
        data = path.read_bytes()
        view = memoryview(data)
        end = data.index(b"\n")
        if _digest(data[_HEX + 1 : end]) != data[:_HEX].decode():
            return None
        head = json.loads(data[_HEX + 1 : end])
        tip: str = head["tip"]
        if (head["format"], head["names"]) != (FORMAT, list(names)) or not isinstance(tip, str):
            return None
        at, blocks = end + 1, []
        for columns in head["blocks"]:
            buffers: dict[str, Buffer] = {}
            digests: dict[str, str] = {}
            for name in names:
                size, digests[name] = columns[name]
                buffers[name] = view[at : at + size]
                at += size
            blocks.append(ColumnBlock(buffers, digests))
        return tip, blocks
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(
    common_dir: Path,
    names: Sequence[str],
    tip: str,
    blocks: Sequence[ColumnBlock],
    sharing: Sharing = UNSHARED,
) -> None:
    """Put a new file in the place of the old one, if that is possible."""
    entries = []
    for block in blocks:
        # Those that were read keep the checksums that they came with: they may be damaged.
        digests = block.digests or {name: _digest(data) for name, data in block.data.items()}
        entries.append({name: (len(block.data[name]), digests[name]) for name in names})
    head = {"format": FORMAT, "names": list(names), "tip": tip, "blocks": entries}
    line = json.dumps(head, separators=(",", ":")).encode()
    folder = common_dir / OWN_FOLDER
    columns = (block.data[name] for block in blocks for name in names)
    with suppress(OSError):
        sharing.make_folder(folder)
        _tidy(folder)
        head_line = b"%b %b\n" % (_digest(line).encode(), line)
        files.put(folder / _NAME, (head_line, *columns), sharing=sharing)


def _tidy(folder: Path) -> None:
    """Remove what processes left that died while they wrote, a day ago."""
    for path in folder.glob(f"{_NAME}.*"):
        if path.stat().st_mtime < time.time() - _LONG_AGO_SECONDS:
            path.unlink(missing_ok=True)


def _digest(data: Buffer) -> str:
    return hashlib.sha256(data).hexdigest()


def _line(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
