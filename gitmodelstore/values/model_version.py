"""One version of one model, as every command and call names it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TypeVar

from gitmodelstore.values.layout import tag_name
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
