"""gms-df-1: docs/gms-df-1.md is the specification, each test a clause of it."""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gitmodelstore.errors import InvalidInput
from gitmodelstore.lineage import frames
from gitmodelstore.lineage.frames import features_named, features_of, logical_type, object_array
from gitmodelstore.values import fields
from gitmodelstore.values.json import dump as render
from gitmodelstore.values.manifest import MOST_BYTES, Feature, Step

from .corpus import corpus, digest_frame

SPECIFICATION = Path(__file__).parents[2] / "docs" / "gms-df-1.md"

# Of each kind of data in the corpus: the digest that pandas 2.0.3, 2.3.3 and 3.1.1 agree on.
PINNED = (Path(__file__).parent / "digests.txt").read_text("utf-8").splitlines()


def test_a_digest_is_what_every_release_of_pandas_gave():
    digests = {name: digest_frame(data).hex for name, data in corpus().items()}

    assert digests == {line[66:]: line[:64] for line in PINNED}


def test_the_example_of_the_specification_is_what_is_hashed():
    lines = SPECIFICATION.read_text("utf-8").splitlines()
    expected = lines[-1].strip()

    assert digest_frame(pd.DataFrame({"a": [1]})).hex == expected
    assert frames.measure(pd.DataFrame({"a": [1]}))[1] == 101
    stream = "".join(
        re.match(r" {4}((?:[0-9a-f]{2,} ?)+)", line).group(1) for line in lines[-8:-1]
    ).replace(" ", "")
    assert hashlib.sha256(bytes.fromhex(stream)).hexdigest() == expected


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

    assert digest_frame(pd.read_csv(io.StringIO(text))) == digest_frame(frame)


@given(st.lists(st.text(max_size=4) | st.none(), max_size=6))
@settings(max_examples=60, deadline=None)
def test_text_is_one_type_in_every_storage(values):
    digests = {
        digest_frame(pd.DataFrame({"s": pd.Series(values, dtype=dtype)}))
        for dtype in (object, "str", pd.StringDtype("python"))
        if dtype != "str" or pd.__version__ >= "3"
    }

    assert len(digests) == 1


