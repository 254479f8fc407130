"""Objects that we write ourselves, read by git and by libgit2."""

from __future__ import annotations

import os
import random
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
    with (tmp_path / "objects" / oid[:2] / oid[2:]).open("rb") as file:
        assert loose.read_blob(file, oid, checked=False) == data


def commit_of(place: Path, git, oid: str) -> str:
    tree = loose.write(
        place / "objects", "tree", loose.tree_data([("file", 0o100644, oid)]), loose.FAST
    )
    return str(git(place, "commit-tree", "-m", "one", tree).strip())


def stored(tmp_path: Path, data: bytes) -> tuple[str, Path]:
    oid = loose.write(tmp_path, "blob", data, loose.STORED)
    return oid, tmp_path / oid[:2] / oid[2:]


def test_a_stored_blob_is_not_inflated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = os.urandom(200_000)
    oid, path = stored(tmp_path, data)
    monkeypatch.setattr(loose.zlib, "decompressobj", None)

    with path.open("rb", buffering=0) as file:
        found = loose.read_blob(file, oid)

    assert found == data
    assert not found.readonly


def test_whoever_knows_the_sha256_reads_a_stored_blob_as_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = os.urandom(200_000)
    oid, path = stored(tmp_path, data)
    monkeypatch.setattr(loose, "_Blocks", None)
    monkeypatch.setattr(loose, "sha1", None)

    with path.open("rb", buffering=0) as file:
        found = loose.read_blob(file, oid, checked=False)

    assert found == data
    assert not found.readonly


@pytest.mark.parametrize("size", [0, 10, 70_000])
def test_a_stored_blob_with_any_byte_changed_or_cut_off_is_damaged(tmp_path, size: int) -> None:
    oid, path = stored(tmp_path, os.urandom(size))
    whole = path.read_bytes()
    path.chmod(0o644)
    for place in [*range(0, len(whole), len(whole) // 40 + 1), len(whole) - 1]:
        changed = bytearray(whole)
        changed[place] ^= 1
        for damaged in (bytes(changed), whole[:place]):
            path.write_bytes(damaged)
            for checked in (True, False):
                with path.open("rb", buffering=0) as file, pytest.raises(loose.Damaged):
                    loose.read_blob(file, oid, checked=checked)


def test_another_kind_of_object_stored_is_no_file(tmp_path: Path) -> None:
    oid = loose.write(tmp_path, "tree", b"", loose.STORED)
    path = tmp_path / oid[:2] / oid[2:]

    with path.open("rb", buffering=0) as file, pytest.raises(loose.Damaged, match="is not a file"):
        loose.read_blob(file, oid)


class TestPacks:
    @pytest.fixture
    def packed(self, tmp_path: Path, git) -> pygit2.Repository:
        """A repository of a hundred versions of a file, most of which are kept as deltas."""
        git(tmp_path, "init", "--quiet", "--bare", ".")
        lines = [f"{number}: {'x' * number}\n" for number in range(300)]
        for number in range(100):
            lines[number * 7 % 300] = f"{number}\n"
            oid = written(tmp_path, "".join(lines).encode())
            (tmp_path / "refs/tags" / str(number)).write_text(f"{oid}\n")
        git(tmp_path, "update-ref", "refs/heads/b", commit_of(tmp_path, git, oid))
        git(tmp_path, "tag", "-m", "of one", "one", "b")
        large = written(tmp_path, os.urandom(MEBIBYTE + 1))
        git(tmp_path, "update-ref", "refs/heads/large", commit_of(tmp_path, git, large))
        git(tmp_path, "repack", "-adfq", "--depth=50")
        return pygit2.Repository(str(tmp_path))

    def test_each_object_is_read_as_by_libgit2(self, packed: pygit2.Repository) -> None:
        packs = loose.Packs(Path(packed.path, "objects"))
        packs.check()

        for oid in packed:
            kind, data = packed[oid].type_str, packed[oid].read_raw()
            expected = (kind, data) if len(data) <= MEBIBYTE else None
            assert packs.read(str(oid)) == expected
            assert packs.holds(str(oid))

        assert packs.read("0" * 40) is None
        assert not packs.holds("0" * 40)

    def test_texts_that_are_deltas_are_read_one_after_another(
        self, packed: pygit2.Repository, monkeypatch
    ) -> None:
        monkeypatch.setattr(loose, "_MOST_BASES_BYTES", 1 << 18)  # of some forty that it has
        packs = loose.Packs(Path(packed.path, "objects"))
        packs.check()
        texts = [packed.revparse_single(f"refs/tags/{number}") for number in range(100)]

        for text in (*texts, *reversed(texts)):
            assert packs.read_text(str(text.id)) == text.data

        commit = packed.revparse_single("b")
        assert packs.read_text(str(commit.id)) is None
        assert packs.read_text("0" * 40) is None

    @pytest.mark.parametrize("most", ["_MOST_DELTAS_BYTES", "_MOST_ORDERS"])
    def test_deltas_that_would_fill_the_memory_are_left_to_git(
        self, packed: pygit2.Repository, monkeypatch, most
    ) -> None:
        monkeypatch.setattr(loose, most, 3)
        packs = loose.Packs(Path(packed.path, "objects"))
        packs.check()
        texts = [packed.revparse_single(f"refs/tags/{number}") for number in range(100)]

        found = [packs.read_text(str(text.id)) for text in texts]

        assert None in found
        assert {True} == {one in (None, text.data) for one, text in zip(found, texts, strict=True)}

    def test_a_delta_upon_itself_or_upon_nothing_is_left_to_libgit2(
        self, packed: pygit2.Repository, git
    ) -> None:
        packs = loose.Packs(Path(packed.path, "objects"))
        packs.check()
        (index,) = Path(packed.path, "objects/pack").glob("*.idx")
        pack = index.with_suffix(".pack")
        lines = git(packed.path, "verify-pack", "-v", str(index)).splitlines()
        deltas = [line.split() for line in lines if len(line.split()) == 7]
        oid, offset = next((one[0], int(one[4])) for one in deltas if int(one[2]) < 16)
        pack.chmod(0o644)
        whole = pack.read_bytes()
        assert packs.read(oid) is not None

        begin = next(at for at in range(offset + 1, len(whole)) if whole[at] < 0x80) + 1
        for distance in (b"\x00", b"\xff\xff\xff\xff\xff\xff\x7f"):
            pack.write_bytes(whole[: offset + 1] + distance + whole[begin:])
            assert packs.read(oid) is None

    def test_none_is_read_wrong_of_a_damaged_pack(self, packed: pygit2.Repository) -> None:
        contents = {str(oid): (packed[oid].type_str, packed[oid].read_raw()) for oid in packed}
        packs = loose.Packs(Path(packed.path, "objects"))
        packs.check()
        (pack,) = Path(packed.path, "objects/pack").glob("*.pack")
        data = bytearray(pack.read_bytes())
        pack.chmod(0o644)
        rand = random.Random(7)  # noqa: S311 - no secret
        for _ in range(2000):
            data[rand.randrange(12, len(data))] ^= 1 << rand.randrange(8)
        pack.write_bytes(data)

        found = [packs.read(oid) for oid in contents]

        assert all(
            one in (None, content) for one, content in zip(found, contents.values(), strict=True)
        )
        assert None in found


def written(place: Path, data: bytes) -> str:
    return loose.write(place / "objects", "blob", data, loose.FAST)
