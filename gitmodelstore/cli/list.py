"""`gms list`: the models of the store, or the versions of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from gitmodelstore.cli.documents import document, person
from gitmodelstore.cli.paint import Paint
from gitmodelstore.cli.render import (
    Column,
    aligned,
    columns_of_terminal,
    counted,
    day,
    moment,
    name_of,
    table,
    visible,
    widths_of,
)
from gitmodelstore.cli.session import Session
from gitmodelstore.values.model_version import ModelVersion

if TYPE_CHECKING:
    from gitmodelstore.operations.listing import Listed
    from gitmodelstore.values.model_version import ModelSummary
    from gitmodelstore.values.version import Version

_NOTHING = "-"
_LOOKED_AT = 50  # versions that decide how wide the columns are; the others follow as they come


@click.command("list")
@click.argument("name", required=False)
@click.option("-n", "count", metavar="N", type=click.IntRange(min=1), help="at most N of them")
@click.pass_obj
def list_(session: Session, name: str | None, count: int | None) -> None:
    """List the models of the store by name, or the versions of the model NAME, highest first."""
    if name is None:
        _models(session, count)
    else:
        _versions(session, name, count)


# Models


def _models(session: Session, count: int | None) -> None:
    found = session.store().models()
    summaries = found[:count]
    left_out = len(found) - len(summaries)
    if session.json:
        session.document(models=summaries, unread=found.unread)
    elif summaries:
        session.pages(_table_of_models(summaries, session.paint()))
        _note_left_out(session, left_out, "model")
    else:
        session.note("the store is empty; `gms register NAME FILE` adds a model")


def _table_of_models(summaries: Sequence[ModelSummary], paint: Paint) -> Iterator[str]:
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


# Versions of one model


def _versions(session: Session, name: str, count: int | None) -> None:
    store = session.store()
    listed = islice(store.listing(name), count)
    if session.json:
        session.document(model=name, versions=[_document(one) for one in listed])
        return
    faults: list[str] = []
    session.pages(_table_of_versions(_watched(listed, faults), session.paint()))
    for fault in faults:
        session.warn(fault)
    if count is not None:
        there_are = sum(one.versions for one in store.models() if one.model == name)
        _note_left_out(session, there_are - count, "version")


def _note_left_out(session: Session, left_out: int, noun: str) -> None:
    if left_out > 0:
        session.note(f"{counted(left_out, f'more {noun}')}: leave out -n to see all")


def _document(one: Listed) -> dict[str, Any]:
    version, manifest = ModelVersion(one.model, one.version, "", ""), one.manifest
    return {
        **document(version),
        **document(one),
        "author": person(manifest.author) if manifest else None,
        "algorithm": manifest.pipeline.algorithm if manifest else None,
        "metrics": manifest.metrics if manifest else None,
    }


def _watched(listed: Iterable[Listed], faults: list[str]) -> Iterator[Listed]:
    """Yield the versions on and keep what is wrong with those that cannot be read."""
    for one in listed:
        if one.fault and one.status:  # of what is lost whoever opened the store has told
            faults.append(f"{one.model} {one.version}: {visible(one.fault)}")
        yield one


def _table_of_versions(listed: Iterator[Listed], paint: Paint) -> Iterator[str]:
    first = list(islice(listed, _LOOKED_AT))
    layout, metrics, left_out = _fitting(first, columns_of_terminal())
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
