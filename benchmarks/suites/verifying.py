"""Verifying a whole store, beside `sha256sum` of the same bytes as plain files."""

from __future__ import annotations

from pathlib import Path

import gitmodelstore as gms
from benchmarks.measure import Bench, process
from benchmarks.models import credit_pipeline, filled, git


def run(folder: Path, bench: Bench) -> None:
    pipeline = credit_pipeline(trees=bench.count(200))
    count = bench.count(1000)
    store = filled(folder / "store.git", count, pipeline, bare=True)
    sums = process("sha256sum", "--", *plain_files(store, folder / "plain"))

    def verify() -> None:
        assert gms.Store.open(store.path).verify().is_sound

    for name in ("loose", "after git gc"):
        rows = {"verify --all": verify, "sha256sum": sums}
        bench.compare(f"{count:,} versions of S, {name}", rows, turns=5, reach=1.5)
        git(store.path, "gc", "--quiet")


def plain_files(store: gms.Store, folder: Path) -> list[str]:
    """Write out every file that `verify` hashes."""
    folder.mkdir()
    names = []
    for version in store.versions("credit"):
        for entry in store.show(version).artifacts:
            file = folder / f"{version.version}-{entry.path}"
            file.write_bytes(store.read(version, entry.path))
            names.append(str(file))
    return names
