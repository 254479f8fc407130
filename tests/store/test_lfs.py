"""Large pipelines as Git LFS objects: with the program git-lfs, without it, with a broken one."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import IntegrityError, MissingObject

from .looks import use_lfs

PIPELINE = "models/churn/pipeline.joblib"


@pytest.fixture
def large(store) -> Store:
    """A store in which every pipeline is large: from 1 KiB on."""
    use_lfs(store.path)
    return store


def objects(store: Store) -> list[Path]:
    return [p for p in (store.path / ".git" / "lfs" / "objects").rglob("*") if p.is_file()]


def replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def assert_clean(store: Store, git) -> None:
    assert git(store.path, "status", "--porcelain", "--untracked-files=all") == ""
    assert git(store.path, "fsck", "--strict", "--no-dangling") == ""


def configure(store: Store, git, program: str) -> None:
    """Configure the filter as `git lfs install` does."""
    git(store.path, "config", "filter.lfs.clean", f"{program} clean -- %f")
    git(store.path, "config", "filter.lfs.smudge", f"{program} smudge -- %f")
    git(store.path, "config", "filter.lfs.process", f"{program} filter-process")
    git(store.path, "config", "filter.lfs.required", "true")


class TestWithoutTheProgram:
    def test_the_tree_holds_a_pointer_and_the_object_is_a_plain_file(self, large, git, fitted):
        large.register(fitted, "churn", code=None)

        (kept,) = objects(large)
        digest = hashlib.sha256(kept.read_bytes()).hexdigest()
        assert kept.relative_to(large.path / ".git/lfs/objects").parts == (
            digest[:2],
            digest[2:4],
            digest,
        )
        assert oct(kept.stat().st_mode & 0o777) == "0o444"
        assert git(large.path, "show", f"main:{PIPELINE}") == (
            "version https://git-lfs.github.com/spec/v1\n"
            f"oid sha256:{digest}\nsize {kept.stat().st_size}\n"
        )
        assert git(large.path, "show", "main:models/churn/.gitattributes") == (
            "* -text\npipeline.joblib filter=lfs diff=lfs merge=lfs -text\n"
        )
        assert list((large.path / ".git" / "lfs" / "tmp").iterdir()) == []

    def test_it_loads_and_the_work_tree_keeps_the_pointer(
        self, large, git, fitted, refitted, X_test
    ):
        large.register(fitted, "churn", code=None)
        large.register(refitted, "churn", code=None)
        git(large.path, "checkout", "--quiet", "churn@v1.0.0")
        git(large.path, "checkout", "--quiet", "main")

        assert (large.path / PIPELINE).stat().st_size < 200
        loaded = Store.open(large.path).load("churn@1.0.0")
        assert (loaded.predict(X_test) == fitted.predict(X_test)).all()
        assert_clean(large, git)

    def test_small_ones_beside_it_stay_plain(self, store, git, fitted):
        store.register(fitted, "churn", code=None)

        assert not (store.path / ".git" / "lfs").exists()
        assert git(store.path, "show", "main:models/churn/.gitattributes") == "* -text\n"

    def test_the_same_pipeline_is_kept_once(self, large, fitted):
        large.register(fitted, "churn", code=None)
        large.register(fitted, "upsell", code=None)

        assert len(objects(large)) == 1

    def test_a_bare_store_keeps_them_too(self, large, tmp_path, git, fitted, refitted):
        git(tmp_path, "clone", "--quiet", "--bare", str(large.path), "bare.git")
        bare = Store.open(tmp_path / "bare.git", durable=False)

        bare.register(refitted, "churn", code=None)

        assert bare.load("churn@1.0.0") is not None


class TestDamage:
    @pytest.fixture
    def churn(self, large, fitted, refitted) -> Store:
        """Two versions as LFS objects."""
        large.register(fitted, "churn", code=None)
        large.register(refitted, "churn", code=None)
        return large

    def kept(self, store: Store, git, ref: str) -> Path:
        oid = git(store.path, "show", f"{ref}:{PIPELINE}").split("sha256:")[1].split()[0]
        return store.path / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid

    @pytest.mark.parametrize("how", ["flipped", "cut short", "emptied", "swapped"])
    def test_a_damaged_object_is_refused_by_name(self, churn, git, how):
        path = self.kept(churn, git, "churn@v1.0.0")
        data = path.read_bytes()
        replace(
            path,
            {
                "flipped": data[:100] + bytes([data[100] ^ 1]) + data[101:],
                "cut short": data[:100],
                "emptied": b"",
                "swapped": self.kept(churn, git, "churn@v1.1.0").read_bytes(),
            }[how],
        )

        with pytest.raises(IntegrityError) as caught:
            churn.load("churn@1.0.0")

        assert str(caught.value).startswith(
            f"{PIPELINE} of churn 1.0.0 is not the file that was released: "
        )
        assert caught.value.path == PIPELINE
        assert churn.load("churn@1.1.0") is not None

    def test_a_missing_object_says_how_to_get_it(self, churn, git):
        path = self.kept(churn, git, "churn@v1.0.0")
        path.unlink()

        with pytest.raises(MissingObject) as caught:
            churn.load("churn@1.0.0")

        assert str(caught.value) == (
            f"{PIPELINE}: its Git LFS object {path.name[:12]} is not on this machine"
        )
        assert caught.value.hint == (
            "to fetch it, add the remote that has it: gms remote add origin URL"
        )
        assert [str(v.version) for v in churn.versions("churn")] == ["1.1.0", "1.0.0"]

    def test_what_a_full_disk_left_is_written_anew(self, churn, git, fitted):
        path = self.kept(churn, git, "churn@v1.0.0")
        replace(path, path.read_bytes()[:100])

        churn.register(fitted, "upsell", code=None)

        assert churn.load("upsell@1.0.0") is not None
        assert churn.load("churn@1.0.0") is not None


class TestFilters:
    @pytest.mark.parametrize("program", ["nowhere", "fails"])
    def test_one_of_the_user_is_not_run(self, large, git, tmp_path, fitted, refitted, program):
        script = tmp_path / "git-lfs"
        if program == "fails":
            script.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
            script.chmod(0o755)
        configure(large, git, str(script))

        large.register(fitted, "churn", code=None)
        large.promote("churn@1.0.0", "production")
        large.register(refitted, "churn", code=None)
        large.promote("churn@1.1.0", "production")
        large.rollback("churn")

        assert not (tmp_path / "ran").exists()
        assert (large.path / PIPELINE).read_bytes().startswith(b"version https://git-lfs")
        for name in ("clean", "smudge", "process", "required"):
            git(large.path, "config", "--unset", f"filter.lfs.{name}")
        assert_clean(large, git)


@pytest.mark.skipif(not shutil.which("git-lfs"), reason="needs the package git-lfs")
class TestWithTheProgram:
    @pytest.fixture
    def installed(self, large, git) -> Store:
        """A store in which git-lfs has been installed."""
        git(large.path, "lfs", "install", "--local", "--skip-repo")  # our hooks are there already
        return large

    def test_a_write_keeps_the_pointer_and_status_is_clean(self, installed, git, fitted, refitted):
        for pipeline in (fitted, refitted):
            installed.register(pipeline, "churn", code=None)
            assert (installed.path / PIPELINE).stat().st_size < 200
            assert_clean(installed, git)
        git(installed.path, "lfs", "fsck")

    def test_a_pulled_file_follows_the_next_version(self, installed, git, fitted, refitted):
        installed.register(fitted, "churn", code=None)
        git(installed.path, "lfs", "checkout")
        assert (installed.path / PIPELINE).stat().st_size > 1000
        assert_clean(installed, git)
        (installed.path / PIPELINE).touch()  # so that git has to look at the content

        installed.register(refitted, "churn", code=None)

        assert_clean(installed, git)
        git(installed.path, "lfs", "checkout")
        assert (installed.path / PIPELINE).read_bytes() == installed.read(
            "churn@1.1.0", "pipeline.joblib"
        )

    def test_a_commit_by_hand_reverts_nothing(self, installed, git, fitted):
        installed.register(fitted, "churn", code=None)
        git(installed.path, "lfs", "checkout")

        with pytest.raises(AssertionError, match="nothing to commit"):
            git(installed.path, "commit", "--all", "-m", "by hand")
