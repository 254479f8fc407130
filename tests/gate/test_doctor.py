"""The doctor finds what is wrong without writing, and repairs what needs no guess."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import NotAStore, StoreBusy
from gitmodelstore.operations.doctor import Diagnosis
from gitmodelstore.operations.init import set_up
from gitmodelstore.operations.mend import FIX
from gitmodelstore.plumbing import git_dir, writer_lock
from gitmodelstore.plumbing.repository import Repository
from tests.store import children
from tests.store.looks import image, object_file

from .conftest import Place, doctor
from .corpus import CASES, Case, new_version

CHURN = "models/churn"
OLD = time.time() - 2 * 24 * 60 * 60


@pytest.fixture
def place(place: Place) -> Place:
    """A clone in which nothing is wrong: `git clone` alone configures no drivers."""
    set_up(Store.open(place.path)._repository)
    return place


def codes(found: Diagnosis) -> list[tuple[str, str]]:
    return sorted((fault.code, fault.path) for fault in found.faults)


def said(found: Diagnosis) -> list[str]:
    return [str(fault) for fault in found.faults]


def assert_changed_nothing(place: Place, before: dict[str, tuple[int, int, str]]) -> None:
    """Since that image, but for the writer's lock, and second names of some minutes ago."""
    changed = {name for name, held in image(place.path).items() if before.get(name) != held}
    own = ("gitmodelstore", "gitmodelstore/lock", "gitmodelstore-spares")
    assert changed <= {f".git/{name}" for name in own}


def age(path: Path, at: float = OLD) -> None:
    os.utime(path, (at, at))


def tags(place: Place) -> dict[str, str]:
    listed = place.git("for-each-ref", "--format=%(refname:strip=2) %(objecttype) %(*objectname)")
    rows = [line.split(" ") for line in listed.splitlines()]
    return {row[0]: row[2] for row in rows if row[1] == "tag"}


TAG = "refs/tags/churn@v1.1.0"
Break = Callable[[Place], object]


def write(name: str, text: str) -> Break:
    return lambda place: place.file(f".git/{name}").write_text(text)


def git(*args: str) -> Break:
    return lambda place: place.git(*args)


delete_tag = git("tag", "-d", "churn@v1.1.0")
empty_tag = write(TAG, "")
garble_tag = write(TAG, "1234\n")
empty_branch = write("refs/heads/main", "")


def break_registry(place: Place) -> None:
    place.write("registry.json", "<<<<<<< HEAD\n", "in conflict")


def remove_registry(place: Place) -> None:
    place.file("registry.json").unlink()
    place.commit("without a registry")


def lose_versions(place: Place) -> None:
    place.edit("registry.json", lambda held: held["models"].pop("risk"))
    place.edit("registry.json", lambda held: held["models"]["churn"].pop("1.1.0"))
    place.commit("lose two versions")


LOCKS = ("index.lock", "packed-refs.lock", "refs/heads/main.lock")
FILES = ("lfs/incomplete/0a1b42", "lfs/tmp/1234", "objects/pack/tmp_pack_x", "objects/tmp_obj_0123")


def leave(*names: str) -> Break:
    def how(place: Place) -> None:
        for name in names:
            write(name, "half")(place)
            age(place.file(f".git/{name}"))

    return how


leave_locks, leave_files = leave(*LOCKS), leave(*FILES)


def fall_behind(place: Place) -> None:
    """Move the branch as a push into a work tree does: nothing follows."""
    place.put(v1_2_0="staging")
    place.commit("to staging")
    new = place.git("rev-parse", "HEAD").strip()
    place.git("reset", "--quiet", "--hard", "HEAD~1")
    place.git("update-ref", "refs/heads/main", new)


def unconfigure(place: Place) -> None:
    place.git("config", "--unset", "merge.gitmodelstore.driver")
    place.file(".git/hooks/pre-push").unlink()


def propose(place: Place, message: str = "churn 1.3.0") -> None:
    """Register churn 1.3.0 on a branch, with its tag, and go back to main."""
    place.git("switch", "--quiet", "--create", "proposal")
    new_version()(place)
    place.commit("propose churn 1.3.0")
    if message:
        place.git("tag", "-a", "-m", message, "churn@v1.3.0")
    place.git("switch", "--quiet", "main")


def squash(place: Place) -> None:
    """Bring a proposal in as one new commit: the tag stays behind."""
    propose(place)
    place.git("merge", "--squash", "proposal")
    place.git("commit", "--quiet", "-m", "churn 1.3.0 (#7)")


def die(place: Place, *, has_moved: bool) -> None:
    """Leave what a writer leaves that dies before it has set its tag, or moved the branch."""
    old = place.git("rev-parse", "HEAD").strip()
    place.register("risk", custom={"again": True})
    new, tag = (place.git("rev-parse", name).strip() for name in ("HEAD", "risk@v1.1.0"))
    if not has_moved:
        place.git("update-ref", "refs/heads/main", old)
    place.git("update-ref", "-d", "refs/tags/risk@v1.1.0")
    note = writer_lock.Note(old, new, {"risk@v1.1.0": tag}, (str(place.path),))
    writer_lock.write(place.path / ".git", note)


die_before_the_tag = functools.partial(die, has_moved=True)


def cut(name: str, count: int, *before: str) -> Break:
    """Leave a file without its last bytes."""

    def how(place: Place) -> None:
        if before:
            place.git(*before)
        path = place.file(f".git/{name}")
        path.write_bytes(path.read_bytes()[:-count])

    return how


def disorder_packed_refs(place: Place) -> None:
    place.git("pack-refs", "--all")
    path = place.file(".git/packed-refs")
    head, *lines = path.read_text().splitlines(keepends=True)
    path.write_text(head + "".join(line for line in reversed(lines) if line[0] != "^"))


def add_nonsense_to_packed_refs(place: Place) -> None:
    place.git("pack-refs", "--all")
    with place.file(".git/packed-refs").open("a") as file:
        file.write("nonsense\n")


def damage_commit_graph(place: Place) -> None:
    place.git("commit-graph", "write", "--reachable")
    path = place.file(".git/objects/info/commit-graph")
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[:-40] + bytes(40))


