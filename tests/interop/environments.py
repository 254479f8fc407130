"""Virtual environments of their own, for judging our files with other programs and versions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("pytest", "pytest-timeout", "hypothesis")


def make(folder: Path, *packages: str) -> Path:
    """Make an environment with `packages` and return its folder of programs."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install(folder / "bin/python", *packages)
    return folder / "bin"


def install(python: str | Path, *packages: str | Path) -> None:
    """Install packages; options of pip may stand among them.

    A machine without a package index cannot judge: the test is skipped, and says so, but in CI.
    """
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, *packages], capture_output=True, text=True, check=False)
    is_ci = "COMPATIBILITY_ROWS" in os.environ
    if done.returncode and "Could not find a version" in done.stderr and not is_ci:
        pytest.skip(f"needs a package index with {' '.join(map(str, packages))}")
    assert done.returncode == 0, done.stderr


def pass_there(programs: Path, *args: str) -> None:
    """Run tests of ours in an environment that `make` has made with pytest."""
    done = subprocess.run(
        [programs / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *args],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
