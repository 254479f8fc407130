"""A small real store, filled once, and the catalogue of it."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from gitmodelstore import Store

DAY = datetime(2026, 1, 5, 9, tzinfo=timezone.utc)


def fill(store: Store) -> None:
    """Register six versions of two models; promote, roll back, withdraw and annotate."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X = X.iloc[:, :6].assign(site=np.where(np.arange(len(X)) % 3 == 0, "north", "south"))
    A, B, ya, yb = train_test_split(X, y, random_state=0)
    for number, strength in enumerate([0.001, 0.05, 0.3, 2.0]):
        rows = 80 + 90 * number
        columns = make_column_transformer(
            (make_pipeline(StandardScaler()), list(X.columns[:6])), (OneHotEncoder(), ["site"])
        )
        pipeline = make_pipeline(columns, LogisticRegression(C=strength, max_iter=500))
        store.register(
            pipeline.fit(A[:rows], ya[:rows]),
            "tumours",
            X_test=B,
            y_test=yb,
            data={"train": (A[:rows], ya[:rows]), "test": (B, yb)},
            message=f"retrained with C = {strength}",
            card={"intended_use": "Triage of biopsies.\nA doctor decides."},
            code=None,
        )
        if number != 2:
            store.promote("tumours@latest", "production", reason="better on the test set")
    store.rollback("tumours", reason="recall fell in the field")
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    A, B, ya, yb = train_test_split(X, y, random_state=0)
    for alpha in (10.0, 1.0):
        pipeline = make_pipeline(StandardScaler(), Ridge(alpha=alpha)).fit(A, ya)
        store.register(pipeline, "progression", X_test=B, y_test=yb, code=None)
    store.promote("progression@latest", "staging")
    store.withdraw("tumours@1.2.0", reason="trained on mislabelled rows")
    store.annotate("tumours@1.1.0", {"ticket": "A-17", "field_recall": 0.93})


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, between_tests: Path) -> Path:
    """The store; nobody writes into it."""
    place, step = tmp_path_factory.mktemp("catalogue") / "store", count()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
        patch.setenv("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
        repository = Store.init(place)._repository
    days = (DAY + timedelta(days=9 * next(step)) for _ in count())
    fill(Store(repository, now=lambda: next(days), durable=False))
    return place


@pytest.fixture(scope="session")
def catalogue(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalogue of that store; nobody writes into it."""
    place = tmp_path_factory.mktemp("catalogue") / "site"
    assert Store.open(template).site(place).faults == ()
    return place


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Store:
    """A copy to write into."""
    shutil.copytree(template, tmp_path / "store", symlinks=True)
    return Store.open(tmp_path / "store", durable=False)


def contents(folder: Path) -> dict[str, bytes]:
    """What a folder holds, by path."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
