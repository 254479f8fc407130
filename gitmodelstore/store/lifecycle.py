"""What moves versions between statuses, and what is said of them afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gitmodelstore.errors import InvalidName
from gitmodelstore.plumbing.files import scratch_store
from gitmodelstore.store.base import Base
from gitmodelstore.values.model_version import (
    as_text,
    expect,
    expect_flags,
    expect_flags_given,
    expect_given,
)

if TYPE_CHECKING:
    from gitmodelstore.pipelines.load import Reader
    from gitmodelstore.values.events import Event
    from gitmodelstore.values.model_version import ModelVersion
    from gitmodelstore.values.version import Version


class Lifecycle(Base):
    """What moves versions between statuses, and what is said of them afterwards."""

    def _who_loads(self) -> Callable[[], Reader] | None:
        """Return who loads what comes to a status; nobody where `gms reproduce` only plays it."""
        return None if scratch_store() else self._reader

    def promote(
        self,
        ref: str | ModelVersion | Iterable[str | ModelVersion],
        status: str,
        *,
        reason: str | None = None,
        successor: str | Version | ModelVersion | None = None,
        vacate: bool = False,
        force: bool = False,
        replay: bool | None = None,
        sign: bool | None = None,
    ) -> tuple[Event, ...]:
        """Give a version, or one each of several models in one commit, a status.

        The present holder of an exclusive status is archived. The gate that modelstore.toml
        sets before the status is judged first (docs/policy.md).

        >>> for event in store.promote("churn@1.2.0", "production", reason="more profit"):
        ...     print(event)
        churn 1.2.0 promoted: registered -> production (more profit)
        churn 1.1.0 archived: production -> archived (more profit)

        Args:
            ref: which version, or a list of them.
            status: as "staging" or "production".
            reason: why; needed with `force` and `vacate`, and for a version that was withdrawn.
            successor: the version of the same model that takes over an exclusive status,
                such as production, which `ref` leaves.
            vacate: leave an exclusive status without a holder; otherwise that is refused.
            force: override the gate, which is recorded, where the gate and the repository
                let anybody do so.
            replay: whether to load the version and ask it its sample again first: None when
                its gate wants that; True in any case, False in none.
            sign: as for `register`.

        Returns:
            What happened; nothing when each had the status already.

        Raises:
            GateNotPassed: it does not meet the conditions of the gate, or comes to an exclusive
                status and does not load here; each is listed.
            LifecycleError: no such status, or a move that the store does not allow; nobody
                would be left in an exclusive status; a withdrawn version without a reason.
            InvalidInput: `force` or `vacate` without a reason, `vacate` with a successor.
            LoadError, IntegrityError: it is to be replayed, and cannot be loaded here.
            VersionNotFound, ModelNotFound: `ref` names nothing; nothing was written.
        """
        status = as_text(status, "a status", "staging", InvalidName)
        expect_given(reason=reason, successor=successor)
        expect_flags(vacate=vacate, force=force)
        expect_flags_given(replay=replay, sign=sign)
        from gitmodelstore.operations.promote import promote

        refs = (
            [ref] if isinstance(ref, (str, bytes)) or not isinstance(ref, Iterable) else list(ref)
        )
        for one in refs:
            expect(ref=one)
        return promote(
            self._repository,
            self._writer(sign),
            refs,
            status,
            reason=reason,
            successor=successor,
            vacate=vacate,
            force=force,
            replay=replay,
            reader=self._who_loads(),
        )

    def approve(self, ref: str | ModelVersion, status: str, *, reason: str | None = None) -> Event:
        """Say that a version may come to a status, in a signed commit that moves nothing.

        >>> store.approve("churn@1.2.0", "production", reason="reviewed")  # doctest: +SKIP
        ...

        Args:
            ref: which version.
            status: as "production".
            reason: why.

        Returns:
            The approval; the earlier one where you have approved it already.

        Raises:
            LifecycleError: no such status, the version was withdrawn, or you registered it.
            SignatureError: it cannot be signed; nothing was written.
            VersionNotFound, ModelNotFound: `ref` names nothing.
        """
        expect(ref=ref)
        status = as_text(status, "a status", "staging", InvalidName)
        expect_given(reason=reason)
        from gitmodelstore.operations.notes import approve

        return approve(self._repository, self._writer(True), ref, status, reason=reason)

    def annotate(
        self,
        ref: str | ModelVersion,
        values: Mapping[str, Any],
        *,
        reason: str | None = None,
        sign: bool | None = None,
    ) -> Event | None:
        """Say something of a version after it was registered, in a commit that changes no file.

        >>> print(store.annotate("churn@1.1.0", {"validation_auc": 0.83, "approval": "A-17"}))
        churn 1.1.0 annotated: validation_auc=0.83 approval="A-17"

        Args:
            ref: which version.
            values: key to a number, true, false or a text of one line, as
                {"validation_auc": 0.83, "approval": "A-17"}; None takes a key back.
            reason: why.
            sign: as for `register`.

        Returns:
            What was recorded; None where all of it was said already.

        Raises:
            InvalidInput: a key or value that cannot be annotated, or a key is taken back that
                the version does not have; nothing was written.
            VersionNotFound, ModelNotFound: `ref` names nothing.
        """
        expect(ref=ref, values=values)
        expect_given(reason=reason)
        expect_flags_given(sign=sign)
        from gitmodelstore.operations.notes import annotate

        return annotate(self._repository, self._writer(sign), ref, values, reason=reason)

    def archive(
        self,
        ref: str | ModelVersion,
        *,
        successor: str | Version | ModelVersion | None = None,
        reason: str | None = None,
        vacate: bool = False,
        sign: bool | None = None,
    ) -> tuple[Event, ...]:
        """Retire a version; one in production with the version that takes over.

        `vacate` as for `promote`, `sign` as for `register`.

        >>> for event in store.archive("churn@1.2.0", reason="of no use"):
        ...     print(event)
        churn 1.2.0 archived: registered -> archived (of no use)

        Args:
            ref: which version.
            successor: the version that takes over an exclusive status; None where it holds none.
            reason: why.
            vacate: as for `promote`.
            sign: as for `register`.

        Returns:
            What happened; nothing when it was archived already.

        Raises:
            LifecycleError: it holds an exclusive status, and neither a successor is named
                nor `vacate` given, or it holds none and a successor is named.
            InvalidInput: `vacate` without a reason, or with a successor.
        """
        return self._retire(ref, "archived", successor, reason, vacate, sign)

    def withdraw(
        self,
        ref: str | ModelVersion,
        *,
        successor: str | Version | ModelVersion | None = None,
        reason: str | None = None,
        vacate: bool = False,
        sign: bool | None = None,
    ) -> tuple[Event, ...]:
        """Mark a version as bad: from then on only its exact number finds it.

        `vacate` as for `promote`, `sign` as for `register`.

        >>> for event in store.withdraw("churn@1.1.0", successor="1.0.0", reason="bad data"):
        ...     print(event)
        churn 1.1.0 withdrawn: production -> withdrawn (bad data)
        churn 1.0.0 promoted: archived -> production (bad data)

        Args:
            ref: which version.
            successor: the version that takes over an exclusive status; None where it holds none.
            reason: why.
            vacate: as for `promote`.
            sign: as for `register`.

        Returns:
            What happened; nothing when it was withdrawn already.

        Raises:
            LifecycleError: it holds an exclusive status, and neither a successor is named
                nor `vacate` given, or it holds none and a successor is named.
            InvalidInput: `vacate` without a reason, or with a successor.
        """
        return self._retire(ref, "withdrawn", successor, reason, vacate, sign)

    def rollback(
        self,
        model: str,
        *,
        to: str | Version | ModelVersion | None = None,
        keep: bool = False,
        replay: bool = True,
        reason: str | None = None,
        vacate: bool = False,
        sign: bool | None = None,
    ) -> tuple[Event, ...]:
        """Put the production version before back, after verifying and replaying it here.

        >>> for event in store.rollback("churn", reason="more complaints"):
        ...     print(event)
        churn 1.1.0 withdrawn: production -> withdrawn (more complaints)
        churn 1.0.0 rolled-back: archived -> production (more complaints)

        Args:
            model: its name.
            to: which version; None for the most recent earlier holder that is
                neither the present one nor withdrawn.
            keep: archive the replaced version; without it it is withdrawn.
            replay: refuse a version that answers differently here than when it was
                registered; False goes back knowingly, and needs a reason.
            reason: why; needed to go back to a version that was withdrawn.
            vacate: leave another exclusive status, which that version has now, without a
                holder; needs a reason.
            sign: as for `register`.

        Returns:
            What happened.

        Raises:
            RollbackError: there is none, the one named was withdrawn and there is no reason,
                or it answers differently here.
            InvalidInput: `replay` is False, or `vacate` True, and there is no reason.
            IntegrityError, LoadError: it cannot be loaded here.
        """
        expect(model=model)
        expect_given(version=to, reason=reason)
        expect_flags(keep=keep, replay=replay, vacate=vacate)
        expect_flags_given(sign=sign)
        from gitmodelstore.operations.promote import rollback

        return rollback(
            self._repository,
            self._writer(sign),
            model,
            to=to,
            keep=keep,
            replay=replay,
            reason=reason,
            vacate=vacate,
            reader=self._reader(),
        )

    def _retire(
        self,
        ref: str | ModelVersion,
        status: str,
        successor: str | Version | ModelVersion | None,
        reason: str | None,
        vacate: bool,
        sign: bool | None,
    ) -> tuple[Event, ...]:
        expect(ref=ref)
        expect_given(successor=successor, reason=reason)
        expect_flags(vacate=vacate)
        expect_flags_given(sign=sign)
        from gitmodelstore.operations.promote import retire

        return retire(
            self._repository,
            self._writer(sign),
            ref,
            status,
            successor=successor,
            reason=reason,
            vacate=vacate,
            reader=self._who_loads(),
        )
