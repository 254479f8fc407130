"""`gms diff`: what differs between two versions, or between a version and a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from gitmodelstore.cli.documents import document
from gitmodelstore.cli.main import trusting
from gitmodelstore.cli.session import Session
from gitmodelstore.values.diff import Diff, Side

_FILES = (".joblib", ".pkl", ".pickle")  # no reference to a version ends so


@trusting
@click.command("diff")
@click.argument("a")
@click.argument("b")
@click.option(
    "--answers/--no-answers",
    default=None,
    help="run both versions and compare their answers, or do not compare",
)
@click.option("--test", metavar="FILE", help="score both on the rows of this CSV or Parquet file")
@click.option("--target", metavar="NAME", help="with --test: the column with the true answers")
@click.option(
    "--parse-dates", metavar="COL", multiple=True, help="with --test: a column of dates; repeatable"
)
@click.option("--code", metavar="DIR", help="the training repository (default: the current one)")
@click.pass_obj
def diff(
    session: Session,
    a: str,
    b: str,
    answers: bool | None,
    test: str | None,
    target: str | None,
    parse_dates: tuple[str, ...],
    code: str | None,
) -> None:
    """Show what differs between the versions A and B, of one model or of two.

    B can also be a .joblib file that is not registered. Answers are compared as recorded if
    both versions have the same sample rows; otherwise both pipelines are loaded and run.
    The exit code is 1 if anything differs, and 0 if not.
    """
    if (test is None) != (target is None):
        raise click.UsageError("--test FILE and --target NAME go together")
    if parse_dates and not test:
        raise click.UsageError("--parse-dates needs --test FILE")
    if code is not None and not Path(code).is_dir():
        raise click.UsageError(f"folder '{code}' does not exist")
    found = session.store().diff(
        a,
        Path(b) if b.endswith(_FILES) else b,
        test=None if test is None else Path(test),
        target=target,
        answers=answers,
        code="auto" if code is None else code,
        parse_dates=parse_dates,
    )
    if session.json:
        session.document(found, **more_of(found))
    else:
        from gitmodelstore.values.diff import page

        session.pages(page(found, session.paint()))
        if found.unasked:
            session.note(f"no answers were compared: {found.unasked}")
    if found.differs:
        raise click.exceptions.Exit(1)


# The JSON document of `gms diff`, as far as it is not that of its values.


def more_of(found: Diff) -> dict[str, Any]:
    """Return the keys that say more, or other things, than the attributes of the same name."""
    made: dict[str, Any] = {
        "files": [
            {
                "path": one.path,
                "before": _file(found.a, one.path),
                "after": _file(found.b, one.path),
            }
            for one in found.files
        ],
    }
    if found.code is not None:
        commits, left_out = _commits(found.code.commits), _commits(found.code.left_out)
        made["code"] = {**document(found.code), "commits": commits, "left_out": left_out}
    return made


def _file(side: Side, path: str) -> dict[str, Any] | None:
    if path not in side.files:
        return None
    size, sha256 = side.files[path]
    return {"sha256": sha256, "size_bytes": size}


def _commits(commits: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"commit": oid, "subject": subject} for oid, subject in commits]
