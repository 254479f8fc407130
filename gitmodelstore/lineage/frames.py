"""Tables by value: columns, profiles, and `gms-df-1`, a digest that pandas cannot change.

docs/gms-df-1.md specifies how a table becomes one stream of bytes, the same for every pandas, dtype
backend and machine.
"""

from __future__ import annotations

import hashlib
import math
import re
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from itertools import chain, islice
from uuid import UUID

import numpy as np

from gitmodelstore.errors import InvalidInput
from gitmodelstore.lean import Any, NamedTuple, pattern
from gitmodelstore.lineage import spelled_out
from gitmodelstore.values.fields import Digest
from gitmodelstore.values.json import hidden_character
from gitmodelstore.values.manifest import Feature

# Times without a unit, and one name for each zone and frequency.


_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_FINER_THAN_NANOSECONDS = ("ps", "fs", "as")
_OLD_FREQUENCIES = {"A": "Y", "H": "h", "T": "min", "S": "s", "L": "ms", "U": "us", "N": "ns"}


def split_times(values: Any) -> tuple[Any, Any, Any]:
    """Return whole seconds, the remaining nanoseconds, and which times are missing."""
    unit, count = np.datetime_data(values.dtype)
    if unit in _FINER_THAN_NANOSECONDS:
        raise InvalidInput(
            f"times in units of {unit} have no portable form",
            hint="convert them to nanoseconds first",
        )
    if unit not in _PER_SECOND or count != 1:  # days, or multiples
        unit = unit if unit in _PER_SECOND else "s"
        values = values.astype(f"{values.dtype.kind}8[{unit}]")
    missing = np.isnat(values)
    ticks = values.astype(values.dtype.newbyteorder("="), copy=False).view(np.int64)
    return (*split_ticks(ticks, unit, missing), missing)


