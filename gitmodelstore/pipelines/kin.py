"""Names of numpy, scipy and pandas that the table does not have, judged by what they are here.

A release of these libraries moves and renames what is private to it, and pipelines hold some of
that. Three kinds go without a name of their own in the table:

- moved: the very thing that the table has, at another address.
- derived: a class of the same library that only adds methods to one that the table has.
- data: a class that does nothing but hold attributes. What these may be is said by `states`.

Anything else of these libraries is refused, as something that this release may be too old for.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from gitmodelstore.pipelines import rights as rules
from gitmodelstore.pipelines.rights import STATE, VALUE, Rights

# By which a class would act while it is made, given a state, looked at or let go.
_ACTING = frozenset(
    {"__del__", "__delattr__", "__getattr__", "__getattribute__", "__getnewargs__"}
    | {"__getnewargs_ex__", "__init_subclass__", "__new__", "__reduce__", "__reduce_ex__"}
    | {"__set_name__", "__setattr__", "__setstate__"}
)
_HARMLESS_BASES = frozenset({("builtins", "object"), ("abc", "ABC"), ("typing", "Generic")})
_HEAP_TYPE = 1 << 9  # of `__flags__`: the class was made by a class statement


class _Plain:
    """An object with attributes and nothing else, as memory holds it."""


class Kin(NamedTuple):
    """What a name that the table does not have turned out to be.

    Attributes:
        place: where the table lists it; of a class of data, where it is.
        rights: what may be done with it.
        held: what it is.
    """

    place: tuple[str, str]
    rights: Rights
    held: Any


@lru_cache(maxsize=1024)
def kin_of(module: str, name: str, find: Callable[[str, str], Any]) -> Kin | None:
    """Return what a name stands for that the table does not have; None where it may not be used.

    Args:
        module, name: as the pickle spells them.
        find: returns what a name stands for in this installation.

    Raises:
        ModuleNotFoundError, AttributeError: nothing.
    """
    if not rules.may_be_renamed(module, name):
        return None
    held = find(module, name)
    for place in rules.namesakes(module, name):
        known = rules.listed(*place)
        if known is not None and any(found is held for found in _addresses(*place, find)):
            return Kin(place, known, held)
    if not isinstance(held, type) or not rules.may_be_renamed(held.__module__, held.__qualname__):
        return None
    derived = _rights_of_base(held)
    if derived is not None:
        return Kin((module, name), Rights(derived.kind, derived.allowed - {VALUE}), held)
    return Kin((module, name), rules.OF_DATA, held) if _only_holds(held) else None


def _addresses(module: str, name: str, find: Callable[[str, str], Any]) -> Iterator[Any]:
    """Yield what the table's name stands for here, and the public ones above it."""
    parts = module.split(".")
    for count in range(len(parts), 0, -1):
        try:
            yield find(".".join(parts[:count]), name)
        except (ImportError, AttributeError):
            continue


def _rights_of_base(cls: type) -> Rights | None:
    """Return those of the listed class that `cls` is a kind of; None where it acts by itself."""
    for base in cls.__mro__:
        known = rules.listed(base.__module__, base.__qualname__)
        if known is not None and base is not object:
            return known if STATE in known.allowed else None
        if not _is_quiet(base, cls):
            return None
    return None


def _only_holds(cls: type) -> bool:
    return (
        type(cls) in (type, ABCMeta)
        and cls.__basicsize__ == _Plain.__basicsize__
        and cls.__dictoffset__ != 0
        and all(_is_quiet(base, cls) for base in cls.__mro__)
    )


def _is_quiet(base: type, cls: type) -> bool:
    """Whether a class of the same library was made by Python, and does nothing unasked."""
    if (base.__module__, base.__qualname__) in _HARMLESS_BASES:
        return True
    return (
        base.__module__.partition(".")[0] == cls.__module__.partition(".")[0]
        and bool(base.__flags__ & _HEAP_TYPE)
        and _ACTING.isdisjoint(vars(base))
    )
