"""Somebody's command, run in a folder with an environment of which we say a part."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gitmodelstore.errors import CannotReproduce
from gitmodelstore.plumbing import git

_STDERR = 2
_GRACE_SECONDS = 10.0  # after which a command that was asked to end is ended


class Surroundings(NamedTuple):
    """Where commands find their programs and modules.

    Attributes:
        programs: folder of `python` and the programs that are installed beside it.
        modules: folders that come first on the path of Python.
        variables: what else the environment says.
    """

    programs: Path
    modules: Sequence[Path]
    variables: Mapping[str, str]

    def environment(self) -> dict[str, str]:
        """Return this process's environment, changed so; what names a repository is gone."""
        found = git.surroundings()
        found["PATH"] = _before(self.programs, found.get("PATH", os.defpath))
        for folder in reversed(self.modules):
            found["PYTHONPATH"] = _before(folder, found.get("PYTHONPATH", ""))
        return {**found, **self.variables}


def run(command: Sequence[str], folder: Path, surroundings: Surroundings) -> int:
    """Run a command to its end and return its exit status; what it prints goes to stderr.

    When we are interrupted it is ended too.

    Raises:
        CannotReproduce: it cannot be started.
    """
    process = _start(command, folder, surroundings, stdout=_STDERR, stderr=None)
    try:
        return process.wait()
    except BaseException:  # Ctrl-C is for it too
        _end(process)
        raise


def ask(command: Sequence[str], folder: Path, surroundings: Surroundings) -> tuple[int, str, str]:
    """Run a command to its end and return its exit status and what it printed.

    Raises:
        CannotReproduce: it cannot be started.
    """
    pipe = subprocess.PIPE
    process = _start(command, folder, surroundings, stdout=pipe, stderr=pipe)
    try:
        stdout, stderr = process.communicate()
    except BaseException:  # Ctrl-C is for it too
        _end(process)
        raise
    return process.returncode, stdout.decode(errors="replace"), stderr.decode(errors="replace")


def _start(
    command: Sequence[str],
    folder: Path,
    surroundings: Surroundings,
    *,
    stdout: int,
    stderr: int | None,
) -> subprocess.Popen[bytes]:
    environment = surroundings.environment()
    try:
        return subprocess.Popen(
            [_program(command[0], environment["PATH"]), *command[1:]],
            cwd=folder,
            env=environment,
            stdout=stdout,
            stderr=stderr,
        )
    except OSError as error:
        raise CannotReproduce(
            f"'{command[0]}' cannot be started: {(error.strerror or str(error)).lower()}",
            hint="write the command after --, as in: -- python train.py",
        ) from None


def _program(name: str, path: str) -> str:
    """Return where a program is on a path that is not ours; its name where it is nowhere."""
    from shutil import which

    return name if os.sep in name else which(name, path=path) or name


def _before(folder: Path, path: str) -> str:
    return os.pathsep.join(part for part in (str(folder), path) if part)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=_GRACE_SECONDS)
    except BaseException as error:  # also of somebody who cannot wait
        process.kill()
        process.communicate()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
