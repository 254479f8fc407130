"""An assembler for pickles: `opcodes`, and `push` for whole values.

What a program means is the business of whoever writes it; `families` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

from .opcodes import Opcodes
from .values import (
    Add,
    Append,
    Array,
    Build,
    Call,
    Extension,
    Fill,
    Fires,
    Hostile,
    Keep,
    Kept,
    Name,
    New,
    files,
)

_FIRST_WITH_FRAMES = 4
_SHORT = 255


class Writer(Opcodes):
    """Opcodes and values one after another, so that a program is a chain.

    >>> Writer(0).push(Name("os:system")).push(("true",)).reduce().stop()
    b'cos\\nsystem\\n(Vtrue\\ntR.'
    """

    def push(self, value: Any) -> Self:
        """Leave `value` on the stack: a scalar, a plain container, or a value of `values`.

        Raises:
            TypeError: there is no way to write such a value.
        """
        match value:
            case None:
                return self.none()
            case bool():
                return self.bool(value)
            case int():
                return self._push_int(value)
            case float():
                return self.float(value)
            case str():
                return self._push_text(value)
            case bytes():
                return self._push_bytes(value)
            case tuple():
                return self._push_tuple(value)
            case list():
                return self._push_list(value)
            case dict():
                return self._push_dict(value)
            case set():
                return self.empty_set().mark()._push_all(value).additems()
            case _:
                return self._push_object(value)

    def _push_object(self, value: Any) -> Self:
        match value:
            case Name(target):
                return self._push_name(target)
            case Call(function, arguments):
                return self.push(function).push(arguments).reduce()
            case New(cls, arguments, None):
                return self.push(cls).push(arguments).newobj()
            case New(cls, arguments, named):
                return self.push(cls).push(arguments).push(named).newobj_ex()
            case Build(target, state):
                return self.push(target).push(state).build()
            case Append(target, items):
                return self.push(target).mark()._push_all(items).appends()
            case Fill(target, items):
                pairs = [part for pair in items for part in pair]
                return self.push(target).mark()._push_all(pairs).setitems()
            case Add(target, items):
                return self.push(target).mark()._push_all(items).additems()
            case Keep(index, kept):
                return self.push(kept).long_binput(index)
            case Kept(index):
                return self.long_binget(index)
            case Extension(code):
                return self.ext1(code)
            case Array(cls, state, data):
                return self._push_array(New(cls, (), None), state, data)
        raise TypeError(f"no opcodes for {type(value).__name__}")

    def _push_array(self, wrapper: New, state: Any, data: bytes) -> Self:
        """As joblib does: wrapper, state, end of the frame, then the bytes of the array."""
        self.push(Build(wrapper, state)).end_frame().raw(data)
        return self.frame() if self.framed else self

    def _push_name(self, target: str) -> Self:
        if self.protocol < _FIRST_WITH_FRAMES:
            return self.name(target)
        module, _, name = target.partition(":")
        return self.push(module).push(name).stack_global()

    def _push_int(self, value: int) -> Self:
        if -(2**31) <= value < 2**31:
            return self.binint(value) if self.protocol else self.int(value)
        return self.long1(value) if self.protocol > 1 else self.raw(b"L%dL\n" % value)

    def _push_text(self, text: str) -> Self:
        if self.protocol == 0:
            return self.unicode(text)
        if self.protocol < _FIRST_WITH_FRAMES or len(text.encode()) > _SHORT:
            return self.binunicode(text)
        return self.short_binunicode(text)

    def _push_bytes(self, data: bytes) -> Self:
        if self.protocol >= 3:
            return self.binbytes(len(data), data)
        # As pickle writes bytes for a Python that had none.
        latin = Call(Name("_codecs:encode"), (data.decode("latin-1"), "latin1"))
        return self.push(latin)

    def _push_tuple(self, items: tuple[Any, ...]) -> Self:
        if not items and self.protocol:
            return self.empty_tuple()
        return self.mark()._push_all(items).tuple()

    def _push_list(self, items: list[Any]) -> Self:
        if not self.protocol:
            return self.mark()._push_all(items).list()
        empty = self.empty_list()
        return empty.mark()._push_all(items).appends() if items else empty

    def _push_dict(self, value: dict[Any, Any]) -> Self:
        pairs = [part for pair in value.items() for part in pair]
        if not self.protocol:
            return self.mark()._push_all(pairs).dict()
        empty = self.empty_dict()
        return empty.mark()._push_all(pairs).setitems() if pairs else empty

    def _push_all(self, items: Any) -> Self:
        for item in items:
            self.push(item)
        return self


def pickled(value: Any, protocol: int = 4, *, framed: bool = False) -> bytes:
    """Return a whole program that leaves `value`."""
    return Writer(protocol, framed=framed).push(value).stop()


def written(
    family: str, values: Mapping[str, Any], *fires: Fires, **options: Any
) -> Iterator[Hostile]:
    """`files` of values, in protocol 4 without frames; the rest is as there."""
    programs = {name: pickled(value) for name, value in values.items()}
    return files(family, programs, *fires, **options)
