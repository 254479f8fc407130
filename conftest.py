"""What the examples in the docstrings of public names have at hand: a small store of their own.

`store` is the folder "models" of the working directory, with churn 1.0.0, 1.1.0 (in production)
and 1.2.0; train.py of that directory has trained 1.1.0; `pipeline` is another fitted one, `X_test`
and `y_test` are rows to test it on. In an example that approves, somebody signs who has trained
nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from _pytest.doctest import DoctestItem, DoctestModule

from tests.conftest import between_tests, desk, isolated, keys, tmp_path
from tests.store.looks import commit_by_hand, git

__all__ = ["between_tests", "desk", "isolated", "keys", "tmp_path"]

NAMES = ("store", "gms", "pipeline", "X_test")  # an example that has one of these gets them all
IN_PRODUCTION = 3.0  # the C of that pipeline
# What there is to train is in the repository already, since each import of scikit-learn takes time.
TRAIN = """\
import os, pathlib, shutil
file = pathlib.Path(__file__).with_name("churn.joblib")
shutil.copy(file, os.environ["GMS_REPRODUCE_OUT"])
"""
POLICY = 'schema = "1.0"\n[gates.staging]\nmetrics = ["accuracy >= 0.86"]\n'


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take the examples in docstrings; a module without one is not looked into."""
    if file_path.suffix == ".py" and ">>> " in file_path.read_text():
        return DoctestModule.from_parent(parent, path=file_path)
    return None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Leave to the long run what starts two new processes to train again and compare."""
    if '.reproduce("churn", ' in source_of(item):
        item.add_marker(pytest.mark.long)


def source_of(item: pytest.Item) -> str:
    """Return the lines of an example; nothing of what is none."""
    if not isinstance(item, DoctestItem) or item.dtest is None:
        return ""
    return "".join(one.source for one in item.dtest.examples)


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], dict[str, Any]]:
    """Write what the examples read into a folder, and return the names that they use."""
    import joblib
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import gitmodelstore as gms

    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X, y = X.iloc[:100, :3], y.iloc[:100]

    def fit(C: float) -> Any:
        return make_pipeline(StandardScaler(), LogisticRegression(C=C)).fit(X[:60], y[:60])

    template = tmp_path_factory.mktemp("examples")

    def make() -> None:
        store = gms.Store.init(template / "models", durable=False)
        git(template, "init", "--quiet")
        joblib.dump(fit(IN_PRODUCTION), template / "churn.joblib")
        git(template, "add", "churn.joblib")
        commit_by_hand(template, "train.py", TRAIN)
        X.to_csv(template / "train.csv", index=False)
        for C, profit in ((1.0, 3.0), (IN_PRODUCTION, 3.75), (0.1, 4.5)):
            store.register(
                fit(C),
                "churn",
                X_test=X[60:],
                y_test=y[60:],
                metrics={"profit": profit},
                data={"train": template / "train.csv"},
                code=None if C < 1 else template,
            )
        store.promote("churn@1.0.0", "production", reason="the first")
        store.promote("churn@1.1.0", "production", reason="more profit")
        commit_by_hand(store.path, "modelstore.toml", POLICY)

    def place(folder: Path) -> dict[str, Any]:
        if not (template / "models").exists():
            make()
        shutil.copytree(template, folder, dirs_exist_ok=True)
        return {
            "gms": gms,
            "store": gms.Store.open(folder / "models", durable=False),
            "pipeline": fit(10.0),
            "X_test": X[60:],
            "y_test": y[60:],
            "joblib": joblib,
            "make_pipeline": make_pipeline,
        }

    return place


@pytest.fixture(autouse=True)
def example(request: pytest.FixtureRequest, doctest_namespace: dict[str, Any]) -> None:
    """Give an example that asks for a store one of its own, as the working directory."""
    source = source_of(request.node)
    if not any(name in source for name in NAMES):
        return
    request.getfixturevalue("isolated")
    folder = request.getfixturevalue("tmp_path")
    request.getfixturevalue("monkeypatch").chdir(folder)
    names = request.getfixturevalue("examples")(folder)
    request.node.dtest.globs.update(names)
    if "store.push(" in source:
        git(folder, "init", "--quiet", "--bare", "shared.git")
    if any(one in source for one in ("store.pull(", "store.fetch(", "propose=True")):
        git(folder, "clone", "--quiet", "--bare", "models", "shared.git")
        git(folder / "models", "remote", "add", "origin", "../shared.git")
    if "store.remotes" in source or "store.add_remote(" in source:
        git(folder / "models", "remote", "add", "origin", "/srv/shared.git")
    if ".approve(" in source:
        desk = request.getfixturevalue("desk")
        desk.sit_down(desk.grace)
