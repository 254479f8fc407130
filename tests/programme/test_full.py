"""A disk that is full, a file system that is read-only, too many open files.

Each write, refused at a moment that the test chooses by how much is left: the right error,
nothing torn, and the same write again works. tests/store/test_files.py limits single files.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import CannotRead, CannotWrite, GitFailed, StoreError
from gitmodelstore.operations import load as reading
from gitmodelstore.operations import promote
from tests.store import children
from tests.store.children import acknowledging

# In a process that may open no more files nothing can be imported any more.
IMPORTED = (promote, reading, promote)
LIFE = ("register", "promote", "rollback", "withdraw")
HINT = "check the free space and the permissions of that folder"
LIMIT = "this process cannot open more files: raise its limit with `ulimit -n`"


def mounted(folder: Path, options: str) -> bool:
    """Mount a small file system, which only root may; return whether it could be."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return os.getuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own, of 3 MB; not where another run of pytest would tidy up."""
    with tempfile.TemporaryDirectory(prefix="gitmodelstore-disk-") as name:
        folder = Path(name, "disk")
        if not mounted(folder, "size=3m,nr_inodes=3000"):
            pytest.skip("only root may mount a small file system to fill up")
        yield folder
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def do(store: Store, what: str, pipeline: object) -> None:
    """Do one of LIFE; each changes something, the state being that of `live`."""
    if what == "register":
        store.register(pipeline, "churn", code=None)
    elif what == "promote":
        store.promote("churn@1.0.0", "production")
    elif what == "rollback":
        store.rollback("churn", keep=True)
    else:
        store.withdraw("churn@1.2.0")


def live(folder: Path, fitted, refitted, *, bare: bool) -> Store:
    """A store in which churn 1.0.0, then 1.1.0 came to production, and there is 1.2.0."""
    store = Store.init(folder, bare=bare)
    for pipeline in (fitted, refitted, fitted):
        store.register(pipeline, "churn", code=None)
    for version in ("1.0.0", "1.1.0"):
        store.promote(f"churn@{version}", "production")
    return store


def state(store: Store, git) -> tuple[object, ...]:
    """What git and the store say there is."""
    again = Store.open(store.path)
    clean = "" if not (store.path / ".git").exists() else git(store.path, "status", "--porcelain")
    return (
        [(str(version.version), version.status) for version in again.versions("churn")],
        git(store.path, "tag").split(),
        git(store.path, "rev-parse", "main"),
        git(store.path, "fsck", "--strict", "--no-dangling"),
        clean,
    )


def assert_right(error: StoreError, hint: str = HINT) -> None:
    """The error names the place and the reason, and says what to do."""
    assert type(error) is CannotWrite
    assert str(error).startswith("cannot write to '")
    assert error.hint == hint


def assert_limited(error: StoreError) -> None:
    """The same of open files; where git could not be started for the lack of them too."""
    assert "Too many open files" in str(error)
    if isinstance(error, GitFailed):
        assert str(error) == "git cannot be started: too many open files"
        assert error.hint == "see the limits of this process with `ulimit -a`"
    else:
        assert isinstance(error, (CannotRead, CannotWrite))
        assert error.hint == LIMIT


def fill_bytes(disk: Path, left_pages: int) -> None:
    """Fill a file system up to so many pages."""
    with (disk / "ballast").open("wb", buffering=0) as file:
        rest = shutil.disk_usage(disk).free - left_pages * resource.getpagesize()
        while rest > 0:
            rest -= file.write(bytes(min(rest, 1 << 16)))


def fill_names(disk: Path, left_names: int) -> None:
    """Use up a file system's files, but for so many."""
    (disk / "ballast").mkdir()
    for number in range(os.statvfs(disk).f_favail - left_names):
        (disk / "ballast" / str(number)).touch()


def empty(disk: Path) -> None:
    ballast = disk / "ballast"
    shutil.rmtree(ballast) if ballast.is_dir() else ballast.unlink()


