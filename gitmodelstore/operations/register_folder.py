"""Keep a folder of a version that was made by hand, copied in, or written by `gms get`.

What its manifest says is kept as far as it can be read; what can be known from the files
is made anew. Nothing is unpickled unless asked: what a file is, a dry walk says.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timezone
from typing import TYPE_CHECKING, Any

from gitmodelstore.errors import (
    FormatError,
    InvalidInput,
    InvalidName,
    StoreError,
)
from gitmodelstore.operations.lacking import tell_what_lacks
from gitmodelstore.operations.numbering import Numbered, Wish, check_free, choose
from gitmodelstore.operations.prepare_folder import (
    FolderSubmission,
    Ready,
    prepare_folder,
    read_folder,
)
from gitmodelstore.operations.publish import Draft, publish
from gitmodelstore.operations.reading import with_needs
from gitmodelstore.operations.register import draft_of
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.operations.writer import Writer, upon
from gitmodelstore.plumbing import handmade, worktree
from gitmodelstore.plumbing.handmade import Handmade
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.worktree import WorkTree
from gitmodelstore.values.changes import suggest
from gitmodelstore.values.claims import Claims, read_claims
from gitmodelstore.values.layout import (
    CARD,
    MANIFEST,
    PIPELINE,
    REGISTRY,
)
from gitmodelstore.values.manifest import (
    Artifact,
    Card,
    Manifest,
)
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import model_name
from gitmodelstore.values.registry import Registry
from gitmodelstore.values.version import Bump, Version

if TYPE_CHECKING:
    pass

_Place = tuple[WorkTree, str]  # a folder of a model, in a work tree of the branch
_NUMBERED = re.compile(r"(.+)-v?[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.-]*")  # what `gms get` calls it


def register_folder(repository: Repository, writer: Writer, what: FolderSubmission) -> ModelVersion:
    """Keep the files of a folder as a new version, in one commit.

    A folder `models/<model>` of a work tree of the store is registered as it lies there,
    staged or not, and is clean afterwards.

    Returns:
        The version; with `if_changed` the highest one, where nothing differs from it.

    Raises:
        NotAStore: there is no such folder, or no pipeline in it.
        InvalidInput: it holds foreign files, or what cannot be recorded.
        IntegrityError: its pipeline is not the one that its manifest names.
        StoreError: as in `register`.
    """
    place = handmade.find(repository, what.folder)
    read = read_folder(what.folder)
    claims = read_claims(read[MANIFEST], MANIFEST) if MANIFEST in read else Claims()
    for line in claims.left_out:
        writer.notify(f"{line}: left out")
    model = _model(what, claims, None if place is None else place[1].rpartition("/")[2], writer)
    now = Snapshot.now(repository)
    entered = _entered(now, place, model)
    wish = what.wish or _claimed_wish(now, model, claims, entered)
    check_free(now, model, wish)
    ready = prepare_folder(repository, now, writer, what, model, claims, read)
    chosen: list[Version] = []

    def draft(snapshot: Snapshot) -> Draft | None:
        same = _unchanged(snapshot, writer, ready) if what.if_changed else None
        if same is not None:
            chosen.append(same)
            return None
        number = choose(snapshot, model, wish, _suggesting(ready))
        chosen.append(number.version)
        if number.why:
            writer.notify(f"{model} {number.version} ({number.why})")
        manifest, rendered = _manifest(upon(writer, snapshot), ready, number)
        made = draft_of(snapshot, manifest, rendered, ready.files)
        return _with_handmade(repository, made, place, ready, model, entered, until)

    until = time.monotonic() + writer.wait_seconds
    with _Entry(place, entered):
        published = publish(repository, writer, draft)
    version = published.version(model, chosen[-1])
    tell_what_lacks(published, version, writer)
    return with_needs(version, ready.pipeline.globals, writer)


def _model(what: FolderSubmission, claims: Claims, own: str | None, writer: Writer) -> str:
    """Return the model's name: as given, of the store's own folder, of the manifest, or the folder.

    Raises:
        InvalidName: it is none.
        InvalidInput: the store's own folder is of another model.
    """
    claimed = claims.get("model")
    if own is not None and what.model not in (None, own):
        raise InvalidInput(
            f"'{what.folder}' is the folder of '{own}', not of '{what.model}'",
            hint=f"copy it out of the store, and register the copy as {what.model}",
        )
    name = what.folder.resolve().name
    numbered = _NUMBERED.fullmatch(name)
    model = what.model or own or claimed or (numbered[1] if numbered else name)
    try:
        model_name(model)
    except InvalidName as error:
        raise InvalidName(str(error), hint="name the model before --from-folder") from None
    if claimed not in (None, model):
        writer.notify(f"its manifest is of '{claimed}'; it becomes a version of '{model}'")
    return model


def _claimed_wish(
    snapshot: Snapshot, model: str, claims: Claims, entered: tuple[Version, bytes] | None
) -> Wish:
    """Return the number that the folder bears where it is a new and higher one, else the next."""
    claimed = entered[0] if entered else claims.get("version")
    highest = snapshot.registry.highest(model)
    if (
        claimed is not None
        and claims.get("model") == model
        and (highest is None or claimed > highest)
    ):
        return Wish(claimed, "auto", allow_backport=False)
    return Wish(None, "auto", allow_backport=False)


def _manifest(writer: Writer, ready: Ready, number: Numbered) -> tuple[Manifest, bytes]:
    """Return the manifest of the version that gets this number, and its bytes.

    Raises:
        InvalidInput: what its manifest said does not go together.
    """
    claims = ready.claims
    artifacts = (
        Artifact(
            name,
            file.sha256,
            file.size_bytes,
            ready.pipeline.globals if name == PIPELINE else None,
        )
        for name, file in sorted(ready.files.items())
    )
    try:
        manifest = Manifest(
            model=ready.model,
            version=number.version,
            parent=number.parent,
            created_at=writer.when.astimezone(timezone.utc).replace(microsecond=0),
            trained_at=ready.trained_at,
            author=str(writer.author),
            message=ready.message,
            pipeline=ready.pipeline.facts,
            features=ready.pipeline.features,
            target=claims.get("target"),
            metrics=claims.get("metrics", {}),
            baseline=claims.get("baseline"),
            data=tuple(claims.get("data", ())),
            code=claims.get("code"),
            environment=ready.environment,
            card=claims.get("card") or Card(),
            artifacts=tuple(artifacts),
            custom=claims.get("custom", {}),
        )
        return manifest, manifest.render()
    except FormatError as error:
        raise InvalidInput(f"cannot be recorded: {error.faults[0]}", hint=error.hint) from None


def _unchanged(snapshot: Snapshot, writer: Writer, ready: Ready) -> Version | None:
    """Return the highest version if this is it again, apart from times and who registered it."""
    highest = snapshot.registry.highest(ready.model)
    if highest is None:
        return None
    before = snapshot.manifest(snapshot.version(ready.model, highest))
    after, _ = _manifest(writer, ready, Numbered(highest, before.parent, ""))
    same = replace(
        after,
        created_at=before.created_at,
        trained_at=before.trained_at,
        author=before.author,
        message=before.message,
    )
    return highest if same.render() == before.render() else None


def _suggesting(ready: Ready) -> Callable[[Manifest], tuple[Bump, str]]:
    """Return what says which part of the number to raise after a version.

    Facts of a dry walk hold params as text, and know no task: only steps are compared.
    """
    facts, features = ready.pipeline.facts, ready.pipeline.features
    target = ready.claims.get("target")

    def suggested(parent: Manifest) -> tuple[Bump, str]:
        if not ready.pipeline.is_told:
            return suggest(parent, facts, features, target)
        old = replace(parent.pipeline, params={}, tuned=(), steps=_bare(parent.pipeline.steps))
        new = replace(
            facts,
            params={},
            steps=_bare(facts.steps),
            task=parent.pipeline.task,
            classes=parent.pipeline.classes,
        )
        return suggest(replace(parent, pipeline=old), new, features, target)

    return suggested


def _bare(steps: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return steps without the columns that they take, which a dry walk tells as text."""
    return tuple(replace(step, columns=None, steps=_bare(step.steps)) for step in steps)


