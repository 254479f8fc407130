"""The data sets that took part: files by their bytes, DVC's digests, what the manifest says."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from gitmodelstore.errors import InvalidInput, is_of_handler, reason_of
from gitmodelstore.lean import Any, dataclass, pattern, replace
from gitmodelstore.lineage import is_url, spelled_out, tables, without_credentials
from gitmodelstore.plumbing.large_files import Memo, identity
from gitmodelstore.values.fields import Digest
from gitmodelstore.values.manifest import Dataset
from gitmodelstore.values.names import did_you_mean

# Files and folders by their bytes: read once, in pieces, and caught changing.


TREE_ALGORITHM = "gms-tree-1"

# Called with what is being read, how many bytes of it were, and how many it has.
Progress = Callable[[str, int, int], None]

_STEP_BYTES = 1 << 20
# Linux dates changes by a clock that ticks every 1 to 10 ms: of two within a tick one shows.
_TICK_NS = 20 * 10**6
_WORTH_REMEMBERING = 1 << 20  # bytes: a smaller file is hashed as soon as it is looked up


@dataclass(frozen=True, slots=True)
class Hashing:
    """How files are hashed; `progress` is told the bytes read, at every mebibyte and at the end."""

    cache: Path | None = None  # the user's, where digests are remembered; None to read every file
    progress: Progress | None = None  # None for nobody


PLAIN = Hashing()


def digest_of_file(
    path: Path,
    how: Hashing = PLAIN,
    algorithm: str = "sha256",
    keep: Callable[[bytes], Any] | None = None,
) -> tuple[Digest, int]:
    """Return digest and size in bytes of a file or of what a link leads to; `keep` gets its bytes.

    Raises:
        InvalidInput: it cannot be read, is not a file, or changes while it is read.
    """
    total = status(path).st_size
    if keep or total < _WORTH_REMEMBERING:
        how = replace(how, cache=None)
    with _Reading(path, how, algorithm) as reading:
        reading.total = total
        digest, size_bytes = reading.digest(path, b"", keep)
    return Digest(algorithm, digest), size_bytes


def digest_of_folder(folder: Path, how: Hashing = PLAIN) -> tuple[Digest, int]:
    """Return the digest of all files under `folder`, and their size in bytes.

    docs/data.md says what is digested: the bytes of files and their paths, sorted.

    Raises:
        InvalidInput: a file cannot be read, is a link to a folder (which may lead in
            circles), or changes while it is read; files come or go meanwhile.
    """
    total, size_bytes = hashlib.sha256(f"{TREE_ALGORITHM}\n".encode("ascii")), 0
    for name, digest, size in digests_in_folder(folder, how):
        total.update(digest.encode("ascii") + b"  " + name + b"\0")
        size_bytes += size
    return Digest(TREE_ALGORITHM, total.hexdigest()), size_bytes


def digests_in_folder(
    folder: Path, how: Hashing = PLAIN, algorithm: str = "sha256"
) -> list[tuple[bytes, str, int]]:
    """Return path, digest in hexadecimal and size of each file, in the order of the paths."""
    with _Reading(folder, how, algorithm) as reading:
        before = sorted(_files(folder))
        if how.progress:
            reading.total = sum(_size_of(folder / _path(name)) for name in before)
        files = [(name, *reading.digest(folder / _path(name), name)) for name in before]
        if before != sorted(_files(folder)):
            raise _changed(folder)
        reading.look_again()
    return files


def read_whole(path: Path, how: Hashing = PLAIN) -> tuple[bytes, Digest]:
    """Return the bytes of a file that is small, and their SHA-256; raises as `digest_of_file`."""
    chunks: list[bytes] = []
    digest, _ = digest_of_file(path, how, keep=chunks.append)
    return b"".join(chunks), digest


def status(path: Path) -> os.stat_result:
    """Return the status of a file; InvalidInput if the system gives none."""
    try:
        return path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None


def is_folder(path: Path) -> bool:
    """Whether a path leads to a folder; InvalidInput where it leads nowhere or cannot be seen."""
    return stat.S_ISDIR(status(path).st_mode)


def refuse_changed(path: Path, before: os.stat_result) -> None:
    """Refuse a file that has changed."""
    try:
        same = identity(path.stat()) == identity(before)
    except OSError:
        same = False
    if not same:
        raise _changed(path)


class _Reading:
    """Files of one data set, read in turn; remembers what it read even if the last one fails."""

    def __init__(self, root: Path, how: Hashing, algorithm: str) -> None:
        self.total = 0  # bytes to read, for whoever is told
        self._root = root
        self._name = spelled_out(str(root))
        self._how = how
        self._algorithm = algorithm
        self._done = 0
        self._memo = Memo(how.cache, root) if how.cache else None
        self._buffer = memoryview(bytearray(_STEP_BYTES))
        self._seen: list[tuple[Path, os.stat_result]] = []

    def __enter__(self) -> _Reading:
        return self

    def __exit__(self, error: object, *_: object) -> None:
        if self._memo:
            self._memo.save(whole=error is None)

    def digest(
        self, path: Path, name: bytes, keep: Callable[[bytes], Any] | None = None
    ) -> tuple[str, int]:
        """Return the digest of one file in hexadecimal, and its size in bytes."""
        began_ns, noted = time.time_ns(), self._algorithm.encode("ascii") + b" " + name
        try:
            if not path.is_file():  # to open a pipe would wait for whoever writes into it
                if path != self._root and not os.path.lexists(path):
                    raise _changed(self._root)  # it was there when the folder was listed
                raise InvalidInput(f"'{spelled_out(str(path))}' is neither a file nor a folder")
            with path.open("rb", buffering=0) as file:
                before = os.fstat(file.fileno())
                self._seen.append((path, before))
                remembered = self._memo.digest(noted, before) if self._memo else None
                if remembered:
                    self._step(before.st_size)
                    return remembered, before.st_size
                _wait_a_tick(before)
                digest, size_bytes = self._read(file, before.st_size, keep)
        except OSError as error:
            raise _unreadable(path, error) from None
        refuse_changed(path, before)
        if size_bytes != before.st_size:
            raise _changed(path)
        if self._memo:
            self._memo.note(noted, before, digest, began_ns)
        return digest, size_bytes

    def look_again(self) -> None:
        """Refuse a folder if one of its files changed while others were read."""
        for path, before in self._seen:
            refuse_changed(path, before)

    def _read(
        self, file: Any, expected_bytes: int, keep: Callable[[bytes], Any] | None
    ) -> tuple[str, int]:
        """Read to the end, but not far beyond the expected size: a growing file may never end."""
        digest = hashlib.new(self._algorithm, usedforsecurity=False)
        size_bytes = 0
        while size_bytes <= expected_bytes and (count := file.readinto(self._buffer)):
            digest.update(self._buffer[:count])
            if keep:
                keep(bytes(self._buffer[:count]))
            size_bytes += count
            self._step(count)
        if not size_bytes:
            self._step(0)
        return digest.hexdigest(), size_bytes

    def _step(self, count: int) -> None:
        self._done += count
        if self._how.progress:
            self._how.progress(self._name, self._done, max(self._done, self.total))


def _wait_a_tick(status: os.stat_result) -> None:
    """Let the clock of the file system go on, so that whatever is written from now on shows."""
    age_ns = time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns)
    if 0 <= age_ns < _TICK_NS:
        time.sleep((_TICK_NS - age_ns) / 1e9)


def _size_of(path: Path) -> int:
    """Bytes to read, as far as is known; an error shows when they are read."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _files(folder: Path) -> Iterator[bytes]:
    """Yield the path of each file under `folder`, relative to it, with `/`, in UTF-8."""
    try:
        for parent, folders, files in os.walk(folder, onerror=_raise):
            here = Path(parent)
            for name in folders:
                if (here / name).is_symlink():
                    raise InvalidInput(
                        f"'{spelled_out(str(here / name))}' is a link to a folder",
                        hint="give the folder itself, or a copy of it",
                    )
            within = here.relative_to(folder).as_posix()
            prefix = "" if within == "." else f"{within}/"
            yield from (f"{prefix}{name}".encode("utf-8", "surrogateescape") for name in files)
    except OSError as error:
        raise _unreadable(folder, error) from None


