"""A change of one cell, anywhere in data of any kind, changes its digest."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gitmodelstore.lineage.data import digest_of_file, digest_of_folder

from .corpus import digest_frame

ROWS = 6
_MOMENTS = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1))
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
_WHOLE = st.integers(-(2**63), 2**63 - 1)
_REAL = st.floats(allow_nan=False)

# Kind of column to what a cell of it may hold; None is a missing value.
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "int64": _WHOLE,
    "uint8": st.integers(0, 255),
    "float64": _REAL | st.none(),
    "float32": st.floats(allow_nan=False, width=32) | st.none(),
    "complex128": st.complex_numbers(allow_nan=False),
    "bool": st.booleans(),
    "str": st.text(max_size=5) | st.none(),
    "object": st.one_of(
        *(st.integers(), _REAL, _TEXT, st.binary(max_size=3), st.booleans(), st.none()),
        *(st.dates(), st.times(), st.decimals(allow_nan=False, allow_infinity=False)),
        *(st.uuids(), st.lists(st.integers() | _TEXT, max_size=3)),
    ),
    "category": st.sampled_from(["a", "b", "c"]) | st.none(),
    "datetime64[us]": _MOMENTS | st.none(),
    "datetime64[us, Europe/Paris]": _MOMENTS | st.none(),
    "timedelta64[us]": st.timedeltas(dt.timedelta(-9999), dt.timedelta(9999)) | st.none(),
    "Int64": _WHOLE | st.none(),
    "boolean": st.booleans() | st.none(),
    "string[pyarrow]": _TEXT | st.none(),
    "int64[pyarrow]": _WHOLE | st.none(),
    "double[pyarrow]": _REAL | st.none(),
    "timestamp[us][pyarrow]": _MOMENTS | st.none(),
}
Sparse = st.sampled_from(("bsr", "coo", "csc", "csr", "dia", "dok", "lil"))


def column(kind: str, values: list[Any]) -> pd.Series:
    if kind == "category":
        return pd.Series(pd.Categorical(values, categories=["a", "b", "c"]))
    if kind.endswith("Europe/Paris]"):
        return pd.Series(values, dtype="datetime64[us]").dt.tz_localize("UTC").astype(kind)
    if kind == "str":
        return pd.Series(values, dtype=object)
    return pd.Series(values, dtype=kind)


def as_written(value: Any) -> str:
    """What tells two cells apart: 0.0 from -0.0, True from 1; decimals are numbers.

    Which of two equal readings of a clock is meant, `fold`, says nothing without a zone.
    """
    if hasattr(value, "fold"):
        value = value.replace(fold=0)
    return repr(value.normalize() if hasattr(value, "normalize") else value)


@st.composite
def tables(draw):
    """A table of several kinds of columns, and the same with one cell changed."""
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=5))
    rows = draw(st.integers(1, ROWS))
    cells = [draw(st.lists(CELLS[kind], min_size=rows, max_size=rows)) for kind in kinds]
    place, row = draw(st.integers(0, len(kinds) - 1)), draw(st.integers(0, rows - 1))
    now = as_written(cells[place][row])
    other = draw(CELLS[kinds[place]].filter(lambda value: as_written(value) != now))

    def table() -> pd.DataFrame:
        made = [column(kind, values) for kind, values in zip(kinds, cells, strict=True)]
        return pd.concat(made, axis=1, keys=[f"c{number}" for number in range(len(kinds))])

    before = table()
    cells[place][row] = other
    return before, table()


@given(tables())
@settings(max_examples=150, deadline=None)
def test_of_a_table(pair):
    before, after = pair

    assert digest_frame(before) != digest_frame(after)
    assert digest_frame(before) == digest_frame(before.copy())
    y = np.arange(len(before))
    assert digest_frame((before, y)) != digest_frame((after, y))
    assert digest_frame((y.reshape(-1, 1), before)) != digest_frame((y.reshape(-1, 1), after))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_of_an_array_or_a_sparse_matrix(data):
    shape = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    values = data.draw(
        st.lists(
            st.sampled_from([0.0, 0.0, 1.5, -2.0, 7.25]),
            min_size=shape[0] * shape[1],
            max_size=shape[0] * shape[1],
        )
    )
    before = np.array(values).reshape(shape)
    after = before.copy()
    place = (data.draw(st.integers(0, shape[0] - 1)), data.draw(st.integers(0, shape[1] - 1)))
    after[place] += data.draw(st.sampled_from([0.5, -1.0, 1e-9]))
    one, two = data.draw(Sparse), data.draw(Sparse)

    assert digest_frame(before) != digest_frame(after)
    assert digest_frame(sp.csr_array(before).asformat(one)) != digest_frame(
        sp.csr_array(after).asformat(two)
    )
    assert digest_frame(sp.csr_array(before).asformat(one)) == digest_frame(
        sp.csr_matrix(before).asformat(two)
    )


def test_of_a_large_table():
    """Far from its first and last rows, in every column."""
    rows = 200_000
    count = np.arange(rows)
    table = pd.DataFrame(
        {
            "i": count,
            "f": count / 7,
            "s": [f"row {number}" for number in count.tolist()],
            "c": pd.Categorical.from_codes(count % 3, ["a", "b", "c"]),
            "t": pd.Timestamp("2024-01-01") + pd.to_timedelta(count, unit="s"),
        }
    )
    others = {
        "i": -1,
        "f": np.nextafter(123_456 / 7, np.inf),
        "s": "Row 123456",
        "c": "b",
        "t": pd.Timestamp("1999-01-01"),
    }
    digests = {digest_frame(table)}
    for name, other in others.items():
        changed = table.copy()
        changed.loc[123_456, name] = other
        digests.add(digest_frame(changed))

    assert len(digests) == 1 + len(others)


@pytest.mark.parametrize("place", [0, 1, (1 << 20) - 1, 1 << 20, (5 << 19) - 1])
def test_of_a_byte_of_a_file(tmp_path: Path, place: int):
    folder = tmp_path / "set"
    folder.mkdir()
    path = folder / "x.bin"
    data = bytearray(5 << 19)
    path.write_bytes(data)
    before = digest_of_file(path), digest_of_folder(folder)
    data[place] ^= 1
    path.write_bytes(data)

    assert digest_of_file(path)[0] != before[0][0]
    assert digest_of_folder(folder)[0] != before[1][0]
