"""How a system is asked: one JSON line a question, or one question as a whole process.

    python -m benchmarks.peers.git FOLDER                      questions on standard input
    python -m benchmarks.peers.git FOLDER '{"ask": "load"}'    one question, then it ends

A question names what to do and its arguments; the answer has `seconds`, `processor` (of the process
and those that it waited for), `peak_mb` (of the process until now), or `cannot` with the reason, or
`error`. What a system needs to know beforehand (imports, the pipeline that was trained) is there
before the clock starts. This file runs in the environment of each system, so it uses the standard
library and joblib alone.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

MODEL, SMALL = "credit", "small"


class Cannot(Exception):
    """This system has no such thing; the text says why."""


class System:
    """One system in one folder; a question that it has no answer to is left as it is here.

    Versions are numbered from 1 on; each system says that in its own way. `rows` are a few inputs,
    where the system is told everything that it can keep.

    Attributes:
        commands: what somebody types at a prompt, by question, with {folder} and {number}; the
            others are asked in Python.
        cannot: why a question has no answer.
    """

    commands: ClassVar[dict[str, list[str]]] = {}
    cannot: ClassVar[dict[str, str]] = {}

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self) -> None:
        """Make an empty registry."""

    def fill(self, pipeline: Any, first: int, last: int) -> None:
        """Have these versions, and each tenth of them in production for a while."""
        for number in range(first, last + 1):
            changed(pipeline)
            self.register(pipeline, number)
            if number % 10 == 0 and "promote" not in self.cannot:
                self.promote(number)

    def register(self, pipeline: Any, number: int, rows: Any = None) -> None:
        raise NotImplementedError

    def load(self) -> Any:
        """Return the pipeline in production; where there is no such thing, the newest."""
        raise NotImplementedError

    def promote(self, number: int) -> None:
        raise Cannot

    def rollback(self) -> None:
        """Put the version before back into production."""
        raise Cannot

    def list(self) -> Any:
        """Return all versions."""
        raise NotImplementedError

    def which(self) -> Any:
        """Return the version in production."""
        raise Cannot

    def log(self) -> Any:
        """Return who registered and promoted what, and when."""
        raise Cannot

    def pack(self) -> None:
        """Do what the system offers to save room."""
        raise Cannot


def changed(pipeline: Any, number: int = 1) -> None:
    """Change something by a number, so that the bytes are those of another training."""
    amount = 1e-6 * math.sqrt(number)  # no sum of these is another one
    last = pipeline[-1] if hasattr(pipeline, "steps") else pipeline
    if hasattr(last, "train_score_"):
        last.train_score_[0] += amount
    elif hasattr(last, "estimators_"):
        last.estimators_[0].tree_.value[0] += amount
    else:
        last.statistics_[0] += amount


def used() -> float:
    both = [resource.getrusage(one) for one in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


def peak_mb() -> float:
    """Of this program alone; ru_maxrss also counts the process that started it."""
    status = Path("/proc/self/status")
    if not status.exists():  # not on Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(int(line.split()[1]) for line in status.open() if "VmHWM" in line) / 1024


class Worker:
    """Answers questions about one system."""

    def __init__(self, kind: type[System], folder: Path) -> None:
        self.kind, self.folder = kind, folder
        self.system = kind(folder)
        self.files: dict[str, Any] = {}

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        name = question.pop("ask")
        try:
            if name in self.kind.cannot:
                raise Cannot(self.kind.cannot[name])
            if name == "command":
                return {"command": self.kind.commands.get(question["of"])}
            arguments = self._prepared(name, question)
            return self._timed(getattr(self.system, name), arguments)
        except Cannot as refusal:
            return {"cannot": str(refusal) or "there is no such thing"}
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}

    def _prepared(self, name: str, question: dict[str, Any]) -> dict[str, Any]:
        arguments = dict(question)
        for key in ("pipeline", "rows"):
            if key in question:
                arguments[key] = self._held(question[key])
        if "beside" in question:  # whatever is imported late is, and the pipeline is not
            self.kind(Path(arguments.pop("beside"))).load()
        if name == "register":
            changed(arguments["pipeline"], arguments["number"])
        return arguments

    def _held(self, file: str) -> Any:
        """Return a pipeline, or rows with their answers; each file is read once."""
        if file not in self.files:
            if file.endswith(".csv"):
                import pandas as pd

                X = pd.read_csv(file)
                self.files[file] = (X, X.pop("answer"))
            else:
                import joblib

                self.files[file] = joblib.load(file)
        return self.files[file]

    def _timed(self, action: Any, arguments: dict[str, Any]) -> dict[str, Any]:
        before, start = used(), time.perf_counter()
        result = action(**arguments)
        seconds, processor = time.perf_counter() - start, used() - before
        del result
        return {"seconds": seconds, "processor": processor, "peak_mb": peak_mb()}


def main(kind: type[System]) -> None:
    """Answer; what a system prints meanwhile goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(kind, Path(sys.argv[1]))
    for line in sys.argv[2:] or sys.stdin:
        answers.write(json.dumps(worker.answer(json.loads(line))) + "\n")
        answers.flush()
