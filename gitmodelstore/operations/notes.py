"""Say something of a version after it was registered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitmodelstore.checks.notes import Annotations
from gitmodelstore.checks.signatures import Approval, SignatureJudge, approval_text, people
from gitmodelstore.errors import InvalidInput, LifecycleError, SignatureError, VersionNotFound
from gitmodelstore.operations.publish import Draft, check_reason, publish
from gitmodelstore.operations.resolve import (
    annotated,
    annotation_events,
    approval_event,
    approvals,
    manifest_sha256,
    resolve,
)
from gitmodelstore.operations.snapshot import Snapshot, Writer
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.signing import SshVerifier
from gitmodelstore.values.events import Event, Scalar
from gitmodelstore.values.gates import MOST_KEYS, annotation_text, check_key, check_value, written
from gitmodelstore.values.model_version import ModelVersion, Reference
from gitmodelstore.values.names import WITHDRAWN, did_you_mean


def annotate(
    repository: Repository,
    writer: Writer,
    ref: str | ModelVersion,
    values: Mapping[str, Any],
    *,
    reason: str | None,
) -> Event | None:
    """Add a commit that changes no file, and says something of a version; see `Store.annotate`.

    Where every key has that value already, the writer is told so.
    """
    said = _checked(values)
    check_reason(reason)
    wanted: Draft | None = None
    meant = ""

    def draft(snapshot: Snapshot) -> Draft | None:
        nonlocal wanted, meant
        command = f"annotate {{}} {next(iter(said))}=VALUE"
        version = _named(snapshot, ref, "do you want to annotate", command)
        known = {key: one.value for key, one in annotated(snapshot, version).items()}
        _refuse_unknown(version, said, known)
        wanted, meant = None, str(version)
        if any(written(known.get(key)) != written(value) for key, value in said.items()):
            text = annotation_text(version.model, str(version.version), said, reason)
            wanted = Draft(text, snapshot.registry)
        return wanted

    published = publish(repository, writer, draft)
    if wanted is None:
        writer.notify(f"{meant} already has these annotations, so nothing was written")
        return None
    line = Annotations(repository, published.commit.oid)
    return next(annotation_events(line, published.commit))


def _checked(values: Mapping[str, Any]) -> dict[str, Scalar | None]:
    if not values:
        raise InvalidInput(
            "no annotation is given", hint="name a key and its value, as in validation_auc=0.83"
        )
    if len(values) > MOST_KEYS:
        raise InvalidInput(
            f"{len(values)} keys, more than {MOST_KEYS} at once",
            hint="annotate them in several steps",
        )
    # numpy's numbers know themselves as Python's
    plain = {
        key: value.item() if hasattr(value, "item") else value for key, value in values.items()
    }
    return {check_key(key): check_value(key, value) for key, value in plain.items()}


def _named(snapshot: Snapshot, ref: str | ModelVersion, what: str, command: str) -> ModelVersion:
    """Resolve a reference that must name its version: what is said of one is not of the next."""
    version = resolve(snapshot, ref)
    if isinstance(ref, str) and Reference.parse(ref).model == ref:
        raise VersionNotFound(
            f"which version of '{ref}' {what}?",
            hint=f"name it, as in: gms {command.format(version.ref)}",
        )
    return version


def _refuse_unknown(
    version: ModelVersion, said: Mapping[str, Scalar | None], known: Mapping[str, Scalar | None]
) -> None:
    for key, value in said.items():
        if value is None and key not in known:
            raise InvalidInput(
                f"{version} has no annotation '{key}' to remove",
                hint=did_you_mean(key, known) or f"see them with `gms show {version.ref}`",
            )


# Say, signed, that a version may come to a status.


def approve(
    repository: Repository,
    writer: Writer,
    ref: str | ModelVersion,
    status: str,
    *,
    reason: str | None,
) -> Event:
    """Add a signed commit that changes no file, and says that a version may come to a status.

    As `Store.approve` says; the writer must sign commits.
    """
    check_reason(reason)
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
        writer.notify("you have already approved it, so nothing was written")
    commit = repository.commit(known[0].commit) if known else published.commit
    event = approval_event(repository, commit)
    assert event is not None  # noqa: S101 - it has just been written, or read
    return event


def _may_approve(
    snapshot: Snapshot, writer: Writer, ref: str | ModelVersion, status: str
) -> ModelVersion:
    snapshot.policy.check_status(status)
    version = _named(
        snapshot, ref, f"do you want to approve for {status}", f"approve {{}} {status}"
    )
    if version.status == WITHDRAWN:
        raise LifecycleError(
            f"{version} was withdrawn", hint=f"see why with `gms log {version.model}`"
        )
    author = snapshot.repository.commit(version.commit).author
    if people(author) & people(str(writer.author), str(writer.committer)):
        raise LifecycleError(
            f"{version} was registered by {author}, whose own approval does not count",
            hint=f"ask someone else to run: gms approve {version.ref} {status}",
        )
    return version


def _own(
    snapshot: Snapshot, writer: Writer, version: ModelVersion, status: str, digest: str
) -> list[Approval]:
    """Return the approvals that the writer has given already.

    Those whose signatures are not valid, as far as somebody can tell here, are none.
    """
    own = [
        approval
        for approval in approvals(snapshot, version)
        if (approval.status, approval.manifest_sha256) == (status, digest)
        and people(approval.who) & people(str(writer.author))
        and approval.signed
    ]
    repository = snapshot.repository
    judge = SignatureJudge(
        repository, lambda: SshVerifier.of(repository.common_dir, repository.work_tree)
    )
    try:
        outcomes = judge.outcomes(approval.commit for approval in own)
    except SignatureError:
        return own
    return [approval for approval in own if outcomes[approval.commit].is_valid]
