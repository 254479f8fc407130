"""Who reads pipelines here: the reader's own trust, and the verdicts in the reader's cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gitmodelstore.operations.trust import trusted_names
from gitmodelstore.pipelines.load import Reader
from gitmodelstore.pipelines.rights import Trust, needs_trust
from gitmodelstore.plumbing.user import cache_folder
from gitmodelstore.plumbing.verdicts import Verdicts
from gitmodelstore.values.layout import PIPELINE

if TYPE_CHECKING:
    from gitmodelstore.operations.writer import Writer
    from gitmodelstore.values.manifest import Manifest
    from gitmodelstore.values.model_version import ModelVersion


def needs_of(manifest: Manifest) -> tuple[str, ...]:
    """Return the names that readers of a version must trust; empty for none."""
    pipeline = manifest.artifact(PIPELINE)
    return needs_trust(pipeline.globals or ()) if pipeline else ()


def with_needs(version: ModelVersion, names: Iterable[str], writer: Writer) -> ModelVersion:
    """Return a version that was just registered, with the names that readers must trust.

    Args:
        version: which.
        names: that loading it looks up.
        writer: is told of them.
    """
    from gitmodelstore.pipelines.loadable import needs_here

    needed = needs_here(names)
    if needed:
        writer.notify(
            f"readers must trust: {', '.join(needed)} (`gms trust add {' '.join(needed)}`)"
        )
    return replace(version, needs_trust=needed)


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
