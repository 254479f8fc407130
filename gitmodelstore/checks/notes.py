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

from gitmodelstore.cached import cached_property
from gitmodelstore.checks.fault import Judged
from gitmodelstore.checks.history import clock_behind, effective_date, first_parents
from gitmodelstore.checks.objects import Objects
from gitmodelstore.checks.signatures import Outcome, overlap, people
from gitmodelstore.errors import FormatError, IntegrityError, InvalidVersion, MissingObject
from gitmodelstore.values.events import APPROVED, Scalar
from gitmodelstore.values.gates import Annotation, Said, read_annotations, says_annotated
from gitmodelstore.values.names import REGISTERED, WITHDRAWN
from gitmodelstore.values.objects import Commit
from gitmodelstore.values.registry import Change, names_version
from gitmodelstore.values.signers import Signed, commit_parts
from gitmodelstore.values.version import REGISTRY, Version

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


# Annotations in the history: which of them count of a version, for library and server alike.


class Annotations:
    """The annotations of one line of first parents.

    Args:
        objects: the repository.
        tip: id of the commit at its end.
    """

    def __init__(self, objects: Objects, tip: str) -> None:
        self._objects = objects
        self._tip = tip
        self._held: dict[tuple[str, str, Version], bool] = {}  # by the blob of a registry.json

    def of(
        self, model: str, version: Version, *, since: str | None = None
    ) -> dict[str, Annotation]:
        """Return the annotations of a version by key, those that were taken back left out.

        Args:
            model, version: which version.
            since: id of the commit that introduced it, behind which there are none; None
                looks at the whole line.
        """
        latest: dict[str, Annotation] = {}
        for commit in first_parents(self._objects, self._tip):
            for maker, said in reversed(list(self.said_by(commit))):
                if (said.model, said.version) == (model, str(version)):
                    if not self.has(commit, model, version):
                        continue
                    when = self.date(commit)
                    for one in reversed(list(annotations_of(said, maker, when))):
                        latest.setdefault(one.key, one)
            if commit.oid == since:
                break
        return {key: latest[key] for key in sorted(latest) if latest[key].value is not None}

    def of_all(self) -> dict[tuple[str, str], dict[str, Scalar]]:
        """Return key to value of what counts of each model and version that is annotated."""
        latest: dict[tuple[str, str], dict[str, Scalar | None]] = {}
        for commit in first_parents(self._objects, self._tip):
            for _, said in reversed(list(self.said_by(commit))):
                try:
                    is_there = self.has(commit, said.model, Version.parse(said.version))
                except InvalidVersion:
                    continue
                if is_there:
                    known = latest.setdefault((said.model, said.version), {})
                    for key, value in reversed(said.values):
                        known.setdefault(key, value)
        return {
            version: {key: value for key, value in sorted(known.items()) if value is not None}
            for version, known in latest.items()
        }

    def date(self, commit: Commit) -> datetime:
        """Return the effective date of a commit."""
        return effective_date(self._objects, commit.oid)

    def clock(self, commit: Commit) -> datetime | None:
        """Return what a clock that was behind said of a commit: see `clock_behind`."""
        return clock_behind(self._objects, commit)

    def said_by(self, commit: Commit) -> Iterator[tuple[Commit, Said]]:
        """Yield what a commit of the line annotates, the earliest first, each with who says it."""
        for maker in self._brought_by(commit):
            if says_annotated(maker.message):
                yield from ((maker, said) for said in read_annotations(maker.message))

    def has(self, commit: Commit, model: str, version: Version) -> bool:
        """Whether the registry of a commit has a version; one that cannot be read has none."""
        entry = self._objects.entries(commit.tree).get(REGISTRY)
        if entry is None:
            return False
        asked = entry.oid, model, version
        if asked not in self._held:
            try:
                data = self._objects.content(entry.oid, REGISTRY)
                self._held[asked] = names_version(data, model, version)
            except (FormatError, IntegrityError, MissingObject):
                self._held[asked] = False
        return self._held[asked]

    def _brought_by(self, commit: Commit) -> Iterator[Commit]:
        """Yield the commits that a merge brings to the line, then the commit itself."""
        if len(commit.parents) > 1:
            yield from (self._objects.commit(oid) for oid in self._merged.get(commit.oid, ()))
        yield commit

    @cached_property
    def _merged(self) -> dict[str, list[str]]:
        """Which commits each merge of the line brings to it, the earliest first.

        All are found in one walk: to ask for each merge alone what is behind both of its
        parents would take the square of the history.
        """
        found: dict[str, list[str]] = {}
        seen: set[str] = set()
        for commit in reversed(list(first_parents(self._objects, self._tip))):
            if len(commit.parents) > 1:
                found[commit.oid] = list(self._unseen(commit.parents[1:], seen))
            seen.add(commit.oid)
        return found

    def _unseen(self, tips: Iterable[str], seen: set[str]) -> Iterator[str]:
        """Yield the commits behind `tips` that were not seen yet, parents first; now they are."""
        ahead = [(oid, False) for oid in reversed(list(tips))]
        while ahead:
            oid, is_done = ahead.pop()
            if is_done:
                yield oid
            elif oid not in seen:
                seen.add(oid)
                ahead.append((oid, True))
                ahead += [(parent, False) for parent in reversed(self._objects.commit(oid).parents)]


def annotations_of(said: Said, maker: Commit, when: datetime) -> Iterator[Annotation]:
    """Yield what a group of trailers says, key by key.

    Args:
        said: the group.
        maker: the commit whose message holds it.
        when: the date of the one that brought that to the branch: of itself, or of a merge.
    """
    for key, value in said.values:
        yield Annotation(key, value, maker.oid, maker.author, when, said.why)


def values_of(
    annotations: dict[str, Annotation], message: str, model: str, version: Version
) -> dict[str, Scalar]:
    """Return the values that count of a version at a commit.

    Args:
        annotations: those of the line behind it.
        message: its own, with those that it merges before it.
        model, version: which version.
    """
    found: dict[str, Scalar | None] = {key: one.value for key, one in annotations.items()}
    for said in read_annotations(message):
        if (said.model, said.version) == (model, str(version)):
            found.update(said.values)
    return {key: value for key, value in found.items() if value is not None}
