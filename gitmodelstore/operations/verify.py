"""Whether versions are what was released and answer as before, and data is what it was."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from gitmodelstore.checks.folder import FileFacts, folder_faults
from gitmodelstore.checks.signatures import NOT_SIGNED, NOT_VALID, Outcome, SignatureJudge, Verifier
from gitmodelstore.errors import (
    BrokenPipelineFile,
    CannotRead,
    FeatureMismatch,
    FormatError,
    IntegrityError,
    InvalidInput,
    LoadError,
    MissingObject,
    NotFetched,
    RefusedPickle,
    Sentence,
    StoreError,
)
from gitmodelstore.lean import TYPE_CHECKING, Any, cached_property, dataclass, field, replace
from gitmodelstore.lineage import data as files
from gitmodelstore.lineage import tables
from gitmodelstore.operations.load import bring, bring_all, load_quietly, sample_of, verified_parts
from gitmodelstore.operations.resolve import Ref, approvals, claimed, manifest_sha256, resolve
from gitmodelstore.operations.snapshot import LOST, Snapshot, behind_tags
from gitmodelstore.operations.validate import refuse_part
from gitmodelstore.plumbing import writer_lock
from gitmodelstore.plumbing.signing import SshVerifier
from gitmodelstore.values.compare import data_differences
from gitmodelstore.values.diff import DataDifference
from gitmodelstore.values.events import APPROVED, REGISTERED, Event
from gitmodelstore.values.manifest import Dataset, Manifest
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import (
    ATTRIBUTES,
    DIFFERENT,
    REGISTRY,
    SAMPLE,
    Version,
    did_you_mean,
    folder,
    from_seconds,
)
from gitmodelstore.values.objects import Entry
from gitmodelstore.values.tables import NOTEBOOK, Paint, counted, html, lines_of

if TYPE_CHECKING:
    from datetime import datetime

    from gitmodelstore.estimators.replay import Replay, Retested
    from gitmodelstore.pickles.load import Reader

# Threads hash and inflate without holding each other up. Each has a part of one file in memory.
_MOST_THREADS = min(4, os.cpu_count() or 1)
_MOST_AHEAD = 2 * _MOST_THREADS

Contents = Callable[[], tuple[int, tuple[str, ...]]]
Proven = set[tuple[str, str, int]]  # id of a blob, and the SHA-256 and size that were asked of it


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What to do besides verifying the bytes, as in `Store.verify`."""

    replay: bool
    rows: tables.GivenRows
    reader: Reader | None = None
    signatures: Signatures | None = None  # who verifies them; None leaves it out


@dataclass(frozen=True, slots=True)
class Verified:
    """The result for one version.

    Attributes:
        model, version, status: which version, and its status now.
        files: how many files are the ones that were released.
        faults: what is wrong with it, each a sentence.
        replay: the result of the replay; None if it was not asked for, or the version has no
            sample or could not be loaded.
        metrics: the recorded metrics, and their values now; None if they were not asked for, or
            it could not be loaded.
        signatures: who signed it; None if that was not asked for, or cannot be read.
        unloaded: why it could not be loaded here, though its bytes are sound; None if it was
            loaded, or did not have to be.
    """

    model: str
    version: Version
    status: str
    files: int
    faults: tuple[str, ...]
    replay: Replay | None = None
    metrics: tuple[Retested, ...] | None = None
    signatures: tuple[Signature, ...] | None = None
    unloaded: Sentence | None = None

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong, and nothing that was asked again is different."""
        return (
            not self.faults
            and (self.replay is None or self.replay.outcome != DIFFERENT)
            and all(metric.is_same for metric in self.metrics or ())
            and all(one.outcome.is_valid for one in self.signatures or () if one.is_needed)
        )

    def __str__(self) -> str:
        return f"{self.model} {self.version}"


@dataclass(frozen=True, slots=True, repr=False)
class Verification:
    """The result for each version that was verified.

    Attributes:
        versions: in the order of the registry: by model, the highest version first.
        faults: what is wrong with the store as a whole, each a sentence: its branch lacks
            versions that have tags.
    """

    versions: tuple[Verified, ...]
    faults: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether every version is, and the store has all that it should."""
        return not self.faults and all(version.is_sound for version in self.versions)

    def __str__(self) -> str:
        """Return what `gms verify` prints."""
        from gitmodelstore.values.pages import verification_page

        return "\n".join(lines_of(verification_page(self, Paint(False))))

    def _repr_html_(self) -> str:
        from gitmodelstore.values.pages import verification_page

        return html(verification_page(self, NOTEBOOK))

    def __repr__(self) -> str:
        bad = sum(not version.is_sound for version in self.versions)
        return f"<Verification: {counted(len(self.versions), 'version')}, {bad or 'none'} faulty>"

    @property
    def unloaded(self) -> tuple[Verified, ...]:
        """Those that were to be loaded, and cannot be here."""
        return tuple(version for version in self.versions if version.unloaded is not None)


