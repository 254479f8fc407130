"""Which versions an expression holds of, and what to say where it holds of none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice, pairwise

from gitmodelstore.errors import (
    BusyIndex,
    DamagedIndex,
    FormatError,
    GitFailed,
    IntegrityError,
    InvalidInput,
    InvalidQuery,
    MissingObject,
    Sentence,
    StoreError,
)
from gitmodelstore.lean import (
    TYPE_CHECKING,
    Any,
    NamedTuple,
    TypeVar,
    cached_property,
    dataclass,
    pattern,
)
from gitmodelstore.lineage.tables import COUNT, FLAG, NUMBER, TEXT, TIME, version_table
from gitmodelstore.operations.resolve import (
    Listed,
    check_model,
    listed,
    registered_at,
    unlisted,
)
from gitmodelstore.operations.snapshot import Snapshot, lost_versions
from gitmodelstore.plumbing import index
from gitmodelstore.plumbing.index import Appearance, ColumnBlock
from gitmodelstore.values.events import Scalar
from gitmodelstore.values.manifest import Manifest
from gitmodelstore.values.model_version import ModelVersion, Unread
from gitmodelstore.values.names import (
    MANIFEST,
    PIPELINE,
    Version,
    folder,
    format_moment,
    nearest,
    parse_moment,
    quoted,
)
from gitmodelstore.values.query import (
    ANNOTATIONS,
    READERS,
    STATUS,
    Cutter,
    FieldPath,
    Query,
    Token,
    keys,
    parse_field,
    parse_name,
    same,
    sort_key,
    wanted,
)

if TYPE_CHECKING:
    import pandas as pd


# Every version of the store as it can be asked: its status, and what its manifest says.

T = TypeVar("T")
Key = tuple[str, str]  # model and version
Line = dict[str, bytes]  # name of a column to JSON

_OID, _COMMIT, _FAULT = "@blob", "@commit", "@fault"
_CREATED_AT = "created_at"
_VERSION = pattern(rb'\n  "version": ("[0-9A-Za-z.-]{1,100}"),\n')


class Row(NamedTuple):
    """One version whose manifest can be read; a tuple, since ten thousand are made at once."""

    model: str
    version: str
    status: str
    commit: str  # that introduced it
    place: tuple[ColumnBlock, int]  # its block, and its position there
    catalogue: Catalogue  # where is read what the index does not hold

    @property
    def key(self) -> Key:
        return self[:2]

    def named(self) -> tuple[str, Version, str, str]:
        """Return what a ModelVersion is made of."""
        return self.model, Version.parse(self.version), self.status, self.commit

    def when(self) -> datetime:
        """Return when it was registered."""
        return parse_moment(self.get(_CREATED_AT))

    def get(self, key: str) -> Any:
        """Return its status, its annotations, or what the index has of its manifest at a key."""
        if key == STATUS:
            return self.status
        if key == ANNOTATIONS:
            return self.catalogue.annotations.get(self.key)
        block, at = self.place
        return block.column(key)[at]

    @property
    def oid(self) -> str:
        """The id of its manifest."""
        block, at = self.place
        return str(block.column(_OID)[at])

    def whole(self, key: str) -> Any:
        """Return what its manifest has at a key, from the manifest; None if that is lost."""
        block, at = self.place
        return self.catalogue.of_manifest(self, block.column(_OID)[at], key)


def ask(snapshot: Snapshot, question: Callable[[Catalogue], T], *, keep: bool) -> T:
    """Answer a question about all versions, again if the index is damaged; `keep`: use an index."""
    for _ in range(2 if keep else 0):
        try:
            return question(Catalogue(snapshot, keep=True))
        except BusyIndex:
            continue
        except DamagedIndex:
            index.remove(snapshot.repository.common_dir)
    return question(Catalogue(snapshot, keep=False))


class Catalogue:
    """The versions of a store as of a commit; `keep` an index."""

    def __init__(self, snapshot: Snapshot, *, keep: bool) -> None:
        self.snapshot = snapshot
        self._repository = snapshot.repository
        self._common_dir = snapshot.repository.common_dir
        self._lost: dict[Key, Unread] = {}  # those whose manifests could not be read
        self._columns = (*keys(), _OID, _COMMIT, _FAULT)
        tip = snapshot.commit.oid
        kept = index.manifests(self._common_dir, self._columns) if keep else None
        if kept is not None and kept.tip != tip:
            kept = kept if index.holds(self._common_dir, tip, kept.tip) else None
        self._blocks = list(kept.blocks) if kept is not None else []
        self._places = _places(self._blocks)
        if kept is None or kept.tip != tip:
            is_complete = self._read_on(kept.tip if kept is not None else None)
            if keep and is_complete:
                sharing = self._repository.sharing
                index.add_manifests(
                    self._common_dir, self._columns, tip, self._blocks, kept, sharing
                )

    def rows(self, model: str | None = None) -> Iterator[Row | Unread]:
        """Yield every version of a model, or of all: by model, highest first; then the lost."""
        models = self.snapshot.registry.models
        if model is not None:
            check_model(self.snapshot, model)
        for name in models if model is None else (model,):
            for version, status in models[name].items():
                yield self._row(name, version, status)
        yield from lost_versions(self.snapshot, model)

    def of_manifest(self, row: Row, oid: str, key: str) -> Any:
        """Return what the manifest in a blob has at a key; None if it cannot be read."""
        try:
            data = self._repository.content(oid, f"{folder(row.model)}/{MANIFEST}")
            return json.loads(data)[key]
        except StoreError as error:
            self._lost[row.key] = Unread(*row[:3], Sentence.of(error))
            return None

    @cached_property
    def annotations(self) -> dict[Key, dict[str, Scalar]]:
        """What is annotated of each version, key to value; of others there is nothing."""
        return self.snapshot.history.annotations()

    def without_lost(
        self, rows: Iterable[Row], unread: Iterable[Unread]
    ) -> tuple[list[Row], tuple[Unread, ...]]:
        """Return the rows that were asked but for those that turned out to be lost; the unread."""
        kept = [row for row in rows if row.key not in self._lost]
        return kept, (*unread, *self._lost.values())

    def _row(self, model: str, version: str, status: str) -> Row | Unread:
        places = self._places.get((model, version), ())
        if len(places) != 1:
            return self._looked_up(model, version, status)
        block, at = places[0]
        fault = block.column(_FAULT)[at]
        if fault is not None:
            return Unread(model, version, status, Sentence.of(fault, FormatError.code))
        commit = block.column(_COMMIT)[at]
        return Row(model, version, status, commit, (block, at), self)

    def _looked_up(self, model: str, version: str, status: str) -> Row | Unread:
        item = listed(self.snapshot, model, Version.parse(version), status)
        line = self._line_of(model, item)
        if item.commit is None or line is None:
            return Unread(model, version, status, item.fault or "cannot be read")
        place = (ColumnBlock.of([line], self._columns), 0)
        return Row(model, version, status, item.commit, place, self)

    def _line_of(self, model: str, item: Listed) -> Line | None:
        """Return the line of a version; None if its commit or its manifest cannot be read."""
        commit = item.commit
        if commit is None:
            return None
        manifest = self.snapshot.manifest(ModelVersion(model, item.version, "", commit))
        tree = self._repository.commit(commit).tree
        entry = self._repository.entry(tree, f"{folder(model)}/{MANIFEST}")
        assert entry is not None  # noqa: S101 - its manifest was read from there
        line = _line(Appearance(commit, model, entry.oid), manifest.render(), Cutter())
        assert line is not None  # noqa: S101 - what was parsed is laid out as a manifest
        return self._dated(line, commit)

    def _dated(self, line: Line, commit: str) -> Line:
        """Return a line that says of when its version counts, where a clock was wrong."""
        if _CREATED_AT not in line:
            return line
        moment = parse_moment(json.loads(line[_CREATED_AT]))
        try:
            counts = registered_at(self._repository, commit, moment)
        except StoreError:
            return line
        return line if counts == moment else {**line, _CREATED_AT: _json(format_moment(counts))}

    # Reading on

    def _read_on(self, since: str | None) -> bool:
        """Add what the commits after `since` brought; return whether git could read them all."""
        reader = Cutter()
        appearances: dict[str, Appearance] = {}
        lines: list[Line] = []
        is_complete = True
        try:
            contents = index.contents(self._common_dir, self._new(since, appearances))
            missing = sum(map(len, self.snapshot.registry.models.values())) - len(self._places)
            for oid, data in index.metered(contents, max(1, missing), self._repository.meter):
                line = _line(appearances[oid], data, reader) if data is not None else None
                if line is not None:
                    lines.append(self._dated(line, appearances[oid].commit))
        except GitFailed:
            is_complete = False
        self._add(lines)
        self._add(list(self._elsewhere()))
        return is_complete

    def _new(self, since: str | None, appearances: dict[str, Appearance]) -> Iterator[str]:
        """Yield the manifests that the history has and the blocks have not; note where each is."""
        oids = {oid for block in self._blocks for oid in block.column(_OID)}
        for one in index.appearances(self._common_dir, self.snapshot.commit.oid, since):
            if one.oid not in oids and one.oid not in appearances:
                appearances[one.oid] = one
                yield one.oid

    def _elsewhere(self) -> Iterator[Line]:
        """Yield the versions that no commit of the history brought: a host squashed them."""
        for model, statuses in self.snapshot.registry.models.items():
            for version, status in statuses.items():
                if (model, version) not in self._places:
                    item = listed(self.snapshot, model, Version.parse(version), status)
                    line = self._line_of(model, item)
                    if line is not None:
                        yield line

    def _add(self, lines: Sequence[Line]) -> None:
        """Append lines; a full block is not touched."""
        if not lines:
            return
        last = self._blocks[-1:]
        if last and last[0].size < index.ROWS_A_BLOCK:
            lines = [*self._blocks.pop().rows(self._columns), *lines]
        for start in range(0, len(lines), index.ROWS_A_BLOCK):
            self._blocks.append(
                ColumnBlock.of(lines[start : start + index.ROWS_A_BLOCK], self._columns)
            )
        self._places = _places(self._blocks)


def _places(blocks: Iterable[ColumnBlock]) -> dict[Key, list[tuple[ColumnBlock, int]]]:
    """Return where each version stands; one that stands in two places was changed."""
    places: dict[Key, list[tuple[ColumnBlock, int]]] = {}
    for block in blocks:
        pairs = zip(block.column("model"), block.column("version"), strict=True)
        for at, key in enumerate(pairs):
            places.setdefault(key, []).append((block, at))
    return places


def _line(one: Appearance, data: bytes, reader: Cutter) -> Line | None:
    """Return the line of a manifest, or of its fault; None if it names no version."""
    fields = reader.read(data)
    own = {_OID: _json(one.oid), _COMMIT: _json(one.commit)}
    if fields is not None:
        return {**fields, **own} if fields["model"] == _json(one.model) else None
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


# Search

_MOST_TOLD = 10  # versions that cannot be read, each in a sentence of its own


@dataclass(frozen=True, slots=True)
class Match(ModelVersion):
    """A version that an expression holds of; taken wherever a reference is.

    >>> match = store.search("metrics.profit > 3.5")[0]
    >>> match.ref, match.values
    ('churn@1.2.0', {'metrics.profit': 4.5})

    Attributes:
        created_at: when it was registered, UTC.
        author: by whom, as "Name <email>".
        values: what it has at each name of the expression, in order, as JSON has it; None
            where it has nothing.
    """

    created_at: datetime
    author: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search found.

    Attributes:
        matches: by model, highest version first.
        unread: the versions that could not be asked.
        note: what is probably wrong with an expression that holds of nothing; None else.
    """

    matches: tuple[Match, ...]
    unread: tuple[Unread, ...]
    note: str | None

    def __repr__(self) -> str:
        from gitmodelstore.values.tables import counted

        return f"<SearchResult: {counted(len(self.matches), 'version')}, {len(self.unread)} unread>"