def _path(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _raise(error: OSError) -> None:
    raise error


def _unreadable(path: Path, error: OSError) -> InvalidInput:
    shown = spelled_out(str(path))
    if isinstance(error, FileNotFoundError):
        hint = _near(path) or "check the path; it is relative to the working directory"
        return InvalidInput(f"no file or folder '{shown}'", hint=hint)
    within = isinstance(error.filename, str) and Path(error.filename) != path
    where = f" at '{spelled_out(error.filename)}'" if within else ""
    return InvalidInput(f"cannot read '{shown}'{where}: {reason_of(error)}")


def _changed(path: Path) -> InvalidInput:
    return InvalidInput(
        f"'{spelled_out(str(path))}' changed while it was read",
        hint="try again when nothing is writing to it",
    )


def _near(path: Path) -> str | None:
    try:
        return did_you_mean(path.name, sorted(os.listdir(path.parent)))
    except OSError:  # no folder, so no neighbours
        return None


# What DVC knows data by: what a `.dvc` file pins, and the same digests of data at hand.

SUFFIX = ".dvc"
FILE, FOLDER = "md5", "md5-dir"

_MOST_BYTES = 1 << 20  # of a `.dvc` file
_OUTPUTS = pattern(r"^outs:[ \t]*(?:#.*)?$(?P<body>(?:\n(?:[ \t-].*|#.*)?)*)", re.MULTILINE)
_ITEM = pattern(r"([ \t]*)- +(?=\S)")
_KEY = pattern(r"(?P<key>[\w-]+):(?:[ \t]+(?P<value>.*?))?[ \t]*$")
_MD5 = pattern(r"([0-9a-f]{32})(\.dir)?")
_INSTEAD = "give the data itself"


def pinned(path: Path) -> tuple[Digest, int]:
    """Return the "md5" or "md5-dir", and the size, that a `.dvc` file pins for its one output."""
    data, _ = read_whole(path)
    shown = f"'{spelled_out(str(path))}'"
    outputs = list(_outputs(data[:_MOST_BYTES].decode("utf-8", "replace").replace("\r\n", "\n")))
    if len(outputs) > 1:
        raise InvalidInput(
            f"{shown} pins {len(outputs)} outputs, not one", hint="give that file or folder itself"
        )
    if not outputs:
        raise InvalidInput(f"{shown} pins nothing: it has no 'outs'", hint=_INSTEAD)
    output = outputs[0]
    kind = output.get("hash", "md5")
    digest = _MD5.fullmatch(output.get("md5", ""))
    if kind != "md5" or not digest:
        other = next((key for key in ("etag", "checksum", "files") if key in output), kind)
        by = "an MD5" if other == "md5" else f"an MD5, but by its {other}"
        raise InvalidInput(f"{shown} does not pin its output by {by}", hint=_INSTEAD)
    size = output.get("size", "")
    if not re.fullmatch(r"[0-9]{1,15}", size):
        raise InvalidInput(
            f"{shown} does not say the size of its output",
            hint=f"let DVC write it again with `dvc commit`, or {_INSTEAD}",
        )
    return Digest(FOLDER if digest[2] else FILE, digest[1]), int(size)


def dvc_digest_of_folder(folder: Path, how: Hashing = PLAIN) -> tuple[Digest, int]:
    """Return the "md5-dir" of a folder as `dvc add` computes it, and its size in bytes."""
    files = digests_in_folder(folder, how, "md5")
    try:
        entries = [
            {"md5": digest, "relpath": name.decode("utf-8")}
            for name, digest, _ in files
            if name.rpartition(b"/")[2] != b".dvcignore"
        ]
    except UnicodeDecodeError:
        raise InvalidInput(f"'{spelled_out(str(folder))}' holds a name that is not UTF-8") from None
    entries.sort(key=lambda entry: entry["relpath"])
    listed = json.dumps(entries, sort_keys=True).encode("utf-8")
    digest = hashlib.md5(listed, usedforsecurity=False).hexdigest()
    return Digest(FOLDER, digest), sum(size for _, _, size in files)


def _outputs(text: str) -> Iterator[dict[str, str]]:
    """Yield the keys of each output, those of lists and maps within it left out."""
    outputs = _OUTPUTS.search(text)
    indent: str | None = None
    output: dict[str, str] | None = None
    for line in outputs["body"].split("\n") if outputs else ():
        item = _ITEM.match(line)
        if item and (indent is None or item[1] == indent):
            if output is not None:
                yield output
            indent, output = item[1], {}
            line = line[: item.end()].replace("-", " ") + line[item.end() :]
        if output is None or indent is None:
            continue
        depth = len(line) - len(line.lstrip(" \t"))
        key = _KEY.fullmatch(line.strip())
        if key and depth == len(indent) + 2:
            output[key["key"]] = _unquoted(key["value"] or "")
    if output is not None:
        yield output


def _unquoted(value: str) -> str:
    return value[1:-1] if value[:1] in ("'", '"') and value[-1:] == value[:1] else value


# What the manifest says of any data.

_ROLE = pattern(r"[a-z][a-z0-9_-]{0,62}")
_OVERRIDES = ("source", "uri", "name", "version", "profile")
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".lz4", ".br")
_SUFFIX = pattern(r"\.(?!v\d)[A-Za-z][A-Za-z0-9]*")
_DATE = r"(?:19|20)\d\d(?:[-_.]?[01]\d(?:[-_.]?[0-3]\d)?)?"
_NAME_AND_VERSION = pattern(
    r"(?P<name>.+?)[-_. ]"
    rf"(?:v(?P<v>\d[\w.+-]*)|(?P<dotted>\d+(?:\.\d+)+[\w.+-]*)|(?P<date>{_DATE}))"
)


