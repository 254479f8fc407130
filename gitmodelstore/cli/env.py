"""`gms env`: what a version was trained with, to install it or to compare it with what is here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.values.render import Column, Paint, counted, table, visible, widths_of

if TYPE_CHECKING:
    from gitmodelstore.operations.compare_environment import EnvironmentReport

_COLUMNS = (Column("package"), Column("recorded"), Column("here"), Column(""))


@click.command("env")
@click.argument("ref")
@click.option("--check", is_flag=True, help="compare with what is installed here")
@click.option("--python", is_flag=True, help="print the version of Python alone")
@click.pass_obj
def env(session: Session, ref: str, check: bool, python: bool) -> None:
    """Print what the version REF needs, as requirements that pip and uv install.

    With --check, print what differs from what is installed here. The exit code is 1 where
    that counts: another minor release of scikit-learn or Python, another major one of numpy,
    or a package that is missing.
    """
    if check and python:
        raise click.UsageError("--check and --python exclude each other")
    report = session.store().environment(ref)
    if session.json:
        recorded = report.recorded
        session.document(
            report, python=recorded.python, platform=recorded.platform, pins=recorded.pins
        )
    elif python:
        session.out(visible(report.recorded.python))
    elif check:
        for line in _lines(report, session.paint()):
            session.tell(line)
    else:
        for line in report.requirements.splitlines():
            session.out(visible(line))
    if check and not report.matches:
        session.note(f"see whether it answers alike: gms verify {report.version.ref} --replay")
        raise click.exceptions.Exit(1)


def _lines(report: EnvironmentReport, paint: Paint) -> Iterator[str]:
    title, packages = paint.bold(str(report.version)), counted(len(report.recorded.pins), "package")
    if not report.differences:
        yield f"{title}  python {report.recorded.python} and {packages}, as at training"
        return
    counting = sum(difference.counts for difference in report.differences)
    others = len(report.differences) - counting
    said = [paint.red(f"{counted(counting, 'difference')} that may change answers")]
    said = said if counting else ["nothing that counts is different"]
    said += [f"{counted(others, 'other')}"] if others else []
    yield f"{title}  {', '.join(said)}"
    rows = [
        (
            visible(one.package),
            visible(one.recorded),
            visible(one.present or "none"),
            "counts" if one.counts else "",
        )
        for one in report.differences
    ]
    widths = widths_of(_COLUMNS, rows)
    for one, row in zip(report.differences, rows, strict=True):
        line = f"  {table(_COLUMNS, widths, row)}"
        yield line if one.counts else paint.dim(line)
