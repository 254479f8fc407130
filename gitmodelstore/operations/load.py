"""From a version to its bytes, verified, and to a pipeline, where what is installed fits."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from weakref import ref

from gitmodelstore import lean
from gitmodelstore.errors import (
    BrokenPipelineFile,
    EnvironmentDiffers,
    EnvironmentWarning,
    IntegrityError,
    InvalidDigest,
    InvalidInput,
    LoadError,
    MissingObject,
    NotAStore,
    OtherVersionsNeeded,
    RefusedPickle,
    RemoteUnreachable,
    StoreError,
    WithdrawnWarning,
    not_fetched,
    reason_of,
    warn_user,
)
from gitmodelstore.lean import TYPE_CHECKING, Any, Literal, dataclass, pattern
from gitmodelstore.plumbing import large_files
from gitmodelstore.plumbing.large_files import Stream, Verdicts
from gitmodelstore.values.manifest import MOST_BYTES, Artifact, Environment, Manifest
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import (
    CARD,
    MANIFEST,
    PIPELINE,
    REQUIREMENTS,
    SAMPLE,
    WITHDRAWN,
    did_you_mean,
    folder,
)
from gitmodelstore.values.objects import read_pointer

if TYPE_CHECKING:
    from gitmodelstore.operations.history import Notify
    from gitmodelstore.operations.snapshot import Snapshot
    from gitmodelstore.pickles.load import Reader
    from gitmodelstore.plumbing.repository import Repository
    from gitmodelstore.values.compare import Difference
    from gitmodelstore.values.sample import Sample


# Which version each living pipeline came from; an estimator is never written to.


_loaded: dict[int, tuple[ref[Any], ModelVersion]] = {}


def version_of(pipeline: Any) -> ModelVersion:
    """Return the version of a pipeline that was loaded in this process."""
    reference, version = _loaded.get(id(pipeline), (None, None))
    if reference is None or version is None or reference() is not pipeline:
        raise StoreError(
            f"this {type(pipeline).__name__} was not loaded from a store",
            hint="load it with `gms.load_model(...)`; a copy or a re-fit is another object",
        )
    return version


def remember(pipeline: Any, version: ModelVersion) -> None:
    """Let `version_of` know a pipeline that was just loaded."""
    key = id(pipeline)
    try:
        _loaded[key] = (ref(pipeline, lambda _: _loaded.pop(key, None)), version)
    except TypeError:  # a class with __slots__ and no __weakref__
        _loaded.pop(key, None)


# Who reads pipelines here: the reader's own trust, and the verdicts in the reader's cache.


def verdicts_of(cache: bool) -> Verdicts | None:
    """Return the verdicts in the user's cache; None without `cache`, or a home."""
    from gitmodelstore.plumbing.files import cache_folder

    folder = cache_folder() if cache else None
    return Verdicts(folder) if folder else None


def reader_of(trusted: Iterable[str], *, cache: bool, notify: Notify | None = None) -> Reader:
    """Return who reads, and trusts `trusted` too; `cache` keeps verdicts in the user's cache."""
    from gitmodelstore.operations.trust import trusted_names
    from gitmodelstore.pickles.load import Reader
    from gitmodelstore.pickles.rights import Trust

    verdicts = verdicts_of(cache)
    if verdicts and verdicts.doubt and notify:
        notify(f"the cache is not used: {verdicts.doubt}")
    return Reader(Trust(trusted_names(trusted, Path())), verdicts)


# Whether what is installed here is what a version was trained with.


Care = Literal["warn", "exact", "ignore"]
CARES: tuple[Care, ...] = ("warn", "exact", "ignore")


def differences(recorded: Environment) -> tuple[Difference, ...]:
    """Return where Python, scikit-learn, numpy or pandas differ from those at training."""
    from gitmodelstore.values.compare import PARTS_AT_LOAD, environment_differences

    pins = {name: recorded.versions[name] for name in PARTS_AT_LOAD if name in recorded.versions}
    return environment_differences(pins, {name: _present(name) for name in pins}, PARTS_AT_LOAD)


