"""registry.json: the status of every version, and nothing that the manifests hold."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, pairwise
from math import ceil
from operator import gt

from gitmodelstore.errors import FormatError, MergeConflict, StoreError
from gitmodelstore.lean import TYPE_CHECKING, cached_property, dataclass
from gitmodelstore.values import json as json_rules
from gitmodelstore.values.names import (
    REGISTRY,
    START,
    WITHDRAWN,
    OfVersion,
    Version,
    is_version,
    model_name,
    status_name,
)
from gitmodelstore.values.objects import reach, replaced

if TYPE_CHECKING:
    from typing import Any

SCHEMA = "1.0"
MOST_BYTES = 16 * 1024 * 1024

Moved = tuple[str, Version]  # model and version
Statuses = Mapping[str, str]  # version, as text and highest first, to status


@dataclass(frozen=True, slots=True)
class Change(OfVersion):
    """One version whose status differs between two registries."""

    model: str
    version: Version
    before: str | None  # its status in the earlier one; None when it was not there
    after: str | None  # its status in the later one; None when it is gone

    @property
    def key(self) -> Moved:
        """Which version it is about."""
        return self.model, self.version


@dataclass(frozen=True, slots=True)
class Registry:
    """The content of registry.json."""

    models: Mapping[str, Statuses]  # by name, in order

    @classmethod
    def parse(cls, data: bytes, near: tuple[bytes, Registry] | None = None) -> Registry:
        """Return what the bytes of registry.json say; FormatError with every fault of it.

        `near`: other bytes, and what they say; those that differ in little are read sooner.
        """
        if near is not None:
            guess = _changed(*near, data)
            if guess is not None and guess.render() == data:
                return guess
        registry = _canonical(data)
        if registry is None:
            raise _fault_in(data)
        return registry

    @classmethod
    def parse_history(cls, data: bytes) -> Registry:
        """Return an earlier registry.json; FormatError only of another structure."""
        # A store has thousands, some written by hand; entries that are no version or status are
        # passed over.
        try:
            models = _models(json.loads(data))
        except (ValueError, RecursionError):
            raise FormatError("not JSON", path=REGISTRY) from None
        series = {model: kept for model, kept in models.items() if not _fault_of(model_name, model)}
        return cls({model: _Blocks.of(_readable(kept)) for model, kept in series.items()})

    def render(self) -> bytes:
        """Return the bytes of registry.json, as `json.dumps(indent=2)` and a newline."""
        sections = ",\n".join(_section(m, statuses) for m, statuses in self.models.items())
        models = f"{{\n{sections}\n  }}" if sections else "{}"
        return f'{{\n  "schema": "{SCHEMA}",\n  "models": {models}\n}}\n'.encode()

    def status(self, model: str, version: Version) -> str | None:
        """Return the status of a version, None when it is not registered."""
        return self.models.get(model, {}).get(str(version))

    def versions(self, model: str) -> tuple[Version, ...]:
        """Return the versions of a model, highest first; none of an unknown model."""
        return tuple(_version(text) for text in self.models.get(model, {}))

    def highest(self, model: str, below: Version | None = None) -> Version | None:
        """Return the highest version of a model, or the highest below one; None without any."""
        versions = map(_version, self.models.get(model, {}))
        return next((one for one in versions if below is None or one < below), None)

    def live(self, model: str) -> Iterator[Version]:
        """Yield the versions of a model that are not withdrawn, highest first."""
        for block in _Blocks.of(self.models.get(model, {})).blocks:
            live = (text for text, status in block.statuses.items() if status != WITHDRAWN)
            yield from map(_version, live)

    def holders(self, model: str, status: str) -> tuple[Version, ...]:
        """Return the versions that hold `status`, highest first."""
        blocks = _Blocks.of(self.models.get(model, {})).blocks
        return tuple(_version(text) for block in blocks for text in block.holders.get(status, ()))

    def with_status(self, model: str, version: Version, status: str) -> Registry:
        """Return this registry with the status of one version set; a new version is put in."""
        statuses = _Blocks.of(self.models.get(model, {})).having(version, status)
        models = {**self.models, model: statuses}
        if model not in self.models:
            models = dict(sorted(models.items()))
        return Registry(models)

    def in_order(self) -> Registry:
        """Return the same in canonical order, which an earlier registry need not have."""
        series = {
            model: dict(sorted(kept.items(), key=lambda one: _version(one[0]), reverse=True))
            for model, kept in sorted(self.models.items())
            if kept
        }
        return Registry({model: _Blocks.of(statuses) for model, statuses in series.items()})

    def changes(self, later: Registry) -> Iterator[Change]:
        """Yield each version whose status differs in `later`, by model, highest first."""
        for model in sorted(replaced(self.models, later.models)):
            before, after = self.models.get(model, {}), later.models.get(model, {})
            if isinstance(before, _Blocks) and isinstance(after, _Blocks):
                before, after = before.differing(after)
            changed = [v for v in after if before.get(v) != after[v]]
            changed += [v for v in before if v not in after]
            for version in sorted(map(_version, changed), reverse=True):
                yield Change(model, version, before.get(str(version)), after.get(str(version)))


def names_version(data: bytes, model: str, version: Version) -> bool:
    """Whether some registry.json holds a version; FormatError if it is not a registry."""
    # Looked up as text, a hundred times faster; a file in another form is parsed after all.
    quoted = f'"{version}"'.encode()
    start = data.find(f'\n    "{model}": {{\n'.encode())
    if start >= 0:
        section = data[start : data.find(b"\n    }", start) + 1]
        if b"\n      " + quoted + b": {" in section:
            return True
        if section and quoted not in section:
            return False
    elif quoted not in data or f'"{model}"'.encode() not in data:
        return False
    return Registry.parse_history(data).status(model, version) is not None


EMPTY = Registry({})
# The files of a store in which nothing is registered yet, by path.
BEGUN = {REGISTRY: EMPTY.render(), **START}


@lru_cache(maxsize=1 << 16)
def _version(text: str) -> Version:
    return Version.parse(text)


_order = lru_cache(maxsize=1 << 16)(Version.precedence)


@lru_cache(maxsize=1 << 16)
def _fault_of(rule: Callable[[str], object], text: str) -> str | None:
    try:
        rule(text)
    except StoreError as error:
        return str(error)
    return None


def _readable(statuses: Statuses) -> dict[str, str]:
    return {
        version: status
        for version, status in statuses.items()
        if not (_fault_of(_version, version) or _fault_of(status_name, status))
    }


def _models(value: Any) -> dict[str, dict[str, str]]:
    """Return model → version → status of a parsed document of the right structure."""
    if not isinstance(value, dict) or list(value) != ["schema", "models"]:
        raise _fault("expected the keys 'schema' and 'models'")
    json_rules.check_schema(value["schema"], SCHEMA, REGISTRY)
    if not isinstance(value["models"], dict):
        raise _fault("'models': expected an object")
    return {model: _statuses(model, statuses) for model, statuses in value["models"].items()}


def _statuses(model: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _fault(f"'{json_rules.join('models', model)}': expected an object")
    for version, entry in value.items():
        is_entry = isinstance(entry, dict) and len(entry) == 1
        if not is_entry or not isinstance(entry.get("status"), str):
            where = json_rules.join(json_rules.join("models", model), version)
            raise _fault(f"'{where}': expected {{\"status\": …}} and no more")
    return {version: entry["status"] for version, entry in value.items()}


def _canonical(data: bytes) -> Registry | None:
    """Return what a sound text in canonical form says, None of any other: without a JSON parser.

    What stands between quotes says all, where rendering it gives the same text.
    """
    if len(data) > MOST_BYTES:
        return None
    models = {}
    for section in data.decode("utf-8", "replace").split('\n    "')[1:]:
        words = section.split('"')  # the model, and of each version: it, "status" and its status
        models[words[0]] = dict(zip(words[2::6], words[6::6], strict=False))
    registry = Registry({model: _Blocks.of(statuses) for model, statuses in models.items()})
    is_sound = (
        list(models) == sorted(models)
        and all(_is_sound(model, statuses) for model, statuses in models.items())
        and registry.render() == data
    )
    return registry if is_sound else None


def _is_sound(model: str, statuses: Statuses) -> bool:
    """Whether a model is as it must be; of another, `_check_model` says what is wrong."""
    names = [(model_name, model), *((status_name, one) for one in set(statuses.values()))]
    if not all(map(is_version, statuses)) or any(_fault_of(*name) for name in names):
        return False
    ranks = [_rank(version) for version in statuses]
    return bool(ranks) and all(map(gt, ranks, ranks[1:]))


def _rank(version: str) -> tuple[object, ...]:
    """Return the precedence of a version."""
    if "-" in version:
        return _order(_version(version))
    major, minor, patch = version.split(".")
    return int(major), int(minor), int(patch), True, ()


def _fault_in(data: bytes) -> FormatError:
    """Return what is wrong with a text that is not canonical, every fault of it."""
    value = json_rules.parse(data, REGISTRY, most_bytes=MOST_BYTES)
    faults = json_rules.FaultList()
    for model, statuses in _models(value).items():
        with faults:
            _check_model(model, statuses)
    faults.throw(REGISTRY)
    return _fault("not in canonical form: models by name, versions highest first, indented by two")


def _check_model(model: str, statuses: Statuses) -> None:
    """Refuse bad names, versions and statuses, an empty model, and versions out of order."""
    where = json_rules.join("models", model)
    judged = [(where, _fault_of(model_name, model))]
    for version, status in statuses.items():
        judged.append((where, _fault_of(_version, version)))
        if fault := _fault_of(status_name, status):
            judged.append((json_rules.join(where, version), fault))
    if faults := [("", f"'{place}': {fault}") for place, fault in judged if fault]:
        raise FormatError(path=REGISTRY, found=faults)
    versions = [_version(text) for text in statuses]
    if not versions:
        raise _fault(f"'{where}': a model without versions")
    for higher, lower in pairwise(versions):
        if not _order(lower) < _order(higher):
            raise _fault(f"'{where}': {higher} comes before {lower}, the highest comes first")


def _section(model: str, statuses: Statuses) -> str:
    entries = ",\n".join(block.text for block in _Blocks.of(statuses).blocks)
    return f'    "{model}": {{\n{entries}\n    }}'


def _fault(what: str) -> FormatError:
    return FormatError(what, path=REGISTRY)


# Statuses that share what they have in common with those before them.

_MOST_IN_BLOCK = 128


class _Block:
    """Some versions that follow one another, with their statuses."""

    def __init__(self, statuses: dict[str, str]) -> None:
        self.statuses = statuses

    @cached_property
    def holders(self) -> Mapping[str, Sequence[str]]:
        """Status to the versions that have it, highest first."""
        holders: dict[str, list[str]] = {}
        for version, status in self.statuses.items():
            holders.setdefault(status, []).append(version)
        return holders

    @cached_property
    def text(self) -> str:
        """Their lines in registry.json, without the last comma."""
        return ",\n".join(
            f'      "{version}": {{\n        "status": "{status}"\n      }}'
            for version, status in self.statuses.items()
        )


class _Blocks(Mapping[str, str]):
    """The statuses of a model in blocks, of which a change makes one or two anew."""

    def __init__(self, blocks: Sequence[_Block], whole: Statuses | None = None) -> None:
        self.blocks = blocks
        self._whole = whole  # all of it, where it came so

    @classmethod
    def of(cls, statuses: Statuses) -> _Blocks:
        """Return statuses in blocks; they themselves if they are."""
        if isinstance(statuses, cls):
            return statuses
        return cls(_blocks(list(statuses.items())), statuses)

    def having(self, version: Version, status: str) -> _Blocks:
        """Return these with the status of one version set; a new one comes in its place."""
        text, blocks = str(version), self.blocks
        place = next((at for at, block in enumerate(blocks) if text in block.statuses), None)
        if place is not None:
            made = [_Block({**blocks[place].statuses, text: status})]
        else:
            lasts = (next(reversed(block.statuses)) for block in blocks)
            below = (at for at, last in enumerate(lasts) if _version(last) < version)
            place = next(below, max(0, len(blocks) - 1))
            entries = list(blocks[place].statuses.items()) if blocks else []
            ascending = [text for text, _ in reversed(entries)]
            entries.insert(
                len(entries) - bisect_left(ascending, version, key=_version), (text, status)
            )
            made = _blocks(entries)
        return _Blocks([*blocks[:place], *made, *blocks[place + 1 :]])

    def differing(self, other: _Blocks) -> tuple[Statuses, Statuses]:
        """Return what of both is in blocks that the other does not share."""
        one, two = self.blocks, other.blocks
        start = _alike(one, two)
        end = _alike(one[start:][::-1], two[start:][::-1])
        left, right = (_Blocks(part[start : len(part) - end]) for part in (one, two))
        return dict(left.items()), dict(right.items())

    def __getitem__(self, version: str) -> str:
        if self._whole is not None:
            return self._whole[version]
        for block in self.blocks:
            if version in block.statuses:
                return block.statuses[version]
        raise KeyError(version)

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(block.statuses for block in self.blocks)

    def __len__(self) -> int:
        return sum(len(block.statuses) for block in self.blocks)

    def items(self) -> ItemsView[str, str]:
        if self._whole is not None:
            return self._whole.items()
        statuses: dict[str, str] = {}
        for block in self.blocks:
            statuses.update(block.statuses)
        return statuses.items()


def _blocks(entries: list[tuple[str, str]]) -> list[_Block]:
    """Return as few blocks of entries as can be, equally long."""
    count = ceil(len(entries) / _MOST_IN_BLOCK) or 1
    size = ceil(len(entries) / count) or 1
    return [_Block(dict(entries[at : at + size])) for at in range(0, len(entries), size)]


def _alike(one: Sequence[object], other: Sequence[object]) -> int:
    """Return how many both begin with in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a is not b), min(len(one), len(other)))


