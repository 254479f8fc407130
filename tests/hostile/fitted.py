"""Fitted models that a family of the corpus changes, and the file that holds one."""

from __future__ import annotations

import copy
import io
from typing import Any

import joblib
import numpy as np

ROWS = np.arange(12.0).reshape(6, 2)
CLASSES = np.array([0, 1, 0, 1, 0, 1])
TEXTS = ["one word", "two words", "three", "four", "five words", "six"]


def dumped(model: Any, **options: Any) -> bytes:
    """Return the bytes of a model, as joblib writes them."""
    buffer = io.BytesIO()
    joblib.dump(model, buffer, **options)
    return buffer.getvalue()


def changed_curve(curve: Any, **attributes: Any) -> Any:
    """Return a copy of scipy's spline with another `t` or `c`, wherever this release keeps them."""
    copied = copy.deepcopy(curve)
    held = vars(copied)
    held = vars(held["_delegate_to"]) if "_delegate_to" in held else held
    held.update({f"_{key}" if f"_{key}" in held else key: it for key, it in attributes.items()})
    return copied


def changed(model: Any, **attributes: Any) -> Any:
    """Return a copy of a model with other attributes."""
    copied = copy.deepcopy(model)
    vars(copied).update(attributes)
    return copied
