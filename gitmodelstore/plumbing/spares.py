"""Second names for what was just written, so that no prune takes it.

`git prune --expire=now`, alone or as the end of `git gc --prune=now`, finds out what the refs
reach, and then removes every other loose object, however young: also what was written, and even
named, in between. To name it earlier is no help, since the prune has looked before; nor is git's
own lock of a gc, which a prune does not ask for. So each object of a write has a second name for
some minutes, a hard link outside of `objects`, and what is found missing gets its first one
back: by the writer before it returns, by whoever reads it, or by a later writer. The same holds
for a Git LFS object, of which the content is there once all the same.

What somebody removed by hand is damage, and named as such. A prune is told from that by a file
that it removes as its last step, since it takes it for a temporary one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from gitmodelstore.plumbing import interrupts
from gitmodelstore.plumbing.shared import Sharing
from gitmodelstore.values.layout import large_file_path

_FOLDER = "gitmodelstore-spares"  # a folder below it for each minute
_MINUTE_SECONDS = 60
_KEPT_MINUTES = 2  # longer than a prune takes from its look at the refs to its last removal
_OID_DIGITS = 40
_PREFIX = 2  # digits of an id that name a folder
SIGN = "objects/tmp_gitmodelstore"  # gone as soon as a prune of young objects is through
_PRUNE_SECONDS = 5.0


def keep(common_dir: Path, name: str, sharing: Sharing) -> bool:
    """Give an object a second name; return False where there is no such loose object.

    Args:
        common_dir: of the repository.
        name: the id of an object, or the SHA-256 of a Git LFS object.
        sharing: who else uses the repository.
    """
    first = place(common_dir, name)
    second = _second(f"{common_dir}/{_FOLDER}/{_minute()}", name)
    for _ in range(2):
        try:
            os.link(first, second)
        except FileExistsError:  # what it would be a name for is looked up before
            pass
        except FileNotFoundError:
            if not os.path.exists(first):
                return False
            if not os.path.isdir(f"{common_dir}/{_FOLDER}"):
                _put_sign(common_dir, sharing)
            with suppress(OSError):
                sharing.make_folder(os.path.dirname(second))
            continue
        except OSError:  # a file system without second names, or another user's file
            return os.path.exists(first)
        return True
    return os.path.exists(first)


def beside(git_dir: Path) -> str:
    """Return the folders of second names, as git takes them for further ones of objects."""
    with suppress(OSError):
        folders = [f"{git_dir}/{_FOLDER}/{minute}" for minute in os.listdir(git_dir / _FOLDER)]
        return os.pathsep.join(folder for folder in folders if os.pathsep not in folder)
    return ""


def restore_pruned(common_dir: Path, sharing: Sharing) -> bool:
    """Restore what a prune has taken; return whether one has come by, or comes just now."""
    if not os.path.isdir(f"{common_dir}/{_FOLDER}"):
        return False
    for _ in interrupts.tries(time.monotonic() + _PRUNE_SECONDS):
        is_at_work = _is_pruning()  # first: the sign goes before the process
        if not os.path.exists(f"{common_dir}/{SIGN}"):
            _put_sign(common_dir, sharing)
            restore(common_dir, sharing)
            return True
        if not is_at_work:
            break
    return False


def restore(common_dir: Path, sharing: Sharing) -> bool:
    """Give all that has a second name its first one back; return whether one was missing."""
    spares = list(_spares(common_dir))
    return sum(_restore(common_dir, name, spare, sharing) for name, spare in spares) > 0


def tend(common_dir: Path, sharing: Sharing, is_packed: Callable[[str], bool], last: int) -> int:
    """Restore what prunes have taken, and drop the names of some minutes ago.

    Call it under the writer lock. What it returns is `last` the next time, and 0 is the first.

    Args:
        common_dir, sharing: of the repository.
        is_packed: whether an object is here all the same.
        last: when this was last done, so that it is done once a minute.
    """
    if not os.path.exists(f"{common_dir}/{SIGN}"):
        _put_sign(common_dir, sharing)
        restore(common_dir, sharing)
    now = _minute()
    if now == last:
        return now
    with suppress(OSError):
        for minute in os.listdir(f"{common_dir}/{_FOLDER}"):
            if minute.isdigit() and abs(now - int(minute)) <= _KEPT_MINUTES:
                continue
            folder = Path(common_dir, _FOLDER, minute)
            for name, spare in _of_minute(folder):
                if not os.path.exists(place(common_dir, name)) and not is_packed(name):
                    _restore(common_dir, name, spare, sharing)
                spare.unlink(missing_ok=True)
            for below in (*folder.iterdir(), folder):
                below.rmdir()
    return now


def wait_for_prune(common_dir: Path, until: float) -> None:
    """Wait for the prune that a `git gc` has started, if there is one and the system tells.

    One that begins from now on finds what has been named.
    """
    if not os.path.exists(f"{common_dir}/gc.pid"):
        return
    number = _prune(common_dir)
    for _ in interrupts.tries(until):
        if number is None or _prune(common_dir) != number:
            return


def _prune(common_dir: Path) -> int | None:
    """Return the process of that prune."""
    with suppress(OSError, ValueError, IndexError):
        gc = int((common_dir / "gc.pid").read_text().split()[0])
        for child in Path(f"/proc/{gc}/task/{gc}/children").read_text().split():
            if Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[1] == b"prune":
                return int(child)
    return None


def _is_pruning() -> bool:
    """Whether a prune of any repository is at work, as far as the system tells."""
    with suppress(OSError):
        for number in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError):
                if Path(f"/proc/{number}/comm").read_bytes().strip() != b"git":
                    continue
                if b"prune" in Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")[1:3]:
                    return True
    return False


def _put_sign(common_dir: Path, sharing: Sharing) -> None:
    with suppress(OSError):
        os.close(os.open(f"{common_dir}/{SIGN}", os.O_WRONLY | os.O_CREAT, 0o444))
        sharing.adjust(f"{common_dir}/{SIGN}")


def _spares(common_dir: Path) -> Iterator[tuple[str, Path]]:
    """Yield names, as `keep` takes them, and where the second one is."""
    with suppress(OSError):
        for folder in Path(common_dir, _FOLDER).iterdir():
            yield from _of_minute(folder)


def _of_minute(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in folder.iterdir():
        if len(path.name) == _PREFIX:
            yield from ((path.name + spare.name, spare) for spare in path.iterdir())
        else:
            yield path.name, path


def _second(folder: str, name: str) -> str:
    """Return where the second name of an object is: as git lays out a folder of objects."""
    if len(name) == _OID_DIGITS:
        return f"{folder}/{name[:_PREFIX]}/{name[_PREFIX:]}"
    return f"{folder}/{name}"


def _restore(common_dir: Path, name: str, spare: Path, sharing: Sharing) -> bool:
    first = place(common_dir, name)
    for _ in range(100):  # a prune takes folders away that are empty
        try:
            os.link(spare, first)
        except FileNotFoundError:
            if not spare.exists():
                return False
            with suppress(OSError):
                sharing.make_folder(os.path.dirname(first))
            continue
        except FileExistsError:
            return False
        except OSError:  # another user's, which the system lets be renamed but not linked
            with suppress(OSError):
                os.rename(spare, first)
                return True
            return False
        return True
    return False


def place(common_dir: Path, name: str) -> str:
    """Return where an object lies, by the name that `keep` takes."""
    if len(name) == _OID_DIGITS:
        return f"{common_dir}/objects/{name[:2]}/{name[2:]}"
    return f"{common_dir}/{large_file_path(name)}"


def _minute() -> int:
    return int(time.time()) // _MINUTE_SECONDS
