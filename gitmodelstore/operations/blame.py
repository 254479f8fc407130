"""When a field of a model's versions changed, to what, and who changed it.

A version is compared with its parent, the highest version below it when it was
registered, so that a correction of an old release is not taken for a change back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitmodelstore.errors import InvalidInput
from gitmodelstore.operations.catalogue import Catalogue, Row, ask
from gitmodelstore.operations.search import named, split
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.values.field_path import ANNOTATIONS, STATUS, FieldPath
from gitmodelstore.values.model_version import ModelVersion, Unread
from gitmodelstore.values.moment import parse_moment
from gitmodelstore.values.query import parse_field
from gitmodelstore.values.query_values import Unfit, reader_of, same, wanted
from gitmodelstore.values.query_words import Literal


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A version in which a field is another than in the version before.

    >>> change = store.blame("metrics.profit", "churn")[0]
    >>> change.before, change.after
    (3.75, 4.5)

    Attributes:
        version: which.
        parent: the number of the version that it is compared with; None for the first.
        field: the name of the field, as it was asked for.
        before, after: its values, as JSON has them; None where there is none.
        when: when the version was registered, UTC.
        who: by whom, as "Name <email>".
        message: what was said about it; may be empty.
    """

    version: ModelVersion
    parent: str | None
    field: str
    before: Any
    after: Any
    when: datetime
    who: str
    message: str


@dataclass(frozen=True, slots=True)
class Blame:
    """The changes of a field, newest first, and the versions that could not be asked."""

    changes: tuple[FieldChange, ...]
    unread: tuple[Unread, ...]


def blame(snapshot: Snapshot, field: str, model: str | None, *, keep: bool) -> Blame:
    """Return each version in which a field changed.

    Args:
        snapshot: the store.
        field: its name; `NAME=VALUE` for those alone in which it came to that value, or a
            list got it.
        model: whose versions; None for all models.
        keep: as for `search`.

    Raises:
        InvalidQuery: that is no field.
        InvalidInput: the field is the status or an annotation, which manifests do not hold; or
            the value could never be one of it.
        ModelNotFound: there is no such model.
    """
    path, value = parse_field(field)
    if path.parts[0] in (STATUS, ANNOTATIONS):
        raise InvalidInput(
            f"'{path.parts[0]}' is not a field of the manifest", hint="see `gms log`"
        )
    if value is not None:
        try:
            wanted(value, path.kind)
        except Unfit as error:
            raise InvalidInput(str(error), hint=error.hint) from None
    return ask(snapshot, lambda catalogue: _blame(catalogue, path, value, model), keep=keep)


def _blame(
    catalogue: Catalogue, path: FieldPath, value: Literal | None, model: str | None
) -> Blame:
    rows, unread = split(catalogue.rows(model))
    values = {row[:2]: path.value(row) for row in rows}
    rows, unread = catalogue.without_lost(rows, unread)
    by_version = {(row.model, row.version): row for row in rows}
    below: dict[str, Row] = {}  # by model, the next version that can be read
    changes = []
    for row in reversed(rows):  # lowest first
        parent = by_version.get((row.model, row.get("parent"))) or below.get(row.model)
        below[row.model] = row
        before = values[parent[:2]] if parent else None
        after = values[row[:2]]
        arrived = value is None or (_has(path, after, value) and not _has(path, before, value))
        if arrived and not same(before, after):
            changes.append(_change(row, parent, path, before, after))
    changes.reverse()  # of one second, the highest first
    changes.sort(key=lambda change: change.when, reverse=True)
    return Blame(tuple(changes), unread)


def _change(row: Row, parent: Row | None, path: FieldPath, before: Any, after: Any) -> FieldChange:
    return FieldChange(
        named(row),
        parent.version if parent else None,
        path.text,
        before,
        after,
        parse_moment(row.get("created_at")),
        row.get("author"),
        row.get("message"),
    )


def _has(path: FieldPath, found: Any, value: Literal) -> bool:
    """Whether a version has a value at a field: it is the value, or a list that holds it."""
    if found is None or value.value is None:
        return found is None and value.value is None
    asked, read = wanted(value, path.kind), reader_of(path.kind)
    held = found if isinstance(found, (list, dict)) else [found]
    return any(same(read(one), asked) or one == value.text for one in held)
