"""Download: one version as plain files, each verified, or nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import joblib
import pytest

from gitmodelstore import Store
from gitmodelstore.errors import AlreadyExists, IntegrityError, StoreError, VersionNotFound

from .conftest import once
from .looks import git, git_bytes, refusal

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
@once
def two(any_store, fitted, refitted):
    """A store, with a work tree or bare, with churn 1.0.0 and 1.1.0."""
    any_store.register(fitted, "churn", code=None)
    any_store.register(refitted, "churn", code=None)
    return any_store


def test_the_files_are_those_of_the_tag_for_joblib_and_others_to_read(
    two, elsewhere, fitted, X_test
):
    (elsewhere / "out").mkdir()  # an empty folder is filled

    folder = two.download("churn@1.0.0", "out")

    names = git(two.path, "ls-tree", "--name-only", "churn@v1.0.0:models/churn").split()
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    for name in names:
        kept = git_bytes(two.path, "cat-file", "blob", f"churn@v1.0.0:models/churn/{name}")
        assert (folder / name).read_bytes() == kept
    loaded = joblib.load(folder / "pipeline.joblib")
    assert (loaded.predict_proba(X_test) == fitted.predict_proba(X_test)).all()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_the_folder_is_named_after_the_version_unless_a_deep_one_is_named(two, elsewhere):
    assert two.download("churn@^1.0") == Path("churn-1.1.0")
    assert (elsewhere / "churn-1.1.0" / "manifest.json").is_file()
    assert (two.download("churn@1.0.0", Path("deep") / "er") / "pipeline.joblib").is_file()


@pytest.mark.parametrize(
    ("make", "more"),
    [(Path.touch, ""), (lambda path: (path.mkdir(), (path / "x").touch()), " and is not empty")],
)
def test_what_is_there_is_not_overwritten(two, elsewhere, make, more):
    make(elsewhere / "out")

    assert refusal(two.download, "churn@1.0.0", "out") == (
        AlreadyExists,
        f"'out' already exists{more}",
        "name another folder with -o DIR",
    )


def test_an_unknown_version_leaves_nothing(two, elsewhere):
    with pytest.raises(VersionNotFound):
        two.download("churn@3.0.0")

    assert list(elsewhere.iterdir()) == []


def test_a_damaged_file_leaves_nothing(two, elsewhere):
    blob = git(two.path, "rev-parse", "churn@v1.0.0:models/churn/pipeline.joblib").strip()
    objects = git(two.path, "rev-parse", "--git-path", "objects").strip()
    path = two.path / objects / blob[:2] / blob[2:]
    os.chmod(path, 0o644)  # git keeps its objects read-only
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    path.write_bytes(damaged)

    with pytest.raises(IntegrityError) as caught:
        Store.open(two.path).download("churn@1.0.0")

    assert caught.value.path == "models/churn/pipeline.joblib"
    assert list(elsewhere.iterdir()) == []


def test_one_file_can_be_read_by_itself_and_one_that_is_not_there_is_refused(two):
    kept = git_bytes(two.path, "cat-file", "blob", "churn@v1.0.0:models/churn/requirements.txt")
    assert two.read("churn@1.0.0", "requirements.txt") == kept
    assert refusal(two.read, "churn@1.0.0", "requirement.txt") == (
        StoreError,
        "churn 1.0.0 has no file 'requirement.txt'",
        "did you mean 'requirements.txt'?",
    )
