"""What is not committed where a version was trained: kept with it, or refused as too much."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import gitmodelstore as gms
from gitmodelstore.errors import InvalidInput
from gitmodelstore.values.fields import Digest

from .looks import commit_by_hand, git, git_bytes, look


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A training repository of one commit; it is the working directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "--quiet")
    commit_by_hand(folder, "train.py", "print(1)\n")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def told(store, notes) -> gms.Store:
    return gms.Store.open(store.path, notify=notes.append, durable=False)


def test_uncommitted_changes_are_a_file_of_the_version(any_store, fitted, project):
    (project / "train.py").write_text("print(2)\n")
    (project / "features.py").write_text("x = 1\n")

    version = any_store.register(fitted, "churn", keep_diff=True)

    manifest = any_store.show(version)
    kept = any_store.read(version, "code.diff")
    assert manifest.code.dirty
    assert manifest.code.diff == Digest.of(kept)
    assert manifest.artifact("code.diff").sha256 == manifest.code.diff.hex
    assert b"-print(1)\n+print(2)\n" in kept
    assert b"+++ b/features.py\n@@ -0,0 +1 @@\n+x = 1\n" in kept
    assert b"kept in [code.diff](code.diff)" in any_store.read(version, "README.md")
    assert any_store.verify(version).is_sound
    assert any_store.validate() == ()
    git(project, "stash", "--quiet", "--include-untracked")
    (project / "patch").write_bytes(kept)
    git(project, "apply", "patch")  # plain git rebuilds it
    assert (project / "features.py").read_text() == "x = 1\n"
    assert (project / "train.py").read_text() == "print(2)\n"


def test_a_file_as_young_as_the_index_is_compared_by_what_it_holds(store, fitted, project):
    """Git tells such a change of the same size by its content alone ("racy git")."""
    train, moment = project / "train.py", (1_700_000_000, 1_700_000_000)
    git(project, "config", "core.trustctime", "false")
    os.utime(train, moment)
    git(project, "update-index", "--refresh")
    os.utime(project / ".git/index", moment)
    train.write_text("print(2)\n")
    os.utime(train, moment)
    (project / "features.py").write_text("x = 1\n")

    version = store.register(fitted, "churn", keep_diff=True)

    assert b"-print(1)\n+print(2)\n" in store.read(version, "code.diff")


def test_without_being_asked_only_the_digest_is_kept(store, fitted, project):
    (project / "train.py").write_text("print(2)\n")

    manifest = store.show(store.register(fitted, "churn"))

    diff = git_bytes(project, "diff", "--binary", "--full-index", "HEAD")
    assert manifest.code.diff == Digest.of(diff)
    assert manifest.artifact("code.diff") is None


def test_the_next_version_of_clean_code_has_no_such_file(store, fitted, refitted, project):
    (project / "train.py").write_text("print(2)\n")
    store.register(fitted, "churn", keep_diff=True)
    git(project, "commit", "-qam", "second")

    store.register(refitted, "churn", keep_diff=True)

    assert "code.diff" not in git(store.path, "ls-tree", "--name-only", "main:models/churn")
    assert git(store.path, "status", "--porcelain") == ""
    assert store.validate() == ()


def test_where_nothing_can_be_kept_it_is_said(told, notes, fitted, project):
    told.register(fitted, "churn", keep_diff=True)
    told.register(fitted, "churn", keep_diff=True, code=None)

    assert [line for line in notes if "kept:" in line] == [
        "no code.diff is kept: nothing is uncommitted",
        "code.diff was not kept: no training repository was found",
    ]
    assert told.show("churn@latest").code is None


def test_more_than_sixteen_mebibytes_are_refused_before_anything_is_written(store, fitted, project):
    (project / "train.py").write_text("# " + "x" * 2**24 + "\n")
    before = look(store.path)
    objects = git(store.path, "count-objects", "-v")

    with pytest.raises(InvalidInput) as caught:
        store.register(fitted, "churn", keep_diff=True)

    assert str(caught.value) == (
        "the uncommitted changes are 16,777,401 bytes, "
        "more than the 16,777,216 that code.diff may have"
    )
    assert caught.value.hint == "commit them, or register without keep_diff (--keep-diff)"
    assert look(store.path) == before
    assert git(store.path, "count-objects", "-v") == objects


@pytest.mark.parametrize("name", ["train.py", "explore.ipynb"])
def test_a_script_or_notebook_can_be_named(store, fitted, project, tmp_path, monkeypatch, name):
    (project / "explore.ipynb").write_text("{}\n")
    git(project, "add", "explore.ipynb")
    git(project, "commit", "-qm", "explore")
    monkeypatch.chdir(tmp_path)

    code = store.show(store.register(fitted, "churn", code=f"project/{name}")).code

    assert (code.entry_point, code.dirty) == (name, False)
    assert code.commit == git(project, "rev-parse", "HEAD").strip()
