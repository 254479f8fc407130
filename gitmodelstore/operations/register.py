"""Keep one more version of a model, with what made it.

A pipeline, a file or a folder (`register_folder`) becomes a `Submission`: all of the version
that does not depend on its number. That takes time, and is done without the lock. From there
on there is one path: `submit` takes the lock, chooses the number, and makes what depends on
it (manifest, card, folder, registry).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

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
from gitmodelstore.operations.load import load
from gitmodelstore.operations.publish import Draft, Sink, publish
from gitmodelstore.operations.snapshot import Snapshot, Writer, upon
from gitmodelstore.pickles.rights import needs_trust
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.card import render_card
from gitmodelstore.values.compare import suggest
from gitmodelstore.values.events import REGISTERED, write_trailers
from gitmodelstore.values.fields import Free, MapOf, Text
from gitmodelstore.values.gates import read_annotations
from gitmodelstore.values.manifest import Artifact, Baseline, Card, Dataset, Feature, Manifest
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import (
    ATTRIBUTES,
    CARD,
    CODE_DIFF,
    FOLDER_ATTRIBUTES,
    FOLDER_ATTRIBUTES_LFS,
    INSTALLED,
    MANIFEST,
    PIPELINE,
    PRODUCTION,
    REQUIREMENTS,
    SAMPLE,
    Bump,
    Version,
    model_name,
    tag_name,
)
from gitmodelstore.values.names import REGISTERED as NEW_STATUS
from gitmodelstore.values.objects import PLAIN_FILE, Entry
from gitmodelstore.values.registry import Change
from gitmodelstore.values.sample import ROWS, SYNTHETIC

if TYPE_CHECKING:
    from gitmodelstore.lineage.code import CodeCapture
    from gitmodelstore.lineage.data import Hashing
    from gitmodelstore.pickles.load import Reader
    from gitmodelstore.pickles.summary import UnrunFile
    from gitmodelstore.plumbing.large_files import Verdicts

FIRST = Version(1, 0, 0)
BumpRule = Literal["auto", "major", "minor", "patch"]
BUMPS: tuple[BumpRule, ...] = get_args(BumpRule)
MOST_TWICE = 1 << 20  # bytes of a file that may be in memory twice


@dataclass(frozen=True, slots=True)
class Wish:
    """The number that the caller wants."""

    version: Version | None = None  # None for a bump
    bump: BumpRule = "auto"  # which part of the highest number to raise
    allow_backport: bool = False  # whether `version` may lie below the highest

    @classmethod
    def of(cls, version: str | Version | None, bump: str, allow_backport: bool) -> Wish:
        """Return the wish that a caller's arguments say."""
        if bump not in BUMPS:
            raise InvalidVersion(
                f"'{bump}' is not a kind of bump", hint=f"one of {', '.join(BUMPS)}"
            )
        if isinstance(version, str):
            version = Version.parse(version)
        return cls(version, bump, allow_backport)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is in the object database, though nothing names it yet."""

    blob: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Submission:
    """What is to become a version: all of it that does not depend on its number."""

    model: str
    wish: Wish
    fields: Mapping[str, Any]  # of `Manifest`, but for the number, the time and the writer
    globals: tuple[str, ...]  # the names that loading the pipeline looks up
    needs_trust: tuple[str, ...]  # those of them that readers must trust
    files: Mapping[str, StoredFile]  # by name; manifest and card are still to come
    if_changed: bool  # whether to write nothing where the highest version is the same
    regardless_of: tuple[str, ...] = ("created_at", "trained_at")  # fields that may differ then
    is_unrun: bool = False  # whether a dry walk says what the pipeline is: params are text, no task


# From a submission to a version.


def submit(
    repository: Repository,
    writer: Writer,
    what: Submission,
    *,
    finish: Callable[[Draft], Draft] | None = None,
    around: AbstractContextManager[None] | None = None,
) -> ModelVersion:
    """Publish what was submitted as a version with the next number, or the wanted one.

    `finish` returns the draft of the commit with what more it is to do, and is called under the
    lock; `around` is entered while it is published. With `if_changed` the highest version is
    returned where nothing differs from it.
    """
    chosen: list[Version] = []  # by the last call of `draft`, which may be called again

    def draft(snapshot: Snapshot) -> Draft | None:
        same = _unchanged(snapshot, writer, what) if what.if_changed else None
        if same is not None:
            chosen.append(same)
            return None
        version, parent, why = _choose(snapshot, what)
        chosen.append(version)
        if why:
            writer.notify(f"{what.model} {version} ({why})")
        manifest = _manifest(upon(writer, snapshot), what, version, parent)
        drafted = _draft(snapshot, *manifest, what.files)
        return finish(drafted) if finish else drafted

    with around or nullcontext():
        _, after = publish(repository, writer, draft)
    version = after.version(what.model, chosen[-1])
    if after.policy.gates:
        for sentence in _missing_in_card(after, version):
            writer.notify(sentence)
    if what.needs_trust:
        add = f"`gms trust add {' '.join(what.needs_trust)}`"
        writer.notify(f"readers must trust: {', '.join(what.needs_trust)} ({add})")
    return replace(version, needs_trust=what.needs_trust)


def check_free(snapshot: Snapshot, model: str, wish: Wish) -> None:
    """Refuse a number that was used before, or goes back; the hint names one that is free."""
    if wish.version is None:
        return
    taken = snapshot.registry.status(model, wish.version)
    highest = snapshot.registry.highest(model)
    if taken is not None and highest is not None:
        raise VersionExists(
            f"version '{wish.version}' of '{model}' already exists",
            hint=f"omit the version for the next number, or use {highest.bump('patch')}",
        )
    if highest is not None and wish.version < highest and not wish.allow_backport:
        raise VersionExists(
            f"version '{wish.version}' of '{model}' is below the highest, {highest}",
            hint=f"use {highest.bump('patch')}, or mark it as a backport: "
            "allow_backport=True (--allow-backport)",
        )


def _choose(snapshot: Snapshot, what: Submission) -> tuple[Version, Version | None, str]:
    """Return a number, the highest below it, and why; empty where the caller said."""
    wish = what.wish
    check_free(snapshot, what.model, wish)
    below = snapshot.registry.versions(what.model)
    if wish.version is not None:
        parent = next((version for version in below if version < wish.version), None)
        return wish.version, parent, ""
    if not below:
        return FIRST, None, "the first version"
    highest = below[0]
    if wish.bump != "auto":
        return highest.bump(wish.bump), highest, ""
    before = _readable(snapshot, what.model, highest)
    if before is None:
        return highest.bump("patch"), highest, f"patch: {highest} cannot be read"
    bump, why = _suggested(before, what)
    return highest.bump(bump), highest, f"{bump}: {why}"


def _readable(snapshot: Snapshot, model: str, version: Version | None) -> Manifest | None:
    """Return a manifest; None without one that can be read.

    A broken version must not stop the next one, which is what mends it.
    """
    if version is None:
        return None
    try:
        return snapshot.manifest(snapshot.version(model, version))
    except StoreError:
        return None


def _suggested(before: Manifest, what: Submission) -> tuple[Bump, str]:
    """Return which part of the number to raise, and why: of a dry walk, only steps count."""
    facts, features, target = (what.fields[name] for name in ("pipeline", "features", "target"))
    if what.is_unrun:
        old = before.pipeline
        facts = replace(facts, params={}, task=old.task, classes=old.classes)
        facts = replace(facts, steps=_without_columns(facts.steps))
        old = replace(old, params={}, tuned=(), steps=_without_columns(old.steps))
        before = replace(before, pipeline=old)
    return suggest(before, facts, features, target)


def _without_columns(steps: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(replace(s, columns=None, steps=_without_columns(s.steps)) for s in steps)


def _manifest(
    writer: Writer, what: Submission, version: Version, parent: Version | None
) -> tuple[Manifest, bytes]:
    others = sorted(set(what.needs_trust).difference(needs_trust(what.globals)))
    facts = {PIPELINE: (what.globals, tuple(others) or None)}  # others are what no name tells of
    artifacts = tuple(
        Artifact(name, file.sha256, file.size_bytes, *facts.get(name, ()))
        for name, file in sorted(what.files.items())
    )
    try:
        manifest = Manifest(
            model=what.model,
            version=version,
            parent=parent,
            created_at=writer.when.astimezone(timezone.utc).replace(microsecond=0),
            author=str(writer.author),
            artifacts=artifacts,
            **what.fields,
        )
        return manifest, manifest.render()
    except FormatError as error:
        raise InvalidInput(f"cannot be recorded: {error.faults[0]}", hint=error.hint) from None


def _unchanged(snapshot: Snapshot, writer: Writer, what: Submission) -> Version | None:
    """Return the highest version if this is it again, times and the like apart; else None."""
    highest = snapshot.registry.highest(what.model)
    if highest is None:
        return None
    before = snapshot.manifest(snapshot.version(what.model, highest))
    after, _ = _manifest(writer, what, highest, before.parent)
    names = what.regardless_of
    if after.baseline is not None and after.baseline.version == highest:
        names += ("baseline",)  # nobody is a baseline of itself
    same = replace(after, **{name: getattr(before, name) for name in names})
    return highest if same.render() == before.render() else None


def _draft(
    snapshot: Snapshot, manifest: Manifest, rendered: bytes, prepared: Mapping[str, StoredFile]
) -> Draft:
    if next(read_annotations(manifest.message), None):
        raise InvalidInput(
            "the message contains the lines of an annotation, and would count as one",
            hint="give another with -m TEXT, and annotate with `gms annotate`",
        )
    card = render_card(manifest, _readable(snapshot, manifest.model, manifest.parent))
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
    digest = f"Manifest-SHA256: {files[MANIFEST].sha256}"
    return Draft(
        message=_paragraphs(*parts),
        registry=snapshot.registry.with_status(manifest.model, manifest.version, NEW_STATUS),
        folders={manifest.model: tree},
        tags={
            tag_name(manifest.model, manifest.version): _paragraphs(title, manifest.message, digest)
        },
    )


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _missing_in_card(snapshot: Snapshot, version: ModelVersion) -> Iterator[str]:
    """Yield what the gates of the store ask of a card and this one lacks, before it is too late."""
    from gitmodelstore.checks.gates import judge_required

    manifest = snapshot.manifest(version)
    required: dict[str, list[str]] = {}  # what is asked for, to the statuses whose gates do
    for status, gate in snapshot.policy.gates.items():
        for name in gate.require:
            if name.partition(".")[0] == "card":
                required.setdefault(name, []).append(status)
    for name, statuses in required.items():
        change = Change(version.model, version.version, version.status, statuses[0])
        judged = judge_required(name, change, manifest)
        if not judged.passed:
            gates = f"the gate{'s' if len(statuses) > 1 else ''} of {' and '.join(statuses)}"
            verb = "asks" if len(statuses) == 1 else "ask"
            yield f"{gates} {verb} for {name}, which {version} lacks: {judged.mend}"


def store_file(
    repository: Repository, data: bytes, kept: Mapping[str, str] | None = None
) -> StoredFile:
    """Store a small file, unless `kept` (SHA-256 to blob) has it: each costs a file of git's."""
    sha256 = hashlib.sha256(data).hexdigest()
    blob = (kept or {}).get(sha256) or repository.write_blob(data)
    repository.know(blob, sha256, len(data))
    return StoredFile(blob, sha256, len(data))


