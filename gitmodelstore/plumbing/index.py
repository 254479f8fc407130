"""What a history says, read by git in bulk, and the index of it in the git directory.

libgit2 compares trees and inflates objects one by one, which takes three times as long;
what git cannot read is left to whoever can say why.

The index is a database: the line of first parents with the events of each commit, and what the
manifests say, by column. It is derived: if it is missing, damaged, of another format or of another
history, it is rebuilt, and if it cannot be written, questions do without.

A column is JSON: its different values, and for each manifest which of them it has, in blocks of up
to ROWS_A_BLOCK. Measured with 10,000 manifests of 8 kB: all as Python objects take 1.1 s to parse;
a row for each takes 3 s to fill and 70 MB; columns take half a second more than git needs and
24 MB, and a question reads its one or two columns in a tenth of a second.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from operator import methodcaller
from pathlib import Path

from gitmodelstore.errors import FROM_INTACT, BusyIndex, DamagedIndex, GitFailed, StoreError
from gitmodelstore.lean import TYPE_CHECKING, Any, NamedTuple, TypeVar, pattern
from gitmodelstore.plumbing import files, git, processes
from gitmodelstore.plumbing.files import UNSHARED, Sharing, may_write_as
from gitmodelstore.values.names import INDEX, OWN_FOLDER, REGISTRY

if TYPE_CHECKING:
    import sqlite3
    import subprocess

_LINE = pattern(rb":[0-7]{6} 100644 [0-9a-f]{40} ([0-9a-f]{40}) [AM]\tmodels/([^/]+)/.*")
_COMPARE = (
    "diff-tree", "--stdin", "-r", "-m", "--root", "--raw", "--no-abbrev", "--no-renames",
    "--", ":(glob)models/*/manifest.json",
)  # fmt: skip
_ALONG = (
    "diff-tree", "--stdin", "--diff-merges=first-parent", "--root", "--raw", "--no-abbrev",
    "--no-renames", "--", REGISTRY,
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


def registries(
    folder: Path, tip: str, since: tuple[str, str | None] | None
) -> list[tuple[str, str | None]]:
    """Return the commits along first parents, the oldest first, with the ids of registry.json.

    `since`: only those after one, with that of its own. None in place of an id where it has none.
    """
    from tempfile import TemporaryFile

    revisions = (tip, *([f"^{since[0]}"] if since else []))
    listed = git.run("rev-list", "--first-parent", "--reverse", *revisions, "--", cwd=folder)
    with TemporaryFile() as commits:
        commits.write(listed)
        commits.seek(0)
        printed = git.run(*_ALONG, cwd=folder, stdin=commits).decode()
    changed: dict[str, str | None] = {}
    commit, oid = "", since[1] if since else None
    for line in printed.splitlines():
        if line.startswith(":"):
            _, _, _, blob, kind = line.split("\t")[0].split(" ")
            changed[commit] = None if kind == "D" else blob
        else:
            commit = line
    commits_of_line = listed.decode().split()
    return [(commit, oid := changed.get(commit, oid)) for commit in commits_of_line]


def holds(folder: Path, tip: str, oid: str) -> bool:
    """Return whether a commit is here and in the history of another one."""
    try:
        return not git.run("rev-list", "--max-count=1", oid, f"^{tip}", "--", cwd=folder)
    except GitFailed:
        return False


def contents(
    folder: Path, oids: Iterable[str], kind: str = "blob"
) -> Iterator[tuple[str, bytes | None]]:
    """Yield objects with their bytes, in order; None of one that git does not read."""
    from gitmodelstore.plumbing import loose
    from gitmodelstore.plumbing.cat_file import CatFile

    with CatFile(folder, inherit=False, fetch=False) as objects:
        for oid, data in objects.blobs(oids):
            # git looks only at the checksum of its compression
            yield oid, data if data is not None and loose.object_id(kind, data) == oid else None


def _start(folder: Path, *args: str, stdin: Any = None) -> subprocess.Popen[bytes]:
    from subprocess import DEVNULL  # it takes half as long to import as Python takes to start

    return git.start(args, folder, stdin=stdin, stderr=DEVNULL)


_DELAY_SECONDS, _PAUSE_SECONDS = 1.0, 0.2
Item = TypeVar("Item")


def metered(
    items: Iterable[Item], total: int, meter: Callable[[str], None] | None
) -> Iterator[Item]:
    """Yield items of a history; what takes longer than a moment shows how far it is, as git does.

    `meter`: takes each line; None shows nothing.
    """
    following, line = time.monotonic() + _DELAY_SECONDS, ""
    for number, item in enumerate(items, 1):
        yield item
        if meter is not None and time.monotonic() >= following:
            following = time.monotonic() + _PAUSE_SECONDS
            line = f"Reading the history: {min(100, 100 * number // total):3}% ({number}/{total})"
            meter(line)
    if meter is not None and line:
        meter(f"Reading the history: 100% ({total}/{total}), done.")


# What the manifests say, by column.

ROWS_A_BLOCK = 500
NULL = b"null"


class ColumnBlock:
    """Some manifests, in order; `data`: the JSON of a column by its name."""

    def __init__(self, size: int, data: Callable[[str], bytes]) -> None:
        self.size = size
        self.data = data
        self._columns: dict[str, list[Any]] = {}

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, bytes]], names: Iterable[str]) -> ColumnBlock:
        """Return a block of rows: name of the column to JSON on one line; null where it lacks."""
        columns: dict[str, bytes] = {}
        for name in names:
            values: dict[bytes, int] = {}
            which = [values.setdefault(row.get(name, NULL), len(values)) for row in rows]
            numbers = json.dumps(which, separators=(",", ":")).encode()
            columns[name] = b"[[%b],%b]" % (b",".join(values), numbers)
        return cls(len(rows), columns.__getitem__)

    def column(self, name: str) -> list[Any]:
        """Return the values of a column, one a manifest."""
        if name not in self._columns:
            values, which = json.loads(self.data(name))
            # Others may have put more rows into the block since.
            self._columns[name] = [values[number] for number in which[: self.size]]
        return self._columns[name]

    def forget(self, name: str) -> None:
        """Let go of the values of a column."""
        self._columns.pop(name, None)

    def rows(self, names: Iterable[str]) -> list[dict[str, bytes]]:
        """Return the rows that it was made of, so that more can join them."""
        columns = {name: self.column(name) for name in names}
        return [
            {name: _line(values[number]) for name, values in columns.items()}
            for number in range(self.size)
        ]


class Manifests:
    """The manifests of a history that an index holds.

    Attributes:
        tip: up to which commit the history was read.
        blocks: whose columns are read when they are asked for.
    """

    def __init__(self, common_dir: Path, state: tuple[str, int, int]) -> None:
        self.tip, self.made, count = state
        firsts = range(0, count, ROWS_A_BLOCK)
        kept = _KeptColumns(common_dir, self.made, len(firsts))
        self.blocks = [
            ColumnBlock(min(ROWS_A_BLOCK, count - first), partial(kept.data, number))
            for number, first in enumerate(firsts)
        ]


class _KeptColumns:
    """The columns that an index holds, read block by block."""

    def __init__(self, common_dir: Path, made: int, blocks: int) -> None:
        self._common_dir, self._made, self._blocks = common_dir, made, blocks
        self._columns: dict[str, list[bytes | None]] = {}  # None of what was handed out

    def data(self, number: int, name: str) -> bytes:
        """Return the JSON of a column in a block."""
        data = self._columns[name][number] if name in self._columns else None
        if data is None:
            question = methodcaller("column", name, self._made)
            columns = ask(self._common_dir, question)
            if columns is None or len(columns) < self._blocks:
                raise DamagedIndex(name)
            data, self._columns[name] = columns[number], columns
        self._columns[name][number] = None
        return data


def manifests(common_dir: Path, names: Sequence[str]) -> Manifests | None:
    """Return the manifests with the columns `names`; None without them."""
    state = ask(common_dir, methodcaller("manifests", names))
    return None if state is None else Manifests(common_dir, state)


def add_manifests(
    common_dir: Path,
    names: Sequence[str],
    tip: str,
    blocks: Sequence[ColumnBlock],
    before: Manifests | None,
    sharing: Sharing = UNSHARED,
) -> bool:
    """Write the blocks that are new since `before`; return whether that was done."""

    def extend(database: sqlite3.Connection) -> None:
        state = Index(database).manifests(names)
        if before is None:
            made, kept = time.time_ns(), 0
            database.execute("DELETE FROM columns")
        elif state is None or state[1] != before.made or state[0] != before.tip:
            return  # somebody else was first
        else:
            made = before.made
            kept = sum(one is other for one, other in zip(blocks, before.blocks, strict=False))
        rows = (
            (name, number, data, zlib.crc32(data))
            for number, block in enumerate(blocks[kept:], kept)
            for name in names
            for data in (block.data(name),)
        )
        database.executemany("INSERT OR REPLACE INTO columns VALUES (?, ?, ?, ?)", rows)
        row = (tip, made, sum(block.size for block in blocks), json.dumps(names))
        database.execute("DELETE FROM manifests")
        database.execute("INSERT INTO manifests VALUES (?, ?, ?, ?, ?)", (*row, _sum(row)))

    return _change(common_dir, extend, sharing)


def _line(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


# The database.

# "gmsi", to tell it from a database of another program; and the number of its format.
_MARKS = {"application_id": 0x676D7369, "user_version": 3}
_TABLES = (
    # The branch along first parents. `place`: from 0. `counts`: from when a commit counts, in
    # seconds since 1970; null before the first version. `events`: how many it has. `sum`: of what
    # the row says.
    "CREATE TABLE line (place INTEGER PRIMARY KEY, oid TEXT NOT NULL UNIQUE,"
    " counts INTEGER, events INTEGER NOT NULL, sum INTEGER NOT NULL)",
    # `number`: within the commit, the latest first. `introducer`: as `IndexedEvent`.
    "CREATE TABLE events (place INTEGER, number INTEGER, model TEXT, version TEXT,"
    " introducer TEXT, facts TEXT, sum INTEGER, PRIMARY KEY (place, number)) WITHOUT ROWID",
    "CREATE INDEX of_version ON events (model, version)",
    "CREATE TABLE versions (model TEXT, version TEXT, events INTEGER,"
    " PRIMARY KEY (model, version)) WITHOUT ROWID",
    # One row. `tip`: of the history that was read. `made`: changes where it is read anew. `count`:
    # of manifests. `names`: of the columns.
    "CREATE TABLE manifests (tip TEXT, made INTEGER, count INTEGER, names TEXT, sum INTEGER)",
    "CREATE TABLE columns (name TEXT, block INTEGER, data BLOB, sum INTEGER,"
    " PRIMARY KEY (name, block))",
)
_LONG_AGO_SECONDS = 24 * 3600


Answer = TypeVar("Answer")


class IndexedEvent(NamedTuple):
    """An event as the index holds it."""

    place: int  # of its commit in the line
    model: str
    version: str
    introducer: str  # its commit, where it registers the version; else empty
    facts: str  # JSON


class IndexedCommit(NamedTuple):
    """A commit of the line, with its events, the latest first."""

    oid: str
    counts: int | None  # from when, in seconds since 1970; None before the first version
    events: list[tuple[str, str, str, str]]  # as `IndexedEvent`


class Index:
    """The events of the branch, as far as somebody has read its history.

    Every row has a checksum, and it is known how many there are. What is damaged is
    `DamagedIndex`, which says no more than that the history has to be read.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def place(self, oid: str) -> int | None:
        """Return where a commit stands in the line; None if it does not."""
        rows = self._line("oid = ?", oid)
        return rows[0][0] if rows else None

    def counts(self, place: int) -> int | None:
        """Return from when the commit at a place counts; None before the first version."""
        rows = self._line("place = ?", place)
        return rows[0][2] if rows else None

    def dates(self, oid: str, most: int) -> dict[str, int]:
        """Return from when a commit of the line counts, and the `most` before it; {} for others."""
        place = self.place(oid)
        span = (0, -1) if place is None else (place - most, place)
        rows = self._line("place BETWEEN ? AND ?", *span)
        return {row[1]: row[2] for row in rows if row[2] is not None}

    def before(self, seconds: int, place: int) -> str | None:
        """Return the last commit, up to a place, that counts from a moment or earlier."""
        rows = self._line("place <= ? AND counts <= ? ORDER BY place DESC LIMIT 1", place, seconds)
        return rows[0][1] if rows else None

    def events(
        self, first: int, last: int, model: str | None = None, version: str | None = None
    ) -> list[IndexedEvent]:
        """Return the events between two places, the latest first: all, of a model, of a version."""
        if model is not None:
            return [told for told in self._of(model, version) if first <= told.place <= last]
        span = "place BETWEEN ? AND ?", first, last
        line = self._line(*span)
        if len(line) != last - first + 1:
            raise DamagedIndex("line")
        return self._told(*span, count=sum(row[3] for row in line))

    def registrations(self, model: str, version: str | None = None) -> list[IndexedEvent]:
        """Return the events that registered the versions of a model, or one alone."""
        return [told for told in self._of(model, version) if told.introducer]

    def manifests(self, names: Sequence[str]) -> tuple[str, int, int] | None:
        """Return up to which commit manifests were read, when they were made, and their number."""
        rows = self._rows("* FROM manifests")
        if len(rows) != 1 or rows[0][3] != json.dumps(names):
            return None
        tip, made, count, *_ = rows[0]
        return tip, made, count

    def column(self, name: str, made: int) -> list[bytes]:
        """Return the JSON of a column, block by block; BusyIndex where they were made anew."""
        if not self._ask("SELECT 1 FROM manifests WHERE made = ?", made):
            raise BusyIndex("somebody else made it anew")
        chosen = "SELECT data, sum, block FROM columns WHERE name = ? ORDER BY block"
        rows = self._ask(chosen, name)
        for number, (data, crc, block) in enumerate(rows):
            if number != block or not isinstance(data, bytes) or zlib.crc32(data) != crc:
                raise DamagedIndex(name)
        return [row[0] for row in rows]

    def _of(self, model: str, version: str | None) -> list[IndexedEvent]:
        chosen, asked = "model = ?", [model]
        if version is not None:
            chosen, asked = f"{chosen} AND version = ?", [model, version]
        counted = "SELECT sum(events) FROM versions WHERE"
        count = self._ask(f"{counted} {chosen}", *asked)[0][0]
        return self._told(chosen, *asked, count=count or 0)

    def _told(self, chosen: str, *asked: object, count: int) -> list[IndexedEvent]:
        rows = self._rows(f"* FROM events WHERE {chosen} ORDER BY place DESC, number", *asked)
        if len(rows) != count:
            raise DamagedIndex("events")
        return [IndexedEvent(row[0], *row[2:-1]) for row in rows]

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


