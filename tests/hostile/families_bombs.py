"""Small files that take all memory or all time of a reader that believes them.

None of them is to be loaded without a guard, and none does anything but that.
"""

from __future__ import annotations

import bz2
import functools
import gzip
import lzma
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from .values import Effect, Hostile, Name, New, call, files
from .writer import Writer, pickled, written

FAMILY = "bombs"

_VAST = 10**10
_DEEP = 100_000
_CHUNK = 8 * 2**20
_CHUNKS = 128


def bombs(_: Effect) -> Iterator[Hostile]:
    for programs in (_sizes, _numbers, _towers, _nesting, _repetition, _memos, _decompression):
        yield from files(FAMILY, programs(), "never")
    for values in (_allocators, _expansions, _waits):
        yield from written(FAMILY, values(), "never")


def _sizes() -> dict[str, bytes]:
    """Sizes beyond the end of the file."""
    return {
        "BINBYTES8": Writer(4).binbytes8(2**62, b"model").stop(),
        "BINBYTES8, a terabyte": Writer(4).binbytes8(2**40, b"model").stop(),
        "BINBYTES8, the largest": Writer(4).binbytes8(2**64 - 1, b"model").stop(),
        "BINBYTES": Writer(3).binbytes(2**32 - 1, b"model").stop(),
        "BINUNICODE8": Writer(4).binunicode8(2**62, b"model").stop(),
        "BINUNICODE": Writer(4).raw(b"X\xff\xff\xff\xffmodel").stop(),
        "BYTEARRAY8": Writer(5).bytearray8(2**62, b"model").stop(),
        "BYTEARRAY8, four gigabytes": Writer(5).bytearray8(2**32, b"model").stop(),
        "BINSTRING below zero": Writer(4).raw(b"T\xff\xff\xff\xffmodel").stop(),
        "LONG4": Writer(2).long4(2**31 - 1, b"\x01").stop(),
        "LONG4 below zero": Writer(2).long4(-1, b"\x01").stop(),
        "FRAME": Writer(4).frame(2**62).push(1).stop(),
        "a line without an end": Writer(0).raw(b"V" + b"a" * _DEEP).unfinished(),
    }


def _numbers() -> dict[str, bytes]:
    """Digits, which cost their square."""
    digits = b"9" * _DEEP
    return {
        "INT of many digits": Writer(0).raw(b"I" + digits + b"\n").stop(),
        "LONG of many digits": Writer(0).raw(b"L" + digits + b"L\n").stop(),
        "FLOAT of many digits": Writer(0).raw(b"F" + digits + b"\n").stop(),
        "GET of many digits": Writer(0).raw(b"g" + digits + b"\n").stop(),
        "PUT of many digits": Writer(0).push(1).raw(b"p" + digits + b"\n").stop(),
    }


def _tower(writer: Writer, height: int = 100) -> Writer:
    """A tuple of the same tuple twice, and so on: small, and endless to walk."""
    writer.push(1)
    for _ in range(height):
        writer.dup().tuple2()
    return writer


def _towers() -> dict[str, bytes]:
    ridge = New(Name("sklearn.linear_model:Ridge"))
    return {
        "a tower alone": _tower(Writer(4)).stop(),
        "a tower as a key": _tower(Writer(4).empty_dict()).push(1).setitem().stop(),
        "a tower as a key of a literal": _tower(Writer(4).mark()).push(1).dict().stop(),
        "a tower in a set": _tower(Writer(4).empty_set().mark()).additems().stop(),
        "a tower in a frozen set": _tower(Writer(4).mark()).frozenset().stop(),
        "a tower as a key of a state": (
            _tower(Writer(4).push(ridge).empty_dict()).push(1).setitem().build().stop()
        ),
        "two equal towers as keys": _two_towers(),
        "a tower of memos": _tower_of_memos(),
    }


def _two_towers() -> bytes:
    """Equal, but not the same: comparing them is endless where hashing them is not."""
    return _tower(_tower(Writer(4).empty_dict().mark()).push(1)).push(2).setitems().stop()


def _tower_of_memos() -> bytes:
    writer = Writer(4).push(()).memoize()
    for index in range(60):
        writer.pop().mark()
        for _ in range(9):
            writer.binget(index)
        writer.tuple().memoize()
    return Writer(4).empty_dict().raw(writer.unfinished()[2:]).push(1).setitem().stop()


def _nesting() -> dict[str, bytes]:
    """Deeper than any reader's stack."""
    return {
        "marks": Writer(4).raw(b"(" * _DEEP).stop(),
        "marks and lists": Writer(4).raw(b"(" * _DEEP + b"l" * _DEEP).stop(),
        "lists": Writer(4).raw(b"]" * _DEEP + b"a" * (_DEEP - 1)).stop(),
        "tuples": Writer(4).raw(b")" + b"\x85" * _DEEP).stop(),
        "tuples as a key": Writer(4).raw(b"})" + b"\x85" * _DEEP + b"Ns").stop(),
        "dictionaries": Writer(4).raw(b"}N" * _DEEP + b"}" + b"s" * _DEEP).stop(),
        "frozen sets": Writer(4).raw(b"(" * _DEEP + b"\x91" * _DEEP).stop(),
        "states": Writer(4).raw(b"}" * _DEEP + b"b" * (_DEEP - 1)).stop(),
        "a list in itself": Writer(4).raw(b"]\x94h\x00a").stop(),
        "a dictionary in itself": Writer(4).raw(b"}\x94Nh\x00s").stop(),
        "a frozen set in itself": Writer(4).raw(b"]\x94(h\x00\x91").stop(),
    }


