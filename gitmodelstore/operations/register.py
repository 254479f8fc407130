"""Keep one more version of a model, with what made it.

A pipeline, a file or a folder becomes a `Submission`: all of the version that does not depend on
its number, made without the lock. `submit` takes the lock and makes the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from datetime import datetime, timezone
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from gitmodelstore.checks.fault import manifests, samples
from gitmodelstore.checks.folder import MOST_BYTES
from gitmodelstore.errors import (
    FeatureMismatch,
    FormatError,
    InvalidInput,
    InvalidMetric,
    InvalidName,
    InvalidVersion,
    LoadError,
    RefusedPickle,
    StoreError,
    VersionExists,
)
from gitmodelstore.lean import dataclass, field, replace
from gitmodelstore.operations.history import Notify
from gitmodelstore.operations.load import load
from gitmodelstore.operations.publish import Draft, Sink, StoredFile, publish, store_file
from gitmodelstore.operations.snapshot import Snapshot, Writer, upon
from gitmodelstore.pickles.rights import needs_trust
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.card import render_card
from gitmodelstore.values.compare import suggest
from gitmodelstore.values.events import NOTHING, REGISTERED, write_trailers
from gitmodelstore.values.fields import Free, MapOf, Text
from gitmodelstore.values.gates import read_annotations
from gitmodelstore.values.json import GREATEST_INTEGER
from gitmodelstore.values.manifest import Artifact, Baseline, Card, Dataset, Feature, Manifest
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import (
    ATTRIBUTES,
    CARD,
    CODE_DIFF,
    INSTALLED,
    MANIFEST,
    PIPELINE,
    PRODUCTION,
    REQUIREMENTS,
    SAMPLE,
    Bump,
    Version,
    metric_name,
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
    from gitmodelstore.lineage.tables import GivenRows
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
class Submission:
    """What becomes a version: all of it that does not depend on its number."""

    model: str
    wish: Wish
    fields: Mapping[str, Any]  # of `Manifest`, but for the number, the time and the writer
    globals: tuple[str, ...]  # the names that loading the pipeline looks up
    needs_trust: tuple[str, ...]  # those of them that readers must trust
    files: Mapping[str, StoredFile]  # by name; manifest and card are still to come
    if_changed: bool  # whether to write nothing where the highest version is the same
    regardless_of: tuple[str, ...] = ("created_at", "trained_at")  # fields that may differ then
    is_unrun: bool = False  # whether a dry walk says what the pipeline is: params are text, no task
    # Does more with the draft of the commit, under the lock; and is entered while it is published.
    finish: Callable[[Draft], Draft] = lambda draft: draft
    around: Callable[[], AbstractContextManager[None]] = nullcontext


# From a submission to a version.


def submit(repository: Repository, writer: Writer, what: Submission) -> ModelVersion:
    """Publish a submission as the next, or wanted, version; `if_changed`: unless it is the same."""
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
        manifest = _manifest(upon(writer, snapshot)[0], what, version, parent)
        bump = what.wish.bump if what.wish.version is None else None
        return what.finish(_draft(snapshot, *manifest, what.files, bump))

    with what.around():
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
    registry = snapshot.registry
    if wish.version is not None:
        return wish.version, registry.highest(what.model, below=wish.version), ""
    highest = registry.highest(what.model)
    if highest is None:
        return FIRST, None, "the first version"
    if wish.bump != "auto":
        return highest.bump(wish.bump), highest, ""
    before = snapshot.readable(what.model, highest)
    if before is None:
        return highest.bump("patch"), highest, f"patch: {highest} cannot be read"
    bump, why = _suggested(before, what)
    return highest.bump(bump), highest, f"{bump}: {why}"


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
    """Return the highest version if this equals it, apart from times and the like; or None."""
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


def submit_again(
    snapshot: Snapshot,
    writer: Writer,
    manifest: Manifest,
    bump: str | None,
    blobs: Mapping[str, str],
) -> tuple[Version, Draft]:
    """Return a version's number upon another store, and the draft of its commit."""
    # `bump`: how its number was chosen; None, if somebody named it, keeps it. `blobs`: id of each
    # file by name.
    own = ("schema", "model", "version", "parent", "created_at", "author", "artifacts")
    pipeline = manifest.artifact(PIPELINE)
    names = (pipeline.globals if pipeline else None) or ()
    needed = (pipeline.needs_trust if pipeline else None) or ()
    what = Submission(
        model=manifest.model,
        wish=Wish(None if bump else manifest.version, cast(BumpRule, bump or "auto"), True),
        fields={n: getattr(manifest, n) for n in Manifest.__match_args__ if n not in own},
        globals=names,
        needs_trust=tuple(sorted({*needs_trust(names), *needed})),
        files={
            one.path: StoredFile(blobs[one.path], one.sha256, one.size_bytes)
            for one in manifest.artifacts
        },
        if_changed=False,
        is_unrun=manifest.pipeline.task is None and manifest.features is None,
    )
    version, parent, _ = _choose(snapshot, what)
    again, _ = _manifest(writer, what, version, parent)
    again = replace(again, created_at=manifest.created_at, author=manifest.author)
    return version, _draft(snapshot, again, again.render(), what.files, bump)


