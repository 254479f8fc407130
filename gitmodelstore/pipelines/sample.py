"""A sample of the rows that a pipeline was tested on, made at registration and read again.

`synthesis` says what a synthetic sample can tell of the test rows, and what it cannot.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gitmodelstore.pipelines.blocks import array_of, block_of, is_sparse
from gitmodelstore.pipelines.columns import (
    Held,
    NoSample,
    cells_of,
    hold,
    hold_array,
    restore,
    restore_column,
)
from gitmodelstore.pipelines.synthesis import FEWEST_ROWS, draw, draw_sparse, without_rare_labels
from gitmodelstore.values.cell import Cell
from gitmodelstore.values.sample import (
    ARRAY,
    FRAME,
    LIST,
    MOST_ROWS,
    ROWS,
    SERIES,
    Block,
    Column,
    Sample,
)

_MOST_SEEN = 500  # rows of the test data that are looked at
_MOST_COLUMNS = 2_000  # of a dense table
_MOST_CELLS = 600  # of the inputs of a dense table; each costs some microseconds to keep
_FEWEST = 5  # rows of a wide one
_SEED = 20260303


class Rows(NamedTuple):
    """What a Sample holds of its rows, without the answers; not judged yet."""

    form: str
    rows: int
    columns: tuple[Column, ...] | None
    block: Block | None


def choose(X: Any, made: str) -> Rows:
    """Return rows of `X`, or rows like those of it.

    Args:
        X: rows, shape (n_samples, n_features) or (n_samples,): a DataFrame, a Series, an
            array, a sparse matrix, or a list of texts or of lists. It is not changed.
        made: "synthetic", or "rows" for some of the rows themselves.

    Raises:
        NoSample: too few rows, too many columns, or types that a sample does not keep.
    """
    count = len_of(X)
    chance = np.random.RandomState(_SEED)
    rows = _rows_for(X)
    if made == ROWS:
        if not count:
            raise NoSample("there are no rows")
        picked = np.sort(chance.permutation(count)[:rows])
        return keep(take(X, picked))
    if count < 2 * FEWEST_ROWS:
        raise NoSample(f"{count} rows, fewer than {2 * FEWEST_ROWS}, would tell of single ones")
    seen = np.sort(chance.permutation(count)[:_MOST_SEEN]) if count > _MOST_SEEN else None
    return _synthetic(X, seen, rows, chance)


def keep(table: Any) -> Rows:
    """Return the rows of `table`, exactly.

    Raises:
        NoSample: types that a sample does not keep.
    """
    rows = len_of(table)
    if isinstance(table, pd.DataFrame):
        held = [(_label(name), hold(column)) for name, column in table.items()]
        return Rows(FRAME, rows, tuple(_column(*pair) for pair in held), None)
    if isinstance(table, pd.Series):
        columns = (_column(_label(table.name), hold(table)),)
        return Rows(SERIES, rows, columns, None)
    return Rows(_form_of(table), rows, None, block_of(_as_block(table)))


def table_of(sample: Rows | Sample) -> Any:
    """Return the rows of a sample as a pipeline takes them, with their dtypes."""
    if sample.columns is not None:
        if sample.form == SERIES:
            (column,) = sample.columns
            values = restore_column(column)
            return pd.Series(values, name=column.name, dtype=values.dtype)
        data = {place: _as_it_is(restore_column(c)) for place, c in enumerate(sample.columns)}
        frame = pd.DataFrame(data, index=range(sample.rows))
        frame.columns = pd.Index([column.name for column in sample.columns])
        return frame
    assert sample.block is not None  # noqa: S101 - Sample has one of the two
    values = array_of(sample.block)
    if sample.form == LIST:
        return values.tolist()
    if sample.form == ARRAY:
        return values
    import scipy.sparse

    form = sample.form.partition("_")[0]
    return getattr(scipy.sparse, f"csr_{sample.form.partition('_')[2]}")(values).asformat(form)


def _as_it_is(values: Any) -> Any:
    """Return objects such that pandas 3 does not take them for text because they are."""
    return pd.Series(values, dtype=object) if values.dtype == object else values


def take(table: Any, rows: Any) -> Any:
    """Return some rows of a table, given by their places, numbered anew."""
    if isinstance(table, (pd.DataFrame, pd.Series)):
        return table.iloc[rows].reset_index(drop=True)
    if is_sparse(table):
        return table.tocsr()[rows].asformat(table.format)
    if isinstance(table, np.ndarray):
        return table[rows]
    return [table[row] for row in rows]


def len_of(table: Any) -> int:
    """Return how many rows a table has."""
    shape = getattr(table, "shape", None)
    return int(shape[0]) if shape else len(table)


def _rows_for(X: Any) -> int:
    """Return how many rows a sample of `X` shall have."""
    shape: tuple[Any, ...] = getattr(X, "shape", ())
    columns = 1 if len(shape) < 2 or is_sparse(X) else int(shape[1])
    if columns > _MOST_COLUMNS:
        raise NoSample(f"{columns:,} columns, more than {_MOST_COLUMNS:,}")
    return max(_FEWEST, min(MOST_ROWS, _MOST_CELLS // max(columns, 1)))


def _synthetic(X: Any, seen: Any, rows: int, chance: Any) -> Rows:
    if isinstance(X, (pd.DataFrame, pd.Series)):
        form = FRAME if isinstance(X, pd.DataFrame) else SERIES
        pairs = X.items() if isinstance(X, pd.DataFrame) else [(X.name, X)]
        columns = tuple(
            _column(_label(name), _drawn(column, seen, rows, chance)) for name, column in pairs
        )
        return Rows(form, rows, columns, None)
    if is_sparse(X):
        matrix = X.tocsr() if seen is None else X.tocsr()[seen]
        return Rows(_form_of(X), rows, None, block_of(draw_sparse(matrix, rows, chance)))
    values = _as_block(X) if seen is None else _as_block(take(X, seen))
    return Rows(_form_of(X), rows, None, _drawn_block(values, rows, chance))


def _drawn(column: Any, seen: Any, rows: int, chance: Any) -> Held:
    if seen is None:
        return draw(without_rare_labels(hold(column)), rows, chance)
    if isinstance(column.dtype, pd.CategoricalDtype):  # a rare label is one of all the rows
        held = without_rare_labels(hold(column))
        few = held._replace(values=held.values[seen], missing=held.missing[seen])
        return draw(few, rows, chance)
    return draw(hold(column.iloc[seen]), rows, chance)


def _drawn_block(values: Any, rows: int, chance: Any) -> Block:
    columns = (
        [values] if values.ndim == 1 else [values[:, place] for place in range(values.shape[1])]
    )
    drawn = [draw(hold_array(column), rows, chance) for column in columns]
    arrays = [restore(held.dtype, cells_of(held)) for held in drawn]
    return block_of(arrays[0] if values.ndim == 1 else np.stack(arrays, axis=1))


def _as_block(table: Any) -> Any:
    """Return an array of `table`, or the sparse matrix that it is."""
    if is_sparse(table) or isinstance(table, np.ndarray):
        return table
    if not isinstance(table, (list, tuple)):
        raise NoSample(f"a table of type {type(table).__name__}")
    if all(isinstance(held, str) for held in table):
        array = np.empty(len(table), dtype=object)
        array[:] = table
        return array
    try:
        return np.asarray(table)
    except ValueError:
        raise NoSample("rows of different lengths") from None


def _form_of(table: Any) -> str:
    if is_sparse(table):
        import scipy.sparse

        of_arrays = isinstance(table, getattr(scipy.sparse, "sparray", ()))
        return f"{table.format}_{'array' if of_arrays else 'matrix'}"
    return ARRAY if isinstance(table, np.ndarray) else LIST


def _column(name: Cell, held: Held) -> Column:
    return Column(name, held.dtype, cells_of(held), held.labels)


def _label(label: Any) -> Cell:
    if label is None or type(label) in (str, int):
        found: Cell = label
        return found
    if isinstance(label, np.integer):
        return int(label)
    raise NoSample(f"a column is named by {type(label).__name__}")
