"""What a name of a pickle stands for in this installation, for whom the table or trust allows it.

`rights` says what may be done with a name, by its spelling; here it is imported. The guarded
walk, the C unpickler behind it and the rules for states ask.
"""

from __future__ import annotations

import importlib
from collections import deque
from contextlib import suppress
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from gitmodelstore.errors import RefusedPickle
from gitmodelstore.pickles import rights


@lru_cache(maxsize=4096)
def find_known(module: str, name: str, trust: rights.Trust = rights.NOBODY) -> Any:
    """Return what a name stands for that the table or the reader's trust allows.

    For bytes that the guarded walk has found harmless: what each name is used for was
    judged there.

    Raises:
        RefusedPickle: neither allows it.
        ModuleNotFoundError, AttributeError: it is not here.
    """
    if rights.listed(module, name) is not None:
        return find(module, name)
    is_trusted = trust.rights(module, name) is not None
    if is_trusted or rights.may_be_of_scikit_learn(module, name):
        held = find(module, name)
        if (
            rights_of_trusted(held, module, name, trust) is not None
            if is_trusted
            else is_of_scikit_learn(held)
        ):
            return held
    kin = rights.kin_of(module, name, find)
    if kin is not None:
        return kin.held
    raise RefusedPickle(f"'{module}.{name}' is not part of a pipeline", name=f"{module}.{name}")


def kin_of_class(cls: type) -> rights.Kin | None:
    """Return what a class is that the table does not have; None where nobody can say."""
    with suppress(ImportError, AttributeError):
        kin = rights.kin_of(cls.__module__, cls.__qualname__, find)
        return kin if kin is not None and kin.held is cls else None
    return None


def find(module: str, name: str) -> Any:
    """Return what a name stands for in this installation.

    Raises:
        ModuleNotFoundError, AttributeError: nothing.
    """
    try:
        return _attribute(module, name)
    except (ModuleNotFoundError, AttributeError):
        elsewhere = rights.canonical(module, name)
        if elsewhere == (module, name):
            raise
        return _attribute(*elsewhere)


def _attribute(module: str, name: str) -> Any:
    held: Any = importlib.import_module(module)
    for part in name.split("."):
        held = getattr(held, part)
    return held


def is_of_scikit_learn(cls: type) -> bool:
    """Whether a class is one of those that the open rule covers: see `rights`."""
    return (
        isinstance(cls, type)
        and cls.__module__.startswith("sklearn.")
        and any((base.__module__, base.__qualname__) in _BASES for base in cls.__mro__)
    )


_BASES = {
    ("sklearn.base", "BaseEstimator"),
    ("sklearn.model_selection._split", "BaseCrossValidator"),
    ("sklearn.model_selection._split", "_BaseKFold"),
    ("sklearn.model_selection._split", "BaseShuffleSplit"),
    ("sklearn.model_selection._split", "_RepeatedSplits"),
    ("sklearn.gaussian_process.kernels", "Kernel"),
    ("sklearn._loss.link", "BaseLink"),
    ("sklearn._loss.loss", "BaseLoss"),
    ("sklearn.metrics._scorer", "_BaseScorer"),
    ("sklearn.neural_network._stochastic_optimizers", "BaseOptimizer"),
}


def rights_of_trusted(
    held: Any, module: str, name: str, trust: rights.Trust
) -> rights.Rights | None:
    """Return what a trusted name may be used for, by what it is; None where that is no help.

    A package covers the classes that are defined in it. A function, or any other object but a
    module or a container, is covered by its exact name.
    """
    if isinstance(held, type):
        return rights.OF_TRUSTED if held.__module__ == module else None
    if not trust.names_exactly(module, name) or isinstance(held, NEVER_HELD):
        return None
    if not _is_of_classes(module, name):
        return None
    if not callable(held):
        return rights.OF_TRUSTED_OBJECT
    is_from_there = getattr(held, "__module__", None) in (None, module)
    is_from_there |= isinstance(held, np.ufunc)
    return rights.OF_TRUSTED_FUNCTION if is_from_there else None


def _is_of_classes(module: str, name: str) -> bool:
    """Whether the parts before the last are classes of that module, as those of a method are.

    By any other object a name leads to what is not defined there: `K.__init__.__globals__.get`.
    """
    outer = name.split(".")[:-1]
    places = (find(module, ".".join(outer[:count])) for count in range(1, len(outer) + 1))
    return all(isinstance(held, type) and held.__module__ == module for held in places)


NEVER_HELD = (ModuleType, dict, list, set, deque, bytearray, np.ndarray)
