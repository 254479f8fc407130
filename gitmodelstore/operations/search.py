"""Which versions an expression holds of, and what to say where it holds of none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from gitmodelstore.errors import InvalidQuery
from gitmodelstore.operations.catalogue import Catalogue, Row, ask
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.values.field_path import STATUS, FieldPath
from gitmodelstore.values.model_version import ModelVersion, Unread
from gitmodelstore.values.moment import parse_moment
from gitmodelstore.values.names import nearest, quoted
from gitmodelstore.values.query import Query, parse_name
from gitmodelstore.values.query_values import reader_of, sort_key
from gitmodelstore.values.version import Version

_MOST_TOLD = 10  # versions that cannot be read, each in a sentence of its own


@dataclass(frozen=True, slots=True)
class Match(ModelVersion):
    """A version that an expression holds of; taken wherever a reference is.

    >>> match = store.search("metrics.profit > 3.5")[0]
    >>> match.ref, match.values
    ('churn@1.2.0', {'metrics.profit': 4.5})

    Attributes:
        created_at: when it was registered, UTC.
        author: by whom, as "Name <email>".
        values: what it has at each name of the expression, in order, as JSON has it; None
            where it has nothing.
    """

    created_at: datetime
    author: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found.

    Attributes:
        matches: by model, highest version first.
        unread: the versions that could not be asked.
        note: what is probably wrong with an expression that holds of nothing; None else.
    """

    matches: tuple[Match, ...]
    unread: tuple[Unread, ...]
    note: str | None


def search(
    snapshot: Snapshot,
    expression: str,
    model: str | None = None,
    *,
    sort: str | None = None,
    keep: bool = True,
) -> Answer:
    """Return the versions of a model, or of all, that an expression holds of.

    Args:
        snapshot: the store.
        expression: as docs/search.md says.
        model: its name; None for all.
        sort: the field by which they are sorted, with "-" before it the highest first; those
            that lack it come last. None sorts by model, highest version first.
        keep: whether to keep an index of the manifests in the git directory.

    Raises:
        InvalidQuery: the expression cannot be understood, or `sort` is no field.
        ModelNotFound: there is no such model.
    """
    try:
        query = Query.parse(expression)
        by = None if sort is None else parse_name(sort.removeprefix("-"))
    except InvalidQuery as error:
        if error.unknown is None:
            raise
        name = error.unknown
        near = ask(snapshot, lambda catalogue: _full_name(catalogue, name), keep=keep)
        if near is None:
            raise
        hint = f"did you mean '{near}'?"
        raise InvalidQuery(
            error.summary, error.excerpt, column=error.column, unknown=name, hint=hint
        ) from None
    order = Order(by, descending=sort.startswith("-")) if sort and by else None
    return ask(snapshot, lambda catalogue: _answer(catalogue, query, model, order), keep=keep)


def told(unread: Iterable[Unread]) -> Iterator[str]:
    """Yield a sentence for each version that could not be asked, the last for all others.

    Those that registry.json lacks are told of whenever the store is read.
    """
    several = [one for one in unread if one.status is not None]
    for one in several[:_MOST_TOLD]:
        yield f"not asked: {one}"
    if len(several) > _MOST_TOLD:
        yield f"not asked: {len(several) - _MOST_TOLD} more versions that cannot be read"


def split(rows: Iterable[Row | Unread]) -> tuple[list[Row], tuple[Unread, ...]]:
    """Return the versions that can be asked, and the others."""
    asked, unread = [], []
    for row in rows:
        if isinstance(row, Row):
            asked.append(row)
        else:
            unread.append(row)
    return asked, tuple(unread)


def named(row: Row) -> ModelVersion:
    """Return the version that a row is of."""
    return ModelVersion(row.model, Version.parse(row.version), row.status, row.commit)


def _answer(catalogue: Catalogue, query: Query, model: str | None, order: Order | None) -> Answer:
    rows, unread = split(catalogue.rows(model))
    found = [row for row in rows if query.matches(row)]
    if order is not None:
        found = order.sorted(found)
    names = [*query.names, *([order.by] if order else [])]
    values = {row[:2]: {path.text: path.value(row) for path in names} for row in found}
    found, unread = catalogue.without_lost(found, unread)
    matches = tuple(_match(row, values[row[:2]]) for row in found)
    return Answer(matches, unread, None if matches else _advice(catalogue, rows, query))


@dataclass(frozen=True, slots=True)
class Order:
    """By which field versions are sorted, and whether the highest comes first."""

    by: FieldPath
    descending: bool

    def sorted(self, rows: list[Row]) -> list[Row]:
        """Return the rows in this order; those of one value stay as they are, the others last."""
        read = reader_of(self.by.kind)
        held = [(read(value), row) for row in rows if (value := self.by.value(row)) is not None]
        held.sort(key=lambda pair: sort_key(pair[0]), reverse=self.descending)
        lacking = [row for row in rows if self.by.value(row) is None]
        return [*(row for _, row in held), *lacking]


def _match(row: Row, values: dict[str, Any]) -> Match:
    return Match(
        row.model,
        Version.parse(row.version),
        row.status,
        row.commit,
        parse_moment(row.get("created_at")),
        row.get("author"),
        values,
    )


def _advice(catalogue: Catalogue, rows: list[Row], query: Query) -> str | None:
    """Return what is probably wrong with an expression that holds of nothing; None if nothing is.

    That is a status or a model that there is not, or a name at which no version has anything.
    """
    snapshot = catalogue.snapshot
    there_are = {STATUS: list(snapshot.policy.statuses), "model": list(snapshot.registry.models)}
    for path, value in query.equals:
        known = there_are.get(path.parts[0], [value])
        if value not in known:
            near = nearest(value, known)
            return f"no {path.text} {quoted(value)}{f': did you mean {near!r}?' if near else ''}"
    for name in query.names:
        if rows and all(name.value(row) is None for row in rows):
            return f"no version has {quoted(name.text)}{_near(rows, name)}"
    return None


def _near(rows: list[Row], name: FieldPath) -> str:
    """Return what to ask for instead, where the first part that no version has is nearly one."""
    paths = list(name.above())
    for above, path in pairwise(paths):
        if all(path.value(row) is None for row in rows):
            known = _keys_of(above.value(row) for row in rows)
            first, *rest = name.parts[len(above.parts) :]
            if near := nearest(first, known):
                return f": did you mean '{'.'.join([above.text, near, *rest])}'?"
    return ""


def _full_name(catalogue: Catalogue, name: str) -> str | None:
    """Return the metric, the parameter or the like that somebody meant by its last part."""
    rows, _ = split(catalogue.rows())
    above_names = ("metrics", "annotations", "params", "environment.pins", "custom", "code")
    for above in (*above_names, "pipeline"):
        path = FieldPath.of(above, tuple(above.split(".")))
        if name in _keys_of(path.value(row) for row in rows):
            return f"{above}.{name}"
    return None


def _keys_of(values: Iterable[Any]) -> list[str]:
    """Return the keys of objects, and the texts in lists of names, each once."""
    found: dict[str, None] = {}
    for value in values:
        if isinstance(value, (dict, list)):
            found.update((key, None) for key in value if isinstance(key, str))
    return list(found)
