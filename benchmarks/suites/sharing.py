"""Sharing, beside plain git: pushes, pulls, the first load of somebody who has nothing yet."""

from __future__ import annotations

import itertools
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

import gitmodelstore as gms
from benchmarks.measure import Action, Bench, process
from benchmarks.models import credit_pipeline, filled, git, grown, retrained, small_pipeline
from benchmarks.suites.registering import dumped
from tests.store.hosts import PASSWORD, USER, Host, serving

GMS = (sys.executable, "-m", "gitmodelstore.cli.main")
FIRST = "import sys, gitmodelstore as g; g.Store.clone(*sys.argv[1:]).load('credit@production')"


def run(folder: Path, bench: Bench) -> None:
    many = bench.count(1000, 10)
    with serving(folder) as host:
        remember(host, folder)
        for kind, versions in (
            ("a folder", 10),
            ("a folder", many),
            ("HTTP", 10),
            ("a folder with its gate", 10),
        )[: bench.count(4, 1)]:
            small(folder / f"{kind}-{versions}", kind, versions, host.url, bench)
        first_load(folder, host, bench, many)
    large(folder, bench, bench.count(250_000_000, 60_000_000))


def remember(host: Host, folder: Path) -> None:
    """Have git know user and password, as after a first question."""
    file = folder / "credentials"
    file.write_text(host.url.replace("//", f"//{USER}:{PASSWORD}@") + "\n")
    git(folder, "config", "--global", "credential.helper", f"store --file={file}")


def bare(path: Path, *, gate: bool = False) -> Path:
    """Make an empty repository to push to, with the hook of a shared store if wanted."""
    git(path.parent, "init", "--quiet", "--bare", "-b", "main", str(path))
    git(path, "config", "http.receivepack", "true")
    if gate:
        process(*GMS, "-C", str(path), "hook", "install")()
    return path


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
        version = retrained(self.store, self.pipeline)
        self.tag = f"{version.model}@v{version.version}"

    def git(self, *words: str) -> None:
        git(self.path, *words)

    def push(self) -> None:
        process(*GMS, "push", cwd=self.path)()

    def git_push(self) -> None:
        self.git("push", "--atomic", "origin", "main", self.tag)

    def git_push_alone(self) -> None:
        self.git("push", "--no-verify", "--atomic", "origin", "main", self.tag)


def small(folder: Path, kind: str, versions: int, url: str, bench: Bench) -> None:
    """A push of one version, and a pull of nothing."""
    folder.mkdir()
    sides = []
    for who in ("ours", "git", "alone"):
        side = Side(folder / who, small_pipeline(), versions)
        there = bare(folder / f"{who}.git", gate="gate" in kind)
        side.share(f"{url}/{folder.name}/{there.name}" if kind == "HTTP" else str(there))
        sides.append(side)
    ours, theirs, alone = sides
    where = f"{kind}, {versions:,} versions"
    for name, push in (("gms push", ours.push), ("Store.push()", ours.store.push)):
        rows: dict[str, Action] = {
            name: push,
            "git push": theirs.git_push,
            "git push without hooks": alone.git_push_alone,
        }
        before = dict(zip(rows, (one.register for one in sides), strict=True))
        bench.compare(f"{name}: {where}", rows, before=before, reach=1.5)
    cold = process(*GMS, "pull", cwd=ours.path)
    for name, pull in (("gms pull", cold), ("Store.pull()", ours.store.pull)):
        rows = {name: pull, "git fetch": lambda: theirs.git("fetch", "origin")}
        bench.compare(f"{name}: {where}", rows)


def refitted(path: Path, versions: int) -> gms.Store:
    """A bare store of so many versions of S, as different as refitted ones."""
    store = gms.Store.init(path, bare=True, durable=False)
    pipeline, rng = credit_pipeline(), np.random.default_rng(0)
    trees = [tree.tree_ for (tree,) in pipeline[-1].estimators_]
    for _ in range(versions):
        for tree in trees:
            for values in (tree.value, tree.threshold, tree.impurity):
                values *= rng.normal(1, 1e-3, values.shape)
        retrained(store, pipeline)
    store.promote("credit@latest", "production")
    git(path, "gc", "--quiet")
    return store


def first_load(folder: Path, host: Host, bench: Bench, versions: int) -> None:
    store = refitted(folder / "models.git", versions)
    url, path = f"{host.url}/{store.path.name}", folder / "consumer"
    rows: dict[str, Action] = {
        "clone and load": process(sys.executable, "-c", FIRST, url, str(path)),
        "git clone": lambda: git(folder, "clone", "--quiet", url, str(path)),
    }
    answered = [sum(host.sizes("GET", "") + host.sizes("POST", ""))]
    for action in rows.values():
        shutil.rmtree(path, ignore_errors=True)
        action()
        answered.append(sum(host.sizes("GET", "") + host.sizes("POST", "")))
    sizes = [(after - before) / 1e6 for before, after in itertools.pairwise(answered)]
    bench.value(
        f"first load of {versions:,} versions: transferred", dict(zip(rows, sizes, strict=True))
    )
    before = dict.fromkeys(rows, lambda: shutil.rmtree(path, ignore_errors=True))
    bench.compare(f"first load of {versions:,} versions", rows, before=before, turns=5)


def large(folder: Path, bench: Bench, size: int) -> None:
    """A forest that Git LFS keeps."""
    forest, numbers = grown(size), itertools.count()
    ours, theirs = (gms.Store.init(folder / f"forest-{who}") for who in ("ours", "git"))
    rows = {
        "register": lambda: retrained(ours, forest),
        "joblib.dump and SHA-256": lambda: dumped(forest, folder / f"{next(numbers)}.joblib"),
    }
    bench.compare("register a forest of 250 MB", rows, turns=5, reach=1.05)
    for store in (ours, theirs):
        git(store.path, "remote", "add", "origin", bare(folder / f"{store.path.name}.git").as_uri())

    def after_the_last() -> None:  # of what a branch there has, git-lfs sends nothing
        git(theirs.path, "push", "--quiet", "--no-verify", "origin", "main", "--tags")
        retrained(theirs, forest)

    rows = {
        "gms push": process(*GMS, "push", cwd=ours.path),
        "git lfs push": lambda: git(theirs.path, "lfs", "push", "origin", "main"),
    }
    before = {"gms push": lambda: retrained(ours, forest), "git lfs push": after_the_last}
    bench.compare("push a forest of 250 MB", rows, before=before, turns=5)