def attributes_of(sink: Sink) -> bytes:
    return FOLDER_ATTRIBUTES_LFS if sink.is_large else FOLDER_ATTRIBUTES


# From a pipeline or a file to a submission.


@dataclass(frozen=True, slots=True)
class RegisterOptions:
    """What `Store.register` was given; it says what each field means, and what is left out."""

    pipeline: Any
    model: str
    wish: Wish
    X_test: Any
    y_test: Any
    test: Any
    parse_dates: Sequence[str]
    baseline: bool
    sample: str | None
    sample_from: Any
    data: Mapping[str, Any]
    metrics: Mapping[str, Any]
    target: str | None
    card: Mapping[str, str]
    message: str
    if_changed: bool
    code: Path | None
    entry_point: Path | None
    keep_diff: bool
    trained_at: datetime | None
    custom: Mapping[str, Any]
    reader: Reader | None
    verdicts: Verdicts | None  # where it is noted that a pipeline loads
    run: bool
    hashing: Hashing
    types: Mapping[str, str] = field(default_factory=dict)  # of a table's columns, once known

    @property
    def is_file(self) -> bool:
        return isinstance(self.pipeline, (str, PathLike))

    @property
    def has_rows(self) -> bool:
        rows = (self.X_test, self.y_test, self.test, self.sample_from)
        return any(one is not None for one in rows)


