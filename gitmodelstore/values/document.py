"""Documents of declared fields: strict JSON of one schema, in one form, and nothing wrong in it."""

from __future__ import annotations

from gitmodelstore.errors import FormatError
from gitmodelstore.values import fields
from gitmodelstore.values import json as json_rules

TYPE_CHECKING = False  # as in values/fields.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any


class Document:
    """One kind of document, and how it is read.

    Args:
        shape: its declared fields.
        schema: the only one that is read.
        most_bytes: the size from which on it is refused unread.
        relations: yields where fields that are right by themselves contradict each other.
        hint: what to do about one that is not right; None for nothing.
    """

    def __init__(
        self,
        shape: type[fields.Declared] | fields.Shape,
        schema: str,
        most_bytes: int,
        relations: Callable[[Mapping[str, Any]], Iterator[fields.Fault]],
        hint: str | None = None,
    ) -> None:
        self._shape = shape
        self._schema = schema
        self._most_bytes = most_bytes
        self._relations = relations
        self._hint = hint

    def faults(self, value: Any) -> list[fields.Fault]:
        """Return what is wrong with a parsed one, but for its form on disk."""
        return list(fields.faults(self._shape, value)) or list(self._relations(value))

    def read(self, data: bytes, path: str) -> dict[str, Any]:
        """Return the JSON object of a document, in which nothing is wrong.

        Args:
            data: the bytes of the file.
            path: its name, for the error.

        Raises:
            FormatError: not strict JSON, of another schema, with faults (all of them are
                listed), or not in canonical form.
        """
        value = json_rules.parse(data, path, most_bytes=self._most_bytes)
        schema = value.get("schema") if isinstance(value, dict) else None
        if isinstance(schema, str) and schema != self._schema:
            raise FormatError(
                f"schema {schema!r}, this gitmodelstore reads {self._schema!r}",
                path=path,
                hint="upgrade gitmodelstore to read it",
            )
        if found := self.faults(value):
            raise FormatError(path=path, found=found, hint=self._hint)
        if not fields.is_arranged(self._shape, value) or json_rules.dump(value) != data:
            raise FormatError("not in canonical form", path=path, hint=self._hint)
        judged: dict[str, Any] = value
        return judged
