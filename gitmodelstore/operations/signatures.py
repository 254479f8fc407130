"""The signatures of versions: of tag, registration, last move of status, and approvals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gitmodelstore.cached import cached_property
from gitmodelstore.checks.history import made_at
from gitmodelstore.checks.notes import Approval, Tally, tally
from gitmodelstore.checks.signatures import NOT_SIGNED, NOT_VALID, Outcome, people, under_its_name
from gitmodelstore.errors import IntegrityError
from gitmodelstore.operations.resolve import approvals, claimed, log, manifest_sha256
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.plumbing.signing import Verifier
from gitmodelstore.values.events import APPROVED, REGISTERED, Event
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.signers import Signed, commit_parts, tag_parts
from gitmodelstore.values.version import REGISTRY

TAG = "tag"
_NO_TAG = Outcome(code=NOT_SIGNED, why="there is no such tag, so nobody has signed it")


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
    """What is signed in a store, and by whom; each commit is verified once."""

    def __init__(self, snapshot: Snapshot) -> None:
        repository = snapshot.repository
        self._snapshot = snapshot
        self._verifier = Verifier.of(repository.common_dir, repository.work_tree)
        self._known: dict[str, Outcome] = {}  # by id of the commit or tag
        self._moves: dict[tuple[str, str], Event] = {}
        self._log = log(snapshot)

    def of(self, version: ModelVersion) -> tuple[Signature, ...]:
        """Return the signatures of a version: tag, registration, last move, approvals.

        Raises:
            SignatureError: ssh-keygen is not installed.
        """
        repository = self._snapshot.repository
        move = self._last_move(version)
        found = self._approvals(version)
        tag = repository.tag(version.tag)
        objects = {version.commit: self._commit(version.commit)}
        if move.kind != REGISTERED:
            objects[move.commit] = self._commit(move.commit)
        objects |= {approval.commit: self._commit(approval.commit) for approval in found}
        if tag is not None:
            made = made_at(repository, tag.commit)
            objects[tag.oid] = tag_parts(repository.raw(tag.oid)).not_before(made)
        self._verify(objects)
        named = _NO_TAG
        if tag is not None:
            named = under_its_name(self._known[tag.oid], objects[tag.oid], version.tag)
        signatures = [
            Signature(TAG, version.tag, None, named),
            Signature(REGISTERED, version.commit, REGISTERED, self._known[version.commit]),
        ]
        if move.kind != REGISTERED:
            outcome = self._known[move.commit]
            signatures.append(Signature(move.kind, move.commit, move.after, outcome))
        digest = manifest_sha256(self._snapshot, version) if found else ""
        signatures += [self._approval(approval, digest) for approval in found]
        return tuple(signatures)

    def of_commits(self, oids: Iterable[str]) -> dict[str, Outcome]:
        """Return what became of the signature of each commit, by its id.

        Raises:
            SignatureError: ssh-keygen is not installed.
        """
        wanted = list(oids)
        self._verify({oid: self._commit(oid) for oid in wanted})
        return {oid: self._known[oid] for oid in wanted}

    def approvals(self, version: ModelVersion) -> tuple[tuple[Approval, Outcome], ...]:
        """Return the approvals of a version that stand, each with who has signed it.

        Raises:
            SignatureError: ssh-keygen is not installed.
        """
        found = self._approvals(version)
        self._verify({approval.commit: self._commit(approval.commit) for approval in found})
        return tuple((approval, self._known[approval.commit]) for approval in found)

    def tally(self, version: ModelVersion, status: str, promoter: str) -> Tally:
        """Say which approvals count where somebody moves a version to a status.

        Args:
            version, status: the move.
            promoter: who makes it, as "Name <email>".

        Raises:
            SignatureError: ssh-keygen is not installed.
            IntegrityError, FormatError: the manifest is not the one that was released.
        """
        self._verify({version.commit: self._commit(version.commit)})
        author = self._snapshot.repository.commit(version.commit).author
        return tally(
            self.approvals(version),
            model=version.model,
            version=str(version.version),
            status=status,
            manifest_sha256=manifest_sha256(self._snapshot, version),
            author=people(author) | self._known[version.commit].names,
            promoter=people(promoter),
        )

    def _approvals(self, version: ModelVersion) -> tuple[Approval, ...]:
        is_claimed = (version.model, str(version.version)) in self._claimed
        return approvals(self._snapshot, version) if is_claimed else ()

    @cached_property
    def _claimed(self) -> frozenset[tuple[str, str]]:
        return claimed(self._snapshot)

    def _approval(self, approval: Approval, digest: str) -> Signature:
        outcome = self._known[approval.commit]
        if outcome.is_valid and approval.manifest_sha256 != digest:
            why = "replayed: it approves another manifest"
            outcome = Outcome(key=outcome.key, code=NOT_VALID, why=why)
        return Signature(APPROVED, approval.commit, approval.status, outcome)

    def _commit(self, oid: str) -> Signed:
        """Return a commit taken apart, not older than the one that it is made upon."""
        repository = self._snapshot.repository
        return commit_parts(repository.raw(oid)).not_before(made_at(repository, oid))

    def _verify(self, objects: dict[str, Signed]) -> None:
        new = {oid: signed for oid, signed in objects.items() if oid not in self._known}
        found = self._verifier.outcomes(list(new.values()))
        self._known.update(zip(new, found, strict=True))

    def _last_move(self, version: ModelVersion) -> Event:
        """Return how a version came to its status; the history is read as far as need be."""
        key = (version.model, str(version.version))
        while key not in self._moves:
            event = next(self._events(), None)
            if event is None:
                raise IntegrityError(f"no commit says how {version} came here", path=REGISTRY)
            self._moves.setdefault((event.model, str(event.version)), event)
        return self._moves[key]

    def _events(self) -> Iterator[Event]:
        return (event for event in self._log if event.is_move)
