"""What happened, read off the history: events, holders, as-of answers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, pairwise

from gitmodelstore.errors import FormatError
from gitmodelstore.operations.snapshot import Snapshot, registry_of
from gitmodelstore.plumbing.repository import Commit, Repository
from gitmodelstore.values.events import Event, events_of
from gitmodelstore.values.layout import REGISTRY
from gitmodelstore.values.registry import EMPTY, Registry
from gitmodelstore.values.version import Version


def log(snapshot: Snapshot, model: str | None = None) -> Iterator[Event]:
    """Yield the events of the store, or of one model, newest first.

    Within a commit: by model, highest version first.
    """
    for commit, before, after in _steps(snapshot):
        changes = [c for c in before.changes(after) if model is None or c.model == model]
        if changes:
            yield from events_of(
                changes, commit.message, commit=commit.oid, when=commit.when, who=commit.author
            )


def holders(snapshot: Snapshot, model: str, status: str) -> Iterator[tuple[Version, Commit]]:
    """Yield the holders of a status, the present one first, each with the commit that put it there.

    A moment without a holder, or with several, is passed over.
    """
    for commit, before, after in _steps(snapshot):
        held = after.holders(model, status)
        if len(held) == 1 and before.holders(model, status) != held:
            yield held[0], commit


def _steps(snapshot: Snapshot) -> Iterator[tuple[Commit, Registry, Registry]]:
    """Yield each commit that changed registry.json, with the registry before and after it."""
    repository = snapshot.repository
    line = chain(_with_registry(repository, snapshot.commit.oid), [(None, None)])
    cache: dict[str | None, Registry] = {}
    for (commit, oid), (parent, before) in pairwise(line):
        if commit is None or oid == before:
            continue
        after = cache.get(oid) or _readable(repository, commit)
        earlier = _readable(repository, parent) if parent else EMPTY
        cache = {before: earlier}  # the next step's later side
        yield commit, earlier, after


def _with_registry(repository: Repository, oid: str) -> Iterator[tuple[Commit | None, str | None]]:
    for commit in repository.first_parents(oid):
        entry = repository.entry(commit.tree, REGISTRY)
        yield commit, entry.oid if entry else None


def _readable(repository: Repository, commit: Commit) -> Registry:
    """Return the registry of a commit; where someone left one that is no JSON, the one before."""
    for earlier in repository.first_parents(commit.oid):
        try:
            return registry_of(repository, earlier)
        except FormatError:
            continue
    return EMPTY
