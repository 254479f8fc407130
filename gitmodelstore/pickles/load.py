"""Reading a pipeline: the one door through which bytes become objects.

`load` expects verified bytes: the guarded walk the first time that a machine sees them, the C
unpickler from then on. `load_unsafe` asks nobody.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache, partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitmodelstore.errors import (
    BrokenPipelineFile,
    LoadError,
    NotAPipeline,
    RefusedPickle,
    StoreError,
    UnportablePipeline,
    is_ours,
    is_theirs,
    words_of,
)
from gitmodelstore.pickles import rights
from gitmodelstore.pickles.compression import (
    ALWAYS_BYTES,
    MOST_RATIO,
    Source,
    compressor_of,
    decompress,
)
from gitmodelstore.pickles.dry import refuse_other_files
from gitmodelstore.pickles.rights import NOBODY, Trust
from gitmodelstore.pickles.summary import is_told_by_names, needs_of_file, told_whole
from gitmodelstore.plumbing import large_files, processes
from gitmodelstore.values.json import hidden_character

if TYPE_CHECKING:
    from io import FileIO

    from gitmodelstore.plumbing.large_files import Verdicts

__all__ = [
    "PipelineFile",
    "Reader",
    "asking",
    "describing",
    "is_compressed",
    "load",
    "load_file",
    "load_unsafe",
    "refuse_unloadable",
    "version_warning",
]

Keep = Callable[[memoryview], object]

_HIGHEST_PROTOCOL = 5
_MOST_SAID = 200  # characters of what an object of a file raised
_MOST_BYTES = 1 << 36  # of what is decompressed, which is bound by its ratio before

_REQUIREMENTS = "install the versions that its requirements.txt names"
_OTHERWISE = f"{_REQUIREMENTS}; otherwise the file is damaged, or code of yours raises this"
_WRITE_AGAIN = "write it again with `joblib.dump(pipeline, file)`"
_COPY_AGAIN = "copy the file again, or write it again with `joblib.dump`"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, and how carefully."""

    trust: Trust = NOBODY  # in packages and classes besides scikit-learn's world
    # Which bytes were found harmless here; without a place to note it each load is guarded.
    verdicts: Verdicts | None = None


@dataclass(frozen=True, slots=True)
class PipelineFile:
    """A file that joblib wrote."""

    pipeline: Any  # that was loaded from exactly the bytes that were read
    sha256: str
    size_bytes: int
    is_compressed: bool  # git then finds nothing that two versions share
    modified_at: datetime  # UTC


@dataclass(frozen=True, slots=True)
class FileBytes:
    """What a file held when it was read once."""

    data: memoryview  # in memory of their own
    sha256: str
    modified_at: datetime  # UTC


def load(
    data: bytes | bytearray | memoryview,
    *,
    name: str,
    reader: Reader | None = None,
    sha256: str | None = None,
) -> Any:
    """Return the estimator that joblib wrote as `data`, plain or in any of its compressions.

    What is not part of a pipeline is refused before it acts. That is not a sandbox: see
    docs/security.md.

    Args:
        data: writable memory is handed over: the arrays become views on it, and the caller
            lets go of it.
        name: what to call it in errors, such as "pipeline.joblib".
        reader: None for one who trusts nobody and notes nothing.
        sha256: of `data`, where it was just taken; None takes it when it is needed.

    Raises:
        NotAPipeline: joblib did not write it, or it holds something other than an estimator.
        RefusedPickle: it would do more than the parts of a pipeline may.
        LoadError: it cannot be loaded here: cut off, damaged, or in need of
            modules or versions that this machine does not have.
    """
    _refuse_other_files(data, name)
    compressor = compressor_of(bytes(data[:64]))
    plain = _decompressed(data, compressor, name) if compressor else data
    read = partial(_unpickle, data, plain, name, reader or Reader(), sha256)
    try:
        pipeline = processes.uncollected(read)
    except LoadError as error:  # of the frames of the walk, which say nothing to anybody
        raise error.with_traceback(None) from error.__cause__
    with asking(name):
        _refuse_other_objects(pipeline, name)
    return pipeline


def is_compressed(data: bytes | bytearray | memoryview) -> bool:
    """Whether `data` is compressed; git then finds nothing that two versions share."""
    return compressor_of(bytes(data[:64])) is not None


def load_unsafe(data: bytes | bytearray | memoryview, *, name: str) -> Any:
    """Return the estimator that joblib wrote as `data`, and RUN WHATEVER IT SAYS."""
    import joblib

    _refuse_other_files(data, name)
    try:
        pipeline = joblib.load(io.BytesIO(data))
    except Warning:
        raise  # a warning that the caller turned into an error stays what it is
    except BaseException as error:  # unpickling calls what the bytes name: it can raise anything
        if not is_theirs(error):
            raise
        raise _explained(error, data, name) from error
    _refuse_other_objects(pipeline, name)
    return pipeline


