"""What a dry walk finds on its stack: signs for objects that nobody makes.

Numbers, texts, bytes, None, lists and tuples stand for themselves. Everything else is
one of these classes, all compared by identity, so that what a pickle shares stays
shared and nothing hostile is ever hashed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gitmodelstore.pipelines.rights import Rights, spelled

Symbol = Any

CALLED, NEW = "call", "new"


class Global:
    """A name that the pickle asks for; one for each name of a file.

    Attributes:
        module, name: as Python 3 spells them.
        place: where the table lists them, whichever release wrote them.
        rights: what may be done with it; None when it is refused.
        verdict: "listed", "data", "scikit-learn", "trusted" or "refused".
        offset: of the opcode that named it first.
        used: right to the offset of its first use.
    """

    __slots__ = ("module", "name", "offset", "place", "rights", "used", "verdict")

    def __init__(
        self, module: str, name: str, rights: Rights | None, verdict: str, offset: int
    ) -> None:
        self.module, self.name = module, name
        self.place = spelled(module, name)
        self.rights, self.verdict = rights, verdict
        self.offset = offset
        self.used: dict[str, int] = {}

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Made:
    """An object that the pickle would make.

    Attributes:
        way: "call" (REDUCE and its like) or "new" (made without `__init__`).
        of: what was called or instantiated; a `Global` in every honest file.
        arguments: a tuple in every honest file.
        state: what BUILD gave it; None without one.
        pairs: keys and values that were set on it, in turn.
    """

    __slots__ = ("arguments", "of", "pairs", "state", "way")

    def __init__(self, way: str, of: Symbol, arguments: Symbol) -> None:
        self.way = way
        self.of = of
        self.arguments = arguments
        self.state: Symbol = None
        self.pairs: list[Symbol] | tuple[()] = ()


class Pairs:
    """A dict: its keys and values in turn, as they were written, repeated keys included."""

    __slots__ = ("flat",)

    def __init__(self, flat: list[Symbol] | tuple[()] = ()) -> None:
        self.flat = flat


class Items:
    """A set or a frozenset: its items, as they were written."""

    __slots__ = ("frozen", "held")

    def __init__(self, held: list[Symbol] | tuple[()] = (), *, frozen: bool = False) -> None:
        self.held = held
        self.frozen = frozen


class Unknown:
    """What no dry walk can know: an extension code, a persistent id, a buffer from outside."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """An array whose bytes stand in the file.

    Attributes:
        dtype: as numpy prints it: "float64", "<U12", "object".
        shape: as numpy says it.
        offset: where its bytes begin, padding passed over, in what was decompressed.
        size_bytes: of its bytes; of an object array, of the pickle that holds its items.
        fortran: whether columns come first.
        content: the symbol of the array in that pickle; None for plain bytes.
        code: how `struct` reads an item; None where it cannot.
        data: the bytes; empty for an object array.
    """

    dtype: str
    shape: tuple[int, ...]
    offset: int
    size_bytes: int
    fortran: bool = False
    content: Symbol = None
    code: str | None = None
    data: memoryview = field(default=memoryview(b""), repr=False)