def verify(snapshot: Snapshot, ref: Ref | None, options: VerifyOptions) -> Verification:
    """Verify one version, or every version of every model; a broken one does not stop the rest."""
    versions: tuple[Verified, ...]
    if ref is not None:
        version = resolve(snapshot, ref)
        bring(snapshot, [version])
        versions = (_Verifying(snapshot, options).begin(version.model, version.version)(),)
    elif options.rows.table is not None:
        raise InvalidInput("test data is of one version", hint="name the version")
    else:
        found = {(one.model, one.version): one for one in _every(snapshot, options)}
        keys = ((m, v) for m in snapshot.registry.models for v in snapshot.registry.versions(m))
        versions = tuple(found[key] for key in keys)
    behind = behind_tags(snapshot)
    verification = Verification(versions, (Sentence.of(behind, LOST),) if behind else ())
    if not verification.is_sound:
        refuse_part(snapshot.repository)
    return verification


def _every(snapshot: Snapshot, options: VerifyOptions) -> Iterator[Verified]:
    """Yield what is found of every version, as they were registered."""
    # Neighbours in the history have much in common, which is read once. While this thread judges
    # manifests, others hash the next files.
    from concurrent.futures import ThreadPoolExecutor  # a single version needs none

    if snapshot.repository.promisor is not None:
        bring_all(snapshot, snapshot.registry.models)
    every: list[tuple[str, Version]] = []
    for model in snapshot.registry.models:
        snapshot.history.learn(model)
        every += ((model, version) for version in snapshot.registry.versions(model))
    every.sort(key=lambda one: _registered(snapshot, *one))
    ahead: deque[Callable[[], Verified]] = deque()
    with ThreadPoolExecutor(_MOST_THREADS) as pool:
        verifying = _Verifying(snapshot, options, lambda work: pool.submit(work).result)
        for model, version in every:
            ahead.append(verifying.begin(model, version))
            if len(ahead) > _MOST_AHEAD:
                yield ahead.popleft()()
        while ahead:
            yield ahead.popleft()()


def _registered(snapshot: Snapshot, model: str, version: Version) -> datetime:
    """Return the date of the commit that introduced a version; the first one for a broken one."""
    with suppress(StoreError):
        return snapshot.repository.commit(snapshot.version(model, version).commit).when
    return from_seconds(0)


def replay_of(snapshot: Snapshot, version: ModelVersion, pipeline: Any) -> Replay | None:
    """Ask a loaded pipeline its sample again, if any; one that cannot be read is a difference."""
    if snapshot.manifest(version).artifact(SAMPLE) is None:
        return None
    from gitmodelstore.estimators.replay import Replay, replay

    try:
        sample = sample_of(snapshot, version)
    except FormatError as error:
        return Replay(0, why=str(error))
    return replay(pipeline, sample)


