"""Signals that must wait: Ctrl-C can raise between any two steps of Python."""
# Between making a file and the `try` that removes it, too. So where a lock, a file or a descriptor
# is made and given back, signals whose handlers run Python wait; what takes long looks in between
# (`pause`). A handler of the system's own ends the process, as a kill does.

from __future__ import annotations

# What `signal` offers makes members of enumerations of all that it takes and returns, which
# costs ten times as much as the rest.
import _signal  # type: ignore[import-not-found]
import gc
import importlib
import os
import sys
import time
from _thread import RLock, get_ident  # what threading has beside takes a millisecond to import
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from types import FrameType

from gitmodelstore.lean import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess
    from typing import TypeVar

    T = TypeVar("T")

_NUMBERS = tuple(
    getattr(_signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM")
    if hasattr(_signal, name)
)
_LONGEST_PAUSE_SECONDS = 0.05
_GRACE_SECONDS = 10.0  # after which a program that was asked to end is ended

Handler = Callable[[int, FrameType | None], Any]


class _Waiting:
    """The signals that wait, in the main thread: no other thread runs handlers."""

    def __init__(self) -> None:
        self.before: dict[int, Handler] = {}
        self.came: list[int] = []
        self.raised: OSError | None = None  # as by a handler that ends what takes too long

    def begin(self) -> None:
        for number in _NUMBERS:
            handler = _signal.getsignal(number)
            if callable(handler):
                self.before[number] = handler
                _signal.signal(number, self.note)

    def note(self, number: int, _: FrameType | None) -> None:
        if number not in self.came:
            self.came.append(number)

    def end(self) -> None:
        """Give the handlers back, whatever one of them raises meanwhile."""
        try:
            while self.before:
                number = next(iter(self.before))
                if _signal.getsignal(number) == self.note:
                    _signal.signal(number, self.before[number])
                del self.before[number]
        finally:
            if self.before:
                self.end()

    def deliver(self) -> None:
        """Let what came act, now that the handlers are back."""
        try:
            if self.came:
                _signal.raise_signal(self.came.pop(0))
            elif self.raised is not None:
                raise self.raised
        finally:
            if self.came:
                self.deliver()

    def look(self) -> None:
        """Let what came act, while others go on waiting."""
        # An error of the system's kind is raised at the end: here it would pass for the system's
        # own.
        while self.came:
            number = self.came.pop(0)
            try:
                self.before[number](number, sys._getframe())
            except OSError as error:
                self.raised = error


_waiting: _Waiting | None = None
_NOTHING = nullcontext()


def held() -> AbstractContextManager[None]:
    """Let signals wait until what is done in here has ended; inside of another, nothing more."""
    return _NOTHING if _waiting is not None or not _is_main() else _hold()


@contextmanager
def _hold() -> Iterator[None]:
    global _waiting
    mine = _Waiting()
    try:
        _waiting = mine
        mine.begin()
        yield
    finally:
        _waiting = None
        mine.end()
        mine.deliver()


def pause(seconds: float) -> None:
    """Sleep for a moment in which nothing is half done: a signal that came may act."""
    time.sleep(seconds)
    if _waiting is not None and _is_main():
        _waiting.look()


def tries(until: float) -> Iterator[None]:
    """Yield at once, then after pauses that grow, with jitter, until a `time.monotonic`."""
    longest = 0.001
    yield
    while time.monotonic() < until and not (_waiting and _waiting.raised):
        pause(longest * (0.5 + os.urandom(1)[0] / 512))
        longest = min(longest * 2, _LONGEST_PAUSE_SECONDS)
        yield


def _is_main() -> bool:
    threading = sys.modules.get("threading")  # without it there is no other thread
    return threading is None or get_ident() == threading.main_thread().ident


# Garbage, which Python looks for again and again while a pipeline becomes thousands of objects.

_uncollected: set[int] = set()  # threads that have switched the collector off


def uncollected(make: Callable[[], T]) -> T:
    """Return what `make` returns; garbage is looked for afterwards, if it was looked for before."""
    # Each thread switches on what it has switched off itself. So threads that are at it together
    # need no count: whoever ends first switches it on for the others too, which costs them a look.
    if not gc.isenabled():  # as the caller wants it, or another thread that is at it
        return make()
    thread = get_ident()
    try:
        _uncollected.add(thread)
        gc.disable()
        return make()
    finally:
        gc.enable()  # first: Ctrl-C can raise behind any other call
        _uncollected.discard(thread)


# What a forked process has of its parent and must not keep.

guard = RLock()  # held for microseconds, or while a process is being started
own: set[int] = set()  # descriptors of this process alone
_count = 0


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a program; a fork of another thread meanwhile would copy its pipes, so it waits."""
    import subprocess  # it takes half as long to import as Python takes to start

    with guard, held():  # Ctrl-C would leave the pipes open that `subprocess` begins with
        return subprocess.Popen(command, **options)


@contextmanager
def running(start: Callable[[], subprocess.Popen[bytes]]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program, which is ended and waited for when we are interrupted, at any moment."""
    process = None
    try:
        with held():  # a signal that comes while it starts finds it in `process`
            process = start()
        yield process
    except BaseException:  # Ctrl-C too must end the program
        if process is not None:
            _end(process)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    from subprocess import TimeoutExpired

    process.terminate()
    try:
        _close_pipes(process)  # first: it must not wait for somebody who reads them
        process.wait(_GRACE_SECONDS)
    except BaseException as error:  # also of somebody who cannot wait
        process.kill()
        process.wait()
        _close_pipes(process)
        if not isinstance(error, TimeoutExpired):
            raise


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    """Close what leads to a program; a `communicate` that was interrupted may not go on."""
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def count() -> int:
    """Return how many forks lie between this process and the one that imported this module."""
    return _count


@cache
def _finish_imports() -> None:
    """Import what the methods of a store import when they are called: a few tenths of a second."""
    import pkgutil

    package = importlib.import_module(__name__.partition(".")[0])
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name.split(".")[1] not in ("__main__", "cli", "demo"):
            with suppress(ImportError):  # what this machine has not, no thread has begun
                importlib.import_module(module.name)
    importlib.import_module("email.parser")  # as importlib.metadata does when it is asked


def _await_imports() -> None:
    """Wait for what other threads import, of any package: in a child nobody would ever end it."""
    for name, module in list(sys.modules.items()):
        if getattr(getattr(module, "__spec__", None), "_initializing", False):
            with suppress(ImportError):
                importlib.import_module(name)  # which waits for the thread that has begun


def _before() -> None:
    try:
        threading = sys.modules.get("threading")
        if threading is not None and threading.active_count() > 1:
            _finish_imports()
            _await_imports()
    finally:  # whatever an import raises: what is released after the fork is held
        guard.acquire()


def _in_child() -> None:
    global _count, _waiting
    _count += 1
    for descriptor in own:
        with suppress(OSError):
            os.close(descriptor)  # without unlocking it, which would do so for the parent
    own.clear()
    if _uncollected:  # the threads that would switch it on are the parent's
        gc.enable()
        _uncollected.clear()
    if _waiting is not None:  # this process has nothing that must be ended
        _waiting.came.clear()
        _waiting.end()
        _waiting = None
    guard.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=guard.release, after_in_child=_in_child)
