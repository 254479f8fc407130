"""git's lock of an index, taken so that it is known as ours: the next writer removes a dead one's.

Whose an `index.lock` is nobody can tell, since git writes no name into it. Ours is one
file under two names. Nor may a git that we start leave one of its own, when it dies with
us: it works on the index under another name, while we hold the lock, as `git commit`
itself does.

All of it happens under the writer lock, which a git that we started holds too: whoever
has that lock knows that what bears our names is nobody's any more.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from gitmodelstore.plumbing import interrupts
from gitmodelstore.plumbing.shared import UNSHARED, Sharing

_MARK = "index.gitmodelstore"  # another name of our index.lock, which git's has not
_ASIDE = "index.gitmodelstore-aside"  # the index on which a git of ours works


def take(git_dir: Path, *, until: float = 0.0, sharing: Sharing = UNSHARED) -> Path:
    """Lock the index as git does, and return the lock, an empty file.

    Args:
        git_dir: of the work tree.
        until: how long to wait for a git that holds it, as `time.monotonic` has it.
        sharing: who else uses the repository.

    Raises:
        FileExistsError: a process of git holds it.
        OSError: it cannot be made.
    """
    for _ in interrupts.tries(until):
        with suppress(FileExistsError):
            return _take(git_dir, sharing)
    return _take(git_dir, sharing)


def _take(git_dir: Path, sharing: Sharing) -> Path:
    lock, mark = git_dir / "index.lock", git_dir / _MARK
    mark.unlink(missing_ok=True)
    _create(mark, sharing)
    try:
        os.link(mark, lock)
    except FileExistsError:
        mark.unlink()
        raise
    except OSError:  # a file system without a second name for a file: then it is as git's
        mark.unlink()
        _create(lock, sharing)
    return lock


def set_aside(git_dir: Path) -> Path:
    """Give a locked index the name under which a git of ours works on it, and return that.

    It is the same file, with its times, which say what may have changed unseen; git writes
    a new one and renames it.

    Raises:
        OSError: it cannot be made.
    """
    aside, index = git_dir / _ASIDE, git_dir / "index"
    _clear_aside(git_dir)
    if index.exists():
        try:
            os.link(index, aside)
        except OSError:
            shutil.copy2(index, aside)
    return aside


def put_back(git_dir: Path) -> None:
    """Make what a git of ours has written the index.

    Raises:
        OSError: it cannot be.
    """
    with suppress(FileNotFoundError):
        os.replace(git_dir / _ASIDE, git_dir / "index")


def release(git_dir: Path) -> None:
    """Give the lock back, and remove what bears our names."""
    _clear_aside(git_dir)
    (git_dir / "index.lock").unlink(missing_ok=True)
    (git_dir / _MARK).unlink(missing_ok=True)


def remove_own(git_dir: Path) -> None:
    """Remove what a writer of ours left; the lock only where it is ours."""
    lock, mark = git_dir / "index.lock", git_dir / _MARK
    with suppress(OSError):
        _clear_aside(git_dir)
        if lock.samefile(mark):
            lock.unlink()
        mark.unlink()


def _create(path: Path, sharing: Sharing) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    sharing.adjust(path)


def _clear_aside(git_dir: Path) -> None:
    for name in (_ASIDE, f"{_ASIDE}.lock"):
        (git_dir / name).unlink(missing_ok=True)
