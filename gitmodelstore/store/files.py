"""What hands out pipelines and files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitmodelstore.errors import InvalidReference
from gitmodelstore.store.base import Base
from gitmodelstore.values.model_version import (
    Reference,
    as_refs,
    expect,
    expect_flags,
    expect_given,
)
from gitmodelstore.values.version import Version

if TYPE_CHECKING:
    from gitmodelstore.operations.pins import Locked, Synced
    from gitmodelstore.values.model_version import ModelVersion


class Files(Base):
    """What hands out pipelines and files."""

    def load(self, ref: str | ModelVersion, *, environment: str = "warn") -> Any:
        """Return the pipeline that `ref` names, verified and ready to predict.

        What is no part of a pipeline is refused before it acts. That is no sandbox: load
        models of people you trust (docs/security.md).

        >>> model = store.load("churn@production")
        >>> len(model.predict(X_test))
        40

        Args:
            ref: as everywhere.
            environment: what to do where another scikit-learn, numpy, pandas or Python is
                installed than at training: "warn" once (EnvironmentWarning) of what may
                change answers, "exact" refuses any difference, "ignore" says nothing.

        Raises:
            EnvironmentDiffers: something differs, and `environment` is "exact".
            VersionNotFound, ModelNotFound, InvalidReference: `ref` names nothing.
            IntegrityError: the bytes are not the ones that were released.
            MissingObject: they are not on this machine.
            RefusedPickle: they would do more than the parts of a pipeline may.
            LoadError: they cannot be unpickled here.
        """
        expect(ref=ref, environment=environment)
        from gitmodelstore.operations.load import load, warn_if_withdrawn

        snapshot = self._snapshot(warn=not _is_exact(ref))
        version = self._resolve(snapshot, ref)
        warn_if_withdrawn(version)
        return load(snapshot, version, self._reader(), environment=environment)

    def load_unsafe(self, ref: str | ModelVersion) -> Any:
        """Return the pipeline that `ref` names, verified, and RUN WHATEVER ITS FILE SAYS.

        For what `load` refuses, of people whom you trust with this machine. Trusting
        their package (`trusted=`) is the better way.

        >>> len(store.load_unsafe("churn@production").predict(X_test))
        40

        Args:
            ref: as everywhere: a reference such as "churn@production", or a ModelVersion.

        Raises:
            as `load`, but RefusedPickle.
        """
        expect(ref=ref)
        from gitmodelstore.operations.load import load, warn_if_withdrawn

        snapshot = self._snapshot(warn=not _is_exact(ref))
        version = self._resolve(snapshot, ref)
        warn_if_withdrawn(version)
        return load(snapshot, version, unsafe=True)

    def download(
        self,
        ref: str | ModelVersion,
        target: str | PathLike[str] | None = None,
        *,
        warm: bool = False,
    ) -> Path:
        """Write the files of a version, verified, into a new folder and return it.

        >>> folder = store.download("churn@1.1.0")
        >>> folder.name
        'churn-1.1.0'
        >>> len(gms.load_model(folder).predict(X_test))
        40

        Args:
            ref: as everywhere.
            target: the folder; None for `<model>-<version>` in the working directory.
            warm: also load the pipeline once, and note beside the files that it was found
                harmless, for `load_model(folder, digest=…)` on a machine that has seen it
                never before.

        Returns:
            The folder.

        Raises:
            RefusedPickle, LoadError: `warm`, and it cannot be loaded; nothing is left.
        """
        expect(ref=ref)
        expect_given(path=target)
        expect_flags(warm=warm)
        from gitmodelstore.operations.pins import download

        snapshot = self._snapshot(warn=not _is_exact(ref))
        version = self._resolve(snapshot, ref)
        folder = Path(target or f"{version.model}-{version.version}")
        return download(snapshot, version, folder, self._reader() if warm else None)

    def read(self, ref: str | ModelVersion, name: str) -> bytes:
        """Return one file of a version, verified.

        >>> b'"model": "churn"' in store.read("churn@1.1.0", "manifest.json")
        True

        Args:
            ref: as everywhere: a reference such as "churn@production", or a ModelVersion.
            name: of the file, such as "manifest.json".

        Raises:
            VersionNotFound, ModelNotFound, InvalidReference: `ref` names nothing.
            StoreError: the version has no such file.
            IntegrityError: it is not the one that was released.
        """
        data = BytesIO()  # hands out what it holds without a copy
        for part in self.read_parts(ref, name):
            data.write(part)
        return data.getvalue()

    def read_parts(self, ref: str | ModelVersion, name: str) -> Iterator[memoryview]:
        """Yield one file of a version part by part, so that a large one takes no memory.

        Whether it is the one that was released is known at the end alone. A part is gone when
        the next is asked for.

        >>> sum(len(part) for part in store.read_parts("churn@1.1.0", "pipeline.joblib")) > 0
        True

        Args:
            ref: as everywhere: a reference such as "churn@production", or a ModelVersion.
            name: of the file, such as "pipeline.joblib".

        Raises:
            IntegrityError: it is not, after the last part.
        """
        expect(ref=ref, file=name)
        from gitmodelstore.operations.load import verified_parts

        snapshot = self._snapshot(warn=not _is_exact(ref))
        return verified_parts(snapshot, self._resolve(snapshot, ref), name)

    def lock(
        self, refs: Iterable[str | ModelVersion], folder: str | PathLike[str] | None = None
    ) -> Locked:
        """Pin versions in the modelstore.lock.json of the repository that uses them.

        >>> print(store.lock(["churn@production"], folder=".").path.name)
        modelstore.lock.json

        Args:
            refs: which versions; what else the file pins stays.
            folder: of the file; None for the top of the repository around the working
                directory.

        Returns:
            What is pinned now, and what is new of it.

        Raises:
            LockError: a version is withdrawn, or there is no such repository.
            FormatError: the file that is there cannot be understood.
        """
        expect_given(path=folder)
        from gitmodelstore.operations.pins import lock, top_of

        return lock(
            self._repository, as_refs(refs), top_of(Path()) if folder is None else Path(folder)
        )

    def sync(
        self, lock_file: str | PathLike[str], target: str | PathLike[str] | None = None
    ) -> tuple[Synced, ...]:
        """Put what a lock file pins, verified, into folders `<model>-<version>`.

        >>> locked = store.lock(["churn@production"], folder=".")
        >>> [one.path.name for one in store.sync(locked.path)]
        ['churn-1.1.0']

        Args:
            lock_file: its path.
            target: where the folders go; None for `.models` beside the file.

        Returns:
            What is in the folders now, one a pinned model.

        Raises:
            LockError: the file, or a version that it pins, is not there.
            IntegrityError: the store has another version under that number.
        """
        expect(path=lock_file)
        expect_given(path=target)
        from gitmodelstore.operations.pins import sync

        folder = None if target is None else Path(target)
        return sync(self._repository, Path(lock_file), folder)


def _is_exact(ref: str | ModelVersion) -> bool:
    """Whether a reference names a version by its number, whose files are always the same."""
    if not isinstance(ref, str):
        return True
    try:
        return isinstance(Reference.parse(ref).selector, Version)
    except InvalidReference:
        return True
