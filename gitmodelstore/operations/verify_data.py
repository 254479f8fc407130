"""Whether data at hand is what a version was made with, and if not, what differs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitmodelstore.errors import InvalidInput
from gitmodelstore.operations.resolve import resolve
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.values.data_differences import DataDifference, data_differences
from gitmodelstore.values.digest import Digest
from gitmodelstore.values.manifest import Dataset, Manifest
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import did_you_mean

if TYPE_CHECKING:
    from gitmodelstore.lineage.files import Progress

_TABLE, _FILE, _FOLDER, _PIN, _PINNED_FOLDER = "gms-df-1", "sha256", "gms-tree-1", "md5", "md5-dir"

# By algorithm: what a data set is known by, and what can be compared with it.
_KNOWN_BY = {
    _TABLE: ("the values of a table", "give a table, or a CSV or Parquet file of it"),
    _FILE: ("the bytes of a file", "give the path of a file"),
    _FOLDER: ("the files in a folder", "give the path of a folder"),
    _PIN: ("the MD5 of a file, from DVC", "give the .dvc file, or the file that it pins"),
    _PINNED_FOLDER: ("the MD5 of a folder, from DVC", "give the .dvc file, or the folder"),
}


@dataclass(frozen=True, slots=True)
class DataVerified:
    """What was found of one data set.

    Attributes:
        version: which version it belongs to.
        recorded: what its manifest says.
        present: what the data at hand is; its role is that of `recorded`.
        differences: what is known to differ; empty where the data is the same, and where
            neither rows nor columns tell.
    """

    version: ModelVersion
    recorded: Dataset
    present: Dataset
    differences: tuple[DataDifference, ...]

    @property
    def role(self) -> str:
        """What the data was for: "train", "test", …"""
        return self.recorded.role

    @property
    def is_same(self) -> bool:
        """Whether the digests agree."""
        return self.recorded.digest == self.present.digest

    @property
    def why(self) -> str | None:
        """Why there are no differences though the data is not the same; None where there are."""
        if self.is_same or self.differences:
            return None
        if self.recorded.columns is None:
            return "which columns differ is not known: the version records none of this data"
        if self.present.columns is None:
            return "which columns differ is not known: what is here was not read as a table"
        return "rows, columns and their profiles agree: a few values or their order differ"

    def __str__(self) -> str:
        """Return one line, as `churn 1.2.0: train data differs (rows, column 'income')`."""
        if self.is_same:
            return f"{self.version}: {self.role} data is the same"
        named = (f"column '{d.column}'" if d.column else d.what for d in self.differences)
        said = self.why or ", ".join(dict.fromkeys(named))
        return f"{self.version}: {self.role} data differs ({said})"


def verify_data(
    snapshot: Snapshot,
    ref: str | ModelVersion,
    source: Any,
    role: str | None,
    progress: Progress | None,
) -> DataVerified:
    """Compare data with what a version records of it; `Store.verify_data` says what each means.

    Raises:
        InvalidInput, StoreError: as there.
    """
    version = resolve(snapshot, ref)
    manifest = snapshot.manifest(version)
    asked = _Asked(version, manifest, source, progress)
    if role is not None or len(manifest.data) == 1:
        return asked.best(_of_role(version, manifest, role))
    if not manifest.data:
        raise InvalidInput(
            f"{version} records no data",
            hint="data is recorded by `gms register … --data train=FILE`",
        )
    # Whichever of them it is; where it is none, nobody knows which of them it should have been.
    for recorded in manifest.data:
        try:
            if asked.has_another_size(recorded):
                continue
            found = asked.best(recorded)
        except _OtherKind:
            continue
        if found.is_same:
            return found
    raise InvalidInput(
        f"{version} records {_listed(manifest)}, and this is none of them",
        hint="name the one that it should be with role= (--role)",
    )


class _OtherKind(InvalidInput):
    """The data is of another kind than what was recorded, so nothing can be said."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Data at hand, to be compared with the data sets of a version."""

    version: ModelVersion
    manifest: Manifest
    source: Any
    progress: Progress | None

    def best(self, recorded: Dataset) -> DataVerified:
        """Return the comparison with one data set, in the form that differs least."""
        given = self.source.get("source") if isinstance(self.source, Mapping) else self.source
        found = [
            DataVerified(self.version, recorded, present, data_differences(recorded, present))
            for present in self._forms(recorded, given)
        ]
        return min(found, key=lambda one: (not one.is_same, len(one.differences)))

    def has_another_size(self, recorded: Dataset) -> bool:
        """Whether a file need not be read to know that it is another one."""
        from gitmodelstore.lineage import dvc
        from gitmodelstore.lineage.data import path_of
        from gitmodelstore.lineage.files import identity, is_folder

        if recorded.digest.algorithm not in (_FILE, _PIN) or not _is_path(self.source):
            return False
        path = path_of(self.source)
        if is_folder(path) or path.suffix == dvc.SUFFIX:
            return False
        return identity(path).size_bytes != recorded.size_bytes

    def _forms(self, recorded: Dataset, given: Any) -> Iterator[Dataset]:
        from gitmodelstore.lineage.data import describe
        from gitmodelstore.lineage.files import Hashing

        if _is_path(given):
            found = self._of_path(recorded, given)
        elif recorded.digest.algorithm == _TABLE:
            found = iter([given])
        else:
            raise _other_kind(recorded, "a table in memory")
        for form in found:
            if isinstance(form, Dataset):
                yield form
            else:
                yield describe(recorded.role, form, hashing=Hashing(progress=self.progress))

    def _of_path(self, recorded: Dataset, given: str | os.PathLike[Any]) -> Iterator[Any]:
        """Yield what a path may be, as `describe` takes it, or as it is described."""
        from gitmodelstore.lineage import dvc
        from gitmodelstore.lineage.data import path_of
        from gitmodelstore.lineage.files import is_folder

        path, algorithm = path_of(given), recorded.digest.algorithm
        folder = is_folder(path)
        pin = path.suffix == dvc.SUFFIX and not folder
        if algorithm in (_PIN, _PINNED_FOLDER):
            if not pin and folder != (algorithm == _PINNED_FOLDER):
                raise _other_kind(recorded, f"'{path}'")
            yield path if pin else self._as_dvc_does(recorded, path)
        elif algorithm == _TABLE:
            if folder or pin:
                raise _other_kind(recorded, f"'{path}'")
            yield from self._tables(recorded, path)
        elif pin or folder != (algorithm == _FOLDER):
            raise _other_kind(recorded, f"'{path}'")
        else:
            yield path

    def _as_dvc_does(self, recorded: Dataset, path: Path) -> Dataset:
        from gitmodelstore.lineage import dvc, files

        how = files.Hashing(progress=self.progress)
        if recorded.digest.algorithm == _PINNED_FOLDER:
            return _plain(recorded, path, *dvc.digest_of_folder(path, how))
        return _plain(recorded, path, *files.digest_of_file(path, how, _PIN))

    def _tables(self, recorded: Dataset, path: Path) -> Iterator[Any]:
        """Yield the table in a file; and apart, where they were recorded so, X and y."""
        from gitmodelstore.lineage import files, tables

        if not tables.is_table_file(path):
            raise _other_kind(recorded, f"'{path}'")
        try:
            data, _ = files.read_whole(path, files.Hashing(progress=self.progress))
            table = _typed(recorded, path, data)
            table = tables.read(path, data) if table is None else table
        except InvalidInput as error:
            raise InvalidInput(f"cannot compare '{path}': {error}", hint=error.hint) from None
        yield table
        target = recorded.columns[-1].name if recorded.columns else self.manifest.target
        if target in table.columns:
            yield table.drop(columns=[target]), table[target]


