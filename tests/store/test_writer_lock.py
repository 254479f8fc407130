"""One writer at a time; one that dies at any step loses nothing that was acknowledged.

That it dies at random moments is in tests/programme, as are many processes at once.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import LocalChanges, StoreBusy
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.plumbing import files, large_files, loose, refs, worktree, writer_lock

from . import children
from .looks import use_lfs
from .writers import assert_whole, inside, together, versions

STEPS = {  # of a write: each the function of ours that takes it
    f"{module.__name__[23:]}.{name}": (module, name)
    for module, name in (
        *((loose, "write"), (writer_lock, "write"), (worktree, "start"), (worktree, "finish")),
        *((files, "sync"), (refs, "advance"), (refs, "_log"), (refs, "sync_folder")),
        *((refs, "set_tag"), (writer_lock, "clear")),
    )
}
MOVES = {  # of a work tree by this process: each a call of a function of ours
    f"{name} {call}": (module, name, call)
    for module, name, call in (
        *((refs, "take", 1), (worktree, "_replace", 1)),
        *((worktree, "_write", 1), (worktree, "_write", 2), (worktree, "_write", 4)),
        *((worktree, "_create", 2), (refs, "staged", 3)),
    )
}


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


@pytest.fixture
def any_churn(any_store: Store, git, fitted) -> Store:
    """A store that holds churn 1.0.0, whose index only git writes, if it has one."""
    git(any_store.path, "config", "store.durable", "false")
    any_store.register(fitted, "churn", code=None)
    if (any_store.path / ".git").exists():
        git(any_store.path, "update-index", "--index-version", "4")
    return any_store


@pytest.fixture
def carry_on(git, fitted) -> Callable[..., Store]:
    """Let the next writer write, and see that all is whole: registry, tags, commits and files."""

    def carry_on(store: Store, model: str = "other", pipeline: object = fitted) -> Store:
        store.register(pipeline, model, code=None)
        assert_whole(store, git)
        return store

    return carry_on


class TestEachStep:
    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.corpus("step", STEPS)
    def test_the_next_writer_puts_it_right(self, any_churn, git, carry_on, refitted, step, after):
        module, name = STEPS[step]
        bare = not (any_churn.path / ".git").exists()
        died = killed(register(refitted), any_churn, module, name, after=after)
        assert died == (not bare or name not in ("start", "finish"))
        assert "1.0.0" in versions(any_churn)
        assert git(any_churn.path, "fsck", "--strict", "--no-dangling") == ""

        assert versions(carry_on(Store.open(any_churn.path))) in (["1.0.0"], ["1.1.0", "1.0.0"])
        carry_on(Store.open(any_churn.path), "churn")

    @pytest.mark.parametrize("call", [2, 4, 6, 8])
    def test_objects_half_written_are_no_hindrance(self, any_churn, carry_on, refitted, call):
        assert killed(register(refitted), any_churn, loose, "_rename", call=call, durable=False)

        carry_on(Store.open(any_churn.path), "churn", refitted)

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
    def test_other_writes_too(self, any_churn, git, carry_on, refitted, write, name):
        any_churn.promote("churn@1.0.0", "production")
        any_churn.register(refitted, "churn", code=None)
        any_churn.promote("churn@1.1.0", "production")
        before = git(any_churn.path, "rev-list", "--count", "main")

        assert killed(write, any_churn, refs, name)

        carry_on(Store.open(any_churn.path), pipeline=refitted)
        count = int(git(any_churn.path, "rev-list", "--count", "main")) - int(before)
        assert count == (1 if name == "advance" else 2)

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.corpus("move", MOVES)
    @pytest.mark.parametrize("work", ["register", "promote"])
    def test_a_work_tree_moved_by_this_process(
        self, churn, carry_on, refitted, settle, move, after, work
    ):
        module, name, call = MOVES[move]
        settle(churn.path)

        write = register(refitted)
        if work == "promote":
            write = lambda store: store.promote("churn@1.0.0", "production")  # noqa: E731
        died = killed(write, churn, module, name, after=after, call=call)
        assert died or (work == "promote" and call > 1)

        assert versions(carry_on(Store.open(churn.path))) == (
            ["1.0.0"] if died or work == "promote" else ["1.1.0", "1.0.0"]
        )

    def test_a_large_pipeline_half_written(self, any_churn, git, carry_on, refitted):
        small_threshold(any_churn, git)
        assert killed(register(refitted), any_churn, large_files, "keep", durable=False)

        assert (
            carry_on(Store.open(any_churn.path), "churn", refitted).load("churn@1.1.0") is not None
        )


def small_threshold(store: Store, git) -> None:
    """Make every pipeline an LFS object, by a commit of plain git."""
    work_tree = store.path
    if not (store.path / ".git").exists():
        work_tree = store.path.parent / "hand"
        git(store.path, "worktree", "add", "--quiet", str(work_tree), "main")
    use_lfs(work_tree)
    if work_tree != store.path:
        git(store.path, "worktree", "remove", str(work_tree))


class TestWhatIsLeft:
    """States that a death leaves, and what somebody may do before the next writer comes."""

    @pytest.fixture
    def staged(self, churn, git, refitted) -> Store:
        """A store whose last writer died when the work tree had moved, and the branch had not."""
        assert killed(register(refitted), churn, refs, "advance", durable=False)
        assert git(churn.path, "status", "--porcelain") != ""
        return churn

    def test_a_commit_by_hand_completes_it(self, staged, git, fitted):
        git(staged.path, "commit", "--quiet", "--all", "-m", "what is this?")

        staged.register(fitted, "other", code=None)

        assert versions(staged) == ["1.1.0", "1.0.0"]
        assert staged.load("churn@1.1.0") is not None
        assert git(staged.path, "status", "--porcelain") == ""

    def test_a_commit_of_something_else_leaves_it_to_the_next_writer(self, staged, git, carry_on):
        (staged.path / "modelstore.toml").write_text('schema = "1.0"\n')
        git(staged.path, "commit", "--quiet", "--only", "modelstore.toml", "-m", "by hand")

        assert versions(carry_on(staged)) == ["1.0.0"]

    def test_a_reset_is_fine(self, staged, git, carry_on):
        git(staged.path, "reset", "--quiet", "--hard")

        carry_on(staged)

    def test_a_reset_and_further_commits_are_fine(self, staged, git, carry_on):
        git(staged.path, "reset", "--quiet", "--hard")
        text = (staged.path / "registry.json").read_text()
        (staged.path / "registry.json").write_text(text.replace("registered", "staging"))
        git(staged.path, "commit", "--quiet", "--all", "-m", "by hand")

        assert carry_on(staged).versions("churn")[0].status == "staging"

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

    def test_a_note_of_a_commit_that_never_reached_the_disk(self, churn, carry_on):
        tip = churn.version("churn@1.0.0").commit
        folder = str(churn.path).rstrip("/")
        note = writer_lock.Note(tip, "1" * 40, {"churn@v1.1.0": "2" * 40}, (folder,))
        writer_lock.write(churn.path / ".git", note)

        carry_on(churn, "churn")

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"old": 1}', "\0" * 1024])
    def test_half_a_note(self, churn, carry_on, text):
        (churn.path / ".git" / "gitmodelstore" / "pending.json").write_text(text)

        carry_on(churn, "churn")

    def test_an_empty_tag_as_after_a_power_cut(self, any_churn, git, carry_on):
        tag = inside(any_churn) / "refs" / "tags" / "churn@v1.0.0"
        oid = tag.read_text().strip()
        old, tip = git(any_churn.path, "rev-parse", "main~1", "main").split()
        tag.write_text("")
        note = writer_lock.Note(old, tip, {"churn@v1.0.0": oid}, ())
        writer_lock.write(inside(any_churn), note)
        assert versions(any_churn) == ["1.0.0"]

        carry_on(any_churn)

    @pytest.mark.parametrize("torn", ["whole", "beginning", "missing"])
    @pytest.mark.parametrize("sparse", [False, True])
    def test_files_that_git_had_half_written(self, churn, git, fitted, refitted, torn, sparse):
        """As when the machine stops while `git read-tree` writes: the index is written last."""
        store = churn
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


class TestGit:
    """That which a dead writer started lives on, or dies too, as where a machine is stopped."""

    def test_the_next_writer_waits_for_one_that_lives_on(self, churn, git, carry_on, refitted):
        write_slowly(churn, git)

        assert killed(register(refitted), churn, worktree, "start", after=True, durable=False)

        carry_on(churn)

    def test_no_lock_of_the_index_is_in_the_way(self, churn, git, carry_on, refitted):
        write_slowly(churn, git)
        aside = churn.path / ".git" / "index.gitmodelstore-aside.lock"
        start = worktree.start

        def started(*args: Any, **options: Any) -> None:
            process = start(*args, **options)
            while not aside.exists():
                time.sleep(0.001)
            process.kill()
            die()

        def work() -> None:
            worktree.start = started
            Store.open(churn.path, durable=False).register(refitted, "churn", code=None)

        assert children.run(work) == -signal.SIGKILL
        git(churn.path, "config", "--global", "--unset", "filter.slow.smudge")
        assert (churn.path / ".git" / "index.lock").exists()

        carry_on(churn)
        assert list((churn.path / ".git").glob("index?*")) == []

    def test_a_lock_of_another_git_stays(self, store, git, carry_on, fitted, refitted):
        store.register(fitted, "churn", code=None)
        git(store.path, "update-index", "--index-version", "4")  # which only git writes

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
        carry_on(store)


def test_the_lock_of_a_dead_writer_is_free(store, fitted, carry_on):
    assert killed(register(fitted), store, writer_lock, "_try", after=True)

    carry_on(Store.open(store.path, wait_seconds=0))


# Several processes at once: writers and readers; tests/programme has many of them.


def test_two_writers_get_two_numbers(any_store, git, fitted):
    acknowledged = together(any_store, fitted, processes=2, times=1)

    assert sorted(acknowledged) == ["1.0.0", "1.0.1"]
    assert_whole(any_store, git, acknowledged)


def test_one_number_goes_to_one_writer(any_store, fitted):
    def work() -> None:
        Store.open(any_store.path, durable=False).register(
            fitted, "churn", version="1.0.0", code=None
        )

    statuses = sorted(children.wait(pid) for pid in [children.start(work) for _ in range(3)])

    assert statuses == [0, 1, 1]
    assert versions(any_store) == ["1.0.0"]


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


def test_a_snapshot_stays_as_it_was(any_churn):
    before = Snapshot.now(any_churn._repository)

    any_churn.promote("churn@1.0.0", "production")

    assert before.registry.models["churn"]["1.0.0"] == "registered"
