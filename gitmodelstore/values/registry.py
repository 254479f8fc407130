"""registry.json: the status of every version, and nothing that the manifests hold."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from gitmodelstore.errors import FormatError, StoreError
from gitmodelstore.values import json as json_rules
from gitmodelstore.values.layout import REGISTRY
from gitmodelstore.values.names import model_name, status_name
from gitmodelstore.values.version import Version

TYPE_CHECKING = False  # as in values/fields.py
if TYPE_CHECKING:
    from typing import Any

SCHEMA = "1.0"
MOST_BYTES = 16 * 1024 * 1024

Statuses = Mapping[str, str]  # version, as text and highest first, to status


@dataclass(frozen=True, slots=True)
class Change:
    """One version whose status differs between two registries.

    Attributes:
        model, version: which.
        before: its status in the earlier one; None when it was not there.
        after: its status in the later one; None when it is gone.
    """

    model: str
    version: Version
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Registry:
    """The content of registry.json.

    Attributes:
        models: name to the statuses of its versions; names in order, versions
            highest first.
    """

    models: Mapping[str, Statuses]

    @classmethod
    def parse(cls, data: bytes) -> Registry:
        """Return what the bytes of registry.json say.

        Raises:
            FormatError: not strict JSON, of another schema, with bad names, versions or
                statuses (all of them are listed), out of order, or not in canonical form.
        """
        value = json_rules.parse(data, REGISTRY, most_bytes=MOST_BYTES)
        models = _models(value)
        found: list[tuple[str, str]] = []
        for model, statuses in models.items():
            try:
                _check_model(model, statuses)
            except FormatError as error:
                found += error.found
        if found:
            raise FormatError(path=REGISTRY, found=found)
        registry = cls(models)
        if list(models) != sorted(models) or registry.render() != data:
            raise FormatError(
                "not in canonical form: models by name, versions highest first, indented by two",
                path=REGISTRY,
            )
        return registry

    @classmethod
    def parse_history(cls, data: bytes) -> Registry:
        """Return what an earlier registry.json says, without judging its form.

        History is read even where somebody once wrote it by hand, and a store has
        thousands of them, so only the structure is looked at. An entry that no version or
        status of ours could be is passed over.

        Raises:
            FormatError: it is not JSON of the registry's structure.
        """
        try:
            models = _models(json.loads(data))
        except (ValueError, RecursionError):
            raise FormatError("not JSON", path=REGISTRY) from None
        return cls(
            {model: _readable(held) for model, held in models.items() if _fits(model_name, model)}
        )

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

    def highest(self, model: str) -> Version | None:
        """Return the highest version of a model, pre-releases included; None without one."""
        return next((_version(text) for text in self.models.get(model, {})), None)

    def holders(self, model: str, status: str) -> tuple[Version, ...]:
        """Return the versions that hold `status`, highest first."""
        statuses = self.models.get(model, {})
        return tuple(_version(text) for text, held in statuses.items() if held == status)

    def with_status(self, model: str, version: Version, status: str) -> Registry:
        """Return this registry with the status of one version set; a new version is put in."""
        statuses = dict(self.models.get(model, {}))
        known = str(version) in statuses
        statuses[str(version)] = status
        if not known:
            statuses = _inserted(statuses, version)
        models = {**self.models, model: statuses}
        if model not in self.models:
            models = dict(sorted(models.items()))
        return Registry(models)

    def changes(self, later: Registry) -> Iterator[Change]:
        """Yield each version whose status differs in `later`, by model, highest first."""
        for model in sorted(self.models.keys() | later.models.keys()):
            before, after = self.models.get(model, {}), later.models.get(model, {})
            if before == after:
                continue
            changed = [v for v in after if before.get(v) != after[v]]
            changed += [v for v in before if v not in after]
            for version in sorted(map(_version, changed), reverse=True):
                yield Change(model, version, before.get(str(version)), after.get(str(version)))


def names_version(data: bytes, model: str, version: Version) -> bool:
    """Return whether the bytes of some registry.json hold a version.

    Looked up as text, a hundred times faster than parsing; where somebody has
    written the file in another form, it is parsed after all.

    Raises:
        FormatError: it is not a registry.
    """
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


@lru_cache(maxsize=1 << 16)
def _version(text: str) -> Version:
    return Version.parse(text)


_order = lru_cache(maxsize=1 << 16)(Version.precedence)


@lru_cache(maxsize=1 << 16)
def _fits(rule: Callable[[str], object], text: str) -> bool:
    try:
        rule(text)
    except StoreError:
        return False
    return True


def _readable(statuses: Statuses) -> dict[str, str]:
    return {
        version: status
        for version, status in statuses.items()
        if _fits(_version, version) and _fits(status_name, status)
    }


def _models(value: Any) -> dict[str, dict[str, str]]:
    """Return model → version → status of a parsed document of the right structure."""
    if not isinstance(value, dict) or list(value) != ["schema", "models"]:
        raise _fault("expected the keys 'schema' and 'models'")
    if value["schema"] != SCHEMA:
        raise FormatError(
            f"schema {value['schema']!r}, this gitmodelstore reads {SCHEMA!r}",
            path=REGISTRY,
            hint="upgrade gitmodelstore to read it",
        )
    if not isinstance(value["models"], dict):
        raise _fault("'models': expected an object")
    return {model: _statuses(model, held) for model, held in value["models"].items()}


def _statuses(model: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _fault(f"'{json_rules.join('models', model)}': expected an object")
    for version, entry in value.items():
        if (
            not isinstance(entry, dict)
            or len(entry) != 1
            or not isinstance(entry.get("status"), str)
        ):
            where = json_rules.join(json_rules.join("models", model), version)
            raise _fault(f"'{where}': expected {{\"status\": …}} and no more")
    return {version: entry["status"] for version, entry in value.items()}


def _check_model(model: str, statuses: Statuses) -> None:
    """Refuse bad names, versions and statuses, an empty model, and versions out of order."""
    where = json_rules.join("models", model)
    try:
        model_name(model)
        versions = [_version(text) for text in statuses]
        is_named = all(_fits(status_name, status) for status in statuses.values())
    except StoreError:
        is_named = False
    if not is_named:
        raise FormatError(path=REGISTRY, found=list(_bad_names(where, model, statuses)))
    if not versions:
        raise _fault(f"'{where}': a model without versions")
    for higher, lower in pairwise(versions):
        if not _order(lower) < _order(higher):
            raise _fault(f"'{where}': {higher} stands before {lower}, highest comes first")


def _bad_names(where: str, model: str, statuses: Statuses) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the name of a model, with its versions, and with their statuses."""
    asked: list[tuple[str, Callable[[str], object], str]] = [(where, model_name, model)]
    for version, status in statuses.items():
        asked += [(where, _version, version)]
        asked += [(json_rules.join(where, version), status_name, status)]
    for place, rule, text in asked:
        try:
            rule(text)
        except StoreError as error:
            yield "", f"'{place}': {error}"


def _section(model: str, statuses: Statuses) -> str:
    entries = ",\n".join(
        f'      "{version}": {{\n        "status": "{status}"\n      }}'
        for version, status in statuses.items()
    )
    return f'    "{model}": {{\n{entries}\n    }}'


def _inserted(statuses: dict[str, str], version: Version) -> dict[str, str]:
    """Return `statuses`, whose last entry is the new version, with that entry in its place."""
    texts = list(statuses)[:-1]
    ascending = texts[::-1]
    place = len(texts) - bisect_left(ascending, version, key=_version)
    texts.insert(place, str(version))
    return {text: statuses[text] for text in texts}


def _fault(what: str) -> FormatError:
    return FormatError(what, path=REGISTRY)
