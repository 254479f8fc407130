"""What a history says, read by git in bulk, and the index of it in the git directory.

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
import os
import re
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from gitmodelstore.errors import FROM_INTACT, BusyIndex, DamagedIndex, GitFailed, StoreError
from gitmodelstore.plumbing import files, git, processes
from gitmodelstore.plumbing.files import UNSHARED, Sharing, may_write_as
from gitmodelstore.values.names import INDEX, OWN_FOLDER

if TYPE_CHECKING:
    import sqlite3
    import subprocess

    from gitmodelstore.values.registry import Hunk

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
    from gitmodelstore.plumbing import loose
    from gitmodelstore.plumbing.cat_file import CatFile

    with CatFile(folder, inherit=False, fetch=False) as objects:
        for oid, data in objects.blobs(oids):
            # git looks only at the checksum of its compression
            yield oid, data if data is not None and loose.blob_id(data) == oid else None


_PATCHES = (
    "diff-tree", "--stdin", "-p", "-U0", "--text", "--inter-hunk-context=0", "--no-ext-diff",
    "--no-textconv", "--no-renames", "--no-color", "--",
)  # fmt: skip
_PAIR = re.compile(rb"[0-9a-f]{40} [0-9a-f]{40}\n")
_RANGE = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")


def patches(
    folder: Path, trees: Iterable[tuple[str, str]], path: str
) -> Iterator[tuple[tuple[str, str], list[Hunk] | None]]:
    """Yield each pair of trees in which a file differs, with the hunks from one to the other.

    None in place of the hunks where it is in one of them alone, or its last line has no end.
    """
    from tempfile import TemporaryFile

    with TemporaryFile() as pairs:
        pairs.writelines(b"%b %b\n" % (one.encode(), other.encode()) for one, other in trees)
        pairs.seek(0)
        printed = git.run(*_PATCHES, path, cwd=folder, stdin=pairs)
    yield from _patches(BytesIO(printed))


def _patches(
    printed: Iterable[bytes],
) -> Iterator[tuple[tuple[str, str], list[Hunk] | None]]:
    trees: tuple[str, str] | None = None
    hunks: list[Hunk] | None = []
    going, coming, lines = 0, 0, []
    for line in printed:
        if going or coming:
            going, coming = going - (line[:1] == b"-"), coming - (line[:1] == b"+")
            if line[:1] == b"+":
                lines.append(line[1:-1])
        elif match := _RANGE.match(line):
            count, coming = (1 if number is None else int(number) for number in match.groups()[1:])
            start, going, lines = int(match[1]) - (count > 0), count, []
            if hunks is not None:
                hunks.append((start, count, lines))
        elif _PAIR.fullmatch(line):
            if trees is not None:
                yield trees, hunks
            trees, hunks = (line[:40].decode(), line[41:81].decode()), []
        elif not line.startswith((b"diff ", b"index ", b"--- a", b"+++ b")):
            hunks = None
    if trees is not None:
        yield trees, hunks


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


# What happened, a row an event, in a database of the git directory.

# "gmsi", since a database of another program is none of ours; and of which format it is.
_MARKS = {"application_id": 0x676D7369, "user_version": 2}
_TABLES = (
    # The branch along first parents. `place`: from 0. `counts`: from when a commit counts, in
    # seconds since 1970; null before the first version. `events`: how many it has. `sum`: of what
    # the row says.
    "CREATE TABLE line (place INTEGER PRIMARY KEY, oid TEXT NOT NULL UNIQUE,"
    " counts INTEGER, events INTEGER NOT NULL, sum INTEGER NOT NULL)",
    # `number`: within the commit, the latest first. `introducer`: as `Told`.
    "CREATE TABLE events (place INTEGER, number INTEGER, model TEXT, version TEXT,"
    " introducer TEXT, facts TEXT, sum INTEGER, PRIMARY KEY (place, number)) WITHOUT ROWID",
    "CREATE INDEX of_version ON events (model, version)",
    "CREATE TABLE versions (model TEXT, version TEXT, events INTEGER,"
    " PRIMARY KEY (model, version)) WITHOUT ROWID",
)


Answer = TypeVar("Answer")


class Told(NamedTuple):
    """An event as the index holds it."""

    place: int  # of its commit in the line
    model: str
    version: str
    introducer: str  # its commit, where it registers the version; else empty
    facts: str  # JSON


class InLine(NamedTuple):
    """A commit of the line, with its events, the latest first."""

    oid: str
    counts: int | None  # from when, in seconds since 1970; None before the first version
    events: list[tuple[str, str, str, str]]  # as `Told`


class Index:
    """The events of the branch, as far as somebody has read its history.

    Every row has a checksum, and it is known how many there are. What is damaged is
    `DamagedIndex`, which says no more than that the history has to be read.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def place(self, oid: str) -> int | None:
        """Return where a commit stands in the line; None where it does not."""
        rows = self._line("oid = ?", oid)
        return rows[0][0] if rows else None

    def counts(self, place: int) -> int | None:
        """Return from when the commit at a place counts; None before the first version."""
        rows = self._line("place = ?", place)
        return rows[0][2] if rows else None

    def before(self, seconds: int, place: int) -> str | None:
        """Return the last commit, up to a place, that counts from a moment or earlier."""
        rows = self._line("place <= ? AND counts <= ? ORDER BY place DESC LIMIT 1", place, seconds)
        return rows[0][1] if rows else None

    def events(
        self, first: int, last: int, model: str | None = None, version: str | None = None
    ) -> list[Told]:
        """Return the events between two places, the latest first: all, of a model, of a version."""
        if model is not None:
            return [told for told in self._of(model, version) if first <= told.place <= last]
        span = "place BETWEEN ? AND ?", first, last
        line = self._line(*span)
        if len(line) != last - first + 1:
            raise DamagedIndex("line")
        return self._told(*span, count=sum(row[3] for row in line))

    def registrations(self, model: str, version: str | None = None) -> Iterator[tuple[str, str]]:
        """Yield each version of a model, or one alone, and the commit that introduced it."""
        for told in self._of(model, version):
            if told.introducer:
                yield told.version, told.introducer

    def _of(self, model: str, version: str | None) -> list[Told]:
        chosen, asked = "model = ?", [model]
        if version is not None:
            chosen, asked = f"{chosen} AND version = ?", [model, version]
        counted = "SELECT sum(events) FROM versions WHERE"
        count = self._ask(f"{counted} {chosen}", *asked)[0][0]
        return self._told(chosen, *asked, count=count or 0)

    def _told(self, chosen: str, *asked: object, count: int) -> list[Told]:
        rows = self._rows(f"* FROM events WHERE {chosen} ORDER BY place DESC, number", *asked)
        if len(rows) != count:
            raise DamagedIndex("events")
        return [Told(row[0], *row[2:-1]) for row in rows]

    def _line(self, chosen: str, *asked: object) -> list[Any]:
        return self._rows(f"* FROM line WHERE {chosen}", *asked)

    def _rows(self, what: str, *asked: object) -> list[Any]:
        rows = self._ask(f"SELECT {what}", *asked)
        if any(_sum(row[:-1]) != row[-1] for row in rows):
            raise DamagedIndex(what)
        return rows

    def _ask(self, what: str, *values: object) -> list[Any]:
        return self._database.execute(what, values).fetchall()


