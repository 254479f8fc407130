"""A pyproject.toml is asked whom its reader trusts, but never one that a store has brought."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.operations.trust import trusted_names

from .looks import commit_by_hand

ASKING = '[tool.gitmodelstore]\ntrusted = ["stranger"]\n'
STRANGER = 12345


@pytest.fixture
def churn(store: Store, fitted) -> Store:
    """A store whose work tree holds a pyproject.toml, and no registry.json any more."""
    store.register(fitted, "churn", code=None)
    (store.path / "pyproject.toml").write_text(ASKING)
    (store.path / "registry.json").unlink()
    return store


def work_tree(store: Store, git) -> Path:
    return store.path


def a_folder_of_a_model(store: Store, git) -> Path:
    return store.path / "models" / "churn"


def nearer(store: Store, git) -> Path:
    (store.path / "models" / "pyproject.toml").write_text(ASKING)
    return store.path / "models"


def another_branch(store: Store, git) -> Path:
    git(store.path, "checkout", "--quiet", "--orphan", "other")
    git(store.path, "rm", "-r", "-q", "--cached", ".")
    git(store.path, "add", "pyproject.toml")
    git(store.path, "commit", "--quiet", "-m", "nothing of a store")
    return store.path


def another_setting(store: Store, git) -> Path:
    git(store.path, "config", "store.branch", "nowhere")
    return store.path


def gone_from_the_tip(store: Store, git) -> Path:
    git(store.path, "rm", "-q", "--cached", "registry.json")
    git(store.path, "commit", "--quiet", "-m", "hide it")
    return store.path


def only_tags(store: Store, git) -> Path:
    another_branch(store, git)
    git(store.path, "branch", "-D", "main")
    return store.path


def linked(store: Store, git) -> Path:
    tree = store.path.parent / "linked"
    git(store.path, "worktree", "add", "--quiet", "--detach", str(tree), "HEAD")
    (tree / "registry.json").unlink()
    (tree / "pyproject.toml").write_text(ASKING)
    return tree / "models"


def bare(store: Store, git) -> Path:
    there = store.path.parent / "bare.git"
    git(store.path, "clone", "--quiet", "--bare", ".", str(there))
    (there / "pyproject.toml").write_text(ASKING)
    return there / "refs"


def cloned(store: Store, git) -> Path:
    there = store.path.parent / "cloned"
    git(store.path, "clone", "--quiet", ".", str(there))
    (there / "registry.json").unlink()
    (there / "pyproject.toml").write_text(ASKING)
    return there


def got(store: Store, git) -> Path:
    folder = store.path.parent / "got"
    git(store.path, "restore", "registry.json")
    store.download("churn@1.0.0", folder)
    (folder / "pyproject.toml").write_text(ASKING)
    return folder


def link_to_the_folder(store: Store, git) -> Path:
    link = store.path.parent / "link"
    link.symlink_to(store.path / "models")
    return link


def link_to_the_file(store: Store, git) -> Path:
    project = store.path.parent / "project"
    project.mkdir()
    (project / "pyproject.toml").symlink_to(store.path / "pyproject.toml")
    return project


@pytest.mark.parametrize(
    "way",
    [
        *(work_tree, a_folder_of_a_model, nearer, another_branch, another_setting),
        *(gone_from_the_tip, only_tags, linked, bare, cloned, got, link_to_the_folder),
        link_to_the_file,
    ],
    ids=lambda way: way.__name__.replace("_", " "),
)
def test_one_of_a_store_is_not_asked(churn, git, way: Callable[..., Path], monkeypatch):
    folder = way(churn, git)
    monkeypatch.chdir(folder)

    assert trusted_names([], Path()) == frozenset()
    assert trusted_names([], folder) == frozenset()


def test_that_of_the_project_around_a_store_is(churn, monkeypatch):
    (churn.path.parent / "pyproject.toml").write_text(ASKING.replace("stranger", "mine"))
    monkeypatch.chdir(churn.path)

    assert trusted_names([], Path()) == {"mine"}


def test_that_of_a_repository_of_code_is(tmp_path, git, monkeypatch):
    git(tmp_path, "init", "--quiet")
    commit_by_hand(tmp_path, "pyproject.toml", ASKING)
    git(tmp_path, "tag", "churn@v1.0.0")  # as GTO names versions
    monkeypatch.chdir(tmp_path)

    assert trusted_names([], Path()) == {"stranger"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
class TestOfAStranger:
    def test_one_above_in_a_folder_of_all_is_not_believed(self, tmp_path, monkeypatch):
        (tmp_path / "pyproject.toml").write_text(ASKING)
        os.chown(tmp_path / "pyproject.toml", STRANGER, -1)
        (tmp_path / "mine").mkdir()
        monkeypatch.chdir(tmp_path / "mine")
        said = f"the trusted names in '{tmp_path}/pyproject.toml' are ignored: "
        said += f"'{tmp_path}/pyproject.toml' belongs to another user"

        with pytest.warns(UserWarning, match=said):
            assert trusted_names([], Path()) == frozenset()

    def test_a_project_that_is_somebodys_as_a_whole_is_as_it_was(self, tmp_path, monkeypatch):
        """As one that is mounted into a container."""
        (tmp_path / "pyproject.toml").write_text(ASKING)
        for path in (tmp_path, tmp_path / "pyproject.toml"):
            os.chown(path, STRANGER, -1)
        monkeypatch.chdir(tmp_path)

        assert trusted_names([], Path()) == {"stranger"}


def test_one_that_all_may_write_to_is_not_believed(tmp_path, monkeypatch):
    file = tmp_path / "pyproject.toml"
    file.write_text(ASKING)
    file.chmod(0o666)
    monkeypatch.chdir(tmp_path)

    with pytest.warns(UserWarning, match=f"prevent it with `chmod o-w {file}`"):
        assert trusted_names([], Path()) == frozenset()
