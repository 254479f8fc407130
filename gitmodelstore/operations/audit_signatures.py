"""What an audit says of signatures, also where nobody is known whose signatures count."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gitmodelstore.checks.signatures import NOT_SIGNED, UNSIGNED, Outcome
from gitmodelstore.errors import SignatureError
from gitmodelstore.operations.signatures import Signature, Signatures
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.signed import commit_parts, tag_parts

SIGNED, ABSENT, INVALID, UNVERIFIED = "signed", "not signed", "not valid", "not verified"


class SignatureResults:
    """The signatures of a store, verified as far as that can be done here.

    Attributes:
        unverified: why they are not; None where they are.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._repository = snapshot.repository
        self._signatures: Signatures | None = None
        self.unverified: str | None = None
        try:
            self._signatures = Signatures(snapshot)
        except SignatureError as error:
            self.unverified = str(error)

    def of_commits(self, oids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return what became of the signature of each commit, by its id."""
        wanted = list(oids)
        if self._signatures is not None:
            try:
                found = self._signatures.of_commits(wanted)
                return {oid: _document(outcome) for oid, outcome in found.items()}
            except SignatureError as error:  # ssh-keygen is not installed
                self._signatures, self.unverified = None, str(error)
        parts = {oid: commit_parts(self._repository.raw(oid)) for oid in wanted}
        return {oid: self._unverified(signed.signature) for oid, signed in parts.items()}

    def of_version(self, version: ModelVersion) -> list[dict[str, Any]]:
        """Return the signatures of a version: tag, registration, last move, approvals.

        Where they are not verified, of tag and registration alone.

        Raises:
            StoreError: they cannot be read.
        """
        if self._signatures is not None:
            return [_named(one) for one in self._signatures.of(version)]
        tag = self._repository.tag(version.tag)
        raw = self._repository.raw(tag.oid) if tag else None
        of_tag = self._unverified(tag_parts(raw).signature if raw else None)
        return [
            {"kind": "tag", "name": version.tag, "status": None, **of_tag},
            {
                "kind": "registered",
                "name": version.commit,
                "status": "registered",
                **self.of_commits([version.commit])[version.commit],
            },
        ]

    @staticmethod
    def _unverified(signature: bytes | None) -> dict[str, Any]:
        if signature is None:
            return _document(UNSIGNED)
        return {"state": UNVERIFIED, "signers": [], "key": None, "why": None}


def _named(one: Signature) -> dict[str, Any]:
    return {"kind": one.kind, "name": one.name, "status": one.status, **_document(one.outcome)}


def _document(outcome: Outcome) -> dict[str, Any]:
    state = SIGNED if outcome.is_valid else ABSENT if outcome.code == NOT_SIGNED else INVALID
    return {
        "state": state,
        "signers": list(outcome.signers),
        "key": outcome.key,
        "why": outcome.why or None,
    }
