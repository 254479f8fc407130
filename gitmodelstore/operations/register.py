"""Keep one more version of a model, with what made it.

What takes time happens first and without the lock: scoring, hashing the data,
pickling, storing the pipeline. Under the lock only the number is chosen, and what
depends on it (manifest, card, folder, registry) is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitmodelstore.checks.folder import PLAIN_MODE, FileFacts, folder_faults
from gitmodelstore.errors import FormatError, InvalidInput, StoreError
from gitmodelstore.operations.numbering import Numbered, Wish, check_free, choose
from gitmodelstore.operations.publish import Draft, publish
from gitmodelstore.operations.snapshot import Snapshot, manifests
from gitmodelstore.operations.writer import Writer
from gitmodelstore.plumbing.repository import PLAIN_FILE, Entry, Repository
from gitmodelstore.plumbing.sink import Sink
from gitmodelstore.values.card import render_card
from gitmodelstore.values.changes import suggest
from gitmodelstore.values.events import REGISTERED, write_trailers
from gitmodelstore.values.fields import Free, MapOf, Text
from gitmodelstore.values.layout import (
    ATTRIBUTES,
    CARD,
    FOLDER_ATTRIBUTES,
    FOLDER_ATTRIBUTES_LFS,
    INSTALLED,
    MANIFEST,
    PIPELINE,
    REQUIREMENTS,
    SAMPLE,
    tag_name,
)
from gitmodelstore.values.manifest import (
    Artifact,
    Card,
    Code,
    Dataset,
    Environment,
    Feature,
    Manifest,
    PipelineFacts,
)
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import model_name
from gitmodelstore.values.policy import REGISTERED as NEW_STATUS
from gitmodelstore.values.registry import Change
from gitmodelstore.values.sample import ROWS, SYNTHETIC
from gitmodelstore.values.version import Version

if TYPE_CHECKING:
    from gitmodelstore.pipelines.load import PipelineFile, Reader


@dataclass(frozen=True, slots=True)
class Submission:
    """What is to be registered; `Store.register` says what each field means."""

    pipeline: Any
    model: str
    wish: Wish
    X_test: Any = None
    y_test: Any = None
    sample: str | None = SYNTHETIC
    sample_from: Any = None
    data: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    target: str | None = None
    card: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    if_changed: bool = False
    code: Path | None = None
    entry_point: Path | None = None
    trained_at: datetime | None = None
    custom: Mapping[str, Any] = field(default_factory=dict)
    reader: Reader | None = None


@dataclass(frozen=True, slots=True)
class _StoredFile:
    """A file that is in the object database, though nothing names it yet."""

    blob: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Everything about a version that does not depend on its number."""

    facts: PipelineFacts
    features: tuple[Feature, ...] | None
    target: str | None
    metrics: Mapping[str, float]
    data: tuple[Dataset, ...]
    code: Code | None
    environment: Environment
    card: Card
    trained_at: datetime
    globals: tuple[str, ...]
    files: Mapping[str, _StoredFile]
    attributes: bytes


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
    prepared = _prepare(repository, now, writer, what)
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
        return _draft(snapshot, writer, what, prepared, number)

    return publish(repository, writer, draft).version(what.model, chosen[-1])


# Before the lock


def _prepare(
    repository: Repository, snapshot: Snapshot, writer: Writer, what: Submission
) -> _Prepared:
    from gitmodelstore.lineage.code import Look
    from gitmodelstore.lineage.environment import capture as capture_environment
    from gitmodelstore.pipelines.describe import describe
    from gitmodelstore.pipelines.features import check_features
    from gitmodelstore.pipelines.fitted import check_fitted
    from gitmodelstore.pipelines.scores import check_metrics

    card = _card(what.card)
    _refuse_other_sample(what.sample)
    _refuse_unwritable(MapOf(Free()), what.custom, "custom")
    given = check_metrics(what.metrics)
    source = _read_file(what.pipeline, what.reader)
    pipeline = source.pipeline if source else what.pipeline
    check_fitted(pipeline)
    if what.X_test is not None:
        check_features(pipeline, what.X_test)
    with ExitStack() as stack:
        # git looks at the training repository while Python scores and pickles.
        look = stack.enter_context(Look(what.code, what.entry_point)) if what.code else None
        features = _features(pipeline, what.X_test)
        data = _data(what)
        sample = _sample(pipeline, what, writer)  # before estimators with copy=False predict
        metrics = {**_scores(pipeline, what), **given}
        facts = describe(pipeline)
        with Sink(repository, snapshot.policy.lfs_threshold_bytes) as sink:
            names = _fill(sink, pipeline, source, writer)
            stored = _StoredFile(*_keep(sink), sink.size_bytes)
            _tell_whom_to_trust(names, writer)
            attributes = FOLDER_ATTRIBUTES_LFS if sink.is_large else FOLDER_ATTRIBUTES
        code = look.result() if look else None
    captured = capture_environment(names, with_pandas=_is_named(pipeline, what.X_test))
    kept = _kept_files(snapshot, what.model)
    files = {
        PIPELINE: stored,
        REQUIREMENTS: _store(repository, captured.requirements, kept),
        INSTALLED: _store(repository, captured.installed, kept),
        ATTRIBUTES: _store(repository, attributes, kept),
    }
    if sample is not None:
        files[SAMPLE] = _store(repository, sample, kept)
    return _Prepared(
        facts=facts,
        features=features,
        target=what.target or _name_of(what.y_test),
        metrics=metrics,
        data=data,
        code=code,
        environment=captured.environment,
        card=card,
        trained_at=what.trained_at or _modified_at(what.pipeline) or writer.when,
        globals=names,
        files=files,
        attributes=attributes,
    )


