"""Ours beside the others: what questions take at 10, 100, 1,000 and 10,000 versions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import joblib

from benchmarks.measure import Bench, Cannot
from benchmarks.models import small_pipeline
from benchmarks.suites.systems import alternating
from benchmarks.systems import FILLING, Asked, asked, each

TURNS = 5
SIZES = (10, 100, 1000, 10_000)


def run(folder: Path, bench: Bench) -> None:
    pipeline = folder / "small.joblib"
    joblib.dump(small_pipeline(), pipeline)
    slow: dict[str, set[str]] = {}
    with asked(bench, folder) as systems:
        for size in SIZES[: bench.count(len(SIZES), 1)]:
            with ThreadPoolExecutor() as threads:
                refusals = threads.map(partial(fill, pipeline, size), systems.values())
                for name, refusal in zip(list(systems), refusals, strict=True):
                    if refusal:
                        systems.pop(name).close()
                        bench.missing[name] = f"not filled to {size:,}: {refusal}"
            questions(systems, bench, pipeline, f"{size:,} versions", slow)


def fill(pipeline: Path, size: int, one: Asked) -> str:
    """Register until there are so many versions; return why not, if it takes too long."""
    limit, count = FILLING * one.budget, max(0, size - one.count)
    try:
        if one.pace * count > limit:
            raise Cannot(f"{count:,} versions take over {limit:g} s at {one.pace * 1000:.0f} ms")
        if count:
            taken = one.warm("fill", pipeline=pipeline, first=one.count + 1, last=size)
            one.count, one.pace = size, taken.seconds / count
    except Cannot as refusal:
        return str(refusal)
    return ""


def questions(
    systems: dict[str, Asked], bench: Bench, pipeline: Path, size: str, slow: dict[str, set[str]]
) -> None:
    """Ask; who took too long at a smaller size is not asked again."""
    asking = {
        **{f"{one}, warm": each(systems, "warm", one) for one in ("list", "which", "log")},
        **{f"{one}, cold": each(systems, "cold", one) for one in ("list", "which", "log")},
        "load, warm": each(systems, "warm", "load"),
        "register, warm": each(systems, "warm", "register", pipeline=pipeline),
        "promote, warm": alternating(systems, "warm"),
    }
    for name, actions in asking.items():
        late = slow.setdefault(name, set())
        refusing = dict.fromkeys(late & set(systems), too_slow)
        bench.compare(f"{name}: {size}", {**actions, **refusing}, turns=min(bench.turns, TURNS))
        line = next(one for one in reversed(bench.lines) if one.name == f"{name}: {size}")
        late |= {row.system for row in line.rows if row.note.startswith(("no answer", "ended"))}


def too_slow() -> None:
    raise Cannot("took too long with fewer versions")
