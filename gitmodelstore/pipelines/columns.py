"""Columns of a table as arrays of numpy, as cells of a sample, and back with equal dtypes.

What stores a column (numpy, pandas' own dtypes, Arrow, Python objects) is recognized
here; what is drawn from it is the business of `synthesis`.
"""

from __future__ import annotations

import math
import re
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gitmodelstore.values.cell import NA, NAT, Cell
from gitmodelstore.values.sample import Column, Labels

NUMBER, TRUTH, TIME, TEXT, CODE, OBJECT = "number", "truth", "time", "text", "code", "object"

_ARROW_NUMBERS = r"u?int\d+|float|double|bool"
_ZONED = re.compile(r"datetime64\[(?P<unit>s|ms|us|ns), (?P<zone>.+)\]")
_ARROW = re.compile(r"arrow\[(?P<name>.+)\]")
_SPARSE = re.compile(r"Sparse\[(?P<dtype>.+), (?P<fill>.+)\]")
_STRING = re.compile(r"(?P<kind>str|string)\[(?P<storage>python|pyarrow)\]")


class NoSample(Exception):
    """Why there can be no sample of these rows, in words that end "no sample: ..."."""


class Held(NamedTuple):
    """One column.

    Attributes:
        dtype: as `values.sample.Column` spells it.
        kind: one of the words above.
        values: shape (n_rows,): numbers, bools, ticks, codes of categories, or objects.
        missing: shape (n_rows,), true where there is no value.
        labels: of a categorical column; None elsewhere.
    """

    dtype: str
    kind: str
    values: Any
    missing: Any
    labels: Labels | None = None

    @property
    def can_miss(self) -> bool:
        """Whether values of this column may be missing, and how that is said is known."""
        if self.dtype == "object":
            return bool(self.missing.any())
        return self.kind in (TIME, CODE) or bool(
            re.match(r"float|>f|str|Int|UInt|Float|boolean|arrow|Sparse\[float", self.dtype)
        )


# From tables


def hold(column: Any) -> Held:
    """Return the values of one column.

    Args:
        column: a Series, an Index, or an array of numpy; shape (n_rows,).

    Raises:
        NoSample: a type of which a sample keeps nothing.
    """
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return hold_array(np.asarray(column))
    missing = np.asarray(column.isna(), dtype=bool)
    if isinstance(dtype, pd.CategoricalDtype):
        return _hold_category(column, dtype, missing)
    if isinstance(dtype, pd.StringDtype):
        return Held(string_name(dtype), TEXT, column.to_numpy(dtype=object), missing)
    if isinstance(dtype, pd.DatetimeTZDtype):
        naive = pd.DatetimeIndex(column).tz_convert("UTC").tz_localize(None)
        return Held(str(dtype), TIME, np.asarray(naive), missing)
    if isinstance(dtype, pd.SparseDtype):
        dense = hold_array(np.asarray(column.array.to_dense()))
        return dense._replace(dtype=f"Sparse[{dtype.subtype}, {dtype.fill_value!s}]")
    if isinstance(dtype, pd.ArrowDtype):
        return _hold_arrow(column, dtype, missing)
    if isinstance(getattr(dtype, "numpy_dtype", None), np.dtype):  # Int64, Float32, boolean
        return _hold_masked(column, str(dtype), dtype.numpy_dtype, missing)
    raise NoSample(f"values of type {dtype}")


def hold_array(values: Any) -> Held:
    """Return the values of an array of numpy, shape (n,).

    Raises:
        NoSample: a type of which a sample keeps nothing.
    """
    dtype = values.dtype
    nothing = np.zeros(len(values), dtype=bool)
    if dtype.kind in "iu":
        return Held(str(dtype), NUMBER, values, nothing)
    if dtype.kind == "b":
        return Held(str(dtype), TRUTH, values, nothing)
    if dtype.kind == "f" and dtype.itemsize <= 8:
        return Held(str(dtype), NUMBER, values, np.isnan(values))
    if dtype.kind in "mM" and np.datetime_data(dtype)[0] != "generic":
        return Held(str(dtype), TIME, values, np.isnat(values))
    if dtype.kind == "U":
        return Held(str(dtype), TEXT, values.astype(object), nothing)
    if dtype.kind == "O":
        return _hold_objects(values)
    raise NoSample(f"values of type {dtype}")


def string_name(dtype: Any) -> str:
    """Return how a sample spells a dtype of pandas' strings: `str[…]` where NaN is missing."""
    is_nan = isinstance(getattr(dtype, "na_value", pd.NA), float)
    return f"{'str' if is_nan else 'string'}[{dtype.storage.partition('_')[0]}]"


def _hold_objects(values: Any) -> Held:
    missing = np.asarray(pd.isna(values), dtype=bool)
    is_text = all(isinstance(value, str) for value in values[~missing])
    return Held("object", TEXT if is_text else OBJECT, values, missing)


def _hold_category(column: Any, dtype: Any, missing: Any) -> Held:
    codes = column.cat.codes if hasattr(column, "cat") else column.codes
    held = hold(dtype.categories)
    labels = Labels(held.dtype, bool(dtype.ordered), cells_of(held))
    return Held("category", CODE, np.asarray(codes, dtype=np.int64), missing, labels)


