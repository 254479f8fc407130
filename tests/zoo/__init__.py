"""The zoo: honest models of every kind, fitted on toy data, that a loader must load.

`estimators()` has one specimen of every scikit-learn estimator, `compositions()` what data
scientists build of them, `encodings()` every way in which joblib writes a file. No specimen holds
a class of ours, so each has to load without a trust list. Nothing is fitted before `fit()`.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.zoo.compositions import compositions
from tests.zoo.estimators import DEPRECATED, estimators
from tests.zoo.specimen import Specimen, answers, difference, encodings, same

__all__ = [
    "DEPRECATED",
    "Specimen",
    "answers",
    "compositions",
    "difference",
    "encodings",
    "estimators",
    "same",
    "specimens",
]


def specimens() -> Iterator[Specimen]:
    """Yield the whole zoo: the estimators, then the compositions."""
    yield from estimators()
    yield from compositions()
