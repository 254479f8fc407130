"""The names that people choose: models, statuses, metrics.

Source of the model rule: the intersection of what git refs, GTO tags, DVC,
MLflow, BentoML and the file systems of Linux, macOS and Windows accept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gitmodelstore.errors import InvalidName

MODEL_PATTERN = (
    r"(?!(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?![a-z0-9_-]))"
    r"(?![a-z0-9_-]{64})[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?"
)
STATUS_PATTERN = r"(?!(?:latest|greatest)(?![a-z0-9-]))[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?"
METRIC_PATTERN = r"[A-Za-z_][A-Za-z0-9_.@-]{0,99}"

# The statuses of a store that names no others.
REGISTERED = "registered"
STAGING = "staging"
PRODUCTION = "production"
ARCHIVED = "archived"
WITHDRAWN = "withdrawn"
STATUSES = (REGISTERED, STAGING, PRODUCTION, ARCHIVED, WITHDRAWN)

_MODEL = re.compile(MODEL_PATTERN)
_STATUS = re.compile(STATUS_PATTERN)
_METRIC = re.compile(METRIC_PATTERN)


def model_name(text: str) -> str:
    """Return `text` if it is a model name.

    Raises:
        InvalidName: it is not; the hint gives a near name that is.
    """
    if isinstance(text, str) and _MODEL.fullmatch(text):
        return text
    raise InvalidName(f"{quoted(text)} is not a model name", hint=_model_advice(text))


def status_name(text: str) -> str:
    """Return `text` if it can name a status.

    Raises:
        InvalidName: it is not lower-case words joined by hyphens, or is a word
            of the reference grammar.
    """
    if isinstance(text, str) and _STATUS.fullmatch(text):
        return text
    raise InvalidName(
        f"{quoted(text)} is not a status name",
        hint="use lower-case letters, digits and hyphens, such as 'shadow' or 'pre-production'",
    )


def metric_name(text: str) -> str:
    """Return `text` if it can name a metric.

    Raises:
        InvalidName: it has other characters than letters, digits and `_.@-`.
    """
    if isinstance(text, str) and _METRIC.fullmatch(text):
        return text
    raise InvalidName(
        f"{quoted(text)} is not a metric name",
        hint="use letters, digits and _ . @ -, beginning with a letter, such as 'test_auc'",
    )


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that `word` most likely means, None when none is near."""
    import difflib  # for a slip only: it takes longer to import than all of this module

    words = list(known)
    begun = [other for other in words if len(word) > 2 and other.startswith(word)]
    close = begun or difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return close[0] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the hint for a near miss, None when nothing is near."""
    near = nearest(word, known)
    return f"did you mean '{near}'?" if near else None


def quoted(text: object) -> str:
    """Return `text` between quotes for a message; what a terminal would act on is escaped."""
    return f"'{text}'" if isinstance(text, str) and text.isprintable() else ascii(text)


def _model_advice(text: object) -> str:
    rule = "use lower-case letters, digits, - and _, at most 63, ending in a letter or digit"
    if not isinstance(text, str):
        return rule
    near = re.sub(r"[^a-z0-9_-]+", "-", text.lower())[:63].strip("-_")
    return f"{rule}, such as '{near}'" if near and _MODEL.fullmatch(near) else rule
