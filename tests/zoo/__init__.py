"""The zoo: honest models of every kind, fitted on toy data, that a loader must load.

`estimators()` has one specimen of every scikit-learn estimator, `compositions()` what data
scientists build of them, `encodings()` every way in which joblib writes a file. No specimen holds
a class of ours, so each has to load without a trust list. Nothing is fitted before `fit()`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from tests.zoo.compositions import compositions
from tests.zoo.estimators import DEPRECATED, estimators
from tests.zoo.specimen import Specimen, answers, difference, dumped, encodings, same

__all__ = [
    "DEPRECATED",
    "ZOO",
    "Specimen",
    "answers",
    "compositions",
    "difference",
    "encodings",
    "estimators",
    "kept",
    "same",
    "saved",
    "specimens",
]


def specimens() -> Iterator[Specimen]:
    """Yield the whole zoo: the estimators, then the compositions."""
    yield from estimators()
    yield from compositions()


ZOO = {specimen.name: specimen for specimen in specimens()}


def kept(name: str) -> tuple[Any, bytes]:
    """Return a model that is just fitted, and its file.

    One that draws random numbers, from numpy's common ones too, is soon another than its file.
    """
    model = ZOO[name].fit()
    return model, dumped(model)


@functools.cache
def saved(name: str) -> bytes:
    return kept(name)[1]
