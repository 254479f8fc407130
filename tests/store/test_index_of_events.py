"""The index of events answers as the history does, costs what is new, and is never believed.

Histories are drawn and written by `git fast-import`: hand-made registries, some of which are none,
merges, annotations and approvals that may lie, clocks that go wrong, branches that go back.
"""

from __future__ import annotations

import gc
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.checks.history import effective_date
from gitmodelstore.operations import history
from gitmodelstore.operations.history import History
from gitmodelstore.plumbing import index as plumbing_index
from gitmodelstore.plumbing.index import ask
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.events import Event
from gitmodelstore.values.names import Version
from gitmodelstore.values.registry import EMPTY, Registry
from tests.programme.test_interrupts import descriptors, struck_at

BEGAN = 1_790_000_000
STATUSES = ("registered", "staging", "production", "archived", "withdrawn")
MODELS = ("churn", "risk", "a", "a-b")


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index is made after the first commit, not after the sixty-fourth."""
    monkeypatch.setattr(history, "_WORTH_AN_INDEX", 1)


class Drawn:
    """A bare repository whose branch is drawn, commit by commit."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path, self.random = path, random.Random(seed)  # noqa: S311
        self.registry, self.now, self.marks, self.tip = EMPTY, BEGAN, 0, ""
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(path)], check=True)

    def git(self, *args: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.path), *args],
            input=stdin, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout

    def extend(self, count: int) -> None:
        """Put commits on the branch; a fifth of them are merges of one that says something."""
        lines: list[str] = []
        parent = self.tip
        for _ in range(count):
            side = ""
            if parent and self.random.random() < 0.2:
                side = self._commit(lines, "side", parent, None, self._annotation())
            data = None if self.random.random() < 0.2 and parent else self._registry()
            parent = self._commit(lines, "main", parent, data, self._message(), side)
        self.git("fast-import", "--quiet", "--force", stdin="".join(lines))
        if packing := self.random.choice(["", "-q", "-adq", "-adfq --depth=3", "-adfq"]):
            self.git("repack", *packing.split())
        self.tip = self.git("rev-parse", "refs/heads/main").strip()

    def _commit(
        self,
        lines: list[str],
        ref: str,
        parent: str,
        data: str | None,
        message: str,
        side: str = "",
    ) -> str:
        self.marks += 1
        self.now += self.random.choice([-90, 0, 1, 3600, 86_400])
        lines += [f"commit refs/heads/{ref}\nmark :{self.marks}\n"]
        lines += [f"committer Ada Lovelace <ada@example.org> {self.now} +0000\n"]
        lines += [f"data {len(message.encode())}\n{message}\n"]
        lines += [f"from {parent}\n"] if parent else []
        lines += [f"merge {side}\n"] if side else []
        if data is not None:
            lines += [f"M 100644 inline registry.json\ndata {len(data.encode())}\n{data}\n"]
        return f":{self.marks}"

    def _registry(self) -> str:
        kind = self.random.random()
        if kind < 0.1:  # somebody's editor: none, of another form, with what no version could be
            text = self.registry.render().decode()
            broken = ("", "{", text.replace(",", "", 1), text[:-2], text.replace("1.0", "1.1", 1))
            other = json.dumps(json.loads(text)), text.replace("staging", "no such: status")
            twice = text.replace('"churn"', '"risk"')
            return self.random.choice([*broken, *other, twice])
        for _ in range(self.random.choice([1, 1, 1, 2, 5])):
            if kind < 0.15 and self.registry.models:
                models = {m: dict(statuses) for m, statuses in self.registry.models.items()}
                del models[self.random.choice(list(models))]
                self.registry = Registry(models)
            number = Version(1, self.random.randrange(6), self.random.randrange(3))
            status = self.random.choice(STATUSES)
            self.registry = self.registry.with_status(self.random.choice(MODELS), number, status)
        return self.registry.render().decode()

    def _message(self) -> str:
        kind = self.random.random()
        if kind < 0.2:
            return self._annotation()
        model, before, after = (self.random.choice(n) for n in (MODELS, STATUSES, STATUSES))
        clock = "\n\nClock: 2026-03-03T10:00:00Z" if kind > 0.9 else ""
        return (
            (
                f"move\n\nEvent: promoted\nModel: {model}\nVersion: 1.0.0\nFrom: {before}\n"
                f"To: {after}\nReason: drïft \udce9{clock}"
            )
            .encode(errors="replace")
            .decode()
        )

    def _annotation(self) -> str:
        model, key = self.random.choice(MODELS), self.random.choice(["auc", "ticket"])
        version = f"1.{self.random.randrange(6)}.{self.random.randrange(3)}"
        return (
            f"say\n\nEvent: annotated\nModel: {model}\nVersion: {version}\n"
            f"Key: {key}\nValue: {self.random.choice(['0.83', 'true', chr(34) + 'A' + chr(34)])}"
        )


