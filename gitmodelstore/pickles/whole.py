"""Whether a pipeline that the guarded walk has built hangs together, before anybody uses it.

Every object that was given a state is looked at once, wherever it stands: what its attributes
hold, by the rules of `places`; that none of them takes the place of what its class defines; and
that numbers agree which native code takes for granted, by `relations`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from gitmodelstore.errors import UnportablePipeline
from gitmodelstore.estimators.structure import is_estimator, parts
from gitmodelstore.pickles.places import misplaced
from gitmodelstore.pickles.relations import disagreements
from gitmodelstore.pickles.rights import NOBODY, Trust, canonical, is_estimator_of_package, packages
from gitmodelstore.pickles.states import dtype_code

if TYPE_CHECKING:
    from gitmodelstore.pickles.guard import Guard

_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_NOTHING: Mapping[str, Any] = {}
_FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType)
_CALLED = frozenset({"effective_metric_", "func", "inverse_func", "kernel", "metric", "weights"})
_METHODS_OF_TEXT: Any = type(str.lower)
# Classes of scikit-learn from which a team's own derive without taking over what they do.
_BASES = ("sklearn.base", "sklearn.utils.")
# Methods that an honest pipeline keeps among its attributes: histogram boosting that stopped early.
_KEPT_METHODS = frozenset({"_raw_predict"})


def refuse_what_does_not_fit(guard: Guard, pipeline: Any) -> None:
    """Refuse a pipeline that would do more than its parts are for, or read beyond its arrays.

    Raises:
        RefusedPickle: says which attribute of what is wrong.
    """
    view = _Objects(guard.trust)
    for value in guard.stated.values():
        for fault in _in_the_way(value):
            guard.refuse(fault)
        held = view.attributes(value)
        if guard.shared:  # what nobody else holds costs what the file itself is long
            for part in held.values():
                _weigh(guard, part)
        for fault in _disagreeing(value, held):
            guard.refuse(fault)
        if any(callable(held[name]) for name in held.keys() & _CALLED):
            guard.must_be_alone(*_arrays_in(held))
    for found in misplaced(guard.stated.values(), pipeline, view):
        guard.refuse(found.fault, hint=found.hint)


def _in_the_way(value: Any) -> Iterator[str]:
    """Yield which attributes of an object take the place of what its class defines."""
    defined = _defined_by(_class_of(value))
    own = getattr(value, "__dict__", _NOTHING) if defined else _NOTHING  # a partial makes one
    for name in sorted(own.keys() & defined):
        if name not in _KEPT_METHODS or getattr(own[name], "__self__", None) is not value:
            yield f"it sets '{name}' of {_named(value)}, which its class defines"


def _disagreeing(value: Any, held: Mapping[str, Any]) -> Iterator[str]:
    """Yield which attributes of an object do not agree with its others."""
    if held and _acts_as_scikit_learn(_class_of(value)):
        for name, wanted in disagreements(value):
            yield f"'{name}' of {_named(value)} does not fit: it must be {wanted}"


def hangs_together(pipeline: Any) -> bool:
    """Whether nothing that the estimators of a pipeline in memory hold is in the way of a load.

    For a pipeline of scikit-learn's own classes; of False only a load tells.

    Raises:
        UnportablePipeline: what one of them holds stands where no reader takes it; says which
            attribute of what it is, and what to type.
    """
    estimators, waiting = [], [pipeline]
    while waiting:
        held = waiting.pop()
        if is_estimator(held):
            estimators.append(held)
            waiting += [part.estimator for part in parts(held)]
    view = _Objects(NOBODY)
    for found in misplaced(estimators, pipeline, view):
        raise UnportablePipeline(
            f"no reader could load this pipeline: {found.fault}", (), hint=found.hint
        )
    return not any(
        fault
        for value in estimators
        for fault in (*_in_the_way(value), *_disagreeing(value, view.attributes(value)))
    )


def _class_of(value: Any) -> Any:
    return type(value)


def _weigh(guard: Guard, value: Any) -> None:
    """Take note of the time to compare what an attribute holds: many objects can share it."""
    parts: Collection[Any]
    if isinstance(value, np.ndarray):
        guard.work(1 + (value.nbytes >> 10))
        parts = value.ravel().tolist() if value.dtype.hasobject else ()
    elif isinstance(value, (list, tuple, set, frozenset)):
        parts = value
    elif isinstance(value, dict):
        parts = value.values()
    else:
        return
    if not parts:
        return
    if isinstance(next(iter(parts)), _PLAIN):
        guard.work(len(parts) >> 2)
        return
    guard.work(10 * len(parts))
    for part in parts:
        if isinstance(part, (list, np.ndarray)):
            _weigh(guard, part)


def _arrays_in(held: Mapping[str, Any]) -> list[Any]:
    """Return the arrays that a function of the object's can be called with, and so write to."""
    given = [part for value in held.values() if isinstance(value, dict) for part in value.values()]
    return [value for value in (*held.values(), *given) if isinstance(value, np.ndarray)]


