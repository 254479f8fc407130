"""Registering and promoting, beside the floor: `joblib.dump` and the SHA-256 of the file."""

from __future__ import annotations

import hashlib
import itertools
from functools import partial
from pathlib import Path

import joblib

import gitmodelstore as gms
from benchmarks.measure import Action, Bench, process
from benchmarks.models import code_repository, credit_pipeline, filled, retrained


def run(folder: Path, bench: Bench) -> None:
    pipeline = credit_pipeline(trees=bench.count(200))
    file = folder / "pipeline.joblib"
    floor = {"joblib.dump and SHA-256": lambda: dumped(pipeline, file)}
    tree, bare = gms.Store.init(folder / "tree"), gms.Store.init(folder / "bare", bare=True)
    code = code_repository(folder / "code")
    for name, store, reach in (("bare", bare, 1.6), ("work tree", tree, 2.0)):
        ours = {"register": partial(retrained, store, pipeline)}
        bench.compare(f"register S, {name}", {**ours, **floor}, reach=reach)
        with_code = {"register": partial(retrained, store, pipeline, code=code)}
        bench.compare(f"register S, {name}, code changed", {**with_code, **floor})
    many = bench.count(1000, 20)
    few, large = filled(folder / "few", 10), filled(folder / "many", many)
    bench.compare(
        f"register S at {many:,} versions",
        {
            "register": lambda: retrained(large, pipeline),
            "register at 10": lambda: retrained(few, pipeline),
        },
        reach=1.5,
    )
    for name, store in (("bare", bare), ("work tree", tree)):
        at = ["git", "-C", str(tree.path), "commit", "--quiet", "--allow-empty", "-m", "nothing"]
        bench.compare(
            f"promote, {name}",
            {
                "promote": alternating(store),
                "git commit, with our hook": process(*at),
            },
        )


def alternating(store: gms.Store) -> Action:
    """Return what promotes one of two versions in turn."""
    turns = itertools.cycle(store.versions("credit")[:2])
    return lambda: store.promote(next(turns), "production")


def dumped(pipeline: object, file: Path) -> str:
    joblib.dump(pipeline, file)
    with file.open("rb") as read:
        return hashlib.file_digest(read, "sha256").hexdigest()