@dataclass(frozen=True, slots=True)
class _Source:
    """A pipeline in memory, or of a file: its name and, where it is not run, what it says."""

    pipeline: Any
    name: str | None = None
    unrun: UnrunFile | None = None
    is_compressed: bool = False

    def asking(self) -> AbstractContextManager[None]:
        """Return what says in our words what the pipeline raises when it is looked at."""
        from gitmodelstore.pickles.load import asking, describing

        return describing(self.pipeline) if self.name is None else asking(self.name)


# What there is to say of a pipeline before it is stored: attributes of `Manifest`, the bytes of
# sample.json, and whether its inputs have names, so that whoever predicts needs pandas.
_Described = tuple[dict[str, Any], bytes | None, bool]


def register(repository: Repository, writer: Writer, what: RegisterOptions) -> ModelVersion:
    """Keep a fitted pipeline, or one that joblib wrote into a file, as a new version."""
    model_name(what.model)
    now = Snapshot.now(repository)
    check_free(now, what.model, what.wish)
    try:
        submission = _submission(repository, now, writer, what)
    except StoreError as error:  # of frames that say nothing to whoever is refused
        raise error.with_traceback(None) from error.__cause__
    return submit(repository, writer, submission)


def _submission(
    repository: Repository, snapshot: Snapshot, writer: Writer, what: RegisterOptions
) -> Submission:
    """Store the pipeline and the small files of a version, and return what they become."""
    from gitmodelstore.lineage.code import CodeCapture
    from gitmodelstore.lineage.environment import EVERY_PIPELINE, capture
    from gitmodelstore.pickles.load import loads_for_all

    card = _card(what.card)
    _refuse_other_sample(what.sample)
    _refuse_unwritable(MapOf(Free()), what.custom, "custom")
    threshold = snapshot.policy.lfs_threshold_bytes
    most_in_memory = MOST_TWICE if what.is_file else None  # a file is in memory once already
    with ExitStack() as stack:
        sink = stack.enter_context(Sink(repository, threshold, most_in_memory=most_in_memory))
        source = _source(what, sink)
        if what.run:
            with source.asking():
                what = _with_test_rows(what, source.pipeline, snapshot)
        # git looks at the training repository while Python scores and pickles.
        look = stack.enter_context(CodeCapture(what.code, what.entry_point)) if what.code else None
        patch = _kept_patch(look, writer) if what.keep_diff else None
        data = _data(what, writer)
        known, sample, has_names = (
            _unrun(source.unrun, what) if source.unrun else _asked(source, what, writer, snapshot)
        )
        names, needed = _fill(sink, source, writer)
        sha256, blob = sink.keep()
        if source.name is None and not needed and what.verdicts:
            what.verdicts.note(loads_for_all(sha256))
        stored = StoredFile(blob, sha256, sink.size_bytes)
        code = look.result() if look else None
    top = look.top if look else None
    packages = (EVERY_PIPELINE, *names)
    captured = capture(packages, with_pandas=has_names, code=code, top=top)
    contents = {
        REQUIREMENTS: captured.requirements,
        INSTALLED: captured.installed,
        ATTRIBUTES: attributes_of(sink),
        SAMPLE: sample,
        CODE_DIFF: patch,
    }
    kept = _kept_files(snapshot, what.model)
    files = {n: store_file(repository, c, kept) for n, c in contents.items() if c is not None}
    if SAMPLE in files:
        samples.put(files[SAMPLE].blob, True)
    trained_at = what.trained_at or (modified_at(what.pipeline) if what.is_file else writer.when)
    fields = {
        **known,
        "trained_at": trained_at.astimezone(timezone.utc).replace(microsecond=0),
        "message": what.message,
        "target": what.target or name_of(what.y_test),
        "data": data,
        "code": code,
        "environment": captured.environment,
        "card": card,
        "custom": what.custom,
    }
    files[PIPELINE] = stored
    return Submission(what.model, what.wish, fields, names, needed, files, what.if_changed)


