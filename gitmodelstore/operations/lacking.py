"""What a gate asks of the card of a new version, and the card lacks: said before it is too late."""

from __future__ import annotations

from collections.abc import Iterator

from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.operations.writer import Writer
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.registry import Change

_CARD = "card"


def tell_what_lacks(snapshot: Snapshot, version: ModelVersion, writer: Writer) -> None:
    """Tell the writer what the card of a version lacks for the gates of the store."""
    if snapshot.policy.gates:
        for sentence in _lacking(snapshot, version):
            writer.notify(sentence)


def _lacking(snapshot: Snapshot, version: ModelVersion) -> Iterator[str]:
    from gitmodelstore.checks.conditions import judge_required

    manifest = snapshot.manifest(version)
    asked: dict[str, list[str]] = {}  # what is asked for, to the statuses whose gates do
    for status, gate in snapshot.policy.gates.items():
        for name in gate.require:
            if name.partition(".")[0] == _CARD:
                asked.setdefault(name, []).append(status)
    for name, statuses in asked.items():
        change = Change(version.model, version.version, version.status, statuses[0])
        judged = judge_required(name, change, manifest)
        if not judged.passed:
            gates = f"the gate{'s' if len(statuses) > 1 else ''} of {' and '.join(statuses)}"
            verb = "asks" if len(statuses) == 1 else "ask"
            yield f"{gates} {verb} for {name}, which {version} lacks: {judged.mend}"
