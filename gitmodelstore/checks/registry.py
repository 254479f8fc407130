"""What a new registry.json may do to the one before it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from gitmodelstore.checks.fault import Fault, Judged
from gitmodelstore.values.json import join
from gitmodelstore.values.names import ARCHIVED, WITHDRAWN
from gitmodelstore.values.policy import Policy
from gitmodelstore.values.registry import Change, Registry
from gitmodelstore.values.version import REGISTRY

MOVE = "GMS042"
VACANT = "GMS047"
RETURN = "GMS048"
LIFECYCLE = frozenset({"GMS040", "GMS041", MOVE, "GMS043", "GMS045", VACANT, RETURN})
VACATE = "--vacate"
REASON = "--reason TEXT"
_VERBS = {ARCHIVED: "archive", WITHDRAWN: "withdraw"}


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
    touched, allowed = set(), policy.statuses if statuses is None else statuses
    for change in before.changes(after):
        touched.add(change.model)
        if change.after is None:
            yield Fault("GMS030", REGISTRY, f"{change.model} {change.version} is lost")
        elif change.after not in allowed:
            what = f"{change.model} {change.version} has the unknown status '{change.after}'"
            yield Fault("GMS040", REGISTRY, what)
    for model in sorted(touched):
        for status in sorted(policy.exclusive):
            holders = after.holders(model, status)
            if len(holders) > 1:
                names = ", ".join(map(str, holders))
                what = f"{model} has {len(holders)} versions in {status}: {names}"
                yield Fault("GMS041", REGISTRY, what)


def word_needed(
    policy: Policy,
    before: Registry,
    changes: Sequence[Change],
    vacates: Callable[[Change], str | None],
    returns: Callable[[Change], str | None],
) -> Iterator[tuple[Change, Judged]]:
    """Yield the changes that somebody must mean, and whether somebody says so.

    They are those that leave an exclusive status without a holder, whatever the verb, and
    those that bring a withdrawn version back.

    Args:
        policy: of the commit's first parent.
        before: the registry of that parent.
        changes: from it to the commit's own.
        vacates: returns why a change may leave its status empty; None where nobody says.
        returns: returns why a withdrawn version comes back; None where nobody says.
    """
    for change in changes:
        if change.after is None:  # lost, which is another fault
            continue
        if change.before == WITHDRAWN:
            yield change, _judge_return(change, returns(change))
        elif _leaves_empty(policy, before, changes, change):
            yield change, _judge_vacant(change, vacates(change))


def typed(change: Change, status: str | None = None) -> str:
    """Return the command that makes a change, or moves its version to `status` instead."""
    ref, after = f"{change.model}@{change.version}", status or change.after or ""
    verb = _VERBS.get(after)
    return f"gms {verb} {ref}" if verb else f"gms promote {ref} {after}"


def words_for(policy: Policy, change: Change) -> str:
    """Return the options that a move of a version away from its status may need."""
    if change.before == WITHDRAWN:
        return f" {REASON}"
    return f" {VACATE} {REASON}" if change.before in policy.exclusive else ""


def fault_of(change: Change, judged: Judged) -> Fault:
    """Return the fault that a condition of a change is, where it is not met."""
    where = join(f"models.{change.model}", str(change.version))
    what = f"{change.model} {change.version} to {change.after}: {judged.what}"
    return Fault(judged.code, REGISTRY, what, where, judged.mend)


def _leaves_empty(
    policy: Policy, before: Registry, changes: Sequence[Change], change: Change
) -> bool:
    """Whether the exclusive status that a version leaves has no holder after all changes."""
    left = change.before
    if left not in policy.exclusive:
        return False
    of_model = [one for one in changes if one.model == change.model]
    if any(one.after == left for one in of_model):
        return False
    leavers = {one.version for one in of_model if one.before == left}
    return leavers >= set(before.holders(change.model, left or ""))


def _judge_vacant(change: Change, why: str | None) -> Judged:
    left, command, flag = change.before, typed(change), f"{VACATE} {REASON}"
    what = (
        f"leaves {left} empty, as intended" if why else f"is in {left}, which would then be empty"
    )
    mend = f"name a successor: {command} --successor VERSION, or leave {left} empty: "
    mend += f"{command} {flag}"
    return Judged("vacate", why or "not said", "a reason", bool(why), what, mend, VACANT, flag)


def _judge_return(change: Change, why: str | None) -> Judged:
    what = f"was withdrawn, and comes back {'with' if why else 'only with'} a reason"
    mend = f"{typed(change)} {REASON}"
    return Judged("reason", why or "not said", "a reason", bool(why), what, mend, RETURN, REASON)
