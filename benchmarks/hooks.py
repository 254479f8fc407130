"""Speed of the hooks for ML repositories, cold, as ratios to an empty Python; see README.md."""

from __future__ import annotations

import argparse
import compileall
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from comparison import Comparison
from sklearn.ensemble import RandomForestClassifier

import gitmodelstore as gms

ROOT = Path(__file__).parents[1]
MODEL_BYTES = 5_000_000


def forest(trees: int) -> RandomForestClassifier:
    """A forest that was fitted on noise, so that its trees are large."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 20))
    return RandomForestClassifier(trees, random_state=0).fit(X, rng.integers(0, 2, 4000))


def model_folder(folder: Path) -> Path:
    """A version of about MODEL_BYTES as plain files."""
    store = gms.Store.init(folder / "store", durable=False)
    one = store.register(forest(1), "churn", code=None)
    entry = store.show(one).artifact("pipeline.joblib")
    assert entry is not None
    trees = round(MODEL_BYTES / entry.size_bytes)
    version = store.register(forest(trees), "churn", code=None)
    return store.download(version, folder / "model")


def repository(folder: Path, name: str) -> tuple[Path, Callable[..., str]]:
    """An ML repository of two hundred files with one commit, and git in it."""
    path = folder / name
    path.mkdir()

    def git(*args: str) -> str:
        return subprocess.run(
            ["git", *args], cwd=path, check=True, capture_output=True, text=True
        ).stdout

    git("init", "--quiet")
    for number in range(200):
        (path / f"step_{number}.py").write_text(f"print({number})\n")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    return path, git


def package(folder: Path) -> Path:
    """The hooks and the package alone, as in the framework's clone after the first run."""
    clone = folder / "clone"
    for name in ("hooks", "gitmodelstore"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(clone / "gitmodelstore", quiet=1)
    return clone


def running(python: str, script: Path, names: list[str], cwd: Path) -> Callable[[], object]:
    command = [python, str(script), *names]
    return lambda: subprocess.run(command, cwd=cwd, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=25, help="pairs a line (25)")
    parser.add_argument("--pause", type=float, default=0.1, help="seconds between pairs (0.1)")
    parser.add_argument("--python", default=sys.executable, help="the python3 that runs the hooks")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run(Path(name), Comparison(options.pairs, options.pause), options.python)


def run(folder: Path, comparison: Comparison, python: str) -> None:
    clone = package(folder)
    model = model_folder(folder)
    size = (model / "pipeline.joblib").stat().st_size
    print(f"the model has {size / 1e6:.2f} MB; hook, python3 -c pass, median ratio (quartiles)")

    def floor() -> None:
        subprocess.run([python, "-c", "pass"], check=True)

    without, git = repository(folder, "without")
    (without / "step_1.py").write_text("print('changed')\n")
    git("add", ".")
    with_model, git = repository(folder, "with")
    shutil.copytree(model, with_model / "models" / "churn")
    git("add", ".")
    touched = git("diff", "--cached", "--name-only").split()
    binaries = [path for path in touched if path.endswith((".joblib", "manifest.json"))]
    for script, named in (("validate.py", touched), ("no_raw_models.py", binaries)):
        hook = clone / "hooks" / script
        plain = ["step_1.py"] if script == "validate.py" else []
        comparison.show(f"{script}, no model", running(python, hook, plain, without), floor)
        comparison.show(f"{script}, one model", running(python, hook, named, with_model), floor)
    pin = with_model / "modelstore.lock.json"
    gms.Store.open(folder / "store").lock(["churn@latest"], with_model)
    git("add", pin.name)
    hook = clone / "hooks" / "lock.py"
    comparison.show("lock.py, no lock file", running(python, hook, [], without), floor)
    comparison.show("lock.py, one version", running(python, hook, [pin.name], with_model), floor)


if __name__ == "__main__":
    main()
