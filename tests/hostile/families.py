"""Every hostile file of the corpus, made for one marker.

Each file stands for a family of attacks and does one harmless thing if it is let: it makes the
marker, or a file in the marker's folder whose name begins like it (`has_fired`). Nothing is
removed, sent, or written elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from .families_arrays import legacy_containers, nested_arrays, wrappers
from .families_bombs import bombs
from .families_calls import direct_calls
from .families_containers import broken_ends, carried, compressed, more_pickles
from .families_costs import costs
from .families_detours import detours
from .families_files import file_makers
from .families_hidden import hidden_in_build
from .families_items import hidden_in_items
from .families_later import acting_later
from .families_names import dotted_names
from .families_numbers import disagreeing
from .families_numpy import inside_numpy, inside_scipy
from .families_opcodes import unusual_opcodes
from .families_pandas import inside_joblib, inside_pandas
from .families_places import taken_at_their_word
from .families_sklearn import inside_sklearn
from .families_states import changing
from .values import Effect, Fires, Hostile, has_fired

__all__ = ["MAKERS", "Effect", "Fires", "Hostile", "families", "has_fired"]

_MAKERS: tuple[Callable[[Effect], Iterator[Hostile]], ...] = (
    direct_calls,
    detours,
    file_makers,
    inside_numpy,
    inside_scipy,
    inside_pandas,
    inside_joblib,
    inside_sklearn,
    hidden_in_build,
    hidden_in_items,
    unusual_opcodes,
    dotted_names,
    nested_arrays,
    wrappers,
    legacy_containers,
    compressed,
    more_pickles,
    broken_ends,
    carried,
    bombs,
    acting_later,
    taken_at_their_word,
    disagreeing,
    changing,
    costs,
)
MAKERS = {make.__name__: make for make in _MAKERS}


def families(marker: Path) -> Iterator[Hostile]:
    """Make the whole corpus.

    Args:
        marker: the file that acting makes; its folder exists, and belongs to the corpus alone.
    """
    for make in _MAKERS:
        yield from make(Effect(marker))
