"""What a version was trained with, set beside what is installed here.

What counts (`values/severity.py`) is what is known to change answers, or to keep a pipeline
from loading. The rest is told, and no more. (`operations/environment.py` says at load what of
four packages differs.)
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gitmodelstore.lineage.environment import installed, platform_name
from gitmodelstore.operations.load import read_verified
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.values.layout import REQUIREMENTS
from gitmodelstore.values.manifest import Environment
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.severity import Difference

PYTHON, PLATFORM = "python", "platform"


@dataclass(frozen=True, slots=True)
class EnvironmentReport:
    """What a version needs, and what of it differs here.

    >>> report = store.environment("churn")
    >>> report.matches, report.differences
    (True, ())

    Attributes:
        version: which.
        recorded: python, platform and the packages that the pipeline needs.
        requirements: requirements.txt: `name==version` of these packages, one a line.
        differences: those that count first, then by name.
    """

    version: ModelVersion
    recorded: Environment
    requirements: str
    differences: tuple[Difference, ...]

    @property
    def matches(self) -> bool:
        """Whether nothing that counts differs."""
        return not any(difference.counts for difference in self.differences)


def environment_of(snapshot: Snapshot, version: ModelVersion) -> EnvironmentReport:
    """Return what a version was trained with, and what differs here.

    Raises:
        IntegrityError, FormatError, MissingObject: it is not the one that was released.
    """
    recorded = snapshot.manifest(version).environment
    requirements = ""
    if snapshot.manifest(version).artifact(REQUIREMENTS) is not None:
        requirements = bytes(read_verified(snapshot, version, REQUIREMENTS)).decode("utf-8")
    return EnvironmentReport(version, recorded, requirements, differences(recorded))


def differences(recorded: Environment) -> tuple[Difference, ...]:
    """Return where the present environment differs from a recorded one; what counts first."""
    found = _differing(
        {PYTHON: recorded.python, PLATFORM: recorded.platform, **recorded.pins},
        {**installed(), PYTHON: platform.python_version(), PLATFORM: platform_name()},
    )
    return tuple(sorted(found, key=lambda one: not one.counts))


def _differing(
    recorded: Mapping[str, str], present: Mapping[str, str | None]
) -> Iterator[Difference]:
    for name in recorded:
        if recorded[name] != present.get(name):
            yield Difference.of(name, recorded[name], present.get(name))
