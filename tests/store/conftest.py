"""Stores to write into, a small fitted pipeline to put there, and git to look with."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from gitmodelstore import Store
from gitmodelstore.pickles import dump
from tests.hostile.families import families

from . import looks

Git = Callable[..., str]
Copied = Callable[..., Store]


@pytest.fixture
def git() -> Git:
    """Run plain git in a folder, as a user beside us would: `looks.git`."""
    return looks.git


@pytest.fixture
def settle(git: Git) -> Callable[[Path], None]:
    """Make a work tree look as if nothing in it had changed for a minute."""

    def settle(folder: Path) -> None:
        a_minute_ago = time.time() - 60
        for name in git(folder, "ls-files", "-z").split("\0")[:-1]:
            os.utime(folder / name, (a_minute_ago, a_minute_ago))
        git(folder, "update-index", "-q", "--refresh")

    return settle


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where stores lie that the tests copy, each made by the first test that wants it."""
    return tmp_path_factory.mktemp("templates")


def refresh(folder: Path) -> None:
    """Let git look at the files of a copied work tree, which have other times."""
    if (folder / ".git").exists():
        subprocess.run(["git", "update-index", "-q", "--refresh"], cwd=folder, check=True)


def once(fill: Callable[..., Store]) -> Callable[..., Store]:
    """Make of a function that writes into a store a fixture that writes once, and then copies.

    What it returns is opened anew, and not durable.
    """

    @functools.wraps(fill)
    def filled(*self: Any, **fixtures: Any) -> Store:
        place = next(value.path for value in fixtures.values() if isinstance(value, Store))
        name = f"{fill.__module__}.{fill.__qualname__} of {place.name}"
        template = place.parents[1] / "filled" / name
        if template.exists():
            shutil.rmtree(place)
            shutil.copytree(template, place, symlinks=True)
            refresh(place)
        else:
            fill(*self, **fixtures)
            shutil.copytree(place, template, symlinks=True)
        return Store.open(place, durable=False)

    return filled


@pytest.fixture
def copied(templates: Path, tmp_path: Path) -> Copied:
    """Give a copy of a store: `copied("churn", make)`, where `make(place)` makes the first.

    It is not durable, since a test is over before the power fails.
    """

    def copy(name: str, make: Callable[[Path], object], folder: str = "store") -> Store:
        if not (templates / name).exists():
            make(tmp_path / "making")
            (tmp_path / "making").rename(templates / name)
        shutil.copytree(templates / name, tmp_path / folder, symlinks=True)
        refresh(tmp_path / folder)
        return Store.open(tmp_path / folder, durable=False)

    return copy


@pytest.fixture
def store(copied: Copied) -> Store:
    """A new store with a work tree."""
    return copied("new", Store.init)


@pytest.fixture
def bare_store(copied: Copied) -> Store:
    """A new store without a work tree."""
    return copied("new.git", lambda place: Store.init(place, bare=True), "store.git")


@pytest.fixture(params=["work tree", "bare"])
def any_store(request: pytest.FixtureRequest) -> Store:
    """Both, one after the other."""
    name = "store" if request.param == "work tree" else "bare_store"
    found: Store = request.getfixturevalue(name)
    return found


@pytest.fixture(scope="session")
def rows() -> tuple[pd.DataFrame, pd.Series]:
    """Sixty rows to train on and forty to test on, with named columns."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return X.iloc[:100], y.iloc[:100]


@pytest.fixture(scope="session")
def X_train(rows: tuple[pd.DataFrame, pd.Series]) -> pd.DataFrame:  # noqa: N802
    """The rows that `fitted` has seen."""
    return rows[0].iloc[:60]


@pytest.fixture(scope="session")
def y_train(rows: tuple[pd.DataFrame, pd.Series]) -> pd.Series:
    """The answers to them."""
    return rows[1].iloc[:60]


@pytest.fixture(scope="session")
def X_test(rows: tuple[pd.DataFrame, pd.Series]) -> pd.DataFrame:  # noqa: N802
    """Rows that `fitted` has not seen."""
    return rows[0].iloc[60:]


@pytest.fixture(scope="session")
def y_test(rows: tuple[pd.DataFrame, pd.Series]) -> pd.Series:
    """The answers to them."""
    return rows[1].iloc[60:]


@pytest.fixture(scope="session")
def fit(X_train: pd.DataFrame, y_train: pd.Series) -> Callable[..., Pipeline]:
    """Fit a small pipeline: `fit(C=3)`; the same arguments give the same object."""
    known: dict[float, Pipeline] = {}

    def fit(C: float = 1.0) -> Pipeline:
        if C not in known:
            pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=C))
            known[C] = pipeline.fit(X_train, y_train)
        return known[C]

    return fit


@pytest.fixture(scope="session")
def fitted(fit: Callable[..., Pipeline]) -> Pipeline:
    """A small fitted pipeline."""
    return fit()


@pytest.fixture(scope="session")
def refitted(fit: Callable[..., Pipeline]) -> Pipeline:
    """The same with another parameter, so that the next number is a minor one."""
    return fit(C=3.0)


@pytest.fixture
@once
def churn(store: Store, fitted: Pipeline) -> Store:
    """A store with churn 1.0.0."""
    store.register(fitted, "churn", code=None)
    return store


@pytest.fixture
def notes() -> list[str]:
    """Takes what a store tells: `Store.open(path, notify=notes.append)`."""
    return []


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A scikit-learn whose logistic regression answers with probabilities moved by so much."""
    answer = LogisticRegression.predict_proba

    def move(by: float) -> None:
        monkeypatch.setattr(
            LogisticRegression, "predict_proba", lambda self, X: answer(self, X) * (1 - by)
        )

    return move


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own, around which there is no code repository."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """What a hostile file makes when it acts."""
    place = tmp_path / "place"
    place.mkdir()
    return place / "marker"


@pytest.fixture
def poisoning(marker: Path) -> Callable[[], AbstractContextManager[None]]:
    """Within it each pipeline is released as a hostile file, with digests that fit.

    The file makes the marker when it is unpickled, and is an honest pipeline besides.
    """
    of_kind = (one for one in families(marker) if one.family == "direct calls")
    hostile = next(one.data for one in of_kind if one.fires == "at load")

    def poison(_: Any, write: Any) -> dump.Dumped:
        write(hostile)
        return dump.Dumped((), len(hostile))

    @contextmanager
    def poisoning() -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dump, "dump", poison)
            yield

    return poisoning
