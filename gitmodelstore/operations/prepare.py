"""Everything about a new version that does not depend on its number, before the lock.

What takes time is here: reading or pickling, scoring, hashing the data, looking at the
training code, storing the pipeline.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitmodelstore.checks.judged import samples
from gitmodelstore.errors import InvalidInput, StoreError
from gitmodelstore.operations.baseline import baseline_of, with_test_rows
from gitmodelstore.operations.numbering import Wish, parent_manifest
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.operations.writer import Writer
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.sink import Sink
from gitmodelstore.values.fields import Free, MapOf, Text
from gitmodelstore.values.layout import (
    ATTRIBUTES,
    CODE_DIFF,
    FOLDER_ATTRIBUTES,
    FOLDER_ATTRIBUTES_LFS,
    INSTALLED,
    PIPELINE,
    REQUIREMENTS,
    SAMPLE,
)
from gitmodelstore.values.manifest import (
    Baseline,
    Card,
    Code,
    Dataset,
    Environment,
    Feature,
    Manifest,
    PipelineFacts,
)
from gitmodelstore.values.sample import ROWS, SYNTHETIC

MOST_TWICE = 1 << 20  # bytes of a file that may be in memory twice

if TYPE_CHECKING:
    from gitmodelstore.lineage.files import Hashing
    from gitmodelstore.pipelines.load import Reader
    from gitmodelstore.pipelines.unrun import UnrunFile


@dataclass(frozen=True, slots=True)
class Submission:
    """What is to be registered; `Store.register` says what each field means."""

    pipeline: Any
    model: str
    wish: Wish
    X_test: Any = None
    y_test: Any = None
    test: Any = None
    parse_dates: Sequence[str] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    baseline: bool = False
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
    keep_diff: bool = False
    trained_at: datetime | None = None
    custom: Mapping[str, Any] = field(default_factory=dict)
    reader: Reader | None = None
    run: bool = True
    hashing: Hashing | None = None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is in the object database, though nothing names it yet."""

    blob: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Source:
    """A file that joblib wrote: what it holds or, when it is not run, says."""

    is_compressed: bool
    pipeline: Any
    unrun: UnrunFile | None

    @property
    def is_run(self) -> bool:
        return self.unrun is None


