"""Making what was written durable, chosen by platform.

libgit2 syncs nothing unless a switch that holds for the whole process is turned,
which is the calling program's to turn, not ours.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any


def sync(folder: Path, files: Iterable[Path] = ()) -> None:
    """Return when everything written below `folder` so far is on its disk.

    On Linux one syncfs for the file system; elsewhere, which has no such call, an
    fsync of each of `files` and of its folder.
    """
    syncfs = _syncfs()
    if syncfs is None:
        for path in files:
            sync_file(path)
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            os.sync()
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Return when a file and its name in its folder are on disk."""
    for target in (path, path.parent):
        if os.name == "nt" and target.is_dir():
            continue  # Windows opens no folders
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@lru_cache(maxsize=1)
def _syncfs() -> Any | None:
    """Return the C library's syncfs, None where there is none (Python does not offer it)."""
    if sys.platform != "linux":
        return None
    import ctypes

    return getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
