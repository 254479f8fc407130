"""The stores and pipelines of tests/store, a seed, and counts that are told at the end."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.conftest import SEED
from tests.store.conftest import (  # noqa: F401 - fixtures are found by their names
    X_test,
    X_train,
    any_store,
    bare_store,
    copied,
    fit,
    fitted,
    git,
    refitted,
    rows,
    settle,
    store,
    templates,
    y_test,
    y_train,
)

Tell = Callable[..., None]


@pytest.fixture
def seed() -> int:
    """The number that draws this run's samples too: set TESTS_SEED to have it again."""
    return int(os.environ[SEED])


@pytest.fixture
def tell(seed: int, record_property: Callable[[str, object], None]) -> Tell:
    """Say what was counted: `tell(acknowledged=200, lost=0)`; it stands in the summary."""
    print(f"seed {seed}")
    record_property("programme", f"seed={seed}")

    def tell(**counts: int) -> None:
        print(counts)
        for name, count in counts.items():
            record_property("programme", f"{name}={count}")

    return tell
