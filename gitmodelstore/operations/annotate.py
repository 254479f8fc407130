"""Say something of a version after it was registered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitmodelstore.checks.annotations import Annotations
from gitmodelstore.errors import InvalidInput, VersionNotFound
from gitmodelstore.operations.annotations import annotated, annotation_events
from gitmodelstore.operations.publish import Draft, publish
from gitmodelstore.operations.resolve import resolve
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.operations.writer import Writer
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.annotations import (
    MOST_KEYS,
    annotation_text,
    check_key,
    check_value,
    written,
)
from gitmodelstore.values.events import Event, Scalar
from gitmodelstore.values.json import hidden_character
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import did_you_mean
from gitmodelstore.values.reference import Reference


def annotate(
    repository: Repository,
    writer: Writer,
    ref: str | ModelVersion,
    values: Mapping[str, Any],
    *,
    reason: str | None,
) -> Event | None:
    """Add a commit that changes no file, and says something of a version.

    Args:
        repository: the store.
        writer: who says it.
        ref: which version; a bare model names none.
        values: key to a number, true, false or a text of one line; None takes a key back.
        reason: why.

    Returns:
        What was recorded; None where every key has that value already, of which the writer
        is told.

    Raises:
        InvalidInput: there is no value, too many, or one that cannot be annotated; or a key
            is taken back that the version does not have.
        VersionNotFound, ModelNotFound: `ref` names nothing.
    """
    said = _checked(values)
    if found := hidden_character(" ".join((reason or "").split())):
        raise InvalidInput(
            f"the reason holds the hidden character {found}",
            hint="type the reason again instead of pasting it",
        )
    wanted: Draft | None = None
    meant = ""

    def draft(snapshot: Snapshot) -> Draft | None:
        nonlocal wanted, meant
        version = _named(snapshot, ref, next(iter(said)))
        known = {key: one.value for key, one in annotated(snapshot, version).items()}
        _refuse_unknown(version, said, known)
        wanted, meant = None, str(version)
        if any(written(known.get(key)) != written(value) for key, value in said.items()):
            text = annotation_text(version.model, str(version.version), said, reason)
            wanted = Draft(text, snapshot.registry)
        return wanted

    published = publish(repository, writer, draft)
    if wanted is None:
        writer.notify(f"{meant} is annotated so already, so nothing was written")
        return None
    line = Annotations(repository, published.commit.oid)
    return next(annotation_events(line, published.commit))


def _checked(values: Mapping[str, Any]) -> dict[str, Scalar | None]:
    if not values:
        raise InvalidInput(
            "nothing is annotated", hint="name a key and its value, as in validation_auc=0.83"
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


def _named(snapshot: Snapshot, ref: str | ModelVersion, key: str) -> ModelVersion:
    """Resolve a reference that must name its version: what is said of one is not of the next."""
    version = resolve(snapshot, ref)
    if isinstance(ref, str) and Reference.parse(ref).model == ref:
        raise VersionNotFound(
            f"which version of '{ref}' is to be annotated?",
            hint=f"name it, as in: gms annotate {version.ref} {key}=VALUE",
        )
    return version


def _refuse_unknown(
    version: ModelVersion, said: Mapping[str, Scalar | None], known: Mapping[str, Scalar | None]
) -> None:
    for key, value in said.items():
        if value is None and key not in known:
            raise InvalidInput(
                f"{version} has no annotation '{key}' to take back",
                hint=did_you_mean(key, known) or f"see them with `gms show {version.ref}`",
            )
