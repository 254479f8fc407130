"""The opcodes of pickle, one method each.

It writes what it is told, sense or nonsense.

Source: the opcodes and their arguments as `pickletools` documents them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self


@dataclass(slots=True)
class Frame:
    """Where the frame that is open begins in the output."""

    start: int


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
        self._frame: Frame | None = None
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
        self._frame = Frame(len(self._out)) if size is None else None
        return self

    def end_frame(self) -> Self:
        if self._frame:
            start = self._frame.start
            self._out[start - 8 : start] = struct.pack("<Q", len(self._out) - start)
            self._frame = None
        return self

    # The stack and the memo

    def proto(self, number: int) -> Self:
        return self.raw(b"\x80" + bytes([number]))

    def mark(self) -> Self:
        return self.raw(b"(")

    def pop(self) -> Self:
        return self.raw(b"0")

    def pop_mark(self) -> Self:
        return self.raw(b"1")

    def dup(self) -> Self:
        return self.raw(b"2")

    def memoize(self) -> Self:
        return self.raw(b"\x94")

    def put(self, text: str) -> Self:
        return self.raw(b"p" + text.encode() + b"\n")

    def binput(self, index: int) -> Self:
        return self.raw(b"q" + bytes([index]))

    def long_binput(self, index: int) -> Self:
        return self.raw(b"r" + struct.pack("<I", index))

    def get(self, text: str) -> Self:
        return self.raw(b"g" + text.encode() + b"\n")

    def binget(self, index: int) -> Self:
        return self.raw(b"h" + bytes([index]))

    def long_binget(self, index: int) -> Self:
        return self.raw(b"j" + struct.pack("<I", index))

    # Names and persistent ids

    def name(self, target: str) -> Self:
        """GLOBAL of `module:name`."""
        module, _, name = target.partition(":")
        return self.raw(b"c" + module.encode() + b"\n" + name.encode() + b"\n")

    def stack_global(self) -> Self:
        return self.raw(b"\x93")

    def ext1(self, code: int) -> Self:
        return self.raw(b"\x82" + bytes([code]))

    def ext2(self, code: int) -> Self:
        return self.raw(b"\x83" + struct.pack("<H", code))

    def ext4(self, code: int) -> Self:
        return self.raw(b"\x84" + struct.pack("<i", code))

    def persid(self, text: str) -> Self:
        return self.raw(b"P" + text.encode() + b"\n")

    def binpersid(self) -> Self:
        return self.raw(b"Q")

    # Objects

    def reduce(self) -> Self:
        return self.raw(b"R")

    def build(self) -> Self:
        return self.raw(b"b")

    def newobj(self) -> Self:
        return self.raw(b"\x81")

    def newobj_ex(self) -> Self:
        return self.raw(b"\x92")

    def inst(self, target: str) -> Self:
        module, _, name = target.partition(":")
        return self.raw(b"i" + module.encode() + b"\n" + name.encode() + b"\n")

    def obj(self) -> Self:
        return self.raw(b"o")

    # Containers

    def empty_list(self) -> Self:
        return self.raw(b"]")

    def list(self) -> Self:
        return self.raw(b"l")

    def append(self) -> Self:
        return self.raw(b"a")

    def appends(self) -> Self:
        return self.raw(b"e")

    def empty_dict(self) -> Self:
        return self.raw(b"}")

    def dict(self) -> Self:
        return self.raw(b"d")

    def setitem(self) -> Self:
        return self.raw(b"s")

    def setitems(self) -> Self:
        return self.raw(b"u")

    def empty_tuple(self) -> Self:
        return self.raw(b")")

    def tuple(self) -> Self:
        return self.raw(b"t")

    def tuple1(self) -> Self:
        return self.raw(b"\x85")

    def tuple2(self) -> Self:
        return self.raw(b"\x86")

    def empty_set(self) -> Self:
        return self.raw(b"\x8f")

    def additems(self) -> Self:
        return self.raw(b"\x90")

    def frozenset(self) -> Self:
        return self.raw(b"\x91")

    # Scalars

    def none(self) -> Self:
        return self.raw(b"N")

    def bool(self, value: bool) -> Self:
        if self.protocol < 2:
            return self.raw(b"I01\n" if value else b"I00\n")
        return self.raw(b"\x88" if value else b"\x89")

    def int(self, value: int) -> Self:
        return self.raw(b"I%d\n" % value)

    def binint(self, value: int) -> Self:
        return self.raw(b"J" + struct.pack("<i", value))

    def long1(self, value: int) -> Self:
        data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        return self.raw(b"\x8a" + bytes([len(data)]) + data)

    def long4(self, size: int, data: bytes) -> Self:
        return self.raw(b"\x8b" + struct.pack("<i", size) + data)

    def float(self, value: float) -> Self:
        return self.raw(b"G" + struct.pack(">d", value))

    # Text and bytes; the sizes are arguments, so that they can lie

    def string(self, text: str) -> Self:
        return self.raw(b"S'" + text.encode("latin-1") + b"'\n")

    def binstring(self, data: bytes) -> Self:
        return self.raw(b"T" + struct.pack("<i", len(data)) + data)

    def short_binstring(self, data: bytes) -> Self:
        return self.raw(b"U" + bytes([len(data)]) + data)

    def unicode(self, text: str) -> Self:
        return self.raw(b"V" + text.encode("raw_unicode_escape") + b"\n")

    def binunicode(self, text: str) -> Self:
        data = text.encode()
        return self.raw(b"X" + struct.pack("<I", len(data)) + data)

    def short_binunicode(self, text: str) -> Self:
        data = text.encode()
        return self.raw(b"\x8c" + bytes([len(data)]) + data)

    def binunicode8(self, size: int, data: bytes) -> Self:
        return self.raw(b"\x8d" + struct.pack("<Q", size) + data)

    def binbytes(self, size: int, data: bytes) -> Self:
        return self.raw(b"B" + struct.pack("<I", size) + data)

    def binbytes8(self, size: int, data: bytes) -> Self:
        return self.raw(b"\x8e" + struct.pack("<Q", size) + data)

    def bytearray8(self, size: int, data: bytes) -> Self:
        return self.raw(b"\x96" + struct.pack("<Q", size) + data)

    def next_buffer(self) -> Self:
        return self.raw(b"\x97")

    def readonly_buffer(self) -> Self:
        return self.raw(b"\x98")
