"""Reads models that were changed with their package's native code, each in a process of its own.

What forks has not trained: OpenMP waits for ever in the child of a process that has threads.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np


def exits(package: str, models: list[bytes], columns: int, folder: Path) -> list[int]:
    """Return with what code the reader of each model ended; a signal is a negative one."""
    for number, model in enumerate(models):
        (folder / f"{number:05}.model").write_bytes(model)
    command = (sys.executable, "-m", __name__, package, str(columns), str(folder))
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=250)
    return [int(code) for code in done.stdout.split()]


def _lightgbm(data: bytes, rows: np.ndarray) -> None:
    import lightgbm

    lightgbm.Booster(model_str=data.decode()).predict(rows, num_threads=1)


def _xgboost(data: bytes, rows: np.ndarray) -> None:
    import xgboost

    booster = xgboost.Booster.__new__(xgboost.Booster)
    booster.__setstate__({"handle": bytearray(data)})
    with contextlib.suppress(xgboost.core.XGBoostError):  # of a linear one
        booster.inplace_predict(rows)
    names, types = booster.feature_names, booster.feature_types
    booster.predict(xgboost.DMatrix(rows, feature_names=names, feature_types=types))


def _catboost(data: bytes, rows: np.ndarray) -> None:
    import catboost

    model = catboost.CatBoostClassifier()
    model.__setstate__({"__model": data})
    names = model.get_cat_feature_indices()
    rows = rows.astype(object) if names else rows
    rows[:, names] = rows[:, names].astype(int).astype(str)
    model.predict(rows, thread_count=1)
    model.predict_proba(rows, thread_count=1)


def _exit_of(read, data: bytes, rows: np.ndarray) -> int:
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
        signal.alarm(20)
        with contextlib.suppress(Exception):  # any that Python sees
            read(data, rows)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _main(package: str, columns: str, folder: str) -> None:
    __import__(package)
    read = {"catboost": _catboost, "lightgbm": _lightgbm, "xgboost": _xgboost}[package]
    rows = np.random.default_rng(0).uniform(0, 100, (50, int(columns)))
    for path in sorted(Path(folder).glob("*.model")):
        print(_exit_of(read, path.read_bytes(), rows), flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
