"""The gate as whoever moves a version meets it: what is to be committed is judged before.

The judgement itself is `checks/gates.py`'s, the one that a server passes on the commit. Here is
what only this side can do: ask a version its sample again, and override.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gitmodelstore.errors import GateNotPassed, InvalidInput, LifecycleError, StoreError
from gitmodelstore.operations.history import has_held
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.operations.writer import Writer
from gitmodelstore.values.events import NOTHING, Recorded
from gitmodelstore.values.layout import FALSE, PIPELINE
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.policy import Policy
from gitmodelstore.values.registry import Change
from gitmodelstore.values.version import Version

if TYPE_CHECKING:
    from gitmodelstore.checks.gates import Judgement
    from gitmodelstore.pipelines.load import Reader
    from gitmodelstore.values.events import Scalar
    from gitmodelstore.values.manifest import Manifest

_PROMOTE = "gms promote {ref} {status} --force --reason TEXT"


class Gatekeeper:
    """Judges the changes of one commit, and says what it is to record of them.

    Args:
        writer: who writes; is told of replays, and what was overridden.
        force: whether conditions that are not met are to be overridden.
        reason: why; needed with `force`.
        replay: whether to ask a version its sample again: None where its gate wants it, True
            in any case (it is refused as by a gate), False not even then.
        reader: returns who loads for that; None for one who trusts nobody.
        override: how to type an override, with {ref}, {model}, {version} and {status}.

    Raises:
        InvalidInput: `force` without a reason.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        force: bool = False,
        reason: str | None = None,
        replay: bool | None = None,
        reader: Callable[[], Reader] | None = None,
        override: str = _PROMOTE,
    ) -> None:
        if force and not (reason or "").strip():
            raise InvalidInput("an override needs a reason", hint="say it with --reason TEXT")
        self._writer = writer
        self._override = reason if force else None
        self._replay = replay
        self._reader = reader
        self._way = override
        self._outcomes: dict[tuple[str, Version], str | None] = {}  # None: has no sample
        self._demanded: str | None = None
        self._overridden: tuple[str, ...] = ()  # by the last call, since a draft may be made again

    def look_ahead(
        self, snapshot: Snapshot, status: str, resolve: Callable[[], Iterable[ModelVersion]]
    ) -> None:
        """Replay what will have to be, before the writer lock is taken.

        Args:
            snapshot: the store as it stands.
            status: where versions are to move.
            resolve: returns these; asked only where something is to be replayed.
        """
        self._demanded = status if self._replay else None
        gate = self._policy(snapshot).gates.get(status)
        if gate is not None and gate.replay and self._replay is not False:
            for version in resolve():
                if version.status != status:
                    self._outcome(snapshot, version)

    def note(self, version: ModelVersion, outcome: str | None) -> None:
        """Take note of a replay that was run already; None where there is no sample."""
        self._outcomes[version.model, version.version] = outcome

    def let_through(self, snapshot: Snapshot, changes: Sequence[Change]) -> dict[Change, Recorded]:
        """Return what the commit is to record of each change.

        Args:
            snapshot: the store before, whose policy counts.
            changes: all of the commit.

        Raises:
            GateNotPassed, LifecycleError: a condition is not met, nor overridden.
        """
        policy = self._policy(snapshot)
        recorded = {change: self._recorded(snapshot, policy, change) for change in changes}
        judgements = list(_judged(snapshot, policy, changes, recorded))
        if refused := [one for one in judgements if one.refused or one.barred]:
            raise self._refusal(refused, snapshot)
        overridden = [one for one in judgements if one.overridden]
        self._overridden = tuple(
            f"{_title(one)}: {condition.what}" for one in overridden for condition in one.failed
        )
        passed = {one.change for one in overridden}
        return {
            change: said if change in passed else replace(said, override=None)
            for change, said in recorded.items()
        }

    def tell(self) -> None:
        """Say what was overridden, once it is written."""
        for condition in self._overridden:
            self._writer.notify(f"overridden: {condition}")

    @property
    def has_overridden(self) -> bool:
        """Whether the last commit that was let through needed its override."""
        return bool(self._overridden)

    def _policy(self, snapshot: Snapshot) -> Policy:
        """Return the policy of the store, with the replay that the caller demands."""
        policy = snapshot.policy
        if self._demanded is None:
            return policy
        from gitmodelstore.values.gates import Gate

        gate = replace(policy.gates.get(self._demanded) or Gate(), replay=True)
        return replace(policy, gates={**policy.gates, self._demanded: gate})

    def _recorded(self, snapshot: Snapshot, policy: Policy, change: Change) -> Recorded:
        gate = policy.gates.get(change.after or "")
        outcome = self._outcomes.get((change.model, change.version))
        if gate is not None and gate.replay and outcome is None and self._replay is not False:
            outcome = self._outcome(snapshot, snapshot.version(change.model, change.version))
        return Recorded(outcome, self._override)

    def _outcome(self, snapshot: Snapshot, version: ModelVersion) -> str | None:
        key = (version.model, version.version)
        if key not in self._outcomes:
            from gitmodelstore.operations.verify import replay_of
            from gitmodelstore.values.sample import WITHIN

            reader = self._reader() if self._reader else None
            pipeline = load_verified(snapshot, version, self._writer, reader)
            found = replay_of(snapshot, version, pipeline)
            if found is not None and found.outcome == WITHIN:
                self._writer.notify(within_tolerance(version, found.largest_absolute))
            self._outcomes[key] = found.outcome if found else None
        return self._outcomes[key]

    def _refusal(self, refused: Sequence[Judgement], snapshot: Snapshot) -> LifecycleError:
        first = refused[0]
        (worst, *_) = first.refused
        if len(refused) == 1 and [one.of_gate for one in first.judged] == [False]:
            return LifecycleError(f"{_title(first)} {worst.what}", hint=_typed(worst.mend))
        names = " and ".join(map(_title, refused))
        verb = "does" if len(refused) == 1 else "do"
        summary = f"{names} {verb} not pass the gate of {first.change.after}"
        lines = [line for one in refused for line in _lines(one, is_named=len(refused) > 1)]
        unmet = sum(len(one.refused) + bool(one.barred) for one in refused)
        return GateNotPassed(summary, lines, unmet=unmet, hint=self._hint(first, snapshot))

    def _hint(self, refused: Judgement, snapshot: Snapshot) -> str | None:
        """Return what to do about the first condition, and how to override where that counts."""
        change, mend = refused.change, _typed(refused.refused[0].mend)
        advice = [mend] if mend else []
        gate = snapshot.policy.gates.get(change.after or "")
        can = all(one.of_gate for one in refused.refused) and refused.barred is None
        if can and (gate is None or gate.override) and may_override(snapshot):
            way = self._way.format(
                ref=f"{change.model}@{change.version}",
                model=change.model,
                version=change.version,
                status=change.after,
            )
            advice.append(f"override it: {way}")
        return ", or ".join(advice) or None


