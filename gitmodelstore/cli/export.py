"""`gms export`: what other tools can read of a version."""

from __future__ import annotations

from pathlib import Path

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.errors import InvalidInput


@click.command("export")
@click.argument("ref")
@click.option("--provenance", is_flag=True, help="an in-toto statement of what made it")
@click.option("-o", "--output", metavar="FILE", help="a file for it; else it is printed")
@click.pass_obj
def export(session: Session, ref: str, provenance: bool, output: str | None) -> None:
    """Print what made the version REF, as an in-toto statement with SLSA provenance.

    The files of a version are handed out by `gms get`.
    """
    if not provenance:
        raise click.UsageError("say what to export: --provenance")
    from gitmodelstore.values.json import dump

    data = dump(session.store().export(ref, provenance=True))
    if output is None:
        session.out(data.decode("utf-8").rstrip("\n"))
        return
    try:
        Path(output).write_bytes(data)
    except OSError as error:
        raise InvalidInput(
            f"cannot write '{output}': {(error.strerror or str(error)).lower()}",
            hint="check the path; it is relative to the working directory",
        ) from error
    if session.json:
        session.document({"path": str(Path(output).absolute())})
    else:
        session.out(output)
