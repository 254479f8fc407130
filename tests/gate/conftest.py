"""A shared bare store with its gate, and a clone with the client's hooks."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gitmodelstore import Store
from gitmodelstore.checks.judge import CommitStep, Judge
from gitmodelstore.operations.doctor import Diagnosis
from gitmodelstore.plumbing import git_dir
from gitmodelstore.plumbing.repository import Repository
from tests.store import children

Found = list[tuple[str, str]]  # codes and paths, sorted
_LINE = re.compile(r"^(?:remote: )?error: (?:[0-9a-f]{12}: )?(.*) \[(GMS[0-9]{3})\]", re.MULTILINE)


@dataclass(frozen=True)
class Place:
    """A clone of a shared store, to commit in by hand and to push from.

    Attributes:
        path: its work tree.
        shared: the bare repository with pre-receive.
    """

    path: Path
    shared: Path

    def git(self, *args: str, **environment: str) -> str:
        """Run git in the clone; it must succeed. No hook of the clone runs."""
        done = self.try_git("-c", "core.hooksPath=/dev/null", *args, **environment)
        assert done.returncode == 0, f"git {' '.join(args)}: {done.stdout}{done.stderr}"
        return done.stdout

    def try_git(self, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run git in the clone, hooks too."""
        return subprocess.run(
            ["git", *args],
            cwd=self.path,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    def file(self, name: str) -> Path:
        """The path of a file in the work tree; its folder is made."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def edit(self, name: str, change: Callable[[dict], object]) -> None:
        """Change a JSON document of the store, and write it in canonical form."""
        document = json.loads(self.file(name).read_text())
        change(document)
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        self.file(name).write_text(text)

    def put(self, **statuses: str) -> None:
        """Give versions of churn other statuses, as v1_2_0="production"."""

        def edit(held: dict) -> None:
            for name, status in statuses.items():
                held["models"]["churn"][name[1:].replace("_", ".")]["status"] = status

        self.edit("registry.json", edit)

    def go_live(self, version: str = "v1_2_0") -> None:
        """Let another version of churn be in production."""
        self.put(**{version: "production", "v1_1_0": "archived"})

    def write(self, name: str, text: str, message: str = "by hand") -> str:
        """Write a file, commit it with all else, and return the commit."""
        self.file(name).write_text(text)
        return self.commit(message)

    def settle(self, text: str) -> None:
        """Push settings by themselves."""
        self.write("modelstore.toml", text, "settings")
        self.push()

    def push(self, *refs: str) -> None:
        """Push main, and what else is named; no hook of the client runs."""
        self.git("push", "--quiet", "--atomic", "origin", "main", *refs)

    def tag(self) -> None:
        """Tag the last commit as churn 1.3.0."""
        self.git("tag", "-a", "-m", "churn 1.3.0", "churn@v1.3.0")

    def commit(self, message: str = "by hand") -> str:
        """Commit everything without asking a hook, and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.tip()

    def register(self, model: str = "churn", **options: object) -> None:
        """Register a version through the library."""
        options.setdefault("code", None)
        fitted = options.pop("pipeline", None) or pipeline(2.0)
        self.store.register(fitted, model, **options)

    def keep_large_files(self, **options: object) -> None:
        """Register churn 1.6.0 with a pipeline that is kept beside git's objects."""
        text = 'schema = "1.0"\n\n[storage]\nlfs_threshold = "1 KiB"\n'
        self.write("modelstore.toml", text, "small threshold")
        self.register(version="1.6.0", **options)

    def gms(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run the command in the clone."""
        return children.gms(*args, cwd=self.path)

    @property
    def store(self) -> Store:
        """The store of the clone, opened anew."""
        return Store.open(self.path, durable=False)

    def tip(self, name: str = "HEAD") -> str:
        """The id of what git can name."""
        return self.git("rev-parse", name).strip()

    # The ways to ask

    def by_pre_commit(self) -> Found:
        """What the hook says of everything that is changed, or staged."""
        self.git("add", "--all")
        return told(self.try_git("commit", "-m", "by hand").stderr)

    def mends(self) -> bool:
        """Whether the hook said of each fault what mends it."""
        lines = self.try_git("commit", "-m", "by hand").stderr.splitlines()
        errors = [number for number, line in enumerate(lines) if line.startswith("error: ")]
        return all(lines[number + 1].startswith("hint: ") for number in errors)

    def by_range(self, base: str = "HEAD~1") -> Found:
        return self.by_command("validate", "--range", f"{base}..HEAD")

    def by_command(self, *args: str) -> Found:
        done = children.gms("--json", *args, cwd=self.path)
        document = json.loads(done.stdout)
        found = sorted((fault["code"], fault["path"] or "") for fault in document["faults"])
        assert done.returncode == (1 if found else 0), done.stderr
        return found

    def by_library(self, commit: str = "HEAD") -> Found:
        repository = Repository.open(self.path)
        faults = Judge(repository).faults(CommitStep.of(repository.commit(self.tip(commit))))
        return sorted((fault.code, fault.path) for fault in faults)

    def by_pre_push(self, *refs: str) -> Found:
        """What the client's hook says; nothing is sent."""
        return told(self.try_git("push", "--dry-run", "origin", *(refs or ("main",))).stderr)

    def by_pre_receive(self, *refs: str) -> Found:
        """What the server says to a push past the client's hook; it must not have changed."""
        before = self.refs()
        done = self.try_git("push", "--no-verify", "--force", "origin", *(refs or ("main",)))
        found = told(done.stderr)
        assert (done.returncode != 0) == bool(found), done.stderr
        assert not found or self.refs() == before
        return found

    def refs(self) -> str:
        """All refs of the shared store."""
        return subprocess.run(
            ["git", "for-each-ref"], cwd=self.shared, capture_output=True, text=True, check=True
        ).stdout


def doctor(place: Place | Path, *, fix: bool = False) -> Diagnosis:
    path = place.path if isinstance(place, Place) else place
    return Store(Repository.open(path), durable=False).doctor(fix=fix)


def told(stderr: str) -> Found:
    """Return codes and paths out of what a hook printed."""
    found = []
    for place, code in _LINE.findall(stderr):
        path = re.match(r"[^\s:]+(?=:)", place)
        found.append((code, path[0] if path else ""))
    return sorted(found)


def pipeline(C: float = 9.0) -> object:
    X = [[float(i), float(i % 7)] for i in range(40)]
    y = [int(i > 20) for i in range(40)]
    return make_pipeline(StandardScaler(), LogisticRegression(C=C)).fit(X, y)


@pytest.fixture(autouse=True)
def with_hooks(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooks run here, as they do for users."""
    monkeypatch.delenv("GIT_CONFIG_COUNT")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared store and its clone, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GIT_CONFIG_COUNT", raising=False)  # so that the hooks run
        Store.init(folder / "shared.git", bare=True)
        run = ["git", "-C", str(folder), "clone", "--quiet", "shared.git", "clone"]
        subprocess.run(run, check=True)
        clone = Store.open(folder / "clone", durable=False)
        git_dir.install(clone._repository)
        for C in (1.0, 0.1, 0.01):
            clone.register(pipeline(C), "churn", code=None)
        clone.register(pipeline(0.5), "risk", code=None)
        clone.promote("churn@1.1.0", "production")
        push = ["git", "push", "--quiet", "--atomic", "origin", "main", "refs/tags/*"]
        subprocess.run(push, cwd=folder / "clone", check=True)
        # Second names of objects, which a later write would give back, or not, by their age.
        for place in ("shared.git", "clone/.git"):
            shutil.rmtree(folder / place / "gitmodelstore-spares", ignore_errors=True)
    return folder


@pytest.fixture
def place(template: Path, tmp_path: Path) -> Place:
    """A clone and its shared store; churn 1.0.0 to 1.2.0, of which 1.1.0 is live; risk 1.0.0."""
    shutil.copytree(template / "shared.git", tmp_path / "shared.git")
    shutil.copytree(template / "clone", tmp_path / "clone")
    made = Place(tmp_path / "clone", tmp_path / "shared.git")
    config = made.file(".git/config")
    config.write_text(config.read_text().replace(f"{template}/", f"{tmp_path}/"))
    made.git("update-index", "-q", "--refresh")
    return made
