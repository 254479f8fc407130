"""Whether a version may get a status: the moves that the store allows, and the status's gate.

Only values are judged, so that a server, which never unpickles, and the library give the same
answer. For a version that had the status before, `from`, `metrics`, `require` and the table of
moves do not apply, so that nothing stands between a team and its last good version; a withdrawn
version comes back only by an allowed move. A version that makes room for another in an exclusive
status needs no permission.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

from gitmodelstore.checks.fault import Fault, Judged
from gitmodelstore.checks.history import (
    MOVE,
    Objects,
    effective_date,
    fault_of,
    first_parents,
    parents_first,
    typed,
    words_for,
)
from gitmodelstore.errors import FormatError, IntegrityError, InvalidVersion, MissingObject
from gitmodelstore.lean import TYPE_CHECKING, Any, cached_property, dataclass, replace
from gitmodelstore.values.events import Recorded, Scalar, says_annotated
from gitmodelstore.values.gates import (
    Annotated,
    Annotation,
    Condition,
    Gate,
    exactly,
    read_annotations,
    written,
)
from gitmodelstore.values.names import (
    ARCHIVED,
    DIFFERENT,
    IDENTICAL,
    REGISTERED,
    REGISTRY,
    SAMPLE,
    WITHDRAWN,
    WITHIN,
    Version,
    quoted,
)
from gitmodelstore.values.objects import Commit
from gitmodelstore.values.policy import Policy
from gitmodelstore.values.registry import Change, Registry, names_version

if TYPE_CHECKING:
    from gitmodelstore.values.manifest import Manifest

# The conditions of a gate: a metric, a required field, a replay; each with its value.


_MISSING = "not recorded"
_UNREADABLE = "unknown, because the manifest cannot be read"
_SAME = f"{IDENTICAL} or {WITHIN}"
AGAIN = "register it again with"  # prefix of what no command can do for this version
_MENDS = {
    "data": "data={'train': …} (`gms register --data ROLE=PATH`)",
    "features": "X_test (`gms register --test FILE`), or fitted on a DataFrame",
    "target": "target='…' (`gms register --target NAME`)",
    "metrics": "metrics={'…': …} (`gms register --metric NAME=VALUE`)",
    "baseline": "baseline=True (`gms register --baseline`)",
    "code": "the training code in a git repository",
    "code.clean": "the training code committed",
    "card": "card={'…': '…'} (`gms register --card FILE`)",
    "card.intended_use": "card={'intended_use': '…'} (`gms register --intended-use TEXT`)",
    "card.limitations": "card={'limitations': '…'} (`gms register --limitations TEXT`)",
    "message": "message='…' (`gms register -m TEXT`)",
    "sample": "X_test (`gms register --sample-from FILE`)",
    "custom": "custom={'…': …} (`gms register --custom FILE`)",
}


@dataclass(frozen=True, slots=True)
class Lookups:
    """How the judge looks things up; each function is called only if its answer matters."""

    # returns the manifest of a version; None if it cannot be read
    manifest: Callable[[str, Version], Manifest | None]
    # returns whether a version had a status at any time up to the first parent; not called for a
    # new version
    had_status: Callable[[str, Version, str], bool]
    # returns the annotations of a version up to then, key to value
    annotations: Callable[[str, Version], Mapping[str, Scalar]]


@dataclass(eq=False)
class Move:
    """One change of a version's status, with what a gate may ask about it."""

    policy: Policy
    change: Change
    changes: Sequence[Change]  # all of the commit
    before: Registry
    recorded: Recorded
    look: Lookups
    overrides: bool  # whether this repository allows them

    @cached_property
    def candidate(self) -> Manifest | None:
        """The manifest of the version; None if it cannot be read."""
        return self.look.manifest(*self.change.key)

    @cached_property
    def annotations(self) -> Mapping[str, Scalar]:
        return self.look.annotations(*self.change.key)

    @cached_property
    def returned(self) -> bool:
        """Whether the version had the status before."""
        change = self.change
        return change.before is not None and self.look.had_status(*change.key, change.after or "")

    def judge(self) -> Judgement:
        """Return the judgement of the move."""
        gate, conditions = self._gate, tuple(self._conditions())
        if gate is None:
            return Judgement(self.change, conditions)
        may_force, reason = gate.override and self.overrides, self.recorded.override
        if reason is None or all(one.passed or not one.of_gate for one in conditions):
            return Judgement(self.change, conditions, may_force=may_force)
        barred = _bar(gate.override, self.overrides, reason, self.change.after or "")
        return Judgement(self.change, conditions, barred is None, barred, may_force)

    @property
    def _gate(self) -> Gate | None:
        return self.policy.gates.get(self.change.after or "")

    def _conditions(self) -> Iterator[Judged]:
        gate, change = self._gate, self.change
        makes_room = gives_way(self.policy, change, self.changes)
        is_asked = _is_bound(self.policy, change) and not makes_room
        if is_asked and (change.before == WITHDRAWN or not self.returned):
            yield _judge_move(self.policy, change)
        if gate is None:
            return
        if not self.returned:
            if gate.sources:
                yield _judge_source(self.policy, gate.sources, change)
            yield from map(self._metric, gate.metrics)
            yield from map(self.required, gate.require)
        if gate.replay:
            yield self._replay()

    def _metric(self, condition: Condition) -> Judged:
        """Return whether a metric, or an annotation, is within its bound."""
        # A bound relative to the current holder counts only if both numbers come from the same
        # rows: the test data are the same, or the version recorded the holder's number on its own
        # (`baseline`).
        if condition.key is not None:
            return self._annotation(condition, condition.key)
        metric, candidate, change = condition.metric, self.candidate, self.change
        number = candidate.metrics.get(metric) if candidate else None
        value = _UNREADABLE if candidate is None else _MISSING if number is None else repr(number)
        holders = self.before.holders(change.model, change.after or "")
        others = [version for version in holders if version != change.version]
        if condition.is_relative and not others:
            what = f"{metric} is {value}, and no version is in {change.after}"
            return Judged(str(condition), True, what)
        if candidate is None or number is None:
            mend = f"{AGAIN} metrics={{'{metric}': …}} (`gms register --metric {metric}=VALUE`)"
            return _failed(condition, value, "", mend if candidate else "")
        if not condition.is_relative:
            return _judge_number(condition, number)
        holder = self.look.manifest(change.model, others[0])
        if holder is None:
            return _failed(condition, value, "for a version whose manifest cannot be read")
        current, why = _current(metric, candidate, holder)
        if current is None:
            mend = f"{AGAIN} baseline=True (`gms register --baseline`), which scores "
            mend += f"{holder.model} {holder.version} on the same rows"
            return _failed(condition, value, f"not comparable: {why}", mend)
        origin = f"{condition.right}, {holder.model} {holder.version} has {current!r}"
        return _judge_number(condition, number, current, f" ({origin})")

    def _annotation(self, condition: Condition, key: str) -> Judged:
        value = self.annotations.get(key)
        if value is None:
            return _failed(condition, _MISSING, "", self._annotate(key))
        if isinstance(value, (bool, str)):
            return _failed(condition, written(value), "a number", self._annotate(key))
        return _judge_number(condition, value)

    def _annotate(self, key: str) -> str:
        return f"gms annotate {self.change.ref} {key}=VALUE"

    def required(self, name: str) -> Judged:
        """Return whether a version has a manifest field, such as "data.train", or an annotation."""
        root, _, key = name.partition(".")
        bound = "clean" if name == "code.clean" else "recorded"
        mend = f"{AGAIN} {_MENDS.get(name) or _MENDS.get(root)}"
        if root == "annotations":
            is_there = key in self.annotations if key else bool(self.annotations)
            value, mend = "recorded" if is_there else "missing", self._annotate(key or "KEY")
        elif self.candidate is None:
            value = _UNREADABLE
        elif name == "code.clean":
            code = self.candidate.code
            value = "missing" if not (code and code.commit) else "dirty" if code.dirty else "clean"
        else:
            value = "recorded" if _is_said(_content(self.candidate, name)) else "missing"
        if value == bound:
            return Judged(f"require {name}", True, f"{name} is {value}")
        return Judged(f"require {name}", False, f"{name} is {value}, must be {bound}", mend)

    def _replay(self) -> Judged:
        """Return whether the sample was replayed, with the same answers."""
        outcome, flag = self.recorded.replay, ""
        has_sample = self.candidate is None or self.candidate.artifact(SAMPLE) is not None
        value = quoted(outcome) if outcome and not outcome.isprintable() else outcome or _MISSING
        if outcome in (IDENTICAL, WITHIN) and has_sample:
            return Judged("replay", True, f"replay is {value}")
        what = f"replay is {value}, must be {_SAME}"
        if not has_sample:
            what, mend = f"{what}: it has no sample to replay", f"{AGAIN} {_MENDS['sample']}"
        elif outcome == DIFFERENT:
            mend = f"see how with `gms verify {self.change.ref} --replay`"
        else:
            flag = "--replay"
            mend = f"gms promote {self.change.ref} {self.change.after} {flag}"
        return Judged("replay", False, what, mend, flag=flag)


