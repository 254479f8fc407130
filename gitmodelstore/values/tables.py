"""The tables that answers are printed as: models, the versions of one, what a search found."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timezone
from functools import partialmethod
from itertools import chain, islice

from gitmodelstore.lean import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

if TYPE_CHECKING:
    from gitmodelstore.operations.resolve import Listed
    from gitmodelstore.operations.search import Match
    from gitmodelstore.values.events import Holding
    from gitmodelstore.values.model_version import ModelSummary
    from gitmodelstore.values.names import Version


# How values look when printed: times, people, numbers, tables, wrapped text, colours.

ABBREVIATED = 7  # characters of a commit's id, as git shows it
OUT_OF_USE = ("registered", "archived", "withdrawn")  # a version *is* these, it is *in* any other


MARK = f"\x1b{os.urandom(8).hex()}"  # of our own colours, which no file can know
_STATUS = {"production": "32", "staging": "33", "withdrawn": "31", "archived": "2"}


class Paint:
    """Puts colour into text where it is `on`; `room` is the width of the terminal, None for any."""

    def __init__(self, on: bool, room: int | None = None) -> None:
        self.on = on
        self.room = room

    def _with(self, code: str, text: str) -> str:
        return f"{MARK}[{code}m{text}{MARK}[m" if self.on and text.strip() else text

    bold = partialmethod(_with, "1")
    dim = partialmethod(_with, "2")
    red = partialmethod(_with, "1;31")
    green = partialmethod(_with, "32")
    yellow = partialmethod(_with, "33")
    cyan = partialmethod(_with, "36")

    def status(self, status: str, text: str | None = None) -> str:
        """Return `text`, the status itself unless given, in the colour of that status."""
        shown = status if text is None else text
        code = _STATUS.get(status)
        return self._with(code, shown) if code else shown

    def commit(self, oid: str, taken: int) -> str:
        """Return the id of a commit, or as much of it as fits behind `taken` columns."""
        return self.yellow(oid if self.room is None else oid[: max(ABBREVIATED, self.room - taken)])


class TextColumn(NamedTuple):
    """One column of a table."""

    head: str
    right: bool = False  # as numbers are aligned
    most: int | None = None  # characters after which a cell is cut


def moment(when: datetime) -> str:
    """Return a time as people read it, as 2026-03-03 14:05 UTC."""
    return f"{when.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"


def withdrawn_and_back(holding: Holding) -> Iterator[tuple[str, str]]:
    """Yield when, by whom and why a version had been withdrawn, and how it came back."""
    withdrawal = holding.withdrawal
    if withdrawal is None:
        return
    for word, when, who, why in (
        ("withdrawn", withdrawal.since, withdrawal.who, withdrawal.why),
        ("came back", withdrawal.until, withdrawal.back_by, withdrawal.back_why),
    ):
        because = f" ({visible(why)})" if why else ""
        yield word, f"{moment(when)} by {visible(who)}{because}"


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
    gap = float(value) - float(before)
    return f"{gap:+.3g}" if gap else "0"


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


def table(columns: Sequence[TextColumn], widths: Sequence[int], cells: Sequence[str]) -> str:
    """Return one line of a table, its cells padded to the widths of their columns."""
    padded = (
        pad(cut(cell, width), width, right=column.right)
        for column, width, cell in zip(columns, widths, cells, strict=True)
    )
    return "  ".join(padded).rstrip()


def widths_of(columns: Sequence[TextColumn], rows: Iterable[Sequence[str]]) -> list[int]:
    """Return how wide each column must be for its heading and its cells."""
    widths = [len(column.head) for column in columns]
    for row in rows:
        widths = [max(have, width(cell)) for have, cell in zip(widths, row, strict=True)]
    return [
        max(len(column.head), min(needed, column.most or needed))
        for column, needed in zip(columns, widths, strict=True)
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


_NOTHING = "-"
_LOOKED_AT = 50  # versions that decide how wide the columns are; the others follow as they come
_SHOWN_ANYWAY = ("model", "version", "status", "created_at", "author")
_MOST = 32  # characters of a value


def models(summaries: Sequence[ModelSummary], paint: Paint) -> Iterator[str]:
    """Yield the lines of `gms list`."""
    if not summaries:
        return
    statuses = sorted(summaries[0].holders, key=lambda status: (status != "production", status))
    heads = [TextColumn("MODEL"), TextColumn("VERSIONS", right=True), TextColumn("HIGHEST")]
    columns = [*heads, *(TextColumn(status.upper()) for status in statuses)]
    rows = [
        [
            summary.model,
            str(summary.versions),
            str(summary.highest),
            *(_holders(summary.holders[status]) for status in statuses),
        ]
        for summary in summaries
    ]
    yield from lines_of(columns, rows, paint.dim)


def lines_of(
    columns: Sequence[TextColumn], rows: Sequence[Sequence[str]], paint: Callable[[str], str] = str
) -> Iterator[str]:
    """Yield the lines of a table, its heads first, as `paint` has them."""
    widths = widths_of(columns, rows)
    yield paint(table(columns, widths, [column.head for column in columns]))
    for row in rows:
        yield table(columns, widths, row)


def _holders(versions: Sequence[Version]) -> str:
    more = f" +{len(versions) - 1}" if len(versions) > 1 else ""
    return f"{versions[0]}{more}" if versions else _NOTHING


def versions(listed: Iterable[Listed], paint: Paint) -> Iterator[str]:
    """Yield the lines of `gms list NAME`, as far as there is room."""
    listed = iter(listed)
    first = list(islice(listed, _LOOKED_AT))
    manifests = [one.manifest for one in first if one.manifest]
    names = list(dict.fromkeys(name for manifest in manifests for name in manifest.metrics))
    layout, columns, widths = _LAYOUTS[0], list[TextColumn](), list[int]()
    for layout in _LAYOUTS:
        columns = [*layout.columns(), *(TextColumn(name, right=True) for name in names)]
        widths = widths_of(columns, [layout.cells(one, names) for one in first])
        if _fits(widths, paint.room):
            break
    left_out = 0
    while left_out < len(names) and not _fits(widths, paint.room, 4 if left_out else 0):
        del columns[-1], widths[-1]
        left_out += 1
    heads = table(columns, widths, [column.head for column in columns])
    yield paint.dim(heads + (f"  +{left_out}" if left_out else ""))
    for one in chain(first, listed):
        cells = layout.cells(one, names)[: len(columns)]
        yield _colored(table(columns, widths, cells), cells[1], widths[0] + 2, paint)


class _Layout(NamedTuple):
    """How much room the facts beside the metrics take."""

    when: Callable[[datetime], str]
    who: int  # after how many characters it is cut
    algorithm: int

    def columns(self) -> list[TextColumn]:
        most = {"BY": self.who, "ALGORITHM": self.algorithm}
        heads = ("VERSION", "STATUS", "REGISTERED", *most)
        return [TextColumn(head, most=most.get(head)) for head in heads]

    def cells(self, one: Listed, metrics: Sequence[str]) -> list[str]:
        manifest, start = one.manifest, [str(one.version), one.status or _NOTHING]
        if manifest is None or one.created_at is None:
            fault = "damaged" if one.status else "lost"
            return [*start, fault, *[_NOTHING] * (2 + len(metrics))]
        by, algorithm = name_of(manifest.author), visible(manifest.pipeline.algorithm)
        values = (manifest.metrics.get(name) for name in metrics)
        numbers = (_NOTHING if value is None else aligned(value) for value in values)
        return [*start, self.when(one.created_at), by, algorithm, *numbers]


_LAYOUTS = (_Layout(moment, 24, 40), _Layout(day, 16, 20), _Layout(day, 8, 12))


def _fits(widths: Sequence[int], room: int | None, more: int = 0) -> bool:
    return room is None or sum(widths) + 2 * (len(widths) - 1) + more <= room


def _colored(line: str, status: str, start: int, paint: Paint) -> str:
    """Return a line of a table with the status, which begins at `start`, in its colour."""
    end = start + len(status)
    return line[:start] + paint.status(status, line[start:end]) + line[end:]


def matches(matches: Sequence[Match], paint: Paint) -> Iterator[str]:
    """Yield the lines of `gms search`, as far as there is room."""
    if not matches:
        return
    names = [name for name in matches[0].values if name not in _SHOWN_ANYWAY]
    columns = [
        *(TextColumn(head) for head in ("MODEL", "VERSION", "STATUS", "REGISTERED")),
        TextColumn("BY", most=24),
        *(
            TextColumn(
                visible(name),
                right=all(type(one.values[name]) in (int, float, type(None)) for one in matches),
                most=_MOST,
            )
            for name in names
        ),
    ]
    rows = [
        [
            match.model,
            str(match.version),
            match.status,
            day(match.created_at),
            name_of(match.author),
            *(_field(match.values[name]) for name in names),
        ]
        for match in matches
    ]
    widths = widths_of(columns, rows)
    for last in (4, 3):  # where there is no room, who registered it goes first, then when
        if not _fits(widths, paint.room):
            del columns[last], widths[last]
            for row in rows:
                del row[last]
    heads, *lines = lines_of(columns, rows, paint.dim)
    yield heads
    for row, line in zip(rows, lines, strict=True):
        yield _colored(line, row[2], widths[0] + widths[1] + 4, paint)


def _field(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, float):
        return number(value)
    import json

    return visible(json.dumps(value, ensure_ascii=False))


# A sequence that is read as somebody asks for it, and prints as the command that shows it.

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

    def passing(self) -> Iterator[T]:
        """Yield every item and keep none of those that are read for it, of which there are many."""
        return chain(self._kept, self._items)

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
