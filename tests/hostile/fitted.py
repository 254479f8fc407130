"""Fitted models that a family of the corpus changes, and the file that holds one."""

from __future__ import annotations

import copy
import io
from typing import Any

import joblib


def dumped(model: Any) -> bytes:
    """Return the bytes of a model, as joblib writes them."""
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
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
