"""Names that lead somewhere else than they seem to: a path of attributes from a harmless module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .values import Effect, Hostile, Name, call, files
from .writer import Writer, written

FAMILY = "dotted names"


def dotted_names(effect: Effect) -> Iterator[Hostile]:
    yield from written(FAMILY, _dotted(effect))
    old = Writer(2).name("shutil:os.system").push((effect.command,)).reduce().stop()
    yield from files(FAMILY, {"in a protocol that has none": old}, "never")


def _dotted(effect: Effect) -> dict[str, Any]:
    """A module is an attribute of those that import it."""
    command = effect.command
    modules = call("operator:getitem", Name("sklearn.base:warnings.sys.modules"), "os")
    targets = (
        "posixpath:os.system",
        "shutil:os.path.genericpath.os.system",
        "joblib:os.system",
        "joblib.numpy_pickle:os.system",
        "joblib.memory:os.path.os.system",
        "sklearn.utils._testing:os.system",
        "sklearn.datasets._base:os.system",
        "sklearn.utils.fixes:platform.os.system",
        "pandas.io.common:os.path.os.system",
        "numpy.testing._private.utils:os.system",
    )
    programs: dict[str, Any] = {target: call(target, command) for target in targets}
    return programs | {
        "sklearn:utils._testing.os.system": [
            Name("sklearn.utils._testing:raises"),
            call("sklearn:utils._testing.os.system", command),
        ],
        "sklearn.utils._param_validation:operator.call": call(
            "sklearn.utils._param_validation:operator.call", Name("os:system"), command
        ),
        "sklearn.externals._packaging.version:itertools.starmap": call(
            "builtins:list",
            call(
                "sklearn.externals._packaging.version:itertools.starmap",
                Name("os:system"),
                [(command,)],
            ),
        ),
        "builtins:len.__self__.eval": call("builtins:len.__self__.eval", effect.expression),
        "sklearn.base:warnings.sys.modules": call(
            call("builtins:getattr", modules, "system"), command
        ),
        "sklearn:__loader__.set_data": call("sklearn:__loader__.set_data", effect.path, b""),
        "sklearn.base:__spec__.loader.set_data": call(
            "sklearn.base:__spec__.loader.set_data", effect.path, b""
        ),
        "sklearn.base:clone.__builtins__": call(
            call("operator:getitem", Name("sklearn.base:clone.__builtins__"), "eval"),
            effect.expression,
        ),
        "a method of an honest class": call(
            "numpy:ndarray.tofile", call("numpy:array", [1]), effect.path
        ),
        "a class method's function": call(
            "pathlib:Path.touch.__call__", call("pathlib:PosixPath", effect.path)
        ),
    }
