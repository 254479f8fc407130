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
    with asked(bench, folder) as systems:
        for size in SIZES[: bench.count(len(SIZES), 1)]:
            with ThreadPoolExecutor() as threads:
                refusals = threads.map(partial(fill, pipeline, size), systems.values())
                for name, refusal in zip(list(systems), refusals, strict=True):
                    if refusal:
                        systems.pop(name).close()
                        bench.missing[name] = f"not filled to {size:,}: {refusal}"
            questions(systems, bench, pipeline, f"{size:,} versions")


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


def questions(systems: dict[str, Asked], bench: Bench, pipeline: Path, size: str) -> None:
    for question in ("list", "which", "log"):
        for way in ("warm", "cold"):
            bench.compare(f"{question}, {way}: {size}", each(systems, way, question), turns=TURNS)
    bench.compare(f"load, warm: {size}", each(systems, "warm", "load"), turns=TURNS)
    rows = each(systems, "warm", "register", pipeline=pipeline)
    bench.compare(f"register, warm: {size}", rows, turns=TURNS)
    bench.compare(f"promote, warm: {size}", alternating(systems, "warm"), turns=TURNS)
