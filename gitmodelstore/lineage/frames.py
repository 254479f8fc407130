"""Tables by value: their columns, and a digest that pandas cannot change.

Owns `gms-df-1`, specified in docs/gms-df-1.md: how a DataFrame, a Series, an
array, a sparse matrix or a pair of these becomes one stream of bytes that is the
same for every pandas, dtype backend and machine. Its columns are `lineage.columns`'
business, single objects `lineage.cells`'; what is recorded about a data set is
`lineage.data`'s.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from gitmodelstore.errors import InvalidInput
from gitmodelstore.lineage.cells import cell, is_pandas, utf8
from gitmodelstore.lineage.columns import (
    Encoded,
    encode,
    from_numpy,
    is_series,
    little,
    logical_type,
    object_array,
)
from gitmodelstore.values.digest import Digest
from gitmodelstore.values.json import hidden_character
from gitmodelstore.values.manifest import Feature

ALGORITHM = "gms-df-1"

# A manifest may hold 1 MiB. Measured, with the names in a ColumnTransformer's steps as well: 5,000
# columns take 0.44 MB with names of 6 characters and 0.78 MB with 40; 10,000 with 20 do not fit.
MOST_FEATURES = 5_000
MOST_NAME_CHARACTERS = 250_000  # of all names together


def digest_frame(data: Any) -> Digest:
    """Return the digest of everything in `data`, of the algorithm "gms-df-1".

    Every row, column, name, logical type and missing value takes part, in order;
    the index does not. What is equal by value has one digest whatever the version
    of pandas, the dtype backend or the machine; a DataFrame and the array of its
    values have two.

    Args:
        data: a DataFrame, a Series, an array (structured ones too), a scipy sparse
            matrix, a list, None, or a pair `(X, y)` of these.

    Raises:
        InvalidInput: a column name stands twice, a cell holds something without a
            canonical form, or `data` is none of the above.

    Source: docs/gms-df-1.md.
    """
    return measure(data)[0]


def measure(data: Any) -> tuple[Digest, int]:
    """Return the digest of `data` and the length of its canonical form in bytes.

    The length stands for the size of data in memory: unlike what the process
    allocates, it is equal wherever the digest is.

    Raises:
        InvalidInput: as `digest_frame`.
    """
    stream = _Stream()
    stream.text(ALGORITHM)
    _write_value(stream, data)
    return Digest(ALGORITHM, stream.hexdigest()), stream.size_bytes


def features_of(X: Any) -> tuple[Feature, ...] | None:
    """Return the name and the logical type of each input column, in order.

    Args:
        X: a DataFrame, an array of shape (n_samples,) or (n_samples, n_features), a
            sparse matrix, or a list; one dimension makes one feature without a name.

    Returns:
        None where a manifest has no room for them: more than MOST_FEATURES columns,
        or MOST_NAME_CHARACTERS in their names.

    Raises:
        InvalidInput: a column name stands twice or holds a hidden character, or `X`
            is nothing that has columns.
    """
    held = list(islice(columns_of(X), MOST_FEATURES + 1))
    names = [label if isinstance(label, str) else None for label, _ in held]
    if not _have_room(names):
        return None
    return tuple(
        Feature(name, logical_type(column)) for name, (_, column) in zip(names, held, strict=True)
    )


def features_named(names: Sequence[str]) -> tuple[Feature, ...] | None:
    """Return input columns of which only the names are known; None as in `features_of`."""
    return tuple(Feature(name, None) for name in names) if _have_room(names) else None


def columns_of(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the label and the values of each column of `data`.

    The label is None where there is none: in arrays, sparse matrices, Series and
    lists. Columns of a sparse matrix are arrays of length zero: their type is known,
    their values are not looked at.

    Raises:
        InvalidInput: as `features_of`.
    """
    data = _as_array(data)
    if is_frame(data):
        _refuse_repeated(data.columns)
        for label, column in data.items():
            _refuse_hidden(label)
            yield label, column
    elif is_sparse(data):
        empty = np.empty(0, data.dtype)
        yield from ((None, empty) for _ in range(data.shape[-1]))
    elif getattr(data.dtype, "names", None):
        yield from ((name, data[name]) for name in data.dtype.names)
    elif data.ndim == 1:
        yield None, data
    else:
        yield from ((None, data[:, position]) for position in range(data.shape[1]))


def is_frame(data: Any) -> bool:
    """Whether `data` is a pandas DataFrame."""
    return is_pandas(data, "DataFrame")


def is_sparse(data: Any) -> bool:
    """Whether `data` is a scipy sparse matrix or array."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(data))


def label_text(label: object) -> str:
    """Return a column label as people read it: `income`, `0`, `('a', 1)`."""
    return label if isinstance(label, str) else str(label)


# Structure


class _Stream:
    """The canonical bytes, hashed as they are written."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def raw(self, data: bytes) -> None:
        self._hash.update(data)
        self.size_bytes += len(data)

    def number(self, value: int) -> None:
        self.raw(value.to_bytes(8, "little"))

    def chunk(self, data: bytes) -> None:
        self.number(len(data))
        self.raw(data)

    def text(self, value: str) -> None:
        self.chunk(utf8(value))

    def buffer(self, values: Any) -> None:
        """Write a contiguous little-endian array without copying it."""
        self.number(values.nbytes)
        if values.nbytes:
            self._hash.update(values)
            self.size_bytes += values.nbytes

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def _write_value(stream: _Stream, data: Any) -> None:
    if isinstance(data, tuple):
        _write_pair(stream, data)
        return
    if data is None:
        stream.text("nothing")
        return
    data = _as_array(data)
    if is_frame(data):
        _write_frame(stream, data)
    elif is_series(data):
        stream.text("series")
        stream.chunk(cell(data.name))
        _write_column(stream, encode(data))
    elif is_sparse(data):
        _write_sparse(stream, data)
    else:
        _write_array(stream, data)


