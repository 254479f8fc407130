"""The parts of a story: scenes, and the steps that they are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Say:
    """A paragraph of prose; line ends in it do not matter."""

    text: str


@dataclass(frozen=True, slots=True)
class Python:
    """One statement at the prompt of one Python session that lasts for the whole story."""

    source: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command typed in the project's folder: gms, git or python, and its arguments."""

    args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one place of a file of the project, as an editor makes it."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Identify:
    """See to it that git knows who commits in a folder of the project."""

    folder: str


Step = Say | Python | Command | Edit | Identify


@dataclass(frozen=True, slots=True)
class Scene:
    """What happens on one day.

    Attributes:
        title: what it is about.
        on: the day, in UTC; what is committed bears it.
        steps: what is done, in order.
    """

    title: str
    on: date
    steps: tuple[Step, ...]


def command(*args: str) -> Command:
    """Return the command that these words are."""
    return Command(args)
