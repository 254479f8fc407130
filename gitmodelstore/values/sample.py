"""The sample: a few input rows of a version, and the answers that its pipeline gave to them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from gitmodelstore.errors import FormatError
from gitmodelstore.lean import TYPE_CHECKING, Any, dataclass, field, pattern
from gitmodelstore.values import fields
from gitmodelstore.values import json as json_rules
from gitmodelstore.values.fields import (
    Boolean,
    Constant,
    Document,
    Free,
    Integer,
    ListOf,
    Nullable,
    Record,
    Text,
    declared,
    place,
    record,
)
from gitmodelstore.values.names import is_word

if TYPE_CHECKING:
    from dataclasses import InitVar

    from gitmodelstore.values.fields import Fault, Where


# One cell of a sample: a plain value of Python, exactly, in strict JSON.

_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_LONG_INTEGER = pattern(r"-?[1-9][0-9]{15,19}")
_ESCAPED = pattern(
    r"(?:[\x20-\x5b\x5d-\x7e]|\\(?:[\\tnr]|x[0-9a-f]{2}|u[0-9a-f]{4}|U00(?:0[0-9a-f]|10)[0-9a-f]{4}))*"
)


@dataclass(frozen=True, slots=True)
class Absent:
    """A missing value that only pandas has a word for: "NA" or "NaT"."""

    name: str


NA, NAT = Absent("NA"), Absent("NaT")

Cell = None | bool | int | float | str | Absent


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


class OneCell(Free):
    """One cell, read as a plain value."""

    def faults(self, value: Any, where: Where, levels: int = 0) -> Iterable[Fault]:
        if not isinstance(value, (dict, list, tuple)):
            return super().faults(value, where)
        return () if _is_tagged(value) else [(place(where), "expected a cell")]

    def is_arranged(self, value: Any) -> bool:
        """Whether a cell has no plainer spelling than this one."""
        return not isinstance(value, dict) or bool(self.write(self.read(value)) == value)

    def read(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        ((key, text),) = value.items()
        if key == "float":
            return _FLOATS[text]
        if key == "int":
            return int(text)
        if key == "escaped":
            return str(text.encode("ascii").decode("unicode_escape"))
        return Absent(text)

    def write(self, value: Any) -> Any:
        """Return the JSON of a cell; anything else comes back unchanged, for `faults` to report."""
        kind = type(value)
        if kind is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if kind is int:
            return value if abs(value) <= json_rules.GREATEST_INTEGER else {"int": str(value)}
        if kind is str and json_rules.hidden_character(value):
            return {"escaped": value.encode("unicode_escape").decode("ascii")}
        return {"missing": value.name} if kind is Absent else value


CELL = OneCell()
_CELLS = ListOf(CELL)


SCHEMA = "1.0"
MOST_BYTES = 256 * 1024
MOST_ROWS = 50

SYNTHETIC, ROWS = "synthetic", "rows"  # how the rows came about
# What answers of type float may differ by: see estimators/replay.py.
RELATIVE, ABSOLUTE = 1e-6, 1e-9
FRAME, SERIES, ARRAY, LIST = "frame", "series", "array", "list"

_SPARSE_PATTERN = r"(?:bsr|coo|csc|csr|dia|dok|lil)_(?:array|matrix)"
_DENSE = frozenset({FRAME, SERIES, ARRAY, LIST})
_FORM = Text(
    rf"frame|series|array|list|{_SPARSE_PATTERN}",
    "a form of table such as 'frame'",
    _DENSE.__contains__,
)
_MADE = Text("synthetic|rows", "'synthetic' or 'rows'", {SYNTHETIC, ROWS}.__contains__)
_DTYPE = Text(r"[^\x00-\x1f\x7f]{1,200}", "the name of a type")
_METHOD = Text(r"[a-z_]+(?:\[[0-9]+\])?", "the name of a method", is_word)


@record
class Labels:
    """The labels of a categorical column, in order."""

    dtype: str = declared(_DTYPE)
    ordered: bool = declared(Boolean())  # whether their order means something
    values: tuple[Cell, ...] = declared(_CELLS)


@record
class SampleColumn:
    """One column of a DataFrame, or a Series; without a name, the latter has None.

    Times are ISO 8601 (UTC where there is a zone), durations and periods counts of their unit,
    categories the positions of their labels.
    """

    name: Cell = declared(CELL)
    dtype: str = declared(_DTYPE)  # as pandas spells it: "Int64", "category", "arrow[int64]"
    values: tuple[Cell, ...] = declared(_CELLS)  # None if one is missing
    labels: Labels | None = declared(Record(Labels), required=False, default=None)


@record
class Block:
    """Values of one type, of one or two dimensions."""

    dtype: str = declared(_DTYPE)  # as numpy; "str" of any length, "object" for a mixture
    shape: tuple[int, ...] = declared(ListOf(Integer()))  # rows first
    # Where the values of a sparse block stand, row * columns + column, ascending.
    places: tuple[int, ...] | None = declared(Nullable(ListOf(Integer())))
    values: tuple[Cell, ...] = declared(_CELLS)  # row after row; None for NaN of floats


@record
class Answer:
    """What one method of the pipeline answered to the rows."""

    method: str = declared(_METHOD)  # "predict_proba[1]" for the second of several outputs
    block: Block = declared(Record(Block))


@record
class Sample:
    """A few rows and the answers to them; immutable, and canonical as bytes."""

    schema: str = declared(Constant(SCHEMA), default=SCHEMA, kw_only=True)
    made: str = declared(_MADE)  # of what is common among the test rows, or some of these
    form: str = declared(_FORM)  # what holds the rows; a sparse matrix by its class
    rows: int = declared(Integer())  # how many
    # Of a frame or a series; any other form has a block.
    columns: tuple[SampleColumn, ...] | None = declared(Nullable(ListOf(Record(SampleColumn))))
    block: Block | None = declared(Nullable(Record(Block)))
    answers: tuple[Answer, ...] = declared(ListOf(Record(Answer)))  # in the order of the calls
    judged: InitVar[Mapping[str, Any] | None] = None  # the document, where `parse` has judged it
    _written: Mapping[str, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self, judged: Mapping[str, Any] | None) -> None:
        written = fields.write(self) if judged is None else judged
        object.__setattr__(self, "_written", written)
        if judged is None and (faults := _DOCUMENT.faults(written)):
            raise FormatError(path="sample", found=faults)

    @classmethod
    def parse(cls, data: bytes, path: str = "sample.json") -> Sample:
        """Return the sample that the bytes of a sample.json spell; FormatError as of a manifest."""
        value = _DOCUMENT.read(data, path)
        return fields.read(cls, value, judged=value)

    def render(self) -> bytes:
        """Return the bytes of sample.json; whoever makes one keeps it below MOST_BYTES."""
        return json_rules.dump(self._written)


def _relations(value: Mapping[str, Any]) -> Iterator[fields.Fault]:
    """Rules between fields, which a table of single fields cannot say."""
    rows, columns = value["rows"], value["columns"]
    if not 1 <= rows <= MOST_ROWS:
        yield "rows", f"expected 1 to {MOST_ROWS}, found {rows}"
    of_columns = value["form"] in (FRAME, SERIES)
    for key, expected in (("columns", of_columns), ("block", not of_columns)):
        if (value[key] is not None) != expected:
            yield key, f"{'missing' if expected else 'unexpected'} in the form {value['form']!r}"
    if value["form"] == SERIES and columns is not None and len(columns) != 1:
        yield "columns", f"expected 1 of a series, found {len(columns)}"
    for index, column in enumerate(columns or ()):
        yield from _column_faults(column, rows, f"columns[{index}]")
    if value["block"] is not None:
        yield from _block_faults(value["block"], rows, "block")
    methods = [answer["method"] for answer in value["answers"]]
    for index, answer in enumerate(value["answers"]):
        if methods.index(answer["method"]) != index:
            yield f"answers[{index}].method", f"{answer['method']!r} appears twice"
        yield from _block_faults(answer["block"], rows, f"answers[{index}].block")


def _column_faults(column: Mapping[str, Any], rows: int, where: str) -> Iterator[fields.Fault]:
    values, labels = column["values"], column.get("labels")
    if len(values) != rows:
        yield f"{where}.values", f"expected {rows}, found {len(values)}"
    if (column["dtype"] == "category") != (labels is not None):
        yield f"{where}.labels", "go with the dtype 'category', and with no other"
    elif labels is not None:
        count = len(labels["values"])
        for index, code in enumerate(values):
            if code is not None and not (type(code) is int and 0 <= code < count):
                yield f"{where}.values[{index}]", f"no position of {count} labels"


def _block_faults(block: Mapping[str, Any], rows: int, where: str) -> Iterator[fields.Fault]:
    shape, places, values = block["shape"], block["places"], block["values"]
    if len(shape) not in (1, 2) or shape[0] != rows:
        yield f"{where}.shape", f"expected one or two dimensions of {rows} rows"
        return
    size = math.prod(shape)
    count = size if places is None else len(places)
    if len(values) != count:
        yield f"{where}.values", f"expected {count}, found {len(values)}"
    if places is None:
        return
    ascending = all(before < after for before, after in pairwise(places))
    if not ascending or (places and places[-1] >= size) or len(shape) != 2:
        yield f"{where}.places", f"expected ascending places below {size} of two dimensions"


_DOCUMENT = Document(Sample, SCHEMA, MOST_BYTES, _relations)
