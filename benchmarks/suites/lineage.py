"""Recording the environment and the code, beside who else would tell them."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import sklearn.pipeline  # noqa: F401 - what trains has imported it

from benchmarks.measure import Bench, process
from benchmarks.models import code_repository
from gitmodelstore.lineage import code, environment

NAMES = (
    "numpy.ndarray",
    "sklearn.linear_model._logistic.LogisticRegression",
    "sklearn.pipeline.Pipeline",
)


def run(folder: Path, bench: Bench) -> None:
    def record() -> None:
        environment.capture(NAMES, with_pandas=True)

    def record_first() -> None:
        environment._scan.cache_clear()
        record()

    def library() -> None:
        sorted((one.name, one.version) for one in importlib.metadata.distributions())

    for name, action in (("warm", record), ("the first time", record_first)):
        rows = {"environment": action, "importlib.metadata": library}
        bench.compare(f"environment, {name}", rows)
    trained = code_repository(folder / "code")
    status = process("git", "-C", str(trained), "status", "--porcelain=v2", "--untracked-files=all")
    for name, new in (("one of 100 files changed", 0), ("and 20 new ones", 20)):
        for number in range(new):
            (trained / f"new_{number}.py").write_text(f"print({number})\n" * 50)
        bench.compare(
            f"code, {name}", {"code": lambda: code.capture(trained), "git status": status}
        )
