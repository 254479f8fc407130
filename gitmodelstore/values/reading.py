"""A sequence that is read as somebody asks for it, and prints as the command that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar, overload

from gitmodelstore.values.render import Paint, counted

T = TypeVar("T")
Page = Callable[[Sequence[T], Paint], Iterator[str]]


class Reading(Sequence[T]):
    """What an iterator yields, kept: it has a length, items, slices, and is equal to such.

    >>> words = Reading(iter(["one", "two", "three"]), "word", lambda held, paint: iter(held))
    >>> words[1], len(words), words[:2] == ["one", "two"], words
    ('two', 3, True, <3 words>)
    >>> print(words)
    one
    two
    three

    Args:
        items: yields them; as far as nobody has asked, they are not read.
        noun: what one of them is.
        page: yields the lines in which they are printed.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, items: Iterator[T], noun: str, page: Page[T]) -> None:
        self._items = items
        self._kept: list[T] = []
        self._noun = noun
        self._page = page

    def __iter__(self) -> Iterator[T]:
        at = 0
        while self._reaches(at):
            yield self._kept[at]
            at += 1

    def __len__(self) -> int:
        self._reaches(None)
        return len(self._kept)

    def __bool__(self) -> bool:
        return self._reaches(0)

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> Reading[T]: ...
    def __getitem__(self, at: int | slice) -> T | Reading[T]:
        if isinstance(at, slice):
            ends = (at.start or 0, at.stop if at.stop is not None else -1, at.step or 1)
            self._reaches(at.stop - 1 if min(ends) >= 0 else None)
            return Reading(iter(self._kept[at]), self._noun, self._page)
        self._reaches(at if at >= 0 else None)
        return self._kept[at]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Reading, list, tuple)):
            return NotImplemented
        return tuple(self) == tuple(other)

    def __str__(self) -> str:
        return "\n".join(self._page(self, Paint(False)))

    def __repr__(self) -> str:
        return f"<{counted(len(self), self._noun)}>"

    def __getstate__(self) -> dict[str, Any]:
        self._reaches(None)
        return {**self.__dict__, "_items": iter(())}

    def _reaches(self, at: int | None) -> bool:
        """Read on until there is an item `at` this place, None for all; say whether there is."""
        missing = None if at is None else max(0, at + 1 - len(self._kept))
        self._kept.extend(islice(self._items, missing))
        return at is None or at < len(self._kept)
