"""How values look when printed: times, people, numbers, tables, wrapped text, colours.

What a terminal does with the colours, and how wide it is, the commands know (cli/paint.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gitmodelstore.values.events import Holding

ABBREVIATED = 7  # characters of a commit's id, as git shows it
OUT_OF_USE = ("registered", "archived", "withdrawn")  # a version *is* these, it is *in* any other


MARK = f"\x1b{secrets.token_hex(8)}"  # of our own colours, which no file can know
_STATUS = {"production": "32", "staging": "33", "withdrawn": "31", "archived": "2"}


class Paint:
    """Puts colour into text.

    Args:
        on: whether it does; without, every method returns its text as it is.
        room: how many columns the terminal has; None has room for all.
    """

    def __init__(self, on: bool, room: int | None = None) -> None:
        self.on = on
        self.room = room

    def bold(self, text: str) -> str:
        return self._with("1", text)

    def dim(self, text: str) -> str:
        return self._with("2", text)

    def red(self, text: str) -> str:
        return self._with("1;31", text)

    def green(self, text: str) -> str:
        return self._with("32", text)

    def yellow(self, text: str) -> str:
        return self._with("33", text)

    def cyan(self, text: str) -> str:
        return self._with("36", text)

    def status(self, status: str, text: str | None = None) -> str:
        """Return `text`, the status itself unless given, in the colour of that status."""
        shown = status if text is None else text
        code = _STATUS.get(status)
        return self._with(code, shown) if code else shown

    def commit(self, oid: str, taken: int) -> str:
        """Return the id of a commit, or as much of it as fits behind `taken` columns."""
        return self.yellow(oid if self.room is None else oid[: max(ABBREVIATED, self.room - taken)])

    def _with(self, code: str, text: str) -> str:
        return f"{MARK}[{code}m{text}{MARK}[m" if self.on and text.strip() else text


class Column(NamedTuple):
    """One column of a table.

    Attributes:
        head: its heading.
        right: whether it is aligned to the right, as numbers are.
        most: characters after which a cell is cut; None for no limit.
    """

    head: str
    right: bool = False
    most: int | None = None


def moment(when: datetime) -> str:
    """Return a time as people read it, as 2026-03-03 14:05 UTC."""
    return f"{when.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"


def withdrawn_and_back(holding: Holding) -> Iterator[tuple[str, str]]:
    """Yield when, by whom and why a version had been withdrawn, and how it came back."""
    told = holding.withdrawal
    if told is None:
        return
    for said, when, who, why in (
        ("withdrawn", told.since, told.who, told.why),
        ("came back", told.until, told.back_by, told.back_why),
    ):
        because = f" ({visible(why)})" if why else ""
        yield said, f"{moment(when)} by {visible(who)}{because}"


def day(when: datetime) -> str:
    return f"{when.astimezone(timezone.utc):%Y-%m-%d}"


def name_of(who: str) -> str:
    """Return the name in "Name <email>"; the address where there is no name."""
    name, _, address = who.partition(" <")
    return visible(name or address.rstrip(">"))


def state(status: str) -> str:
    """Return a status behind "is" or "was": archived, in production."""
    return status if status in OUT_OF_USE else f"in {status}"


def number(value: float, digits: int = 6) -> str:
    return f"{value + 0:.{digits}g}" if isinstance(value, float) else str(value)


def aligned(value: float) -> str:
    """Return a number with four digits, so that those of a column can be compared at a glance."""
    return f"{value + 0:#.4g}".removesuffix(".") if isinstance(value, float) else str(value)


def difference(value: float, before: float) -> str:
    found = float(value) - float(before)
    return f"{found:+.3g}" if found else "0"


def size(count: int) -> str:
    """Return a number of bytes as 3.1 kB (thousands, as git's meter and file managers do)."""
    if count < 1000:
        return f"{count} bytes"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95 or unit == "GB":
            break
    return f"{value:.1f} {unit}"


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def visible(text: str) -> str:
    """Return text without what a terminal would act on; line ends become spaces."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c in "\n\t" else ascii(c)[1:-1] for c in text)


def table(columns: Sequence[Column], widths: Sequence[int], cells: Sequence[str]) -> str:
    """Return one line of a table, its cells padded to the widths of their columns."""
    padded = (
        pad(cut(cell, width), width, right=column.right)
        for column, width, cell in zip(columns, widths, cells, strict=True)
    )
    return "  ".join(padded).rstrip()


def widths_of(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> list[int]:
    """Return how wide each column must be for its heading and its cells."""
    widths = [len(column.head) for column in columns]
    for row in rows:
        widths = [max(have, width(cell)) for have, cell in zip(widths, row, strict=True)]
    return [
        max(len(column.head), min(found, column.most or found))
        for column, found in zip(columns, widths, strict=True)
    ]


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def pad(text: str, to: int, *, right: bool = False) -> str:
    gap = " " * max(0, to - width(text))
    return gap + text if right else text + gap


def cut(text: str, most: int) -> str:
    """Return `text`, or as much of it as fits into `most` columns with an ellipsis."""
    if width(text) <= most:
        return text
    while width(text) > most - 1:
        text = text[:-1]
    return text + "…"


def wrapped(words: Sequence[str], first: str, indent: str, most: int) -> Iterator[str]:
    """Yield lines of words joined by spaces, the first behind `first`, the others indented."""
    line = first
    fresh = True
    for word in words:
        if not fresh and width(line) + 1 + width(word) > most:
            yield line
            line, fresh = indent, True
        line = f"{line}{'' if fresh else ' '}{word}"
        fresh = False
    yield line