def difference_of(of: ModelVersion, recorded: Environment, care: str) -> str | None:
    """Return what to say before a version is loaded here; None for nothing."""
    # For `care`: "warn" says what counts, "exact" refuses any difference, "ignore" neither.
    if care not in CARES:
        raise InvalidInput(
            f"environment={care!r} is not valid", hint=f"give {', '.join(map(repr, CARES))}"
        )
    differing = differences(recorded) if care != "ignore" else ()
    text = "; ".join(map(str, differing))
    if differing and care == "exact":
        raise EnvironmentDiffers(
            f"{of} was trained with different versions: {text}",
            hint=f"install what `gms cat {of.ref}:requirements.txt` lists",
        )
    if not any(one.counts for one in differing):
        return None
    return (
        f"{of} was trained with different versions: {text}; "
        f"check whether it gives the same answers: gms verify {of.ref} --replay"
    )


@lru_cache
def _present(package: str) -> str | None:
    if package == "python":
        from platform import python_version

        return python_version()
    # Not above: 25 ms, which who only reads bytes would feel.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


@contextmanager
def one_warning(recorded: Environment) -> Iterator[None]:
    """Replace the warnings of scikit-learn, one for each estimator, by a single one of ours."""
    if not differences(recorded):
        yield
        return
    from gitmodelstore.pickles.load import version_warning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", version_warning())
        yield


# Loading what `download` wrote, from plain files: no git, no home, nothing written.


WARM = ".gitmodelstore"  # the verdicts that `gms get --warm` leaves beside the files
_DIGEST = pattern(r"(?:sha256:)?([0-9a-f]{64})")


def load_folder(
    folder: Path, reader: Reader, *, digest: str | None = None, environment: str = "warn"
) -> Any:
    """Return a folder's pipeline, verified; `digest`: SHA-256 of its manifest, None for any."""
    from gitmodelstore.pickles.load import Reader, verdict_of
    from gitmodelstore.pickles.load import load as load_pipeline

    match = _DIGEST.fullmatch(digest) if digest is not None else None
    if digest is not None and match is None:
        raise InvalidDigest(
            f"{digest!a} is not the SHA-256 of a manifest",
            hint="give 64 hexadecimal digits, as `sha256sum manifest.json` prints them",
        )
    wanted = match[1] if match else None
    content = read_file(folder / MANIFEST)
    manifest_sha256 = lean.sha256(content).hexdigest()
    if wanted is not None and manifest_sha256 != wanted:
        raise IntegrityError(
            f"'{folder / MANIFEST}' is not the manifest that was pinned: its sha256 is "
            f"{manifest_sha256[:12]}, not {wanted[:12]}",
            path=str(folder / MANIFEST),
            hint="fetch the folder again with `gms get`, or correct the pinned digest",
        )
    manifest = Manifest.parse(content, str(folder / MANIFEST))
    sha256, data = _pipeline(folder, manifest)
    version = ModelVersion(manifest.model, manifest.version, "", "")
    warning = difference_of(version, manifest.environment, environment)
    if wanted is not None and Verdicts(folder / WARM).holds(verdict_of(sha256, reader.trust)):
        reader = Reader(reader.trust, Verdicts(folder / WARM))
    with one_warning(manifest.environment):
        pipeline = load_pipeline(data, name=str(folder / PIPELINE), reader=reader, sha256=sha256)
    if warning:
        warn_user(EnvironmentWarning(warning))
    remember(pipeline, version)
    return pipeline


def warm(folder: Path, reader: Reader, name: str) -> None:
    """Load what a folder holds, called `name`, and note beside it that it was found harmless."""
    from gitmodelstore.pickles.load import Reader
    from gitmodelstore.pickles.load import load as load_pipeline

    manifest = Manifest.parse(read_file(folder / MANIFEST), str(folder / MANIFEST))
    sha256, data = _pipeline(folder, manifest)
    noting = Reader(reader.trust, Verdicts(folder / WARM))
    load_pipeline(data, name=name, reader=noting, sha256=sha256)


