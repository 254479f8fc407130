"""Back to a version that held production before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitmodelstore.errors import RollbackError, StoreBusy
from gitmodelstore.operations.history import holders
from gitmodelstore.operations.lifecycle import assigned, commit, compose
from gitmodelstore.operations.load import load, read_verified
from gitmodelstore.operations.publish import Draft
from gitmodelstore.operations.resolve import Named, check_model, resolve_of
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.operations.writer import Writer
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.events import ROLLED_BACK, Event
from gitmodelstore.values.layout import PIPELINE, folder
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.policy import ARCHIVED, PRODUCTION, WITHDRAWN
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
    reason: str | None,
    reader: Reader | None = None,
) -> tuple[Event, ...]:
    """Put an earlier version of a model back into production, in one commit.

    Its folder is restored from its own commit, and the version that it replaces is
    withdrawn. History is not rewritten. Before anything is written, every file of
    the earlier version is verified, and its pipeline loaded here.

    Args:
        repository, writer: the store, and who writes.
        model: its name.
        to: which version; None for the most recent earlier holder that is neither
            the present one nor withdrawn.
        keep: archive the replaced version instead of withdrawing it.
        reason: why.
        reader: who loads it, as in `load`.

    Raises:
        RollbackError: there is nothing to go back to, or the one named cannot serve.
        IntegrityError, LoadError: the earlier version is damaged, or does not load here.
    """
    before = Snapshot.now(repository)
    target = _target(before, model, to)
    load(before, target, writer.notify, reader)
    for name in before.files(target):
        if name != PIPELINE:
            read_verified(before, target, name)

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
            kinds={target.version: ROLLED_BACK},
            folders={model: tree.oid} if tree else None,
        )

    return commit(repository, writer, draft)[1]


def _target(snapshot: Snapshot, model: str, to: Named | None) -> ModelVersion:
    check_model(snapshot, model)
    present = snapshot.registry.holders(model, PRODUCTION)
    if to is None:
        return _holder_before(snapshot, model, present)
    target = resolve_of(snapshot, model, to)
    if target.version in present:
        raise RollbackError(f"{target} is in production already")
    if target.status == WITHDRAWN:
        raise RollbackError(
            f"{target} was withdrawn",
            hint=f"see why with `gms log {model}`; if it is good after all: "
            f"gms promote {target.ref} production",
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