def search(
    snapshot: Snapshot,
    expression: str,
    model: str | None = None,
    *,
    sort: str | None = None,
    keep: bool = True,
) -> SearchResult:
    """Return the versions of a model, or of all, that an expression holds of; see `Store.search`.

    `keep` says whether to keep an index of the manifests in the git directory.
    """
    try:
        query = Query.parse(expression)
        by = None if sort is None else parse_name(sort.removeprefix("-"))
    except InvalidQuery as error:
        if error.unknown is None:
            raise
        name = error.unknown
        near = ask(snapshot, lambda catalogue: _full_name(catalogue, name), keep=keep)
        if near is None:
            raise
        hint = f"did you mean '{near}'?"
        raise InvalidQuery(
            error.summary, error.excerpt, column=error.column, unknown=name, hint=hint
        ) from None
    order = Order(by, descending=sort.startswith("-")) if sort and by else None
    return ask(snapshot, lambda catalogue: _answer(catalogue, query, model, order), keep=keep)


def told(unread: Iterable[Unread]) -> Iterator[str]:
    """Yield a sentence for each version that could not be asked, the last for all others."""
    several = [one for one in unread if one.status is not None]
    for one in several[:_MOST_TOLD]:
        yield f"not searched: {one}"
    if len(several) > _MOST_TOLD:
        yield f"not searched: {len(several) - _MOST_TOLD} more versions that cannot be read"