def break_commit_graph_chain(place: Place) -> None:
    place.git("commit-graph", "write", "--reachable", "--split")
    (path,) = place.file(".git/objects/info/commit-graphs/x").parent.glob("*.graph")
    path.rename(place.path / f".git/objects/info/commit-graphs/graph-{'1' * 40}.graph")


def lose_pack_index(place: Place) -> None:
    place.git("repack", "-a", "-d", "-q")
    (path,) = place.file(".git/objects/pack/x").parent.glob("*.idx")
    path.unlink()


def put_files_for_folders(place: Place) -> None:
    for name in ("refs/tags", "hooks"):
        shutil.rmtree(place.file(f".git/{name}"))
        write(name, "x")(place)


def put_folders_for_files(place: Place) -> None:
    for name in ("gitmodelstore/pending.json", "logs/refs/heads/main"):
        place.file(f".git/{name}").unlink(missing_ok=True)
        write(f"{name}/x", "x")(place)


def untagged(name: str, version: str) -> str:
    return f"refs/tags/{name}@v{version}: is missing: {name} {version} has no tag [GMS050]"


def tagged(tag: str) -> str:
    return f"set tag {tag} on X, which introduced it"


def mended(path: str, how: str, was: str) -> str:
    """What is said of a file that was set aside."""
    kept = f"gitmodelstore/damaged/{path.replace('/', '-')}"
    return f"{how.format(path)}: it {was}; what was there is in {kept}"


MADE, REMOVED = "rebuilt {}", "removed {}"
REBUILT = "rebuilt the index of PLACE from the commit that is checked out"
NO_HOOK = "hooks/{0}: git does not run gitmodelstore's {0} [GMS076]"
DIED = "gitmodelstore/pending.json: a writer died between X and X [GMS072]"
LIGHT = "set tag churn@v1.1.0, which was not a tag, on X, which introduced it"
NO_ID = (
    [f"{TAG}: holds no id [GMS077]", untagged("churn", "1.1.0")],
    [f"removed {TAG}, which was empty", tagged("churn@v1.1.0")],
)
LOST = (
    [f"registry.json: {version} is lost [GMS030]" for version in ("churn 1.1.0", "risk 1.0.0")],
    [
        "churn 1.1.0 is back in registry.json as production",
        "risk 1.0.0 is back in registry.json as registered",
    ],
)
EVERY = (("churn", "1.0.0"), ("churn", "1.1.0"), ("churn", "1.2.0"), ("risk", "1.0.0"))
ONES = "1" * 40

# What was done to the store, what the doctor says of it, and what it says that it has done.
BREAKS: dict[str, tuple[Break, list[str], list[str]]] = {
    "nothing": (lambda place: None, [], []),
    "no index": (
        lambda place: place.file(".git/index").unlink(),
        ["index: is missing: the next commit would remove every file [GMS078]"],
        [REBUILT],
    ),
    "an index cut short": (
        cut("index", 30),
        ["index: does not match its own checksum [GMS078]"],
        [mended("index", REMOVED, "did not match its own checksum"), REBUILT],
    ),
    "HEAD detached from everything": (
        write("HEAD", f"{ONES}\n"),
        [f"HEAD: points to {ONES}, which does not exist [GMS077]"],
        [f"set HEAD to refs/heads/main: {ONES}, which it pointed to, does not exist"],
    ),
    "HEAD names no branch": (
        write("HEAD", "ref: refs/heads/other\n"),
        ["HEAD: points to refs/heads/other, which does not exist [GMS077]"],
        ["set HEAD to refs/heads/main: refs/heads/other, which it pointed to, does not exist"],
    ),
    "HEAD garbled": (
        write("HEAD", "nothing\n"),
        ["HEAD: does not have the required content [GMS077]"],
        [mended("HEAD", MADE, "did not have the required content")],
    ),
    "packed-refs cut short": (
        cut("packed-refs", 70, "pack-refs", "--all"),
        [
            "packed-refs: line 10 cannot be read; 5 refs can, 1 line cannot [GMS077]",
            untagged("risk", "1.0.0"),
        ],
        [
            mended(
                "packed-refs",
                MADE,
                "was damaged, line 10 cannot be read; 5 refs can, 1 line cannot",
            ),
            tagged("risk@v1.0.0"),
        ],
    ),
    "a line of packed-refs that is none": (
        add_nonsense_to_packed_refs,
        ["packed-refs: line 12 cannot be read; 6 refs can, 1 line cannot [GMS077]"],
        [
            mended(
                "packed-refs",
                MADE,
                "was damaged, line 12 cannot be read; 6 refs can, 1 line cannot",
            )
        ],
    ),
    "packed-refs not in order": (
        disorder_packed_refs,
        ["packed-refs: says that it is sorted, but is not, so git misses refs [GMS077]"],
        [mended("packed-refs", MADE, "said that it is sorted, but is not, so git misses refs")],
    ),
    "a commit-graph damaged": (
        damage_commit_graph,
        ["objects/info/commit-graph: does not match its own checksum [GMS078]"],
        ["removed objects/info/commit-graph: it did not match its own checksum"],
    ),
    "a chain of commit-graphs broken": (
        break_commit_graph_chain,
        ["objects/info/commit-graphs: GRAPH is missing [GMS078]"],
        ["removed objects/info/commit-graphs: it was damaged, GRAPH is missing"],
    ),
    "no index of a pack": (
        lose_pack_index,
        ["objects/pack/PACK.idx: is missing [GMS078]"],
        ["rebuilt objects/pack/PACK.idx: it was missing"],
    ),
    "a tag on nothing": (
        write(TAG, f"{ONES}\n"),
        [f"{TAG}: {TAG}: object {ONES} is not in this repository [GMS070]"],
        [LIGHT],
    ),
    "a light tag": (
        git("update-ref", TAG, "churn@v1.1.0^0"),
        [f"{TAG}: is not an annotated tag of that name that points to a commit [GMS051]"],
        [LIGHT],
    ),
    "files for folders": (
        put_files_for_folders,
        [
            "refs/tags: is not a folder [GMS077]",
            "hooks: is not a folder [GMS078]",
            *(untagged(*version) for version in EVERY),
            *(NO_HOOK.format(name) for name in ("pre-commit", "pre-push")),
        ],
        [
            *(mended(name, MADE, "was not a folder") for name in ("refs/tags", "hooks")),
            *(tagged(f"{name}@v{version}") for name, version in EVERY),
            "installed the hooks pre-commit, pre-push",
        ],
    ),
    "folders for files": (
        put_folders_for_files,
        [
            "gitmodelstore/pending.json: is a folder, not a file [GMS078]",
            "logs/refs/heads/main: is a folder, not a file [GMS078]",
        ],
        [
            mended("gitmodelstore/pending.json", REMOVED, "was a folder, not a file"),
            mended("logs/refs/heads/main", REMOVED, "was a folder, not a file"),
        ],
    ),
    "a hook without rights": (
        lambda place: place.file(".git/hooks/pre-push").chmod(0o644),
        [NO_HOOK.format("pre-push")],
        ["installed the hooks pre-push"],
    ),
    "no tag": (delete_tag, [untagged("churn", "1.1.0")], [tagged("churn@v1.1.0")]),
    "an empty tag": (empty_tag, *NO_ID),
    "a garbled tag": (garble_tag, *NO_ID),
    "an empty branch": (
        empty_branch,
        ["refs/heads/main: holds no id [GMS077]"],
        ["set refs/heads/main to X, the id in its reflog"],
    ),
    "a broken registry": (
        break_registry,
        ["registry.json:1:1: not JSON: expecting value [GMS011]"],
        ["rebuilt registry.json from the history"],
    ),
    "no registry": (
        remove_registry,
        ["registry.json: missing [GMS020]"],
        ["rebuilt registry.json from the history"],
    ),
    "lost versions": (lose_versions, *LOST),
    "locks": (
        leave_locks,
        [f"{name}: no running git process holds a lock for so long [GMS073]" for name in LOCKS],
        [f"removed the lock {name}, which no process holds" for name in LOCKS],
    ),
    "temporary files": (
        leave_files,
        [f"{name}: it has not been touched for a day [GMS074]" for name in FILES],
        [f"removed {name}, which had not been touched for a day" for name in FILES],
    ),
    "a work tree behind": (
        fall_behind,
        ["PLACE: is at X, 1 commit behind the branch [GMS075]"],
        ["moved PLACE from X to the branch, X"],
    ),
    "no configuration": (
        unconfigure,
        ["config: has no merge.gitmodelstore.driver [GMS076]", NO_HOOK.format("pre-push")],
        ["configured git: merge.gitmodelstore.driver", "installed the hooks pre-push"],
    ),
    "a squash": (
        squash,
        [
            "refs/tags/churn@v1.3.0: points to X, which is not on the store's branch; "
            "X brought churn 1.3.0, the same folder [GMS052]"
        ],
        [
            "moved tag churn@v1.3.0 to X: a squash or rebase had left it on X, with the same "
            "folder; if the old tag was pushed, replace it there, if you may: "
            "git push --force REMOTE tag churn@v1.3.0"
        ],
    ),
    "a writer that died after the work tree": (
        functools.partial(die, has_moved=False),
        [DIED],
        ["undid the write of X, which was interrupted"],
    ),
    "a writer that died before the tag": (
        die_before_the_tag,
        [DIED, untagged("risk", "1.1.0")],
        [
            "finished the write of X, which was interrupted",
            "set tag risk@v1.1.0, which an interrupted write had left out",
        ],
    ),
}


