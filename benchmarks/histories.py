"""Stores of many versions, made by `git fast-import` of one real version and what differs from it.

`python -m benchmarks.histories PATH --versions 10000` makes one to look at. What comes out is what
registering makes: manifests, cards, pipelines, registries, messages and tags that the doctor finds
sound. Each version has other bytes, as if it had been retrained; each tenth goes to production.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from gitmodelstore.values.card import render_card
from gitmodelstore.values.manifest import Manifest

SENTINEL = 0.123456789  # a number in the pipeline that each version has another one for
BEGAN = datetime(2026, 1, 1, tzinfo=timezone.utc)
PROMOTED_EACH = 10
OWN = ("manifest.json", "README.md", "pipeline.joblib")  # what each version has of its own
SHARED = (".gitattributes", "environment.txt", "requirements.txt")


@dataclass(frozen=True, slots=True)
class Seed:
    """A store with one version, and the parts of it that each further version differs in."""

    path: Path
    manifest: dict[str, Any]
    pipeline: bytes
    author: str

    def version(
        self, model: str, number: int, parent: Manifest | None
    ) -> tuple[dict[str, bytes], Manifest]:
        """Return the files of a version that are its own, by name, and what the first one says."""
        pipeline = self._pipeline(model, number)
        data = _json(self._manifest(model, number, pipeline))
        manifest = Manifest.parse(data)
        card = render_card(manifest, parent)
        return dict(zip(OWN, (data, card, pipeline), strict=True)), manifest

    def _pipeline(self, model: str, number: int) -> bytes:
        drawn = hashlib.sha256(f"{model} {number}".encode()).digest()
        value = int.from_bytes(drawn[:6], "big") / 2**48
        return self.pipeline.replace(struct.pack("<d", SENTINEL), struct.pack("<d", value))

    def _manifest(self, model: str, number: int, pipeline: bytes) -> dict[str, Any]:
        at = f"{moment(number):%Y-%m-%dT%H:%M:%SZ}"
        artifacts = [dict(one) for one in self.manifest["artifacts"]]
        for one in artifacts:
            if one["path"] == "pipeline.joblib":
                one["sha256"] = hashlib.sha256(pipeline).hexdigest()
        return {
            **self.manifest,
            "model": model,
            "version": f"1.{number}.0",
            "parent": f"1.{number - 1}.0" if number else None,
            "created_at": at,
            "trained_at": at,
            "metrics": {"auc": (number % 9973) / 9973},
            "artifacts": artifacts,
        }


def moment(number: int) -> datetime:
    """Return when the version of a number was registered."""
    return BEGAN + timedelta(minutes=number)


def make_seed(folder: Path) -> Seed:
    """Register a small pipeline in a new bare store, and take it apart."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import gitmodelstore as gms

    X = np.random.default_rng(0).normal(size=(40, 8))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, X[:, 0] > 0)
    model[-1].intercept_[0] = SENTINEL
    store = gms.Store.init(folder, bare=True, durable=False)
    version = store.register(model, "wine", metrics={"auc": 0.0}, code=None)
    manifest = json.loads(store.read(version, "manifest.json"))
    return Seed(
        folder, manifest, bytes(store.read(version, "pipeline.joblib")), str(manifest["author"])
    )


class Statuses:
    """The registry of a history that grows, as bytes."""

    def __init__(self) -> None:
        self._sections: dict[str, bytes] = {}
        self._production: dict[str, bytes] = {}

    def register(self, model: str, version: str) -> None:
        earlier = self._sections.get(model, b"")
        comma = b",\n" if earlier else b""
        self._sections[model] = _entry(version, "registered") + comma + earlier

    def promote(self, model: str, version: str) -> str | None:
        """Put a version in production; return the one that was there."""
        before = self._production.get(model)
        if before is not None:
            self._set(model, before.decode(), "production", "archived")
        self._set(model, version, "registered", "production")
        self._production[model] = version.encode()
        return before.decode() if before is not None else None

    def _set(self, model: str, version: str, before: str, after: str) -> None:
        old, new = _entry(version, before), _entry(version, after)
        self._sections[model] = self._sections[model].replace(old, new, 1)

    def render(self) -> bytes:
        sections = (
            b'    "%b": {\n%b\n    }' % (model.encode(), self._sections[model])
            for model in sorted(self._sections)
        )
        return b'{\n  "schema": "1.0",\n  "models": {\n' + b",\n".join(sections) + b"\n  }\n}\n"


def _entry(version: str, status: str) -> bytes:
    return f'      "{version}": {{\n        "status": "{status}"\n      }}'.encode()


@dataclass(frozen=True, slots=True)
class Step:
    """A commit of the history: a registration, or a promotion."""

    model: str
    number: int
    promotes: bool


def steps(models: list[str], versions: int) -> Iterator[Step]:
    """Yield what happens: one version of each model after another, each tenth promoted."""
    for number in range(versions):
        for model in models:
            yield Step(model, number, False)
            if number % PROMOTED_EACH == PROMOTED_EACH - 1:
                yield Step(model, number, True)


