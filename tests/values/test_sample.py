"""sample.json: exact cells, strict reading, canonical writing."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitmodelstore.errors import FormatError
from gitmodelstore.values.sample import CELL, NA, NAT, Answer, Block, Labels, Sample, SampleColumn

from .refusals import refusal

ANSWER = Answer("predict", Block("str", (2,), None, ("no", "yes")))
FRAME = Sample(
    "synthetic",
    "frame",
    2,
    (
        SampleColumn("income", "float64", (0.1, None)),
        SampleColumn("plan", "category", (0, None), Labels("object", False, ("free", "paid"))),
        SampleColumn(7, "object", ("a\u202eb", NA)),
    ),
    None,
    (ANSWER,),
)
SPARSE = Sample("rows", "csr_matrix", 2, None, Block("float64", (2, 3), (1, 5), (1.0, 2.0)), ())

cells = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(),
    st.text(st.characters()),
    st.sampled_from([NA, NAT, "\\u202e", "\ud800", "\u202e\\", "nan"]),
)


class TestCells:
    """Every cell comes back as exactly what it was, through strict JSON."""

    @given(cells)
    def test_a_cell_survives_json(self, cell: Any) -> None:
        written = CELL.write(cell)
        assert list(CELL.faults(written, "")) == []
        read = CELL.read(json.loads(json.dumps(written, allow_nan=False)))
        assert type(read) is type(cell)
        assert repr(read) == repr(cell)  # NaN and -0.0 too

    @pytest.mark.parametrize(
        ("cell", "written"),
        [
            (0.1, 0.1),
            (-0.0, -0.0),
            (math.inf, {"float": "inf"}),
            (-math.inf, {"float": "-inf"}),
            (2**53, {"int": "9007199254740992"}),
            ("a\u202eb", {"escaped": "a\\u202eb"}),
            (NAT, {"missing": "NaT"}),
        ],
    )
    def test_a_cell_is_written_so(self, cell: Any, written: Any) -> None:
        assert CELL.write(cell) == written

    @pytest.mark.parametrize(
        "value",
        [
            *([], {}, {"float": "1.0"}, {"float": 1}, {"int": "12"}, {"int": "1" * 40}),
            *({"missing": "None"}, {"escaped": "\\q"}, {"escaped": "\\U00110000"}),
            *({"escaped": "\u202e"}, {"escaped": "a", "int": "1"}, {"date": "2026-03-03"}),
        ],
    )
    def test_what_is_no_cell_is_refused(self, value: Any) -> None:
        assert list(CELL.faults(value, "x")) == [("x", "expected a cell")]

    @pytest.mark.parametrize(
        ("value", "fault"),
        [
            (math.nan, "expected a finite number, found nan"),
            (2**53, "the integer 9007199254740992 lies beyond 2^53"),
            ("a\u202eb", "contains the hidden character U+202E"),
        ],
    )
    def test_what_json_readers_lose_is_refused(self, value: Any, fault: str) -> None:
        assert list(CELL.faults(value, "x")) == [("x", fault)]


def of_column(*facts: Any) -> dict[str, Any]:
    return {"columns": (SampleColumn("a", *facts),)}


def of_answer(method: str, *facts: Any) -> dict[str, Any]:
    return {"answers": (Answer(method, Block("int64", *facts)),)}


class TestSample:
    """A bad sample cannot exist, and one has one spelling."""

    @pytest.mark.parametrize("sample", [FRAME, SPARSE])
    def test_it_is_read_as_it_was_written(self, sample: Sample) -> None:
        assert Sample.parse(sample.render()) == sample

    @pytest.mark.parametrize(
        ("changes", "fault"),
        [
            ({"rows": 0, "columns": (), "answers": ()}, "rows: expected 1 to 50, found 0"),
            ({"made": "guessed"}, "made: expected 'synthetic' or 'rows', found 'guessed'"),
            ({"form": "csv"}, "form: expected a form of table such as 'frame', found 'csv'"),
            ({"form": "array"}, "columns: unexpected in the form 'array'"),
            ({"columns": None}, "columns: missing in the form 'frame'"),
            ({"form": "series"}, "columns: expected 1 of a series, found 3"),
            (of_column("int64", (1,)), "columns[0].values: expected 2, found 1"),
            (
                of_column("category", (1, 2)),
                "columns[0].labels: go with the dtype 'category', and with no other",
            ),
            (
                of_column("category", (0, 1), Labels("object", True, ("x",))),
                "columns[0].values[1]: no position of 1 labels",
            ),
            (of_column("object", ([], 1)), "columns[0].values[0]: expected a cell"),
            ({"answers": (ANSWER, ANSWER)}, "answers[1].method: 'predict' appears twice"),
            (
                of_answer("predict", (3,), None, (1, 2, 3)),
                "answers[0].block.shape: expected one or two dimensions of 2 rows",
            ),
            (
                of_answer("predict", (2, 2), None, (1, 2, 3)),
                "answers[0].block.values: expected 4, found 3",
            ),
            (
                of_answer("transform", (2, 2), (3, 1), (1, 2)),
                "answers[0].block.places: expected ascending places below 4 of two dimensions",
            ),
            (
                of_answer("Predict()", (2,), None, (1, 2)),
                "answers[0].method: expected the name of a method, found 'Predict()'",
            ),
        ],
    )
    def test_a_bad_one_cannot_exist(self, changes: dict[str, Any], fault: str) -> None:
        with pytest.raises(FormatError) as caught:
            replace(FRAME, **changes)

        assert fault in caught.value.faults

    @pytest.mark.parametrize(
        ("before", "after", "message"),
        [
            (b'"1.0"', b'"2.0"', "s.json: schema '2.0', this gitmodelstore reads '1.0'"),
            (b'"rows": 2', b'"rows": 2.0', "s.json: not in canonical form"),
            (b"0.1,", b"0.10,", "s.json: not in canonical form"),
            (b'"made"', b'"maid"', "s.json: maid: unknown key (and 1 more)"),
            (b"0.1,", b"NaN,", "s.json: columns[0].values[0]: NaN is not a finite number"),
            (b"\n}\n", b"\n} ", "s.json: not in canonical form"),
            (b'"escaped": "a', b'"escaped": "\\q', "s.json:"),
        ],
    )
    def test_other_bytes_are_refused(self, before: bytes, after: bytes, message: str) -> None:
        data = FRAME.render()
        assert before in data

        spoiled = data.replace(before, after, 1)
        assert refusal(FormatError, Sample.parse, spoiled, "s.json")[0].startswith(message)

    def test_more_than_its_room_is_refused_unread(self) -> None:
        message, _ = refusal(FormatError, Sample.parse, b" " * (256 * 1024 + 1))

        assert message == "sample.json: 262145 bytes, more than 262144"
