"""Loads hostile files, one forked child each, and says when each one acted.

Run as `python -m tests.hostile.trial FOLDER FIRES`, with a folder of its own. The answer is JSON on
stdout, from the id of each file that fires so to "at load", "at predict" or "never", and of an
honest file too. What needs other versions than the installed ones is left out. No bomb is loaded.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pickle
import resource
import shutil
import signal
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import joblib
from packaging.requirements import Requirement
from sklearn.linear_model import LinearRegression

from .families import MAKERS, Effect
from .fitted import CLASSES, ROWS, TEXTS
from .values import Fires, Hostile, has_fired

_SECONDS = 20
_BYTES = 4 * 2**30
_AT_PREDICT = 2

# Makers of files that act when they are asked; to make the others takes seconds.
_LATER = ("acting_later", "taken_at_their_word")

# Imported once, not in each child that acts at load: that is most of the time.
_SLOW_MODULES = (
    "asyncio",
    "imaplib",
    "logging.config",
    "multiprocessing.pool",
    "pandas",
    "pandas.io.stata",
    "numpy.f2py.crackfortran",
    "numpy.testing",
    "scipy.io",
    "scipy.ndimage",
    "scipy.optimize",
    "scipy.stats",
    "sklearn.cluster",
    "sklearn.datasets",
    "sklearn.decomposition",
    "sklearn.inspection",
    "sklearn.utils.estimator_checks",
    "unittest.mock",
    "webbrowser",
    "xmlrpc.server",
)


def is_for_this_machine(hostile: Hostile) -> bool:
    """Whether everything that the file needs is installed, in a version that it needs."""
    return all(_is_met(Requirement(text)) for text in hostile.needs)


def _is_met(requirement: Requirement) -> bool:
    version = _installed(requirement.name)
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _installed(name: str) -> str | None:
    if name == "python":
        return ".".join(map(str, sys.version_info[:3]))
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def ask(hostile: Hostile, loaded: Any) -> None:
    """Call the method that makes it act, with rows of numbers and then of text."""
    for rows in (ROWS, TEXTS):
        with contextlib.suppress(Exception):
            arguments = (rows, CLASSES) if hostile.ask in ("fit", "score") else (rows,)
            getattr(loaded, hostile.ask)(*arguments)


def honest() -> Hostile:
    """A file that makes no marker, for comparison."""
    model = LinearRegression().fit(ROWS, CLASSES)
    return Hostile("honest", "LinearRegression", pickle.dumps(model), "at predict")


def acted(hostile: Hostile, marker: Path) -> Fires:
    """Load the file in a child, ask it, and say when it acted.

    Args:
        marker: what the corpus was made for; its folder is emptied first.
    """
    shutil.rmtree(marker.parent, ignore_errors=True)
    marker.parent.mkdir()
    path = hostile.place(marker.parent)
    child = os.fork()
    if child == 0:
        _become_quiet_and_small(marker.parent)
        with contextlib.suppress(BaseException):
            os._exit(_use(hostile, path, marker))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not has_fired(marker):
        return "never"
    return "at predict" if os.waitstatus_to_exitcode(status) == _AT_PREDICT else "at load"


def _become_quiet_and_small(folder: Path) -> None:
    os.chdir(folder)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
    signal.alarm(_SECONDS)


def _use(hostile: Hostile, path: Path, marker: Path) -> int:
    """Return the exit code of the child; `acted` tells the rest by the marker."""
    loaded = None
    with contextlib.suppress(Exception, SystemExit):
        loaded = joblib.load(path)
    if has_fired(marker) or hostile.fires != "at predict":
        return 0
    ask(hostile, loaded)
    return _AT_PREDICT


def main(folder: Path, fires: str) -> dict[str, Fires]:
    """Try all files that fire so; the folder is left with one folder in it.

    Raises:
        ValueError: joblib is asked to load what it cannot survive.
    """
    if fires == "never":
        raise ValueError("bombs are not for joblib")
    makers = _LATER if fires == "at predict" else MAKERS
    for module in _SLOW_MODULES if fires == "at load" else ():
        importlib.import_module(module)
    marker = folder / "trial" / "marker"
    marker.parent.mkdir(parents=True)
    made = (hostile for name in makers for hostile in MAKERS[name](Effect(marker)))
    return {
        hostile.id: acted(hostile, marker)
        for hostile in (honest(), *(hostile for hostile in made if hostile.fires == fires))
        if is_for_this_machine(hostile)
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), *sys.argv[2:])))
