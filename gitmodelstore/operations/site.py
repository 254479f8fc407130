"""The catalogue: a folder of pages that a browser shows, from disk or from any web server.

A page follows from the commit, the release and the list of allowed signers. A list in the folder
says from what each of its files was made, so that only what changed is made again. Nothing is
unpickled for a page.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path, PurePosixPath

from gitmodelstore.checks.history import effective_date
from gitmodelstore.errors import CannotWrite, Sentence, SignatureError, StoreError
from gitmodelstore.lean import Any, dataclass
from gitmodelstore.operations.audit import (
    EVENT_COLUMNS,
    Lenient,
    event_cells,
    event_document,
    events_head,
    outcome_document,
)
from gitmodelstore.operations.search import Catalogue, Row, ask
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.operations.verify import Signatures
from gitmodelstore.pages import (
    STATIC,
    EventFacts,
    Head,
    ModelFacts,
    Pages,
    Period,
    VersionLine,
    compare_data,
    static,
)
from gitmodelstore.plumbing.repository import writing
from gitmodelstore.plumbing.signing import SshVerifier
from gitmodelstore.values.events import APPROVED, ROLLED_BACK, Event, Scalar, facts_of
from gitmodelstore.values.json import dump
from gitmodelstore.values.model_version import ModelVersion, Unread
from gitmodelstore.values.names import MANIFEST, PRODUCTION, Version, parse_moment

LIST = ".gitmodelstore-site.json"  # what in the folder is ours, and what it was made from
_SCHEMA = "1"
_PART = ".gitmodelstore-site.part"  # a file while it is written


@dataclass(frozen=True, slots=True)
class Site:
    """What was written.

    >>> site = store.site("catalogue")
    >>> site.index.name
    'index.html'

    Attributes:
        path: the folder.
        head: id of the commit of the store that it shows.
        written, unchanged, removed: how many files were made, stood already, and are gone.
        faults: what could not be read, a sentence each; empty if nothing is amiss.
    """

    path: Path
    head: str
    written: int
    unchanged: int
    removed: int
    faults: tuple[str, ...]

    @property
    def index(self) -> Path:
        """The page of all models, where one begins."""
        return self.path / "index.html"


def site(snapshot: Snapshot, folder: Path, *, release: str) -> Site:
    """Write the catalogue of a store into a folder, or bring up to date what is there.

    Raises:
        CannotWrite: the folder has files that are not the catalogue's, or cannot be written.
    """
    kept = _Kept(folder)
    making = _Making(snapshot, Pages(release))
    wanted = dict(making.files())
    written = kept.bring_up(wanted, making.broken)
    return Site(
        folder,
        snapshot.commit.oid,
        written,
        len(wanted) - written,
        kept.removed,
        tuple(making.faults),
    )


class _File:
    """A file of the catalogue: from what it is made, and how."""

    def __init__(self, inputs: Iterable[object], make: Callable[[], bytes]) -> None:
        text = json.dumps(list(inputs), default=str, sort_keys=True)
        self.digest = hashlib.sha256(text.encode()).hexdigest()
        self.make = make


# What is in the folder, and what of it stands.


class _Kept:
    """A folder that holds a catalogue, or is to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.removed = 0
        self._digests = self._read()

    def bring_up(self, wanted: Mapping[str, _File], broken: Collection[str]) -> int:
        """Write what is new or changed, remove what is gone; return how many files were written.

        What turns out to be `broken` while it is made does not stand: the next run tries again.
        """
        if not self._stale(wanted) and not self._gone(wanted):
            return 0
        with writing(self.folder), self._alone():
            stale, gone = self._stale(wanted), self._gone(wanted)
            # First what will be ours, so that a run that is interrupted leaves nothing unnamed.
            self._note({**self._digests, **dict.fromkeys(stale, "")})
            for path in stale:
                self._put(path, wanted[path].make())
            for path in gone:
                self._remove(path)
            self._note(
                {path: "" if path in broken else file.digest for path, file in wanted.items()}
            )
        return len(stale)

    def _stale(self, wanted: Mapping[str, _File]) -> list[str]:
        present = {
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob("*")
            if path.is_file()
        }
        return [
            path
            for path, file in wanted.items()
            if self._digests.get(path) != file.digest or path not in present
        ]

    def _gone(self, wanted: Mapping[str, _File]) -> list[str]:
        return [path for path in self._digests if path not in wanted]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let others wait who write into the same folder; see what they wrote."""
        import fcntl  # not everywhere, and nothing else here needs it

        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._digests = self._read()
            yield
        finally:
            os.close(descriptor)

    def _read(self) -> dict[str, str]:
        """Return the files that the list names, with what each was made from."""
        folder = self.folder
        if not folder.exists():
            return {}
        if not folder.is_dir():
            raise CannotWrite(f"'{folder}' is not a folder", hint="name a folder with -o DIR")
        try:
            value = json.loads((folder / LIST).read_bytes())
            files = value["files"]
            if value["schema"] == _SCHEMA and _is_list(files):
                return dict(files)
        except FileNotFoundError:
            if all(one.name == _PART for one in folder.iterdir()):
                return {}
        except (OSError, ValueError, KeyError, TypeError):
            pass
        raise CannotWrite(
            f"'{folder}' has files that are not a catalogue",
            hint="name a new folder with -o DIR, or remove this one",
        )

    def _put(self, path: str, data: bytes) -> None:
        target, part = self.folder / path, self.folder / _PART
        try:
            part.write_bytes(data)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)

    def _remove(self, path: str) -> None:
        (self.folder / path).unlink(missing_ok=True)
        self.removed += 1
        for parent in PurePosixPath(path).parents[:-1]:
            try:
                (self.folder / parent).rmdir()
            except OSError:  # others are in it
                return

    def _note(self, digests: Mapping[str, str]) -> None:
        self._put(LIST, dump({"schema": _SCHEMA, "files": dict(sorted(digests.items()))}))


def _is_list(files: Any) -> bool:
    """Whether files are named with their digests, none of them elsewhere."""
    return isinstance(files, dict) and all(
        isinstance(path, str)
        and isinstance(digest, str)
        and not path.startswith("/")
        and ".." not in path.split("/")
        for path, digest in files.items()
    )


# What the pages say.


class _Making:
    """What a store has for its pages."""

    def __init__(self, snapshot: Snapshot, pages: Pages) -> None:
        self.faults: list[str] = []
        self.broken: set[str] = set()  # pages of versions that could not be read after all
        self._snapshot = snapshot
        self._pages = pages
        self._verifier = Lenient(snapshot.repository)
        commit = snapshot.commit
        self._head = Head(commit.oid, effective_date(snapshot.repository, commit.oid))
        self._events = list(snapshot.history.events(tell=self._tell))
        self._models = self._read()
        self._unread = tuple(self.faults)

    def files(self) -> Iterator[tuple[str, _File]]:
        """Yield every file of the catalogue with how it is made."""
        pages, head, key = self._pages, self._head, self._pages.digest
        for name in STATIC:
            yield name, _File([key], partial(static, name))
        whole = [key, head, [_inputs_of(model) for model in self._models]]
        yield "index.html", _File(whole, lambda: pages.index(self._models, head))
        yield "compare.html", _File(whole, lambda: pages.compare(self._models, head))
        for model in self._models:
            inputs = [key, _inputs_of(model)]
            yield f"models/{model.name}/index.html", _File(inputs, partial(pages.model, model))
            yield from self._versions(model)
        yield from self._audit([*whole, self._signers])

    def _versions(self, model: ModelFacts) -> Iterator[tuple[str, _File]]:
        events: dict[str, list[Event]] = {}
        for event in model.events:
            events.setdefault(str(event.version), []).append(event)
        key = self._pages.digest
        for line in model.lines:
            parent = model.line(line.parent) if line.parent else None
            its = [facts_of(event) for event in events.get(line.version, ())]
            inputs = [key, line, parent and parent.metrics, its, model.live, self._signers]
            place = f"models/{model.name}/{line.version}"
            make = partial(self._version, model, line, events.get(line.version, []))
            yield f"{place}.html", _File(inputs, make)
            if line.fault is None:
                yield f"{place}.js", _File([key, line.oid], partial(self._data, model, line))

    def _audit(self, inputs: list[object]) -> Iterator[tuple[str, _File]]:
        """Yield the page of all events, and the files beside it; signatures are looked at once."""
        pages, head = self._pages, self._head

        def page() -> bytes:
            facts, documents = EventFacts(), self._documents
            for event in documents:
                facts.add(event)
            rows = (pages.event_row(event, at) for at, event in enumerate(reversed(documents)))
            unverified = self._verifier.unverified
            return b"".join(
                pages.audit(rows, facts, head=head, faults=self._unread, unverified=unverified)
            )

        def table() -> bytes:
            columns = [name for name in EVENT_COLUMNS if name != "policy"]
            rows = (event_cells(event, columns) for event in self._documents)
            return b"".join([events_head(columns), *rows])

        yield "events.csv", _File(inputs, table)
        yield "events.json", _File(inputs, lambda: dump({"events": self._documents}))
        yield "audit.html", _File([*inputs, self._unread, self._verifier.unverified], page)

    @cached_property
    def _documents(self) -> list[dict[str, Any]]:
        """The events as events.json has them, oldest first."""
        outcomes = self._signatures.of_commits([event.commit for event in self._events])
        return [
            {**event_document(event), "signature": outcome_document(outcomes[event.commit])}
            for event in reversed(self._events)
        ]

    # One version

    def _version(self, model: ModelFacts, line: VersionLine, events: Sequence[Event]) -> bytes:
        document, signatures = None, list[dict[str, Any]]()
        if line.fault is None:
            document = self._document(model, line)
        if document is not None:
            signatures = self._signatures_of(self._named(model, line))
        return self._pages.version(model, line, events, document, signatures, _annotations(events))

    def _data(self, model: ModelFacts, line: VersionLine) -> bytes:
        return compare_data(model.name, line.version, self._document(model, line) or {})

    def _document(self, model: ModelFacts, line: VersionLine) -> dict[str, Any] | None:
        """Return the manifest of a version as it was released; None, and a fault, otherwise."""
        version = self._named(model, line)
        try:
            self._snapshot.manifest(version)
            return dict(json.loads(bytes(self._snapshot.read(version, MANIFEST))))
        except StoreError as error:
            self._tell(Sentence.of(f"{version}: {error}", error.code, error.hint))
            self.broken.add(f"models/{model.name}/{line.version}.html")
            return None

    def _named(self, model: ModelFacts, line: VersionLine) -> ModelVersion:
        return ModelVersion(model.name, Version.parse(line.version), line.status, line.commit)

    def _signatures_of(self, version: ModelVersion) -> list[dict[str, Any]]:
        try:
            return [
                {"what": _what(one.kind, one.status, one.name), **outcome_document(one.outcome)}
                for one in self._signatures.of(version)
            ]
        except StoreError as error:
            self._tell(Sentence.of(f"signatures of {version}: {error}", error.code, error.hint))
            return []

    @cached_property
    def _signatures(self) -> Signatures:
        made = Signatures(self._snapshot, self._verifier)
        if not self._unread:
            made.learn(self._events)
        return made

    @cached_property
    def _signers(self) -> str:
        """What says whom the reader believes, as a digest."""
        repository = self._snapshot.repository
        try:
            verifier = SshVerifier.of(repository.common_dir, repository.work_tree)
            files = [path for path in (verifier.allowed, verifier.revoked) if path is not None]
            return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()
        except SignatureError as error:
            return str(error)

    # All of them

    def _read(self) -> list[ModelFacts]:
        """Return every model with its versions, events and periods."""

        def question(catalogue: Catalogue) -> dict[str, list[VersionLine]]:
            lines: dict[str, list[VersionLine]] = {}
            for row in catalogue.rows():
                if row.status is not None:
                    lines.setdefault(row.model, []).append(_line(row))
                elif isinstance(row, Unread):
                    self._tell(str(row))
            return lines

        lines = ask(self._snapshot, question, keep=self._snapshot.repository.keeps_index)
        events: dict[str, list[Event]] = {}
        for event in self._events:
            events.setdefault(event.model, []).append(event)
        return [self._model(name, its, events.get(name, [])) for name, its in lines.items()]

    def _model(self, name: str, lines: list[VersionLine], events: list[Event]) -> ModelFacts:
        for line in lines:
            if line.fault is not None:
                self._tell(f"{name} {line.version}: {line.fault}")
        policy = self._snapshot.policy
        live = next(iter(sorted(policy.exclusive, key=lambda one: (one != PRODUCTION, one))), None)
        periods = tuple(_periods(events, policy.exclusive))
        measured = [line for line in lines if line.metrics]
        measured.sort(key=lambda line: line.status != live)
        headline = policy.headline(measured[0].metrics) if measured else None
        return ModelFacts(name, tuple(lines), tuple(events), periods, live, headline)

    def _tell(self, fault: str) -> None:
        if fault not in self.faults:
            self.faults.append(fault)


def _line(row: Row | Unread) -> VersionLine:
    if isinstance(row, Unread):
        return VersionLine(row.version, row.status or "", row.fault)
    pipeline = row.get("pipeline")
    return VersionLine(
        row.version,
        row.status,
        None,
        parse_moment(row.get("created_at")),
        row.get("author"),
        row.get("message"),
        pipeline["algorithm"],
        pipeline["task"],
        row.get("parent"),
        row.get("metrics"),
        row.commit,
        row.oid,
    )


def _periods(events: Iterable[Event], exclusive: frozenset[str]) -> Iterator[Period]:
    """Yield who had an exclusive status from when until when, by when it began."""
    begun: dict[str, Event] = {}  # by version
    periods: list[Period] = []

    def end(event: Event, until: Event | None) -> None:
        periods.append(
            Period(
                str(event.version),
                str(event.after),
                event.when,
                until.when if until else None,
                event.who,
                event.why,
                event.kind == ROLLED_BACK,
            )
        )

    for event in reversed(list(events)):
        version = str(event.version)
        if not event.is_move:
            continue
        if version in begun:
            end(begun.pop(version), event)
        if event.after in exclusive:
            begun[version] = event
    for event in begun.values():
        end(event, None)
    return iter(sorted(periods, key=lambda one: (one.since, one.version)))


def _annotations(events: Iterable[Event]) -> dict[str, Scalar]:
    """Return the latest values that were not taken back; the events are newest first."""
    latest: dict[str, Scalar | None] = {}
    for event in events:
        for key, value in event.annotations:
            latest.setdefault(key, value)
    return {key: value for key, value in sorted(latest.items()) if value is not None}


def _inputs_of(model: ModelFacts) -> list[object]:
    return [model.name, model.lines, [facts_of(event) for event in model.events], model.live,
            model.headline]  # fmt: skip


def _what(kind: str, status: str | None, name: str) -> str:
    """Return what is signed, in words."""
    if status is None:
        return f"tag {name}"
    if kind == APPROVED:
        return f"approval for {status}"
    return f"{kind.replace('-', ' ')}, commit {name[:12]}"
