"""`gms textconv`: a joblib file as text for `git diff`; git calls it, `init` configures it.

Whatever the file is, there is a text: git would end the whole diff otherwise.

Source of the protocol: git help gitattributes, "Performing text diffs of binary files".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import click

from gitmodelstore.errors import BrokenPipelineFile, NotAPipeline
from gitmodelstore.pipelines.dry import Dry, walk
from gitmodelstore.pipelines.summary import summarize, written_by
from gitmodelstore.values.render import visible

_LFS = b"version https://git-lfs.github.com/spec/"
_MOST_POINTER_BYTES = 1024
_MOST_LINES = 5_000


@click.command("textconv")
@click.argument("file", type=click.Path(path_type=Path))
def textconv(file: Path) -> None:
    """Print what the joblib file FILE holds, the same on every machine, running nothing."""
    for count, line in enumerate(lines_of(file.read_bytes())):
        if count == _MOST_LINES:
            print("…")
            break
        print(visible_line(line))


def visible_line(line: str) -> str:
    """Return a line without what a terminal would act on, its indentation kept."""
    text = line.lstrip(" ")
    return " " * (len(line) - len(text)) + visible(text)


def lines_of(data: bytes) -> Iterator[str]:
    """Yield the text of a file, whatever it is.

    Refusals are told without their offsets, which say nothing to who compares two files.
    """
    if data.startswith(_LFS) and len(data) <= _MOST_POINTER_BYTES:
        yield "Git LFS pointer"
        yield from data.decode("utf-8", "replace").splitlines()[1:]
        return
    try:
        dry = walk(data)
    except NotAPipeline:
        yield "not a file that joblib wrote"
    except BrokenPipelineFile as error:
        yield f"joblib file that cannot be read: {error.reason}"
    else:
        yield from _pipeline(dry)
    yield ""
    yield f"file: {len(data):,} bytes, sha256:{hashlib.sha256(data).hexdigest()}"


def _pipeline(dry: Dry) -> Iterator[str]:
    yield from (f"refused: {reason}" for reason in _reasons(dry))
    yield from summarize(dry.root).lines()
    yield ""
    yield f"scikit-learn: {written_by(dry.root) or 'unknown'}"
    yield f"pickle: protocol {dry.protocol}, {dry.compression or 'not compressed'}"


def _reasons(dry: Dry) -> list[str]:
    return list(dict.fromkeys(refusal.reason for refusal in dry.refusals))
