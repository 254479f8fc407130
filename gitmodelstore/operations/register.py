"""Keep one more version of a model, with what made it.

What takes time is done before (`prepare`) and without the lock. Under the lock only the
number is chosen, and what depends on it (manifest, card, folder, registry) is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gitmodelstore.checks.fault import manifests, samples
from gitmodelstore.checks.folder import MOST_BYTES
from gitmodelstore.errors import (
    FeatureMismatch,
    FormatError,
    InvalidInput,
    InvalidVersion,
    LoadError,
    RefusedPickle,
    StoreError,
    VersionExists,
)
from gitmodelstore.lineage.code import Look
from gitmodelstore.operations.folder import with_needs
from gitmodelstore.operations.load import load
from gitmodelstore.operations.publish import Draft, publish
from gitmodelstore.operations.snapshot import Snapshot, Writer, upon
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.sink import Sink
from gitmodelstore.values.card import render_card
from gitmodelstore.values.changes import suggest
from gitmodelstore.values.events import REGISTERED, write_trailers
from gitmodelstore.values.fields import Free, MapOf, Text
from gitmodelstore.values.gates import read_annotations
from gitmodelstore.values.manifest import (
    Artifact,
    Baseline,
    Card,
    Code,
    Dataset,
    Environment,
    Feature,
    Manifest,
    PipelineFacts,
)
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import PRODUCTION, model_name
from gitmodelstore.values.names import REGISTERED as NEW_STATUS
from gitmodelstore.values.objects import PLAIN_FILE, Entry
from gitmodelstore.values.registry import Change
from gitmodelstore.values.sample import ROWS, SYNTHETIC
from gitmodelstore.values.version import (
    ATTRIBUTES,
    CARD,
    CODE_DIFF,
    FOLDER_ATTRIBUTES,
    FOLDER_ATTRIBUTES_LFS,
    INSTALLED,
    MANIFEST,
    PIPELINE,
    REQUIREMENTS,
    SAMPLE,
    Bump,
    Version,
    tag_name,
)

if TYPE_CHECKING:
    from gitmodelstore.lineage.files import Hashing
    from gitmodelstore.pipelines.load import Reader
    from gitmodelstore.pipelines.summary import UnrunFile


# Which number a new version gets.


FIRST = Version(1, 0, 0)
BUMPS = ("auto", "major", "minor", "patch")

BumpRule = Literal["auto", "major", "minor", "patch"]


@dataclass(frozen=True, slots=True)
class Wish:
    """The number that the caller wants.

    Attributes:
        version: exactly this one; None for a bump.
        bump: which part of the highest number to raise; "auto" looks at what changed.
        allow_backport: whether `version` may lie below the highest.
    """

    version: Version | None
    bump: BumpRule
    allow_backport: bool

    @classmethod
    def of(cls, version: str | Version | None, bump: str, allow_backport: bool) -> Wish:
        """Return the wish that a caller's arguments say.

        Raises:
            InvalidVersion: `version` is not SemVer, or `bump` is none of BUMPS.
        """
        if bump not in BUMPS:
            raise InvalidVersion(f"'{bump}' is no bump", hint=f"one of {', '.join(BUMPS)}")
        if version is None or isinstance(version, Version):
            return cls(version, bump, allow_backport)  # type: ignore[arg-type]
        return cls(Version.parse(version), bump, allow_backport)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Numbered:
    """The number that a version gets.

    Attributes:
        version: the number.
        parent: the highest version below it; None for the first.
        why: what decided it, for the reader; empty where the caller did.
    """

    version: Version
    parent: Version | None
    why: str


def check_free(snapshot: Snapshot, model: str, wish: Wish) -> None:
    """Refuse a number that was used before, or goes back.

    Raises:
        VersionExists: it was, or does; the hint names a number that is free.
    """
    if wish.version is None:
        return
    taken = snapshot.registry.status(model, wish.version)
    highest = snapshot.registry.highest(model)
    if taken is not None and highest is not None:
        raise VersionExists(
            f"version '{wish.version}' of '{model}' already exists",
            hint=f"leave the version out for the next number, or take {highest.bump('patch')}",
        )
    if highest is not None and wish.version < highest and not wish.allow_backport:
        raise VersionExists(
            f"version '{wish.version}' of '{model}' lies below the highest, {highest}",
            hint=f"take {highest.bump('patch')}, or say that it is a backport: "
            "allow_backport=True (--allow-backport)",
        )


def choose(
    snapshot: Snapshot,
    model: str,
    wish: Wish,
    suggest: Callable[[Manifest], tuple[Bump, str]],
) -> Numbered:
    """Return the number for a new version of `model`.

    Args:
        snapshot: the store as it stands.
        model: its name.
        wish: what the caller wants.
        suggest: returns the bump that the changes since the highest version call
            for, and why; asked only for "auto".

    Raises:
        VersionExists: as in `check_free`.
    """
    check_free(snapshot, model, wish)
    below = snapshot.registry.versions(model)
    if wish.version is not None:
        parent = next((version for version in below if version < wish.version), None)
        return Numbered(wish.version, parent, "")
    if not below:
        return Numbered(FIRST, None, "the first version")
    highest = below[0]
    if wish.bump != "auto":
        return Numbered(highest.bump(wish.bump), highest, "")
    before = parent_manifest(snapshot, model, highest)
    if before is None:
        return Numbered(highest.bump("patch"), highest, f"patch: {highest} cannot be read")
    bump, why = suggest(before)
    return Numbered(highest.bump(bump), highest, f"{bump}: {why}")


def parent_manifest(snapshot: Snapshot, model: str, version: Version | None) -> Manifest | None:
    """Return the manifest of the version below a new one; None without one that can be read.

    A broken version must not stop the next one, which is what mends it.
    """
    if version is None:
        return None
    try:
        return snapshot.manifest(snapshot.version(model, version))
    except StoreError:
        return None


# What a gate asks of the card of a new version, and the card lacks: said before it is too late.


_CARD = "card"


def tell_what_lacks(snapshot: Snapshot, version: ModelVersion, writer: Writer) -> None:
    """Tell the writer what the card of a version lacks for the gates of the store."""
    if snapshot.policy.gates:
        for sentence in _lacking(snapshot, version):
            writer.notify(sentence)


def _lacking(snapshot: Snapshot, version: ModelVersion) -> Iterator[str]:
    from gitmodelstore.checks.gates import judge_required

    manifest = snapshot.manifest(version)
    asked: dict[str, list[str]] = {}  # what is asked for, to the statuses whose gates do
    for status, gate in snapshot.policy.gates.items():
        for name in gate.require:
            if name.partition(".")[0] == _CARD:
                asked.setdefault(name, []).append(status)
    for name, statuses in asked.items():
        change = Change(version.model, version.version, version.status, statuses[0])
        judged = judge_required(name, change, manifest)
        if not judged.passed:
            gates = f"the gate{'s' if len(statuses) > 1 else ''} of {' and '.join(statuses)}"
            verb = "asks" if len(statuses) == 1 else "ask"
            yield f"{gates} {verb} for {name}, which {version} lacks: {judged.mend}"


# The rows that a new version is tested on, and the production version on the same rows.


_ROWS_MISSING = "register with X_test and y_test, or with test= and target= (--test, --target)"


def with_test_rows(
    what: Submission, pipeline: Any, before: Callable[[], Manifest | None]
) -> Submission:
    """Return a submission whose test table has become X_test, y_test and the data set "test".

    Args:
        what: as it was submitted.
        pipeline: which says the columns that it takes.
        before: returns the manifest of the highest version, with whose types a file is read.

    Raises:
        InvalidInput: there are test rows twice, the target is not named or not in the
            table, or the table cannot be read.
    """
    from gitmodelstore.lineage.tables import in_pandas, types_of, with_dates
    from gitmodelstore.pipelines.retest import inputs_of

    if what.test is not None or what.sample_from is not None:
        last = before()
        features = (last.features if last else None) or ()
        types = types_of(features, what.target, getattr(pipeline, "classes_", None))
        what = replace(what, types=with_dates(types, what.parse_dates))
    if what.test is None:
        return replace(
            what,
            X_test=in_pandas(what.X_test, "X_test"),
            y_test=in_pandas(what.y_test, "y_test"),
        )
    if what.X_test is not None or what.y_test is not None:
        raise InvalidInput(
            "test rows were given twice", hint="give X_test and y_test, or a table as test"
        )
    target, table = table_with(what.test, what.target, what.types, what.parse_dates)
    return replace(
        what,
        X_test=inputs_of(pipeline, table, target),
        y_test=table[target],
        data={"test": what.test, **what.data},
    )


def table_with(
    test: Any, target: str | None, types: Mapping[str, str], named: Iterable[str] = ()
) -> tuple[str, Any]:
    """Return the name of the target, and the table of test rows, which has a column of it.

    Args:
        test: a table, or the path of a CSV or Parquet file.
        target: the name; None is an error.
        types: of its columns, as `read_table` takes them.
        named: columns that it must have besides.

    Raises:
        InvalidInput: the target is not named or not in the table, or it cannot be read.
    """
    from gitmodelstore.lineage.tables import check_columns, read_table

    if target is None:
        raise InvalidInput(
            "the test data has no target", hint="name its column with target= (--target NAME)"
        )
    table = read_table(test, types)
    check_columns(table, [target, *named])
    return target, table


def baseline_of(
    snapshot: Snapshot, what: Submission, notify: Callable[[str], None]
) -> Baseline | None:
    """Return the standard metrics of the present production version on the submitted rows.

    Args:
        snapshot: the store.
        what: the submission, with its test rows.
        notify: is told where there is nobody to be scored.

    Returns:
        None where no baseline was asked for, or nobody is in production.

    Raises:
        InvalidInput: there are no test rows, or the holder fails on them.
        FeatureMismatch: the holder takes other columns.
        LoadError, RefusedPickle: the holder cannot be loaded here.
    """
    if not what.baseline:
        return None
    if what.X_test is None or what.y_test is None:
        raise InvalidInput("a baseline needs test rows and their answers", hint=_ROWS_MISSING)
    holders = snapshot.registry.holders(what.model, PRODUCTION)
    if not holders:
        notify(f"nobody of '{what.model}' is in production, so there is no baseline")
        return None
    from gitmodelstore.pipelines.retest import scored

    name = f"{what.model} {holders[0]}, which is in production,"
    leave_out = "register without a baseline, and compare the two in another way"
    try:
        holder = load(snapshot, snapshot.version(what.model, holders[0]), what.reader)
    except RefusedPickle as error:
        raise RefusedPickle(
            f"{name} cannot be scored: {error}",
            name=error.name,
            opcode=error.opcode,
            offset=error.offset,
            hint=error.hint or leave_out,
        ) from error.__cause__
    except StoreError as error:
        raise LoadError(
            f"{name} cannot be loaded to score it: {error}", hint=error.hint or leave_out
        ) from error.__cause__
    try:
        metrics = scored(holder, what.X_test, what.y_test)
    except FeatureMismatch as error:
        raise FeatureMismatch(
            f"{name} takes other columns: {error}",
            hint=f"add what it takes to the test rows, or {leave_out}",
        ) from error.__cause__
    except StoreError as error:
        raise InvalidInput(
            f"{name} cannot be scored on these rows: {error}", hint=leave_out
        ) from error.__cause__
    if not metrics:
        notify(f"{name} is of a kind without standard metrics, so there is no baseline")
        return None
    return Baseline(holders[0], metrics)


# The uncommitted changes that a version keeps, so that what it was trained on can be rebuilt.


def kept_patch(look: Look | None, writer: Writer) -> bytes | None:
    """Return what `code.diff` is to hold; None where there is nothing to keep, and say so.

    Args:
        look: at the training repository; None where none is recorded.
        writer: is told why nothing is kept.

    Raises:
        InvalidInput: the changes are more than a version may keep.
        GitFailed: as in `lineage.code.capture`.
    """
    code = look.result() if look else None
    if look is None or code is None:
        writer.notify(f"no {CODE_DIFF} is kept: there is no training repository")
        return None
    if look.patch is None:
        writer.notify(f"no {CODE_DIFF} is kept: nothing is uncommitted")
        return None
    most = MOST_BYTES[CODE_DIFF]
    if len(look.patch) > most:
        raise InvalidInput(
            f"the uncommitted changes are {len(look.patch):,} bytes, "
            f"more than the {most:,} that {CODE_DIFF} may have",
            hint="commit them, or register without keep_diff (--keep-diff)",
        )
    return look.patch


# Everything about a new version that does not depend on its number, before the lock.


MOST_TWICE = 1 << 20  # bytes of a file that may be in memory twice


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
    from gitmodelstore.pipelines.summary import look_at

    path = Path(what.pipeline)
    data = read_file(path, sink.write).data
    return _Source(is_compressed(data), None, look_at(path, data))


def _asked(source: _Source | None, what: Submission, writer: Writer, snapshot: Snapshot) -> _Seen:
    """Return what a pipeline says when it is asked."""
    from gitmodelstore.pipelines.describe import describe
    from gitmodelstore.pipelines.fitted import check_fitted
    from gitmodelstore.pipelines.replay import asked
    from gitmodelstore.pipelines.retest import dates_as_text
    from gitmodelstore.pipelines.scores import check_metrics
    from gitmodelstore.pipelines.structure import check_features
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
    from gitmodelstore.pipelines.structure import feature_names

    if X_test is not None:
        return features_of(X_test)
    names = feature_names(pipeline)
    return features_named(names) if names is not None else None


def _is_named(pipeline: Any, X_test: Any) -> bool:
    """Whether the input columns have names, so that whoever predicts needs pandas."""
    from gitmodelstore.pipelines.structure import feature_names

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
    from gitmodelstore.lineage.tables import read_table
    from gitmodelstore.pipelines.replay import NoSample, asked, make_sample
    from gitmodelstore.pipelines.retest import dates_as_text, inputs_of
    from gitmodelstore.pipelines.structure import check_features

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


# Register


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
