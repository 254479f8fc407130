"""`gms show`: what a version is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitmodelstore.cli.documents import person
from gitmodelstore.cli.session import Session
from gitmodelstore.errors import StoreError

if TYPE_CHECKING:
    from gitmodelstore.store import Store
    from gitmodelstore.values.manifest import Manifest


@click.command("show")
@click.argument("ref")
@click.pass_obj
def show(session: Session, ref: str) -> None:
    """Show what the version REF is made of: pipeline, metrics, data, code, environment.

    A model's name means the version in production.
    """
    from gitmodelstore.cli.summary import summary

    store = session.store()
    version = store.version(ref)
    manifest = store.show(version)
    holding = store.which(version)
    parent = _parent(session, store, manifest)
    needs = store.needs_trust(version)
    approvals = store.approvals(version)
    annotations = store.annotations(version)
    registered = store.registered_at(version)
    if session.json:
        session.document(
            holding,
            created_at=registered,
            author=person(manifest.author),
            parent_metrics=parent.metrics if parent else None,
            manifest=manifest,
            needs_trust=needs,
            approvals=approvals,
            annotations=annotations,
        )
        return
    said = tuple(annotations.values())
    paint = session.paint()
    session.pages(summary(holding, manifest, registered, parent, paint, approvals, said, needs))


def _parent(session: Session, store: Store, manifest: Manifest) -> Manifest | None:
    """Return the parent's manifest; None, and a warning, where it cannot be read."""
    if manifest.parent is None:
        return None
    try:
        return store.show(f"{manifest.model}@{manifest.parent}")
    except StoreError as error:
        session.warn(f"metrics of {manifest.model} {manifest.parent}: {error}")
        return None