@contextmanager
def _telling(make_error: Callable[[str], StoreError]) -> Iterator[None]:
    """Raise what there is to tell of what others raise; ours stays what it is."""
    try:
        yield
    except BaseException as error:  # classes of anybody's may raise anything
        if is_ours(error) or not is_theirs(error):
            raise
        text = _said(error)
        raise make_error(text) from (None if hidden_character(text) else error)


def asking(name: str) -> AbstractContextManager[None]:
    """Raise as LoadError what the objects of a file raise when they are looked at or asked."""
    # A file may lack attributes that every estimator has, or hold others.
    why = f"'{name}' does not hold a whole pipeline: "
    return _telling(lambda text: LoadError(why + text, hint=_OTHERWISE))


def describing(pipeline: Any) -> AbstractContextManager[None]:
    """Say what a pipeline in memory raises when it is described, as NotAPipeline."""
    why = f"this {type(pipeline).__name__} cannot be described: "
    hint = "give the object that `fit` was called on, whole; if a class of yours raises this, "
    return _telling(lambda text: NotAPipeline(why + text, hint=f"{hint}fix it there"))


def version_warning() -> Any:
    """Return what scikit-learn warns with of each estimator that another release wrote."""
    from sklearn.exceptions import InconsistentVersionWarning

    return InconsistentVersionWarning


def load_file(
    path: str | PathLike[str], reader: Reader | None = None, keep: Keep | None = None
) -> PipelineFile:
    """Return the estimator in a file, and what to say of the file; `keep` takes the bytes read."""
    path = Path(path)
    file = read_file(path, keep)
    size_bytes, compressed = file.data.nbytes, is_compressed(file.data)
    pipeline = load(file.data, name=path.name, reader=reader, sha256=file.sha256)
    return PipelineFile(pipeline, file.sha256, size_bytes, compressed, file.modified_at)


def read_file(path: Path, keep: Keep | None = None) -> FileBytes:
    """Return a file's bytes, read once, for `keep` too; NotAPipeline or LoadError otherwise."""
    try:
        with path.open("rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            content = large_files.take(
                large_files.Stream(before.st_size, partial(_read_on, file, keep))
            )
            after = os.fstat(file.fileno())
            if _facts(before) != _facts(after) or file.read(1):
                raise LoadError(
                    f"'{path}' changed while it was read",
                    hint="try again when nothing is writing to it",
                )
    except FileNotFoundError:
        raise NotAPipeline(
            f"file '{path}' does not exist",
            hint="check the path; it is relative to the working directory",
        ) from None
    except IsADirectoryError:
        raise NotAPipeline(
            f"'{path}' is a folder, not a file", hint="name the file that joblib wrote"
        ) from None
    except OSError as error:
        raise LoadError(
            f"'{path}' cannot be read: {error.strerror}", hint="check the path, and who may read it"
        ) from None
    modified_at = datetime.fromtimestamp(before.st_mtime, timezone.utc)
    return FileBytes(content.data, content.sha256 or "", modified_at)


def _read_on(file: FileIO, keep: Keep | None, target: memoryview) -> int:
    count = file.readinto(target)
    if keep is not None and count:
        keep(target[:count])
    return count


