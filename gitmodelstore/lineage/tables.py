"""Rows and columns of a data set: of tables in memory, and of files that hold one."""
# A manifest goes to everybody who has the store, so no more of a file is taken than what certainly
# is a name, a type or a summary: values in place of names are somebody's record.

from __future__ import annotations

import io
import json
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from gitmodelstore.errors import InvalidInput, is_of_handler, reason_of
from gitmodelstore.lean import TYPE_CHECKING, Any, NamedTuple, dataclass, pattern, replace
from gitmodelstore.lineage import spelled_out
from gitmodelstore.values.fields import write
from gitmodelstore.values.manifest import Column, Feature
from gitmodelstore.values.names import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

# A manifest may hold 1 MiB; beyond these a table is known by its digest and its rows.
MOST_COLUMNS = 1000
MOST_PROFILES = 200
MOST_COLUMN_BYTES = 150_000  # as JSON, so that train, validation and test fit in

# Reading a table takes fifteen times as long as hashing its file: of 32 MiB 0.4 s, the profiles
# of ten million cells as much again.
MOST_FILE_BYTES = 32 << 20
MOST_CELLS = 10_000_000
MOST_FIELDS = 10_000  # of a line: pandas takes 30 µs for each column, and a line may hold millions

_CSV = (".csv", ".tsv")
_PARQUET = (".parquet", ".pq")
_OLDEST_PYARROW = 15  # before 14.0.1 a file could hold a pickle that reading it ran


class Facts(NamedTuple):
    """What is known of a table."""

    rows: int | None  # None if it was not opened
    columns: tuple[Column, ...] | None  # None if it was not opened, or there are too many
    why: str | None = None  # a file that looks like a table was not described


NOTHING = Facts(None, None)


def facts(source: Any, *, profiled: bool = True) -> Facts:
    """Return rows and columns of a table in memory, or of a pair `(X, y)` of one length."""
    parts = source if isinstance(source, tuple) else (source,)
    return Facts(_rows(parts), _columns(parts, profiled))


def is_table_file(path: Path) -> bool:
    """Whether a file's name says that it is one of those that `read` reads."""
    return path.suffix.lower() in (*_CSV, *_PARQUET)


def is_parquet(path: Path) -> bool:
    """Whether a file's name says that it is a Parquet file; any other is read as CSV."""
    return path.suffix.lower() in _PARQUET


def facts_of_file(path: Path, data: bytes | None, *, profiled: bool = True) -> Facts:
    """Return rows and columns of a table's file; of large Parquet (None) the rows alone."""
    try:
        if is_parquet(path):
            return _of_parquet(path, data, profiled)
        return NOTHING if data is None else _of_csv(path, data, profiled)
    except InvalidInput as error:
        return Facts(None, None, str(error))


def _of_parquet(path: Path, data: bytes | None, profiled: bool) -> Facts:
    rows, columns = _size_of_parquet(path if data is None else io.BytesIO(data))
    if data is None or rows * columns > MOST_CELLS or columns > MOST_FIELDS:
        return Facts(rows, None)
    return facts(read(path, data), profiled=profiled)


def _of_csv(path: Path, data: bytes, profiled: bool) -> Facts:
    if data.partition(b"\n")[0].count(_separator(path).encode("ascii")) > MOST_FIELDS:
        return Facts(None, None, f"its first line has more than {MOST_FIELDS:,} fields")
    table = read(path, data)
    if not _has_names(table):
        return Facts(None, None, "its first line may be values instead of names")
    return facts(table, profiled=profiled)