def _read_file(pipeline: Any, reader: Reader | None) -> PipelineFile | None:
    """Return what a path names; None for a pipeline in memory."""
    if not isinstance(pipeline, (str, Path)):
        return None
    from gitmodelstore.pipelines.load import load_file

    return load_file(pipeline, reader)


def _fill(
    sink: Sink, pipeline: Any, source: PipelineFile | None, writer: Writer
) -> tuple[str, ...]:
    """Write the pipeline into the sink and return the names that loading it looks up."""
    from gitmodelstore.pipelines.dump import dump, globals_of
    from gitmodelstore.pipelines.load import is_compressed
    from gitmodelstore.pipelines.unportable import refuse_script_names

    names = globals_of(pipeline) if source else dump(pipeline, sink).globals
    refuse_script_names(names)
    if source:
        sink.write(source.data)
        if is_compressed(source.data):
            writer.notify("the file is compressed: git cannot share bytes between versions of it")
    return names


def _tell_whom_to_trust(names: tuple[str, ...], writer: Writer) -> None:
    from gitmodelstore.pipelines.rights import wants_trust

    wanted = [name for name in names if wants_trust(name)]
    if wanted:
        writer.notify(f"readers will have to trust {', '.join(wanted)}")


def _keep(sink: Sink) -> tuple[str, str]:
    sha256, blob = sink.keep()
    return blob, sha256


def _store(
    repository: Repository, data: bytes, kept: Mapping[str, str] | None = None
) -> _StoredFile:
    """Store a small file, unless the store is known to have it: each costs a file of git's."""
    sha256 = hashlib.sha256(data).hexdigest()
    blob = (kept or {}).get(sha256) or repository.write_blob(data)
    return _StoredFile(blob, sha256, len(data))


def _kept_files(snapshot: Snapshot, model: str) -> dict[str, str]:
    """Return SHA-256 to blob of the files of the model's highest version; none if it is damaged."""
    highest = snapshot.registry.highest(model)
    if highest is None:
        return {}
    try:
        version = snapshot.version(model, highest)
        blobs = snapshot.files(version)
        entries = snapshot.manifest(version).artifacts
    except StoreError:
        return {}
    return {
        entry.sha256: blobs[entry.path].oid
        for entry in entries
        if entry.path in blobs and entry.path != PIPELINE
    }


def _features(pipeline: Any, X_test: Any) -> tuple[Feature, ...] | None:
    """Return the input columns: from the test data with their types, else as they were fitted.

    None when neither says, or when they are too many for a manifest.
    """
    from gitmodelstore.lineage.frames import features_named, features_of
    from gitmodelstore.pipelines.features import feature_names

    if X_test is not None:
        return features_of(X_test)
    names = feature_names(pipeline)
    return features_named(names) if names is not None else None


def _is_named(pipeline: Any, X_test: Any) -> bool:
    """Whether the input columns have names, so that whoever predicts needs pandas."""
    from gitmodelstore.pipelines.features import feature_names

    return feature_names(pipeline) is not None or hasattr(X_test, "columns")


def _data(what: Submission) -> tuple[Dataset, ...]:
    from gitmodelstore.lineage.data import describe

    if not isinstance(what.data, Mapping):
        raise InvalidInput(
            f"data: expected a mapping of roles, found {type(what.data).__name__}",
            hint='write data={"train": "data/train.csv", "test": (X_test, y_test)}',
        )
    found = [describe(role, source) for role, source in what.data.items()]
    if what.X_test is not None and "test" not in what.data:
        both = what.X_test if what.y_test is None else (what.X_test, what.y_test)
        found.append(describe("test", both))
    return tuple(found)


def _refuse_other_sample(sample: object) -> None:
    if sample not in (SYNTHETIC, ROWS, None):
        raise InvalidInput(
            f"expected sample '{SYNTHETIC}', '{ROWS}' or None, found {sample!a}",
            hint=f"'{ROWS}' keeps true rows of X_test, '{SYNTHETIC}' rows that nobody is in",
        )


