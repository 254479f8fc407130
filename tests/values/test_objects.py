"""What commits, trees and tags say, as libgit2 reads them: it is the judge."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pygit2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitmodelstore.values import objects
from gitmodelstore.values.objects import parse_commit, parse_tag, parse_tree

WHO = "Ada Lovelace <ada@example.org>"


@pytest.fixture
def judge(tmp_path: Path) -> pygit2.Repository:
    return pygit2.init_repository(str(tmp_path), bare=True)


def commit(*lines: bytes, message: bytes = b"why\n\n  how\n") -> bytes:
    return b"\n".join((b"tree " + b"0" * 40, *lines, b"", message))


@pytest.mark.parametrize(
    "data",
    [
        commit(f"author {WHO} 1 +0200".encode(), f"committer {WHO} 1767225600 -0930".encode()),
        commit(
            b"parent " + b"1" * 40,
            b"parent " + b"2" * 40,
            "author Zoë <z@x> 9 +0000".encode(),
            b"committer  <> 9 +0000",
            b"gpgsig one\n two",
        ),
        commit(
            "author Zoë <z@x> 9 +0000".encode("latin-1"),
            "committer Zoë <z@x> 9 +0000".encode("latin-1"),
            b"encoding ISO-8859-1",
            message="größer\n".encode("latin-1"),
        ),
        commit(b"author \xff <z@x> 9 +0000", b"committer Z <z> 9 +0000", message=b"\xfe"),
    ],
    ids=["plain", "merged and signed", "of another encoding", "of none"],
)
def test_a_commit(judge: pygit2.Repository, data: bytes) -> None:
    oid = str(judge.odb.write(pygit2.enums.ObjectType.COMMIT, data))
    expected = judge[oid]

    found = parse_commit(oid, data)

    assert (found.oid, found.tree) == (oid, str(expected.tree_id))
    assert found.parents == tuple(map(str, expected.parent_ids))
    for who, signature in (found.author, expected.author), (found.committer, expected.committer):
        assert who == f"{signature.name} <{signature.email}>"
    assert found.when.timestamp() == expected.committer.time
    assert found.message == expected.message


@pytest.mark.parametrize("data", [b"", b"tree 1\n\n", commit(b"author A", b"committer B")])
def test_what_is_no_commit(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a commit of git"):
        parse_commit("0" * 40, data)


def test_a_tree(judge: pygit2.Repository) -> None:
    builder = judge.TreeBuilder()
    blob = judge.create_blob(b"")
    for name, mode in (("a b", 0o100644), ("run", 0o100755), ("ü", 0o120000)):
        builder.insert(name, blob, mode)
    oid = builder.write()

    found = dict(parse_tree(judge[oid].read_raw()))

    assert {name: (entry.mode, entry.oid) for name, entry in found.items()} == {
        entry.name: (int(entry.filemode), str(entry.id)) for entry in judge[oid]
    }


@pytest.mark.parametrize("tagger", [f"tagger {WHO} 5 +0000\n", ""])
def test_a_tag(judge: pygit2.Repository, tagger: str) -> None:
    to = b"object " + b"3" * 40
    data = to + f"\ntype commit\ntag churn@v1.0.0\n{tagger}\nchurn 1.0.0\n".encode()
    oid = str(judge.odb.write(pygit2.enums.ObjectType.TAG, data))
    expected = judge[oid]

    found = parse_tag(oid, data)

    assert found is not None
    assert (found.name, found.oid, found.commit) == (expected.name, oid, str(expected.target))
    assert found.message == expected.message
    assert (found.when and found.when.timestamp()) == (expected.tagger and expected.tagger.time)


def test_a_tag_that_stands_on_something_else() -> None:
    assert parse_tag("0" * 40, b"object 1\ntype tree\ntag t\n\nm") is None


class TestTreeReader:
    """It parses what differs from the last tree alone, and says what `parse_tree` says."""

    def tree(self, entries: dict[str, tuple[str, bytes]]) -> bytes:
        return b"".join(
            f"{mode} {name}\0".encode() + oid for name, (mode, oid) in sorted(entries.items())
        )

    def test_a_history_of_a_large_tree(self):
        chance, reader = random.Random(0), objects.TreeReader()  # noqa: S311 - no secret
        entries = {f"model-{n}": ("40000", chance.randbytes(20)) for n in range(200)}
        for step in range(400):
            for _ in range(chance.choice((0, 1, 1, 2, 5))):
                name = chance.choice([*entries, f"model-{200 + step}"])
                mode = chance.choice(("40000", "40000", "40000", "100644", "040000"))
                entries[name] = mode, chance.randbytes(20)
            if chance.random() < 0.1:
                del entries[chance.choice([*entries])]
            data = self.tree(entries)

            read = reader.read(data)

            assert list(read.items()) == list(objects.parse_tree(data))

    def test_it_costs_what_changed(self, monkeypatch):
        parsed, real = [0], objects.parse_tree

        def counted(data):
            for pair in real(data):
                parsed[0] += 1
                yield pair

        monkeypatch.setattr(objects, "parse_tree", counted)
        reader = objects.TreeReader()
        entries = {f"model-{n}": ("40000", bytes([n]) * 20) for n in range(200)}
        for step in range(100):
            entries[f"model-{step}"] = "40000", bytes([255 - step]) * 20
            assert len(reader.read(self.tree(entries))) == 200
        assert parsed[0] <= 200 + 100

    def test_a_broken_one_is_refused_as_ever(self):
        entries = {f"model-{n}": ("40000", bytes([n]) * 20) for n in range(200)}
        reader, data = objects.TreeReader(), self.tree(entries)
        reader.read(data)
        broken = data.replace(b"40000 model-7\0", b"4000x model-7\0")
        for read in (reader.read, lambda data: dict(objects.parse_tree(data))):
            with pytest.raises(ValueError, match="invalid literal"):
                read(broken)
        assert reader.read(data) == dict(objects.parse_tree(data))


@given(
    st.from_regex(r"(.*>) (-?[0-9]{1,22}) ?[+-]?[0-9]{3,5}\n?", fullmatch=True)
    | st.text("Ada<@> -+09\u0661\n", max_size=40)
)
@example("Ada <a@b> 12345678901234567890 +0200")
@example("Ada <a@b> 1 > 2 +0200")
def test_who_and_when_are_as_the_pattern_of_git_has_them(text):
    match = re.fullmatch(r"(.*>) (-?[0-9]{1,20}) [+-][0-9]{4}", text)

    if "\n" not in text:  # lines are split before
        assert objects._signature(text) == (match and (match[1], int(match[2])))
