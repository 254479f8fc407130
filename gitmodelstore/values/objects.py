"""Objects of git as values: what a commit, a tag and an entry of a tree say."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from itertools import accumulate, compress
from operator import is_not
from sys import intern

from gitmodelstore.lean import TypeVar, dataclass, pattern
from gitmodelstore.values.names import from_seconds

_NAMED_MANIFEST = "Manifest-SHA256: "
_ENTRY = pattern(rb"([0-7]+) ([^\0]+)\0(.{20})", re.DOTALL)
_LONG_BYTES = 2000  # of a tree that is worth the expression
_AROUND = len(b" \0") + 20  # bytes of an entry besides its mode and its name

PLAIN_FILE = 0o100644
FOLDER = 0o040000


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit says."""

    oid: str
    tree: str  # id of its root tree
    parents: tuple[str, ...]  # ids, first parent first
    author: str  # as "Name <email>"
    committer: str
    when: datetime  # the committer's date, UTC
    message: str  # whole


@dataclass(frozen=True, slots=True)
class Tag:
    """What an annotated tag says."""

    name: str  # without refs/tags/
    oid: str  # of the tag object
    commit: str  # that it stands on
    when: datetime | None  # the tagger's date, UTC; None if the tag names no tagger
    message: str  # whole


def named_manifest(message: str) -> str | None:
    """Return the SHA-256 of the manifest that a tag names in its last such line, if any."""
    for line in reversed(message.split("\n")):
        digest = line.removeprefix(_NAMED_MANIFEST)
        if digest != line and is_hex(digest, 64):
            return digest
    return None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tree: its mode (0o100644 is a plain file) and the id behind it."""

    mode: int
    oid: str


# Their content as git keeps it; ValueError of what is not as git writes it.

_OID_BYTES = 20
_ENCODING = pattern(rb"(?:[^\n]+\n)*?encoding ([!-~]+)\n")
_MOST_DIGITS = 20  # of a time


def is_oid(text: str) -> bool:
    """Whether a text is the id of an object: 40 hexadecimal digits, in lower case."""
    return is_hex(text, 2 * _OID_BYTES)


def is_hex(text: str, digits: int) -> bool:
    """Whether a text is so many hexadecimal digits, in lower case."""
    return len(text) == digits and not text.strip("0123456789abcdef")


def _signature(text: str) -> tuple[str, int] | None:
    """Return who wrote it, and when in seconds since 1970; None of what git would not write."""
    who, end, rest = text.rpartition("> ")
    seconds, _, zone = rest.partition(" ")
    digits = seconds.removeprefix("-")
    is_plain = end and rest.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS
    if not is_plain or len(zone) != 5 or zone[0] not in "+-" or not zone[1:].isdigit():
        return None
    return f"{who}>", int(seconds)


def parse_commit(oid: str, data: bytes) -> Commit:
    """Return what the content of a commit says."""
    encoding = _ENCODING.match(data) if b"encoding " in data else None
    try:
        text = data.decode(encoding[1].decode("ascii") if encoding else "utf-8", "replace")
    except LookupError:
        text = data.decode(errors="replace")
    head, _, message = text.partition("\n\n")
    fields: dict[str, list[str]] = {}
    for line in head.split("\n"):
        name, _, value = line.partition(" ")
        fields.setdefault(name, []).append(value)
    author, committer = (_signature(fields.get(name, [""])[0]) for name in ("author", "committer"))
    if not author or not committer or "tree" not in fields:
        raise ValueError("not a commit of git")
    return Commit(
        oid,
        fields["tree"][0],
        tuple(fields.get("parent", ())),
        author[0],
        committer[0],
        from_seconds(committer[1]),
        message,
    )


def parse_tree(data: bytes) -> Iterator[tuple[str, Entry]]:
    """Yield the names in the content of a tree, each with what it stands for."""
    entries = _ENTRY.findall(data) if len(data) > _LONG_BYTES else ()
    if sum(len(mode) + len(name) + _AROUND for mode, name, _ in entries) == len(data):
        for mode, name, oid in entries:
            yield intern(name.decode(errors="surrogateescape")), _entry(mode, oid)
        return
    position = 0
    while position < len(data):
        space = data.index(b" ", position)
        end = data.index(b"\0", space)
        after = end + 1 + _OID_BYTES
        name = intern(data[space + 1 : end].decode(errors="surrogateescape"))
        yield name, Entry(int(data[position:space], 8), data[end + 1 : after].hex())
        position = after


class TreeReader:
    """Reads trees; of a long one that differs in few places from the last, it parses these alone.

    So the trees of a thousand models along a history cost what each commit changes.
    """

    # Of the last one its content, where its entries begin and it ends, and these. Threads that read
    # at once put each its own here, whole.
    _last: tuple[bytes, list[int], dict[str, Entry]] = (b"", [0], {})

    def read(self, data: bytes) -> dict[str, Entry]:
        """Return the entries of a tree by name, in its order."""
        if len(data) <= _LONG_BYTES:
            return dict(parse_tree(data))
        before, starts, known = self._last
        entries = _near(data, before, starts, known) if len(before) == len(data) else None
        if entries is None:
            entries = dict(parse_tree(data))
            texts = (f"{one.mode:o}{name}" for name, one in entries.items())
            sizes = (len(text.encode(errors="surrogateescape")) + _AROUND for text in texts)
            starts = list(accumulate(sizes, initial=0))
        if starts[-1] == len(data):  # each name is there once, each mode as git writes it
            self._last = data, starts, entries
        return entries


def _near(
    data: bytes, before: bytes, starts: list[int], known: dict[str, Entry]
) -> dict[str, Entry] | None:
    """Return the entries of a tree as long as another; None if the names are not those of it."""
    size = len(data)
    first = reach(size, lambda low, high: before[low:high] == data[low:high])
    ours, theirs = before[::-1], data[::-1]
    last = size - reach(size, lambda low, high: ours[low:high] == theirs[low:high])
    entries = dict(known)
    if first < last:
        begin, end = bisect_right(starts, first) - 1, bisect_left(starts, last)
        changed = list(parse_tree(data[starts[begin] : starts[end]]))
        if [name for name, _ in changed] != list(entries)[begin:end]:
            return None
        entries.update(changed)
    return entries


def reach(most: int, is_alike: Callable[[int, int], bool]) -> int:
    """Return how far two texts are alike, by halving; `is_alike` compares a piece of both."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if is_alike(low, middle):
            low = middle
        else:
            high = middle - 1
    return low


