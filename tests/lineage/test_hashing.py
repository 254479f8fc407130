"""Files and folders: read once, remembered until they change, and caught changing."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gitmodelstore.errors import InvalidInput
from gitmodelstore.lineage.data import Hashing, describe, digest_of_file, digest_of_folder

from .conftest import refusal, run

MEBIBYTE = 1 << 20
AGAIN = "try again when nothing is writing to it"


class Seen:
    """Takes progress; `steps` is how often it was called: once a mebibyte that was read."""

    def __init__(self, act=lambda: None, at: int = 1) -> None:
        self.calls: list[tuple[str, int, int]] = []
        self._act, self._at = act, at

    def __call__(self, what: str, done: int, total: int) -> None:
        self.calls.append((what, done, total))
        if len(self.calls) == self._at:
            self._act()

    @property
    def steps(self) -> int:
        return len(self.calls)


@pytest.fixture(scope="module")
def settled(tmp_path_factory):
    """Makes files of three mebibytes that were last changed more than two seconds ago."""
    folder = tmp_path_factory.mktemp("settled")
    for number in range(10):
        (folder / f"{number}.npy").write_bytes(bytes([number]) * 3 * MEBIBYTE)
    for name in ("0.npy", "1.npy", "2.npy"):
        (folder / "set").mkdir(exist_ok=True)
        (folder / "set" / name).write_bytes(name.encode() * 1000)
    time.sleep(2.1)
    left = [folder / f"{number}.npy" for number in range(10)]
    return lambda: left.pop()


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache"


def notes(cache: Path) -> list[Path]:
    return sorted((cache / "data").iterdir()) if cache.exists() else []


def steps(path: Path, cache: Path | None) -> int:
    """Read a file and return how many steps that took; its digest is always right."""
    seen = Seen()
    found, size = digest_of_file(path, Hashing(cache, seen))
    assert found.hex == hashlib.sha256(path.read_bytes()).hexdigest()
    assert size == path.stat().st_size
    return seen.steps


def test_a_file_that_has_not_changed_is_not_read_again(settled, cache):
    path = settled()

    assert [steps(path, cache), steps(path, cache), steps(path, None)] == [3, 1, 3]
    assert len(notes(cache)) == 1
    assert notes(cache)[0].stat().st_mode & 0o077 == 0
    assert path.name.encode() not in notes(cache)[0].read_bytes()


def test_a_change_is_seen_though_size_and_time_are_set_back(settled, cache):
    path = settled()
    steps(path, cache)
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"x")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert path.stat().st_size == before.st_size
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert steps(path, cache) == 3


def test_another_file_in_its_place_is_seen(settled, cache):
    path, other = settled(), settled()
    steps(path, cache)
    other.replace(path)

    assert steps(path, cache) == 3


def test_a_file_that_was_just_written_is_not_remembered(tmp_path, cache):
    path = tmp_path / "new.npy"
    path.write_bytes(b"a" * 3 * MEBIBYTE)

    assert [steps(path, cache), steps(path, cache)] == [3, 3]
    assert notes(cache) == []


def test_a_damaged_memo_is_neither_an_error_nor_believed(settled, cache):
    path = settled()
    steps(path, cache)
    (note,) = notes(cache)
    good = note.read_bytes()
    damaged = [b"", good[:-1], good[:40], good + b"x", b"\0" * len(good), good[65:]]
    for place in range(0, len(good), 7):
        damaged.append(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])

    for data in damaged:
        note.write_bytes(data)
        assert steps(path, cache) == 3
        assert note.read_bytes() == good  # written anew


def test_a_memo_that_cannot_be_kept_is_done_without(settled, tmp_path):
    path = settled()
    in_the_way = tmp_path / "cache"
    in_the_way.write_text("a file")
    (tmp_path / "other" / "data").mkdir(parents=True)
    steps(path, tmp_path / "other")
    (note,) = notes(tmp_path / "other")
    note.unlink()
    note.mkdir()

    assert [steps(path, in_the_way), steps(path, tmp_path / "other")] == [3, 3]


def test_the_files_of_a_folder_are_remembered_one_by_one(settled, cache):
    folder = settled().parent / "set"
    before, _ = digest_of_folder(folder, Hashing(cache))
    seen = Seen()
    again, _ = digest_of_folder(folder, Hashing(cache, seen))
    (folder / "1.npy").write_bytes(b"other")
    (folder / "2.npy").unlink()
    changed, _ = digest_of_folder(folder, Hashing(cache))

    assert before == again
    assert changed == digest_of_folder(folder)[0] != before
    assert notes(cache)[0].read_bytes().count(b"\n") == 2  # the sum, and 0.npy


def test_what_was_read_is_remembered_though_the_rest_is_not(settled, cache):
    path = settled()
    folder = path.parent / "half"
    folder.mkdir()
    path.rename(folder / "a.npy")  # which changes its time of change
    time.sleep(2.1)
    (folder / "b.npy").symlink_to("nowhere")

    with pytest.raises(InvalidInput) as caught:
        digest_of_folder(folder, Hashing(cache))
    (folder / "b.npy").unlink()
    seen = Seen()
    digest_of_folder(folder, Hashing(cache, seen))

    assert str(caught.value) == f"'{folder}/b.npy' is neither a file nor a folder"
    assert seen.steps == 1


def test_old_memos_go_when_there_are_too_many(settled, cache, monkeypatch):
    monkeypatch.setattr("gitmodelstore.plumbing.large_files._MOST_BYTES", 400)
    path = settled()
    (cache / "data").mkdir(parents=True)
    for number in range(5):
        old = cache / "data" / f"{number}"
        old.write_bytes(b"x" * 100)
        os.utime(old, (number + 1, number + 1))
    steps(path, cache)

    kept = {note.name for note in notes(cache)}
    assert {"3", "4"} <= kept
    assert len(kept) == 3


def test_progress_is_told_what_how_much_and_of_how_much(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a").write_bytes(b"a" * (MEBIBYTE + 1))
    (tmp_path / "set" / "b").write_bytes(b"")
    seen = Seen()
    digest_of_folder(tmp_path / "set", Hashing(progress=seen))

    total = MEBIBYTE + 1
    name = str(tmp_path / "set")
    assert seen.calls == [(name, MEBIBYTE, total), (name, total, total), (name, total, total)]


def test_nobody_is_told_of_more_than_there_is(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("a,b\n1,2\n")
    seen = Seen()
    describe("train", path, hashing=Hashing(progress=seen))

    assert seen.calls == [(str(path), 8, 8)]


# Data that changes while it is read: whoever is told of the progress writes to it


@pytest.mark.parametrize("name", ["train.npy", "train.csv"])
@pytest.mark.parametrize("writing", ["append", "overwrite", "cut", "replace", "delete"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, name, writing):
    path = tmp_path / name
    other = tmp_path / "other"
    for each in (path, other):
        each.write_bytes(b"1,2\n" * MEBIBYTE)

    def write(mode: str, data: bytes) -> None:
        with path.open(mode) as file:
            file.write(data)

    writings = {
        "append": lambda: write("ab", b"3,4\n"),
        "overwrite": lambda: write("r+b", b"9"),
        "cut": lambda: os.truncate(path, 5),
        "replace": lambda: other.replace(path),
        "delete": path.unlink,
    }
    with pytest.raises(InvalidInput) as caught:
        describe("train", path, hashing=Hashing(tmp_path / "cache", Seen(writings[writing])))

    assert str(caught.value) == f"data set 'train': '{path}' changed while it was read"
    assert caught.value.hint == AGAIN
    assert notes(tmp_path / "cache") == []


def test_a_file_that_is_always_written_to_has_no_digest_of_half_a_change(tmp_path):
    path = tmp_path / "data.npy"
    size = MEBIBYTE // 2
    path.write_bytes(b"a" * size)
    program = """if True:
        import os, sys, time
        with open(sys.argv[1], "r+b", buffering=0) as file:
            while not os.path.exists(sys.argv[2]):
                for letter in (b"b", b"a"):
                    began = time.monotonic()
                    file.seek(0)
                    for _ in range(8): file.write(letter * 65536)
                    if time.monotonic() - began > 0.015: print("it stood still")
                    time.sleep(0.001)
        """
    whole = {hashlib.sha256(letter * size).hexdigest() for letter in (b"a", b"b")}
    refused, halves, last = 0, 0, ""
    end = tmp_path / "end"
    command = [sys.executable, "-c", program, str(path), str(end)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        try:
            deadline = time.monotonic() + 30
            while refused < 100 and time.monotonic() < deadline:
                try:
                    digest = digest_of_file(path)[0].hex
                    halves += digest not in whole and digest != last
                    last = digest
                except InvalidInput:
                    refused += 1
        finally:
            end.touch()
            stops = writer.communicate()[0].count(b"\n")

    assert halves <= stops  # where the machine stopped the writer halfway, half is what there is
    assert refused == 100


def test_a_file_that_grows_as_fast_as_it_is_read_is_given_up(tmp_path):
    path = tmp_path / "log.npy"
    path.write_bytes(b"a" * 3 * MEBIBYTE)
    calls: list[int] = []

    def write(what: str, done: int, total: int) -> None:
        calls.append(done)
        with path.open("ab") as file:
            file.write(b"a" * MEBIBYTE)

    with pytest.raises(InvalidInput, match="changed while it was read"):
        digest_of_file(path, Hashing(progress=write))

    assert calls == [MEBIBYTE, 2 * MEBIBYTE, 3 * MEBIBYTE, 4 * MEBIBYTE]


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three files, which hold their names."""
    folder = tmp_path / "set"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / name).write_text(name)
    return folder


