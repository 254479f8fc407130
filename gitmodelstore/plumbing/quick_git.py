"""The git program, started in half a millisecond, for hooks that live for a few of them.

It runs with the environment of this process as it is; where another repository is meant
than the one of a hook, `plumbing/git.py` starts it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing's own takes 7 ms to import, which hooks would feel
if TYPE_CHECKING:
    from collections.abc import Callable


class Git:
    """A running git with the environment of this process; it complains to the user's screen.

    `subprocess` takes as long to import as Python takes to start, so where the system can
    start a process by itself, it does.

    Args:
        args: what git is to do.
        question: what it reads; no more than fits into a pipe.

    Attributes:
        output: the file descriptor to read its answer from.
    """

    def __init__(self, *args: str, question: bytes = b"") -> None:
        self.output, theirs = os.pipe()
        if question:
            _widen(theirs)
        asking, ours = os.pipe()
        os.write(ours, question)
        os.close(ours)
        try:
            self._start(["git", *args], asking, theirs)
        except FileNotFoundError as error:
            raise failure("git is not installed", "install the package 'git'") from error
        finally:
            os.close(theirs)
            os.close(asking)

    def _start(self, command: list[str], stdin: int, stdout: int) -> None:
        if hasattr(os, "posix_spawnp"):
            there = [(os.POSIX_SPAWN_DUP2, stdin, 0), (os.POSIX_SPAWN_DUP2, stdout, 1)]
            pid = os.posix_spawnp(command[0], command, os.environ, file_actions=there)
            self._wait: Callable[[], int] = lambda: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        else:
            import subprocess

            process = subprocess.Popen(command, stdin=stdin, stdout=stdout)
            self._wait = lambda: process.wait()

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
