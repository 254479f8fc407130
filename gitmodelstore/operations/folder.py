"""Loading what `download` wrote, from plain files: no git, no home, nothing written.

Only the manifest and the pipeline are read. The manifest says what the pipeline must
be; a pinned digest says which manifest.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

from gitmodelstore.errors import (
    EnvironmentWarning,
    IntegrityError,
    InvalidDigest,
    NotAStore,
    warn_user,
)
from gitmodelstore.operations.environment import difference_of, one_warning
from gitmodelstore.operations.loaded import remember
from gitmodelstore.pipelines.load import Reader, load, verdict_of
from gitmodelstore.plumbing import mapped
from gitmodelstore.plumbing.verdicts import Verdicts
from gitmodelstore.values.layout import MANIFEST, PIPELINE
from gitmodelstore.values.manifest import MOST_BYTES, Manifest
from gitmodelstore.values.model_version import ModelVersion

WARM = ".gitmodelstore"  # the verdicts that `gms get --warm` leaves beside the files
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def load_folder(
    folder: Path, reader: Reader, *, digest: str | None = None, environment: str = "warn"
) -> Any:
    """Return the pipeline that a folder holds, verified against its manifest.

    Args:
        folder: what `download` wrote.
        reader: who reads.
        digest: SHA-256 of the manifest that it must be; None takes the one that is there.
        environment: as in `Store.load`.

    Raises:
        NotAStore: it is no such folder.
        IntegrityError: the pipeline is not the one that the manifest names, or the
            manifest not the one that `digest` names.
        InvalidDigest: `digest` is none.
        FormatError, RefusedPickle, LoadError, EnvironmentDiffers: as in `Store.load`.
    """
    wanted = _wanted(digest)
    content = _read(folder / MANIFEST)
    found = hashlib.sha256(content).hexdigest()
    if wanted is not None and found != wanted:
        raise IntegrityError(
            f"'{folder / MANIFEST}' is not the manifest that was pinned: its sha256 is "
            f"{found[:12]}, not {wanted[:12]}",
            path=str(folder / MANIFEST),
            hint="fetch the folder again with `gms get`, or pin what it is meant to be",
        )
    manifest = Manifest.parse(content, str(folder / MANIFEST))
    sha256, data = _pipeline(folder, manifest)
    version = ModelVersion(manifest.model, manifest.version, "", "")
    said = difference_of(version, manifest.environment, environment)
    if wanted is not None and Verdicts(folder / WARM).holds(verdict_of(sha256, reader.trust)):
        reader = Reader(reader.trust, Verdicts(folder / WARM))
    with one_warning(manifest.environment):
        pipeline = load(data, name=str(folder / PIPELINE), reader=reader, sha256=sha256)
    if said:
        warn_user(EnvironmentWarning(said))
    remember(pipeline, version)
    return pipeline


def warm(folder: Path, reader: Reader, name: str) -> None:
    """Load what a folder holds, and note beside its files that it was found harmless.

    Args:
        folder, reader: as in `load_folder`.
        name: what to call the pipeline in errors.

    Raises: as `load_folder`.
    """
    manifest = Manifest.parse(_read(folder / MANIFEST), str(folder / MANIFEST))
    sha256, data = _pipeline(folder, manifest)
    noting = Reader(reader.trust, Verdicts(folder / WARM))
    load(data, name=name, reader=noting, sha256=sha256)


def _wanted(digest: str | None) -> str | None:
    if digest is None:
        return None
    found = _DIGEST.fullmatch(digest)
    if found is None:
        raise InvalidDigest(
            f"{digest!a} is no SHA-256 of a manifest",
            hint="give 64 hexadecimal digits, as `sha256sum manifest.json` prints them",
        )
    return found[1]


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise NotAStore(
            f"'{path.parent}' holds no version: {path.name} cannot be read "
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
            content = mapped.take(mapped.Stream(size_bytes, file.readinto))
    except OSError as error:
        raise IntegrityError(
            f"'{path}' cannot be read: {(error.strerror or str(error)).lower()}", path=str(path)
        ) from None
    found, size_bytes = content.sha256 or "", content.data.nbytes
    if entry is None or (found, size_bytes) != (entry.sha256, entry.size_bytes):
        raise IntegrityError(
            f"'{path}' is not the file that was released",
            path=str(path),
            hint="fetch the folder again with `gms get`",
        )
    return found, content.data
