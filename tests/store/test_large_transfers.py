"""Large pipelines between machines: what git-lfs moves, and what comes of it where it cannot."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import GitFailed, MissingObject, NotFetched

from .looks import commit_by_hand, git, use_lfs
from .test_share import clean, hub, refs

__all__ = ["hub"]

needs_lfs = pytest.mark.skipif(not shutil.which("git-lfs"), reason="needs the package git-lfs")


def objects(place: Path) -> dict[str, Path]:
    """Return the Git LFS objects of a repository, by SHA-256."""
    root = Path(git(place, "rev-parse", "--absolute-git-dir").strip()) / "lfs/objects"
    return {path.name: path for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def large(store: Store, fitted) -> Store:
    """Has one version, which is large: from 1 KiB on."""
    use_lfs(store.path)
    store.register(fitted, "churn", code=None)
    return store


@needs_lfs
class TestBetweenFolders:
    def test_it_goes_with_a_push_and_comes_when_it_is_loaded(self, large, hub, tmp_path, X_test):
        large.push(str(hub))
        assert objects(hub).keys() == objects(large.path).keys()
        ben = Store.clone(str(hub), tmp_path / "ben", durable=False)
        assert not objects(ben.path)

        loaded = ben.load("churn@1.0.0")

        assert (loaded.predict(X_test) == large.load("churn@1.0.0").predict(X_test)).all()
        assert objects(ben.path).keys() == objects(large.path).keys()
        assert clean(ben)

    def test_what_the_remote_lacks_is_said(self, large, hub, tmp_path):
        large.push(str(hub))
        ben = Store.clone(str(hub), tmp_path / "ben", durable=False)
        (sha256, path), *_ = objects(hub).items()
        path.unlink()

        with pytest.raises(MissingObject) as caught:
            ben.load("churn@1.0.0")

        assert str(caught.value) == f"origin does not have the Git LFS object {sha256[:12]}"
        assert "git lfs push --all origin" in str(caught.value.hint)

    def test_a_file_of_the_store_leads_it_nowhere_else(self, large, hub, tmp_path):
        """Whoever may push could have models and passwords sent to a server of his."""
        elsewhere = tmp_path / "elsewhere.git"
        git(tmp_path, "init", "--quiet", "--bare", str(elsewhere))
        url = f"file://{elsewhere}"
        text = f'[lfs]\nurl = {url}\npushurl = {url}\n[remote "origin"]\nlfsurl = {url}\n'
        commit_by_hand(large.path, ".lfsconfig", text)

        large.push(str(hub))
        Store.clone(str(hub), tmp_path / "ben", durable=False).load("churn@1.0.0")

        assert objects(hub)
        assert not objects(elsewhere)

    def test_no_program_that_its_own_configuration_names_is_run(self, large, hub, tmp_path):
        """A store may come as a folder, with somebody's configuration; then nothing is moved."""
        large.push(str(hub))
        ben = Store.clone(str(hub), tmp_path / "ben", durable=False)
        program, mark = tmp_path / "agent", tmp_path / "ran"
        program.write_text(f"#!/bin/sh\ntouch '{mark}'\n")
        program.chmod(0o755)
        for name in ("lfs.standalonetransferagent", f"lfs.file://{hub}.standalonetransferagent"):
            git(ben.path, "config", name, "evil")
        git(ben.path, "config", "lfs.customtransfer.evil.path", str(program))

        with pytest.raises(NotFetched):
            ben.load("churn@1.0.0")
        assert not mark.exists()


@pytest.fixture
def without_lfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has git, and not git-lfs."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for path in Path(folder).glob("*"):
            if path.name != "git-lfs" and not (programs / path.name).exists():
                (programs / path.name).symlink_to(path)
    monkeypatch.setenv("PATH", str(programs))


class TestWithoutTheProgram:
    def test_a_push_names_the_package_and_sends_nothing(self, large, hub, without_lfs):
        with pytest.raises(GitFailed, match="git-lfs, which is not installed") as caught:
            large.push(str(hub))

        assert caught.value.hint == "install the package 'git-lfs'"
        assert not refs(hub)

    def test_a_load_does_so_too(self, large, hub, tmp_path, without_lfs):
        git(large.path, "push", "--quiet", str(hub), "main", "churn@v1.0.0")
        ben = Store.clone(str(hub), tmp_path / "ben", durable=False)

        for call in (ben.load, lambda ref: ben.read(ref, "pipeline.joblib")):
            with pytest.raises(GitFailed, match="git-lfs, which is not installed"):
                call("churn@1.0.0")