def add(
    common_dir: Path, base: int, line: Sequence[IndexedCommit], sharing: Sharing = UNSHARED
) -> bool:
    """Write what follows a place in the line, in one transaction; return whether that was done.

    `base`: the place of the commit before the first; -1 reads the line anew.
    """
    return _change(common_dir, lambda database: _extend(database, base, line), sharing)


def _change(common_dir: Path, work: Callable[[sqlite3.Connection], None], sharing: Sharing) -> bool:
    """Do a work in one transaction, in an index that is made if there is none."""
    path = common_dir / OWN_FOLDER / INDEX
    if not _has_sqlite():
        return False

    def change(database: sqlite3.Connection) -> bool:
        if not _is_ours(database):
            return False
        with database:
            database.execute("BEGIN IMMEDIATE")
            work(database)
        return True

    with suppress(OSError, DamagedIndex):
        sharing.make_folder(path.parent)
        if _is_to_be_read(path, common_dir) and _use(path, "rw", change):
            return True
        remove(common_dir)
        _tidy(path.parent)
        files.put(path, (), sharing=sharing)
        _use(path, "rw", _begin)
        return _use(path, "rw", change)
    return False


def _tidy(folder: Path) -> None:
    """Remove what processes left that died while they wrote, a day ago, and older releases."""
    for path in (*folder.glob(f"{INDEX}.*"), *folder.glob("manifests*")):
        if path.stat().st_mtime < time.time() - _LONG_AGO_SECONDS:
            path.unlink(missing_ok=True)


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


