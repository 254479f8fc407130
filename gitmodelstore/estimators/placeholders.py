"""Text in place of text: of a similar form, without any word that few texts hold."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

_WORD = re.compile(r"\w+")
_MOST_WORDS = 30  # of a text
_MOST_LETTERS = 40  # of a word
_KINDS = {"A": string.ascii_uppercase, "a": string.ascii_lowercase, "9": string.digits}


def is_mostly_distinct(texts: Any, fewest: int) -> bool:
    """Whether less than half of the texts are among those that `fewest` rows or more hold."""
    counts = Counter(texts.tolist()).values()
    return 2 * sum(count for count in counts if count >= fewest) < len(texts)


def placeholders(texts: Sequence[str], rows: int, chance: Any, fewest: int) -> list[str]:
    """Return texts of a similar form.

    Args:
        texts: those of the test rows.
        rows: how many to make.
        chance: a RandomState.
        fewest: in how many distinct texts a word must occur to stay; how many rows must
            have a pattern, for text without spaces.
    """
    if not texts:
        return [""] * rows
    patterns = Counter(_pattern(text) for text in texts if not re.search(r"\s", text))
    shared = {pattern: count for pattern, count in patterns.items() if count >= fewest}
    if 2 * sum(shared.values()) >= len(texts):
        pool = [pattern for pattern, count in shared.items() for _ in range(count)]
        return [_filled(_any_of(pool, chance), set(texts), chance) for _ in range(rows)]
    return _sentences(texts, rows, chance, fewest)


def _sentences(texts: Sequence[str], rows: int, chance: Any, fewest: int) -> list[str]:
    words = [_WORD.findall(text) for text in texts]
    occurrences = [word for found in words for word in found]
    if not occurrences:
        return [""] * rows
    held_by = Counter(word for text in set(texts) for word in set(_WORD.findall(text)))
    taken = set(occurrences)
    lengths = np.sort([min(len(found), _MOST_WORDS) for found in words])
    made = []
    for _ in range(rows):
        count = int(lengths[chance.randint(0, len(lengths))])
        drawn = [_any_of(occurrences, chance) for _ in range(count)]
        made.append(
            " ".join(
                word if held_by[word] >= fewest else _filled(_pattern(word), taken, chance)
                for word in drawn
            )
        )
    return made


def _any_of(pool: Sequence[str], chance: Any) -> str:
    return pool[int(chance.randint(0, len(pool)))]


def _pattern(text: str) -> str:
    """Return what kind of character stands where: `Ab-12` gives `Aa-99`."""
    return "".join(map(_kind, text[:_MOST_LETTERS]))


def _kind(character: str) -> str:
    if character.isnumeric():
        return "9"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    return character


def _filled(pattern: str, taken: set[str], chance: Any) -> str:
    """Return text of a pattern that is none of `taken`; longer, if all that fit are."""
    text = "".join(_any_of(_KINDS[kind], chance) if kind in _KINDS else kind for kind in pattern)
    while text in taken:
        text += _any_of(_KINDS["a"], chance)
    return text
