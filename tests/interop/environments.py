"""Virtual environments of their own, for judging our files with other programs and versions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("pytest", "pytest-timeout", "hypothesis")
UV = (sys.executable, "-m", "uv")
CACHE = Path.home() / ".cache" / "uv"  # of the machine, before a test has a HOME of its own


def make(folder: Path, *packages: str) -> Path:
    """Make an environment with `packages` and return its folder of programs."""
    subprocess.run([*UV, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    install(folder / "bin/python", *packages)
    return folder / "bin"


def install(python: str | Path, *packages: str | Path) -> None:
    """Install packages; options of `uv pip install` may stand among them.

    A machine without a package index cannot judge: the test is skipped, and says so, but in CI.
    """
    command = [*UV, "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
    settings = {"UV_CACHE_DIR": str(CACHE), "UV_LINK_MODE": "copy"}
    done = subprocess.run(
        [*command, *packages],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    is_ci = "COMPATIBILITY_ROWS" in os.environ
    if done.returncode and "Failed to fetch" in done.stderr and not is_ci:
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
