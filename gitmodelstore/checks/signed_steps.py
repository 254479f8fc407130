"""Whether commits and tags are signed as the settings of the store ask for.

Who is believed is said by a list of whoever judges, behind a `Verifier`; a store names
principals only. An override of a gate lifts none of this: it says what was not met, not who.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from gitmodelstore.cached import cached_property
from gitmodelstore.checks.fault import Fault, Judged
from gitmodelstore.checks.folder import folder_names
from gitmodelstore.checks.history import first_parents, made_at
from gitmodelstore.checks.notes import Step as Said
from gitmodelstore.checks.notes import Tally, judge_approvals, standing, tally
from gitmodelstore.checks.objects import Objects
from gitmodelstore.checks.registry import typed
from gitmodelstore.checks.signatures import (
    NOT_ALLOWED,
    NOT_VALID,
    SIGN,
    Outcome,
    judge_signature,
    listed,
    people,
    signature_faults,
    under_its_name,
)
from gitmodelstore.errors import FormatError, SignatureError
from gitmodelstore.values.events import APPROVED
from gitmodelstore.values.names import REGISTERED, WITHDRAWN
from gitmodelstore.values.objects import Commit
from gitmodelstore.values.policy import Policy
from gitmodelstore.values.registry import EMPTY, Change, changes_between
from gitmodelstore.values.signers import Signed, commit_parts, tag_parts
from gitmodelstore.values.version import MANIFEST, REGISTRY

_NOTHING = EMPTY.render()
_NOBODY = Tally((), ())


class Verifier(Protocol):
    """Who says what becomes of signatures."""

    def outcomes(self, objects: Sequence[Signed]) -> list[Outcome]:
        """Say what becomes of the signatures of several commits and tags, in their order."""
        ...


def asks(policy: Policy, changes: Sequence[Change]) -> bool:
    """Whether the settings of a store ask who signs a commit that makes these changes."""
    return policy.require_signed or any(_asks(policy, change) for change in changes)


class SignatureJudge:
    """Judges signatures of one repository, each commit once.

    Args:
        objects: the repository.
        verifier: returns who is believed; it is called for the first signature that
            something is asked of, so that nobody needs a list of signers for other moves.
    """

    def __init__(self, objects: Objects, verifier: Callable[[], Verifier]) -> None:
        self._objects = objects
        self._make_verifier = verifier
        self._outcomes: dict[str, Outcome] = {}

    @cached_property
    def _verifier(self) -> Verifier:
        return self._make_verifier()

    def commit_faults(
        self, oid: str, policy: Policy, changes: Sequence[Change], parent: str | None = None
    ) -> Iterator[Fault]:
        """Yield what is wrong with the signature of a commit, and with the approvals of its moves.

        Args:
            oid: the commit.
            policy: of the parent from which it is judged.
            changes: from the registry of that parent to its own.
            parent: which one; None for the first.

        Raises:
            SignatureError: every commit must be signed, and nobody is known who could be
                believed; or the program that verifies is not installed.
        """
        found: list[Fault] = []
        if policy.require_signed:
            found += signature_faults(self._outcome(self._objects.commit(oid)))
        yield from found
        for change in changes:
            for one in self.conditions(oid, policy, change, parent):
                fault = Fault(one.code, "", one.what, mend=one.mend)
                if not one.passed and fault not in found:  # unsigned or not valid is said once
                    found.append(fault)
                    yield fault

    def conditions(
        self, oid: str, policy: Policy, change: Change, parent: str | None = None
    ) -> Iterator[Judged]:
        """Yield what a gate asks of who makes a move and of who approves it, met or not.

        Where approvals are asked for, the move must be signed too: otherwise nobody knows who
        makes it, and whether that person has approved it.

        Args:
            oid: the commit that makes the move.
            policy: of the parent from which it is judged.
            change: the move.
            parent: which one; None for the first.
        """
        gate = policy.gates.get(change.after or "")
        if gate is None or not asks(policy, [change]):
            return
        commit, needed = self._objects.commit(oid), gate.approvals
        try:
            yield _judge_signer(self._outcome(commit), gate.signers, change)
        except SignatureError as error:
            yield _unknown("the signature cannot be verified", "signed", error)
        if not needed:
            return
        try:
            tally = self._tally(commit, (parent,) if parent else commit.parents[:1], change)
            yield judge_approvals(needed, tally, change, _way_back(policy))
        except SignatureError as error:
            yield _unknown("the approvals cannot be counted", f"{needed} approvals", error)

    def tag_faults(self, name: str, oid: str, commit: Commit) -> Iterator[Fault]:
        """Yield what is wrong with the signature of a tag that must have one.

        Args:
            name: of its ref, without refs/tags/.
            oid: id of the tag object.
            commit: on which it stands.
        """
        made = made_at(self._objects, commit.oid)
        signed = tag_parts(self._objects.raw(oid)).not_before(made)
        (outcome,) = self._verifier.outcomes([signed])
        yield from signature_faults(under_its_name(outcome, signed, name), path=f"refs/tags/{name}")

    def _tally(self, commit: Commit, parent: tuple[str, ...], change: Change) -> Tally:
        """Say which approvals of a version count for the move that a commit makes."""
        if change.before is None or not parent:
            return _NOBODY  # nobody can have approved what was not there
        line = self._since_registered(parent[0], change)
        registered = line[-1]
        model, version = change.model, str(change.version)
        held = folder_names(self._objects, registered.tree).get(model)
        manifest = self._objects.entries(held.oid).get(MANIFEST) if held else None
        if manifest is None:
            return _NOBODY
        approvals = list(standing(self._steps(line[:-1], change), model, version))
        outcomes = [self._outcome(self._objects.commit(one.commit)) for one in approvals]
        author = people(registered.author, registered.committer)
        return tally(
            zip(approvals, outcomes, strict=True),
            model=model,
            version=version,
            status=change.after or "",
            manifest_sha256=hashlib.sha256(
                self._objects.content(manifest.oid, MANIFEST)
            ).hexdigest(),
            author=author | self._outcome(registered).names,
            promoter=people(commit.author, commit.committer) | self._outcome(commit).names,
        )

    def _since_registered(self, tip: str, change: Change) -> list[Commit]:
        """Return the commits along first parents down to the one that brought a version."""
        line = []
        for commit in first_parents(self._objects, tip):
            line.append(commit)
            brought = (
                one
                for one in self._changes(commit)
                if one.before is None and (one.model, one.version) == (change.model, change.version)
            )
            if next(brought, None):
                break
        return line

    def _steps(self, line: Sequence[Commit], change: Change) -> Iterator[Said]:
        for commit in line:
            says = f"\nEvent: {APPROVED}\n" in commit.message
            withdraws = any(
                (one.model, one.version, one.after) == (change.model, change.version, WITHDRAWN)
                for part in (commit, *self._merged(commit))
                for one in self._changes(part)
            )
            raw = self._objects.raw(commit.oid) if says else b""
            parent = self._objects.commit(commit.parents[0]).tree if commit.parents else None
            yield Said(commit.oid, raw, parent, withdraws)

    def _merged(self, commit: Commit) -> Iterator[Commit]:
        """Yield the commits that a merge brings: it may have been the branch that came to us."""
        for other in commit.parents[1:]:
            for oid in self._objects.between(commit.parents[0], other):
                yield self._objects.commit(oid)

    def _changes(self, commit: Commit) -> tuple[Change, ...]:
        """Return what a commit changes in the registry; nothing where one of the two is none."""
        before = self._objects.commit(commit.parents[0]).tree if commit.parents else None
        old, new = self._registry(before), self._registry(commit.tree)
        if old == new:
            return ()
        try:
            return changes_between(old, new)
        except FormatError:
            return ()

    def _registry(self, root: str | None) -> bytes:
        entry = self._objects.entries(root).get(REGISTRY) if root else None
        return self._objects.content(entry.oid, REGISTRY) if entry else _NOTHING

    def _outcome(self, commit: Commit) -> Outcome:
        if commit.oid not in self._outcomes:
            made = made_at(self._objects, commit.oid)
            signed = commit_parts(self._objects.raw(commit.oid)).not_before(made)
            (self._outcomes[commit.oid],) = self._verifier.outcomes([signed])
        return self._outcomes[commit.oid]


def _asks(policy: Policy, change: Change) -> bool:
    """Whether the gate that a change passes asks who makes it, or who approves it."""
    gate = policy.gates.get(change.after or "")
    return gate is not None and (gate.signed or bool(gate.signers) or gate.approvals > 0)


def _way_back(policy: Policy) -> str:
    """Return a status to which a withdrawn version may come without being approved."""
    free = [one for one in policy.statuses if one not in policy.gates and one != WITHDRAWN]
    return next((one for one in free if policy.allows(WITHDRAWN, one)), REGISTERED)


def _judge_signer(outcome: Outcome, signers: Sequence[str], change: Change) -> Judged:
    purpose = f"move a version to {change.after}"
    found = judge_signature(outcome, signers=signers, purpose=purpose)
    if found.code != NOT_ALLOWED:
        return found
    return replace(found, mend=f"{listed(signers, 'or')} types: {typed(change)} {SIGN}")


def _unknown(what: str, bound: str, error: SignatureError) -> Judged:
    """Return a condition of which nobody here can say whether it is met."""
    mend = error.hint or ""
    return Judged("signed", "unknown", bound, False, f"{what}: {error}", mend, NOT_VALID)
