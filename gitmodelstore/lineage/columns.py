"""Columns: their logical types, and the canonical form that no storage shows in.

Owns the section "Columns" of docs/gms-df-1.md: what stores a column (numpy, pandas'
own dtypes, Arrow, Python objects) is recognized here and nowhere else. pandas is
imported only where an array of Python objects is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gitmodelstore.errors import InvalidInput
from gitmodelstore.lineage.cells import cells, is_pandas, utf8
from gitmodelstore.lineage.times import frequency, split_ticks, split_times, zone_name

_ARROW_TIME = re.compile(r"(timestamp|duration)\[(s|ms|us|ns)(?:, tz=(.+))?\]")


class Encoded(NamedTuple):
    """A column in its canonical form.

    Attributes:
        type: its logical type.
        missing: shape (n_rows,), true where there is no value; None when nothing is missing.
        rows: how many.
        parts: what follows in the stream: buffers, and columns within this one. Numbers
            and bools have one buffer, times two (whole seconds, nanoseconds above them),
            categories their labels as a column and the codes; each 0 where missing.
    """

    type: str
    missing: Any
    rows: int
    parts: tuple[Any, ...]


def logical_type(column: Any) -> str:
    """Return the name of the type that a column has whatever stores it.

    Integers, floats and bools keep their width, and lose what says how missing
    values are kept: "int64" is numpy's, pandas' `Int64` and Arrow's. Text is "str"
    in every storage, an object column of nothing but text included, and so is one
    without any value. Times have one unit: "datetime64", "datetime64[Europe/Paris]",
    "timedelta64". Categories name the type of their labels: "category[str]",
    "category[int64, ordered]". An object column of nothing but bools is "bool";
    any other is "object".

    Args:
        column: a Series, an Index, an extension array, or an array of any shape.

    Raises:
        InvalidInput: a type that gms-df-1 does not know, such as numpy's longdouble.
    """
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        if dtype.kind not in "OUTS":
            return _numpy_type(dtype)
        return _objects_type(np.asarray(column, dtype=object).reshape(-1))[0]
    if is_pandas(dtype, "CategoricalDtype"):
        return _category_type(dtype, logical_type(dtype.categories))
    if _is_fixed(dtype):
        column = column.iloc[:0] if is_series(column) else column[:0]
    return encode(column).type


def encode(column: Any) -> Encoded:
    """Return the canonical form of one column.

    Args:
        column: a Series, an Index, an extension array, or an array; shape (n_rows,).

    Raises:
        InvalidInput: it holds something that gms-df-1 does not know.
    """
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return from_numpy(np.asarray(column))
    for name, encode in _EXTENSIONS.items():
        if is_pandas(dtype, name):
            return encode(column, dtype)
    if isinstance(getattr(dtype, "numpy_dtype", None), np.dtype):  # Int64, Float32, boolean
        return _from_masked(column, dtype)
    return _from_objects(column.to_numpy(dtype=object))


def is_series(data: Any) -> bool:
    """Whether `data` is a pandas Series."""
    return is_pandas(data, "Series")


def object_array(values: list[Any]) -> Any:
    """An array of one dimension, whatever the values are."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


# Columns of pandas


def _from_masked(column: Any, dtype: Any) -> Encoded:
    missing = np.asarray(column.isna(), dtype=bool)
    nothing = False if dtype.numpy_dtype.kind == "b" else 0
    numbers = column.to_numpy(dtype=dtype.numpy_dtype, na_value=nothing)
    return from_numpy(numbers, missing)


def _from_string(column: Any, dtype: Any) -> Encoded:
    return _from_objects(column.to_numpy(dtype=object))


def _from_category(column: Any, dtype: Any) -> Encoded:
    labels = encode(dtype.categories)
    codes = column.cat.codes.to_numpy() if is_series(column) else column.codes
    missing = codes < 0
    codes = little(np.where(missing, 0, codes), "<i4")
    return Encoded(_category_type(dtype, labels.type), _any(missing), len(codes), (labels, codes))


def _category_type(dtype: Any, labels: str) -> str:
    return f"category[{labels}, ordered]" if dtype.ordered else f"category[{labels}]"


def _from_zoned(column: Any, dtype: Any) -> Encoded:
    instants = column.dt.tz_convert("UTC") if is_series(column) else column.tz_convert("UTC")
    naive = instants.dt if is_series(column) else instants
    times = from_numpy(np.asarray(naive.tz_localize(None)))
    return times._replace(type=f"datetime64[{zone_name(dtype.tz)}]")


def _from_period(column: Any, dtype: Any) -> Encoded:
    array = getattr(column, "array", column)
    missing = np.asarray(array.isna())
    ordinals = np.where(missing, 0, array.asi8)
    return Encoded(
        f"period[{frequency(str(dtype)[len('period[') : -1])}]",
        _any(missing),
        len(ordinals),
        (little(ordinals, "<i8"),),
    )


def _from_interval(column: Any, dtype: Any) -> Encoded:
    array = getattr(column, "array", column)
    left, right = encode(array.left), encode(array.right)
    missing = np.asarray(array.isna())
    name = f"interval[{left.type}, {dtype.closed}]"
    return Encoded(name, _any(missing), len(missing), (left, right))


def _from_sparse_column(column: Any, dtype: Any) -> Encoded:
    array = getattr(column, "array", column)
    return from_numpy(np.asarray(array.to_dense()))


