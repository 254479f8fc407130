"""Training repositories to look at, and a Python of its own to look from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gitmodelstore.errors import InvalidInput
from gitmodelstore.lineage.data import describe

ROOT = Path(__file__).parents[2]


def git(folder: Path, *args: str) -> str:
    return output(["git", *args], folder).decode().strip()


def output(command: list[str], folder: Path) -> bytes:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout


def run(folder: Path, *args: str | Path) -> str:
    """Return what a Python of its own prints, with the package on its path."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *args]
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout


def commit(folder: Path, files: dict[str, bytes], object_format: str = "sha1") -> Path:
    """Make a repository with one commit of some files."""
    folder.mkdir()
    git(folder, "init", "-q", f"--object-format={object_format}")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def refusal(*args: object, **options: object) -> tuple[str, str | None]:
    """Return what `describe` says of data that it refuses, and its hint."""
    with pytest.raises(InvalidInput) as caught:
        describe(*args, **options)
    return str(caught.value), caught.value.hint
