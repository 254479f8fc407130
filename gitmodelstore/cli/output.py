"""What reaches the screen: our colours, as git decides on them, and nobody else's.

Everything that a command prints goes through `Screen`, which spells out whatever a terminal
would act on. Our own sequences pass it by a mark that no file can know.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from gitmodelstore.errors import visible
from gitmodelstore.values.tables import MARK, width

if TYPE_CHECKING:
    from gitmodelstore.cli.session import Session

_NEVER = ("false", "never", "no", "off", "0")
RETURN = f"{MARK}r"  # to the beginning of the line, for what is written over
_OURS = re.compile(rf"{MARK}(?:(r)|\[([0-9;]*)m)")


def shown(text: str) -> str:
    """Return text as it may go to a screen: ours as sequences, all others spelled out."""
    if text.isprintable() or text == "\n":
        return text
    parts = _OURS.split(text)
    for at in range(0, len(parts), 3):
        parts[at] = visible(parts[at])
        if at:
            code = parts[at - 1]
            parts[at - 2 : at] = ["\r" if code is None else f"\x1b[{code}m", ""]
    return "".join(parts)


class Screen:
    """A stream of text to which only `shown` text is written.

    Args:
        stream: where it goes.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(shown(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def on_screen() -> Iterator[None]:
    """Let what is printed meanwhile go through a `Screen`."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (Screen(stream) if stream else stream for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def folded(line: str, room: int | None) -> Iterator[str]:
    """Yield a line as lines that fit into `room` columns, broken between words where it can be.

    Those behind the first are indented further than it; None has room for all. A command in
    backticks is kept on one line where one has room for it, so that it can be copied.
    """
    plain = _OURS.sub("", line)
    if room is None or width(plain) <= room:
        yield line
        return
    own = len(plain) - len(plain.lstrip(" "))
    indent = " " * min(own + 2, room // 2)
    fresh = ""
    for word in _words(line, room - len(indent)):
        if fresh.strip() and width(_OURS.sub("", fresh + word)) > room:
            yield fresh
            fresh, word = indent, word.lstrip(" ")
        fresh += word
        while width(_OURS.sub("", fresh)) > room:  # one word, wider than the terminal
            head = _head(fresh, room)
            yield head
            fresh = indent + fresh[len(head) :]
    yield fresh


def _words(line: str, room: int) -> Iterator[str]:
    """Yield the words of a line, each with the spaces before it."""
    for word in re.findall(r" *(?:[^ `]*`[^`]*`[^ ]*|[^ ]+)", line):
        if width(_OURS.sub("", word).lstrip(" ")) <= room:
            yield word
        else:
            yield from re.findall(r" *[^ ]+", word)


def say(text: str) -> None:
    """Print lines on stderr, folded where the terminal is narrower."""
    room = columns_of_terminal(sys.stderr)
    for line in text.split("\n"):
        for part in folded(line, room):
            print(part, file=sys.stderr)


def _head(text: str, room: int) -> str:
    """Return as much of the beginning as fits into `room` columns, at least one character."""
    taken, end = 0, 0
    for found in re.finditer(rf"{_OURS.pattern}|.", text, re.DOTALL):
        taken += 0 if found[0].startswith(MARK) else width(found[0])
        if taken > room and end:
            break
        end = found.end()
    return text[:end]


def wants_color(stream: Any, setting: Callable[[str], str | None] | None) -> bool:
    """Say whether text on `stream` is to be coloured.

    Args:
        stream: stdout or stderr; None where it was closed.
        setting: reads git's configuration; None asks git itself, where it matters.

    Source: color.ui in `git help config`; https://no-color.org.
    """
    if os.environ.get("NO_COLOR"):
        return False
    is_terminal = stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
    if setting is None and not is_terminal:
        return False
    wish = (setting("color.ui") if setting else _asked_of_git()) or "auto"
    if wish.lower() == "always":
        return True
    return is_terminal and wish.lower() not in _NEVER


def _asked_of_git() -> str | None:
    from pathlib import Path

    from gitmodelstore.errors import GitFailed
    from gitmodelstore.plumbing import git

    try:
        return git.run("config", "--get", "color.ui", cwd=Path()).decode().strip()
    except GitFailed:  # not set
        return None


def columns_of_terminal(stream: Any = None) -> int | None:
    """Return how wide the terminal is; None when `stream` is none, so nothing needs to fit.

    Args:
        stream: stderr; None for stdout.
    """
    stream = sys.stdout if stream is None else stream
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said) > 0:
        return int(said)
    if stream is None or not stream.isatty():
        return None
    return os.get_terminal_size(stream.fileno()).columns or None


# Long output goes through the pager that git would use, and only on a terminal.


def show(lines: Iterable[str]) -> None:
    """Print lines, each as it comes, so that the first are seen while the rest is read.

    Those that are wider than the terminal are folded.
    """
    room = columns_of_terminal()
    lines = (part for line in lines for part in folded(line, room))
    pager = _pager()
    if pager is None:
        for line in lines:
            print(line)
        return
    _through(pager, lines)


def _pager() -> str | None:
    """Return the command line of the pager; None when output goes nowhere that needs one."""
    if sys.stdout is None or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return None
    from pathlib import Path

    from gitmodelstore.errors import GitFailed
    from gitmodelstore.plumbing import git

    try:  # of no repository: what the one around here names is not run
        pager = git.run("var", "GIT_PAGER", cwd=Path(os.sep)).decode().strip()
    except GitFailed:
        return None
    return None if pager in ("", "cat") else pager


def _through(pager: str, lines: Iterable[str]) -> None:
    """Start the pager as git does: by the shell, and with the options that less and lv want."""
    import subprocess

    environment = {"LESS": "FRX", "LV": "-c", **os.environ}
    sys.stdout.flush()
    process = subprocess.Popen(
        ["sh", "-c", pager], stdin=subprocess.PIPE, env=environment, text=True, errors="replace"
    )
    assert process.stdin is not None  # noqa: S101 - for the type checker
    try:
        with suppress(BrokenPipeError):  # the reader has seen enough
            for line in lines:
                process.stdin.write(shown(line) + "\n")
    finally:
        with suppress(BrokenPipeError):
            process.stdin.close()
        _wait(process)


def _wait(process: object) -> None:
    """Wait for the pager; Ctrl-C is for it, as under git."""
    while True:
        try:
            process.wait()  # type: ignore[attr-defined]
            return
        except KeyboardInterrupt:
            continue


# How far long work is, in git's manner: one line on the standard error of a terminal.


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
        from gitmodelstore.values.tables import cut, size, visible  # most commands show nothing

        name = cut(visible(self._what or ""), _MOST_NAME)
        share = 100 * done_bytes // max(total_bytes, 1)
        speed = size(int(done_bytes / (now - self._begun)))
        line = f"Reading {name}: {share:3}% ({size(done_bytes)}/{size(total_bytes)}), {speed}/s"
        line += ending
        padding = " " * (self._width - len(line))  # over what is left of a longer line
        print(f"{RETURN}{line}{padding}", end="", file=sys.stderr, flush=True)
        self._width, self._shown = len(line), now