def imported(seed: Seed, models: list[str], versions: int) -> Iterator[bytes]:
    """Yield the stream for `git fast-import`; blobs of a kind in a row, so that they are deltas."""
    # Marks: of registries from 1, of commits from `many`, of files from 2 * `many`.
    history = list(steps(models, versions))
    many = 10 * len(history)
    statuses = Statuses()
    messages: list[str] = []
    for place, step in enumerate(history, 1):
        version = f"1.{step.number}.0"
        if step.promotes:
            archived = statuses.promote(step.model, version)
            messages.append(_promotion(step.model, version, archived))
        else:
            statuses.register(step.model, version)
            messages.append(_registration(step.model, version))
        yield _blob(place, statuses.render())
    files: list[dict[str, bytes]] = []
    latest: dict[str, Manifest] = {}
    for step in history:
        own: dict[str, bytes] = {}
        if not step.promotes:
            before = latest.get(step.model)
            own, latest[step.model] = seed.version(step.model, step.number, before)
        files.append(own)
    for kind, name in enumerate(OWN, 2):
        for place, own in enumerate(files, 1):
            if own:
                yield _blob(kind * many + place, own[name])
    shared = {name: _git(seed.path, "rev-parse", f"HEAD:models/wine/{name}") for name in SHARED}
    yield b"reset refs/heads/main\n\n"
    base = _git(seed.path, "rev-parse", "HEAD^")
    for place, (step, message, own) in enumerate(zip(history, messages, files, strict=True), 1):
        who = f"{seed.author} {int(moment(step.number).timestamp())} +0000"
        yield f"commit refs/heads/main\nmark :{many + place}\ncommitter {who}\n".encode()
        yield _data(message)
        if place == 1:
            yield f"from {base}\n".encode()
        yield f"M 100644 :{place} registry.json\n".encode()
        if not own:
            continue
        folder = f"models/{step.model}"
        for kind, name in enumerate(OWN, 2):
            yield f"M 100644 :{kind * many + place} {folder}/{name}\n".encode()
        if step.number == 0:
            for name, oid in shared.items():
                yield f"M 100644 {oid} {folder}/{name}\n".encode()
        version, digest = f"1.{step.number}.0", hashlib.sha256(own["manifest.json"]).hexdigest()
        yield f"tag {step.model}@v{version}\nfrom :{many + place}\ntagger {who}\n".encode()
        yield _data(f"{step.model} {version}\n\nManifest-SHA256: {digest}\n")


def _registration(model: str, version: str) -> str:
    title = f"register {model} {version}"
    return (
        f"{title}\n\nEvent: registered\nModel: {model}\nVersion: {version}\n"
        "To: registered\nBump: auto\n"
    )


def _promotion(model: str, version: str, before: str | None) -> str:
    message = f"promote {model} {version} to production\n\n"
    message += f"Event: promoted\nModel: {model}\nVersion: {version}\n"
    message += "From: registered\nTo: production\n"
    if before is not None:
        message += f"Event: archived\nModel: {model}\nVersion: {before}\n"
        message += "From: production\nTo: archived\n"
    return message


def _blob(mark: int, data: bytes) -> bytes:
    return b"blob\nmark :%d\ndata %d\n%b\n" % (mark, len(data), data)


def _data(text: str) -> bytes:
    return b"data %d\n%b\n" % (len(text.encode()), text.encode())


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _git(folder: Path, *args: str) -> str:
    command = ["git", "-C", str(folder), *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def large_store(path: Path, versions: int, models: int = 1, *, packed: bool = True) -> Path:
    """Make a bare store of so many versions of each model: `wine`, or m0000, m0001 and so on.

    `packed`: in one pack, as after `git gc`; otherwise each object is a file, as registering
    leaves it.
    """
    names = ["wine"] if models == 1 else [f"m{number:04}" for number in range(models)]
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        seed = make_seed(Path(folder) / "seed")
        shutil.copytree(seed.path, path)
        tag = _git(seed.path, "tag", "--list")
        _git(path, "tag", "--delete", *tag.split())
        # The cheapest compression: packing again chooses better deltas anyway.
        command = ["git", "-C", str(path), "-c", "core.compression=1", "fast-import", "--quiet"]
        command += ["--force", "--depth=50"]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
            assert process.stdin is not None
            for part in imported(seed, names, versions):
                process.stdin.write(part)
        assert process.returncode == 0
    for derived in ("gitmodelstore", "gitmodelstore-spares"):
        shutil.rmtree(path / derived, ignore_errors=True)
    _git(path, "pack-refs", "--all")
    if packed:
        _git(path, "repack", "-a", "-d", "-q")
        return path
    packs = path / "objects" / "pack"
    aside = path / "packs"
    packs.rename(aside)
    packs.mkdir()
    for pack in aside.glob("*.pack"):
        with pack.open("rb") as file:
            command = ["git", "-C", str(path), "unpack-objects", "-q"]
            subprocess.run(command, stdin=file, check=True)
    shutil.rmtree(aside)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="where to make the store")
    parser.add_argument("--versions", type=int, default=10_000, help="of each model (10,000)")
    parser.add_argument("--models", type=int, default=1, help="how many (1)")
    parser.add_argument("--loose", action="store_true", help="leave each object in a file")
    options = parser.parse_args()
    large_store(options.path, options.versions, options.models, packed=not options.loose)


if __name__ == "__main__":
    main()