@pytest.fixture
def drawn(tmp_path: Path) -> Drawn:
    seed = random.randrange(1 << 32)  # noqa: S311 - as every drawing here
    print("seed", seed)
    return Drawn(tmp_path / "drawn.git", seed)


def told(path: Path, tip: str, *, indexed: bool, **chosen: object) -> tuple[list[Event], list[str]]:
    """Return the events up to a commit and what could not be read, in a repository just opened."""
    repository = Repository.open(path)
    repository.keeps_index = indexed
    faults: list[str] = []
    line = History(repository, repository.commit(tip))
    return list(line.events(tell=faults.append, **chosen)), faults  # type: ignore[arg-type]


def index(path: Path) -> Path:
    return path / "gitmodelstore" / "index.sqlite"


def line_of(drawn: Drawn) -> list[str]:
    return drawn.git("rev-list", "--first-parent", "main").split()


def check_answers(drawn: Drawn) -> None:
    """All events, those of each model and of some versions; of some earlier commits, and dates."""
    line = line_of(drawn)
    tips = [line[0], drawn.random.choice(line)]
    choices: list[dict[str, object]] = [{}, *({"model": model} for model in MODELS)]
    choices += [{"model": "churn", "version": Version(1, n, 0)} for n in range(2)]
    for tip in tips:
        for chosen in choices:
            plain = told(drawn.path, tip, indexed=False, **chosen)
            assert told(drawn.path, tip, indexed=True, **chosen) == plain
        moments = [BEGAN + drawn.random.randrange(drawn.now - BEGAN + 1) for _ in range(5)]
        for seconds in [0, *moments, drawn.now + 90]:
            moment = datetime.fromtimestamp(seconds, timezone.utc)
            answers = [history_of(drawn, tip, flag).at(moment) for flag in (True, False)]
            assert answers[0] == answers[1]
        for oid in drawn.random.sample(line, min(5, len(line))):
            assert history_of(drawn, tip, True).holds(oid) == (line.index(oid) >= line.index(tip))


def history_of(drawn: Drawn, tip: str, indexed: bool) -> History:
    repository = Repository.open(drawn.path)
    repository.keeps_index = indexed
    return History(repository, repository.commit(tip))


def test_a_drawn_history_is_told_as_without_an_index(drawn: Drawn) -> None:
    """Made at once, then brought up as the branch goes on, goes back, and goes elsewhere."""
    for count in (30, 1, 7):
        drawn.extend(count)
        check_answers(drawn)
    assert index(drawn.path).exists()

    line = line_of(drawn)
    drawn.tip = line[drawn.random.randrange(len(line))]
    drawn.git("update-ref", "refs/heads/main", drawn.tip)
    check_answers(drawn)
    drawn.extend(5)
    check_answers(drawn)


def test_what_a_branch_left_and_a_merge_brought_back_is_held(drawn: Drawn) -> None:
    drawn.extend(10)
    left = drawn.tip
    told(drawn.path, left, indexed=True)
    base = drawn.git("rev-parse", f"{left}~3").strip()
    who = ("-c", "user.name=A", "-c", "user.email=a@b")
    merge = ("commit-tree", "-m", "merge", "-p", base, "-p", left, f"{left}^{{tree}}")
    drawn.git("update-ref", "refs/heads/main", drawn.git(*who, *merge).strip())

    assert history_of(drawn, line_of(drawn)[0], True).holds(left)
    check_answers(drawn)


@pytest.mark.long
@pytest.mark.parametrize("number", range(60))
def test_many_drawn_histories_are_told_as_without_an_index(drawn: Drawn, number: int) -> None:
    test_a_drawn_history_is_told_as_without_an_index(drawn)


def truncated(path: Path, at: random.Random) -> None:
    os.truncate(path, at.randrange(path.stat().st_size))


