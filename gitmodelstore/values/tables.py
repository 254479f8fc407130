"""The tables that answers are printed as: models, the versions of one, what a search found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from gitmodelstore.values.render import (
    Column,
    Paint,
    aligned,
    day,
    moment,
    name_of,
    number,
    table,
    visible,
    widths_of,
)

if TYPE_CHECKING:
    from gitmodelstore.operations.listing import Listed
    from gitmodelstore.operations.search import Match
    from gitmodelstore.values.model_version import ModelSummary
    from gitmodelstore.values.version import Version

_NOTHING = "-"
_LOOKED_AT = 50  # versions that decide how wide the columns are; the others follow as they come
_SHOWN_ANYWAY = ("model", "version", "status", "created_at", "author")
_MOST = 32  # characters of a value


def models(summaries: Sequence[ModelSummary], paint: Paint) -> Iterator[str]:
    """Yield the lines of `gms list`."""
    if not summaries:
        return
    statuses = sorted(summaries[0].holders, key=lambda status: (status != "production", status))
    heads = [Column("MODEL"), Column("VERSIONS", right=True), Column("HIGHEST")]
    columns = [*heads, *(Column(status.upper()) for status in statuses)]
    rows = [
        [
            summary.model,
            str(summary.versions),
            str(summary.highest),
            *(_holders(summary.holders[status]) for status in statuses),
        ]
        for summary in summaries
    ]
    widths = widths_of(columns, rows)
    yield paint.dim(table(columns, widths, [column.head for column in columns]))
    for row in rows:
        yield table(columns, widths, row)


def _holders(versions: Sequence[Version]) -> str:
    if not versions:
        return _NOTHING
    more = f" +{len(versions) - 1}" if len(versions) > 1 else ""
    return f"{versions[0]}{more}"


def versions(listed: Iterable[Listed], paint: Paint) -> Iterator[str]:
    """Yield the lines of `gms list NAME`, as far as there is room."""
    listed = iter(listed)
    first = list(islice(listed, _LOOKED_AT))
    layout, metrics, left_out = _fitting(first, paint.room)
    columns = [*layout.columns(), *(Column(name, right=True) for name in metrics)]
    widths = [*layout.widths(first), *(_metric_width(name, first) for name in metrics)]
    heads = table(columns, widths, [column.head for column in columns])
    yield paint.dim(heads + (f"  +{left_out}" if left_out else ""))
    for one in chain(first, listed):
        cells = [*layout.facts(one), *(_metric(one, name) for name in metrics)]
        yield _colored(table(columns, widths, cells), one, widths[0], paint)


class _Layout(NamedTuple):
    """How much room the facts beside the metrics take.

    Attributes:
        whole_time: whether the time of day is shown, too.
        who, algorithm: after how many characters these are cut.
    """

    whole_time: bool
    who: int
    algorithm: int

    def columns(self) -> list[Column]:
        return [
            *(Column("VERSION"), Column("STATUS"), Column("REGISTERED")),
            Column("BY", most=self.who),
            Column("ALGORITHM", most=self.algorithm),
        ]

    def widths(self, first: Sequence[Listed]) -> list[int]:
        return widths_of(self.columns(), [self.facts(one) for one in first])

    def facts(self, one: Listed) -> list[str]:
        manifest = one.manifest
        if manifest is None or one.created_at is None:
            fault = "damaged" if one.status else "lost"
            return [str(one.version), one.status or _NOTHING, fault, _NOTHING, _NOTHING]
        when = moment(one.created_at) if self.whole_time else day(one.created_at)
        by = name_of(manifest.author)
        return [
            str(one.version),
            one.status or _NOTHING,
            when,
            by,
            visible(manifest.pipeline.algorithm),
        ]


_LAYOUTS = (_Layout(True, 24, 40), _Layout(False, 16, 20), _Layout(False, 8, 12))


def _fitting(first: Sequence[Listed], room: int | None) -> tuple[_Layout, list[str], int]:
    """Return the widest layout that leaves room for every metric, else the narrowest.

    Returns:
        The layout, the metrics that fit, and how many there are besides.
    """
    manifests = [one.manifest for one in first if one.manifest]
    names = list(dict.fromkeys(name for manifest in manifests for name in manifest.metrics))
    if room is None:
        return _LAYOUTS[0], names, 0
    for layout in _LAYOUTS:
        shown = _as_many_as_fit(names, first, room - sum(layout.widths(first)) - 8)
        if len(shown) == len(names):
            break
    return layout, shown, len(names) - len(shown)


def _as_many_as_fit(names: Sequence[str], first: Sequence[Listed], left: int) -> list[str]:
    """Return the first metrics for which `left` columns are enough."""
    fitting: list[str] = []
    for name in names:
        left -= 2 + _metric_width(name, first)
        is_last = len(fitting) == len(names) - 1
        if left < (0 if is_last else 4):  # "  +3" stands behind the last that fits
            break
        fitting.append(name)
    return fitting


def _metric(one: Listed, name: str) -> str:
    value = one.manifest.metrics.get(name) if one.manifest else None
    return _NOTHING if value is None else aligned(value)


def _metric_width(name: str, first: Sequence[Listed]) -> int:
    return max(len(name), *(len(_metric(one, name)) for one in first))


def _colored(line: str, one: Listed, start: int, paint: Paint) -> str:
    """Return a line of the table with the status in its colour."""
    at = start + 2
    status = one.status or _NOTHING
    end = at + len(status)
    return line[:at] + paint.status(status, line[at:end]) + line[end:]


def matches(matches: Sequence[Match], paint: Paint) -> Iterator[str]:
    """Yield the lines of `gms search`, as far as there is room."""
    if not matches:
        return
    names = [name for name in matches[0].values if name not in _SHOWN_ANYWAY]
    columns = [
        *(Column(head) for head in ("MODEL", "VERSION", "STATUS", "REGISTERED")),
        Column("BY", most=24),
        *(Column(visible(name), right=_is_number(matches, name), most=_MOST) for name in names),
    ]
    rows = [
        [
            *(match.model, str(match.version), match.status, day(match.created_at)),
            name_of(match.author),
            *(_field(match.values[name]) for name in names),
        ]
        for match in matches
    ]
    widths = widths_of(columns, rows)
    for last in (4, 3):  # where there is no room, who registered it goes first, then when
        if paint.room is not None and sum(widths) + 2 * len(widths) - 2 > paint.room:
            del columns[last], widths[last]
            for row in rows:
                del row[last]
    yield paint.dim(table(columns, widths, [column.head for column in columns]))
    start = widths[0] + widths[1] + 4
    for match, row in zip(matches, rows, strict=True):
        line = table(columns, widths, row)
        end = start + len(match.status)
        yield line[:start] + paint.status(match.status, line[start:end]) + line[end:]


def _is_number(matches: Sequence[Match], name: str) -> bool:
    return all(type(match.values[name]) in (int, float, type(None)) for match in matches)


def _field(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, float):
        return number(value)
    return visible(json.dumps(value, ensure_ascii=False))
