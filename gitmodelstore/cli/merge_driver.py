"""`gms merge-driver`: how git merges registry.json; git calls it, `init` configures it.

Source of the protocol: git help gitattributes, "Defining a custom merge driver".
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import click

from gitmodelstore.errors import StoreError
from gitmodelstore.plumbing.git import command
from gitmodelstore.values.layout import SETTINGS
from gitmodelstore.values.merge import merge
from gitmodelstore.values.policy import Policy
from gitmodelstore.values.registry import EMPTY, Registry


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
