"""Find the first bad version of a model, by asking about the middle of those in question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gitmodelstore.errors import (
    BisectionError,
    FormatError,
    IntegrityError,
    InvalidInput,
    LoadError,
    MissingObject,
    StoreError,
)
from gitmodelstore.operations.resolve import Named, check_model, resolve_of
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import WITHDRAWN
from gitmodelstore.values.version import Version

GOOD, BAD, SKIPPED = "good", "bad", "skipped"
Test = Callable[[ModelVersion], bool | None]
_UNTESTABLE = (IntegrityError, MissingObject, FormatError, LoadError)


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one version.

    >>> found = store.bisect("churn", "1.0.0", "1.2.0", lambda version: version.ref < "churn@1.2.0")
    >>> [(str(trial.version), trial.verdict) for trial in found.trials][:1]
    [('churn 1.0.0', 'good')]

    Attributes:
        version: which.
        verdict: GOOD, BAD or SKIPPED.
        why: why it cannot be tested; None where the test itself said what it said.
    """

    version: ModelVersion
    verdict: str
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Bisection:
    """What a search has found.

    >>> found = store.bisect("churn", "1.0.0", "1.2.0", lambda version: version.ref < "churn@1.2.0")
    >>> print(found.first_bad)
    churn 1.2.0

    Attributes:
        good: the highest version that is known, or named, as good.
        suspects: the first bad version is one of these, lowest first: those that could not be
            tested, and the lowest that is bad. One when the answer is clear.
        trials: every version that was tested, in order, the two that were named first.
    """

    good: ModelVersion
    suspects: tuple[ModelVersion, ...]
    trials: tuple[Trial, ...]

    @property
    def first_bad(self) -> ModelVersion | None:
        """The first bad version; None where it can be one of several."""
        return self.suspects[0] if len(self.suspects) == 1 else None


def bisect(
    snapshot: Snapshot,
    model: str,
    good: Named,
    bad: Named,
    test: Test,
    *,
    check: bool = True,
    notify: Callable[[str], None],
    seen: Callable[[Trial], None] | None = None,
) -> Bisection:
    """Find the first bad version above a good one, as `Store.bisect` says.

    In question are all versions between, in the order of their numbers, withdrawn ones too:
    what was found bad later is what is looked for. `notify` is told how many they are.
    """
    check_model(snapshot, model)
    ends = resolve_of(snapshot, model, good), resolve_of(snapshot, model, bad)
    line, faults = _line(snapshot, *ends)
    notify(_question(line))
    trials: list[Trial] = []

    def judge(version: ModelVersion) -> str:
        fault = faults.get(version.version)
        trial = Trial(version, SKIPPED, fault) if fault else _trial(test, version)
        trials.append(trial)
        if seen is not None:
            seen(trial)
        return trial.verdict

    if check:
        for version, named in zip(ends, (GOOD, BAD), strict=True):
            judge(version)
            _refuse_misnamed(trials[-1], named)
    low, high = _narrow(line, judge)
    return Bisection(line[low], tuple(line[low + 1 : high + 1]), tuple(trials))


def _line(
    snapshot: Snapshot, good: ModelVersion, bad: ModelVersion
) -> tuple[list[ModelVersion], dict[Version, str]]:
    """Return the versions from the good one to the bad one, both of them too.

    One of which nobody can say which commit introduced it is among them, without that; why
    is said beside them.
    """
    if good.version >= bad.version:
        raise BisectionError(
            f"{good}, given as good, is not below {bad}, given as bad",
            hint="to look for a good version, use a test that answers the other way round",
        )
    numbers = snapshot.registry.versions(good.model)
    between = [number for number in reversed(numbers) if good.version < number < bad.version]
    line, faults = [good], {}
    for number in between:
        try:
            line.append(snapshot.version(good.model, number))
        except StoreError as error:
            status = snapshot.registry.status(good.model, number) or ""
            line.append(ModelVersion(good.model, number, status, ""))
            faults[number] = str(error)
    return [*line, bad], faults


def _question(line: Sequence[ModelVersion]) -> str:
    between = line[1:-1]
    if not between:
        return f"no version lies between {line[0]} and {line[-1].version}"
    count = f"{len(between)} version{'' if len(between) == 1 else 's'}"
    said = f"{count} between {line[0]} and {line[-1].version}"
    withdrawn = [str(version.version) for version in between if version.status == WITHDRAWN]
    if withdrawn:
        said += f", the withdrawn {', '.join(withdrawn)} among them"
    return f"{said}: at most {len(between).bit_length()} to test"


def _narrow(line: Sequence[ModelVersion], judge: Callable[[ModelVersion], str]) -> tuple[int, int]:
    """Return the places of the last good and the first bad one, as near as can be found out."""
    low, high = 0, len(line) - 1
    skipped: set[int] = set()
    while left := [place for place in range(low + 1, high) if place not in skipped]:
        middle = (low + high) / 2
        place = min(left, key=lambda place: abs(place - middle))
        verdict = judge(line[place])
        if verdict == GOOD:
            low = place
        elif verdict == BAD:
            high = place
        else:
            skipped.add(place)
    return low, high


def _trial(test: Test, version: ModelVersion) -> Trial:
    try:
        answer: Any = test(version)
    except _UNTESTABLE as error:
        return Trial(version, SKIPPED, str(error))
    plain = answer.item() if hasattr(answer, "item") else answer  # numpy's truth is not Python's
    if plain is None:
        return Trial(version, SKIPPED)
    if not isinstance(plain, bool):
        raise InvalidInput(
            f"the test of {version} answers {answer!a}, not True (good), False (bad) or "
            "None (cannot be tested)",
            hint="return True, False or None from the function",
        )
    return Trial(version, GOOD if plain else BAD)


def _refuse_misnamed(trial: Trial, named: str) -> None:
    if trial.verdict == named:
        return
    version, found = trial.version, f"the test says {trial.verdict}"
    if trial.verdict == SKIPPED:
        found = f"it cannot be tested{f': {trial.why}' if trial.why else ''}"
    raise BisectionError(
        f"{version} was given as {named}, but {found}",
        hint=f"name another version with --{named}, or skip this check with --no-check",
    )
