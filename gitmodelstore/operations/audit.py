"""All of a model's history in one zip that needs no tool; what cannot be read is named in it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from gitmodelstore.checks.history import effective_date
from gitmodelstore.checks.signatures import NOT_SIGNED, UNSIGNED, Outcome, Signed
from gitmodelstore.errors import CannotWrite, Sentence, SignatureError, StoreError, VersionNotFound
from gitmodelstore.lean import Any, dataclass, field
from gitmodelstore.operations.history import registry_of
from gitmodelstore.operations.load import bring_all, read_verified
from gitmodelstore.operations.resolve import check_model
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.operations.verify import TAG, Signatures
from gitmodelstore.pages import STATIC, EventFacts, Pages, as_row, static
from gitmodelstore.plumbing.files import check_absent
from gitmodelstore.plumbing.repository import Repository, writing
from gitmodelstore.plumbing.signing import SshVerifier
from gitmodelstore.values.events import REGISTERED, Event, Scalar
from gitmodelstore.values.json import as_list_item, dump_with_list
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import (
    CARD,
    MANIFEST,
    PIPELINE,
    REGISTRY,
    SETTINGS,
    Version,
    format_moment,
)
from gitmodelstore.values.objects import Commit
from gitmodelstore.values.policy import Policy

# What an audit says of signatures, also where no allowed signers are known.


SIGNED, ABSENT, INVALID, UNVERIFIED = "signed", "not signed", "not valid", "not verified"


class Lenient:
    """Verifies signatures as far as that can be done here."""

    def __init__(self, repository: Repository) -> None:
        self.unverified: str | None = None  # why they are not verified; None if they are
        try:
            self._verifier = SshVerifier.of(repository.common_dir, repository.work_tree)
        except SignatureError as error:
            self.unverified = str(error)

    def outcomes(self, objects: Sequence[Signed]) -> list[Outcome]:
        """Return the outcomes of the signatures of commits and tags, in their order."""
        if self.unverified is None:
            try:
                return self._verifier.outcomes(objects)
            except SignatureError as error:  # ssh-keygen is not installed
                self.unverified = str(error)
        return [Outcome(code=UNVERIFIED) if one.signature else UNSIGNED for one in objects]


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """Return who signed, or why nobody did, as JSON has it."""
    states = {"": SIGNED, NOT_SIGNED: ABSENT, UNVERIFIED: UNVERIFIED}
    return {
        "state": states.get(outcome.code, INVALID),
        "signers": list(outcome.signers),
        "key": outcome.key,
        "why": outcome.why or None,
    }


# A zip file: equal content gives equal bytes, and it appears whole or not at all.

SUMS = "SHA256SUMS"
_NO_TIME = (1980, 1, 1, 0, 0, 0)  # the first that the format can say
_UNIX, _PLAIN_FILE = 3, 0o100644 << 16


def check_free(target: Path, *, replace: bool) -> None:
    """Refuse a place where no new file can be."""
    if target.is_dir():
        raise CannotWrite(f"'{target}' is a folder", hint="name a file with -o FILE.zip")
    if target.exists() and not target.is_file():  # a device would become a file
        raise CannotWrite(f"'{target}' is not a regular file", hint="name one with -o FILE.zip")
    if not target.parent.is_dir():
        raise CannotWrite(
            f"folder '{target.parent}' does not exist", hint="create it, or name another"
        )
    if not replace:
        check_absent(target, "name another file with -o FILE.zip, or give --force")


Content = bytes | memoryview | Iterator[bytes]  # a file of the zip, or what it is joined from
Member = tuple[str, Content]


def write_zip(target: Path, folder: str, members: Iterable[Member], *, replace: bool) -> str:
    """Write files and SHA256SUMS into a folder of a new zip; return its SHA-256."""
    # Nothing is compressed: what a compressor makes of the same bytes differs between releases.
    # Times are left out.
    check_free(target, replace=replace)
    with writing(target.parent):
        number, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    partial = Path(name)
    try:
        with writing(target), os.fdopen(number, "w+b") as file:
            with zipfile.ZipFile(file, "w") as archive:
                _fill(archive, folder, members)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        check_free(target, replace=replace)
        with writing(target):
            partial.chmod(0o644)  # mkstemp makes it private
            partial.replace(target)
    except BaseException:  # Ctrl-C too must leave nothing
        partial.unlink(missing_ok=True)
        raise
    return digest


def _fill(archive: zipfile.ZipFile, folder: str, members: Iterable[Member]) -> None:
    sums = []
    for name, content in members:
        digest, info = hashlib.sha256(), _info(f"{folder}/{name}")
        parts: Iterable[bytes | memoryview]
        if isinstance(content, (bytes, memoryview)):
            parts, info.file_size = [content], len(content)  # others may not have 2 GiB
        else:
            parts = content
        with archive.open(info, "w") as file:
            for part in parts:
                digest.update(part)
                file.write(part)
        sums.append(f"{digest.hexdigest()}  {name}\n")
    sums.sort(key=lambda line: line.partition("  ")[2])
    archive.writestr(_info(f"{folder}/{SUMS}"), "".join(sums).encode())


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _NO_TIME)
    info.create_system = _UNIX
    info.external_attr = _PLAIN_FILE
    info.compress_type = zipfile.ZIP_STORED
    return info


# Audit

FORMAT = "gms-audit-1"
_PART_BYTES = 1 << 16
_AT_ONCE = 1000  # events whose signatures are verified together


@dataclass(frozen=True, slots=True)
class Audit:
    """What was written.

    >>> audit = store.audit("churn")
    >>> audit.faults
    ()

    Attributes:
        path: the zip.
        sha256: its digest, 64 hexadecimal digits.
        head: id of the commit of the store that it describes.
        events, versions: how many of each are in it.
        faults: what could not be read, a sentence each; empty if nothing is amiss.
        unverified: why signatures were not verified; None if they were.
    """

    path: Path
    sha256: str
    head: str
    events: int
    versions: int
    faults: tuple[str, ...]
    unverified: str | None


def audit(
    snapshot: Snapshot,
    model: str,
    target: Path,
    *,
    release: str,
    since: datetime | None,
    artifacts: bool = False,
    replace: bool = False,
) -> Audit:
    """Write what happened to a model, and what it is made of, into a zip; see `Store.audit`.

    What was in force at `since` is said, though the events before it are left out.
    """
    check_model(snapshot, model)
    check_free(target, replace=replace)
    if artifacts:
        bring_all(snapshot, [model])
    with ExitStack() as opened:
        parts = {name: opened.enter_context(_Part(target.parent)) for name in _PARTS}
        gathering = _Gathering(snapshot, model, since, parts, Pages(release))
        members = gathering.members(artifacts=artifacts)
        digest = write_zip(target, f"{model}-audit", members, replace=replace)
    return Audit(
        target,
        digest,
        snapshot.commit.oid,
        gathering.told.count,
        gathering.versions,
        tuple(gathering.faults),
        gathering.verifier.unverified,
    )


_PARTS = ("events.json", "events.csv", "event rows", "versions", "version rows")


class _Part:
    """Part of a file, which is put together on disk while others are written into the zip."""

    def __init__(self, folder: Path) -> None:
        with writing(folder):
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - `__exit__` does

    def __enter__(self) -> _Part:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # of what was never written: the disk is full
            self._file.close()

    @property
    def is_empty(self) -> bool:
        return self._file.tell() == 0

    def put(self, data: bytes) -> None:
        self._file.write(data)

    def rows(self) -> Iterator[str]:
        """Yield the rows of a page, a line each."""
        self._file.seek(0)
        return (as_row(line) for line in self._file)

    def read(self) -> Iterator[bytes]:
        self._file.seek(0)
        while data := self._file.read(_PART_BYTES):
            yield data


def _line(row: str) -> bytes:
    return f"{row}\n".encode()


_OF_AN_EVENT = (
    "when", "model", "version", "kind", "before", "after", "clock", "who", "why", "replay",
    "override", "approved_for", "annotations", "commit",
)  # fmt: skip


# The events as a table for a spreadsheet.

EVENT_COLUMNS = (
    "when", "model", "version", "kind", "before", "after", "who", "why", "replay", "override",
    "approved_for", "annotations", "commit", "policy", "signature", "signers", "clock",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t")  # what a spreadsheet would compute


def events_head(columns: Sequence[str] = EVENT_COLUMNS) -> bytes:
    """Return the heads of the columns of events as CSV; a mark says to spreadsheets: UTF-8."""
    return _csv(columns).encode("utf-8-sig")


def event_cells(event: Mapping[str, Any], columns: Sequence[str] = EVENT_COLUMNS) -> bytes:
    """Return an event as a line of CSV (RFC 4180)."""
    signature = event["signature"]
    row = {**event, "signature": signature["state"], "signers": signature["signers"]}
    return _csv(_cell(row[column]) for column in columns).encode()


def _csv(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _cell(value: Any) -> str:
    if value is None or value in ({}, []):
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(_FORMULA) else text


def event_document(event: Event) -> dict[str, Any]:
    """Return an event as JSON has it."""
    return {name: _plain(getattr(event, name)) for name in _OF_AN_EVENT}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_moment(value)
    if isinstance(value, tuple):  # annotations
        return dict(value)
    return str(value) if isinstance(value, Version) else value


@dataclass
class _Gathering:
    """What is being put together."""

    snapshot: Snapshot
    model: str
    since: datetime | None
    parts: dict[str, _Part]
    pages: Pages
    faults: list[str] = field(default_factory=list)  # what could not be read so far
    # file name in the zip to the bytes of each modelstore.toml that was in force
    policies: dict[str, bytes] = field(default_factory=dict)
    # version to the latest value of each key; None if it was taken back
    annotations: dict[str, dict[str, Scalar | None]] = field(default_factory=dict)
    told: EventFacts = field(default_factory=EventFacts)
    versions: int = 0

    def __post_init__(self) -> None:
        self.verifier = Lenient(self.snapshot.repository)
        self.signatures = Signatures(self.snapshot, self.verifier)

    def members(self, *, artifacts: bool) -> Iterator[Member]:
        """Yield every file; those that say what could not be read come last."""
        self._tell_events()
        self.snapshot.history.learn(self.model)
        for number in self.snapshot.registry.versions(self.model):
            yield from self._version(number, artifacts=artifacts)
        head = self._at(self.snapshot)
        before = self._before()
        yield from self.policies.items()
        entry = self.snapshot.repository.entry(self.snapshot.commit.tree, REGISTRY)
        assert entry is not None  # noqa: S101 - the registry has been read
        yield REGISTRY, self.snapshot.repository.content(entry.oid, REGISTRY)
        summary = {
            "format": FORMAT,
            "model": self.model,
            "branch": self.snapshot.repository.branch_name,
            "head": head,
            "since": format_moment(self.since) if self.since else None,
            "before": before,
            "signatures_unverified": self.verifier.unverified,
            "faults": self.faults,
        }
        parts = {name: part.read() for name, part in self.parts.items()}
        yield "audit.json", dump_with_list(summary, "versions", parts["versions"])
        yield "events.json", dump_with_list({"model": self.model}, "events", parts["events.json"])
        yield "events.csv", parts["events.csv"]
        yield (
            "index.html",
            self.pages.audit(
                self.parts["event rows"].rows(),
                self.told,
                faults=self.faults,
                unverified=self.verifier.unverified,
                summary=summary,
                versions=self.parts["version rows"].rows(),
            ),
        )
        for name in STATIC:
            yield name, static(name)

    def _tell_events(self) -> None:
        """Put down the events, the oldest first."""
        every = list(self.snapshot.history.events(self.model, tell=self._tell))[::-1]
        for event in every:
            if event.annotations:
                self.annotations.setdefault(str(event.version), {}).update(event.annotations)
        if not self.faults:
            self.signatures.learn(reversed(every))
        self.parts["events.csv"].put(events_head())
        told = (event for event in every if self.since is None or event.when >= self.since)
        while some := list(islice(told, _AT_ONCE)):
            results = self.signatures.of_commits([event.commit for event in some])
            for event in some:
                document = self._event(event, outcome_document(results[event.commit]))
                self._put_into("events.json", document)
                self.parts["events.csv"].put(event_cells(document))
                row = self.pages.event_row(document, self.told.count, in_zip=True)
                self.parts["event rows"].put(_line(row))
                self.told.add(document)

    def _put_into(self, name: str, item: dict[str, Any]) -> None:
        part = self.parts[name]
        part.put(as_list_item(item, is_first=part.is_empty))

    def _event(self, event: Event, signature: dict[str, Any]) -> dict[str, Any]:
        policy = self._policy_before(event.commit)
        return {**event_document(event), "policy": policy, "signature": signature}

    def _policy_before(self, oid: str) -> str | None:
        """Return the file with the settings by which a commit was judged: of its parent."""
        repository = self.snapshot.repository
        commit = repository.commit(oid)
        with self._noting(f"{SETTINGS} before commit {oid}"):
            return self._policy(repository.commit(commit.parents[0]) if commit.parents else commit)
        return None

    def _policy(self, commit: Commit) -> str | None:
        """Return the file with the settings at a commit; None without any."""
        repository = self.snapshot.repository
        entry = repository.entry(commit.tree, SETTINGS)
        if entry is None:
            return None
        name = f"policies/{entry.oid}.toml"
        if name not in self.policies:
            with self._noting(name):
                self.policies[name] = repository.content(entry.oid, SETTINGS)
        return name

    def _before(self) -> dict[str, Any] | None:
        """Return what was in force just before the events begin; None if all are told."""
        if self.since is None:
            return None
        try:
            return self._at(self.snapshot.at(self.since - timedelta(microseconds=1)))
        except VersionNotFound:  # there was no store yet
            return None

    def _at(self, snapshot: Snapshot) -> dict[str, Any]:
        commit = snapshot.commit
        statuses: dict[str, str] = {}
        with self._noting(f"{REGISTRY} of commit {commit.oid}"):
            registry = registry_of(snapshot.repository, commit)
            statuses = dict(registry.models.get(self.model, {}))
        exclusive = Policy().exclusive
        with self._noting(f"{SETTINGS} of commit {commit.oid}"):
            exclusive = snapshot.policy.exclusive
        return {
            "commit": commit.oid,
            "when": format_moment(effective_date(self.snapshot.repository, commit.oid)),
            "who": commit.author,
            "subject": commit.message.partition("\n")[0],
            "holders": {
                status: [number for number, current in statuses.items() if current == status]
                for status in sorted(exclusive)
            },
            "statuses": statuses,
            "policy": self._policy(commit),
        }

    def _version(self, number: Version, *, artifacts: bool) -> Iterator[Member]:
        """Yield the files of a version, and note its faults."""
        start = len(self.faults)
        annotations = sorted(self.annotations.get(str(number), {}).items())
        record: dict[str, Any] = {
            "version": str(number),
            "status": self.snapshot.registry.status(self.model, number),
            **dict.fromkeys(("registered_at", "who", "commit", "tag")),
            **dict.fromkeys(("manifest_sha256", "pipeline_sha256")),
            "files": [],
            "annotations": {key: value for key, value in annotations if value is not None},
            "signatures": [],
            "faults": [],
        }
        with self._noting(f"{self.model} {number}"):
            version = self.snapshot.version(self.model, number)
            commit = self.snapshot.repository.commit(version.commit)
            registered_at = effective_date(self.snapshot.repository, commit.oid)
            record.update(registered_at=format_moment(registered_at), who=commit.author)
            record.update(commit=version.commit, tag=version.tag)
            yield from self._files(version, record, artifacts=artifacts)
            with self._noting(f"{version}: its signatures"):
                record["signatures"] = [
                    dict(
                        kind=one.kind,
                        name=one.name,
                        status=one.status,
                        **outcome_document(one.outcome),
                    )
                    for one in self.signatures.of(version)
                    if self.verifier.unverified is None or one.kind in (TAG, REGISTERED)
                ]
        record["faults"] = self.faults[start:]
        self._put_into("versions", record)
        self.parts["version rows"].put(_line(self.pages.version_row(record)))
        self.versions += 1

    def _files(
        self, version: ModelVersion, record: dict[str, Any], *, artifacts: bool
    ) -> Iterator[Member]:
        """Yield the files that can be read, and are what was released."""
        is_sound = False
        with self._noting(f"{version}"):
            entry = self.snapshot.manifest(version).artifact(PIPELINE)
            record["pipeline_sha256"] = entry.sha256 if entry else None
            is_sound = True
        others = self.snapshot.files(version) if artifacts else ()
        for name in sorted({CARD, MANIFEST, *others}):
            data: bytes | memoryview | None = None
            with self._noting(f"{version}"):
                if name in (MANIFEST, CARD):  # the manifest is the released one, if it is sound
                    data = self.snapshot.read(version, name)
                elif is_sound:
                    data = read_verified(self.snapshot, version, name)
            if data is not None:
                record["files"].append(name)
                if name == MANIFEST:
                    record["manifest_sha256"] = hashlib.sha256(data).hexdigest()
                yield f"versions/{version.version}/{name}", data

    @contextmanager
    def _noting(self, what: str) -> Iterator[None]:
        """Put down, once, why something cannot be read, and go on."""
        try:
            yield
        except StoreError as error:
            self._tell(Sentence.of(f"{what}: {error}", error.code, error.hint))

    def _tell(self, fault: str) -> None:
        if fault not in self.faults:
            self.faults.append(fault)