def split(rows: Iterable[Row | Unread]) -> tuple[list[Row], tuple[Unread, ...]]:
    """Return the versions that can be asked, and the others."""
    every = list(rows)
    versions = [row for row in every if isinstance(row, Row)]
    return versions, tuple(row for row in every if isinstance(row, Unread))


def _answer(
    catalogue: Catalogue, query: Query, model: str | None, order: Order | None
) -> SearchResult:
    rows, unread = split(catalogue.rows(model))
    hits = [row for row in rows if query.matches(row)]
    if order is not None:
        hits = order.sorted(hits)
    names = [*query.names, *([order.by] if order else [])]
    values = {row.key: {path.text: path.value(row) for path in names} for row in hits}
    hits, unread = catalogue.without_lost(hits, unread)
    matches = tuple(
        Match(*row.named(), row.when(), row.get("author"), values[row.key]) for row in hits
    )
    return SearchResult(matches, unread, None if matches else _advice(catalogue, rows, query))


@dataclass(frozen=True, slots=True)
class Order:
    by: FieldPath
    descending: bool

    def sorted(self, rows: list[Row]) -> list[Row]:
        """Return the rows in this order; those of one value stay as they are, the others last."""
        read = READERS[self.by.kind]
        pairs = [(read(value), row) for row in rows if (value := self.by.value(row)) is not None]
        pairs.sort(key=lambda pair: sort_key(pair[0]), reverse=self.descending)
        lacking = [row for row in rows if self.by.value(row) is None]
        return [*(row for _, row in pairs), *lacking]


