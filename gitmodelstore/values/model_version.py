"""One version of one model, as every command and call names it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Self, TypeVar

from gitmodelstore.values.layout import tag_name
from gitmodelstore.values.moment import format_moment
from gitmodelstore.values.version import Version

if TYPE_CHECKING:
    from gitmodelstore.values.reading import Page

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version that the store holds; taken wherever a reference is.

    >>> version = store.version("churn@production")
    >>> version.ref, version.status, version.tag
    ('churn@1.1.0', 'production', 'churn@v1.1.0')

    Attributes:
        model: the model's name.
        version: the version's number.
        status: its lifecycle status when this value was made.
        commit: id of the commit that introduced it.
        needs_trust: of what `register` returned, the names of classes and functions that readers
            must trust to load it, empty for none; None elsewhere, where `Store.needs_trust` says.
    """

    model: str
    version: Version
    status: str
    commit: str
    needs_trust: tuple[str, ...] | None = field(
        default=None, compare=False, repr=False, kw_only=True
    )

    @property
    def tag(self) -> str:
        """Name of its tag, as `churn@v1.4.0`."""
        return tag_name(self.model, self.version)

    @property
    def ref(self) -> str:
        """The reference that names exactly this version, as `churn@1.4.0`."""
        return f"{self.model}@{self.version}"

    def __str__(self) -> str:
        return f"{self.model} {self.version}"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """That a version had been withdrawn, and how it came back.

    >>> events = store.withdraw("churn@1.2.0", reason="a slip")
    >>> events = store.promote("churn@1.2.0", "production", reason="no slip")
    >>> store.which("churn").withdrawal.why
    'a slip'

    Attributes:
        since, who, why, commit: when it was withdrawn, by whom, the reason, the commit.
        until, back_by, back_why, back_commit: likewise of its return. A reason is None where
            none was given.
    """

    since: datetime
    who: str
    why: str | None
    commit: str
    until: datetime
    back_by: str
    back_why: str | None
    back_commit: str


@dataclass(frozen=True, slots=True, repr=False)
class Holding:
    """Which version had a status at some moment, and how it came to it.

    >>> holding = store.which("churn")
    >>> str(holding.version), holding.why
    ('churn 1.1.0', 'more profit')

    Attributes:
        version: the version, with its status at that moment.
        since: when it came to that status (effective date of that commit, UTC).
        who: the author of that commit, as "Name <email>".
        why: the reason given; None without one.
        commit: the commit that gave it the status.
        until: when it lost the status; None when it has not, or the question was about now.
        withdrawal: the last time that it had been withdrawn before it came to that status;
            None where it never had been.
        clock: of that commit, as in `Event`: what the clock said, where `since` is later.
    """

    version: ModelVersion
    since: datetime
    who: str
    why: str | None
    commit: str
    until: datetime | None
    withdrawal: Withdrawal | None = None
    clock: datetime | None = None

    def __str__(self) -> str:
        """Return what `gms which` prints."""
        from gitmodelstore.values.log_page import holding_lines
        from gitmodelstore.values.render import Paint

        return "\n".join(holding_lines(self, Paint(False)))

    def __repr__(self) -> str:
        """Return one line, as `<Holding churn 1.2.0 in production since 2026-03-03T14:05:09Z>`."""
        until = f" until {format_moment(self.until)}" if self.until else ""
        since = format_moment(self.since)
        return f"<Holding {self.version} in {self.version.status} since {since}{until}>"


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """One line of the list of models.

    >>> summary = store.models()[0]
    >>> summary.model, summary.versions, str(summary.highest)
    ('churn', 3, '1.2.0')

    Attributes:
        model: its name.
        versions: how many it has.
        highest: the highest of them.
        holders: status to the versions that hold it, highest first; only exclusive
            statuses and "staging".
    """

    model: str
    versions: int
    highest: Version
    holders: dict[str, tuple[Version, ...]]


@dataclass(frozen=True, slots=True)
class Unread:
    """One version that is missing from an answer, and why.

    Attributes:
        model, version: which.
        status: its status now; None where registry.json does not have it.
        fault: why it cannot be asked.
    """

    model: str
    version: str
    status: str | None
    fault: str

    def __str__(self) -> str:
        return f"{self.model} {self.version}: {self.fault}"


class Found(tuple[T, ...]):
    """What was asked for, and beside it what is missing because it cannot be read.

    Attributes:
        unread: the latter, one a version.
    """

    unread: tuple[Unread, ...] = ()
    _page: Page[T] | None = None

    @classmethod
    def of(cls, values: Iterable[T], unread: Iterable[Unread], page: Page[T] | None = None) -> Self:
        """Return values with what is missing among them, and how they are printed."""
        made = cls(values)
        made.unread = tuple(unread)
        made._page = page
        return made

    def __str__(self) -> str:
        """Return what the command prints that shows them; a line each where there is none."""
        from gitmodelstore.values.render import Paint

        lines = map(str, self) if self._page is None else self._page(self, Paint(False))
        return "\n".join([*lines, *(f"unread: {one}" for one in self.unread)])

    def __repr__(self) -> str:
        """Return what a tuple would, and what is missing from it."""
        missing = "".join(f"; unread: {one}" for one in self.unread)
        return f"{tuple(self)!r}{missing}"
