"""What a folder of a version holds, before it gets a number: its files, and what they are.

Nothing is unpickled unless asked: what a pipeline is, its manifest says or, where that
speaks of another file, a dry walk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from gitmodelstore.errors import FormatError, IntegrityError, InvalidInput, NotAStore
from gitmodelstore.operations.numbering import Wish
from gitmodelstore.operations.prepare import MOST_TWICE, StoredFile, store_file
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.operations.writer import Writer
from gitmodelstore.plumbing import lfs
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.sink import Sink
from gitmodelstore.values.claims import Claims
from gitmodelstore.values.digest import Digest
from gitmodelstore.values.layout import (
    ATTRIBUTES,
    CARD,
    FOLDER_ATTRIBUTES,
    FOLDER_ATTRIBUTES_LFS,
    FOLDER_FILES,
    INSTALLED,
    MANIFEST,
    PIPELINE,
    REQUIREMENTS,
    SAMPLE,
)
from gitmodelstore.values.manifest import Environment, Feature, PipelineFacts
from gitmodelstore.values.pointer import MOST_POINTER_BYTES, Pointer, read_pointer
from gitmodelstore.values.sample import DIFFERENT, Sample

if TYPE_CHECKING:
    from gitmodelstore.pipelines.load import Reader

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
    from gitmodelstore.pipelines.unportable import refuse_script_names
    from gitmodelstore.pipelines.unrun import look_at

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
    from gitmodelstore.pipelines.features import feature_names
    from gitmodelstore.pipelines.fitted import check_fitted
    from gitmodelstore.pipelines.load import asking, load
    from gitmodelstore.pipelines.replay import replay

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
