"""Names, points in time, version numbers and paths, as people type and the store writes them.

Source of the model rule: the intersection of what git refs, GTO tags, DVC,
MLflow, BentoML and the file systems of Linux, macOS and Windows accept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, time, timezone
from functools import total_ordering

from gitmodelstore.errors import InvalidName, InvalidReference, InvalidVersion
from gitmodelstore.lean import TYPE_CHECKING, dataclass, pattern

MODEL_PATTERN = (
    r"(?!(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?![a-z0-9_-]))"
    r"(?![a-z0-9_-]{64})[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?"
)
STATUS_PATTERN = r"(?!(?:latest|greatest)(?![a-z0-9-]))[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?"
METRIC_PATTERN = r"[A-Za-z_][A-Za-z0-9_.@-]{0,99}"

# The statuses of a store that names no others.
REGISTERED = "registered"
STAGING = "staging"
PRODUCTION = "production"
ARCHIVED = "archived"
WITHDRAWN = "withdrawn"
STATUSES = (REGISTERED, STAGING, PRODUCTION, ARCHIVED, WITHDRAWN)

IDENTICAL, WITHIN, DIFFERENT = "identical", "within tolerance", "different"  # answers, later

_MODEL = pattern(MODEL_PATTERN)
_STATUS = pattern(STATUS_PATTERN)
_METRIC = pattern(METRIC_PATTERN)


def is_word(text: str) -> bool:
    """Whether a text is at most 63 lower-case letters."""
    return len(text) < 64 and text.isascii() and text.isalpha() and text.islower()


def is_plain_model(text: str) -> bool:
    """Whether a text is surely a model name: a word that is not one of those Windows reserves."""
    return is_word(text) and text not in ("con", "prn", "aux", "nul")


def model_name(text: str) -> str:
    """Return `text` if it is a model name; InvalidName, with a near one as hint, otherwise."""
    if isinstance(text, str) and (is_plain_model(text) or _MODEL.fullmatch(text)):
        return text
    raise InvalidName(f"{quoted(text)} is not a model name", hint=_model_advice(text))


def status_name(text: str) -> str:
    """Return `text` if it can name a status (lower case, hyphens); InvalidName otherwise."""
    if isinstance(text, str) and (text in STATUSES or _STATUS.fullmatch(text)):
        return text
    hint = "use lower-case letters, digits and hyphens, such as 'shadow' or 'pre-production'"
    raise InvalidName(f"{quoted(text)} is not a status name", hint=hint)


def metric_name(text: str) -> str:
    """Return `text` if it can name a metric: letters, digits and `_.@-`; InvalidName otherwise."""
    if isinstance(text, str) and _METRIC.fullmatch(text):
        return text
    hint = "use letters, digits and _ . @ -, beginning with a letter, such as 'test_auc'"
    raise InvalidName(f"{quoted(text)} is not a metric name", hint=hint)


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the known word that `word` most likely means, None when none is near."""
    import difflib  # for a slip only: it takes longer to import than all of this module

    words = list(choices)
    begun = [other for other in words if len(word) > 2 and other.startswith(word)]
    close = begun or difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return close[0] if close else None


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """Return the hint for a near miss, None when nothing is near."""
    near = nearest(word, choices)
    return f"did you mean '{near}'?" if near else None


def quoted(text: object) -> str:
    """Return `text` between quotes for a message; what a terminal would act on is escaped."""
    return f"'{text}'" if isinstance(text, str) and text.isprintable() else ascii(text)


def _model_advice(text: object) -> str:
    rule = "use lower-case letters, digits, - and _, at most 63, ending in a letter or digit"
    if not isinstance(text, str):
        return rule
    near = re.sub(r"[^a-z0-9_-]+", "-", text.lower())[:63].strip("-_")
    return f"{rule}, such as '{near}'" if near and _MODEL.fullmatch(near) else rule


# Points in time, as people type them and as the store writes them.

_LAST_SECOND = time(23, 59, 59)
# What a year of four digits can say in every zone; git takes any number for a date.
_EARLIEST = int(datetime(1, 1, 2, tzinfo=timezone.utc).timestamp())
_LATEST = int(datetime(9999, 12, 30, tzinfo=timezone.utc).timestamp())