def plain(lines: list[str] | tuple[str, ...], place: Place) -> list[str]:
    """Lines without ids and paths of this run."""
    names = {r"graph-[0-9a-f]{40}\.graph": "GRAPH", r"pack-[0-9a-f]{40}": "PACK"}
    names |= {r"\b[0-9a-f]{12}\b": "X", re.escape(str(place.path)): "PLACE"}
    plain = []
    for line in lines:
        for pattern, name in names.items():
            line = re.sub(pattern, name, line)
        plain.append(line)
    return plain


@pytest.mark.corpus("name", BREAKS)
def test_it_is_found_without_a_write_and_repaired_once(place: Place, name: str) -> None:
    how, faults, repaired = BREAKS[name]
    how(place)
    before = image(place.path)

    found = doctor(place)

    assert plain(sorted(said(found)), place) == sorted(faults)
    assert {fault.mend for fault in found.faults} <= {"gms doctor --fix"}
    assert found.is_sound == (faults == [])
    assert (found.repaired, found.past, found.notes) == ((), (), ())
    assert image(place.path) == before

    fixed = doctor(place, fix=True)

    assert (plain(fixed.repaired, place), fixed.notes) == (repaired, ())
    assert said(fixed) == []
    after = image(place.path)
    for line in fixed.repaired:
        if kept := line.partition("; what was there is in ")[2]:
            assert after[f".git/{kept}"][2] == before[f".git/{line.split()[1].rstrip(':')}"][2]
    again = doctor(place, fix=True)
    assert (again.repaired, said(again), again.notes) == ((), [], ())
    assert_changed_nothing(place, after)
    assert place.git("status", "--porcelain", "--untracked-files=all") == ""
    assert place.git("fsck", "--strict", "--no-dangling") == ""
    store = Store.open(place.path)
    held = {f"{m.model}@v{v.version}" for m in store.models() for v in store.versions(m.model)}
    assert held == set(tags(place)) >= {"churn@v1.0.0", "churn@v1.1.0", "churn@v1.2.0"}
    assert store.verify().is_sound
    assert str(store.version("churn").version) == "1.1.0"


TOGETHER = [
    (unconfigure, squash, lose_versions, delete_tag, leave_files, leave_locks),
    (die_before_the_tag, garble_tag, leave_files, empty_branch),
    (squash, break_registry, delete_tag, leave_locks, empty_branch),
    (lose_versions, fall_behind, empty_tag, unconfigure),
    (remove_registry, delete_tag, leave_files),
]


