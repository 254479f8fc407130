"""Ours beside the others: what questions take at 10, 100, 1,000 and 10,000 versions."""

from __future__ import annotations

from pathlib import Path

import joblib

from benchmarks.measure import Bench, Cannot
from benchmarks.models import small_pipeline
from benchmarks.suites.systems import alternating
from benchmarks.systems import Asked, asked, each

TURNS = 5
SIZES = (10, 100, 1000, 10_000)


def run(folder: Path, bench: Bench) -> None:
    pipeline = folder / "small.joblib"
    joblib.dump(small_pipeline(), pipeline)
    with asked(bench, folder) as systems:
        for size in SIZES[: bench.count(len(SIZES), 1)]:
            for name in list(systems):
                try:
                    fill(systems[name], pipeline, size)
                except Cannot as refusal:
                    systems.pop(name).close()
                    bench.missing[name] = f"not filled to {size:,}: {refusal}"
            questions(systems, bench, pipeline, f"{size:,} versions")


def fill(one: Asked, pipeline: Path, size: int) -> None:
    if size > one.count:
        one.warm("fill", pipeline=pipeline, first=one.count + 1, last=size)
        one.count = size


def questions(systems: dict[str, Asked], bench: Bench, pipeline: Path, size: str) -> None:
    for question in ("list", "which", "log"):
        for way in ("warm", "cold"):
            bench.compare(f"{question}, {way}: {size}", each(systems, way, question), turns=TURNS)
    bench.compare(f"load, warm: {size}", each(systems, "warm", "load"), turns=TURNS)
    rows = each(systems, "warm", "register", pipeline=pipeline)
    bench.compare(f"register, warm: {size}", rows, turns=TURNS)
    bench.compare(f"promote, warm: {size}", alternating(systems, "warm"), turns=TURNS)