def _advice(catalogue: Catalogue, rows: list[Row], query: Query) -> str | None:
    """Return what is probably wrong with an expression that holds of nothing; None if nothing."""
    # An unknown status or model, or a name at which no version has anything.
    snapshot = catalogue.snapshot
    there_are = {STATUS: list(snapshot.policy.statuses), "model": list(snapshot.registry.models)}
    for path, value in query.equals:
        choices = there_are.get(path.parts[0], [value])
        if value not in choices:
            near = nearest(value, choices)
            return f"no {path.text} {quoted(value)}{f': did you mean {near!r}?' if near else ''}"
    for name in query.names:
        if rows and all(name.value(row) is None for row in rows):
            return f"no version has {quoted(name.text)}{_near(rows, name)}"
    return None


def _near(rows: list[Row], name: FieldPath) -> str:
    """Return what to ask for instead, where the first part that no version has is nearly one."""
    paths = list(name.above())
    for above, path in pairwise(paths):
        if all(path.value(row) is None for row in rows):
            keys = _keys_of(above.value(row) for row in rows)
            first, *rest = name.parts[len(above.parts) :]
            if near := nearest(first, keys):
                return f": did you mean '{'.'.join([above.text, near, *rest])}'?"
    return ""


def _full_name(catalogue: Catalogue, name: str) -> str | None:
    """Return the metric, the parameter or the like that somebody meant by its last part."""
    rows, _ = split(catalogue.rows())
    above_names = ("metrics", "annotations", "params", "environment.pins", "custom", "code")
    for above in (*above_names, "pipeline"):
        path = FieldPath.of(above, tuple(above.split(".")))
        if name in _keys_of(path.value(row) for row in rows):
            return f"{above}.{name}"
    return None


