"""Which difference between two installed versions counts: answers may well be others then.

One table for whoever compares an environment with another: `env --check`, `diff`, and the
warning before a load.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

# How many parts of a version number must be equal for a pipeline to be expected to work alike.
PARTS_THAT_COUNT = {"python": 2, "scikit-learn": 2, "numpy": 1}
# Before a load there is a reason to warn of another major release of pandas too.
PARTS_AT_LOAD = {**PARTS_THAT_COUNT, "pandas": 1}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is another one here than at training.

    Attributes:
        package: a distribution's normalized name; or "python", or "platform".
        recorded: the version at training.
        present: the version here; None when it is not installed.
        counts: whether answers may well differ, or the pipeline not load.
    """

    package: str
    recorded: str
    present: str | None
    counts: bool

    @classmethod
    def of(
        cls,
        package: str,
        recorded: str,
        present: str | None,
        table: Mapping[str, int] = PARTS_THAT_COUNT,
    ) -> Difference:
        """Return the difference, of which `table` says whether it counts; what is missing does."""
        missing = present is None
        return cls(package, recorded, present, missing or counts(package, recorded, present, table))

    def __str__(self) -> str:
        return f"{self.package} {self.recorded}, here {self.present or 'none'}"


def counts(
    package: str,
    one: str | None,
    other: str | None,
    table: Mapping[str, int] = PARTS_THAT_COUNT,
) -> bool:
    """Return whether the difference between two versions of a package counts.

    Args:
        package: a distribution's normalized name, or "python".
        one, other: its versions; None where it is not installed.
        table: package to how many parts of the two must be equal.

    >>> counts("scikit-learn", "1.6.1", "1.7.0"), counts("numpy", "2.1.0", "2.2.0")
    (True, False)
    """
    parts = table.get(package)
    if parts is None or one == other:
        return False
    return one is None or other is None or _first(one, parts) != _first(other, parts)


def _first(number: str, parts: int) -> list[str]:
    return re.split(r"[.+-]", number)[:parts]
