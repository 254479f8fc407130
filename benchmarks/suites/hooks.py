"""The hooks of a store and of ML repositories, cold, beside an empty Python; pushes by a gate."""

from __future__ import annotations

import compileall
import itertools
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import gitmodelstore as gms
from benchmarks.measure import Bench, process, python
from benchmarks.models import credit_pipeline, filled, git, grown

ROOT = Path(__file__).parents[2]
REACH = {"no model": 1.5, "one model of 5 MB": 9.0}


def run(folder: Path, bench: Bench) -> None:
    size = bench.count(5_000_000, 300_000)
    of_a_store(folder, bench, size)
    of_ml_repositories(folder, bench, size)
    pushes = {f"{many} versions": pushing(folder, many) for many in (bench.count(100), 10)}
    bench.compare("push to a new shared store, through its gate", pushes, turns=3)


def of_a_store(folder: Path, bench: Bench, size: int) -> None:
    """What git runs before a commit in a store."""
    store = gms.Store.init(folder / "store")
    hook = process(str(store.path / ".git" / "hooks" / "pre-commit"), cwd=store.path)

    def compare(name: str) -> None:
        rows = {"pre-commit of a store": hook, "python -c pass": python()}
        bench.compare(f"pre-commit of a store, {name}", rows, reach=REACH[name])

    (store.path / "README.md").write_text("# Models\n")
    git(store.path, "add", "README.md")
    compare("no model")
    git(store.path, "commit", "--quiet", "-m", "readme")
    store.register(grown(size), "forest", code=None)
    git(store.path, "tag", "--delete", "forest@v1.0.0")
    git(store.path, "reset", "--quiet", "--soft", "HEAD~1")
    compare("one model of 5 MB")


def of_ml_repositories(folder: Path, bench: Bench, size: int) -> None:
    """What the pre-commit framework runs, in a repository of 200 files."""
    clone = package(folder)
    store = gms.Store.init(folder / "models", durable=False)
    model = store.download(store.register(grown(size), "churn", code=None), folder / "model")
    without, holds = repository(folder, "without"), repository(folder, "with")
    (without / "step_1.py").write_text("print('changed')\n")
    shutil.copytree(model, holds / "models" / "churn")
    store.lock(["churn@latest"], holds)
    for path in (without, holds):
        git(path, "add", ".")
    touched = sorted(str(one.relative_to(holds)) for one in (holds / "models/churn").iterdir())
    binaries = [path for path in touched if path.endswith((".joblib", "manifest.json"))]
    for script, plain, named in (
        ("validate.py", ["step_1.py"], touched),
        ("no_raw_models.py", [], binaries),
        ("lock.py", [], ["modelstore.lock.json"]),
    ):
        for name, path, names in (
            ("no model", without, plain),
            ("one model of 5 MB", holds, named),
        ):
            hook = process(sys.executable, str(clone / "hooks" / script), *names, cwd=path)
            rows = {script: hook, "python -c pass": python()}
            bench.compare(f"{script}, {name}", rows, reach=REACH[name])


def repository(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir()
    git(path, "init", "--quiet")
    for number in range(200):
        (path / f"step_{number}.py").write_text(f"print({number})\n")
    git(path, "add", ".")
    git(path, "commit", "--quiet", "-m", "first")
    return path


def package(folder: Path) -> Path:
    """The hooks and the package alone, as in the framework's clone after the first run."""
    clone = folder / "clone"
    for name in ("hooks", "gitmodelstore"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(clone / "gitmodelstore", quiet=1)
    return clone


def pushing(folder: Path, versions: int) -> Callable[[], object]:
    """Return what pushes a store of so many versions into a new shared one."""
    store = filled(folder / f"of-{versions}", versions, credit_pipeline())
    numbers = itertools.count()

    def push() -> None:
        shared = folder / f"shared-{versions}-{next(numbers)}.git"
        git(folder, "init", "--quiet", "--bare", "-b", "main", str(shared))
        process(
            sys.executable, "-m", "gitmodelstore.cli.main", "-C", str(shared), "hook", "install"
        )()
        git(store.path, "push", "--quiet", str(shared), "main", "refs/tags/*")

    return push
