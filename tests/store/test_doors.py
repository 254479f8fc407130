"""No door lets a hostile pipeline act, even where its digests are right."""

from __future__ import annotations

import ast
import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import gitmodelstore as gms
from gitmodelstore import Store
from gitmodelstore.errors import RefusedPickle, StoreError
from tests.hostile.families import has_fired

PACKAGE = Path(gms.__file__).parent


@pytest.fixture
def poisoned(store, fitted, refitted, poisoning) -> Store:
    """A store of which version 1.1.0 of churn is hostile."""
    store.register(fitted, "churn", code=None)
    store.promote("churn@1.0.0", "production")
    with poisoning():
        store.register(refitted, "churn", code=None)
    return store


DOORS: dict[str, Callable[[Store, Path], object]] = {
    "load": lambda store, _: store.load("churn@1.1.0"),
    "load again": lambda store, _: Store.open(store.path, cache=False).load("churn@1.1.0"),
    "load_model": lambda store, _: gms.load_model("churn@1.1.0", store=store.path),
    "rollback": lambda store, _: store.rollback("churn", to="1.1.0"),
    "a replay before promotion": lambda store, _: store.promote(
        "churn@1.1.0", "staging", replay=True
    ),
    "a folder": lambda store, at: gms.load_model(store.download("churn@1.1.0", at / "folder")),
    "a warm folder": lambda store, at: store.download("churn@1.1.0", at / "warm", warm=True),
    "registering": lambda store, at: store.register(
        store.download("churn@1.1.0", at / "again") / "pipeline.joblib", "again", code=None
    ),
    "registering unrun": lambda store, at: store.register(
        store.download("churn@1.1.0", at / "unrun") / "pipeline.joblib", "x", code=None, run=False
    ),
}


@pytest.mark.parametrize("door", DOORS)
def test_it_is_refused_before_it_acts(poisoned, marker, tmp_path, door):
    for _ in range(2):
        with pytest.raises(RefusedPickle):
            DOORS[door](poisoned, tmp_path / str(_))

    assert not has_fired(marker)
    assert {str(model.model) for model in poisoned.models()} == {"churn"}


def test_a_baseline_is_loaded_through_the_door(poisoned, marker, fit, X_test, y_test):
    poisoned.promote("churn@1.1.0", "production", force=True, reason="it must")

    with pytest.raises(RefusedPickle) as caught:
        poisoned.register(
            fit(C=8.0), "churn", X_test=X_test, y_test=y_test, baseline=True, code=None
        )

    assert str(caught.value).startswith(
        "churn 1.1.0, which is in production, cannot be scored: "
        "'models/churn/pipeline.joblib of churn 1.1.0' is refused: it uses "
    )
    assert not has_fired(marker)
    assert len(poisoned.versions("churn")) == 2


def test_verify_names_it_and_goes_on(poisoned, marker):
    found = poisoned.verify(replay=True)

    assert [(str(one), one.is_sound) for one in found.versions] == [
        ("churn 1.1.0", False),
        ("churn 1.0.0", True),
    ]
    assert "is refused" in found.versions[0].faults[0]
    assert not has_fired(marker)


@pytest.mark.parametrize(
    "command", [("inspect", "churn@1.1.0"), ("verify", "churn@1.1.0", "--replay"), ("diff",)]
)
def test_commands_do_not_run_it(poisoned, marker, git, command):
    if command == ("diff",):
        git(poisoned.path, "diff", "churn@v1.0.0", "churn@v1.1.0")
    else:
        done = subprocess.run(
            [sys.executable, "-m", "gitmodelstore.cli.main", "-C", str(poisoned.path), *command],
            capture_output=True,
            cwd=PACKAGE.parent,
        )
        assert done.returncode == 1

    assert not has_fired(marker)


def test_unsafe_loading_is_what_its_name_says(poisoned, marker):
    with pytest.raises(StoreError):  # it holds no estimator: but by then it has acted
        poisoned.load_unsafe("churn@1.1.0")

    assert has_fired(marker)


def test_nothing_else_unpickles() -> None:
    """Only pickles/ imports pickle, and only one function there calls joblib's loader."""
    callers = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                *("joblib.load", "pickle.load", "pickle.loads", "pickle.Unpickler"),
                *("cPickle.loads", "pd.read_pickle", "np.load", "numpy.load"),
            ):
                callers.add((path.relative_to(PACKAGE).as_posix(), ast.unparse(node.func)))

    assert callers == {
        ("pickles/load.py", "joblib.load"),  # load_unsafe
        ("pickles/fast_load.py", "pickle.Unpickler"),  # the canary, which it wrote itself
    }


ELSEWHERE = """
from sklearn.base import BaseEstimator, TransformerMixin

class Doubler(TransformerMixin, BaseEstimator):
    def __init__(self, factor=2):
        self.factor = factor

    def fit(self, X, y=None):
        self.done_ = True
        return self

    def transform(self, X):
        return [[value * self.factor for value in row] for row in X]
"""


@pytest.fixture(scope="module")
def foreign(tmp_path_factory) -> Path:
    """A file whose classes this process does not have."""
    side = tmp_path_factory.mktemp("side")
    (side / "elsewhere.py").write_text(ELSEWHERE)
    program = (
        "import joblib, elsewhere\n"
        "from sklearn.pipeline import make_pipeline\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "X = [[0.0], [1.0], [2.0], [3.0]]\n"
        "model = make_pipeline(elsewhere.Doubler(), LogisticRegression(C=0.5))\n"
        "joblib.dump(model.fit(X, [0, 0, 1, 1]), 'foreign.joblib')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=side)
    return side / "foreign.joblib"


class TestUnrun:
    """A file with unknown classes is registered from its dry facts."""

    def test_it_is_kept_byte_for_byte_with_what_it_says_of_itself(self, store, foreign, git, notes):
        telling = Store.open(store.path, notify=notes.append, durable=False)

        version = telling.register(foreign, "churn", code=None, run=False, metrics={"auc": 0.9})

        manifest = telling.show(version)
        assert manifest.pipeline.class_name == "sklearn.pipeline.Pipeline"
        assert manifest.pipeline.algorithm == "LogisticRegression"
        assert [step.class_name for step in manifest.pipeline.steps] == [
            "elsewhere.Doubler",
            "sklearn.linear_model._logistic.LogisticRegression",
        ]
        assert manifest.pipeline.params["logisticregression__C"] == "0.5"
        assert manifest.metrics == {"auc": 0.9}
        assert telling.read(version, "pipeline.joblib") == foreign.read_bytes()
        assert "readers must trust: elsewhere.Doubler (`gms trust add elsewhere.Doubler`)" in notes
        assert git(store.path, "status", "--porcelain") == ""
        digest = hashlib.sha256(foreign.read_bytes()).hexdigest()
        assert manifest.artifact("pipeline.joblib").sha256 == digest

    def test_running_it_is_refused(self, store, foreign):
        with pytest.raises(RefusedPickle, match=r"it uses 'elsewhere\.Doubler'"):
            store.register(foreign, "churn", code=None)

    def test_rows_to_test_on_need_it_to_run(self, store, foreign):
        with pytest.raises(StoreError, match="test rows need the pipeline to run"):
            store.register(foreign, "churn", code=None, run=False, X_test=[[1.0]])

    def test_a_pipeline_in_memory_is_there_already(self, store, fitted):
        with pytest.raises(StoreError, match="run=False is for files"):
            store.register(fitted, "churn", code=None, run=False)
