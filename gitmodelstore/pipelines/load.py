"""Reading a pipeline: the one door through which bytes become objects.

Unpickling runs code that the bytes name. Everything that unpickles goes through
`load`, which expects bytes that were verified before.
"""

from __future__ import annotations

import io
import os
import re
import sys
import zlib
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from gitmodelstore.errors import LoadError, NotAPipeline
from gitmodelstore.values.json import hidden_character

# First bytes of what joblib's compressors write (joblib.compressor), zlib apart.
_COMPRESSED = (b"\x1f\x8b", b"BZ", b"\x5d\x00", b"\xfd7zXZ", b"\x04\x22\x4d\x18")
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_HIGHEST_PROTOCOL = 5

_REQUIREMENTS = "install the versions that its requirements.txt names"
_WRITE_AGAIN = "write it again with `joblib.dump(pipeline, file)`"
_COPY_AGAIN = "copy the file again, or write it again with `joblib.dump`"


@dataclass(frozen=True, slots=True)
class PipelineFile:
    """A file that joblib wrote.

    Attributes:
        data: its bytes, as they were read once.
        pipeline: the estimator that was loaded from exactly these bytes.
        modified_at: when the file was last written, UTC.
    """

    data: bytes
    pipeline: Any
    modified_at: datetime


def load(data: bytes | memoryview, *, name: str) -> Any:
    """Return the estimator that joblib wrote as `data`. This runs code that `data` names.

    Args:
        data: the whole file, plain or in any of joblib's compressions.
        name: what to call it in errors, such as "pipeline.joblib".

    Raises:
        NotAPipeline: joblib did not write it, or it holds something else than an estimator.
        LoadError: it cannot be loaded here: cut off, damaged, or in need of
            modules or versions that this machine does not have.
    """
    _refuse_other_files(data, name)
    pipeline = _unpickle(data, name)
    _refuse_other_objects(pipeline, name)
    return pipeline


def load_file(path: str | Path) -> PipelineFile:
    """Return the bytes of the file at `path` and the estimator that they hold.

    Raises:
        NotAPipeline: there is no such file, or `load` says so of its bytes.
        LoadError: it cannot be read, or `load` says so of its bytes.
    """
    path = Path(path)
    data, modified_at = _read(path)
    return PipelineFile(data, load(data, name=path.name), modified_at)


def is_compressed(data: bytes | memoryview) -> bool:
    """Whether `data` is compressed; git then finds nothing that two versions share."""
    start = bytes(data[:8])
    return start.startswith(_COMPRESSED) or _is_zlib(start)


def _is_zlib(start: bytes) -> bool:
    """Whether it begins as zlib does (RFC 1950, section 2.2), which a text can by its "x" alone."""
    return start[:1] == b"\x78" and int.from_bytes(start[:2], "big") % 31 == 0


def _read(path: Path) -> tuple[bytes, datetime]:
    try:
        with path.open("rb") as file:
            modified_at = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, timezone.utc)
            return file.read(), modified_at
    except FileNotFoundError as error:
        raise NotAPipeline(f"there is no file '{path}'") from error
    except IsADirectoryError as error:
        raise NotAPipeline(
            f"'{path}' is a folder, not a file", hint="name the file that joblib wrote"
        ) from error
    except OSError as error:
        raise LoadError(f"'{path}' cannot be read: {error.strerror}") from error


def _refuse_other_files(data: bytes | memoryview, name: str) -> None:
    start = bytes(data[:64])
    if not start:
        raise NotAPipeline(f"'{name}' is empty", hint=_WRITE_AGAIN)
    if start.startswith(_LFS_POINTER):
        raise NotAPipeline(
            f"'{name}' is a Git LFS pointer, not the file that it points to",
            hint="run `git lfs pull`",
        )
    if start.startswith(b"ZF"):
        raise NotAPipeline(f"'{name}' was written by a joblib before 0.10", hint=_WRITE_AGAIN)
    if not is_compressed(start) and not _is_pickle(start):
        raise _not_joblib(name)


def _is_pickle(start: bytes) -> bool:
    """Whether it begins as pickles do since protocol 2: PROTO and its number."""
    return start[:1] == b"\x80" and 2 <= (start[1:2] or b"\x00")[0] <= _HIGHEST_PROTOCOL


