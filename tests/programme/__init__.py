"""What a store must survive, at random: each test counts what it did and what was lost.

The numbers are those of CI; larger ones are behind the marker `long`. Each test says
its seed; with that in the environment as TESTS_SEED it does the same again, as far
as the moments at which processes meet let it.
"""

from __future__ import annotations

import pytest


def sample(**amounts: tuple[int, int]) -> pytest.MarkDecorator:
    """How much a programme does: so much in every run, and so much with `-m long`."""
    few, many = zip(*amounts.values(), strict=True)
    return pytest.mark.parametrize(
        list(amounts), [few, pytest.param(*many, marks=pytest.mark.long)]
    )
