"""Every version of the store as it can be asked: its status, and what its manifest says.

The statuses are those of registry.json. What manifests say comes from an index in the
git directory (`plumbing/manifest_index.py`), brought up to the branch's commit first:
what the commits since then added is read, and all of it where the index is missing,
damaged or of another history. A version of which the index does not know exactly one
manifest is looked up as `list` does, so that nothing depends on the index but speed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from gitmodelstore.cached import cached_property
from gitmodelstore.checks.annotations import Annotations
from gitmodelstore.errors import FormatError, GitFailed, Sentence, StoreError
from gitmodelstore.operations.history import registered_at
from gitmodelstore.operations.listing import listed
from gitmodelstore.operations.resolve import check_model
from gitmodelstore.operations.snapshot import Snapshot, lost_versions
from gitmodelstore.plumbing import manifest_index
from gitmodelstore.plumbing.manifest_index import ROWS_A_BLOCK, Block, Damaged
from gitmodelstore.plumbing.manifests import Appearance, appearances, contents, holds
from gitmodelstore.values import sections
from gitmodelstore.values.events import Scalar
from gitmodelstore.values.field_path import ANNOTATIONS, STATUS
from gitmodelstore.values.layout import MANIFEST, folder
from gitmodelstore.values.manifest import Manifest
from gitmodelstore.values.model_version import Unread
from gitmodelstore.values.moment import format_moment, parse_moment
from gitmodelstore.values.version import Version

T = TypeVar("T")
Line = dict[str, bytes]  # name of a column to JSON

_OID, _COMMIT, _FAULT = "@blob", "@commit", "@fault"
_CREATED_AT = "created_at"
_VERSION = re.compile(rb'\n  "version": ("[0-9A-Za-z.-]{1,100}"),\n')


class Row(NamedTuple):
    """One version whose manifest can be read; a tuple, since ten thousand are made at once.

    Attributes:
        model, version, status: which, and its status now.
        commit: the commit that introduced it.
        place: its block, and its position there.
        beside: where is read what the index does not hold.
    """

    model: str
    version: str
    status: str
    commit: str
    place: tuple[Block, int]
    beside: Beside

    def get(self, key: str) -> Any:
        """Return its status, its annotations, or what the index has of its manifest at a key."""
        if key == STATUS:
            return self.status
        if key == ANNOTATIONS:
            return self.beside.annotations.get((self.model, self.version))
        block, at = self.place
        return block.column(key)[at]

    def whole(self, key: str) -> Any:
        """Return what its manifest has at a key, from the manifest; None where that is lost."""
        block, at = self.place
        return self.beside.get(self, block.column(_OID)[at], key)


class Beside:
    """Reads what the index does not hold: whole manifests, annotations.

    Attributes:
        lost: by model and version, those that could not be read.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.lost: dict[tuple[str, str], Unread] = {}

    def get(self, row: Row, oid: str, key: str) -> Any:
        """Return what the manifest in a blob has at a key; None where it cannot be read."""
        try:
            data = self._snapshot.repository.content(oid, f"{folder(row.model)}/{MANIFEST}")
            return json.loads(data)[key]
        except StoreError as error:
            self.lost[row.model, row.version] = Unread(*row[:3], Sentence.of(error))
            return None

    @cached_property
    def annotations(self) -> dict[tuple[str, str], dict[str, Scalar]]:
        """What is annotated of each version, key to value; of others there is nothing."""
        return Annotations(self._snapshot.repository, self._snapshot.commit.oid).of_all()


def ask(snapshot: Snapshot, question: Callable[[Catalogue], T], *, keep: bool) -> T:
    """Return the answer to a question about all versions.

    Args:
        snapshot: the store.
        question: what is asked; of a damaged index it is asked twice.
        keep: whether to use the index and to write it; without, every manifest is read.
    """
    try:
        return question(Catalogue(snapshot, keep=keep))
    except Damaged:
        return question(Catalogue(snapshot, keep=keep, anew=True))


