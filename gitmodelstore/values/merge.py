"""Two registries with a common ancestor, merged by what they mean.

Git merges registry.json line by line: two promotions can come out as two holders,
or as a conflict where there is none. Here each version is looked at by itself, and
then who holds what.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gitmodelstore.errors import MergeConflict
from gitmodelstore.values.layout import REGISTRY
from gitmodelstore.values.registry import Registry, Statuses
from gitmodelstore.values.version import Version

_MOST_TOLD = 5


def merge(base: Registry, ours: Registry, theirs: Registry, exclusive: frozenset[str]) -> Registry:
    """Return the registry in which what either side did since `base` has happened.

    A version that one side registered is kept, and so is one that a side lost. A
    number that both registered is one version here: whether it is the same one, the
    folders of the models say, which git merges.

    Args:
        base: their common ancestor.
        ours, theirs: the two sides.
        exclusive: the statuses that one version of a model holds at a time.

    Raises:
        MergeConflict: both sides moved a version, to different statuses, or gave an
            exclusive status to different versions.
    """
    clashes: list[str] = []
    models: dict[str, Statuses] = {}
    for model in sorted(base.models.keys() | ours.models.keys() | theirs.models.keys()):
        before, left, right = (side.models.get(model, {}) for side in (base, ours, theirs))
        models[model] = _merged(model, before, left, right, clashes)
    merged = Registry(models)
    clashes += _shared(base, ours, theirs, merged, exclusive)
    if clashes:
        told = "; ".join(clashes[:_MOST_TOLD])
        more = f"; and {len(clashes) - _MOST_TOLD} more" if len(clashes) > _MOST_TOLD else ""
        raise MergeConflict(
            f"{REGISTRY} cannot be merged: {told}{more}",
            clashes,
            hint="agree on one side, abort the merge, bring the other side in line with "
            "`gms promote`, `gms archive` or `gms withdraw`, and merge again",
        )
    return merged


def _merged(
    model: str, base: Statuses, ours: Statuses, theirs: Statuses, clashes: list[str]
) -> Statuses:
    """Return the statuses of one model's versions, highest first, but for those that clash."""
    found = {}
    for version in _highest_first(base.keys() | ours.keys() | theirs.keys()):
        before = base.get(version)
        left, right = ours.get(version, before), theirs.get(version, before)
        if before not in (left, right) and left != right:
            clashes.append(f"{model} {version}: ours is {left}, theirs {right}")
            continue
        status = right if left == before else left
        if status is not None:
            found[version] = status
    return found


def _highest_first(versions: Iterable[str]) -> list[str]:
    return sorted(versions, key=Version.parse, reverse=True)


def _shared(
    base: Registry, ours: Registry, theirs: Registry, merged: Registry, exclusive: frozenset[str]
) -> Iterator[str]:
    """Yield each exclusive status that has several versions now, and had not before."""
    for model in merged.models:
        for status in sorted(exclusive):
            holders = merged.holders(model, status)
            if len(holders) > 1 and holders not in (
                base.holders(model, status),
                ours.holders(model, status),
                theirs.holders(model, status),
            ):
                said = [_holding(side.holders(model, status)) for side in (ours, theirs)]
                yield f"{model} in {status}: ours is {said[0]}, theirs {said[1]}"


def _holding(versions: tuple[Version, ...]) -> str:
    return ", ".join(map(str, versions)) or "nobody"
