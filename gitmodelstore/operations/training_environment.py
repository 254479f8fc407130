"""The environment in which a version is trained again: the recorded one, or the present one."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gitmodelstore
from gitmodelstore.lineage.environment import installed, own_projects
from gitmodelstore.operations.compare_environment import PYTHON
from gitmodelstore.operations.load import read_verified
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.plumbing import uv
from gitmodelstore.plumbing.project import code_places
from gitmodelstore.values.layout import INSTALLED
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.severity import Difference

RECORDED, PRESENT = "recorded", "present"
# What installs, and this package itself, which is lent to the environment as it is here.
_LISTED = re.compile(r"^(# )?(?P<name>[^#=\s]+)==([^:\s]+)", re.MULTILINE)
_NO_PART = {"gitmodelstore", "pip", "setuptools", "uv", "wheel"}


@dataclass(frozen=True, slots=True)
class TrainingEnvironment:
    """Where the command runs.

    Attributes:
        kind: "recorded" or "present".
        programs: folder of its `python`.
        python: the interpreter.
        modules: a folder that holds this package alone; then those of the recorded code, where
            something was installed from a folder.
        differences: what of the recorded one differs in the present one, if that is taken.
    """

    kind: str
    programs: Path
    python: Path
    modules: tuple[Path, ...]
    differences: tuple[Difference, ...]


def training_environment(
    snapshot: Snapshot,
    version: ModelVersion,
    folder: Path,
    notify: Callable[[str], None],
    *,
    start: Path,
    with_uv: bool,
) -> TrainingEnvironment:
    """Return the recorded environment where it is here, or uv makes it; else the present one.

    Args:
        snapshot, version: what was recorded.
        folder: an empty one to make it in.
        notify: is told where the present one has to do, and what is left out.
        start: the folder of the recorded code where the command starts.
        with_uv: whether to ask uv, where it is installed.

    Raises:
        IntegrityError, MissingObject: what is recorded is not the released one.
    """
    manifest = snapshot.manifest(version)
    pins, own = _everything(snapshot, version)
    pins = pins or dict(manifest.environment.pins)
    own |= own_projects() & pins.keys()
    found = tuple(_differences(manifest.environment.python, pins))
    modules = (_lend(folder), *(code_places(start) if own else ()))
    program = uv.find() if found and with_uv else None
    if program is not None:
        notify(f"uv makes the recorded environment: {_said(found)}")
        for name in sorted(own):
            notify(
                f"uv leaves out '{name}', which no index has: it is taken from the recorded code; "
                "if it lies elsewhere, name its folder in PYTHONPATH"
            )
        listed = "".join(f"{name}=={pins[name]}\n" for name in pins if name not in own)
        try:
            programs = uv.make(program, folder / "env", manifest.environment.python, listed)
            return TrainingEnvironment(RECORDED, programs, programs / "python", modules, ())
        except uv.UvFailed as error:
            notify(f"uv cannot make the recorded environment: {error}")
    if found:
        notify(f"trained again in the present environment: {_said(found)}")
    here = Path(sys.executable)
    return TrainingEnvironment(PRESENT, here.parent, here, modules, found)


def _everything(snapshot: Snapshot, version: ModelVersion) -> tuple[dict[str, str], set[str]]:
    """Return name to version of what environment.txt lists, and which of them no index has.

    Nothing where there is no such file.
    """
    if snapshot.manifest(version).artifact(INSTALLED) is None:
        return {}, set()
    text = bytes(read_verified(snapshot, version, INSTALLED)).decode("utf-8")
    found = [line.groups() for line in _LISTED.finditer(text) if line["name"] not in _NO_PART]
    return {name: number for _, name, number in found}, {name for own, name, _ in found if own}


def _differences(python: str, pins: dict[str, str]) -> list[Difference]:
    """Return what differs, what counts first; another patch of Python is no other environment."""
    here = platform.python_version()
    found = [] if _minor(python) == _minor(here) else [Difference.of(PYTHON, python, here)]
    present = installed()
    found += [
        Difference.of(name, number, present.get(name))
        for name, number in pins.items()
        if number != present.get(name)
    ]
    return sorted(found, key=lambda one: not one.counts)


def _minor(python: str) -> list[str]:
    return python.split(".")[:2]


def _said(differences: tuple[Difference, ...]) -> str:
    most = 5
    said = "; ".join(map(str, differences[:most]))
    more = len(differences) - most
    return f"{said}; and {more} more" if more > 0 else said


def _lend(folder: Path) -> Path:
    """Return a folder of modules with this package alone, so that every environment has it."""
    modules = folder / "modules"
    modules.mkdir()
    (modules / "gitmodelstore").symlink_to(Path(gitmodelstore.__file__).parent)
    return modules
