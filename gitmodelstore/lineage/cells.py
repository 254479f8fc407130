"""Single objects as bytes: column labels, and the cells of columns of mixed objects.

Owns the section "Cells" of docs/gms-df-1.md. pandas is imported only where an
object could be one of its missing values.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np

from gitmodelstore.errors import InvalidInput
from gitmodelstore.lineage.times import frequency, split_times, zone_name

_MOST_LEVELS = 32  # of lists within lists in one cell
_EPOCH = datetime(1970, 1, 1)


def cell(value: Any, level: int = 0) -> bytes:
    """Return the canonical bytes of one Python object: a tag and what it needs.

    Args:
        value: of a type that docs/gms-df-1.md lists.
        level: how many lists, dicts and sets it lies in.

    Raises:
        InvalidInput: it, or something in it, has no canonical form.
    """
    if write := _FREQUENT.get(type(value)):
        return write(value)
    if level > _MOST_LEVELS:
        raise InvalidInput(f"a cell nested more than {_MOST_LEVELS} deep has no digest")
    if isinstance(value, np.ndarray):
        value = value.tolist() if value.dtype.kind not in "mM" else list(value)
    if isinstance(value, (list, tuple)):
        return b"l" + _number(len(value)) + b"".join(cell(held, level + 1) for held in value)
    if isinstance(value, dict):
        pairs = sorted(cell(k, level + 1) + cell(v, level + 1) for k, v in value.items())
        return b"m" + _number(len(pairs)) + b"".join(pairs)
    if isinstance(value, (set, frozenset)):
        held_cells = sorted(cell(held, level + 1) for held in value)
        return b"e" + _number(len(held_cells)) + b"".join(held_cells)
    return _scalar(value)


def cells(values: Iterable[Any]) -> Iterator[bytes]:
    """Yield the canonical bytes of each object of a column.

    Raises:
        InvalidInput: one has none; the error names its row.
    """
    for row, value in enumerate(values):
        try:
            yield cell(value)
        except InvalidInput as error:
            raise InvalidInput(f"row {row}: {error}", hint=error.hint) from None


def is_pandas(value: Any, name: str) -> bool:
    """Whether `value` is an instance of that class of pandas, if pandas is in use at all."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, getattr(pandas, name))


def utf8(text: str) -> bytes:
    """Return `text` in UTF-8; a lone surrogate is data like any other."""
    return text.encode("utf-8", "surrogatepass")


def _scalar(value: Any) -> bytes:
    if _is_missing(value):
        return b"0"
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return _numpy_time(value)
    if isinstance(value, np.generic):
        value = value.item()
    for kind, write in _SCALARS:
        if isinstance(value, kind):
            return write(value)
    return _pandas_scalar(value)


def _numpy_time(value: Any) -> bytes:
    seconds, nanoseconds, _ = split_times(np.asarray([value]))
    tag = b"t" if isinstance(value, np.datetime64) else b"d"
    ending = _chunk(b"") if tag == b"t" else b""
    return b"".join((tag, seconds.tobytes(), nanoseconds.tobytes(), ending))


def _pandas_scalar(value: Any) -> bytes:
    if is_pandas(value, "Period"):
        return b"p" + _chunk(utf8(frequency(value.freqstr))) + _int(value.ordinal)
    if is_pandas(value, "Interval"):
        return b"v" + _chunk(utf8(value.closed)) + cell(value.left) + cell(value.right)
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


def _float(value: float) -> bytes:
    return b"f" + struct.pack("<d", value)


def _complex(value: complex) -> bytes:
    return b"c" + struct.pack("<dd", value.real, value.imag)


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
    return b"t" + _moment(whole - _EPOCH, nanoseconds) + _chunk(utf8(zone))


def _timedelta(value: timedelta) -> bytes:
    nanoseconds = value.microseconds * 1000 + int(getattr(value, "nanoseconds", 0))
    return b"d" + _moment(timedelta(days=value.days, seconds=value.seconds), nanoseconds)


def _moment(whole: timedelta, nanoseconds: int) -> bytes:
    seconds = whole.days * 86_400 + whole.seconds
    return seconds.to_bytes(8, "little", signed=True) + nanoseconds.to_bytes(4, "little")


_SCALARS: tuple[tuple[Any, Callable[[Any], bytes]], ...] = (  # the first that fits
    (bool, lambda value: b"b\1" if value else b"b\0"),
    (int, _int),
    (float, _float),
    (complex, _complex),
    (str, lambda value: b"s" + _chunk(utf8(value))),
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