def _not_joblib(name: str) -> NotAPipeline:
    return NotAPipeline(f"'{name}' is not a file that joblib wrote", hint=_WRITE_AGAIN)


def _unpickle(data: bytes | memoryview, name: str) -> Any:
    import joblib

    try:
        return joblib.load(io.BytesIO(data))
    except Warning:
        raise  # a warning that the caller turned into an error stays what it is
    except Exception as error:  # unpickling calls what the bytes name, which can raise anything
        raise _explained(error, data, name) from error


def _explained(error: Exception, data: bytes | memoryview, name: str) -> LoadError | NotAPipeline:
    """Return the error that says what stopped `data` from loading."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _missing_module(error.name, name)
    text = str(error)
    missing = re.match(r"Can't get attribute '([^']+)' on <module '([^']+)'", text)
    if missing:
        return _missing_attribute(missing[2], missing[1], name)
    if "LZ4 is not installed" in text:
        return LoadError(f"'{name}' is compressed with lz4", hint="run `pip install lz4`")
    if _is_cut_off(error, data):
        return LoadError(f"'{name}' ends too early: it was cut off", hint=_COPY_AGAIN)
    if is_compressed(data) and isinstance(error, (zlib.error, OSError, _lzma_error())):
        return LoadError(f"'{name}' is damaged: it cannot be decompressed", hint=_COPY_AGAIN)
    said = ascii(text) if hidden_character(text) else text
    return LoadError(
        f"'{name}' cannot be loaded here: {type(error).__name__}: {said}".removesuffix(": "),
        hint=f"{_REQUIREMENTS}; if they are installed, the file is damaged",
    )


def _lzma_error() -> type[Exception]:
    import lzma

    return lzma.LZMAError


def _is_cut_off(error: Exception, data: bytes | memoryview) -> bool:
    """Whether the end is missing: a whole pickle ends with the opcode STOP, a full stop."""
    if isinstance(error, EOFError):
        return True
    if is_compressed(data):
        return _is_open_ended(data)
    return bytes(data[-1:]) != b"."


def _is_open_ended(data: bytes | memoryview) -> bool:
    """Whether a zlib or gzip stream lacks its end, which joblib's reader passes over in silence."""
    stream = zlib.decompressobj(wbits=47)  # 15, plus 32 for either header
    try:
        rest = bytes(data)
        while rest and not stream.eof:
            stream.decompress(rest, 1 << 20)  # in parts: what comes out is not kept
            rest = stream.unconsumed_tail
    except zlib.error:
        return False
    return not stream.eof


def _missing_module(module: str, name: str) -> LoadError:
    package = module.partition(".")[0]
    if package != module and _is_importable(package):
        return LoadError(
            f"'{name}' needs module '{module}', which the installed '{package}' does not have",
            hint=_REQUIREMENTS,
        )
    return LoadError(
        f"'{name}' needs module '{module}', which is not installed here",
        hint=f"install it, or start Python where '{package}' can be imported",
    )


def _is_importable(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def _missing_attribute(module: str, attribute: str, name: str) -> LoadError:
    if module in ("__main__", _main_module()):
        return LoadError(
            f"'{name}' needs '{attribute}' of the script that wrote it",
            hint=f"move '{attribute}' into a module that readers can import, such as "
            "features.py, import it from there, fit and dump again",
        )
    return LoadError(
        f"'{name}' needs '{module}.{attribute}', which the installed '{module}' does not have",
        hint=_REQUIREMENTS if _is_importable(module.partition(".")[0]) else None,
    )


def _main_module() -> str | None:
    """What the error calls `__main__` when Python was started with -m; None otherwise."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec.name if spec else None


def _refuse_other_objects(pipeline: Any, name: str) -> None:
    from gitmodelstore.pipelines.fitted import type_in_words
    from gitmodelstore.pipelines.structure import is_estimator

    if isinstance(pipeline, type):
        raise NotAPipeline(
            f"'{name}' holds the class '{pipeline.__name__}', not a fitted estimator",
            hint="dump the object that `fit` was called on",
        )
    if not is_estimator(pipeline):
        raise NotAPipeline(
            f"'{name}' holds {type_in_words(pipeline)}, not a fitted estimator",
            hint="dump the object that `fit` was called on",
        )
