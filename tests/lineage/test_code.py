"""The commit that trained a version, and whether it is the whole truth."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gitmodelstore.errors import GitFailed
from gitmodelstore.lineage import code
from gitmodelstore.lineage.code import capture
from gitmodelstore.values.fields import Digest
from gitmodelstore.values.manifest import Code

from .conftest import commit, git, output, run


@pytest.fixture
def repository(tmp_path) -> Path:
    return commit(tmp_path / "project", {"train.py": b"print(1)\n", ".gitignore": b"ignored*\n"})


def test_a_clean_repository_is_its_commit(repository):
    assert capture(repository) == Code(
        url=None,
        commit=git(repository, "rev-parse", "HEAD"),
        branch="trunk",
        dirty=False,
        diff=None,
        entry_point=None,
    )


def test_without_a_repository_there_is_no_code(tmp_path):
    assert capture(tmp_path) is None


def test_a_folder_within_the_repository_is_enough(repository):
    (repository / "src" / "deep").mkdir(parents=True)

    found = capture(repository / "src" / "deep", repository / "train.py")

    assert (found.dirty, found.entry_point) == (False, "train.py")


@pytest.mark.parametrize("is_staged", [False, True])
def test_a_change_of_a_tracked_file_makes_it_dirty(repository, is_staged):
    (repository / "train.py").write_text("print(2)\n")
    if is_staged:
        git(repository, "add", "train.py")
    diff = output(["git", "diff", "HEAD", "--full-index"], repository)

    found = capture(repository)

    assert found.dirty
    assert found.diff == Digest.of(diff)


@pytest.mark.parametrize("name", ["features.py", "lib/deep/features.py", "explore.ipynb"])
def test_an_untracked_source_makes_it_dirty(repository, name):
    path = repository / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x = 1\n")

    found = capture(repository)

    assert found.dirty
    git(repository, "add", "-Af")
    added = output(["git", "diff", "--cached", "--full-index", "--binary"], repository)
    assert found.diff == Digest.of(added)


def test_untracked_outputs_and_ignored_sources_do_not_make_it_dirty(repository):
    (repository / "model.joblib").write_bytes(b"x")
    (repository / "ignored.py").write_text("x = 1\n")

    assert not capture(repository).dirty


@pytest.mark.parametrize("name", ["ignored.py", "run"])
def test_an_uncommitted_entry_point_makes_it_dirty_whatever_its_name(repository, name):
    (repository / name).write_text("x = 1\n")

    found = capture(repository, repository / name)

    assert (found.dirty, found.entry_point) == (True, name)


def test_an_entry_point_outside_is_recorded_by_its_name(repository, tmp_path):
    script = tmp_path / "elsewhere.py"
    script.write_text("x = 1\n")

    found = capture(repository, script)

    assert (found.dirty, found.entry_point) == (False, "elsewhere.py")


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_before_the_first_commit_there_is_no_commit(tmp_path, object_format):
    git(tmp_path, "init", "-q", f"--object-format={object_format}")

    empty = capture(tmp_path)
    (tmp_path / "train.py").write_text("print(1)\n")
    git(tmp_path, "add", "train.py")
    staged = capture(tmp_path)

    assert (empty.commit, empty.branch, empty.dirty, empty.diff) == (None, "trunk", False, None)
    assert (staged.commit, staged.dirty) == (None, True)
    assert staged.diff == Digest.of(output(["git", "diff", "--cached", "--full-index"], tmp_path))


def test_a_linked_work_tree_a_shallow_clone_and_a_detached_head_speak_for_themselves(
    repository, tmp_path
):
    commit_id = git(repository, "rev-parse", "HEAD")
    git(repository, "worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"))
    git(tmp_path, "clone", "-q", "--depth=1", repository.as_uri(), "shallow")
    (repository / "train.py").write_text("print(2)\n")
    git(repository, "checkout", "-q", "--detach")

    linked, detached = capture(tmp_path / "linked"), capture(repository)

    assert (linked.branch, linked.dirty) == ("other", False)
    assert (detached.branch, detached.commit) == (None, commit_id)
    assert capture(tmp_path / "shallow").commit == commit_id


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://ada:token@example.org/a/b.git", "https://example.org/a/b.git"),
        ("https://token@example.org/a/b.git?x=1", "https://example.org/a/b.git"),
        ("git@example.org:a/b.git", "git@example.org:a/b.git"),
        ("ssh://git:pw@example.org:22/a/b", "ssh://git@example.org:22/a/b"),
        ("s3://key:secret@bucket/b", "s3://bucket/b"),  # of a helper that git looks up
        ("/srv/git/b.git", None),
        ("../b.git", None),
        ("file:///srv/git/b.git", None),
        (r"C:\repos\b", None),
        ("ext::sh -c date", None),
    ],
)
def test_the_url_of_the_remote_is_recorded_without_secrets_and_machine_paths(
    repository, url, expected
):
    git(repository, "config", "remote.origin.url", url)

    assert capture(repository).url == expected


def test_without_origin_the_remote_of_the_branch_is_recorded(repository):
    for name in ("first", "mine"):
        git(repository, "remote", "add", name, f"https://example.org/{name}.git")
    assert capture(repository).url == "https://example.org/first.git"

    git(repository, "config", "branch.trunk.remote", "mine")

    assert capture(repository).url == "https://example.org/mine.git"


def test_a_repository_that_names_no_other_is_not_misled_by_a_hook(
    repository, tmp_path, monkeypatch
):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))

    assert not capture(repository).dirty


def test_a_repository_that_git_refuses_is_an_error_with_its_reason(repository):
    (repository / ".git" / "config").write_text("[broken\n")

    with pytest.raises(GitFailed) as caught:
        capture(repository)

    assert str(caught.value) == (
        "`git status` failed: fatal: bad config line 1 in file .git/config"
    )
    assert caught.value.hint is None


def test_a_repository_of_somebody_else_says_what_to_type(repository, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    with pytest.raises(GitFailed) as caught:
        capture(repository)

    assert "dubious ownership" in str(caught.value)
    assert caught.value.hint == f"run `git config --global --add safe.directory {repository}`"


def test_reading_leaves_the_index_as_it_was(repository):
    index = repository / ".git" / "index"
    os.utime(repository / "train.py", (1, 1))
    before = index.read_bytes()

    capture(repository)

    assert index.read_bytes() == before


def test_the_entry_point_is_the_script_that_was_started(tmp_path):
    script = tmp_path / "train.py"
    script.write_text("from gitmodelstore.lineage.code import entry_point\nprint(entry_point())\n")

    assert run(tmp_path, "train.py") == f"{script}\n"
    assert run(tmp_path, "-c", script.read_text()) == "None\n"
    assert code.entry_point() is None  # pytest itself, which was installed


@pytest.mark.parametrize("note", ["__vsc_ipynb_file__", "__session__"])
def test_the_entry_point_of_a_kernel_is_its_notebook(repository, tmp_path, note):
    notebook = repository / "explore.ipynb"
    notebook.write_text("{}\n")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "explore")
    kernel = tmp_path / "kernel.py"  # such as puts the name into the namespace of the notebook
    kernel.write_text(
        f"{note} = {str(notebook)!r}\n"
        "from gitmodelstore.lineage.code import capture, entry_point\n"
        "print(capture(entry_point().parent, entry_point()))\n"
    )

    assert "dirty=False, diff=None, entry_point='explore.ipynb')" in run(tmp_path, kernel)


def test_a_notebook_that_is_not_there_is_no_entry_point(monkeypatch):
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__session__", "gone.ipynb", raising=False)
    assert code.entry_point() is None
    monkeypatch.setattr(main, "__session__", "3f1c-console", raising=False)
    assert code.entry_point() is None
