"""What the three hooks of a store share: how they read, judge and report."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator

if sys.version_info < (3, 11):  # noqa: UP036 - the interpreter is the user's choice
    found = "%d.%d" % sys.version_info[:2]  # noqa: UP031
    sys.exit("error: gitmodelstore's hooks need Python 3.11 or newer, python3 is " + found)

if gc.isenabled():  # in what is imported there is no garbage
    gc.set_threshold(100_000)
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

from gitmodelstore.errors import StoreError, visible
from gitmodelstore.operations.validate import (
    Update,
    how_to_remake,
    received_faults,
    sent_faults,
    staged_faults,
)
from gitmodelstore.plumbing.cat_file import CatFile
from gitmodelstore.plumbing.git import Contents, Git

_MOST_TOLD = 50


def pre_commit(objects: CatFile, tree: Git, contents: Contents) -> int:
    """Judge the commit that is being made.

    Args:
        objects: the repository.
        tree: a git that writes the tree of the index.
        contents: of the files that are staged.
    """

    objects.hashed = contents.sha256
    return _judge(objects, lambda: staged_faults(objects, tree.answer().strip()))


def pre_push(remote: str) -> int:
    """Judge what is about to be pushed; git names each ref on standard input."""
    updates = []
    for line in _given():
        _, new, ref, old = line.rsplit(" ", 3)
        updates.append(Update(ref, old, new))
    objects = CatFile(os.curdir, inherit=True)
    return _judge(objects, lambda: sent_faults(objects, updates, remote), is_push=True)


def pre_receive() -> int:
    """Judge a push on the server, before any ref moves."""
    updates = []
    for line in _given():
        old, new, ref = line.split(" ", 2)
        updates.append(Update(ref, old, new))
    objects = CatFile(os.curdir, inherit=True)
    return _judge(objects, lambda: received_faults(objects, updates), is_push=True)


def _given() -> Iterator[str]:
    """Yield the lines that git hands to a hook."""
    return (line for line in sys.stdin.read().splitlines() if line)


def _judge(objects: CatFile, ask: Callable[[], list], *, is_push: bool = False) -> int:
    try:
        with objects:
            found = ask()
    except StoreError as error:
        _say(f"error: {error}", error.hint)
        return 1
    finally:
        gc.freeze()  # nor need Python look for any at the end
    faults = [fault for fault in found if not fault.is_note]
    _tell("note", [fault for fault in found if fault.is_note])
    _tell("error", faults)
    if is_push and (remake := how_to_remake(faults)):
        print(f"hint: {remake}", file=sys.stderr)
    return 1 if faults else 0


def _tell(kind: str, found: list) -> None:
    for fault in found[:_MOST_TOLD]:
        commit = f"{fault.commit[:12]}: " if fault.commit else ""
        _say(f"{kind}: {commit}{fault}", fault.mend)
    if len(found) > _MOST_TOLD:
        _say(f"{kind}: and {len(found) - _MOST_TOLD} more", None)


def _say(line: str, hint: str | None) -> None:
    print(visible(line), file=sys.stderr)
    if hint:
        print(f"hint: {visible(hint)}", file=sys.stderr)
