"""Keep a folder of a version that was made by hand, copied in, or written by `gms get`."""
# What its manifest says is kept as far as it can be read; the rest is made anew by a dry walk.
# Nothing is unpickled unless asked. It becomes a `Submission` for `register.submit`.

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from gitmodelstore.errors import (
    IntegrityError,
    InvalidInput,
    InvalidName,
    NotAStore,
    StoreError,
    reason_of,
)
from gitmodelstore.lean import TYPE_CHECKING, dataclass, pattern, replace
from gitmodelstore.operations import register
from gitmodelstore.operations.publish import Draft, Sink
from gitmodelstore.operations.snapshot import Snapshot, Writer
from gitmodelstore.plumbing import large_files, worktree
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.worktree import Handmade, WorkTree
from gitmodelstore.values.fields import Digest
from gitmodelstore.values.manifest import Card, Claims, read_claims
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import (
    ATTRIBUTES,
    CARD,
    DIFFERENT,
    FOLDER_FILES,
    INSTALLED,
    MANIFEST,
    PIPELINE,
    REGISTRY,
    REQUIREMENTS,
    SAMPLE,
    Version,
    large_file_path,
    model_name,
)
from gitmodelstore.values.objects import MOST_POINTER_BYTES, Pointer, read_pointer
from gitmodelstore.values.registry import Registry
from gitmodelstore.values.sample import Sample

if TYPE_CHECKING:
    from gitmodelstore.pickles.load import Reader
    from gitmodelstore.values.manifest import Environment, Feature, PipelineFacts

_IGNORED = frozenset({".gitmodelstore"})  # the verdicts that `gms get --warm` leaves there
_MADE_ANEW = frozenset({MANIFEST, CARD, ATTRIBUTES, PIPELINE})
_REGARDLESS_OF = ("created_at", "trained_at", "author", "message")
_NUMBERED = pattern(r"(.+)-v?[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.-]*")  # what `gms get` calls it


@dataclass(frozen=True, slots=True)
class FolderOptions:
    """What `Store.register_folder` was given; it says what each field means."""

    folder: Path
    model: str | None
    wish: register.Wish | None
    message: str | None
    accept_changes: bool
    if_changed: bool
    run: bool
    reader: Reader | None


@dataclass(frozen=True, slots=True)
class _Content:
    """What a pipeline is made of."""

    path: Path  # the file that holds it
    data: memoryview
    sha256: str
    lying: str  # SHA-256 of what lies in the folder: the same, or that of a pointer


@dataclass(frozen=True, slots=True)
class _Lying:
    """A folder as it is, and what becomes of it if it is the version's own."""

    digests: Mapping[str, str]  # name to SHA-256, of every file
    # Name to the bytes of what is, or may be, another file in the version; None for none there.
    rendered: Mapping[str, bytes | None]
    was_pointer: bool  # whether a pointer of Git LFS lies where the pipeline belongs


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder of a model in a work tree of the branch."""

    tree: WorkTree
    path: str
    # The one new version of the model that somebody put into registry.json by hand; None if
    # that file is as committed, or holds something else, which is then in the way.
    entered: Version | None = None
    registry: bytes = b""  # of that file

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Put the hand-made entry of registry.json back into the work tree when all fails."""
        try:
            yield
        except BaseException:  # Ctrl-C too
            if self.entered is not None:
                (self.tree.folder / REGISTRY).write_bytes(self.registry)
            raise


