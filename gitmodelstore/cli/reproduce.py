"""`gms reproduce`: train a version again, and see whether the same comes out."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from typing import TYPE_CHECKING

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.cli.usage import trusting
from gitmodelstore.values.render import (
    ABBREVIATED,
    Paint,
    counted,
    cut,
    difference,
    number,
    visible,
)
from gitmodelstore.values.verify_page import differences, verdict

if TYPE_CHECKING:
    from gitmodelstore.operations.reproduced import MetricResult, Reproduction

_LABEL = 13  # columns of the facts' names
_MOST_PARAMS = 10  # shown; --json has them all


@trusting
@click.command("reproduce")
@click.argument("ref")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--code", metavar="PATH", help="the training repository; else the one around you")
@click.option("--copy", metavar="PATH", multiple=True, help="what git does not hold; repeatable")
@click.option("--no-uv", is_flag=True, help="run in the environment that is installed here")
@click.option("--keep", is_flag=True, help="leave the work tree for you to look at")
@click.pass_obj
def reproduce(
    session: Session,
    ref: str,
    command: tuple[str, ...],
    code: str | None,
    copy: tuple[str, ...],
    no_uv: bool,
    keep: bool,
) -> None:
    """Train the version REF again by COMMAND, and compare what comes out with what is kept.

    COMMAND runs in a work tree of the training repository at the recorded commit, with the
    kept changes. What it registers goes into an empty store, whatever store it names; or it
    writes its pipeline into the file $GMS_REPRODUCE_OUT. The exit code is 1 when data,
    parameters, answers or metrics differ. This runs the code of that commit: do it with
    versions of people you trust.
    """
    if not command:
        raise click.UsageError("missing the command to run, after --")
    with _ended_as_by_hand():
        found = session.store().reproduce(
            ref, command, code=code, copy=copy, uv=not no_uv, keep=keep
        )
    if session.json:
        ran = found.ran
        session.document(
            found,
            code={"commit": ran.commit, "with_changes": ran.with_changes},
            command=ran.command,
            environment=ran.environment,
            differences=ran.differences,
            kept=ran.kept,
        )
    else:
        for line in _lines(found, session.paint()):
            session.tell(line)
    if not found.is_reproduced:
        raise click.exceptions.Exit(1)


@contextmanager
def _ended_as_by_hand() -> Iterator[None]:
    """Take a request to end for Ctrl-C: the command is meant too, and the work tree is to go."""
    if current_thread() is not main_thread():  # where signals are not ours
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _lines(found: Reproduction, paint: Paint) -> Iterator[str]:
    said = "is reproduced" if found.is_reproduced else paint.red("is not reproduced")
    why = "" if found.is_reproduced else f": {visible(', '.join(found.reasons))}"
    yield f"{paint.bold(str(found.version))} {said}{why}"
    ran = found.ran
    changes = " with code.diff" if ran.with_changes else ""
    command = cut(visible(" ".join(ran.command)), 60)
    yield _fact("code", f"{ran.commit[:ABBREVIATED]}{changes}, by {command}")
    yield _fact("environment", _environment(found))
    if found.data:
        data = (f"{visible(one.role)} {one.outcome}" for one in found.data)
        yield _fact("data", ", ".join(data))
    steps = "" if found.steps_same else "other steps, "
    params = f"{len(found.params)} of " if found.params else ""
    same = "different" if found.params else "the same"
    yield _fact("pipeline", f"{steps}{params}{counted(found.param_count, 'parameter')} {same}")
    for one in found.params[:_MOST_PARAMS]:
        before, after = (cut(visible(repr(value)), 40) for value in (one.recorded, one.present))
        yield f"    {visible(one.name)}: {before}, now {after}"
    if len(found.params) > _MOST_PARAMS:
        yield f"    … and {len(found.params) - _MOST_PARAMS} more"
    yield from _answers(found, paint)
    for index, metric in enumerate(found.metrics):
        yield _fact("" if index else "metrics", _metric(metric, paint))
    yield _fact("file", f"pipeline.joblib has {'the same' if found.same_bytes else 'other'} bytes")


def _fact(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{text}"


def _environment(found: Reproduction) -> str:
    ran = found.ran
    if ran.environment == "recorded":
        return "as recorded, made by uv"
    if not ran.differences:
        return "as recorded"
    counting = sum(one.counts for one in ran.differences)
    counts = f", {counting} of which may change answers" if counting else ""
    return f"the present one: {counted(len(ran.differences), 'difference')}{counts}"


def _answers(found: Reproduction, paint: Paint) -> Iterator[str]:
    if found.answers is None:
        yield _fact("answers", "no sample to ask")
        return
    said = verdict(found.answers, paint).replace("answers ", "", 1)
    yield _fact("answers", f"{said} on {counted(found.answers.rows, 'row')}")
    yield from (f"  {line}" for line in differences(found.answers))


def _metric(metric: MetricResult, paint: Paint) -> str:
    now = ""
    if metric.present is not None:
        now = f", now {number(metric.present)}"
        if metric.present != metric.recorded:
            now += f" ({difference(metric.present, metric.recorded)})"
    is_wrong = metric.outcome in ("different", "missing")
    said = paint.red(metric.outcome) if is_wrong else metric.outcome
    return f"{visible(metric.name)} {number(metric.recorded)}{now}, {said}"
