"""`gms get`: a version as plain files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click

from gitmodelstore.cli.documents import version_document
from gitmodelstore.cli.render import counted, size
from gitmodelstore.cli.session import Session
from gitmodelstore.cli.usage import trusting
from gitmodelstore.values.layout import MANIFEST


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
    files = {path.name: path.stat().st_size for path in sorted(target.iterdir()) if path.is_file()}
    if session.json:
        session.document(
            {
                **version_document(version),
                "path": str(target.absolute()),
                "manifest_sha256": _digest(target),
                "files": [{"path": name, "size_bytes": count} for name, count in files.items()],
            }
        )
        return
    if version.status == "withdrawn":
        session.warn(f"{version} was withdrawn; see why with `gms log {version.model}`")
    session.note(f"{version}: {counted(len(files), 'file')}, {size(sum(files.values()))}")
    if warm:
        session.note(f"pin it: digest='sha256:{_digest(target)}'")
    session.out(str(target))


def _digest(target: Path) -> str:
    return hashlib.sha256((target / MANIFEST).read_bytes()).hexdigest()
