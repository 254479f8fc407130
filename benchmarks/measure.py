"""One way of measuring: what is compared runs in turn, and medians are given with quartiles.

A line of a table is one question; a row of it is one who answers. The order within a turn changes,
because who comes first after a pause finds cold caches. Each row has a budget of seconds.
"""

from __future__ import annotations

import resource
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.systems import Environments

OURS = "gitmodelstore"
NOISY = 0.3  # rows whose quartiles are further apart, of the median, are marked


@dataclass(frozen=True, slots=True)
class Taken:
    """What one turn took; who measures itself returns it.

    Attributes:
        seconds: of the clock on the wall.
        processor: seconds of the processor, of all processes that were waited for.
        peak_mb: memory of the process; None if nobody looked.
        whole: the same of the process that answered; None if that is what was measured.
    """

    seconds: float
    processor: float
    peak_mb: float | None = None
    whole: Taken | None = None


class Cannot(Exception):
    """There is no answer; the text says why."""


Action = Callable[[], object]


def used() -> float:
    """Return the processor time until now, with that of processes that were waited for."""
    both = [resource.getrusage(one) for one in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


def timed(action: Action) -> Taken:
    """Run an action; what it returns is let go of after the clock has stopped."""
    before, start = used(), time.perf_counter()
    result = action()
    taken = Taken(time.perf_counter() - start, used() - before)
    return result if isinstance(result, Taken) else taken


def process(*command: str, **options: Any) -> Action:
    """Return what runs a command and waits; what it prints is thrown away."""

    def action() -> None:
        done = subprocess.run(command, capture_output=True, check=False, **options)
        if done.returncode:
            sys.exit(f"error: {shlex.join(command)}\n{done.stderr.decode(errors='replace')}")

    return action


def python() -> Action:
    """Return what starts an empty Python and waits."""
    return process(sys.executable, "-c", "pass")


def quartiles(values: list[float]) -> list[float]:
    """Return the lower quartile, the median and the upper quartile, to four digits."""
    if not values:
        return []
    if len(values) == 1:
        values = values * 2
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return [float(f"{one:.4g}") for one in (low, statistics.median(values), high)]


@dataclass(slots=True)
class Row:
    """One who answers one question.

    Attributes:
        system: who, or what was done.
        taken: quartiles, in the unit of the line; empty if there is no answer.
        otherwise: quartiles of the other clock, of a line in seconds.
        ratio: quartiles of the first row's to this one's, turn by turn.
        turns: how many were measured.
        note: why there is no answer, or why there are fewer turns.
    """

    system: str
    taken: list[float] = field(default_factory=list)
    otherwise: list[float] = field(default_factory=list)
    ratio: list[float] = field(default_factory=list)
    turns: int = 0
    note: str = ""

    @property
    def is_noisy(self) -> bool:
        return bool(self.taken) and self.taken[2] - self.taken[0] > NOISY * self.taken[1]


@dataclass(slots=True)
class Line:
    """One question, and the rows that answer it; the first is what is measured.

    Attributes:
        suite: where it belongs, "loading".
        name: the question, "load S again".
        rows: who answers.
        unit: "s" or "MB".
        reach: what the first row is to be at most, as a ratio to the second; None if nothing is
            said.
    """

    suite: str
    name: str
    rows: list[Row]
    unit: str = "s"
    reach: float | None = None


@dataclass(slots=True)
class Bench:
    """Runs and prints lines, and keeps them.

    Attributes:
        suite: whose lines these are.
        turns: how many of each, after one to warm up.
        pause: seconds before each turn.
        budget: seconds that a row may take in all.
        processor: processor time counts, and not the clock on the wall.
        tell: where lines are printed.
        tiny: everything is small, to see that it runs.
        environments: of the systems that are compared.
        missing: why a system is not there, for a row that says so.
    """

    suite: str
    turns: int = 15
    pause: float = 0.1
    budget: float = 60
    processor: bool = False
    tell: Callable[[str], None] = print
    tiny: bool = False
    environments: Environments | None = None
    lines: list[Line] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    def count(self, many: int, few: int = 3) -> int:
        """Return how many of something, which are few if everything is small."""
        return few if self.tiny else many

    def compare(
        self,
        name: str,
        actions: Mapping[str, Action],
        *,
        before: Mapping[str, Action] | None = None,
        turns: int | None = None,
        warm: bool = True,
        reach: float | None = None,
    ) -> None:
        """Run actions in turn, and keep how the first compares with each of the others.

        Whole processes and peak memory, where actions tell them, become lines of their own.

        Args:
            name: the question.
            actions: who answers it; one that raises `Cannot` has no answer.
            before: what is run before an action of this name, outside of the time.
            turns: another number of them.
            warm: run each once before.
            reach: what the ratio to the second is to be at most.
        """
        race = Race(self, dict(actions), before or {})
        race.run((turns or self.turns) + warm, warm)
        self.keep(Line(self.suite, name, race.rows(lambda one: one), reach=reach))
        if race.has(lambda one: one.whole):
            rows = race.rows(lambda one: one.whole)
            self.keep(Line(self.suite, f"{name}: whole process", rows))
        if race.has(lambda one: one.peak_mb):
            self.keep(Line(self.suite, f"{name}: peak memory", race.peaks(), unit="MB"))

    def value(self, name: str, values: Mapping[str, float], unit: str = "MB") -> None:
        """Keep what was counted or weighed once."""
        first = next(iter(values.values()))
        rows = [
            Row(system, quartiles([value]), ratio=quartiles([first / value]), turns=1)
            for system, value in values.items()
        ]
        self.keep(Line(self.suite, name, rows, unit=unit))

    def keep(self, line: Line) -> None:
        line.rows += [Row(system, note=note) for system, note in self.missing.items()]
        self.lines.append(line)
        self.tell(f"{self.suite}: {line.name}")
        for row in line.rows:
            self.tell(f"    {row.system:<24} {_shown(row, line.unit)}")


class Race:
    """The turns of one line."""

    def __init__(self, bench: Bench, actions: dict[str, Action], before: Mapping[str, Action]):
        self.bench, self.actions, self.before = bench, actions, before
        self.taken: dict[str, list[tuple[int, Taken]]] = {name: [] for name in actions}
        self.spent = dict.fromkeys(actions, 0.0)
        self.notes: dict[str, str] = {}

    def run(self, turns: int, warm: bool) -> None:
        for turn in range(turns):
            time.sleep(self.bench.pause if turn else 0)
            names = list(self.actions)
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                if name not in self.notes:
                    self._one(name, turn)
            if warm and turn == 0:
                self._warmed()

    def _one(self, name: str, turn: int) -> None:
        start = time.perf_counter()
        try:
            if name in self.before:
                self.before[name]()
            taken = timed(self.actions[name])
        except Cannot as refusal:
            self.notes[name] = str(refusal)
            return
        self.taken[name].append((turn, taken))
        self.spent[name] += time.perf_counter() - start
        if self.spent[name] > self.bench.budget:
            self.notes[name] = f"ended after {self.bench.budget:g} s"

    def _warmed(self) -> None:
        """Forget the first turn, but of who has no time for another."""
        for name, taken in self.taken.items():
            if name not in self.notes:
                taken.clear()

    def has(self, measured: Callable[[Taken], object]) -> bool:
        return any(measured(one) is not None for taken in self.taken.values() for _, one in taken)

    def rows(self, measured: Callable[[Taken], Taken | None]) -> list[Row]:
        """Return who took how long, as a turn says it of itself, or of its process."""
        clocks = [attrgetter("seconds"), attrgetter("processor")]
        clock, other = reversed(clocks) if self.bench.processor else clocks
        by_turn = {
            name: {turn: part for turn, one in taken if (part := measured(one)) is not None}
            for name, taken in self.taken.items()
        }
        first = {turn: clock(one) for turn, one in next(iter(by_turn.values())).items()}
        rows = []
        for name, mine in by_turn.items():
            row = self._row(name, {turn: clock(one) for turn, one in mine.items()}, first)
            row.otherwise = quartiles([other(one) for one in mine.values()])
            rows.append(row)
        return rows

    def peaks(self) -> list[Row]:
        by_turn = {
            name: {turn: one.peak_mb for turn, one in taken if one.peak_mb is not None}
            for name, taken in self.taken.items()
        }
        first = next(iter(by_turn.values()))
        return [self._row(name, mine, first) for name, mine in by_turn.items()]

    def _row(self, name: str, mine: dict[int, float], first: dict[int, float]) -> Row:
        ratios = [first[turn] / value for turn, value in mine.items() if turn in first and value]
        note = self.notes.get(name, "")
        return Row(name, quartiles(list(mine.values())), [], quartiles(ratios), len(mine), note)


def _shown(row: Row, unit: str) -> str:
    if not row.taken:
        return f"- ({row.note})"
    low, middle, high = (f"{one:.4g}" for one in row.taken)
    ratio = f"  ratio {row.ratio[1]:.3g}" if row.ratio else ""
    marks = " noisy" * row.is_noisy + f" ({row.note})" * bool(row.note)
    return f"{middle} {unit} ({low} to {high}){ratio}{marks}"