def _write_pair(stream: _Stream, data: tuple[Any, ...]) -> None:
    if len(data) != 2:
        raise InvalidInput(
            f"expected a pair (X, y), found {len(data)} values",
            hint="give each data set its own role, such as 'train' and 'test'",
        )
    stream.text("pair")
    for half in data:
        _write_value(stream, half)


def _write_frame(stream: _Stream, frame: Any) -> None:
    _refuse_repeated(frame.columns)
    stream.text("frame")
    stream.number(frame.shape[0])
    stream.number(frame.shape[1])
    for label, column in frame.items():
        stream.chunk(cell(label))
        try:
            _write_column(stream, encode(column))
        except InvalidInput as error:
            message = f"column '{label_text(label)}': {error}"
            raise InvalidInput(message, hint=error.hint) from None


def _write_array(stream: _Stream, array: Any) -> None:
    names = array.dtype.names
    stream.text("records" if names else "array")
    stream.number(array.ndim)
    for length in array.shape:
        stream.number(length)
    if not names:
        _write_column(stream, from_numpy(array.reshape(-1)))
        return
    stream.number(len(names))
    for name in names:
        stream.text(name)
        _write_array(stream, array[name])


def _write_sparse(stream: _Stream, matrix: Any) -> None:
    rows = _canonical_rows(matrix)
    stream.text("sparse")
    stream.number(len(matrix.shape))
    for length in matrix.shape:
        stream.number(length)
    _write_column(stream, from_numpy(rows.data))
    stream.buffer(little(rows.indices, "<i8"))
    stream.buffer(little(rows.indptr, "<i8"))


def _canonical_rows(matrix: Any) -> Any:
    """The matrix by compressed rows: columns ascending, nothing twice, no zeros."""
    if len(matrix.shape) > 2:
        raise InvalidInput(f"a sparse array of {len(matrix.shape)} dimensions has no digest")
    rows = matrix.tocsr()
    if not rows.has_canonical_format or not np.all(rows.data):
        rows = rows.copy()  # the caller's matrix stays as it is
        rows.sum_duplicates()
        rows.eliminate_zeros()
    return rows


def _write_column(stream: _Stream, column: Encoded) -> None:
    stream.text(column.type)
    stream.number(column.rows)
    if column.missing is None:
        stream.raw(b"\0")
    else:
        stream.raw(b"\1")
        stream.buffer(np.packbits(column.missing, bitorder="little"))
    for part in column.parts:
        if isinstance(part, Encoded):
            _write_column(stream, part)
        elif isinstance(part, bytes):
            stream.chunk(part)
        else:
            stream.buffer(part)


# What is refused, and what is read as an array


def _as_array(data: Any) -> Any:
    """Return `data` if it is a table already, else the array that it spells.

    Raises:
        InvalidInput: it is nothing that has rows.
    """
    if is_frame(data) or is_series(data) or is_sparse(data):
        return data
    if isinstance(data, list):
        return _list_as_array(data)
    if is_pandas(data, "Index") or is_pandas(data, "Categorical"):
        import pandas as pd

        return pd.Series(data)
    if isinstance(data, np.ma.MaskedArray):
        raise InvalidInput("a masked array has no digest", hint="fill it, or give a DataFrame")
    if isinstance(data, np.ndarray) and data.ndim:
        return np.asarray(data)
    advice = "; call its to_pandas()" if hasattr(data, "to_pandas") else ""
    raise InvalidInput(
        f"expected a table, found {type(data).__name__}",
        hint=f"give a DataFrame, a Series, an array or a sparse matrix{advice}",
    )


def _list_as_array(data: list[Any]) -> Any:
    """numpy's reading of a list, but never numbers turned into text beside text."""
    if any(isinstance(held, (str, bytes, dict)) for held in data):
        return object_array(data)
    try:
        array = np.asarray(data)
    except ValueError:
        raise InvalidInput(
            "a list of rows of different lengths is no table", hint="give a DataFrame"
        ) from None
    if array.dtype.kind in "US":
        return np.asarray(data, dtype=object)
    return array


def _refuse_repeated(labels: Any) -> None:
    if not labels.is_unique:
        twice = labels[labels.duplicated()][0]
        raise InvalidInput(
            f"column '{label_text(twice)}' stands twice",
            hint="rename or drop one of them",
        )


def _have_room(names: Sequence[str | None]) -> bool:
    """Whether a manifest has room for this many names of this length."""
    characters = sum(len(name) for name in names if name)
    return len(names) <= MOST_FEATURES and characters <= MOST_NAME_CHARACTERS


def _refuse_hidden(label: object) -> None:
    found = hidden_character(label_text(label))
    if found:
        advice = "read the file with encoding='utf-8-sig'" if found == "U+FEFF" else "rename it"
        raise InvalidInput(f"column {label!a} holds the hidden character {found}", hint=advice)
