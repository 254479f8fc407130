"""The gate on the side of whoever moves a version: the commit is judged before it is made."""
# `checks/gates.py` judges, as on a server. Only this side can replay a sample, and override.

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from gitmodelstore.checks import history
from gitmodelstore.checks.fault import Judged
from gitmodelstore.checks.gates import AGAIN, OVERRIDES, Judgement, Lookups, judge_step
from gitmodelstore.checks.signatures import SIGN, SignatureJudge, asks
from gitmodelstore.errors import (
    GateNotPassed,
    InvalidInput,
    LifecycleError,
    LoadError,
    MissingObject,
    NotAPipeline,
    RollbackError,
    StoreBusy,
    StoreError,
)
from gitmodelstore.lean import TYPE_CHECKING, Any, dataclass, field, replace
from gitmodelstore.operations.history import events_in
from gitmodelstore.operations.load import check_loads, load_verified
from gitmodelstore.operations.publish import Draft, check_reason, publish
from gitmodelstore.operations.resolve import (
    Named,
    Ref,
    annotated,
    check_model,
    holders,
    resolve,
    resolve_exact,
    resolve_of,
)
from gitmodelstore.operations.snapshot import Snapshot, Writer
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.events import ROLLED_BACK, Event, Recorded, kind_of, write_trailers
from gitmodelstore.values.gates import Gate
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import (
    ARCHIVED,
    DIFFERENT,
    FALSE,
    PRODUCTION,
    WITHDRAWN,
    WITHIN,
    Version,
    folder,
)
from gitmodelstore.values.policy import Policy
from gitmodelstore.values.registry import Change, Registry

if TYPE_CHECKING:
    from gitmodelstore.estimators.replay import Replay
    from gitmodelstore.pickles.load import Reader

_FORCE, NO_REPLAY, _PROPOSE = "--force", "--no-replay", "--propose"
_OF_NO_GATE = (history.MOVE, history.VACANT, history.RETURN)
_OPTIONS = (_FORCE, "--replay", history.VACATE, SIGN, history.REASON, _PROPOSE)  # as typed


