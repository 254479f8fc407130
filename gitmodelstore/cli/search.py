"""`gms search`: the versions of which an expression holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.values import tables
from gitmodelstore.values.render import counted, visible

if TYPE_CHECKING:
    pass

_NOT_ALL = 1


@click.command("search")
@click.argument("expression")
@click.option("--model", metavar="NAME", help="only versions of this model")
@click.option("--sort", metavar="FIELD", help="by this field, lowest first; -FIELD: highest first")
@click.option("-n", "count", metavar="N", type=click.IntRange(min=1), help="at most N versions")
@click.pass_obj
def search(
    session: Session, expression: str, model: str | None, sort: str | None, count: int | None
) -> None:
    """List the versions of which EXPRESSION holds, by model, highest version first.

    It asks for status and manifest: metrics.test_auc > 0.9, status == "production",
    data.train.rows >= 1000, created_at >= 2026-03-01, "income" in features,
    message ~ "drift", params.clf__C in [0.1, 1]; joined by and, or, not and
    parentheses. The exit code is 1 when it holds of none, or a version is damaged.
    """
    from gitmodelstore.operations.search import told

    answer = session.store().answer(expression, model, sort=sort)
    matches = answer.matches[:count]
    if session.json:
        session.document(versions=matches, unread=answer.unread)
    elif matches:
        session.pages(tables.matches(matches, session.paint()))
        if left_out := len(answer.matches) - len(matches):
            session.note(f"{counted(left_out, 'more version')}: leave out -n to see all")
    for sentence in told(answer.unread):
        session.warn(visible(sentence))
    if answer.note:
        session.note(visible(answer.note))
    if not matches or any(one.status is not None for one in answer.unread):
        raise click.exceptions.Exit(_NOT_ALL)
