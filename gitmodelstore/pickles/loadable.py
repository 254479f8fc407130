"""Whether a reader can load a pipeline, and whom he must trust for it: one rule for all who ask.

Registering, promoting, `inspect`, `show` and a refused load agree because they ask here. The
reader is thought of as one who trusts exactly what the file names: what even he could not load
is refused before it is kept. What the names are worth is told by `rights`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from gitmodelstore.errors import RefusedPickle, StoreError
from gitmodelstore.pickles import rights
from gitmodelstore.pickles.dry import Dry, walk
from gitmodelstore.pickles.rights import Trust, names_at

# Names by which a file says more than the table can: whom it calls with what.
_SAY_MORE = frozenset({"builtins.getattr", "functools.partial", "numpy.vectorize"})
_BOOSTERS = frozenset({"lightgbm.basic.Booster", "xgboost.core.Booster"})


def needs_here(names: Iterable[str]) -> tuple[str, ...]:
    """Return which of the names that a file uses readers must trust, in this installation.

    That is what `rights.needs_trust` says, and private classes of numpy, scipy and pandas that only
    their release can tell of.
    """
    known = set(names)
    private = {name for name in known if rights.may_be_renamed(*name.rsplit(".", 1))}
    found = set(rights.needs_trust(known))
    for name in private - found:
        place, last = name.rsplit(".", 1)
        if rights.listed(place, last) is None and not _has_kin(place, last):
            found.add(name)
    return tuple(sorted(found))


def needs_of_file(data: bytes | memoryview, names: Iterable[str]) -> tuple[str, ...]:
    """Return which names readers of a file must trust here: for themselves, or for what it holds.

    Args:
        data: the file.
        names: those that it uses.
    """
    known = set(names)
    needed = set(needs_here(known))
    if any(map(_is_native, known)):
        with suppress(StoreError):  # lz4, which only a load reads
            needed.update(walk(data).needs_trust)
    return tuple(sorted(needed))


def is_told_by_names(names: Iterable[str]) -> bool:
    """Whether names tell all that can be known without the guarded walk of whether a file loads.

    They do not where the file calls functions with what it likes, where native code of other
    packages reads a model, and of private classes, which must hold what is known.
    """
    known = set(names)
    return _SAY_MORE.isdisjoint(known) and not any(
        _is_native(name) or _is_unlisted(name) for name in known
    )


def _is_native(name: str) -> bool:
    return name in _BOOSTERS or name.startswith("catboost.core.")


def _is_unlisted(name: str) -> bool:
    module, _, last = name.rpartition(".")
    return rights.may_be_renamed(module, last) and rights.listed(module, last) is None


def _has_kin(module: str, name: str) -> bool:
    from gitmodelstore.pickles.names import find_known

    try:
        find_known(module, name)
    except (RefusedPickle, ImportError, AttributeError):
        return False
    return True


def way_to_trust(names: Iterable[str], known: Iterable[str] = ()) -> str:
    """Return what a reader types who trusts names.

    Args:
        names: those that he does not trust yet.
        known: those that he does, which a call must go on to name.
    """
    added = list(names)
    them = "it" if len(added) == 1 else "them"
    whole = ", ".join(f"'{name}'" for name in (*known, *added))
    return (
        f"{_too_old(added)}if you trust {them}: trusted=[{whole}] in Python, or "
        f"`gms trust add {' '.join(added)}`; `gms inspect` shows the file without running it"
    )


def _too_old(names: Iterable[str]) -> str:
    """Say that names of the libraries may be newer than our table; nothing of a team's names."""
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for library in sorted({name.partition(".")[0] for name in names} & rights.GENERAL):
        package = "scikit-learn" if library == "sklearn" else library
        with suppress(PackageNotFoundError):
            found.append(f"{package} {version(package)}")
    if not found:
        return ""
    return f"this release of gitmodelstore may be too old for {' and '.join(found)}; meanwhile, "


def told_whole(refused: RefusedPickle, data: Any, name: str, trust: Trust) -> RefusedPickle:
    """Return a refusal that names all that the reader would have to trust, not the first of it.

    Args:
        refused: what stopped the guarded walk.
        data, name, trust: as it was handed them.
    """
    if not refused.needs_trust:
        return refused
    try:
        dry = walk(data, name=name, trust=trust)
    except StoreError:
        return refused
    names = tuple(dict.fromkeys((*refused.needs_trust, *dry.lacks_trust)))
    known = sorted(
        held for held in trust.names if any(_is_of(use.name, held) for use in dry.globals)
    )
    return RefusedPickle(
        str(refused),
        name=refused.name,
        opcode=refused.opcode,
        offset=refused.offset,
        hint=way_to_trust(names, known),
        needs_trust=names,
    )


def _is_of(name: str, trusted: str) -> bool:
    return name == trusted or name.startswith(f"{trusted}.")


def absent(dry: Dry) -> Iterator[str]:
    """Yield what is not here of what a file names and its reader trusts; nothing is imported."""
    trusted = (use.name for use in dry.globals if use.verdict == "trusted")
    yield from dict.fromkeys(filter(None, map(lacks, trusted)))


def lacks(name: str) -> str | None:
    """Return what is not here of a name, None of what is; nothing is imported."""
    return names_at(name).lack(name)


def walk_dry(data: bytes | memoryview, name: str, trust: Trust) -> Dry:
    """Return what a dry walk finds in a file against which nothing speaks.

    Args:
        data: the file.
        name: what to call it in errors.
        trust: of the reader.

    Raises:
        RefusedPickle, LoadError, NotAPipeline: the guarded walk would refuse it.
    """
    dry = walk(data, name=name, trust=trust)
    if not dry.refusals:
        return dry
    first = dry.refusals[0]
    refused = RefusedPickle(
        f"'{name}' is refused: {first}",
        name=first.name,
        opcode=first.opcode,
        offset=first.offset,
        hint="look at it with `gms inspect`, which runs nothing",
        needs_trust=tuple(name for name in dry.lacks_trust if name == first.name),
    )
    raise told_whole(refused, data, name, trust)