@dataclass(frozen=True, slots=True)
class _Verifying:
    """How versions of a store are verified: `later` is given what reads the files of each."""

    snapshot: Snapshot
    options: VerifyOptions
    later: Callable[[Contents], Contents] = lambda work: work
    proven: Proven = field(default_factory=set)

    def begin(self, model: str, version: Version) -> Callable[[], Verified]:
        """Judge all of a version but its files; return a function that gives the whole result."""
        snapshot = self.snapshot
        status = snapshot.registry.status(model, version) or ""
        verified = Verified(model, version, status, files=0, faults=())
        try:
            model_version = snapshot.version(model, version)
            manifest = snapshot.manifest(model_version, anew=True)
            entries = snapshot.files(model_version)
        except StoreError as error:
            unread = replace(verified, faults=(_told(error),))
            return lambda: unread
        wrong = (
            *_tag_faults(snapshot, model_version),
            *_structure_faults(snapshot, model_version, manifest, entries),
        )
        contents = self.later(lambda: self._contents(model_version, manifest, entries))
        return lambda: self._finish(model_version, replace(verified, faults=wrong), *contents())

    def _contents(
        self, version: ModelVersion, manifest: Manifest, entries: Mapping[str, Entry]
    ) -> tuple[int, tuple[str, ...]]:
        """Return how many files are the ones that were released, and what is wrong with others."""
        sound, faults = 1, []  # the manifest was read just now, and is the one of its tag
        for entry in manifest.artifacts:
            if entry.path not in entries:
                continue
            key = (entries[entry.path].oid, entry.sha256, entry.size_bytes)
            try:
                if key not in self.proven:
                    for _ in verified_parts(self.snapshot, version, entry.path, manifest):
                        pass
                    self.proven.add(key)
                sound += 1
            except StoreError as error:
                faults.append(_told(error))
        return sound, tuple(faults)

    def _finish(
        self, version: ModelVersion, verified: Verified, sound: int, wrong: tuple[str, ...]
    ) -> Verified:
        snapshot, options, faults = self.snapshot, self.options, [*verified.faults, *wrong]
        replayed = metrics = unloaded = signed = None
        # Bytes that are not the released ones are never unpickled.
        if (options.replay or options.rows.table is not None) and not faults:
            try:
                pipeline = load_quietly(snapshot, version, options.reader)
                replayed = replay_of(snapshot, version, pipeline) if options.replay else None
                if options.rows.table is not None:
                    metrics = _metrics(pipeline, snapshot.manifest(version), options.rows)
            except (InvalidInput, FeatureMismatch):
                raise  # of the test data, not of the version
            except (RefusedPickle, BrokenPipelineFile) as error:
                faults.append(_told(error))
            except LoadError as error:  # of what is installed here: these are the released bytes
                unloaded = _told(error)
            except StoreError as error:
                faults.append(_told(error))
        if options.signatures is not None:
            try:
                signed = options.signatures.of(version)
            except (IntegrityError, MissingObject) as error:
                faults.append(Sentence.of(error))
        return replace(
            verified,
            files=sound,
            faults=tuple(faults),
            replay=replayed,
            metrics=metrics,
            signatures=signed,
            unloaded=unloaded,
        )


def _told(error: StoreError) -> Sentence:
    """Return a fault's text; what cannot be read here, or is elsewhere, is raised."""
    if isinstance(error, (CannotRead, NotFetched)):
        raise error
    return Sentence.of(error)


def _tag_faults(snapshot: Snapshot, version: ModelVersion) -> Iterator[str]:
    repository, tag = snapshot.repository, version.tag
    if snapshot.tag(tag):
        return
    note = writer_lock.read(repository.common_dir)
    if note is not None and tag in note.tags and writer_lock.is_held(repository.common_dir):
        return  # a writer sets this tag next: branches move before their tags
    if repository.tag(tag) is None:  # by now: a writer may have finished in between
        what = f"tag {tag} is missing: plain git cannot find the version"
        yield Sentence.of(what, "GMS050")


def _structure_faults(
    snapshot: Snapshot, version: ModelVersion, manifest: Manifest, entries: Mapping[str, Entry]
) -> Iterator[str]:
    """Yield what is wrong with the folder, the contents of its files apart."""
    declared = {entry.path: (entry.sha256, entry.size_bytes) for entry in manifest.artifacts}
    facts = {
        name: FileFacts(*declared.get(name, ("", 0)), entry.mode) for name, entry in entries.items()
    }
    attributes: bytes | None = None
    with suppress(StoreError):
        if ATTRIBUTES in entries:
            path = f"{folder(version.model)}/{ATTRIBUTES}"
            attributes = snapshot.repository.read_again(entries[ATTRIBUTES].oid, path)
    for fault in folder_faults(version.model, version.version, facts, manifest, attributes):
        yield Sentence.of(str(fault), fault.code, fault.mend)


