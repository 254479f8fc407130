"""Who reads pipelines here: the reader's own trust, and the verdicts in the reader's cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from gitmodelstore.operations.trust import trusted_names
from gitmodelstore.pipelines.load import Reader
from gitmodelstore.pipelines.rights import Trust
from gitmodelstore.plumbing.user import cache_folder
from gitmodelstore.plumbing.verdicts import Verdicts


def reader_of(
    trusted: Iterable[str], *, cache: bool, notify: Callable[[str], None] | None = None
) -> Reader:
    """Return who reads.

    Args:
        trusted: packages and classes that the caller trusts, besides the configured ones.
        cache: whether verdicts are kept in the user's cache.
        notify: is told once why the cache is not used though it is wanted; None for nobody.

    Raises:
        InvalidInput: one is no name.
    """
    folder = cache_folder() if cache else None
    verdicts = Verdicts(folder) if folder else None
    if verdicts and verdicts.doubt and notify:
        notify(f"the cache is not used: {verdicts.doubt}")
    return Reader(Trust(trusted_names(trusted, Path())), verdicts)