def _hold_arrow(column: Any, dtype: Any, missing: Any) -> Held:
    name = str(dtype.pyarrow_dtype)
    if name in ("string", "large_string"):
        return Held(f"arrow[{name}]", TEXT, column.to_numpy(dtype=object), missing)
    if not re.fullmatch(_ARROW_NUMBERS, name):
        raise NoSample(f"values of Arrow's type {name}")
    return _hold_masked(column, f"arrow[{name}]", np.dtype(dtype.numpy_dtype), missing)


def _hold_masked(column: Any, name: str, dtype: Any, missing: Any) -> Held:
    nothing = False if dtype.kind == "b" else 0
    values = column.to_numpy(dtype=dtype, na_value=nothing)
    return Held(name, TRUTH if dtype.kind == "b" else NUMBER, values, missing)


# To cells


def cells_of(held: Held) -> tuple[Cell, ...]:
    """Return the cells of a column.

    Raises:
        NoSample: an object that is no text, number or truth value.
    """
    if held.dtype == "object":
        return tuple(_cell(value) for value in held.values.tolist())
    values = _plain(held.values)
    if not held.missing.any():
        return tuple(values)
    return tuple(
        None if is_missing else value
        for value, is_missing in zip(values, held.missing.tolist(), strict=True)
    )


def _plain(values: Any) -> list[Any]:
    if values.dtype.kind == "M":
        return np.datetime_as_string(values).tolist()  # type: ignore[no-any-return]
    if values.dtype.kind == "m":
        return values.astype(np.int64).tolist()  # type: ignore[no-any-return]
    if values.dtype.kind == "f" and values.dtype.itemsize < 8:
        return [float(str(value)) for value in values]  # the shortest digits that mean it
    return values.tolist()  # type: ignore[no-any-return]


def _cell(value: Any) -> Cell:
    if value is None or type(value) in (bool, int, float, str):
        cell: Cell = value
        return cell
    if value is pd.NA:
        return NA
    if value is pd.NaT:
        return NAT
    if isinstance(value, np.str_):
        return str(value)
    raise NoSample(f"objects of type {type(value).__name__}")


# And back


def restore_column(column: Column) -> Any:
    """Return the array of numpy or pandas that a column of a sample spells.

    Text of pandas 3 becomes objects where pandas is older and has no such dtype.
    """
    if column.labels is not None:
        labels = restore(column.labels.dtype, column.labels.values)
        dtype: Any = pd.CategoricalDtype(
            pd.Index(labels, dtype=labels.dtype), ordered=column.labels.ordered
        )
        codes: Any = [-1 if code is None else code for code in column.values]
        return pd.Categorical.from_codes(codes, dtype=dtype)
    return restore(column.dtype, column.values)


def restore(name: str, cells: tuple[Cell, ...]) -> Any:
    """Return the array of the type `name` that holds `cells`."""
    if found := _STRING.fullmatch(name):
        return _strings(found["kind"], found["storage"], cells)
    if found := _ZONED.fullmatch(name):
        naive = _numpy(f"datetime64[{found['unit']}]", cells)
        return pd.DatetimeIndex(naive).tz_localize("UTC").tz_convert(found["zone"]).array
    if found := _ARROW.fullmatch(name):
        dtype = pd.ArrowDtype(import_module("pyarrow").type_for_alias(found["name"]))
        return pd.array(_with_na(cells), dtype=dtype)
    if found := _SPARSE.fullmatch(name):
        fill = found["fill"] == "True" if found["dtype"] == "bool" else float(found["fill"])
        dense = _numpy(found["dtype"], cells)
        return pd.arrays.SparseArray(dense, dtype=pd.SparseDtype(dense.dtype, fill))
    if name[0].isupper() or name == "boolean":
        return pd.array(_with_na(cells), dtype=name)
    return _numpy(name, cells)


def _with_na(cells: tuple[Cell, ...]) -> Any:
    return [pd.NA if cell is None else cell for cell in cells]


def _strings(kind: str, storage: str, cells: tuple[Cell, ...]) -> Any:
    missing: Any = math.nan if kind == "str" else pd.NA
    values: Any = [missing if cell is None else cell for cell in cells]
    settings: dict[str, Any] = {"na_value": missing} if kind == "str" else {}
    try:
        return pd.array(values, dtype=_string_dtype(storage, **settings))
    except TypeError:  # pandas before 2.3 has no such dtype
        return object_array(values)
    except ImportError:  # no pyarrow here
        return pd.array(values, dtype=_string_dtype("python", **settings))


_string_dtype: Any = pd.StringDtype  # whose stubs do not know each pandas


def _numpy(name: str, cells: tuple[Cell, ...]) -> Any:
    dtype = np.dtype(object if name == "str" else name)
    if dtype.kind == "O":
        words = {NA: pd.NA, NAT: pd.NaT}
        return object_array([words[cell] if type(cell) is type(NA) else cell for cell in cells])
    if dtype.kind == "m":
        least = np.iinfo(np.int64).min  # how numpy writes NaT
        ticks = [least if cell is None else cell for cell in cells]
        return np.array(ticks, dtype=np.int64).view(dtype)
    if dtype.kind in "fM":
        blank = "NaT" if dtype.kind == "M" else math.nan
        return np.array([blank if cell is None else cell for cell in cells], dtype=dtype)
    return np.array(cells, dtype=dtype)


def object_array(values: list[Any]) -> Any:
    """An array of one dimension, whatever the values are."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
