"""One cell of a sample: a plain value of Python, exactly, in strict JSON.

A cell is written as JSON where JSON has a word for it; else as an object of one key:
{"float": "nan"}, {"int": "9223372036854775807"}, {"escaped": "a\\u202eb"} for text with
hidden characters, {"missing": "NA"} or {"missing": "NaT"} for what pandas calls so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitmodelstore.values import json as json_rules
from gitmodelstore.values.fields import place, whole

if TYPE_CHECKING:
    from gitmodelstore.values.fields import Fault, Where

_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_LONG_INTEGER = re.compile(r"-?[1-9][0-9]{15,19}")
_ESCAPED = re.compile(
    r"(?:[\x20-\x5b\x5d-\x7e]|\\(?:[\\tnr]|x[0-9a-f]{2}|u[0-9a-f]{4}|U00(?:0[0-9a-f]|10)[0-9a-f]{4}))*"
)


@dataclass(frozen=True, slots=True)
class Absent:
    """A missing value that only pandas has a word for.

    Attributes:
        name: "NA" or "NaT".
    """

    name: str


NA, NAT = Absent("NA"), Absent("NaT")

Cell = None | bool | int | float | str | Absent


def write_cell(cell: Any) -> Any:
    """Return the JSON of a cell; what is no cell comes back as it is, for `faults` to tell."""
    kind = type(cell)
    if kind is float:
        return cell if math.isfinite(cell) else {"float": str(cell)}
    if kind is int:
        return cell if abs(cell) <= json_rules.GREATEST_INTEGER else {"int": str(cell)}
    if kind is str and json_rules.hidden_character(cell):
        return {"escaped": cell.encode("unicode_escape").decode("ascii")}
    return {"missing": cell.name} if kind is Absent else cell


def read_cell(value: Any) -> Cell:
    """Return the cell that JSON without faults spells."""
    if not isinstance(value, dict):
        cell: Cell = value
        return cell
    ((key, text),) = value.items()
    if key == "float":
        return _FLOATS[text]
    if key == "int":
        return int(text)
    if key == "escaped":
        return str(text.encode("ascii").decode("unicode_escape"))
    return Absent(text)


def cell_fault(value: Any) -> str | None:
    """Return what is wrong with the JSON of a cell; None when nothing is."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        hidden = json_rules.hidden_character(value)
        return f"holds the hidden character {hidden}" if hidden else None
    if isinstance(value, float):
        return None if math.isfinite(value) else f"expected a finite number, found {value}"
    if isinstance(value, int):
        is_exact = abs(value) <= json_rules.GREATEST_INTEGER
        return None if is_exact else "an integer beyond 2^53"
    return None if _is_tagged(value) else "expected a cell"


def _is_tagged(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((key, text),) = value.items()
    if not isinstance(text, str):
        return False
    return (
        (key == "float" and text in _FLOATS)
        or (key == "missing" and text in (NA.name, NAT.name))
        or (key == "int" and _LONG_INTEGER.fullmatch(text) is not None)
        or (key == "escaped" and _ESCAPED.fullmatch(text) is not None)
    )


def _is_as_written(value: Any) -> bool:
    """Whether a cell has no plainer spelling than this one."""
    return not isinstance(value, dict) or bool(write_cell(read_cell(value)) == value)


class Cells:
    """A list of cells, read as a tuple of plain values."""

    def faults(self, value: Any, where: Where) -> Iterable[Fault]:
        if not isinstance(value, (list, tuple)):
            return [(place(where), "expected a list")]
        found = ((index, cell_fault(held)) for index, held in enumerate(value))
        return [(place((where, index)), what) for index, what in found if what]

    def is_arranged(self, value: Any) -> bool:
        return all(map(_is_as_written, value))

    def read(self, value: Any) -> Any:
        return tuple(map(read_cell, value))

    def write(self, value: Any) -> Any:
        return list(map(write_cell, value))

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"$ref": "#/$defs/cell"}}


class OneCell:
    """One cell."""

    def faults(self, value: Any, where: Where) -> Iterable[Fault]:
        what = cell_fault(value)
        return [(place(where), what)] if what else ()

    def is_arranged(self, value: Any) -> bool:
        return _is_as_written(value)

    def read(self, value: Any) -> Any:
        return read_cell(value)

    def write(self, value: Any) -> Any:
        return write_cell(value)

    def schema(self) -> dict[str, Any]:
        return {"$ref": "#/$defs/cell"}


CELL_DEFINITION: dict[str, Any] = {
    "anyOf": [
        {"type": ["null", "boolean", "number"]},
        {"type": "string", "pattern": whole(json_rules.VISIBLE_PATTERN)},
        {
            "type": "object",
            "properties": {
                "float": {"enum": list(_FLOATS)},
                "int": {"type": "string", "pattern": whole(_LONG_INTEGER.pattern)},
                "escaped": {"type": "string", "pattern": whole(_ESCAPED.pattern)},
                "missing": {"enum": [NA.name, NAT.name]},
            },
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
        },
    ]
}