def flipped(path: Path, at: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(at.choice([1, 1, 8, 200])):
        data[at.randrange(len(data))] ^= 1 << at.randrange(8)
    path.write_bytes(data)


def garbage(path: Path, at: random.Random) -> None:
    path.write_bytes(at.randbytes(5000))


def empty(path: Path, at: random.Random) -> None:
    path.write_bytes(b"")


def a_folder(path: Path, at: random.Random) -> None:
    path.unlink()
    path.mkdir()


def a_dangling_link(path: Path, at: random.Random) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def of_another_program(path: Path, at: random.Random) -> None:
    path.unlink()
    sql(path, "CREATE TABLE line (place, oid)")


def of_another_release(path: Path, at: random.Random) -> None:
    sql(path, "PRAGMA user_version = 99")


def a_table_too_many(path: Path, at: random.Random) -> None:
    sql(path, "CREATE VIEW more AS SELECT * FROM line")


def lost_events(path: Path, at: random.Random) -> None:
    sql(path, "DELETE FROM events WHERE place % 3 = 1")


def lost_commits(path: Path, at: random.Random) -> None:
    sql(path, "DELETE FROM line WHERE place % 3 = 1")


def another_word(path: Path, at: random.Random) -> None:
    sql(path, "UPDATE events SET facts = replace(facts, 'archived', 'production')")


def another_place(path: Path, at: random.Random) -> None:
    sql(path, "UPDATE line SET place = place + 1000 WHERE place > 5")


def another_date(path: Path, at: random.Random) -> None:
    sql(path, "UPDATE line SET counts = counts + 86400")


def sql(path: Path, what: str) -> None:
    database = sqlite3.connect(path)
    with database:
        database.execute(what)
    database.close()


DAMAGES: list[Callable[[Path, random.Random], None]] = [
    truncated, flipped, garbage, empty, a_folder, a_dangling_link, of_another_program,
    of_another_release, a_table_too_many, lost_events, lost_commits, another_word, another_place,
    another_date,
]  # fmt: skip


SAMPLE = (flipped, of_another_program, lost_events)


@pytest.mark.parametrize(
    "damage",
    [one if one in SAMPLE else pytest.param(one, marks=pytest.mark.long) for one in DAMAGES],
    ids=lambda damage: damage.__name__,
)
def test_a_damaged_index_is_made_anew(drawn: Drawn, damage: Callable[..., None]) -> None:
    drawn.extend(25)
    told(drawn.path, drawn.tip, indexed=True)
    whole = index(drawn.path).read_bytes()
    for _ in range(3 if damage in (truncated, flipped) else 1):
        if not index(drawn.path).is_dir():
            index(drawn.path).unlink(missing_ok=True)
            index(drawn.path).write_bytes(whole)
        damage(index(drawn.path), drawn.random)

        check_answers(drawn)


def test_one_that_somebody_else_writes_is_no_hindrance(drawn: Drawn) -> None:
    drawn.extend(10)
    told(drawn.path, drawn.tip, indexed=True)
    drawn.extend(10)
    writer = sqlite3.connect(index(drawn.path), isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")

    check_answers(drawn)
    writer.rollback()
    writer.close()
    check_answers(drawn)


def test_it_is_not_read_where_others_may_write_it(drawn: Drawn) -> None:
    drawn.extend(10)
    told(drawn.path, drawn.tip, indexed=True)
    index(drawn.path).chmod(0o666)
    sql(index(drawn.path), "DELETE FROM events")
    sql(index(drawn.path), "DELETE FROM versions")
    sql(index(drawn.path), "UPDATE line SET events = 0")

    check_answers(drawn)


def test_without_a_place_to_write_it_everything_is_told(drawn: Drawn, tmp_path: Path) -> None:
    drawn.extend(10)
    shutil.rmtree(drawn.path / "gitmodelstore", ignore_errors=True)
    (drawn.path / "gitmodelstore").write_text("a file in the place of the folder")

    check_answers(drawn)


def test_without_sqlite_everything_is_told(drawn: Drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn.extend(10)
    for name in ("sqlite3", "_sqlite3"):
        monkeypatch.setitem(sys.modules, name, None)

    check_answers(drawn)
    assert not index(drawn.path).exists()


def test_a_store_without_a_cache_keeps_none(any_store: Store, fitted) -> None:
    for number in range(3):
        any_store.register(fitted, "churn", version=f"1.{number}.0", code=None, sample=None)
    plain = Store.open(any_store.path, cache=False)

    events = list(plain.log())
    assert not index(plain._repository.common_dir).exists()
    assert list(Store.open(any_store.path).log()) == events
    assert index(plain._repository.common_dir).exists()


def test_four_at_once_make_one(drawn: Drawn) -> None:
    drawn.extend(60)
    expected = told(drawn.path, drawn.tip, indexed=False)[0]

    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from gitmodelstore.operations import history\n"
        "from gitmodelstore.plumbing.repository import Repository\n"
        "history._WORTH_AN_INDEX = 1\n"
        "repository = Repository.open(Path(sys.argv[1]))\n"
        "line = history.History(repository, repository.commit(sys.argv[2]))\n"
        "print(len(list(line.events())))\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(drawn.path), drawn.tip], stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    answers = [one.communicate()[0] for one in running]
    assert answers == [f"{len(expected)}\n".encode()] * 4
    check_answers(drawn)


def test_no_line_of_a_question_leaves_it_open(drawn: Drawn) -> None:
    drawn.extend(5)
    told(drawn.path, drawn.tip, indexed=True)
    gc.disable()  # which closes it
    before, line, interrupted = descriptors(), 0, True
    try:
        while interrupted:
            line, interrupted = line + 1, False
            try:
                with struck_at(line):
                    answer = ask(drawn.path, lambda found: found.place(drawn.tip))
            except KeyboardInterrupt:
                interrupted = True
            assert descriptors() == before, f"line {line}"
    finally:
        gc.enable()
    assert answer == 4


class TestWhatItCosts:
    """Objects read and programs started, since clocks differ."""

    @pytest.fixture
    def long(self, drawn: Drawn) -> Drawn:
        """300 registrations of one model."""
        lines, registry = [], EMPTY
        for number in range(300):
            registry = registry.with_status("churn", Version(1, number, 0), "registered")
            data = registry.render().decode()
            text = f"register\n\nEvent: registered\nModel: churn\nVersion: 1.{number}.0"
            lines += [f"commit refs/heads/main\ncommitter A <a@b> {BEGAN + number} +0000\n"]
            lines += [f"data {len(text)}\n{text}\n"]
            lines += [f"M 100644 inline registry.json\ndata {len(data)}\n{data}\n"]
        drawn.git("fast-import", "--quiet", stdin="".join(lines))
        drawn.tip = drawn.git("rev-parse", "main").strip()
        return drawn

    @pytest.fixture
    def read(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        oids: list[str] = []
        content = Repository.content
        monkeypatch.setattr(
            Repository,
            "content",
            lambda self, oid, path: oids.append(oid) or content(self, oid, path),
        )
        return oids

    def test_to_make_it_no_registry_is_read_twice(self, long: Drawn, read: list[str]) -> None:
        events = told(long.path, long.tip, indexed=True)[0]

        assert len(events) == 300
        assert len(read) < 10

    def test_once_it_is_there_the_history_is_not_read(self, long: Drawn, read: list[str]) -> None:
        told(long.path, long.tip, indexed=True)
        read.clear()
        repository = Repository.open(long.path)
        line = History(repository, repository.commit(long.tip))

        (event,) = line.events("churn", Version(1, 7, 0))
        assert event.kind == "registered"
        assert line.at(event.when + timedelta(seconds=0.5)).oid == event.commit  # type: ignore[union-attr]
        assert line.holds(event.commit)
        assert read == []
        assert len(repository._commits) == 2  # the tip, and the commit of the answer

    def test_once_it_is_there_a_date_is_not_looked_for_to_the_first_commit(
        self, long: Drawn
    ) -> None:
        date = effective_date(Repository.open(long.path), long.tip)
        told(long.path, long.tip, indexed=True)
        repository = Repository.open(long.path)

        assert effective_date(repository, long.tip) == date
        assert len(repository._commits) < 70

    def test_to_make_it_shows_how_far_it_is(self, long: Drawn, monkeypatch) -> None:
        monkeypatch.setattr(plumbing_index, "_DELAY_SECONDS", 0)
        monkeypatch.setattr(plumbing_index, "_PAUSE_SECONDS", 0)
        repository, lines = Repository.open(long.path), list[str]()
        repository.meter = lines.append

        assert history.bring_up(repository)
        assert lines[0] == "Reading the history:   0% (1/300)"
        assert lines[149] == "Reading the history:  50% (150/300)"
        assert lines[-1] == "Reading the history: 100% (300/300), done."

    def test_a_commit_more_costs_one_step(self, long: Drawn, read: list[str], monkeypatch) -> None:
        monkeypatch.setattr(history, "_WORTH_AN_INDEX", 64)
        told(long.path, long.tip, indexed=True)
        size = index(long.path).stat()
        long.registry = Registry.parse(long.git("show", "main:registry.json").encode())
        long.registry = long.registry.with_status("churn", Version(1, 7, 0), "production")
        lines = [f"commit refs/heads/main\ncommitter A <a@b> {BEGAN + 999} +0000\ndata 4\nmove\n"]
        data = long.registry.render().decode()
        lines += [f"from {long.tip}\nM 100644 inline registry.json\ndata {len(data)}\n{data}\n"]
        long.git("fast-import", "--quiet", stdin="".join(lines))
        tip = long.git("rev-parse", "main").strip()
        read.clear()

        moved, registered = told(
            long.path, tip, indexed=True, model="churn", version=Version(1, 7, 0)
        )[0]
        assert (moved.after, registered.after) == ("production", "registered")
        assert len(read) == 2
        assert index(long.path).stat().st_mtime_ns == size.st_mtime_ns
