"""The index of manifests makes searches fast, and nothing else: it is never believed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import gitmodelstore as gms
from gitmodelstore import Store
from gitmodelstore.errors import BusyIndex
from gitmodelstore.operations import history, resolve
from gitmodelstore.plumbing.index import ColumnBlock, manifests
from gitmodelstore.values import query
from tests.store import children

from .conftest import once

EVERY = "metrics.number >= 0"
COLUMNS = (*query.keys(), "@blob", "@commit", "@fault")


@pytest.fixture
@once
def few(any_store: Store, fitted) -> Store:
    """Five versions of churn, whose metric `number` is their minor number."""
    for number in range(5):
        add(any_store, fitted, number)
    return any_store


def add(store: Store, fitted, number: int, model: str = "churn") -> None:
    store.register(
        fitted, model, version=f"1.{number}.0", metrics={"number": number}, code=None, sample=None
    )


def numbers(store: Store, expression: str = EVERY) -> dict[str, float]:
    """Ask in a store just opened."""
    again = Store.open(store.path)
    return {match.ref: match.values["metrics.number"] for match in again.search(expression)}


def expected(*which: int) -> dict[str, float]:
    return {f"churn@1.{number}.0": number for number in sorted(which, reverse=True)}


def index(store: Store) -> Path:
    path: Path = store._repository.common_dir / "gitmodelstore" / "index.sqlite"
    return path


def test_it_is_made_by_the_first_search_and_not_written_again(few):
    assert not index(few).exists()
    assert numbers(few) == expected(*range(5))
    written = index(few).stat()

    assert numbers(few) == expected(*range(5))

    again = index(few).stat()
    assert (again.st_ino, again.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    assert [one for one in os.listdir(index(few).parent) if "index" in one] == ["index.sqlite"]


def test_a_second_search_needs_no_git_and_no_manifest(few, monkeypatch, tmp_path):
    numbers(few)
    lose_manifests(few)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("git") is None

    assert numbers(few) == expected(*range(5))


def lose_manifests(store: Store) -> None:
    objects = store._repository.common_dir / "objects"
    for version in store.versions("churn"):
        oid = store._snapshot().files(version)["manifest.json"].oid
        (objects / oid[:2] / oid[2:]).unlink()


def test_only_what_was_added_since_is_read(few, fitted):
    numbers(few)
    add(few, fitted, 5)
    add(few, fitted, 0, model="fraud")
    few.promote("churn@1.3.0", "production")
    lost = few._snapshot().files(few.version("churn@1.2.0"))["manifest.json"].oid
    (few._repository.common_dir / "objects" / lost[:2] / lost[2:]).unlink()

    assert numbers(few) == {**expected(*range(6)), "fraud@1.0.0": 0}
    assert numbers(few, f'{EVERY} and status == "production"') == expected(3)


def test_without_the_cache_it_is_neither_read_nor_written(few):
    Store.open(few.path, cache=False).search(EVERY)
    assert not index(few).exists()

    numbers(few)
    before = index(few).read_bytes()
    index(few).write_bytes(b"nonsense")

    assert len(Store.open(few.path, cache=False).search(EVERY)) == 5
    assert index(few).read_bytes() == b"nonsense" != before


# Whatever becomes of the file


def holding(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(change(path.read_bytes()))


def holding_that(*changes: str) -> Callable[[Path], object]:
    """What another release, or another program, might write."""

    def change(path: Path) -> None:
        with closing(sqlite3.connect(path)) as database:
            for one in changes:
                database.execute(one)
            database.commit()

    return change


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": holding(lambda data: b""),
    "garbage": holding(lambda data: os.urandom(4000)),
    "cut short": holding(lambda data: data[:-1]),
    "cut in the first page": holding(lambda data: data[:100]),
    "first page alone": holding(lambda data: data[:4096]),
    "longer": holding(lambda data: data + b"[]"),
    "folder in its place": lambda path: (path.unlink(), path.mkdir()),
    "link to nothing": lambda path: (path.unlink(), path.symlink_to("nowhere")),
    "of another format": holding_that("PRAGMA user_version = 2"),
    "of another program": holding_that("PRAGMA application_id = 7"),
    "without a table": holding_that("DROP TABLE columns"),
    "with a trigger": holding_that(
        "CREATE TRIGGER forget AFTER INSERT ON manifests BEGIN DELETE FROM manifests; END"
    ),
    "other columns": holding_that("""UPDATE manifests SET names = '["mood"]'"""),
    "unknown tip": holding_that("UPDATE manifests SET tip = replace(hex(zeroblob(20)), 'x', '')"),
    "no tip": holding_that("UPDATE manifests SET tip = NULL"),
    "more manifests": holding_that("UPDATE manifests SET count = 7"),
    "two states": holding_that("INSERT INTO manifests SELECT * FROM manifests"),
    "no state": holding_that("DELETE FROM manifests"),
    "no blocks": holding_that("DELETE FROM columns"),
    "a column less": holding_that("DELETE FROM columns WHERE name = 'metrics'"),
    "a column of text": holding_that("UPDATE columns SET data = 'x' WHERE name = 'metrics'"),
}


@pytest.mark.corpus("damage", DAMAGES)
def test_answers_stay_right_whatever_becomes_of_it(few, fitted, damage):
    numbers(few)
    DAMAGES[damage](index(few))

    assert numbers(few) == expected(*range(5))
    add(few, fitted, 5)
    assert numbers(few) == expected(*range(6))
    assert numbers(few) == expected(*range(6))


def test_a_bit_that_flips_anywhere_changes_no_answer(bare_store, fitted):
    for number in range(3):
        add(bare_store, fitted, number)
    numbers(bare_store)
    whole = index(bare_store).read_bytes()

    for position in range(0, len(whole), len(whole) // 150):
        data = bytearray(whole)
        data[position] ^= 1 << (position % 8)
        index(bare_store).write_bytes(data)
        assert numbers(bare_store) == expected(*range(3)), position


def test_damage_in_the_middle_of_a_block_survives_no_addition(bare_store, fitted):
    add(bare_store, fitted, 0)
    numbers(bare_store)
    data = index(bare_store).read_bytes()
    assert data.count(b'"number":0') + data.count(b'"number": 0') == 1
    index(bare_store).write_bytes(data.replace(b'"number": 0', b'"number": 7'))

    add(bare_store, fitted, 1)

    assert numbers(bare_store) == expected(0, 1)
    assert numbers(bare_store) == expected(0, 1)


def test_the_index_of_another_store_is_not_believed(few, tmp_path, fitted):
    other = Store.init(tmp_path / "other", bare=True, durable=False)
    other.register(fitted, "churn", version="1.0.0", metrics={"number": 99}, code=None)
    other.search(EVERY)
    shutil.copy(index(other), index(few))

    assert numbers(few) == expected(*range(5))


def test_a_python_without_sqlite_does_without(few, monkeypatch):
    numbers(few)
    written = index(few).stat().st_mtime_ns
    monkeypatch.setitem(sys.modules, "_sqlite3", None)

    assert numbers(few) == expected(*range(5))
    assert index(few).stat().st_mtime_ns == written


def test_a_folder_that_takes_no_file_is_no_obstacle(few):
    own = index(few).parent
    shutil.rmtree(own)
    own.write_text("no folder")

    assert numbers(few) == expected(*range(5))
    assert own.read_text() == "no folder"


def test_a_git_directory_that_may_not_be_written_is_no_obstacle(few):
    def search() -> None:
        children.obey_permissions()
        assert numbers(few) == expected(*range(5))
        assert not index(few).exists()

    own = index(few).parent
    own.chmod(0o500)
    try:
        assert children.run(search) == 0
    finally:
        own.chmod(0o700)


def test_what_a_dead_process_left_is_removed_after_a_day(few):
    left, young = (index(few).with_name(f"index.sqlite.1.{name}") for name in ("old", "new"))
    for path in (left, young):
        path.write_text("half")
    os.utime(left, (1, 1))

    numbers(few)

    assert (left.exists(), young.exists()) == (False, True)


# Whatever becomes of the history


def test_a_version_that_was_taken_back_and_registered_anew(store, fitted, git):
    add(store, fitted, 0)
    before = git(store.path, "rev-parse", "main").strip()
    add(store, fitted, 1)
    assert numbers(store) == expected(0, 1)

    git(store.path, "reset", "--quiet", "--hard", before)
    git(store.path, "tag", "-d", "churn@v1.1.0")
    assert numbers(store) == expected(0)
    again = Store.open(store.path, durable=False)
    again.register(fitted, "churn", version="1.1.0", metrics={"number": 11}, code=None)

    assert numbers(store) == {"churn@1.1.0": 11, "churn@1.0.0": 0}


def test_a_version_that_was_changed_in_place_is_the_one_that_was_released(store, fitted, git):
    add(store, fitted, 0)
    path = store.path / "models/churn/manifest.json"
    path.write_text(path.read_text().replace('"number": 0', '"number": 8'))
    git(store.path, "commit", "--quiet", "--all", "-m", "better numbers")

    assert numbers(store) == expected(0)
    assert numbers(store) == expected(0)


@pytest.mark.parametrize("how", ["--squash", "--no-ff"])
def test_versions_that_came_in_one_proposal(store, fitted, git, how):
    add(store, fitted, 0)
    numbers(store)
    git(store.path, "checkout", "--quiet", "-b", "proposal")
    git(store.path, "config", "store.branch", "proposal")
    proposal = Store.open(store.path, durable=False)
    for number in (1, 2):
        add(proposal, fitted, number)
    git(store.path, "checkout", "--quiet", "main")
    git(store.path, "merge", "--quiet", how, "proposal")
    if how == "--squash":
        git(store.path, "commit", "--quiet", "-m", "two versions")
    git(store.path, "config", "--unset", "store.branch")

    assert numbers(store) == expected(0, 1, 2)
    assert numbers(store) == expected(0, 1, 2)
    if how == "--no-ff":
        assert [match.commit for match in store.search(EVERY)] == [
            version.commit for version in store.versions("churn")
        ]


def test_a_rollback_adds_nothing(store, fitted):
    for number in range(2):
        add(store, fitted, number)
        store.promote(f"churn@1.{number}.0", "production")
    store.rollback("churn", reason="drift")

    assert numbers(store) == expected(0, 1)
    assert numbers(store, f'{EVERY} and status == "withdrawn"') == expected(1)


def test_a_clone_makes_its_own(store, fitted, git, tmp_path):
    add(store, fitted, 0)
    numbers(store)
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{store.path}", "clone")

    assert numbers(Store.open(tmp_path / "clone")) == expected(0)


def test_a_linked_work_tree_shares_it(store, fitted, git, tmp_path):
    add(store, fitted, 0)
    numbers(store)
    git(store.path, "worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))

    assert numbers(Store.open(tmp_path / "linked")) == expected(0)
    assert not (store.path / ".git/worktrees/linked/gitmodelstore").exists()


def test_several_processes_at_once(few, fitted):
    program = (
        "import sys; from gitmodelstore import Store\n"
        "for _ in range(20):\n"
        "    found = Store.open(sys.argv[1]).search('metrics.number >= 0')\n"
        "    wrong = [m for m in found if m.values['metrics.number'] != m.version.minor]\n"
        "    assert not wrong and len(found) >= 5, found\n"
    )
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(few.path)],
            env={**os.environ, "PYTHONPATH": str(Path(gms.__file__).parents[1])},
        )
        for _ in range(3)
    ]
    for number in range(5, 15):
        add(few, fitted, number)

    assert [process.wait() for process in asking] == [0, 0, 0]
    assert numbers(few) == expected(*range(15))
    assert not list(index(few).parent.glob("index.sqlite?*"))


# Blocks


def test_many_versions_stand_in_several_blocks(store, fitted, monkeypatch):
    monkeypatch.setattr("gitmodelstore.plumbing.index.ROWS_A_BLOCK", 2)
    for number in range(5):
        add(store, fitted, number)
        if number in (0, 3):
            assert numbers(store) == expected(*range(number + 1))

    assert numbers(store) == expected(*range(5))
    kept = manifests(store._repository.common_dir, COLUMNS)
    assert kept is not None
    assert [len(block.column("version")) for block in kept.blocks] == [2, 2, 1]


def test_what_others_add_while_it_is_read_is_left_out(few, fitted):
    numbers(few)
    kept = manifests(few._repository.common_dir, COLUMNS)
    add(few, fitted, 5)
    assert numbers(few) == expected(*range(6))

    assert kept is not None
    (block,) = kept.blocks
    assert block.column("version") == [f"1.{number}.0" for number in range(5)]


def test_what_others_make_anew_while_it_is_read_is_not_mixed_with_it(few):
    numbers(few)
    kept = manifests(few._repository.common_dir, COLUMNS)
    index(few).unlink()
    assert numbers(few) == expected(*range(5))

    assert kept is not None
    with pytest.raises(BusyIndex):
        kept.blocks[0].column("version")


@pytest.mark.filterwarnings("ignore::gitmodelstore.errors.BehindWarning")
@pytest.mark.parametrize("alone", [0, 1, 2])
def test_a_list_says_by_the_index_what_it_says_of_each_version(few, git, monkeypatch, alone):
    few.promote("churn@latest", "production")
    git(few.path, "tag", "churn@v9.0.0", "churn@v1.0.0^{}", "-a", "-m", "lost")
    each = list(Store.open(few.path).listing("churn"))
    monkeypatch.setattr(resolve, "_READ_ALONE", alone)

    assert list(Store.open(few.path).listing("churn")) == each
    assert [one.status for one in each].count(None) == 1


def test_a_list_of_one_model_makes_it_where_the_history_is_long(few, monkeypatch):
    """The date of each version depends on all that came before."""
    list(Store.open(few.path).listing("churn"))
    assert not index(few).exists()
    monkeypatch.setattr(history, "_WORTH_AN_INDEX", 3)

    list(Store.open(few.path).listing("churn"))

    assert index(few).exists()


def test_a_column_gives_back_what_each_row_has():
    rows = [{"a": b"1", "b": b'"x"'}, {"a": b"1"}, {"a": b'{"k":[2]}', "b": b"null"}]

    block = ColumnBlock.of(rows, ["a", "b"])

    assert block.column("a") == [1, 1, {"k": [2]}]
    assert block.column("b") == ["x", None, None]
    assert ColumnBlock.of(block.rows(["a", "b"]), ["a", "b"]).column("a") == block.column("a")
    assert block.data("a") == b'[[1,{"k":[2]}],[0,0,1]]'
