"""How far long work is, in git's manner: one line on the standard error of a terminal.

Nothing is shown of what takes less than a second, to a file or a pipe, or with -q.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gitmodelstore.cli.session import Session

_DELAY_SECONDS = 1.0
_PAUSE_SECONDS = 0.2
_MOST_NAME = 40  # columns


class Meter:
    """The line, as `Store` is given it to call; as a context it ends the line on the way out."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._what: str | None = None  # is being read
        self._begun = self._shown = 0.0
        self._width = 0  # of the line that stands there; 0 when none does

    def __call__(self, what: str, done_bytes: int, total_bytes: int) -> None:
        """Say that so much of `what` was read."""
        if self._session.quiet or sys.stderr is None or not sys.stderr.isatty():
            return
        now = time.monotonic()
        if what != self._what:
            self.end()
            self._what, self._begun, self._shown = what, now, now
        is_done = done_bytes >= total_bytes
        if now - self._begun >= _DELAY_SECONDS and (
            now - self._shown >= _PAUSE_SECONDS or (is_done and self._width)
        ):
            self._show(done_bytes, total_bytes, now, ", done." if is_done else "")
        if is_done:
            self.end()

    def end(self) -> None:
        """Leave the line that stands there, so that something else can be said below it."""
        if self._width:
            print(file=sys.stderr, flush=True)
        self._what, self._width = None, 0

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, *_: Any) -> None:
        self.end()

    def _show(self, done_bytes: int, total_bytes: int, now: float, ending: str) -> None:
        from gitmodelstore.cli.paint import RETURN
        from gitmodelstore.values.render import cut, size, visible  # most commands show nothing

        name = cut(visible(self._what or ""), _MOST_NAME)
        share = 100 * done_bytes // max(total_bytes, 1)
        speed = size(int(done_bytes / (now - self._begun)))
        line = f"Reading {name}: {share:3}% ({size(done_bytes)}/{size(total_bytes)}), {speed}/s"
        line += ending
        padding = " " * (self._width - len(line))  # over what is left of a longer line
        print(f"{RETURN}{line}{padding}", end="", file=sys.stderr, flush=True)
        self._width, self._shown = len(line), now
