"""What a commit to an ML repository may hold of models: whole versions, or nothing.

A model folder is one that holds manifest.json next to pipeline.joblib, wherever it lies.
"""

from __future__ import annotations

import dataclasses
import posixpath
import re
from collections.abc import Iterator, Mapping

from gitmodelstore.checks.fault import Fault, format_faults
from gitmodelstore.checks.folder import FileFacts, folder_faults, quoted_path, unstage
from gitmodelstore.errors import FormatError
from gitmodelstore.values.manifest import Outline
from gitmodelstore.values.names import MODEL_PATTERN
from gitmodelstore.values.version import MANIFEST, folder

_COPY_AGAIN = "copy the folder again: `gms get {ref} -o DIR`"
_JOBLIB = (".joblib", ".pkl", ".pickle")  # what `gms register` takes


def model_folder_faults(
    place: str, files: Mapping[str, FileFacts], manifest: bytes | None, attributes: bytes | None
) -> Iterator[Fault]:
    """Yield what is wrong with a model folder as it is to be committed.

    Args:
        place: the folder's path, as the faults show it; empty for the top.
        files: path in the folder to its facts; those of manifest.json count for nothing
            but its mode.
        manifest: bytes of manifest.json; None when it is not a plain file.
        attributes: the bytes of the folder's .gitattributes; None without such a file.
    """
    path = posixpath.join(place, MANIFEST)
    if manifest is None:
        yield Fault("GMS002", path, "not a plain file")
        return
    try:
        outline = Outline.parse(manifest, path)
    except FormatError as error:
        yield from format_faults(error, "GMS010", path, _COPY_AGAIN.format(ref="REF"))
        return
    inside = folder(outline.model)
    again = _COPY_AGAIN.format(ref=f"{outline.model}@{outline.version}")
    for fault in folder_faults(outline.model, outline.version, files, outline, attributes):
        name = fault.path.removeprefix(f"{inside}/")
        moved = posixpath.join(place, name)
        mend = unstage(moved) if fault.code == "GMS001" else again
        yield dataclasses.replace(fault, path=moved, mend=mend)


def raw_model_fault(path: str, facts: FileFacts | None, manifest: bytes | None) -> Fault | None:
    """Return what is wrong with a model binary that is to be committed; None when all is well.

    Args:
        path: the binary.
        facts: of it; None when it is not a plain file.
        manifest: bytes of the manifest.json beside it; None without one.
    """
    if manifest is None:
        return _raw(path, "a model without a manifest beside it")
    try:
        outline = Outline.parse(manifest, posixpath.join(posixpath.dirname(path), MANIFEST))
    except FormatError as error:
        return _raw(path, f"a model beside a manifest that cannot be read: {error}")
    entry = outline.artifact(posixpath.basename(path))
    if entry is None:
        return _raw(
            path, f"a model that the manifest of {outline.model} {outline.version} does not list"
        )
    if facts is None or (facts.sha256, facts.size_bytes) != (entry.sha256, entry.size_bytes):
        of = f"{outline.model} {outline.version}"
        return _raw(path, f"not the file that the manifest of {of} lists")
    return None


def _raw(path: str, what: str) -> Fault:
    register = f"run `gms register {_model(path)} {quoted_path(path)}`"
    if not path.lower().endswith(_JOBLIB):
        register = f"write it with `joblib.dump`, run `gms register {_model(path)} FILE`"
    mend = f"{register}, then `git rm --cached -- {quoted_path(path)}`"
    return Fault("GMS090", path, what, mend=mend)


def _model(path: str) -> str:
    """Return a model's name that the file's name suggests."""
    stem = posixpath.basename(path).partition(".")[0]
    near = re.sub(r"[^a-z0-9_-]+", "-", stem.lower())[:63].strip("-_")
    return near if re.fullmatch(MODEL_PATTERN, near) else "NAME"