def ask(common_dir: Path, question: Callable[[Index], Answer]) -> Answer | None:
    """Return what the index answers; None without one, or if its writer may not write here."""
    path = common_dir / OWN_FOLDER / INDEX
    if not _is_to_be_read(path, common_dir):
        return None
    return _use(
        path, "ro", lambda database: question(Index(database)) if _is_ours(database) else None
    )


def add(common_dir: Path, base: int, line: Sequence[InLine], sharing: Sharing = UNSHARED) -> bool:
    """Write what follows a place in the line, in one transaction; return whether that was done.

    `base`: the place of the commit before the first; -1 makes the index anew.
    """
    path = common_dir / OWN_FOLDER / INDEX

    def extend(database: sqlite3.Connection) -> bool:
        if not _is_ours(database):
            return False
        with database:
            database.execute("BEGIN IMMEDIATE")
            _extend(database, base, line)
        return True

    with suppress(OSError, DamagedIndex):
        sharing.make_folder(path.parent)
        if base < 0:
            remove(common_dir)
            files.put(path, (), sharing=sharing)
            _use(path, "rw", _begin)
        return _use(path, "rw", extend)
    return False


def can_be_written(common_dir: Path) -> bool:
    """Whether an index can be written into a git directory."""
    folder = common_dir / OWN_FOLDER
    return _has_sqlite() and os.access(folder if folder.exists() else common_dir, os.W_OK)