def may_override(snapshot: Snapshot) -> bool:
    """Return whether git's configuration of the repository lets overrides count."""
    from gitmodelstore.checks.gates import OVERRIDES

    return (snapshot.repository.setting(OVERRIDES) or "").lower() not in FALSE


def load_verified(
    snapshot: Snapshot, version: ModelVersion, writer: Writer, reader: Reader | None
) -> Any:
    """Return the pipeline of a version of which every file has been verified.

    Raises:
        IntegrityError, MissingObject, LoadError: as in `load`.
    """
    from gitmodelstore.operations.load import load, read_verified

    pipeline = load(snapshot, version, writer.notify, reader)
    for name in snapshot.files(version):
        if name != PIPELINE:
            read_verified(snapshot, version, name)
    return pipeline


def within_tolerance(version: ModelVersion, largest: float) -> str:
    """Return the sentence about answers that moved a little."""
    return f"{version} answers within tolerance: the largest difference is {largest:.3g}"


def _judged(
    snapshot: Snapshot,
    policy: Policy,
    changes: Sequence[Change],
    recorded: dict[Change, Recorded],
) -> Iterator[Judgement]:
    if not policy.gates and not policy.moves:
        return
    from gitmodelstore.checks.gates import Look, judge_step

    def manifest(model: str, version: Version) -> Manifest | None:
        with suppress(StoreError):
            return snapshot.manifest(snapshot.version(model, version))
        return None

    def annotations(model: str, version: Version) -> Mapping[str, Scalar]:
        from gitmodelstore.operations.annotations import annotated

        found = annotated(snapshot, snapshot.version(model, version))
        return {key: one.value for key, one in found.items() if one.value is not None}

    look = Look(manifest, lambda *asked: has_held(snapshot, *asked), annotations)
    yield from judge_step(
        policy,
        snapshot.registry,
        changes,
        lambda change: recorded.get(change, NOTHING),
        look,
        overrides=may_override(snapshot),
    )


def _title(judgement: Judgement) -> str:
    return f"{judgement.change.model} {judgement.change.version}"


def _lines(judgement: Judgement, *, is_named: bool) -> Iterator[str]:
    name = f"{_title(judgement)}: " if is_named else ""
    for one in judgement.judged:
        yield f"{'passed' if one.passed else 'failed'}: {name}{one.what}"
    if judgement.barred:
        yield f"failed: {name}{judgement.barred}"


def _typed(mend: str) -> str | None:
    """Return what is to be done, a bare command between backticks."""
    return f"run `{mend}`" if mend.startswith("gms ") else mend or None
