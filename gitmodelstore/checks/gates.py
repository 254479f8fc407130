"""Whether a version may come to a status: the moves of the store, and the gate of the status.

Judged of values alone, so that a server, which never unpickles, and the library that promotes
give the same answer. Signatures and approvals are not judged here.

A version that held the status before comes back without `from`, `metrics`, `require` and the
table of moves, so that nothing stands between a team and its last good version; one that was
withdrawn comes back only by a move that is allowed. Who makes room for another one in an
exclusive status does not ask for leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gitmodelstore.checks.conditions import judge_metric, judge_replay, judge_required
from gitmodelstore.checks.fault import Fault, Judged
from gitmodelstore.checks.registry import MOVE, fault_of, typed, words_for
from gitmodelstore.values.events import NOTHING, Recorded, Scalar
from gitmodelstore.values.gates import Gate
from gitmodelstore.values.manifest import Manifest
from gitmodelstore.values.names import ARCHIVED, REGISTERED, WITHDRAWN
from gitmodelstore.values.policy import Policy
from gitmodelstore.values.registry import Change, Registry
from gitmodelstore.values.version import Version

_BETTER = "register a version that meets it: gms register {} FILE"
OVERRIDES = "modelstore.overrides"  # of git's configuration: false forbids them here


@dataclass(frozen=True, slots=True)
class Look:
    """How the judge finds what it must know; each is asked only where it matters.

    Attributes:
        manifest: returns the manifest of a version; None where it cannot be read.
        held: returns whether a version had a status at some time until the first parent; it
            is not asked of a version that is new.
        annotations: returns key to value of what is annotated of a version until then.
    """

    manifest: Callable[[str, Version], Manifest | None]
    held: Callable[[str, Version, str], bool]
    annotations: Callable[[str, Version], Mapping[str, Scalar]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of one change.

    Attributes:
        change: which.
        judged: every condition that it had to meet.
        overridden: whether it passes all the same, because somebody said so and may.
        barred: why an override that was asked for does not count; None elsewhere.
        may_force: whether an override would count, or does.
    """

    change: Change
    judged: tuple[Judged, ...] = ()
    overridden: bool = False
    barred: str | None = None
    may_force: bool = True

    @property
    def failed(self) -> tuple[Judged, ...]:
        """The conditions that are not met, overridden or not."""
        return tuple(one for one in self.judged if not one.passed)

    @property
    def refused(self) -> tuple[Judged, ...]:
        """The conditions that stand in the way."""
        return tuple(one for one in self.failed if not (self.overridden and one.of_gate))


def judge_step(
    policy: Policy,
    before: Registry,
    changes: Sequence[Change],
    recorded: Callable[[Change], Recorded],
    look: Look,
    *,
    overrides: bool = True,
) -> Iterator[Judgement]:
    """Yield what becomes of each change of one commit.

    Args:
        policy: of the commit's first parent.
        before: the registry of that parent.
        changes: from it to the commit's own.
        recorded: returns what the commit records for a change (`events.recorded_of`).
        look: how to find manifests and history.
        overrides: whether this repository's own configuration lets overrides count.
    """
    for change in changes:
        gate = policy.gates.get(change.after or "")
        if gate is None and not _is_bound(policy, change):
            yield Judgement(change)
            continue
        model, status = change.model, change.after or ""
        returned = change.before is not None and look.held(model, change.version, status)
        candidate = look.manifest(model, change.version) if gate else None
        holders = [held for held in before.holders(model, status) if held != change.version]
        is_compared = gate and not returned and any(one.is_relative for one in gate.metrics)
        holder = look.manifest(model, holders[0]) if is_compared and holders else None
        yield judge(
            policy,
            change,
            candidate,
            holder,
            returned,
            recorded(change),
            gives_way=gives_way(policy, change, changes),
            is_unreadable=bool(is_compared and holders and holder is None),
            annotations=look.annotations(model, change.version)
            if gate and not returned and _asks_annotations(gate)
            else {},
            overrides=overrides,
        )


def judge(
    policy: Policy,
    change: Change,
    candidate: Manifest | None,
    holder: Manifest | None,
    returned: bool,
    recorded: Recorded = NOTHING,
    *,
    gives_way: bool = False,
    is_unreadable: bool = False,
    annotations: Mapping[str, Scalar] | None = None,
    overrides: bool = True,
) -> Judgement:
    """Return what becomes of one change of one version's status.

    Args:
        policy: of the commit's first parent.
        change: the status before and after. A version that comes with another status than
            `registered` (a squash does that) is judged as if it had been that.
        candidate: manifest of the version; None where it cannot be read.
        holder: manifest of the version that has the status now; None where nobody has.
        returned: whether the version has had the status before.
        recorded: what the commit records.
        gives_way: whether it makes room for another one, see `gives_way`.
        is_unreadable: whether there is a holder, whose manifest cannot be read.
        annotations: key to value of those of the version; None for none.
        overrides: whether this repository's own configuration lets overrides count.
    """
    noted = annotations or {}
    found: list[Judged] = []
    if _is_bound(policy, change) and not gives_way and not _is_free(change, returned):
        found.append(_judge_move(policy, change))
    gate = policy.gates.get(change.after or "")
    if gate is None:
        return Judgement(change, tuple(found))
    if not returned:
        found += [_judge_source(policy, gate.sources, change)] if gate.sources else []
        for condition in gate.metrics:
            found.append(judge_metric(condition, change, candidate, holder, is_unreadable, noted))
        found += [judge_required(name, change, candidate, noted) for name in gate.require]
    found += [judge_replay(recorded.replay, candidate, change)] if gate.replay else []
    may_force = gate.override and overrides
    if recorded.override is None or all(one.passed or not one.of_gate for one in found):
        return Judgement(change, tuple(found), may_force=may_force)
    barred = _bar(gate.override, overrides, recorded.override, change.after or "")
    return Judgement(change, tuple(found), barred is None, barred, may_force)


