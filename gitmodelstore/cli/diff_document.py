"""The JSON document of `gms diff`; its keys are described in docs/commands.md."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from gitmodelstore.cli.documents import version_document
from gitmodelstore.values import fields
from gitmodelstore.values.diff import Diff, Side
from gitmodelstore.values.diff_parts import (
    Answers,
    Change,
    CodeChange,
    ColumnChange,
    DataChange,
    MetricChange,
)
from gitmodelstore.values.manifest import Code, Dataset


def document(found: Diff) -> dict[str, Any]:
    """Return a diff as plain JSON."""
    return {
        "differs": found.differs,
        "sections": list(found.sections),
        "a": _side(found.a),
        "b": _side(found.b),
        "metrics": {
            "measured_on": found.metrics.measured_on,
            "scored": found.metrics.scored,
            "why": found.metrics.why,
            "changes": _metrics(found.metrics.changes),
            "on_same_rows": _metrics(found.metrics.on_same_rows),
        },
        "model": _changes(found.model),
        "steps": _changes(found.steps),
        "params": _changes(found.params),
        "features": _changes(found.features),
        "data": [_data(change) for change in found.data],
        "environment": [
            {"name": one.name, "before": one.before, "after": one.after, "counts": one.counts}
            for one in found.environment
        ],
        "code": None if found.code is None else _code(found.code),
        "files": [
            {"path": one.path, "before": one.before, "after": one.after} for one in found.files
        ],
        "answers": [_answers(one) for one in found.answers],
        "answers_why": found.unasked,
    }


def _side(side: Side) -> dict[str, Any]:
    return {
        "name": side.name,
        "version": None if side.version is None else version_document(side.version),
    }


def _metrics(changes: Iterable[MetricChange]) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "before": one.before,
            "after": one.after,
            "delta": None if one.delta is None else _number(one.delta),
            "verdict": one.verdict,
        }
        for one in changes
    ]


def _changes(changes: Iterable[Change]) -> list[dict[str, Any]]:
    return [
        {"what": one.what, "name": one.name, "before": one.before, "after": one.after}
        for one in changes
    ]


def _data(change: DataChange) -> dict[str, Any]:
    return {
        "what": change.what,
        "role": change.role,
        "before": _dataset(change.before),
        "after": _dataset(change.after),
        "columns": [_column(one) for one in change.columns],
    }


def _dataset(dataset: Dataset | None) -> dict[str, Any] | None:
    if dataset is None:
        return None
    return {
        "uri": dataset.uri,
        "name": dataset.name,
        "version": dataset.version,
        "digest": str(dataset.digest),
        "size_bytes": dataset.size_bytes,
        "rows": dataset.rows,
    }


def _column(change: ColumnChange) -> dict[str, Any]:
    return {
        "what": change.what,
        "name": change.name,
        "before": change.before.dtype if change.before else None,
        "after": change.after.dtype if change.after else None,
        "psi": change.shift.psi if change.shift else None,
        "chance": change.shift.chance if change.shift else None,
        "level": change.shift.level if change.shift else None,
    }


def _code(change: CodeChange) -> dict[str, Any]:
    return {
        "before": _recorded(change.before),
        "after": _recorded(change.after),
        "commits": [{"commit": oid, "subject": subject} for oid, subject in change.commits],
        "left_out": [{"commit": oid, "subject": subject} for oid, subject in change.left_out],
        "sources": [
            {"path": one.path, "added": one.added, "removed": one.removed} for one in change.files
        ],
        "why": change.why,
    }


def _recorded(code: Code | None) -> dict[str, Any] | None:
    return None if code is None else fields.write(code)


def _answers(answers: Answers) -> dict[str, Any]:
    return {
        "asked": answers.asked,
        "rows": answers.rows,
        "recorded": answers.recorded,
        "why": answers.why,
        "methods": [
            {
                "method": one.method,
                "outcome": one.outcome,
                "different": one.rows,
                "largest_absolute": _number(one.largest),
                "why": one.why,
            }
            for one in answers.methods
        ],
    }


def _number(value: float) -> float | str:
    """Return a number as JSON holds it; "inf" is text there."""
    return value if math.isfinite(value) else str(value)