def _sample(pipeline: Any, what: Submission, writer: Writer) -> bytes | None:
    """Return the bytes of sample.json; None without rows, or where there can be none."""
    if what.sample is None or (what.sample_from is None and what.X_test is None):
        return None
    from gitmodelstore.pipelines.features import check_features
    from gitmodelstore.pipelines.retest import inputs_of, read_table
    from gitmodelstore.pipelines.sampling import NoSample, make_sample

    X = what.X_test
    if what.sample_from is not None:
        X = inputs_of(pipeline, read_table(what.sample_from), what.target)
        check_features(pipeline, X, name="sample_from")
    try:
        return make_sample(pipeline, X, what.sample).render()
    except NoSample as error:
        writer.notify(f"no sample is kept to replay: {error}")
        return None


def _scores(pipeline: Any, what: Submission) -> dict[str, float]:
    if what.y_test is None:
        return {}
    if what.X_test is None:
        raise InvalidInput("y_test without X_test", hint="pass the rows that y_test belongs to")
    from gitmodelstore.pipelines.scores import standard_metrics

    return standard_metrics(pipeline, what.X_test, what.y_test)


def _name_of(y_test: Any) -> str | None:
    name = getattr(y_test, "name", None)
    return name if isinstance(name, str) else None


def _modified_at(pipeline: Any) -> datetime | None:
    """When the file of a pipeline was last written, which is when training ended; None without."""
    if not isinstance(pipeline, (str, Path)):
        return None
    return datetime.fromtimestamp(Path(pipeline).stat().st_mtime, timezone.utc)


def _card(given: Mapping[str, str]) -> Card:
    _refuse_unwritable(MapOf(Text()), given, "card")
    sections = {name: text for name, text in given.items() if name not in Card.KEYS}
    return Card(given.get("intended_use"), given.get("limitations"), sections or None)


def _refuse_unwritable(kind: MapOf, value: Any, name: str) -> None:
    found = list(kind.faults(dict(value) if isinstance(value, Mapping) else value, name))
    if found:
        where, what = found[0]
        raise InvalidInput(f"{where}: {what}")


# Under the lock


def _draft(
    snapshot: Snapshot,
    writer: Writer,
    what: Submission,
    prepared: _Prepared,
    number: Numbered,
) -> Draft:
    manifest, rendered = _manifest(writer, what, prepared, number)
    parent = (
        snapshot.manifest(snapshot.version(what.model, number.parent)) if number.parent else None
    )
    files = {
        **prepared.files,
        MANIFEST: _store(snapshot.repository, rendered),
        CARD: _store(snapshot.repository, render_card(manifest, parent)),
    }
    _validate(manifest, files, prepared.attributes)
    manifests.put(files[MANIFEST].blob, (manifest, files[MANIFEST].sha256))
    tree = snapshot.repository.write_tree(
        None, {name: Entry(PLAIN_FILE, file.blob) for name, file in files.items()}
    )
    title = f"{what.model} {number.version}"
    change = Change(what.model, number.version, None, NEW_STATUS)
    parts = (f"register {title}", what.message, write_trailers({change: REGISTERED}, None))
    return Draft(
        message=_paragraphs(*parts),
        registry=snapshot.registry.with_status(what.model, number.version, NEW_STATUS),
        folders={what.model: tree},
        tags={
            tag_name(what.model, number.version): _paragraphs(
                title, what.message, f"Manifest-SHA256: {files[MANIFEST].sha256}"
            )
        },
    )


def _manifest(
    writer: Writer, what: Submission, prepared: _Prepared, number: Numbered
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
            baseline=None,
            data=prepared.data,
            code=prepared.code,
            environment=prepared.environment,
            card=prepared.card,
            artifacts=tuple(artifacts),
            custom=what.custom,
        )
        return manifest, manifest.render()
    except FormatError as error:
        what_is_wrong = error.faults[0] if error.faults else str(error)
        raise InvalidInput(f"cannot be recorded: {what_is_wrong}", hint=error.hint) from error


def _unchanged(
    snapshot: Snapshot, writer: Writer, what: Submission, prepared: _Prepared
) -> Version | None:
    """Return the highest version if this is it again, the times apart; else None."""
    highest = snapshot.registry.highest(what.model)
    if highest is None:
        return None
    before = snapshot.manifest(snapshot.version(what.model, highest))
    after, _ = _manifest(writer, what, prepared, Numbered(highest, before.parent, ""))
    same = replace(after, created_at=before.created_at, trained_at=before.trained_at)
    return highest if same.render() == before.render() else None


def _validate(manifest: Manifest, files: Mapping[str, _StoredFile], attributes: bytes) -> None:
    """Judge our own work as a hook would: libgit2 runs no hooks."""
    facts = {
        name: FileFacts(PLAIN_MODE, file.sha256, file.size_bytes) for name, file in files.items()
    }
    found = list(folder_faults(manifest.model, manifest.version, facts, manifest, attributes))
    if found:
        raise FormatError(found[0], faults=found)


def _second(moment: datetime) -> datetime:
    return moment.astimezone(timezone.utc).replace(microsecond=0)


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"