def _keys_of(values: Iterable[Any]) -> list[str]:
    """Return the keys of objects, and the texts in lists of names, each once."""
    keys: dict[str, None] = {}
    for value in values:
        if isinstance(value, (dict, list)):
            keys.update((key, None) for key in value if isinstance(key, str))
    return list(keys)


# Every version with its status and what its manifest says, as a table.

Facts = dict[str, Any]
Columns = dict[str, str | None]

_FIRST: Columns = {
    **dict.fromkeys(("model", "version", "status"), TEXT),
    **dict.fromkeys(("created_at", "trained_at"), TIME),
    **dict.fromkeys(("author", "message", "parent", "algorithm", "task", "target"), TEXT),
    "n_features": COUNT,
}
_DATA: Columns = {
    **dict.fromkeys(("uri", "name", "version", "digest"), TEXT),
    **dict.fromkeys(("rows", "size_bytes"), COUNT),
}
_CODE: Columns = {**dict.fromkeys(("url", "commit", "branch"), TEXT), "dirty": FLAG}
_ENVIRONMENT: Columns = {"python": TEXT, "platform": TEXT}
_LAST: Columns = {"fault": TEXT, "size_bytes": COUNT, "commit": TEXT}
_COPIED = ("created_at", "trained_at", "author", "message", "parent", "target")


def frame(
    snapshot: Snapshot, model: str | None, tell: Callable[[str], None], *, keep: bool
) -> tuple[pd.DataFrame, tuple[Unread, ...]]:
    """Return a table of versions (docs/search.md), and those that cannot be read."""
    # These have a row with status and fault. `tell` hears if the annotations cannot be read.
    answer = ask(snapshot, lambda catalogue: _facts(catalogue, model), keep=keep)
    facts, refs, unread, fault = answer
    if fault is not None:
        tell(f"annotations cannot be read: {fault}")
    return version_table(refs, facts, _columns(facts)), unread


def _facts(
    catalogue: Catalogue, model: str | None
) -> tuple[dict[str, list[Any]], list[str], tuple[Unread, ...], StoreError | None]:
    """Return the columns of the table, its index, what cannot be read, and why annotations not."""
    annotated: Mapping[Key, Facts] = {}
    fault: StoreError | None = None
    try:
        annotated = catalogue.annotations
    except (MissingObject, IntegrityError) as error:
        fault = error
    rows = list(catalogue.rows(model))
    facts: dict[str, list[Any]] = {
        name: [getattr(row, name) for row in rows] for name in ("model", "version", "status")
    }

    def put(at: int, some: Facts) -> None:
        for name, value in some.items():
            if name not in facts:
                facts[name] = [None] * len(rows)
            facts[name][at] = value

    for at, row in enumerate(rows):
        if isinstance(row, Row):
            put(at, {"commit": row.commit, **_under("annotations", annotated.get(row.key))})
        else:
            put(at, {"fault": row.fault})
    for at, some in _field_by_field(rows, _OF_A_FIELD):
        put(at, some)
    refs = [f"{row.model}@{row.version}" for row in rows]
    return facts, refs, tuple(row for row in rows if isinstance(row, Unread)), fault


