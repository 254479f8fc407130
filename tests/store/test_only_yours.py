"""The cache and the configuration are believed where only the user could have written them."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest

import gitmodelstore as gms
from gitmodelstore import Store
from gitmodelstore.errors import InvalidInput
from gitmodelstore.operations.trust import configure, configured
from gitmodelstore.pickles import load
from gitmodelstore.plumbing.files import cache_folder, written_by_others
from gitmodelstore.plumbing.large_files import Memo, Verdicts

STRANGER = 12345
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def give_away(path: Path) -> None:
    os.chown(path, STRANGER, STRANGER, follow_symlinks=False)


def open_up(path: Path) -> None:
    path.chmod(0o777)


def link_of_a_stranger(path: Path) -> None:
    """What is there lies elsewhere, and a stranger's link leads to it."""
    moved = path.with_name(f"{path.name}-moved")
    path.rename(moved)
    path.symlink_to(moved)
    give_away(path)


SPOILT = [
    pytest.param(give_away, marks=as_root),
    open_up,
    lambda path: path.chmod(path.stat().st_mode | 0o020),
    pytest.param(link_of_a_stranger, marks=as_root),
]
SPOILT_IDS = ["another's", "open to all", "open to a group", "a link of another's"]


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were walked, rather than read by what the cache says."""
    seen: list[str] = []
    walk = load._walk

    def counted(data, name, *rest):
        seen.append(name)
        return walk(data, name, *rest)

    monkeypatch.setattr(load, "_walk", counted)
    return seen


@pytest.mark.parametrize("spoil", SPOILT, ids=SPOILT_IDS)
@pytest.mark.parametrize("where", ["the file", "its folder", "the folder above", "further above"])
class TestCache:
    @pytest.fixture
    def file(self, isolated, monkeypatch) -> Path:
        monkeypatch.setenv("XDG_CACHE_HOME", str(isolated / "above" / "cache"))
        return isolated / "above" / "cache" / "gitmodelstore" / "verdicts"

    def test_a_verdict_is_neither_believed_nor_noted(self, churn, walks, file, where, spoil):
        churn.load("churn@1.0.0")
        before = file.read_bytes()
        spoil(place(file, where))

        told: list[str] = []
        again = Store.open(churn.path, notify=told.append)
        again.load("churn@1.0.0")
        Verdicts(file.parent).note("a" * 64)

        assert len(walks) == 2
        assert file.read_bytes() == before
        assert re.fullmatch(
            r"the cache is not used: ('.*' belongs to another user"
            r"|others may write to '.*': prevent it with `chmod go-w .*`)",
            *told,
        )

    def test_a_digest_of_data_is_neither_believed_nor_noted(self, file, tmp_path, where, spoil):
        cache = file.parent
        file = memo_of(cache, tmp_path)
        before = file.read_bytes()
        spoil(place(file, where))

        memo = Memo(cache, tmp_path / "data.csv")

        assert memo.digest(b"sha256 data.csv", (tmp_path / "data.csv").stat()) is None
        memo.note(b"sha256 x", (tmp_path / "data.csv").stat(), "cd" * 32, 1 << 62)
        memo.save(whole=False)
        assert file.read_bytes() == before


def place(file: Path, where: str) -> Path:
    names = ["the file", "its folder", "the folder above", "further above"]
    return [file, *file.parents][names.index(where)]


def memo_of(cache: Path, folder: Path) -> Path:
    """Return the file in which the digest of a data set is remembered."""
    (folder / "data.csv").write_text("a\n1\n")
    memo = Memo(cache, folder / "data.csv")
    memo.note(b"sha256 data.csv", (folder / "data.csv").stat(), "ab" * 32, 1 << 62)
    memo.save(whole=True)
    (file,) = (cache / "data").iterdir()
    assert Memo(cache, folder / "data.csv").digest(b"sha256 data.csv", (folder / "data.csv").stat())
    return file


class TestWhose:
    def test_roots_folders_and_sticky_ones_are_nobodys_way_in(self, tmp_path):
        sticky = tmp_path / "sticky"
        sticky.mkdir()
        sticky.chmod(0o1777)

        assert written_by_others(sticky / "cache" / "verdicts") is None

    @as_root
    def test_a_sticky_folder_of_a_stranger_is(self, tmp_path):
        sticky = tmp_path / "sticky"
        sticky.mkdir()
        sticky.chmod(0o1777)
        give_away(sticky)

        assert written_by_others(sticky / "v") == f"'{sticky}' belongs to another user"

    def test_links_that_lead_round_end(self, tmp_path):
        (tmp_path / "a").symlink_to(tmp_path / "b")
        (tmp_path / "b").symlink_to(tmp_path / "a")

        assert written_by_others(tmp_path / "a" / "verdicts") is None

    def test_what_we_make_is_the_users_alone_whatever_the_umask(self, isolated, churn, walks):
        before = os.umask(0)
        try:
            configure(["teamwork"])
            Store.open(churn.path).load("churn@1.0.0")
        finally:
            os.umask(before)

        Store.open(churn.path).load("churn@1.0.0")
        assert len(walks) == 1
        assert configured() == ("teamwork",)

    def test_a_relative_cache_folder_is_none(self, isolated, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", "somewhere")

        assert cache_folder() == isolated / ".cache" / "gitmodelstore"


class TestFolder:
    """What `gms get --warm` leaves: for files that were pinned, in a folder of the reader's."""

    @pytest.fixture
    def warm(self, churn, tmp_path) -> tuple[Path, str]:
        folder = churn.download("churn@1.0.0", tmp_path / "got", warm=True)
        return folder, hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()

    @pytest.mark.parametrize("spoil", SPOILT, ids=SPOILT_IDS)
    @pytest.mark.parametrize("where", ["the file", "its folder", "the folder above"])
    def test_its_verdict_is_not_believed_where_others_may_write(
        self, warm, walks, where, spoil, monkeypatch
    ):
        folder, digest = warm
        walks.clear()
        gms.load_model(folder, digest=digest, cache=False)
        assert walks == []
        spoil(place(folder / ".gitmodelstore" / "verdicts", where))

        gms.load_model(folder, digest=digest, cache=False)

        assert len(walks) == 1


