"""One writer at a time; one that dies at any step loses nothing that was acknowledged.

That it dies at random moments is in tests/programme, as are many processes at once.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import LocalChanges, StoreBusy
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.plumbing import files, large_files, loose, refs, worktree, writer_lock

from . import children, writers
from .writers import inside, together

# Each step of a write, as the function of ours that takes it.
STEPS: list[tuple[ModuleType, str]] = [
    (loose, "write"),
    (writer_lock, "write"),
    (worktree, "start"),
    (worktree, "finish"),
    (files, "sync"),
    (refs, "advance"),
    (refs, "_log"),
    (refs, "sync_folder"),
    (refs, "create_tag"),
    (writer_lock, "clear"),
]


def register(pipeline: object) -> Callable[[Store], object]:
    return lambda store: store.register(pipeline, "churn", code=None)


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(module: ModuleType, name: str, *, after: bool, call: int = 1) -> None:
    """Die before or after the n-th call of a function from now on, in this process."""
    real: Callable[..., Any] = getattr(module, name)
    calls = 0

    def wrapped(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and not after:
            die()
        result = real(*args, **options)
        if calls == call and after:
            die()
        return result

    setattr(module, name, wrapped)


def killed(
    write: Callable[[Store], object],
    store: Store,
    module: ModuleType,
    name: str,
    *,
    after: bool = False,
    call: int = 1,
    durable: bool = True,
) -> bool:
    """Write in a process that dies as `kill_at` says; return whether it did."""

    def work() -> None:
        kill_at(module, name, after=after, call=call)
        write(Store.open(store.path, durable=durable))

    status = children.run(work)
    assert status in (0, -signal.SIGKILL)
    return status != 0


def versions(store: Store, model: str = "churn") -> list[str]:
    known = {summary.model for summary in store.models()}
    return [str(v.version) for v in store.versions(model)] if model in known else []


def assert_whole(store: Store, git) -> None:
    """Registry, tags, commits and files agree, without repair by hand."""
    place = store.path
    assert git(place, "fsck", "--strict", "--no-dangling") == ""
    if (place / ".git").exists():
        assert git(place, "status", "--porcelain", "--untracked-files=all") == ""
    held = {f"{m.model}@v{v}" for m in store.models() for v in versions(store, m.model)}
    assert set(git(place, "tag").split()) == held
    for name in held:
        git(place, "merge-base", "--is-ancestor", name, "main")


@pytest.fixture(params=["work tree", "bare"])
def churn(request: pytest.FixtureRequest, tmp_path: Path, git, fitted) -> Store:
    """A store that holds churn 1.0.0."""
    bare = request.param == "bare"
    Store.init(tmp_path / "store", bare=bare)
    git(tmp_path / "store", "config", "store.durable", "false")
    store = Store.open(tmp_path / "store")
    store.register(fitted, "churn", code=None)
    return store


class TestEachStep:
    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize(
        ("module", "name"), STEPS, ids=[f"{m.__name__[23:]}.{n}" for m, n in STEPS]
    )
    def test_the_next_writer_puts_it_right(self, churn, git, fitted, refitted, module, name, after):
        bare = not (churn.path / ".git").exists()
        died = killed(register(refitted), churn, module, name, after=after)
        assert died == (not bare or name not in ("start", "finish"))
        assert "1.0.0" in versions(churn)
        assert git(churn.path, "fsck", "--strict", "--no-dangling") == ""

        again = Store.open(churn.path)
        again.register(fitted, "other", code=None)

        assert_whole(again, git)
        assert versions(again) in (["1.0.0"], ["1.1.0", "1.0.0"])
        again.register(fitted, "churn", code=None)
        assert_whole(again, git)

    @pytest.mark.parametrize("call", [2, 4, 6, 8])
    def test_objects_half_written_are_no_hindrance(self, churn, git, refitted, call):
        assert killed(register(refitted), churn, loose, "_rename", call=call, durable=False)

        again = Store.open(churn.path)
        again.register(refitted, "churn", code=None)
        assert_whole(again, git)

    @pytest.mark.parametrize(
        "write",
        [
            lambda store: store.promote("churn@1.0.0", "staging"),
            lambda store: store.withdraw("churn@1.0.0"),
            lambda store: store.rollback("churn"),
        ],
        ids=["promote", "withdraw", "rollback"],
    )
    @pytest.mark.parametrize("name", ["advance", "sync_folder"])
    def test_other_writes_too(self, churn, git, refitted, write, name):
        churn.promote("churn@1.0.0", "production")
        churn.register(refitted, "churn", code=None)
        churn.promote("churn@1.1.0", "production")
        before = git(churn.path, "rev-list", "--count", "main")

        assert killed(write, churn, refs, name)

        again = Store.open(churn.path)
        again.register(refitted, "other", code=None)
        assert_whole(again, git)
        count = int(git(churn.path, "rev-list", "--count", "main")) - int(before)
        assert count == (1 if name == "advance" else 2)

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize(
        ("module", "name", "call"),
        [
            *((refs, "take", 1), (worktree, "_replace", 1)),
            *((worktree, "_write", 1), (worktree, "_write", 2), (worktree, "_write", 4)),
            *((worktree, "_create", 2), (refs, "staged", 3)),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("work", ["register", "promote"])
    def test_a_work_tree_moved_by_this_process(
        self, store, git, fitted, refitted, settle, module, name, call, after, work
    ):
        store.register(fitted, "churn", code=None)
        settle(store.path)

        write = register(refitted)
        if work == "promote":
            write = lambda store: store.promote("churn@1.0.0", "production")  # noqa: E731
        died = killed(write, store, module, name, after=after, call=call)
        assert died or (work == "promote" and call > 1)

        again = Store.open(store.path)
        again.register(fitted, "other", code=None)

        assert_whole(again, git)
        assert versions(again) == (["1.0.0"] if died or work == "promote" else ["1.1.0", "1.0.0"])

    def test_a_large_pipeline_half_written(self, churn, git, refitted):
        small_threshold(churn, git)
        assert killed(register(refitted), churn, large_files, "keep", durable=False)

        again = Store.open(churn.path)
        again.register(refitted, "churn", code=None)
        assert_whole(again, git)
        assert again.load("churn@1.1.0") is not None


def small_threshold(store: Store, git) -> None:
    """Make every pipeline an LFS object, by a commit of plain git."""
    text = 'schema = "1.0"\n[storage]\nlfs_threshold = "1 KiB"\n'
    work_tree = store.path
    if not (store.path / ".git").exists():
        work_tree = store.path.parent / "hand"
        git(store.path, "worktree", "add", "--quiet", str(work_tree), "main")
    (work_tree / "modelstore.toml").write_text(text)
    git(work_tree, "commit", "--quiet", "--all", "-m", "use LFS")
    if work_tree != store.path:
        git(store.path, "worktree", "remove", str(work_tree))


class TestWhatIsLeft:
    """States that a death leaves, and what somebody may do before the next writer comes."""

    @pytest.fixture
    def staged(self, store, git, fitted, refitted) -> Store:
        """A store whose last writer died when the work tree had moved, and the branch had not."""
        store.register(fitted, "churn", code=None)

        assert killed(register(refitted), store, refs, "advance", durable=False)
        assert git(store.path, "status", "--porcelain") != ""
        return store

    def test_a_commit_by_hand_completes_it(self, staged, git, fitted):
        git(staged.path, "commit", "--quiet", "--all", "-m", "what is this?")

        staged.register(fitted, "other", code=None)

        assert versions(staged) == ["1.1.0", "1.0.0"]
        assert staged.load("churn@1.1.0") is not None
        assert git(staged.path, "status", "--porcelain") == ""

    def test_a_commit_of_something_else_leaves_it_to_the_next_writer(self, staged, git, fitted):
        (staged.path / "modelstore.toml").write_text('schema = "1.0"\n')
        git(staged.path, "commit", "--quiet", "--only", "modelstore.toml", "-m", "by hand")

        staged.register(fitted, "other", code=None)

        assert_whole(staged, git)
        assert versions(staged) == ["1.0.0"]

    def test_a_reset_is_fine(self, staged, git, fitted):
        git(staged.path, "reset", "--quiet", "--hard")

        staged.register(fitted, "other", code=None)

        assert_whole(staged, git)

    def test_a_reset_and_further_commits_are_fine(self, staged, git, fitted):
        git(staged.path, "reset", "--quiet", "--hard")
        text = (staged.path / "registry.json").read_text()
        (staged.path / "registry.json").write_text(text.replace("registered", "staging"))
        git(staged.path, "commit", "--quiet", "--all", "-m", "by hand")

        staged.register(fitted, "other", code=None)

        assert_whole(staged, git)
        assert staged.versions("churn")[0].status == "staging"

    def test_another_branch_is_left_alone(self, staged, git, fitted):
        git(staged.path, "reset", "--quiet", "--hard")
        git(staged.path, "switch", "--quiet", "--create", "side")

        staged.register(fitted, "other", code=None)

        assert git(staged.path, "status", "--porcelain") == ""
        git(staged.path, "switch", "--quiet", "main")
        assert_whole(staged, git)

    def test_edits_that_came_since_are_kept(self, staged, git, fitted):
        (staged.path / "NOTES").write_text("mine")

        staged.register(fitted, "other", code=None)

        assert git(staged.path, "status", "--porcelain") == "?? NOTES\n"

    def test_readers_do_not_mind(self, staged, X_test, fitted):
        again = Store.open(staged.path)

        assert versions(again) == ["1.0.0"]
        assert (again.load("churn@1.0.0").predict(X_test) == fitted.predict(X_test)).all()

    def test_a_note_of_a_commit_that_never_reached_the_disk(self, store, git, fitted):
        tip = store.register(fitted, "churn", code=None).commit
        folder = str(store.path).rstrip("/")
        note = writer_lock.Note(tip, "1" * 40, {"churn@v1.1.0": "2" * 40}, (folder,))
        writer_lock.write(store.path / ".git", note)

        store.register(fitted, "churn", code=None)

        assert_whole(store, git)

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"old": 1}', "\0" * 1024])
    def test_half_a_note(self, store, git, fitted, text):
        store.register(fitted, "churn", code=None)
        (store.path / ".git" / "gitmodelstore" / "pending.json").write_text(text)

        store.register(fitted, "churn", code=None)

        assert_whole(store, git)

    def test_an_empty_tag_as_after_a_power_cut(self, any_store, git, fitted):
        any_store.register(fitted, "churn", code=None)
        inside = writers.inside(any_store)
        oid = (inside / "refs" / "tags" / "churn@v1.0.0").read_text().strip()
        tip = git(any_store.path, "rev-parse", "main").strip()
        (inside / "refs" / "tags" / "churn@v1.0.0").write_text("")
        old = git(any_store.path, "rev-parse", "main~1").strip()
        writer_lock.write(inside, writer_lock.Note(old, tip, {"churn@v1.0.0": oid}, ()))
        assert versions(any_store) == ["1.0.0"]

        any_store.register(fitted, "other", code=None)

        assert_whole(any_store, git)

    @pytest.mark.parametrize("torn", ["whole", "beginning", "missing"])
    @pytest.mark.parametrize("sparse", [False, True])
    def test_files_that_git_had_half_written(self, store, git, fitted, refitted, torn, sparse):
        """As when the machine stops while `git read-tree` writes: the index is written last."""
        store.register(fitted, "churn", code=None)
        old = git(store.path, "rev-parse", "main").strip()
        store.register(refitted, "churn", code=None)
        store.register(fitted, "other", code=None)
        new = git(store.path, "rev-parse", "main").strip()
        git(store.path, "reset", "--quiet", "--hard", old)
        git(store.path, "tag", "--delete", "churn@v1.1.0", "other@v1.0.0")
        if sparse:
            git(store.path, "sparse-checkout", "set", "--cone", "models/churn")
        for name in ("models/churn/manifest.json", "registry.json", "models/other/README.md"):
            content = git(store.path, "show", f"{new}:{name}")
            path = store.path / name
            path.parent.mkdir(exist_ok=True)
            if torn == "missing":
                path.unlink(missing_ok=True)
            else:
                path.write_text(content if torn == "whole" else content[: len(content) // 2])
        (store.path / "models/churn/requirements.txt").write_text("mine")
        folder = str(store.path).rstrip("/")
        writer_lock.write(store.path / ".git", writer_lock.Note(old, new, {}, (folder,)))

        store.register(fitted, "third", code=None)

        assert git(store.path, "status", "--porcelain") == " M models/churn/requirements.txt\n"
        assert not (store.path / "models" / "other" / "README.md").exists()
        git(store.path, "restore", ".")
        assert_whole(store, git)


def write_slowly(store: Store, git) -> None:
    """Let git need half a second for one of the files of a version."""
    (store.path / ".git" / "info").mkdir(exist_ok=True)
    (store.path / ".git" / "info" / "attributes").write_text("README.md filter=slow\n")
    git(store.path, "config", "--global", "filter.slow.smudge", "sleep 0.5; cat")


class TestGitOutlivesUs:
    def test_the_next_writer_waits_for_the_git_that_a_dead_one_started(
        self, store, git, fitted, refitted
    ):
        store.register(fitted, "churn", code=None)
        write_slowly(store, git)

        assert killed(register(refitted), store, worktree, "start", after=True, durable=False)

        store.register(fitted, "other", code=None)

        assert_whole(store, git)


class TestGitDiesWithUs:
    """As when a container or a machine is stopped."""

    def test_no_lock_of_the_index_is_in_the_way(self, store, git, fitted, refitted):
        store.register(fitted, "churn", code=None)
        write_slowly(store, git)
        aside = store.path / ".git" / "index.gitmodelstore-aside.lock"
        start = worktree.start

        def started(*args: Any, **options: Any) -> None:
            process = start(*args, **options)
            while not aside.exists():
                time.sleep(0.001)
            process.kill()
            die()

        def work() -> None:
            worktree.start = started
            Store.open(store.path, durable=False).register(refitted, "churn", code=None)

        assert children.run(work) == -signal.SIGKILL
        git(store.path, "config", "--global", "--unset", "filter.slow.smudge")
        assert (store.path / ".git" / "index.lock").exists()

        store.register(fitted, "other", code=None)

        assert list((store.path / ".git").glob("index?*")) == []
        assert_whole(store, git)

    def test_a_lock_of_another_git_stays(self, store, git, fitted, refitted):
        store.register(fitted, "churn", code=None)

        assert killed(register(refitted), store, worktree, "finish", durable=False)
        lock = store.path / ".git" / "index.lock"
        lock.unlink()
        lock.write_text("another's")

        with pytest.raises(LocalChanges) as caught:
            Store.open(store.path, wait_seconds=1).register(fitted, "other", code=None)

        place = str(store.path).rstrip("/")
        assert str(caught.value) == f"another git process is at work in '{place}'"
        assert lock.read_text() == "another's"
        lock.unlink()
        store.register(fitted, "other", code=None)
        assert_whole(store, git)


def test_the_lock_of_a_dead_writer_is_free(store, fitted, git):
    assert killed(register(fitted), store, writer_lock, "_try", after=True)

    Store.open(store.path, wait_seconds=0).register(fitted, "churn", code=None)
    assert_whole(store, git)


# Several processes at once: writers and readers; tests/programme has many of them.


def test_two_writers_get_two_numbers(any_store, git, fitted):
    acknowledged = together(any_store, fitted, processes=2, times=1)

    assert sorted(acknowledged) == ["1.0.0", "1.0.1"]
    writers.assert_whole(any_store, git, acknowledged)


def test_one_number_goes_to_one_writer(any_store, fitted):
    def work() -> None:
        Store.open(any_store.path, durable=False).register(
            fitted, "churn", version="1.0.0", code=None
        )

    statuses = sorted(children.wait(pid) for pid in [children.start(work) for _ in range(3)])

    assert statuses == [0, 1, 1]
    assert writers.versions(any_store) == ["1.0.0"]


class TestBusy:
    @pytest.fixture
    def held(self, any_store) -> int:
        """The id of a process that holds the writer lock until it is told to end."""
        ready, go = os.pipe(), os.pipe()

        def hold() -> None:
            with writer_lock.exclusive(inside(any_store), wait_seconds=0):
                os.write(ready[1], b"x")
                os.read(go[0], 1)

        pid = children.start(hold)
        os.read(ready[0], 1)
        yield pid
        os.write(go[1], b"x")
        assert children.wait(pid) == 0
        for end in (*ready, *go):
            os.close(end)

    def test_the_holder_is_named_after_the_time_is_up(self, any_store, held, fitted):
        store = Store.open(any_store.path, wait_seconds=0.2)
        begun = time.monotonic()

        with pytest.raises(StoreBusy) as caught:
            store.register(fitted, "churn", code=None)

        assert 0.2 <= time.monotonic() - begun < 5
        assert str(caught.value) == (
            f"the store is busy: process {held} has been writing for 0.2 seconds"
        )
        assert caught.value.hint == "try again when it has finished"
        assert any_store.models() == ()

    def test_readers_do_not_wait(self, any_store, held):
        assert any_store.models() == ()
        assert list(any_store.log()) == []

    def test_a_thread_of_the_same_process_waits_too(self, any_store):
        with writer_lock.exclusive(inside(any_store), wait_seconds=0):  # noqa: SIM117 - one, then two
            with pytest.raises(StoreBusy):
                with writer_lock.exclusive(inside(any_store), wait_seconds=0):
                    pass

    def test_the_lock_is_free_again_after_an_error(self, any_store, fitted):
        with pytest.raises(RuntimeError), writer_lock.exclusive(inside(any_store), wait_seconds=0):
            raise RuntimeError

        Store.open(any_store.path, wait_seconds=0).register(fitted, "churn", code=None)


def test_an_open_store_sees_what_others_write(any_store, fitted, git):
    reader = Store.open(any_store.path)
    assert reader.models() == ()

    for number in range(3):
        children.run(
            lambda: Store.open(any_store.path, durable=False).register(fitted, "churn", code=None)
        )
        git(any_store.path, "gc", "--quiet")
        assert len(reader.versions("churn")) == number + 1
        assert reader.load("churn@latest") is not None


def test_a_snapshot_stays_as_it_was(any_store, fitted):
    any_store.register(fitted, "churn", code=None)
    before = Snapshot.now(any_store._repository)

    any_store.promote("churn@1.0.0", "production")

    assert before.registry.models["churn"]["1.0.0"] == "registered"