def read(path: Path, data: bytes | None = None, types: Mapping[str, str] | None = None) -> Any:
    """Return the DataFrame in a CSV or Parquet file; columns with text `types` are read as text."""
    import pandas as pd

    file: Any = path if data is None else io.BytesIO(data)
    if is_parquet(path):
        _parquet()
    try:
        with warnings.catch_warnings(action="ignore"):
            if is_parquet(path):
                return pd.read_parquet(file)
            text: Any = {
                name: str for name, dtype in (types or {}).items() if _AS_TEXT.match(dtype)
            }
            # In pieces, columns of a large file would be of one type here and of another there.
            return pd.read_csv(file, sep=_separator(path), low_memory=False, dtype=text)
    except MemoryError:
        raise InvalidInput("it does not fit into memory", hint="give fewer rows") from None
    except UnicodeDecodeError:
        raise InvalidInput(
            "it is not text in UTF-8", hint="save it as UTF-8, or give a Parquet file"
        ) from None
    except (ValueError, OSError, OverflowError, NotImplementedError, KeyError) as error:
        raise InvalidInput(f"pandas cannot read it: {_in_words(error)}") from None


def _separator(path: Path) -> str:
    return "\t" if path.suffix.lower() == ".tsv" else ","


def _size_of_parquet(source: Any) -> tuple[int, int]:
    """Return how many rows and columns the footer of a Parquet file says there are."""
    try:
        with _parquet().ParquetFile(source) as file:
            return int(file.metadata.num_rows), int(file.metadata.num_columns)
    except (ValueError, OSError) as error:
        raise InvalidInput(f"pyarrow cannot read it: {_in_words(error)}") from None


