"""A sample of the rows that a pipeline was tested on, made at registration and read again."""

from __future__ import annotations

import math
import re
import string
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gitmodelstore.lean import replace
from gitmodelstore.values.sample import (
    ARRAY,
    FRAME,
    LIST,
    MOST_ROWS,
    NA,
    NAT,
    ROWS,
    SERIES,
    Block,
    Cell,
    Labels,
    Sample,
    SampleColumn,
)

# Text in place of text: of a similar form, without any word that few texts hold.


_WORD = re.compile(r"\w+")
_MOST_WORDS = 30  # of a text
_MOST_LETTERS = 40  # of a word
_KINDS = {"A": string.ascii_uppercase, "a": string.ascii_lowercase, "9": string.digits}


def is_mostly_distinct(texts: Any, fewest: int) -> bool:
    """Whether less than half of the texts are among those that `fewest` rows or more hold."""
    counts = Counter(texts.tolist()).values()
    return 2 * sum(count for count in counts if count >= fewest) < len(texts)


def placeholders(texts: Sequence[str], rows: int, chance: Any, fewest: int) -> list[str]:
    """Return texts like those of the test rows; a word that `fewest` of them share stays."""
    if not texts:
        return [""] * rows
    patterns = Counter(_pattern(text) for text in texts if not re.search(r"\s", text))
    shared = {pattern: count for pattern, count in patterns.items() if count >= fewest}
    if 2 * sum(shared.values()) >= len(texts):
        pool = [pattern for pattern, count in shared.items() for _ in range(count)]
        return [_filled(_any_of(pool, chance), set(texts), chance) for _ in range(rows)]
    return _sentences(texts, rows, chance, fewest)


def _sentences(texts: Sequence[str], rows: int, chance: Any, fewest: int) -> list[str]:
    words = [_WORD.findall(text) for text in texts]
    occurrences = [word for group in words for word in group]
    if not occurrences:
        return [""] * rows
    held_by = Counter(word for text in set(texts) for word in set(_WORD.findall(text)))
    taken = set(occurrences)
    lengths = np.sort([min(len(group), _MOST_WORDS) for group in words])
    made = []
    for _ in range(rows):
        count = int(lengths[chance.randint(0, len(lengths))])
        drawn = [_any_of(occurrences, chance) for _ in range(count)]
        made.append(
            " ".join(
                word if held_by[word] >= fewest else _filled(_pattern(word), taken, chance)
                for word in drawn
            )
        )
    return made


def _any_of(pool: Sequence[str], chance: Any) -> str:
    return pool[int(chance.randint(0, len(pool)))]


def _pattern(text: str) -> str:
    """Return what kind of character stands where: `Ab-12` gives `Aa-99`."""
    return "".join(map(_kind, text[:_MOST_LETTERS]))


def _kind(character: str) -> str:
    if character.isnumeric():
        return "9"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    return character


def _filled(pattern: str, taken: set[str], chance: Any) -> str:
    """Return text of a pattern that is not in `taken`; longer, if all that fit are."""
    text = "".join(_any_of(_KINDS[kind], chance) if kind in _KINDS else kind for kind in pattern)
    while text in taken:
        text += _any_of(_KINDS["a"], chance)
    return text


# Columns of a table as arrays of numpy, as cells of a sample, and back with equal dtypes.


NUMBER, TRUTH, TIME, TEXT, CODE, OBJECT = "number", "truth", "time", "text", "code", "object"

_ARROW_NUMBERS = r"u?int\d+|float|double|bool"
_ZONED = re.compile(r"datetime64\[(?P<unit>s|ms|us|ns), (?P<zone>.+)\]")
_ARROW = re.compile(r"arrow\[(?P<name>.+)\]")
_SPARSE = re.compile(r"Sparse\[(?P<dtype>.+), (?P<fill>.+)\]")
_STRING = re.compile(r"(?P<kind>str|string)\[(?P<storage>python|pyarrow)\]")


class NoSample(Exception):
    """Why there can be no sample of these rows, in words that end "no sample: ..."."""