def register_folder(repository: Repository, writer: Writer, what: FolderOptions) -> ModelVersion:
    """Keep the files of a folder as a new version, in one commit."""
    # `models/<model>` of the store's work tree is registered as it lies there, staged or not, and
    # is clean afterwards.
    location = worktree.find(repository, what.folder)
    read = read_folder(what.folder)
    claims = read_claims(read[MANIFEST], MANIFEST) if MANIFEST in read else Claims()
    for line in claims.left_out:
        writer.notify(f"{line}: left out")
    made = _Folder(what, writer, read, claims)
    model = made.model(location[1].rpartition("/")[2] if location else None)
    now = Snapshot.now(repository)
    place = _entered(now, _Place(*location), model) if location else None
    wish = what.wish or register.Wish()
    number = (place and place.entered) or claims.get("version")
    highest = now.registry.highest(model)
    is_new = number is not None and (highest is None or number > highest)
    if what.wish is None and is_new and claims.get("model") == model:
        wish = register.Wish(number)  # the one that the folder bears
    register.check_free(now, model, wish)
    submission, lying = made.submission(now, model, wish)
    if place is not None:
        until = time.monotonic() + writer.wait_seconds
        finish = partial(_with_handmade, repository, place, lying, model, until)
        submission = replace(submission, finish=finish, around=place.kept)
    return register.submit(repository, writer, submission)


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file of a folder but the pipeline, by name."""
    if not folder.is_dir():
        raise NotAStore(
            f"folder '{folder}' does not exist",
            hint="name a folder such as models/churn, or what `gms get` wrote",
        )
    paths = [path for path in sorted(folder.iterdir()) if path.name not in _IGNORED]
    foreign = [path.name for path in paths if path.name not in FOLDER_FILES]
    if foreign:
        raise InvalidInput(
            f"'{folder}' contains files that do not belong to a version: "
            f"{', '.join(map(ascii, foreign))}",
            hint=f"remove them; a version has {', '.join(sorted(FOLDER_FILES))}",
        )
    other = [path.name for path in paths if path.is_symlink() or not path.is_file()]
    if other:
        raise InvalidInput(
            f"'{folder}': not a plain file: {', '.join(other)}",
            hint="put copies of the files there",
        )
    if not any(path.name == PIPELINE for path in paths):
        raise NotAStore(
            f"'{folder}' holds no {PIPELINE}",
            hint="write it there with joblib.dump(pipeline, path)",
        )
    try:
        return {path.name: path.read_bytes() for path in paths if path.name != PIPELINE}
    except OSError as error:
        raise InvalidInput(f"'{folder}' cannot be read: {reason_of(error)}") from None


def _entered(snapshot: Snapshot, place: _Place, model: str) -> _Place:
    """Return a place with the version that was entered in its registry.json by hand."""
    try:
        data = (place.tree.folder / REGISTRY).read_bytes()
        changes = tuple(snapshot.registry.changes(Registry.parse_history(data)))
    except (OSError, StoreError):
        return place
    if len(changes) != 1 or changes[0].model != model or changes[0].before is not None:
        return place
    return replace(place, entered=changes[0].version, registry=data)


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to register, as it was read, and what its manifest says."""

    what: FolderOptions
    writer: Writer
    read: Mapping[str, bytes]  # but the pipeline
    claims: Claims

    def model(self, own: str | None) -> str:
        """Return its name: as given, or of the store's own folder, the manifest or the folder."""
        what, claimed = self.what, self.claims.get("model")
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
            self.writer.notify(
                f"its manifest is for '{claimed}'; it becomes a version of '{model}'"
            )
        return model

    def submission(
        self, snapshot: Snapshot, model: str, wish: register.Wish
    ) -> tuple[register.Submission, _Lying]:
        from gitmodelstore.pickles.dump import refuse_script_names
        from gitmodelstore.pickles.load import needs_of_stored
        from gitmodelstore.pickles.summary import look_at

        what, claims, path = self.what, self.claims, self.what.folder / PIPELINE
        threshold = snapshot.policy.lfs_threshold_bytes
        with Sink(snapshot.repository, threshold, most_in_memory=register.MOST_TWICE) as sink:
            content = _content(snapshot.repository, path, sink)
            answers = is_claimed = self._is_claimed(content.sha256)
            unrun = look_at(content.path, content.data)
            names = unrun.globals
            refuse_script_names(names)
            facts = claims.get("pipeline") if is_claimed else None
            features = claims.get("features")
            if what.run:
                facts, features, answers = self._asked(content)
            needed = needs_of_stored(content.data, names, may_load=what.run)
            stored = sink.keep()
        rendered: dict[str, bytes | None] = {ATTRIBUTES: sink.attributes}
        if sink.is_large:
            rendered[PIPELINE] = Pointer(stored.sha256, stored.size_bytes).render()
        kept = {name: data for name, data in self.read.items() if name not in _MADE_ANEW}
        if SAMPLE in kept and not answers:
            del kept[SAMPLE]
            rendered[SAMPLE] = None
            self.writer.notify(f"{SAMPLE} is left out: its answers are from the earlier pipeline")
        environment, captured = self._environment(kept, names, features)
        for name in sorted(kept):
            if claims.digest(name) not in (None, _sha256(kept[name])):
                self.writer.notify(f"{name} does not match its manifest: renewed")
        contents = {**kept, **captured, ATTRIBUTES: sink.attributes}
        files = register.store_files(snapshot, model, contents)
        fields = self._claimed() | {
            "pipeline": facts or unrun.facts,
            "features": features,
            "environment": environment,
            "trained_at": claims.get("trained_at") or register.modified_at(path),
        }
        files[PIPELINE], only_new = stored, what.if_changed
        submission = register.Submission(
            model, wish, fields, names, needed, files, only_new, _REGARDLESS_OF, facts is None
        )
        digests = {name: _sha256(data) for name, data in self.read.items()}
        digests[PIPELINE] = content.lying
        return submission, _Lying(digests, rendered | captured, content.lying != content.sha256)

    def _claimed(self) -> dict[str, object]:
        """Return the fields that the manifest says, and that cannot be known from the files."""
        claims, message = self.claims, self.what.message
        return {
            "message": claims.get("message", "") if message is None else message,
            "target": claims.get("target"),
            "metrics": claims.get("metrics", {}),
            "baseline": claims.get("baseline"),
            "data": tuple(claims.get("data", ())),
            "code": claims.get("code"),
            "card": claims.get("card") or Card(),
            "custom": claims.get("custom", {}),
        }

    def _is_claimed(self, present: str) -> bool:
        """Whether the pipeline is the one that the manifest names; refuse one that may not be."""
        claimed, path = self.claims.digest(PIPELINE), self.what.folder / PIPELINE
        if present == claimed:
            return True
        if not self.what.accept_changes:
            says = "and there is no manifest to check it against"
            if claimed:
                says = f"its manifest names {claimed[:12]}"
            raise IntegrityError(
                f"'{path}' has sha256 {present[:12]}, {says}",
                path=str(path),
                hint="to accept these bytes: --accept-changes (accept_changes=True)",
            )
        self.writer.notify(f"{PIPELINE} does not match its manifest: its digest is renewed")
        return False

    def _asked(self, content: _Content) -> tuple[PipelineFacts, tuple[Feature, ...] | None, bool]:
        """Load a pipeline, and return what it says of itself, and whether the sample is its."""
        from gitmodelstore.estimators.describe import check_fitted, describe, feature_names
        from gitmodelstore.estimators.replay import replay
        from gitmodelstore.lineage.frames import features_named
        from gitmodelstore.pickles.load import asking, load

        name = str(self.what.folder / PIPELINE)
        pipeline = load(content.data, name=name, reader=self.what.reader, sha256=content.sha256)
        with asking(name):
            check_fitted(pipeline)
            names = feature_names(pipeline)
            facts = describe(pipeline)
        features = self.claims.get("features")
        if names is not None and [feature.name for feature in features or ()] != list(names):
            features = features_named(names)
        if SAMPLE not in self.read:
            return facts, features, False
        try:
            sample = Sample.parse(self.read[SAMPLE], SAMPLE)
        except StoreError as error:
            raise InvalidInput(str(error), hint=f"remove {SAMPLE} from the folder") from None
        return facts, features, replay(pipeline, sample).outcome != DIFFERENT

    def _environment(
        self, kept: Mapping[str, bytes], names: Iterable[str], features: Iterable[Feature] | None
    ) -> tuple[Environment, dict[str, bytes]]:
        """Return the environment, as the manifest says, or of here, and the files to be added."""
        environment: Environment | None = self.claims.get("environment")
        added: dict[str, bytes] = {}
        if environment is None:
            from gitmodelstore.lineage.environment import EVERY_PIPELINE, capture

            is_named = any(feature.name is not None for feature in features or ())
            captured = capture((EVERY_PIPELINE, *names), with_pandas=is_named)
            self.writer.notify("no manifest records the environment: the current one is recorded")
            environment = captured.environment
            files = {REQUIREMENTS: captured.requirements, INSTALLED: captured.installed}
            added = {name: data for name, data in files.items() if name not in kept}
        if INSTALLED in kept:
            environment = replace(environment, digest=Digest.of(kept[INSTALLED]))
        return environment, added


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _content(repository: Repository, path: Path, sink: Sink) -> _Content:
    """Put the pipeline, which may be behind a pointer of Git LFS, into the sink."""
    from gitmodelstore.pickles.load import read_file

    lying = b""
    with suppress(OSError):  # which is said below
        if path.stat().st_size <= MOST_POINTER_BYTES:
            lying = path.read_bytes()
    pointer = read_pointer(lying)
    if pointer is None:
        file = read_file(path, sink.write)
        return _Content(path, file.data, file.sha256, file.sha256)
    content = large_files.read_object(repository.common_dir, pointer, str(path))
    sink.write(content.data)
    place = repository.common_dir / large_file_path(pointer.sha256)
    return _Content(place, content.data, content.sha256, _sha256(lying))


def _with_handmade(
    repository: Repository, place: _Place, lying: _Lying, model: str, until: float, made: Draft
) -> Draft:
    """Return the draft that keeps the folder in the work tree, as far as it is unchanged."""
    handmade = Handmade(place.tree, place.path, lying.digests, until)
    worktree.check((place.tree,))  # what is staged in the middle of a merge is left alone
    handmade.unstage()
    if place.entered is not None:
        handmade.restore(REGISTRY)
    after = dict(lying.rendered)
    anew = {MANIFEST, CARD} | ({PIPELINE} - after.keys() if lying.was_pointer else set())
    for name, entry in repository.entries(made.folders[model]).items():
        if name in anew:
            after[name] = repository.content(entry.oid, f"{place.path}/{name}")
    return replace(made, handmade=(handmade, after))
