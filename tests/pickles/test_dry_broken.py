"""Broken and hostile bytes get an answer, or our error, in little time and memory."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import random
import time
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from gitmodelstore.errors import BrokenPipelineFile, NotAPipeline
from gitmodelstore.pickles.dry import walk
from gitmodelstore.pickles.summary import summarize
from tests.zoo.specimen import dumped

PROTO = b"\x80\x04"


@pytest.fixture(scope="module")
def honest() -> bytes:
    """A pipeline with object arrays, structured ones and text."""
    words = np.array([["Oslo"], ["Lima"], ["Bonn"], ["Oslo"]], dtype=object)
    forest = RandomForestClassifier(2, random_state=0)
    return dumped(make_pipeline(OneHotEncoder(), forest).fit(words, [0, 1, 0, 1]))


def looked_at(data: bytes) -> Any:
    """Walk, and tell of what was found; None where our error says that it is no pipeline."""
    with contextlib.suppress(BrokenPipelineFile, NotAPipeline):
        return list(summarize(walk(data).root).lines())
    return None


def broken(data: bytes, **options: Any) -> str:
    with pytest.raises(BrokenPipelineFile) as caught:
        walk(data, **options)
    return str(caught.value)


def test_every_cut_is_noticed(honest):
    chosen = random.Random(1)  # noqa: S311 - the same bytes each time
    cuts = [chosen.randrange(2, len(honest)) for _ in range(300)]

    assert [cut for cut in cuts if looked_at(honest[:cut]) is not None] == []


def test_every_cut_of_a_compressed_file_is_noticed(honest):
    chosen = random.Random(2)  # noqa: S311 - the same bytes each time
    for pack in (zlib.compress, gzip.compress, bz2.compress, lzma.compress):
        data = pack(honest)
        for _ in range(20):
            assert looked_at(data[: chosen.randrange(8, len(data))]) is None


@pytest.mark.parametrize("seed", range(3))
def test_changed_bytes_get_an_answer(honest, seed):
    chosen = random.Random(seed)  # noqa: S311 - the same bytes each time
    for _ in range(100):
        data = bytearray(honest)
        for _ in range(chosen.randrange(1, 6)):
            data[chosen.randrange(len(data))] = chosen.randrange(256)
        looked_at(bytes(data))


def test_random_opcodes_get_an_answer():
    chosen = random.Random(9)  # noqa: S311 - the same bytes each time
    for _ in range(300):
        looked_at(PROTO + chosen.randbytes(200) + b".")


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (b"", "'f' cannot be read: it ends too early (at 2)"),
        (b".", "'f' cannot be read: the stack is empty (at 2)"),
        (b"0.", "'f' cannot be read: the stack has no mark (at 2)"),
        (b"h\x07.", "'f' cannot be read: that place of the memo is empty (at 2)"),
        (b"\xff.", "'f' cannot be read: byte 255 is not an opcode (at 2)"),
        (b"\x80\x09.", "'f' cannot be read: pickle protocol 9 is not known (at 2)"),
        (b"NN\x93.", "'f' cannot be read: a name that is not text (at 4)"),
        (b"\x8c\x01\xff.", "'f' cannot be read: a text that cannot be read (at 2)"),
        (b"I1x\n.", "'f' cannot be read: a number that is none (at 2)"),
        (b"Nr\xff\xff\xff\xff.", "'f' cannot be read: an impossible place in the memo (at 3)"),
        (
            b"B\xff\xff\xff\x7f.",
            "'f' cannot be read: 2,147,483,647 bytes are announced, 1 are left (at 2)",
        ),
        (b"(Nd.", "'f' cannot be read: a key without a value (at 4)"),
        (
            b"\x95\x01" + bytes(7) + b"K\x01.",
            "'f' cannot be read: an opcode reaches beyond the end of its frame (at 2)",
        ),
        (
            b"\x95\x0b" + bytes(7) + b"N\x95\x01" + bytes(7) + b"..",
            "'f' cannot be read: a frame begins within another (at 12)",
        ),
        (
            b"\x95\x03" + bytes(7) + b"N.N",
            "'f' cannot be read: it stops before the end of its frame (at 12)",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(program, said):
    assert broken(PROTO + program, name="f") == said


def test_what_is_no_pickle_at_all():
    for data in (
        b"",
        b"no pickle",
        b"\x89PNG\r\n\x1a\n",
        b"version https://git-lfs.github.com/spec/v1\n",
    ):
        with pytest.raises(NotAPipeline):
            walk(data)


def test_lz4_is_named():
    data = b"\x04\x22\x4d\x18" + bytes(20)

    assert broken(data, name="f") == "'f' cannot be read: lz4 cannot be decompressed here (at 0)"


# Bombs


def in_seconds(data: bytes) -> float:
    started = time.process_time()
    looked_at(data)
    return time.process_time() - started


def test_what_decompresses_to_too_much_is_left():
    said = broken(zlib.compress(bytes(1 << 22)), name="f", most_bytes=1 << 20)

    assert said == "'f' cannot be read: decompressed it has more than 1,048,576 bytes (at 1048576)"
    assert "decompressed it has more than" in broken(zlib.compress(bytes(1 << 28)))


def test_an_announced_size_takes_no_memory():
    tracemalloc.start()
    broken(PROTO + b"\x8e" + (1 << 40).to_bytes(8, "little") + b".")
    broken(PROTO + b"\x8b\xff\xff\xff\x7f.")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 1 << 20


def shared(levels: int) -> bytes:
    """A list that holds another twice, and so on: two to the power of `levels` leaves."""
    return PROTO + b"N\x94" + b"".join(b"h%c" % n * 2 + b"\x86\x94" for n in range(levels)) + b"."


def a_state_many_times(count: int) -> bytes:
    keys = b"".join(b"J" + n.to_bytes(4, "little") + b"N" for n in range(count))
    scaler = b"csklearn.preprocessing._data\nStandardScaler\n)\x81"
    return PROTO + b"}(" + keys + b"u\x940" + scaler + b"h\x00b" * count + b"."


def a_list_in_many_places(count: int) -> bytes:
    scaler = b"csklearn.preprocessing._data\nStandardScaler\n)\x81}("
    held = b"](" + b"K\x01" * count + b"e\x940"
    attributes = b"".join(b"\x8c\x06%06dh\x00" % n for n in range(count))
    return PROTO + held + scaler + attributes + b"ub."


@pytest.mark.parametrize(
    "bomb",
    [
        shared(200),
        a_state_many_times(50_000),
        a_list_in_many_places(50_000),
        PROTO + b"N" + b"\x85" * 1_000_000 + b".",
        PROTO + b"]\x94" + b"h\x00a" * 300_000 + b".",
        PROTO + b"(" + b"J\x00\x00\x00\x00" * 200_000 + b"t\x94}" + b"h\x00Ns" * 100_000 + b".",
        PROTO + b"V" + b"a." * 400_000 + b"\nVx\n\x93.",
    ],
    ids=["shared", "states", "attributes", "tuples", "itself", "keys", "a long name"],
)
def test_work_stays_in_proportion_to_the_file(bomb):
    assert in_seconds(bomb) < 20  # most take one; without a bound they would take hours
