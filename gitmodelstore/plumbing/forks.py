"""What a forked process has of its parent and must not keep.

It shares open files: a lock of the kernel lasts until nobody has its file open any more, and
who reads a pipe waits until nobody can write to it. A worker that another thread forks at the
wrong moment would hold a store, or keep a writer waiting, for as long as it lives. So no fork
comes between what is done under the `guard`, and what is in `own` is closed in the child.
Programs that are started get none of it: Python closes it there.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress

from gitmodelstore.plumbing import interrupts

guard = threading.RLock()  # held for microseconds, or while a process is being started
own: set[int] = set()  # descriptors of this process alone
_count = 0


def count() -> int:
    """Return how many forks lie between this process and the one that imported this module."""
    return _count


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
    os.register_at_fork(
        before=guard.acquire, after_in_parent=guard.release, after_in_child=_in_child
    )