class TypedColumn(NamedTuple):
    """One column."""

    dtype: str  # as `values.sample.Column` spells it
    kind: str  # one of the words above
    values: Any  # shape (n_rows,): numbers, bools, ticks, codes of categories, or objects
    missing: Any  # shape (n_rows,), true where there is no value
    labels: Labels | None = None  # of a categorical column

    @property
    def can_miss(self) -> bool:
        """Whether values of this column may be missing, in a form that is known."""
        if self.dtype == "object":
            return bool(self.missing.any())
        return self.kind in (TIME, CODE) or bool(
            re.match(r"float|>f|str|Int|UInt|Float|boolean|arrow|Sparse\[float", self.dtype)
        )


# From tables


def hold(column: Any) -> TypedColumn:
    """Return the values of a Series, an Index, or an array of numpy; shape (n_rows,)."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return hold_array(np.asarray(column))
    missing = np.asarray(column.isna(), dtype=bool)
    if isinstance(dtype, pd.CategoricalDtype):
        return _hold_category(column, dtype, missing)
    if isinstance(dtype, pd.StringDtype):
        return TypedColumn(string_name(dtype), TEXT, column.to_numpy(dtype=object), missing)
    if isinstance(dtype, pd.DatetimeTZDtype):
        naive = pd.DatetimeIndex(column).tz_convert("UTC").tz_localize(None)
        return TypedColumn(str(dtype), TIME, np.asarray(naive), missing)
    if isinstance(dtype, pd.SparseDtype):
        dense = hold_array(np.asarray(column.array.to_dense()))
        return dense._replace(dtype=f"Sparse[{dtype.subtype}, {dtype.fill_value!s}]")
    if isinstance(dtype, pd.ArrowDtype):
        return _hold_arrow(column, dtype, missing)
    if isinstance(getattr(dtype, "numpy_dtype", None), np.dtype):  # Int64, Float32, boolean
        return _hold_masked(column, str(dtype), dtype.numpy_dtype, missing)
    raise NoSample(f"values of type {dtype}")


def hold_array(values: Any) -> TypedColumn:
    dtype = values.dtype
    nothing = np.zeros(len(values), dtype=bool)
    if dtype.kind in "iu":
        return TypedColumn(str(dtype), NUMBER, values, nothing)
    if dtype.kind == "b":
        return TypedColumn(str(dtype), TRUTH, values, nothing)
    if dtype.kind == "f" and dtype.itemsize <= 8:
        return TypedColumn(str(dtype), NUMBER, values, np.isnan(values))
    if dtype.kind in "mM" and np.datetime_data(dtype)[0] != "generic":
        return TypedColumn(str(dtype), TIME, values, np.isnat(values))
    if dtype.kind == "U":
        return TypedColumn(str(dtype), TEXT, values.astype(object), nothing)
    if dtype.kind == "O":
        missing = np.asarray(pd.isna(values), dtype=bool)
        is_text = all(isinstance(value, str) for value in values[~missing])
        return TypedColumn("object", TEXT if is_text else OBJECT, values, missing)
    raise NoSample(f"values of type {dtype}")


def string_name(dtype: Any) -> str:
    """Return how a sample spells a dtype of pandas' strings: `str[…]` where NaN is missing."""
    is_nan = isinstance(getattr(dtype, "na_value", pd.NA), float)
    return f"{'str' if is_nan else 'string'}[{dtype.storage.partition('_')[0]}]"


def _hold_category(column: Any, dtype: Any, missing: Any) -> TypedColumn:
    codes = column.cat.codes if hasattr(column, "cat") else column.codes
    categories = hold(dtype.categories)
    labels = Labels(categories.dtype, bool(dtype.ordered), cells_of(categories))
    return TypedColumn("category", CODE, np.asarray(codes, dtype=np.int64), missing, labels)


def _hold_arrow(column: Any, dtype: Any, missing: Any) -> TypedColumn:
    name = str(dtype.pyarrow_dtype)
    if name in ("string", "large_string"):
        return TypedColumn(f"arrow[{name}]", TEXT, column.to_numpy(dtype=object), missing)
    if not re.fullmatch(_ARROW_NUMBERS, name):
        raise NoSample(f"values of Arrow's type {name}")
    return _hold_masked(column, f"arrow[{name}]", np.dtype(dtype.numpy_dtype), missing)


def _hold_masked(column: Any, name: str, dtype: Any, missing: Any) -> TypedColumn:
    nothing = False if dtype.kind == "b" else 0
    values = column.to_numpy(dtype=dtype, na_value=nothing)
    return TypedColumn(name, TRUTH if dtype.kind == "b" else NUMBER, values, missing)


# To cells


