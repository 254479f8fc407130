"""git merges registry.json by meaning, through the driver that init configures."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from sklearn.linear_model import Ridge

from gitmodelstore.store import Store


@pytest.fixture
def store(tmp_path: Path, with_gms: None) -> Store:
    """A store with two versions, whose git finds the `gms` under test."""
    made = Store.init(tmp_path / "store")
    for alpha in (1.0, 2.0):
        made.register(Ridge(alpha=alpha).fit([[1.0], [2.0]], [1.0, 2.0]), "churn", code=None)
    made.register(Ridge().fit([[1.0], [2.0]], [1.0, 2.0]), "fraud", code=None)
    return made


def git(store: Store, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        ["git", "-C", store.path, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def on_branch(store: Store, name: str, ref: str) -> None:
    """Promote a version on a branch of its own, as a proposal on a git host would be."""
    git(store, "switch", "--quiet", "--create", name, "main~0")
    git(store, "config", "store.branch", name)
    Store.open(store.path).promote(ref, "production", reason=f"on {name}")
    git(store, "config", "--unset", "store.branch")
    git(store, "switch", "--quiet", "main")


def test_promotions_of_different_models_merge(store: Store) -> None:
    on_branch(store, "ours", "churn@1.0.0")
    on_branch(store, "theirs", "fraud@1.0.0")

    git(store, "merge", "--quiet", "--no-edit", "ours")
    git(store, "merge", "--quiet", "--no-edit", "theirs")

    assert str(store.version("churn@production")) == "churn 1.0.0"
    assert str(store.version("fraud@production")) == "fraud 1.0.0"
    assert git(store, "status", "--porcelain") == ""


def test_two_promotions_of_one_model_stop_the_merge(store: Store) -> None:
    on_branch(store, "ours", "churn@1.0.0")
    on_branch(store, "theirs", "churn@1.1.0")
    git(store, "merge", "--quiet", "--no-edit", "ours")

    said = git(store, "merge", "--quiet", "--no-edit", "theirs", code=1)

    assert (
        "error: registry.json cannot be merged: "
        "churn in production: ours is 1.0.0, theirs 1.1.0\n" in said
    )
    assert git(store, "status", "--porcelain") == "M  README.md\nUU registry.json\n"
    assert str(store.version("churn@production")) == "churn 1.0.0"


def test_without_gms_git_merges_lines(store: Store, without_gms) -> None:
    on_branch(store, "ours", "churn@1.0.0")
    on_branch(store, "theirs", "fraud@1.0.0")
    without_gms()

    git(store, "merge", "--quiet", "--no-edit", "ours")
    git(store, "merge", "--quiet", "--no-edit", "theirs")

    assert str(store.version("fraud@production")) == "fraud 1.0.0"