T = TypeVar("T")


def replaced(before: Mapping[str, T], after: Mapping[str, T]) -> list[str]:
    """Return the keys that do not have the very same object in both."""
    if list(before) == list(after):  # mostly; then no key is looked up
        return list(compress(before, map(is_not, before.values(), after.values())))
    return [k for k in before.keys() | after.keys() if before.get(k) is not after.get(k)]


@lru_cache(maxsize=1 << 14)
def _entry(mode: bytes, oid: bytes) -> Entry:
    return Entry(int(mode, 8), oid.hex())  # most stand in the next tree too


def parse_tag(oid: str, data: bytes) -> Tag | None:
    """Return what the content of an annotated tag says; None if it is not on a commit."""
    head, _, message = data.partition(b"\n\n")
    fields = dict(line.partition(" ")[::2] for line in head.decode(errors="replace").split("\n"))
    if fields.get("type") != "commit":
        return None
    tagger = _signature(fields.get("tagger", ""))
    when = from_seconds(tagger[1]) if tagger else None
    name, commit = fields.get("tag", ""), fields.get("object", "")
    return Tag(name, oid, commit, when, message.decode(errors="replace"))


# What stands in the tree for a large file: a pointer of Git LFS.

MOST_POINTER_BYTES = 1024
_POINTER = pattern(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"oid sha256:([0-9a-f]{64})\nsize ([0-9]{1,15})\n"
)


@dataclass(frozen=True, slots=True)
class Pointer:
    """What stands in the tree for a large file: SHA-256 and size of its content."""

    sha256: str
    size_bytes: int

    def render(self) -> bytes:
        """Return the bytes of the pointer file."""
        return (
            "version https://git-lfs.github.com/spec/v1\n"
            f"oid sha256:{self.sha256}\nsize {self.size_bytes}\n"
        ).encode()


def read_pointer(data: bytes | memoryview) -> Pointer | None:
    """Return the pointer that `data` spells; None if it is some other file."""
    if len(data) > MOST_POINTER_BYTES:
        return None
    match = _POINTER.fullmatch(bytes(data))
    return Pointer(match[1].decode(), int(match[2])) if match else None
