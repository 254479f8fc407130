"""Which difference between two installed versions counts: answers may well be others then.

One table for whoever compares an environment with another: before a load, and in `diff`.
"""

from __future__ import annotations

import re

# How many parts of a version number must be equal for a pipeline to be expected to work alike.
PARTS_THAT_COUNT = {"python": 2, "scikit-learn": 2, "numpy": 1, "pandas": 1}


def counts(package: str, one: str | None, other: str | None) -> bool:
    """Return whether the difference between two versions of a package counts.

    Args:
        package: a distribution's normalized name, or "python".
        one, other: its versions; None where it is not installed.

    >>> counts("scikit-learn", "1.6.1", "1.7.0"), counts("numpy", "2.1.0", "2.2.0")
    (True, False)
    """
    parts = PARTS_THAT_COUNT.get(package)
    if parts is None or one == other:
        return False
    return one is None or other is None or _first(one, parts) != _first(other, parts)


def _first(number: str, parts: int) -> list[str]:
    return re.split(r"[.+-]", number)[:parts]