def _source(what: RegisterOptions, sink: Sink) -> _Source:
    """Return the pipeline, or what a path names, whose bytes go into the sink."""
    if not what.is_file:
        if what.run:
            return _Source(what.pipeline)
        raise InvalidInput(
            "run=False is for files; a pipeline in memory is already loaded",
            hint="leave run=False out",
        )
    from gitmodelstore.pickles.load import is_compressed, load_file, read_file

    path = Path(what.pipeline)
    if what.run:
        loaded = load_file(what.pipeline, what.reader, sink.write)
        return _Source(loaded.pipeline, path.name, is_compressed=loaded.is_compressed)
    from gitmodelstore.pickles.summary import look_at

    data = read_file(path, sink.write).data
    return _Source(None, path.name, look_at(path, data), is_compressed(data))


def _fill(sink: Sink, source: _Source, writer: Writer) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Have the pipeline in the sink, and return the names that loading it looks up.

    Then come those of them that readers must trust.
    """
    from gitmodelstore.pickles.dump import dump, globals_of, refuse_script_names
    from gitmodelstore.pickles.load import needs_of_stored, refuse_unloadable

    if source.name is None:
        names = dump(source.pipeline, sink).globals
        refuse_script_names(names)
        needed = refuse_unloadable(sink.content(), source.pipeline, names)
    else:
        names = source.unrun.globals if source.unrun else globals_of(source.pipeline)
        refuse_script_names(names)
        needed = needs_of_stored(sink.content(), names, may_load=source.unrun is None)
    if source.is_compressed:
        writer.notify("the file is compressed: git cannot share bytes between versions of it")
    return names, needed


def _unrun(unrun: UnrunFile, what: RegisterOptions) -> _Described:
    from gitmodelstore.estimators.scores import check_metrics

    if what.baseline or what.has_rows:
        raise InvalidInput(
            "test rows need the pipeline to run",
            hint="leave them out, or register without run=False",
        )
    facts = {"pipeline": unrun.facts, "features": None, "baseline": None}
    return {**facts, "metrics": check_metrics(what.metrics)}, None, False


def _asked(
    source: _Source, what: RegisterOptions, writer: Writer, snapshot: Snapshot
) -> _Described:
    from gitmodelstore.estimators.describe import check_features, check_fitted, describe
    from gitmodelstore.estimators.replay import asked, dates_as_text
    from gitmodelstore.estimators.scores import check_metrics, standard_metrics
    from gitmodelstore.pickles.dump import refuse_caches

    metrics, pipeline, X = check_metrics(what.metrics), source.pipeline, what.X_test
    if X is None and what.y_test is not None:
        raise InvalidInput("y_test without X_test", hint="pass the rows that y_test belongs to")
    with source.asking():
        check_fitted(pipeline)
        refuse_caches(pipeline)
        if X is not None:
            check_features(pipeline, X)
        features = features_of(pipeline, X)
        facts = describe(pipeline)
    baseline = _baseline(snapshot, what, writer.notify)
    notes: list[str] = []  # told once the pipeline has answered, or else its error says it
    # Before estimators with copy=False predict.
    sample = _sample(pipeline, facts.algorithm, what, notes.append)
    with asked("the test rows", partial(dates_as_text, X)):
        if what.y_test is not None:
            metrics = {**standard_metrics(pipeline, X, what.y_test), **metrics}
    for note in notes:
        writer.notify(note)
    known = {"pipeline": facts, "features": features, "metrics": metrics, "baseline": baseline}
    return known, sample, is_named(pipeline, X)


def _kept_files(snapshot: Snapshot, model: str) -> dict[str, str]:
    """Return SHA-256 to blob of the files of the highest version; none if it is damaged."""
    highest = snapshot.registry.highest(model)
    manifest = _readable(snapshot, model, highest)
    if highest is None or manifest is None:
        return {}
    blobs = snapshot.files(snapshot.version(model, highest))
    return {
        entry.sha256: blobs[entry.path].oid
        for entry in manifest.artifacts
        if entry.path in blobs and entry.path != PIPELINE
    }


def _kept_patch(look: CodeCapture | None, writer: Writer) -> bytes | None:
    """Return what `code.diff` is to hold; None where there is nothing to keep, and say so."""
    code = look.result() if look else None
    if look is None or code is None:
        writer.notify(f"{CODE_DIFF} was not kept: no training repository was found")
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


# The rows that a new version is tested on, and what is made of them.


def _with_test_rows(what: RegisterOptions, pipeline: Any, snapshot: Snapshot) -> RegisterOptions:
    """Return the options with the test table as X_test, y_test and the data set "test".

    A file is read with the types of the model's highest version.
    """
    from gitmodelstore.estimators.replay import inputs_of
    from gitmodelstore.lineage.tables import given_rows, types_of

    if what.test is not None or what.sample_from is not None:
        last = _readable(snapshot, what.model, snapshot.registry.highest(what.model))
        features = last.features if last else None
        classes = getattr(pipeline, "classes_", None)
        what = replace(what, types=types_of(features, what.target, classes, what.parse_dates))
    rows = what.X_test, what.y_test, what.test
    X, y = given_rows(*rows, what.target, what.types, what.parse_dates)
    if what.test is None:
        return replace(what, X_test=X, y_test=y)
    data = {"test": what.test, **what.data}
    return replace(what, X_test=inputs_of(pipeline, X, what.target), y_test=y, data=data)


def _baseline(
    snapshot: Snapshot, what: RegisterOptions, notify: Callable[[str], None]
) -> Baseline | None:
    """Return the standard metrics of the present production version on the test rows.

    None where no baseline was asked for, or nobody is in production, which `notify` is told.
    """
    if not what.baseline:
        return None
    if what.X_test is None or what.y_test is None:
        raise InvalidInput(
            "a baseline needs test rows and their answers",
            hint="register with X_test and y_test, or with test= and target= (--test, --target)",
        )
    holders = snapshot.registry.holders(what.model, PRODUCTION)
    if not holders:
        notify(f"no version of '{what.model}' is in production, so no baseline was recorded")
        return None
    name = f"{what.model} {holders[0]}, which is in production,"
    metrics = _scores_of(snapshot, snapshot.version(what.model, holders[0]), name, what)
    if not metrics:
        notify(f"{name} is of a kind without standard metrics, so no baseline was recorded")
        return None
    return Baseline(holders[0], metrics)


def _scores_of(
    snapshot: Snapshot, version: ModelVersion, name: str, what: RegisterOptions
) -> dict[str, float]:
    from gitmodelstore.estimators.replay import scored

    leave_out = "register without a baseline, and compare the two in another way"
    try:
        holder = load(snapshot, version, what.reader)
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
        return scored(holder, what.X_test, what.y_test)
    except FeatureMismatch as error:
        raise FeatureMismatch(
            f"{name} takes other columns: {error}",
            hint=f"add the columns that it takes to the test rows, or {leave_out}",
        ) from error.__cause__
    except StoreError as error:
        raise InvalidInput(
            f"{name} cannot be scored on these rows: {error}", hint=leave_out
        ) from error.__cause__


def features_of(pipeline: Any, X_test: Any) -> tuple[Feature, ...] | None:
    """Return the input columns: from the test data with their types, else as they were fitted.

    None when neither says, or when they are too many for a manifest.
    """
    from gitmodelstore.estimators.describe import feature_names
    from gitmodelstore.lineage import frames

    if X_test is not None:
        return frames.features_of(X_test)
    names = feature_names(pipeline)
    return frames.features_named(names) if names is not None else None


def is_named(pipeline: Any, X_test: Any) -> bool:
    """Whether the input columns have names, so that whoever predicts needs pandas."""
    from gitmodelstore.estimators.describe import feature_names

    return feature_names(pipeline) is not None or hasattr(X_test, "columns")


def name_of(y_test: Any) -> str | None:
    name = getattr(y_test, "name", None)
    return name if isinstance(name, str) else None


def _data(what: RegisterOptions, writer: Writer) -> tuple[Dataset, ...]:
    from gitmodelstore.lineage.data import describe

    sets = [
        describe(role, source, hashing=what.hashing, notify=writer.notify)
        for role, source in what.data.items()
    ]
    if what.X_test is not None and "test" not in what.data:
        both = what.X_test if what.y_test is None else (what.X_test, what.y_test)
        sets.append(describe("test", both))
    return tuple(sets)


def _sample(
    pipeline: Any, algorithm: str, what: RegisterOptions, notify: Callable[[str], None]
) -> bytes | None:
    """Return the bytes of sample.json; None without rows, or where there can be none."""
    if what.sample is None:
        return None
    from gitmodelstore.estimators.describe import check_features
    from gitmodelstore.estimators.replay import (
        NoSample,
        asked,
        dates_as_text,
        inputs_of,
        make_sample,
        methods_of,
    )
    from gitmodelstore.lineage.tables import read_table

    if not methods_of(pipeline):
        notify(f"no sample is kept to replay: {algorithm} has neither predict nor transform")
        return None
    if what.sample_from is None and what.X_test is None:
        return None
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


# What else was given.


def modified_at(pipeline: str | PathLike[str]) -> datetime:
    """When the file of a pipeline was last written, which is when training ended."""
    return datetime.fromtimestamp(int(Path(pipeline).stat().st_mtime), timezone.utc)


def _card(given: Mapping[str, str]) -> Card:
    _refuse_unwritable(MapOf(Text()), given, "card")
    sections = {name: text for name, text in given.items() if name not in Card.KEYS}
    return Card(given.get("intended_use"), given.get("limitations"), sections or None)


def _refuse_unwritable(kind: MapOf, value: Any, name: str) -> None:
    faults = list(kind.faults(dict(value) if isinstance(value, Mapping) else value, name))
    if faults:
        raise InvalidInput("; ".join(f"{where}: {what}" for where, what in faults))


def _refuse_other_sample(sample: object) -> None:
    if sample not in (SYNTHETIC, ROWS, None):
        raise InvalidInput(
            f"expected sample '{SYNTHETIC}', '{ROWS}' or None, found {sample!a}",
            hint=f"'{ROWS}' keeps real rows of X_test, '{SYNTHETIC}' made-up ones",
        )
