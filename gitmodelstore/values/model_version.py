"""One version of one model, as every command and call names it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime

from gitmodelstore.errors import InvalidInput, InvalidName, InvalidReference, StoreError
from gitmodelstore.lean import (
    TYPE_CHECKING,
    Any,
    NamedTuple,
    Self,
    TypeVar,
    dataclass,
    field,
    pattern,
)
from gitmodelstore.values.names import (
    OfVersion,
    Version,
    VersionRange,
    model_name,
    parse_moment,
    quoted,
    status_name,
    tag_name,
)

if TYPE_CHECKING:
    from gitmodelstore.values.tables import Page

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ModelVersion(OfVersion):
    """A version in the store; you can pass it wherever a reference is accepted.

    >>> version = store.version("churn@production")
    >>> version.ref, version.status, version.tag
    ('churn@1.1.0', 'production', 'churn@v1.1.0')

    Attributes:
        model: the model's name.
        version: the version's number.
        status: its lifecycle status when this value was made.
        commit: id of the commit that introduced it.
        needs_trust: if `register` returned it, the names of classes and functions that readers
            must trust to load it; otherwise None, and `Store.needs_trust` says.
        proposal: if `register` returned it with `propose`, where it was proposed: it is not a
            version of the store yet; otherwise None.
    """

    model: str
    version: Version
    status: str
    commit: str
    needs_trust: tuple[str, ...] | None = field(
        default=None, compare=False, repr=False, kw_only=True
    )
    proposal: Proposal | None = field(default=None, compare=False, repr=False, kw_only=True)

    @property
    def tag(self) -> str:
        """Name of its tag, as `churn@v1.4.0`."""
        return tag_name(self.model, self.version)

    def _repr_html_(self) -> str:
        from gitmodelstore.values.tables import NOTEBOOK, html, numbers

        return html(numbers([self], NOTEBOOK))


@dataclass(frozen=True, slots=True)
class Proposal:
    """A branch of a remote that holds what was proposed.

    >>> (event,) = store.archive("churn@1.2.0", propose=True)
    >>> event.proposal.branch
    'propose/archive-churn-1.2.0'

    Attributes:
        title: what is proposed, as in the commit.
        remote: its name.
        url: its URL, without credentials.
        branch: the branch that was pushed there.
        into: the branch to merge it into.
        commit: the commit at the tip of the branch.
        request: the page on which to open the request; None if it is not known.
        messages: the lines that the host printed for the push.
    """

    title: str
    remote: str
    url: str
    branch: str
    into: str
    commit: str
    request: str | None
    messages: tuple[str, ...]


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
        status: its status now; None if registry.json does not have it.
        fault: why it cannot be read.
    """

    model: str
    version: str
    status: str | None
    fault: str

    def __str__(self) -> str:
        return f"{self.model} {self.version}: {self.fault}"


class Found(tuple[T, ...]):
    """A list of results, with what is missing because it cannot be read.

    Attributes:
        unread: one entry for each version that cannot be read.
    """

    unread: tuple[Unread, ...] = ()
    _noun = "row"
    _page: Page[T] | None = None
    _table: Page[T] | None = None

    @classmethod
    def of(
        cls,
        values: Iterable[T],
        unread: Iterable[Unread],
        noun: str,
        page: Page[T] | None = None,
        table: Page[T] | None = None,
    ) -> Self:
        """Return values, what each is, and what is missing among them.

        `page` is how they are printed, None for a line each; `table` how a notebook shows them,
        None for the same.
        """
        made = cls(values)
        made.unread = tuple(unread)
        made._noun, made._page, made._table = noun, page, table or page
        return made

    def __str__(self) -> str:
        """Return what the command that shows them prints; otherwise a line each."""
        from gitmodelstore.values.tables import Paint, lines_of

        lines = map(str, self) if self._page is None else self._page(self, Paint(False))
        return "\n".join([*lines_of(lines), *self._missing()])

    def _repr_html_(self) -> str:
        from gitmodelstore.values.tables import NOTEBOOK, html

        page = map(str, self) if self._table is None else self._table(self, NOTEBOOK)
        return html([*page, *self._missing()])

    def _missing(self) -> list[str]:
        return [f"unread: {one}" for one in self.unread]

    def __repr__(self) -> str:
        """Return how many there are, and how many are missing."""
        from gitmodelstore.values.tables import counted

        missing = f", {len(self.unread)} unread" if self.unread else ""
        return f"<{counted(len(self), self._noun)}{missing}>"


# References: the one grammar in which a version is named, everywhere.

LATEST = "latest"
DEFAULT_STATUS = "production"
_COMMIT = pattern(r"[0-9a-f]{7,40}")
_DIGITS = frozenset("0123456789")
_PARTS = pattern(r"(?P<base>.+?)(?:~(?P<back>[0-9]+))?(?:@\{(?P<at>[^{}]+)\})?", re.DOTALL)
_MOST_BACK = 1_000_000

