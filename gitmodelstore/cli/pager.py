"""Long output goes through the pager that git would use, and only on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress

from gitmodelstore.cli.paint import columns_of_terminal, folded, shown


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
