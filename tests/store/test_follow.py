"""A work tree moved by this process: as git would, or not at all."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import CannotWrite
from gitmodelstore.plumbing import refs, worktree
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.worktree import WorkTree

CARD = "models/churn/README.md"
PIPELINE = "models/churn/pipeline.joblib"


@pytest.fixture
def churn(store, fitted, refitted, settle) -> Store:
    """A store that holds churn 1.0.0 and 1.1.0, and has lain still for a while."""
    store.register(fitted, "churn", code=None)
    store.register(refitted, "churn", code=None)
    settle(store.path)
    return store


@pytest.fixture
def no_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where git is asked to move a work tree."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("git was asked")

    monkeypatch.setattr(worktree, "start", refuse)


def back(folder: Path, git) -> bool:
    """Move the work tree from churn 1.1.0 to the commit before."""
    repository = Repository.open(folder)
    (tree,) = worktree.on_branch(repository)
    old, new = (git(folder, "rev-parse", name).strip() for name in ("HEAD", "HEAD~1"))
    return worktree.bring(repository, tree, old, new)


def everything(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path): (path.read_bytes(), path.stat().st_mode)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "objects" not in path.parts
    }


def test_it_does_what_git_does(churn, git, tmp_path):
    git(churn.path, "worktree", "add", "--quiet", "--detach", str(tmp_path / "other"))
    git(tmp_path / "other", "read-tree", "-m", "-u", "HEAD", "HEAD~1")

    assert back(churn.path, git)

    for name in git(churn.path, "ls-files").split():
        ours, gits = churn.path / name, tmp_path / "other" / name
        assert (ours.read_bytes(), ours.stat().st_mode) == (gits.read_bytes(), gits.stat().st_mode)
    assert git(churn.path, "ls-files", "--stage") == git(tmp_path / "other", "ls-files", "--stage")
    git(churn.path, "diff-files", "--quiet")  # the times in the index are those of the files
    git(churn.path, "diff-index", "--cached", "--quiet", "HEAD~1")


@pytest.mark.usefixtures("no_git")
@pytest.mark.parametrize("is_settled", [True, False])
def test_a_life_needs_no_process_of_git(store, git, fitted, refitted, settle, is_settled):
    for write in (
        lambda: store.register(fitted, "churn", code=None),
        lambda: store.promote("churn@1.0.0", "production"),
        lambda: store.register(refitted, "churn", code=None),
        lambda: store.promote("churn@1.1.0", "production"),
        lambda: store.rollback("churn"),
    ):
        if is_settled:
            settle(store.path)
        write()
        assert git(store.path, "status", "--porcelain", "--untracked-files=all") == ""


def test_folders_come_and_go(churn, git, fitted, settle):
    churn.register(fitted, "upsell", code=None)
    settle(churn.path)

    assert back(churn.path, git)

    assert not (churn.path / "models/upsell").exists()
    assert (churn.path / "models/churn").is_dir()


def _with_last_byte_changed(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


IN_THE_WAY: dict[str, Callable[[Path, Callable[..., str]], object]] = {
    "an edit": lambda at, git: (at / CARD).write_text("mine"),
    "an edit of the same size": lambda at, git: (at / CARD).write_bytes(
        bytes(len((at / CARD).read_bytes()))
    ),
    "a file that is gone": lambda at, git: (at / PIPELINE).unlink(),
    "a mode": lambda at, git: (at / CARD).chmod(0o755),
    "a link": lambda at, git: ((at / CARD).unlink(), (at / CARD).symlink_to("manifest.json")),
    "a linked folder": lambda at, git: (
        (at / "models/churn").rename(at / "elsewhere"),
        (at / "models/churn").symlink_to(at / "elsewhere"),
    ),
    "a staged edit": lambda at, git: (
        (at / CARD).write_text("mine"),
        git(at, "add", CARD),
        git(at, "show", f"HEAD:{CARD}"),
    ),
    "a staged edit, taken back in the file": lambda at, git: (
        (before := (at / CARD).read_bytes()),
        (at / CARD).write_text("mine"),
        git(at, "add", CARD),
        (at / CARD).write_bytes(before),
    ),
    "a file taken out of the index": lambda at, git: git(at, "rm", "--cached", "--quiet", CARD),
    "a file to be overlooked": lambda at, git: git(at, "update-index", "--assume-unchanged", CARD),
    "a file left out": lambda at, git: git(at, "update-index", "--skip-worktree", CARD),
    "an index that is locked": lambda at, git: (at / ".git/index.lock").write_bytes(b""),
    "a split index": lambda at, git: git(at, "update-index", "--split-index"),
    "an index of another format": lambda at, git: git(at, "update-index", "--index-version", "4"),
    "a damaged index": lambda at, git: (at / ".git/index").write_bytes(
        _with_last_byte_changed((at / ".git/index").read_bytes())
    ),
    "a sparse checkout": lambda at, git: git(at, "sparse-checkout", "set", "models"),
    "a link that was staged just now": lambda at, git: (
        (at / "new").symlink_to(CARD),
        git(at, "add", "new"),
    ),
}


@pytest.mark.parametrize("what", IN_THE_WAY)
def test_git_is_asked_and_nothing_touched_where_there_is(churn, git, what):
    IN_THE_WAY[what](churn.path, git)
    before = everything(churn.path)

    assert not back(churn.path, git)

    assert everything(churn.path) == before


@pytest.mark.parametrize("text", ["mine", "MINE"])
def test_what_was_staged_just_now_is_looked_at(churn, git, text):
    """With the times and the size that it had, an edit looks as what was staged."""
    file, index = churn.path / "mine", churn.path / ".git/index"
    file.write_text("mine")
    git(churn.path, "add", "mine")
    times = file.stat()
    file.write_text(text)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert back(churn.path, git)

    later = index.stat().st_mtime + 5
    os.utime(index, (later, later))
    status = git(churn.path, "status", "--porcelain", "--", "mine")
    assert status == ("A  mine\n" if text == "mine" else "AM mine\n")


def test_what_is_large_and_was_staged_just_now_is_for_git(churn, git, monkeypatch):
    monkeypatch.setattr(worktree, "_MOST_HASHED", 3)
    (churn.path / "mine").write_text("mine")
    git(churn.path, "add", "mine")

    assert not back(churn.path, git)


@pytest.mark.parametrize("ignored", [False, True])
def test_an_untracked_file_in_the_way(churn, git, fitted, settle, ignored):
    churn.register(fitted, "upsell", code=None)
    git(churn.path, "checkout", "--quiet", "HEAD~1")
    (churn.path / "models/upsell").mkdir()
    (churn.path / "models/upsell/README.md").write_text("mine")
    if ignored:
        (churn.path / ".git/info/exclude").write_text("models/upsell\n")
    settle(churn.path)
    repository = Repository.open(churn.path)
    tree = WorkTree(churn.path, churn.path / ".git")
    before = everything(churn.path)
    old, new = (git(churn.path, "rev-parse", name).strip() for name in ("HEAD", "main"))

    assert not worktree.bring(repository, tree, old, new)

    assert everything(churn.path) == before


def test_a_disk_that_takes_no_more_is_said(churn, git, monkeypatch):
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)

    with pytest.raises(CannotWrite, match="No space left"):
        back(churn.path, git)

    assert not (churn.path / ".git/index.lock").exists()


class TestTheIndex:
    def test_what_git_wrote_is_read_and_written_alike(self, churn, git, tmp_path):
        held = refs.read(churn.path / ".git/index")
        assert held is not None
        (tmp_path / "copy").write_bytes(refs.render(held))

        assert list(held) == git(churn.path, "ls-files").split()
        ours = git(churn.path, "ls-files", "--stage", "--debug", GIT_INDEX_FILE=f"{tmp_path}/copy")
        assert ours == git(churn.path, "ls-files", "--stage", "--debug")

    @pytest.mark.parametrize("name", ["a", "abcdefg", "abcdefgh", "ünïcode", "x" * 250])
    def test_an_entry_of_ours_is_the_one_that_git_makes(self, churn, git, name):
        (churn.path / name).write_text("content")
        git(churn.path, "add", name)
        held = refs.read(churn.path / ".git/index")
        assert held is not None

        assert refs.staged(name, held[name].oid, (churn.path / name).lstat()) == held[name]

    def test_a_conflict_is_not_plain(self, churn, git):
        card = git(churn.path, "rev-parse", f"HEAD:{CARD}").strip()
        lines = "".join(f"100644 {card} {stage}\t{CARD}\n" for stage in (1, 2, 3))
        git(churn.path, "rm", "--cached", "--quiet", CARD)
        (churn.path / "lines").write_text(lines)
        with (churn.path / "lines").open() as source:
            subprocess.run(
                ["git", "update-index", "--index-info"], cwd=churn.path, stdin=source, check=True
            )

        assert refs.read(churn.path / ".git/index") is None
