"""Keep one more version of a model, with what made it.

What takes time is done before (`prepare`) and without the lock. Under the lock only the
number is chosen, and what depends on it (manifest, card, folder, registry) is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from gitmodelstore.checks.judged import manifests
from gitmodelstore.errors import FormatError, InvalidInput, StoreError
from gitmodelstore.operations.lacking import tell_what_lacks
from gitmodelstore.operations.numbering import Numbered, check_free, choose, parent_manifest
from gitmodelstore.operations.prepare import (
    Prepared,
    StoredFile,
    Submission,
    prepare,
    store_file,
)
from gitmodelstore.operations.publish import Draft, publish
from gitmodelstore.operations.reading import with_needs
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.operations.writer import Writer, upon
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.annotations import read_annotations
from gitmodelstore.values.card import render_card
from gitmodelstore.values.changes import suggest
from gitmodelstore.values.events import REGISTERED, write_trailers
from gitmodelstore.values.layout import (
    CARD,
    MANIFEST,
    PIPELINE,
    tag_name,
)
from gitmodelstore.values.manifest import (
    Artifact,
    Manifest,
)
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import REGISTERED as NEW_STATUS
from gitmodelstore.values.names import model_name
from gitmodelstore.values.objects import PLAIN_FILE, Entry
from gitmodelstore.values.registry import Change
from gitmodelstore.values.version import Version

if TYPE_CHECKING:
    pass


def register(repository: Repository, writer: Writer, what: Submission) -> ModelVersion:
    """Keep a fitted pipeline, or one that joblib wrote into a file, as a new version.

    Returns:
        The version; with `if_changed` the highest one, where nothing differs from it.

    Raises:
        StoreError: what is to be registered is refused; nothing visible was written.
        StoreBusy, LocalChanges, CannotWrite: as in `publish`.
    """
    model_name(what.model)
    now = Snapshot.now(repository)
    check_free(now, what.model, what.wish)
    try:
        prepared = prepare(repository, now, writer, what)
    except StoreError as error:  # of frames that say nothing to whoever is refused
        raise error.with_traceback(None) from error.__cause__
    chosen: list[Version] = []  # by the last call of `draft`, which may be called again

    def draft(snapshot: Snapshot) -> Draft | None:
        same = _unchanged(snapshot, writer, what, prepared) if what.if_changed else None
        if same is not None:
            chosen.append(same)
            return None
        number = choose(
            snapshot,
            what.model,
            what.wish,
            lambda parent: suggest(parent, prepared.facts, prepared.features, prepared.target),
        )
        chosen.append(number.version)
        if number.why:
            writer.notify(f"{what.model} {number.version} ({number.why})")
        return _draft(snapshot, upon(writer, snapshot), what, prepared, number)

    after = publish(repository, writer, draft)
    version = after.version(what.model, chosen[-1])
    tell_what_lacks(after, version, writer)
    return with_needs(version, prepared.globals, writer)


def _draft(
    snapshot: Snapshot,
    writer: Writer,
    what: Submission,
    prepared: Prepared,
    number: Numbered,
) -> Draft:
    manifest, rendered = _manifest(writer, what, prepared, number)
    return draft_of(snapshot, manifest, rendered, prepared.files)


def draft_of(
    snapshot: Snapshot, manifest: Manifest, rendered: bytes, prepared: Mapping[str, StoredFile]
) -> Draft:
    """Return the draft of the commit that registers a version.

    Args:
        snapshot: the store before.
        manifest, rendered: of the version, and its bytes.
        prepared: the other files of its folder but the card, which is made here.

    Raises:
        InvalidInput: its message, which may be somebody else's, would annotate a version.
    """
    if next(read_annotations(manifest.message), None):
        raise InvalidInput(
            "the message holds the lines of an annotation, which would count as one",
            hint="give another with -m TEXT, and annotate with `gms annotate`",
        )
    card = render_card(manifest, parent_manifest(snapshot, manifest.model, manifest.parent))
    files = {
        **prepared,
        MANIFEST: store_file(snapshot.repository, rendered),
        CARD: store_file(snapshot.repository, card),
    }
    manifests.put(files[MANIFEST].blob, (manifest, files[MANIFEST].sha256))
    tree = snapshot.repository.write_tree(
        None, {name: Entry(PLAIN_FILE, file.blob) for name, file in files.items()}
    )
    title = f"{manifest.model} {manifest.version}"
    change = Change(manifest.model, manifest.version, None, NEW_STATUS)
    parts = (f"register {title}", manifest.message, write_trailers({change: REGISTERED}, None))
    return Draft(
        message=_paragraphs(*parts),
        registry=snapshot.registry.with_status(manifest.model, manifest.version, NEW_STATUS),
        folders={manifest.model: tree},
        tags={
            tag_name(manifest.model, manifest.version): _paragraphs(
                title, manifest.message, f"Manifest-SHA256: {files[MANIFEST].sha256}"
            )
        },
    )


def _manifest(
    writer: Writer, what: Submission, prepared: Prepared, number: Numbered
) -> tuple[Manifest, bytes]:
    """Return the manifest of the version that gets this number, and its bytes.

    Raises:
        InvalidInput: something that was given cannot be written into it.
    """
    artifacts = (
        Artifact(
            name,
            file.sha256,
            file.size_bytes,
            prepared.globals if name == PIPELINE else None,
        )
        for name, file in sorted(prepared.files.items())
    )
    try:
        manifest = Manifest(
            model=what.model,
            version=number.version,
            parent=number.parent,
            created_at=_second(writer.when),
            trained_at=_second(prepared.trained_at),
            author=str(writer.author),
            message=what.message,
            pipeline=prepared.facts,
            features=prepared.features,
            target=prepared.target,
            metrics=prepared.metrics,
            baseline=prepared.baseline,
            data=prepared.data,
            code=prepared.code,
            environment=prepared.environment,
            card=prepared.card,
            artifacts=tuple(artifacts),
            custom=what.custom,
        )
        return manifest, manifest.render()
    except FormatError as error:
        raise InvalidInput(f"cannot be recorded: {error.faults[0]}", hint=error.hint) from None


def _unchanged(
    snapshot: Snapshot, writer: Writer, what: Submission, prepared: Prepared
) -> Version | None:
    """Return the highest version if this is it again, the times apart; else None."""
    highest = snapshot.registry.highest(what.model)
    if highest is None:
        return None
    before = snapshot.manifest(snapshot.version(what.model, highest))
    after, _ = _manifest(writer, what, prepared, Numbered(highest, before.parent, ""))
    same = replace(after, created_at=before.created_at, trained_at=before.trained_at)
    if after.baseline is not None and after.baseline.version == highest:
        same = replace(same, baseline=before.baseline)  # nobody is a baseline of itself
    return highest if same.render() == before.render() else None


def _second(moment: datetime) -> datetime:
    return moment.astimezone(timezone.utc).replace(microsecond=0)


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"
