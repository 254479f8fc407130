"""A store that is pickled or copied opens itself again, and so does one in a forked process."""

from __future__ import annotations

import copy
import inspect
import multiprocessing
import pickle
import shutil
from collections.abc import Callable
from typing import Any

import joblib
import pytest

from gitmodelstore import Store, errors
from gitmodelstore.errors import NotAStore, StoreError
from tests.store import children
from tests.store.writers import assert_whole, register_in, versions

COPIES: list[Callable[[Any], Any]] = [
    lambda one: pickle.loads(pickle.dumps(one)),
    copy.copy,
    copy.deepcopy,
]
NAMES = ["pickled", "copied", "copied deeply"]


class TestCopies:
    @pytest.mark.parametrize("again", COPIES, ids=NAMES)
    def test_one_reads_and_writes(self, any_store, fitted, refitted, again):
        any_store.register(fitted, "churn", code=None)

        other = again(any_store)

        assert other.path == any_store.path
        other.register(refitted, "churn", code=None)
        assert versions(any_store) == versions(other) == ["1.1.0", "1.0.0"]

    @pytest.mark.parametrize("again", COPIES, ids=NAMES)
    def test_the_settings_go_along(self, store, again):
        other = again(Store.open(store.path, durable=False, wait_seconds=3, trusted=iter(["mine"])))

        assert (other._durable, other._wait_seconds, other._trusted) == (False, 3, ("mine",))

    @pytest.mark.parametrize("again", COPIES, ids=NAMES)
    def test_one_of_a_store_that_is_gone_says_so_when_it_is_used(self, store, again):
        other = again(store)
        shutil.rmtree(store.path)

        with pytest.raises(NotAStore) as caught:
            other.versions("churn")

        assert str(caught.value) == f"no git repository at '{store.path}'"

    def test_what_was_read_before_changes_neither_pickle_nor_hash(self, store, fitted):
        before = joblib.hash(store), pickle.dumps(store)
        store.register(fitted, "churn", code=None)
        store.load("churn@latest")

        assert (joblib.hash(store), pickle.dumps(store)) == before

    def test_a_linked_work_tree_opens_again_as_itself(self, store, git, fitted, tmp_path):
        git(store.path, "switch", "--quiet", "--detach")
        git(store.path, "worktree", "add", "--quiet", str(tmp_path / "linked"), "main")
        linked = pickle.loads(pickle.dumps(Store.open(tmp_path / "linked", durable=False)))

        linked.register(fitted, "churn", code=None)

        assert (tmp_path / "linked/models/churn/manifest.json").exists()
        assert versions(store) == ["1.0.0"]

    def test_in_reproduce_it_is_the_store_that_stands_in(self, store, tmp_path, monkeypatch):
        pickled = pickle.dumps(store)
        scratch = Store.init(tmp_path / "scratch").path
        monkeypatch.setenv("GMS_REPRODUCE_STORE", str(scratch))

        assert pickle.loads(pickled).path == scratch
        assert copy.deepcopy(store).path == scratch


class TestWhatAStoreReturns:
    def test_it_can_be_handed_on(self, store, fitted):
        store.register(fitted, "churn", code=None, metrics={"auc": 0.9})
        returned = (
            *store.versions("churn"),
            *store.models(),
            *store.log(),
            *store.search("metrics.auc > 0.5"),
            store.show("churn@1.0.0"),
            store.verify(),
            store.doctor(),
        )

        for one in returned:
            assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one
            assert joblib.hash(one)


KINDS = [
    kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, StoreError)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_comes_over_from_a_worker_as_it_was_raised(kind):
    wanted = list(inspect.signature(kind.__init__).parameters.values())[1:]
    named = {
        one.name: 1 if one.annotation == "int" else ["c"] if "Iterable" in one.annotation else "d"
        for one in wanted
        if one.kind is one.KEYWORD_ONLY and one.default is one.empty
    }
    texts = [one for one in wanted if one.kind is not one.KEYWORD_ONLY]
    given = [["a", "b"] if "Iterable" in one.annotation else one.name for one in texts]
    raised = kind(*given, **named)
    raised.hint = "try again"

    found = pickle.loads(pickle.dumps(raised))

    assert type(found) is kind
    assert (str(found), vars(found)) == (str(raised), vars(raised))


class TestWorkers:
    @pytest.mark.parametrize(
        "backend", ["multiprocessing", pytest.param("loky", marks=pytest.mark.long)]
    )
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of numpy's idle threads
    def test_workers_of_joblib_register(self, store, git, fitted, backend):
        told = joblib.Parallel(n_jobs=2, backend=backend)(
            joblib.delayed(register_in)(store, fitted) for _ in range(4)
        )

        assert_whole(store, git, told)

    @pytest.mark.parametrize(
        "method",
        ["fork", *(pytest.param(name, marks=pytest.mark.long) for name in ("spawn", "forkserver"))],
    )
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_processes_register(self, store, git, fitted, method):
        with multiprocessing.get_context(method).Pool(2) as pool:
            told = pool.starmap(register_in, [(store, fitted)] * 4)

        assert_whole(store, git, told)

    def test_a_forked_process_opens_the_store_anew(self, any_store, fitted):
        any_store.register(fitted, "churn", code=None)
        before = any_store._repository._handle

        def work() -> None:
            any_store.register(fitted, "churn", code=None)
            assert any_store._repository._handle is not before
            assert any_store.load("churn@latest") is not None

        assert children.run(work) == 0
        assert versions(any_store) == ["1.0.1", "1.0.0"]
