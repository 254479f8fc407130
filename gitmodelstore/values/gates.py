"""Gates: what a version must be before it may come to a status, as modelstore.toml says it.

Owns the form: the keys of a gate, and the names of required fields; expressions on metrics
are `values/condition.py`'s. Whether a version passes is `checks/gates.py`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from gitmodelstore.errors import FormatError
from gitmodelstore.values.annotations import KEY_PATTERN
from gitmodelstore.values.condition import Condition
from gitmodelstore.values.json import cut, hidden_character, join
from gitmodelstore.values.names import METRIC_PATTERN, did_you_mean, quoted
from gitmodelstore.values.policy import Faults, texts

KEYS = ("from", "metrics", "require", "replay", "signed", "signers", "approvals", "override")

# What a gate may require, and what may stand behind the dot: fields of a manifest, and annotations.
_CODE = ("clean", "commit", "url", "branch", "entry_point")
_FIELDS = {
    "data": ("a role such as 'data.train'", re.compile(r"[a-z][a-z0-9_-]{0,62}")),
    "features": None,
    "target": None,
    "metrics": ("a metric such as 'metrics.test_auc'", re.compile(METRIC_PATTERN)),
    "baseline": None,
    "code": (f"one of {', '.join(_CODE)}", re.compile("|".join(_CODE))),
    "card": ("a heading such as 'card.Ethics'", re.compile(r"[^\n#][^\n]{0,99}")),
    "message": None,
    "sample": None,
    "custom": ("a key such as 'custom.ticket'", re.compile(r"[^\n]{1,200}")),
    "annotations": ("a key such as 'annotations.approval'", re.compile(KEY_PATTERN)),
}
_CARD = ("intended_use", "limitations")

_MOST_LISTED = 100
_MOST_APPROVALS = 100
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Gate:
    """What must hold before a version comes to one status.

    Attributes:
        sources: statuses that it may come from ("from"); empty for any.
        metrics: bounds on its metrics and annotations; all must hold.
        require: fields that its manifest, or annotations that it must have, by dotted name.
        replay: whether its answers must have been asked again, and be the same.
        signed: whether the commit must be signed; true where `signers` are named.
        signers: principals who may sign it; empty for every allowed signer.
        approvals: how many others must have approved.
        override: whether `--force` with a reason passes it all the same.
    """

    sources: tuple[str, ...] = ()
    metrics: tuple[Condition, ...] = ()
    require: tuple[str, ...] = ()
    replay: bool = False
    signed: bool = False
    signers: tuple[str, ...] = ()
    approvals: int = 0
    override: bool = True


def parse_gates(
    value: Any, statuses: Collection[str], exclusive: Collection[str], ends: Collection[str]
) -> dict[str, Gate]:
    """Return status to gate, as the table `gates` of the settings says.

    Args:
        value: the table, as the TOML parser gives it.
        statuses: those of the store.
        exclusive: those that one version holds at a time.
        ends: those that no gate leads to, since versions begin and end there.

    Raises:
        FormatError: with every fault of every gate.
    """
    faults = Faults()
    gates = {}
    with faults:
        for status, table in _table(value, "gates").items():
            where = join("gates", status)
            with faults:
                _check_gated(status, where, statuses, ends)
                gates[status] = _gate(
                    _table(table, where), where, statuses, status in exclusive, faults
                )
    faults.throw()
    return gates


def parse_moves(value: Any, statuses: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return status to those that may follow it, as `lifecycle.moves` says.

    Raises:
        FormatError: with every fault of the table.
    """
    where = "lifecycle.moves"
    faults = Faults()
    moves: dict[str, tuple[str, ...]] = {}
    with faults:
        for status, followers in _table(value, where).items():
            with faults:
                _check_status(status, join(where, status), statuses)
                moves[status] = _statuses(followers, join(where, status), statuses)
    faults.throw()
    return moves


def _gate(
    table: Mapping[str, Any],
    where: str,
    statuses: Collection[str],
    is_exclusive: bool,
    faults: Faults,
) -> Gate:
    read: dict[str, Callable[[Any, str], Any]] = {
        "from": lambda held, place: _sources(held, place, statuses),
        "metrics": lambda held, place: _conditions(held, place, is_exclusive, faults),
        "require": lambda held, place: _each(held, place, _field, faults),
        "replay": _flag,
        "signed": _flag,
        "signers": lambda held, place: _each(held, place, _principal, faults),
        "approvals": _count,
        "override": _flag,
    }
    found: dict[str, Any] = {}
    for key, held in table.items():
        place = join(where, key)
        with faults:
            if key not in read:
                raise FormatError(
                    "unknown key",
                    where=place,
                    hint=did_you_mean(key, KEYS)
                    or f"a gate knows {', '.join(KEYS)}; a newer gitmodelstore may know more",
                )
            found["sources" if key == "from" else key] = read[key](held, place)
    with faults:
        if found.get("signers") and found.setdefault("signed", True) is False:
            raise FormatError("false, though signers are named", where=join(where, "signed"))
    return Gate(**found)


