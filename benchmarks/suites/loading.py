"""Loading: the door and the store, beside `joblib.load` and pickle 5, which check nothing."""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib

import gitmodelstore as gms
from benchmarks.measure import Action, Bench
from benchmarks.models import LOADED, git
from gitmodelstore.pickles.load import Reader, load
from gitmodelstore.pickles.rights import Trust
from gitmodelstore.plumbing.large_files import Verdicts

ROOT = Path(__file__).parents[2]
SETTLED_SECONDS = 2.5  # a digest is remembered of a file that has not changed for so long
CHILDREN = {
    "load": "import gitmodelstore; held = gitmodelstore.load_model('m@latest', store=sys.argv[1])",
    "joblib.load": "import joblib; held = joblib.load(sys.argv[1])",
}


def run(folder: Path, bench: Bench) -> None:
    for name in list(LOADED)[: bench.count(len(LOADED), 1)]:
        with cache_in(folder / "cache"):
            kept = Kept(LOADED[name](), folder / name)
            lines = Lines(kept, f"{name} ({len(kept.data) / 1e6:.2g} MB)", bench)
            if kept.object is None:
                lines.small()
            else:
                lines.large(kept.object)


@contextmanager
def cache_in(folder: Path) -> Iterator[None]:
    """Let the user's cache be somewhere else; a store looks it up once, at its first load."""
    usual = os.environ["XDG_CACHE_HOME"]
    os.environ["XDG_CACHE_HOME"] = str(folder)
    try:
        yield
    finally:
        os.environ["XDG_CACHE_HOME"] = usual


class Kept:
    """A model in a store, where it is the only version, and as the yardsticks read it."""

    def __init__(self, model: Any, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.file = folder, folder / "pipeline.joblib"
        joblib.dump(model, self.file)
        self.data = memoryview(self.file.read_bytes())
        self.pickled = pickle.dumps(model, protocol=5)
        self.store = gms.Store.init(folder / "store", bare=True, durable=False)
        self.store.register(model, "m", code=None)

    @property
    def object(self) -> Path | None:
        """The file in git-lfs's folder; None of a small model."""
        return next((self.store.path / "lfs" / "objects").glob("*/*/*"), None)

    def at_the_door(self) -> Action:
        """Bytes in memory that were seen before; they are hashed each time."""
        reader = Reader(verdicts=Verdicts(self.folder / "verdicts"))
        return lambda: load(self.data, name="m", reader=reader)

    def first_at_the_door(self) -> Action:
        """Bytes in memory that were never seen: by another reader each time, with one cache."""
        cache = Verdicts(self.folder / "verdicts-of-many")
        readers = (Reader(Trust(frozenset({f"reader{n}"})), cache) for n in itertools.count())
        return lambda: load(self.data, name="m", reader=next(readers))

    def first_from_the_store(self) -> Action:
        """A store that is opened, and a pipeline that was never seen: with an empty cache."""
        folders = (self.folder / f"cache-{n}" for n in itertools.count())

        def action() -> object:
            with cache_in(next(folders)):
                return gms.load_model("m@latest", store=self.store.path)

        return action

    def from_the_store(self) -> Action:
        return lambda: self.store.load("m@latest")

    def from_a_pack(self) -> Action:
        """From a copy of the store as it is after `git gc`."""
        copy = self.folder / "packed"
        git(self.folder, "clone", "-q", "--bare", str(self.store.path), str(copy))
        git(copy, "gc", "-q")
        store = gms.Store.open(copy)
        return lambda: store.load("m@latest")


class Lines:
    """The lines of one model."""

    def __init__(self, kept: Kept, title: str, bench: Bench) -> None:
        self.kept, self.title, self.bench = kept, title, bench

    def small(self) -> None:
        kept = self.kept
        self.compare("door, first sight", kept.first_at_the_door(), self.hashed(in_memory=True))
        self.compare("door, seen before", kept.at_the_door(), self.plain(in_memory=True))
        self.compare("store, first sight", kept.first_from_the_store(), self.hashed())
        self.compare("store, seen before", kept.from_the_store(), self.plain())
        self.compare("packed, seen before", kept.from_a_pack(), self.plain())

    def large(self, path: Path) -> None:
        """Also how the store's file is read: hashed each time, or mapped once it was."""
        kept, turns = self.kept, 7
        self.compare("door, seen before", kept.at_the_door(), self.plain(in_memory=True), turns)
        self.compare("store, first sight", kept.first_from_the_store(), self.hashed(), turns)
        path.chmod(0o644)  # what somebody may write to is hashed each time
        self.compare("store, hashed", kept.from_the_store(), self.plain(), turns)
        path.chmod(0o444)
        time.sleep(SETTLED_SECONDS)
        self.compare("store, cached", kept.from_the_store(), self.plain(), turns)
        self.peak("peak memory, cached")
        path.chmod(0o644)
        self.peak("peak memory, hashed")
        with cache_in(kept.folder / "empty"):
            self.peak("peak memory, first sight")

    def compare(
        self, name: str, action: Action, others: dict[str, Action], turns: int | None = None
    ) -> None:
        rows = {"load": action, **others}
        self.bench.compare(f"{self.title}: {name}", rows, turns=turns)

    def plain(self, *, in_memory: bool = False) -> dict[str, Action]:
        file: Any = (lambda: io.BytesIO(self.kept.data)) if in_memory else (lambda: self.kept.file)
        return {
            "joblib.load": lambda: joblib.load(file()),
            "pickle 5": lambda: pickle.loads(self.kept.pickled),
        }

    def hashed(self, *, in_memory: bool = False) -> dict[str, Action]:
        action = self.plain(in_memory=in_memory)["joblib.load"]

        def both() -> object:
            hashlib.sha256(self.kept.data).hexdigest()
            return action()

        return {"SHA-256 and joblib.load": both}

    def peak(self, name: str) -> None:
        """Of whole processes that load and end."""
        paths = {"load": self.kept.store.path, "joblib.load": self.kept.file}
        peaks = {row: memory_of(child, paths[row]) for row, child in CHILDREN.items()}
        self.bench.value(f"{self.title}: {name}", peaks)


def memory_of(child: str, path: Path) -> float:
    program = f"import sys; from benchmarks.peers.worker import peak_mb; {child}; print(peak_mb())"
    command = [sys.executable, "-c", program, str(path)]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