def parse_moment(text: str) -> datetime:
    """Return the moment that `text` spells, in UTC.

    A day alone means its last second, so that "on 3 March" sees what that day
    brought. A time without a zone is UTC.

    >>> parse_moment("2026-03-03").isoformat()
    '2026-03-03T23:59:59+00:00'
    >>> parse_moment("2026-03-03 14:00+02:00").isoformat()
    '2026-03-03T12:00:00+00:00'

    Raises:
        InvalidReference: `text` is not a date of ISO 8601.
    """
    written = text.strip()
    try:
        day = _day(written)
        moment = datetime.combine(day, _LAST_SECOND) if day else datetime.fromisoformat(written)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):  # in UTC it can lie before year 1
        hint = "write it as 2026-03-03 or 2026-03-03T14:00"
        raise InvalidReference(f"{quoted(text)} is not a date", hint=hint) from None


def parse_since(text: str) -> datetime:
    """Return the moment that a text spells; of a day alone its first second."""
    moment = parse_moment(text)
    return datetime.combine(moment, time(), timezone.utc) if _day(text.strip()) else moment


def as_moment(value: str | date) -> datetime:
    """Return the moment that a caller gave, in UTC, by the rules of `parse_moment`."""
    return parse_moment(value.isoformat() if isinstance(value, date) else value)


def _day(text: str) -> date | None:
    """Return the day that `text` spells, None when it says more or something else."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def from_seconds(seconds: int) -> datetime:
    """Return the moment that git writes as seconds, or the nearest with a year of four digits."""
    return datetime.fromtimestamp(min(max(seconds, _EARLIEST), _LATEST), timezone.utc)


def format_moment(moment: datetime) -> str:
    """Return `moment` as the store writes times: UTC, whole seconds, as 2026-03-03T14:05:09Z."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


# Version numbers: SemVer 2.0.0, its order, its bumps and its ranges.

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
_VERSION = pattern(VERSION_PATTERN)


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
        if not is_version(str(self)):
            raise _no_version(str(self))

    @classmethod
    def parse(cls, text: str) -> Version:
        """Return the version that `text` spells.

        Raises:
            InvalidVersion: `text` is not exactly MAJOR.MINOR.PATCH with an
                optional pre-release.
        """
        if not isinstance(text, str):
            hint = "such as '1.4.0'"
            raise InvalidVersion(f"expected a version as text, found {text!r}", hint=hint)
        if not is_version(text):
            raise _no_version(text)
        numbers, _, prerelease = text.partition("-")
        major, minor, patch = map(int, numbers.split("."))
        return cls(major, minor, patch, tuple(prerelease.split(".")) if prerelease else ())

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
        starts = {"major": self.minor == self.patch == 0, "minor": self.patch == 0, "patch": True}
        if self.prerelease and starts[kind]:
            return release
        if kind == "major":
            return Version(self.major + 1, 0, 0)
        if kind == "minor":
            return Version(self.major, self.minor + 1, 0)
        return Version(self.major, self.minor, self.patch + 1)

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


def is_version(text: str) -> bool:
    """Whether a text spells a version number."""
    return is_plain_version(text) or _VERSION.fullmatch(text) is not None


def is_plain_version(text: str) -> bool:
    """Whether a text spells one of three numbers alone, as most do: so no pattern is compiled."""
    parts = text.split(".")
    is_short = len(parts) == 3 and text.isascii() and len(text) <= _MOST_CHARACTERS
    return is_short and all(part.isdigit() and (part[0] != "0" or part == "0") for part in parts)


class OfVersion:
    """Something about one version of a model, and how that is named."""

    __slots__ = ()
    if TYPE_CHECKING:
        model: str
        version: Version

    @property
    def ref(self) -> str:
        """The reference that names exactly this version, as `churn@1.4.0`."""
        return f"{self.model}@{self.version}"

    def __str__(self) -> str:
        return f"{self.model} {self.version}"


