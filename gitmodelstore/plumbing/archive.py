"""A zip of which the bytes follow from what is in it, and that appears whole or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from gitmodelstore.errors import CannotWrite
from gitmodelstore.plumbing.disk import check_absent
from gitmodelstore.plumbing.repository import writing

SUMS = "SHA256SUMS"
_NO_TIME = (1980, 1, 1, 0, 0, 0)  # the first that the format can say
_UNIX, _PLAIN_FILE = 3, 0o100644 << 16


def check_free(target: Path, *, replace: bool) -> None:
    """Refuse a place where no new file can be.

    Raises:
        CannotWrite: it is a folder, or its own folder is not there.
        AlreadyExists: it is a file that is not to be replaced.
    """
    if target.is_dir():
        raise CannotWrite(f"'{target}' is a folder", hint="name a file with -o FILE.zip")
    if not target.parent.is_dir():
        raise CannotWrite(f"there is no folder '{target.parent}'", hint="make it, or name another")
    if not replace:
        check_absent(target, "name another file with -o FILE.zip, or give --force")


def write_zip(
    target: Path, folder: str, members: Iterable[tuple[str, bytes | memoryview]], *, replace: bool
) -> str:
    """Write files into one folder of a new zip, and beside them SHA256SUMS; return its SHA-256.

    Nothing is compressed: what a compressor makes of the same bytes differs between releases
    and machines. Times are left out.

    Args:
        target: the zip.
        folder: the name of the folder in it.
        members: name and content of each file.
        replace: whether a file of that name may be replaced.

    Raises:
        CannotWrite: as in `check_free`, or the disk does not take it; nothing is left.
    """
    check_free(target, replace=replace)
    with writing(target.parent):
        number, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    partial = Path(name)
    try:
        with writing(target), os.fdopen(number, "w+b") as file:
            with zipfile.ZipFile(file, "w") as archive:
                _fill(archive, folder, members)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        check_free(target, replace=replace)
        with writing(target):
            partial.chmod(0o644)  # mkstemp makes it private
            partial.replace(target)
    except BaseException:  # Ctrl-C too
        partial.unlink(missing_ok=True)
        raise
    return digest


def _fill(
    archive: zipfile.ZipFile, folder: str, members: Iterable[tuple[str, bytes | memoryview]]
) -> None:
    sums = []
    for name, data in members:
        sums.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
        archive.writestr(_info(f"{folder}/{name}"), data)
    archive.writestr(_info(f"{folder}/{SUMS}"), "".join(sorted(sums, key=_name)).encode())


def _name(line: str) -> str:
    return line.partition("  ")[2]


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _NO_TIME)
    info.create_system = _UNIX
    info.external_attr = _PLAIN_FILE
    info.compress_type = zipfile.ZIP_STORED
    return info
