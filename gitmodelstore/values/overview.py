"""README.md of a store: what a git host shows when the repository is opened.

The commands keep what stands between two marks; the rest of the file is the team's. Each model is
a row of an HTML table, each version in it a line, and no two lines that different events change
stand next to each other: so git merges what people did to different models, or to different
statuses of one, without asking anybody. What a merge leaves wrong, the next event puts right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone

from gitmodelstore.lean import NamedTuple, pattern
from gitmodelstore.values.names import CARD, PRODUCTION, STAGING, Version, folder
from gitmodelstore.values.tables import counted, cut, number, visible

SHOWN = (PRODUCTION, STAGING)  # the statuses whose versions it names
MOST_MODELS = 1000  # rows; more make a page that no host shows
_MOST_VERSIONS = 3  # of a model in one status
_MOST_NAME = 60  # characters
_BEGIN = "<!-- gitmodelstore: its commands keep what is between here and the other mark -->"
_END = "<!-- gitmodelstore: end -->"
_HEADS = ("model", *SHOWN, "metric")
_FOOT = """\
In `models/`, a model's folder holds the version that was last registered or rolled back to; the
table above says which one is in production. To be certain, run `gms which MODEL@production`, and
`gms log MODEL` to see how it got there."""
_ROW = pattern(rf'<tr>\n<td><a href="{folder("([a-z0-9_-]+)")}/{CARD}">.*?</tr>\n', re.DOTALL)
_LINE = pattern(r"^(\S+) since (\d{4}-\d\d-\d\d) by (.+?)(?:<br>)?$", re.MULTILINE)


class Since(NamedTuple):
    """Since when a version has its status, and by whom."""

    day: str  # as in 2026-03-03, in UTC
    who: str  # a name, escaped

    @classmethod
    def of(cls, when: datetime, who: str) -> Since:
        """Return since when, and by whom, from the date and the author of a commit."""
        return cls(f"{when.astimezone(timezone.utc):%Y-%m-%d}", _escaped(who.partition(" <")[0]))


class ModelRow(NamedTuple):
    """What the page says of a model.

    Attributes:
        model: its name.
        holders: of each status shown, its versions, highest first; None where nobody knows since
            when.
        metric: the name and the number of the headline metric of the version in production;
            None without one.
    """

    model: str
    holders: Sequence[Mapping[Version, Since | None]]
    metric: tuple[str, float] | None

    def render(self) -> str:
        """Return the row as HTML."""
        name = f'<a href="{folder(self.model)}/{CARD}">{self.model}</a>'
        metric = f"{_escaped(self.metric[0])} {number(self.metric[1])}" if self.metric else "–"
        cells = [*map(_versions, self.holders), metric]
        return (
            f"<tr>\n<td>{name}</td>\n" + "".join(f"<td>\n{c}\n</td>\n" for c in cells) + "</tr>\n"
        )


def is_kept(page: str) -> bool:
    """Whether a page has the marks between which the commands keep it."""
    return _block(page) is not None


def rows_of(page: str) -> dict[str, str]:
    """Return the rows of a page, by model; of one that a merge has given twice, the last."""
    place = _block(page)
    return {row[1]: row[0] for row in _ROW.finditer(page[place])} if place else {}


def holders_of(row: str) -> list[dict[str, Since]]:
    """Return of each status shown what a row says of its versions, as far as it names them."""
    return [{one[1]: Since(one[2], one[3]) for one in _LINE.finditer(cell)} for cell in _cells(row)]


def names(row: str, holders: Sequence[Sequence[Version]]) -> bool:
    """Whether a row names the holders of each status shown, and no others."""
    cells = [[line.partition(" since ")[0] for line in cell.splitlines()] for cell in _cells(row)]
    return cells == [_lines(list(map(str, versions))) for versions in holders]


def with_rows(page: str | None, rows: Sequence[str], more: int = 0) -> str:
    """Return a page with these rows in place of its own, and how many `more` models there are.

    None makes a new page.
    """
    heads = "".join(f"<th>{head}</th>\n" for head in _HEADS)
    rest = f"\n{counted(more, 'more model')}: `gms list`\n" if more else ""
    table = f"<table>\n<tr>\n{heads}</tr>\n{''.join(rows)}</table>\n"
    block = f"{_BEGIN}\n{table}{rest}\n{_FOOT}\n{_END}"
    if page is None:
        return f"# Models\n\n{block}\n"
    place = _block(page) or slice(len(page), None)
    return page[: place.start] + block + page[place.stop :]


def without_rows(page: str | None) -> str:
    """Return what of a page people wrote; None stands for a new page."""
    page = with_rows(None, []) if page is None else page
    place = _block(page)
    return page[: place.start] + page[place.stop :] if place else page


def with_rows_of(page: str, other: str) -> str:
    """Return a page with what the commands keep in another."""
    ours, theirs = _block(page), _block(other)
    return page[: ours.start] + other[theirs] + page[ours.stop :] if ours and theirs else page


def _block(page: str) -> slice | None:
    """Return where the commands' part of a page is, marks included; None without it."""
    start, end = page.find(_BEGIN), page.rfind(_END)
    return slice(start, end + len(_END)) if 0 <= start < end else None


def _cells(row: str) -> list[str]:
    """Return the text of each cell that shows versions."""
    return [cell.partition("\n</td>")[0] for cell in row.split("<td>\n")[1 : 1 + len(SHOWN)]]


def _versions(holders: Mapping[Version, Since | None]) -> str:
    lines = [
        f"{version} since {one.day} by {one.who}" if one else str(version)
        for version, one in holders.items()
    ]
    return "<br>\n".join(_lines(lines))


def _lines(versions: list[str]) -> list[str]:
    """Return a line for each version for which there is room, and how many are left."""
    more = len(versions) - _MOST_VERSIONS
    shown = versions[:_MOST_VERSIONS]
    return shown + ([f"and {counted(more, 'more version')}"] if more > 0 else []) or ["–"]


def _escaped(text: str) -> str:
    shown = cut(visible(text[: 2 * _MOST_NAME]), _MOST_NAME)
    for character in "&<>\"'":
        shown = shown.replace(character, f"&#{ord(character)};")
    return shown