@dataclass(frozen=True, slots=True)
class VersionRange:
    """`^1.2` or `~1.2`: the versions from one number up to, not including, another."""

    # As npm's node-semver: a caret keeps the left-most number that is not zero, a tilde the minor
    # one. Pre-releases fit only a range that names one of the same three numbers.

    text: str
    lowest: Version
    below: Version

    @classmethod
    def parse(cls, text: str) -> VersionRange:
        """Return the range that `text` spells: a caret or a tilde and up to three numbers.

        >>> VersionRange.parse("^0.2").below
        Version('0.3.0')
        """
        if not isinstance(text, str):
            hint = "such as '^1.4'"
            raise InvalidVersion(f"expected a version range as text, found {text!r}", hint=hint)
        sign, rest = text[:1], text[1:]
        numbers = re.fullmatch(rf"{_NUMBER}(?:\.{_NUMBER}){{0,2}}", rest)
        if sign not in ("^", "~") or not (numbers or is_version(rest)):
            hint = "write a range as ^1.2 or ~1.2"
            raise InvalidVersion(f"{quoted(text)} is not a version range", hint=hint)
        given = 3 if not numbers else rest.count(".") + 1
        lowest = Version.parse(rest + ".0" * (3 - given))
        kept = min(given, 2)
        if sign == "^":  # up to the first number that is not zero
            kept = next((n for n, part in enumerate(_numbers(lowest)[:given], 1) if part), given)
        below = [*_numbers(lowest)[:kept], 0, 0][:3]
        below[kept - 1] += 1
        major, minor, patch = below
        return cls(text, lowest, Version(major, minor, patch))

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


def _no_version(text: str) -> InvalidVersion:
    return InvalidVersion(f"{quoted(text)} is not a SemVer version", hint=_advice(text))


def _advice(text: str) -> str:
    """What the writer of `text` probably meant."""
    if len(text) > _MOST_CHARACTERS:
        return f"a version has at most {_MOST_CHARACTERS} characters"
    if _VERSION.fullmatch(text[1:]) and text[:1] in ("v", "V"):
        return f"leave out the 'v': {text[1:]}"
    numbers, plus, _ = text.partition("+")
    if plus and _VERSION.fullmatch(numbers):
        return f"build metadata does not order versions; write {numbers}"
    if re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", text):
        plain = ".".join(str(int(part)) for part in text.split("."))
        return f"write the numbers without leading zeros: {plain}"
    if re.fullmatch(rf"{_NUMBER}(\.{_NUMBER})?", text):
        return f"write all three numbers: {text + '.0' * (2 - text.count('.'))}"
    return "write MAJOR.MINOR.PATCH, such as 1.4.0 or 2.0.0-rc.1"


# Where things stand in an artifacts repository: paths, tags, fixed contents.

LOCK_FILE = "modelstore.lock.json"  # of a repository that uses models
REGISTRY = "registry.json"
SETTINGS = "modelstore.toml"
ATTRIBUTES = ".gitattributes"
MODELS = "models"
OWN_FOLDER = "gitmodelstore"  # in the git directory; nothing in it is a source of truth
INDEX = "index.sqlite"  # in there: what follows from the history
MANIFEST = "manifest.json"
PIPELINE = "pipeline.joblib"
SAMPLE = "sample.json"
REQUIREMENTS = "requirements.txt"
INSTALLED = "environment.txt"
CARD = "README.md"
CODE_DIFF = "code.diff"

# Exactly these bytes. No line ending is ever converted, whatever the reader's settings; the two
# drivers are named here and configured by init, and git falls back to its own without them.
# Of README.md git takes the lines of both sides: the next event sets it right.
EARLIER_ATTRIBUTES = b"* -text\n*.joblib diff=gitmodelstore\nregistry.json merge=gitmodelstore\n"
STORE_ATTRIBUTES = EARLIER_ATTRIBUTES + b"/README.md merge=union\n"
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
# The files of a store in which nothing is registered yet, by path; registry.json is the other.
START = {SETTINGS: NEW_SETTINGS, ATTRIBUTES: STORE_ATTRIBUTES}


def folder(model: str) -> str:
    """Return the path of a model's folder in the repository."""
    return f"{MODELS}/{model}"


def tag_name(model: str, version: Version | str) -> str:
    """Return the name of a version's tag, in the format of GTO: churn@v1.4.0."""
    return f"{model}@v{version}"


_TAG = pattern(r"([a-z0-9_-]{1,63})@v(.{1,255})")


def version_of(name: str) -> tuple[str, Version] | None:
    """Return the model and version in the name of a tag; None if it is not a version tag.

    >>> version_of("churn@v1.4.0")
    ('churn', Version('1.4.0'))
    """
    parts = _TAG.fullmatch(name)
    if parts is None:
        return None
    try:
        model, version = model_name(parts[1]), Version.parse(parts[2])
    except (InvalidName, InvalidVersion):
        return None
    return (model, version) if tag_name(model, version) == name else None


def large_file_path(sha256: str) -> str:
    """Return where git-lfs keeps the object of that SHA-256, below the git directory."""
    return f"{LARGE_FILES}/{sha256[:2]}/{sha256[2:4]}/{sha256}"
