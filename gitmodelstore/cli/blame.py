"""`gms log -G FIELD[=VALUE]`: in which versions a field of the manifest changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.values.render import ABBREVIATED, Paint, cut, day, moment, number, visible

if TYPE_CHECKING:
    from gitmodelstore.operations.blame import FieldChange

_NOT_ALL = 1
_MOST = 60  # characters of a value
_MOST_NAMED = 5  # of what a list got or lost


def show_changes(
    session: Session, field: str, model: str | None, count: int | None, *, oneline: bool
) -> None:
    """Print the versions in which a field changed; exit with 1 where there are none, or damage."""
    from gitmodelstore.operations.search import told

    found = session.store().blame_with_unread(field, model)
    changes = found.changes[:count]
    paint = session.paint()
    if session.json:
        session.document(changes=changes, unread=found.unread)
    elif changes:
        session.pages(
            (_line(change, field, paint) for change in changes)
            if oneline
            else _blocks(changes, field, paint)
        )
    for sentence in told(found.unread):
        session.warn(visible(sentence))
    if not changes or any(one.status is not None for one in found.unread):
        raise click.exceptions.Exit(_NOT_ALL)


def _line(change: FieldChange, asked: str, paint: Paint) -> str:
    commit = paint.yellow(change.version.commit[:ABBREVIATED])
    return f"{commit} {day(change.when)} {change.version} {_move(change, asked)}"


def _blocks(changes: Iterable[FieldChange], asked: str, paint: Paint) -> Iterator[str]:
    gap = False
    for change in changes:
        if gap:
            yield ""
        gap = True
        yield f"{paint.bold(str(change.version))} {_move(change, asked)}"
        yield f"Date:   {moment(change.when)}"
        yield f"Author: {visible(change.who)}"
        yield f"Commit: {paint.yellow(change.version.commit)}"
        if change.message:
            yield ""
            yield f"    {visible(change.message)}"


def _move(change: FieldChange, asked: str) -> str:
    """The field with its old and new value; of a list what it got, and what it lost."""
    before, after = change.before, change.after
    name = visible(change.field)
    if isinstance(after, list) and isinstance(before, (list, type(None))):
        got = [one for one in after if one not in (before or ())]
        got.sort(key=lambda one: f"{name}={one}" != asked)
        lost = [one for one in before or () if one not in after]
        words = [*(f"+{_value(one)}" for one in got), *(f"-{_value(one)}" for one in lost)]
        return f"{name}: {_several(words) if words else 'in another order'}"
    if before is None:
        return f"{name}: {_value(after)}"
    return f"{name}: {_value(before)} -> {'none' if after is None else _value(after)}"


def _several(words: list[str]) -> str:
    more = len(words) - _MOST_NAMED
    return " ".join(words[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _value(value: Any) -> str:
    if isinstance(value, str):
        return cut(visible(value), _MOST)
    if isinstance(value, float):
        return number(value)
    return cut(visible(json.dumps(value, ensure_ascii=False)), _MOST)
