"""Data of every kind that gms-df-1 names, made alike by any pandas from 2.0 on.

As a program it prints the digest of each as JSON, so that another environment can be asked
(tests/interop/test_pandas.py); it needs the package, pandas, scipy and pyarrow, and no tools.
"""

from __future__ import annotations

import datetime as dt
import decimal
import io
import json
import uuid
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import scipy.sparse as sp

from gitmodelstore.lineage.frames import measure
from gitmodelstore.values.fields import Digest

CSV = """\
when,age,income,city,left,share,note
2024-01-05,31,51000.5,Paris,True,0.1,
2024-02-06,,48000,"Aix, en Provence",False,,"a ""b"" c"
2024-03-07,45,,Zürich,True,1e-3,x
"""

SPARSE_FORMATS = ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")


def digest_frame(data: Any) -> Digest:
    return measure(data)[0]


def corpus() -> dict[str, Any]:
    """Return name to data."""
    made = [_numbers(), _texts(), _times(), _categories(), _nullable(), _objects(), _arrow()]
    named = [pair for part in (*made, _shapes()) for pair in part.items()]
    assert len(dict(named)) == len(named)
    return dict(named)


def _numbers() -> dict[str, Any]:
    found = {
        f"numbers {dtype}": pd.DataFrame({"n": np.array([0, 1, 100], dtype=dtype)})
        for dtype in (
            *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
            *("float16", "float32", "float64", "complex64", "complex128", "bool"),
        )
    }
    return found | {
        "integers at their ends": pd.DataFrame({"n": [-(2**63), 2**63 - 1]}),
        "floats": pd.DataFrame({"f": [0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, 0.1]}),
        "big-endian": pd.DataFrame({"n": np.array([1, 2], dtype=">i4")}),
        "complex numbers": np.array([1 + 2j, complex("nan")]),
        "sparse column": pd.DataFrame({"s": pd.arrays.SparseArray([0.0, 1.5, np.nan])}),
        "a mixed table": pd.DataFrame(
            {
                "i": np.arange(500) * 7 % 13,
                "f": np.where(np.arange(500) % 11 == 0, np.nan, np.arange(500) / 8),
                "s": [f"city {n % 17}" if n % 9 else None for n in range(500)],
                "b": np.arange(500) % 3 == 0,
                "c": pd.Categorical([("low", "mid", "high")[n % 3] for n in range(500)]),
                "t": pd.date_range("2024-01-01", periods=500, freq="D"),
            }
        ),
    }