@pytest.mark.parametrize("writing", ["add", "remove", "rename"])
def test_files_that_come_or_go_while_a_folder_is_read_are_noticed(folder, writing):
    writings = {
        "add": lambda: (folder / "a0").write_text("new"),
        "remove": (folder / "c").unlink,
        "rename": lambda: (folder / "c").rename(folder / "z"),
    }
    with pytest.raises(InvalidInput) as caught:
        digest_of_folder(folder, Hashing(progress=Seen(writings[writing])))

    assert str(caught.value) == f"'{folder}' changed while it was read"
    assert caught.value.hint == AGAIN


def test_a_file_that_changes_after_it_was_read_spoils_its_folder(folder):
    with pytest.raises(InvalidInput) as caught:
        digest_of_folder(folder, Hashing(progress=Seen(lambda: (folder / "a").write_text("A"), 2)))

    assert str(caught.value) == f"'{folder}/a' changed while it was read"


# Data that cannot be read


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/proc/self/mem", "cannot read '/proc/self/mem': input/output error"),
        ("set", "'{folder}/set/gone.csv' is neither a file nor a folder"),
        ("circle", "cannot read '{folder}/circle': too many levels of symbolic links"),
        ("x" * 300, "cannot read '{folder}/" + "x" * 300 + "': file name too long"),
    ],
    ids=["a disk's error", "a link to nowhere", "a link to itself", "a long name"],
)
def test_what_the_system_cannot_read_is_refused_in_its_words(tmp_path, name, said):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "gone.csv").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")

    assert refusal("train", tmp_path / name)[0] == f"data set 'train': {said}".format(
        folder=tmp_path
    )


def test_what_may_not_be_read_is_named_within_a_folder_too(tmp_path):
    tmp_path.chmod(0o755)
    folder = tmp_path / "set"
    folder.mkdir(mode=0o755)
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text("a\n1\n")
    (folder / "b.csv").chmod(0)
    (tmp_path / "closed").mkdir(mode=0)
    program = """if True:
        import os, sys
        from gitmodelstore.lineage.data import InvalidInput, describe
        if os.geteuid() == 0:  # root reads everything, and may import it
            describe("train", "set")
            os.setuid(65534)
        for path in sys.argv[1:]:
            try:
                describe("train", path)
            except InvalidInput as error:
                print(error)
        """

    said = run(tmp_path, "-c", program, "set", "set/b.csv", "closed", "closed/x.csv")

    assert said.splitlines() == [
        f"data set 'train': cannot read '{name}': permission denied"
        for name in ("set/b.csv", "set/b.csv", "closed", "closed/x.csv")
    ]
