"""What recording code and environment costs, beside who else would tell it; see README.md."""

from __future__ import annotations

import argparse
import importlib.metadata
import subprocess
import tempfile
from pathlib import Path

import sklearn.pipeline  # noqa: F401 - what trains has imported it
from comparison import Comparison
from run import repository

from gitmodelstore.lineage import code, environment

NAMES = (
    "numpy.ndarray",
    "sklearn.linear_model._logistic.LogisticRegression",
    "sklearn.pipeline.Pipeline",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=25, help="pairs a line (25)")
    parser.add_argument("--pause", type=float, default=0.1, help="seconds between pairs (0.1)")
    options = parser.parse_args()
    comparison = Comparison(options.pairs, options.pause)

    def record() -> None:
        environment.capture(NAMES, with_pandas=True)

    def record_first() -> None:
        environment._scan.cache_clear()
        record()

    def ask_the_library() -> None:
        sorted((one.name, one.version) for one in importlib.metadata.distributions())

    comparison.show("environment, warm / importlib.metadata", record, ask_the_library)
    comparison.show("environment, first / importlib.metadata", record_first, ask_the_library)
    with tempfile.TemporaryDirectory() as name:
        folder = repository(Path(name) / "code")

        def status() -> None:
            args = ["git", "status", "--porcelain=v2", "--untracked-files=all"]
            subprocess.run(args, cwd=folder, stdout=subprocess.DEVNULL, check=True)

        comparison.show("code, one change / git status", lambda: code.capture(folder), status)
        for number in range(20):
            (folder / f"new_{number}.py").write_text(f"print({number})\n" * 50)
        comparison.show("code, 20 new files / git status", lambda: code.capture(folder), status)


if __name__ == "__main__":
    main()