def describe(
    role: str,
    source: object,
    *,
    base: Path | None = None,
    hashing: Hashing = PLAIN,
    notify: Callable[[str], None] | None = None,
) -> Dataset:
    """Return what the manifest says about one data set.

    docs/data.md says by what each kind of data is known, and how file names are read. Rows and
    columns are those of a table in memory, or in a file of moderate size (`lineage.tables`).

    Args:
        role: what the data was for: "train", "test", …
        source: the path of a file or a folder; a DataFrame, Series, array, sparse
            matrix or list; a pair `(X, y)` of these; or a mapping with any of these
            under "source", and "uri", "name", "version" to be recorded instead of
            what would be found, and "profile": False for columns without a profile.
        base: the folder, such as that of the code repository, to which paths within
            it are recorded relative. Other paths are recorded absolute. None: as given.
        notify: is told why a file that looks like a table has no columns; None for nobody.

    Raises:
        InvalidInput: the role is none; a path cannot be read, or changes while it is
            read; a URL, which is not fetched; or data that has no digest.
    """
    _check_role(role)
    try:
        is_mapping = isinstance(source, Mapping) and not hasattr(
            source, "shape"
        )  # sparse ones have
        given: Any = source if is_mapping else {"source": source}
        return _describe(role, given, base, hashing, notify)
    except InvalidInput as error:
        raise InvalidInput(f"data set '{role}': {error}", hint=error.hint) from error.__cause__


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
    parts = _NAME_AND_VERSION.fullmatch(stem)
    if not parts:
        return stem, None
    return parts["name"], parts["v"] or parts["dotted"] or parts["date"]