@pytest.mark.parametrize("several", TOGETHER, ids=range(len(TOGETHER)))
def test_several_at_once_are_repaired_in_one_run(place: Place, several) -> None:
    for how in several:
        how(place)
    assert not doctor(place).is_sound

    fixed = doctor(place, fix=True)

    assert (said(fixed), fixed.notes) == ([], ())
    assert doctor(place, fix=True).repaired == ()
    assert place.git("status", "--porcelain", "--untracked-files=all") == ""
    assert Store.open(place.path).verify().is_sound
    assert _versions(place) >= {f"churn@v1.{minor}.0" for minor in range(3)}


PIPELINE = "HEAD:models/risk/pipeline.joblib"


class TestObjects:
    """What `git fsck` says, with the version that it concerns."""

    @pytest.fixture(params=["missing", "damaged"])
    def how(self, request: pytest.FixtureRequest) -> str:
        return request.param

    def hurt(self, place: Place, name: str, how: str) -> str:
        """Return the id of the object that is hurt."""
        path = object_file(place.path, name)
        if how == "missing":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:-9])
        return path.parent.name + path.name

    def test_a_pipeline(self, place: Place, how: str) -> None:
        oid = self.hurt(place, PIPELINE, how)
        before = image(place.path)

        found = doctor(place)

        assert image(place.path) == before
        assert said(found) == [
            f"models/risk/pipeline.joblib: blob {oid} of risk 1.0.0 is {how} "
            f"[{'GMS070' if how == 'missing' else 'GMS071'}]"
        ]
        assert found.faults[0].mend == "git fetch --refetch REMOTE, from an intact clone"
        again = doctor(place, fix=True)
        assert (said(again), again.repaired) == (said(found), ())
        assert Store.open(place.path).load("churn@1.2.0") is not None

    def test_what_it_says_to_type_mends_it(self, place: Place) -> None:
        object_file(place.path, PIPELINE).unlink()
        place.git("fetch", "--quiet", "--refetch", "origin")
        assert doctor(place).is_sound

    @pytest.mark.parametrize(
        "name", ["HEAD:models/risk/manifest.json", "HEAD:models/risk", "HEAD~2"]
    )
    def test_others(self, place: Place, name: str, how: str) -> None:
        oid = self.hurt(place, name, how)

        found = doctor(place)

        code = "GMS070" if how == "missing" else "GMS071"
        assert any(fault.code == code and oid in fault.what for fault in found.faults)
        assert said(doctor(place, fix=True)) == said(found)

    def test_an_index_of_a_pack(self, place: Place) -> None:
        place.git("gc", "--quiet")
        (index,) = place.file(".git/objects/pack/x").parent.glob("*.idx")
        index.chmod(0o644)
        data = bytearray(index.read_bytes())
        data[-30] ^= 1
        index.write_bytes(data)
        assert [(f.code, f.what) for f in doctor(place).faults] == [
            ("GMS078", "does not match its own checksum")
        ]
        assert doctor(place, fix=True).is_sound

    def test_an_index_of_a_pack_beside_another_that_git_reads(self, place: Place) -> None:
        """git makes no index in a repository whose multi-pack-index it cannot read."""
        place.git("repack", "-a", "-d", "-q", "--write-midx")
        folder = place.file(".git/objects/pack/x").parent
        (index,) = folder.glob("*.idx")
        for path in (index, folder / "multi-pack-index"):
            path.chmod(0o644)
            path.write_bytes(b"x" * 100)
        assert [(f.code, f.mend) for f in doctor(place).faults] == [("GMS078", FIX)] * 2
        assert doctor(place, fix=True).is_sound


def test_no_advice_takes_a_tag_away() -> None:
    """What it says may be typed; a number that has no tag any more could be taken again."""
    package = Path(Repository.__module__.replace(".", "/")).parts[0]
    folder = Path(__file__).parents[2]
    texts = [*(folder / package).rglob("*.py"), *(folder / "docs").rglob("*.md")]
    advice = re.compile(r"tag (?:-d|--delete)|push \S+ :refs/tags|update-ref -d")
    assert [str(path) for path in texts if advice.search(path.read_text())] == []


def squash_another_folder(place: Place) -> None:
    squash(place)
    place.file(f"{CHURN}/README.md").write_text("# another\n")
    place.git("add", "--all")
    place.git("commit", "--quiet", "--amend", "-m", "churn 1.3.0 (#7)")


def lose_risk_but_for_an_empty_tag(place: Place) -> None:
    """As a power cut leaves the last registration; the number must not be taken again."""
    place.git("reset", "--quiet", "--hard", "churn@v1.2.0")
    write("refs/tags/risk@v1.0.0", "")(place)


def have_two_holders(place: Place) -> None:
    place.put(v1_2_0="production")
    place.commit("two in production")


def stage_an_edit_that_takes_versions_back(place: Place) -> None:
    place.edit("registry.json", lambda held: held["models"].pop("risk"))
    place.git("add", "registry.json")


def forget_the_branch(place: Place) -> None:
    empty_branch(place)
    shutil.rmtree(place.path / ".git/logs")
    place.git("remote", "remove", "origin")
    for name in tags(place):
        oid = place.git("rev-parse", f"refs/tags/{name}").strip()
        place.git("update-ref", "-d", f"refs/tags/{name}")
        place.file(f".git/objects/{oid[:2]}/{oid[2:]}").unlink()  # it says where it stood, too


def fetched(tag: str) -> str:
    return f"fetch it from an intact clone: git fetch REMOTE '+refs/tags/{tag}:refs/tags/{tag}'"


def set_again(tag: str) -> str:
    name = tag.replace("@v", " ")
    return f"{fetched(tag)}; or, if the branch is right: git tag -f -a -m '{name}' {tag} X"