@dataclass(eq=False)
class Gatekeeper:
    """Judges the changes of one commit, and says what it is to record of them."""

    writer: Writer
    force: bool = False
    vacate: bool = False
    reason: str | None = None
    # Whether to ask a version its sample again: None where its gate wants it, True in any case
    # (it is refused as by a gate), False not even then.
    replay: bool | None = None
    # Returns who loads for that, and for what comes to an exclusive status, which must load here;
    # None for one who trusts nobody, and where it was loaded already.
    reader: Callable[[], Reader] | None = None
    successor: Named | None = None  # who takes over the exclusive status that a version leaves
    # Status to the command that brings a version there, with {ref}, {model} and {version};
    # others are typed as anywhere.
    commands: Mapping[str, str] = field(default_factory=dict)
    forcing: str = _FORCE  # the option that overrides a gate in those commands

    def __post_init__(self) -> None:
        if self.successor is not None and self.vacate:
            raise InvalidInput(
                "a status with a successor is not left empty", hint="choose one of the two"
            )
        reason = (self.reason or "").strip() or None
        if reason is None and (self.force or self.vacate):
            what = "leaving a status empty"
            if self.force:
                what = "an override" if self.forcing == _FORCE else "going back without a replay"
            raise InvalidInput(f"{what} needs a reason", hint="give one with --reason TEXT")
        self.said = reason
        self._override = self.reason if self.force else None
        self._vacate = reason if self.vacate else None
        self._outcomes: dict[str, str | None] = {}  # None: has no sample
        self._unloaded: dict[str, StoreError | None] = {}  # None: it loads
        self._demanded: str | None = None
        self._snapshot: Snapshot  # of the last call of `let_through`: a draft may be made again
        self._judgements: list[Judgement] = []

    def look_ahead(
        self, snapshot: Snapshot, status: str, resolve: Callable[[], Iterable[ModelVersion]]
    ) -> None:
        """Load and replay what must be, before the lock; `resolve` names the versions if needed."""
        self._demanded = status if self.replay else None
        gate = self._policy(snapshot).gates.get(status)
        is_replayed = gate is not None and gate.replay and self.replay is not False
        must_load = self.reader is not None and status in snapshot.policy.exclusive
        for version in resolve() if is_replayed or must_load else ():
            if version.status == status:
                continue
            if must_load:
                self._why_unloaded(snapshot, version)
            if is_replayed:
                self._outcome(snapshot, version)

    def ask(self, snapshot: Snapshot, version: ModelVersion, pipeline: Any) -> Replay | None:
        """Ask a version its sample again, and take note of the outcome; None without a sample."""
        from gitmodelstore.operations.verify import replay_of

        replay = replay_of(snapshot, version, pipeline)
        if replay is not None and replay.outcome == WITHIN:
            largest = f"the largest difference is {replay.largest_absolute:.3g}"
            self.writer.notify(f"{version} answers within tolerance: {largest}")
        self._outcomes[version.ref] = replay.outcome if replay else None
        return replay

    def let_through(self, snapshot: Snapshot, changes: Sequence[Change]) -> dict[Change, Recorded]:
        """Return what the commit is to record of each of its changes."""
        # Where a gate asks who signs, `conclude` says what it refuses.
        policy = self._policy(snapshot)
        recorded = {change: self._recorded(snapshot, policy, change) for change in changes}
        self._snapshot = snapshot
        self._judgements = list(self._judged(policy, changes, recorded))
        if not self.asks_signatures:
            self._refuse(self._judgements)
        return {
            change: replace(
                record,
                override=record.override if change in self.overridden else None,
                vacate=self._vacate if change in self.vacated else None,
            )
            for change, record in recorded.items()
        }

    @property
    def asks_signatures(self) -> bool:
        """Whether something that was judged also depends on who signs the commit."""
        policy = self._snapshot.policy
        gated = [one.change for one in self._judgements if one.change.after in policy.gates]
        return bool(gated) and asks(policy, gated)

    def conclude(self, signatures: SignatureJudge, commit: str) -> None:
        """Refuse what was let through until the commit is signed, with every condition."""
        policy, whole = self._snapshot.policy, []
        for one in self._judgements:
            signed = signatures.conditions(commit, policy, one.change)
            whole.append(replace(one, judged=(*one.judged, *signed)))
        self._refuse(whole)

    def tell(self) -> None:
        for one in self._judgements:
            for condition in one.failed if one.overridden else ():
                self.writer.notify(f"overridden: {one.change}: {condition.what}")

    @property
    def overridden(self) -> set[Change]:
        return {one.change for one in self._judgements if one.overridden}

    @property
    def vacated(self) -> set[Change]:
        return {
            one.change
            for one in self._judgements
            if any(condition.code == history.VACANT for condition in one.judged)
        }

    def _policy(self, snapshot: Snapshot) -> Policy:
        """Return the policy of the store, with the replay that the caller demands."""
        policy = snapshot.policy
        if self._demanded is None:
            return policy
        gate = replace(policy.gates.get(self._demanded) or Gate(), replay=True)
        return replace(policy, gates={**policy.gates, self._demanded: gate})

    def _recorded(self, snapshot: Snapshot, policy: Policy, change: Change) -> Recorded:
        gate = policy.gates.get(change.after or "")
        outcome = self._outcomes.get(change.ref)
        if gate is not None and gate.replay and outcome is None and self.replay is not False:
            outcome = self._outcome(snapshot, snapshot.version(change.model, change.version))
        return Recorded(outcome, self._override)

    def _outcome(self, snapshot: Snapshot, version: ModelVersion) -> str | None:
        key = version.ref
        if key not in self._outcomes:
            if self._override is not None and self._unloaded.get(key):
                return None  # nobody can ask it, and that is to be overridden
            reader = self.reader() if self.reader else None
            self.ask(snapshot, version, load_verified(snapshot, version, reader))
        return self._outcomes[key]

    def _why_unloaded(self, snapshot: Snapshot, version: ModelVersion) -> StoreError | None:
        """Return why a version does not load here; None where it does."""
        key = version.ref
        if key not in self._unloaded and self.reader is not None:
            self._unloaded[key] = None
            try:
                check_loads(snapshot, version, self.reader(), self.writer.notify)
            except (LoadError, NotAPipeline, MissingObject) as error:
                self._unloaded[key] = error
        return self._unloaded.get(key)

    def _judged(
        self, policy: Policy, changes: Sequence[Change], recorded: Mapping[Change, Recorded]
    ) -> Iterator[Judgement]:
        snapshot, needed = self._snapshot, defaultdict[Change, list[Judged]](list)
        for change, one in history.word_needed(policy, snapshot.registry, changes, self._word_for):
            needed[change].append(one)
        unloaded = set()
        for change in changes if self.reader else ():
            if change.after not in policy.exclusive:
                continue
            version = snapshot.version(change.model, change.version)
            if why := self._why_unloaded(snapshot, version):
                what, mend = f"does not load here: {why}", why.hint or ""
                loads = Judged("load", False, what, mend=mend)
                needed[change].append(loads)
                unloaded.add(change)
        if not (policy.gates or policy.moves or needed):
            return
        repository, tip = snapshot.repository, snapshot.commit.oid
        had_status = partial(history.had_status, repository, tip)
        look = Lookups(snapshot.readable, had_status, self._annotations)
        overrides = (repository.setting(OVERRIDES) or "").lower() not in FALSE
        for judgement in judge_step(
            policy, snapshot.registry, changes, recorded.__getitem__, look, overrides=overrides
        ):
            is_forced = self._override is not None and overrides and judgement.may_force
            yield replace(
                judgement,
                judged=(*needed[judgement.change], *judgement.judged),
                overridden=judgement.overridden or (judgement.change in unloaded and is_forced),
            )

    def _annotations(self, model: str, version: Version) -> Mapping[str, Any]:
        by_key = annotated(self._snapshot, self._snapshot.version(model, version))
        return {key: one.value for key, one in by_key.items()}

    def _word_for(self, change: Change) -> str | None:
        return self.said if change.before == WITHDRAWN else self._vacate

    def _refuse(self, judgements: Sequence[Judgement]) -> None:
        refused = [one for one in judgements if one.refused or one.barred]
        if not refused:
            return
        first, gates = refused[0], self._policy(self._snapshot).gates
        gated = next((one.change.after for one in refused if one.change.after in gates), None)
        hint = self._hint(first)
        names = " and ".join(str(one.change) for one in refused)
        reasons = first.judged if gated else first.refused
        if len(refused) == 1 and len(reasons) == 1 and reasons[0].code in _OF_NO_GATE:
            raise LifecycleError(f"{names} {reasons[0].what}", hint=hint)
        verb = "does" if len(refused) == 1 else "do"
        summary = f"{names} {verb} not pass the gate of {gated}"
        if gated is None:
            summary = f"{names} may not be moved to {first.change.after}"
        lines = []
        for one in refused:
            name = f"{one.change}: " if len(refused) > 1 else ""
            lines += [f"{'passed' if c.passed else 'failed'}: {name}{c.what}" for c in one.judged]
            lines += [f"failed: {name}{one.barred}"] if one.barred else []
        unmet = sum(len(one.refused) + bool(one.barred) for one in refused)
        raise GateNotPassed(summary, lines, unmet=unmet, hint=hint)

    def _hint(self, refused: Judgement) -> str | None:
        """Return what to type next; how to override only if nothing else stands in the way."""
        conditions, may_force = refused.refused, refused.may_force and refused.barred is None
        is_vacant = [one.code for one in conditions] == [history.VACANT]
        if is_vacant and not refused.overridden and self.forcing == _FORCE:
            return conditions[0].mend  # nothing but a successor lacks, and the command may name one
        open_ones = [one for one in conditions if not one.flag]
        hopeless = [  # nothing that is done to this version meets them
            one
            for one in open_ones
            if not one.mend or one.mend.startswith(AGAIN) or one.condition == "replay"
            if not (may_force and one.of_gate)
        ]
        advice = []
        if open_ones:
            mend = next((one.mend for one in hopeless or open_ones if one.mend), "")
            advice.append(f"run `{mend}`" if mend.startswith("gms ") else mend)
        elif conditions:
            advice.append(f"run `{self._command(refused, [one.flag for one in conditions])}`")
        is_enough = all(one.of_gate or one.flag for one in conditions)
        if may_force and is_enough and any(one.of_gate for one in conditions):
            flags = [_FORCE if one.of_gate else one.flag for one in conditions]
            advice.append(f"override it: {self._command(refused, flags)}")
        return ", or ".join(filter(None, advice)) or None

    def _command(self, refused: Judgement, flags: Iterable[str]) -> str:
        """Return the command that makes a change, with options that it was not typed with."""
        change, command = refused.change, self.commands.get(refused.change.after or "")
        wanted = {*flags, _FORCE if refused.overridden else ""}
        if self._vacate:
            wanted.add(history.VACATE)
        if self.writer.sign_commit and not self._snapshot.repository.flag("commit.gpgsign"):
            wanted.add(SIGN)
        if wanted & {_FORCE, history.VACATE} or (self.said and change.before == WITHDRAWN):
            wanted.add(history.REASON)
        if self._snapshot.repository.store:
            wanted.add(_PROPOSE)
        options = [option for option in _OPTIONS if option in " ".join(wanted)]
        if command is None:
            return " ".join([history.typed(change), *options])
        ref = f"{change.model}@{change.version}"
        text = command.format(ref=ref, model=change.model, version=change.version)
        return " ".join([text, *options]).replace(_FORCE, self.forcing)


