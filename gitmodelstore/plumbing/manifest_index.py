"""What all manifests say, by column, in one file of the git directory.

Derived from the manifests, and never believed over them: a file that is missing,
damaged, of another format or of another history is made anew, and one that cannot be
written is done without. A line tells the format, the commit up to which the history
was read, and where each column lies; then the columns follow, each of up to
ROWS_A_BLOCK manifests, with a checksum. A column is JSON: the different values, and of
each manifest which of them it has, since most have most in common.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gitmodelstore.plumbing import files
from gitmodelstore.plumbing.files import UNSHARED, Sharing, may_write_as
from gitmodelstore.plumbing.writer_lock import OWN_FOLDER

Buffer = bytes | memoryview

FORMAT = 2
ROWS_A_BLOCK = 500
NULL = b"null"
_NAME = "manifests"
_HEX = 64
_LONG_AGO_SECONDS = 24 * 3600


class Damaged(Exception):
    """What the file holds is not what was written."""


class Block:
    """Some manifests, in the order in which they came.

    Args:
        columns: name to the bytes of the column.
        digests: name to the SHA-256 of those bytes; None for columns just made.
    """

    def __init__(
        self, columns: Mapping[str, Buffer], digests: Mapping[str, str] | None = None
    ) -> None:
        self.data = columns
        self.digests = digests
        self._read: dict[str, list[Any]] = {}

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, bytes]], names: Iterable[str]) -> Block:
        """Return a block of rows: name of the column to JSON on one line; null where it lacks."""
        columns: dict[str, Buffer] = {}
        for name in names:
            known: dict[bytes, int] = {}
            which = [known.setdefault(row.get(name, NULL), len(known)) for row in rows]
            numbers = json.dumps(which, separators=(",", ":")).encode()
            columns[name] = b"[[%b],%b]" % (b",".join(known), numbers)
        return cls(columns)

    def column(self, name: str) -> list[Any]:
        """Return the values of a column, one a manifest.

        Raises:
            Damaged: it is not what was written.
        """
        if name not in self._read:
            data = self.data[name]
            if self.digests is not None and _digest(data) != self.digests[name]:
                raise Damaged(name)
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


def read(common_dir: Path, names: Sequence[str]) -> tuple[str, list[Block]] | None:
    """Return up to which commit the history was read, and the blocks.

    None where there is no such file of these columns, or whoever wrote it may not write to the
    repository; of a column that is damaged only reading it tells.
    """
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
            held: dict[str, Buffer] = {}
            digests: dict[str, str] = {}
            for name in names:
                size, digests[name] = columns[name]
                held[name] = view[at : at + size]
                at += size
            blocks.append(Block(held, digests))
        return tip, blocks
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(
    common_dir: Path,
    names: Sequence[str],
    tip: str,
    blocks: Sequence[Block],
    sharing: Sharing = UNSHARED,
) -> None:
    """Put a new file in the place of the old one, if that is possible."""
    told = []
    for block in blocks:
        # Those that were read keep the checksums that they came with: they may be damaged.
        digests = block.digests or {name: _digest(data) for name, data in block.data.items()}
        told.append({name: (len(block.data[name]), digests[name]) for name in names})
    head = {"format": FORMAT, "names": list(names), "tip": tip, "blocks": told}
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