def step_faults(
    policy: Policy,
    before: Registry,
    changes: Sequence[Change],
    recorded: Callable[[Change], Recorded],
    look: Look,
    *,
    overrides: bool = True,
    commit: str | None = None,
) -> Iterator[Fault]:
    """Yield what is wrong with the changes of one commit; arguments as for `judge_step`."""
    for judgement in judge_step(policy, before, changes, recorded, look, overrides=overrides):
        yield from faults_of(judgement, commit)


def faults_of(judgement: Judgement, commit: str | None = None) -> Iterator[Fault]:
    """Yield one fault for each condition that stands in the way, and for a barred override."""
    for one in judgement.refused:
        fault = fault_of(judgement.change, one, commit)
        is_stuck = one.of_gate and not (one.mend or judgement.may_force)
        yield replace(fault, mend=_BETTER.format(judgement.change.model)) if is_stuck else fault
    if judgement.barred:
        barred = Judged("override", "", "", False, judgement.barred, code="GMS045")
        yield fault_of(judgement.change, barred, commit)


def gives_way(policy: Policy, change: Change, changes: Sequence[Change]) -> bool:
    """Return whether a version leaves an exclusive status to another one of the same commit."""
    return (
        change.before in policy.exclusive
        and change.after in (ARCHIVED, WITHDRAWN)
        and any((one.model, one.after) == (change.model, change.before) for one in changes)
    )


def _is_bound(policy: Policy, change: Change) -> bool:
    """Whether the table of moves has a say in a change."""
    is_new = change.before is None and change.after == REGISTERED
    return change.after is not None and not is_new and (change.before or REGISTERED) in policy.moves


def _asks_annotations(gate: Gate) -> bool:
    return any(one.key is not None for one in gate.metrics) or any(
        name.partition(".")[0] == "annotations" for name in gate.require
    )


def _is_free(change: Change, returned: bool) -> bool:
    return returned and change.before != WITHDRAWN


def _judge_move(policy: Policy, change: Change) -> Judged:
    before, after = change.before or REGISTERED, change.after or ""
    followers = policy.moves[before]
    may = f"only {_any_of(followers)} may follow" if followers else "nothing may follow"
    return Judged(
        condition="moves",
        value=f"{before} to {after}",
        bound=_any_of(followers) or "none",
        passed=policy.allows(before, after),
        what=f"may go from {before} to {after}"
        if policy.allows(before, after)
        else f"may not go from {before} to {after}, {may} {before}",
        mend="" if policy.allows(before, after) else _next_step(policy, change),
        code=MOVE,
    )


def _next_step(policy: Policy, change: Change) -> str:
    """Return the command for the first step of a way that moves and gates leave open; "" for none.

    Whether the version passes the gates on that way is not asked.
    """
    start, goal = change.before or REGISTERED, change.after or ""
    firsts = {start: ""}  # each status that can be reached, to the first step towards it
    ahead = [start]
    for status in ahead:
        for after in policy.statuses:
            is_detour = after == WITHDRAWN != goal
            if after in firsts or is_detour or not _is_open(policy, status, after):
                continue
            firsts[after] = firsts[status] or after
            ahead.append(after)
    first = firsts.get(goal)
    return f"{typed(change, first)}{words_for(policy, change)}" if first else ""


def _is_open(policy: Policy, before: str, after: str) -> bool:
    gate = policy.gates.get(after)
    return policy.allows(before, after) and (
        gate is None or not gate.sources or before in gate.sources
    )


def _judge_source(policy: Policy, sources: tuple[str, ...], change: Change) -> Judged:
    before = change.before or REGISTERED
    return Judged(
        condition="from",
        value=before,
        bound=_any_of(sources),
        passed=before in sources,
        what=f"comes from {before}"
        if before in sources
        else f"comes from {before}, must come from {_any_of(sources)}",
        mend="" if before in sources else _next_step(policy, change),
    )


def _bar(is_allowed: bool, overrides: bool, reason: str, status: str) -> str | None:
    """Return why an override does not count; None where it does."""
    if not reason.strip():
        return "an override needs a reason"
    if not is_allowed:
        return f"the gate of {status} lets nobody override it"
    if not overrides:
        return f"this repository lets nobody override a gate ({OVERRIDES} is false)"
    return None


def _any_of(words: Sequence[str]) -> str:
    return " or ".join(words)
