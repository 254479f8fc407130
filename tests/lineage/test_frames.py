"""gms-df-1: docs/gms-df-1.md is the specification, each test a clause of it."""

from __future__ import annotations

import datetime as dt
import decimal
import io
import re
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gitmodelstore.errors import InvalidInput
from gitmodelstore.lineage import frames
from gitmodelstore.lineage.frames import (
    digest_frame,
    features_named,
    features_of,
    logical_type,
    object_array,
)
from gitmodelstore.values import fields
from gitmodelstore.values.json import dump as render
from gitmodelstore.values.manifest import MOST_BYTES, Feature, Step

SPECIFICATION = Path(__file__).parents[2] / "docs" / "gms-df-1.md"

MIXED_CELLS = [
    1,
    "1",
    1.5,
    None,
    True,
    dt.date(2024, 1, 2),
    decimal.Decimal("1.50"),
    b"x",
    [1, "a"],
    {"k": 1},
    uuid.UUID(int=7),
    dt.time(1, 2),
    pd.Timestamp("2024-01-01"),
    pd.Timedelta("1s"),
]

# Computed under pandas 3.1.1 and equal under 2.3.3 and 2.0.3 (numpy 2.4 and 1.26).
PINNED: dict[str, tuple[Any, str]] = {
    "mixed": (
        pd.DataFrame(
            {
                "i": [1, 2, 3],
                "f": [0.5, np.nan, -0.0],
                "s": ["a", None, "é"],
                "b": [True, False, True],
            }
        ),
        "5afc3c1854de0fd0415203fcbb1c2320",
    ),
    "empty": (pd.DataFrame({"s": ["a"], "f": [1.0]}).iloc[:0], "49c20c9b3fc2eb2628c3ac4aab2b5e60"),
    "nocols": (pd.DataFrame(index=range(3)), "cad7a412303336cd57f21c0c217201f6"),
    "text": (pd.DataFrame({"t": ["a", None, "é\0x", "", "b"]}), "f8715220f05b23087d1f70ece2262979"),
    "cat": (
        pd.DataFrame({"c": pd.Categorical(["x", "y", None, "x"], categories=["y", "x", "z"])}),
        "f7ab1a69798fd65eeb371d3fa3716d1e",
    ),
    "cut": (
        pd.DataFrame({"c": pd.cut([1.0, 5.0, 9.0], [0, 4, 10])}),
        "76ccd8c37870946c9685e5a5531e0aec",
    ),
    "dates": (
        pd.DataFrame(
            {"d": pd.to_datetime(["2024-01-01 00:00:00.5", None, "1960-02-03"], format="mixed")}
        ),
        "5f83233e0f7b33f9a102f5fa3e10d6e0",
    ),
    "zoned": (
        pd.DataFrame(
            {"d": pd.to_datetime(["2024-01-01", "2024-07-01"]).tz_localize("Europe/Paris")}
        ),
        "abca01f5f0e43f3c29aed7081ce92986",
    ),
    "utc": (
        pd.DataFrame({"d": pd.to_datetime(["2024-01-01", "2024-07-01"], utc=True)}),
        "41e092d4fa57e33af99a839f86fc7fe9",
    ),
    "delta": (
        pd.DataFrame({"d": pd.to_timedelta(["1 day", None, "-3 us"])}),
        "119a24ee8d6bf3d86004c30202462908",
    ),
    "period": (
        pd.DataFrame({"p": pd.period_range("2024", "2026", freq=pd.offsets.YearEnd(month=12))}),
        "b35cf055b65797499693854ba5747ab8",
    ),
    "nullable": (
        pd.DataFrame(
            {
                "i": pd.array([1, None, 3], dtype="Int64"),
                "b": pd.array([True, None, False], dtype="boolean"),
                "f": pd.array([1.5, None, 2.5], dtype="Float32"),
            }
        ),
        "285cf3a4de6c93b0fee453c503a161d0",
    ),
    "object": (pd.DataFrame({"o": MIXED_CELLS}), "f26287f1293f743f3602e3c02bdcf3ee"),
    "labels": (
        pd.DataFrame([[1, 2, 3]], columns=[1, "1", ("a", 2)]),
        "1689f7b2bb3ddde50d1717749252bb68",
    ),
    "series": (pd.Series([1, 2, 3], name="y"), "f7688881f9e09338576f52126ed5a109"),
    "array": (np.arange(6.0).reshape(2, 3), "74969ccb7932a1f2dd0445aeabbaee02"),
    "u": (np.array(["a", "bc"]), "c14d00eac29a1d9d5dc3fc8ce5e6efa1"),
    "records": (
        np.array([(1, "a"), (2, "b")], dtype=[("i", "<i4"), ("s", "U3")]),
        "a4e8b6ab3001d41d1407aafd5a2af0f0",
    ),
    "sparse": (
        sp.csc_matrix(np.array([[0, 1.5], [np.nan, 0]])),
        "51e89556cc03f4e0f848fae2a4408d7a",
    ),
    "pair": ((pd.DataFrame({"a": [1, 2]}), np.array([0, 1])), "c126f3ae4155ebd1d3b2ab5b89c3649c"),
    "big": (np.array([1, 2, 3], dtype=">i4"), "753c3c3e0ad83231d0ee420bf8e5fc5a"),
    "c": (np.array([1 + 2j, complex("nan")]), "2fdac5a33e8ad028fb4797dcd78d64eb"),
    "spcol": (
        pd.DataFrame({"s": pd.arrays.SparseArray([0.0, 1.0, 0.0])}),
        "5fafa270f8dacaf56dc69398cd14ee3d",
    ),
}


