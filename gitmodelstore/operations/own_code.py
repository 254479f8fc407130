"""The modules of the user's own project that commands import: whose names the user trusts there.

`python train.py` finds the modules beside the script. The script of a command lies beside
Python, so `gms rollback` would not find a class that every script of the project imports.
Commands therefore look in the working directory, in the project around it and in its `src`,
after everything that is installed, and only for names

- that --trust or GITMODELSTORE_TRUSTED say for this one run, or
- that the user's configuration trusts, in a project in which `gms trust add` was run: a clone
  of somebody else's code has a `features.py` as well.

What a project's own pyproject.toml trusts is not among them, nor does a store, or a folder of
a version, bring a module. What such a module imports is looked for beside it, as Python does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from gitmodelstore.operations.trust import configured, configured_projects, is_of_a_store
from gitmodelstore.plumbing import user
from gitmodelstore.plumbing.project import around, code_places


def find(module: str, folder: Path) -> ModuleSpec | None:
    """Return where a project defines a module of the top level; None where it may not.

    Args:
        module: without a dot.
        folder: in the project.
    """
    if module in sys.stdlib_module_names:
        return None
    for place in code_places(folder):
        spec = PathFinder.find_spec(module, [str(place)])
        if spec is not None:
            return spec if _is_the_users(spec, place) else None
    return None


def trusted_modules(said: Iterable[str], folder: Path) -> frozenset[str]:
    """Return the modules of the top level that the project around a folder may bring.

    Args:
        said: names that are trusted for this run.
        folder: in the project.
    """
    names = [*said, *(name.strip() for name in user.trusted_variable().split(","))]
    if str(around(folder)) in configured_projects():
        names += configured()
    return frozenset(name.partition(".")[0] for name in names if name)


def _is_the_users(spec: ModuleSpec, place: Path) -> bool:
    """Whether a module lies outside of every store, and nobody else could have put it there."""
    return not any(
        # Of a folder what lies in it is asked: it could be a store itself.
        is_of_a_store(file / "__init__.py" if file.is_dir() else file)
        or user.is_a_strangers(file, place)
        for file in _files(spec)
    )


def _files(spec: ModuleSpec) -> Iterator[Path]:
    """Yield the file of a module, or the folders of a package that has none of its own."""
    if spec.origin is not None:
        yield Path(spec.origin)
        return
    for folder in spec.submodule_search_locations or ():
        yield Path(folder)
