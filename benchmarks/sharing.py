"""Speed of sharing against plain git, as ratios measured side by side in one run; see README.md."""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from comparison import Comparison, processor_seconds, seconds
from run import credit_pipeline, filled
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

import gitmodelstore as gms

ROOT = Path(__file__).parents[1]
GMS = (sys.executable, "-m", "gitmodelstore.cli.main")
USER, PASSWORD = "ann", "s3cret"  # as tests/store/hosts.py wants them


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15, help="pairs a line (15)")
    parser.add_argument("--versions", type=int, default=1000, help="of the large store (1000)")
    parser.add_argument("--megabytes", type=int, default=250, help="of the large forest (250)")
    parser.add_argument("--folder", type=Path, help="where to work (a temporary folder)")
    parser.add_argument("--processor", action="store_true", help="measure processor time")
    options = parser.parse_args()
    clock = processor_seconds if options.processor else seconds
    some = max(3, options.pairs // 3)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name).resolve()
        os.environ.update(credentials(folder))
        with serving(folder) as address:
            small(folder, address, Comparison(options.pairs, 0.1, clock), options.versions)
            first_load(folder, address, Comparison(some, 0.3, clock), options.versions)
        large(folder, Comparison(some, 1, clock), options.megabytes)


# The hosts: a folder, and git's own backend over HTTP with basic authentication.


def credentials(folder: Path) -> dict[str, str]:
    """Return what has git know user and password, as after a first question."""
    file = folder / "credentials"
    setting = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "credential.helper"}
    return {**setting, "GIT_CONFIG_VALUE_0": f"store --file={file}"}


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve the repositories of a folder in a process of its own; yields its address."""
    command = [sys.executable, "-m", "tests.store.hosts", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        host = f"127.0.0.1:{server.stdout.readline().strip()}"
        (folder / "credentials").write_text(f"http://{USER}:{PASSWORD}@{host}\n")
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://{host}/up").close()
                break
            except urllib.error.URLError:
                time.sleep(0.05)
        try:
            yield f"http://{host}"
        finally:
            server.terminate()


def bare(path: Path, *, gate: bool = False) -> Path:
    """Make an empty repository to push to, with the hook of a shared store if wanted."""
    git(path.parent, "init", "--quiet", "--bare", "-b", "main", str(path))
    git(path, "config", "http.receivepack", "true")
    if gate:
        run(*GMS, "-C", str(path), "hook", "install")
    return path


def run(*command: str, cwd: Path | None = None) -> None:
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)


def git(folder: Path, *args: str) -> None:
    run("git", *args, cwd=folder)


# A push of one version, and a pull of nothing.


class Side:
    """A store with versions that its remote has, and a new one when asked for."""

    def __init__(self, path: Path, pipeline: Any, versions: int) -> None:
        self.path, self.pipeline = path, pipeline
        self.store = filled(path, versions)
        git(path, "gc", "--quiet")  # as plain git does by itself after a thousand versions

    def share(self, url: str) -> None:
        """Have all there."""
        git(self.path, "remote", "add", "origin", url)
        git(self.path, "push", "--quiet", "--no-verify", "--set-upstream", "origin", "main")
        git(self.path, "push", "--quiet", "--no-verify", "--tags", "origin")

    def register(self) -> None:
        version = self.store.register(self.pipeline, "credit", bump="patch", code=None)
        self.tag = f"{version.model}@v{version.version}"

    def push(self) -> None:
        run(*GMS, "push", cwd=self.path)

    def git_push(self) -> None:
        git(self.path, "push", "--atomic", "origin", "main", self.tag)

    def git_push_alone(self) -> None:
        git(self.path, "push", "--no-verify", "--atomic", "origin", "main", self.tag)

    def pull(self) -> None:
        run(*GMS, "pull", cwd=self.path)

    def git_fetch(self) -> None:
        git(self.path, "fetch", "origin")


def small(folder: Path, address: str, comparison: Comparison, many: int) -> None:
    pipeline = make_pipeline(SimpleImputer()).fit([[1.0], [2.0]])
    kinds = (
        ("file", 10, False),
        ("file", many, False),
        ("HTTP", 10, False),
        ("file, its gate", 10, True),
    )
    for number, (kind, versions, gate) in enumerate(kinds):
        sides = []
        for who in ("ours", "git", "git-alone"):
            name = f"{who}-{number}"
            side = Side(folder / name, pipeline, versions)
            there = bare(folder / f"{name}.git", gate=gate)
            side.share(f"{address}/{there.name}" if kind == "HTTP" else str(there))
            sides.append(side)
        ours, theirs, alone = sides
        where = f"{kind}, {versions:,} versions"
        comparison.show(
            f"gms push / git push, without hooks: {where}",
            ours.push,
            theirs.git_push,
            alone.git_push_alone,
            before=(ours.register, theirs.register, alone.register),
        )
        comparison.show(
            f"Store.push() / git push, without hooks: {where}",
            ours.store.push,
            theirs.git_push,
            alone.git_push_alone,
            before=(ours.register, theirs.register, alone.register),
        )
        comparison.show(f"gms pull / git fetch: {where}", ours.pull, theirs.git_fetch)
        comparison.show(f"Store.pull() / git fetch: {where}", ours.store.pull, theirs.git_fetch)


# The first load of somebody who has nothing yet.

_FIRST = "import sys, gitmodelstore as g; g.Store.clone(*sys.argv[1:]).load('credit@production')"


class Relay:
    """Passes on what goes to a server and comes back, and counts what comes back."""

    def __init__(self, address: str, folder: Path) -> None:
        self.received = 0
        self._port = int(address.rpartition(":")[2])
        self._listening = socket.create_server(("127.0.0.1", 0))
        host = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self.address = f"http://{host}"
        with (folder / "credentials").open("a") as file:
            file.write(f"http://{USER}:{PASSWORD}@{host}\n")
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listening.accept()
            server = socket.create_connection(("127.0.0.1", self._port))
            for source, to in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(source, to), daemon=True).start()

    def _pass(self, source: socket.socket, to: socket.socket) -> None:
        from_server = source.getpeername()[1] == self._port
        while data := source.recv(1 << 20):
            self.received += len(data) if from_server else 0
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)


def retrained(path: Path, versions: int) -> gms.Store:
    """A bare store of so many versions of the credit pipeline, as different as refitted ones."""
    store = gms.Store.init(path, bare=True, durable=False)
    pipeline, rng = credit_pipeline(), np.random.default_rng(0)
    trees = [tree.tree_ for (tree,) in pipeline[-1].estimators_]
    for number in range(versions):
        for tree in trees:
            for values in (tree.value, tree.threshold, tree.impurity):
                values *= rng.normal(1, 1e-3, values.shape)
        store.register(pipeline, "credit", version=f"1.0.{number}", metrics={"auc": 0.9}, code=None)
    store.promote("credit@latest", "production")
    git(path, "gc", "--quiet")
    return store


def first_load(folder: Path, address: str, comparison: Comparison, versions: int) -> None:
    store = retrained(folder / "models.git", versions)
    numbers = itertools.count()

    def load(address: str = address) -> None:
        path = folder / f"consumer-{next(numbers)}"
        run(sys.executable, "-c", _FIRST, f"{address}/models.git", str(path))
        shutil.rmtree(path)

    def clone(address: str = address) -> None:
        path = folder / f"full-{next(numbers)}"
        git(folder, "clone", "--quiet", f"{address}/models.git", str(path))
        shutil.rmtree(path)

    relay, received = Relay(address, folder), []
    for action in (load, clone):
        relay.received = 0
        action(relay.address)
        received.append(relay.received)
    artifact = next(a for a in store.show("credit@latest").artifacts if a.path == "pipeline.joblib")
    ours, full = received
    beyond = (ours - artifact.size_bytes) / full
    print(
        f"bytes of a first load: {ours:,}, of a full clone: {full:,}; the artifact has "
        f"{artifact.size_bytes:,}, the rest is {beyond:.2%} of the full clone"
    )
    comparison.show(f"first load / full clone: HTTP, {versions:,} versions", load, clone)


# A forest that Git LFS keeps.


def large(folder: Path, comparison: Comparison, megabytes: int) -> None:
    forest = grown(megabytes * 1_000_000)
    numbers = itertools.count()

    def floor() -> int:
        file = folder / f"{next(numbers)}.joblib"  # new, as that of each version
        joblib.dump(forest, file)
        with file.open("rb") as read:
            hashlib.file_digest(read, "sha256")
        return file.stat().st_size

    print(f"the forest has {floor() / 1e6:.0f} MB")

    def registering(store: gms.Store) -> Callable[[], None]:
        def action() -> None:
            forest.estimators_[0].tree_.value[0] += 1e-9  # as if retrained
            store.register(forest, "forest", bump="patch", code=None)

        return action

    ours, theirs = (gms.Store.init(folder / f"forest-{who}") for who in ("ours", "git"))
    comparison.show("register / joblib.dump and SHA-256", registering(ours), floor)
    for store in (ours, theirs):
        there = bare(folder / f"{store.path.name}.git")
        git(store.path, "remote", "add", "origin", there.as_uri())
    first, second = registering(ours), registering(theirs)

    def after_the_last() -> None:  # of what a branch there has, git-lfs sends nothing
        git(theirs.path, "push", "--quiet", "--no-verify", "origin", "main", "--tags")
        second()

    comparison.show(
        "gms push / git lfs push",
        lambda: run(*GMS, "push", cwd=ours.path),
        lambda: git(theirs.path, "lfs", "push", "origin", "main"),
        before=(first, after_the_last),
    )


def grown(size_bytes: int) -> RandomForestRegressor:
    """A forest whose file has about that size."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40_000, 5))
    y = X.sum(axis=1) + rng.normal(size=40_000)
    trees = max(1, size_bytes // 3_640_000)
    return RandomForestRegressor(trees, random_state=0, n_jobs=2).fit(X, y)


if __name__ == "__main__":
    main()