def cells_of(column: TypedColumn) -> tuple[Cell, ...]:
    if column.dtype == "object":
        return tuple(_cell(value) for value in column.values.tolist())
    values = _plain(column.values)
    if not column.missing.any():
        return tuple(values)
    return tuple(
        None if is_missing else value
        for value, is_missing in zip(values, column.missing.tolist(), strict=True)
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


def restore_column(column: SampleColumn) -> Any:
    """Return the array of numpy or pandas that a column of a sample spells."""
    # pandas 3's text becomes objects where pandas is older.
    if column.labels is not None:
        labels = restore(column.labels.dtype, column.labels.values)
        dtype: Any = pd.CategoricalDtype(
            pd.Index(labels, dtype=labels.dtype), ordered=column.labels.ordered
        )
        codes: Any = [-1 if code is None else code for code in column.values]
        return pd.Categorical.from_codes(codes, dtype=dtype)
    return restore(column.dtype, column.values)


def restore(name: str, cells: tuple[Cell, ...]) -> Any:
    if match := _STRING.fullmatch(name):
        return _strings(match["kind"], match["storage"], cells)
    if match := _ZONED.fullmatch(name):
        naive = _numpy(f"datetime64[{match['unit']}]", cells)
        return pd.DatetimeIndex(naive).tz_localize("UTC").tz_convert(match["zone"]).array
    if match := _ARROW.fullmatch(name):
        dtype = pd.ArrowDtype(import_module("pyarrow").type_for_alias(match["name"]))
        return pd.array(_with_na(cells), dtype=dtype)
    if match := _SPARSE.fullmatch(name):
        fill = match["fill"] == "True" if match["dtype"] == "bool" else float(match["fill"])
        dense = _numpy(match["dtype"], cells)
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
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


# Arrays and sparse matrices as blocks of a sample, and back.


def is_sparse(table: Any) -> bool:
    """Whether `table` is a scipy sparse matrix or array."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(table))


def block_of(values: Any, *, any_length: bool = False) -> Block:
    """Return the block of an array or a sparse matrix; text of `any_length` has no fixed width."""
    if is_sparse(values):
        return _sparse_block(values)
    values = np.asarray(values)
    if values.ndim not in (1, 2):
        raise NoSample(f"arrays of {values.ndim} dimensions")
    column = hold_array(values.reshape(-1))
    is_text = any_length and column.kind == TEXT and not column.missing.any()
    name = "str" if is_text else column.dtype
    return Block(name, tuple(values.shape), None, cells_of(column))


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
    column = hold_array(np.asarray(rows.data))
    shape = tuple(map(int, matrix.shape))
    return Block(column.dtype, shape, tuple((starts + rows.indices).tolist()), cells_of(column))


# Rows that nobody is in: each column is drawn by itself, from what five rows or more share.


FEWEST_ROWS = 5  # behind every value that survives
_MOST_GROUPS = 20  # whose medians stand for the distribution
_SECONDS = (86_400, 3_600, 60, 1)


def draw(column: TypedColumn, rows: int, chance: Any) -> TypedColumn:
    """Return a column of `rows` rows that resembles `column`; `chance` is a RandomState."""
    # No release of numpy changes its streams.
    present = column.values[~column.missing]
    drawn = _drawn(column, present, rows, chance)
    missing = _missing(column, rows, chance)
    if drawn is None:
        if not column.can_miss:
            raise NoSample(f"no value of a column occurs in {FEWEST_ROWS} rows")
        drawn, missing = np.zeros(rows, dtype=column.values.dtype), np.ones(rows, dtype=bool)
    return column._replace(values=_blanked(column, drawn, missing), missing=missing)


def without_rare_labels(column: TypedColumn) -> TypedColumn:
    """Return a categorical column whose rare labels are placeholders; needs all rows."""
    if column.labels is None:
        return column
    labels = column.labels.values
    counts = np.bincount(column.values[~column.missing], minlength=len(labels)).tolist()
    if not any(0 < count < FEWEST_ROWS for count in counts):
        return column
    taken = set(labels)
    chance = np.random.RandomState(0)
    kept = tuple(
        _other_label(label, taken, chance) if 0 < count < FEWEST_ROWS else label
        for label, count in zip(labels, counts, strict=True)
    )
    return column._replace(labels=replace(column.labels, values=kept))


def draw_sparse(matrix: Any, rows: int, chance: Any) -> Any:
    """Return a sparse matrix of `rows` rows that resembles `matrix` (by compressed rows)."""
    from scipy.sparse import csr_matrix

    filled = np.bincount(matrix.indices, minlength=matrix.shape[1])
    pool = matrix.indices[filled[matrix.indices] >= FEWEST_ROWS]
    counts = draw_numbers(np.diff(matrix.indptr), rows, chance)
    if counts is None or not len(pool):
        return csr_matrix((rows, matrix.shape[1]), dtype=matrix.dtype)
    places = [np.unique(pool[chance.randint(0, len(pool), count)]) for count in counts.tolist()]
    indptr = np.cumsum([0, *map(len, places)])
    data = draw_numbers(matrix.data, int(indptr[-1]), chance)
    if data is None:
        raise NoSample(f"fewer than {2 * FEWEST_ROWS} values")
    shape = (rows, matrix.shape[1])
    return csr_matrix((data.astype(matrix.dtype), np.concatenate(places), indptr), shape=shape)


def draw_numbers(values: Any, rows: int, chance: Any) -> Any:
    """Return `rows` numbers that resemble `values`, of the same dtype; None from too few."""
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if not len(finite):
        return None
    distinct, counts = _counted(finite)
    is_shared = counts >= FEWEST_ROWS
    rest = np.repeat(distinct[~is_shared], counts[~is_shared])
    share = 1 - len(rest) / len(finite)
    if len(rest) < 2 * FEWEST_ROWS or share >= 0.9:
        if not is_shared.any():
            return None
        return _of_frequent(distinct[is_shared], counts[is_shared], rows, chance)
    drawn = _between(rest, distinct[counts == 1], rows, chance)
    if is_shared.any():
        shared = _of_frequent(distinct[is_shared], counts[is_shared], rows, chance)
        drawn = np.where(chance.random_sample(rows) < share, shared, drawn)
    return drawn


def _drawn(column: TypedColumn, present: Any, rows: int, chance: Any) -> Any:
    """Values that are not missing, of the dtype of `present`; None if nothing is common."""
    if column.kind == NUMBER:
        return draw_numbers(present, rows, chance)
    if column.kind == TIME:
        return _times(present, rows, chance)
    if column.kind == TEXT and is_mostly_distinct(present, FEWEST_ROWS):
        return object_array(placeholders(present.tolist(), rows, chance, FEWEST_ROWS))
    if column.kind in (TEXT, OBJECT):
        counter = Counter((type(value), value) for value in present.tolist())
        values = object_array([value for _, value in counter])
        counts = np.array(list(counter.values()), dtype=np.int64)
    else:
        values, counts = _counted(present)
    is_shared = counts >= FEWEST_ROWS
    if not is_shared.any():
        return None
    return _of_frequent(values[is_shared], counts[is_shared], rows, chance)


def _of_frequent(values: Any, counts: Any, rows: int, chance: Any) -> Any:
    places = np.searchsorted(np.cumsum(counts), chance.randint(0, counts.sum(), rows), "right")
    return values[places]


def _between(ordered: Any, alone: Any, rows: int, chance: Any) -> Any:
    """Return numbers between the medians of groups of `ordered`, none of them in `alone`."""
    groups = min(_MOST_GROUPS, len(ordered) // FEWEST_ROWS)
    bounds = np.arange(groups + 1) * len(ordered) // groups
    middle = bounds[:-1] + bounds[1:] - 1
    # Halved before they are added, since the sum of two large numbers may be none.
    medians = ordered[middle // 2] / 2.0 + ordered[(middle + 1) // 2] / 2.0
    places = chance.random_sample(rows) * (groups - 1)
    below = places.astype(int)
    weight = places - below
    exact = medians[below] * (1 - weight) + medians[below + 1] * weight
    if ordered.dtype.kind in "iu":
        limits = np.iinfo(ordered.dtype)  # whose largest no float may be
        whole = np.rint(np.clip(exact, limits.min, np.nextafter(float(limits.max), 0)))
        return _moved(whole, alone, medians).astype(ordered.dtype)
    if (ordered == np.rint(ordered)).all():
        return _moved(np.rint(exact), alone, medians).astype(ordered.dtype)
    rounded = np.array([f"{value:.6g}" for value in exact.tolist()], dtype=ordered.dtype)
    return np.where(_is_in(rounded, alone), exact.astype(ordered.dtype), rounded)


def _counted(values: Any) -> tuple[Any, Any]:
    """Return the distinct values, ascending, and how often each occurs; as np.unique, sooner."""
    ordered = np.sort(values)
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    if not len(values):
        return ordered, np.zeros(0, dtype=np.int64)
    return ordered[starts], np.diff(np.append(starts, len(ordered)))


def _is_in(values: Any, ordered: Any) -> Any:
    """Where `values` are among `ordered`, which ascend; as np.isin, sooner."""
    if not len(ordered):
        return np.zeros(len(values), dtype=bool)
    places = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    return ordered[places] == values


def _moved(numbers: Any, alone: Any, medians: Any) -> Any:
    """Move whole numbers that one row alone holds to a free one beside them, if there is one."""
    for step in (1, -1, 2, -2, 3, -3):
        taken = _is_in(numbers, alone)
        if not taken.any():
            break
        beside = numbers + step
        is_free = ~_is_in(beside, alone) & (beside > medians[0]) & (beside < medians[-1])
        numbers = np.where(taken & is_free, beside, numbers)
    return numbers


def _times(values: Any, rows: int, chance: Any) -> Any:
    """Times between times, to the day, hour, minute or second if those given are."""
    ticks = values.astype(np.int64)
    unit, many = np.datetime_data(values.dtype)
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}.get(unit)
    steps = [seconds * per_second for seconds in _SECONDS] if per_second and many == 1 else []
    step = next((step for step in steps if len(ticks) and not (ticks % step).any()), 1)
    drawn = draw_numbers(ticks // step, rows, chance)
    return None if drawn is None else (drawn * step).view(values.dtype)


def _missing(column: TypedColumn, rows: int, chance: Any) -> Any:
    """Where values are missing: in the same share of rows as before, if any in at least one."""
    count = int(np.count_nonzero(column.missing))
    missing = np.zeros(rows, dtype=bool)
    if count:
        share = max(1, round(count / len(column.missing) * rows))
        missing[chance.permutation(rows)[:share]] = True
    return missing


def _blanked(column: TypedColumn, values: Any, missing: Any) -> Any:
    """Put into `values` what is missing, the way in which `column` says so."""
    if not missing.any():
        return values
    if column.kind == CODE:
        return np.where(missing, -1, values)
    if column.kind == TIME:
        return np.where(missing, np.array("NaT", dtype=values.dtype), values)
    if column.dtype != "object":
        return values
    blanks = column.values[column.missing]
    values = values.copy()
    for number, place in enumerate(np.flatnonzero(missing)):
        values[place] = blanks[number % len(blanks)]
    return values


def _other_label(label: Cell, taken: set[Cell], chance: Any) -> Cell:
    """Return a label of the same type that is not in `taken`, and add it there."""
    other: Cell
    if isinstance(label, str):
        other = "".join(chance.choice(list(string.ascii_lowercase), max(len(label), 4)))
        while other in taken:
            other = f"{other}x"
    elif isinstance(label, (int, float)) and not isinstance(label, bool):
        largest = max(number for number in taken if isinstance(number, (int, float)))
        other = type(label)(largest + 1)
    else:
        raise NoSample("rare labels that are neither text nor numbers")
    taken.add(other)
    return other


# Sample


_MOST_SEEN = 500  # rows of the test data that are looked at
_MOST_COLUMNS = 2_000  # of a dense table
_MOST_CELLS = 600  # of the inputs of a dense table; each costs some microseconds to keep
_FEWEST = 5  # rows of a wide one
_SEED = 20260303


class Rows(NamedTuple):
    """What a Sample holds of its rows, without the answers; not judged yet."""

    form: str
    rows: int
    columns: tuple[SampleColumn, ...] | None
    block: Block | None


def choose(X: Any, made: str) -> Rows:
    """Return rows of `X` ("rows"), or rows that resemble it ("synthetic")."""
    count = len_of(X)
    chance = np.random.RandomState(_SEED)
    rows = _rows_for(X)
    if made == ROWS:
        if not count:
            raise NoSample("there are no rows")
        picked = np.sort(chance.permutation(count)[:rows])
        return keep(take(X, picked))
    if count < 2 * FEWEST_ROWS:
        raise NoSample(f"{count} rows, fewer than {2 * FEWEST_ROWS}, would reveal single ones")
    places = np.sort(chance.permutation(count)[:_MOST_SEEN]) if count > _MOST_SEEN else None

    def drawn_column(column: Any) -> TypedColumn:
        return _drawn_column(column, places, rows, chance)

    def drawn_block(block: Any) -> Block:
        if is_sparse(block):
            matrix = block.tocsr() if places is None else block.tocsr()[places]
            return block_of(draw_sparse(matrix, rows, chance))
        return _drawn_block(
            _as_block(block if places is None else take(block, places)), rows, chance
        )

    return _rows_of(X, rows, drawn_column, drawn_block)


def keep(table: Any) -> Rows:
    rows = len_of(table)
    return _rows_of(table, rows, hold, lambda block: block_of(_as_block(block)))


def _rows_of(
    table: Any, rows: int, of_column: Callable[[Any], TypedColumn], of_block: Callable[[Any], Block]
) -> Rows:
    """Return so many rows, of columns or a block that are made of those of a table."""
    if not isinstance(table, (pd.DataFrame, pd.Series)):
        return Rows(_form_of(table), rows, None, of_block(table))
    is_frame = isinstance(table, pd.DataFrame)
    columns = []
    for name, column in table.items() if is_frame else [(table.name, table)]:
        label, typed = _label(name), of_column(column)
        columns.append(SampleColumn(label, typed.dtype, cells_of(typed), typed.labels))
    return Rows(FRAME if is_frame else SERIES, rows, tuple(columns), None)


def table_of(sample: Rows | Sample) -> Any:
    """Return the rows of a sample as a pipeline takes them, with their dtypes."""
    if sample.columns is not None:
        if sample.form == SERIES:
            (column,) = sample.columns
            values = restore_column(column)
            return pd.Series(values, name=column.name, dtype=values.dtype)
        arrays = enumerate(map(restore_column, sample.columns))
        # pandas 3 would take objects for text because they are.
        data = {n: pd.Series(v, dtype=object) if v.dtype == object else v for n, v in arrays}
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


def take(table: Any, rows: Any) -> Any:
    """Return the rows of a table at these positions, with a new index."""
    if isinstance(table, (pd.DataFrame, pd.Series)):
        return table.iloc[rows].reset_index(drop=True)
    if is_sparse(table):
        return table.tocsr()[rows].asformat(table.format)
    if isinstance(table, np.ndarray):
        return table[rows]
    return [table[row] for row in rows]


def len_of(table: Any) -> int:
    shape = getattr(table, "shape", None)
    return int(shape[0]) if shape else len(table)


def _rows_for(X: Any) -> int:
    shape: tuple[Any, ...] = getattr(X, "shape", ())
    columns = 1 if len(shape) < 2 or is_sparse(X) else int(shape[1])
    if columns > _MOST_COLUMNS:
        raise NoSample(f"{columns:,} columns, more than {_MOST_COLUMNS:,}")
    return max(_FEWEST, min(MOST_ROWS, _MOST_CELLS // max(columns, 1)))


def _drawn_column(column: Any, places: Any, rows: int, chance: Any) -> TypedColumn:
    if places is None:
        return draw(without_rare_labels(hold(column)), rows, chance)
    if isinstance(column.dtype, pd.CategoricalDtype):  # a rare label is one of all the rows
        typed = without_rare_labels(hold(column))
        few = typed._replace(values=typed.values[places], missing=typed.missing[places])
        return draw(few, rows, chance)
    return draw(hold(column.iloc[places]), rows, chance)


def _drawn_block(values: Any, rows: int, chance: Any) -> Block:
    columns = (
        [values] if values.ndim == 1 else [values[:, place] for place in range(values.shape[1])]
    )
    drawn = [draw(hold_array(column), rows, chance) for column in columns]
    arrays = [restore(column.dtype, cells_of(column)) for column in drawn]
    return block_of(arrays[0] if values.ndim == 1 else np.stack(arrays, axis=1))


def _as_block(table: Any) -> Any:
    if is_sparse(table) or isinstance(table, np.ndarray):
        return table
    if not isinstance(table, (list, tuple)):
        raise NoSample(f"a table of type {type(table).__name__}")
    if all(isinstance(row, str) for row in table):
        return object_array(list(table))
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


def _label(label: Any) -> Cell:
    if label is None or type(label) in (str, int):
        cell: Cell = label
        return cell
    if isinstance(label, np.integer):
        return int(label)
    raise NoSample(f"a column is named by {type(label).__name__}")
