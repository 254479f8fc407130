"""Rows that a caller gives: the table in a file, with the types that were recorded, or in memory.

A CSV file holds text alone: dates, postal codes with leading zeros and categories come out of
it as they went in only where somebody says what they were. Tables of other libraries are
taken through pandas; which they are is told by the names of their types, so that none of
these libraries is imported here.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gitmodelstore.errors import InvalidInput
from gitmodelstore.lineage import tables
from gitmodelstore.values.manifest import Feature, Manifest
from gitmodelstore.values.names import did_you_mean

_TIMES = "datetime64"
_AS_TEXT = re.compile(r"str|datetime64|timedelta64|category\[str")
_NUMBERS = re.compile(r"(u?int|float)\d+|bool")

# By library: what makes a table of pandas of each of its types. Empty: it cannot be had at once.
_TAKEN = ("polars", "pyarrow")
_CONVERSIONS = {
    ("polars", "LazyFrame"): "collect()",
    ("dask", ""): "compute()",
    ("dask_expr", ""): "compute()",
    ("modin", ""): "modin.to_pandas()",
    ("pyspark", ""): "toPandas()",
    ("duckdb", ""): "df()",
    ("vaex", ""): "to_pandas_df()",
    ("ibis", ""): "execute()",
    ("torch", ""): "numpy()",
    ("tensorflow", ""): "numpy()",
}


# Types


def recorded_types(manifest: Manifest, target: str | None = None) -> dict[str, str]:
    """Return name to logical type of the columns that a version was tested with.

    Args:
        manifest: of the version.
        target: name of the column with the answers, which are text where its classes are.
    """
    return types_of(manifest.features or (), target, manifest.pipeline.classes)


def types_of(
    features: Iterable[Feature], target: str | None = None, classes: Iterable[Any] | None = None
) -> dict[str, str]:
    """Return name to logical type of columns, as far as these are known."""
    types = {one.name: one.dtype for one in features if one.name is not None and one.dtype}
    labels = list(classes) if classes is not None else []
    if target is not None and labels and all(isinstance(label, str) for label in labels):
        types[target] = "str"
    return types


def with_dates(types: Mapping[str, str], named: Iterable[str]) -> dict[str, str]:
    """Return `types` with those columns as times that the caller names."""
    found = dict(types)
    for name in named:
        if not found.get(name, "").startswith(_TIMES):  # what is recorded may tell the zone
            found[name] = _TIMES
    return found


# Tables


def read_table(
    source: Any, types: Mapping[str, str] | None = None, *, name: str = "the test data"
) -> Any:
    """Return the table in a CSV or Parquet file, or one in memory, in pandas' form.

    Args:
        source: a path, or rows in any form that a pipeline takes.
        types: name to logical type of columns; a column that has no such type and can be
            given it gets it. None for those that are read.
        name: what to call it in errors.

    Raises:
        InvalidInput: it cannot be read, or is of a kind that is not taken, or a column that is
            to hold times holds something else.
    """
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        is_text = not tables.is_parquet(path)
        return with_types(_read(path, types or {}), types or {}, name, is_text=is_text)
    table = in_pandas(source, name)
    return with_types(table, types, name, is_text=False) if types else table


def check_columns(table: Any, named: Iterable[str], *, name: str = "the test data") -> None:
    """Refuse names of columns that a table does not have.

    Raises:
        InvalidInput: it lacks one.
    """
    columns = [str(column) for column in getattr(table, "columns", ())]
    for column in named:
        if column not in columns:
            hint = did_you_mean(column, columns) or f"it has {', '.join(columns[:5]) or 'none'}"
            raise InvalidInput(f"{name} has no column '{column}'", hint=hint)


def _read(path: Path, types: Mapping[str, str]) -> Any:
    try:
        path.stat()  # whose error is clearer than pandas'
        table = tables.read(path, as_text=text_columns(types))
    except OSError as error:
        said = (error.strerror or str(error)).lower()
        hint = None
        if isinstance(error, FileNotFoundError):
            hint = "check the path; it is relative to the working directory"
        raise InvalidInput(f"cannot read '{path}': {said}", hint=hint) from None
    except InvalidInput as error:
        hint = error.hint or "give a CSV or Parquet file, with the names of the columns"
        raise InvalidInput(f"cannot read '{path}': {error}", hint=hint) from None
    names = str(table.columns[0]) if len(table.columns) == 1 else ""
    if other := next((one for one in (";", "\t", "|", ",") if one in names), None):
        raise InvalidInput(
            f"cannot read '{path}': {other!r} separates its columns",
            hint="write it with commas, or with tabs as a .tsv file",
        )
    return table


def text_columns(types: Mapping[str, str]) -> list[str]:
    """Return the columns that a CSV file must be read as text for, to be given these types."""
    return [name for name, dtype in types.items() if _AS_TEXT.match(dtype)]


def with_types(table: Any, types: Mapping[str, str], name: str, *, is_text: bool) -> Any:
    """Return `table` with columns of these types, where theirs are others that spell the same.

    Args:
        table: of pandas; anything else comes back as it is.
        types: name to logical type.
        name: what to call it in errors.
        is_text: whether it comes from a file that holds text alone, numbers too.

    Raises:
        InvalidInput: a column that is to hold times holds something else.
    """
    if not hasattr(table, "columns"):
        return table
    table = table.copy(deep=False)
    for label, dtype in types.items():
        if label not in table.columns or getattr(table[label], "ndim", 1) != 1:
            continue
        column = table[label]
        if dtype.startswith(("datetime64", "timedelta64")):
            if not hasattr(column, "dt"):
                table[label] = _times(column, dtype, f"{name}: column '{label}'")
        elif dtype.startswith("category"):
            if not hasattr(column, "cat"):
                made = column.astype("category")
                table[label] = made.cat.as_ordered() if "ordered" in dtype else made
        elif is_text and column.dtype.kind in "iufb" and _NUMBERS.fullmatch(dtype):
            table[label] = _number(column, dtype)
    return table


def _number(column: Any, dtype: str) -> Any:
    """Return numbers of a file in the type that they had; as they are where that lacks values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dtype.startswith("float"):
            return column.astype(dtype)
        try:
            made = column.astype(dtype)
        except (ValueError, OverflowError):  # it misses a value, and so has become floats
            return column
    return made if (made == column).all() else column