def _draft(
    snapshot: Snapshot,
    manifest: Manifest,
    rendered: bytes,
    prepared: Mapping[str, StoredFile],
    bump: str | None,
) -> Draft:
    if next(read_annotations(manifest.message), None):
        raise InvalidInput(
            "the message contains the lines of an annotation, and would count as one",
            hint="give another with -m TEXT, and annotate with `gms annotate`",
        )
    card = render_card(manifest, snapshot.readable(manifest.model, manifest.parent))
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
    trailers = write_trailers({change: REGISTERED}, None, bump=bump)
    parts = (f"register {title}", manifest.message, trailers)
    digest = f"Manifest-SHA256: {files[MANIFEST].sha256}"
    registry = snapshot.registry.with_status(manifest.model, manifest.version, NEW_STATUS)
    tag = tag_name(manifest.model, manifest.version)
    tags = {tag: _paragraphs(title, manifest.message, digest)}
    return Draft(_paragraphs(*parts), registry, {manifest.model: tree}, tags)


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _missing_in_card(snapshot: Snapshot, version: ModelVersion) -> Iterator[str]:
    """Yield what the gates of the store ask of a card and this one lacks, before it is too late."""
    from gitmodelstore.checks.gates import Lookups, Move

    look = Lookups(lambda *_: snapshot.manifest(version), lambda *_: False, lambda *_: {})
    required: dict[str, list[str]] = {}  # what is asked for, to the statuses whose gates do
    for status, gate in snapshot.policy.gates.items():
        for name in gate.require:
            if name.partition(".")[0] == "card":
                required.setdefault(name, []).append(status)
    for name, statuses in required.items():
        change = Change(version.model, version.version, version.status, statuses[0])
        move = Move(snapshot.policy, change, (), snapshot.registry, NOTHING, look, True)
        judged = move.required(name)
        if not judged.passed:
            gates = f"the gate{'s' if len(statuses) > 1 else ''} of {' and '.join(statuses)}"
            verb = "asks" if len(statuses) == 1 else "ask"
            yield f"{gates} {verb} for {name}, which {version} lacks: {judged.mend}"


def store_files(
    snapshot: Snapshot, model: str, contents: Mapping[str, bytes | None]
) -> dict[str, StoredFile]:
    """Store small files by name, but for those that the highest version of the model has too."""
    kept: dict[str, str] = {}  # SHA-256 to blob; none of a damaged version
    highest = snapshot.registry.highest(model)
    manifest = snapshot.readable(model, highest)
    if highest is not None and manifest is not None:
        blobs = snapshot.files(snapshot.version(model, highest))
        for entry in manifest.artifacts:
            if entry.path in blobs and entry.path != PIPELINE:
                kept[entry.sha256] = blobs[entry.path].oid
    return {
        name: store_file(snapshot.repository, data, kept)
        for name, data in contents.items()
        if data is not None
    }


# From a pipeline or a file to a submission.


