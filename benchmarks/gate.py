"""Speed of the gate, as ratios measured side by side in one run; see README.md."""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from comparison import Comparison
from run import credit_pipeline
from sklearn.ensemble import RandomForestRegressor

import gitmodelstore as gms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=25, help="pairs a line (25)")
    parser.add_argument("--versions", type=int, default=100, help="of the large push (100)")
    parser.add_argument("--folder", type=Path, help="where to work (a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        run(Path(name), Comparison(options.pairs, 0.05), options.versions)


def run(folder: Path, comparison: Comparison, many: int) -> None:
    store = gms.Store.init(folder / "store")
    hook = str(store.path / ".git" / "hooks" / "pre-commit")

    def python() -> object:
        return subprocess.run([sys.executable, "-c", "pass"], check=True)

    def pre_commit() -> object:
        return subprocess.run([hook], cwd=store.path, check=True)

    (store.path / "README.md").write_text("# Models\n")
    git(store.path, "add", "README.md")
    comparison.show("pre-commit, no model / python -c pass", pre_commit, python)
    git(store.path, "commit", "--quiet", "-m", "readme")

    store.register(forest(5_000_000), "forest", code=None)
    size = (store.path / "models/forest/pipeline.joblib").stat().st_size
    git(store.path, "tag", "--delete", "forest@v1.0.0")
    git(store.path, "reset", "--quiet", "--soft", "HEAD~1")
    name = f"pre-commit, a model of {size / 1e6:.1f} MB / python -c pass"
    comparison.show(name, pre_commit, python)
    git(store.path, "commit", "--quiet", "--no-verify", "-m", "by hand")

    few = pushing(folder, 10)
    large = pushing(folder, many)
    Comparison(3, 0).show(f"pushing {many} versions / 10 versions", large, few)


def pushing(folder: Path, versions: int) -> Callable[[], object]:
    """Return what pushes a store of so many versions into a new shared one, through its gate."""
    store = gms.Store.init(folder / f"of-{versions}", durable=False)
    pipeline = credit_pipeline()
    for _ in range(versions):
        pipeline[-1].train_score_[0] += 1e-9
        store.register(pipeline, "credit", bump="patch", code=None)
    numbers = itertools.count()

    def push() -> object:
        shared = folder / f"shared-{versions}-{next(numbers)}.git"
        subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(shared)], check=True)
        subprocess.run(
            [sys.executable, "-m", "gitmodelstore.cli.main", "-C", str(shared), "hook", "install"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return git(store.path, "push", "--quiet", str(shared), "main", "refs/tags/*")

    return push


def forest(size_bytes: int) -> RandomForestRegressor:
    """A forest whose file has about that size."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 5))
    y = X.sum(axis=1) + rng.normal(size=4000)
    return RandomForestRegressor(n_estimators=size_bytes // 330_000, random_state=0).fit(X, y)


def git(folder: Path, *args: str) -> object:
    return subprocess.run(["git", *args], cwd=folder, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