@pytest.mark.parametrize("name", PINNED)
def test_a_digest_is_what_every_release_of_pandas_gave(name):
    data, expected = PINNED[name]

    assert digest_frame(data).hex.startswith(expected)


def test_the_example_of_the_specification_is_what_is_hashed():
    lines = SPECIFICATION.read_text("utf-8").splitlines()
    expected = lines[-1].strip()

    assert digest_frame(pd.DataFrame({"a": [1]})).hex == expected
    assert frames.measure(pd.DataFrame({"a": [1]}))[1] == 101
    stream = "".join(
        re.match(r" {4}((?:[0-9a-f]{2,} ?)+)", line).group(1) for line in lines[-8:-1]
    ).replace(" ", "")
    import hashlib

    assert hashlib.sha256(bytes.fromhex(stream)).hexdigest() == expected


# Strategies: every kind of column, and what a cell of it may hold

CELLS = {
    "int64": st.integers(-(2**63), 2**63 - 1),
    "float64": st.floats(allow_nan=False) | st.none(),
    "bool": st.booleans(),
    "Int64": st.integers(-(2**63), 2**63 - 1) | st.none(),
    "boolean": st.booleans() | st.none(),
    "object": st.text(max_size=5) | st.none(),
    "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.none(),
    "datetime64[us]": st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)) | st.none(),
    "category": st.sampled_from(["a", "b", "c"]) | st.none(),
    "mixed": st.one_of(st.integers(), st.text(max_size=3), st.binary(max_size=3), st.booleans()),
}


@st.composite
def changed_cells(draw):
    """A column, and the same column with one cell changed."""
    kind = draw(st.sampled_from(sorted(CELLS)))
    values = draw(st.lists(CELLS[kind], min_size=1, max_size=6))
    row = draw(st.integers(0, len(values) - 1))
    other = draw(CELLS[kind].filter(lambda value: repr(value) != repr(values[row])))
    changed = [*values[:row], other, *values[row + 1 :]]
    return _column(kind, values), _column(kind, changed)


def _column(kind: str, values: list[Any]) -> pd.Series:
    if kind == "category":
        return pd.Series(pd.Categorical(values, categories=["a", "b", "c"]))
    return pd.Series(values, dtype="object" if kind == "mixed" else kind)


@given(changed_cells())
@settings(max_examples=300, deadline=None)
def test_a_change_of_one_cell_changes_the_digest(pair):
    before, after = (pd.DataFrame({"k": range(len(column)), "v": column}) for column in pair)

    assert digest_frame(before) != digest_frame(after)
    assert digest_frame(before) == digest_frame(before.copy())