def _facts(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _refuse_other_files(data: bytes | bytearray | memoryview, name: str) -> None:
    start = bytes(data[:64])
    refuse_other_files(start, name)
    # As pickles begin since protocol 2: PROTO and its number.
    is_pickle = start[:1] == b"\x80" and 2 <= (start[1:2] or b"\x00")[0] <= _HIGHEST_PROTOCOL
    if not is_compressed(start) and not is_pickle:
        raise NotAPipeline(f"'{name}' is not a file that joblib wrote", hint=_WRITE_AGAIN)


def _decompressed(data: bytes | bytearray | memoryview, compressor: str, name: str) -> bytearray:
    if compressor == "lz4":
        return _from_lz4(bytes(data), name)
    content = bytearray()  # grows where it lies; 3.13 complains of a BytesIO that ends with views
    keep = content.extend
    behind = decompress(memoryview(data), compressor, keep, name=name, most_bytes=_MOST_BYTES)
    if behind:
        raise RefusedPickle(
            f"'{name}' is refused: {behind} bytes follow what was compressed", hint=_COPY_AGAIN
        )
    return content


def _from_lz4(data: bytes, name: str) -> bytearray:
    try:
        from lz4.frame import LZ4FrameDecompressor
    except ImportError as error:
        raise LoadError(f"'{name}' is compressed with lz4", hint="run `pip install lz4`") from error
    most = MOST_RATIO * len(data) + ALWAYS_BYTES
    try:
        return bytearray(LZ4FrameDecompressor().decompress(data, max_length=most))
    except (RuntimeError, EOFError):
        raise BrokenPipelineFile(name, "it cannot be decompressed", offset=0) from None


def _unpickle(
    data: bytes | bytearray | memoryview,
    plain: bytes | bytearray | memoryview,
    name: str,
    reader: Reader,
    sha256: str | None,
) -> Any:
    try:
        if reader.verdicts is None:
            return _walk(plain, name, reader.trust, len(data))
        key = verdict_of(sha256 or hashlib.sha256(data).hexdigest(), reader.trust)
        if reader.verdicts.holds(key):
            return _again(plain, name, reader.trust, len(data))
        pipeline = _walk(plain, name, reader.trust, len(data))
    except RefusedPickle:
        raise
    except BaseException as error:  # classes take their state, and can raise anything
        if is_ours(error) or not is_theirs(error):
            raise  # a warning that the caller turned into an error stays what it is
        # What a terminal would act on is in no traceback either; a broken file says it all.
        is_broken = isinstance(error, (pickle.UnpicklingError, EOFError))
        cause = None if is_broken or hidden_character(words_of(error)) else error
        raise _explained(error, data, name) from cause
    reader.verdicts.note(key)
    return pipeline


def _walk(data: bytes | bytearray | memoryview, name: str, trust: Trust, size_bytes: int) -> Any:
    """Return what the guarded walk makes of it: nothing before it is known to be harmless."""
    from gitmodelstore.pickles.guard import MOST_LEVELS, Guard, is_too_deep

    source = Source(data)
    guard = Guard(source, name, trust, private=_is_private(data), size_bytes=size_bytes)
    try:
        pipeline = guard.load()
    except RefusedPickle as refused:
        raise told_whole(refused, data, name, trust) from None
    if source.left_bytes():
        raise RefusedPickle(
            f"'{name}' is refused: {source.left_bytes()} bytes follow its end", hint=_COPY_AGAIN
        )
    if is_too_deep(pipeline):
        raise RefusedPickle(
            f"'{name}' is refused: its parts are nested more than {MOST_LEVELS} deep",
            hint="no honest pipeline needs that",
        )
    return pipeline


def _again(data: bytes | bytearray | memoryview, name: str, trust: Trust, size_bytes: int) -> Any:
    """Return what the C unpickler makes of bytes that the guarded walk found harmless."""
    from gitmodelstore.pickles.fast_load import NotFast, fast_load, find_known, is_fast_here

    if is_fast_here():
        with suppress(NotFast):
            find = partial(find_known, trust=trust)
            return fast_load(data, find, private=_is_private(data))
    return _walk(data, name, trust, size_bytes)


def _is_private(data: bytes | bytearray | memoryview) -> bool:
    """Whether it is memory that was made for this load: whoever keeps bytes hands out read-only."""
    return not memoryview(data).readonly


def verdict_of(sha256: str, trust: Trust) -> str:
    """Return the key of a verdict for a reader: these bytes, by these rules, in these libraries."""
    text = "\n".join((sha256, f"rules {rights.RULES}", *sorted(trust.names), *_versions()))
    return hashlib.sha256(text.encode()).hexdigest()


def loads_for_all(sha256: str) -> str:
    """Return the key under which registration notes that bytes load here; no load relies on it."""
    return verdict_of(f"{sha256} loads", Trust.of(()))


@lru_cache(maxsize=1)
def _versions() -> tuple[str, ...]:
    from importlib.metadata import PackageNotFoundError, version

    versions = [sys.version]
    packages = ("joblib", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "xgboost-cpu")
    for package in (*packages, *sorted(rights.distributions())):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} none")
    return tuple(versions)


def _explained(
    error: BaseException, data: bytes | bytearray | memoryview, name: str
) -> LoadError | NotAPipeline:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _missing_module(error.name, name)
    text = words_of(error)
    missing = re.match(r"Can't get attribute '([^']+)' on <module '([^']+)'", text)
    if missing:
        return _missing_attribute(missing[2], missing[1], name)
    missing = re.match(r"module '([^']+)' has no attribute '([^']+)'", text)
    if missing:
        return _missing_attribute(missing[1], missing[2], name)
    # A whole pickle ends with the opcode STOP, a full stop.
    is_cut_off = not is_compressed(data) and bytes(data[-1:]) != b"."
    if is_cut_off or isinstance(error, EOFError):
        return LoadError(f"'{name}' ends too early: it was cut off", hint=_COPY_AGAIN)
    reason = ascii(text) if hidden_character(text) else text
    return LoadError(
        f"'{name}' cannot be loaded here: {type(error).__name__}: {reason}".removesuffix(": "),
        hint=_OTHERWISE,
    )


