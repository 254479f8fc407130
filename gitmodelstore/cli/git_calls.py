"""`gms merge-driver`: how git merges registry.json; git calls it, `init` configures it.

Source of the protocol: git help gitattributes, "Defining a custom merge driver".
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click

from gitmodelstore.errors import BrokenPipelineFile, NotAPipeline, StoreError
from gitmodelstore.pickles.dry import Dry, walk
from gitmodelstore.pickles.summary import summarize, written_by
from gitmodelstore.plumbing.git import command
from gitmodelstore.values.policy import Policy
from gitmodelstore.values.registry import EMPTY, Registry, merge
from gitmodelstore.values.tables import visible
from gitmodelstore.values.version import SETTINGS


@click.command("merge-driver")
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("ours", type=click.Path(path_type=Path))
@click.argument("theirs", type=click.Path(path_type=Path))
def merge_driver(base: Path, ours: Path, theirs: Path) -> None:
    """Merge the registry THEIRS into OURS, given their common ancestor BASE, by meaning.

    Where that cannot be done git's own merge of lines goes into OURS, with its marks,
    and the exit code says that somebody must look at it.
    """
    try:
        merged = merge(_read(base), _read(ours), _read(theirs), _exclusive())
    except StoreError:
        labels = ("-L", "ours", "-L", "base", "-L", "theirs")
        files = (str(ours), str(base), str(theirs))
        subprocess.run(command("merge-file", *labels, *files), check=False)
        raise
    ours.write_bytes(merged.render())


def _read(path: Path) -> Registry:
    data = path.read_bytes()
    return Registry.parse_history(data) if data else EMPTY  # without an ancestor BASE is empty


def _exclusive() -> frozenset[str]:
    """The exclusive statuses of the work tree in which git merges; the usual ones without one."""
    settings = Path(SETTINGS)
    return (Policy.parse(settings.read_bytes()) if settings.exists() else Policy()).exclusive


# `gms textconv`: a joblib file as text for `git diff`; git calls it, `init` configures it.


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
