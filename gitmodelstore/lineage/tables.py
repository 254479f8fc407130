"""Rows and columns of a data set: of tables in memory, and of files that hold one.

A manifest goes to everybody who has the store, so of a file no more is taken than what
certainly is a name, a type or a summary: a line of values that stands where names should
stand is somebody's record.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from gitmodelstore.errors import InvalidInput
from gitmodelstore.lineage import visible
from gitmodelstore.values.fields import write
from gitmodelstore.values.manifest import Column

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
    """What is known of a table.

    Attributes:
        rows: how many; None when it was not opened.
        columns: in order; None when it was not opened, or there are too many.
        why: why a file that looks like a table was not described; None where it was.
    """

    rows: int | None
    columns: tuple[Column, ...] | None
    why: str | None = None


NOTHING = Facts(None, None)


def facts(source: Any, *, profiled: bool = True) -> Facts:
    """Return rows and columns of a table in memory, or of a pair `(X, y)`.

    Raises:
        InvalidInput: X and y have different lengths, or hold what gms-df-1 does not know.
    """
    parts = source if isinstance(source, tuple) else (source,)
    return Facts(_rows(parts), _columns(parts, profiled))


def is_table_file(path: Path) -> bool:
    """Whether a file's name says that it is one of those that `read` reads."""
    return path.suffix.lower() in (*_CSV, *_PARQUET)


def is_parquet(path: Path) -> bool:
    """Whether a file's name says that it is a Parquet file; any other is read as CSV."""
    return path.suffix.lower() in _PARQUET


def facts_of_file(path: Path, data: bytes | None, *, profiled: bool = True) -> Facts:
    """Return rows and columns of a CSV or Parquet file.

    Args:
        path: the file, whose name says what it is.
        data: its bytes; None where they are more than MOST_FILE_BYTES. Then only the rows
            of a Parquet file are known, from its footer.
        profiled: whether columns have a profile.
    """
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


def read(path: Path, data: bytes | None = None, *, as_text: Iterable[str] = ()) -> Any:
    """Return the DataFrame in a CSV or Parquet file.

    Args:
        path: the file, whose name says what it is.
        data: its bytes; None where they are to be read now.
        as_text: columns of a CSV file that hold text, whatever it looks like.

    Raises:
        InvalidInput: there is none, or pyarrow is missing.
    """
    import pandas as pd

    file: Any = path if data is None else io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if is_parquet(path):
                _parquet()
                return pd.read_parquet(file)
            types: Any = dict.fromkeys(as_text, str)
            # In pieces, columns of a large file would be of one type here and of another there.
            return pd.read_csv(file, sep=_separator(path), low_memory=False, dtype=types)
    except InvalidInput:
        raise
    except MemoryError:
        raise InvalidInput(
            "it does not fit into memory",
            hint="give fewer rows",
        ) from None
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
    """Return pyarrow's module.

    Raises:
        InvalidInput: it is missing, or so old that reading a file could run what it holds.
    """
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
    return visible(" ".join(str(error).split())[:200]).lower()


def _has_names(table: Any) -> bool:
    """Whether the first line of a CSV file certainly was names.

    That is: none of them is a number, empty or there twice, and below one of them there are
    numbers, or true and false. The first may be empty: pandas writes so above an index.
    """
    names = [str(name) for name in table.columns]
    held = set(names)
    for name in names[names[:1] == ["Unnamed: 0"] :]:
        stem, _, count = name.rpartition(".")
        if _is_number(name) or name.startswith("Unnamed: ") or (count.isdecimal() and stem in held):
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
            hint="give the rows and the answers of the same cases, in one order",
        )
    return int(lengths[0]) if lengths else 0


def _columns(parts: tuple[Any, ...], profiled: bool) -> tuple[Column, ...] | None:
    """The columns of X, then that of y; None when there are too many to list."""
    from gitmodelstore.lineage import frames

    held = [
        (_column_name(part, label, place, is_target=number > 0), column, frames.is_sparse(part))
        for number, part in enumerate(parts)
        if part is not None
        for place, (label, column) in enumerate(frames.columns_of(part))
    ]
    if len(held) > MOST_COLUMNS:
        return None
    profiled = profiled and len(held) <= MOST_PROFILES
    return _that_fit(
        tuple(_column(name, column, profiled and not sparse) for name, column, sparse in held)
    )


def _that_fit(listed: tuple[Column, ...]) -> tuple[Column, ...] | None:
    """The columns, without profiles or not at all where they would fill a manifest."""
    if _length(listed) <= MOST_COLUMN_BYTES:
        return listed
    bare = tuple(Column(column.name, column.dtype, None) for column in listed)
    return bare if _length(bare) <= MOST_COLUMN_BYTES else None


def _length(listed: tuple[Column, ...]) -> int:
    return len(json.dumps([write(column) for column in listed], ensure_ascii=False).encode("utf-8"))


def _column_name(part: Any, label: Any, place: int, *, is_target: bool) -> str:
    """The label; else the name of a Series; else "y" for a target, and the position."""
    from gitmodelstore.lineage import frames

    if label is None:
        label = getattr(part, "name", None)
    if label is not None:
        return visible(frames.label_text(label))
    return "y" if is_target and getattr(part, "ndim", 1) == 1 else str(place)


def _column(name: str, column: Any, profiled: bool) -> Column:
    from gitmodelstore.lineage import columns, profile

    return Column(name, columns.logical_type(column), profile.profile(column) if profiled else None)
