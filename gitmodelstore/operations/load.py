"""From a version to its bytes, verified, and from those to a pipeline."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitmodelstore.errors import (
    BrokenPipelineFile,
    EnvironmentWarning,
    IntegrityError,
    LoadError,
    OtherVersionsNeeded,
    RefusedPickle,
    StoreError,
    WithdrawnWarning,
    warn_user,
)
from gitmodelstore.lineage.environment import present_versions
from gitmodelstore.operations.folder import difference_of, needs_of, one_warning, remember
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.plumbing import large_files, lfs
from gitmodelstore.values.compare import (
    PARTS_AT_LOAD,
    PLATFORM,
    Difference,
    environment_differences,
)
from gitmodelstore.values.manifest import Artifact, Environment, Manifest
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import WITHDRAWN, did_you_mean
from gitmodelstore.values.objects import read_pointer
from gitmodelstore.values.sample import Sample
from gitmodelstore.values.version import CARD, MANIFEST, PIPELINE, REQUIREMENTS, SAMPLE, folder

if TYPE_CHECKING:
    from gitmodelstore.pickles.load import Reader
    from gitmodelstore.plumbing.caches import Verdicts
    from gitmodelstore.plumbing.large_files import Stream
    from gitmodelstore.values.manifest import Outline


def load(
    snapshot: Snapshot,
    version: ModelVersion,
    reader: Reader | None = None,
    *,
    environment: str = "ignore",
    unsafe: bool = False,
) -> Any:
    """Return the pipeline of a version, ready to predict; raises as `Store.load`.

    The bytes come from git's object database, or from git-lfs's folder; never from
    a work tree. SHA-256 and size of exactly the bytes that are unpickled are those
    of the manifest.

    Args:
        snapshot, version: which one.
        reader: who reads; None for one who trusts nobody and notes nothing.
        environment: what to do where other versions are installed than at training:
            "warn", "exact" (refuse) or "ignore".
        unsafe: run whatever the file says.

    Raises:
        OtherVersionsNeeded: they cannot be unpickled here, where other versions are installed.
    """
    from gitmodelstore.pickles.load import load as unpickle
    from gitmodelstore.pickles.load import load_unsafe

    manifest = snapshot.manifest(version)
    remembered = reader.verdicts if reader else None
    data = read_verified(snapshot, version, PIPELINE, manifest, remembered)
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


def load_quietly(snapshot: Snapshot, version: ModelVersion, reader: Reader | None) -> Any:
    """Return a pipeline that is to be asked, which tells what other versions installed here do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load(snapshot, version, reader)


def warn_if_withdrawn(version: ModelVersion) -> None:
    """Warn whoever is about to use a version that somebody has found to be bad."""
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
        differing = [one for one in differences(recorded) if one.package != PLATFORM]
        if not differing:
            raise
        differing.sort(key=lambda one: one.package not in PARTS_AT_LOAD)
        versions = [str(one) for one in differing]
        series = ".".join(recorded.python.split(".")[:2])
        raise OtherVersionsNeeded(
            f"{str(error).removesuffix('.')}; it was trained with {'; '.join(versions)}",
            hint=f"create its environment: `gms env {version.ref} > requirements.txt`, then "
            f"`uv venv --python {series} {version.model}-env && uv pip install --python "
            f"{version.model}-env -r requirements.txt`, or `pip install -r requirements.txt` where "
            f"Python is {series}",
            differences=versions,
        ) from error.__cause__


def check_loads(
    snapshot: Snapshot, version: ModelVersion, reader: Reader, notify: Callable[[str], None]
) -> None:
    """Make sure that a version loads here for a reader, as cheaply as that can be known.

    It has been loaded here before; or its names, which are those of the table, tell of it and the
    releases are those of the training, so that a dry walk does, which imports nothing; or it is
    loaded.
    Where other releases are installed, what fails on their account is only said.

    Args:
        snapshot, version: which one.
        reader: who would load it.
        notify: is told of a version that does not load here because of other releases.

    Raises:
        LoadError, NotAPipeline, IntegrityError, MissingObject: as in `load`.
    """
    from gitmodelstore.pickles.load import DRY, verdict_of
    from gitmodelstore.pickles.loadable import is_told_by_names, lacks, walk_dry

    manifest, name = snapshot.manifest(version), f"{folder(version.model)}/{PIPELINE} of {version}"
    entry = manifest.artifact(PIPELINE)
    own, names = needs_of(manifest), (entry.globals if entry else None) or ()
    keys = [verdict_of(entry.sha256 if entry else "", reader.trust, how) for how in ("", DRY)]
    if reader.verdicts and any(map(reader.verdicts.holds, keys)) and not any(map(lacks, own)):
        return
    is_elsewhere = difference_of(version, manifest.environment, "warn") is not None
    if own or is_elsewhere or not is_told_by_names(names):
        try:
            load(snapshot, version, reader)
        except OtherVersionsNeeded as error:
            if any(map(lacks, own)):
                raise
            notify(f"it is not known whether {version} loads where it is served: {error}")
        return
    data = read_verified(snapshot, version, PIPELINE, manifest, reader.verdicts)
    walk_dry(data, name, reader.trust)
    if reader.verdicts:
        reader.verdicts.note(keys[1])


