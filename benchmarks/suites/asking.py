"""Asking all versions of a large store, as whole commands, beside an empty Python."""

from __future__ import annotations

import copy
import hashlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gitmodelstore as gms
from benchmarks.measure import Bench, process, python
from benchmarks.models import git
from benchmarks.peers.git import part

MODELS = ("churn", "credit", "fraud", "price")
EXPRESSION = 'metrics.roc_auc > 0.9 and status == "registered" and data.train.rows >= 1000'
QUESTIONS = {
    "search": ("search", EXPRESSION),
    "search by a parameter": ("search", "params.logisticregression__C > 0.99"),
    "log -G of a parameter": ("log", "churn", "-G", "params.logisticregression__C", "-n", "1"),
    "list": ("list",),
    "list NAME": ("list", "churn", "-n", "20"),
}


def run(folder: Path, bench: Bench) -> None:
    for columns in (3, 30)[: bench.count(2, 1)]:
        store, size = large_store(folder / str(columns), columns, bench.count(10_000, 40))
        title = f"manifests of {size / 1000:.1f} kB"

        def asking(*words: str, store: Path = store) -> None:
            process(sys.executable, "-m", "gitmodelstore.cli.main", "-C", str(store), *words)()

        def first(store: Path = store) -> None:
            asking("search", EXPRESSION, store=store)

        def forget(store: Path = store) -> None:
            shutil.rmtree(store / "gitmodelstore", ignore_errors=True)

        empty = {"python -c pass": python()}
        rows = {"search, the first time": first, **empty}
        forgotten = {"search, the first time": forget}
        bench.compare(f"{title}: search, the first time", rows, before=forgotten, turns=5)
        for name, words in QUESTIONS.items():
            rows = {name: partial(asking, *words), **empty}
            bench.compare(f"{title}: {name}", rows, turns=7)


def real_manifest(folder: Path, columns: int) -> dict[str, Any]:
    """The manifest of a pipeline with so many inputs, trained and tested on tables."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X = X.iloc[:, :columns]
    store = gms.Store.init(folder / "real", durable=False)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X[:400], y[:400])
    train = {"train": (X[:400], y[:400])}
    version = store.register(
        pipeline, "churn", X_test=X[400:], y_test=y[400:], data=train, code=None
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
    """Yield what `git fast-import` makes a store of: a commit and a tag a version."""
    chance = random.Random(0)  # noqa: S311 - no secret
    held: dict[str, str] = {}  # the versions of each model, highest first, as the registry has them
    for number in range(versions):
        made = other(manifest, number, chance)
        model, version = made["model"], made["version"]
        entry = f'      "{version}": {{\n        "status": "registered"\n      }}'
        held[model] = f"{entry},\n{held[model]}" if model in held else entry
        data = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
        who = f"Ada <ada@example.org> {1_700_000_000 + number * 60} +0000\n"
        yield f"commit refs/heads/main\nmark :{number + 1}\ncommitter {who}".encode() + part(".")
        yield f"M 100644 inline models/{model}/manifest.json\n".encode() + part(data)
        models = ",\n".join(f'    "{name}": {{\n{text}\n    }}' for name, text in held.items())
        registry = f'{{\n  "schema": "1.0",\n  "models": {{\n{models}\n  }}\n}}\n'
        yield b"M 100644 inline registry.json\n" + part(registry)
        digest = hashlib.sha256(data.encode()).hexdigest()
        text = f"{model} {version}\n\nManifest-SHA256: {digest}\n"
        yield f"tag {model}@v{version}\nfrom :{number + 1}\ntagger {who}".encode() + part(text)


def large_store(folder: Path, columns: int, versions: int) -> tuple[Path, int]:
    """A bare store of so many versions, and the size of a manifest in bytes."""
    folder.mkdir()
    manifest = real_manifest(folder, columns)
    path = folder / "store.git"
    git(folder, "init", "--quiet", "--bare", "-b", "main", str(path))
    command = ["git", "-C", str(path), "-c", "core.compression=1", "fast-import", "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as importing:
        assert importing.stdin is not None
        importing.stdin.writelines(history(manifest, versions))
    assert importing.returncode == 0
    return path, len(json.dumps(manifest, indent=2))
