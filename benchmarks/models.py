"""The pipelines that are stored, and stores that hold many of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PowerTransformer, StandardScaler

import gitmodelstore as gms
from benchmarks.measure import process
from benchmarks.peers.worker import changed

NUMERIC = ["income", "age", "loan_amount", "credit_score"]


def loans(count: int = 3000, seed: int = 0) -> tuple[pd.DataFrame, Any]:
    """Simulated loans; more of them begin with the same ones."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.lognormal(size=(count, len(NUMERIC))), columns=NUMERIC)
    X["home"] = np.array(["own", "rent", "mortgage"])[(X["age"] * 1000).astype(int) % 3]
    return X, (X["income"] * X["credit_score"] < X["loan_amount"]).astype(int)


def credit_pipeline(count: int = 3000, trees: int = 200) -> Any:
    """The pipeline S of half a megabyte, trained on so many loans."""
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), PowerTransformer()), NUMERIC),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), ["home"]),
    )
    last = GradientBoostingClassifier(n_estimators=trees, max_depth=4, random_state=0)
    return make_pipeline(columns, last).fit(*loans(count))


def grown(size_bytes: int) -> Any:
    """A forest whose file has about that size; of 250 MB it is the pipeline L."""
    rng = np.random.default_rng(0)
    rows, each = (40_000, 3_640_000) if size_bytes > 5e7 else (4000, 330_000)
    X = rng.normal(size=(rows, 5))
    y = X.sum(axis=1) + rng.normal(size=rows)
    trees = max(1, round(size_bytes / each))
    return make_pipeline(RandomForestRegressor(trees, random_state=0, n_jobs=2)).fit(X, y)


def small_pipeline() -> Any:
    """As small as a pipeline gets."""
    return make_pipeline(SimpleImputer()).fit([[1.0], [2.0]])


# What is loaded: one of each kind


def rows(count: int, columns: int = 20) -> tuple[Any, Any]:
    """Rows and two classes of which the first columns tell something."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(count, columns))
    return X, (X[:, 0] * X[:, 1] + rng.normal(size=count) > 0).astype(int)


def forest(trees: int, count: int, depth: int | None = None) -> Any:
    made = RandomForestClassifier(trees, max_depth=depth, max_features=2, n_jobs=-1, random_state=0)
    return made.fit(*rows(count))


def words(count: int = 57_000) -> Any:
    """TF-IDF of so many words, and a linear model of them."""
    rng = np.random.default_rng(0)
    letters = rng.integers(97, 123, (2 * count, 9), dtype=np.uint8)
    lengths = rng.integers(4, 10, len(letters))
    known = {bytes(row[:length]).decode() for row, length in zip(letters, lengths, strict=True)}
    chosen = sorted(known)[:: len(known) // count][:count]
    texts = [" ".join(part) for part in np.array_split(chosen, count // 100)]
    return make_pipeline(TfidfVectorizer(), SGDClassifier()).fit(texts, np.arange(len(texts)) % 2)


def dense() -> Any:
    """A linear model of 6,000 inputs and 6,250 outputs: 300 MB in one array."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(12, 6000)), rng.normal(size=(12, 6250))
    return make_pipeline(StandardScaler(), Ridge()).fit(X, Y)


LOADED: dict[str, Callable[[], Any]] = {
    "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(*rows(500)),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=200, max_depth=4).fit(*rows(3000)),
    "hist boosting": lambda: HistGradientBoostingClassifier().fit(*rows(5000)),
    "small trees": lambda: forest(200, 2000, depth=6),
    "57,000 words": words,
    "forest, 6 MB": lambda: forest(60, 3000),
    "forest, 24 MB": lambda: forest(70, 11_000),
    "forest, 49 MB": lambda: forest(130, 12_000),
    "forest, 55 MB": lambda: forest(145, 12_000),
    "forest, 250 MB": lambda: forest(202, 40_000),
    "dense, 300 MB": dense,
}


# Stores


def retrained(store: gms.Store, pipeline: Any, **told: Any) -> gms.ModelVersion:
    """Register a pipeline again, as if it had been trained again: other bytes, as many."""
    changed(pipeline)
    told = {"metrics": {"auc": 0.9}, "bump": "patch", "code": None, **told}
    return store.register(pipeline, "credit", **told)


def filled(path: Path, versions: int, pipeline: Any = None, *, bare: bool = False) -> gms.Store:
    """A store of so many versions, of a small pipeline if none is given."""
    store = gms.Store.init(path, bare=bare, durable=False)
    pipeline = pipeline or small_pipeline()
    for _ in range(versions):
        retrained(store, pipeline)
    return gms.Store.open(path)


def code_repository(folder: Path) -> Path:
    """A training repository of a hundred files, one of them changed since its commit."""
    folder.mkdir()
    for number in range(100):
        (folder / f"step_{number}.py").write_text(f"print({number})\n" * 50)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")
    (folder / "step_0.py").write_text("print('changed')\n")
    return folder


def git(folder: Path, *args: str) -> None:
    process("git", *args, cwd=folder)()
