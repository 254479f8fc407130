"""What is locked as plain files, and as what a bare name loads."""

from __future__ import annotations

import os
import shutil
import sys

import numpy as np
import pytest

import gitmodelstore as gms
from gitmodelstore import Store
from gitmodelstore.errors import FormatError, IntegrityError, LockError, MissingObject, NotAStore
from gitmodelstore.values.names import LOCK_FILE
from tests.store.looks import refusal

from .conftest import ROOT, edit, fit, frame, run


@pytest.fixture(autouse=True)
def here(locked, monkeypatch) -> None:
    """We are in the ML repository with churn 1.0.0 locked, while 1.1.0 is in production."""
    monkeypatch.chdir(locked.path)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def is_first(model) -> bool:
    """Whether a pipeline answers as churn 1.0.0 does, to the last bit."""
    return np.array_equal(model.predict_proba(frame(5)), fit(1.0).predict_proba(frame(5)))


# gms sync


def test_what_is_locked_lies_in_a_folder_that_git_ignores(store, locked):
    done = store.sync(locked.path / LOCK_FILE)

    folder = locked.path / ".models" / "churn-1.0.0"
    assert [(str(one.version), one.path, one.what) for one in done] == [
        ("churn 1.0.0", folder, "written")
    ]
    assert content(folder) == content(store.download("churn@1.0.0", locked.path / "again"))
    shutil.rmtree(locked.path / "again")
    assert locked.git("status", "--porcelain").splitlines() == [f"A  {LOCK_FILE}", "A  train.py"]
    assert sorted(os.listdir(locked.path / ".models")) == ["churn-1.0.0"]


def test_a_whole_folder_is_left_alone(store, locked):
    store.sync(locked.path / LOCK_FILE)
    before = (locked.path / ".models" / "churn-1.0.0").stat()

    assert [one.what for one in store.sync(locked.path / LOCK_FILE)] == ["present"]

    after = (locked.path / ".models" / "churn-1.0.0").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    lines = (locked.path / ".git" / "info" / "exclude").read_text().splitlines()
    assert lines.count("/.models/") == 1


@pytest.mark.parametrize("harm", ["changed", "missing", "foreign", "link", "file", "other version"])
def test_a_folder_that_is_not_what_is_locked_is_written_anew(store, locked, harm):
    store.sync(locked.path / LOCK_FILE)
    folder = locked.path / ".models" / "churn-1.0.0"
    whole = content(folder)
    if harm == "changed":
        (folder / "pipeline.joblib").write_bytes(whole["pipeline.joblib"][:-1] + b"x")
    elif harm == "missing":
        (folder / "requirements.txt").unlink()
    elif harm == "foreign":
        (folder / "notes.txt").write_text("x")
    else:
        shutil.rmtree(folder)
        if harm == "link":
            (locked.path / "elsewhere").mkdir()
            folder.symlink_to(locked.path / "elsewhere")
        elif harm == "file":
            folder.write_text("x")
        else:
            store.download("churn@1.1.0", folder)

    assert [one.what for one in store.sync(locked.path / LOCK_FILE)] == ["replaced"]

    assert content(folder) == whole
    assert not folder.is_symlink()
    assert os.listdir(folder.parent) == ["churn-1.0.0"]


def test_another_folder_can_be_named(store, locked, tmp_path):
    target = tmp_path / "mes modèles"

    store.sync(locked.path / LOCK_FILE, target)

    assert os.listdir(target) == ["churn-1.0.0"]
    assert "/.models/" not in (locked.path / ".git" / "info" / "exclude").read_text()


@pytest.mark.parametrize(
    "keys",
    [{"manifest_sha256": "a" * 64}, {"pipeline": {"sha256": "b" * 64, "size_bytes": 1}}],
    ids=["manifest", "pipeline"],
)
def test_what_the_store_has_is_not_taken_for_what_is_locked(store, locked, keys):
    edit(locked, **keys)

    assert refusal(store.sync, locked.path / LOCK_FILE) == (
        IntegrityError,
        f"churn 1.0.0 in the store is not the one that {LOCK_FILE} pins",
        "see what differs with `gms lock --check`",
    )
    assert os.listdir(locked.path / ".models") == [] if (locked.path / ".models").exists() else True


def test_a_version_that_the_store_has_not_is_named(store, locked):
    edit(locked, version="1.0.9", tag="churn@v1.0.9", commit="0" * 40)

    assert refusal(store.sync, locked.path / LOCK_FILE)[:2] == (
        LockError,
        "churn 1.0.9, which is locked, is not in the store",
    )


