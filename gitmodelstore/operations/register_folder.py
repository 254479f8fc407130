"""Keep a folder of a version that was made by hand, copied in, or written by `gms get`.

What its manifest says is kept as far as it can be read; what can be known from the files
is made anew. Nothing is unpickled unless asked: what a file is, a dry walk says.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitmodelstore.errors import (
    FormatError,
    IntegrityError,
    InvalidInput,
    InvalidName,
    NotAStore,
    StoreError,
)
from gitmodelstore.operations.folder import with_needs
from gitmodelstore.operations.publish import Draft, publish
from gitmodelstore.operations.register import (
    MOST_TWICE,
    Numbered,
    StoredFile,
    Wish,
    check_free,
    choose,
    draft_of,
    store_file,
    tell_what_lacks,
)
from gitmodelstore.operations.snapshot import Snapshot, Writer, upon
from gitmodelstore.plumbing import lfs, worktree
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.sink import Sink
from gitmodelstore.plumbing.worktree import Handmade, WorkTree
from gitmodelstore.values.changes import suggest
from gitmodelstore.values.fields import Digest
from gitmodelstore.values.manifest import (
    Artifact,
    Card,
    Claims,
    Environment,
    Feature,
    Manifest,
    PipelineFacts,
    read_claims,
)
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import model_name
from gitmodelstore.values.objects import MOST_POINTER_BYTES, Pointer, read_pointer
from gitmodelstore.values.registry import Registry
from gitmodelstore.values.sample import DIFFERENT, Sample
from gitmodelstore.values.version import (
    ATTRIBUTES,
    CARD,
    FOLDER_ATTRIBUTES,
    FOLDER_ATTRIBUTES_LFS,
    FOLDER_FILES,
    INSTALLED,
    MANIFEST,
    PIPELINE,
    REGISTRY,
    REQUIREMENTS,
    SAMPLE,
    Bump,
    Version,
)

if TYPE_CHECKING:
    from gitmodelstore.pipelines.load import Reader


# What a folder of a version holds, before it gets a number: its files, and what they are.


_IGNORED = frozenset({".gitmodelstore"})  # the verdicts that `gms get --warm` leaves there
_MADE_ANEW = frozenset({MANIFEST, CARD, ATTRIBUTES, PIPELINE})


@dataclass(frozen=True, slots=True)
class FolderSubmission:
    """What is to be registered; `Store.register_folder` says what each field means."""

    folder: Path
    model: str | None
    wish: Wish | None
    message: str | None
    accept_changes: bool
    if_changed: bool
    run: bool
    reader: Reader | None


@dataclass(frozen=True, slots=True)
class FolderPipeline:
    """The pipeline of a folder.

    Attributes:
        facts, features: what it is; None where nothing says.
        globals: the names that loading it looks up.
        is_claimed: whether it is the one of which the manifest speaks.
        is_told: whether `facts` are those of a dry walk, in which params are text.
        sample: whether the sample's answers are its.
    """

    facts: PipelineFacts
    features: tuple[Feature, ...] | None
    globals: tuple[str, ...]
    is_claimed: bool
    is_told: bool
    answers: bool


@dataclass(frozen=True, slots=True)
class Ready:
    """Everything about the version that does not depend on its number.

    Attributes:
        model: of which it becomes a version.
        claims: what its manifest says, as far as it can be read.
        pipeline, environment, trained_at, message: for the manifest.
        files: of the version, by name, but for manifest and card.
        read: name to the SHA-256 of what every file of the folder held.
        was_pointer: whether a pointer of Git LFS lay where the pipeline belongs.
        rendered: name to the bytes of what is another file in the version than in the
            folder, or may be; None for one that the version has not.
    """

    model: str
    claims: Claims
    pipeline: FolderPipeline
    environment: Environment
    files: Mapping[str, StoredFile]
    trained_at: datetime
    message: str
    read: Mapping[str, str]
    was_pointer: bool
    rendered: Mapping[str, bytes | None]


@dataclass(frozen=True, slots=True)
class _Content:
    """What a pipeline is made of.

    Attributes:
        path: the file that holds it.
        data: its bytes, in memory of their own.
        sha256: of them.
        found: the SHA-256 of what lies in the folder: the same, or that of a pointer.
    """

    path: Path
    data: memoryview
    sha256: str
    found: str


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file of a folder but the pipeline, by name.

    Raises:
        NotAStore, InvalidInput: it is none, lacks the pipeline, or holds something else.
    """
    if not folder.is_dir():
        raise NotAStore(
            f"there is no folder '{folder}'",
            hint="name a folder such as models/churn, or what `gms get` wrote",
        )
    found = [path for path in sorted(folder.iterdir()) if path.name not in _IGNORED]
    foreign = [p.name for p in found if p.name not in FOLDER_FILES]
    if foreign:
        raise InvalidInput(
            f"'{folder}' holds what is no file of a version: {', '.join(map(ascii, foreign))}",
            hint=f"take them out; a version has {', '.join(sorted(FOLDER_FILES))}",
        )
    other = [path.name for path in found if path.is_symlink() or not path.is_file()]
    if other:
        raise InvalidInput(
            f"'{folder}': no plain file: {', '.join(other)}", hint="put copies of the files there"
        )
    if not any(path.name == PIPELINE for path in found):
        raise NotAStore(
            f"'{folder}' holds no {PIPELINE}",
            hint="write it there with joblib.dump(pipeline, path)",
        )
    try:
        return {path.name: path.read_bytes() for path in found if path.name != PIPELINE}
    except OSError as error:
        raise InvalidInput(f"'{folder}' cannot be read: {error.strerror}") from None