Selector = Version | VersionRange | str


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed reference."""

    text: str  # as it was written
    model: str
    selector: Selector  # a Version, a VersionRange, "latest" or a status
    back: int = 0  # how many holders (or releases) to go back
    at: datetime | None = None  # the moment at which to look; None for now
    commit: str | None = None  # the id, possibly abbreviated, that `text` may be too

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Return the reference that `text` spells; InvalidReference says what is wrong with it.

        >>> Reference.parse("models:/churn/1.4.0").selector
        Version('1.4.0')
        """
        if not isinstance(text, str) or not text:
            what = f"expected a reference such as 'churn@production', found {text!r}"
            raise InvalidReference(what, hint="such as 'churn', 'churn@1.4.0' or 'churn@latest'")
        name, separator, rest = _split(text)
        try:
            model = model_name(name)
            if not separator:
                commit = text if _COMMIT.fullmatch(text) else None
                return cls(text, model, DEFAULT_STATUS, commit=commit)
            selector, back, at = _read_selector(rest)
        except StoreError as error:
            raise InvalidReference(f"{quoted(text)}: {error}", hint=error.hint) from None
        return cls(text, model, selector, back, at)

    def __str__(self) -> str:
        return self.text


def _split(text: str) -> tuple[str, str, str]:
    """Return the model's name, the separator and the rest, whatever tool's spelling it is."""
    if text.startswith("models:/"):
        plain = text.removeprefix("models:/").lstrip("/")
        return plain.partition("@") if "@" in plain else plain.partition("/")
    sign = next((sign for sign in text if sign in "@#:"), None)
    return text.partition(sign) if sign else (text, "", "")


def _read_selector(text: str) -> tuple[Selector, int, datetime | None]:
    """Read what stands behind the model's name."""
    if text.startswith("{"):  # churn@{2026-06-01}: the default status on that date
        text = f"{DEFAULT_STATUS}@{text}"
    base, back, at = text, None, None
    if not text or "~" in text or "@{" in text:  # else the pattern need not be compiled
        parts = _PARTS.fullmatch(text)
        if not parts:
            raise InvalidReference(
                "nothing after the '@'", hint="write churn@1.4.0 or churn@latest"
            )
        base, back, at = parts["base"], parts["back"], parts["at"]
    if base.startswith(("^", "~")):
        selector: Selector = VersionRange.parse(base)
    elif base.removeprefix("v")[:1] in _DIGITS:
        selector = Version.parse(base.removeprefix("v"))
    elif base == LATEST:
        selector = LATEST
    elif "@{" in base:
        hint = "write churn@production~1@{2026-06-01}"
        raise InvalidReference("a date comes last, in braces", hint=hint)
    else:
        selector = status_name(base)
    if back and not isinstance(selector, str):
        hint = "such as churn@production~1"
        raise InvalidReference(f"'~{back}' goes with a status or 'latest'", hint=hint)
    if back and (len(back) > 7 or int(back) > _MOST_BACK):
        hint = "see the holders with `gms log`"
        raise InvalidReference(f"'~{back}' goes back too far", hint=hint)
    if at and isinstance(selector, Version):
        hint = "such as churn@production@{2026-06-01}"
        raise InvalidReference("a date goes with a status, a range or 'latest'", hint=hint)
    return selector, int(back or 0), parse_moment(at) if at else None


# What callers hand to the library: of the right kind, or refused by name with an example.

_SHORT = 40  # characters of a value that a message repeats


class _Kind(NamedTuple):
    """What a parameter takes: in words, by example, by type."""

    what: str
    such_as: str
    types: tuple[type, ...] = (str,)
    error: type[StoreError] = InvalidInput


