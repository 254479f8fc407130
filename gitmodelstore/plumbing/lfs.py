"""Git LFS objects: large pipelines as plain files beside git's own object database.

The oid of an LFS object is the SHA-256 of its content, so the pointer in the tree,
the manifest and the file's name all say the same. Only moving objects between
machines needs the git-lfs program.

The pointer itself is in `values/objects.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gitmodelstore.errors import MissingObject
from gitmodelstore.plumbing import large_files
from gitmodelstore.plumbing.caches import Verdicts
from gitmodelstore.plumbing.files import UNSHARED, Sharing, reading
from gitmodelstore.plumbing.large_files import Content, Stream
from gitmodelstore.values.objects import Pointer
from gitmodelstore.values.version import large_file_path


def object_path(common_dir: Path, sha256: str) -> Path:
    """Return where git-lfs keeps the object of that SHA-256."""
    return common_dir / large_file_path(sha256)


def temporary_folder(common_dir: Path, sharing: Sharing = UNSHARED) -> Path:
    """Return the folder, made if need be, in which git-lfs builds its objects."""
    folder = common_dir / "lfs" / "tmp"
    sharing.make_folder(folder)
    return folder


def keep(common_dir: Path, temporary: Path, sha256: str, sharing: Sharing = UNSHARED) -> Path:
    """Put a finished temporary file in its place and return it; an equal one stays.

    One of another size, which a disk that was full or lost its power leaves, goes.
    """
    path = object_path(common_dir, sha256)
    sharing.make_folder(path.parent)
    # Never written again: a local push makes hard links of it.
    temporary.chmod(sharing.mode(temporary.stat().st_mode & 0o444))
    if path.exists() and path.stat().st_size == temporary.stat().st_size:
        temporary.unlink()
    else:
        temporary.replace(path)
    return path


def read(
    common_dir: Path, pointer: Pointer, path: str, remembered: Verdicts | None = None
) -> Content:
    """Return the content behind a pointer, in private memory.

    Args:
        common_dir: of the repository.
        pointer: which object.
        path: what it is to the reader, for the error.
        remembered: as in `mapped.read`.

    Raises:
        MissingObject: it is not on this machine.
        CannotRead: the system does not let this process.
    """
    with _finding(pointer, path):
        return large_files.read(object_path(common_dir, pointer.sha256), pointer.sha256, remembered)


@contextmanager
def stream(common_dir: Path, pointer: Pointer, path: str) -> Iterator[Stream]:
    """Yield the content behind a pointer as it comes; arguments and errors as `read`."""
    with _finding(pointer, path), object_path(common_dir, pointer.sha256).open("rb", 0) as file:
        yield Stream(os.fstat(file.fileno()).st_size, file.readinto)


@contextmanager
def _finding(pointer: Pointer, path: str) -> Iterator[None]:
    try:
        with reading(path):
            yield
    except FileNotFoundError:
        raise MissingObject(
            f"{path}: its Git LFS object {pointer.sha256[:12]} is not on this machine",
            hint="fetch it with `git lfs pull` in the store (package 'git-lfs')",
        ) from None
