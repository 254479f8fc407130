"""`gms search`: the versions of which an expression holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from gitmodelstore.cli.paint import Paint
from gitmodelstore.cli.render import (
    Column,
    columns_of_terminal,
    counted,
    day,
    name_of,
    number,
    table,
    visible,
    widths_of,
)
from gitmodelstore.cli.session import Session

if TYPE_CHECKING:
    from gitmodelstore.operations.search import Match

_NOT_ALL = 1
_SHOWN_ANYWAY = ("model", "version", "status", "created_at", "author")
_MOST = 32  # characters of a value


@click.command("search")
@click.argument("expression")
@click.option("--model", metavar="NAME", help="only versions of this model")
@click.option("--sort", metavar="FIELD", help="by this field, lowest first; -FIELD: highest first")
@click.option("-n", "count", metavar="N", type=click.IntRange(min=1), help="at most N versions")
@click.pass_obj
def search(
    session: Session, expression: str, model: str | None, sort: str | None, count: int | None
) -> None:
    """List the versions of which EXPRESSION holds, by model, highest version first.

    It asks for status and manifest: metrics.test_auc > 0.9, status == "production",
    data.train.rows >= 1000, created_at >= 2026-03-01, "income" in features,
    message ~ "drift", params.clf__C in [0.1, 1]; joined by and, or, not and
    parentheses. The exit code is 1 when it holds of none, or a version is damaged.
    """
    from gitmodelstore.operations.search import told

    answer = session.store().answer(expression, model, sort=sort)
    matches = answer.matches[:count]
    if session.json:
        session.document(versions=matches, unread=answer.unread)
    elif matches:
        session.pages(_lines(matches, session.paint()))
        if left_out := len(answer.matches) - len(matches):
            session.note(f"{counted(left_out, 'more version')}: leave out -n to see all")
    for sentence in told(answer.unread):
        session.warn(visible(sentence))
    if answer.note:
        session.note(visible(answer.note))
    if not matches or any(one.status is not None for one in answer.unread):
        raise click.exceptions.Exit(_NOT_ALL)


def _lines(matches: Sequence[Match], paint: Paint) -> Iterator[str]:
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
            *(_value(match.values[name]) for name in names),
        ]
        for match in matches
    ]
    widths = widths_of(columns, rows)
    room = columns_of_terminal()
    for last in (4, 3):  # where there is no room, who registered it goes first, then when
        if room is not None and sum(widths) + 2 * len(widths) - 2 > room:
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


def _value(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, float):
        return number(value)
    return visible(json.dumps(value, ensure_ascii=False))