BESIDE = "refs/tags/churn@v1.3.0: points to X, which is not on the store's branch"
NO_VERSION = (
    "refs/tags/v1: is not a version tag such as churn@v1.4.0; a store has no other tags [GMS055]"
)
NO_TAG = "refs/tags/{}: is not an annotated tag of that name that points to a commit [GMS051]"
# What could be meant otherwise: what was done, what the doctor says, and what to type.
LEFT: dict[str, tuple[Break, str, str]] = {
    "a tag beside the branch with another folder": (
        squash_another_folder,
        f"{BESIDE}; X brought churn 1.3.0, another folder [GMS052]",
        f"{set_again('churn@v1.3.0')}, once what the tag holds is registered under another number",
    ),
    "a tag of a proposal": (propose, f"{BESIDE} [GMS052]", "git merge proposal, on main"),
    "a tag on another commit of the branch": (
        git("tag", "-f", "-a", "-m", "churn 1.0.0", "churn@v1.0.0", "HEAD"),
        "refs/tags/churn@v1.0.0: points to X, which does not introduce churn 1.0.0 [GMS052]",
        set_again("churn@v1.0.0"),
    ),
    "a tag of another name": (
        git("tag", "--force", "v1", "HEAD"),
        NO_VERSION,
        "push only version tags: '*@v*'",
    ),
    "a tag of no version": (
        git("tag", "--force", "churn@v9.0.0", "HEAD"),
        NO_TAG.format("churn@v9.0.0"),
        fetched("churn@v9.0.0"),
    ),
    "a light tag elsewhere": (
        git("tag", "--force", "churn@v1.0.0", "HEAD"),
        NO_TAG.format("churn@v1.0.0"),
        set_again("churn@v1.0.0"),
    ),
    "an empty tag of a version that the branch lacks": (
        lose_risk_but_for_an_empty_tag,
        "refs/tags/risk@v1.0.0: holds no id [GMS077]",
        fetched("risk@v1.0.0"),
    ),
    "two holders": (
        have_two_holders,
        "registry.json: churn has 2 versions in production: 1.2.0, 1.1.0 [GMS041]",
        "gms promote MODEL@VERSION STATUS, for the one that you mean",
    ),
    "a staged edit that would take versions back": (
        stage_an_edit_that_takes_versions_back,
        "PLACE: what is staged there would undo risk 1.0.0 [GMS075]",
        "git -C PLACE restore --source=HEAD --staged --worktree -- registry.json models",
    ),
    "a branch of which nobody knows where it stood": (
        forget_the_branch,
        "refs/heads/main: holds no id [GMS077]",
        "git branch --force main COMMIT, as another clone has it",
    ),
}


class TestWithoutGuessing:
    """What could be meant otherwise is named, and left."""

    @pytest.mark.parametrize("name", LEFT)
    def test_it_is_left_and_what_to_type_is_said(self, place: Place, name: str) -> None:
        how, fault, mend = LEFT[name]
        how(place)

        found = doctor(place)

        assert plain(said(found), place) == [fault]
        assert plain([found.faults[0].mend], place) == [mend]
        before = image(place.path)
        fixed = doctor(place, fix=True)
        assert_changed_nothing(place, before)
        assert (said(fixed), fixed.repaired) == (said(found), ())

    def test_what_to_type_mends_it(self, place: Place) -> None:
        place.git("tag", "-f", "-a", "-m", "churn 1.0.0", "churn@v1.0.0", "HEAD")
        command = doctor(place).faults[0].mend.partition("right: ")[2]
        place.git(*shlex.split(command)[1:])
        have_two_holders(place)
        Store.open(place.path, durable=False).promote("churn@1.1.0", "production")
        assert doctor(place).is_sound

    @pytest.mark.parametrize("what", ["a commit's index", "young", "young file"])
    def test_what_may_be_in_use(self, place: Place, what: str) -> None:
        if what == "young":
            place.file(".git/refs/heads/main.lock").write_text("")
            assert doctor(place).is_sound
            return
        if what == "young file":
            place.file(".git/objects/tmp_obj_1").write_text("half")
            assert doctor(place, fix=True).is_sound
            assert place.file(".git/objects/tmp_obj_1").exists()
            return
        an_hour_ago = time.time() - 3600
        for name in ("index.lock", "COMMIT_EDITMSG"):
            place.file(f".git/{name}").write_text("")
            age(place.file(f".git/{name}"), an_hour_ago)
        assert said(doctor(place)) == [
            "index.lock: a commit may be waiting for its message in an editor [GMS073]"
        ]
        doctor(place, fix=True)
        assert place.file(".git/index.lock").exists()

    def test_uncommitted_work(self, place: Place) -> None:
        place.file(f"{CHURN}/README.md").write_text("# mine\n")
        place.file("notes.txt").write_text("mine")
        place.git("add", f"{CHURN}/README.md")
        place.git("tag", "-d", "churn@v1.0.0")
        fixed = doctor(place, fix=True)
        assert fixed.is_sound
        assert len(fixed.repaired) == 1
        assert place.git("status", "--porcelain") == f"M  {CHURN}/README.md\n?? notes.txt\n"

    def test_work_in_the_way_of_a_work_tree_that_is_behind(self, place: Place) -> None:
        fall_behind(place)
        place.file("registry.json").write_text("mine")

        fixed = doctor(place, fix=True)

        assert [fault.code for fault in fixed.faults] == ["GMS075"]
        assert "uncommitted changes" in fixed.notes[0]
        assert place.file("registry.json").read_text() == "mine"

    def test_a_branch_of_which_an_unfinished_write_knows(self, place: Place) -> None:
        die_before_the_tag(place)
        new = place.git("rev-parse", "HEAD").strip()[:12]
        empty_branch(place)
        shutil.rmtree(place.path / ".git/logs")
        fixed = doctor(place, fix=True)
        assert fixed.is_sound
        assert fixed.repaired[0] == (
            f"set refs/heads/main to {new}, the id in the unfinished write"
        )

    def test_hooks_in_a_folder_that_others_share(self, place: Place, tmp_path: Path) -> None:
        place.git("config", "core.hooksPath", str(tmp_path))
        found = doctor(place)
        assert (found.faults, found.notes) == (
            (),
            (
                f"core.hooksPath is '{tmp_path}', which other repositories may share; "
                "gms cannot tell whether the hooks there run its own",
            ),
        )
        assert doctor(place, fix=True).is_sound
        assert list(tmp_path.glob("pre-*")) == []


