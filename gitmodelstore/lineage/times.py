"""Times without a unit, and one name for each zone and frequency.

Every library counts times in a unit of its own and names zones in its own way;
gms-df-1 (docs/gms-df-1.md) writes whole seconds, the nanoseconds above them, and
the names that stand here.
"""

from __future__ import annotations

import re
from datetime import timezone, tzinfo
from typing import Any

import numpy as np

from gitmodelstore.errors import InvalidInput

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_FINER_THAN_NANOSECONDS = ("ps", "fs", "as")
_OLD_FREQUENCIES = {"A": "Y", "H": "h", "T": "min", "S": "s", "L": "ms", "U": "us", "N": "ns"}


def split_times(values: Any) -> tuple[Any, Any, Any]:
    """Return the whole seconds, the nanoseconds above them, and where there is no time.

    Args:
        values: an array of datetime64 or timedelta64 in any unit, shape (n,).

    Raises:
        InvalidInput: the unit is finer than nanoseconds.
    """
    unit, count = np.datetime_data(values.dtype)
    if unit in _FINER_THAN_NANOSECONDS:
        raise InvalidInput(
            f"times in units of {unit} have no portable form",
            hint="convert them to nanoseconds first",
        )
    if unit not in _PER_SECOND or count != 1:
        unit = unit if unit in _PER_SECOND else "s"
        values = values.astype(f"{values.dtype.kind}8[{unit}]")
    missing = np.isnat(values)
    ticks = values.astype(values.dtype.newbyteorder("="), copy=False).view(np.int64)
    return (*split_ticks(ticks, unit, missing), missing)


def split_ticks(ticks: Any, unit: str, missing: Any) -> tuple[Any, Any]:
    """Return counts of a unit as whole seconds and the nanoseconds above: no overflow.

    Args:
        ticks: integers, shape (n,).
        unit: "s", "ms", "us" or "ns".
        missing: shape (n,), true where both are to be 0.
    """
    per_second = _PER_SECOND[unit]
    seconds, rest = np.divmod(np.where(missing, 0, ticks), per_second)
    nanoseconds = rest * (10**9 // per_second)
    return seconds.astype("<i8", copy=False), nanoseconds.astype("<u4", copy=False)


def zone_name(zone: tzinfo) -> str:
    """Return one name for a time zone, whichever library it comes from.

    Raises:
        InvalidInput: it has neither a name nor a fixed offset.
    """
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    if name:
        return str(name)
    offset = zone.utcoffset(None)
    if offset is not None:
        return str(timezone(offset))  # "UTC" or "UTC+01:00"
    if found := re.search(r"zoneinfo/([\w/+-]+)", repr(zone)):  # dateutil names a file
        return found.group(1)
    raise InvalidInput(
        f"the time zone {zone!r} has no portable name",
        hint="convert the times to UTC first: `column.dt.tz_convert('UTC')`",
    )


def frequency(text: str) -> str:
    """Return the name of a period's frequency as pandas 2.2 and later spell it."""
    count, letters, rest = re.findall(r"^(\d*)([A-Za-z]*)(.*)$", text)[0]
    return f"{count}{_OLD_FREQUENCIES.get(letters, letters)}{rest}"
