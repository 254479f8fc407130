"""States that a pickle gives to objects: each class what it can take without harm."""
# Attributes in a `__dict__` do nothing. Looked at are states that native code trusts (trees, sparse
# matrices, generators), that would be executed (scipy's templates), or that say how memory is read
# (arrays).

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from types import MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from gitmodelstore.pickles import rights as rules
from gitmodelstore.pickles.fast_load import kin_of_class
from gitmodelstore.pickles.native import (
    is_whole_catboost,
    is_whole_lightgbm,
    is_whole_xgboost,
)
from gitmodelstore.pickles.places import (
    FOREIGN_KEYWORDS,
    HARMLESS_DUNDERS,
    HINT_OF_GIVEN,
    MODEL_OF_CATBOOST,
    OF_TEXT,
    TYPES_OF_NUMBERS,
    is_of_text,
    is_type_of_values,
    is_version,
)
from gitmodelstore.pickles.stand_ins import is_callable_value, is_shape

if TYPE_CHECKING:
    from gitmodelstore.pickles.guard import Guard

_DUNDERS_OF = {"catboost.core": frozenset({MODEL_OF_CATBOOST})}  # which its `__setstate__` takes
_STATES = (tuple, list, str, bytes, int, float, bool, type(None), np.ndarray)
_NUMBERS = "biufc"  # kinds of numpy's types
_MOST_LEVELS = 5  # of containers within what objects of data hold
_Check = Callable[["Guard", Any, Any], bool]


def give(guard: Guard, held: Any, state: Any) -> None:
    """Give an object its state, as BUILD does; the class may raise anything."""
    cls = type(held)
    if id(held) in guard.stated:
        guard.refuse(f"it gives a {cls.__name__} a second state", _label(cls))
    if id(state) in guard.shared:
        guard.refuse(
            f"it gives a {cls.__name__} a state that it shares with something else", _label(cls)
        )
    if (
        type(state) not in _STATES
        and not isinstance(state, (dict, np.random.BitGenerator))
        and not (guard.is_own(cls) and hasattr(cls, "__setstate__"))
    ):
        guard.refuse(f"it gives a {cls.__name__} an invalid state", _label(cls))
    if cls not in guard.takers:
        guard.takers[cls] = _taker(guard, np.dtype if isinstance(held, np.dtype) else cls)
    check, setstate = guard.takers[cls]
    for part in state if type(state) is tuple and len(state) == 2 else (state,):
        if isinstance(part, dict):
            _refuse_dunders(guard, part, _DUNDERS_OF.get(cls.__module__, HARMLESS_DUNDERS))
    if check is not None and not check(guard, held, state):
        unknown = (_label(cls),) if check is _by_what_it_holds and _wants_shape(cls) else ()
        guard.refuse(
            f"it gives a {cls.__name__} an invalid state", _label(cls), needs_trust=unknown
        )
    if setstate is not None:
        setstate(held, state)
    else:
        _update(guard, held, state)
    guard.unfinished.pop(id(held), None)
    if not isinstance(held, (np.ndarray, np.dtype)):
        guard.stated[id(held)] = held
        guard.states[id(state)] = state


def _taker(guard: Guard, cls: type) -> tuple[_Check | None, Any]:
    """Return the check of the state of a class, and what takes the state."""
    if not guard.allows_state(cls):
        guard.refuse(f"it gives a state to a {cls.__name__}, which takes none", _label(cls))
    check = next((_CHECKS[name] for name in map(_place, cls.__mro__) if name in _CHECKS), None)
    is_shaped = cls.__module__.startswith(("scipy.interpolate.", "scipy.stats."))
    is_trusted = guard.trust.covers(cls.__module__, cls.__qualname__)
    if check is None and not is_trusted and (is_shaped or _wants_shape(cls)):
        check = _by_what_it_holds
    return check, getattr(cls, "__setstate__", None)


def _place(cls: type) -> tuple[str, str]:
    """Return where the table, and the checks, list a class."""
    place = rules.canonical(cls.__module__, cls.__qualname__)
    if place in _CHECKS or rules.listed(*place) is not None:
        return place
    kin = kin_of_class(cls)
    return place if kin is None else kin.place


def _parts(state: dict[Any, Any], *names: str) -> tuple[Any, ...]:
    return tuple(state.get(name) for name in names)