def test_when_bytes_are_missing_what_was_there_stays(store, locked):
    store.sync(locked.path / LOCK_FILE)
    folder = locked.path / ".models" / "churn-1.0.0"
    (folder / "notes.txt").write_text("mine")
    blob = run(["git", "rev-parse", "churn@v1.0.0:models/churn/pipeline.joblib"], store.path)
    oid = blob.said.strip()
    (store.path / ".git" / "objects" / oid[:2] / oid[2:]).unlink()

    with pytest.raises(MissingObject):
        Store.open(store.path).sync(locked.path / LOCK_FILE)

    assert (folder / "notes.txt").read_text() == "mine"
    assert os.listdir(folder.parent) == ["churn-1.0.0"]


def test_what_was_fetched_and_not_merged_can_be_put_there(store, ml, tmp_path):
    run(["git", "clone", "-q", str(store.path), str(tmp_path / "clone")], tmp_path)
    new = store.register(fit(9.0), "churn", X_test=frame(1), code=None)
    store.lock([new], ml.path)
    clone = Store.open(tmp_path / "clone")
    with pytest.raises(LockError):
        clone.sync(ml.path / LOCK_FILE)
    run(["git", "fetch", "-q"], tmp_path / "clone")

    done = Store.open(tmp_path / "clone").sync(ml.path / LOCK_FILE)

    assert [(str(one.version), one.what) for one in done] == [(str(new), "written")]


# gms.load_model


def test_a_bare_name_loads_what_is_locked_and_nothing_else(store, locked, monkeypatch):
    assert is_first(gms.load_model("churn"))
    assert str(gms.version_of(gms.load_model("churn"))) == "churn 1.0.0"
    (locked.path / "src").mkdir()
    monkeypatch.chdir(locked.path / "src")
    assert is_first(gms.load_model("churn"))
    assert is_first(gms.load_model("churn", store=store.path))


def test_an_explicit_reference_means_what_it_says(store, locked):
    for ref in ("churn@production", "churn@1.1.0", "churn:latest"):
        assert str(gms.version_of(gms.load_model(ref, store=store.path))) == "churn 1.1.0"


def test_a_model_that_is_not_locked_is_the_one_in_production(store, locked):
    store.promote("credit@1.0.0", "production")

    assert str(gms.version_of(gms.load_model("credit", store=store.path))) == "credit 1.0.0"


def test_outside_of_the_repository_nothing_is_locked(store, locked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert str(gms.version_of(gms.load_model("churn", store=store.path))) == "churn 1.1.0"


def test_a_lock_file_above_the_repository_is_somebody_else_s(store, locked, monkeypatch):
    inner = locked.path / "inner"
    inner.mkdir()
    run(["git", "init", "-q"], inner)
    monkeypatch.chdir(inner)

    assert str(gms.version_of(gms.load_model("churn", store=store.path))) == "churn 1.1.0"


def test_what_was_synced_needs_no_store_no_git_and_no_pygit2(store, locked):
    store.sync(locked.path / LOCK_FILE)
    shutil.rmtree(store.path)
    shutil.rmtree(locked.path / ".git")
    program = (
        f"import sys, warnings; sys.path.insert(0, {str(ROOT)!r})\n"
        "import gitmodelstore as gms\n"
        "model = gms.load_model('churn')\n"
        "print(gms.version_of(model), 'pygit2' in sys.modules)"
    )

    done = run([sys.executable, "-c", program], locked.path, PATH="/nowhere")

    assert done.said == "churn 1.0.0 False\n"


@pytest.mark.parametrize("name", ["pipeline.joblib", "manifest.json"])
def test_what_was_synced_and_changed_is_refused(store, locked, name):
    store.sync(locked.path / LOCK_FILE)
    path = locked.path / ".models" / "churn-1.0.0" / name
    other = store.read("churn@1.1.0", name)
    path.write_bytes(other)

    with pytest.raises(IntegrityError) as caught:
        gms.load_model("churn")

    assert caught.value.hint == "fetch what is locked with `gms sync`"


@pytest.mark.parametrize("synced", [False, True], ids=["store", "folder"])
@pytest.mark.parametrize(
    "keys",
    [{"manifest_sha256": "a" * 64}, {"pipeline": {"sha256": "b" * 64, "size_bytes": 1}}],
    ids=["manifest", "pipeline"],
)
def test_a_lock_that_pins_other_bytes_is_obeyed(store, locked, keys, synced):
    if synced:
        store.sync(locked.path / LOCK_FILE)
    edit(locked, **keys)

    with pytest.raises(IntegrityError, match="pins"):
        gms.load_model("churn")


def test_a_withdrawn_version_that_is_locked_still_loads(store, locked):
    store.withdraw("churn@1.0.0")

    with pytest.warns(gms.errors.WithdrawnWarning):
        assert is_first(gms.load_model("churn"))


def test_a_lock_file_that_cannot_be_understood_is_no_reason_to_load_another(locked):
    edit(locked, version="one")

    with pytest.raises(FormatError):
        gms.load_model("churn")


def test_without_the_store_and_without_files_nothing_is_loaded(store, locked):
    shutil.rmtree(store.path)

    with pytest.raises(NotAStore):
        gms.load_model("churn")
