"""Ours beside the others: a forest of 250 MB."""

from __future__ import annotations

from pathlib import Path

import joblib

from benchmarks.measure import Bench
from benchmarks.models import grown
from benchmarks.suites.systems import alternating, beside, fresh, put_in_production
from benchmarks.systems import asked, each, weight

TURNS = 3


def run(folder: Path, bench: Bench) -> None:
    pipeline = folder / "L.joblib"
    joblib.dump(grown(bench.count(250_000_000, 1_000_000)), pipeline)
    with asked(bench, folder) as systems:
        bench.compare(
            "register L, warm", each(systems, "warm", "register", pipeline=pipeline), turns=TURNS
        )
        sizes = {name: weight(one.folder) / one.count for name, one in systems.items()}
        bench.value("L on disk, a version", sizes)
        others = beside(systems, folder, grown(300_000))
        for one in systems.values():
            one.close()  # it holds the pipeline
            put_in_production(one, 1)
        for name, cache in (("the first time", "first"), ("again", "again")):
            rows = {who: fresh(one, others[who], cache) for who, one in systems.items()}
            if cache == "again":
                for action in rows.values():
                    action()
            bench.compare(f"load L, {name}", rows, turns=TURNS, warm=False)
        bench.compare("promote beside L, warm", alternating(systems, "warm"))