def _judge_number(
    condition: Condition, number: float, current: float | None = None, origin: str = ""
) -> Judged:
    exact, other = exactly(number), None if current is None else exactly(current)
    bound = f"{condition.operator} {condition.bound(other)}"
    passed = condition.holds(exact, other)
    what = f"{condition.metric} is {number!r}, {'' if passed else 'must be '}{bound}{origin}"
    return Judged(str(condition), passed, what)


def _failed(condition: Condition, value: str, why: str, mend: str = "") -> Judged:
    requirement = f"{condition.operator} {condition.right}"
    what = f"{condition.metric} is {value}, must be {requirement}{f', {why}' if why else ''}"
    return Judged(str(condition), False, what, mend)


def _current(metric: str, candidate: Manifest, holder: Manifest) -> tuple[float | None, str]:
    """Return the holder's number on the candidate's rows; or None, and the reason."""
    baseline, name = candidate.baseline, f"{holder.model} {holder.version}"
    is_of_holder = baseline is not None and baseline.version == holder.version
    if baseline is not None and is_of_holder and metric in baseline.metrics:
        return baseline.metrics[metric], ""
    ours, theirs = _test_data(candidate), _test_data(holder)
    if ours and ours == theirs:
        number = holder.metrics.get(metric)
        return number, "" if number is not None else f"{name} has no {metric}"
    if is_of_holder:
        return None, f"the baseline has no {metric}"
    if baseline is not None:
        return None, f"the baseline is {candidate.model} {baseline.version}, not {name}"
    for manifest, digests in ((candidate, ours), (holder, theirs)):
        if not digests:
            return None, f"{manifest.model} {manifest.version} records no test data"
    return None, f"{name} was tested on different data"