@given(
    st.lists(
        st.tuples(
            st.integers(-1000, 1000),
            st.integers(-(10**6), 10**6).map(lambda eighths: eighths / 8),
            st.text("abcé, ", min_size=1, max_size=4).map(lambda text: f"x{text}x") | st.none(),
        ),
        min_size=1,
        max_size=8,
    ).filter(lambda rows: any(row[2] is not None for row in rows))
)
@settings(max_examples=60, deadline=None)
def test_a_round_trip_through_csv_keeps_the_digest(rows):
    frame = pd.DataFrame(rows, columns=["i", "f", "s"])
    text = frame.to_csv(index=False)

    again = pd.read_csv(io.StringIO(text))

    assert digest_frame(again) == digest_frame(frame)


@given(st.lists(st.text(max_size=4) | st.none(), max_size=6))
@settings(max_examples=60, deadline=None)
def test_text_is_one_type_in_every_storage(values):
    digests = {
        digest_frame(pd.DataFrame({"s": pd.Series(values, dtype=dtype)}))
        for dtype in (object, "str", pd.StringDtype("python"))
        if dtype != "str" or pd.__version__ >= "3"
    }

    assert len(digests) == 1


@pytest.mark.parametrize(
    ("nullable", "plain"),
    [("Int64", "int64"), ("Int8", "int8"), ("UInt16", "uint16"), ("Float32", "float32")],
)
def test_a_nullable_column_without_missing_values_is_the_plain_one(nullable, plain):
    values = pd.Series([1, 2, 3], dtype=plain)

    assert digest_frame(values.astype(nullable)) == digest_frame(values)
    assert logical_type(values.astype(nullable)) == plain


def test_arrow_columns_are_what_they_hold():
    frame = pd.DataFrame(
        {
            "i": pd.array([1, None], dtype="Int64"),
            "f": [1.5, None],
            "b": pd.array([True, None], dtype="boolean"),
            "s": ["a", None],
            "t": pd.to_datetime(["2024-01-01", None]),
            "z": pd.to_datetime(["2024-01-01", None]).tz_localize("Europe/Paris"),
            "d": pd.Series([dt.date(2024, 1, 2), None], dtype=object),
        }
    )
    table = pa.Table.from_pandas(frame)

    assert digest_frame(table.to_pandas(types_mapper=pd.ArrowDtype)) == digest_frame(frame)


def test_bools_with_a_missing_value_are_bools_however_they_are_kept():
    kept_as_objects = pd.Series([True, None, False], dtype=object)

    assert logical_type(kept_as_objects) == "bool"
    assert digest_frame(kept_as_objects) == digest_frame(kept_as_objects.astype("boolean"))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_the_unit_of_times_does_not_show(unit):
    times = pd.Series(np.array(["2024-01-01T01:02:03", "NaT"], dtype=f"datetime64[{unit}]"))

    assert logical_type(times) == "datetime64"
    assert digest_frame(times) == digest_frame(times.astype("datetime64[us]"))


def test_every_missing_value_is_one():
    digests = {
        digest_frame(pd.Series(["a", missing], dtype=object))
        for missing in (None, np.nan, pd.NaT, pd.NA, decimal.Decimal("NaN"))
    }

    assert len(digests) == 1


def test_every_nan_is_one():
    other_nan = np.array([0x7FF8000000000001], dtype=np.uint64).view(np.float64)

    assert digest_frame(other_nan) == digest_frame(np.array([np.nan]))


def test_zero_and_minus_zero_differ():
    assert digest_frame(np.array([0.0])) != digest_frame(np.array([-0.0]))


def test_byte_order_and_memory_order_do_not_show():
    values = np.arange(6.0).reshape(2, 3)

    assert digest_frame(values.astype(">f8")) == digest_frame(values)
    assert digest_frame(np.asfortranarray(values)) == digest_frame(values)


def test_the_index_is_not_data():
    frame = pd.DataFrame({"a": [1, 2]})

    assert digest_frame(frame.set_axis(["x", "y"])) == digest_frame(frame)


def test_every_detail_of_a_table_counts():
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    others = [
        frame[["b", "a"]],
        frame.iloc[::-1],
        frame.rename(columns={"a": "c"}),
        frame.astype({"a": "int32"}),
        frame.astype({"a": "float64"}),
        frame.iloc[:1],
        frame[["a"]],
        frame.to_numpy(),
        frame.rename(columns={"a": 1}),
        frame.rename(columns={"a": "1"}),
    ]

    digests = {digest_frame(data) for data in [frame, *others]}

    assert len(digests) == 1 + len(others)