# The lines of a canonical text.

_SHAPES = {
    b"{": "open", b'  "schema": "1.0",': "schema", b'  "models": {': "head",
    b"      },": "entry", b"      }": "last_entry", b"    },": "section",
    b"    }": "last_section", b"  }": "foot", b"}": "close",
}  # fmt: skip
_FOLLOWS = {  # a text is canonical, but for its order, where each line follows one that it may
    "": ("open",),
    "open": ("schema",),
    "schema": ("head",),
    "head": ("model",),
    "model": ("version",),
    "version": ("status",),
    "status": ("entry", "last_entry"),
    "entry": ("version",),
    "last_entry": ("section", "last_section"),
    "section": ("model",),
    "last_section": ("foot",),
    "foot": ("close",),
    "close": ("",),
}
_RULES = {"model": model_name, "version": _version, "status": status_name}


@lru_cache(maxsize=1 << 14)
def _line_of(text: bytes) -> tuple[str, str]:
    """Return the shape of a line, and what it names."""
    match text.split(b'"'):
        case [b"    ", name, b": {"]:
            shape = "model"
        case [b"      ", name, b": {"]:
            shape = "version"
        case [b"        ", b"status", b": ", name, b""]:
            shape = "status"
        case _:
            return _SHAPES.get(text, "unclear"), ""
    value = name.decode("ascii", "replace")
    return ("unclear" if _fault_of(_RULES[shape], value) else shape), value


