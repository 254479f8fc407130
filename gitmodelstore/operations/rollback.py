"""Back to a version that held production before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitmodelstore.errors import InvalidInput, RollbackError, StoreBusy
from gitmodelstore.operations.gates import Gatekeeper, load_verified, within_tolerance
from gitmodelstore.operations.history import holders
from gitmodelstore.operations.lifecycle import assigned, commit, compose
from gitmodelstore.operations.publish import Draft
from gitmodelstore.operations.resolve import Named, check_model, resolve_of
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.operations.verify import replay_of
from gitmodelstore.operations.writer import Writer
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.events import ROLLED_BACK, Event
from gitmodelstore.values.layout import folder
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import ARCHIVED, PRODUCTION, WITHDRAWN
from gitmodelstore.values.sample import DIFFERENT, WITHIN
from gitmodelstore.values.version import Version

if TYPE_CHECKING:
    from gitmodelstore.pipelines.load import Reader


def rollback(
    repository: Repository,
    writer: Writer,
    model: str,
    *,
    to: Named | None,
    keep: bool,
    replay: bool,
    reason: str | None,
    vacate: bool = False,
    reader: Reader | None = None,
) -> tuple[Event, ...]:
    """Put an earlier version of a model back into production, in one commit.

    Its folder is restored from its own commit, and the version that it replaces is
    withdrawn. History is not rewritten. Before anything is written, every file of
    the earlier version is verified, its pipeline loaded here, and asked its sample again.

    Args:
        repository, writer: the store, and who writes.
        model: its name.
        to: which version; None for the most recent earlier holder that is neither
            the present one nor withdrawn.
        keep: archive the replaced version instead of withdrawing it.
        replay: refuse a version that answers differently here than when it was registered.
        reason: why; needed where `replay` is False, with `vacate`, and for a withdrawn version.
        vacate: whether another exclusive status, which the earlier version has now, may be
            left without a holder.
        reader: who loads it, as in `load`.

    Raises:
        RollbackError: there is nothing to go back to, or it cannot serve.
        InvalidInput: without `replay`, or with `vacate`, there must be a reason.
        GateNotPassed: the gate of production asks for what the earlier version has not.
        IntegrityError, LoadError: the earlier version is damaged, or does not load here.
    """
    if not replay and not (reason or "").strip():
        raise InvalidInput(
            "going back without a replay needs a reason", hint="say it with --reason TEXT"
        )
    keeper = Gatekeeper(
        writer,
        force=not replay,
        vacate=vacate,
        reason=reason,
        replay=False,  # what it would find is noted here
        commands={PRODUCTION: f"gms rollback {{model}} --to {{version}}{' --keep' * keep}"},
        forcing="--no-replay",
    )
    before = Snapshot.now(repository)
    target = _target(before, model, to)
    if target.status == WITHDRAWN and not (reason or "").strip():
        raise RollbackError(
            f"{target} was withdrawn",
            hint="if it is good after all: "
            f"gms rollback {model} --to {target.version}{' --keep' * keep} --reason TEXT; "
            f"`gms log {model}` says why it was withdrawn",
        )
    pipeline = load_verified(before, target, writer, reader)
    if replay:
        keeper.note(target, _replay(before, target, pipeline, writer))

    def draft(snapshot: Snapshot) -> Draft | None:
        if _target(snapshot, model, to).version != target.version:
            raise StoreBusy(
                f"somebody else changed the production of '{model}' just now",
                hint=f"look with `gms log {model}`, then try again",
            )
        replaced = snapshot.registry.holders(model, PRODUCTION)
        after = assigned(snapshot.registry, snapshot.policy, model, target.version, PRODUCTION)
        for version in replaced:
            after = after.with_status(model, version, ARCHIVED if keep else WITHDRAWN)
        tree = repository.entry(repository.commit(target.commit).tree, folder(model))
        return compose(
            snapshot,
            after,
            f"roll back {model} to {target.version}",
            reason,
            keeper,
            kinds={target.version: ROLLED_BACK},
            folders={model: tree.oid} if tree else None,
        )

    events = commit(repository, writer, draft)[1]
    keeper.tell()
    return events


def _replay(snapshot: Snapshot, target: ModelVersion, pipeline: Any, writer: Writer) -> str | None:
    """Return what asking the target again gives; None where it has no sample.

    Where its answers moved a little that is said; one that answers differently is refused.
    """
    found = replay_of(snapshot, target, pipeline)
    if found is None:
        writer.notify(f"{target} has no sample, so nobody knows whether it answers as it did")
    elif found.outcome == WITHIN:
        writer.notify(within_tolerance(target, found.largest_absolute))
    elif found.outcome == DIFFERENT:
        differs = "answers differently here than when it was registered"
        raise RollbackError(
            f"{target} cannot answer here: {found.why}" if found.why else f"{target} {differs}",
            hint=f"see how with `gms verify {target.ref} --replay`; name another version with "
            "--to VERSION, or go back knowingly with --no-replay --reason TEXT",
        )
    return found.outcome if found else None


def _target(snapshot: Snapshot, model: str, to: Named | None) -> ModelVersion:
    check_model(snapshot, model)
    present = snapshot.registry.holders(model, PRODUCTION)
    if to is None:
        return _holder_before(snapshot, model, present)
    target = resolve_of(snapshot, model, to)
    if target.version in present:
        raise RollbackError(
            f"{target} is in production already",
            hint=f"name another version: see them with `gms list {target.model}`",
        )
    return target


def _holder_before(snapshot: Snapshot, model: str, present: tuple[Version, ...]) -> ModelVersion:
    for version, _ in holders(snapshot, model, PRODUCTION):
        status = snapshot.registry.status(model, version)
        if version not in present and status not in (None, WITHDRAWN):
            return snapshot.version(model, version)
    raise RollbackError(
        f"no earlier production version of '{model}' to go back to",
        hint=f"name one with --to VERSION; see them with `gms list {model}`",
    )