def test_lengths_of_empty_tables_count():
    empty = [pd.DataFrame(), pd.DataFrame(index=range(2)), np.empty((0, 2)), np.empty((2, 0))]

    assert len({digest_frame(data) for data in empty}) == len(empty)


def test_text_without_rows_is_text_in_every_storage():
    frame = pd.DataFrame({"s": ["a"]})

    assert digest_frame(frame.iloc[:0]) == digest_frame(frame.astype(object).iloc[:0])


def test_characters_do_not_move_between_neighbours():
    assert digest_frame(pd.Series(["ab", "c"])) != digest_frame(pd.Series(["a", "bc"]))
    assert digest_frame(pd.Series(["a\0b", "a\0c"])) != digest_frame(pd.Series(["a\0b", "a\0b"]))


def test_categories_count_by_label_list_and_order():
    kept = pd.Categorical(["x", "y"], categories=["x", "y"])
    others = [
        pd.Categorical(["x", "y"], categories=["y", "x"]),
        pd.Categorical(["x", "y"], categories=["x", "y", "z"]),
        pd.Categorical(["x", "y"], categories=["x", "y"], ordered=True),
        pd.Categorical(["x", "x"], categories=["x", "y"]),
    ]

    assert len({digest_frame(pd.Series(data)) for data in [kept, *others]}) == 5


def test_a_sparse_matrix_counts_by_value_whatever_its_format():
    dense = np.array([[0, 1.5, 0], [2.0, 0, 0]])
    rows = sp.csr_matrix(dense)
    twice = sp.coo_matrix(([1.0, 0.5, 2.0, 0.0], ([0, 0, 1, 1], [1, 1, 0, 2])), shape=(2, 3))

    assert len({digest_frame(m) for m in (rows, rows.tocsc(), rows.tolil(), twice)}) == 1
    assert digest_frame(sp.csr_matrix(dense * 2)) != digest_frame(rows)


def test_digesting_a_sparse_matrix_leaves_it_as_it_was():
    matrix = sp.csr_matrix((np.array([0.0, 1.0]), np.array([1, 0]), np.array([0, 2])), shape=(1, 2))

    digest_frame(matrix)

    assert matrix.nnz == 2
    assert matrix.indices.tolist() == [1, 0]


def test_a_pair_is_neither_of_its_halves():
    X, y = pd.DataFrame({"a": [1]}), np.array([1])

    assert len({digest_frame(data) for data in [X, y, (X, y), (X, None), (y, X)]}) == 5


def test_decimals_and_nested_cells_count_by_value():
    def one(value):
        return digest_frame(object_array([value, 1]))

    assert one(decimal.Decimal("1.50")) == one(decimal.Decimal("1.5"))
    assert one(decimal.Decimal("100")) == one(decimal.Decimal("1E+2"))
    assert one([1, 2]) == one(np.array([1, 2])) == one((1, 2))
    assert one({"a": 1, "b": 2}) == one({"b": 2, "a": 1})
    assert one({1, 2}) == one({2, 1})
    assert one([1, 2]) != one([12])
    assert one(np.datetime64("2024-01-01")) == one(dt.datetime(2024, 1, 1))


def test_one_zone_has_one_name_whoever_supplies_it():
    from zoneinfo import ZoneInfo

    hour = dt.timezone(dt.timedelta(hours=1))
    times = pd.Series(pd.to_datetime(["2024-01-01"]))

    assert (
        logical_type(times.dt.tz_localize(ZoneInfo("Europe/Paris"))) == "datetime64[Europe/Paris]"
    )
    assert logical_type(times.dt.tz_localize(dt.timezone.utc)) == "datetime64[UTC]"
    assert logical_type(times.dt.tz_localize(hour)) == "datetime64[UTC+01:00]"


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Series([1, None], dtype="Int64"), "int64"),
        (pd.Series(["a"]), "str"),
        (pd.Series([None], dtype=object), "str"),
        (pd.Series([1, "a"], dtype=object), "object"),
        (pd.Series(["a"], dtype="category"), "category[str]"),
        (pd.Series(pd.Categorical([1], ordered=True)), "category[int64, ordered]"),
        (pd.Series([0.0, 1.0], dtype="Sparse[float64]"), "float64"),
        (pd.Series(pd.to_timedelta(["1s"])), "timedelta64"),
        (np.array(["a"]), "str"),
        (np.array([b"a"]), "object"),
        (np.array([1], dtype=">i2"), "int16"),
        (np.array([True]), "bool"),
        (np.array([1j]), "complex128"),
    ],
)
def test_a_logical_type_says_nothing_of_storage(column, expected):
    assert logical_type(column) == expected