def _typed(recorded: Dataset, path: Path, data: bytes) -> Any:
    """Return the table in a CSV file with the types that were recorded; None where it has others.

    A file holds text alone: what was a table in memory had dates, and codes with leading zeros.
    """
    from gitmodelstore.lineage import rows, tables

    if tables.is_parquet(path) or recorded.columns is None:
        return None
    types = {column.name: column.dtype for column in recorded.columns}
    try:
        table = tables.read(path, data, as_text=rows.text_columns(types))
        return rows.with_types(table, types, f"'{path}'", is_text=True)
    except InvalidInput:
        return None


def _is_path(source: object) -> bool:
    return isinstance(source, (str, os.PathLike))


def _of_role(version: ModelVersion, manifest: Manifest, role: str | None) -> Dataset:
    for recorded in manifest.data:
        if role in (None, recorded.role):
            return recorded
    if not manifest.data:
        raise InvalidInput(
            f"{version} records no data",
            hint="data is recorded by `gms register … --data train=FILE`",
        )
    raise InvalidInput(
        f"{version} records no data set '{role}'",
        hint=did_you_mean(role or "", [one.role for one in manifest.data])
        or f"it records {_listed(manifest)}",
    )


def _listed(manifest: Manifest) -> str:
    names = [f"'{one.role}'" for one in manifest.data]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _plain(recorded: Dataset, path: Path, digest: Digest, size_bytes: int) -> Dataset:
    return Dataset(recorded.role, path.as_posix(), None, None, digest, size_bytes, None, None)


def _other_kind(recorded: Dataset, given: str) -> _OtherKind:
    known, hint = _KNOWN_BY.get(
        recorded.digest.algorithm, (f"its {recorded.digest.algorithm}", "give what it was made of")
    )
    return _OtherKind(
        f"data set '{recorded.role}' is known by {known}: {given} is of another kind", hint=hint
    )
