"""Where a name that somebody is about to trust is defined, found out without importing it."""

from __future__ import annotations

import ast
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path

from gitmodelstore.pipelines.rights import GENERAL
from gitmodelstore.plumbing.project import code_places

_FUNCTION = "function"
_ANY_NAME = ("*", "__getattr__")  # of a module that binds them any name may be had


@dataclass(frozen=True, slots=True)
class Place:
    """What a dotted name leads to here.

    Attributes:
        module: the longest part of it that is a module; empty where not even the first part is.
        inside: what follows, within the module.
        source: where the module is written in Python; None where it is not, or not known.
    """

    module: str
    inside: str
    source: Path | None = None

    def word(self, name: str) -> str | None:
        """Return what there is to say of the name; None of what is defined there."""
        if not self.inside and self.module:
            return f"'{name}' stands for every class that is defined in it"
        # The libraries write where a name is public into what is defined elsewhere.
        said = None if name.partition(".")[0] in GENERAL else self._said()
        return self.lack(name) or (f"'{name}' {said}" if said and said != _FUNCTION else None)

    def lack(self, name: str) -> str | None:
        """Return what is not here of the name; None of what is, as far as that can be told."""
        if not self.module:
            package = name.partition(".")[0]
            if package in sys.modules:
                return None
            return f"'{package}' is not installed here{_near(package, _installed())}"
        first = self.inside.partition(".")[0]
        bound = self._bound()
        if hasattr(sys.modules.get(self.module), first):
            return None
        if not first or first in bound or not bound.keys().isdisjoint(_ANY_NAME):
            return None
        return f"'{self.module}' has no '{first}'{_near(first, bound)}"

    @property
    def is_function(self) -> bool:
        """Whether it is a function, as far as the source of its module tells."""
        return self._said() == _FUNCTION

    def _said(self) -> str | None:
        return self._bound().get(self.inside.partition(".")[0])

    def _bound(self) -> dict[str, str]:
        """Return what the module binds; `_ANY_NAME` where nobody knows without importing it."""
        return _bound(self.source, self.module) if self.source else dict.fromkeys(_ANY_NAME, "")


def names_at(name: str) -> Place:
    """Return where a dotted name leads to; nothing is imported."""
    parts = name.split(".")
    found: ModuleSpec | None = None
    count = 0
    while count < len(parts):
        inner = _spec(".".join(parts[: count + 1]), found)
        if inner is None:
            break
        found, count = inner, count + 1
    origin = found.origin if found else None
    source = Path(origin) if origin and origin.endswith(".py") else None
    return Place(".".join(parts[:count]), ".".join(parts[count:]), source)


def _spec(name: str, within: ModuleSpec | None) -> ModuleSpec | None:
    if within is not None:
        places = within.submodule_search_locations
        # By its last part: of a package without __init__.py the whole name asks for its parent.
        tail = name.rpartition(".")[2]
        return PathFinder.find_spec(tail, list(places)) if places is not None else None
    try:
        return PathFinder.find_spec(name, _places()) or find_spec(name)
    except ValueError:  # `__main__` has none
        return None


def _places() -> list[str]:
    return [str(place) for place in code_places(Path())]


def _installed() -> Iterator[str]:
    """Yield the names of packages and modules that can be imported."""
    paths = [*_places(), *sys.path]
    yield from (found.name for found in pkgutil.iter_modules(dict.fromkeys(paths)))


def _near(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, known, n=1, cutoff=0.8)
    return f": did you mean '{near[0]}'?" if near else ""


def _bound(source: Path, module: str) -> dict[str, str]:
    """Return what a module binds, and what there is to say of it where it is not a class."""
    try:
        tree = ast.parse(source.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return dict.fromkeys(_ANY_NAME, "")
    package = module if source.name == "__init__.py" else module.rpartition(".")[0]
    said: dict[str, str] = {}
    for node in ast.walk(tree):
        for name, word in _bound_by(node, package):
            said[name] = word and said.get(name, word)  # a class on one of several ways is one
    return said


def _bound_by(node: ast.AST, package: str) -> Iterator[tuple[str, str]]:
    match node:
        case ast.ClassDef():
            yield node.name, ""
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield node.name, _FUNCTION
        case ast.Assign():
            yield from ((held.id, "") for held in node.targets if isinstance(held, ast.Name))
        case ast.ImportFrom():
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            place = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                word = f"is defined in '{place}': pipelines name it as it is named there"
                yield alias.asname or alias.name, word
