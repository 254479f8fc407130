"""One run of a command: the global options, the store that they name, where output goes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gitmodelstore.cli.meter import Meter
from gitmodelstore.cli.paint import columns_of_terminal, folded, say, wants_color
from gitmodelstore.values.render import Paint

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
        from gitmodelstore.cli.pager import show

        show(lines)
