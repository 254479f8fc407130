"""modelstore.toml: the settings of a store and what its lifecycle allows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from gitmodelstore.errors import FormatError, InvalidName, LifecycleError
from gitmodelstore.lean import TYPE_CHECKING, dataclass, field
from gitmodelstore.values.json import FaultList, check_schema, cut, flag, read_table, texts
from gitmodelstore.values.names import (
    ARCHIVED,
    NEW_SETTINGS,
    PRODUCTION,
    REGISTERED,
    SETTINGS,
    STATUSES,
    WITHDRAWN,
    did_you_mean,
    status_name,
)

if TYPE_CHECKING:
    from typing import Any

    from gitmodelstore.values.gates import Gate

SCHEMA = "1.0"
_SHARED = {REGISTERED, ARCHIVED, WITHDRAWN}  # where versions begin and end

_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_ATTRIBUTES = {"allow_size": "allow_bytes", "lfs_threshold": "lfs_threshold_bytes"}


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one store."""

    statuses: tuple[str, ...] = STATUSES  # in the order of a version's life
    exclusive: frozenset[str] = frozenset({PRODUCTION})  # of one version of a model at a time
    lfs_threshold_bytes: int = 50 * 2**20  # pipelines from this size on are Git LFS objects
    allow: tuple[str, ...] = ()  # further paths that may stand in the repository, as patterns
    allow_bytes: int = 2**20  # how large a file beside the models may be
    allow_binary: tuple[str, ...] = ()  # those of them that need not be text, as patterns
    # Status to those that may follow it; any may where it has none here.
    moves: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    gates: Mapping[str, Gate] = field(default_factory=dict)  # by the status that they lead to
    require_signed: bool = False  # every commit and every tag
    push: bool = False  # whether what is written goes to the remote at once
    readme: bool = True  # whether the commands keep README.md of the store

    @classmethod
    def parse(cls, data: bytes) -> Policy:
        """Return what the bytes of modelstore.toml say; FormatError with every fault.

        A rule that this release does not know is refused, never passed over.
        """
        if data == NEW_SETTINGS:  # what `init` writes, and most stores keep: the defaults
            return cls()
        import tomllib  # five milliseconds that most commands do not need

        try:
            value = tomllib.loads(data.decode("utf-8"))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise FormatError(f"not TOML: {error}", path=SETTINGS) from None
        except RecursionError:
            raise FormatError("nested too deep", path=SETTINGS) from None
        if "schema" not in value:
            hint = f'begin it with: schema = "{SCHEMA}"'
            raise FormatError("no schema", path=SETTINGS, hint=hint)
        check_schema(value["schema"], SCHEMA, SETTINGS)
        faults = FaultList()
        attributes = _settings(value, faults)
        faults.throw(SETTINGS)
        return cls(**attributes)

    def allows(self, before: str, after: str) -> bool:
        """Return whether a version in status `before` may move to `after`, gates apart."""
        return before not in self.moves or after in self.moves[before]

    def headline(self, metrics: Mapping[str, float]) -> str | None:
        """Return the metric that tells most of a version; None if it has no metrics.

        It is the first that the gate of production asks for, else the first by name.
        """
        gate = self.gates.get(PRODUCTION)
        asked = [one.metric for one in gate.metrics] if gate else []
        return next((name for name in (*asked, *sorted(metrics)) if name in metrics), None)

    def check_status(self, name: str) -> str:
        """Return `name` if it is a status of this store; LifecycleError otherwise."""
        if name in self.statuses:
            return name
        hint = did_you_mean(name, self.statuses) or f"one of {', '.join(self.statuses)}"
        raise LifecycleError(f"'{name}' is not a status of this store", hint=hint)


def _settings(value: dict[str, Any], faults: FaultList) -> dict[str, Any]:
    """Return the attributes that differ from the defaults; what is wrong is left out."""

    def table(**keys: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
        return lambda setting, where: read_table(setting, where, keys, faults)

    def as_it_is(setting: Any, _: str) -> Any:
        return setting

    def names(setting: Any, where: str) -> tuple[str, ...]:
        return _names(setting, where, faults)

    readers = {
        "schema": as_it_is,
        "store": table(allow=texts, allow_size=_size, allow_binary=texts, readme=flag),
        "storage": table(lfs_threshold=_size),
        "lifecycle": table(statuses=names, exclusive=names, moves=as_it_is),
        "gates": as_it_is,
        "policy": table(require_signed=flag),
        "remote": table(push=_push),
    }
    settings = read_table(value, "", readers, faults)
    values = {
        _ATTRIBUTES.get(key, key): setting
        for name in ("store", "storage", "policy", "remote")
        for key, setting in settings.get(name, {}).items()
    }
    lifecycle = settings.get("lifecycle", {})
    statuses = tuple(dict.fromkeys(STATUSES + lifecycle.get("statuses", ())))
    exclusive = frozenset(lifecycle.get("exclusive", ()))
    with faults:
        if unknown := sorted(exclusive - set(statuses)):
            raise FormatError(f"'{unknown[0]}' is not a status", where="lifecycle.exclusive")
        if shared := sorted(exclusive & _SHARED):
            what = f"many versions can be '{shared[0]}' at once"
            raise FormatError(what, where="lifecycle.exclusive")
    exclusive |= {PRODUCTION}
    if "gates" in settings or "moves" in lifecycle:  # most have none
        from gitmodelstore.values.gates import GateReader

        reader = GateReader(statuses, exclusive, _SHARED, faults)
        values["moves"] = reader.moves(lifecycle.get("moves", {}))
        values["gates"] = reader.gates(settings.get("gates", {}))
    return {**values, "statuses": statuses, "exclusive": exclusive}


def _names(value: Any, where: str, faults: FaultList) -> tuple[str, ...]:
    """Return the statuses that a setting names, those too that cannot be ones."""
    listed = texts(value, where)
    for name in listed:
        with faults:
            if re.match(r"v[0-9]", name):
                what, hint = f"'{name}' looks like a version", "begin it with a word"
                raise FormatError(what, where=where, hint=hint)
            try:
                status_name(name)
            except InvalidName as error:
                raise FormatError(str(error), where=where, hint=error.hint) from None
    return listed


def _push(value: Any, where: str) -> bool:
    if value not in ("always", "asked"):
        what = f"expected 'always' or 'asked', found {cut(ascii(value))}"
        raise FormatError(what, where=where)
    return bool(value == "always")


def _size(value: Any, where: str) -> int:
    """Return the bytes that "50 MiB", or a plain number, means."""
    size = re.fullmatch(r"([0-9]{1,12}) ?(B|KiB|MiB|GiB)?", str(value))
    if isinstance(value, bool) or not size or int(size[1]) == 0:
        shown = cut(ascii(value))
        raise FormatError(f"expected a size such as '50 MiB', found {shown}", where=where)
    return int(size[1]) * _UNITS[size[2] or "B"]