def _test_data(manifest: Manifest) -> list[str]:
    return sorted(str(entry.digest) for entry in manifest.data if entry.role == "test")


def _content(manifest: Manifest, name: str) -> Any:
    """Return what a manifest has under a name that a gate may require; None for nothing."""
    root, _, rest = name.partition(".")
    if root == "sample":
        return manifest.artifact(SAMPLE)
    if root == "code":
        return manifest.code and getattr(manifest.code, rest or "commit", None)
    if root == "data" and rest:
        return manifest.dataset(rest)
    value = getattr(manifest, root)
    if root == "card":
        attributes = {key: getattr(manifest.card, key) for key in type(manifest.card).KEYS}
        value = {**(manifest.card.sections or {}), **attributes}
        if not rest:
            return [text for text in value.values() if _is_said(text)]
    return _within(value, rest) if rest else value


def _within(value: Any, path: str) -> Any:
    """Return the value at a dotted path, whose keys may contain dots; None without one."""
    if not isinstance(value, Mapping):
        return None
    if path in value:
        return value[path]
    cuts = [place for place, character in enumerate(path) if character == "."]
    values = (_within(value[path[:at]], path[at + 1 :]) for at in cuts if path[:at] in value)
    return next((one for one in values if one is not None), None)


def _is_said(value: Any) -> bool:
    """Whether a value is given: false and 0 are, empty text and empty lists are not."""
    if isinstance(value, str):
        return bool(value.strip())
    return value is not None and (not isinstance(value, (list, tuple, Mapping)) or len(value) > 0)


