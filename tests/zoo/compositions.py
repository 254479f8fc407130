"""What data scientists build of estimators, gathered from the modules beside this one."""

from __future__ import annotations

from collections.abc import Iterator

from tests.zoo import (
    compositions_ensembles,
    compositions_frames,
    compositions_losses,
    compositions_neighbours,
    compositions_preparation,
    compositions_search,
    compositions_text,
    compositions_values,
)
from tests.zoo.specimen import Specimen

CHAPTERS = (
    compositions_frames,
    compositions_preparation,
    compositions_text,
    compositions_neighbours,
    compositions_losses,
    compositions_ensembles,
    compositions_search,
    compositions_values,
)


def compositions() -> Iterator[Specimen]:
    """Yield every composition, chapter by chapter."""
    for chapter in CHAPTERS:
        yield from chapter.specimens()
