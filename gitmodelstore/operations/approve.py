"""Say, signed, that a version may come to a status."""

from __future__ import annotations

from gitmodelstore.checks.approvals import Approval, approval_text
from gitmodelstore.checks.signatures import people
from gitmodelstore.errors import InvalidInput, LifecycleError, SignatureError, VersionNotFound
from gitmodelstore.operations.approvals import approval_event, approvals, manifest_sha256
from gitmodelstore.operations.publish import Draft, publish
from gitmodelstore.operations.resolve import resolve
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.operations.writer import Writer
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.signatures import Verifier
from gitmodelstore.values.events import Event
from gitmodelstore.values.json import hidden_character
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import WITHDRAWN
from gitmodelstore.values.reference import Reference


def approve(
    repository: Repository,
    writer: Writer,
    ref: str | ModelVersion,
    status: str,
    *,
    reason: str | None,
) -> Event:
    """Add a signed commit that changes no file, and says that a version may come to a status.

    Args:
        repository: the store.
        writer: who approves; it must sign commits.
        ref: which version; a bare model names none.
        status: the status that it may come to.
        reason: why.

    Returns:
        The approval; the earlier one of whoever has approved it already, who is told so.

    Raises:
        LifecycleError: no such status, the version was withdrawn, or the writer is its author.
        SignatureError: it cannot be signed; nothing was written.
    """
    if found := hidden_character(" ".join((reason or "").split())):
        raise InvalidInput(
            f"the reason holds the hidden character {found}",
            hint="type the reason again instead of pasting it",
        )
    known: list[Approval] = []

    def draft(snapshot: Snapshot) -> Draft | None:
        version = _may_approve(snapshot, writer, ref, status)
        digest = manifest_sha256(snapshot, version)
        known[:] = _own(snapshot, writer, version, status, digest)
        if known:
            return None
        text = approval_text(version.model, str(version.version), status, digest, reason)
        return Draft(text, snapshot.registry)

    published = publish(repository, writer, draft)
    if known:
        writer.notify("you have approved it already, so nothing was written")
    commit = repository.commit(known[0].commit) if known else published.commit
    event = approval_event(repository, commit)
    assert event is not None  # noqa: S101 - it has just been written, or read
    return event


def _may_approve(
    snapshot: Snapshot, writer: Writer, ref: str | ModelVersion, status: str
) -> ModelVersion:
    snapshot.policy.check_status(status)
    version = resolve(snapshot, ref)
    if isinstance(ref, str) and Reference.parse(ref).model == ref:
        raise VersionNotFound(
            f"which version of '{ref}' may come to {status}?",
            hint=f"name it, as in: gms approve {version.ref} {status}",
        )
    if version.status == WITHDRAWN:
        raise LifecycleError(
            f"{version} was withdrawn", hint=f"see why with `gms log {version.model}`"
        )
    author = snapshot.repository.commit(version.commit).author
    if people(author) & people(str(writer.author), str(writer.committer)):
        raise LifecycleError(
            f"{version} was registered by {author}, whose own approval does not count",
            hint=f"ask somebody else to type: gms approve {version.ref} {status}",
        )
    return version


def _own(
    snapshot: Snapshot, writer: Writer, version: ModelVersion, status: str, digest: str
) -> list[Approval]:
    """Return the approvals that the writer has given already.

    Those whose signatures are not valid, as far as somebody can tell here, are none.
    """
    found = [
        approval
        for approval in approvals(snapshot, version)
        if (approval.status, approval.manifest_sha256) == (status, digest)
        and people(approval.who) & people(str(writer.author))
        and approval.signed.signature is not None
    ]
    if not found:
        return []
    repository = snapshot.repository
    try:
        verifier = Verifier.of(repository.common_dir, repository.work_tree)
    except SignatureError:
        return found
    outcomes = verifier.outcomes([approval.signed for approval in found])
    return [one for one, outcome in zip(found, outcomes, strict=True) if outcome.is_valid]
