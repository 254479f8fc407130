"""Loose objects of git, written without compression.

libgit2 always deflates a loose object at level 1, which takes longer than pickling
most pipelines, and inflating it again longer than unpickling them. Packing, which
is where git saves space and shares bytes between versions, deflates anew anyway.

Source of the format: git's Documentation/gitformat-loose and object-file.c.
"""

from __future__ import annotations

import hashlib
import os
import threading
import zlib
from contextlib import suppress
from pathlib import Path

_CHUNK = 1 << 20


def write_blob(objects: Path, data: memoryview) -> str:
    """Store a blob under `objects` and return its id.

    Args:
        objects: the folder `objects` of a git directory.
        data: the content, as bytes.

    Raises:
        OSError: the disk does not take it; nothing is left.
    """
    header = b"blob %d\0" % data.nbytes
    digest = hashlib.sha1(header, usedforsecurity=False)
    digest.update(data)
    oid = digest.hexdigest()
    path = objects / oid[:2] / oid[2:]
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        # git's own gc removes what is called tmp_obj_… and was left by a dead writer.
        temporary = objects / f"tmp_obj_{os.getpid()}_{threading.get_native_id()}"
        try:
            _deflate(temporary, header, data)
            temporary.replace(path)
        except BaseException:
            with suppress(FileNotFoundError):
                temporary.unlink()
            raise
    return oid


def _deflate(path: Path, header: bytes, data: memoryview) -> None:
    stored = zlib.compressobj(level=0)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o444)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        file.write(stored.compress(header))
        for start in range(0, data.nbytes, _CHUNK):
            file.write(stored.compress(data[start : start + _CHUNK]))
        file.write(stored.flush())