# Moves of status: promote, archive, withdraw.

Plan = Callable[[Snapshot], Draft]  # what becomes of the store, with a title for message


def promote(
    repository: Repository, keeper: Gatekeeper, refs: Sequence[Ref], status: str
) -> tuple[Event, ...]:
    """Give versions a status, in one commit, as `Store.promote` says."""
    successor = keeper.successor
    if successor is not None:
        if len(refs) > 1:
            raise InvalidInput(
                "a successor works with one version only", hint="move the others separately"
            )
        number = successor.version if isinstance(successor, ModelVersion) else successor
        keeper.commands = {status: f"gms promote {{ref}} {status} --successor {number}"}

    def named(snapshot: Snapshot) -> list[ModelVersion]:
        what, line = f"do you want in {status}", f"promote {{}} {status}"
        return [resolve_exact(snapshot, ref, what, line) for ref in refs]

    now = Snapshot.now(repository)
    now.policy.check_status(status)
    keeper.look_ahead(now, status, lambda: named(now))

    def plan(snapshot: Snapshot) -> Draft:
        snapshot.policy.check_status(status)
        versions = named(snapshot)
        models = [version.model for version in versions]
        twice = next((model for model in models if models.count(model) > 1), None)
        if twice and status in snapshot.policy.exclusive:
            raise LifecycleError(
                f"only one version of '{twice}' can be in {status}",
                hint="name one version of each model",
            )
        after = snapshot.registry
        for version in versions:
            after = _moved(snapshot, after, version, status, successor)
        return Draft(f"promote {', '.join(map(str, versions))} to {status}", after)

    events = _move(repository, keeper, plan)
    if keeper.force and events and not keeper.overridden:
        keeper.writer.notify("every condition is met, so nothing was overridden")
    return events


