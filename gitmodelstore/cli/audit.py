"""`gms audit`: what happened to a model, for somebody who has no tool."""

from __future__ import annotations

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.values.render import counted


@click.command("audit")
@click.argument("name")
@click.option("--since", metavar="DATE", help="leave out the events before that day or moment")
@click.option("-o", "--output", "target", metavar="FILE.zip", help="else NAME-audit.zip")
@click.option("--with-artifacts", "artifacts", is_flag=True, help="add the pipelines too")
@click.option("--force", is_flag=True, help="write over a file of that name")
@click.pass_obj
def audit(
    session: Session,
    name: str,
    since: str | None,
    target: str | None,
    artifacts: bool,
    force: bool,
) -> None:
    """Write what happened to the model NAME, and what its versions are made of, into a zip.

    It opens in a browser, index.html, and in a spreadsheet, events.csv: events, approvals,
    overrides, annotations, who signed what, the policy in force at each, manifests and cards, and a
    SHA-256 of each file. The same commit of the store gives the same bytes.
    """
    made = session.store().audit(name, since=since, to=target, artifacts=artifacts, force=force)
    if session.json:
        size_bytes = made.path.stat().st_size
        session.document(made, model=name, path=made.path.absolute(), size_bytes=size_bytes)
        return
    for fault in made.faults:
        session.warn(fault)
    if made.unverified:
        session.note(f"signatures were not verified: {made.unverified}")
    count = f"{counted(made.events, 'event')}, {counted(made.versions, 'version')}"
    session.note(f"{count}, sha256 {made.sha256}")
    session.out(str(made.path))
