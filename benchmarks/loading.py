"""Speed and memory of loading, as ratios measured side by side in one run; see README.md."""

from __future__ import annotations

import argparse
import hashlib
import io
import itertools
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from comparison import Action, Comparison
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gitmodelstore as gms
from gitmodelstore.pickles.load import Reader, load
from gitmodelstore.pickles.rights import Trust
from gitmodelstore.plumbing.large_files import Verdicts

SETTLED_SECONDS = 2.5  # a digest is remembered of a file that has not changed for so long

# The models


def rows(count: int, columns: int = 20) -> tuple[Any, Any]:
    """Rows and two classes of which the first columns tell something."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(count, columns))
    return X, (X[:, 0] * X[:, 1] + rng.normal(size=count) > 0).astype(int)


def logistic() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(*rows(500))


def boosting() -> Any:
    return GradientBoostingClassifier(n_estimators=200, max_depth=4).fit(*rows(3000))


def hist_boosting() -> Any:
    return HistGradientBoostingClassifier().fit(*rows(5000))


def forest(trees: int, count: int, depth: int | None = None) -> Any:
    found = RandomForestClassifier(
        trees, max_depth=depth, max_features=2, n_jobs=-1, random_state=0
    )
    return found.fit(*rows(count))


def words(count: int = 57_000) -> Any:
    """TF-IDF of so many words, and a linear model of them."""
    rng = np.random.default_rng(0)
    letters = rng.integers(97, 123, (2 * count, 9), dtype=np.uint8)
    lengths = rng.integers(4, 10, len(letters))
    known = {bytes(row[:length]).decode() for row, length in zip(letters, lengths, strict=True)}
    chosen = sorted(known)[:: len(known) // count][:count]
    texts = [" ".join(part) for part in np.array_split(chosen, count // 100)]
    return make_pipeline(TfidfVectorizer(), SGDClassifier()).fit(texts, np.arange(len(texts)) % 2)


def dense() -> Any:
    """A linear model of 6,000 inputs and 6,250 outputs: 300 MB in one array."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(12, 6000)), rng.normal(size=(12, 6250))
    return make_pipeline(StandardScaler(), Ridge()).fit(X, Y)


MODELS: dict[str, Callable[[], Any]] = {
    "scaler + logistic": logistic,
    "gradient boosting, 200 trees": boosting,
    "hist gradient boosting": hist_boosting,
    "forest, 200 small trees": lambda: forest(200, 2000, depth=6),
    "TF-IDF, 57,000 words": words,
    "forest, 6 MB": lambda: forest(60, 3000),
    "forest, 24 MB": lambda: forest(70, 11_000),
    "forest, 49 MB": lambda: forest(130, 12_000),
    "forest, 50 MB": lambda: forest(145, 12_000),
    "forest, 250 MB": lambda: forest(202, 40_000),
    "dense, 300 MB": dense,
}


@dataclass(frozen=True, slots=True)
class Kept:
    """A model in a store, and as the yardsticks read it.

    Attributes:
        store: in which it is the only version, "m@latest".
        file: what joblib wrote.
        data: its bytes.
        pickled: the same model by pickle protocol 5.
        folder: where to work.
    """

    store: gms.Store
    file: Path
    data: memoryview
    pickled: bytes
    folder: Path

    @classmethod
    def of(cls, model: Any, folder: Path) -> Kept:
        folder.mkdir()
        file = folder / "pipeline.joblib"
        joblib.dump(model, file)
        store = gms.Store.init(folder / "store", bare=True, durable=False)
        store.register(model, "m", code=None)
        pickled = pickle.dumps(model, protocol=5)
        return cls(store, file, memoryview(file.read_bytes()), pickled, folder)

    @property
    def object(self) -> Path | None:
        """The file in git-lfs's folder; None of a small model."""
        return next((self.store.path / "lfs" / "objects").glob("*/*/*"), None)

    def packed(self) -> gms.Store:
        """A copy of the store as it is after `git gc`."""
        copy = self.folder / "packed"
        subprocess.run(["git", "clone", "-q", "--bare", self.store.path, copy], check=True)
        subprocess.run(["git", "-C", copy, "gc", "-q"], check=True)
        return gms.Store.open(copy)

    def joblib_file(self) -> Any:
        return joblib.load(self.file)

    def joblib_bytes(self) -> Any:
        return joblib.load(io.BytesIO(self.data))

    def pickle_5(self) -> Any:
        return pickle.loads(self.pickled)


# What is measured


def hashed_too(action: Action, data: memoryview) -> Action:
    """Return what takes the SHA-256 of the bytes before the action."""

    def both() -> object:
        hashlib.sha256(data).hexdigest()
        return action()

    return both


def at_the_door(kept: Kept) -> Action:
    """Bytes in memory, seen before; each time they are hashed."""
    reader = Reader(verdicts=Verdicts(kept.folder / "verdicts"))
    return lambda: load(kept.data, name="m", reader=reader)