@dataclass(frozen=True, slots=True)
class _Seen:
    """What there is to say of a pipeline before it is stored."""

    features: tuple[Feature, ...] | None
    sample: bytes | None
    metrics: Mapping[str, float]
    facts: PipelineFacts
    is_named: bool
    baseline: Baseline | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything about a version that does not depend on its number."""

    facts: PipelineFacts
    features: tuple[Feature, ...] | None
    target: str | None
    metrics: Mapping[str, float]
    baseline: Baseline | None
    data: tuple[Dataset, ...]
    code: Code | None
    environment: Environment
    card: Card
    trained_at: datetime
    globals: tuple[str, ...]
    files: Mapping[str, StoredFile]
    attributes: bytes


def prepare(
    repository: Repository, snapshot: Snapshot, writer: Writer, what: Submission
) -> Prepared:
    from gitmodelstore.lineage.code import Look
    from gitmodelstore.lineage.environment import EVERY_PIPELINE
    from gitmodelstore.lineage.environment import capture as capture_environment
    from gitmodelstore.operations.kept_diff import kept_patch

    card = _card(what.card)
    _refuse_other_sample(what.sample)
    _refuse_unwritable(MapOf(Free()), what.custom, "custom")
    with ExitStack() as stack:
        sink = stack.enter_context(_sink(repository, snapshot, what))
        source = _read_file(what, sink)
        if what.run:
            pipeline = source.pipeline if source else what.pipeline
            with _in_words(pipeline, source, what):
                what = with_test_rows(what, pipeline, partial(_highest, snapshot, what.model))
        # git looks at the training repository while Python scores and pickles.
        look = stack.enter_context(Look(what.code, what.entry_point)) if what.code else None
        patch = kept_patch(look, writer) if what.keep_diff else None
        data = _data(what, writer)
        if source and not source.is_run:
            seen = _told(source, what)
        else:
            seen = _asked(source, what, writer, snapshot)
        names = _fill(sink, what.pipeline, source, writer)
        stored = StoredFile(*_keep(sink), sink.size_bytes)
        attributes = FOLDER_ATTRIBUTES_LFS if sink.is_large else FOLDER_ATTRIBUTES
        code = look.result() if look else None
    captured = capture_environment(
        (EVERY_PIPELINE, *names),
        with_pandas=seen.is_named,
        code=code,
        top=look.top if look else None,
    )
    kept = _kept_files(snapshot, what.model)
    files = {
        PIPELINE: stored,
        REQUIREMENTS: store_file(repository, captured.requirements, kept),
        INSTALLED: store_file(repository, captured.installed, kept),
        ATTRIBUTES: store_file(repository, attributes, kept),
    }
    if seen.sample is not None:
        files[SAMPLE] = store_file(repository, seen.sample, kept)
        samples.put(files[SAMPLE].blob, True)
    if patch is not None:
        files[CODE_DIFF] = store_file(repository, patch, kept)
    return Prepared(
        facts=seen.facts,
        features=seen.features,
        target=what.target or _name_of(what.y_test),
        metrics=seen.metrics,
        baseline=seen.baseline,
        data=data,
        code=code,
        environment=captured.environment,
        card=card,
        trained_at=what.trained_at or _modified_at(what.pipeline) or writer.when,
        globals=names,
        files=files,
        attributes=attributes,
    )


def _sink(repository: Repository, snapshot: Snapshot, what: Submission) -> Sink:
    """Return where the pipeline goes: one of a file onto the disk, since it is in memory once."""
    threshold = snapshot.policy.lfs_threshold_bytes
    is_file = isinstance(what.pipeline, (str, PathLike))
    return Sink(repository, threshold, most_in_memory=MOST_TWICE if is_file else None)


def _read_file(what: Submission, sink: Sink) -> _Source | None:
    """Return what a path names, whose bytes go into the sink; None for a pipeline in memory."""
    if not isinstance(what.pipeline, (str, PathLike)):
        if not what.run:
            raise InvalidInput(
                "run=False is for files; a pipeline in memory is there already",
                hint="leave run=False out",
            )
        return None
    if what.run:
        from gitmodelstore.pipelines.load import load_file

        loaded = load_file(what.pipeline, what.reader, sink.write)
        return _Source(loaded.is_compressed, loaded.pipeline, None)
    from gitmodelstore.pipelines.load import is_compressed, read_file
    from gitmodelstore.pipelines.unrun import look_at

    path = Path(what.pipeline)
    data = read_file(path, sink.write).data
    return _Source(is_compressed(data), None, look_at(path, data))


def _asked(source: _Source | None, what: Submission, writer: Writer, snapshot: Snapshot) -> _Seen:
    """Return what a pipeline says when it is asked."""
    from gitmodelstore.pipelines.describe import describe
    from gitmodelstore.pipelines.features import check_features
    from gitmodelstore.pipelines.fitted import check_fitted
    from gitmodelstore.pipelines.replay import asked
    from gitmodelstore.pipelines.retest import dates_as_text
    from gitmodelstore.pipelines.scores import check_metrics
    from gitmodelstore.pipelines.unportable import refuse_caches

    given = check_metrics(what.metrics)
    pipeline = source.pipeline if source else what.pipeline
    with _in_words(pipeline, source, what):
        check_fitted(pipeline)
        refuse_caches(pipeline)
        if what.X_test is not None:
            check_features(pipeline, what.X_test)
        features = _features(pipeline, what.X_test)
        facts = describe(pipeline)
    baseline = baseline_of(snapshot, what, writer.notify)
    notes: list[str] = []  # told once the pipeline has answered, or else its error says it
    # Before estimators with copy=False predict.
    sample = _sample(pipeline, facts.algorithm, what, notes.append)
    with asked("the test rows", partial(dates_as_text, what.X_test)):
        scores = _scores(pipeline, what)
    for note in notes:
        writer.notify(note)
    return _Seen(
        features=features,
        sample=sample,
        metrics={**scores, **given},
        facts=facts,
        is_named=_is_named(pipeline, what.X_test),
        baseline=baseline,
    )


def _in_words(pipeline: Any, source: _Source | None, what: Submission) -> Any:
    """Return what says in our words what a pipeline raises when it is looked at."""
    from gitmodelstore.pipelines.load import asking, describing

    return asking(Path(what.pipeline).name) if source else describing(pipeline)


def _told(source: _Source, what: Submission) -> _Seen:
    """Return what a file says of itself that is not to be run."""
    from gitmodelstore.pipelines.scores import check_metrics

    if what.baseline or any(
        rows is not None for rows in (what.X_test, what.y_test, what.test, what.sample_from)
    ):
        raise InvalidInput(
            "test rows need the pipeline to run",
            hint="leave them out, or register without run=False",
        )
    assert source.unrun is not None  # noqa: S101 - of a file that is not run there is nothing else
    return _Seen(None, None, check_metrics(what.metrics), source.unrun.facts, is_named=False)


def _fill(sink: Sink, pipeline: Any, source: _Source | None, writer: Writer) -> tuple[str, ...]:
    """Have the pipeline in the sink and return the names that loading it looks up."""
    from gitmodelstore.pipelines.dump import dump, globals_of
    from gitmodelstore.pipelines.loadable import refuse_unloadable
    from gitmodelstore.pipelines.unportable import refuse_script_names

    if source is None:
        names = dump(pipeline, sink).globals
        refuse_script_names(names)
        refuse_unloadable(sink.content(), pipeline, names)
    else:
        names = source.unrun.globals if source.unrun else globals_of(source.pipeline)
        refuse_script_names(names)
    if source and source.is_compressed:
        writer.notify("the file is compressed: git cannot share bytes between versions of it")
    return names


def _keep(sink: Sink) -> tuple[str, str]:
    sha256, blob = sink.keep()
    return blob, sha256


def store_file(
    repository: Repository, data: bytes, kept: Mapping[str, str] | None = None
) -> StoredFile:
    """Store a small file, unless the store is known to have it: each costs a file of git's."""
    sha256 = hashlib.sha256(data).hexdigest()
    blob = (kept or {}).get(sha256) or repository.write_blob(data)
    repository.know(blob, sha256, len(data))
    return StoredFile(blob, sha256, len(data))


