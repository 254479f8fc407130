"""Whether a store, a proposal to it, or a folder on the disk is sound."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gitmodelstore.checks.fault import Fault, Faults, format_faults
from gitmodelstore.checks.folder import FileFacts, artifact_faults
from gitmodelstore.errors import FormatError, NotAStore
from gitmodelstore.operations.gate import cannot_tell, range_faults, store_faults
from gitmodelstore.plumbing.cat_file import CatFile
from gitmodelstore.plumbing.extent import extent
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.manifest import Outline
from gitmodelstore.values.version import FOLDER_FILES, MANIFEST, PIPELINE


def validate(repository: Repository, between: tuple[str, str] | None) -> Faults:
    """Return everything that is wrong, and what is only to be known, as `Store.validate` says.

    Raises:
        CannotWork: the clone does not hold what is to be judged, because it was not asked to.
    """
    with CatFile(repository.work_tree or repository.common_dir, inherit=False) as objects:
        if between is not None:
            return Faults.of(range_faults(objects, *between))
        held = extent(objects)
        if held.is_shallow:
            raise cannot_tell(held)
        found = store_faults(objects)
        lacking = ("GMS070", "GMS071") if held.is_partial else ("GMS050",)
        if held.lacks is not None and any(fault.code in lacking for fault in found):
            found = [fault for fault in found if fault.code not in lacking]
            if not any(not fault.is_note for fault in found):
                raise cannot_tell(held)
        return Faults.of(found)


def refuse_part(repository: Repository) -> None:
    """Refuse to call faulty what a clone was not asked to hold.

    Raises:
        CannotWork: it is a shallow or a partial clone, or one without tags.
    """
    with CatFile(repository.common_dir, inherit=False) as objects:
        held = extent(objects)
    if held.lacks is not None:
        raise cannot_tell(held)


def validate_folder(folder: Path) -> tuple[Fault, ...]:
    """Return everything that is wrong with the files of one version on the disk.

    Raises:
        NotAStore: it holds no manifest.
    """
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NotAStore(
            f"'{folder}' is not a model folder: {MANIFEST} cannot be read "
            f"({(error.strerror or str(error)).lower()})",
            hint="name a folder such as models/churn, or what `gms get` wrote",
        ) from None
    try:
        manifest = Outline.parse(data, str(path))
    except FormatError as error:
        return tuple(format_faults(error, "GMS010", str(path)))
    facts: dict[str, FileFacts] = {}
    found: list[Fault] = []
    for file in sorted(folder.iterdir()):
        if file.is_symlink() or not file.is_file():
            found.append(Fault("GMS002", str(file), "is not a plain file"))
        elif file.name not in FOLDER_FILES:
            found.append(Fault("GMS001", str(file), "not a file of a version"))
        else:
            facts[file.name] = FileFacts(_sha256(file), file.stat().st_size)
    lost = [name for name in (PIPELINE,) if name not in facts]
    found += [Fault("GMS020", str(folder / name), "missing") for name in lost]
    return (*found, *artifact_faults(str(folder), manifest, facts))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
