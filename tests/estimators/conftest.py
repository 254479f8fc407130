"""The toy data and estimators of tests/pickles/conftest.py."""

from __future__ import annotations

from tests.pickles.conftest import (  # noqa: F401
    answers_,
    estimator,
    in_main,
    keeper,
    people_,
)