# What changed between two registry.json, found in their text.

_ENTRY = b'\n      "'  # how the line of a version begins,
_MODEL = b'\n    "'  # that of a model,
_END = b"\n      }"  # and that which ends a version

FlatStatuses = dict[tuple[str, str], str]  # model and version to status


def changes_between(before: bytes, after: bytes) -> tuple[Change, ...]:
    """Return each version whose status differs, by model, highest first."""
    old, new = map(_read, _regions(before, after))
    if old is None or new is None:
        return tuple(Registry.parse_history(before).changes(Registry.parse_history(after)))
    return _changes(old, new)


def canonical_changes(before: bytes, after: bytes) -> tuple[Change, ...] | None:
    """Return what a text changes in a canonical one; None where it may not be canonical itself."""
    old, new = map(_read, _regions(before, after))
    if old is None or new is None or len(after) > MOST_BYTES or not after.endswith(b"\n}\n"):
        return None
    return _changes(old, new)


def _changed(before: bytes, registry: Registry, after: bytes) -> Registry | None:
    """Return a registry with what a text seems to change; None where that is unclear."""
    old, new = map(_read, _regions(before, after))
    if old is None or new is None or not old.keys() <= new.keys():
        return None
    for (model, version), status in new.items():
        if old.get((model, version)) != status:
            registry = registry.with_status(model, _version(version), status)
    return registry