def _metrics(pipeline: Any, manifest: Manifest, given: tables.GivenRows) -> tuple[Retested, ...]:
    from gitmodelstore.estimators.replay import retest

    rows = replace(given, target=given.target or manifest.target)
    if rows.target is None:
        raise InvalidInput(
            "the version does not say what it predicts",
            hint="name the column that holds the true answers with --target",
        )
    table = tables.read_table(rows.table, rows.types(manifest.features, manifest.pipeline.classes))
    tables.check_columns(table, rows.dates)
    return retest(pipeline, table, rows.target, manifest.metrics)


# Whether data at hand is what a version was made with, and if not, what differs.

_TABLE, _FILE, _FOLDER, _PIN, _PINNED_FOLDER = "gms-df-1", "sha256", "gms-tree-1", "md5", "md5-dir"

# By algorithm: what a data set is known by, and what to give; what of a path can be compared.
_KNOWN_BY = {
    _TABLE: ("the values of a table", "give a table, or a CSV or Parquet file of it"),
    _FILE: ("the bytes of a file", "give the path of a file"),
    _FOLDER: ("the files in a folder", "give the path of a folder"),
    _PIN: ("the MD5 of a file, from DVC", "give the .dvc file, or the file that it pins"),
    _PINNED_FOLDER: ("the MD5 of a folder, from DVC", "give the .dvc file, or the folder"),
}
_KINDS = {_FOLDER: ("folder",), _PIN: ("file", "pin"), _PINNED_FOLDER: ("folder", "pin")}


@dataclass(frozen=True, slots=True)
class DataVerified:
    """The result for one data set.

    Attributes:
        version: which version it belongs to.
        recorded: what its manifest says.
        present: the same for the data that was given; its role is that of `recorded`.
        differences: what is known to differ; empty if the data is the same, and if neither
            rows nor columns show a difference.
    """

    version: ModelVersion
    recorded: Dataset
    present: Dataset
    differences: tuple[DataDifference, ...]

    @property
    def role(self) -> str:
        """What the data was for: "train", "test", …"""
        return self.recorded.role

    @property
    def is_same(self) -> bool:
        """Whether the digests agree."""
        return self.recorded.digest == self.present.digest

    @property
    def why(self) -> str | None:
        """Why there are no differences though the data is not the same; None if there are."""
        if self.is_same or self.differences:
            return None
        if self.recorded.columns is None:
            return "it is not known which columns differ: the version records none of this data"
        if self.present.columns is None:
            return "it is not known which columns differ: this data was not read as a table"
        return "rows, columns and their profiles agree: a few values or their order differ"

    def __str__(self) -> str:
        """Return one line, as `churn 1.2.0: train data differs (rows, column 'income')`."""
        if self.is_same:
            return f"{self.version}: {self.role} data is the same"
        names = (f"column '{d.column}'" if d.column else d.what for d in self.differences)
        why = self.why or ", ".join(dict.fromkeys(names))
        return f"{self.version}: {self.role} data differs ({why})"

    def __repr__(self) -> str:
        verdict = "is the same" if self.is_same else "differs"
        return f"<DataVerified {self.version}: {self.role} data {verdict}>"

    def _repr_html_(self) -> str:
        from gitmodelstore.values.diff import data_lines

        return html(data_lines(self, NOTEBOOK))


def verify_data(
    snapshot: Snapshot, ref: Ref, source: Any, role: str | None, progress: files.Progress | None
) -> DataVerified:
    """Compare data with what a version records of it; `Store.verify_data` says what each means."""
    version = resolve(snapshot, ref)
    manifest = snapshot.manifest(version)
    given = _GivenData(version, manifest, source, files.Hashing(progress=progress))
    if not manifest.data:
        raise InvalidInput(
            f"{version} records no data",
            hint="data is recorded by `gms register … --data train=FILE`",
        )
    if role is not None or len(manifest.data) == 1:
        return given.best(_of_role(version, manifest, role))
    # Whichever of them it is; where it is none, nobody knows which of them it should have been.
    for recorded in manifest.data:
        with suppress(_OtherKind):
            if not given.has_another_size(recorded):
                comparison = given.best(recorded)
                if comparison.is_same:
                    return comparison
    raise InvalidInput(
        f"{version} records {_listed(manifest)}, and this is none of them",
        hint="name the one that it should be with role= (--role)",
    )


