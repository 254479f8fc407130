"""Whether what is installed here is what a version was trained with."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Literal

from gitmodelstore.errors import EnvironmentDiffers, InvalidInput
from gitmodelstore.values.manifest import Environment
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.severity import PARTS_AT_LOAD, Difference

Care = Literal["warn", "exact", "ignore"]
CARES: tuple[Care, ...] = ("warn", "exact", "ignore")


def differences(recorded: Environment) -> Iterator[Difference]:
    """Yield where Python, scikit-learn, numpy or pandas differ from those at training."""
    known = {"python": recorded.python, **recorded.pins}
    for package in PARTS_AT_LOAD:
        present = _present(package)
        if package in known and known[package] != present:
            yield Difference.of(package, known[package], present, PARTS_AT_LOAD)


def check_care(care: str) -> None:
    """Refuse another word than one of CARES.

    Raises:
        InvalidInput: it is none.
    """
    if care not in CARES:
        raise InvalidInput(
            f"environment={care!r} means nothing", hint=f"give {', '.join(map(repr, CARES))}"
        )


def difference_of(of: ModelVersion, recorded: Environment, care: str) -> str | None:
    """Return what is to be said before a version is loaded here; None for nothing.

    Args:
        of: the version.
        recorded: what it was trained with.
        care: "warn" says what counts, "exact" refuses any difference, "ignore" neither.

    Raises:
        InvalidInput: `care` is none of these.
        EnvironmentDiffers: something differs, and `care` is "exact".
    """
    check_care(care)
    found = list(differences(recorded)) if care != "ignore" else []
    said = "; ".join(map(str, found))
    if found and care == "exact":
        raise EnvironmentDiffers(
            f"{of} was trained with other versions: {said}",
            hint=f"install what `gms cat {of.ref}:requirements.txt` lists",
        )
    if not any(difference.counts for difference in found):
        return None
    return (
        f"{of} was trained with other versions: {said}; "
        f"see whether it answers alike: gms verify {of.ref} --replay"
    )


@lru_cache
def _present(package: str) -> str | None:
    if package == "python":
        return platform.python_version()
    # Not above: 25 ms, which who only reads bytes would feel.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


@contextmanager
def one_warning(recorded: Environment) -> Iterator[None]:
    """Leave it to us to say, once, what scikit-learn says of each estimator."""
    if not any(differences(recorded)):
        yield
        return
    from gitmodelstore.pipelines.load import version_warning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", version_warning())
        yield
