"""Commands that look at the store: list, show, log, which, search."""
# A command line that is not understood costs what stands here.

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from gitmodelstore.cli.main import argument, command, count, exit_if, option
from gitmodelstore.cli.session import Session, document, faults, person
from gitmodelstore.errors import StoreError
from gitmodelstore.lean import TYPE_CHECKING, Any
from gitmodelstore.values import tables
from gitmodelstore.values.tables import (
    counted,
    visible,
)

if TYPE_CHECKING:
    from gitmodelstore.operations.resolve import Listed
    from gitmodelstore.store import Store
    from gitmodelstore.values.manifest import Manifest
    from gitmodelstore.values.model_version import Unread


@command("list")
@argument("name", required=False)
@option("-n N", "list at most N", "count", kind=count)
def list_(session: Session, name: str | None, count: int | None) -> None:
    """List the models in the store, or the versions of the model NAME, highest first."""
    if name is None:
        _models(session, count)
    else:
        _versions(session, name, count)


def _models(session: Session, count: int | None) -> None:
    models = session.store().models()
    summaries = models[:count]
    left_out = len(models) - len(summaries)
    if session.json:
        session.document(models=summaries, unread=models.unread)
    elif summaries:
        session.pages(tables.models(summaries, session.paint()))
        _note_left_out(session, left_out, "model")
    else:
        session.note("the store is empty; `gms register NAME FILE` adds a model")


def _versions(session: Session, name: str, count: int | None) -> None:
    store = session.store()
    listed = islice(store.listing(name).passing(), count)
    if session.json:
        session.documents("versions", list(listed), spell=_document, model=name)
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
    from gitmodelstore.values.model_version import ModelVersion

    return {**document(ModelVersion(one.model, one.version, "", "")), **document(one)}


def _watched(listed: Iterable[Listed], faults: list[str]) -> Iterator[Listed]:
    """Yield the versions on and keep what is wrong with those that cannot be read."""
    for one in listed:
        if one.fault and one.status:  # of what is lost whoever opened the store has told
            faults.append(f"{one.model} {one.version}: {visible(one.fault)}")
        yield one


@command("show")
@argument("ref")
def show(session: Session, ref: str) -> None:
    """Show what the version REF is made of: pipeline, metrics, data, code and environment.

    A model name alone means the version in production.
    """
    from gitmodelstore.values.pages import manifest_page

    store = session.store()
    version = store.version(ref)
    manifest = store.show(version)
    holding = store.which(version)
    parent = _parent(session, store, manifest)
    needs = store.needs_trust(version)
    approvals = store.approvals(version)
    annotations = store.annotations(version)
    registered = store.registered_at(version)
    page = manifest_page(
        manifest,
        session.paint(),
        holding=holding,
        registered_at=registered,
        parent=parent,
        approvals=approvals,
        annotations=tuple(annotations.values()),
        needs_trust=needs,
    )
    session.answer(
        page,
        holding,
        paged=True,
        created_at=registered,
        author=person(manifest.author),
        parent_metrics=parent.metrics if parent else None,
        manifest=manifest,
        needs_trust=needs,
        approvals=approvals,
        annotations=annotations,
    )


def _parent(session: Session, store: Store, manifest: Manifest) -> Manifest | None:
    """Return the parent's manifest; None, and a warning, where it cannot be read."""
    if manifest.parent is None:
        return None
    try:
        return store.show(f"{manifest.model}@{manifest.parent}")
    except StoreError as error:
        session.warn(f"metrics of {manifest.model} {manifest.parent}: {error}")
        return None


@command("log")
@argument("name", required=False)
@option("-n N", "show at most N events", "count", kind=count)
@option("--oneline", "print one line per event")
@option("-G FIELD[=VALUE]", "show the versions in which this field changed", "field")
def log(
    session: Session, name: str | None, count: int | None, oneline: bool, field: str | None
) -> None:
    """Show what happened in the store, or to the model NAME, newest first.

    Each event has its date, author, old and new status, reason and commit. -G FIELD lists
    the versions in which a field of the manifest changed, -G FIELD=VALUE those in which it
    became VALUE, or a list gained it. The exit code is 1 if something could not be read.
    """
    if field is not None:
        _show_changes(session, field, name, count, oneline=oneline)
        return
    from gitmodelstore.values.events import blocks, line

    history = session.store().log(name)
    history.tell = lambda fault: session.warn(visible(fault))
    events = islice(history, count)
    if session.json:
        session.document(events=list(events), faults=faults(history.faults))
    elif oneline:
        paint = session.paint()
        session.pages(line(event, paint) for event in events)
    else:
        session.pages(blocks(events, session.paint()))
    exit_if(history.faults)


@command("which")
@argument("ref")
@option(
    "--at DATE", "show it at the end of a day (2026-03-03) or at a time (2026-03-03T14:05, UTC)"
)
def which(session: Session, ref: str, at: str | None) -> None:
    """Show which version REF means, since when, by whom and why.

    The first line is only the version, for scripts. A model name alone means the version in
    production.
    """
    from gitmodelstore.values.events import holding_lines

    holding = session.store().which(ref, at=at)
    session.answer(holding_lines(holding, session.paint()), holding)


@command("search")
@argument("expression")
@option("--model NAME", "search only this model")
@option("--sort FIELD", "sort by this field, or by -FIELD from high to low")
@option("-n N", "list at most N versions", "count", kind=count)
def search(
    session: Session, expression: str, model: str | None, sort: str | None, count: int | None
) -> None:
    """List the versions that match EXPRESSION, by model, highest version first.

    Compare status and manifest fields: metrics.test_auc > 0.9, status == "production",
    data.train.rows >= 1000, created_at >= 2026-03-01, "income" in features,
    message ~ "drift", params.clf__C in [0.1, 1]. Join them with and, or, not and
    parentheses. The exit code is 1 if nothing matches, or if a version is damaged.
    """
    answer = session.store().answer(expression, model, sort=sort)
    matches = answer.matches[:count]
    if session.json:
        session.document(versions=matches, unread=answer.unread)
    elif matches:
        session.pages(tables.matches(matches, session.paint()))
        _note_left_out(session, len(answer.matches) - len(matches), "version")
    _conclude(session, matches, answer.unread, answer.note)


def _conclude(
    session: Session, rows: Sequence[object], unread: Sequence[Unread], note: str | None = None
) -> None:
    """Warn of versions that could not be read; exit with 1 where there are any, or no rows."""
    from gitmodelstore.operations.search import told

    for sentence in told(unread):
        session.warn(visible(sentence))
    if note:
        session.note(visible(note))
    exit_if(not rows or any(one.status is not None for one in unread))


def _show_changes(
    session: Session, field: str, model: str | None, count: int | None, *, oneline: bool
) -> None:
    from gitmodelstore.values.pages import change_blocks, change_line

    blame = session.store().blame_with_unread(field, model)
    changes = blame.changes[:count]
    paint = session.paint()
    if session.json:
        session.document(changes=changes, unread=blame.unread)
    elif changes:
        session.pages(
            (change_line(change, paint, field) for change in changes)
            if oneline
            else change_blocks(changes, paint, field)
        )
    _conclude(session, changes, blame.unread)
