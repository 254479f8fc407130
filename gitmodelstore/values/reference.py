"""References: the one grammar in which a version is named, everywhere.

    churn                           the version in production
    churn@1.4.0   churn@v1.4.0      exactly that version
    churn@production                the version that holds a status
    churn@latest                    the highest release
    churn@^1.2    churn@~1.2        the highest release of a range
    churn@production~1              the holder before
    churn@production@{2026-06-01}   the holder on that date
    4f0c2a9                         what a commit introduced

The spellings of GTO (`churn#production`), MLflow (`models:/churn@production`,
`models:/churn/1.4.0`) and BentoML (`churn:latest`) mean the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gitmodelstore.errors import InvalidReference, StoreError
from gitmodelstore.values.moment import parse_moment
from gitmodelstore.values.names import model_name, quoted, status_name
from gitmodelstore.values.version import Version, VersionRange

LATEST = "latest"
DEFAULT_STATUS = "production"
_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_PARTS = re.compile(r"(?P<base>.+?)(?:~(?P<back>[0-9]+))?(?:@\{(?P<at>[^{}]+)\})?", re.DOTALL)
_MOST_BACK = 1_000_000

Selector = Version | VersionRange | str


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed reference.

    Attributes:
        text: as it was written.
        model: the model's name.
        selector: a Version, a VersionRange, "latest" or a status.
        back: how many holders (or releases) to go back; 0 for the one itself.
        at: the moment at which to look; None for now.
        commit: the commit id, possibly abbreviated, where `text` can be one; else None.
    """

    text: str
    model: str
    selector: Selector
    back: int = 0
    at: datetime | None = None
    commit: str | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Return the reference that `text` spells.

        >>> Reference.parse("models:/churn/1.4.0").selector
        Version('1.4.0')

        Raises:
            InvalidReference: `text` follows no line of the grammar; the message says which part.
        """
        if not isinstance(text, str) or not text:
            raise InvalidReference(
                f"expected a reference such as 'churn@production', found {text!r}",
                hint="such as 'churn', 'churn@1.4.0' or 'churn@latest'",
            )
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

    @property
    def kind(self) -> Literal["exact", "range", "latest", "status"]:
        if isinstance(self.selector, Version):
            return "exact"
        if isinstance(self.selector, VersionRange):
            return "range"
        return "latest" if self.selector == LATEST else "status"

    def __str__(self) -> str:
        return self.text


def _split(text: str) -> tuple[str, str, str]:
    """Return the model's name, the separator and the rest, whatever tool's spelling it is."""
    if text.startswith("models:/"):
        plain = text.removeprefix("models:/").lstrip("/")
        return plain.partition("@") if "@" in plain else plain.partition("/")
    found = re.search(r"[@#:]", text)
    return text.partition(found.group()) if found else (text, "", "")


def _read_selector(text: str) -> tuple[Selector, int, datetime | None]:
    """Read what stands behind the model's name."""
    if text.startswith("{"):  # churn@{2026-06-01}: the default status on that date
        text = f"{DEFAULT_STATUS}@{text}"
    parts = _PARTS.fullmatch(text)
    if not parts:
        raise InvalidReference("nothing behind the '@'", hint="write churn@1.4.0 or churn@latest")
    base, back, at = parts["base"], parts["back"], parts["at"]
    if base.startswith(("^", "~")):
        selector: Selector = VersionRange.parse(base)
    elif re.match(r"v?[0-9]", base):
        selector = Version.parse(base.removeprefix("v"))
    elif base == LATEST:
        selector = LATEST
    elif "@{" in base:
        raise InvalidReference(
            "a date stands last, between braces", hint="write churn@production~1@{2026-06-01}"
        )
    else:
        selector = status_name(base)
    if back and not isinstance(selector, str):
        raise InvalidReference(
            f"'~{back}' goes with a status or 'latest'", hint="such as churn@production~1"
        )
    if back and (len(back) > 7 or int(back) > _MOST_BACK):
        raise InvalidReference(
            f"'~{back}' goes back too far", hint="see the holders with `gms log`"
        )
    if at and isinstance(selector, Version):
        raise InvalidReference(
            "a date goes with a status, a range or 'latest'",
            hint="such as churn@production@{2026-06-01}",
        )
    return selector, int(back or 0), parse_moment(at) if at else None
