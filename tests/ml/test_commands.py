"""`gms lock` and `gms sync`, as they are typed in an ML repository."""

from __future__ import annotations

import json

import pytest

from gitmodelstore.values.names import LOCK_FILE
from tests.store import children

from .conftest import Done, run


@pytest.fixture
def gms(store, ml):
    """Run a command in the ML repository, whose pyproject.toml names the store."""
    (ml.path / "pyproject.toml").write_text('[tool.gitmodelstore]\nstore = "../store"\n')
    (ml.path / "src").mkdir()

    def gms(*args, inside="."):
        done = children.gms(*args, cwd=ml.path / inside, on_screen=True)
        return Done(done.stdout, done.returncode)

    return gms


def commit_of(store, tag):
    return run(["git", "rev-parse", f"{tag}^{{commit}}"], store.path).said.strip()


def test_a_version_is_locked_from_anywhere_in_the_repository(gms, store, ml):
    first, second = (commit_of(store, f"churn@v1.{minor}.0") for minor in (0, 1))

    assert gms("lock", "churn@1.0.0", inside="src") == (
        f"churn 1.0.0  {first[:7]}  modelstore.lock.json\n",
        0,
    )
    assert gms("lock", "churn") == (
        f"note: churn: 1.0.0 -> 1.1.0\nchurn 1.1.0  {second[:7]}  modelstore.lock.json\n",
        0,
    )
    assert (ml.path / LOCK_FILE).exists()


def test_the_json_says_what_was_locked(gms, store, ml):
    gms("lock", "churn@1.0.0")

    said = json.loads(gms("--json", "lock", "churn@1.0.0").said)

    assert said == {
        "path": str(ml.path / LOCK_FILE),
        "changed": False,
        "versions": [
            {
                "model": "churn",
                "version": "1.0.0",
                "status": "registered",
                "ref": "churn@1.0.0",
                "tag": "churn@v1.0.0",
                "commit": commit_of(store, "churn@v1.0.0"),
                "before": "1.0.0",
                "new_inputs": False,
            }
        ],
    }


def test_the_store_can_be_named(gms, store, ml):
    (ml.path / "pyproject.toml").unlink()
    assert gms("lock", "churn@1.0.0") == (
        "error: no clone is known here\n"
        "hint: clone the store, and name the folder in pyproject.toml: "
        '[tool.gitmodelstore] store = "FOLDER"\n',
        128,
    )

    assert gms("lock", "churn@1.0.0", "--store", "../store").code == 0

    # From now on the lock file names it.
    assert gms("lock", "--check") == ("note: 1 version locked, all present\n", 0)
    assert gms("sync", "-q") == (f"{ml.path}/.models/churn-1.0.0\n", 0)


def test_a_check_says_every_difference(gms, store, ml):
    gms("lock", "churn@1.0.0", "credit@1.0.0")
    assert gms("lock", "--check") == ("note: 2 versions locked, all present\n", 0)
    store.withdraw("churn@1.0.0")

    assert gms("lock", "--check", inside="src") == (
        f"{LOCK_FILE}: models.churn.version: churn 1.0.0 was withdrawn [GMS082]\n"
        "note: lock a version that exists: `gms lock churn@VERSION`\n",
        1,
    )
    done = gms("lock", "--check", "--json")
    assert done.code == 1
    assert json.loads(done.said) == {
        "sound": False,
        "path": str(ml.path / LOCK_FILE),
        "faults": [
            {
                "code": "GMS082",
                "path": LOCK_FILE,
                "where": "models.churn.version",
                "commit": None,
                "message": "churn 1.0.0 was withdrawn",
                "hint": "lock a version that exists: `gms lock churn@VERSION`",
            }
        ],
    }


def test_a_check_can_fetch_first(gms, store, ml, tmp_path):
    run(["git", "clone", "-q", str(store.path), str(tmp_path / "clone")], tmp_path)
    gms("lock", "churn@1.0.0", "--store", "../clone")
    store.withdraw("churn@1.0.0")

    assert gms("lock", "--check", "--store", "../clone").code == 0
    assert gms("lock", "--check", "--fetch", "--store", "../clone").code == 1


def test_sync_puts_what_is_locked_into_a_folder(gms, store, ml):
    gms("lock", "churn@1.0.0")
    folder = ml.path / ".models" / "churn-1.0.0"

    assert gms("sync", inside="src") == (f"note: churn 1.0.0: written\n{folder}\n", 0)
    assert gms("sync") == (f"note: churn 1.0.0: present\n{folder}\n", 0)
    store.withdraw("churn@1.0.0")
    assert gms("sync", "-o", "out dir") == (
        "warning: churn 1.0.0 was withdrawn; see `gms log churn`\n"
        "note: churn 1.0.0: written\nout dir/churn-1.0.0\n",
        0,
    )
    said = json.loads(gms("sync", "--json").said)
    assert said["path"] == str(ml.path / LOCK_FILE)
    assert [(one["ref"], one["path"], one["outcome"]) for one in said["versions"]] == [
        ("churn@1.0.0", str(folder), "present")
    ]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["lock"], "error: name a version to lock, or give --check\n"),
        (["lock", "churn", "--check"], "error: name a version to lock, or give --check\n"),
        (["lock", "churn", "--fetch"], "error: --fetch needs --check\n"),
    ],
)
def test_a_command_line_that_says_nothing_clear_is_refused(gms, args, said):
    done = gms(*args)

    assert done.said.startswith(said)
    assert done.code == 2


def test_without_a_lock_file_both_say_how_to_write_one(gms, ml):
    hint = "hint: write one with `gms lock REF`\n"

    assert gms("lock", "--check") == (f"error: '{ml.path}' has no {LOCK_FILE}\n{hint}", 1)
    assert gms("sync") == (
        f"error: no {LOCK_FILE} in this folder or any folder above it\n{hint}",
        1,
    )


def test_an_unknown_model_is_refused(gms, ml):
    assert gms("lock", "chrun@1.0.0") == (
        "error: no model 'chrun'\nhint: did you mean 'churn'?\n",
        1,
    )
    assert not (ml.path / LOCK_FILE).exists()


def test_nothing_is_locked_in_the_store_itself_or_outside_of_a_repository(gms, store, tmp_path):
    hint = "hint: lock versions in the repository whose code uses them"
    assert gms("lock", "churn@1.0.0", inside="../store") == (
        f"error: '{store.path}' is the store itself\n{hint}\n",
        1,
    )
    (tmp_path / "plain").mkdir()
    assert gms("lock", "churn@1.0.0", "--store", "../store", inside="../plain") == (
        f"error: '{tmp_path / 'plain'}' is not in a git repository\n{hint}; `git init` "
        "creates one\n",
        1,
    )
