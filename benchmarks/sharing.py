"""Speed of sharing against plain git, as ratios measured side by side in one run; see README.md."""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
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

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.store.hosts import PASSWORD, USER, Host, serving

GMS = (sys.executable, "-m", "gitmodelstore.cli.main")


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
        with serving(folder) as host:
            remember(host, folder)
            small(folder, host.url, Comparison(options.pairs, 0.1, clock), options.versions)
            first_load(folder, host, Comparison(some, 0.3, clock), options.versions)
        large(folder, Comparison(some, 1, clock), options.megabytes)


# The hosts: a folder, and git's own backend over HTTP with basic authentication.


def remember(host: Host, folder: Path) -> None:
    """Have git know user and password, as after a first question."""
    file = folder / "credentials"
    file.write_text(host.url.replace("//", f"//{USER}:{PASSWORD}@") + "\n")
    os.environ.update(
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0="credential.helper",
        GIT_CONFIG_VALUE_0=f"store --file={file}",
    )


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


def first_load(folder: Path, host: Host, comparison: Comparison, versions: int) -> None:
    store = retrained(folder / "models.git", versions)
    url, path = f"{host.url}/{store.path.name}", folder / "consumer"

    def load() -> None:
        run(sys.executable, "-c", _FIRST, url, str(path))

    def clone() -> None:
        git(folder, "clone", "--quiet", url, str(path))

    def afresh() -> None:
        shutil.rmtree(path, ignore_errors=True)

    answered = [sum(host.sizes("GET", "") + host.sizes("POST", ""))]
    for action in (load, clone):
        afresh()
        action()
        answered.append(sum(host.sizes("GET", "") + host.sizes("POST", "")))
    artifact = next(a for a in store.show("credit@latest").artifacts if a.path == "pipeline.joblib")
    ours, full = (after - before for before, after in itertools.pairwise(answered))
    beyond = (ours - artifact.size_bytes) / full
    print(
        f"bytes of a first load: {ours:,}, of a full clone: {full:,}; the artifact has "
        f"{artifact.size_bytes:,}, the rest is {beyond:.2%} of the full clone"
    )
    comparison.show(
        f"first load / full clone: HTTP, {versions:,} versions",
        load,
        clone,
        before=(afresh, afresh),
    )


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
