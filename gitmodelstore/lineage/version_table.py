"""The versions of a store as a DataFrame: a row a version, a column a fact.

Columns have pandas' nullable types where a value can be missing, so that a version which
lacks a number turns no whole numbers of others into fractions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

TEXT, FLAG, COUNT, NUMBER, TIME = "string", "boolean", "Int64", "float64", "datetime64[us, UTC]"
ANY = "object"
_EXACT = 2**53  # beyond it, a float does not hold every whole number


def version_table(
    facts: Sequence[Mapping[str, Any]], columns: Mapping[str, str | None]
) -> pd.DataFrame:
    """Return a table of facts.

    Args:
        facts: of each version name to value, "ref" among them, which becomes the index; what
            is left out is missing.
        columns: name to one of the types above, in order; None for that of the values: text,
            truth values, whole numbers, numbers, or `object` for several kinds and lists.
    """
    import pandas as pd

    made = {}
    for name, kind in columns.items():
        values = [row.get(name) for row in facts]
        made[name] = _column(values, kind or _kind(values))
    return pd.DataFrame(made, index=pd.Index([row["ref"] for row in facts], name="ref", dtype=ANY))


def _column(values: list[Any], kind: str) -> Any:
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