def read_verified(
    snapshot: Snapshot,
    version: ModelVersion,
    name: str,
    manifest: Outline | Manifest | None = None,
    remembered: Verdicts | None = None,
) -> memoryview:
    """Return the bytes of a file of a version, checked against its manifest.

    The card is not in the manifest, being a function of it; the manifest itself is checked
    against the tag. `manifest` is what the caller has read of it, `remembered` where it is
    noted which large files were hashed before.

    Raises:
        StoreError: the version has no such file.
        IntegrityError, MissingObject: as in `load`.
    """
    path = f"{folder(version.model)}/{name}"
    entry = _declared(version, name, manifest or snapshot.manifest(version))
    if entry is None:
        return snapshot.read(version, name)
    repository, oid = snapshot.repository, snapshot.entry(version, name).oid
    content = repository.take(oid, path)
    pointer = read_pointer(content.data)
    if pointer is not None and entry.sha256 == pointer.sha256:
        content = lfs.read(repository.common_dir, pointer, path, remembered)
    sha256 = content.sha256 or hashlib.sha256(content.data).hexdigest()
    if (sha256, content.data.nbytes) != (entry.sha256, entry.size_bytes):
        repository.read(oid, path)  # of damage git knows more to say
        raise _not_released(version, entry, sha256, content.data.nbytes)
    return content.data


def verified_parts(
    snapshot: Snapshot,
    version: ModelVersion,
    name: str,
    manifest: Outline | Manifest | None = None,
) -> Iterator[memoryview]:
    """Yield the bytes of a file of a version part by part, so that a large one needs no memory.

    That they are the released ones is known at the end, when git's own id of them is checked
    too. A part is gone when the next is asked for.

    Raises:
        StoreError, IntegrityError, MissingObject: as in `read_verified`, after the last part.
    """
    entry = _declared(version, name, manifest or snapshot.manifest(version))
    if entry is None:
        yield snapshot.read(version, name)
        return
    digest, size_bytes = hashlib.sha256(), 0
    with _opened(snapshot, version, entry) as stream:
        for part in large_files.parts(stream):
            digest.update(part)
            size_bytes += part.nbytes
            yield part
    if (digest.hexdigest(), size_bytes) != (entry.sha256, entry.size_bytes):
        raise _not_released(version, entry, digest.hexdigest(), size_bytes)


def sample_of(snapshot: Snapshot, version: ModelVersion) -> Sample:
    """Return the sample of a version that has one.

    Raises:
        IntegrityError, FormatError: it is not the one that was released, or none at all.
    """
    data = bytes(read_verified(snapshot, version, SAMPLE))
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
    with lfs.stream(repository.common_dir, pointer, path) as stream:
        yield stream


def _declared(version: ModelVersion, name: str, manifest: Outline | Manifest) -> Artifact | None:
    """Return what a manifest says of a file; None of those that it cannot name.

    Raises:
        StoreError: the version has no such file.
    """
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
    """What a version needs, and what of it differs here.

    >>> report = store.environment("churn")
    >>> report.matches, report.differences
    (True, ())

    Attributes:
        version: which.
        recorded: python, platform and the packages that the pipeline needs.
        requirements: requirements.txt: `name==version` of these packages, one a line.
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


def environment_of(snapshot: Snapshot, version: ModelVersion) -> EnvironmentReport:
    """Return what a version was trained with, and what differs here.

    Raises:
        IntegrityError, FormatError, MissingObject: it is not the one that was released.
    """
    recorded = snapshot.manifest(version).environment
    requirements = ""
    if snapshot.manifest(version).artifact(REQUIREMENTS) is not None:
        requirements = bytes(read_verified(snapshot, version, REQUIREMENTS)).decode("utf-8")
    return EnvironmentReport(version, recorded, requirements, differences(recorded))


def differences(recorded: Environment) -> tuple[Difference, ...]:
    """Return where the present environment differs from a recorded one; what counts first."""
    return environment_differences(recorded.versions, present_versions())