def _texts() -> dict[str, Any]:
    texts = ["a", None, "é\0x", "", "日本", "a\ud800"]
    return {
        "text as objects": pd.DataFrame({"t": pd.Series(texts, dtype=object)}),
        "text": pd.DataFrame({"t": ["a", None, "é", "", "日本"]}),
        "text as string": pd.DataFrame({"t": pd.Series(["a", None, "é"], dtype="string")}),
        "text of numpy": np.array([["a", "bc"], ["", "é"]]),
        "nothing as objects": pd.DataFrame({"t": pd.Series([None, np.nan], dtype=object)}),
        "names": pd.DataFrame([[1, 2, 3, 4]], columns=[1, "1", ("a", 2), 2.5]),
        "names of two levels": pd.DataFrame(
            [[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")])
        ),
        "a csv file": pd.read_csv(io.StringIO(CSV)),
        "a csv file with dates": pd.read_csv(io.StringIO(CSV), parse_dates=["when"]),
    }


def _times() -> dict[str, Any]:
    days = pd.to_datetime(["2024-03-30", "2024-03-31 03:30", None], format="mixed")
    found: dict[str, Any] = {
        f"zone {zone}": pd.DataFrame({"t": pd.Series(days).dt.tz_localize(zone)})
        for zone in ("UTC", "Europe/Paris", "America/New_York", "Asia/Kathmandu")
    }
    return found | {
        "times": pd.DataFrame({"t": days}),
        "old and new times": pd.DataFrame(
            {"t": np.array(["0001-01-01", "NaT", "9999-12-31"], dtype="datetime64[s]")}
        ),
        "nanoseconds": pd.DataFrame(
            {"t": np.array(["1969-12-31T23:59:59.999999999"], dtype="datetime64[ns]")}
        ),
        "a fixed offset": pd.DataFrame({"t": pd.to_datetime(["2024-01-01T00:00:00+05:30"])}),
        "durations": pd.DataFrame({"d": pd.to_timedelta(["1 day", None, "-3 us"])}),
        "months": pd.DataFrame({"p": pd.period_range("2024-01", periods=3, freq="M")}),
        "quarters": pd.DataFrame({"p": pd.PeriodIndex(["2024Q1", None], freq="Q-DEC")}),
        "years": pd.DataFrame(
            {"p": pd.period_range("2024", "2026", freq=pd.offsets.YearEnd(month=12))}
        ),
        "intervals": pd.DataFrame({"v": pd.cut([1.0, 5.0, np.nan], [0, 4, 10])}),
        "an interval index": pd.Series(pd.interval_range(0, 3), name="v"),
    }


def _categories() -> dict[str, Any]:
    return {
        "categories": pd.DataFrame({"c": pd.Categorical(["x", None, "y"], ["y", "x", "z"])}),
        "ordered": pd.DataFrame({"c": pd.Categorical(["x", "y"], ["y", "x"], ordered=True)}),
        "of numbers": pd.DataFrame({"c": pd.Categorical([3, 1, None])}),
        "of times": pd.DataFrame({"c": pd.Categorical(pd.to_datetime(["2024-01-01", None]))}),
        "of bools": pd.DataFrame({"c": pd.Categorical([True, False])}),
        "without rows": pd.DataFrame({"c": pd.Categorical([], ["a", "b"])}),
        "without categories": pd.DataFrame({"c": pd.Categorical([None, None])}),
    }


def _nullable() -> dict[str, Any]:
    found: dict[str, Any] = {
        f"nullable {dtype}": pd.DataFrame({"n": pd.array([1, None, 0], dtype=dtype)})
        for dtype in ("Int8", "Int64", "UInt16", "UInt64", "Float32", "Float64", "boolean")
    }
    return found | {
        "objects of bools": pd.DataFrame({"b": pd.Series([True, None, False], dtype=object)})
    }


def _objects() -> dict[str, Any]:
    mixed = [
        *(1, "1", 1.5, None, True, 1j, b"x", 10**30, -0.0),
        *(dt.date(2024, 1, 2), dt.time(1, 2, 3, 4), dt.datetime(2024, 1, 2, 3), dt.timedelta(1)),
        *(decimal.Decimal("1.50"), decimal.Decimal("NaN"), uuid.UUID(int=7)),
        *([1, "a", [None]], {"k": 1, "a": [2]}, {1, 2}, np.float32(0.5), np.int8(3)),
        *(pd.Timestamp("2024-01-01 00:00:00.000000001"), pd.Timedelta("1ns"), pd.NaT, pd.NA),
        *(pd.Timestamp("2024-01-01", tz="Europe/Paris"), pd.Period("2024-01", "M")),
        *(pd.Interval(0, 1), np.datetime64("2024-01-01"), np.array([1.5, 2.5])),
    ]
    return {
        "mixed objects": pd.DataFrame({"o": pd.Series(mixed, dtype=object)}),
        "dates": pd.DataFrame({"o": pd.Series([dt.date(2024, 1, 2), None], dtype=object)}),
        "lists": pd.DataFrame({"o": pd.Series([[1.5], [], None], dtype=object)}),
    }


def _arrow() -> dict[str, Any]:
    columns = {
        "int64": pa.array([1, None, 3]),
        "uint8": pa.array([1, None, 3], pa.uint8()),
        "float": pa.array([1.5, None, float("nan")], pa.float32()),
        "double": pa.array([1.5, None, 0.0]),
        "bool": pa.array([True, None, False]),
        "string": pa.array(["a", None, "é"]),
        "large string": pa.array(["a", None, "é"], pa.large_string()),
        "binary": pa.array([b"a", None, b""]),
        "date32": pa.array([dt.date(2024, 1, 2), None]),
        "time64": pa.array([dt.time(1, 2), None], pa.time64("us")),
        "decimal": pa.array([decimal.Decimal("1.50"), None]),
        "timestamp": pa.array([dt.datetime(2024, 1, 2), None], pa.timestamp("ms")),
        "zoned": pa.array([dt.datetime(2024, 1, 2), None], pa.timestamp("us", "Europe/Paris")),
        "duration": pa.array([dt.timedelta(1), None], pa.duration("s")),
        "dictionary": pa.array(["a", None, "b"]).dictionary_encode(),
        "list": pa.array([[1, 2], None, []]),
        "struct": pa.array([{"a": 1}, None]),
        "null": pa.nulls(2),
    }
    found: dict[str, Any] = {}
    for name, column in columns.items():
        series = pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([column])))
        found[f"arrow {name}"] = pd.DataFrame({"a": series})
        found[f"arrow {name} without rows"] = pd.DataFrame({"a": series.iloc[:0]})
    text = pd.Series(["a", None], dtype=pd.StringDtype("pyarrow"))
    return found | {"arrow text": pd.DataFrame({"t": text})}


def _shapes() -> dict[str, Any]:
    dense = np.array([[0, 1.5, 0], [np.nan, 0, -2.0]])
    found: dict[str, Any] = {
        f"sparse {name}": sp.csr_matrix(dense).asformat(name) for name in SPARSE_FORMATS
    }
    X = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    return found | {
        "sparse array": sp.csr_array(dense),
        "zero rows": pd.DataFrame({"i": [1], "s": ["a"], "t": pd.to_datetime(["2024"])}).iloc[:0],
        "zero columns": pd.DataFrame(index=range(3)),
        "zero cells": np.empty((0, 2)),
        "array": np.arange(6.0).reshape(2, 3),
        "array by columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "array of three dimensions": np.arange(8).reshape(2, 2, 2),
        "array of objects": np.array([[1, "a"], [None, 2.5]], dtype=object),
        "array of times": np.array(["2024-01-01", "NaT"], dtype="datetime64[D]"),
        "records": np.array([(1, "a"), (2, "b")], dtype=[("i", "<i4"), ("s", "U3")]),
        "series": pd.Series([1, 2, 3], name="y"),
        "index": pd.Index([1, 2, 3]),
        "list": [[1, 2.5], [3, 4]],
        "pair": (X, pd.Series([0, 1], name="left")),
        "pair of arrays": (dense, np.array([0, 1])),
        "pair with sparse": (sp.csr_matrix(dense), np.array(["yes", "no"])),
        "X alone": (X, None),
    }


if __name__ == "__main__":
    digests = {name: digest_frame(data).hex for name, data in corpus().items()}
    print(json.dumps({"pandas": pd.__version__, "digests": digests}))
