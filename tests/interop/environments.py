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
    """Make an environment with `packages` and return its folder of programs.

    A machine without a package index cannot judge: the test is skipped, and says so, but in CI.
    """
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    programs = folder / "bin"
    command = [str(programs / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, *packages], capture_output=True, text=True, check=False)
    is_ci = "COMPATIBILITY_ROWS" in os.environ
    if done.returncode and "Could not find a version" in done.stderr and not is_ci:
        pytest.skip(f"needs a package index with {' '.join(packages)}")
    assert done.returncode == 0, done.stderr
    return programs


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