def read_file(path: Path) -> bytes:
    """Return a file of a version in a folder, as much of it as a manifest may have, and more."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise NotAStore(
            f"'{path.parent}' does not contain a version: {path.name} cannot be read "
            f"({reason_of(error)})",
            hint="write one there with `gms get REF -o DIR`",
        ) from None


def _pipeline(folder: Path, manifest: Manifest) -> tuple[str, memoryview]:
    """Return the bytes of the pipeline and their SHA-256, which is the manifest's."""
    entry = manifest.artifact(PIPELINE)
    path = folder / PIPELINE
    try:
        with path.open("rb", buffering=0) as file:
            size_bytes = os.fstat(file.fileno()).st_size
            content = large_files.take(large_files.Stream(size_bytes, file.readinto))
    except OSError as error:
        raise IntegrityError(
            f"'{path}' cannot be read: {reason_of(error)}", path=str(path)
        ) from None
    sha256, size_bytes = content.sha256 or "", content.data.nbytes
    if entry is None or (sha256, size_bytes) != (entry.sha256, entry.size_bytes):
        raise IntegrityError(
            f"'{path}' is not the file that was released",
            path=str(path),
            hint="fetch the folder again with `gms get`",
        )
    return sha256, content.data


# Load


def load(
    snapshot: Snapshot,
    version: ModelVersion,
    reader: Reader | None = None,
    *,
    environment: str = "ignore",
    unsafe: bool = False,
) -> Any:
    """Return the pipeline of a version, ready to predict; raises as `Store.load`.

    The bytes come from git's object database, or from git-lfs's folder; never from a work tree.
    SHA-256 and size of exactly the bytes that are unpickled are those of the manifest. Without
    a `reader` nobody is trusted. `unsafe` runs whatever the file says.
    """
    from gitmodelstore.pickles.load import load as unpickle
    from gitmodelstore.pickles.load import load_unsafe

    manifest = snapshot.manifest(version)
    remembered = reader.verdicts if reader else None
    data = read_verified(snapshot, version, PIPELINE, remembered, manifest)
    warning = difference_of(version, manifest.environment, environment)
    name = f"{folder(version.model)}/{PIPELINE} of {version}"
    with one_warning(manifest.environment), _here(version, manifest):
        if unsafe:
            pipeline = load_unsafe(data, name=name)
        else:
            entry = manifest.artifact(PIPELINE)
            sha256 = entry.sha256 if entry else None
            pipeline = unpickle(data, name=name, reader=reader, sha256=sha256)
    if warning:
        warn_user(EnvironmentWarning(warning))
    remember(pipeline, version)
    return pipeline


def load_verified(snapshot: Snapshot, version: ModelVersion, reader: Reader | None) -> Any:
    """Verify every file of a version, and return its pipeline."""
    bring(snapshot, [version])
    pipeline = load(snapshot, version, reader)
    for name in snapshot.files(version):
        if name != PIPELINE:
            read_verified(snapshot, version, name)
    return pipeline


