"""Whether commits and tags are signed as the settings of the store ask for.

Who is believed is said by a list of whoever judges, behind a `Verifier`; a store names
principals only. An override of a gate lifts none of this: it says what was not met, not who.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Protocol

from gitmodelstore.checks.approvals import Step as Said
from gitmodelstore.checks.approvals import Tally, move_faults, standing, tally
from gitmodelstore.checks.fault import Fault
from gitmodelstore.checks.history import first_parents
from gitmodelstore.checks.objects import Objects
from gitmodelstore.checks.signatures import (
    Outcome,
    people,
    signature_faults,
    under_its_name,
)
from gitmodelstore.checks.tree import folder_names
from gitmodelstore.errors import FormatError
from gitmodelstore.values.events import APPROVED
from gitmodelstore.values.gates import Gate
from gitmodelstore.values.layout import MANIFEST, REGISTRY
from gitmodelstore.values.objects import Commit
from gitmodelstore.values.policy import WITHDRAWN, Policy
from gitmodelstore.values.registry import EMPTY, Change
from gitmodelstore.values.registry_text import changes_between
from gitmodelstore.values.signed import Signed, commit_parts, tag_parts

_NOTHING = EMPTY.render()
_NOBODY = Tally((), ())


class Verifier(Protocol):
    """Who says what becomes of signatures."""

    def outcomes(self, objects: Sequence[Signed]) -> list[Outcome]:
        """Say what becomes of the signatures of several commits and tags, in their order."""
        ...


def asks(policy: Policy) -> bool:
    """Whether the settings of a store ask for any signature."""
    return policy.require_signed or any(map(_asks, policy.gates.values()))


class SignatureJudge:
    """Judges signatures of one repository, each commit once.

    Args:
        objects: the repository.
        verifier: who is believed.
    """

    def __init__(self, objects: Objects, verifier: Verifier) -> None:
        self._objects = objects
        self._verifier = verifier
        self._outcomes: dict[str, Outcome] = {}

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
            SignatureError: the program that verifies is not installed.
        """
        commit = self._objects.commit(oid)
        line = (parent,) if parent else commit.parents[:1]
        found = list(signature_faults(self._outcome(commit), signed=policy.require_signed))
        yield from found
        for change in changes:
            gate = policy.gates.get(change.after or "")
            if gate is not None and _asks(gate):
                # Unsigned or not valid is said once.
                wrong = self._move_faults(commit, line, gate, change)
                yield from (fault for fault in wrong if fault not in found)

    def tag_faults(self, name: str, oid: str, commit: Commit) -> Iterator[Fault]:
        """Yield what is wrong with the signature of a tag that must have one.

        Args:
            name: of its ref, without refs/tags/.
            oid: id of the tag object.
            commit: on which it stands.
        """
        signed = tag_parts(self._objects.raw(oid)).not_before(commit.when)
        (outcome,) = self._verifier.outcomes([signed])
        yield from signature_faults(under_its_name(outcome, signed, name), path=f"refs/tags/{name}")

    def _move_faults(
        self, commit: Commit, line: tuple[str, ...], gate: Gate, change: Change
    ) -> Iterator[Fault]:
        outcome = self._outcome(commit)
        found = self._tally(commit, line, change, outcome) if gate.approvals else _NOBODY
        return move_faults(
            outcome,
            found,
            signed=gate.signed,
            signers=gate.signers,
            approvals=gate.approvals,
            model=change.model,
            version=str(change.version),
            status=change.after or "",
        )

    def _tally(
        self, commit: Commit, parent: tuple[str, ...], change: Change, outcome: Outcome
    ) -> Tally:
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
            promoter=people(commit.author, commit.committer) | outcome.names,
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
            parent = commit.parents[0] if commit.parents else None
            made = self._objects.commit(parent).when if parent else None
            signed = commit_parts(self._objects.raw(commit.oid)).not_before(made)
            (self._outcomes[commit.oid],) = self._verifier.outcomes([signed])
        return self._outcomes[commit.oid]


def _asks(gate: Gate) -> bool:
    return gate.signed or bool(gate.signers) or gate.approvals > 0
