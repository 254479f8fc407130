"""Locking versions, checking the lock, and what the hook says of it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil

import pytest

import gitmodelstore as gms
from gitmodelstore import Store
from gitmodelstore.errors import LockError, NotAStore, RemoteUnreachable, VersionNotFound
from gitmodelstore.operations.pins import check_lock
from gitmodelstore.values.names import LOCK_FILE
from tests.store.looks import git, refusal

from .conftest import Repository, edit, fit, frame, run

AGAIN = "lock a version that exists: `gms lock churn@VERSION`"


def found(ml: Repository) -> list[str]:
    """What the check says; the hook must say the same of what is staged."""
    faults = [str(fault) for fault in check_lock(ml.path / LOCK_FILE)]
    ml.git("add", ".")
    done = ml.hook("lock", LOCK_FILE)
    errors = [line for line in done.said.splitlines() if not line.startswith("hint: ")]
    assert errors == [f"error: {fault}" for fault in faults]
    assert done.code == (1 if faults else 0)
    return faults


def test_a_lock_says_what_the_version_is(store, ml):
    done = store.lock(["churn@1.0.0"], ml.path)
    value = json.loads((ml.path / LOCK_FILE).read_text())
    entry = store.show("churn@1.0.0").artifact("pipeline.joblib")

    assert done.changed
    assert value["store"] == "../store"
    churn = value["models"]["churn"]
    assert (churn["version"], churn["tag"]) == ("1.0.0", "churn@v1.0.0")
    commit = run(["git", "rev-parse", "churn@v1.0.0^{commit}"], store.path).said.strip()
    assert churn["commit"] == commit
    manifest = store.read("churn@1.0.0", "manifest.json")
    assert churn["manifest_sha256"] == hashlib.sha256(manifest).hexdigest()
    assert churn["pipeline"] == {"sha256": entry.sha256, "size_bytes": entry.size_bytes}
    text = b'[["income","float64"],["age","float64"]]'
    assert churn["features"] == f"gms-features-1:{hashlib.sha256(text).hexdigest()}"


def test_what_else_is_locked_stays_and_nothing_is_written_twice(store, ml):
    store.lock(["churn@1.0.0"], ml.path)
    store.lock(["credit@latest"], ml.path)

    again = store.lock(["churn@1.0.0", "credit@1.0.0"], ml.path)

    assert not again.changed
    assert [str(pin.version) for pin in again.pinned] == ["churn 1.0.0", "credit 1.0.0"]
    assert [pin.before for pin in again.pinned] == ["1.0.0", "1.0.0"]


def test_another_version_with_other_inputs_is_told(store, ml):
    store.lock(["churn@1.0.0"], ml.path)
    columns = ("income", "age", "city_size")
    store.register(fit(columns=columns), "churn", X_test=frame(columns=columns), code=None)

    done = store.lock(["churn@latest"], ml.path)

    assert [(pin.before, pin.new_inputs) for pin in done.pinned] == [("1.0.0", True)]


def test_a_withdrawn_version_is_not_locked(store, ml):
    store.withdraw("churn@1.0.0")

    assert refusal(store.lock, ["churn@1.0.0"], ml.path) == (
        LockError,
        "churn 1.0.0 was withdrawn",
        "see why with `gms log churn`, and lock another",
    )
    assert not (ml.path / LOCK_FILE).exists()


def test_an_unknown_version_leaves_the_file_as_it_was(store, ml):
    store.lock(["churn@1.0.0"], ml.path)
    before = (ml.path / LOCK_FILE).read_bytes()

    with pytest.raises(VersionNotFound):
        store.lock(["credit@1.0.0", "churn@7.0.0"], ml.path)

    assert (ml.path / LOCK_FILE).read_bytes() == before


def test_the_store_is_named_by_its_url_without_credentials(store, ml):
    url = "https://ada:secret@example.org/models.git?token=abc"
    run(["git", "remote", "add", "origin", url], store.path)

    Store.open(store.path).lock(["churn@1.0.0"], ml.path)

    assert (
        json.loads((ml.path / LOCK_FILE).read_text())["store"] == "https://example.org/models.git"
    )


def test_nothing_is_wrong_with_a_new_lock(locked):
    assert found(locked) == []


def test_a_version_that_was_withdrawn_is_told(store, locked):
    store.withdraw("churn@1.0.0")

    assert found(locked) == [
        f"{LOCK_FILE}: models.churn.version: churn 1.0.0 was withdrawn [GMS082]"
    ]


# Of what somebody wrote into the entry of churn: what is told, after its name.
EDITS = {
    "a version that is not there": (
        {"version": "1.0.7", "tag": "churn@v1.0.7"},
        ["version: churn 1.0.7 is not registered in the store [GMS081]"],
    ),
    "other digests": (
        {"manifest_sha256": "a" * 64, "pipeline": {"sha256": "b" * 64, "size_bytes": 1}},
        [
            "manifest_sha256: tag churn@v1.0.0 names manifest {manifest}, the lock aaaaaaaaaaaa "
            "[GMS081]",
            "manifest_sha256: the manifest's sha256 is {manifest}, not aaaaaaaaaaaa [GMS081]",
            "pipeline: pipeline.joblib is {size} bytes of sha256 {pipeline} in the store, "
            "the lock says 1 of bbbbbbbbbbbb [GMS081]",
        ],
    ),
    "other inputs": (
        {"features": f"gms-features-1:{'0' * 64}"},
        ["features: its inputs differ from the locked ones: income float64, age float64 [GMS083]"],
    ),
    "no commit": (
        {"commit": "0" * 40},
        [
            "commit: commit 000000000000 did not introduce churn 1.0.0 [GMS081]",
            "tag: tag churn@v1.0.0 points to another churn 1.0.0 [GMS081]",
        ],
    ),
    "no values": (
        {"version": "one", "commit": "two"},
        [
            "version: expected a SemVer version, found 'one' [GMS080]",
            "commit: expected a commit id, found 'two' [GMS080]",
        ],
    ),
}


@pytest.mark.parametrize("case", EDITS)
def test_every_difference_is_told(store, locked, case):
    keys, expected = EDITS[case]
    entry = store.show("churn@1.0.0").artifact("pipeline.joblib")
    manifest = hashlib.sha256(store.read("churn@1.0.0", "manifest.json")).hexdigest()
    facts = {"manifest": manifest[:12], "pipeline": entry.sha256[:12], "size": entry.size_bytes}
    edit(locked, **keys)

    assert found(locked) == [
        f"{LOCK_FILE}: models.churn.{line.format(**facts)}" for line in expected
    ]


def test_a_model_that_is_not_there_is_told(locked):
    path = locked.path / LOCK_FILE
    path.write_text(path.read_text().replace("churn", "chorn"))

    assert found(locked) == [
        f"{LOCK_FILE}: models.chorn.version: chorn 1.0.0 is not registered in the store [GMS081]"
    ]


def test_a_commit_that_did_not_introduce_the_version_is_told(store, locked):
    later = run(["git", "rev-parse", "churn@v1.1.0^{commit}"], store.path).said.strip()
    edit(locked, commit=later)

    line = f"models.churn.commit: commit {later[:12]} did not introduce churn 1.0.0 [GMS081]"
    assert f"{LOCK_FILE}: {line}" in found(locked)


def test_a_tag_that_was_moved_is_told(store, locked):
    git = ["git", "tag", "-f", "-a", "-m", "moved", "churn@v1.0.0", "churn@v1.1.0^{commit}"]
    assert run(git, store.path).code == 0

    assert found(locked) == [
        f"{LOCK_FILE}: models.churn.tag: tag churn@v1.0.0 points to another churn 1.0.0 [GMS081]"
    ]


def test_a_tag_that_is_missing_is_no_difference(store, locked):
    run(["git", "tag", "-d", "churn@v1.0.0"], store.path)

    assert found(locked) == []


def test_the_hook_reads_what_is_staged(locked):
    edit(locked, version="one")

    assert locked.hook("lock", LOCK_FILE) == ("", 0)
    assert [fault.code for fault in check_lock(locked.path / LOCK_FILE)] == ["GMS080"]


def test_the_hook_judges_the_file_here_where_none_is_named(store, locked):
    store.withdraw("churn@1.0.0")

    what = f"{LOCK_FILE}: models.churn.version: churn 1.0.0 was withdrawn [GMS082]"
    assert locked.hook("lock") == (f"error: {what}\nhint: {AGAIN}\n", 1)


def test_within_a_hook_the_store_is_not_taken_for_the_repository_that_runs_it(locked):
    variables = {
        "GIT_DIR": str(locked.path / ".git"),
        "GIT_INDEX_FILE": str(locked.path / ".git" / "index"),
        "GIT_WORK_TREE": str(locked.path),
    }

    assert locked.hook("lock", LOCK_FILE, **variables) == ("", 0)


def test_without_a_store_the_hook_says_what_is_missing(store, locked):
    shutil.rmtree(store.path)

    assert locked.hook("lock", LOCK_FILE) == (
        f"error: folder '{store.path}' does not exist\n"
        "hint: the folder must be a clone of the store: `git clone URL FOLDER`\n",
        1,
    )


def test_with_a_url_alone_nobody_knows_where_the_clone_is(locked):
    path = locked.path / LOCK_FILE
    path.write_text(path.read_text().replace("../store", "https://example.org/models.git"))
    locked.git("add", ".")

    assert locked.hook("lock", LOCK_FILE) == (
        "error: no clone of https://example.org/models.git is known here\n"
        "hint: clone the store, and name the folder in pyproject.toml: "
        '[tool.gitmodelstore] store = "FOLDER"\n',
        1,
    )


@pytest.mark.parametrize("what", ["folder", "repository", "inside"])
def test_what_is_no_store_is_said_to_be_none(locked, tmp_path, what):
    other = tmp_path / "other"
    other.mkdir()
    message = f"'{other}' is not a git repository"
    if what == "repository":
        run(["git", "init", "-q"], other)
        message = f"'{other}' is not a model store: it has no branch 'main'"
    elif what == "inside":  # a plain folder within another repository
        other = locked.path / "plain"
        other.mkdir()
        message = f"'{other}' is not a git repository"
    relative = os.path.relpath(other, locked.path)
    (locked.path / "pyproject.toml").write_text(f"[tool.gitmodelstore]\nstore = '{relative}'\n")

    assert refusal(check_lock, locked.path / LOCK_FILE)[:2] == (NotAStore, message)


def test_the_store_that_pyproject_names_comes_first(store, locked, tmp_path):
    shutil.copytree(store.path, tmp_path / "clone ü")
    Store.open(tmp_path / "clone ü").withdraw("churn@1.0.0")
    (locked.path / "pyproject.toml").write_text("[tool.gitmodelstore]\nstore = '../clone ü'\n")

    assert found(locked) == [
        f"{LOCK_FILE}: models.churn.version: churn 1.0.0 was withdrawn [GMS082]"
    ]


def test_in_a_linked_work_tree_the_store_of_the_main_one_is_meant(locked, tmp_path, monkeypatch):
    locked.git("commit", "--quiet", "-m", "locked")
    locked.git("worktree", "add", "--quiet", str(tmp_path / "far" / "linked"))
    linked = Repository(tmp_path / "far" / "linked")

    assert linked.hook("lock", LOCK_FILE) == ("", 0)
    assert check_lock(linked.path / LOCK_FILE) == ()
    monkeypatch.chdir(linked.path)
    assert str(gms.version_of(gms.load_model("churn"))) == "churn 1.0.0"


def test_the_store_that_the_variable_names_comes_first(store, locked, tmp_path, monkeypatch):
    shutil.copytree(store.path, tmp_path / "clone")
    store.path.rename(tmp_path / "away")
    monkeypatch.chdir(locked.path)
    with pytest.raises(NotAStore):
        gms.load_model("churn")

    monkeypatch.setenv("GITMODELSTORE", "../clone")

    assert str(gms.version_of(gms.load_model("churn"))) == "churn 1.0.0"
    assert locked.hook("lock", LOCK_FILE) == ("", 0)
    (tmp_path / "other").mkdir()
    (tmp_path / "clone").rename(tmp_path / "other" / "models")
    run(["git", "init", "-q"], tmp_path / "other")
    monkeypatch.setenv("GITMODELSTORE", "../other")  # the code around it
    assert locked.hook("lock", LOCK_FILE) == ("", 0)
    assert gms.load_model("churn", store="../other") is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_store_of_somebody_else_is_named_with_what_to_type(store, locked):
    for path in (store.path, *store.path.rglob("*")):
        os.chown(path, 4711, 4711, follow_symlinks=False)

    top = str(store.path).rstrip("/")
    assert locked.hook("lock", LOCK_FILE) == (
        f"error: '{top}' belongs to another user\n"
        f"hint: if you trust it: git config --global --add safe.directory {top}\n",
        1,
    )


@pytest.mark.parametrize("bare", [False, True], ids=["work tree", "bare"])
def test_what_was_fetched_counts_before_any_branch_moves(store, ml, tmp_path, bare):
    clone = tmp_path / "clone"
    options = ["--bare"] if bare else []
    assert run(["git", "clone", "-q", *options, str(store.path), str(clone)], tmp_path).code == 0
    Store.open(clone).lock(["churn@1.0.0"], ml.path)
    store.withdraw("churn@1.0.0", reason="leaked labels")
    path = ml.path / LOCK_FILE
    (ml.path / "pyproject.toml").write_text("[tool.gitmodelstore]\nstore = '../clone'\n")

    assert check_lock(path) == ()
    assert [fault.code for fault in check_lock(path, fetch=True)] == ["GMS082"]
    assert [fault.code for fault in check_lock(path)] == ["GMS082"]
    assert [str(v.status) for v in Store.open(clone).versions("churn")] == [
        "production",
        "registered",
    ]


@pytest.mark.parametrize(
    ("url", "why"),
    [("/no/such/store.git", "does not appear to"), ("https://ada:secret@127.0.0.1:1/x", "connect")],
)
def test_a_remote_that_cannot_be_reached_is_named_with_what_to_do(locked, store, url, why):
    git(store.path, "remote", "add", "origin", url)

    error, said, hint = refusal(check_lock, locked.path / LOCK_FILE, fetch=True)

    assert error is RemoteUnreachable
    assert said.startswith(f"origin cannot be reached at '{url.replace('ada:secret@', '')}': ")
    assert why in said.lower()
    assert "\n" not in said + hint
    assert "secret" not in said + hint
    assert hint.startswith("nothing has changed; ")


def test_without_a_remote_nothing_is_fetched(locked, store):
    assert refusal(check_lock, locked.path / LOCK_FILE, fetch=True)[:2] == (
        NotAStore,
        f"'{store.path}' has no remote to fetch from",
    )


def test_without_a_lock_file_there_is_nothing_to_check(ml):
    assert refusal(check_lock, ml.path / LOCK_FILE) == (
        LockError,
        f"'{ml.path}' has no {LOCK_FILE}",
        "write one with `gms lock REF`",
    )