def _check_role(role: object) -> None:
    if isinstance(role, str) and _ROLE.fullmatch(role):
        return
    rule = "use lower-case letters, digits, - and _, such as 'train' or 'test'"
    near = re.sub(r"[^a-z0-9_-]+", "-", role.lower()).strip("-_") if isinstance(role, str) else ""
    advice = f"{rule}; or '{near}'" if _ROLE.fullmatch(near) else rule
    raise InvalidInput(f"{role!a} is not a role of a data set", hint=advice)


def _describe(
    role: str,
    details: Mapping[str, Any],
    base: Path | None,
    hashing: Hashing,
    notify: Callable[[str], None] | None,
) -> Dataset:
    profiled = _check_given(details)
    source, defaults = details["source"], dict.fromkeys(("uri", "name", "version"))
    overrides = {key: fact for key in defaults if (fact := _fact(details, key)) is not None}
    if "uri" in overrides:
        overrides["uri"] = without_credentials(overrides["uri"])
    if isinstance(source, (str, os.PathLike)):
        path = path_of(source)
        defaults["name"], defaults["version"] = name_and_version(path.absolute().name)
        defaults["uri"] = _uri(path, base)
        digest, size_bytes, facts = _file(path, hashing, profiled)
        if facts.why and notify:
            notify(f"no columns were recorded for '{spelled_out(str(path))}': {facts.why}")
    else:
        digest, size_bytes, facts = _table(source, profiled)
    origin = {
        key: fact if fact is None else spelled_out(fact)
        for key, fact in (defaults | overrides).items()
    }
    return Dataset(
        role=role,
        digest=digest,
        size_bytes=size_bytes,
        rows=facts.rows,
        columns=facts.columns,
        **origin,
    )