def _from_arrow(column: Any, dtype: Any) -> Encoded:
    """Arrow-backed columns, by their Arrow type; pyarrow itself is never imported here."""
    arrow = getattr(column, "array", column).__arrow_array__()
    name = str(dtype.pyarrow_dtype)
    if re.fullmatch(r"u?int\d+|halffloat|float|double|bool", name):
        return _from_masked(column, dtype)
    if found := _ARROW_TIME.fullmatch(name):
        return _from_arrow_time(arrow, *found.groups())
    if name.startswith("dictionary"):
        return encode(arrow.to_pandas())
    if name in ("string", "large_string", "string_view"):
        return _from_objects(column.to_numpy(dtype=object))
    return _from_objects(object_array(arrow.to_pylist()))  # dates, decimals, lists, null


def _from_arrow_time(arrow: Any, what: str, unit: str, zone: str | None) -> Encoded:
    missing = np.asarray(arrow.is_null(), dtype=bool)
    ticks = np.asarray(arrow.cast("int64").fill_null(0), dtype=np.int64)
    name = "datetime64" if what == "timestamp" else "timedelta64"
    if zone is not None:
        name += f"[{'UTC' + zone if zone[0] in '+-' else zone}]"
    return Encoded(name, _any(missing), len(ticks), split_ticks(ticks, unit, missing))


_EXTENSIONS: dict[str, Callable[[Any, Any], Encoded]] = {
    "CategoricalDtype": _from_category,
    "StringDtype": _from_string,
    "DatetimeTZDtype": _from_zoned,
    "PeriodDtype": _from_period,
    "IntervalDtype": _from_interval,
    "SparseDtype": _from_sparse_column,
    "ArrowDtype": _from_arrow,
}


def _is_fixed(dtype: Any) -> bool:
    """Whether the logical type follows from the dtype, without a look at the values."""
    if is_pandas(dtype, "ArrowDtype"):
        name = str(dtype.pyarrow_dtype)
        return bool(re.match(r"u?int|half|float|double|bool|str|large_str|timestamp|dur", name))
    if any(is_pandas(dtype, name) for name in _EXTENSIONS):
        return not is_pandas(dtype, "SparseDtype")
    return hasattr(dtype, "numpy_dtype")


# Arrays of numpy


def from_numpy(values: Any, missing: Any = None) -> Encoded:
    """Return the canonical form of an array of one dimension.

    Args:
        values: shape (n,).
        missing: shape (n,), true where `values` holds no value; None when only the
            values themselves (NaN, NaT, None) can say so.
    """
    kind = values.dtype.kind
    if kind in "OUTS":
        return _from_objects(values.astype(object, copy=False))
    name = _numpy_type(values.dtype)
    if kind in "mM":
        return _from_times(name, values)
    if kind in "fc":
        nan = np.isnan(values)
        missing = nan if missing is None else missing | nan
    missing = None if missing is None else _any(missing)
    if missing is not None:
        values = values.copy()
        values[missing] = 0
    return Encoded(name, missing, len(values), (little(values, values.dtype),))


def _numpy_type(dtype: Any) -> str:
    """Return the logical type of a numpy dtype other than objects and text."""
    if dtype.kind == "b":
        return "bool"
    if dtype.kind in "mM":
        return "timedelta64" if dtype.kind == "m" else "datetime64"
    words = {"i": "int", "u": "uint", "f": "float", "c": "complex"}
    if dtype.kind not in words or dtype.itemsize > (16 if dtype.kind == "c" else 8):
        raise InvalidInput(
            f"values of type {dtype} have no portable form",
            hint="convert them to float64, int64 or text first",
        )
    return f"{words[dtype.kind]}{dtype.itemsize * 8}"


def _from_times(name: str, values: Any) -> Encoded:
    seconds, nanoseconds, missing = split_times(values)
    return Encoded(name, _any(missing), len(values), (seconds, nanoseconds))


def _from_objects(values: Any) -> Encoded:
    """Return the canonical form of Python objects, shape (n,): text, bools, or anything."""
    name, missing = _objects_type(values)
    if name == "str":
        parts: tuple[Any, ...] = _texts(values, missing)
    elif name == "bool":
        held = values if missing is None else np.where(missing, False, values)
        parts = (held.astype(bool),)
    else:
        parts = (b"".join(cells(values)),)
    return Encoded(name, missing, len(values), parts)


def _objects_type(values: Any) -> tuple[str, Any]:
    """Return the logical type of Python objects and where they are missing."""
    import pandas as pd

    missing = _any(pd.isna(values))
    kept = values if missing is None else values[~missing]
    found = pd.api.types.infer_dtype(kept, skipna=False)
    if found in ("string", "empty"):
        return "str", missing
    return ("bool" if found == "boolean" else "object"), missing


def _texts(values: Any, missing: Any) -> tuple[Any, bytes]:
    """Lengths in characters, and all characters in a row: no loop of ours at a million rows."""
    if missing is not None:
        values = values.copy()
        values[missing] = ""
    texts = values.tolist()
    lengths = np.fromiter(map(len, texts), dtype="<u4", count=len(texts))
    return lengths, utf8("".join(texts))


def little(values: Any, dtype: Any) -> Any:
    """Return `values` contiguous and little-endian, copied only where they are not."""
    wanted = np.dtype(dtype).newbyteorder("<")
    return np.ascontiguousarray(values.astype(wanted, copy=False))


def _any(missing: Any) -> Any:
    """Return `missing` if anything is missing, else None."""
    return missing if missing.any() else None