def _highest(snapshot: Snapshot, model: str) -> Manifest | None:
    return parent_manifest(snapshot, model, snapshot.registry.highest(model))


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


def _data(what: Submission, writer: Writer) -> tuple[Dataset, ...]:
    from gitmodelstore.lineage.data import describe
    from gitmodelstore.lineage.files import PLAIN

    how = what.hashing or PLAIN
    found = [
        describe(role, source, hashing=how, notify=writer.notify)
        for role, source in what.data.items()
    ]
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


def _sample(
    pipeline: Any, algorithm: str, what: Submission, notify: Callable[[str], None]
) -> bytes | None:
    """Return the bytes of sample.json; None without rows, or where there can be none."""
    if what.sample is None:
        return None
    from gitmodelstore.pipelines.replay import methods_of

    if not methods_of(pipeline):
        why = f"{algorithm} has neither predict nor transform"
        notify(f"no sample is kept to replay: {why}")
        return None
    if what.sample_from is None and what.X_test is None:
        return None
    from gitmodelstore.lineage.rows import read_table
    from gitmodelstore.pipelines.features import check_features
    from gitmodelstore.pipelines.replay import asked
    from gitmodelstore.pipelines.retest import dates_as_text, inputs_of
    from gitmodelstore.pipelines.sampling import NoSample, make_sample

    X = what.X_test
    if what.sample_from is not None:
        with asked("sample_from"):
            table = read_table(what.sample_from, what.types, name="sample_from")
            X = inputs_of(pipeline, table, what.target)
            check_features(pipeline, X, name="sample_from", left_out=table.columns)
    try:
        return make_sample(pipeline, X, what.sample).render()
    except NoSample as error:
        dates = dates_as_text(X) if error.__cause__ else None
        notify(f"no sample is kept to replay: {error}{f'; {dates}' if dates else ''}")
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
    if not isinstance(pipeline, (str, PathLike)):
        return None
    return datetime.fromtimestamp(Path(pipeline).stat().st_mtime, timezone.utc)


def _card(given: Mapping[str, str]) -> Card:
    _refuse_unwritable(MapOf(Text()), given, "card")
    sections = {name: text for name, text in given.items() if name not in Card.KEYS}
    return Card(given.get("intended_use"), given.get("limitations"), sections or None)


def _refuse_unwritable(kind: MapOf, value: Any, name: str) -> None:
    found = list(kind.faults(dict(value) if isinstance(value, Mapping) else value, name))
    if found:
        raise InvalidInput("; ".join(f"{where}: {what}" for where, what in found))
