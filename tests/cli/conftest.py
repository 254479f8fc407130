"""A store to look at, and two ways to run a command: in this process, and as a program."""

from __future__ import annotations

import fcntl
import itertools
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gitmodelstore
from gitmodelstore.cli.main import main
from gitmodelstore.store import Store
from tests import json_documents

ROOT = str(Path(gitmodelstore.__file__).parents[1])
HEAVY = {"sklearn", "pandas", "joblib", "numpy", "git", "scipy"}
FIRST_DAY = datetime(2026, 3, 3, 14, 5, tzinfo=timezone.utc)


ADA = {"name": "Ada Lovelace", "email": "ada@example.org"}
# The keys of an event's document that are null in most.
EVENT: dict[str, object] = {
    **dict.fromkeys(("before", "after", "reason", "replay", "override", "vacate")),
    "approved_for": None,
    "dated_at": None,
    "annotations": {},
    "by": ADA,
}


def version_document(model: str, version: str, status: str, **more: object) -> dict[str, object]:
    """Return what every document says of a version, and more."""
    names = {"ref": f"{model}@{version}", "tag": f"{model}@v{version}"}
    return {"model": model, "version": version, "status": status, **names, **more}


class Outcome(NamedTuple):
    """What a command printed, and its exit code."""

    stdout: str
    stderr: str
    code: int


Run = Callable[..., Outcome]


def make_pipeline_file(path: Path, strength: float = 1.0, *, fitted: bool = True) -> Path:
    X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 5.0]])
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=strength))
    joblib.dump(pipeline.fit(X, ["no", "no", "yes", "yes"]) if fitted else pipeline, path)
    moment = FIRST_DAY.timestamp()
    os.utime(path, (moment, moment))
    return path


