"""What a new registry.json may do to the one before it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from gitmodelstore.checks.fault import Fault
from gitmodelstore.values.layout import REGISTRY
from gitmodelstore.values.policy import Policy
from gitmodelstore.values.registry import Registry

LIFECYCLE = frozenset({"GMS040", "GMS041", "GMS042", "GMS043", "GMS045"})  # faults of a move


def registry_faults(
    before: Registry, after: Registry, policy: Policy, statuses: Collection[str] | None = None
) -> Iterator[Fault]:
    """Yield what is wrong with the step from one registry to the next.

    A version may not be lost, a status must be one of the store's, and an exclusive
    status has one holder a model. Only models that the step touches are judged: one
    broken model must not stop the others.

    Args:
        before, after: the registries.
        policy: the rules of the store.
        statuses: those that a version may have; None for those of the policy.
    """
    touched, known = set(), policy.statuses if statuses is None else statuses
    for change in before.changes(after):
        touched.add(change.model)
        if change.after is None:
            yield Fault("GMS030", REGISTRY, f"{change.model} {change.version} is lost")
        elif change.after not in known:
            what = f"{change.model} {change.version} has the unknown status '{change.after}'"
            yield Fault("GMS040", REGISTRY, what)
    for model in sorted(touched):
        for status in sorted(policy.exclusive):
            holders = after.holders(model, status)
            if len(holders) > 1:
                found = ", ".join(map(str, holders))
                what = f"{model} has {len(holders)} versions in {status}: {found}"
                yield Fault("GMS041", REGISTRY, what)
