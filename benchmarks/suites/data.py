"""Digests of data sets: tables in memory, files and folders, and what a cache knows."""

from __future__ import annotations

import hashlib
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measure import Bench, process
from gitmodelstore.lineage.data import Hashing, describe, digest_of_file, digest_of_folder
from gitmodelstore.lineage.frames import measure


def run(folder: Path, bench: Bench) -> None:
    table = mixed(bench.count(1_000_000, 100))
    size = f"{len(table):,} x {table.shape[1]}"
    pandas = {"pandas' hashes of the rows": lambda: pd.util.hash_pandas_object(table)}
    for name, action in (("gms-df-1", measure), ("as register records it", _described)):
        bench.compare(f"table, {size}", {name: partial(action, table), **pandas})
    block = np.random.default_rng(0).bytes(1 << 20)
    large, many = folder / "large.npy", folder / "many"
    large.write_bytes(block * bench.count(500, 1))
    many.mkdir()
    for number in range(bench.count(5000)):
        (many / f"{number}.npy").write_bytes(block[number : number + 20_000])
    time.sleep(bench.count(2100, 0) / 1000)  # what was written later is not remembered
    kept = Hashing(folder / "cache")
    sums = process("sha256sum", "--", *sorted(str(path) for path in many.iterdir()))

    def plain() -> str:
        with large.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    for name, cache in (("", Hashing()), (", cached", kept)):
        rows = {"digest": partial(digest_of_file, large, cache)}
        bench.compare(f"a file of 500 MiB{name}", {**rows, "hashlib.file_digest": plain})
        rows = {"digest": partial(digest_of_folder, many, cache)}
        bench.compare(f"a folder of 5,000 files{name}", {**rows, "sha256sum": sums})


def _described(table: pd.DataFrame) -> object:
    return describe("train", table)


def mixed(rows: int) -> pd.DataFrame:
    """Twelve columns of as many kinds; some of the values are missing."""
    chance = np.random.default_rng(0)
    seconds = chance.integers(0, 2 * 10**9, rows)
    number = chance.integers(0, 10**9, rows)
    return pd.DataFrame(
        {
            "int64": chance.integers(0, 10**6, rows),
            "int32": chance.integers(0, 100, rows).astype("int32"),
            "float64": chance.normal(size=rows),
            "float64, missing": np.where(chance.random(rows) < 0.1, np.nan, number / 7),
            "float32": chance.normal(size=rows).astype("float32"),
            "text, few": [f"city {one % 5000}" for one in number.tolist()],
            "text, many": [f"id-{one}" if one % 20 else None for one in number.tolist()],
            "category": pd.Categorical.from_codes(
                number % 20,
                categories=pd.Index([f"c{one}" for one in range(20)]),
            ),
            "bool": number % 3 == 0,
            "time": pd.to_datetime(seconds, unit="s"),
            "time, zone": pd.to_datetime(seconds, unit="s", utc=True).tz_convert("Europe/Paris"),
            "Int64": pd.array(number % 9, dtype="Int64"),
        }
    )
