"""Approvals: signed statements that a version may come to a status, and which of them count.

An approval is a commit that changes no file. Its message names the version, the status
and the SHA-256 of the manifest; its signature says who approves. It is bound to its
place in the history, since a commit names its parent: nowhere else is it the same commit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from gitmodelstore.checks.fault import Judged
from gitmodelstore.checks.signatures import Outcome, overlap, people
from gitmodelstore.values.events import APPROVED
from gitmodelstore.values.names import REGISTERED, WITHDRAWN
from gitmodelstore.values.registry import Change
from gitmodelstore.values.signed import Signed, commit_parts

MISSING = "GMS063"
_TRAILER = re.compile(r"(Event|Model|Version|Status|Manifest-SHA256|Reason): (.*)")
_KEYS = ("Event", "Model", "Version", "Status", "Manifest-SHA256")


@dataclass(frozen=True, slots=True)
class Approval:
    """What a commit says, true or not, of who approves what.

    >>> [approval.who for approval in store.approvals("churn@1.1.0")]
    []

    Attributes:
        model, version: which version.
        status: the status that it may come to.
        manifest_sha256: of the manifest that was approved, 64 hexadecimal digits.
        commit: id of the commit that says so.
        who: the author of that commit, as "Name <email>"; who signed it is another matter.
        when: the committer's date of that commit, UTC; the effective one where readers are told.
        why: the reason given; None without one.
        signed: the commit, taken apart.
    """

    model: str
    version: str
    status: str
    manifest_sha256: str
    commit: str
    who: str
    when: datetime
    why: str | None
    signed: Signed


@dataclass(frozen=True, slots=True)
class Step:
    """One commit of the branch, as the search for approvals needs it.

    Attributes:
        commit: its id.
        raw: its content.
        parent_tree: id of the tree of its first parent; None without one.
        withdraws: whether it withdraws the version that is asked about.
    """

    commit: str
    raw: bytes
    parent_tree: str | None
    withdraws: bool = False


@dataclass(frozen=True, slots=True)
class Tally:
    """Which approvals count.

    Attributes:
        counted: the approvals of different people, each with its outcome, newest first.
        passed_over: the others, each with the reason why it does not count.
    """

    counted: tuple[tuple[Approval, Outcome], ...]
    passed_over: tuple[tuple[Approval, str], ...]


def approval_text(
    model: str, version: str, status: str, manifest_sha256: str, reason: str | None
) -> str:
    """Return the message of a commit that approves a version for a status."""
    lines = [f"Event: {APPROVED}", f"Model: {model}", f"Version: {version}", f"Status: {status}"]
    lines.append(f"Manifest-SHA256: {manifest_sha256}")
    if one_line := " ".join((reason or "").split()):
        lines.append(f"Reason: {one_line}")
    trailers = "\n".join(lines)
    return f"approve {model} {version} for {status}\n\n{trailers}\n"


def approval_of(step: Step) -> Approval | None:
    """Return what a commit approves; None where it approves nothing.

    A commit that changes a file, or has several parents, or says it of several
    versions, is none.
    """
    if f"\nEvent: {APPROVED}\n".encode() not in step.raw:
        return None
    parts = commit_parts(step.raw)
    if parts.header("tree") != step.parent_tree or len(parts.headers.get("parent", ())) != 1:
        return None
    said: dict[str, str] = {}
    for line in parts.message.rstrip().rpartition("\n\n")[2].splitlines():
        found = _TRAILER.fullmatch(line)
        if found is None or found[1] in said:
            return None
        said[found[1]] = found[2]
    if parts.when is None or said.get("Event") != APPROVED or not said.keys() >= set(_KEYS):
        return None
    return Approval(
        said["Model"],
        said["Version"],
        said["Status"],
        said["Manifest-SHA256"],
        step.commit,
        parts.header("author").rpartition(" ")[0].rpartition(" ")[0],
        parts.when,
        said.get("Reason"),
        parts,
    )


def standing(steps: Iterable[Step], model: str, version: str) -> Iterator[Approval]:
    """Yield the approvals of a version that stand: those younger than its last withdrawal.

    Args:
        steps: the branch along first parents, newest first, as far back as the commit
            that introduced the version.
        model, version: which version.
    """
    for step in steps:
        if step.withdraws:
            return
        found = approval_of(step)
        if found is not None and (found.model, found.version) == (model, version):
            yield found


def tally(
    approvals: Iterable[tuple[Approval, Outcome]],
    *,
    model: str,
    version: str,
    status: str,
    manifest_sha256: str,
    author: Iterable[str],
    promoter: Iterable[str],
) -> Tally:
    """Say which approvals count for a move of a version to a status.

    Args:
        approvals: those that stand, newest first, each with what became of its signature.
        model, version, status: the move.
        manifest_sha256: of the version's manifest.
        author: what the author of the version is known by: e-mail address, principals and
            key of the signature on the commit that introduced it.
        promoter: likewise of who moves it.
    """
    counted: list[tuple[Approval, Outcome]] = []
    passed: list[tuple[Approval, str]] = []
    known: frozenset[str] = frozenset()
    for approval, outcome in approvals:
        names = outcome.names | people(approval.who)
        if (approval.model, approval.version) != (model, version):
            why = f"it is of {approval.model} {approval.version}"
        elif approval.status != status:
            why = f"it is for {approval.status}"
        elif approval.manifest_sha256 != manifest_sha256:
            why = "it is of another manifest"
        elif not outcome.is_valid:
            why = outcome.why
        elif overlap(names, people(*author)):
            why = "the author of the version does not count"
        elif overlap(names, people(*promoter)):
            why = "who moves the version does not count"
        elif overlap(outcome.names, known):
            why = "the same person counts once"
        else:
            known |= outcome.names
            counted.append((approval, outcome))
            continue
        passed.append((approval, why))
    return Tally(tuple(counted), tuple(passed))


def judge_approvals(
    needed: int, found: Tally, change: Change, way_back: str = REGISTERED
) -> Judged:
    """Return whether enough people have approved a move.

    Args:
        needed: how many must have.
        found: which approvals count.
        change: the move.
        way_back: to which status a withdrawn version comes back before it is approved: only
            what is said after its withdrawal counts.
    """
    count, ref = len(found.counted), f"{change.model}@{change.version}"
    value = f"{count} of {needed}"
    what = f"{value} approvals of {change.model} {change.version} for {change.after}"
    if found.counted:
        what += f" (by {', '.join(_signer(outcome) for _, outcome in found.counted)})"
    if count >= needed:
        return Judged("approvals", value, str(needed), True, what, code=MISSING)
    for approval, why in found.passed_over:
        what += f"; {approval.commit[:7]} by {approval.who} does not count: {why}"
    mend = f"somebody else types: gms approve {ref} {change.after}"
    if change.before == WITHDRAWN:
        mend = f"gms promote {ref} {way_back} --reason TEXT"
    return Judged("approvals", value, str(needed), False, what, mend, MISSING)


def _signer(outcome: Outcome) -> str:
    return ", ".join(outcome.signers)
