"""Whom the reader trusts: what the user has set, never what a store says."""

from __future__ import annotations

import re
import sys
import tomllib
import warnings
from collections.abc import Iterable
from pathlib import Path

from gitmodelstore.errors import InvalidInput
from gitmodelstore.pipelines.rights import GENERAL
from gitmodelstore.plumbing import disk, project, user
from gitmodelstore.plumbing.access import text_of
from gitmodelstore.values.layout import REGISTRY

_KEY = "trusted"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")


def trusted_names(given: Iterable[str], folder: Path) -> frozenset[str]:
    """Return all packages and classes that the reader trusts.

    They come from the caller, from the variable GITMODELSTORE_TRUSTED (names between
    commas), from the user's configuration file, and from `[tool.gitmodelstore] trusted`
    of the pyproject.toml that `folder` belongs to, unless that lies in a store.

    Raises:
        InvalidInput: one is no name, or a file cannot be understood.
    """
    names = [given] if isinstance(given, str) else list(given)
    names += filter(None, (name.strip() for name in user.trusted_variable().split(",")))
    names += configured()
    names += _of_project(folder)
    for name in names:
        check_name(name)
    return frozenset(names)


def configured() -> tuple[str, ...]:
    """Return what the user's configuration file lists, in its order.

    Nothing, with a warning, where others could have written it.
    """
    path = config_file()
    if path is None:
        return ()
    if why := _doubt(path):
        warnings.warn(why, stacklevel=2)
        return ()
    try:
        settings = tomllib.loads(text_of(path) or "")
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"'{path}' is not TOML: {error}", hint="mend it or remove it") from error
    return _listed(settings.get(_KEY, []), str(path))


def configure(names: Iterable[str]) -> Path:
    """Write the user's configuration file anew, and return its path.

    Raises:
        InvalidInput: one is no name, the user has no home, or others could have written the
            file that is there.
    """
    listed = list(dict.fromkeys(names))
    for name in listed:
        check_name(name)
    path = config_file()
    if path is None:
        raise InvalidInput("there is no home folder to keep the configuration in")
    if why := _doubt(path):
        raise InvalidInput(why)
    user.make_private(path.parent)
    lines = "".join(f'    "{name}",\n' for name in listed)
    disk.put(path, (f"{_KEY} = [\n{lines}]\n".encode(),), mode=0o644)
    return path


def _doubt(path: Path) -> str | None:
    """Return why a configuration file is not believed; None where it is, or is not there."""
    why = user.written_by_others(path) if path.exists() else None
    return f"whom '{path}' trusts is not believed: {why}" if why else None


def _of_project(folder: Path) -> tuple[str, ...]:
    """Return what the nearest pyproject.toml lists that a store could not have brought."""
    for settings, place in project.settings(folder):
        if not any((above / REGISTRY).exists() for above in (place, *place.parents)):
            return _listed(settings.get(_KEY, []), str(place / project.FILE))
    return ()


def config_file() -> Path | None:
    """Return the user's configuration file; None without a home."""
    folder = user.config_folder()
    return None if folder is None else folder / "config.toml"


def check_name(name: object) -> None:
    """Refuse what is neither a package nor a dotted name.

    Raises:
        InvalidInput: it is neither.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!a} is no package and no class",
            hint="name a package ('mypackage') or a class ('mypackage.features.LogScaler')",
        )
    package = name.partition(".")[0]
    if package in GENERAL or package in sys.stdlib_module_names:
        raise InvalidInput(
            f"'{package}' is nobody's own: all of it would be at the service of every file",
            hint="what honest pipelines need of it is allowed already",
        )


def _listed(held: object, place: str) -> tuple[str, ...]:
    if not isinstance(held, list):
        raise InvalidInput(f"{place}: {_KEY} must be a list of names")
    for name in held:
        check_name(name)
    return tuple(held)
