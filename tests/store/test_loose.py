"""Objects that we write ourselves, read by git and by libgit2."""

from __future__ import annotations

import os
from pathlib import Path

import pygit2
import pytest

from gitmodelstore.plumbing import loose

MEBIBYTE = 1 << 20
SIZES = [0, 1, 8192, 8193, 65534, 65535, 65536, 131_071, MEBIBYTE, 3 * MEBIBYTE + 1]


@pytest.mark.parametrize("level", [loose.STORED, loose.FAST], ids=["stored", "deflated"])
@pytest.mark.parametrize("size", [*SIZES, 34 * MEBIBYTE])
def test_an_object_of_any_size(tmp_path: Path, git, size: int, level: int) -> None:
    git(tmp_path, "init", "--quiet", "--bare", ".")
    data = os.urandom(size // 2) + bytes(size - size // 2)

    oid = loose.write(tmp_path / "objects", "blob", data, level)

    git(tmp_path, "update-ref", "refs/heads/kept", commit_of(tmp_path, git, oid))
    assert git(tmp_path, "fsck", "--strict", "--no-dangling") == ""
    assert git(tmp_path, "cat-file", "-s", oid).strip() == str(size)
    assert git(tmp_path, "rev-parse", "kept:file").strip() == oid
    assert pygit2.Repository(str(tmp_path))[oid].data == data
    with (tmp_path / "objects" / oid[:2] / oid[2:]).open("rb") as file:
        assert loose.read_blob(file, oid) == data


def commit_of(place: Path, git, oid: str) -> str:
    tree = loose.write(
        place / "objects", "tree", loose.tree_data([("file", 0o100644, oid)]), loose.FAST
    )
    return str(git(place, "commit-tree", "-m", "one", tree).strip())
