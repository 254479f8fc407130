"""Speed of verifying a whole store, against sha256sum of the same bytes; see README.md."""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from comparison import Comparison
from run import credit_pipeline

import gitmodelstore as gms


def filled(path: Path, versions: int) -> gms.Store:
    """A bare store that holds so many versions of the credit pipeline, each of other bytes."""
    store = gms.Store.init(path, bare=True, durable=False)
    pipeline = credit_pipeline()
    for number in range(versions):
        pipeline[-1].train_score_[0] += 1e-9
        store.register(pipeline, "credit", version=f"1.0.{number}", metrics={"auc": 0.9}, code=None)
    return gms.Store.open(path)


def plain_files(store: gms.Store, folder: Path) -> list[str]:
    """Every file that `verify` hashes, written out as plain files."""
    folder.mkdir()
    names = []
    for version in store.versions("credit"):
        for entry in store.show(version).artifacts:
            name = f"{version.version}-{entry.path}"
            (folder / name).write_bytes(store.read(version, entry.path))
            names.append(str(folder / name))
    return names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5, help="pairs a line (5)")
    parser.add_argument("--versions", type=int, default=1000, help="of the store (1000)")
    parser.add_argument("--folder", type=Path, help="where to work (a temporary folder)")
    options = parser.parse_args()
    comparison = Comparison(options.pairs, 0.3)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        run(Path(name), comparison, options.versions)


def run(folder: Path, comparison: Comparison, versions: int) -> None:
    store = filled(folder / "store.git", versions)
    names = plain_files(store, folder / "plain")
    size = sum(Path(name).stat().st_size for name in names)
    print(f"{versions:,} versions, {len(names):,} files, {size / 1e6:.0f} MB")

    def verify() -> None:
        assert gms.Store.open(store.path).verify().is_sound

    def sums() -> None:
        subprocess.run(["sha256sum", "--", *names], stdout=subprocess.DEVNULL, check=True)

    comparison.show(f"verify {versions:,}, loose / sha256sum", verify, sums)
    subprocess.run(["git", "-C", str(store.path), "gc", "--quiet"], check=True)
    comparison.show(f"verify {versions:,}, after gc / sha256sum", verify, sums)


if __name__ == "__main__":
    main()
