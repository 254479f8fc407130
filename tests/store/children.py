"""Processes of our own to run beside the test, and to kill.

A fork, since importing scikit-learn once more takes a second; what a test hands to
it uses no threads (`code=None`).
"""

from __future__ import annotations

import ctypes
import os
import pty
import runpy
import select
import signal
import subprocess
import sys
import termios
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from gitmodelstore.cli.main import run as program


class Acknowledged:
    """What processes have said by the moment at which each ended, or was killed."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)

    def say(self, line: str) -> None:
        """Say a line, in a process of its own; it is heard whatever happens to the process."""
        os.write(self._writing, f"{line}\n".encode())

    def heard(self) -> list[str]:
        """Return the lines that were said since the last time."""
        said = b""
        with suppress(BlockingIOError):
            while part := os.read(self._reading, 1 << 16):
                said += part
        return said.decode().splitlines()

    def close(self) -> None:
        """Close both ends in this process."""
        os.close(self._reading)
        os.close(self._writing)


@contextmanager
def acknowledging() -> Iterator[Acknowledged]:
    """Give what children can acknowledge through; a pipe holds some thousand lines."""
    made = Acknowledged()
    try:
        yield made
    finally:
        made.close()


def start(work: Callable[[], Any]) -> int:
    """Run `work` in a process of its own and return its id; it exits with 1 if work raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of numpy's idle threads
        pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def wait(pid: int) -> int:
    """Wait for a process and return its exit status; -9 when it was killed by signal 9."""
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def run(work: Callable[[], Any]) -> int:
    """Run `work` in a process of its own and return its exit status."""
    return wait(start(work))


def python(*args: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a new Python, which has imported nothing yet, and return what it printed."""
    return subprocess.run(
        [sys.executable, *args],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def gms(
    *args: str, cwd: Path, environment: Mapping[str, str] | None = None, on_screen: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own and return what it printed.

    Args:
        environment: what is different there from this process.
        on_screen: both streams are one, `stdout`, as on a screen.
    """
    return _printed(program, "gms", args, cwd, environment or {}, on_screen)


def script(
    path: str, *args: str, cwd: Path, on_screen: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a script, as Python would with its path, and return what it printed."""

    def work() -> None:
        sys.path.insert(0, str((cwd / path).parent))
        runpy.run_path(path, run_name="__main__")

    return _printed(work, path, args, cwd, {}, on_screen)


def _printed(
    work: Callable[[], Any],
    name: str,
    args: tuple[str, ...],
    cwd: Path,
    environment: Any,
    on_screen: bool = False,
) -> subprocess.CompletedProcess[str]:
    with TemporaryFile() as output, TemporaryFile() as errors:

        def working() -> None:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(output.fileno(), 1)
            os.dup2((output if on_screen else errors).fileno(), 2)
            sys.argv = [name, *args]
            sys.stdin = open(0, closefd=False)  # noqa: SIM115
            lines = 1 if on_screen else -1
            sys.stdout = open(1, "w", buffering=lines, closefd=False)  # noqa: SIM115
            sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
            os.environ.update(environment)
            os.chdir(cwd)
            warnings.resetwarnings()
            warnings.simplefilter("ignore", DeprecationWarning)  # as Python does by itself
            status = 0
            try:
                work()
            except SystemExit as done:
                status = int(done.code or 0)
            except Exception:
                traceback.print_exc()
                status = 1
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

        code = run(working)
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess(args, code, *texts)


def kill_family(pid: int) -> None:
    """Kill a process, and those that it or they have started."""
    for one in family(pid):
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def is_running(pid: int, name: str) -> bool:
    """Whether a process of a program runs, and has not just ended."""
    with suppress(OSError):
        text = Path(f"/proc/{pid}/stat").read_text()
        return f"({name})" in text and text.rpartition(")")[2].split()[0] != "Z"
    return False


def family(pid: int) -> list[int]:
    """Return a process, and those that it or they have started, as /proc lists them."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    members = [pid]
    for one in members:
        members += [child for child, parent in parents.items() if parent == one]
    return members


class Terminal:
    """A command at a terminal of its own, where it can be typed at.

    What it shows is in `shown`, as a terminal would get it.
    """

    def __init__(
        self,
        *args: str,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        stdin: str | None = None,
    ) -> None:
        self.shown = ""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of numpy's idle threads
            self.pid, self._keyboard = pty.fork()
        if self.pid:
            return
        if stdin:  # a file, though the terminal is there
            os.dup2(os.open(stdin, os.O_RDONLY), 0)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
        sys.argv = ["gms", *args]
        os.environ.update(environment or {})
        os.chdir(cwd)
        status = 1
        try:
            program()
        except SystemExit as done:
            status = int(done.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)

    def until(self, come: Callable[[str], object]) -> bool:
        """Read what it shows until `come` is true of that; return False if it ended before.

        Either must come within a minute.
        """
        until = time.monotonic() + 60
        while not come(self.shown):
            assert time.monotonic() < until, self.shown
            ready, _, _ = select.select([self._keyboard], [], [], 0.02)
            if ready and not self._read():
                return False
        return True

    def type(self, text: str) -> None:
        os.write(self._keyboard, text.encode())

    def settings(self) -> list[Any]:
        """Return how the terminal is set, such as whether it shows what is typed."""
        return termios.tcgetattr(self._keyboard)

    def end(self) -> int:
        """Read to the end of what it shows, and return its exit status."""
        while self._read():
            pass
        return wait(self.pid)

    def close(self) -> None:
        os.close(self._keyboard)

    def lines(self) -> list[str]:
        """Return what stands there in the end, where a carriage return begins a line anew."""
        lines: list[str] = []
        for line in self.shown.split("\n"):
            seen = ""
            for part in line.split("\r"):
                seen = part + seen[len(part) :]
            lines.append(seen.rstrip())
        return lines

    def _read(self) -> bool:
        try:
            part = os.read(self._keyboard, 1 << 16)
        except OSError:  # how Linux says that nobody has it open any more
            return False
        self.shown += part.decode()
        return bool(part)


def obey_permissions() -> None:
    """Make root obey the permission bits of files, as everybody else does, from here on.

    Without CAP_DAC_OVERRIDE (1) and CAP_DAC_READ_SEARCH (2), here and in what is started.
    """
    if os.getuid():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    held = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, held) == 0
    for capability in (1, 2):
        assert libc.prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP
        for place in range(3):  # effective, permitted, inheritable
            held[place] &= ~(1 << capability)
    assert libc.capset(header, held) == 0
