"""modelstore.toml: the settings of a store and what its lifecycle allows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gitmodelstore.errors import FormatError, InvalidName, LifecycleError, StoreError
from gitmodelstore.values.layout import NEW_SETTINGS, SETTINGS
from gitmodelstore.values.names import did_you_mean, nearest, quoted, status_name

TYPE_CHECKING = False  # as in values/fields.py
if TYPE_CHECKING:
    from typing import Any

    from gitmodelstore.values.gates import Gate

SCHEMA = "1.0"
REGISTERED = "registered"
STAGING = "staging"
PRODUCTION = "production"
ARCHIVED = "archived"
WITHDRAWN = "withdrawn"
STATUSES = (REGISTERED, STAGING, PRODUCTION, ARCHIVED, WITHDRAWN)
_SHARED = {REGISTERED, ARCHIVED, WITHDRAWN}  # where versions begin and end

_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_KEYS = {
    "schema": None,
    "store": ("allow", "allow_size", "allow_binary"),
    "storage": ("lfs_threshold",),
    "lifecycle": ("statuses", "exclusive", "moves"),
    "gates": None,
    "policy": ("require_signed",),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one store.

    Attributes:
        statuses: every status that a version may have, in the order of a version's life.
        exclusive: those that one version of a model holds at a time.
        lfs_threshold_bytes: pipelines from this size on are Git LFS objects.
        allow: further paths that may stand in the repository, as glob patterns.
        allow_bytes: how large a file beside the models may be.
        allow_binary: those of them that need not be text, as glob patterns.
        moves: status to those that may follow it; any may where it has none here.
        gates: status to what must hold before a version comes to it.
        require_signed: whether every commit and every tag must be signed.
    """

    statuses: tuple[str, ...] = STATUSES
    exclusive: frozenset[str] = frozenset({PRODUCTION})
    lfs_threshold_bytes: int = 50 * 2**20
    allow: tuple[str, ...] = ()
    allow_bytes: int = 2**20
    allow_binary: tuple[str, ...] = ()
    moves: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    gates: Mapping[str, Gate] = field(default_factory=dict)
    require_signed: bool = False

    @classmethod
    def parse(cls, data: bytes) -> Policy:
        """Return what the bytes of modelstore.toml say.

        Raises:
            FormatError: not TOML, of another schema, an unknown key or a bad value. A rule that
                this release does not know is refused, never passed over.
        """
        if data == NEW_SETTINGS:  # what `init` writes, and most stores keep: the defaults
            return cls()
        import tomllib  # five milliseconds that most commands do not need

        try:
            value = tomllib.loads(data.decode("utf-8"))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise _fault(f"not TOML: {error}") from None
        except RecursionError:
            raise _fault("nested too deep") from None
        _refuse_other_schema(value)
        _refuse_unknown(value)
        lifecycle = value.get("lifecycle", {})
        statuses = STATUSES + _names(lifecycle, "statuses", ())
        exclusive = frozenset(_names(lifecycle, "exclusive", (PRODUCTION,)))
        if unknown := sorted(exclusive - set(statuses)):
            raise _fault(f"lifecycle.exclusive: '{unknown[0]}' is not a status")
        if shared := sorted(exclusive & _SHARED):
            raise _fault(f"lifecycle.exclusive: many versions are '{shared[0]}' at a time")
        statuses, exclusive = tuple(dict.fromkeys(statuses)), exclusive | {PRODUCTION}
        store = value.get("store", {})
        return cls(
            statuses=statuses,
            exclusive=exclusive,
            lfs_threshold_bytes=_size(
                value.get("storage", {}), "storage", "lfs_threshold", "50 MiB"
            ),
            allow=_texts(store, "allow"),
            allow_bytes=_size(store, "store", "allow_size", "1 MiB"),
            allow_binary=_texts(store, "allow_binary"),
            **_rules(value, statuses, exclusive),
        )

    def allows(self, before: str, after: str) -> bool:
        """Return whether a version in status `before` may move to `after`, gates apart."""
        return before not in self.moves or after in self.moves[before]

    def check_status(self, name: str) -> str:
        """Return `name` if it is a status of this store.

        Raises:
            LifecycleError: it is not; the hint lists them.
        """
        if name in self.statuses:
            return name
        raise LifecycleError(
            f"'{name}' is not a status of this store",
            hint=did_you_mean(name, self.statuses) or f"one of {', '.join(self.statuses)}",
        )


def _rules(
    value: dict[str, Any], statuses: tuple[str, ...], exclusive: frozenset[str]
) -> dict[str, Any]:
    """Return moves, gates and demands on signatures; most stores have none."""
    signed = value.get("policy", {}).get("require_signed", False)
    if not isinstance(signed, bool):
        raise _fault(f"policy.require_signed: expected true or false, found {signed!a}")
    moves, gates = value.get("lifecycle", {}).get("moves"), value.get("gates")
    if moves is None and gates is None:
        return {"require_signed": signed}
    from gitmodelstore.values.gates import parse_gates, parse_moves

    return {
        "moves": parse_moves({} if moves is None else moves, statuses),
        "gates": parse_gates({} if gates is None else gates, statuses, exclusive, _SHARED),
        "require_signed": signed,
    }


def _refuse_other_schema(value: dict[str, Any]) -> None:
    schema = value.get("schema")
    if schema is None:
        raise FormatError("no schema", path=SETTINGS, hint=f'begin it with: schema = "{SCHEMA}"')
    if schema != SCHEMA:
        raise FormatError(
            f"schema {schema!r}, this gitmodelstore reads {SCHEMA!r}",
            path=SETTINGS,
            hint="upgrade gitmodelstore to read it",
        )


def _refuse_unknown(value: dict[str, Any]) -> None:
    for section, held in value.items():
        if section not in _KEYS:
            raise _unknown("", section, _KEYS)
        keys = _KEYS[section]
        if keys is None:
            continue
        if not isinstance(held, dict):
            raise _fault(f"'{section}': expected a table")
        for key in held:
            if key not in keys:
                raise _unknown(f"{section}.", key, keys)


def _unknown(section: str, key: str, known: Iterable[str]) -> FormatError:
    near = nearest(key, known)
    all_known = ", ".join(f"{section}{name}" for name in known)
    return FormatError(
        f"unknown key {quoted(f'{section}{key}')}",
        path=SETTINGS,
        hint=f"did you mean '{section}{near}'?"
        if near
        else f"this gitmodelstore knows {all_known}; a newer one may know more",
    )


def _texts(table: dict[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(held, str) for held in value):
        raise _fault(f"'{key}': expected a list of strings")
    return tuple(value)


def _names(table: dict[str, Any], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    if key not in table:
        return default
    try:
        return tuple(_status(name) for name in _texts(table, key))
    except FormatError:
        raise
    except StoreError as error:
        raise _fault(f"lifecycle.{key}: {error}") from None


def _status(name: str) -> str:
    if re.match(r"v[0-9]", name):
        raise InvalidName(f"'{name}' reads as a version", hint="begin it with a word")
    return status_name(name)


def _size(table: dict[str, Any], section: str, key: str, default: str) -> int:
    """Return the bytes that "50 MiB", or a plain number, means."""
    value = table.get(key, default)
    found = re.fullmatch(r"([0-9]{1,12}) ?(B|KiB|MiB|GiB)?", str(value))
    if isinstance(value, bool) or not found or int(found[1]) == 0:
        raise _fault(f"{section}.{key}: expected a size such as '50 MiB', found {value!r}")
    return int(found[1]) * _UNITS[found[2] or "B"]


def _fault(what: str) -> FormatError:
    return FormatError(what, path=SETTINGS)
