"""Events: what the first-parent difference of registry.json says happened.

The difference is the event. The trailers of the commit message may explain it
(that a promotion was a rollback, and why); where they contradict the difference
they are passed over, so an edit by hand, a merge or a squash on a git host is as
good an event as our own commands write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from gitmodelstore.values.policy import ARCHIVED, WITHDRAWN
from gitmodelstore.values.registry import Change
from gitmodelstore.values.version import Version

REGISTERED = "registered"
PROMOTED = "promoted"
ROLLED_BACK = "rolled-back"
REMOVED = "removed"
APPROVED = "approved"  # moves nothing: a signed statement that a version may come to a status
KINDS = (REGISTERED, PROMOTED, ARCHIVED, WITHDRAWN, ROLLED_BACK, REMOVED)

_TRAILER = re.compile(r"(Event|Model|Version|From|To|Reason): (.*)")


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one version's status, or an approval of one.

    Attributes:
        kind: one of KINDS, or APPROVED.
        model, version: which version.
        before: its status until then; None when it was registered.
        after: its status from then on; None when it was removed by hand.
        commit: the commit that made it so.
        when: the committer's date of that commit, UTC.
        who: the author of that commit, as "Name <email>".
        why: the reason given; None without one.
        approved_for: of an approval, which changes no status, the status that the version
            may come to; None of everything else.
    """

    kind: str
    model: str
    version: Version
    before: str | None
    after: str | None
    commit: str
    when: datetime
    who: str
    why: str | None
    approved_for: str | None = None

    def __str__(self) -> str:
        """Return one line, as `churn 1.2.0 promoted: registered -> production (better)`."""
        why = f" ({self.why})" if self.why else ""
        if self.approved_for is not None:
            return f"{self.model} {self.version} {self.kind} for {self.approved_for}{why}"
        moved = " -> ".join(status for status in (self.before, self.after) if status)
        return f"{self.model} {self.version} {self.kind}: {moved}{why}"


@dataclass(frozen=True, slots=True)
class Explained:
    """What the trailers of one commit say of one version."""

    kind: str
    before: str | None
    after: str | None
    why: str | None


def kind_of(change: Change) -> str:
    """Return what a change of status is called when no trailer says more."""
    if change.before is None:
        return REGISTERED
    if change.after is None:
        return REMOVED
    return change.after if change.after in (ARCHIVED, WITHDRAWN) else PROMOTED


def events_of(
    changes: Iterable[Change], message: str, *, commit: str, when: datetime, who: str
) -> tuple[Event, ...]:
    """Return the events of one commit.

    Args:
        changes: its first-parent difference of registry.json.
        message: its whole message.
        commit, when, who: its id, committer date and author.
    """
    explained = read_trailers(message)
    found = []
    for change in changes:
        said = explained.get((change.model, str(change.version)))
        agrees = said is not None and (said.before, said.after) == (change.before, change.after)
        kind = said.kind if said and agrees and _may_be(said.kind, change) else kind_of(change)
        found.append(
            Event(
                kind,
                change.model,
                change.version,
                change.before,
                change.after,
                commit,
                when,
                who,
                said.why if said and agrees else None,
            )
        )
    return tuple(found)


def write_trailers(changes: Mapping[Change, str], reason: str | None) -> str:
    """Return the trailer paragraph for changes and the kind of each.

    Line ends in the reason become spaces: a trailer is one line.
    """
    lines = []
    for change, kind in changes.items():
        lines += [f"Event: {kind}", f"Model: {change.model}", f"Version: {change.version}"]
        lines += [f"From: {change.before}"] if change.before else []
        lines += [f"To: {change.after}"] if change.after else []
    if one_line := " ".join((reason or "").split()):
        lines.append(f"Reason: {one_line}")
    return "\n".join(lines)


def read_trailers(message: str) -> dict[tuple[str, str], Explained]:
    """Return what the trailers of a commit message say, by model and version.

    Every paragraph is read, since a squash on a git host joins several messages;
    a group begins at each `Event:` and the reason below the last group holds for
    all of its paragraph.
    """
    explained: dict[tuple[str, str], Explained] = {}
    for paragraph in re.split(r"\n\s*\n", message):
        groups: list[dict[str, str]] = []
        for line in paragraph.splitlines():
            found = _TRAILER.fullmatch(line.strip())
            if found and found[1] == "Event":
                groups.append({})
            if found and groups:
                groups[-1][found[1]] = found[2].strip()
        reason = groups[-1].get("Reason") if groups else None
        for group in groups:
            if group["Event"] == APPROVED:  # which says nothing of a move in the same commit
                continue
            key = (group.get("Model", ""), group.get("Version", ""))
            explained[key] = Explained(
                group["Event"], group.get("From"), group.get("To"), group.get("Reason", reason)
            )
    return explained


def _may_be(kind: str, change: Change) -> bool:
    """Whether a trailer may call the change so: only a rollback says more than the difference."""
    return kind == kind_of(change) or (kind == ROLLED_BACK and kind_of(change) == PROMOTED)
