"""`gms get`: a version as plain files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.cli.usage import trusting
from gitmodelstore.values.layout import MANIFEST
from gitmodelstore.values.render import counted, size


@trusting
@click.command("get")
@click.argument("ref")
@click.option("-o", "--output", "folder", metavar="DIR", help="a new folder; else NAME-VERSION")
@click.option("--warm", is_flag=True, help="load it once here, so that it loads fast from there")
@click.pass_obj
def get(session: Session, ref: str, folder: str | None, warm: bool) -> None:
    """Write the files of the version REF, verified, into a new folder and print its path.

    --warm, for container images, also notes beside the files that the pipeline was found
    harmless by the libraries that are installed here; the note counts only for whoever
    pins the digest of the manifest, which is printed.
    """
    store = session.store()
    version = store.version(ref)
    target = store.download(version, folder, warm=warm)
    paths = [path for path in sorted(target.iterdir()) if path.is_file()]
    if session.json:
        files = [_document(path) for path in paths]
        digest = _digest(target / MANIFEST)
        session.document(version, path=target.absolute(), manifest_sha256=digest, files=files)
        return
    if version.status == "withdrawn":
        session.warn(f"{version} was withdrawn; see why with `gms log {version.model}`")
    total = sum(path.stat().st_size for path in paths)
    session.note(f"{version}: {counted(len(paths), 'file')}, {size(total)}")
    if warm:
        session.note(f"pin it: digest='sha256:{_digest(target / MANIFEST)}'")
    session.out(str(target))


def _document(path: Path) -> dict[str, Any]:
    return {"path": path.name, "sha256": _digest(path), "size_bytes": path.stat().st_size}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
