"""A pickler that notes every global it writes: what loading will look up."""

from __future__ import annotations

import copyreg
import pickle
from types import FunctionType
from typing import Any

import numpy as np


class RecordingPickler(pickle.Pickler):
    """The C pickler, which also notes the dotted name of every global that it writes.

    Attributes:
        names: the names so far.
    """

    def __init__(self, handle: Any, protocol: int) -> None:
        super().__init__(handle, protocol=protocol)
        self._protocol = protocol
        self.names: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        """Answer what pickle would find itself, having looked at it."""
        if type(obj) is np.ndarray:  # most of what the trees of an ensemble hold
            return NotImplemented
        if isinstance(obj, (type, FunctionType)):
            self.names.add(dotted(obj, None))
            return NotImplemented
        reduce = copyreg.dispatch_table.get(type(obj))
        reduced = reduce(obj) if reduce else obj.__reduce_ex__(self._protocol)
        if isinstance(reduced, str):  # an object that is written as its name, such as pandas.NA
            self.names.add(dotted(obj, reduced))
        return reduced


def dotted(obj: Any, name: str | None) -> str:
    """Return the name by which `obj` is pickled, its module before it."""
    qualified = name or getattr(obj, "__qualname__", None) or obj.__name__
    return f"{pickle.whichmodule(obj, qualified)}.{qualified}"  # type: ignore[attr-defined]