def _check_gated(status: str, where: str, statuses: Collection[str], ends: Collection[str]) -> None:
    _check_status(status, where, statuses)
    if status in ends:
        raise FormatError(
            f"no gate leads to '{status}'",
            where=where,
            hint="say with lifecycle.moves which statuses may follow which",
        )


def _check_status(status: str, where: str, statuses: Collection[str]) -> None:
    if status not in statuses:
        raise FormatError(
            f"{quoted(cut(status))} is not a status",
            where=where,
            hint=did_you_mean(status, statuses)
            or f"one of {', '.join(statuses)}; name others in lifecycle.statuses",
        )


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise FormatError("expected a table", where=where)
    return value


def _texts(value: Any, where: str) -> list[str]:
    listed = texts(value, where)
    if len(listed) > _MOST_LISTED:
        raise FormatError(f"{len(listed)} entries, more than {_MOST_LISTED}", where=where)
    return listed


def _each(value: Any, where: str, read: Callable[[str, str], T], faults: Faults) -> tuple[T, ...]:
    found = []
    for index, text in enumerate(_texts(value, where)):
        with faults:
            found.append(read(text, f"{where}[{index}]"))
    return tuple(dict.fromkeys(found))


def _statuses(value: Any, where: str, statuses: Collection[str]) -> tuple[str, ...]:
    for index, status in enumerate(_texts(value, where)):
        _check_status(status, f"{where}[{index}]", statuses)
    return tuple(dict.fromkeys(value))


def _sources(value: Any, where: str, statuses: Collection[str]) -> tuple[str, ...]:
    found = _statuses(value, where, statuses)
    if not found:
        raise FormatError("names no status; leave it out for any", where=where)
    return found


def _conditions(
    value: Any, where: str, is_exclusive: bool, faults: Faults
) -> tuple[Condition, ...]:
    def read(text: str, place: str) -> Condition:
        condition = Condition.parse(text, place)
        if condition.is_relative and condition.key is not None:
            raise FormatError(
                "an annotation is not compared with that of another version",
                where=place,
                hint="compare it with a number",
            )
        if condition.is_relative and not is_exclusive:
            raise FormatError(
                "many versions may have this status, so that none is the current one",
                where=place,
                hint="compare with a number, or name the status in lifecycle.exclusive",
            )
        return condition

    return _each(value, where, read, faults)


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise FormatError(f"expected true or false, found {cut(ascii(value))}", where=where)
    return value


def _count(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_APPROVALS:
        found = cut(ascii(value))
        what = f"expected a whole number from 0 to {_MOST_APPROVALS}, found {found}"
        raise FormatError(what, where=where)
    return value


def _principal(text: str, where: str) -> str:
    """Return a principal as an allowed-signers file of ssh-keygen names it."""
    if not re.fullmatch(r"[^\s,\"*?!#]{1,200}", text) or hidden_character(text):
        raise FormatError(
            f"{quoted(cut(text))} is not a principal",
            where=where,
            hint="name it as the file of allowed signers does, such as 'ada@example.org'",
        )
    return text


def _field(text: str, where: str) -> str:
    """Return `text` if it names a field that a manifest may have, or an annotation."""
    root, dot, rest = text.partition(".")
    if root not in _FIELDS or hidden_character(text):
        raise FormatError(
            f"{quoted(cut(text))} is not a field of a manifest",
            where=where,
            hint=did_you_mean(root, _FIELDS) or f"one of {', '.join(_FIELDS)}",
        )
    below = _FIELDS[root]
    meant = rest.lower().replace("-", "_").replace(" ", "_")
    if root == "card" and meant in _CARD and rest not in _CARD:
        raise FormatError(
            f"{quoted(text)} is not a field of a manifest",
            where=where,
            hint=f"did you mean 'card.{meant}'?",
        )
    if not dot:
        return text
    if below is None:
        raise FormatError(f"nothing stands below '{root}', found {quoted(cut(text))}", where=where)
    if not below[1].fullmatch(rest):
        what = f"expected {below[0]}, found {quoted(cut(text))}"
        known = [f"code.{name}" for name in _CODE] if root == "code" else []
        raise FormatError(what, where=where, hint=did_you_mean(text, known))
    return text
