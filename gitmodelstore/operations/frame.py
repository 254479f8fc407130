"""Every version with its status and what its manifest says, as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gitmodelstore.errors import IntegrityError, MissingObject, StoreError
from gitmodelstore.lineage.version_table import COUNT, FLAG, NUMBER, TEXT, TIME, version_table
from gitmodelstore.operations.catalogue import Catalogue, Row, ask
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.values.field_path import FieldPath
from gitmodelstore.values.layout import PIPELINE
from gitmodelstore.values.model_version import Unread

if TYPE_CHECKING:
    import pandas as pd

Facts = dict[str, Any]
Columns = dict[str, str | None]

_FIRST: Columns = {
    **dict.fromkeys(("model", "version", "status"), TEXT),
    **dict.fromkeys(("created_at", "trained_at"), TIME),
    **dict.fromkeys(("author", "message", "parent", "algorithm", "task", "target"), TEXT),
    "n_features": COUNT,
}
_DATA: Columns = {
    **dict.fromkeys(("uri", "name", "version", "digest"), TEXT),
    **dict.fromkeys(("rows", "size_bytes"), COUNT),
}
_CODE: Columns = {**dict.fromkeys(("url", "commit", "branch"), TEXT), "dirty": FLAG}
_ENVIRONMENT: Columns = {"python": TEXT, "platform": TEXT}
_LAST: Columns = {"fault": TEXT, "size_bytes": COUNT, "commit": TEXT}
_FREE = ("metrics", "params", "baseline.metrics", "environment.pins", "custom")
_COPIED = ("created_at", "trained_at", "author", "message", "parent", "target")


def frame(
    snapshot: Snapshot, model: str | None, tell: Callable[[str], None], *, keep: bool
) -> tuple[pd.DataFrame, tuple[Unread, ...]]:
    """Return a table of the versions of a model, or of all, and those that cannot be read.

    The latter have a row too, with status and fault alone. Where the history of annotations
    cannot be read, `tell` is told so, and none has any. docs/search.md lists the columns.

    Raises:
        ModelNotFound: there is no such model.
    """
    facts, unread, fault = ask(snapshot, lambda catalogue: _facts(catalogue, model), keep=keep)
    if fault is not None:
        tell(f"annotations cannot be read: {fault}")
    return version_table(facts, _columns(facts)), unread


def _facts(
    catalogue: Catalogue, model: str | None
) -> tuple[list[Facts], tuple[Unread, ...], StoreError | None]:
    facts, unread = [], []
    annotated: Mapping[tuple[str, str], Facts] = {}
    fault: StoreError | None = None
    try:
        annotated = catalogue.annotations()
    except (MissingObject, IntegrityError) as error:
        fault = error
    for row in catalogue.rows(model):
        known = {
            "ref": f"{row.model}@{row.version}",
            "model": row.model,
            "version": row.version,
            "status": row.status,
        }
        if isinstance(row, Row):
            known.update(_of(row))
            known.update(_under("annotations", annotated.get(row[:2])))
        else:
            unread.append(row)
            known["fault"] = row.fault
        facts.append(known)
    return facts, tuple(unread), fault


def _of(row: Row) -> Facts:
    pipeline, features = row.get("pipeline"), row.get("features")
    facts = {name: row.get(name) for name in _COPIED}
    facts |= {name: pipeline.get(name) for name in ("algorithm", "task")}
    facts["n_features"] = None if features is None else len(features)
    for group in _FREE:
        facts |= _under(group, FieldPath.of(group, tuple(group.split("."))).value(row))
    facts |= _under("code", row.get("code"), _CODE)
    facts |= _under("environment", row.get("environment"), _ENVIRONMENT)
    facts |= _under("baseline", row.get("baseline"), ("version",))
    for dataset in reversed(row.get("data")):  # the first of a role counts
        facts |= _under(f"data.{dataset.get('role')}", dataset, _DATA)
    path = FieldPath.of("size_bytes", ("artifacts", PIPELINE, "size_bytes"))
    return {**facts, "size_bytes": path.value(row), "commit": row.commit}


def _under(group: str, values: Any, names: Iterable[str] | None = None) -> Facts:
    """Return what an object has at some names, or at all, each behind the name of the group."""
    held = values if isinstance(values, dict) else {}
    chosen = held if names is None else [name for name in names if name in held]
    return {f"{group}.{name}": held[name] for name in chosen}


def _columns(facts: list[Facts]) -> Columns:
    """Return the columns in order: those that are always there, and those that some version has."""
    met = sorted({name for one in facts for name in one})

    def free(group: str, kind: str | None = None) -> Columns:
        return {name: kind for name in met if name.startswith(f"{group}.")}

    roles = sorted({name.split(".")[1] for name in met if name.startswith("data.")})
    return {
        **_FIRST,
        **free("metrics", NUMBER),
        "baseline.version": TEXT,
        **free("baseline.metrics", NUMBER),
        **free("params"),
        **{f"data.{role}.{name}": kind for role in roles for name, kind in _DATA.items()},
        **{f"code.{name}": kind for name, kind in _CODE.items()},
        **{f"environment.{name}": kind for name, kind in _ENVIRONMENT.items()},
        **free("environment.pins", TEXT),
        **free("custom"),
        **free("annotations"),
        **_LAST,
    }
