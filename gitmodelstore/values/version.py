"""Version numbers: SemVer 2.0.0, its order, its bumps and its ranges.

Source: https://semver.org/spec/v2.0.0.html, clauses 2 to 11. Build metadata is
left out on purpose: it does not take part in the order, so two tags could claim
one place in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

from gitmodelstore.errors import InvalidVersion
from gitmodelstore.lean import TYPE_CHECKING
from gitmodelstore.values.names import quoted

if TYPE_CHECKING:
    from typing import Literal

    Bump = Literal["major", "minor", "patch"]
else:
    Bump = str

_NUMBER = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_MOST_CHARACTERS = 100  # leaves room for the longest model name within a file name of 255 bytes
# A pre-release may not end in ".lock": git refuses such a tag (git help check-ref-format).
VERSION_PATTERN = (
    rf"(?![0-9A-Za-z.-]{{{_MOST_CHARACTERS + 1}}})"
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}"
    rf"(?:-(?![0-9A-Za-z.-]*\.lock(?![0-9A-Za-z.-])){_IDENTIFIER}(?:\.{_IDENTIFIER})*)?"
)
_VERSION = re.compile(VERSION_PATTERN)


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """One version number, ordered by precedence (SemVer clause 11).

    >>> sorted(Version.parse(v) for v in ("1.0.0", "1.0.0-rc.1", "0.9.0"))[1]
    Version('1.0.0-rc.1')

    Attributes:
        major: incompatible change.
        minor: compatible addition.
        patch: compatible correction.
        prerelease: the identifiers after the hyphen; empty for a release.
    """

    major: int
    minor: int
    patch: int
    prerelease: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _VERSION.fullmatch(str(self)):
            raise InvalidVersion(
                f"{quoted(str(self))} is not a SemVer version", hint=_advice(str(self))
            )

    @classmethod
    def parse(cls, text: str) -> Version:
        """Return the version that `text` spells.

        Raises:
            InvalidVersion: `text` is not exactly MAJOR.MINOR.PATCH with an
                optional pre-release.
        """
        if not isinstance(text, str):
            raise InvalidVersion(
                f"expected a version as text, found {text!r}", hint="such as '1.4.0'"
            )
        if not _VERSION.fullmatch(text):
            raise InvalidVersion(f"{quoted(text)} is not a SemVer version", hint=_advice(text))
        numbers, _, prerelease = text.partition("-")
        major, minor, patch = numbers.split(".")
        return cls(
            int(major), int(minor), int(patch), tuple(prerelease.split(".")) if prerelease else ()
        )

    @property
    def is_prerelease(self) -> bool:
        return bool(self.prerelease)

    def bump(self, kind: Bump) -> Version:
        """Return the next release of that kind.

        The pre-release of a version is followed by that version itself, as in npm:

        >>> Version.parse("1.4.2").bump("minor")
        Version('1.5.0')
        >>> Version.parse("2.0.0-rc.1").bump("major")
        Version('2.0.0')
        """
        release = Version(self.major, self.minor, self.patch)
        if kind == "major":
            starts = self.minor == self.patch == 0
            return release if self.prerelease and starts else Version(self.major + 1, 0, 0)
        if kind == "minor":
            starts = self.patch == 0
            return release if self.prerelease and starts else Version(self.major, self.minor + 1, 0)
        return release if self.prerelease else Version(self.major, self.minor, self.patch + 1)

    def __str__(self) -> str:
        numbers = f"{self.major}.{self.minor}.{self.patch}"
        return f"{numbers}-{'.'.join(self.prerelease)}" if self.prerelease else numbers

    def __repr__(self) -> str:
        return f"Version('{self}')"

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Version):
            return NotImplemented
        return self.precedence() < other.precedence()

    def precedence(self) -> tuple[object, ...]:
        """Return what orders it: a release after its pre-releases, numbers before words (11)."""
        identifiers = tuple(
            (0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.prerelease
        )
        return (self.major, self.minor, self.patch, not self.prerelease, identifiers)


@dataclass(frozen=True, slots=True)
class VersionRange:
    """`^1.2` or `~1.2`: the versions from one number up to, not including, another.

    A caret keeps the left-most number that is not zero, a tilde the minor number
    (or the major, when it is all that is given). Pre-releases fit only a range
    that names a pre-release of the same three numbers.

    Source: the ranges of npm's node-semver.
    """

    text: str
    lowest: Version
    below: Version

    @classmethod
    def parse(cls, text: str) -> VersionRange:
        """Return the range that `text` spells.

        >>> VersionRange.parse("^0.2").below
        Version('0.3.0')

        Raises:
            InvalidVersion: `text` is not a caret or a tilde and one to three numbers.
        """
        if not isinstance(text, str):
            raise InvalidVersion(
                f"expected a version range as text, found {text!r}", hint="such as '^1.4'"
            )
        sign, rest = text[:1], text[1:]
        numbers = re.fullmatch(rf"{_NUMBER}(?:\.{_NUMBER}){{0,2}}", rest)
        if sign not in ("^", "~") or not (numbers or _VERSION.fullmatch(rest)):
            raise InvalidVersion(
                f"{quoted(text)} is not a version range", hint="write a range as ^1.2 or ~1.2"
            )
        given = 3 if not numbers else rest.count(".") + 1
        lowest = Version.parse(rest + ".0" * (3 - given))
        kept = min(given, 2) if sign == "~" else _caret_keeps(lowest, given)
        below = (
            Version(lowest.major + 1, 0, 0),
            Version(lowest.major, lowest.minor + 1, 0),
            Version(lowest.major, lowest.minor, lowest.patch + 1),
        )[kept - 1]
        return cls(text, lowest, below)

    def __contains__(self, version: Version) -> bool:
        if not self.lowest <= version < self.below:
            return False
        if not version.is_prerelease:
            return True
        return self.lowest.is_prerelease and _numbers(version) == _numbers(self.lowest)

    def __str__(self) -> str:
        return self.text


def _numbers(version: Version) -> tuple[int, int, int]:
    return version.major, version.minor, version.patch


def _caret_keeps(lowest: Version, given: int) -> int:
    """How many leading numbers a caret holds fixed: up to the first that is not zero."""
    for position, number in enumerate(_numbers(lowest), start=1):
        if number or position == given:
            return position
    return given


def _advice(text: str) -> str | None:
    """What the writer of `text` probably meant."""
    if len(text) > _MOST_CHARACTERS:
        return f"a version has at most {_MOST_CHARACTERS} characters"
    if _VERSION.fullmatch(text[1:]) and text[:1] in ("v", "V"):
        return f"leave out the 'v': {text[1:]}"
    numbers, plus, _ = text.partition("+")
    if plus and _VERSION.fullmatch(numbers):
        return f"build metadata does not order versions; write {numbers}"
    if re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", text):
        return "write the numbers without leading zeros: " + ".".join(
            str(int(part)) for part in text.split(".")
        )
    if re.fullmatch(rf"{_NUMBER}(\.{_NUMBER})?", text):
        return f"write all three numbers: {text + '.0' * (2 - text.count('.'))}"
    return "write MAJOR.MINOR.PATCH, such as 1.4.0 or 2.0.0-rc.1"


# Where things stand in an artifacts repository: paths, tags, fixed contents.


REGISTRY = "registry.json"
SETTINGS = "modelstore.toml"
ATTRIBUTES = ".gitattributes"
MODELS = "models"
MANIFEST = "manifest.json"
PIPELINE = "pipeline.joblib"
SAMPLE = "sample.json"
REQUIREMENTS = "requirements.txt"
INSTALLED = "environment.txt"
CARD = "README.md"
CODE_DIFF = "code.diff"

# Exactly these bytes. No line ending is ever converted, whatever the reader's settings; the two
# drivers are named here and configured by init, and git falls back to its own without them.
STORE_ATTRIBUTES = b"* -text\n*.joblib diff=gitmodelstore\nregistry.json merge=gitmodelstore\n"
FOLDER_ATTRIBUTES = b"* -text\n"
FOLDER_ATTRIBUTES_LFS = b"* -text\npipeline.joblib filter=lfs diff=lfs merge=lfs -text\n"

LARGE_FILES = "lfs/objects"  # in the git directory: where git-lfs keeps its objects

FOLDER_FILES = frozenset(
    {MANIFEST, PIPELINE, SAMPLE, REQUIREMENTS, INSTALLED, CARD, ATTRIBUTES, CODE_DIFF}
)

FALSE = ("false", "no", "off", "0")  # as git reads a truth value in its configuration

CLIENT_HOOKS = ("pre-commit", "pre-push")
SERVER_HOOKS = ("pre-receive",)

NEW_SETTINGS = b"""\
# Settings and policy of this model store; they are part of its history.
schema = "1.0"

[storage]
lfs_threshold = "50 MiB"  # pipelines from this size on are Git LFS objects
"""


def folder(model: str) -> str:
    """Return the path of a model's folder in the repository."""
    return f"{MODELS}/{model}"


def tag_name(model: str, version: Version | str) -> str:
    """Return the name of a version's tag, in the format of GTO.

    >>> tag_name("churn", "1.4.0")
    'churn@v1.4.0'
    """
    return f"{model}@v{version}"


def large_file_path(sha256: str) -> str:
    """Return where git-lfs keeps the object of that SHA-256, below the git directory."""
    return f"{LARGE_FILES}/{sha256[:2]}/{sha256[2:4]}/{sha256}"