def _missing_module(module: str, name: str) -> LoadError:
    package = module.partition(".")[0]
    requirement = rights.to_install(package)
    if requirement and not _is_importable(package):
        return LoadError(
            f"'{name}' needs '{package}', which is not installed here",
            hint=f"run `pip install {requirement}`, "
            "or install the release that its requirements.txt names",
        )
    if package != module and _is_importable(package):
        return LoadError(
            f"'{name}' needs module '{module}', which the installed '{package}' does not have",
            hint=_REQUIREMENTS,
        )
    return LoadError(
        f"'{name}' needs module '{module}', which is not installed here",
        hint=f"install it, or start Python where '{package}' can be imported; commands import it "
        "from a project of yours in which you ran `gms trust add NAME`",
    )


def _is_importable(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def _missing_attribute(module: str, attribute: str, name: str) -> LoadError:
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    # The error calls `__main__` by its name when Python was started with -m.
    if module in ("__main__", spec.name if spec else None):
        return LoadError(
            f"'{name}' needs '{attribute}' of the script that wrote it",
            hint=f"move '{attribute}' into a module that readers can import, such as "
            "features.py, import it from there, fit and dump again",
        )
    return LoadError(
        f"'{name}' needs '{module}.{attribute}', which the installed '{module}' does not have",
        hint=_REQUIREMENTS if _is_importable(module.partition(".")[0]) else None,
    )


def _refuse_other_objects(pipeline: Any, name: str) -> None:
    from gitmodelstore.estimators.describe import is_estimator, type_in_words

    if not is_estimator(pipeline):
        is_class = isinstance(pipeline, type)
        what = f"the class '{pipeline.__name__}'" if is_class else type_in_words(pipeline)
        raise NotAPipeline(
            f"'{name}' holds {what}, not a fitted estimator",
            hint="dump the object that `fit` was called on",
        )


def _said(error: BaseException) -> str:
    text = " ".join(f"{type(error).__name__}: {words_of(error)}".split()).removesuffix(":")
    return text[:_MOST_SAID]


# Whether anybody could load a pipeline, before it is kept.


_UNTIL_NOW = "'pipeline.joblib' is refused: "
_NOT_HERE = "'pipeline.joblib' cannot be loaded here: "


def refuse_unloadable(
    data: bytes | memoryview, pipeline: Any, names: Iterable[str]
) -> tuple[str, ...]:
    """Refuse a pipeline that no reader could load, and return the names that readers must trust.

    What its names tell all of is not read again: only what its estimators hold is looked at.

    Args:
        data: the file that is to be kept.
        names: that loading it looks up.

    Raises:
        UnportablePipeline: says which part it is, and what to change.
        LoadError: a class of its own raised something when it was read again.
    """
    from gitmodelstore.pickles.dump import refuse_what_nobody_loads

    all_names = tuple(names)
    refuse_what_nobody_loads(pipeline, rights.never_loads(all_names))
    if not needs_of_file(data, all_names) and is_told_by_names(all_names):
        from gitmodelstore.pickles.guard import hangs_together

        if hangs_together(pipeline):
            return ()
    try:
        return _needs_of_load(data, all_names)
    except RefusedPickle as refused:
        refuse_what_nobody_loads(pipeline, all_names, only_found=True)
        raise _nobody_loads(refused) from None
    except LoadError as error:
        raise LoadError(
            f"this pipeline cannot be loaded again: {str(error).removeprefix(_NOT_HERE)}",
            hint="fix how its classes are pickled; `joblib.load` of the same file fails as well",
        ) from error.__cause__


def needs_of_stored(
    data: bytes | memoryview, names: Iterable[str], *, may_load: bool
) -> tuple[str, ...]:
    """Return the names that readers of a file must trust; a load tells where names do not."""
    all_names = tuple(names)
    if may_load and not is_told_by_names(all_names):
        return _needs_of_load(data, all_names)
    return needs_of_file(data, all_names)


def _needs_of_load(data: bytes | memoryview, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that readers must trust, those too that only a load finds."""
    wanted = needs_of_file(data, names)
    while True:
        try:
            load(data, name="pipeline.joblib", reader=Reader(Trust.of(wanted)))
            return wanted
        except RefusedPickle as refused:
            more = set(refused.needs_trust).difference(wanted)
            if not more:
                raise
            wanted = tuple(sorted((*wanted, *more)))


def _nobody_loads(refused: RefusedPickle) -> UnportablePipeline:
    return UnportablePipeline(
        f"nobody could load this pipeline: {str(refused).removeprefix(_UNTIL_NOW)}",
        [refused.name] if refused.name else [],
        hint=(None if refused.name else refused.hint)
        or "keep such things out of it, or in a class in a module of yours, which readers "
        "can trust",
    )
