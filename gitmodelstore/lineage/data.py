"""The data sets that took part: where they lay, and a digest that says which they were.

A file is read once, as bytes; pandas is needed only for data in memory.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gitmodelstore.errors import InvalidInput
from gitmodelstore.lineage import is_url, visible, without_credentials
from gitmodelstore.values.digest import Digest
from gitmodelstore.values.manifest import Column, Dataset
from gitmodelstore.values.names import did_you_mean

TREE_ALGORITHM = "gms-tree-1"

# A manifest may hold 1 MiB; beyond these a table is known by its digest and its rows.
MOST_COLUMNS = 1000
MOST_PROFILES = 200

_ROLE = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_OVERRIDES = ("source", "uri", "name", "version")
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".lz4", ".br")
_SUFFIX = re.compile(r"\.(?!v\d)[A-Za-z][A-Za-z0-9]*")
_DATE = r"(?:19|20)\d\d(?:[-_.]?[01]\d(?:[-_.]?[0-3]\d)?)?"
_NAME_AND_VERSION = re.compile(
    r"(?P<name>.+?)[-_. ]"
    rf"(?:v(?P<v>\d[\w.+-]*)|(?P<dotted>\d+(?:\.\d+)+[\w.+-]*)|(?P<date>{_DATE}))"
)
_DVC_OUTPUT = re.compile(r"^\s*-?\s*(md5|size|path):\s*['\"]?([^'\"\n]*)['\"]?\s*$", re.MULTILINE)


def describe(role: str, source: object, *, base: Path | None = None) -> Dataset:
    """Return what the manifest says about one data set.

    A file is known by the SHA-256 of its bytes, a folder by `tree_digest`, a `.dvc`
    file by the MD5 that it pins, a table in memory by gms-df-1. Name and version
    come from the file name: `churn_v1.2.0.parquet` is version 1.2.0 of `churn`,
    `churn-2024-01.csv` its version 2024-01.

    Args:
        role: what the data was for: "train", "test", …
        source: the path of a file or a folder; a DataFrame, Series, array, sparse
            matrix or list; a pair `(X, y)` of these; or a mapping with any of these
            under "source", and "uri", "name", "version" to be recorded instead of
            what would be found.
        base: the folder, such as that of the code repository, to which paths within
            it are recorded relative. Other paths are recorded absolute. None: as given.

    Raises:
        InvalidInput: the role is none; a path cannot be read, or changes while it is
            read; a URL, which is not fetched; or data that has no digest.
    """
    _check_role(role)
    try:
        return _describe(role, source, base)
    except InvalidInput as error:
        raise InvalidInput(f"data set '{role}': {error}", hint=error.hint) from error


def tree_digest(folder: Path) -> tuple[Digest, int]:
    """Return the digest of all files under `folder`, and their size in bytes.

    "gms-tree-1" is the SHA-256 over the line `gms-tree-1`, then for each file, in
    the order of the bytes of its path, a line of the SHA-256 of its content in
    hexadecimal, two spaces, and its path relative to the folder, with `/`, in UTF-8,
    ended by NUL instead of a newline. Links to files count as the files; folders
    without files do not count; modes and times do not either.

    Raises:
        InvalidInput: a file cannot be read, is a link to a folder (which may lead in
            circles), or changes while it is read; files come or go meanwhile.
    """
    before = sorted(_files(folder), key=_tree_path)
    total, size_bytes = hashlib.sha256(f"{TREE_ALGORITHM}\n".encode("ascii")), 0
    for path in before:
        digest, size = _file_digest(folder / path)
        total.update(digest.encode("ascii") + b"  " + _tree_path(path) + b"\0")
        size_bytes += size
    if before != sorted(_files(folder), key=_tree_path):
        raise _changed(folder)
    return Digest(TREE_ALGORITHM, total.hexdigest()), size_bytes


def name_and_version(file_name: str) -> tuple[str, str | None]:
    """Return the name and the version that a file name spells; None without a version.

    >>> name_and_version("churn_v1.2.0.csv.gz")
    ('churn', '1.2.0')
    >>> name_and_version("churn-2024-01.csv")
    ('churn', '2024-01')
    >>> name_and_version("train.parquet")
    ('train', None)
    """
    stem = _without_suffixes(file_name)
    found = _NAME_AND_VERSION.fullmatch(stem)
    if not found:
        return stem, None
    return found["name"], found["v"] or found["dotted"] or found["date"]


def _check_role(role: object) -> None:
    if isinstance(role, str) and _ROLE.fullmatch(role):
        return
    rule = "use lower-case letters, digits, - and _, such as 'train' or 'test'"
    near = re.sub(r"[^a-z0-9_-]+", "-", role.lower()).strip("-_") if isinstance(role, str) else ""
    advice = f"{rule}; or '{near}'" if _ROLE.fullmatch(near) else rule
    raise InvalidInput(f"{role!a} is not a role of a data set", hint=advice)


def _describe(role: str, source: object, base: Path | None) -> Dataset:
    if isinstance(source, Mapping):
        return _overridden(role, source, base)
    if isinstance(source, (str, os.PathLike)):
        return _describe_path(role, os.fspath(source), base)
    return _describe_memory(role, source)


def _overridden(role: str, given: Mapping[str, Any], base: Path | None) -> Dataset:
    for key in given:
        if key not in _OVERRIDES:
            raise InvalidInput(
                f"unknown key {key!a}",
                hint=did_you_mean(str(key), _OVERRIDES) or f"known are {', '.join(_OVERRIDES)}",
            )
    if "source" not in given:
        raise InvalidInput("no 'source'", hint="give {'source': a path or a table, 'uri': …}")
    found = _describe(role, given["source"], base)
    uri, name, version = (_fact(given, key) for key in _OVERRIDES[1:])
    return replace(
        found,
        uri=found.uri if uri is None else without_credentials(uri),
        name=found.name if name is None else name,
        version=found.version if version is None else version,
    )


def _fact(given: Mapping[str, Any], key: str) -> str | None:
    fact = given.get(key)
    if fact is not None and not isinstance(fact, str):
        raise InvalidInput(f"expected text as '{key}', found {type(fact).__name__}")
    return None if fact is None else visible(fact)


# Files and folders


def _describe_path(role: str, given: str | bytes, base: Path | None) -> Dataset:
    text = os.fsdecode(given)
    if is_url(text):
        raise InvalidInput(
            f"cannot read '{visible(without_credentials(text))}'",
            hint="give a local file or a DataFrame; "
            "{'source': …, 'uri': …} records where it came from",
        )
    if not text or "\0" in text:
        raise InvalidInput(f"{text!a} is not a path")
    path = Path(text)
    name, version = name_and_version(path.absolute().name)
    digest, size_bytes = _path_digest(path)
    return Dataset(
        role=role,
        uri=visible(_uri(path, base)),
        name=visible(name),
        version=None if version is None else visible(version),
        digest=digest,
        size_bytes=size_bytes,
        rows=None,
        columns=None,
    )


def _path_digest(path: Path) -> tuple[Digest, int]:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise _unreadable(path, error) from error
    if stat.S_ISDIR(mode):
        return tree_digest(path)
    if path.suffix == ".dvc":
        return _pinned_digest(path)
    digest, size_bytes = _file_digest(path)
    return Digest("sha256", digest), size_bytes


def _file_digest(path: Path) -> tuple[str, int]:
    """Return the SHA-256 of a file in hexadecimal, and its size in bytes."""
    try:
        if not path.is_file():
            raise InvalidInput(f"'{visible(str(path))}' is neither a file nor a folder")
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        after = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    if _identity(before) != _identity(after):
        raise _changed(path)
    return digest, before.st_size


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files under `folder`, relative to it."""
    try:
        for parent, folders, files in os.walk(folder, onerror=_raise):
            here = Path(parent)
            for name in folders:
                if (here / name).is_symlink():
                    raise InvalidInput(
                        f"'{visible(str(here / name))}' is a link to a folder",
                        hint="give the folder itself, or a copy of it",
                    )
            yield from ((here / name).relative_to(folder) for name in files)
    except OSError as error:
        raise _unreadable(folder, error) from error


