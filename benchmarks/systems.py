"""Ours and others as they are asked: each by a worker (peers/) in an environment of its own."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measure import OURS, Action, Bench, Cannot, Taken, used

ROOT = Path(__file__).parents[1]
FILLING = 4  # budgets that filling a registry may take
SAME = ("numpy", "scikit-learn", "joblib")  # of the releases that this process has


@dataclass(frozen=True, slots=True)
class Kind:
    """A system that is compared.

    Attributes:
        name: as tables call it.
        worker: its module in peers/.
        packages: what an environment of its own gets from the package index; none for ours.
        program: what must be on the path.
        keeps_rows: it stores some inputs, or their types, with a version.
    """

    name: str
    worker: str
    packages: tuple[str, ...] = ()
    program: str = "git"
    keeps_rows: bool = False


KINDS = (
    Kind(OURS, "ours", keeps_rows=True),
    Kind("joblib + SHA-256", "files"),
    Kind("plain git", "git"),
    Kind("git-lfs", "lfs", program="git-lfs"),
    Kind("DVC + GTO", "dvc", ("dvc", "gto")),
    Kind("MLflow", "mlflow", ("mlflow",), keeps_rows=True),
    Kind("BentoML", "bentoml", ("bentoml",)),
    Kind("vetiver", "vetiver", ("vetiver",), keeps_rows=True),
)


# Environments


@dataclass(slots=True)
class Environments:
    """Virtual environments of peers, made when they are first wanted.

    Attributes:
        folder: where they are kept; None if only what is here already is asked.
        versions: what was installed, by system; the reason if nothing could be.
    """

    folder: Path | None
    versions: dict[str, Any] = field(default_factory=dict)

    def python(self, kind: Kind) -> str:
        """Return the Python that runs the worker of a system.

        Raises:
            Cannot: it cannot be installed.
        """
        if shutil.which(kind.program) is None:
            raise Cannot(f"{kind.program} is not installed")
        if not kind.packages:
            return sys.executable
        assert self.folder is not None
        home = self.folder / kind.packages[0]
        found = home / "bin" / "python"
        note = home / "installed.json"
        if not note.exists():
            note.write_text(json.dumps(_install(kind, home, found)))
        self.versions[kind.name] = json.loads(note.read_text())
        return str(found)

    def wanted(self) -> list[Kind]:
        return [kind for kind in KINDS if self.folder is not None or not kind.packages]


def _install(kind: Kind, home: Path, python: Path) -> dict[str, str]:
    """Make an environment; with our releases of the common libraries, if the peer allows that."""
    _run(sys.executable, "-m", "venv", str(home))
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    pins = [f"{name}=={version(name)}" for name in SAME]
    try:
        _run(*pip, "install", "--quiet", *pins, "pandas", *kind.packages)
    except Cannot:
        _run(*pip, "install", "--quiet", *SAME, "pandas", *kind.packages)
    listed = json.loads(_run(*pip, "list", "--format", "json"))
    return {
        one["name"]: one["version"]
        for one in listed
        if one["name"].lower() in (*SAME, "pandas", *kind.packages)
    }


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = re.findall(r"^(?:ERROR|Error).*", done.stderr, re.MULTILINE) or [done.stderr]
        raise Cannot(f"cannot be installed: {lines[-1].strip()[:200]}")
    return done.stdout


# Workers


class Asked:
    """A system in a folder, whose worker is asked.

    Attributes:
        count: how many versions it has, each with the number of its turn.
        pace: seconds a version took when it was filled.
    """

    def __init__(self, kind: Kind, python: str, folder: Path, budget: float) -> None:
        self.kind, self.folder, self.budget = kind, folder, budget
        self.count = 0
        self.pace = 0.0
        self.python = python
        self._command = [python, "-m", f"benchmarks.peers.{kind.worker}", str(folder)]
        self._path = f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"
        self._worker: subprocess.Popen[str] | None = None

    def environment(self, cache: str = "again") -> dict[str, str]:
        """Return what its processes get: their own programs first, and a cache by this name."""
        caches = str(self.folder.with_name(f"{self.folder.name}-cache-{cache}"))
        return {
            **os.environ,
            "PATH": self._path,
            "PYTHONPATH": str(ROOT),
            "PYTHONSAFEPATH": "1",
            "XDG_CACHE_HOME": caches,
        }

    def warm(self, question: str, **arguments: Any) -> Taken:
        """Ask a process that has answered before."""
        limit = self.budget * (FILLING if question == "fill" else 1)
        taken = _taken(self._answer(self._line(question, arguments), limit))
        return taken if question in ("register", "load") else replace(taken, peak_mb=None)

    def fresh(self, question: str, cache: str = "again", **arguments: Any) -> Taken:
        """Ask a new process; what it imports and knows beforehand is not in the time.

        The time of the whole process is told, too.
        """
        command = [*self._command, self._line(question, arguments)]
        whole, printed = self._process(command, cache)
        return replace(_taken(json.loads(printed)), whole=whole)

    def cold(self, question: str, **arguments: Any) -> Taken:
        """Run what somebody types at a prompt, or else a script that asks this alone."""
        answer = self._answer(json.dumps({"ask": "command", "of": question}), self.budget)
        if answer["command"]:
            command = [word.format(folder=self.folder, **arguments) for word in answer["command"]]
            return self._process(command, "again")[0]
        command = [*self._command, self._line(question, arguments)]
        whole, printed = self._process(command, "again")
        _taken(json.loads(printed))
        return whole

    def close(self) -> None:
        """End the worker, which ends when there are no more questions."""
        if self._worker is not None:
            try:
                self._worker.communicate(timeout=5)
            except subprocess.TimeoutExpired:
                self._kill()
            self._worker = None

    def _line(self, question: str, arguments: dict[str, Any]) -> str:
        if question == "register":
            self.count += 1
            arguments = {"number": self.count, **arguments}
        return json.dumps({"ask": question, **arguments}, default=str)

    def _answer(self, line: str, limit: float) -> dict[str, Any]:
        if self._worker is None:
            self._worker = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=self.environment(),
                cwd=self.folder.parent,
            )
        assert self._worker.stdin is not None
        assert self._worker.stdout is not None
        self._worker.stdin.write(line + "\n")
        self._worker.stdin.flush()
        if not select.select([self._worker.stdout], [], [], limit)[0]:
            self._kill()
            raise Cannot(f"no answer in {limit:g} s")
        answer = self._worker.stdout.readline()
        if not answer:
            self._kill()
            raise Cannot("its process has ended")
        found: dict[str, Any] = json.loads(answer)
        return found

    def _kill(self) -> None:
        assert self._worker is not None
        self._worker.kill()
        self._worker.communicate()
        self._worker = None

    def _process(self, command: list[str], cache: str) -> tuple[Taken, str]:
        before, start = used(), time.perf_counter()
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                env=self.environment(cache),
                cwd=self.folder if self.folder.exists() else self.folder.parent,
                timeout=self.budget,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Cannot(f"no answer in {self.budget:g} s") from None
        taken = Taken(time.perf_counter() - start, used() - before)
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise Cannot(f"{Path(command[0]).name} fails: {said[-1][:200]}")
        return taken, done.stdout


def _taken(answer: dict[str, Any]) -> Taken:
    reason = answer.get("cannot") or answer.get("error")
    if reason:
        raise Cannot(reason)
    return Taken(answer["seconds"], answer["processor"], answer["peak_mb"])


@contextmanager
def asked(bench: Bench, folder: Path) -> Iterator[dict[str, Asked]]:
    """Give each system an empty registry below a folder, and end their workers afterwards.

    One that cannot be installed, or fails at once, is a row that says so.
    """
    environments = bench.environments or Environments(None)
    found: dict[str, Asked] = {}
    try:
        for kind in environments.wanted():
            try:
                python = environments.python(kind)
                one = Asked(kind, python, folder / kind.worker, bench.budget)
                found[kind.name] = one
                one.warm("create")
            except Cannot as refusal:
                if kind.name == OURS:
                    raise
                found.pop(kind.name, None)
                bench.missing[kind.name] = str(refusal)
        yield found
    finally:
        for one in found.values():
            one.close()


def each(systems: dict[str, Asked], way: str, question: str, **arguments: Any) -> dict[str, Action]:
    """Return what asks each system in one way: "warm", "fresh" or "cold"."""
    return {
        name: partial(getattr(one, way), question, **arguments) for name, one in systems.items()
    }


def weight(folder: Path) -> float:
    """Return the MB of the files below a folder; one that has several names counts once.

    The names that a store of ours keeps of new objects for some minutes are left out.
    """
    files = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and "gitmodelstore-spares" not in path.parts:
            found = path.stat()
            files[found.st_ino] = found.st_size
    return sum(files.values()) / 1e6