def _named(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


class _Objects:
    """How the guarded walk shows its objects to `places`."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust

    def class_name(self, value: Any) -> str:
        return type(value).__name__

    def package(self, value: Any) -> str:
        return _known_package_of(_class_of(value))

    def attributes(self, value: Any) -> Mapping[str, Any]:
        cls = _class_of(value)
        if not _acts_as_scikit_learn(cls) and not _known_package_of(cls):
            return _NOTHING
        held = getattr(value, "__dict__", None) or _NOTHING
        return held.get("_init_params", held) if cls.__module__ == "catboost.core" else held

    def parts(self, value: Any) -> Sequence[Any] | None:
        if isinstance(value, (list, tuple)):
            return value
        if isinstance(value, dict):
            return list(value.values())
        if isinstance(value, (set, frozenset)):
            return list(value)
        if isinstance(value, np.ndarray) and value.dtype.hasobject:
            items = value.ravel().tolist()
            return items if isinstance(items, list) else [items]
        return None

    def keys(self, value: Any) -> Collection[Any]:
        return value if isinstance(value, dict) else ()

    def is_plain(self, value: Any) -> bool:
        return isinstance(value, (*_PLAIN, np.generic))

    def is_array(self, value: Any) -> bool:
        return isinstance(value, np.ndarray) and not value.dtype.hasobject

    def is_estimator(self, value: Any) -> bool:
        return self._is_trusted(value) or _is_estimator(_class_of(value))

    def is_part(self, value: Any, package: str) -> bool:
        return self._is_trusted(value) or _package_of(_class_of(value)) == package

    def named(self, leaf: Any) -> tuple[str, str] | None:
        if isinstance(leaf, type):
            return leaf.__module__, leaf.__qualname__
        if isinstance(leaf, _METHODS_OF_TEXT):
            method: Any = leaf
            return f"builtins.{method.__objclass__.__name__}", method.__name__
        if isinstance(leaf, BuiltinFunctionType) and type(leaf.__self__) is str:
            return "builtins.str", leaf.__name__
        if (
            isinstance(leaf, (*_FUNCTIONS, np.ufunc))
            or type(leaf).__name__ == "_ArrayFunctionDispatcher"
        ):
            return getattr(leaf, "__module__", None) or "numpy", leaf.__name__
        return None

    def called(self, leaf: Any) -> tuple[str, str] | None:
        while isinstance(leaf, partial):
            leaf = leaf.func
        return self.named(leaf)

    def dtype_code(self, leaf: Any) -> str:
        return dtype_code(leaf)

    def is_class(self, leaf: Any) -> bool:
        return isinstance(leaf, type)

    def is_partial(self, leaf: Any) -> bool:
        return isinstance(leaf, (partial, np.vectorize))

    def is_memory(self, leaf: Any) -> bool:
        return type(leaf).__module__ == "joblib.memory"

    def takes(self, value: Any, param: str, text: str) -> bool:
        return any(
            constraint.is_satisfied_by(text) for constraint in _constraints(_class_of(value), param)
        )

    def is_trusted_function(self, leaf: Any) -> bool:
        while isinstance(leaf, partial):
            leaf = leaf.func
        if not self._trust.names or isinstance(leaf, type):
            return False
        module, name = getattr(leaf, "__module__", None), getattr(leaf, "__qualname__", None)
        if not isinstance(module, str) or not isinstance(name, str):
            return False
        return self._trust.names_exactly(module, name)

    def _is_trusted(self, value: Any) -> bool:
        cls = type(value)
        return bool(self._trust.names) and self._trust.covers(cls.__module__, cls.__qualname__)


@lru_cache(maxsize=1024)
def _acts_as_scikit_learn(cls: Any) -> bool:
    """Whether attributes of its objects are used by code of scikit-learn's."""
    return any(
        base.__module__.startswith("sklearn.") and not base.__module__.startswith(_BASES)
        for base in cls.__mro__
    )


@lru_cache(maxsize=1024)
def _package_of(cls: Any) -> str:
    return canonical(cls.__module__, cls.__qualname__)[0].partition(".")[0]


@lru_cache(maxsize=1024)
def _known_package_of(cls: Any) -> str:
    package: str = cls.__module__.partition(".")[0]
    return package if package in packages() else ""


@lru_cache(maxsize=1024)
def _is_estimator(cls: Any) -> bool:
    from sklearn.base import BaseEstimator

    if _known_package_of(cls):
        return is_estimator_of_package(cls.__module__, cls.__qualname__)
    return issubclass(cls, BaseEstimator) and cls.__module__.startswith("sklearn.")


@lru_cache(maxsize=1024)
def _defined_by(cls: Any) -> frozenset[str]:
    """Return what classes of scikit-learn and of the packages define, but for public values."""
    return frozenset(
        name
        for base in cls.__mro__
        if base.__module__.startswith(("sklearn.", "scipy.sparse.")) or _known_package_of(base)
        for name, held in vars(base).items()
        if hasattr(held, "__get__")
        or (not _known_package_of(base) and (name[0] == "_" or not isinstance(held, _PLAIN)))
    )


@lru_cache(maxsize=4096)
def _constraints(cls: Any, param: str) -> tuple[Any, ...]:
    """Return what the installed scikit-learn says of a parameter."""
    from sklearn.utils._param_validation import make_constraint

    said = getattr(cls, "_parameter_constraints", {}).get(param, ())
    with suppress(ValueError, TypeError):
        return tuple(map(make_constraint, said)) if isinstance(said, list) else ()
    return ()