def load_quietly(snapshot: Snapshot, version: ModelVersion, reader: Reader | None) -> Any:
    """Load a pipeline to ask it; its errors tell which installed versions differ."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load(snapshot, version, reader)


def warn_if_withdrawn(version: ModelVersion) -> None:
    """Warn before a withdrawn version is used."""
    if version.status == WITHDRAWN:
        warning = f"{version} was withdrawn; see why with `gms log {version.model}`"
        warn_user(WithdrawnWarning(warning))


@contextmanager
def _here(version: ModelVersion, manifest: Manifest) -> Iterator[None]:
    """Say with what a version was trained, and what is here, where it does not load."""
    try:
        yield
    except (RefusedPickle, BrokenPipelineFile):
        raise
    except LoadError as error:
        recorded = manifest.environment
        from gitmodelstore.values.compare import PARTS_AT_LOAD, PLATFORM

        differing = [one for one in all_differences(recorded) if one.package != PLATFORM]
        if not differing:
            raise
        differing.sort(key=lambda one: one.package not in PARTS_AT_LOAD)
        versions = [str(one) for one in differing]
        series = ".".join(recorded.python.split(".")[:2])
        raise OtherVersionsNeeded(
            f"{str(error).removesuffix('.')}; it was trained with {'; '.join(versions)}",
            hint=f"create its environment: `gms env {version.ref} > requirements.txt`, then "
            f"`uv venv --python {series} {version.model}-env && uv pip install --python "
            f"{version.model}-env -r requirements.txt`, or `pip install -r requirements.txt` with "
            f"Python {series}",
            differences=versions,
        ) from error.__cause__


def check_loads(snapshot: Snapshot, version: ModelVersion, reader: Reader, notify: Notify) -> None:
    """Load a version that was never loaded here; a difference of releases is a notice."""
    from gitmodelstore.operations.trust import needs_of
    from gitmodelstore.pickles.load import loads_for_all, verdict_of
    from gitmodelstore.pickles.summary import lacks

    manifest = snapshot.manifest(version)
    entry, own = manifest.artifact(PIPELINE), needs_of(manifest)
    lacking = any(map(lacks, own))
    if entry and reader.verdicts and not lacking:
        keys = (loads_for_all(entry.sha256), verdict_of(entry.sha256, reader.trust))
        if any(map(reader.verdicts.holds, keys)):
            return
    try:
        load(snapshot, version, reader)
    except OtherVersionsNeeded as error:
        if lacking:
            raise
        notify(f"it is not known whether {version} loads where it is served: {error}")


def bring(
    snapshot: Snapshot, versions: Iterable[ModelVersion], names: Sequence[str] | None = None
) -> None:
    """Have files of versions here, None for all, that are only at a remote: all by one fetch.

    That is what a partial clone has left there, and what Git LFS moves.

    Raises:
        NotFetched: the remote cannot be reached.
    """
    from gitmodelstore.operations.snapshot import large_pipeline

    repository = snapshot.repository
    wanted: dict[str, str] = {}
    pointers: dict[str, str] = {}
    for version in versions:
        files = snapshot.files(version)
        pointer = large_pipeline(files)
        for name in files.keys() if names is None else files.keys() & names:
            what = f"{folder(version.model)}/{name} of {version}"
            if pointer and name == PIPELINE:
                pointers.setdefault(files[name].oid, what)
            elif repository.promisor is not None:
                wanted.setdefault(files[name].oid, what)
    repository.bring(wanted)
    if pointers:
        _bring_large(repository, pointers)


def _bring_large(repository: Repository, names: Mapping[str, str]) -> None:
    """Have the large files here whose pointers of Git LFS have these ids, and what each is."""
    from gitmodelstore.operations.snapshot import likely_remote, named_remote
    from gitmodelstore.plumbing import remotes

    lacking: dict[str, str] = {}
    for oid, what in names.items():
        pointer = read_pointer(repository.read(oid, what))
        if pointer is not None and repository.large_file(pointer.sha256) is None:
            lacking[oid] = pointer.sha256
    name = likely_remote(repository) if lacking else None
    if name is None or name not in remotes.names(remotes.settings_of(repository)):
        return
    try:
        named_remote(repository, name).fetch_large(lacking)
    except RemoteUnreachable as error:
        raise not_fetched(names[next(iter(lacking))], error, others=len(lacking) - 1) from None


def bring_all(snapshot: Snapshot, models: Iterable[str]) -> None:
    """Have every file of models here, of the versions that can be found."""
    versions = []
    for model in models:
        for version in snapshot.registry.versions(model):
            with suppress(IntegrityError, MissingObject):
                versions.append(snapshot.version(model, version))
    bring(snapshot, versions)


def read_verified(
    snapshot: Snapshot,
    version: ModelVersion,
    name: str,
    remembered: Verdicts | None = None,
    manifest: Manifest | None = None,
) -> memoryview:
    """Return the bytes of a file of a version, checked against its manifest.

    The card is not in the manifest, being a function of it; the manifest itself is checked
    against the tag, or was. `remembered` is where it is noted which large files were hashed before.
    """
    path = f"{folder(version.model)}/{name}"
    entry = _declared(version, name, manifest or snapshot.manifest(version))
    if entry is None:
        return snapshot.read(version, name)
    bring(snapshot, [version], [name])
    repository, oid = snapshot.repository, snapshot.entry(version, name).oid
    content = repository.take(oid, path, entry.sha256, remembered)
    pointer = read_pointer(content.data)
    if pointer is not None and entry.sha256 == pointer.sha256:
        content = large_files.read_object(repository.common_dir, pointer, path, remembered)
    if (content.sha256, content.data.nbytes) != (entry.sha256, entry.size_bytes):
        repository.read(oid, path)  # of damage git knows more to say
        raise _not_released(version, entry, content.sha256, content.data.nbytes)
    return content.data


def verified_parts(
    snapshot: Snapshot, version: ModelVersion, name: str, manifest: Manifest | None = None
) -> Iterator[memoryview]:
    """Yield a file of a version part by part; each part is gone when the next is asked for."""
    # The last step checks the SHA-256 and git's own id.
    entry = _declared(version, name, manifest or snapshot.manifest(version))
    if entry is None:
        yield snapshot.read(version, name)
        return
    bring(snapshot, [version], [name])
    digest, size_bytes = lean.sha256(b"", entry.size_bytes), 0
    with _opened(snapshot, version, entry) as stream:
        for part in large_files.parts(stream):
            digest.update(part)
            size_bytes += part.nbytes
            yield part
    if (digest.hexdigest(), size_bytes) != (entry.sha256, entry.size_bytes):
        raise _not_released(version, entry, digest.hexdigest(), size_bytes)


def sample_of(snapshot: Snapshot, version: ModelVersion) -> Sample:
    data = bytes(read_verified(snapshot, version, SAMPLE))
    from gitmodelstore.values.sample import Sample

    return Sample.parse(data, f"{folder(version.model)}/{SAMPLE}")


@contextmanager
def _opened(snapshot: Snapshot, version: ModelVersion, entry: Artifact) -> Iterator[Stream]:
    """Yield what a file holds as it comes: behind a pointer of Git LFS, or in git."""
    repository, path = snapshot.repository, f"{folder(version.model)}/{entry.path}"
    oid = snapshot.entry(version, entry.path).oid
    with repository.stream(oid, path) as stream:
        small = stream.held
        pointer = read_pointer(small) if small is not None else None
        if pointer is None or entry.sha256 != pointer.sha256:
            yield stream
            return
    with large_files.stream(repository.common_dir, pointer, path) as stream:
        yield stream


def _declared(version: ModelVersion, name: str, manifest: Manifest) -> Artifact | None:
    """Return what a manifest says of a file; None of the manifest itself and the card."""
    entry = manifest.artifact(name)
    if entry is None and name not in (MANIFEST, CARD):
        names = [MANIFEST, CARD, *(artifact.path for artifact in manifest.artifacts)]
        raise StoreError(
            f"{version} has no file '{name}'",
            hint=did_you_mean(name, names) or f"it has {', '.join(sorted(names))}",
        )
    return entry


def _not_released(
    version: ModelVersion, entry: Artifact, sha256: str, size_bytes: int
) -> IntegrityError:
    path = f"{folder(version.model)}/{entry.path}"
    return IntegrityError(
        f"{path} of {version} is not the file that was released: {size_bytes} bytes of "
        f"sha256 {sha256[:12]}, the manifest says {entry.size_bytes} of {entry.sha256[:12]}",
        path=path,
        hint="fetch it from an intact clone; `gms log` and `git log` show who changed it",
    )


# What a version was trained with, set beside what is installed here.


@dataclass(frozen=True, slots=True)
class EnvironmentReport:
    """What a version needs, and what differs here.

    >>> report = store.environment("churn")
    >>> report.matches, report.differences
    (True, ())

    Attributes:
        version: which.
        recorded: python, platform and the packages that the pipeline needs.
        requirements: requirements.txt: `name==version` of these packages, one on each line.
        differences: those that count first, then by name.
    """

    version: ModelVersion
    recorded: Environment
    requirements: str
    differences: tuple[Difference, ...]

    @property
    def matches(self) -> bool:
        """Whether nothing that counts differs."""
        return not any(difference.counts for difference in self.differences)

    def __repr__(self) -> str:
        from gitmodelstore.values.tables import counted

        counting = sum(difference.counts for difference in self.differences)
        differences = counted(len(self.differences), "difference")
        return f"<EnvironmentReport {self.version}: {differences}, {counting} may change answers>"


def environment_of(snapshot: Snapshot, version: ModelVersion) -> EnvironmentReport:
    """Return what a version was trained with, and what differs here."""
    manifest, requirements = snapshot.manifest(version), ""
    recorded = manifest.environment
    if manifest.artifact(REQUIREMENTS) is not None:
        data = read_verified(snapshot, version, REQUIREMENTS)
        requirements = bytes(data).decode("utf-8")
    return EnvironmentReport(version, recorded, requirements, all_differences(recorded))


def all_differences(recorded: Environment) -> tuple[Difference, ...]:
    """Return where the present environment differs from a recorded one; what counts first."""
    from gitmodelstore.lineage.environment import present_versions
    from gitmodelstore.values.compare import environment_differences

    return environment_differences(recorded.versions, present_versions())