def make_store(folder: Path) -> None:
    """Make the store of the tests: churn 1.0.0 to 1.1.0, and fraud 1.0.0 in staging.

    Each step is a day after the one before; the first is the store's own.
    """
    day = count()
    repository = Store.init(folder / "models")._repository
    store = Store(repository, now=lambda: FIRST_DAY + timedelta(days=next(day)), durable=False)
    first = make_pipeline_file(folder / "first.joblib")
    second = make_pipeline_file(folder / "second.joblib", 3.0)
    (folder / "train.csv").write_text("income,age\n1,2\n3,4\n")
    store.register(
        first,
        "churn",
        metrics={"accuracy": 0.75, "test_auc": 0.81},
        data={"train": folder / "train.csv"},
        target="left",
        card={"intended_use": "to call customers before they leave"},
        message="first try",
        code=None,
    )
    store.promote("churn@1.0.0", "production", reason="the first")
    store.register(second, "churn", metrics={"accuracy": 0.76, "test_auc": 0.83}, code=None)
    store.promote("churn@1.1.0", "production", reason="beats 1.0.0 by 0.02")
    store.register(first, "fraud", code=None)
    store.promote("fraud@1.0.0", "staging")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the store of the tests lies once the first of them has made it."""
    return tmp_path_factory.mktemp("template") / "made"


@pytest.fixture
def place(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files to register and a store in `models`; it is the working directory."""
    if not template.exists():  # made inside a test, where the environment is isolated
        making = tmp_path / "making"
        making.mkdir()
        monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-03-01T00:00:00Z")
        make_store(making)
        monkeypatch.delenv("GIT_COMMITTER_DATE")
        making.rename(template)
    folder = tmp_path / "work"
    shutil.copytree(template, folder)
    # A copy has other file times than its index knows, until git has looked.
    subprocess.run(["git", "status"], cwd=folder / "models", capture_output=True, check=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-04-01T09:30:00Z")
    monkeypatch.setenv("PYTHONPATH", ROOT)  # programs find this package, installed or not
    return folder


@pytest.fixture
def unfitted(place: Path) -> Path:
    """A file that holds a pipeline which nobody has fitted."""
    return make_pipeline_file(place / "unfitted.joblib", fitted=False)


@pytest.fixture
def gms(place: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on the store in `models`, in this process."""

    def run(*args: str) -> Outcome:
        capsys.readouterr()
        code = main(["-C", "models", *args])
        stdout, stderr = capsys.readouterr()
        if "--json" in itertools.takewhile(lambda word: word != "--", args):
            json_documents.check(args, stdout)
        return Outcome(stdout, stderr, code)

    return run


@pytest.fixture
def session(gms: Run) -> Callable[..., None]:
    """Run the commands of a session, as a terminal would show it, and compare what they print.

    A line begins with "$ gms" where a command is typed, with "2> " on stderr, and is "= 1" at the
    end for an exit code that is not 0. Spaces at the end of a line are not compared.
    """

    def run(text: str) -> None:
        for command in f"\n{text.strip()}\n".split("\n$ gms ")[1:]:
            typed, *lines = command.rstrip("\n").split("\n")
            code = int(lines.pop()[2:]) if lines and lines[-1].startswith("= ") else 0
            said = [line[3:] for line in lines if line.startswith("2> ")]
            shown = [line for line in lines if not line.startswith("2> ")]
            done = gms(*shlex.split(typed))
            printed = [line.rstrip() for line in done.stdout.splitlines()]
            assert (printed, done.stderr.splitlines(), done.code) == (shown, said, code), typed

    return run


@pytest.fixture
def program(place: Path) -> Run:
    """Run `gms` as a program of its own."""

    def run(*args: str, cwd: Path = place, **variables: str) -> Outcome:
        process = subprocess.run(
            [sys.executable, "-m", "gitmodelstore", *args],
            cwd=cwd,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Outcome(process.stdout, process.stderr, process.returncode)

    return run


@pytest.fixture
def imported(place: Path) -> Callable[..., dict[str, str]]:
    """Run commands in one new process; return the exit code of each and what there is of HEAVY."""

    def run(*typed: str) -> dict[str, str]:
        code = (
            "import sys\nfrom gitmodelstore.cli.main import main\n"
            "for typed in sys.argv[1:]:\n"
            "    code = main(['-C', 'models', *typed.split()])\n"
            f"    print('exits', code, *sorted({HEAVY} & set(sys.modules)), file=sys.stderr)\n"
        )
        words = [sys.executable, "-c", code, *typed]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        ends = re.findall("^exits (.*)$", done.stderr, re.MULTILINE)
        return dict(zip(typed, ends, strict=True))

    return run


@pytest.fixture
def rows(place: Path) -> str:
    """A file of rows like those that the pipelines were fitted on, with answers in `left`."""
    chance = np.random.default_rng(0)
    table = pd.DataFrame({"a": chance.integers(0, 3, 40), "b": chance.integers(0, 5, 40)})
    table = table.assign(left=np.where(table["a"] > 1, "yes", "no"))
    table.to_csv(place / "rows.csv", index=False)
    return "rows.csv"


@pytest.fixture
def with_gms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `gms` on the path that is the one under test."""
    programs = tmp_path / "bin"
    programs.mkdir()
    script = f'#!/bin/sh\nexec {sys.executable} -m gitmodelstore.cli.main "$@"\n'
    (programs / "gms").write_text(script)
    (programs / "gms").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", ROOT)


@pytest.fixture
def without_gms(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Take every `gms` from the path, from the call on."""

    def take() -> None:
        folders = os.environ["PATH"].split(os.pathsep)
        others = (folder for folder in folders if not (Path(folder) / "gms").exists())
        monkeypatch.setenv("PATH", os.pathsep.join(others))

    return take


def on_terminal(*args: str, columns: int = 80, **variables: str) -> str:
    """Run `gms` on the store with a terminal as stdout and return what it showed there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "gitmodelstore.cli.main", "-C", "models", *args],
        env={**os.environ, "TERM": "xterm", **variables},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # how Linux says that the other side is closed
        while more := os.read(ours, 65536):
            shown += more
    os.close(ours)
    process.wait()
    return shown.decode().replace("\r\n", "\n")


@pytest.fixture
def colorful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("GIT_PAGER", "cat")


@pytest.fixture
def git(place: Path) -> Callable[..., str]:
    """Run git in the store and return what it printed."""

    def run(*args: str) -> str:
        return subprocess.run(
            ["git", *args], cwd=place / "models", capture_output=True, text=True, check=True
        ).stdout.strip()

    return run


@pytest.fixture
def damage(place: Path, git: Callable[..., str]) -> Callable[[str], None]:
    """Spoil the loose object of the store that a revision names."""

    def spoil(revision: str) -> None:
        oid = git("rev-parse", revision)
        path = place / "models" / ".git" / "objects" / oid[:2] / oid[2:]
        path.chmod(0o644)
        path.write_bytes(b"damaged")

    return spoil


@pytest.fixture
def unchanged(git: Callable[..., str]) -> Iterator[None]:
    """Every ref of the store, its work tree and its index are afterwards what they were."""

    def seen() -> tuple[str, str, str]:
        return git("for-each-ref"), git("status", "--porcelain"), git("rev-parse", "HEAD")

    before = seen()
    yield
    assert seen() == before