@dataclass(frozen=True, slots=True)
class RegisterOptions:
    """What `Store.register` was given; it says what each field means, and what is left out."""

    pipeline: Any
    model: str
    wish: Wish
    rows: GivenRows
    baseline: bool
    sample: str | None
    sample_from: Any
    data: Mapping[str, Any]
    metrics: Mapping[str, Any]
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

    card, metrics = _card(what.card), check_metrics(what.metrics)
    _refuse_other_sample(what.sample)
    _refuse_unwritable(MapOf(Free()), what.custom, "custom")
    facts: dict[str, Any] = {"features": None, "baseline": None, "metrics": {}}
    sample, has_names = None, False
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
        if source.unrun:
            facts["pipeline"] = source.unrun.facts
        else:
            answers, sample = _asked(source, what, writer, snapshot)
            facts, has_names = facts | answers, is_named(source.pipeline, what.rows.X)
        names, needed = _fill(sink, source, writer)
        stored = sink.keep()
        if source.name is None and not needed and what.verdicts:
            what.verdicts.note(loads_for_all(stored.sha256))
        code = look.result() if look else None
    top = look.top if look else None
    packages = (EVERY_PIPELINE, *names)
    captured = capture(packages, with_pandas=has_names, code=code, top=top)
    contents = {
        REQUIREMENTS: captured.requirements,
        INSTALLED: captured.installed,
        ATTRIBUTES: sink.attributes,
        SAMPLE: sample,
        CODE_DIFF: patch,
    }
    files = store_files(snapshot, what.model, contents)
    if SAMPLE in files:
        samples.put(files[SAMPLE].blob, True)
    facts |= {"metrics": facts["metrics"] | metrics, "data": data, "code": code, "card": card}
    fields = facts | _given_fields(what, writer) | {"environment": captured.environment}
    files[PIPELINE] = stored
    return Submission(what.model, what.wish, fields, names, needed, files, what.if_changed)


def _given_fields(what: RegisterOptions, writer: Writer) -> dict[str, Any]:
    """Return the fields of the manifest that the caller gives, apart from metrics and card."""
    trained_at = what.trained_at or (modified_at(what.pipeline) if what.is_file else writer.when)
    return {
        "trained_at": trained_at.astimezone(timezone.utc).replace(microsecond=0),
        "message": what.message,
        "target": what.rows.predicted,
        "custom": what.custom,
    }