class TestKnownElsewhere:
    """What can be had back exactly is not made anew."""

    def test_a_tag_that_packed_refs_has(self, place: Place) -> None:
        place.git("pack-refs", "--all")
        before = tags(place)
        oid = place.git("rev-parse", "churn@v1.1.0")
        empty_tag(place)

        fixed = doctor(place, fix=True)

        assert fixed.repaired == ("removed an empty refs/tags/churn@v1.1.0, which packed-refs has",)
        assert (place.git("rev-parse", "churn@v1.1.0"), tags(place)) == (oid, before)

    @pytest.mark.parametrize("lose", [delete_tag, empty_tag])
    def test_a_tag_whose_object_is_still_there(self, place: Place, lose) -> None:
        oid = place.git("rev-parse", "churn@v1.1.0")
        lose(place)
        doctor(place, fix=True)
        assert place.git("rev-parse", "churn@v1.1.0") == oid

    def test_a_tag_whose_object_is_gone_names_the_manifest(self, place: Place) -> None:
        oid = place.git("rev-parse", "churn@v1.1.0").strip()
        delete_tag(place)
        object_file(place.path, oid).unlink()
        doctor(place, fix=True)
        manifest = place.git("show", f"churn@v1.1.0:{CHURN}/manifest.json")
        digest = hashlib.sha256(manifest.encode()).hexdigest()
        said = place.git("for-each-ref", "--format=%(contents)", "refs/tags/churn@v1.1.0")
        assert said.strip() == f"churn 1.1.0\n\nManifest-SHA256: {digest}"

    def test_a_tag_of_a_version_with_a_broken_folder_is_not_set(self, place: Place) -> None:
        new_version()(place)
        place.file(f"{CHURN}/pipeline.joblib").write_bytes(b"other")
        place.commit("churn 1.3.0, broken")
        fixed = doctor(place, fix=True)
        assert ("GMS050", "refs/tags/churn@v1.3.0") in codes(fixed)
        assert "churn@v1.3.0" not in tags(place)


class TestRegistry:
    """Rebuilt from the last that can be read, and from what history introduced."""

    def statuses(self, place: Place) -> dict:
        return json.loads(place.git("show", "HEAD:registry.json"))["models"]

    def test_a_merge_that_was_left_in_conflict(self, place: Place) -> None:
        """Both sides registered; somebody committed the marks of the conflict."""
        place.git("switch", "--quiet", "--create", "side")
        place.git("config", "store.branch", "side")
        place.register("leavers")
        place.register("leavers", pipeline=None, custom={"n": 1})
        place.git("config", "--unset", "store.branch")
        place.git("switch", "--quiet", "main")
        place.register("risk", custom={"n": 2})
        place.try_git("merge", "--quiet", "--no-edit", "-X", "ours", "side")
        place.file("registry.json").write_text("<<<<<<< HEAD\n")
        place.git("add", "--all")
        place.git("commit", "--quiet", "--amend", "--no-edit")
        assert len(place.git("rev-parse", "HEAD^@").split()) == 2

        fixed = doctor(place, fix=True)

        assert (said(fixed), fixed.notes) == ([], ())
        found = self.statuses(place)
        assert {model: list(held) for model, held in found.items()} == {
            "churn": ["1.2.0", "1.1.0", "1.0.0"],
            "leavers": ["1.0.1", "1.0.0"],
            "risk": ["1.1.0", "1.0.0"],
        }
        assert found["churn"]["1.1.0"] == {"status": "production"}
        assert [fault.code for fault in fixed.past] == ["GMS011"]
        assert Store.open(place.path).verify().is_sound

    def test_a_lost_holder_does_not_oust_the_present_one(self, place: Place) -> None:
        def lose(held: dict) -> None:
            del held["models"]["churn"]["1.1.0"]
            held["models"]["churn"]["1.2.0"]["status"] = "production"

        place.edit("registry.json", lose)
        place.commit("lose the holder")

        fixed = doctor(place, fix=True)

        assert fixed.repaired == ("churn 1.1.0 is back in registry.json as archived",)
        assert str(Store.open(place.path).version("churn").version) == "1.2.0"

    def test_another_form(self, place: Place) -> None:
        held = json.loads(place.file("registry.json").read_text())
        place.write("registry.json", json.dumps(held), "in one line")
        before = self.statuses(place)

        assert [fault.code for fault in doctor(place).faults] == ["GMS011"]
        assert doctor(place, fix=True).is_sound
        assert self.statuses(place) == before

    def test_the_server_accepts_what_was_rebuilt(self, place: Place) -> None:
        place.edit("registry.json", lambda held: held["models"]["churn"].pop("1.0.0"))
        place.commit("lose one")
        doctor(place, fix=True)
        # Only the lost version is a fault, of the commit that lost it: history stays.
        assert place.by_range("origin/main") == [("GMS030", "registry.json")]
        assert place.by_range("HEAD~1") == []

    def test_an_edit_in_the_work_tree_is_in_the_way(self, place: Place) -> None:
        break_registry(place)
        place.file("registry.json").write_text("being mended\n")
        fixed = doctor(place, fix=True)
        assert [fault.code for fault in fixed.faults] == ["GMS011"]
        assert fixed.notes[0].startswith("registry.json was not rebuilt: uncommitted changes in")
        assert place.file("registry.json").read_text() == "being mended\n"

    def test_a_bare_store(self, place: Place) -> None:
        break_registry(place)
        place.git(
            "config", "--file", str(place.shared / "config"), "receive.denyCurrentBranch", "x"
        )
        subprocess.run(
            ["git", "fetch", "--quiet", str(place.path), "+main:main"], cwd=place.shared, check=True
        )
        before = image(place.shared)
        assert codes(doctor(place.shared)) == [("GMS011", "registry.json")]
        assert image(place.shared) == before
        fixed = doctor(place.shared, fix=True)
        assert (said(fixed), fixed.repaired) == ([], ("rebuilt registry.json from the history",))


