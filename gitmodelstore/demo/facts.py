"""What happened in the story, for machines: read off the store, not off the script."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from gitmodelstore.demo.story import DEMO_USER, MODEL, Stage, asked_on
from gitmodelstore.values.events import ROLLED_BACK
from gitmodelstore.values.names import WITHDRAWN

if TYPE_CHECKING:
    from gitmodelstore.store import Store
    from gitmodelstore.values.model_version import ModelVersion


def facts(stage: Stage, today: date) -> dict[str, Any]:
    """Return the facts of a story that was performed.

    Keys: `path`, `store` (paths); `demo_user` (who writes where git knew nobody,
    else None); `versions` (each with `code_commit` and `metrics`); `agreement` (AUC
    of `credit@production` as trained and as loaded); `fresh_auc` (version to AUC on
    the fresh loans); `rollback` (from, to, reason, commit); `production_at` (date,
    version, since, until).
    """
    store: Store = stage.names["store"]
    demo_user = {"name": DEMO_USER.name, "email": DEMO_USER.email}
    return {
        "path": stage.folder,
        "store": store.path,
        "demo_user": demo_user if stage.is_demo_user else None,
        "versions": [
            _version(store, version)
            for summary in store.models()
            for version in reversed(store.versions(summary.model))
        ],
        "agreement": _agreement(stage.names),
        **_rollback(store, stage.names),
        "production_at": _production(store, asked_on(today)),
    }


def _version(store: Store, version: ModelVersion) -> dict[str, Any]:
    manifest = store.show(version)
    return {
        "version": version,
        "code_commit": manifest.code.commit if manifest.code else None,
        "metrics": dict(manifest.metrics),
    }


def _agreement(names: dict[str, Any]) -> dict[str, Any]:
    trained, loaded = names["trained_auc"], names["loaded_auc"]
    return {
        "version": names["loaded_version"],
        "trained_auc": trained,
        "loaded_auc": loaded,
        "identical": trained == loaded,
    }


def _rollback(store: Store, names: dict[str, Any]) -> dict[str, Any]:
    back = next(event for event in store.log(MODEL) if event.kind == ROLLED_BACK)
    bad = next(event for event in store.log(MODEL) if event.kind == WITHDRAWN)
    return {
        "fresh_auc": {
            str(bad.version): names["live_auc"],
            str(back.version): names["earlier_auc"],
        },
        "rollback": {
            "model": MODEL,
            "from": str(bad.version),
            "to": str(back.version),
            "reason": back.why,
            "commit": back.commit,
        },
    }


def _production(store: Store, on: date) -> dict[str, Any]:
    held = store.which(f"{MODEL}@production", at=on.isoformat())
    return {
        "date": on.isoformat(),
        "version": held.version,
        "since": held.since,
        "until": held.until,
    }
