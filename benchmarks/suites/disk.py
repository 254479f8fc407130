"""Ours beside the others: what twenty retrainings of S take on disk."""

from __future__ import annotations

from pathlib import Path

import joblib

from benchmarks.measure import Bench, Cannot, Row
from benchmarks.models import credit_pipeline
from benchmarks.systems import asked, weight


def run(folder: Path, bench: Bench) -> None:
    """Each time with thirty loans more, as when a month has passed."""
    files = []
    for number in range(bench.count(20)):
        files.append(folder / f"S-{number}.joblib")
        joblib.dump(credit_pipeline(3000 + 30 * number, trees=bench.count(200)), files[-1])
    with asked(bench, folder) as systems:
        for one in systems.values():
            for file in files:
                one.warm("register", pipeline=file)
        title = f"{len(files)} retrainings of S"
        bench.value(title, {name: weight(one.folder) for name, one in systems.items()})
        packed, unpacked = {}, []
        for name, one in systems.items():
            try:
                one.warm("pack")
                packed[name] = weight(one.folder)
            except Cannot as refusal:
                unpacked.append(Row(name, note=str(refusal)))
        bench.value(f"{title}, packed", packed)
        bench.lines[-1].rows += unpacked