class Catalogue:
    """The versions of a store, as of one commit.

    Args:
        snapshot: the store.
        keep: whether to write the index, and to read it, unless `anew`.
        anew: read every manifest.
    """

    def __init__(self, snapshot: Snapshot, *, keep: bool, anew: bool = False) -> None:
        self.snapshot = snapshot
        self._repository = snapshot.repository
        self._common_dir = snapshot.repository.common_dir
        self._beside = Beside(snapshot)
        self._columns = (*sections.keys(), _OID, _COMMIT, _FAULT)
        tip = snapshot.commit.oid
        known = manifest_index.read(self._common_dir, self._columns) if keep and not anew else None
        if known is not None and known[0] != tip and not holds(self._common_dir, tip, known[0]):
            known = None
        before, self._blocks = known or (None, [])
        self._places = _places(self._blocks)
        if before != tip:
            is_complete = self._read_on(before)
            if keep and is_complete:
                manifest_index.write(
                    self._common_dir, self._columns, tip, self._blocks, self._repository.sharing
                )

    def rows(self, model: str | None = None) -> Iterator[Row | Unread]:
        """Yield every version of a model, or of all: by model, highest first; then the lost.

        Raises:
            ModelNotFound: there is no such model.
        """
        models = self.snapshot.registry.models
        if model is not None:
            check_model(self.snapshot, model)
        for name in models if model is None else (model,):
            for version, status in models[name].items():
                yield self._row(name, version, status)
        yield from lost_versions(self.snapshot, model)

    def annotations(self) -> dict[tuple[str, str], dict[str, Scalar]]:
        """Return key to value of what is annotated of each model and version.

        Raises:
            MissingObject, IntegrityError: the history cannot be read.
        """
        return self._beside.annotations

    def without_lost(
        self, rows: Iterable[Row], unread: Iterable[Unread]
    ) -> tuple[list[Row], tuple[Unread, ...]]:
        """Return the rows that were asked but for those that turned out to be lost; the unread."""
        lost = self._beside.lost
        kept = [row for row in rows if row[:2] not in lost]
        return kept, (*unread, *lost.values())

    def _row(self, model: str, version: str, status: str) -> Row | Unread:
        places = self._places.get((model, version), ())
        if len(places) != 1:
            return self._looked_up(model, version, status)
        block, at = places[0]
        fault = block.column(_FAULT)[at]
        if fault is not None:
            return Unread(model, version, status, Sentence.of(fault, FormatError.code))
        commit = block.column(_COMMIT)[at]
        return Row(model, version, status, commit, (block, at), self._beside)

    def _looked_up(self, model: str, version: str, status: str) -> Row | Unread:
        found = listed(self.snapshot, model, Version.parse(version), status)
        if found.commit is None or found.manifest is None:
            return Unread(model, version, status, found.fault or "cannot be read")
        line = self._line_of(model, found.commit, found.manifest)
        place = (Block.of([line], self._columns), 0)
        return Row(model, version, status, found.commit, place, self._beside)

    def _line_of(self, model: str, commit: str, manifest: Manifest) -> Line:
        tree = self._repository.commit(commit).tree
        entry = self._repository.entry(tree, f"{folder(model)}/{MANIFEST}")
        assert entry is not None  # noqa: S101 - its manifest was read from there
        line = _line(Appearance(commit, model, entry.oid), manifest.render(), sections.Reader())
        assert line is not None  # noqa: S101 - what was parsed is laid out as a manifest
        return self._dated(line, commit)

    def _dated(self, line: Line, commit: str) -> Line:
        """Return a line that says of when its version counts, where a clock was wrong."""
        if _CREATED_AT not in line:
            return line
        said = parse_moment(json.loads(line[_CREATED_AT]))
        try:
            counts = registered_at(self._repository, commit, said)
        except StoreError:
            return line
        return line if counts == said else {**line, _CREATED_AT: _json(format_moment(counts))}

    # Reading on

    def _read_on(self, known: str | None) -> bool:
        """Add what the commits since `known` brought; return whether git could read them all.

        What it could not read of manifests is looked up each time that somebody asks.
        """
        reader = sections.Reader()
        found: dict[str, Appearance] = {}
        lines: list[Line] = []
        is_complete = True
        try:
            for oid, data in contents(self._common_dir, self._new(known, found)):
                line = _line(found[oid], data, reader) if data is not None else None
                if line is not None:
                    lines.append(self._dated(line, found[oid].commit))
        except GitFailed:
            is_complete = False
        self._add(lines)
        self._add(list(self._elsewhere()))
        return is_complete

    def _new(self, known: str | None, found: dict[str, Appearance]) -> Iterator[str]:
        """Yield the manifests that the history has and the blocks have not; note where each is."""
        held = {oid for block in self._blocks for oid in block.column(_OID)}
        for one in appearances(self._common_dir, self.snapshot.commit.oid, known):
            if one.oid not in held and one.oid not in found:
                found[one.oid] = one
                yield one.oid

    def _elsewhere(self) -> Iterator[Line]:
        """Yield the versions that no commit of the history brought: a host squashed them."""
        for model, statuses in self.snapshot.registry.models.items():
            for version, status in statuses.items():
                if (model, version) not in self._places:
                    found = listed(self.snapshot, model, Version.parse(version), status)
                    if found.commit is not None and found.manifest is not None:
                        yield self._line_of(model, found.commit, found.manifest)

    def _add(self, lines: Sequence[Line]) -> None:
        """Put lines behind those that are there; a full block stays as it is."""
        if not lines:
            return
        last = self._blocks[-1:]
        if last and len(last[0].column(_OID)) < ROWS_A_BLOCK:
            lines = [*self._blocks.pop().rows(), *lines]
        for start in range(0, len(lines), ROWS_A_BLOCK):
            self._blocks.append(Block.of(lines[start : start + ROWS_A_BLOCK], self._columns))
        self._places = _places(self._blocks)


def _places(blocks: Iterable[Block]) -> dict[tuple[str, str], list[tuple[Block, int]]]:
    """Return where each version stands; one that stands in two places was changed."""
    found: dict[tuple[str, str], list[tuple[Block, int]]] = {}
    for block in blocks:
        pairs = zip(block.column("model"), block.column("version"), strict=True)
        for at, key in enumerate(pairs):
            found.setdefault(key, []).append((block, at))
    return found


def _line(one: Appearance, data: bytes, reader: sections.Reader) -> Line | None:
    """Return the line of a manifest, or of why it is none; None where it tells no version."""
    found = reader.read(data)
    own = {_OID: _json(one.oid), _COMMIT: _json(one.commit)}
    if found is not None:
        return {**found, **own} if found["model"] == _json(one.model) else None
    version = _VERSION.search(data)
    if version is None:
        return None
    try:
        Manifest.parse(data, f"{folder(one.model)}/{MANIFEST}")
    except FormatError as error:
        fault = {"model": _json(one.model), "version": version[1], _FAULT: _json(str(error))}
        return {**fault, **own}
    return None


def _json(text: str) -> bytes:
    return json.dumps(text).encode()
