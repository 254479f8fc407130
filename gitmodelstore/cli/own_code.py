"""The last place where a command looks for a module: the project that it runs in."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FrameType
from typing import Any, Self

from gitmodelstore.cli.session import Session
from gitmodelstore.errors import StoreError

_IMPORTING = ("importlib", "_frozen_importlib", "_frozen_importlib_external")


class OwnCode:
    """A finder of modules, which is asked after all others, while a command runs.

    It brings what the user trusts by name (`operations.own_code` says which), and what a module
    that it brought imports.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[tuple[str, ...], frozenset[str]] = {}
        self._brought: set[str] = set()
        self._is_busy = False

    def __enter__(self) -> Self:
        sys.meta_path.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return where a module of the top level is; see `importlib.abc.MetaPathFinder`."""
        if path is not None or self._is_busy:
            return None
        self._is_busy = True  # what is imported to find it is not looked for in this way
        try:
            return self._find(name, sys._getframe(1))
        finally:
            self._is_busy = False

    def _find(self, name: str, asking: FrameType) -> ModuleSpec | None:
        from gitmodelstore.operations.own_code import find

        if name not in self._trusted() and _module(asking) not in self._brought:
            return None
        try:
            found = find(name, Path())
        except OSError:  # of a folder that is gone: nothing is imported from it
            return None
        if found is not None:
            self._brought.add(name)
        return found

    def _trusted(self) -> frozenset[str]:
        """Return the modules that the user trusts here; nothing where no one can tell."""
        from gitmodelstore.operations.own_code import trusted_modules

        said = self._session.trusted  # not known before the command line is read
        if said not in self._known:
            try:
                self._known[said] = trusted_modules(said, Path())
            except (OSError, StoreError):  # which whoever loads a pipeline is told
                self._known[said] = frozenset()
        return self._known[said]


def _module(frame: FrameType | None) -> str:
    """Return the module of the top level that imports something, the machinery left out."""
    while frame is not None:
        module: str = frame.f_globals.get("__name__", "").partition(".")[0]
        if module not in _IMPORTING:
            return module
        frame = frame.f_back
    return ""
