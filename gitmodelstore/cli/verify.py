"""`gms verify`: whether versions are what was released, and answer here as they did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gitmodelstore.cli.paint import Paint
from gitmodelstore.cli.render import counted, cut, number, visible
from gitmodelstore.cli.session import Session
from gitmodelstore.cli.signatures import signature_lines
from gitmodelstore.cli.usage import trusting
from gitmodelstore.cli.verify_data import verify_data
from gitmodelstore.values.sample import DIFFERENT, WITHIN

if TYPE_CHECKING:
    from gitmodelstore.operations.verify import Verification, Verified
    from gitmodelstore.pipelines.replay import Comparison, Replay
    from gitmodelstore.pipelines.retest import Retested

_MOST_ROWS = 5  # shown of a method; --json has them all
_MOST_ANSWER = 40  # characters


@trusting
@click.command("verify")
@click.argument("ref", required=False)
@click.argument("path", required=False)
@click.option("--all", "all_of_them", is_flag=True, help="every version of every model")
@click.option("--replay", is_flag=True, help="ask the pipeline its sample again, and compare")
@click.option("--test", metavar="FILE", help="compute its metrics again: CSV or Parquet")
@click.option("--target", metavar="NAME", help="column of FILE with the true answers")
@click.option("--parse-dates", metavar="COL", multiple=True, help="a column of FILE; repeatable")
@click.option("--signatures", is_flag=True, help="verify who has signed it")
@click.option("--data", is_flag=True, help="verify instead the data set at PATH")
@click.option("--role", metavar="ROLE", help="which data set PATH should be: train, test, …")
@click.pass_obj
def verify(
    session: Session,
    ref: str | None,
    path: str | None,
    all_of_them: bool,
    replay: bool,
    test: str | None,
    target: str | None,
    parse_dates: tuple[str, ...],
    signatures: bool,
    data: bool,
    role: str | None,
) -> None:
    """Verify every file of the version REF against its manifest and its tag.

    --replay and --test load the pipeline, unless its bytes are not the ones that were
    released. --signatures asks your own list of allowed signers, without REF of every
    version. The exit code is 1 when a version is faulty, or not validly signed, or its
    answers or metrics are different, or the branch lacks versions that tags name.

    --data reads the file or folder PATH and says whether it is what REF was made with,
    or which columns differ; the exit code is then 1.
    """
    if data:
        if all_of_them or replay or test or target or signatures:
            raise click.UsageError("--data goes with no other option than --role")
        if ref is None or path is None:
            raise click.UsageError(f"missing argument '{'PATH' if ref else 'REF'}'")
        verify_data(session, ref, path, role)
        return
    if path is not None or role is not None:
        raise click.UsageError("a PATH and --role are for --data")
    all_of_them = all_of_them or (signatures and ref is None)
    if (ref is None) != all_of_them:
        raise click.UsageError("name one version, or give --all")
    if test and all_of_them:
        raise click.UsageError("--test is of one version, and --all of all")
    if target and not test:
        raise click.UsageError("--target needs --test FILE")
    if parse_dates and not test:
        raise click.UsageError("--parse-dates needs --test FILE")
    found = session.store().verify(
        ref,
        replay=replay,
        test=Path(test) if test else None,
        target=target,
        signatures=signatures,
        parse_dates=parse_dates,
    )
    if session.json:
        session.document(found)
    else:
        paint = session.paint()
        for version in found.versions:
            for line in _lines(version, replay, paint):
                session.tell(line)
        for fault in found.faults:
            session.tell(paint.red(visible(fault)))
        if all_of_them:
            session.note(_summary(found))
    if not found.is_sound:
        raise click.exceptions.Exit(1)


def _lines(version: Verified, replayed: bool, paint: Paint) -> Iterator[str]:
    said = [f"{counted(version.files, 'file')} verified"]
    if version.faults:
        said = [paint.red(counted(len(version.faults), "fault"))]
    elif version.replay is not None:
        said.append(verdict(version.replay, paint))
    elif replayed:
        said.append("no sample to replay")
    yield f"{paint.bold(str(version))}  {', '.join(said)}"
    yield from (f"  {visible(fault)}" for fault in version.faults)
    if version.replay is not None:
        yield from differences(version.replay)
    yield from _metrics(version.metrics or (), paint)
    yield from signature_lines(version.signatures or (), paint)


def verdict(replay: Replay, paint: Paint) -> str:
    if replay.outcome == DIFFERENT:
        return paint.red("answers different")
    if replay.outcome == WITHIN:
        return f"answers within tolerance (largest difference {_largest(replay)})"
    return "answers identical"


def _largest(of: Replay | Comparison) -> str:
    absolute, relative = number(of.largest_absolute, 3), number(of.largest_relative, 3)
    return f"{absolute}, relative {relative}"


def differences(replay: Replay) -> Iterator[str]:
    if replay.why:
        yield f"  it cannot answer here: {visible(replay.why)}"
    for one in replay.comparisons:
        if one.why:
            yield f"  {one.method}: {visible(one.why)}"
        elif one.outcome == DIFFERENT:
            rows = f"{len(one.rows)} of {counted(replay.rows, 'row')}"
            largest = f", largest difference {_largest(one)}" if one.largest_absolute else ""
            yield f"  {one.method}: {rows}{largest}"
            yield from _rows(one)


def _rows(one: Comparison) -> Iterator[str]:
    for row in one.rows[:_MOST_ROWS]:
        recorded, present = _answer(row.recorded), _answer(row.present)
        yield f"    row {row.row}: recorded {recorded}, now {present}"
    if len(one.rows) > _MOST_ROWS:
        yield f"    … and {len(one.rows) - _MOST_ROWS} more"


def _answer(value: Any) -> str:
    if isinstance(value, list):
        return cut(f"[{', '.join(map(_answer, value))}]", _MOST_ANSWER)
    return number(value) if isinstance(value, float) else cut(visible(str(value)), _MOST_ANSWER)


def _metrics(metrics: tuple[Retested, ...], paint: Paint) -> Iterator[str]:
    for metric in metrics:
        present = "not defined" if metric.present is None else number(metric.present)
        said = "same" if metric.is_same else paint.red("different")
        yield f"  {metric.name}: recorded {number(metric.recorded)}, now {present}, {said}"


def _summary(found: Verification) -> str:
    bad = sum(not version.is_sound for version in found.versions)
    verified = f"{counted(len(found.versions), 'version')} verified"
    if bad:
        return f"{verified}, {bad} faulty or different"
    return f"{verified}, the branch lacks others" if found.faults else f"{verified}, all sound"