def _check_given(details: Mapping[str, Any]) -> bool:
    """Refuse a mapping that says something else of data; return whether to profile its columns."""
    for key in details:
        if key not in _OVERRIDES:
            raise InvalidInput(
                f"unknown key {key!a}",
                hint=did_you_mean(str(key), _OVERRIDES) or f"known are {', '.join(_OVERRIDES)}",
            )
    if "source" not in details:
        raise InvalidInput("no 'source'", hint="give {'source': a path or a table, 'uri': …}")
    profiled = details.get("profile", True)
    if not isinstance(profiled, bool):
        raise InvalidInput(
            f"expected True or False as 'profile', found {profiled!a}",
            hint="leave it out to record the profile of each column",
        )
    return profiled


def _fact(details: Mapping[str, Any], key: str) -> str | None:
    fact = details.get(key)
    if fact is not None and not isinstance(fact, str):
        raise InvalidInput(
            f"expected text as '{key}', found {type(fact).__name__}",
            hint=f"write {{'source': …, '{key}': 'text'}}",
        )
    return fact


def path_of(path: str | os.PathLike[Any]) -> Path:
    """Return a path given as text or as a Path; InvalidInput for a URL and anything else."""
    text = os.fsdecode(path)
    if is_url(text):
        raise InvalidInput(
            f"cannot read '{spelled_out(without_credentials(text))}'",
            hint="give a local file or a DataFrame; "
            "{'source': …, 'uri': …} records where it came from",
        )
    if not text or "\0" in text:
        raise InvalidInput(
            f"{text!a} is not a path", hint="give the path of a file or a folder, or a DataFrame"
        )
    return Path(text)


def _file(path: Path, hashing: Hashing, profiled: bool) -> tuple[Digest, int, tables.Facts]:
    if is_folder(path):
        return (*digest_of_folder(path, hashing), tables.NOTHING)
    if path.suffix == SUFFIX:
        return (*pinned(path), tables.NOTHING)
    if not tables.is_table_file(path):
        return (*digest_of_file(path, hashing), tables.NOTHING)
    before = status(path)
    if before.st_size > tables.MOST_FILE_BYTES:
        digest, size_bytes = digest_of_file(path, hashing)
        facts = tables.facts_of_file(path, None)
        refuse_changed(path, before)
        return digest, size_bytes, facts
    data, digest = read_whole(path, hashing)  # what is described is what is hashed
    return digest, len(data), tables.facts_of_file(path, data, profiled=profiled)


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
    if suffix in (SUFFIX, *_COMPRESSED):
        return _without_suffixes(stem)
    if stem and _SUFFIX.fullmatch(suffix):
        return stem.removesuffix(".tar") or stem
    return file_name


def _table(source: Any, profiled: bool) -> tuple[Digest, int, tables.Facts]:
    from gitmodelstore.lineage import frames

    if source is None:
        raise InvalidInput(
            "expected a path or a table, found None",
            hint="such as 'train.csv', a DataFrame, or (X, y)",
        )
    if isinstance(source, tuple):
        source = tuple(map(tables.in_pandas, source, ("X", "y", *map(str, range(2, len(source))))))
    else:
        source = tables.in_pandas(source, "the table")
    try:
        return (*frames.measure(source), tables.facts(source, profiled=profiled))
    except (InvalidInput, Warning):
        raise
    except Exception as error:  # an array or a dtype of anybody's making
        if is_of_handler(error):
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
        raise InvalidInput(
            f"reading the {type(source).__name__} raised {reason:.200}",
            hint="give a DataFrame of pandas, or the path of a file",
        ) from error
