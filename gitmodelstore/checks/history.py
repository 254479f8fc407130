"""What the judge must know of the commits before the one that it judges."""

from __future__ import annotations

from collections.abc import Iterator

from gitmodelstore.checks.tree import folder_names
from gitmodelstore.errors import FormatError
from gitmodelstore.values.layout import REGISTRY
from gitmodelstore.values.objects import Commit, Entry
from gitmodelstore.values.registry import EMPTY
from gitmodelstore.values.registry_text import changes_between
from gitmodelstore.values.version import Version

TYPE_CHECKING = False  # as in values/fields.py
if TYPE_CHECKING:
    from gitmodelstore.checks.objects import Objects

_NONE = EMPTY.render()


def ancestors(objects: Objects, *tips: str) -> Iterator[Commit]:
    """Yield commits and what is behind them, the way of first parents first, each once."""
    seen, ahead = set(tips), list(reversed(tips))
    while ahead:
        commit = objects.commit(ahead.pop())
        yield commit
        new = [oid for oid in reversed(commit.parents) if oid not in seen]
        seen.update(new)
        ahead += new


def first_parents(objects: Objects, tip: str) -> Iterator[Commit]:
    """Yield a commit and what is before it along first parents."""
    commit = objects.commit(tip)
    while True:
        yield commit
        if not commit.parents:
            return
        commit = objects.commit(commit.parents[0])


def folder_before(objects: Objects, tip: str, model: str) -> Iterator[Entry]:
    """Yield the folder of a model as it stood at a commit and at each before it."""
    for commit in ancestors(objects, tip):
        entry = folder_names(objects, commit.tree).get(model)
        if entry is not None:
            yield entry


def has_held(objects: Objects, tip: str, model: str, version: Version, status: str) -> bool:
    """Return whether a version had a status at a commit, or at one before it."""
    later: bytes | None = None
    for commit in first_parents(objects, tip):
        entry = objects.entries(commit.tree).get(REGISTRY)
        data = objects.content(entry.oid, REGISTRY) if entry else _NONE
        if later is not None and data != later:
            try:
                changes = changes_between(data, later)
            except FormatError:
                continue  # somebody left a registry that is none: the one before it counts
            for change in changes:
                if (change.model, change.version) == (model, version):
                    if status in (change.before, change.after):
                        return True
                    if change.before is None:
                        return False
        later = data
    return False