class _OtherKind(InvalidInput):
    """The data is of another kind than what was recorded, so they cannot be compared."""


@dataclass(frozen=True, slots=True)
class _GivenData:
    """Data at hand, to be compared with the data sets of a version."""

    version: ModelVersion
    manifest: Manifest
    source: Any
    how: files.Hashing

    def best(self, recorded: Dataset) -> DataVerified:
        """Return the comparison with one data set, in the form that differs least."""
        given = self.source.get("source") if isinstance(self.source, Mapping) else self.source
        comparisons = [
            DataVerified(self.version, recorded, present, data_differences(recorded, present))
            for present in self._forms(recorded, given)
        ]
        return min(comparisons, key=lambda one: (not one.is_same, len(one.differences)))

    def has_another_size(self, recorded: Dataset) -> bool:
        """Whether a file need not be read to know that it is another one."""
        if recorded.digest.algorithm not in (_FILE, _PIN) or not _is_path(self.source):
            return False
        path = files.path_of(self.source)
        return _kind(path) == "file" and files.status(path).st_size != recorded.size_bytes

    def _forms(self, recorded: Dataset, given: Any) -> Iterator[Dataset]:
        """Yield what the data is, in each form in which the recorded one may have been given."""
        algorithm, hashing = recorded.digest.algorithm, self.how
        if not _is_path(given):
            if algorithm != _TABLE:
                raise _other_kind(recorded, "a table in memory")
            yield files.describe(recorded.role, given, hashing=hashing)
            return
        path = files.path_of(given)
        kind = _kind(path)
        no_table = algorithm == _TABLE and not tables.is_table_file(path)
        if kind not in _KINDS.get(algorithm, ("file",)) or no_table:
            raise _other_kind(recorded, f"'{path}'")
        if algorithm == _TABLE:
            for table in self._tables(recorded, path):
                yield files.describe(recorded.role, table, hashing=hashing)
        elif algorithm in (_PIN, _PINNED_FOLDER) and kind != "pin":
            digest, size_bytes = (
                files.dvc_digest_of_folder(path, hashing)
                if kind == "folder"
                else files.digest_of_file(path, hashing, _PIN)
            )
            uri = path.as_posix()
            yield Dataset(recorded.role, uri, None, None, digest, size_bytes, None, None)
        else:
            yield files.describe(recorded.role, path, hashing=hashing)

    def _tables(self, recorded: Dataset, path: Path) -> Iterator[Any]:
        """Yield the table in a file; and apart, where they were recorded so, X and y."""
        try:
            data, _ = files.read_whole(path, self.how)
            table = _typed(recorded, path, data)
            table = tables.read(path, data) if table is None else table
        except InvalidInput as error:
            raise InvalidInput(f"cannot compare '{path}': {error}", hint=error.hint) from None
        yield table
        target = recorded.columns[-1].name if recorded.columns else self.manifest.target
        if target in table.columns:
            yield table.drop(columns=[target]), table[target]


def _typed(recorded: Dataset, path: Path, data: bytes) -> Any:
    """Return the table in a CSV file with the types that were recorded; None of another one."""
    if tables.is_parquet(path) or recorded.columns is None:
        return None
    types = {column.name: column.dtype for column in recorded.columns}
    try:
        table = tables.read(path, data, types)
        return tables.with_types(table, types, f"'{path}'", is_text=True)
    except InvalidInput:
        return None


def _is_path(source: object) -> bool:
    return isinstance(source, (str, os.PathLike))


def _kind(path: Path) -> str:
    if files.is_folder(path):
        return "folder"
    return "pin" if path.suffix == files.SUFFIX else "file"


def _of_role(version: ModelVersion, manifest: Manifest, role: str | None) -> Dataset:
    for recorded in manifest.data:
        if role in (None, recorded.role):
            return recorded
    raise InvalidInput(
        f"{version} records no data set '{role}'",
        hint=did_you_mean(role or "", [one.role for one in manifest.data])
        or f"it records {_listed(manifest)}",
    )


