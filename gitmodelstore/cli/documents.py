"""What `--json` prints of our values: the keys are a promise, described in docs/commands.md."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from gitmodelstore.values.moment import format_moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitmodelstore.checks.approvals import Approval
    from gitmodelstore.operations.blame import FieldChange
    from gitmodelstore.operations.listing import Listed
    from gitmodelstore.operations.search import Answer, Match
    from gitmodelstore.values.annotations import Annotation
    from gitmodelstore.values.events import Event
    from gitmodelstore.values.model_version import (
        Holding,
        ModelSummary,
        ModelVersion,
        Withdrawal,
    )
    from gitmodelstore.values.severity import Difference


def version_document(version: ModelVersion) -> dict[str, Any]:
    return {
        "model": version.model,
        "version": str(version.version),
        "status": version.status,
        "ref": version.ref,
        "tag": version.tag,
        "commit": version.commit,
    }


def event_document(event: Event) -> dict[str, Any]:
    approved = {"approved_for": event.approved_for} if event.approved_for else {}
    noted = {"annotations": dict(event.annotations)} if event.annotations else {}
    return {
        "kind": event.kind,
        "model": event.model,
        "version": str(event.version),
        "before": event.before,
        "after": event.after,
        "when": format_moment(event.when),
        "who": event.who,
        "why": event.why,
        "replay": event.replay,
        "override": event.override,
        "commit": event.commit,
        **({"vacate": event.vacate} if event.vacate else {}),
        **approved,
        **noted,
    }


def approval_document(approval: Approval) -> dict[str, Any]:
    return {
        "status": approval.status,
        "manifest_sha256": approval.manifest_sha256,
        "when": format_moment(approval.when),
        "who": approval.who,
        "why": approval.why,
        "commit": approval.commit,
    }


def annotations_document(annotations: Mapping[str, Annotation]) -> dict[str, Any]:
    return {
        key: {
            "value": one.value,
            "when": format_moment(one.when),
            "who": one.who,
            "why": one.why,
            "commit": one.commit,
        }
        for key, one in annotations.items()
    }


def events_document(events: Iterable[Event]) -> dict[str, Any]:
    return {"events": [event_document(event) for event in events]}


def holding_document(holding: Holding) -> dict[str, Any]:
    return {
        **version_document(holding.version),
        "since": format_moment(holding.since),
        "until": _time(holding.until),
        "who": holding.who,
        "why": holding.why,
        "since_commit": holding.commit,
        **({"withdrawal": _withdrawal(holding.withdrawal)} if holding.withdrawal else {}),
    }


def _withdrawal(withdrawal: Withdrawal) -> dict[str, Any]:
    return {
        "since": format_moment(withdrawal.since),
        "who": withdrawal.who,
        "why": withdrawal.why,
        "commit": withdrawal.commit,
        "until": format_moment(withdrawal.until),
        "back_by": withdrawal.back_by,
        "back_why": withdrawal.back_why,
        "back_commit": withdrawal.back_commit,
    }


def summary_document(summary: ModelSummary) -> dict[str, Any]:
    return {
        "model": summary.model,
        "versions": summary.versions,
        "highest": str(summary.highest),
        "holders": {
            status: [str(version) for version in versions]
            for status, versions in summary.holders.items()
        },
    }


def difference_document(difference: Difference) -> dict[str, Any]:
    return {
        "package": difference.package,
        "recorded": difference.recorded,
        "present": difference.present,
        "counts": difference.counts,
    }


def listed_document(listed: Listed) -> dict[str, Any]:
    manifest = listed.manifest
    return {
        "version": str(listed.version),
        "status": listed.status,
        "commit": listed.commit,
        "created_at": _time(manifest.created_at) if manifest else None,
        "author": manifest.author if manifest else None,
        "algorithm": manifest.pipeline.algorithm if manifest else None,
        "metrics": dict(manifest.metrics) if manifest else None,
        "fault": listed.fault,
    }


def answer_document(answer: Answer, matches: Iterable[Match]) -> dict[str, Any]:
    return {
        "versions": [
            {
                **version_document(match),
                "created_at": format_moment(match.created_at),
                "author": match.author,
                "values": match.values,
            }
            for match in matches
        ],
        "unread": [
            {"model": one.model, "version": one.version, "status": one.status, "fault": one.fault}
            for one in answer.unread
        ],
    }


def change_document(change: FieldChange) -> dict[str, Any]:
    return {
        **version_document(change.version),
        "parent": change.parent,
        "field": change.field,
        "before": change.before,
        "after": change.after,
        "when": format_moment(change.when),
        "who": change.who,
        "message": change.message,
    }


def _time(moment: datetime | None) -> str | None:
    return format_moment(moment) if moment else None