def _field_by_field(
    rows: Iterable[Row | Unread], facts_of: Mapping[str, Callable[[Any], Facts]]
) -> Iterator[tuple[int, Facts]]:
    """Yield what each row that can be read has, by its place: one field of all, then the next.

    `facts_of`: what makes facts of a field, by the key of that.
    """
    # A block at a time: what ten thousand manifests say takes 100 MB at once.
    blocks: dict[ColumnBlock, list[tuple[int, int]]] = {}  # line there, and place
    for at, row in enumerate(rows):
        if isinstance(row, Row):
            block, line = row.place
            blocks.setdefault(block, []).append((line, at))
    for key, make in facts_of.items():
        for block, lines in blocks.items():
            column, made = block.column(key), dict[int, Facts]()
            for line, at in lines:
                value = column[line]
                if id(value) not in made:  # most versions of a model have the same one
                    made[id(value)] = make(value)
                yield at, made[id(value)]
            block.forget(key)


def _under(group: str, values: Any, names: Iterable[str] | None = None) -> Facts:
    """Return what an object has at some names, or at all, each behind the name of the group."""
    entries = values if isinstance(values, dict) else {}
    chosen = entries if names is None else [name for name in names if name in entries]
    return {f"{group}.{name}": entries[name] for name in chosen}


def _of_pipeline(pipeline: Any) -> Facts:
    facts = {name: pipeline.get(name) for name in ("algorithm", "task")}
    return facts | _under("params", pipeline.get("params"))


def _of_baseline(baseline: Any) -> Facts:
    metrics = baseline.get("metrics") if isinstance(baseline, dict) else None
    return _under("baseline", baseline, ("version",)) | _under("baseline.metrics", metrics)


def _of_environment(environment: Any) -> Facts:
    pins = environment.get("pins") if isinstance(environment, dict) else None
    return _under("environment", environment, _ENVIRONMENT) | _under("environment.pins", pins)


def _of_data(datasets: Any) -> Facts:
    facts: Facts = {}
    for dataset in reversed(datasets):  # the first of a role counts
        facts |= _under(f"data.{dataset.get('role')}", dataset, _DATA)
    return facts


def _of_artifacts(artifacts: Any) -> Facts:
    return {"size_bytes": FieldPath.of("", ("artifacts", PIPELINE, "size_bytes")).below(artifacts)}


def _as_it_is(name: str) -> Callable[[Any], Facts]:
    return lambda value: {name: value}


# Key of a manifest to what the table has of it.
_OF_A_FIELD: dict[str, Callable[[Any], Facts]] = {
    **{name: _as_it_is(name) for name in _COPIED},
    "pipeline": _of_pipeline,
    "features": lambda features: {"n_features": None if features is None else len(features)},
    "metrics": partial(_under, "metrics"),
    "baseline": _of_baseline,
    "data": _of_data,
    "code": lambda code: _under("code", code, _CODE),
    "environment": _of_environment,
    "custom": partial(_under, "custom"),
    "artifacts": _of_artifacts,
}


def _columns(facts: Iterable[str]) -> Columns:
    """Return the columns in order: those that are always there, and those that some version has."""
    met = sorted(facts)

    def free(group: str, kind: str | None = None) -> Columns:
        return {name: kind for name in met if name.startswith(f"{group}.")}

    roles = sorted({name.split(".")[1] for name in met if name.startswith("data.")})
    return {
        **_FIRST,
        **free("metrics", NUMBER),
        "baseline.version": TEXT,
        **free("baseline.metrics", NUMBER),
        **free("params"),
        **{f"data.{role}.{name}": kind for role in roles for name, kind in _DATA.items()},
        **{f"code.{name}": kind for name, kind in _CODE.items()},
        **{f"environment.{name}": kind for name, kind in _ENVIRONMENT.items()},
        **free("environment.pins", TEXT),
        **free("custom"),
        **free("annotations"),
        **_LAST,
    }


# The list of the versions of a model, which may be many.

_LISTED: dict[str, Callable[[Any], Facts]] = {
    "created_at": lambda moment: {"created_at": parse_moment(moment)},
    "author": _as_it_is("author"),
    "pipeline": lambda pipeline: {"algorithm": pipeline["algorithm"]},
    "metrics": _as_it_is("metrics"),
}


