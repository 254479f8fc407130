"""`gms verify --data`: whether data is what a version was made with, or which columns differ."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.values.data_differences import ADDED, ORDER, REMOVED, ROWS, TYPE
from gitmodelstore.values.render import cut, number, visible

if TYPE_CHECKING:
    from gitmodelstore.operations.verify_data import DataVerified
    from gitmodelstore.values.data_differences import DataDifference
    from gitmodelstore.values.manifest import Dataset

_MOST_COLUMNS = 20  # shown; --json has them all
_MOST_KEYS = 4  # of a profile
_MOST_NAME = 60  # characters
_DIGITS = 12  # of a digest, as `gms show` has them


def verify_data(session: Session, ref: str, path: str, role: str | None) -> None:
    """Compare what lies at `path` with a data set of `ref`, and print what was found."""
    found = session.store().verify_data(ref, path, role=role)
    if session.json:
        session.document(found)
    else:
        paint = session.paint()
        said = "same" if found.is_same else paint.red("different")
        session.tell(f"{paint.bold(str(found.version))}  {found.role} data {said}")
        for line in _lines(found):
            session.tell(f"  {line}")
    if not found.is_same:
        raise click.exceptions.Exit(1)


def _lines(found: DataVerified) -> Iterator[str]:
    if found.is_same:
        yield _digest(found.recorded)
        return
    yield f"{_digest(found.present)}, recorded {_digest(found.recorded)}"
    if found.why:
        yield found.why
    of_columns = [list(group) for _, group in groupby(found.differences, _of_what)]
    for group in of_columns[:_MOST_COLUMNS]:
        yield _line(group)
    if len(of_columns) > _MOST_COLUMNS:
        yield f"… and {len(of_columns) - _MOST_COLUMNS} more"


def _digest(data: Dataset) -> str:
    return f"{data.digest.algorithm}:{data.digest.hex[:_DIGITS]}"


def _of_what(one: DataDifference) -> str:
    """What has a line of its own: each column, the rows, the order."""
    return one.what if one.column is None else f"column {one.column}"


def _line(group: list[DataDifference]) -> str:
    first = group[0]
    if first.what == ROWS:
        return f"rows: recorded {first.recorded:,}, now {first.present:,}"
    if first.what == ORDER:
        return "the columns stand in another order"
    name = f"column '{cut(visible(first.column or ''), _MOST_NAME)}'"
    if first.what == ADDED:
        return f"{name}: not recorded, now {first.present}"
    if first.what == REMOVED:
        return f"{name}: recorded {first.recorded}, now missing"
    told = [_change(one) for one in group[:_MOST_KEYS]]
    more = f"; {len(group) - _MOST_KEYS} more" if len(group) > _MOST_KEYS else ""
    return f"{name}: {'; '.join(told)}{more}"


def _change(one: DataDifference) -> str:
    key = "type" if one.what == TYPE else visible(one.key or "")
    return f"{key} recorded {_shown(one.recorded)}, now {_shown(one.present)}"


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return number(value) if isinstance(value, float) else visible(str(value))
