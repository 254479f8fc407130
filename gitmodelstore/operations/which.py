"""Which version a reference names, since when, by whom and why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import takewhile

from gitmodelstore.operations.history import log
from gitmodelstore.operations.resolve import resolve
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.values.events import Event, Holding, Withdrawal
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import WITHDRAWN
from gitmodelstore.values.reference import Reference


def which(snapshot: Snapshot, ref: str | ModelVersion, *, at: datetime | None = None) -> Holding:
    """Return the version that `ref` names, now or at a moment, and how it came to its status.

    Args:
        snapshot: the store now.
        ref: as everywhere.
        at: look at the store as it was then (effective dates along first parents);
            a date inside `ref` comes first.

    Raises:
        StoreError: nothing fits, or there was no store yet.
    """
    reference = None if isinstance(ref, ModelVersion) else Reference.parse(ref)
    moment = (reference.at if reference else None) or at
    asked = snapshot.at(moment) if moment else snapshot
    version = resolve(asked, ref)
    moves = _of(asked, version)
    given = next(event for event in moves if event.after == version.status)
    withdrawal = _withdrawal(given, moves)
    until = None if asked is snapshot else _next(snapshot, version, given.commit)
    return Holding(
        version,
        given.when,
        given.who,
        given.why,
        given.commit,
        until,
        withdrawal,
        clock=given.clock,
    )


def _withdrawal(given: Event, earlier: Iterator[Event]) -> Withdrawal | None:
    """Return the last withdrawal from which a version has come back.

    Args:
        given: how it came to its status.
        earlier: its moves before that, newest first; read down to its registration.
    """
    back = given
    for event in earlier:
        if back.before == WITHDRAWN and event.after == WITHDRAWN:
            return Withdrawal(
                event.when,
                event.who,
                event.why,
                event.commit,
                back.when,
                back.who,
                back.why,
                back.commit,
            )
        if event.before is None:
            return None
        back = event
    return None


def _next(snapshot: Snapshot, version: ModelVersion, commit: str) -> datetime | None:
    """Return when the version's status changed after `commit`; None when it has not."""
    later = list(takewhile(lambda event: event.commit != commit, _of(snapshot, version)))
    return later[-1].when if later else None


def _of(snapshot: Snapshot, version: ModelVersion) -> Iterator[Event]:
    """Yield the moves of one version, newest first."""
    return (
        event
        for event in log(snapshot, version.model)
        if event.version == version.version and event.is_move
    )