def _source(what: RegisterOptions, sink: Sink) -> _Source:
    """Return the pipeline, or what a path names, whose bytes go into the sink."""
    if not what.is_file:
        if what.run:
            return _Source(what.pipeline)
        raise InvalidInput(
            "run=False is for files; a pipeline in memory is already loaded",
            hint="leave run=False out",
        )
    if not what.run and (what.baseline or what.rows.are_given or what.sample_from is not None):
        raise InvalidInput(
            "test rows need the pipeline to run",
            hint="leave them out, or register without run=False",
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
    """Put the pipeline in the sink; return the names that it loads, and those that need trust."""
    from gitmodelstore.pickles.dump import dump, globals_of, refuse_script_names
    from gitmodelstore.pickles.load import needs_of_stored, refuse_unloadable

    if source.name is None:
        names = dump(source.pipeline, sink.write).globals
        refuse_script_names(names)
        needed = refuse_unloadable(sink.content(), source.pipeline, names)
    else:
        names = source.unrun.globals if source.unrun else globals_of(source.pipeline)
        refuse_script_names(names)
        needed = needs_of_stored(sink.content(), names, may_load=source.unrun is None)
    if source.is_compressed:
        writer.notify("the file is compressed: git cannot share bytes between versions of it")
    return names, needed


def _asked(
    source: _Source, what: RegisterOptions, writer: Writer, snapshot: Snapshot
) -> tuple[dict[str, Any], bytes | None]:
    """Return what a pipeline says of itself, as fields of a manifest, and a sample."""
    from gitmodelstore.estimators.describe import (
        check_features,
        check_fitted,
        describe,
        standard_metrics,
    )
    from gitmodelstore.estimators.replay import asked, dates_as_text
    from gitmodelstore.pickles.dump import refuse_caches

    pipeline, X, y = source.pipeline, what.rows.X, what.rows.y
    with source.asking():
        check_fitted(pipeline)
        refuse_caches(pipeline)
        if X is not None:
            check_features(pipeline, X)
        answers: dict[str, Any] = {
            "features": features_of(pipeline, X),
            "pipeline": describe(pipeline),
        }
    answers["baseline"] = _baseline(snapshot, what, writer.notify)
    notes: list[str] = []  # told once the pipeline has answered, or else its error says it
    # Before estimators with copy=False predict.
    sample = _sample(pipeline, answers["pipeline"].algorithm, what, notes.append)
    with asked("the test rows", partial(dates_as_text, X)):
        if y is not None:
            answers["metrics"] = standard_metrics(pipeline, X, y)
    for note in notes:
        writer.notify(note)
    return answers, sample


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
    """Return the options with test rows in pandas, read with the highest version's types."""
    from gitmodelstore.estimators.replay import inputs_of

    rows = what.rows
    if rows.table is not None or what.sample_from is not None:
        last = snapshot.readable(what.model, snapshot.registry.highest(what.model))
        classes = getattr(pipeline, "classes_", None)
        what = replace(what, types=rows.types(last.features if last else None, classes))
    rows = rows.read(what.types)
    if rows.table is not None:
        rows = replace(rows, X=inputs_of(pipeline, rows.X, rows.target))
    return replace(what, rows=rows)


def _baseline(snapshot: Snapshot, what: RegisterOptions, notify: Notify) -> Baseline | None:
    """Return the production version's metrics on the test rows; None, with a notice, without."""
    if not what.baseline:
        return None
    if what.rows.X is None or what.rows.y is None:
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
        notify(f"{name} has no standard metrics, so no baseline was recorded")
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
        return scored(holder, what.rows.X, what.rows.y)
    except FeatureMismatch as error:
        raise FeatureMismatch(
            f"{name} takes different columns: {error}",
            hint=f"add the columns that it takes to the test rows, or {leave_out}",
        ) from error.__cause__
    except StoreError as error:
        raise InvalidInput(
            f"{name} cannot be scored on these rows: {error}", hint=leave_out
        ) from error.__cause__


def features_of(pipeline: Any, X_test: Any) -> tuple[Feature, ...] | None:
    """Return the input columns of the test data, or as fitted; None if unknown or too many."""
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


def _data(what: RegisterOptions, writer: Writer) -> tuple[Dataset, ...]:
    from gitmodelstore.lineage.data import describe

    given, rows = dict(what.data), what.rows
    if rows.table is not None:
        given = {"test": rows.table, **given}
    elif rows.X is not None:
        given.setdefault("test", rows.source)
    return tuple(
        describe(role, source, hashing=what.hashing, notify=writer.notify)
        for role, source in given.items()
    )


def _sample(pipeline: Any, algorithm: str, what: RegisterOptions, notify: Notify) -> bytes | None:
    """Return the bytes of sample.json; None without rows, or where there can be none."""
    if what.sample is None:
        return None
    from gitmodelstore.estimators import replay
    from gitmodelstore.estimators.describe import check_features
    from gitmodelstore.lineage.tables import read_table

    if not replay.methods_of(pipeline):
        notify(f"no sample is kept to replay: {algorithm} has neither predict nor transform")
        return None
    X = what.rows.X
    if what.sample_from is None and X is None:
        return None
    if what.sample_from is not None:
        with replay.asked("sample_from"):
            table = read_table(what.sample_from, what.types, name="sample_from")
            X = replay.inputs_of(pipeline, table, what.rows.target)
            check_features(pipeline, X, name="sample_from", left_out=table.columns)
    try:
        return replay.make_sample(pipeline, X, what.sample).render()
    except replay.NoSample as error:
        dates = replay.dates_as_text(X) if error.__cause__ else None
        notify(f"no sample is kept to replay: {error}{f'; {dates}' if dates else ''}")
        return None


# What else was given.


def modified_at(pipeline: str | PathLike[str]) -> datetime:
    """When the file of a pipeline was last written, which is when training ended."""
    return datetime.fromtimestamp(int(Path(pipeline).stat().st_mtime), timezone.utc)


def check_metrics(metrics: Mapping[str, Any]) -> dict[str, float | int]:
    """Return the metrics as plain Python numbers, in the order given; bools are refused."""
    if not isinstance(metrics, Mapping):
        raise InvalidMetric(
            f"expected metrics as a mapping of name to number, found {type(metrics).__name__}",
            hint="write metrics={'test_auc': 0.91}",
        )
    numbers, refused = {}, []
    for name, value in metrics.items():
        try:
            numbers[metric_name(name)] = _number(name, value)
        except (InvalidName, InvalidMetric) as error:
            refused.append(error)
    if len(refused) > 1:  # all at once
        hint = next((error.hint for error in refused if error.hint), None)
        raise type(refused[0])("; ".join(map(str, refused)), hint=hint)
    if refused:
        raise refused[0]
    return numbers


def _number(name: str, value: Any) -> float | int:
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or (isinstance(value, float) and not math.isfinite(value)):
        text = f"of type {type(value).__name__}"
        if isinstance(value, (bool, float, type(None))):
            text = str(value)
        elif isinstance(value, str):
            text = f"the text {value[:40]!r}"
        raise InvalidMetric(
            f"metric '{name}' is {text}, not a finite number", hint="leave it out, or give a number"
        )
    if isinstance(value, float):
        return float(value)
    if abs(value) > GREATEST_INTEGER:
        raise InvalidMetric(
            f"metric '{name}' is a whole number beyond 2^53", hint="give it as a float"
        )
    return int(value)


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
