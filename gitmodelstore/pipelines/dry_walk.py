"""What the parts of the dry machine share: the opcodes, the bounds, the state of one walk."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field

from gitmodelstore.pipelines.dry_dtypes import Fields
from gitmodelstore.pipelines.dry_rules import Rules
from gitmodelstore.pipelines.dry_symbols import Array

SPARE_OPCODES = 1_000_000  # beyond one for each byte of a file, since a compressed one repeats
TOO_MANY = "it has far more opcodes than bytes"
MOST_NAME = 1_000  # characters
MOST_MARKS = 10_000  # open at once

OPCODES = {
    value[0]: name
    for name, value in vars(pickle).items()
    if name.isupper() and isinstance(value, bytes) and len(value) == 1
}


class Fault(Exception):
    """What makes it impossible to read on."""


@dataclass(slots=True)
class Walk:
    """What the pickles of one file share.

    Attributes:
        name: what to call the file in errors.
        data: the file, decompressed.
        rules: what judges it.
        arrays: those met so far.
        left: how many opcodes may still come.
        fields: how many fields of dtypes may still come.
        wrappers: how many of joblib's wrappers wait for their array.
    """

    name: str
    data: bytes
    rules: Rules
    arrays: list[Array] = field(default_factory=list)
    left: int = SPARE_OPCODES
    wrappers: int = 0
    fields: Fields = field(default_factory=Fields)

    def spend(self, count: int) -> None:
        """Take as many opcodes as `count` items are worth that are looked at once more.

        Raises:
            Fault: there are not as many left.
        """
        self.left -= count
        if self.left < 0:
            raise Fault(TOO_MANY)
