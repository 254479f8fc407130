"""Loading what `download` wrote, from plain files: no git, no home, nothing written.

Only the manifest and the pipeline are read. The manifest says what the pipeline must
be; a pinned digest says which manifest.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gitmodelstore.errors import (
    EnvironmentDiffers,
    EnvironmentWarning,
    IntegrityError,
    InvalidDigest,
    InvalidInput,
    NotAStore,
    StoreError,
    warn_user,
)
from gitmodelstore.operations.trust import trusted_names
from gitmodelstore.pickles.load import Reader, load, verdict_of
from gitmodelstore.pickles.rights import Trust, needs_trust
from gitmodelstore.plumbing import large_files
from gitmodelstore.plumbing.caches import Verdicts
from gitmodelstore.plumbing.files import cache_folder
from gitmodelstore.values.compare import PARTS_AT_LOAD, Difference, environment_differences
from gitmodelstore.values.manifest import MOST_BYTES, Environment, Manifest
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.version import MANIFEST, PIPELINE

if TYPE_CHECKING:
    from gitmodelstore.operations.snapshot import Writer
    from gitmodelstore.values.manifest import Manifest
    from gitmodelstore.values.model_version import ModelVersion


# Which version each living pipeline came from; an estimator is never written to.


_loaded: dict[int, tuple[weakref.ref[Any], ModelVersion]] = {}


def version_of(pipeline: Any) -> ModelVersion:
    """Return the version that a loaded pipeline is.

    Raises:
        StoreError: this object was not loaded from a store in this process.
    """
    reference, version = _loaded.get(id(pipeline), (None, None))
    if reference is None or version is None or reference() is not pipeline:
        raise StoreError(
            f"this {type(pipeline).__name__} was not loaded from a store",
            hint="load it with `gms.load_model(...)`; a copy or a re-fit is another object",
        )
    return version


def remember(pipeline: Any, version: ModelVersion) -> None:
    """Have `version_of` tell of a pipeline that was just loaded."""
    key = id(pipeline)
    try:
        _loaded[key] = (weakref.ref(pipeline, lambda _: _loaded.pop(key, None)), version)
    except TypeError:  # a class with __slots__ and no __weakref__
        _loaded.pop(key, None)


# Who reads pipelines here: the reader's own trust, and the verdicts in the reader's cache.


def needs_of(manifest: Manifest) -> tuple[str, ...]:
    """Return the names that readers of a version must trust; empty for none."""
    pipeline = manifest.artifact(PIPELINE)
    if pipeline is None:
        return ()
    return tuple(sorted({*needs_trust(pipeline.globals or ()), *(pipeline.needs_trust or ())}))


def with_needs(version: ModelVersion, needed: tuple[str, ...], writer: Writer) -> ModelVersion:
    """Return a version that was just registered, with the names that readers must trust.

    Args:
        version: which.
        needed: these names.
        writer: is told of them.
    """
    if needed:
        writer.notify(
            f"readers must trust: {', '.join(needed)} (`gms trust add {' '.join(needed)}`)"
        )
    return replace(version, needs_trust=needed)


def reader_of(
    trusted: Iterable[str], *, cache: bool, notify: Callable[[str], None] | None = None
) -> Reader:
    """Return who reads, and trusts `trusted` besides the configured names.

    `cache` keeps verdicts in the user's cache; `notify` is told once why it cannot.

    Raises:
        InvalidInput: one is not a name.
    """
    folder = cache_folder() if cache else None
    verdicts = Verdicts(folder) if folder else None
    if verdicts and verdicts.doubt and notify:
        notify(f"the cache is not used: {verdicts.doubt}")
    return Reader(Trust(trusted_names(trusted, Path())), verdicts)


# Whether what is installed here is what a version was trained with.


Care = Literal["warn", "exact", "ignore"]
CARES: tuple[Care, ...] = ("warn", "exact", "ignore")


def differences(recorded: Environment) -> tuple[Difference, ...]:
    """Return where Python, scikit-learn, numpy or pandas differ from those at training."""
    pins = {name: recorded.versions[name] for name in PARTS_AT_LOAD if name in recorded.versions}
    return environment_differences(pins, {name: _present(name) for name in pins}, PARTS_AT_LOAD)


def check_care(care: str) -> None:
    """Refuse another word than one of CARES.

    Raises:
        InvalidInput: it is none.
    """
    if care not in CARES:
        raise InvalidInput(
            f"environment={care!r} is not valid", hint=f"give {', '.join(map(repr, CARES))}"
        )


def difference_of(of: ModelVersion, recorded: Environment, care: str) -> str | None:
    """Return what is to be said before a version is loaded here; None for nothing.

    For `care`, "warn" says what counts, "exact" refuses any difference, "ignore" neither.

    Raises:
        InvalidInput: `care` is none of these.
        EnvironmentDiffers: something differs, and `care` is "exact".
    """
    check_care(care)
    differing = differences(recorded) if care != "ignore" else ()
    text = "; ".join(map(str, differing))
    if differing and care == "exact":
        raise EnvironmentDiffers(
            f"{of} was trained with other versions: {text}",
            hint=f"install what `gms cat {of.ref}:requirements.txt` lists",
        )
    if not any(one.counts for one in differing):
        return None
    return (
        f"{of} was trained with other versions: {text}; "
        f"check whether it gives the same answers: gms verify {of.ref} --replay"
    )


@lru_cache
def _present(package: str) -> str | None:
    if package == "python":
        return platform.python_version()
    # Not above: 25 ms, which who only reads bytes would feel.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


@contextmanager
def one_warning(recorded: Environment) -> Iterator[None]:
    """Leave it to us to say, once, what scikit-learn says of each estimator."""
    if not differences(recorded):
        yield
        return
    from gitmodelstore.pickles.load import version_warning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", version_warning())
        yield


# Folder


WARM = ".gitmodelstore"  # the verdicts that `gms get --warm` leaves beside the files
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def load_folder(
    folder: Path, reader: Reader, *, digest: str | None = None, environment: str = "warn"
) -> Any:
    """Return the pipeline that a folder holds, verified against its manifest.

    The manifest must have the SHA-256 `digest`; None takes the one that is there.

    Raises:
        NotAStore: it is no such folder.
        IntegrityError: the pipeline is not the one that the manifest names, or the
            manifest not the one that `digest` names.
        InvalidDigest: `digest` is none.
        FormatError, RefusedPickle, LoadError, EnvironmentDiffers: as in `Store.load`.
    """
    wanted = _wanted(digest)
    content = _read(folder / MANIFEST)
    manifest_sha256 = hashlib.sha256(content).hexdigest()
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
        pipeline = load(data, name=str(folder / PIPELINE), reader=reader, sha256=sha256)
    if warning:
        warn_user(EnvironmentWarning(warning))
    remember(pipeline, version)
    return pipeline


def warm(folder: Path, reader: Reader, name: str) -> None:
    """Load what a folder holds, and note beside its files that it was found harmless.

    `name` is what to call the pipeline in errors, which are those of `load_folder`.
    """
    manifest = Manifest.parse(_read(folder / MANIFEST), str(folder / MANIFEST))
    sha256, data = _pipeline(folder, manifest)
    noting = Reader(reader.trust, Verdicts(folder / WARM))
    load(data, name=name, reader=noting, sha256=sha256)


def _wanted(digest: str | None) -> str | None:
    if digest is None:
        return None
    match = _DIGEST.fullmatch(digest)
    if match is None:
        raise InvalidDigest(
            f"{digest!a} is not a SHA-256 of a manifest",
            hint="give 64 hexadecimal digits, as `sha256sum manifest.json` prints them",
        )
    return match[1]


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise NotAStore(
            f"'{path.parent}' does not contain a version: {path.name} cannot be read "
            f"({(error.strerror or str(error)).lower()})",
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
            f"'{path}' cannot be read: {(error.strerror or str(error)).lower()}", path=str(path)
        ) from None
    sha256, size_bytes = content.sha256 or "", content.data.nbytes
    if entry is None or (sha256, size_bytes) != (entry.sha256, entry.size_bytes):
        raise IntegrityError(
            f"'{path}' is not the file that was released",
            path=str(path),
            hint="fetch the folder again with `gms get`",
        )
    return sha256, content.data