def split_ticks(ticks: Any, unit: str, missing: Any) -> tuple[Any, Any]:
    """Return counts of a unit as whole seconds and the nanoseconds above: no overflow."""
    per_second = _PER_SECOND[unit]
    seconds, rest = np.divmod(np.where(missing, 0, ticks), per_second)
    nanoseconds = rest * (10**9 // per_second)
    return seconds.astype("<i8", copy=False), nanoseconds.astype("<u4", copy=False)


def zone_name(zone: tzinfo) -> str:
    """Return one name for a time zone of any library; InvalidInput if it has none."""
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    if name:
        return str(name)
    offset = zone.utcoffset(None)
    if offset is not None:
        return str(timezone(offset))  # "UTC" or "UTC+01:00"
    if match := re.search(r"zoneinfo/([\w/+-]+)", repr(zone)):  # dateutil names a file
        return match.group(1)
    raise InvalidInput(
        f"the time zone {zone!r} has no portable name",
        hint="convert the times to UTC first: `column.dt.tz_convert('UTC')`",
    )


def frequency(text: str) -> str:
    """Return the name of a period's frequency as pandas 2.2 and later spell it."""
    count, letters, rest = re.findall(r"^(\d*)([A-Za-z]*)(.*)$", text)[0]
    return f"{count}{_OLD_FREQUENCIES.get(letters, letters)}{rest}"


# Single objects as bytes: column labels, and the cells of columns of mixed objects.


_MOST_LEVELS = 32  # of lists within lists in one cell
_EPOCH = datetime(1970, 1, 1)


def cell(value: Any, level: int = 0) -> bytes:
    """Return the canonical bytes of one Python object, within `level` lists, dicts and sets."""
    if write := _FREQUENT.get(type(value)):
        return write(value)
    if level > _MOST_LEVELS:
        raise InvalidInput(f"a cell nested more than {_MOST_LEVELS} deep has no digest")
    if isinstance(value, np.ndarray):
        value = value.tolist() if value.dtype.kind not in "mM" else list(value)
    if isinstance(value, (list, tuple)):
        return b"l" + _sequence([cell(item, level + 1) for item in value])
    if isinstance(value, dict):
        pairs = [cell(k, level + 1) + cell(v, level + 1) for k, v in value.items()]
        return b"m" + _sequence(sorted(pairs))
    if isinstance(value, (set, frozenset)):
        return b"e" + _sequence(sorted(cell(item, level + 1) for item in value))
    return _scalar(value)


def cells(values: Iterable[Any]) -> Iterator[bytes]:
    """Yield the canonical bytes of each object of a column; an InvalidInput names the row."""
    for row, value in enumerate(values):
        try:
            yield cell(value)
        except InvalidInput as error:
            raise InvalidInput(f"row {row}: {error}", hint=error.hint) from None


def is_pandas(value: Any, *names: str) -> bool:
    """Whether `value` is of one of those classes of pandas, if pandas is in use at all."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and any(isinstance(value, getattr(pandas, name)) for name in names)


def _scalar(value: Any) -> bytes:
    if _is_missing(value):
        return b"0"
    if isinstance(value, (np.datetime64, np.timedelta64)):
        seconds, nanoseconds, _ = split_times(np.asarray([value]))
        moment: bytes = seconds.tobytes() + nanoseconds.tobytes()
        return b"t" + moment + _text("") if isinstance(value, np.datetime64) else b"d" + moment
    if isinstance(value, np.generic):
        value = value.item()
    for kind, write in _SCALARS:
        if isinstance(value, kind):
            return write(value)
    if is_pandas(value, "Period"):
        return b"p" + _text(frequency(value.freqstr)) + _int(value.ordinal)
    if is_pandas(value, "Interval"):
        return b"v" + _text(value.closed) + cell(value.left) + cell(value.right)
    raise InvalidInput(
        f"a value of type {type(value).__name__} has no digest",
        hint="convert the column to text, numbers or times first",
    )


def _is_missing(value: Any) -> bool:
    if value is None or (isinstance(value, (float, np.floating)) and value != value):
        return True
    if isinstance(value, (str, bytes, int, float)):
        return False
    import pandas as pd

    return pd.isna(value) is True


def _int(value: int) -> bytes:
    return b"i" + _chunk(str(int(value)).encode("ascii"))


def _decimal(value: Decimal) -> bytes:
    """The number without trailing zeros: 1.50 and 1.5 are one."""
    sign, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    if not isinstance(exponent, int):
        return b"n" + _chunk(str(value).encode("ascii"))
    kept = text.rstrip("0")
    exponent = exponent + len(text) - len(kept) if kept else 0
    return b"n" + _chunk(f"{'-' if sign else ''}{kept or '0'}E{exponent}".encode("ascii"))


def _datetime(value: datetime) -> bytes:
    zone = "" if value.tzinfo is None else zone_name(value.tzinfo)
    utc = value if value.tzinfo is None else value.astimezone(timezone.utc).replace(tzinfo=None)
    # A Timestamp is a datetime that also knows nanoseconds; what `-` gives would lose them.
    nanoseconds = utc.microsecond * 1000 + int(getattr(utc, "nanosecond", 0))
    whole = datetime(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second)
    return b"t" + _moment(whole - _EPOCH, nanoseconds) + _text(zone)


def _timedelta(value: timedelta) -> bytes:
    nanoseconds = value.microseconds * 1000 + int(getattr(value, "nanoseconds", 0))
    return b"d" + _moment(timedelta(days=value.days, seconds=value.seconds), nanoseconds)


def _moment(whole: timedelta, nanoseconds: int) -> bytes:
    seconds = whole.days * 86_400 + whole.seconds
    return seconds.to_bytes(8, "little", signed=True) + nanoseconds.to_bytes(4, "little")


_SCALARS: tuple[tuple[Any, Callable[[Any], bytes]], ...] = (  # the first that fits
    (bool, lambda value: b"b\1" if value else b"b\0"),
    (int, _int),
    (float, lambda value: b"f" + struct.pack("<d", value)),
    (complex, lambda value: b"c" + struct.pack("<dd", value.real, value.imag)),
    (str, lambda value: b"s" + _text(value)),
    ((bytes, bytearray), lambda value: b"y" + _chunk(bytes(value))),
    (Decimal, _decimal),
    (datetime, _datetime),
    (date, lambda value: b"D" + _chunk(value.isoformat().encode("ascii"))),
    (time, lambda value: b"T" + _chunk(value.isoformat().encode("ascii"))),
    (timedelta, _timedelta),
    (UUID, lambda value: b"u" + value.bytes),
)
# By exact type, which a dict finds sooner than a row of isinstance.
_FREQUENT: dict[type, Callable[[Any], bytes]] = {
    kind: write for kind, write in _SCALARS if kind in (bool, int, str)
}


def _number(value: int) -> bytes:
    return value.to_bytes(8, "little")


def _chunk(data: bytes) -> bytes:
    return _number(len(data)) + data


def _text(text: str) -> bytes:
    return _chunk(_utf8(text))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # a lone surrogate is data like any other


def _sequence(items: list[bytes]) -> bytes:
    return _number(len(items)) + b"".join(items)


# Columns: their logical types, and the canonical form that no storage shows in.


_ARROW_TIME = pattern(r"(timestamp|duration)\[(s|ms|us|ns)(?:, tz=(.+))?\]")


class Encoded(NamedTuple):
    """A column in its canonical form; `parts` makes the buffers and inner columns of the stream."""

    # Numbers and bools have one buffer, times two (seconds, nanoseconds), categories labels and
    # codes; 0 where missing.

    type: str  # its logical type
    missing: Any  # true where there is no value; None if nothing is missing
    rows: int
    parts: Callable[[], tuple[Any, ...]]


def logical_type(column: Any) -> str:
    """Return the name of a column's type, whatever stores it: "int64", "category[str]", …."""
    # Source: docs/gms-df-1.md, "Columns".
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind not in "OUTS":
        return _numpy_type(dtype)
    return encode(column).type


def encode(column: Any) -> Encoded:
    """Return the canonical form of one column of any array type, shape (n_rows,)."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return from_numpy(np.asarray(column).reshape(-1))
    array = getattr(column, "array", column)  # of a Series or an Index
    for name, encoded in _EXTENSIONS.items():
        if is_pandas(dtype, name):
            return encoded(array)
    if isinstance(getattr(dtype, "numpy_dtype", None), np.dtype):  # Int64, Float32, boolean
        return _from_masked(array)
    return _from_objects(array.to_numpy(dtype=object))


def object_array(values: list[Any]) -> Any:
    """An array of one dimension, whatever the values are."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


# Arrays of pandas


def _from_masked(array: Any) -> Encoded:
    numpy_dtype = array.dtype.numpy_dtype
    nothing = False if numpy_dtype.kind == "b" else 0
    numbers = array.to_numpy(dtype=numpy_dtype, na_value=nothing)
    return from_numpy(numbers, np.asarray(array.isna(), dtype=bool))


def _from_text(array: Any) -> Encoded:
    missing = _any(np.asarray(array.isna(), dtype=bool))
    return Encoded("str", missing, len(array), lambda: _texts(array.to_numpy(object), missing))


def _from_category(array: Any) -> Encoded:
    labels, codes, missing = encode(array.dtype.categories), array.codes, array.codes < 0
    order = ", ordered" if array.dtype.ordered else ""
    name = f"category[{labels.type}{order}]"
    parts = (labels, little(np.where(missing, 0, codes), "<i4"))
    return Encoded(name, _any(missing), len(codes), lambda: parts)


def _from_zoned(array: Any) -> Encoded:
    times = from_numpy(np.asarray(array.tz_convert("UTC").tz_localize(None)))
    return times._replace(type=f"datetime64[{zone_name(array.dtype.tz)}]")


def _from_period(array: Any) -> Encoded:
    missing = np.asarray(array.isna())
    parts = (little(np.where(missing, 0, array.asi8), "<i8"),)
    name = f"period[{frequency(str(array.dtype)[len('period[') : -1])}]"
    return Encoded(name, _any(missing), len(missing), lambda: parts)


def _from_interval(array: Any) -> Encoded:
    parts = encode(array.left), encode(array.right)
    missing = np.asarray(array.isna())
    name = f"interval[{parts[0].type}, {array.dtype.closed}]"
    return Encoded(name, _any(missing), len(missing), lambda: parts)


def _from_arrow(array: Any) -> Encoded:
    """Arrow-backed columns, by their Arrow type; pyarrow itself is never imported here."""
    arrow = array.__arrow_array__()
    name = str(array.dtype.pyarrow_dtype)
    if re.fullmatch(r"u?int\d+|halffloat|float|double|bool", name):
        return _from_masked(array)
    if match := _ARROW_TIME.fullmatch(name):
        return _from_arrow_time(arrow, *match.groups())
    if name.startswith("dictionary"):
        return encode(arrow.to_pandas())
    if name in ("string", "large_string", "string_view"):
        return _from_text(array)
    return _from_objects(object_array(arrow.to_pylist()))  # dates, decimals, lists, null


def _from_arrow_time(arrow: Any, what: str, unit: str, zone: str | None) -> Encoded:
    missing = np.asarray(arrow.is_null(), dtype=bool)
    ticks = np.asarray(arrow.cast("int64").fill_null(0), dtype=np.int64)
    name = "datetime64" if what == "timestamp" else "timedelta64"
    if zone is not None:
        name += f"[{'UTC' + zone if zone[0] in '+-' else zone}]"
    return Encoded(name, _any(missing), len(ticks), lambda: split_ticks(ticks, unit, missing))


_EXTENSIONS: dict[str, Callable[[Any], Encoded]] = {
    "CategoricalDtype": _from_category,
    "StringDtype": _from_text,
    "DatetimeTZDtype": _from_zoned,
    "PeriodDtype": _from_period,
    "IntervalDtype": _from_interval,
    "SparseDtype": lambda array: from_numpy(np.asarray(array.to_dense())),
    "ArrowDtype": _from_arrow,
}


# Arrays of numpy


def from_numpy(values: Any, missing: Any = None) -> Encoded:
    """Return the canonical form of a vector; NaN, NaT, None and `missing` have no value."""
    kind = values.dtype.kind
    if kind in "OUTS":
        return _from_objects(values.astype(object, copy=False))
    name = _numpy_type(values.dtype)
    if kind in "mM":
        seconds, nanoseconds, missing = split_times(values)
        return Encoded(name, _any(missing), len(values), lambda: (seconds, nanoseconds))
    if kind in "fc":
        nan = np.isnan(values)
        missing = nan if missing is None else missing | nan
    missing = None if missing is None else _any(missing)

    def numbers() -> tuple[Any]:
        present = values if missing is None else values.copy()
        if missing is not None:
            present[missing] = 0
        return (little(present, values.dtype),)

    return Encoded(name, missing, len(values), numbers)


def _numpy_type(dtype: Any) -> str:
    """Return the logical type of a numpy dtype that holds neither objects nor text."""
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


def _from_objects(values: Any) -> Encoded:
    """Return the canonical form of Python objects: text, bools, or anything."""
    import pandas as pd

    missing = _any(pd.isna(values))
    kept = values if missing is None else values[~missing]
    kind = pd.api.types.infer_dtype(kept, skipna=False)
    if kind in ("string", "empty"):
        return Encoded("str", missing, len(values), lambda: _texts(values, missing))
    if kind == "boolean":
        present = values if missing is None else np.where(missing, False, values)
        return Encoded("bool", missing, len(values), lambda: (present.astype(bool),))
    return Encoded("object", missing, len(values), lambda: (b"".join(cells(values)),))


def _texts(values: Any, missing: Any) -> tuple[Any, bytes]:
    """Lengths in characters, and all characters joined, without a Python loop over the rows."""
    if missing is not None:
        values = values.copy()
        values[missing] = ""
    texts = values.tolist()
    lengths = np.fromiter(map(len, texts), dtype="<u4", count=len(texts))
    return lengths, _utf8("".join(texts))


def little(values: Any, dtype: Any) -> Any:
    """Return `values` contiguous and little-endian, copied only where they are not."""
    wanted = np.dtype(dtype).newbyteorder("<")
    return np.ascontiguousarray(values.astype(wanted, copy=False))


def _any(missing: Any) -> Any:
    """Return `missing` if anything is missing, otherwise None."""
    return missing if missing.any() else None


# Frames


ALGORITHM = "gms-df-1"

# A manifest may hold 1 MiB. Measured, with the names in a ColumnTransformer's steps as well: 5,000
# columns take 0.44 MB with names of 6 characters and 0.78 MB with 40; 10,000 with 20 do not fit.
MOST_FEATURES = 5_000
MOST_NAME_CHARACTERS = 250_000  # of all names together


def measure(data: Any) -> tuple[Digest, int]:
    """Return the digest of everything in `data`, and the length of its canonical form in bytes.

    Every row, column, name, logical type and missing value takes part, in order;
    the index does not. What is equal by value has one digest whatever the version
    of pandas, the dtype backend or the machine; a DataFrame and the array of its
    values have two. The length stands for the size of data in memory: unlike what the
    process allocates, it is equal wherever the digest is.

    Args:
        data: a DataFrame, a Series, an array (structured ones too), a scipy sparse
            matrix, a list, None, or a pair `(X, y)` of these.

    Raises:
        InvalidInput: a column name appears twice, a cell holds something without a
            canonical form, or `data` is none of the above.

    Source: docs/gms-df-1.md.
    """
    digest, size_bytes = hashlib.sha256(), 0
    for part in chain((_text(ALGORITHM),), _value(data)):
        digest.update(part)
        size_bytes += memoryview(part).nbytes
    return Digest(ALGORITHM, digest.hexdigest()), size_bytes


def features_of(X: Any) -> tuple[Feature, ...] | None:
    """Return name and logical type of each input column; None for more than a manifest holds."""
    columns = list(islice(columns_of(X), MOST_FEATURES + 1))
    names = [label if isinstance(label, str) else None for label, _ in columns]
    if not _have_room(names):
        return None
    return tuple(
        Feature(name, logical_type(column))
        for name, (_, column) in zip(names, columns, strict=True)
    )


def features_named(names: Sequence[str]) -> tuple[Feature, ...] | None:
    """Return input columns known by name alone; None as in `features_of`."""
    return tuple(Feature(name, None) for name in names) if _have_room(names) else None


def columns_of(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the label (or None) and the values of each column; a sparse one shows only its type."""
    data = _as_array(data)
    if is_pandas(data, "DataFrame"):
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


def is_sparse(data: Any) -> bool:
    """Whether `data` is a scipy sparse matrix or array."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(data))


def label_text(label: object) -> str:
    """Return a column label as people read it: `income`, `0`, `('a', 1)`."""
    return label if isinstance(label, str) else str(label)


# The canonical form in pieces: bytes, and contiguous little-endian arrays that are not copied


def _value(data: Any) -> Iterator[Any]:
    if data is None:
        yield _text("nothing")
        return
    if isinstance(data, tuple):
        yield from _pair(data)
        return
    data = _as_array(data)
    if is_pandas(data, "DataFrame"):
        yield from _frame(data)
    elif is_pandas(data, "Series"):
        yield _text("series") + _chunk(cell(data.name))
        yield from _column(encode(data))
    elif is_sparse(data):
        yield from _sparse(data)
    else:
        yield from _array(data)


def _pair(data: tuple[Any, ...]) -> Iterator[Any]:
    if len(data) != 2:
        raise InvalidInput(
            f"expected a pair (X, y), found {len(data)} values",
            hint="give each data set its own role, such as 'train' and 'test'",
        )
    yield _text("pair")
    for half in data:
        yield from _value(half)


def _frame(frame: Any) -> Iterator[Any]:
    _refuse_repeated(frame.columns)
    yield _text("frame") + _number(frame.shape[0]) + _number(frame.shape[1])
    for label, column in frame.items():
        yield _chunk(cell(label))
        try:
            yield from _column(encode(column))
        except InvalidInput as error:
            message = f"column '{label_text(label)}': {error}"
            raise InvalidInput(message, hint=error.hint) from None


def _array(array: Any) -> Iterator[Any]:
    names = array.dtype.names
    yield _text("records" if names else "array") + _sequence([_number(n) for n in array.shape])
    if not names:
        yield from _column(from_numpy(array.reshape(-1)))
        return
    yield _number(len(names))
    for name in names:
        yield _text(name)
        yield from _array(array[name])


def _sparse(matrix: Any) -> Iterator[Any]:
    """The matrix by compressed rows: columns ascending, nothing twice, no zeros."""
    if len(matrix.shape) > 2:
        raise InvalidInput(f"a sparse array of {len(matrix.shape)} dimensions has no digest")
    rows = matrix.tocsr()
    if not rows.has_canonical_format or not np.all(rows.data):
        rows = rows.copy()  # the caller's matrix stays as it is
        rows.sum_duplicates()
        rows.eliminate_zeros()
    yield _text("sparse") + _sequence([_number(n) for n in matrix.shape])
    yield from _column(from_numpy(rows.data))
    yield from _buffer(little(rows.indices, "<i8"))
    yield from _buffer(little(rows.indptr, "<i8"))


def _column(column: Encoded) -> Iterator[Any]:
    yield _text(column.type) + _number(column.rows)
    if column.missing is None:
        yield b"\0"
    else:
        yield b"\1"
        yield from _buffer(np.packbits(column.missing, bitorder="little"))
    for part in column.parts():
        yield from _column(part) if isinstance(part, Encoded) else _buffer(part)


def _buffer(data: Any) -> Iterator[Any]:
    yield _number(memoryview(data).nbytes)
    yield data


# What is refused, and what is read as an array


def _as_array(data: Any) -> Any:
    """Return `data` if it is a table already, otherwise the array that it spells."""
    if is_pandas(data, "DataFrame", "Series") or is_sparse(data):
        return data
    if isinstance(data, list):
        return _list_as_array(data)
    if is_pandas(data, "Index", "Categorical"):
        import pandas as pd

        return pd.Series(data)
    if isinstance(data, np.ma.MaskedArray):
        raise InvalidInput("a masked array has no digest", hint="fill it, or give a DataFrame")
    if isinstance(data, np.ndarray) and data.ndim:
        return np.asarray(data)  # of a subclass too
    raise InvalidInput(
        f"expected a table, found {type(data).__name__}",
        hint="give a DataFrame, a Series, an array or a sparse matrix",
    )


def _list_as_array(data: list[Any]) -> Any:
    """numpy's reading of a list, but never numbers turned into text beside text."""
    if any(isinstance(item, (str, bytes, dict)) for item in data):
        return object_array(data)
    try:
        array = np.asarray(data)
    except ValueError:
        raise InvalidInput(
            "a list of rows of different lengths is not a table", hint="give a DataFrame"
        ) from None
    if array.dtype.kind in "US":
        return np.asarray(data, dtype=object)
    return array


def _refuse_repeated(labels: Any) -> None:
    if not labels.is_unique:
        twice = labels[labels.duplicated()][0]
        raise InvalidInput(
            f"column '{label_text(twice)}' appears twice", hint="rename or drop one of them"
        )


def _have_room(names: Sequence[str | None]) -> bool:
    characters = sum(len(name) for name in names if name)
    return len(names) <= MOST_FEATURES and characters <= MOST_NAME_CHARACTERS


def _refuse_hidden(label: object) -> None:
    hidden = hidden_character(label_text(label))
    if hidden:
        advice = "read the file with encoding='utf-8-sig'" if hidden == "U+FEFF" else "rename it"
        raise InvalidInput(f"column {label!a} contains the hidden character {hidden}", hint=advice)


# A few numbers about a column that tell drift from sameness, and no one's record: all rest on at
# least five rows, so there are no extremes, no rare values, no text that is mostly distinct.


FEWEST_ROWS = 5  # behind every number and every listed value
MOST_VALUES = 20
_LONGEST_VALUE = 80  # characters; longer ones are prose
_DIGITS = 4  # significant: enough to see drift
_QUANTILES = {"p01": 0.01, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p99": 0.99}
_SECONDS_PER_DAY = 86_400


def profile(column: Any) -> dict[str, Any]:
    """Return summary numbers of one column, as JSON holds them.

    `missing` counts rows without a value. Numbers add `infinite` (rows, when there
    are any), `mean`, `std` (with n - 1) and quantiles `p01` to `p99`, to four
    significant digits; durations the same in seconds, with `unit`; times the
    quantiles as days of UTC. Bools add `true`, the share. Text and categories add
    `distinct`, and `values` with their shares when there are at most 20, each seen
    five times or more. A number that fewer than five rows stand behind, or that is
    not finite, is left out; so is everything but `missing` for other types.
    """
    encoded = encode(column)
    missing = 0 if encoded.missing is None else int(encoded.missing.sum())
    numbers: dict[str, Any] = {"missing": missing}
    kind = encoded.type.partition("[")[0]
    if kind == "bool":
        values = _kept(encoded.parts()[0], encoded)
        if len(values) >= FEWEST_ROWS:
            numbers["true"] = _rounded(float(np.count_nonzero(values)) / len(values))
    elif kind.startswith(("int", "uint", "float")) and kind != "interval":
        numbers |= _numbers(_kept(encoded.parts()[0], encoded).astype(np.float64))
    elif kind == "datetime64":
        seconds = _kept(encoded.parts()[0], encoded)
        days = _quantiles(np.floor_divide(seconds, _SECONDS_PER_DAY))
        numbers |= {name: str(np.datetime64(math.floor(day), "D")) for name, day in days.items()}
    elif kind == "timedelta64":
        seconds, nanoseconds = encoded.parts()
        numbers |= {"unit": "s", **_numbers(_kept(seconds + nanoseconds / 1e9, encoded))}
    elif kind == "category" and hasattr(column.dtype, "categories"):
        numbers |= _labels(_kept(encoded.parts()[1], encoded), column.dtype.categories)
    elif kind in ("str", "category"):  # text, and a dictionary of Arrow
        import pandas as pd

        texts = np.asarray(column, dtype=object).reshape(-1)
        numbers |= _labels(*pd.factorize(_kept(texts, encoded)))
    return numbers


def _kept(values: Any, encoded: Encoded) -> Any:
    return values if encoded.missing is None else values[~encoded.missing]


def _numbers(values: Any) -> dict[str, Any]:
    finite = values[np.isfinite(values)]
    numbers: dict[str, Any] = {}
    if len(finite) != len(values):
        numbers["infinite"] = len(values) - len(finite)
    if len(finite) < FEWEST_ROWS:
        return numbers
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is left out below
        numbers["mean"] = float(finite.mean())
        numbers["std"] = float(finite.std(ddof=1))
        numbers |= _quantiles(finite)
    return {
        name: value if isinstance(value, int) else _rounded(value)
        for name, value in numbers.items()
        if math.isfinite(value)
    }


def _quantiles(values: Any) -> dict[str, float]:
    """The quantiles that have five rows or more on either side, interpolated linearly."""
    last = len(values) - 1
    places = {
        name: share * last
        for name, share in _QUANTILES.items()
        if len(values) * min(share, 1 - share) >= FEWEST_ROWS
    }
    if not places:
        return {}
    needed = {whole(place) for place in places.values() for whole in (math.floor, math.ceil)}
    ordered = np.partition(values, sorted(needed))  # sooner than sorting, at a million rows
    quantiles = {}
    for name, place in places.items():
        below, above = float(ordered[math.floor(place)]), float(ordered[math.ceil(place)])
        quantiles[name] = below + (above - below) * (place - math.floor(place))
    return quantiles


def _labels(codes: Any, labels: Any) -> dict[str, Any]:
    """The profile of texts or categories, by the place of each in `labels`."""
    counts = np.bincount(codes, minlength=len(labels))  # a Counter takes twice as long
    places = np.flatnonzero(counts).tolist()
    if len(places) > MOST_VALUES:
        return {"distinct": len(places)}
    listed = {label_text(labels[code]): int(counts[code]) for code in places}
    numbers: dict[str, Any] = {"distinct": len(listed)}
    if listed and min(listed.values()) >= FEWEST_ROWS and max(map(len, listed)) <= _LONGEST_VALUE:
        ordered = sorted(listed.items(), key=lambda pair: (-pair[1], pair[0]))
        rows = len(codes)
        numbers["values"] = {spelled_out(value): _rounded(count / rows) for value, count in ordered}
    return numbers


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}") + 0.0  # never -0.0