def _repetition() -> dict[str, bytes]:
    return {
        "DUP": Writer(4).raw(b"N" + b"2" * _DEEP).stop(),
        "MEMOIZE": Writer(4).raw(b"N" + b"\x94" * _DEEP).stop(),
        "PROTO": Writer(4).raw(b"\x80\x04" * _DEEP).push(1).stop(),
        "empty frames": Writer(4).raw((b"\x95" + bytes(8)) * _DEEP).push(1).stop(),
        "names": Writer(4).raw(b"cbuiltins\nint\n0" * _DEEP).push(1).stop(),
    }


def _memos() -> dict[str, bytes]:
    """Indexes that a reader with an array for a memo would make room for."""
    far = {"LONG_BINPUT 2**31": 2**31, "LONG_BINPUT 2**32 - 1": 2**32 - 1}
    texts = {"PUT 2**32": str(2**32), "PUT 2**62": str(2**62), "PUT 2**80": str(2**80)}
    programs = {name: Writer(4).push(1).long_binput(index).stop() for name, index in far.items()}
    return programs | {name: Writer(4).push(1).put(text).stop() for name, text in texts.items()}


@functools.cache
def _decompression() -> dict[str, bytes]:
    """A gigabyte of zeros, as the bytes of an honest-looking value."""
    size = _CHUNK * _CHUNKS
    head = Writer(4).binbytes8(size, b"").unfinished()
    zeros, honest = bytes(_CHUNK), pickled(New(Name("sklearn.linear_model:Ridge")))
    return {
        "zlib": _deflated(head),
        "zlib, after an honest end": _deflated(honest),
        "gzip": gzip.compress(head) + gzip.compress(zeros) * _CHUNKS,
        "bz2": bz2.compress(head) + bz2.compress(zeros) * _CHUNKS,
        "xz": lzma.compress(head) + lzma.compress(zeros, preset=0) * _CHUNKS,
        "ZF": b"ZF" + hex(size).ljust(19).encode() + _deflated(head),
    }


def _deflated(head: bytes) -> bytes:
    """`head` and a gigabyte of zeros in one zlib stream, of which a chunk is deflated once."""
    pieces = []
    for chunk in (head, bytes(_CHUNK)):
        deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        pieces.append(deflate.compress(chunk) + deflate.flush(zlib.Z_FULL_FLUSH))
    empty_last_block, wrong_sum = b"\x03\x00", struct.pack(">I", 0)
    return b"\x78\x9c" + pieces[0] + pieces[1] * _CHUNKS + empty_last_block + wrong_sum


def _allocators() -> dict[str, Any]:
    """Callables that make room for as much as they are told."""
    sized = (
        "builtins:bytearray",
        "builtins:bytes",
        "numpy:zeros",
        "numpy:empty",
        "numpy:ones",
        "numpy:arange",
        "numpy:identity",
        "numpy:ndarray",
        "numpy:recarray",
    )
    ndarray = Name("numpy:ndarray")
    return {f"{target} of a vast size": call(target, _VAST) for target in sized} | {
        "ndarray by NEWOBJ": New(ndarray, ((_VAST,),)),
        "_reconstruct of a vast array": call(
            "numpy.core.multiarray:_reconstruct", ndarray, (_VAST,), b"b"
        ),
        "full": call("numpy:full", (_VAST,), 1),
        "operator.mul of text": call("operator:mul", "model", _VAST),
        "operator.pow": call("operator:pow", 10, _VAST),
        "pow": call("builtins:pow", 7, _VAST),
        "operator.lshift": call("operator:lshift", 1, _VAST),
        "int.to_bytes": call("builtins:int.to_bytes", 1, _VAST, "little"),
        "str.zfill": call("builtins:str.zfill", "1", _VAST),
        "format of a width": call("builtins:format", "1", f">{_VAST}"),
        "os.urandom": call("os:urandom", _VAST),
        "Random.randbytes": call("random:Random.randbytes", call("random:Random"), _VAST),
        "sparse of a vast shape": call("scipy.sparse:eye", _VAST),
    }


def _expansions() -> dict[str, Any]:
    """Lazy values, and what writes them out."""
    numbers = call("builtins:range", _VAST)
    writers = ("list", "tuple", "set", "frozenset", "bytes", "sum", "dict.fromkeys")
    endless = call("itertools:repeat", 1)
    return {f"{name} of a range": call(f"builtins:{name}", numbers) for name in writers} | {
        "a range alone": numbers,
        "list of repeat": call("builtins:list", endless),
        "list of count": call("builtins:list", call("itertools:count")),
        "list of product": call(
            "builtins:list", call("itertools:product", *[call("builtins:range", 100)] * 9)
        ),
        "deque of repeat": call("collections:deque", endless),
        "array of a range": call("numpy:array", numbers),
        "Counter of a range": call("collections:Counter", numbers),
        "zlib.decompress": call("zlib:decompress", zlib.compress(bytes(2**20))),
    }


def _waits() -> dict[str, Any]:
    """Take forever without taking memory."""
    return {
        "time.sleep": call("time:sleep", 10**6),
        "input": call("builtins:input"),
        "signal.pause": call("signal:pause"),
        "select.select": call("select:select", [], [], []),
        "threading.Event.wait": call("threading:Event.wait", call("threading:Event")),
        "re.match": call("re:match", "(a+)+$", "a" * 64 + "b"),
        "reading a pipe": call("builtins:open", 0),
        "deque of a loop": call("collections:deque", call("itertools:repeat", 1), 0),
    }
