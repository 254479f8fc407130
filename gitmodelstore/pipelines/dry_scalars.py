"""The opcodes that put a plain value on the stack, or move one between stack and memo.

A part of the machine in `dry_machine.py`. Each method `on_…` is named after its opcode
in `pickle`, takes where its argument begins and returns where the next opcode stands.

Source: pickle.py, the `load_` methods of `_Unpickler`.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from struct import Struct

from gitmodelstore.pipelines.dry_symbols import Symbol
from gitmodelstore.pipelines.dry_walk import OPCODES, Fault, Walk

_UINT2 = Struct("<H").unpack_from
_INT4 = Struct("<i").unpack_from
_UINT4 = Struct("<I").unpack_from
_UINT8 = Struct("<Q").unpack_from
_DOUBLE = Struct(">d").unpack_from


class Scalars:
    """Stack, memo, and what needs no more than those.

    Attributes:
        walk: what this pickle shares with the others of its file.
        data: everything, of which this pickle is a part.
        size: of `data`.
        stack: what was put on it since the last mark.
        push: `stack.append`.
        memo: index to symbol.
    """

    __slots__ = ("data", "memo", "push", "size", "stack", "walk")

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.data = walk.data
        self.size = len(walk.data)
        self.stack: list[Symbol] = []
        self.push: Callable[[Symbol], None] = self.stack.append
        self.memo: dict[int, Symbol] = {}

    def refuse(self, at: int, reason: str) -> None:
        self.walk.rules.refuse(reason, *self.opcode_at(at))

    def opcode_at(self, at: int) -> tuple[str, int]:
        """Return name and offset of the opcode whose argument begins at `at`."""
        return OPCODES[self.data[at - 1]], at - 1

    def end_of(self, start: int, count: int) -> int:
        """Return where `count` bytes from `start` end.

        Raises:
            Fault: fewer are left.
        """
        end = start + count
        if not start <= end <= self.size:
            raise Fault(f"{count:,} bytes are announced, {self.size - start:,} are left")
        return end

    def line(self, at: int) -> tuple[bytes, int]:
        """Return the text up to the next line end, and where the line after it begins."""
        end = self.data.find(b"\n", at)
        if end < 0:
            raise Fault("it ends too early")
        return self.data[at:end], end + 1

    # Constants

    def on_none(self, at: int) -> int:
        self.push(None)
        return at

    def on_newtrue(self, at: int) -> int:
        self.push(True)
        return at

    def on_newfalse(self, at: int) -> int:
        self.push(False)
        return at

    # Numbers

    def on_binint(self, at: int) -> int:
        self.push(_INT4(self.data, at)[0])
        return at + 4

    def on_binint1(self, at: int) -> int:
        self.push(self.data[at])
        return at + 1

    def on_binint2(self, at: int) -> int:
        self.push(_UINT2(self.data, at)[0])
        return at + 2

    def on_long1(self, at: int) -> int:
        return self._long(at + 1, self.data[at])

    def on_long4(self, at: int) -> int:
        return self._long(at + 4, _INT4(self.data, at)[0])

    def _long(self, at: int, count: int) -> int:
        end = self.end_of(at, count)
        self.push(int.from_bytes(self.data[at:end], "little", signed=True))
        return end

    def on_binfloat(self, at: int) -> int:
        self.push(_DOUBLE(self.data, at)[0])
        return at + 8

    def on_int(self, at: int) -> int:
        text, end = self.line(at)
        self.push(text == b"01" if text in (b"00", b"01") else int(text, 0))
        return end

    def on_long(self, at: int) -> int:
        text, end = self.line(at)
        self.push(int(text.removesuffix(b"L"), 0))
        return end

    def on_float(self, at: int) -> int:
        text, end = self.line(at)
        self.push(float(text))
        return end

    # Text

    def on_short_binunicode(self, at: int) -> int:
        start = at + 1
        end = start + self.data[at]
        if end > self.size:
            raise Fault("it ends too early")
        self.push(self.data[start:end].decode("utf-8", "surrogatepass"))
        return end

    def on_binunicode(self, at: int) -> int:
        return self._text(at + 4, _UINT4(self.data, at)[0])

    def on_binunicode8(self, at: int) -> int:
        return self._text(at + 8, _UINT8(self.data, at)[0])

    def _text(self, at: int, count: int) -> int:
        end = self.end_of(at, count)
        self.push(self.data[at:end].decode("utf-8", "surrogatepass"))
        return end

    def on_unicode(self, at: int) -> int:
        text, end = self.line(at)
        self.push(text.decode("raw-unicode-escape"))
        return end

    def on_string(self, at: int) -> int:
        text, end = self.line(at)
        if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
            raise Fault("a text without quotes")
        held, _ = codecs.escape_decode(text[1:-1])
        self.push(held.decode("ascii"))
        return end

    def on_binstring(self, at: int) -> int:
        return self._ascii(at + 4, _INT4(self.data, at)[0])

    def on_short_binstring(self, at: int) -> int:
        return self._ascii(at + 1, self.data[at])

    def _ascii(self, at: int, count: int) -> int:
        end = self.end_of(at, count)
        self.push(self.data[at:end].decode("ascii"))
        return end

    # Bytes

    def on_short_binbytes(self, at: int) -> int:
        return self._bytes(at + 1, self.data[at])

    def on_binbytes(self, at: int) -> int:
        return self._bytes(at + 4, _UINT4(self.data, at)[0])

    def on_binbytes8(self, at: int) -> int:
        return self._bytes(at + 8, _UINT8(self.data, at)[0])

    def on_bytearray8(self, at: int) -> int:
        return self._bytes(at + 8, _UINT8(self.data, at)[0])

    def _bytes(self, at: int, count: int) -> int:
        end = self.end_of(at, count)
        self.push(self.data[at:end])
        return end

    # The memo

    def on_memoize(self, at: int) -> int:
        memo = self.memo
        memo[len(memo)] = self.stack[-1]
        return at

    def on_binput(self, at: int) -> int:
        self.memo[self.data[at]] = self.stack[-1]
        return at + 1

    def on_long_binput(self, at: int) -> int:
        self._keep(_UINT4(self.data, at)[0])
        return at + 4

    def on_put(self, at: int) -> int:
        text, end = self.line(at)
        self._keep(int(text))
        return end

    def _keep(self, index: int) -> None:
        if not 0 <= index < self.size:  # C's memo is an array as long as the highest index
            raise Fault("an impossible place in the memo")
        self.memo[index] = self.stack[-1]

    def on_binget(self, at: int) -> int:
        self.push(self.memo[self.data[at]])
        return at + 1

    def on_long_binget(self, at: int) -> int:
        self.push(self.memo[_UINT4(self.data, at)[0]])
        return at + 4

    def on_get(self, at: int) -> int:
        text, end = self.line(at)
        self.push(self.memo[int(text)])
        return end

    def on_dup(self, at: int) -> int:
        self.push(self.stack[-1])
        return at
