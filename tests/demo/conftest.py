"""One run of the demo and one of the examples serve all tests here: each trains for seconds.

Both outlive the fixture that isolates single tests, so they bring surroundings of their own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import json_documents

ROOT = Path(__file__).parents[2]
GMS = (sys.executable, "-c", "from gitmodelstore.cli.main import run; run()")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


class Demo(NamedTuple):
    """A demo that was run with --json."""

    folder: Path
    facts: dict[str, Any]
    run: Run

    def git(self, *args: str, store: bool = True) -> str:
        folder = self.folder / "models" if store else self.folder
        return self.run("git", *args, cwd=folder).stdout


def surroundings(home: Path, gitconfig: str) -> dict[str, str]:
    """Return an environment with a HOME of its own, and nothing of git's from outside."""
    ours = ("GIT_", "GITMODELSTORE", "GMS_", "XDG_", "EMAIL")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    (home / ".gitconfig").write_text(gitconfig)
    return kept | {
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "NO_COLOR": "1",
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
    }


def runner(environment: dict[str, str]) -> Run:
    def run(*args: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
        words = (*GMS, *args[1:]) if args[0] == "gms" else args
        done = subprocess.run(
            words, cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def strange_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("home-of-a-stranger")
    return surroundings(home, "[user]\n\tuseConfigOnly = true\n")


@pytest.fixture(scope="session")
def stranger(strange_environment: dict[str, str]) -> Run:
    """Runs commands where git knows nobody's name, as on a new machine."""
    return runner(strange_environment)


def interruptible() -> None:
    """Take Ctrl-C, also where the tests run in the background of a shell that ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start_gms(strange_environment: dict[str, str]) -> Callable[..., subprocess.Popen[str]]:
    def start(*args: str, cwd: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*GMS, *args],
            cwd=cwd,
            env=strange_environment | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=interruptible,
        )

    return start


@pytest.fixture(scope="session")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs commands where git knows Ada, who signs what she commits and has hooks that refuse."""
    home = tmp_path_factory.mktemp("home-of-ada")
    hook = home / "hooks" / "pre-commit"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\necho 'no commit today' >&2\nexit 1\n")
    hook.chmod(0o755)
    return runner(
        surroundings(
            home,
            "[user]\n\tname = Ada Lovelace\n\temail = ada@example.org\n\tsigningKey = none\n"
            f"[commit]\n\tgpgSign = true\n[core]\n\thooksPath = {hook.parent.as_posix()}\n"
            "[color]\n\tui = always\n[init]\n\tdefaultBranch = trunk\n",
        )
    )


@pytest.fixture(scope="session")
def demo(ada: Run, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    place = tmp_path_factory.mktemp("demo")
    done = ada("gms", "--json", "demo", cwd=place)
    assert done.stderr == ""
    return Demo(place / "gitmodelstore-demo", json_documents.checked("gms-demo", done.stdout), ada)


@pytest.fixture(scope="session")
def told(stranger: Run, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the demo prints, told to somebody whom git does not know."""
    done = stranger("gms", "demo", "told", cwd=tmp_path_factory.mktemp("told"))
    assert done.stderr == ""
    return done.stdout
