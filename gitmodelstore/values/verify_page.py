"""The text of `gms verify`: a line for each version, and what is wrong with it below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gitmodelstore.values.events import APPROVED, REGISTERED
from gitmodelstore.values.render import ABBREVIATED, Paint, counted, cut, number, visible
from gitmodelstore.values.sample import DIFFERENT, WITHIN

if TYPE_CHECKING:
    from gitmodelstore.operations.signatures import Signature
    from gitmodelstore.operations.verify import Verification, Verified
    from gitmodelstore.pipelines.replay import Comparison, Replay
    from gitmodelstore.pipelines.retest import Retested

_MOST_ROWS = 5  # shown of a method; --json has them all
_MOST_ANSWER = 40  # characters


def page(found: Verification, paint: Paint, *, replayed: bool = False) -> Iterator[str]:
    """Yield the lines of `gms verify`.

    Args:
        found: what was found.
        paint: how to colour.
        replayed: whether the answers were to be compared, so that a missing sample is named.
    """
    for version in found.versions:
        yield from _lines(version, replayed, paint)
    yield from (paint.red(visible(fault)) for fault in found.faults)


def _lines(version: Verified, replayed: bool, paint: Paint) -> Iterator[str]:
    said = [f"{counted(version.files, 'file')} verified"]
    if version.faults:
        said = [paint.red(counted(len(version.faults), "fault"))]
    elif version.unloaded is not None:
        said.append(paint.yellow("cannot be loaded here"))
    elif version.replay is not None:
        said.append(verdict(version.replay, paint))
    elif replayed:
        said.append("no sample to replay")
    yield f"{paint.bold(str(version))}  {', '.join(said)}"
    yield from (f"  {visible(fault)}" for fault in version.faults)
    if version.unloaded is not None:
        yield f"  {visible(version.unloaded)}"
        if version.unloaded.hint:
            yield f"  hint: {visible(version.unloaded.hint)}"
    if version.replay is not None:
        yield from differences(version.replay)
    yield from _metrics(version.metrics or (), paint)
    yield from _signatures(version.signatures or (), paint)


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


def _signatures(signatures: Sequence[Signature], paint: Paint) -> Iterator[str]:
    """Yield a line for each signature of a version: whose it is, or why it does not count."""
    for one in signatures:
        said = visible(str(one.outcome))
        if one.outcome.is_valid:
            yield f"  {_what(one)}: {said}"
        elif one.is_needed:
            yield f"  {_what(one)}: {paint.red(said)} [{one.outcome.code}]"
        else:
            yield f"  {_what(one)}: does not count: {said} [{one.outcome.code}]"


def _what(one: Signature) -> str:
    if one.status is None:
        return f"tag {one.name}"
    commit = one.name[:ABBREVIATED]
    if one.kind == REGISTERED:
        return f"registered by {commit}"
    if one.kind == APPROVED:
        return f"approved for {visible(one.status)} by {commit}"
    return f"moved to {visible(one.status)} by {commit}"