class TestHistory:
    """What a commit got wrong and a later one put right is no fault any more."""

    def test_a_foreign_file_that_was_taken_out(self, place: Place) -> None:
        place.write("notes.txt", "x", "notes")
        assert codes(doctor(place)) == [("GMS001", "notes.txt")]
        place.file("notes.txt").unlink()
        place.commit("no notes")

        found = doctor(place)

        assert found.is_sound
        assert [(fault.code, fault.path) for fault in found.past] == [("GMS001", "notes.txt")]
        assert place.by_command("validate") == [("GMS001", "notes.txt")]

    def test_a_folder_that_was_restored(self, place: Place) -> None:
        place.write(f"{CHURN}/README.md", "# mine\n", "in place")
        assert ("GMS033", CHURN) in codes(doctor(place))
        place.git("restore", "--source=churn@v1.2.0", "--staged", "--worktree", "--", CHURN)
        place.commit("restored")
        assert doctor(place).is_sound

    def test_a_broken_version_until_it_is_withdrawn(self, place: Place) -> None:
        new_version()(place)
        place.file(f"{CHURN}/README.md").unlink()
        place.commit("churn 1.3.0 without a card")
        assert ("GMS020", f"{CHURN}/README.md") in codes(doctor(place))
        store = Store.open(place.path, durable=False)
        assert str(store.register_folder(place.path / CHURN)) == "churn 1.3.1"
        assert ("GMS020", f"{CHURN}/README.md") in codes(doctor(place))
        assert {fault.mend for fault in doctor(place).faults} == {
            "gms withdraw churn@1.3.0",
            "no tag is set on a faulty version: gms withdraw churn@1.3.0",
        }
        store.withdraw("churn@1.3.0")
        assert codes(doctor(place)) == []


class TestProposals:
    """After a host has squashed or rebased a proposal."""

    @pytest.mark.parametrize("tagged", [True, False], ids=["tagged", "untagged"])
    @pytest.mark.parametrize("how", ["squash", "rebase"])
    def test_the_tags_of_what_it_brought_in_can_be_pushed(
        self, place: Place, how: str, tagged: bool
    ) -> None:
        propose(place, "churn 1.3.0\n\nmine" if tagged else "")
        place.register("risk", custom={"meanwhile": True})
        if how == "squash":
            place.git("merge", "--quiet", "--squash", "proposal")
            place.git("commit", "--quiet", "-m", "churn 1.3.0 (#7)")
        else:
            place.git("rebase", "--quiet", "main", "proposal")
            place.git("switch", "--quiet", "main")
            place.git("merge", "--quiet", "--ff-only", "proposal")
        assert codes(doctor(place)) == [
            ("GMS052" if tagged else "GMS050", "refs/tags/churn@v1.3.0")
        ]

        assert doctor(place, fix=True).is_sound

        assert tags(place)["churn@v1.3.0"] == place.git("rev-parse", "HEAD").strip()
        message = place.git("for-each-ref", "--format=%(contents)", "refs/tags/churn@v1.3.0")
        assert message.startswith("churn 1.3.0\n\nmine\n\nManifest-" if tagged else "churn 1.3.0\n")
        assert place.by_command("validate") == []
        done = place.try_git("push", "--atomic", "origin", "main", "refs/tags/*")
        assert done.returncode == 0, done.stderr


class TestSurroundings:
    """Who else is there."""

    def test_a_living_writer_is_no_dead_one(self, place: Place) -> None:
        die_before_the_tag(place)
        with writer_lock.exclusive(place.path / ".git", wait_seconds=0):
            assert "GMS072" not in {fault.code for fault in doctor(place).faults}
            with pytest.raises(StoreBusy):
                Store(Repository.open(place.path), wait_seconds=0).doctor(fix=True)
        assert "GMS072" in {fault.code for fault in doctor(place).faults}

    def test_a_linked_work_tree(self, place: Place, tmp_path: Path) -> None:
        place.git("switch", "--quiet", "--create", "mine")
        linked = tmp_path / "linked"
        place.git("worktree", "add", "--quiet", str(linked), "main")
        there = Place(linked, place.shared)
        fall_behind(there)
        held = place.file(".git/worktrees/linked/index.lock")
        held.write_text("")
        age(held)

        found = doctor(place)

        assert codes(found) == [("GMS073", "worktrees/linked/index.lock"), ("GMS075", str(linked))]
        assert doctor(place, fix=True).is_sound
        assert there.git("status", "--porcelain") == ""

    def test_a_repository_of_something_else(self, tmp_path: Path) -> None:
        subprocess.run(["git", "init", "--quiet", "-b", "main", tmp_path / "code"], check=True)
        before = image(tmp_path / "code")
        with pytest.raises(NotAStore) as caught:
            doctor(tmp_path / "code", fix=True)
        assert str(caught.value) == (f"'{tmp_path / 'code'}' is not a model store, and never was")
        assert image(tmp_path / "code") == before

    def test_many_loose_objects(self, place: Place, monkeypatch) -> None:
        monkeypatch.setattr(git_dir, "MANY_LOOSE", 10)
        (note,) = doctor(place).notes
        assert re.fullmatch(
            r"\d+ loose objects: `git gc` packs them, and keeps all recent ones", note
        )

    def test_a_large_file_that_is_not_here(self, place: Place) -> None:
        place.keep_large_files()
        for path in place.file(".git/lfs/objects/x").parent.rglob("*"):
            if path.is_file():
                path.unlink()
        found = doctor(place)
        assert codes(found) == [("GMS024", f"{CHURN}/pipeline.joblib")]
        assert found.faults[0].mend == "git lfs fetch --all REMOTE"
        place.git("tag", "-d", "churn@v1.6.0")
        assert doctor(place, fix=True).repaired[0].startswith("set tag churn@v1.6.0 on ")

    def test_large_files_of_which_none_is_here(self, place: Place) -> None:
        """A clone without them may be meant so; where there is no remote, they are lost."""
        place.keep_large_files()
        place.git("update-ref", "refs/remotes/origin/main", "main")
        shutil.rmtree(place.path / ".git/lfs")
        found = doctor(place)
        assert (found.faults, found.notes) == (
            (),
            ("1 large pipeline is not here, and fetched from origin when needed",),
        )
        place.git("remote", "remove", "origin")
        assert codes(doctor(place)) == [("GMS024", f"{CHURN}/pipeline.joblib")]