def _parquet() -> Any:
    """Return pyarrow's module; InvalidInput if reading a file by it could run what it holds."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        hint = "run `pip install pyarrow`"
        raise InvalidInput("it needs pyarrow to be read", hint=hint) from error
    if int(pyarrow.__version__.partition(".")[0]) < _OLDEST_PYARROW:
        raise InvalidInput(
            f"it needs pyarrow {_OLDEST_PYARROW} or newer to be read, found {pyarrow.__version__}",
            hint="run `pip install --upgrade pyarrow`",
        )
    return parquet


def _in_words(error: Exception) -> str:
    return spelled_out(" ".join(str(error).split())[:200]).lower()


def _has_names(table: Any) -> bool:
    """Whether the first line of a CSV file certainly holds names."""
    # None is a number, empty or repeated, and below one are numbers or truth values. The first may
    # be empty, above pandas' index.
    names = [str(name) for name in table.columns]
    once = set(names)
    for name in names[names[:1] == ["Unnamed: 0"] :]:
        stem, _, count = name.rpartition(".")
        if _is_number(name) or name.startswith("Unnamed: ") or (count.isdecimal() and stem in once):
            return False
    return any(dtype.kind in "iufb" for dtype in table.dtypes)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# Tables in memory


def _rows(parts: tuple[Any, ...]) -> int:
    given = [part for part in parts if part is not None]
    lengths = [part.shape[0] if hasattr(part, "shape") else len(part) for part in given]
    if len(set(lengths)) > 1:
        raise InvalidInput(
            f"X has {lengths[0]} rows, y has {lengths[1]}",
            hint="give the rows and the answers of the same cases, in the same order",
        )
    return int(lengths[0]) if lengths else 0


def _columns(parts: tuple[Any, ...], profiled: bool) -> tuple[Column, ...] | None:
    """The columns of X, then that of y; None if there are too many, or too long, to list."""
    from gitmodelstore.lineage import frames

    entries = [
        (_column_name(part, label, place, is_target=number > 0), column, frames.is_sparse(part))
        for number, part in enumerate(parts)
        if part is not None
        for place, (label, column) in enumerate(frames.columns_of(part))
    ]
    if len(entries) > MOST_COLUMNS:
        return None
    profiled = profiled and len(entries) <= MOST_PROFILES
    columns = tuple(
        Column(
            name,
            frames.logical_type(column),
            frames.profile(column) if profiled and not is_sparse else None,
        )
        for name, column, is_sparse in entries
    )
    bare = tuple(replace(column, profile=None) for column in columns)
    return next((listed for listed in (columns, bare) if _fit(listed)), None)


def _fit(columns: tuple[Column, ...]) -> bool:
    text = json.dumps([write(column) for column in columns], ensure_ascii=False)
    return len(text.encode("utf-8")) <= MOST_COLUMN_BYTES


def _column_name(part: Any, label: Any, place: int, *, is_target: bool) -> str:
    """The label, the name of a Series, "y" for a target, or the position."""
    from gitmodelstore.lineage import frames

    if label is None:
        label = getattr(part, "name", None)
    if label is not None:
        return spelled_out(frames.label_text(label))
    return "y" if is_target and getattr(part, "ndim", 1) == 1 else str(place)


# The versions of a store as a DataFrame: a row a version, a column a fact.


TEXT, FLAG, COUNT, NUMBER, TIME = "string", "boolean", "Int64", "float64", "datetime64[us, UTC]"
ANY = "object"
_EXACT = 2**53  # beyond it, a float does not hold every whole number


def version_table(
    refs: list[str], facts: dict[str, list[Any]], columns: Mapping[str, str | None]
) -> pd.DataFrame:
    """Return a table of versions, indexed by "ref"; `columns` maps name to type or None.

    `facts`, the values of each column that has any, is emptied.
    """
    import pandas as pd

    made = {}
    for name, kind in columns.items():
        values = facts.pop(name, None) or [None] * len(refs)
        made[name] = _recorded_column(values, kind or _kind(values))
    return pd.DataFrame(made, index=pd.Index(list[Any](refs), name="ref", dtype=ANY))


def _recorded_column(values: list[Any], kind: str) -> Any:
    import pandas as pd

    if kind == TIME:
        return pd.to_datetime(pd.Series(values, dtype=ANY), utc=True).dt.as_unit("us").array
    if kind == NUMBER:
        values = [float("nan") if value is None else float(value) for value in values]
    dtype: Any = kind  # pandas' own hints want to see which
    return pd.Series(values, dtype=dtype).array


def _kind(values: list[Any]) -> str:
    kinds = {type(value) for value in values if value is not None}
    whole = [value for value in values if isinstance(value, int)]
    if kinds == {str}:
        return TEXT
    if kinds == {bool}:
        return FLAG
    if kinds == {int}:
        return COUNT if all(abs(value) < 2**63 for value in whole) else ANY
    if kinds <= {int, float} and all(abs(value) <= _EXACT for value in whole):
        return NUMBER
    return ANY


# Rows that a caller gives: the table in a file, with the types that were recorded, or in memory.


_TIMES = "datetime64"
_AS_TEXT = pattern(r"str|datetime64|timedelta64|category\[str")
_NUMBERS = pattern(r"(u?int|float)\d+|bool")

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


def read_table(
    source: Any, types: Mapping[str, str] | None = None, *, name: str = "the test data"
) -> Any:
    """Return a table of a file or of memory, in pandas, with `types` where they fit."""
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        is_text = not is_parquet(path)
        return with_types(_read(path, types or {}), types or {}, name, is_text=is_text)
    table = in_pandas(source, name)
    return with_types(table, types, name, is_text=False) if types else table


@dataclass(frozen=True, slots=True)
class GivenRows:
    """The rows to test on that a caller gives: X and y, or a table, or its file, with both."""

    X: Any = None
    y: Any = None
    table: Any = None  # a table, or the path of a CSV or Parquet file
    target: str | None = None  # its column with the answers
    dates: Sequence[str] = ()  # its columns with times

    @property
    def are_given(self) -> bool:
        return any(one is not None for one in (self.X, self.y, self.table))

    @property
    def source(self) -> Any:
        """The data set that holds them."""
        if self.table is not None:
            return self.table
        return self.X if self.y is None else (self.X, self.y)

    @property
    def predicted(self) -> str | None:
        """Name of what the answers are; None if nothing says."""
        name = self.target or getattr(self.y, "name", None)
        return name if isinstance(name, str) else None

    def types(
        self, features: Iterable[Feature] | None, classes: Iterable[Any] | None
    ) -> dict[str, str]:
        """Return the known logical types of columns; `classes` are those of the pipeline."""
        types = {
            one.name: one.dtype for one in features or () if one.name is not None and one.dtype
        }
        labels = list(classes) if classes is not None else []
        if self.target is not None and labels and all(isinstance(one, str) for one in labels):
            types[self.target] = "str"
        for name in self.dates:
            if not types.get(name, "").startswith(_TIMES):  # what is recorded may tell the zone
                types[name] = _TIMES
        return types

    def read(self, types: Mapping[str, str]) -> GivenRows:
        """Return them with X and y in pandas; a file is read with `types` as in `read_table`."""
        if self.table is None:
            if self.y is not None and self.X is None:
                raise InvalidInput(
                    "y_test without X_test", hint="pass the rows that y_test belongs to"
                )
            return replace(self, X=in_pandas(self.X, "X_test"), y=in_pandas(self.y, "y_test"))
        if self.X is not None or self.y is not None:
            raise InvalidInput(
                "test rows were given twice", hint="give X_test and y_test, or a table as test"
            )
        if self.target is None:
            raise InvalidInput(
                "the test data has no target", hint="name its column with target= (--target NAME)"
            )
        table = read_table(self.table, types)
        check_columns(table, [self.target, *self.dates])
        return replace(self, X=table, y=table[self.target])


def check_columns(table: Any, names: Iterable[str], *, name: str = "the test data") -> None:
    """Refuse names of columns that a table does not have."""
    columns = [str(column) for column in getattr(table, "columns", ())]
    for column in names:
        if column not in columns:
            hint = did_you_mean(column, columns) or f"it has {', '.join(columns[:5]) or 'none'}"
            raise InvalidInput(f"{name} has no column '{column}'", hint=hint)


def _read(path: Path, types: Mapping[str, str]) -> Any:
    try:
        path.stat()  # whose error is clearer than pandas'
        table = read(path, types=types)
    except OSError as error:
        reason = reason_of(error)
        hint = None
        if isinstance(error, FileNotFoundError):
            hint = "check the path; it is relative to the working directory"
        raise InvalidInput(f"cannot read '{path}': {reason}", hint=hint) from None
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


def with_types(table: Any, types: Mapping[str, str], name: str, *, is_text: bool) -> Any:
    """Return a pandas `table` with columns of these types, if theirs spell the same values."""
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
    with warnings.catch_warnings(action="ignore"):
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
        with warnings.catch_warnings(action="ignore"):
            if dtype.startswith("timedelta64"):
                return pd.to_timedelta(column)
            times = _dates(column, where, utc=bool(zone))
            return times.dt.tz_convert(zone) if zone else times
    except (ValueError, TypeError, OverflowError, KeyError) as error:
        reason = str(error).partition("\n")[0].partition(". You might")[0]
        raise _no_dates(where, " ".join(reason.split())[:200]) from None


def _dates(column: Any, where: str, *, utc: bool) -> Any:
    """Return dates in one format whose day and month cannot be confused."""
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
        text = column[(day_first != month_first) & column.notna()].iloc[0]
        raise _no_dates(
            where, f"'{text}' does not make clear which number is the day and which the month"
        )
    return month_first


def _no_dates(where: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"{where} does not hold dates: {why}",
        hint="write dates as 2026-11-29, or give the rows as Parquet, which keeps their types",
    )


# Other libraries


def in_pandas(value: Any, name: str) -> Any:
    """Return a table of polars or pyarrow in pandas; anything else unchanged."""
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
    except Exception as error:  # `__getattr__` of a class of anybody's may raise anything
        if is_of_handler(error):
            raise
        return False


def _not_taken(what: str, instead: str) -> InvalidInput:
    return InvalidInput(f"{what}, which is not accepted", hint=f"give `{instead}`")


def _converted(value: Any, what: str) -> Any:
    try:
        table = value.to_pandas()
    except ImportError as error:
        raise InvalidInput(
            f"{what}, which needs pyarrow to be converted to pandas",
            hint="run `pip install pyarrow`",
        ) from error
    except Exception as error:  # a type of its own that pandas has no word for
        if is_of_handler(error):
            raise
        raise InvalidInput(
            f"{what} that pandas cannot hold: {' '.join(str(error).split())[:200]}",
            hint="give a DataFrame of pandas",
        ) from error
    if getattr(table, "name", None) == "":  # how polars says that it has none
        table = table.rename(None)
    return table