def is_array(value: Any, dimensions: int, kinds: str = "f", dtype: Any = None) -> bool:
    """Whether it is an array of so many dimensions, of a type that native code can read."""
    return (
        isinstance(value, np.ndarray)
        and value.ndim == dimensions
        and value.dtype.kind in kinds
        and value.dtype.isnative
        and (dtype is None or value.dtype == dtype)
    )


def is_count(value: Any, least: int, most: int) -> bool:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        return False
    return bool(least <= value <= most)


def within(places: Any, size: int, least: int = 0) -> bool:
    return bool(places.size == 0 or (places.min() >= least and places.max() < size))


def _label(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _refuse_dunders(guard: Guard, state: dict[Any, Any], harmless: frozenset[str]) -> None:
    """Refuse attributes by which an object would answer to Python or to numpy itself."""
    if type(state) is not dict:
        guard.refuse("it gives attributes that are not in a dictionary")
    for key in state:
        if type(key) is not str:
            guard.refuse("it gives attributes whose names are not text")
        if key[:2] == "__" and key not in harmless:
            guard.refuse(f"it sets '{key}' on an object")
    if not is_version(state.get("_sklearn_version", "")):
        guard.refuse("the release of scikit-learn that it gives is not a number")


def _update(guard: Guard, target: Any, state: Any) -> None:
    """Do what pickle does for a class without `__setstate__`."""
    slots = None
    if type(state) is tuple and len(state) == 2:
        state, slots = state
    if slots and type(target).__name__ != "interp1d" and not guard.is_own(type(target)):
        guard.refuse(f"it sets slots on a {type(target).__name__}")
    for key, value in (state or {}).items():
        target.__dict__[sys.intern(key)] = value
    for key, value in (slots or {}).items():
        setattr(target, key, value)


# numpy


def _dtype(guard: Guard, target: Any, state: Any) -> bool:
    """Whether what a state makes of a type is what numpy makes of its parts."""
    if type(state) is not tuple or not 5 < len(state) <= 9 or state[0] not in (3, 4):
        return False
    if not guard.finish(target):
        return False
    order, subtype, names, fields, size, _, flags = (*state[1:], 0)[:7]
    guard.work(2 + 2 * len(names or ()))
    if order not in ("<", ">", "=", "|"):
        return False
    if subtype is None and names is None and fields is None:
        expected = target.newbyteorder(order) if order in "<>" else target
        if target.kind in "US" and size != target.itemsize:
            return False
        if target.kind in "mM" and not _is_unit(state[8:]):  # without one, numpy crashes
            return False
        return flags == expected.flags and size in (-1, target.itemsize)
    if target.kind != "V" or target.names is not None:
        return False
    if subtype is not None:
        expected = np.dtype(subtype)
    else:
        expected = np.dtype(
            {
                "names": list(names),
                "formats": [fields[name][0] for name in names],
                "offsets": [fields[name][1] for name in names],
                "itemsize": size,
                "aligned": bool(flags & 128),
            }
        )
    return bool(
        set(fields or ()) == set(names or ())
        and expected.itemsize == size
        and expected.hasobject == bool(flags & 1)
        and (flags & 63) == (expected.flags & 63)
    )


def _is_unit(rest: tuple[Any, ...]) -> bool:
    """Whether the end of a state is the unit of a type of dates, as ("ns", 25, 1, 1) is."""
    if len(rest) != 1 or type(rest[0]) is not tuple or len(rest[0]) != 2:
        return False
    metadata, unit = rest[0]
    if type(metadata) not in (type(None), dict) or metadata or type(unit) is not tuple:
        return False
    if tuple(map(type, unit)) != (bytes, int, int, int):
        return False
    return 0 < unit[1] < 1 << 31 and unit[2:] == (1, 1)


def _array(guard: Guard, target: Any, state: Any) -> bool:
    """Whether an array's bytes fit its shape and type."""
    if type(state) is not tuple or len(state) != 5 or not guard.finish(target):
        return False
    _, shape, dtype, in_columns, content = state
    return (
        isinstance(dtype, np.dtype)
        and is_shape(shape)
        and isinstance(in_columns, (bool, int))
        and _fits(guard, shape, dtype, content)
    )


def _fits(guard: Guard, shape: tuple[int, ...], dtype: Any, content: Any) -> bool:
    count = math.prod(shape)
    if dtype.hasobject:
        return type(content) is list and len(content) == count
    if type(content) is not bytes or len(content) != count * dtype.itemsize:
        return False
    guard.spend(len(content))
    return True


def _masked_array(guard: Guard, target: Any, state: Any) -> bool:
    if type(state) is not tuple or len(state) != 7 or not guard.finish(target):
        return False
    _, shape, dtype, _, content, mask, _ = state
    if not isinstance(dtype, np.dtype) or not is_shape(shape):
        return False
    marks = np.ma.make_mask_descr(dtype)
    return _fits(guard, shape, dtype, content) and _fits(guard, shape, marks, mask)


def _mersenne_twister(guard: Guard, target: Any, state: Any) -> bool:
    """Whether the position is within the key, which native code does not look at."""
    inner = state[0] if type(state) is tuple and state else state
    inner = inner.get("state") if type(inner) is dict else None
    key, position = _parts(inner, "key", "pos") if type(inner) is dict else (None, None)
    return bool(
        isinstance(key, np.ndarray)
        and key.shape == (624,)
        and isinstance(position, (int, np.integer))
        and 0 <= position <= 624
    )


def _philox(guard: Guard, target: Any, state: Any) -> bool:
    inner = state[0] if type(state) is tuple and state else state
    return type(inner) is dict and inner.get("buffer_pos") in range(5)


def _generator(guard: Guard, target: Any, state: Any) -> bool:
    """Whether the state is that of the bit generator which the object has."""
    if type(state) is not dict:
        return state is None or type(state) is tuple
    if state.get("bit_generator") == "MT19937":
        return _mersenne_twister(guard, target, state)
    if state.get("bit_generator") == "Philox":
        return _philox(guard, target, state)
    return True


def _partial(guard: Guard, target: Any, state: Any) -> bool:
    """Whether it is a partial of what it was made of: the state could replace that."""
    if type(state) is not tuple or len(state) != 4:
        return False
    function, arguments, keywords, attributes = state
    if type(arguments) is tuple and type(keywords) in (dict, type(None)):
        given = (*arguments, *(keywords or {}).values())
        guard.work(len(given) >> 3)
        guard.must_be_alone(*(each for each in given if isinstance(each, np.ndarray)))
        if any(map(_is_called_or_wide, given)):
            guard.refuse(
                "a partial holds something callable, or a type of very wide values",
                hint=HINT_OF_GIVEN,
            )
        if not FOREIGN_KEYWORDS.isdisjoint(keywords or ()) or _writes(function, len(arguments)):
            name = getattr(function, "__name__", "function")
            guard.refuse(
                f"a partial of '{name}' would write into one of its arguments",
                hint="leave 'out' and 'overwrite_input' out, or call it in a function of your own",
            )
    return (
        function is target.func
        and is_callable_value(guard, function)
        and type(arguments) is tuple
        and type(keywords) in (dict, type(None))
        and not attributes
    )


def _writes(function: Any, count: int) -> bool:
    """Whether a function of numpy's takes the argument behind `count` others as its 'out'."""
    if isinstance(function, np.ufunc):
        return count >= function.nin
    if not str(getattr(function, "__module__", "")).startswith("numpy"):
        return False
    from inspect import signature

    try:
        names = list(signature(function).parameters)
    except (TypeError, ValueError):  # none that is listed
        return False
    return "out" in names[: count + 1]


def _vectorized(guard: Guard, target: Any, state: Any) -> bool:
    """Whether it calls a listed function, or a method that scipy's distributions keep."""
    function = state.get("pyfunc")
    return isinstance(function, MethodType) or is_callable_value(guard, function)


def _memory(guard: Guard, target: Any, state: Any) -> bool:
    return _parts(state, "location", "store_backend") == (None, None)


# scipy


def _distribution(guard: Guard, target: Any, state: Any) -> bool:
    """Whether the template, which scipy executes, is the one that this scipy makes."""
    import scipy.stats

    original = getattr(scipy.stats, str(state.get("name")), None)
    return type(original) is type(target) and all(
        state.get(key) == getattr(original, key, None)
        for key in ("_parse_arg_template", "shapes", "numargs")
        if key in state
    )


def _sparse(guard: Guard, target: Any, state: Any) -> bool:
    """Whether the indices lie within the shape: native code follows them."""
    shape, data, indices, starts = _parts(state, "_shape", "data", "indices", "indptr")
    kind = type(target).__name__[:3]
    if not is_shape(shape) or len(shape) not in (1, 2):
        return False
    if not is_array(data, 3 if kind == "bsr" else 1, _NUMBERS) or not is_array(indices, 1, "i"):
        return False
    guard.must_be_alone(data, indices, starts)
    shape = (1, *shape)[-2:]
    rows, columns = shape if kind in ("csr", "bsr") else shape[::-1]
    if kind == "bsr":
        _, high, wide = data.shape
        if not high or not wide or rows % high or columns % wide:
            return False
        rows, columns = rows // high, columns // wide
    return bool(
        is_array(starts, 1, "i", indices.dtype)
        and starts.shape == (rows + 1,)
        and starts[0] == 0
        and starts[-1] <= min(len(indices), len(data))
        and (np.diff(starts) >= 0).all()
        and within(indices, columns)
    )


def _coordinates(guard: Guard, target: Any, state: Any) -> bool:
    shape, data, coordinates = _parts(state, "_shape", "data", "coords")
    coordinates = coordinates or _parts(state, "row", "col")
    if not is_shape(shape) or not is_array(data, 1, _NUMBERS):
        return False
    if type(coordinates) is not tuple or len(coordinates) != len(shape):
        return False
    guard.must_be_alone(data, *coordinates)
    return all(
        is_array(places, 1, "i") and places.shape == data.shape and within(places, size)
        for places, size in zip(coordinates, shape, strict=True)
    )


def _diagonals(guard: Guard, target: Any, state: Any) -> bool:
    shape, data, offsets = _parts(state, "_shape", "data", "offsets")
    if not is_array(data, 2, _NUMBERS) or not is_array(offsets, 1, "i"):
        return False
    guard.must_be_alone(data, offsets)
    is_so = is_shape(shape) and len(shape) == 2
    return is_so and len(offsets) == len(data) == len(np.unique(offsets))


def _lists(guard: Guard, target: Any, state: Any) -> bool:
    """Whether each row has as many values as places, within the shape."""
    shape, places, values = _parts(state, "_shape", "rows", "data")
    if not is_shape(shape) or not is_array(places, 1, "O") or not is_array(values, 1, "O"):
        return False
    if len(shape) != 2 or not places.shape == values.shape == shape[:1]:
        return False
    rows = places.tolist()
    guard.work(sum(len(columns) for columns in rows if type(columns) is list) >> 3)
    return all(
        type(columns) is type(numbers) is list
        and len(columns) == len(numbers)
        and all(isinstance(n, (int, np.integer)) and 0 <= n < shape[1] for n in columns)
        for columns, numbers in zip(rows, values.tolist(), strict=True)
    )


def _categories(guard: Guard, target: Any, state: Any) -> bool:
    """Whether the codes of a Categorical, as pandas writes it since 1.3, are of its categories."""
    if type(state) is not tuple or len(state) not in (2, 3):
        return False
    dtype, codes = state[:2]
    if not isinstance(codes, np.ndarray) or codes.dtype.kind != "i":
        return False
    guard.must_be_alone(codes)
    categories = getattr(dtype, "categories", None)
    return within(codes, 0 if categories is None else len(categories), least=-1)


def _spline(guard: Guard, target: Any, state: Any) -> bool:
    """Whether there are as many coefficients as the knots want."""
    # From scipy 1.18 on a spline keeps all of it in another object, which gets an empty array.
    if hasattr(type(target), "__setstate__"):
        inner, empty = state if type(state) is tuple and len(state) == 2 else (None, None)
        is_empty = isinstance(empty, np.ndarray) and empty.size == 0 and empty.dtype.kind == "f"
        return is_empty and id(inner) in guard.stated and bool(spline_of(inner))
    if type(state) is not dict:
        return False
    names = (f"_{name}" if f"_{name}" in state else name for name in "tc")
    knots, coefficients, degree, axis = _parts({"axis": 0, **state}, *names, "k", "axis")
    return bool(
        is_array(knots, 1)
        and isinstance(coefficients, np.ndarray)
        and coefficients.dtype.kind in "fc"
        and is_count(degree, 0, 100)
        and isinstance(axis, int)
        and -coefficients.ndim <= axis < coefficients.ndim
        and len(knots) >= 2 * degree + 2
        and coefficients.shape[axis] >= len(knots) - degree - 1
        and (np.diff(knots) >= 0).all()
    )


def spline_of(curve: Any) -> Mapping[str, Any]:
    """Return knots `t`, coefficients `c` and degree `k` of a spline; nothing of other objects."""
    # Releases of scipy differ in its class and in what it holds.
    if not type(curve).__module__.startswith("scipy.interpolate."):
        return {}
    attributes: Mapping[str, Any] = getattr(curve, "__dict__", {})
    if attributes.get("_delegate_to") is not None:
        return spline_of(attributes["_delegate_to"])
    parts = {name: attributes.get(f"_{name}", attributes.get(name)) for name in ("t", "c", "k")}
    return {} if any(part is None for part in parts.values()) else parts


def _pieces(guard: Guard, target: Any, state: Any) -> bool:
    breaks, coefficients = _parts(state, "x", "c")
    return (
        is_array(breaks, 1)
        and isinstance(coefficients, np.ndarray)
        and coefficients.dtype.kind in "fc"
        and coefficients.ndim > 1
        and coefficients.shape[1] == len(breaks) - 1 > 0
    )


def _frozen(guard: Guard, target: Any, state: Any) -> bool:
    """Whether it keeps a distribution that was looked at, and the numbers that it is given."""
    from scipy.stats import rv_continuous, rv_discrete

    dist, given, keywords = _parts(state, "dist", "args", "kwds")
    return (
        isinstance(dist, (rv_continuous, rv_discrete))
        and id(dist) in guard.stated
        and type(given) is tuple
        and type(keywords) is dict
    )


def _masked(guard: Guard, target: Any, state: Any) -> bool:
    data, mask = _parts(state, "_data", "_mask")
    return (
        isinstance(data, np.ndarray)
        and isinstance(mask, np.ndarray)
        and mask.dtype == bool
        and data.shape == mask.shape
        and data.dtype.kind in "biuf"
    )


def _by_what_it_holds(guard: Guard, target: Any, state: Any) -> bool:
    """Whether a class that no check names holds what one of them knows, and nothing but data."""
    # So a later release's class goes by its objects, and a renamed base loses no check.
    cls = type(target)
    names = state.keys() if type(state) is dict else set()
    checks = [
        check
        for place, shape, check in _SHAPES
        if cls.__module__.startswith(place) and shape <= names
    ]
    if not checks:
        return not _wants_shape(cls)
    return all(check(guard, target, state) for check in checks) and all(
        _is_data(guard, value, _MOST_LEVELS) for value in state.values()
    )


def _wants_shape(cls: type) -> bool:
    """Whether objects of a class hold one of the known shapes, or are refused."""
    if rules.listed(cls.__module__, cls.__qualname__) is not None:
        return cls.__module__.startswith("scipy.sparse.") and cls.__qualname__[:3] != "dok"
    kin = kin_of_class(cls)
    return kin is not None and kin.rights is rules.OF_DATA


def _is_data(guard: Guard, value: Any, levels: int) -> bool:
    """Whether it is numbers, text, or an object of these libraries that was looked at."""
    if isinstance(value, (list, tuple, dict)) and levels:
        inside = value.values() if isinstance(value, dict) else value
        guard.work(len(inside) >> 3)
        return all(_is_data(guard, each, levels - 1) for each in inside)
    if isinstance(value, np.ndarray):
        inside = value.ravel().tolist() if value.dtype.hasobject else ()
        return not inside or _is_data(guard, inside, levels)
    if isinstance(value, (*_STATES, complex, np.generic, np.dtype)):
        return not isinstance(value, (list, tuple))
    cls = type(value)
    return id(value) in guard.stated and rules.may_be_renamed(cls.__module__, cls.__qualname__)


# scikit-learn


def _tree(guard: Guard, target: Any, state: Any) -> bool:
    from sklearn.tree._tree import NODE_DTYPE

    nodes, values, depth = _parts(state, "nodes", "values", "max_depth")
    if not is_array(nodes, 1, "V", NODE_DTYPE) or not isinstance(values, np.ndarray):
        return False
    if not len(values) == len(nodes) == state["node_count"]:
        return False
    guard.must_be_alone(nodes, values)
    if not isinstance(depth, (int, np.integer)):
        return False
    guard.links.add_tree(nodes, target.n_features, int(depth))
    return True


def _predictor(guard: Guard, target: Any, state: Any) -> bool:
    """Whether its nodes can be looked at, and its sets are of 256 categories each."""
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

    nodes, *sets = _parts(state, "nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets")
    if not is_array(nodes, 1, "V", PREDICTOR_RECORD_DTYPE) or len(nodes) == 0:
        return False
    if not all(is_array(bits, 2, "u", np.uint32) and bits.shape[1] == 8 for bits in sets):
        return False
    guard.must_be_alone(nodes, *sets)
    guard.links.add_predictor(nodes, min(map(len, sets)))
    return True


def _neighbours(guard: Guard, target: Any, state: Any) -> bool:
    """Whether a tree of neighbours names rows that it has, and ends with leaves."""
    if type(state) is not tuple or len(state) < 12:
        return False
    data, places, nodes, bounds, leaf_size, levels, count = state[:7]
    if not all(isinstance(array, np.ndarray) for array in (data, places, nodes, bounds)):
        return False
    guard.must_be_alone(data, places, nodes, bounds)
    if nodes.dtype.names is None or nodes.ndim != 1 or bounds.ndim != 3 or data.ndim != 2:
        return False
    if not isinstance(leaf_size, (int, np.integer)) or leaf_size < 1:  # it divides by it
        return False
    if places.shape != (len(data),) or not len(nodes) == count == 2**levels - 1 > 0:
        return False
    weights = state[12] if len(state) > 12 else None
    if weights is not None and np.shape(weights) != (len(data),):
        return False
    sides = 2 if type(target).__name__ == "KDTree" else 1
    if not _is_metric_of(state[11], data.shape[1]) or len(bounds) != sides:
        return False
    starts, ends = nodes["idx_start"], nodes["idx_end"]
    return bool(
        bounds.shape[1:] == (count, data.shape[1])
        and within(places, len(data))
        and starts.min() >= 0
        and (starts <= ends).all()
        and ends.max() <= len(data)
        and (nodes["is_leaf"][count // 2 :] != 0).all()
    )


def _distance(guard: Guard, target: Any, state: Any) -> bool:
    """Whether a distance that calls a function calls a listed one, with keywords of its own."""
    if type(state) is not tuple or len(state) != 5:
        return False
    function, keywords = state[3:]
    return is_callable_value(guard, function) and _are_keywords(keywords)


def _are_keywords(given: Any) -> bool:
    """Whether a function may be called with them besides the rows."""
    return (
        type(given) is dict
        and FOREIGN_KEYWORDS.isdisjoint(given)
        and not any(_is_called_or_wide(value) for value in given.values())
    )


def _is_called_or_wide(value: Any) -> bool:
    if isinstance(value, type):
        return (value.__module__, value.__qualname__) not in TYPES_OF_NUMBERS
    return callable(value) or is_type_of_values(value, type(value).__name__, dtype_code(value))


def dtype_code(leaf: Any) -> str:
    """Return the letters of a dtype of numpy's, "f4"; "" for any other value."""
    return leaf.str[1:] if isinstance(leaf, np.dtype) else ""


def _is_metric_of(metric: Any, features: int) -> bool:
    """Whether what a distance weighs by has a number for each feature."""
    name = type(metric).__name__
    if type(metric).__module__ != "sklearn.metrics._dist_metrics":
        return False
    _, vector, matrix = metric.__getstate__()[:3]
    if name.startswith("SEuclidean"):
        return bool(np.shape(vector) == (features,))
    if name.startswith("Mahalanobis"):
        return bool(np.shape(matrix) == (features, features))
    if name.startswith("Minkowski"):
        return np.shape(vector) in ((0,), (features,))
    return not name.startswith("Haversine") or features == 2


# Models of the packages, which native code reads: see docs/security.md for what that is worth


def _lightgbm(guard: Guard, target: Any, state: Any) -> bool:
    """Whether it holds a whole model as text: anything else would be taken for an address."""
    texts = [state[name] for name in ("handle", "_handle") if name in state]
    guard.work(sum(len(text) >> 3 for text in texts if type(text) is str))
    return len(texts) == 1 and type(texts[0]) is str and is_whole_lightgbm(texts[0])


def _xgboost(guard: Guard, target: Any, state: Any) -> bool:
    """Whether it holds a whole model as bytes: anything else would be taken for an address."""
    if type(state.get("handle")) is not bytearray:
        return False
    guard.work(len(state["handle"]) >> 3)
    return is_whole_xgboost(bytes(state["handle"]))


def _catboost(guard: Guard, target: Any, state: Any) -> bool:
    """Whether it holds a whole model as bytes, or none; text and embeddings need trust."""
    if type(state) is not dict or type(state.get(MODEL_OF_CATBOOST, b"")) is not bytes:
        return False
    data, cls = state.get(MODEL_OF_CATBOOST), type(target)
    guard.work(len(data or b"") >> 3)
    if data is None or is_whole_catboost(data):
        return True
    if not is_of_text(data):
        return False
    if not guard.trust.covers(cls.__module__, cls.__qualname__):
        name = _label(cls)
        guard.refuse(OF_TEXT, name, needs_trust=(name,))
    return True


def _of_dict(check: _Check) -> _Check:
    return lambda guard, target, state: type(state) is dict and check(guard, target, state)


_CHECKS_OF_DICTS: dict[tuple[str, str], _Check] = {
    ("numpy", "vectorize"): _vectorized,
    ("joblib.memory", "Memory"): _memory,
    ("scipy.stats._distn_infrastructure", "rv_generic"): _distribution,
    ("scipy.sparse._compressed", "_cs_matrix"): _sparse,
    ("scipy.sparse._coo", "_coo_base"): _coordinates,
    ("scipy.sparse._dia", "_dia_base"): _diagonals,
    ("scipy.sparse._lil", "_lil_base"): _lists,
    ("lightgbm.basic", "Booster"): _lightgbm,
    ("xgboost.core", "Booster"): _xgboost,
    ("sklearn.tree._tree", "Tree"): _tree,
    ("sklearn.ensemble._hist_gradient_boosting.predictor", "TreePredictor"): _predictor,
}
_CHECKS: dict[tuple[str, str], _Check] = {
    ("numpy", "dtype"): _dtype,
    ("numpy", "ndarray"): _array,
    ("numpy.ma", "MaskedArray"): _masked_array,
    ("numpy.random._mt19937", "MT19937"): _mersenne_twister,
    ("numpy.random._philox", "Philox"): _philox,
    ("numpy.random.mtrand", "RandomState"): _generator,
    ("numpy.random._generator", "Generator"): _generator,
    ("functools", "partial"): _partial,
    ("pandas", "Categorical"): _categories,
    ("scipy.interpolate._bsplines", "BSpline"): _spline,
    ("catboost.core", "_CatBoostBase"): _catboost,
    ("sklearn.metrics._dist_metrics", "PyFuncDistance64"): _distance,
    ("sklearn.neighbors._ball_tree", "BinaryTree64"): _neighbours,
    ("sklearn.neighbors._kd_tree", "BinaryTree64"): _neighbours,
    **{place: _of_dict(check) for place, check in _CHECKS_OF_DICTS.items()},
}
# What objects of data hold, for classes that no check names: where they are defined, the names of
# attributes, and what looks at these.
_SHAPES: tuple[tuple[str, frozenset[str], _Check], ...] = (
    ("scipy.interpolate.", frozenset({"t", "c", "k"}), _spline),
    ("scipy.interpolate.", frozenset({"x", "c"}), _pieces),
    ("scipy.sparse.", frozenset({"data", "indices", "indptr"}), _sparse),
    ("scipy.sparse.", frozenset({"data", "offsets"}), _diagonals),
    ("scipy.sparse.", frozenset({"data", "rows"}), _lists),
    ("scipy.sparse.", frozenset({"data", "coords"}), _coordinates),
    ("scipy.sparse.", frozenset({"data", "row", "col"}), _coordinates),
    ("scipy.stats.", frozenset({"_parse_arg_template"}), _distribution),
    ("scipy.stats.", frozenset({"dist", "args", "kwds"}), _frozen),
    ("pandas.core.arrays.", frozenset({"_data", "_mask"}), _masked),
)