def _raise(error: OSError) -> None:
    raise error


def _tree_path(path: Path) -> bytes:
    return path.as_posix().encode("utf-8", "surrogateescape")


def _pinned_digest(path: Path) -> tuple[Digest, int]:
    """Return the digest and the size that a `.dvc` file pins for its one output."""
    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError as error:
        raise _unreadable(path, error) from error
    outputs = text.partition("outs:")[2]
    found = _DVC_OUTPUT.findall(outputs)
    pinned = dict(found)
    md5, _, kind = pinned.get("md5", "").partition(".")
    if len(pinned) != len(found) or not re.fullmatch(r"[0-9a-f]{32}", md5):
        raise InvalidInput(
            f"'{path}' does not pin one file or folder by its MD5",
            hint="give the data file itself",
        )
    if not pinned.get("size", "").isdecimal():
        raise InvalidInput(f"'{path}' does not say the size", hint="give the data file itself")
    return Digest("md5-dir" if kind == "dir" else "md5", md5), int(pinned["size"])


def _uri(path: Path, base: Path | None) -> str:
    if base is None:
        return path.as_posix()
    for whole in (os.path.abspath, os.path.realpath):  # as written, then behind links
        inside = Path(whole(path))
        if inside.is_relative_to(whole(base)):
            return inside.relative_to(whole(base)).as_posix()
    return Path(os.path.abspath(path)).as_posix()