def _times(column: Any, dtype: str, where: str) -> Any:
    import pandas as pd

    zone = dtype.partition("[")[2].removesuffix("]")
    if getattr(column.dtype, "kind", "O") in "iufb" and column.notna().any():
        raise _no_dates(where, f"it holds numbers ({column.dtype})")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if dtype.startswith("timedelta64"):
                return pd.to_timedelta(column)
            found = _dates(column, where, utc=bool(zone))
            return found.dt.tz_convert(zone) if zone else found
    except (ValueError, TypeError, OverflowError, KeyError) as error:
        said = str(error).partition("\n")[0].partition(". You might")[0]
        raise _no_dates(where, " ".join(said.split())[:200]) from None


def _dates(column: Any, where: str, *, utc: bool) -> Any:
    """Return dates that are written in one way, of which day and month are certain."""
    import pandas as pd

    with suppress(ValueError):
        return pd.to_datetime(column, format="ISO8601", utc=utc)
    day_first = None
    with suppress(ValueError):
        day_first = pd.to_datetime(column, dayfirst=True, utc=utc)
    try:
        month_first = pd.to_datetime(column, utc=utc)
    except ValueError:
        if day_first is None:
            raise
        return day_first
    if day_first is not None and not day_first.equals(month_first):
        said = column[(day_first != month_first) & column.notna()].iloc[0]
        raise _no_dates(where, f"which is the day, and which the month, of '{said}' is not certain")
    return month_first


def _no_dates(where: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"{where} does not hold dates: {why}",
        hint="write dates as 2026-11-29, or give the rows as Parquet, which keeps their types",
    )


# Other libraries


def in_pandas(value: Any, name: str) -> Any:
    """Return a table of polars or pyarrow as pandas has it; what is of neither as it is.

    Args:
        value: rows, or the answers to them.
        name: what to call it in errors.

    Raises:
        InvalidInput: it is of a library, or of a kind, that is not taken.
    """
    library, kind = type(value).__module__.partition(".")[0], type(value).__name__
    call = _CONVERSIONS.get((library, kind)) or _CONVERSIONS.get((library, ""))
    given = name if name.isidentifier() else ""
    if call is not None:
        raise _not_taken(f"{name} is a {kind} of {library}", f"{given}.{call}")
    if library in _TAKEN and _has(value, "to_pandas"):
        return _converted(value, f"{name} is a {kind} of {library}")
    if isinstance(value, (str, bytes, os.PathLike)):
        raise InvalidInput(
            f"{name} is {value!r:.60}, not a table", hint="a file with the target is given as test="
        )
    if isinstance(value, (dict, set, frozenset)) and not _has(value, "shape"):  # some are sparse
        raise _not_taken(f"{name} is a {kind}", f"pandas.DataFrame({given or '…'})")
    if _has(value, "__next__"):
        raise _not_taken(f"{name} is a {kind}", f"list({given or '…'})")
    if _has(value, "to_pandas"):  # of a library that nobody here has heard of
        raise _not_taken(f"{name} is a {kind} of {library}", f"{given}.to_pandas()")
    return value


def _has(value: Any, name: str) -> bool:
    try:
        return hasattr(value, name)
    except Exception:  # of anybody's making
        return False


def _not_taken(what: str, instead: str) -> InvalidInput:
    return InvalidInput(f"{what}, which is not taken", hint=f"give `{instead}`")


def _converted(value: Any, what: str) -> Any:
    try:
        table = value.to_pandas()
    except ImportError as error:
        raise InvalidInput(
            f"{what}, which needs pyarrow to become one of pandas", hint="run `pip install pyarrow`"
        ) from error
    except Exception as error:  # a type of its own that pandas has no word for
        raise InvalidInput(
            f"{what} that pandas cannot hold: {' '.join(str(error).split())[:200]}",
            hint="give a DataFrame of pandas",
        ) from error
    if getattr(table, "name", None) == "":  # how polars says that it has none
        table = table.rename(None)
    return table