def prepare_folder(
    repository: Repository,
    snapshot: Snapshot,
    writer: Writer,
    what: FolderSubmission,
    model: str,
    claims: Claims,
    read: Mapping[str, bytes],
) -> Ready:
    """Store the files of a folder, and return what there is to say of them.

    Args:
        repository, snapshot, writer, what: the store, who writes, what is asked.
        model: of which it becomes a version.
        claims: what its manifest says.
        read: its files, as `read_folder` returns them.

    Raises:
        IntegrityError: the pipeline is not the one that the manifest names.
        StoreError: it cannot be kept, as in `register`.
    """
    rendered: dict[str, bytes | None] = {}
    threshold = snapshot.policy.lfs_threshold_bytes
    with Sink(repository, threshold, most_in_memory=MOST_TWICE) as sink:
        content = _content(repository, what.folder / PIPELINE, sink)
        pipeline = _pipeline(content, what, claims, read, writer)
        size, large = sink.size_bytes, sink.is_large
        sha256, blob = sink.keep()
    attributes = FOLDER_ATTRIBUTES_LFS if large else FOLDER_ATTRIBUTES
    rendered[ATTRIBUTES] = attributes
    if large:
        rendered[PIPELINE] = Pointer(sha256, size).render()
    kept = {name: held for name, held in read.items() if name not in _MADE_ANEW}
    if SAMPLE in kept and not pipeline.answers:
        del kept[SAMPLE]
        rendered[SAMPLE] = None
        writer.notify(f"{SAMPLE} is left out: its answers are those of the pipeline before")
    environment, captured = _environment(claims, kept, pipeline, writer)
    for name in sorted(kept):
        said = claims.digest(name)
        if said is not None and said != hashlib.sha256(kept[name]).hexdigest():
            writer.notify(f"{name} is not the one that its manifest names: renewed")
    rendered |= captured
    files = {
        name: store_file(repository, held)
        for name, held in {**kept, **captured, ATTRIBUTES: attributes}.items()
    }
    message = claims.get("message", "") if what.message is None else what.message
    return Ready(
        model=model,
        claims=claims,
        pipeline=pipeline,
        environment=environment,
        files={**files, PIPELINE: StoredFile(blob, sha256, size)},
        trained_at=claims.get("trained_at") or _modified_at(what.folder / PIPELINE),
        message=message,
        read={**{name: _sha256(data) for name, data in read.items()}, PIPELINE: content.found},
        was_pointer=content.found != content.sha256,
        rendered=rendered,
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _content(repository: Repository, path: Path, sink: Sink) -> _Content:
    """Return what the pipeline is made of, behind a pointer of Git LFS too, once it is in the sink.

    Raises:
        LoadError: it cannot be read, or was written meanwhile.
        MissingObject: its Git LFS object is not on this machine.
    """
    from gitmodelstore.pipelines.load import read_file

    lying = b""
    with suppress(OSError):  # which is said below
        if path.stat().st_size <= MOST_POINTER_BYTES:
            lying = path.read_bytes()
    pointer = read_pointer(lying)
    if pointer is None:
        file = read_file(path, sink.write)
        return _Content(path, file.data, file.sha256, file.sha256)
    content = lfs.read(repository.common_dir, pointer, str(path))
    sink.write(content.data)
    place = lfs.object_path(repository.common_dir, pointer.sha256)
    return _Content(place, content.data, content.sha256 or "", _sha256(lying))


def _pipeline(
    content: _Content,
    what: FolderSubmission,
    claims: Claims,
    read: Mapping[str, bytes],
    writer: Writer,
) -> FolderPipeline:
    """Return what the pipeline is, without running it unless asked.

    Raises:
        IntegrityError: it is not the one that the manifest names, and may not be.
        RefusedPickle, LoadError: it would do more than the parts of a pipeline may.
    """
    from gitmodelstore.pipelines.summary import look_at
    from gitmodelstore.pipelines.unportable import refuse_script_names

    found, said = content.sha256, claims.digest(PIPELINE)
    if found != said and not what.accept_changes:
        names = f"its manifest names {said[:12]}" if said else "no manifest says which it must be"
        raise IntegrityError(
            f"'{what.folder / PIPELINE}' has sha256 {found[:12]}, {names}",
            path=str(what.folder / PIPELINE),
            hint="if these are the bytes that you mean: --accept-changes (accept_changes=True)",
        )
    if found != said:
        writer.notify(f"{PIPELINE} is not the one that its manifest names: its digest is renewed")
    unrun = look_at(content.path, content.data)
    refuse_script_names(unrun.globals)
    is_claimed = found == said
    told = claims.get("pipeline") if is_claimed else None
    features, answers = claims.get("features"), is_claimed
    facts = told or unrun.facts
    if what.run:
        facts, features, answers = _asked(content, what, read, features)
    return FolderPipeline(
        facts=facts,
        features=features,
        globals=unrun.globals,
        is_claimed=is_claimed,
        is_told=told is None and not what.run,
        answers=answers,
    )


def _asked(
    content: _Content,
    what: FolderSubmission,
    read: Mapping[str, bytes],
    claimed: tuple[Feature, ...] | None,
) -> tuple[PipelineFacts, tuple[Feature, ...] | None, bool]:
    """Load a pipeline, and return what it says of itself, and whether the sample is its."""
    from gitmodelstore.lineage.frames import features_named
    from gitmodelstore.pipelines.describe import describe
    from gitmodelstore.pipelines.fitted import check_fitted
    from gitmodelstore.pipelines.load import asking, load
    from gitmodelstore.pipelines.replay import replay
    from gitmodelstore.pipelines.structure import feature_names

    name = str(what.folder / PIPELINE)
    pipeline = load(content.data, name=name, reader=what.reader, sha256=content.sha256)
    with asking(name):
        check_fitted(pipeline)
        names = feature_names(pipeline)
        facts = describe(pipeline)
    features = claimed
    if names is not None and [feature.name for feature in claimed or ()] != list(names):
        features = features_named(names)
    answers = SAMPLE in read
    if answers:
        answers = replay(pipeline, _sample(read[SAMPLE])).outcome != DIFFERENT
    return facts, features, answers


def _sample(data: bytes) -> Sample:
    try:
        return Sample.parse(data, SAMPLE)
    except FormatError as error:
        raise InvalidInput(str(error), hint=f"take {SAMPLE} out of the folder") from None


def _environment(
    claims: Claims, kept: Mapping[str, bytes], pipeline: FolderPipeline, writer: Writer
) -> tuple[Environment, dict[str, bytes]]:
    """Return the environment, as the manifest says, or of here, and the files to be added."""
    claimed: Environment | None = claims.get("environment")
    added: dict[str, bytes] = {}
    if claimed is None:
        from gitmodelstore.lineage.environment import EVERY_PIPELINE, capture

        named = any(feature.name is not None for feature in pipeline.features or ())
        captured = capture((EVERY_PIPELINE, *pipeline.globals), with_pandas=named)
        writer.notify("no manifest says what was installed: the environment is that of here")
        claimed = captured.environment
        added = {REQUIREMENTS: captured.requirements, INSTALLED: captured.installed}
        added = {name: data for name, data in added.items() if name not in kept}
    installed = kept.get(INSTALLED)
    if installed is not None:
        claimed = replace(claimed, digest=Digest.of(installed))
    return claimed, added


def _modified_at(path: Path) -> datetime:
    seconds = int(path.stat().st_mtime)
    return datetime.fromtimestamp(seconds, timezone.utc)


# Register folder


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
    place = worktree.find(repository, what.folder)
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