def _regions(before: bytes, after: bytes) -> tuple[bytes, bytes]:
    """Return the entries in which two texts differ, with one above and below.

    They stand below the line of their model. Whole models, where the lines of models differ.
    """
    ours, theirs = len(before), len(after)
    with memoryview(after) as view:  # to compare without a copy: texts may be long, and many
        same = reach(min(ours, theirs), lambda low, to: before.startswith(view[low:to], low))
        tail = reach(
            min(ours, theirs) - same,
            lambda low, to: before.endswith(view[theirs - to : theirs - low], 0, ours - low),
        )
    begin = max(0, before.rfind(_ENTRY, 0, max(0, before.rfind(_ENTRY, 0, same))))
    model = before.rfind(_MODEL, 0, begin + 1)
    header, begin = (_line_at(before, model), begin) if model >= 0 else (b"", 0)
    stop = _past(before, _END, _past(before, _END, ours - tail) + 1)
    while True:
        end = theirs - ours + stop
        regions = header + before[begin:stop], header + after[begin:end]
        if stop == ours or _last_model(regions[0]) == _last_model(regions[1]):
            return regions
        stop = _past(before, _END, _past(before, _MODEL, stop))  # once more, at most


def _past(text: bytes, what: bytes, start: int) -> int:
    """Return where something comes next in a text; its end where it does not."""
    at = text.find(what, start)
    return at if at >= 0 else len(text)


