"""The manual page of `gms`: what the help says, as `man` reads it.

`hatch_build.py` asks for it when the package is built. `python docs/man.py` prints it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import groupby

import gitmodelstore

COLUMNS = 71  # beside the margin that `man` leaves
# The other names of the program: `git modelstore --help` asks for the second.
NAMES = ("gms", "git-modelstore", "gitmodelstore")


def page() -> str:
    """Return the page."""
    before = dict(os.environ)
    os.environ["COLUMNS"] = str(COLUMNS)
    try:
        return "".join(f"{line}\n" for line in _lines())
    finally:
        os.environ.clear()
        os.environ.update(before)


SAME = f".so man1/{NAMES[0]}.1\n"  # the page of another name


def _lines() -> Iterator[str]:
    from gitmodelstore.cli.commands import COMMANDS
    from gitmodelstore.cli.main import command_named, help_of, overview
    from gitmodelstore.cli.session import Session, folded

    session = Session()
    session.plain = True
    texts = {entry.name: help_of(command_named(entry.name)) for entry in COMMANDS}
    os.environ["COLUMNS"] = "200"
    usage, _, what, _, *rest = overview(session, all_of_them=True).split("\n")
    name = f"{what[0].lower()}{what[1:].rstrip('.')}"
    version = f"gitmodelstore {gitmodelstore.__version__}"
    yield f'.TH GMS 1 "" "{version}" "gitmodelstore"'
    yield from (".nh", ".ad l")
    yield from (".SH NAME", f"{', '.join(NAMES).replace('-', _DASH)} {_DASH} {_escaped(name)}")
    yield from (".SH SYNOPSIS", _escaped(usage.removeprefix("usage: ")), ".SH COMMANDS")
    for is_text, lines in groupby(rest, key=lambda line: bool(line[:1].strip())):
        if is_text:  # which man itself folds
            yield from map(_escaped, lines)
        else:
            folds = (part for line in lines for part in folded(line, COLUMNS))
            yield from (".nf", *map(_escaped, folds), ".fi")
    yield ".SH HOW TO USE EACH"
    for entry in COMMANDS:
        lines = map(_escaped, texts[entry.name].split("\n"))
        yield from (f".SS gms {entry.name}", ".nf", *lines, ".fi")
    yield from (".SH SEE ALSO", ".BR git (1),", ".BR git-lfs (1)")


_DASH = "\\-"


def _escaped(line: str) -> str:
    """Return a line as it is, for roff."""
    for sign, spelled in (("\\", "\\e"), ("-", _DASH), ("'", "\\(aq"), ("`", "\\(ga")):
        line = line.replace(sign, spelled)
    line = line.replace("^", "\\(ha").replace("~", "\\(ti")
    return f"\\&{line}" if line else ""


if __name__ == "__main__":
    print(page(), end="")
