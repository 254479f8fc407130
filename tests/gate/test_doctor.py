"""The doctor finds what is wrong without writing, and repairs what needs no guess."""

from __future__ import annotations

import hashlib
import os
import re
import time
from pathlib import Path

import pytest

from gitmodelstore import Store, StoreError
from gitmodelstore.operations.examine import Diagnosis
from gitmodelstore.operations.init import DRIVERS
from gitmodelstore.plumbing import journal

from .conftest import Place
from .corpus import new_version

CHURN = "models/churn"
OLD = time.time() - 2 * 24 * 60 * 60


@pytest.fixture
def place(place: Place) -> Place:
    """A clone in which nothing is wrong: `git clone` alone configures no drivers."""
    Store.open(place.path)._repository.configure(DRIVERS)
    return place


def doctor(place: Place | Path, *, fix: bool = False) -> Diagnosis:
    path = place.path if isinstance(place, Place) else place
    found = Store.open(path, durable=False) if _opens(path) else _unopened(path)
    return found.doctor(fix=fix)


def _opens(path: Path) -> bool:
    try:
        Store.open(path)
    except StoreError:
        return False
    return True


def _unopened(path: Path) -> Store:
    from gitmodelstore.plumbing.repository import Repository

    return Store(Repository.open(path), durable=False)


def codes(found: Diagnosis) -> list[tuple[str, str]]:
    return sorted((fault.code, fault.path) for fault in found.faults)


def said(found: Diagnosis) -> list[str]:
    return [str(fault) for fault in found.faults]


def image(*folders: Path) -> dict[str, tuple[int, int, str]]:
    """Mode, time and content of every file, so that no write goes unseen."""
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            stat = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            digest = hashlib.sha256(content).hexdigest()
            found[str(path)] = (stat.st_mode, stat.st_mtime_ns, digest)
    return found


def age(path: Path, at: float = OLD) -> None:
    os.utime(path, (at, at))


def tags(place: Place) -> dict[str, str]:
    listed = place.git("for-each-ref", "--format=%(refname:strip=2) %(objecttype) %(*objectname)")
    rows = [line.split(" ") for line in listed.splitlines()]
    return {row[0]: row[2] for row in rows if row[1] == "tag"}


def break_nothing(place: Place) -> None:
    """Leave everything as it is."""


def delete_tag(place: Place) -> None:
    place.git("tag", "-d", "churn@v1.1.0")


def empty_tag(place: Place) -> None:
    place.file(".git/refs/tags/churn@v1.1.0").write_text("")


def empty_branch(place: Place) -> None:
    place.file(".git/refs/heads/main").write_text("")


def break_registry(place: Place) -> None:
    place.file("registry.json").write_text("<<<<<<< HEAD\n")
    place.commit("in conflict")


def remove_registry(place: Place) -> None:
    place.file("registry.json").unlink()
    place.commit("without a registry")


def lose_versions(place: Place) -> None:
    place.edit("registry.json", lambda held: held["models"].pop("risk"))
    place.edit("registry.json", lambda held: held["models"]["churn"].pop("1.1.0"))
    place.commit("lose two versions")


def leave_locks(place: Place) -> None:
    for name in ("refs/heads/main.lock", "index.lock", "packed-refs.lock"):
        path = place.file(f".git/{name}")
        path.write_text("")
        age(path)


def leave_files(place: Place) -> None:
    for name in ("objects/tmp_obj_0123", "objects/pack/tmp_pack_x", "lfs/tmp/1234"):
        path = place.file(f".git/{name}")
        path.write_text("half")
        age(path)


def fall_behind(place: Place) -> None:
    """Move the branch as a push into a work tree does: nothing follows."""
    place.edit(
        "registry.json", lambda held: held["models"]["churn"]["1.2.0"].update(status="staging")
    )
    place.commit("to staging")
    new = place.git("rev-parse", "HEAD").strip()
    place.git("reset", "--quiet", "--hard", "HEAD~1")
    place.git("update-ref", "refs/heads/main", new)


