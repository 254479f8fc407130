"""The signatures of versions: of tag, registration, last move of status, and approvals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gitmodelstore.checks.signatures import NOT_SIGNED, NOT_VALID, Outcome, SignatureJudge, Verifier
from gitmodelstore.errors import IntegrityError
from gitmodelstore.lean import cached_property
from gitmodelstore.operations.resolve import approvals, claimed, log, manifest_sha256
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.plumbing.signing import SshVerifier
from gitmodelstore.values.events import APPROVED, REGISTERED, Event
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.version import REGISTRY

TAG = "tag"
_NO_TAG = Outcome(code=NOT_SIGNED, why="the tag does not exist, so it is not signed")


@dataclass(frozen=True, slots=True)
class Signature:
    """One commit or tag, and who has signed it.

    Attributes:
        kind: "tag", or what the commit did: registered, promoted, …, approved.
        name: of the tag; else the id of the commit.
        status: to which it moved the version, or for which it approves it; None of a tag.
        outcome: who, or why that does not count.
    """

    kind: str
    name: str
    status: str | None
    outcome: Outcome

    @property
    def is_needed(self) -> bool:
        """Whether the version is not well signed without it; approvals are the gates' business."""
        return self.kind != APPROVED


class Signatures:
    """What is signed in a store, and by whom.

    Args:
        snapshot: the store.
        verifier: who is believed; None for whom git's configuration here names.

    Raises:
        SignatureError: nobody is known who could be believed.
    """

    def __init__(self, snapshot: Snapshot, verifier: Verifier | None = None) -> None:
        repository = snapshot.repository
        believed = verifier or SshVerifier.of(repository.common_dir, repository.work_tree)
        self._snapshot = snapshot
        self._judge = SignatureJudge(repository, lambda: believed)
        self._moves: dict[tuple[str, str], Event] = {}
        self._log = log(snapshot)

    def of(self, version: ModelVersion) -> tuple[Signature, ...]:
        """Return the signatures of a version: tag, registration, last move, approvals.

        Raises:
            SignatureError: ssh-keygen is not installed.
        """
        move = self._last_move(version)
        is_claimed = (version.model, str(version.version)) in self._claimed
        stated = approvals(self._snapshot, version) if is_claimed else ()
        tag = self._snapshot.repository.tag(version.tag)
        outcomes = self._judge.outcomes(
            [version.commit, move.commit, *(one.commit for one in stated)],
            [(tag.oid, version.tag, tag.commit)] if tag else (),
        )
        made = [(REGISTERED, version.commit, REGISTERED), (move.kind, move.commit, move.after)]
        signatures = [Signature(TAG, version.tag, None, outcomes[tag.oid] if tag else _NO_TAG)]
        for kind, oid, status in made if move.kind != REGISTERED else made[:1]:
            signatures.append(Signature(kind, oid, status, outcomes[oid]))
        digest = manifest_sha256(self._snapshot, version) if stated else ""
        for one in stated:
            outcome = outcomes[one.commit]
            if outcome.is_valid and one.manifest_sha256 != digest:
                why = "replayed: it approves another manifest"
                outcome = Outcome(key=outcome.key, code=NOT_VALID, why=why)
            signatures.append(Signature(APPROVED, one.commit, one.status, outcome))
        return tuple(signatures)

    def of_commits(self, oids: Iterable[str]) -> dict[str, Outcome]:
        """Return what became of the signature of each commit, by its id.

        Raises:
            SignatureError: ssh-keygen is not installed.
        """
        return self._judge.outcomes(oids)

    @cached_property
    def _claimed(self) -> frozenset[tuple[str, str]]:
        return claimed(self._snapshot)

    def _last_move(self, version: ModelVersion) -> Event:
        """Return how a version came to its status; the history is read as far as need be."""
        key = (version.model, str(version.version))
        while key not in self._moves:
            event = next((event for event in self._log if event.is_move), None)
            if event is None:
                raise IntegrityError(f"no commit says how {version} came here", path=REGISTRY)
            self._moves.setdefault((event.model, str(event.version)), event)
        return self._moves[key]