_REF = (str, ModelVersion)
_NUMBER = (str, Version, ModelVersion)
_PATH = (str, os.PathLike)
_MOMENT = (str, date)
# By the word that the parameter has in every call, or by what it is where that has two meanings.
_KINDS = {
    "bad": _Kind("a version", "'1.4.0'", _NUMBER),
    "bump": _Kind("a part of the version as text", "'minor'"),
    "card": _Kind("a dictionary of headings and texts", "{'limitations': '…'}", (Mapping,)),
    "column": _Kind("the name of a column as text", "'churned'"),
    "commit": _Kind("a commit as text", "'HEAD~1'"),
    "custom": _Kind("a dictionary", "{'ticket': 'A-17'}", (Mapping,)),
    "data": _Kind(
        "a dictionary of data sets", "{'train': 'train.csv', 'test': (X_test, y_test)}", (Mapping,)
    ),
    "digest": _Kind("a SHA-256 as text", "'sha256:9f86…'"),
    "environment": _Kind("what to do where packages differ", "'warn', 'exact' or 'ignore'"),
    "expression": _Kind("an expression as text", "'metrics.test_auc > 0.9'"),
    "field": _Kind("a field as text", "'metrics.test_auc'"),
    "file": _Kind("the name of a file as text", "'README.md'"),
    "good": _Kind("a version", "'1.0.0'", _NUMBER),
    "host": _Kind("the kind of host as text", "'github'"),
    "message": _Kind("a message as text", "'retrained on May'"),
    "metrics": _Kind("a dictionary of numbers", "{'test_auc': 0.91}", (Mapping,)),
    "model": _Kind("the name of a model as text", "'churn'", error=InvalidName),
    "moment": _Kind("a moment", "'2026-03-03' or a datetime", _MOMENT, InvalidReference),
    "number": _Kind("a version number", "'1.4.0'", (str, Version)),
    "owner": _Kind("an owner as text", "'@acme/leads'"),
    "path": _Kind("a path", "'models/churn'", _PATH),
    "propose": _Kind("True or the name of a branch", "'propose/churn'", (bool, str)),
    "reason": _Kind("a reason as text", "'drift in income'"),
    "ref": _Kind("a reference", "'churn@production'", _REF, InvalidReference),
    "remote": _Kind("a remote as text", "'origin'"),
    "role": _Kind("the role of a data set as text", "'train'"),
    "sample": _Kind("the kind of sample as text", "'synthetic' or 'rows'"),
    "seconds": _Kind("a number of seconds", "30.0", (int, float)),
    "setting": _Kind("the name of a setting as text", "'user.name'"),
    "sort": _Kind("a field to sort by as text", "'-metrics.test_auc'"),
    "status": _Kind("a status as text", "'staging'", error=InvalidName),
    "successor": _Kind("a version", "'1.4.0'", _NUMBER),
    "url": _Kind("the address of a store as text", "'git@example.org:acme/models.git'"),
    "values": _Kind("a dictionary of annotations", "{'approval': 'A-17'}", (Mapping,)),
    "version": _Kind("a version", "'1.4.0'", _NUMBER),
}


def expect(**given: object) -> None:
    """Refuse what is not of the kind that its word names in `_KINDS`, with the error named there.

    >>> expect(model="churn", status=None)
    Traceback (most recent call last):
    gitmodelstore.errors.InvalidName: expected a status as text, found None
    hint: such as 'staging'
    """
    for word, value in given.items():
        kind = _KINDS[word]
        if not isinstance(value, kind.types):
            hint = f"such as {kind.such_as}"
            raise kind.error(f"expected {kind.what}, found {shown(value)}", hint=hint)


def expect_given(**given: object) -> None:
    """Do what `expect` does, for what is not None."""
    expect(**{word: value for word, value in given.items() if value is not None})


def expect_flags(**given: object) -> None:
    """Refuse what is neither True nor False: "no" would be taken for a yes."""
    for word, value in given.items():
        if not isinstance(value, bool) and type(value).__name__ not in ("bool", "bool_"):
            what = f"expected True or False for '{word}', found {shown(value)}"
            raise InvalidInput(what, hint=f"such as {word}=True")


def expect_flags_given(**given: object) -> None:
    """Do what `expect_flags` does, for what is not None."""
    expect_flags(**{word: value for word, value in given.items() if value is not None})


def expect_function(word: str, value: object) -> None:
    """Refuse what cannot be called, with InvalidInput."""
    if not callable(value):
        hint = f"give its name without brackets: {word}=print"
        raise InvalidInput(f"expected a function for '{word}', found {shown(value)}", hint=hint)


def as_text(value: object, what: str, such_as: str, error: type[StoreError]) -> str:
    """Return text of any class as plain text; raise `error` for anything else."""
    if isinstance(value, str):
        return str.__str__(value)  # of an Enum what it stands for, and not its name
    raise error(f"expected {what} as text, found {shown(value)}", hint=f"such as '{such_as}'")


def as_texts(value: object, what: str, such_as: str) -> tuple[str, ...]:
    """Return the texts that `value` lists; a text alone is not a list of its characters."""
    return _listed(value, what, such_as, (str,), InvalidInput)


def as_refs(value: object) -> tuple[str | ModelVersion, ...]:
    """Return the references that `value` lists; InvalidReference of anything but a list."""
    return _listed(value, "references", "churn@production", _REF, InvalidReference)


def as_paths(value: object) -> tuple[str | os.PathLike[str], ...]:
    """Return the paths that `value` lists; InvalidInput of anything but a list."""
    return _listed(value, "paths", "data/train.csv", _PATH, InvalidInput)


def _listed(
    value: object, what: str, such_as: str, types: tuple[type, ...], error: type[StoreError]
) -> tuple[Any, ...]:
    listed = None if isinstance(value, (str, bytes)) else value
    items = tuple(listed) if isinstance(listed, Iterable) else (None,)
    if all(isinstance(item, types) for item in items):
        return items
    hint = f"such as {[value if isinstance(value, str) else such_as]}"
    raise error(f"expected a list of {what}, found {shown(value)}", hint=hint)


def shown(value: object) -> str:
    """Return a value as a message shows it: a short one as Python writes it, or its type."""
    plain = (type(None), bool, int, float, str, bytes, list, tuple, dict)
    text = ascii(value) if type(value) in plain else ""
    kind = type(value).__name__
    return text if 0 < len(text) <= _SHORT else f"an object of type '{kind}'"