def unconfigure(place: Place) -> None:
    place.git("config", "--unset", "merge.gitmodelstore.driver")
    place.file(".git/hooks/pre-push").unlink()


def squash(place: Place) -> None:
    """Register on a branch, and bring it in as one new commit: the tag stays behind."""
    place.git("switch", "--quiet", "--create", "proposal")
    new_version()(place)
    place.commit("propose churn 1.3.0")
    place.git("tag", "-a", "-m", "churn 1.3.0", "churn@v1.3.0")
    place.git("switch", "--quiet", "main")
    place.git("merge", "--squash", "proposal")
    place.git("commit", "--quiet", "-m", "churn 1.3.0 (#7)")


def die_after_the_work_tree(place: Place) -> None:
    """Leave what a writer leaves that dies when the work tree has moved and not the branch."""
    old = place.git("rev-parse", "HEAD").strip()
    place.register("risk", custom={"again": True})
    new, tag = (place.git("rev-parse", name).strip() for name in ("HEAD", "risk@v1.1.0"))
    place.git("update-ref", "refs/heads/main", old)
    place.git("update-ref", "-d", "refs/tags/risk@v1.1.0")
    note = journal.Note(old, new, {"risk@v1.1.0": tag}, (str(place.path),))
    journal.write(place.path / ".git", note)


def die_before_the_tag(place: Place) -> None:
    old = place.git("rev-parse", "HEAD").strip()
    place.register("risk", custom={"again": True})
    new, tag = (place.git("rev-parse", name).strip() for name in ("HEAD", "risk@v1.1.0"))
    place.git("update-ref", "-d", "refs/tags/risk@v1.1.0")
    note = journal.Note(old, new, {"risk@v1.1.0": tag}, (str(place.path),))
    journal.write(place.path / ".git", note)


# What was done to the store, what the doctor says of it, and what it says that it has done.
BREAKS = {
    break_nothing: ([], []),
    delete_tag: (
        ["refs/tags/churn@v1.1.0: is missing: churn 1.1.0 has no tag [GMS050]"],
        ["set tag churn@v1.1.0 on X, which introduced it"],
    ),
    empty_tag: (
        [
            "refs/tags/churn@v1.1.0: holds no id [GMS077]",
            "refs/tags/churn@v1.1.0: is missing: churn 1.1.0 has no tag [GMS050]",
        ],
        ["set tag churn@v1.1.0 on X, which introduced it"],
    ),
    empty_branch: (
        ["refs/heads/main: holds no id [GMS077]"],
        ["set refs/heads/main to X, where its reflog says that it stood"],
    ),
    break_registry: (
        ["registry.json:1:1: not JSON: expecting value [GMS011]"],
        ["rebuilt registry.json from the history"],
    ),
    remove_registry: (
        ["registry.json: missing [GMS020]"],
        ["rebuilt registry.json from the history"],
    ),
    lose_versions: (
        [
            "registry.json: churn 1.1.0 is lost [GMS030]",
            "registry.json: risk 1.0.0 is lost [GMS030]",
        ],
        [
            "churn 1.1.0 is back in registry.json as production",
            "risk 1.0.0 is back in registry.json as registered",
        ],
    ),
    leave_locks: (
        [
            "index.lock: no living git holds it for so long [GMS073]",
            "packed-refs.lock: no living git holds it for so long [GMS073]",
            "refs/heads/main.lock: no living git holds it for so long [GMS073]",
        ],
        [
            "removed the lock index.lock, which nobody holds",
            "removed the lock packed-refs.lock, which nobody holds",
            "removed the lock refs/heads/main.lock, which nobody holds",
        ],
    ),
    leave_files: (
        [
            "lfs/tmp/1234: nobody has touched it for a day [GMS074]",
            "objects/pack/tmp_pack_x: nobody has touched it for a day [GMS074]",
            "objects/tmp_obj_0123: nobody has touched it for a day [GMS074]",
        ],
        [
            "removed lfs/tmp/1234, which nobody had touched for a day",
            "removed objects/pack/tmp_pack_x, which nobody had touched for a day",
            "removed objects/tmp_obj_0123, which nobody had touched for a day",
        ],
    ),
    fall_behind: (
        ["PLACE: stands on X, 1 commit behind the branch [GMS075]"],
        ["moved PLACE from X to the branch, X"],
    ),
    unconfigure: (
        [
            "config: has no merge.gitmodelstore.driver [GMS076]",
            "hooks/pre-push: git does not run gitmodelstore's pre-push [GMS076]",
        ],
        ["told git merge.gitmodelstore.driver", "installed the hooks pre-push"],
    ),
    squash: (
        [
            "refs/tags/churn@v1.3.0: stands on X, which the store's branch does not hold; "
            "X brought churn 1.3.0, the same folder [GMS052]"
        ],
        [
            "set tag churn@v1.3.0 anew on X: a squash or rebase had left it on X, with the same "
            "folder; if the old one was pushed, delete it there: "
            "git push REMOTE :refs/tags/churn@v1.3.0, then push again"
        ],
    ),
    die_after_the_work_tree: (
        ["gitmodelstore/pending.json: a writer died between X and X [GMS072]"],
        ["undid the write of X, whose writer had died"],
    ),
    die_before_the_tag: (
        [
            "gitmodelstore/pending.json: a writer died between X and X [GMS072]",
            "refs/tags/risk@v1.1.0: is missing: risk 1.1.0 has no tag [GMS050]",
        ],
        [
            "finished the write of X, whose writer had died",
            "set tag risk@v1.1.0, which an interrupted write had left out",
        ],
    ),
}