def _entered(snapshot: Snapshot, place: _Place | None, model: str) -> tuple[Version, bytes] | None:
    """Return the one new version of the model that somebody put into registry.json by hand.

    With the bytes of that file; None where it is as committed, or holds something else,
    which is then in the way.
    """
    if place is None:
        return None
    file = place[0].folder / REGISTRY
    try:
        data = file.read_bytes()
        changes = tuple(snapshot.registry.changes(Registry.parse_history(data)))
    except (OSError, StoreError):
        return None
    if len(changes) != 1 or changes[0].model != model or changes[0].before is not None:
        return None
    return changes[0].version, data


def _with_handmade(
    repository: Repository,
    made: Draft,
    place: _Place | None,
    ready: Ready,
    model: str,
    entered: tuple[Version, bytes] | None,
    until: float,
) -> Draft:
    """Return the draft that lets the folder in the work tree be, as far as it is that."""
    if place is None:
        return made
    tree, path = place
    held = Handmade(tree, path, ready.read, until)
    worktree.check((tree,))  # what is staged in the middle of a merge is left alone
    held.unstage()
    if entered is not None:
        held.restore(REGISTRY)
    after = dict(ready.rendered)
    anew = {MANIFEST, CARD, *([PIPELINE] if ready.was_pointer and PIPELINE not in after else [])}
    for name, entry in repository.entries(made.folders[model]).items():
        if name in anew:
            after[name] = repository.content(entry.oid, f"{path}/{name}")
    return replace(made, handmade=(held, after))


class _Entry:
    """Puts a hand-made entry of registry.json back into the work tree when all fails."""

    def __init__(self, place: _Place | None, entered: tuple[Version, bytes] | None) -> None:
        self._file = place[0].folder / REGISTRY if place and entered else None
        self._data = entered[1] if entered else b""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None and self._file is not None:
            self._file.write_bytes(self._data)
