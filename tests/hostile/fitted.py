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


def changed(model: Any, **attributes: Any) -> Any:
    """Return a copy of a model with other attributes."""
    copied = copy.deepcopy(model)
    vars(copied).update(attributes)
    return copied
