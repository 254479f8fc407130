"""The git program, started in half a millisecond, for hooks that live for a few of them.

It runs with the environment of this process as it is; where another repository is meant
than the one of a hook, `plumbing/git.py` starts it. Here is what both have in common: the
settings under which git starts no program that the repository's configuration names.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing's own takes 7 ms to import, which hooks would feel
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from io import BufferedReader, RawIOBase

# Somebody's repository must not run what its configuration names, nor have its index written.
# `plumbing/git.py` says what else is closed where a command would look at it.
HARMLESS = (
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "protocol.ext.allow=never"),
    *("-c", "submodule.recurse=false"),
    *("-c", "fetch.recurseSubmodules=false"),
    *("-c", "diff.autoRefreshIndex=false"),
    *("-c", "log.showSignature=false"),  # it would start gpg.program
    *("-c", "maintenance.auto=false"),  # it would start gc.recentObjectsHook
)


class Git:
    """A running git, which complains to the user's screen.

    `subprocess` takes as long to import as Python takes to start, so where the system can
    start a process by itself, it does.

    Args:
        args: what git is to do.
        question: what it reads; no more than fits into a pipe.
        environment: its environment; None for that of this process.

    Attributes:
        output: the file descriptor to read its answer from.
    """

    def __init__(
        self, *args: str, question: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> None:
        self.output, theirs = os.pipe()
        if question:
            _widen(theirs)
        asking, ours = os.pipe()
        os.write(ours, question)
        os.close(ours)
        try:
            self._wait = _start(
                ["git", *HARMLESS, *args], asking, theirs, environment or os.environ
            )
        finally:
            os.close(theirs)
            os.close(asking)

    def read(self) -> str:
        """Return all that it prints."""
        with open(self.output, "rb") as file:
            return os.fsdecode(file.read())

    def wait(self) -> int:
        """Return its exit code."""
        return self._wait()

    def end(self) -> None:
        """Wait for its end.

        Raises:
            GitFailed: it could not do it.
        """
        code = self.wait()
        if code:
            raise failure(f"git could not say what is staged: it exited with {code}")

    def answer(self) -> str:
        """Return all that it prints, once it has done it; raises as `end`."""
        text = self.read()
        self.end()
        return text


class Conversation:
    """A running git that answers one question after another; its complaints are not heard.

    Args:
        command: git and what it is to do.
        environment: its environment.

    Attributes:
        questions: to be written to.
        answers: to be read from, after each question.
    """

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        output, theirs = os.pipe()
        asking, ours = os.pipe()
        try:
            self._wait = _start(command, asking, theirs, environment, quiet=True)
        except BaseException:  # nobody else knows of the two ends
            os.close(output)
            os.close(ours)
            raise
        finally:
            os.close(theirs)
            os.close(asking)
        self.questions: RawIOBase = open(ours, "wb", buffering=0)  # noqa: SIM115 - until `end`
        self.answers: BufferedReader = open(output, "rb")  # noqa: SIM115 - until `end`

    def end(self) -> None:
        """Ask no more, and wait for its end."""
        self.questions.close()
        self.answers.close()
        self._wait()


def _start(
    command: list[str],
    stdin: int,
    stdout: int,
    environment: Mapping[str, str],
    *,
    quiet: bool = False,
) -> Callable[[], int]:
    """Start a program, and return what waits for it and returns its exit code."""
    try:
        if not hasattr(os, "posix_spawnp"):
            import subprocess

            stderr = subprocess.DEVNULL if quiet else None
            process = subprocess.Popen(
                command, stdin=stdin, stdout=stdout, stderr=stderr, env=environment
            )
            return lambda: process.wait()
        there: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
            (os.POSIX_SPAWN_DUP2, stdin, 0),
            (os.POSIX_SPAWN_DUP2, stdout, 1),
        ]
        if quiet:
            there.append((os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0))
        pid = os.posix_spawnp(command[0], command, environment, file_actions=there)
        return lambda: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except FileNotFoundError:
        raise failure("git is not installed", "install the package 'git'") from None


def _widen(pipe: int) -> None:
    """Let git run ahead of its reader by a MiB where the system can (Linux)."""
    try:
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1 << 20)
    except (ImportError, AttributeError, OSError):
        pass  # it works without, only slower


def failure(what: str, hint: str | None = None) -> Exception:
    from gitmodelstore.errors import GitFailed

    return GitFailed(what, hint=hint)