def _listed(manifest: Manifest) -> str:
    names = [f"'{one.role}'" for one in manifest.data]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _other_kind(recorded: Dataset, given: str) -> _OtherKind:
    algorithm = recorded.digest.algorithm
    mark, hint = _KNOWN_BY.get(algorithm, (f"its {algorithm}", "give what it was made of"))
    return _OtherKind(
        f"data set '{recorded.role}' is recorded by {mark}: {given} is of a different kind",
        hint=hint,
    )


# The signatures of versions: of tag, registration, last move of status, and approvals.

TAG = "tag"
_NO_TAG = Outcome(code=NOT_SIGNED, why="the tag does not exist, so it is not signed")


@dataclass(frozen=True, slots=True)
class Signature:
    """One commit or tag, and who signed it.

    Attributes:
        kind: "tag", or what the commit did: registered, promoted, …, approved.
        name: the name of the tag, or the id of the commit.
        status: the status to which it moved the version, or for which it approves it; None for
            a tag.
        outcome: who signed, or why that does not count.
    """

    kind: str
    name: str
    status: str | None
    outcome: Outcome

    @property
    def is_needed(self) -> bool:
        """Whether the version is not well signed without it; approvals are the gates' business."""
        return self.kind != APPROVED


class Signatures:
    """What is signed in a store, and by whom.

    `verifier` has the allowed signers; None takes them from git's configuration, and raises a
    SignatureError if that has none.
    """

    def __init__(self, snapshot: Snapshot, verifier: Verifier | None = None) -> None:
        repository = snapshot.repository
        believed = verifier or SshVerifier.of(repository.common_dir, repository.work_tree)
        self._snapshot = snapshot
        self._judge = SignatureJudge(repository, lambda: believed)
        self._moves: dict[tuple[str, str], Event] = {}
        self._log = snapshot.history.events()

    def learn(self, events: Iterable[Event]) -> None:
        """Learn how versions came to their status from all of their events, newest first."""
        for event in events:
            if event.is_move:
                self._moves.setdefault((event.model, str(event.version)), event)

    def of(self, version: ModelVersion) -> tuple[Signature, ...]:
        """Return the signatures of a version: tag, registration, last move, approvals."""
        move = self._last_move(version)
        is_claimed = (version.model, str(version.version)) in self._claimed
        stated = approvals(self._snapshot, version) if is_claimed else ()
        tag = self._snapshot.tag(version.tag)
        outcomes = self._judge.outcomes(
            [version.commit, move.commit, *(one.commit for one in stated)],
            [(tag.oid, version.tag, tag.commit)] if tag else (),
        )
        made = [(REGISTERED, version.commit, REGISTERED), (move.kind, move.commit, move.after)]
        signatures = [Signature(TAG, version.tag, None, outcomes[tag.oid] if tag else _NO_TAG)]
        for kind, oid, status in made if move.kind != REGISTERED else made[:1]:
            signatures.append(Signature(kind, oid, status, outcomes[oid]))
        digest = manifest_sha256(self._snapshot, version) if stated else ""
        for one in stated:
            outcome = outcomes[one.commit]
            if outcome.is_valid and one.manifest_sha256 != digest:
                why = "replayed: it approves another manifest"
                outcome = Outcome(key=outcome.key, code=NOT_VALID, why=why)
            signatures.append(Signature(APPROVED, one.commit, one.status, outcome))
        return tuple(signatures)

    def of_commits(self, oids: Iterable[str]) -> dict[str, Outcome]:
        """Return the outcome of each commit's signature, by its id."""
        return self._judge.outcomes(oids)

    @cached_property
    def _claimed(self) -> frozenset[tuple[str, str]]:
        return claimed(self._snapshot)

    def _last_move(self, version: ModelVersion) -> Event:
        """Return how a version came to its status; the history is read as far as need be."""
        key = (version.model, str(version.version))
        while key not in self._moves:
            event = next((event for event in self._log if event.is_move), None)
            if event is None:
                raise IntegrityError(
                    f"no commit says how {version} came into the store", path=REGISTRY
                )
            self.learn([event])
        return self._moves[key]
