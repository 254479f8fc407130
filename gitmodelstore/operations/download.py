"""One version as plain files."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from gitmodelstore.errors import StoreError
from gitmodelstore.operations.load import verified_parts
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.plumbing.disk import check_absent
from gitmodelstore.plumbing.repository import writing
from gitmodelstore.values.layout import PIPELINE, folder
from gitmodelstore.values.model_version import ModelVersion

if TYPE_CHECKING:
    from gitmodelstore.pipelines.load import Reader


def download(
    snapshot: Snapshot, version: ModelVersion, target: Path, warming: Reader | None = None
) -> Path:
    """Write the files of a version into a new folder, each verified, and return the folder.

    Args:
        snapshot, version: which version.
        target: the folder; it must not exist, or be empty.
        warming: who loads the pipeline once, to leave a verdict beside the files; None
            for nobody.

    Raises:
        AlreadyExists: it does, and holds something.
        CannotWrite: the disk does not take it.
        IntegrityError, MissingObject: a file is not the one that was released; nothing is left.
        RefusedPickle, LoadError: the pipeline cannot be loaded; nothing is left.
    """
    check_absent(target, "name another folder with -o DIR")
    manifest = snapshot.manifest(version)
    with writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        declared = [entry.path for entry in manifest.artifacts]
        for name in dict.fromkeys([*snapshot.files(version), *declared]):
            with writing(target):
                file = (partial / name).open("wb")
            with file:
                for part in verified_parts(snapshot, version, name, manifest):
                    with writing(target):
                        file.write(part)
                with writing(target):
                    file.close()
        if warming is not None:
            from gitmodelstore.operations.folder import warm

            warm(partial, warming, f"{folder(version.model)}/{PIPELINE} of {version}")
        with writing(target):
            partial.chmod(0o755)  # mkdtemp makes it private
            partial.replace(target)
    except (StoreError, KeyboardInterrupt):
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return target
