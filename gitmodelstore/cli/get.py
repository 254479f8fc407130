"""`gms get`: a version as plain files."""

from __future__ import annotations

import click

from gitmodelstore.cli.documents import version_document
from gitmodelstore.cli.render import counted, size
from gitmodelstore.cli.session import Session


@click.command("get")
@click.argument("ref")
@click.option("-o", "--output", "folder", metavar="DIR", help="a new folder; else NAME-VERSION")
@click.pass_obj
def get(session: Session, ref: str, folder: str | None) -> None:
    """Write the files of the version REF, verified, into a new folder and print its path."""
    store = session.store()
    version = store.version(ref)
    target = store.download(version, folder)
    files = {path.name: path.stat().st_size for path in sorted(target.iterdir())}
    if session.json:
        session.document(
            {
                **version_document(version),
                "path": str(target.absolute()),
                "files": [{"path": name, "size_bytes": count} for name, count in files.items()],
            }
        )
        return
    if version.status == "withdrawn":
        session.warn(f"{version} was withdrawn; see why with `gms log {version.model}`")
    session.note(f"{version}: {counted(len(files), 'file')}, {size(sum(files.values()))}")
    session.out(str(target))
