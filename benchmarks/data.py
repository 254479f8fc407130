"""Speed of describing data: tables in memory, files, and what is remembered; see README.md."""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from comparison import Action, Comparison

from gitmodelstore.lineage.data import Hashing, describe, digest_of_file, digest_of_folder
from gitmodelstore.lineage.frames import measure


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
            "category": pd.Categorical.from_codes(number % 20, [f"c{one}" for one in range(20)]),
            "bool": number % 3 == 0,
            "time": pd.to_datetime(seconds, unit="s"),
            "time, zone": pd.to_datetime(seconds, unit="s", utc=True).tz_convert("Europe/Paris"),
            "Int64": pd.array(number % 9, dtype="Int64"),
        }
    )


def processor(name: str, action: Action, turns: int) -> None:
    """Print the median of the seconds on the processor."""
    taken = []
    for _ in range(turns):
        start = time.process_time()
        action()
        taken.append(time.process_time() - start)
    print(f"{name:<38} {np.median(taken):8.3f} s on the processor")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7, help="pairs a line (7)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the table (1,000,000)")
    parser.add_argument("--folder", type=Path, help="where to work (a temporary folder)")
    options = parser.parse_args()
    in_memory(options.rows, options.pairs)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        on_disk(Path(name), Comparison(options.pairs, 0.1))


def in_memory(rows: int, turns: int) -> None:
    table = mixed(rows)
    size = f"{rows:,} x {table.shape[1]}"
    processor(f"digest, {size}", lambda: measure(table), turns)
    processor(f"digest, columns and profiles, {size}", lambda: describe("train", table), turns)
    processor(
        f"pandas' hashes of the rows, {size}", lambda: pd.util.hash_pandas_object(table), turns
    )


def on_disk(folder: Path, comparison: Comparison) -> None:
    block = np.random.default_rng(0).bytes(1 << 20)
    large, many = folder / "large.npy", folder / "many"
    large.write_bytes(block * 500)
    many.mkdir()
    for number in range(5000):
        (many / f"{number}.npy").write_bytes(block[number : number + 20_000])
    time.sleep(2.1)  # what was written later is not remembered
    kept = Hashing(folder / "cache")

    def plain() -> str:
        with large.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def sums() -> None:
        names = sorted(str(path) for path in many.iterdir())
        subprocess.run(["sha256sum", "--", *names], stdout=subprocess.DEVNULL, check=True)

    name = "500 MiB"
    comparison.show(f"{name} / hashlib.file_digest", lambda: digest_of_file(large), plain)
    comparison.show(f"{name}, remembered / the same", lambda: digest_of_file(large, kept), plain)
    name = "5,000 files of 20 kB"
    comparison.show(f"{name} / sha256sum", lambda: digest_of_folder(many), sums)
    comparison.show(f"{name}, remembered", lambda: digest_of_folder(many, kept), sums)


if __name__ == "__main__":
    main()