class TestConfiguration:
    @pytest.fixture
    def file(self, isolated) -> Path:
        return configure(["teamwork"])

    @pytest.mark.parametrize("spoil", SPOILT, ids=SPOILT_IDS)
    @pytest.mark.parametrize("where", ["the file", "its folder", "the folder above"])
    def test_it_is_not_believed_and_said_why(self, file, where, spoil):
        spoil(place(file, where))

        said = (
            f"^the trusted names in '{file}' are ignored: ('.*' belongs to another user"
            "|others may write to '.*': prevent it with `chmod go-w .*`)$"
        )
        with pytest.warns(UserWarning, match=said):
            assert configured() == ()

    def test_it_is_not_written_to_either(self, file):
        file.parent.chmod(0o777)

        with pytest.raises(InvalidInput) as caught:
            configure(["other"])

        assert str(caught.value) == (
            f"the trusted names in '{file}' are ignored: others may write to '{file.parent}': "
            f"prevent it with `chmod go-w {file.parent}`"
        )
        assert file.read_text() == 'trusted = [\n    "teamwork",\n]\n'


class TestIndex:
    """The index for searches, in the git directory that a group may share."""

    @pytest.fixture
    def file(self, churn) -> Path:
        churn.search("metrics.accuracy > 0")
        return churn.path / ".git" / "gitmodelstore" / "index.sqlite"

    @pytest.mark.parametrize(
        "spoil", [pytest.param(give_away, marks=as_root), open_up], ids=["another's", "open"]
    )
    def test_one_that_others_could_have_written_is_made_anew(self, churn, file, spoil):
        spoil(file)
        before = file.stat()

        Store.open(churn.path).frame()

        after = file.stat()
        assert after.st_ino != before.st_ino
        assert (after.st_uid, after.st_mode & 0o022) == (os.geteuid(), 0)

    @as_root
    def test_one_of_the_group_that_shares_the_repository_counts(self, churn, file):
        common = churn.path / ".git"
        os.chown(common, -1, STRANGER)
        common.chmod(0o2775)
        os.chown(file, STRANGER + 1, STRANGER)
        file.chmod(0o664)
        before = file.stat()

        Store.open(churn.path).frame()

        assert file.stat().st_ino == before.st_ino
