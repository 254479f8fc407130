"""What the folder of a model must be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gitmodelstore.checks.fault import Fault
from gitmodelstore.values.layout import (
    ATTRIBUTES,
    CARD,
    FOLDER_ATTRIBUTES,
    FOLDER_ATTRIBUTES_LFS,
    FOLDER_FILES,
    MANIFEST,
    PIPELINE,
    folder,
)
from gitmodelstore.values.manifest import Manifest
from gitmodelstore.values.version import Version

PLAIN_MODE = 0o100644


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a check must know of a file.

    Attributes:
        mode: as git keeps it; 0o100644 is a plain file.
        sha256: of its content (behind a Git LFS pointer: of what it points to).
        size_bytes: of the same.
    """

    mode: int
    sha256: str
    size_bytes: int


def folder_faults(
    model: str,
    version: Version,
    files: Mapping[str, FileFacts],
    manifest: Manifest,
    attributes: bytes,
) -> Iterator[Fault]:
    """Yield what is wrong with the folder of one version.

    Args:
        model, version: what the tag and the registry call it.
        files: name in the folder to its facts.
        manifest: what manifest.json says; reading it has judged its form.
        attributes: the bytes of the folder's .gitattributes.
    """
    where = folder(model)
    for name, facts in sorted(files.items()):
        if name not in FOLDER_FILES:
            yield Fault("GMS001", f"{where}/{name}", "not a file of a version")
        elif facts.mode != PLAIN_MODE:
            what = f"mode {facts.mode:o}, expected {PLAIN_MODE:o}"
            yield Fault("GMS002", f"{where}/{name}", what)
    for name in sorted({MANIFEST, PIPELINE, CARD, ATTRIBUTES} - files.keys()):
        yield Fault("GMS020", f"{where}/{name}", "missing")
    if attributes not in (FOLDER_ATTRIBUTES, FOLDER_ATTRIBUTES_LFS):
        what = "not one of the two contents that a folder may have"
        yield Fault("GMS004", f"{where}/{ATTRIBUTES}", what)
    named = (manifest.model, manifest.version)
    if named != (model, version):
        what = f"is of {named[0]} {named[1]}, not of {model} {version}"
        yield Fault("GMS023", f"{where}/{MANIFEST}", what)
    yield from _artifact_faults(where, manifest, files)


def _artifact_faults(
    where: str, manifest: Manifest, files: Mapping[str, FileFacts]
) -> Iterator[Fault]:
    declared = {entry.path: entry for entry in manifest.artifacts}
    for name in sorted((files.keys() & FOLDER_FILES) - declared.keys() - {MANIFEST, CARD}):
        yield Fault("GMS021", f"{where}/{name}", "not in the manifest's artifacts")
    for name, entry in declared.items():
        facts = files.get(name)
        if facts is None:
            what = "in the manifest's artifacts, not in the folder"
            yield Fault("GMS020", f"{where}/{name}", what)
        elif (facts.sha256, facts.size_bytes) != (entry.sha256, entry.size_bytes):
            what = (
                f"{facts.size_bytes} bytes of sha256 {facts.sha256[:12]}, the "
                f"manifest says {entry.size_bytes} of {entry.sha256[:12]}"
            )
            yield Fault("GMS022", f"{where}/{name}", what)
