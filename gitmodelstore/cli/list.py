"""`gms list`: the models of the store, or the versions of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from gitmodelstore.cli.documents import document, person
from gitmodelstore.cli.session import Session
from gitmodelstore.values import tables
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.render import counted, visible

if TYPE_CHECKING:
    from gitmodelstore.operations.listing import Listed


@click.command("list")
@click.argument("name", required=False)
@click.option("-n", "count", metavar="N", type=click.IntRange(min=1), help="at most N of them")
@click.pass_obj
def list_(session: Session, name: str | None, count: int | None) -> None:
    """List the models of the store by name, or the versions of the model NAME, highest first."""
    if name is None:
        _models(session, count)
    else:
        _versions(session, name, count)


# Models


def _models(session: Session, count: int | None) -> None:
    found = session.store().models()
    summaries = found[:count]
    left_out = len(found) - len(summaries)
    if session.json:
        session.document(models=summaries, unread=found.unread)
    elif summaries:
        session.pages(tables.models(summaries, session.paint()))
        _note_left_out(session, left_out, "model")
    else:
        session.note("the store is empty; `gms register NAME FILE` adds a model")


# Versions of one model


def _versions(session: Session, name: str, count: int | None) -> None:
    store = session.store()
    listed = islice(store.listing(name), count)
    if session.json:
        session.document(model=name, versions=[_document(one) for one in listed])
        return
    faults: list[str] = []
    session.pages(tables.versions(_watched(listed, faults), session.paint()))
    for fault in faults:
        session.warn(fault)
    if count is not None:
        there_are = sum(one.versions for one in store.models() if one.model == name)
        _note_left_out(session, there_are - count, "version")


def _note_left_out(session: Session, left_out: int, noun: str) -> None:
    if left_out > 0:
        session.note(f"{counted(left_out, f'more {noun}')}: leave out -n to see all")


def _document(one: Listed) -> dict[str, Any]:
    version, manifest = ModelVersion(one.model, one.version, "", ""), one.manifest
    return {
        **document(version),
        **document(one),
        "author": person(manifest.author) if manifest else None,
        "algorithm": manifest.pipeline.algorithm if manifest else None,
        "metrics": manifest.metrics if manifest else None,
    }


def _watched(listed: Iterable[Listed], faults: list[str]) -> Iterator[Listed]:
    """Yield the versions on and keep what is wrong with those that cannot be read."""
    for one in listed:
        if one.fault and one.status:  # of what is lost whoever opened the store has told
            faults.append(f"{one.model} {one.version}: {visible(one.fault)}")
        yield one
