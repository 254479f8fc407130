"""Actions that are run in turn in one process, and how the first compares with the others."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Sequence

Action = Callable[[], object]


def seconds(action: Action) -> float:
    """Return how long an action takes; what it returns is let go of afterwards."""
    start = time.perf_counter()
    held = action()
    taken = time.perf_counter() - start
    del held
    return taken


def processor_seconds(action: Action) -> float:
    """Return the processor time of an action, with that of the processes that it waits for."""
    start = _used()
    held = action()
    taken = _used() - start
    del held
    return taken


def _used() -> float:
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    usages = [resource.getrusage(one) for one in both]
    return sum(one.ru_utime + one.ru_stime for one in usages)


class Comparison:
    """Runs actions in turn and prints how the first compares with each yardstick.

    Args:
        pairs: how many times each is run, after once to warm up.
        pause_seconds: before each turn.
        clock: what measures an action.
    """

    def __init__(
        self, pairs: int, pause_seconds: float, clock: Callable[[Action], float] = seconds
    ) -> None:
        self._clock = clock
        self._pairs = pairs
        self._pause_seconds = pause_seconds

    def show(
        self, name: str, measured: Action, *yardsticks: Action, before: Sequence[Action] = ()
    ) -> None:
        """Compare; what is in `before` is run before each of the actions, outside of the time."""
        actions = (measured, *yardsticks)
        prepare = dict(zip(actions, before, strict=True)) if before else {}
        for action in actions:
            prepare.get(action, _nothing)()
            action()
        taken: dict[Action, list[float]] = {action: [] for action in actions}
        for turn in range(self._pairs):
            time.sleep(self._pause_seconds)
            first = turn % len(actions)  # who comes first after a pause finds cold caches
            for action in actions[first:] + actions[:first]:
                prepare.get(action, _nothing)()
                taken[action].append(self._clock(action))
        mine, *others = taken.values()
        compared = "".join(_compared(mine, other) for other in others)
        print(f"{name:<38} {_milliseconds(mine)}{compared}", flush=True)


def _nothing() -> None:
    pass


def _milliseconds(times: list[float]) -> str:
    return f"{statistics.median(times) * 1000:8.2f} ms"


def _compared(mine: list[float], other: list[float]) -> str:
    ratios = [a / b for a, b in zip(mine, other, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{_milliseconds(other)}   ratio {middle:5.2f}  ({low:.2f} to {high:.2f})"