def retire(repository: Repository, keeper: Gatekeeper, ref: Ref, status: str) -> tuple[Event, ...]:
    """Archive or withdraw a version, as `Store.archive` and `Store.withdraw` say."""
    verb, successor = "archive" if status == ARCHIVED else "withdraw", keeper.successor
    if successor is not None:
        now = Snapshot.now(repository)
        left = resolve(now, ref)
        keeper.look_ahead(now, left.status, lambda: [resolve_of(now, left.model, successor)])

    def plan(snapshot: Snapshot) -> Draft:
        version = resolve(snapshot, ref)
        after = _moved(snapshot, snapshot.registry, version, status, successor)
        return Draft(f"{verb} {version}", after)

    return _move(repository, keeper, plan)


def _moved(
    snapshot: Snapshot, registry: Registry, version: ModelVersion, status: str, heir: Named | None
) -> Registry:
    """Return the registry after a version left its status to an heir and came to another."""
    if heir is not None and version.status != status:
        successor = _successor(snapshot, version, heir)
        registry = _assigned(snapshot, registry, successor, version.status)
    return _assigned(snapshot, registry, version, status)


def _move(
    repository: Repository, keeper: Gatekeeper, plan: Plan, rolled_back: Version | None = None
) -> tuple[Event, ...]:
    """Publish what `plan` makes once the keeper lets it through; say what was overridden."""
    check_reason(keeper.reason)

    def draft(snapshot: Snapshot) -> Draft | None:
        planned = plan(snapshot)
        changes = {
            change: ROLLED_BACK if change.version == rolled_back else kind_of(change)
            for change in snapshot.registry.changes(planned.registry)
        }
        if not changes:
            return None
        recorded = keeper.let_through(snapshot, list(changes))
        message = f"{planned.title}\n\n{write_trailers(changes, keeper.reason, recorded)}\n"
        conclude = keeper.conclude if keeper.asks_signatures else None
        return replace(planned, message=message, conclude=conclude)

    before, published = publish(repository, keeper.writer, draft)
    if published is before:
        return ()
    events = events_in(repository, published.commit, before.registry.changes(published.registry))
    keeper.tell()
    registry, exclusive = published.registry, published.policy.exclusive
    for event in events:
        left = event.before or ""
        if left in exclusive and not registry.holders(event.model, left):
            when = f"will be in {left}" if repository.store else f"is in {left} now"
            keeper.writer.notify(f"no version of '{event.model}' {when}")
    if keeper.vacate and not keeper.vacated:
        keeper.writer.notify("no status is left empty, so nothing was vacated")
    return events