def _without_suffixes(file_name: str) -> str:
    stem, suffix = os.path.splitext(file_name)
    if suffix in (".dvc", *_COMPRESSED):
        return _without_suffixes(stem)
    if stem and _SUFFIX.fullmatch(suffix):
        return stem.removesuffix(".tar") or stem
    return file_name


def _unreadable(path: Path, error: OSError) -> InvalidInput:
    shown = visible(str(path))
    if isinstance(error, FileNotFoundError):
        return InvalidInput(f"no file or folder '{shown}'", hint=_near(path))
    where = f" at '{visible(str(error.filename))}'" if _is_within(error, path) else ""
    return InvalidInput(f"cannot read '{shown}'{where}: {(error.strerror or str(error)).lower()}")


def _is_within(error: OSError, path: Path) -> bool:
    return isinstance(error.filename, str) and Path(error.filename) != path


def _near(path: Path) -> str | None:
    try:
        return did_you_mean(path.name, sorted(os.listdir(path.parent)))
    except OSError:  # no folder, so no neighbours
        return None


def _changed(path: Path) -> InvalidInput:
    return InvalidInput(
        f"'{visible(str(path))}' changed while it was read",
        hint="try again when nothing writes to it",
    )


# Tables in memory


def _describe_memory(role: str, source: Any) -> Dataset:
    from gitmodelstore.lineage import frames

    if source is None:
        raise InvalidInput("expected a path or a table, found None")
    digest, size_bytes = frames.measure(source)
    parts = source if isinstance(source, tuple) else (source,)
    return Dataset(
        role=role,
        uri=None,
        name=None,
        version=None,
        digest=digest,
        size_bytes=size_bytes,
        rows=_rows(parts),
        columns=_columns(parts),
    )


def _rows(parts: tuple[Any, ...]) -> int:
    lengths = [part.shape[0] if hasattr(part, "shape") else len(part) for part in _given(parts)]
    if len(set(lengths)) > 1:
        raise InvalidInput(f"X has {lengths[0]} rows, y has {lengths[1]}")
    return int(lengths[0]) if lengths else 0


def _given(parts: tuple[Any, ...]) -> list[Any]:
    return [part for part in parts if part is not None]


def _columns(parts: tuple[Any, ...]) -> tuple[Column, ...] | None:
    """The columns of X, then that of y; None when there are too many to list."""
    from gitmodelstore.lineage import frames

    held = [
        (_column_name(part, label, place, is_target=number > 0), column, frames.is_sparse(part))
        for number, part in enumerate(parts)
        if part is not None
        for place, (label, column) in enumerate(frames.columns_of(part))
    ]
    if len(held) > MOST_COLUMNS:
        return None
    profiled = len(held) <= MOST_PROFILES
    return tuple(
        _column(name, column, profiled=profiled and not sparse) for name, column, sparse in held
    )


def _column_name(part: Any, label: Any, place: int, *, is_target: bool) -> str:
    """The label; else the name of a Series; else "y" for a target, and the position."""
    from gitmodelstore.lineage import frames

    if label is None:
        label = getattr(part, "name", None)
    if label is not None:
        return visible(frames.label_text(label))
    return "y" if is_target and getattr(part, "ndim", 1) == 1 else str(place)


def _column(name: str, column: Any, *, profiled: bool) -> Column:
    from gitmodelstore.lineage import columns, profile

    return Column(name, columns.logical_type(column), profile.profile(column) if profiled else None)
