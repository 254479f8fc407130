"""The tables that answers are printed as: models, the versions of one, what a search found."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from functools import partialmethod
from itertools import chain, groupby, islice

from gitmodelstore.errors import html_of, html_table
from gitmodelstore.lean import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload, pattern

if TYPE_CHECKING:
    from gitmodelstore.operations.resolve import Listed
    from gitmodelstore.operations.search import Match
    from gitmodelstore.values.events import Holding
    from gitmodelstore.values.model_version import ModelSummary, ModelVersion
    from gitmodelstore.values.names import Version


# How values look when printed: times, people, numbers, tables, wrapped text, colours.

ABBREVIATED = 7  # characters of a commit's id, as git shows it
OUT_OF_USE = ("registered", "archived", "withdrawn")  # a version *is* these, it is *in* any other


MARK = f"\x1b{os.urandom(8).hex()}"  # of our own colours, which no file can know
RETURN = f"{MARK}r"  # to the beginning of the line, for what is written over
OURS = pattern(rf"{MARK}(?:(r)|\[([0-9;]*)m)")
_STATUS = {"production": "32", "staging": "33", "withdrawn": "31", "archived": "2"}


class Paint:
    """How a page looks: whether colour is `on`, the width of the terminal (None for any), dates."""

    def __init__(
        self,
        on: bool,
        room: int | None = None,
        dates: Callable[[datetime], str] | None = None,
    ) -> None:
        self.on = on
        self.room = room
        self._dates = dates  # None for the usual ones

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

    def moment(self, when: datetime) -> str:
        return moment(when) if self._dates is None else visible(self._dates(when))

    def day(self, when: datetime) -> str:
        return day(when) if self._dates is None else visible(self._dates(when))

    def commit(self, oid: str, taken: int) -> str:
        """Return the id of a commit, or as much of it as fits behind `taken` columns."""
        return self.yellow(oid if self.room is None else oid[: max(ABBREVIATED, self.room - taken)])


NOTEBOOK = Paint(True)  # where a page is to become HTML


class TextColumn(NamedTuple):
    """One column of a table."""

    head: str
    right: bool = False  # as numbers are aligned
    most: int | None = None  # characters after which a cell is cut


def moment(when: datetime) -> str:
    """Return a time as people read it, as 2026-03-03 14:05 UTC."""
    return f"{when.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"


def withdrawn_and_back(holding: Holding, paint: Paint) -> Iterator[tuple[str, str]]:
    """Yield when, by whom and why a version had been withdrawn, and how it came back."""
    withdrawal = holding.withdrawal
    if withdrawal is None:
        return
    for word, when, who, why in (
        ("withdrawn", withdrawal.since, withdrawal.who, withdrawal.why),
        ("came back", withdrawal.until, withdrawal.back_by, withdrawal.back_why),
    ):
        because = f" ({visible(why)})" if why else ""
        yield word, f"{paint.moment(when)} by {visible(who)}{because}"


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


class Table(NamedTuple):
    """A part of a page: rows below the heads of their columns.

    Args:
        columns: their heads are not shown where all are empty.
        rows: a cell for each column; they are read once.
        indent: what stands before each line.
        paint: the colour of the heads.
        widths: of the columns; None for as wide as their cells.
    """

    columns: Sequence[TextColumn]
    rows: Iterable[Sequence[str]]
    indent: str = ""
    paint: Callable[[str], str] = str
    widths: Sequence[int] | None = None

    def lines(self, room: int | None = None) -> Iterator[str]:
        """Yield the lines of the table.

        Where there is no `room` for one, cells that may be cut end in `…`; where that is not
        enough, each row is lines of a head and a cell.
        """
        rows, widths = self.rows, self.widths
        if widths is None:
            rows = list(rows)
            widths = widths_of(self.columns, rows)
            if room is not None:
                widths = _narrowed(self.columns, rows, widths, room - len(self.indent))
        heads = [column.head for column in self.columns]
        if any(heads):
            if room is not None and not _fits(widths, room, len(self.indent)):
                yield from self._records(rows, room)
                return
            yield self.indent + self.paint(self._line(widths, heads))
        for row in rows:
            yield (self.indent + self._line(widths, row)).rstrip()

    def _records(self, rows: Iterable[Sequence[str]], room: int) -> Iterator[str]:
        """Yield each row as several lines, a blank one before it if its first cell has a head."""
        heads = [column.head for column in self.columns]
        most = max(map(width, heads))
        own = self.indent + ("" if heads[0] else "  ")
        for place, row in enumerate(rows):
            if place and heads[0]:
                yield ""
            for at, (head, cell) in enumerate(zip(heads, row, strict=True)):
                if head:
                    first = f"{own}{self.paint(pad(head, most))}  "
                    yield from wrapped(cell.split(" "), first, own + " " * (most + 2), room)
                elif cell:
                    yield f"{own if at else self.indent}{cell}"

    def _line(self, widths: Sequence[int], cells: Sequence[str]) -> str:
        padded = (
            pad(cut(cell, width), width, right=column.right)
            for column, width, cell in zip(self.columns, widths, cells, strict=True)
        )
        return "  ".join(padded).rstrip()


class Fact(NamedTuple):
    """A part of a page: a name and a value.

    Args:
        label, text: they are folded, so that each line of the text begins below the first.
        most: columns that it takes even where there is room for more; None for any number.
    """

    label: str
    text: str
    most: int | None = None

    def lines(self, room: int | None = None) -> Iterator[str]:
        """Yield the lines of the fact."""
        most = min((one for one in (room, self.most) if one), default=None)
        indent = " " * (LABEL + 2)
        first = f"  {pad(self.label, LABEL)}"
        if width(self.label) >= LABEL:
            first = f"  {self.label}  "
        if most is None:
            yield f"{first}{self.text}".rstrip()
        else:
            yield from wrapped(self.text.split(" "), first, indent, most)


LABEL = 13  # columns
Part = str | Fact | Table


def lines_of(page: Iterable[Part], room: int | None = None) -> Iterator[str]:
    """Yield the lines of a page; `room` is the width of the terminal, None for any."""
    for part in page:
        yield from (part,) if isinstance(part, str) else part.lines(room)


T = TypeVar("T")
_LEAST = 6  # columns to which one of text is narrowed


def _narrowed(
    columns: Sequence[TextColumn], rows: Sequence[Sequence[str]], widths: list[int], room: int
) -> list[int]:
    """Return widths with which a table fits, if those that may be cut can be that narrow.

    Of a column of numbers only the head may be.
    """
    least = {
        at: max((width(row[at]) for row in rows), default=0) if column.right else _LEAST
        for at, column in enumerate(columns)
        if column.most is not None
    }
    narrow = list(widths)
    while sum(narrow) + 2 * (len(narrow) - 1) > room:
        wide = [at for at in least if narrow[at] > least[at]]
        if not wide:
            return widths  # the lines are folded
        narrow[max(wide, key=narrow.__getitem__)] -= 1
    return narrow


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
    if MARK in text:
        text = OURS.sub("", text)
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    def columns(char: str) -> int:
        return 0 if category(char) in ("Mn", "Me") else 2 if east_asian_width(char) in "WF" else 1

    return sum(map(columns, text))


def pad(text: str, to: int, *, right: bool = False) -> str:
    gap = " " * max(0, to - width(text))
    return gap + text if right else text + gap


def cut(text: str, most: int) -> str:
    """Return `text`, or as much of it as fits into `most` columns with an ellipsis."""
    if width(text) <= most:
        return text
    text = OURS.sub("", text)
    while width(text) > most - 1:
        text = text[:-1]
    return text + "…"


def wrapped(words: Sequence[str], first: str, indent: str, most: int) -> Iterator[str]:
    """Yield lines of words joined by spaces, the first behind `first`, the others indented."""
    line = first
    fresh = True
    for word in words:
        if not fresh and width(line) + 1 + width(word) > most:
            yield line.rstrip()
            line, fresh = indent, True
        line = f"{line}{'' if fresh else ' '}{word}"
        fresh = False
    yield line


_NOTHING = "-"
_LOOKED_AT = 50  # versions that decide how wide the columns are; the others follow as they come
_SHOWN_ANYWAY = ("model", "version", "status", "created_at", "author")
_MOST = 32  # characters of a value


BARS = "▁▂▃▄▅▆▇█"  # of a sparkline
_MOST_BARS = 24
Curves = Mapping[str, Mapping[str, Mapping[str, float]]]  # metric, model, version (lowest first)


def models(
    summaries: Sequence[ModelSummary],
    paint: Paint,
    curves: Curves | None = None,
    *,
    bars: bool = True,
) -> Iterator[Part]:
    """Yield the table of `gms list`: of each metric its value in production, and its `curves`.

    The value is that of the highest version where none in production has one. `bars` says whether
    they can be shown.
    """
    if not summaries:
        return
    statuses = sorted(summaries[0].holders, key=lambda status: (status != "production", status))
    heads = [TextColumn("MODEL"), TextColumn("VERSIONS", right=True), TextColumn("HIGHEST")]
    columns = [*heads, *(TextColumn(status.upper()) for status in statuses)]
    for metric, of_models in (curves or {}).items():
        columns.append(TextColumn(visible(metric), right=True, most=_MOST))
        is_cut = any(len(values) > _MOST_BARS for values in of_models.values())
        columns += [TextColumn(f"LAST {_MOST_BARS}" if is_cut else "TREND")] if bars else []
    rows = []
    for summary in summaries:
        row = [summary.model, str(summary.versions), str(summary.highest)]
        row += [_holders(summary.holders[status]) for status in statuses]
        for of_models in (curves or {}).values():
            values = of_models.get(summary.model, {})
            live = [v for v in map(str, summary.holders.get("production", ())) if v in values]
            shown = (live or [*values])[-1:]
            row.append(aligned(values[shown[0]]) if shown else _NOTHING)
            row += [sparkline([*values.values()])] if bars else []
        rows.append(row)
    yield Table(columns, rows, paint=paint.dim)


def sparkline(values: Sequence[float]) -> str:
    """Return the last values as bars, the lowest as the first of them, equal ones in the middle.

    >>> sparkline([0.5, 0.75, 1.0])
    '▁▅█'
    """
    last = values[-_MOST_BARS:]
    if not last:
        return _NOTHING
    low, high = min(last), max(last)
    if low == high:
        return BARS[3] * len(last)
    step = (len(BARS) - 1) / (high / 2 - low / 2)  # halves: their difference is finite
    return "".join(BARS[round((value / 2 - low / 2) * step)] for value in last)


def numbers(versions: Sequence[ModelVersion], paint: Paint) -> Iterator[Part]:
    """Yield a table of versions: which, in which status, from which commit."""
    columns = [TextColumn(head) for head in ("MODEL", "VERSION", "STATUS", "COMMIT")]
    rows = (
        [one.model, str(one.version), paint.status(one.status), paint.yellow(one.commit)]
        for one in versions
    )
    yield Table(columns, rows, paint=paint.dim)


def _holders(versions: Sequence[Version]) -> str:
    more = f" +{len(versions) - 1}" if len(versions) > 1 else ""
    return f"{versions[0]}{more}" if versions else _NOTHING


def versions(listed: Iterable[Listed], paint: Paint, metrics: Sequence[str] = ()) -> Iterator[Part]:
    """Yield the table of `gms list NAME`, as far as there is room; `metrics` where not all."""
    listed = iter(listed)
    first = list(islice(listed, _LOOKED_AT))
    every = dict.fromkeys(name for one in first for name in one.metrics or ())
    names = list(metrics or every)
    layout, columns, widths = _LAYOUTS[0], list[TextColumn](), list[int]()
    for layout in _LAYOUTS:
        columns = [*layout.columns(), *(TextColumn(visible(name), right=True) for name in names)]
        widths = widths_of(columns, [layout.cells(one, names, paint) for one in first])
        if _fits(widths, paint.room):
            break
    left_out = 0
    while left_out < len(names) and not _fits(widths, paint.room, 4 if left_out else 0):
        del columns[-1], widths[-1]
        left_out += 1
    shown = len(columns)
    rows = (layout.cells(one, names, paint)[:shown] for one in chain(first, listed))
    if not _fits(widths, paint.room, 4 if left_out else 0):  # each becomes several lines
        shown = len(_LAYOUTS[0].columns()) + len(names)
        columns = [*layout.columns(), *(TextColumn(visible(name)) for name in names)]
        widths = [paint.room or 0] * shown
    elif left_out:
        columns.append(TextColumn(f"+{left_out}"))
        widths.append(len(columns[-1].head))
        rows = ([*cells, ""] for cells in rows)
    yield Table(columns, rows, paint=paint.dim, widths=widths)


class _Layout(NamedTuple):
    """How much room the facts beside the metrics take."""

    when: Callable[[Paint, datetime], str]
    who: int  # after how many characters it is cut
    algorithm: int

    def columns(self) -> list[TextColumn]:
        most = {"BY": self.who, "ALGORITHM": self.algorithm}
        heads = ("VERSION", "STATUS", "REGISTERED", *most)
        return [TextColumn(head, most=most.get(head)) for head in heads]

    def cells(self, one: Listed, metrics: Sequence[str], paint: Paint) -> list[str]:
        status = paint.status(one.status) if one.status else _NOTHING
        start, metrics_of = [str(one.version), status], one.metrics
        if metrics_of is None or one.created_at is None:
            fault = "damaged" if one.status else "lost"
            return [*start, fault, *[_NOTHING] * (2 + len(metrics))]
        by, algorithm = name_of(one.author or ""), visible(one.algorithm or "")
        values = (metrics_of.get(name) for name in metrics)
        numbers = (_NOTHING if value is None else aligned(value) for value in values)
        return [*start, self.when(paint, one.created_at), by, algorithm, *numbers]


_LAYOUTS = (
    _Layout(Paint.moment, 24, 40),
    _Layout(Paint.day, 16, 20),
    _Layout(Paint.day, 8, 12),
)


def _fits(widths: Sequence[int], room: int | None, more: int = 0) -> bool:
    return room is None or sum(widths) + 2 * (len(widths) - 1) + more <= room


def matches(matches: Sequence[Match], paint: Paint) -> Iterator[Part]:
    """Yield the table of `gms search`, as far as there is room."""
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
            paint.status(match.status),
            paint.day(match.created_at),
            name_of(match.author),
            *(_field(match.values[name]) for name in names),
        ]
        for match in matches
    ]
    widths = widths_of(columns, rows)
    left_out = 0
    for last in (4, 3):  # where there is no room, who registered it goes first, then when
        if not _fits(widths, paint.room, 4 if left_out else 0):
            del columns[last], widths[last]
            for row in rows:
                del row[last]
            left_out += 1
    if left_out:
        columns.append(TextColumn(f"+{left_out}"))
        rows = [[*row, ""] for row in rows]
    yield Table(columns, rows, paint=paint.dim)


def _field(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, float):
        return number(value)
    import json

    return visible(json.dumps(value, ensure_ascii=False))


# What a notebook shows of a page that a terminal could print: the same parts, as HTML.

_TITLE = "title"
_MOST_HTML = 60  # rows of a table, and lines
_STYLES = {  # of our colours; the background is faint, so that the text can be read on any other
    "1": "font-weight:bold",
    "2": "opacity:0.7",
    "31": "background:rgba(220,50,60,0.25)",
    "1;31": "font-weight:bold;background:rgba(220,50,60,0.25)",
    "32": "background:rgba(40,160,80,0.25)",
    "33": "border-bottom:2px solid rgba(210,150,0,0.6)",
}


def html(page: Iterable[Part]) -> str:
    """Return a page as HTML without a script and a style sheet, all text of it escaped."""
    made: list[str] = []
    for kind, group in groupby(page, key=_kind):
        if kind is Table:
            made += map(_html_of_table, group)  # type: ignore[arg-type]
        elif kind is Fact:
            made.append(html_table((), ((html_of(f.label), _html(f.text)) for f in group)))  # type: ignore[union-attr]
        else:
            lines, more = _first(map(_html, group))  # type: ignore[arg-type]
            whole = "\n".join([*lines, *([more] if more else [])]).strip("\n")
            tag = "div" if kind is _TITLE else "pre"
            font = "" if tag == "div" else "font-family:monospace;"
            style = f"{font}white-space:pre-wrap;margin:0.3em 0"
            made.append(f'<{tag} style="{style}">{whole}</{tag}>')
    return f"<div>{''.join(made)}</div>"


def _kind(part: Part) -> object:
    """Return what part of a page it is; of a line, whether all of it is bold."""
    if not isinstance(part, str):
        return type(part)
    parts = OURS.split(part)
    return _TITLE if [*parts[:1], *parts[2:3], *parts[4:]] == ["", "1", None, "", ""] else str


def _html_of_table(table: Table) -> str:
    rows, more = _first(table.rows)
    right = [at for at, column in enumerate(table.columns) if column.right]
    heads = [html_of(column.head) for column in table.columns]
    made = html_table(heads, (map(_html, row) for row in rows), right)
    return made + (f"<div>{more}</div>" if more else "")


def _first(items: Iterable[T]) -> tuple[list[T], str]:
    """Return as many as a notebook shows, and a sentence where there are more."""
    left = iter(items)
    shown = list(islice(left, _MOST_HTML))
    return shown, "… and more: print it to see all" if next(left, None) is not None else ""


def _html(text: str) -> str:
    """Return a line as HTML: our own colours, and of all else only text."""
    parts = OURS.split(text)
    made, closing = [html_of(parts[0])], ""
    for code, plain in zip(parts[2::3], parts[3::3], strict=True):
        made += [closing, f'<span style="{_STYLES[code]}">' if code else "", html_of(plain)]
        closing = "</span>" if code else ""
    return "".join([*made, closing])


# A sequence that is read as somebody asks for it, and prints as the command that shows it.

Page = Callable[[Sequence[T], Paint], Iterator[Part]]


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
        page: yields the parts in which they are printed.
        table: the same of what a notebook shows; None for `page`.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self, items: Iterator[T], noun: str, page: Page[T], table: Page[T] | None = None
    ) -> None:
        self._items = items
        self._kept: list[T] = []
        self._noun = noun
        self._page = page
        self._table = table or page

    def __iter__(self) -> Iterator[T]:
        at = 0
        while self._reaches(at):
            yield self._kept[at]
            at += 1

    def passing(self) -> Iterator[T]:
        """Yield every item, and keep none of the many that are read for it."""
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
            return Reading(iter(self._kept[at]), self._noun, self._page, self._table)
        self._reaches(at if at >= 0 else None)
        return self._kept[at]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Reading, list, tuple)):
            return NotImplemented
        return tuple(self) == tuple(other)

    def __str__(self) -> str:
        return "\n".join(lines_of(self._page(self, Paint(False))))

    def _repr_html_(self) -> str:
        return html(self._table(self, NOTEBOOK))

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
