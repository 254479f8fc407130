"""Speed of asking all versions of a large store, as whole commands; see README.md."""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from comparison import Comparison
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gitmodelstore as gms

MODELS = ("churn", "credit", "fraud", "price")
EXPRESSION = 'metrics.roc_auc > 0.9 and status == "registered" and data.train.rows >= 1000'


def real_manifest(folder: Path, columns: int) -> dict[str, Any]:
    """The manifest of a pipeline with so many inputs, trained and tested on tables."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X = X.iloc[:, :columns]
    store = gms.Store.init(folder / "real", durable=False)
    version = store.register(
        make_pipeline(StandardScaler(), LogisticRegression()).fit(X[:400], y[:400]),
        "churn",
        X_test=X[400:],
        y_test=y[400:],
        data={"train": (X[:400], y[:400])},
        code=None,
    )
    found: dict[str, Any] = json.loads(store.read(version, "manifest.json"))
    return found


def other(manifest: dict[str, Any], number: int, chance: random.Random) -> dict[str, Any]:
    """The manifest of another version: retrained on other data, with another parameter."""
    made = copy.deepcopy(manifest)
    minor = number // len(MODELS)
    made["model"], made["version"] = MODELS[number % len(MODELS)], f"1.{minor}.0"
    made["parent"] = f"1.{minor - 1}.0" if minor else None
    made["metrics"] = {name: chance.random() for name in made["metrics"]}
    made["pipeline"]["params"]["logisticregression__C"] = chance.random()
    made["artifacts"][0]["sha256"] = f"{chance.getrandbits(256):064x}"
    for dataset in made["data"]:
        dataset["digest"] = f"gms-df-1:{chance.getrandbits(256):064x}"
        dataset["rows"] = chance.randrange(10_000)
        for column in dataset["columns"]:
            profile = column["profile"] or {}
            column["profile"] = {
                name: chance.random() if isinstance(value, float) else value
                for name, value in profile.items()
            }
    return made


def history(manifest: dict[str, Any], versions: int) -> Iterator[bytes]:
    """Yield what `git fast-import` makes a store of: a commit and a tag a version.

    The registry is written by the last commit alone: a search reads no other.
    """
    chance = random.Random(0)  # noqa: S311 - no secret
    statuses: dict[str, list[str]] = {name: [] for name in MODELS}
    for number in range(versions):
        made = other(manifest, number, chance)
        model, version = made["model"], made["version"]
        statuses[model].insert(0, version)
        data = (json.dumps(made, indent=2, ensure_ascii=False) + "\n").encode()
        who = f"Ada <ada@example.org> {1_700_000_000 + number * 60} +0000"
        yield f"commit refs/heads/main\nmark :{number + 1}\ncommitter {who}\n".encode()
        yield b"data 1\n.\n" + _file(f"models/{model}/manifest.json", data)
        if number == versions - 1:
            yield _file("registry.json", registry(statuses))
        said = f"{model} {version}\n\nManifest-SHA256: {hashlib.sha256(data).hexdigest()}\n"
        yield f"tag {model}@v{version}\nfrom :{number + 1}\ntagger {who}\n".encode()
        yield f"data {len(said)}\n{said}\n".encode()


def registry(statuses: dict[str, list[str]]) -> bytes:
    models = {
        name: {version: {"status": "registered"} for version in held}
        for name, held in statuses.items()
        if held
    }
    return (json.dumps({"schema": "1.0", "models": models}, indent=2) + "\n").encode()


def _file(path: str, data: bytes) -> bytes:
    return f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n"


def large_store(folder: Path, columns: int, versions: int) -> tuple[Path, int]:
    """A bare store of so many versions, and the size of its last manifest in bytes."""
    path = folder / "store.git"
    manifest = real_manifest(folder, columns)
    subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(path)], check=True)
    command = ["git", "-C", str(path), "fast-import", "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for part in history(manifest, versions):
            process.stdin.write(part)
    assert process.returncode == 0
    return path, len(json.dumps(manifest, indent=2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, default=10_000, help="of the store (10,000)")
    parser.add_argument("--pairs", type=int, default=9, help="pairs a line (9)")
    parser.add_argument("--pause", type=float, default=0.2, help="seconds between pairs (0.2)")
    options = parser.parse_args()
    comparison = Comparison(options.pairs, options.pause)
    for columns in (3, 30):
        with tempfile.TemporaryDirectory() as name:
            run(Path(name), comparison, columns, options.versions)


def run(folder: Path, comparison: Comparison, columns: int, versions: int) -> None:
    store, size = large_store(folder, columns, versions)
    print(f"{versions:,} versions of {columns} columns, {size / 1000:.1f} kB a manifest")

    def asking(*words: str) -> None:
        command = [sys.executable, "-m", "gitmodelstore.cli.main", "-C", str(store), *words]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        assert done.returncode == 0

    def forget() -> None:
        shutil.rmtree(store / "gitmodelstore", ignore_errors=True)

    def first() -> None:
        forget()
        asking("search", EXPRESSION)

    def floor() -> None:
        subprocess.run([sys.executable, "-c", "pass"], check=True)

    comparison.show("search, the first time / python", first, floor)
    comparison.show("search, afterwards", lambda: asking("search", EXPRESSION), floor)
    by_param = ("search", "params.logisticregression__C > 0.99")
    comparison.show("search by a parameter, afterwards", lambda: asking(*by_param), floor)
    blame = ("log", "churn", "-G", "params.logisticregression__C", "-n", "1")
    comparison.show("log -G of a parameter, afterwards", lambda: asking(*blame), floor)
    size = (store / "gitmodelstore" / "index.sqlite").stat().st_size
    print(f"the index has {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
