"""uv makes recorded environments again: docs/environment.md, command by command, and reproduce."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gitmodelstore import Store

from .environments import CACHE, ROOT, make

PAGE = ROOT / "docs" / "environment.md"
OLDER = ("scikit-learn==1.7.2", "pandas==2.3.3", "numpy==2.2.6")
TRAIN = """\
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
import gitmodelstore as gms

X, y = load_iris(return_X_y=True, as_frame=True)
gms.register_model(LogisticRegression(max_iter=500).fit(X, y), "iris", X_test=X, y_test=y)
"""


@pytest.fixture
def programs(tmp_path, monkeypatch) -> Path:
    """A folder with uv, first on the path; then `gms` of the tests."""
    found = make(tmp_path / "uv", "uv")
    (found / "gms").write_text(
        f"#!{sys.executable}\nfrom gitmodelstore.cli.main import run\nrun()\n"
    )
    (found / "gms").chmod(0o755)
    for name in ("python", "python3", "pip"):
        (found / name).unlink(missing_ok=True)
    monkeypatch.setenv("PATH", str(found), prepend=os.pathsep)
    monkeypatch.setenv("UV_CACHE_DIR", str(CACHE))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return found


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("programs")
def test_the_commands_of_the_page_do_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = Store.init("models")
    monkeypatch.setenv("GITMODELSTORE", str(store.path))
    X, y = load_iris(return_X_y=True, as_frame=True)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    store.promote(store.register(pipeline, "churn", code=None), "production")

    for session in re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(), re.M | re.S):
        for command, said in re.findall(r"^\$ (.*)\n((?:[^$\n].*\n)*)", session, re.M):
            environment = {**os.environ, "PYTHONPATH": str(ROOT) if "gms " in command else ""}
            done = subprocess.run(  # noqa: S602 - it is the page's own line
                command, shell=True, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{command}\n{done.stderr}"
            assert said in ("…\n", done.stdout), command


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_version_of_older_releases_is_reproduced_with_them(programs, tmp_path, monkeypatch):
    older = make(tmp_path / "older", *OLDER, str(ROOT))
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    (project / "train.py").write_text(TRAIN)
    for args in (("init", "-q"), ("add", "."), ("commit", "-qm", "first")):
        subprocess.run(["git", *args], check=True)
    notes: list[str] = []
    store = Store.init(project, place_inside=True, notify=notes.append)
    monkeypatch.delenv("PYTHONPATH")
    subprocess.run([str(older / "python"), "train.py"], check=True, capture_output=True)

    found = store.reproduce("iris@1.0.0", ("python", "train.py"))

    assert (found.is_reproduced, found.same_bytes) == (True, True), notes
    assert (found.ran.environment, found.ran.differences) == ("recorded", ())
    assert not store.environment("iris@1.0.0").matches
    assert not store.reproduce("iris@1.0.0", ("python", "train.py"), uv=False).same_bytes
