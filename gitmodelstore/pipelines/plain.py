"""Any value of a param as plain JSON: equal in every process, and short.

Large values are named by kind, size and digest. What has no plain form is shown as
Python shows it, without the addresses of memory.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from gitmodelstore.pipelines.structure import is_estimator
from gitmodelstore.values.json import GREATEST_INTEGER, hidden_character

_MOST_ITEMS = 50
_MOST_TEXT = 1000
_MOST_REPR = 200
_MOST_LEVELS = 8
_DIGEST_CHARACTERS = 16

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def plain(value: Any, level: int = 0) -> Any:
    """Return the JSON-safe form of `value`.

    >>> plain((1, float("nan"), np.float64(0.5), len))
    [1, 'nan', 0.5, 'builtins.len']
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float, str)):
        return _scalar(value)
    if level > _MOST_LEVELS:
        return _shown(value)
    if isinstance(value, np.generic):
        return _numpy_scalar(value, level)
    if isinstance(value, np.ndarray):
        return _array(value, level)
    if isinstance(value, Mapping):
        return _mapping(value, level)
    if isinstance(value, (list, tuple)):
        return _sequence(value, level)
    if isinstance(value, (set, frozenset)):
        return _sequence(sorted((plain(held, level + 1) for held in value), key=_order), level)
    return _object(value, level)


def plain_text(text: str) -> str:
    """Return `text` with hidden characters escaped, and cut where it is very long."""
    if hidden_character(text):
        text = ascii(text)
    if len(text) > _MOST_TEXT:
        return f"{text[:_MOST_REPR]}… {len(text)} characters, {_digest(text.encode())}"
    return text


def dotted_path(value: Any) -> str:
    """Return `module.name` of a class or a function."""
    name = getattr(value, "__qualname__", None) or value.__name__
    module = getattr(value, "__module__", None) or type(value).__module__
    return plain_text(f"{module}.{name}")


def _scalar(value: int | float | str) -> Any:
    if isinstance(value, str):
        return plain_text(str(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    return int(value) if abs(value) <= GREATEST_INTEGER else str(int(value))


def _numpy_scalar(value: Any, level: int) -> Any:
    item = value.item()
    # A long double, and a date in nanoseconds, have no Python form that says the same.
    exact = not isinstance(item, np.generic) and value.dtype.kind in "biufSU"
    return plain(item, level + 1) if exact else plain_text(str(value))


def _array(value: Any, level: int) -> Any:
    if value.dtype.names is None and value.size <= _MOST_ITEMS:
        return plain(value.tolist(), level + 1) if value.ndim else plain(value[()], level + 1)
    if value.dtype.hasobject:
        content = json.dumps([plain(held, level + 1) for held in value.ravel()]).encode()
    else:
        content = np.ascontiguousarray(value).tobytes()
    return f"{value.dtype} array of shape {value.shape}, {_digest(content)}"


def _mapping(value: Mapping[Any, Any], level: int) -> Any:
    plained = {_key(key, level): plain(held, level + 1) for key, held in value.items()}
    if len(value) > _MOST_ITEMS:
        return _summary(value, plained)
    return dict(sorted(plained.items()))


def _key(key: Any, level: int) -> str:
    if isinstance(key, str):
        return plain_text(key)
    held = plain(key, level + 1)
    return held if isinstance(held, str) else json.dumps(held)


def _sequence(value: Any, level: int) -> Any:
    plained = [plain(held, level + 1) for held in value]
    return _summary(value, plained) if len(value) > _MOST_ITEMS else plained


def _summary(value: Any, plained: Any) -> str:
    content = json.dumps(plained, sort_keys=True).encode()
    return f"{type(value).__name__} of {len(value)}, {_digest(content)}"


def _object(value: Any, level: int) -> Any:
    if isinstance(value, (np.random.RandomState, np.random.Generator)):
        return _random_state(value)
    if isinstance(value, np.dtype):
        return str(value)
    if is_estimator(value):
        return dotted_path(type(value))
    if isinstance(value, functools.partial):
        return _partial(value, level)
    if _is_named(value):
        return dotted_path(value)
    if hasattr(value, "shape"):
        return plain_text(f"{type(value).__name__} of shape {value.shape}")
    return _shown(value)


def _is_named(value: Any) -> bool:
    return isinstance(value, type) or (
        callable(value) and isinstance(getattr(value, "__name__", None), str)
    )


def _partial(value: functools.partial[Any], level: int) -> str:
    given = [json.dumps(plain(held, level + 1)) for held in value.args]
    given += [f"{k}={json.dumps(plain(v, level + 1))}" for k, v in value.keywords.items()]
    return plain_text(f"{plain(value.func, level + 1)}({', '.join(['…', *given])})")


def _random_state(value: Any) -> str:
    """The kind of generator and a digest of where it stands."""
    if isinstance(value, np.random.RandomState):
        state = value.get_state(legacy=False)
    else:
        state = value.bit_generator.state
    content = json.dumps(state, sort_keys=True, default=lambda array: array.tolist())
    return f"{type(value).__name__}, {_digest(content.encode())}"


def _shown(value: Any) -> str:
    """What `repr` says, on one line, without addresses, cut."""
    try:
        text = repr(value)
    except (Exception, SystemExit):  # a __repr__ of anybody's making: the param is worth a line
        text = f"<{type(value).__name__}>"
    text = _ADDRESS.sub("", " ".join(text.split()))
    return plain_text(text if len(text) <= _MOST_REPR else f"{text[: _MOST_REPR - 1]}…")


def _order(value: Any) -> tuple[str, Any]:
    """A key that orders values of several kinds: numbers by size, the rest by their JSON."""
    if isinstance(value, (int, float)):
        return "", value
    return "text", json.dumps(value)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()[:_DIGEST_CHARACTERS]}"