def plain(lines: list[str] | tuple[str, ...], place: Place) -> list[str]:
    """Lines without ids and paths of this run."""
    return [
        re.sub(r"\b[0-9a-f]{12}\b", "X", line).replace(str(place.path), "PLACE") for line in lines
    ]


@pytest.mark.parametrize("how", BREAKS, ids=lambda how: how.__name__)
class TestRepaired:
    def test_it_is_found_and_nothing_is_written(self, place: Place, how) -> None:
        how(place)
        before = image(place.path, place.shared)

        found = doctor(place)

        assert plain(sorted(said(found)), place) == sorted(BREAKS[how][0])
        assert {fault.mend for fault in found.faults} <= {"gms doctor --fix"}
        assert found.is_sound == (how is break_nothing)
        assert (found.repaired, found.past, found.notes) == ((), (), ())
        assert image(place.path, place.shared) == before

    def test_it_is_repaired_once_and_says_so(self, place: Place, how) -> None:
        how(place)
        store = _unopened(place.path)

        found = doctor(place, fix=True)

        assert (plain(found.repaired, place), found.notes) == (BREAKS[how][1], ())
        assert said(found) == []
        after = image(place.path)
        again = doctor(place, fix=True)
        assert (again.repaired, said(again), again.notes) == ((), [], ())
        lock = str(place.path / ".git/gitmodelstore/lock")
        changed = {name for name, held in image(place.path).items() if after.get(name) != held}
        assert changed <= {lock, str(place.path / ".git/gitmodelstore")}
        assert place.git("status", "--porcelain", "--untracked-files=all") == ""
        assert place.git("fsck", "--strict", "--no-dangling") == ""
        kept = {f"{m.model}@v{v.version}" for m in store.models() for v in store.versions(m.model)}
        assert kept == set(tags(place)) >= {"churn@v1.0.0", "churn@v1.1.0", "churn@v1.2.0"}
        assert store.verify().is_sound
        assert str(store.version("churn").version) == "1.1.0"