def _assigned(
    snapshot: Snapshot, registry: Registry, version: ModelVersion, status: str
) -> Registry:
    """Return the registry after `version` came to `status`; an exclusive one has one holder."""
    if status in snapshot.policy.exclusive:
        for holder in registry.holders(version.model, status):
            if holder != version.version:
                registry = registry.with_status(version.model, holder, ARCHIVED)
    return registry.with_status(version.model, version.version, status)


def _successor(snapshot: Snapshot, version: ModelVersion, successor: Named) -> ModelVersion:
    heir = resolve_of(snapshot, version.model, successor)
    if version.status not in snapshot.policy.exclusive:
        raise LifecycleError(
            f"{version} is in {version.status}, where it has no successor",
            hint=f"omit the successor; to promote it: gms promote {heir.ref} {PRODUCTION}",
        )
    if heir.version == version.version:
        raise LifecycleError(
            f"{version} cannot succeed itself",
            hint=f"name another version: see them with `gms list {version.model}`",
        )
    if heir.status == WITHDRAWN:
        raise LifecycleError(
            f"{heir} is withdrawn and cannot take over",
            hint=f"if it is good after all: gms promote {heir.ref} {version.status} --reason TEXT",
        )
    return heir


# Back to a version that held production before.


def rollback(
    repository: Repository,
    keeper: Gatekeeper,
    model: str,
    to: Named | None,
    keep: bool,
    reader: Reader | None,
) -> tuple[Event, ...]:
    """Put an earlier version, verified and loaded here, back into production."""
    # Its sample is replayed, unless the keeper forces the move.
    again = f"gms rollback {model} --to {{version}}{' --keep' * keep}"
    keeper.commands = {PRODUCTION: again}
    before = Snapshot.now(repository)
    target = _target(before, model, to)
    if target.status == WITHDRAWN and keeper.said is None:
        raise RollbackError(
            f"{target} was withdrawn",
            hint=f"if it is good after all: {again.format(version=target.version)} --reason TEXT; "
            f"`gms log {model}` says why it was withdrawn",
        )
    pipeline = load_verified(before, target, reader)
    if not keeper.force:
        _check_answers(target, keeper.ask(before, target, pipeline), keeper.writer)

    def plan(snapshot: Snapshot) -> Draft:
        if _target(snapshot, model, to).version != target.version:
            raise StoreBusy(
                f"someone else just changed the production version of '{model}'",
                hint=f"check with `gms log {model}`, then try again",
            )
        after = _assigned(snapshot, snapshot.registry, target, PRODUCTION)
        for version in snapshot.registry.holders(model, PRODUCTION):
            after = after.with_status(model, version, ARCHIVED if keep else WITHDRAWN)
        tree = repository.entry(repository.commit(target.commit).tree, folder(model))
        folders = {model: tree.oid} if tree else {}
        return Draft(f"roll back {model} to {target.version}", after, folders)

    return _move(repository, keeper, plan, target.version)


def _check_answers(target: ModelVersion, replay: Replay | None, writer: Writer) -> None:
    if replay is None:
        writer.notify(
            f"{target} has no sample, so it is not known whether it still gives the same answers"
        )
    elif replay.outcome == DIFFERENT:
        differs = "answers differently here than when it was registered"
        raise RollbackError(
            f"{target} cannot answer here: {replay.why}" if replay.why else f"{target} {differs}",
            hint=f"see how with `gms verify {target.ref} --replay`; name another version with "
            "--to VERSION, or go back anyway with --no-replay --reason TEXT",
        )


def _target(snapshot: Snapshot, model: str, to: Named | None) -> ModelVersion:
    check_model(snapshot, model)
    present = snapshot.registry.holders(model, PRODUCTION)
    if to is None:
        return _holder_before(snapshot, model, present)
    target = resolve_of(snapshot, model, to)
    if target.version in present:
        raise RollbackError(
            f"{target} is already in production",
            hint=f"name another version: see them with `gms list {target.model}`",
        )
    return target


def _holder_before(snapshot: Snapshot, model: str, present: tuple[Version, ...]) -> ModelVersion:
    for version in holders(snapshot, model, PRODUCTION):
        status = snapshot.registry.status(model, version)
        if version not in present and status not in (None, WITHDRAWN):
            return snapshot.version(model, version)
    raise RollbackError(
        f"no earlier production version of '{model}' to go back to",
        hint=f"name one with --to VERSION; see them with `gms list {model}`",
    )
