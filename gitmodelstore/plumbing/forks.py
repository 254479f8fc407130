"""What a forked process has of its parent and must not keep.

It shares open files: a lock of the kernel lasts until nobody has its file open any more, and
who reads a pipe waits until nobody can write to it. A worker that another thread forks at the
wrong moment would hold a store, or keep a writer waiting, for as long as it lives. So no fork
comes between what is done under the `guard`, and what is in `own` is closed in the child.
Programs that are started get none of it: Python closes it there.

A module that another thread imports at that moment could never be imported in the child: it
would wait for a thread that it has not. So such imports are finished first.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import threading
from contextlib import suppress
from functools import cache

from gitmodelstore.plumbing import interrupts

guard = threading.RLock()  # held for microseconds, or while a process is being started
own: set[int] = set()  # descriptors of this process alone
_count = 0


def count() -> int:
    """Return how many forks lie between this process and the one that imported this module."""
    return _count


@cache
def _finish_imports() -> None:
    """Import what the methods of a store import when they are called: a few tenths of a second."""
    package = importlib.import_module(__name__.partition(".")[0])
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name.split(".")[1] not in ("__main__", "cli", "demo"):
            with suppress(ImportError):  # what this machine has not, no thread has begun
                importlib.import_module(module.name)


def _before() -> None:
    try:
        if threading.active_count() > 1:
            _finish_imports()
    finally:  # whatever an import raises: what is released after the fork is held
        guard.acquire()


def _in_child() -> None:
    global _count
    _count += 1
    for descriptor in own:
        with suppress(OSError):
            os.close(descriptor)  # without unlocking it, which would do so for the parent
    own.clear()
    interrupts.forget()
    guard.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=guard.release, after_in_child=_in_child)
