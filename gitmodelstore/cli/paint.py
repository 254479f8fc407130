"""Colour, as git decides on it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

_NEVER = ("false", "never", "no", "off", "0")
_STATUS = {"production": "32", "staging": "33", "withdrawn": "31", "archived": "2"}


class Paint:
    """Puts colour into text.

    Args:
        on: whether it does; without, every method returns its text as it is.
    """

    def __init__(self, on: bool) -> None:
        self.on = on

    def bold(self, text: str) -> str:
        return self._with("1", text)

    def dim(self, text: str) -> str:
        return self._with("2", text)

    def red(self, text: str) -> str:
        return self._with("1;31", text)

    def green(self, text: str) -> str:
        return self._with("32", text)

    def yellow(self, text: str) -> str:
        return self._with("33", text)

    def cyan(self, text: str) -> str:
        return self._with("36", text)

    def status(self, status: str, text: str | None = None) -> str:
        """Return `text`, the status itself unless given, in the colour of that status."""
        shown = status if text is None else text
        code = _STATUS.get(status)
        return self._with(code, shown) if code else shown

    def _with(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[m" if self.on and text.strip() else text


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
