"""An ML repository, a store whose versions it uses, and the hooks as the frameworks find them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gitmodelstore import Store
from gitmodelstore.values.names import LOCK_FILE

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
HOOKS = ("gitmodelstore-validate", "gitmodelstore-no-raw-models", "gitmodelstore-lock")


@pytest.fixture(autouse=True)
def with_hooks(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooks run here, as they do for users."""
    monkeypatch.delenv("GIT_CONFIG_COUNT")


class Done(NamedTuple):
    """What a process printed, both streams together, and its exit code."""

    said: str
    code: int


def run(command: list[str], cwd: Path, **variables: str) -> Done:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return Done(done.stdout, done.returncode)


class Repository:
    """A git repository to type commands in."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def git(self, *args: str, **variables: str) -> str:
        """Run git, which must succeed, and return what it printed."""
        done = run(["git", *args], self.path, **variables)
        assert done.code == 0, f"git {' '.join(args)}: {done.said}"
        return done.said

    def commit(self, *args: str) -> Done:
        """Run `git commit`, which the hooks may refuse."""
        return run(["git", "commit", "--quiet", "-m", "a change", *args], self.path)

    def commit_all(self) -> Done:
        """Stage everything, and commit it."""
        self.git("add", ".")
        return self.commit()

    def head(self) -> str:
        return run(["git", "rev-parse", "HEAD"], self.path).said.strip()

    def hook(self, name: str, *names: str, **variables: str) -> Done:
        """Run the script of a hook as a framework does, without one."""
        script = ROOT / "hooks" / f"{name.replace('-', '_')}.py"
        return run([sys.executable, "-I", str(script), *names], self.path, **variables)


def frame(seed: int = 0, columns: tuple[str, ...] = ("income", "age")) -> pd.DataFrame:
    return pd.DataFrame(
        {name: np.random.default_rng(seed + n).normal(size=40) for n, name in enumerate(columns)}
    )


def fit(strength: float = 1.0, columns: tuple[str, ...] = ("income", "age")):
    X = frame(columns=columns)
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength)).fit(X, X[columns[0]] > 0)


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where what the tests copy lies once the first of them has made it."""
    return tmp_path_factory.mktemp("templates")


@pytest.fixture
def store(templates: Path, tmp_path: Path) -> Store:
    """A store with churn 1.0.0 and 1.1.0, in production, and credit 1.0.0."""
    made = templates / "store"
    if not made.exists():
        new = Store.init(templates / "making", durable=False)
        for strength in (1.0, 3.0):
            new.register(fit(strength), "churn", X_test=frame(1), code=None)
        new.register(fit(2.0), "credit", X_test=frame(1), code=None)
        new.promote("churn@1.1.0", "production")
        new.path.rename(made)
    shutil.copytree(made, tmp_path / "store")
    run(["git", "status"], tmp_path / "store")
    return Store.open(tmp_path / "store", durable=False)


@pytest.fixture
def ml(tmp_path: Path) -> Repository:
    """An ML repository with a script and no commit yet."""
    repository = Repository(tmp_path / "ml")
    repository.path.mkdir()
    repository.git("init", "--quiet")
    (repository.path / "train.py").write_text("print('training')\n")
    return repository


@pytest.fixture
def copy(store: Store, ml: Repository) -> Callable[..., Path]:
    """Put a version into the ML repository: `copy("churn@1.0.0", "models/churn")`."""

    def copy(ref: str = "churn@1.0.0", place: str = "models/churn") -> Path:
        shutil.rmtree(ml.path / place, ignore_errors=True)
        return store.download(ref, ml.path / place)

    return copy


@pytest.fixture
def locked(store: Store, ml: Repository) -> Repository:
    """The ML repository with churn 1.0.0 locked and staged."""
    store.lock(["churn@1.0.0"], ml.path)
    ml.git("add", ".")
    return ml


def edit(ml: Repository, **keys: object) -> None:
    """Edit the entry of churn by hand."""
    path = ml.path / LOCK_FILE
    value = json.loads(path.read_text(encoding="utf-8"))
    value["models"]["churn"].update(keys)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@pytest.fixture
def framework_source(templates: Path) -> Path:
    """What the frameworks clone: the hooks and the package of this work tree, committed."""
    made = templates / "gitmodelstore"
    if not made.exists():
        making = Repository(templates / "committing")
        making.path.mkdir()
        shutil.copy(ROOT / ".pre-commit-hooks.yaml", making.path)
        for name in ("hooks", "gitmodelstore"):
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, making.path / name, ignore=ignore)
        making.git("init", "--quiet")
        making.git("add", ".")
        making.git("commit", "--quiet", "-m", "a release")
        making.path.rename(made)
    return made


@pytest.fixture
def hooked(framework: str, framework_source: Path, ml: Repository) -> Repository:
    """The ML repository with the three hooks installed."""
    revision = Repository(framework_source).head()
    hooks = "".join(f"      - id: {name}\n" for name in HOOKS)
    (ml.path / ".pre-commit-config.yaml").write_text(
        f"repos:\n  - repo: {framework_source}\n    rev: {revision}\n    hooks:\n{hooks}"
    )
    ml.git("add", ".pre-commit-config.yaml")
    types = ("-t", "pre-commit", "-t", "pre-merge-commit")
    done = run([framework, "install", *types], ml.path)
    assert done.code == 0, done.said
    return ml
