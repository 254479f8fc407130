"""Arrays and sparse matrices as blocks of a sample, and back."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from gitmodelstore.pipelines.columns import TEXT, NoSample, cells_of, hold_array, restore
from gitmodelstore.values.sample import Block


def is_sparse(table: Any) -> bool:
    """Whether `table` is a scipy sparse matrix or array."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(table))


def block_of(values: Any, *, any_length: bool = False) -> Block:
    """Return the block of an array of one or two dimensions, or of a sparse matrix.

    Args:
        values: what it is to hold.
        any_length: whether text is text, rather than numpy's text of so many characters.

    Raises:
        NoSample: it has more dimensions, or holds what no cell can.
    """
    if is_sparse(values):
        return _sparse_block(values)
    values = np.asarray(values)
    if values.ndim not in (1, 2):
        raise NoSample(f"arrays of {values.ndim} dimensions")
    held = hold_array(values.reshape(-1))
    is_text = any_length and held.kind == TEXT and not held.missing.any()
    name = "str" if is_text else held.dtype
    return Block(name, tuple(values.shape), None, cells_of(held))


def array_of(block: Block) -> Any:
    """Return the array, or the sparse matrix by compressed rows, that a block holds."""
    values = restore(block.dtype, block.values)
    if block.places is None:
        return values.reshape(block.shape)
    from scipy.sparse import csr_matrix

    rows, columns = np.divmod(np.array(block.places, dtype=np.int64), max(block.shape[1], 1))
    return csr_matrix((values, (rows, columns)), shape=block.shape)


def _sparse_block(matrix: Any) -> Block:
    if len(matrix.shape) != 2:
        raise NoSample(f"sparse arrays of {len(matrix.shape)} dimensions")
    rows = matrix.tocsr(copy=True)
    rows.sum_duplicates()
    counts = np.diff(rows.indptr)
    starts = np.repeat(np.arange(len(counts), dtype=np.int64) * matrix.shape[1], counts)
    held = hold_array(np.asarray(rows.data))
    shape = tuple(map(int, matrix.shape))
    return Block(held.dtype, shape, tuple((starts + rows.indices).tolist()), cells_of(held))
