"""`gms cat`: one file of a version, on stdout."""

from __future__ import annotations

import hashlib
import re
import sys
from typing import Any

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.errors import StoreError

# A reference may hold colons itself (churn:latest, models:/churn@production), a file no slash.
_REF_AND_FILE = re.compile(r"(?P<ref>.+):(?P<file>[A-Za-z0-9_.][A-Za-z0-9_.-]*)", re.DOTALL)


@click.command("cat")
@click.argument("what", metavar="REF:FILE")
@click.pass_obj
def cat(session: Session, what: str) -> None:
    """Print the file FILE of the version REF, verified, as it is.

    On a terminal what that would act on is spelled out.
    """
    found = _REF_AND_FILE.fullmatch(what)
    if found is None:
        raise click.UsageError(f"'{what}' names no file of a version: write REF:FILE")
    store = session.store()
    version = store.version(found["ref"])
    if session.json:
        data = store.read(version, found["file"])
        sha256 = hashlib.sha256(data).hexdigest()
        session.document(version, path=found["file"], sha256=sha256, **_content(data))
        return
    # All of it is verified before anything is printed, and again as it is.
    is_binary = False
    for part in store.read_parts(version, found["file"]):
        is_binary |= b"\0" in bytes(part)
    if is_binary and sys.stdout.isatty():
        raise StoreError(
            f"'{found['file']}' is binary, which a terminal cannot show",
            hint=f"write it into a file: gms cat {what} > {found['file']}",
        )
    if sys.stdout.isatty():
        sys.stdout.write(data.decode("utf-8", "replace"))
        return
    sys.stdout.flush()
    for part in store.read_parts(version, found["file"]):
        sys.stdout.buffer.write(part)


def _content(data: bytes) -> dict[str, Any]:
    """Return the size of a file and its text, or its bytes in base64 where it is no text."""
    try:
        return {"size_bytes": len(data), "text": data.decode("utf-8"), "base64": None}
    except UnicodeDecodeError:
        from base64 import b64encode

        return {"size_bytes": len(data), "text": None, "base64": b64encode(data).decode()}