_BETTER = "register a version that meets it: gms register {} FILE"
OVERRIDES = "modelstore.overrides"  # in git's configuration: false forbids them here


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome of one change."""

    change: Change
    judged: tuple[Judged, ...] = ()  # every condition that it had to meet
    overridden: bool = False  # whether it passes because of an override that counts
    barred: str | None = None  # why a requested override does not count; None otherwise
    may_force: bool = True  # whether an override would count, or does

    @property
    def failed(self) -> tuple[Judged, ...]:
        """The conditions that are not met, whether overridden or not."""
        return tuple(one for one in self.judged if not one.passed)

    @property
    def refused(self) -> tuple[Judged, ...]:
        """The conditions that prevent the move."""
        return tuple(one for one in self.failed if not (self.overridden and one.of_gate))


def judge_step(
    policy: Policy,
    before: Registry,
    changes: Sequence[Change],
    recorded: Callable[[Change], Recorded],
    look: Lookups,
    *,
    overrides: bool = True,
) -> Iterator[Judgement]:
    """Yield the judgement of each change of one commit; `recorded` reads `events.recorded_of`."""
    for change in changes:
        move = Move(policy, change, changes, before, recorded(change), look, overrides)
        yield move.judge()


def faults_of(judgement: Judgement) -> Iterator[Fault]:
    """Yield a fault for each condition that prevents the move, and for a barred override."""
    for one in judgement.refused:
        fault = fault_of(judgement.change, one)
        is_stuck = one.of_gate and not (one.mend or judgement.may_force)
        yield replace(fault, mend=_BETTER.format(judgement.change.model)) if is_stuck else fault
    if judgement.barred:
        barred = Judged("override", False, judgement.barred, code="GMS045")
        yield fault_of(judgement.change, barred)


def gives_way(policy: Policy, change: Change, changes: Sequence[Change]) -> bool:
    """Return whether a version makes room for another one in an exclusive status."""
    return (
        change.before in policy.exclusive
        and change.after in (ARCHIVED, WITHDRAWN)
        and any((one.model, one.after) == (change.model, change.before) for one in changes)
    )


def _is_bound(policy: Policy, change: Change) -> bool:
    is_new = change.before is None and change.after == REGISTERED
    return change.after is not None and not is_new and (change.before or REGISTERED) in policy.moves


def _judge_move(policy: Policy, change: Change) -> Judged:
    before, after = change.before or REGISTERED, change.after or ""
    if policy.allows(before, after):
        return Judged("moves", True, f"may go from {before} to {after}", code=MOVE)
    followers = " or ".join(policy.moves[before])
    may = f"only {followers} may follow" if followers else "nothing may follow"
    what = f"may not go from {before} to {after}, {may} {before}"
    return Judged("moves", False, what, _next_step(policy, change), MOVE)


def _next_step(policy: Policy, change: Change) -> str:
    """Return the command for the next move on an allowed path; "" for none. Gates are not tried."""
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
    if before in sources:
        return Judged("from", True, f"comes from {before}")
    what = f"comes from {before}, must come from {' or '.join(sources)}"
    return Judged("from", False, what, _next_step(policy, change))


def _bar(is_allowed: bool, overrides: bool, reason: str, status: str) -> str | None:
    """Return why an override does not count; None if it does."""
    if not reason.strip():
        return "an override needs a reason"
    if not is_allowed:
        return f"the gate of {status} cannot be overridden"
    if not overrides:
        return f"this repository does not allow gates to be overridden ({OVERRIDES} is false)"
    return None


# Annotations in the history: which of them count of a version, for library and server alike.


class Annotations:
    """The annotations of one line of first parents."""

    def __init__(self, objects: Objects, tip: str) -> None:
        self.objects = objects
        self._tip = tip
        self._held: dict[tuple[str, str, Version], bool] = {}  # by the blob of a registry.json

    def of(
        self, model: str, version: Version, *, since: str | None = None
    ) -> dict[str, Annotation]:
        """Return a version's annotations by key; there are none before the commit `since`."""
        latest: dict[str, Annotation] = {}
        for commit, maker, statement in self._counting((model, str(version)), since):
            when = effective_date(self.objects, commit.oid)
            for key, value in reversed(statement.values):
                one = Annotation(key, value, maker.oid, maker.author, when, statement.why)
                latest.setdefault(key, one)
        return {key: latest[key] for key in sorted(latest) if latest[key].value is not None}

    def said(self, since: str | None = None) -> Iterator[Annotated]:
        """Yield what is said of all versions, the latest first; nothing before `since`."""
        return (statement for _, _, statement in self._counting(None, since))

    def _counting(
        self, wanted: tuple[str, str] | None = None, since: str | None = None
    ) -> Iterator[tuple[Commit, Commit, Annotated]]:
        """Yield what counts, the latest first, with the commit of the line and who says it."""
        for commit in first_parents(self.objects, self._tip):
            for maker, statement in reversed(list(self.said_by(commit))):
                if wanted in (None, (statement.model, statement.version)):
                    with suppress(InvalidVersion):
                        if self.has(commit, statement.model, Version.parse(statement.version)):
                            yield commit, maker, statement
            if commit.oid == since:
                break

    def merged_by(self, commit: Commit) -> Iterator[Commit]:
        """Yield the commits that a commit of the line merges, the earliest first."""
        merged = self._merged.get(commit.oid, ()) if len(commit.parents) > 1 else ()
        return map(self.objects.commit, merged)

    def said_by(self, commit: Commit) -> Iterator[tuple[Commit, Annotated]]:
        """Yield what a commit of the line annotates, the earliest first, each with its author."""
        for maker in (*self.merged_by(commit), commit):
            if says_annotated(maker.message):
                yield from ((maker, statement) for statement in read_annotations(maker.message))

    def has(self, commit: Commit, model: str, version: Version) -> bool:
        """Whether the registry of a commit has a version; one that cannot be read has none."""
        entry = self.objects.entries(commit.tree).get(REGISTRY)
        if entry is None:
            return False
        key = entry.oid, model, version
        if key not in self._held:
            try:
                data = self.objects.content(entry.oid, REGISTRY)
                self._held[key] = names_version(data, model, version)
            except (FormatError, IntegrityError, MissingObject):
                self._held[key] = False
        return self._held[key]

    @cached_property
    def _merged(self) -> dict[str, list[str]]:
        """Which commits each merge brings to the line, earliest first."""
        # One walk finds all; asking for each merge alone would take the square of the history.
        merges: dict[str, list[str]] = {}
        visited: set[str] = set()
        for commit in reversed(list(first_parents(self.objects, self._tip))):
            if len(commit.parents) > 1:
                merges[commit.oid] = list(parents_first(self.objects, commit.parents[1:], visited))
            visited.add(commit.oid)
        return merges


def values_of(
    annotations: dict[str, Annotation], message: str, model: str, version: Version
) -> dict[str, Scalar]:
    """Return the annotations of a version that count at a commit."""
    values: dict[str, Scalar | None] = {key: one.value for key, one in annotations.items()}
    for statement in read_annotations(message):
        if (statement.model, statement.version) == (model, str(version)):
            values.update(statement.values)
    return {key: value for key, value in values.items() if value is not None}
