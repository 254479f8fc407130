"""The opcodes of pickle, one method each.

It writes what it is told, sense or nonsense.

Source: the opcodes and their arguments as `pickletools` documents them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Self


def opcode(code: bytes, form: str = "") -> Callable[..., Any]:
    """A method that writes an opcode, and numbers in a form of `struct`."""
    return lambda self, *numbers: self.raw(code + struct.pack(form, *numbers))


def sized(code: bytes, form: str) -> Callable[..., Any]:
    """One of a size and bytes; the size is an argument, so that it can lie."""
    return lambda self, size, data: self.raw(code + struct.pack(form, size) + data)


def measured(code: bytes, form: str) -> Callable[..., Any]:
    """One of bytes or text, whose size is what it is."""

    def write(self: Opcodes, held: bytes | str) -> Opcodes:
        data = held.encode() if isinstance(held, str) else held
        return self.raw(code + struct.pack(form, len(data)) + data)

    return write


def line(code: bytes) -> Callable[..., Any]:
    """One of a line of text, or of the two lines of `module:name`."""
    return lambda self, text: self.raw(code + text.replace(":", "\n").encode() + b"\n")


class Opcodes:
    """Opcodes one after another; each method returns the writer, so that a program is a chain.

    Args:
        protocol: 0 to 5, or a number that there is not. The PROTO opcode itself is written from
            protocol 2 on, as pickle does.
        framed: whether everything stands in frames, as pickle does from protocol 4 on.

    >>> Opcodes(0).mark().unicode("true").inst("os:system").stop()
    b'(Vtrue\\nios\\nsystem\\n.'
    """

    def __init__(self, protocol: int = 4, *, framed: bool = False) -> None:
        self.protocol = protocol
        self.framed = framed
        self._out = bytearray()
        self._frame: int | None = None  # where the one that is open begins
        if protocol >= 2:
            self.proto(protocol)
        if framed:
            self.frame()

    def raw(self, data: bytes) -> Self:
        """Add bytes as they are: an opcode that has no method, array data, garbage."""
        self._out += data
        return self

    def stop(self) -> bytes:
        """End the program and return all of it."""
        return self.raw(b".").unfinished()

    def unfinished(self) -> bytes:
        """Return the program without its STOP."""
        self.end_frame()
        return bytes(self._out)

    # Frames

    def frame(self, size: int | None = None) -> Self:
        """Open a frame; its size is filled in at its end unless it is given here."""
        self.raw(b"\x95" + struct.pack("<Q", size or 0))
        self._frame = len(self._out) if size is None else None
        return self

    def end_frame(self) -> Self:
        if start := self._frame:
            self._out[start - 8 : start] = struct.pack("<Q", len(self._out) - start)
            self._frame = None
        return self

    # The stack and the memo

    proto = opcode(b"\x80", "B")
    mark = opcode(b"(")
    pop = opcode(b"0")
    pop_mark = opcode(b"1")
    dup = opcode(b"2")
    memoize = opcode(b"\x94")
    put = line(b"p")
    binput = opcode(b"q", "B")
    long_binput = opcode(b"r", "<I")
    get = line(b"g")
    binget = opcode(b"h", "B")
    long_binget = opcode(b"j", "<I")

    # Names and persistent ids

    name = line(b"c")  # GLOBAL
    stack_global = opcode(b"\x93")
    ext1 = opcode(b"\x82", "B")
    ext2 = opcode(b"\x83", "<H")
    ext4 = opcode(b"\x84", "<i")
    persid = line(b"P")
    binpersid = opcode(b"Q")

    # Objects

    reduce = opcode(b"R")
    build = opcode(b"b")
    newobj = opcode(b"\x81")
    newobj_ex = opcode(b"\x92")
    inst = line(b"i")
    obj = opcode(b"o")

    # Containers

    empty_list = opcode(b"]")
    list = opcode(b"l")
    append = opcode(b"a")
    appends = opcode(b"e")
    empty_dict = opcode(b"}")
    dict = opcode(b"d")
    setitem = opcode(b"s")
    setitems = opcode(b"u")
    empty_tuple = opcode(b")")
    tuple = opcode(b"t")
    tuple1 = opcode(b"\x85")
    tuple2 = opcode(b"\x86")
    empty_set = opcode(b"\x8f")
    additems = opcode(b"\x90")
    frozenset = opcode(b"\x91")

    # Scalars

    none = opcode(b"N")
    binint = opcode(b"J", "<i")
    float = opcode(b"G", ">d")
    long4 = sized(b"\x8b", "<i")

    def bool(self, value: bool) -> Self:
        if self.protocol < 2:
            return self.raw(b"I01\n" if value else b"I00\n")
        return self.raw(b"\x88" if value else b"\x89")

    def int(self, value: int) -> Self:
        return self.raw(b"I%d\n" % value)

    def long1(self, value: int) -> Self:
        data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        return self.raw(b"\x8a" + bytes([len(data)]) + data)

    # Text and bytes

    binstring = measured(b"T", "<i")
    short_binstring = measured(b"U", "B")
    binunicode = measured(b"X", "<I")
    short_binunicode = measured(b"\x8c", "B")
    binunicode8 = sized(b"\x8d", "<Q")
    binbytes = sized(b"B", "<I")
    binbytes8 = sized(b"\x8e", "<Q")
    bytearray8 = sized(b"\x96", "<Q")
    next_buffer = opcode(b"\x97")
    readonly_buffer = opcode(b"\x98")

    def string(self, text: str) -> Self:
        return self.raw(b"S'" + text.encode("latin-1") + b"'\n")

    def unicode(self, text: str) -> Self:
        return self.raw(b"V" + text.encode("raw_unicode_escape") + b"\n")