class TestCommand:
    """`gms doctor`."""

    def test_it_says_what_it_finds_and_does(self, place: Place) -> None:
        delete_tag(place)
        commit = place.git("log", "--format=%H", "--grep=register churn 1.1.0").strip()[:12]

        done = place.gms("doctor")
        assert (done.returncode, done.stdout, done.stderr) == (
            1,
            f"{commit}: refs/tags/churn@v1.1.0: is missing: churn 1.1.0 has no tag [GMS050]\n"
            "    gms doctor --fix\n",
            "note: 1 fault\n",
        )
        done = place.gms("doctor", "--fix")
        assert (done.returncode, done.stdout, done.stderr) == (
            0,
            f"set tag churn@v1.1.0 on {commit}, which introduced it\n",
            "note: nothing is wrong now\n",
        )
        done = place.gms("doctor", "--fix")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "note: nothing is wrong\n")

    def test_as_json(self, place: Place) -> None:
        lose_versions(place)
        place.git("tag", "v1")
        done = place.gms("--json", "doctor", "--fix")
        document = json.loads(done.stdout)
        assert (done.returncode, document["sound"], document["notes"]) == (1, False, [])
        assert [fault["code"] for fault in document["faults"]] == ["GMS055"]
        assert [fault["code"] for fault in document["past"]] == ["GMS030", "GMS030"]
        assert document["repaired"] == LOST[1]

    @pytest.mark.parametrize("how", ["missing", "a folder"])
    def test_a_store_without_a_head_cannot_even_be_opened(self, place: Place, how: str) -> None:
        delete_tag(place)
        place.file(".git/HEAD").unlink()
        if how == "a folder":
            place.file(".git/HEAD").mkdir()
        what = "is missing" if how == "missing" else "is not a file"

        done = place.gms("-C", CHURN, "doctor")

        lines = done.stdout.splitlines()
        assert (done.returncode, done.stderr) == (1, "note: 2 faults\n")
        assert (lines[0], lines[1]) == (f"HEAD: {what} [GMS077]", "    gms doctor --fix")
        assert lines[2].endswith("churn@v1.1.0: is missing: churn 1.1.0 has no tag [GMS050]")
        assert place.gms("list").returncode == 128
        assert "gms doctor" in place.gms("list").stderr
        assert place.gms("doctor", "--fix").returncode == 0
        assert place.file(".git/HEAD").read_text() == "ref: refs/heads/main\n"

    def test_a_configuration_that_git_cannot_read_hides_nothing_else(self, place: Place) -> None:
        delete_tag(place)
        path = place.file(".git/config")
        whole = path.read_text()
        path.write_text(whole + "[broken\n")
        number = len(path.read_text().splitlines())

        for args in (["doctor"], ["doctor", "--fix"]):
            done = place.gms("--json", *args)
            document = json.loads(done.stdout)
            assert (done.returncode, document["repaired"]) == (1, [])
            assert [(f["code"], f["path"], f["message"]) for f in document["faults"]] == [
                (
                    "GMS078",
                    "config",
                    f"git cannot read it: bad config line {number} in file {path}",
                ),
                ("GMS050", "refs/tags/churn@v1.1.0", "is missing: churn 1.1.0 has no tag"),
            ]
        assert document["notes"] == ["nothing else was repaired, until that is fixed"]
        path.write_text(whole)
        assert place.gms("doctor", "--fix").returncode == 0

    @pytest.mark.parametrize(
        ("setting", "said"),
        [
            ("7", "unsupported repository version 7; only versions up to 1 are supported"),
            ("sha256", "unknown object format 'sha256'"),
        ],
    )
    def test_a_format_that_it_does_not_know_is_no_damage(
        self, place: Place, setting: str, said: str
    ) -> None:
        if setting == "sha256":
            place.git("config", "core.repositoryformatversion", "1")
            place.git("config", "extensions.objectFormat", "sha256")
        else:
            place.git("config", "core.repositoryformatversion", "7")
        done = place.gms("doctor", "--fix")
        assert (done.returncode, done.stdout) == (128, "")
        assert f"({said})" in done.stderr
        assert "gms-doctor-" not in done.stderr

    def test_nothing_at_all(self, place: Place) -> None:
        shutil.rmtree(place.path / ".git")
        done = place.gms("doctor")
        assert done.returncode == 128
        assert done.stderr.startswith("error: no git repository at ")

    @pytest.mark.parametrize(
        "name", ["HEAD", "config", "index", "packed-refs", "refs/tags", "objects", "hooks", "logs"]
    )
    def test_what_may_not_be_read_is_not_called_damaged(self, place: Place, name: str) -> None:
        place.git("pack-refs", "--all")
        place.file(f".git/{name}").chmod(0)

        def look(*args: str) -> tuple[int, dict]:
            def work() -> None:
                children.obey_permissions()
                done = place.gms("--json", "doctor", *args)
                answer.write_text(json.dumps([done.returncode, json.loads(done.stdout)]))

            answer = place.path.parent / "answer"
            assert children.run(work) == 0
            return tuple(json.loads(answer.read_text()))

        for args in ([], ["--fix"]):
            code, document = look(*args)
            assert (code, document["faults"], document["repaired"]) == (128, [], [])
            assert document["unexamined"][0] == (
                f"{name}: you are not allowed to read it: check its permissions"
            )
        place.file(f".git/{name}").chmod(0o755)
        assert doctor(place).is_sound

    def test_a_store_that_cannot_be_opened(self, place: Place) -> None:
        empty_branch(place)
        assert place.gms("list").returncode == 128
        assert place.gms("-C", CHURN, "doctor", "--fix").returncode == 0
        assert place.gms("list").returncode == 0


@pytest.mark.corpus("case", CASES)
def test_the_doctor_finds_what_the_judge_does_and_loses_nothing(place: Place, case: Case) -> None:
    case.edit(place)
    place.commit(case.name)
    versions = _versions(place)

    found = doctor(place)

    assert set(case.of_branch) <= set(codes(found))
    assert all(fault.mend for fault in found.faults)
    doctor(place, fix=True)
    assert _versions(place) >= versions


def _versions(place: Place) -> set[str]:
    """The versions that the commits of the branch hold, as tags name them."""
    return {name for name in tags(place) if place.git("merge-base", name, "main")}