def listed_from(snapshot: Snapshot, model: str, first: int, *, keep: bool) -> Iterator[Listed]:
    """Yield the versions of a model from a place on, the highest first; then the lost ones."""
    rows, facts = ask(snapshot, lambda catalogue: _lines(catalogue, model, first), keep=keep)
    for row, some in zip(rows, facts, strict=True):
        if isinstance(row, Unread):
            yield unlisted(row)
        else:
            yield Listed(
                row.model, Version.parse(row.version), row.status, row.commit, None, **some
            )


def _lines(catalogue: Catalogue, model: str, first: int) -> tuple[list[Row | Unread], list[Facts]]:
    rows = list(islice(catalogue.rows(model), first, None))
    facts: list[Facts] = [{} for _ in rows]
    for at, some in _field_by_field(rows, _LISTED):
        facts[at].update(some)
    return rows, facts


# When a field of a model's versions changed, to what, and who changed it.


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A version in which a field is another than in the version before.

    >>> change = store.blame("metrics.profit", "churn")[0]
    >>> change.before, change.after
    (3.75, 4.5)

    Attributes:
        version: which.
        parent: the number of the version that it is compared with; None for the first.
        field: the name of the field, as it was asked for.
        before, after: its values, as JSON has them; None if there is none.
        when: when the version was registered, UTC.
        who: by whom, as "Name <email>".
        message: what was said about it; may be empty.
    """

    version: ModelVersion
    parent: str | None
    field: str
    before: Any
    after: Any
    when: datetime
    who: str
    message: str


@dataclass(frozen=True, slots=True)
class Blame:
    """The changes of a field, newest first, and the versions that could not be asked."""

    changes: tuple[FieldChange, ...]
    unread: tuple[Unread, ...]

    def __repr__(self) -> str:
        from gitmodelstore.values.tables import counted

        return f"<Blame: {counted(len(self.changes), 'change')}, {len(self.unread)} unread>"


def blame(snapshot: Snapshot, field: str, model: str | None, *, keep: bool) -> Blame:
    """Return each version in which a manifest field changed, as `Store.blame`; `keep` an index."""
    path, value = parse_field(field)
    if path.parts[0] in (STATUS, ANNOTATIONS):
        raise InvalidInput(
            f"'{path.parts[0]}' is not a field of the manifest", hint="see `gms log`"
        )
    if value is not None:
        try:
            wanted(value, path.kind)
        except StoreError as error:
            raise InvalidInput(str(error), hint=error.hint) from None
    return ask(snapshot, lambda catalogue: _blame(catalogue, path, value, model), keep=keep)


def _blame(catalogue: Catalogue, path: FieldPath, value: Token | None, model: str | None) -> Blame:
    rows, unread = split(catalogue.rows(model))
    values = {row.key: path.value(row) for row in rows}
    rows, unread = catalogue.without_lost(rows, unread)
    by_version = {row.key: row for row in rows}
    below: dict[str, Row] = {}  # by model, the next version that can be read
    changes = []
    for row in reversed(rows):  # lowest first
        parent = by_version.get((row.model, row.get("parent"))) or below.get(row.model)
        below[row.model] = row
        before = values[parent.key] if parent else None
        after = values[row.key]
        arrived = value is None or (_has(path, after, value) and not _has(path, before, value))
        if arrived and not same(before, after):
            change = FieldChange(
                ModelVersion(*row.named()),
                parent=parent.version if parent else None,
                field=path.text,
                before=before,
                after=after,
                when=row.when(),
                who=row.get("author"),
                message=row.get("message"),
            )
            changes.append(change)
    changes.reverse()  # of one second, the highest first
    changes.sort(key=lambda change: change.when, reverse=True)
    return Blame(tuple(changes), unread)


def _has(path: FieldPath, actual: Any, value: Token) -> bool:
    """Whether a version has a value at a field: it is the value, or a list that holds it."""
    if actual is None or value.value is None:
        return actual is None and value.value is None
    expected, read = wanted(value, path.kind), READERS[path.kind]
    items = actual if isinstance(actual, (list, dict)) else [actual]
    return any(same(read(one), expected) or one == value.text for one in items)
