"""Speed of the store, as ratios measured side by side in one run; see README.md."""

from __future__ import annotations

import argparse
import hashlib
import itertools
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from comparison import Comparison
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PowerTransformer

import gitmodelstore as gms

NUMERIC = ["income", "age", "loan_amount", "credit_score"]


def credit_pipeline(seed: int = 0) -> Any:
    """The credit pipeline S, fitted on simulated loans."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({name: rng.lognormal(size=3000) for name in NUMERIC})
    X["home"] = rng.choice(["own", "rent", "mortgage"], 3000)
    y = (X["income"] * X["credit_score"] < X["loan_amount"]).astype(int)
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), PowerTransformer()), NUMERIC),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), ["home"]),
    )
    return make_pipeline(columns, GradientBoostingClassifier(n_estimators=200, max_depth=4)).fit(
        X, y
    )


def registering(store: gms.Store, pipeline: Any, code: Path | None = None) -> Callable[[], object]:
    """Return what registers `pipeline` again, each time as if it had been retrained."""

    def action() -> None:
        pipeline[-1].train_score_[0] += 1e-9  # other bytes, as many
        store.register(pipeline, "credit", metrics={"auc": 0.9}, bump="patch", code=code)

    return action


def repository(folder: Path) -> Path:
    """A training repository of a hundred files, one of them changed since its commit."""
    folder.mkdir()
    for number in range(100):
        (folder / f"step_{number}.py").write_text(f"print({number})\n" * 50)
    for args in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "-m", "first")):
        subprocess.run(["git", "-C", str(folder), *args], check=True)
    (folder / "step_0.py").write_text("print('changed')\n")
    return folder


def filled(path: Path, versions: int) -> gms.Store:
    """A store with a work tree that holds so many small versions."""
    store = gms.Store.init(path, durable=False)
    small = make_pipeline(SimpleImputer()).fit([[1.0], [2.0]])
    for number in range(versions):
        store.register(small, "credit", version=f"1.0.{number}", metrics={"auc": 0.9})
    return gms.Store.open(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=25, help="pairs a line (25)")
    parser.add_argument("--pause", type=float, default=0.3, help="seconds between pairs (0.3)")
    parser.add_argument("--versions", type=int, default=1000, help="of the large store (1000)")
    parser.add_argument("--folder", type=Path, help="where to work (a temporary folder)")
    options = parser.parse_args()
    comparison = Comparison(options.pairs, options.pause)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        run(Path(name), comparison, options.versions)


def run(folder: Path, comparison: Comparison, many: int) -> None:
    pipeline = credit_pipeline()
    file = folder / "pipeline.joblib"

    def floor() -> None:
        joblib.dump(pipeline, file)
        hashlib.sha256(file.read_bytes()).hexdigest()

    floor()
    print(f"S is {file.stat().st_size / 1e6:.2f} MB; measured, yardstick, median ratio (quartiles)")
    tree = gms.Store.init(folder / "tree")
    bare = gms.Store.init(folder / "bare", bare=True)
    code = repository(folder / "code")
    for name, store in (("bare", bare), ("work tree", tree)):
        comparison.show(f"register S, {name}", registering(store, pipeline), floor)
        comparison.show(
            f"register S, {name}, code changed", registering(store, pipeline, code), floor
        )
    few, large = filled(folder / "few", 10), filled(folder / "many", many)
    comparison.show(
        f"register S at {many:,} versions / at 10",
        registering(large, pipeline),
        registering(few, pipeline),
    )
    first, second = tree.versions("credit")[:2]
    turns = itertools.cycle([first, second])
    git = ["git", "-C", str(tree.path), "commit", "--quiet", "--allow-empty", "-m", "nothing"]
    comparison.show(
        "promote, work tree / git commit",
        lambda: tree.promote(next(turns), "production"),
        lambda: subprocess.run(git, check=True),
    )
    comparison.show("load S", lambda: tree.load("credit@latest"), lambda: joblib.load(file))


if __name__ == "__main__":
    main()
