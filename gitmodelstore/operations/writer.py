"""Who writes into the store, when, and how carefully: what every writing operation is handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from gitmodelstore.checks.history import SKEW, earliest_after, effective_date
from gitmodelstore.errors import ClockWarning, warn_user
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.plumbing.identity import Identity
from gitmodelstore.plumbing.repository import Repository, Sign


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, when, and how carefully.

    Attributes:
        author, committer: as git knows them.
        when: the moment that the commit will bear.
        notify: takes what the caller should be told besides the result.
        durable: whether to return only when it is on disk.
        wait_seconds: how long to wait for another writer.
        sign_commit, sign_tag: make the signature of what is written; None for none.
        clock: tells the time again; None where `when` is all that is known.
    """

    author: Identity
    committer: Identity
    when: datetime
    notify: Callable[[str], None]
    durable: bool = True
    wait_seconds: float = 30.0
    sign_commit: Sign | None = None
    sign_tag: Sign | None = None
    clock: Callable[[], datetime] | None = None


def upon(writer: Writer, snapshot: Snapshot) -> Writer:
    """Return a writer whose commit does not count earlier than the one that it is put on.

    Others may have written since it looked at the clock, and clocks differ.
    """
    tip = earliest_after(snapshot.repository, snapshot.commit.oid)
    if tip is None or writer.when >= tip:
        return writer
    return replace(writer, when=tip.astimezone(writer.when.tzinfo))


def slow_clock(writer: Writer, snapshot: Snapshot) -> datetime | None:
    """Return what the writer's clock says, where the store's last commit is younger than that.

    None where it is not, or by no more than `SKEW`.
    """
    tip = earliest_after(snapshot.repository, snapshot.commit.oid)
    if tip is None or tip - writer.when <= SKEW:
        return None
    clock = writer.clock() if writer.clock else writer.when
    return clock if tip - clock > SKEW else None


def warn_of_clock(published: Snapshot, clock: datetime) -> None:
    """Warn that what was written counts later than the clock says."""
    repository, commit = published.repository, published.commit
    before = repository.commit(commit.parents[0])
    says, tip = (
        f"{moment.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"
        for moment in (clock, effective_date(repository, before.oid))
    )
    told = (
        f"the clock of this machine says {says}, but the commit before this one, "
        f"{before.oid[:12]} by {before.author}, counts as of {tip}: this one is dated as that; "
        "set the clock that is wrong"
    )
    warn_user(ClockWarning(told))


def signing(writer: Writer, repository: Repository, wanted: bool | None) -> Writer:
    """Return a writer that signs what it is to sign.

    Args:
        writer: who writes.
        repository: whose configuration counts.
        wanted: whether to sign; None where git is configured to, by `commit.gpgsign`,
            `tag.gpgsign` or `tag.forceSignAnnotated`.
    """
    commits = repository.flag("commit.gpgsign") if wanted is None else wanted
    tags = wanted
    if tags is None:
        tags = repository.flag("tag.gpgsign") or repository.flag("tag.forcesignannotated")
    if not (commits or tags):
        return writer
    sign = _signer(writer, repository)
    return replace(writer, sign_commit=sign if commits else None, sign_tag=sign if tags else None)


def _signer(writer: Writer, repository: Repository) -> Sign:
    from gitmodelstore.plumbing import signing as ssh
    from gitmodelstore.plumbing.signing_settings import Settings

    settings = Settings.read(repository.common_dir)
    return lambda payload: ssh.sign(payload, settings, writer.committer)