def _line_at(text: bytes, start: int) -> bytes:
    return text[start : _past(text, b"\n", start + 1)]


def _last_model(region: bytes) -> bytes:
    """Return the line of the last model of a region; b"" without one."""
    at = region.rfind(_MODEL)
    return _line_at(region, at) if at >= 0 else b""


def _read(region: bytes) -> FlatStatuses | None:
    """Return the entries of a part of a canonical text; None where it is not one."""
    statuses: FlatStatuses = {}
    model = version = ""
    before = "head" if region.startswith(_MODEL) else ""
    for text in region.removeprefix(b"\n").removesuffix(b"\n").split(b"\n"):
        shape, value = _line_of(text)
        if shape not in _FOLLOWS[before]:
            return None
        if shape == "model":
            if value <= model:
                return None
            model, version = value, ""
        elif shape == "version":
            if version and not _order(_version(value)) < _order(_version(version)):
                return None
            version = value
        elif shape == "status":
            statuses[model, version] = value
        before = shape
    return statuses if before in ("status", "close") else None


def _changes(before: FlatStatuses, after: FlatStatuses) -> tuple[Change, ...]:
    """Return each version whose status differs, by model, highest version first."""
    changed = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
    changes = [Change(m, _version(v), before.get((m, v)), after.get((m, v))) for m, v in changed]
    changes.sort(key=lambda change: change.version, reverse=True)
    return tuple(sorted(changes, key=lambda change: change.model))


# Two registries with a common ancestor, merged by what they mean.

_MOST_TOLD = 5


def merge(base: Registry, ours: Registry, theirs: Registry, exclusive: frozenset[str]) -> Registry:
    """Return the registry in which what either side did since `base` has happened.

    A version that either side registered or lost is kept. Whether two of one number are the same,
    their folders say. MergeConflict: both moved a version, or gave an exclusive status,
    differently.
    """
    clashes: list[str] = []
    models: dict[str, Statuses] = {}
    for model in sorted(base.models.keys() | ours.models.keys() | theirs.models.keys()):
        before, left, right = (side.models.get(model, {}) for side in (base, ours, theirs))
        models[model] = _merged(model, before, left, right, clashes)
    merged = Registry(models)
    clashes += _shared(base, ours, theirs, merged, exclusive)
    if clashes:
        first = "; ".join(clashes[:_MOST_TOLD])
        more = f"; and {len(clashes) - _MOST_TOLD} more" if len(clashes) > _MOST_TOLD else ""
        raise MergeConflict(
            f"{REGISTRY} cannot be merged: {first}{more}",
            clashes,
            hint="agree on one side, abort the merge, bring the other side in line with "
            "`gms promote`, `gms archive` or `gms withdraw`, and merge again",
        )
    return merged


def _merged(
    model: str, base: Statuses, ours: Statuses, theirs: Statuses, clashes: list[str]
) -> Statuses:
    """Return the statuses of one model's versions, highest first, but for those that clash."""
    statuses = {}
    versions = base.keys() | ours.keys() | theirs.keys()
    for version in sorted(versions, key=Version.parse, reverse=True):
        before = base.get(version)
        left, right = ours.get(version, before), theirs.get(version, before)
        if before not in (left, right) and left != right:
            clashes.append(f"{model} {version}: ours is {left}, theirs {right}")
            continue
        status = right if left == before else left
        if status is not None:
            statuses[version] = status
    return statuses


def _shared(
    base: Registry, ours: Registry, theirs: Registry, merged: Registry, exclusive: frozenset[str]
) -> Iterator[str]:
    """Yield each exclusive status that has several versions now, and had not before."""
    for model in merged.models:
        for status in sorted(exclusive):
            holders = merged.holders(model, status)
            before = [side.holders(model, status) for side in (base, ours, theirs)]
            if len(holders) > 1 and holders not in before:
                left, right = (", ".join(map(str, versions)) or "nobody" for versions in before[1:])
                yield f"{model} in {status}: ours is {left}, theirs {right}"