def test_features_have_the_names_of_the_columns():
    frame = pd.DataFrame({"age": [1], "city": ["x"]})

    assert features_of(frame) == (Feature("age", "int64"), Feature("city", "str"))
    assert features_of(frame[["age"]].to_numpy()) == (Feature(None, "int64"),)
    assert features_of(pd.DataFrame([[1, 2]])) == (Feature(None, "int64"), Feature(None, "int64"))
    assert features_of(sp.csr_matrix((3, 2))) == (Feature(None, "float64"),) * 2


@pytest.mark.parametrize("texts", [["a", "b"], pd.Series(["a", "b"], name="t"), np.array(["a"])])
def test_texts_in_a_row_are_one_feature_without_a_name(texts):
    assert features_of(texts) == (Feature(None, "str"),)


@pytest.mark.parametrize("make", [np.zeros, sp.csr_matrix])
def test_more_columns_than_a_manifest_has_room_for_are_not_listed(make):
    assert len(features_of(make((1, frames.MOST_FEATURES)))) == frames.MOST_FEATURES
    assert features_of(make((1, frames.MOST_FEATURES + 1))) is None


def test_longer_names_than_a_manifest_has_room_for_are_not_listed():
    half = frames.MOST_NAME_CHARACTERS // 2
    names = ["a" * half, "b" * half]

    assert features_named(names) == (Feature(names[0], None), Feature(names[1], None))
    assert features_named([*names, "c"]) is None
    assert features_of(pd.DataFrame([[1, 2, 3]], columns=[*names, "c"])) is None


@pytest.mark.parametrize("longest", [1, 40])
def test_a_manifest_has_room_for_the_most_columns_twice(longest):
    """Once as features, once as what a step takes."""
    names = [f"{number:0{longest}d}" for number in range(frames.MOST_FEATURES)]
    features = features_named(names)
    step = Step("columns", "drop", tuple(names), ())

    assert len(render([fields.write(held) for held in (*features, step)])) < MOST_BYTES * 0.85


def test_a_repeated_column_is_refused():
    frame = pd.DataFrame([[1, 2, 3]], columns=["a", "b", "a"])

    for refused in (digest_frame, features_of):
        with pytest.raises(InvalidInput) as caught:
            refused(frame)

        assert str(caught.value) == "column 'a' appears twice"
        assert caught.value.hint == "rename or drop one of them"


def test_an_object_without_a_canonical_form_is_refused_with_its_place():
    with pytest.raises(InvalidInput) as caught:
        digest_frame(pd.DataFrame({"a": [1, object()]}))

    assert str(caught.value) == "column 'a': row 1: a value of type object has no digest"
    assert caught.value.hint == "convert the column to text, numbers or times first"


def test_a_byte_order_mark_in_a_column_name_is_refused():
    with pytest.raises(InvalidInput) as caught:
        features_of(pd.DataFrame({"\ufeffid": [1]}))

    assert str(caught.value) == r"column '\ufeffid' contains the hidden character U+FEFF"
    assert caught.value.hint == "read the file with encoding='utf-8-sig'"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (7, "expected a table, found int"),
        ((1, 2, 3), "expected a pair (X, y), found 3 values"),
        (np.ma.masked_array([1], [True]), "a masked array has no digest"),
        ([[1], [1, 2]], "a list of rows of different lengths is not a table"),
        (np.array(["2024"], dtype="datetime64[ps]"), "times in units of ps have no portable form"),
    ],
)
def test_what_is_no_table_is_refused(data, message):
    with pytest.raises(InvalidInput) as caught:
        digest_frame(data)

    assert str(caught.value) == message
    assert caught.value.hint is None or caught.value.hint


def test_a_cell_that_holds_itself_is_refused():
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(InvalidInput) as caught:
        digest_frame(object_array([endless, 1]))

    assert str(caught.value) == "row 0: a cell nested more than 32 deep has no digest"