@pytest.mark.corpus("what", LIFE)
@pytest.mark.parametrize("bare", [False, True], ids=["work tree", "bare"])
class TestAFileSystem:
    @pytest.mark.parametrize("fill", [fill_bytes, fill_names], ids=["bytes", "files"])
    def test_that_is_full_refuses_whole_until_there_is_space(
        self, small_disk, git, fitted, refitted, tell, what, bare, fill
    ):
        store = live(small_disk / "store", fitted, refitted, bare=bare)
        before = state(store, git)
        refused = 0
        while refused < 100:
            fill(small_disk, left := refused)
            try:
                do(Store.open(store.path), what, refitted)
                break
            except StoreError as error:
                assert_right(error)
                refused += 1
            finally:
                empty(small_disk)
            assert state(store, git) == before, f"{left} left"
        tell(refused=refused)
        assert 0 < refused < 100
        assert_done(store, git, before)

    def test_that_is_read_only_refuses_and_is_read(
        self, small_disk, git, fitted, refitted, X_test, what, bare
    ):
        store = live(small_disk / "store", fitted, refitted, bare=bare)
        before = state(store, git)
        remount(small_disk, "ro")
        try:
            with pytest.raises(CannotWrite, match="Read-only file system") as caught:
                do(Store.open(store.path), what, refitted)
            assert_right(caught.value)
            loaded = Store.open(store.path).load("churn@1.1.0")
            assert (loaded.predict(X_test) == refitted.predict(X_test)).all()
            assert Store.open(store.path).verify().is_sound
        finally:
            remount(small_disk, "rw")

        assert state(store, git) == before
        do(Store.open(store.path), what, refitted)
        assert_done(store, git, before)


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)


def assert_done(store: Store, git, before: tuple[object, ...]) -> None:
    """A write has happened, and all is well."""
    versions, *_, broken, uncommitted = state(store, git)
    assert versions != before[0]
    assert (broken, uncommitted) == ("", "")
    assert Store.open(store.path).verify().is_sound


def leave_descriptors(spare: int) -> None:
    """Let this process open so many files more; the gaps between its descriptors are filled."""
    highest = max(map(int, os.listdir("/proc/self/fd")))
    while os.open(os.devnull, os.O_RDONLY) <= highest:
        pass
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 2 + spare, highest + 2 + spare))


def with_ever_more(work: Callable[[], object], unchanged: Callable[[], bool], tell) -> None:
    """Do a work in processes that may open ever more files, until they are enough."""

    def limited(spare: int, acknowledged: children.Acknowledged) -> None:
        leave_descriptors(spare)
        try:
            work()
            acknowledged.say("done")
        except StoreError as error:
            acknowledged.say(f"{type(error).__name__}: {error}")
            assert_limited(error)

    for spare in range(100):
        with acknowledging() as acknowledged:
            assert children.run(lambda: limited(spare, acknowledged)) == 0  # noqa: B023
            (said,) = acknowledged.heard()
        print(spare, said)
        if said == "done":
            break
        assert unchanged()
    tell(refused=spare)
    assert 0 < spare < 99


class TestTooManyOpenFiles:
    @pytest.mark.corpus("what", LIFE)
    @pytest.mark.parametrize("bare", [False, True], ids=["work tree", "bare"])
    def test_a_write_is_refused_whole_until_there_are_enough(
        self, tmp_path, git, fitted, refitted, tell, what, bare
    ):
        store = live(tmp_path / "store", fitted, refitted, bare=bare)
        before = state(store, git)
        again = Store.open(store.path)
        again._writer()  # who writes is asked of git once, as in a process that lives long

        with_ever_more(lambda: do(again, what, refitted), lambda: state(store, git) == before, tell)

        assert_done(store, git, before)

    def test_a_reader_says_so_and_takes_nothing_for_damage(
        self, any_store, fitted, refitted, X_test, tell
    ):
        expected = refitted.predict(X_test).tolist()
        for pipeline in (fitted, refitted):
            any_store.register(pipeline, "churn", code=None)
        any_store.verify()  # so that all that reading needs is imported
        any_store.load("churn@1.0.0")

        def read() -> None:
            again = Store.open(any_store.path, cache=False)
            assert again.load("churn@1.1.0").predict(X_test).tolist() == expected
            assert again.verify().is_sound
            assert len(list(again.log())) == 2

        with_ever_more(read, lambda: True, tell)