def remove(common_dir: Path) -> None:
    """Remove an index that is damaged, if that is possible."""
    path = common_dir / OWN_FOLDER / INDEX
    with suppress(OSError):
        for old in (path, path.with_name(f"{path.name}-journal")):
            old.unlink(missing_ok=True)


def _begin(database: sqlite3.Connection) -> None:
    """Make the tables of an empty database."""
    with database:
        database.execute("BEGIN IMMEDIATE")
        for table in _TABLES:
            database.execute(table)
        for name, value in _MARKS.items():
            database.execute(f"PRAGMA {name} = {value}")


def _extend(database: sqlite3.Connection, base: int, line: Sequence[InLine]) -> None:
    last = database.execute("SELECT max(place) FROM line").fetchone()[0]
    if base > (-1 if last is None else last):
        raise DamagedIndex("somebody else made it anew")
    for table in ("line", "events"):
        database.execute(f"DELETE FROM {table} WHERE place > ?", (base,))  # noqa: S608
    commits, events = [], []
    for place, commit in enumerate(line, base + 1):
        row = (place, commit.oid, commit.counts, len(commit.events))
        commits.append((*row, _sum(row)))
        for number, told in enumerate(commit.events):
            events.append((place, number, *told, _sum((place, number, *told))))
    database.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?)", commits)
    database.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", events)
    database.execute("DELETE FROM versions")
    counted = "SELECT model, version, count(*) FROM events GROUP BY model, version"
    database.execute(f"INSERT INTO versions {counted}")


def _is_to_be_read(path: Path, common_dir: Path) -> bool:
    try:
        return may_write_as(path.lstat(), common_dir.stat()) and _has_sqlite()
    except OSError:
        return False


def _has_sqlite() -> bool:
    """Whether this Python was built with SQLite."""
    try:
        import sqlite3  # noqa: F401
    except ImportError:
        return False
    return True


def _is_ours(database: sqlite3.Connection) -> bool:
    """Whether a database is none of another program or release."""
    marks = {name: database.execute(f"PRAGMA {name}").fetchone()[0] for name in _MARKS}
    tables = database.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL").fetchall()
    return marks == _MARKS and [sql for (sql,) in tables] == list(_TABLES)


def _use(path: Path, mode: str, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
    """Do a work with a database; what SQLite says of it is `DamagedIndex`."""
    import sqlite3

    try:
        address = f"{path.absolute().as_uri()}?mode={mode}"
        # A connection that an interrupt leaves open is one until Python looks for garbage.
        with (
            processes.held(),
            closing(sqlite3.connect(address, uri=True, timeout=0, isolation_level=None)) as opened,
        ):
            # What a power cut damages is found, and made anew.
            for setting in ("trusted_schema = OFF", "synchronous = OFF", "cell_size_check = ON"):
                opened.execute(f"PRAGMA {setting}")
            return work(opened)
    except StoreError:  # some are ValueErrors
        raise
    except (sqlite3.Error, ValueError, OverflowError) as error:
        code = getattr(error, "sqlite_errorcode", None)
        is_busy = code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        raise (BusyIndex if is_busy else DamagedIndex)(str(error)) from None


def _sum(row: Sequence[object]) -> int:
    return zlib.crc32(repr(row).encode())