def first_at_the_door(kept: Kept) -> Action:
    """Bytes in memory that were never seen: by another reader each time, with one cache."""
    cache = Verdicts(kept.folder / "verdicts-of-many")
    readers = (Reader(Trust(frozenset({f"reader{n}"})), cache) for n in itertools.count())
    return lambda: load(kept.data, name="m", reader=next(readers))


def from_the_store(kept: Kept) -> Action:
    return lambda: kept.store.load("m@latest")


def from_a_pack(kept: Kept) -> Action:
    store = kept.packed()
    return lambda: store.load("m@latest")


def first_from_the_store(kept: Kept) -> Action:
    """A store that is opened, and a pipeline that was never seen: another empty cache each time."""
    folders = (kept.folder / f"cache-{n}" for n in itertools.count())

    def action() -> object:
        with cache_in(next(folders)):
            return gms.load_model("m@latest", store=kept.store.path)

    return action


@contextmanager
def cache_in(folder: Path) -> Iterator[None]:
    """Let the user's cache be somewhere else; a store looks it up once, at its first load."""
    usual = os.environ["XDG_CACHE_HOME"]
    os.environ["XDG_CACHE_HOME"] = str(folder)
    try:
        yield
    finally:
        os.environ["XDG_CACHE_HOME"] = usual


def show_small(kept: Kept, comparison: Comparison) -> None:
    comparison.show(
        "  door, first sight",
        first_at_the_door(kept),
        hashed_too(kept.joblib_bytes, kept.data),
    )
    comparison.show("  door, seen before", at_the_door(kept), kept.joblib_bytes, kept.pickle_5)
    comparison.show(
        "  store, first sight", first_from_the_store(kept), hashed_too(kept.joblib_file, kept.data)
    )
    comparison.show("  store, seen before", from_the_store(kept), kept.joblib_file, kept.pickle_5)
    comparison.show("  packed, seen before", from_a_pack(kept), kept.joblib_file, kept.pickle_5)


def show_large(kept: Kept, path: Path, comparison: Comparison) -> None:
    """Also says how the store's file is read: hashed each time, or mapped once it was."""
    comparison.show("  door, seen before", at_the_door(kept), kept.joblib_bytes, kept.pickle_5)
    comparison.show(
        "  store, first sight", first_from_the_store(kept), hashed_too(kept.joblib_file, kept.data)
    )
    path.chmod(0o644)  # what somebody may write to is hashed each time
    comparison.show("  store, hashed", from_the_store(kept), kept.joblib_file, kept.pickle_5)
    path.chmod(0o444)
    time.sleep(SETTLED_SECONDS)
    comparison.show("  store, remembered", from_the_store(kept), kept.joblib_file, kept.pickle_5)


# Memory

CHILDREN = {
    "joblib": "import joblib; held = joblib.load(sys.argv[1])",
    "store": "import gitmodelstore; held = gitmodelstore.load_model('m@latest', store=sys.argv[1])",
}
# VmHWM is of this program alone; ru_maxrss also counts the process that started it.
PEAK = "print(next(line.split()[1] for line in open('/proc/self/status') if 'VmHWM' in line))"


def peak_mb(child: str, path: Path) -> float:
    """Return the peak memory of a process that loads and ends."""
    program = f"import sys; {CHILDREN[child]}; {PEAK}"
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], check=True, capture_output=True, text=True
    )
    return int(done.stdout) / 1024


def show_memory(kept: Kept, path: Path) -> None:
    """Say what whole processes need; the cache holds a verdict and the digest by now."""
    floor = peak_mb("joblib", kept.file)

    def show(name: str) -> None:
        peak = peak_mb("store", kept.store.path)
        print(f"{name:<38} {peak:8.0f} MB{floor:8.0f} MB   ratio {peak / floor:5.2f}", flush=True)

    show("  peak memory, remembered")
    path.chmod(0o644)
    show("  peak memory, hashed")
    with cache_in(kept.folder / "empty"):
        show("  peak memory, first sight")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=25, help="pairs a line (25)")
    parser.add_argument("--large-pairs", type=int, default=7, help="of the large models (7)")
    parser.add_argument("--only", default="", help="models whose name holds this")
    parser.add_argument("--folder", type=Path, help="where to work (a temporary folder)")
    options = parser.parse_args()
    print("measured, yardstick, median ratio (quartiles); yardsticks: joblib.load, pickle 5")
    for name, make in MODELS.items():
        if options.only not in name:
            continue
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            os.environ["XDG_CACHE_HOME"] = str(Path(folder, "cache"))
            kept = Kept.of(make(), Path(folder, "work"))
            print(f"{name}, {len(kept.data) / 1e6:.3g} MB")
            if kept.object is None:
                show_small(kept, Comparison(options.pairs, 0))
            else:
                show_large(kept, kept.object, Comparison(options.large_pairs, 0))
                show_memory(kept, kept.object)


if __name__ == "__main__":
    main()