VALUES = np.arange(6.0).reshape(2, 3)
DENSE = np.array([[0, 1.5, 0], [2.0, 0, 0]])
ROWS = sp.csr_matrix(DENSE)
TIMES = pd.Series(np.array(["2024-01-01T01:02:03", "NaT"], dtype="datetime64[us]"))
BOOLS = pd.Series([True, None, False], dtype=object)
FRAME = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
MIXED = pd.DataFrame(
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


def plain(dtype: str) -> pd.Series:
    return pd.Series([1, 2, 3], dtype=dtype)


def one(value: Any) -> Any:
    """A column of objects that holds a value."""
    return object_array([value, 1])


@pytest.mark.parametrize(
    "alike",
    [
        [plain("int64"), plain("int64").astype("Int64")],
        [plain("int8"), plain("int8").astype("Int8")],
        [plain("uint16"), plain("uint16").astype("UInt16")],
        [plain("float32"), plain("float32").astype("Float32")],
        [BOOLS, BOOLS.astype("boolean")],
        [MIXED, pa.Table.from_pandas(MIXED).to_pandas(types_mapper=pd.ArrowDtype)],
        [TIMES, *(TIMES.astype(f"datetime64[{unit}]") for unit in ("s", "ms", "ns"))],
        [
            pd.Series(["a", missing], dtype=object)
            for missing in (None, np.nan, pd.NaT, pd.NA, decimal.Decimal("NaN"))
        ],
        [np.array([np.nan]), np.array([0x7FF8000000000001], dtype=np.uint64).view(np.float64)],
        [VALUES, VALUES.astype(">f8"), np.asfortranarray(VALUES)],
        [FRAME, FRAME.set_axis(["x", "y"])],  # the index is not data
        [pd.DataFrame({"s": ["a"]}).iloc[:0], pd.DataFrame({"s": ["a"]}).astype(object).iloc[:0]],
        [
            *(ROWS, ROWS.tocsc(), ROWS.tolil()),
            sp.coo_matrix(([1.0, 0.5, 2.0, 0.0], ([0, 0, 1, 1], [1, 1, 0, 2])), shape=(2, 3)),
        ],
        [one(decimal.Decimal("1.50")), one(decimal.Decimal("1.5"))],
        [one(decimal.Decimal("100")), one(decimal.Decimal("1E+2"))],
        [one([1, 2]), one(np.array([1, 2])), one((1, 2))],
        [one({"a": 1, "b": 2}), one({"b": 2, "a": 1})],
        [one({1, 2}), one({2, 1})],
        [one(np.datetime64("2024-01-01")), one(dt.datetime(2024, 1, 1))],
    ],
)
def test_what_is_equal_by_value_has_one_digest(alike):
    assert len({digest_frame(data) for data in alike}) == 1


@pytest.mark.parametrize(
    "different",
    [
        [np.array([0.0]), np.array([-0.0])],
        [
            *(FRAME, FRAME[["b", "a"]], FRAME.iloc[::-1], FRAME.iloc[:1], FRAME[["a"]]),
            *(FRAME.astype({"a": "int32"}), FRAME.astype({"a": "float64"}), FRAME.to_numpy()),
            *(FRAME.rename(columns={"a": name}) for name in ("c", 1, "1")),
        ],
        [pd.DataFrame(), pd.DataFrame(index=range(2)), np.empty((0, 2)), np.empty((2, 0))],
        [pd.Series(["ab", "c"]), pd.Series(["a", "bc"])],
        [pd.Series(["a\0b", "a\0c"]), pd.Series(["a\0b", "a\0b"])],
        [
            pd.Series(pd.Categorical(["x", "y"], categories=["x", "y"])),
            pd.Series(pd.Categorical(["x", "y"], categories=["y", "x"])),
            pd.Series(pd.Categorical(["x", "y"], categories=["x", "y", "z"])),
            pd.Series(pd.Categorical(["x", "y"], categories=["x", "y"], ordered=True)),
            pd.Series(pd.Categorical(["x", "x"], categories=["x", "y"])),
        ],
        [ROWS, sp.csr_matrix(DENSE * 2)],
        [FRAME, VALUES[:, 0], (FRAME, VALUES[:, 0]), (FRAME, None), (VALUES[:, 0], FRAME)],
        [one([1, 2]), one([12])],
    ],
)
def test_every_detail_counts(different):
    assert len({digest_frame(data) for data in different}) == len(different)


def test_digesting_a_sparse_matrix_leaves_it_as_it_was():
    matrix = sp.csr_matrix((np.array([0.0, 1.0]), np.array([1, 0]), np.array([0, 2])), shape=(1, 2))

    digest_frame(matrix)

    assert matrix.nnz == 2
    assert matrix.indices.tolist() == [1, 0]


def zoned(zone: dt.tzinfo) -> pd.Series:
    return pd.Series(pd.to_datetime(["2024-01-01"])).dt.tz_localize(zone)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Series([1, None], dtype="Int64"), "int64"),
        (pd.Series([1, 2], dtype="UInt16"), "uint16"),
        (pd.Series([1, 2], dtype="Float32"), "float32"),
        (BOOLS, "bool"),
        (TIMES.astype("datetime64[s]"), "datetime64"),
        (TIMES.astype("datetime64[ns]"), "datetime64"),
        (zoned(ZoneInfo("Europe/Paris")), "datetime64[Europe/Paris]"),
        (zoned(dt.timezone.utc), "datetime64[UTC]"),
        (zoned(dt.timezone(dt.timedelta(hours=1))), "datetime64[UTC+01:00]"),
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
    for texts in (["a", "b"], pd.Series(["a", "b"], name="t"), np.array(["a"])):
        assert features_of(texts) == (Feature(None, "str"),)  # in a row


def test_more_or_longer_names_than_a_manifest_has_room_for_are_not_listed():
    for make in (np.zeros, sp.csr_matrix):
        assert len(features_of(make((1, frames.MOST_FEATURES)))) == frames.MOST_FEATURES
        assert features_of(make((1, frames.MOST_FEATURES + 1))) is None
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


def refusal(function: Callable[[Any], Any], data: Any) -> tuple[str, str | None]:
    with pytest.raises(InvalidInput) as caught:
        function(data)
    return str(caught.value), caught.value.hint


@pytest.mark.parametrize("function", [digest_frame, features_of])
def test_a_repeated_column_is_refused(function):
    assert refusal(function, pd.DataFrame([[1, 2, 3]], columns=["a", "b", "a"])) == (
        "column 'a' appears twice",
        "rename or drop one of them",
    )


def test_a_byte_order_mark_in_a_column_name_is_refused():
    assert refusal(features_of, pd.DataFrame({"\ufeffid": [1]})) == (
        r"column '\ufeffid' contains the hidden character U+FEFF",
        "read the file with encoding='utf-8-sig'",
    )


def test_an_object_without_a_canonical_form_is_refused_with_its_place():
    assert refusal(digest_frame, pd.DataFrame({"a": [1, object()]})) == (
        "column 'a': row 1: a value of type object has no digest",
        "convert the column to text, numbers or times first",
    )


ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (7, "expected a table, found int"),
        ((1, 2, 3), "expected a pair (X, y), found 3 values"),
        (np.ma.masked_array([1], [True]), "a masked array has no digest"),
        ([[1], [1, 2]], "a list of rows of different lengths is not a table"),
        (np.array(["2024"], dtype="datetime64[ps]"), "times in units of ps have no portable form"),
        (one(ENDLESS), "row 0: a cell nested more than 32 deep has no digest"),
    ],
)
def test_what_has_no_canonical_form_is_refused(data, message):
    assert refusal(digest_frame, data)[0] == message