def _extend(database: sqlite3.Connection, base: int, line: Sequence[IndexedCommit]) -> None:
    last = database.execute("SELECT max(place) FROM line").fetchone()[0]
    if base > (-1 if last is None else last):
        raise DamagedIndex("somebody else made it anew")
    for table in ("line", "events"):
        database.execute(f"DELETE FROM {table} WHERE place > ?", (base,))  # noqa: S608
    rows = list(enumerate(line, base + 1))
    commits = ((place, one.oid, one.counts, len(one.events)) for place, one in rows)
    events = (
        (place, number, *told) for place, one in rows for number, told in enumerate(one.events)
    )
    put = "INSERT INTO line VALUES (?, ?, ?, ?, ?)"
    database.executemany(put, ((*row, _sum(row)) for row in commits))
    put = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)"
    database.executemany(put, ((*row, _sum(row)) for row in events))
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
        import _sqlite3  # noqa: F401
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
    import _sqlite3  # its wrapper makes adapters for dates, which takes five times as long

    try:
        address = f"{path.absolute().as_uri()}?mode={mode}"
        # A connection that an interrupt leaves open is one until Python looks for garbage.
        with (
            processes.held(),
            closing(_sqlite3.connect(address, uri=True, timeout=0, isolation_level=None)) as opened,
        ):
            # What a power cut damages is found, and made anew.
            for setting in ("trusted_schema = OFF", "synchronous = OFF", "cell_size_check = ON"):
                opened.execute(f"PRAGMA {setting}")
            return work(opened)
    except StoreError:  # some are ValueErrors
        raise
    except (_sqlite3.Error, ValueError, OverflowError) as error:
        code = getattr(error, "sqlite_errorcode", None)
        is_busy = code in (_sqlite3.SQLITE_BUSY, _sqlite3.SQLITE_LOCKED)
        raise (BusyIndex if is_busy else DamagedIndex)(str(error)) from None


def _sum(row: Sequence[object]) -> int:
    return zlib.crc32(repr(row).encode())
