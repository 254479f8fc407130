"""The JSON document of `gms diff`, as far as it is not that of its values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gitmodelstore.cli.documents import document
from gitmodelstore.values.diff import Diff, Side


def more_of(found: Diff) -> dict[str, Any]:
    """Return the keys that say more, or other things, than the attributes of the same name."""
    made: dict[str, Any] = {
        "data": [
            {**document(one), "columns": [_column(column) for column in one.columns]}
            for one in found.data
        ],
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


def _column(change: Any) -> dict[str, Any]:
    types = ((one.dtype if one else None) for one in (change.before, change.after))
    return {**document(change), **dict(zip(("before", "after"), types, strict=True))}


def _file(side: Side, path: str) -> dict[str, Any] | None:
    if path not in side.files:
        return None
    size, sha256 = side.files[path]
    return {"sha256": sha256, "size_bytes": size}


def _commits(commits: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"commit": oid, "subject": subject} for oid, subject in commits]
