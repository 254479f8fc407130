"""uv, the program, which makes a recorded environment again.

Source: https://docs.astral.sh/uv/reference/cli.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from gitmodelstore.plumbing import git

PROGRAM = "uv"


class UvFailed(Exception):
    """uv could not make the environment; what it said last."""


def find() -> str | None:
    """Return where uv is; None where it is not installed."""
    beside = str(Path(sys.executable).parent)
    return shutil.which(PROGRAM) or shutil.which(PROGRAM, path=beside)


def make(program: str, folder: Path, python: str, requirements: str) -> Path:
    """Make an environment and return the folder of its programs.

    Args:
        program: where uv is.
        folder: where the environment is to be; there is none yet.
        python: version of Python; where just this one cannot be had, another one of the same
            minor release.
        requirements: `name==version`, one a line: exactly this is installed.

    Raises:
        UvFailed: it could not.
    """
    listed = folder.with_suffix(".txt")
    listed.write_text(requirements, encoding="utf-8")
    minor = ".".join(python.split(".")[:2])
    venv = [program, "venv", "--quiet", "--no-project", str(folder), "--python"]
    try:
        _run([*venv, python], folder.parent)
    except UvFailed:
        _run([*venv, minor], folder.parent)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    install = [program, "pip", "install", "--quiet", "--no-deps", "--python", str(folder)]
    _run([*install, "--requirements", str(listed)], folder.parent)
    return programs


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=git.surroundings(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
    except OSError as error:
        raise UvFailed(error.strerror or str(error)) from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        said = next((line.strip() for line in lines if line.strip(" ×│╰─▶")), "")
        raise UvFailed(said.strip("× ").removeprefix("error: ") or f"exit status {done.returncode}")
