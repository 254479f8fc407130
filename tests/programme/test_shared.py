"""Two users of one group take turns in a repository that is shared, whatever their umasks are."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pygit2
import pytest
from pygit2.enums import ConfigLevel

from gitmodelstore import Store
from tests.store import children

GROUP = 61000
USERS = (61001, 61002)  # ids that nobody has: the system needs no names for them

needs_root = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="only root can become other users"
)


def become(user: int, umask: int, home: Path) -> None:
    """Become a user whose second group is the one that shares the store."""
    os.setgroups([user, GROUP])
    os.setgid(user)
    os.setuid(user)
    os.umask(umask)
    os.environ["HOME"] = str(home)
    pygit2.settings.search_path[ConfigLevel.GLOBAL] = str(home)


@pytest.fixture
def common() -> Iterator[Path]:
    """A folder that every user reaches, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def place(common: Path) -> Path:
    """A folder of the group's, as whoever sets up a shared repository makes it."""
    place = common / "store"
    place.mkdir()
    os.chown(place, USERS[0], GROUP)
    place.chmod(0o2775)
    return place


@pytest.fixture
def homes(common: Path) -> dict[int, Path]:
    """A home for each user, who trusts the other's repository as git asks for it."""
    homes = {}
    for user in USERS:
        homes[user] = home = common / f"home-{user}"
        home.mkdir()
        (home / ".gitconfig").write_text(
            f"[user]\n\tname = User {user}\n\temail = u{user}@example.org\n"
            "[safe]\n\tdirectory = *\n[gc]\n\tauto = 0\n"
        )
        os.chown(home, user, user)
        os.chown(home / ".gitconfig", user, user)
    return homes


def assert_shared(store: Path, wanted: Callable[[int], int]) -> None:
    """Everything in a git directory has the permissions that git itself would give it."""
    wrong = {}
    for path in (store, *store.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            if path.suffix == ".sample" or path.name in ("branches", "COMMIT_EDITMSG"):
                continue  # git's own, which it leaves as they are
            if wanted(mode) != mode:
                wrong[path.relative_to(store).as_posix()] = oct(mode)
    assert wrong == {}


def as_git(bits: int, *, only: bool = False) -> Callable[[int], int]:
    """git's calc_shared_perm, written down a second time."""

    def wanted(mode: int) -> int:
        tweak = bits
        if not mode & 0o200:
            tweak &= ~0o222
        if mode & 0o100:
            tweak |= (tweak & 0o444) >> 2
        new = (mode & ~0o777 | tweak) if only else mode | tweak
        if stat.S_ISDIR(mode):
            new |= (new & 0o444) >> 2
            new |= 0o2000 if new & 0o060 else 0
        return new

    return wanted


@needs_root
@pytest.mark.corpus("mask", ["022", "077"])
class TestTwoUsers:
    @pytest.fixture
    def umask(self, mask: str) -> int:
        return int(mask, 8)

    def turn(
        self, user: int, umask: int, homes: dict[int, Path], work: Callable[[], object]
    ) -> None:
        def working() -> None:
            become(user, umask, homes[user])
            work()

        assert children.run(working) == 0

    @pytest.mark.parametrize("bare", [False, True], ids=["work tree", "bare"])
    def test_they_take_turns(
        self, place, homes, git, fitted, refitted, umask, bare, tell, tmp_path
    ):
        def begin() -> None:
            git(place, "init", "--quiet", "--shared=group", *(["--bare"] if bare else []), ".")
            Store.init(place, bare=bare)
            if not bare:  # and every pipeline is a Git LFS object
                (place / "modelstore.toml").write_text(
                    'schema = "1.0"\n[storage]\nlfs_threshold = "1 KiB"\n'
                )
                git(place, "commit", "--quiet", "--all", "-m", "use LFS")

        self.turn(USERS[0], umask, homes, begin)

        def work(number: int, place: Path = place) -> None:
            store = Store.open(place, wait_seconds=5)
            pipeline = (fitted, refitted)[number % 2]
            version = store.register(pipeline, "churn", code=None)
            store.register(fitted, f"model-{number}", code=None)
            assert store.load(version) is not None
            store.promote(version, "production")
            store.annotate(version, {"turn": number})
            store.search("metrics.auc > 0.5")
            found = Store.open(place).doctor(fix=True)
            # Hooks name this Python, which these users may be unable to read.
            assert [f for f in found.faults if "hook" not in str(f)] == []
            if number % 3 == 2:
                git(place, "gc", "--quiet")
                git(place, "pack-refs", "--all")

        work(1, Store.init(tmp_path / "warm", bare=bare).path)  # imports, as who may read them
        turns = 6
        for number in range(turns):
            self.turn(USERS[number % 2], umask, homes, lambda: work(number))  # noqa: B023

        assert_shared(place if bare else place / ".git", as_git(0o660))
        tell(turns=turns)

        def look() -> None:
            assert Store.open(place).verify().is_sound
            assert git(place, "fsck", "--strict", "--no-dangling") == ""
            if not bare:
                assert git(place, "status", "--porcelain") == ""

        self.turn(USERS[1], umask, homes, look)


VALUES = {
    **dict.fromkeys(("group", "true", "1"), as_git(0o660)),
    **dict.fromkeys(("all", "world", "everybody", "2"), as_git(0o664)),
    **{value: as_git(int(value, 8), only=True) for value in ("0640", "0660", "0666", "0600")},
}


@contextmanager
def masked(umask: int) -> Iterator[None]:
    before = os.umask(umask)
    try:
        yield
    finally:
        os.umask(before)


class TestEachValue:
    @pytest.mark.corpus("value", VALUES)
    @pytest.mark.parametrize("umask", [0o022, 0o077], ids=["umask 022", "umask 077"])
    def test_it_is_what_git_itself_does(self, tmp_path, git, fitted, value, umask):
        with masked(umask):
            git(tmp_path, "init", "--quiet", f"--shared={value}", "store")
            store = Store.init(tmp_path / "store", durable=False)
            store.register(fitted, "churn", code=None)
            store.promote("churn@1.0.0", "production")

        assert_shared(tmp_path / "store/.git", VALUES[value])

    @pytest.mark.corpus("value", ["umask", "false", "0", "none"])
    @pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
    def test_unshared_it_is_left_to_the_umask(self, tmp_path, git, fitted, value, umask, mode):
        with masked(umask):
            store = Store.init(tmp_path / "store", durable=False)
            if value != "none":
                git(store.path, "config", "core.sharedRepository", value)
            Store.open(store.path).register(fitted, "churn", code=None)

        for name in ("refs/heads/main", "logs/HEAD", "index", "gitmodelstore/lock"):
            assert stat.S_IMODE((store.path / ".git" / name).stat().st_mode) == mode
