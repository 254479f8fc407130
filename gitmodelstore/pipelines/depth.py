"""How deep the parts of a pipeline lie in one another, and where that has an end.

Whatever looks at a pipeline afterwards (scikit-learn's own repr, describing, replaying) goes
down by recursion, which Python ends by an error that says nothing of the file.
"""

from __future__ import annotations

from functools import partial
from types import MethodType
from typing import Any

import numpy as np

# The honest pipelines of tests/zoo hold up to 13 levels, not weighed. An estimator weighs more:
# scikit-learn's repr of one in another takes twice as long for each, seconds at a dozen.
MOST_LEVELS = 50
_OF_ESTIMATOR = 4

_LEAVES = frozenset((str, bytes, int, float, bool, complex, type(None), type))
_CONTAINERS = (list, tuple, set, frozenset)


def is_too_deep(root: Any) -> bool:
    """Whether more estimators, kernels and containers than `MOST_LEVELS` lie in one another.

    So do estimators that hold themselves. Other objects are looked at by nobody, such as the
    nodes of a Birch, which are a long chain; nor are private attributes.
    """
    heights: dict[int, int] = {}
    way = [_Level(root)]
    above = way[0].weight
    while way:
        level = way[-1]
        if level.left:
            child = level.left.pop()
            known = heights.get(id(child))
            if known is not None:
                level.below = max(level.below, known)
            elif any(other.held is child for other in way):
                if has_params(child) or any(has_params(other.held) for other in _since(way, child)):
                    return True
            else:
                way.append(_Level(child))
                above += way[-1].weight
        else:
            way.pop()
            above -= level.weight
            heights[id(level.held)] = level.below + level.weight
            if way:
                way[-1].below = max(way[-1].below, level.below + level.weight)
        if above + (way[-1].below if way else 0) > MOST_LEVELS:
            return True
    return False


def has_params(value: Any) -> bool:
    """Whether an object is of a class of estimators or kernels, without asking the object."""
    return hasattr(type(value), "get_params")


class _Level:
    """An object on the way down: what it holds that is yet to be looked at, and how deep it is."""

    __slots__ = ("below", "held", "left", "weight")

    def __init__(self, held: Any) -> None:
        self.held = held
        self.left = _inner(held)
        self.below = 0
        self.weight = _OF_ESTIMATOR if hasattr(type(held), "fit") else 1


def _since(way: list[_Level], held: Any) -> list[_Level]:
    at = next(number for number, level in enumerate(way) if level.held is held)
    return way[at:]


def _inner(held: Any) -> list[Any]:
    """Return what an object holds that may hold something itself."""
    kind = type(held)
    values: Any = ()
    if isinstance(held, dict):
        values = held.values()
    elif isinstance(held, _CONTAINERS):
        values = held
    elif kind is np.ndarray:
        values = held.ravel().tolist() if held.dtype == object else ()
    elif kind is partial:
        values = (*held.args, *held.keywords.values())
    elif kind is MethodType:
        values = (held.__self__,)
    elif has_params(held) and kind is not type:
        state = getattr(held, "__dict__", {})  # `_scorer` of histogram boosting holds its owner
        values = [value for name, value in state.items() if name[:1] != "_"]
    return [value for value in values if type(value) not in _LEAVES and _may_hold(value)]


def _may_hold(value: Any) -> bool:
    """Whether something can lie in an object on which the way goes on."""
    kind = type(value)
    if kind is np.ndarray:
        return bool(value.dtype == object)
    return isinstance(value, (dict, *_CONTAINERS, partial, MethodType)) or has_params(value)
