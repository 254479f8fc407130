"""One run of a command: the global options, the store that they name, where output goes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

from gitmodelstore.cli.output import Meter, columns_of_terminal, folded, say, wants_color
from gitmodelstore.errors import StoreError
from gitmodelstore.values.tables import Paint

if TYPE_CHECKING:
    from gitmodelstore.store import Store

NO_CACHE = "GITMODELSTORE_NO_CACHE"


class Session:
    """What every command needs of its surroundings.

    Attributes:
        path: what -C named; None without it.
        json: whether to print one JSON document instead of text.
        answered: whether that has been printed.
        plain: whether --no-color was given.
        quiet: whether to leave out notes.
        verbose: whether to show the traceback of what was raised below an error.
        no_cache: whether to keep out of the user's cache: every load is judged anew.
        trusted: what --trust named.
        command: the name of the command that runs; None before one is found.
        meter: says on a terminal how far long work is.
    """

    def __init__(self) -> None:
        self.path: str | None = None
        self.json = False
        self.answered = False
        self._stdout = sys.stdout  # in which a document stands alone
        self.plain = False
        self.quiet = False
        self.verbose = False
        self.no_cache = False
        self.trusted: tuple[str, ...] = ()
        self.command: str | None = None
        self.meter = Meter(self)
        self._store: Store | None = None

    def store(self) -> Store:
        """Return the store that is meant, opened once.

        Raises:
            NotAStore, UnsupportedRepository: there is none, or none that can be used.
        """
        if self._store is None:
            self._store = self._open()
        return self._store

    def _open(self) -> Store:
        from gitmodelstore.store import Store

        settings: dict[str, Any] = {
            "notify": self.note,
            "now": self._moment(),
            "trusted": self.trusted,
            "cache": not (self.no_cache or os.environ.get(NO_CACHE)),
            "progress": self.meter,
        }
        return Store.open(self.path, **settings)

    def _moment(self) -> Callable[[], datetime] | None:
        """Return what tells the moment of a commit when git was told one; else None."""
        if "GIT_COMMITTER_DATE" not in os.environ:
            return None
        from gitmodelstore.plumbing.identity import read_identity

        return lambda: read_identity(self.store().path)[1]

    # Output

    def out(self, text: str) -> None:
        """Print one line of data as it is: a path, a name."""
        print(text)

    def tell(self, text: str) -> None:
        """Print one line for people, folded where the terminal is narrower."""
        for line in folded(text, columns_of_terminal()):
            print(line)

    def document(self, value: Any = None, **more: Any) -> None:
        """Print the one JSON document that a command answers with: a value of ours, and more."""
        import json

        from gitmodelstore.cli.documents import document

        def escaped(line: str) -> str:
            return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)

        whole = {**(document(value) or {}), **document(more)}
        self.answered = True
        lines = json.dumps(whole, indent=2, ensure_ascii=False).split("\n")
        if self._stdout is not None:
            shown = (line if line.isprintable() else escaped(line) for line in lines)
            print("\n".join(shown), file=self._stdout)

    def note(self, text: str) -> None:
        """Say something besides the result, unless -q was given."""
        self.meter.end()
        if not self.quiet:
            say(f"note: {text}")

    def warn(self, text: str) -> None:
        """Say that something is wrong though the command could do its work."""
        self.meter.end()
        mark = Paint(self.colored(sys.stderr)).yellow("warning:")
        say(f"{mark} {text}")

    def paint(self) -> Paint:
        """Return how to colour what goes to stdout."""
        return Paint(self.colored(sys.stdout), columns_of_terminal())

    def colored(self, stream: Any) -> bool:
        """Say whether text on `stream` is coloured."""
        if self.plain:
            return False
        return wants_color(stream, self._store.setting if self._store else None)

    def pages(self, lines: Iterable[str]) -> None:
        """Print lines of data, through git's pager when they go to a terminal."""
        from gitmodelstore.cli.output import show

        show(lines)


# The last place where a command looks for a module: the project that it runs in.


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
        from gitmodelstore.operations.trust import find

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
        from gitmodelstore.operations.trust import trusted_modules

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
